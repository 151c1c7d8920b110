/* real_trial.c -- forms written out, edits of them, values of one graph; f64 as the judge.  */
#include "tests/graph/real_trial.h"

#include "graph/evaluate.h"
#include "graph/equal/result.h"
#include "graph/ir.h"
#include "tests/graph/one_edit.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char leaves[] =
    "graph \"w\"\ndims B, T\n"
    "%1: f32[B,T,8] = input \"x\"\n%2: f32[8] = state \"gamma\"\n%3: f32[8] = state \"beta\"\n"
    "%4: f32[8,8] = state \"w\"\n%5: f32[8,8] = state \"v\"\n%6: f32[8,8] = state \"u\"\n"
    "%7: f32[B,T,8] = input \"z\"\n%8: f32[T,T] = input \"mask\"\n%9: f32[8] = state \"bias\"\n"
    "%10: f32[] = constant {data=[1e-05]}\n%11: f32[] = constant {data=[1]}\n"
    "%12: f32[] = constant {data=[2]}\n%13: f32[] = constant {data=[0.5]}\n"
    "%14: f32[] = constant {data=[0.125]}\n%15: f32[] = constant {data=[8]}\n"
    "%16: f32[] = constant {data=[3]}\n";

const an_spelling an_spellings[] = {
#define AN_WRITTEN(what, how, left, right) {what, how, left, right},
#include "tests/graph/written_out.def"
#undef AN_WRITTEN
};
const int an_spelling_count = (int)(sizeof an_spellings / sizeof *an_spellings);

an_graph *an_spelling_graph(const char *body)
{
    char text[8192];
    const char *last = body;
    for (const char *p = body; *p; p++)
        if (*p == '%' && (p == body || p[-1] == '\n')) last = p;
    snprintf(text, sizeof text, "%s%soutput \"out\" %%%d\n", leaves, body, atoi(last + 1));
    an_graph *g = an_parse(.text = text, .name = "text");
    return g;
}

/* ---- what is not equal -------------------------------------------------- */

/* In f64, on numbers that depend on the leaf's name; NAN where it cannot be run. */
static void evaluate(an_evaluation *e, an_graph *g, uint64_t seed)
{
    const int64_t bound[] = {3, 5};
    e->shadow = true;
    if (an_evaluation_begin(e, g, bound) != AN_OK) return;
    for (int64_t i = 1; i <= g->node_count; i++) {
        if (!an_node_is_named(&g->nodes[i])) continue;
        an_tensor *x = &e->value[g->nodes[i].first];
        an_trial_random r = {seed ^ (uint64_t)g->nodes[i].name[0] << 32};
        const int64_t count = an_tensor_count(x);
        for (int64_t k = 0; k < count; k++) an_tensor_set(x, k, an_trial_uniform(&r, -1.5, 1.5));
    }
    an_evaluation_run(e);
}

/* Where both are numbers: the largest difference, beside the largest number. */
static double distance(an_graph *a, an_graph *b, uint64_t seed)
{
    an_evaluation e[2] = {{0}, {0}};
    double most = 0, largest = 1;
    evaluate(&e[0], a, seed);
    evaluate(&e[1], b, seed);
    const an_tensor *x = &e[0].value[a->outputs[0].value], *y = &e[1].value[b->outputs[0].value];
    for (int64_t i = 0; i < an_tensor_count(x) && an_tensor_count(x) == an_tensor_count(y); i++) {
        const double u = an_tensor_get(x, i), v = an_tensor_get(y, i);
        if (!isfinite(u) || !isfinite(v)) continue;
        most = fmax(most, fabs(u - v));
        largest = fmax(largest, fabs(u));
    }
    an_evaluation_free(&e[0]);
    an_evaluation_free(&e[1]);
    return most / largest;
}

