/* plan.c -- sizes and places for one binding of the named dims.
 *
 * One sweep over the waves: what is born takes a range of the slab, scratch is
 * held for its wave only, what died in a wave is given back after it. Nothing is
 * moved or shared here: buffers.c has decided that for all bindings.         */
#include "graph/run/plan.h"

#include "graph/run/slab.h"
#include "ops/kernels/kernels.h"

#include <string.h>

typedef struct planning {
    const an_run_schedule *s;
    an_plan *p;
    an_slab slab;
    uint32_t *dying; /* [wave] first buffer that dies there ... */
    uint32_t *next;  /* [buffer] ... and the one after it; 0 ends */
    int64_t live;
    an_error *error;
} planning;

static an_status out_of_memory(const planning *x)
{
    return an_fail(x->error, AN_E_MEMORY, "out of memory while planning");
}

/* ---- the binding ------------------------------------------------------- */

static an_status bind(planning *x, const int64_t *bound)
{
    const an_dims *dims = x->s->graph->dims;
    const int64_t names = an_dims_names(dims), entries = an_dims_entries(dims);
    an_plan *p = x->p;
    p->bound = an_arena_copy(&p->arena, names > 0 ? (const void *)bound : "",
                             names * (int64_t)sizeof *p->bound);
    p->extent = an_arena_alloc(&p->arena, (entries + 1) * (int64_t)sizeof *p->extent);
    if (!p->bound || !p->extent) return out_of_memory(x);
    return an_graph_extents(x->s->graph, p->bound, p->extent, x->error);
}

/* An unbound dim is only found here, where a value needs it. */
static an_status tensor_of(const planning *x, uint32_t value, an_tensor *t)
{
    const an_graph *g = x->s->graph;
    const an_type *type = an_slot_type(g, value);
    *t = (an_tensor){.dtype = type->dtype, .rank = type->shape.rank};
    for (int i = 0; i < t->rank; i++) {
        t->extent[i] = an_dim_extent(type->shape.dim[i], x->p->extent);
        if (t->extent[i] >= 0) continue;
        an_text shape = {0};
        an_type_print(g->dims, type, &shape);
        const an_status status =
            an_fail(x->error, AN_E_BINDING, "no feed says how large dim %d of %s is (%s)", i,
                    an_text_view(&shape), an_node_of(g, value)->op->name);
        an_text_free(&shape);
        return status;
    }
    return AN_OK;
}

static an_status size_of(const planning *x, const an_tensor *t, int64_t *bytes)
{
    int64_t count;
    if (an_count_elements(t->rank, t->extent, &count) &&
        an_mul_size(count, (int64_t)an_dtype_size(t->dtype), bytes))
        return AN_OK;
    return an_fail(x->error, AN_E_LIMIT, "a value is too large for this machine's addresses");
}

/* ---- what tasks are told ----------------------------------------------- */

static an_status fill_tensors(planning *x)
{
    const an_run_schedule *s = x->s;
    for (uint32_t b = 1; (int64_t)b <= s->buffer_count; b++) {
        an_tensor t;
        an_status status = tensor_of(x, s->buffers[b].value, &t);
        if (status == AN_OK) status = size_of(x, &t, &x->p->bytes[b]);
        if (status != AN_OK) return status;
    }
    for (int64_t i = 0; i < s->argument_count; i++) {
        const uint32_t value = s->argument_value[i];
        const an_status status = value ? tensor_of(x, value, &x->p->arguments[i]) : AN_OK;
        if (status != AN_OK) return status;
    }
    return AN_OK;
}

/* A kernel reads dims from its attributes, too: a slice's ends may be named by no shape. */
static an_status check_attributes(const planning *x)
{
    const an_graph *g = x->s->graph;
    for (int64_t t = 0; t < x->s->task_count; t++) {
        const an_node *n = &g->nodes[x->s->tasks[t].node];
        an_dim d;
        const int id = an_attrs_unbound(n->op, n->attrs, x->p->extent, &d);
        if (id < 0) continue;
        an_text dim = {0};
        an_dims_print(g->dims, d, &dim);
        const an_status status =
            an_fail(x->error, AN_E_BINDING, "no feed says how large %s is, the %s of %s",
                    an_text_view(&dim), an_attr(id)->name, n->op->name);
        an_text_free(&dim);
        return status;
    }
    return AN_OK;
}

static void fill_work(planning *x, int64_t task)
{
    const an_task *t = &x->s->tasks[task];
    const an_node *n = &x->s->graph->nodes[t->node];
    an_tensor *arguments = x->p->arguments + t->arg;
    x->p->works[task] = (an_work){
        .op = n->op, .attrs = n->attrs, .extent = x->p->extent, .inputs = n->inputs,
        .in = arguments, .outputs = n->outputs, .out = arguments + n->inputs, .node = (int)t->node,
        .kernels = an_kernels_of(an_runtime_isa())};
}

/* Scratch is asked for before there are bytes: presence is told by any address. */
static an_status ask_scratch(planning *x)
{
    static char somewhere;
    const an_run_schedule *s = x->s;
    for (int64_t i = 0; i < s->argument_count; i++)
        x->p->arguments[i].data = s->arguments[i] ? &somewhere : NULL;
    for (int64_t t = 0; t < s->task_count; t++) {
        const an_op_info *op = s->graph->nodes[s->tasks[t].node].op;
        fill_work(x, t);
        int64_t bytes = 0;
        if (op->rules->scratch) bytes = op->rules->scratch(&x->p->works[t]);
        if (bytes < 0)
            return an_fail(x->error, AN_E_LIMIT, "the scratch of %s overflows",
                           op->name);
        x->p->scratch_bytes[t] = bytes;
    }
    return AN_OK;
}

