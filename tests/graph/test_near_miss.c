/* test_near_miss.c -- Add & Norm fuses exactly where it may, in graphs made to tempt it.
 *
 * For every recipe the oracle says which pairs fuse and why each other one does not;
 * notes and counts must agree. What was rewritten must be proved equal, give equal
 * bits with gradients (taken after the passes and before), rewrite to itself, survive
 * its text form and a run, and compute the same when built in another order.
 *
 *     AN_GRAPHS=100000 AN_SEED=7 build/tests/test_graph_near_miss
 *
 * A failure prints the seed and the smallest graph that still fails.         */
#include "graph/passes/pipeline.h"
#include "graph/equal/result.h"
#include "graph/evaluate.h"
#include "graph/run/program.h"
#include "graph/equal/project.h"
#include "tests/graph/near_miss.h"

#include <math.h>
#include <stdarg.h>

#define GRAPHS (AN_TEST_INSTRUMENTED ? 400 : 1200) /* about as long in either build */

typedef struct trial {
    const an_near_recipe *r;
    an_near_built built;
    an_optimised *optimised;
    bool thorough; /* also compile and run */
    char fault[1600];
} trial;

/* What a series of trials saw, so that it can be shown to have tried everything. */
typedef struct tally {
    int64_t graphs, bitwise, vacuous, dull, runs, backward, rms;
    struct {
        const char *reason;
        int64_t count;
    } seen[16];
} tally;

/* Words what went wrong; returns false, for the caller to pass on. */
AN_PRINTF(2, 3)
static bool object(trial *t, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(t->fault, sizeof t->fault, format, arguments);
    va_end(arguments);
    return false;
}

static void count_reason(tally *y, const char *reason)
{
    int i = 0;
    while (y->seen[i].reason && strcmp(y->seen[i].reason, reason)) i++;
    ck_assert_int_lt(i, 15);
    y->seen[i].reason = reason;
    y->seen[i].count++;
}

static int64_t reason_count(const tally *y, const char *reason)
{
    for (int i = 0; y->seen[i].reason; i++)
        if (!strcmp(y->seen[i].reason, reason)) return y->seen[i].count;
    return 0;
}

/* ---- the pass against the oracle --------------------------------------- */

static bool check_note(trial *t, const an_optimised *o, int step, uint32_t ordinal,
                       const char *expected)
{
    const an_note *found = NULL;
    for (int64_t i = 0; i < o->note_count; i++) {
        if (o->notes[i].ordinal != ordinal) continue;
        if (found) return object(t, "step %d: two notes: %s", step, o->notes[i].text);
        found = &o->notes[i];
    }
    const char *said = found ? found->reason : NULL;
    if (!expected && !said) return true;
    if (expected && said && !strcmp(expected, said) && found->done == !expected[0]) return true;
    return object(t, "step %d (%%%u): expected \"%s\", the pass said \"%s\"%s%s", step, ordinal,
                 expected ? expected : "no note", said ? said : "no note", found ? ": " : "",
                 found ? found->text : "");
}

static bool check_notes(trial *t, const an_near_built *b, const an_optimised *o, tally *y)
{
    const an_near_expected e = an_near_expect(t->r, b->order, b->count);
    int64_t notes = 0;
    for (int i = 0; i < b->count; i++) {
        const int step = b->order[i];
        const char *reason = e.reason[step];
        const uint32_t ordinal = an_node_of(b->graph, b->value[step].id)->ordinal;
        if (!an_near_is_norm(&t->r->step[step])) continue;
        if (!check_note(t, o, step, ordinal, reason)) return false;
        if (!reason) continue;
        notes++;
        if (y) count_reason(y, reason);
    }
    if (o->note_count != notes)
        return object(t, "%lld notes, expected %lld", (long long)o->note_count, (long long)notes);
    const int64_t made = an_graph_add_norms(o->graph);
    if (y) y->rms += an_graph_count(o->graph, "add_rms_norm");
    if (made != e.add_norms)
        return object(t, "%lld fused, expected %lld", (long long)made, (long long)e.add_norms);
    return true;
}

/* ---- the result against the source ------------------------------------- */

static bool check_proof(trial *t, const an_graph *a, const an_graph *b)
{
    an_proof *p = an_prove(.a = a, .b = b);
    const bool good = p->proved || object(t, "unproved: %s", p->message);
    an_proof_free(p);
    return good;
}

