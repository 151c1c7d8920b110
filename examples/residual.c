/* residual.c -- the article's worked residual block, with the right numbers.
 *
 *   h1 = relu(W1 x + b1),  h2 = relu(W2 h1 + b2),  y = h2 + h1
 *   x = [1, 1], W1 = [[1,2],[3,4]], b1 = [1,2], W2 = [[5,6],[7,8]], b2 = [5,6]
 *
 * (The article prints 3,7 / 29,65 / 32,72: it drops part of the bias and of the
 * product.) As a graph: the weights are constants, a row vector stands for x, and
 * every step is fetched. Exits 1 if a number is not what paper gives.        */
#include <addnorm.h>

#include <stdio.h>

/* A constant matrix or, with rows 0, a vector. */
static an_value literal(an_graph *g, int64_t rows, int64_t columns, const float *data)
{
    const int64_t extent[2] = {rows ? rows : columns, columns};
    const an_tensor t = an_tensor_view(AN_F32, rows ? 2 : 1, extent, data);
    return an_constant(g, &t);
}

static bool show(const char *name, const char *working, const an_tensor *t, double a, double b)
{
    const double got[2] = {an_tensor_get(t, 0), an_tensor_get(t, 1)};
    printf("%-3s = %-38s = [%g, %g]\n", name, working, got[0], got[1]);
    return got[0] == a && got[1] == b;
}

int main(void)
{
    an_graph *g = an_graph_new("residual");
    const an_value x = an_input(g, "x", AN_F32, AN_SHAPE(1, 2));
    const an_value W1 = literal(g, 2, 2, (const float[]){1, 2, 3, 4});
    const an_value b1 = literal(g, 0, 2, (const float[]){1, 2});
    const an_value W2 = literal(g, 2, 2, (const float[]){5, 6, 7, 8});
    const an_value b2 = literal(g, 0, 2, (const float[]){5, 6});
    const an_value h1 = an_relu(an_add(an_matmul_t(x, false, W1, true), b1));
    const an_value h2 = an_relu(an_add(an_matmul_t(h1, false, W2, true), b2));
    const an_value y = an_residual_add(h2, h1);

    an_store *store = an_store_new(1);
    an_program *p = an_compile(g, store, .fetch = {h1, h2, y});
    if (!p) {
        fprintf(stderr, "%s\n", an_compile_message(g));
        return 1;
    }
    const an_tensor one = an_tensor_borrow(AN_F32, AN_EXTENTS(1, 2), (float[]){1, 1});
    an_tensor t1 = {0}, t2 = {0}, t3 = {0};
    bool right = an_run(p, .feed = {{"x", &one}}, .out = {&t1, &t2, &t3}) == AN_OK;
    if (right) {
        puts("x   = [1, 1]");
        right &= show("h1", "relu([1*1+2*1+1, 3*1+4*1+2])", &t1, 4, 9);
        right &= show("h2", "relu([5*4+6*9+5, 7*4+8*9+6])", &t2, 79, 106);
        right &= show("y", "h2 + h1", &t3, 83, 115);
    }
    an_tensor_free(&t1);
    an_tensor_free(&t2);
    an_tensor_free(&t3);
    an_program_free(p);
    an_store_free(store);
    an_graph_free(g);
    return right ? 0 : 1;
}
