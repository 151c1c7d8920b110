/* test_exec.c -- a run gives the interpreter's bits, or an error and nothing else. */
#include "core/memory.h"
#include "core/pool.h"
#include "graph/evaluate.h"
#include "graph/program.h"
#include "tests/graph/random_graph.h"

#include <math.h>

/* ---- against the interpreter ------------------------------------------- */

/* Equal bits, or both NaN. */
static bool same(const an_tensor *a, const an_tensor *b)
{
    if (a->dtype != b->dtype || an_tensor_bytes(a) != an_tensor_bytes(b)) return false;
    if (a->dtype != AN_F32) return !memcmp(a->data, b->data, (size_t)an_tensor_bytes(a));
    for (int64_t i = 0; i < an_tensor_count(a); i++) {
        const float x = ((const float *)a->data)[i], y = ((const float *)b->data)[i];
        if (isnan(x) ? !isnan(y) : memcmp(&x, &y, sizeof x) != 0) return false;
    }
    return true;
}

static an_tensor batch(int64_t rows, uint64_t seed)
{
    an_tensor t = {0};
    an_test_random r = {seed};
    ck_assert_int_eq(an_tensor_alloc(&t, AN_F32, AN_EXTENTS(rows, 8)), AN_OK);
    for (int64_t i = 0; i < rows * 8; i++) an_tensor_set(&t, i, an_test_uniform(&r, -2, 2));
    return t;
}

static an_tensor indices(int64_t rows, uint64_t seed)
{
    an_tensor t = {0};
    an_test_random r = {seed};
    ck_assert_int_eq(an_tensor_alloc(&t, AN_I32, AN_EXTENTS(rows)), AN_OK);
    for (int64_t i = 0; i < rows; i++) an_tensor_set(&t, i, (double)an_test_int(&r, 0, 7));
    return t;
}

static void fill_leaf(an_evaluation *e, an_store *s, const char *name, const an_tensor *value)
{
    const uint32_t leaf = an_graph_leaf(e->graph, name);
    const an_tensor *from = value ? value : an_store_view(s, name);
    if (leaf) memcpy(e->value[leaf].data, from->data, (size_t)an_tensor_bytes(from));
}

/* Evaluates the program's graph on the store's present states. */
static void interpret(an_evaluation *e, an_program *p, an_store *s, const an_tensor *x,
                      const an_tensor *ids)
{
    const int64_t bound[] = {x->extent[0]};
    *e = (an_evaluation){0};
    ck_assert_int_eq(an_evaluation_begin(e, an_program_graph(p), bound), AN_OK);
    fill_leaf(e, s, "x", x);
    fill_leaf(e, s, "ids", ids);
    for (int64_t i = 0; i < an_store_count(s); i++) fill_leaf(e, s, an_store_name(s, i), NULL);
    ck_assert_int_eq(an_evaluate(e), AN_OK);
}

/* One run of `p`, checked against the interpreter: fetches, and states after it. */
static void run_and_compare(an_program *p, an_store *s, int64_t rows, uint64_t seed)
{
    an_tensor x = batch(rows, seed), ids = indices(rows, seed), out[AN_TEST_FETCHES] = {{0}};
    an_evaluation e;
    interpret(&e, p, s, &x, &ids);
    an_run_args args = {.program = p, .feed = {{"x", &x}, {"ids", &ids}}};
    for (int i = 0; i < AN_TEST_FETCHES; i++) args.out[i] = &out[i];
    const an_status status = an_run_with(&args);
    ck_assert_msg(status == AN_OK, "seed %llu: %s", (unsigned long long)seed,
                  an_program_message(p));
    const an_graph *g = an_program_graph(p);
    for (int i = 0; i < AN_TEST_FETCHES; i++)
        ck_assert_msg(same(&out[i], &e.value[g->outputs[i].value]), "seed %llu: fetch %d differs",
                      (unsigned long long)seed, i);
    for (int64_t i = 0; i < g->commit_count; i++) {
        const char *name = an_node_of(g, g->commits[i].state)->name;
        ck_assert_msg(same(an_store_view(s, name), &e.value[g->commits[i].value]),
                      "seed %llu: update of %s differs", (unsigned long long)seed, name);
    }
    for (int i = 0; i < AN_TEST_FETCHES; i++) an_tensor_free(&out[i]);
    an_evaluation_free(&e);
    an_tensor_free(&x);
    an_tensor_free(&ids);
}

static an_program *compile_random(const an_test_graph *t, an_store *s, const char *passes)
{
    an_program *p = an_compile(t->graph, s, .fetch_list = t->fetch,
                               .fetch_count = AN_TEST_FETCHES, .update = t->updates,
                               .passes = passes);
    ck_assert_msg(p != NULL, "%s", an_compile_message(t->graph));
    p->poison = true;
    return p;
}

START_TEST(test_runs_give_the_interpreters_bits)
{
    static const int threads[] = {1, 2, 3, 7};
    for (uint64_t seed = 1; seed <= 60; seed++) {
        an_test_graph t = an_test_graph_make(seed, 10 + (int)seed);
        ck_assert_str_eq(an_graph_message(t.graph), "");
        an_store *s = an_store_new(seed);
        an_program *p = compile_random(&t, s, seed % 2 ? NULL : "");
        an_set_threads(threads[seed % 4]);
        for (uint64_t step = 0; step < 3; step++)
            run_and_compare(p, s, (int64_t)(1 + (seed * 7 + step * 97) % 300), seed + step);
        an_program_free(p);
        an_store_free(s);
        an_graph_free(t.graph);
    }
    an_set_threads(0);
}
END_TEST

AN_TEST_MAIN("exec", test_runs_give_the_interpreters_bits)
