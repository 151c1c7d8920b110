/* dce.c -- drops every node that no output and no update needs. A pending update is needed if its
 * witness is.
 *
 * Leaves go too: a program only asks for the feeds and states that it uses.   */
#include "graph/passes/rewrite.h"

static bool drop(an_rewrite *rw, uint32_t number, void *context)
{
    (void)rw;
    return !((const bool *)context)[number];
}

an_status an_pass_dce(an_rewrite *rw)
{
    const an_graph *g = rw->from;
    bool *needed = an_alloc_zeroed(g->node_count + 1);
    if (!needed) return an_graph_fail(rw->to, (an_at){0}, AN_E_MEMORY, "out of memory");
    an_graph_mark_live(g, needed);
    const an_status status = an_rewrite_each(rw, drop, needed);
    an_free(needed);
    return status;
}
