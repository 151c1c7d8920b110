/* saved.c -- what .recompute saves, told from a plan of what would run without it. */
#include "graph/run/program.h"

typedef struct an_unsaved {
    an_graph *graph;
    an_run_schedule schedule;
    int64_t bytes, saved; /* of the binding that needs most of all so far */
} an_unsaved;

bool an_program_compare_with(an_program *p, an_graph *g, uint32_t set)
{
    p->unsaved = an_alloc_zeroed(sizeof *p->unsaved);
    if (!p->unsaved) {
        an_graph_free(g);
        return false;
    }
    p->unsaved->graph = g;
    return an_run_schedule_make(&p->unsaved->schedule, g, set) == AN_OK;
}

/* For want of memory nothing is noted: the run goes on. */
void an_program_note_saved(an_program *p, const an_plan *plan)
{
    an_unsaved *u = p->unsaved;
    if (!u || plan->slab_bytes < u->bytes) return;
    an_error ignored = {0};
    an_plan *plain = an_plan_new(&u->schedule, p->bound, &ignored);
    if (!plain) return;
    u->bytes = plan->slab_bytes;
    u->saved = plain->slab_bytes - plan->slab_bytes;
    an_plan_free(plain);
}

void an_program_forget_unsaved(an_program *p)
{
    if (!p->unsaved) return;
    an_run_schedule_free(&p->unsaved->schedule);
    an_graph_free(p->unsaved->graph);
    an_free(p->unsaved);
}

int64_t an_program_saved(const an_program *p)
{
    return p && p->unsaved ? p->unsaved->saved : 0;
}
