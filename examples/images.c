/* images.c -- sets of images, shapes that are drawn, and what needs no net to tell them. */
#include "examples/images.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- sets ----------------------------------------------------------------- */

int64_t images_size(const images *e) { return e->channels * e->height * e->width; }

bool images_reserve(images *e, int64_t more)
{
    const int64_t room = e->count + more;
    float *x = realloc(e->x, (size_t)(room * images_size(e)) * sizeof *x);
    if (x) e->x = x;
    int32_t *label = x ? realloc(e->label, (size_t)room * sizeof *label) : NULL;
    if (label) {
        e->label = label;
        e->room = room;
    } else fprintf(stderr, "images: there is no memory for %lld images\n", (long long)room);
    return label != NULL;
}

float *images_add(images *e, int32_t label)
{
    if (e->count == e->room && !images_reserve(e, e->count < 64 ? 64 : e->count)) return NULL;
    e->label[e->count] = label;
    return e->x + e->count++ * images_size(e);
}

void images_free(images *e)
{
    free(e->x);
    free(e->label);
    *e = (images){0};
}

an_tensor images_pixels(const images *e)
{
    return an_tensor_view(AN_F32, AN_EXTENTS(e->count, e->channels, e->height, e->width), e->x);
}

an_tensor images_labels(const images *e)
{
    return an_tensor_view(AN_I32, AN_EXTENTS(e->count), e->label);
}

/* ---- shapes --------------------------------------------------------------- */

enum { DISC, RING, SQUARE, FRAME, TRIANGLE, PLUS, CROSS, BARS, COLUMNS, MOON, SHAPES };
enum { EDGE = 16, TESTS = 2000 };

/* How far (u, v) is outside of a shape about as large as the circle of radius 1; inside it is below
 * 0. */
static double outside(int shape, double u, double v)
{
    const double radius = hypot(u, v), x = fabs(u), y = fabs(v), far = fmax(x, y);
    const double a = fabs(u + v) * sqrt(0.5), b = fabs(u - v) * sqrt(0.5);
    switch (shape) {
    case DISC: return radius - 1;
    case RING: return fabs(radius - 0.8) - 0.2;
    case SQUARE: return far - 0.85;
    case FRAME: return fabs(far - 0.7) - 0.2;
    case TRIANGLE: return fmax(0.866 * x - 0.5 * v, v) - 0.5;
    case PLUS: return fmax(fmin(x, y) - 0.25, far - 1);
    case CROSS: return fmax(fmin(a, b) - 0.25, fmax(a, b) - 1);
    case BARS: return fmax(fabs(y - 0.6) - 0.25, x - 0.9);
    case COLUMNS: return fmax(fabs(x - 0.6) - 0.25, y - 0.9);
    default: return fmax(radius - 1, 0.8 - hypot(u - 0.5, v));
    }
}

/* Light on dark or dark on light, turned by up to 15 degrees. */
static void draw_shape(int shape, float *x, uint64_t *random)
{
    const double size = 3.5 + 3 * example_uniform(random), free = EDGE / 2.0 - size;
    const double left = EDGE / 2.0 + free * (2 * example_uniform(random) - 1);
    const double top = EDGE / 2.0 + free * (2 * example_uniform(random) - 1);
    const double turn = 0.26 * (2 * example_uniform(random) - 1), c = cos(turn), s = sin(turn);
    const double ground = 0.2 + 0.6 * example_uniform(random);
    const double contrast = 0.4 + 0.4 * example_uniform(random);
    const double ink = ground < 0.5 ? contrast : -contrast;
    for (int i = 0; i < EDGE; i++)
        for (int j = 0; j < EDGE; j++) {
            const double dx = (j + 0.5 - left) / size, dy = (i + 0.5 - top) / size;
            const double d = outside(shape, c * dx + s * dy, c * dy - s * dx) * size;
            const double cover = fmin(fmax(0.5 - d, 0), 1); /* of the pixel: d is in pixels */
            const double noise = 0.1 * example_normal(random);
            x[i * EDGE + j] = (float)fmin(fmax(ground + ink * cover + noise, 0), 1);
        }
}

bool draw_shapes(images *e, int64_t count, uint64_t *random)
{
    *e = (images){.channels = 1, .height = EDGE, .width = EDGE, .classes = SHAPES};
    if (!images_reserve(e, count)) return false;
    for (int64_t i = 0; i < count; i++) {
        const int shape = (int)example_below(random, SHAPES);
        draw_shape(shape, images_add(e, shape), random);
    }
    return true;
}

/* ---- where they come from ------------------------------------------------- */

/* Leaves at most that many, drawn at random. */
static void thin(images *e, int64_t count, uint64_t *random)
{
    const int64_t size = images_size(e);
    for (int64_t i = 0; i < count && count < e->count; i++) {
        const int64_t from = i + example_below(random, e->count - i);
        const int32_t label = e->label[from];
        e->label[from] = e->label[i]; /* which may be drawn later */
        e->label[i] = label;
        for (int64_t k = 0; k < size; k++) {
            const float x = e->x[from * size + k];
            e->x[from * size + k] = e->x[i * size + k];
            e->x[i * size + k] = x;
        }
    }
    if (count < e->count) e->count = count;
}

bool images_from(const source *from, uint64_t seed, images *train, images *test)
{
    uint64_t random = seed;
    bool good = true;
    if (from->mnist) good = read_mnist(from->mnist, train, test);
    else if (from->cifar) good = read_cifar(from->cifar, train, test);
    else if (from->folder) good = read_folder(from->folder, from->edge, train, test);
    else good = draw_shapes(train, from->most, &random) && draw_shapes(test, TESTS, &random);
    if (good && from->most) thin(train, from->most, &random);
    if (good)
        printf("%lld images to train on, %lld new ones, of %lld x %lld x %lld\n",
               (long long)train->count, (long long)test->count, (long long)train->channels,
               (long long)train->height, (long long)train->width);
    return good;
}

/* ---- baselines ------------------------------------------------------------ */

double majority_accuracy(const images *train, const images *test)
{
    return example_majority(train->label, train->count, test->label, test->count, train->classes);
}

/* The square of the distance, or any number above `enough` if it is above that. */
static float distance(const float *a, const float *b, int64_t size, float enough)
{
    enum { LANES = 16 };
    float sum[LANES] = {0}, all = 0;
    int64_t i = 0;
    for (int64_t rest = 0; i + LANES <= size; i += LANES) {
        for (int k = 0; k < LANES; k++) sum[k] += (a[i + k] - b[i + k]) * (a[i + k] - b[i + k]);
        if (++rest % 16) continue;
        all = 0;
        for (int k = 0; k < LANES; k++) all += sum[k];
        if (all > enough) return all;
    }
    all = 0;
    for (int k = 0; k < LANES; k++) all += sum[k];
    for (; i < size; i++) all += (a[i] - b[i]) * (a[i] - b[i]);
    return all;
}

double neighbour_accuracy(const images *train, const images *test, int64_t tests)
{
    const int64_t size = images_size(train);
    int64_t right = 0;
    for (int64_t i = 0; i < tests; i++) {
        float nearest = INFINITY;
        int32_t label = -1;
        for (int64_t j = 0; j < train->count; j++) {
            const float d = distance(train->x + j * size, test->x + i * size, size, nearest);
            if (d < nearest) label = train->label[j];
            if (d < nearest) nearest = d;
        }
        right += label == test->label[i];
    }
    return (double)right / (double)tests;
}
