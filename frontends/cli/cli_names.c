/* cli_names.c -- names on the command line that must be names in a graph or a table.
 *
 * A wrong one is answered with the nearest right one, before any work is done.
 * The library would refuse it too, but cannot know that it was typed.        */
#include "frontends/cli/cli.h"

#include "core/memory.h"
#include "graph/passes/pipeline.h"

#include <string.h>

/* ---- passes ------------------------------------------------------------ */

/* "recompute=SCOPES", which is none of the pipeline's. */
static bool names_scopes(const char *word) { return !strncmp(word, "recompute=", 10); }

static bool check_pass(const char *name)
{
    if (names_scopes(name)) return true;
    an_guess guess = {.word = name};
    for (int i = 0; an_pass_name(i); i++) an_guess_try(&guess, an_pass_name(i));
    an_guess_try(&guess, "inference");
    an_guess_try(&guess, "unfuse");
    an_guess_try(&guess, "recompute=SCOPES");
    if (!strcmp(guess.best, name)) return true;
    an_cli_say("--passes: there is no pass '%s'; the nearest is '%s' (addnorm passes lists all)",
               name, guess.best);
    return false;
}

bool an_cli_check_passes(const char *passes)
{
    an_text word = {0};
    bool good = true;
    while (good && passes && an_text_next_word(&passes, ", ", &word))
        good = check_pass(an_text_view(&word));
    an_text_free(&word);
    return good;
}

bool an_cli_passes_are_exact(const char *passes)
{
    an_text word = {0};
    bool exact = true;
    while (exact && passes && an_text_next_word(&passes, ", ", &word))
        exact = an_pipeline_is_exact(an_text_view(&word));
    an_text_free(&word);
    return exact;
}

/* ---- dims -------------------------------------------------------------- */

static bool check_dim(const an_graph *g, const char *path, const char *name)
{
    an_guess guess = {.word = name};
    const char *found;
    for (int64_t i = 0; (found = an_graph_dim_name(g, i)); i++) {
        if (!strcmp(found, name)) return true;
        an_guess_try(&guess, found);
    }
    if (guess.best)
        an_cli_say("--bind: %s has no dim '%s'; the nearest is '%s'", path, name, guess.best);
    else
        an_cli_say("--bind: %s has no named dims; leave --bind away", path);
    return false;
}

bool an_cli_check_bind(const an_cli *line, const an_graph *g)
{
    bool good = true;
    for (const char *p = line->bind ? line->bind : ""; good && *p; p += *p == ',') {
        const size_t length = strcspn(p, "=,");
        const size_t digits = p[length] == '=' ? strspn(p + length + 1, "0123456789") : 0;
        if (length == 0 || digits == 0 || digits > 12 || !strchr(",", p[length + 1 + digits])) {
            an_cli_say("--bind takes a list like B=32,T=100, not '%s'", line->bind);
            return false;
        }
        an_text name = {0};
        an_text_add_bytes(&name, p, (int64_t)length);
        good = check_dim(g, line->operand[0], an_text_view(&name));
        an_text_free(&name);
        p += length + 1 + digits;
    }
    return good;
}

/* ---- values and tables ------------------------------------------------- */

an_value an_cli_find(an_graph *g, const char *option, const char *name, an_cli_kind kind)
{
    static const char *const called[] = {"output", "input", "state", "output, input or state"};
    an_guess guess = {.word = name};
    const char *found;
    if (kind == AN_CLI_OUTPUT || kind == AN_CLI_ANY)
        for (int64_t i = 0; (found = an_graph_output_name(g, i)); i++) {
            if (!strcmp(found, name)) return an_graph_output_value(g, i);
            an_guess_try(&guess, found);
        }
    for (int64_t i = 0; kind != AN_CLI_OUTPUT && (found = an_graph_leaf_name(g, i)); i++) {
        const an_value leaf = an_graph_find(g, found);
        if (kind != AN_CLI_ANY && an_is_state(leaf) != (kind == AN_CLI_STATE)) continue;
        if (!strcmp(found, name)) return leaf;
        an_guess_try(&guess, found);
    }
    if (guess.best)
        an_cli_say("%s: the graph has no %s '%s'; the nearest is '%s'", option, called[kind], name,
                   guess.best);
    else
        an_cli_say("%s: the graph has no %s at all, and so not '%s'", option, called[kind], name);
    return AN_NONE;
}

an_updates an_cli_find_updates(an_graph *g, const char *name)
{
    an_guess guess = {.word = name};
    for (int64_t i = 0; an_updates_name(g, i); i++) {
        if (!strcmp(an_updates_name(g, i), name)) return an_updates_at(g, i);
        an_guess_try(&guess, an_updates_name(g, i));
    }
    if (guess.best)
        an_cli_say("--update: the graph has no update table '%s'; the nearest is '%s'", name,
                   guess.best);
    else
        an_cli_say("--update: the graph has no update tables");
    return (an_updates){g, 0};
}

/* ---- pairs ----------------------------------------------------------- */

bool an_cli_split(const char *option, const char *pair, an_text *name, const char **path)
{
    const char *equals = strchr(pair, '=');
    *path = equals && equals[1] ? equals + 1 : NULL;
    an_text_add_bytes(name, pair, equals ? equals - pair : (int64_t)strlen(pair));
    if (name->length > 0 && (!equals || *path)) return true;
    an_cli_say("%s takes NAME=FILE.npy, not '%s'", option, pair);
    return false;
}
