/* magnitudes.c -- one truth over its ladder: values and gradients, every kernel.
 *
 * An op is run inside a graph, so that its gradient is what its rule and the kernels of that
 * rule give: in f32 by the fast loops of every instruction set, which must agree in bits, and by
 * the reference loops; in f64. A gradient is asked with a plain, a tiny and a huge dy.
 *
 * Signs of zeros count in values only. A dy of 0 is not tried: what becomes of 0 * inf under a
 * mask is a question of the masked op's gradient.                                            */
#include "tests/ops/magnitudes.h"

#include "core/runtime.h"
#include "graph/evaluate.h"

#include <float.h>
#include <math.h>

#define DYS 3
static const double dys[DYS] = {1, -0x1.4p-60, 0x1.8p60};

typedef struct trial {
    const an_truth *t;
    an_tally *tally;
    an_dtype dtype;
    int64_t count;
    double *x[AN_TRUTH_OPERANDS];
    an_graph *g;
    an_value in[AN_TRUTH_OPERANDS], dy, y, dx[AN_TRUTH_OPERANDS];
    an_tensor kept[DYS][1 + AN_TRUTH_OPERANDS]; /* what the first instruction set gave */
} trial;

/* ---- points ------------------------------------------------------------ */

static int64_t operand_ladder(const trial *r, int k, double most, double **out)
{
    static const int density[] = {AN_LADDER_DENSE, AN_LADDER_USUAL, AN_LADDER_SPARSE};
    const int64_t all = an_ladder(r->dtype, density[r->t->operands - 1], out);
    const double low = r->t->low[k], high = r->t->high[k];
    int64_t count = 0;
    for (int64_t i = 0; i < all; i++) {
        const double v = (*out)[i];
        if (isfinite(most) && !(fabs(v) <= most)) continue;
        if ((low != 0 || high != 0) && (v < low || v > high)) continue; /* NaN is everywhere */
        (*out)[count++] = v;
    }
    if (k > 0 || !r->t->choice) return count;
    (*out)[0] = 0;
    (*out)[1] = 1;
    return 2;
}

/* Every combination of the operands' ladders. */
static void make_points(trial *r, double most)
{
    double *rung[AN_TRUTH_OPERANDS];
    int64_t rungs[AN_TRUTH_OPERANDS], repeat = 1;
    r->count = 1;
    for (int k = 0; k < r->t->operands; k++)
        r->count *= rungs[k] = operand_ladder(r, k, most, &rung[k]);
    for (int k = 0; k < r->t->operands; k++) {
        r->x[k] = malloc(sizeof **r->x * (size_t)r->count);
        ck_assert_ptr_nonnull(r->x[k]);
        for (int64_t i = 0; i < r->count; i++) r->x[k][i] = rung[k][i / repeat % rungs[k]];
        repeat *= rungs[k];
        free(rung[k]);
    }
}

/* ---- the graph --------------------------------------------------------- */

static void add_gradients(trial *r)
{
    const an_truth *t = r->t;
    an_value wrt[AN_TRUTH_OPERANDS], dx[AN_TRUTH_OPERANDS];
    int wanted = 0;
    for (int k = 0; k < t->operands; k++) {
        r->dx[k] = AN_NONE;
        if (t->slope[k].f) wrt[wanted++] = r->in[k];
    }
    r->dy = AN_NONE;
    if (wanted == 0) return;
    r->dy = an_input(r->g, "dy", an_type_of(r->y).dtype, AN_SHAPE(r->count));
    an_gradients(an_sum_axes(an_mul(r->y, r->dy), AN_ALL_AXES, false), wrt, wanted, dx);
    for (int k = t->operands - 1; k >= 0; k--)
        if (t->slope[k].f) r->dx[k] = dx[--wanted];
}

/* No operand that has a gradient goes without a truth of it. */
static void want_slopes(const trial *r)
{
    const an_op_rules *rules = an_op_find(r->t->op)->rules;
    const bool any = an_dtype_is_float(an_type_of(r->y).dtype) && !rules->no_grad;
    for (int k = 0; k < r->t->operands; k++)
        ck_assert_msg((any && !(rules->constant_in >> k & 1)) == (r->t->slope[k].f != NULL),
                      "%s: slope %d", r->t->op, k);
}

