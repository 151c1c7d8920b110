/* graph_json.c -- a graph as JSON: its nodes, values, roots, and which of them are fused.
 *
 * A node's key everywhere is its number in this graph; its ordinal, by which messages and passes
 * call it, stands beside that. A value is "5", or "12.1" for output 1 of node 12. */
#include "frontends/frontends.h"
#include "frontends/inspect/graph_json.h"

#include <math.h>
#include <string.h>

#include "core/memory.h"
#include "ops/op.h"

typedef struct reading {
    const an_graph *g;
    uint8_t *phase;
    int64_t *bound, *extent;
    bool known; /* every dim has a number */
} reading;

/* ---- small parts --------------------------------------------------------- */

/* A text that was put together; frees it. NULL if it was lost. */
static json_t *take_text(an_text *text)
{
    json_t *made = text->failed ? NULL : an_json_text(an_text_view(text));
    an_text_free(text);
    return made;
}

static json_t *value_json(const an_graph *g, uint32_t value)
{
    if (!value) return json_null();
    an_text text = {0};
    an_text_addf(&text, "%u", g->slots[value].node);
    if (g->slots[value].index > 0) an_text_addf(&text, ".%d", g->slots[value].index);
    return take_text(&text);
}

static json_t *dim_json(const reading *r, an_dim d)
{
    if (d >= 0) return json_integer(d);
    an_text text = {0};
    an_dims_print(r->g->dims, d, &text);
    return take_text(&text);
}

/* The object, or NULL and nothing of it, if it is not whole. */
static json_t *whole_or_none(json_t *object, bool whole)
{
    if (whole) return object;
    json_decref(object);
    return NULL;
}

/* Of a value at these extents; null without. */
static json_t *bytes_json(const reading *r, const an_type *type)
{
    double bytes = (double)an_dtype_size(type->dtype);
    if (!r->known) return json_null();
    for (int i = 0; i < type->shape.rank; i++)
        bytes *= (double)an_dim_extent(type->shape.dim[i], r->extent);
    return bytes < 9e15 ? json_integer((json_int_t)bytes) : json_real(bytes);
}

/* ---- nodes --------------------------------------------------------------- */

static json_t *output_json(const reading *r, const an_node *n, int k)
{
    const an_type *type = an_slot_type(r->g, n->first + (uint32_t)k);
    char name[64];
    an_text spelled = {0};
    an_op_output_name(n->op, k, name, sizeof name);
    an_type_print(r->g->dims, type, &spelled);
    json_t *shape = json_array(), *to = json_object();
    bool good = shape != NULL;
    for (int i = 0; good && i < type->shape.rank; i++)
        good = an_json_push(shape, dim_json(r, type->shape.dim[i]));
    good = an_json_put(to, "shape", shape) && good;
    good = an_json_put(to, "type", take_text(&spelled)) && good;
    good = good && an_json_put(to, "name", an_json_text(name)) &&
           an_json_put(to, "dtype", json_string(an_dtype_name(type->dtype))) &&
           an_json_put(to, "bytes", bytes_json(r, type));
    return whole_or_none(to, good);
}

static json_t *input_json(const reading *r, const an_node *n, int k)
{
    char name[64];
    an_op_input_name(n->op, k, name, sizeof name);
    json_t *to = json_object();
    const bool good = an_json_put(to, "name", an_json_text(name)) &&
                      an_json_put(to, "value", value_json(r->g, n->in[k]));
    return whole_or_none(to, good);
}

static json_t *from_json(const an_from *from)
{
    if (!from->how) return json_null();
    json_t *to = json_object(), *of = json_array();
    bool good = of != NULL;
    for (int i = 0; good && i < from->count; i++)
        good = an_json_push(of, json_integer(from->of[i]));
    good = an_json_put(to, "of", of) && good;
    good = good && an_json_put(to, "how", an_json_text(from->how));
    return whole_or_none(to, good);
}

static json_t *flops_json(const reading *r, uint32_t number)
{
    if (!r->known) return json_null();
    const double flops = an_node_flops(r->g, number, r->extent);
    return flops < 0 ? NULL : an_json_number(flops);
}

static bool put_place(json_t *to, const an_node *n)
{
    const bool known = n->at.file && n->at.line > 0;
    return an_json_put(to, "file", known ? an_json_text(n->at.file) : json_null()) &&
           an_json_put(to, "line", known ? json_integer(n->at.line) : json_null());
}

