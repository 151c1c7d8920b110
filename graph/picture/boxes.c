/* boxes.c -- which nodes a box of a picture stands for, said in the picture itself.
 *
 * Pages that answer when a box is pointed at read this back from the SVG: whichever form of a view
 * Graphviz was content with, its boxes and their nodes are those that are drawn.              */
#include "graph/picture/view.h"

void an_view_id(const an_view *v, const char *side, uint32_t unit, an_text *out)
{
    static const char kinds[] = "nsopg"; /* as an_unit_kind has them */
    const an_unit *u = &v->units[unit];
    int deep = 0, length;
    if (u->kind == AN_UNIT_SCOPE) {
        const char *scope = an_view_scope(v->g, &v->g->nodes[u->first], &length);
        deep = an_view_levels(scope, an_view_cut(v, scope, length));
    }
    an_text_addf(out, ", id=\"%s%c%d", side, kinds[u->kind], deep);
    char before = ':';
    for (uint32_t i = u->first; i; i = u->kind == AN_UNIT_GHOST ? 0 : v->next_in_unit[i]) {
        an_text_addf(out, "%c%u", before, i);
        before = '.';
    }
    an_text_add(out, "\"");
}
