/* test_losses.c -- losses with options and metrics against right values.
 *
 * vectors_losses.h holds values and gradients that vectors_losses.py computes from the formulas by
 * numpy, and compares with PyTorch's where that is installed. What stands here besides was worked
 * out by hand: nothing that counts, logits far out, rows of 1e30, counts of classes.  */
#include "graph/equal/equal.h"
#include "frontends/frontends.h"
#include "optim/optim.h"
#include "tests/support.h"

#include <math.h>

#include "tests/ops/vectors_losses.h"

static an_tensor tensor_of(an_dtype dtype, int rank, const int64_t *extent, const double *values)
{
    an_tensor t = {0};
    ck_assert_int_eq(an_tensor_alloc(&t, dtype, rank, extent), AN_OK);
    for (int64_t i = 0; i < an_tensor_count(&t); i++) an_tensor_set(&t, i, values[i]);
    return t;
}

static int fed; /* literals are inputs instead, and counted, unless it is 0 */

/* Literals, which take no gradient: [rank 2: N, K], [K], [N]. */
static an_value literal(an_graph *g, an_dtype dtype, int rank, const int64_t *extent,
                        const double *values)
{
    char name[16];
    snprintf(name, sizeof name, "fed %d", fed);
    an_shape shape = {.rank = rank};
    for (int i = 0; i < rank; i++) shape.dim[i] = extent[i];
    if (fed && fed++) return an_input(g, name, dtype, shape);
    an_tensor t = tensor_of(dtype, rank, extent, values);
    const an_value v = an_constant(g, &t);
    an_tensor_free(&t);
    return v;
}

static an_value rows_like(an_value x, const double *values)
{
    return literal(x.graph, an_type_of(x).dtype, 1, (int64_t[]){N}, values);
}

static an_value classes_like(an_value x, const double *values)
{
    return literal(x.graph, an_type_of(x).dtype, 1, (int64_t[]){K}, values);
}

static an_value matrix_like(an_value x, const double *values)
{
    return literal(x.graph, an_type_of(x).dtype, 2, (int64_t[]){N, K}, values);
}

static an_value labels_of(an_value x, bool ignored)
{
    int32_t ids[N];
    for (int i = 0; i < N; i++) ids[i] = data_labels[i] < 0 && !ignored ? 1 : data_labels[i];
    const an_tensor t = an_tensor_borrow(AN_I32, AN_EXTENTS(N), ids);
    return an_constant(x.graph, &t);
}

/* Computes v from x; the caller frees. */
static an_tensor run_of(an_value v, const an_tensor *x)
{
    an_store *store = an_store_new(1);
    an_program *p = an_compile(v.graph, store, .fetch = {v});
    ck_assert_msg(p != NULL, "%s%s", an_graph_message(v.graph), an_compile_message(v.graph));
    an_tensor out = {0};
    const an_feed feed = x ? (an_feed){"x", x} : (an_feed){0};
    ck_assert_msg(an_run(p, .feed = {feed}, .out = {&out}) == AN_OK, "%s", an_program_message(p));
    an_program_free(p);
    an_store_free(store);
    return out;
}

/* ---- against numpy ------------------------------------------------------ */

#define SMOOTH .label_smoothing = 0.1f
#define IGNORE .ignore_index = AN_ID(-100)
#define CLASSES .class_weights = classes_like(x, data_classes)
#define ROWS .sample_weights = rows_like(x, data_rows)
#define POS .pos_weight = classes_like(x, data_pos)
#define LOSS(name, loss) static an_value name(an_value x) { return loss; }
LOSS(plain, an_softmax_cross_entropy(x, labels_of(x, false)))
LOSS(smoothed, an_softmax_cross_entropy(x, labels_of(x, false), SMOOTH))
LOSS(ignored, an_softmax_cross_entropy(x, labels_of(x, true), IGNORE))
LOSS(classes, an_softmax_cross_entropy(x, labels_of(x, true), IGNORE, CLASSES))
LOSS(rows, an_softmax_cross_entropy(x, labels_of(x, false), ROWS))
LOSS(all, an_softmax_cross_entropy(x, labels_of(x, true), SMOOTH, IGNORE, CLASSES, ROWS))
LOSS(smoothed_classes, an_softmax_cross_entropy(x, labels_of(x, true), SMOOTH, IGNORE, CLASSES))
LOSS(bce, an_bce_with_logits(x, matrix_like(x, data_z)))
LOSS(bce_smoothed, an_bce_with_logits(x, matrix_like(x, data_z), SMOOTH))
LOSS(bce_pos, an_bce_with_logits(x, matrix_like(x, data_z), POS))
LOSS(bce_all, an_bce_with_logits(x, matrix_like(x, data_z), SMOOTH, POS, ROWS))
LOSS(mse, an_mse(x, matrix_like(x, data_y)))
LOSS(mse_rows, an_mse(x, matrix_like(x, data_y), ROWS))
LOSS(mae, an_mae(x, matrix_like(x, data_y)))
LOSS(huber, an_huber(x, matrix_like(x, data_y)))
LOSS(huber_rows, an_huber(x, matrix_like(x, data_y), .delta = 2.5, ROWS))
LOSS(kl, an_kl_divergence(x, matrix_like(x, data_p)))
LOSS(kl_mean, an_kl_divergence(x, matrix_like(x, data_p), .mean = true))
LOSS(kl_log, an_kl_divergence(x, an_scale(matrix_like(x, data_x), 0.25), .log_target = true))
LOSS(cosine, an_sum(an_cosine_similarity(x, matrix_like(x, data_y), -1, 0), 0))

