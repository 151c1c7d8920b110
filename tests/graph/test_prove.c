/* test_prove.c -- the prover must follow every pass, believe only exact rules, name the culprit.
 *
 * What is proved is proved against graphs that passes made or that were written by
 * hand; what must stay unproved is a list of wrong edits of a small training graph,
 * each with the words that the report must contain.                          */
#include "graph/passes/pipeline.h"
#include "graph/equal/result.h"
#include "core/memory.h"
#include "frontends/addnorm.h"
#include "graph/ir.h"
#include "tests/graph/random_graph.h"
#include "tests/models.h"
#include "tests/support.h"

#include <time.h>

static an_graph *parse(const char *text)
{
    an_graph *g = an_parse(.text = text, .name = "t.an");
    ck_assert_msg(an_graph_status(g) == AN_OK, "%s\n%s", an_graph_message(g), text);
    return g;
}

static void check_proved(const char *what, const an_graph *a, const an_graph *b, bool subset)
{
    an_proof *f = an_prove(.a = a, .b = b, .subset = subset);
    ck_assert_msg(f->proved, "%s: %s", what, f->message);
    ck_assert_int_eq(f->status, AN_OK);
    ck_assert_int_gt(f->roots, 0);
    ck_assert_int_eq(f->met, f->roots);
    ck_assert_str_eq(f->difference, "");
    an_proof_free(f);
}

static int64_t uses(const an_proof *f, const char *rule)
{
    for (int i = 0; i < f->rules; i++)
        if (!strcmp(f->rule[i].name, rule)) return f->rule[i].uses;
    return 0;
}

/* ---- whole models ------------------------------------------------------ */

static an_model minimised(an_model m)
{
    m = an_model_minimise(m, 1e-2f);
    ck_assert_msg(an_graph_status(m.g) == AN_OK, "%s", an_graph_message(m.g));
    return m;
}

static void check_pipeline(an_model m, int64_t pairs)
{
    an_optimised *o = an_optimise(.graph = m.g);
    ck_assert_msg(o->status == AN_OK, "%s", o->message);
    struct timespec from, to;
    clock_gettime(CLOCK_MONOTONIC, &from);
    an_proof *f = an_prove(.a = m.g, .b = o->graph);
    clock_gettime(CLOCK_MONOTONIC, &to);
    const double seconds =
        (double)(to.tv_sec - from.tv_sec) + 1e-9 * (double)(to.tv_nsec - from.tv_nsec);
    printf("%s: %lld nodes, %.4f s: %s\n", an_graph_name(m.g),
           (long long)an_graph_node_count(m.g), seconds, f->message);
    ck_assert_msg(f->proved, "%s", f->message);
    ck_assert(seconds < 1);
    ck_assert_int_eq(uses(f, "add_norm"), pairs);
    ck_assert_int_eq(uses(f, "add_norm_grad"), pairs);
    an_proof_free(f);
    an_optimised_free(o);
}

START_TEST(test_models)
{
    an_model m = minimised(an_model_classifier(AN_CLASSIFIER_SMALL));
    check_pipeline(m, 1);
    an_graph_free(m.g);
    for (int pre = 0; pre < 2; pre++) {
        m = minimised(an_model_stack(12, pre));
        check_pipeline(m, 24);
        an_graph_free(m.g);
    }
}
END_TEST

START_TEST(test_every_pass_alone)
{
    an_model models[] = {minimised(an_model_classifier(AN_CLASSIFIER_SMALL)),
                         minimised(an_model_stack(2, true)), minimised(an_model_stack(2, false))};
    for (int k = 0; k < 3; k++) {
        int passes = 0;
        for (; an_pass_name(passes); passes++) {
            an_optimised *o = an_optimise(.graph = models[k].g, .passes = an_pass_name(passes));
            ck_assert_int_eq(o->status, AN_OK);
            check_proved(an_pass_name(passes), models[k].g, o->graph, false);
            check_proved(an_pass_name(passes), o->graph, models[k].g, false);
            an_optimised_free(o);
        }
        ck_assert_int_gt(passes, 3);
        an_graph_free(models[k].g);
    }
}
END_TEST

/* A program names what it fetches by ordinal and holds only what it needs. */
START_TEST(test_programs)
{
    an_model m = minimised(an_model_stack(2, true));
    an_store *store = an_store_new(3);
    const an_value inner = an_result(m.loss, 1);
    an_program *p = an_compile(m.g, store, .fetch = {inner, m.y}, .update = m.up);
    ck_assert_ptr_nonnull(p);
    check_proved("program", m.g, an_program_graph(p), true);
    an_proof *f = an_prove(.a = m.g, .b = an_program_graph(p));
    ck_assert(!f->proved); /* the loss is not fetched */
    ck_assert_str_eq(f->kind, "interface");
    ck_assert_msg(strstr(f->message, "second graph has no output \"loss\""), "%s", f->message);
    an_proof_free(f);
    an_program_free(p);
    an_store_free(store);
    an_graph_free(m.g);
}
END_TEST

