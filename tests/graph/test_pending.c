/* test_pending.c -- updates that come with a layer, and layers that ask whether they train.
 *
 * The layer under test is a batch norm made by hand: in training it takes the batch's statistics
 * and leaves a running mean behind, outside training it takes that.           */
#include "frontends/addnorm.h"
#include "graph/ir.h"
#include "tests/support.h"

#define ROWS 5
#define WIDTH 4

/* ---- a model ----------------------------------------------------------- */

typedef struct model {
    an_graph *g;
    an_value x, batch, used, running, next, y; /* of the batch norm */
    an_value other, loss, aside;               /* aside: a loss that does not need y */
} model;

/* y = x - mean; the running mean goes a tenth of the way. */
static void normalise(model *m)
{
    m->running = an_state(m->g, "running", AN_F32, AN_SHAPE(WIDTH), (an_init){0});
    an_graph_freeze(m->g, "running", true);
    m->batch = an_mean(m->x, 0);
    m->used = an_where(an_training(m->g), m->batch, m->running);
    m->y = an_sub(m->x, m->used);
    m->next = an_add(an_scale(m->running, 0.9), an_scale(m->batch, 0.1));
    an_pending(m->running, m->next, m->y);
}

/* Behind the batch norm a residual and a layer norm, for the fusion to find; beside it a loss of
 * its own. A table of 3 rows refuses ids from 3 on. */
static model a_model(void)
{
    model m = {.g = an_graph_new("batch norm")};
    an_graph *const g = m.g;
    const an_init some = {AN_INIT_UNIFORM, -1, 1};
    m.x = an_input(g, "x", AN_F32, AN_SHAPE(an_dim_named(g, "B"), WIDTH));
    const an_value ids = an_input(g, "ids", AN_I32, AN_SHAPE(an_dim_named(g, "B")));
    const an_value table = an_state(g, "table", AN_F32, AN_SHAPE(3, WIDTH), some);
    const an_value gamma = an_state(g, "gamma", AN_F32, AN_SHAPE(WIDTH), some);
    normalise(&m);
    const an_value h = an_residual_add(m.y, an_embedding(table, ids));
    const an_value out = an_layer_norm(h, gamma, AN_NONE, -1, 1e-5f);
    m.loss = an_mean_axes(an_square(an_sub(out, an_number(out, 0.5))), AN_ALL_AXES, false);
    m.other = an_state(g, "other", AN_F32, AN_SHAPE(WIDTH), some);
    m.aside = an_mean(an_square(m.other), 0);
    an_graph_output(out, "out");
    an_graph_output(m.loss, "loss");
    ck_assert_str_eq(an_graph_message(g), "");
    return m;
}

typedef struct batch {
    float x[ROWS * WIDTH];
    int32_t ids[ROWS];
} batch;

static batch a_batch(uint64_t seed)
{
    batch b = {{0}, {0, 1, 2, 1, 0}};
    an_test_random r = {seed};
    for (int i = 0; i < ROWS * WIDTH; i++) b.x[i] = (float)an_test_uniform(&r, -2, 2);
    return b;
}

static an_status run(an_program *p, batch *b, an_tensor *first, an_tensor *second)
{
    const an_tensor x = an_tensor_borrow(AN_F32, AN_EXTENTS(ROWS, WIDTH), b->x);
    const an_tensor ids = an_tensor_borrow(AN_I32, AN_EXTENTS(ROWS), b->ids);
    return an_run(p, .feed = {{"x", &x}, {"ids", &ids}}, .out = {first, second});
}

static an_program *checked(an_graph *g, an_program *p)
{
    ck_assert_msg(p != NULL, "%s %s", an_graph_message(g), an_compile_message(g));
    return p;
}

static void check_running(an_store *s, const float *wanted)
{
    const an_tensor *now = an_store_view(s, "running");
    ck_assert_ptr_nonnull(now);
    ck_assert_msg(!memcmp(now->data, wanted, WIDTH * sizeof *wanted), "the running mean is %g ...",
                  an_tensor_get(now, 0));
}

static bool is(an_value a, an_value b) { return a.graph == b.graph && a.id == b.id; }

/* ---- training and using ------------------------------------------------ */