static const struct {
    const char *name;
    an_value (*build)(an_value x);
    const double *x, *right; /* the loss, then its gradient */
} trials[] = {
#define CASE(name) {#name, name, data_x, right_##name}
    CASE(plain), CASE(smoothed), CASE(ignored), CASE(classes), CASE(rows), CASE(all),
    CASE(smoothed_classes), CASE(bce), CASE(bce_smoothed), CASE(bce_pos), CASE(bce_all),
    CASE(mse), CASE(mse_rows), CASE(mae), CASE(huber), CASE(huber_rows),
    {"kl", kl, data_q, right_kl}, {"kl_mean", kl_mean, data_q, right_kl_mean},
    {"kl_log", kl_log, data_q, right_kl_log}, CASE(cosine)};
enum { CASES = sizeof trials / sizeof *trials };

static an_graph *graph_of(int i, an_dtype dtype, an_value *x, an_value *loss)
{
    an_graph *g = an_graph_new(trials[i].name);
    *x = an_input(g, "x", dtype, AN_SHAPE(N, K));
    *loss = trials[i].build(*x);
    ck_assert_msg(an_graph_status(g) == AN_OK, "%s: %s", trials[i].name, an_graph_message(g));
    return g;
}

/* In f32 to 2e-6 of the largest, in f64 to what differences know. */
START_TEST(test_values_and_gradients)
{
    for (int i = 0; i < CASES; i++)
        for (int wide = 0; wide < 2; wide++) {
            const an_dtype dtype = wide ? AN_F64 : AN_F32;
            an_value x, loss;
            an_graph *g = graph_of(i, dtype, &x, &loss);
            an_tensor data = tensor_of(dtype, 2, (int64_t[]){N, K}, trials[i].x);
            an_tensor y = run_of(loss, &data), dx = run_of(an_gradient(loss, x), &data);
            const double tolerance = wide ? 1e-10 : 2e-6;
            double most = 0;
            for (int k = 0; k < N * K; k++) most = fmax(most, fabs(trials[i].right[1 + k]));
            ck_assert_msg(fabs(an_tensor_get(&y, 0) - trials[i].right[0]) <=
                              tolerance * fabs(trials[i].right[0]),
                          "%s: %.12g, not %.12g", trials[i].name, an_tensor_get(&y, 0),
                          trials[i].right[0]);
            for (int k = 0; k < N * K; k++)
                ck_assert_msg(fabs(an_tensor_get(&dx, k) - trials[i].right[1 + k]) <=
                                  tolerance * most,
                              "%s: dx[%d] = %.12g, not %.12g", trials[i].name, k,
                              an_tensor_get(&dx, k), trials[i].right[1 + k]);
            an_tensor_free(&data);
            an_tensor_free(&y);
            an_tensor_free(&dx);
            an_graph_free(g);
        }
}
END_TEST

static void want_slopes(const char *name, an_value loss)
{
    an_gradient_check *c = an_check_gradients(loss);
    ck_assert_msg(an_gradient_check_status(c) == AN_OK, "%s: %s", name,
                  an_gradient_check_message(c));
    ck_assert(an_gradient_check_tried(c) >= 16);
    an_gradient_check_free(c);
}

/* The gradient of the gradient, by differences. */
START_TEST(test_second_order)
{
    for (int i = 0; i < CASES; i++) {
        const bool linear = !strcmp(trials[i].name, "mae") || !strncmp(trials[i].name, "kl", 2);
        an_value x, loss;
        an_graph *g = graph_of(i, AN_F64, &x, &loss);
        if (!linear) want_slopes(trials[i].name, an_square(an_gradient(loss, x)));
        an_graph_free(g);
    }
}
END_TEST

/* The other sides: both distributions, both directions, the labels. */
LOSS(kl_target, an_kl_divergence(matrix_like(x, data_q), an_softmax(x, -1)))
LOSS(kl_log_target, an_kl_divergence(an_log_softmax(matrix_like(x, data_y), -1),
                                     an_log_softmax(x, -1), .log_target = true))
LOSS(cosine_eps, an_cosine_similarity(matrix_like(x, data_y), x, 0, 4))
LOSS(bce_labels, an_bce_with_logits(matrix_like(x, data_x), an_sigmoid(x), SMOOTH, POS))