/* ---- random graphs ----------------------------------------------------- */

START_TEST(test_random_graphs)
{
    int rewritten = 0;
    for (uint64_t seed = 0; seed < 400; seed++) {
        an_test_graph t = an_test_graph_make(seed, 10 + (int)(seed % 60));
        for (int i = 0; i < AN_TEST_FETCHES; i++) {
            char name[16];
            snprintf(name, sizeof name, "out%d", i);
            an_graph_output(t.fetch[i], name);
        }
        ck_assert_msg(an_graph_status(t.graph) == AN_OK, "%s", an_graph_message(t.graph));
        an_optimised *o = an_optimise(.graph = t.graph);
        ck_assert_int_eq(o->status, AN_OK);
        an_proof *f = an_prove(.a = t.graph, .b = o->graph);
        ck_assert_msg(f->proved, "seed %d: %s", (int)seed, f->message);
        rewritten += f->rules > 0;
        an_proof_free(f);
        an_optimised_free(o);
        an_graph_free(t.graph);
    }
    ck_assert_int_gt(rewritten, 300);
}
END_TEST

/* ---- wrong edits ------------------------------------------------------- */

/* A training graph in small: a forward and a backward pair, a residual gradient of
 * three terms, chance, two optimizer steps. */
static const char plain[] =
    "graph \"p\"\ndims B\n"
    "%1: f32[B,24] = input \"x\"\n"
    "%2: f32[B,24] = input \"skip\"\n"
    "%3: f32[24] = state \"gamma\" {init=constant(1)}\n"
    "%4: f32[24] = state \"beta\"\n"
    "%5: f32[24,24] = state \"kernel\"\n"
    "%6: f32[] = state \"rate\"\n"
    "%7: i64[] = state \"step\"\n"
    "%8: f32[24,24] = state \"m\"\n"
    "%9: f32[24,24] = state \"v\"\n"
    "%10: i64[2] = state \"key\" {init=random_key}\n"
    "%11: f32[B,24] = residual_add %1, %2\n"
    "%12: f32[B,24], f32[B], f32[B] = layer_norm %11, %3, %4 {axis=1, eps=1e-05}\n"
    "%13: f32[B,24] = dropout %12, %10 {rate=0.1, stream=7}\n"
    "%14: f32[B,24] = tanh %11\n"
    "%15: f32[B,24] = sub %13, %14\n"
    "%16: f32[B,24] = matmul %15, %5\n"
    "%17: f32[B,24] = softmax %16 {axis=-1}\n"
    "%18: f32[] = constant {data=[0.5]}\n"
    "%19: f32[B,24] = mul %17, %18\n"
    "%20: f32[B,24], f32[24], f32[24] = layer_norm_grad %19, %11, %3, %12.1, %12.2 "
    "{axis=1, eps=1e-05}\n"
    "%21: f32[B,24] = accumulate %15, %19, %20 {order=[15,19,12]}\n"
    "%22: f32[24,24] = matmul %15, %21 {transpose_a=1}\n"
    "%23: f32[24,24], f32[24,24], f32[24,24] = adam_step %5, %22, %8, %9, %6, %7 "
    "{beta1=0.9, beta2=0.999, eps=1e-07}\n"
    "%24: f32[24] = sgd_step %3, %20.1, %6\n"
    "output \"y\" %19\n"
    "output \"dx\" %21\n"
    "update \"train\" %5 <- %23\n"
    "update \"train\" %8 <- %23.1\n"
    "update \"train\" %3 <- %24\n";

/* What the pass makes of it, as somebody's file. */
static const char fused[] =
    "graph \"f\"\ndims B\n"
    "%1: f32[B,24] = input \"x\"\n"
    "%2: f32[B,24] = input \"skip\"\n"
    "%3: f32[24] = state \"gamma\" {init=constant(1)}\n"
    "%4: f32[24] = state \"beta\"\n"
    "%5: f32[24,24] = state \"kernel\"\n"
    "%6: f32[] = state \"rate\"\n"
    "%7: i64[] = state \"step\"\n"
    "%8: f32[24,24] = state \"m\"\n"
    "%9: f32[24,24] = state \"v\"\n"
    "%10: i64[2] = state \"key\" {init=random_key}\n"
    "%11: f32[B,24], f32[B,24], f32[B], f32[B] = add_norm %1, %2, %3, %4 {axis=1, eps=1e-05}\n"
    "%12: f32[B,24] = dropout %11, %10 {rate=0.1, stream=7}\n"
    "%13: f32[B,24] = tanh %11.1\n"
    "%14: f32[B,24] = sub %12, %13\n"
    "%15: f32[B,24] = matmul %14, %5\n"
    "%16: f32[B,24] = softmax %15 {axis=1}\n"
    "%17: f32[] = constant {data=[0.5]}\n"
    "%18: f32[B,24] = mul %17, %16\n"
    "%19: f32[B,24] = accumulate %14, %18\n"
    "%20: f32[B,24], f32[24], f32[24] = add_norm_grad %18, %11.1, %3, %11.2, %11.3, %19 "
    "{axis=1, eps=1e-05}\n"
    "%21: f32[24,24] = matmul %14, %20 {transpose_a=1}\n"
    "%22: f32[24,24], f32[24,24], f32[24,24] = adam_step %5, %21, %8, %9, %6, %7 "
    "{beta1=0.9, beta2=0.999, eps=1e-07}\n"
    "%23: f32[24] = sgd_step %3, %20.1, %6\n"
    "output \"y\" %18\n"
    "output \"dx\" %20\n"
    "update \"train\" %5 <- %22\n"
    "update \"train\" %8 <- %22.1\n"
    "update \"train\" %3 <- %23\n";

