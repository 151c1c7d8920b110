/* ir.h -- the inside of a graph: nodes, values, roots, and how nodes are added.
 *
 * A node is one application of an op. A value is one output of a node; value ids
 * count from 1 over the whole graph and a node's outputs are consecutive. Nodes
 * are numbered from 1 too, and a node only uses values of smaller id, so array
 * order is a schedule and no walk needs recursion. A graph only grows: passes
 * copy it (passes/rewrite.h), they never edit it.
 *
 * A node's *ordinal* is its number in the graph the user built. Copies inherit
 * it, whatever their own number is; it orders the terms of accumulate, so that
 * differentiating before or after a pass adds in the same order.             */
#ifndef AN_GRAPH_IR_H
#define AN_GRAPH_IR_H

#include "core/guess.h"
#include "core/dims.h"
#include "core/index.h"
#include "core/memory.h"
#include "core/text.h"
#include "graph/graph.h"
#include "ops/op.h"

/* Where a node comes from if the user did not write it. For a fused node, `of`
 * holds the ordinals of the nodes it replaced, in the order in which its meaning
 * emits them; for a gradient (`how` "grad") the forward node's. */
typedef struct an_from {
    const char *how; /* a pass's name, "grad" or "update"; NULL: written by the user */
    int count;
    const uint32_t *of;
} an_from;

typedef struct an_node {
    const an_op_info *op;
    int inputs, outputs;
    uint32_t first;     /* id of output 0 */
    uint32_t ordinal;
    const uint32_t *in; /* value ids; 0 where absent */
    const an_attrs *attrs; /* this and the texts: shared by all nodes that have the same */
    const char *name;   /* input and state: their name; else a label or "" */
    const char *scope;  /* "encoder/res1", or "" */
    an_at at;
    an_from from;
} an_node;

typedef struct an_slot { /* a value */
    const an_type *type; /* shared, too */
    uint32_t node;
    int index; /* which output of the node */
} an_slot;

#define AN_PENDING 0 /* the set of updates that no table has asked for: tables count from 1 */

typedef struct an_commit { /* one row of an update table: state <- value */
    uint32_t set;          /* which table; index into sets, from 1; or AN_PENDING */
    uint32_t state, value;
    uint32_t witness;      /* pending: tables take it that need this value; else 0 */
} an_commit;

typedef struct an_name_entry { /* a leaf, an output, or how often a layer's name was taken */
    const char *name;
    uint32_t value;
} an_name_entry;

struct an_graph {
    const char *name;
    an_arena arena; /* nodes' operands, attributes and strings */
    an_dims *dims;
    an_node *nodes; /* [1 .. node_count] */
    an_slot *slots; /* [1 .. slot_count] */
    an_name_entry *outputs;
    an_commit *commits;
    const char **sets; /* [1 .. set_count]: update tables' names */
    an_name_entry *leaves; /* inputs and states by full name */
    int64_t node_count, slot_count, output_count, commit_count, set_count, leaf_count;
    int64_t node_capacity, slot_capacity, output_capacity, commit_capacity, set_capacity,
        leaf_capacity;
    uint32_t next_ordinal;
    const char *scope;       /* the open scopes, joined by '/' */
    const char **enclosing;  /* the values `scope` had outside each open scope */
    int64_t depth, depth_capacity;
    an_name_entry *counters; /* how often a layer name was taken in a scope (value = count) */
    int64_t counter_count, counter_capacity;
    const char **texts;      /* scopes, labels, files and reasons, each once */
    const an_attrs **attrs;  /* each once */
    const an_type **types;   /* each once */
    int64_t text_count, text_capacity, attrs_count, attrs_capacity, type_count, type_capacity;
    an_index by_leaf, by_output, by_set, by_state, by_counter, by_text, by_attrs, by_type;
    an_ops **ops;            /* sets of ops from outside, held */
    int64_t ops_count, ops_capacity;
    bool disordered;         /* ordinals do not increase with the nodes' numbers */
    uint32_t first_row;      /* what dropout takes for the number of row 0; 0: it is 0 */
    bool trains;             /* `training` was made a literal, and that is true */
    /* While a gradient or an update is emitted: where its nodes say they come from. */
    bool deriving;
    an_at origin_at;
    an_from origin;
    const char *origin_scope;
    an_error error; /* the first one */
    an_error compile_error; /* why the last an_compile failed */
    atomic_flag telling;    /* held while compile_error is written */
};

/* ---- reading ----------------------------------------------------------- */

static inline const an_node *an_node_of(const an_graph *g, uint32_t value)
{
    return &g->nodes[g->slots[value].node];
}

