/* multimodal_scenes.c -- scenes of a few things, and questions about them that have one answer. */
#include "examples/multimodal.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { SQUARE, CIRCLE, TRIANGLE, SHAPES };
enum { RED, GREEN, BLUE, COLORS };
static const char *const shape_names[] = {"square", "circle", "triangle"};
static const char *const color_names[] = {"red", "green", "blue"};
static const char *const where_names[] = {"left of", "right of", "above", "below"};

typedef struct thing {
    bool there;
    int shape, color;
} thing;

typedef thing scene[SIDE][SIDE]; /* rows of columns */

/* ---- questions ---------------------------------------------------------------- */

enum { COUNT, COUNT_WHERE, COLOR, EXISTS, KINDS };

typedef struct question {
    int kind, shape, color, where;
    int by; /* the shape of the one thing that it is about, or that others stand by */
} question;

static void fill(scene s, uint64_t *random)
{
    const int64_t things = 3 + example_below(random, 5);
    memset(s, 0, sizeof(scene));
    for (int64_t i = 0; i < things;) {
        thing *t = &s[example_below(random, SIDE)][example_below(random, SIDE)];
        if (t->there) continue;
        *t = (thing){true, (int)example_below(random, SHAPES), (int)example_below(random, COLORS)};
        i++;
    }
}

/* The only thing of that shape: its place, or false if there is none or another. */
static bool find_one(scene s, int shape, int *row, int *column)
{
    int found = 0;
    for (int i = 0; i < PATCHES; i++) {
        const thing *t = &s[i / SIDE][i % SIDE];
        if (!t->there || t->shape != shape) continue;
        *row = i / SIDE;
        *column = i % SIDE;
        found++;
    }
    return found == 1;
}

static bool stands(int where, int row, int column, int by_row, int by_column)
{
    switch (where) {
    case 0: return column < by_column;
    case 1: return column > by_column;
    case 2: return row < by_row;
    default: return row > by_row;
    }
}

/* The answer's number among those of its kind: a count, a color, no or yes; -1 if there is none. */
static int answer_of(scene s, const question *q)
{
    int row = 0, column = 0, count = 0;
    if (q->kind != COUNT && !find_one(s, q->by, &row, &column)) return -1;
    if (q->kind == COLOR) return s[row][column].color;
    for (int i = 0; i < PATCHES; i++) {
        const thing *t = &s[i / SIDE][i % SIDE];
        if (!t->there || t->shape != q->shape || t->color != q->color) continue;
        count += q->kind == COUNT || stands(q->where, i / SIDE, i % SIDE, row, column);
    }
    return q->kind == EXISTS ? count > 0 : count;
}

static const int answers_of[KINDS] = {4, 3, COLORS, 2}; /* counts up to 3, and up to 2 */

static void say(const question *q, int answer, char *text, char *said)
{
    const char *what = shape_names[q->shape], *color = color_names[q->color];
    const char *by = shape_names[q->by], *where = where_names[q->where];
    if (q->kind == COUNT) snprintf(text, LONGEST, "how many %s %ss", color, what);
    if (q->kind == COUNT_WHERE)
        snprintf(text, LONGEST, "how many %s %ss %s the %s", color, what, where, by);
    if (q->kind == COLOR) snprintf(text, LONGEST, "what color is the %s", by);
    if (q->kind == EXISTS)
        snprintf(text, LONGEST, "is there a %s %s %s the %s", color, what, where, by);
    if (q->kind == COLOR) snprintf(said, LONGEST, "%s", color_names[answer]);
    else if (q->kind == EXISTS) snprintf(said, LONGEST, "%s", answer ? "yes" : "no");
    else snprintf(said, LONGEST, "%d", answer);
}

/* ---- pictures ------------------------------------------------------------------ */

/* How far (u, v) is outside of a shape about as large as the circle of radius 1. */
static double outside(int shape, double u, double v)
{
    if (shape == CIRCLE) return hypot(u, v) - 1;
    if (shape == SQUARE) return fmax(fabs(u), fabs(v)) - 0.85;
    return fmax(0.866 * fabs(u) - 0.5 * v, v) - 0.55;
}

/* Each thing has its own size, place in its cell and shade. */
static void draw(scene s, float *rgb, uint64_t *random)
{
    const double ground = 0.3 * example_uniform(random);
    for (int i = 0; i < 3 * EDGE * EDGE; i++)
        rgb[i] = (float)(ground + 0.04 * example_normal(random));
    for (int cell = 0; cell < PATCHES; cell++) {
        const thing *t = &s[cell / SIDE][cell % SIDE];
        const double size = 2.4 + example_uniform(random);
        const double bright = 0.6 + 0.4 * example_uniform(random);
        const double x = 4 + 0.8 * (example_uniform(random) - 0.5);
        const double y = 4 + 0.8 * (example_uniform(random) - 0.5);
        for (int i = 0; t->there && i < 3 * PATCH * PATCH; i++) {
            const int channel = i / (PATCH * PATCH), row = i / PATCH % PATCH, column = i % PATCH;
            const double far = size * outside(t->shape, (column + 0.5 - x) / size,
                                              (row + 0.5 - y) / size);
            const double cover = fmin(fmax(0.5 - far, 0), 1);
            const double ink = channel == t->color ? bright : 0.25 * bright;
            float *p = rgb + (channel * EDGE + cell / SIDE * PATCH + row) * EDGE +
                       cell % SIDE * PATCH + column;
            *p = (float)(*p + cover * (ink - *p));
        }
    }
    for (int i = 0; i < 3 * EDGE * EDGE; i++) rgb[i] = fminf(fmaxf(rgb[i], 0), 1);
}

void draw_question(uint64_t *random, float *rgb, char *text, char *answer)
{
    scene s;
    question q = {.kind = (int)example_below(random, KINDS)};
    const int wanted = (int)example_below(random, answers_of[q.kind]);
    do { /* until a scene has that answer */
        fill(s, random);
        q.shape = (int)example_below(random, SHAPES);
        q.color = (int)example_below(random, COLORS);
        q.where = (int)example_below(random, 4);
        q.by = (int)(q.kind == COLOR ? example_below(random, SHAPES)
                                     : (q.shape + 1 + example_below(random, SHAPES - 1)) % SHAPES);
    } while (answer_of(s, &q) != wanted);
    say(&q, wanted, text, answer);
    draw(s, rgb, random);
}