bool an_trial_edit(uint64_t seed, int *equal, an_trial_said said)
{
    an_trial_random r = {seed};
    const an_spelling *w = &an_spellings[an_trial_int(&r, 0, an_spelling_count - 1)];
    const bool left = an_trial_int(&r, 0, 1);
    an_graph *a = an_spelling_graph(left ? w->left : w->right);
    an_graph *original = an_spelling_graph(an_trial_int(&r, 0, 2) ? w->left : w->right);
    const char *what;
    char *text = an_print(original), *changed = an_test_one_edit(text, &r, &what);
    an_graph *b = changed ? an_parse(.text = changed, .name = "edited") : NULL;
    bool apart = false;
    if (b && an_graph_status(b) == AN_OK) {
        an_proof *f = an_prove(.a = a, .b = b);
        apart = distance(a, b, seed) > 1e-6;
        if (apart && an_proof_says(f) >= AN_PROOF_REALS)
            said("seed %llu: %s, %s: an edit (%s) is called %s\n%s", (unsigned long long)seed,
                 w->what, w->how, what, an_proof_answer_name(an_proof_says(f)), changed);
        *equal += !apart && an_proof_says(f) >= AN_PROOF_REALS;
        an_proof_free(f);
    }
    an_graph_free(b);
    free(changed);
    an_string_free(text);
    an_graph_free(original);
    an_graph_free(a);
    return apart;
}

/* ---- values of one graph ------------------------------------------------ */

#define MOST_VALUES 40

/* Square shapes, so that nearly everything fits nearly everything. */
static an_shape draw_shape(an_trial_random *r)
{
    static const an_shape shapes[] = {{2, {4, 4}}, {3, {2, 2, 4}}, {3, {4, 2, 2}},
                                      {4, {2, 2, 2, 2}}, {1, {16}}, {2, {2, 8}}, {2, {8, 2}}};
    return shapes[an_trial_int(r, 0, 6)];
}

static an_value draw_move(an_value x, an_trial_random *r)
{
    const an_shape shape = an_type_of(x).shape;
    if (an_trial_int(r, 0, 1)) {
        int64_t count = 1;
        for (int i = 0; i < shape.rank; i++) count *= shape.dim[i];
        return count == 16 ? an_reshape(x, draw_shape(r)) : an_broadcast(x, AN_SHAPE(4, 4));
    }
    an_axes axes = {.count = shape.rank};
    for (int i = 0; i < shape.rank; i++) axes.at[i] = i;
    for (int i = shape.rank - 1; i > 0; i--) {
        const int64_t k = an_trial_int(r, 0, i);
        const int at = axes.at[i];
        axes.at[i] = axes.at[k];
        axes.at[k] = at;
    }
    return an_transpose(x, axes);
}

static an_value draw_curve(an_value x, an_trial_random *r)
{
    const double numbers[] = {-1, 2, 0.5, 3};
    switch (an_trial_int(r, 0, 13)) {
    case 0: return an_exp(x);
    case 1: return an_log(an_exp(x));
    case 2: return an_reciprocal(an_exp(x));
    case 3: return an_sigmoid(x);
    case 4: return an_tanh(x);
    case 5: return an_neg(x);
    case 6: return an_square(x);
    case 7: return an_sqrt(an_add(an_square(x), an_number(x, 1)));
    case 8: return an_erf(x);
    case 9: return an_div(an_number(x, 1), an_add(an_number(x, 1), an_exp(an_neg(x))));
    case 10: return an_add(x, an_number(x, 1));
    case 11: return an_rsqrt(an_exp(x));
    default: return an_mul(x, an_number(x, numbers[an_trial_int(r, 0, 3)]));
    }
}

static an_value draw_along(an_value x, an_trial_random *r)
{
    const int rank = an_type_of(x).shape.rank, axis = (int)an_trial_int(r, 0, rank - 1);
    switch (an_trial_int(r, 0, 5)) {
    case 0: return an_broadcast(an_sum_axes(x, AN_AXES(axis), true), an_type_of(x).shape);
    case 1: return an_broadcast(an_mean_axes(x, AN_AXES(axis), true), an_type_of(x).shape);
    case 2: return an_sub(x, an_max_axes(x, AN_AXES(axis), true));
    case 3: return an_softmax(x, axis);
    case 4: return an_log_softmax(x, axis);
    default: return an_layer_norm(x, AN_NONE, AN_NONE, axis, 0.1f);
    }
}