START_TEST(test_other_operands)
{
    an_value (*const build[])(an_value) = {kl_target, kl_log_target, cosine_eps, bce_labels};
    for (int i = 0; i < 4; i++) {
        an_graph *g = an_graph_new("other");
        const an_value x = an_input(g, "x", AN_F64, AN_SHAPE(N, K)), y = build[i](x);
        want_slopes("first", y);
        const an_value loss = i == 2 ? an_sum(y, 0) : y;
        want_slopes("second", an_square(an_gradient(loss, x)));
        an_graph_free(g);
    }
}
END_TEST

/* Minimised, compiled and run, each is what was written, and known to be. Targets and weights are
 * drawn, too, so that kl, which wants probabilities, is left out. One seed in eight draws a 0 for
 * what reaches a scalar loss and shows nothing: then the next one. */
START_TEST(test_training_is_proved)
{
    for (int i = 0; i < CASES; i++) {
        if (!strcmp(trials[i].name, "kl") || !strcmp(trials[i].name, "kl_mean")) continue;
        fed = 1;
        an_graph *g = an_graph_new(trials[i].name);
        const an_value x = an_input(g, "x", AN_F32, AN_SHAPE(N, K));
        const an_value loss = trials[i].build(an_nn_dense(x, .units = K));
        const an_updates steps = an_minimize(loss, an_adam(.rate = 0.01));
        an_store *store = an_store_new(1);
        an_program *p = an_compile(g, store, .fetch = {loss}, .update = steps);
        ck_assert_msg(p != NULL, "%s", an_compile_message(g));
        an_equivalence *e = NULL;
        uint64_t seed = 0;
        do {
            an_equivalence_free(e);
            e = an_equivalent(g, an_program_graph(p), .gradients = true, .subset = true,
                              .seed = ++seed);
        } while (an_equivalence_numbers(e) == AN_VACUOUS && seed < 8);
        ck_assert_msg(an_equivalence_holds(e, AN_RUNG_PROVED) &&
                          an_equivalence_numbers(e) == AN_BITWISE,
                      "%s: %s", trials[i].name, an_equivalence_message(e));
        an_equivalence_free(e);
        an_program_free(p);
        an_store_free(store);
        an_graph_free(g);
        fed = 0;
    }
}
END_TEST

/* ---- what counts nothing ------------------------------------------------ */

static void expect(const char *what, an_value v, const an_tensor *x, int count, const double *want)
{
    an_tensor y = run_of(v, x);
    ck_assert_int_eq(an_tensor_count(&y), count);
    for (int i = 0; i < count; i++) {
        const double got = an_tensor_get(&y, i), size = fabs(want[i]);
        ck_assert_msg(got == want[i] || fabs(got - want[i]) <= 2e-6 * size,
                      "%s[%d]: %.9g, not %.9g", what, i, got, want[i]);
    }
    an_tensor_free(&y);
}

/* All rows ignored, or without weight: 0 and no gradient, whatever the logits are. */
START_TEST(test_nothing_counts)
{
    float data[2][3] = {{1, 2, NAN}, {INFINITY, 4, 5}};
    const an_tensor x = an_tensor_borrow(AN_F32, AN_EXTENTS(2, 3), data);
    int32_t ids[] = {-1, -1}, real[] = {2, 0};
    const an_tensor none = an_tensor_borrow(AN_I32, AN_EXTENTS(2), ids);
    const an_tensor some = an_tensor_borrow(AN_I32, AN_EXTENTS(2), real);
    an_graph *g = an_graph_new("nothing");
    const an_value logits = an_input(g, "x", AN_F32, AN_SHAPE(2, 3));
    const an_value zeros = an_fill(g, AN_F32, AN_SHAPE(2), 0);
    const an_value none_of_3 = an_fill(g, AN_F32, AN_SHAPE(3), 0);
    const an_value labels = an_constant(g, &some);
    const an_value losses[] = {
        an_softmax_cross_entropy(logits, an_constant(g, &none), .ignore_index = AN_ID(-1)),
        an_softmax_cross_entropy(logits, an_constant(g, &none), .ignore_index = AN_ID(-1),
                                 .label_smoothing = 0.3),
        an_softmax_cross_entropy(logits, labels, .sample_weights = zeros),
        an_softmax_cross_entropy(logits, labels, .sample_weights = zeros, .label_smoothing = 1),
        an_softmax_cross_entropy(logits, labels, .class_weights = none_of_3),
        an_bce_with_logits(logits, an_fill(g, AN_F32, AN_SHAPE(2, 3), 0), .sample_weights = zeros),
        an_mse(logits, an_fill(g, AN_F32, AN_SHAPE(2, 3), 7), .sample_weights = zeros),
        an_huber(logits, an_fill(g, AN_F32, AN_SHAPE(2, 3), 7), .sample_weights = zeros)};
    const double nothing[6] = {0};
    for (size_t i = 0; i < sizeof losses / sizeof *losses; i++) {
        expect("loss of nothing", losses[i], &x, 1, nothing);
        expect("its gradient", an_gradient(losses[i], logits), &x, 6, nothing);
    }
    an_graph_free(g);
}
END_TEST

