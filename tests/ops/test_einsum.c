/* test_einsum.c -- equations against loops over all letters, and the ops they become. */
#include "frontends/addnorm.h"
#include "graph/ir.h"
#include "tests/support.h"

#include <math.h>
#include <string.h>

enum { OPERANDS = 4 };

static int64_t extent_of(char letter)
{
    return 2 + (letter - 'a') % 4;
}

/* ---- the oracle: letters only, and a result that is written ------------ */

static int64_t offset_of(const char *term, size_t length, const int64_t index[128])
{
    int64_t at = 0;
    for (size_t i = 0; i < length; i++) at = at * extent_of(term[i]) + index[(int)term[i]];
    return at;
}

/* Goes through every assignment of the letters; adds each product where it belongs. */
static void einsum_by_loops(const char *equation, const double *const in[], double *result)
{
    char letters[64] = "";
    for (const char *p = equation; *p; p++)
        if (*p >= 'a' && *p <= 'z' && !strchr(letters, *p)) letters[strlen(letters)] = *p;
    const char *arrow = strstr(equation, "->");
    int64_t index[128] = {0};
    for (;;) {
        double product = 1;
        const char *p = equation;
        for (int k = 0; k == 0 || p <= arrow; k++) {
            const size_t length = strcspn(p, ",-");
            product *= in[k][offset_of(p, length, index)];
            p += length + 1;
        }
        result[offset_of(arrow + 2, strlen(arrow + 2), index)] += product;
        size_t i = 0;
        for (; letters[i] && ++index[(int)letters[i]] == extent_of(letters[i]); i++)
            index[(int)letters[i]] = 0;
        if (!letters[i]) return;
    }
}

/* ---- one equation ------------------------------------------------------ */

static int count_ops(const an_graph *g, const char *op)
{
    int count = 0;
    for (int64_t i = 1; i <= g->node_count; i++) count += !strcmp(g->nodes[i].op->name, op);
    return count;
}

typedef struct trial {
    an_graph *g;
    int count;
    an_value in[OPERANDS], y;
    float *data[OPERANDS];
    double *wide[OPERANDS];
    an_tensor tensor[OPERANDS];
} trial;

/* Operands as `letters` names them, up to the arrow, of random data; `equation` is what is asked
 * of the graph. */
static trial make(const char *letters, const char *equation, uint64_t seed)
{
    trial t = {.g = an_graph_new("t")};
    an_test_random random = {seed};
    for (const char *p = letters;; p++) {
        const size_t length = strcspn(p, ",-");
        an_shape shape = {.rank = (int)length};
        int64_t elements = 1;
        for (size_t i = 0; i < length; i++) elements *= shape.dim[i] = extent_of(p[i]);
        const char name[] = {(char)('a' + t.count), 0};
        t.in[t.count] = an_input(t.g, name, AN_F32, shape);
        t.data[t.count] = malloc((size_t)elements * sizeof(float));
        t.wide[t.count] = malloc((size_t)elements * sizeof(double));
        for (int64_t i = 0; i < elements; i++)
            t.wide[t.count][i] = (double)(t.data[t.count][i] =
                                              (float)an_test_uniform(&random, -2, 2));
        t.tensor[t.count] = an_tensor_borrow(AN_F32, shape.rank, shape.dim, t.data[t.count]);
        t.count++;
        p += length;
        if (*p != ',') break;
    }
    t.y = an_einsum_at(AN_HERE, equation, t.in, t.count);
    return t;
}

static void end(trial *t)
{
    for (int k = 0; k < t->count; k++) {
        free(t->data[k]);
        free(t->wide[k]);
    }
    an_graph_free(t->g);
}

static void run(const trial *t, an_value y, const char *what, an_tensor *out)
{
    static const char *const names[] = {"a", "b", "c", "d"};
    an_store *s = an_store_new(1);
    an_program *p = an_compile(t->g, s, .fetch = {y});
    ck_assert_msg(p != NULL, "%s: %s", what, an_compile_message(t->g));
    an_run_args args = {.program = p, .out = {out}};
    for (int k = 0; k < t->count; k++) args.feed[k] = (an_feed){names[k], &t->tensor[k]};
    ck_assert_msg(an_run_with(&args) == AN_OK, "%s: %s", what, an_program_message(p));
    an_program_free(p);
    an_store_free(s);
}

