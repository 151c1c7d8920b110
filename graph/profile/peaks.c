/* peaks.c -- what one thread of this machine can do while all do it.
 *
 * Two programs of the library itself, each with one kernel, timed as any other: so a share of the
 * peak compares like with like. A sum of arrays counts three: it reads two and writes one. */
#include "graph/profile/figures.h"

#define WIDTH 1024         /* of the square matrices */
#define LENGTH (8 << 20)   /* elements of each array: 32 MiB */
#define TRIES 5            /* the best counts: nobody is faster than he can be */

typedef an_value (*apply)(an_value a, an_value b);

static an_value product(an_value a, an_value b)
{
    return an_matmul(a, b);
}

static an_value sum(an_value a, an_value b)
{
    return an_add(a, b);
}

/* The least seconds of all threads that f(a, b) takes, and what it computes and moves. */
static double least(an_program *p, const an_tensor *a, const an_tensor *b, an_tensor *y,
                    an_profile_row *row)
{
    double best = 0;
    for (int i = 0; i < TRIES; i++) {
        an_profile *f = an_profile_new(p); /* each run by itself: a median hides the best */
        const an_profile_row *rows;
        const bool good =
            f && an_run(p, .feed = {{"a", a}, {"b", b}}, .out = {y}) == AN_OK &&
            an_profile_rows(f, AN_BY_OP, &rows) == 1;
        if (good && (best == 0 || rows[0].seconds < best)) {
            best = rows[0].seconds;
            *row = rows[0];
        }
        an_profile_free(f);
        if (!good) return 0;
    }
    return best;
}

static double measure(apply f, an_shape shape, an_profile_row *row)
{
    an_graph *g = an_graph_new("peak");
    an_store *store = an_store_new(0);
    an_tensor a = {0}, b = {0}, y = {0};
    const int64_t *extent = shape.dim;
    double best = 0;
    if (g && store && an_tensor_alloc(&a, AN_F32, shape.rank, extent) == AN_OK &&
        an_tensor_alloc(&b, AN_F32, shape.rank, extent) == AN_OK) {
        const an_value v = f(an_input(g, "a", AN_F32, shape), an_input(g, "b", AN_F32, shape));
        an_program *p = an_compile(g, store, .fetch = {v}, .passes = "");
        if (p) best = least(p, &a, &b, &y, row);
        an_program_free(p);
    }
    an_tensor_free(&a);
    an_tensor_free(&b);
    an_tensor_free(&y);
    an_store_free(store);
    an_graph_free(g);
    return best;
}

bool an_profile_peaks(an_profile *f, double *flop_rate, double *byte_rate)
{
    if (!f) return false;
    if (f->peak_threads != an_threads()) {
        an_profile_row row = {0};
        f->peak_threads = 0;
        const double computing = measure(product, AN_SHAPE(WIDTH, WIDTH), &row);
        if (computing > 0) f->peak_flops = row.flops / computing;
        const double moving = computing > 0 ? measure(sum, AN_SHAPE(LENGTH), &row) : 0;
        if (moving > 0) f->peak_bytes = row.bytes / moving;
        if (moving > 0) f->peak_threads = an_threads();
    }
    if (flop_rate) *flop_rate = f->peak_flops;
    if (byte_rate) *byte_rate = f->peak_bytes;
    return f->peak_threads > 0;
}
