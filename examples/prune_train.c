/* prune_train.c -- one training and one test on texts, of which the last fifth is for tests. */
#include "examples/prune.h"

#include <stdio.h>

/* Rows from `first` on; they stay where they are. */
static an_tensor rows(const an_tensor *t, int64_t first, int64_t count)
{
    const int64_t of_row = an_tensor_count(t) / t->extent[0], extent[] = {count, of_row};
    const char *at = (const char *)t->data + (size_t)(first * of_row) * an_dtype_size(t->dtype);
    return an_tensor_view(t->dtype, t->rank, extent, at);
}

/* The last fifth is for tests, as the classifier's validation is. */
static int64_t cut(const examples *e) { return e->ids.extent[0] - e->ids.extent[0] / 5; }

bool fit(an_program *train, const plan *p, const examples *e, int64_t epochs, uint64_t seed)
{
    const an_tensor ids = rows(&e->ids, 0, cut(e)), label = rows(&e->label, 0, cut(e));
    an_history *h = an_fit(train, .data = {{"ids", &ids}, {"label", &label}}, .epochs = epochs,
                           .metric = {"loss", "accuracy"}, .batch = p->o.batch, .seed = seed,
                           .progress = stderr);
    const bool good = an_history_status(h) == AN_OK;
    if (!good) fprintf(stderr, "prune: %s\n", an_history_message(h));
    an_history_free(h);
    return good;
}

bool test(const model *m, const examples *e, double *accuracy)
{
    const int64_t count = e->ids.extent[0] - cut(e);
    const an_tensor ids = rows(&e->ids, cut(e), count), label = rows(&e->label, cut(e), count);
    an_scores *s = an_evaluate(m->test, .data = {{"ids", &ids}, {"label", &label}}, .batch = 100);
    const bool good = an_scores_status(s) == AN_OK;
    *accuracy = an_scores_value(s, 1);
    if (!good) fprintf(stderr, "prune: %s\n", an_scores_message(s));
    an_scores_free(s);
    return good;
}
