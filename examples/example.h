/* example.h -- what the examples share: a command line, figures, random numbers.
 *
 * Every example takes --json FILE, --dot FILE, --graph FILE, --seed N, --threads N, --small and
 * --help, and has options of its own beside them:
 *
 *     example e = {.name = "depth", .does = "measures depth", .seed = 1};
 *     int64_t steps = 300;
 *     const example_option own[] = {{"--steps", "training steps", .count = &steps}, {0}};
 *     if (!example_begin(&e, argc, argv, own)) return e.code;
 *     ...
 *     if (e.graph) return example_end(&e, example_print(&e, g));  the text --graph asked for
 *     example_draw(&e, an_program_graph(train));      the picture that --dot asked for
 *     example_figure(&e, accuracy, "accuracy");       printed nowhere, kept for --json
 *     return example_end(&e, accuracy > 0.97);        writes --json; the exit code  */
#ifndef EXAMPLES_EXAMPLE_H
#define EXAMPLES_EXAMPLE_H

#include <addnorm.h>

/* An option of an example's own. One of the places is set; it holds the value that is usual, and
 * the value that was given goes there. */
typedef struct example_option {
    const char *name, *help; /* "--steps", "training steps" */
    bool *flag;              /* takes no value */
    int64_t *count;          /* a whole number from 0 on */
    double *number;
    const char **text;
} example_option;

enum { EXAMPLE_FIGURES = 512 };

typedef struct example {
    const char *name, *does; /* of the program, for its usage */
    const char *json, *dot, *graph; /* files, or NULL */
    uint64_t seed;
    int threads;             /* 0: all CPUs */
    int depth;               /* down to which its picture shows scopes; 0: as fits */
    bool small;              /* the setting that the tests run: seconds, and a weak bound */
    int code;                /* what main returns where example_begin said no */
    int figures;
    struct { char name[64]; double value; } figure[EXAMPLE_FIGURES];
} example;

/* Reads the command line and sets the threads. `own` ends with a row without a name; NULL: none.
 * False after --help (code 0) or a mistake (2), which it has told. */
bool example_begin(example *e, int argc, char **argv, const example_option *own);

/* Keeps a figure for --json; its name is printed as by printf. */
#if defined(__GNUC__)
__attribute__((format(printf, 3, 4)))
#endif
void example_figure(example *e, double value, const char *name, ...);

/* The picture that --dot asked for; false, after a message, if it cannot be written. */
bool example_draw(const example *e, const an_graph *g);

/* The graph as it was defined, with gradients and updates, as text for the addnorm command: what
 * --graph asked for, and all that is done then. False, after a message, if it cannot be written. */
bool example_print(const example *e, const an_graph *g);

/* The simplest baseline: the share of `fresh` labels that are the commonest of the `known` ones. */
double example_majority(const int32_t *known, int64_t known_count, const int32_t *fresh,
                        int64_t fresh_count, int64_t classes);

/* Whether two graphs were proved equal, and all that was compared has the same bits. */
bool example_proves(const an_equivalence *q);
/* Whether what runs is what was written, with its gradients and steps: a proof, and numbers in
 * bits, at extents such as "B=2,T=16". Prints that and how many Add & Norm were fused, and keeps
 * it as figures: "NAME_add_norm", "NAME_add_norm_grad", "NAME_same", NAME being the graph's. */
bool example_same(example *e, const an_graph *written, const an_program *runs, const char *bind);

/* Writes what --json asked for: {"seed": 1, "passed": true, "accuracy": 0.98}, null for what is not
 * finite. The exit code: 0 if it passed and all was written. */
int example_end(example *e, bool passed);

/* Numbers from a seed (SplitMix64): *state is any number, and moves on. */
uint64_t example_random(uint64_t *state);
int64_t example_below(uint64_t *state, int64_t n); /* 0 .. n - 1 */
double example_uniform(uint64_t *state);           /* 0 <= x < 1 */
double example_normal(uint64_t *state);            /* mean 0, deviation 1 (Box & Muller 1958) */

#endif
