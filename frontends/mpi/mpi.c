/* mpi.c -- reductions by MPI, one after the other, in a thread beside the program.
 *
 * Rank r adds up the r-th part of the data: everybody sends it theirs (MPI_Ialltoallv), it adds
 * in the order of the ranks, and everybody gets the result (MPI_Iallgatherv). That moves
 * 2 (n - 1) / n of the bytes, the least there is (Thakur et al. 2005), and leaves the order of the
 * additions to us: MPI_Allreduce promises no bits. What is small goes whole to everybody at once,
 * added in the same order.
 *
 * Waiting gives the core away, since who computes may need it.                   */
#include "frontends/mpi/addnorm_mpi.h"

#include "core/memory.h"

#include <mpi.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <time.h>

#define SMALL 2048           /* elements; below, one round is cheaper than two */
#define PIECE (1 << 26)      /* elements that are under way at once: counts of MPI are ints */
#define EAGER 200            /* looks before a waiting thread sleeps ... */
#define NAP_NANOSECONDS 20000 /* ... so long */

typedef struct job {
    an_dtype dtype;
    char *data;
    int64_t count;
    bool averaged;
} job;

typedef struct ranks {
    an_communicator face; /* first: a user's pointer is ours */
    MPI_Comm exchange, votes;
    bool began_mpi;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t news;
    job *jobs; /* a ring: [ended, done) are done, [done, begun) to do */
    int64_t room, ended, done, begun;
    bool closing, lost;
    char *parts;           /* what all ranks sent */
    int64_t parts_bytes;
    int *counts, *places;  /* [2 * ranks] */
    an_mpi_figures figures;
} ranks;

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static bool wait_for(MPI_Request *request)
{
    for (int looks = 0;; looks++) {
        int done = 0;
        if (MPI_Test(request, &done, MPI_STATUS_IGNORE) != MPI_SUCCESS) return false;
        if (done) return true;
        if (looks < EAGER) sched_yield();
        else nanosleep(&(struct timespec){0, NAP_NANOSECONDS}, NULL);
    }
}

/* ---- adding ------------------------------------------------------------------ */

static MPI_Datatype type_of(an_dtype dtype)
{
    switch (dtype) {
    case AN_F32: return MPI_FLOAT;
    case AN_F64: return MPI_DOUBLE;
    case AN_I32: return MPI_INT32_T;
    default: return MPI_INT64_T;
    }
}

/* to[i] = sum of from[r * apart + i] over r, in double, over `by`; or in 64 bits that wrap. */
#define ADD(name, type, wide, finish)                                                              \
    static void add_##name(const void *from, int64_t apart, int64_t count, int n, int by,          \
                           void *to)                                                               \
    {                                                                                              \
        const type *x = from;                                                                      \
        type *y = to;                                                                              \
        for (int64_t i = 0; i < count; i++) {                                                      \
            wide sum = 0;                                                                          \
            for (int r = 0; r < n; r++) sum += (wide)x[r * apart + i];                             \
            y[i] = (type)(finish);                                                                 \
        }                                                                                          \
    }
ADD(f32, float, double, sum / by)
ADD(f64, double, double, sum / by)
ADD(i32, int32_t, uint64_t, by ? sum : 0)
ADD(i64, int64_t, uint64_t, by ? sum : 0)

static void add(const job *j, const void *from, int64_t apart, int64_t count, int n, void *to)
{
    const int by = j->averaged ? n : 1;
    switch (j->dtype) {
    case AN_F32: add_f32(from, apart, count, n, by, to); break;
    case AN_F64: add_f64(from, apart, count, n, by, to); break;
    case AN_I32: add_i32(from, apart, count, n, by, to); break;
    default: add_i64(from, apart, count, n, by, to);
    }
}

/* ---- one reduction ------------------------------------------------------------- */

static bool reserve(ranks *c, int64_t bytes)
{
    if (bytes <= c->parts_bytes) return true;
    char *more = an_resize(c->parts, bytes);
    if (!more) return false;
    c->parts = more;
    c->parts_bytes = bytes;
    return true;
}

