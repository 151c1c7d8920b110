/* growth.c -- what each stage of a graph's life costs, on graphs of any size.
 *
 *   growth SHAPE SIZE
 *
 * Builds a graph of that shape and takes it through every stage, from its builders to its
 * pictures. Prints a line a stage: its name, seconds of CPU time, and what was allocated at the
 * most beside what was there before; the last line is what all up to the plan took for each node.
 * growth.sh runs it under callgrind, which counts the instructions of `measured` call by call,
 * and judges how they grow.                                                   */
#include "frontends/addnorm.h"
#include "graph/equal/proof/match.h"
#include "graph/run/plan.h"
#include "tests/models.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* ---- what is allocated ------------------------------------------------- */

static int64_t live, peak;

static void *counted_resize(void *context, void *block, size_t size)
{
    (void)context;
    const int64_t before = block ? (int64_t)malloc_usable_size(block) : 0;
    if (size == 0) {
        free(block);
        live -= before;
        return NULL;
    }
    void *now = realloc(block, size);
    if (now) live += (int64_t)malloc_usable_size(now) - before;
    if (live > peak) peak = live;
    return now;
}

/* ---- shapes ------------------------------------------------------------ */

#define WIDTH 4

static an_value weight(an_graph *g, int64_t i)
{
    char name[32];
    snprintf(name, sizeof name, "w%lld", (long long)i);
    return an_state(g, name, AN_F32, AN_SHAPE(WIDTH), (an_init){AN_INIT_UNIFORM, 0.25, 0.5});
}

/* One node after the other. `odd` is another function half way down. */
static an_model chain(int64_t size, bool odd)
{
    an_model m = {.g = an_graph_new("chain")};
    m.y = weight(m.g, 0);
    for (int64_t i = 0; i < size; i++)
        m.y = i == size / 2 && odd ? an_sigmoid(m.y) : i % 2 ? an_tanh(m.y) : an_sin(m.y);
    return m;
}

/* One weight that all nodes read. */
static an_model shared(int64_t size, bool odd)
{
    an_model m = {.g = an_graph_new("shared")};
    const an_value w = m.y = weight(m.g, 0);
    for (int64_t i = 0; i < size; i++)
        m.y = i == size / 2 && odd ? an_sub(m.y, w) : i % 2 ? an_add(m.y, w) : an_mul(m.y, w);
    return m;
}

/* Half as many weights, each twice an operand of one concat. */
static an_model operands(int64_t size, bool odd)
{
    an_model m = {.g = an_graph_new("operands")};
    an_value *in = malloc((size_t)(size + 1) * sizeof *in);
    for (int64_t i = 0; i < size; i++)
        in[i] = i % 2 ? in[i - 1] : weight(m.g, i);
    if (odd) in[size / 2] = in[0];
    m.y = an_concat(in, (int)size, 0);
    free(in);
    return m;
}

/* A chain all of which is put out. */
static an_model outputs(int64_t size, bool odd)
{
    an_model m = {.g = an_graph_new("outputs")};
    m.y = weight(m.g, 0);
    for (int64_t i = 0; i < size; i++) {
        char name[32];
        snprintf(name, sizeof name, "o%lld", (long long)i);
        m.y = i == size / 2 && odd ? an_sigmoid(m.y) : i % 2 ? an_tanh(m.y) : an_sin(m.y);
        an_graph_output(m.y, name);
    }
    return m;
}

/* Blocks of two dense layers, two residual sums and two norms. */
static an_model blocks(int64_t size, bool odd)
{
    an_model m = an_model_stack((int)size, true);
    if (odd) m.loss = an_mul(m.loss, m.loss);
    return m;
}

static const struct {
    const char *name;
    an_model (*make)(int64_t size, bool odd);
} shapes[] = {{"chain", chain}, {"shared", shared}, {"operands", operands}, {"outputs", outputs},
              {"blocks", blocks}};

/* ---- stages ------------------------------------------------------------ */

