/* intern.h -- a set of strings, numbered in the order they came.             */
#ifndef AN_FRONTENDS_TEXT_INTERN_H
#define AN_FRONTENDS_TEXT_INTERN_H

#include "core/memory.h"

typedef struct an_interned {
    const char *text; /* 0-terminated, in the set's arena */
    int64_t length;
    uint64_t hash;
} an_interned;

/* Zero-initialised, it is empty and ready. */
typedef struct an_strings {
    an_interned *items;
    int64_t count, capacity;
    int64_t *slots; /* 1 + number of an item, 0 where free; a power of two of them */
    int64_t slot_count;
    an_arena bytes;
} an_strings;

int64_t an_strings_find(const an_strings *s, const char *text, int64_t length); /* or -1 */
/* The number of the string, which is put in if it is new; -1 if memory is out. */
int64_t an_strings_add(an_strings *s, const char *text, int64_t length);
void an_strings_free(an_strings *s);

#endif
