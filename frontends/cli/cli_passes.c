/* cli_passes.c -- print, opt and passes: a graph as text, before and after passes,
 * and what the passes have to say about it.                                 */
#include "frontends/cli/cli.h"

#include "graph/text/excerpt.h"

#include <string.h>

/* ---- notes ------------------------------------------------------------- */

void an_cli_add_notes(const an_optimised *o, an_text *out)
{
    const an_note *n;
    for (int done = 1; done >= 0; done--)
        for (int64_t i = 0; (n = an_optimised_note(o, i)) != NULL; i++) {
            if (n->done != (done == 1)) continue;
            const char *did = strcmp(n->pass, "fuse_add_norm") ? "done" : "fused";
            an_text_addf(out, "  %-8s %s", n->done ? did : "refused", n->text);
            an_text_addf(out, n->done ? "\n" : " (%s)\n", n->reason);
        }
}

json_t *an_cli_json_notes(const an_optimised *o)
{
    json_t *list = json_array();
    const an_note *n;
    for (int64_t i = 0; (n = an_optimised_note(o, i)) != NULL; i++) {
        an_cli_json_add(list, json_pack("{s:o, s:b, s:o, s:I, s:o}", "pass",
                                        an_cli_json_text(n->pass), "done", n->done, "reason",
                                        an_cli_json_text(n->reason), "node",
                                        (json_int_t)n->ordinal, "text",
                                        an_cli_json_text(n->text)));
    }
    return list;
}

/* ---- subcommands ------------------------------------------------------- */

/* The lines near what --around names. */
static an_cli_exit print_around(const an_cli *line, const an_graph *g)
{
    an_text text = {0};
    const an_status status =
        an_print_around(g, line->around, line->radius, line->locations, &text);
    if (status != AN_E_NAME) return an_cli_write(NULL, &text);
    an_cli_say("--around: %s", an_text_view(&text));
    an_text_free(&text);
    return AN_CLI_USAGE;
}

an_cli_exit an_cli_print(const an_cli *line)
{
    if (line->radius > 0 && !line->around) {
        an_cli_say("--radius says how near to --around NAME, which is missing");
        return AN_CLI_USAGE;
    }
    an_graph *g = an_cli_read_graph(line->operand[0]);
    if (!g) return AN_CLI_FILE;
    if (line->around) {
        const an_cli_exit answer = print_around(line, g);
        an_graph_free(g);
        return answer;
    }
    char *text = an_print(g, .locations = line->locations);
    an_graph_free(g);
    return an_cli_write_string(NULL, text);
}

static json_t *report(const an_graph *before, const an_optimised *o)
{
    char *text = an_print(an_optimised_graph(o));
    json_t *root = text ? json_pack("{s:I, s:I, s:o, s:o}", "nodes_before",
                                    (json_int_t)an_graph_node_count(before), "nodes_after",
                                    (json_int_t)an_graph_node_count(an_optimised_graph(o)), "notes",
                                    an_cli_json_notes(o), "graph", an_cli_json_text(text))
                        : NULL;
    an_string_free(text);
    return root;
}

static an_cli_exit explain(const an_graph *before, const an_optimised *o)
{
    an_text text = {0};
    an_text_addf(&text, "%lld nodes became %lld\n", (long long)an_graph_node_count(before),
                 (long long)an_graph_node_count(an_optimised_graph(o)));
    an_cli_add_notes(o, &text);
    if (!an_optimised_note(o, 0)) an_text_add(&text, "  nothing to fuse: no norm reads a sum\n");
    return an_cli_say_text(&text);
}

an_cli_exit an_cli_opt(const an_cli *line)
{
    if (!an_cli_check_passes(line->passes)) return AN_CLI_USAGE;
    an_graph *g = an_cli_read_graph(line->operand[0]);
    if (!g) return AN_CLI_FILE;
    an_optimised *o = an_optimise(g, .passes = line->passes, .inference = line->inference);
    an_cli_exit answer = AN_CLI_NOT;
    if (!an_optimised_graph(o)) {
        an_cli_say("%s: the passes failed: %s", line->operand[0], an_optimised_message(o));
    } else {
        answer = line->explain ? explain(g, o) : AN_CLI_FINE;
        if (answer == AN_CLI_FINE)
            answer = line->json ? an_cli_write_json(report(g, o))
                                : an_cli_write_string(NULL, an_print(an_optimised_graph(o)));
    }
    an_optimised_free(o);
    an_graph_free(g);
    return answer;
}

an_cli_exit an_cli_passes(const an_cli *line)
{
    if (!line->json) {
        an_text text = {0};
        for (int i = 0; an_pass_name(i); i++)
            an_text_addf(&text, "%-14s %-8s %s\n", an_pass_name(i),
                         an_pass_is_exact(i) ? "exact" : "", an_pass_summary(i));
        an_text_add(&text, "\nBesides, if asked for by --passes: inference (what ops mean outside "
                           "training), and behind\nall others recompute=SCOPES (block_*: values "
                           "of such scopes are computed again for gradients\ninstead of kept; "
                           "exact).\n");
        return an_cli_write(NULL, &text);
    }
    json_t *list = json_array();
    for (int i = 0; an_pass_name(i); i++)
        an_cli_json_add(list, json_pack("{s:s, s:b, s:s}", "name", an_pass_name(i), "exact",
                                        an_pass_is_exact(i), "summary", an_pass_summary(i)));
    return an_cli_write_json(list);
}
