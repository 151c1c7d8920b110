/* groups.c -- what becomes one, against an oracle; and what is refused as tangled. */
#include "graph/passes/pipeline.h"
#include "tests/graph/group_trial.h"
#include "tests/mutants/mutants.h"

#include <string.h>

#define TRIALS 300

static int64_t refused_for(const an_optimised *o, const char *reason)
{
    int64_t count = 0;
    for (int64_t i = 0; i < o->note_count; i++) count += !strcmp(o->notes[i].reason, reason);
    return count;
}

static void try_tangle(void)
{
    an_graph *g = an_group_tangle(400);
    an_optimised *o = an_optimise(.graph = g, .passes = "fuse_add_norm");
    if (o->status != AN_OK) {
        an_object("pass", "a tangle: %s", o->message);
    } else {
        const int64_t fused = an_graph_count(o->graph, "add_norm");
        const int64_t depends = refused_for(o, "depends-on-sum");
        const int64_t tangled = refused_for(o, "tangled");
        if (depends < 64 || tangled < 64 || depends + tangled != 401 || fused != 2)
            an_object("notes", "a tangle: %lld pairs fuse, %lld depend, %lld are tangled",
                      (long long)fused, (long long)depends, (long long)tangled);
    }
    an_optimised_free(o);
    an_graph_free(g);
}

void an_battery_groups(void)
{
    for (int i = 1; i <= TRIALS; i++) {
        const int nodes = i % 4 ? 4 + i % 50 : AN_GROUP_MOST;
        const char *fault = an_group_trial((uint64_t)i, nodes, NULL, NULL);
        if (fault) an_object("groups", "seed %d: %s", i, fault);
    }
    try_tangle();
}
