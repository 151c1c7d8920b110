/* interpret_ask.c -- the three answers about one review, and whether they hold. */
#include "examples/interpret.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { MOST_ROWS = 64, MOST_POINTS = 4096 };

typedef struct question {
    int64_t rows, length;
    int32_t id[MOST_ROWS * LONGEST], chosen[MOST_ROWS];
    float way[MOST_ROWS];
    an_tensor score, does; /* the answer */
} question;

/* One more row: the review, of which a word may then be blanked. */
static int32_t *put(question *q, const explained *r, double way)
{
    int32_t *row = q->id + q->rows * q->length;
    for (int64_t t = 0; t < q->length; t++) row[t] = t < r->words ? r->id[t] : 0;
    q->chosen[q->rows] = r->chosen;
    q->way[q->rows++] = (float)way;
    return row;
}

/* How it scores what was put, and if asked, why. */
static bool ask(const model *m, question *q, bool why)
{
    an_program *p = why ? m->explain : m->look;
    const int64_t rows = q->rows;
    const an_tensor ids = an_tensor_borrow(AN_I32, AN_EXTENTS(rows, q->length), q->id);
    const an_tensor way = an_tensor_borrow(AN_F32, AN_EXTENTS(rows, 1, 1), q->way);
    const an_tensor chosen = an_tensor_borrow(AN_I32, AN_EXTENTS(rows), q->chosen);
    q->rows = 0;
    if (an_run(p, .feed = {{"ids", &ids}, {"way", &way}, {"chosen", &chosen}},
               .out = {&q->score, why ? &q->does : NULL}) == AN_OK)
        return true;
    fprintf(stderr, "interpret: %s\n", an_program_message(p));
    return false;
}

/* The likeliest class, the scores at both ends of the way, the slopes at the review. */
static bool ask_slope(const model *m, question *q, explained *r, int64_t classes)
{
    double best = -INFINITY;
    for (r->chosen = 0; r->chosen < classes; r->chosen++) put(q, r, 1);
    if (!ask(m, q, false)) return false;
    for (int32_t c = 0; c < classes; c++) {
        if (an_tensor_get(&q->score, c) > best) r->chosen = c;
        best = fmax(best, an_tensor_get(&q->score, c));
    }
    put(q, r, 0);
    put(q, r, 1);
    if (!ask(m, q, true)) return false;
    r->empty = an_tensor_get(&q->score, 0);
    r->score = an_tensor_get(&q->score, 1);
    for (int64_t t = 0; t < r->words; t++) r->by[SLOPE][t] = an_tensor_get(&q->does, q->length + t);
    return true;
}

/* ---- the path ---------------------------------------------------------------- */

/* A place on the way, in their order. */
typedef struct point {
    double way, score, sum, does[LONGEST]; /* sum: of does, the slope of the score there */
    struct point *next;
} point;

/* How far the slopes at both ends of a piece are from what the score does between them. The
 * score of a recurrent net may change all at once: 4096 even steps miss where, and a hundred that
 * are put by this find it. */
static double missing(const point *a)
{
    const point *b = a->next;
    return fabs((b->way - a->way) * (a->sum + b->sum) / 2 - (b->score - a->score));
}

/* Asks for what was put, points behind from[0], from[1] ... */
static bool add_points(const model *m, question *q, int64_t words, point **from, point **free)
{
    const int64_t rows = q->rows;
    if (!ask(m, q, true)) return false;
    for (int64_t i = 0; i < rows; i++) {
        point *new = (*free)++;
        *new = (point){.way = q->way[i], .score = an_tensor_get(&q->score, i)};
        for (int64_t t = 0; t < words; t++)
            new->sum += new->does[t] = an_tensor_get(&q->does, i * q->length + t);
        if (from[i]) new->next = from[i]->next;
        if (from[i]) from[i]->next = new;
    }
    return true;
}