/* The text with the first `from` replaced. */
static an_graph *edited(const char *text, const char *from, const char *to)
{
    char changed[8192];
    const char *at = strstr(text, from);
    ck_assert_msg(at != NULL, "\"%s\" is not in the text", from);
    snprintf(changed, sizeof changed, "%.*s%s%s", (int)(at - text), text, to, at + strlen(from));
    return parse(changed);
}

typedef struct edit {
    const char *from, *to;
    const char *kind, *says, *culprit; /* what the report holds, and which node it blames */
} edit;

static const edit edits[] = {
    /* the pair */
    {"%3, %4 {axis=1, eps=1e-05}", "%3, %4 {axis=1, eps=1e-06}", "attribute",
     "eps is 1e-05 in the first graph and 1e-06", "%11 (add_norm)"},
    {"add_norm %1, %2, %3, %4", "add_norm %1, %2, %4, %3", "operand",
     "gamma and beta are swapped", "%11"},
    {"add_norm %1, %2, %3, %4", "add_norm %1, %1, %3, %4", "operand", "skip (input)", "%11"},
    {"add_norm %1, %2, %3, %4", "add_norm %1, %2, %3, %3", "operand",
     "beta is beta (state) in the first graph and gamma (state)", "%11"},
    {"add_norm %1, %2, %3, %4", "add_norm %1, %2, %3, _", "operand",
     "beta is beta (state) in the first graph and absent", "%11"},
    {"tanh %11.1", "tanh %11", "operand",
     "x is %11 (residual_add) in the first graph and %11.y (add_norm)", "%13 (tanh)"},
    {"dropout %11, ", "dropout %11.1, ", "operand",
     "x is %12.y (layer_norm) in the first graph and %11.sum (add_norm)", "%12 (dropout)"},
    /* the gradient of the pair */
    {"%11.3, %19 {axis=1, eps=1e-05}", "%11.3, %19 {axis=1, eps=0.001}", "attribute",
     "eps is 1e-05", "add_norm_grad"},
    {"%11.3, %19 {axis", "%11.3 {axis", "op",
     "one is %21 (accumulate), the other %20 (add_norm_grad)", "%20"},
    {"add_norm_grad %18, %11.1, %3, %11.2, %11.3", "add_norm_grad %18, %11.1, %4, %11.2, %11.3",
     "operand", "gamma is gamma (state) in the first graph and beta (state)", "%20"},
    {"add_norm_grad %18, %11.1, %3", "add_norm_grad %18, %11, %3", "operand",
     "and %11.y (add_norm)", "%20"},
    {"add_norm_grad %18, %11.1, %3, %11.2, %11.3", "add_norm_grad %18, %11.1, %3, %11.3, %11.2",
     "operand", "mean and rstd are swapped", "%20"},
    {"add_norm_grad %18, ", "add_norm_grad %14, ", "operand",
     "dy is %19 (mul) in the first graph and %14 (sub)", "%20"},
    /* its other gradients */
    {"accumulate %14, %18", "accumulate %14", "operand",
     "is a part of %21 (accumulate) in the first graph and %14 (sub)", "%21 (accumulate)"},
    {"accumulate %14, %18", "accumulate %14, %18, %18", "operand",
     "a is %15 (sub) in the first graph and a part of %19 (accumulate)", "%21 (accumulate)"},
    {"accumulate %14, %18", "accumulate %14, %16", "operand",
     "b is %19 (mul) in the first graph and %16 (softmax)", "%21 (accumulate)"},
    /* arithmetic */
    {"sub %12, %13", "sub %13, %12", "operand", "operands a and b are swapped", "%14 (sub)"},
    {"sub %12, %13", "add %12, %13", "op", "one is %15 (sub), the other %14 (add)", "%14 (add)"},
    {"tanh %11.1", "sigmoid %11.1", "op", "one is %14 (tanh), the other %13 (sigmoid)",
     "%13 (sigmoid)"},
    {"data=[0.5]", "data=[0.25]", "attribute", "data is [0.5] in the first graph and [0.25]",
     "constant"},
    {"matmul %14, %5", "matmul %14, %5 {transpose_b=1}", "attribute", "transpose_b is 0",
     "%15 (matmul)"},
    {"matmul %14, %5", "matmul %14, %8", "operand",
     "b is kernel (state) in the first graph and m (state)", "%15 (matmul)"},
    {"softmax %15 {axis=1}", "softmax %15 {axis=0}", "attribute",
     "axis is 1 in the first graph and 0", "%16 (softmax)"},
    {"mul %17, %16", "mul %16, %16", "operand", "constant", "%18 (mul)"},
    {"mul %17, %16", "div %16, %17", "op", "one is %19 (mul), the other %18 (div)", "%18 (div)"},
    /* chance */
    {"stream=7", "stream=8", "attribute", "stream is 7 in the first graph and 8",
     "%12 (dropout)"},
    {"rate=0.1,", "rate=0.2,", "attribute", "rate is 0.1 in the first graph and 0.2",
     "%12 (dropout)"},
    /* optimizer steps and roots */
    {"beta2=0.999", "beta2=0.99", "attribute", "beta2 is 0.999 in the first graph and 0.99",
     "adam_step"},
    {"eps=1e-07", "eps=1e-08", "attribute", "eps is 1e-07", "adam_step"},
    {"adam_step %5, %21, %8, %9", "adam_step %5, %21, %9, %8", "operand", "m and v are swapped",
     "adam_step"},
    {"sgd_step %3, %20.1", "sgd_step %3, %20.2", "operand",
     "grad is %20.dgamma (layer_norm_grad) in the first graph and %20.dbeta (add_norm_grad)",
     "sgd_step"},
    {"sgd_step %3, %20.1, %6", "sgd_step %3, %20.1, %6 {decay=0.01}", "attribute",
     "decay is 0 in the first graph and 0.01", "sgd_step"},
    {"%8 <- %22.1", "%8 <- %22.2", "root",
     "update \"m\" is %23.m (adam_step) in the first graph and %22.v (adam_step)", "%22.v"},
    {"%8 <- %22.1", "%9 <- %22.1", "interface", "the first graph has no update of \"v\"", ""},
    {"output \"y\" %18", "output \"y\" %16", "root",
     "output \"y\" is %19 (mul) in the first graph and %16 (softmax)", "%16 (softmax)"},
    {"output \"dx\" %20", "output \"dx\" %20\noutput \"dz\" %18", "interface", "no output \"dz\"",
     ""},
    {"input \"skip\"", "input \"skipped\"", "operand", "skip (input)", "residual_add"},
};

