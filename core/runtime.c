/* runtime.c -- what this process computes with, decided once.
 *
 * The best instruction set the CPU has, the number of threads, and OpenBLAS set
 * to one thread a call, since our pool splits the work. Nothing here depends on
 * the environment, and nothing is written to it.                             */
#include "core/runtime.h"

#include <cblas.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define MOST_THREADS 256

/* OpenBLAS's answers to openblas_get_parallel(). */
enum { BLAS_SERIAL = 0, BLAS_PTHREAD = 1, BLAS_OPENMP = 2 };

typedef struct runtime {
    pthread_once_t once;
    pthread_mutex_t blas_lock;
    int blas_flavour;
    an_isa best;
    int cpus;
    char blas[128];
    atomic_int isa;     /* best, or what was forced */
    atomic_int threads; /* 0: as many as CPUs */
} runtime;

static runtime the = {.once = PTHREAD_ONCE_INIT, .blas_lock = PTHREAD_MUTEX_INITIALIZER};

/* ---- finding out ------------------------------------------------------- */

/* AVX-512 means the four parts that every CPU since Skylake-X has together;
 * kernels are compiled for exactly these. */
static an_isa best_isa(void)
{
#if defined(__x86_64__)
    __builtin_cpu_init();
    const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    if (avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512bw"))
        return AN_ISA_AVX512;
    if (avx2) return AN_ISA_AVX2;
#endif
    return AN_ISA_BASE;
}

/* The CPUs this process may run on, which is what a container or taskset
 * limits, not those the machine has. */
static int count_cpus(void)
{
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0) return CPU_COUNT(&set);
    const long online = sysconf(_SC_NPROCESSORS_ONLN); /* more CPUs than a cpu_set_t holds */
    return online > 0 && online < MOST_THREADS ? (int)online : 1;
}

/* Once, so that the description can be handed out without a lock. */
static void describe_blas(void)
{
    static const char *const flavours[] = {"serial", "pthread", "openmp"};
    const int flavour = the.blas_flavour;
    const char *config = openblas_get_config(); /* "OpenBLAS 0.3.21 NO_LAPACKE ..." */
    const size_t name = strcspn(config, " ");
    const size_t version = config[name] ? name + 1 + strcspn(config + name + 1, " ") : name;
    snprintf(the.blas, sizeof the.blas, "%.*s %s %s", (int)version, config, openblas_get_corename(),
             flavour >= 0 && flavour <= 2 ? flavours[flavour] : "unknown flavour");
}

static void start(void)
{
    the.best = best_isa();
    atomic_store(&the.isa, (int)the.best);
    const int cpus = count_cpus();
    the.cpus = cpus < 1 ? 1 : cpus > MOST_THREADS ? MOST_THREADS : cpus;
    the.blas_flavour = openblas_get_parallel();
    openblas_set_num_threads(1);
    describe_blas();
}

/* Every entry calls this: there is no init function to forget. */
static void ensure_started(void)
{
    pthread_once(&the.once, start);
}

/* ---- instruction set and threads --------------------------------------- */

an_isa an_runtime_isa(void)
{
    ensure_started();
    return (an_isa)atomic_load_explicit(&the.isa, memory_order_relaxed);
}

/* Down only: code for an instruction set the CPU lacks would be killed. */
bool an_runtime_force_isa(an_isa isa)
{
    ensure_started();
    if ((int)isa < 0 || isa > the.best) return false;
    atomic_store(&the.isa, (int)isa);
    return true;
}

const char *an_isa_name(an_isa isa)
{
    static const char *const names[AN_ISAS] = {"base", "avx2", "avx512"};
    return (unsigned)isa < AN_ISAS ? names[isa] : "?";
}

void an_set_threads(int threads)
{
    atomic_store(&the.threads, threads < 0 ? 0 : threads > MOST_THREADS ? MOST_THREADS : threads);
}

int an_threads(void)
{
    ensure_started();
    const int threads = atomic_load_explicit(&the.threads, memory_order_relaxed);
    return threads > 0 ? threads : the.cpus;
}

/* ---- OpenBLAS ---------------------------------------------------------- */

void an_blas_enter(void)
{
    ensure_started();
    if (the.blas_flavour == BLAS_PTHREAD) return;
    if (the.blas_flavour == BLAS_OPENMP) {
        /* OpenMP keeps its thread count per calling thread. */
        static _Thread_local bool told;
        if (!told) openblas_set_num_threads(1);
        told = true;
        return;
    }
    pthread_mutex_lock(&the.blas_lock); /* serial, or a flavour we do not know */
}

void an_blas_leave(void)
{
    if (the.blas_flavour == BLAS_PTHREAD || the.blas_flavour == BLAS_OPENMP) return;
    pthread_mutex_unlock(&the.blas_lock);
}

const char *an_blas_describe(void)
{
    ensure_started();
    return the.blas;
}

const char *an_runtime_describe(void)
{
    static char line[256];
    const int threads = an_threads();
    snprintf(line, sizeof line, "%s kernels, %d %s, %s", an_isa_name(an_runtime_isa()), threads,
             threads == 1 ? "thread" : "threads", an_blas_describe());
    return line;
}
