/* diff.h -- what two graphs do not have in common, line by line. */
#ifndef AN_GRAPH_TEXT_DIFF_H
#define AN_GRAPH_TEXT_DIFF_H

#include "graph/ir.h"

typedef struct an_diff_row {
    char mark;           /* '-': only in the first graph; '+': only in the second; '~': changed */
    const char *kind;    /* "graph", "node", "output", "update" or "pending" */
    const char *line[2]; /* of the text of each graph, without its end; NULL: not in that graph */
    const char *differs; /* '~': in words, "eps 1e-05 -> 0.001; operand 1 %3 -> %4" */
} an_diff_row;

typedef struct an_diff {
    an_diff_row *rows; /* in the order of the second graph, what is gone before what follows it */
    int64_t count, capacity;
    an_arena arena;
} an_diff;

/* Fills `d`, which is zeroed; false if memory is out. Free it in either case. What is the same
 * node: twins.h. Numbers, ordinals, provenance, places in files and the order of lines are no
 * difference; names, scopes and labels are. */
bool an_diff_make(an_diff *d, const an_graph *a, const an_graph *b);
void an_diff_free(an_diff *d);

#endif
