/* pending.c -- pending updates and `training`: what is kept, taken, proved, compared and run. */
#include "graph/ir.h"
#include "graph/passes/pipeline.h"
#include "optim/optim.h"
#include "tests/mutants/mutants.h"

#include <stdio.h>
#include <string.h>

/* %6 is the batch's mean, %7 the one used, %8 y. */
static const char layer[] =
    "graph \"layer\"\ndims B\n%1: f32[B,4] = input \"x\"\n%2: f32[4] = state \"mean\" {frozen=1}\n"
    "%3: f32 = constant {data=[0.5]}\n%4: f32 = constant {data=[0.25]}\n%5: bool = training\n"
    "%6: f32[4] = mean %1 {axes=[0]}\n%7: f32[4] = where %5, %6, %2\n%8: f32[B,4] = sub %1, %7\n"
    "%9: f32[4] = mul %6, %3\n%10: f32[4] = mul %6, %4\n%11: f32[4] = state \"w\"\n"
    "%12: f32[B,4] = mul %8, %11\n%13: f32[4] = tanh %2\noutput \"y\" %12\n";

static an_graph *with(const char *rest)
{
    char text[1500];
    snprintf(text, sizeof text, "%s%s", layer, rest);
    return an_read_graph("layer", text);
}

static bool says(const an_graph *g, const char *word)
{
    char *text = an_print(g);
    const bool found = text && strstr(text, word);
    an_string_free(text);
    return found;
}

/* ---- compared ---------------------------------------------------------- */

typedef struct pair {
    const char *a, *b;
    bool equal;
} pair;

static const pair pairs[] = {
    {"pending %2 <- %9 when %8\n", "pending %2 <- %9 when %8\n", true},
    {"pending %2 <- %9 when %13\n", "", true},
    {"pending %2 <- %9 when %8\n", "pending %2 <- %10 when %8\n", false},
    {"pending %2 <- %9 when %8\n", "pending %2 <- %9 when %7\n", false},
    {"pending %2 <- %9 when %13\n", "pending %2 <- %9 when %7\n", false},
    {"pending %2 <- %9 when %8\n", "pending %2 <- %10 when %13\n", false},
    {"pending %2 <- %9 when %8\n", "", false},
    {"", "pending %2 <- %9 when %8\n", false},
    {"pending %2 <- %9 when %8\nupdate \"u\" %2 <- %9\n",
     "pending %2 <- %10 when %8\nupdate \"u\" %2 <- %9\n", false},
    {"pending %2 <- %9 when %8\nupdate \"u\" %2 <- %9\nupdate \"v\" %2 <- %10\n",
     "pending %2 <- %10 when %8\nupdate \"u\" %2 <- %9\nupdate \"v\" %2 <- %10\n", false},
};

/* The numbers say something of every pair but of witnesses, which are no results. */
static void compare(const pair *p)
{
    an_graph *a = with(p->a), *b = with(p->b);
    an_proof *f = an_prove(.a = a, .b = b);
    an_equivalence *e = an_equivalent(a, b);
    if (an_proof_holds(f) != p->equal) an_object("proof", "%s", an_proof_message(f));
    if ((an_equivalence_rung(e) == AN_RUNG_PROVED) != p->equal)
        an_object("proof", "%s", an_equivalence_message(e));
    const bool witness = strstr(an_proof_root(f), "witness") != NULL;
    if (!p->equal && !witness && !e->refused && e->verdict < AN_SUSPECT)
        an_object("numbers", "%s", an_equivalence_message(e));
    if (!p->equal && strstr(an_proof_kind(f), "interface") && !e->refused)
        an_object("numbers", "not refused: %s", an_equivalence_message(e));
    an_equivalence_free(e);
    an_proof_free(f);
    an_graph_free(a);
    an_graph_free(b);
}

/* ---- kept, and run ----------------------------------------------------- */

/* Of a chain that only the output holds, all links, though they come in the wrong order; of what
 * nobody needs, none. */
static void try_passes(void)
{
    an_graph *g = with(
        "%20: f32[4] = state \"b\"\n%21: f32[4] = state \"c\"\n%22: f32[4] = exp %6\n"
        "%23: f32[4] = sin %22\n%24: f32[4] = state \"dead\"\n%25: f32[4] = cos %13\n"
        "pending %24 <- %25 when %25\npending %21 <- %22 when %23\npending %20 <- %23 when %9\n"
        "pending %2 <- %9 when %8\nupdate \"u\" %11 <- %10\n");
    an_optimised *o = an_optimise(.graph = g);
    const an_graph *to = an_optimised_graph(o);
    if (!to) an_object("passes", "%s", an_optimised_message(o));
    else if (to->commit_count != 4) an_object("passes", "%d rows", (int)to->commit_count);
    else if (says(to, "\"dead\"")) an_object("passes", "what nobody needs is kept");
    an_optimised_free(o);
    an_judge_equal("a chain of witnesses", an_equivalent(g, .gradients = true), NULL);
    an_graph_free(g);
}

/* What a pending update is of stays a value by itself. */
static void try_fused_witness(void)
{
    an_graph *g = an_read_graph("witness",
        "dims B\n%1: f32[B,4] = input \"x\"\n%2: f32[B,4] = input \"r\"\n%3: f32[B,4], f32[B,4], "
        "f32[B], f32[B] = add_norm %1, %2 {axis=1, eps=0.01}\n%4: f32[B,4] = input \"dy\"\n"
        "%5: f32[B,4], f32[4], f32[4] = layer_norm_grad %4, %3.1, _, %3.2, %3.3 {axis=1, "
        "eps=0.01}\n"
        "%6: f32[B,4] = accumulate %4, %5 {order=[7,3]}\n%7: f32[4] = state \"s\"\n"
        "%8: f32[4] = neg %7\noutput \"dx\" %6\noutput \"y\" %3\npending %7 <- %8 when %5\n");
    an_proof *f = NULL;
    an_optimised *o = an_optimise(.graph = g, .passes = "fuse_add_norm");
    f = an_prove(.a = g, .b = an_optimised_graph(o));
    if (!an_proof_holds(f)) an_object("proof", "%s", an_proof_message(f));
    an_proof_free(f);
    an_optimised_free(o);
    an_graph_free(g);
}

