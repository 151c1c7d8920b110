/* graph.h -- graphs, gradients, programs, weights and pictures.
 *
 * The order of a program's life, which is the order of this file: define a graph
 * with the builders of ops.h; differentiate it and collect updates; compile it
 * against a store of weights; run; look inside. Verifying is in equal/equal.h,
 * and where the time of a run goes in profile/profile.h.
 *
 * Ownership: a graph owns its nodes, a store its weights, a program its copy of
 * the graph and its memory; each dies with its own _free and nothing else. A
 * program must die before its store. Calls named with a trailing `_with` take a
 * struct; the macro without it fills in the caller's file and line and lets the
 * fields be named: an_compile(g, store, .fetch = {loss}).
 *
 * Threads: any number may read, or compile, a graph that none changes; an_compile_message then
 * tells of whichever ended last. Programs of one store run one at a time, a second run is
 * refused as busy, and so is compiling while one runs.                       */
#ifndef AN_GRAPH_GRAPH_H
#define AN_GRAPH_GRAPH_H

#include "core/core.h"
#include "ops/define.h"
#include "ops/losses.h"
#include "ops/ops.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- graphs (build.c) -------------------------------------------------- */

AN_API an_graph *an_graph_new(const char *name); /* NULL if out of memory */
AN_API void an_graph_free(an_graph *g);
AN_API const char *an_graph_name(const an_graph *g);

/* Lets the graph, its copies and what is made of them use the ops of a set, and holds the set. */
AN_API an_status an_graph_use(an_graph *g, an_ops *set);

/* The first error since the graph was made: AN_OK and "" if there was none. */
AN_API an_status an_graph_status(const an_graph *g);
AN_API const char *an_graph_message(const an_graph *g);

/* The dimension of that name (a C identifier); the same name, the same dim. */
AN_API an_dim an_dim_named(an_graph *g, const char *name);
AN_API an_dim an_dim_plus(an_graph *g, an_dim a, an_dim b);
AN_API an_dim an_dim_minus(an_graph *g, an_dim a, an_dim b);
AN_API an_dim an_dim_times(an_graph *g, an_dim a, an_dim b);
AN_API an_dim an_dim_over(an_graph *g, an_dim a, an_dim b); /* floor(a / b) */

/* Scopes give names and clusters: states made between open and close are called
 * "outer/inner/...". Any value of the graph opens it. A name already used in the
 * enclosing scope gets _1, _2 ... if `an_scope_open_unique`. */
AN_API void an_scope_open(an_value any, const char *name);
AN_API void an_scope_open_unique(an_value any, const char *name);
AN_API void an_scope_close(an_value any);
AN_API void an_graph_scope_open(an_graph *g, const char *name);
AN_API void an_graph_scope_close(an_graph *g);

/* Labels v's node for messages, pictures and profiles. Returns v. */
AN_API an_value an_label(an_value v, const char *label);
/* Declares v an output of the graph, for .an files, the command and verify. */
AN_API an_status an_graph_output(an_value v, const char *name);
/* Values by name: an input, state or declared output; AN_NONE if there is none. */
AN_API an_value an_graph_find(an_graph *g, const char *name);
/* What a graph has, by name, in order of creation; NULL past the end. A leaf is an
 * input or a state. For graphs that were read from a file. */
AN_API const char *an_graph_leaf_name(const an_graph *g, int64_t i);
AN_API const char *an_graph_output_name(const an_graph *g, int64_t i);
AN_API an_value an_graph_output_value(an_graph *g, int64_t i); /* AN_NONE past the end */
AN_API const char *an_graph_dim_name(const an_graph *g, int64_t i);
/* The state of that full name: use it again to tie weights. Poison, and an error,
 * if there is none. */
AN_API an_value an_graph_state(an_graph *g, const char *name);
AN_API bool an_is_state(an_value v);
/* The rows (along axis 0) of what an_dropout is given from here on are those from number `row` on,
 * an i64 scalar, of a larger batch, and draw as they would there: a rank that has rows 32 to 63
 * masks them as one that has all. AN_NONE: row 0 is the first again. */
