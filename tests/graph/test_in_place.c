/* test_in_place.c -- states that are changed in place before a run is sure to end.
 *
 * Whatever goes wrong behind such a change, the states are what they were, bit for bit; where
 * somebody still needs what a state held, nothing is made in place. Random programs of parts that
 * are replaced and read are held to the interpreter, and plans made wrong to the check.   */
#include "core/pool.h"
#include "frontends/addnorm.h"
#include "graph/evaluate.h"
#include "graph/memory/memory_map.h"
#include "graph/run/program.h"
#include "tests/support.h"

#include <math.h>

enum { ROWS = 6, WIDTH = 4, PART = 2, WHOLE = ROWS * WIDTH, MOST_FETCHES = 4 };

/* States a, b, c [ROWS,WIDTH] and what is fed: a part of them, where it goes, a row's number that
 * may be wrong, a number that may be none. */
typedef struct trial {
    an_graph *g;
    an_store *s;
    an_program *p;
    an_value state[3], part, at, row, factor;
    an_updates u;
} trial;

static const char *const names[] = {"a", "b", "c"};

static trial begin(void)
{
    trial t = {.g = an_graph_new("parts"), .s = an_store_new(1)};
    for (int i = 0; i < 3; i++)
        t.state[i] = an_state(t.g, names[i], AN_F32, AN_SHAPE(ROWS, WIDTH),
                              AN_INIT(AN_INIT_NORMAL, 0, 1));
    t.part = an_input(t.g, "part", AN_F32, AN_SHAPE(PART, WIDTH));
    t.at = an_input(t.g, "at", AN_I32, AN_SCALAR);
    t.row = an_input(t.g, "row", AN_I32, AN_SHAPE(1));
    t.factor = an_input(t.g, "factor", AN_F32, AN_SCALAR);
    t.u = an_updates_new(t.g, "u");
    return t;
}

static void compile(trial *t, const an_value *fetch, int count)
{
    t->p = an_compile(t->g, t->s, .fetch_list = fetch, .fetch_count = count, .update = t->u);
    ck_assert_msg(t->p != NULL, "%s", an_compile_message(t->g));
    t->p->poison = true;
}

static void end(trial *t)
{
    an_program_free(t->p);
    an_store_free(t->s);
    an_graph_free(t->g);
}

static an_value put(const trial *t, an_value x) { return an_update_slice(x, t->part, t->at, 0); }

/* A gather that refuses a row beyond the state, behind the value it reads. */
static an_value may_fail(const trial *t, an_value x)
{
    return an_sum_axes(an_gather(x, t->row, 0), AN_ALL_AXES, false);
}

typedef struct fed {
    int32_t at, row;
    float factor, part[PART * WIDTH];
} fed;

static fed good(int32_t at)
{
    fed f = {.at = at, .row = 1, .factor = 1};
    for (int i = 0; i < PART * WIDTH; i++) f.part[i] = (float)(at * 100 + i);
    return f;
}

static an_status run_into(const trial *t, const fed *f, an_tensor *const *out, int outs,
                          bool finite)
{
    const an_tensor part = an_tensor_borrow(AN_F32, AN_EXTENTS(PART, WIDTH), (void *)f->part);
    const an_tensor at = an_tensor_borrow(AN_I32, 0, NULL, (void *)&f->at);
    const an_tensor row = an_tensor_borrow(AN_I32, AN_EXTENTS(1), (void *)&f->row);
    const an_tensor factor = an_tensor_borrow(AN_F32, 0, NULL, (void *)&f->factor);
    const an_feed feeds[] = {{"part", &part}, {"at", &at}, {"row", &row}, {"factor", &factor}};
    return an_run(t->p, .feed_list = feeds, .feed_count = 4, .out_list = out, .out_count = outs,
                  .finite = finite);
}

static an_status run(const trial *t, const fed *f, bool finite)
{
    return run_into(t, f, NULL, 0, finite);
}

typedef struct held {
    float x[3][WHOLE];
} held;

/* Bits of all states. */
static held states(const trial *t)
{
    held h = {0};
    for (int i = 0; i < 3; i++)
        if (an_store_view(t->s, names[i]))
            memcpy(h.x[i], an_store_view(t->s, names[i])->data, sizeof h.x[i]);
    return h;
}