/* Equal bits; where nothing was rewritten, no gradient gets through to any leaf, or a norm
 * reads x - x, there may be nothing to show. Of graphs that fused those must be few. */
static bool check_bits(trial *t, const an_graph *a, const an_graph *b, bool gradients, tally *y)
{
    an_equivalence *e = an_equivalent(.a = a, .b = b, .gradients = gradients, .extent = 3,
                                     .seed = t->r->seed);
    const bool good = e->verdict == AN_BITWISE ||
                      (e->verdict == AN_VACUOUS &&
                       (e->fused_forward == 0 || strstr(e->message, "every gradient") ||
                        strstr(e->message, "constant rows only") ||
                        strstr(e->message, "all zero or not finite on these feeds")));
    if (!good) object(t, "%s: %s", an_verdict_name(e->verdict), e->message);
    if (y && e->verdict == AN_BITWISE) y->bitwise++;
    if (y && e->verdict == AN_VACUOUS) y->vacuous++;
    if (y && e->verdict == AN_VACUOUS && e->fused_forward > 0) y->dull++;
    an_equivalence_free(e);
    return good;
}

/* Gradients are held against the graph without its no-ops: what reads a value beside a
 * no-op of it has its gradients summed in two groups, and without the no-op in one. */
static bool check_equal(trial *t, tally *y)
{
    const an_graph *from = t->built.graph, *to = t->optimised->graph;
    an_optimised *plain = an_optimise(.graph = from, .passes = "canonicalise,fold,cse,dce");
    const bool good = (plain->graph || object(t, "%s", plain->message)) &&
                      check_proof(t, from, to) && check_bits(t, from, to, false, NULL) &&
                      check_bits(t, plain->graph, to, true, y);
    an_optimised_free(plain);
    return good;
}

/* As in training: gradients are nodes before any pass runs, no-ops and all. */
static bool check_training(trial *t, tally *y)
{
    an_error error = {0};
    an_graph *whole = an_project_gradients(t->built.graph, false, &error);
    if (!whole) return object(t, "%s", error.text);
    an_optimised *o = an_optimise(.graph = whole);
    const bool good = (o->graph || object(t, "%s", o->message)) &&
                      check_proof(t, whole, o->graph) &&
                      check_bits(t, whole, o->graph, false, NULL);
    if (y && o->graph) y->backward += an_graph_add_norm_grads(o->graph);
    an_optimised_free(o);
    an_graph_free(whole);
    return good;
}

/* Running everything again changes nothing; save that a pair may have become what stood
 * there fused already, which cse, having run before, then makes one. (It must not run
 * behind the fusion: that would group the gradients' terms otherwise.) */
static bool check_idempotent(trial *t)
{
    an_optimised *again = an_optimise(.graph = t->optimised->graph);
    const an_near_expected e = an_near_expect(t->r, t->built.order, t->built.count);
    char *once = an_print(t->optimised->graph), *twice = an_print(again->graph);
    bool good = once && twice && (e.distinct < e.add_norms || !strcmp(once, twice));
    if (good && an_graph_add_norms(again->graph) != e.distinct)
        good = object(t, "%lld fused the second time, expected %lld",
                      (long long)an_graph_add_norms(again->graph), (long long)e.distinct);
    else if (!good)
        object(t, "a second time changes it to:\n%.1200s", twice ? twice : again->message);
    for (int64_t i = 0; i < again->note_count && good; i++)
        if (again->notes[i].done) good = object(t, "fired again: %s", again->notes[i].text);
    an_string_free(once);
    an_string_free(twice);
    an_optimised_free(again);
    return good;
}

static bool check_text(trial *t, const an_graph *g)
{
    char *text = an_print(g);
    an_graph *read = an_parse(.text = text, .name = "near_miss.an");
    char *again = an_print(read);
    const bool good = an_graph_status(read) == AN_OK && !strcmp(text, again);
    if (!good) object(t, "its text reads back as: %s\n%.1200s", an_graph_message(read), again);
    an_string_free(again);
    an_graph_free(read);
    an_string_free(text);
    return good;
}