static an_value draw_value(an_graph *g, const an_value *v, int count, an_trial_random *r)
{
    const an_value x = v[an_trial_int(r, 0, count - 1)], y = v[an_trial_int(r, 0, count - 1)];
    const bool alike = an_type_equal(an_slot_type(g, x.id), an_slot_type(g, y.id));
    switch (an_trial_int(r, 0, 7)) {
    case 0: case 1: return draw_move(x, r);
    case 2: return draw_curve(x, r);
    case 3: return draw_along(x, r);
    case 4: return alike ? an_add(x, y) : draw_move(x, r);
    case 5: return alike ? an_sub(x, y) : draw_curve(x, r);
    case 6: return alike ? an_mul(x, y) : draw_move(y, r);
    default:
        if (an_type_of(x).shape.rank != 2 || an_type_of(x).shape.dim[0] != 4 || !alike)
            return draw_move(x, r);
        return an_matmul_t(x, an_trial_int(r, 0, 1), y, an_trial_int(r, 0, 1));
    }
}

static an_graph *draw_graph(uint64_t seed, int out, uint32_t *values, int *count)
{
    an_trial_random r = {seed};
    an_graph *g = an_graph_new("values");
    an_value v[MOST_VALUES + 3] = {an_input(g, "x", AN_F32, AN_SHAPE(4, 4)),
                                   an_input(g, "y", AN_F32, AN_SHAPE(4, 4)),
                                   an_input(g, "a", AN_F32, AN_SHAPE(4))};
    *count = 3;
    while (*count < MOST_VALUES) {
        v[*count] = draw_value(g, v, *count, &r);
        ++*count;
    }
    for (int i = 0; i < *count; i++) values[i] = v[i].id;
    if (out >= 0) an_graph_output(v[out], "out");
    return g;
}

static bool are_apart(const an_tensor *x, const an_tensor *y)
{
    for (int64_t i = 0; i < an_tensor_count(x); i++) {
        const double u = an_tensor_get(x, i), v = an_tensor_get(y, i);
        if (isfinite(u) && isfinite(v) && fabs(u - v) > 1e-7 * fmax(1, fabs(u))) return true;
    }
    return false;
}

void an_trial_values(uint64_t seed, int counts[3], an_trial_said said)
{
    uint32_t id[MOST_VALUES + 3];
    int count;
    an_graph *g = draw_graph(seed, -1, id, &count);
    an_evaluation e = {0};
    evaluate(&e, g, seed);
    for (int i = 0; i < count; i++)
        for (int k = 0; k < i; k++) {
            if (!an_type_equal(an_slot_type(g, id[i]), an_slot_type(g, id[k]))) continue;
            const bool apart = are_apart(&e.value[id[i]], &e.value[id[k]]);
            if (apart && (i * 7 + k) % 5) continue; /* one of five is enough */
            uint32_t other[MOST_VALUES + 3];
            int others;
            an_graph *a = draw_graph(seed, i, other, &others);
            an_graph *b = draw_graph(seed, k, other, &others);
            an_proof *f = an_prove(.a = a, .b = b);
            const bool proved = an_proof_says(f) >= AN_PROOF_REALS;
            if (apart && proved)
                said("seed %llu: %%%u and %%%u are called %s", (unsigned long long)seed, id[i],
                     id[k], an_proof_answer_name(an_proof_says(f)));
            counts[apart ? 0 : proved ? 1 : 2]++;
            if (getenv("AN_SHOW_PROOFS") && !apart && !proved)
                printf("seed %llu: %%%u and %%%u\n", (unsigned long long)seed, id[i], id[k]);
            an_proof_free(f);
            an_graph_free(a);
            an_graph_free(b);
        }
    an_evaluation_free(&e);
    an_graph_free(g);
}