static void replace(held *h, int state, const fed *f)
{
    memcpy(h->x[state] + f->at * WIDTH, f->part, sizeof f->part);
}

#define WANT_STATES(t, want)                                                                       \
    do {                                                                                           \
        const held now_ = states(t);                                                               \
        ck_assert_msg(!memcmp(&now_, &(want), sizeof now_), "states differ");                      \
    } while (0)

/* ---- what goes wrong afterwards -------------------------------------------- */

START_TEST(test_failed_runs_leave_states_as_they_were)
{
    for (int threads = 1; threads <= 7; threads += 2) {
        an_set_threads(threads);
        trial t = begin();
        const an_value a = put(&t, t.state[0]);
        const an_value twice = an_update_slice(put(&t, t.state[1]), an_neg(t.part),
                                               an_mul(t.at, an_fill(t.g, AN_I32, AN_SCALAR, 1)), 0);
        an_updates_add(t.u, t.state[0], a);
        an_updates_add(t.u, t.state[1], twice);
        an_updates_add(t.u, t.state[2], an_add(t.state[2], a));
        const an_value fetch[] = {may_fail(&t, a), an_mul(may_fail(&t, twice), t.factor)};
        compile(&t, fetch, 2);
        ck_assert_int_eq(t.p->schedule.patch_count, 3);
        ck_assert_int_eq(t.p->schedule.write_count, 1);
        const held before = states(&t);
        fed f = good(2);
        f.row = ROWS;
        ck_assert_int_eq(run(&t, &f, false), AN_E_DATA);
        ck_assert_ptr_nonnull(strstr(an_program_message(t.p), "is 6, outside 0..5"));
        WANT_STATES(&t, before);
        f = good(2);
        f.factor = NAN;
        ck_assert_int_eq(run(&t, &f, true), AN_E_DATA);
        ck_assert_ptr_nonnull(strstr(an_program_message(t.p), "first came feed \"factor\""));
        WANT_STATES(&t, before);
        for (int i = 0; i < 3; i++) { /* and the next goes well */
            held want = states(&t);
            f = good(i);
            ck_assert_msg(run(&t, &f, i == 1) == AN_OK, "%s", an_program_message(t.p));
            replace(&want, 0, &f);
            for (int k = 0; k < WHOLE; k++) want.x[2][k] += want.x[0][k];
            for (int k = 0; k < PART * WIDTH; k++) f.part[k] = -f.part[k];
            replace(&want, 1, &f);
            WANT_STATES(&t, want);
        }
        end(&t);
    }
    an_set_threads(1);
}
END_TEST

/* Parts that overlap are put back in the opposite order. */
START_TEST(test_overlapping_parts_are_put_back)
{
    trial t = begin();
    const an_value one = an_fill(t.g, AN_I32, AN_SCALAR, 1);
    an_value x = t.state[0];
    for (int i = 0; i < 3; i++) {
        const an_value at = i ? an_add(t.at, i == 1 ? one : an_neg(one)) : t.at;
        x = an_update_slice(an_reshape(x, AN_SHAPE(ROWS, WIDTH)),
                            an_mul(t.part, an_fill(t.g, AN_F32, AN_SCALAR, i + 1)), at, 0);
    }
    an_updates_add(t.u, t.state[0], x);
    compile(&t, (an_value[]){an_exp(may_fail(&t, x))}, 1);
    ck_assert_int_eq(t.p->schedule.patch_count, 3);
    const held before = states(&t);
    fed f = good(2);
    f.row = -1;
    ck_assert_int_eq(run(&t, &f, false), AN_E_DATA);
    WANT_STATES(&t, before);
    f = good(0); /* the third part does not fit: two were written by then */
    ck_assert_int_eq(run(&t, &f, false), AN_E_DATA);
    ck_assert_ptr_nonnull(strstr(an_program_message(t.p), "start[0] is -1, outside 0..4"));
    WANT_STATES(&t, before);
    f = good(3); /* exp of large numbers: infinity */
    f.row = 3;
    ck_assert_int_eq(run(&t, &f, true), AN_E_DATA);
    ck_assert_ptr_nonnull(strstr(an_program_message(t.p), "is inf"));
    WANT_STATES(&t, before);
    end(&t);
}
END_TEST

