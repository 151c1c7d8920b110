/* test_gru.c -- gru and rnn against graphs that write them out, step by step; what they
 * promise of rows, lengths and directions; and vectors of PyTorch.
 *
 * The written-out graph is the oracle: it holds neither a loop over lengths nor a
 * gradient of its own, for a finished row is chosen by `where` and the gradient is that
 * of sigmoid, tanh and matmul. The sweep holds the stages against the plain loops. */
#include "graph/graph.h"
#include "tests/ops/vectors_recurrent.h"
#include "tests/support.h"

#include <math.h>

/* ---- a gru or an rnn, applied and written out ----------------------------- */

typedef struct kind {
    const char *name;
    bool gru, flag; /* reset_after; rectified */
} kind;

static const kind kinds[] = {{"gru, reset before", true, false}, {"gru, reset after", true, true},
                             {"rnn, tanh", false, false}, {"rnn, relu", false, true}};

typedef struct size {
    int64_t batch, time, features, units;
} size;

enum {
    X, KERNEL, RECURRENT, BIAS, RECURRENT_BIAS, H0, OPERANDS, DY = OPERANDS, DH, LENGTHS, FEEDS
};
static const char *const names[FEEDS] = {"x", "kernel", "recurrent", "bias", "recurrent_bias", "h0",
                                         "dy", "dh", "lengths"};

static void inputs(an_graph *g, an_dtype dtype, kind k, size s, an_value in[FEEDS])
{
    const int64_t columns = (k.gru ? 3 : 1) * s.units;
    const an_shape shape[FEEDS] = {
        AN_SHAPE(s.batch, s.time, s.features), AN_SHAPE(s.features, columns),
        AN_SHAPE(s.units, columns), AN_SHAPE(columns), AN_SHAPE(columns),
        AN_SHAPE(s.batch, s.units), AN_SHAPE(s.batch, s.time, s.units),
        AN_SHAPE(s.batch, s.units), AN_SHAPE(s.batch)};
    for (int i = 0; i < FEEDS; i++)
        in[i] = an_input(g, names[i], i == LENGTHS ? AN_I32 : dtype, shape[i]);
}

/* Result 0 of the op; result 1 is h. */
static an_value apply(kind k, bool reverse, const an_value in[FEEDS])
{
    if (k.gru)
        return an_gru((an_gru_operands){in[X], in[KERNEL], in[RECURRENT], in[BIAS],
                                        in[RECURRENT_BIAS], in[H0], in[LENGTHS]},
                      k.flag, reverse);
    return an_rnn((an_rnn_operands){in[X], in[KERNEL], in[RECURRENT], in[BIAS], in[H0],
                                    in[LENGTHS]}, k.flag, reverse);
}

/* Columns of gate number `gate` of a matrix or a bias. */
static an_value gate_of(an_value v, int64_t units, int gate)
{
    return an_slice(v, -1, gate * units, (gate + 1) * units, 1);
}

/* The state after a step from x_t [B,D] and the state before. */
static an_value one_step(kind k, int64_t units, const an_value in[FEEDS], an_value x, an_value h)
{
    if (!k.gru) {
        const an_value a = an_add(an_matmul(x, in[KERNEL]), in[BIAS]);
        const an_value sum = an_add(a, an_matmul(h, in[RECURRENT]));
        return k.flag ? an_relu(sum) : an_tanh(sum);
    }
    an_value gate[3], state[3], a[3];
    for (int i = 0; i < 3; i++) {
        a[i] = an_add(an_matmul(x, gate_of(in[KERNEL], units, i)), gate_of(in[BIAS], units, i));
        const an_value met = i == 2 && !k.flag ? an_mul(gate[1], h) : h;
        state[i] = an_add(an_matmul(met, gate_of(in[RECURRENT], units, i)),
                          gate_of(in[RECURRENT_BIAS], units, i));
        if (i == 2 && k.flag) state[i] = an_mul(gate[1], state[i]);
        gate[i] = i == 2 ? an_tanh(an_add(a[i], state[i])) : an_sigmoid(an_add(a[i], state[i]));
    }
    const an_value rest = an_sub(an_number(h, 1), gate[0]);
    return an_add(an_mul(gate[0], h), an_mul(rest, gate[2]));
}

