/* dot.h -- what a picture of a graph shows, before anyone draws it.
 *
 * A *view* decides which boxes there are, which clusters they stand in and which
 * arrows join them; dot.c and mermaid.c only write it down. A box (an_unit) is one
 * node, or all nodes of a collapsed scope, or the optimizer steps of one scope, or
 * a *ghost*: a node that only the graph before has (.diff).
 *
 * Boxes, clusters and arrows stand in the order of their first node, so equal
 * graphs give equal pictures.                                                */
#ifndef AN_GRAPH_DOT_H
#define AN_GRAPH_DOT_H

#include "graph/ir.h"

typedef enum an_phase {
    AN_PHASE_FORWARD, AN_PHASE_BACKWARD, AN_PHASE_UPDATE, AN_PHASES
} an_phase;

typedef enum an_unit_kind {
    AN_UNIT_NODE,
    AN_UNIT_SCOPE, /* a collapsed scope */
    AN_UNIT_STEPS, /* optimizer steps of one scope's parameters */
    AN_UNIT_GHOST  /* only in the graph before */
} an_unit_kind;

typedef struct an_unit {
    an_unit_kind kind;
    an_phase phase;
    uint32_t first;  /* its first node (of the graph before, for a ghost) */
    int64_t nodes;   /* how many it stands for */
    uint32_t box;    /* the cluster it stands in */
    uint32_t home;   /* ghost: the fused unit that replaced it, or 0 */
    uint32_t next;   /* the next unit of the same cluster, or of the same home */
    uint32_t ghosts; /* the first ghost at home here */
    bool added;      /* not in the graph before */
    bool gone;       /* none of it is in the graph after */
} an_unit;

/* A cluster: a scope within a phase. Box 1 .. AN_PHASES are the phases. */
typedef struct an_box {
    const char *path; /* "encoder/res1/...": the first `length` bytes count */
    int length;
    uint32_t parent, child, last_child, next;
    uint32_t unit, last_unit;  /* what stands directly in it */
    uint32_t collapsed, steps; /* the unit that stands for the whole of it; for its steps */
    int64_t total;             /* units in it and below */
    an_phase phase;
} an_box;

typedef enum an_edge_kind {
    AN_EDGE_DATA,
    AN_EDGE_SAVED,  /* from forward to backward */
    AN_EDGE_COMMIT, /* from a new value to its state */
    AN_EDGE_GONE    /* in the graph before */
} an_edge_kind;

#define AN_EDGE_VALUES 3 /* an arrow names that many values; more are counted */

typedef struct an_edge {
    an_edge_kind kind;
    uint32_t from, to; /* units */
    int64_t values;
    uint32_t value[AN_EDGE_VALUES];
} an_edge;

typedef struct an_view {
    const an_graph *g, *before; /* before: NULL unless a diff was asked for */
    bool beside;                /* the other graph stands beside it: ghosts are not drawn */
    const uint32_t *twin;       /* per node of `before`: what it is now, if that is known */
    int depth;                  /* scopes deeper than this are one unit; INT_MAX: none */
    bool automatic;             /* the size of the graph chose the depth */
    int64_t shown, focused;     /* nodes drawn or folded; nodes the focus matched, -1: no focus */
    an_unit *units;             /* [1 .. unit_count] */
    an_box *boxes;              /* [1 .. box_count] */
    an_edge *edges;
    int64_t unit_count, unit_capacity, box_count, box_capacity, edge_count, edge_capacity;
    uint32_t *unit_of;      /* per node: its unit; 0: folded or out of focus */
    uint32_t *next_in_unit; /* per node: the next one of the unit; 0 ends */
    uint32_t *last_in_unit; /* per unit, while nodes are filed */
    uint8_t *phase;         /* per node: an_phase */
    bool *folded;           /* per node: a leaf written into its users' boxes */
    bool *hidden;           /* per node: out of focus */
    int32_t *row;           /* per unit: its row in the ladder, from 0 */
    uint32_t *below;        /* per update unit: the next one of their column */
    uint32_t *ghost_of;     /* per node of `before`: its ghost; 0: still there */
    uint32_t *same_as;      /* per node of `before`: the node it is now; 0: gone */
} an_view;

/* Fills a view that is zeroed but for `beside` and `twin`; false if out of memory. Free it
 * in either case. */