static void want(const trial *t, an_value y, const char *letters, const double *const in[],
                 const char *what)
{
    an_tensor out = {0};
    run(t, y, what, &out);
    const char *result = strstr(letters, "->") + 2;
    ck_assert_msg(out.rank == (int)strlen(result), "%s: rank %d", what, out.rank);
    for (int i = 0; i < out.rank; i++) ck_assert_int_eq(out.extent[i], extent_of(result[i]));
    double *sums = calloc((size_t)an_tensor_count(&out) + 1, sizeof *sums);
    einsum_by_loops(letters, in, sums);
    for (int64_t i = 0; i < an_tensor_count(&out); i++)
        ck_assert_msg(an_test_close(an_tensor_get(&out, i), sums[i], 1e-5),
                      "%s: element %d is %.9g, not %.9g", what, (int)i, an_tensor_get(&out, i),
                      sums[i]);
    free(sums);
    an_tensor_free(&out);
}

/* ---- tests ------------------------------------------------------------- */

/* An equation, what the oracle is to read (NULL: the same), and what it becomes: matmul, transpose,
 * mul, sum, reshape. */
static const struct {
    const char *equation, *letters;
    int ops[5];
} equations[] = {
    {"bhtd,bhsd->bhts", NULL, {1, 0, 0, 0, 0}},
    {"bhts,bhsd->bhtd", NULL, {1, 0, 0, 0, 0}},
    {"ij,jk->ik", NULL, {1, 0, 0, 0, 0}},
    {"ij,jk", "ij,jk->ik", {1, 0, 0, 0, 0}},
    {"ji,jk->ik", NULL, {1, 0, 0, 0, 0}},
    {"ji,kj->ik", NULL, {1, 0, 0, 0, 0}},
    {"ij,jk->ki", NULL, {1, 0, 0, 0, 0}}, /* the other way round */
    {"bij,bkj->bki", NULL, {1, 0, 0, 0, 0}},
    {"btd,dhk->bthk", NULL, {1, 0, 0, 0, 3}},
    {"bthd,bshd->bhts", NULL, {1, 2, 0, 0, 0}},
    {"bhtd,dhe->bte", NULL, {1, 1, 0, 0, 3}}, /* h and d of a turned, and of b read so */
    {"ij->ji", NULL, {0, 1, 0, 0, 0}},
    {"ba", "ba->ab", {0, 1, 0, 0, 0}},
    {"ij->", NULL, {0, 0, 0, 1, 0}},
    {"ij->ij", NULL, {0, 0, 0, 0, 0}},
    {"ii->i", NULL, {0, 0, 0, 1, 0}},
    {"ii", "ii->", {0, 0, 0, 2, 0}},
    {"iji->j", NULL, {0, 0, 0, 2, 0}},
    {"iii->i", NULL, {0, 0, 0, 2, 0}},
    {"i,i->", NULL, {0, 0, 1, 1, 0}},
    {"bd,bd->b", NULL, {0, 0, 1, 1, 0}},
    {"i,j->ij", NULL, {0, 0, 1, 0, 2}},
    {"i,j->ji", NULL, {0, 0, 1, 0, 2}},
    {"ij,ij->ij", NULL, {0, 0, 1, 0, 0}},
    {"bi,bj->bij", NULL, {0, 0, 1, 0, 2}},
    {"ij,jk,kl->il", NULL, {2, 0, 0, 0, 0}},
    {"ij,jk,ki->", NULL, {1, 1, 1, 1, 0}},
    {"i,ij,j->", NULL, {1, 0, 1, 1, 2}},
    {"ijk,jil->kl", NULL, {1, 1, 0, 0, 2}},
    {"ij,kl->i", NULL, {0, 0, 1, 2, 1}}, /* what nobody else names is summed first */
    {" i j , j k -> i k ", "ij,jk->ik", {1, 0, 0, 0, 0}},
    {"...ij,...jk->...ik", "abij,abjk->abik", {1, 0, 0, 0, 0}},
    {"...ij,jk->...ik", "abij,jk->abik", {1, 0, 0, 0, 2}},
    {"i...->...i", "iab->abi", {0, 1, 0, 0, 0}},
    {"...i,...i", "abi,bi->ab", {0, 0, 1, 1, 1}},
    {"...,...->...", "ab,b->ab", {0, 0, 1, 0, 1}},
    {"...->", "ab->", {0, 0, 0, 1, 0}},
    {"i,i,i,i->i", NULL, {0, 0, 3, 0, 0}},
    {",i->i", NULL, {0, 0, 1, 0, 1}},
    {"->", NULL, {0, 0, 0, 0, 0}},
};

