/* recommend_data.c -- ratings of films that nobody made, by people with two tastes each.
 *
 * A film has a place on three scales: light or grave, fast or slow, plain or strange. A viewer has
 * two places that he likes best, and likes a film the more the nearer it is to the nearer of them:
 * Coombs's unfolding ("A Theory of Data", 1964), with a second ideal. Beside that some films are
 * better for all, some viewers kinder to all, and each rating has a mood of its own. Stars come in
 * halves from 0.5 to 5. A few films are seen by nearly everybody and most by few, and some viewers
 * rate much more than others do. */
#include "examples/recommend.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { VIEWERS = 1000, FILMS = 1000, RATINGS = 100000, SCALES = 3, TASTES = 2 };

typedef struct film {
    double place[SCALES], quality, seen; /* seen: how likely, up to a factor */
} film;

typedef struct viewer {
    double ideal[TASTES][SCALES], kindness, active;
} viewer;

/* ---- how they are drawn ---------------------------------------------------- */

static void draw_film(film *f, int rank, uint64_t *random)
{
    for (int k = 0; k < SCALES; k++) f->place[k] = 2 * example_uniform(random) - 1;
    f->quality = 0.35 * example_normal(random);
    f->seen = 1.0 / (10 + rank);
}

static void draw_viewer(viewer *v, uint64_t *random)
{
    for (int t = 0; t < TASTES; t++)
        for (int k = 0; k < SCALES; k++) v->ideal[t][k] = 2 * example_uniform(random) - 1;
    v->kindness = 0.35 * example_normal(random);
    v->active = exp(0.7 * example_normal(random));
}

/* How many stars he would give it on the mean of his moods. */
static double likes(const viewer *v, const film *f)
{
    double nearest = INFINITY;
    for (int t = 0; t < TASTES; t++) {
        double square = 0;
        for (int k = 0; k < SCALES; k++) square += pow(v->ideal[t][k] - f->place[k], 2);
        nearest = fmin(nearest, square);
    }
    return 2 + v->kindness + f->quality + 2.5 * exp(-nearest / (2 * 0.5 * 0.5));
}

static double in_halves(double stars) { return fmin(fmax(round(2 * stars) / 2, 0.5), 5); }

/* An index by its weight, of sums of weights up to each. */
static int32_t pick(const double *sum, int32_t count, uint64_t *random)
{
    const double at = example_uniform(random) * sum[count - 1];
    int32_t low = 0, high = count - 1;
    while (low < high) {
        const int32_t middle = (low + high) / 2;
        if (sum[middle] > at) high = middle;
        else low = middle + 1;
    }
    return low;
}

static bool name_films(ratings *r, const film *films)
{
    static const char *const words[SCALES][2] = {{"light", "grave"}, {"fast", "slow"},
                                                 {"plain", "strange"}};
    for (int i = 0; i < FILMS; i++) {
        char title[64];
        const double *p = films[i].place;
        snprintf(title, sizeof title, "film %d (%s, %s, %s)", i + 1, words[0][p[0] > 0],
                 words[1][p[1] > 0], words[2][p[2] > 0]);
        if (!(r->title[i] = strdup(title))) return false;
    }
    return true;
}

bool generate_ratings(ratings *r, uint64_t seed)
{
    static film films[FILMS];
    static viewer viewers[VIEWERS];
    static double seen[FILMS], active[VIEWERS];
    static bool rated[VIEWERS][FILMS];
    uint64_t random = seed;
    double squares = 0;
    if (!ratings_make(r, RATINGS, VIEWERS, FILMS)) return false;
    for (int i = 0; i < FILMS; i++) draw_film(&films[i], i, &random);
    for (int i = 0; i < VIEWERS; i++) draw_viewer(&viewers[i], &random);
    for (int i = 0; i < FILMS; i++) seen[i] = films[i].seen + (i ? seen[i - 1] : 0);
    for (int i = 0; i < VIEWERS; i++) active[i] = viewers[i].active + (i ? active[i - 1] : 0);
    for (int64_t n = 0; n < RATINGS; n++) {
        int32_t u, i;
        do {
            u = pick(active, VIEWERS, &random);
            i = pick(seen, FILMS, &random);
        } while (rated[u][i]);
        rated[u][i] = true;
        const double mean = likes(&viewers[u], &films[i]);
        r->user[n] = u;
        r->item[n] = i;
        r->stars[n] = (float)in_halves(mean + 0.4 * example_normal(&random));
        squares += pow(r->stars[n] - fmin(fmax(mean, 0.5), 5), 2);
    }
    r->floor = sqrt(squares / RATINGS);
    for (int i = 0; i < VIEWERS; i++) r->user_id[i] = i + 1;
    return name_films(r, films);
}

/* ---- sets of them ----------------------------------------------------------- */

bool ratings_make(ratings *r, int64_t count, int64_t users, int64_t items)
{
    *r = (ratings){.users = users, .items = items, .count = count};
    r->user = calloc((size_t)count + 1, sizeof *r->user);
    r->item = calloc((size_t)count + 1, sizeof *r->item);
    r->stars = calloc((size_t)count + 1, sizeof *r->stars);
    r->user_id = calloc((size_t)users + 1, sizeof *r->user_id);
    r->title = calloc((size_t)items + 1, sizeof *r->title);
    if (r->user && r->item && r->stars && r->user_id && r->title) return true;
    fprintf(stderr, "recommend: there is no memory for %lld ratings\n", (long long)count);
    return false;
}

void ratings_free(ratings *r)
{
    for (int64_t i = 0; r->title && i < r->items; i++) free(r->title[i]);
    free(r->user);
    free(r->item);
    free(r->stars);
    free(r->user_id);
    free(r->title);
    *r = (ratings){0};
}

static void swap_rows(ratings *r, int64_t a, int64_t b)
{
    const int32_t user = r->user[a], item = r->item[a];
    const float stars = r->stars[a];
    r->user[a] = r->user[b];
    r->item[a] = r->item[b];
    r->stars[a] = r->stars[b];
    r->user[b] = user;
    r->item[b] = item;
    r->stars[b] = stars;
}

bool split_ratings(ratings *r, uint64_t seed)
{
    uint64_t random = seed;
    double sum = 0;
    r->low = INFINITY;
    r->high = -INFINITY;
    for (int64_t i = r->count - 1; i > 0; i--) swap_rows(r, i, example_below(&random, i + 1));
    r->validate = r->count / 10;
    r->train = r->count - 2 * r->validate;
    for (int64_t i = 0; i < r->train; i++) {
        sum += r->stars[i];
        r->low = fmin(r->low, r->stars[i]);
        r->high = fmax(r->high, r->stars[i]);
    }
    r->mean = sum / (double)r->train;
    if (r->validate > 0) return true;
    fprintf(stderr, "recommend: %lld ratings are too few\n", (long long)r->count);
    return false;
}