START_TEST(test_training_moves_the_running_mean)
{
    model m = a_model();
    an_store *s = an_store_new(3);
    const an_updates up = an_minimize(m.loss, an_adam(.rate = 1e-2f));
    ck_assert(is(an_updates_value(up, m.running), m.next));
    an_program *train = checked(m.g, an_compile(m.g, s, .fetch = {m.loss, m.batch}, .update = up));
    float running[WIDTH] = {0};
    an_tensor loss = {0}, mean = {0};
    for (uint64_t step = 0; step < 4; step++) {
        batch b = a_batch(step);
        ck_assert_int_eq(run(train, &b, &loss, &mean), AN_OK);
        for (int i = 0; i < WIDTH; i++) {
            const float kept = running[i] * 0.9f, moved = ((const float *)mean.data)[i] * 0.1f;
            running[i] = kept + moved;
        }
        check_running(s, running);
    }
    ck_assert(running[0] != 0);
    an_program *infer = checked(m.g, an_compile(m.g, s, .fetch = {m.used, m.y}, .inference = true));
    batch b = a_batch(9);
    ck_assert_int_eq(run(infer, &b, &mean, &loss), AN_OK);
    ck_assert(!memcmp(mean.data, running, sizeof running));
    for (int i = 0; i < ROWS * WIDTH; i++)
        ck_assert(((const float *)loss.data)[i] == b.x[i] - running[i % WIDTH]);
    check_running(s, running);
    an_tensor_free(&loss);
    an_tensor_free(&mean);
    an_program_free(infer);
    an_program_free(train);
    an_store_free(s);
    an_graph_free(m.g);
}
END_TEST

/* What is not chosen is not computed. */
START_TEST(test_programs_know_whether_they_train)
{
    model m = a_model();
    an_store *s = an_store_new(3);
    const an_updates up = an_minimize(m.loss, an_sgd(.rate = 0.1f));
    an_program *train = checked(m.g, an_compile(m.g, s, .fetch = {m.loss}, .update = up));
    an_program *use = checked(m.g, an_compile(m.g, s, .fetch = {m.y}));
    an_program *infer = checked(m.g, an_compile(m.g, s, .fetch = {m.y}, .inference = true));
    an_program *as_it_is = checked(m.g, an_compile(m.g, s, .fetch = {m.used}, .passes = ""));
    const an_graph *const of[] = {an_program_graph(train), an_program_graph(use),
                                  an_program_graph(infer), an_program_graph(as_it_is)};
    for (int i = 0; i < 4; i++) ck_assert_int_eq(an_graph_count(of[i], "training"), 0);
    for (int i = 0; i < 3; i++) ck_assert_int_eq(an_graph_count(of[i], "where"), 0);
    ck_assert_int_eq(an_graph_count(of[1], "mean"), 1);
    ck_assert_int_eq(an_graph_count(of[1], "state"), 0);
    ck_assert_int_eq(an_graph_count(of[2], "mean"), 0);
    ck_assert_int_eq(an_graph_count(of[2], "state"), 1);
    ck_assert_int_eq(an_graph_count(of[3], "where"), 1);
    batch b = a_batch(1);
    an_tensor chosen = {0};
    ck_assert_int_eq(run(as_it_is, &b, &chosen, NULL), AN_OK);
    ck_assert(an_tensor_get(&chosen, 0) != 0); /* the batch's: the running mean is 0 */
    an_tensor_free(&chosen);
    an_program *const all[] = {train, use, infer, as_it_is};
    for (int i = 0; i < 4; i++) an_program_free(all[i]);
    an_store_free(s);
    an_graph_free(m.g);
}
END_TEST

START_TEST(test_who_does_not_need_it_leaves_it)
{
    model m = a_model();
    an_store *s = an_store_new(3);
    const an_updates up = an_minimize(m.aside, an_sgd(.rate = 0.1f));
    ck_assert(an_is_none(an_updates_value(up, m.running)));
    ck_assert(!an_is_none(an_updates_value(up, m.other)));
    an_program *p = checked(m.g, an_compile(m.g, s, .fetch = {m.aside, m.running}, .update = up));
    const float zeros[WIDTH] = {0};
    batch b = a_batch(1);
    ck_assert_int_eq(run(p, &b, NULL, NULL), AN_OK);
    check_running(s, zeros);
    an_program_free(p);
    an_store_free(s);
    an_graph_free(m.g);
}
END_TEST

