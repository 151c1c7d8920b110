/* canonicalise.c -- one spelling per meaning: axes are printed as they count, from the front and
 * in order, and nodes that only repeat a value (repeats.c) disappear. */
#include "graph/passes/rewrite.h"

static bool canonicalise(an_rewrite *rw, uint32_t number, void *context)
{
    (void)context;
    const an_node *n = &rw->from->nodes[number];
    const uint32_t repeated = an_rewrite_repeated(rw, n);
    if (repeated) {
        an_rewrite_replace(rw, number, repeated);
        return true;
    }
    if (!n->attrs->written) return false;
    an_attrs attrs = *n->attrs;
    attrs.written = NULL;
    an_rewrite_copy_with(rw, number, &attrs);
    return true;
}

an_status an_pass_canonicalise(an_rewrite *rw)
{
    return an_rewrite_each(rw, canonicalise, NULL);
}