/* A row of weight 0 is left out though its loss is no number; weights of sum 0 leave nothing. */
START_TEST(test_left_out)
{
    float data[2][2] = {{0, 0}, {NAN, INFINITY}}, one[] = {1, 0}, balanced[] = {1, -1};
    int32_t ids[] = {0, 1};
    const an_tensor x = an_tensor_borrow(AN_F32, AN_EXTENTS(2, 2), data);
    const an_tensor labels = an_tensor_borrow(AN_I32, AN_EXTENTS(2), ids);
    const an_tensor first = an_tensor_borrow(AN_F32, AN_EXTENTS(2), one);
    const an_tensor both = an_tensor_borrow(AN_F32, AN_EXTENTS(2), balanced);
    an_graph *g = an_graph_new("left out");
    const an_value v = an_input(g, "x", AN_F32, AN_SHAPE(2, 2)), y = an_constant(g, &labels);
    const an_value w = an_constant(g, &first), ones = an_fill(g, AN_F32, AN_SHAPE(2, 2), 1);
    const struct {
        an_value loss;
        double right, slope; /* of the first element; the second of logits has its opposite */
    } cases[] = {
        {an_softmax_cross_entropy(v, y, .sample_weights = w), log(2), -0.5},
        {an_softmax_cross_entropy(v, y, .class_weights = w), log(2), -0.5},
        {an_softmax_cross_entropy(v, y, .sample_weights = w, .label_smoothing = 0.5), log(2),
         -0.25},
        {an_bce_with_logits(v, ones, .sample_weights = w), log(2), -0.25},
        {an_mse(v, ones, .sample_weights = w), 1, -1},
        {an_mae(v, ones, .sample_weights = w), 1, -0.5},
        {an_huber(v, ones, .sample_weights = w), 0.5, -0.5}};
    for (int i = 0; i < 7; i++) {
        const double slope = cases[i].slope, other = i < 3 ? -slope : slope;
        expect("loss", cases[i].loss, &x, 1, &cases[i].right);
        expect("gradient", an_gradient(cases[i].loss, v), &x, 4,
               (const double[]){slope, other, 0, 0});
    }
    float plain[2][2] = {{0, 1}, {2, 0}};
    const an_tensor z = an_tensor_borrow(AN_F32, AN_EXTENTS(2, 2), plain);
    const an_value none = an_softmax_cross_entropy(v, y, .sample_weights = an_constant(g, &both));
    expect("balanced", none, &z, 1, (const double[]){0});
    expect("its gradient", an_gradient(none, v), &z, 4, (const double[]){0, 0, 0, 0});
    an_graph_free(g);
}
END_TEST

/* What p rules out costs nothing, though q rules it out, too. */
START_TEST(test_kl_of_zero)
{
    float logs[] = {(float)-0.69314718055994531, -INFINITY}, p[] = {1, 0};
    const an_tensor x = an_tensor_borrow(AN_F32, AN_EXTENTS(1, 2), logs);
    const an_tensor target = an_tensor_borrow(AN_F32, AN_EXTENTS(1, 2), p);
    an_graph *g = an_graph_new("kl");
    const an_value q = an_input(g, "x", AN_F32, AN_SHAPE(1, 2)), t = an_constant(g, &target);
    const an_value losses[] = {an_kl_divergence(q, t),
                               an_kl_divergence(q, an_log(t), .log_target = true)};
    for (int i = 0; i < 2; i++) {
        expect("kl", losses[i], &x, 1, (const double[]){log(2)});
        expect("its gradient", an_gradient(losses[i], q), &x, 2, (const double[]){-1, 0});
    }
    an_graph_free(g);
}
END_TEST

/* No rows: 0 where rows are weighted, NaN as ever where they are not. */
START_TEST(test_no_rows)
{
    an_graph *g = an_graph_new("empty");
    const an_dim B = an_dim_named(g, "B");
    const an_value x = an_input(g, "x", AN_F32, AN_SHAPE(B, 3));
    const an_value labels = an_cast(an_sum(x, -1), AN_I32), weights = an_sum(x, -1);
    const an_tensor none = an_tensor_borrow(AN_F32, AN_EXTENTS(0, 3), (float[1]){0});
    const double zero = 0;
    expect("ignoring", an_softmax_cross_entropy(x, labels, .ignore_index = AN_ID(0)), &none, 1,
           &zero);
    expect("weighted", an_softmax_cross_entropy(x, labels, .sample_weights = weights), &none, 1,
           &zero);
    expect("mse", an_mse(x, an_neg(x), .sample_weights = weights), &none, 1, &zero);
    expect("f1", an_f1(x, labels, 0), &none, 1, &zero);
    const an_value means[] = {an_softmax_cross_entropy(x, labels), an_mse(x, x), an_mae(x, x),
                              an_softmax_cross_entropy(x, labels, .label_smoothing = 0.1),
                              an_kl_divergence(x, x)};
    for (size_t i = 0; i < sizeof means / sizeof *means; i++) {
        an_tensor y = run_of(means[i], &none);
        ck_assert(isnan(an_tensor_get(&y, 0)));
        an_tensor_free(&y);
    }
    an_graph_free(g);
}
END_TEST