AN_API void an_graph_rows_from(an_graph *g, an_value row);
/* Freezes or thaws every state whose full name is `name` or starts with "name/" ("": all):
 * later an_minimize calls leave it alone. Returns how many there were. */
AN_API int an_graph_freeze(an_graph *g, const char *name, bool frozen);
/* The float states that are not frozen, called `name` or "name/..." ("": all), in order of
 * creation: the first `room` go to `out`, which may be NULL. Returns how many there are. */
AN_API int64_t an_graph_parameters_of(an_graph *g, const char *name, an_value *out, int64_t room);

AN_API int64_t an_graph_node_count(const an_graph *g);
/* How many nodes apply the op of that name: counts fusions in tests. */
AN_API int64_t an_graph_count(const an_graph *g, const char *op);

/* ---- gradients and updates (grad.c, update.c) -------------------------- */

/* Adds the gradients of a scalar with respect to `wrt[0..count)` as nodes; out[i]
 * is of wrt[i]'s type (zeros where the loss does not depend on it). */
AN_API an_status an_gradients(an_value loss, const an_value *wrt, int count, an_value *out);
AN_API an_value an_gradient(an_value loss, an_value wrt); /* one; poison on failure */

/* A table "state <- new value" that a program commits at the end of a run. */
typedef struct an_updates {
    an_graph *graph;
    uint32_t id; /* 0: none */
} an_updates;

AN_API an_updates an_updates_new(an_graph *g, const char *name);
/* The i-th table and its name; id 0 and NULL past the end. */
AN_API an_updates an_updates_at(an_graph *g, int64_t i);
AN_API const char *an_updates_name(const an_graph *g, int64_t i);
/* A state can be updated once per table, or both places are named; types must be equal. */
AN_API an_status an_updates_add(an_updates u, an_value state, an_value value);
/* Adds the rows of another table, which stays as it is: what they share must be the same. */
AN_API an_status an_updates_join(an_updates u, an_updates more);
/* What the state becomes by this table, an average of weights asks; AN_NONE if the table leaves
 * it as it is. */
AN_API an_value an_updates_value(an_updates u, an_value state);

/* An update that comes with a layer: whoever trains what `witness` is part of is to update the
 * state, and nobody else. A running mean has the normalised tensor as its witness. One per state;
 * state and value of one type. Alone it changes nothing: tables take it.
 *
 * A table *needs* a value if a new value in it is computed from that, or is it; no matter whether
 * by way of a branch that is not taken. What needs a pending update's new value needs what that is
 * computed from. */
AN_API an_status an_pending(an_value state, an_value value, an_value witness);
/* Adds the pending updates whose witness the table needs, or `also` does (a loss that is fetched
 * beside it; AN_NONE: nothing). A state that the table updates already is left. Later rows are not
 * looked at, so it is the last call. If the table needs the random key, dropout's is among them:
 * it draws anew at the next run. an_minimize calls it with the loss. */
AN_API an_status an_updates_take_pending(an_updates u, an_value also);

/* ---- text (print.c, parse.c) ------------------------------------------- */

typedef struct an_print_args {
    an_at at;
    const an_graph *graph;
    bool locations; /* add at "file":line */
} an_print_args;
/* The canonical .an text, or NULL if out of memory; free with an_string_free. */
AN_API char *an_print_with(const an_print_args *args);
#define an_print(...) an_print_with(&(an_print_args){.at = AN_HERE, __VA_ARGS__})
AN_API void an_string_free(char *text);
typedef struct an_parse_args {
    const char *text;
    const char *name; /* of the text, in messages; NULL: "text" */
    an_ops *ops;      /* ops from outside that it may use; NULL: none */
} an_parse_args;
/* Reads .an text. Returns a graph whose status says whether it was well-formed
 * ("name:line:column: ..."); NULL only if out of memory. */
AN_API an_graph *an_parse_with(const an_parse_args *args);
#define an_parse(...) an_parse_with(&(an_parse_args){__VA_ARGS__})
/* Checks every invariant of the IR; AN_E_INTERNAL and a message naming the first
 * broken one go to `report` (NULL is fine). */
