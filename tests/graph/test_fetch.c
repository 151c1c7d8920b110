/* test_fetch.c -- fetched values are made in the outs, and are right wherever those lie. */
#include "core/memory.h"
#include "graph/run/program.h"
#include "tests/graph/random_graph.h"

/* ---- outs side by side, anywhere --------------------------------------- */

enum { FETCHES = 40, GAP = 64, FENCE = 0xa5 };

typedef struct block { /* outs in one piece of memory with fences between them */
    char *bytes;
    an_tensor out[FETCHES];
    an_tensor *wanted[FETCHES];
    int64_t begin[FETCHES], end[FETCHES], size;
} block;

/* Each at a boundary of its elements, at an odd address, or on a cache line; some not wanted. */
static void make_block(block *b, an_test_random *r, const an_graph *g, const an_evaluation *e)
{
    b->size = GAP;
    for (int i = 0; i < FETCHES; i++) {
        const an_tensor *value = &e->value[g->outputs[i].value];
        const int64_t step[] = {1, 1, 4, 8, 16, 64}, align = step[an_test_int(r, 0, 5)];
        b->begin[i] = (b->size + align - 1) / align * align + (align == 1 ? 0 : align % 64);
        b->end[i] = b->begin[i] + an_tensor_bytes(value);
        b->size = b->end[i] + 1 + an_test_int(r, 0, GAP);
        b->out[i] = an_tensor_borrow(value->dtype, value->rank, value->extent, NULL);
    }
    b->bytes = an_alloc_aligned(b->size);
    ck_assert_ptr_nonnull(b->bytes);
    memset(b->bytes, FENCE, (size_t)b->size);
    for (int i = 0; i < FETCHES; i++) {
        b->out[i].data = b->bytes + b->begin[i];
        b->wanted[i] = an_test_int(r, 0, 5) > 0 ? &b->out[i] : NULL;
    }
}

static bool is_fence(const block *b, int64_t begin, int64_t end)
{
    while (begin < end && (unsigned char)b->bytes[begin] == FENCE) begin++;
    return begin >= end;
}

static void check_block(const block *b, const an_graph *g, const an_evaluation *e, uint64_t seed)
{
    int64_t at = 0; /* all up to here is as it should be */
    for (int i = 0; i < FETCHES; i++) {
        if (!b->wanted[i]) continue;
        ck_assert_msg(an_test_same(&b->out[i], &e->value[g->outputs[i].value]),
                      "seed %llu: fetch %d (%s) differs", (unsigned long long)seed, i,
                      an_node_of(g, g->outputs[i].value)->op->name);
        ck_assert(is_fence(b, at, b->begin[i]));
        at = b->end[i];
    }
    ck_assert(is_fence(b, at, b->size));
}

static int64_t count_in_outs(const an_program *p, const block *b)
{
    int64_t count = 0;
    for (int i = 0; i < FETCHES; i++)
        count += b->wanted[i] && p->at[p->schedule.fetches[i].buffer] == b->out[i].data;
    return count;
}

/* Any values of the graph, some twice: inputs, states, literals, views, what updates store. */
static void draw_fetches(an_test_random *r, const an_test_graph *t, an_value *fetch)
{
    for (int i = 0; i < FETCHES; i++) {
        const bool again = i > 0 && an_test_int(r, 0, 5) == 0;
        const uint32_t id = (uint32_t)an_test_int(r, 1, t->graph->slot_count);
        fetch[i] = again ? fetch[an_test_int(r, 0, i - 1)] : (an_value){t->graph, id};
    }
}

static int64_t run_in_block(an_program *p, an_store *s, an_test_random *r, uint64_t seed)
{
    const int64_t rows = 1 + an_test_int(r, 0, 300);
    an_tensor x = an_test_batch(rows, seed), ids = an_test_indices(rows, seed);
    const an_graph *g = an_program_graph(p);
    an_evaluation e;
    an_test_interpret(&e, p, s, &x, &ids);
    block b;
    make_block(&b, r, g, &e);
    ck_assert_msg(an_run(p, .feed = {{"x", &x}, {"ids", &ids}}, .out_list = b.wanted,
                         .out_count = FETCHES) == AN_OK, "%s", an_program_message(p));
    check_block(&b, g, &e, seed);
    for (int64_t i = 0; i < g->commit_count; i++)
        ck_assert(an_test_same(an_store_view(s, an_node_of(g, g->commits[i].state)->name),
                               &e.value[g->commits[i].value]));
    const int64_t made_there = count_in_outs(p, &b);
    an_free_aligned(b.bytes);
    an_evaluation_free(&e);
    an_tensor_free(&x);
    an_tensor_free(&ids);
    return made_there;
}