/* Of losses 1 4 9 16 | 25 36 49 64, [2,2,2]: a weight stands for all that lies behind it. */
START_TEST(test_weights_of_leading_dims)
{
    float data[8] = {1, 2, 3, 4, 5, 6, 7, 8};
    const an_tensor x = an_tensor_borrow(AN_F32, AN_EXTENTS(2, 2, 2), data);
    an_graph *g = an_graph_new("leading");
    const an_value p = an_input(g, "x", AN_F32, AN_SHAPE(2, 2, 2));
    const an_value zero = an_fill(g, AN_F32, AN_SHAPE(2, 2, 2), 0);
    const double weights[4][8] = {{5}, {1, 3}, {1, 0, 0, 2}, {0, 0, 0, 0, 0, 0, 0, 2}};
    const double right[] = {204 / 8.0, (30 + 3 * 174) / 16.0, (5 + 2 * 113) / 6.0, 64};
    for (int rank = 0; rank < 4; rank++) {
        const an_value w = literal(g, AN_F32, rank, (int64_t[]){2, 2, 2}, weights[rank]);
        expect("mse", an_mse(p, zero, .sample_weights = w), &x, 1, &right[rank]);
    }
    const an_value w = literal(g, AN_F32, 1, (int64_t[]){2}, weights[1]);
    expect("each", an_mae(p, zero, .sample_weights = w, .each = true), &x, 8,
           (const double[]){1, 2, 3, 4, 15, 18, 21, 24});
    const an_value loss = an_mse(an_stop_gradient(p), zero, .sample_weights = p);
    expect("no gradient", an_gradient(loss, p), &x, 8, (const double[8]){0});
    an_graph_free(g);
}
END_TEST

/* ---- magnitudes --------------------------------------------------------- */

/* Logits of 1e4 and 1e38, a class that is ruled out, and the same classes with no weight. */
START_TEST(test_far_logits)
{
    float data[4][3] = {{1e4f, 0, -1e4f}, {1e38f, 0, -1e38f}, {0, -INFINITY, 0}, {0, 0, -INFINITY}};
    const an_tensor x = an_tensor_borrow(AN_F32, AN_EXTENTS(4, 3), data);
    int32_t ids[] = {1, 0, 0, 0};
    const an_tensor labels = an_tensor_borrow(AN_I32, AN_EXTENTS(4), ids);
    an_graph *g = an_graph_new("far");
    const an_value logits = an_input(g, "x", AN_F32, AN_SHAPE(4, 3)), y = an_constant(g, &labels);
    /* each = sum_j q_j (log sum - (x_j - m)) by hand, q = .1 evenly and .7 more at the label */
    const an_value smooth = an_softmax_cross_entropy(logits, y, .label_smoothing = 0.3);
    expect("smoothed", an_result(smooth, 1), &x, 4,
           (const double[]){0.8 * 1e4 + 0.1 * 2e4, 0.1 * 1e38 + 0.1 * 2e38, INFINITY, INFINITY});
    const float w[] = {1, 0, 1};
    const an_tensor tw = an_tensor_borrow(AN_F32, AN_EXTENTS(3), (void *)w);
    const an_value without = an_softmax_cross_entropy(logits, y, .label_smoothing = 0.3,
                                                      .class_weights = an_constant(g, &tw));
    expect("without class 1", an_result(without, 1), &x, 4,
           (const double[]){0.1 * 2e4, 0.1 * 2e38, 0.9 * log(2), INFINITY});
    /* The third row: p = 1/2, 0, 1/2 and q = .8, 0, .1, of sum .9; divided by the weights, 3. */
    an_tensor dx = run_of(an_gradient(without, logits), &x);
    ck_assert(an_test_close(an_tensor_get(&dx, 6), -0.35 / 3, 1e-6));
    ck_assert(an_tensor_get(&dx, 7) == 0);
    ck_assert(an_test_close(an_tensor_get(&dx, 8), 0.35 / 3, 1e-6));
    an_tensor_free(&dx);
    an_graph_free(g);
}
END_TEST

