/* evaluate.c -- see evaluate.h. */
#include "graph/evaluate.h"

#include "ops/kernels/kernels.h"

#include <string.h>

static an_status allocate(an_evaluation *e, uint32_t id)
{
    const an_type *type = an_slot_type(e->graph, id);
    int64_t extent[AN_MAX_RANK] = {0};
    for (int i = 0; i < type->shape.rank; i++) {
        extent[i] = an_dim_extent(type->shape.dim[i], e->extent);
        if (extent[i] < 0)
            return an_fail(&e->error, AN_E_BINDING, "a dim of value %u is not bound", id);
    }
    const bool wide = e->shadow && type->dtype == AN_F32;
    const an_status status = an_tensor_alloc(&e->value[id], wide ? AN_F64 : type->dtype,
                                             type->shape.rank, extent);
    return status == AN_OK ? AN_OK : an_fail(&e->error, status, "cannot hold value %u", id);
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
    an_status status = an_dims_bind(g->dims, e->bound, e->extent, &e->error);
    for (uint32_t id = 1; status == AN_OK && (int64_t)id <= g->slot_count; id++)
        status = allocate(e, id);
    return status;
}

void an_evaluation_free(an_evaluation *e)
{
    if (!e) return;
    for (int64_t i = 1; e->value && i <= e->graph->slot_count; i++) an_tensor_free(&e->value[i]);
    an_free(e->bound);
    an_free(e->extent);
    an_free(e->value);
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

static an_status run_kernel(const an_op_rules *rules, an_work *w, bool fast, an_error *error)
{
    const int64_t size = rules->scratch ? rules->scratch(w) : 0;
    if (size < 0) return an_fail(error, AN_E_LIMIT, "a kernel's scratch overflows");
    void *scratch = size > 0 ? an_alloc_aligned(size) : NULL;
    if (size > 0 && !scratch) return an_fail(error, AN_E_MEMORY, "out of memory");
    w->scratch = scratch;
    if (fast) run_stages(rules, w);
    else rules->ref(w);
    an_free_aligned(scratch);
    return AN_OK;
}

static an_status report_fault(an_evaluation *e, const an_node *n)
{
    an_text name = {0};
    char operand[32];
    an_node_print(e->graph, n, &name);
    an_op_input_name(n->op, e->fault.operand, operand, sizeof operand);
    an_fail(&e->error, AN_E_DATA, "%s (%s): %s[%lld] is %lld, outside 0..%lld", an_text_view(&name),
            an_op(n->op)->name, operand, (long long)e->fault.position, (long long)e->fault.value,
            (long long)e->fault.bound - 1);
    an_text_free(&name);
    return AN_E_DATA;
}

an_status an_evaluate_node(an_evaluation *e, uint32_t number)
{
    const an_node *n = &e->graph->nodes[number];
    if (n->op == AN_OP_input || n->op == AN_OP_state) return AN_OK;
    an_tensor *tensors = an_alloc_zeroed((n->inputs + n->outputs + 1) * (int64_t)sizeof *tensors);
    if (!tensors) return an_fail(&e->error, AN_E_MEMORY, "out of memory");
    for (int i = 0; i < n->inputs; i++)
        if (n->in[i]) tensors[i] = e->value[n->in[i]];
    for (int k = 0; k < n->outputs; k++) tensors[n->inputs + k] = e->value[n->first + (uint32_t)k];
    an_work w = {.attrs = n->attrs, .extent = e->extent, .inputs = n->inputs, .in = tensors,
                 .outputs = n->outputs, .out = tensors + n->inputs, .fault = &e->fault,
                 .node = (int)number, .kernels = an_kernels_of(an_runtime_isa())};
    const an_op_rules *rules = an_op(n->op)->rules;
    an_status status = AN_OK;
    const bool fast = !e->reference && !e->shadow && an_is_fast(n->op, &w);
    if (fast || rules->ref) status = run_kernel(rules, &w, fast, &e->error);
    else status = an_fail(&e->error, AN_E_INTERNAL, "%s has no kernel", an_op(n->op)->name);
    an_free(tensors);
    if (status == AN_OK && atomic_load(&e->fault.raised)) status = report_fault(e, n);
    return status;
}

an_status an_evaluate(an_evaluation *e)
{
    an_status status = AN_OK;
    for (uint32_t i = 1; status == AN_OK && (int64_t)i <= e->graph->node_count; i++)
        status = an_evaluate_node(e, i);
    return status;
}