/* Ids out of range are found behind the batch norm. */
START_TEST(test_a_failed_run_moves_nothing)
{
    model m = a_model();
    an_store *s = an_store_new(3);
    const an_updates up = an_minimize(m.loss, an_adam());
    an_program *p = checked(m.g, an_compile(m.g, s, .fetch = {m.batch}, .update = up));
    batch b = a_batch(1);
    an_tensor mean = {0}, before = {0};
    ck_assert_int_eq(run(p, &b, &mean, NULL), AN_OK);
    ck_assert_int_eq(an_store_get(s, "running", &before), AN_OK);
    ck_assert(an_tensor_get(&before, 0) != 0);
    batch bad = a_batch(2);
    bad.ids[3] = 3;
    ck_assert_int_ne(run(p, &bad, &mean, NULL), AN_OK);
    check_running(s, before.data);
    an_tensor_free(&mean);
    an_tensor_free(&before);
    an_program_free(p);
    an_store_free(s);
    an_graph_free(m.g);
}
END_TEST

START_TEST(test_no_step_allocates)
{
    an_test_heap_start(-1);
    model m = a_model();
    an_store *s = an_store_new(3);
    const an_updates up = an_minimize(m.loss, an_adam());
    an_program *p = checked(m.g, an_compile(m.g, s, .fetch = {m.loss}, .update = up));
    batch b = a_batch(1);
    an_tensor loss = {0};
    ck_assert_int_eq(run(p, &b, &loss, NULL), AN_OK);
    an_test_heap_refuse(-1, false);
    for (int step = 0; step < 3; step++) ck_assert_int_eq(run(p, &b, &loss, NULL), AN_OK);
    ck_assert_int_eq(an_test_heap_requests(), 0);
    an_tensor_free(&loss);
    an_program_free(p);
    an_store_free(s);
    an_graph_free(m.g);
    ck_assert_int_eq(an_test_heap_stop(), 0);
}
END_TEST

/* ---- which tables take which ------------------------------------------- */

static an_value counter(an_graph *g, const char *name)
{
    const an_value v = an_state(g, name, AN_F32, AN_SCALAR, (an_init){0});
    an_graph_freeze(g, name, true);
    return v;
}

/* a's new value is computed from b's witness, b's from c's; d's from nothing that is needed. */
START_TEST(test_what_is_taken_needs_more)
{
    an_graph *g = an_graph_new("chain");
    const an_value x = an_input(g, "x", AN_F32, AN_SCALAR);
    const an_value a = counter(g, "a"), b = counter(g, "b"), c = counter(g, "c");
    const an_value d = counter(g, "d"), w = an_state(g, "w", AN_F32, AN_SCALAR, (an_init){0});
    const an_value vc = an_tanh(x), vb = an_exp(vc), va = an_sin(vb), vd = an_cos(x);
    an_pending(d, vd, vd);
    an_pending(c, vc, vc);
    an_pending(b, vb, vb);
    const an_value y = an_mul(w, x);
    an_pending(a, va, y);
    const an_updates up = an_updates_new(g, "up");
    an_updates_add(up, w, y);
    ck_assert_int_eq(an_updates_take_pending(up, AN_NONE), AN_OK);
    ck_assert(is(an_updates_value(up, a), va) && is(an_updates_value(up, b), vb));
    ck_assert(is(an_updates_value(up, c), vc) && an_is_none(an_updates_value(up, d)));
    ck_assert_int_eq(an_updates_take_pending(up, vd), AN_OK); /* again, with more */
    ck_assert(is(an_updates_value(up, d), vd) && is(an_updates_value(up, a), va));
    ck_assert_str_eq(an_graph_message(g), "");
    an_graph_free(g);
}
END_TEST

START_TEST(test_a_tables_own_row_counts)
{
    model m = a_model();
    const an_updates up = an_updates_new(m.g, "own");
    an_updates_add(up, m.running, m.batch);
    ck_assert_int_eq(an_updates_take_pending(up, m.loss), AN_OK);
    ck_assert(is(an_updates_value(up, m.running), m.batch));
    ck_assert(an_is_none(an_updates_value(up, m.loss)));
    ck_assert(an_is_none(an_updates_value((an_updates){m.g, 0}, m.running)));
    ck_assert(an_is_none(an_updates_value(up, AN_NONE)));
    an_graph_free(m.g);
}
END_TEST

