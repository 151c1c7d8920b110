/* cli_passes.c -- print, opt and passes: a graph as text, before and after passes,
 * and what the passes have to say about it.                                 */
#include "frontends/cli/cli.h"

#include "graph/text/excerpt.h"
#include "graph/text/lines.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

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

/* ---- a picture behind each pass ------------------------------------------ */

typedef struct album {
    const an_cli *line;
    an_graph *now; /* behind the passes so far */
    int pages;
    an_cli_exit answer;
} album;

static void draw_page(album *x, const char *pass, const an_graph *behind)
{
    char message[1024] = "";
    an_text path = {0};
    an_text_addf(&path, "%s/%d_%.*s.svg", x->line->dot_dir, ++x->pages,
                 (int)strcspn(pass, "=/"), pass);
    if (an_text_is_same(x->now, behind)) {
        an_cli_say("%s changes nothing", pass);
    } else {
        const an_status status =
            an_dot_file(behind, an_text_view(&path), .diff = x->now, .title = pass,
                        .message = message, .message_size = (int64_t)sizeof message);
        x->answer = an_cli_drawn(status, message);
        if (status == AN_OK)
            an_cli_say("%s: %lld nodes became %lld", an_text_view(&path),
                       (long long)an_graph_node_count(x->now),
                       (long long)an_graph_node_count(behind));
    }
    an_text_free(&path);
}

/* Runs one pass, its word of a list, and draws what it changed. */
static void add_page(album *x, const char *pass)
{
    an_optimised *o = an_optimise(x->now, .passes = pass);
    an_graph *behind = an_optimised_take(o);
    if (!behind) {
        an_cli_say("%s failed: %s", pass, an_optimised_message(o));
        x->answer = AN_CLI_NOT;
    } else {
        draw_page(x, pass, behind);
        an_graph_free(x->now);
        x->now = behind;
    }
    an_optimised_free(o);
}

static an_cli_exit draw_passes(const an_cli *line, const an_graph *g)
{
    album x = {.line = line, .answer = AN_CLI_FINE};
    if (mkdir(line->dot_dir, 0777) != 0 && errno != EEXIST) {
        an_cli_say("%s: %s", line->dot_dir, strerror(errno));
        return AN_CLI_FILE;
    }
    an_optimised *o = an_optimise(g, .passes = line->inference ? "inference" : "");
    x.now = an_optimised_take(o);
    an_optimised_free(o);
    an_text word = {0};
    const char *list = line->passes ? line->passes : "";
    while (x.now && x.answer == AN_CLI_FINE && an_text_next_word(&list, ", ", &word))
        add_page(&x, an_text_view(&word));
    for (int i = 0; x.now && !line->passes && x.answer == AN_CLI_FINE && an_pass_name(i); i++)
        add_page(&x, an_pass_name(i));
    an_text_free(&word);
    an_graph_free(x.now);
    return x.answer;
}

/* All of it to look at: the graph, and behind each pass. */
static an_cli_exit write_page(const an_cli *line, const an_graph *g)
{
    an_text passes = {0};
    const char *list = line->passes ? line->passes : "";
    an_text_addf(&passes, "%s%s", line->inference ? "inference," : "", list);
    for (int i = 0; !line->passes && an_pass_name(i); i++)
        an_text_addf(&passes, "%s%s", i ? "," : "", an_pass_name(i));
    const an_cli_exit answer = an_cli_page(&(an_page_args){
        .graph = g, .path = line->output, .passes = an_text_view(&passes)});
    an_text_free(&passes);
    return answer;
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
        if (answer == AN_CLI_FINE && line->dot_dir) answer = draw_passes(line, g);
        if (answer == AN_CLI_FINE && an_cli_is_page(line->output)) answer = write_page(line, g);
        else if (answer == AN_CLI_FINE)
            answer = line->json ? an_cli_write_json(report(g, o))
                                : an_cli_write_string(line->output,
                                                      an_print(an_optimised_graph(o)));
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
                           "training), unfuse (fused ops\nbecome the ops that they stand for; "
                           "exact), and behind all others recompute=SCOPES (block_*: values\n"
                           "of such scopes are computed again for gradients instead of kept; "
                           "exact).\n");
        return an_cli_write(NULL, &text);
    }
    json_t *list = json_array();
    for (int i = 0; an_pass_name(i); i++)
        an_cli_json_add(list, json_pack("{s:s, s:b, s:s}", "name", an_pass_name(i), "exact",
                                        an_pass_is_exact(i), "summary", an_pass_summary(i)));
    return an_cli_write_json(list);
}
