/* rules.c -- is each op's gradient what differences say?
 *
 * Comparing fused with unfused cannot show a wrong gradient rule, for both sides use it. So
 * every kind of node (op, attributes, operand types) is cut out (isolated.c) and its slope
 * along a random direction of all float operands, or of each, is compared in f64 on the
 * reference loops. Where the slope is not defined - zeros under relu, ties of a maximum,
 * logarithms of negatives - another point is tried: the operands moved a little, then made
 * positive. What has a slope nowhere is not counted.
 *
 * A rule must also hand on 0 where 0 reaches it, though the slope there be infinite or NaN.
 *
 * Ops with a rule of their own come first, for an op that is differentiated as what it means
 * inherits the faults of the simpler ones.                                              */
#include "graph/equal/isolated.h"
#include "graph/equal/differences.h"
#include "graph/equal/proof/place.h"
#include "core/random.h"

#include <math.h>
#include <stdio.h>

#define POINTS 3
#define KINDS 64 /* of one op: operand types, attributes */
#define TOLERANCE 1e-7 /* relative, beside the slope's own error */

/* A line through some of the operands: one of them, or all. */
typedef struct line {
    an_isolated *p;
    int first, last; /* into p->operand */
    double *kept, *direction; /* of all these operands, one after the other */
    double terms; /* magnitudes in the last value */
} line;

static an_tensor *operand_of(const an_isolated *p, int k)
{
    return &p->e.value[p->in[p->operand[k]].id];
}

static int64_t line_count(const line *l)
{
    int64_t count = 0;
    for (int k = l->first; k < l->last; k++) count += an_tensor_count(operand_of(l->p, k));
    return count;
}

static void move_to(const line *l, double h)
{
    const double *x = l->kept, *d = l->direction;
    for (int k = l->first; k < l->last; k++) {
        an_tensor *t = operand_of(l->p, k);
        double *to = t->data;
        const int64_t count = an_tensor_count(t);
        for (int64_t i = 0; i < count; i++) to[i] = h == 0 ? x[i] : x[i] + h * d[i];
        x += count;
        d += count;
    }
}

/* The sum of y * dy, without any op: only the node itself is computed. */
static an_status value_at(void *context, double h, double *f)
{
    line *l = context;
    an_isolated *p = l->p;
    move_to(l, h);
    const an_status status = an_evaluation_node(&p->e, p->node);
    *f = l->terms = 0;
    for (int k = 0; k < p->outputs; k++) {
        const an_tensor *y = &p->e.value[p->y[k].id];
        const double *a = y->data, *b = p->e.value[p->dy[k].id].data;
        const int64_t count = an_tensor_count(y);
        for (int64_t i = 0; i < count; i++) {
            *f += a[i] * b[i];
            l->terms += fabs(a[i] * b[i]);
        }
    }
    return status;
}

static double analytic_slope(const line *l, double *size)
{
    const double *d = l->direction;
    double sum = 0;
    *size = 0;
    for (int k = l->first; k < l->last; k++) {
        const an_tensor *dx = &l->p->e.value[l->p->dx[k].id];
        for (int64_t i = 0; i < an_tensor_count(dx); i++, d++) {
            const double term = ((const double *)dx->data)[i] * *d;
            sum += term;
            *size += fabs(term);
        }
    }
    return sum;
}

static an_status slope(line *l, int draw, double *analytic, double *size, an_slope *s)
{
    const an_stream random = {.seed = l->p->number, .step = (uint64_t)draw,
                              .stream = (uint32_t)(l->first + 32 * l->last)};
    const int64_t count = line_count(l);
    double reach = 0;
    for (int64_t i = 0; i < count; i++) {
        l->direction[i] = 2 * an_draw_uniform(&random, i) - 1;
        reach = fmax(reach, fabs(l->kept[i]));
    }
    *analytic = analytic_slope(l, size);
    const an_line along = {value_at, l, AN_LINE_STEP, reach, &l->terms};
    const an_status status = an_slope_of(&along, s);
    move_to(l, 0);
    return status;
}

/* ---- points ------------------------------------------------------------ */

/* Point 0 is as the trial has it. */
static void move_point(an_isolated *p, int point)
{
    for (int k = 0; k < p->operands; k++) {
        const an_stream random = {.seed = 7, .step = (uint64_t)point, .stream = (uint32_t)k};
        double *x = operand_of(p, k)->data;
        const int64_t count = an_tensor_count(operand_of(p, k));
        for (int64_t i = 0; i < count; i++) {
            const double u = 2 * an_draw_uniform(&random, i) - 1;
            if (point == 1) x[i] += 0.05 * u * fmax(1, fabs(x[i]));
            if (point == 2) x[i] = 0.75 + fabs(x[i]) + 0.05 * u;
        }
    }
}

