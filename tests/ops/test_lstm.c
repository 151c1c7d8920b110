/* test_lstm.c -- what the sweep cannot know about lstm: values worked out by hand,
 * relations between runs of different shapes, and gradients by differences.
 *
 * The sweep holds the stages against ref, over all instruction sets, splits and
 * dead outputs; so most tests here need only one of the two.                  */
#include "core/memory.h"
#include "ops/recurrent/recurrent.h"
#include "tests/support.h"

#include <math.h>

#define INPUTS 12
#define OUTPUTS 6

/* One application of lstm or lstm_grad with tensors of its own. */
typedef struct application {
    const an_op_info *op;
    an_attrs attrs;
    an_tensor in[INPUTS], out[OUTPUTS];
    int inputs, outputs;
    an_fault fault;
} application;

static void fill(an_tensor *t, an_test_random *r)
{
    for (int64_t i = 0; i < an_tensor_count(t); i++)
        an_tensor_set(t, i, an_test_uniform(r, -0.8, 0.8));
}

static void make(an_tensor *t, an_dtype dtype, int rank, int64_t a, int64_t b, int64_t c)
{
    ck_assert_int_eq(an_tensor_alloc(t, dtype, rank, (const int64_t[]){a, b, c}), AN_OK);
}

/* An lstm over x[b,t,d] of h units with bias, states and full lengths. */
static application forward(an_dtype dtype, int64_t b, int64_t t, int64_t d, int64_t h)
{
    application f = {.op = an_op(AN_OP_lstm), .inputs = 7, .outputs = 5};
    make(&f.in[LSTM_X], dtype, 3, b, t, d);
    make(&f.in[LSTM_KERNEL], dtype, 2, d, 4 * h, 0);
    make(&f.in[LSTM_RECURRENT], dtype, 2, h, 4 * h, 0);
    make(&f.in[LSTM_BIAS], dtype, 1, 4 * h, 0, 0);
    make(&f.in[LSTM_H0], dtype, 2, b, h, 0);
    make(&f.in[LSTM_C0], dtype, 2, b, h, 0);
    make(&f.in[LSTM_LENGTHS], AN_I32, 1, b, 0, 0);
    an_test_random r = {(uint64_t)(b * 1000 + t * 100 + d * 10 + h)};
    for (int i = 0; i < LSTM_LENGTHS; i++) fill(&f.in[i], &r);
    for (int64_t i = 0; i < b; i++) an_tensor_set(&f.in[LSTM_LENGTHS], i, (double)t);
    make(&f.out[LSTM_Y], dtype, 3, b, t, h);
    make(&f.out[LSTM_H], dtype, 2, b, h, 0);
    make(&f.out[LSTM_C], dtype, 2, b, h, 0);
    make(&f.out[LSTM_GATES], dtype, 3, b, t, 4 * h);
    make(&f.out[LSTM_CELLS], dtype, 3, b, t, h);
    return f;
}

/* lstm_grad of `f` as it ran; borrows its tensors, gets a random dy, dh and dc. */
static application backward(const application *f)
{
    application g = {.op = an_op(AN_OP_lstm_grad), .attrs = f->attrs, .inputs = 12, .outputs = 6};
    an_test_random r = {17};
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(an_tensor_copy(&g.in[i], &f->out[i]), AN_OK);
        fill(&g.in[i], &r);
    }
    g.in[GRAD_X] = f->in[LSTM_X];
    g.in[GRAD_KERNEL] = f->in[LSTM_KERNEL];
    g.in[GRAD_RECURRENT] = f->in[LSTM_RECURRENT];
    g.in[GRAD_H0] = f->in[LSTM_H0];
    g.in[GRAD_C0] = f->in[LSTM_C0];
    g.in[GRAD_LENGTHS] = f->in[LSTM_LENGTHS];
    g.in[GRAD_Y] = f->out[LSTM_Y];
    g.in[GRAD_GATES] = f->out[LSTM_GATES];
    g.in[GRAD_CELLS] = f->out[LSTM_CELLS];
    const int from[OUTPUTS] = {GRAD_X, GRAD_KERNEL, GRAD_RECURRENT, -1, GRAD_H0, GRAD_C0};
    for (int k = 0; k < OUTPUTS; k++) {
        const an_tensor *like = from[k] < 0 ? &f->in[LSTM_BIAS] : &g.in[from[k]];
        ck_assert_int_eq(an_tensor_copy(&g.out[k], like), AN_OK);
    }
    return g;
}

