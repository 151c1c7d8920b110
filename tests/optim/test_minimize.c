/* test_minimize.c -- optimizers against the same formulas in plain C. */
#include "graph/ir.h"
#include "optim/optim.h"
#include "tests/support.h"

#include <math.h>

/* loss = sum(c * w^2) / 2, so that dw = c * w, with c = 1, 2, 3. */
typedef struct model {
    an_graph *g;
    an_store *store;
    an_value w, loss;
} model;

static model quadratic(void)
{
    model m = {.g = an_graph_new("q"), .store = an_store_new(1)};
    m.w = an_state(m.g, "w", AN_F64, AN_SHAPE(3), (an_init){AN_INIT_CONSTANT, 2, 0});
    double c[3] = {1, 2, 3};
    const an_tensor t = an_tensor_borrow(AN_F64, AN_EXTENTS(3), c);
    const an_value y = an_mul(an_mul(m.w, m.w), an_constant(m.g, &t));
    m.loss = an_mul(an_sum_axes(y, AN_ALL_AXES, false), an_number(y, 0.5));
    return m;
}

static void end(model *m, an_program *p)
{
    an_program_free(p);
    an_store_free(m->store);
    an_graph_free(m->g);
}

static an_program *compile(model *m, an_updates up)
{
    an_program *p = an_compile(m->g, m->store, .fetch = {m->loss}, .update = up);
    ck_assert_msg(p != NULL, "%s", an_compile_message(m->g));
    return p;
}

static void run(an_program *p, int steps)
{
    for (int i = 0; i < steps; i++)
        ck_assert_msg(an_run(p) == AN_OK, "%s", an_program_message(p));
}

static double weight(const model *m, int i)
{
    return an_tensor_get(an_store_view(m->store, "w"), i);
}

START_TEST(test_sgd)
{
    model m = quadratic();
    an_program *p = compile(&m, an_minimize(m.loss, an_sgd(.rate = 0.1f)));
    run(p, 5);
    for (int i = 0; i < 3; i++)
        ck_assert(an_test_close(weight(&m, i), 2 * pow(1 - (double)0.1f * (i + 1), 5), 1e-13));
    /* The rate is a state. */
    ck_assert_int_eq(an_store_set_number(m.store, "sgd/rate", 0), AN_OK);
    const double before = weight(&m, 0);
    run(p, 1);
    ck_assert(weight(&m, 0) == before);
    end(&m, p);
}
END_TEST

START_TEST(test_momentum)
{
    for (int nesterov = 0; nesterov < 2; nesterov++) {
        model m = quadratic();
        an_program *p = compile(&m, an_minimize(m.loss, an_sgd(.rate = 0.05f, .momentum = 0.9f,
                                                               .nesterov = nesterov)));
        run(p, 6);
        for (int i = 0; i < 3; i++) {
            const double r = (double)0.05f, mu = (double)0.9f;
            double w = 2, v = 0;
            for (int t = 0; t < 6; t++) {
                const double g = (i + 1) * w;
                v = mu * v - r * g;
                w += nesterov ? mu * v - r * g : v;
            }
            ck_assert(an_test_close(weight(&m, i), w, 1e-12));
        }
        end(&m, p);
    }
}
END_TEST

START_TEST(test_adam_and_adamw)
{
    for (int decay = 0; decay < 2; decay++) {
        model m = quadratic();
        const float lambda = decay ? 0.1f : 0.0f;
        an_program *p = compile(&m, an_minimize(m.loss, an_adam(.rate = 0.01f, .decay = lambda)));
        run(p, 7);
        for (int i = 0; i < 3; i++) {
            const double r = (double)0.01f, b1 = (double)0.9f, b2 = (double)0.999f;
            double w = 2, mo = 0, v = 0;
            for (int t = 1; t <= 7; t++) {
                const double g = (i + 1) * w;
                mo = b1 * mo + (1 - b1) * g;
                v = b2 * v + (1 - b2) * g * g;
                const double alpha = r * sqrt(1 - pow(b2, t)) / (1 - pow(b1, t));
                w = w - r * (double)lambda * w - alpha * mo / (sqrt(v) + (double)1e-7f);
            }
            ck_assert_msg(an_test_close(weight(&m, i), w, 1e-11), "%.15g %.15g", weight(&m, i), w);
        }
        end(&m, p);
    }
}
END_TEST

