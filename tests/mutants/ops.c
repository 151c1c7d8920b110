/* ops.c -- kernels against their plain loops, and gradients against differences.
 *
 * A fault that fused and unfused ops share shows in no comparison of the two. The
 * input "far" lies far from zero, where a mean rounds visibly, "tiny" near it, where eps
 * counts.                                                                    */
#include "graph/equal/result.h"
#include "core/memory.h"
#include "graph/equal/project.h"
#include "graph/equal/trial_data.h"
#include "tests/mutants/mutants.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* R rows of width D, which becomes a number: every op whose kernels have mutants. */
static const char norms[] =
    "graph \"norms\"\ndims R\n"
    "%1: f32[R,D] = input \"x\"\n"
    "%2: f32[R,D] = input \"skip\"\n"
    "%3: f32[D] = state \"gamma\"\n"
    "%4: f32[D] = state \"beta\"\n"
    "%5: f32[R,D] = input \"dy\"\n"
    "%6: f32[R,D] = input \"far\"\n"
    "%7: f32[R] = input \"mean\"\n"
    "%8: f32[R] = input \"rstd\"\n"
    "%9: f32[R,D], f32[R], f32[R] = layer_norm %1, %3, %4 {axis=1, eps=0.01}\n"
    "%10: f32[R,D], f32[R], f32[R] = layer_norm %6, %3, %4 {axis=1, eps=0.01}\n"
    "%11: f32[R,D], f32[R,D], f32[R], f32[R] = add_norm %1, %2, %3, %4 {axis=1, eps=0.01}\n"
    "%12: f32[R,D], f32[R,D], f32[R], f32[R] = add_norm %6, %2 {axis=1, eps=0.01}\n"
    "%13: f32[R,D], f32[R] = rms_norm %1, %3 {axis=1, eps=0.01}\n"
    "%14: f32[R,D], f32[D], f32[D] = layer_norm_grad %5, %1, %3, %7, %8 {axis=1, eps=0.01}\n"
    "%15: f32[R,D], f32[D], f32[D] = add_norm_grad %5, %1, %3, %7, %8, %2 {axis=1, eps=0.01}\n"
    "%16: f32[R,D], f32[D] = rms_norm_grad %5, %1, %3, %8 {axis=1, eps=0.01}\n"
    "%17: f32[R,D] = residual_add %1, %2\n"
    "%18: f32[R,D] = residual_add_scaled %1, %2, %3\n"
    "%19: f32[R,D] = accumulate %1, %2, %5\n"
    "%20: f32[] = state \"rate\"\n"
    "%21: i64[] = state \"step\"\n"
    "%22: f32[D] = state \"m\"\n"
    "%23: f32[D] = state \"v\"\n"
    "%24: f32[D], f32[D], f32[D] = adam_step %3, %4, %22, %23, %20, %21 "
    "{beta1=0.9, beta2=0.99, eps=0.01, decay=0.1}\n"
    "%25: f32[D] = sgd_step %3, %4, %20 {decay=0.1}\n"
    "%26: f32[D], f32[D] = momentum_step %3, %4, %22, %20 {momentum=0.9, nesterov=1}\n"
    "%27: f32[R,D] = input \"tiny\"\n"
    "%28: f32[R,D], f32[R], f32[R] = layer_norm %27 {axis=1, eps=1e-07}\n"
    "%29: f32[R,D], f32[R,D], f32[R] = add_rms_norm %1, %2, %3 {axis=1, eps=0.01}\n"
    "%30: f32[R,D], f32[D] = add_rms_norm_grad %5, %1, %3, %8, %2 {axis=1, eps=0.01}\n"
    "%31: f32[D], f32[D], f32[D], f32[D] = rmsprop_step %3, %4, %23, %22, %3, %20 "
    "{rho=0.75, momentum=0.5, eps=0.25, decay=0.1}\n"
    "%32: f32[D], f32[D], f32[D], f32[D] = rmsprop_step %3, %4, %23, _, _, %20 "
    "{rho=0.75, eps=0.25, outside=1}\n"
    "%33: f32[D], f32[D] = adagrad_step %3, %4, %23, %20 {eps=0.25, decay=0.1}\n"
    "%34: bool[] = compare %20, %20 {test=eq}\n"
    "%35: bool[] = compare %20, %20 {test=ne}\n"
    "%36: f32[D] = sum_step %3, %4, %34\n"
    "%37: f32[D] = sum_step %3, %4, %35\n"
    "%38: f32[D] = average_step %3, %4, %20, %34\n"
    "%39: f32[D], f32[D] = adagrad_step %3, %4, %23, %20, _, %35 {eps=0.25}\n"
    "%40: f32[D] = add %23, %23\n"
    "%41: f32[D] = add %40, %40\n"
    "%42: f32[D], f32[D], f32[D], f32[D] = rmsprop_step %3, %4, %23, %41, _, %20 "
    "{rho=0.75, eps=0.25}\n"
    "output \"y\" %9\n";

