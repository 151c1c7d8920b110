/* parse.c -- reading the text form (print.c shows it).
 *
 * Nodes go in through an_graph_add like everybody else's, so a file can say
 * nothing that a builder could not. A printed type is an assertion: where
 * inference disagrees, the line is refused; it may be left out where it is
 * inferred. A line that starts with ---- ends the graph, so that files may hold
 * more than one (tests/golden).                */
#include "core/scan.h"
#include "graph/ir.h"
#include "ops/set.h"

#include <string.h>

typedef struct parser {
    an_scan scan;
    an_graph *graph;
    bool any;        /* something was read but blanks and comments */
    int64_t *number; /* [node] the number the text gives it; increasing */
    int64_t capacity;
    an_ops *own; /* opaque ops that the head declares */
} parser;

/* The node that the text calls %n, or 0. */
static uint32_t node_called(const parser *p, int64_t n)
{
    int64_t low = 1, high = p->graph->node_count;
    while (low <= high) {
        const int64_t middle = low + (high - low) / 2;
        if (p->number[middle] == n) return (uint32_t)middle;
        if (p->number[middle] < n)
            low = middle + 1;
        else
            high = middle - 1;
    }
    return 0;
}

static bool read_reference(parser *p, uint32_t *out)
{
    an_scan *s = &p->scan;
    int64_t n = 0, k = 0;
    if (!an_scan_expect(s, "%") || !an_scan_integer(s, &n)) return false;
    const uint32_t node = node_called(p, n);
    if (!node) return an_scan_fail(s, "%%%lld is not defined before this line", (long long)n);
    if (*s->at == '.') {
        s->at++;
        if (!an_scan_integer(s, &k)) return false;
    }
    const an_node *made = &p->graph->nodes[node];
    if (k < 0 || k >= made->outputs)
        return an_scan_fail(s, "%%%lld (%s) has outputs 0..%d", (long long)n, made->op->name,
                            made->outputs - 1);
    *out = made->first + (uint32_t)k;
    return true;
}

/* ---- types ------------------------------------------------------------- */

static bool read_type(parser *p, an_type *type)
{
    an_scan *s = &p->scan;
    const char *word = an_scan_word(s);
    if (!word) return false;
    int dtype = 0;
    while (dtype < AN_DTYPES && strcmp(an_dtype_name((an_dtype)dtype), word) != 0) dtype++;
    if (dtype == AN_DTYPES)
        return an_scan_fail(s, "'%s' is no type; there are f32 f64 i32 i64 bool", word);
    *type = (an_type){.dtype = (an_dtype)dtype};
    if (!an_scan_is(s, "[")) return true;
    while (!an_scan_is(s, "]")) {
        if (type->shape.rank > 0 && !an_scan_expect(s, ",")) return false;
        if (type->shape.rank == AN_MAX_RANK)
            return an_scan_fail(s, "more than %d dimensions", AN_MAX_RANK);
        while (*s->at == ' ') s->at++;
        const an_dim d = an_dims_parse(p->graph->dims, &s->at);
        if (d == AN_DIM_BAD) return an_scan_fail(s, "expected a dimension here");
        type->shape.dim[type->shape.rank++] = d;
    }
    return true;
}

/* ---- one node ---------------------------------------------------------- */

typedef struct line {
    int64_t number;
    an_type *types; /* of its results */
    int type_count;
    int64_t type_capacity;
    an_spec spec;
    an_attrs attrs;
} line;

static bool read_operands(parser *p, line *l)
{
    an_scan *s = &p->scan;
    uint32_t *list = NULL;
    int64_t count = 0, capacity = 0;
    bool good = true, more = !an_scan_end_of_line(s) && (*s->at == '%' || *s->at == '_');
    while (good && more) {
        uint32_t value = 0;
        good = an_scan_is(s, "_") || read_reference(p, &value);
        if (good && !AN_GROW(list, capacity, count + 1)) good = an_scan_no_memory(s);
        if (good) list[count++] = value;
        more = good && an_scan_is(s, ",");
    }
    l->spec.inputs = (int)count;
    if (good && count > 0) {
        l->spec.in = an_arena_copy(&s->arena, list, count * (int64_t)sizeof *list);
        if (!l->spec.in) good = an_scan_no_memory(s);
    }
    an_free(list);
    return good;
}

