/* regression.c -- see regression.h. */
#include "tests/frontends/regression.h"

#include <unistd.h>

/* loss = mean((x w - y)^2); near = share of |x w - y| < 1. */
model a_model(float rate)
{
    model m = {an_graph_new("regression"), an_store_new(5), NULL, NULL, NULL};
    an_graph *const g = m.graph;
    const an_dim B = an_dim_named(g, "B");
    const an_value x = an_input(g, "x", AN_F32, AN_SHAPE(B, FEATURES));
    const an_value y = an_input(g, "y", AN_F32, AN_SHAPE(B));
    const an_init small = {AN_INIT_UNIFORM, -0.1, 0.1};
    const an_value w = an_state(g, "w", AN_F32, AN_SHAPE(FEATURES), small);
    const an_value v = an_state(g, "velocity", AN_F32, AN_SHAPE(FEATURES), (an_init){0});
    const an_value p = an_sum(an_mul(an_dropout(x, 0.2f), w), 1);
    const an_value off = an_sub(p, y), loss = an_mean(an_square(off), 0);
    const an_value one = an_number(off, 1.0);
    const an_value near = an_mean(an_cast(an_compare(an_abs(off), AN_LT, one), AN_F32), 0);
    const an_value change = an_mul(an_number(w, (double)rate), an_gradient(loss, w));
    const an_value velocity = an_sub(an_mul(v, an_number(v, 0.5)), change);
    const an_updates u = an_updates_new(g, "momentum");
    an_updates_add(u, v, velocity);
    an_updates_add(u, w, an_add(w, velocity));
    an_updates_take_pending(u, loss);
    m.train = an_compile(g, m.store, .fetch = {loss, near}, .update = u);
    m.test = an_compile(g, m.store, .fetch = {loss, near}, .inference = true);
    m.predict = an_compile(g, m.store, .fetch = {p, off}, .inference = true);
    return m;
}

model checked_model(float rate)
{
    const model m = a_model(rate);
    ck_assert_msg(m.train && m.test && m.predict, "%s %s", an_graph_message(m.graph),
                  an_compile_message(m.graph));
    return m;
}

void free_model(model *m)
{
    an_program_free(m->train);
    an_program_free(m->test);
    an_program_free(m->predict);
    an_store_free(m->store);
    an_graph_free(m->graph);
}

arrays some_arrays(int64_t examples, uint64_t seed)
{
    arrays a = {{0}, {0}};
    an_test_random r = {seed};
    ck_assert_int_eq(an_tensor_alloc(&a.x, AN_F32, AN_EXTENTS(examples, FEATURES)), AN_OK);
    ck_assert_int_eq(an_tensor_alloc(&a.y, AN_F32, AN_EXTENTS(examples)), AN_OK);
    for (int64_t i = 0; i < examples; i++) {
        double y = an_test_uniform(&r, -0.1, 0.1);
        for (int64_t k = 0; k < FEATURES; k++) {
            const double x = an_test_uniform(&r, -1, 1);
            an_tensor_set(&a.x, i * FEATURES + k, x);
            y += x * (double)(k - 2);
        }
        an_tensor_set(&a.y, i, y);
    }
    return a;
}

void free_arrays(arrays *a)
{
    an_tensor_free(&a->x);
    an_tensor_free(&a->y);
}

void fingerprint(const model *m, char hex[65])
{
    ck_assert_int_eq(an_store_sha256(m->store, hex), AN_OK);
}

void check_history(const an_history *h, int64_t epochs)
{
    ck_assert_msg(h->status == AN_OK, "%s", h->message);
    ck_assert_str_eq(h->message, "");
    ck_assert_int_eq(h->epoch_count, epochs);
    for (int64_t i = 0; i < epochs; i++) ck_assert_int_eq(h->epochs[i].epoch, i + 1);
}

void expect_same_epochs(const an_history *a, const an_history *b)
{
    ck_assert_int_eq(a->epoch_count, b->epoch_count);
    ck_assert_int_eq(a->best, b->best);
    for (int64_t i = 0; i < a->epoch_count; i++)
        for (int j = 0; j < 2; j++) {
            ck_assert(a->epochs[i].train[j] == b->epochs[i].train[j]);
            ck_assert(a->epochs[i].validation[j] == b->epochs[i].validation[j]);
        }
}

void expect_same_states(const model *a, const model *b)
{
    char x[65], y[65];
    fingerprint(a, x);
    fingerprint(b, y);
    ck_assert_str_eq(x, y);
}

/* ---- a directory ------------------------------------------------------- */

char folder[64];

void open_folder(void)
{
    snprintf(folder, sizeof folder, "%s/addnorm-fit-XXXXXX",
             access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    ck_assert_ptr_nonnull(mkdtemp(folder));
}

void close_folder(void)
{
    static const char *const names[] = {"model.safetensors", "best.safetensors", "training.json"};
    char path[128];
    for (int i = 0; i < 3; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        unlink(path);
    }
    ck_assert_msg(rmdir(folder) == 0, "something else was left in %s", folder);
}
