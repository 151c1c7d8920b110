/* test_reduce.c -- an_reduce: how small graphs get, and that every step is a graph.
 *
 * What "fails" is mostly a pattern whose smallest graph is known. One test rewrites
 * whole models with passes that are wrong on purpose and lets an_equivalent object. */
#include "graph/equal/result.h"
#include "graph/passes/rewrite.h"
#include "tests/models.h"
#include "tests/graph/random_graph.h"

/* ---- patterns ---------------------------------------------------------- */

/* A norm reads a sum that a tanh reads, too. */
static bool has_pattern(const an_graph *g)
{
    bool found = false;
    for (int64_t i = 1; i <= g->node_count; i++)
        for (int64_t j = 1; j <= g->node_count && an_is_op(&g->nodes[i], AN_OP_layer_norm); j++) {
            const an_node *norm = &g->nodes[i], *other = &g->nodes[j];
            found = found || (an_is_op(other, AN_OP_tanh) && other->in[0] == norm->in[0] &&
                              an_is_op(an_node_of(g, norm->in[0]), AN_OP_residual_add));
        }
    return found;
}

static bool pattern_fails(void *context, const an_graph *g)
{
    (void)context;
    return has_pattern(g);
}

static char *text_of(const an_graph *g)
{
    char *text = an_print(g);
    ck_assert_ptr_nonnull(text);
    return text;
}

/* The pattern in the middle of a stack, its results used by all that follows. */
static an_graph *pattern_in_stack(int blocks)
{
    an_graph *g = an_graph_new("hidden");
    an_value x = an_input(g, "x", AN_F32, AN_SHAPE(an_dim_named(g, "B"), 16));
    for (int i = 0; i < 2 * blocks; i++) {
        const an_value sum = an_residual_add(x, an_relu(an_nn_dense(x, .units = 16)));
        x = an_nn_layer_norm(sum);
        if (i == blocks) x = an_mul(x, an_tanh(sum));
    }
    const an_value loss = an_mean_axes(an_square(x), AN_ALL_AXES, false);
    ck_assert_int_ne(an_minimize(loss, an_adam(.rate = 1e-2f)).id, 0);
    an_graph_output(x, "y");
    ck_assert_msg(an_graph_status(g) == AN_OK, "%s", an_graph_message(g));
    return g;
}

START_TEST(test_pattern)
{
    an_graph *g = pattern_in_stack(24);
    an_reduced *r = an_reduce(.graph = g, .fails = pattern_fails);
    ck_assert_msg(an_reduced_status(r) == AN_OK && an_reduced_is_minimal(r), "%s",
                  an_reduced_message(r));
    printf("%lld nodes became %lld in %lld tries\n", (long long)g->node_count,
           (long long)an_graph_node_count(an_reduced_graph(r)), (long long)an_reduced_tries(r));
    ck_assert_int_gt(g->node_count, 1000);
    ck_assert_int_lt(an_reduced_tries(r), 300);
    ck_assert_int_eq(an_graph_node_count(an_reduced_graph(r)), 4);
    char *text = text_of(an_reduced_graph(r));
    ck_assert_str_eq(text, "graph \"hidden\"\ndims B\n"
                           "%1: f32[B,1] = input \"v217\"\n"
                           "%2: f32[B,1] = residual_add %1, %1\n"
                           "%3: f32[B,1], f32[], f32[] = layer_norm %2 {eps=0.001}\n"
                           "%4: f32[B,1] = tanh %2\n"
                           "output \"v227\" %4\noutput \"v226\" %3\n");
    an_string_free(text);
    an_reduced_free(r);
    an_graph_free(g);
}
END_TEST

/* ---- random graphs ----------------------------------------------------- */

/* What must hold of every candidate; the failure is that two ops are there. */
typedef struct watch {
    const char *op[2];
    int64_t seen;
} watch;

static bool both_are_there(void *context, const an_graph *g)
{
    watch *w = context;
    char report[256];
    ck_assert_msg(an_graph_verify(g, report, sizeof report) == AN_OK, "%s", report);
    ck_assert_int_gt(g->output_count + g->commit_count, 0);
    if (w->seen++ % 16 == 0) { /* and it is what its text says */
        char *text = text_of(g);
        an_graph *read = an_parse(.text = text, .name = "candidate.an");
        ck_assert_msg(an_graph_status(read) == AN_OK, "%s\n%s", an_graph_message(read), text);
        an_graph_free(read);
        an_string_free(text);
    }
    return an_graph_count(g, w->op[0]) > 0 && an_graph_count(g, w->op[1]) > 0;
}