/* Found to be no number is what was written in place, or the state itself. */
START_TEST(test_the_blamed_value_is_looked_at_in_place)
{
    trial t = begin();
    const an_value a = an_update_slice(t.state[0], an_mul(t.part, t.factor), t.at, 0);
    an_updates_add(t.u, t.state[0], a);
    compile(&t, (an_value[]){an_sum_axes(a, AN_ALL_AXES, false)}, 1);
    ck_assert_int_eq(t.p->schedule.patch_count, 1);
    held before = states(&t);
    fed f = good(1);
    f.factor = 3e38f;
    ck_assert_int_eq(run(&t, &f, true), AN_E_DATA);
    ck_assert_msg(strstr(an_program_message(t.p), "(mul, made at") != NULL, "%s",
                  an_program_message(t.p));
    ck_assert_ptr_nonnull(strstr(an_program_message(t.p), "element 0 of 8 is inf"));
    WANT_STATES(&t, before);
    an_tensor bad = {0};
    ck_assert_int_eq(an_tensor_alloc(&bad, AN_F32, AN_EXTENTS(ROWS, WIDTH)), AN_OK);
    an_tensor_set(&bad, 5, NAN); /* where the part goes, so that only the old state shows it */
    an_tensor_set(&bad, 23, INFINITY);
    ck_assert_int_eq(an_store_set(t.s, "a", &bad), AN_OK);
    an_tensor_free(&bad);
    before = states(&t);
    f = good(1);
    ck_assert_int_eq(run(&t, &f, true), AN_E_DATA);
    ck_assert_msg(strstr(an_program_message(t.p), "first came state \"a\": element 5 of 24 is nan"),
                  "%s", an_program_message(t.p));
    WANT_STATES(&t, before);
    end(&t);
}
END_TEST

START_TEST(test_a_part_that_does_not_fit_writes_nothing)
{
    trial t = begin();
    an_updates_add(t.u, t.state[0], put(&t, t.state[0]));
    an_updates_add(t.u, t.state[1], put(&t, t.state[1]));
    compile(&t, NULL, 0);
    ck_assert_int_eq(t.p->schedule.patch_count, 2);
    const held before = states(&t);
    const int32_t outside[] = {-1, ROWS - PART + 1, ROWS, INT32_MIN, INT32_MAX};
    for (int i = 0; i < 5; i++) {
        fed f = good(0);
        f.at = outside[i];
        ck_assert_int_eq(run(&t, &f, i % 2), AN_E_DATA);
        ck_assert_ptr_nonnull(strstr(an_program_message(t.p), "outside 0..4"));
        WANT_STATES(&t, before);
    }
    end(&t);
}
END_TEST

/* ---- who needs what was there ------------------------------------------------ */

enum shape {
    FETCH_OLD, FETCH_NEW, FETCH_BETWEEN, SWAP, OTHERS, BOTH, READ_LATER, READ_AFTER, READ_ITSELF,
    VIEWED, STEP, UNCHANGED, SHAPES
};

/* How many parts are written in place, and how many states copied, in a program of that kind. */
static const struct { int64_t patches, copies; } expected[SHAPES] = {
    [FETCH_OLD] = {0, 1}, [FETCH_NEW] = {1, 0}, [FETCH_BETWEEN] = {0, 1}, [SWAP] = {0, 2},
    [OTHERS] = {0, 1}, [BOTH] = {1, 1}, [READ_LATER] = {1, 0}, [READ_AFTER] = {0, 1},
    [READ_ITSELF] = {0, 1}, [VIEWED] = {1, 0}, [STEP] = {0, 1}, [UNCHANGED] = {0, 0}};

