/* answers.c -- is what differs at one place told from what merely is not proved? */
#include "graph/equal/result.h"
#include "tests/mutants/mutants.h"

#include <stdio.h>
#include <string.h>

static an_graph *with_leaves(const char *w, const char *body)
{
    char text[1024];
    snprintf(text, sizeof text,
             "graph \"g\"\n%%1: f32[8] = input \"x\"\n%%2: f32[8] = input \"z\"\n"
             "%%3: f32[8] = state \"v\"\n%%4: f32[8] = state \"w\" %s\n%s", w, body);
    return an_read_graph("answer", text);
}

static void ask(an_proof_answer says, an_graph *a, an_graph *b, const char *difference)
{
    for (int turn = 0; turn < 2 && a && b; turn++) {
        an_proof *f = an_prove(.a = turn ? b : a, .b = turn ? a : b);
        if (an_proof_says(f) != says)
            an_object("answer", "%s: %s", difference, an_proof_message(f));
        if (!turn && !strstr(an_proof_difference(f), difference))
            an_object("answer", "%s, not %s", an_proof_difference(f), difference);
        an_proof_free(f);
    }
    an_graph_free(a);
    an_graph_free(b);
}

/* Only aimed data shows in what they differ. */
static void aim(an_graph *a, an_graph *b)
{
    an_equivalence *e = a && b ? an_equivalent(.a = a, .b = b, .quick = true) : NULL;
    if (!an_equivalence_aimed(e, NULL) || an_equivalence_rung(e) != AN_RUNG_DIFFERENT)
        an_object("aim", "%s", an_equivalence_message(e));
    an_equivalence_free(e);
    an_graph_free(a);
    an_graph_free(b);
}

void an_battery_answers(void)
{
#define AN_AIMED(w, left, right) aim(with_leaves("", left), with_leaves(w, right));
#include "tests/graph/aimed.def"
#undef AN_AIMED
#define AN_ANSWER(says, left, right, difference)                                                   \
    ask(says, with_leaves("", left), with_leaves("", right), difference);
#include "tests/graph/answers.def"
#undef AN_ANSWER
    static const char sum[] = "%5: f32[8] = add %1, %4\noutput \"y\" %5\n";
    static const char step[] = "update \"u\" %4 <- %1\n", unread[] = "output \"y\" %1\n";
    ask(AN_PROOF_LOCATED, with_leaves("", sum), with_leaves("{init=constant(1)}", sum), "init of");
    ask(AN_PROOF_LOCATED, with_leaves("", sum), with_leaves("{frozen=1}", sum), "frozen of");
    ask(AN_PROOF_LOCATED, with_leaves("", step), with_leaves("{frozen=1}", step), "frozen of");
    ask(AN_PROOF_PROVED, with_leaves("", unread), with_leaves("{frozen=1}", unread), "");
    ask(AN_PROOF_LOCATED, with_leaves("", step), with_leaves("{transient=1}", step),
        "transient of");
}
