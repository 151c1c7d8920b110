/* apart.c -- see apart.h. */
#include "graph/equal/apart.h"

#include "core/random.h"
#include "ops/access.h"

#include <float.h>
#include <math.h>

/* Repetitions on moved operands. Where everything cancels, one of fifty is near the centre
 * by chance; three in a row were, once in some thousand graphs. */
#define SPREADS 6

static an_status widen(const an_tensor *from, an_tensor *to)
{
    const an_status status = an_tensor_alloc(to, AN_F64, from->rank, from->extent);
    if (status != AN_OK) return status;
    double *y = to->data;
    for (int64_t i = 0, count = an_elements(from); i < count; i++) y[i] = an_get(from, i);
    return AN_OK;
}

static an_status like(const an_apart *p, const an_tensor *from, an_tensor *to)
{
    const bool wide = from->dtype == AN_F32 && !p->moves;
    return an_tensor_alloc(to, wide ? AN_F64 : from->dtype, from->rank, from->extent);
}

/* A norm that adds first is said to round its sum, which decides where addends cancel or rows lie
 * far from zero: f64 gets it rounded, as sum + -0. */
static void round_sum(an_apart *p)
{
    double *x = p->in[0].data, *skip = p->in[1].data;
    const int64_t count = an_elements(&p->in[0]);
    for (int64_t i = 0; i < count; i++) {
        x[i] = (double)(float)(x[i] + skip[i]);
        skip[i] = -0.0;
    }
}

void an_apart_close(an_apart *p)
{
    for (int i = 0; i < p->inputs; i++)
        if (p->owned[i]) an_tensor_free(&p->in[i]);
    for (int k = 0; k < p->outputs; k++) {
        an_tensor_free(&p->out[k]);
        an_tensor_free(&p->moved[k]);
        an_tensor_free(&p->spread[k]);
    }
    an_arena_free(&p->room);
}

static bool make_room(an_apart *p, const an_node *n)
{
    p->in = an_arena_alloc(&p->room, (n->inputs + 1) * (int64_t)sizeof *p->in);
    p->owned = an_arena_alloc(&p->room, 2 * (n->inputs + (int64_t)1));
    p->out = an_arena_alloc(&p->room, 3 * n->outputs * (int64_t)sizeof *p->out);
    if (!p->in || !p->owned || !p->out) return false;
    p->single = p->owned + n->inputs;
    p->moved = p->out + n->outputs;
    p->spread = p->moved + n->outputs;
    p->inputs = n->inputs;
    p->outputs = n->outputs;
    return true;
}

an_status an_apart_open(an_apart *p, const an_trial_side *s, uint32_t number)
{
    const an_node *n = &s->g->nodes[number];
    an_status status = AN_OK;
    *p = (an_apart){.moves = n->op->category == AN_CATEGORY_MOVEMENT};
    if (!make_room(p, n)) return AN_E_MEMORY;
    for (int i = 0; i < n->inputs && status == AN_OK; i++) {
        if (!n->in[i]) continue;
        const an_tensor *value = &s->e.value[n->in[i]];
        p->owned[i] = an_dtype_is_float(value->dtype) && !p->moves;
        p->single[i] = p->owned[i] && value->dtype == AN_F32;
        if (p->owned[i]) status = widen(value, &p->in[i]);
        else p->in[i] = *value;
    }
    for (int k = 0; k < n->outputs && status == AN_OK; k++)
        status = like(p, &s->e.value[n->first + (uint32_t)k], &p->out[k]);
    if (status == AN_OK && n->op->rules->norm.row < 0 && p->single[0]) round_sum(p);
    return status;
}

/* An evaluation of its own for faults and errors: several nodes may be apart at once. */
static an_status evaluate(const an_apart *p, const an_trial_side *s, uint32_t number,
                          const an_tensor *out)
{
    an_evaluation e = {.graph = s->g, .extent = s->e.extent, .value = s->e.value,
                       .fault = {.lock = ATOMIC_FLAG_INIT}};
    return an_evaluation_apart(&e, number, p->in, out, false);
}

an_status an_apart_run(an_apart *p, const an_trial_side *s, uint32_t number)
{
    return evaluate(p, s, number, p->out);
}

