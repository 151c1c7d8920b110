/* store.h -- the inside of a store of weights, for compiling and running.
 *
 * A state's bytes stay where they are from its creation to the store's death, so
 * programs keep pointers to them. Whoever reads or writes them holds the store:
 * enter, and leave again; a store that is held refuses everybody else.       */
#ifndef AN_GRAPH_RUN_STORE_H
#define AN_GRAPH_RUN_STORE_H

#include "graph/ir.h"

/* False, and nothing held, if somebody holds it already. */
bool an_store_enter(an_store *s);
void an_store_leave(an_store *s);
/* Enters for one call of the public kind: forgets the last failure and gives the
 * place of this call's. NULL: somebody holds it, and an_store_message says so. */
an_error *an_store_begin(an_store *s);

/* State number i of an_store_count(s). */
const an_tensor *an_store_at(const an_store *s, int64_t i);
/* Whether all programs that use it call it transient: files and sums leave it out. */
bool an_store_is_transient(const an_store *s, int64_t i);

/* The bytes of the state that node `n` of `g` names, made and initialised if the
 * store has none; AN_E_STATE into `e` if the store's has another type. The store
 * must be held. */
an_status an_store_ready(an_store *s, const an_graph *g, const an_node *n, void **data,
                         an_error *e);

typedef struct an_named_tensor {
    const char *name;
    an_tensor tensor; /* owned */
    char *kept;       /* an_store_take's own */
} an_named_tensor;
/* Gives the states of those names, all different, those values; all or none. A
 * new state's tensor is empty then. The store must be held. */
an_status an_store_take(an_store *s, an_named_tensor *values, int64_t count);

/* From now on programs find their states in the store, since it took them from that file
 * (complete.c); an empty path: they are made as they are needed. Takes the text over. */
void an_store_seal(an_store *s, an_text *path);
const char *an_store_sealed(const an_store *s); /* that path, or NULL */
/* Whether there is such a state, or an initialiser of the user's for it. */
bool an_store_knows(const an_store *s, const char *name);
/* Whether a program uses a state of the store. */
bool an_store_is_used(const an_store *s);

/* Names in a message: the first few and how many more. Zero-initialised: none. */
typedef struct an_name_list {
    an_text text; /* to be freed */
    int64_t count;
} an_name_list;
void an_name_list_add(an_name_list *l, const char *name);
const char *an_name_list_end(an_name_list *l); /* the list as text, "none" if it is empty */

/* Fills `t` as `init` says from draws that depend on (seed, name, element) alone
 * (initialise.c). Every element is written. */
an_status an_initialise(const an_init *init, const char *name, uint64_t seed, an_tensor *t);

#endif
