/* rates.c -- learning-rate schedules as nodes that read a step counter.
 *
 *   STEPS    peak * factor^floor(t / every)
 *   COSINE   t <= warmup:  peak * t / warmup
 *            then          floor + (peak - floor) * (1 + cos(pi * u)) / 2,
 *                          u = min(1, (t - warmup) / (steps - warmup))        */
#include "graph/ir.h"
#include "optim/optim.h"

static an_value number(an_at at, an_value like, double value)
{
    return an_number_at(at, like, value);
}

static an_value step_decay(an_at at, const an_schedule *s, an_value t, an_dtype dtype)
{
    const an_value times = an_div_at(at, t, number(at, t, (double)s->every));
    const an_value n = an_cast_at(at, times, dtype);
    return an_mul_at(at, an_power_at(at, number(at, n, s->factor), n), number(at, n, s->peak));
}

static an_value warmup_cosine(an_at at, const an_schedule *s, an_value t, an_dtype dtype)
{
    const double pi = 3.14159265358979323846;
    const int64_t span = s->steps > s->warmup ? s->steps - s->warmup : 1;
    const an_value x = an_cast_at(at, t, dtype);
    const an_value past = an_sub_at(at, x, number(at, x, (double)s->warmup));
    const an_value u = an_minimum_at(at, an_mul_at(at, past, number(at, x, 1.0 / (double)span)),
                                     number(at, x, 1));
    const an_value wave = an_cos_at(at, an_mul_at(at, u, number(at, x, pi)));
    const an_value lifted = an_add_at(at, wave, number(at, x, 1));
    const an_value scaled = an_mul_at(at, lifted, number(at, x, (s->peak - s->floor) / 2));
    const an_value falling = an_add_at(at, scaled, number(at, x, s->floor));
    if (s->warmup <= 0) return falling;
    const an_value rising = an_mul_at(at, x, number(at, x, s->peak / (double)s->warmup));
    return an_where_at(at, an_compare_at(at, past, AN_LE, number(at, x, 0)), rising, falling);
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
    if (wrong) {
        an_graph_fail(t.graph, at, AN_E_ARGUMENT, "schedule: %s", wrong);
        return (an_value){t.graph, 0};
    }
    if (s->kind == AN_SCHEDULE_STEPS) return step_decay(at, s, t, dtype);
    if (s->kind == AN_SCHEDULE_COSINE) return warmup_cosine(at, s, t, dtype);
    return an_fill_at(at, t.graph, dtype, AN_SCALAR, s->peak);
}
