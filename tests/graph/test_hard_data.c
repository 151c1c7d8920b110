/* test_hard_data.c -- data made to hurt: does it hurt, and does fusing survive it?
 *
 * Hard data are told apart by the graphs that must agree on them in every bit, exact
 * data by graphs that are wrong by a hair: those must be called different there, which
 * on other data they are not.                                                 */
#include "graph/passes/pipeline.h"
#include "graph/equal/result.h"
#include "graph/equal/trial_data.h"
#include "tests/support.h"

#include <float.h>
#include <math.h>

/* ---- graphs ------------------------------------------------------------- */

typedef struct pair { /* residual_add and layer_norm, behind each other */
    int width;
    const char *eps, *rows; /* "B" or "B,T" */
    bool live, scaled, statistics;
} pair;

static an_graph *parse(const char *text)
{
    an_graph *g = an_parse(.text = text, .name = "t.an");
    ck_assert_msg(an_graph_status(g) == AN_OK, "%s in\n%s", an_graph_message(g), text);
    return g;
}

static an_graph *graph_of(const pair *p)
{
    char text[2048], scales[256] = "", more[256] = "";
    if (p->scaled)
        snprintf(scales, sizeof scales,
                 "%%3: f32[%d] = state \"gamma\"\n%%4: f32[%d] = state \"beta\"\n", p->width,
                 p->width);
    snprintf(more, sizeof more, "%s%s", p->live ? "output \"sum\" %5\n" : "",
             p->statistics ? "output \"mean\" %6.1\noutput \"rstd\" %6.2\n" : "");
    snprintf(text, sizeof text,
             "graph \"pair\"\ndims %s\n"
             "%%1: f32[%s,%d] = input \"x\"\n%%2: f32[%s,%d] = input \"skip\"\n%s"
             "%%5: f32[%s,%d] = residual_add %%1, %%2\n"
             "%%6: f32[%s,%d], f32[%s], f32[%s] = layer_norm %%5%s {axis=-1, eps=%s}\n"
             "output \"y\" %%6\n%s",
             p->rows, p->rows, p->width, p->rows, p->width, scales, p->rows, p->width, p->rows,
             p->width, p->rows, p->rows, p->scaled ? ", %3, %4" : "", p->eps, more);
    return parse(text);
}

static const char *describe(const pair *p, const char *bind)
{
    static char text[128];
    snprintf(text, sizeof text, "width %d, eps %s, %s%s%s%s", p->width, p->eps, bind,
             p->live ? ", live sum" : "", p->scaled ? ", scaled" : "",
             p->statistics ? ", statistics" : "");
    return text;
}

/* Compares the pair with what fusing makes of it; both directions must fuse. */
static an_equivalence *fused(const pair *p, an_equivalent_args args)
{
    an_graph *g = graph_of(p);
    an_optimised *o = an_optimise(g);
    ck_assert_msg(an_graph_count(o->graph, "add_norm") == 1, "%s", describe(p, args.bind));
    args.at = AN_HERE;
    args.a = g;
    args.b = o->graph;
    an_equivalence *e = an_equivalent_with(&args);
    if (args.gradients && p->live)
        ck_assert_int_eq(an_graph_count(e->graph[1], "add_norm_grad"), 1);
    an_optimised_free(o);
    an_graph_free(g);
    return e;
}

/* ---- hard data ---------------------------------------------------------- */

static const int widths[] = {1, 7, 35, 123, 1600, 3000};
static const char *const epsilons[] = {"0", "1e-12", "1e-05", "0.001"};

static void fuse_on_hard_data(const pair *p, const char *bind, bool quick)
{
    an_equivalence *e = fused(p, (an_equivalent_args){.gradients = true, .data = AN_DATA_HARD,
                                                     .bind = bind, .quick = quick});
    const bool constant = p->width == 1;
    ck_assert_msg(e->verdict == (constant ? AN_VACUOUS : AN_BITWISE), "%s: %s", describe(p, bind),
                  e->message);
    for (int64_t i = 0; i < e->compared_count; i++) {
        ck_assert_int_eq(e->compared[i].special, 0);
        ck_assert(constant || !e->compared[i].degenerate);
    }
    an_equivalence_free(e);
}

