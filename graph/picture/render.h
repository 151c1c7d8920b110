/* render.h -- a picture as a file, laid out by Graphviz if its ending asks for that. */
#ifndef AN_GRAPH_PICTURE_RENDER_H
#define AN_GRAPH_PICTURE_RENDER_H

#include "core/core.h"
#include "core/text.h"

/* What is asked of a picture's maker, and what it answers. */
typedef struct an_sketch {
    int simpler; /* Graphviz gave up on less simple ones: 0 to AN_SIMPLEST */
    int closed;  /* so many steps less open than the maker would choose by itself */
    int order;   /* by which hint Graphviz is led to set lanes in order: 0 to AN_ORDERS */
    bool ids;    /* boxes say which nodes they stand for (boxes.c) */
    bool closes; /* told: a step more is possible */
    bool paged;  /* told: it is as open as fits a page, and nobody asked for more */
    bool lanes;  /* told: it has lanes that should stand so, and is small enough to try again */
} an_sketch;

#define AN_ORDERS 6 /* hints, see lead.c; 0 is none */

#define AN_ORDER_REVERSED 2

/* What `make` says of `context`, as a file that is a picture by its ending. If Graphviz fails on it
 * or takes too long, simpler forms are asked for, and the message says so; if it is larger than
 * AN_SIDE either way, forms that are less open, and they say so themselves; if lanes stand in
 * another order than that of the phases, the same with hints. */
typedef char *(*an_picture_fn)(const void *context, an_sketch *sketch);
an_status an_picture_file(const char *path, an_picture_fn make, const void *context,
                          char *message, int64_t message_size);
/* The same as an SVG in memory, whose boxes have `ids`. */
an_status an_picture_svg(an_picture_fn make, const void *context, an_text *svg, char *message,
                         int64_t message_size);

/* A maker of pictures of one graph, of an_dot_args (dot.c) ... */
char *an_dot_sketch(const void *args, an_sketch *sketch);
/* ... and one of comparisons, of the arguments of an_equivalence_dot (graph/equal/). */
char *an_equivalence_sketch(const void *args, an_sketch *sketch);

#endif