static bool read_from(parser *p, an_from *from)
{
    an_scan *s = &p->scan;
    uint32_t of[64];
    int count = 0;
    from->how = an_scan_word(s);
    if (!from->how || !an_scan_expect(s, "(")) return false;
    while (!an_scan_is(s, ")")) {
        int64_t ordinal = 0;
        if (count > 0 && !an_scan_expect(s, ",")) return false;
        if (!an_scan_expect(s, "%") || !an_scan_integer(s, &ordinal)) return false;
        if (count == 64 || ordinal < 0 || ordinal > UINT32_MAX)
            return an_scan_fail(s, "provenance is too long or out of range");
        of[count++] = (uint32_t)ordinal;
    }
    from->count = count;
    from->of = count ? an_arena_copy(&s->arena, of, count * (int64_t)sizeof *of) : NULL;
    return !count || from->of || an_scan_no_memory(s);
}

static bool read_annotations(parser *p, line *l)
{
    an_scan *s = &p->scan;
    int64_t integer = 0;
    if (an_scan_is(s, "as") && !(l->spec.name = an_scan_quoted(s))) return false;
    if (an_scan_is(s, "in") && !(l->spec.scope = an_scan_quoted(s))) return false;
    if (an_scan_is(s, "ordinal")) {
        if (!an_scan_integer(s, &integer)) return false;
        if (integer < 1 || integer >= UINT32_MAX) return an_scan_fail(s, "no such ordinal");
        l->spec.ordinal = (uint32_t)integer;
    }
    if (an_scan_is(s, "from") && !read_from(p, &l->spec.from)) return false;
    if (an_scan_is(s, "at")) {
        l->spec.at.file = an_scan_quoted(s);
        if (!l->spec.at.file || !an_scan_expect(s, ":") || !an_scan_integer(s, &integer))
            return false;
        if (integer < 1 || integer > INT32_MAX) return an_scan_fail(s, "no such line");
        l->spec.at.line = (int)integer;
    }
    return an_scan_end_of_line(s) || an_scan_fail(s, "unexpected text at the end of the line");
}

/* Whether its result's type is one of its attributes, or nobody else knows it. */
static bool needs_type(const an_op_info *op)
{
    const uint64_t said = UINT64_C(1) << AN_ATTR_dtype | UINT64_C(1) << AN_ATTR_shape;
    return op->opaque || (op->attribute_set & said) != 0;
}

static bool no_op(parser *p, const char *op)
{
    an_guess guess = {.word = op};
    an_text nearest = {0};
    an_graph_guess_op(p->graph, &guess);
    an_guess_print(&guess, &nearest);
    an_scan_fail(&p->scan, "there is no op '%s'%s", op, an_text_view(&nearest));
    an_text_free(&nearest);
    return false;
}

static bool read_head(parser *p, line *l)
{
    an_scan *s = &p->scan;
    if (!an_scan_integer(s, &l->number)) return false;
    const bool typed = an_scan_is(s, ":");
    const int64_t last = p->graph->node_count ? p->number[p->graph->node_count] : 0;
    if (l->number <= last || l->number >= UINT32_MAX / 4)
        return an_scan_fail(s, "node numbers must increase: %lld after %lld", (long long)l->number,
                            (long long)last);
    for (bool more = typed; more; more = an_scan_is(s, ",")) {
        if (!AN_GROW(l->types, l->type_capacity, l->type_count + 1)) return an_scan_no_memory(s);
        if (!read_type(p, &l->types[l->type_count++])) return false;
    }
    if (!an_scan_expect(s, "=")) return false;
    const char *op = an_scan_word(s);
    if (!op) return false;
    l->spec.op = an_graph_op(p->graph, op);
    if (!l->spec.op) return no_op(p, op);
    if (!typed && needs_type(l->spec.op))
        return an_scan_fail(s, "%s needs its type, as in %%%lld: f32[B,4] = %s", op,
                            (long long)l->number, op);
    const bool named = l->spec.op->traits & AN_TRAIT_NAMED;
    return !named || (l->spec.name = an_scan_quoted(s)) != NULL;
}

