/* 1_value.c -- a value: describe a computation, compile it, run it.
 *
 * A graph holds no numbers. It says what follows from what, here y = 3 x + 1 for a row x of any
 * length N; a program made of it computes y from whatever x it is fed, as often as you like.
 * It prints:
 *
 *     y of 1 2 3 = 4 7 10
 *     y of 5 = 16
 */
#include <addnorm.h>
#include <stdio.h>

int main(void)
{
    /* Describe. Each call adds a node and gives back its value, whose shape is known at once. */
    an_graph *g = an_graph_new("value");
    const an_value x = an_input(g, "x", AN_F32, AN_SHAPE(an_dim_named(g, "N")));
    const an_value y = an_add(an_scale(x, 3), an_number(x, 1));

    /* Compile. Whatever was wrong above is told here, once, with the file and line of the call. */
    an_store *store = an_store_new(1); /* where weights live; this graph has none */
    an_program *p = an_compile(g, store, .fetch = {y});
    if (!p) return fprintf(stderr, "%s\n", an_compile_message(g)), 1;

    /* Run. A tensor is an array of yours with a shape; results get memory of their own. */
    float numbers[] = {1, 2, 3}, five = 5;
    const an_tensor row = an_tensor_borrow(AN_F32, AN_EXTENTS(3), numbers);
    const an_tensor one = an_tensor_borrow(AN_F32, AN_EXTENTS(1), &five);
    an_tensor out = {0};
    an_run(p, .feed = {{"x", &row}}, .out = {&out});
    printf("y of 1 2 3 = %g %g %g\n", an_tensor_get(&out, 0), an_tensor_get(&out, 1),
           an_tensor_get(&out, 2));
    an_run(p, .feed = {{"x", &one}}, .out = {&out});
    printf("y of 5 = %g\n", an_tensor_get(&out, 0));

    an_tensor_free(&out); /* what was made is freed, each by its own call */
    an_program_free(p), an_store_free(store), an_graph_free(g);
}
