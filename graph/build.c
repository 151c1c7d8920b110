/* build.c -- how a node gets into a graph, and nothing else does.
 *
 * One function, an_graph_add, checks arity, operands and attributes, asks the op
 * to infer its result types, and appends. Builders, the parser and every pass
 * come through here, so a node in a graph always has checked types. Errors are
 * kept by the graph (message.c); the first one wins.                         */
#include "core/random.h"
#include "graph/ir.h"
#include "graph/message.h"

#include <limits.h>
#include <string.h>


/* ---- checks before inference ------------------------------------------- */

static bool check_operands(an_graph *g, const an_spec *s, const an_op_info *op)
{
    if (s->inputs < op->min_inputs || s->inputs > op->max_inputs) {
        an_message_call(g, s, AN_E_ARGUMENT, "takes %d operands (%s), not %d", op->min_inputs,
                        op->inputs, s->inputs);
        return false;
    }
    for (int i = 0; i < s->inputs; i++) {
        const bool missing = s->in[i] == 0 && !an_op_input_optional(s->op, i);
        if (!missing && (int64_t)s->in[i] <= g->slot_count) continue;
        char name[32];
        an_op_input_name(s->op, i, name, sizeof name);
        if (missing)
            an_message_call(g, s, AN_E_ARGUMENT, "operand %s is missing", name);
        else
            an_message_call(g, s, AN_E_GRAPH,
                            "operand %s is no value of this graph (id %u of %lld)", name, s->in[i],
                            (long long)g->slot_count);
        return false;
    }
    return true;
}

static bool check_shape(an_graph *g, const an_spec *s, const an_shape *shape)
{
    if (shape->rank < 0 || shape->rank > AN_MAX_RANK) {
        an_message_call(g, s, AN_E_SHAPE, "rank %d is outside 0..%d", shape->rank, AN_MAX_RANK);
        return false;
    }
    for (int i = 0; i < shape->rank; i++) {
        const an_dim d = shape->dim[i];
        const bool rest = d == AN_DIM_REST && s->op->code == AN_OP_reshape;
        if (rest || an_dims_valid(g->dims, d)) continue;
        an_message_call(g, s, AN_E_SHAPE,
                        "dim %d of the shape (%lld) is neither an extent nor a dim of this graph\n"
                        "  hint: T + 1 is written an_dim_plus(g, T, 1), with T named on this graph",
                        i, (long long)d);
        return false;
    }
    return true;
}

/* Whatever the op: dims must be this graph's, enumerations within their range. */
static bool check_attributes(an_graph *g, const an_spec *s, const an_op_info *op)
{
    const bool shaped = op->attribute_set >> AN_ATTR_shape & 1;
    if (shaped && !check_shape(g, s, &s->attrs->shape)) return false;
    const int misfit = an_attrs_misfit(op, s->attrs, g->dims);
    if (misfit < 0) return true;
    an_message_call(g, s, AN_E_ATTRIBUTE, "%s is out of its range, or arithmetic on a dim that "
                    "an_dim_plus and its like are for", an_attr(misfit)->name);
    return false;
}

static bool check_name(an_graph *g, const an_spec *s)
{
    if (!an_is_utf8(s->name) || !an_is_utf8(s->scope)) {
        an_message_call(g, s, AN_E_NAME, "its name or scope is not UTF-8");
        return false;
    }
    if (!(s->op->traits & AN_TRAIT_NAMED)) return true;
    if (!s->name || !s->name[0]) {
        an_message_call(g, s, AN_E_NAME, "needs a name");
        return false;
    }
    const uint32_t taken = an_graph_leaf(g, s->name);
    if (!taken) return true;
    an_text made = {0};
    an_at_print(an_node_of(g, taken)->at, &made);
    an_message_call(g, s, AN_E_NAME, "the name \"%s\" is taken (%sby %s)", s->name,
                    an_text_view(&made), an_node_of(g, taken)->op->name);
    an_text_free(&made);
    return false;
}

/* ---- inference --------------------------------------------------------- */

