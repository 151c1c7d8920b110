/* test_collective.c -- runs that ranks make together, with threads for processes.
 *
 * The communicator here adds up when a reduction ends, and from its beginning to its end the data
 * are NaN: whoever reads them too early, or writes them, is seen.               */
#include "frontends/addnorm.h"
#include "core/pool.h"
#include "tests/support.h"

#include <math.h>
#include <pthread.h>

#define RANKS 3
#define PENDING 64

typedef struct pending {
    an_dtype dtype;
    void *data;
    int64_t count;
    bool averaged;
    void *own; /* what was there */
} pending;

typedef struct meeting {
    pthread_barrier_t barrier;
    int ranks;
    const pending *now[RANKS];
    const uint64_t *words[RANKS];
    int reductions, most; /* rank 0's; how many were under way at once */
    bool lost;
} meeting;

typedef struct seat {
    meeting *all;
    int rank;
    pending queue[PENDING];
    int begun, ended;
    an_communicator communicator;
} seat;

static bool begin(void *context, an_dtype dtype, void *data, int64_t count, bool averaged)
{
    seat *s = context;
    const size_t bytes = (size_t)count * an_dtype_size(dtype);
    ck_assert(s->begun - s->ended < PENDING);
    pending *p = &s->queue[s->begun++ % PENDING];
    *p = (pending){dtype, data, count, averaged, malloc(bytes + 1)};
    memcpy(p->own, data, bytes);
    memset(data, 0xff, bytes);
    if (s->rank == 0) s->all->reductions++;
    if (s->rank == 0 && s->begun - s->ended > s->all->most) s->all->most = s->begun - s->ended;
    return true;
}

static void add_up(const meeting *m, const pending *p)
{
    an_tensor to = {.dtype = p->dtype, .rank = 1, .extent = {p->count}, .data = p->data};
    for (int64_t i = 0; i < p->count; i++) {
        double sum = 0;
        for (int r = 0; r < m->ranks; r++) {
            const an_tensor from = {.dtype = p->dtype, .rank = 1, .extent = {p->count},
                                    .data = m->now[r]->own};
            sum += an_tensor_get(&from, i);
        }
        an_tensor_set(&to, i, p->averaged ? sum / m->ranks : sum);
    }
}

static bool end(void *context)
{
    seat *s = context;
    pending *p = &s->queue[s->ended++ % PENDING];
    const unsigned char *untouched = p->data;
    for (size_t i = 0; i < (size_t)p->count * an_dtype_size(p->dtype); i++)
        ck_assert_msg(untouched[i] == 0xff, "written while it was under way");
    s->all->now[s->rank] = p;
    pthread_barrier_wait(&s->all->barrier);
    for (int r = 0; r < s->all->ranks; r++) ck_assert_int_eq(s->all->now[r]->count, p->count);
    add_up(s->all, p);
    pthread_barrier_wait(&s->all->barrier);
    free(p->own);
    return true;
}

static bool largest(void *context, uint64_t *words, int count)
{
    seat *s = context;
    if (s->all->lost) return false;
    uint64_t most[8] = {0};
    s->all->words[s->rank] = words;
    pthread_barrier_wait(&s->all->barrier);
    for (int r = 0; r < s->all->ranks; r++)
        for (int i = 0; i < count; i++)
            if (s->all->words[r][i] > most[i]) most[i] = s->all->words[r][i];
    pthread_barrier_wait(&s->all->barrier);
    memcpy(words, most, (size_t)count * sizeof *words);
    pthread_barrier_wait(&s->all->barrier);
    return true;
}

/* ---- ranks as threads ---------------------------------------------------------- */

typedef struct rank rank;
typedef void (*work)(rank *r);

struct rank {
    seat seat;
    work work;
    const char *passes;
    int steps, fault_at; /* a step in which rank 1's data are wrong; -1: none */
    int fault;
    an_status status[8];
    char message[8][512], hash[8][65];
    double loss[8];
};

static void *enter(void *context)
{
    rank *r = context;
    r->work(r);
    return NULL;
}

