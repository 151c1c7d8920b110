/* axioms_move.c -- the laws of moving elements: no element is computed with.
 *
 * Moves that move nothing vanish, two of a kind are one, parts of x put together again are x.
 * What works element by element gives the same bits wherever an element stands, so a move
 * before it may as well come after it, and so may a concat: moves drift towards the outputs,
 * where those of two operands become one. Repetition is the least of moves, for operands are
 * repeated as they are read: it is dropped where the result has its shape without, and else
 * comes after.
 *
 * An op passes at most MOST_MOVES moves, and a concat takes in others up to MOST_PARTS
 * operands: the work stays linear in the graph, whatever is piled up.        */
#include "graph/equal/proof/axioms.h"

#include <string.h>

#define MOST_MOVES 8
#define MOST_PARTS 64

static const an_shape *shape_of(const an_values *v, uint32_t value)
{
    return &an_slot_type(v->graph, value)->shape;
}

static bool same_shape(const an_shape *a, const an_shape *b)
{
    return a->rank == b->rank && !memcmp(a->dim, b->dim, (size_t)a->rank * sizeof a->dim[0]);
}

/* How many of the last dims are the same. */
static int common_tail(const an_shape *a, const an_shape *b)
{
    int k = 0;
    while (k < a->rank && k < b->rank && a->dim[a->rank - 1 - k] == b->dim[b->rank - 1 - k]) k++;
    return k;
}

/* ---- moves that move nothing ------------------------------------------- */

static bool is_identity(const an_axes *axes)
{
    for (int i = 0; i < axes->count; i++)
        if (axes->at[i] != i) return false;
    return true;
}

static bool is_whole(const an_values *v, const an_node *n)
{
    const an_attrs *a = n->attrs;
    return a->start == 0 && a->step == 1 && a->stop == shape_of(v, n->in[0])->dim[a->axis];
}

/* Moves that move nothing hand on their operand. */
static int no_move(const an_values *v, const an_node *n, an_value *out)
{
    const an_attrs *a = n->attrs;
    int rule = AN_NO_RULE;
    if (an_is_op(n, AN_OP_reshape) || an_is_op(n, AN_OP_broadcast) || an_is_op(n, AN_OP_cast))
        rule = an_keeps_type(v, n, 0) ? AN_SAME_FORM : AN_NO_RULE;
    else if (an_is_op(n, AN_OP_transpose))
        rule = is_identity(&a->axes) ? AN_UNMOVED : AN_NO_RULE;
    else if (an_is_op(n, AN_OP_slice))
        rule = is_whole(v, n) ? AN_WHOLE_SLICE : AN_NO_RULE;
    else if (an_is_op(n, AN_OP_pad))
        rule = !a->before && !a->after && !a->interior ? AN_EMPTY_PAD : AN_NO_RULE;
    else if (an_is_op(n, AN_OP_concat))
        rule = n->inputs == 1 ? AN_LONE_CONCAT : AN_NO_RULE;
    if (rule != AN_NO_RULE) *out = an_operand_value(v, n, 0);
    return rule;
}

/* ---- two moves of one kind --------------------------------------------- */

/* A reshape that puts axes of extent 1 in front, which broadcasting does by itself. */
static bool is_prefixed(const an_values *v, const an_node *n)
{
    if (!an_is_op(n, AN_OP_reshape)) return false;
    const an_shape *from = shape_of(v, n->in[0]), *to = shape_of(v, n->first);
    if (to->rank <= from->rank || common_tail(from, to) < from->rank) return false;
    for (int i = 0; i < to->rank - from->rank; i++)
        if (to->dim[i] != 1) return false;
    return true;
}

static int repeated(const an_values *v, const an_node *n, an_value *out)
{
    const an_shape *from = shape_of(v, n->in[0]), *to = shape_of(v, n->first);
    const an_node *inner = an_made_by(v, an_operand(v, n, 0));
    if (an_is_op(inner, AN_OP_broadcast) || is_prefixed(v, inner)) {
        *out = an_broadcast(an_operand_value(v, inner, 0), *to);
        return AN_REPEATED_TWICE;
    }
    if (common_tail(from, to) < from->rank) return AN_NO_RULE;
    for (int i = 0; i < to->rank - from->rank; i++)
        if (to->dim[i] != 1) return AN_NO_RULE;
    *out = an_reshape(an_operand_value(v, n, 0), *to);
    return AN_LEADING_ONES;
}

/* Axis i of a transpose is axis outer[i] of the inner result, whose own axis j is axis inner[j]
 * of x. */
