/* parts.c -- states that are changed in place before the run is sure to end: runs that fail behind
 * that, whoever needs the old value, and plans made wrong on purpose. */
#include "graph/run/program.h"
#include "tests/mutants/mutants.h"

#include <math.h>
#include <string.h>

enum { ROWS = 6, WIDTH = 4, PART = 2, WHOLE = ROWS * WIDTH };

/* "a" gets two parts that overlap, and its new value is read and checked; "b" is fetched as it was,
 * "c" becomes what "d" was, which gets a part; "f" becomes "e" with a part. */
static const char text[] =
    "graph \"parts\"\n%1: f32[2,4] = input \"part\"\n%2: i32[] = input \"at\"\n"
    "%3: i32[1] = input \"row\"\n%4: f32[] = input \"factor\"\n"
    "%5: f32[6,4] = state \"a\"\n%6: f32[6,4] = state \"b\"\n%7: f32[6,4] = state \"c\"\n"
    "%8: f32[6,4] = state \"d\"\n%9: f32[6,4] = state \"e\"\n%10: f32[6,4] = state \"f\"\n"
    "%11: i32[] = constant {data=[1]}\n%12: i32[] = add %2, %11\n%13: f32[2,4] = neg %1\n"
    "%14: f32[6,4] = update_slice %5, %1, %2\n"
    "%15: f32[6,4] = update_slice %14, %13, %12\n"
    "%16: f32[1,4] = gather %15, %3 {axis=0}\n%17: f32[1,4] = mul %16, %4\n"
    "%18: f32[6,4] = update_slice %6, %1, %2\n"
    "%19: f32[6,4] = update_slice %8, %1, %2\n"
    "%20: f32[6,4] = update_slice %9, %1, %2\n"
    "%21: f32[4] = sum %5 {axes=[0]}\n"
    "output \"y\" %17\noutput \"old\" %6\noutput \"sum\" %21\n"
    "update \"t\" %5 <- %15\nupdate \"t\" %6 <- %18\nupdate \"t\" %7 <- %8\n"
    "update \"t\" %8 <- %19\nupdate \"t\" %10 <- %20\n";

static const char *const names[] = {"a", "b", "c", "d", "e", "f"};

typedef struct states {
    float x[6][WHOLE];
} states;

static states states_of(an_store *s)
{
    states out = {0};
    for (int i = 0; i < 6; i++) {
        const an_tensor *t = an_store_view(s, names[i]);
        if (t) memcpy(out.x[i], t->data, sizeof out.x[i]);
    }
    return out;
}

static bool set(an_store *s, int which, bool infinite)
{
    float data[WHOLE];
    for (int k = 0; k < WHOLE; k++) data[k] = (float)(which * 100 + k);
    if (infinite) data[5] = INFINITY;
    const an_tensor t = an_tensor_borrow(AN_F32, AN_EXTENTS(ROWS, WIDTH), data);
    return an_store_set(s, names[which], &t) == AN_OK;
}

static const float part[PART * WIDTH] = {-1, -2, -3, -4, -5, -6, -7, -8};

static an_status run(an_program *p, int32_t at, int32_t row, float factor, bool finite,
                     an_tensor *old)
{
    const an_tensor ts[] = {an_tensor_borrow(AN_F32, AN_EXTENTS(PART, WIDTH), (void *)part),
                            an_tensor_borrow(AN_I32, 0, NULL, &at),
                            an_tensor_borrow(AN_I32, AN_EXTENTS(1), &row),
                            an_tensor_borrow(AN_F32, 0, NULL, &factor)};
    an_tensor y = {0};
    const an_status status =
        an_run(p, .feed = {{"part", &ts[0]}, {"at", &ts[1]}, {"row", &ts[2]}, {"factor", &ts[3]}},
               .out = {&y, old}, .finite = finite);
    an_tensor_free(&y);
    return status;
}

/* What must be refused, and must leave the states as they are. */
static void must_restore(an_program *p, an_store *s, int32_t at, int32_t row, float factor,
                         const char *says)
{
    const states before = states_of(s);
    const an_status status = run(p, at, row, factor, true, NULL);
    const states after = states_of(s);
    if (status != AN_E_DATA || !strstr(an_program_message(p), says))
        an_object("parts", "not \"%s\" but: %s", says, an_program_message(p));
    if (memcmp(&before, &after, sizeof before))
        an_object("parts", "a failed run (%s) leaves changed states", says);
}

static void place(float *x, int32_t at, float sign)
{
    for (int k = 0; k < PART * WIDTH; k++) x[at * WIDTH + k] = sign * part[k];
}

static void must_commit(an_program *p, an_store *s)
{
    states want = states_of(s);
    an_tensor old = {0};
    const bool good = run(p, 1, 0, 1, true, &old) == AN_OK;
    const states now = states_of(s);
    if (!good) an_object("parts", "a run fails: %s", an_program_message(p));
    else if (memcmp(old.data, want.x[1], sizeof want.x[1]))
        an_object("parts", "an old value is fetched changed");
    memcpy(want.x[2], want.x[3], sizeof want.x[2]);
    memcpy(want.x[5], want.x[4], sizeof want.x[5]);
    place(want.x[0], 1, 1);
    place(want.x[0], 2, -1);
    place(want.x[1], 1, 1);
    place(want.x[3], 1, 1);
    place(want.x[5], 1, 1);
    if (good && memcmp(&now, &want, sizeof now))
        an_object("parts", "states are not what they should become");
    an_tensor_free(&old);
}