static inline const an_type *an_slot_type(const an_graph *g, uint32_t value)
{
    return g->slots[value].type;
}

/* The value that plays a part (AN_IN, AN_OUT); 0: none does. */
static inline uint32_t an_node_role(const an_node *n, int role)
{
    return role < 0 ? n->first + (uint32_t)(-1 - role) : role > 0 ? n->in[role - 1] : 0;
}

static inline an_value an_value_of(const an_graph *g, uint32_t id)
{
    return id ? (an_value){(an_graph *)g, id} : AN_NONE;
}

static inline bool an_is_op(const an_node *n, int code) { return n->op->code == code; }
static inline bool an_node_is_input(const an_node *n) { return an_is_op(n, AN_OP_input); }
static inline bool an_node_is_state(const an_node *n) { return an_is_op(n, AN_OP_state); }
static inline bool an_node_is_constant(const an_node *n) { return an_is_op(n, AN_OP_constant); }
/* A leaf that is known by its name: an input or a state. */
static inline bool an_node_is_named(const an_node *n) { return n->op->traits & AN_TRAIT_NAMED; }
/* A norm that makes rows, and not the gradient of one. */
static inline bool an_node_is_norm(const an_node *n)
{
    return n->op->rules->norm.row && !n->op->rules->norm.dy;
}
/* Add & Norm, of whatever norm: the norm of a sum that it makes itself; and its gradient. */
static inline bool an_node_is_add_norm(const an_node *n)
{
    return an_node_is_norm(n) && n->op->rules->norm.row < 0;
}
static inline bool an_node_is_add_norm_grad(const an_node *n) { return n->op->rules->norm.dsum; }
static inline bool an_node_is_leaf(const an_node *n) { return n->op->traits & AN_TRAIT_LEAF; }

/* Marks, beside the nodes marked already, every node that they depend on. `needed`
 * has node_count + 1 entries, by node number. */
void an_graph_mark_needed(const an_graph *g, bool *needed);
/* The same, and with it all that pending updates need whose witness is marked, to a fixed point. */
void an_graph_mark_pending(const an_graph *g, bool *needed);
/* What the outputs and update tables need, pending updates among it. */
void an_graph_mark_live(const an_graph *g, bool *needed);
/* The leaf, the output, the update table of that full name, or 0. */
uint32_t an_graph_leaf(const an_graph *g, const char *name);
uint32_t an_graph_named_output(const an_graph *g, const char *name);
uint32_t an_graph_set(const an_graph *g, const char *name);
/* The output of that name, or the value that "%12.1", output 1 of ordinal 12, calls
 * by place; 0 if there is none. */
uint32_t an_graph_root(const an_graph *g, const char *name);
/* The row of update table `set` for the state of that name, or NULL. */
const an_commit *an_graph_commit(const an_graph *g, const char *set, const char *state);
const an_commit *an_graph_commit_of(const an_graph *g, uint32_t set, uint32_t state);
/* The pending update of the state of that name, or NULL. */
const an_commit *an_graph_pending(const an_graph *g, const char *state);
/* Whether a table that both graphs have took both of these, which are pending for one state. */
bool an_graph_both_take(const an_graph *a, const an_commit *x, const an_graph *b,
                        const an_commit *y);
/* The state that dropout reads, or 0. */
uint32_t an_graph_random_key(const an_graph *g);
/* True if b differs from a in nothing that matters: identical dtype and shape. */
bool an_type_equal(const an_type *a, const an_type *b);
/* As many results of the same types: what operands and attributes do not say of opaque ops. */
bool an_results_alike(const an_graph *g, const an_node *a, const an_node *b);

/* What a node is for: the result, its gradients, or what a run leaves behind. */
typedef enum an_phase {
    AN_PHASE_FORWARD, AN_PHASE_BACKWARD, AN_PHASE_UPDATE, AN_PHASES
} an_phase;

const char *an_phase_name(unsigned phase);
/* An an_phase for each node number; false if memory is out. */
bool an_graph_phases(const an_graph *g, uint8_t *phase);
/* What the forward phase learns: moments, rates, counters and caches are no parameters. */
bool an_graph_is_parameter(const an_graph *g, const uint8_t *phase, uint32_t node);
/* How many nodes are Add & Norm; how many are the gradient of one. */
int64_t an_graph_add_norms(const an_graph *g);
int64_t an_graph_add_norm_grads(const an_graph *g);
/* Bytes and elements of a value; -1 and 0 if an extent has no number. */
int64_t an_value_bytes(const an_graph *g, uint32_t value);
int64_t an_value_elements(const an_graph *g, uint32_t value);
/* "B=32,T=100" over `usual` for every other name: `bound` has one entry per name. */
an_status an_graph_bind(const an_graph *g, const char *text, int64_t usual, int64_t *bound,
                        an_error *error);

