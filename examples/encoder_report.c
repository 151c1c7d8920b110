/* encoder_report.c -- that what runs is what was written, and what came of it. */
#include "examples/encoder.h"

#include <math.h>
#include <stdio.h>

bool verify(example *e, const task *t, const an_program *p)
{
    const char *name = an_graph_name(t->graph);
    an_equivalence *q = an_equivalent(t->graph, an_program_graph(p), .gradients = true,
                                      .subset = true, .bind = "B=2,T=16", .seeds = 2,
                                      .quick = true);
    const bool same = example_proves(q);
    const struct { const char *op; double count; } ops[] = {
        {"add_norm", (double)an_graph_count(an_program_graph(p), "add_norm")},
        {"add_norm_grad", (double)an_graph_count(an_program_graph(p), "add_norm_grad")},
        {"layer_norm", (double)an_graph_count(an_program_graph(p), "layer_norm")}};
    printf("%s: %g Add & Norm fused, %g backward, %g norm left alone; %s\n", name, ops[0].count,
           ops[1].count, ops[2].count, an_equivalence_message(q));
    for (int i = 0; i < 3; i++) example_figure(e, ops[i].count, "%s_%s", name, ops[i].op);
    example_figure(e, same, "%s_same", name);
    an_equivalence_free(q);
    return same;
}

bool judge(plan *p, double most, double bag, double scratch, double tuned)
{
    const double best = fmax(most, fmax(bag, scratch));
    printf("%-14s %.4f\n%+.1f points over the encoder from scratch, %+.1f over the best baseline\n",
           "majority", most, 100 * (tuned - scratch), 100 * (tuned - best));
    example_figure(&p->e, most, "majority");
    example_figure(&p->e, tuned - scratch, "gain");
    example_figure(&p->e, tuned - best, "margin");
    /* Of other texts the figure is told, and nothing asked. */
    return p->train || p->e.small ? isfinite(tuned + scratch) : tuned - scratch >= 0.05;
}