/* ---- the sweep --------------------------------------------------------- */

static void list_deaths(planning *x)
{
    for (uint32_t b = (uint32_t)x->s->buffer_count; b > 0; b--) {
        const an_buffer *buffer = &x->s->buffers[b];
        if (buffer->home != AN_HOME_SLAB) continue;
        x->next[b] = x->dying[buffer->death];
        x->dying[buffer->death] = b;
    }
}

static an_status take(planning *x, int64_t bytes, int64_t *offset)
{
    const an_status status = an_slab_take(&x->slab, bytes, offset);
    if (status == AN_OK) x->live += bytes;
    if (x->live > x->p->live_bytes) x->p->live_bytes = x->live;
    if (status == AN_OK) return AN_OK;
    return an_fail(x->error, status, "the buffers of one run cannot be placed: %s",
                   an_status_name(status));
}

static an_status give(planning *x, int64_t bytes, int64_t offset)
{
    x->live -= bytes;
    return an_slab_give(&x->slab, bytes, offset) == AN_OK ? AN_OK : out_of_memory(x);
}

static an_status sweep_wave(planning *x, int64_t wave, uint32_t *born)
{
    const an_run_schedule *s = x->s;
    an_plan *p = x->p;
    an_status status = AN_OK;
    for (; (int64_t)*born <= s->buffer_count && s->buffers[*born].birth <= wave; ++*born)
        if (status == AN_OK && s->buffers[*born].home == AN_HOME_SLAB)
            status = take(x, p->bytes[*born], &p->offset[*born]);
    const int64_t first = wave < s->wave_count ? s->waves[wave].first : 0;
    const int64_t end = wave < s->wave_count ? first + s->waves[wave].count : 0;
    for (int64_t t = first; status == AN_OK && t < end; t++)
        if (p->scratch_bytes[t] > 0) status = take(x, p->scratch_bytes[t], &p->scratch[t]);
    for (int64_t t = first; status == AN_OK && t < end; t++)
        if (p->scratch_bytes[t] > 0) status = give(x, p->scratch_bytes[t], p->scratch[t]);
    for (uint32_t b = x->dying[wave]; status == AN_OK && b; b = x->next[b])
        status = give(x, p->bytes[b], p->offset[b]);
    return status;
}

static an_status place(planning *x)
{
    an_arena scrap = {0};
    x->dying = an_arena_alloc(&scrap, (x->s->end + 1) * (int64_t)sizeof *x->dying);
    x->next = an_arena_alloc(&scrap, (x->s->buffer_count + 1) * (int64_t)sizeof *x->next);
    an_status status = x->dying && x->next ? AN_OK : out_of_memory(x);
    if (status == AN_OK) list_deaths(x);
    uint32_t born = 1;
    for (int64_t w = 0; status == AN_OK && w <= x->s->end; w++) status = sweep_wave(x, w, &born);
    x->p->slab_bytes = x->slab.most > 0 ? x->slab.most : AN_SLAB_ALIGNMENT;
    an_slab_free(&x->slab);
    an_arena_free(&scrap);
    return status;
}

/* ---- the calls --------------------------------------------------------- */

static an_status allocate(planning *x)
{
    const int64_t buffers = x->s->buffer_count + 1, tasks = x->s->task_count + 1;
    an_plan *p = x->p;
    p->bytes = an_arena_alloc(&p->arena, buffers * (int64_t)sizeof *p->bytes);
    p->offset = an_arena_alloc(&p->arena, buffers * (int64_t)sizeof *p->offset);
    p->scratch = an_arena_alloc(&p->arena, tasks * (int64_t)sizeof *p->scratch);
    p->scratch_bytes = an_arena_alloc(&p->arena, tasks * (int64_t)sizeof *p->scratch_bytes);
    p->works = an_arena_alloc(&p->arena, tasks * (int64_t)sizeof *p->works);
    p->arguments = an_arena_alloc(&p->arena,
                                  x->s->argument_count * (int64_t)sizeof *p->arguments);
    p->parts = an_arena_alloc(&p->arena, x->s->patch_count * (int64_t)sizeof *p->parts);
    if (!p->bytes || !p->offset || !p->scratch || !p->scratch_bytes || !p->works ||
        !p->arguments || !p->parts)
        return out_of_memory(x);
    memset(p->offset, -1, (size_t)buffers * sizeof *p->offset);
    memset(p->scratch, -1, (size_t)tasks * sizeof *p->scratch);
    return AN_OK;
}

an_plan *an_plan_new(const an_run_schedule *s, const int64_t *bound, an_error *e)
{
    planning x = {.s = s, .p = an_alloc_zeroed(sizeof(an_plan)), .error = e};
    if (!x.p) {
        out_of_memory(&x);
        return NULL;
    }
    an_status status = bind(&x, bound);
    if (status == AN_OK) status = allocate(&x);
    if (status == AN_OK) status = fill_tensors(&x);
    if (status == AN_OK) status = check_attributes(&x);
    if (status == AN_OK) status = ask_scratch(&x);
    if (status == AN_OK) status = place(&x);
    if (status == AN_OK) status = an_plan_check(s, x.p, e);
    if (status == AN_OK) return x.p;
    an_plan_free(x.p);
    return NULL;
}

void an_plan_free(an_plan *p)
{
    if (!p) return;
    an_arena_free(&p->arena);
    an_free(p);
}
