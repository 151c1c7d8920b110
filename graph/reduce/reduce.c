/* reduce.c -- from a graph on which something fails to the smallest that still does.
 *
 * Delta debugging: a table of edits, each with its sites in the graph as it is. Edits
 * of one kind are tried many at a time, then half as many, down to one; so a thousand
 * nodes before and behind the fault go in a few dozen tries. All kinds take the same
 * step before any takes a finer one: there are never many sites left for single ones.
 * Whatever is accepted is smaller by a fixed measure, so it ends.             */
#include "graph/reduce/reduce.h"

#include "core/random.h"
#include "graph/passes/pipeline.h"
#include "graph/reduce/candidate.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#define USUAL_TRIES 10000

/* What makes one graph smaller than another; the first that differs decides. */
enum { OPS, NODES, EDGES, EXTENTS, LETTERS, MEASURES };

typedef struct site { /* what the numbers say is the edit's own */
    int64_t at, what, more;
} site;

typedef struct search {
    const an_reduce_args *args;
    an_graph *best;
    int64_t size[MEASURES], tries, limit, accepted;
    site *sites; /* of the edit under way, in `best` */
    int64_t count, capacity;
    uint64_t *rejected; /* hashes of the texts on which it did not fail */
    int64_t rejected_count, rejected_capacity;
    an_status status;
    bool over;
} search;

static void out_of_memory(search *s)
{
    s->status = AN_E_MEMORY;
    s->over = true;
}

static void add_site(search *s, int64_t at, int64_t what, int64_t more)
{
    if (AN_GROW(s->sites, s->capacity, s->count + 1))
        s->sites[s->count++] = (site){at, what, more};
    else
        out_of_memory(s);
}

/* ---- the edits --------------------------------------------------------- */

static void find_roots(search *s)
{
    for (int64_t i = 0; i < s->best->output_count + s->best->commit_count; i++)
        add_site(s, i, 0, 0);
}

static void lose_root(an_candidate *p, const site *t)
{
    p->lost[t->at] = true;
}

/* From the last node: the end of the schedule goes first. */
static void find_readers(search *s)
{
    for (int64_t i = s->best->node_count; i > 0; i--)
        if (s->best->nodes[i].inputs > 0) add_site(s, i, 0, 0);
}

static void lose_node(an_candidate *p, const site *t)
{
    p->node[t->at].gone = true;
}

static void find_ops(search *s)
{
    for (int64_t i = 1; i <= s->best->node_count; i++)
        if (s->best->nodes[i].inputs > 0) add_site(s, i, 0, 0);
}

static void cut_node(an_candidate *p, const site *t)
{
    p->node[t->at].cut = true;
}

/* An op may become any operand of its type, a leaf the first leaf of its kind. */
static void find_equals(search *s)
{
    const an_graph *g = s->best;
    for (int64_t i = 1; i <= g->node_count; i++) {
        const an_node *n = &g->nodes[i];
        const an_type *type = an_slot_type(g, n->first);
        for (int k = 0; k < n->inputs; k++)
            if (n->in[k] && an_type_equal(type, an_slot_type(g, n->in[k])))
                add_site(s, i, n->in[k], 0);
        for (int64_t j = 1; n->inputs == 0 && j < i; j++) {
            const an_node *older = &g->nodes[j];
            if (older->op != n->op || !an_type_equal(type, an_slot_type(g, older->first))) continue;
            add_site(s, i, older->first, 0);
            break;
        }
    }
}

static void use_equal(an_candidate *p, const site *t)
{
    p->node[t->at].instead = (uint32_t)t->what;
}

static void find_operands(search *s)
{
    for (int64_t i = 1; i <= s->best->node_count; i++) {
        const an_node *n = &s->best->nodes[i];
        const bool any = n->op->max_inputs == INT_MAX && n->inputs > 1;
        for (int k = 0; k < n->inputs && k < 32; k++)
            if (n->in[k] && (any || an_op_input_optional(n->op, k))) add_site(s, i, k, 0);
    }
}

static void drop_operand(an_candidate *p, const site *t)
{
    p->node[t->at].absent |= 1u << t->what;
}

static void find_attributes(search *s)
{
    for (int64_t i = 1; i <= s->best->node_count; i++) {
        const an_node *n = &s->best->nodes[i];
        for (int id = 0; id < AN_ATTRS; id++) {
            an_attrs a = *n->attrs;
            const bool has = n->op->attribute_set >> id & 1;
            if (has && an_attr_plain(n, id, &a)) add_site(s, i, id, 0);
        }
    }
}

