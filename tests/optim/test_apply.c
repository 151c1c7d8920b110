/* test_apply.c -- gradients that are given, groups, joined tables, gradients by name.
 *
 * The model is small enough to be worked out by hand: loss = sum(kernel x) + sum(bias), so that
 * the gradients are x and ones.                                              */
#include "graph/ir.h"
#include "optim/optim.h"
#include "tests/support.h"

#include <math.h>

#define X 2, -1, 0.5, 3 /* the gradient of the kernel */

typedef struct model {
    an_graph *g;
    an_store *store;
    an_value kernel, bias, loss;
} model;

static model linear(an_dtype dtype)
{
    model m = {.g = an_graph_new("m"), .store = an_store_new(1)};
    const an_init one = {AN_INIT_CONSTANT, 1, 0};
    const double x[4] = {X};
    const an_tensor t = an_tensor_borrow(AN_F64, AN_EXTENTS(2, 2), (void *)(uintptr_t)x);
    an_graph_scope_open(m.g, "dense");
    m.kernel = an_state(m.g, "kernel", dtype, AN_SHAPE(2, 2), one);
    m.bias = an_state(m.g, "bias", dtype, AN_SHAPE(3), one);
    an_graph_scope_close(m.g);
    const an_value weighed = an_mul(m.kernel, an_cast(an_constant(m.g, &t), dtype));
    m.loss = an_add(an_sum_axes(weighed, AN_ALL_AXES, false),
                    an_sum_axes(m.bias, AN_ALL_AXES, false));
    return m;
}

static void end(model *m)
{
    an_store_free(m->store);
    an_graph_free(m->g);
}

static void run_with(model *m, an_store *store, an_updates up, int times)
{
    an_program *p = an_compile(m->g, store, .update = up);
    ck_assert_msg(p != NULL, "%s", an_compile_message(m->g));
    for (int i = 0; i < times; i++)
        ck_assert_msg(an_run(p) == AN_OK, "%s", an_program_message(p));
    an_program_free(p);
}

static void run(model *m, an_updates up, int times)
{
    run_with(m, m->store, up, times);
}

/* The program knows nothing of a frozen state, which is 1 still. */
static double at(const model *m, const char *state, int i)
{
    const an_tensor *t = an_store_view(m->store, state);
    return t ? an_tensor_get(t, i) : 1;
}

static double fetch(model *m, an_store *store, an_value v, int i)
{
    an_program *p = an_compile(m->g, store, .fetch = {v});
    ck_assert_msg(p != NULL, "%s", an_compile_message(m->g));
    an_tensor out = {0};
    ck_assert_int_eq(an_run(p, .out = {&out}), AN_OK);
    const double x = an_tensor_get(&out, i);
    an_tensor_free(&out);
    an_program_free(p);
    return x;
}

static void expect_message(const an_graph *g, an_status status, const char *words)
{
    ck_assert_msg(an_graph_status(g) == status && strstr(an_graph_message(g), words), "%s",
                  an_graph_message(g));
}

/* ---- gradients that are given ------------------------------------------ */

/* By hand or by an_minimize: the same bits, whatever the optimizer. */
START_TEST(test_minimize_is_gradients_and_apply)
{
    const an_optimizer o[] = {an_sgd(.momentum = 0.9), an_adam(.decay = 0.1),
                              an_rmsprop(.centered = true), an_adagrad(.rate = 0.1)};
    for (int k = 0; k < (int)(sizeof o / sizeof *o); k++) {
        model a = linear(AN_F32), b = linear(AN_F32), c = linear(AN_F32);
        run(&a, an_minimize(a.loss, o[k], .clip_norm = 1), 3);
        const an_value wrt[] = {b.kernel, b.bias};
        an_value d[2];
        ck_assert_int_eq(an_gradients(b.loss, wrt, 2, d), AN_OK);
        run(&b, an_apply_gradients(o[k], .state_list = wrt, .gradient_list = d, .count = 2,
                                   .clip_norm = 1), 3);
        const an_value dk = an_gradient(c.loss, c.kernel), db = an_gradient(c.loss, c.bias);
        run(&c, an_apply_gradients(o[k], .state = {c.kernel, c.bias}, .gradient = {dk, db},
                                   .clip_norm = 1), 3);
        for (int i = 0; i < 4; i++) {
            ck_assert(at(&a, "dense/kernel", i) == at(&b, "dense/kernel", i));
            ck_assert(at(&a, "dense/kernel", i) == at(&c, "dense/kernel", i));
            ck_assert(at(&a, "dense/kernel", i) != 1);
        }
        ck_assert(at(&a, "dense/bias", 2) == at(&b, "dense/bias", 2));
        end(&a);
        end(&b);
        end(&c);
    }
}
END_TEST

