/* undo.c -- what a run changes in states before it is sure to end, and how that is put back.
 *
 * A kernel that is about to write over a part of a state (an_patch) says which bytes these are.
 * They are copied into a buffer that the plan holds for them up to the gate, where nothing can fail
 * any more. Put back is in the opposite order, for parts may overlap. The places are noted beside
 * the plan: what they were computed from may be gone by then.                    */
#include "graph/run/program.h"

#include <string.h>

bool an_program_keep_parts(an_program *p, an_plan *plan, int64_t wave, int64_t *done)
{
    const an_run_schedule *s = &p->schedule;
    for (; *done < s->patch_count && s->tasks[s->patches[*done].task].wave == wave; ++*done) {
        const an_patch *patch = &s->patches[*done];
        const an_work *w = &plan->works[patch->task];
        an_pieces *part = &plan->parts[*done];
        if (!w->op->rules->patched(w, part)) return false;
        const char *from = (const char *)w->in[0].data + part->first;
        char *to = p->at[patch->kept];
        for (int64_t i = 0; i < part->count; i++)
            memcpy(to + i * part->bytes, from + i * part->apart, (size_t)part->bytes);
    }
    return true;
}

void an_program_undo(an_program *p, const an_plan *plan, int64_t *done)
{
    const an_run_schedule *s = &p->schedule;
    while (*done > 0) {
        const an_patch *patch = &s->patches[--*done];
        const an_pieces *part = &plan->parts[*done];
        const char *from = p->at[patch->kept];
        char *to = (char *)plan->works[patch->task].in[0].data + part->first;
        for (int64_t i = 0; i < part->count; i++)
            memcpy(to + i * part->apart, from + i * part->bytes, (size_t)part->bytes);
    }
}