typedef struct life {
    an_model (*make)(int64_t size, bool odd);
    int64_t size;
    an_model m, other; /* the graph; one that computes something else */
    an_optimised *o;   /* what the default passes make of it */
    an_optimised *step; /* what the pass under way makes of what those before it made */
    int pass;
    char *text;
    an_graph *parsed;
    an_run_schedule schedule;
    an_plan *plan;
    an_store *store;
    an_program *program;
    an_proof *proof;
    an_equivalence *equivalence;
    an_matches matches;
} life;

static an_model made(const life *l, bool odd)
{
    an_model m = l->make(l->size, odd);
    if (!m.loss.graph) m.loss = an_sum_axes(m.y, AN_ALL_AXES, false);
    return m;
}

static bool build(life *l)
{
    l->m = made(l, false);
    return an_graph_status(l->m.g) == AN_OK;
}

static bool gradients(life *l)
{
    const int64_t count = l->m.g->leaf_count;
    an_value *wrt = malloc((size_t)count * 2 * sizeof *wrt);
    int states = 0;
    for (int64_t i = 0; i < count; i++) {
        const an_value v = {l->m.g, l->m.g->leaves[i].value};
        if (an_is_state(v)) wrt[states++] = v;
    }
    const bool good = an_gradients(l->m.loss, wrt, states, wrt + count) == AN_OK;
    free(wrt);
    an_graph_free(l->m.g);
    return good && build(l);
}

static bool updates(life *l)
{
    l->m = an_model_minimise(l->m, 1e-3f);
    return an_graph_status(l->m.g) == AN_OK;
}

static bool passes(life *l)
{
    l->o = an_optimise(.graph = l->m.g);
    return an_optimised_status(l->o) == AN_OK;
}

static bool schedule(life *l)
{
    return an_run_schedule_make(&l->schedule, an_optimised_graph(l->o), l->m.up.id) == AN_OK;
}

static bool plan(life *l)
{
    const int64_t bound[] = {3, 3};
    an_error e = {0};
    l->plan = an_plan_new(&l->schedule, bound, &e);
    an_plan_free(l->plan);
    an_run_schedule_free(&l->schedule);
    return l->plan != NULL;
}

static bool compile(life *l)
{
    const int64_t count = l->m.g->output_count;
    an_value *fetch = malloc((size_t)count * sizeof *fetch);
    for (int64_t i = 0; i < count; i++) fetch[i] = an_graph_output_value(l->m.g, i);
    an_store *store = an_store_new(1);
    an_program *p = an_compile(.graph = l->m.g, .store = store, .fetch_list = fetch,
                               .fetch_count = (int)count, .update = l->m.up);
    an_program_free(p);
    an_store_free(store);
    free(fetch);
    return p != NULL;
}

/* The next pass, on what those before it made. */
static bool pass(life *l)
{
    an_optimised *o = an_optimise(.graph = l->step ? an_optimised_graph(l->step) : l->m.g,
                                  .passes = an_pass_name(l->pass++));
    an_optimised_free(l->step);
    l->step = o;
    return an_optimised_status(o) == AN_OK;
}

static bool print(life *l)
{
    l->text = an_print(l->m.g);
    return l->text != NULL;
}

static bool parse(life *l)
{
    an_graph *g = an_parse(.text = l->text, .name = "text");
    const bool good = an_graph_status(g) == AN_OK;
    an_string_free(l->text);
    an_graph_free(g);
    return good;
}

static bool prove(life *l)
{
    an_proof *f = an_prove(.a = l->m.g, .b = an_optimised_graph(l->o));
    const bool good = an_proof_holds(f);
    an_proof_free(f);
    return good;
}

static bool match(life *l)
{
    const an_prove_args args = {.a = l->m.g, .b = an_optimised_graph(l->o)};
    an_proof *f = calloc(1, sizeof *f);
    an_matches m = {0};
    an_prove_matching(f, &args, &m);
    const bool good = an_proof_holds(f) && m.count > 0;
    an_free(m.at);
    free(f);
    return good;
}