static json_t *node_json(const reading *r, uint32_t number)
{
    const an_node *n = &r->g->nodes[number];
    an_text attributes = {0};
    an_attrs_print(n->op, n->attrs, r->g->dims, &attributes);
    json_t *to = json_object(), *inputs = json_array(), *outputs = json_array();
    bool good = inputs && outputs;
    for (int k = 0; good && k < n->inputs; k++) good = an_json_push(inputs, input_json(r, n, k));
    for (int k = 0; good && k < n->outputs; k++)
        good = an_json_push(outputs, output_json(r, n, k));
    good = an_json_put(to, "node", json_integer(number)) && good;
    good = an_json_put(to, "ordinal", json_integer(n->ordinal)) && good;
    good = an_json_put(to, "attributes", take_text(&attributes)) && good;
    good = an_json_put(to, "inputs", inputs) && good;
    good = an_json_put(to, "outputs", outputs) && good;
    good = good && an_json_put(to, "op", an_json_text(n->op->name)) &&
           an_json_put(to, "name", an_json_text(n->name)) &&
           an_json_put(to, "scope", an_json_text(n->scope)) &&
           an_json_put(to, "phase", json_string(an_phase_name(r->phase[number]))) &&
           an_json_put(to, "flops", flops_json(r, number)) && put_place(to, n) &&
           an_json_put(to, "from", from_json(&n->from));
    return whole_or_none(to, good);
}

/* ---- roots --------------------------------------------------------------- */

static json_t *named_json(const an_graph *g, const an_name_entry *e)
{
    json_t *to = json_object();
    const bool good = an_json_put(to, "name", an_json_text(e->name)) &&
                      an_json_put(to, "value", value_json(g, e->value));
    return whole_or_none(to, good);
}

static json_t *commit_json(const an_graph *g, const an_commit *c)
{
    json_t *to = json_object();
    const bool pending = c->set == AN_PENDING;
    const bool good =
        an_json_put(to, "table", pending ? json_null() : an_json_text(g->sets[c->set])) &&
        an_json_put(to, "state", value_json(g, c->state)) &&
        an_json_put(to, "value", value_json(g, c->value)) &&
        an_json_put(to, "witness", value_json(g, c->witness));
    return whole_or_none(to, good);
}

/* What one op made of several, and its gradients: the nodes that say so. */
static json_t *fused_json(const an_graph *g)
{
    json_t *list = json_array();
    bool good = list != NULL;
    for (int64_t i = 1; good && i <= g->node_count; i++)
        if (g->nodes[i].op->rules->title) good = an_json_push(list, json_integer(i));
    return whole_or_none(list, good);
}

static bool put_roots(json_t *root, const an_graph *g)
{
    json_t *inputs = json_array(), *states = json_array(), *outputs = json_array();
    json_t *updates = json_array();
    bool good = inputs && states && outputs && updates;
    for (int64_t i = 0; good && i < g->leaf_count; i++) {
        const bool state = an_node_is_state(an_node_of(g, g->leaves[i].value));
        good = an_json_push(state ? states : inputs, named_json(g, &g->leaves[i]));
    }
    for (int64_t i = 0; good && i < g->output_count; i++)
        good = an_json_push(outputs, named_json(g, &g->outputs[i]));
    for (int64_t i = 0; good && i < g->commit_count; i++)
        good = an_json_push(updates, commit_json(g, &g->commits[i]));
    good = an_json_put(root, "inputs", inputs) && good;
    good = an_json_put(root, "states", states) && good;
    good = an_json_put(root, "outputs", outputs) && good;
    good = an_json_put(root, "updates", updates) && good;
    return good && an_json_put(root, "fused", fused_json(g));
}

/* ---- the whole ----------------------------------------------------------- */

static bool begin(reading *r, const char *bind, int64_t usual)
{
    const an_dims *dims = r->g->dims;
    an_error error = {0};
    r->phase = an_alloc_zeroed(r->g->node_count + 1);
    r->bound = an_alloc_zeroed((an_dims_names(dims) + 1) * (int64_t)sizeof *r->bound);
    r->extent = an_alloc_zeroed((an_dims_entries(dims) + 1) * (int64_t)sizeof *r->extent);
    if (!r->phase || !r->bound || !r->extent || !an_graph_phases(r->g, r->phase)) return false;
    r->known = an_graph_bind(r->g, bind, usual, r->bound, &error) == AN_OK;
    for (int i = 0; r->known && i < an_dims_names(dims); i++) r->known = r->bound[i] >= 0;
    r->known = r->known && an_graph_extents(r->g, r->bound, r->extent, &error) == AN_OK;
    return error.status != AN_E_MEMORY;
}

json_t *an_json_graph(const an_graph *g, const char *bind, int64_t usual)
{
    reading r = {.g = g};
    json_t *root = json_object(), *nodes = json_array();
    bool good = begin(&r, bind, usual) && nodes;
    for (int64_t i = 1; good && i <= g->node_count; i++)
        good = an_json_push(nodes, node_json(&r, (uint32_t)i));
    good = an_json_put(root, "nodes", nodes) && good;
    good = good && an_json_put(root, "graph", an_json_text(g->name)) && put_roots(root, g);
    an_free(r.phase);
    an_free(r.bound);
    an_free(r.extent);
    return whole_or_none(root, good);
}

char *an_graph_json(const an_graph *g, const char *bind)
{
    json_t *root = g ? an_json_graph(g, bind, -1) : NULL;
    return root ? an_json_take(root, true) : NULL;
}
