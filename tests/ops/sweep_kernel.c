/* sweep_kernel.c -- what a kernel promises, checked on one case.
 *
 * The oracle is `ref`, itself checked here: on f32 it must be the rounding of
 * what it computes on f64, and it must write everything. The fast kernel must be
 * near it and give one set of bits, however it is run.                       */
#include "tests/ops/sweep.h"

#include <math.h>

#define POISON_NAN 0xFF  /* floats NaN, integers -1, bools neither 0 nor 1 */
#define POISON_PLAIN 0x3C /* floats 0.0115, which no check would notice alone */

static const an_how usual_fast = {.what = "fast kernel", .poison = POISON_NAN};
static const an_how usual_ref = {.what = "ref", .ref = true, .poison = POISON_NAN};

/* ---- comparing --------------------------------------------------------- */

static bool same_element(const an_tensor *a, const an_tensor *b, int64_t i)
{
    if (an_dtype_is_float(a->dtype) && isnan(an_tensor_get(a, i)))
        return isnan(an_tensor_get(b, i));
    if (an_dtype_is_float(a->dtype) && an_tensor_get(a, i) == 0 && an_tensor_get(b, i) == 0 &&
        !an_test_zeros_have_signs())
        return true;
    const size_t size = an_dtype_size(a->dtype), at = (size_t)i * size;
    return !memcmp((const char *)a->data + at, (const char *)b->data + at, size);
}

static bool same_bytes(const an_tensor *a, const an_tensor *b)
{
    return !memcmp(a->data, b->data, (size_t)an_tensor_bytes(a));
}

static void want_same_bits(const an_setting *s, const an_how *how, const an_outcome *got,
                           const an_outcome *want)
{
    for (int k = 0; k < s->outputs; k++) {
        if (!got->out[k].data || !want->out[k].data || same_bytes(&got->out[k], &want->out[k]))
            continue;
        const int64_t count = an_tensor_count(&want->out[k]);
        for (int64_t i = 0; i < count; i++)
            an_want(same_element(&want->out[k], &got->out[k], i),
                    "%s: %s: output %d[%lld] is %.9g, %.9g the usual way", s->name, how->what,
                    k, (long long)i, an_tensor_get(&got->out[k], i),
                    an_tensor_get(&want->out[k], i));
    }
}

/* Equal, both NaN, or within `ulps` of the result plus `absolute`. */
static bool near_enough(double got, double want, double ulps, double absolute)
{
    if (isnan(want)) return isnan(got);
    if (got == want) return true;
    if (isinf(want)) return false;
    return fabs(got - want) <= ulps * 0x1p-23 * fabs(want) + absolute + 0x1p-126;
}

static void want_near(const an_setting *s, const char *what, const an_outcome *got,
                      const an_outcome *want, double ulps, double absolute)
{
    for (int k = 0; k < s->outputs; k++) {
        if (!want->out[k].data || same_bytes(&got->out[k], &want->out[k])) continue;
        const bool exact = !an_dtype_is_float(want->out[k].dtype);
        const int64_t count = an_tensor_count(&want->out[k]);
        for (int64_t i = 0; i < count; i++) {
            const double g = an_tensor_get(&got->out[k], i), w = an_tensor_get(&want->out[k], i);
            an_want(exact ? same_element(&want->out[k], &got->out[k], i)
                          : near_enough(g, w, ulps, absolute),
                    "%s: %s: output %d[%lld] is %.9g, must be %.9g", s->name, what, k,
                    (long long)i, g, w);
        }
    }
}

/* What changes a part of its operand leaves it alone if it raises a fault. */
static void run_and_compare(const an_setting *s, const an_how *how, const an_outcome *want)
{
    an_outcome got;
    an_setting_run(s, how, &got);
    an_want(got.faulted == want->faulted, "%s: %s: a fault by only one", s->name, how->what);
    if (!want->faulted || s->op->rules->patch == 0) want_same_bits(s, how, &got, want);
    an_outcome_free(&got);
}

/* ---- ways to run that may not matter ------------------------------------ */

static bool same_type(const an_tensor *a, const an_tensor *b)
{
    if (a->dtype != b->dtype || a->rank != b->rank) return false;
    for (int d = 0; d < a->rank; d++)
        if (a->extent[d] != b->extent[d]) return false;
    return true;
}

static bool may_share(const an_setting *s, int k, int i)
{
    return (an_op_shares(s->op, k) >> i & 1) && s->present[i] &&
           same_type(&s->in[i], &s->out[k]);
}

