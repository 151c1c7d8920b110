/* outs.c -- the tensors that a run writes its results into.
 *
 * Readying one may free or clear its memory, and kernels write into it while others still read, so
 * it can neither be a feed or a state nor lie in another. Any number of outs and feeds may be
 * given: their spans are sorted, in room made when the program was compiled, and looked at once;
 * the store's states, whose number is not known then, are looked up among the outs. States that
 * the program updates lie where they lie for good: sorted once, and no feed may show one. */
#include "graph/run/program.h"

#include <string.h>

/* ---- what lies in what ------------------------------------------------- */

/* By where they begin; of several feeds of one tensor the first comes first. */
static bool is_before(const an_span *a, const an_span *b)
{
    return a->begin < b->begin || (a->begin == b->begin && a->tag > b->tag);
}

static void sift(an_span *heap, int64_t at, int64_t count)
{
    for (int64_t child; (child = 2 * at + 1) < count; at = child) {
        if (child + 1 < count && is_before(&heap[child], &heap[child + 1])) child++;
        if (is_before(&heap[child], &heap[at])) return;
        const an_span moved = heap[at];
        heap[at] = heap[child];
        heap[child] = moved;
    }
}

/* Not qsort, which may allocate. */
static void sort_spans(an_span *spans, int64_t count)
{
    for (int64_t i = count / 2; i-- > 0;) sift(spans, i, count);
    for (int64_t last = count - 1; last > 0; last--) {
        const an_span largest = spans[0];
        spans[0] = spans[last];
        spans[last] = largest;
        sift(spans, 0, last);
    }
}

static void add_span(an_program *p, int64_t *count, const void *begin, int64_t bytes, int64_t tag)
{
    if (!begin || bytes <= 0) return;
    p->spans[(*count)++] = (an_span){(uintptr_t)begin, (uintptr_t)begin + (uintptr_t)bytes, tag};
}

/* All that the run reads and writes from outside; one tensor given as two outs meets itself. */
static int64_t collect(an_program *p, an_tensor *const *out, int count)
{
    int64_t spans = 0;
    for (int64_t i = 0; i < p->port_count; i++) {
        const an_tensor *fed = p->ports[i].fed;
        if (fed) add_span(p, &spans, fed->data, an_tensor_bytes(fed), -1 - i);
    }
    for (int i = 0; i < count; i++) {
        const an_tensor *t = out[i];
        if (!t) continue;
        if (!t->data) add_span(p, &spans, t, (int64_t)sizeof *t, i);
        else add_span(p, &spans, t->data, t->capacity > 0 ? t->capacity : an_tensor_bytes(t), i);
    }
    return spans;
}

static an_status refuse(an_program *p, an_at at, int64_t a, int64_t b)
{
    const int64_t out = a > b ? a : b, other = a > b ? b : a;
    if (other >= 0)
        return an_program_fail(p, at, AN_E_ARGUMENT, "out %lld shares memory with out %lld\n"
                               "  hint: give each value a tensor of its own", (long long)out,
                               (long long)other);
    return an_program_fail(p, at, AN_E_ARGUMENT, "out %lld shares memory with feed \"%s\"\n"
                           "  hint: use two tensors and swap them between runs", (long long)out,
                           p->ports[-1 - other].name);
}

static an_status refuse_state(an_program *p, an_at at, int64_t out, int64_t state)
{
    return an_program_fail(p, at, AN_E_ARGUMENT, "out %lld shares memory with state \"%s\"\n"
                           "  hint: fetch into a tensor of its own, or update the state",
                           (long long)out, an_store_name(p->store, state));
}

/* The first of spans that lie apart, in order, which overlaps [begin, end); NULL: none does. */
static const an_span *find_overlap(const an_span *spans, int64_t count, uintptr_t begin,
                                   uintptr_t end)
{
    int64_t low = 0, high = count; /* the first that ends behind where it begins */
    while (low < high) {
        const int64_t middle = low + (high - low) / 2;
        if (spans[middle].end <= begin) low = middle + 1;
        else high = middle;
    }
    return low < count && spans[low].begin < end ? &spans[low] : NULL;
}

/* Of the store's states, whether this program uses them or not. The outs lie apart, in order. */
static an_status check_states(an_program *p, an_at at, const an_span *out, int64_t count)
{
    for (int64_t i = 0; count > 0 && i < an_store_count(p->store); i++) {
        const an_tensor *state = an_store_at(p->store, i);
        const uintptr_t begin = (uintptr_t)state->data, end = begin + (uintptr_t)state->capacity;
        const an_span *met = find_overlap(out, count, begin, end);
        if (met) return refuse_state(p, at, met->tag, i);
    }
    return AN_OK;
}

/* ---- feeds and states ---------------------------------------------------- */

