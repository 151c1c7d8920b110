/* alike.c -- scopes that repeat: blocks of one making, each reading the one before.
 *
 * Twelve blocks tell no more than one that says "x 12". Scopes are alike if they have one parent
 * and one name but for a number at its end, the same ops, attributes, types and phases in the same
 * order, the same wiring inside, and operands of the same types from outside; and each but the
 * first reads its predecessor. What tells draws of dropout, or the addends of gradients, apart does
 * not count, nor where a slice begins if that goes on evenly from scope to scope: the steps of an
 * unrolled recurrence. Of such scopes the outermost are taken, the first stands for all, and the
 * way into it and out of it is the way into and out of the whole.             */
#include <string.h>

#include "core/pattern.h"
#include "core/random.h"
#include "graph/picture/view.h"

#define FEWEST 3 /* two blocks are two blocks */
#define LEVELS 8 /* of scopes in scopes that are looked at */

typedef struct scope {
    const char *path;
    int length;
    uint32_t family, next;   /* the next of its family, in the order of definition */
    uint32_t first, last;    /* its nodes, while they are filed */
    uint32_t before;         /* the scope of its family that it reads in the forward phase */
    uint64_t hash;
    int64_t count;           /* nodes */
} scope;

typedef struct family { /* scopes of one parent and one name */
    uint32_t first, last, count;
    int key; /* how many bytes of its first scope's path are the parent and the name */
} family;

typedef struct search {
    an_view *v;
    const char *unfold; /* a pattern, or NULL */
    scope *scopes;
    family *families;
    int64_t scope_count, scope_capacity, family_count, family_capacity;
    an_index by_path, by_family;
    uint32_t *next;  /* per node: the next of its scope */
    int64_t *place;  /* per node: how many of its scope stand before it */
    bool failed;     /* for want of memory */
} search;

/* ---- scopes and their families ---------------------------------------------- */

/* The parent's path and the name without "_7". */
static int family_key(const char *path, int length)
{
    int end = length;
    while (end > 0 && path[end - 1] >= '0' && path[end - 1] <= '9') end--;
    while (end < length && end > 0 && path[end - 1] == '_') end--;
    return end;
}

static uint32_t find_scope(const search *s, const char *path, int length)
{
    const uint64_t hash = an_hash_bytes(path, length, 0);
    uint64_t probe = 0;
    uint32_t i;
    while ((i = an_index_next(&s->by_path, hash, &probe)))
        if (s->scopes[i].length == length && !memcmp(s->scopes[i].path, path, (size_t)length))
            break;
    return i;
}

static uint32_t family_of(search *s, const char *path, int key)
{
    const uint64_t hash = an_hash_bytes(path, key, 1);
    uint64_t probe = 0;
    uint32_t i;
    while ((i = an_index_next(&s->by_family, hash, &probe))) {
        const family *f = &s->families[i];
        if (f->key == key && !memcmp(s->scopes[f->first].path, path, (size_t)key)) return i;
    }
    if (!AN_GROW(s->families, s->family_capacity, s->family_count + 2) ||
        !an_index_add(&s->by_family, hash, (uint32_t)s->family_count + 1))
        return 0;
    s->families[++s->family_count] = (family){.key = key};
    return (uint32_t)s->family_count;
}

static bool add_scope(search *s, const char *path, int length)
{
    if (!AN_GROW(s->scopes, s->scope_capacity, s->scope_count + 2)) return false;
    const uint32_t id = (uint32_t)s->scope_count + 1;
    s->scopes[id] = (scope){.path = path, .length = length};
    const uint32_t of = family_of(s, path, family_key(path, length));
    if (!of || !an_index_add(&s->by_path, an_hash_bytes(path, length, 0), id)) return false;
    s->scope_count++;
    family *f = &s->families[of];
    s->scopes[id].family = of;
    if (f->last) s->scopes[f->last].next = id;
    else f->first = id;
    f->last = id;
    f->count++;
    return true;
}

/* The end of the next part of a path behind `end`; -1 begins. */
static int next_part(const char *path, int length, int end)
{
    end++;
    while (end < length && path[end] != '/') end++;
    return end;
}