static void run(application *a, bool ref)
{
    a->fault = (an_fault){.lock = ATOMIC_FLAG_INIT};
    an_work w = {.op = a->op, .attrs = &a->attrs, .inputs = a->inputs, .outputs = a->outputs,
                 .in = a->in, .out = a->out, .fault = &a->fault,
                 .kernels = an_kernels_of(an_runtime_isa())};
    w.scratch = an_alloc_aligned(a->op->rules->scratch(&w));
    if (ref) a->op->rules->ref(&w);
    for (int s = 0; !ref && a->op->rules->stages[s].run; s++)
        a->op->rules->stages[s].run(&w, 0, a->op->rules->stages[s].units(&w));
    an_free_aligned(w.scratch);
}

static void release(application *f, application *g)
{
    for (int i = 0; i < f->inputs; i++) an_tensor_free(&f->in[i]);
    for (int k = 0; k < f->outputs; k++) an_tensor_free(&f->out[k]);
    for (int i = 0; g && i < 3; i++) an_tensor_free(&g->in[i]);
    for (int k = 0; g && k < g->outputs; k++) an_tensor_free(&g->out[k]);
}

static double get(const application *f, int output, int64_t i)
{
    return an_tensor_get(&f->out[output], i);
}

/* x = 1 twice; only the candidate sees it, so i = f = o = 1/2 and g = tanh(1). */
START_TEST(test_by_hand)
{
    for (int ref = 0; ref < 2; ref++) {
        application f = forward(AN_F32, 1, 2, 1, 1);
        for (int i = 0; i < LSTM_LENGTHS; i++)
            for (int64_t k = 0; k < an_tensor_count(&f.in[i]); k++) an_tensor_set(&f.in[i], k, 0.0);
        an_tensor_set(&f.in[LSTM_X], 0, 1.0);
        an_tensor_set(&f.in[LSTM_X], 1, 1.0);
        an_tensor_set(&f.in[LSTM_KERNEL], 2, 1.0);
        run(&f, ref);
        ck_assert(an_test_close(get(&f, LSTM_CELLS, 0), 0.38079708, 1e-6));
        ck_assert(an_test_close(get(&f, LSTM_Y, 0), 0.18169974, 1e-6));
        ck_assert(an_test_close(get(&f, LSTM_C, 0), 0.57119562, 1e-6));
        ck_assert(an_test_close(get(&f, LSTM_H, 0), 0.25811840, 1e-6));
        ck_assert(an_test_close(get(&f, LSTM_GATES, 6), 0.76159416, 1e-6));
        release(&f, NULL);
    }
}
END_TEST

static bool same_bits(const an_tensor *a, int64_t ia, const an_tensor *b, int64_t ib)
{
    return !memcmp((const float *)a->data + ia, (const float *)b->data + ib, sizeof(float));
}

/* `reverse` is forward on each row with its real steps in opposite order. */
START_TEST(test_reverse)
{
    enum { B = 11, T = 21, D = 5, H = 18 };
    application f = forward(AN_F32, B, T, D, H), r = forward(AN_F32, B, T, D, H);
    r.attrs.reverse = true;
    for (int64_t b = 0; b < B; b++) {
        const int64_t length = (b * 7) % (T + 1);
        an_tensor_set(&f.in[LSTM_LENGTHS], b, (double)length);
        an_tensor_set(&r.in[LSTM_LENGTHS], b, (double)length);
        for (int64_t t = 0; t < length; t++)
            for (int64_t k = 0; k < D; k++)
                an_tensor_set(&r.in[LSTM_X], (b * T + length - 1 - t) * D + k,
                              an_tensor_get(&f.in[LSTM_X], (b * T + t) * D + k));
    }
    run(&f, false);
    run(&r, false);
    for (int64_t i = 0; i < B * H; i++) {
        ck_assert(same_bits(&f.out[LSTM_H], i, &r.out[LSTM_H], i));
        ck_assert(same_bits(&f.out[LSTM_C], i, &r.out[LSTM_C], i));
    }
    for (int64_t b = 0; b < B; b++) {
        const int64_t length = (b * 7) % (T + 1);
        for (int64_t t = 0; t < T; t++)
            for (int64_t u = 0; u < H; u++) {
                const int64_t other = t < length ? length - 1 - t : t;
                ck_assert(same_bits(&f.out[LSTM_Y], (b * T + t) * H + u, &r.out[LSTM_Y],
                                    (b * T + other) * H + u));
                ck_assert(t < length || get(&f, LSTM_Y, (b * T + t) * H + u) == 0.0);
            }
    }
    release(&f, NULL);
    release(&r, NULL);
}
END_TEST

/* Two runs, the second from the first one's states, are one long run; a row alone
 * gets the bits it gets in a batch. */