static int make(trial *t, enum shape shape, an_value fetch[MOST_FETCHES])
{
    const an_value a = t->state[0], b = t->state[1];
    an_value new = put(t, shape == OTHERS ? b : a);
    fetch[0] = an_sum(new, 0);
    switch (shape) {
    case FETCH_OLD: fetch[0] = an_reshape(a, AN_SHAPE(WHOLE)); break;
    case FETCH_NEW: fetch[0] = new; break;
    case FETCH_BETWEEN:
        fetch[0] = new;
        new = put(t, new);
        break;
    case SWAP: an_updates_add(t->u, b, a); break;
    case BOTH: an_updates_add(t->u, b, new); break;
    case READ_LATER: fetch[0] = an_mul(an_sum(a, 0), an_sum(new, 0)); break;
    case READ_AFTER: fetch[0] = an_mul(a, new); break;
    case READ_ITSELF:
        new = an_update_slice(a, an_reshape(a, AN_SHAPE(ROWS, WIDTH)), an_sub(t->at, t->at), 0);
        fetch[0] = an_sum(new, 0);
        break;
    case VIEWED:
        new = an_update_slice(an_reshape(a, AN_SHAPE(WHOLE)), an_reshape(t->part, AN_SHAPE(-1)),
                              t->at, 0);
        fetch[0] = an_sum(new, 0);
        new = an_reshape(new, AN_SHAPE(ROWS, WIDTH));
        break;
    case STEP: {
        const an_value in[] = {b, a, t->factor};
        an_updates_add(t->u, b, an_emit(AN_HERE, AN_OP_sgd_step, in, 3, NULL));
        break;
    }
    default: break;
    }
    if (shape != UNCHANGED) an_updates_add(t->u, a, new);
    return 1;
}

static void fill_leaf(an_evaluation *e, const char *name, const an_tensor *t)
{
    const uint32_t leaf = an_graph_leaf(e->graph, name);
    if (leaf) memcpy(e->value[leaf].data, t->data, (size_t)an_tensor_bytes(t));
}

/* One run beside the interpreter's: what is fetched and the states afterwards. */
static void run_and_compare(const trial *t, const fed *f, uint64_t seed)
{
    an_evaluation e = {0};
    const int64_t none[] = {0};
    const an_graph *g = t->p->graph;
    ck_assert_int_eq(an_evaluation_begin(&e, g, none), AN_OK);
    const an_tensor part = an_tensor_borrow(AN_F32, AN_EXTENTS(PART, WIDTH), (void *)f->part);
    const an_tensor at = an_tensor_borrow(AN_I32, 0, NULL, (void *)&f->at);
    const an_tensor row = an_tensor_borrow(AN_I32, AN_EXTENTS(1), (void *)&f->row);
    const an_tensor factor = an_tensor_borrow(AN_F32, 0, NULL, (void *)&f->factor);
    fill_leaf(&e, "part", &part);
    fill_leaf(&e, "at", &at);
    fill_leaf(&e, "row", &row);
    fill_leaf(&e, "factor", &factor);
    for (int64_t i = 0; i < an_store_count(t->s); i++)
        fill_leaf(&e, an_store_name(t->s, i), an_store_view(t->s, an_store_name(t->s, i)));
    const held before = states(t);
    const an_status want = an_evaluation_run(&e);
    an_tensor out[MOST_FETCHES] = {{0}}, *outs[MOST_FETCHES];
    for (int i = 0; i < MOST_FETCHES; i++) outs[i] = i < g->output_count ? &out[i] : NULL;
    const an_status got = run_into(t, f, outs, MOST_FETCHES, false);
    ck_assert_msg(got == want, "seed %llu: %s", (unsigned long long)seed, an_program_message(t->p));
    if (got != AN_OK) WANT_STATES(t, before);
    for (int64_t i = 0; got == AN_OK && i < g->output_count; i++)
        ck_assert_msg(!memcmp(out[i].data, e.value[g->outputs[i].value].data,
                              (size_t)an_tensor_bytes(&out[i])),
                      "seed %llu: fetch %d differs", (unsigned long long)seed, (int)i);
    for (int64_t i = 0; got == AN_OK && i < g->commit_count; i++)
        ck_assert_msg(!memcmp(an_store_view(t->s, an_node_of(g, g->commits[i].state)->name)->data,
                              e.value[g->commits[i].value].data, sizeof(float) * WHOLE),
                      "seed %llu: state %d differs", (unsigned long long)seed, (int)i);
    for (int i = 0; i < MOST_FETCHES; i++) an_tensor_free(&out[i]);
    an_evaluation_free(&e);
}