START_TEST(test_equations)
{
    static const char *const op[] = {"matmul", "transpose", "mul", "sum", "reshape"};
    for (size_t i = 0; i < sizeof equations / sizeof *equations; i++) {
        const char *equation = equations[i].equation;
        const char *letters = equations[i].letters ? equations[i].letters : equation;
        trial t = make(letters, equation, i);
        ck_assert_str_eq(an_graph_message(t.g), "");
        want(&t, t.y, letters, (const double *const *)t.wide, equation);
        for (int k = 0; k < 5; k++)
            ck_assert_msg(count_ops(t.g, op[k]) == equations[i].ops[k], "%s: %d of %s, not %d",
                          equation, count_ops(t.g, op[k]), op[k], equations[i].ops[k]);
        end(&t);
    }
}
END_TEST

/* Operands and results of letters drawn from six. */
START_TEST(test_drawn_equations)
{
    for (uint64_t seed = 1; seed <= 400; seed++) {
        an_test_random random = {seed * 77};
        char equation[64] = "", result[8] = "";
        const int operands = (int)an_test_int(&random, 1, 3);
        for (int k = 0; k < operands; k++) {
            if (k > 0) strcat(equation, ",");
            for (int64_t i = an_test_int(&random, 0, 4); i > 0; i--)
                equation[strlen(equation)] = (char)('a' + an_test_int(&random, 0, 5));
        }
        for (const char *p = equation; *p; p++)
            if (*p != ',' && !strchr(result, *p) && an_test_int(&random, 0, 2) > 0) {
                const size_t end = strlen(result);
                result[end] = *p; /* a random one of those before changes over with it */
                const size_t with = (size_t)an_test_int(&random, 0, (int64_t)end);
                result[end] = result[with];
                result[with] = *p;
            }
        strcat(strcat(equation, "->"), result);
        trial t = make(equation, equation, seed);
        ck_assert_msg(!*an_graph_message(t.g), "seed %d: %s", (int)seed, an_graph_message(t.g));
        want(&t, t.y, equation, (const double *const *)t.wide, equation);
        end(&t);
    }
}
END_TEST

START_TEST(test_gradients)
{
    trial t = make("ij,jk,ki->", "ij,jk,ki->", 3);
    const an_value da = an_gradient(t.y, t.in[0]), dc = an_gradient(t.y, t.in[2]);
    want(&t, da, "jk,ki->ij", (const double *[]){t.wide[1], t.wide[2]}, "da");
    want(&t, dc, "ij,jk->ki", (const double *[]){t.wide[0], t.wide[1]}, "dc");
    end(&t);
    t = make("iij->j", "iij->j", 4);
    const an_value square = an_sum(an_square(t.y), 0);
    an_tensor dx = {0}, y = {0};
    run(&t, an_gradient(square, t.in[0]), "dx", &dx);
    run(&t, t.y, "y", &y);
    const int64_t rows = extent_of('i'), columns = extent_of('j');
    for (int64_t i = 0; i < rows * rows * columns; i++) {
        const bool inside = i / columns / rows == i / columns % rows;
        ck_assert(an_test_close(an_tensor_get(&dx, i),
                                inside ? 2 * an_tensor_get(&y, i % columns) : 0, 1e-6));
    }
    an_tensor_free(&dx);
    an_tensor_free(&y);
    end(&t);
}
END_TEST