/* Everybody gets everything and adds for itself. */
static bool reduce_small(ranks *c, const job *j)
{
    const int n = c->face.ranks, count = (int)j->count;
    MPI_Request request;
    if (!reserve(c, j->count * n * (int64_t)an_dtype_size(j->dtype)) ||
        MPI_Iallgather(j->data, count, type_of(j->dtype), c->parts, count, type_of(j->dtype),
                       c->exchange, &request) != MPI_SUCCESS || !wait_for(&request))
        return false;
    add(j, c->parts, count, count, n, j->data);
    return true;
}

static bool reduce_large(ranks *c, const job *j)
{
    const int n = c->face.ranks, me = c->face.rank;
    const size_t size = an_dtype_size(j->dtype);
    int *count = c->counts, *place = c->places, *mine = count + n, *from = place + n;
    for (int r = 0; r < n; r++) {
        place[r] = (int)(j->count * r / n);
        count[r] = (int)(j->count * (r + 1) / n) - place[r];
    }
    for (int r = 0; r < n; r++) {
        mine[r] = count[me];
        from[r] = r * count[me];
    }
    char *part = j->data + (size_t)place[me] * size;
    MPI_Request request;
    if (!reserve(c, (int64_t)n * count[me] * (int64_t)size) ||
        MPI_Ialltoallv(j->data, count, place, type_of(j->dtype), c->parts, mine, from,
                       type_of(j->dtype), c->exchange, &request) != MPI_SUCCESS ||
        !wait_for(&request))
        return false;
    add(j, c->parts, count[me], count[me], n, part);
    return MPI_Iallgatherv(MPI_IN_PLACE, 0, MPI_DATATYPE_NULL, j->data, count, place,
                           type_of(j->dtype), c->exchange, &request) == MPI_SUCCESS &&
           wait_for(&request);
}

static bool reduce(ranks *c, const job *whole)
{
    const int64_t size = (int64_t)an_dtype_size(whole->dtype);
    bool good = true;
    for (int64_t at = 0; good && at < whole->count; at += PIECE) {
        job piece = *whole;
        piece.data += at * size;
        piece.count = whole->count - at < PIECE ? whole->count - at : PIECE;
        good = piece.count <= SMALL ? reduce_small(c, &piece) : reduce_large(c, &piece);
    }
    return good;
}

/* ---- the thread ------------------------------------------------------------------ */

static void *serve(void *context)
{
    ranks *c = context;
    pthread_mutex_lock(&c->lock);
    for (;;) {
        while (c->done == c->begun && !c->closing) pthread_cond_wait(&c->news, &c->lock);
        if (c->done == c->begun) break;
        const job j = c->jobs[c->done % c->room];
        const bool try = !c->lost;
        pthread_mutex_unlock(&c->lock);
        const double since = now();
        const bool good = try && (c->face.ranks == 1 || reduce(c, &j));
        const double took = now() - since;
        pthread_mutex_lock(&c->lock);
        c->figures.seconds += took;
        if (!good) c->lost = true;
        c->done++;
        pthread_cond_broadcast(&c->news);
    }
    pthread_mutex_unlock(&c->lock);
    return NULL;
}

/* Room for another; the ring is laid out anew, which its numbers tell no difference of. */
static bool grow(ranks *c)
{
    if (c->begun - c->ended < c->room) return true;
    const int64_t room = 2 * c->room;
    job *more = an_alloc_zeroed(room * (int64_t)sizeof *more);
    if (!more) return false;
    for (int64_t i = c->ended; i < c->begun; i++) more[i % room] = c->jobs[i % c->room];
    an_free(c->jobs);
    c->jobs = more;
    c->room = room;
    return true;
}

static bool begin(void *context, an_dtype dtype, void *data, int64_t count, bool averaged)
{
    ranks *c = context;
    pthread_mutex_lock(&c->lock);
    const bool good = !c->lost && grow(c);
    if (good) {
        c->jobs[c->begun++ % c->room] = (job){dtype, data, count, averaged};
        c->figures.reductions++;
        c->figures.bytes += count * (int64_t)an_dtype_size(dtype);
        pthread_cond_broadcast(&c->news);
    }
    pthread_mutex_unlock(&c->lock);
    return good;
}

