/* along.c -- ops along an axis, slices at a place that is data, draws and equations: numbers worked
 * out by hand, of kernels, plain loops and gradients. */
#include "frontends/addnorm.h"
#include "graph/equal/trial_data.h"
#include "graph/evaluate.h"
#include "tests/mutants/mutants.h"

#include <math.h>
#include <string.h>

static an_value floats(an_graph *g, int64_t rows, int64_t columns, const float *x)
{
    const an_tensor t = an_tensor_borrow(AN_F32, AN_EXTENTS(rows, columns), (void *)x);
    return an_constant(g, &t);
}

static an_value place(an_graph *g, int32_t at)
{
    const an_tensor t = an_tensor_borrow(AN_I32, 0, NULL, &at);
    return an_constant(g, &t);
}

/* Both ways of computing v give these numbers, to six digits. */
static void expect(const char *what, an_value v, int count, const double *want)
{
    for (int reference = 0; reference < 2; reference++) {
        an_evaluation e = {.reference = reference == 1};
        if (an_graph_status(v.graph) != AN_OK || an_evaluation_begin(&e, v.graph, NULL) != AN_OK ||
            an_evaluation_run(&e) != AN_OK) {
            an_object("along", "%s: %s%s", what, an_graph_message(v.graph), e.error.text);
            an_evaluation_free(&e);
            return;
        }
        const an_tensor *t = &e.value[v.id];
        if (an_tensor_count(t) != count) an_object("along", "%s: of another shape", what);
        for (int i = 0; i < count && i < an_tensor_count(t); i++) {
            const double got = an_tensor_get(t, i);
            if (!(got == want[i] || fabs(got - want[i]) <= 1e-6 * fabs(want[i])))
                an_object("along", "%s[%d]: %g, not %g", what, i, got, want[i]);
        }
        an_evaluation_free(&e);
    }
}
#define EXPECT(what, v, ...)                                                                       \
    expect(what, v, (int)(sizeof((double[]){__VA_ARGS__}) / sizeof(double)),                       \
           (const double[]){__VA_ARGS__})

/* The gradient of the sum of y times 1, 2, 3, ... */
static an_value slope(an_value y, an_value x)
{
    an_graph *g = x.graph;
    const an_value flat = an_reshape(y, AN_SHAPE(AN_DIM_REST));
    const an_value weight = an_add(an_iota(g, AN_F32, an_type_of(flat).shape, 0),
                                   an_number(flat, 1));
    return an_gradient(an_sum(an_mul(flat, weight), 0), x);
}

static void try_slices(void)
{
    an_graph *g = an_graph_new("slices");
    const an_value x = floats(g, 2, 3, (float[]){1, 2, 3, 4, 5, 6});
    const an_value u = floats(g, 2, 1, (float[]){8, 9});
    const an_value cut = an_dynamic_slice(x, place(g, 1), 1, 2);
    const an_value put = an_update_slice(x, u, place(g, 2), 1);
    EXPECT("slice", cut, 2, 3, 5, 6);
    EXPECT("update", put, 1, 2, 8, 4, 5, 9);
    EXPECT("slice's slope", slope(cut, x), 0, 1, 2, 0, 3, 4);
    EXPECT("update's slope", slope(put, x), 1, 2, 0, 4, 5, 0);
    EXPECT("update's other slope", slope(put, u), 3, 6);
    for (int bad = 0; bad < 2; bad++) {
        an_graph *late = an_graph_new("late");
        const an_value y = floats(late, 2, 3, (float[]){1, 2, 3, 4, 5, 6});
        an_dynamic_slice(y, place(late, bad ? 2 : -1), 1, 2);
        an_evaluation e = {0};
        if (an_evaluation_begin(&e, late, NULL) != AN_OK || an_evaluation_run(&e) != AN_E_DATA)
            an_object("along", "a start outside is taken");
        an_evaluation_free(&e);
        an_graph_free(late);
    }
    an_graph_free(g);
}

/* Data drawn for starts that have one place only. */
static void try_trial_data(void)
{
    an_graph *g = an_graph_new("one place");
    const an_value x = an_input(g, "x", AN_F32, AN_SHAPE(2, 9));
    const an_value u = an_input(g, "u", AN_F32, AN_SHAPE(2, 9));
    an_dynamic_slice(x, an_input(g, "from", AN_I32, AN_SCALAR), 1, 9);
    an_update_slice(x, u, an_input(g, "to", AN_I32, AN_SCALAR), 1);
    for (uint64_t seed = 0; seed < 4; seed++) {
        an_evaluation e = {0};
        if (an_evaluation_begin(&e, g, NULL) != AN_OK) an_object("along", "%s", e.error.text);
        an_trial_fill(&e, &(an_draw){.seed = seed});
        if (an_evaluation_run(&e) != AN_OK) an_object("along", "%s", e.error.text);
        an_evaluation_free(&e);
    }
    an_graph_free(g);
}