static int transposed(const an_values *v, const an_node *n, an_value *out)
{
    const an_node *inner = an_made_by(v, an_operand(v, n, 0));
    if (inner->op != n->op) return AN_NO_RULE;
    an_axes both = n->attrs->axes;
    for (int i = 0; i < both.count; i++) both.at[i] = inner->attrs->axes.at[both.at[i]];
    *out = an_transpose(an_operand_value(v, inner, 0), both);
    return AN_TRANSPOSED_TWICE;
}

static int reshaped(const an_values *v, const an_node *n, an_value *out)
{
    const an_node *inner = an_made_by(v, an_operand(v, n, 0));
    if (inner->op != n->op) return AN_NO_RULE;
    *out = an_reshape(an_operand_value(v, inner, 0), n->attrs->shape);
    return AN_RESHAPED_TWICE;
}

/* ---- slices ------------------------------------------------------------ */

void an_axiom_spell_slice(const an_values *v, const an_node *n, an_attrs *a)
{
    const an_dim count = shape_of(v, n->first)->dim[a->axis];
    if (count == 0) a->start = a->stop = 0;
    if (count > 0 && a->start >= 0) a->stop = a->start + (count - 1) * a->step + 1;
    if (count == 0 || (count == 1 && a->start >= 0)) a->step = 1;
}

/* Element i of the outer is element start + i * step of the inner. With named extents only
 * where nothing is skipped. */
static bool join_slices(const an_values *v, const an_node *outer, const an_node *inner, an_attrs *a)
{
    const an_attrs *x = inner->attrs, *y = outer->attrs;
    an_dims *dims = v->graph->dims;
    *a = (an_attrs){.axis = y->axis, .step = 1};
    if (x->step == 1 && y->step == 1) {
        a->start = an_dims_add(dims, x->start, y->start);
        a->stop = an_dims_add(dims, x->start, y->stop);
        return a->start != AN_DIM_BAD && a->stop != AN_DIM_BAD;
    }
    const an_dim count = shape_of(v, outer->first)->dim[y->axis];
    int64_t step = 0, skipped = 0;
    if (x->start < 0 || y->start < 0 || count < 0 || !an_mul_size(x->step, y->step, &step) ||
        step > INT32_MAX || !an_mul_size(x->step, y->start, &skipped))
        return false;
    a->step = (int)step;
    a->start = x->start + skipped;
    a->stop = count ? a->start + (count - 1) * step + 1 : a->start;
    return true;
}

/* The operand of a concat that lies where n slices it; extents before it must be numbers. */
static int one_part(const an_values *v, const an_node *n, const an_node *concat, an_value *out)
{
    const an_attrs *a = n->attrs;
    if (a->axis != concat->attrs->axis || a->step != 1) return AN_NO_RULE;
    an_dim place = 0;
    for (int i = 0; i < concat->inputs && place >= 0 && place <= a->start; i++) {
        const an_dim extent = shape_of(v, an_operand(v, concat, i))->dim[a->axis];
        if (extent < 0) return AN_NO_RULE;
        *out = an_operand_value(v, concat, i);
        if (place == a->start && a->stop == place + extent) return AN_ONE_PART;
        place += extent;
    }
    return AN_NO_RULE;
}

/* Of two slices in a row along different axes, that along the lower comes first. */
static int sliced(const an_values *v, const an_node *n, an_value *out)
{
    const an_node *inner = an_made_by(v, an_operand(v, n, 0));
    if (an_is_op(inner, AN_OP_concat)) return one_part(v, n, inner, out);
    if (inner->op != n->op) return AN_NO_RULE;
    const an_value x = an_operand_value(v, inner, 0);
    const an_attrs *a = n->attrs, *b = inner->attrs;
    if (a->axis == b->axis) {
        an_attrs both;
        if (!join_slices(v, n, inner, &both)) return AN_NO_RULE;
        *out = an_slice(x, both.axis, both.start, both.stop, both.step);
        return AN_SLICED_TWICE;
    }
    if (a->axis > b->axis) return AN_NO_RULE;
    const an_value first = an_slice(x, a->axis, a->start, a->stop, a->step);
    *out = an_slice(first, b->axis, b->start, b->stop, b->step);
    return AN_SLICED_TWICE;
}

/* ---- concat ------------------------------------------------------------ */

static bool is_part(const an_node *n, int axis)
{
    return an_is_op(n, AN_OP_slice) && n->attrs->axis == axis && n->attrs->step == 1;
}

/* The operands, of those that are concats themselves their own instead. */
static int take_in(const an_values *v, const an_node *n, an_value *x)
{
    int count = 0;
    for (int i = 0; i < n->inputs; i++) {
        const an_node *part = an_made_by(v, an_operand(v, n, i));
        const bool joins = part->op == n->op && part->attrs->axis == n->attrs->axis;
        for (int k = 0; k < (joins ? part->inputs : 1); k++)
            x[count++] = joins ? an_operand_value(v, part, k) : an_operand_value(v, n, i);
    }
    return count;
}