static void check_in_place(const an_setting *s, const an_how *usual, const an_outcome *want)
{
    an_how all = *usual;
    all.what = usual->ref ? "ref, all in place" : "fast kernel, all in place";
    uint32_t taken = 0;
    for (int k = 0; k < s->outputs; k++)
        for (int i = 0; i < s->inputs; i++) {
            if (!may_share(s, k, i)) continue;
            an_how how = *usual;
            how.what = usual->ref ? "ref in place" : "fast kernel in place";
            how.over[k] = i + 1;
            run_and_compare(s, &how, want);
            if (all.over[k] || (taken >> i & 1)) continue;
            all.over[k] = i + 1;
            taken |= 1u << i;
        }
    if (taken) run_and_compare(s, &all, want);
}

/* x op x: both operands are one buffer, and the result may go over it as well. */
static void check_same_operands(const an_setting *s, const an_how *usual)
{
    for (int i = 1; i < s->inputs; i++) {
        if (!s->present[0] || !s->present[i] || !same_type(&s->in[0], &s->in[i])) continue;
        an_setting twin = *s;
        twin.in[i].data = s->in[0].data;
        an_outcome want;
        an_setting_run(&twin, usual, &want);
        an_how how = *usual;
        how.what = usual->ref ? "ref on x, x" : "fast kernel on x, x";
        how.same = i + 1;
        run_and_compare(&twin, &how, &want);
        for (int k = 0; k < s->outputs; k++) {
            if (!may_share(s, k, 0) || !may_share(s, k, i)) continue;
            how.over[k] = 1;
            run_and_compare(&twin, &how, &want);
            how.over[k] = 0;
        }
        an_outcome_free(&want);
    }
}

static void check_dead_outputs(const an_setting *s, const an_how *usual, const an_outcome *want)
{
    for (int k = 0; k < s->outputs && s->outputs > 1; k++) {
        an_how how = *usual;
        how.what = usual->ref ? "ref without an output" : "fast kernel without an output";
        how.dead = 1u << k;
        run_and_compare(s, &how, want);
        how.what = usual->ref ? "ref for one output" : "fast kernel for one output";
        how.dead = ~how.dead;
        run_and_compare(s, &how, want);
    }
}

static void check_splits(const an_setting *s, an_isa isa, const an_outcome *want)
{
    static const char *const names[] = {"fast kernel at once", "fast kernel unit by unit",
                                        "fast kernel in random ranges", "fast kernel in the pool"};
    for (int split = AN_SPLIT_WHOLE; split <= AN_SPLIT_POOL; split++) {
        an_how how = usual_fast;
        how.what = names[split];
        how.isa = isa;
        how.split = (an_split)split;
        how.poison = split % 2 ? POISON_PLAIN : POISON_NAN;
        run_and_compare(s, &how, want);
    }
}

/* The same bits for every instruction set, split, poison and alignment. */
static void check_fast(const an_setting *s, const an_outcome *want)
{
    const an_isa best = an_runtime_isa();
    for (int isa = AN_ISA_BASE; isa < AN_ISAS; isa++)
        if (an_runtime_force_isa((an_isa)isa)) check_splits(s, (an_isa)isa, want);
    an_runtime_force_isa(best);
    an_how how = usual_fast;
    how.isa = best;
    check_in_place(s, &how, want);
    check_same_operands(s, &how);
    check_dead_outputs(s, &how, want);
    how.what = "fast kernel on odd addresses";
    how.shift = 1;
    run_and_compare(s, &how, want);
}

static void check_ref(const an_setting *s, const an_outcome *want)
{
    if (AN_SWEEP_BRIEF) return;
    an_how how = usual_ref;
    how.what = "ref over other poison";
    how.poison = POISON_PLAIN;
    run_and_compare(s, &how, want);
    how.what = "ref on odd addresses";
    how.shift = 1;
    run_and_compare(s, &how, want);
    check_in_place(s, &usual_ref, want);
    check_same_operands(s, &usual_ref);
    check_dead_outputs(s, &usual_ref, want);
}

/* ---- what comes out ---------------------------------------------------- */

static void want_bools(const an_setting *s, const an_outcome *o)
{
    for (int k = 0; k < s->outputs; k++)
        for (int64_t i = 0; s->out[k].dtype == AN_BOOL && i < an_tensor_count(&s->out[k]); i++)
            an_want(((const uint8_t *)o->out[k].data)[i] <= 1, "%s: a bool is %d", s->name,
                    ((const uint8_t *)o->out[k].data)[i]);
}