START_TEST(test_continues)
{
    enum { B = 9, T = 25, FIRST = 18, D = 6, H = 20 };
    application whole = forward(AN_F32, B, T, D, H);
    run(&whole, false);
    for (int64_t b = 0; b < B; b++) {
        application part[2] = {forward(AN_F32, 1, FIRST, D, H),
                               forward(AN_F32, 1, T - FIRST, D, H)};
        for (int p = 0; p < 2; p++) {
            const int64_t skip = p * FIRST, steps = p ? T - FIRST : FIRST;
            for (int i = LSTM_KERNEL; i <= LSTM_BIAS; i++)
                ck_assert_int_eq(an_tensor_copy(&part[p].in[i], &whole.in[i]), AN_OK);
            memcpy(part[p].in[LSTM_X].data,
                   (const float *)whole.in[LSTM_X].data + (b * T + skip) * D,
                   sizeof(float) * (size_t)(steps * D));
            for (int64_t u = 0; u < H; u++) {
                const an_tensor *h = p ? &part[0].out[LSTM_H] : &whole.in[LSTM_H0];
                const an_tensor *c = p ? &part[0].out[LSTM_C] : &whole.in[LSTM_C0];
                const int64_t at = p ? u : b * H + u;
                an_tensor_set(&part[p].in[LSTM_H0], u, an_tensor_get(h, at));
                an_tensor_set(&part[p].in[LSTM_C0], u, an_tensor_get(c, at));
            }
            run(&part[p], false);
            for (int64_t i = 0; i < steps * H; i++)
                ck_assert(same_bits(&part[p].out[LSTM_Y], i, &whole.out[LSTM_Y],
                                    (b * T + skip) * H + i));
        }
        release(&part[0], NULL);
        release(&part[1], NULL);
    }
    release(&whole, NULL);
}
END_TEST

/* A length out of range counts as 0 and is reported, the first one's position. */
START_TEST(test_bad_length)
{
    for (int ref = 0; ref < 2; ref++) {
        application f = forward(AN_F32, 10, 3, 2, 4);
        an_tensor_set(&f.in[LSTM_LENGTHS], 6, 4.0);
        an_tensor_set(&f.in[LSTM_LENGTHS], 8, -1.0);
        run(&f, ref);
        ck_assert(atomic_load(&f.fault.raised));
        ck_assert_int_eq(f.fault.operand, LSTM_LENGTHS);
        ck_assert_int_eq(f.fault.position, 6);
        ck_assert_int_eq(f.fault.value, 4);
        ck_assert_int_eq(f.fault.bound, 4);
        for (int64_t i = 0; i < 3 * 4; i++) ck_assert(get(&f, LSTM_Y, 6 * 3 * 4 + i) == 0.0);
        for (int64_t u = 0; u < 4; u++)
            ck_assert(get(&f, LSTM_H, 8 * 4 + u) == an_tensor_get(&f.in[LSTM_H0], 8 * 4 + u));
        release(&f, NULL);
    }
}
END_TEST

/* The loss whose gradient dy, dh and dc are. */
static double loss_of(application *f, const application *g)
{
    run(f, true);
    double sum = 0.0;
    for (int k = 0; k < 3; k++)
        for (int64_t i = 0; i < an_tensor_count(&f->out[k]); i++)
            sum += an_tensor_get(&f->out[k], i) * an_tensor_get(&g->in[k], i);
    return sum;
}

static void check_gradients(bool reverse)
{
    enum { B = 3, T = 4, D = 3, H = 2 };
    application f = forward(AN_F64, B, T, D, H);
    f.attrs.reverse = reverse;
    an_tensor_set(&f.in[LSTM_LENGTHS], 0, 2.0);
    an_tensor_set(&f.in[LSTM_LENGTHS], 1, 0.0);
    run(&f, true);
    application g = backward(&f);
    run(&g, true);
    const int result[] = {GRAD_DX, GRAD_DKERNEL, GRAD_DRECURRENT, GRAD_DBIAS, GRAD_DH0, GRAD_DC0};
    const double by = 1e-5;
    for (int i = LSTM_X; i <= LSTM_C0; i++)
        for (int64_t k = 0; k < an_tensor_count(&f.in[i]); k++) {
            const double value = an_tensor_get(&f.in[i], k);
            an_tensor_set(&f.in[i], k, value + by);
            const double above = loss_of(&f, &g);
            an_tensor_set(&f.in[i], k, value - by);
            const double below = loss_of(&f, &g);
            an_tensor_set(&f.in[i], k, value);
            const double want = (above - below) / (2 * by), got = get(&g, result[i], k);
            ck_assert_msg(an_test_close(got, want, 1e-8), "operand %d [%d]: %g, differences say %g",
                          i, (int)k, got, want);
        }
    release(&f, &g);
}