/* Every combination; each fourth with all checks. */
START_TEST(test_fusing_survives_hard_data)
{
    for (int i = 0; i < 6 * 4 * 4; i++) {
        const pair p = {.width = widths[i / 16], .eps = epsilons[i / 4 % 4], .rows = "B",
                        .live = i & 1, .scaled = i >> 1 & 1};
        fuse_on_hard_data(&p, "B=5", (i + i / 4) % 4 != 0);
    }
}
END_TEST

START_TEST(test_ragged_extents)
{
    static const char *const binds[] = {"B=1,T=1", "B=3,T=1", "B=1,T=7", "B=5,T=13", "B=17,T=3"};
    for (int i = 0; i < 5; i++)
        fuse_on_hard_data(&(pair){.width = 35, .eps = "1e-05", .rows = "B,T", .live = true,
                                  .scaled = true}, binds[i], false);
}
END_TEST

START_TEST(test_no_rows_show_nothing)
{
    static const char *const binds[] = {"B=0,T=4", "B=4,T=0", "B=0,T=0"};
    for (int i = 0; i < 3 * 2 * 3; i++) {
        const pair p = {.width = 35, .eps = "1e-05", .rows = "B,T", .live = i / 3 & 1,
                        .scaled = true};
        an_equivalence *e = fused(&p, (an_equivalent_args){.gradients = true, .bind = binds[i % 3],
                                                          .data = (an_trial_kind)(i / 6)});
        ck_assert_msg(e->verdict == AN_VACUOUS, "%s: %s", describe(&p, binds[i % 3]), e->message);
        an_equivalence_free(e);
    }
}
END_TEST

/* What norms make of constant rows shows nothing, whatever the verdict on bits. */
START_TEST(test_constant_rows_are_vacuous)
{
    for (int kind = AN_DATA_PLAIN; kind <= AN_DATA_EXACT; kind++) {
        const pair p = {.width = 1, .eps = "0.001", .rows = "B", .live = true, .scaled = true};
        an_equivalence *e =
            fused(&p, (an_equivalent_args){.data = (an_trial_kind)kind, .bind = "B=9"});
        ck_assert_msg(e->verdict == AN_VACUOUS && strstr(e->message, "constant rows only"), "%s",
                      e->message);
        an_equivalence_free(e);
    }
}
END_TEST

/* ---- what hard data claim ----------------------------------------------- */

#define ROWS 16
#define WIDTH 96

typedef struct drawn { /* x, skip and gamma of one draw */
    const float *x, *skip, *gamma;
} drawn;

static bool is_far(const float *x, double ratio)
{
    for (int row = 0; row < ROWS; row++) {
        double mean = 0, square = 0;
        for (int i = 0; i < WIDTH; i++) mean += x[row * WIDTH + i] / (double)WIDTH;
        for (int i = 0; i < WIDTH; i++)
            square += (x[row * WIDTH + i] - mean) * (x[row * WIDTH + i] - mean) / WIDTH;
        const double measured = fabs(mean) / sqrt(square);
        if (!(measured > 0.6 * ratio && measured < 1.6 * ratio)) return false;
    }
    return true;
}

static bool is_far_1(const drawn *d) { return is_far(d->x, 1); }
static bool is_far_100(const drawn *d) { return is_far(d->x, 1e2); }
static bool is_far_1e4(const drawn *d) { return is_far(d->x, 1e4); }
static bool is_far_1e7(const drawn *d) { return is_far(d->x, 1e7) && is_far(d->skip, 1e7); }

static bool is_constant(const drawn *d)
{
    float most = 0;
    for (int i = 0; i < ROWS * WIDTH; i++) {
        if (d->x[i] != d->x[i / WIDTH * WIDTH]) return false;
        most = fmaxf(most, fabsf(d->x[i]));
    }
    return most > 1e6f && d->x[0] != d->x[WIDTH];
}

static bool has_zero_rows(const drawn *d)
{
    bool others = false;
    for (int i = 0; i < ROWS * WIDTH; i++) {
        if (i / WIDTH % 2 == 0 && d->x[i] + d->skip[i] != 0) return false;
        others = others || d->x[i] != 0;
    }
    return others;
}

