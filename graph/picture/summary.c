/* summary.c -- a graph as a table: its layers, what they hold and cost, and what they read.
 *
 * A row is a scope, or a node outside all scopes; a weight is counted in the row of
 * the first node that reads it, once, however often it is used. Rows stand in the order
 * of definition; what a row reads is other rows, called by the path from its own scope
 * to theirs ("./norm", "../dense"), a node without a name by its number. Only the forward
 * phase has rows; gradients and updates are counted below the table. FLOPs need
 * numbers for all named dims (.bind) and come from the ops' own rules.        */
#include "core/random.h"
#include "graph/ir.h"

#include <math.h>
#include <string.h>

typedef struct row {
    const char *scope, *name; /* scope "" : the one node `name` */
    uint32_t node;            /* its last node */
    uint32_t first;           /* its first one; the others follow by `next` */
    int64_t output;           /* 1 + the first output that it makes; 0: none */
    int64_t parameters, bytes, nodes;
    double flops;
} row;

typedef struct table {
    const an_graph *g;
    uint8_t *phase;
    row *rows;
    int64_t count, capacity;
    an_index by_scope;
    uint32_t *row_of, *next;  /* per node: 1 + its row, 0 for none; the next node of the row */
    int64_t *next_output;     /* per output: 1 + the next one of the row */
    int64_t *seen;            /* per row: 1 + the last row that named it */
    int64_t *bound, *extent; /* NULL: no FLOPs */
    double total[AN_PHASES];
} table;

/* ---- FLOPs ------------------------------------------------------------- */

static an_status bind(table *t, const char *text, an_error *e)
{
    if (!text && an_dims_names(t->g->dims) > 0) return AN_OK;
    t->bound = an_alloc((an_dims_names(t->g->dims) + 1) * (int64_t)sizeof *t->bound);
    t->extent = an_alloc((an_dims_entries(t->g->dims) + 1) * (int64_t)sizeof *t->extent);
    if (!t->bound || !t->extent) return an_fail(e, AN_E_MEMORY, "out of memory");
    an_status status = an_graph_bind(t->g, text, -1, t->bound, e);
    if (status == AN_OK) status = an_graph_extents(t->g, t->bound, t->extent, e);
    for (int i = 0; status == AN_OK && i < an_dims_names(t->g->dims); i++)
        if (t->bound[i] < 0)
            status = an_fail(e, AN_E_BINDING, "FLOPs need a number for %s",
                             an_dims_name_at(t->g->dims, i));
    if (status == AN_OK) return AN_OK;
    an_free(t->extent);
    t->extent = NULL;
    return status;
}

/* ---- rows -------------------------------------------------------------- */

static row *row_for(table *t, uint32_t number)
{
    const an_node *n = &t->g->nodes[number];
    const uint64_t hash = an_hash_string(n->scope);
    uint64_t probe = 0;
    for (uint32_t i; n->scope[0] && (i = an_index_next(&t->by_scope, hash, &probe));)
        if (!strcmp(t->rows[i - 1].scope, n->scope)) return &t->rows[i - 1];
    if (!AN_GROW(t->rows, t->capacity, t->count + 1) ||
        (n->scope[0] && !an_index_add(&t->by_scope, hash, (uint32_t)t->count + 1)))
        return NULL;
    t->rows[t->count++] = (row){.scope = n->scope, .name = n->name};
    return &t->rows[t->count - 1];
}

static bool is_shown(const table *t, uint32_t number)
{
    const an_node *n = &t->g->nodes[number];
    const bool leaf = n->op->traits & AN_TRAIT_LEAF;
    return t->phase[number] == AN_PHASE_FORWARD && (!leaf || an_node_is_input(n));
}

