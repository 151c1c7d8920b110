/* test_wrong_pass.c -- passes that are wrong on purpose, on the classifier's training graph.
 *
 * Each does what a fusion has been seen to do somewhere: forget eps, hand the norm to a
 * user of the sum, drop the gradient that reaches the sum from elsewhere ... What matters
 * is the report's first line: it must name the node and the reason, so that nobody has to
 * look further.                                                              */
#include "graph/passes/pipeline.h"
#include "graph/equal/result.h"
#include "graph/passes/rewrite.h"
#include "tests/models.h"
#include "tests/support.h"

/* Emits the node wrongly if it is the one; false: copy it. */
typedef struct fault {
    const char *what;
    const char *op;       /* of the nodes it is applied to */
    an_status (*spoil)(an_rewrite *rw, const an_node *n, uint32_t *first);
    const char *said[3];  /* all in the first line */
} fault;

static uint32_t emit(an_rewrite *rw, const an_node *n, const uint32_t *in, const an_attrs *attrs)
{
    const uint32_t of = n->ordinal;
    return an_rewrite_add(rw, n, n->op, in, n->inputs, attrs, &of, 1);
}

static void operands(const an_rewrite *rw, const an_node *n, uint32_t *in)
{
    for (int i = 0; i < n->inputs; i++) in[i] = n->in[i] ? rw->value[n->in[i]] : 0;
}

static an_status forget_eps(an_rewrite *rw, const an_node *n, uint32_t *first)
{
    uint32_t in[8];
    operands(rw, n, in);
    an_attrs attrs = *n->attrs;
    attrs.eps = 1e-5f;
    *first = emit(rw, n, in, &attrs);
    return an_graph_status(rw->to);
}

static an_status swap_scales(an_rewrite *rw, const an_node *n, uint32_t *first)
{
    uint32_t in[8];
    operands(rw, n, in);
    const uint32_t gamma = in[2];
    in[2] = in[3];
    in[3] = gamma;
    *first = emit(rw, n, in, n->attrs);
    return an_graph_status(rw->to);
}

static an_status double_x(an_rewrite *rw, const an_node *n, uint32_t *first)
{
    uint32_t in[8];
    operands(rw, n, in);
    in[1] = in[0];
    *first = emit(rw, n, in, n->attrs);
    return an_graph_status(rw->to);
}

static an_status drop_dsum(an_rewrite *rw, const an_node *n, uint32_t *first)
{
    uint32_t in[8];
    operands(rw, n, in);
    in[5] = 0;
    *first = emit(rw, n, in, n->attrs);
    return an_graph_status(rw->to);
}

static an_status turn_sign(an_rewrite *rw, const an_node *n, uint32_t *first)
{
    uint32_t in[8];
    operands(rw, n, in);
    const an_value dy = an_value_of(rw->to, in[0]);
    in[0] = an_neg(dy).id;
    *first = emit(rw, n, in, n->attrs);
    return an_graph_status(rw->to);
}

/* The gradient of the mean over time reads the norm's statistics of another place: here,
 * the forward user of y reads the sum instead. */
static an_status read_the_sum(an_rewrite *rw, const an_node *n, uint32_t *first)
{
    uint32_t in[8];
    operands(rw, n, in);
    const an_node *made = an_node_of(rw->to, in[0]);
    if (!an_is_op(made, AN_OP_add_norm)) return AN_OK;
    in[0] = made->first + 1;
    *first = emit(rw, n, in, n->attrs);
    return an_graph_status(rw->to);
}

static const fault faults[] = {
    {"eps forgotten", "add_norm", forget_eps, {"eps is 0.001", "and 1e-05 in the second", NULL}},
    {"gamma and beta swapped", "add_norm", swap_scales, {"(layer_norm)", "gamma", "swapped"}},
    {"x taken twice", "add_norm", double_x, {"(residual_add)", "in the second", NULL}},
    {"gradient of the sum dropped", "add_norm_grad", drop_dsum, {"accumulate", NULL, NULL}},
    {"sign of a gradient", "add_norm_grad", turn_sign, {"(layer_norm_grad)", "dy is", NULL}},
    {"a user of the norm reads the sum", "mean", read_the_sum, {"mean", "x is", "sum"}},
};