START_TEST(test_wrong_edits)
{
    an_graph *a = parse(plain), *b = parse(fused);
    check_proved("the edited text", a, b, false);
    check_proved("the edited text", b, a, false);
    int caught = 0;
    for (size_t i = 0; i < sizeof edits / sizeof *edits; i++) {
        const edit *e = &edits[i];
        an_graph *wrong = edited(fused, e->from, e->to);
        an_proof *f = an_prove(.a = a, .b = wrong), *back = an_prove(.a = wrong, .b = a);
        if (getenv("AN_SHOW_PROOFS")) printf("%s -> %s\n    %s\n", e->from, e->to, f->message);
        ck_assert_msg(an_proof_says(f) < AN_PROOF_REALS && f->status == AN_OK &&
                      an_proof_says(back) < AN_PROOF_REALS, "%s: %s", e->to,
                      f->message);
        ck_assert_msg(!strcmp(f->kind, e->kind), "%s: %s, not %s: %s", e->to, f->kind, e->kind,
                      f->message);
        ck_assert_msg(strstr(f->difference, e->says) != NULL, "%s: %s", e->to, f->message);
        ck_assert_msg(strstr(f->at[0].name, e->culprit) || strstr(f->at[1].name, e->culprit),
                      "%s: blames %s and %s", e->to, f->at[0].name, f->at[1].name);
        an_proof_free(back);
        an_proof_free(f);
        an_graph_free(wrong);
        caught++;
    }
    ck_assert_int_ge(caught, 35);
    an_graph_free(a);
    an_graph_free(b);
}
END_TEST

/* ---- each axiom and lemma ---------------------------------------------- */

/* Two ways to write the output of a graph over the leaves below; `rule` is what
 * the proof rests on (NULL: there must be no proof). */
typedef struct law {
    const char *rule, *left, *right;
} law;

static const char leaves[] =
    "graph \"l\"\ndims B\n"
    "%1: f32[B,6] = input \"x\"\n"
    "%2: f32[B,6] = input \"y\"\n"
    "%3: f32[6] = state \"g\"\n"
    "%4: f32[] = constant {data=[1]}\n"
    "%5: f32[] = constant {data=[0]}\n"
    "%6: f32[2,3] = constant {data=[1,2,3,4,5,6]}\n"
    "%7: f32[2,3] = constant {data=[2,2,2,2,2,2]}\n"
    "%8: f32[2,2,3] = input \"z\"\n"
    "%9: f32[B,6] = mul %1, %3\n";