START_TEST(test_far_bce)
{
    float data[] = {1e4f, -1e4f, -1e4f, 1e4f, -INFINITY, INFINITY, -30};
    const float labels[] = {1, 0, 1, 0, 0, 1, 0};
    const an_tensor x = an_tensor_borrow(AN_F32, AN_EXTENTS(7), data);
    const an_tensor z = an_tensor_borrow(AN_F32, AN_EXTENTS(7), (void *)labels);
    an_graph *g = an_graph_new("far bce");
    const an_value logits = an_input(g, "x", AN_F32, AN_SHAPE(7));
    const an_value each = an_bce_with_logits(logits, an_constant(g, &z), .each = true,
                                             .pos_weight = an_fill(g, AN_F32, AN_SCALAR, 3));
    expect("bce", each, &x, 7, (const double[]){0, 0, 3e4, 1e4, 0, 0, exp(-30)});
    expect("its slope", an_gradient(an_sum(each, 0), logits), &x, 7,
           (const double[]){0, 0, -3, 1, 0, 0, exp(-30)});
    an_graph_free(g);
}
END_TEST

/* Parallel, opposite, at 60 degrees, and without a direction. */
START_TEST(test_cosine_at_any_length)
{
    float a[][2] = {{1e30f, 1e30f}, {1e-30f, 0}, {3, 4}, {0, 0}, {3e38f, 3e38f}, {1e-44f, 0}};
    float b[][2] = {{2e30f, 2e30f}, {-1e30f, 0}, {4, 3}, {1, 2}, {3e38f, -3e38f}, {1, 0}};
    const an_tensor x = an_tensor_borrow(AN_F32, AN_EXTENTS(6, 2), a);
    const an_tensor y = an_tensor_borrow(AN_F32, AN_EXTENTS(6, 2), b);
    an_graph *g = an_graph_new("cosine");
    const an_value v = an_input(g, "x", AN_F32, AN_SHAPE(6, 2)), w = an_constant(g, &y);
    const an_value cosine = an_cosine_similarity(v, w, -1, 0);
    expect("cosine", cosine, &x, 6, (const double[]){1, -1, 24 / 25.0, 0, 0, 1});
    an_tensor dx = run_of(an_gradient(an_sum(cosine, 0), v), &x);
    /* d cos / da = (b/|b| - cos a/|a|) / |a|: (4/5 - .96 3/5, 3/5 - .96 4/5) / 5 for the third */
    ck_assert(an_test_close(an_tensor_get(&dx, 4), (0.8 - 0.576) / 5, 1e-6));
    ck_assert(an_test_close(an_tensor_get(&dx, 5), (0.6 - 0.768) / 5, 1e-6));
    ck_assert(an_tensor_get(&dx, 6) == 0 && an_tensor_get(&dx, 7) == 0);
    an_tensor_free(&dx);
    /* PyTorch's eps calls the short ones unlike: a.b / (1e-8 |b|). */
    expect("eps", an_cosine_similarity(v, w, 1, 1e-8), &x, 6,
           (const double[]){1, -1e-22, 24 / 25.0, 0, 0, (double)1e-44f / 1e-8});
    an_graph_free(g);
}
END_TEST

/* ---- metrics ------------------------------------------------------------ */

START_TEST(test_perplexity)
{
    float data[2][4] = {{0, 0, 0, 0}, {5, 5, 5, 5}};
    const an_tensor x = an_tensor_borrow(AN_F32, AN_EXTENTS(2, 4), data);
    an_graph *g = an_graph_new("perplexity");
    const an_value logits = an_input(g, "x", AN_F32, AN_SHAPE(2, 4));
    const an_value labels = an_fill(g, AN_I64, AN_SHAPE(2), 3);
    const double four = 4;
    expect("of equals", an_perplexity(logits, labels), &x, 1, &four);
    an_graph_free(g);
}
END_TEST

/* Of 6: said 1 1 1 0 0 1, so 1 0 1 1 0 0: tp 2, fp 2, fn 1. */
START_TEST(test_binary_counts)
{
    float data[] = {0.9f, 0.8f, 0.7f, 0.2f, 0.5f, 0.6f};
    const float labels[] = {1, 0, 1, 1, 0, 0};
    const an_tensor x = an_tensor_borrow(AN_F32, AN_EXTENTS(6), data);
    const an_tensor y = an_tensor_borrow(AN_F32, AN_EXTENTS(6), (void *)labels);
    an_graph *g = an_graph_new("counts");
    const an_value p = an_input(g, "x", AN_F32, AN_SHAPE(6)), so = an_constant(g, &y);
    expect("counts", an_class_counts(p, so, 0.5), &x, 3, (const double[]){2, 2, 1});
    expect("precision", an_precision(p, so, 0.5), &x, 1, (const double[]){2 / 4.0});
    expect("recall", an_recall(p, so, 0.5), &x, 1, (const double[]){2 / 3.0});
    expect("f1", an_f1(p, so, 0.5), &x, 1, (const double[]){4 / 7.0});
    expect("integers", an_f1(p, an_cast(so, AN_I32), 0.5), &x, 1, (const double[]){4 / 7.0});
    expect("none said", an_precision(p, so, 2), &x, 1, (const double[]){0});
    an_graph_free(g);
}
END_TEST