START_TEST(test_clipping)
{
    model m = quadratic();
    an_program *p = compile(&m, an_minimize(m.loss, an_sgd(.rate = 1), .clip_norm = 0.5));
    run(p, 1);
    double moved = 0;
    for (int i = 0; i < 3; i++) moved += pow(2 - weight(&m, i), 2);
    ck_assert(an_test_close(sqrt(moved), 0.5, 1e-11)); /* the gradient's norm was 7.5 */
    end(&m, p);
    m = quadratic();
    p = compile(&m, an_minimize(m.loss, an_sgd(.rate = 0.1f), .clip_norm = 100));
    run(p, 1);
    ck_assert(an_test_close(weight(&m, 2), 2 - (double)0.1f * 6, 1e-13)); /* not touched */
    end(&m, p);
}
END_TEST

/* One step of size 1 along gradients of +-`each`, clipped to `clip`. */
static double clipped_step(an_dtype dtype, double each, double clip)
{
    model m = {.g = an_graph_new("c"), .store = an_store_new(1)};
    m.w = an_state(m.g, "w", dtype, AN_SHAPE(4), (an_init){AN_INIT_ZEROS, 0, 0});
    const double c[4] = {each, -each, each, -each};
    const an_tensor t = an_tensor_borrow(AN_F64, AN_EXTENTS(4), (void *)(uintptr_t)c);
    const an_value parts = an_mul(m.w, an_cast(an_constant(m.g, &t), dtype));
    m.loss = an_sum_axes(parts, AN_ALL_AXES, false);
    const an_updates up = an_minimize(m.loss, an_sgd(.rate = 1), .clip_norm = clip);
    an_program *p = compile(&m, up);
    run(p, 1);
    const double moved = weight(&m, 1);
    end(&m, p);
    return moved;
}

/* However large finite gradients are, and though their length be more than the type holds. */
START_TEST(test_clipping_of_huge_gradients)
{
    const struct {
        an_dtype dtype;
        double each, clip;
    } cases[] = {{AN_F32, 1e20, 1}, {AN_F32, 3e38, 1}, {AN_F32, 1e-20, 1},
                 {AN_F64, 1e200, 1}, {AN_F64, 1.7e308, 8}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const double got = clipped_step(cases[i].dtype, cases[i].each, cases[i].clip);
        const double half = cases[i].clip / 2; /* each is half of the length */
        const double want = half < cases[i].each ? half : cases[i].each;
        ck_assert_msg(an_test_close(got / want, 1, 1e-6), "case %d: %g, not %g", (int)i, got, want);
    }
}
END_TEST

START_TEST(test_which_states)
{
    model m = quadratic();
    const an_init one = {AN_INIT_CONSTANT, 1, 0};
    const an_value u = an_state(m.g, "head/u", AN_F64, AN_SHAPE(3), one);
    const an_value f = an_state(m.g, "frozen/f", AN_F64, AN_SHAPE(3), one);
    ck_assert_int_eq(an_graph_freeze(m.g, "frozen", true), 1);
    const an_value extra = an_sum_axes(an_mul(an_mul(u, f), m.w), AN_ALL_AXES, false);
    const an_value both = an_add(m.loss, extra);
    /* Two losses, two optimizers, one graph; the second moves the head alone. */
    const an_updates all = an_minimize(both, an_sgd(.rate = 0.1f));
    const an_updates head = an_minimize(extra, an_sgd(.rate = 0.1f), .wrt = {u});
    m.loss = both;
    an_program *p = compile(&m, head);
    run(p, 1);
    ck_assert(weight(&m, 0) == 2);
    ck_assert(an_tensor_get(an_store_view(m.store, "head/u"), 0) != 1);
    an_program_free(p);
    p = compile(&m, all);
    run(p, 1);
    ck_assert(weight(&m, 0) != 2);
    ck_assert(an_tensor_get(an_store_view(m.store, "frozen/f"), 0) == 1);
    ck_assert_ptr_nonnull(an_store_view(m.store, "sgd_1/step"));
    end(&m, p);
}
END_TEST

START_TEST(test_misuse)
{
    an_graph *g = an_graph_new("t");
    const an_value x = an_input(g, "x", AN_F32, AN_SCALAR);
    const an_updates up = an_minimize(an_mul(x, x), an_adam());
    ck_assert_int_eq(up.id, 0);
    ck_assert_int_eq(an_graph_status(g), AN_E_GRADIENT);
    ck_assert_ptr_nonnull(strstr(an_graph_message(g), "test_minimize.c:"));
    an_graph_free(g);
    ck_assert_int_eq(an_minimize_with(NULL).id, 0);
}
END_TEST

AN_TEST_MAIN("minimize", test_sgd, test_momentum, test_adam_and_adamw, test_clipping,
             test_clipping_of_huge_gradients, test_which_states, test_misuse)
