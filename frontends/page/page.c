/* page.c -- one HTML file: pictures, what is known of their nodes, and the script between.
 *
 * Everything is in it, as elements that the browser does not look into until the script does: the
 * pictures as text, the facts as JSON. Without a script there is a line that says so. */
#include "frontends/page/page.h"

#include <stdio.h>
#include <string.h>

#include "core/file.h"
#include "frontends/page/assets.h"

an_status an_page_fail(an_page *p, an_status status, const char *text)
{
    if (p->status != AN_OK) return p->status;
    if (p->args->message && p->args->message_size > 0)
        snprintf(p->args->message, (size_t)p->args->message_size, "%s", text);
    return p->status = status;
}

static void add_lines(const char *const *lines, an_text *out)
{
    for (; *lines; lines++) an_text_add(out, *lines);
}

/* Words as HTML has them. */
static void add_words(const char *text, an_text *out)
{
    int takes;
    for (int64_t left = (int64_t)strlen(text); left > 0; text += takes, left -= takes) {
        if (!an_xml_character(text, left, &takes)) an_text_add(out, "\357\277\275");
        else if (*text == '<') an_text_add(out, "&lt;");
        else if (*text == '&') an_text_add(out, "&amp;");
        else an_text_add_bytes(out, text, takes);
    }
}

static void write_page(an_page *p, an_text *out)
{
    const an_page_args *a = p->args;
    const an_graph *g = a->equivalence ? an_equivalence_graph(a->equivalence, 0) : a->graph;
    an_text_add(out, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
                     "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
                     "<link rel=\"icon\" href=\"data:,\">\n<title>");
    const char *title = a->title ? a->title : g->name[0] ? g->name : "graph";
    add_words(title, out);
    an_text_add(out, "</title>\n<style>\n");
    add_lines(an_page_style, out);
    an_text_add(out, "</style>\n</head>\n<body>\n"
                     "<noscript>This page draws its pictures with a script.</noscript>\n"
                     "<script type=\"application/json\" id=\"facts\">");
    an_page_put_json(an_page_json(p), out);
    an_text_add(out, "</script>\n");
    an_text_add(out, an_text_view(&p->svgs));
    if (p->svgs.failed) out->failed = true;
    an_text_add(out, "<script>\n");
    add_lines(an_page_script, out);
    an_text_add(out, "</script>\n</body>\n</html>\n");
}

static void draw(an_page *p)
{
    if (p->args->equivalence) {
        an_page_draw_equivalence(p);
        return;
    }
    an_page_draw_graph(p);
    an_page_draw_passes(p);
    an_page_draw_memory(p);
}

an_status an_page_file_with(const an_page_args *args)
{
    const an_equivalence *e = args ? args->equivalence : NULL;
    if (!args || !args->path || (!e && !args->graph)) return AN_E_ARGUMENT;
    if (e && (!an_equivalence_graph(e, 0) || !an_equivalence_graph(e, 1))) return AN_E_ARGUMENT;
    if (args->message && args->message_size > 0) args->message[0] = 0;
    an_page p = {.args = args, .graphs = json_array(), .views = json_array(),
                 .passes = json_array()};
    an_text out = {0};
    draw(&p);
    if (p.status == AN_OK) write_page(&p, &out);
    if (p.status == AN_OK && out.failed) an_page_fail(&p, AN_E_MEMORY, "out of memory");
    if (p.status == AN_OK) {
        an_error error = {0};
        if (an_file_write(args->path, an_text_view(&out), out.length, &error) != AN_OK)
            an_page_fail(&p, error.status, strchr(error.text, ':') + 2);
    }
    an_text_free(&out);
    an_text_free(&p.svgs);
    an_free(p.drawn);
    json_decref(p.graphs);
    json_decref(p.views);
    json_decref(p.passes);
    return p.status;
}
