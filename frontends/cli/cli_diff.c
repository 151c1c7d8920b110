/* cli_diff.c -- diff: what two files do not have in common, as lines and as JSON. */
#include "frontends/cli/cli.h"

#include "graph/text/diff.h"

#include <string.h>

/* ---- for people --------------------------------------------------------- */

static void add_line(const char *mark, const char *line, const char *differs, an_text *out)
{
    an_text_addf(out, "%-3s", mark);
    an_text_add(out, line);
    if (differs) {
        an_text_add(out, "  # ");
        an_text_add(out, differs);
    }
    an_text_add(out, "\n");
}

static an_cli_exit print_rows(const an_diff *d)
{
    an_text text = {0};
    for (int64_t i = 0; i < d->count; i++) {
        const an_diff_row *r = &d->rows[i];
        const bool both = r->mark == '~';
        if (r->line[0]) add_line(both ? "~-" : "-", r->line[0], NULL, &text);
        if (r->line[1]) add_line(both ? "~+" : "+", r->line[1], r->differs, &text);
    }
    return an_cli_write(NULL, &text);
}

static int64_t count(const an_diff *d, char mark)
{
    int64_t rows = 0;
    for (int64_t i = 0; i < d->count; i++) rows += d->rows[i].mark == mark;
    return rows;
}

static an_cli_exit sum_up(const an_cli *line, const an_diff *d)
{
    if (d->count == 0)
        an_cli_say("%s and %s are the same", line->operand[0], line->operand[1]);
    else
        an_cli_say("%lld only in %s, %lld only in %s, %lld changed", (long long)count(d, '-'),
                   line->operand[0], (long long)count(d, '+'), line->operand[1],
                   (long long)count(d, '~'));
    return d->count == 0 ? AN_CLI_FINE : AN_CLI_NOT;
}

/* ---- for machines ------------------------------------------------------- */

static json_t *text_or_null(const char *text)
{
    return text ? an_cli_json_text(text) : json_null();
}

static json_t *diff_json(const an_diff *d)
{
    json_t *rows = json_array();
    for (int64_t i = 0; i < d->count; i++) {
        const an_diff_row *r = &d->rows[i];
        const char mark[2] = {r->mark, 0};
        an_cli_json_add(rows, json_pack("{s:s, s:s, s:o, s:o, s:o}", "mark", mark, "kind", r->kind,
                                        "a", text_or_null(r->line[0]), "b",
                                        text_or_null(r->line[1]), "differs",
                                        text_or_null(r->differs)));
    }
    return json_pack("{s:b, s:o}", "same", d->count == 0, "rows", rows);
}

/* ---- the subcommand ----------------------------------------------------- */

static an_cli_exit compare(const an_cli *line, const an_graph *a, const an_graph *b)
{
    an_diff d = {0};
    an_cli_exit answer = AN_CLI_NOT;
    if (!an_diff_make(&d, a, b)) {
        an_cli_say("out of memory");
    } else {
        answer = line->json ? an_cli_write_json(diff_json(&d)) : print_rows(&d);
        if (answer == AN_CLI_FINE) answer = sum_up(line, &d);
    }
    an_diff_free(&d);
    return answer;
}

an_cli_exit an_cli_diff(const an_cli *line)
{
    if (line->operands < 2) {
        an_cli_say("diff compares two files: addnorm diff A.an B.an");
        return AN_CLI_USAGE;
    }
    if (!strcmp(line->operand[0], "-") && !strcmp(line->operand[1], "-")) {
        an_cli_say("only one of two files can be standard input");
        return AN_CLI_USAGE;
    }
    an_graph *a = an_cli_read_graph(line->operand[0]);
    an_graph *b = a ? an_cli_read_graph(line->operand[1]) : NULL;
    const an_cli_exit answer = a && b ? compare(line, a, b) : AN_CLI_FILE;
    an_graph_free(b);
    an_graph_free(a);
    return answer;
}
