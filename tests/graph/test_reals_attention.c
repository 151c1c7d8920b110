/* test_reals_attention.c -- attention as others write it out is equal over the reals, by the op's
 * own meaning and the laws, never in bits; and what is not attention is not found to be.
 *
 * q[B,4,T,8], k[B,G,S,8], v[B,G,S,8] with G of 4 or 2 and S of T or a dim of its own.          */
#include "graph/equal/result.h"
#include "frontends/addnorm.h"
#include "tests/support.h"

#include <math.h>

typedef struct parts {
    an_graph *g;
    an_value q, k, v, mask, lengths, hidden;
    an_dim batch, queries, keys;
} parts;

typedef an_value (*builder)(const parts *p);

static parts last; /* of the last graph */

static an_graph *build(builder written, int groups, bool square)
{
    parts p = {.g = an_graph_new("attention")};
    p.batch = an_dim_named(p.g, "B");
    p.queries = p.keys = an_dim_named(p.g, "T");
    if (!square) p.keys = an_dim_named(p.g, "S");
    p.q = an_input(p.g, "q", AN_F32, AN_SHAPE(p.batch, 4, p.queries, 8));
    p.k = an_input(p.g, "k", AN_F32, AN_SHAPE(p.batch, groups, p.keys, 8));
    p.v = an_input(p.g, "v", AN_F32, AN_SHAPE(p.batch, groups, p.keys, 8));
    p.mask = an_input(p.g, "mask", AN_F32, AN_SHAPE(1, 1, p.queries, p.keys));
    p.lengths = an_input(p.g, "lengths", AN_I32, AN_SHAPE(p.batch));
    p.hidden = an_number(p.q, -INFINITY);
    last = p;
    an_graph_output(written(&p), "y");
    ck_assert_msg(an_graph_status(p.g) == AN_OK, "%s", an_graph_message(p.g));
    return p.g;
}

#define SCALE 0.35355339059327373 /* 1 / sqrt 8 */

static an_value product(const parts *p) { return an_matmul_t(p->q, false, p->k, true); }
static an_value finish(an_value s, an_value v) { return an_matmul(an_softmax(s, -1), v); }
static an_value scaled(const parts *p) { return an_scale(product(p), SCALE); }
static an_value not_after(const parts *p, an_test test)
{
    return an_compare(an_iota(p->g, AN_I32, AN_SHAPE(p->queries, 1), 0), test,
                      an_iota(p->g, AN_I32, AN_SHAPE(1, p->keys), 1));
}

/* ---- the op ------------------------------------------------------------ */

static an_value op(const parts *p) { return an_attention(p->q, p->k, p->v); }
static an_value op_masked(const parts *p)
{
    return an_attention(p->q, p->k, p->v, .mask = p->mask);
}
static an_value op_causal(const parts *p)
{
    return an_attention(p->q, p->k, p->v, .causal = true);
}
static an_value op_scaled(const parts *p) { return an_attention(p->q, p->k, p->v, .scale = 0.5); }
static an_value op_quarter(const parts *p)
{
    return an_attention(p->q, p->k, p->v, .scale = 0.25);
}
static an_value op_lse(const parts *p) { return an_result(op(p), 1); }
static an_value op_ragged(const parts *p)
{
    return an_attention(p->q, p->k, p->v, .lengths = p->lengths);
}

/* ---- as others write it ------------------------------------------------ */