static bool spoil(an_rewrite *rw, uint32_t number, void *context)
{
    const fault *f = context;
    const an_node *n = &rw->from->nodes[number];
    uint32_t first = 0;
    if (strcmp(n->op->name, f->op) != 0) return false;
    if (f->spoil(rw, n, &first) != AN_OK || !first) return false;
    an_rewrite_replace(rw, number, first);
    return true;
}

static const fault *current; /* a pass has no context of its own */

static an_status run_spoiled(an_rewrite *rw)
{
    return an_rewrite_each(rw, spoil, (void *)(uintptr_t)current);
}

/* A residual, its norm with another eps than usual, and a user of the sum beside it. */
static an_model model(void)
{
    an_model m = {.g = an_graph_new("model")};
    const an_dim B = an_dim_named(m.g, "B");
    const an_value x = an_input(m.g, "x", AN_F32, AN_SHAPE(B, 5, 16));
    const an_value f = an_nn_dense(an_tanh(x), .units = 16);
    const an_value s = an_residual_add(x, f);
    const an_value gamma = an_state(m.g, "gamma", AN_F32, AN_SHAPE(16),
                                    (an_init){AN_INIT_UNIFORM, -1, 1});
    const an_value beta = an_state(m.g, "beta", AN_F32, AN_SHAPE(16),
                                   (an_init){AN_INIT_UNIFORM, -1, 1});
    const an_value y = an_mean(an_layer_norm(s, gamma, beta, -1, 1e-3f), 1);
    m.y = an_nn_dense(an_add(y, an_sum(an_sigmoid(s), 1)), .units = 3);
    m.loss = an_mse(m.y, an_input(m.g, "target", AN_F32, AN_SHAPE(B, 3)));
    return an_model_minimise(m, 1e-2f);
}

static void check_fault(const an_model *m, const fault *f)
{
    an_optimised *right = an_optimise(m->g);
    ck_assert_int_eq(right->status, AN_OK);
    ck_assert_int_eq(an_graph_count(right->graph, "add_norm"), 1);
    ck_assert_int_eq(an_graph_count(right->graph, "add_norm_grad"), 1);
    const an_pass pass = {"spoil", run_spoiled, true, "", NULL};
    an_error error = {0};
    uint32_t *value = calloc((size_t)right->graph->slot_count + 1, sizeof *value);
    current = f;
    an_graph *wrong = an_pass_apply(&pass, right->graph, value, NULL, &error);
    ck_assert_msg(wrong != NULL, "%s: %s", f->what, error.text);
    an_equivalence *e = an_equivalent(m->g, wrong, .steps = 3, .bind = "B=7");
    printf("%s\n  %.400s\n", f->what, e->message);
    ck_assert_msg(e->verdict == AN_DIFFERENT || e->verdict == AN_SUSPECT, "%s: %s", f->what,
                  e->message);
    ck_assert_msg(!e->proof.proved, "%s: proved", f->what);
    char first[260];
    snprintf(first, sizeof first, "%.250s", e->message);
    for (int i = 0; i < 3 && f->said[i]; i++)
        ck_assert_msg(strstr(first, f->said[i]) != NULL, "%s: no '%s' in: %s", f->what, f->said[i],
                      first);
    ck_assert_msg(e->divergence.at[1].op != NULL, "%s: no divergence", f->what);
    an_equivalence_free(e);
    an_graph_free(wrong);
    free(value);
    an_optimised_free(right);
}

START_TEST(test_the_first_line_names_node_and_reason)
{
    an_model m = model();
    ck_assert_msg(an_graph_status(m.g) == AN_OK, "%s", an_graph_message(m.g));
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) check_fault(&m, &faults[i]);
    an_graph_free(m.g);
}
END_TEST

AN_TEST_MAIN("wrong_pass", test_the_first_line_names_node_and_reason)