/* One unit in the last place of 1, as operand i had it. */
static double unit_of(const an_apart *p, int i)
{
    return p->single[i] ? (double)FLT_EPSILON : DBL_EPSILON;
}

/* How far operand i moves; one in f64 by whole units, for there is nothing between them. */
static double step_of(const an_apart *p, int i)
{
    return unit_of(p, i) * (p->single[i] ? 1 : 4);
}

/* How far a row's saved mean is from the row's own, in deviations. Both loops shift xhat by it,
 * for means are rounded; x less a mean that is not the row's at all is rounded before. */
static double misplaced(const an_tensor *x, const an_tensor *mean, int64_t row, int64_t width,
                        double rstd)
{
    double rest = 0;
    for (int64_t i = row * width; i < (row + 1) * width; i++)
        rest += an_get(x, i) - an_get(mean, row);
    return fabs(rest) / (double)width * rstd;
}

/* A norm's gradient takes w = dy*gamma apart: its mean and its part along xhat go. Where
 * little is left, at two columns or in a constant row nothing, no operand moves the rest,
 * but in it stays what rounding took from w and from the mean of w, a sum in 32 lanes, and
 * what a misplaced mean took from xhat. */
static void widen_gradient(const an_apart *p, const an_node *n)
{
    const an_norm_roles *r = &n->op->rules->norm;
    const int at = r->gamma - 1;
    const double *dy = p->in[r->dy - 1].data, *gamma = n->in[at] ? p->in[at].data : NULL;
    const an_tensor *x = &p->in[r->row - 1], *rstd = &p->in[r->rstd - 1];
    const int64_t rows = an_tensor_count(rstd);
    const int64_t width = rows > 0 ? an_tensor_count(x) / rows : 0;
    const double part = unit_of(p, 0) * (4 + (double)width / 64) / AN_SPREAD_TIMES;
    double *spread = p->spread[0].data, *dgamma = p->spread[1].data;
    for (int64_t row = 0; row < rows; row++) {
        const double scale = an_get(rstd, row);
        const double off = r->mean ? misplaced(x, &p->in[r->mean - 1], row, width, scale) : 0;
        double most = 0;
        for (int64_t i = 0; i < width; i++)
            most = fmax(most, fabs(dy[row * width + i] * (gamma ? gamma[i] : 1)));
        for (int64_t i = 0; i < width; i++) {
            spread[row * width + i] += part * most * scale * (1 + off * sqrt((double)width));
            dgamma[i] += part * fabs(dy[row * width + i]) * off;
        }
    }
}

an_status an_apart_spread(an_apart *p, const an_trial_side *s, uint32_t number)
{
    const an_node *n = &s->g->nodes[number];
    an_status status = AN_OK;
    for (int k = 0; k < n->outputs && status == AN_OK; k++) {
        status = like(p, &p->out[k], &p->moved[k]);
        if (status == AN_OK) status = like(p, &p->out[k], &p->spread[k]);
    }
    for (int round = 0; round < SPREADS && status == AN_OK; round++) {
        for (int i = 0; i < n->inputs; i++) {
            if (!p->owned[i]) continue;
            const an_stream stream = {.seed = number, .step = (uint64_t)round,
                                      .stream = (uint32_t)i};
            const an_tensor *from = &s->e.value[n->in[i]];
            double *to = p->in[i].data;
            for (int64_t k = 0, count = an_elements(&p->in[i]); k < count; k++)
                to[k] = an_get(from, k) *
                        (1 + (an_draw_uniform(&stream, k) - 0.5) * step_of(p, i));
        }
        status = evaluate(p, s, number, p->moved);
        for (int k = 0; k < n->outputs && status == AN_OK; k++) {
            if (p->out[k].dtype != AN_F64) continue;
            const double *t = p->out[k].data, *m = p->moved[k].data;
            double *spread = p->spread[k].data;
            for (int64_t i = 0, count = an_elements(&p->out[k]); i < count; i++)
                if (fabs(m[i] - t[i]) > spread[i]) spread[i] = fabs(m[i] - t[i]);
        }
    }
    if (status == AN_OK && n->op->rules->norm.dy && p->owned[0]) widen_gradient(p, n);
    return status;
}