static bool end(void *context)
{
    ranks *c = context;
    const double since = now();
    pthread_mutex_lock(&c->lock);
    while (c->done == c->ended) pthread_cond_wait(&c->news, &c->lock);
    c->ended++;
    const bool good = !c->lost;
    c->figures.waited += now() - since;
    pthread_mutex_unlock(&c->lock);
    return good;
}

static bool largest(void *context, uint64_t *words, int count)
{
    ranks *c = context;
    MPI_Request request;
    const double since = now();
    const bool good = c->face.ranks == 1 ||
                      (MPI_Iallreduce(MPI_IN_PLACE, words, count, MPI_UINT64_T, MPI_MAX, c->votes,
                                      &request) == MPI_SUCCESS && wait_for(&request));
    c->figures.waited += now() - since;
    return good;
}

/* ---- its life --------------------------------------------------------------------- */

static bool begin_mpi(ranks *c, int *argc, char ***argv)
{
    int begun = 0, level = 0;
    MPI_Initialized(&begun);
    c->began_mpi = !begun;
    if (begun) MPI_Query_thread(&level);
    else if (MPI_Init_thread(argc, argv, MPI_THREAD_MULTIPLE, &level) != MPI_SUCCESS) return false;
    return level >= MPI_THREAD_SERIALIZED;
}

static bool prepare(ranks *c)
{
    MPI_Comm_rank(MPI_COMM_WORLD, &c->face.rank);
    MPI_Comm_size(MPI_COMM_WORLD, &c->face.ranks);
    c->room = 16;
    c->jobs = an_alloc_zeroed(c->room * (int64_t)sizeof *c->jobs);
    c->counts = an_alloc_zeroed(4 * (int64_t)c->face.ranks * (int64_t)sizeof *c->counts);
    if (!c->jobs || !c->counts) return false;
    c->places = c->counts + 2 * c->face.ranks;
    return MPI_Comm_dup(MPI_COMM_WORLD, &c->exchange) == MPI_SUCCESS &&
           MPI_Comm_dup(MPI_COMM_WORLD, &c->votes) == MPI_SUCCESS;
}

an_communicator *an_mpi_open(int *argc, char ***argv)
{
    ranks *c = an_alloc_zeroed(sizeof *c);
    if (!c) return NULL;
    c->face = (an_communicator){c, 0, 1, begin, end, largest};
    pthread_mutex_init(&c->lock, NULL);
    pthread_cond_init(&c->news, NULL);
    if (begin_mpi(c, argc, argv) && prepare(c) && !pthread_create(&c->thread, NULL, serve, c))
        return &c->face;
    if (c->began_mpi) MPI_Finalize();
    an_free(c->jobs);
    an_free(c->counts);
    an_free(c);
    return NULL;
}

void an_mpi_close(an_communicator *face)
{
    ranks *c = face ? face->context : NULL;
    if (!c) return;
    pthread_mutex_lock(&c->lock);
    c->closing = true;
    pthread_cond_broadcast(&c->news);
    pthread_mutex_unlock(&c->lock);
    pthread_join(c->thread, NULL);
    MPI_Request request;
    if (MPI_Ibarrier(c->votes, &request) == MPI_SUCCESS) wait_for(&request);
    MPI_Comm_free(&c->exchange);
    MPI_Comm_free(&c->votes);
    if (c->began_mpi) MPI_Finalize();
    pthread_cond_destroy(&c->news);
    pthread_mutex_destroy(&c->lock);
    an_free(c->parts);
    an_free(c->jobs);
    an_free(c->counts);
    an_free(c);
}

void an_mpi_abort(an_communicator *face, int code)
{
    (void)face;
    MPI_Abort(MPI_COMM_WORLD, code);
}

an_mpi_figures an_mpi_measured(const an_communicator *face)
{
    ranks *c = face->context;
    pthread_mutex_lock(&c->lock);
    const an_mpi_figures figures = c->figures;
    pthread_mutex_unlock(&c->lock);
    return figures;
}