/* y in result[0], the last state in result[1]: of a row that has ended, what it was. */
static void write_out(kind k, bool reverse, size s, const an_value in[FEEDS], an_value result[2])
{
    an_value h = in[H0], y[64];
    const an_value length = an_reshape(in[LENGTHS], AN_SHAPE(s.batch, 1));
    for (int64_t i = 0; i < s.time; i++) {
        const int64_t t = reverse ? s.time - 1 - i : i;
        const an_value x = an_reshape(an_slice(in[X], 1, t, t + 1, 1),
                                      AN_SHAPE(s.batch, s.features));
        const an_value runs = an_compare(an_number(length, (double)t), AN_LT, length);
        h = an_where(runs, one_step(k, s.units, in, x, h), h);
        y[t] = an_reshape(an_where(runs, h, an_number(h, 0)), AN_SHAPE(s.batch, 1, s.units));
    }
    result[0] = an_concat(y, (int)s.time, 1);
    result[1] = h;
}

static an_value loss_of(const an_value result[2], const an_value in[FEEDS])
{
    return an_add(an_sum_axes(an_mul(result[0], in[DY]), AN_ALL_AXES, false),
                  an_sum_axes(an_mul(result[1], in[DH]), AN_ALL_AXES, false));
}

/* y, h and the gradients of all operands. */
enum { WANTED = 2 + OPERANDS };
static void want(kind k, const an_value result[2], const an_value in[FEEDS],
                 an_value wanted[WANTED])
{
    wanted[0] = result[0];
    wanted[1] = result[1];
    for (int i = 0; i < OPERANDS; i++)
        wanted[2 + i] = !k.gru && i == RECURRENT_BIAS ? result[1]
                                                      : an_gradient(loss_of(result, in), in[i]);
}

static void run(an_graph *g, const an_value *fetch, int count, an_tensor feed[FEEDS],
                an_tensor *const *out)
{
    an_store *store = an_store_new(1);
    an_program *p = an_compile(g, store, .fetch_list = fetch, .fetch_count = count);
    ck_assert_msg(p != NULL, "%s", an_compile_message(g));
    an_feed given[FEEDS];
    for (int i = 0; i < FEEDS; i++) given[i] = (an_feed){names[i], &feed[i]};
    ck_assert_msg(an_run(p, .feed_list = given, .feed_count = FEEDS, .out_list = out,
                         .out_count = count) == AN_OK, "%s", an_program_message(p));
    an_program_free(p);
    an_store_free(store);
}

static void draw(an_dtype dtype, kind k, size s, an_tensor feed[FEEDS])
{
    an_graph *g = an_graph_new("shapes");
    an_value in[FEEDS];
    inputs(g, dtype, k, s, in);
    an_test_random r = {(uint64_t)(s.batch * 100 + s.units)};
    for (int i = 0; i < FEEDS; i++) {
        const an_type type = an_type_of(in[i]);
        ck_assert_int_eq(an_tensor_alloc(&feed[i], type.dtype, type.shape.rank, type.shape.dim),
                         AN_OK);
        /* Rounding must not grow from step to step, or no tolerance holds on every CPU. */
        const double most = i == RECURRENT ? 0.7 / sqrt((double)s.units) : 0.7;
        for (int64_t n = 0; n < an_tensor_count(&feed[i]); n++)
            an_tensor_set(&feed[i], n, i == LENGTHS ? (double)(n * 3 % (s.time + 1))
                                                    : an_test_uniform(&r, -most, most));
    }
    an_graph_free(g);
}

static void check(an_dtype dtype, kind k, bool reverse, size s, double tolerance)
{
    an_graph *g = an_graph_new("written out");
    an_value in[FEEDS], wanted[2 * WANTED], result[2];
    inputs(g, dtype, k, s, in);
    result[0] = apply(k, reverse, in);
    result[1] = an_result(result[0], 1);
    want(k, result, in, wanted);
    write_out(k, reverse, s, in, result);
    want(k, result, in, wanted + WANTED);
    ck_assert_msg(an_graph_status(g) == AN_OK, "%s", an_graph_message(g));
    an_tensor feed[FEEDS] = {{0}}, out[2 * WANTED] = {{0}}, *outs[2 * WANTED];
    for (int i = 0; i < 2 * WANTED; i++) outs[i] = &out[i];
    draw(dtype, k, s, feed);
    run(g, wanted, 2 * WANTED, feed, outs);
    for (int i = 0; i < WANTED; i++)
        for (int64_t n = 0; n < an_tensor_count(&out[i]); n++) {
            const double got = an_tensor_get(&out[i], n);
            const double right = an_tensor_get(&out[WANTED + i], n);
            ck_assert_msg(an_test_close(got, right, tolerance),
                          "%s%s, %s: [%d] is %.9g, written out %.9g", k.name,
                          reverse ? ", reverse" : "",
                          i == 0 ? "y" : i == 1 ? "h" : names[i - 2], (int)n, got, right);
        }
    for (int i = 0; i < FEEDS; i++) an_tensor_free(&feed[i]);
    for (int i = 0; i < 2 * WANTED; i++) an_tensor_free(&out[i]);
    an_graph_free(g);
}

