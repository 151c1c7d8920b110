/* test_plan.c -- plans of random graphs hold, and the checker sees broken ones.
 *
 * Mutants are made where the damage is certain: bytes taken from a value that is
 * read later, an operand read elsewhere, an update left out. Not one may pass. */
#include "graph/run/plan.h"
#include "graph/run/slab.h"
#include "tests/graph/random_graph.h"

typedef struct planned {
    an_test_graph t;
    an_run_schedule s;
    an_plan *p;
} planned;

static planned make(uint64_t seed, int nodes)
{
    planned x = {.t = an_test_graph_make(seed, nodes)};
    an_graph *g = x.t.graph;
    for (int i = 0; i < AN_TEST_FETCHES; i++) {
        char name[20];
        snprintf(name, sizeof name, "fetch%d", i);
        ck_assert_int_eq(an_graph_output(x.t.fetch[i], name), AN_OK);
    }
    ck_assert_int_eq(an_run_schedule_make(&x.s, g, x.t.updates.id), AN_OK);
    const int64_t bound[] = {1 + (int64_t)(seed % 50)};
    an_error e = {0};
    x.p = an_plan_new(&x.s, bound, &e);
    ck_assert_msg(x.p != NULL, "seed %llu: %s", (unsigned long long)seed, e.text);
    return x;
}

static void drop(planned *x)
{
    an_plan_free(x->p);
    an_run_schedule_free(&x->s);
    an_graph_free(x->t.graph);
}

static bool holds(const planned *x)
{
    an_error e = {0};
    const an_status status = an_plan_check(&x->s, x->p, &e);
    ck_assert(status == AN_OK || status == AN_E_INTERNAL);
    ck_assert_int_eq(e.status, status);
    return status == AN_OK;
}

static bool in_slab(const planned *x, uint32_t b)
{
    return b && x->s.buffers[b].home == AN_HOME_SLAB;
}

START_TEST(test_random_plans_hold)
{
    double slab = 0, live = 0;
    for (uint64_t seed = 1; seed <= 150; seed++) {
        planned x = make(seed, (int)seed * 2);
        ck_assert(holds(&x));
        slab += (double)x.p->slab_bytes;
        live += (double)x.p->live_bytes;
        drop(&x);
    }
    printf("slab %.0f bytes for %.0f alive\n", slab, live);
    ck_assert(slab >= live);
    ck_assert(slab <= 1.5 * live);
}
END_TEST

/* ---- mutants ----------------------------------------------------------- */

/* Moves a buffer over one that is still read after it is born. */
START_TEST(test_overlap_is_rejected)
{
    int64_t tried = 0;
    for (uint64_t seed = 1; seed <= 40; seed++) {
        planned x = make(seed, 60);
        for (uint32_t a = 1; (int64_t)a <= x.s.buffer_count; a++)
            for (uint32_t b = 1; in_slab(&x, a) && (int64_t)b <= x.s.buffer_count; b++) {
                const an_buffer *first = &x.s.buffers[a], *second = &x.s.buffers[b];
                if (!in_slab(&x, b) || a == b || second->birth < first->birth ||
                    second->birth >= first->death)
                    continue;
                const int64_t before = x.p->offset[b];
                x.p->offset[b] = x.p->offset[a];
                ck_assert_msg(!holds(&x), "seed %llu: %u over %u", (unsigned long long)seed, b, a);
                x.p->offset[b] = before;
                tried++;
            }
        ck_assert(holds(&x));
        drop(&x);
    }
    ck_assert_int_gt(tried, 1000);
}
END_TEST

START_TEST(test_places_outside_are_rejected)
{
    planned x = make(3, 60);
    for (uint32_t b = 1; (int64_t)b <= x.s.buffer_count; b++) {
        if (!in_slab(&x, b)) continue;
        const int64_t before = x.p->offset[b], wrong[] = {before + 4, -64, x.p->slab_bytes};
        for (int i = 0; i < 3; i++) {
            x.p->offset[b] = wrong[i];
            ck_assert(!holds(&x));
        }
        x.p->offset[b] = before;
    }
    ck_assert(holds(&x));
    drop(&x);
}
END_TEST