static an_value on_scores(const parts *p) { return finish(scaled(p), p->v); }
static an_value divided(const parts *p)
{
    return finish(an_div(product(p), an_number(p->q, 2.8284271247461903)), p->v);
}
static an_value on_q(const parts *p)
{
    return finish(an_matmul_t(an_scale(p->q, SCALE), false, p->k, true), p->v);
}
static an_value on_k(const parts *p)
{
    const an_value turned = an_transpose(an_scale(p->k, SCALE), AN_AXES(0, 1, 3, 2));
    return finish(an_matmul(p->q, turned), p->v);
}
static an_value by_roots(const parts *p)
{
    return finish(an_matmul_t(an_scale(p->q, 0.5), false, an_scale(p->k, 0.5), true), p->v);
}
static an_value by_exp(const parts *p)
{
    const an_value s = scaled(p), e = an_exp(an_sub(s, an_max_axes(s, AN_AXES(3), true)));
    return an_matmul(an_div(e, an_sum_axes(e, AN_AXES(3), true)), p->v);
}
static an_value divided_last(const parts *p)
{
    const an_value e = an_exp(scaled(p));
    return an_div(an_matmul(e, p->v), an_sum_axes(e, AN_AXES(3), true));
}
static an_value masked(const parts *p) { return finish(an_add(scaled(p), p->mask), p->v); }
static an_value causal(const parts *p)
{
    return finish(an_where(not_after(p, AN_GE), scaled(p), p->hidden), p->v);
}
static an_value causal_added(const parts *p)
{
    const an_value mask = an_where(not_after(p, AN_GE), an_number(p->q, 0), p->hidden);
    return finish(an_add(scaled(p), mask), p->v);
}
static an_value halved(const parts *p) { return finish(an_scale(product(p), 0.5), p->v); }
static an_value ragged(const parts *p)
{
    const an_value j = an_iota(p->g, AN_I32, AN_SHAPE(1, 1, 1, p->keys), 3);
    const an_value n = an_reshape(p->lengths, AN_SHAPE(p->batch, 1, 1, 1));
    return finish(an_where(an_compare(n, AN_GT, j), scaled(p), p->hidden), p->v);
}
static an_value repeated(const parts *p, an_value x)
{
    x = an_reshape(x, AN_SHAPE(p->batch, 2, 1, p->keys, 8));
    return an_reshape(an_broadcast(x, AN_SHAPE(p->batch, 2, 2, p->keys, 8)),
                      AN_SHAPE(p->batch, 4, p->keys, 8));
}
static an_value grouped(const parts *p)
{
    parts wide = *p;
    wide.k = repeated(p, p->k);
    wide.v = repeated(p, p->v);
    return on_scores(&wide);
}
static an_value written_lse(const parts *p)
{
    const an_value e = an_exp(scaled(p));
    return an_log(an_sum(e, 3));
}

/* ---- what is not attention ----------------------------------------------- */

static an_value unscaled(const parts *p) { return finish(product(p), p->v); }
static an_value scaled_twice(const parts *p) { return finish(an_scale(scaled(p), SCALE), p->v); }
static an_value masked_after(const parts *p)
{
    return an_matmul(an_add(an_softmax(scaled(p), -1), p->mask), p->v);
}
static an_value mask_scaled(const parts *p)
{
    return finish(an_scale(an_add(product(p), p->mask), SCALE), p->v);
}
static an_value over_queries(const parts *p) { return an_matmul(an_softmax(scaled(p), -2), p->v); }
static an_value strictly(const parts *p)
{
    return finish(an_where(not_after(p, AN_GT), scaled(p), p->hidden), p->v);
}
static an_value nearly_hidden(const parts *p)
{
    return finish(an_where(not_after(p, AN_GE), scaled(p), an_number(p->q, -1e9)), p->v);
}
static an_value nearly_added(const parts *p)
{
    const an_value mask = an_where(not_after(p, AN_GE), an_number(p->q, 0), an_number(p->q, -1e9));
    return finish(an_add(scaled(p), mask), p->v);
}
static an_value tiled(const parts *p, an_value x)
{
    x = an_reshape(x, AN_SHAPE(p->batch, 1, 2, p->keys, 8));
    return an_reshape(an_broadcast(x, AN_SHAPE(p->batch, 2, 2, p->keys, 8)),
                      AN_SHAPE(p->batch, 4, p->keys, 8));
}
static an_value wrong_group(const parts *p)
{
    parts wide = *p;
    wide.k = tiled(p, p->k);
    wide.v = tiled(p, p->v);
    return on_scores(&wide);
}
static an_value half_grouped(const parts *p)
{
    parts wide = *p;
    wide.k = repeated(p, p->k);
    wide.v = tiled(p, p->v);
    return on_scores(&wide);
}

