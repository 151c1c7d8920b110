/* first.c -- the README's program: define, fuse, verify, train, draw. */
#include <addnorm.h>
#include <stdio.h>

int main(void)
{
    an_graph *g = an_graph_new("first");
    const an_dim B = an_dim_named(g, "B");
    const an_value x = an_input(g, "x", AN_F32, AN_SHAPE(B, 8));
    const an_value target = an_input(g, "target", AN_F32, AN_SHAPE(B, 1));
    an_value h = an_nn_dense(x, .units = 32);
    h = an_nn_layer_norm(an_residual_add(h, an_relu(an_nn_dense(h, .units = 32))));
    const an_value loss = an_mse(an_nn_dense(h, .units = 1), target);
    const an_updates up = an_minimize(loss, an_adam(.rate = 1e-2f)); /* gradients are nodes too */

    an_store *weights = an_store_new(42);
    an_program *train = an_compile(g, weights, .fetch = {loss}, .update = up);
    if (!train) return fprintf(stderr, "%s\n", an_compile_message(g)), 1; /* the one check */
    an_equivalence *e = an_equivalent(g, an_program_graph(train), .gradients = true,
                                      .subset = true);
    printf("%lld pair fused; %s\n", (long long)an_equivalence_fused(e), an_equivalence_message(e));
    an_dot_file(an_program_graph(train), "first.svg", .diff = g);

    float data[64][8] = {{0}}, sums[64] = {0};
    for (int i = 0; i < 512; i++) sums[i / 8] += data[i / 8][i % 8] = (float)(i * 37 % 19) / 19;
    const an_tensor xs = an_tensor_borrow(AN_F32, AN_EXTENTS(64, 8), data);
    const an_tensor ys = an_tensor_borrow(AN_F32, AN_EXTENTS(64, 1), sums);
    an_tensor out = {0};
    for (int step = 0; step < 300; step++)
        an_run(train, .feed = {{"x", &xs}, {"target", &ys}}, .out = {&out});
    printf("loss after 300 steps: %.5f\n", an_tensor_get(&out, 0));

    an_tensor_free(&out); /* what is made is freed: graph, program, store, caller each their own */
    an_equivalence_free(e);
    an_program_free(train);
    an_store_free(weights);
    an_graph_free(g);
}