/* ---- adding ------------------------------------------------------------ */

typedef struct an_spec {
    const an_op_info *op;
    int inputs;
    const uint32_t *in;
    const an_attrs *attrs; /* NULL: all zero; copied, with what it points to */
    const char *name, *scope;
    an_at at;
    uint32_t ordinal; /* 0: the next one */
    an_from from;     /* copied */
    const an_type *types; /* of an opaque op's results: they are given, not inferred */
    int type_count;
} an_spec;

/* Adds a node: checks arity, operands and attributes, infers, appends. Returns
 * the id of output 0, or 0 with the graph's error set. */
uint32_t an_graph_add(an_graph *g, const an_spec *spec);
an_graph *an_graph_of(const an_value *in, int count); /* the first operand's; NULL: none has one */
/* The same as a copy of node `n` of `from`: the types of an opaque op are that node's. */
uint32_t an_graph_add_like(an_graph *g, const an_spec *spec, const an_graph *from,
                           const an_node *n);
/* An empty graph whose dimension handles mean what they mean in `g`, with the
 * same name, update tables and next ordinal: what a copy-forward pass fills. */
an_graph *an_graph_like(const an_graph *g);
/* Makes value `id` known as the leaf of that name, which must be new and outlive
 * the graph; false if memory is out. */
bool an_graph_add_leaf(an_graph *g, const char *name, uint32_t id);
an_status an_graph_add_output(an_graph *g, const char *name, uint32_t value);
void an_graph_forget_outputs(an_graph *g); /* to declare others */
uint32_t an_graph_add_set(an_graph *g, const char *name); /* 0 on failure */
/* A row as it is: an_updates_add and an_pending ask first whether it may be. */
an_status an_graph_add_commit(an_graph *g, const an_commit *row);
/* How often that name was taken, made as 0 at the first call; NULL if memory is out. */
an_name_entry *an_graph_counter(an_graph *g, const char *name);
/* The graph's own copy, which all who ask for the same share. NULL if memory is out. */
const char *an_graph_keep_text(an_graph *g, const char *text); /* NULL gives NULL */
const an_attrs *an_graph_keep_attrs(an_graph *g, const an_op_info *op, const an_attrs *attrs);
const an_type *an_graph_keep_type(an_graph *g, const an_type *type);
/* The op of that name that the graph may use; NULL: there is none. */
const an_op_info *an_graph_op(const an_graph *g, const char *name);
/* Which of the ops it may use is nearest to a name that is none. */
void an_graph_guess_op(const an_graph *g, an_guess *guess);
bool an_graph_share_ops(an_graph *to, const an_graph *from); /* false if memory is out */
void an_graph_forget_ops(an_graph *g);
/* Room for so many nodes and values in all, and not for more; false if memory is out. */
bool an_graph_reserve(an_graph *g, int64_t nodes, int64_t slots);
/* Computes extent[] from the names' extents (see an_dims_bind) and asks the nodes whether these
 * fit. AN_E_BINDING or AN_E_LIMIT, with the place of the node (bind.c). */
an_status an_graph_extents(const an_graph *g, const int64_t *bound, int64_t *extent, an_error *e);
/* FLOPs of a node at these extents, by its op's rules: 0 for a leaf, NaN if its tensors are too
 * large to be, -1 if memory is out. */
double an_node_flops(const an_graph *g, uint32_t number, const int64_t *extent);
/* Records an error about a value or call; returns its status. */
an_status an_graph_fail(an_graph *g, an_at at, an_status status, const char *format, ...)
    AN_PRINTF(4, 5);
/* "f.c:12: " unless the place is unknown. */
void an_at_print(an_at at, an_text *out);
/* "encoder/res1", "encoder/%7" or "%7": what messages call a node, by its ordinal. In a file
 * that is the line's number unless the line says another. */
void an_node_print(const an_node *node, an_text *out);
/* Opens and closes the bracket in which emitted nodes are derived from `node`
 * (NULL: from the graph as a whole). Brackets do not nest. */
void an_graph_derive(an_graph *g, const char *how, const an_node *node);
void an_graph_derive_end(an_graph *g);

/* an_gradients from where given gradients dy of several values y reach them, which needs
 * no rule but theirs (grad.c). All good values of one graph. */
an_status an_gradients_from(const an_value *y, const an_value *dy, int count, const an_value *wrt,
                            int wanted, an_value *out);

#endif