static bool list_scopes(search *s)
{
    for (int64_t i = 1; i <= s->v->g->node_count; i++) {
        int length;
        const char *path = an_view_scope(s->v->g, &s->v->g->nodes[i], &length);
        for (int end = -1, level = 0; level < LEVELS && end < length && length > 0; level++) {
            end = next_part(path, length, end);
            if (!find_scope(s, path, end) && !add_scope(s, path, end)) return false;
        }
    }
    return true;
}

/* The outermost scope around the node that has enough siblings; 0: none. */
static uint32_t repeated_scope(const search *s, const an_node *n)
{
    int length;
    const char *path = an_view_scope(s->v->g, n, &length);
    for (int end = -1, level = 0; level < LEVELS && end < length && length > 0; level++) {
        end = next_part(path, length, end);
        const uint32_t id = find_scope(s, path, end);
        if (s->families[s->scopes[id].family].count >= FEWEST) return id;
    }
    return 0;
}

static void file_nodes(search *s)
{
    an_view *v = s->v;
    for (uint32_t i = 1; (int64_t)i <= v->g->node_count; i++) {
        const uint32_t id = repeated_scope(s, &v->g->nodes[i]);
        v->block[i] = id;
        if (!id) continue;
        scope *in = &s->scopes[id];
        s->place[i] = in->count++;
        if (in->last) s->next[in->last] = i;
        else in->first = i;
        in->last = i;
    }
}

/* ---- what they are made of --------------------------------------------------- */

static uint64_t mix(uint64_t hash, uint64_t with)
{
    return an_hash_bytes(&with, sizeof with, hash);
}

/* Attributes as they are written, without what only tells draws apart. */
static uint64_t hash_attributes(search *s, const an_node *n, uint64_t hash)
{
    an_attrs plain = *n->attrs;
    plain.stream = 0;
    plain.order.count = 0;
    plain.start = plain.stop = 0;
    an_text text = {0};
    an_attrs_print(n->op, &plain, s->v->g->dims, &text);
    s->failed = s->failed || text.failed;
    hash = an_hash_bytes(an_text_view(&text), text.length, hash);
    an_text_free(&text);
    return hash;
}

static uint64_t hash_node(search *s, uint32_t i, uint64_t hash)
{
    const an_graph *g = s->v->g;
    const an_node *n = &g->nodes[i];
    const uint32_t own = s->v->block[i];
    hash = an_hash_bytes(n->op->name, (int64_t)strlen(n->op->name), hash);
    hash = hash_attributes(s, n, hash);
    hash = mix(hash, s->v->phase[i]);
    for (int k = 0; k < n->inputs; k++) {
        const uint32_t p = n->in[k] ? g->slots[n->in[k]].node : 0, other = s->v->block[p];
        const bool inside = p && other == own;
        hash = mix(hash, !p ? 0 : inside ? 1 : 2);
        if (inside) hash = mix(hash, (uint64_t)s->place[p]);
        if (inside) hash = mix(hash, (uint64_t)g->slots[n->in[k]].index);
        if (p) hash = mix(hash, (uint64_t)(uintptr_t)an_slot_type(g, n->in[k]));
        const bool sibling = p && other && !inside && s->v->phase[i] == AN_PHASE_FORWARD &&
                             s->scopes[other].family == s->scopes[own].family;
        if (sibling && other > s->scopes[own].before) s->scopes[own].before = other;
    }
    for (int k = 0; k < n->outputs; k++)
        hash = mix(hash, (uint64_t)(uintptr_t)an_slot_type(g, n->first + (uint32_t)k));
    return hash;
}

/* ---- which stand for which ---------------------------------------------------- */

/* Whether somebody asked to see them one by one. */
static bool is_unfolded(search *s, uint32_t id, uint32_t count)
{
    for (uint32_t k = 0; s->unfold && k < count; k++, id = s->scopes[id].next) {
        an_text path = {0};
        an_text_add_bytes(&path, s->scopes[id].path, s->scopes[id].length);
        const bool named = an_pattern_takes_end(s->unfold, an_text_view(&path));
        s->failed = s->failed || path.failed;
        an_text_free(&path);
        if (named) return true;
    }
    return false;
}