START_TEST(test_whoever_needs_the_old_value_gets_it)
{
    for (int shape = 0; shape < SHAPES; shape++) {
        trial t = begin();
        an_value fetch[MOST_FETCHES];
        compile(&t, fetch, make(&t, (enum shape)shape, fetch));
        ck_assert_msg(t.p->schedule.patch_count == expected[shape].patches &&
                          t.p->schedule.write_count == expected[shape].copies,
                      "shape %d: %d in place, %d copied", shape, (int)t.p->schedule.patch_count,
                      (int)t.p->schedule.write_count);
        for (int32_t i = 0; i < 3; i++) {
            const fed f = good(i);
            run_and_compare(&t, &f, (uint64_t)shape);
        }
        end(&t);
    }
}
END_TEST

/* ---- random programs ----------------------------------------------------------- */

enum { VALUES = 14 };

/* Values [ROWS,WIDTH] made of the states and of each other; mostly parts are replaced of what came
 * of a state by such replacements, and mostly that becomes its new value. */
static trial draw(uint64_t seed)
{
    trial t = begin();
    an_test_random r = {seed};
    an_value v[VALUES] = {t.state[0], t.state[1], t.state[2]}, fetch[MOST_FETCHES];
    an_value now[3] = {v[0], v[1], v[2]};
    for (int i = 3; i < VALUES; i++) {
        const int64_t k = an_test_int(&r, 0, 2);
        const bool goes_on = an_test_int(&r, 0, 4) > 0;
        const an_value x = goes_on ? now[k] : v[an_test_int(&r, 0, i - 1)];
        const an_value y = v[an_test_int(&r, 0, i - 1)];
        switch (an_test_int(&r, 0, 9)) {
        case 0: v[i] = an_add(x, y); break;
        case 1: v[i] = an_neg(x); break;
        case 2: v[i] = an_update_slice(x, an_slice(y, 0, 1, 1 + PART, 1), t.at, 0); break;
        case 3:
            v[i] = an_update_slice(an_reshape(x, AN_SHAPE(2, 3, WIDTH)),
                                   an_reshape(an_slice(y, 0, 0, 2, 1), AN_SHAPE(2, 1, WIDTH)),
                                   an_sub(t.at, t.at), 1);
            v[i] = an_reshape(v[i], AN_SHAPE(ROWS, WIDTH));
            break;
        case 4: v[i] = an_add(x, may_fail(&t, y)); break;
        default: v[i] = put(&t, x); break;
        }
        if (goes_on && an_is_op(an_node_of(t.g, v[i].id), AN_OP_update_slice)) now[k] = v[i];
    }
    for (int i = 0; i < 3; i++)
        if (an_test_int(&r, 0, 9))
            an_updates_add(t.u, v[i],
                           an_test_int(&r, 0, 3) ? now[i] : v[an_test_int(&r, 0, VALUES - 1)]);
    const int count = (int)an_test_int(&r, 1, MOST_FETCHES);
    for (int i = 0; i < count; i++) {
        fetch[i] = v[an_test_int(&r, 0, VALUES - 1)];
        if (an_test_int(&r, 0, 1)) fetch[i] = an_sum(fetch[i], 0);
    }
    compile(&t, fetch, count);
    return t;
}

START_TEST(test_random_programs_give_the_interpreters_bits)
{
    int64_t patches = 0, chained = 0;
    for (uint64_t seed = 1; seed <= 400; seed++) {
        an_set_threads(1 + (int)(seed % 3));
        trial t = draw(seed);
        const an_run_schedule *s = &t.p->schedule;
        patches += s->patch_count;
        for (int64_t i = 1; i < s->patch_count; i++)
            chained += s->arguments[s->tasks[s->patches[i].task].arg] ==
                       s->arguments[s->tasks[s->patches[i - 1].task].arg];
        an_test_random r = {seed};
        for (int i = 0; i < 6; i++) {
            fed f = good((int32_t)an_test_int(&r, 0, ROWS - PART));
            if (i % 3 == 1) f.row = ROWS + 1;
            if (i == 5) f.at = ROWS - PART + 1;
            run_and_compare(&t, &f, seed);
        }
        end(&t);
    }
    an_set_threads(1);
    printf("%lld parts in place, %lld behind another\n", (long long)patches, (long long)chained);
    ck_assert_int_gt(patches, 100);
    ck_assert_int_gt(chained, 20);
}
END_TEST

