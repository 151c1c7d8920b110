/* optim.h -- minimising a loss: optimizers, schedules and clipping as graph nodes.
 *
 * an_minimize differentiates a loss and adds one optimizer step per parameter,
 * the optimizer's own states and an update table. All of it is ordinary graph: it
 * shows in pictures, goes through the passes and is verified like the rest.
 *
 *     an_updates up = an_minimize(loss, an_adam(.rate = 1e-3f), .clip_norm = 1);
 *     an_program *train = an_compile(g, store, .fetch = {loss}, .update = up);
 *
 * an_apply_gradients does the same with gradients of the caller's; what both take besides
 * (groups, accumulation, a table to join) is said once, below.
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
    AN_SCHEDULE_COSINE,
    AN_SCHEDULE_FUNCTION,
    AN_SCHEDULE_VALUE
} an_schedule_kind;

/* The rate at step t as a value of the graph, a float scalar, by any builders; `dtype` is what the
 * parameters are. AN_NONE, or any poison, after an_reject. */
typedef an_value (*an_rate_fn)(void *context, an_value t, an_dtype dtype);

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
 *            1/warmup), for a first step at rate 0 (Keras's) is none.
 *   FUNCTION what the caller's function makes of t: rising then falling as 1 / sqrt(t), linear ...
 *   VALUE    a value that the graph has: fed, or made of a counter (an_count_runs)       */
typedef struct an_schedule {
    an_schedule_kind kind;
    double peak;                    /* the largest rate; 0: the optimizer's rate */
    double factor; int64_t every;   /* STEPS */
    int64_t warmup, steps;          /* COSINE: steps to rise, and steps in all */
    double floor;                   /* COSINE: the rate at the end */
    an_rate_fn function; void *context; /* FUNCTION */
    an_value value;                 /* VALUE: a float scalar */
} an_schedule;

#define an_step_decay(...) ((an_schedule){.kind = AN_SCHEDULE_STEPS, __VA_ARGS__})
/* Loshchilov & Hutter, "SGDR", 2017; warm-up as in Vaswani et al. 2017. */
#define an_warmup_cosine(...) ((an_schedule){.kind = AN_SCHEDULE_COSINE, __VA_ARGS__})

#define an_rate_by(...) ((an_schedule){.kind = AN_SCHEDULE_FUNCTION, .function = __VA_ARGS__})
#define an_rate_is(...) ((an_schedule){.kind = AN_SCHEDULE_VALUE, .value = __VA_ARGS__})

/* The rate at step `t` (an i64 scalar) as a node of type `dtype`. an_minimize calls
 * it; on its own it serves anything else that should follow a schedule. */
AN_API an_value an_schedule_at(an_at at, const an_schedule *schedule, an_value t, an_dtype dtype);

/* ---- optimizers -------------------------------------------------------- */

typedef enum an_optimizer_kind {
    AN_SGD, AN_ADAM, AN_ADAMW, AN_RMSPROP, AN_ADAGRAD
} an_optimizer_kind;

/* Where 0 stands, Keras's default is meant: rate 0.01 (SGD), 0.001 (others), beta1
 * 0.9, beta2 0.999, rho 0.9, eps 1e-7. */
typedef struct an_optimizer {
    an_optimizer_kind kind;
    const char *name;     /* scope of its states; NULL: "sgd", "adam", "adamw" ... */
    double rate;          /* first value of the state "<name>/rate", which an_store_set_number
                             changes between runs; a schedule replaces that state */
    an_schedule schedule;
    double momentum;      /* SGD, RMSprop; 0: none */
    bool nesterov;
    double beta1, beta2, eps; /* Adam; eps also RMSprop, Adagrad */
    double decay;         /* weight decay, decoupled: times the rate */
    double rho;           /* RMSprop: decay of the mean of squares */
    bool centered;        /* RMSprop: divides by the deviation, not by the root mean square */
    double first_sum;     /* Adagrad: the sum of squares begins here (Keras: 0.1, PyTorch: 0) */
    bool eps_outside;     /* RMSprop, Adagrad: sqrt(v) + eps, as PyTorch; else sqrt(v + eps), as
                             Keras */
} an_optimizer;

/* Formulas and papers: ops/step.c. */
#define an_sgd(...) ((an_optimizer){.kind = AN_SGD, __VA_ARGS__})
#define an_adam(...) ((an_optimizer){.kind = AN_ADAM, __VA_ARGS__})
/* Adam with decoupled weight decay; give `.decay` (Keras's is 0.004). */
#define an_adamw(...) ((an_optimizer){.kind = AN_ADAMW, __VA_ARGS__})
#define an_rmsprop(...) ((an_optimizer){.kind = AN_RMSPROP, __VA_ARGS__})
#define an_adagrad(...) ((an_optimizer){.kind = AN_ADAGRAD, __VA_ARGS__})

/* ---- groups ------------------------------------------------------------ */

#define AN_MAX_GROUPS 8

/* What is otherwise for some parameters. A parameter is of the first group that takes it; a group
 * that takes none, or changes nothing, is an error.
 *
 *     .groups = {{.rank_below = 2, .no_decay = true}}              decay on kernels only
 *     .groups = {{.names = "embedding*", .frozen = true}, {.names = "*head*", .rate = 10}}
 */
typedef struct an_group {
    const char *names;  /* of full names; `*` stands for any characters, `/` too, `?` for one;
                           NULL: any */
    int rank_from, rank_below; /* of that rank or more; of a smaller one; 0: any */
    bool frozen;        /* no step, no gradient, no share in the clipping */
    bool no_decay;      /* none, whatever the optimizer's */
    double decay;       /* in place of the optimizer's; 0: the same */
    double rate;        /* a factor of the rate; 0: 1 */
    an_schedule schedule; /* in place of the optimizer's; CONSTANT: the same */
} an_group;

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
    an_group groups[AN_MAX_GROUPS];
    const an_group *group_list; /* instead of .groups */
    int group_count;
    int64_t accumulate;       /* batches of one step: each run adds its gradients up, every
                                 accumulate-th steps along their mean; 0, 1: every run steps */
    an_updates into;          /* the rows join that table; {0}: a new one */
    bool all_reduce;          /* gradients are the means of all ranks' (an_all_reduce), before
                                 clipping: right if the loss is a mean of as many rows on each */
} an_minimize_args;

