/* 2_gradient.c -- a gradient is a value like any other.
 *
 * With w = 3, inputs 1 and 2 and targets 2 and 2, the errors w x - target are 1 and 4. So
 *
 *   loss      = mean of error^2     = (1 + 16) / 2
 *   slope     = mean of 2 error x   = (2 * 1 * 1 + 2 * 4 * 2) / 2
 *   curvature = mean of 2 x^2       = (2 * 1 + 2 * 4) / 2
 *
 * It prints:
 *
 *     loss 8.5, slope 9, curvature 5
 */
#include <addnorm.h>
#include <stdio.h>

int main(void)
{
    an_graph *g = an_graph_new("gradient");
    const an_value w = an_input(g, "w", AN_F32, AN_SCALAR);
    const an_value x = an_input(g, "x", AN_F32, AN_SHAPE(2));
    const an_value loss = an_mse(an_mul(x, w), an_input(g, "target", AN_F32, AN_SHAPE(2)));

    /* Differentiating adds nodes to the same graph, to be fetched, drawn, differentiated again. */
    const an_value slope = an_gradient(loss, w), curvature = an_gradient(slope, w);

    an_store *store = an_store_new(1);
    an_program *p = an_compile(g, store, .fetch = {loss, slope, curvature});
    if (!p) return fprintf(stderr, "%s\n", an_compile_message(g)), 1;
    const an_tensor three = an_tensor_borrow(AN_F32, 0, NULL, (float[]){3});
    const an_tensor inputs = an_tensor_borrow(AN_F32, AN_EXTENTS(2), (float[]){1, 2});
    const an_tensor targets = an_tensor_borrow(AN_F32, AN_EXTENTS(2), (float[]){2, 2});
    float got[3]; /* a result may also be made right in memory of yours */
    an_tensor out[3];
    for (int i = 0; i < 3; i++) out[i] = an_tensor_borrow(AN_F32, 0, NULL, &got[i]);
    an_run(p, .feed = {{"w", &three}, {"x", &inputs}, {"target", &targets}},
           .out = {&out[0], &out[1], &out[2]});
    printf("loss %g, slope %g, curvature %g\n", (double)got[0], (double)got[1], (double)got[2]);
    an_program_free(p), an_store_free(store), an_graph_free(g);
}