bool an_view_make(an_view *v, const an_dot_args *args);
void an_view_free(an_view *v);

/* Parts of an_view_make, in the order in which they run. */
bool an_view_phases(const an_graph *g, uint8_t *phase);      /* dot_phase.c */
bool an_view_fold(an_view *v);
bool an_view_focus(an_view *v, const char *focus, int radius);
uint32_t an_view_box(an_view *v, an_phase phase, const char *path, int length); /* dot_view.c */
int an_view_level(const an_view *v, uint32_t box);            /* 0 for a phase */
uint32_t an_view_unit(an_view *v, const an_unit *unit);      /* adds it to its box; 0: no memory */
bool an_view_ghosts(an_view *v);                             /* dot_diff.c */
bool an_view_edges(an_view *v);                              /* dot_edges.c */
bool an_view_rows(an_view *v);                               /* dot_ranks.c */

/* Is the box drawn as a cluster? One that holds a single unit is not. */
bool an_view_is_cluster(const an_view *v, uint32_t box);
/* Calls `enter` for every box, phases first to last, then for what is in it, then `leave`. */
typedef void (*an_box_fn)(void *context, uint32_t box);
void an_view_walk(const an_view *v, an_box_fn enter, an_box_fn leave, void *context);

/* A leaf small enough to be named in every box that reads it. */
bool an_view_is_tiny(const an_graph *g, const an_node *n);
/* The scope a node is drawn in: for an optimizer step its parameter's. */
const char *an_view_scope(const an_graph *g, const an_node *n, int *length);

/* ---- text in pictures (dot_style.c) ------------------------------------ */

/* Each takes any bytes; what is not UTF-8, or no character, becomes U+FFFD. */
void an_dot_add_quoted(an_text *out, const char *text, int64_t length); /* inside "..." */
void an_dot_add_html(an_text *out, const char *text, int64_t length);   /* inside <...> */
void an_mermaid_add(an_text *out, const char *text, int64_t length);    /* inside ["..."] */

void an_text_add_bytes_of(an_text *out, double bytes); /* "12.5 KiB" */
/* Bytes of a value; -1 if an extent has no number. */
int64_t an_value_bytes(const an_graph *g, uint32_t value);

typedef struct an_paint {
    const char *fill, *line;
} an_paint;
an_paint an_dot_paint(const an_view *v, const an_unit *u, const an_dot_args *args);
void an_dot_legend(const an_view *v, const an_dot_args *args, an_text *out);

/* label=<...>, and tooltip="..." (dot_label.c). */
void an_dot_label(const an_view *v, uint32_t unit, an_text *out);
void an_dot_tooltip(const an_view *v, uint32_t unit, an_text *out);
void an_dot_edge_label(const an_view *v, const an_edge *e, an_text *out);

/* ---- two graphs in one picture (dot_beside.c) -------------------------- */

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
void an_dot_open(bool crowded, an_text *out); /* dot.c */
void an_dot_title(const char *title, an_text *out);
void an_dot_open_end(an_text *out);
/* A view as one cluster of a larger picture. */
void an_dot_side(const an_view *v, const an_dot_args *args, const an_beside *side, an_text *out);

const char *an_grade_color(an_grade grade);
/* The worst of all values that the arrow stands for. */
an_ink an_beside_ink(const an_view *v, const an_beside *side, const an_edge *e);
/* Attributes of an arrow, each followed by a comma; a label of its own if asked for. */
void an_beside_arrow(const an_ink *ink, bool label, an_text *out);
/* "3.2e+04 ulp" behind `before`; nothing if no bit differs. */
void an_beside_say(const an_ink *ink, const char *before, an_text *out);
/* A row of a badge: a head in bold and a text, broken into lines, white on `color`. */
void an_beside_badge(const char *color, const char *head, const char *text, an_text *out);
void an_beside_legend(an_text *out); /* rows of an HTML table */
/* Breaks at blanks into at most `lines` lines of about `width` characters. */
void an_dot_add_wrapped(an_text *out, const char *text, int width, int lines);

/* What `make` says of `context`, as a file that is a picture by its ending (render.c). */
typedef char *(*an_picture_fn)(const void *context);
an_status an_picture_file(const char *path, an_picture_fn make, const void *context,
                          char *message, int64_t message_size);

#endif