START_TEST(test_fetches_anywhere_have_the_interpreters_bits)
{
    int64_t made_there = 0;
    for (uint64_t seed = 1; seed <= 80; seed++) {
        an_test_random r = {seed};
        an_value fetch[FETCHES];
        const an_test_graph t = an_test_graph_make(seed, 20 + (int)seed);
        draw_fetches(&r, &t, fetch);
        an_store *s = an_store_new(seed);
        an_program *p = an_compile(t.graph, s, .fetch_list = fetch, .fetch_count = FETCHES,
                                   .update = t.updates, .passes = seed % 2 ? NULL : "");
        ck_assert_msg(p != NULL, "%s", an_compile_message(t.graph));
        p->poison = true;
        an_set_threads(1 + (int)seed % 3);
        for (uint64_t step = 0; step < 3; step++) made_there += run_in_block(p, s, &r, seed + step);
        an_program_free(p);
        an_store_free(s);
        an_graph_free(t.graph);
    }
    an_set_threads(0);
    ck_assert_int_gt(made_there, 80 * 3 * FETCHES / 4);
}
END_TEST

/* Products and norms of all sorts of shapes, into outs that lie `off` floats beside a line. */
static void fetch_beside(int64_t rows, int64_t width, int64_t off, an_tensor out[3])
{
    an_graph *g = an_graph_new("g");
    const an_value x = an_input(g, "x", AN_F32, AN_SHAPE(rows, 8));
    const an_init init = {AN_INIT_UNIFORM, -1, 1};
    const an_value w = an_state(g, "w", AN_F32, AN_SHAPE(8, width), init);
    const an_value product = an_matmul(x, w);
    const an_value v = an_matmul(an_transpose(product, AN_AXES(1, 0)), x);
    const an_value terms[] = {product, an_sin(product)};
    const an_value sum = an_emit(AN_HERE, AN_OP_residual_add, terms, 2, NULL);
    const an_value y = an_layer_norm(sum, AN_NONE, AN_NONE, -1, 1e-3f);
    an_store *s = an_store_new(3);
    an_program *p = an_compile(g, s, .fetch = {y, sum, v});
    ck_assert_msg(p != NULL, "%s", an_compile_message(g));
    p->poison = true;
    an_tensor feed = an_test_batch(rows, 5);
    const int64_t extent[3][2] = {{rows, width}, {rows, width}, {width, 8}};
    for (int i = 0; i < 3; i++) {
        float *data = an_alloc_aligned(extent[i][0] * extent[i][1] * 4 + 64);
        ck_assert_ptr_nonnull(data);
        out[i] = an_tensor_borrow(AN_F32, 2, extent[i], data + off);
    }
    ck_assert_int_eq(an_run(p, .feed = {{"x", &feed}}, .out = {&out[0], &out[1], &out[2]}), AN_OK);
    for (int i = 0; i < 3; i++)
        ck_assert_ptr_eq(p->at[p->schedule.fetches[i].buffer], out[i].data);
    an_tensor_free(&feed);
    an_program_free(p);
    an_store_free(s);
    an_graph_free(g);
}

START_TEST(test_where_an_out_lies_changes_no_bit)
{
    const int64_t shapes[][2] = {{1, 1},   {1, 40},  {33, 1},    {7, 16},
                                 {64, 48}, {5, 333}, {900, 1024}};
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        an_tensor there[3], beside[3];
        fetch_beside(shapes[i][0], shapes[i][1], 0, there);
        for (int64_t off = 1; off < 16; off += off < 5 ? 1 : 5) {
            fetch_beside(shapes[i][0], shapes[i][1], off, beside);
            for (int k = 0; k < 3; k++) {
                ck_assert_msg(an_test_same(&there[k], &beside[k]),
                              "%lld x %lld, %lld off: fetch %d", (long long)shapes[i][0],
                              (long long)shapes[i][1], (long long)off, k);
                an_free_aligned((float *)beside[k].data - off);
            }
        }
        for (int k = 0; k < 3; k++) an_free_aligned(there[k].data);
    }
}
END_TEST

/* ---- what must still be copied, or kept -------------------------------- */

/* A step may write over the value that it moves, though not over one that is fetched: it would
 * write into the out, behind the gate. */
