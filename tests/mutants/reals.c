/* reals.c -- what is equal over the reals and what is not: a law that is broken shows in either. */
#include "graph/equal/result.h"
#include "tests/graph/real_trial.h"
#include "tests/mutants/mutants.h"

#include <stdarg.h>
#include <stdio.h>

#define EDITS 400
#define GRAPHS 12

static void say(const char *format, ...)
{
    char text[300];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    an_object("reals", "%s", text);
}

void an_battery_written(void)
{
    for (int i = 0; i < an_spelling_count; i++) {
        const an_spelling *w = &an_spellings[i];
        an_graph *a = an_spelling_graph(w->left), *b = an_spelling_graph(w->right);
        an_proof *f = an_prove(.a = a, .b = b);
        if (an_proof_says(f) != AN_PROOF_REALS)
            an_object("written", "%s, %s: %s", w->what, w->how, an_proof_message(f));
        an_proof_free(f);
        an_graph_free(a);
        an_graph_free(b);
    }
}

#define CHOICE(literal)                                                                            \
    "%20: bool[B,T,8] = compare %1, %7 {test=gt}\n%21: f32[B,T,8] = where %20, %1, " literal "\n"

/* Two that one law too many would make equal. */
static const char *const apart[][2] = {
    {CHOICE("%10"), CHOICE("%13")},
    {"%20: f32[B,T,8] = maximum %1, %16\n", "%20: f32[B,T,8] = mul %1, %11\n"}};

static void try_apart(void)
{
    for (size_t i = 0; i < sizeof apart / sizeof *apart; i++) {
        an_graph *a = an_spelling_graph(apart[i][0]), *b = an_spelling_graph(apart[i][1]);
        an_proof *f = an_prove(.a = a, .b = b);
        if (an_proof_says(f) == AN_PROOF_REALS || an_proof_holds(f))
            an_object("reals", "%s is equal to %s", apart[i][0], apart[i][1]);
        an_proof_free(f);
        an_graph_free(a);
        an_graph_free(b);
    }
}

void an_battery_reals(void)
{
    try_apart();
    int equal = 0, counts[3] = {0};
    for (uint64_t seed = 1; seed <= GRAPHS; seed++) an_trial_values(seed, counts, say);
    for (uint64_t seed = 1; seed <= EDITS; seed++) an_trial_edit(seed, &equal, say);
}