static an_graph *random_graph(uint64_t seed, int nodes)
{
    const an_test_graph t = an_test_graph_make(seed, nodes);
    for (int i = 0; i < AN_TEST_FETCHES; i++) {
        char name[16];
        snprintf(name, sizeof name, "y%d", i);
        ck_assert_int_eq(an_graph_output(t.fetch[i], name), AN_OK);
    }
    return t.graph;
}

static void check_same(const an_graph *a, const an_graph *b)
{
    char *x = text_of(a), *y = text_of(b);
    ck_assert_str_eq(x, y);
    an_string_free(x);
    an_string_free(y);
}

/* Every candidate is a graph; twice gives the same; reducing the result changes nothing. */
START_TEST(test_random_graphs)
{
    static const char *const ops[] = {"matmul", "layer_norm", "where",    "reshape",
                                      "sum",    "embedding",  "transpose", "mean"};
    int reduced = 0;
    for (uint64_t seed = 1; seed <= 40; seed++) {
        an_graph *g = random_graph(seed, 80);
        watch w = {.op = {ops[seed % 8], ops[(seed / 8 + seed + 1) % 8]}};
        an_reduced *r = an_reduce(.graph = g, .fails = both_are_there, .context = &w);
        if (an_reduced_graph(r)) {
            ck_assert_msg(an_reduced_status(r) == AN_OK && an_reduced_is_minimal(r),
                          "seed %llu: %s", (unsigned long long)seed, an_reduced_message(r));
            ck_assert_int_le(an_graph_node_count(an_reduced_graph(r)), 8);
            an_reduced *twin = an_reduce(.graph = g, .fails = both_are_there, .context = &w);
            check_same(an_reduced_graph(r), an_reduced_graph(twin));
            ck_assert_int_eq(an_reduced_tries(r), an_reduced_tries(twin));
            an_reduced *again =
                an_reduce(.graph = an_reduced_graph(r), .fails = both_are_there, .context = &w);
            check_same(an_reduced_graph(r), an_reduced_graph(again));
            an_reduced_free(again);
            an_reduced_free(twin);
            reduced++;
        }
        an_reduced_free(r);
        an_graph_free(g);
    }
    ck_assert_int_gt(reduced, 20);
}
END_TEST

/* ---- limits ------------------------------------------------------------ */

static bool never(void *context, const an_graph *g)
{
    (void)context;
    (void)g;
    return false;
}

/* Takes the result. */
static void must_refuse(an_reduced *r, an_status status, const char *says)
{
    ck_assert_ptr_null(an_reduced_graph(r));
    ck_assert_int_eq(an_reduced_status(r), status);
    ck_assert_msg(strstr(an_reduced_message(r), says) != NULL, "%s", an_reduced_message(r));
    an_reduced_free(r);
}

START_TEST(test_refusals)
{
    an_graph *g = pattern_in_stack(1);
    must_refuse(an_reduce(.graph = g), AN_E_ARGUMENT, "needs a graph");
    must_refuse(an_reduce(.fails = never), AN_E_ARGUMENT, "needs a graph");
    must_refuse(an_reduce_with(NULL), AN_E_ARGUMENT, "needs a graph");
    must_refuse(an_reduce(.graph = g, .fails = never), AN_E_ARGUMENT, "nothing fails");
    must_refuse(NULL, AN_E_MEMORY, "out of memory");
    an_reduced *r = an_reduce(.graph = g, .fails = pattern_fails, .tries = 3);
    ck_assert(an_reduced_graph(r) && has_pattern(an_reduced_graph(r)));
    ck_assert(an_reduced_tries(r) == 3 && !an_reduced_is_minimal(r));
    an_reduced_free(r);
    an_add(an_graph_find(g, "x"), an_graph_state(g, "no such state"));
    must_refuse(an_reduce(.graph = g, .fails = pattern_fails), AN_E_NAME, "no such state");
    an_graph_free(g);
}
END_TEST

/* Where everything fails, one output of one input is left. */
static bool always(void *context, const an_graph *g)
{
    (void)context;
    return g != NULL;
}

START_TEST(test_something_is_left)
{
    an_graph *g = pattern_in_stack(2);
    an_reduced *r = an_reduce(.graph = g, .fails = always);
    ck_assert_int_eq(an_graph_node_count(an_reduced_graph(r)), 1);
    ck_assert_int_eq(an_reduced_graph(r)->output_count, 1);
    an_reduced_free(r);
    an_graph_free(g);
}
END_TEST