static bool infer(an_graph *g, const an_spec *s, an_type *out)
{
    an_room types_room, present_room;
    an_type *types = an_room_open(&types_room, s->inputs, sizeof *types);
    bool *present = an_room_open(&present_room, s->inputs, sizeof *present);
    an_status status = types && present ? AN_OK : AN_E_MEMORY;
    for (int i = 0; status == AN_OK && i < s->inputs; i++) {
        present[i] = s->in[i] != 0;
        types[i] = present[i] ? *an_slot_type(g, s->in[i]) : (an_type){AN_F32, AN_SCALAR};
    }
    an_text why = {0}, hint = {0};
    const an_infer q = {.op = s->op, .attrs = s->attrs, .inputs = s->inputs, .in = types,
                        .present = present, .dims = g->dims, .why = &why, .hint = &hint};
    if (status == AN_OK) status = an_op_infer(&q, out);
    const bool said = why.length || why.failed;
    if (status != AN_OK)
        an_message_refusal(g, s, status, said ? an_text_view(&why) : an_status_name(status),
                           an_text_view(&hint));
    an_text_free(&why);
    an_text_free(&hint);
    an_room_close(&types_room);
    an_room_close(&present_room);
    return status == AN_OK;
}

static int outputs_of(const an_spec *s)
{
    return s->op->opaque ? s->type_count : s->op->outputs_count;
}

static bool check_given(an_graph *g, const an_spec *s)
{
    for (int k = 0; s->types && k < s->type_count; k++)
        if (!an_dtype_size(s->types[k].dtype) || !check_shape(g, s, &s->types[k].shape)) {
            an_message_call(g, s, AN_E_DTYPE, "result %d has no type", k);
            return false;
        }
    if (s->types && s->type_count >= 1) return true;
    an_message_call(g, s, AN_E_ARGUMENT, "it is opaque: the types of its results must be given");
    return false;
}

/* Every extent that an op computes must be a dimension, and what is known of them fit. */
static bool check_results(an_graph *g, const an_spec *s, const an_type *out, int outputs)
{
    for (int k = 0; k < outputs; k++) {
        const int rank = out[k].shape.rank;
        if (rank < 0 || rank > AN_MAX_RANK || !an_dtype_size(out[k].dtype)) {
            an_message_call(g, s, AN_E_DTYPE, "its infer gives result %d no type: rank %d, dtype "
                            "%d", k, rank, (int)out[k].dtype);
            return false;
        }
        for (int i = 0; i < out[k].shape.rank; i++)
            if (!an_dims_valid(g->dims, out[k].shape.dim[i])) {
                an_message_call(g, s, AN_E_LIMIT, "dim %d of result %d overflows", i, k);
                return false;
            }
        if (!an_dims_fit(&out[k].shape)) {
            an_message_call(g, s, AN_E_LIMIT, "the element count of result %d overflows", k);
            return false;
        }
    }
    return true;
}

/* ---- appending --------------------------------------------------------- */

/* Neighbours often come from the same place: then nothing is searched for. */
static const char *keep_text(an_graph *g, const char *text, const char *before)
{
    return text && before && !strcmp(text, before) ? before : an_graph_keep_text(g, text);
}

static const an_attrs *keep_attributes(an_graph *g, const an_spec *s, const an_type *out)
{
    if (!an_op_is_spelled(s->op)) return an_graph_keep_attrs(g, s->op, s->attrs);
    const int by = s->op->rules->axes_in - 1;
    const an_type *counted = by >= 0 ? an_slot_type(g, s->in[by]) : &out[0];
    an_attrs known = *s->attrs;
    an_written kept;
    an_attrs_resolve(s->op, &known, &out[0], counted->shape.rank, &kept);
    return an_graph_keep_attrs(g, s->op, &known);
}

static bool copy_from(an_graph *g, an_from *to, const an_from *from, const an_from *before)
{
    *to = (an_from){0};
    if (!from->how) return true;
    const size_t bytes = (size_t)from->count * sizeof *from->of;
    to->how = keep_text(g, from->how, before->how);
    to->count = from->count;
    if (from->count > 0 && from->count == before->count && !memcmp(from->of, before->of, bytes))
        to->of = before->of;
    else if (from->count > 0)
        to->of = an_arena_copy(&g->arena, from->of, (int64_t)bytes);
    return to->how && (from->count == 0 || to->of);
}