/* ---- judging ----------------------------------------------------------- */

static void complain(line *l, an_check_row *row, const double analytic[2], const double numeric[2])
{
    const an_isolated *p = l->p;
    const an_node *n = &p->side->g->nodes[p->number];
    char where[360], operand[32] = "all its operands", words[64];
    an_place_words(p->side->g, p->number, 0, where, sizeof where);
    if (l->last == l->first + 1)
        an_op_input_name(n->op, p->operand[l->first], operand, sizeof operand);
    an_slope_words(analytic, numeric, words, sizeof words);
    an_check_fail(row, AN_DIFFERENT,
                  "the gradient of %.240s with respect to %s is %.9g, differences say %.9g%s",
                  where, operand, analytic[0], numeric[0], words);
}

/* Whether the slope here could be judged; failures go to the row. At the `last` point, where
 * all is positive, a rule has no excuse for what is not finite. */
static an_status judge(line *l, bool last, an_check_row *row, bool *judged)
{
    double analytic[2], numeric[2], size;
    an_slope s;
    an_status status = slope(l, 0, &analytic[0], &size, &s);
    *judged = status == AN_OK && s.settled && (last || isfinite(analytic[0]));
    if (!*judged) return status;
    row->tried++;
    const double allowed = s.error + TOLERANCE * fabs(s.value) + 1e-11 * size;
    if (fabs(analytic[0] - s.value) <= allowed) return AN_OK;
    numeric[0] = s.value;
    status = slope(l, 1, &analytic[1], &size, &s);
    numeric[1] = s.settled ? s.value : NAN;
    complain(l, row, analytic, numeric);
    return status;
}

static line line_of(an_isolated *p, int first, int last, double *room, int64_t count)
{
    double *to = room;
    for (int k = first; k < last; k++)
        for (int64_t i = 0; i < an_tensor_count(operand_of(p, k)); i++)
            *to++ = an_tensor_get(operand_of(p, k), i);
    return (line){p, first, last, room, room + count, 0};
}

/* Those operands that have no verdict yet. */
static an_status check_each(an_isolated *p, double *room, int64_t count, bool last, bool *done,
                            an_check_row *row)
{
    an_status status = AN_OK;
    for (int k = 0; k < p->operands && status == AN_OK; k++) {
        if (done[k]) continue;
        line l = line_of(p, k, k + 1, room, count);
        status = judge(&l, last, row, &done[k]);
    }
    return status;
}

/* All operands at once: if those agree, each of them does. Else one by one, to name the one
 * that is wrong, or to try those that have a slope where another has none. */
static an_status check_lines(an_isolated *p, double *room, int64_t count, an_check_row *row)
{
    bool judged = false, *done = an_arena_alloc(&p->room, p->operands + 1);
    an_status status = done ? AN_OK : AN_E_MEMORY;
    for (int point = 0; point < POINTS && status == AN_OK && !judged; point++) {
        const bool last = point == POINTS - 1;
        an_check_row together = {0};
        move_point(p, point);
        status = an_evaluation_run(&p->e);
        if (status == AN_OK) {
            line l = line_of(p, 0, p->operands, room, count);
            status = judge(&l, last, &together, &judged);
        }
        const int64_t failed = row->failed;
        if (status == AN_OK && p->operands > 1 && (!judged || together.failed))
            status = check_each(p, room, count, last, done, row);
        if (judged) row->tried++;
        if (together.failed && row->failed == failed)
            an_check_fail(row, AN_DIFFERENT, "%s", together.message);
    }
    return status;
}

/* ---- where no gradient arrives ------------------------------------------- */

/* Where no slope is finite: a pole, outside a domain, beyond all range. */
static const double silent_at[] = {0, -1.5, 1000};
#define SILENT 3

static void fill(an_tensor *t, double value)
{
    for (int64_t i = 0; i < an_tensor_count(t); i++) an_tensor_set(t, i, value);
}

static void move_silent(an_isolated *p, int point)
{
    for (int k = 0; k < p->outputs; k++) fill(&p->e.value[p->dy[k].id], 0);
    for (int k = 0; k < p->operands; k++)
        fill(operand_of(p, k), silent_at[(k == 0 ? point : point / SILENT) % SILENT]);
}

/* Whether all of operand k's gradient is 0; a NaN is not. */
static bool is_silent(an_isolated *p, int k, double *other)
{
    const an_tensor *dx = &p->e.value[p->dx[k].id];
    for (int64_t i = 0; i < an_tensor_count(dx); i++) {
        *other = ((const double *)dx->data)[i];
        if (!(*other == 0)) return false;
    }
    return true;
}