START_TEST(test_gradients)
{
    check_gradients(false);
    check_gradients(true);
}
END_TEST

/* The stages' gradient against ref's over several tiles and chunks, from really
 * saved gates; the sweep draws gates at random. */
START_TEST(test_fast_gradients)
{
    for (int reverse = 0; reverse < 2; reverse++) {
        application f = forward(AN_F32, 19, 37, 10, 24);
        f.attrs.reverse = reverse;
        for (int64_t b = 0; b < 19; b++)
            an_tensor_set(&f.in[LSTM_LENGTHS], b, (double)((b * 11) % 38));
        run(&f, false);
        application fast = backward(&f), slow = backward(&f);
        run(&fast, false);
        run(&slow, true);
        for (int k = 0; k < OUTPUTS; k++)
            for (int64_t i = 0; i < an_tensor_count(&fast.out[k]); i++)
                ck_assert_msg(an_test_close(get(&fast, k, i), get(&slow, k, i), 3e-6),
                              "output %d [%d]: %.9g, ref %.9g", k, (int)i, get(&fast, k, i),
                              get(&slow, k, i));
        release(&f, &fast);
        application none = {.inputs = 0, .outputs = 0};
        release(&none, &slow);
    }
}
END_TEST

/* ---- against PyTorch 2.13: a bidirectional LSTM over a packed sequence ---- */

enum { P_BATCH = 3, P_TIME = 4, P_FEATURES = 2, P_UNITS = 3 };

/* x of the example; its lengths are 4, 2, 1. Real steps in order, y as [forward,
 * reverse]; the final cells by direction; gradients of the sum of i/100 y_i (i the
 * place in y[3,4,6]), h/2 and c/4: dx of both directions together, row 0 of the
 * kernels, row 1 of the recurrent kernels, the biases. */
static const double torch_y[] = {
    0.146610657, -0.245831005, -0.074732239, 0.167273714, -0.286079385, -0.013882365,
    0.023250618, -0.162801708, 0.045388448, 0.016165488, -0.209503358, 0.092823011,
    0.162888629, -0.274244942, -0.037330508, 0.125017365, -0.278739726, 0.001075323,
    0.028865476, -0.219264296, 0.075424244, -0.016028438, -0.156752378, 0.084026896,
    0.128972271, -0.246532429, -0.058766459, 0.115331434, -0.281893247, 0.015784169,
    0.015313729, -0.230991932, 0.067262470, -0.016612174, -0.176399924, 0.087643028,
    0.111639728, -0.245542543, -0.042896174, 0.111639728, -0.245542543, -0.042896174};
static const double torch_c[] = {
    0.092408336, -0.335889541, 0.151365164, 0.048225802, -0.360827023, 0.143335701,
    0.207830569, -0.678459424, -0.075459304, 0.327955430, -0.785949378, -0.020547763,
    0.216875187, -0.805286417, 0.025135933, 0.207830569, -0.678459424, -0.075459304};
static const double torch_dx[] = {
    -0.161590538, 0.027723775, 0.147352306, -0.235023508, -0.141075558, 0.006979359,
    0.232617536, -0.480462052, -0.217711055, 0.053565342, 0.302412597, -0.603773383,
    -0.275101318, 0.182920382};
static const double torch_dkernel[] = {
    -0.226834953, 0.141873739, 0.160111954, 0.012962837, -0.048099866, -0.014317946,
    -0.399667179, 0.098320316, -0.115581148, -0.084236936, 0.045351022, 0.028796390,
    -0.255626495, 0.199376924, 0.182898754, 0.005400882, 0.052663388, -0.079599594,
    -0.500519369, -0.058090176, -0.212303552, -0.119249863, 0.290579336, 0.018158867};
static const double torch_drecurrent[] = {
    0.010989993, 0.021888613, -0.041082524, -0.024501023, 0.069028795, 0.004787357,
    -0.103585848, -0.197821987, -0.121566805, -0.010962494, 0.027508447, -0.015144036,
    -0.032075168, 0.034601067, 0.015030076, -0.005691380, 0.023097629, -0.016473930,
    -0.118101228, -0.052809586, -0.072118692, -0.018368874, 0.044376603, -0.001329758};
static const double torch_dbias[] = {
    0.187502779, -0.270865910, 0.032109542, 0.097605813, -0.271252706, -0.015377917,
    0.905225331, 0.847130305, 0.715781682, 0.141602805, -0.244636818, 0.036200301,
    0.254172412, -0.358393507, -0.053331538, 0.017834570, -0.102776386, 0.090115296,
    1.003089074, 0.495704326, 0.696274026, 0.144517354, -0.403794584, 0.016785190};