/* ---- the plan's proof ------------------------------------------------------------ */

static bool holds(const trial *t, const an_plan *plan)
{
    an_error e = {0};
    return an_plan_check(&t->p->schedule, plan, &e) == AN_OK;
}

/* Of every patch: forgotten, of another task, kept nowhere, in a buffer of another type, outside
 * the slab, over something alive. */
static int64_t break_patches(trial *t, an_plan *plan)
{
    an_run_schedule *s = &t->p->schedule;
    int64_t broken = 0;
    s->patch_count--;
    ck_assert(!holds(t, plan));
    s->patch_count++;
    for (int64_t i = 0; i < s->patch_count; i++) {
        an_patch *patch = &s->patches[i], was = *patch;
        const uint32_t wrong[] = {0, (uint32_t)s->buffer_count + 1, s->buffer_of[1],
                                  s->arguments[s->tasks[was.task].arg]};
        for (int k = 0; k < 4; k++, broken++) {
            patch->kept = wrong[k];
            ck_assert(!holds(t, plan));
        }
        *patch = was;
        patch->task += patch->task > 0 ? -1 : 1;
        ck_assert(!holds(t, plan));
        *patch = was;
        int64_t *offset = &plan->offset[was.kept], before = *offset;
        const int64_t birth = s->tasks[was.task].wave;
        for (uint32_t b = 1; (int64_t)b <= s->buffer_count; b++) {
            const an_buffer *other = &s->buffers[b];
            if (b == was.kept || other->home != AN_HOME_SLAB || other->birth > s->gate ||
                other->death < birth) continue;
            *offset = plan->offset[b];
            ck_assert_msg(!holds(t, plan), "what is kept lies over buffer %u", b);
            broken++;
        }
        *offset = plan->slab_bytes;
        ck_assert(!holds(t, plan));
        *offset = before;
        ck_assert(holds(t, plan));
    }
    return broken;
}

START_TEST(test_parts_not_kept_are_rejected)
{
    int64_t broken = 0;
    for (uint64_t seed = 1; seed <= 100; seed++) {
        trial t = draw(seed);
        const fed f = good(1);
        ck_assert_int_eq(run(&t, &f, false), AN_OK);
        if (t.p->schedule.patch_count > 0) broken += break_patches(&t, t.p->plans[0]);
        end(&t);
    }
    ck_assert_int_gt(broken, 300);
}
END_TEST

/* Made in place by force, with what the part held kept: where somebody needs the old value, where
 * the op changes all of it, behind the gate, and where the state keeps its value. */
static void force(trial *t, int64_t task, an_plan *plan)
{
    an_run_schedule *s = &t->p->schedule;
    const an_node *n = &t->p->graph->nodes[s->tasks[task].node];
    const uint32_t was = s->arguments[s->tasks[task].arg + n->inputs];
    const uint32_t state = s->buffer_of[an_graph_leaf(t->p->graph, "a")];
    for (int64_t i = 0; i < s->argument_count; i++)
        if (s->arguments[i] == was) s->arguments[i] = state;
    for (int64_t i = 0; i < s->write_count; i++)
        if (s->writes[i].from == was) s->writes[i] = s->writes[--s->write_count];
    for (int64_t i = 0; i < t->p->graph->output_count; i++)
        if (s->fetches[i].buffer == was) s->fetches[i].buffer = state;
    const an_buffer kept = {AN_HOME_SLAB, n->in[1], s->tasks[task].wave, s->gate};
    s->buffers[was] = kept; /* its bytes are enough for a part */
    s->patches[s->patch_count++] = (an_patch){task, was};
    ck_assert(!holds(t, plan));
}

START_TEST(test_unlawful_places_are_rejected)
{
    static const enum shape shapes[] = {FETCH_OLD, FETCH_BETWEEN, SWAP,
                                        READ_AFTER, STEP, UNCHANGED};
    for (int i = 0; i < 6; i++) {
        trial t = begin();
        an_value fetch[MOST_FETCHES];
        compile(&t, fetch, make(&t, shapes[i], fetch));
        const fed f = good(1);
        ck_assert_int_eq(run(&t, &f, false), AN_OK);
        const an_run_schedule *s = &t.p->schedule;
        int64_t task = 0;
        while (!an_is_op(&t.p->graph->nodes[s->tasks[task].node], AN_OP_update_slice)) task++;
        ck_assert(holds(&t, t.p->plans[0]));
        force(&t, task, t.p->plans[0]);
        end(&t);
    }
}
END_TEST

