/* test_dynamic.c -- slices at a fed position: a cache that is filled step by step, in place where
 * nobody else reads it, and starts that are refused rather than moved. */
#include "frontends/addnorm.h"
#include "graph/run/program.h"
#include "tests/support.h"

#include <string.h>

enum { WIDTH = 3, ROOM = 5 };

typedef struct cached {
    an_graph *g;
    an_store *s;
    an_program *p;
} cached;

/* A state [2,ROOM,WIDTH] that gets `now` at `position` and is summed up to there. */
static cached make(void)
{
    cached c = {.g = an_graph_new("cache"), .s = an_store_new(1)};
    const an_value now = an_input(c.g, "now", AN_F32, AN_SHAPE(2, 1, WIDTH));
    const an_value position = an_input(c.g, "position", AN_I32, AN_SCALAR);
    const an_value old = an_state(c.g, "cache", AN_F32, AN_SHAPE(2, ROOM, WIDTH),
                                  AN_INIT(AN_INIT_ZEROS));
    const an_value new = an_update_slice(old, now, position, 1);
    const an_updates u = an_updates_new(c.g, "step");
    an_updates_add(u, old, new);
    c.p = an_compile(c.g, c.s, .fetch = {an_sum(new, 1), an_dynamic_slice(new, position, -2, 1)},
                     .update = u);
    ck_assert_msg(c.p != NULL, "%s", an_compile_message(c.g));
    return c;
}

static void end(cached *c)
{
    an_program_free(c->p);
    an_store_free(c->s);
    an_graph_free(c->g);
}

static an_status step(const cached *c, int32_t at, float value, an_tensor out[2])
{
    float now[2 * WIDTH];
    for (int i = 0; i < 2 * WIDTH; i++) now[i] = value + (float)i;
    const an_tensor x = an_tensor_borrow(AN_F32, AN_EXTENTS(2, 1, WIDTH), now);
    const an_tensor p = an_tensor_borrow(AN_I32, 0, NULL, &at);
    return an_run(c->p, .feed = {{"now", &x}, {"position", &p}}, .out = {&out[0], &out[1]});
}

START_TEST(test_a_cache_is_filled)
{
    cached c = make();
    an_tensor out[2] = {{0}};
    double sum = 0;
    for (int32_t t = 0; t < ROOM; t++) {
        ck_assert_msg(step(&c, t, (float)(10 * t), out) == AN_OK, "%s", an_program_message(c.p));
        sum += 10 * t;
        for (int i = 0; i < 2 * WIDTH; i++) {
            ck_assert_double_eq(an_tensor_get(&out[0], i), sum + (t + 1) * i);
            ck_assert_double_eq(an_tensor_get(&out[1], i), 10 * t + i);
        }
    }
    an_tensor_free(&out[0]);
    an_tensor_free(&out[1]);
    end(&c);
}
END_TEST

/* XLA would move them to the last place where they fit. */
START_TEST(test_a_start_outside_is_refused_and_changes_nothing)
{
    cached c = make();
    an_tensor out[2] = {{0}};
    ck_assert_int_eq(step(&c, 2, 1, out), AN_OK);
    const int32_t outside[] = {-1, ROOM, INT32_MIN, INT32_MAX};
    for (int i = 0; i < 4; i++) {
        ck_assert_int_eq(step(&c, outside[i], 9, out), AN_E_DATA);
        char want[64];
        snprintf(want, sizeof want, "start[0] is %d, outside 0..%d", (int)outside[i], ROOM - 1);
        ck_assert_msg(strstr(an_program_message(c.p), want) != NULL, "%s",
                      an_program_message(c.p));
        double sum = 0;
        for (int k = 0; k < 2 * ROOM * WIDTH; k++)
            sum += an_tensor_get(an_store_view(c.s, "cache"), k);
        ck_assert_double_eq(sum, 21); /* 1 + .. + 6 */
    }
    an_tensor_free(&out[0]);
    an_tensor_free(&out[1]);
    end(&c);
}
END_TEST