static void fold_run(search *s, uint32_t first, uint32_t count)
{
    an_view *v = s->v;
    if (is_unfolded(s, first, count)) return;
    uint32_t id = s->scopes[first].next;
    for (uint32_t k = 1; k < count; k++, id = s->scopes[id].next) {
        uint32_t as = s->scopes[first].first;
        for (uint32_t i = s->scopes[id].first; i; i = s->next[i], as = s->next[as])
            v->alike[i] = as;
    }
    for (uint32_t i = s->scopes[first].first; i; i = s->next[i]) {
        v->times[i] = count;
        v->reach[i] = s->scopes[first].length;
    }
    v->repeated = true;
}

/* By how much the slices of scope b begin and end behind those of scope a, as a number. */
static uint64_t hash_advance(const search *s, const scope *a, const scope *b)
{
    const an_graph *g = s->v->g;
    uint64_t hash = 1;
    for (uint32_t i = a->first, k = b->first; i && k; i = s->next[i], k = s->next[k]) {
        const an_attrs *x = g->nodes[i].attrs, *y = g->nodes[k].attrs;
        const bool slices = g->nodes[i].op->attribute_set >> AN_ATTR_start & 1;
        const bool numbers = slices && !an_dim_is_symbolic(x->start) &&
                             !an_dim_is_symbolic(y->start) && !an_dim_is_symbolic(x->stop) &&
                             !an_dim_is_symbolic(y->stop);
        if (slices) hash = mix(hash, numbers ? (uint64_t)(y->start - x->start) : (uint64_t)k);
        if (numbers) hash = mix(hash, (uint64_t)(y->stop - x->stop));
    }
    return hash;
}

static void fold_family(search *s, const family *f)
{
    uint32_t begin = f->first, count = 1;
    uint64_t pace = 0;
    for (uint32_t at = f->first; at; at = s->scopes[at].next) {
        const uint32_t next = s->scopes[at].next;
        const scope *a = &s->scopes[at], *b = &s->scopes[next];
        const bool same = next && a->count > 0 && b->count == a->count && b->hash == a->hash &&
                          b->before == at;
        const uint64_t advance = same ? hash_advance(s, a, b) : 0;
        if (same && (count == 1 || advance == pace)) {
            pace = advance;
            count++;
            continue;
        }
        if (count >= FEWEST) fold_run(s, begin, count);
        begin = next;
        count = 1;
    }
}

static bool reserve(search *s)
{
    const int64_t n = s->v->g->node_count + 1;
    s->next = an_alloc_zeroed(n * (int64_t)sizeof *s->next);
    s->place = an_alloc_zeroed(n * (int64_t)sizeof *s->place);
    return s->next && s->place;
}

bool an_view_between(const an_view *v, uint32_t a, uint32_t b)
{
    const uint32_t first_a = v->alike[a] ? v->alike[a] : a;
    const uint32_t first_b = v->alike[b] ? v->alike[b] : b;
    return v->times[first_a] && v->times[first_b] && v->block[a] != v->block[b] &&
           v->block[first_a] == v->block[first_b];
}

/* ---- what must not be folded ---------------------------------------------------- */

/* The graph as it will be drawn: a node that repeats another is that, and nothing leads from one
 * repetition to the next. */
typedef struct drawn {
    const an_view *v;
    int64_t *first; /* per node: where its readers begin */
    uint32_t *reader;
    int64_t *open;  /* per node: arrows to it, from it, that are not yet taken away */
    int64_t *out;
    uint32_t *queue;
} drawn;

static uint32_t drawn_as(const an_view *v, uint32_t node)
{
    return v->alike[node] ? v->alike[node] : node;
}

/* Operand k of a node as an arrow of that graph; 0: it is none. */
static uint32_t source(const an_view *v, uint32_t node, int k)
{
    const uint32_t value = v->g->nodes[node].in[k], p = value ? v->g->slots[value].node : 0;
    return p && !an_view_between(v, p, node) ? drawn_as(v, p) : 0;
}

