/* oom.h -- a piece of work, and what must be so of it at every allocation that is refused.
 *
 * A case is a row: what is made beforehand, the work, what came of it as text, and how that is
 * freed. Beforehand and afterwards memory is there; during the work one request is refused, or
 * one and all that follow.                                                   */
#ifndef AN_TESTS_OOM_H
#define AN_TESTS_OOM_H

#include "frontends/addnorm.h"
#include "tests/models.h"
#include "tests/support.h"

typedef struct an_oom {
    /* made by `prepare`, freed behind the case */
    an_model m;
    an_graph *other;
    an_store *store;
    an_program *program, *second;
    an_tensor feed[2];
    char *text;
    char path[128]; /* of a file or folder the case may make */
    void *more;     /* what else it needs */
    /* made by `work`, freed by an_oom_drop; the status must be AN_E_MEMORY, with a message that
     * says so, unless all is as it is in the good run */
    an_status status;
    char message[2100];
    an_graph *graph;
    char *made; /* a text */
    an_optimised *optimised;
    an_program *compiled;
    an_tensor out[2];
    an_proof *proof;
    an_equivalence *equivalence;
    an_gradient_check *check;
    an_history *history;
    void *result; /* of another kind, for the case's own `drop` */
} an_oom;

typedef struct an_oom_case {
    const char *name;
    void (*prepare)(an_oom *w); /* or NULL */
    void (*work)(an_oom *w);
    void (*describe)(an_oom *w, FILE *out); /* what came of it; NULL: made, graph, tensors */
    void (*state)(an_oom *w, FILE *out);    /* what no failure changes; NULL: graphs and store */
    void (*drop)(an_oom *w);                /* NULL: what this header names is all */
    void (*done)(an_oom *w);                /* likewise of what `prepare` made */
} an_oom_case;

/* Tries the cases; prints what is wrong and how many points there were; returns how many were
 * wrong. All points if AN_OOM is "full", else some of each case. AN_OOM_CASE=name tries one case,
 * AN_OOM_AT=n one allocation. */
int64_t an_oom_try(const an_oom_case *cases, int count);

void an_oom_says(an_oom *w, an_status status, const char *message);
/* Of a call that is wrong: its message is the result, unless it is that memory is out. */
void an_oom_refuses(an_oom *w, an_status status, const char *message);

#endif