static const struct {
    const char *what;
    builder left, right;
    int groups;
    bool square, equal;
} pairs[] = {
    {"scale on the scores", op, on_scores, 4, false, true},
    {"divided by a root", op, divided, 4, false, true},
    {"scale on q", op, on_q, 4, false, true},
    {"scale on k, turned", op, on_k, 4, false, true},
    {"a root of the scale on either", op_quarter, by_roots, 4, false, true},
    {"softmax by exp and sum", op, by_exp, 4, false, true},
    {"divided last", op, divided_last, 4, false, true},
    {"mask", op_masked, masked, 4, false, true},
    {"causal by where", op_causal, causal, 4, true, true},
    {"causal by a mask that is added", op_causal, causal_added, 4, true, true},
    {"another scale", op_scaled, halved, 4, false, true},
    {"lengths", op_ragged, ragged, 4, false, true},
    {"grouped", op, grouped, 2, false, true},
    {"lse", op_lse, written_lse, 4, false, true},

    {"no scale", op, unscaled, 4, false, false},
    {"scale twice", op, scaled_twice, 4, false, false},
    {"another scale's default", op_scaled, on_scores, 4, false, false},
    {"mask after the softmax", op_masked, masked_after, 4, false, false},
    {"mask scaled, too", op_masked, mask_scaled, 4, false, false},
    {"mask left out", op_masked, on_scores, 4, false, false},
    {"softmax over queries", op, over_queries, 4, true, false},
    {"not causal", op_causal, on_scores, 4, true, false},
    {"its own place hidden", op_causal, strictly, 4, true, false},
    {"-1e9 in place of -inf", op_causal, nearly_hidden, 4, true, false},
    {"-1e9 added", op_causal, nearly_added, 4, true, false},
    {"wrong head group", op, wrong_group, 2, false, false},
    {"wrong head group of the values", op, half_grouped, 2, false, false},
};
enum { PAIRS = sizeof pairs / sizeof *pairs };

START_TEST(test_pair)
{
    an_graph *a = build(pairs[_i].left, pairs[_i].groups, pairs[_i].square);
    an_graph *b = build(pairs[_i].right, pairs[_i].groups, pairs[_i].square);
    for (int turn = 0; turn < 2; turn++) {
        an_proof *p = an_prove(.a = turn ? b : a, .b = turn ? a : b);
        ck_assert_msg((an_proof_says(p) == AN_PROOF_REALS) == pairs[_i].equal, "%s: %s",
                      pairs[_i].what, an_proof_message(p));
        ck_assert_msg(!an_proof_holds(p), "%s: proved", pairs[_i].what);
        an_proof_free(p);
    }
    an_graph_free(a);
    an_graph_free(b);
}
END_TEST

/* Its own gradient against that of the written-out graph. */
START_TEST(test_gradients)
{
    an_graph *side[2];
    for (int s = 0; s < 2; s++) {
        an_graph *g = side[s] = build(s ? on_scores : op, 4, false);
        an_value d[3];
        const an_value y = an_graph_output_value(g, 0), in[] = {last.q, last.k, last.v};
        an_gradients(an_sum_axes(an_square(y), AN_ALL_AXES, false), in, 3, d);
        for (int i = 0; i < 3; i++) an_graph_output(d[i], (const char *[]){"dq", "dk", "dv"}[i]);
    }
    an_proof *p = an_prove(.a = side[0], .b = side[1]);
    ck_assert_msg(an_proof_says(p) == AN_PROOF_REALS, "%s", an_proof_message(p));
    an_proof_free(p);
    for (int s = 0; s < 2; s++) an_graph_free(side[s]);
}
END_TEST

/* A graph with attention in it is still proved against itself, rewritten elsewhere. */
START_TEST(test_exact)
{
    an_graph *a = build(op, 4, false), *b = build(op, 4, false), *c = build(op_scaled, 4, false);
    an_proof *p = an_prove(.a = a, .b = b);
    ck_assert(an_proof_holds(p));
    an_proof_free(p);
    p = an_prove(.a = a, .b = c);
    ck_assert(an_proof_says(p) != AN_PROOF_REALS && !an_proof_holds(p));
    an_proof_free(p);
    an_graph_free(a);
    an_graph_free(b);
    an_graph_free(c);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("reals_attention");
    TCase *t = tcase_create("all");
    tcase_set_timeout(t, 60);
    tcase_add_loop_test(t, test_pair, 0, PAIRS);
    tcase_add_test(t, test_gradients);
    tcase_add_test(t, test_exact);
    suite_add_tcase(suite, t);
    return an_test_run_suite(suite);
}
