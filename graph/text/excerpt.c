/* excerpt.c -- the lines of a graph that are near a node, each with a mark.
 *
 * Three distances decide: along arrows, against them, and either way. Nodes are in the order of
 * a schedule, so the first two are one walk each; the third widens ring by ring.  */
#include "graph/text/excerpt.h"

#include "graph/called.h"
#include "graph/text/lines.h"

typedef struct excerpt {
    const an_graph *g;
    int32_t radius;
    int32_t *above, *below, *near; /* per node: arrows to what is called so; -1: farther */
    int64_t called;
} excerpt;

/* ---- distances --------------------------------------------------------- */

static bool allocate(excerpt *x)
{
    const int64_t size = (x->g->node_count + 1) * (int64_t)sizeof(int32_t);
    x->above = an_alloc(size);
    x->below = an_alloc(size);
    x->near = an_alloc(size);
    return x->above && x->below && x->near;
}

static void find_called(excerpt *x, const char *around)
{
    for (int64_t i = 1; i <= x->g->node_count; i++) {
        const bool is = an_node_is_called(x->g, &x->g->nodes[i], around);
        x->above[i] = x->below[i] = x->near[i] = is ? 0 : -1;
        x->called += is;
    }
}

/* What is `from` arrows away makes `to` one arrow more, if that is nearer and near enough. */
static bool reach(const excerpt *x, int32_t from, int32_t *to)
{
    if (from < 0 || from >= x->radius || (*to >= 0 && *to <= from + 1)) return false;
    *to = from + 1;
    return true;
}

static uint32_t operand(const an_graph *g, const an_node *n, int k)
{
    return n->in[k] ? g->slots[n->in[k]].node : 0;
}

static void measure_above(excerpt *x)
{
    for (int64_t i = x->g->node_count; i > 0; i--)
        for (int k = 0; k < x->g->nodes[i].inputs; k++) {
            const uint32_t p = operand(x->g, &x->g->nodes[i], k);
            if (p) reach(x, x->above[i], &x->above[p]);
        }
}

static void measure_below(excerpt *x)
{
    for (int64_t i = 1; i <= x->g->node_count; i++)
        for (int k = 0; k < x->g->nodes[i].inputs; k++) {
            const uint32_t p = operand(x->g, &x->g->nodes[i], k);
            if (p) reach(x, x->below[p], &x->below[i]);
        }
}

/* Walks up and down until nothing comes nearer. */
static void measure_near(excerpt *x)
{
    for (bool more = true; more;) {
        more = false;
        for (int64_t i = x->g->node_count; i > 0; i--)
            for (int k = 0; k < x->g->nodes[i].inputs; k++) {
                const uint32_t p = operand(x->g, &x->g->nodes[i], k);
                if (p && reach(x, x->near[i], &x->near[p])) more = true;
            }
        for (int64_t i = 1; i <= x->g->node_count; i++)
            for (int k = 0; k < x->g->nodes[i].inputs; k++) {
                const uint32_t p = operand(x->g, &x->g->nodes[i], k);
                if (p && reach(x, x->near[p], &x->near[i])) more = true;
            }
    }
}

/* ---- lines ------------------------------------------------------------- */

static void add_mark(const char *mark, an_text *out)
{
    an_text_addf(out, "%-3s", mark);
}

static const char *mark_of(const excerpt *x, uint32_t node)
{
    if (x->near[node] == 0) return "*";
    if (x->above[node] > 0) return x->below[node] > 0 ? "^v" : "^";
    return x->below[node] > 0 ? "v" : "-";
}

/* The mark of a line that reads this value at the end of an arrow, or NULL if it is too far. */
static const char *mark_behind(const excerpt *x, uint32_t value)
{
    const uint32_t node = x->g->slots[value].node;
    if (x->near[node] < 0 || x->near[node] >= x->radius) return NULL;
    return x->below[node] >= 0 && x->below[node] < x->radius ? "v" : "-";
}

static void add_roots(const excerpt *x, an_text *out)
{
    const an_graph *g = x->g;
    for (int64_t i = 0; i < g->output_count; i++) {
        const char *mark = mark_behind(x, g->outputs[i].value);
        if (!mark) continue;
        add_mark(mark, out);
        an_line_output(g, g->outputs[i].name, g->outputs[i].value, out);
    }
    for (int64_t i = 0; i < g->commit_count; i++) {
        const an_commit *c = &g->commits[i];
        const char *mark = mark_behind(x, c->value);
        if (!mark && c->witness) mark = mark_behind(x, c->witness);
        if (x->near[g->slots[c->state].node] == 0) mark = "v"; /* it is what is updated */
        if (!mark) continue;
        add_mark(mark, out);
        an_line_commit(g, c, out);
    }
}

static void add_head(const excerpt *x, const char *around, an_text *out)
{
    an_text word = {0};
    an_text_add_quoted(&word, around);
    an_text_addf(out, "# within %d arrow%s of %s: * itself, ^ what it reads, v what reads it, "
                      "- neither\n", (int)x->radius, x->radius == 1 ? "" : "s",
                 an_text_view(&word));
    an_text_free(&word);
}

static void add_lines(const excerpt *x, bool locations, an_text *out)
{
    for (uint32_t i = 1; (int64_t)i <= x->g->node_count; i++) {
        if (x->near[i] < 0) continue;
        add_mark(mark_of(x, i), out);
        an_line_node(x->g, i, locations, out);
    }
    add_roots(x, out);
}

static an_status say_unknown(const an_graph *g, const char *around, an_text *out)
{
    an_guess guess = {.word = around};
    an_graph_guess_called(g, &guess);
    an_text_addf(out, "nothing is called '%s'", around);
    an_guess_print(&guess, out);
    return AN_E_NAME;
}

an_status an_print_around(const an_graph *g, const char *around, int64_t radius, bool locations,
                          an_text *out)
{
    const int64_t most = g->node_count < INT32_MAX ? g->node_count : INT32_MAX - 1;
    excerpt x = {.g = g, .radius = (int32_t)(radius < 1 ? 1 : radius > most ? most : radius)};
    an_status status = around[0] ? AN_OK : say_unknown(g, around, out);
    if (status == AN_OK && !allocate(&x)) status = AN_E_MEMORY;
    if (status == AN_OK) find_called(&x, around);
    if (status == AN_OK && x.called == 0) status = say_unknown(g, around, out);
    if (status == AN_OK) {
        measure_above(&x);
        measure_below(&x);
        measure_near(&x);
        add_head(&x, around, out);
        add_lines(&x, locations, out);
    }
    an_free(x.above);
    an_free(x.below);
    an_free(x.near);
    out->failed = out->failed || status == AN_E_MEMORY;
    return out->failed ? AN_E_MEMORY : status;
}
