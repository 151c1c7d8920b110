/* message.h -- how a graph words its errors. */
#ifndef AN_GRAPH_MESSAGE_H
#define AN_GRAPH_MESSAGE_H

#include "graph/ir.h"

/* A call that could not even be checked: "f.c:12: error AN-E002 [scope] add: ...". */
void an_message_call(an_graph *g, const an_spec *s, an_status status, const char *format, ...)
    AN_PRINTF(4, 5);
/* A refusal by an op's inference: adds every operand with its name, type and where
 * it was made, and the hint if there is one. */
void an_message_refusal(an_graph *g, const an_spec *s, an_status status, const char *why,
                        const char *hint);

#endif
