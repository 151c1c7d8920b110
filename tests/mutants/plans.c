/* plans.c -- plans made wrong on purpose, graphs broken by hand, data that is refused. */
#include "graph/run/program.h"
#include "tests/mutants/mutants.h"

#include <math.h>
#include <string.h>

/* Values that live side by side, are written over, fetched early and late. */
static const char chain[] =
    "graph \"chain\"\n%1: f32[4,24] = input \"x\"\n%2: f32[24] = state \"w\"\n"
    "%3: f32[24] = state \"u\"\n"
    "%4: f32[] = state \"rate\"\n"
    "%5: f32[4,24] = mul %1, %2\n"
    "%6: f32[4,24] = tanh %5\n"
    "%7: f32[4,24] = exp %6\n"
    "%8: f32[4,24] = mul %7, %5\n"
    "%9: f32[4,24], f32[4], f32[4] = layer_norm %8, %2 {axis=1, eps=0.001}\n"
    "%10: f32[4,24], f32[24], f32[24] = layer_norm_grad %6, %8, %2, %9.1, %9.2 "
    "{axis=1, eps=0.001}\n"
    "%11: f32[4,24] = add %9, %10\n"
    "%12: f32[24] = sgd_step %2, %10.1, %4\n"
    "%13: f32[24] = state \"p\"\n"
    "%14: f32[24] = state \"q\"\n"
    "%15: f32[24] = state \"r\"\n"
    "%16: f32[24] = tanh %15\n"
    "%17: f32[24] = sgd_step %16, %10.1, %4\n"
    "output \"y\" %11\noutput \"early\" %6\noutput \"moved\" %16\n"
    "output \"next\" %12\n"
    "update \"t\" %2 <- %12\nupdate \"t\" %3 <- %2\nupdate \"t\" %15 <- %17\n"
    "update \"t\" %13 <- %14\nupdate \"t\" %14 <- %13\n";

static bool refused(const an_run_schedule *s, const an_plan *p)
{
    an_error error = {0};
    return an_plan_check(s, p, &error) == AN_E_INTERNAL;
}

/* One buffer over another that is still needed while the first is written. */
static void overlap(const an_run_schedule *s, an_plan *p)
{
    for (int64_t a = 1; a <= s->buffer_count; a++)
        for (int64_t b = 1; b <= s->buffer_count; b++) {
            const an_buffer *x = &s->buffers[a], *y = &s->buffers[b];
            const bool both = x->home == AN_HOME_SLAB && y->home == AN_HOME_SLAB && a != b;
            if (!both || x->birth > y->birth || x->death <= y->birth) continue;
            const int64_t kept = p->offset[b];
            p->offset[b] = p->offset[a];
            if (!refused(s, p)) an_object("plan check", "buffer %d lies over %d", (int)b, (int)a);
            p->offset[b] = kept;
        }
}

/* An operand read elsewhere, a place outside the slab, an update forgotten. */
static void misplace(an_run_schedule *s, an_plan *p)
{
    for (int64_t t = 0; t < s->task_count; t++) {
        const an_node *n = &s->graph->nodes[s->tasks[t].node];
        for (int j = 0; j + 1 < n->inputs; j++) {
            uint32_t *at = &s->arguments[s->tasks[t].arg + j], kept = *at;
            if (!at[1] || at[0] == at[1]) continue;
            *at = at[1];
            if (!refused(s, p)) an_object("plan check", "%s reads elsewhere", n->op->name);
            *at = kept;
        }
        if (p->scratch_bytes[t] == 0) continue;
        const int64_t kept = p->scratch[t];
        for (uint32_t b = 1; (int64_t)b <= s->buffer_count; b++) {
            const an_buffer *x = &s->buffers[b];
            const int64_t wave = s->tasks[t].wave;
            if (x->home != AN_HOME_SLAB || x->birth >= wave || x->death < wave) continue;
            p->scratch[t] = p->offset[b];
            if (!refused(s, p)) an_object("plan check", "scratch over buffer %u", b);
        }
        p->scratch[t] = kept;
    }
    const int64_t slab = p->slab_bytes;
    p->slab_bytes = 64;
    if (!refused(s, p)) an_object("plan check", "a value lies outside the slab");
    p->slab_bytes = slab;
    if (s->write_count == 0) return;
    s->write_count--;
    if (!refused(s, p)) an_object("plan check", "an update is forgotten");
    s->write_count++;
    for (int64_t i = 0; i < s->write_count; i++) {
        const uint32_t kept = s->writes[i].kept;
        s->writes[i].kept = 0;
        if (kept && !refused(s, p)) an_object("plan check", "old state %d is not kept", (int)i);
        s->writes[i].kept = kept;
    }
}

/* A value read under the number of another buffer that had its bytes before or has them later, and
 * one made under such a number: a run may make one of the two in the caller's memory. */
static void renumber(an_run_schedule *s, an_plan *p)
{
    for (int64_t i = 0; i < s->argument_count; i++)
        for (uint32_t b = 1; (int64_t)b <= s->buffer_count; b++) {
            const uint32_t kept = s->arguments[i];
            if (!kept || kept == b || s->buffers[b].home != AN_HOME_SLAB ||
                p->offset[kept] != p->offset[b])
                continue;
            s->arguments[i] = b;
            if (!refused(s, p)) an_object("plan check", "buffer %u passes for %u", b, kept);
            s->arguments[i] = kept;
        }
}