static const law laws[] = {
    {"commute", "%10: f32[B,6] = add %1, %2", "%10: f32[B,6] = add %2, %1"},
    {"commute", "%10: f32[B,6] = mul %1, %3", "%10: f32[B,6] = mul %3, %1"},
    {"spelling", "%10: f32[B,6] = softmax %1 {axis=-1}", "%10: f32[B,6] = softmax %1 {axis=1}"},
    {"spelling", "%10: f32[2] = sum %8 {axes=[0,2]}", "%10: f32[2] = sum %8 {axes=[-1,0]}"},
    {"spelling", "%10: f32[] = sum %8 {axes=all}", "%10: f32[] = sum %8 {axes=[2,0,1]}"},
    {"spelling", "%10: f32[2,3] = mul %7, %6",
     "%10: f32[2,3] = constant {data=[2]}\n%11: f32[2,3] = mul %10, %6"},
    {"residual_add", "%10: f32[B,6] = residual_add %1, %2", "%10: f32[B,6] = add %1, %2"},
    {"accumulate", "%10: f32[B,6] = accumulate %1, %2, %9",
     "%10: f32[B,6] = add %1, %2\n%11: f32[B,6] = add %10, %9"},
    {"accumulate", "%10: f32[B,6] = accumulate %1, %2\n%11: f32[B,6] = accumulate %10, %9, %1",
     "%10: f32[B,6] = accumulate %1, %2, %9, %1 {order=[4,3,2,1]}"},
    {"accumulate", "%10: f32[B,6] = accumulate %1\n%11: f32[B,6] = mul %10, %2",
     "%10: f32[B,6] = mul %1, %2"},
    {"stop_gradient", "%10: f32[B,6] = stop_gradient %9", "%10: f32[B,6] = mul %1, %3"},
    {"add_norm",
     "%10: f32[B,6], f32[B,6], f32[B], f32[B] = add_norm %1, %2, %3 {axis=1, eps=0.001}\n"
     "%11: f32[B,6] = mul %10, %10.1", "%10: f32[B,6] = residual_add %1, %2\n"
     "%11: f32[B,6], f32[B], f32[B] = layer_norm %10, %3 {axis=-1, eps=0.001}\n"
     "%12: f32[B,6] = mul %11, %10"},
    {"add_norm_grad", "%10: f32[B,6], f32[B], f32[B] = layer_norm %1, %3 {axis=1, eps=0.001}\n"
     "%11: f32[B,6], f32[6], f32[6] = add_norm_grad %2, %1, %3, %10.1, %10.2, %9 {axis=1, "
     "eps=0.001}\n" "%12: f32[B,6] = mul %11, %11.1",
     "%10: f32[B,6], f32[B], f32[B] = layer_norm %1, %3 {axis=1, eps=0.001}\n"
     "%11: f32[B,6], f32[6], f32[6] = layer_norm_grad %2, %1, %3, %10.1, %10.2 {axis=1, "
     "eps=0.001}\n" "%12: f32[B,6] = accumulate %9, %11\n" "%13: f32[B,6] = mul %12, %11.1"},
    {"times-one", "%10: f32[B,6] = mul %4, %9", "%10: f32[B,6] = mul %1, %3"},
    {"over-one", "%10: f32[B,6] = div %9, %4", "%10: f32[B,6] = mul %1, %3"},
    {"twice-negated", "%10: f32[B,6] = neg %9\n%11: f32[B,6] = neg %10",
     "%10: f32[B,6] = mul %1, %3"},
    {"same-form", "%10: f32[B,6] = reshape %9", "%10: f32[B,6] = mul %1, %3"},
    {"same-form", "%10: f32[B,6] = broadcast %9", "%10: f32[B,6] = mul %1, %3"},
    {"same-form", "%10: f32[B,6] = cast %9", "%10: f32[B,6] = mul %1, %3"},
    {"reshaped-twice", "%10: f32[12] = reshape %8\n%11: f32[4,3] = reshape %10",
     "%10: f32[4,3] = reshape %8"},
    {"reshaped-twice", "%10: f32[12] = reshape %8\n" "%11: f32[2,2,3] = reshape %10\n"
     "%12: f32[2,2,3] = tanh %11", "%10: f32[2,2,3] = tanh %8"},
    {"unmoved", "%10: f32[2,2,3] = transpose %8 {axes=[0,1,-1]}\n%11: f32[2,2,3] = tanh %10",
     "%10: f32[2,2,3] = tanh %8"},
    {"transposed-twice", "%10: f32[3,2,2] = transpose %8 {axes=[2,0,1]}\n"
     "%11: f32[2,3,2] = transpose %10 {axes=[1,0,2]}",
     "%10: f32[2,3,2] = transpose %8 {axes=[0,2,1]}"},
    {"transposed-twice", "%10: f32[3,2,2] = transpose %8 {axes=[2,0,1]}\n"
     "%11: f32[2,2,3] = transpose %10 {axes=[1,2,0]}\n" "%12: f32[2,2,3] = tanh %11",
     "%10: f32[2,2,3] = tanh %8"},
    {"whole-slice", "%10: f32[B,6] = slice %9 {axis=-1, stop=6, step=1}",
     "%10: f32[B,6] = mul %1, %3"},
    {"whole-slice", "%10: f32[B,6] = slice %9 {axis=0, stop=B, step=1}",
     "%10: f32[B,6] = mul %1, %3"},
    {"empty-pad", "%10: f32[B,6] = pad %9 {axis=1, value=3}", "%10: f32[B,6] = mul %1, %3"},
    {"lone-concat", "%10: f32[B,6] = concat %9 {axis=1}", "%10: f32[B,6] = mul %1, %3"},
    {"folded", "%10: f32[2,3] = exp %6\n" "%11: f32[2,3] = mul %10, %7\n"
     "%12: f32[2,2,3] = sub %8, %11", "%10: f32[2,3] = exp %6\n"
     "%11: f32[2,3] = constant {data=[2]}\n" "%12: f32[2,3] = mul %11, %10\n"
     "%13: f32[2,2,3] = sub %8, %12"},
    /* Look-alikes: not the same bits, or not the same at all. */
    {NULL, "%10: f32[B,6] = add %9, %5", "%10: f32[B,6] = mul %1, %3"}, /* -0 + 0 is +0 */
    /* of +0 and -0 the second */
    {NULL, "%10: f32[B,6] = maximum %1, %2", "%10: f32[B,6] = maximum %2, %1"},
    {NULL, "%10: f32[B,6] = sub %1, %2", "%10: f32[B,6] = sub %2, %1"},
    {NULL, "%10: f32[B,6] = div %1, %2", "%10: f32[B,6] = div %2, %1"},
    {NULL, "%10: f32[B,6] = div %4, %9", "%10: f32[B,6] = mul %1, %3"},
    {NULL, "%10: f32[B,6] = neg %9", "%10: f32[B,6] = mul %1, %3"},
    /* sums round */
    {NULL, "%10: f32[B,6] = accumulate %1, %2, %9", "%10: f32[B,6] = accumulate %1, %9, %2"},
    {NULL, "%10: f32[B,6] = add %1, %2\n%11: f32[B,6] = add %10, %9",
     "%10: f32[B,6] = add %2, %9\n%11: f32[B,6] = add %1, %10"},
    {NULL, "%10: f32[B,6] = accumulate %1, %2\n%11: f32[B,6] = accumulate %9, %10",
     "%10: f32[B,6] = accumulate %9, %1, %2"},
    {NULL, "%10: f32[6,B] = transpose %1 {axes=[1,0]}\n%11: f32[6,6] = matmul %10, %2",
     "%10: f32[6,6] = matmul %1, %2 {transpose_a=1}"},
    {NULL, "%10: f32[3,2,2] = transpose %8 {axes=[2,0,1]}\n"
     "%11: f32[2,3,2] = transpose %10 {axes=[1,0,2]}",
     "%10: f32[2,3,2] = transpose %8 {axes=[1,2,0]}"},
    {NULL, "%10: f32[B,6], f32[B] = rms_norm %1, %3 {axis=1, eps=0.001}",
     "%10: f32[B,6], f32[B], f32[B] = layer_norm %1, %3 {axis=1, eps=0.001}"},
    {NULL, "%10: f32[2,2,3] = reshape %8\n%11: f32[12] = reshape %10",
     "%10: f32[3,2,2] = transpose %8 {axes=[2,0,1]}\n%11: f32[12] = reshape %10"},
    {NULL, "%10: f32[3] = slice %3 {start=0, stop=3, step=1}",
     "%10: f32[3] = slice %3 {start=3, stop=6, step=1}"},
    {NULL, "%10: f32[B,6] = pad %9 {axis=1, value=3}", "%10: f32[B,6] = mul %1, %2"},
};