/* Makes a task read another buffer than its operand's. */
START_TEST(test_a_wrong_operand_is_rejected)
{
    int64_t tried = 0;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        planned x = make(seed, 40);
        for (int64_t t = 0; t < x.s.task_count; t++) {
            const an_task *task = &x.s.tasks[t];
            for (int j = 0; j < x.t.graph->nodes[task->node].inputs; j++) {
                uint32_t *argument = &x.s.arguments[task->arg + j], before = *argument;
                if (!before) continue;
                /* Though its bytes may be the same: a run may make one of the two elsewhere. */
                *argument = before % (uint32_t)x.s.buffer_count + 1;
                ck_assert(!holds(&x));
                *argument = before;
                tried++;
            }
        }
        drop(&x);
    }
    ck_assert_int_gt(tried, 500);
}
END_TEST

/* Writes an output over an operand where the op's rules do not allow it. */
START_TEST(test_unlawful_sharing_is_rejected)
{
    int64_t tried = 0;
    for (uint64_t seed = 1; seed <= 40; seed++) {
        planned x = make(seed, 60);
        for (int64_t t = 0; t < x.s.task_count; t++) {
            const an_task *task = &x.s.tasks[t];
            const an_node *n = &x.t.graph->nodes[task->node];
            for (int j = 0; j < n->inputs; j++) {
                uint32_t *out = &x.s.arguments[task->arg + n->inputs], before = *out;
                const uint32_t operand = x.s.arguments[task->arg + j];
                if (!operand || !before || before == operand ||
                    n->op->rules->share[0] >> j & 1)
                    continue;
                *out = operand;
                ck_assert(!holds(&x));
                *out = before;
                tried++;
            }
        }
        drop(&x);
    }
    ck_assert_int_gt(tried, 100);
}
END_TEST

START_TEST(test_updates_left_out_or_early_are_rejected)
{
    int64_t dropped = 0, torn = 0;
    for (uint64_t seed = 1; seed <= 60; seed++) {
        planned x = make(seed, 20);
        if (x.s.write_count > 0) {
            x.s.write_count--;
            ck_assert(!holds(&x));
            x.s.write_count++;
            dropped++;
        }
        for (int64_t i = 0; i < x.s.write_count; i++) {
            const uint32_t kept = x.s.writes[i].kept;
            if (!kept) continue;
            x.s.writes[i].kept = 0; /* now a swap reads what its other half has written */
            ck_assert(!holds(&x));
            x.s.writes[i].kept = kept;
            torn++;
        }
        drop(&x);
    }
    ck_assert_int_gt(dropped, 30);
    ck_assert_int_gt(torn, 10);
}
END_TEST

START_TEST(test_a_wrong_order_is_rejected)
{
    int64_t tried = 0;
    for (uint64_t seed = 1; seed <= 40; seed++) {
        planned x = make(seed, 40);
        for (int64_t t = 1; t < x.s.task_count; t++) {
            an_task *a = &x.s.tasks[t - 1], *b = &x.s.tasks[t];
            const an_node *made = &x.t.graph->nodes[a->node], *user = &x.t.graph->nodes[b->node];
            bool depends = false;
            for (int j = 0; j < user->inputs; j++)
                depends |= user->in[j] >= made->first &&
                           user->in[j] < made->first + (uint32_t)made->outputs;
            if (!depends) continue;
            const an_task before_a = *a, before_b = *b;
            a->node = before_b.node;
            b->node = before_a.node;
            ck_assert(!holds(&x));
            *a = before_a;
            *b = before_b;
            tried++;
        }
        ck_assert(holds(&x));
        drop(&x);
    }
    ck_assert_int_gt(tried, 200);
}
END_TEST

/* ---- sharing and waves ------------------------------------------------- */

START_TEST(test_chains_share_one_buffer)
{
    an_graph *g = an_graph_new("chain");
    const an_value x = an_input(g, "x", AN_F32, AN_SHAPE(1000));
    an_value y = an_neg(x); /* the feed itself must not be overwritten */
    for (int i = 0; i < 10; i++) {
        const an_shape turned = i % 2 ? AN_SHAPE(1000, 1) : AN_SHAPE(500, 2);
        y = an_tanh(an_reshape(y, turned));
    }
    an_graph_output(y, "y");
    an_run_schedule s;
    an_error e = {0};
    ck_assert_int_eq(an_run_schedule_make(&s, g, 0), AN_OK);
    an_plan *p = an_plan_new(&s, NULL, &e);
    ck_assert_msg(p != NULL, "%s", e.text);
    ck_assert_int_eq(s.task_count, 11); /* a view runs no kernel */
    ck_assert_int_le(p->slab_bytes, 4096); /* tanh runs in place, through the views */
    an_plan_free(p);
    an_run_schedule_free(&s);
    an_graph_free(g);
}
END_TEST

