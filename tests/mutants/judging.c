/* judging.c -- tensors whose difference is known, and conclusions that must be drawn. */
#include "graph/equal/result.h"
#include "graph/equal/compare.h"
#include "tests/mutants/mutants.h"

#include <math.h>
#include <string.h>

/* ---- single tensors ---------------------------------------------------- */

#define COUNT 5

typedef struct known {
    const char *what;
    float a[COUNT], b[COUNT];
    double truth[COUNT];
    an_verdict verdict;
    int64_t different;
    bool exact;
} known;

#define SMALL 1.1920929e-7f /* one unit in the last place at 1 */

#define ONE {1, 2, 3, 4, 5}
#define FIRST(x) {x, 2, 3, 4, 5}

static const known cases[] = {
    {"equal", ONE, ONE, ONE, AN_BITWISE, 0, false},
    {"the first element", ONE, FIRST(9), ONE, AN_DIFFERENT, 1, false},
    {"the last element", ONE, {1, 2, 3, 4, 6}, ONE, AN_DIFFERENT, 1, false},
    {"the sign of zero", FIRST(0), FIRST(-0.0f), FIRST(0), AN_ROUNDING, 1, false},
    {"NaN for a number", ONE, FIRST(NAN), ONE, AN_DIFFERENT, 1, false},
    {"a number for NaN", FIRST(NAN), ONE, FIRST(NAN), AN_DIFFERENT, 1, false},
    {"NaN for NaN", FIRST(NAN), FIRST(-NAN), FIRST(NAN), AN_BITWISE, 0, false},
    {"an infinity", FIRST(INFINITY), ONE, ONE, AN_DIFFERENT, 1, false},
    {"its sign", FIRST(INFINITY), FIRST(-INFINITY), FIRST(INFINITY), AN_DIFFERENT, 1, false},
    {"two units", ONE, FIRST(1 + 2 * SMALL), ONE, AN_ROUNDING, 1, false},
    {"two units on exact data", ONE, FIRST(1 + 2 * SMALL), ONE, AN_DIFFERENT, 1, true},
    {"100 units", ONE, FIRST(1 + 100 * SMALL), ONE, AN_SUSPECT, 1, false},
    {"2000 units", ONE, FIRST(1 + 2000 * SMALL), ONE, AN_DIFFERENT, 1, false},
    {"100 units, as near to the truth", ONE, FIRST(1 + 100 * SMALL),
     FIRST(1 + 50 * (double)SMALL), AN_ROUNDING, 1, false},
    {"100 units, and farther from it", ONE, FIRST(1 + 100 * SMALL), FIRST(1 - 60 * (double)SMALL),
     AN_SUSPECT, 1, false},
    {"the wrong infinity", FIRST(3e38f), FIRST(-INFINITY), FIRST(INFINITY), AN_DIFFERENT, 1, false},
    {"a large one before a small one", {1, 2, 3, 4, 1}, {7, 2, 3, 4, 1 + SMALL}, {1, 2, 3, 4, 1},
     AN_DIFFERENT, 2, false},
};

static void try_case(const known *k)
{
    an_compared c;
    float a[COUNT], b[COUNT];
    double truth[COUNT];
    memcpy(a, k->a, sizeof a);
    memcpy(b, k->b, sizeof b);
    memcpy(truth, k->truth, sizeof truth);
    const an_tensor x = an_tensor_borrow(AN_F32, AN_EXTENTS(COUNT), a);
    const an_tensor y = an_tensor_borrow(AN_F32, AN_EXTENTS(COUNT), b);
    const an_tensor t = an_tensor_borrow(AN_F64, AN_EXTENTS(COUNT), truth);
    an_compare_begin(&c, "output", k->what);
    an_compare_tensors(&c, &x, &y, &(an_judge){.truth = &t, .ulps = 16, .exact = k->exact});
    if (c.verdict != k->verdict || c.different != k->different || c.degenerate)
        an_object("comparison", "%s: %s, %d differ", k->what, an_verdict_name(c.verdict),
                  (int)c.different);
}

