/* test_lstm.c -- what the sweep cannot know about lstm: values worked out by hand,
 * relations between runs of different shapes, and gradients by differences.
 *
 * The sweep holds the stages against ref, over all instruction sets, splits and
 * dead outputs; so most tests here need only one of the two.                  */
#include "core/memory.h"
#include "ops/recurrent.h"
#include "tests/support.h"

#include <math.h>

#define INPUTS 12
#define OUTPUTS 6

/* One application of lstm or lstm_grad with tensors of its own. */
typedef struct application {
    const an_op_rules *rules;
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
    application f = {.rules = &an_rules_lstm, .inputs = 7, .outputs = 5};
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
    application g = {.rules = &an_rules_lstm_grad, .attrs = f->attrs, .inputs = 12, .outputs = 6};
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
    an_work w = {.attrs = &a->attrs, .inputs = a->inputs, .outputs = a->outputs, .in = a->in,
                 .out = a->out, .fault = &a->fault, .kernels = an_kernels_of(an_runtime_isa())};
    w.scratch = an_alloc_aligned(a->rules->scratch(&w));
    if (ref) a->rules->ref(&w);
    for (int s = 0; !ref && a->rules->stages[s].run; s++)
        a->rules->stages[s].run(&w, 0, a->rules->stages[s].units(&w));
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

AN_TEST_MAIN("lstm", test_by_hand, test_reverse, test_continues, test_bad_length, test_gradients,
             test_fast_gradients)
