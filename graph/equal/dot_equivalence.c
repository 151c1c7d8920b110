/* dot_equivalence.c -- an equivalence as a picture: before and after, side by side.
 *
 * Which node is which is read off the proof's pairs first: two files need not number
 * their nodes alike. Only what was really compared gets a colour, so a value that a
 * quick comparison did not look at stays grey.                               */
#include "graph/picture/beside.h"
#include "graph/picture/render.h"
#include "graph/picture/style.h"
#include "graph/equal/result.h"
#include "graph/equal/project.h"

#include <stdio.h>
#include <string.h>

#define SHOWN_REFUSALS 2 /* in one box; more are counted */

typedef struct picture {
    const an_equivalence_dot_args *args;
    const an_equivalence *e;
    const an_sketch *sketch;
    an_dot_args draw[2];
    an_view v[2];
    an_beside side[2];
    uint32_t *twin; /* per node of the first graph: the node of the second that it is */
} picture;

/* ---- the two views ----------------------------------------------------- */

static bool find_twins(picture *p)
{
    const an_graph *a = p->e->graph[0], *b = p->e->graph[1];
    p->twin = an_alloc_zeroed((a->node_count + 1) * (int64_t)sizeof *p->twin);
    for (int64_t i = 0; p->twin && i < p->e->inner_count; i++) {
        const uint32_t *value = p->e->inner[i].value;
        const uint32_t one = a->slots[value[0]].node, other = b->slots[value[1]].node;
        if (a->nodes[one].op == b->nodes[other].op && !p->twin[one]) p->twin[one] = other;
    }
    return p->twin != NULL;
}

static bool make_view(picture *p, int s, int at_most)
{
    an_view_free(&p->v[s]);
    p->v[s] = (an_view){.beside = true, .twin = s ? p->twin : NULL, .at_most = at_most,
                        .simpler = p->sketch->simpler, .ids = p->sketch->ids,
                        .reversed = p->sketch->order == AN_ORDER_REVERSED,
                        .closed = at_most ? 0 : p->sketch->closed};
    return an_view_make(&p->v[s], &p->draw[s]);
}

/* How open a view is: 1 + its depth; 0: parts. */
static int64_t openness(const an_view *v)
{
    return v->parts ? 0 : (int64_t)v->depth + 1;
}

/* Scopes that are closed on one side are closed on the other, too. */
static bool make_views(picture *p)
{
    for (int s = 0; s < 2; s++) {
        p->draw[s] = (an_dot_args){.graph = p->e->graph[s], .depth = p->args->depth,
                                   .whole = p->args->whole, .diff = s ? p->e->graph[0] : NULL};
        if (!make_view(p, s, 0)) return false;
    }
    const int64_t a = openness(&p->v[0]), b = openness(&p->v[1]);
    if (a == b) return true;
    const int other = a > b ? 0 : 1; /* the one that is more open */
    const int64_t open = a < b ? a : b;
    return make_view(p, other, open > 0 ? (int)open : -1);
}

static bool open_sides(picture *p)
{
    static const char *const prefix[] = {"a", "b"}, *const title[] = {"before", "after"};
    const int64_t edges = p->v[0].edge_count + p->v[1].edge_count;
    bool good = true;
    for (int s = 0; s < 2; s++) {
        an_beside *side = &p->side[s];
        *side = (an_beside){.prefix = prefix[s], .title = title[s],
                            .crowded = edges > AN_DOT_LABELLED};
        side->ink = an_alloc_zeroed((p->v[s].g->slot_count + 1) * (int64_t)sizeof *side->ink);
        side->mark = an_alloc_zeroed((p->v[s].unit_count + 1) * (int64_t)sizeof *side->mark);
        good = good && side->ink && side->mark;
    }
    return good;
}

static void close_picture(picture *p)
{
    for (int s = 0; s < 2; s++) {
        an_beside *side = &p->side[s];
        for (int64_t u = 0; side->mark && u <= p->v[s].unit_count; u++)
            an_text_free(&side->mark[u].badge);
        an_free(side->ink);
        an_free(side->mark);
        an_view_free(&p->v[s]);
    }
    an_free(p->twin);
}

/* ---- errors ------------------------------------------------------------ */

static an_grade grade(an_verdict verdict)
{
    static const an_grade of[] = {AN_GRADE_SAME, AN_GRADE_ROUNDING, AN_GRADE_SUSPECT,
                                  AN_GRADE_DIFFERENT};
    return (unsigned)verdict < 4 ? of[verdict] : AN_GRADE_NONE;
}

static void ink_pair(picture *p, const uint32_t value[2], an_verdict verdict, double ulp)
{
    for (int s = 0; s < 2; s++) {
        an_ink *ink = &p->side[s].ink[value[s]];
        if (!value[s] || grade(verdict) < ink->grade) continue;
        *ink = (an_ink){grade(verdict), ulp};
    }
}

