/* gpt_generate.c -- text from the model, a byte at a time, with its cache or without.
 *
 * Where the context is full its last half is kept and read again from the first place on. Both
 * ways do so, and draw the same random numbers: they must write the same bytes.   */
#include "examples/gpt.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* What the next byte is to follow. */
typedef struct window {
    int32_t id[MOST_CONTEXT];
    int64_t count, cached; /* of which the first `cached` are in the model's cache */
} window;

static void append(window *w, int32_t id, int64_t context)
{
    if (w->count == context) {
        w->count = context / 2;
        memmove(w->id, w->id + context - w->count, (size_t)w->count * sizeof *w->id);
        w->cached = 0;
    }
    w->id[w->count++] = id;
}

/* The logits of what follows the window, in `out`; NULL, after a message, if a run fails. */
static const float *logits(const gpt *m, window *w, bool cached, an_tensor *out)
{
    int32_t position = cached ? (int32_t)w->cached : 0;
    const int64_t count = w->count - position;
    const an_tensor ids = an_tensor_borrow(AN_I32, AN_EXTENTS(1, count), w->id + position);
    const an_tensor at = an_tensor_borrow(AN_I32, 0, NULL, &position);
    const an_feed feeds[] = {{"ids", &ids}, {"position", &at}};
    an_program *p = cached ? m->next : m->whole;
    w->cached = w->count;
    if (an_run(p, .feed_list = feeds, .feed_count = cached ? 2 : 1, .out = {out}) == AN_OK)
        return (const float *)out->data + (count - 1) * BYTES;
    fprintf(stderr, "gpt: %s\n", an_program_message(p));
    return NULL;
}

/* The k-th largest of them, counted from 1. */
static float largest(const float *x, int64_t k)
{
    for (int i = 0; i < BYTES; i++) {
        int64_t larger = 0, equal = 0;
        for (int j = 0; j < BYTES; j++) larger += x[j] > x[i], equal += x[j] == x[i];
        if (larger < k && k <= larger + equal) return x[i];
    }
    return -INFINITY;
}

static int32_t draw(const float *x, const gpt_sampling *s, uint64_t *random)
{
    const float most = largest(x, 1);
    const float least = largest(x, s->temperature == 0 ? 1 : s->top_k ? s->top_k : BYTES);
    double share[BYTES], sum = 0;
    for (int i = 0; i < BYTES; i++) {
        share[i] = x[i] < least ? 0 : x[i] == most ? 1 : exp((x[i] - most) / s->temperature);
        sum += share[i];
    }
    double left = example_uniform(random) * sum;
    int32_t last = 0;
    for (int32_t i = 0; i < BYTES && left >= 0; i++)
        if (share[i] > 0) left -= share[last = i];
    return last;
}

static double now(void)
{
    struct timespec t;
    timespec_get(&t, TIME_UTC);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

bool gpt_generate(const gpt *m, const gpt_sampling *s, bool cached, unsigned char *out,
                  double *seconds)
{
    window w = {.count = 0};
    an_tensor values = {0};
    uint64_t random = s->seed;
    bool good = true;
    const double start = now();
    for (const char *c = s->prompt; *c; c++) append(&w, (unsigned char)*c, m->config.context);
    for (int64_t i = 0; good && i < s->count; i++) {
        const float *next = logits(m, &w, cached, &values);
        good = next != NULL;
        if (good) append(&w, out[i] = (unsigned char)draw(next, s, &random), m->config.context);
    }
    *seconds = now() - start;
    an_tensor_free(&values);
    return good;
}
