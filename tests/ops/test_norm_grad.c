/* test_norm_grad.c -- gradients of norms, residuals and softmax, as graphs.
 *
 * Each subject becomes a scalar with weights on all its results, mean and rstd
 * too, and its gradients are compared with central differences in f64; then the
 * same for a weighted sum of those gradients, which proves the second order.    */
#include "graph/evaluate.h"
#include "tests/support.h"

#include <math.h>

#define SEED 31u
#define OPERANDS 4

typedef struct subject {
    const char *name;
    int operands;
    an_shape shape[OPERANDS];
    int axis;
    /* Builds the op on `in` and returns how many results are to be weighted. */
    int (*build)(const an_value in[], int axis, an_value out[]);
} subject;

static int build_layer_norm(const an_value in[], int axis, an_value out[])
{
    out[0] = an_layer_norm(in[0], in[1], in[2], axis, 1e-2f);
    out[1] = an_result(out[0], 1);
    out[2] = an_result(out[0], 2);
    return 3;
}

static int build_bare_norm(const an_value in[], int axis, an_value out[])
{
    out[0] = an_layer_norm(in[0], AN_NONE, AN_NONE, axis, 1e-2f);
    return 1;
}

static int build_statistics(const an_value in[], int axis, an_value out[])
{
    const an_value y = an_layer_norm(in[0], AN_NONE, AN_NONE, axis, 1e-2f);
    out[0] = an_result(y, 1);
    out[1] = an_result(y, 2);
    return 2;
}

static int build_rms_norm(const an_value in[], int axis, an_value out[])
{
    out[0] = an_rms_norm(in[0], in[1], axis, 1e-2f);
    out[1] = an_result(out[0], 1);
    return 2;
}

static int build_add_norm(const an_value in[], int axis, an_value out[])
{
    out[0] = an_add_norm(in[0], in[1], in[2], in[3], axis, 1e-2f);
    for (int k = 1; k < 4; k++) out[k] = an_result(out[0], k);
    return 4;
}

static int build_add_rms_norm(const an_value in[], int axis, an_value out[])
{
    out[0] = an_add_rms_norm(in[0], in[1], in[2], axis, 1e-2f);
    for (int k = 1; k < 3; k++) out[k] = an_result(out[0], k);
    return 3;
}

static int build_scaled(const an_value in[], int axis, an_value out[])
{
    (void)axis;
    out[0] = an_residual_add(an_residual_add_scaled(in[0], in[1], in[2]), in[1]);
    return 1;
}

static int build_softmax(const an_value in[], int axis, an_value out[])
{
    out[0] = an_softmax(in[0], axis);
    return 1;
}

static int build_log_softmax(const an_value in[], int axis, an_value out[])
{
    out[0] = an_log_softmax(in[0], axis);
    return 1;
}

#define BLOCK {3, {2, 3, 5}}
#define ROW {1, {5}}
#define PLANE {2, {3, 5}}

static const subject subjects[] = {
    {"layer_norm", 3, {BLOCK, ROW, ROW}, -1, build_layer_norm},
    {"layer_norm over two axes", 3, {BLOCK, PLANE, PLANE}, 1, build_layer_norm},
    {"layer_norm over all axes", 3, {BLOCK, BLOCK, BLOCK}, 0, build_layer_norm},
    {"layer_norm without scales", 1, {BLOCK}, 2, build_bare_norm},
    {"mean and rstd only", 1, {BLOCK}, 1, build_statistics},
    {"rms_norm", 2, {BLOCK, ROW}, -1, build_rms_norm},
    {"rms_norm over two axes", 2, {BLOCK, PLANE}, 1, build_rms_norm},
    {"add_norm", 4, {BLOCK, BLOCK, ROW, ROW}, -1, build_add_norm},
    {"add_norm over two axes", 4, {BLOCK, BLOCK, PLANE, PLANE}, 1, build_add_norm},
    {"add_rms_norm", 3, {BLOCK, BLOCK, ROW}, -1, build_add_rms_norm},
    {"add_rms_norm over two axes", 3, {BLOCK, BLOCK, PLANE}, 1, build_add_rms_norm},
    {"residual_add_scaled", 3, {BLOCK, BLOCK, ROW}, 0, build_scaled},
    {"softmax", 1, {BLOCK}, -1, build_softmax},
    {"softmax, middle axis", 1, {BLOCK}, 1, build_softmax},
    {"log_softmax", 1, {BLOCK}, -1, build_log_softmax},
    {"log_softmax, first axis", 1, {BLOCK}, 0, build_log_softmax},
};

/* ---- from results to a scalar ---------------------------------------------- */

/* sum(v * weights), weights drawn at random: no symmetry of sums hides an error. */
static an_value weigh(an_value v, an_test_random *r)
{
    const an_shape shape = an_type_of(v).shape;
    an_tensor t = {0};
    ck_assert_int_eq(an_tensor_alloc(&t, AN_F64, shape.rank, shape.dim), AN_OK);
    for (int64_t i = 0; i < an_tensor_count(&t); i++)
        an_tensor_set(&t, i, an_test_uniform(r, -1, 1));
    const an_value weights = an_constant(v.graph, &t);
    an_tensor_free(&t);
    return an_sum_axes(an_mul(v, weights), AN_ALL_AXES, false);
}

