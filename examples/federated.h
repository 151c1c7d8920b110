/* federated.h -- clients who keep their data, and the one thing that they send. */
#ifndef EXAMPLES_FEDERATED_H
#define EXAMPLES_FEDERATED_H

#include "examples/classifier.h"
#include "examples/example.h"

enum { MOST_CLIENTS = 64, MOST_WEIGHTS = 64 /* tensors */ };

typedef struct plan {
    example e;
    options data;       /* where reviews are from, as of the classifier */
    int64_t clients, rounds, central; /* epochs of central training */
    double rate, near;  /* near: FedProx's mu, 0: federated averaging */
} plan;

/* ---- federated_data.c ---------------------------------------------------- */

/* What one party has: reviews as rows of ids, and their labels. */
typedef struct share {
    int64_t rows;
    an_tensor ids, label;
} share;

typedef struct parties {
    int64_t vocabulary;
    share test, all;            /* the server's; `all` is for central training, to compare with */
    share client[MOST_CLIENTS]; /* of those that this process is */
} parties;

/* Two classes. A client's share of the second is anything from few to most: client k of n has
 * reviews of it in proportion (k + 1/2) / n, of the other in proportion 1 - (k + 1/2) / n. The last
 * fifth of the reviews is the server's test; words are numbered by that, as no client tells its
 * own. Of the clients, those are kept for which `mine` says so. False after a message. */
bool share_out(const plan *p, bool (*mine)(int64_t client), parties *all);
void free_parties(parties *all);

/* ---- federated_party.c: who trains and tests ------------------------------ */

/* The network's weights: their names, and how many numbers they are. */
typedef struct weights {
    int64_t tensors, count;
    const char *name[MOST_WEIGHTS];
    an_value value[MOST_WEIGHTS];
} weights;

typedef struct task {
    an_graph *graph;
    an_value loss, accuracy;
    an_updates step;
    weights weights;
} task;

typedef struct party {
    an_store *store;
    an_program *program;
} party;

/* With weights as the seed has them. Calls of a result give false, or NaN, after a message. */
bool join(party *a, const plan *p, const task *t, bool trains);
void leave(party *a);
bool learn(const party *a, const plan *p, const share *s, int64_t epochs, uint64_t seed);
double test(const party *a, const share *s); /* the share that is right */
/* All weights in a row, out of a store or into it; `start_too`: as what a round begins with. */
void pack(const party *a, const weights *w, float *row);
bool unpack(const party *a, const weights *w, float *row, bool start_too);

/* ---- federated_link.c: the only way out of a client ---------------------- */

/* Between processes if it was started by mpirun, else within one. Ranks share the clients out by
 * turns; rank 0 is the server as well. */
bool link_open(int *argc, char ***argv);
void link_close(void);
bool link_is_server(void);
int link_processes(void);
bool link_is_mine(int64_t client);

/* All that a client sends: its weights, and how many rows they were learnt from. */
typedef struct parcel {
    double rows;
    int64_t count;
    float *weights;
} parcel;

/* The mean of all clients' weights by their rows, added up in the order of the clients and in
 * double whoever is where, to everybody. `of`: the parcels of the clients that this process is. */
bool link_average(const parcel *of, int64_t clients, float *mean, int64_t count);
/* How many parcels the server has had. */
int64_t link_parcels(void);
void link_give_up(void); /* ends all processes, if there are several: one cannot go on */
/* The server's word, to everybody. */
bool link_agree(bool verdict);

#endif