static void ink_compared(picture *p, const an_compared *c)
{
    const an_graph *a = p->e->graph[0], *b = p->e->graph[1];
    if (!strcmp(c->kind, "pending update")) {
        const an_commit *one = an_graph_pending(a, c->name), *other = an_graph_pending(b, c->name);
        const uint32_t value[] = {one ? one->value : 0, other ? other->value : 0};
        ink_pair(p, value, c->verdict, c->max_ulp);
        return;
    }
    if (strcmp(c->kind, "update") != 0) {
        const bool gradient = !strcmp(c->kind, "gradient");
        char name[200];
        snprintf(name, sizeof name, "%s%s", gradient ? AN_GRADIENT_PREFIX : "", c->name);
        const uint32_t value[] = {an_graph_root(a, name), an_graph_root(b, name)};
        ink_pair(p, value, c->verdict, c->max_ulp);
        return;
    }
    for (int64_t set = 1; set <= b->set_count; set++) {
        const an_commit *one = an_graph_commit(a, b->sets[set], c->name);
        const an_commit *other = an_graph_commit(b, b->sets[set], c->name);
        const uint32_t value[] = {one ? one->value : 0, other ? other->value : 0};
        ink_pair(p, value, c->verdict, c->max_ulp);
    }
}

static void ink_values(picture *p)
{
    const an_equivalence *e = p->e;
    bool looked = false;
    for (int i = 0; i < e->checks; i++)
        looked = looked || (!strcmp(e->check[i].name, "values") && e->check[i].tried > 0);
    if (e->verdict == AN_FAILED) return;
    for (int64_t i = 0; looked && i < e->inner_count; i++)
        ink_pair(p, e->inner[i].value, e->inner[i].verdict, e->inner[i].max_ulp);
    for (int64_t i = 0; i < e->compared_count; i++) ink_compared(p, &e->compared[i]);
}

/* ---- what is said in boxes --------------------------------------------- */

/* "%5, now in add_norm %6": lines across both graphs would say it, but Graphviz fails
 * to lay them out. */
static void say_removed(const picture *p, uint32_t node, an_text *out)
{
    const an_view *after = &p->v[1];
    const uint32_t ghost = after->ghost_of[node], home = ghost ? after->units[ghost].home : 0;
    an_text_addf(out, "<TR><TD><FONT POINT-SIZE=\"9\" COLOR=\"#d93025\">%%%u ",
                 p->v[0].g->nodes[node].ordinal);
    if (home) {
        const an_node *now = &after->g->nodes[after->units[home].first];
        an_text_addf(out, "is in %s %%%u now", now->op->name, now->ordinal);
    } else {
        an_text_add(out, "is gone");
    }
    an_text_add(out, "</FONT></TD></TR>");
}

/* `shared`: per node, does the other graph have it? */
static void mark_changes(picture *p, int s, const bool *shared)
{
    static const char *const color[] = {"#d93025", "#188038"}, *const what[] = {"removed", "new"};
    for (uint32_t u = 1; (int64_t)u <= p->v[s].unit_count; u++) {
        an_unit *unit = &p->v[s].units[u];
        an_text *badge = &p->side[s].mark[u].badge;
        if (unit->kind == AN_UNIT_GHOST) continue;
        int64_t changed = 0;
        for (uint32_t i = unit->first; i; i = p->v[s].next_in_unit[i]) changed += !shared[i];
        unit->gone = s == 0 && changed == unit->nodes;
        if (unit->nodes == 1 && unit->gone) say_removed(p, unit->first, badge);
        if (unit->nodes == 1 || changed == 0) continue;
        char head[80];
        snprintf(head, sizeof head, "%lld of %lld nodes %s", (long long)changed,
                 (long long)unit->nodes, what[s]);
        an_beside_badge(color[s], head, "", badge);
    }
}

static bool mark_both(picture *p)
{
    const int64_t nodes = p->v[0].g->node_count + 1;
    bool *before = an_alloc_zeroed(nodes), *after = an_alloc_zeroed(p->v[1].g->node_count + 1);
    const bool good = before && after;
    for (int64_t i = 1; good && i < nodes; i++) {
        before[i] = p->v[1].same_as[i] != 0;
        after[p->v[1].same_as[i]] = true;
    }
    if (good) mark_changes(p, 0, before);
    if (good) mark_changes(p, 1, after);
    an_free(before);
    an_free(after);
    return good;
}

static uint32_t unit_of_ordinal(const an_view *v, uint32_t ordinal)
{
    for (int64_t i = 1; i <= v->g->node_count; i++)
        if (v->g->nodes[i].ordinal == ordinal) return v->unit_of[i];
    return 0;
}

