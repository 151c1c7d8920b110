/* twins.c -- which nodes of two graphs are the same one, however they are numbered.
 *
 * First by value numbers: equal ops on equal operands down to leaves of equal names have one
 * number in both graphs, so whatever was not touched, nor depends on what was, finds its twin.
 * Then leaves, labels, outputs and updates by name, and from these back: what twins read in one
 * place is the same node if it looks so, whatever became of what it reads. Then in the order of a
 * schedule: a node whose operands have twins is the node that reads those; else the one of its op
 * in its scope that is likest, of a few. Numbers (ordinals) only decide between equals. */
#include "graph/text/twins.h"

#define WINDOW 64 /* candidates looked at; a bound on time, reached by copies only */

typedef struct finder {
    an_twins *t;
    an_book book;
    uint32_t *equal; /* per node of the second graph: the first of its value */
} finder;

/* Whichever of nodes of one value is read, it is the same. */
static bool find_equal(finder *f)
{
    const int64_t count = f->t->g[1]->node_count + 1, values = f->book.count + 1;
    uint32_t *first = an_alloc_zeroed(values * (int64_t)sizeof *first);
    f->equal = an_alloc_zeroed(count * (int64_t)sizeof *f->equal);
    const bool good = first && f->equal;
    for (uint32_t i = 1; good && (int64_t)i < count; i++) {
        const uint32_t value = f->t->facet[1][i].value;
        if (!first[value]) first[value] = i;
        f->equal[i] = first[value];
    }
    an_free(first);
    return good;
}

/* ---- the second graph's nodes under a key ------------------------------- */

typedef enum key_kind {
    VALUE_AND_PLACE, VALUE, /* the same down to the leaves */
    LEAF,                   /* an op and a name */
    LABEL,                  /* an op and a label in a scope */
    READS_AND_PLACE, READS, /* the same op on twins */
    SCOPE,                  /* an op in a scope */
    SLOT,                   /* another op on the same operands, in one place */
    PLACE,                  /* another op of the same label in the same scope */
    KEYS
} key_kind;

typedef struct chain {
    uint32_t *head; /* per number of a key: the first node that has it */
    uint32_t *next; /* per node */
    int64_t limit;  /* numbers are below it */
} chain;

static void push_operands(finder *f, int side, const an_node *n)
{
    const an_graph *g = f->t->g[side];
    for (int k = 0; k < n->inputs; k++) {
        const uint32_t value = n->in[k], node = value ? g->slots[value].node : 0;
        an_book_push(&f->book, f->equal[side == 0 ? f->t->of[0][node] : node]);
        an_book_push(&f->book, value ? (uint32_t)g->slots[value].index : 0);
    }
}

/* Whether what a node of the first graph reads has twins, all of it. */
static bool operands_have_twins(const an_twins *t, const an_node *n)
{
    for (int k = 0; k < n->inputs; k++)
        if (n->in[k] && !t->of[0][t->g[0]->slots[n->in[k]].node]) return false;
    return true;
}

/* Whether a node can be told by that at all. */
static bool has_key(const finder *f, key_kind kind, int side, const an_node *n, bool reads)
{
    if (kind == LEAF) return an_node_is_named(n);
    if (kind == LABEL || kind == PLACE) return n->name[0] && !an_node_is_named(n);
    if (kind == SLOT && n->inputs == 0) return false;
    return !reads || side == 1 || operands_have_twins(f->t, n);
}

static uint32_t key_of(finder *f, key_kind kind, int side, uint32_t number)
{
    const an_node *n = &f->t->g[side]->nodes[number];
    const an_facet *x = &f->t->facet[side][number];
    const bool reads = kind == READS || kind == READS_AND_PLACE || kind == SLOT;
    if (!has_key(f, kind, side, n, reads)) return 0;
    const bool other_op = kind == SLOT || kind == PLACE;
    const bool place = kind == VALUE_AND_PLACE || kind == READS_AND_PLACE || kind == LABEL ||
                       other_op;
    an_book_push(&f->book, (uint32_t)kind);
    an_book_push(&f->book, place || kind == SCOPE ? x->scope : 0);
    an_book_push(&f->book, place || kind == LEAF || (reads && an_node_is_named(n)) ? x->label : 0);
    an_book_push(&f->book, kind <= VALUE ? x->value : other_op ? 0 : x->op);
    an_book_push(&f->book, reads ? x->types : 0);
    an_book_push(&f->book, reads && kind != SLOT ? x->attrs : 0);
    if (reads) push_operands(f, side, n);
    return an_book_take(&f->book, side == 1);
}

