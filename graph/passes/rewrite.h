/* rewrite.h -- what every pass stands on: copying a graph forward.
 *
 * A pass reads `from`, fills `to` and says for every old value which new one it
 * became. It never edits. The frame (pipeline.c) opens the rewrite, runs the
 * pass, maps outputs and update tables, and composes the maps of all passes.  */
#ifndef AN_GRAPH_PASSES_REWRITE_H
#define AN_GRAPH_PASSES_REWRITE_H

#include "graph/ir.h"

/* What passes did and declined, in order; texts live in the arena. */
typedef struct an_notes {
    an_arena arena;
    an_note *at;
    int64_t count, capacity;
    bool failed; /* out of memory */
} an_notes;

typedef struct an_rewrite {
    const char *pass, *argument; /* NULL unless it takes one */
    const an_graph *from;
    an_graph *to;
    uint32_t *value; /* old value id -> new one; 0: not there (yet) */
    an_notes *notes;
} an_rewrite;

/* A pass: fills rw->to, maps values. AN_OK, or the error it left in rw->to. */
typedef an_status (*an_pass_fn)(an_rewrite *rw);

typedef struct an_pass {
    const char *name;
    an_pass_fn run;
    bool exact; /* keeps every bit of every output and update, gradients in the graph
                   among them. Gradients taken afterwards keep theirs across a fusion;
                   after canonicalise or cse their terms may be grouped otherwise */
    const char *summary;
    const char *argument; /* of a pass that takes one, what it is; where it runs, its value */
} an_pass;

/* Copies old node `number` with its operands mapped; maps its outputs. */
an_status an_rewrite_copy(an_rewrite *rw, uint32_t number);
/* The same with other attributes. */
an_status an_rewrite_copy_with(an_rewrite *rw, uint32_t number, const an_attrs *attrs);
/* A copy that reads operands as `value` maps them, and is not mapped itself; with `from` it is a
 * node of its own beside the copy of the old one, with that origin. Output 0, or 0. */
uint32_t an_rewrite_copy_reading(an_rewrite *rw, uint32_t number, const uint32_t *value,
                                 const an_from *from);
/* Adds a node of the pass's own making in place of old node `like` (its place,
 * scope, name and ordinal), which replaces the nodes whose ordinals are in `of`.
 * Returns output 0, or 0. */
uint32_t an_rewrite_add(an_rewrite *rw, const an_node *like, const an_op_info *op,
                        const uint32_t *in, int inputs, const an_attrs *attrs, const uint32_t *of,
                        int replaced);
/* Maps the outputs of old node `number` to consecutive new values from `first`. */
void an_rewrite_replace(an_rewrite *rw, uint32_t number, uint32_t first);
/* The new value that old node `n` would merely repeat, its operands being what they have
 * become; 0 if there is none (repeats.c). */
uint32_t an_rewrite_repeated(const an_rewrite *rw, const an_node *n);
/* Copies every node for which `replace` is NULL or returns false; `replace` maps
 * the node's outputs itself when it returns true. */
typedef bool (*an_replace_fn)(an_rewrite *rw, uint32_t number, void *context);
an_status an_rewrite_each(an_rewrite *rw, an_replace_fn replace, void *context);

/* Records that something was done (`reason` "") or refused, about old node `n`. */
void an_rewrite_note(an_rewrite *rw, const an_node *n, const char *reason, const char *format, ...)
    AN_PRINTF(4, 5);

/* Runs one pass over `from`: a verified copy, or NULL with `error` set. `value`
 * (from->slot_count + 1 entries) receives the map. */
an_graph *an_pass_apply(const an_pass *pass, const an_graph *from, uint32_t *value, an_notes *notes,
                        an_error *error);
const an_pass *an_pass_find(const char *name, int length);

/* The passes, one per file in passes/. */
an_status an_pass_inference(an_rewrite *rw);
an_status an_pass_training(an_rewrite *rw);
an_status an_pass_written_out(an_rewrite *rw);
an_status an_pass_unfuse(an_rewrite *rw);
an_status an_pass_canonicalise(an_rewrite *rw);
an_status an_pass_fold(an_rewrite *rw);
an_status an_pass_cse(an_rewrite *rw);
an_status an_pass_fuse_add_norm(an_rewrite *rw);
an_status an_pass_dce(an_rewrite *rw);
an_status an_pass_bucket(an_rewrite *rw);
an_status an_pass_recompute(an_rewrite *rw);

#endif