/* ---- whoever else shares the states --------------------------------------------------- */

/* One program writes, another of another graph reads; then the file. */
START_TEST(test_programs_and_files_see_whole_runs)
{
    trial t = begin();
    const an_value a = put(&t, t.state[0]);
    an_updates_add(t.u, t.state[0], a);
    compile(&t, (an_value[]){may_fail(&t, a)}, 1);
    an_graph *g = an_graph_new("reader");
    const an_value same = an_state(g, "a", AN_F32, AN_SHAPE(ROWS, WIDTH),
                                   AN_INIT(AN_INIT_NORMAL, 0, 1));
    an_program *reader = an_compile(g, t.s, .fetch = {an_neg(same)});
    ck_assert_ptr_nonnull(reader);
    held want = states(&t);
    an_tensor out = {0};
    for (int32_t i = 0; i < 5; i++) {
        fed f = good(i);
        f.row = i % 2 ? ROWS : 0;
        ck_assert_int_eq(run(&t, &f, false), i % 2 ? AN_E_DATA : AN_OK);
        if (i % 2 == 0) replace(&want, 0, &f);
        ck_assert_int_eq(an_run(reader, .out = {&out}), AN_OK);
        for (int k = 0; k < WHOLE; k++)
            ck_assert_double_eq(an_tensor_get(&out, k), -(double)want.x[0][k]);
    }
    ck_assert_int_eq(an_checkpoint_save(t.s, "test_in_place.safetensors", NULL, 0), AN_OK);
    an_store *loaded = an_store_new(2);
    ck_assert_int_eq(an_checkpoint_load(loaded, "test_in_place.safetensors", NULL), AN_OK);
    ck_assert_mem_eq(an_store_view(loaded, "a")->data, want.x[0], sizeof want.x[0]);
    remove("test_in_place.safetensors");
    an_store_free(loaded);
    an_tensor_free(&out);
    an_program_free(reader);
    an_graph_free(g);
    end(&t);
}
END_TEST

/* A feed that shows the state would change under whoever reads it. */
START_TEST(test_a_feed_of_the_state_is_refused)
{
    trial t = begin();
    an_updates_add(t.u, t.state[0], put(&t, t.state[0]));
    compile(&t, NULL, 0);
    const int32_t at = 2, row = 0;
    const float factor = 1;
    an_tensor part = an_tensor_borrow(AN_F32, AN_EXTENTS(PART, WIDTH),
                                      an_store_view(t.s, "a")->data);
    const an_tensor places = an_tensor_borrow(AN_I32, 0, NULL, (void *)&at);
    const an_tensor rows = an_tensor_borrow(AN_I32, AN_EXTENTS(1), (void *)&row);
    const an_tensor factors = an_tensor_borrow(AN_F32, 0, NULL, (void *)&factor);
    ck_assert_int_eq(an_run(t.p, .feed = {{"part", &part}, {"at", &places}, {"row", &rows},
                                          {"factor", &factors}}), AN_E_ARGUMENT);
    ck_assert_ptr_nonnull(strstr(an_program_message(t.p), "shares memory with state \"a\""));
    end(&t);
}
END_TEST

/* A layer of attention with its cache, trained with it: keys and values of the state get gradients
 * and the cache is written in place, to the same bits as where its old value is fetched as well. */