START_TEST(test_bad_calls_are_refused)
{
    static const char *const said[] = {"only a state", "but its new value is", "the witness must",
                                       "has a pending update already", "values of this graph",
                                       "no such update table", "no value of this graph", ""};
    for (int i = 0; i < 8; i++) {
        model m = a_model(), n = a_model();
        if (i == 0) an_pending(m.x, m.x, m.y);
        if (i == 1) an_pending(m.other, m.y, m.y);
        if (i == 2) an_pending(m.other, m.batch, n.y);
        if (i == 3) an_pending(m.running, m.batch, m.y);
        if (i == 4) an_pending(m.other, AN_NONE, m.y);
        if (i == 5) an_updates_take_pending((an_updates){m.g, 7}, AN_NONE);
        if (i == 6) an_updates_take_pending(an_updates_new(m.g, "up"), n.y);
        if (i == 7) an_pending(m.running, m.next, m.y); /* as it is already */
        ck_assert_msg(strstr(an_graph_message(m.g), said[i]), "%d: %s", i, an_graph_message(m.g));
        ck_assert_int_eq(an_graph_status(m.g) == AN_OK, i == 7);
        an_graph_free(m.g);
        an_graph_free(n.g);
    }
    ck_assert_int_eq(an_pending(AN_NONE, AN_NONE, AN_NONE), AN_E_ARGUMENT);
    ck_assert_int_eq(an_updates_take_pending((an_updates){0}, AN_NONE), AN_E_ARGUMENT);
    ck_assert(an_is_none(an_training(NULL)));
}
END_TEST

/* ---- dropout's key ----------------------------------------------------- */

static an_graph *draws(an_value *loss, an_value *aside)
{
    an_graph *g = an_graph_new("draws");
    const an_value x = an_input(g, "x", AN_F32, AN_SHAPE(6));
    const an_value w = an_state(g, "w", AN_F32, AN_SHAPE(6), (an_init){AN_INIT_CONSTANT, 1, 0});
    *loss = an_mean(an_mul(an_dropout(x, 0.5f), w), 0);
    *aside = an_mean(an_square(w), 0);
    an_graph_output(*loss, "loss");
    return g;
}

static int64_t lines_with(const an_graph *g, const char *word)
{
    char *text = an_print(g);
    int64_t count = 0;
    for (const char *at = text; (at = strstr(at, word)); at++) count++;
    an_string_free(text);
    return count;
}

START_TEST(test_the_key_advances_where_it_is_read)
{
    an_value loss, aside;
    an_graph *g = draws(&loss, &aside);
    const an_value key = an_graph_find(g, "random/key");
    ck_assert_int_eq(lines_with(g, "pending"), 0); /* not before somebody trains */
    const an_updates without = an_minimize(aside, an_sgd());
    ck_assert(an_is_none(an_updates_value(without, key)));
    ck_assert_int_eq(lines_with(g, "pending"), 0);
    const an_updates one = an_minimize(loss, an_sgd()), two = an_minimize(loss, an_adam());
    ck_assert(!an_is_none(an_updates_value(one, key)));
    ck_assert(is(an_updates_value(one, key), an_updates_value(two, key)));
    ck_assert_int_eq(lines_with(g, "pending"), 1);
    an_store *s = an_store_new(1);
    an_program *p = checked(g, an_compile(g, s, .fetch = {loss}, .update = two));
    const float data[6] = {1, 2, 3, 4, 5, 6};
    const an_tensor x = an_tensor_borrow(AN_F32, AN_EXTENTS(6), (void *)(uintptr_t)data);
    for (int step = 1; step < 4; step++) {
        ck_assert_int_eq(an_run(p, .feed = {{"x", &x}}), AN_OK);
        ck_assert_int_eq(((const int64_t *)an_store_view(s, "random/key")->data)[1], step);
    }
    an_program_free(p);
    an_store_free(s);
    an_graph_free(g);
}
END_TEST

