/* test_exec.c -- a run gives the interpreter's bits, or an error and the states as they were. */
#include "core/memory.h"
#include "core/pool.h"
#include "graph/evaluate.h"
#include "graph/run/program.h"
#include "tests/graph/random_graph.h"

#include <pthread.h>

/* ---- against the interpreter ------------------------------------------- */

/* One run of `p`, checked against the interpreter: fetches, and states after it. */
static void run_and_compare(an_program *p, an_store *s, int64_t rows, uint64_t seed)
{
    an_tensor x = an_test_batch(rows, seed), ids = an_test_indices(rows, seed);
    an_tensor out[AN_TEST_FETCHES] = {{0}};
    an_evaluation e;
    an_test_interpret(&e, p, s, &x, &ids);
    an_run_args args = {.program = p, .feed = {{"x", &x}, {"ids", &ids}}};
    for (int i = 0; i < AN_TEST_FETCHES; i++) args.out[i] = &out[i];
    const an_status status = an_run_with(&args);
    ck_assert_msg(status == AN_OK, "seed %llu: %s", (unsigned long long)seed,
                  an_program_message(p));
    const an_graph *g = an_program_graph(p);
    for (int i = 0; i < AN_TEST_FETCHES; i++)
        ck_assert_msg(an_test_same(&out[i], &e.value[g->outputs[i].value]),
                      "seed %llu: fetch %d differs", (unsigned long long)seed, i);
    for (int64_t i = 0; i < g->commit_count; i++) {
        const char *name = an_node_of(g, g->commits[i].state)->name;
        ck_assert_msg(an_test_same(an_store_view(s, name), &e.value[g->commits[i].value]),
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

/* ---- threads ----------------------------------------------------------- */

START_TEST(test_threads_change_no_bit)
{
    const an_test_graph t = an_test_graph_make(99, 200);
    an_tensor x = an_test_batch(20000, 5), ids = an_test_indices(20000, 5), first = {0}, out = {0};
    static const int threads[] = {1, 2, 3, 7};
    const int64_t stolen = an_pool_stolen();
    for (int i = 0; i < 4; i++) {
        an_set_threads(threads[i]);
        an_store *s = an_store_new(1);
        an_program *p = compile_random(&t, s, NULL);
        for (int step = 0; step < 5; step++)
            ck_assert_int_eq(an_run(p, .feed = {{"x", &x}, {"ids", &ids}}, .out = {&out}), AN_OK);
        if (i == 0) an_tensor_copy(&first, &out);
        else ck_assert(an_test_same(&first, &out));
        an_program_free(p);
        an_store_free(s);
    }
    ck_assert_int_gt(an_pool_stolen(), stolen); /* the others did take part */
    an_set_threads(0);
    an_tensor_free(&x);
    an_tensor_free(&ids);
    an_tensor_free(&first);
    an_tensor_free(&out);
    an_graph_free(t.graph);
}
END_TEST

/* ---- all updates at once ----------------------------------------------- */

START_TEST(test_updates_are_simultaneous)
{
    an_graph *g = an_graph_new("t");
    const an_value a = an_state(g, "a", AN_F32, AN_SHAPE(2), (an_init){AN_INIT_CONSTANT, 1, 0});
    const an_value b = an_state(g, "b", AN_F32, AN_SHAPE(2), (an_init){AN_INIT_CONSTANT, 2, 0});
    const an_value c = an_state(g, "c", AN_F32, AN_SHAPE(2), (an_init){AN_INIT_CONSTANT, 4, 0});
    const an_value d = an_state(g, "d", AN_F32, AN_SHAPE(2), (an_init){AN_INIT_CONSTANT, 9, 0});
    an_updates u = an_updates_new(g, "u");
    an_updates_add(u, a, b);
    an_updates_add(u, b, c);
    an_updates_add(u, c, an_add(a, b));
    an_updates_add(u, d, an_reshape(a, AN_SHAPE(2)));
    an_store *s = an_store_new(0);
    an_program *p = an_compile(g, s, .fetch = {a, an_mul(c, d)}, .update = u);
    ck_assert_msg(p != NULL, "%s", an_compile_message(g));
    an_tensor old = {0}, product = {0};
    ck_assert_int_eq(an_run(p, .out = {&old, &product}), AN_OK);
    ck_assert_double_eq(an_tensor_get(&old, 1), 1); /* fetches see the values before */
    ck_assert_double_eq(an_tensor_get(&product, 0), 36);
    const double after[] = {2, 4, 3, 1};
    const char *names[] = {"a", "b", "c", "d"};
    for (int i = 0; i < 4; i++)
        ck_assert_double_eq(an_tensor_get(an_store_view(s, names[i]), 1), after[i]);
    an_tensor_free(&old);
    an_tensor_free(&product);
    an_program_free(p);
    an_store_free(s);
    an_graph_free(g);
}
END_TEST

/* ---- faults ------------------------------------------------------------ */

START_TEST(test_a_fault_commits_nothing)
{
    an_graph *g = an_graph_new("t");
    const an_dim B = an_dim_named(g, "B");
    const an_value x = an_input(g, "x", AN_I32, AN_SHAPE(B));
    const an_value y = an_input(g, "y", AN_I32, AN_SHAPE(B));
    const an_value n = an_state(g, "n", AN_I32, AN_SCALAR, (an_init){AN_INIT_CONSTANT, 5, 0});
    an_updates u = an_updates_new(g, "u");
    an_updates_add(u, n, an_add(n, an_number(n, 1)));
    an_graph_scope_open(g, "mean");
    const an_value ratio = an_div(x, y);
    const int line = __LINE__ - 1;
    an_store *s = an_store_new(0);
    an_program *p = an_compile(g, s, .fetch = {ratio}, .update = u);
    ck_assert_msg(p != NULL, "%s", an_compile_message(g));
    int32_t above[] = {7, 8, 9}, below[] = {1, 2, 0};
    const an_tensor tx = an_tensor_borrow(AN_I32, AN_EXTENTS(3), above);
    const an_tensor ty = an_tensor_borrow(AN_I32, AN_EXTENTS(3), below);
    an_tensor out = {0};
    ck_assert_int_eq(an_run(p, .feed = {{"x", &tx}, {"y", &ty}}, .out = {&out}), AN_E_DATA);
    char place[64];
    snprintf(place, sizeof place, "made at %s:%d): b[2] is 0", __FILE__, line);
    ck_assert_msg(strstr(an_program_message(p), "mean/") != NULL, "%s", an_program_message(p));
    ck_assert_msg(strstr(an_program_message(p), place) != NULL, "%s", an_program_message(p));
    ck_assert_double_eq(an_tensor_get(an_store_view(s, "n"), 0), 5);
    below[2] = 3; /* and the program is as good as new */
    ck_assert_int_eq(an_run(p, .feed = {{"x", &tx}, {"y", &ty}}, .out = {&out}), AN_OK);
    ck_assert_str_eq(an_program_message(p), "");
    ck_assert_double_eq(an_tensor_get(&out, 2), 3);
    ck_assert_double_eq(an_tensor_get(an_store_view(s, "n"), 0), 6);
    an_tensor_free(&out);
    an_program_free(p);
    an_store_free(s);
    an_graph_free(g);
}
END_TEST

/* ---- feeds, bindings, outs --------------------------------------------- */

typedef struct pair { /* sum over B of x * y, both [B,T]; unused is [B] */
    an_graph *g;
    an_store *s;
    an_program *p;
} pair;

static pair make_pair(void)
{
    pair q = {.g = an_graph_new("pair"), .s = an_store_new(0)};
    const an_dim B = an_dim_named(q.g, "B"), T = an_dim_named(q.g, "T");
    const an_value x = an_input(q.g, "x", AN_F32, AN_SHAPE(B, T));
    const an_value y = an_input(q.g, "y", AN_F32, AN_SHAPE(B, T));
    an_input(q.g, "twice", AN_F32, AN_SHAPE(an_dim_times(q.g, 2, B)));
    an_input(q.g, "unused", AN_I32, AN_SHAPE(B));
    q.p = an_compile(q.g, q.s, .fetch = {an_sum(an_mul(x, y), 0)});
    ck_assert_msg(q.p != NULL, "%s", an_compile_message(q.g));
    q.p->poison = true;
    return q;
}

static void drop_pair(pair *q)
{
    an_program_free(q->p);
    an_store_free(q->s);
    an_graph_free(q->g);
}

static void expect_refused(const pair *q, an_status status, an_status expected, const char *text)
{
    ck_assert_int_eq(status, expected);
    ck_assert_msg(strstr(an_program_message(q->p), text) != NULL, "%s", an_program_message(q->p));
    ck_assert_ptr_nonnull(strstr(an_program_message(q->p), "test_exec.c:"));
}

START_TEST(test_bad_feeds_are_refused_by_name)
{
    pair q = make_pair();
    float data[64] = {0};
    const an_tensor x = an_tensor_borrow(AN_F32, AN_EXTENTS(2, 3), data);
    const an_tensor y = an_tensor_borrow(AN_F32, AN_EXTENTS(4, 3), data);
    const an_tensor flat = an_tensor_borrow(AN_F32, AN_EXTENTS(6), data);
    const an_tensor whole = an_tensor_borrow(AN_I32, AN_EXTENTS(2, 3), data);
    const an_tensor crooked = an_tensor_borrow(AN_F32, AN_EXTENTS(2, 3), (char *)data + 1);
    const an_tensor absent = an_tensor_borrow(AN_F32, AN_EXTENTS(2, 3), NULL);
    expect_refused(&q, an_run(q.p, .feed = {{"x", &x}}), AN_E_FEED, "\"y\" (f32[B,T]) is needed");
    expect_refused(&q, an_run(q.p, .feed = {{"x", &x}, {"z", &x}}), AN_E_FEED,
                   "no input \"z\"; the nearest is 'x'\n"
                   "  hint: the graph's inputs are \"twice\", \"unused\", \"x\", ");
    expect_refused(&q, an_run(q.p, .feed = {{"x", &x}, {"x", &x}}), AN_E_FEED, "fed twice");
    expect_refused(&q, an_run(q.p, .feed = {{"x", &x}, {"y", &y}}), AN_E_BINDING,
                   "dim B is 2 in feed \"x\" (f32[2,3]), but 4 in feed \"y\" (f32[4,3])");
    expect_refused(&q, an_run(q.p, .feed = {{"x", &flat}}), AN_E_FEED,
                   "feed \"x\" is f32[6], but the input is f32[B,T]");
    expect_refused(&q, an_run(q.p, .feed = {{"x", &whole}}), AN_E_FEED, "is i32[2,3]");
    expect_refused(&q, an_run(q.p, .feed = {{"x", &crooked}}), AN_E_FEED, "misaligned");
    expect_refused(&q, an_run(q.p, .feed = {{"x", &absent}}), AN_E_FEED, "data is missing");
    expect_refused(&q, an_run(q.p, .feed = {{"x", NULL}}), AN_E_FEED, "\"x\" is no tensor");
    expect_refused(&q, an_run(q.p, .feed = {{NULL, &x}}), AN_E_FEED, "number 0 has no name");
    expect_refused(&q, an_run(q.p, .feed = {{"x", &x}, {"y", &x}, {"twice", &flat}}), AN_E_FEED,
                   "feed \"twice\" is f32[6], but the input is f32[2*B]");
    /* Fed though not needed: fine, if it fits. */
    const an_tensor four = an_tensor_borrow(AN_F32, AN_EXTENTS(4), data);
    ck_assert_int_eq(an_run(q.p, .feed = {{"x", &x}, {"y", &x}, {"twice", &four}}), AN_OK);
    drop_pair(&q);
}
END_TEST

/* The slice's ends are in no shape that is fed: read all the same, it would be element -1. */
START_TEST(test_dims_of_attributes_must_be_bound)
{
    an_graph *g = an_parse(.text = "graph \"g\"\ndims T\n%1: f32[4] = constant {data=[1,2,3,4]}\n"
                           "%2: f32[2] = slice %1 {start=T, stop=T+2, step=1}\n"
                           "output \"y\" %2\n", .name = "g.an");
    an_store *s = an_store_new(1);
    an_program *p = an_compile(g, s, .fetch = {an_graph_find(g, "y")});
    ck_assert_ptr_nonnull(p);
    an_tensor y = {0};
    ck_assert_int_eq(an_run(p, .out = {&y}), AN_E_BINDING);
    ck_assert_ptr_nonnull(strstr(an_program_message(p), "how large T is, the start of slice"));
    an_program_free(p);
    an_store_free(s);
    an_graph_free(g);
}
END_TEST

START_TEST(test_many_bindings_share_one_slab)
{
    pair q = make_pair();
    an_tensor out = {0};
    int64_t most = 0;
    for (int round = 0; round < 3; round++)
        for (int64_t b = 0; b < 12; b++) { /* more than are kept; B = 0 among them */
            an_tensor x = {0};
            ck_assert_int_eq(an_tensor_alloc(&x, AN_F32, AN_EXTENTS(b * 50, 7)), AN_OK);
            for (int64_t i = 0; i < b * 350; i++) an_tensor_set(&x, i, 2);
            ck_assert_int_eq(an_run(q.p, .feed = {{"x", &x}, {"y", &x}}, .out = {&out}), AN_OK);
            ck_assert_int_eq(an_tensor_count(&out), 7);
            ck_assert_double_eq(an_tensor_get(&out, 6), (double)(4 * 50 * b));
            ck_assert_int_ge(an_program_bytes(q.p), most);
            most = an_program_bytes(q.p);
            an_tensor_free(&x);
        }
    ck_assert_int_le(most, 550 * 7 * 4 + 4096);
    an_tensor_free(&out);
    drop_pair(&q);
}
END_TEST

START_TEST(test_out_tensors)
{
    pair q = make_pair();
    float data[6] = {1, 2, 3, 4, 5, 6}, sums[3] = {0}, few[2];
    const an_tensor x = an_tensor_borrow(AN_F32, AN_EXTENTS(2, 3), data);
    an_tensor borrowed = an_tensor_borrow(AN_F32, AN_EXTENTS(3), sums), owned = {0};
    an_tensor small = an_tensor_borrow(AN_F32, AN_EXTENTS(2), few);
    an_tensor shared = an_tensor_borrow(AN_F32, AN_EXTENTS(3), data + 2);
    an_tensor view = an_tensor_view(AN_F32, AN_EXTENTS(3), few);
    ck_assert_int_eq(an_run(q.p, .feed = {{"x", &x}, {"y", &x}}, .out = {&borrowed}), AN_OK);
    ck_assert_double_eq((double)sums[2], 9 + 36);
    ck_assert_int_eq(an_tensor_alloc(&owned, AN_I64, AN_EXTENTS(2, 2, 2)), AN_OK); /* is replaced */
    ck_assert_int_eq(an_run(q.p, .feed = {{"x", &x}, {"y", &x}}, .out = {&owned}), AN_OK);
    ck_assert_int_eq(owned.dtype, AN_F32);
    ck_assert_double_eq(an_tensor_get(&owned, 2), 9 + 36);
    expect_refused(&q, an_run(q.p, .feed = {{"x", &x}, {"y", &x}}, .out = {&small}), AN_E_STATE,
                   "it borrows memory of another type or extents");
    expect_refused(&q, an_run(q.p, .feed = {{"x", &x}, {"y", &x}}, .out = {&view}), AN_E_STATE,
                   "it is read only");
    expect_refused(&q, an_run(q.p, .feed = {{"x", &x}, {"y", &x}}, .out = {&shared}), AN_E_ARGUMENT,
                   "out 0 shares memory with feed \"x\"");
    expect_refused(&q, an_run(q.p, .feed = {{"x", &x}, {"y", &x}}, .out = {NULL, &owned}),
                   AN_E_ARGUMENT, "out 1 is given, but the program fetches 1");
    an_tensor_free(&owned);
    drop_pair(&q);
}
END_TEST

/* 40 feeds and outs side by side in one block, in a drawn order; then two of them meet. */
static void try_apart(uint64_t seed)
{
    enum { N = 40 };
    an_test_random r = {seed};
    an_graph *g = an_graph_new("g");
    an_store *s = an_store_new(0);
    an_value y[N];
    char name[N][16];
    float block[2 * N];
    int place[2 * N];
    an_tensor t[2 * N], *outs[N];
    an_feed feeds[N];
    for (int i = 0; i < 2 * N; i++) {
        const int j = (int)an_test_int(&r, 0, i);
        place[i] = place[j];
        place[j] = i;
        block[i] = (float)i;
    }
    for (int i = 0; i < 2 * N; i++)
        t[i] = an_tensor_borrow(AN_F32, AN_EXTENTS(1), block + place[i]);
    for (int i = 0; i < N; i++) {
        snprintf(name[i], sizeof name[i], "x%d", i);
        y[i] = an_mul(an_input(g, name[i], AN_F32, AN_SHAPE(1)),
                      an_fill(g, AN_F32, AN_SHAPE(1), i));
        feeds[i] = (an_feed){name[i], &t[i]};
        outs[i] = &t[N + i];
    }
    an_program *p = an_compile(.graph = g, .store = s, .fetch_list = y, .fetch_count = N);
    ck_assert_ptr_nonnull(p);
    ck_assert_int_eq(an_run(p, .feed_list = feeds, .feed_count = N, .out_list = outs,
                            .out_count = N), AN_OK);
    for (int i = 0; i < N; i++) ck_assert_double_eq((double)block[place[N + i]], place[i] * i);
    const int moved = (int)an_test_int(&r, 0, N - 1), onto = (int)an_test_int(&r, 0, 2 * N - 2);
    const int other = onto < N + moved ? onto : onto + 1;
    t[N + moved].data = t[other].data;
    char said[80];
    if (other < N)
        snprintf(said, sizeof said, "out %d shares memory with feed \"x%d\"", moved, other);
    else
        snprintf(said, sizeof said, "out %d shares memory with out %d",
                 moved > other - N ? moved : other - N, moved > other - N ? other - N : moved);
    ck_assert_int_eq(an_run(p, .feed_list = feeds, .feed_count = N, .out_list = outs,
                            .out_count = N), AN_E_ARGUMENT);
    ck_assert_msg(strstr(an_program_message(p), said), "seed %llu: %s, not: %s",
                  (unsigned long long)seed, said, an_program_message(p));
    an_program_free(p);
    an_store_free(s);
    an_graph_free(g);
}

START_TEST(test_outs_lie_apart)
{
    for (uint64_t seed = 0; seed < 50; seed++) try_apart(seed);
}
END_TEST

START_TEST(test_a_busy_store_refuses_runs)
{
    pair q = make_pair();
    float data[6] = {0};
    const an_tensor x = an_tensor_borrow(AN_F32, AN_EXTENTS(2, 3), data);
    ck_assert(an_store_enter(q.s));
    ck_assert_int_eq(an_run(q.p, .feed = {{"x", &x}, {"y", &x}}), AN_E_BUSY);
    ck_assert_ptr_nonnull(strstr(an_program_message(q.p), "in use"));
    ck_assert_ptr_null(an_compile(q.g, q.s, .fetch = {an_graph_find(q.g, "x")}));
    ck_assert_ptr_nonnull(strstr(an_compile_message(q.g), "AN-E023"));
    an_store_leave(q.s);
    ck_assert_int_eq(an_run(q.p, .feed = {{"x", &x}, {"y", &x}}), AN_OK);
    ck_assert_str_eq(an_program_message(q.p), "");
    drop_pair(&q);
}
END_TEST

typedef struct racer {
    an_program *p;
    int64_t done, refused;
} racer;

static void *race(void *context)
{
    racer *r = context;
    while (r->done + r->refused < 300) {
        const an_status status = an_run(r->p);
        ck_assert(status == AN_OK || status == AN_E_BUSY);
        if (status == AN_OK) r->done++;
        else r->refused++;
    }
    return NULL;
}

/* Two programs of one store, two threads each: every run counts once or not at all. */
START_TEST(test_concurrent_runs_are_whole_or_refused)
{
    an_graph *g = an_graph_new("t");
    const an_value n = an_state(g, "n", AN_I64, AN_SHAPE(64), (an_init){0});
    an_updates u = an_updates_new(g, "u");
    an_updates_add(u, n, an_add(n, an_number(n, 1)));
    an_store *s = an_store_new(0);
    an_program *p = an_compile(g, s, .update = u), *q = an_compile(g, s, .update = u);
    ck_assert(p != NULL && q != NULL);
    racer racers[] = {{.p = p}, {.p = q}, {.p = p}, {.p = q}};
    pthread_t threads[4];
    for (int i = 0; i < 4; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, race, &racers[i]), 0);
    int64_t done = 0;
    for (int i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
        done += racers[i].done;
    }
    ck_assert_int_gt(done, 0);
    for (int i = 0; i < 64; i++)
        ck_assert_double_eq(an_tensor_get(an_store_view(s, "n"), i), (double)done);
    an_program_free(p);
    an_program_free(q);
    an_store_free(s);
    an_graph_free(g);
}
END_TEST

/* ---- compiling --------------------------------------------------------- */

static void *compile_often(void *graph)
{
    an_graph *g = graph;
    for (int i = 0; i < 50; i++) {
        an_store *s = an_store_new((uint64_t)i);
        const an_value y = {g, g->outputs[0].value};
        an_program *p = an_compile(g, s, .fetch = {y}), *none = an_compile(g, s);
        an_tensor out = {0};
        ck_assert_ptr_null(none);
        ck_assert_ptr_nonnull(p);
        ck_assert_int_eq(an_run(p, .out = {&out}), AN_OK);
        ck_assert_double_eq(an_tensor_get(&out, 3), 6);
        an_tensor_free(&out);
        an_program_free(p);
        an_store_free(s);
    }
    return NULL;
}

/* One graph may be compiled by several threads at once, into stores of their own. */
START_TEST(test_one_graph_is_compiled_by_two_threads)
{
    an_graph *g = an_graph_new("t");
    const an_value n = an_state(g, "n", AN_F32, AN_SHAPE(64), (an_init){AN_INIT_CONSTANT, 3, 0});
    an_graph_output(an_add(n, n), "y");
    pthread_t threads[2];
    for (int i = 0; i < 2; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, compile_often, g), 0);
    for (int i = 0; i < 2; i++) pthread_join(threads[i], NULL);
    ck_assert_ptr_nonnull(strstr(an_compile_message(g), "nothing to compute"));
    an_graph_free(g);
}
END_TEST

START_TEST(test_compiling_says_what_is_wrong)
{
    an_graph *g = an_graph_new("t"), *other = an_graph_new("other");
    an_store *s = an_store_new(0);
    const an_value x = an_input(g, "x", AN_F32, AN_SHAPE(2));
    const an_value foreign = an_input(other, "x", AN_F32, AN_SHAPE(2));
    ck_assert_ptr_null(an_compile(g, NULL, .fetch = {x}));
    ck_assert_ptr_nonnull(strstr(an_compile_message(g), "no store"));
    ck_assert_ptr_null(an_compile(g, s));
    ck_assert_ptr_nonnull(strstr(an_compile_message(g), "nothing to compute"));
    ck_assert_ptr_null(an_compile(g, s, .fetch = {foreign}));
    ck_assert_ptr_nonnull(strstr(an_compile_message(g), "another graph (\"other\")"));
    ck_assert_ptr_null(an_compile(g, s, .fetch = {x, AN_NONE, x}));
    ck_assert_ptr_nonnull(strstr(an_compile_message(g), "fetch 1 is AN_NONE"));
    ck_assert_ptr_null(an_compile(g, s, .fetch = {x}, .passes = "cse,nonsense"));
    ck_assert_ptr_nonnull(strstr(an_compile_message(g), "nonsense"));
    ck_assert_int_eq(an_graph_status(g), AN_OK); /* none of this is the graph's fault */
    an_state(g, "w", AN_F32, AN_SHAPE(2), (an_init){0});
    double number = 1;
    const an_tensor wide = an_tensor_borrow(AN_F64, 0, NULL, &number);
    ck_assert_int_eq(an_store_set(s, "w", &wide), AN_OK);
    ck_assert_ptr_null(an_compile(g, s, .fetch = {an_graph_find(g, "w")}));
    ck_assert_ptr_nonnull(strstr(an_compile_message(g), "state \"w\" is f64[] in the store"));
    an_program *p = an_compile(g, s, .fetch = {x});
    ck_assert_ptr_nonnull(p);
    ck_assert_str_eq(an_compile_message(g), "");
    an_program_free(p);
    an_add(x, foreign);
    ck_assert_ptr_null(an_compile(g, s, .fetch = {x}));
    ck_assert_str_eq(an_compile_message(g), an_graph_message(g));
    an_store_free(s);
    an_graph_free(g);
    an_graph_free(other);
}
END_TEST

START_TEST(test_null_is_survived)
{
    ck_assert_ptr_null(an_compile_with(NULL));
    ck_assert_ptr_null(an_compile(NULL, NULL));
    ck_assert_int_eq(an_run_with(NULL), AN_E_ARGUMENT);
    ck_assert_int_eq(an_run(NULL), AN_E_ARGUMENT);
    ck_assert_ptr_null(an_program_graph(NULL));
    ck_assert_int_eq(an_program_bytes(NULL), 0);
    ck_assert_str_ne(an_program_message(NULL), "");
    ck_assert_str_ne(an_compile_message(NULL), "");
    an_program_free(NULL);
}
END_TEST

/* ---- memory ------------------------------------------------------------ */

typedef struct counter {
    int64_t calls, live, fail_at; /* fail_at < 0: never */
} counter;

static void *count_resize(void *context, void *block, size_t size)
{
    counter *c = context;
    if (size == 0) {
        c->live--;
        free(block);
        return NULL;
    }
    if (c->calls++ == c->fail_at) return NULL;
    void *grown = realloc(block, size);
    if (grown && !block) c->live++;
    return grown;
}

START_TEST(test_nothing_is_allocated_after_the_first_run)
{
    counter c = {.fail_at = -1};
    an_set_allocator(&(an_allocator){count_resize, &c});
    const an_test_graph t = an_test_graph_make(4, 100);
    an_store *s = an_store_new(1);
    an_program *p = compile_random(&t, s, NULL);
    an_tensor x = an_test_batch(40, 1), ids = an_test_indices(40, 1);
    an_tensor more = an_test_batch(41, 1), fewer = an_test_indices(41, 1);
    an_tensor a = {0}, b = {0};
    ck_assert_int_eq(an_run(p, .feed = {{"x", &x}, {"ids", &ids}}, .out = {&a}), AN_OK);
    ck_assert_int_eq(an_run(p, .feed = {{"x", &more}, {"ids", &fewer}}, .out = {&b}), AN_OK);
    const int64_t before = c.calls;
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(an_run(p, .feed = {{"x", &x}, {"ids", &ids}}, .out = {&a}), AN_OK);
        ck_assert_int_eq(an_run(p, .feed = {{"x", &more}, {"ids", &fewer}}, .out = {&b}), AN_OK);
    }
    ck_assert_int_eq(c.calls, before);
    an_tensor *all[] = {&x, &ids, &more, &fewer, &a, &b};
    for (int i = 0; i < 6; i++) an_tensor_free(all[i]);
    an_program_free(p);
    an_store_free(s);
    an_graph_free(t.graph);
    ck_assert_int_eq(c.live, 0);
    an_set_allocator(NULL);
}
END_TEST