/* Outputs of zeros prove nothing: some element of each must count. Asked of the
 * usual seed only, for a single element may be small by chance. */
static void want_substance(const an_setting *s, const an_outcome *o)
{
    for (int k = 0; k < s->outputs; k++) {
        double most = 0;
        for (int64_t i = 0; i < an_tensor_count(&o->out[k]); i++) {
            const double v = an_tensor_get(&o->out[k], i);
            an_want(isfinite(v), "%s: output %d[%lld] is %g", s->name, k, (long long)i, v);
            most = fmax(most, fabs(v));
        }
        an_want(most >= 1e-3 || (s->c->zero_out >> k & 1) || an_sweep_seed() != 1,
                "%s: output %d stays below 1e-3, which proves nothing", s->name, k);
    }
}

static void check_setting(const an_setting *s, bool substance, int64_t most_units[])
{
    an_work types = {.attrs = &s->attrs, .inputs = s->inputs, .outputs = s->outputs, .in = s->in,
                     .out = s->out};
    an_outcome ref, fast;
    an_setting_run(s, &usual_ref, &ref);
    an_want(!ref.faulted || s->hopeless, "%s: ref raised a fault on good data", s->name);
    want_bools(s, &ref);
    if (substance) want_substance(s, &ref);
    check_ref(s, &ref);
    if (an_is_fast(s->op, &types)) {
        const bool wide = an_compute_dtype(&types) == AN_F64;
        const double ulps = s->c->ulps > 0 ? s->c->ulps : 4, shrink = wide ? 0x1p-29 : 1;
        an_setting_run(s, &usual_fast, &fast);
        an_want(fast.faulted == ref.faulted, "%s: fault by only one kernel", s->name);
        want_near(s, "fast kernel against ref", &fast, &ref, ulps * shrink,
                  s->c->absolute * shrink);
        check_fast(s, &fast);
        for (int i = 0; i < AN_MAX_STAGES; i++)
            if (fast.most_units[i] > most_units[i]) most_units[i] = fast.most_units[i];
        an_outcome_free(&fast);
    }
    an_outcome_free(&ref);
}

/* ---- f64 --------------------------------------------------------------- */

/* ref computes in double from f32 operands, so f64 operands of the same values
 * give the same but for the last rounding. */
static void check_wide(const an_setting *narrow)
{
    an_setting wide;
    if (an_setting_make(&wide, narrow->c, 0, true) != AN_MADE) return;
    for (int i = 0; i < wide.inputs; i++)
        for (int64_t e = 0; wide.in[i].data && e < an_tensor_count(&wide.in[i]); e++)
            if (an_dtype_is_float(wide.in[i].dtype))
                an_tensor_set(&wide.in[i], e, an_tensor_get(&narrow->in[i], e));
    an_outcome a, b;
    an_setting_run(narrow, &usual_ref, &a);
    an_setting_run(&wide, &usual_ref, &b);
    want_near(narrow, "ref in f32 against f64", &a, &b, 1, 0);
    an_outcome_free(&a);
    an_outcome_free(&b);
    int64_t units[AN_MAX_STAGES] = {0};
    check_setting(&wide, true, units);
    an_setting_free(&wide);
}

/* ---- bad data ---------------------------------------------------------- */

/* The same fault from ref and from the fast kernel in any order: the smallest
 * position of the operand, with its value and bound. */
static void want_fault(const an_setting *s, const an_how *how, int operand, int64_t position,
                       int64_t value)
{
    an_outcome o;
    an_setting_run(s, how, &o);
    an_want(o.faulted, "%s: %s accepts %lld in operand %d", s->name, how->what,
            (long long)value, operand);
    an_want(o.fault_operand == operand && o.fault_position == position &&
                o.fault_value == value && o.fault_bound == s->below[operand],
            "%s: %s reports operand %d[%lld] = %lld, bound %lld, not operand %d[%lld] = %lld",
            s->name, how->what, o.fault_operand, (long long)o.fault_position,
            (long long)o.fault_value, (long long)o.fault_bound, operand, (long long)position,
            (long long)value);
    an_outcome_free(&o);
}

