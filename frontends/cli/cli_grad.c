/* cli_grad.c -- grad: the graph with its gradients appended, as another .an file.
 *
 * The new outputs are called as verify calls them, so that differentiating
 * before and after a pass can be compared as two files.                     */
#include "frontends/cli/cli.h"

#include "core/memory.h"
#include "graph/equal/project.h"

#include <string.h>

typedef struct wanted {
    an_value *at;
    const char **name;
    int64_t count, capacity, name_capacity;
} wanted;

static bool want(wanted *w, an_value v, const char *name)
{
    if (!name || !AN_GROW(w->at, w->capacity, w->count + 1) ||
        !AN_GROW(w->name, w->name_capacity, w->count + 1)) {
        an_cli_say("out of memory");
        return false;
    }
    w->name[w->count] = name;
    w->at[w->count++] = v;
    return true;
}

static bool is_float(an_value v)
{
    return an_dtype_is_float(an_type_of(v).dtype);
}

/* Marks the nodes that the value depends on: operands come before their users. */
static bool *find_needed(const an_graph *g, uint32_t value)
{
    bool *needed = an_alloc_zeroed(g->node_count + 1);
    if (!needed) return NULL;
    needed[g->slots[value].node] = true;
    for (int64_t i = g->node_count; i > 0; i--)
        for (int k = 0; needed[i] && k < g->nodes[i].inputs; k++)
            if (g->nodes[i].in[k]) needed[g->slots[g->nodes[i].in[k]].node] = true;
    return needed;
}

/* Without --wrt: every float input, and every float state that is not frozen. */
static bool want_all(wanted *w, an_graph *g, an_value of)
{
    bool *needed = find_needed(g, of.id);
    bool good = needed;
    if (!needed) an_cli_say("out of memory");
    for (int64_t i = 0; good && i < g->leaf_count; i++) {
        const an_value leaf = {g, g->leaves[i].value};
        const uint32_t node = g->slots[leaf.id].node;
        if (needed[node] && is_float(leaf) && !g->nodes[node].attrs->frozen)
            good = want(w, leaf, g->leaves[i].name);
    }
    an_free(needed);
    return good;
}

static bool want_listed(wanted *w, an_graph *g, const char *list)
{
    bool good = true;
    an_text name = {0};
    while (good && an_text_next_word(&list, ",", &name)) {
        const an_value leaf = an_cli_find(g, "--wrt", an_text_view(&name), AN_CLI_ANY);
        good = leaf.graph && want(w, leaf, an_arena_string(&g->arena, an_text_view(&name)));
        if (good && !is_float(leaf)) {
            an_cli_say("--wrt: '%s' holds no floats, so nothing has a gradient with respect to it",
                       an_text_view(&name));
            good = false;
        }
    }
    an_text_free(&name);
    return good;
}

static bool differentiate(an_value of, const wanted *w)
{
    an_value *made = an_alloc((w->count + 1) * (int64_t)sizeof *made);
    if (!made) an_graph_fail(of.graph, (an_at){0}, AN_E_MEMORY, "out of memory");
    bool good = made && an_gradients(of, w->at, (int)w->count, made) == AN_OK;
    for (int64_t i = 0; good && i < w->count; i++) {
        an_text name = {0};
        an_text_addf(&name, AN_GRADIENT_PREFIX "%s", w->name[i]);
        good = an_graph_output(made[i], an_text_view(&name)) == AN_OK;
        an_text_free(&name);
    }
    an_free(made);
    return good;
}

static an_cli_exit append(const an_cli *line, an_graph *g)
{
    const an_value of = an_cli_find(g, "--of", line->of, AN_CLI_ANY);
    if (!of.graph) return AN_CLI_USAGE;
    wanted w = {0};
    an_cli_exit answer = AN_CLI_USAGE;
    if (line->wrt ? want_listed(&w, g, line->wrt) : want_all(&w, g, of)) {
        answer = AN_CLI_NOT;
        if (w.count == 0)
            an_cli_say("%s: '%s' depends on no float input or state", line->operand[0], line->of);
        else if (differentiate(of, &w))
            answer = an_cli_write_string(NULL, an_print(g));
        else
            an_cli_say("%s: %s", line->operand[0], an_graph_message(g));
    }
    an_free(w.at);
    an_free(w.name);
    return answer;
}

an_cli_exit an_cli_grad(const an_cli *line)
{
    if (!line->of) {
        an_cli_say("grad needs to know of what: --of OUTPUT, a scalar");
        return AN_CLI_USAGE;
    }
    an_graph *g = an_cli_read_graph(line->operand[0]);
    if (!g) return AN_CLI_FILE;
    const an_cli_exit answer = append(line, g);
    an_graph_free(g);
    return answer;
}