/* Grouped heads under a mask, over one tile and over several. */
static const char heads[] =
    "graph \"heads\"\ndims R\n"
    "%1: f32[1,4,R,D] = input \"q\"\n"
    "%2: f32[1,2,R,D] = input \"k\"\n"
    "%3: f32[1,2,R,D] = input \"w\"\n"
    "%4: f32[1,1,R,R] = input \"mask\"\n"
    "%5: f32[1,4,R,D], f32[1,4,R] = attention %1, %2, %3, %4 {causal=1}\n"
    "%6: f32[1,4,R,D], f32[1,2,R,D], f32[1,2,R,D], f32[1,1,R,R] = attention_grad %1, %1, %2, "
    "%3, %4, _, _, %1, %5.1 {causal=1}\n" /* of its own y, one key alone has slopes of 0 */
    "%7: f32[1,4,1,D] = input \"one\"\n" /* a query by itself, as a cache is asked */
    "%8: f32[1,1,1,R] = input \"seen\"\n"
    "%9: f32[1,4,1,D], f32[1,4,1] = attention %7, %2, %3, %8 {causal=1}\n"
    "output \"y\" %5\n";

/* Rows of three lengths over more than a tile; L stands for the lengths' bound. */
static const char recurrent[] =
    "graph \"recurrent\"\ndims R\n"
    "%1: f32[R,5,3] = input \"x\"\n"
    "%2: f32[3,DDD] = state \"kernel\"\n"
    "%3: f32[D,DDD] = state \"recurrent\"\n"
    "%4: f32[DDD] = state \"bias\"\n"
    "%5: f32[DDD] = state \"recurrent_bias\"\n"
    "%6: f32[R,D] = input \"h0\"\n"
    "%7: i32[R] = input \"lengths\"\n"
    "%8: f32[R,5,D] = input \"dy\"\n"
    "%9: f32[3,D] = state \"simple kernel\"\n"
    "%10: f32[D,D] = state \"simple recurrent\"\n"
    "%11: f32[R,5,D], f32[R,D], f32[R,5,DDD], f32[R,5,D] = gru %1, %2, %3, %4, %5, %6, %7\n"
    "%12: f32[R,5,D], f32[R,D], f32[R,5,DDD], f32[R,5,D] = gru %1, %2, %3, %4, %5, %6, %7 "
    "{reset_after=1, reverse=1}\n"
    "%13: f32[R,5,D], f32[R,D] = rnn %1, %9, %10, _, %6, %7 {reverse=1}\n"
    "%14: f32[R,5,3], f32[3,DDD], f32[D,DDD], f32[DDD], f32[DDD], f32[R,D] = gru_grad %8, %6, "
    "%1, %2, %3, %6, %7, %11, %11.2, %11.3\n"
    "%15: f32[R,5,3], f32[3,DDD], f32[D,DDD], f32[DDD], f32[DDD], f32[R,D] = gru_grad %8, %6, "
    "%1, %2, %3, %6, %7, %12, %12.2, %12.3 {reset_after=1, reverse=1}\n"
    "%16: f32[R,5,3], f32[3,D], f32[D,D], f32[D], f32[R,D] = rnn_grad %8, %6, %1, %9, %10, %6, "
    "%7, %13 {reverse=1}\n"
    "%17: f32[R,5,D], f32[R,D] = rnn %1, %9, %10 {rectified=1}\n"
    "output \"y\" %11\n";

