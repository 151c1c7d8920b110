/* page.h -- what the files of a page share while it is made. */
#ifndef AN_FRONTENDS_PAGE_PAGE_H
#define AN_FRONTENDS_PAGE_PAGE_H

#include "frontends/frontends.h"
#include "frontends/inspect/graph_json.h"
#include "graph/picture/view.h"

#define AN_PAGE_USUAL 32 /* what a dim is that nobody named */

typedef struct an_page {
    const an_page_args *args;
    an_status status;  /* the first error; its message is in args->message */
    json_t *graphs, *views, *passes;
    an_text svgs;      /* a script element for each view */
    int64_t count;     /* of views */
    int64_t left_out;  /* views that there was no room for */
    uint64_t *drawn;   /* hashes of the sources drawn, so that none is drawn twice */
    int64_t drawn_capacity;
} an_page;

an_status an_page_fail(an_page *p, an_status status, const char *text);

/* page_views.c: each adds views; nothing once a status is bad. */
void an_page_draw_graph(an_page *p);
void an_page_draw_passes(an_page *p);
void an_page_draw_equivalence(an_page *p);
void an_page_draw_memory(an_page *p);

/* page_json.c: what else the script reads; NULL if memory is out. */
json_t *an_page_json(an_page *p);
/* Puts a root into the page, compact, so that no text in it ends the script; frees it. */
void an_page_put_json(json_t *root, an_text *out);

#endif
