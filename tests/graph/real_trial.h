/* real_trial.h -- pairs that are equal over the reals, and pairs that are not. Needs no Check.  */
#ifndef AN_TESTS_REAL_TRIAL_H
#define AN_TESTS_REAL_TRIAL_H

#include "graph/graph.h"

/* A form as one op, or as one tool writes it, and as another does (written_out.def). */
typedef struct an_spelling {
    const char *what, *how, *left, *right;
} an_spelling;

extern const an_spelling an_spellings[];
extern const int an_spelling_count;
/* Either side behind its leaves. */
an_graph *an_spelling_graph(const char *body);

/* Hears what is proved, though f64 tells it apart. */
typedef void (*an_trial_said)(const char *format, ...);

/* One edit of either side of a form, drawn by the seed. Whether f64 tells it apart; *equal counts
 * those that it does not and that were proved. */
bool an_trial_edit(uint64_t seed, int *equal, an_trial_said said);
/* Any two values of one type in a graph drawn by the seed. Counts pairs apart; alike and proved;
 * alike and not proved. */
void an_trial_values(uint64_t seed, int counts[3], an_trial_said said);

#endif