static an_graph *law_graph(const char *lines)
{
    char text[4096];
    int last = 0;
    for (const char *p = lines; p; p = strchr(p, '\n')) {
        p += *p == '\n';
        last = atoi(p + 1);
    }
    snprintf(text, sizeof text, "%s%s\noutput \"out\" %%%d\n", leaves, lines, last);
    return parse(text);
}

/* A law that is proved must also hold when both sides are run. */
static void check_law(const law *l)
{
    an_graph *a = law_graph(l->left), *b = law_graph(l->right);
    an_proof *f = an_prove(.a = a, .b = b);
    ck_assert_int_eq(f->status, AN_OK);
    ck_assert_msg(an_proof_holds(f) == (l->rule != NULL), "%s | %s: %s", l->left, l->right,
                  f->message);
    if (l->rule) {
        ck_assert_msg(uses(f, l->rule) > 0, "%s: %s was not used", l->left, l->rule);
        an_equivalence *e = an_equivalent(.a = a, .b = b, .seeds = 5, .bind = "B=7");
        ck_assert_msg(e->verdict == AN_BITWISE, "%s | %s: %s", l->left, l->right, e->message);
        an_equivalence_free(e);
    }
    an_proof_free(f);
    an_graph_free(a);
    an_graph_free(b);
}

START_TEST(test_laws)
{
    int held = 0;
    for (size_t i = 0; i < sizeof laws / sizeof *laws; i++) {
        check_law(&laws[i]);
        held += laws[i].rule != NULL;
    }
    ck_assert_int_ge(held, 25);
}
END_TEST

