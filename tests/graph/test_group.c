/* test_group.c -- what becomes one, against an oracle; and that it costs no more than it may. */
#include "graph/passes/group.h"
#include "tests/graph/group_trial.h"
#include "tests/models.h"
#include "tests/support.h"

#define TRIALS 300

START_TEST(test_joins_as_the_oracle_says)
{
    int refused = 0, tangled = 0, joins = 0;
    for (int i = 0; i < TRIALS; i++) {
        const int nodes = i % 4 ? 4 + i % 50 : AN_GROUP_MOST;
        const char *fault = an_group_trial((uint64_t)i + 1, nodes, &refused, &tangled);
        ck_assert_msg(!fault, "seed %d, %d nodes: %s", i + 1, nodes, fault);
        joins += nodes;
    }
    printf("%d joins, %d refused, %d tangled\n", joins, refused, tangled);
    ck_assert_int_gt(refused, joins / 20);
    ck_assert_int_lt(refused, joins / 2);
}
END_TEST

/* ---- what it costs ----------------------------------------------------- */

/* Sums first and then their norms, each with a gamma from the norm before. */
static an_graph *gammas(int norms)
{
    an_graph *g = an_graph_new("gammas");
    const an_value x = an_input(g, "x", AN_F32, AN_SHAPE(2, 4));
    an_value *sum = calloc((size_t)norms, sizeof *sum), y = AN_NONE;
    for (int i = 0; i < norms; i++) sum[i] = an_residual_add(i ? sum[i - 1] : x, x);
    for (int i = 0; i < norms; i++)
        y = an_layer_norm(sum[i], i ? an_mean(y, 0) : AN_NONE, AN_NONE, 1, 1e-5f);
    an_graph_output(y, "y");
    free(sum);
    return g;
}

/* Blocks of two sums and norms, trained by Adam. */
static an_graph *blocks(int count)
{
    return an_model_minimise(an_model_stack(count, true), 1e-3f).g;
}

/* The sum of a norm and the gradient of an accumulate's last term; 0 for other nodes. */
static uint32_t partner(const an_graph *g, const an_node *n)
{
    if (!an_is_op(n, AN_OP_layer_norm) && !an_is_op(n, AN_OP_accumulate)) return 0;
    const uint32_t value = n->in[an_is_op(n, AN_OP_layer_norm) ? 0 : n->inputs - 1];
    const int wanted = an_is_op(n, AN_OP_layer_norm) ? AN_OP_residual_add : AN_OP_layer_norm_grad;
    return an_is_op(an_node_of(g, value), wanted) ? g->slots[value].node : 0;
}

/* Steps for all joins of a graph, which is freed. */
static int64_t steps_of(an_graph *g)
{
    an_rewrite rw = {.pass = "test", .from = g, .to = an_graph_like(g)};
    ck_assert_msg(an_graph_status(g) == AN_OK && rw.to, "%s", an_graph_message(g));
    an_groups *x = an_groups_new(&rw);
    ck_assert_ptr_nonnull(x);
    int64_t joins = 0;
    for (uint32_t i = 1; i <= g->node_count; i++) {
        const uint32_t first = partner(g, &g->nodes[i]);
        if (!first) continue;
        ck_assert_int_eq(an_groups_join(x, first, i, 1), AN_JOIN_DONE);
        joins++;
    }
    const int64_t steps = an_groups_steps(x);
    printf("%lld nodes, %lld joins, %lld steps\n", (long long)g->node_count, (long long)joins,
           (long long)steps);
    ck_assert_int_gt(joins, g->node_count / 50);
    ck_assert_int_lt(steps, an_groups_budget(x));
    an_groups_free(x);
    an_graph_free(rw.to);
    an_graph_free(g);
    return steps;
}

START_TEST(test_twice_the_graph_costs_twice_the_steps)
{
    ck_assert_int_le(10 * steps_of(gammas(4000)), 22 * steps_of(gammas(2000)));
    ck_assert_int_le(10 * steps_of(blocks(120)), 22 * steps_of(blocks(60)));
}
END_TEST

/* Beyond the budget far pairs are refused, and near ones fuse still. */
START_TEST(test_what_is_tangled_is_refused)
{
    an_graph *g = an_group_tangle(600);
    an_optimised *o = an_optimise(.graph = g, .passes = "fuse_add_norm");
    ck_assert_msg(an_optimised_status(o) == AN_OK, "%s", an_optimised_message(o));
    int depends = 0, tangled = 0;
    const an_note *last = NULL, *n;
    for (int64_t i = 0; (n = an_optimised_note(o, i)) != NULL; i++) {
        depends += !strcmp(n->reason, "depends-on-sum");
        tangled += !strcmp(n->reason, "tangled");
        const bool says = strstr(n->text, "takes too long") != NULL;
        ck_assert_msg(says == !strcmp(n->reason, "tangled"), "%s: %s", n->reason, n->text);
        if (!n->done) last = n;
    }
    printf("%d depend on the sum, %d are tangled\n", depends, tangled);
    ck_assert_int_eq(depends + tangled, 601);
    ck_assert_int_gt(depends, 64);
    ck_assert_int_gt(tangled, 64);
    ck_assert_msg(strstr(last->text, "other gradients are added by themselves"), "%s", last->text);
    ck_assert_int_eq(an_graph_count(an_optimised_graph(o), "add_norm"), 2);
    ck_assert_int_eq(an_graph_count(an_optimised_graph(o), "add_norm_grad"), 1);
    an_optimised_free(o);
    an_graph_free(g);
}
END_TEST

AN_TEST_MAIN("group", test_joins_as_the_oracle_says, test_twice_the_graph_costs_twice_the_steps,
             test_what_is_tangled_is_refused)
