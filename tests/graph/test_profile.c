/* test_profile.c -- what a profile says must add up, and change nothing. */
#include <math.h>
#include <pthread.h>
#include <string.h>

#include "graph/profile/figures.h"
#include "tests/models.h"
#include "tests/support.h"

typedef struct bench {
    an_model m;
    an_store *store;
    an_program *p;
    an_tensor x, target, loss;
} bench;

static bench open_bench(int64_t rows)
{
    bench b = {.m = an_model_minimise(an_model_stack(2, true), 0.01f), .store = an_store_new(3)};
    b.p = an_compile(b.m.g, b.store, .fetch = {b.m.loss}, .update = b.m.up);
    ck_assert_msg(b.p != NULL, "%s", an_compile_message(b.m.g));
    ck_assert_int_eq(an_tensor_alloc(&b.x, AN_F32, 2, (int64_t[]){rows, 16}), AN_OK);
    ck_assert_int_eq(an_tensor_alloc(&b.target, AN_F32, 2, (int64_t[]){rows, 3}), AN_OK);
    for (int64_t i = 0; i < an_tensor_count(&b.x); i++)
        an_tensor_set(&b.x, i, sin(0.1 * (double)i));
    return b;
}

static an_status step(bench *b)
{
    return an_run(b->p, .feed = {{"x", &b->x}, {"target", &b->target}}, .out = {&b->loss});
}

static void close_bench(bench *b)
{
    an_program_free(b->p);
    an_store_free(b->store);
    an_graph_free(b->m.g);
    an_tensor_free(&b->x);
    an_tensor_free(&b->target);
    an_tensor_free(&b->loss);
}

static double sum_of(an_profile *f, an_profile_by by, double *flops)
{
    const an_profile_row *rows;
    const int64_t count = an_profile_rows(f, by, &rows);
    double seconds = 0;
    *flops = 0;
    ck_assert_int_gt(count, 0);
    for (int64_t i = 0; i < count; i++) {
        ck_assert(rows[i].seconds >= 0 && isfinite(rows[i].flop_rate) && rows[i].nodes > 0);
        ck_assert(i == 0 || rows[i - 1].seconds >= rows[i].seconds);
        seconds += rows[i].seconds;
        *flops += rows[i].flops;
    }
    return seconds;
}

/* One run: medians are its own values, so sums must be the same whatever a row is. */
START_TEST(test_rows_add_up)
{
    an_set_threads(2);
    bench b = open_bench(512);
    ck_assert_int_eq(step(&b), AN_OK);
    an_profile *f = an_profile_new(b.p);
    ck_assert_ptr_nonnull(f);
    ck_assert_int_eq(an_profile_runs(f), 0);
    ck_assert_int_eq(step(&b), AN_OK);
    ck_assert_int_eq(an_profile_runs(f), 1);
    double want_flops, flops;
    const double want = sum_of(f, AN_BY_NODE, &want_flops);
    ck_assert(want > 0 && want_flops > 0);
    for (int by = AN_BY_OP; by <= AN_BY_WAVE; by++) {
        ck_assert_double_eq_tol(sum_of(f, (an_profile_by)by, &flops), want, 1e-5 * want);
        ck_assert_double_eq_tol(flops, want_flops, 1e-9 * want_flops);
    }
    double busy = 0;
    for (int i = 0; i < an_profile_threads(f); i++) busy += an_profile_busy(f, i);
    ck_assert_double_eq_tol(busy, want, 1e-5 * want);
    an_profile_free(f);
    close_bench(&b);
}
END_TEST

/* Events of a lane stand one behind the other within the run; with the gaps they are the run. */
START_TEST(test_lanes_add_up)
{
    for (int threads = 1; threads <= 3; threads++) {
        an_set_threads(threads);
        bench b = open_bench(300);
        an_profile *f = an_profile_new(b.p);
        for (int i = 0; i < 5; i++) ck_assert_int_eq(step(&b), AN_OK);
        const an_trace *t = f->trace;
        ck_assert_int_eq(t->threads, threads);
        int64_t kernels = 0;
        for (int i = 0; i < threads; i++) {
            const an_lane *lane = &t->last[i];
            int64_t at = t->last_began, busy = 0, idle = 0;
            for (int64_t k = 0; k < lane->count; k++) {
                const an_event *e = &lane->events[k];
                ck_assert(e->begin >= at && e->end >= e->begin);
                ck_assert(e->task < t->schedule->task_count);
                kernels += e->task >= 0;
                idle += e->begin - at;
                busy += e->end - e->begin;
                at = e->end;
            }
            ck_assert(at <= t->last_ended);
            ck_assert_int_eq(busy + idle + (t->last_ended - at), t->last_ended - t->last_began);
            const double step_of = (double)(t->last_ended - t->last_began) * 1e-9;
            ck_assert((double)busy * 1e-9 <= step_of * 1.0001);
        }
        ck_assert_int_ge(kernels, t->schedule->task_count); /* none is forgotten */
        an_profile_free(f);
        close_bench(&b);
    }
    an_set_threads(2);
}
END_TEST