static void try_running(void)
{
    an_graph *g = an_graph_new("running");
    const an_value x = floats(g, 2, 3, (float[]){1, 2, 3, 0, 5, 0});
    const an_value sum = an_cumsum(x, 1, false, false), back = an_cumsum(x, 1, true, true);
    EXPECT("cumsum", sum, 1, 3, 6, 0, 5, 5);
    EXPECT("cumsum from the end", back, 5, 3, 0, 5, 0, 0);
    EXPECT("cumsum's slope", slope(sum, x), 6, 5, 3, 15, 11, 6);
    EXPECT("cumsum's slope from the end", slope(back, x), 0, 1, 3, 0, 4, 9);
    const an_value product = an_prod(x, 1), dx = slope(product, x);
    EXPECT("prod", product, 6, 0);
    EXPECT("prod's slope", dx, 6, 3, 2, 0, 0, 0);
    EXPECT("prod's second slope", slope(dx, x), 12, 6, 4, 60, 0, 40);
    const an_value h = an_linear_scan(x, x, 1, false, 2);
    EXPECT("scan", h, 2, 3, 8, 2, 0, 5);
    EXPECT("scan's slope", slope(h, x), 24, 12, 0, 105, 6, 0);
    an_graph_free(g);
}

static void try_order(void)
{
    enum { MANY = 300 };
    an_graph *g = an_graph_new("order");
    const float nan = -(float)NAN;
    const an_value x = floats(g, 1, 5, (float[]){0.0f, nan, -0.0f, -3, 7});
    const an_value up = an_argsort(x, 1, false), down = an_argsort(x, 1, true);
    EXPECT("order", up, 3, 0, 2, 4, 1);
    EXPECT("order from the largest", down, 1, 4, 0, 2, 3);
    EXPECT("the best", an_result(an_top_k(x, 3, 1), 1), 1, 4, 0);
    float many[MANY];
    double sorted[MANY];
    for (int i = 0; i < MANY; i++) many[i] = (float)(i * 77 % MANY) * 1e-3f;
    for (int i = 0; i < MANY; i++) sorted[i] = (double)((float)i * 1e-3f);
    expect("many", an_sort(floats(g, 1, MANY, many), 1, false), MANY, sorted);
    const an_value v = floats(g, 3, 2, (float[]){3, 1, 2, 5, 1, 9});
    EXPECT("least", an_argmin(v, 1), 1, 0, 0);
    EXPECT("sort's slope", slope(an_sort(v, 0, false), v), 5, 2, 3, 4, 1, 6);
    EXPECT("top_k's slope", slope(an_top_k(v, 1, 1), v), 1, 0, 0, 2, 0, 3);
    an_graph_free(g);
}

static void try_composed(void)
{
    an_graph *g = an_graph_new("composed");
    const float inf = INFINITY;
    const an_value far = floats(g, 1, 4, (float[]){1e7f, 1e7f + 1, 1e7f + 1, 1e7f + 1});
    EXPECT("var", an_var(far, 1, 0), 0.1875);
    EXPECT("sample var", an_var(far, 1, 1), 0.25);
    const an_value none = floats(g, 2, 2, (float[]){-inf, -inf, inf, 0});
    EXPECT("logsumexp", an_logsumexp(none, 1), (double)-inf, (double)inf);
    EXPECT("logsumexp's slope", slope(an_logsumexp(none, 1), none), 0, 0, 0, 0);
    const an_value x = floats(g, 2, 2, (float[]){1, 2, 3, 4});
    EXPECT("tril", an_tril(x, 0), 1, 0, 3, 4);
    EXPECT("triu", an_triu(x, 0), 1, 2, 0, 4);
    EXPECT("einsum", an_einsum("ij,kj->ik", x, x), 5, 11, 11, 25);
    EXPECT("einsum turned", an_einsum("ij,jk->ki", x, x), 7, 15, 10, 22);
    EXPECT("diagonal", an_einsum("ii->i", x), 1, 4);
    an_graph_free(g);
    g = an_graph_new("letters");
    an_einsum("ij,ij->", floats(g, 2, 1, (float[]){1, 2}), floats(g, 1, 2, (float[]){1, 2}));
    if (!strstr(an_graph_message(g), "i is 2 in operand 0 and 1 in operand 1"))
        an_object("along", "letters of two extents: %s", an_graph_message(g));
    an_graph_free(g);
}

/* The kernel's draws are the plain loop's, and below high. */
static void try_draws(void)
{
    enum { MANY = 3000 };
    int64_t words[] = {4, 5};
    const an_tensor t = an_tensor_borrow(AN_I64, AN_EXTENTS(2), words);
    an_graph *g = an_graph_new("draws");
    const an_value key = an_constant(g, &t);
    const double low[] = {0, 1}, high[] = {1, 1 + 0x1p-23};
    for (int k = 0; k < 2; k++) {
        const an_value u = an_random_uniform_keyed(key, 6, AN_F32, AN_SHAPE(MANY), low[k], high[k]);
        an_evaluation fast = {0}, slow = {.reference = true};
        if (an_evaluation_begin(&fast, g, NULL) != AN_OK ||
            an_evaluation_begin(&slow, g, NULL) != AN_OK || an_evaluation_run(&fast) != AN_OK ||
            an_evaluation_run(&slow) != AN_OK)
            an_object("along", "draws: %s", fast.error.text);
        const float *a = fast.value[u.id].data, *b = slow.value[u.id].data;
        for (int i = 0; i < MANY; i++)
            if (a[i] != b[i] || !((double)a[i] < high[k])) {
                an_object("along", "draw %d is %g, and %g by the plain loop", i, (double)a[i],
                          (double)b[i]);
                break;
            }
        an_evaluation_free(&fast);
        an_evaluation_free(&slow);
    }
    an_graph_free(g);
}

void an_battery_along(void)
{
    try_slices();
    try_trial_data();
    try_running();
    try_order();
    try_composed();
    try_draws();
}