START_TEST(test_written_out)
{
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        for (int reverse = 0; reverse < 2; reverse++) {
            check(AN_F64, kinds[i], reverse, (size){4, 5, 3, 2}, 1e-12);
            check(AN_F32, kinds[i], reverse, (size){19, 18, 5, 21}, 2e-5); /* tiles, chunks */
            check(AN_F32, kinds[i], reverse, (size){3, 2, 4, 70}, 1e-5);   /* panels */
            if (kinds[i].gru && !reverse) /* so many weights that a tile has more rows */
                check(AN_F32, kinds[i], false, (size){66, 2, 5, 212}, 1e-5);
        }
}
END_TEST

/* ---- by hand --------------------------------------------------------------- */

/* x = 1 twice; only the candidate sees it: z = r = 1/2, g = tanh(1), whenever the reset comes. */
START_TEST(test_by_hand)
{
    for (int flag = 0; flag < 2; flag++) {
        const kind k = {"gru", true, flag};
        an_graph *g = an_graph_new("by hand");
        an_value in[FEEDS];
        inputs(g, AN_F32, k, (size){1, 2, 1, 1}, in);
        an_tensor feed[FEEDS] = {{0}}, y = {0};
        draw(AN_F32, k, (size){1, 2, 1, 1}, feed);
        for (int i = 0; i < FEEDS; i++)
            for (int64_t n = 0; n < an_tensor_count(&feed[i]); n++)
                an_tensor_set(&feed[i], n, i == X ? 1 : i == LENGTHS ? 2 : 0);
        an_tensor_set(&feed[KERNEL], 2, 1);
        run(g, (an_value[]){apply(k, false, in)}, 1, feed, (an_tensor *[]){&y});
        ck_assert(an_test_close(an_tensor_get(&y, 0), 0.38079708, 1e-6));
        ck_assert(an_test_close(an_tensor_get(&y, 1), 0.57119562, 1e-6));
        for (int i = 0; i < FEEDS; i++) an_tensor_free(&feed[i]);
        an_tensor_free(&y);
        an_graph_free(g);
    }
}
END_TEST

/* ---- bits ------------------------------------------------------------------ */

/* Two runs, the second from the first one's state, are one long run; and a row alone gets
 * the bits it gets in a batch. */
START_TEST(test_continues)
{
    const size s = {9, 25, 6, 20};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        an_graph *g = an_graph_new("continues");
        an_value in[FEEDS], part[FEEDS], row[FEEDS], y[4];
        inputs(g, AN_F32, kinds[i], s, in);
        in[LENGTHS] = AN_NONE;
        memcpy(part, in, sizeof part);
        memcpy(row, in, sizeof row);
        y[0] = apply(kinds[i], false, in);
        part[X] = an_slice(in[X], 1, 0, 18, 1);
        y[1] = apply(kinds[i], false, part);
        part[X] = an_slice(in[X], 1, 18, 25, 1);
        part[H0] = an_result(y[1], 1);
        y[2] = apply(kinds[i], false, part);
        row[X] = an_slice(in[X], 0, 5, 6, 1);
        row[H0] = an_slice(in[H0], 0, 5, 6, 1);
        y[3] = apply(kinds[i], false, row);
        const an_value wanted[3] = {y[0], an_concat(&y[1], 2, 1), y[3]};
        an_tensor feed[FEEDS] = {{0}}, out[3] = {{0}};
        draw(AN_F32, kinds[i], s, feed);
        run(g, wanted, 3, feed, (an_tensor *[]){&out[0], &out[1], &out[2]});
        const size_t bytes = sizeof(float) * (size_t)(s.time * s.units);
        ck_assert(!memcmp(out[0].data, out[1].data, 9 * bytes));
        ck_assert(!memcmp((char *)out[0].data + 5 * bytes, out[2].data, bytes));
        for (int n = 0; n < FEEDS; n++) an_tensor_free(&feed[n]);
        for (int n = 0; n < 3; n++) an_tensor_free(&out[n]);
        an_graph_free(g);
    }
}
END_TEST

/* ---- vectors ---------------------------------------------------------------- */