START_TEST(test_a_step_leaves_a_fetched_value_alone)
{
    an_graph *g = an_graph_new("t");
    const an_value x = an_input(g, "x", AN_F32, AN_SHAPE(4));
    const an_value w = an_state(g, "w", AN_F32, AN_SHAPE(4), (an_init){AN_INIT_CONSTANT, 5, 0});
    const an_value moved = an_neg(x), rate = an_fill(g, AN_F32, AN_SCALAR, 0.5);
    const an_value in[] = {moved, x, rate, AN_NONE};
    const an_value step = an_emit(AN_HERE, AN_OP_sgd_step, in, 4, NULL);
    an_updates u = an_updates_new(g, "u");
    an_updates_add(u, w, step);
    an_store *s = an_store_new(0);
    an_program *p = an_compile(g, s, .fetch = {moved, step, moved, w}, .update = u, .passes = "");
    ck_assert_msg(p != NULL, "%s %s", an_compile_message(g), an_graph_message(g));
    p->poison = true;
    float data[] = {1, 2, 3, 4};
    const an_tensor feed = an_tensor_borrow(AN_F32, AN_EXTENTS(4), data);
    an_tensor out[4] = {{0}};
    ck_assert_int_eq(an_run(p, .feed = {{"x", &feed}},
                            .out = {&out[0], &out[1], &out[2], &out[3]}), AN_OK);
    for (int i = 0; i < 4; i++) {
        ck_assert_double_eq(an_tensor_get(&out[0], i), -(i + 1));
        ck_assert_double_eq(an_tensor_get(&out[1], i), -1.5 * (i + 1));
        ck_assert_double_eq(an_tensor_get(&out[2], i), -(i + 1));
        ck_assert_double_eq(an_tensor_get(&out[3], i), 5);
        ck_assert_double_eq(an_tensor_get(an_store_view(s, "w"), i), -1.5 * (i + 1));
    }
    for (int i = 0; i < 4; i++) an_tensor_free(&out[i]);
    an_program_free(p);
    an_store_free(s);
    an_graph_free(g);
}
END_TEST

/* What is made in place of its operands, through views, ends in the out of the last. */
START_TEST(test_a_chain_is_made_in_the_out)
{
    an_graph *g = an_graph_new("t");
    const an_dim B = an_dim_named(g, "B");
    an_value h = an_neg(an_input(g, "x", AN_F32, AN_SHAPE(B, 6)));
    for (int i = 0; i < 5; i++) h = an_neg(an_reshape(h, AN_SHAPE(B, i % 2 ? 6 : 3, AN_DIM_REST)));
    const an_value flat = an_reshape(h, AN_SHAPE(AN_DIM_REST));
    an_store *s = an_store_new(0);
    an_program *p = an_compile(g, s, .fetch = {h, flat}, .passes = "");
    ck_assert_msg(p != NULL, "%s", an_compile_message(g));
    p->poison = true;
    float data[] = {1, 2, 3, 4, 5, 6};
    for (int64_t rows = 1; rows >= 0; rows--) { /* and none at all */
        const an_tensor feed = an_tensor_borrow(AN_F32, AN_EXTENTS(rows, 6), data);
        an_tensor a = {0}, b = {0};
        ck_assert_int_eq(an_run(p, .feed = {{"x", &feed}}, .out = {&a, &b}), AN_OK);
        ck_assert_ptr_eq(p->at[p->schedule.fetches[0].buffer], b.data);
        for (int64_t i = 0; i < 6 * rows; i++) {
            ck_assert_double_eq(an_tensor_get(&a, i), (double)data[i]);
            ck_assert_double_eq(an_tensor_get(&b, i), (double)data[i]);
        }
        an_tensor_free(&a);
        an_tensor_free(&b);
    }
    an_program_free(p);
    an_store_free(s);
    an_graph_free(g);
}
END_TEST

/* ---- states ------------------------------------------------------------ */

typedef struct table { /* y = table[ids], with the table's sine, which it shall become */
    an_graph *g;
    an_store *s;
    an_program *p;
} table;

static table make_table(void)
{
    table t = {.g = an_graph_new("t"), .s = an_store_new(1)};
    const an_init init = {AN_INIT_UNIFORM, -1, 1};
    const an_value w = an_state(t.g, "w", AN_F32, AN_SHAPE(5, 4), init), next = an_sin(w);
    const an_value ids = an_input(t.g, "ids", AN_I32, AN_SHAPE(an_dim_named(t.g, "B")));
    const an_value y = an_emit(AN_HERE, AN_OP_embedding, (an_value[]){w, ids}, 2, NULL);
    an_updates u = an_updates_new(t.g, "u");
    an_updates_add(u, w, next);
    t.p = an_compile(t.g, t.s, .fetch = {next, y, w}, .update = u);
    ck_assert_msg(t.p != NULL, "%s", an_compile_message(t.g));
    t.p->poison = true;
    return t;
}

static void drop_table(table *t)
{
    an_program_free(t->p);
    an_store_free(t->s);
    an_graph_free(t->g);
}