static void complain_silent(an_isolated *p, int k, int point, double other, an_check_row *row)
{
    const an_graph *g = p->side->g;
    char where[360], operand[32];
    an_place_words(g, p->number, 0, where, sizeof where);
    an_op_input_name(g->nodes[p->number].op, p->operand[k], operand, sizeof operand);
    an_check_fail(row, AN_DIFFERENT,
                  "the gradient of %.240s with respect to %s is %g where 0 reaches it, at operands "
                  "of %g and %g: a branch that was not taken would show", where, operand, other,
                  silent_at[point % SILENT], silent_at[point / SILENT]);
}

/* Of an op of our own that works element by element: a gradient of 0 stays one, at any finite
 * operands. Others may sum, and 0 times an infinite element is theirs to say. */
static an_status check_silence(an_isolated *p, an_check_row *row)
{
    if (p->side->g->nodes[p->number].op->category != AN_CATEGORY_ELEMENTWISE) return AN_OK;
    for (int point = 0; point < SILENT * SILENT; point++) {
        double other = 0;
        move_silent(p, point);
        const an_status status = an_evaluation_run(&p->e);
        if (status != AN_OK) return status;
        for (int k = 0; k < p->operands; k++) {
            if (is_silent(p, k, &other)) continue;
            complain_silent(p, k, point, other, row);
            return AN_OK;
        }
    }
    return AN_OK;
}

static an_status check_node(an_trial *t, uint32_t number, an_check_row *row)
{
    an_isolated p;
    bool shows;
    an_status status = an_isolated_open(&p, &t->side[0], number, &shows);
    if (shows) {
        int64_t count = 0;
        for (int k = 0; k < p.operands; k++) count += an_tensor_count(operand_of(&p, k));
        double *room = an_alloc(2 * (count + 1) * (int64_t)sizeof *room);
        status = room ? check_lines(&p, room, count, row) : AN_E_MEMORY;
        an_free(room);
        if (status == AN_OK) status = check_silence(&p, row);
    }
    if (status == AN_E_DATA) status = AN_OK; /* ids that the small extents do not have */
    an_isolated_close(&p);
    return status == AN_OK ? AN_OK : an_fail(&t->error, status, "the rules are not tried");
}

/* ---- which nodes ------------------------------------------------------- */

static bool is_subject(const an_node *n)
{
    const an_op_info *op = n->op;
    if (op->traits & (AN_TRAIT_LEAF | AN_TRAIT_STEP) || op->rules->no_grad) return false;
    return n->inputs > 0 && (op->rules->grad || op->rules->meaning);
}

static bool same_kind(const an_graph *g, const an_node *a, const an_node *b)
{
    if (a->op != b->op || a->inputs != b->inputs) return false;
    for (int i = 0; i < a->inputs; i++) {
        if (!a->in[i] != !b->in[i]) return false;
        if (a->in[i] && !an_type_equal(an_slot_type(g, a->in[i]), an_slot_type(g, b->in[i])))
            return false;
    }
    const int attribute = an_attrs_difference(a->op, a->attrs, b->attrs);
    return attribute < 0 || attribute == AN_ATTR_order || attribute == AN_ATTR_stream;
}

/* Whether nodes of its kind are tried already, or enough of its op: a concat of a thousand has as
 * many slices for a gradient, and their rule is one. */
static bool is_tried(const an_graph *g, const uint32_t *seen, int64_t count, const an_node *n)
{
    int of_op = 0;
    for (int64_t k = 0; k < count; k++) {
        if (g->nodes[seen[k]].op != n->op) continue;
        if (same_kind(g, n, &g->nodes[seen[k]]) || ++of_op == KINDS) return true;
    }
    return false;
}

an_status an_check_rules(an_trial *t, an_check_row *row)
{
    if (t->round > 0 || t->step > 0) return AN_OK;
    const an_graph *g = t->side[0].g;
    uint32_t *seen = an_alloc((g->node_count + 1) * (int64_t)sizeof *seen);
    if (!seen) return an_fail(&t->error, AN_E_MEMORY, "out of memory");
    int64_t count = 0;
    for (uint32_t i = 1; (int64_t)i <= g->node_count; i++) {
        const an_node *n = &g->nodes[i];
        if (is_subject(n) && !is_tried(g, seen, count, n)) seen[count++] = i;
    }
    an_status status = AN_OK;
    for (int by_meaning = 0; by_meaning < 2; by_meaning++)
        for (int64_t k = 0; k < count && status == AN_OK; k++)
            if ((g->nodes[seen[k]].op->rules->grad == NULL) == (by_meaning != 0))
                status = check_node(t, seen[k], row);
    an_free(seen);
    return status;
}