/* What inference says must be what the line says. */
static bool check_types(parser *p, const line *l, uint32_t first)
{
    const an_node *n = an_node_of(p->graph, first);
    if (l->type_count == 0) return true;
    if (n->outputs != l->type_count)
        return an_scan_fail(&p->scan, "%s has %d results (%s), the line gives %d types",
                            n->op->name, n->outputs, n->op->outputs, l->type_count);
    for (int k = 0; k < n->outputs; k++) {
        const an_type *inferred = an_slot_type(p->graph, first + (uint32_t)k);
        if (an_type_equal(inferred, &l->types[k])) continue;
        an_text t = {0};
        an_type_print(p->graph->dims, inferred, &t);
        an_scan_fail(&p->scan, "result %d of %s is %s, not what the line says", k,
                     n->op->name, an_text_view(&t));
        an_text_free(&t);
        return false;
    }
    return true;
}

static bool read_parts(parser *p, line *l)
{
    static const an_type scalar;
    an_scan *s = &p->scan;
    if (!read_head(p, l) || !read_operands(p, l)) return false;
    const an_type *type = l->types ? &l->types[0] : &scalar;
    if (!an_attrs_read(s, l->spec.op, type, &l->attrs) || !read_annotations(p, l)) return false;
    l->spec.attrs = &l->attrs;
    if (l->spec.op->opaque) l->spec.types = l->types, l->spec.type_count = l->type_count;
    if (!l->spec.ordinal) l->spec.ordinal = (uint32_t)l->number;
    if (!AN_GROW(p->number, p->capacity, p->graph->node_count + 2))
        return an_scan_no_memory(s);
    const uint32_t first = an_graph_add(p->graph, &l->spec);
    if (!first) return false;
    p->number[p->graph->node_count] = l->number;
    return check_types(p, l, first);
}

static bool read_node(parser *p)
{
    line l = {.spec = {.at = {p->scan.name, p->scan.line}}};
    const bool good = read_parts(p, &l);
    an_free(l.types);
    return good;
}

/* ---- the other lines --------------------------------------------------- */

static bool read_dims(parser *p)
{
    do {
        const char *name = an_scan_word(&p->scan);
        if (!name) return false;
        const int known = an_dims_names(p->graph->dims);
        if (an_dims_name(p->graph->dims, name) == AN_DIM_BAD)
            return an_scan_fail(&p->scan, "'%.40s...' is too long for a dimension's name", name);
        if (an_dims_names(p->graph->dims) == known)
            return an_scan_fail(&p->scan, "dimension %.80s is there already", name);
    } while (an_scan_is(&p->scan, ","));
    return true;
}

/* "opaque NAME", or "opaque NAME {alpha:f64 mode:text}": into a set of the graph's own. */
static bool read_opaque(parser *p)
{
    an_scan *s = &p->scan;
    const char *name = an_scan_word(s), *list = "";
    if (!name) return false;
    if (an_scan_is(s, "{")) {
        const size_t length = strcspn(s->at, "}\n");
        if (s->at[length] != '}') return an_scan_fail(s, "expected '}' on this line");
        list = an_arena_text(&s->arena, s->at, (int64_t)length);
        if (!list) return an_scan_no_memory(s);
        s->at += length + 1;
    }
    if (!p->own && !(p->own = an_ops_new())) return an_scan_no_memory(s);
    const an_op_info *there = an_graph_op(p->graph, name); /* the caller's set may have it, too */
    if (there && (!there->opaque || an_ops_find(p->own, name)))
        return an_scan_fail(s, "there is an op '%.80s' already", name);
    const an_status status = an_ops_add_opaque(p->own, name, list);
    if (status == AN_E_MEMORY) return an_scan_no_memory(s);
    if (status != AN_OK) return an_scan_fail(s, "%.300s", an_ops_message(p->own));
    if (there && there->key != an_ops_find(p->own, name)->key)
        return an_scan_fail(s, "'%.80s' is opaque with other attributes already (it has: %.200s)",
                            name, there->attributes);
    return an_graph_use(p->graph, p->own) == AN_OK || an_scan_no_memory(s);
}

/* What an output, a table or the graph is called. */
static const char *read_name(parser *p)
{
    const char *name = an_scan_quoted(&p->scan);
    if (!name || an_is_utf8(name)) return name;
    an_scan_fail(&p->scan, "the name is not UTF-8");
    return NULL;
}

static bool read_output(parser *p)
{
    uint32_t value = 0;
    const char *name = read_name(p);
    if (!name || !read_reference(p, &value)) return false;
    if (an_graph_named_output(p->graph, name))
        return an_scan_fail(&p->scan, "output \"%.80s\" is declared twice", name);
    return an_graph_add_output(p->graph, name, value) == AN_OK;
}

