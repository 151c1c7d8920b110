/* optim.h -- minimising a loss: optimizers, schedules and clipping as graph nodes.
 *
 * an_minimize differentiates a loss and adds one optimizer step per parameter,
 * the optimizer's own states and an update table. All of it is ordinary graph: it
 * shows in pictures, goes through the passes and is verified like the rest.
 *
 *     an_updates up = an_minimize(loss, an_adam(.rate = 1e-3f), .clip_norm = 1);
 *     an_program *train = an_compile(g, store, .fetch = {loss}, .update = up);
 *
 * Threads: all of it changes the loss's graph, as builders do.               */
#ifndef AN_OPTIM_OPTIM_H
#define AN_OPTIM_OPTIM_H

#include "graph/graph.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- schedules --------------------------------------------------------- */

typedef enum an_schedule_kind {
    AN_SCHEDULE_CONSTANT = 0, /* the optimizer's rate */
    AN_SCHEDULE_STEPS,
    AN_SCHEDULE_COSINE
} an_schedule_kind;

/* How the rate depends on the step t = 1, 2, 3 ... Keras and PyTorch count steps that were
 * taken, s = t - 1; what both do is done here.
 *
 *   STEPS    peak * factor^floor(s / every)
 *            PyTorch's StepLR, Keras's ExponentialDecay(staircase=True)
 *   COSINE   s < warmup:   peak * (s + 1) / warmup
 *            then          floor + (peak - floor) * (1 + cos(pi * u)) / 2,
 *                          u = min(1, (s - warmup) / (steps - warmup))
 *            without warm-up PyTorch's CosineAnnealingLR and Keras's CosineDecay, which stay at
 *            the floor here; the first step is at the peak, the floor comes behind the last of
 *            `steps`. Warming up starts from peak / warmup, as PyTorch's LinearLR(start_factor=
 *            1/warmup), for a first step at rate 0 (Keras's) is none.        */
typedef struct an_schedule {
    an_schedule_kind kind;
    double peak;                    /* the largest rate; 0: the optimizer's rate */
    double factor; int64_t every;   /* STEPS */
    int64_t warmup, steps;          /* COSINE: steps to rise, and steps in all */
    double floor;                   /* COSINE: the rate at the end */
} an_schedule;

#define an_step_decay(...) ((an_schedule){.kind = AN_SCHEDULE_STEPS, __VA_ARGS__})
/* Loshchilov & Hutter, "SGDR", 2017; warm-up as in Vaswani et al. 2017. */
#define an_warmup_cosine(...) ((an_schedule){.kind = AN_SCHEDULE_COSINE, __VA_ARGS__})

/* The rate at step `t` (an i64 scalar) as a node of type `dtype`. an_minimize calls
 * it; on its own it serves anything else that should follow a schedule. */
AN_API an_value an_schedule_at(an_at at, const an_schedule *schedule, an_value t, an_dtype dtype);

/* ---- optimizers -------------------------------------------------------- */

typedef enum an_optimizer_kind { AN_SGD, AN_ADAM, AN_ADAMW } an_optimizer_kind;

/* Where 0 stands, Keras's default is meant: rate 0.01 (SGD), 0.001 (Adam), beta1
 * 0.9, beta2 0.999, eps 1e-7. */
typedef struct an_optimizer {
    an_optimizer_kind kind;
    const char *name;     /* scope of its states; NULL: "sgd", "adam", "adamw" */
    double rate;          /* first value of the state "<name>/rate", which an_store_set_number
                             changes between runs; a schedule replaces that state */
    an_schedule schedule;
    double momentum;      /* SGD; 0: none */
    bool nesterov;
    double beta1, beta2, eps; /* Adam */
    double decay;         /* weight decay, decoupled: times the rate */
} an_optimizer;

/* Formulas and papers: ops/step.c. */
#define an_sgd(...) ((an_optimizer){.kind = AN_SGD, __VA_ARGS__})
#define an_adam(...) ((an_optimizer){.kind = AN_ADAM, __VA_ARGS__})
/* Adam with decoupled weight decay; give `.decay` (Keras's is 0.004). */
#define an_adamw(...) ((an_optimizer){.kind = AN_ADAMW, __VA_ARGS__})

/* ---- minimising -------------------------------------------------------- */

typedef struct an_minimize_args {
    an_at at;
    an_value loss;            /* a float scalar */
    an_optimizer optimizer;
    double clip_norm;         /* scales all gradients so that their joint norm is at most
                                 this (Pascanu et al. 2013); 0: no clipping */
    an_value wrt[AN_MAX_NAMED]; /* only these states; none: every float state that the loss
                                   depends on and that is not frozen */
    const an_value *wrt_list; /* instead of .wrt */
    int wrt_count;
} an_minimize_args;

/* The update table. The optimizer's states get a scope of their own, so several
 * losses of one graph may each have an optimizer. On failure the graph keeps the
 * reason and the table is empty. */
AN_API an_updates an_minimize_with(const an_minimize_args *args);
#define an_minimize(...) an_minimize_with(&(an_minimize_args){.at = AN_HERE, __VA_ARGS__})

#ifdef __cplusplus
}
#endif
#endif
