/* recommend_baselines.c -- what ratings were predicted by before nets: biases, and products of
 * vectors. Each setting is the one that validates best, as it is for the net. */
#include "examples/recommend.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST = 65, SWEEPS = 20 }; /* numbers of a vector and its bias; rounds of both sides */

/* One side's numbers, and who of the other side met it. */
typedef struct side {
    int64_t count;
    double *vector; /* [count, 1 + width], the bias first */
    int64_t *start; /* [count + 1] into row */
    int64_t *row;   /* of the ratings to learn from */
    const int32_t *of; /* whose each rating is */
} side;

typedef struct factors {
    const ratings *r;
    int64_t width;
    side user, item;
} factors;

double rmse(const ratings *r, int64_t first, int64_t count, const float *predicted)
{
    double squares = 0;
    for (int64_t i = 0; i < count; i++)
        squares += pow(fmin(fmax(predicted[i], r->low), r->high) - r->stars[first + i], 2);
    return sqrt(squares / (double)count);
}

/* ---- least squares ---------------------------------------------------------- */

/* Solves a x = b in place of b; a, of n rows, is positive definite (Cholesky). */
static void solve(double a[MOST][MOST], double *b, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j <= i; j++) {
            double sum = a[i][j];
            for (int64_t k = 0; k < j; k++) sum -= a[i][k] * a[j][k];
            a[i][j] = i == j ? sqrt(sum) : sum / a[j][j];
        }
    for (int64_t i = 0; i < n; i++) {
        for (int64_t k = 0; k < i; k++) b[i] -= a[i][k] * b[k];
        b[i] /= a[i][i];
    }
    for (int64_t i = n - 1; i >= 0; i--) {
        for (int64_t k = i + 1; k < n; k++) b[i] -= a[k][i] * b[k];
        b[i] /= a[i][i];
    }
}

/* The best numbers of all on one side, given the other's: ridge regression of each by itself. */
static void fit_side(const factors *f, side *s, const side *other, double bias_pull, double pull)
{
    static double a[MOST][MOST];
    const int64_t n = f->width + 1;
    for (int64_t i = 0; i < s->count; i++) {
        double *mine = s->vector + i * n;
        memset(a, 0, sizeof a);
        for (int64_t j = 0; j < n; j++) mine[j] = 0;
        for (int64_t j = 0; j < n; j++) a[j][j] = j ? pull : bias_pull;
        for (int64_t at = s->start[i]; at < s->start[i + 1]; at++) {
            const double *theirs = other->vector + other->of[s->row[at]] * n;
            const double left = f->r->stars[s->row[at]] - f->r->mean - theirs[0];
            for (int64_t j = 0; j < n; j++) {
                const double x = j ? theirs[j] : 1;
                mine[j] += x * left;
                for (int64_t k = 0; k <= j; k++) a[j][k] += x * (k ? theirs[k] : 1);
            }
        }
        solve(a, mine, n);
    }
}

static void predict(const factors *f, int64_t first, int64_t count, float *out)
{
    const int64_t n = f->width + 1;
    for (int64_t i = 0; i < count; i++) {
        const double *u = f->user.vector + f->r->user[first + i] * n;
        const double *v = f->item.vector + f->r->item[first + i] * n;
        double sum = f->r->mean + u[0] + v[0];
        for (int64_t k = 1; k < n; k++) sum += u[k] * v[k];
        out[i] = (float)sum;
    }
}

/* ---- the search for settings ------------------------------------------------ */

static bool make_side(side *s, const ratings *r, int64_t count, const int32_t *of, int64_t width)
{
    *s = (side){.count = count, .of = of};
    s->vector = calloc((size_t)(count * (width + 1)), sizeof *s->vector);
    s->start = calloc((size_t)count + 2, sizeof *s->start);
    s->row = calloc((size_t)r->train, sizeof *s->row);
    if (!s->vector || !s->start || !s->row) return false;
    int64_t *next = s->start + 1; /* where each one's next goes; at the end where they end */
    for (int64_t i = 0; i < r->train; i++) s->start[of[i] + 2]++;
    for (int64_t i = 2; i <= count; i++) s->start[i] += s->start[i - 1];
    for (int64_t i = 0; i < r->train; i++) s->row[next[of[i]]++] = i;
    return true;
}

static void free_side(side *s)
{
    free(s->vector);
    free(s->start);
    free(s->row);
}

/* Fits with these pulls from a fresh start. What validates better than *validated is kept there,
 * and its error on the test rows in *tested. */
static void try(factors *f, double bias_pull, double pull, uint64_t seed, float *room,
                double *validated, double *tested)
{
    const ratings *r = f->r;
    const int64_t n = f->width + 1, rest = r->train + r->validate;
    for (int64_t i = 0; i < f->user.count * n; i++) f->user.vector[i] = 0;
    for (int64_t i = 0; i < f->item.count * n; i++)
        f->item.vector[i] = i % n ? 0.1 * example_normal(&seed) : 0;
    for (int sweep = 0; sweep < SWEEPS; sweep++) {
        fit_side(f, &f->user, &f->item, bias_pull, pull);
        fit_side(f, &f->item, &f->user, bias_pull, pull);
        predict(f, r->train, r->validate, room);
        const double error = rmse(r, r->train, r->validate, room);
        if (error >= *validated) continue;
        *validated = error;
        predict(f, rest, r->count - rest, room);
        *tested = rmse(r, rest, r->count - rest, room);
    }
}

/* The pull of biases is searched without vectors, that of vectors behind it. */
double factorise(const ratings *r, int64_t width, uint64_t seed, double *bias_pull)
{
    static const double bias_pulls[] = {0.3, 1, 2, 4, 8, 16}, pulls[] = {0.5, 1, 2, 4, 8, 16};
    factors f = {.r = r, .width = width < MOST ? width : MOST - 1};
    double validated = INFINITY, tested = NAN;
    float *room = calloc((size_t)(r->count - r->train), sizeof *room);
    const bool good = make_side(&f.user, r, r->users, r->user, f.width) &&
                      make_side(&f.item, r, r->items, r->item, f.width) && room;
    for (int i = 0; i < 6 && good; i++) {
        const double before = validated, pull = width ? *bias_pull : bias_pulls[i];
        try(&f, pull, pulls[i], seed, room, &validated, &tested);
        if (validated < before) *bias_pull = pull;
    }
    if (!good) fputs("recommend: there is no memory for the baselines\n", stderr);
    free_side(&f.user);
    free_side(&f.item);
    free(room);
    return tested;
}
