/* 3_residual.c -- a residual and a layer norm: by hand, as ops, and as the one op they become.
 *
 * What a branch computed is added to what went into it, and each row of the sum is brought to mean
 * 0 and variance 1: 1 2 3 4 and 1 1 -1 -1 make 2 3 2 3, of mean 2.5 and variance 0.25. It prints:
 *
 *     by hand: -1 1 -1 1
 *     as ops:  -1 1 -1 1
 *     of 1 residual_add and 1 layer_norm the program made 1 add_norm
 */
#include <addnorm.h>
#include <stdio.h>

int main(void)
{
    an_graph *g = an_graph_new("residual");
    const an_value x = an_input(g, "x", AN_F32, AN_SHAPE(1, 4));
    const an_value branch = an_input(g, "branch", AN_F32, AN_SHAPE(1, 4));
    const an_value sum = an_add(x, branch);
    const an_value centred = an_sub(sum, an_mean_axes(sum, AN_AXES(-1), true));
    const an_value variance = an_mean_axes(an_square(centred), AN_AXES(-1), true);
    const an_value hand = an_div(centred, an_sqrt(variance));
    const an_value ops = an_layer_norm(an_residual_add(x, branch), AN_NONE, AN_NONE, -1, 0);

    an_store *store = an_store_new(1);
    an_program *p = an_compile(g, store, .fetch = {hand, ops});
    if (!p) return fprintf(stderr, "%s\n", an_compile_message(g)), 1;
    const an_tensor row = an_tensor_borrow(AN_F32, AN_EXTENTS(1, 4), (float[]){1, 2, 3, 4});
    const an_tensor more = an_tensor_borrow(AN_F32, AN_EXTENTS(1, 4), (float[]){1, 1, -1, -1});
    float y[2][4];
    an_tensor out[] = {an_tensor_borrow(AN_F32, AN_EXTENTS(1, 4), y[0]),
                       an_tensor_borrow(AN_F32, AN_EXTENTS(1, 4), y[1])};
    an_run(p, .feed = {{"x", &row}, {"branch", &more}}, .out = {&out[0], &out[1]});
    for (int i = 0; i < 2; i++)
        printf("%s %g %g %g %g\n", i ? "as ops: " : "by hand:", y[i][0], y[i][1], y[i][2], y[i][3]);
    printf("of %d residual_add and %d layer_norm the program made %d add_norm\n",
           (int)an_graph_count(g, "residual_add"), (int)an_graph_count(g, "layer_norm"),
           (int)an_graph_count(an_program_graph(p), "add_norm"));
    an_program_free(p), an_store_free(store), an_graph_free(g);
}