/* What differs is half way down. */
static bool locate(life *l)
{
    an_proof *f = an_prove(.a = l->m.g, .b = l->other.g);
    const bool good = f && !an_proof_holds(f);
    an_proof_free(f);
    return good;
}

static bool verify(life *l)
{
    an_equivalence *e = an_equivalent(.a = l->m.g, .b = an_optimised_graph(l->o), .steps = 1,
                                      .quick = true);
    const bool good = an_equivalence_holds(e, AN_RUNG_PROVED);
    if (!good) fprintf(stderr, "%s\n", an_equivalence_message(e));
    an_equivalence_free(e);
    return good;
}

static bool drawn(char *text)
{
    an_string_free(text);
    return text != NULL;
}

static bool dot(life *l)
{
    return drawn(an_dot(l->m.g, .whole = true));
}

static bool difference(life *l)
{
    return drawn(an_dot(an_optimised_graph(l->o), .diff = l->m.g));
}

static bool mermaid(life *l)
{
    return drawn(an_mermaid(l->m.g, .whole = true));
}

static bool summary(life *l)
{
    return drawn(an_summary(l->m.g, .bind = ""));
}

/* ---- measuring --------------------------------------------------------- */

typedef struct stage {
    const char *name;
    bool (*run)(life *l);
    bool needed; /* by every program that trains */
} stage;

static const stage stages[] = {
    {"build", build, true},        {"gradients", gradients, false}, {"updates", updates, true},
    {"passes", passes, true},      {"schedule", schedule, true},    {"plan", plan, true},
    {"compile", compile, false},   {"canonicalise", pass, false},   {"fold", pass, false},
    {"cse", pass, false},          {"dce", pass, false},            {"fuse_add_norm", pass, false},
    {"print", print, false},       {"parse", parse, false},         {"prove", prove, false},
    {"match", match, false},       {"locate", locate, false},       {"verify", verify, false},
    {"dot", dot, false},           {"diff", difference, false},     {"mermaid", mermaid, false},
    {"summary", summary, false},
};
#define STAGES (int)(sizeof stages / sizeof *stages)

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* callgrind counts from the entry to the return of this function. */
bool measured(const stage *s, life *l);
__attribute__((noinline)) bool measured(const stage *s, life *l)
{
    return s->run(l);
}

/* A stage alone, or all if `only` is NULL; the sum is of what every program needs. */
static bool live_through(life *l, const char *only)
{
    double sum = 0;
    int64_t most = 0;
    for (int i = 0; i < STAGES; i++) {
        const int64_t before = peak = live;
        const double start = now();
        if (!measured(&stages[i], l)) return fprintf(stderr, "%s failed\n", stages[i].name), false;
        const double seconds = now() - start;
        printf("%-14s %9.4f %12lld\n", stages[i].name, seconds, (long long)(peak - before));
        fflush(stdout);
        if (stages[i].needed) sum += seconds;
        if (stages[i].needed && peak > most) most = peak;
        if (only && !strcmp(stages[i].name, only)) break;
    }
    const double nodes = (double)an_graph_node_count(l->m.g);
    printf("%.0f nodes, each %.2f us and %.0f bytes up to its plan\n", nodes, sum / nodes * 1e6,
           (double)most / nodes);
    return true;
}

int main(int argc, char **argv)
{
    const an_allocator counted = {counted_resize, NULL};
    life l = {.size = argc > 2 ? atoll(argv[2]) : 0};
    for (size_t i = 0; argc > 1 && i < sizeof shapes / sizeof *shapes; i++)
        if (!strcmp(shapes[i].name, argv[1])) l.make = shapes[i].make;
    if (!l.make || l.size < 2) return fprintf(stderr, "growth SHAPE SIZE [LAST-STAGE]\n"), 2;
    an_set_allocator(&counted);
    l.other = an_model_minimise(made(&l, true), 1e-3f);
    live = peak = 0;
    const bool good = live_through(&l, argc > 3 ? argv[3] : NULL);
    an_optimised_free(l.o);
    an_optimised_free(l.step);
    an_graph_free(l.m.g);
    an_graph_free(l.other.g);
    return good ? 0 : 1;
}