static bool read_update(parser *p)
{
    uint32_t state = 0, value = 0;
    an_graph *g = p->graph;
    const char *name = read_name(p);
    if (!name || !read_reference(p, &state) || !an_scan_expect(&p->scan, "<-") ||
        !read_reference(p, &value))
        return false;
    uint32_t set = an_graph_set(g, name);
    if (set && an_graph_commit_of(g, set, state))
        return an_scan_fail(&p->scan, "%%%u is updated twice in \"%.80s\"",
                            an_node_of(g, state)->ordinal, name);
    if (!set) set = an_graph_add_set(g, name);
    return set && an_updates_add((an_updates){g, set}, (an_value){g, state},
                                 (an_value){g, value}) == AN_OK;
}

/* "pending %2 <- %9 when %7". What is wrong with it is wrong on this line, not where the state is
 * made. */
static bool read_pending(parser *p)
{
    an_scan *s = &p->scan;
    an_graph *g = p->graph;
    uint32_t state = 0, value = 0, witness = 0;
    if (!read_reference(p, &state)) return false;
    const an_node *n = an_node_of(g, state);
    if (!an_node_is_state(n))
        return an_scan_fail(s, "only a state can be updated, not the result of %s", n->op->name);
    if (an_graph_commit_of(g, AN_PENDING, state))
        return an_scan_fail(s, "\"%.80s\" has a pending update already", n->name);
    if (!an_scan_expect(s, "<-") || !read_reference(p, &value)) return false;
    if (!an_type_equal(an_slot_type(g, state), an_slot_type(g, value)))
        return an_scan_fail(s, "the new value of \"%.80s\" has another type", n->name);
    return an_scan_expect(s, "when") && read_reference(p, &witness) &&
           an_graph_add_commit(g, &(an_commit){AN_PENDING, state, value, witness}) == AN_OK;
}

static bool read_line(parser *p)
{
    an_scan *s = &p->scan;
    if (an_scan_end_of_line(s)) return true;
    p->any = true;
    if (an_scan_is(s, "%")) return read_node(p);
    bool good;
    if (an_scan_is(s, "output")) {
        good = read_output(p);
    } else if (an_scan_is(s, "update")) {
        good = read_update(p);
    } else if (an_scan_is(s, "pending")) {
        good = read_pending(p);
    } else if (an_scan_is(s, "dims")) {
        good = read_dims(p);
    } else if (an_scan_is(s, "opaque")) {
        good = read_opaque(p);
    } else if (an_scan_is(s, "graph")) {
        const char *name = read_name(p);
        const char *kept = name ? an_arena_string(&p->graph->arena, name) : NULL;
        if (kept) p->graph->name = kept;
        good = kept || (name && an_scan_no_memory(s));
    } else {
        return an_scan_fail(s, "expected a node (%%1: ...), graph, dims, output, update, pending");
    }
    return good && (an_scan_end_of_line(s) || an_scan_fail(s, "unexpected text here"));
}

an_graph *an_parse_with(const an_parse_args *args)
{
    const char *text = args ? args->text : NULL;
    const char *name = args && args->name ? args->name : "text";
    an_graph *g = an_graph_new(name);
    if (!g) return NULL;
    if (args && args->ops) an_graph_use(g, args->ops);
    if (!text) {
        an_graph_fail(g, (an_at){0}, AN_E_ARGUMENT, "an_parse: there is no text");
        return g;
    }
    parser p = {.graph = g, .scan = {.name = name, .at = text, .line_start = text,
                                     .line = 1, .dims = g->dims, .error = &g->error}};
    while (*p.scan.at && strncmp(p.scan.at, "----", 4) != 0 && read_line(&p))
        an_scan_next_line(&p.scan);
    if (!p.any && an_graph_status(g) == AN_OK)
        an_scan_fail(&p.scan, "there is no graph here: nothing but blanks and comments");
    if (p.scan.failed && an_graph_status(g) == AN_OK)
        an_graph_fail(g, (an_at){0}, AN_E_MEMORY, "an_parse: out of memory");
    an_arena_free(&p.scan.arena);
    an_ops_free(p.own); /* the graph holds it, too */
    an_free(p.number);
    return g;
}
