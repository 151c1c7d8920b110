/* federated_party.c -- a client or the server: a store of weights, and a program on it. */
#include "examples/federated.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

bool join(party *a, const plan *p, const task *t, bool trains)
{
    a->store = an_store_new(p->e.seed);
    a->program = an_compile(t->graph, a->store, .fetch = {t->loss, t->accuracy},
                            .update = trains ? t->step : (an_updates){0}, .inference = !trains);
    if (!a->program) fprintf(stderr, "federated: %s\n", an_compile_message(t->graph));
    return a->program != NULL;
}

void leave(party *a)
{
    an_program_free(a->program);
    an_store_free(a->store);
}

bool learn(const party *a, const plan *p, const share *s, int64_t epochs, uint64_t seed)
{
    an_history *h = an_fit(a->program, .data = {{"ids", &s->ids}, {"label", &s->label}},
                           .metric = {"loss", "accuracy"}, .epochs = epochs,
                           .batch = p->data.batch, .seed = seed);
    const bool good = an_history_status(h) == AN_OK;
    if (!good) fprintf(stderr, "federated: %s\n", an_history_message(h));
    an_history_free(h);
    return good;
}

double test(const party *a, const share *s)
{
    an_scores *r = an_evaluate(a->program, .data = {{"ids", &s->ids}, {"label", &s->label}},
                               .batch = 100);
    const double right = an_scores_value(r, 1);
    if (an_scores_status(r) != AN_OK) fprintf(stderr, "federated: %s\n", an_scores_message(r));
    an_scores_free(r);
    return right;
}

void pack(const party *a, const weights *w, float *row)
{
    for (int64_t i = 0; i < w->tensors; i++) {
        const an_tensor *t = an_store_view(a->store, w->name[i]);
        memcpy(row, t->data, (size_t)an_tensor_bytes(t));
        row += an_tensor_count(t);
    }
}

bool unpack(const party *a, const weights *w, float *row, bool start_too)
{
    bool good = true;
    for (int64_t i = 0; good && i < w->tensors; i++) {
        char start[256];
        const an_tensor *t = an_store_view(a->store, w->name[i]);
        const an_tensor value = an_tensor_borrow(AN_F32, t->rank, t->extent, row);
        row += an_tensor_count(t);
        snprintf(start, sizeof start, "start/%s", w->name[i]);
        good = an_store_set(a->store, w->name[i], &value) == AN_OK &&
               (!start_too || an_store_set(a->store, start, &value) == AN_OK);
    }
    if (!good) fprintf(stderr, "federated: %s\n", an_store_message(a->store));
    return good;
}
