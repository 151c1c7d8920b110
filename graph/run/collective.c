/* collective.c -- runs that several processes make together, a rank each.
 *
 * An all_reduce is begun behind its wave, on the bytes of its result, and ended before the first
 * wave that reads them, or at the gate: what runs in between runs beside it. All ranks begin and
 * end the same ones in the same order, for the order is the schedule's and knows no data.
 *
 * Ranks agree twice: before the first wave, that all of them can run and mean the same, and at the
 * gate, that all of them commit. A rank that fails in between goes on to begin and to end, with
 * whatever bytes there are, so that nobody waits for it in vain.                      */
#include "graph/run/program.h"

#include "core/random.h"

/* ---- which, and how long they may take -------------------------------------- */

static bool is_shared(const an_program *p, int64_t task)
{
    return p->graph->nodes[p->schedule.tasks[task].node].op->traits & AN_TRAIT_ACROSS;
}

/* For each root value the wave before which somebody reads it; the gate, where only what is past
 * that does. */
static void find_readers(const an_program *p, int64_t *reader)
{
    const an_run_schedule *s = &p->schedule;
    for (int64_t v = 0; v <= p->graph->slot_count; v++) reader[v] = s->gate;
    for (int64_t t = s->task_count - 1; t >= 0; t--) {
        const an_node *n = &p->graph->nodes[s->tasks[t].node];
        for (int i = 0; s->tasks[t].wave < s->gate && i < n->inputs; i++)
            if (n->in[i]) reader[s->root[n->in[i]]] = s->tasks[t].wave;
    }
}

static void list_shared(an_program *p, const int64_t *reader)
{
    const an_run_schedule *s = &p->schedule;
    for (int64_t t = 0; t < s->task_count; t++)
        if (is_shared(p, t))
            p->shared[p->shared_count++] =
                (an_shared){t, reader[p->graph->nodes[s->tasks[t].node].first]};
    /* They end in the order in which they began. */
    for (int64_t i = p->shared_count - 2; i >= 0; i--)
        if (p->shared[i].due > p->shared[i + 1].due) p->shared[i].due = p->shared[i + 1].due;
}

bool an_program_list_shared(an_program *p)
{
    int64_t count = 0;
    for (int64_t t = 0; p->communicator && t < p->schedule.task_count; t++)
        count += is_shared(p, t);
    if (count == 0) return true;
    int64_t *reader = an_alloc((p->graph->slot_count + 1) * (int64_t)sizeof *reader);
    p->shared = an_arena_alloc(&p->arena, count * (int64_t)sizeof *p->shared);
    if (reader && p->shared) {
        find_readers(p, reader);
        list_shared(p, reader);
    }
    an_free(reader);
    return reader && p->shared;
}

/* ---- one run ------------------------------------------------------------------ */

void an_program_begin_shared(an_program *p, const an_plan *plan, int64_t wave)
{
    const an_communicator *c = p->communicator;
    for (; p->begun < p->shared_count; p->begun++) {
        const int64_t task = p->shared[p->begun].task;
        if (p->schedule.tasks[task].wave > wave) return;
        const an_work *w = &plan->works[task];
        const an_tensor *y = &w->out[0];
        if (!p->lost && !c->begin(c->context, y->dtype, y->data, an_tensor_count(y),
                                  w->attrs->averaged))
            p->lost = true;
    }
}

void an_program_end_shared(an_program *p, int64_t wave)
{
    const an_communicator *c = p->communicator;
    for (; p->ended < p->begun && p->shared[p->ended].due <= wave; p->ended++) {
        const int64_t since = an_trace_since(p->trace);
        if (!p->lost && !c->end(c->context)) p->lost = true;
        an_trace_note(p->trace, p->shared[p->ended].task, 0, since);
    }
}

/* ---- agreement ------------------------------------------------------------------ */

/* What must be the same everywhere: which updates, and how much is added up. */
static uint64_t meaning_of(const an_program *p, const an_plan *plan)
{
    uint64_t hash = p->print.updates ^ p->print.optimizer;
    for (int64_t i = 0; i < p->shared_count; i++) {
        const an_work *w = &plan->works[p->shared[i].task];
        const int64_t said[] = {an_tensor_count(&w->out[0]), w->out[0].dtype, w->attrs->averaged};
        hash = an_hash_bytes(said, (int64_t)sizeof said, hash);
    }
    return hash;
}

/* A status and who has it, so that the largest of all ranks' says both. */
static uint64_t word_of(const an_program *p, an_status status)
{
    return status == AN_OK ? 0 : (uint64_t)status << 32 | (uint32_t)p->communicator->rank;
}

static an_status lose(an_program *p, an_at at)
{
    p->lost = true;
    return an_program_fail(p, at, AN_E_RANK, "the connection to another rank is lost\n  hint: end "
                           "this process; the last checkpoint is whole");
}

static an_status told_by(an_program *p, an_at at, uint64_t word)
{
    return an_program_fail(p, at, AN_E_RANK, "rank %u refused the run (AN-E%03d), so nobody "
                           "commits it\n  hint: its own message says why",
                           (unsigned)(uint32_t)word, (int)(word >> 32));
}

an_status an_program_meet(an_program *p, an_at at, const an_plan *plan, an_status mine)
{
    const an_communicator *c = p->communicator;
    const uint64_t meaning = mine == AN_OK ? meaning_of(p, plan) : 0;
    uint64_t words[] = {word_of(p, mine), meaning, ~meaning};
    p->begun = p->ended = 0;
    if (p->lost || !c->largest(c->context, words, 3)) return lose(p, at);
    if (mine != AN_OK) return mine;
    if (words[0]) return told_by(p, at, words[0]);
    if (words[1] == ~words[2]) return AN_OK;
    return an_program_fail(p, at, AN_E_RANK, "the ranks run different programs, or the same with "
                           "other extents\n  hint: all of them need one graph, one table of "
                           "updates and, where extents say how much is added up, one binding");
}

an_status an_program_settle(an_program *p, an_at at, bool faulty, bool unfit, bool *again)
{
    const an_communicator *c = p->communicator;
    uint64_t words[] = {word_of(p, faulty ? AN_E_DATA : AN_OK),
                        word_of(p, unfit ? AN_E_DATA : AN_OK)};
    if (p->lost || !c->largest(c->context, words, 2)) return lose(p, at);
    *again = !words[0] && words[1];
    if (faulty || unfit) return AN_OK;
    const uint64_t worst = words[0] ? words[0] : words[1];
    return worst ? told_by(p, at, worst) : AN_OK;
}
