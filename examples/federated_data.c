/* federated_data.c -- who has which reviews. */
#include "examples/federated.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool complain(const char *what)
{
    fprintf(stderr, "federated: %s\n", what);
    return false;
}

/* ---- reviews -------------------------------------------------------------------- */

static bool read_reviews(const plan *p, an_dataset *d)
{
    const an_status status = p->data.train
                                 ? an_dataset_read(d, p->data.train, NULL)
                                 : an_dataset_generate(d, p->data.generate, p->e.seed);
    if (status != AN_OK || an_dataset_shuffle(d, p->e.seed) != AN_OK)
        return complain(an_dataset_message(d));
    return an_dataset_classes(d) == 2 || complain("it takes reviews of two classes");
}

/* The ids and labels of some rows, in their order. */
static bool take(const plan *p, an_tokenizer *words, const an_dataset *d, const int64_t *row,
                 int64_t count, share *s)
{
    const char **text = malloc((size_t)(count + 1) * sizeof *text);
    bool good = text && an_tensor_alloc(&s->label, AN_F32, AN_EXTENTS(count, 1)) == AN_OK;
    if (!good) complain("there is no memory for a client's reviews");
    for (int64_t i = 0; good && i < count; i++) {
        text[i] = an_dataset_texts(d)[row[i]];
        an_tensor_set(&s->label, i, an_dataset_labels(d)[row[i]]);
    }
    good = good && encode(&p->data, words, text, count, &s->ids);
    s->rows = count;
    free(text);
    return good;
}

/* ---- shares --------------------------------------------------------------------- */

/* Whose the review is: by its class and by chance. */
static int64_t owner(const plan *p, int32_t label, uint64_t *random)
{
    for (;;) {
        const int64_t client = example_below(random, p->clients);
        const double second = ((double)client + 0.5) / (double)p->clients;
        if (example_uniform(random) < (label ? second : 1 - second)) return client;
    }
}

static bool share_rows(const plan *p, const an_dataset *d, an_tokenizer *words, int64_t learnt,
                       bool (*mine)(int64_t), parties *all)
{
    const int64_t count = an_dataset_count(d);
    int64_t *row = malloc((size_t)count * sizeof *row), *who = malloc((size_t)count * sizeof *who);
    uint64_t random = p->e.seed;
    bool good = (row && who) || complain("there is no memory for the shares");
    for (int64_t i = 0; good && i < learnt; i++)
        who[i] = owner(p, an_dataset_labels(d)[i], &random);
    for (int64_t c = 0; good && c < p->clients; c++) {
        int64_t n = 0;
        for (int64_t i = 0; i < learnt; i++)
            if (who[i] == c) row[n++] = i;
        if (n == 0) good = complain("a client has no reviews");
        else if (mine(c)) good = take(p, words, d, row, n, &all->client[c]);
    }
    for (int64_t i = 0; good && i < count; i++) row[i] = i;
    good = good && (!mine(0) || (take(p, words, d, row, learnt, &all->all) &&
                                 take(p, words, d, row + learnt, count - learnt, &all->test)));
    free(row);
    free(who);
    return good;
}

bool share_out(const plan *p, bool (*mine)(int64_t client), parties *all)
{
    an_dataset *d = an_dataset_new();
    an_tokenizer *words = an_tokenizer_new(NULL);
    bool good = (d && words) || complain("there is no memory");
    good = good && read_reviews(p, d);
    const int64_t learnt = good ? an_dataset_split(d, p->data.validation_split) : -1;
    if (good && learnt < 1) good = complain(an_dataset_message(d));
    if (good && an_tokenizer_fit(words, an_dataset_texts(d) + learnt,
                                 an_dataset_count(d) - learnt) != AN_OK)
        good = complain(an_tokenizer_message(words));
    good = good && share_rows(p, d, words, learnt, mine, all);
    if (good) all->vocabulary = an_tokenizer_vocabulary(words);
    an_tokenizer_free(words);
    an_dataset_free(d);
    return good;
}

static void free_share(share *s)
{
    an_tensor_free(&s->ids);
    an_tensor_free(&s->label);
}

void free_parties(parties *all)
{
    free_share(&all->test);
    free_share(&all->all);
    for (int c = 0; c < MOST_CLIENTS; c++) free_share(&all->client[c]);
}