/* A loss that draws and gradients that do not: what is fetched counts, too. */
START_TEST(test_the_loss_itself_is_needed)
{
    an_graph *g = an_graph_new("aside");
    const an_value x = an_input(g, "x", AN_F32, AN_SHAPE(6));
    const an_value w = an_state(g, "w", AN_F32, AN_SHAPE(6), (an_init){AN_INIT_CONSTANT, 1, 0});
    const an_value loss = an_add(an_mean(w, 0), an_mean(an_dropout(x, 0.5f), 0));
    const an_updates up = an_minimize(loss, an_sgd());
    ck_assert(!an_is_none(an_updates_value(up, an_graph_find(g, "random/key"))));
    an_graph_free(g);
}
END_TEST

/* A text of before there were pending lines, and what passes made of a graph, train as ever. */
START_TEST(test_old_texts_and_copies_train)
{
    static const char old[] =
        "graph \"old\"\n%1: f32[6] = input \"x\"\n%2: i64[2] = state \"key\" {init=random_key, "
        "frozen=1}\n%3: f32[6] = dropout %1, %2 {rate=0.5, stream=1}\n%4: f32[6] = state \"w\"\n"
        "%5: f32[6] = mul %3, %4\n%6: f32 = sum %5 {axes=[0]}\n%7: i64[2] = constant {data=[0,1]}\n"
        "%8: i64[2] = add %2, %7\noutput \"loss\" %6\nupdate \"by hand\" %2 <- %8\n";
    an_graph *g = an_parse(.text = old);
    ck_assert_str_eq(an_graph_message(g), "");
    char *text = an_print(g);
    ck_assert_ptr_null(strstr(text, "pending"));
    an_string_free(text);
    const an_value key = an_graph_find(g, "key");
    an_updates up = an_minimize(an_graph_find(g, "loss"), an_sgd());
    const an_value next = an_updates_value(up, key);
    ck_assert(!an_is_none(next));
    ck_assert_int_eq(lines_with(g, "pending"), 1);
    an_optimised *o = an_optimise(.graph = g);
    an_graph *copy = an_optimised_graph(o);
    ck_assert_ptr_nonnull(copy);
    const int64_t adds = an_graph_count(copy, "add");
    up = an_minimize(an_graph_find(copy, "loss"), an_adam()); /* "sgd" is taken */
    ck_assert_str_eq(an_graph_message(copy), "");
    ck_assert(is(an_updates_value(up, an_graph_find(copy, "key")), an_optimised_value(o, next)));
    ck_assert_int_eq(an_graph_count(copy, "add"), adds + 1); /* the step counter's, no key's */
    an_optimised_free(o);
    an_graph_free(g);
}
END_TEST

/* ---- text -------------------------------------------------------------- */

START_TEST(test_text_goes_both_ways)
{
    model m = a_model();
    an_minimize(m.loss, an_sgd());
    char *text = an_print(m.g);
    ck_assert_ptr_nonnull(strstr(text, "= training\n"));
    ck_assert_ptr_nonnull(strstr(text, "\npending %"));
    an_graph *again = an_parse(.text = text);
    ck_assert_str_eq(an_graph_message(again), "");
    char *twice = an_print(again);
    ck_assert_str_eq(text, twice);
    ck_assert_int_eq(an_graph_verify(again, NULL, 0), AN_OK);
    const an_updates up = an_minimize(an_graph_find(again, "loss"), an_adam());
    ck_assert(!an_is_none(an_updates_value(up, an_graph_find(again, "running"))));
    an_string_free(text);
    an_string_free(twice);
    an_graph_free(again);
    an_graph_free(m.g);
}
END_TEST

START_TEST(test_slips_name_line_and_column)
{
    static const struct {
        const char *line, *message;
    } slips[] = {
        {"pending", "t:5:8: "},
        {"pending %2", "t:5:11: error AN-E030 expected '<-'"},
        {"pending %2 <- %3", "t:5:17: error AN-E030 expected 'when'"},
        {"pending %2 <- %3 when", "t:5:22: "},
        {"pending %2 <- %3 when _", "t:5:23: "},
        {"pending %2 <- %3 when %9", "t:5:25: error AN-E030 %9 is not defined"},
        {"pending %2 <- %3 when %3.1", "outputs 0..0"},
        {"pending %2 <- %3 when %3 too", "t:5:26: error AN-E030 unexpected text"},
        {"pending %1 <- %3 when %3", "t:5:11: error AN-E030 only a state can be updated"},
        {"pending %2 <- %4 when %3", "t:5:17: error AN-E030 the new value of \"s\" has another"},
        {"pending %2 <- %3 when %4\npending %2 <- %3 when %4", "t:6:11: error AN-E030 \"s\" has"}};
    for (size_t i = 0; i < sizeof slips / sizeof *slips; i++) {
        char text[400];
        snprintf(text, sizeof text, "%%1: f32[2] = input \"x\"\n%%2: f32[2] = state \"s\"\n"
                 "%%3: f32[2] = neg %%1\n%%4: f32 = sum %%1 {axes=[0]}\n%s\n", slips[i].line);
        an_graph *g = an_parse(.text = text, .name = "t");
        ck_assert_int_ne(an_graph_status(g), AN_OK);
        ck_assert_msg(strstr(an_graph_message(g), slips[i].message), "%s: %s", slips[i].line,
                      an_graph_message(g));
        an_graph_free(g);
    }
}
END_TEST

