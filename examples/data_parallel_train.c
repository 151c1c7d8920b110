/* data_parallel_train.c -- a training on this rank's rows, alone or with the others. */
#include "examples/data_parallel.h"

#include <math.h>
#include <stdio.h>
#include <time.h>

bool fail(const char *why)
{
    fprintf(stderr, "data_parallel: %s\n", why);
    return false;
}

bool prepare(training *t)
{
    const plan *p = t->plan;
    t->store = an_store_new(p->e.seed);
    if (p->resume && an_checkpoint_load(t->store, p->checkpoint, NULL) != AN_OK)
        return fail(an_store_message(t->store));
    t->program = an_compile(t->net.graph, t->store, .fetch = {t->net.loss}, .update = t->net.step,
                            .communicator = t->ranks);
    const an_value score = t->net.right.graph ? t->net.right : t->net.loss;
    t->tester = an_compile(t->net.graph, t->store, .fetch = {score}, .inference = true);
    if (!t->program || !t->tester) return fail(an_compile_message(t->net.graph));
    t->done = (int64_t)an_tensor_get(an_store_view(t->store, "steps"), 0);
    return true;
}

static bool run(an_program *p, const piece *b, int64_t first, double *out)
{
    float value = 0;
    an_tensor result = an_tensor_borrow(AN_F32, 0, NULL, &value);
    const an_tensor row = an_tensor_borrow(AN_I64, 0, NULL, &first);
    if (an_run(p, .feed = {{"ids", &b->ids}, {"label", &b->label}, {"first_row", &row}},
               .out = {&result}) != AN_OK) return fail(an_program_message(p));
    *out = (double)value;
    return true;
}

/* Only rank 0 writes, and what it writes is whole or not there. */
static bool save(const training *t)
{
    const plan *p = t->plan;
    if (!p->checkpoint || t->rank != 0 || !t->ranks) return true;
    if (t->done != p->stop && (p->save_every == 0 || t->done % p->save_every != 0)) return true;
    return an_checkpoint_save(t->store, p->checkpoint, NULL, 0) == AN_OK ||
           fail(an_store_message(t->store));
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

bool train(training *t)
{
    const plan *p = t->plan;
    const int64_t each = p->batch / t->count, first = t->rank * each;
    piece b = {0};
    bool good = true;
    const double since = now();
    const int64_t before = t->done;
    while (good && t->done < p->stop) {
        good = take_rows(p, t->rows, t->done, first, each, &b) &&
               run(t->program, &b, first, &t->loss);
        if (good && t->done < FIRST) t->first[t->done] = t->loss;
        t->done++;
        if (good && t->rank == 0 && t->ranks && t->done % (1 + p->steps / 5) == 0)
            printf("step %5lld  loss %.4f\n", (long long)t->done, t->loss), fflush(stdout);
        good = good && save(t);
    }
    t->seconds = t->done > before ? (now() - since) / (double)(t->done - before) : 0;
    free_piece(&b);
    return good;
}

bool test(training *t)
{
    const bool reviews = t->net.right.graph != NULL;
    const int64_t held = reviews ? t->rows->count - t->rows->held : 1000;
    double sum = 0, score = 0;
    piece b = {0};
    bool good = true;
    for (int64_t i = 0; good && i < held; i += 100) {
        const int64_t count = held - i < 100 ? held - i : 100;
        good = take_rows(t->plan, t->rows, -1, i, count, &b) && run(t->tester, &b, 0, &score);
        sum += score * (double)count;
    }
    t->score = sum / (double)held / (reviews ? 1 : log(2));
    free_piece(&b);
    return good;
}

void end(training *t)
{
    an_program_free(t->program);
    an_program_free(t->tester);
    an_store_free(t->store);
}
