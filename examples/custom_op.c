/* custom_op.c -- ops from outside: a hardswish with a kernel of its own, bias_gelu by its meaning.
 * (The library has a hardswish, too; a name is given once.)
 *
 * A set of definitions is made, given to a graph and to the parser; the network that uses them is
 * trained, printed, read back, drawn and verified. Exits 1 if anything is not as it must be.
 *
 *   my_hardswish(x) = x * min(max(x + 3, 0), 6) / 6     (Howard et al., "Searching for
 *   bias_gelu(x, bias) = gelu(x + bias)                  MobileNetV3", 2019)
 */
#include <addnorm.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- hardswish: a kernel, plain loops, a gradient ------------------------ */

#define BLOCK 4096

static int64_t blocks(const an_work *w)
{
    return (an_tensor_count(&w->out[0]) + BLOCK - 1) / BLOCK;
}

/* Units [begin, end): each writes its own block and nothing else. */
static void hardswish_run(const an_work *w, int64_t begin, int64_t end)
{
    const float *x = w->in[0].data;
    float *y = w->out[0].data;
    const int64_t count = an_tensor_count(&w->out[0]);
    if (!y) return;
    for (int64_t i = begin * BLOCK; i < end * BLOCK && i < count; i++) {
        const float gate = x[i] + 3 < 0 ? 0 : x[i] + 3 > 6 ? 6 : x[i] + 3;
        y[i] = x[i] * gate / 6;
    }
}

static void hardswish_ref(const an_work *w)
{
    an_tensor y = w->out[0];
    for (int64_t i = 0; y.data && i < an_tensor_count(&y); i++) {
        const double x = an_tensor_get(&w->in[0], i);
        an_tensor_set(&y, i, isnan(x) ? x : x * fmin(fmax(x + 3, 0), 6) / 6);
    }
}

/* 0 below -3, 1 above 3, else (2x + 3) / 6. */
static void hardswish_grad(const an_call *c, const an_value dy[], an_value dx[])
{
    const an_value x = c->in[0];
    const an_value inside = an_div(an_add(an_add(x, x), an_number(x, 3)), an_number(x, 6));
    const an_value slope = an_where(an_compare(x, AN_LE, an_number(x, -3)), an_number(x, 0),
                                    an_where(an_compare(x, AN_GE, an_number(x, 3)),
                                             an_number(x, 1), inside));
    dx[0] = an_mul(dy[0], slope);
}

static const an_op_def hardswish = {
    .size = sizeof hardswish, .name = "my_hardswish", .version = 1, .inputs = "x",
    .doc = "x * min(max(x + 3, 0), 6) / 6", .colour = "#d7f0dd",
    .grad = hardswish_grad, .stages = {{blocks, hardswish_run}}, .ref = hardswish_ref,
    .share = 1u,
};

/* ---- bias_gelu: its meaning is all ---------------------------------------- */

static void bias_gelu_meaning(const an_call *c, an_value out[])
{
    out[0] = an_gelu(an_add(c->in[0], c->in[1]), AN_EXACT);
}

static const an_op_def bias_gelu = {
    .size = sizeof bias_gelu, .name = "bias_gelu", .version = 1, .inputs = "x bias",
    .doc = "gelu(x + bias)", .meaning = bias_gelu_meaning,
};

/* ---- a network of them -------------------------------------------------- */

static an_value weight(an_graph *g, const char *name, int64_t rows, int64_t columns)
{
    const an_init init = {.kind = AN_INIT_GLOROT_UNIFORM};
    return an_state(g, name, AN_F32, AN_SHAPE(rows, columns), init);
}

static an_value network(an_graph *g, an_value x)
{
    const an_init zeros = {.kind = AN_INIT_ZEROS};
    const an_value bias = an_state(g, "bias", AN_F32, AN_SHAPE(16), zeros);
    an_value h = an_matmul(x, weight(g, "in", 2, 16));
    h = an_apply("bias_gelu", (an_value[]){h, bias}, 2, NULL);
    h = an_matmul(h, weight(g, "middle", 16, 16));
    h = an_apply("my_hardswish", &h, 1, NULL);
    return an_matmul(h, weight(g, "out", 16, 1));
}

