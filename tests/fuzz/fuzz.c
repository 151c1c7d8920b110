/* fuzz.c -- see fuzz.h. The clock, the allocator that counts, and files in memory. */
#include "tests/fuzz/fuzz.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

static struct {
    int64_t inputs, good;
    int64_t held, base, most; /* bytes held now, before this input, at most by any */
    double began, slowest;            /* seconds of CPU time */
} seen;

/* ---- demands ----------------------------------------------------------- */

void an_fuzz_demand(bool holds, const char *what, const char *message)
{
    if (holds) return;
    fprintf(stderr, "demand: %s: %s\n", what, message ? message : "");
    abort();
}

void an_fuzz_demand_sane(an_status status, const char *what, const char *message)
{
    an_fuzz_demand(status != AN_E_INTERNAL && status != AN_E_MEMORY, what, message);
}

/* ---- time and memory --------------------------------------------------- */

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* One thread runs, so plain sums do. */
static void *resize(void *context, void *block, size_t size)
{
    (void)context;
    const int64_t before = block ? (int64_t)malloc_usable_size(block) : 0;
    an_fuzz_demand(seen.held - seen.base - before + (int64_t)size <= AN_FUZZ_BYTES, "memory",
                   "more than any of these inputs needs");
    void *made = NULL;
    if (size == 0) free(block);
    else if (!(made = realloc(block, size))) return NULL;
    seen.held += (made ? (int64_t)malloc_usable_size(made) : 0) - before;
    if (seen.held - seen.base > seen.most) seen.most = seen.held - seen.base;
    return made;
}

static void report(void)
{
    fprintf(stderr, "fuzz: %lld inputs, %lld good, ", (long long)seen.inputs, (long long)seen.good);
    fprintf(stderr, "slowest %.0f ms of CPU time, library held %.2f MiB\n", 1e3 * seen.slowest,
            (double)seen.most / 1048576);
}

void an_fuzz_begin(void)
{
    if (seen.inputs++ == 0) {
        const an_allocator counting = {resize, NULL};
        an_set_allocator(&counting);
        an_set_threads(1);
        atexit(report);
    }
    seen.base = seen.held;
    seen.began = now();
}

void an_fuzz_good(void)
{
    seen.good++;
}

void an_fuzz_end(void)
{
    const double took = now() - seen.began;
    if (took > seen.slowest) seen.slowest = took;
}

/* ---- inputs ------------------------------------------------------------ */

char *an_fuzz_string(const uint8_t *data, size_t size)
{
    char *const string = malloc(size + 1);
    an_fuzz_demand(string, "memory", "none for the input");
    if (size > 0) memcpy(string, data, size);
    string[size] = 0;
    return string;
}

/* One file for the whole process: making one takes longer than most inputs do. */
const char *an_fuzz_file(const void *bytes, size_t size)
{
    static int fd = -1;
    static char path[40];
    if (fd < 0) fd = memfd_create("input", MFD_CLOEXEC);
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    an_fuzz_demand(fd >= 0 && ftruncate(fd, 0) == 0 && pwrite(fd, bytes, size, 0) == (ssize_t)size,
                   "a file in memory", "cannot be written");
    return path;
}

uint64_t an_fuzz_hash(const uint8_t *data, size_t size)
{
    uint64_t hash = 0xcbf29ce484222325;
    for (size_t i = 0; i < size; i++) hash = (hash ^ data[i]) * 0x100000001b3;
    return hash ^ hash >> 29;
}