/* A gradient that nobody differentiated; a frozen state steps if it is given. */
START_TEST(test_any_gradient)
{
    model m = linear(AN_F64);
    an_graph_freeze(m.g, "dense", true);
    const an_value push = an_scale(an_sign(m.bias), 0.5);
    run(&m, an_apply_gradients(an_sgd(.rate = 1), .state = {m.bias}, .gradient = {push}), 2);
    ck_assert(at(&m, "dense/bias", 1) == 0); /* 1, 0.5, 0 */
    end(&m);
}
END_TEST

START_TEST(test_wrong_gradients)
{
    const char *const words[] = {"of pair 1 the gradient is not of the state's type",
                                 "of pair 0 the state is no state",
                                 "of pair 1 the gradient is no value", "there is no .gradient_list",
                                 ".accumulate -2 is negative", ".into is no update table"};
    for (int k = 0; k < (int)(sizeof words / sizeof *words); k++) {
        model m = linear(AN_F32), other = linear(AN_F32);
        const an_value s[] = {m.kernel, m.bias};
        an_updates up = {0};
        if (k == 0)
            up = an_apply_gradients(an_sgd(), .state = {m.kernel, m.bias},
                                    .gradient = {m.kernel, m.kernel});
        if (k == 1) up = an_apply_gradients(an_sgd(), .state = {m.loss}, .gradient = {m.loss});
        if (k == 2)
            up = an_apply_gradients(an_sgd(), .state = {m.kernel, m.bias}, .gradient = {m.kernel});
        if (k == 3) up = an_apply_gradients(an_sgd(), .state_list = s, .count = 2);
        if (k == 4) up = an_minimize(m.loss, an_sgd(), .accumulate = -2);
        if (k == 5)
            up = an_minimize(m.loss, an_sgd(), .into = an_updates_new(other.g, "elsewhere"));
        ck_assert_int_eq(up.id, 0);
        ck_assert_msg(strstr(an_graph_message(m.g), words[k]), "%s", an_graph_message(m.g));
        ck_assert_ptr_nonnull(strstr(an_graph_message(m.g), "test_apply.c:"));
        end(&m);
        end(&other);
    }
    ck_assert_int_eq(an_apply_gradients_with(NULL).id, 0);
    ck_assert_int_eq(an_apply_gradients(an_sgd()).id, 0);
}
END_TEST

/* ---- gradients by name ------------------------------------------------- */

START_TEST(test_gradients_by_name)
{
    model m = linear(AN_F64);
    const an_updates up = an_minimize(m.loss, an_adam(), .clip_norm = 0.5);
    const int64_t nodes = an_graph_node_count(m.g);
    const an_value d = an_updates_gradient(up, "dense/kernel");
    ck_assert_int_eq(an_graph_node_count(m.g), nodes); /* nothing is made */
    const an_value taken = an_updates_gradient_taken(up, "dense/kernel");
    const double x[] = {X}, norm = sqrt(4 + 1 + 0.25 + 9 + 3);
    for (int i = 0; i < 4; i++) {
        ck_assert(fetch(&m, m.store, d, i) == x[i]);
        ck_assert(an_test_close(fetch(&m, m.store, taken, i), x[i] * 0.5 / norm, 1e-6));
    }
    /* From a file, too. */
    char *text = an_print(.graph = m.g);
    an_graph *back = an_parse(.text = text);
    ck_assert_int_eq(an_graph_status(back), AN_OK);
    ck_assert(!an_is_poison(an_updates_gradient(an_updates_at(back, 0), "dense/bias")));
    an_string_free(text);
    an_graph_free(back);
    /* A moment is updated, but not along a gradient. */
    ck_assert(an_is_poison(an_updates_gradient(up, "dense/kernal")));
    expect_message(m.g, AN_E_NAME, "the table steps no state \"dense/kernal\"; the nearest is "
                                   "'dense/kernel'");
    end(&m);
}
END_TEST

/* ---- tables ------------------------------------------------------------ */