static bool file_under(finder *f, key_kind kind, chain *c)
{
    const an_graph *b = f->t->g[1];
    uint32_t *key = an_alloc_zeroed((b->node_count + 1) * (int64_t)sizeof *key);
    c->next = an_alloc_zeroed((b->node_count + 1) * (int64_t)sizeof *c->next);
    for (uint32_t i = 1; key && (int64_t)i <= b->node_count; i++) key[i] = key_of(f, kind, 1, i);
    c->limit = f->book.count + 1;
    c->head = an_alloc_zeroed(c->limit * (int64_t)sizeof *c->head);
    const bool good = key && c->next && c->head && !f->book.failed;
    for (uint32_t i = (uint32_t)b->node_count; good && i > 0; i--) {
        if (!key[i] || f->t->of[1][i]) continue;
        c->next[i] = c->head[key[i]];
        c->head[key[i]] = i;
    }
    an_free(key);
    return good;
}

static void forget(chain *c)
{
    an_free(c->head);
    an_free(c->next);
}

/* The first node of the second graph under that key that has no twin; those that have one are
 * taken out on the way. */
static uint32_t first_free(const finder *f, const chain *c, uint32_t key)
{
    if (!key || key >= c->limit) return 0;
    while (c->head[key] && f->t->of[1][c->head[key]]) c->head[key] = c->next[c->head[key]];
    return c->head[key];
}

static void join(an_twins *t, uint32_t a, uint32_t b)
{
    t->of[0][a] = b;
    t->of[1][b] = a;
}

/* Every node of the first graph that has none becomes the twin of the first under its key. */
static bool join_by(finder *f, key_kind kind)
{
    chain c = {0};
    const bool good = file_under(f, kind, &c);
    for (uint32_t a = 1; good && (int64_t)a <= f->t->g[0]->node_count; a++) {
        const uint32_t b = f->t->of[0][a] ? 0 : first_free(f, &c, key_of(f, kind, 0, a));
        if (b) join(f->t, a, b);
    }
    forget(&c);
    return good && !f->book.failed;
}

/* The same where one node alone has the key in either graph: a label need not be unique. */
static bool join_unique(finder *f, key_kind kind)
{
    const int64_t count = f->t->g[0]->node_count + 1;
    chain c = {0};
    uint32_t *key = an_alloc_zeroed(count * (int64_t)sizeof *key), *alike = NULL;
    bool good = key && file_under(f, kind, &c);
    if (good) alike = an_alloc_zeroed(c.limit * (int64_t)sizeof *alike);
    good = good && alike;
    for (uint32_t a = 1; good && (int64_t)a < count; a++) {
        key[a] = f->t->of[0][a] ? 0 : key_of(f, kind, 0, a);
        if (key[a] < c.limit) alike[key[a]]++;
    }
    for (uint32_t a = 1; good && (int64_t)a < count; a++) {
        const uint32_t b = first_free(f, &c, key[a]);
        if (b && alike[key[a]] == 1 && !c.next[b]) join(f->t, a, b);
    }
    forget(&c);
    an_free(key);
    an_free(alike);
    return good && !f->book.failed;
}

/* ---- from the roots back ------------------------------------------------ */

bool an_twins_same(const an_twins *t, uint32_t a, uint32_t b)
{
    if (!a || !b) return a == b;
    const an_slot *x = &t->g[0]->slots[a], *y = &t->g[1]->slots[b];
    return x->index == y->index &&
           (t->of[0][x->node] == y->node ||
            t->facet[0][x->node].value == t->facet[1][y->node].value);
}

bool an_twins_agree(const an_twins *t, uint32_t a, uint32_t b, int k)
{
    const an_node *m = &t->g[0]->nodes[a], *n = &t->g[1]->nodes[b];
    return an_twins_same(t, k < m->inputs ? m->in[k] : 0, k < n->inputs ? n->in[k] : 0);
}

/* Nodes that make a root of one name, or that twins read in one place, if nothing of what they
 * are speaks against it, nor that they read different leaves. */
static void join_if_alike(an_twins *t, uint32_t x, uint32_t y)
{
    if (!x || !y || t->g[0]->slots[x].index != t->g[1]->slots[y].index) return;
    const uint32_t a = t->g[0]->slots[x].node, b = t->g[1]->slots[y].node;
    const an_facet *f = &t->facet[0][a], *h = &t->facet[1][b];
    const an_node *m = &t->g[0]->nodes[a], *n = &t->g[1]->nodes[b];
    if (t->of[0][a] || t->of[1][b] || f->op != h->op || f->scope != h->scope ||
        f->attrs != h->attrs || f->types != h->types || an_node_is_named(m))
        return;
    for (int k = 0; k < m->inputs && k < n->inputs; k++) {
        const bool leaves = m->in[k] && an_node_is_named(an_node_of(t->g[0], m->in[k])) &&
                            n->in[k] && an_node_is_named(an_node_of(t->g[1], n->in[k]));
        if (leaves && !an_twins_agree(t, a, b, k)) return;
    }
    join(t, a, b);
}

static void join_roots(an_twins *t)
{
    const an_graph *a = t->g[0], *b = t->g[1];
    for (int64_t i = 0; i < a->output_count; i++)
        join_if_alike(t, a->outputs[i].value, an_graph_named_output(b, a->outputs[i].name));
    for (int64_t i = 0; i < a->commit_count; i++) {
        const an_commit *c = &a->commits[i];
        const char *state = an_node_of(a, c->state)->name;
        const an_commit *now = c->set == AN_PENDING ? an_graph_pending(b, state)
                                                    : an_graph_commit(b, a->sets[c->set], state);
        if (now) join_if_alike(t, c->value, now->value);
        if (now) join_if_alike(t, c->witness, now->witness);
    }
}

