/* exercise.c -- see exercise.h.
 *
 * A file may honestly ask for terabytes. What a graph would hold at small extents is summed up
 * first, and nothing large is compiled or run; everything else must bear any graph. */
#include "tests/fuzz/exercise.h"

#include "graph/equal/equal.h"
#include "graph/ir.h"
#include "tests/fuzz/fuzz.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MOST_ELEMENTS 20000 /* in all values of what is run */
#define MOST_NODES 200      /* of what is differentiated and verified */
#define MOST_ROOTS 8
#define MOST_LEAVES 24

typedef struct extents {
    int64_t *of;  /* per dim entry */
    char bind[200]; /* "B=2,T=3", where that is long enough */
} extents;

/* ---- text -------------------------------------------------------------- */

static void reread(const an_graph *g, bool locations)
{
    char *const text = an_print(g, .locations = locations);
    an_graph *const again = an_parse(.text = text, .name = "again");
    an_fuzz_demand(text && again && an_graph_status(again) == AN_OK, "what was printed parses",
                   an_graph_message(again));
    char *const second = an_print(again, .locations = locations);
    an_fuzz_demand(second && !strcmp(text, second), "printing is stable", text);
    an_graph_free(again);
    an_string_free(text);
    an_string_free(second);
}

static void verify(const an_graph *g, const char *what)
{
    char report[500] = "";
    if (an_graph_verify(g, report, sizeof report) != AN_OK) an_fuzz_demand(false, what, report);
}

void an_fuzz_reread(const an_graph *g)
{
    verify(g, "the graph is sound");
    reread(g, false);
    reread(g, true);
}

/* ---- how large --------------------------------------------------------- */

/* Small extents, each name's from `choice`; false if the dims do not allow these. */
static bool choose_extents(const an_graph *g, uint64_t choice, extents *x)
{
    const int names = an_dims_names(g->dims), entries = an_dims_entries(g->dims);
    int64_t *const bound = calloc((size_t)names + 1, sizeof *bound);
    x->of = calloc((size_t)entries + 1, sizeof *x->of);
    int at = 0;
    for (int i = 0; bound && i < names; i++) {
        bound[i] = 2 + (int64_t)(choice >> (3 * (i % 16)) & 3);
        if (at < 120)
            at += snprintf(x->bind + at, 80, "%.40s=%d,", an_dims_name_at(g->dims, i),
                           (int)bound[i]);
    }
    const bool good = bound && x->of && an_dims_bind(g->dims, bound, x->of, NULL) == AN_OK;
    free(bound);
    return good;
}

static bool is_small(const an_graph *g, const int64_t *extent)
{
    int64_t sum = 0;
    for (int64_t v = 1; v <= g->slot_count; v++) {
        const an_shape *const s = &g->slots[v].type->shape;
        int64_t count = 1;
        for (int i = 0; i < s->rank && count <= MOST_ELEMENTS; i++) {
            const int64_t n = an_dim_extent(s->dim[i], extent);
            if (n < 0) return false;
            count *= n < MOST_ELEMENTS ? n : MOST_ELEMENTS + 1;
        }
        sum += count;
        if (sum > MOST_ELEMENTS) return false;
    }
    return g->node_count <= MOST_NODES;
}

/* Whether at these extents, which `g` may have added to, it can be run. */
static bool fits(const an_graph *g, uint64_t choice)
{
    extents x = {0};
    const bool good = choose_extents(g, choice, &x) && is_small(g, x.of);
    free(x.of);
    return good;
}

/* ---- feeding ----------------------------------------------------------- */

typedef struct feeds {
    an_feed feed[MOST_LEAVES];
    an_tensor tensor[MOST_LEAVES];
    int count;
} feeds;

static double draw(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (double)(*state >> 40) / (double)(1 << 24);
}

