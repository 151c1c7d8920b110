/* complete.c -- a file that was loaded has all states that a program needs, or that is said.
 *
 * What a file lacks would be drawn at random without a word, and its own tensors, under
 * other names, would lie about unused. So a store remembers the file, and compiling names
 * both. What the caller sets or gives an initialiser of its own is not missing, nor is what
 * no file holds, being transient.                                            */
#include "graph/run/program.h"

#define SHOWN 8 /* names; of more there is the number */

void an_name_list_add(an_name_list *l, const char *name)
{
    if (l->count++ >= SHOWN) return;
    an_text_addf(&l->text, "%s\"%.200s\"", l->count > 1 ? ", " : "", name);
}

const char *an_name_list_end(an_name_list *l)
{
    if (l->count > SHOWN) an_text_addf(&l->text, " and %lld more", (long long)l->count - SHOWN);
    return l->count ? an_text_view(&l->text) : "none";
}

static void list_missing(const an_program *p, an_name_list *missing)
{
    for (int64_t b = 1; b <= p->schedule.buffer_count; b++) {
        const an_buffer *buffer = &p->schedule.buffers[b];
        if (buffer->home != AN_HOME_STATE) continue;
        const an_node *n = an_node_of(p->graph, buffer->value);
        if (!n->attrs->transient && !an_store_knows(p->store, n->name))
            an_name_list_add(missing, n->name);
    }
}

/* States of the store that the user's graph does not name. */
static void list_unused(const an_program *p, const an_graph *g, an_name_list *unused)
{
    for (int64_t i = 0; i < an_store_count(p->store); i++) {
        const char *name = an_store_name(p->store, i);
        if (!an_graph_leaf(g, name)) an_name_list_add(unused, name);
    }
}

an_status an_program_check_complete(const an_program *p, const an_graph *g, an_error *e)
{
    const char *path = an_store_sealed(p->store);
    an_name_list missing = {0}, unused = {0};
    if (!path) return AN_OK;
    list_missing(p, &missing);
    an_status status = AN_OK;
    if (missing.count) {
        list_unused(p, g, &unused);
        status = an_fail(e, AN_E_STATE, "%s, which was loaded, lacks states of this program\n"
                         "  missing: %s\n  unused: %s\n  hint: load it with .partial to let what "
                         "is missing begin anew", path, an_name_list_end(&missing),
                         an_name_list_end(&unused));
    }
    an_text_free(&missing.text);
    an_text_free(&unused.text);
    return status;
}