static void join_backwards(an_twins *t)
{
    join_roots(t);
    for (int64_t a = t->g[0]->node_count; a > 0; a--) {
        if (!t->of[0][a]) continue;
        const an_node *m = &t->g[0]->nodes[a], *n = &t->g[1]->nodes[t->of[0][a]];
        for (int k = 0; k < m->inputs && k < n->inputs; k++) join_if_alike(t, m->in[k], n->in[k]);
    }
}

/* ---- by likeness -------------------------------------------------------- */

/* How like two nodes of one op and scope are; 0: not enough to say that one became the other. */
static int likeness(const an_twins *t, uint32_t a, uint32_t b)
{
    const an_node *m = &t->g[0]->nodes[a], *n = &t->g[1]->nodes[b];
    const an_facet *x = &t->facet[0][a], *y = &t->facet[1][b];
    int like = 0;
    for (int k = 0; k < m->inputs && k < WINDOW; k++) {
        if (!m->in[k] || !an_twins_agree(t, a, b, k)) continue;
        like += an_node_is_named(an_node_of(t->g[0], m->in[k])) ? 6 : 4;
    }
    if (m->name[0] && x->label == y->label) like += 4;
    if (m->ordinal == n->ordinal) like += 2;
    return like == 0 ? 0 : like + (x->attrs == y->attrs) + (x->types == y->types);
}

static uint32_t likest(finder *f, const chain *c, uint32_t key, uint32_t a)
{
    if (!first_free(f, c, key)) return 0;
    uint32_t best = 0, *at = &c->head[key];
    int most = 0, seen = 0;
    while (*at && seen < WINDOW) {
        const uint32_t b = *at;
        if (f->t->of[1][b]) { /* out of the chain: no walk meets it again */
            *at = c->next[b];
            continue;
        }
        const int like = likeness(f->t, a, b);
        if (like > most) {
            most = like;
            best = b;
        }
        at = &c->next[b];
        seen++;
    }
    return best;
}

static uint32_t find_twin(finder *f, const chain *chains, uint32_t a)
{
    for (key_kind kind = READS_AND_PLACE; kind <= READS; kind++) {
        const uint32_t b = first_free(f, &chains[kind], key_of(f, kind, 0, a));
        if (b) return b;
    }
    if (an_node_is_named(&f->t->g[0]->nodes[a])) return 0; /* a name is what a leaf is */
    const uint32_t b = likest(f, &chains[SCOPE], key_of(f, SCOPE, 0, a), a);
    if (b) return b;
    const uint32_t other = first_free(f, &chains[SLOT], key_of(f, SLOT, 0, a));
    return other ? other : first_free(f, &chains[PLACE], key_of(f, PLACE, 0, a));
}

static bool join_in_order(finder *f)
{
    chain chains[KEYS] = {{0}};
    bool good = true;
    for (key_kind kind = READS_AND_PLACE; good && kind < KEYS; kind++)
        good = file_under(f, kind, &chains[kind]);
    for (uint32_t a = 1; good && (int64_t)a <= f->t->g[0]->node_count; a++) {
        const uint32_t b = f->t->of[0][a] ? 0 : find_twin(f, chains, a);
        if (b) join(f->t, a, b);
    }
    for (int kind = 0; kind < KEYS; kind++) forget(&chains[kind]);
    return good && !f->book.failed;
}

/* ---- all of it ---------------------------------------------------------- */

bool an_twins_find(an_twins *t, const an_graph *a, const an_graph *b)
{
    finder f = {.t = t};
    bool good = true;
    t->g[0] = a;
    t->g[1] = b;
    for (int side = 0; side < 2; side++) {
        const int64_t count = t->g[side]->node_count + 1;
        t->facet[side] = an_alloc_zeroed(count * (int64_t)sizeof *t->facet[side]);
        t->of[side] = an_alloc_zeroed(count * (int64_t)sizeof *t->of[side]);
        good = good && t->facet[side] && t->of[side];
    }
    for (int side = 0; side < 2 && good; side++)
        for (uint32_t i = 1; (int64_t)i <= t->g[side]->node_count; i++)
            an_facet_describe(&f.book, t->g[side], i, t->facet[side]);
    good = good && !f.book.failed && find_equal(&f);
    good = good && join_by(&f, VALUE_AND_PLACE) && join_by(&f, VALUE) && join_by(&f, LEAF) &&
           join_unique(&f, LABEL);
    if (good) join_backwards(t);
    good = good && join_in_order(&f);
    an_book_free(&f.book);
    an_free(f.equal);
    return good;
}

void an_twins_free(an_twins *t)
{
    for (int side = 0; side < 2; side++) {
        an_free(t->facet[side]);
        an_free(t->of[side]);
    }
}