/* ---- the same, to the verifier ----------------------------------------- */

static void check_equal(an_equivalence *e, int64_t fused)
{
    ck_assert_msg(an_equivalence_rung(e) == AN_RUNG_PROVED, "%s", an_equivalence_message(e));
    ck_assert_int_eq(an_equivalence_fused(e), fused);
    an_equivalence_free(e);
}

START_TEST(test_fused_is_unfused)
{
    model m = a_model();
    check_equal(an_equivalent(m.g, .gradients = true), 1);
    const an_updates up = an_minimize(m.loss, an_adam());
    check_equal(an_equivalent(m.g, .gradients = true), 1);
    an_optimised *o = an_optimise(.graph = m.g, .inference = true, .passes = "");
    check_equal(an_equivalent(an_optimised_graph(o)), 1);
    an_optimised_free(o);
    an_store *s = an_store_new(2);
    an_program *train = checked(m.g, an_compile(m.g, s, .fetch = {m.loss}, .update = up));
    const an_graph *run = an_program_graph(train);
    check_equal(an_equivalent(m.g, run, .gradients = true, .subset = true), 1);
    an_program_free(train);
    an_program *infer = checked(m.g, an_compile(m.g, s, .fetch = {m.y}, .inference = true));
    an_equivalence *e = an_equivalent(m.g, an_program_graph(infer), .subset = true);
    ck_assert_int_ne(an_equivalence_rung(e), AN_RUNG_PROVED); /* training or not is not the same */
    an_equivalence_free(e);
    an_program_free(infer);
    an_store_free(s);
    an_graph_free(m.g);
}
END_TEST

/* %6 is the batch's mean, %7 the one used, %8 y. */
static const char layer[] =
    "dims B\n%1: f32[B,4] = input \"x\"\n%2: f32[4] = state \"mean\" {frozen=1}\n"
    "%3: f32 = constant {data=[0.5]}\n%4: f32 = constant {data=[0.25]}\n%5: bool = training\n"
    "%6: f32[4] = mean %1 {axes=[0]}\n%7: f32[4] = where %5, %6, %2\n%8: f32[B,4] = sub %1, %7\n"
    "%9: f32[4] = mul %6, %3\n%10: f32[4] = mul %6, %4\n%11: f32[B,4] = sub %1, %7\n"
    "%12: f32[B,4] = neg %1\noutput \"y\" %8\n";

static an_graph *with(const char *rest)
{
    char text[1200];
    snprintf(text, sizeof text, "%s%s", layer, rest);
    an_graph *g = an_parse(.text = text);
    ck_assert_msg(an_graph_status(g) == AN_OK, "%s", an_graph_message(g));
    return g;
}