START_TEST(test_a_cache_in_training)
{
    enum { B = 2, D = 8, CACHE = 5 };
    float loss[2][4];
    for (int plain = 0; plain < 2; plain++) {
        an_graph *g = an_graph_new("train");
        const an_value x = an_input(g, "x", AN_F32, AN_SHAPE(B, 1, D));
        const an_value position = an_input(g, "position", AN_I32, AN_SCALAR);
        const an_value y = an_nn_attention(x, .heads = 2, .cache = CACHE, .position = position);
        const an_value error = an_mse(y, x);
        const an_updates u = an_minimize(error, an_adam(.rate = 0.01f));
        an_store *s = an_store_new(3);
        an_value fetch[] = {error, an_graph_state(g, "attention/cache/k"),
                            an_graph_state(g, "attention/cache/v")};
        an_program *p = an_compile(g, s, .fetch_list = fetch, .fetch_count = plain ? 3 : 1,
                                   .update = u);
        ck_assert_msg(p != NULL, "%s", an_compile_message(g));
        ck_assert_int_eq(p->schedule.patch_count, plain ? 0 : 2);
        for (int32_t i = 0; i < 4; i++) {
            float data[B * D];
            for (int k = 0; k < B * D; k++) data[k] = (float)((k * 7 + i * 3) % 11) / 11;
            const an_tensor xs = an_tensor_borrow(AN_F32, AN_EXTENTS(B, 1, D), data);
            const an_tensor at = an_tensor_borrow(AN_I32, 0, NULL, (void *)&i);
            an_tensor out = an_tensor_borrow(AN_F32, 0, NULL, &loss[plain][i]);
            ck_assert_msg(an_run(p, .feed = {{"x", &xs}, {"position", &at}}, .out = {&out},
                                 .finite = true) == AN_OK, "%s", an_program_message(p));
        }
        an_program_free(p);
        an_store_free(s);
        an_graph_free(g);
    }
    ck_assert_mem_eq(loss[0], loss[1], sizeof loss[0]);
    ck_assert(loss[0][3] < loss[0][0]);
}
END_TEST

/* ---- memory ------------------------------------------------------------------------------ */

static void *count_resize(void *context, void *block, size_t size)
{
    ++*(int64_t *)context;
    if (size > 0) return realloc(block, size);
    free(block);
    return NULL;
}

/* Nor by runs that put back what they wrote. */
START_TEST(test_nothing_is_allocated_by_later_runs)
{
    int64_t calls = 0;
    an_set_allocator(&(an_allocator){count_resize, &calls});
    trial t = begin();
    const an_value a = put(&t, t.state[0]);
    an_updates_add(t.u, t.state[0], a);
    compile(&t, (an_value[]){may_fail(&t, a)}, 1);
    fed f = good(1);
    ck_assert_int_eq(run(&t, &f, false), AN_OK);
    const int64_t before = calls;
    for (int i = 0; i < 3; i++) ck_assert_int_eq(run(&t, &f, true), AN_OK);
    ck_assert_int_eq(calls, before);
    end(&t);
    an_set_allocator(NULL);
}
END_TEST

START_TEST(test_the_map_shows_what_is_kept)
{
    trial t = begin();
    const an_value a = put(&t, t.state[0]);
    an_updates_add(t.u, t.state[0], a);
    compile(&t, (an_value[]){an_sum(a, 0)}, 1);
    const fed f = good(1);
    ck_assert_int_eq(run(&t, &f, false), AN_OK);
    an_memory_map *map = an_memory_map_new(t.p, 0);
    const an_memory_box *box;
    const int64_t count = an_memory_map_boxes(map, &box);
    int found = 0;
    for (int64_t i = 0; i < count; i++) {
        if (strcmp(box[i].name, "old part of a")) continue;
        ck_assert_str_eq(box[i].op, "update_slice");
        ck_assert_int_eq(box[i].bytes, PART * WIDTH * 4);
        ck_assert_int_eq(box[i].death, t.p->schedule.gate);
        found++;
    }
    ck_assert_int_eq(found, 1);
    an_memory_map_free(map);
    ck_assert(an_work_bytes(&t.p->plans[0]->works[t.p->schedule.patches[0].task]) ==
              2.0 * PART * WIDTH * 4);
    end(&t);
}
END_TEST

AN_TEST_MAIN("in place", test_failed_runs_leave_states_as_they_were,
             test_overlapping_parts_are_put_back, test_the_blamed_value_is_looked_at_in_place,
             test_a_part_that_does_not_fit_writes_nothing,
             test_whoever_needs_the_old_value_gets_it,
             test_random_programs_give_the_interpreters_bits, test_parts_not_kept_are_rejected,
             test_unlawful_places_are_rejected, test_programs_and_files_see_whole_runs,
             test_a_feed_of_the_state_is_refused, test_a_cache_in_training,
             test_nothing_is_allocated_by_later_runs, test_the_map_shows_what_is_kept)