static void build(trial *r)
{
    static const char *const names[] = {"a", "b", "c"};
    const an_truth *t = r->t;
    r->g = an_graph_new("magnitudes");
    for (int k = 0; k < t->operands; k++)
        r->in[k] = an_input(r->g, names[k], k == 0 && t->choice ? AN_BOOL : r->dtype,
                            AN_SHAPE(r->count));
    r->y = t->build ? t->build(r->in)
                    : an_result(an_emit_op(AN_HERE, an_op_find(t->op), r->in, t->operands,
                                           &t->attrs),
                                t->output);
    add_gradients(r);
    ck_assert_msg(an_graph_status(r->g) == AN_OK, "%s: %s", t->op, an_graph_message(r->g));
    if (!t->build) want_slopes(r);
}

static void evaluate(const trial *r, an_evaluation *e, double dy)
{
    ck_assert_int_eq(an_evaluation_begin(e, r->g, NULL), AN_OK);
    for (int64_t i = 0; i < r->count; i++) {
        for (int k = 0; k < r->t->operands; k++)
            an_tensor_set(&e->value[r->in[k].id], i, r->x[k][i]);
        if (!an_is_none(r->dy)) an_tensor_set(&e->value[r->dy.id], i, dy);
    }
    ck_assert_msg(an_evaluation_run(e) == AN_OK, "%s: %s", r->t->op, e->error.text);
}

/* ---- how near is near -------------------------------------------------- */

static an_float_type type_of(an_dtype dtype)
{
    static const an_float_type narrow = {0x1p-23L, 0x1p-149L, 0x1p-126L, (an_real)FLT_MAX};
    static const an_float_type wide = {0x1p-52L, 0x1p-1074L, 0x1p-1022L, (an_real)DBL_MAX};
    return dtype == AN_F32 ? narrow : wide;
}

/* What f changes by if every operand moves by a unit: who rounds an argument can do no better. */
static an_real sway(an_truth_fn f, const an_real x[], int operands, an_real unit)
{
    const an_real here = f(x);
    an_real sum = 0;
    for (int k = 0; k < operands; k++) {
        an_real moved[AN_TRUTH_OPERANDS], most = 0;
        memcpy(moved, x, sizeof moved);
        for (int side = -1; side <= 1; side += 2) {
            moved[k] = x[k] * (1 + (an_real)side * unit);
            const an_real change = fabsl(f(moved) - here);
            if (isfinite(change) && change > most) most = change;
        }
        sum += most;
    }
    return sum;
}

/* `allowed` says how far two finite numbers may lie apart; beyond the largest is infinity. */
static bool is_near(const an_point *p, an_real allowed)
{
    if (isnan(p->want) || isnan(p->got)) return isnan(p->want) && isnan(p->got);
    if (p->got == p->want) return true;
    if (isinf(p->want)) return false;
    if (isinf(p->got))
        return signbit(p->got) == signbit(p->want) && fabsl(p->want) + allowed >= p->of.most;
    return fabsl(p->got - p->want) <= allowed;
}

/* Of a zero that is none but for underflow any sign will do. */
static bool sign_is_right(const an_point *p)
{
    return p->got != 0 || p->want != 0 || !signbit(p->got) == !signbit(p->want);
}

/* A slope may round, and be denormal, before dy multiplies it. */
static bool point_holds(const trial *r, const an_point *p)
{
    const bool value = p->operand < 0;
    const an_curve *c = value ? &r->t->value : &r->t->slope[p->operand];
    const an_real ulps = (an_real)(c->ulps > 0 ? c->ulps : value ? 2 : 4), scale = fabsl(p->dy);
    an_real allowed = ulps * (p->of.unit * fabsl(p->want) + p->of.tiny * scale);
    if (!value) allowed += p->of.tiny;
    if (c->steep > 0 && !is_near(p, allowed))
        allowed += (an_real)c->steep * scale *
                   sway(c->f, p->x, r->t->operands, type_of(r->dtype).unit);
    return is_near(p, allowed) && (!value || sign_is_right(p));
}

/* ---- judging ----------------------------------------------------------- */

static an_real element(const an_tensor *t, int64_t i)
{
    if (t->dtype == AN_I64) return (an_real)((const int64_t *)t->data)[i];
    return (an_real)an_tensor_get(t, i);
}

static void report(const trial *r, const an_point *p, const char *how)
{
    static const char *const what[] = {"value", "gradient by a", "gradient by b", "gradient by c"};
    char text[sizeof r->tally->first], at[120] = "";
    for (int k = 0; k < r->t->operands; k++)
        snprintf(at + strlen(at), sizeof at - strlen(at), "%s%.9Lg", k ? ", " : "", p->x[k]);
    if (p->operand >= 0) snprintf(at + strlen(at), sizeof at - strlen(at), "; dy %.3Lg", p->dy);
    snprintf(text, sizeof text, "%s%s%s, %s: %s at (%s) is %.9Lg, right is %.9Lg", r->t->op,
             r->t->label ? " " : "", r->t->label ? r->t->label : "", how,
             what[p->operand + 1], at, p->got, p->want);
    if (r->tally->faults++ == 0) memcpy(r->tally->first, text, sizeof text);
    if (getenv("AN_SWEEP_ALL")) printf("%s\n", text);
}