START_TEST(test_out_of_memory)
{
    an_graph *g = pattern_in_stack(1);
    bool failed = true;
    int best = 0, none = 0;
    for (int64_t n = 0; failed; n += n < 50 ? 1 : 211) {
        an_test_heap_start(n);
        an_reduced *r = an_reduce(.graph = g, .fails = pattern_fails);
        failed = an_test_heap_failed();
        const an_graph *small = an_reduced_graph(r);
        const bool good = small ? has_pattern(small) : an_reduced_status(r) != AN_OK;
        best += failed && small;
        none += !small;
        an_reduced_free(r);
        ck_assert_int_eq(an_test_heap_stop(), 0);
        ck_assert(good);
    }
    printf("out of memory: %d times a smaller graph, %d times none\n", best, none);
    ck_assert(best > 10 && none > 10);
    an_graph_free(g);
}
END_TEST

/* ---- passes that are wrong --------------------------------------------- */

/* A sum of sums reads the norm of the first in its place. */
static bool read_norm(an_rewrite *rw, uint32_t number, void *context)
{
    const an_graph *g = rw->from;
    const an_node *n = &g->nodes[number];
    (void)context;
    if (!an_is_op(n, AN_OP_residual_add) || !an_is_op(an_node_of(g, n->in[0]), AN_OP_residual_add))
        return false;
    for (uint32_t i = 1; i < number; i++) {
        if (!an_is_op(&g->nodes[i], AN_OP_layer_norm) || g->nodes[i].in[0] != n->in[0]) continue;
        const uint32_t in[] = {rw->value[g->nodes[i].first], rw->value[n->in[1]]};
        an_rewrite_replace(rw, number, an_rewrite_add(rw, n, n->op, in, 2, n->attrs, NULL, 0));
        return true;
    }
    return false;
}

/* The norm of a sum is taken with another eps: fused with a neighbour, say. */
static bool mix_eps(an_rewrite *rw, uint32_t number, void *context)
{
    const an_node *n = &rw->from->nodes[number];
    (void)context;
    if (!an_is_op(n, AN_OP_layer_norm) ||
        !an_is_op(an_node_of(rw->from, n->in[0]), AN_OP_residual_add))
        return false;
    an_attrs attrs = *n->attrs;
    attrs.eps = 1e-1f;
    return an_rewrite_copy_with(rw, number, &attrs) == AN_OK;
}

static an_status run_read_norm(an_rewrite *rw)
{
    return an_rewrite_each(rw, read_norm, NULL);
}

static an_status run_mix_eps(an_rewrite *rw)
{
    return an_rewrite_each(rw, mix_eps, NULL);
}

static bool differs(void *context, const an_graph *g)
{
    uint32_t *value = an_alloc((g->slot_count + 1) * (int64_t)sizeof *value);
    an_error error = {0};
    an_graph *wrong = an_pass_apply(context, g, value, NULL, &error);
    ck_assert_msg(wrong != NULL, "%s", error.text);
    an_equivalence *e = an_equivalent(.a = g, .b = wrong, .quick = true);
    const bool different = e->verdict == AN_DIFFERENT;
    an_equivalence_free(e);
    an_graph_free(wrong);
    an_free(value);
    return different;
}

static void check_wrong(an_model m, an_pass_fn run, int most)
{
    an_pass pass = {"wrong", run, true, "", NULL};
    an_reduced *r = an_reduce(.graph = m.g, .fails = differs, .context = &pass);
    ck_assert_msg(an_reduced_status(r) == AN_OK && an_reduced_is_minimal(r), "%s",
                  an_reduced_message(r));
    printf("%lld nodes became %lld in %lld tries\n", (long long)an_graph_node_count(m.g),
           (long long)an_graph_node_count(an_reduced_graph(r)), (long long)an_reduced_tries(r));
    ck_assert_int_le(an_graph_node_count(an_reduced_graph(r)), most);
    ck_assert(differs(&pass, an_reduced_graph(r)));
    an_reduced_free(r);
    an_graph_free(m.g);
}

START_TEST(test_wrong_passes)
{
    check_wrong(an_model_minimise(an_model_stack(12, true), 1e-2f), run_read_norm, 6);
    check_wrong(an_model_minimise(an_model_stack(12, false), 1e-2f), run_mix_eps, 3);
    check_wrong(an_model_minimise(an_model_classifier(AN_CLASSIFIER_SMALL), 1e-2f), run_mix_eps, 3);
}
END_TEST

AN_TEST_MAIN("reduce", test_pattern, test_random_graphs, test_refusals, test_something_is_left,
             test_out_of_memory, test_wrong_passes)
