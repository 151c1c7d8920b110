/* memory.c -- the only file that talks to an allocator.
 *
 * Every block comes from one hook, so a test can count blocks, fail the n-th
 * request, or give the library a heap of its own. A request that is not
 * positive, or larger than any machine serves, is refused before the hook sees
 * it: sizes computed from hostile files end here.                            */
#include "core/memory.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* ---- checked arithmetic ------------------------------------------------ */

bool an_mul_size(int64_t a, int64_t b, int64_t *product)
{
    int64_t result;
    if (a < 0 || b < 0 || __builtin_mul_overflow(a, b, &result)) return false;
    *product = result;
    return true;
}

bool an_add_size(int64_t a, int64_t b, int64_t *sum)
{
    int64_t result;
    if (a < 0 || b < 0 || __builtin_add_overflow(a, b, &result)) return false;
    *sum = result;
    return true;
}

bool an_round_up(int64_t size, int64_t to, int64_t *rounded)
{
    int64_t padded;
    if (to < 1 || (to & (to - 1)) != 0 || !an_add_size(size, to - 1, &padded)) return false;
    *rounded = padded & ~(to - 1);
    return true;
}

int64_t an_lay_out(int64_t *used, int64_t a, int64_t b, int64_t element)
{
    const int64_t offset = *used;
    int64_t size;
    if (offset < 0 || !an_mul_size(a, b, &size) || !an_mul_size(size, element, &size) ||
        !an_round_up(size, 64, &size) || !an_add_size(offset, size, used))
        *used = -1;
    return offset;
}

bool an_count_elements(int rank, const int64_t *extent, int64_t *count)
{
    if (rank < 0 || rank > AN_MAX_RANK || (rank > 0 && !extent)) return false;

    int64_t product = 1;
    bool empty = false;
    for (int i = 0; i < rank; i++) {
        if (extent[i] < 0) return false;
        if (extent[i] == 0) empty = true;
        else if (!an_mul_size(product, extent[i], &product)) return false;
        if (product > AN_MOST_ELEMENTS) return false;
    }
    *count = empty ? 0 : product;
    return true;
}

/* ---- the hook ---------------------------------------------------------- */

/* One TiB in one block is a mistake, not a wish. */
#define ALLOC_LIMIT ((int64_t)1 << 40)

static void *system_resize(void *context, void *block, size_t size)
{
    (void)context;
    if (size == 0) {
        free(block);
        return NULL;
    }
    return realloc(block, size);
}

static an_allocator hook = {system_resize, NULL};

void an_set_allocator(const an_allocator *allocator)
{
    hook = allocator && allocator->resize ? *allocator : (an_allocator){system_resize, NULL};
}

void *an_resize(void *block, int64_t size)
{
    if (size <= 0 || size >= ALLOC_LIMIT) return NULL;
    return hook.resize(hook.context, block, (size_t)size);
}

void *an_alloc(int64_t size)
{
    return an_resize(NULL, size);
}

void *an_alloc_zeroed(int64_t size)
{
    void *block = an_alloc(size);
    if (block) memset(block, 0, (size_t)size);
    return block;
}

void an_free(void *block)
{
    if (block) hook.resize(hook.context, block, 0);
}

#define ALIGNMENT 64 /* a cache line, and the widest vector */

/* Large pages, where the system gives them to those who ask: what streams through weights waits
 * for addresses to be translated else, on virtual machines half of its time. */
static void ask_large_pages(void *block, int64_t size)
{
#ifdef MADV_HUGEPAGE
    madvise(block, (size_t)(size / AN_LARGE_PAGE * AN_LARGE_PAGE), MADV_HUGEPAGE); /* a wish */
#else
    (void)block;
    (void)size;
#endif
}

/* The hook promises no alignment, so the block is padded, and the pointer to
 * free is kept just below the aligned address. */
void *an_alloc_aligned(int64_t size)
{
    const int64_t alignment = size >= AN_LARGE_PAGE ? AN_LARGE_PAGE : ALIGNMENT;
    int64_t padded;
    if (size <= 0 || !an_add_size(size, alignment + (int64_t)sizeof(void *), &padded)) return NULL;
    char *block = an_alloc(padded);
    if (!block) return NULL;
    const uintptr_t first = (uintptr_t)block + sizeof(void *), to = (uintptr_t)alignment;
    char *aligned = block + sizeof(void *) + (to - first % to) % to;
    memcpy(aligned - sizeof(void *), &block, sizeof block);
    if (size >= AN_LARGE_PAGE) ask_large_pages(aligned, size);
    return aligned;
}

