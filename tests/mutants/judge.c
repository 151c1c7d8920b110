/* judge.c -- the one place that knows what is in an an_equivalence. */
#include "graph/equal/result.h"
#include "tests/mutants/mutants.h"

#include <string.h>

#include <stdio.h>

/* Checks object by their names. */
static void object_checks(const char *what, const an_equivalence *e)
{
    for (int i = 0; i < e->checks; i++) {
        const an_check_row *c = &e->check[i];
        char part[40];
        snprintf(part, sizeof part, "check %.30s", c->name);
        if (c->verdict != AN_BITWISE && c->verdict != AN_VACUOUS)
            an_object(part, "%s: %s", what, c->message);
    }
}

static bool tensors_agree(const an_equivalence *e)
{
    for (int64_t i = 0; i < e->compared_count; i++)
        if (e->compared[i].verdict != AN_BITWISE) return false;
    return true;
}

/* A check that fails changes the verdict, too; that alone is no objection of the numbers. */
void an_judge_equal(const char *what, const an_equivalence *e, const char *vacuous)
{
    const an_verdict wanted = vacuous ? AN_VACUOUS : AN_BITWISE;
    bool failed = false;
    for (int i = 0; i < e->checks; i++) failed = failed || e->check[i].failed > 0;
    if (!tensors_agree(e) || e->verdict == AN_FAILED || (!failed && e->verdict != wanted) ||
        (!failed && vacuous && !strstr(e->message, vacuous)))
        an_object("numbers", "%s: %s", what, e->message);
    object_checks(what, e);
    if (!e->proof.proved) an_object("proof", "%s: %s", what, e->proof.message);
}

void an_judge_different(const char *what, const an_equivalence *e)
{
    if (e->verdict == AN_BITWISE || e->verdict == AN_VACUOUS)
        an_object("numbers", "%s: different, yet %s", what, e->message);
    if (an_proof_says(&e->proof) >= AN_PROOF_REALS)
        an_object("proof", "%s: different, yet %s", what,
                  an_proof_answer_name(an_proof_says(&e->proof)));
}

void an_judge_watched(const char *what, const an_equivalence *e, const char *name)
{
    bool found = false;
    for (int i = 0; i < e->checks; i++)
        found = found || (!strcmp(e->check[i].name, name) && e->check[i].failed > 0);
    if (!found || e->verdict == AN_BITWISE || e->verdict == AN_VACUOUS)
        an_object("planted", "%s: %s does not see it: %s", what, name, e->message);
}

an_graph *an_read_graph(const char *name, const char *text)
{
    an_graph *g = an_parse(.text = text, .name = name);
    if (an_graph_status(g) == AN_OK) return g;
    an_object("graph", "%s: %s", name, an_graph_message(g));
    an_graph_free(g);
    return NULL;
}