/* Axes of the dots broadcast, also of extent 1; named dims are dims like any. */
START_TEST(test_dots_and_names)
{
    an_graph *g = an_graph_new("t");
    const an_dim B = an_dim_named(g, "B"), T = an_dim_named(g, "T");
    const an_value x = an_input(g, "x", AN_F32, AN_SHAPE(B, T, 2, 4));
    const an_value w = an_input(g, "w", AN_F32, AN_SHAPE(1, 1, 4, 3));
    const an_value y = an_einsum("...ij,...jk->...ik", x, w);
    const an_value z = an_einsum("bthd,bshd->bhts", x, x);
    ck_assert_str_eq(an_graph_message(g), "");
    const an_dim want_y[] = {B, T, 2, 3}, want_z[] = {B, 2, T, T};
    for (int i = 0; i < 4; i++) {
        ck_assert(an_dim_of(y, i) == want_y[i]);
        ck_assert(an_dim_of(z, i) == want_z[i]);
    }
    float *xs = malloc(2 * 3 * 8 * sizeof *xs), ws[12];
    for (int i = 0; i < 48; i++) xs[i] = (float)(i % 7) - 3;
    for (int i = 0; i < 12; i++) ws[i] = (float)(i % 5) - 2;
    an_store *s = an_store_new(1);
    an_program *p = an_compile(g, s, .fetch = {y, z});
    const an_tensor tx = an_tensor_borrow(AN_F32, AN_EXTENTS(2, 3, 2, 4), xs);
    const an_tensor tw = an_tensor_borrow(AN_F32, AN_EXTENTS(1, 1, 4, 3), ws);
    an_tensor out[2] = {{0}};
    ck_assert_int_eq(an_run(p, .feed = {{"x", &tx}, {"w", &tw}}, .out = {&out[0], &out[1]}), AN_OK);
    for (int i = 0; i < 36; i++) {
        double sum = 0;
        for (int j = 0; j < 4; j++) sum += (double)(xs[i / 3 * 4 + j] * ws[j * 3 + i % 3]);
        ck_assert_double_eq(an_tensor_get(&out[0], i), sum);
    }
    an_tensor_free(&out[0]);
    an_tensor_free(&out[1]);
    an_program_free(p);
    an_store_free(s);
    an_graph_free(g);
    free(xs);
}
END_TEST

static void want_refusal(const char *equation, int count, const char *text)
{
    an_graph *g = an_graph_new("t");
    const an_value in[] = {an_input(g, "a", AN_F32, AN_SHAPE(an_dim_named(g, "B"), 8)),
                           an_input(g, "b", AN_F32, AN_SHAPE(16, 3)),
                           an_input(g, "c", AN_F32, AN_SHAPE(3, 3))};
    const an_value y = an_einsum_at(AN_HERE, equation, in, count);
    ck_assert(an_is_poison(y));
    ck_assert_msg(strstr(an_graph_message(g), text) != NULL, "%s: %s", equation,
                  an_graph_message(g));
    ck_assert(strstr(an_graph_message(g), "test_einsum.c:") != NULL);
    an_graph_free(g);
}

START_TEST(test_refusals)
{
    want_refusal("bd,dk->bk", 2, "einsum \"bd,dk->bk\": d is 8 in operand 0 and 16 in operand 1");
    want_refusal("bd,kb->", 2, "b is B in operand 0 and 3 in operand 1");
    want_refusal("bdx,dk->bk", 2, "operand 0 has rank 2, but 3 letters");
    want_refusal("b,dk->bk", 2, "operand 0 has rank 2, but 1 letter");
    want_refusal("bd->bk", 1, "k is in no operand");
    want_refusal("bd->bdb", 1, "b is twice in the result");
    want_refusal("bd,ek,mn->b", 2, "2 operands are given, but more written");
    want_refusal("bd->b", 2, "2 operands are given, but written 1");
    want_refusal("bd=b", 1, "'=' is no letter, comma or ->");
    want_refusal("bd->b1", 1, "'1' is no letter of a result");
    want_refusal("...,...->...", 2, "an axis of ... is B in operand 0 and 16 in operand 1");
}
END_TEST

AN_TEST_MAIN("einsum", test_equations, test_drawn_equations, test_gradients, test_dots_and_names,
             test_refusals)
