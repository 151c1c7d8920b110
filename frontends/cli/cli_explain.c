/* cli_explain.c -- what an error's code means: one, or all of them, which is the page
 * core/errors.md. */
#include "frontends/cli/cli.h"

#include <stdlib.h>
#include <string.h>

/* The paragraph up to `end`, each of its lines indented. */
static void add_indented(const char *p, const char *end, an_text *out)
{
    while (p < end) {
        const char *stop = memchr(p, '\n', (size_t)(end - p));
        if (!stop) stop = end;
        an_text_add(out, "    ");
        an_text_add_bytes(out, p, stop - p);
        an_text_add(out, "\n");
        p = stop + 1;
    }
}

/* Words up to `end` in lines of at most 80 columns. */
static void add_filled(const char *p, const char *end, an_text *out)
{
    int64_t column = 0;
    for (int64_t length; p < end; p += length + 1) {
        const char *blank = memchr(p, ' ', (size_t)(end - p));
        length = (blank ? blank : end) - p;
        const bool fits = column > 0 && column + 1 + length <= 80;
        if (column > 0) an_text_add(out, fits ? " " : "\n");
        column = fits ? column + 1 + length : length;
        an_text_add_bytes(out, p, length);
    }
    an_text_add(out, "\n");
}

/* Meaning, example and way out are paragraphs (core/core.h). */
static void add_status(an_status status, an_text *out)
{
    const char *text = an_status_explain(status);
    const char *example = strstr(text, "\n\n"), *way = example ? strstr(example + 2, "\n\n") : NULL;
    if (!way) return;
    an_text_addf(out, "## AN-E%03d: %s\n\n", (int)status, an_status_name(status));
    add_filled(text, example, out);
    an_text_add(out, "\n");
    add_indented(example + 2, way, out);
    an_text_add(out, "\n");
    add_filled(way + 2, text + strlen(text) - 1, out);
}

/* "AN-E012", "E012", "12": the status, or -1. */
static int read_code(const char *word)
{
    if (!strncmp(word, "AN-", 3)) word += 3;
    if (*word == 'E' || *word == 'e') word++;
    char *end;
    const long number = strtol(word, &end, 10);
    const bool known = end != word && !*end && number > 0 && number < 1000 &&
                       an_status_explain((an_status)number);
    return known ? (int)number : -1;
}

an_cli_exit an_cli_explain(const an_cli *line)
{
    an_text out = {0};
    if (line->operands > 0) {
        const int code = read_code(line->operand[0]);
        if (code < 0) {
            an_cli_say("there is no error '%s'; addnorm explain lists all", line->operand[0]);
            return AN_CLI_USAGE;
        }
        add_status((an_status)code, &out);
        return an_cli_write(NULL, &out);
    }
    an_text_add(&out, "# What errors mean\n");
    for (int code = 1; code < 1000; code++) {
        if (!an_status_explain((an_status)code)) continue;
        an_text_add(&out, "\n");
        add_status((an_status)code, &out);
    }
    return an_cli_write(NULL, &out);
}