static bool fill_node(an_graph *g, an_node *n, const an_spec *s, const an_type *out)
{
    static const an_node none;
    const an_node *before = g->node_count ? &g->nodes[g->node_count] : &none;
    const bool leaf = s->op->traits & AN_TRAIT_NAMED;
    const char *name = s->name ? s->name : "", *scope = s->scope ? s->scope : "";
    n->op = s->op;
    n->inputs = s->inputs;
    n->outputs = outputs_of(s);
    n->first = (uint32_t)g->slot_count + 1;
    n->attrs = keep_attributes(g, s, out);
    n->name = leaf ? an_arena_string(&g->arena, name) : an_graph_keep_text(g, name);
    n->scope = keep_text(g, scope, before->scope);
    n->at = (an_at){keep_text(g, s->at.file, before->at.file), s->at.line};
    if (s->inputs > 0) n->in = an_arena_copy(&g->arena, s->in, s->inputs * (int64_t)sizeof *s->in);
    return n->attrs && n->name && n->scope && (s->inputs == 0 || n->in) &&
           (n->at.file || !s->at.file) && copy_from(g, &n->from, &s->from, &before->from);
}

/* The next slots, which count once their node is there. */
static bool fill_slots(an_graph *g, const an_type *out, int outputs)
{
    const an_type *before = g->slot_count ? g->slots[g->slot_count].type : NULL;
    for (int k = 0; k < outputs; k++) {
        if (!before || !an_type_equal(before, &out[k])) before = an_graph_keep_type(g, &out[k]);
        g->slots[g->slot_count + k + 1] = (an_slot){before, (uint32_t)g->node_count + 1, k};
        if (!before) return false;
    }
    return true;
}

static void take_ordinal(an_graph *g, an_node *n, uint32_t wanted)
{
    n->ordinal = wanted ? wanted : g->next_ordinal;
    if (g->node_count > 0 && n->ordinal <= g->nodes[g->node_count].ordinal) g->disordered = true;
    if (n->ordinal >= g->next_ordinal) g->next_ordinal = n->ordinal + 1;
}

static uint32_t append(an_graph *g, const an_spec *s, const an_type *out)
{
    const int outputs = outputs_of(s);
    const bool leaf = s->op->traits & AN_TRAIT_NAMED;
    const uint32_t first = (uint32_t)g->slot_count + 1;
    an_node n = {0};
    if (g->slot_count + outputs >= UINT32_MAX / 2 ||
        !AN_GROW(g->nodes, g->node_capacity, g->node_count + 2) ||
        !AN_GROW(g->slots, g->slot_capacity, g->slot_count + outputs + 1) ||
        !fill_slots(g, out, outputs) || !fill_node(g, &n, s, out) ||
        (leaf && !an_graph_add_leaf(g, n.name, first))) {
        an_message_call(g, s, AN_E_MEMORY, "out of memory");
        return 0;
    }
    take_ordinal(g, &n, s->ordinal);
    const uint32_t number = (uint32_t)++g->node_count;
    g->nodes[number] = n;
    g->slot_count += outputs;
    return n.first;
}

/* A node always has all operands its row names, the missing ones as 0, so that
 * rules may look at any of them. */
static bool pad_operands(an_spec *s, const an_op_info *op, an_room *room)
{
    if (op->max_inputs == INT_MAX || s->inputs >= op->max_inputs) return true;
    uint32_t *padded = an_room_open(room, op->max_inputs, sizeof *padded);
    if (!padded) return false;
    for (int i = 0; i < op->max_inputs; i++) padded[i] = i < s->inputs ? s->in[i] : 0;
    s->in = padded;
    if (s->inputs >= op->min_inputs) s->inputs = op->max_inputs;
    return true;
}

static uint32_t add_padded(an_graph *g, const an_spec *s)
{
    an_room room;
    const bool opaque = s->op->opaque;
    an_type *own = an_room_open(&room, opaque ? 0 : s->op->outputs_count, sizeof *own);
    const an_type *out = opaque ? s->types : own;
    if (!own) an_message_call(g, s, AN_E_MEMORY, "out of memory");
    const bool good = own && check_operands(g, s, s->op) && check_attributes(g, s, s->op) &&
                      check_name(g, s) && (opaque ? check_given(g, s) : infer(g, s, own)) &&
                      check_results(g, s, out, outputs_of(s));
    const uint32_t first = good ? append(g, s, out) : 0;
    an_room_close(&room);
    return first;
}