/* How large the sums of |x| and x*x of the first row become. */
static void add_up(const drawn *d, float *sum, float *squares)
{
    *sum = *squares = 0;
    for (int i = 0; i < WIDTH; i++) {
        *sum += fabsf(d->x[i]);
        *squares += d->x[i] * d->x[i];
    }
}

static bool has_large_squares(const drawn *d)
{
    float sum, squares;
    add_up(d, &sum, &squares);
    return isfinite(sum) && isinf(squares);
}

static bool has_large_sums(const drawn *d)
{
    float sum, squares;
    add_up(d, &sum, &squares);
    return isinf(sum) && isfinite(d->x[0]);
}

static bool is_denormal(const drawn *d)
{
    float most = 0;
    for (int i = 0; i < ROWS * WIDTH; i++) most = fmaxf(most, fabsf(d->x[i]));
    return most > 0 && most < FLT_MIN;
}

static bool cancels(const drawn *d)
{
    float most = 0, left = 0;
    for (int i = 0; i < ROWS * WIDTH; i++) {
        most = fmaxf(most, fabsf(d->x[i]));
        left = fmaxf(left, fabsf(d->x[i] + d->skip[i]));
    }
    return most > 9e3f && left > 1 && left < 2.01f;
}

/* One element of x and one of skip, in the same row of both. */
static bool has_one(const drawn *d, bool nan)
{
    int count[2] = {0}, row[2] = {0};
    for (int i = 0; i < 2 * ROWS * WIDTH; i++) {
        const int s = i / (ROWS * WIDTH), k = i % (ROWS * WIDTH);
        const float v = s ? d->skip[k] : d->x[k];
        if (isfinite(v)) continue;
        count[s]++;
        row[s] = k / WIDTH;
        if (nan != (bool)isnan(v)) return false;
    }
    return count[0] == 1 && count[1] == 1 && row[0] == row[1];
}

static bool has_infinity(const drawn *d) { return has_one(d, false); }
static bool has_nan(const drawn *d) { return has_one(d, true); }

static bool scales_are_awkward(const drawn *d)
{
    int zeros = 0, negative_zeros = 0, negatives = 0, positives = 0;
    for (int i = 0; i < WIDTH; i++) {
        zeros += d->gamma[i] == 0 && !signbit(d->gamma[i]);
        negative_zeros += d->gamma[i] == 0 && signbit(d->gamma[i]);
        negatives += d->gamma[i] < 0;
        positives += d->gamma[i] > 0;
    }
    return zeros && negative_zeros && negatives && positives;
}

static const struct {
    const char *name;
    bool (*holds)(const drawn *d);
} claims[] = {
    {"rows at 1 deviation from zero", is_far_1},
    {"rows at 100 deviations from zero", is_far_100},
    {"rows at 1e4 deviations from zero", is_far_1e4},
    {"rows at 1e7 deviations from zero", is_far_1e7},
    {"constant rows", is_constant},
    {"rows of zeros", has_zero_rows},
    {"squares that overflow", has_large_squares},
    {"sums that overflow", has_large_sums},
    {"denormal rows", is_denormal},
    {"addends that cancel", cancels},
    {"one infinity", has_infinity},
    {"one NaN", has_nan},
};
#define CLAIMS ((int)(sizeof claims / sizeof *claims))

static void fill(an_evaluation *e, const an_draw *draw, drawn *d)
{
    const char *const names[] = {"x", "skip", "gamma"};
    const float *data[3];
    ck_assert(an_trial_fill(e, draw));
    for (int i = 0; i < 3; i++) data[i] = e->value[an_graph_leaf(e->graph, names[i])].data;
    *d = (drawn){data[0], data[1], data[2]};
}

