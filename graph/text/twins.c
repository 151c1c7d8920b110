/* twins.c -- which nodes of two graphs are the same one, however they are numbered.
 *
 * First by value numbers: equal ops on equal operands down to leaves of equal names have one
 * number in both graphs, so whatever was not touched, nor depends on what was, finds its twin.
 * Then leaves, labels and outputs by name. Then in the order of a schedule: a node whose operands
 * have twins is the node that reads those; else the one of its op in its scope that is likest, of a
 * few. Numbers (ordinals) only decide between equals. A text is compared, never a hash alone. */
#include "graph/text/twins.h"

#include "core/random.h"

#include <string.h>

#define WINDOW 64 /* candidates looked at; a bound on time, reached by copies only */

/* ---- texts, and lists of their numbers, become numbers ------------------- */

typedef struct book {
    an_index by;
    an_arena arena;
    struct entry { const void *data; int64_t size; } *at; /* [1 .. count] */
    int64_t count, capacity;
    bool failed;
} book;

/* The number of these bytes, from 1; 0 if they are not in the book and are not to be added. */
static uint32_t number_of(book *b, const void *data, int64_t size, bool add)
{
    const uint64_t hash = an_hash_bytes(data, size, 7);
    uint64_t probe = 0;
    for (uint32_t i; (i = an_index_next(&b->by, hash, &probe));)
        if (b->at[i].size == size && (!size || !memcmp(b->at[i].data, data, (size_t)size)))
            return i;
    if (!add || b->failed) return 0;
    const void *kept = an_arena_copy(&b->arena, size ? data : "", size ? size : 1);
    if (!kept || !AN_GROW(b->at, b->capacity, b->count + 2) ||
        !an_index_add(&b->by, hash, (uint32_t)b->count + 1)) {
        b->failed = true;
        return 0;
    }
    b->at[++b->count] = (struct entry){kept, size};
    return (uint32_t)b->count;
}

static uint32_t number_of_text(book *b, an_text *text)
{
    b->failed = b->failed || text->failed;
    const uint32_t number = number_of(b, an_text_view(text), text->length, true);
    an_text_free(text);
    return number;
}

static uint32_t number_of_string(book *b, const char *string)
{
    return number_of(b, string, (int64_t)strlen(string), true);
}

/* ---- what a node says by itself ----------------------------------------- */

static void add_order(const an_attrs *attrs, an_text *out)
{
    for (int i = 0; i < attrs->order.count; i++) {
        int rank = 0;
        for (int k = 0; k < attrs->order.count; k++)
            rank += attrs->order.at[k] < attrs->order.at[i];
        an_text_addf(out, i ? ",%d" : "%d", rank);
    }
}

void an_twins_attr(const an_graph *g, const an_node *n, int id, an_text *out)
{
    if (id == AN_ATTR_order && n->attrs->order.count <= 64) add_order(n->attrs, out);
    else an_attr_print(n->op, id, n->attrs, g->dims, out);
}

/* As they are meant, not as they are spelled: axes count from the front. */
static uint32_t number_of_attrs(book *b, const an_graph *g, const an_node *n)
{
    const uint64_t typed = UINT64_C(1) << AN_ATTR_dtype | UINT64_C(1) << AN_ATTR_shape;
    an_text text = {0};
    for (uint64_t set = n->op->attribute_set & ~typed; set; set &= set - 1) {
        an_twins_attr(g, n, __builtin_ctzll(set), &text);
        an_text_add(&text, ";");
    }
    for (int i = 0; i < n->op->own_count; i++) {
        an_twins_attr(g, n, AN_ATTRS + i, &text);
        an_text_add(&text, ";");
    }
    return number_of_text(b, &text);
}

static uint32_t number_of_types(book *b, const an_graph *g, const an_node *n)
{
    an_text text = {0};
    for (int k = 0; k < n->outputs; k++) {
        if (k > 0) an_text_add(&text, ", ");
        an_type_print(g->dims, an_slot_type(g, n->first + (uint32_t)k), &text);
    }
    return number_of_text(b, &text);
}

typedef struct finder {
    an_twins *t;
    book book;
    uint32_t *key; /* where a list of numbers is put together */
    int64_t key_count, key_capacity;
} finder;

