/* beside.h -- two graphs in one picture: what each side shows of the comparison. */
#ifndef AN_GRAPH_PICTURE_BESIDE_H
#define AN_GRAPH_PICTURE_BESIDE_H

#include "graph/picture/render.h"
#include "graph/picture/view.h"

/* How a value fared against the one of the other graph that it should equal. */
typedef enum an_grade {
    AN_GRADE_NONE, AN_GRADE_SAME, AN_GRADE_ROUNDING, AN_GRADE_SUSPECT, AN_GRADE_DIFFERENT,
    AN_GRADES
} an_grade;

typedef struct an_ink {
    an_grade grade;
    double ulp;
} an_ink;

typedef struct an_mark { /* of a unit */
    an_text badge; /* rows of an HTML table below its label */
    bool alarm;    /* outlined in red */
    int refused;   /* how many candidates of it a pass refused */
} an_mark;

/* What the picture of one graph shows of its comparison with another. */
typedef struct an_beside {
    const char *prefix, *title; /* of identifiers; of the cluster around everything */
    bool crowded;   /* types stand in tooltips only */
    an_ink *ink;    /* per value */
    an_mark *mark;  /* per unit */
} an_beside;

#define AN_DOT_LABELLED 500 /* arrows; above, types stand in tooltips: labels cost layout time */
#define AN_BESIDE_TABLE "<TABLE BORDER=\"0\" CELLBORDER=\"0\" CELLSPACING=\"2\" CELLPADDING=\"2\">"
#define AN_BESIDE_ALARM ", color=\"#d50000\", penwidth=4"
#define AN_BESIDE_REFUSED "#7b3fc4"
#define AN_BESIDE_FIRST "#d50000"

/* The beginning of the source, up to where the label of the whole goes on, and its end. */
void an_dot_open(bool crowded, an_direction direction, an_text *out); /* dot.c */
void an_dot_title(const char *title, an_text *out);
void an_dot_open_end(an_text *out);
/* Hint `order` for lanes to stand in order; see an_sketch (lead.c). */
void an_dot_lead(const an_view *v, const char *prefix, int order, an_text *out);
/* A view as one cluster of a larger picture. */
void an_dot_side(const an_view *v, const an_dot_args *args, const an_beside *side, an_text *out);

const char *an_grade_color(an_grade grade); /* of lines */
const char *an_grade_text_color(an_grade grade);
/* The worst of all values that the arrow stands for. */
an_ink an_beside_ink(const an_view *v, const an_beside *side, const an_edge *e);
/* Attributes of an arrow, each followed by a comma; a label of its own if asked for. */
void an_beside_arrow(const an_ink *ink, bool label, an_text *out);
/* "3.2e+04 ulp" behind `before`; nothing if no bit differs. */
void an_beside_say(const an_ink *ink, const char *before, an_text *out);
/* A row of a badge: a head in bold and a text, broken into lines, white on `color`. */
void an_beside_badge(const char *color, const char *head, const char *text, an_text *out);
void an_beside_legend(an_text *out); /* rows of an HTML table */

#endif
