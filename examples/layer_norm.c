/* layer_norm.c -- the article's worked layer norm, with the right numbers.
 *
 *   x = [1, 2, 3, 4]: mean 2.5, variance 1.25, y = (x - 2.5) / sqrt(1.25)
 *
 * (The article subtracts a vector of wrong means.) Then the same row plus a
 * residual, as the pair and as the op that the pass makes of the pair: the bits
 * must agree. Exits 1 if a number is not what the working on paper gives.     */
#include <addnorm.h>

#include <math.h>
#include <stdio.h>
#include <string.h>

static bool near(double a, double b)
{
    return fabs(a - b) < 5e-5;
}

static bool show_norm(void)
{
    an_graph *g = an_graph_new("layer_norm");
    const an_value x = an_input(g, "x", AN_F32, AN_SHAPE(1, 4));
    const an_value y = an_layer_norm(x, AN_NONE, AN_NONE, -1, 0);
    an_store *store = an_store_new(1);
    an_program *p = an_compile(g, store, .fetch = {y, an_result(y, 1), an_result(y, 2)});
    const an_tensor row = an_tensor_borrow(AN_F32, AN_EXTENTS(1, 4), (float[]){1, 2, 3, 4});
    an_tensor t = {0}, mean = {0}, rstd = {0};
    bool right = an_run(p, .feed = {{"x", &row}}, .out = {&t, &mean, &rstd}) == AN_OK;
    if (right) {
        const double r = an_tensor_get(&rstd, 0), want[4] = {-1.3416, -0.4472, 0.4472, 1.3416};
        printf("x        = [1, 2, 3, 4]\nmean     = (1 + 2 + 3 + 4) / 4 = %g\n",
               an_tensor_get(&mean, 0));
        printf("variance = (2.25 + 0.25 + 0.25 + 2.25) / 4 = %g\n", 1 / (r * r));
        printf("y        = (x - mean) / sqrt(variance) =");
        for (int i = 0; i < 4; i++) {
            printf(" %.4f", an_tensor_get(&t, i));
            right &= near(an_tensor_get(&t, i), want[i]);
        }
        puts("");
        right &= near(an_tensor_get(&mean, 0), 2.5) && near(1 / (r * r), 1.25);
    } else {
        fprintf(stderr, "%s\n", p ? an_program_message(p) : an_compile_message(g));
    }
    an_tensor_free(&t);
    an_tensor_free(&mean);
    an_tensor_free(&rstd);
    an_program_free(p);
    an_store_free(store);
    an_graph_free(g);
    return right;
}

/* layer_norm(x + r) as the user wrote it, and after fuse_add_norm. */
static bool show_fusion(void)
{
    an_graph *g = an_graph_new("add and norm");
    const an_value x = an_input(g, "x", AN_F32, AN_SHAPE(1, 4));
    const an_value r = an_input(g, "r", AN_F32, AN_SHAPE(1, 4));
    const an_value y = an_layer_norm(an_residual_add(x, r), AN_NONE, AN_NONE, -1, 1e-5f);
    an_graph_output(y, "y");
    an_optimised *o = an_optimise(g);
    an_equivalence *e = an_equivalent(.a = g, .b = an_optimised_graph(o), .gradients = true);
    const int64_t fused = an_equivalence_fused(e);
    printf("\nlayer_norm(x + r), before and after the pass: %lld node%s fused; %s\n",
           (long long)fused, fused == 1 ? " was" : "s were", an_equivalence_message(e));
    const bool right = fused == 1 && an_equivalence_holds(e, AN_RUNG_PROVED);
    an_equivalence_free(e);
    an_optimised_free(o);
    an_graph_free(g);
    return right;
}

int main(void)
{
    const bool norm = show_norm(), fusion = show_fusion();
    return norm && fusion ? 0 : 1;
}
