/* test_locate.c -- is an unproved pair told from one that differs at one place?
 *
 * A located difference is never called equal, whatever numbers say; what merely is not
 * proved may be.                                                             */
#include "graph/equal/result.h"
#include "graph/ir.h"
#include "tests/support.h"

#include <string.h>

static const struct {
    an_proof_answer says;
    const char *left, *right, *difference;
} answers[] = {
#define AN_ANSWER(says, left, right, difference) {says, left, right, difference},
#include "tests/graph/answers.def"
#undef AN_ANSWER
};

/* Two inputs, two states of which w has these attributes, and a body. */
static an_graph *with_leaves(const char *w, const char *body)
{
    char text[1024];
    snprintf(text, sizeof text,
             "graph \"g\"\n%%1: f32[8] = input \"x\"\n%%2: f32[8] = input \"z\"\n"
             "%%3: f32[8] = state \"v\"\n%%4: f32[8] = state \"w\" %s\n%s", w, body);
    an_graph *g = an_parse(.text = text, .name = "text");
    ck_assert_msg(an_graph_status(g) == AN_OK, "%s", an_graph_message(g));
    return g;
}

START_TEST(test_located_or_not)
{
    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
        an_graph *a = with_leaves("", answers[i].left), *b = with_leaves("", answers[i].right);
        an_proof *f = an_prove(a, b), *back = an_prove(b, a);
        ck_assert_msg(an_proof_says(f) == answers[i].says, "%zu: %s", i, an_proof_message(f));
        ck_assert_msg(an_proof_says(back) == answers[i].says, "%zu: %s", i, back->message);
        ck_assert_msg(strstr(f->difference, answers[i].difference) != NULL, "%zu: %s", i,
                      f->difference);
        an_proof_free(f);
        an_proof_free(back);
        an_graph_free(a);
        an_graph_free(b);
    }
}
END_TEST

static void must_be_proved(const an_graph *a, const an_graph *b)
{
    an_proof *f = an_prove(a, b);
    ck_assert_msg(an_proof_holds(f), "%s", an_proof_message(f));
    an_proof_free(f);
}

/* What ordinary data does not show, aimed data does, and the same call finds it again. */
START_TEST(test_aimed_data_finds_a_witness)
{
    static const struct {
        const char *w, *left, *right;
    } pairs[] = {
#define AN_AIMED(w, left, right) {w, left, right},
#include "tests/graph/aimed.def"
#undef AN_AIMED
    };
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        an_graph *a = with_leaves("", pairs[i].left);
        an_graph *b = with_leaves(pairs[i].w, pairs[i].right);
        an_equivalence *e = an_equivalent(a, b), *again = an_equivalent(a, b);
        const char *message = an_equivalence_message(e);
        uint64_t seed = 99, same = 98;
        ck_assert_msg(an_equivalence_rung(e) == AN_RUNG_DIFFERENT, "%zu: %s", i, message);
        ck_assert_msg(an_equivalence_aimed(e, &seed) != NULL, "%zu: %s", i, message);
        ck_assert_ptr_nonnull(strstr(message, an_equivalence_aimed(e, NULL)));
        ck_assert_ptr_nonnull(an_equivalence_worst(e));
        ck_assert_str_eq(message, an_equivalence_message(again));
        ck_assert_str_eq(an_equivalence_aimed(e, NULL), an_equivalence_aimed(again, &same));
        ck_assert(seed == same);
        an_equivalence_free(e);
        an_equivalence_free(again);
        an_graph_free(a);
        an_graph_free(b);
    }
}
END_TEST

/* What a state first holds and whether it trains decides a training, though no run. */
START_TEST(test_leaves_are_compared)
{
    static const struct {
        const char *w, *says;
    } cases[] = {{"{init=constant(1)}",
                  "init of \"w\" is zeros in the first graph and constant(1)"},
                 {"{init=uniform(-1,1)}", "and uniform(-1,1) in the second"},
                 {"{frozen=1}", "frozen of \"w\" is"}};
    static const char *const bodies[] = {"%5: f32[8] = add %1, %4\noutput \"y\" %5\n",
                                         "update \"u\" %4 <- %1\n"};
    for (int i = 0; i < 6; i++) {
        const char *body = bodies[i % 2], *w = cases[i / 2].w;
        an_graph *a = with_leaves("", body), *b = with_leaves(w, body);
        an_proof *f = an_prove(a, b);
        ck_assert_msg(an_proof_says(f) == AN_PROOF_LOCATED, "%s", f->message);
        ck_assert_str_eq(f->kind, "leaf");
        ck_assert_int_eq(f->met, f->roots);
        ck_assert_msg(strstr(f->difference, cases[i / 2].says) != NULL, "%s", f->difference);
        ck_assert_str_eq(an_proof_place(f, 1)->name, "w (state)");
        an_proof_free(f);
        must_be_proved(b, b);
        an_graph_free(a);
        an_graph_free(b);
        const char *unread = "output \"y\" %1\n";
        a = with_leaves("", unread), b = with_leaves(w, unread);
        must_be_proved(a, b);
        an_graph_free(a);
        an_graph_free(b);
    }
}
END_TEST

AN_TEST_MAIN("locate", test_located_or_not, test_aimed_data_finds_a_witness,
             test_leaves_are_compared)
