/* 4_train.c -- training: a dense layer finds out that its data follow y = 2 a - b + 0.5.
 *
 * A layer makes its weights: they are states of the graph, and a store holds their numbers. A
 * program with an update table writes new ones at each run. It prints:
 *
 *     loss after 300 steps: 0.00
 *     weights 2.00 -1.00
 *     y of 3 4 = 2.50
 */
#include <addnorm.h>
#include <stdio.h>

int main(void)
{
    an_graph *g = an_graph_new("train");
    const an_dim B = an_dim_named(g, "B"); /* rows of a batch: as many as are fed */
    const an_value x = an_input(g, "x", AN_F32, AN_SHAPE(B, 2));
    const an_value y = an_nn_dense(x, .units = 1, .name = "line");
    const an_value loss = an_mse(y, an_input(g, "target", AN_F32, AN_SHAPE(B, 1)));
    const an_updates steps = an_minimize(loss, an_sgd(.rate = 0.5)); /* gradients and all */

    an_store *store = an_store_new(42); /* the seed that weights start from */
    an_program *train = an_compile(g, store, .fetch = {loss}, .update = steps);
    an_program *predict = an_compile(g, store, .fetch = {y}, .inference = true); /* same weights */
    if (!train || !predict) return fprintf(stderr, "%s\n", an_compile_message(g)), 1;
    float data[4][2] = {{0, 0}, {0, 1}, {1, 0}, {1, 1}}, targets[] = {.5f, -.5f, 2.5f, 1.5f};
    const an_tensor in = an_tensor_borrow(AN_F32, AN_EXTENTS(4, 2), data);
    const an_tensor want = an_tensor_borrow(AN_F32, AN_EXTENTS(4, 1), targets);
    an_tensor out = {0};
    for (int i = 0; i < 300; i++)
        an_run(train, .feed = {{"x", &in}, {"target", &want}}, .out = {&out});
    printf("loss after 300 steps: %.2f\n", an_tensor_get(&out, 0));
    const an_tensor *w = an_store_view(store, "line/kernel");
    printf("weights %.2f %.2f\n", an_tensor_get(w, 0), an_tensor_get(w, 1));
    const an_tensor other = an_tensor_borrow(AN_F32, AN_EXTENTS(1, 2), (float[]){3, 4});
    an_run(predict, .feed = {{"x", &other}}, .out = {&out});
    printf("y of 3 4 = %.2f\n", an_tensor_get(&out, 0));
    an_tensor_free(&out), an_program_free(train), an_program_free(predict);
    an_store_free(store), an_graph_free(g);
}