/* The same recipe, its steps built in another order. */
static bool check_reordered(trial *t)
{
    const an_near_built b = an_near_emit(t->r, t->r->seed + 1);
    an_optimised *o = an_optimise(.graph = b.graph);
    bool good = o->status == AN_OK || object(t, "%s", o->message);
    good = good && check_notes(t, &b, o, NULL) &&
           check_proof(t, t->optimised->graph, o->graph) &&
           check_bits(t, t->optimised->graph, o->graph, false, NULL);
    if (!good) {
        char before[1400];
        snprintf(before, sizeof before, "%.1399s", t->fault);
        object(t, "in another order: %s", before);
    }
    an_optimised_free(o);
    an_graph_free(b.graph);
    return good;
}

/* ---- a run against the interpreter ------------------------------------- */

/* Equal bits, or both NaN. */
static bool same(const an_tensor *a, const an_tensor *b)
{
    if (an_tensor_bytes(a) != an_tensor_bytes(b)) return false;
    for (int64_t i = 0; i < an_tensor_count(a); i++) {
        const float x = ((const float *)a->data)[i], y = ((const float *)b->data)[i];
        if (isnan(x) ? !isnan(y) : memcmp(&x, &y, sizeof x) != 0) return false;
    }
    return true;
}

/* The source graph, unfused, on these inputs and the store's states. */
static void interpret(an_evaluation *e, const an_graph *g, an_store *s, const an_tensor *x)
{
    const int64_t bound[] = {x[0].extent[0]};
    ck_assert_int_eq(an_evaluation_begin(e, g, bound), AN_OK);
    for (int64_t i = 0; i < g->leaf_count; i++) {
        const char *name = g->leaves[i].name;
        const an_tensor *from = name[0] == 'x' ? &x[name[1] - '0'] : an_store_view(s, name);
        if (!from) continue; /* no output needs that state */
        memcpy(e->value[g->leaves[i].value].data, from->data, (size_t)an_tensor_bytes(from));
    }
    ck_assert_int_eq(an_evaluation_run(e), AN_OK);
}

static bool run_and_compare(trial *t, an_program *p, an_store *s, const an_value *fetch, int count)
{
    static const char *const names[AN_NEAR_INPUTS] = {"x0", "x1", "x2"};
    const an_graph *g = t->built.graph;
    an_tensor x[AN_NEAR_INPUTS] = {{0}}, out[AN_MAX_NAMED] = {{0}};
    an_test_random random = {t->r->seed};
    an_run_args args = {.program = p};
    for (int i = 0, fed = 0; i < AN_NEAR_INPUTS; i++) {
        ck_assert_int_eq(an_tensor_alloc(&x[i], AN_F32, AN_EXTENTS(70, 3, 8)), AN_OK);
        for (int64_t k = 0; k < 70 * 24; k++)
            an_tensor_set(&x[i], k, an_test_uniform(&random, -2, 2));
        if (an_graph_leaf(g, names[i])) args.feed[fed++] = (an_feed){names[i], &x[i]};
    }
    for (int i = 0; i < count; i++) args.out[i] = &out[i];
    an_evaluation e = {0};
    interpret(&e, g, s, x);
    bool good = an_run_with(&args) == AN_OK || object(t, "run: %s", an_program_message(p));
    for (int i = 0; i < count && good; i++)
        if (!same(&out[i], &e.value[fetch[i].id]))
            good = object(t, "%d threads: fetch %d is not the interpreter's", an_threads(), i);
    for (int i = 0; i < count; i++) an_tensor_free(&out[i]);
    for (int i = 0; i < AN_NEAR_INPUTS; i++) an_tensor_free(&x[i]);
    an_evaluation_free(&e);
    return good;
}

static bool check_run(trial *t)
{
    an_graph *g = t->built.graph;
    an_value fetch[AN_MAX_NAMED];
    const int count = g->output_count < AN_MAX_NAMED ? (int)g->output_count : AN_MAX_NAMED;
    for (int i = 0; i < count; i++) fetch[i] = an_graph_output_value(g, i);
    an_store *s = an_store_new(t->r->seed);
    an_program *p = an_compile(.graph = g, .store = s, .fetch_list = fetch, .fetch_count = count);
    bool good = p || object(t, "compile: %s", an_compile_message(g));
    if (p) p->poison = true;
    for (int threads = 1; threads <= 3 && good; threads += 2) {
        an_set_threads(threads);
        good = run_and_compare(t, p, s, fetch, count);
    }
    an_set_threads(0);
    an_program_free(p);
    an_store_free(s);
    return good;
}

/* ---- one recipe -------------------------------------------------------- */