START_TEST(test_two_losses_in_one_table)
{
    for (int joined = 0; joined < 2; joined++) {
        model m = linear(AN_F64);
        const an_value other = an_scale(m.loss, 10);
        const an_updates up = an_minimize(m.loss, an_sgd(.rate = 0.5), .wrt = {m.kernel});
        const an_updates more = an_minimize(other, an_adam(.rate = 0.5), .wrt = {m.bias},
                                            .into = joined ? (an_updates){0} : up);
        ck_assert(joined ? more.id != up.id : more.id == up.id);
        if (joined) ck_assert_int_eq(an_updates_join(up, more), AN_OK);
        run(&m, up, 1);
        ck_assert(at(&m, "dense/kernel", 3) == 1 - 0.5 * 3);
        ck_assert(an_test_close(at(&m, "dense/bias", 0), 0.5, 1e-6));
        ck_assert(at(&m, "sgd/step", 0) == 1 && at(&m, "adam/step", 0) == 1);
        if (joined) ck_assert_int_eq(an_updates_join(up, more), AN_OK); /* they agree */
        end(&m);
    }
}
END_TEST

static int first_line, second_line;

START_TEST(test_a_state_twice_in_a_table)
{
    model m = linear(AN_F64);
    const an_updates up = an_minimize(m.loss, an_sgd()); first_line = __LINE__;
    an_minimize(m.loss, an_sgd(), .into = up); second_line = __LINE__;
    char words[200];
    expect_message(m.g, AN_E_NAME, "\"dense/kernel\" is updated twice in one table, first at ");
    snprintf(words, sizeof words, "test_apply.c:%d", first_line);
    ck_assert_msg(strstr(an_graph_message(m.g), words) != NULL, "%s", an_graph_message(m.g));
    snprintf(words, sizeof words, "test_apply.c:%d", second_line);
    ck_assert_msg(strstr(an_graph_message(m.g), words) != NULL, "%s", an_graph_message(m.g));
    end(&m);
    m = linear(AN_F64);
    const an_updates a = an_minimize(m.loss, an_sgd()), b = an_minimize(m.loss, an_sgd());
    ck_assert_int_eq(an_updates_join(a, b), AN_E_NAME);
    expect_message(m.g, AN_E_NAME, "is updated twice in one table, first at ");
    end(&m);
    ck_assert_int_eq(an_updates_join((an_updates){0}, a), AN_E_ARGUMENT);
}
END_TEST

/* ---- groups ------------------------------------------------------------ */

/* How far kernel[0], whose gradient is 2, and bias[0], whose is 1, go in one step of SGD at rate
 * 0.5 with decay 0.25. */
static void expect_steps(const char *what, const an_group *groups, int count, double kernel,
                         double bias)
{
    model m = linear(AN_F64);
    run(&m, an_minimize(m.loss, an_sgd(.rate = 0.5, .decay = 0.25), .group_list = groups,
                        .group_count = count), 1);
    ck_assert_msg(an_test_close(1 - at(&m, "dense/kernel", 0), kernel, 1e-12) &&
                      an_test_close(1 - at(&m, "dense/bias", 0), bias, 1e-12),
                  "%s: %g, %g", what, 1 - at(&m, "dense/kernel", 0), 1 - at(&m, "dense/bias", 0));
    end(&m);
}

START_TEST(test_groups)
{
    const double kernel = 0.5 * 2.25, bias = 0.5 * 1.25;
    expect_steps("none", &(an_group){0}, 0, kernel, bias);
    expect_steps("by rank", &(an_group){.rank_below = 2, .no_decay = true}, 1, kernel, 0.5);
    expect_steps("from a rank", &(an_group){.rank_from = 2, .decay = 0.5}, 1, 0.5 * 2.5, bias);
    expect_steps("by name", &(an_group){.names = "*/bias", .no_decay = true}, 1, kernel, 0.5);
    expect_steps("a letter", &(an_group){.names = "de?se/b*s", .rate = 2}, 1, kernel, 2 * bias);
    expect_steps("frozen", &(an_group){.names = "dense/k*l", .frozen = true}, 1, 0, bias);
    const an_schedule tenth = an_step_decay(.peak = 0.05, .every = 1, .factor = 1);
    expect_steps("schedule", &(an_group){.names = "*bias", .schedule = tenth}, 1, kernel,
                 bias / 10);
    expect_steps("schedule of the same peak",
                 &(an_group){.names = "*bias", .schedule = an_step_decay(.every = 1, .factor = 1),
                             .rate = 3}, 1, kernel, 3 * bias);
    const an_group both[] = {{.names = "*bias", .rate = 2}, {.names = "dense*", .no_decay = true}};
    expect_steps("the first that takes it", both, 2, 0.5 * 2, 2 * bias);

    /* Given inline, for gradients that are given. */
    model m = linear(AN_F64);
    const an_value dk = an_gradient(m.loss, m.kernel), db = an_gradient(m.loss, m.bias);
    run(&m, an_apply_gradients(an_sgd(.rate = 0.5, .decay = 0.25), .state = {m.kernel, m.bias},
                               .gradient = {dk, db},
                               .groups = {{.rank_below = 2, .frozen = true}}), 1);
    ck_assert(1 - at(&m, "dense/kernel", 0) == kernel && at(&m, "dense/bias", 0) == 1);
    ck_assert_ptr_null(an_store_view(m.store, "sgd/dense/bias/total"));
    end(&m);
}
END_TEST