START_TEST(test_each_variant_has_what_it_claims)
{
    an_graph *g = graph_of(&(pair){.width = WIDTH, .eps = "1e-05", .rows = "B", .scaled = true});
    an_evaluation e = {0};
    const int64_t bound[] = {ROWS};
    ck_assert_int_eq(an_evaluation_begin(&e, g, bound), AN_OK);
    ck_assert_int_eq(an_trial_variants(AN_DATA_HARD), CLAIMS);
    for (int i = 0; i < CLAIMS; i++)
        for (uint64_t seed = 0; seed < 8; seed++) {
            drawn d;
            const char *name = an_trial_variant_name(AN_DATA_HARD, i);
            ck_assert_str_eq(name, claims[i].name);
            fill(&e, &(an_draw){.seed = seed, .data = AN_DATA_HARD, .variant = i}, &d);
            ck_assert_msg(claims[i].holds(&d), "%s, seed %d", name, (int)seed);
            ck_assert_msg(scales_are_awkward(&d), "%s, seed %d: gamma", name, (int)seed);
        }
    an_evaluation_free(&e);
    an_graph_free(g);
}
END_TEST

/* ---- exact data --------------------------------------------------------- */

static void must_be_exact(const an_equivalence *e, const char *what)
{
    ck_assert_msg(e->verdict == AN_BITWISE, "%s: %s", what, e->message);
    for (int64_t i = 0; i < e->compared_count; i++) {
        const an_compared *c = &e->compared[i];
        ck_assert_msg(c->exact == c->count, "%s: of %s \"%s\" %lld of %lld are exact",
                      what, c->kind, c->name, (long long)c->exact,
                      (long long)c->count);
    }
}

START_TEST(test_exact_data_need_no_rounding)
{
    static const int powers[] = {2, 8, 64, 1024};
    static const char *const sums[] = {"0", "0.75", "3", "12"}; /* 3 * 4^k */
    for (int i = 0; i < 4 * 4 * 4; i++) {
        const bool statistics = i & 1;
        const pair p = {.width = powers[i / 16], .eps = sums[i / 4 % 4], .rows = "B",
                        .live = i >> 1 & 1, .scaled = true, .statistics = statistics};
        an_equivalence *e = fused(&p, (an_equivalent_args){
            .data = AN_DATA_EXACT, .bind = "B=6", .gradients = !statistics, .quick = i % 4 != 2});
        must_be_exact(e, describe(&p, "B=6"));
        ck_assert_int_eq(e->compared_count, (statistics ? 3 : 5) + p.live);
        an_equivalence_free(e);
    }
}
END_TEST

#define HEAD                                                                                       \
    "graph \"g\"\ndims B\n"                                                                        \
    "%1: f32[B,64] = input \"x\"\n%2: f32[B,64] = input \"skip\"\n"                                \
    "%3: f32[64] = state \"gamma\"\n%4: f32[64] = state \"beta\"\n"                                \
    "%5: f32[B,64] = residual_add %1, %2\n"
#define TAIL "output \"sum\" %5\n"

static const char norm[] =
    HEAD "%6: f32[B,64], f32[B], f32[B] = layer_norm %5, %3, %4 {axis=1, eps=3}\n"
         "output \"y\" %6\n" TAIL;

/* The same, by its formula; %6 is what all faults are made with. */
#define FORMULA(mean, variance, epsilon, beta)                                                     \
    HEAD "%6: f32[] = constant {data=[1.00000012]}\n%7: f32[] = constant {data=[1.015873]}\n"      \
         "%10: f32[B,1] = mean %5 {axes=[1], keep=1}\n" mean                                       \
         "%12: f32[B,64] = sub %5, %11\n%13: f32[B,64] = square %12\n"                             \
         "%14: f32[B,1] = mean %13 {axes=[1], keep=1}\n" variance                                  \
         "%16: f32[] = constant {data=[" epsilon "]}\n%17: f32[B,1] = add %15, %16\n"              \
         "%18: f32[B,1] = sqrt %17\n%19: f32[B,64] = div %12, %18\n"                               \
         "%20: f32[B,64] = mul %19, %3\n" beta                                                     \
         "%22: f32[B,64] = add %20, %21\noutput \"y\" %22\n" TAIL
#define MEAN "%11: f32[B,1] = reshape %10\n"
#define VARIANCE "%15: f32[B,1] = reshape %14\n"
#define BETA "%21: f32[64] = reshape %4\n"

/* Wide enough for what a formula's rounding does to elements near zero; on exact data no
 * bound excuses anything. */
