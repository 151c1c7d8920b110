/* gpt_train.c -- learning a text, and how many bits the rest of it takes. */
#include "examples/gpt.h"

#include <math.h>
#include <stdio.h>

enum { BATCH = 16 };

typedef struct batch {
    int32_t id[BATCH * MOST_CONTEXT], label[BATCH * MOST_CONTEXT];
} batch;

/* Row r is the text from `from` on. Labels before the first that is scored are -1. */
static void fill(batch *b, int64_t r, const unsigned char *from, int64_t context, int64_t scored)
{
    for (int64_t i = 0; i < context; i++) {
        b->id[r * context + i] = from[i];
        b->label[r * context + i] = i < scored ? -1 : from[i + 1];
    }
}

static bool run(an_program *p, batch *b, int64_t rows, int64_t context, an_tensor *loss)
{
    const an_tensor ids = an_tensor_borrow(AN_I32, AN_EXTENTS(rows, context), b->id);
    const an_tensor labels = an_tensor_borrow(AN_I32, AN_EXTENTS(rows, context), b->label);
    if (an_run(p, .feed = {{"ids", &ids}, {"labels", &labels}}, .out = {loss}) == AN_OK)
        return true;
    fprintf(stderr, "gpt: %s\n", an_program_message(p));
    return false;
}

bool gpt_train(const gpt *m, const gpt_text *t, uint64_t random)
{
    static batch b;
    an_tensor loss = {0};
    bool good = true;
    const int64_t T = m->config.context, steps = m->config.steps;
    for (int64_t i = 1; good && i <= steps; i++) {
        for (int64_t r = 0; r < BATCH; r++)
            fill(&b, r, t->byte + example_below(&random, t->held - T), T, 0);
        good = run(m->train, &b, BATCH, T, &loss);
        if (!good || i % (1 + steps / 8) != 0) continue;
        printf("step %5lld  %.3f bits a byte\n", (long long)i, an_tensor_get(&loss, 0) / log(2));
        fflush(stdout);
    }
    an_tensor_free(&loss);
    return good;
}

bool gpt_test(const gpt *m, const gpt_text *t, double *bits, int64_t *first, int64_t *count)
{
    static batch b;
    an_tensor loss = {0};
    double sum = 0;
    bool good = true;
    const int64_t T = m->config.context, half = T / 2;
    const int64_t windows = (t->count - t->held - 1 - T) / (T - half) + 1;
    for (int64_t w = 0; good && w < windows; w += BATCH) {
        const int64_t rows = windows - w < BATCH ? windows - w : BATCH;
        for (int64_t r = 0; r < rows; r++)
            fill(&b, r, t->byte + t->held + (w + r) * (T - half), T, half);
        good = run(m->test, &b, rows, T, &loss);
        if (good) sum += an_tensor_get(&loss, 0) * (double)rows;
    }
    an_tensor_free(&loss);
    *bits = sum / (double)windows / log(2);
    *first = t->held + half + 1;
    *count = windows * (T - half);
    return good;
}