/* How many of a schedule's updates are copied, when two optimizer steps share as
 * much as `shared` says: 0 nothing, 1 the second reads what the first updates, 2
 * the new value is read by another node. */
static int64_t copied_updates(int shared)
{
    an_graph *g = an_graph_new("steps");
    const an_init init = {AN_INIT_NORMAL, 0, 1};
    an_value w[4];
    for (int i = 0; i < 4; i++) {
        char name[16];
        snprintf(name, sizeof name, "w%d", i);
        w[i] = an_state(g, name, AN_F32, AN_SHAPE(100), init);
    }
    const an_value rate = an_fill(g, AN_F32, AN_SCALAR, 0.1);
    const an_value grad = an_input(g, "grad", AN_F32, AN_SHAPE(100));
    const an_attrs a = {.momentum = 0.5f};
    const an_value first[] = {w[0], grad, w[1], rate, AN_NONE};
    const an_value second[] = {w[2], shared == 1 ? w[1] : grad, w[3], rate, AN_NONE};
    const an_value x = an_emit(AN_HERE, AN_OP_momentum_step, first, 5, &a);
    const an_value y = an_emit(AN_HERE, AN_OP_momentum_step, second, 5, &a);
    an_updates u = an_updates_new(g, "u");
    for (int k = 0; k < 2; k++) an_updates_add(u, w[k], an_result(x, k));
    for (int k = 0; k < 2; k++) an_updates_add(u, w[2 + k], an_result(y, k));
    an_graph_output(w[0], "before");
    an_graph_output(x, "after");
    if (shared == 2) an_graph_output(an_neg(y), "used");
    ck_assert_str_eq(an_graph_message(g), "");
    an_run_schedule s;
    an_error e = {0};
    ck_assert_int_eq(an_run_schedule_make(&s, g, u.id), AN_OK);
    an_plan *p = an_plan_new(&s, (const int64_t[]){0}, &e);
    ck_assert_msg(p != NULL, "%s", e.text);
    ck_assert_int_eq(s.waves[s.gate + 1].count, shared == 2 ? 1 : 2); /* side by side */
    const int64_t copied = s.write_count;
    an_plan_free(p);
    an_run_schedule_free(&s);
    an_graph_free(g);
    return copied;
}

START_TEST(test_steps_write_over_their_states)
{
    ck_assert_int_eq(copied_updates(0), 0);
    ck_assert_int_eq(copied_updates(1), 1); /* w1: the second step reads the old one */
    ck_assert_int_eq(copied_updates(2), 2); /* w2, w3: their step runs before the gate */
}
END_TEST

START_TEST(test_slab_reuses_and_merges_holes)
{
    an_slab s = {0};
    int64_t at[4];
    for (int i = 0; i < 4; i++) ck_assert_int_eq(an_slab_take(&s, 100, &at[i]), AN_OK);
    ck_assert_int_eq(s.most, 4 * 128);
    ck_assert_int_eq(an_slab_give(&s, 100, at[0]), AN_OK);
    ck_assert_int_eq(an_slab_give(&s, 100, at[2]), AN_OK);
    ck_assert_int_eq(s.count, 2);
    ck_assert_int_eq(an_slab_give(&s, 100, at[1]), AN_OK);
    ck_assert_int_eq(s.count, 1); /* three touching holes are one */
    int64_t wide;
    ck_assert_int_eq(an_slab_take(&s, 3 * 128, &wide), AN_OK);
    ck_assert_int_eq(wide, 0);
    ck_assert_int_eq(an_slab_take(&s, 0, &wide), AN_OK); /* even nothing has an address */
    ck_assert_int_eq(wide, 4 * 128);
    ck_assert_int_eq(an_slab_take(&s, INT64_MAX, &wide), AN_E_LIMIT);
    ck_assert_int_eq(an_slab_take(&s, INT64_MAX - 300, &wide), AN_E_LIMIT);
    an_slab_free(&s);
}
END_TEST

AN_TEST_MAIN("plan", test_random_plans_hold, test_overlap_is_rejected,
             test_places_outside_are_rejected, test_a_wrong_operand_is_rejected,
             test_unlawful_sharing_is_rejected, test_updates_left_out_or_early_are_rejected,
             test_a_wrong_order_is_rejected, test_chains_share_one_buffer,
             test_steps_write_over_their_states, test_slab_reuses_and_merges_holes)
