/* memory.h -- allocation, arenas and checked size arithmetic.
 *
 * Nothing in the library multiplies or adds sizes by hand or calls malloc: it
 * comes here, so that an overflow is an error and a test can fail the n-th
 * allocation.                                                               */
#ifndef AN_CORE_MEMORY_H
#define AN_CORE_MEMORY_H

#include "core/core.h"

/* ---- checked arithmetic: false on overflow or a negative operand ------- */

bool an_mul_size(int64_t a, int64_t b, int64_t *product);
bool an_add_size(int64_t a, int64_t b, int64_t *sum);
bool an_round_up(int64_t size, int64_t to, int64_t *rounded); /* `to` a power of two */
/* Lays a block of a * b elements into scratch at a multiple of 64 bytes: returns its offset and
 * moves *used on; *used becomes -1 when a size overflows. */
int64_t an_lay_out(int64_t *used, int64_t a, int64_t b, int64_t element);
/* How many parts of `b` > 0 hold `a` >= 0. */
static inline int64_t an_ceil_div(int64_t a, int64_t b) { return a / b + (a % b != 0); }

/* The one door for the size of a tensor. Product of `rank` extents, 1 for rank 0; false if
 * one is negative or there are more than AN_MOST_ELEMENTS, extents of 0 counted as 1: then
 * no order of extents is better than another, every product of some of them fits, and so do
 * the bytes, whatever the element, with room for what is added to them. */
#define AN_MOST_ELEMENTS ((int64_t)1 << 59)
bool an_count_elements(int rank, const int64_t *extent, int64_t *count);

/* ---- the hook ---------------------------------------------------------- */

/* Uninitialised memory; NULL if out of memory or `size` <= 0 or absurd. */
void *an_alloc(int64_t size);
/* an_alloc_zeroed, an_resize and an_free are public (core.h). */
#define AN_LARGE_PAGE ((int64_t)2 << 20)
/* 64-byte aligned; freed with an_free_aligned only. From AN_LARGE_PAGE on it is aligned to that,
 * and the system is asked for large pages. */
void *an_alloc_aligned(int64_t size);
void an_free_aligned(void *block);

/* Grows an array of `width`-byte elements so that it holds `need`; doubles.
 * On failure false, and array and capacity are unchanged.
 *     if (!AN_GROW(list->items, list->capacity, list->count + 1)) return AN_E_MEMORY; */
bool an_grow(void **array, int64_t *capacity, int64_t need, int64_t width);
#define AN_GROW(array, capacity, need)                                                             \
    an_grow((void **)&(array), &(capacity), (need), (int64_t)sizeof *(array))

/* Room for a few things on the stack, for many on the heap: lists of operands and results have
 * whatever length an op gives them. Closing is enough, whatever came before. */
typedef struct an_room {
    _Alignas(16) unsigned char few[1280]; /* sixteen types, and more of anything smaller */
    void *many;
} an_room;
/* `count` things of `size` bytes, zeroed; NULL if memory is out. */
void *an_room_open(an_room *r, int64_t count, int64_t size);
void an_room_close(an_room *r);

/* ---- what is lost ------------------------------------------------------ */

/* What a string is read as that could not be made (an_text_view): it says so, no name or message
 * of anybody's holds it, and nothing keeps it. An arena refuses it, a text that takes it in is lost
 * itself, and an error that holds it is AN_E_MEMORY. So a caller may pass on what it was given. */
extern const char an_lost[];
bool an_is_lost(const char *string); /* it is that, or holds it; false for NULL */

/* ---- arenas ------------------------------------------------------------ */

/* Memory that dies all at once. Zero-initialised, it is empty and ready. */
typedef struct an_arena {
    struct an_arena_block *head;
} an_arena;

void *an_arena_alloc(an_arena *arena, int64_t size); /* zeroed, 16-byte aligned; NULL on failure */
void *an_arena_copy(an_arena *arena, const void *data, int64_t size);
char *an_arena_string(an_arena *arena, const char *text);            /* NULL gives NULL */
char *an_arena_text(an_arena *arena, const char *text, int64_t len); /* adds the final 0 */
/* Formatted text; NULL on failure, which a lost string is. */
char *an_arena_printf(an_arena *arena, const char *format, ...) AN_PRINTF(2, 3);
void an_arena_free(an_arena *arena);

#endif
