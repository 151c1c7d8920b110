/* recommend_top.c -- the films somebody would like best, and why. */
#include "examples/recommend.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { REASONS = 2 };

/* What one user thinks of all: from 0 to items. */
typedef struct opinion {
    an_tensor user, item, said; /* feeds of all items, and the stars foretold */
    float *given;               /* stars of his own, 0: none */
    bool *known;                /* said, or on the list by now */
} opinion;

static bool ask(const model *m, const ratings *r, int32_t user, opinion *o)
{
    const an_status made[] = {an_tensor_alloc(&o->user, AN_I32, 1, &r->items),
                              an_tensor_alloc(&o->item, AN_I32, 1, &r->items)};
    o->given = calloc((size_t)r->items, sizeof *o->given);
    o->known = calloc((size_t)r->items, sizeof *o->known);
    if (made[0] != AN_OK || made[1] != AN_OK || !o->given || !o->known) return false;
    for (int64_t i = 0; i < r->items; i++) an_tensor_set(&o->user, i, user);
    for (int64_t i = 0; i < r->items; i++) an_tensor_set(&o->item, i, (double)i);
    for (int64_t i = 0; i < r->count; i++) {
        if (r->user[i] != user) continue;
        o->known[r->item[i]] = true; /* seen: not to be recommended, whatever part it is of */
        if (i < r->train) o->given[r->item[i]] = r->stars[i];
    }
    return an_predict(m->predict, .data = {{"user", &o->user}, {"item", &o->item}},
                      .out = {&o->said}, .batch = 1024) == AN_OK;
}

static int64_t best_unknown(const opinion *o, int64_t items)
{
    const float *said = o->said.data;
    int64_t best = -1;
    for (int64_t i = 0; i < items; i++)
        if (!o->known[i] && (best < 0 || said[i] > said[best])) best = i;
    return best;
}

static double cosine(const float *a, const float *b, int64_t n)
{
    double ab = 0, aa = 0, bb = 0;
    for (int64_t i = 0; i < n; i++) {
        ab += a[i] * b[i];
        aa += a[i] * a[i];
        bb += b[i] * b[i];
    }
    return ab / sqrt(aa * bb + 1e-30);
}

/* Those he gave at least `enough` stars, by how near they are. */
static void give_reasons(const opinion *o, const ratings *r, const an_tensor *table, int64_t film,
                         double enough)
{
    const int64_t n = table->extent[1];
    const float *vectors = table->data;
    double nearest = 2;
    for (int k = 0; k < REASONS; k++) {
        int64_t best = -1;
        double near = -2;
        for (int64_t i = 0; i < r->items; i++) {
            const double c = cosine(vectors + i * n, vectors + film * n, n);
            if (o->given[i] < enough || c >= nearest || c <= near) continue;
            near = c;
            best = i;
        }
        if (best < 0) return;
        printf("      since %s got %g (nearness %.2f)\n", r->title[best], o->given[best], near);
        nearest = near;
    }
}

/* As many stars as the best quarter of his own has, at least. */
static double favourites(const opinion *o, int64_t items)
{
    int64_t all = 0;
    for (int64_t i = 0; i < items; i++) all += o->given[i] > 0;
    for (double stars = 5; stars > 0; stars -= 0.5) {
        int64_t more = 0;
        for (int64_t i = 0; i < items; i++) more += o->given[i] >= stars;
        if (4 * more >= all) return stars;
    }
    return 0.5;
}

static int32_t find_user(const ratings *r, int64_t id)
{
    for (int64_t i = 0; i < r->users; i++)
        if (r->user_id[i] == id) return (int32_t)i;
    fprintf(stderr, "recommend: there is no user %lld\n", (long long)id);
    return -1;
}

bool recommend(const model *m, const plan *p, const ratings *r)
{
    opinion o = {0};
    const int32_t user = find_user(r, p->user);
    const an_tensor *table = an_store_view(m->store, "items/table");
    const bool good = user >= 0 && table && ask(m, r, user, &o);
    if (good) printf("for user %lld:\n", (long long)p->user);
    else if (user >= 0) fprintf(stderr, "recommend: %s\n", an_program_message(m->predict));
    for (int64_t k = 0; good && k < p->top; k++) {
        const int64_t film = best_unknown(&o, r->items);
        if (film < 0) break;
        printf("  %.2f %s\n", fmin(fmax(an_tensor_get(&o.said, film), r->low), r->high),
               r->title[film]);
        give_reasons(&o, r, table, film, favourites(&o, r->items));
        o.known[film] = true;
    }
    an_tensor_free(&o.user);
    an_tensor_free(&o.item);
    an_tensor_free(&o.said);
    free(o.given);
    free(o.known);
    return good;
}