/* Trial data with statistics that could be some row's, and rows that lie far off. */
static void fill(an_evaluation *e)
{
    const an_graph *g = e->graph;
    an_trial_fill(e, &(an_draw){.seed = 5});
    for (int64_t i = 0; i < g->leaf_count; i++) {
        const an_name_entry *leaf = &g->leaves[i];
        an_tensor *t = &e->value[leaf->value];
        const bool far = !strcmp(leaf->name, "far"), tiny = !strcmp(leaf->name, "tiny");
        const bool step = !strcmp(leaf->name, "step");
        const bool positive = strstr("rate rstd v", leaf->name) != NULL;
        for (int64_t k = 0; (far || tiny || step || positive) && k < an_tensor_count(t); k++) {
            const double x = an_tensor_get(t, k);
            an_tensor_set(t, k, far ? x + 1e6 : tiny ? x * 1e-3 : step ? 3 : 0.1 + fabs(x));
        }
    }
}

static void compare(const an_evaluation *fast, const an_evaluation *slow, const an_node *n, int k)
{
    const an_tensor *a = &fast->value[n->first + (uint32_t)k];
    const an_tensor *b = &slow->value[n->first + (uint32_t)k];
    const int64_t count = an_tensor_count(a);
    double largest = 0;
    for (int64_t i = 0; i < count; i++) largest = fmax(largest, fabs(an_tensor_get(b, i)));
    for (int64_t i = 0; i < count; i++) {
        const double x = an_tensor_get(a, i), y = an_tensor_get(b, i);
        if (fabs(x - y) <= 1e-5 * largest) continue;
        an_object("plain loops", "%s: element %d of output %d is %.9g, its plain loop says %.9g",
                  n->op->name, (int)i, k, x, y);
        return;
    }
}

/* The text with the width for D, three times it for DDD. */
static an_graph *of_width(const char *from, int64_t width)
{
    char text[4096];
    size_t used = 0;
    for (const char *p = from; *p; p++) {
        const int times = *p != 'D' ? 0 : !strncmp(p, "DDD", 3) ? 3 : 1;
        used += (size_t)snprintf(text + used, sizeof text - used, times ? "%d" : "%c",
                                 times ? times * (int)width : *p);
        if (times == 3) p += 2;
    }
    return an_read_graph("kernels", text);
}

/* Images, and what convolutions, pools and norms by channel make of them: windows that differ in
 * everything, more planes than one panel takes, elements that tie. */
#define WINDOW "{stride=[2,1], padding=[1,0,2,1], dilation=[1,2], groups=2}\n"
#define SQUARE "stride=[1,1], padding=[1,1,1,1], dilation=[1,1], groups=1}\n"
#define POOL "{window=[3,3], stride=[2,2], padding=[1,1,1,1]"
static const char images[] =
    "graph \"images\"\ndims R\n"
    "%1: f32[R,6,9,8] = input \"x\"\n%2: f32[4,3,3,2] = state \"kernel\"\n"
    "%3: f32[4] = state \"bias\"\n%4: f32[R,4,4,9] = input \"dy\"\n"
    "%5: f32[R,4,4,9] = conv2d %1, %2, %3 " WINDOW
    "%6: f32[R,6,9,8] = conv2d_transpose %4, %2 " WINDOW
    "%7: f32[4,3,3,2] = conv2d_kernel_grad %1, %4 " WINDOW
    "%8: f32[R,50,5,5] = input \"many\"\n%9: f32[5,50,3,3] = state \"wide\"\n"
    "%10: f32[R,5,5,5] = conv2d %8, %9 {" SQUARE
    "%11: f32[R,6,9,8] = relu %1\n"
    "%12: f32[R,6,5,4], i64[R,6,5,4] = max_pool2d %11 " POOL "}\n"
    "%13: f32[R,6,5,4] = avg_pool2d %1 " POOL "}\n"
    "%14: f32[R,6,5,4] = avg_pool2d %1 " POOL ", counted=1}\n"
    "%15: f32[R,6,9,8] = avg_pool2d_grad %13 " POOL "}\n"
    "%16: f32[6] = state \"gamma\"\n%17: f32[6] = state \"beta\"\n"
    "%18: f32[R,6,9,8], f32[6], f32[6], f32[6] = batch_norm %1, %16, %17 {eps=0.01}\n"
    "%19: f32[R,6,9,8], f32[6], f32[6] = batch_norm_grad %6, %1, %16, %18.1, %18.2 {eps=0.01}\n"
    "output \"y\" %5\n";

