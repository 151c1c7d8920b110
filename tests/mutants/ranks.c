/* ranks.c -- all_reduce: as one of two ranks, the other of which has the very same data.
 *
 * So a sum is twice what this rank has, a mean just that, and a training is as without the other.
 * From its beginning to its end what is reduced is NaN.                           */
#include "tests/mutants/mutants.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { WAITING = 16 };

typedef struct partner {
    struct { float *data, *own; int64_t count; bool averaged; } job[WAITING];
    int begun, ended, messages;
    uint64_t says; /* of the first number that is asked for */
    int refuses;   /* which agreement, counted from 1; 0: none */
    int agreements;
    uint64_t means; /* is taken for the second one; 0: the same as here */
} partner;

static bool begin(void *context, an_dtype dtype, void *data, int64_t count, bool averaged)
{
    partner *p = context;
    if (dtype != AN_F32 || p->begun - p->ended == WAITING) return false;
    float *own = malloc((size_t)count * sizeof *own);
    memcpy(own, data, (size_t)count * sizeof *own);
    for (int64_t i = 0; i < count; i++) ((float *)data)[i] = NAN;
    p->job[p->begun % WAITING].data = data;
    p->job[p->begun % WAITING].own = own;
    p->job[p->begun % WAITING].count = count;
    p->job[p->begun++ % WAITING].averaged = averaged;
    p->messages++;
    return true;
}

static bool end(void *context)
{
    partner *p = context;
    if (p->ended == p->begun) an_object("ranks", "ended before it began");
    const int i = p->ended++ % WAITING;
    for (int64_t n = 0; n < p->job[i].count; n++)
        p->job[i].data[n] = p->job[i].averaged ? p->job[i].own[n] : 2 * p->job[i].own[n];
    free(p->job[i].own);
    return true;
}

static bool largest(void *context, uint64_t *words, int count)
{
    partner *p = context;
    if (p->begun != p->ended) an_object("ranks", "agreed with a message under way");
    p->agreements++;
    if (p->agreements == p->refuses) words[0] = (uint64_t)AN_E_DATA << 32 | 1;
    if (p->means && count == 3 && words[1] < p->means) words[1] = p->means;
    return true;
}

/* The sum is read first though its message comes second; a constant is no constant here. */
static const char text[] =
    "graph \"ranks\"\n%1: f32[2,3] = input \"x\"\n%2: f32[3] = state \"w\"\n"
    "%3: f32[2,3] = mul %1, %2\n%4: f32[3] = sum %3 {axes=[0]}\n"
    "%5: f32[2,3] = exp %3\n%6: f32[3] = sin %4\n"
    "%7: f32[2,3] = all_reduce %5 {averaged=1}\n%8: f32[3] = all_reduce %6 {averaged=1}\n"
    "%9: f32[3] = all_reduce %4\n%10: f32[3] = cos %9\n%11: f32[3] = neg %8\n"
    "%12: f32[2,3] = neg %7\n"
    "%13: f32[] = constant {data=[3]}\n%14: f32[] = all_reduce %13\n"
    "%15: f32[3] = add %2, %8\noutput \"a\" %7\noutput \"b\" %8\noutput \"c\" %9\n"
    "output \"cos c\" %10\noutput \"-b\" %11\noutput \"-a\" %12\noutput \"constant\" %14\n"
    "update \"u\" %2 <- %15\n";
enum { A, B, C, COS, MINUS_B, MINUS_A, CONSTANT, RESULTS };

typedef struct trial {
    an_graph *g;
    an_store *store;
    an_program *program;
    an_tensor out[RESULTS];
} trial;