static void try_plans(void)
{
    an_graph *g = an_read_graph("chain", chain);
    an_run_schedule s = {0};
    an_error error = {0};
    an_plan *p = NULL;
    if (g && an_run_schedule_make(&s, g, 1) == AN_OK) p = an_plan_new(&s, NULL, &error);
    if (!p) an_object("plan check", "a plan is refused: %s", error.text);
    if (p) overlap(&s, p);
    if (p) misplace(&s, p);
    if (p) renumber(&s, p);
    an_plan_free(p);
    an_run_schedule_free(&s);
    an_graph_free(g);
}

/* ---- broken graphs ----------------------------------------------------- */

static void must_fail(const an_graph *g, const char *what)
{
    char report[256];
    if (an_graph_verify(g, report, sizeof report) == AN_OK)
        an_object("verify", "%s goes unseen", what);
}

static void try_broken_graphs(void)
{
    an_graph *g = an_read_graph("chain", chain);
    if (!g) return;
    char report[256];
    if (an_graph_verify(g, report, sizeof report) != AN_OK) an_object("verify", "%s", report);
    uint32_t *unary = (uint32_t *)(uintptr_t)g->nodes[7].in;
    uint32_t *binary = (uint32_t *)(uintptr_t)g->nodes[8].in, kept = unary[0];
    unary[0] = g->nodes[8].first;
    must_fail(g, "an operand of later");
    unary[0] = g->nodes[2].first;
    must_fail(g, "a type that is not what the op infers");
    unary[0] = kept;
    kept = binary[0];
    binary[0] = 0;
    must_fail(g, "an absent operand");
    binary[0] = kept;
    g->commits[1].state = g->commits[0].state;
    must_fail(g, "a state that is updated twice");
    an_graph_free(g);
}

/* ---- fetches ----------------------------------------------------------- */

/* A value fetched twice, one that a step could write over, and a state, which is not moved, before
 * and after its update. */
static void try_fetches(void)
{
    enum { Y, MOVED, Y_AGAIN, W, NEXT, FETCHES };
    static const char *const states[] = {"w", "u", "p", "q", "r"};
    float data[96];
    for (int i = 0; i < 96; i++) data[i] = (float)(i % 7) / 4 - 1;
    const an_tensor feed = an_tensor_borrow(AN_F32, AN_EXTENTS(4, 24), data);
    const an_tensor first = an_tensor_borrow(AN_F32, AN_EXTENTS(24), data);
    an_graph *g = an_read_graph("chain", chain);
    an_store *store = an_store_new(1);
    an_tensor out[FETCHES] = {{0}};
    bool good = g != NULL;
    for (int i = 0; i < 5; i++) good = good && an_store_set(store, states[i], &first) == AN_OK;
    const an_value y = an_graph_find(g, "y"), w = an_graph_state(g, "w");
    an_program *p = an_compile(g, store, .fetch = {y, an_graph_find(g, "moved"), y, w,
                                                   an_graph_find(g, "next")}, .update = {g, 1});
    good = good && an_run(p, .feed = {{"x", &feed}},
                          .out = {&out[Y], &out[MOVED], &out[Y_AGAIN], &out[W], &out[NEXT]}) ==
                       AN_OK;
    double most = 0;
    for (int64_t i = 0; good && i < 24; i++)
        most = fmax(most, fabs(an_tensor_get(&out[MOVED], i) - tanh((double)data[i])));
    if (!good) an_object("programs", "fetches: %s", an_program_message(p));
    else if (memcmp(out[Y].data, out[Y_AGAIN].data, sizeof data) != 0)
        an_object("programs", "a value fetched twice has two values");
    else if (memcmp(out[W].data, data, 24 * sizeof data[0]) != 0)
        an_object("programs", "a fetched state is not what it was");
    else if (memcmp(out[NEXT].data, an_store_view(store, "w")->data, 24 * sizeof data[0]) != 0)
        an_object("programs", "a fetched state is not what it became");
    else if (most > 1e-6) an_object("programs", "a fetched value is %g off", most);
    for (int i = 0; i < FETCHES; i++) an_tensor_free(&out[i]);
    an_program_free(p);
    an_store_free(store);
    an_graph_free(g);
}

/* ---- data that is refused ---------------------------------------------- */

/* An id out of range: the run fails, and no state has changed. */
static void try_fault(void)
{
    static const char text[] =
        "graph \"f\"\n%1: i32[3] = input \"ids\"\n%2: f32[5,4] = state \"table\"\n"
        "%3: f32[3,4] = embedding %2, %1\n%4: f32[5,4] = tanh %2\n"
        "output \"y\" %3\nupdate \"t\" %2 <- %4\n";
    float table[20];
    int32_t ids[3] = {1, 7, 0};
    for (int i = 0; i < 20; i++) table[i] = 2;
    const an_tensor whole = an_tensor_borrow(AN_F32, AN_EXTENTS(5, 4), table);
    const an_tensor feed = an_tensor_borrow(AN_I32, AN_EXTENTS(3), ids);
    an_graph *g = an_read_graph("f", text);
    an_store *store = an_store_new(1);
    an_tensor out = {0};
    an_program *p = NULL;
    if (g && an_store_set(store, "table", &whole) == AN_OK)
        p = an_compile(g, store, .fetch = {an_graph_output_value(g, 0)}, .update = {g, 1});
    if (!p || an_run(p, .feed = {{"ids", &feed}}, .out = {&out}) != AN_E_DATA)
        an_object("faults", "an id out of range goes unseen");
    const an_tensor *after = an_store_view(store, "table");
    if (!after || memcmp(after->data, table, sizeof table) != 0)
        an_object("faults", "a failed run changes a state");
    an_tensor_free(&out);
    an_program_free(p);
    an_store_free(store);
    an_graph_free(g);
}

void an_battery_plans(void)
{
    try_plans();
    try_broken_graphs();
    try_fetches();
    try_fault();
}