static void make_plain(an_candidate *p, const site *t)
{
    p->node[t->at].plain |= 1ull << t->what;
}

/* Each literal extent alone, and with its multiples, which often are made of it; first
 * all even ones. */
static void find_extents(search *s)
{
    const an_graph *g = s->best;
    add_site(s, 2, 1, true);
    for (int64_t v = 1; v <= g->slot_count; v++)
        for (int i = 0; i < g->slots[v].type->shape.rank; i++) {
            const int64_t n = g->slots[v].type->shape.dim[i];
            bool known = n < 2;
            for (int64_t k = 1; k < s->count && !known; k++) known = s->sites[k].at == n;
            for (int64_t k = 0; k < 6 && !known; k++) {
                const int64_t less = k < 2 ? 1 : k < 4 ? 2 : n / 2;
                if (less < n) add_site(s, n, less, k % 2 == 0);
            }
        }
}

static void change_extent(an_candidate *p, const site *t)
{
    p->from = t->at;
    p->to = t->what;
    p->multiples = t->more;
}

/* An update needs its state; its new value may fail as well on its own. */
static void find_updates(search *s)
{
    for (int64_t i = 0; i < s->best->commit_count; i++) add_site(s, i, 0, 0);
}

static void bare_update(an_candidate *p, const site *t)
{
    p->lost[p->g->output_count + t->at] = true;
    p->bared[p->g->commits[t->at].value] = true;
}

static void find_text(search *s)
{
    add_site(s, 0, 0, 0);
}

static void tidy_up(an_candidate *p, const site *t)
{
    (void)t;
    p->tidy = true;
}

typedef struct edit {
    void (*find)(search *s);
    void (*apply)(an_candidate *p, const site *t);
    bool alone; /* sites do not combine */
} edit;

static const edit structure[] = {
    {find_roots, lose_root, false}, {find_readers, lose_node, false}, {find_ops, cut_node, false},
    {find_equals, use_equal, false}, {NULL, NULL, false}};
static const edit details[] = {
    {find_updates, bare_update, false}, {find_operands, drop_operand, false},
    {find_attributes, make_plain, false}, {find_extents, change_extent, true},
    {find_text, tidy_up, true}, {NULL, NULL, false}};

/* ---- one try ----------------------------------------------------------- */

static bool measure(const an_graph *g, int64_t size[MEASURES], uint64_t *hash)
{
    char *text = an_print(g);
    if (!text) return false;
    int64_t *m = size;
    memset(m, 0, MEASURES * sizeof *m);
    m[NODES] = g->node_count;
    m[EDGES] = g->output_count + g->commit_count;
    m[LETTERS] = (int64_t)strlen(text);
    *hash = an_hash_string(text);
    for (int64_t i = 1; i <= g->node_count; i++) {
        m[OPS] += g->nodes[i].inputs > 0;
        for (int k = 0; k < g->nodes[i].inputs; k++) m[EDGES] += g->nodes[i].in[k] != 0;
    }
    for (int64_t v = 1; v <= g->slot_count; v++)
        for (int i = 0; i < g->slots[v].type->shape.rank; i++)
            if (g->slots[v].type->shape.dim[i] > 0) m[EXTENTS] += g->slots[v].type->shape.dim[i];
    an_string_free(text);
    return true;
}

static bool is_smaller(const int64_t *a, const int64_t *b)
{
    int i = 0;
    while (i < MEASURES - 1 && a[i] == b[i]) i++;
    return a[i] < b[i];
}

static bool was_rejected(const search *s, uint64_t hash)
{
    bool known = false;
    for (int64_t i = 0; i < s->rejected_count && !known; i++) known = s->rejected[i] == hash;
    return known;
}

/* True if the candidate is the new best; else it is freed. */
static bool judge(search *s, an_graph *candidate)
{
    int64_t size[MEASURES];
    uint64_t hash;
    const bool measured = measure(candidate, size, &hash);
    bool good = measured && is_smaller(size, s->size) && !was_rejected(s, hash);
    if (!measured || !AN_GROW(s->rejected, s->rejected_capacity, s->rejected_count + 1)) {
        out_of_memory(s);
        good = false;
    }
    if (good && s->tries == s->limit) {
        s->over = true;
        good = false;
    }
    if (good) {
        s->tries++;
        good = s->args->fails(s->args->context, candidate);
        if (!good) s->rejected[s->rejected_count++] = hash;
    }
    if (!good) {
        an_graph_free(candidate);
        return false;
    }
    an_graph_free(s->best);
    s->best = candidate;
    memcpy(s->size, size, sizeof size);
    s->accepted++;
    return true;
}