/* Compiles and runs while the n-th allocation fails (n < 0: none does). A failure
 * is reported, or made do without at no loss of results. True if n was reached. */
static bool run_failing(const an_test_graph *t, counter *c, int64_t n, an_tensor *out)
{
    an_store *s = an_store_new(1);
    an_tensor x = an_test_batch(9, 1), ids = an_test_indices(9, 1);
    c->calls = 0;
    c->fail_at = n;
    an_program *p = an_compile(t->graph, s, .fetch_list = t->fetch, .fetch_count = AN_TEST_FETCHES,
                               .update = t->updates);
    if (!p) ck_assert_str_ne(an_compile_message(t->graph), "");
    an_status status = p ? an_run(p, .feed = {{"x", &x}, {"ids", &ids}}, .out = {out}) : AN_OK;
    const bool reached = n >= 0 && c->calls > n;
    c->fail_at = -1;
    ck_assert(status == AN_OK || (reached && status == AN_E_MEMORY));
    ck_assert(p != NULL || reached);
    if (status != AN_OK) { /* the program is sound: with memory, it runs */
        ck_assert_ptr_nonnull(strstr(an_program_message(p), "AN-E001"));
        ck_assert_int_eq(an_run(p, .feed = {{"x", &x}, {"ids", &ids}}, .out = {out}), AN_OK);
    }
    an_tensor_free(&x);
    an_tensor_free(&ids);
    an_program_free(p);
    an_store_free(s);
    return reached;
}