static void try_kernels(const char *text, int64_t rows, int64_t width)
{
    an_evaluation fast = {0}, slow = {.reference = true};
    const int64_t bound[] = {rows};
    an_graph *g = of_width(text, width);
    if (!g) return;
    const bool good = an_evaluation_begin(&fast, g, bound) == AN_OK &&
                      an_evaluation_begin(&slow, g, bound) == AN_OK;
    if (good) {
        fill(&fast);
        fill(&slow);
    }
    if (!good || an_evaluation_run(&fast) != AN_OK || an_evaluation_run(&slow) != AN_OK) {
        an_object("plain loops", "%s%s", fast.error.text, slow.error.text);
    } else {
        for (int64_t i = 1; i <= g->node_count; i++)
            for (int k = 0; k < g->nodes[i].outputs; k++) compare(&fast, &slow, &g->nodes[i], k);
    }
    an_evaluation_free(&fast);
    an_evaluation_free(&slow);
    an_graph_free(g);
}

/* ---- gradients --------------------------------------------------------- */

#define LEAVES                                                                                     \
    "graph \"d\"\n"                                                                                \
    "%1: f32[3,4] = input \"x\"\n%2: f32[3,4] = input \"s\"\n%3: f32[4] = state \"g\"\n"           \
    "%4: f32[4] = state \"b\"\n%5: f32[3,4] = input \"r\"\n%6: f32[3] = input \"q\"\n"

#define LOSS(last, next, sum)                                                                      \
    "%" #next ": f32[3,4] = mul %" #last ", %5\n%" #sum ": f32[] = sum %" #next " {axes=all}\n"

/* Chosen where x is positive; else it is no number. */
#define BRANCH                                                                                     \
    LEAVES "%7: f32[] = constant {data=[0]}\n%8: bool[3,4] = compare %1, %7 {test=gt}\n"
#define CHOICE(branch, choice, next, sum)                                                          \
    "%" #choice ": f32[3,4] = where %8, %" #branch ", %1\n"                                        \
    LOSS(choice, next, sum) "output \"loss\" %" #sum "\n"

static const char *const losses[] = {
    LEAVES "%7: f32[3,4], f32[3], f32[3] = layer_norm %1, %3, %4 {axis=1, eps=0.1}\n"
    "%8: f32[3] = mul %7.1, %6\n%9: f32[3,1] = reshape %8\n%10: f32[3,4] = add %7, %9\n"
    LOSS(10, 11, 12) "output \"loss\" %12\n",
    LEAVES "%7: f32[3,4], f32[3], f32[3] = layer_norm %1, %3 {axis=1, eps=0.1}\n"
    "%8: f32[3] = mul %7.2, %6\n%9: f32[3,1] = reshape %8\n%10: f32[3,4] = add %7, %9\n"
    LOSS(10, 11, 12) "output \"loss\" %12\n",
    LEAVES "%7: f32[3,4] = residual_add %1, %2\n%8: f32[3,4] = tanh %7\n"
    LOSS(8, 9, 10) "output \"loss\" %10\n",
    LEAVES "%7: f32[3,4] = residual_add_scaled %1, %2, %3\n%8: f32[3,4] = tanh %7\n"
    LOSS(8, 9, 10) "output \"loss\" %10\n",
    LEAVES "%7: f32[3,4] = sin %1\n%8: f32[3,4] = mul %7, %1\n%9: f32[3,4] = mul %8, %1\n"
    "%10: f32[3,4] = add %9, %3\n%11: f32[3,4] = mul %10, %4\n"
    LOSS(11, 12, 13) "output \"loss\" %13\n",
    LEAVES "%7: f32[3,4], f32[3,4], f32[3], f32[3] = add_norm %1, %2, %3, %4 {axis=1, eps=0.1}\n"
    "%8: f32[3,4] = mul %7, %7.1\n" LOSS(8, 9, 10) "output \"loss\" %10\n",
    LEAVES "%7: f32[3,4], f32[3,4], f32[3] = add_rms_norm %1, %2, %3 {axis=1, eps=0.1}\n"
    "%8: f32[3,4] = mul %7, %7.1\n" LOSS(8, 9, 10) "output \"loss\" %10\n",
    BRANCH "%9: f32[] = constant {data=[0.5]}\n%10: f32[3,4] = power %1, %9\n"
    CHOICE(10, 11, 12, 13),
    BRANCH "%9: f32[3,4] = sqrt %1\n%10: f32[3,4] = where %8, %5, %7\n"
    "%11: f32[3,4] = chain %10, %9 {divide=1}\n" LOSS(11, 12, 13) "output \"loss\" %13\n",
};

