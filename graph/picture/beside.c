/* beside.c -- how a comparison looks in the pictures of the graphs compared.
 *
 * An arrow stands for values, and has the colour of the worst of them. Colours alone
 * would lose what is grey in print: what differs is drawn thick, and says by how much. */
#include "graph/picture/beside.h"
#include "graph/picture/style.h"

#include <math.h>

const char *an_grade_color(an_grade grade)
{
    static const char *const color[AN_GRADES] = {"#b4b8bd", "#4d9e63", "#dba000", "#ef6c00",
                                                 "#d50000"};
    return color[grade];
}

/* The same, dark enough for words: a contrast of 4.5 on white and on every lane. */
const char *an_grade_text_color(an_grade grade)
{
    static const char *const color[AN_GRADES] = {"#5f6368", "#177a35", "#856100", "#a84f00",
                                                 "#c40000"};
    return color[grade];
}

static void worsen(an_ink *ink, const an_ink *other)
{
    if (other->grade > ink->grade) ink->grade = other->grade;
    if (!(other->ulp <= ink->ulp)) ink->ulp = other->ulp; /* a NaN is worse than any number */
}

an_ink an_beside_ink(const an_view *v, const an_beside *side, const an_edge *e)
{
    an_ink worst = {AN_GRADE_NONE, 0};
    if (e->kind == AN_EDGE_COMMIT) { /* it names the state, not what the state becomes */
        for (int64_t i = 0; i < v->g->commit_count; i++)
            if (v->g->commits[i].state == e->value[0])
                worsen(&worst, &side->ink[v->g->commits[i].value]);
        return worst;
    }
    for (uint32_t i = v->units[e->to].first; i; i = v->next_in_unit[i])
        for (int k = 0; k < v->g->nodes[i].inputs; k++) {
            const uint32_t in = v->g->nodes[i].in[k];
            if (in && v->unit_of[v->g->slots[in].node] == e->from) worsen(&worst, &side->ink[in]);
        }
    return worst;
}

void an_beside_say(const an_ink *ink, const char *before, an_text *out)
{
    if (ink->grade <= AN_GRADE_SAME) return;
    an_text_add(out, before);
    if (isfinite(ink->ulp)) an_text_addf(out, "%.3g ulp", ink->ulp);
    else an_text_add(out, "not finite in one");
}

void an_beside_arrow(const an_ink *ink, bool label, an_text *out)
{
    const char *color = an_grade_color(ink->grade);
    an_text_addf(out, "color=\"%s\", ", color);
    if (ink->grade <= AN_GRADE_SAME) return;
    an_text_addf(out, "penwidth=2.2, fontcolor=\"%s\", ",
                 an_grade_text_color(ink->grade));
    if (!label) return;
    an_text_add(out, "label=\"");
    an_beside_say(ink, " ", out);
    an_text_add(out, "\", ");
}

void an_beside_badge(const char *color, const char *head, const char *text, an_text *out)
{
    an_text_addf(out, "<TR><TD BGCOLOR=\"%s\" STYLE=\"ROUNDED\" CELLPADDING=\"6\">"
                      "<FONT COLOR=\"white\" POINT-SIZE=\"10\"><B>", color);
    an_dot_add_wrapped(out, head, 40, 1);
    an_text_add(out, "</B>");
    if (text[0]) an_text_add(out, "<BR/>");
    an_dot_add_wrapped(out, text, 42, 5);
    an_text_add(out, "</FONT></TD></TR>");
}

/* ---- the legend -------------------------------------------------------- */

#define BOX(fill, line, style)                                                                     \
    "<TABLE BORDER=\"1\" CELLBORDER=\"0\" COLOR=\"" line "\" BGCOLOR=\"" fill                      \
    "\" STYLE=\"" style "\"><TR><TD WIDTH=\"16\" HEIGHT=\"6\"></TD></TR></TABLE>"
#define LEGEND_COLUMNS 5

void an_beside_legend(an_text *out)
{
    static const struct { int arrow; const char *sample, *says; } legend[] = {
        {-1, BOX("white", "#d93025", "DASHED"), "removed"},
        {-1, BOX("#ffc15c", "#d35400", "SOLID"), "fused, with its members"},
        {-1, BOX("#b7e5c0", "#188038", "SOLID"), "new"},
        {-1, BOX(AN_BESIDE_REFUSED, AN_BESIDE_REFUSED, "SOLID"), "refused, and why"},
        {-1, BOX(AN_BESIDE_FIRST, AN_BESIDE_FIRST, "SOLID"), "an error comes in"},
        {AN_GRADE_SAME, NULL, "the same bits"},
        {AN_GRADE_ROUNDING, NULL, "differs by rounding"},
        {AN_GRADE_SUSPECT, NULL, "suspect"},
        {AN_GRADE_DIFFERENT, NULL, "different"},
        {AN_GRADE_NONE, NULL, "not compared"},
        {-1, "- - -", "kept for backward"},
        {-1, "&#183; &#183; &#183;", "updates a state"},
    };
    an_text_add(out, "<TR><TD><TABLE BORDER=\"1\" COLOR=\"#dadce0\" CELLBORDER=\"0\" "
                     "CELLSPACING=\"1\" CELLPADDING=\"2\" STYLE=\"ROUNDED\"><TR>");
    for (int i = 0; i < (int)(sizeof legend / sizeof *legend); i++) {
        if (i > 0 && i % LEGEND_COLUMNS == 0) an_text_add(out, "</TR><TR>");
        an_text_add(out, "<TD WIDTH=\"26\">");
        if (legend[i].sample) an_text_add(out, legend[i].sample);
        else an_text_addf(out, "<TABLE BORDER=\"0\" CELLBORDER=\"0\"><TR><TD WIDTH=\"18\" "
                               "HEIGHT=\"4\" FIXEDSIZE=\"TRUE\" BGCOLOR=\"%s\"></TD></TR></TABLE>",
                          an_grade_color((an_grade)legend[i].arrow));
        an_text_addf(out, "</TD><TD ALIGN=\"LEFT\">%s  </TD>", legend[i].says);
    }
    an_text_add(out, "</TR></TABLE></TD></TR>");
}