static void push(finder *f, uint32_t number)
{
    if (!AN_GROW(f->key, f->key_capacity, f->key_count + 1)) f->book.failed = true;
    else f->key[f->key_count++] = number;
}

/* The number of the list, which is empty again. */
static uint32_t take_key(finder *f, bool add)
{
    const uint32_t number =
        number_of(&f->book, f->key, f->key_count * (int64_t)sizeof *f->key, add);
    f->key_count = 0;
    return number;
}

static void describe(finder *f, int side, uint32_t number)
{
    const an_graph *g = f->t->g[side];
    const an_node *n = &g->nodes[number];
    an_facet *facet = f->t->facet[side], *x = &facet[number];
    x->op = number_of_string(&f->book, n->op->name);
    x->attrs = number_of_attrs(&f->book, g, n);
    x->types = number_of_types(&f->book, g, n);
    x->scope = number_of_string(&f->book, n->scope);
    x->label = number_of_string(&f->book, n->name);
    push(f, x->op);
    push(f, x->attrs);
    push(f, x->types);
    push(f, an_node_is_named(n) ? x->label : 0);
    for (int k = 0; k < n->inputs; k++) {
        const uint32_t value = n->in[k];
        push(f, value ? facet[g->slots[value].node].value : 0);
        push(f, value ? (uint32_t)g->slots[value].index : 0);
    }
    x->value = take_key(f, true);
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
        push(f, side == 0 && node ? f->t->of[0][node] : node);
        push(f, value ? (uint32_t)g->slots[value].index : 0);
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
    push(f, (uint32_t)kind);
    push(f, place || kind == SCOPE ? x->scope : 0);
    push(f, place || kind == LEAF || (reads && an_node_is_named(n)) ? x->label : 0);
    push(f, kind <= VALUE ? x->value : other_op ? 0 : x->op);
    push(f, reads ? x->types : 0);
    push(f, reads && kind != SLOT ? x->attrs : 0);
    if (reads) push_operands(f, side, n);
    return take_key(f, side == 1);
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

/* ---- by the names of outputs -------------------------------------------- */

static void join_outputs(an_twins *t)
{
    for (int64_t i = 0; i < t->g[0]->output_count; i++) {
        const an_name_entry *output = &t->g[0]->outputs[i];
        const uint32_t value = an_graph_named_output(t->g[1], output->name);
        const uint32_t a = t->g[0]->slots[output->value].node;
        const uint32_t b = value ? t->g[1]->slots[value].node : 0;
        if (b && !t->of[0][a] && !t->of[1][b] && t->facet[0][a].op == t->facet[1][b].op)
            join(t, a, b);
    }
}

/* ---- by likeness -------------------------------------------------------- */

bool an_twins_agree(const an_twins *t, uint32_t a, uint32_t b, int k)
{
    const an_node *m = &t->g[0]->nodes[a], *n = &t->g[1]->nodes[b];
    const uint32_t x = k < m->inputs ? m->in[k] : 0, y = k < n->inputs ? n->in[k] : 0;
    if (!x || !y) return x == y;
    const an_slot *from = &t->g[0]->slots[x], *to = &t->g[1]->slots[y];
    return t->of[0][from->node] == to->node && from->index == to->index;
}

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
    uint32_t best = 0;
    int most = 0, seen = 0;
    for (uint32_t b = first_free(f, c, key); b && seen < WINDOW; b = c->next[b]) {
        if (f->t->of[1][b]) continue;
        seen++;
        const int like = likeness(f->t, a, b);
        if (like > most) {
            most = like;
            best = b;
        }
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
        for (uint32_t i = 1; (int64_t)i <= t->g[side]->node_count; i++) describe(&f, side, i);
    good = good && !f.book.failed && join_by(&f, VALUE_AND_PLACE) && join_by(&f, VALUE) &&
           join_by(&f, LEAF) && join_by(&f, LABEL);
    if (good) join_outputs(t);
    good = good && join_in_order(&f);
    an_index_free(&f.book.by);
    an_arena_free(&f.book.arena);
    an_free(f.book.at);
    an_free(f.key);
    return good;
}

void an_twins_free(an_twins *t)
{
    for (int side = 0; side < 2; side++) {
        an_free(t->facet[side]);
        an_free(t->of[side]);
    }
}
