/* prune_mask.c -- which weights are taken, and that they stay so. */
#include "examples/prune.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool complain(const char *what)
{
    fprintf(stderr, "prune: %s\n", what);
    return false;
}

/* ---- all of them -------------------------------------------------------------- */

bool find_weights(weights *w, an_graph *g)
{
    const char *name;
    for (int64_t i = 0; (name = an_graph_leaf_name(g, i)) != NULL; i++) {
        const an_value v = an_graph_find(g, name);
        const an_type type = an_type_of(v);
        if (!an_is_state(v) || type.dtype != AN_F32) continue;
        if (w->count == MOST) return complain("it has too many weights");
        w->name[w->count] = name;
        w->matrix[w->count] = type.shape.rank == 2;
        w->value[w->count++] = v;
    }
    return w->count > 0 || complain("it has no weights");
}

bool keep_weights(weights *w, an_store *store)
{
    for (int i = 0; i < w->count; i++)
        if (an_store_get(store, w->name[i], &w->trained[i]) != AN_OK)
            return complain(an_store_message(store));
    return true;
}

bool restore_weights(const weights *w, an_store *store)
{
    for (int i = 0; i < w->count; i++)
        if (an_store_set(store, w->name[i], &w->trained[i]) != AN_OK)
            return complain(an_store_message(store));
    return true;
}

void free_weights(weights *w)
{
    for (int i = 0; i < w->count; i++) an_tensor_free(&w->trained[i]);
}

bool forget(an_store *store, const char *optimizer)
{
    const size_t length = strlen(optimizer);
    for (int64_t i = 0; i < an_store_count(store); i++) {
        const char *name = an_store_name(store, i);
        an_tensor zero = {0};
        if (strncmp(name, optimizer, length) || name[length] != '/') continue;
        if (!strcmp(name + length, "/rate")) continue;
        const an_tensor *t = an_store_view(store, name);
        const bool good = an_tensor_alloc(&zero, t->dtype, t->rank, t->extent) == AN_OK &&
                          an_store_set(store, name, &zero) == AN_OK;
        an_tensor_free(&zero);
        if (!good) return complain(an_store_message(store));
    }
    return true;
}

/* ---- taking ---------------------------------------------------------------------- */

typedef struct weight {
    double size; /* by which it is chosen: the smallest first */
    int64_t at;
} weight;

static int compare(const void *a, const void *b)
{
    const weight *x = a, *y = b;
    if (x->size != y->size) return x->size < y->size ? -1 : 1;
    return (x->at > y->at) - (x->at < y->at);
}

/* Which of a matrix go; in mask, 0 for them and 1 for others. */
static bool choose(const an_tensor *matrix, double share, bool by_chance, uint64_t *random,
                   an_tensor *mask)
{
    const int64_t count = an_tensor_count(matrix);
    weight *order = malloc((size_t)(count + 1) * sizeof *order);
    const bool good = order && an_tensor_alloc(mask, AN_F32, 2, matrix->extent) == AN_OK;
    for (int64_t i = 0; i < count && good; i++) {
        const double x = an_tensor_get(matrix, i), chance = example_uniform(random);
        order[i] = (weight){x == 0 ? 0 : by_chance ? 1 + chance : fabs(x), i};
        an_tensor_set(mask, i, 1);
    }
    if (good) qsort(order, (size_t)count, sizeof *order, compare);
    for (int64_t i = 0; good && i < (int64_t)(share * (double)count); i++)
        an_tensor_set(mask, order[i].at, 0);
    free(order);
    return good || complain("there is no memory for a mask");
}

bool take_weights(const weights *w, an_store *store, double share, bool by_chance, uint64_t seed)
{
    bool good = true;
    for (int i = 0; i < w->count && good; i++) {
        char name[256];
        an_tensor matrix = {0}, mask = {0};
        if (!w->matrix[i]) continue;
        snprintf(name, sizeof name, "mask/%s", w->name[i]);
        good = an_store_get(store, w->name[i], &matrix) == AN_OK &&
               choose(&matrix, share, by_chance, &seed, &mask);
        for (int64_t k = 0; k < an_tensor_count(&matrix) && good; k++)
            if (an_tensor_get(&mask, k) == 0) an_tensor_set(&matrix, k, 0);
        good = good && an_store_set(store, w->name[i], &matrix) == AN_OK &&
               an_store_set(store, name, &mask) == AN_OK;
        an_tensor_free(&matrix);
        an_tensor_free(&mask);
    }
    return good || complain(an_store_message(store));
}
