/* test_vectors_along.c -- ops along an axis and equations, values and gradients, against numbers of
 * tests/ops/vectors_along.py: NumPy's formulas and differences, which it holds to PyTorch. */
#include "frontends/addnorm.h"
#include "tests/support.h"

#include <math.h>
#include <string.h>

typedef struct vector {
    const char *name;
    int operands, rank[2];
    int64_t extent[2][4];
    struct {
        double x[64], slope[64];
    } in[2];
    int count;
    double y[64];
} vector;

#include "tests/ops/vectors_along.h"

static an_value build(const char *name, const an_value *x, int count)
{
    if (strstr(name, "->")) return an_einsum_at(AN_HERE, name, x, count);
    const bool other_way = strstr(name, "reverse") || strstr(name, "descending");
    const size_t word = strcspn(name, " ");
    if (!strncmp(name, "cumsum", word))
        return an_cumsum(x[0], 1, strstr(name, "exclusive") != NULL, other_way);
    if (!strncmp(name, "prod", word)) return an_prod(x[0], -1);
    if (!strncmp(name, "var", word)) return an_var(x[0], 1, strstr(name, "sample") != NULL);
    if (!strncmp(name, "logsumexp", word)) return an_logsumexp(x[0], -1);
    if (!strncmp(name, "sort", word)) return an_sort(x[0], 1, other_way);
    if (!strncmp(name, "top_k", word)) return an_top_k(x[0], 2, 1);
    if (!strncmp(name, "tril", word)) return an_tril(x[0], 1);
    ck_assert_msg(!strncmp(name, "triu", word), "%s is not known here", name);
    return an_triu(x[0], -1);
}

static void want(const vector *v, const char *what, const an_tensor *t, const double *want)
{
    for (int64_t i = 0; i < an_tensor_count(t); i++)
        ck_assert_msg(an_test_close(an_tensor_get(t, i), want[i], 2e-6),
                      "%s: %s[%d] is %.9g, not %.9g", v->name, what, (int)i, an_tensor_get(t, i),
                      want[i]);
}

static void try_vector(const vector *v, an_dtype dtype)
{
    static const char *const names[] = {"a", "b"};
    an_graph *g = an_graph_new("vectors");
    an_value x[2], fetch[3];
    an_tensor in[2] = {{0}}, out[3] = {{0}};
    for (int k = 0; k < v->operands; k++) {
        an_shape shape = {.rank = v->rank[k]};
        for (int i = 0; i < shape.rank; i++) shape.dim[i] = v->extent[k][i];
        x[k] = an_input(g, names[k], dtype, shape);
        ck_assert_int_eq(an_tensor_alloc(&in[k], dtype, shape.rank, shape.dim), AN_OK);
        for (int64_t i = 0; i < an_tensor_count(&in[k]); i++)
            an_tensor_set(&in[k], i, v->in[k].x[i]);
    }
    fetch[0] = build(v->name, x, v->operands);
    const an_value flat = an_reshape(fetch[0], AN_SHAPE(AN_DIM_REST));
    const an_value weight = an_scale(an_add(an_iota(g, dtype, AN_SHAPE(v->count), 0),
                                            an_number(flat, 1)), 0.125);
    const an_value loss = an_sum(an_mul(flat, weight), 0);
    for (int k = 0; k < v->operands; k++) fetch[1 + k] = an_gradient(loss, x[k]);
    an_store *s = an_store_new(1);
    an_compile_args args = {.graph = g, .store = s, .fetch = {fetch[0], fetch[1]}};
    if (v->operands > 1) args.fetch[2] = fetch[2];
    an_program *p = an_compile_with(&args);
    ck_assert_msg(p != NULL, "%s: %s%s", v->name, an_graph_message(g), an_compile_message(g));
    an_run_args run = {.program = p, .feed = {{"a", &in[0]}}, .out = {&out[0], &out[1]}};
    if (v->operands > 1) run.feed[1] = (an_feed){"b", &in[1]};
    if (v->operands > 1) run.out[2] = &out[2];
    ck_assert_msg(an_run_with(&run) == AN_OK, "%s: %s", v->name, an_program_message(p));
    ck_assert_int_eq(an_tensor_count(&out[0]), v->count);
    want(v, "y", &out[0], v->y);
    for (int k = 0; k < v->operands; k++) want(v, names[k], &out[1 + k], v->in[k].slope);
    for (int i = 0; i < 3; i++) an_tensor_free(&out[i]);
    for (int k = 0; k < v->operands; k++) an_tensor_free(&in[k]);
    an_program_free(p);
    an_store_free(s);
    an_graph_free(g);
}

START_TEST(test_f32)
{
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) try_vector(&vectors[i], AN_F32);
}
END_TEST

START_TEST(test_f64)
{
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) try_vector(&vectors[i], AN_F64);
}
END_TEST

AN_TEST_MAIN("vectors_along", test_f32, test_f64)
