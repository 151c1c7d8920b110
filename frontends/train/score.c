/* score.c -- running a program whose fetches are metrics, and their means.
 *
 * Also an_evaluate and an_predict, which are one pass over arrays in order: no
 * row is copied on its way in, and predictions are written where they stay.  */
#include "frontends/train/score.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/memory.h"
#include "frontends/train/history.h"
#include "frontends/train/progress.h"
#include "graph/run/program.h"

#define DEFAULT_BATCH 32

/* ---- one program ------------------------------------------------------- */

an_status an_scoring_open(an_scoring *s, an_program *p, an_at at, const char *role, an_error *e)
{
    *s = (an_scoring){.program = p, .at = at};
    const an_graph *const g = an_program_graph(p);
    if (!g) return an_fail_at(e, at, AN_E_ARGUMENT, "there is no %s program", role);
    if (g->output_count < 1 || g->output_count > AN_MAX_METRICS)
        return an_fail_at(e, at, AN_E_ARGUMENT,
                          "the %s program fetches %lld values; it should fetch the loss and "
                          "at most %d more metrics", role, (long long)g->output_count,
                          AN_MAX_METRICS - 1);
    s->count = (int)g->output_count;
    for (int i = 0; i < s->count; i++) {
        const an_type *const type = an_slot_type(g, g->outputs[i].value);
        if (type->shape.rank != 0 || !an_dtype_is_float(type->dtype))
            return an_fail_at(e, at, AN_E_SHAPE,
                              "fetch %d of the %s program is not a float scalar, as metrics are\n"
                              "  hint: take an_mean_axes(x, AN_ALL_AXES, false)", i, role);
        s->out[i] = an_tensor_borrow(type->dtype, 0, NULL, &s->memory[i]);
        s->outs[i] = &s->out[i];
    }
    return AN_OK;
}

void an_scoring_reset(an_scoring *s)
{
    memset(s->sum, 0, sizeof s->sum);
    s->examples = 0;
}

an_status an_scoring_step(an_scoring *s, const an_batches *b, an_error *e)
{
    const an_status status =
        an_run_with(&(an_run_args){.at = s->at, .program = s->program, .feed_list = b->feed,
                                   .feed_count = b->count, .out_list = s->outs,
                                   .out_count = s->count, .finite = s->finite});
    if (status != AN_OK) return an_fail_text(e, status, an_program_message(s->program));
    const int64_t rows = b->batch[0].extent[0];
    for (int i = 0; i < s->count; i++) {
        s->last[i] = an_tensor_get(&s->out[i], 0);
        s->sum[i] += s->last[i] * (double)rows;
    }
    s->examples += rows;
    return AN_OK;
}

void an_scoring_means(const an_scoring *s, double mean[AN_MAX_METRICS])
{
    for (int i = 0; i < AN_MAX_METRICS; i++)
        mean[i] = i < s->count && s->examples > 0 ? s->sum[i] / (double)s->examples : (double)NAN;
}

an_status an_scoring_pass(an_scoring *s, an_batches *b, int64_t rows,
                          const volatile sig_atomic_t *stop, an_error *e)
{
    an_scoring_reset(s);
    an_status status = AN_OK;
    for (int64_t at = 0; at < b->examples && status == AN_OK && !(stop && *stop); at += rows) {
        an_batches_view(b, at, rows < b->examples - at ? rows : b->examples - at);
        status = an_scoring_step(s, b, e);
    }
    return status;
}

/* ---- evaluating -------------------------------------------------------- */

static an_status check_batch(int64_t *batch, an_at at, an_error *e)
{
    if (*batch == 0) *batch = DEFAULT_BATCH;
    return *batch > 0 ? AN_OK : an_fail_at(e, at, AN_E_ARGUMENT, "the batch is %lld; it must not "
                                           "be negative", (long long)*batch);
}

an_scores *an_evaluate_with(const an_evaluate_args *args)
{
    an_scores *const scores = an_alloc_zeroed(sizeof *scores);
    if (!scores) return NULL;
    an_error e = {0};
    const an_evaluate_args a = args ? *args : (an_evaluate_args){0};
    int64_t batch = a.batch;
    const double start = an_now();
    an_batches b = {0};
    an_scoring s;
    scores->status = an_scoring_open(&s, a.program, a.at, "evaluation", &e);
    if (scores->status == AN_OK) scores->status = check_batch(&batch, a.at, &e);
    if (scores->status == AN_OK) scores->status = an_batches_open(&b, a.data, a.at, &e);
    if (scores->status == AN_OK) scores->status = an_scoring_pass(&s, &b, batch, NULL, &e);
    an_batches_close(&b);
    if (scores->status == AN_OK) {
        scores->count = s.count;
        scores->examples = s.examples;
        an_scoring_means(&s, scores->value);
    }
    scores->seconds = an_now() - start;
    snprintf(scores->message, sizeof scores->message, "%s", e.text);
    return scores;
}

