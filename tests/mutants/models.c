/* models.c -- training graphs through the pipeline, and as programs. */
#include "graph/passes/pipeline.h"
#include "graph/equal/result.h"
#include "frontends/addnorm.h"
#include "tests/mutants/mutants.h"

static an_value feed_forward(an_value x)
{
    return an_nn_dense(an_relu(an_nn_dense(x, .units = 20)), .units = 24);
}

static an_graph *stack(bool pre_norm, an_updates *up)
{
    an_graph *g = an_graph_new(pre_norm ? "pre-norm" : "post-norm");
    an_value x = an_input(g, "x", AN_F32, AN_SHAPE(an_dim_named(g, "B"), 24));
    for (int i = 0; i < 2; i++)
        x = pre_norm ? an_residual_add(x, feed_forward(an_nn_layer_norm(x)))
                     : an_nn_layer_norm(an_residual_add(x, feed_forward(x)));
    const an_value y = an_nn_dense(pre_norm ? an_nn_layer_norm(x) : x, .units = 3);
    const an_value loss = an_mse(y, an_input(g, "target", AN_F32, an_type_of(y).shape));
    *up = an_minimize(loss, an_adam(.rate = 1e-2f));
    an_graph_output(loss, "loss");
    an_graph_output(y, "y");
    return g;
}

static void try_pipeline(const char *what, const an_graph *g, int64_t pairs)
{
    an_optimised *o = an_optimise(.graph = g);
    if (o->status != AN_OK) an_object("pass", "%s: %s", what, o->message);
    if (o->status == AN_OK) {
        an_equivalence *e = an_equivalent(.a = g, .b = o->graph, .steps = 3, .extent = 3);
        an_judge_equal(what, e, NULL);
        if (e->fused_forward != pairs || e->fused_backward != pairs)
            an_object("counts", "%s: %lld and %lld fusions", what, (long long)e->fused_forward,
                      (long long)e->fused_backward);
        an_equivalence_free(e);
    }
    an_optimised_free(o);
}

/* A program holds less than the graph it was made from. */
static void try_subset(an_graph *g, an_updates up)
{
    an_store *store = an_store_new(1);
    const an_value y = an_graph_output_value(g, 1);
    an_program *p = an_compile(g, store, .fetch = {y}, .update = up);
    if (!p) {
        an_object("program", "%s", an_compile_message(g));
    } else {
        an_equivalence *e = an_equivalent(.a = g, .b = an_program_graph(p), .subset = true);
        an_judge_equal("a program of less", e, NULL);
        an_equivalence_free(e);
        e = an_equivalent(.a = g, .b = an_program_graph(p));
        if (e->verdict != AN_FAILED) an_object("numbers", "an output is gone, yet %s", e->message);
        if (e->proof.proved) an_object("proof", "an output is gone, yet proved");
        an_equivalence_free(e);
    }
    an_program_free(p);
    an_store_free(store);
}

/* Statistics of a sum are wanted, its norm is not; two states swap; a step in place. */
static const char small[] =
    "graph \"small\"\ndims B\n"
    "%1: f32[B,24] = input \"x\"\n"
    "%2: f32[B,24] = input \"skip\"\n"
    "%3: f32[24] = state \"p\"\n"
    "%4: f32[24] = state \"q\"\n"
    "%5: f32[24] = state \"w\"\n"
    "%6: f32[] = state \"rate\" {init=constant(0.1)}\n"
    "%7: f32[B,24], f32[B,24], f32[B], f32[B] = add_norm %1, %2, %3 {axis=1, eps=1e-05}\n"
    "%8: f32[B,24] = tanh %7.1\n"
    "%9: f32[B,24] = exp %8\n"
    "%10: f32[B,24] = mul %9, %8\n"
    "%11: f32[B,24], f32[B], f32[B] = layer_norm %10, %4, %5 {axis=1, eps=1e-05}\n"
    "%12: f32[24] = sum %11 {axes=[0]}\n"
    "%13: f32[24] = sgd_step %5, %12, %6\n"
    "%14: f32[24] = state \"from\"\n"
    "%15: f32[24] = state \"to\"\n"
    "%16: f32[24] = sgd_step %14, %12, %6\n"
    "%17: f32[24] = state \"beside\"\n"
    "%18: f32[24] = sgd_step %5, %12, %6 {decay=0.5}\n"
    "output \"sum\" %7.1\n"
    "output \"rstd\" %7.3\n"
    "output \"early\" %8\n"
    "output \"late\" %13\n"
    "output \"y\" %11\n"
    "update \"train\" %3 <- %4\n"
    "update \"train\" %4 <- %3\n"
    "update \"train\" %5 <- %13\n"
    "update \"train\" %15 <- %16\n"
    "update \"train\" %17 <- %18\n";

/* Two units of rows, written over what they are computed from. */
static const char large[] =
    "graph \"large\"\n%1: f32[1100,16] = input \"x\"\n%2: f32[1100,16] = tanh %1\n"
    "%3: f32[1100,16], f32[1100], f32[1100] = layer_norm %2 {axis=1, eps=0.01}\n"
    "output \"y\" %3\n";

/* As a program, run by an_equivalent. */
static void try_alone(const char *name, const char *text)
{
    an_graph *g = an_read_graph(name, text);
    if (!g) return;
    an_equivalence *e = an_equivalent(.a = g, .b = g, .steps = 3, .extent = 5);
    an_judge_equal(name, e, "node for node");
    an_equivalence_free(e);
    an_graph_free(g);
}

void an_battery_models(void)
{
    for (int pre = 0; pre < 2; pre++) {
        an_updates up;
        an_graph *g = stack(pre, &up);
        try_pipeline(an_graph_name(g), g, 2);
        if (pre) try_subset(g, up);
        an_graph_free(g);
    }
    try_alone("small", small);
    try_alone("large", large);
}
