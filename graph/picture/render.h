/* render.h -- a picture as a file, laid out by Graphviz if its ending asks for that. */
#ifndef AN_GRAPH_PICTURE_RENDER_H
#define AN_GRAPH_PICTURE_RENDER_H

#include "core/core.h"

/* What `make` says of `context`, as a file that is a picture by its ending. If Graphviz fails on it
 * or takes too long, simpler forms are asked for, 1 to AN_SIMPLEST; the message says so. */
typedef char *(*an_picture_fn)(const void *context, int simpler);
an_status an_picture_file(const char *path, an_picture_fn make, const void *context,
                          char *message, int64_t message_size);

#endif