#define ULPS 8192

static an_equivalence *against_norm(const char *text, an_trial_kind data)
{
    an_graph *a = parse(norm), *b = parse(text);
    an_equivalence *e = an_equivalent(a, b, .gradients = true, .data = data, .bind = "B=8",
                                     .ulps = ULPS);
    an_graph_free(a);
    an_graph_free(b);
    return e;
}

/* Written out, a norm rounds elsewhere; where nothing is rounded, it is the same. */
START_TEST(test_a_formula_is_exactly_its_norm)
{
    const char *const formula = FORMULA(MEAN, VARIANCE, "3", BETA);
    an_equivalence *e = against_norm(formula, AN_DATA_EXACT);
    must_be_exact(e, "formula");
    ck_assert(!e->proof.proved);
    an_equivalence_free(e);
    e = against_norm(formula, AN_DATA_PLAIN);
    ck_assert_msg(e->verdict == AN_ROUNDING, "%s", e->message);
    an_equivalence_free(e);
}
END_TEST

/* Wrong by about a unit in the last place: rounding on plain data, an error on exact. */
START_TEST(test_a_hair_is_an_error_on_exact_data)
{
    static const struct {
        const char *name, *text;
        bool hair;
    } faults[] = {
        {"eps", FORMULA(MEAN, VARIANCE, "3.000001", BETA), true},
        {"mean", FORMULA("%11: f32[B,1] = mul %10, %6\n", VARIANCE, "3", BETA), true},
        {"variance", FORMULA(MEAN, "%15: f32[B,1] = mul %14, %6\n", "2.999999", BETA), true},
        {"beta", FORMULA(MEAN, VARIANCE, "3", "%21: f32[64] = mul %4, %6\n"), true},
        {"width less one", FORMULA(MEAN, "%15: f32[B,1] = mul %14, %7\n", "3", BETA), false},
        {"the op's eps",
         HEAD "%6: f32[B,64], f32[B], f32[B] = layer_norm %5, %3, %4 {axis=1, eps=3.000001}\n"
              "output \"y\" %6\n" TAIL, true},
        {"a gradient that is dropped",
         HEAD "%6: f32[B,64], f32[B], f32[B] = layer_norm %5, %3, %4 {axis=1, eps=3}\n"
              "%7: f32[B,64] = stop_gradient %5\noutput \"y\" %6\noutput \"sum\" %7\n", false},
    };
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        an_equivalence *e = against_norm(faults[i].text, AN_DATA_EXACT);
        ck_assert_msg(e->verdict == AN_DIFFERENT && e->worst >= 0, "%s: %s", faults[i].name,
                      e->message);
        an_equivalence_free(e);
        e = against_norm(faults[i].text, AN_DATA_PLAIN);
        ck_assert_msg(e->verdict == (faults[i].hair ? AN_ROUNDING : AN_DIFFERENT), "%s: %s",
                      faults[i].name, e->message);
        an_equivalence_free(e);
    }
}
END_TEST

/* Where eps rounds, the sums are still exact; where nothing is, the run says so. */
START_TEST(test_exactness_is_counted)
{
    const pair p = {.width = 64, .eps = "1e-05", .rows = "B", .live = true, .scaled = true};
    an_equivalence *e = fused(&p, (an_equivalent_args){.data = AN_DATA_EXACT, .quick = true});
    ck_assert_msg(e->verdict == AN_BITWISE, "%s", e->message);
    for (int64_t i = 0; i < e->compared_count; i++) {
        const an_compared *c = &e->compared[i];
        const bool all = c->exact == c->count;
        ck_assert_msg(all == !strcmp(c->name, "sum"), "%s", c->name);
    }
    an_equivalence_free(e);
}
END_TEST

AN_TEST_MAIN("hard_data", test_fusing_survives_hard_data, test_ragged_extents,
             test_no_rows_show_nothing, test_constant_rows_are_vacuous,
             test_each_variant_has_what_it_claims, test_exact_data_need_no_rounding,
             test_a_formula_is_exactly_its_norm, test_a_hair_is_an_error_on_exact_data,
             test_exactness_is_counted)