/* Tries the edit at `chunk` sites from `at`. */
static bool attempt(search *s, const edit *e, int64_t at, int64_t chunk)
{
    an_candidate p;
    an_status status = AN_E_MEMORY;
    an_graph *candidate = NULL;
    if (an_candidate_open(&p, s->best)) {
        for (int64_t i = at; i < at + chunk && i < s->count; i++) e->apply(&p, &s->sites[i]);
        candidate = an_candidate_build(&p, &status);
    }
    an_candidate_close(&p);
    if (candidate) return judge(s, candidate);
    if (status == AN_E_MEMORY) out_of_memory(s);
    return false;
}

/* ---- all tries --------------------------------------------------------- */

/* One edit at all its sites, so many at a time; true if that was one. */
static bool sweep(search *s, const edit *e, int level)
{
    s->count = 0;
    e->find(s);
    int64_t chunk = e->alone || level > 40 ? 1 : s->count >> level;
    if (chunk < 1) chunk = 1;
    for (int64_t at = 0; at < s->count && !s->over;) {
        if (attempt(s, e, at, chunk)) {
            s->count = 0;
            e->find(s);
        } else {
            at += chunk;
        }
    }
    return chunk == 1;
}

static void refine(search *s, const edit *edits)
{
    bool finest = false;
    for (int level = 0; !finest && !s->over; level++) {
        const int64_t before = s->accepted;
        finest = true;
        for (const edit *e = edits; e->find; e++) finest = sweep(s, e, level) && finest;
        if (s->accepted > before && s->args->progress)
            s->args->progress(s->args->context, s->best, s->tries);
    }
}

static void reduce(search *s)
{
    uint64_t hash;
    if (!measure(s->best, s->size, &hash)) out_of_memory(s);
    for (int64_t outer = -1; outer != s->accepted && !s->over;) {
        outer = s->accepted;
        for (int64_t inner = -1; inner != s->accepted && !s->over;) {
            inner = s->accepted;
            refine(s, structure);
        }
        refine(s, details);
    }
}

/* ---- the result --------------------------------------------------------- */

struct an_reduced {
    an_graph *graph;
    int64_t tries;
    bool minimal;
    an_status status;
    char message[512];
};

static void refuse(an_reduced *r, an_status status, const char *why)
{
    r->status = status;
    snprintf(r->message, sizeof r->message, "an_reduce: %.480s", why);
}

static void search_from(const an_reduce_args *args, an_graph *copy, an_reduced *r)
{
    search s = {.args = args, .best = copy, .tries = 1,
                .limit = args->tries > 0 ? args->tries : USUAL_TRIES};
    reduce(&s);
    r->graph = s.best;
    r->tries = s.tries;
    r->minimal = !s.over;
    r->status = s.status;
    if (s.status != AN_OK)
        snprintf(r->message, sizeof r->message, "an_reduce: out of memory after %lld tries",
                 (long long)s.tries);
    an_free(s.sites);
    an_free(s.rejected);
}

an_reduced *an_reduce_with(const an_reduce_args *args)
{
    an_reduced *r = an_alloc_zeroed(sizeof *r);
    if (!r) return NULL;
    an_error error = {0};
    an_graph *copy = NULL;
    if (!args || !args->graph || !args->fails)
        refuse(r, AN_E_ARGUMENT, "needs a graph and a function that says whether it fails");
    else if (an_graph_status(args->graph) != AN_OK)
        refuse(r, an_graph_status(args->graph), an_graph_message(args->graph));
    else if (!args->fails(args->context, args->graph))
        refuse(r, AN_E_ARGUMENT, "nothing fails on the graph as it is");
    else if (!(copy = an_pipeline_copy(args->graph, &error)))
        refuse(r, error.status, error.text);
    else
        search_from(args, copy, r);
    return r;
}

void an_reduced_free(an_reduced *r)
{
    if (!r) return;
    an_graph_free(r->graph);
    an_free(r);
}

const an_graph *an_reduced_graph(const an_reduced *r)
{
    return r ? r->graph : NULL;
}

int64_t an_reduced_tries(const an_reduced *r)
{
    return r ? r->tries : 0;
}

bool an_reduced_is_minimal(const an_reduced *r)
{
    return r && r->minimal;
}

an_status an_reduced_status(const an_reduced *r)
{
    return r ? r->status : AN_E_MEMORY;
}

const char *an_reduced_message(const an_reduced *r)
{
    return r ? r->message : "out of memory";
}