START_TEST(test_patterns)
{
    static const struct { const char *pattern; bool takes; } rows[] = {
        {"dense/bias", true}, {"*", true}, {"**", true}, {"*s", true}, {"d*", true},
        {"*e*b*", true}, {"?ense?bias", true}, {"*/*", true}, {"*bias*", true}, {"*ia?", true},
        {"dense", false}, {"bias", false}, {"dense/bia", false}, {"?", false}, {"*x*", false},
        {"dense/bias?", false}, {"", false}, {"*/b", false}, {"*/*/*", false},
    };
    for (int i = 0; i < (int)(sizeof rows / sizeof *rows); i++) {
        model m = linear(AN_F64);
        const an_updates up = an_minimize(m.loss, an_sgd(), .wrt = {m.bias},
                                          .groups = {{.names = rows[i].pattern, .rate = 2}});
        ck_assert_msg((up.id != 0) == rows[i].takes, "%s", rows[i].pattern);
        end(&m);
    }
}
END_TEST

START_TEST(test_groups_that_mean_nothing)
{
    static const struct { an_group groups[2]; const char *words; } rows[] = {
        {{{.names = "*/bais", .no_decay = true}}, "group 0: no parameter that is stepped is called "
                                                 "\"*/bais\"; the nearest is 'bias'"},
        {{{.names = "denes/*", .no_decay = true}}, "the nearest is 'dense'"},
        {{{.names = "*dense/kernl", .no_decay = true}}, "the nearest is 'dense/kernel'"},
        {{{.names = "adam/step", .no_decay = true}}, "the nearest is"},
        {{{.names = "*", .rate = 2}, {.names = "*bias", .no_decay = true}},
         "group 1 takes nothing: its parameters, \"dense/bias\" among them, are of earlier groups"},
        {{{.rank_from = 3, .no_decay = true}}, "no parameter has a rank from 3 to below"},
        {{{.names = "*bias"}}, "group 0 changes nothing\n  hint: .no_decay"},
        {{{.frozen = true}}, "group 0 says of no parameters"},
        {{{.names = "*", .frozen = true}}, "the groups freeze every state"},
        {{{.names = "*", .decay = -1}}, "needs a finite .decay"},
        {{{.names = "*", .rate = INFINITY}}, "needs a finite .decay"},
        {{{.names = "*", .decay = 1, .no_decay = true}}, "has a .decay and .no_decay"},
        {{{.names = "*", .schedule = {.kind = AN_SCHEDULE_STEPS}}}, "schedule: .every"},
    };
    for (int i = 0; i < (int)(sizeof rows / sizeof *rows); i++) {
        model m = linear(AN_F64);
        an_updates up = an_minimize(m.loss, an_adam(),
                                    .groups = {rows[i].groups[0], rows[i].groups[1]});
        ck_assert_int_eq(up.id, 0);
        ck_assert_msg(strstr(an_graph_message(m.g), rows[i].words) &&
                          strstr(an_graph_message(m.g), "test_apply.c:"),
                      "%d: %s", i, an_graph_message(m.g));
        end(&m);
    }
}
END_TEST

/* Clipping is by the length of all groups together, less what is frozen. */
START_TEST(test_clipping_with_groups)
{
    for (int frozen = 0; frozen < 2; frozen++) {
        model m = linear(AN_F64);
        run(&m, an_minimize(m.loss, an_sgd(.rate = 1), .clip_norm = 0.5,
                            .groups = {{.names = "*bias", .rate = 2, .frozen = frozen}}), 1);
        const double norm = sqrt(14.25 + (frozen ? 0 : 3));
        ck_assert(an_test_close(1 - at(&m, "dense/kernel", 3), 3 * 0.5 / norm, 1e-6));
        ck_assert(an_test_close(1 - at(&m, "dense/bias", 1), frozen ? 0 : 2 * 0.5 / norm, 1e-6));
        end(&m);
    }
}
END_TEST

AN_TEST_MAIN("apply", test_minimize_is_gradients_and_apply, test_any_gradient,
             test_wrong_gradients, test_gradients_by_name, test_two_losses_in_one_table,
             test_a_state_twice_in_a_table, test_groups, test_patterns,
             test_groups_that_mean_nothing, test_clipping_with_groups)