/* Its outs are undefined, its states are as before, and the next run is whole. */
START_TEST(test_a_fault_leaves_the_states)
{
    table t = make_table();
    an_tensor before = {0}, out[3] = {{0}};
    ck_assert_int_eq(an_store_get(t.s, "w", &before), AN_OK);
    for (int32_t id = 7; id >= 2; id -= 5) {
        int32_t rows[] = {1, id, 0};
        const an_tensor ids = an_tensor_borrow(AN_I32, AN_EXTENTS(3), rows);
        const an_status status = an_run(t.p, .feed = {{"ids", &ids}},
                                        .out = {&out[0], &out[1], &out[2]});
        ck_assert_int_eq(status, id == 7 ? AN_E_DATA : AN_OK);
        ck_assert_int_eq(an_test_same(an_store_view(t.s, "w"), &before), id == 7);
    }
    ck_assert(an_test_same(an_store_view(t.s, "w"), &out[0]));
    ck_assert(an_test_same(&before, &out[2]));
    ck_assert_double_eq(an_tensor_get(&out[1], 7), an_tensor_get(&before, 2 * 4 + 3));
    for (int i = 0; i < 3; i++) an_tensor_free(&out[i]);
    an_tensor_free(&before);
    drop_table(&t);
}
END_TEST

static void expect_shared(const table *t, an_tensor *out, const char *state)
{
    int32_t rows[] = {1, 2, 0, 3, 4};
    const an_tensor ids = an_tensor_borrow(AN_I32, AN_EXTENTS(5), rows);
    an_tensor other = {0}, before = *out;
    char said[80];
    snprintf(said, sizeof said, "out 1 shares memory with state \"%s\"", state);
    ck_assert_int_eq(an_run(t->p, .feed = {{"ids", &ids}}, .out = {&other, out}), AN_E_ARGUMENT);
    ck_assert_msg(strstr(an_program_message(t->p), said), "%s", an_program_message(t->p));
    ck_assert(!memcmp(&before, out, sizeof before)); /* not even readied */
    an_tensor_free(&other);
}

START_TEST(test_outs_over_states_are_refused)
{
    table t = make_table();
    for (int i = 0; i < 20; i++) { /* states of others, too */
        char name[24];
        snprintf(name, sizeof name, "other%d", i);
        an_tensor value = an_test_batch(1 + i, 1);
        ck_assert_int_eq(an_store_set(t.s, name, &value), AN_OK);
        an_tensor_free(&value);
    }
    for (int64_t i = 0; i < an_store_count(t.s); i++) {
        const char *name = an_store_name(t.s, i);
        an_tensor whole = *an_store_view(t.s, name); /* as if it were the caller's own */
        float *end = (float *)whole.data + an_tensor_count(&whole);
        an_tensor within = an_tensor_borrow(AN_F32, AN_EXTENTS(5, 4), end - 1);
        expect_shared(&t, &whole, name);
        expect_shared(&t, &within, name);
    }
    drop_table(&t);
}
END_TEST

/* b would take what a has become, not what it was: all updates at once would be a lie. */
START_TEST(test_feeds_over_updated_states_are_refused)
{
    an_graph *g = an_graph_new("g");
    const an_init ones = {AN_INIT_CONSTANT, 1, 0};
    const an_value a = an_state(g, "a", AN_F32, AN_SHAPE(4), ones);
    const an_value b = an_state(g, "b", AN_F32, AN_SHAPE(4), ones);
    const an_value c = an_state(g, "c", AN_F32, AN_SHAPE(4), ones);
    const an_value x = an_input(g, "x", AN_F32, AN_SHAPE(4));
    const an_updates up = an_updates_new(g, "up");
    an_updates_add(up, a, an_add(a, c));
    an_updates_add(up, b, an_add(b, x));
    an_store *s = an_store_new(1);
    an_program *p = an_compile(.graph = g, .store = s, .fetch = {x}, .update = up);
    ck_assert_msg(p != NULL, "%s", an_compile_message(g));
    const an_tensor *shown[] = {an_store_view(s, "a"), an_store_view(s, "b")};
    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(an_run(p, .feed = {{"x", shown[i]}}), AN_E_ARGUMENT);
        ck_assert_msg(strstr(an_program_message(p), i ? "feed \"x\" shares memory with state \"b"
                                                      : "feed \"x\" shares memory with state \"a"),
                      "%s", an_program_message(p));
    }
    ck_assert_int_eq(an_run(p, .feed = {{"x", an_store_view(s, "c")}}), AN_OK); /* is only read */
    ck_assert_double_eq(an_tensor_get(an_store_view(s, "b"), 0), 2);
    an_program_free(p);
    an_store_free(s);
    an_graph_free(g);
}
END_TEST

AN_TEST_MAIN("fetch", test_fetches_anywhere_have_the_interpreters_bits,
             test_where_an_out_lies_changes_no_bit, test_a_step_leaves_a_fetched_value_alone,
             test_a_chain_is_made_in_the_out, test_a_fault_leaves_the_states,
             test_outs_over_states_are_refused, test_feeds_over_updated_states_are_refused)