uint32_t an_graph_add(an_graph *g, const an_spec *spec)
{
    static const an_attrs none;
    if (!g || g->error.status != AN_OK) return 0;
    an_spec s = *spec;
    if (!s.attrs) s.attrs = &none;
    if (!s.op->rules) {
        an_message_call(g, &s, AN_E_ARGUMENT, "there is no such op");
        return 0;
    }
    an_room room;
    room.many = NULL; /* not zeroed as a whole: this is done for every node */
    const bool padded = pad_operands(&s, s.op, &room);
    if (!padded) an_message_call(g, &s, AN_E_MEMORY, "out of memory");
    const uint32_t first = padded ? add_padded(g, &s) : 0;
    an_room_close(&room);
    return first;
}

uint32_t an_graph_add_like(an_graph *g, const an_spec *spec, const an_graph *from,
                           const an_node *n)
{
    if (!spec->op->opaque) return an_graph_add(g, spec);
    an_arena scrap = {0};
    an_spec s = *spec;
    an_type *types = an_arena_alloc(&scrap, n->outputs * (int64_t)sizeof *types);
    if (!types) an_graph_fail(g, n->at, AN_E_MEMORY, "out of memory");
    for (int k = 0; types && k < n->outputs; k++) {
        types[k] = *an_slot_type(from, n->first + (uint32_t)k);
        for (int i = 0; i < types[k].shape.rank; i++)
            types[k].shape.dim[i] = an_dims_translate(g->dims, from->dims, types[k].shape.dim[i]);
    }
    s.types = types;
    s.type_count = n->outputs;
    const uint32_t first = types ? an_graph_add(g, &s) : 0;
    an_arena_free(&scrap);
    return first;
}

/* ---- the builders' way in ---------------------------------------------- */

/* Where a node written now says it stands and comes from. */
static an_spec spec_here(const an_graph *g, an_at at, const an_op_info *op, const an_attrs *attrs)
{
    if (g->deriving)
        return (an_spec){.op = op, .attrs = attrs, .at = g->origin_at, .from = g->origin,
                         .scope = g->origin_scope};
    return (an_spec){.op = op, .attrs = attrs, .at = at, .scope = g->scope};
}

an_graph *an_graph_of(const an_value *in, int count)
{
    for (int i = 0; in && i < count; i++)
        if (in[i].graph) return in[i].graph;
    return NULL;
}

/* What an op over no operands gives, as it has no graph to complain to: whoever uses it does. */
#define OF_NOTHING UINT32_MAX

static bool refuse_nothing(an_graph *g, an_spec *s, int i)
{
    char name[32];
    an_op_input_name(s->op, i, name, sizeof name);
    s->inputs = 0;
    an_message_call(g, s, AN_E_ARGUMENT, "operand %s is no value: the call that made it was given "
                    "no operands", name);
    return false;
}

/* True if no operand is poison and all belong to g; poison passes in silence
 * because the graph already holds the reason. */
static bool collect(an_graph *g, an_spec *s, const an_value *in, uint32_t *ids, int count)
{
    s->in = ids;
    s->inputs = count;
    for (int i = 0; i < count; i++) {
        if (in[i].graph && in[i].id == 0) return false;
        if (in[i].graph && in[i].graph != g) {
            char name[32];
            an_op_input_name(s->op, i, name, sizeof name);
            s->inputs = 0;
            an_message_call(g, s, AN_E_GRAPH, "operand %s belongs to another graph (\"%s\")", name,
                            in[i].graph->name);
            return false;
        }
        if (!in[i].graph && in[i].id) return refuse_nothing(g, s, i);
        ids[i] = in[i].graph ? in[i].id : 0;
    }
    return true;
}