static int count_taken(const an_values *v, const an_node *n)
{
    int64_t count = 0;
    for (int i = 0; i < n->inputs; i++) {
        const an_node *part = an_made_by(v, an_operand(v, n, i));
        const bool joins = part->op == n->op && part->attrs->axis == n->attrs->axis;
        count += joins ? part->inputs : 1;
    }
    return count > n->inputs && count <= MOST_PARTS ? (int)count : n->inputs;
}

/* Slices of one x, each of which begins where the one before it ends, are one slice. */
static int join_parts(const an_values *v, const an_node *n, an_value *x)
{
    const int axis = n->attrs->axis;
    int count = 0;
    for (int i = 0; i < n->inputs;) {
        const an_node *first = an_made_by(v, an_operand(v, n, i));
        int end = i + 1;
        an_dim stop = first->attrs->stop;
        for (; is_part(first, axis) && end < n->inputs; end++) {
            const an_node *next = an_made_by(v, an_operand(v, n, end));
            if (!is_part(next, axis) || an_operand(v, next, 0) != an_operand(v, first, 0) ||
                next->attrs->start != stop)
                break;
            stop = next->attrs->stop;
        }
        if (x) x[count] = an_operand_value(v, n, i);
        if (x && end > i + 1)
            x[count] = an_slice(an_operand_value(v, first, 0), axis, first->attrs->start, stop, 1);
        count++;
        i = end;
    }
    return count;
}

/* A node that the law adds moves the array of nodes: n is a copy, and so is what it looks at. */
static int concatenated(const an_values *v, const an_node *n, an_value *out)
{
    const int taken = count_taken(v, n), parts = join_parts(v, n, NULL);
    if (taken == n->inputs && parts == n->inputs) return AN_NO_RULE;
    an_room room;
    const int count = taken > n->inputs ? taken : parts;
    an_value *x = an_room_open(&room, count, sizeof *x);
    if (!x) an_graph_fail(v->graph, (an_at){0}, AN_E_MEMORY, "out of memory");
    else if (taken > n->inputs) take_in(v, n, x);
    else join_parts(v, n, x);
    if (x) *out = an_concat(x, count, n->attrs->axis);
    an_room_close(&room);
    return taken > n->inputs ? AN_CONCATENATED_TWICE : AN_PARTS;
}

int an_axiom_move(an_values *v, const an_node *n, an_value *out)
{
    const int rule = no_move(v, n, out);
    if (rule != AN_NO_RULE) return rule;
    switch (n->op->code) {
    case AN_OP_reshape: return reshaped(v, n, out);
    case AN_OP_transpose: return transposed(v, n, out);
    case AN_OP_broadcast: return repeated(v, n, out);
    case AN_OP_slice: return sliced(v, n, out);
    case AN_OP_concat: return concatenated(v, n, out);
    default: return AN_NO_RULE;
    }
}

/* ---- element by element, then moved ------------------------------------ */

#define MOST_OPERANDS 3

/* One result, each element of which is a formula of the elements in its place. */
static bool is_elementwise(const an_node *n)
{
    const an_op_info *op = n->op;
    if (op->category != AN_CATEGORY_ELEMENTWISE && op->category != AN_CATEGORY_SELECT) return false;
    if (op->code == AN_OP_none || op->outputs_count != 1) return false;
    return op->max_inputs == 1 || op->rules->broadcast || op->code == AN_OP_where;
}

static an_value add_op(const an_values *v, const an_node *n, const uint32_t *in)
{
    const an_spec spec = {.op = n->op, .inputs = n->inputs, .in = in, .attrs = n->attrs};
    return an_value_of(v->graph, an_graph_add(v->graph, &spec));
}

/* What is repeated there, or the value itself. */
static uint32_t unrepeated(an_values *v, uint32_t value)
{
    const an_node *n = an_made_by(v, value);
    if (an_is_op(n, AN_OP_broadcast) || is_prefixed(v, n)) return an_operand(v, n, 0);
    if (!an_is_uniform(v, value) || shape_of(v, value)->rank == 0) return value;
    return an_add_uniform(v, n->attrs, &AN_SCALAR).id;
}