/* Said 0 0 1 2 1, so 0 1 1 2 2, of 4 classes:
 *     tp 1 1 1 0   fp 1 1 0 0   fn 0 1 1 0   f1 2/3 1/2 2/3 0 */
START_TEST(test_counts_of_classes)
{
    float data[5][4] = {{9, 0, 0, 0}, {9, 0, 0, 0}, {0, 9, 0, 0}, {0, 0, 9, 0}, {0, 9, 0, 0}};
    int32_t ids[] = {0, 1, 1, 2, 2};
    const an_tensor x = an_tensor_borrow(AN_F32, AN_EXTENTS(5, 4), data);
    const an_tensor y = an_tensor_borrow(AN_I32, AN_EXTENTS(5), ids);
    an_graph *g = an_graph_new("classes");
    const an_value p = an_input(g, "x", AN_F32, AN_SHAPE(5, 4)), so = an_constant(g, &y);
    expect("counts", an_class_counts(p, so, 0), &x, 12,
           (const double[]){1, 1, 1, 0, 1, 1, 0, 0, 0, 1, 1, 0});
    expect("precision", an_precision(p, so, 0), &x, 1, (const double[]){(0.5 + 0.5 + 1) / 4});
    expect("recall", an_recall(p, so, 0), &x, 1, (const double[]){(1 + 0.5 + 0.5) / 4});
    expect("f1", an_f1(p, so, 0), &x, 1, (const double[]){(2 / 3.0 + 0.5 + 2 / 3.0) / 4});
    an_graph_free(g);
}
END_TEST

/* Batches of 2, 2 and 1: an_evaluate's mean of F1 is not F1; of counts per row it is right. */
START_TEST(test_f1_over_batches)
{
    float data[] = {1, 1, 0, 1, 1};
    float labels[] = {1, 0, 1, 1, 1};
    const an_tensor x = an_tensor_borrow(AN_F32, AN_EXTENTS(5), data);
    const an_tensor y = an_tensor_borrow(AN_F32, AN_EXTENTS(5), labels);
    an_graph *g = an_graph_new("batches");
    const an_shape shape = AN_SHAPE(an_dim_named(g, "B"));
    const an_value p = an_input(g, "x", AN_F32, shape), so = an_input(g, "y", AN_F32, shape);
    const an_value shares =
        an_div(an_class_counts(p, so, 0.5), an_count(p, AN_ALL_AXES));
    an_value share[3];
    for (int i = 0; i < 3; i++) share[i] = an_reshape(an_slice(shares, 0, i, i + 1, 1), AN_SCALAR);
    an_store *store = an_store_new(1);
    an_program *program = an_compile(g, store, .fetch = {an_f1(p, so, 0.5), share[0], share[1],
                                                         share[2]}, .inference = true);
    ck_assert_msg(program != NULL, "%s", an_compile_message(g));
    for (int64_t batch = 2; batch <= 5; batch += 3) {
        an_scores *s = an_evaluate(program, .data = {{"x", &x}, {"y", &y}}, .batch = batch);
        const double tp = an_scores_value(s, 1);
        const double rest = an_scores_value(s, 2) + an_scores_value(s, 3);
        ck_assert(an_test_close(2 * tp / (2 * tp + rest), 6 / 8.0, 1e-6));
        const double mean = batch == 5 ? 6 / 8.0 : (2 * 2 / 3.0 + 2 * 2 / 3.0 + 1) / 5;
        ck_assert(an_test_close(an_scores_value(s, 0), mean, 1e-6));
        an_scores_free(s);
    }
    an_program_free(program);
    an_store_free(store);
    an_graph_free(g);
}
END_TEST

/* ---- embedding with a row for padding ----------------------------------- */

START_TEST(test_padding_row)
{
    float table[3][2] = {{NAN, 7}, {1, 2}, {3, 4}};
    int32_t at[] = {0, 2, 0, 1, 2};
    const an_tensor x = an_tensor_borrow(AN_F32, AN_EXTENTS(3, 2), table);
    const an_tensor ids = an_tensor_borrow(AN_I32, AN_EXTENTS(5), at);
    an_graph *g = an_graph_new("padding");
    const an_value w = an_input(g, "x", AN_F32, AN_SHAPE(3, 2)), i = an_constant(g, &ids);
    const an_value y = an_nn_embedding(i, .table = w, .padding_row = AN_ID(0));
    expect("rows", y, &x, 10, (const double[]){0, 0, 3, 4, 0, 0, 1, 2, 3, 4});
    expect("gradient", an_gradient(an_sum_axes(an_square(y), AN_ALL_AXES, false), w), &x, 6,
           (const double[]){0, 0, 2, 4, 12, 16});
    an_embedding_padded(w, i, 3);
    ck_assert_ptr_nonnull(strstr(an_graph_message(g), "no row 3"));
    an_graph_free(g);
}
END_TEST

/* ---- refusals ----------------------------------------------------------- */

