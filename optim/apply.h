/* apply.h -- an optimizer being applied: what the files of this room share.
 *
 * Filled from the top down: the call's arguments, the states and their groups, the
 * gradients, then the values that all steps read.                            */
#ifndef AN_OPTIM_APPLY_H
#define AN_OPTIM_APPLY_H

#include "graph/ir.h"
#include "optim/optim.h"

typedef struct an_applying {
    const char *call; /* the public call, for messages */
    an_at at;
    an_graph *g;
    an_optimizer o; /* with defaults filled in */
    double clip_norm;
    int64_t accumulate; /* batches of a step; at least 1 */
    an_updates into;
    an_value also;
    const an_group *groups;
    int group_count;
    an_value *state, *gradient; /* `count` each; a frozen one's gradient is AN_NONE */
    int *group;                 /* of each state; -1: none */
    int count;
    an_value *rate; /* two for each group and two before: as f32 and f64, made when needed */
    an_updates up;
    an_value step;     /* this step's number, from 1 */
    an_value first, last; /* accumulating: of a step's batches, and then the step is taken */
    an_value scale[2]; /* of gradients, as f32 and f64; AN_NONE: 1 */
} an_applying;

/* Room for that many states; groups given inline end at the first that is empty. */
an_status an_applying_begin(an_applying *a, int64_t room, const an_group *inline_groups);
void an_applying_end(an_applying *a);
/* States and gradients being there, emits all else; returns the table. */
an_updates an_applying_emit(an_applying *a);
bool an_applying_is_frozen(const an_applying *a, int i);

/* groups.c: says whose group each state is, or which group is none. */
/* Whether a group says which parameters it takes; whether it changes anything for them. */
static inline bool an_group_chooses(const an_group *x)
{
    return x->names || x->rank_from || x->rank_below;
}
static inline bool an_group_changes(const an_group *x)
{
    return x->frozen || x->no_decay || x->decay != 0 || x->rate != 0 ||
           x->schedule.kind != AN_SCHEDULE_CONSTANT;
}
an_status an_groups_assign(an_applying *a);

/* A state in the optimizer's scope, all elements `first`. */
an_value an_own_state(an_applying *a, const char *name, an_type type, double first);
an_value an_own_moment(an_applying *a, an_value param, const char *which, double first);
/* steps.c: the step of parameter p along g, and its rows. */
void an_emit_step(an_applying *a, an_value p, an_value g, double decay, an_value rate,
                  an_value scale);

/* A row of a table that is an optimizer's step, taken apart (look.c). */
typedef struct an_taken {
    const an_node *step;
    an_value when;     /* at which runs, a bool; AN_NONE: at all */
    an_value gradient; /* of this run's batch */
    an_value total;    /* what the step reads: the gradient, or the sum over batches */
    an_value scale;    /* AN_NONE: 1 */
    an_value rate;     /* AN_NONE: the step has none */
} an_taken;
/* False if the row is no step of its state. */
bool an_taken_apart(const an_graph *g, const an_commit *row, an_taken *out);

#endif
