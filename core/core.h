/* core.h -- the vocabulary that every other folder is written in.
 *
 * Status codes, element types, shapes with named dimensions, tensors, and the
 * one process-wide runtime (allocator hook and thread count). Public, and
 * complete: nothing here knows about graphs or ops.
 *
 * Conventions that hold for the whole library
 *   - A function that can fail returns an `an_status`, or a pointer that is
 *     NULL on failure; the object it worked on keeps the message.
 *   - Every function takes NULL where it takes a pointer and answers with an
 *     error or does nothing.
 *   - Extents, counts and sizes are `int64_t`; sizes are in bytes.
 *   - The library never prints, exits, aborts or installs a signal handler.
 *   - Threads: an object is used by one thread at a time and different objects by
 *     any number; where more is allowed, its header says so. The allocator and the
 *     number of threads are to be set while nothing else is under way.       */
#ifndef AN_CORE_H
#define AN_CORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define AN_API __attribute__((visibility("default")))
#define AN_PRINTF(string, first) __attribute__((format(printf, string, first)))
#else
#define AN_API
#define AN_PRINTF(string, first)
#endif

/* ---- status ------------------------------------------------------------ */

/* What went wrong, printed as AN-E followed by three digits: core/status.def says what each means,
 * with an example and a way out. */
typedef enum an_status {
    AN_OK = 0,
#define AN_STATUS(name, number, phrase, meaning, example, out) AN_E_##name = (number),
#include "core/status.def"
#undef AN_STATUS
} an_status;

/* Returns a lower-case phrase such as "shapes differ", never NULL. */
AN_API const char *an_status_name(an_status status);
/* Several lines for people: what it means, an example, a way out. NULL for a number that is no
 * status. */
AN_API const char *an_status_explain(an_status status);

/* A place in the user's source; messages quote it. `file` must outlive its
 * use (string literals do). */
typedef struct an_at {
    const char *file;
    int line;
} an_at;

#define AN_HERE ((an_at){__FILE__, __LINE__})

/* ---- element types ----------------------------------------------------- */

typedef enum an_dtype {
    AN_F32 = 0, /* IEEE single: the fast path */
    AN_F64 = 1, /* IEEE double: for checking, computed in double throughout */
    AN_I32 = 2, /* indices */
    AN_I64 = 3, /* indices and counters */
    AN_BOOL = 4 /* one byte, 0 or 1 */
} an_dtype;
#define AN_DTYPES 5

AN_API size_t an_dtype_size(an_dtype dtype);      /* bytes; 0 for an unknown one */
AN_API const char *an_dtype_name(an_dtype dtype); /* "f32", ...; "?" for an unknown one */
AN_API bool an_dtype_is_float(an_dtype dtype);    /* f32 or f64 */
/* Whether the type has that number, rounded but not lost: what is finite stays finite, what is not
 * 0 stays so, and integers and bools take nothing but their own. NaN and inf are floats. */
AN_API bool an_dtype_holds(an_dtype dtype, double value);

/* ---- dimensions and shapes --------------------------------------------- */

/* A dimension as a graph sees it. Zero or positive: the extent itself. At or
 * below AN_DIM_SYMBOLIC: an entry in the graph's table of named dimensions and
 * of what is computed from them (2*B*T, T+1); the table interns, so two
 * dimensions are equal exactly if their numbers are. Other negative numbers are
 * errors, so that slips like AN_SHAPE(B, -3) and AN_SHAPE(B, T + 1), which is written
 * an_dim_plus(g, T, 1), are caught. */
typedef int64_t an_dim;
#define AN_DIM_SYMBOLIC (-((an_dim)1 << 40))
#define AN_DIM_REST ((an_dim)-1) /* reshape only: "whatever is left over" */

#define AN_MAX_RANK 8

typedef struct an_shape {
    int rank; /* 0 for a scalar */
    an_dim dim[AN_MAX_RANK];
} an_shape;

/* AN_SHAPE(B, T, 64); a scalar is AN_SCALAR. Too many dims do not compile. */
#define AN_SHAPE(...)                                                                              \
    ((an_shape){(int)(sizeof((an_dim[]){__VA_ARGS__}) / sizeof(an_dim)), {__VA_ARGS__}})
#define AN_SCALAR ((an_shape){0, {0}})