/* True if everything holds; else t->fault says what does not. */
static bool holds(trial *t, tally *y)
{
    t->built = an_near_emit(t->r, 0);
    t->optimised = an_optimise(.graph = t->built.graph);
    const an_graph *from = t->built.graph, *to = t->optimised->graph;
    bool good = to != NULL || object(t, "%s", t->optimised->message);
    good = good && check_notes(t, &t->built, t->optimised, y);
    good = good && check_equal(t, y);
    good = good && check_idempotent(t) && check_text(t, from) && check_text(t, to);
    good = good && check_training(t, y) && check_reordered(t);
    if (t->thorough && good) good = check_run(t);
    an_optimised_free(t->optimised);
    an_graph_free(t->built.graph);
    return good;
}

/* Still the same failure, as far as its first words tell. */
static bool fails_alike(const an_near_recipe *r, const char *fault)
{
    trial t = {.r = r, .thorough = true};
    return !holds(&t, NULL) && !strncmp(t.fault, fault, 8);
}

static bool is_read(const an_near_recipe *r, int step)
{
    for (int i = 0; i < r->count; i++)
        for (int k = 0; k < 4 && !an_near_has(r->dropped, i); k++)
            if (r->step[i].in[k] == step) return true;
    return false;
}

/* Leaves out outputs and steps that nothing reads while the recipe fails alike. */
static an_near_recipe shrink(an_near_recipe r, const char *fault)
{
    for (bool again = true; again;) {
        again = false;
        for (int i = r.count - 1; i >= 0; i--) {
            const uint64_t bit = 1ull << i;
            an_near_recipe tries[3] = {r, r, r};
            tries[0].dropped |= bit;
            tries[1].outputs &= ~bit;
            tries[2].statistics &= ~bit;
            for (int k = is_read(&r, i) ? 1 : 0; k < 3; k++) {
                if (!memcmp(&tries[k], &r, sizeof r) || !fails_alike(&tries[k], fault)) continue;
                r = tries[k];
                again = true;
                break;
            }
        }
    }
    return r;
}

static void report(const an_near_recipe *found, const char *fault)
{
    const an_near_recipe r = shrink(*found, fault);
    trial t = {.r = &r, .thorough = true};
    holds(&t, NULL);
    const an_near_built b = an_near_emit(&r, 0);
    char *text = an_print(b.graph);
    ck_abort_msg("seed %llu: %s\n---- and smaller: %s\n%s", (unsigned long long)r.seed, fault,
                 t.fault, text);
}

static int64_t setting(const char *name, int64_t otherwise)
{
    const char *text = getenv(name);
    return text ? strtoll(text, NULL, 10) : otherwise;
}

START_TEST(test_fuses_exactly_where_it_may)
{
    const int64_t graphs = setting("AN_GRAPHS", GRAPHS);
    const uint64_t first = (uint64_t)setting("AN_SEED", 1);
    tally y = {0};
    for (; y.graphs < graphs; y.graphs++) {
        const an_near_recipe r = an_near_draw(first + (uint64_t)y.graphs);
        trial t = {.r = &r, .thorough = y.graphs % 8 == 0};
        y.runs += t.thorough;
        if (!holds(&t, &y)) report(&r, t.fault);
    }
    printf("%lld graphs, %lld bitwise, %lld vacuous, %lld run, %lld fused backward, "
           "%lld add_rms_norm\n",
           (long long)y.graphs, (long long)y.bitwise, (long long)y.vacuous, (long long)y.runs,
           (long long)y.backward, (long long)y.rms);
    ck_assert(y.graphs < 200 || (y.backward > y.graphs / 4 && y.rms > y.graphs / 4));
    ck_assert_msg(y.dull * 50 <= y.graphs, "%lld fused and show nothing", (long long)y.dull);
    static const char *const reasons[] = {"", "not-first-norm", "broadcast", "axis-not-trailing",
                                          "depends-on-sum", "scaled", "not-adjacent"};
    for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++) {
        const int64_t count = reason_count(&y, reasons[i]);
        printf("  %-18s %lld\n", reasons[i][0] ? reasons[i] : "fused", (long long)count);
        ck_assert_msg(y.graphs < 200 || count > y.graphs / 20, "hardly any of %s", reasons[i]);
    }
}
END_TEST

AN_TEST_MAIN("near_miss", test_fuses_exactly_where_it_may)
