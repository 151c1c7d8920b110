/* norm_rows.c -- whether the rows that norms saw could show a fault.
 *
 * Of a constant row a norm makes its shift, whatever is wrong with its mean, its sum
 * or its scale; width 1 has no other rows. To an rms norm only zeros are such a row. */
#include "graph/equal/trial.h"

#include <math.h>

static bool row_varies(const an_tensor *x, int64_t from, int64_t width, bool rms)
{
    const double first = rms ? 0 : an_tensor_get(x, from);
    bool varies = false;
    for (int64_t i = 0; i < width; i++) {
        const double v = an_tensor_get(x, from + i);
        if (!isfinite(v)) return false; /* then the whole row is NaN */
        varies = varies || v != first;
    }
    return varies;
}

static bool some_row_varies(const an_tensor *x, int axis, bool rms)
{
    int64_t width = 1;
    for (int i = axis < 0 ? axis + x->rank : axis; i < x->rank; i++) width *= x->extent[i];
    for (int64_t from = 0; width > 0 && from < an_tensor_count(x); from += width)
        if (row_varies(x, from, width, rms)) return true;
    return false;
}

bool an_norms_see_constants(const an_trial_side *s)
{
    bool norms = false;
    for (int64_t i = 1; i <= s->g->node_count; i++) {
        const an_node *n = &s->g->nodes[i];
        const an_norm_roles *r = &n->op->rules->norm;
        if (!an_node_is_norm(n)) continue;
        norms = true;
        const an_tensor *rows = &s->e.value[an_node_role(n, r->row)];
        if (some_row_varies(rows, n->attrs->axis, !r->mean)) return false;
    }
    return norms;
}
