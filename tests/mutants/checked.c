/* checked.c -- an_check_op on ops of which one thing is wrong, and on one of which nothing is. */
#include "tests/mutants/mutants.h"

#include <math.h>
#include <string.h>

#define COUNT an_tensor_count(&w->out[0])
#define X ((const float *)w->in[0].data)
#define Y ((float *)w->out[0].data)

static int64_t eights(const an_work *w) { return COUNT / 8 + 1; }

static void twice_ref(const an_work *w)
{
    an_tensor y = w->out[0];
    for (int64_t i = 0; y.data && i < COUNT; i++)
        an_tensor_set(&y, i, 2 * an_tensor_get(&w->in[0], i));
}

static void two_ref(const an_work *w)
{
    an_tensor z = w->out[1];
    twice_ref(w);
    for (int64_t i = 0; z.data && i < an_tensor_count(&z); i++)
        an_tensor_set(&z, i, 3 * an_tensor_get(&w->in[0], i));
}

static void reversed_ref(const an_work *w)
{
    an_tensor y = w->out[0];
    for (int64_t i = 0; y.data && i < COUNT; i++)
        an_tensor_set(&y, i, 2 * an_tensor_get(&w->in[0], COUNT - 1 - i));
}

#define LOOP(name, value)                                                                          \
    static void name(const an_work *w, int64_t begin, int64_t end)                                 \
    {                                                                                              \
        for (int64_t i = begin * 8; Y && i < end * 8 && i < COUNT; i++) Y[i] = value;              \
    }
LOOP(right, 2 * X[i])
LOOP(skips, i == COUNT - 1 ? Y[i] : 2 * X[i])
LOOP(reads_past, 2 * X[i] + (X[i + 1] > 1e9f))
LOOP(flushes, fabsf(X[i]) < 1e-37f ? 0 : 2 * X[i])
LOOP(overflows, fabsf(X[i]) > 1e12f ? INFINITY : 2 * X[i])
LOOP(alone, 2 * X[i] * (end - begin == 1 ? 1.000001f : 1))

static void changes(const an_work *w, int64_t begin, int64_t end)
{
    right(w, begin, end);
    for (int64_t i = begin * 8; i < end * 8 && i < COUNT; i++) ((float *)w->in[0].data)[i]++;
}

static an_status two(const an_infer *q, an_type out[])
{
    out[0] = out[1] = q->in[0];
    return AN_OK;
}

/* Of z it says 5, and it is 3. */
static void two_grad(const an_call *c, const an_value dy[], an_value dx[])
{
    for (int k = 0; k < 2; k++) {
        if (!dy[k].graph) continue;
        const an_value part = an_mul(dy[k], an_number(c->in[0], k ? 5 : 2));
        dx[0] = dx[0].graph ? an_add(dx[0], part) : part;
    }
}

static void meaning(const an_call *c, an_value out[]) { out[0] = an_add(c->in[0], c->in[0]); }

static void thrice(const an_call *c, an_value out[])
{
    out[0] = an_mul(c->in[0], an_number(c->in[0], 3));
}

#define OP(loops) .size = sizeof(an_op_def), .name = "t", .inputs = "x", .ref = loops
#define KERNEL(run) OP(twice_ref), .stages = {{eights, run}}

/* What the report must say, for several checks may see one fault; NULL: nothing is wrong. */
static void expect(const an_op_def *d, const char *says)
{
    an_ops *set = an_ops_new();
    an_graph *g = an_graph_new("checked");
    an_ops_add(set, d);
    an_graph_use(g, set);
    const an_shape shape = AN_SHAPE(an_dim_named(g, "B"), an_dim_named(g, "C"));
    const an_value x = an_input(g, "x", AN_F32, shape);
    char *report = NULL;
    const bool good = an_check_op(.y = an_apply("t", &x, 1, NULL), .report = &report);
    if (good != !says || !report || (says && !strstr(report, says)))
        an_object("check_op", "not %s: %s", says ? says : "good", report ? report : "");
    an_string_free(report);
    an_graph_free(g);
    an_ops_free(set);
}

void an_battery_checked(void)
{
    expect(&(an_op_def){KERNEL(right), .meaning = meaning, .share = 1}, NULL);
    expect(&(an_op_def){KERNEL(skips)}, "is never written");
    expect(&(an_op_def){KERNEL(reads_past)}, "what lies behind an operand");
    expect(&(an_op_def){KERNEL(flushes)}, "FAILS   magnitudes around");
    expect(&(an_op_def){KERNEL(overflows)}, "FAILS   magnitudes around");
    expect(&(an_op_def){KERNEL(alone)}, "FAILS   units");
    expect(&(an_op_def){KERNEL(changes)}, "changes operand x");
    expect(&(an_op_def){OP(reversed_ref), .share = 1}, "FAILS   in place");
    expect(&(an_op_def){KERNEL(right), .meaning = thrice, .no_grad = "none is asked for"},
           "FAILS   meaning");
    expect(&(an_op_def){OP(two_ref), .outputs = "y z", .infer = two, .grad = two_grad},
           "FAILS   gradient   z: ");
}