/* The node `s` says, over these operands; poison if there is none. */
static an_value emit(an_graph *g, an_spec *s, const an_value *in, int count)
{
    an_room room;
    uint32_t *ids = an_room_open(&room, count, sizeof *ids);
    if (!ids) an_message_call(g, s, AN_E_MEMORY, "out of memory");
    const bool good = ids && collect(g, s, in, ids, count);
    const an_value y = {g, good ? an_graph_add(g, s) : 0};
    an_room_close(&room);
    return y;
}

an_value an_emit_op(an_at at, const an_op_info *op, const an_value *in, int count,
                    const an_attrs *attrs)
{
    an_graph *g = an_graph_of(in, count);
    if (!g) return (an_value){NULL, count > 0 && in && !in[0].id ? 0 : OF_NOTHING};
    const an_value poison = {g, 0};
    if (g->error.status != AN_OK) return poison;
    an_spec s = spec_here(g, at, op, attrs);
    return emit(g, &s, in, count);
}

an_value an_emit_opaque(an_at at, const an_op_info *op, const an_value *in, int count,
                        const an_attrs *attrs, const an_type *types, int type_count)
{
    an_graph *g = an_graph_of(in, count);
    const an_value poison = {g, 0};
    if (!g || g->error.status != AN_OK) return g ? poison : AN_NONE;
    an_spec s = spec_here(g, at, op, attrs);
    if (!op->opaque) {
        an_message_call(g, &s, AN_E_ARGUMENT, "it is not opaque: its infer gives the types "
                        "(an_apply)");
        return poison;
    }
    s.types = types;
    s.type_count = type_count;
    return emit(g, &s, in, count);
}

an_value an_emit(an_at at, int op, const an_value *in, int count, const an_attrs *attrs)
{
    return an_emit_op(at, an_op(op), in, count, attrs);
}

an_value an_emit_leaf(an_at at, an_graph *g, int op, const char *name, const an_attrs *attrs)
{
    if (!g) return AN_NONE;
    an_spec s = spec_here(g, at, an_op(op), attrs);
    an_text full = {0};
    if (op == AN_OP_state && name && g->scope[0]) {
        an_text_addf(&full, "%s/%s", g->scope, name);
        s.name = an_text_view(&full);
    } else {
        s.name = name;
    }
    const an_value v = {g, an_graph_add(g, &s)};
    an_text_free(&full);
    return v;
}

an_value an_result(an_value v, int k)
{
    an_graph *g = v.graph;
    if (!g || v.id == 0) return v;
    if ((int64_t)v.id > g->slot_count) {
        an_graph_fail(g, (an_at){0}, AN_E_GRAPH, "an_result: no value of this graph has id %u",
                      v.id);
        return (an_value){g, 0};
    }
    const an_node *n = an_node_of(g, v.id);
    if (k < 0 || k >= n->outputs) {
        an_graph_fail(g, n->at, AN_E_ARGUMENT, "an_result: %s has outputs 0..%d (%s), not %d",
                      n->op->name, n->outputs - 1, n->op->outputs, k);
        return (an_value){g, 0};
    }
    return (an_value){g, n->first + (uint32_t)k};
}

an_type an_type_of(an_value v)
{
    if (!v.graph || v.id == 0 || (int64_t)v.id > v.graph->slot_count)
        return (an_type){AN_F32, AN_SCALAR};
    return *an_slot_type(v.graph, v.id);
}

an_dim an_dim_of(an_value v, int axis)
{
    if (!v.graph || v.id == 0 || (int64_t)v.id > v.graph->slot_count) return AN_DIM_BAD;
    const an_type *type = an_slot_type(v.graph, v.id);
    const int i = an_axis(axis, type->shape.rank);
    if (i >= 0 && i < type->shape.rank) return type->shape.dim[i];
    an_graph_fail(v.graph, an_node_of(v.graph, v.id)->at, AN_E_SHAPE,
                  "an_dim_of: there is no axis %d of rank %d", axis, type->shape.rank);
    return AN_DIM_BAD;
}

bool an_is_none(an_value v)
{
    return !v.graph;
}

bool an_is_poison(an_value v)
{
    return v.graph && (v.id == 0 || (int64_t)v.id > v.graph->slot_count);
}

bool an_is_missing(an_value v)
{
    return an_is_none(v) || an_is_poison(v);
}
