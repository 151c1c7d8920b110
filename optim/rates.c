/* rates.c -- learning-rate schedules as nodes that read a step counter.
 *
 * The formulas are in optim.h. Steps are counted in i64 as far as that goes: a rate in f32
 * is right after 2^24 steps, too.                                            */
#include "graph/ir.h"
#include "optim/optim.h"

#include <math.h>

static an_value number(an_at at, an_value like, double value)
{
    return an_number_at(at, like, value);
}

/* Steps that were taken before step t, and after the warm-up. */
static an_value steps_behind(an_at at, an_value t, int64_t warmup)
{
    return an_sub_at(at, t, number(at, t, (double)warmup + 1));
}

static an_value step_decay(an_at at, const an_schedule *s, an_value t, an_dtype dtype)
{
    const an_value behind = steps_behind(at, t, 0);
    const an_value times = an_div_at(at, behind, number(at, t, (double)s->every));
    const an_value n = an_cast_at(at, times, dtype);
    return an_mul_at(at, an_power_at(at, number(at, n, s->factor), n), number(at, n, s->peak));
}

static an_value warmup_cosine(an_at at, const an_schedule *s, an_value t, an_dtype dtype)
{
    const double pi = 3.14159265358979323846;
    const int64_t span = s->steps > s->warmup ? s->steps - s->warmup : 1;
    const an_value past = an_cast_at(at, steps_behind(at, t, s->warmup), dtype);
    const an_value u = an_minimum_at(at, an_mul_at(at, past, number(at, past, 1.0 / (double)span)),
                                     number(at, past, 1));
    const an_value wave = an_cos_at(at, an_mul_at(at, u, number(at, past, pi)));
    const an_value lifted = an_add_at(at, wave, number(at, past, 1));
    const an_value scaled = an_mul_at(at, lifted, number(at, past, (s->peak - s->floor) / 2));
    const an_value falling = an_add_at(at, scaled, number(at, past, s->floor));
    if (s->warmup <= 0) return falling;
    const an_value share = an_div_at(at, an_cast_at(at, t, dtype),
                                     number(at, past, (double)s->warmup));
    const an_value rising = an_mul_at(at, share, number(at, share, s->peak));
    return an_where_at(at, an_compare_at(at, past, AN_LT, number(at, past, 0)), rising, falling);
}

static bool is_rate(double x)
{
    return isfinite(x) && x >= 0;
}

/* What the caller gives, or made: a float scalar of the step's graph, of whatever dtype. */
static an_value rate_given(an_at at, const an_schedule *s, an_value t, an_dtype dtype)
{
    const bool made = s->kind == AN_SCHEDULE_FUNCTION;
    const an_value rate = made && s->function ? s->function(s->context, t, dtype) : s->value;
    if (an_graph_status(t.graph) != AN_OK) return (an_value){t.graph, 0};
    const an_type type = an_type_of(rate);
    const char *wrong = NULL;
    if (made && !s->function) wrong = "there is no .function";
    else if (rate.graph != t.graph || an_is_poison(rate))
        wrong = "the rate is no value of the graph";
    else if (!an_dtype_is_float(type.dtype) || type.shape.rank != 0)
        wrong = "the rate must be one f32 or f64";
    if (wrong) {
        an_graph_fail(t.graph, at, AN_E_ARGUMENT, "schedule: %s", wrong);
        return (an_value){t.graph, 0};
    }
    return type.dtype == dtype ? rate : an_cast_at(at, rate, dtype);
}

an_value an_schedule_at(an_at at, const an_schedule *s, an_value t, an_dtype dtype)
{
    if (!s || !t.graph || an_is_poison(t)) return t;
    const an_type type = an_type_of(t);
    const char *wrong = NULL;
    if (type.dtype != AN_I64 || type.shape.rank != 0) wrong = "the step must be an i64 scalar";
    else if (!an_dtype_is_float(dtype)) wrong = "a rate is f32 or f64";
    else if (s->kind == AN_SCHEDULE_STEPS && s->every < 1) wrong = ".every must be at least 1";
    else if (s->kind == AN_SCHEDULE_COSINE && (s->steps < 1 || s->warmup < 0))
        wrong = ".steps must be at least 1 and .warmup not negative";
    else if (!is_rate(s->peak) || !is_rate(s->floor) || !is_rate(s->factor))
        wrong = ".peak, .floor and .factor must be finite and not negative";
    if (wrong) {
        an_graph_fail(t.graph, at, AN_E_ARGUMENT, "schedule: %s", wrong);
        return (an_value){t.graph, 0};
    }
    if (s->kind == AN_SCHEDULE_STEPS) return step_decay(at, s, t, dtype);
    if (s->kind == AN_SCHEDULE_COSINE) return warmup_cosine(at, s, t, dtype);
    if (s->kind == AN_SCHEDULE_FUNCTION || s->kind == AN_SCHEDULE_VALUE)
        return rate_given(at, s, t, dtype);
    return an_fill_at(at, t.graph, dtype, AN_SCALAR, s->peak);
}