/* ---- predicting -------------------------------------------------------- */

/* A fetch of many batches, put together in `whole`. */
typedef struct collected {
    an_tensor *whole;
    an_tensor part; /* the present batch's rows of it; owned for the first batch */
    int64_t row_bytes;
} collected;

/* After the first batch: makes room for all rows and copies the first. */
static an_status begin_whole(collected *c, int index, int64_t examples, int64_t rows, an_at at,
                             an_error *e)
{
    if (c->part.rank == 0 || c->part.extent[0] != rows)
        return an_fail_at(e, at, AN_E_SHAPE, "fetch %d has no row for each of the %lld examples of "
                          "a batch", index, (long long)rows);
    int64_t extent[AN_MAX_RANK];
    memcpy(extent, c->part.extent, sizeof extent);
    extent[0] = examples;
    const an_status status = an_tensor_alloc(c->whole, c->part.dtype, c->part.rank, extent);
    if (status != AN_OK)
        return an_fail_at(e, at, status, "out %d cannot hold %lld predictions: %s", index,
                          (long long)examples, an_status_name(status));
    const int64_t bytes = an_tensor_bytes(&c->part);
    c->row_bytes = bytes / rows;
    if (bytes > 0) memcpy(c->whole->data, c->part.data, (size_t)bytes);
    return AN_OK;
}

/* Making room for a result frees what its tensor held, so that cannot be a feed. */
static an_status check_apart(const an_predict_args *a, const an_batches *b, an_error *e)
{
    for (int i = 0; i < AN_MAX_NAMED; i++) {
        if (!a->out[i] || !a->out[i]->data) continue;
        const char *const out = a->out[i]->data;
        for (int k = 0; k < b->count; k++) {
            const char *const feed = b->all[k].data;
            if (feed && out < feed + an_tensor_bytes(&b->all[k]) &&
                feed < out + an_tensor_bytes(a->out[i]) + a->out[i]->capacity)
                return an_fail_at(e, a->at, AN_E_ARGUMENT, "out %d shares memory with feed \"%s\"",
                                  i, b->feed[k].name);
        }
    }
    return AN_OK;
}

/* Lets `part` be rows first .. first+rows-1 of the whole. */
static void aim(collected *c, int64_t first, int64_t rows)
{
    an_tensor_free(&c->part);
    c->part = an_tensor_borrow(c->whole->dtype, c->whole->rank, c->whole->extent,
                               (char *)c->whole->data + first * c->row_bytes);
    c->part.extent[0] = rows;
}

static an_status predict_batch(const an_predict_args *a, an_batches *b, collected *c, int64_t first,
                               int64_t rows, an_error *e)
{
    an_batches_view(b, first, rows);
    an_run_args run = {.at = a->at, .program = a->program, .feed_list = b->feed,
                       .feed_count = b->count};
    for (int i = 0; i < AN_MAX_NAMED; i++) {
        if (!a->out[i]) continue;
        if (first > 0) aim(&c[i], first, rows);
        run.out[i] = &c[i].part;
    }
    an_status status = an_run_with(&run);
    if (status != AN_OK) return an_fail_text(e, status, an_program_message(a->program));
    for (int i = 0; i < AN_MAX_NAMED && first == 0 && status == AN_OK; i++)
        if (a->out[i]) status = begin_whole(&c[i], i, b->examples, rows, a->at, e);
    return status;
}

an_status an_predict_with(const an_predict_args *args)
{
    if (!args || !args->program) return AN_E_ARGUMENT;
    an_error e = {0};
    an_batches b = {0};
    collected c[AN_MAX_NAMED] = {{0}};
    int64_t batch = args->batch;
    an_status status = check_batch(&batch, args->at, &e);
    if (status == AN_OK) status = an_batches_open(&b, args->data, args->at, &e);
    if (status == AN_OK) status = check_apart(args, &b, &e);
    for (int i = 0; i < AN_MAX_NAMED; i++) c[i].whole = args->out[i];
    for (int64_t at = 0; at < b.examples && status == AN_OK; at += batch)
        status = predict_batch(args, &b, c, at, batch < b.examples - at ? batch : b.examples - at,
                               &e);
    for (int i = 0; i < AN_MAX_NAMED; i++) an_tensor_free(&c[i].part);
    an_batches_close(&b);
    if (status != AN_OK) {
        an_error_clear(&args->program->error);
        an_fail_text(&args->program->error, status, e.text);
    }
    return status;
}