static void meet(rank *r, int ranks, meeting *m)
{
    pthread_t thread[RANKS];
    *m = (meeting){.ranks = ranks, .lost = m->lost};
    pthread_barrier_init(&m->barrier, NULL, (unsigned)ranks);
    for (int i = 0; i < ranks; i++) {
        r[i].seat = (seat){.all = m, .rank = i};
        r[i].seat.communicator = (an_communicator){&r[i].seat, i, ranks, begin, end, largest};
        ck_assert_int_eq(pthread_create(&thread[i], NULL, enter, &r[i]), 0);
    }
    for (int i = 0; i < ranks; i++) pthread_join(thread[i], NULL);
    pthread_barrier_destroy(&m->barrier);
}

/* ---- a net that all of them train ------------------------------------------------ */

#define ROWS 12 /* of all ranks together */
enum { NO_FAULT, BAD_ID, NOT_FED, NOT_FINITE, OTHER_EXTENT };

typedef struct net {
    an_graph *g;
    an_value loss;
    an_updates up;
} net;

static net describe(void)
{
    net n = {.g = an_graph_new("net")};
    const an_dim B = an_dim_named(n.g, "B");
    const an_value ids = an_input(n.g, "ids", AN_I32, AN_SHAPE(B));
    const an_value row = an_input(n.g, "row", AN_I64, AN_SCALAR);
    const an_value y = an_input(n.g, "y", AN_F32, AN_SHAPE(B, 4));
    an_graph_rows_from(n.g, row);
    an_value x = an_nn_embedding(ids, .vocab = 9, .units = 6);
    for (int i = 0; i < 3; i++)
        x = an_nn_residual(x, an_dropout(an_tanh(an_nn_dense(x, .units = 6)), 0.25));
    n.loss = an_mse(an_nn_dense(x, .units = 4), y);
    n.up = an_minimize(n.loss, an_adam(.rate = 1e-2), .clip_norm = 1, .all_reduce = true);
    n.loss = an_all_reduce(n.loss, true);
    ck_assert_msg(an_graph_status(n.g) == AN_OK, "%s", an_graph_message(n.g));
    return n;
}

/* Rows of one batch for all, drawn from the step. */
static void draw(int step, int32_t *ids, float *y)
{
    an_test_random random = {(uint64_t)step + 1};
    for (int i = 0; i < ROWS; i++) ids[i] = (int32_t)an_test_int(&random, 0, 8);
    for (int i = 0; i < 4 * ROWS; i++) y[i] = (float)an_test_uniform(&random, -1, 1);
}

static void step_once(rank *r, an_program *p, int step)
{
    int32_t ids[ROWS];
    float y[4 * ROWS];
    draw(step, ids, y);
    const int64_t rows = ROWS / r->seat.all->ranks;
    int64_t first = r->seat.rank * rows;
    const int fault = step == r->fault_at && r->seat.rank == 1 ? r->fault : NO_FAULT;
    if (fault == BAD_ID) ids[first] = 9;
    if (fault == NOT_FINITE) y[4 * first] = NAN;
    const int64_t given = fault == OTHER_EXTENT ? rows - 1 : rows;
    an_tensor id = {.dtype = AN_I32, .rank = 1, .extent = {given}, .data = ids + first};
    an_tensor at = {.dtype = AN_I64, .data = &first};
    an_tensor target = {.dtype = AN_F32, .rank = 2, .extent = {given, 4}, .data = y + 4 * first};
    an_tensor loss = {.dtype = AN_F32, .data = &(float){0}};
    r->status[step] = an_run(p, .feed = {{fault == NOT_FED ? "idle" : "ids", &id}, {"row", &at},
                                         {"y", &target}},
                             .out = {&loss}, .finite = true);
    r->loss[step] = an_tensor_get(&loss, 0);
    snprintf(r->message[step], sizeof r->message[step], "%s", an_program_message(p));
}

static void train(rank *r)
{
    net n = describe();
    an_store *store = an_store_new(7);
    an_program *p = an_compile(n.g, store, .fetch = {n.loss}, .update = n.up, .passes = r->passes,
                               .communicator = &r->seat.communicator);
    ck_assert_msg(p != NULL, "%s", an_compile_message(n.g));
    for (int i = 0; i < r->steps; i++) {
        step_once(r, p, i);
        ck_assert_int_eq(an_store_sha256(store, r->hash[i]), AN_OK);
    }
    an_program_free(p);
    an_store_free(store);
    an_graph_free(n.g);
}

