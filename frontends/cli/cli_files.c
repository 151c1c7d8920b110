/* cli_files.c -- how the command reads, writes and talks.
 *
 * What a file holds may be anything: it is checked for being text before it is
 * parsed, and messages that quote it show no control characters. Output is made
 * whole in memory first, so a failed run leaves nothing half-written, and a full
 * disk or a closed standard output is an error like any other.              */
#include "frontends/cli/cli.h"

#include "core/file.h"
#include "core/memory.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* ---- talk -------------------------------------------------------------- */

/* Names in a file must not steer the terminal. */
static void disarm(char *text)
{
    for (char *p = text; *p; p++)
        if (((unsigned char)*p < ' ' && *p != '\n') || *p == 127) *p = '?';
}

void an_cli_say(const char *format, ...)
{
    char line[4096];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    if (an_is_lost(line)) snprintf(line, sizeof line, "out of memory");
    disarm(line);
    fprintf(stderr, "addnorm: %s\n", line);
}

an_cli_exit an_cli_say_text(an_text *text)
{
    const bool failed = text->failed;
    if (text->data) disarm(text->data);
    if (failed) an_cli_say("out of memory");
    else fputs(an_text_view(text), stderr);
    an_text_free(text);
    return failed ? AN_CLI_NOT : AN_CLI_FINE;
}

/* ---- reading ----------------------------------------------------------- */

static bool is_text(const char *path, const an_text *text)
{
    const char *bytes = an_text_view(text);
    const char *zero = memchr(bytes, 0, (size_t)text->length);
    if (!zero) return true;
    an_cli_say("%s: byte %lld is 0, so this is no text and no graph; a graph is a text of lines "
               "like '%%3: f32[B,4] = add %%1, %%2'", path, (long long)(zero - bytes));
    return false;
}

an_graph *an_cli_read_graph(const char *path)
{
    const char *name = strcmp(path, "-") ? path : "standard input";
    an_text text = {0};
    an_error error = {0};
    an_graph *g = NULL;
    if (an_file_read(path, &text, &error) != AN_OK) {
        an_cli_say("%s", error.text);
    } else if (is_text(name, &text)) {
        g = an_parse(.text = an_text_view(&text), .name = name);
        if (!g) an_cli_say("%s: out of memory", name);
    }
    an_text_free(&text);
    if (g && an_graph_status(g) != AN_OK) {
        an_cli_say("%s", an_graph_message(g));
        an_graph_free(g);
        return NULL;
    }
    return g;
}

/* ---- writing ----------------------------------------------------------- */

static an_cli_exit print(const an_text *text)
{
    const size_t size = (size_t)text->length;
    const bool good = fwrite(an_text_view(text), 1, size, stdout) == size && !fflush(stdout);
    if (!good) an_cli_say("standard output: cannot write it: %s", strerror(errno));
    return good ? AN_CLI_FINE : AN_CLI_FILE;
}

an_cli_exit an_cli_write(const char *path, an_text *text)
{
    an_cli_exit answer = AN_CLI_FINE;
    an_error error = {0};
    if (text->failed) {
        an_cli_say("out of memory");
        answer = AN_CLI_NOT;
    } else if (!path || !strcmp(path, "-")) {
        answer = print(text);
    } else if (an_file_write(path, an_text_view(text), text->length, &error) != AN_OK) {
        an_cli_say("%s", error.text);
        answer = AN_CLI_FILE;
    }
    an_text_free(text);
    return answer;
}

an_cli_exit an_cli_write_string(const char *path, char *text)
{
    an_text copy = {.failed = !text};
    an_text_add(&copy, text ? text : "");
    an_string_free(text);
    return an_cli_write(path, &copy);
}

/* ---- JSON -------------------------------------------------------------- */

static int add_piece(const char *bytes, size_t count, void *text)
{
    an_text_add_bytes(text, bytes, (int64_t)count);
    return 0;
}

/* What cannot be made is lost, as a text is: nothing that holds it can be written. */
static json_t *json_or_lost(json_t *made)
{
    return made ? made : json_string_nocheck(an_lost);
}

void an_cli_json_add(json_t *list, json_t *element)
{
    json_array_append_new(list, json_or_lost(element));
}

an_cli_exit an_cli_write_json(json_t *root)
{
    an_text text = {.failed = !root};
    if (root && json_dump_callback(root, add_piece, &text, JSON_INDENT(2)) != 0) text.failed = true;
    an_text_add(&text, "\n");
    json_decref(root);
    return an_cli_write(NULL, &text);
}

json_t *an_cli_json_text(const char *text)
{
    return json_or_lost(an_json_text(text));
}