static void judge(const trial *r, const an_point *p, const char *how)
{
    ++*(p->operand < 0 ? &r->tally->values : &r->tally->gradients);
    if (point_holds(r, p)) return;
    for (int e = 0; e < AN_TRUTH_EXCEPTIONS && r->t->but[e].at; e++) {
        if (!(r->t->but[e].of >> (p->operand + 1) & 1) || !r->t->but[e].at(p)) continue;
        r->tally->excused[e]++;
        return;
    }
    report(r, p, how);
}

static void judge_all(const trial *r, const an_tensor *result, const char *how, int operand,
                      double dy)
{
    const an_truth_fn f = operand < 0 ? r->t->value.f : r->t->slope[operand].f;
    for (int64_t i = 0; i < r->count; i++) {
        an_point p = {.of = type_of(result->dtype), .operand = operand, .dy = (an_real)dy,
                      .got = element(result, i)};
        for (int k = 0; k < r->t->operands; k++) p.x[k] = (an_real)r->x[k][i];
        p.value = r->t->value.f(p.x);
        p.want = operand < 0 ? p.value : p.dy * f(p.x);
        judge(r, &p, how);
    }
}

/* NaNs have many bits; which of them does not count. */
static void want_same_bits(const trial *r, const an_tensor *a, const an_tensor *b, const char *how)
{
    const size_t size = an_dtype_size(a->dtype);
    for (int64_t i = 0; i < r->count; i++) {
        const size_t at = (size_t)i * size;
        const an_real x = element(a, i), y = element(b, i);
        const bool alike = (isnan(x) && isnan(y)) ||
                           !memcmp((const char *)a->data + at, (const char *)b->data + at, size);
        if (!alike)
            ck_abort_msg("%s: element %lld is %.9Lg by %s, %.9Lg by %s", r->t->op, (long long)i, x,
                         an_isa_name(AN_ISA_BASE), y, how);
    }
}

/* ---- every way to run -------------------------------------------------- */

static void try_result(trial *r, const an_tensor *result, const char *how, bool kernel,
                       int operand, int d)
{
    an_tensor *kept = &r->kept[d][operand + 1];
    if (operand < 0 && d > 0) return; /* a value has no dy */
    if (kernel && kept->data) {
        want_same_bits(r, kept, result, how); /* so what was judged holds here */
        return;
    }
    judge_all(r, result, how, operand, dys[d]);
    if (kernel) ck_assert_int_eq(an_tensor_copy(kept, result), AN_OK);
}

static void try_kernels(trial *r, const char *how, bool kernel)
{
    for (int d = 0; d < (an_is_none(r->dy) ? 1 : DYS); d++) {
        an_evaluation e = {.reference = !kernel};
        evaluate(r, &e, dys[d]);
        try_result(r, &e.value[r->y.id], how, kernel, -1, d);
        for (int k = 0; k < r->t->operands; k++)
            if (!an_is_none(r->dx[k])) try_result(r, &e.value[r->dx[k].id], how, kernel, k, d);
        an_evaluation_free(&e);
    }
}

static void try_dtype(const an_truth *t, an_dtype dtype, double most, an_tally *tally)
{
    trial r = {.t = t, .tally = tally, .dtype = dtype};
    make_points(&r, most);
    build(&r);
    try_kernels(&r, dtype == AN_F32 ? "f32 ref" : "f64 ref", false);
    const an_isa best = an_runtime_isa();
    for (int isa = AN_ISA_BASE; isa < AN_ISAS && dtype == AN_F32; isa++)
        if (an_runtime_force_isa((an_isa)isa)) try_kernels(&r, an_isa_name((an_isa)isa), true);
    an_runtime_force_isa(best);
    for (int d = 0; d < DYS; d++)
        for (int k = 0; k <= AN_TRUTH_OPERANDS; k++) an_tensor_free(&r.kept[d][k]);
    for (int k = 0; k < t->operands; k++) free(r.x[k]);
    an_graph_free(r.g);
}

void an_try_magnitudes(const an_truth *t, double most, an_tally *tally)
{
    try_dtype(t, AN_F32, most, tally);
    if (LDBL_MANT_DIG > DBL_MANT_DIG) try_dtype(t, AN_F64, most, tally);
    else an_test_skip("f64 at all magnitudes", "long double is a double here");
}
