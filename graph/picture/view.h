/* view.h -- what a picture of a graph shows, before anyone draws it.
 *
 * A *view* decides which boxes there are, which clusters they stand in and which
 * arrows join them; dot.c and mermaid.c only write it down. A box (an_unit) is one
 * node, or all nodes of a collapsed scope, or the optimizer steps of one scope, or
 * a *ghost*: a node that only the graph before has (.diff).
 *
 * Boxes, clusters and arrows stand in the order of their first node, so equal
 * graphs give equal pictures.                                                */
#ifndef AN_GRAPH_PICTURE_VIEW_H
#define AN_GRAPH_PICTURE_VIEW_H

#include "graph/ir.h"
#include "graph/profile/figures.h"

typedef enum an_unit_kind {
    AN_UNIT_NODE,
    AN_UNIT_SCOPE, /* a collapsed scope */
    AN_UNIT_STEPS, /* optimizer steps of one scope's parameters */
    AN_UNIT_PART,  /* boxes that follow each other, where there are too many of them */
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
    bool outside;    /* of what is shown alone */
    bool added;      /* not in the graph before */
    bool changed;    /* some of it is not as it was there */
    bool merged;     /* ghost: an equal node is still there */
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
    uint32_t times;            /* how many scopes it stands for; 0: itself */
    an_phase phase;
} an_box;

typedef enum an_edge_kind {
    AN_EDGE_DATA,
    AN_EDGE_SAVED,  /* from forward to backward */
    AN_EDGE_COMMIT, /* from a new value to its state */
    AN_EDGE_GONE    /* in the graph before */
} an_edge_kind;

/* What is drawn if Graphviz fails on a picture: without the ladder, scopes closed by a level more,
 * all of them closed, boxes and arrows alone. */
#define AN_SIMPLEST 4

/* Points that a picture may be wide or tall by default: what a screen shows at a quarter. */
#define AN_SIDE 4000

#define AN_EDGE_VALUES 3 /* an arrow names that many values; more are counted */

typedef struct an_edge {
    an_edge_kind kind;
    uint32_t from, to; /* units */
    bool stream;       /* a residual stream runs along it */
    int64_t values;
    uint32_t value[AN_EDGE_VALUES];
} an_edge;

typedef struct an_view {
    const an_graph *g, *before; /* before: NULL unless a diff was asked for */
    bool beside;                /* the other graph stands beside it: ghosts are not drawn */
    const uint32_t *twin;       /* per node of `before`: what it is now, if that is known */
    int depth;                  /* scopes deeper than this are one unit; INT_MAX: none */
    bool automatic;             /* the size of the graph chose the depth */
    bool open_updates;          /* what stands beside an optimizer's steps is shown node by node */
    int parts;                  /* ... and the outermost scopes were still too many: the parts of a
                                   lane; 0: none */
    int closed;                 /* steps closed further than what seems to fit: the picture was
                                   larger than AN_SIDE */
    bool closes;                /* it can be closed a step further */
    bool reversed;              /* lanes are walked last to first */
    int at_most;                /* 1 + a depth: open no deeper; -1: parts; 0: as it fits */
    int simpler;                /* how much simpler than asked, for Graphviz gave up: AN_SIMPLEST */
    bool ids;                   /* boxes say which nodes they stand for: boxes.c */
    int64_t shown, focused;     /* nodes drawn or folded; nodes the focus matched, -1: no focus */
    int64_t around;             /* of those shown: outside of what was asked for */
    an_unit *units;             /* [1 .. unit_count] */
    an_box *boxes;              /* [1 .. box_count] */
    an_edge *edges;
    int64_t unit_count, unit_capacity, box_count, box_capacity, edge_count, edge_capacity;
    uint32_t *unit_of;      /* per node: its unit; 0: folded or out of focus */
    uint32_t *next_in_unit; /* per node: the next one of the unit; 0 ends */
    uint32_t *last_in_unit; /* per unit, while nodes are filed */
    uint8_t *phase;         /* per node: an_phase */
    an_index by_path;       /* boxes by their parent and path */
    bool *folded;           /* per node: a leaf written into its users' boxes */
    bool *again;            /* per operand of all nodes: the node has read its node before */
    int64_t *operands;      /* per node: where its operands begin among all */
    uint32_t *becomes;      /* per node: 1 + the first commit of a value of it; 0: none */
    uint32_t *becomes_next; /* per commit: 1 + the next of the same node */
    int64_t *outputs;       /* per output: how many its box stands for; 0: another's */
    double *seconds;        /* per node: what a run takes in it; NULL: nobody asked */
    double whole;           /* ... and what all threads have to give */
    uint32_t *alike;        /* per node of a scope that repeats another: the node it repeats; 0 */
    uint32_t *block;        /* per node: in which of the scopes that may repeat; 0: none */
    uint32_t *times;        /* per node that others repeat: how often it is there; else 0 */
    int32_t *reach;         /* ... and how many bytes of its scope's path are what repeats */
    bool repeated;          /* some scope stands for others */
    bool *hidden;           /* per node: not asked for */
    bool *outside;          /* per node: shown, for what is asked for reads it, or it reads that */
    const char *scope;      /* what is shown alone; NULL or empty: all */
    int32_t *row;           /* per unit: its row in the ladder, from 0 */
    int32_t rows;           /* how many there are */
    bool laddered;          /* there is one */
    uint32_t *below;        /* per update unit: the next one of their column */
    uint32_t *ghost_of;     /* per node of `before`: its ghost; 0: still there */
    uint32_t *same_as;      /* per node of `before`: the node it is now; 0: gone */
    uint32_t *merged;       /* per node of `before` that is gone: the equal one it is now; 0 */
    bool *changed;          /* per node: it was there before, and otherwise */
    uint32_t *gone;         /* per ordinal below `gone_limit`: the first node that is gone */
    uint32_t gone_limit;
} an_view;

