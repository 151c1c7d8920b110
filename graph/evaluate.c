/* evaluate.c -- see evaluate.h. */
#include "graph/evaluate.h"

#include "ops/kernels/kernels.h"

#include <string.h>

#define GUARD 64 /* bytes behind each tensor */
#define MARGIN 4096 /* and behind each scratch, which no other guard follows */
#define TAIL 65536 /* and behind all tensors, so that who writes a row too far does no harm */
#define GUARD_BYTE 0xa5
#define POISON 0xff /* NaN as a float, -1 as an integer */

/* ---- memory ------------------------------------------------------------ */

static unsigned char fill_of(unsigned char asked, unsigned char usual)
{
    return asked ? asked : usual;
}

static void arm(const an_evaluation *e, char *end, int bytes)
{
    memset(end, fill_of(e->fills.guard, GUARD_BYTE), (size_t)bytes);
}

static bool is_intact(const an_evaluation *e, const char *end, int bytes)
{
    for (int i = 0; i < bytes; i++)
        if ((unsigned char)end[i] != fill_of(e->fills.guard, GUARD_BYTE)) return false;
    return true;
}

/* The type that value `id` has here, with its extents. */
static an_status describe(an_evaluation *e, uint32_t id, an_tensor *t)
{
    const an_type *type = an_slot_type(e->graph, id);
    int64_t extent[AN_MAX_RANK] = {0};
    for (int i = 0; i < type->shape.rank; i++) {
        extent[i] = an_dim_extent(type->shape.dim[i], e->extent);
        if (extent[i] < 0)
            return an_fail(&e->error, AN_E_BINDING, "a dim of value %u is not bound", id);
    }
    const bool wide = e->shadow && type->dtype == AN_F32;
    *t = an_tensor_borrow(wide ? AN_F64 : type->dtype, type->shape.rank, extent, NULL);
    int64_t count;
    return an_count_elements(t->rank, extent, &count)
               ? AN_OK
               : an_fail(&e->error, AN_E_LIMIT, "cannot hold value %u", id);
}

static an_status allocate(an_evaluation *e, uint32_t id)
{
    an_tensor like;
    an_status status = describe(e, id, &like);
    if (status == AN_OK && !e->guarded)
        status = an_tensor_alloc(&e->value[id], like.dtype, like.rank, like.extent);
    if (status == AN_OK) return AN_OK;
    return an_fail(&e->error, status, "cannot hold value %u", id);
}

/* All values in one block, each with a guard behind it. */
static an_status allocate_guarded(an_evaluation *e)
{
    int64_t total = 0;
    for (int pass = 0; pass < 2; pass++) {
        int64_t at = 0;
        for (uint32_t id = 1; (int64_t)id <= e->graph->slot_count; id++) {
            an_tensor t;
            int64_t room;
            if (describe(e, id, &t) != AN_OK) return e->error.status;
            if (!an_round_up(an_tensor_bytes(&t), GUARD, &room) ||
                !an_add_size(at, room + GUARD, &total))
                return an_fail(&e->error, AN_E_LIMIT, "the values overflow");
            if (pass == 1) {
                t.data = e->guards + at;
                arm(e, (char *)t.data + an_tensor_bytes(&t), GUARD);
                e->value[id] = t;
            }
            at = total;
        }
        if (pass == 0 && !(e->guards = an_alloc_aligned(total + TAIL)))
            return an_fail(&e->error, AN_E_MEMORY, "out of memory");
        if (pass == 0) memset(e->guards, 0, (size_t)total);
    }
    return AN_OK;
}

an_status an_evaluation_begin(an_evaluation *e, const an_graph *g, const int64_t *bound)
{
    e->graph = g;
    e->fault = (an_fault){.lock = ATOMIC_FLAG_INIT};
    const int64_t names = an_dims_names(g->dims), entries = an_dims_entries(g->dims);
    e->bound = an_alloc_zeroed((names + 1) * (int64_t)sizeof *e->bound);
    e->extent = an_alloc_zeroed((entries + 1) * (int64_t)sizeof *e->extent);
    e->value = an_alloc_zeroed((g->slot_count + 1) * (int64_t)sizeof *e->value);
    if (!e->bound || !e->extent || !e->value)
        return an_fail(&e->error, AN_E_MEMORY, "out of memory");
    for (int64_t i = 0; i < names; i++) e->bound[i] = bound ? bound[i] : -1;
    an_status status = an_graph_extents(g, e->bound, e->extent, &e->error);
    if (status == AN_OK && e->guarded) return allocate_guarded(e);
    for (uint32_t id = 1; status == AN_OK && (int64_t)id <= g->slot_count; id++)
        if (!e->only_inputs || an_node_is_input(an_node_of(g, id))) status = allocate(e, id);
    return status;
}