static an_status run(trial *t, const an_communicator *c, const char *passes)
{
    float data[6] = {1, 0.5f, -1, 0.25f, 2, -0.5f};
    const float start[3] = {0.5f, 1, -0.75f};
    const an_tensor x = an_tensor_borrow(AN_F32, AN_EXTENTS(2, 3), data);
    const an_tensor w = an_tensor_borrow(AN_F32, AN_EXTENTS(3), (void *)(uintptr_t)start);
    an_value fetch[RESULTS];
    an_tensor *out[RESULTS];
    for (int i = 0; i < RESULTS; i++) fetch[i] = an_graph_output_value(t->g, i);
    for (int i = 0; i < RESULTS; i++) out[i] = &t->out[i];
    t->store = an_store_new(1);
    an_store_set(t->store, "w", &w);
    t->program = an_compile(t->g, t->store, .fetch_list = fetch, .fetch_count = RESULTS,
                            .update = {t->g, 1}, .communicator = c, .passes = passes);
    return an_run(t->program, .feed = {{"x", &x}}, .out_list = out, .out_count = RESULTS);
}

static void end_trial(trial *t)
{
    for (int i = 0; i < RESULTS; i++) an_tensor_free(&t->out[i]);
    an_program_free(t->program);
    an_store_free(t->store);
}

static bool same(const an_tensor *a, const an_tensor *b)
{
    return !memcmp(a->data, b->data, (size_t)an_tensor_bytes(a));
}

static void compare(trial *alone, trial *with, const char *passes)
{
    static const int equal[] = {A, B, MINUS_B, MINUS_A};
    for (size_t i = 0; i < sizeof equal / sizeof *equal; i++)
        if (!same(&alone->out[equal[i]], &with->out[equal[i]]))
            an_object("ranks", "a mean of two that are alike is another, passes %s", passes);
    for (int64_t i = 0; i < 3; i++) {
        const float twice = 2 * (float)an_tensor_get(&alone->out[C], i);
        if ((float)an_tensor_get(&with->out[C], i) != twice)
            an_object("ranks", "a sum is not both ranks'");
        if (!(fabs(an_tensor_get(&with->out[COS], i) - cos((double)twice)) < 1e-6))
            an_object("ranks", "a sum was read before it was there");
    }
    if (an_tensor_get(&with->out[CONSTANT], 0) != 6)
        an_object("ranks", "a constant was not added up");
    if (!same(an_store_view(alone->store, "w"), an_store_view(with->store, "w")))
        an_object("ranks", "an update is another");
}

static void try_runs(an_graph *g)
{
    static const char *const passes[] = {NULL, "", "fold,bucket"};
    for (int i = 0; i < 3; i++) {
        partner p = {0};
        const an_communicator c = {&p, 0, 2, begin, end, largest};
        trial alone = {.g = g}, with = {.g = g};
        if (run(&alone, NULL, "") != AN_OK || run(&with, &c, passes[i]) != AN_OK)
            an_object("ranks", "%s%s", an_compile_message(g), an_program_message(with.program));
        else compare(&alone, &with, passes[i] ? passes[i] : "");
        if (p.begun != p.ended) an_object("ranks", "%d began, %d ended", p.begun, p.ended);
        if (p.messages != (i == 1 ? 4 : 3)) an_object("ranks", "%d messages", p.messages);
        end_trial(&alone);
        end_trial(&with);
    }
}

/* What the other refuses, before or at the end, or means otherwise, is not committed here. */
static void try_refusals(an_graph *g)
{
    for (int i = 0; i < 3; i++) {
        partner p = {.refuses = i < 2 ? i + 1 : 0, .means = i == 2 ? UINT64_MAX : 0};
        const an_communicator c = {&p, 0, 2, begin, end, largest};
        trial t = {.g = g};
        if (run(&t, &c, NULL) != AN_E_RANK) an_object("ranks", "refusal %d is not heard", i);
        if (t.store && an_tensor_get(an_store_view(t.store, "w"), 0) != 0.5)
            an_object("ranks", "refusal %d: it was committed", i);
        if (p.begun != p.ended) an_object("ranks", "refusal %d: messages under way", i);
        end_trial(&t);
    }
}

static void expect_proof(const char *a, const char *b, bool holds)
{
    an_graph *one = an_read_graph("ranks", a), *other = an_read_graph("ranks", b);
    an_proof *p = an_prove(.a = one, .b = other);
    if (an_proof_holds(p) != holds)
        an_object("ranks", "%sproved: %s", holds ? "not " : "", an_proof_message(p));
    an_proof_free(p);
    an_graph_free(one);
    an_graph_free(other);
}