START_TEST(test_pending_updates_are_compared)
{
    static const struct {
        const char *a, *b;
        bool equal;
        const char *says;
    } cases[] = {
        {"pending %2 <- %9 when %8\n", "pending %2 <- %9 when %8\n", true, ""},
        {"pending %2 <- %9 when %8\n", "pending %2 <- %9 when %11\n", true, ""}, /* %11 is %8 */
        {"pending %2 <- %9 when %12\n", "", true, ""}, /* nobody needs it */
        {"pending %2 <- %9 when %8\n", "pending %2 <- %10 when %8\n", false, "pending update"},
        {"pending %2 <- %9 when %8\n", "pending %2 <- %9 when %7\n", false, "pending witness"},
        {"pending %2 <- %9 when %12\n", "pending %2 <- %9 when %7\n", false, "pending witness"},
        {"pending %2 <- %9 when %8\n", "", false, "second graph has no pending update of \"mean\""},
        {"", "pending %2 <- %9 when %8\n", false, "first graph has no pending update of \"mean\""},
        {"pending %2 <- %9 when %8\n", "update \"u\" %2 <- %9\n", false, "has no"},
        {"pending %2 <- %9 when %8\nupdate \"u\" %2 <- %9\n",
         "pending %2 <- %10 when %8\nupdate \"u\" %2 <- %9\n", false, "pending update"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        an_graph *a = with(cases[i].a), *b = with(cases[i].b);
        an_proof *f = an_prove(.a = a, .b = b);
        ck_assert_msg(an_proof_holds(f) == cases[i].equal, "%d: %s", (int)i, an_proof_message(f));
        ck_assert_msg(strstr(an_proof_message(f), cases[i].says), "%d: %s", (int)i,
                      an_proof_message(f));
        an_equivalence *e = an_equivalent(a, b);
        ck_assert_msg((an_equivalence_rung(e) == AN_RUNG_PROVED) == cases[i].equal, "%d: %s",
                      (int)i, an_equivalence_message(e));
        an_equivalence_free(e);
        an_proof_free(f);
        an_graph_free(a);
        an_graph_free(b);
    }
}
END_TEST

static bool has_pending(void *context, const an_graph *g)
{
    (void)context;
    return lines_with(g, "pending") > 0;
}

/* What is left of a graph that fails because something is pending. */
START_TEST(test_it_is_reduced)
{
    an_graph *g = with("%13: f32[4] = state \"w\"\n%14: f32[4] = neg %13\n"
                       "pending %2 <- %9 when %8\nupdate \"u\" %13 <- %14\n");
    an_reduced *r = an_reduce(.graph = g, .fails = has_pending);
    ck_assert_msg(an_reduced_status(r) == AN_OK, "%s", an_reduced_message(r));
    ck_assert(an_reduced_is_minimal(r));
    const an_graph *left = an_reduced_graph(r);
    ck_assert_int_eq(an_graph_node_count(left), 3); /* the state, the new value, the witness */
    ck_assert(lines_with(left, "pending %1 <- %") == 1 && lines_with(left, "update") == 0);
    ck_assert_int_eq(an_graph_verify(left, NULL, 0), AN_OK);
    an_reduced_free(r);
    an_graph_free(g);
}
END_TEST

/* ---- pictures ---------------------------------------------------------- */

static bool draws_word(const an_graph *g, const char *word)
{
    char *dot = an_dot(g);
    const bool found = dot && strstr(dot, word);
    an_string_free(dot);
    return found;
}

/* A dotted arrow, or, to states of a few elements, a word in the box; a table's own says enough. */
START_TEST(test_it_is_drawn)
{
    an_graph *g = with("pending %2 <- %9 when %8\n"), *none = with("");
    ck_assert(draws_word(g, "style=dotted") && !draws_word(none, "style=dotted"));
    an_graph_free(g);
    an_graph_free(none);
    static const char scalar[] =
        "%1: f32 = state \"s\"\n%2: f32 = neg %1\noutput \"y\" %2\npending %1 <- %2 when %2\n";
    g = an_parse(.text = scalar);
    ck_assert(draws_word(g, "if trained becomes <B>s</B>"));
    const an_updates up = an_updates_new(g, "u");
    ck_assert_int_eq(an_updates_take_pending(up, an_graph_find(g, "y")), AN_OK);
    ck_assert(!draws_word(g, "if trained") && draws_word(g, "becomes <B>s</B>"));
    an_graph_free(g);
}
END_TEST

AN_TEST_MAIN("pending", test_training_moves_the_running_mean, test_programs_know_whether_they_train,
             test_who_does_not_need_it_leaves_it, test_a_failed_run_moves_nothing,
             test_no_step_allocates, test_what_is_taken_needs_more, test_a_tables_own_row_counts,
             test_bad_calls_are_refused, test_the_key_advances_where_it_is_read,
             test_the_loss_itself_is_needed, test_old_texts_and_copies_train,
             test_text_goes_both_ways, test_slips_name_line_and_column, test_fused_is_unfused,
             test_pending_updates_are_compared, test_it_is_reduced, test_it_is_drawn)