/* 200 units off: rounding if both have the same number in f64 and others are larger by far. */
static void try_cancellation(void)
{
    static const struct {
        double truth, other;
        float large;
        an_verdict verdict;
    } of[] = {{1, 1, 100, AN_ROUNDING},
              {1, 1 + 1e-6, 100, AN_DIFFERENT},
              {1, 1 + 2000 * (double)SMALL, 100, AN_DIFFERENT},
              {1, 1, 0.5f, AN_ROUNDING},
              {1e-3, 1e-3, 1e-3f, AN_DIFFERENT}};
    for (size_t i = 0; i < sizeof of / sizeof *of; i++) {
        const double t = of[i].truth, large = (double)of[i].large;
        float a[2] = {(float)t, of[i].large}, b[2] = {(float)t + 2000 * SMALL, of[i].large};
        double truth[2] = {t, large}, other[2] = {of[i].other, large};
        const an_tensor x = an_tensor_borrow(AN_F32, AN_EXTENTS(2), a);
        const an_tensor y = an_tensor_borrow(AN_F32, AN_EXTENTS(2), b);
        const an_tensor u = an_tensor_borrow(AN_F64, AN_EXTENTS(2), truth);
        const an_tensor v = an_tensor_borrow(AN_F64, AN_EXTENTS(2), other);
        an_compared c;
        an_compare_begin(&c, "output", "x");
        an_compare_tensors(&c, &x, &y, &(an_judge){.truth = &u, .other = &v, .ulps = 16});
        if (c.verdict != of[i].verdict)
            an_object("comparison", "cancellation %zu: %s", i, an_verdict_name(c.verdict));
    }
}

static void try_forms(void)
{
    float a[6] = {1, 2, 3, 4, 5, 6}, zero[6] = {0};
    an_compared c;
    const an_tensor x = an_tensor_borrow(AN_F32, AN_EXTENTS(6), a);
    const an_tensor shorter = an_tensor_borrow(AN_F32, AN_EXTENTS(5), a);
    const an_tensor nothing = an_tensor_borrow(AN_F32, AN_EXTENTS(6), zero);
    an_compare_begin(&c, "output", "x");
    an_compare_tensors(&c, &x, &shorter, &(an_judge){.ulps = 16});
    if (c.verdict != AN_DIFFERENT) an_object("comparison", "another count is not different");
    an_compare_begin(&c, "output", "x");
    an_compare_tensors(&c, &nothing, &nothing, &(an_judge){.ulps = 16});
    if (!c.degenerate) an_object("comparison", "all zeros could show a fault");
}

/* ---- conclusions -------------------------------------------------------- */

typedef struct conclusion {
    const char *a, *b;
    an_verdict verdict;
    an_rung rung;
    const char *says;
    bool gradients;
    int64_t fusions;
    int seeds; /* 0: 4 */
} conclusion;

#define X "graph \"g\"\n%1: f32[6] = input \"x\"\n"
/* The same bits, and no law says so. */
#define RELU "%4: f32[6] = relu %1\n"
#define CHOSEN "%2: f32[] = constant {data=[0]}\n%3: bool[6] = compare %2, %1 {test=lt}\n"         \
    "%4: f32[6] = where %3, %1, %2\n"
/* x, as no law knows. */
#define SHIFTED "%4: f32[6] = relu %1\n%5: f32[6] = neg %1\n%6: f32[6] = relu %5\n"                \
    "%7: f32[6] = sub %4, %6\n"
#define SCALAR "graph \"g\"\n%1: f32[] = input \"x\"\n"