AN_API an_status an_graph_verify(const an_graph *g, char *report, int64_t report_size);

/* ---- passes (pipeline.c) ----------------------------------------------- */

/* What a pass did, or declined to do, at one place. */
typedef struct an_note {
    const char *pass;
    bool done;
    const char *reason; /* a code such as "broadcast", "axis-not-trailing"; "" if done */
    uint32_t ordinal;   /* the node it is about (the norm), by its ordinal */
    const char *text;   /* one sentence with names and places */
} an_note;

typedef struct an_optimise_args {
    an_at at;
    const an_graph *graph;
    const char *passes; /* "cse,fuse_add_norm"; NULL: the default pipeline; "": none.
                           "recompute=block_*" behind all others is .recompute = "block_*" */
    bool inference;     /* first replace ops by their inference meaning */
    const char *recompute; /* as in an_compile_args */
} an_optimise_args;

/* What passes made of a graph. It belongs to the caller; every call takes NULL, which reads
 * as out of memory.                                                          */
typedef struct an_optimised an_optimised;

/* Copies the graph's roots through passes. The graph itself is untouched. NULL only if out
 * of memory. */
AN_API an_optimised *an_optimise_with(const an_optimise_args *args);
#define an_optimise(...) an_optimise_with(&(an_optimise_args){.at = AN_HERE, __VA_ARGS__})
AN_API void an_optimised_free(an_optimised *o);
AN_API an_status an_optimised_status(const an_optimised *o);
AN_API const char *an_optimised_message(const an_optimised *o); /* "" if all is well */
/* The new graph, or NULL if a pass failed. It dies with the result, unless it is taken:
 * then it is the caller's. */
AN_API an_graph *an_optimised_graph(const an_optimised *o);
AN_API an_graph *an_optimised_take(an_optimised *o);
/* The i-th note, in the order of the passes; NULL past the end. */
AN_API const an_note *an_optimised_note(const an_optimised *o, int64_t i);
/* What a value of the old graph has become; AN_NONE where it is gone. */
AN_API an_value an_optimised_value(const an_optimised *o, an_value old);

/* The i-th pass's name and summary, in pipeline order; NULL past the end. */
AN_API const char *an_pass_name(int i);
AN_API const char *an_pass_summary(int i);
/* Whether it keeps every bit of every output and update of the graph it is given. */
AN_API bool an_pass_is_exact(int i);

/* ---- weights (store.c) ------------------------------------------------- */

typedef struct an_store an_store;

/* An empty store; states get their first values from (seed, name) and their
 * initialiser when a program that uses them is compiled. */
AN_API an_store *an_store_new(uint64_t seed);
AN_API void an_store_free(an_store *s);
AN_API const char *an_store_message(const an_store *s); /* of the last failed call */
AN_API uint64_t an_store_seed(const an_store *s);

/* Fills a new state; element values may depend on nothing but the arguments. */
typedef void (*an_initialiser)(void *context, const char *name, uint64_t seed, an_tensor *t);
/* Uses `fill` for the state of that full name instead of its own initialiser;
 * to be set before the first compile that makes it. */
AN_API an_status an_store_initialise(an_store *s, const char *name, an_initialiser fill,
                                     void *context);
AN_API int64_t an_store_count(const an_store *s);
/* The i-th state in order of creation; the tensor borrows and is valid until the
 * next run or set. NULL past the end. */
AN_API const char *an_store_name(const an_store *s, int64_t i);
AN_API an_status an_store_get(an_store *s, const char *name, an_tensor *copy); /* an owned copy */
/* Overwrites, or creates before the first compile. AN_E_STATE if types differ. */
AN_API an_status an_store_set(an_store *s, const char *name, const an_tensor *value);
AN_API an_status an_store_set_number(an_store *s, const char *name, double value); /* scalars */
AN_API const an_tensor *an_store_view(an_store *s, const char *name); /* NULL if unknown */

/* ---- programs (compile.c, plan.c, exec.c) ------------------------------ */

typedef struct an_program an_program;