void an_free_aligned(void *block)
{
    if (!block) return;
    void *start;
    memcpy(&start, (char *)block - sizeof start, sizeof start);
    an_free(start);
}

bool an_grow(void **array, int64_t *capacity, int64_t need, int64_t width)
{
    if (need <= *capacity) return true;

    int64_t wanted = *capacity > 0 ? *capacity : 4;
    while (wanted < need)
        if (!an_mul_size(wanted, 2, &wanted)) return false;
    int64_t bytes;
    if (!an_mul_size(wanted, width, &bytes)) return false;
    void *grown = an_resize(*array, bytes);
    if (!grown) return false;
    *array = grown;
    *capacity = wanted;
    return true;
}

void *an_room_open(an_room *r, int64_t count, int64_t size)
{
    int64_t bytes;
    r->many = NULL;
    if (!an_mul_size(count, size, &bytes)) return NULL;
    if (bytes <= (int64_t)sizeof r->few) return memset(r->few, 0, (size_t)bytes);
    return r->many = an_alloc_zeroed(bytes);
}

void an_room_close(an_room *r)
{
    an_free(r->many);
}

/* ---- what is lost ------------------------------------------------------ */

/* No byte 255 is in any UTF-8. */
const char an_lost[] = "\xff out of memory \xff";

bool an_is_lost(const char *string)
{
    return string && (string == an_lost || strstr(string, an_lost));
}

/* ---- arenas ------------------------------------------------------------ */

/* Blocks form a list, newest first; only the newest is carved from. Payload
 * starts right after the header, whose size keeps it 16-byte aligned. */
typedef struct an_arena_block {
    struct an_arena_block *next;
    int64_t used, size; /* payload bytes */
    int64_t pad;
} an_arena_block;

_Static_assert(sizeof(an_arena_block) % 16 == 0, "the payload must stay 16-byte aligned");

#define ARENA_FIRST 1024         /* payload of the first block; each next one doubles */
#define ARENA_MOST ((int64_t)1 << 20)

static an_arena_block *add_block(an_arena *arena, int64_t need)
{
    int64_t size = arena->head ? arena->head->size : ARENA_FIRST / 2;
    size = size < ARENA_MOST ? size * 2 : ARENA_MOST;
    if (size < need) size = need;
    int64_t bytes;
    if (!an_add_size(size, (int64_t)sizeof(an_arena_block), &bytes)) return NULL;
    an_arena_block *block = an_alloc(bytes);
    if (!block) return NULL;
    *block = (an_arena_block){.next = arena->head, .size = size};
    arena->head = block;
    return block;
}

void *an_arena_alloc(an_arena *arena, int64_t size)
{
    int64_t rounded;
    if (!arena || size < 0 || !an_round_up(size > 0 ? size : 1, 16, &rounded)) return NULL;
    an_arena_block *block = arena->head;
    if (!block || block->size - block->used < rounded) block = add_block(arena, rounded);
    if (!block) return NULL;
    char *start = (char *)(block + 1) + block->used;
    block->used += rounded;
    return memset(start, 0, (size_t)rounded);
}

void *an_arena_copy(an_arena *arena, const void *data, int64_t size)
{
    if (!data) return NULL;
    void *copy = an_arena_alloc(arena, size);
    if (copy && size > 0) memcpy(copy, data, (size_t)size);
    return copy;
}

char *an_arena_text(an_arena *arena, const char *text, int64_t len)
{
    int64_t bytes;
    if (!text || text == an_lost || !an_add_size(len, 1, &bytes)) return NULL;
    char *copy = an_arena_alloc(arena, bytes); /* zeroed: the final 0 is there */
    if (copy && len > 0) memcpy(copy, text, (size_t)len);
    return copy;
}

char *an_arena_string(an_arena *arena, const char *text)
{
    return text ? an_arena_text(arena, text, (int64_t)strlen(text)) : NULL;
}

char *an_arena_printf(an_arena *arena, const char *format, ...)
{
    va_list arguments, again;
    va_start(arguments, format);
    va_copy(again, arguments);
    const int length = vsnprintf(NULL, 0, format, arguments);
    char *text = length < 0 ? NULL : an_arena_alloc(arena, (int64_t)length + 1);
    if (text) vsnprintf(text, (size_t)length + 1, format, again);
    va_end(again);
    va_end(arguments);
    return an_is_lost(text) ? NULL : text;
}

void an_arena_free(an_arena *arena)
{
    if (!arena) return;
    while (arena->head) {
        an_arena_block *next = arena->head->next;
        an_free(arena->head);
        arena->head = next;
    }
}
