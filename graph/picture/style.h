/* style.h -- what the writers of pictures share: safe text, colours, labels. */
#ifndef AN_GRAPH_PICTURE_STYLE_H
#define AN_GRAPH_PICTURE_STYLE_H

#include "graph/picture/view.h"

/* ---- text in pictures (style.c) ----------------------------------------- */

/* Each takes any bytes; what is not UTF-8, or no character, becomes U+FFFD. */
void an_dot_add_quoted(an_text *out, const char *text, int64_t length); /* inside "..." */
void an_dot_add_tooltip(an_text *out, const char *text, int64_t length); /* the same, read twice */
void an_dot_add_html(an_text *out, const char *text, int64_t length);   /* inside <...> */
void an_mermaid_add(an_text *out, const char *text, int64_t length);    /* inside ["..."] */
/* Breaks at blanks into at most `lines` lines of about `width` characters. */
void an_dot_add_wrapped(an_text *out, const char *text, int width, int lines);

typedef struct an_paint {
    const char *fill, *line;
} an_paint;
an_paint an_dot_paint(const an_view *v, const an_unit *u, const an_dot_args *args);
void an_dot_legend(const an_view *v, const an_dot_args *args, an_text *out);

/* label=<...>, and tooltip="..." (dot_label.c). */
void an_dot_label(const an_view *v, uint32_t unit, an_text *out);
void an_dot_tooltip(const an_view *v, uint32_t unit, an_text *out);
/* The types of its values but of those `said`; NULL: of all. */
void an_dot_edge_label(const an_view *v, const an_edge *e, bool *said, an_text *out);

#endif
