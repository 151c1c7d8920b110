/* bench_verify.c -- how long a proof and the numbers take, on graphs as they are trained.
 *
 *   bench_verify [STEPS]
 *
 * The article's classifier, a GPT-style stack of 12 blocks and the encoder of
 * examples/transformer.c, each with its loss, its outputs and Adam's updates, against
 * what the passes make of it: an_prove, then an_equivalent on one seed for three
 * optimizer steps, shadow run included, at the extents of training.           */
#include "tests/models.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static double seconds(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* Takes the graph. False if anything is not as it should be. */
static bool measure(const char *bind, int steps, an_model m)
{
    an_optimised *o = an_optimise(.graph = m.g);
    const an_graph *optimised = an_optimised_graph(o);
    if (!optimised) return fprintf(stderr, "%s\n", an_optimised_message(o)), false;
    double start = seconds(CLOCK_MONOTONIC);
    an_proof *f = an_prove(.a = m.g, .b = optimised);
    const double proving = seconds(CLOCK_MONOTONIC) - start;
    const double worked = seconds(CLOCK_PROCESS_CPUTIME_ID);
    start = seconds(CLOCK_MONOTONIC);
    an_equivalence *e = an_equivalent(.a = m.g, .b = optimised, .steps = steps, .bind = bind);
    const double running = seconds(CLOCK_MONOTONIC) - start;
    printf("%-10s  %-10s  %5lld  %8lld  %3lld + %-3lld  %-8s  %8.4f  %-8s  %7.2f  %7.2f\n",
           an_graph_name(m.g), bind, (long long)an_graph_node_count(m.g),
           (long long)an_graph_parameters(m.g), (long long)an_equivalence_fused(e),
           (long long)an_equivalence_fused_backward(e),
           an_proof_holds(f) ? "proved" : "unproved", proving,
           an_verdict_name(an_equivalence_numbers(e)), running,
           seconds(CLOCK_PROCESS_CPUTIME_ID) - worked);
    const bool good = an_equivalence_holds(e, AN_RUNG_PROVED);
    if (!good) printf("%s\n%s\n", an_proof_message(f), an_equivalence_message(e));
    an_proof_free(f);
    an_equivalence_free(e);
    an_optimised_free(o);
    an_graph_free(m.g);
    return good;
}

int main(int argc, char **argv)
{
    const int steps = argc > 1 ? atoi(argv[1]) : 3;
    printf("%s\none seed, %d optimizer steps; seconds\n\n", an_runtime_describe(), steps);
    printf("graph       extents     nodes  weights   fused      proof     an_prove  numbers   "
           "an_equivalent  of CPU\n");
    bool good = measure("B=32,T=100", steps,
                        an_model_minimise(an_model_classifier(AN_CLASSIFIER_FULL), 1e-3f));
    good &= measure("B=8", steps, an_model_minimise(an_model_transformer(AN_GPT), 1e-3f));
    good &= measure("B=64", steps, an_model_minimise(an_model_transformer(AN_ENCODER), 1e-3f));
    return good ? 0 : 1;
}
