/* pool.c -- the thread pool: one job at a time, cut into chunks that threads claim.
 *
 * The invariant that carries everything: the job's fields change only while no
 * chunk of it is unclaimed or running. A claim is an atomic decrement of `left`
 * from above zero; whoever makes one may read the job until it has reported the
 * chunk done, since the caller returns only when `unfinished` is zero. A worker
 * that wakes late finds `left` at zero, touches nothing, and nobody waits for it.
 *
 * Refuses to nest and to queue: such calls run on the caller's own thread.   */
#include "core/pool.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>

#include "core/memory.h"

#define CHUNKS_PER_THREAD 8 /* so that uneven units still balance */
#define MOST_WORKERS 255

/* Waking a sleeping thread costs some 20 microseconds, and a training step asks
 * hundreds of times: so both sides wait awake for about as long as that. At first
 * with the CPU held, then offering it to others at each turn, so that on a loaded
 * machine the waiting takes nothing away from those who have work. */
#define SPINS 200
#define YIELDS 100

typedef struct pool {
    /* One user at a time; trylock decides. Also guards thread[] and workers. */
    pthread_mutex_t owner;
    pthread_t thread[MOST_WORKERS];
    int workers;

    /* The job. */
    an_unit_fn fn;
    void *context;
    int64_t units, chunk, chunks; /* `chunk` units each, the last one may have fewer */

    _Alignas(64) atomic_llong left; /* chunks nobody has claimed */
    _Alignas(64) atomic_llong unfinished; /* chunks not done */
    atomic_llong stolen;

    /* Sleeping. The counters let the awake side skip the lock. */
    _Alignas(64) pthread_mutex_t lock;
    pthread_cond_t work, done;
    atomic_int sleepers;
    atomic_bool waiting, stopping;
} pool;

#define POOL_AT_REST                                                                               \
    {.owner = PTHREAD_MUTEX_INITIALIZER, .lock = PTHREAD_MUTEX_INITIALIZER,                        \
     .work = PTHREAD_COND_INITIALIZER, .done = PTHREAD_COND_INITIALIZER}

static pool the = POOL_AT_REST;
static _Thread_local bool inside; /* this thread is running units */
static _Thread_local int number;  /* of this worker; 0: a caller */

/* The i-th turn of a loop that waits awake; false when it is time to sleep. */
static bool wait_awake(int i)
{
    if (i >= SPINS) sched_yield();
#if defined(__x86_64__)
    else __builtin_ia32_pause();
#elif defined(__aarch64__)
    else __asm__ volatile("yield");
#endif
    return i < SPINS + YIELDS;
}

/* ---- running chunks ---------------------------------------------------- */

/* Claims chunks until none is left. */
static void run_chunks(bool stealing)
{
    long long left = atomic_load(&the.left);
    while (left > 0) {
        if (!atomic_compare_exchange_weak(&the.left, &left, left - 1)) continue;
        const int64_t begin = (the.chunks - left) * the.chunk;
        const int64_t end = the.units - begin < the.chunk ? the.units : begin + the.chunk;
        inside = true;
        the.fn(the.context, begin, end);
        inside = false;
        if (stealing) atomic_fetch_add_explicit(&the.stolen, end - begin, memory_order_relaxed);
        /* Sequentially consistent with wait_until_done(): either the caller
         * sees zero, or this thread sees that the caller waits. */
        if (atomic_fetch_sub(&the.unfinished, 1) == 1 && atomic_load(&the.waiting)) {
            pthread_mutex_lock(&the.lock);
            pthread_cond_signal(&the.done);
            pthread_mutex_unlock(&the.lock);
        }
        left = atomic_load(&the.left);
    }
}

static void wait_until_done(void)
{
    for (int i = 0; wait_awake(i); i++)
        if (atomic_load_explicit(&the.unfinished, memory_order_acquire) == 0) return;
    pthread_mutex_lock(&the.lock);
    atomic_store(&the.waiting, true);
    while (atomic_load(&the.unfinished) != 0) pthread_cond_wait(&the.done, &the.lock);
    atomic_store(&the.waiting, false);
    pthread_mutex_unlock(&the.lock);
}

