/* recompute.c -- what a scope makes again, node by node. */
#include "tests/mutants/mutants.h"

/* Gradients read the results of exp, sigmoid, tanh and sqrt, the operands of the others. Of the
 * first scope "s" sigmoid's is an output, and the second reads tanh's. */
static const char text[] =
    "graph \"again\"\ndims B\n%1: f32[B,4] = input \"x\"\n%2: f32[4] = state \"w\"\n"
    "%3: f32[B,4], f32[B], f32[B] = layer_norm %1, %2 {axis=-1, eps=1e-05} in \"a/s\"\n"
    "%4: f32[B,4] = exp %3 in \"a/s\"\n"
    "%5: f32[B,4] = sigmoid %4 in \"a/s\"\n"
    "%6: f32[B,4] = tanh %5 in \"a/s\"\n"
    "%7: f32[B,4] = sqrt %6 in \"a_1/s\"\n"
    "%8: f32[B,4] = cos %7 in \"a_1/s\"\n"
    "%9: f32[B,4] = erf %8 in \"a_1/s\"\n"
    "%10: f32[] = mean %9 {axes=[0,1]}\noutput \"middle\" %5\noutput \"loss\" %10\n";

static void expect(const an_graph *before, const an_graph *after, const char *op, int64_t more)
{
    const int64_t made = an_graph_count(after, op) - an_graph_count(before, op);
    if (made != more)
        an_object("recompute", "%s is made again %d times, not %d", op, (int)made, (int)more);
}

static void compare(const an_graph *g, const an_graph *again)
{
    expect(g, again, "layer_norm", 1);
    expect(g, again, "exp", 1);
    expect(g, again, "sigmoid", 0);
    expect(g, again, "tanh", 0);
    expect(g, again, "sqrt", 1);
    expect(g, again, "cos", 1);
    expect(g, again, "erf", 0);
    for (int64_t i = 2; i <= again->node_count; i++)
        for (int64_t j = 1; j < i; j++)
            if (again->nodes[i].ordinal == again->nodes[j].ordinal)
                an_object("recompute", "two nodes have ordinal %u", again->nodes[i].ordinal);
    an_proof *p = an_prove(.a = g, .b = again);
    if (!an_proof_holds(p)) an_object("recompute", "not proved: %s", an_proof_message(p));
    an_proof_free(p);
}

void an_battery_recompute(void)
{
    an_graph *g = an_read_graph("recompute", text);
    if (!g) return;
    an_graph_output(an_gradient(an_graph_find(g, "loss"), an_graph_find(g, "w")), "dw");
    an_optimised *plain = an_optimise(.graph = g);
    an_optimised *o = an_optimise(.graph = g, .passes = "canonicalise,fold,cse,recompute=s,dce");
    if (an_optimised_graph(o) && an_optimised_graph(plain))
        compare(an_optimised_graph(plain), an_optimised_graph(o));
    else
        an_object("recompute", "%s", an_optimised_message(o));
    an_optimised_free(o);
    an_optimised_free(plain);
    an_graph_free(g);
}
