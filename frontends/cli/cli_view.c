/* cli_view.c -- dot, mermaid, json and summary: a graph as a picture, as data and as a table. */
#include "frontends/cli/cli.h"

#include "frontends/frontends.h"

#include <string.h>

/* The library's depth: 0 lets it choose, -1 closes all scopes. */
bool an_cli_depth(const an_cli *line, int *depth)
{
    if (line->depth > 1000) {
        an_cli_say("--depth is at most 1000");
        return false;
    }
    *depth = line->depth < 0 ? 0 : line->depth == 0 ? -1 : (int)line->depth;
    return true;
}

static bool check_view(const an_cli *line)
{
    if (line->color && strcmp(line->color, "category") != 0 && strcmp(line->color, "phase") != 0) {
        an_cli_say("--color takes category or phase, not '%s'", line->color);
        return false;
    }
    if (line->direction && strcmp(line->direction, "down") && strcmp(line->direction, "right")) {
        an_cli_say("--direction takes down or right, not '%s'", line->direction);
        return false;
    }
    if (line->radius <= 1000) return true;
    an_cli_say("--radius is at most 1000");
    return false;
}

an_cli_exit an_cli_drawn(an_status status, const char *message)
{
    if (status == AN_OK && message[0]) an_cli_say("%s", message);
    if (status == AN_OK) return AN_CLI_FINE;
    an_cli_say("%s", message);
    if (status == AN_E_ARGUMENT || status == AN_E_NAME) return AN_CLI_USAGE;
    return status == AN_E_IO ? AN_CLI_FILE : AN_CLI_NOT;
}

bool an_cli_is_page(const char *path)
{
    const char *end = path ? strrchr(path, '.') : NULL;
    return end && !strcmp(end, ".html");
}

an_cli_exit an_cli_page(an_page_args *args)
{
    char message[1024] = "";
    args->message = message;
    args->message_size = (int64_t)sizeof message;
    return an_cli_drawn(an_page_file_with(args), message);
}

/* A picture by its ending; everything that Graphviz or the file system refuses is
 * told by the library. */
static an_cli_exit draw(const an_cli *line, an_dot_args *args)
{
    char message[1024];
    args->path = line->output;
    args->message = message;
    args->message_size = (int64_t)sizeof message;
    return an_cli_drawn(an_dot_file_with(args), message);
}

typedef char *(*writer)(const an_dot_args *args);

static an_cli_exit print(const an_cli *line, writer write, an_dot_args *args)
{
    char message[1024] = "";
    args->message = message;
    args->message_size = (int64_t)sizeof message;
    char *text = write(args);
    return text || !message[0] ? an_cli_write_string(line->output, text)
                               : an_cli_drawn(AN_E_NAME, message);
}

/* A page has all of that to choose from. */
static bool check_page(const an_cli *line)
{
    const bool part = line->diff || line->focus || line->phase || line->scope || line->from ||
                      line->to || line->unfold || line->whole || line->depth >= 0;
    if (!an_cli_is_page(line->output) || !part) return true;
    an_cli_say("%s: a page shows the graph as a whole and in parts; what part of it, and how, is "
               "chosen there", line->output);
    return false;
}

/* Reads the graph to be drawn, fused ops taken apart if that is asked for. */
static an_graph *read_drawn(const an_cli *line)
{
    an_graph *g = an_cli_read_graph(line->operand[0]);
    if (!g || !line->unfused) return g;
    an_optimised *o = an_optimise(g, .passes = "unfuse");
    an_graph *apart = an_optimised_take(o);
    if (!apart) an_cli_say("%s: %s", line->operand[0], an_optimised_message(o));
    an_optimised_free(o);
    an_graph_free(g);
    return apart;
}

static an_cli_exit show(const an_cli *line, writer write, const an_graph *g,
                        const an_graph *before, int depth)
{
    const bool right = line->direction && !strcmp(line->direction, "right");
    const bool phase = line->color && !strcmp(line->color, "phase");
    an_dot_args args = {.at = AN_HERE, .graph = g, .diff = before, .depth = depth,
                        .focus = line->focus, .radius = (int)line->radius,
                        .unfold = line->unfold, .phase = line->phase,
                        .scope = line->scope, .from = line->from, .to = line->to,
                        .whole = line->whole, .title = line->title,
                        .no_legend = line->no_legend,
                        .color = phase ? AN_COLOR_PHASE : AN_COLOR_CATEGORY,
                        .direction = right ? AN_DIRECTION_RIGHT : AN_DIRECTION_DOWN};
    if (an_cli_is_page(line->output))
        return an_cli_page(&(an_page_args){.graph = g, .path = line->output, .title = line->title,
                                           .bind = line->bind});
    const bool picture = line->output && strcmp(line->output, "-") != 0;
    return picture && write == an_dot_with ? draw(line, &args) : print(line, write, &args);
}

static an_cli_exit view(const an_cli *line, writer write)
{
    int depth;
    if (!check_view(line) || !check_page(line) || !an_cli_depth(line, &depth)) return AN_CLI_USAGE;
    an_graph *g = read_drawn(line);
    an_graph *before = g && line->diff ? an_cli_read_graph(line->diff) : NULL;
    const bool good = g && (before || !line->diff);
    const an_cli_exit answer = good ? show(line, write, g, before, depth) : AN_CLI_FILE;
    an_graph_free(before);
    an_graph_free(g);
    return answer;
}

an_cli_exit an_cli_dot(const an_cli *line)
{
    return view(line, an_dot_with);
}

an_cli_exit an_cli_mermaid(const an_cli *line)
{
    return view(line, an_mermaid_with);
}

an_cli_exit an_cli_summary(const an_cli *line)
{
    an_graph *g = an_cli_read_graph(line->operand[0]);
    if (!g) return AN_CLI_FILE;
    const bool good = an_cli_check_bind(line, g);
    const an_cli_exit answer =
        good ? an_cli_write_string(NULL, an_summary(g, .bind = line->bind)) : AN_CLI_USAGE;
    an_graph_free(g);
    return answer;
}

an_cli_exit an_cli_json(const an_cli *line)
{
    an_graph *g = an_cli_read_graph(line->operand[0]);
    if (!g) return AN_CLI_FILE;
    const bool good = an_cli_check_bind(line, g);
    const an_cli_exit answer =
        good ? an_cli_write_string(line->output, an_graph_json(g, line->bind)) : AN_CLI_USAGE;
    an_graph_free(g);
    return answer;
}