static void train_all(rank *r, int ranks, const char *passes, meeting *m)
{
    memset(r, 0, RANKS * sizeof *r);
    for (int i = 0; i < ranks; i++) {
        r[i].work = train;
        r[i].passes = passes;
        r[i].steps = 3;
        r[i].fault_at = -1;
    }
    meet(r, ranks, m);
}

/* ---- what must hold --------------------------------------------------------------- */

START_TEST(test_equals_one)
{
    static rank one[RANKS], some[RANKS];
    meeting m = {0};
    train_all(one, 1, NULL, &m);
    for (int ranks = 2; ranks <= RANKS; ranks++) {
        train_all(some, ranks, NULL, &m);
        for (int i = 0; i < 3; i++)
            for (int k = 0; k < ranks; k++) {
                ck_assert_msg(some[k].status[i] == AN_OK, "%s", some[k].message[i]);
                ck_assert_str_eq(some[k].hash[i], some[0].hash[i]);
                ck_assert(some[k].loss[i] == some[0].loss[i]);
                ck_assert_msg(an_test_close(some[k].loss[i], one[0].loss[i], 1e-6),
                              "%d ranks, step %d: %.9g, alone %.9g", ranks, i, some[k].loss[i],
                              one[0].loss[i]);
            }
        ck_assert(strcmp(some[0].hash[0], some[0].hash[2]) != 0);
    }
}
END_TEST

/* 15 gradients and the loss: two messages a step, the loss's under way beside the backward phase,
 * and without the pass one each. The bits are the same. */
START_TEST(test_buckets)
{
    static rank plain[RANKS], joined[RANKS];
    meeting m = {0}, n = {0};
    train_all(plain, 3, "", &m);
    train_all(joined, 3, NULL, &n);
    for (int i = 0; i < 3; i++) ck_assert_str_eq(plain[2].hash[i], joined[2].hash[i]);
    ck_assert_int_eq(m.reductions, 3 * 16);
    ck_assert_int_eq(n.reductions, 3 * 2);
    ck_assert_int_eq(n.most, 2);
    ck_assert_int_eq(m.most, 15); /* the first to wait is the norm that clipping takes */
}
END_TEST

/* Rank 1's data are wrong in step 1: what it is told, and what the others are. */
static void expect_refused(int fault, an_status own, const char *words, an_status others,
                           const char *their_words)
{
    static rank r[RANKS];
    meeting m = {0};
    for (int i = 0; i < RANKS; i++)
        r[i] = (rank){.work = train, .steps = 4, .fault_at = 1, .fault = fault};
    meet(r, RANKS, &m);
    for (int i = 0; i < RANKS; i++) {
        ck_assert_int_eq(r[i].status[0], AN_OK);
        ck_assert_msg(r[i].status[1] == (i == 1 ? own : others), "rank %d: %s", i, r[i].message[1]);
        ck_assert_msg(strstr(r[i].message[1], i == 1 ? words : their_words), "rank %d: %s", i,
                      r[i].message[1]);
        ck_assert_str_eq(r[i].hash[0], r[i].hash[1]); /* nobody has committed it */
        ck_assert_int_eq(r[i].status[2], AN_OK);      /* and all go on */
        ck_assert_str_eq(r[i].hash[3], r[0].hash[3]);
        ck_assert(strcmp(r[i].hash[1], r[i].hash[2]) != 0);
    }
}

START_TEST(test_refusals)
{
    static const char told[] = "rank 1 refused the run";
    expect_refused(BAD_ID, AN_E_DATA, "is 9, outside 0..8", AN_E_RANK, told);
    expect_refused(NOT_FED, AN_E_FEED, "idle", AN_E_RANK, told);
    /* What is not finite reaches all, and each finds out how. */
    expect_refused(NOT_FINITE, AN_E_DATA, "feed \"y\"", AN_E_DATA, "all_reduce");
}
END_TEST