/* Fetches y and what is used; says whether `mean` moved. */
static void run(an_graph *g, an_updates up, bool inference, bool moves)
{
    float data[8] = {1, 2, 3, 4, 5, 6, 7, 9}, start[4] = {-1, -2, -3, -4};
    const an_tensor x = an_tensor_borrow(AN_F32, AN_EXTENTS(2, 4), data);
    const an_tensor mean = an_tensor_borrow(AN_F32, AN_EXTENTS(4), start);
    an_store *s = an_store_new(1);
    an_store_set(s, "mean", &mean);
    an_tensor used = {0};
    an_program *p = an_compile(g, s, .fetch = {an_graph_find(g, "used"), an_graph_find(g, "mean")},
                               .update = up, .inference = inference);
    const bool ran = an_run(p, .feed = {{"x", &x}}, .out = {&used}) == AN_OK;
    if (!ran) an_object("programs", "%s%s", an_compile_message(g), an_program_message(p));
    else if (memcmp(used.data, inference ? start : (float[]){3, 4, 5, 6.5f}, sizeof start) != 0)
        an_object("programs", "training or not: the other branch was chosen");
    const an_tensor *now = an_store_view(s, "mean");
    if (ran && (memcmp(now->data, start, sizeof start) != 0) != moves)
        an_object("programs", moves ? "nothing moved" : "it moved without a table");
    if (p && (says(an_program_graph(p), "where") || says(an_program_graph(p), "pending")))
        an_object("programs", "what is decided is still open");
    an_tensor_free(&used);
    an_program_free(p);
    an_store_free(s);
}

static void try_programs(void)
{
    an_graph *g = with("output \"used\" %7\npending %2 <- %9 when %8\n");
    an_graph_output(an_mean_axes(an_graph_find(g, "y"), AN_ALL_AXES, false), "loss");
    an_judge_equal("pending", an_equivalent(g, .gradients = true), NULL);
    run(g, (an_updates){0}, false, false);
    const an_updates up = an_minimize(an_graph_find(g, "loss"), an_sgd());
    run(g, up, false, true);
    run(g, (an_updates){0}, true, false);
    an_store *s = an_store_new(1);
    an_program *p = an_compile(g, s, .fetch = {an_graph_find(g, "used")}, .passes = "");
    if (an_graph_count(an_program_graph(p), "mul")) an_object("programs", "all pending is there");
    an_program_free(p);
    p = an_compile(g, s, .fetch = {an_graph_find(g, "loss")}, .update = up);
    an_judge_equal("what trains", an_equivalent(g, an_program_graph(p), .subset = true), NULL);
    an_program_free(p);
    an_store_free(s);
    an_graph_free(g);
}

/* ---- taken ------------------------------------------------------------- */

static bool updates(an_updates up, const char *state)
{
    return !an_is_none(an_updates_value(up, an_graph_find(up.graph, state)));
}

static void try_tables(void)
{
    an_graph *g = with("output \"aside\" %13\noutput \"mine\" %10\npending %2 <- %9 when %8\n");
    const an_value w = an_graph_find(g, "w"), mean = an_graph_find(g, "mean");
    const an_value aside = an_graph_find(g, "aside"), mine = an_graph_find(g, "mine");
    const an_value drawn = an_dropout(an_graph_find(g, "x"), 0.5f);
    const an_updates none = an_updates_new(g, "none"), own = an_updates_new(g, "own");
    an_updates_add(none, w, aside);
    an_updates_take_pending(none, AN_NONE);
    if (updates(none, "mean")) an_object("tables", "one takes what it does not need");
    if (updates(none, "random/key") || an_graph_pending(g, "random/key"))
        an_object("tables", "one draws that does not need to");
    an_updates_add(own, mean, mine);
    an_updates_take_pending(own, an_graph_find(g, "y"));
    if (an_updates_value(own, mean).id != mine.id || an_graph_verify(g, NULL, 0) != AN_OK)
        an_object("tables", "what is pending replaces a row");
    an_updates_take_pending(none, an_graph_find(g, "y"));
    if (!updates(none, "mean")) an_object("tables", "one does not take what it needs");
    an_updates_take_pending(none, drawn);
    an_updates_take_pending(own, drawn);
    const an_value key = an_graph_find(g, "random/key");
    if (!updates(none, "random/key")) an_object("tables", "one that draws leaves the key");
    if (an_updates_value(own, key).id != an_updates_value(none, key).id ||
        an_graph_status(g) != AN_OK)
        an_object("tables", "two keys: %s", an_graph_message(g));
    an_graph_free(g);
}

static void try_broken(void)
{
    an_graph *g = with("pending %2 <- %9 when %8\nupdate \"u\" %11 <- %10\n");
    if (!g) return;
    g->commits[0].witness = 0;
    if (an_graph_verify(g, NULL, 0) == AN_OK) an_object("verify", "no witness goes unseen");
    g->commits[0].witness = (uint32_t)g->slot_count + 1;
    if (an_graph_verify(g, NULL, 0) == AN_OK) an_object("verify", "what witness goes unseen");
    an_graph_free(g);
}

void an_battery_pending(void)
{
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) compare(&pairs[i]);
    try_passes();
    try_fused_witness();
    try_programs();
    try_tables();
    try_broken();
}
