/* 5_verify.c -- verification: is what runs what you wrote?
 *
 * A program runs what passes made of a graph. The two are compared, gradients and Adam's steps and
 * all: by a proof, and by numbers, which test what it rests on. Then one with a mistake. It prints:
 *
 *     1 Add & Norm fused; proved; the same bits
 *     the other is not: eps is 0.001 in the first graph and 0.01 in the second
 */
#include <addnorm.h>
#include <stdio.h>

/* A block that is trained to give back its input; the table of its updates. */
static an_updates block(double eps, an_value *loss)
{
    an_graph *g = an_graph_new("block");
    const an_value x = an_input(g, "x", AN_F32, AN_SHAPE(an_dim_named(g, "B"), 8));
    const an_value branch = an_relu(an_nn_dense(x, .units = 8));
    *loss = an_mse(an_nn_residual(x, branch, .eps = eps), x);
    return an_minimize(*loss, an_adam(.rate = 1e-3));
}

int main(void)
{
    an_value loss, other_loss;
    const an_updates steps = block(1e-3, &loss), other = block(1e-2, &other_loss);
    an_graph *g = steps.graph;
    an_store *store = an_store_new(1);
    an_program *p = an_compile(g, store, .fetch = {loss}, .update = steps);
    if (!p) return fprintf(stderr, "%s\n", an_compile_message(g)), 1;

    an_equivalence *e = an_equivalent(g, an_program_graph(p), .gradients = true, .subset = true);
    printf("%d Add & Norm fused; %s; %s\n", (int)an_equivalence_fused(e),
           an_equivalence_holds(e, AN_RUNG_PROVED) ? "proved" : "not proved",
           an_equivalence_numbers(e) == AN_BITWISE ? "the same bits" : "other bits");
    an_proof *q = an_prove(g, other.graph);
    printf("the other is not: %s\n", an_proof_difference(q));
    an_proof_free(q), an_equivalence_free(e), an_program_free(p);
    an_store_free(store), an_graph_free(g), an_graph_free(other.graph);
}