/* The loss adds up as many elements whatever the extents: no reason to refuse. */
START_TEST(test_uneven)
{
    static rank r[RANKS];
    meeting m = {0};
    for (int i = 0; i < RANKS; i++)
        r[i] = (rank){.work = train, .steps = 2, .fault_at = 1, .fault = OTHER_EXTENT};
    meet(r, RANKS, &m);
    for (int i = 0; i < RANKS; i++) ck_assert_msg(r[i].status[1] == AN_OK, "%s", r[i].message[1]);
}
END_TEST

static void add_rows(rank *r)
{
    an_graph *g = an_graph_new("rows");
    const an_value x = an_input(g, "x", AN_I64, AN_SHAPE(an_dim_named(g, "B")));
    an_store *store = an_store_new(1);
    an_program *p = an_compile(g, store, .fetch = {an_all_reduce(x, false)},
                               .communicator = &r->seat.communicator);
    int64_t data[] = {r->seat.rank, (int64_t)1 << 40, 3};
    an_tensor y = {0};
    for (int i = 0; i < 2; i++) {
        const int64_t rows = i == 1 && r->seat.rank == 2 ? 2 : 3;
        an_tensor fed = {.dtype = AN_I64, .rank = 1, .extent = {rows}, .data = data};
        r->status[i] = an_run(p, .feed = {{"x", &fed}}, .out = {&y});
        snprintf(r->message[i], sizeof r->message[i], "%s", an_program_message(p));
        for (int64_t n = 0; i == 0 && n < 3; n++) r->loss[n] = an_tensor_get(&y, n);
    }
    an_tensor_free(&y);
    an_program_free(p);
    an_store_free(store);
    an_graph_free(g);
}

START_TEST(test_sums)
{
    static rank r[RANKS];
    meeting m = {0};
    for (int i = 0; i < RANKS; i++) r[i] = (rank){.work = add_rows};
    meet(r, RANKS, &m);
    for (int i = 0; i < RANKS; i++) {
        ck_assert_msg(r[i].status[0] == AN_OK, "%s", r[i].message[0]);
        ck_assert(r[i].loss[0] == 3 && r[i].loss[1] == 3 * ldexp(1, 40) && r[i].loss[2] == 9);
        ck_assert_int_eq(r[i].status[1], AN_E_RANK);
        ck_assert_msg(strstr(r[i].message[1], "other extents"), "%s", r[i].message[1]);
    }
}
END_TEST

START_TEST(test_lost)
{
    static rank r[RANKS];
    meeting m = {.lost = true};
    r[0] = (rank){.work = train, .steps = 2, .fault_at = -1};
    meet(r, 1, &m);
    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(r[0].status[i], AN_E_RANK);
        ck_assert_msg(strstr(r[0].message[i], "is lost"), "%s", r[0].message[i]);
        ck_assert_str_eq(r[0].hash[i], r[0].hash[0]);
    }
}
END_TEST

/* Equal for every feed, on any number of ranks: so it is not x, though on one rank it is. */
START_TEST(test_proof)
{
    net n = describe();
    an_graph_output(n.loss, "loss");
    an_equivalence *e = an_equivalent(n.g, .gradients = true);
    ck_assert_int_eq(an_equivalence_rung(e), AN_RUNG_PROVED);
    an_equivalence_free(e);
    an_graph_free(n.g);
    an_graph *a = an_graph_new("a"), *b = an_graph_new("b");
    an_graph_output(an_all_reduce(an_input(a, "x", AN_F32, AN_SHAPE(4)), true), "y");
    an_graph_output(an_square(an_sqrt(an_square(an_input(b, "x", AN_F32, AN_SHAPE(4))))), "y");
    e = an_equivalent(a, .b = b);
    ck_assert_int_ne(an_equivalence_rung(e), AN_RUNG_PROVED);
    an_equivalence_free(e);
    an_graph_free(a);
    an_graph_free(b);
}
END_TEST

AN_TEST_MAIN("collective", test_equals_one, test_buckets, test_refusals, test_uneven, test_sums,
             test_lost, test_proof)