static void list_arrows(drawn *d)
{
    const an_view *v = d->v;
    const uint32_t nodes = (uint32_t)v->g->node_count;
    for (int fill = 0; fill < 2; fill++) {
        for (uint32_t i = 1; i <= nodes; i++)
            for (int k = 0; k < v->g->nodes[i].inputs; k++) {
                const uint32_t p = source(v, i, k);
                if (p && fill) d->reader[--d->first[p]] = drawn_as(v, i);
                else if (p) d->first[p]++, d->out[p]++, d->open[drawn_as(v, i)]++;
            }
        for (uint32_t i = 1; !fill && i <= nodes; i++) d->first[i] += d->first[i - 1];
    }
}

/* Takes away what nothing leads to, again and again. What then stays is on a circle or behind
 * one. */
static void take_away(drawn *d)
{
    const uint32_t nodes = (uint32_t)d->v->g->node_count;
    int64_t ready = 0;
    for (uint32_t i = 1; i <= nodes; i++)
        if (d->open[i] == 0) d->queue[ready++] = i;
    for (int64_t taken = 0; taken < ready; taken++) {
        const uint32_t p = d->queue[taken];
        for (int64_t e = d->first[p]; e < d->first[p] + d->out[p]; e++)
            if (--d->open[d->reader[e]] == 0) d->queue[ready++] = d->reader[e];
    }
}

/* Unfolds the first run that a circle goes through: scopes that read their predecessors by way of
 * others, too. What stands behind it may turn out to be straight. */
static bool unfold_circle(an_view *v, const drawn *d)
{
    uint32_t bent = 0;
    for (uint32_t i = 1; (int64_t)i <= v->g->node_count && !bent; i++)
        if (v->times[i] && d->open[i] > 0) bent = v->block[i];
    v->repeated = false;
    for (uint32_t i = 1; bent && (int64_t)i <= v->g->node_count; i++)
        if (v->alike[i] && v->block[v->alike[i]] == bent) v->alike[i] = 0;
    for (uint32_t i = 1; (int64_t)i <= v->g->node_count; i++) {
        if (bent && v->block[i] == bent) v->times[i] = 0;
        v->repeated = v->repeated || v->times[i];
    }
    return bent != 0;
}

static bool straighten(an_view *v)
{
    const int64_t nodes = v->g->node_count + 2;
    int64_t operands = 1;
    for (int64_t i = 1; i <= v->g->node_count; i++) operands += v->g->nodes[i].inputs;
    drawn d = {.v = v};
    d.reader = an_alloc_zeroed(operands * (int64_t)sizeof *d.reader);
    d.queue = an_alloc_zeroed(nodes * (int64_t)sizeof *d.queue);
    bool good = d.reader && d.queue, again = v->repeated;
    while (good && again) {
        d.first = an_alloc_zeroed(nodes * (int64_t)sizeof *d.first);
        d.open = an_alloc_zeroed(nodes * (int64_t)sizeof *d.open);
        d.out = an_alloc_zeroed(nodes * (int64_t)sizeof *d.out);
        good = d.first && d.open && d.out;
        if (good) {
            list_arrows(&d);
            take_away(&d);
            again = unfold_circle(v, &d);
        }
        an_free(d.first);
        an_free(d.open);
        an_free(d.out);
    }
    an_free(d.reader);
    an_free(d.queue);
    return good;
}

bool an_view_alike(an_view *v, const char *unfold)
{
    search s = {.v = v, .unfold = unfold};
    const bool good = reserve(&s) && list_scopes(&s);
    if (good) {
        file_nodes(&s);
        for (uint32_t i = 1; (int64_t)i <= v->g->node_count; i++)
            if (v->block[i])
                s.scopes[v->block[i]].hash = hash_node(&s, i, s.scopes[v->block[i]].hash);
        for (int64_t f = 1; f <= s.family_count; f++)
            if (s.families[f].count >= FEWEST) fold_family(&s, &s.families[f]);
    }
    an_free(s.scopes);
    an_free(s.families);
    an_free(s.next);
    an_free(s.place);
    an_index_free(&s.by_path);
    an_index_free(&s.by_family);
    return good && !s.failed && straighten(v);
}