/* What processes, ranks, that run one program on data of their own need of each other, for
 * all_reduce; frontends/mpi has it of MPI. All ranks call the same in the same order, each from the
 * thread that runs the program. False: a rank is lost, and no run will succeed any more. */
typedef struct an_communicator {
    void *context;
    int rank, ranks; /* 0 <= rank < ranks */
    /* Begins to replace data[0..count) by the sum of all ranks' or, `averaged`, that over their
     * number, added in double (integers: as 64 bits that wrap) in the ranks' order. The data belong
     * to it till it has ended. */
    bool (*begin)(void *context, an_dtype dtype, void *data, int64_t count, bool averaged);
    bool (*end)(void *context); /* waits for the one that was begun first and has not ended */
    /* Each of words[0..count) becomes the largest that a rank has; nothing is under way. */
    bool (*largest)(void *context, uint64_t *words, int count);
} an_communicator;

#define AN_MAX_NAMED 16 /* fetches and feeds given inline; use the lists for more */

typedef struct an_compile_args {
    an_at at;
    an_graph *graph;
    an_store *store;
    an_value fetch[AN_MAX_NAMED];
    an_updates update;
    bool inference;     /* dropout becomes the identity, an_training false, and so on */
    const char *passes; /* as in an_optimise_args */
    const an_value *fetch_list; /* instead of .fetch */
    int fetch_count;
    /* Trades time for memory, bit for bit: "block_*", a list of scopes whose values are not kept
     * for gradients but computed again, save those that something outside the scope reads. A
     * pattern names whatever ends with it: `*` stands for any characters, `/` too, `?` for one. */
    const char *recompute;
    /* All ranks compile the same graph, and each of their runs is one for all: they wait for each
     * other, and all commit or none. It must outlive the program. NULL: all_reduce hands on. */
    const an_communicator *communicator;
} an_compile_args;

/* Copies what the fetches and updates need through the passes, verifies the
 * result and readies the states it uses. NULL on failure: the reason is the
 * graph's message if the graph was broken, else an_compile_message(). */
AN_API an_program *an_compile_with(const an_compile_args *args);
#define an_compile(...) an_compile_with(&(an_compile_args){.at = AN_HERE, __VA_ARGS__})
/* Why the last an_compile of this graph failed; "" if it did not. */
AN_API const char *an_compile_message(const an_graph *g);
AN_API void an_program_free(an_program *p);
AN_API const an_graph *an_program_graph(const an_program *p); /* what really runs */
AN_API const char *an_program_message(const an_program *p);   /* of the last failed run */
AN_API int64_t an_program_bytes(const an_program *p);         /* memory held by its plans */
/* How much more that would be without .recompute; 0 before the first run. */
AN_API int64_t an_program_saved(const an_program *p);

typedef struct an_feed {
    const char *name;
    const an_tensor *tensor;
} an_feed;

typedef struct an_run_args {
    an_at at;
    an_program *program;
    an_feed feed[AN_MAX_NAMED];
    an_tensor *out[AN_MAX_NAMED]; /* in the order of .fetch; NULL: not wanted this time */
    const an_feed *feed_list;     /* instead of .feed */
    int feed_count;
    an_tensor *const *out_list;   /* instead of .out */
    int out_count;
    bool finite;                  /* refuse to commit what is not finite */
} an_run_args;

/* Runs once: completes and commits the updates, or fails and commits nothing; then
 * the contents of outs are undefined, for values are made in them where possible.
 * An empty out tensor is allocated, an owning one resized, a borrowing one must
 * fit; none may share memory with another, a feed or a state of the store, nor may a
 * feed with a state that the run updates. New
 * extents of named dims are planned at their first run; after that a run allocates
 * nothing.
 *
 * With .finite a run fails (AN_E_DATA) unless all is finite that is fetched and that goes into
 * a state: its new value or, of an optimizer's step, the gradient and the rate. The message
 * names the parameter, feed or node that was the first not to be, and its element. That costs
 * one look at each gradient. */
AN_API an_status an_run_with(const an_run_args *args);
#define an_run(...) an_run_with(&(an_run_args){.at = AN_HERE, __VA_ARGS__})