static an_value weigh_all(const an_value v[], int count, an_test_random *r)
{
    an_value total = weigh(v[0], r);
    for (int i = 1; i < count; i++) total = an_add(total, weigh(v[i], r));
    return total;
}

static double value_of(an_evaluation *e, an_value v)
{
    ck_assert_msg(an_evaluation_run(e) == AN_OK, "%s", e->error.text);
    return an_tensor_get(&e->value[v.id], 0);
}

/* `loss` against its gradients d[i] with regard to in[i], element by element. */
static void compare(const subject *s, const char *order, an_value loss, const an_value in[],
                    const an_value d[])
{
    an_evaluation e = {0};
    ck_assert_int_eq(an_evaluation_begin(&e, loss.graph, NULL), AN_OK);
    an_test_random r = {SEED};
    for (int i = 0; i < s->operands; i++)
        for (int64_t k = 0; k < an_tensor_count(&e.value[in[i].id]); k++)
            an_tensor_set(&e.value[in[i].id], k, an_test_uniform(&r, -2, 2));
    for (int i = 0; i < s->operands; i++) {
        an_tensor *x = &e.value[in[i].id];
        double most = 0;
        for (int64_t k = 0; k < an_tensor_count(x); k++) {
            const double at = an_tensor_get(x, k), step = 1e-5;
            value_of(&e, loss);
            const double got = an_tensor_get(&e.value[d[i].id], k);
            an_tensor_set(x, k, at + step);
            const double above = value_of(&e, loss);
            an_tensor_set(x, k, at - step);
            const double below = value_of(&e, loss);
            an_tensor_set(x, k, at);
            ck_assert_msg(an_test_close(got, (above - below) / (2 * step), 1e-7),
                          "%s, %s order, operand %d[%d]: %.10g, differences give %.10g, seed %u",
                          s->name, order, i, (int)k, got, (above - below) / (2 * step), SEED);
            most = fmax(most, fabs(got));
        }
        ck_assert_msg(most > 1e-3 || !strcmp(order, "second"), "%s: gradient %d is zero", s->name,
                      i);
    }
    an_evaluation_free(&e);
}

START_TEST(test_gradients)
{
    const subject *s = &subjects[_i];
    an_graph *g = an_graph_new("t");
    an_test_random r = {SEED + 1};
    an_value in[OPERANDS], out[4], d[OPERANDS], dd[OPERANDS];
    for (int i = 0; i < s->operands; i++) {
        char name[16];
        snprintf(name, sizeof name, "x%d", i);
        in[i] = an_input(g, name, AN_F64, s->shape[i]);
    }
    const an_value loss = weigh_all(out, s->build(in, s->axis, out), &r);
    an_gradients(loss, in, s->operands, d);
    ck_assert_msg(an_graph_status(g) == AN_OK, "%s: %s", s->name, an_graph_message(g));
    compare(s, "first", loss, in, d);
    /* Of softmax's and the norms' own gradients; a linear op has no second order. */
    const an_value squares = an_mul(weigh_all(d, s->operands, &r), loss);
    an_gradients(squares, in, s->operands, dd);
    ck_assert_msg(an_graph_status(g) == AN_OK, "%s: %s", s->name, an_graph_message(g));
    compare(s, "second", squares, in, dd);
    an_graph_free(g);
}
END_TEST

/* ---- what infer refuses ------------------------------------------------------ */

static void want_message(an_graph *g, const char *part)
{
    const char *message = an_graph_message(g);
    ck_assert_msg(strstr(message, part) != NULL, "\"%s\" does not say \"%s\"", message, part);
    an_graph_free(g);
}

START_TEST(test_refusals)
{
    an_graph *g = an_graph_new("t");
    const an_dim B = an_dim_named(g, "B");
    const an_value x = an_input(g, "x", AN_F32, AN_SHAPE(B, 8));
    an_residual_add(x, an_input(g, "row", AN_F32, AN_SHAPE(8)));
    want_message(g, "ranks differ (2 vs 1)");

    g = an_graph_new("t");
    an_value y = an_input(g, "x", AN_F32, AN_SHAPE(2, 8));
    an_layer_norm(y, an_input(g, "gamma", AN_F32, AN_SHAPE(1)), AN_NONE, -1, 0);
    want_message(g, "gamma must have shape [8], not [1]");

    g = an_graph_new("t");
    y = an_input(g, "x", AN_F32, AN_SHAPE(2, 8));
    an_layer_norm(y, AN_NONE, AN_NONE, 2, 0);
    want_message(g, "axis 2 is out of range");

    g = an_graph_new("t");
    y = an_input(g, "x", AN_F32, AN_SHAPE(8));
    an_residual_add_scaled(y, y, an_input(g, "scale", AN_F32, AN_SHAPE(3, 8)));
    want_message(g, "scale does not broadcast");

    g = an_graph_new("t");
    an_softmax(an_input(g, "x", AN_I32, AN_SHAPE(8)), 0);
    want_message(g, "f32 or f64");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("norm_grad");
    TCase *group = tcase_create("all");
    tcase_set_timeout(group, 120);
    tcase_add_loop_test(group, test_gradients, 0, (int)(sizeof subjects / sizeof *subjects));
    tcase_add_test(group, test_refusals);
    suite_add_tcase(suite, group);
    return an_test_run_suite(suite);
}