START_TEST(test_every_failed_allocation_is_survived)
{
    counter c = {.fail_at = -1};
    an_set_allocator(&(an_allocator){count_resize, &c});
    const an_test_graph t = an_test_graph_make(12, 15);
    an_tensor expected = {0};
    run_failing(&t, &c, -1, &expected);
    const int64_t live = c.live;
    int64_t n = 0;
    for (bool reached = true; reached; n++) {
        an_tensor out = {0};
        reached = run_failing(&t, &c, n, &out);
        if (out.data) ck_assert(an_test_same(&out, &expected));
        an_tensor_free(&out);
        ck_assert_int_eq(c.live, live);
    }
    ck_assert_int_gt(n, 50);
    an_tensor_free(&expected);
    an_graph_free(t.graph);
    ck_assert_int_eq(c.live, 0);
    an_set_allocator(NULL);
}
END_TEST

AN_TEST_MAIN("exec", test_runs_give_the_interpreters_bits, test_threads_change_no_bit,
             test_updates_are_simultaneous, test_a_fault_commits_nothing,
             test_bad_feeds_are_refused_by_name,
             test_dims_of_attributes_must_be_bound, test_many_bindings_share_one_slab,
             test_out_tensors, test_outs_lie_apart, test_a_busy_store_refuses_runs,
             test_concurrent_runs_are_whole_or_refused,
             test_one_graph_is_compiled_by_two_threads, test_compiling_says_what_is_wrong,
             test_null_is_survived, test_nothing_is_allocated_after_the_first_run,
             test_every_failed_allocation_is_survived)