/* Fills a view that is zeroed but for `beside` and `twin`; false if out of memory. Free it
 * in either case. */
bool an_view_make(an_view *v, const an_dot_args *args);
void an_view_free(an_view *v);

/* The steps of an_view_make, in the order in which they run. */
bool an_view_alike(an_view *v, const char *unfold); /* alike.c */
/* Both stand in repetitions of one scope, and not in the same: the picture of one has no such. */
bool an_view_between(const an_view *v, uint32_t a, uint32_t b);
bool an_view_fold(an_view *v); /* visible.c */
/* AN_E_NAME and a message, with the nearest name, if what is asked for is not there. */
an_status an_view_check(const an_dot_args *args); /* selection.c */
bool an_view_select(an_view *v, const an_dot_args *args);
/* How much of its scope's path names the box of a node outside what is shown; 0: it is its own. */
int an_view_outside_cut(const an_view *v, const char *path, int length);
bool an_view_open(an_view *v, const an_dot_args *args); /* depth.c: all that follows */
void an_view_forget(an_view *v);                        /* ... and drops it */
bool an_view_units(an_view *v);                         /* view.c: at v->depth */
void an_view_file(an_view *v, uint32_t unit, uint32_t node);
bool an_view_lanes(an_view *v); /* clusters.c: the phases' boxes, and none else */
uint32_t an_view_box(an_view *v, an_phase phase, const char *path, int length);
/* How many scopes a path is deep, and the deepest of a graph (depth.c). */
int an_view_levels(const char *path, int64_t length);
int an_view_deepest(const an_graph *g);
int an_view_level(const an_view *v, uint32_t box);      /* 0 for a phase */
uint32_t an_view_unit(an_view *v, const an_unit *unit); /* adds it to its box; 0: no memory */
bool an_view_ghosts(an_view *v); /* ghosts.c */
bool an_view_edges(an_view *v);  /* edges.c */
bool an_view_rows(an_view *v);   /* rows.c */
bool an_view_outputs(an_view *v); /* view.c */

/* An attribute `id` for a box: a side "" or "a", its kind, how many scopes a closed one is deep,
 * and its nodes: "s2:5.6.9". */
void an_view_id(const an_view *v, const char *side, uint32_t unit, an_text *out); /* boxes.c */
/* Is the box drawn as a cluster? One that holds a single unit is not. */
bool an_view_is_cluster(const an_view *v, uint32_t box);
/* Seconds of all that the unit stands for; 0 for a ghost, and where nobody asked. */
double an_view_seconds(const an_view *v, const an_unit *u);
/* Calls `enter` for every box, phases first to last, then for what is in it, then `leave`. */
typedef void (*an_box_fn)(void *context, uint32_t box);
void an_view_walk(const an_view *v, an_box_fn enter, an_box_fn leave, void *context);

/* Is operand k of a node the first by which it reads the node that made it? */
static inline bool an_view_first_use(const an_view *v, uint32_t node, int k)
{
    return !v->again[v->operands[node] + k];
}
/* An update's node of so many operands that arrows would hide all else: a norm over all gradients.
 * Its box says how many they are. */
bool an_view_gathers(const an_view *v, uint32_t node);
/* A leaf small enough to be named in every box that reads it. */
bool an_view_is_tiny(const an_graph *g, const an_node *n);
/* How many bytes of a path name the scopes that are drawn, or the closed one. */
int an_view_cut(const an_view *v, const char *path, int length);
/* The scope a node is drawn in: for an optimizer step its parameter's. */
const char *an_view_scope(const an_graph *g, const an_node *n, int *length);

#endif
