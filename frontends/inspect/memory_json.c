/* memory_json.c -- what a program's memory holds, as JSON: the facts, scopes and boxes of a map. */
#include "frontends/frontends.h"
#include "frontends/inspect/json_text.h"

static bool put_kinds(json_t *to, const int64_t *bytes)
{
    for (int k = 0; k < AN_MEMORY_KINDS; k++)
        if (!an_json_put(to, an_memory_kind_name((an_memory_kind)k), json_integer(bytes[k])))
            return false;
    return true;
}

static json_t *sum_json(const an_memory_sum *s)
{
    json_t *to = json_object();
    const bool good = an_json_put(to, "scope", s->scope ? an_json_text(s->scope) : json_null()) &&
                      an_json_put(to, "values", json_integer(s->values)) &&
                      an_json_put(to, "at_peak", json_integer(s->at_peak)) &&
                      put_kinds(to, s->bytes);
    if (good) return to;
    json_decref(to);
    return NULL;
}

static json_t *box_json(const an_memory_box *b)
{
    json_t *to = json_object();
    const bool good = an_json_put(to, "name", an_json_text(b->name)) &&
                      an_json_put(to, "op", an_json_text(b->op)) &&
                      an_json_put(to, "scope", an_json_text(b->scope)) &&
                      an_json_put(to, "type", an_json_text(b->type)) &&
                      an_json_put(to, "kind", json_string(an_memory_kind_name(b->kind))) &&
                      an_json_put(to, "buffer", json_integer(b->buffer)) &&
                      an_json_put(to, "takes_over", json_boolean(b->takes_over)) &&
                      an_json_put(to, "at_peak", json_boolean(b->at_peak)) &&
                      an_json_put(to, "birth", json_integer(b->birth)) &&
                      an_json_put(to, "death", json_integer(b->death)) &&
                      an_json_put(to, "offset", json_integer(b->offset)) &&
                      an_json_put(to, "bytes", json_integer(b->bytes));
    if (good) return to;
    json_decref(to);
    return NULL;
}

static bool put_facts(json_t *root, const an_memory_map *m)
{
    const an_memory_facts f = an_memory_map_facts(m);
    return an_json_put(root, "graph", an_json_text(f.graph)) &&
           an_json_put(root, "binding", an_json_text(f.binding)) &&
           an_json_put(root, "slab", json_integer(f.slab)) &&
           an_json_put(root, "alive", json_integer(f.alive)) &&
           an_json_put(root, "peak", json_integer(f.peak)) &&
           an_json_put(root, "backward", json_integer(f.backward)) &&
           an_json_put(root, "gate", json_integer(f.gate)) &&
           an_json_put(root, "end", json_integer(f.end)) &&
           an_json_put(root, "whole", sum_json(an_memory_map_whole(m)));
}

/* The list, or nothing and false if it is not whole. */
static bool put_list(json_t *root, const char *key, json_t *list, bool whole)
{
    if (whole) return an_json_put(root, key, list);
    json_decref(list);
    return false;
}

char *an_memory_map_json(const an_memory_map *m)
{
    const an_memory_sum *scopes;
    const an_memory_box *boxes;
    if (!m) return NULL;
    json_t *root = json_object();
    bool good = put_facts(root, m);
    json_t *list = json_array();
    bool whole = list != NULL;
    for (int64_t i = 0, n = an_memory_map_scopes(m, &scopes); whole && i < n; i++)
        whole = an_json_push(list, sum_json(&scopes[i]));
    good = put_list(root, "scopes", list, whole) && good;
    list = json_array();
    whole = list != NULL;
    for (int64_t i = 0, n = an_memory_map_boxes(m, &boxes); whole && i < n; i++)
        whole = an_json_push(list, box_json(&boxes[i]));
    good = put_list(root, "boxes", list, whole) && good;
    return an_json_take(root, good);
}