static const conclusion conclusions[] = {
    {X "%2: f32[6] = tanh %1\noutput \"y\" %2\n", X "%2: f32[6] = tanh %1\noutput \"y\" %2\n",
     AN_VACUOUS, AN_RUNG_PROVED, "the same, node for node", false, 0, 0},
    {X "%2: f32[6] = sub %1, %1\noutput \"y\" %2\n",
     X "%2: f32[6] = sub %1, %1\n%3: f32[6] = neg %2\n%4: f32[6] = neg %3\noutput \"y\" %4\n",
     AN_VACUOUS, AN_RUNG_PROVED, "all zero", false, 0, 0},
    {X "%2: f32[6] = stop_gradient %1\n%3: f32[6] = relu %2\n%4: f32[] = constant {data=[0]}\n"
     "%5: f32[6] = mul %1, %4\n%6: f32[6] = add %5, %3\noutput \"y\" %6\n",
     X "%2: f32[6] = stop_gradient %1\n%4: f32[] = constant {data=[0]}\n"
     "%5: bool[6] = compare %4, %2 {test=lt}\n%6: f32[6] = where %5, %2, %4\n"
     "%7: f32[6] = mul %4, %1\n%8: f32[6] = add %7, %6\noutput \"y\" %8\n",
     AN_VACUOUS, AN_RUNG_BITWISE, "every gradient", true, 0, 0},
    {X, X, AN_VACUOUS, AN_RUNG_BITWISE, "nothing was compared", false, 0, 0},
    {X "%2: f32[6] = tanh %1\noutput \"y\" %2\n",
     X "%2: f32[6] = tanh %1\noutput \"y\" %2\noutput \"z\" %2\n", AN_FAILED, AN_RUNG_REFUSED,
     "no output \"z\"", false, 0, 0},
    {X "%2: f32[6] = tanh %1\noutput \"y\" %2\n",
     X "%2: f32[3] = slice %1 {stop=3, step=1}\noutput \"y\" %2\n", AN_FAILED, AN_RUNG_REFUSED,
     "\"y\" is f32[6] in the first graph and f32[3] in the second", false, 0, 0},
    {X RELU "output \"y\" %4\n", X CHOSEN "output \"y\" %4\n", AN_BITWISE,
     AN_RUNG_BITWISE, "in every bit", false, 0, 0},
    {X RELU "output \"y\" %4\n", X CHOSEN "output \"y\" %4\n",
     AN_VACUOUS, AN_RUNG_BITWISE, "fewer pairs", false, 1, 0},
    {X "%2: f32[6] = tanh %1\n%3: f32[6] = add %2, %1\n%4: f32[6] = add %3, %2\noutput \"y\" %4\n",
     X "%2: f32[6] = tanh %1\n%3: f32[6] = add %2, %2\n%4: f32[6] = add %3, %1\noutput \"y\" %4\n",
     AN_ROUNDING, AN_RUNG_REALS, "differs", false, 0, 0},
    {X "%2: f32[6] = tanh %1\noutput \"y\" %2\n",
     X "%2: f32[6] = exp %1\n%3: f32[6] = neg %1\n%4: f32[6] = exp %3\n%5: f32[6] = sub %2, %4\n"
     "%6: f32[6] = add %2, %4\n%7: f32[6] = div %5, %6\noutput \"y\" %7\n", AN_ROUNDING,
     AN_RUNG_ROUNDING, "differs", false, 0, 0},
    /* 81 units, for the sum cancels; in f64 both are one */
    {X "%2: f32[6] = input \"r\"\n%3: f32[6] = input \"g\"\n" SHIFTED "%8: f32[6] = add %7, %2\n"
     "%9: f32[6] = mul %8, %3\noutput \"y\" %9\n",
     X "%2: f32[6] = input \"r\"\n%3: f32[6] = input \"g\"\n%4: f32[6] = mul %1, %3\n"
     "%5: f32[6] = mul %2, %3\n%6: f32[6] = add %4, %5\noutput \"y\" %6\n", AN_ROUNDING,
     AN_RUNG_ROUNDING, "differs", false, 0, 100},
    {X "%2: f32[6] = input \"r\"\n%3: f32[6] = input \"g\"\n%4: f32[6] = add %1, %2\n"
     "%5: f32[6] = mul %4, %3\noutput \"y\" %5\n",
     X "%2: f32[6] = input \"r\"\n%3: f32[6] = input \"g\"\n%4: f32[6] = mul %1, %3\n"
     "%5: f32[6] = mul %2, %3\n%6: f32[6] = add %4, %5\noutput \"y\" %6\n", AN_ROUNDING,
     AN_RUNG_REALS, "differs", false, 0, 100},
    /* 1 / 2.828427 is not 0.35355338, but a step away: each is held to its own truth */
    {X "%2: f32[] = constant {data=[0.35355338]}\n%3: f32[6] = mul %1, %2\n"
     "%4: f32[6] = add %3, %1\noutput \"y\" %4\n",
     X "%2: f32[] = constant {data=[2.828427]}\n%3: f32[6] = div %1, %2\n%4: f32[6] = add %3, %1\n"
     "output \"y\" %4\n", AN_ROUNDING, AN_RUNG_REALS, "by sums, ", false, 0, 100},
    /* a step that grows, until f64 tells both apart */
    {X "%2: f32[] = constant {data=[0.33333334]}\n%3: f32[] = constant {data=[3]}\n"
     "%4: f32[6] = mul %1, %2\n%5: f32[6] = div %1, %3\n%6: f32[6] = sub %4, %5\n"
     "%7: f32[] = constant {data=[1e9]}\n%8: f32[6] = mul %6, %7\n%9: f32[6] = add %8, %1\n"
     "output \"y\" %9\n", X "%2: f32[6] = neg %1\n%3: f32[6] = neg %2\noutput \"y\" %3\n",
     AN_DIFFERENT, AN_RUNG_DIFFERENT, "differs", false, 0, 0},
    /* what only some seeds show */
    {SCALAR "%2: f32[] = constant {data=[1.5]}\n%3: f32[] = minimum %1, %2\noutput \"y\" %3\n",
     SCALAR "%2: f32[] = neg %1\n%3: f32[] = neg %2\noutput \"y\" %3\n", AN_BITWISE,
     AN_RUNG_BITWISE, "in every bit", false, 0, 1},
    {SCALAR "%2: f32[] = constant {data=[1.5]}\n%3: f32[] = minimum %1, %2\noutput \"y\" %3\n",
     SCALAR "%2: f32[] = neg %1\n%3: f32[] = neg %2\noutput \"y\" %3\n", AN_DIFFERENT,
     AN_RUNG_DIFFERENT, "differs", false, 0, 40},
    /* what the proof locates and no data can show */
    {X "%2: f32[6] = tanh %1\n%3: f32[] = constant {data=[1.5]}\n%4: f32[6] = minimum %2, %3\n"
     "output \"y\" %4\n",
     X "%2: f32[6] = tanh %1\n%3: f32[] = constant {data=[1.75]}\n%4: f32[6] = minimum %2, %3\n"
     "output \"y\" %4\n", AN_BITWISE, AN_RUNG_SUSPECT, "in every bit", false, 0, 0},
};