#define HEAD "graph \"g\"\n%1: f32[2] = input \"x\"\n%2: f32[3] = input \"y\"\n"
#define BUCKET HEAD "%3: f32[5] = concat %1, %2\n%4: f32[5] = all_reduce %3\n"

static void try_proofs(const an_graph *g)
{
    an_judge_equal("ranks", an_equivalent(g), NULL);
    static const char sum[] = HEAD "%3: f32[2] = all_reduce %1\noutput \"o\" %3\n";
    expect_proof(BUCKET "%5: f32[2] = slice %4 {stop=2, step=1}\noutput \"o\" %5\n", sum, true);
    expect_proof(BUCKET "%5: f32[2] = slice %4 {start=1, stop=3, step=1}\noutput \"o\" %5\n", sum,
                 false);
    expect_proof(BUCKET "%5: f32[2] = slice %4 {start=2, stop=4, step=1}\noutput \"o\" %5\n",
                 HEAD "%3: f32[3] = all_reduce %2\n%4: f32[2] = slice %3 {stop=2, step=1}\n"
                 "output \"o\" %4\n", false); /* true, and beyond the laws */
    expect_proof(BUCKET "%5: f32[2] = slice %4 {start=2, stop=4, step=1}\n"
                        "%6: f32[] = sum %5 {axes=[0]}\noutput \"o\" %6\n",
                 HEAD "%3: f32[3] = all_reduce %2\n%4: f32[] = sum %3 {axes=[0]}\n"
                 "output \"o\" %4\n", false);
    expect_proof(HEAD "%3: f32[2] = all_reduce %1 {averaged=1}\noutput \"o\" %3\n", sum, false);
    expect_proof(HEAD "output \"o\" %1\n", sum, false);
    expect_proof("graph \"g\"\n%1: f32[] = constant {data=[3]}\n%2: f32[] = all_reduce %1\n"
                 "output \"o\" %2\n",
                 "graph \"g\"\n%1: f32[] = constant {data=[3]}\noutput \"o\" %1\n", false);
}

/* Rows 2 and 3 of four are masked as these are. */
static void try_rows(void)
{
    an_graph *g = an_read_graph("rows",
        "graph \"rows\"\n%1: f32[4,40] = input \"x\"\n%2: i64[2] = constant {data=[5,7]}\n"
        "%3: i64[] = constant {data=[2]}\n%4: f32[4,40] = dropout %1, %2 {rate=0.5, stream=3}\n"
        "%5: f32[2,40] = slice %4 {start=2, stop=4, step=1}\n"
        "%6: f32[2,40] = slice %1 {start=2, stop=4, step=1}\n"
        "%7: f32[2,40] = dropout %6, %2, %3 {rate=0.5, stream=3}\n"
        "output \"a\" %5\noutput \"b\" %7\n");
    float ones[160];
    for (int i = 0; i < 160; i++) ones[i] = 1;
    const an_tensor x = an_tensor_borrow(AN_F32, AN_EXTENTS(4, 40), ones);
    an_tensor a = {0}, b = {0};
    an_store *s = an_store_new(1);
    an_program *p = an_compile(g, s, .fetch = {an_graph_find(g, "a"), an_graph_find(g, "b")});
    if (an_run(p, .feed = {{"x", &x}}, .out = {&a, &b}) != AN_OK)
        an_object("ranks", "%s%s", an_compile_message(g), an_program_message(p));
    else if (!same(&a, &b)) an_object("ranks", "rows are masked otherwise by themselves");
    an_tensor_free(&a);
    an_tensor_free(&b);
    an_program_free(p);
    an_store_free(s);
    an_graph_free(g);
}

void an_battery_ranks(void)
{
    an_graph *g = an_read_graph("ranks", text);
    if (!g) return;
    try_runs(g);
    try_refusals(g);
    try_proofs(g);
    try_rows();
    an_graph_free(g);
}