static void check_bad_id(an_setting *s, int operand, int64_t value)
{
    an_tensor *t = &s->in[operand];
    const int64_t count = an_tensor_count(t), first = count / 3, second = count - 1;
    const double old_first = an_tensor_get(t, first), old_second = an_tensor_get(t, second);
    an_tensor_set(t, first, (double)value);
    an_tensor_set(t, second, (double)value);
    an_work types = {.attrs = &s->attrs, .inputs = s->inputs, .outputs = s->outputs, .in = s->in,
                     .out = s->out};
    an_outcome ref, fast;
    an_setting_run(s, &usual_ref, &ref);
    want_fault(s, &usual_ref, operand, first, value);
    if (an_is_fast(s->op, &types)) {
        an_how how = usual_fast;
        how.split = AN_SPLIT_SINGLE;
        want_fault(s, &how, operand, first, value);
        an_setting_run(s, &how, &fast);
        want_near(s, "fast kernel on a bad id", &fast, &ref, s->c->ulps > 0 ? s->c->ulps : 4,
                  s->c->absolute);
        an_outcome_free(&fast);
    }
    an_outcome_free(&ref);
    an_tensor_set(t, first, old_first);
    an_tensor_set(t, second, old_second);
}

static void check_bad_ids(an_setting *s)
{
    for (int i = 0; i < s->inputs; i++) {
        if (s->below[i] < 0 || an_tensor_count(&s->in[i]) == 0) continue;
        check_bad_id(s, i, -1);
        check_bad_id(s, i, s->below[i]);
        check_bad_id(s, i, s->in[i].dtype == AN_I64 ? (int64_t)1 << 40 : INT32_MAX);
        check_bad_id(s, i, INT32_MIN);
    }
}

/* ---- NaN and infinity -------------------------------------------------- */

static bool any_nan(const an_setting *s, const an_outcome *o)
{
    for (int k = 0; k < s->outputs; k++)
        for (int64_t i = 0; i < an_tensor_count(&o->out[k]); i++)
            if (isnan(an_tensor_get(&o->out[k], i))) return true;
    return false;
}

/* One special value in one operand: ref and the fast kernel agree on what becomes
 * of it, and a NaN does not get lost. */
static void check_special(an_setting *s, int operand, int64_t at, double value)
{
    an_tensor *t = &s->in[operand];
    const double old = an_tensor_get(t, at);
    an_tensor_set(t, at, value);
    an_work types = {.attrs = &s->attrs, .inputs = s->inputs, .outputs = s->outputs, .in = s->in,
                     .out = s->out};
    an_outcome ref, fast;
    an_setting_run(s, &usual_ref, &ref);
    if (isnan(value) && !(s->c->flags & AN_CASE_NAN_STOPS))
        an_want(any_nan(s, &ref), "%s: a NaN in operand %d[%lld] gets lost", s->name, operand,
                (long long)at);
    if (an_is_fast(s->op, &types)) {
        char what[80];
        snprintf(what, sizeof what, "fast kernel with %g in operand %d[%lld]", value, operand,
                 (long long)at);
        an_how how = usual_fast;
        how.isa = an_runtime_isa();
        an_setting_run(s, &how, &fast);
        want_near(s, what, &fast, &ref, s->c->ulps > 0 ? s->c->ulps : 4, s->c->absolute);
        an_outcome_free(&fast);
    }
    an_outcome_free(&ref);
    an_tensor_set(t, at, old);
}

static void check_specials(an_setting *s)
{
    an_test_random r = {s->seed};
    for (int i = 0; i < s->inputs; i++) {
        const int64_t count = an_tensor_count(&s->in[i]);
        if (!s->in[i].data || !an_dtype_is_float(s->in[i].dtype) || count == 0) continue;
        check_special(s, i, an_test_int(&r, 0, count - 1), (double)NAN);
        check_special(s, i, an_test_int(&r, 0, count - 1), (double)INFINITY);
        check_special(s, i, an_test_int(&r, 0, count - 1), -(double)INFINITY);
    }
}

/* ---- a case ------------------------------------------------------------ */

void an_check_kernels(const an_case *c, int64_t most_units[AN_MAX_STAGES])
{
    an_setting s;
    for (int variant = 0;; variant++) {
        const an_making made = an_setting_make(&s, c, variant, false);
        if (made == AN_NO_MORE) break;
        if (made == AN_SKIPPED) continue;
        if (s.op->rules->ref) {
            check_setting(&s, variant == 0, most_units);
            if (variant == 0) {
                check_wide(&s);
                check_bad_ids(&s);
                if (!(c->flags & AN_CASE_NO_SPECIAL)) check_specials(&s);
            }
        }
        an_setting_free(&s);
    }
}