/* A chain of updates of something that dies lies in one buffer. */
START_TEST(test_updates_are_made_in_place)
{
    an_graph *g = an_graph_new("t");
    const an_value x = an_input(g, "x", AN_F32, AN_SHAPE(64, 64));
    const an_value row = an_input(g, "row", AN_F32, AN_SHAPE(1, 64));
    const an_value start = an_input(g, "start", AN_I64, AN_SCALAR);
    an_value y = an_neg(x);
    for (int i = 0; i < 8; i++) y = an_tanh(an_update_slice(y, row, start, 0));
    an_store *s = an_store_new(0);
    an_program *p = an_compile(g, s, .fetch = {an_sum_axes(y, AN_ALL_AXES, false)});
    ck_assert_msg(p != NULL, "%s", an_compile_message(g));
    float *data = calloc(64 * 64, sizeof *data);
    int64_t at = 63;
    const an_tensor xs = an_tensor_borrow(AN_F32, AN_EXTENTS(64, 64), data);
    const an_tensor rows = an_tensor_borrow(AN_F32, AN_EXTENTS(1, 64), data);
    const an_tensor starts = an_tensor_borrow(AN_I64, 0, NULL, &at);
    an_tensor out = {0};
    ck_assert_int_eq(
        an_run(p, .feed = {{"x", &xs}, {"row", &rows}, {"start", &starts}}, .out = {&out}), AN_OK);
    ck_assert_int_lt(p->slab_bytes, 2 * 64 * 64 * 4);
    an_tensor_free(&out);
    free(data);
    an_program_free(p);
    an_store_free(s);
    an_graph_free(g);
}
END_TEST

/* What `text` says of it when it is built, or when extents are known: T is 3. */
static void want_message(an_value v, const char *text)
{
    an_graph *g = v.graph;
    const char *message = an_graph_message(g);
    an_store *s = an_store_new(0);
    an_program *p = *message ? NULL : an_compile(g, s, .fetch = {v});
    float data[3 * 4] = {0};
    int32_t at = 0;
    const an_tensor x = an_tensor_borrow(AN_F32, AN_EXTENTS(3, 4), data);
    const an_tensor start = an_tensor_borrow(AN_I32, 0, NULL, &at);
    an_tensor out = {0};
    if (p) {
        ck_assert_int_ne(an_run(p, .feed = {{"x", &x}, {"start", &start}}, .out = {&out}), AN_OK);
        message = an_program_message(p);
    }
    ck_assert_msg(strstr(message, text) != NULL, "no \"%s\" in: %s", text, message);
    an_tensor_free(&out);
    an_program_free(p);
    an_store_free(s);
    an_graph_free(g);
}

static an_value inputs(an_value *start)
{
    an_graph *g = an_graph_new("t");
    const an_dim T = an_dim_named(g, "T");
    *start = an_input(g, "start", AN_I32, AN_SCALAR);
    return an_input(g, "x", AN_F32, AN_SHAPE(T, 4));
}

START_TEST(test_what_does_not_fit_is_told)
{
    an_value at, x = inputs(&at);
    want_message(an_dynamic_slice(x, at, 1, 5), "size 5 is more than the axis' extent 4");
    x = inputs(&at);
    want_message(an_dynamic_slice(x, at, 0, 7), "size 7 exceeds 3, the extent of dim 0 of x");
    x = inputs(&at);
    want_message(an_dynamic_slice(x, at, 2, 1), "axis 2 is out of range for rank 2");
    x = inputs(&at);
    want_message(an_update_slice(x, an_dynamic_slice(x, at, 1, 1), at, 0), "differ in dim 1");
    x = inputs(&at);
    want_message(an_update_slice(x, x, x, 0), "start must be i32 or i64, not f32");
    x = inputs(&at);
    want_message(an_update_slice(x, an_reshape(x, AN_SHAPE(AN_DIM_REST)), at, 0),
                 "update has rank 1, x rank 2");
    x = inputs(&at);
    want_message(an_dynamic_slice(x, an_fill(x.graph, AN_I32, AN_SHAPE(1), 0), 0, 1),
                 "start must have rank 0, not 1");
}
END_TEST

AN_TEST_MAIN("dynamic", test_a_cache_is_filled,
             test_a_start_outside_is_refused_and_changes_nothing, test_updates_are_made_in_place,
             test_what_does_not_fit_is_told)