static bool fill_rows(table *t)
{
    const an_graph *g = t->g;
    bool *counted = an_alloc_zeroed(g->node_count + 1);
    bool good = counted != NULL;
    for (uint32_t i = 1; good && (int64_t)i <= g->node_count; i++) {
        const double said = t->extent ? an_node_flops(g, i, t->extent) : 0;
        const double flops = isnan(said) ? 0 : said;
        good = flops >= 0;
        t->total[t->phase[i]] += flops;
        if (!good || !is_shown(t, i)) continue;
        row *r = row_for(t, i);
        good = r != NULL;
        for (int k = 0; good && k < g->nodes[i].inputs; k++) {
            const uint32_t value = g->nodes[i].in[k], p = value ? g->slots[value].node : 0;
            if (!p || counted[p] || !an_graph_is_parameter(g, t->phase, p)) continue;
            counted[p] = true;
            an_add_size(r->parameters, an_value_elements(g, value), &r->parameters);
            an_add_size(r->bytes, an_value_bytes(g, value), &r->bytes);
        }
        if (!good) break;
        if (r->node) t->next[r->node] = i;
        else r->first = i;
        t->row_of[i] = (uint32_t)(r - t->rows) + 1;
        r->node = i;
        r->nodes++;
        r->flops += flops;
    }
    an_free(counted);
    return good;
}

/* Outputs by the rows that make them. */
static void file_outputs(table *t)
{
    for (int64_t i = t->g->output_count - 1; i >= 0; i--) {
        const uint32_t at = t->row_of[t->g->slots[t->g->outputs[i].value].node];
        if (!at) continue;
        t->next_output[i] = t->rows[at - 1].output;
        t->rows[at - 1].output = i + 1;
    }
}

static bool allocate(table *t)
{
    const int64_t nodes = t->g->node_count + 1;
    t->phase = an_alloc_zeroed(nodes);
    t->row_of = an_alloc_zeroed(nodes * (int64_t)sizeof *t->row_of);
    t->next = an_alloc_zeroed(nodes * (int64_t)sizeof *t->next);
    t->seen = an_alloc_zeroed(nodes * (int64_t)sizeof *t->seen);
    t->next_output = an_alloc_zeroed((t->g->output_count + 1) * (int64_t)sizeof *t->next_output);
    return t->phase && t->row_of && t->next && t->seen && t->next_output;
}

/* ---- text -------------------------------------------------------------- */

static void add_count(double n, an_text *out)
{
    static const char *const unit[] = {"", " k", " M", " G", " T", " P"};
    int i = 0;
    for (; n >= 10000 && i < 5; i++) n /= 1000;
    an_text_addf(out, i > 0 && n < 100 ? "%.1f%s" : "%.0f%s", n, unit[i]);
}

/* `text` in a column; a control byte would break the table. */
static void add_cell(const char *text, int width, bool right, an_text *out)
{
    const int length = (int)strnlen(text, 200);
    if (!an_text_takes(out, text)) return;
    if (right) an_text_addf(out, "%*s", width > length ? width - length : 0, "");
    for (int i = 0; i < length; i++) {
        const unsigned char c = (unsigned char)text[i];
        an_text_add_bytes(out, c < 0x20 || c == 0x7f ? "?" : &text[i], 1);
    }
    if (!right) an_text_addf(out, "%*s", width > length ? width - length : 0, "");
    an_text_add(out, "  ");
}

static void add_name(const table *t, const row *r, an_text *out)
{
    if (r->scope[0] || r->name[0]) an_text_add(out, r->scope[0] ? r->scope : r->name);
    else an_text_addf(out, "%%%u", t->g->nodes[r->node].ordinal);
}

#define NAMES 3 /* of a list in a cell; then how many more there are */

/* The path from one scope to another, or all of the other where that is shorter. */
static void add_path(const char *from, const char *to, an_text *out)
{
    size_t same = 0; /* up to the last '/' that both have */
    for (size_t i = 0; from[i] && from[i] == to[i]; i++)
        if (from[i] == '/') same = i + 1;
    size_t ups = 0;
    for (const char *p = from + same; *p; p++) ups += *p == '/';
    const bool shorter = same > 0 && (ups > 0 ? 3 * ups : 2) < same;
    for (size_t i = 0; shorter && i < ups; i++) an_text_add(out, "../");
    if (shorter && ups == 0) an_text_add(out, "./");
    an_text_add(out, shorter ? to + same : to);
}

