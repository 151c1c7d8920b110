/* window.c -- see window.h. */
#include "ops/images/window.h"

/* ---- what the attributes must be ----------------------------------------- */

static an_status want_numbers(const an_infer *q, int id, const an_ints *list, int count, int least)
{
    const char *name = an_attr(id)->name;
    if (!(q->op->attribute_set >> id & 1)) return AN_OK;
    if (list->count != count)
        return an_refuse(q, AN_E_ATTRIBUTE, "%s has %d numbers, not %d", name, list->count, count);
    for (int i = 0; i < count; i++)
        if (list->at[i] < least || list->at[i] > AN_MOST_WINDOW)
            return an_refuse(q, AN_E_ATTRIBUTE, "%s %d is not from %d to %d", name, list->at[i],
                             least, AN_MOST_WINDOW);
    return AN_OK;
}

/* A window that holds no element of its image has no largest one, and no mean. */
static an_status want_inside(const an_infer *q)
{
    const an_attrs *a = q->attrs;
    for (int i = 0; i < 4; i++)
        if (a->padding.at[i] >= a->window.at[i / 2]) {
            an_refuse(q, AN_E_ATTRIBUTE, "padding %d is not below the window's extent %d",
                      a->padding.at[i], a->window.at[i / 2]);
            return an_hint(q, AN_E_ATTRIBUTE, "a window would lie beside the image");
        }
    return AN_OK;
}

an_status an_want_window(const an_infer *q)
{
    const an_attrs *a = q->attrs;
    const bool pools = q->op->attribute_set >> AN_ATTR_window & 1;
    an_status s = want_numbers(q, AN_ATTR_window, &a->window, 2, 1);
    if (s == AN_OK) s = want_numbers(q, AN_ATTR_stride, &a->stride, 2, 1);
    if (s == AN_OK) s = want_numbers(q, AN_ATTR_padding, &a->padding, 4, 0);
    if (s == AN_OK) s = want_numbers(q, AN_ATTR_dilation, &a->dilation, 2, 1);
    if (s != AN_OK || pools) return s == AN_OK ? want_inside(q) : s;
    return a->groups >= 1 ? AN_OK
                          : an_refuse(q, AN_E_ATTRIBUTE, "groups is %d, not at least 1", a->groups);
}

an_attrs an_window_attrs(const an_window *window, bool pools)
{
    an_attrs a = {.window.count = 2, .stride.count = 2, .padding.count = 4, .dilation.count = 2,
                  .groups = window->groups ? window->groups : 1, .counted = window->counted};
    for (int i = 0; i < 2; i++) {
        const int usual = pools ? window->size[i] : 1;
        a.window.at[i] = window->size[i];
        a.stride.at[i] = window->stride[i] ? window->stride[i] : usual;
        a.dilation.at[i] = window->dilation[i] ? window->dilation[i] : 1;
    }
    for (int i = 0; i < 4; i++) a.padding.at[i] = window->padding[i];
    return a;
}

/* ---- extents ------------------------------------------------------------- */

an_status an_window_count(const an_infer *q, int axis, an_dim extent, int64_t size, an_dim *out)
{
    static const char *const names[] = {"rows", "columns"};
    const an_attrs *a = q->attrs;
    const int dilation = a->dilation.count > 0 ? a->dilation.at[axis] : 1;
    const int64_t padding = (int64_t)a->padding.at[2 * axis] + a->padding.at[2 * axis + 1];
    const an_dim span = dilation * (size - 1) + 1;
    const an_dim padded = an_infer_add(q, extent, padding);
    const an_dim left = an_infer_sub(q, padded, span);
    *out = an_infer_add(q, an_infer_div(q, left, a->stride.at[axis]), 1);
    if (*out != AN_DIM_BAD) return AN_OK;
    an_text text = {0};
    an_dims_print(q->dims, padded, &text);
    an_refuse(q, AN_E_SHAPE, "a window over %lld %s does not fit into %s, padding included",
              (long long)span, names[axis], an_text_view(&text));
    an_text_free(&text);
    return AN_E_SHAPE;
}

an_status an_want_dim(const an_infer *q, const char *what, an_dim has, an_dim wants)
{
    if (has == wants) return AN_OK;
    an_text x = {0}, y = {0};
    an_dims_print(q->dims, has, &x);
    an_dims_print(q->dims, wants, &y);
    an_refuse(q, AN_E_SHAPE, "%s must be %s, not %s", what, an_text_view(&y), an_text_view(&x));
    an_text_free(&x);
    an_text_free(&y);
    return AN_E_SHAPE;
}