static void try_runs(an_program *p, an_store *s)
{
    must_restore(p, s, 1, ROWS, 1, "is 6, outside 0..5");
    must_restore(p, s, 1, 1, NAN, "first came feed \"factor\"");
    must_restore(p, s, 1, 1, 3e38f, "(mul, made at");
    must_restore(p, s, 4, 1, 1, "start[0] is 5, outside 0..4");
    must_restore(p, s, -1, 1, 1, "start[0] is -1, outside 0..4");
    must_commit(p, s);
    set(s, 0, true); /* where a part will lie, so that only the old value shows it */
    must_restore(p, s, 1, 1, 1, "first came state \"a\": element 5 of 24 is inf");
}

/* ---- plans --------------------------------------------------------------------- */

static void must_refuse(const an_program *p, const char *what)
{
    an_error error = {0};
    if (an_plan_check(&p->schedule, p->plans[0], &error) == AN_OK)
        an_object("plan check", "parts: %s", what);
}

static void try_kept(an_program *p)
{
    an_run_schedule *s = &p->schedule;
    an_plan *plan = p->plans[0];
    for (int64_t i = 0; i < s->patch_count; i++) {
        an_patch *patch = &s->patches[i], was = *patch;
        patch->kept = s->arguments[s->tasks[was.task].arg];
        must_refuse(p, "what a part held is kept in the state itself");
        *patch = was;
        patch->task++;
        must_refuse(p, "another task's part is kept");
        *patch = was;
        const int64_t offset = plan->offset[was.kept];
        for (uint32_t b = 1; (int64_t)b <= s->buffer_count; b++) {
            const an_buffer *other = &s->buffers[b];
            if (b == was.kept || other->home != AN_HOME_SLAB || other->birth > s->gate ||
                other->death < s->tasks[was.task].wave) continue;
            plan->offset[was.kept] = plan->offset[b];
            must_refuse(p, "what a part held lies over a value");
        }
        plan->offset[was.kept] = offset;
    }
    s->patch_count--;
    must_refuse(p, "what a part held is not kept");
    s->patch_count += 2;
    s->patches[s->patch_count - 1] = s->patches[0];
    must_refuse(p, "more is kept than is written");
}

/* Lets the task that makes update i's value make it in the state of that name. */
static void force(an_program *p, const char *state, const char *what)
{
    an_run_schedule *s = &p->schedule;
    const uint32_t value = an_graph_leaf(p->graph, state), to = s->buffer_of[value];
    int64_t task = 0;
    for (int64_t t = 0; t < s->task_count; t++) {
        const an_node *n = &p->graph->nodes[s->tasks[t].node];
        if (n->op->rules->patch && s->root[n->in[0]] == value) task = t;
    }
    uint32_t *out = &s->arguments[s->tasks[task].arg + 3], was = *out;
    const an_buffer buffer = s->buffers[was];
    const an_write last = s->writes[s->write_count - 1];
    int64_t row = s->write_count - 1;
    while (row > 0 && s->writes[row].from != was) row--;
    const an_write moved = s->writes[row];
    const int64_t patches = s->patch_count;
    int64_t place = patches;
    while (place > 0 && s->patches[place - 1].task > task) {
        s->patches[place] = s->patches[place - 1];
        place--;
    }
    s->patches[place] = (an_patch){task, was};
    s->patch_count++;
    s->buffers[was].value = p->graph->nodes[s->tasks[task].node].in[1];
    *out = to;
    s->writes[row] = s->writes[--s->write_count];
    must_refuse(p, what);
    s->writes[s->write_count++] = last;
    s->writes[row] = moved;
    *out = was;
    s->buffers[was] = buffer;
    memmove(&s->patches[place], &s->patches[place + 1],
            (size_t)(patches - place) * sizeof *s->patches);
    s->patch_count = patches;
}

void an_battery_parts(void)
{
    an_graph *g = an_read_graph("parts", text);
    an_store *s = an_store_new(1);
    bool good = g != NULL;
    for (int i = 0; i < 6; i++) good = good && set(s, i, false);
    an_program *p = NULL;
    if (good)
        p = an_compile(g, s, .fetch = {an_graph_find(g, "y"), an_graph_find(g, "old"),
                                   an_graph_find(g, "sum")},
                       .update = {g, 1});
    if (!p) an_object("parts", "no program: %s", an_compile_message(g));
    else if (p->schedule.patch_count != 2 || p->schedule.write_count != 4)
        an_object("parts", "%d parts in place, %d states copied", (int)p->schedule.patch_count,
                  (int)p->schedule.write_count);
    if (p) try_runs(p, s);
    if (p && p->plan_count > 0) {
        force(p, "b", "a state that is fetched as it was");
        force(p, "d", "a state that another becomes");
        force(p, "e", "a state that keeps its value");
        if (p->schedule.patch_count > 0) try_kept(p);
    }
    an_program_free(p);
    an_store_free(s);
    an_graph_free(g);
}