/* The first notes about a box in full, the others counted. */
static void add_refusals(picture *p)
{
    an_beside *side = &p->side[0];
    char head[200];
    const an_note *n;
    for (int64_t i = 0; (n = an_optimised_note(p->args->optimised, i)) != NULL; i++) {
        const uint32_t unit = n->done ? 0 : unit_of_ordinal(&p->v[0], n->ordinal);
        if (!unit || side->mark[unit].refused++ >= SHOWN_REFUSALS) continue;
        snprintf(head, sizeof head, "refused: %.180s", n->reason);
        an_beside_badge(AN_BESIDE_REFUSED, head, n->text, &side->mark[unit].badge);
    }
    for (int64_t u = 1; u <= p->v[0].unit_count; u++) {
        if (side->mark[u].refused <= SHOWN_REFUSALS) continue;
        snprintf(head, sizeof head, "%d more refused", side->mark[u].refused - SHOWN_REFUSALS);
        an_beside_badge(AN_BESIDE_REFUSED, head, "", &side->mark[u].badge);
    }
}

static void add_divergence(picture *p)
{
    const an_divergence *d = &p->e->divergence;
    const an_proof *f = &p->e->proof;
    for (int s = 0; s < 2; s++) {
        const uint32_t unit = d->at[s].op ? p->v[s].unit_of[d->at[s].node] : 0;
        const bool where = !f->proved && f->at[s].op; /* the proof says what differs, too */
        const uint32_t other = where ? p->v[s].unit_of[f->at[s].node] : 0;
        const bool both = unit && unit == other;
        an_text text = {0};
        if (unit) {
            p->side[s].mark[unit].alarm = true;
            an_text_addf(&text, "by itself %.3g ulp%s%s", d->local_ulp, both ? "; " : "",
                         both ? f->difference : "");
            an_beside_badge(AN_BESIDE_FIRST, "the error comes in here", an_text_view(&text),
                            &p->side[s].mark[unit].badge);
        }
        if (other && !both)
            an_beside_badge("#8a6100", "unproved from here on", f->difference,
                            &p->side[s].mark[other].badge);
        if (text.failed) p->side[s].mark[unit].badge.failed = true;
        an_text_free(&text);
    }
}

/* ---- the picture ------------------------------------------------------- */

static void write_head(const picture *p, an_text *out)
{
    const an_grade worst = grade(p->e->verdict);
    an_dot_open(p->side[0].crowded, AN_DIRECTION_DOWN, out);
    an_text_add(out, AN_BESIDE_TABLE "<TR><TD>");
    an_dot_title(p->args->title ? p->args->title : p->e->graph[0]->name, out);
    an_text_addf(out, "<FONT COLOR=\"%s\">", an_grade_text_color(worst));
    an_dot_add_wrapped(out, p->e->message, 110, 6);
    an_text_add(out, "</FONT></TD></TR>");
    if (!p->args->no_legend) an_beside_legend(out);
    an_text_add(out, "</TABLE>");
    an_dot_open_end(out);
}

static void write_picture(const picture *p, an_text *out)
{
    write_head(p, out);
    for (int s = 0; s < 2; s++) an_dot_side(&p->v[s], &p->draw[s], &p->side[s], out);
    for (int s = 0; s < 2; s++)
        an_dot_lead(&p->v[s], p->side[s].prefix, p->sketch->order, out);
    an_text_add(out, "}\n");
    for (int s = 0; s < 2; s++)
        for (int64_t u = 0; u <= p->v[s].unit_count; u++)
            if (p->side[s].mark[u].badge.failed) out->failed = true;
}

char *an_equivalence_sketch(const void *arguments, an_sketch *sketch)
{
    const an_equivalence_dot_args *args = arguments;
    const an_equivalence *e = args ? args->equivalence : NULL;
    if (!e || !e->graph[0] || !e->graph[1]) return NULL;
    picture p = {.args = args, .e = e, .sketch = sketch};
    an_text out = {0};
    out.failed = !find_twins(&p) || !make_views(&p) || !open_sides(&p);
    if (!out.failed) {
        ink_values(&p);
        add_divergence(&p);
        add_refusals(&p);
        out.failed = !mark_both(&p);
    }
    if (!out.failed) write_picture(&p, &out);
    sketch->closes = p.v[0].closes || p.v[1].closes;
    sketch->paged = args->depth == 0 && !args->whole;
    sketch->lanes = !p.side[0].crowded;
    close_picture(&p);
    return an_text_take(&out);
}

char *an_equivalence_dot_with(const an_equivalence_dot_args *args)
{
    an_sketch sketch = {0};
    return an_equivalence_sketch(args, &sketch);
}

an_status an_equivalence_dot_file_with(const an_equivalence_dot_args *args)
{
    const an_equivalence *e = args ? args->equivalence : NULL;
    if (!e || !e->graph[0] || !e->graph[1] || !args->path) return AN_E_ARGUMENT;
    return an_picture_file(args->path, an_equivalence_sketch, args, args->message,
                           args->message_size);
}