/* Halves the pieces of which more is missing than of others, until less than 1 % is of them all. */
static bool halve(const model *m, question *q, explained *r, point *first, point *free)
{
    const double whole = fabs(r->score - r->empty);
    point *from[MOST_ROWS];
    for (int64_t pieces = 1;; pieces = r->points - 1) {
        double all = 0;
        for (const point *a = first; a->next; a = a->next) all += missing(a);
        if (all < 0.01 * whole || r->points > MOST_POINTS - MOST_ROWS) return true;
        for (point *a = first; a->next && q->rows < MOST_ROWS; a = a->next) {
            if (missing(a) < 0.5 * all / (double)pieces) continue;
            from[q->rows] = a;
            put(q, r, (a->way + a->next->way) / 2);
        }
        r->points += q->rows;
        if (!add_points(m, q, r->words, from, &free)) return false;
    }
}

/* The mean of what a word does on the way; all of them together are the difference of the ends. */
static bool ask_path(const model *m, question *q, explained *r, point *room)
{
    point *none[2] = {NULL, NULL}, *free = room;
    double sum = 0;
    put(q, r, 0);
    put(q, r, 1);
    if (!add_points(m, q, r->words, none, &free)) return false;
    room[0].next = &room[1];
    r->points = 2;
    if (!halve(m, q, r, room, free)) return false;
    for (int64_t t = 0; t < r->words; t++) {
        r->by[PATH][t] = 0;
        for (const point *a = room; a->next; a = a->next)
            r->by[PATH][t] += (a->next->way - a->way) * (a->does[t] + a->next->does[t]) / 2;
        sum += r->by[PATH][t];
    }
    r->path_error = fabs(sum / (r->score - r->empty) - 1);
    return true;
}

/* ---- words taken away -------------------------------------------------------- */

static bool ask_without(const model *m, question *q, explained *r)
{
    for (int64_t t = 0, first = 0; t < r->words; t++) {
        put(q, r, 1)[t] = 0;
        if (q->rows < MOST_ROWS && t + 1 < r->words) continue;
        if (!ask(m, q, false)) return false;
        for (int64_t k = 0; first <= t; k++)
            r->by[WITHOUT][first++] = r->score - an_tensor_get(&q->score, k);
    }
    return true;
}

/* How far the chance falls without the words that each method puts first, and without others. */
static bool test_answers(const model *m, question *q, explained *r, int64_t blanked,
                         uint64_t *random)
{
    int64_t order[LONGEST];
    if (blanked > r->words) blanked = r->words;
    for (int i = 0; i < METHODS + DRAWS; i++) {
        int32_t *row = put(q, r, 1);
        rank_words(r, i < METHODS ? i : 0, order);
        for (int64_t k = 0; k < blanked; k++) {
            const int64_t other = i < METHODS ? k : k + example_below(random, r->words - k);
            row[order[other]] = 0;
            order[other] = order[k];
        }
    }
    if (!ask(m, q, false)) return false;
    r->fall[METHODS] = 0;
    for (int i = 0; i < METHODS + DRAWS; i++) {
        const double fall = chance(r->score) - chance(an_tensor_get(&q->score, i));
        if (i < METHODS) r->fall[i] = fall;
        else r->fall[METHODS] += fall / DRAWS;
    }
    return true;
}

bool explain_last(plan *p, const model *m, const examples *e, explained *all)
{
    const int64_t length = e->ids.extent[1], count = an_dataset_count(e->texts);
    const int64_t classes = an_dataset_classes(e->texts);
    uint64_t random = p->e.seed;
    question *q = calloc(1, sizeof *q);
    point *room = malloc(MOST_POINTS * sizeof *room);
    bool good = q && room && classes <= MOST_ROWS;
    if (!good) fputs("interpret: there is no memory, or there are more than 64 classes\n", stderr);
    else q->length = length;
    for (int64_t i = 0; good && i < p->reviews; i++) {
        explained *r = &all[i];
        const int64_t row = count - p->reviews + i;
        const int32_t *id = (const int32_t *)e->ids.data + row * length;
        for (r->words = 0; r->words < length && id[r->words]; r->words++)
            r->id[r->words] = id[r->words];
        r->label = an_dataset_labels(e->texts)[row];
        good = ask_slope(m, q, r, classes) && ask_path(m, q, r, room) && ask_without(m, q, r) &&
               test_answers(m, q, r, p->blanked, &random);
    }
    if (q) an_tensor_free(&q->score);
    if (q) an_tensor_free(&q->does);
    free(q);
    free(room);
    return good;
}