/* ---- looking inside (dot.c, summary.c) --------------------------------- */

typedef enum an_color {
    AN_COLOR_CATEGORY, /* by kind of op */
    AN_COLOR_PHASE,    /* forward, backward, update */
    AN_COLOR_TIME      /* by what it takes, of .profile */
} an_color;

typedef enum an_direction {
    AN_DIRECTION_DOWN, /* values flow down, gradients beside them up */
    AN_DIRECTION_RIGHT
} an_direction;

/* Where the time of a program's runs goes (profile/profile.h). */
typedef struct an_profile an_profile;

typedef struct an_dot_args {
    an_at at;
    const an_graph *graph;
    const char *path;     /* an_dot_file: where to; its ending says what */
    int depth;            /* scopes deeper than this become one box; -1: all scopes do; 0: only
                             if the graph is too large to read, and then the picture says so */
    bool whole;           /* never collapse by itself */
    const an_graph *diff; /* the graph before: what is gone is dashed red, or violet if it was
                             merged into an equal node, what is new green, what changed yellow */
    const char *title;    /* NULL: the graph's name */
    const char *focus;    /* show only what is near this node, weight, scope, output, "%12", or the
                             nodes of this op, if nothing is called so */
    int radius;           /* how near, in arrows; 0: 1 */
    an_color color;
    bool no_legend;
    char *message;        /* where it is said what went wrong; NULL: nowhere */
    int64_t message_size;
    const an_profile *profile; /* of the program whose graph this is: boxes say what they take, and
                                  unless .color says otherwise they are coloured by it */
    const char *unfold;   /* scopes that repeat (three or more alike, each reading the one before)
                             are drawn once; not those that this pattern names: "block_*" */
    const char *phase;    /* only "forward", "backward" or "update" */
    const char *scope;    /* only this scope, in all phases, and dashed what it reads and what reads
                             it */
    const char *from;     /* only what is computed from this input, weight, node or scope ... */
    const char *to;       /* ... and what this one is computed from: together, the ways between */
    an_direction direction;
} an_dot_args;
/* Graphviz source, byte-identical for equal graphs; free with an_string_free. NULL
 * if out of memory, without a graph, or if there is no such .focus, .phase, .scope, .from or .to:
 * see .message. */
AN_API char *an_dot_with(const an_dot_args *args);
#define an_dot(...) an_dot_with(&(an_dot_args){.at = AN_HERE, __VA_ARGS__})
/* an_dot_file(g, "g.svg", .depth = 2) writes the file as a whole or not at all. What
 * ends in .svg, .png or .pdf is laid out by Graphviz in a child process; .dot and .gv
 * need none. What Graphviz cannot lay out is drawn simpler: the picture and .message say so.
 * AN_E_IO if there is no Graphviz or a file cannot be written, AN_E_LIMIT
 * if the layout took too long, AN_E_NAME if there is no such .focus or other name; see .message. */
AN_API an_status an_dot_file_with(const an_dot_args *args);
#define an_dot_file(...) an_dot_file_with(&(an_dot_args){.at = AN_HERE, __VA_ARGS__})

/* The same view as a Mermaid flowchart, for texts that draw it themselves; `diff`,
 * `color` and the legend are left out. */
AN_API char *an_mermaid_with(const an_dot_args *args);
#define an_mermaid(...) an_mermaid_with(&(an_dot_args){.at = AN_HERE, __VA_ARGS__})

typedef struct an_summary_args {
    an_at at;
    const an_graph *graph;
    const char *bind; /* "B=32,T=100": FLOPs need a number for every named dim */
} an_summary_args;
/* A table of layers, outputs, parameters, bytes, FLOPs and what reads what; an_string_free. */
AN_API char *an_summary_with(const an_summary_args *args);
#define an_summary(...) an_summary_with(&(an_summary_args){.at = AN_HERE, __VA_ARGS__})
/* Elements of trainable float states; -1 if out of memory. */
AN_API int64_t an_graph_parameters(const an_graph *g);

#ifdef __cplusplus
}
#endif
#endif
