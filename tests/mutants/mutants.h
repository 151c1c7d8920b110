/* mutants.h -- what the parts of the mutation test share.
 *
 * A *part* is one thing that can object to a mutant: the proof, the numbers, the notes
 * of a pass ... A battery runs good and bad graphs past the verifier and calls
 * an_object for whatever is not as it must be. With mutant 0 nothing may object. */
#ifndef AN_TESTS_MUTANTS_H
#define AN_TESTS_MUTANTS_H

#include "graph/equal/result.h"
#include "graph/ir.h"

typedef struct an_mutant_row {
    const char *name, *file, *breaks;
    const char *same; /* why it changes nothing that counts; NULL: it must be caught */
} an_mutant_row;

/* Made by mutate.py from mutants.txt. Mutant i is row i - 1; 0 is the library as it is. A
 * second one may be planted beside it, for what is under test to find. */
extern int an_mutant, an_planted;
extern const an_mutant_row an_mutants[];
extern const int an_mutant_count;
int an_mutant_number(const char *name); /* 0: there is none */

/* `part` found something wrong. Of each part the first words are kept. */
void an_object(const char *part, const char *format, ...) AN_PRINTF(2, 3);

/* ---- judge.c: what an equivalence must say ----------------------------- */

/* All of it must be content: the numbers, the proof, every check that it carries.
 * `vacuous`: part of why the numbers show nothing here; NULL: they must. */
void an_judge_equal(const char *what, const an_equivalence *e, const char *vacuous);
/* Something of it must object: the graphs do compute different things. */
void an_judge_different(const char *what, const an_equivalence *e);

/* Check `name` must object, and with it the verdict. */
void an_judge_watched(const char *what, const an_equivalence *e, const char *name);

/* A graph from text; objects as "graph" and returns NULL if it is none. */
an_graph *an_read_graph(const char *name, const char *text);

/* ---- the batteries ------------------------------------------------------- */

void an_battery_catalogue(void); /* what fuses, what must not, and what comes of it */
void an_battery_groups(void);    /* what becomes one, and in which order all is made */
void an_battery_models(void);    /* training graphs through the pipeline and as programs */
void an_battery_pairs(void);     /* graphs that are known to be equal, or known to differ */
void an_battery_written(void);   /* forms written out, which are equal over the reals */
void an_battery_reals(void);     /* one edit away, and values of one graph: what is not */
void an_battery_judging(void);   /* comparing tensors; what an equivalence may conclude */
void an_battery_ops(void);       /* kernels against their plain loops; gradients */
void an_battery_rows(void);      /* long rows, and rows beyond f32's sums */
void an_battery_outside(void);   /* ops from outside */
void an_battery_answers(void);   /* what differs at one place, and what is not proved */
void an_battery_pending(void);   /* pending updates and `training` */
void an_battery_plans(void);     /* plans that are wrong on purpose; data that is refused */
void an_battery_parts(void);     /* states changed in place, and runs that fail then */
void an_battery_recompute(void); /* what is computed again */
void an_battery_ranks(void);     /* what ranks add up, and what they agree on */
void an_battery_checked(void);   /* faulty ops from outside, and an_check_op */
void an_battery_along(void);     /* running sums, order, slices at a place that is data, draws */
void an_battery_planted(void);   /* faults that the checks of an equivalence must find */

#endif
