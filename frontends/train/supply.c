/* supply.c -- see supply.h. */
#include "frontends/train/supply.h"

#include "core/memory.h"
#include "frontends/data/dataset.h"

#define DEFAULT_BATCH 32

/* What .next fills may be empty before it is called, so only names are looked at. */
static an_status open_next(const an_supply *s, an_error *e)
{
    const an_fit_args *const a = s->args;
    if (a->steps == 0 && a->epoch_steps == 0)
        return an_fail_at(e, a->at, AN_E_ARGUMENT, ".next goes on for ever: say .steps, in all, or "
                                                   ".epoch_steps");
    if (a->validation_split > 0)
        return an_fail_at(e, a->at, AN_E_ARGUMENT, ".validation_split is of arrays\n  hint: with "
                                                   ".next give .validation");
    int count = 0;
    for (int i = 0; i < AN_MAX_NAMED; i++) {
        const an_feed *const feed = &a->data[i];
        if (!feed->name && !feed->tensor) continue;
        if (!feed->name || !feed->tensor)
            return an_fail_at(e, a->at, AN_E_FEED, "feed number %d has no %s", i,
                              feed->name ? "tensor for .next to fill" : "name");
        count++;
    }
    return count > 0 ? AN_OK
                     : an_fail_at(e, a->at, AN_E_FEED, "there are no tensors for .next to fill: "
                                                       "name them in .data");
}

an_status an_supply_open(an_supply *s, const an_fit_args *args, an_error *e)
{
    *s = (an_supply){.args = args, .batch = args->batch ? args->batch : DEFAULT_BATCH};
    if (args->next) return open_next(s, e);
    if (args->epoch_steps != 0)
        return an_fail_at(e, args->at, AN_E_ARGUMENT, ".epoch_steps is of .next: of arrays an "
                                                      "epoch is all rows");
    return an_batches_open(&s->data, args->data, args->at, e);
}

an_status an_supply_reserve(an_supply *s, an_error *e)
{
    const an_fit_args *const a = s->args;
    const int64_t examples = s->data.examples;
    if (a->next) {
        s->steps = a->epoch_steps ? a->epoch_steps : INT64_MAX;
        return AN_OK;
    }
    if (s->batch > examples) s->batch = examples;
    s->steps = (examples - 1) / s->batch + 1;
    if (a->keep_order) return AN_OK;
    int64_t bytes;
    if (!an_mul_size(examples, (int64_t)sizeof *s->order, &bytes))
        return an_fail_at(e, a->at, AN_E_LIMIT, "there are too many examples");
    s->order = an_alloc(bytes);
    if (!s->order) return an_fail_at(e, a->at, AN_E_MEMORY, "there is no memory for an epoch");
    return an_batches_reserve(&s->data, s->batch, e);
}

void an_supply_close(an_supply *s)
{
    an_batches_close(&s->data);
    an_free(s->order);
    s->order = NULL;
}

void an_supply_epoch(an_supply *s, int64_t epoch)
{
    if (s->order) an_shuffle(s->order, s->data.examples, s->args->seed, (uint64_t)epoch);
}

/* Asks for the step's batch, whose extents may be new. Nothing is allocated here. */
static an_status take_next(an_supply *s, int64_t step, an_error *e)
{
    const an_fit_args *const a = s->args;
    if (!a->next(a->context, step))
        return an_fail_at(e, a->at, AN_E_DATA, ".next has no batch for step %lld, counted from 0",
                          (long long)step);
    return an_batches_open(&s->data, a->data, a->at, e);
}

an_status an_supply_take(an_supply *s, int64_t epoch, int64_t step, an_error *e)
{
    if (s->args->next) /* of an epoch without end there is but the first */
        return take_next(s, epoch > 1 ? (epoch - 1) * s->steps + step : step, e);
    const int64_t first = step * s->batch, left = s->data.examples - first;
    const int64_t rows = s->batch < left ? s->batch : left;
    if (s->order) an_batches_gather(&s->data, s->order + first, rows);
    else an_batches_view(&s->data, first, rows);
    return AN_OK;
}