/* Every task of the schedule is timed, and what a row computes is what its op's record says. */
START_TEST(test_a_product_costs_what_it_costs)
{
    an_graph *g = an_graph_new("product");
    an_store *store = an_store_new(0);
    const an_value a = an_input(g, "a", AN_F32, AN_SHAPE(64, 32));
    const an_value c = an_matmul(a, an_state(g, "w", AN_F32, AN_SHAPE(32, 48), (an_init){0}));
    an_program *p = an_compile(g, store, .fetch = {c});
    an_tensor x = {0}, y = {0};
    ck_assert_int_eq(an_tensor_alloc(&x, AN_F32, 2, (int64_t[]){64, 32}), AN_OK);
    an_profile *f = an_profile_new(p);
    for (int i = 0; i < 70; i++)
        ck_assert_int_eq(an_run(p, .feed = {{"a", &x}}, .out = {&y}), AN_OK);
    const an_profile_row *rows;
    ck_assert_int_eq(an_profile_rows(f, AN_BY_NODE, &rows), 1);
    ck_assert_int_eq(an_profile_runs(f), 70);
    ck_assert_str_eq(rows[0].op, "matmul");
    ck_assert_str_eq(rows[0].phase, "forward");
    ck_assert_double_eq(rows[0].flops, 2.0 * 64 * 32 * 48);
    ck_assert_double_eq(rows[0].bytes, 4.0 * (64 * 32 + 32 * 48 + 64 * 48));
    ck_assert_double_eq(rows[0].roof, -1); /* nobody has measured the machine */
    ck_assert_double_eq(an_profile_node_seconds(f, rows[0].node), rows[0].seconds);
    ck_assert(rows[0].seconds > 0 && rows[0].seconds <= an_profile_seconds(f) * 2);
    double flop_rate, byte_rate;
    ck_assert(an_profile_peaks(f, &flop_rate, &byte_rate) && flop_rate > 1e8 && byte_rate > 1e7);
    ck_assert_int_eq(an_profile_rows(f, AN_BY_OP, &rows), 1);
    ck_assert(rows[0].roof > 0);
    an_profile_free(f);
    an_program_free(p);
    an_store_free(store);
    an_graph_free(g);
    an_tensor_free(&x);
    an_tensor_free(&y);
}
END_TEST

START_TEST(test_it_changes_nothing)
{
    bench with = open_bench(64), without = open_bench(64);
    an_profile *f = an_profile_new(with.p);
    for (int i = 0; i < 4; i++) {
        ck_assert_int_eq(step(&with), AN_OK);
        ck_assert_int_eq(step(&without), AN_OK);
        ck_assert_mem_eq(with.loss.data, without.loss.data, sizeof(float));
        if (i == 2) an_profile_free(f);
    }
    ck_assert_ptr_null(with.p->trace);
    for (int64_t i = 0; i < an_store_count(with.store); i++) {
        const an_tensor *a = an_store_view(with.store, an_store_name(with.store, i));
        const an_tensor *b = an_store_view(without.store, an_store_name(with.store, i));
        ck_assert_mem_eq(a->data, b->data, (size_t)an_tensor_bytes(a));
    }
    close_bench(&with);
    close_bench(&without);
}
END_TEST

static bool says(an_profile *f, const char *text)
{
    char *table = an_profile_table(f, AN_BY_OP);
    const bool found = table && strstr(table, text);
    an_string_free(table);
    return found;
}

START_TEST(test_what_does_not_count)
{
    bench b = open_bench(8);
    an_profile *f = an_profile_new(b.p);
    ck_assert_ptr_null(an_profile_new(b.p)); /* one at a time */
    ck_assert(says(f, "nothing was run"));
    an_tensor wrong = {0};
    ck_assert_int_eq(an_tensor_alloc(&wrong, AN_F32, 2, (int64_t[]){8, 17}), AN_OK);
    ck_assert_int_ne(an_run(b.p, .feed = {{"x", &wrong}, {"target", &b.target}}), AN_OK);
    ck_assert_int_eq(an_profile_runs(f), 0);
    an_tensor_set(&b.x, 0, NAN);
    ck_assert_int_eq(an_run(b.p, .feed = {{"x", &b.x}, {"target", &b.target}}, .finite = true),
                     AN_E_DATA);
    ck_assert_int_eq(an_profile_runs(f), 0);
    an_tensor_set(&b.x, 0, 1);
    ck_assert_int_eq(step(&b), AN_OK);
    ck_assert_int_eq(an_profile_runs(f), 1);
    ck_assert(says(f, "matmul"));
    an_set_threads(3); /* begins anew */
    ck_assert_int_eq(step(&b), AN_OK);
    ck_assert_int_eq(an_profile_runs(f), 1);
    ck_assert_int_eq(an_profile_threads(f), 3);
    an_set_threads(2);
    an_profile_free(f);
    an_tensor_free(&wrong);
    close_bench(&b);
    const an_profile_row *rows;
    ck_assert_int_eq(an_profile_rows(NULL, AN_BY_OP, &rows), 0);
    ck_assert_int_eq(an_profile_runs(NULL), 0);
    ck_assert(!an_profile_peaks(NULL, NULL, NULL));
    an_profile_free(NULL);
}
END_TEST

/* A picture of what ran says what each box takes, in a colour. */
START_TEST(test_a_picture_says_what_takes_how_long)
{
    bench b = open_bench(64);
    an_profile *f = an_profile_new(b.p);
    ck_assert_int_eq(step(&b), AN_OK);
    char *dot = an_dot(an_program_graph(b.p), .profile = f, .color = AN_COLOR_TIME);
    ck_assert_ptr_nonnull(dot);
    ck_assert_ptr_nonnull(strstr(dot, "10 % of a run or more"));
    ck_assert_ptr_nonnull(strstr(dot, "us</B>, "));
    an_string_free(dot);
    char *other = an_dot(b.m.g, .profile = f); /* not what ran */
    ck_assert_ptr_null(strstr(other, "% of a run"));
    an_string_free(other);
    an_profile_free(f);
    close_bench(&b);
}
END_TEST

AN_TEST_MAIN("profile", test_rows_add_up, test_lanes_add_up, test_a_product_costs_what_it_costs,
             test_it_changes_nothing, test_what_does_not_count,
             test_a_picture_says_what_takes_how_long)
