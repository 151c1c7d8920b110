/* map_table.c -- a map as a table for people. */
#include "graph/memory/mapping.h"

#include <string.h>

#define MOST_SCOPES 40
#define MOST_ALIVE 25

static const char *size_text(char *room, size_t size, int64_t bytes)
{
    an_text text = {0};
    if (bytes > 0) an_text_add_size(&text, (double)bytes);
    else an_text_add(&text, "-");
    const char *view = an_text_view(&text);
    const size_t length = strnlen(view, size - 1);
    memcpy(room, view, length);
    room[length] = 0;
    an_text_free(&text);
    return room;
}

static void add_bytes(int64_t bytes, int width, an_text *out)
{
    char room[32];
    an_text_addf(out, " %*s", width, size_text(room, sizeof room, bytes));
}

static void add_facts(const an_memory_map *m, an_text *out)
{
    const an_memory_facts *f = &m->facts;
    an_text_addf(out, "%s", f->graph);
    if (f->binding[0]) an_text_addf(out, " with %s", f->binding);
    an_text_add(out, ": a slab of ");
    an_text_add_size(out, (double)f->slab);
    an_text_add(out, "; ");
    an_text_add_size(out, (double)f->alive);
    an_text_addf(out, " alive in wave %lld of %lld, less than which no plan can take\n",
                 (long long)f->peak, (long long)f->end);
    an_text_add(out, "  between runs:");
    for (int k = AN_MEMORY_WEIGHTS; k < AN_MEMORY_KINDS; k++) {
        an_text_addf(out, "%s %s ", k == AN_MEMORY_WEIGHTS ? "" : ",",
                     an_memory_kind_name((an_memory_kind)k));
        an_text_add_size(out, (double)m->whole.bytes[k]);
    }
    an_text_add(out, "\n\n");
}

static void add_sum(const char *name, int width, const an_memory_sum *s, an_text *out)
{
    an_text_addf(out, "%-*.60s %6lld", width, name, (long long)s->values);
    add_bytes(s->at_peak, 9, out);
    for (int k = 0; k <= AN_MEMORY_OPTIMIZER; k++) add_bytes(s->bytes[k], 9, out);
    an_text_add(out, "\n");
}

static void add_scopes(const an_memory_map *m, an_text *out)
{
    const int64_t shown = m->scope_count < MOST_SCOPES ? m->scope_count : MOST_SCOPES;
    int width = 10;
    for (int64_t i = 0; i < shown; i++) {
        const int length = (int)strnlen(m->scopes[i].scope, 60);
        if (length > width) width = length;
    }
    an_text_addf(out, "%-*s %6s %9s", width, "scope", "values", "at peak");
    for (int k = 0; k <= AN_MEMORY_OPTIMIZER; k++)
        an_text_addf(out, " %9s", an_memory_kind_name((an_memory_kind)k));
    an_text_add(out, "\n");
    for (int64_t i = 0; i < shown; i++)
        add_sum(m->scopes[i].scope[0] ? m->scopes[i].scope : "(outside)", width, &m->scopes[i],
                out);
    an_memory_sum rest = {0};
    for (int64_t i = shown; i < m->scope_count; i++) {
        rest.values += m->scopes[i].values;
        rest.at_peak += m->scopes[i].at_peak;
        for (int k = 0; k < AN_MEMORY_KINDS; k++) rest.bytes[k] += m->scopes[i].bytes[k];
    }
    if (rest.values) add_sum("(the rest)", width, &rest, out);
    add_sum("(the whole)", width, &m->whole, out);
}

static void add_alive(const an_memory_map *m, const int64_t *at, int64_t count, an_text *out)
{
    const int64_t shown = count < MOST_ALIVE ? count : MOST_ALIVE;
    int width = 10;
    for (int64_t i = 0; i < shown; i++) {
        const int length = (int)strnlen(m->boxes[at[i]].name, 60);
        if (length > width) width = length;
    }
    an_text_addf(out, "\nalive at the peak, wave %lld\n%-*s %-18s %-8s %9s %6s  %-11s %s\n",
                 (long long)m->facts.peak, width, "value", "op", "kind", "bytes", "%", "waves",
                 "type");
    for (int64_t i = 0; i < shown; i++) {
        const an_memory_box *b = &m->boxes[at[i]];
        an_text_addf(out, "%-*.60s %-18.18s %-8s", width, b->name, b->op,
                     an_memory_kind_name(b->kind));
        add_bytes(b->bytes, 9, out);
        const double whole = m->facts.alive ? (double)m->facts.alive : 1;
        an_text_addf(out, " %6.1f  %4lld - %-4lld %s%s\n", 100 * (double)b->bytes / whole,
                     (long long)b->birth, (long long)b->death, b->type,
                     b->takes_over ? " (in place)" : "");
    }
    int64_t rest = 0;
    for (int64_t i = shown; i < count; i++) rest += m->boxes[at[i]].bytes;
    if (count > shown) {
        an_text_addf(out, "and %lld more:", (long long)(count - shown));
        add_bytes(rest, 0, out);
        an_text_add(out, "\n");
    }
}

char *an_memory_map_table(const an_memory_map *m)
{
    an_text out = {0};
    if (!m) {
        an_text_add(&out, "nothing was run\n");
        return an_text_take(&out);
    }
    int64_t count;
    int64_t *at = an_memory_map_at_peak(m, &count);
    if (!at) return NULL;
    add_facts(m, &out);
    add_scopes(m, &out);
    add_alive(m, at, count, &out);
    an_free(at);
    return an_text_take(&out);
}