#define SLIP(name, call) static an_value name(an_value x, an_value i, an_value r) {                \
    (void)i, (void)r; return call; }
SLIP(share_beyond_one, an_softmax_cross_entropy(x, i, .label_smoothing = 1.5))
SLIP(no_label, an_softmax_cross_entropy(x, i, .ignore_index = AN_ID((int64_t)1 << 40)))
SLIP(weights_of_rows_as_classes, an_softmax_cross_entropy(x, i, .class_weights = r))
SLIP(weights_of_classes_as_rows, an_mse(x, x, .sample_weights = an_sum(x, 0)))
SLIP(mse_delta, an_mse(x, x, .delta = 2))
SLIP(negative_delta, an_huber(x, x, .delta = -1))
SLIP(broad_target, an_mae(x, r))
SLIP(broad_pos_weight,
     an_bce_with_logits(x, x, .pos_weight = an_fill(x.graph, AN_F32, AN_SHAPE(2, 4, 3), 1)))
SLIP(bce_share, an_bce_with_logits(x, x, .label_smoothing = NAN))
SLIP(negative_eps, an_cosine_similarity(x, x, -1, -1))
SLIP(labels_of_another_shape, an_f1(x, an_iota(x.graph, AN_I32, AN_SHAPE(3), 0), 0.5))

START_TEST(test_refusals)
{
    static const struct {
        an_value (*call)(an_value x, an_value i, an_value r);
        const char *says;
    } slips[] = {
        {share_beyond_one, "label_smoothing 1.5 is not from 0 to 1"},
        {no_label, "ignore_index 1099511627776 is no label"},
        {weights_of_rows_as_classes, "class_weights must be one number a class"},
        {weights_of_classes_as_rows, "an_mse: sample_weights must have the leading dims"},
        {mse_delta, "an_mse has no delta"},
        {negative_delta, "an_huber: delta is not above 0"},
        {broad_target, "an_mae: prediction and target differ in shape"},
        {broad_pos_weight, "pos_weight broadcast to it"},
        {bce_share, "label_smoothing is not from 0 to 1"},
        {negative_eps, "eps is not at least 0"},
        {labels_of_another_shape, "an_class_counts: labels must have"},
    };
    for (size_t k = 0; k < sizeof slips / sizeof *slips; k++) {
        an_graph *g = an_graph_new("slip");
        const an_value x = an_input(g, "x", AN_F32, AN_SHAPE(4, 3));
        const an_value y = slips[k].call(x, an_input(g, "i", AN_I32, AN_SHAPE(4)),
                                         an_input(g, "r", AN_F32, AN_SHAPE(4)));
        ck_assert_msg(strstr(an_graph_message(g), slips[k].says) && !y.id, "%zu: \"%s\"", k,
                      an_graph_message(g));
        ck_assert_ptr_nonnull(strstr(an_graph_message(g), "test_losses.c:"));
        an_graph_free(g);
    }
}
END_TEST

/* Options are printed, read back, and tell losses apart. */
START_TEST(test_options_as_text)
{
    an_graph *g = an_graph_new("text");
    const an_value x = an_input(g, "x", AN_F32, AN_SHAPE(4, 3));
    const an_value i = an_input(g, "i", AN_I32, AN_SHAPE(4));
    const an_value r = an_input(g, "r", AN_F32, AN_SHAPE(4));
    an_graph_output(an_softmax_cross_entropy(x, i, .ignore_index = AN_ID(0)), "a");
    an_graph_output(an_softmax_cross_entropy(x, i, .label_smoothing = 0.25,
                                                     .ignore_index = AN_ID(-100),
                                                     .sample_weights = r), "b");
    an_graph_output(an_softmax_cross_entropy(x, i), "c");
    char *text = an_print(g);
    ck_assert_ptr_nonnull(text);
    ck_assert_ptr_nonnull(strstr(text, "softmax_cross_entropy %1, %2 {ignore_index=0}"));
    ck_assert_ptr_nonnull(strstr(text, "softmax_cross_entropy %1, %2, _, %3 {label_smoothing=0.25, "
                                       "ignore_index=-100}"));
    ck_assert_ptr_nonnull(strstr(text, "softmax_cross_entropy %1, %2\n"));
    an_graph *again = an_parse(.text = text);
    char *second = an_print(again);
    ck_assert_str_eq(text, second);
    an_string_free(text);
    an_string_free(second);
    an_graph_free(again);
    an_graph_free(g);
}
END_TEST

AN_TEST_MAIN("losses", test_values_and_gradients, test_second_order, test_other_operands,
             test_training_is_proved, test_nothing_counts, test_left_out, test_kl_of_zero,
             test_no_rows, test_weights_of_leading_dims, test_far_logits, test_far_bce,
             test_cosine_at_any_length, test_perplexity, test_binary_counts,
             test_counts_of_classes, test_f1_over_batches, test_padding_row, test_refusals,
             test_options_as_text)
