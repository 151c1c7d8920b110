/* assets.h -- the page's script and style, as lines up to a NULL. */
#ifndef AN_FRONTENDS_PAGE_ASSETS_H
#define AN_FRONTENDS_PAGE_ASSETS_H

extern const char *const an_page_script[], *const an_page_style[];

#endif