/* ---- soundness at random ----------------------------------------------- */

/* The text with one operand of one node replaced by an older value, or NULL. */
static char *mutant(const char *text, an_test_random *r)
{
    char *changed = malloc(strlen(text) + 64);
    const char *operands[2048];
    int count = 0;
    for (const char *p = text; (p = strstr(p, " = ")) && count < 2000;) {
        for (p += 3; *p && *p != '\n' && *p != '{'; p++)
            if (*p == '%' && p[1] > '0' && p[1] <= '9') operands[count++] = p;
    }
    if (count < 2) {
        free(changed);
        return NULL;
    }
    const char *at = operands[an_test_int(r, count / 2, count - 1)];
    const char *other = operands[an_test_int(r, 0, count / 2)];
    const int length = 1 + (int)strspn(other + 1, "0123456789.");
    sprintf(changed, "%.*s%.*s%s", (int)(at - text), text, length, other,
            at + 1 + strspn(at + 1, "0123456789."));
    return changed;
}

/* What is proved of a mutant must be so: many are refused, the rest - the change hit a
 * value that nobody needs, or put an equal one - run equal. */
START_TEST(test_random_mutants)
{
    int refused = 0, kept = 0;
    for (uint64_t seed = 1000; seed < 1400; seed++) {
        an_test_random r = {seed};
        an_test_graph t = an_test_graph_make(seed, 25);
        for (int i = 0; i < AN_TEST_FETCHES; i++) {
            char name[16];
            snprintf(name, sizeof name, "out%d", i);
            an_graph_output(t.fetch[i], name);
        }
        char *text = an_print(t.graph), *changed = mutant(text, &r);
        const bool other = changed && strcmp(text, changed);
        an_graph *wrong = other ? an_parse(.text = changed, .name = "mutant") : NULL;
        if (wrong && an_graph_status(wrong) == AN_OK) {
            an_proof *f = an_prove(.a = t.graph, .b = wrong);
            ck_assert_int_eq(f->status, AN_OK);
            ck_assert_msg(f->proved || f->difference[0], "seed %d: no difference", (int)seed);
            refused += !f->proved;
            kept += f->proved;
            an_equivalence *e =
                f->proved ? an_equivalent(.a = t.graph, .b = wrong, .seeds = 2) : NULL;
            an_proof_free(f);
            ck_assert_msg(!e || e->verdict == AN_BITWISE || e->verdict == AN_VACUOUS,
                          "seed %d: %s", (int)seed, an_equivalence_message(e));
            an_equivalence_free(e);
        }
        an_graph_free(wrong);
        free(changed);
        an_string_free(text);
        an_graph_free(t.graph);
    }
    printf("mutants: %d refused, %d proved and run\n", refused, kept);
    ck_assert_int_gt(refused, 40);
    ck_assert_int_gt(kept, 40);
}
END_TEST

/* ---- edges ------------------------------------------------------------- */

START_TEST(test_terms_and_order_of_a_sum)
{
    static const char *const cases[][2] = {
        {"accumulate %15, %20", "3 operands in the first graph and 2"},
        {"accumulate %15, %20, %19", "x[1] and x[2] are swapped"},
        {"accumulate %15, %19, %20, %19", "3 operands in the first graph and 4"},
        {"accumulate %15, %17, %20", "x[1] is %19 (mul) in the first graph and %17 (softmax)"},
    };
    an_graph *a = parse(plain);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        an_graph *b = edited(plain, "accumulate %15, %19, %20 {order=[15,19,12]}", cases[i][0]);
        an_proof *f = an_prove(.a = a, .b = b);
        ck_assert_msg(!an_proof_holds(f) && strstr(f->difference, cases[i][1]), "%s", f->message);
        ck_assert_str_eq(f->at[0].name, "%21 (accumulate)");
        ck_assert_str_eq(f->at[0].op, "accumulate");
        ck_assert_int_eq(f->at[0].node, 21);
        an_proof_free(f);
        an_graph_free(b);
    }
    an_graph_free(a);
}
END_TEST

START_TEST(test_interfaces)
{
    an_graph *a = parse(plain), *renamed, *empty = an_graph_new("empty"), *broken;
    char text[8192];
    size_t length = 0; /* every B becomes N: names of dims are part of a leaf's type */
    for (const char *p = plain; *p; p++) text[length++] = *p == 'B' ? 'N' : *p;
    text[length] = 0;
    renamed = parse(text);
    an_proof *f = an_prove(.a = a, .b = renamed);
    ck_assert_msg(!f->proved && strstr(f->message, "\"x\" is input f32[B,24] in the first graph"),
                  "%s", f->message);
    ck_assert_str_eq(f->kind, "leaf");
    an_proof_free(f);
    f = an_prove(.a = empty, .b = empty);
    ck_assert(!f->proved && f->status == AN_OK && strstr(f->message, "nothing to prove"));
    an_proof_free(f);
    f = an_prove(.a = a, .b = NULL);
    ck_assert(!f->proved && f->status == AN_E_ARGUMENT);
    an_proof_free(f);
    f = an_prove_with(NULL);
    ck_assert(!f->proved && f->status == AN_E_ARGUMENT);
    broken = an_parse(.text = "graph \"b\"\n%1: f32[2] = tanh %7\n", .name = "broken");
    an_proof_free(f);
    f = an_prove(.a = a, .b = broken);
    ck_assert(!f->proved && f->status != AN_OK && strstr(f->message, "broken"));
    an_proof_free(f);
    an_graph_free(a);
    an_graph_free(renamed);
    an_graph_free(empty);
    an_graph_free(broken);
}
END_TEST