/* Of operands as they are read, axis by axis the extent that one of them has, or else 1. */
static an_shape shape_without(const an_values *v, const an_node *n, const uint32_t *in)
{
    const an_shape *all = shape_of(v, n->first);
    an_shape s = {0};
    for (int i = 0; i < n->inputs; i++)
        if (shape_of(v, in[i])->rank > s.rank) s.rank = shape_of(v, in[i])->rank;
    for (int k = 0; k < s.rank; k++) {
        s.dim[k] = 1;
        for (int i = 0; i < n->inputs; i++) {
            const an_shape *own = shape_of(v, in[i]);
            const int at = k - s.rank + own->rank;
            if (at >= 0 && own->dim[at] != 1) s.dim[k] = all->dim[k - s.rank + all->rank];
        }
    }
    return s;
}

static int read_unrepeated(an_values *v, const an_node *n, an_value *out)
{
    uint32_t in[MOST_OPERANDS];
    bool any = false;
    for (int i = 0; i < n->inputs; i++) {
        in[i] = unrepeated(v, an_operand(v, n, i));
        any = any || in[i] != an_operand(v, n, i);
    }
    if (!any || an_graph_status(v->graph) != AN_OK) return AN_NO_RULE;
    const an_shape all = *shape_of(v, n->first), shape = shape_without(v, n, in);
    *out = add_op(v, n, in);
    if (!same_shape(&shape, &all)) *out = an_broadcast(*out, all);
    return AN_REPEATED_OPERAND;
}

static bool is_shallow(const an_values *v, const an_node *n)
{
    for (int depth = 0; depth <= MOST_MOVES; depth++) {
        if (!an_is_op(n, AN_OP_reshape) && !an_is_op(n, AN_OP_transpose)) return true;
        n = an_made_by(v, an_operand(v, n, 0));
    }
    return false;
}

/* The operand that is moved, and as much as the result has; NULL if there is none. */
static const an_node *moved_operand(const an_values *v, const an_node *n)
{
    for (int i = 0; i < n->inputs; i++) {
        const an_node *m = an_made_by(v, an_operand(v, n, i));
        if (!an_is_op(m, AN_OP_reshape) && !an_is_op(m, AN_OP_transpose)) continue;
        if (same_shape(shape_of(v, m->first), shape_of(v, n->first)) && is_shallow(v, m)) return m;
    }
    return NULL;
}

/* Whether another operand is read at the same places before the move as after it: by the last
 * axes only, which the move leaves alone. */
static bool reads_alike(const an_shape *own, const an_shape *before, const an_shape *after,
                        bool keeps_tail)
{
    const int tail = keeps_tail ? common_tail(before, after) : 0;
    if (own->rank > before->rank || own->rank > after->rank) return false;
    for (int k = tail; k < own->rank; k++)
        if (own->dim[own->rank - 1 - k] != 1) return false;
    return true;
}

static int move_later(an_values *v, const an_node *n, an_value *out)
{
    const an_node *found = moved_operand(v, n);
    if (!found) return AN_NO_RULE;
    const an_node m = *found;
    const bool reshapes = an_is_op(&m, AN_OP_reshape);
    const an_shape before = *shape_of(v, m.in[0]), after = *shape_of(v, m.first);
    uint32_t in[MOST_OPERANDS];
    for (int i = 0; i < n->inputs; i++) {
        const uint32_t x = an_operand(v, n, i);
        const an_node *own = an_made_by(v, x);
        const bool moved = own->op == m.op && same_shape(shape_of(v, own->in[0]), &before) &&
                           same_shape(shape_of(v, x), &after) &&
                           (reshapes || an_attrs_equal(m.op, m.attrs, own->attrs));
        if (!moved && !reads_alike(shape_of(v, x), &before, &after, reshapes)) return AN_NO_RULE;
        in[i] = moved ? an_operand(v, own, 0) : x;
    }
    const an_value y = add_op(v, n, in);
    *out = reshapes ? an_reshape(y, after) : an_transpose(y, m.attrs->axes);
    return AN_MOVED_LATER;
}

/* The op of each of a concat's operands, then put together. */
static int join_later(an_values *v, const an_node *n, an_value *out)
{
    const an_node concat = *an_made_by(v, an_operand(v, n, 0));
    if (n->inputs != 1 || !an_is_op(&concat, AN_OP_concat) || concat.inputs > MOST_PARTS)
        return AN_NO_RULE;
    an_value part[MOST_PARTS];
    for (int i = 0; i < concat.inputs; i++) {
        const uint32_t in = an_operand(v, &concat, i);
        part[i] = add_op(v, n, &in);
    }
    *out = an_concat(part, concat.inputs, concat.attrs->axis);
    return AN_JOINED_LATER;
}

int an_axiom_move_later(an_values *v, const an_node *n, an_value *out)
{
    if (!is_elementwise(n)) return AN_NO_RULE;
    int rule = read_unrepeated(v, n, out);
    if (rule == AN_NO_RULE) rule = move_later(v, n, out);
    return rule != AN_NO_RULE ? rule : join_later(v, n, out);
}