void an_evaluation_free(an_evaluation *e)
{
    if (!e) return;
    for (int64_t i = 1; e->value && i <= e->graph->slot_count; i++) an_tensor_free(&e->value[i]);
    an_free(e->bound);
    an_free(e->extent);
    an_free(e->value);
    an_free_aligned(e->guards);
    e->guards = NULL;
    e->bound = e->extent = NULL;
    e->value = NULL;
}

/* Every stage as one range: units are independent, so one range is any split. */
static void run_stages(const an_op_rules *rules, const an_work *w)
{
    for (int s = 0; s < AN_MAX_STAGES && rules->stages[s].run; s++) {
        const int64_t units = rules->stages[s].units(w);
        if (units > 0) rules->stages[s].run(w, 0, units);
    }
}

static an_status run_kernel(an_evaluation *e, const an_op_rules *rules, an_work *w, bool fast)
{
    const int64_t size = rules->scratch ? rules->scratch(w) : 0;
    if (size < 0) return an_fail(&e->error, AN_E_LIMIT, "a kernel's scratch overflows");
    int64_t room;
    if (!an_add_size(size, e->guarded ? MARGIN : 0, &room))
        return an_fail(&e->error, AN_E_LIMIT, "a kernel's scratch overflows");
    char *scratch = size > 0 ? an_alloc_aligned(room) : NULL;
    if (size > 0 && !scratch) return an_fail(&e->error, AN_E_MEMORY, "out of memory");
    w->scratch = scratch;
    if (scratch && e->guarded) {
        memset(scratch, fill_of(e->fills.scratch, POISON), (size_t)size);
        arm(e, scratch + size, MARGIN);
    }
    if (fast) run_stages(rules, w);
    else rules->ref(w);
    if (scratch && e->guarded && !is_intact(e, scratch + size, MARGIN) && !e->trespasser)
        e->trespasser = (uint32_t)w->node;
    an_free_aligned(scratch);
    return AN_OK;
}

static an_status report_fault(an_evaluation *e, const an_node *n)
{
    an_text name = {0};
    char operand[32];
    an_node_print(n, &name);
    an_op_input_name(n->op, e->fault.operand, operand, sizeof operand);
    const an_status status =
        an_fail(&e->error, AN_E_DATA, "%s (%s): %s[%lld] is %lld, outside 0..%lld",
                an_text_view(&name), n->op->name, operand, (long long)e->fault.position,
                (long long)e->fault.value, (long long)e->fault.bound - 1);
    an_text_free(&name);
    return status;
}

an_status an_evaluation_apart(an_evaluation *e, uint32_t number, const an_tensor *in,
                            const an_tensor *out, bool kernel)
{
    const an_node *n = &e->graph->nodes[number];
    an_work w = {.op = n->op, .attrs = n->attrs, .extent = e->extent, .inputs = n->inputs,
                 .in = in, .outputs = n->outputs, .out = out, .fault = &e->fault,
                 .node = (int)number, .kernels = an_kernels_of(an_runtime_isa())};
    const an_op_rules *rules = n->op->rules;
    const bool fast = kernel && an_is_fast(n->op, &w);
    an_status status = AN_OK;
    if (fast || rules->ref) status = run_kernel(e, rules, &w, fast);
    else if (rules->meaning) status = an_evaluate_meaning(e, n, in, out);
    else status = an_fail(&e->error, AN_E_INTERNAL, n->op->opaque ? "%s is opaque: nothing runs it"
                                                             : "%s has no kernel", n->op->name);
    if (status == AN_OK && atomic_load(&e->fault.raised)) status = report_fault(e, n);
    return status;
}

an_status an_evaluation_node(an_evaluation *e, uint32_t number)
{
    const an_node *n = &e->graph->nodes[number];
    if (an_node_is_named(n)) return AN_OK;
    an_room room;
    an_tensor *in = an_room_open(&room, n->inputs, sizeof *in);
    if (!in) return an_fail(&e->error, AN_E_MEMORY, "out of memory");
    for (int i = 0; i < n->inputs; i++)
        if (n->in[i]) in[i] = e->value[n->in[i]];
    an_tensor *out = &e->value[n->first];
    for (int k = 0; e->guarded && k < n->outputs; k++)
        memset(out[k].data, fill_of(e->fills.result, POISON),
               (size_t)an_tensor_bytes(&out[k]));
    const an_status status = an_evaluation_apart(e, number, in, out, !e->reference && !e->shadow);
    for (int k = 0; e->guarded && k < n->outputs; k++)
        if (!is_intact(e, (char *)out[k].data + an_tensor_bytes(&out[k]), GUARD) && !e->trespasser)
            e->trespasser = number;
    an_room_close(&room);
    return status;
}

an_status an_evaluation_run(an_evaluation *e)
{
    an_status status = AN_OK;
    for (uint32_t i = 1; status == AN_OK && (int64_t)i <= e->graph->node_count; i++)
        status = an_evaluation_node(e, i);
    return status;
}