static void fill(an_tensor *t, uint64_t *state)
{
    for (int64_t i = 0; i < an_tensor_count(t); i++) {
        const double at = draw(state);
        an_tensor_set(t, i, an_dtype_is_float(t->dtype) ? 4 * at - 2
                            : t->dtype == AN_BOOL       ? at < 0.5
                                                        : floor(3 * at));
    }
}

/* Something for every input; false if there are too many. */
static bool make_feeds(const an_graph *g, const int64_t *extent, uint64_t choice, feeds *f)
{
    for (int64_t i = 0; i < g->leaf_count; i++) {
        const char *const name = g->leaves[i].name; /* passes may change the order of leaves */
        uint64_t state = choice ^ an_fuzz_hash((const uint8_t *)name, strlen(name));
        const an_type *const type = an_slot_type(g, g->leaves[i].value);
        if (!an_node_is_input(an_node_of(g, g->leaves[i].value))) continue;
        if (f->count == MOST_LEAVES) return false;
        int64_t of[AN_MAX_RANK];
        for (int k = 0; k < type->shape.rank; k++)
            of[k] = an_dim_extent(type->shape.dim[k], extent);
        an_tensor *const t = &f->tensor[f->count];
        if (an_tensor_alloc(t, type->dtype, type->shape.rank, of) != AN_OK) return false;
        fill(t, &state);
        f->feed[f->count++] = (an_feed){name, t};
    }
    return true;
}

static void free_feeds(feeds *f)
{
    for (int i = 0; i < f->count; i++) an_tensor_free(&f->tensor[i]);
}

/* ---- running ----------------------------------------------------------- */

typedef struct ran {
    an_status compiled, status;
    an_tensor out[MOST_ROOTS];
} ran;

/* Compiles and runs once or twice, if what the passes made is small still. */
static void run(an_graph *g, const an_value *fetch, int count, an_updates updates,
                const char *passes, uint64_t choice, ran *r)
{
    an_store *const store = an_store_new(choice);
    an_program *const p = an_compile(g, store, .fetch_list = fetch, .fetch_count = count,
                                     .update = updates, .passes = passes,
                                     .inference = choice >> 20 & 1);
    r->compiled = p ? AN_OK : g->compile_error.status;
    an_fuzz_demand_sane(r->compiled, "compiling", an_compile_message(g));
    extents x = {0};
    feeds f = {0};
    const an_graph *const made = an_program_graph(p);
    r->status = AN_E_LIMIT;
    if (p && choose_extents(made, choice, &x) && is_small(made, x.of) &&
        make_feeds(made, x.of, choice, &f)) {
        an_tensor *list[MOST_ROOTS];
        for (int i = 0; i < count; i++) list[i] = &r->out[i];
        for (unsigned i = 0; i <= (choice >> 21 & 1); i++)
            r->status = an_run(p, .feed_list = f.feed, .feed_count = f.count, .out_list = list,
                               .out_count = count);
        an_fuzz_demand_sane(r->status, "running", an_program_message(p));
    }
    free_feeds(&f);
    free(x.of);
    an_program_free(p);
    an_store_free(store);
}

static bool same_element(const an_tensor *a, const an_tensor *b, int64_t i)
{
    const size_t size = an_dtype_size(a->dtype);
    const char *const at = (const char *)a->data + (size_t)i * size;
    const char *const bt = (const char *)b->data + (size_t)i * size;
    if (!memcmp(at, bt, size)) return true;
    return an_dtype_is_float(a->dtype) && isnan(an_tensor_get(a, i)) && isnan(an_tensor_get(b, i));
}

static void demand_same(const ran *a, const ran *b, int count)
{
    for (int k = 0; k < count; k++)
        for (int64_t i = 0; i < an_tensor_count(&a->out[k]); i++)
            an_fuzz_demand(same_element(&a->out[k], &b->out[k], i),
                           "exact passes keep every bit", "");
}

static void free_ran(ran *r)
{
    for (int i = 0; i < MOST_ROOTS; i++) an_tensor_free(&r->out[i]);
}