static void add_read(const table *t, const row *r, const row *from, an_text *out)
{
    an_text name = {0};
    add_name(t, from, &name);
    if (an_text_takes(out, an_text_view(&name))) add_path(r->scope, an_text_view(&name), out);
    an_text_free(&name);
}

/* "x, ./norm +2", the rows that a row reads. */
static void add_reads(const table *t, const row *r, an_text *out)
{
    const int64_t mine = r - t->rows;
    int64_t count = 0;
    for (uint32_t i = r->first; i; i = t->next[i])
        for (int k = 0; k < t->g->nodes[i].inputs; k++) {
            const uint32_t value = t->g->nodes[i].in[k];
            const int64_t at = value ? (int64_t)t->row_of[t->g->slots[value].node] - 1 : -1;
            if (at < 0 || at == mine || t->seen[at] == mine + 1) continue;
            t->seen[at] = mine + 1;
            if (count++ >= NAMES) continue;
            if (count > 1) an_text_add(out, ", ");
            add_read(t, r, &t->rows[at], out);
        }
    if (count > NAMES) an_text_addf(out, " +%lld", (long long)count - NAMES);
}

/* "=> y, loss", the outputs that a row makes. */
static void add_outputs(const table *t, const row *r, an_text *out)
{
    int64_t count = 0;
    for (int64_t i = r->output; i; i = t->next_output[i - 1]) {
        if (count++ >= NAMES) continue;
        an_text_add(out, count > 1 ? ", " : out->length ? "  => " : "=> ");
        an_text_add(out, t->g->outputs[i - 1].name);
    }
    if (count > NAMES) an_text_addf(out, " +%lld", (long long)count - NAMES);
}

static void describe(const table *t, const row *r, an_text *name, an_text *what)
{
    const an_node *n = &t->g->nodes[r->node];
    const char *op = n->op->name;
    add_name(t, r, name);
    an_text_add(what, op);
    if (r->nodes > 1) an_text_addf(what, " +%lld", (long long)r->nodes - 1);
}

static void add_row(const table *t, const row *r, const int width[3], an_text *out)
{
    an_text cell[7] = {{0}};
    describe(t, r, &cell[0], &cell[1]);
    an_type_print(t->g->dims, an_slot_type(t->g, t->g->nodes[r->node].first), &cell[2]);
    if (r->parameters) an_text_addf(&cell[3], "%lld", (long long)r->parameters);
    if (r->bytes) an_text_add_size(&cell[4], (double)r->bytes);
    if (t->extent) add_count(r->flops, &cell[5]);
    for (int i = 0; i < (t->extent ? 6 : 5); i++)
        add_cell(an_text_view(&cell[i]), i < 3 ? width[i] : 11, i >= 3, out);
    add_reads(t, r, &cell[6]);
    add_outputs(t, r, &cell[6]);
    add_cell(an_text_view(&cell[6]), 0, false, out);
    for (int i = 0; i < 7; i++) an_text_free(&cell[i]);
    an_text_add(out, "\n");
}

static void measure(const table *t, int width[3], an_text *out)
{
    for (int64_t i = 0; i < t->count; i++) {
        an_text cell[3] = {{0}};
        describe(t, &t->rows[i], &cell[0], &cell[1]);
        an_type_print(t->g->dims, an_slot_type(t->g, t->g->nodes[t->rows[i].node].first),
                      &cell[2]);
        for (int c = 0; c < 3; c++) {
            const int64_t length = cell[c].length < 200 ? cell[c].length : 200;
            if (length > width[c]) width[c] = (int)length;
            an_text_takes(out, an_text_view(&cell[c]));
            an_text_free(&cell[c]);
        }
    }
}