/* Numbers and proof in one report; gradients of a graph fused before differentiating. */
START_TEST(test_equivalence_carries_the_proof)
{
    an_model m = an_model_stack(2, true);
    an_graph_output(m.loss, "loss");
    an_optimised *o = an_optimise(.graph = m.g, .passes = "fuse_add_norm");
    an_equivalence *e = an_equivalent(.a = m.g, .b = o->graph, .gradients = true);
    ck_assert_msg(e->verdict == AN_BITWISE && e->proof.proved, "%s", e->message);
    ck_assert_int_gt(e->proof.roots, 20);
    ck_assert_int_gt(uses(&e->proof, "add_norm_grad"), 0);
    ck_assert_msg(!strncmp(e->message, "proved: equal for every", 23), "%s", e->message);
    char *report = an_equivalence_report(e);
    ck_assert_ptr_nonnull(strstr(report, "add_norm_grad computes layer_norm_grad"));
    an_string_free(report);
    an_equivalence_free(e);
    an_optimised_free(o);
    an_graph_free(m.g);
    an_graph *a = parse(plain), *b = edited(fused, "%3, %4 {axis=1, eps=1e-05}",
                                            "%3, %4 {axis=1, eps=0.01}");
    e = an_equivalent(.a = a, .b = b);
    ck_assert_int_eq(e->verdict, AN_DIFFERENT);
    ck_assert_msg(strstr(e->message, "eps is 1e-05 in the first graph and 0.01") != NULL, "%s",
                  e->message);
    an_equivalence_free(e);
    an_graph_free(a);
    an_graph_free(b);
}
END_TEST

/* So many pairs of nodes in a row, which part at the eighth; seconds of CPU that it took to see. */
static double prove_chain(int pairs)
{
    an_graph *a = an_graph_new("a"), *b = an_graph_new("b");
    an_value x = an_input(a, "x", AN_F32, AN_SHAPE(4)), y = an_input(b, "x", AN_F32, AN_SHAPE(4));
    for (int i = 0; i < pairs; i++) {
        x = an_residual_add(an_tanh(x), x);
        y = i == 7 ? an_residual_add(y, an_sin(y)) : an_add(y, an_tanh(y));
    }
    an_graph_output(x, "y");
    an_graph_output(y, "y");
    const clock_t start = clock();
    an_proof *f = an_prove(.a = a, .b = b);
    const double seconds = (double)(clock() - start) / CLOCKS_PER_SEC;
    ck_assert(!f->proved);
    ck_assert_msg(strstr(f->difference, "%16 (tanh)") && strstr(f->difference, "%16 (sin)"), "%s",
                  f->message);
    an_proof_free(f);
    check_proved("itself", a, a, false);
    an_graph_free(a);
    an_graph_free(b);
    return seconds;
}

/* 40,000 nodes in a row: nothing may recurse along them, nor be quadratic, which would be 16 times
 * a quarter's time. Under a sanitizer on a busy machine the whole takes three seconds and more. */
START_TEST(test_long_chains)
{
    const double quarter = prove_chain(5000), whole = prove_chain(20000);
    ck_assert_msg(whole < 9 * quarter, "%.2f s and %.2f s", quarter, whole);
    ck_assert_msg(AN_TEST_INSTRUMENTED || whole < 3, "%.2f s", whole);
}
END_TEST

START_TEST(test_out_of_memory)
{
    an_graph *a = parse(plain), *b = parse(fused);
    bool done = false;
    int64_t failures = 0;
    for (; !done && failures < 100000; failures++) {
        an_test_heap_start(failures);
        an_proof *f = an_prove(.a = a, .b = b);
        done = !an_test_heap_failed();
        const bool proved = an_proof_holds(f);
        an_proof_free(f);
        ck_assert_int_eq(an_test_heap_stop(), 0);
        ck_assert_msg(proved || !done, "unproved with all the memory it asked for");
    }
    ck_assert(done);
    ck_assert_int_gt(failures, 30);
    an_graph_free(a);
    an_graph_free(b);
}
END_TEST

AN_TEST_MAIN("prove", test_models, test_every_pass_alone, test_programs, test_random_graphs,
             test_wrong_edits, test_laws, test_random_mutants, test_terms_and_order_of_a_sum,
             test_interfaces, test_equivalence_carries_the_proof, test_long_chains,
             test_out_of_memory)