/* ---- workers ----------------------------------------------------------- */

/* Returns when there may be a chunk to claim, or the pool is stopping. */
static void wait_for_work(void)
{
    for (int i = 0; wait_awake(i); i++)
        if (atomic_load_explicit(&the.left, memory_order_relaxed) > 0) return;
    pthread_mutex_lock(&the.lock);
    atomic_fetch_add(&the.sleepers, 1);
    while (atomic_load(&the.left) == 0 && !atomic_load(&the.stopping))
        pthread_cond_wait(&the.work, &the.lock);
    atomic_fetch_sub(&the.sleepers, 1);
    pthread_mutex_unlock(&the.lock);
}

static void *worker(void *its_number)
{
    number = (int)(intptr_t)its_number;
    while (!atomic_load(&the.stopping)) {
        run_chunks(true);
        wait_for_work();
    }
    return NULL;
}

/* Needs the owner lock, and no job. */
static void stop_workers(void)
{
    pthread_mutex_lock(&the.lock);
    atomic_store(&the.stopping, true);
    pthread_cond_broadcast(&the.work);
    pthread_mutex_unlock(&the.lock);
    for (int i = 0; i < the.workers; i++) pthread_join(the.thread[i], NULL);
    the.workers = 0;
    atomic_store(&the.stopping, false);
}

/* The child of a fork has none of the threads, and locks in unknown states. The
 * forking thread itself may have been running a unit; it then stays serial. */
static void forget_workers(void)
{
    the = (pool)POOL_AT_REST;
}

static void watch_forks(void)
{
    pthread_atfork(NULL, NULL, forget_workers);
}

/* Brings the number of workers to `wanted`, or as near as the system allows. */
static void start_workers(int wanted)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    if (wanted > MOST_WORKERS) wanted = MOST_WORKERS;
    if (the.workers == wanted) return;
    pthread_once(&once, watch_forks);
    if (the.workers > wanted) stop_workers();

    /* Signals are for the user's threads: workers inherit an all-blocking mask. */
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    while (the.workers < wanted &&
           pthread_create(&the.thread[the.workers], NULL, worker,
                          (void *)(intptr_t)(the.workers + 1)) == 0)
        the.workers++;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

/* ---- the calls --------------------------------------------------------- */

/* Makes the job visible and wakes as many sleepers as it can use. */
static void publish(void)
{
    const int64_t chunks = the.chunks;
    atomic_store(&the.unfinished, chunks);
    atomic_store(&the.left, chunks);
    const int sleepers = atomic_load(&the.sleepers);
    if (sleepers == 0) return;
    pthread_mutex_lock(&the.lock);
    if (chunks > sleepers) pthread_cond_broadcast(&the.work);
    else
        for (int64_t i = 1; i < chunks; i++) pthread_cond_signal(&the.work);
    pthread_mutex_unlock(&the.lock);
}

void an_pool_run(int64_t units, an_unit_fn fn, void *context)
{
    if (units <= 0 || !fn) return;
    const int threads = an_threads();
    if (threads < 2 || units < 2 || inside || pthread_mutex_trylock(&the.owner) != 0) {
        fn(context, 0, units);
        return;
    }
    start_workers(threads - 1);
    const int64_t shares = (int64_t)(the.workers + 1) * CHUNKS_PER_THREAD;
    the.fn = fn;
    the.context = context;
    the.units = units;
    the.chunk = the.workers == 0 ? units : units / shares + (units % shares != 0);
    the.chunks = units / the.chunk + (units % the.chunk != 0);
    publish();
    run_chunks(false);
    wait_until_done();
    pthread_mutex_unlock(&the.owner);
}

int an_pool_thread(void)
{
    return number;
}

int64_t an_pool_stolen(void)
{
    return atomic_load(&the.stolen);
}

void an_pool_stop(void)
{
    if (inside) return;
    pthread_mutex_lock(&the.owner);
    stop_workers();
    pthread_mutex_unlock(&the.owner);
}