/* Of images; the loss is a sum of what a window that differs in everything makes of them. */
#define IMAGES                                                                                     \
    "graph \"d\"\n%1: f32[2,6,9,8] = input \"x\"\n%2: f32[4,3,3,2] = state \"kernel\"\n"           \
    "%3: f32[4] = state \"bias\"\n%4: f32[2,4,4,9] = input \"r\"\n%5: f32[6] = state \"g\"\n"
#define IMAGES_LOSS(last, next, sum)                                                               \
    "%" #next ": f32[2,4,4,9] = mul %" #last ", %4\n%" #sum ": f32[] = sum %" #next              \
    " {axes=all}\noutput \"loss\" %" #sum "\n"
static const char *const image_losses[] = {
    IMAGES "%6: f32[2,4,4,9] = conv2d %1, %2, %3 " WINDOW "%7: f32[2,4,4,9] = tanh %6\n"
    IMAGES_LOSS(7, 8, 9),
    IMAGES "%6: f32[2,6,9,8], f32[6], f32[6], f32[6] = batch_norm %1, %5 {eps=0.1}\n"
    "%7: f32[2,4,4,9] = conv2d %6, %2 " WINDOW IMAGES_LOSS(7, 8, 9),
    IMAGES "%6: f32[2,6,9,8] = conv2d_transpose %4, %2 " WINDOW "%7: f32[2,6,9,8] = mul %6, %1\n"
    "%8: f32[2,6,5,4] = avg_pool2d %7 " POOL "}\n%9: f32[] = sum %8 {axes=all}\n"
    "output \"loss\" %9\n",
};

static void try_gradient(const char *text)
{
    an_graph *g = an_read_graph("loss", text);
    if (!g) return;
    const an_value loss = an_graph_output_value(g, 0);
    an_gradient_check *c = an_check_gradients(.loss = loss, .samples = 4);
    if (c->status != AN_OK) an_object("differences", "%s", c->message);
    an_planted = an_mutant_number("grad-seed"); /* every rule is off by a factor */
    c = an_check_gradients(.loss = loss, .samples = 4);
    an_planted = 0;
    if (c->status != AN_E_GRADIENT) an_object("planted", "gradients off by two: %s", c->message);
    an_gradient_check_free(c);
    an_graph_free(g);
}

/* The terms of a gradient come in the order of their consumers, for sums round; only the
 * first norm of a sum comes last. Each row: a graph, and the gradient of its x or s. */
#define ROLES                                                                                      \
    "%1: f32[2,6] = input \"x\"\n%2: f32[2,6] = input \"a\"\n%3: f32[2,6] = input \"b\"\n"         \
    "%4: f32[2,6] = input \"cotangent of u\"\n%5: f32[2,6] = input \"cotangent of v\"\n"         \
    "%6: f32[2,6] = input \"cotangent of w\"\n"
#define NORM "layer_norm %7 {axis=1, eps=0.1}\n"
#define NORM_GRAD "layer_norm_grad %4, %7, _, %8.1, %8.2 {axis=1, eps=0.1}\n"