static void add_totals(const table *t, an_text *out)
{
    const an_graph *g = t->g;
    int64_t trainable = 0, frozen = 0, bytes = 0, others = 0, other_bytes = 0;
    int64_t nodes[AN_PHASES] = {0};
    for (uint32_t i = 1; (int64_t)i <= g->node_count; i++) {
        const an_node *n = &g->nodes[i];
        nodes[t->phase[i]]++;
        if (!an_node_is_state(n)) continue;
        const bool parameter = an_graph_is_parameter(g, t->phase, i);
        int64_t *count = !parameter ? NULL : n->attrs->frozen ? &frozen : &trainable;
        if (count) an_add_size(*count, an_value_elements(g, n->first), count);
        else others++;
        int64_t *sum = parameter ? &bytes : &other_bytes;
        const int64_t more = an_value_bytes(g, n->first);
        if (more > 0) an_add_size(*sum, more, sum);
    }
    an_text_addf(out, "parameters %lld (", (long long)trainable + frozen);
    an_text_add_size(out, (double)bytes);
    an_text_addf(out, "), trainable %lld, frozen %lld\n", (long long)trainable, (long long)frozen);
    if (others) {
        an_text_addf(out, "other states %lld (", (long long)others);
        an_text_add_size(out, (double)other_bytes);
        an_text_add(out, "): moments, counters, keys\n");
    }
    an_text_addf(out, "nodes %lld: forward %lld, backward %lld, update %lld\n",
                 (long long)g->node_count, (long long)nodes[0], (long long)nodes[1],
                 (long long)nodes[2]);
    int64_t apart = 0;
    for (int64_t i = 0; i < g->output_count; i++)
        apart += !t->row_of[g->slots[g->outputs[i].value].node];
    if (apart)
        an_text_addf(out, "outputs without a row: %lld (weights, gradients, updates)\n",
                     (long long)apart);
    an_text_addf(out, "fused Add & Norm: forward %lld, backward %lld\n",
                 (long long)an_graph_add_norms(g), (long long)an_graph_add_norm_grads(g));
    if (!t->extent) return;
    static const char *const name[AN_PHASES] = {"FLOPs: forward ", ", backward ", ", update "};
    for (int p = 0; p < AN_PHASES; p++) {
        an_text_add(out, name[p]);
        add_count(t->total[p], out);
    }
    an_text_add(out, "\n");
}

static void add_table(const table *t, an_text *out)
{
    int width[3] = {5, 2, 6};
    measure(t, width, out);
    static const char *const heading[] = {"layer", "op", "output", "parameters", "bytes", "FLOPs"};
    int line = 0;
    add_cell(t->g->name, 0, false, out);
    an_text_add(out, "\n");
    for (int i = 0; i < (t->extent ? 6 : 5); i++) {
        add_cell(heading[i], i < 3 ? width[i] : 11, i >= 3, out);
        line += 2 + (i < 3 ? width[i] : 11);
    }
    an_text_add(out, "reads  => output\n");
    line += 16;
    for (int i = 0; i < line; i++) an_text_add(out, "-");
    an_text_add(out, "\n");
    for (int64_t i = 0; i < t->count; i++) add_row(t, &t->rows[i], width, out);
    for (int i = 0; i < line; i++) an_text_add(out, "-");
    an_text_add(out, "\n");
}

char *an_summary_with(const an_summary_args *args)
{
    if (!args || !args->graph) return NULL;
    table t = {.g = args->graph};
    an_text out = {0};
    an_error error = {0};
    out.failed = !allocate(&t) || !an_graph_phases(t.g, t.phase) ||
                 bind(&t, args->bind, &error) == AN_E_MEMORY || !fill_rows(&t);
    if (!out.failed) {
        file_outputs(&t);
        add_table(&t, &out);
        add_totals(&t, &out);
    }
    if (error.status != AN_OK) an_text_addf(&out, "%s\n", error.text);
    an_free(t.phase);
    an_free(t.row_of);
    an_free(t.next);
    an_free(t.seen);
    an_free(t.next_output);
    an_free(t.rows);
    an_index_free(&t.by_scope);
    an_free(t.bound);
    an_free(t.extent);
    return an_text_take(&out);
}