/* Some of the passes, by the bits of `choice`. */
static void choose_passes(uint64_t choice, char out[200], bool *exact)
{
    out[0] = 0;
    *exact = true;
    for (int i = 0; an_pass_name(i); i++) {
        if (!(choice >> i & 1)) continue;
        snprintf(out + strlen(out), 200 - strlen(out), "%s%s", out[0] ? "," : "", an_pass_name(i));
        *exact = *exact && an_pass_is_exact(i);
    }
}

/* The program as the passes make it against the program as it was written. Where one of them fails
 * on its data, as it may where a pass took the node away that refuses them, nothing is compared. */
static void compare(an_graph *g, const an_value *fetch, int count, an_updates updates,
                    uint64_t choice)
{
    char passes[200];
    bool exact;
    choose_passes(choice >> 24, passes, &exact);
    ran plain = {0}, passed = {0};
    run(g, fetch, count, updates, "", choice, &plain);
    run(g, fetch, count, updates, passes, choice, &passed);
    if (exact && plain.status == AN_OK && passed.status == AN_OK)
        demand_same(&plain, &passed, count);
    free_ran(&plain);
    free_ran(&passed);
}

/* ---- the parts --------------------------------------------------------- */

static void draw_pictures(const an_graph *g, uint64_t choice)
{
    an_string_free(an_dot(g, .depth = (int)(choice & 3) - 1, .color = choice >> 2 & 1));
    an_string_free(an_mermaid(g, .depth = (int)(choice & 3) - 1));
    extents x = {0};
    an_string_free(an_summary(g, .bind = choose_extents(g, choice, &x) ? x.bind : NULL));
    free(x.of);
}

static void optimise(const an_graph *g, uint64_t choice)
{
    an_optimised *const o = an_optimise(g, .inference = choice & 1);
    an_fuzz_demand_sane(an_optimised_status(o), "passes", an_optimised_message(o));
    if (an_optimised_graph(o)) an_fuzz_reread(an_optimised_graph(o));
    an_optimised_free(o);
}

/* The sum of the means of all float roots, or poison. */
static an_value make_loss(const an_value *root, int count)
{
    an_value loss = AN_NONE;
    for (int i = 0; i < count; i++) {
        if (!an_dtype_is_float(an_type_of(root[i]).dtype)) continue;
        an_value mean = an_mean_axes(root[i], AN_ALL_AXES, false);
        if (an_is_none(loss)) loss = mean;
        else loss = an_add(loss, an_cast(mean, an_type_of(loss).dtype));
    }
    return loss;
}

static void differentiate(an_graph *g, const an_value *root, int count, uint64_t choice)
{
    an_value wrt[MOST_ROOTS], grad[MOST_ROOTS];
    int wanted = 0;
    const an_value loss = make_loss(root, count);
    for (int64_t i = 0; i < g->leaf_count && wanted < MOST_ROOTS; i++)
        if (an_dtype_is_float(an_slot_type(g, g->leaves[i].value)->dtype))
            wrt[wanted++] = an_value_of(g, g->leaves[i].value);
    if (an_is_none(loss) || wanted == 0) return;
    an_fuzz_demand_sane(an_gradients(loss, wrt, wanted, grad), "gradients", an_graph_message(g));
    if (an_graph_status(g) != AN_OK) return;
    an_fuzz_reread(g);
    if (fits(g, choice)) compare(g, grad, wanted, (an_updates){0}, choice);
}

/* A graph is the same as what its text says. */
static void prove_itself(const an_graph *g)
{
    char *const text = an_print(g, .locations = false);
    an_graph *const again = an_parse(.text = text, .name = "again");
    an_proof *const p = an_prove(g, again);
    an_fuzz_demand(an_proof_roots(p) == 0 || an_proof_holds(p), "a graph equals itself",
                   an_proof_message(p));
    an_proof_free(p);
    an_graph_free(again);
    an_string_free(text);
}