static const char *const orders[][2] = {
    {"graph \"o\"\n%1: f32[2,6] = input \"x\"\n%2: f32[2,6] = input \"a\"\n"
     "%3: f32[2,6] = input \"b\"\n%4: f32[2,6] = tanh %1\n"
     "%5: f32[2,6], f32[2], f32[2] = layer_norm %4 {axis=1, eps=0.1}\n"
     "%6: f32[2,6] = mul %4, %2\n%7: f32[2,6] = mul %4, %3\n"
     "output \"u\" %5\noutput \"v\" %6\noutput \"w\" %7\n",
     "graph \"w\"\n" ROLES "%7: f32[2,6] = tanh %1\n%8: f32[2,6], f32[2], f32[2] = " NORM
     "%9: f32[2,6], f32[6], f32[6] = " NORM_GRAD
     "%10: f32[2,6] = mul %2, %5\n%11: f32[2,6] = mul %3, %6\n"
     "%12: f32[2,6] = add %9, %10\n%13: f32[2,6] = add %12, %11\n"},
    {"graph \"o\"\n%1: f32[2,6] = input \"x\"\n%2: f32[2,6] = input \"a\"\n"
     "%3: f32[2,6] = input \"b\"\n%4: f32[2,6] = add %1, %2\n"
     "%5: f32[2,6], f32[2], f32[2] = layer_norm %4 {axis=1, eps=0.1}\n"
     "%6: f32[2,6] = mul %4, %2\n%7: f32[2,6] = mul %4, %3\n"
     "output \"u\" %5\noutput \"v\" %6\noutput \"w\" %7\n",
     "graph \"w\"\n" ROLES "%7: f32[2,6] = add %1, %2\n%8: f32[2,6], f32[2], f32[2] = " NORM
     "%9: f32[2,6], f32[6], f32[6] = " NORM_GRAD
     "%10: f32[2,6] = mul %2, %5\n%11: f32[2,6] = mul %3, %6\n"
     "%12: f32[2,6] = add %10, %11\n%13: f32[2,6] = add %12, %9\n"},
    {"graph \"o\"\n%1: f32[2,6] = input \"x\"\n%2: f32[2,6] = input \"a\"\n"
     "%3: f32[2,6] = input \"b\"\n%4: f32[2,6] = add %1, %2\n"
     "%5: f32[2,6], f32[2] = rms_norm %4 {axis=1, eps=0.1}\n"
     "%6: f32[2,6] = mul %4, %2\n%7: f32[2,6] = mul %4, %3\n"
     "output \"u\" %5\noutput \"v\" %6\noutput \"w\" %7\n",
     "graph \"w\"\n" ROLES "%7: f32[2,6] = add %1, %2\n"
     "%8: f32[2,6], f32[2] = rms_norm %7 {axis=1, eps=0.1}\n"
     "%9: f32[2,6], f32[6] = rms_norm_grad %4, %7, _, %8.1 {axis=1, eps=0.1}\n"
     "%10: f32[2,6] = mul %2, %5\n%11: f32[2,6] = mul %3, %6\n"
     "%12: f32[2,6] = add %10, %11\n%13: f32[2,6] = add %12, %9\n"},
};

static void try_order(const char *const order[2], bool through_tanh)
{
    static const char tanh_rest[] =
        "%14: f32[2,6] = square %7\n%15: f32[] = constant {data=[1]}\n"
        "%16: f32[2,6] = sub %15, %14\n%17: f32[2,6] = mul %13, %16\n";
    char wanted[2048];
    snprintf(wanted, sizeof wanted, "%s%soutput \"" AN_GRADIENT_PREFIX "x\" %%%d\n", order[1],
             through_tanh ? tanh_rest : "", through_tanh ? 17 : 13);
    an_error error = {0};
    an_graph *g = an_read_graph("o", order[0]), *b = an_read_graph("w", wanted);
    an_graph *a = g ? an_project_gradients(g, false, &error) : NULL;
    an_proof *f = an_prove(.a = a, .b = b, .subset = true);
    if (!f->proved) an_object("order", "%s", f->message);
    an_proof_free(f);
    an_graph_free(g);
    an_graph_free(a);
    an_graph_free(b);
}

void an_battery_ops(void)
{
    static const int64_t sizes[][2] = {{1, 5}, {4, 16}, {3, 24}, {3, 70}, {1300, 16}};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        try_kernels(norms, sizes[i][0], sizes[i][1]);
    try_kernels(heads, 3, 5);
    try_kernels(heads, 270, 8);
    try_kernels(recurrent, 11, 5);
    try_kernels(recurrent, 3, 19);
    try_kernels(images, 3, 1);
    for (size_t i = 0; i < sizeof losses / sizeof *losses; i++) try_gradient(losses[i]);
    for (size_t i = 0; i < sizeof image_losses / sizeof *image_losses; i++)
        try_gradient(image_losses[i]);
    for (int i = 0; i < 3; i++) try_order(orders[i], i == 0);
}