/* The update table. The optimizer's states get a scope of their own, so several
 * losses of one graph may each have an optimizer. On failure the graph keeps the
 * reason and the table is empty.
 *
 * With .accumulate k batches of n rows step as one of k n does, up to rounding, where the loss is
 * a mean over rows. Sums and the count of batches are states: a training that is resumed goes on
 * in the middle of a step. Steps, and schedules with them, count every k-th run. Runs that take no
 * step do not compute it. */
AN_API an_updates an_minimize_with(const an_minimize_args *args);
#define an_minimize(...) an_minimize_with(&(an_minimize_args){.at = AN_HERE, __VA_ARGS__})

typedef struct an_apply_gradients_args {
    an_at at;
    an_optimizer optimizer;
    an_value state[AN_MAX_NAMED];    /* what is to change, any float states of one graph ... */
    an_value gradient[AN_MAX_NAMED]; /* ... each along minus this, of the state's type */
    const an_value *state_list;      /* both instead of .state and .gradient */
    const an_value *gradient_list;
    int count;
    double clip_norm;                /* from here on as in an_minimize_args */
    an_group groups[AN_MAX_GROUPS];
    const an_group *group_list;
    int group_count;
    int64_t accumulate;
    an_updates into;
    an_value also;                   /* the table takes what is pending for this, too: a loss */
} an_apply_gradients_args;

/* an_minimize behind the differentiation: for gradients that are summed, projected or estimated
 * in some way of the caller's. */
AN_API an_updates an_apply_gradients_with(const an_apply_gradients_args *args);
#define an_apply_gradients(...)                                                                    \
    an_apply_gradients_with(&(an_apply_gradients_args){.at = AN_HERE, __VA_ARGS__})

/* The gradient by which the table steps the state of that full name, as it was differentiated or
 * given: of this run's batch, before clipping. Nothing is differentiated again. Poison, and an
 * error with the nearest name, if there is no such step in the table. */
AN_API an_value an_updates_gradient(an_updates u, const char *state);
/* The same as the step takes it: the mean over the accumulated batches, after clipping. */
AN_API an_value an_updates_gradient_taken(an_updates u, const char *state);

/* This run's number, 1 at the first, an i64 scalar: a state of that name, which the table counts
 * on. For schedules of one's own. */
AN_API an_value an_count_runs_at(an_at at, an_updates u, const char *name);
#define an_count_runs(...) an_count_runs_at(AN_HERE, __VA_ARGS__)

/* ---- averages of the weights (average.c) ------------------------------- */

typedef struct an_average_args {
    an_at at;
    an_updates updates;         /* the table that steps them */
    double decay;               /* share of the average that is kept at a step, above 0, below 1 */
    const char *name;           /* scope of the averages; NULL: "ema" */
    an_value state[AN_MAX_NAMED]; /* only these; none: all that the table steps */
    const an_value *state_list; /* instead of .state */
    int count;
} an_average_args;

/* Adds to the table, for each parameter w, a state "ema/<w>" that follows w's new value of the same
 * step (Polyak & Juditsky 1992), at step t by
 *
 *     average' = average + (1 - decay) / (1 - decay^t) (w' - average)
 *
 * which is the decaying mean of w_1 ... w_t with Adam's bias correction in it: after one step the
 * average is w, before it 0. Where gradients are accumulated, runs that take no step are left
 * out. */
AN_API an_status an_average_with(const an_average_args *args);
#define an_average(...) an_average_with(&(an_average_args){.at = AN_HERE, __VA_ARGS__})

/* Gives each state of `to` its average in `from`, or where there is none what `from` has, so that a
 * program compiled with `to` evaluates by averages. `name` as in an_average (NULL: "ema"). The
 * stores may be one: then the averages become the weights. Statistics (running means) are taken as
 * they are. AN_E_STATE, with nothing changed, if `from` has no averages of that name or a
 * type differs. */
AN_API an_status an_store_take_averages(an_store *to, an_store *from, const char *name);

#ifdef __cplusplus
}
#endif
#endif