static void ask_verifier(const an_graph *g, uint64_t choice)
{
    extents x = {0};
    if (choose_extents(g, choice, &x)) {
        an_equivalence *const e =
            an_equivalent(g, .gradients = choice >> 1 & 1, .quick = choice >> 3 & 3,
                          .bind = x.bind, .seed = choice, .threads = {1},
                          .data = (an_trial_kind)((choice >> 5 & 3) % 3));
        an_fuzz_demand(an_equivalence_rung(e) != AN_RUNG_DIFFERENT, "the passes keep the meaning",
                       an_equivalence_message(e));
        an_string_free(an_equivalence_report(e));
        an_string_free(an_equivalence_dot(.equivalence = e));
        an_equivalence_free(e);
    }
    free(x.of);
}

/* The graph with one word of its text replaced by another, if that is a graph, too. */
static an_graph *make_other(const an_graph *g, uint64_t choice)
{
    static const char *const words[][2] = {
        {" add ", " sub "}, {" mul ", " div "}, {" sqrt ", " relu "}, {"=lt}", "=le}"},
        {"axis=-1", "axis=-2"}, {" mean ", " sum "}, {" max ", " min "}, {"=0.001", "=0.002"},
        {" %2", " %1"}, {"[0", "[1"}, {" layer_norm ", " rms_norm "}, {", %1", ", %2"},
    };
    const char *const *const pair = words[choice % (sizeof words / sizeof *words)];
    char *const text = an_print(g, .locations = false);
    const char *at = text ? strstr(text, pair[0]) : NULL;
    for (unsigned i = 0; at && i < (choice >> 8 & 3); i++)
        if (strstr(at + 1, pair[0])) at = strstr(at + 1, pair[0]);
    an_text other = {0};
    if (at) {
        an_text_add_bytes(&other, text, at - text);
        an_text_add(&other, pair[1]);
        an_text_add(&other, at + strlen(pair[0]));
    }
    an_graph *const made = at ? an_parse(.text = an_text_view(&other), .name = "other") : NULL;
    an_text_free(&other);
    an_string_free(text);
    if (made && an_graph_status(made) == AN_OK) return made;
    an_graph_free(made);
    return NULL;
}

/* What is proved must not be refuted by numbers, and what differs is to be explained. */
static void compare_with_other(const an_graph *g, uint64_t choice)
{
    an_graph *const other = make_other(g, choice);
    extents x = {0};
    if (other && choose_extents(g, choice, &x) && fits(other, choice)) {
        an_equivalence *const e =
            an_equivalent(g, other, .gradients = choice >> 10 & 1, .quick = choice >> 11 & 1,
                          .bind = x.bind, .seed = choice, .threads = {1});
        an_fuzz_demand(!an_proof_holds(an_equivalence_proof(e)) ||
                           an_equivalence_numbers(e) != AN_DIFFERENT,
                       "numbers refute no proof", an_equivalence_message(e));
        an_string_free(an_equivalence_report(e));
        an_string_free(an_equivalence_dot(.equivalence = e));
        an_equivalence_free(e);
    }
    free(x.of);
    an_graph_free(other);
}

void an_fuzz_exercise(an_graph *g, an_updates updates, uint64_t choice)
{
    an_value root[MOST_ROOTS];
    int count = 0;
    for (int64_t i = 0; i < g->output_count && count < MOST_ROOTS; i++)
        root[count++] = an_value_of(g, g->outputs[i].value);
    if (count == 0 && g->slot_count > 0)
        root[count++] = an_value_of(g, (uint32_t)g->slot_count);
    if (choice % 8 == 0) draw_pictures(g, choice >> 3);
    if (choice % 4 == 1) optimise(g, choice >> 3);
    if (count == 0 || !fits(g, choice)) return;
    if (choice % 2 == 0) compare(g, root, count, updates, choice);
    if (choice % 8 == 5) prove_itself(g);
    if (choice % 8 == 3) ask_verifier(g, choice >> 3);
    if (choice % 8 == 7) compare_with_other(g, choice >> 3);
    if (choice % 4 == 2) differentiate(g, root, count, choice);
}
