/* autoencoder_probe.c -- how well a hundred labels tell classes apart in given features. */
#include "examples/autoencoder.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { PULLS = 13, CLASSES = 1000 }; /* strengths that are tried; classes at most */

/* Features of images, from which classes are to be told. */
typedef struct features {
    int64_t size;    /* numbers of an image */
    an_tensor of[2]; /* [count, size]: of images to learn from, and of new ones */
} features;

/* All that a probe needs: features as deviations, and what is solved with them. */
typedef struct room {
    int64_t size, classes;
    float *known, *new;   /* the features, standardised */
    double gram[LABELS][LABELS], factor[LABELS][LABELS], inverse[LABELS][LABELS];
    double *target, *dual; /* [LABELS, classes] */
    double *weight;       /* [size + 1, classes], the constant last */
    int64_t chosen[LABELS];
} room;

/* ---- features --------------------------------------------------------------- */

/* Each of deviation 1 / sqrt(size) and of mean 0 over the known, so that what is on a Gram matrix's
 * diagonal is about 1. */
static void standardise(room *r, const features *f, int64_t known, int64_t new)
{
    const float *from = f->of[0].data, *from_new = f->of[1].data;
    for (int64_t k = 0; k < f->size; k++) {
        double sum = 0, squares = 0;
        for (int64_t i = 0; i < known; i++) sum += from[i * f->size + k];
        const double mean = sum / (double)known;
        for (int64_t i = 0; i < known; i++) squares += pow(from[i * f->size + k] - mean, 2);
        const double deviation = sqrt(squares / (double)known * (double)f->size);
        const double scale = deviation > 1e-9 ? 1 / deviation : 0; /* one that never varies is 0 */
        for (int64_t i = 0; i < known; i++)
            r->known[i * f->size + k] = (float)((from[i * f->size + k] - mean) * scale);
        for (int64_t i = 0; i < new; i++)
            r->new[i * f->size + k] = (float)((from_new[i * f->size + k] - mean) * scale);
    }
}

/* ---- ridge regression of LABELS examples ------------------------------------- */

/* inverse = (gram + pull)^-1, by Cholesky. */
static void invert(room *r, double pull)
{
    double(*l)[LABELS] = r->factor;
    for (int i = 0; i < LABELS; i++)
        for (int j = 0; j <= i; j++) {
            double sum = r->gram[i][j] + (i == j ? pull : 0);
            for (int k = 0; k < j; k++) sum -= l[i][k] * l[j][k];
            l[i][j] = i == j ? sqrt(sum) : sum / l[j][j];
        }
    for (int c = 0; c < LABELS; c++) {
        double *x = r->inverse[c]; /* a row is a column: it is symmetric */
        for (int i = 0; i < LABELS; i++) {
            x[i] = i == c;
            for (int k = 0; k < i; k++) x[i] -= l[i][k] * x[k];
            x[i] /= l[i][i];
        }
        for (int i = LABELS - 1; i >= 0; i--) {
            for (int k = i + 1; k < LABELS; k++) x[i] -= l[k][i] * x[k];
            x[i] /= l[i][i];
        }
    }
}

/* dual = inverse target; the squared error with which each is foretold by all others (Rifkin &
 * Lippert 2007). */
static double leave_one_out(room *r)
{
    double squares = 0;
    for (int i = 0; i < LABELS; i++)
        for (int64_t c = 0; c < r->classes; c++) {
            double sum = 0;
            for (int j = 0; j < LABELS; j++)
                sum += r->inverse[i][j] * r->target[j * r->classes + c];
            r->dual[i * r->classes + c] = sum;
            squares += pow(sum / r->inverse[i][i], 2);
        }
    return squares;
}

static void fit(room *r)
{
    double best = INFINITY, pull = 1;
    for (int i = 0; i < LABELS; i++)
        for (int j = 0; j <= i; j++) {
            const float *a = r->known + r->chosen[i] * r->size;
            const float *b = r->known + r->chosen[j] * r->size;
            double sum = 1; /* the constant */
            for (int64_t k = 0; k < r->size; k++) sum += (double)a[k] * b[k];
            r->gram[i][j] = r->gram[j][i] = sum;
        }
    for (int i = 0; i < PULLS; i++) {
        const double p = pow(10, i * 0.5 - 4); /* .0001 to 100 */
        invert(r, p);
        const double error = leave_one_out(r);
        if (error < best) pull = p;
        if (error < best) best = error;
    }
    invert(r, pull);
    leave_one_out(r);
    for (int64_t k = 0; k <= r->size; k++)
        for (int64_t c = 0; c < r->classes; c++) {
            double sum = 0;
            for (int i = 0; i < LABELS; i++)
                sum += r->dual[i * r->classes + c] *
                       (k < r->size ? r->known[r->chosen[i] * r->size + k] : 1);
            r->weight[k * r->classes + c] = sum;
        }
}