/* A value's type: what `f32[B, T, 64]` says. */
typedef struct an_type {
    an_dtype dtype;
    an_shape shape;
} an_type;

/* ---- tensors ----------------------------------------------------------- */

/* A dense row-major array. Zero-initialised, it is an empty tensor that calls
 * which produce one (an_run's `.out`) will allocate. `data` either belongs to
 * the tensor (`capacity` > 0: free it with an_tensor_free) or is borrowed. */
typedef struct an_tensor {
    an_dtype dtype;
    int rank;
    int64_t extent[AN_MAX_RANK];
    void *data;
    int64_t capacity; /* bytes owned at `data`; 0 if borrowed or empty, below 0 if read only */
} an_tensor;

/* AN_EXTENTS(2, 3) gives the `rank, extents` pair of arguments. */
#define AN_EXTENTS(...)                                                                            \
    (int)(sizeof((const int64_t[]){__VA_ARGS__}) / sizeof(int64_t)), (const int64_t[]){__VA_ARGS__}

/* Makes `t` own zeroed memory of that type, 64-byte aligned, reusing what it
 * owns already if that is large enough. Fails with AN_E_MEMORY, AN_E_LIMIT
 * (negative extent, overflow), AN_E_STATE (it borrows) or AN_E_ARGUMENT, and
 * then leaves `t` alone. `extent` may be NULL when `rank` is 0. */
AN_API an_status an_tensor_alloc(an_tensor *t, an_dtype dtype, int rank, const int64_t *extent);

/* A tensor that borrows `data`, which must outlive it. No copy, cannot fail. */
AN_API an_tensor an_tensor_borrow(an_dtype dtype, int rank, const int64_t *extent, void *data);
/* The same of data that must not change: it can be fed and read. Whatever would write into it
 * refuses it (AN_E_STATE), and an_tensor_set does nothing. */
AN_API an_tensor an_tensor_view(an_dtype dtype, int rank, const int64_t *extent, const void *data);

/* Releases what `t` owns and makes it empty. */
AN_API void an_tensor_free(an_tensor *t);

AN_API int64_t an_tensor_count(const an_tensor *t); /* elements; 1 for a scalar, 0 for NULL */
AN_API int64_t an_tensor_bytes(const an_tensor *t); /* count times element size */

/* Reads or writes element `i` in row-major order, converting. Out of range, get
 * gives NaN and set does nothing. i64 values beyond 2^53 lose their low bits. The
 * memory of a borrowed tensor need not be aligned. */
AN_API double an_tensor_get(const an_tensor *t, int64_t i);
AN_API void an_tensor_set(an_tensor *t, int64_t i, double value);

/* Makes `to` an owned copy of `from` (see an_tensor_alloc for errors). */
AN_API an_status an_tensor_copy(an_tensor *to, const an_tensor *from);

/* ---- the runtime ------------------------------------------------------- */

/* The one process-wide object: the allocator hook, the kernels chosen for this
 * CPU, the thread pool and OpenBLAS, which is told to use one thread a call
 * (our pool splits the work). It starts by itself at the first need. */

/* Every allocation of the library goes through one function: `block` NULL
 * allocates, `size` 0 frees, otherwise it resizes; NULL means out of memory.
 * It must be thread-safe. */
typedef struct an_allocator {
    void *(*resize)(void *context, void *block, size_t size);
    void *context;
} an_allocator;

/* Replaces the allocator; NULL restores the C library's. Call it while no
 * object of the library is alive. */
AN_API void an_set_allocator(const an_allocator *allocator);
/* Memory from there, for libraries beside this one such as libaddnorm-mpi. NULL if out of memory,
 * or `size` <= 0 or absurd; then the block that was to be resized stays valid. */
AN_API void *an_alloc_zeroed(int64_t size);
AN_API void *an_resize(void *block, int64_t size);
AN_API void an_free(void *block); /* NULL is fine */

/* How many threads runs may use: 1 or more, or 0 for the number of CPUs this
 * process may run on (the default). No result depends on it. Not to be called
 * while a run is under way. */
AN_API void an_set_threads(int threads);
AN_API int an_threads(void);

/* One line on what computes here: kernels chosen, threads, BLAS, its core and
 * flavour. Points to static storage that the next call rewrites. */
AN_API const char *an_runtime_describe(void);

/* "0.2.0" */
AN_API const char *an_version(void);

#ifdef __cplusplus
}
#endif
#endif