void an_program_sort_written(an_program *p)
{
    for (int64_t i = 0; i < p->graph->commit_count; i++) {
        const uint32_t state = p->graph->commits[i].state, buffer = p->schedule.buffer_of[state];
        if (p->graph->commits[i].set != p->schedule.set) continue;
        const int64_t bytes = an_value_bytes(p->graph, state);
        const uintptr_t begin = (uintptr_t)p->at[buffer];
        if (bytes > 0)
            p->written[p->written_count++] = (an_span){begin, begin + (uintptr_t)bytes, state};
    }
    sort_spans(p->written, p->written_count);
}

/* A feed that shows a state would change under the kernels that read it. */
static an_status check_feeds(an_program *p, an_at at)
{
    for (int64_t i = 0; p->written_count > 0 && i < p->port_count; i++) {
        const an_tensor *fed = p->ports[i].fed;
        const uintptr_t begin = fed ? (uintptr_t)fed->data : 0;
        const uintptr_t end = fed ? begin + (uintptr_t)an_tensor_bytes(fed) : 0;
        const an_span *met = find_overlap(p->written, p->written_count, begin, end);
        if (met)
            return an_program_fail(p, at, AN_E_ARGUMENT, "feed \"%s\" shares memory with state "
                                   "\"%s\", which the run updates\n  hint: feed a copy",
                                   p->ports[i].name,
                                   an_node_of(p->graph, (uint32_t)met->tag)->name);
    }
    return AN_OK;
}

/* In the order in which they begin, a span overlaps one before it if it overlaps the one of
 * those that ends last. Feeds may overlap each other. */
static an_status check_apart(an_program *p, an_at at, an_tensor *const *out, int out_count)
{
    const int64_t count = collect(p, out, out_count);
    const an_span *fed = NULL, *written = NULL;
    sort_spans(p->spans, count);
    for (int64_t i = 0; i < count; i++) {
        const an_span *s = &p->spans[i];
        if (written && s->begin < written->end) return refuse(p, at, s->tag, written->tag);
        if (s->tag >= 0 && fed && s->begin < fed->end) return refuse(p, at, s->tag, fed->tag);
        const an_span **last = s->tag >= 0 ? &written : &fed;
        if (!*last || s->end > (*last)->end) *last = s;
    }
    int64_t outs = 0;
    for (int64_t i = 0; i < count; i++)
        if (p->spans[i].tag >= 0) p->spans[outs++] = p->spans[i];
    return check_states(p, at, p->spans, outs);
}

/* ---- their types ------------------------------------------------------- */

static bool is_type(const an_tensor *t, const an_tensor *want)
{
    return t->data && t->capacity >= 0 && t->dtype == want->dtype && t->rank == want->rank &&
           !memcmp(t->extent, want->extent, (size_t)want->rank * sizeof want->extent[0]);
}

static an_status ready(an_program *p, an_at at, const an_plan *plan, an_tensor *t, int i)
{
    const an_graph *g = p->graph;
    const an_type *type = an_slot_type(g, g->outputs[i].value);
    int64_t extent[AN_MAX_RANK];
    for (int d = 0; d < type->shape.rank; d++)
        extent[d] = an_dim_extent(type->shape.dim[d], plan->extent);
    const an_tensor want = an_tensor_borrow(type->dtype, type->shape.rank, extent, NULL);
    if (is_type(t, &want)) return AN_OK;
    an_status status = an_tensor_alloc(t, want.dtype, want.rank, want.extent);
    if (status == AN_OK) return AN_OK;
    an_text shape = {0};
    an_type_print(g->dims, type, &shape);
    status = an_program_fail(p, at, status, "out %d cannot take \"%s\" (%s): %s", i,
                             g->outputs[i].name, an_text_view(&shape),
                             status != AN_E_STATE ? an_status_name(status)
                             : t->capacity < 0    ? "it is read only"
                                               : "it borrows memory of another type or extents");
    an_text_free(&shape);
    return status;
}

an_status an_program_ready_outs(an_program *p, an_at at, const an_plan *plan,
                                an_tensor *const *out, int count)
{
    int given = 0; /* outs up to the last that is no NULL */
    for (int i = 0; i < count; i++)
        if (out[i]) given = i + 1;
    if ((int64_t)given > p->graph->output_count)
        return an_program_fail(p, at, AN_E_ARGUMENT,
                               "out %d is given, but the program fetches %lld values", given - 1,
                               (long long)p->graph->output_count);
    an_status status = check_feeds(p, at);
    if (status == AN_OK && given) status = check_apart(p, at, out, given);
    for (int i = 0; i < given && status == AN_OK; i++)
        if (out[i]) status = ready(p, at, plan, out[i], i);
    return status;
}