static application torch_direction(an_dtype dtype, bool reverse)
{
    application f = forward(dtype, P_BATCH, P_TIME, P_FEATURES, P_UNITS);
    f.attrs.reverse = reverse;
    for (int64_t i = 0; i < P_BATCH * P_TIME * P_FEATURES; i++)
        an_tensor_set(&f.in[LSTM_X], i, (double)(i * 37 % 21 - 10) / 10.0);
    const int64_t step[] = {7, 5, 11}; /* of kernel, recurrent and bias */
    for (int i = LSTM_KERNEL; i <= LSTM_BIAS; i++)
        for (int64_t k = 0; k < an_tensor_count(&f.in[i]); k++)
            an_tensor_set(&f.in[i], k, (double)(k * step[i - LSTM_KERNEL] % 19 - 9) / 10.0);
    for (int i = LSTM_H0; i <= LSTM_C0; i++)
        for (int64_t k = 0; k < an_tensor_count(&f.in[i]); k++) an_tensor_set(&f.in[i], k, 0.0);
    for (int64_t b = 0; b < P_BATCH; b++)
        an_tensor_set(&f.in[LSTM_LENGTHS], b, (double)(4 >> b));
    return f;
}

static application torch_gradient(const application *f, bool reverse)
{
    application g = backward(f);
    for (int64_t i = 0; i < P_BATCH * P_TIME * P_UNITS; i++) {
        const int64_t place = (i / P_UNITS * 2 + reverse) * P_UNITS + i % P_UNITS;
        an_tensor_set(&g.in[GRAD_DY], i, (double)place / 100.0);
    }
    for (int64_t i = 0; i < P_BATCH * P_UNITS; i++) {
        an_tensor_set(&g.in[GRAD_DH], i, 0.5);
        an_tensor_set(&g.in[GRAD_DC], i, 0.25);
    }
    return g;
}

static void check_torch_weights(const application *g, int direction, double tolerance)
{
    for (int64_t j = 0; j < 4 * P_UNITS; j++) {
        const int64_t at = direction * 4 * P_UNITS + j, row_1 = 4 * P_UNITS + j;
        ck_assert(an_test_close(get(g, GRAD_DKERNEL, j), torch_dkernel[at], tolerance));
        ck_assert(an_test_close(get(g, GRAD_DRECURRENT, row_1), torch_drecurrent[at], tolerance));
        ck_assert(an_test_close(get(g, GRAD_DBIAS, j), torch_dbias[at], tolerance));
    }
}

static void check_torch(bool ref, an_dtype dtype, double tolerance)
{
    static const int64_t real[] = {0, 1, 2, 3, 4, 5, 8}; /* steps b T + t within the lengths */
    double dx[P_BATCH * P_TIME * P_FEATURES] = {0};
    for (int direction = 0; direction < 2; direction++) {
        application f = torch_direction(dtype, direction);
        run(&f, ref);
        for (int64_t k = 0; k < 7 * P_UNITS; k++) {
            const int64_t step = k / P_UNITS, u = k % P_UNITS;
            ck_assert(an_test_close(get(&f, LSTM_Y, real[step] * P_UNITS + u),
                                    torch_y[(step * 2 + direction) * P_UNITS + u], tolerance));
        }
        for (int64_t i = 0; i < P_BATCH * P_UNITS; i++)
            ck_assert(an_test_close(get(&f, LSTM_C, i),
                                    torch_c[direction * P_BATCH * P_UNITS + i], tolerance));
        application g = torch_gradient(&f, direction);
        run(&g, ref);
        for (int64_t i = 0; i < P_BATCH * P_TIME * P_FEATURES; i++) dx[i] += get(&g, GRAD_DX, i);
        check_torch_weights(&g, direction, tolerance);
        release(&f, &g);
    }
    for (int64_t i = 0; i < 7 * P_FEATURES; i++)
        ck_assert(an_test_close(dx[real[i / P_FEATURES] * P_FEATURES + i % P_FEATURES], torch_dx[i],
                                tolerance));
}

START_TEST(test_torch)
{
    check_torch(true, AN_F64, 2e-9);
    check_torch(true, AN_F32, 5e-7);
    check_torch(false, AN_F32, 1e-6);
}
END_TEST

AN_TEST_MAIN("lstm", test_by_hand, test_reverse, test_continues, test_bad_length, test_gradients,
             test_fast_gradients, test_torch)