/* A proof is asked for, then bits; equal bits that show nothing satisfy nobody. */
static void try_rung(const conclusion *c, const an_equivalence *e)
{
    const an_rung rung = an_equivalence_rung(e);
    const bool proved = c->rung == AN_RUNG_PROVED;
    const bool bits = proved || c->rung == AN_RUNG_REALS ||
                      (c->rung == AN_RUNG_BITWISE && c->verdict != AN_VACUOUS);
    if (rung != c->rung || strncmp(e->message, an_rung_name(rung), strlen(an_rung_name(rung))) ||
        an_equivalence_holds(e, AN_RUNG_PROVED) != proved ||
        an_equivalence_holds(e, AN_RUNG_REALS) != (proved || c->rung == AN_RUNG_REALS) ||
        an_equivalence_holds(e, AN_RUNG_BITWISE) != bits ||
        an_equivalence_holds(e, AN_RUNG_FAILED) != (c->verdict != AN_FAILED && (proved ||
                                                    c->verdict != AN_VACUOUS)))
        an_object("rung", "not %s: %s", an_rung_name(c->rung), e->message);
}

static void try_conclusion(const conclusion *c)
{
    an_graph *a = an_read_graph("a", c->a), *b = an_read_graph("b", c->b);
    if (a && b) {
        an_equivalence *e = an_equivalent(.a = a, .b = b, .quick = true,
                                         .seeds = c->seeds ? c->seeds : 4,
                                         .gradients = c->gradients, .fusions = c->fusions);
        if (e->verdict != c->verdict || !strstr(e->message, c->says))
            an_object("conclusion", "not %s: %s", an_verdict_name(c->verdict), e->message);
        try_rung(c, e);
        an_equivalence_free(e);
    }
    an_graph_free(a);
    an_graph_free(b);
}

/* With all checks: values inside that need not be equal refute nothing, and what is proved
 * makes up for a pass that is not exact. */
static void try_checked(void)
{
    an_graph *a = an_read_graph("a", X "%2: f32[] = constant {data=[0.5]}\n"
                                "%3: f32[6] = mul %1, %2\n"
                                "%4: f32[] = constant {data=[0.25]}\n%5: f32[6] = mul %3, %4\n"
                                "output \"y\" %5\n");
    an_graph *b = an_read_graph("b", X "%2: f32[] = constant {data=[0.125]}\n"
                                "%3: f32[6] = mul %1, %2\noutput \"y\" %3\n");
    an_graph *c = an_read_graph("c", X "%2: f32[] = constant {data=[0.125]}\n"
                                "%3: f32[6] = mul %2, %1\noutput \"y\" %3\n");
    an_equivalence *e = an_equivalent(a, b), *f = an_equivalent(b, c, .inexact = true);
    if (an_equivalence_rung(e) != AN_RUNG_REALS)
        an_object("rung", "halves: %s", an_equivalence_message(e));
    if (an_equivalence_rung(f) != AN_RUNG_PROVED)
        an_object("rung", "proved, though inexact: %s", an_equivalence_message(f));
    an_equivalence_free(e);
    an_equivalence_free(f);
    an_graph_free(a);
    an_graph_free(b);
    an_graph_free(c);
}