static bool is_right(const room *r, const float *x, int32_t label)
{
    double sum[CLASSES];
    int64_t best = 0;
    for (int64_t c = 0; c < r->classes; c++) sum[c] = r->weight[r->size * r->classes + c];
    for (int64_t k = 0; k < r->size; k++)
        for (int64_t c = 0; c < r->classes; c++) sum[c] += x[k] * r->weight[k * r->classes + c];
    for (int64_t c = 1; c < r->classes; c++)
        if (sum[c] > sum[best]) best = c;
    return best == label;
}

/* ---- the probe ----------------------------------------------------------------- */

/* One draw of labels: the share of new images that is right. */
static double draw(room *r, const images *known, const images *new, uint64_t *random)
{
    int64_t right = 0;
    for (int i = 0; i < LABELS; i++) {
        r->chosen[i] = example_below(random, known->count);
        for (int64_t c = 0; c < r->classes; c++)
            r->target[i * r->classes + c] = known->label[r->chosen[i]] == c ? 1 : -1;
        for (int j = 0; j < i; j++)
            if (r->chosen[j] == r->chosen[i]) i--, j = i; /* none twice: again */
    }
    fit(r);
    for (int64_t i = 0; i < new->count; i++)
        right += is_right(r, r->new + i * r->size, new->label[i]);
    return (double)right / (double)new->count;
}

static double probe(const features *f, const images *known, const images *new, uint64_t seed,
             double *spread)
{
    room *r = calloc(1, sizeof *r);
    double sum = 0, squares = 0;
    bool good = r && known->classes <= CLASSES && known->count >= 2 * LABELS;
    if (good) {
        r->size = f->size;
        r->classes = known->classes;
        r->known = calloc((size_t)(known->count * f->size), sizeof *r->known);
        r->new = calloc((size_t)(new->count * f->size), sizeof *r->new);
        r->target = calloc((size_t)(LABELS * r->classes), sizeof *r->target);
        r->dual = calloc((size_t)(LABELS * r->classes), sizeof *r->dual);
        r->weight = calloc((size_t)((f->size + 1) * r->classes), sizeof *r->weight);
        good = r->known && r->new && r->target && r->dual && r->weight;
    }
    if (good) standardise(r, f, known->count, new->count);
    for (int i = 0; i < DRAWS && good; i++) {
        const double share = draw(r, known, new, &seed);
        sum += share;
        squares += share * share;
    }
    if (!good) fputs("autoencoder: too few images, too many classes, or no memory\n", stderr);
    else {
        free(r->known);
        free(r->new);
        free(r->target);
        free(r->dual);
        free(r->weight);
    }
    free(r);
    *spread = sqrt(fmax(0, squares / DRAWS - pow(sum / DRAWS, 2)));
    return good ? sum / DRAWS : NAN;
}

bool measure(plan *p, an_program *of, const images *set[2], const char *name, double *share)
{
    features f = {0};
    double spread = 0;
    bool good = true;
    for (int i = 0; i < 2 && good; i++) {
        const an_tensor x = images_pixels(set[i]);
        if (!of) f.of[i] = x;
        else good = an_predict(of, .data = {{"x", &x}}, .out = {&f.of[i]}, .batch = 100) == AN_OK;
    }
    f.size = good ? an_tensor_count(&f.of[0]) / set[0]->count : 0;
    if (!good) fprintf(stderr, "autoencoder: %s\n", an_program_message(of));
    else *share = probe(&f, set[0], set[1], p->e.seed, &spread);
    for (int i = 0; i < 2 && of; i++) an_tensor_free(&f.of[i]);
    if (!good || !isfinite(*share)) return false;
    printf("%-26s %.4f +- %.4f  (%lld numbers)\n", name, *share, spread, (long long)f.size);
    fflush(stdout);
    example_figure(&p->e, *share, "%s", name);
    return true;
}