/* vectors_recurrent.py has the same operands, and says where its numbers are from. */
static void check_vectors(an_dtype dtype, kind k, bool reverse, const double *right, int64_t count,
                          double tolerance)
{
    static const int steps[FEEDS][3] = {{37, 21, 10}, {7, 19, 9}, {5, 19, 9}, {11, 19, 9},
                                        {13, 19, 9}, {3, 7, 3}};
    const size s = {3, 4, 2, 3};
    an_graph *g = an_graph_new("vectors");
    an_value in[FEEDS], wanted[WANTED], result[2];
    inputs(g, dtype, k, s, in);
    result[0] = apply(k, reverse, in);
    result[1] = an_result(result[0], 1);
    want(k, result, in, wanted);
    an_tensor feed[FEEDS] = {{0}}, out[WANTED] = {{0}}, *outs[WANTED];
    for (int i = 0; i < WANTED; i++) outs[i] = &out[i];
    draw(dtype, k, s, feed);
    for (int i = 0; i < FEEDS; i++)
        for (int64_t n = 0; n < an_tensor_count(&feed[i]); n++)
            an_tensor_set(&feed[i], n, i == DY ? (double)n / 100 : i == DH ? 0.5
                          : i == LENGTHS ? (double)(4 >> n)
                          : (double)(n * steps[i][0] % steps[i][1] - steps[i][2]) / 10);
    run(g, wanted, WANTED, feed, outs);
    int64_t at = 0;
    for (int i = 0; i < WANTED; i++)
        for (int64_t n = 0; !(i == 2 + RECURRENT_BIAS && !k.gru) && n < an_tensor_count(&out[i]);
             n++, at++)
            ck_assert_msg(at < count && an_test_close(an_tensor_get(&out[i], n), right[at],
                                                      tolerance),
                          "%s%s: result %d [%d] is %.9f, not %.9f", k.name,
                          reverse ? ", reverse" : "", i, (int)n, an_tensor_get(&out[i], n),
                          right[at]);
    ck_assert_int_eq(at, count);
    for (int i = 0; i < FEEDS; i++) an_tensor_free(&feed[i]);
    for (int i = 0; i < WANTED; i++) an_tensor_free(&out[i]);
    an_graph_free(g);
}

#define VECTORS(k, reverse, values)                                                                \
    check_vectors(dtype, kinds[k], reverse, values, (int64_t)(sizeof values / sizeof *values),     \
                  dtype == AN_F64 ? 2e-9 : 1e-6)

START_TEST(test_vectors)
{
    for (int wide = 0; wide < 2; wide++) {
        const an_dtype dtype = wide ? AN_F64 : AN_F32;
        VECTORS(1, false, vectors_gru_after);
        VECTORS(1, true, vectors_gru_after_reverse);
        VECTORS(0, false, vectors_gru_before);
        VECTORS(0, true, vectors_gru_before_reverse);
        VECTORS(2, false, vectors_rnn_tanh);
        VECTORS(3, true, vectors_rnn_relu_reverse);
    }
}
END_TEST

/* ---- what is refused --------------------------------------------------------- */

START_TEST(test_refusals)
{
    static const struct { bool gru; int wrong; const char *words; } cases[] = {
        {true, RECURRENT, "recurrent must be [units, 3 * units]"},
        {true, RECURRENT_BIAS, "recurrent_bias must have one element per column of kernel"},
        {true, H0, "h0 must be [batch, units] of x and recurrent"},
        {false, RECURRENT, "recurrent must be [units, units]"},
        {false, BIAS, "bias must have one element per column of kernel"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const kind k = {"", cases[i].gru, false};
        an_graph *g = an_graph_new("refused");
        an_value in[FEEDS];
        inputs(g, AN_F32, k, (size){2, 3, 4, 5}, in);
        const an_shape is = an_type_of(in[cases[i].wrong]).shape;
        in[cases[i].wrong] = is.rank == 1 ? an_input(g, "wrong", AN_F32, AN_SHAPE(7))
                                          : an_input(g, "wrong", AN_F32, AN_SHAPE(5, 7));
        apply(k, false, in);
        ck_assert_msg(strstr(an_graph_message(g), cases[i].words) != NULL, "%s",
                      an_graph_message(g));
        an_graph_free(g);
    }
}
END_TEST

/* gates and inner serve the gradient alone. */
START_TEST(test_closed_results)
{
    for (int result = 0; result < 4; result++) {
        an_graph *g = an_graph_new("closed");
        an_value in[FEEDS];
        inputs(g, AN_F32, kinds[0], (size){2, 3, 4, 5}, in);
        const an_value y = an_result(apply(kinds[0], false, in), result);
        an_gradient(an_sum_axes(y, AN_ALL_AXES, false), in[X]);
        ck_assert_int_eq(an_graph_status(g), result > 1 ? AN_E_GRADIENT : AN_OK);
        if (result > 1)
            ck_assert_ptr_nonnull(strstr(an_graph_message(g), result == 2 ? "`gates`" : "`inner`"));
        an_graph_free(g);
    }
}
END_TEST

AN_TEST_MAIN("gru", test_written_out, test_by_hand, test_continues, test_vectors, test_refusals,
             test_closed_results)
