/* facets.h -- what a node says by itself and what it computes, as numbers that graphs share. */
#ifndef AN_GRAPH_TEXT_FACETS_H
#define AN_GRAPH_TEXT_FACETS_H

#include "graph/ir.h"

/* Bytes, each once, with a number from 1. Zero-initialised, it is empty and ready. */
typedef struct an_book_entry {
    const void *data;
    int64_t size;
} an_book_entry;

typedef struct an_book {
    an_index by;
    an_arena arena;
    an_book_entry *at; /* [1 .. count] */
    uint32_t *list;    /* of numbers, being put together to be numbered itself */
    int64_t count, capacity, list_count, list_capacity;
    bool failed;       /* memory was out; sticky */
} an_book;

/* The number of these bytes; 0 if they are not in the book and are not to be added. */
uint32_t an_book_number(an_book *b, const void *data, int64_t size, bool add);
void an_book_push(an_book *b, uint32_t number);
uint32_t an_book_take(an_book *b, bool add); /* the number of the list, which is empty again */
void an_book_free(an_book *b);

typedef struct an_facet {
    uint32_t op, attrs, types, scope, label; /* label: a leaf's name, too */
    uint32_t value; /* the same for two nodes if these (but scope and label) and all operands are */
} an_facet;

/* Fills facets[number]; those of its operands are there. */
void an_facet_describe(an_book *b, const an_graph *g, uint32_t number, an_facet *facets);
/* An attribute's text as it is compared: axes count from the front, and ordinals (`order`) become
 * places among themselves. */
void an_attr_compared(const an_graph *g, const an_node *n, int id, an_text *out);

#endif
