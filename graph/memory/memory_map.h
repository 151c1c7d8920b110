/* memory_map.h -- what the memory of a program's run holds, and when.
 *
 *     an_memory_map *m = an_memory_map_new(program, 0);   after a run: that binding's plan
 *     an_memory_map_svg_file(m, "memory.svg");
 *
 * Values of a run lie in one block, the slab; two lie at the same place if they are never needed
 * at once. Time is counted in waves: kernels of a wave run side by side. A fetched value has a
 * place in the slab even where a run makes it in the caller's tensor instead.
 *
 * Calls take NULL, which holds nothing. Threads: one at a time, and none while the program runs. */
#ifndef AN_GRAPH_MEMORY_MEMORY_MAP_H
#define AN_GRAPH_MEMORY_MEMORY_MAP_H

#include "graph/graph.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What bytes are there for. The first six lie in the slab; the others are there between runs. */
typedef enum an_memory_kind {
    AN_MEMORY_FORWARD,   /* made by the forward phase, and read by nothing else */
    AN_MEMORY_SAVED,     /* made by it and read by gradients or updates */
    AN_MEMORY_FETCHED,   /* made by it, fetched, and read by nothing behind it */
    AN_MEMORY_BACKWARD,  /* gradients, and what is computed for them, again or first */
    AN_MEMORY_UPDATE,    /* made by optimizer steps */
    AN_MEMORY_SCRATCH,   /* of one kernel, while it runs */
    AN_MEMORY_WEIGHTS,   /* states that the forward phase or gradients read */
    AN_MEMORY_OPTIMIZER, /* states that only updates read: moments, which count with the
                            scope of their weights, rates, counters */
    AN_MEMORY_FEEDS,     /* inputs; the caller's bytes */
    AN_MEMORY_LITERALS,  /* constants that the graph holds */
    AN_MEMORY_KINDS
} an_memory_kind;

AN_API const char *an_memory_kind_name(an_memory_kind kind); /* "saved" */

typedef struct an_memory_map an_memory_map;

/* Of the binding that ran last; NULL if none has run or memory is out. It outlives the program.
 * Scopes deeper than `depth` count with the one they are in; 0: each by itself, -1: none. */
AN_API an_memory_map *an_memory_map_new(const an_program *p, int depth);
AN_API void an_memory_map_free(an_memory_map *m);

typedef struct an_memory_box {
    const char *name;  /* "encoder/%12"; "old NAME" for a state's value before this run */
    const char *op, *scope, *type;
    an_memory_kind kind; /* one of the first six */
    uint32_t node;       /* in an_program_graph() */
    int64_t buffer;      /* boxes of one buffer follow each other in the same bytes; 0: scratch */
    bool takes_over;     /* it is written over an operand of its kernel */
    bool at_peak;
    int64_t birth, death;  /* the first and the last wave that needs it */
    int64_t offset, bytes; /* in the slab */
} an_memory_box;

/* The boxes in order of birth; how many. They belong to the map. */
AN_API int64_t an_memory_map_boxes(const an_memory_map *m, const an_memory_box **boxes);

typedef struct an_memory_sum {
    const char *scope; /* "" : outside all scopes; NULL: the whole */
    int64_t values;    /* boxes, and what is there between runs */
    int64_t at_peak;   /* bytes of its boxes that are alive then */
    int64_t bytes[AN_MEMORY_KINDS]; /* of all its values; those of a run are not alive at once, and
                                       one that takes bytes over counts by itself */
} an_memory_sum;

/* A row per scope, what holds most at the peak first; how many. They belong to the map. */
AN_API int64_t an_memory_map_scopes(const an_memory_map *m, const an_memory_sum **scopes);
/* The sum of all those; NULL for NULL. */
AN_API const an_memory_sum *an_memory_map_whole(const an_memory_map *m);

typedef struct an_memory_facts {
    const char *graph, *binding; /* its name; "B=32, T=100" */
    int64_t slab;      /* bytes that the plan takes */
    int64_t alive;     /* most bytes needed in one wave: no plan of these waves can take less */
    int64_t peak;      /* the first such wave */
    int64_t gate, end; /* optimizer steps that write in place come behind the gate; the last wave */
    int64_t backward;  /* the first wave of a gradient; past the end if there is none */
} an_memory_facts;

/* All zero for NULL. The texts belong to the map. */
AN_API an_memory_facts an_memory_map_facts(const an_memory_map *m);

/* Facts, scopes, and who is alive at the peak, for people; an_string_free. NULL: out of memory. */
AN_API char *an_memory_map_table(const an_memory_map *m);
/* Waves across, addresses up, a box per value in the colour of its kind, the peak, and below how
 * much is alive in each wave; an_string_free. NULL if out of memory. */
AN_API char *an_memory_map_svg(const an_memory_map *m);
AN_API an_status an_memory_map_svg_file(const an_memory_map *m, const char *path);

#ifdef __cplusplus
}
#endif
#endif