#define SIZED(dim)                                                                                 \
    "graph \"g\"\ndims B, T\n%1: f32[B,T] = input \"x\"\n%2: f32[] = count {size=" dim "}\n"       \
    "%3: f32[B,T] = div %1, %2\noutput \"y\" %3\n"
#define STEP(of)                                                                                   \
    X "%2: f32[6] = state \"w\"\n%3: f32[6] = state \"m\"\n%4: f32[6] = state \"n\"\n"            \
      "%5: f32[] = state \"rate\" {init=constant(0.1)}\n"                                         \
      "%6: f32[6], f32[6] = momentum_step %2, %1, " of ", %5 {momentum=0.9}\n"                     \
      "%7: f32[6] = neg %1\n"                                                                      \
      "%8: f32[6], f32[6] = momentum_step %2, %7, %4, %5 {momentum=0.9}\n"                         \
      "update \"u\" %2 <- %6\nupdate \"u\" %3 <- %6.1\nupdate \"u\" %4 <- %8.1\n"
/* In the first step, which begins at 1, x whatever `of` is. */
#define LATER(of)                                                                                  \
    X "%2: i64[] = state \"step\"\n%3: i64[] = constant {data=[1]}\n%4: i64[] = add %2, %3\n"      \
      "%5: bool[] = compare %2, %3 {test=gt}\n%6: f32[6] = tanh %1\n%7: f32[6] = where %5, " of    \
      ", %1\noutput \"y\" %7\nupdate \"u\" %2 <- %4\n"

/* Different extents for different dims, and a second step: both find a witness. */
static void try_aimed(void)
{
    static const struct {
        const char *a, *b;
        int steps;
    } pairs[] = {{SIZED("T"), SIZED("B"), 0},
                 {STEP("%3"), STEP("%4"), 1}, /* moments are not zero */
                 {LATER("%1"), LATER("%6"), 0}};
    for (int i = 0; i < 3; i++) {
        an_graph *a = an_read_graph("a", pairs[i].a), *b = an_read_graph("b", pairs[i].b);
        an_equivalence *e = an_equivalent(a, b, .steps = pairs[i].steps);
        if (an_equivalence_rung(e) != AN_RUNG_DIFFERENT)
            an_object("rung", "no witness: %s", an_equivalence_message(e));
        an_equivalence_free(e);
        an_graph_free(a);
        an_graph_free(b);
    }
}

/* A byte less than both graphs and one truth need is too little, and what is needed is said: an
 * exact number where no checks are made. */
static void try_memory(void)
{
    an_graph *a = an_read_graph("a", "graph \"g\"\n%1: f32[3000] = input \"x\"\n"
                                "%2: f32[3000] = tanh %1\noutput \"y\" %2\n");
    const int64_t values = 2 * 3000 * 4, truth = 2 * values;
    for (int64_t most = 1; a && most >= 0; most--) {
        an_equivalence *e = an_equivalent(.a = a, .b = a, .quick = true,
                                          .memory = 2 * values + truth - most);
        if (an_equivalence_memory(e) != 2 * values + truth)
            an_object("memory", "it needs %lld", (long long)an_equivalence_memory(e));
        if ((an_equivalence_rung(e) == AN_RUNG_FAILED) != (most == 1))
            an_object("memory", "%s", an_equivalence_message(e));
        an_equivalence_free(e);
    }
    an_graph_free(a);
}

/* The second graph has lost a leaf that never mattered, and with it a gradient of zeros. */
static void try_subset(void)
{
    an_graph *a = an_read_graph("a", X "%2: f32[6] = input \"w\"\n%3: f32[12] = concat %1, %2\n"
                                "%4: f32[6] = slice %3 {stop=6, step=1}\n%5: f32[6] = tanh %4\n"
                                "output \"y\" %5\n");
    an_graph *b = an_read_graph("b", X "%2: f32[6] = tanh %1\noutput \"y\" %2\n");
    an_equivalence *e = an_equivalent(.a = a, .b = b, .quick = true, .gradients = true,
                                     .subset = true);
    if (e->verdict != AN_BITWISE || e->rung != AN_RUNG_BITWISE)
        an_object("conclusion", "a leaf less: %s", e->message);
    an_equivalence_free(e);
    an_graph_free(a);
    an_graph_free(b);
}

void an_battery_judging(void)
{
    try_subset();
    try_memory();
    try_checked();
    try_aimed();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) try_case(&cases[i]);
    try_forms();
    try_cancellation();
    for (size_t i = 0; i < sizeof conclusions / sizeof *conclusions; i++)
        try_conclusion(&conclusions[i]);
}
