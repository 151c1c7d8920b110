/* window.h -- windows that slide over the last two axes of images [N,C,H,W].
 *
 * How convolutions and pools count windows, and what their attributes must be. */
#ifndef AN_OPS_WINDOW_H
#define AN_OPS_WINDOW_H

#include "ops/op.h"

#define AN_MOST_WINDOW (1 << 20) /* of any number here, so that products of two fit */

/* Refuses attributes that the op has but that are no window; of pools also paddings that let a
 * window lie beside its image. */
an_status an_want_window(const an_infer *q);
/* How many windows of `size` there are along axis 0, rows, or 1, columns, of that extent. */
an_status an_window_count(const an_infer *q, int axis, an_dim extent, int64_t size, an_dim *out);
/* "x has 3 of 4 rows ..." of dims that must be alike. */
an_status an_want_dim(const an_infer *q, const char *what, an_dim has, an_dim wants);

/* The attributes, each number written out. */
an_attrs an_window_attrs(const an_window *window, bool pools);

#endif
