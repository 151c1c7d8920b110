/* page_json.c -- what a page knows besides its pictures: graphs, times, places in memory, a report.
 *
 * In a script element a browser looks for no more than "<": written as \u003c, nothing that a user
 * named ends the element or hides its end. */
#include "frontends/page/page.h"

#include <string.h>

static json_t *whole_or_none(json_t *object, bool whole)
{
    if (whole) return object;
    json_decref(object);
    return NULL;
}

/* ---- times and places ---------------------------------------------------- */

static json_t *profile_json(an_profile *f)
{
    const an_profile_row *rows;
    json_t *root = json_object(), *nodes = json_object();
    char *table = an_profile_table(f, AN_BY_OP), number[16];
    bool good = table && an_json_put(root, "table", an_json_text(table)) &&
                an_json_put(root, "seconds", an_json_number(an_profile_seconds(f))) &&
                an_json_put(root, "threads", json_integer(an_profile_threads(f))) &&
                an_json_put(root, "runs", json_integer(an_profile_runs(f)));
    an_string_free(table);
    for (int64_t i = 0, n = good ? an_profile_rows(f, AN_BY_NODE, &rows) : 0; good && i < n; i++) {
        snprintf(number, sizeof number, "%u", rows[i].node);
        good = an_json_put(nodes, number, an_json_number(rows[i].seconds));
    }
    good = an_json_put(root, "nodes", nodes) && good;
    return whole_or_none(root, good);
}

static json_t *box_json(const an_memory_box *b)
{
    json_t *to = json_object();
    const bool good = an_json_put(to, "node", json_integer(b->node)) &&
                      an_json_put(to, "name", an_json_text(b->name)) &&
                      an_json_put(to, "kind", json_string(an_memory_kind_name(b->kind))) &&
                      an_json_put(to, "birth", json_integer(b->birth)) &&
                      an_json_put(to, "death", json_integer(b->death)) &&
                      an_json_put(to, "offset", json_integer(b->offset)) &&
                      an_json_put(to, "bytes", json_integer(b->bytes)) &&
                      an_json_put(to, "at_peak", json_boolean(b->at_peak)) &&
                      an_json_put(to, "takes_over", json_boolean(b->takes_over));
    return whole_or_none(to, good);
}

static json_t *memory_json(const an_memory_map *m)
{
    const an_memory_box *boxes;
    json_t *root = json_object(), *list = json_array();
    char *table = an_memory_map_table(m);
    bool good = list && table && an_json_put(root, "table", an_json_text(table));
    an_string_free(table);
    for (int64_t i = 0, n = an_memory_map_boxes(m, &boxes); good && i < n; i++)
        good = an_json_push(list, box_json(&boxes[i]));
    good = an_json_put(root, "boxes", list) && good;
    return whole_or_none(root, good);
}

/* ---- the comparison ------------------------------------------------------ */

static json_t *divergence_json(const an_divergence *d)
{
    if (!d) return json_null();
    json_t *root = json_object(), *at = json_array();
    bool good = at != NULL;
    for (int s = 0; good && s < 2; s++)
        good = an_json_push(at, d->at[s].op ? json_integer(d->at[s].node) : json_null());
    good = an_json_put(root, "at", at) && good;
    good = good && an_json_put(root, "message", an_json_text(d->message));
    return whole_or_none(root, good);
}

static json_t *equivalence_json(const an_equivalence *e)
{
    json_t *root = json_object();
    char *report = an_equivalence_report(e);
    const bool good =
        report && an_json_put(root, "report", an_json_text(report)) &&
        an_json_put(root, "verdict", json_string(an_rung_name(an_equivalence_rung(e)))) &&
        an_json_put(root, "divergence", divergence_json(an_equivalence_divergence(e)));
    an_string_free(report);
    return whole_or_none(root, good);
}

/* ---- the whole ----------------------------------------------------------- */

json_t *an_page_json(an_page *p)
{
    const an_page_args *a = p->args;
    const an_graph *g = a->equivalence ? an_equivalence_graph(a->equivalence, 0) : a->graph;
    json_t *root = json_object();
    const bool good =
        an_json_put(root, "title", an_json_text(a->title ? a->title : g->name)) &&
        an_json_put(root, "graphs", json_incref(p->graphs)) &&
        an_json_put(root, "views", json_incref(p->views)) &&
        an_json_put(root, "passes", json_incref(p->passes)) &&
        an_json_put(root, "left_out", json_integer(p->left_out)) &&
        an_json_put(root, "usual", json_integer(AN_PAGE_USUAL)) &&
        an_json_put(root, "bind", a->bind ? an_json_text(a->bind) : json_null()) &&
        an_json_put(root, "profile", a->profile ? profile_json(a->profile) : json_null()) &&
        an_json_put(root, "memory", a->memory ? memory_json(a->memory) : json_null()) &&
        an_json_put(root, "equivalence",
                    a->equivalence ? equivalence_json(a->equivalence) : json_null());
    return whole_or_none(root, good);
}

static int append(const char *bytes, size_t count, void *text)
{
    for (size_t begin = 0, end; begin < count; begin = end + 1) {
        const char *hit = memchr(bytes + begin, '<', count - begin);
        end = hit ? (size_t)(hit - bytes) : count;
        an_text_add_bytes(text, bytes + begin, (int64_t)(end - begin));
        if (hit) an_text_add(text, "\\u003c");
    }
    return ((an_text *)text)->failed ? -1 : 0;
}

void an_page_put_json(json_t *root, an_text *out)
{
    if (!root || json_dump_callback(root, append, out, JSON_COMPACT | JSON_REAL_PRECISION(9)) != 0)
        an_text_takes(out, an_lost);
    json_decref(root);
}
