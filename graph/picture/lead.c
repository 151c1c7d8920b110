/* lead.c -- hints that lead Graphviz to set lanes side by side in their order.
 *
 * It sets clusters as arrows cross least, and takes no order. What leads it are invisible arrows
 * from lane to lane, between points above the lanes or between their first boxes; or lanes that are
 * listed last to first (AN_ORDER_REVERSED, in an_view_walk). Each way helps some pictures: of 225
 * views of scopes and surroundings, 22 had lanes in another order without, 10 of these with the
 * first hint as well, 2 with all of them.                                     */
#include "graph/picture/beside.h"

/* The first box of a lane behind another; 0: there is none. */
static uint32_t next_of_lane(const an_view *v, unsigned phase, uint32_t u)
{
    for (u++; (int64_t)u <= v->unit_count; u++)
        if (v->units[u].phase == phase && v->units[u].kind != AN_UNIT_GHOST) return u;
    return 0;
}

/* A row of points, each with arrows to so many boxes of its lane. */
static void lead_from_above(const an_view *v, const char *prefix, int boxes, an_text *out)
{
    int before = -1;
    an_text_add(out, "  {rank=same;");
    for (unsigned p = 0; p < AN_PHASES; p++)
        if (next_of_lane(v, p, 0))
            an_text_addf(out, " %slead%u [shape=point, style=invis, width=0, height=0];", prefix,
                         p);
    an_text_add(out, "}\n");
    for (unsigned p = 0; p < AN_PHASES; p++) {
        uint32_t u = next_of_lane(v, p, 0);
        if (u && before >= 0)
            an_text_addf(out, "  %slead%d -> %slead%u [style=invis];\n", prefix, before, prefix, p);
        if (u) before = (int)p;
        for (int k = 0; u && k < boxes; k++, u = next_of_lane(v, p, u))
            an_text_addf(out, "  %slead%u -> %sn%u [style=invis, weight=0];\n", prefix, p, prefix,
                         u);
    }
}

static void lead_across(const an_view *v, const char *prefix, int weight, an_text *out)
{
    uint32_t last = 0;
    for (unsigned p = 0; p < AN_PHASES; p++) {
        const uint32_t first = next_of_lane(v, p, 0);
        if (first && last)
            an_text_addf(out, "  %sn%u -> %sn%u [style=invis, minlen=0, weight=%d];\n", prefix,
                         last, prefix, first, weight);
        if (first) last = first;
    }
}

void an_dot_lead(const an_view *v, const char *prefix, int order, an_text *out)
{
    switch (order) {
    case 1: lead_from_above(v, prefix, 1, out); break;
    case 3: lead_across(v, prefix, 1000, out); break;
    case 4: lead_across(v, prefix, 0, out); break;
    case 5: lead_from_above(v, prefix, 3, out); break;
    case 6: lead_from_above(v, prefix, 30, out); break;
    default: break;
    }
}