/* Points of the plane and the product of their coordinates: no sum of them will do. */
static void fill(an_tensor *x, an_tensor *y)
{
    for (int i = 0; i < 64; i++) {
        const double a = (i % 8) / 3.5 - 1, b = (i / 8) / 3.5 - 1;
        an_tensor_set(x, 2 * i, a);
        an_tensor_set(x, 2 * i + 1, b);
        an_tensor_set(y, i, a * b);
    }
}

static double train(an_graph *g, an_value loss, an_updates step, an_store *store)
{
    an_tensor x = {0}, y = {0}, out = {0};
    an_program *p = an_compile(.graph = g, .store = store, .fetch = {loss}, .update = step);
    double first = -1, last = -1;
    if (!p) fprintf(stderr, "%s\n", an_compile_message(g));
    if (p && an_tensor_alloc(&x, AN_F32, AN_EXTENTS(64, 2)) == AN_OK &&
        an_tensor_alloc(&y, AN_F32, AN_EXTENTS(64, 1)) == AN_OK) {
        fill(&x, &y);
        for (int i = 0; i < 300; i++) {
            if (an_run(p, .feed = {{"x", &x}, {"y", &y}}, .out = {&out}) != AN_OK) {
                fprintf(stderr, "%s\n", an_program_message(p));
                break;
            }
            last = an_tensor_get(&out, 0);
            if (i == 0) first = last;
        }
    }
    printf("loss %.4f -> %.6f\n", first, last);
    an_tensor_free(&x);
    an_tensor_free(&y);
    an_tensor_free(&out);
    an_program_free(p);
    return last;
}

/* What is printed reads back, with the set, as the same text; without it not at all. */
static bool reads_back(const an_graph *g, an_ops *set)
{
    char *text = an_print(.graph = g);
    an_graph *with = an_parse(.text = text, .ops = set), *without = an_parse(.text = text);
    char *again = an_print(.graph = with);
    const bool good = text && again && !strcmp(text, again) &&
                      an_graph_status(without) == AN_E_SYNTAX;
    printf("read back: %s; without the set: %s\n", good ? "the same" : an_graph_message(with),
           an_graph_message(without));
    an_string_free(text);
    an_string_free(again);
    an_graph_free(with);
    an_graph_free(without);
    return good;
}

static bool verifies(an_graph *g)
{
    an_equivalence *e = an_equivalent(.a = g);
    char *report = an_equivalence_report(e);
    const bool good = an_equivalence_holds(e, AN_RUNG_PROVED);
    printf("verify: %.*s\n", report ? (int)strcspn(report, "\n") : 0, report ? report : "");
    an_string_free(report);
    an_equivalence_free(e);
    return good;
}

/* What the library's own ops are held to: the report names what does not hold. */
static bool is_sound(an_ops *set)
{
    an_graph *g = an_graph_new("check");
    an_graph_use(g, set);
    const an_value x = an_input(g, "x", AN_F32, AN_SHAPE(an_dim_named(g, "B"), 16));
    char *report = NULL;
    const bool good = an_check_op(.y = an_apply("my_hardswish", &x, 1, NULL), .report = &report);
    printf("%s", report ? report : "");
    an_string_free(report);
    an_graph_free(g);
    return good;
}

int main(void)
{
    an_ops *set = an_ops_new();
    if (an_ops_add(set, &hardswish) != AN_OK || an_ops_add(set, &bias_gelu) != AN_OK) {
        fprintf(stderr, "%s\n", an_ops_message(set));
        return 1;
    }
    an_graph *g = an_graph_new("custom");
    an_graph_use(g, set);
    const an_dim B = an_dim_named(g, "B");
    const an_value x = an_input(g, "x", AN_F32, AN_SHAPE(B, 2));
    const an_value y = an_input(g, "y", AN_F32, AN_SHAPE(B, 1));
    const an_value loss = an_mse(network(g, x), y);
    an_graph_output(loss, "loss");
    const an_updates step = an_minimize(loss, an_adam(.rate = 0.02f));
    if (an_graph_status(g) != AN_OK) fprintf(stderr, "%s\n", an_graph_message(g));
    an_store *store = an_store_new(1);
    bool right = is_sound(set);
    right &= train(g, loss, step, store) < 1e-3;
    right &= reads_back(g, set);
    right &= verifies(g);
    char *dot = an_dot(.graph = g);
    right &= dot && strstr(dot, "my_hardswish") && strstr(dot, "#d7f0dd");
    an_string_free(dot);
    an_store_free(store);
    an_graph_free(g);
    an_ops_free(set);
    return right ? 0 : 1;
}
