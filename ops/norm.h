/* norm.h -- what the norm ops share: one description of the work, forward and back.
 *
 * layer_norm is add_norm without a skip, rms_norm is layer_norm that does not
 * centre, add_rms_norm is rms_norm with a skip, and the same holds backward. Each op
 * only says which tensor plays which part; then one kernel and one reference loop
 * serve all of them, so fused and unfused agree by construction. Kernels and
 * reference share nothing.                                                     */
#ifndef AN_OPS_NORM_H
#define AN_OPS_NORM_H

#include "ops/op.h"

/* Parts an op does not have are NULL; absent operands have NULL data. */
typedef struct an_norm_parts {
    const an_tensor *x, *skip, *gamma, *beta;
    const an_tensor *y, *sum, *mean, *rstd;
    bool rms;
} an_norm_parts;

typedef struct an_norm_grad_parts {
    const an_tensor *dy, *x, *gamma, *mean, *rstd, *dsum;
    const an_tensor *dx, *dgamma, *dbeta;
    bool rms;
} an_norm_grad_parts;

/* A tensor as `rows` of `width`: what lies before the axis, and from it on. */
typedef struct an_norm_cut {
    int64_t rows, width;
} an_norm_cut;
an_norm_cut an_norm_cut_of(const an_tensor *x, int axis);

/* What of it is what, by the roles in the op's record; NULL where the op has no such part. */
an_norm_parts an_norm_parts_of(const an_work *w);
an_norm_grad_parts an_norm_grad_parts_of(const an_work *w);

/* The type of one number per row, and that of gamma and beta. */
an_type an_norm_row_type(const an_type *x, int axis);
an_type an_norm_scale_type(const an_type *x, int axis);
/* infer of a norm, and of its gradient; x, or dy, must be a float and addends alike, by words. */
an_status an_norm_infer(const an_infer *q, an_type out[]);
an_status an_norm_grad_infer(const an_infer *q, an_type out[]);

/* Forward: units are groups of rows. */
int64_t an_norm_units(const an_work *w);
void an_norm_run(const an_work *w, int64_t begin, int64_t end);
void an_norm_ref(const an_work *w);

/* Backward: first blocks of rows, each with a row of its own in the scratch for
 * its share of dgamma and dbeta; then columns, that add the blocks up. */
int64_t an_norm_grad_units(const an_work *w);
void an_norm_grad_run(const an_work *w, int64_t begin, int64_t end);
int64_t an_norm_fold_units(const an_work *w);
void an_norm_fold_run(const an_work *w, int64_t begin, int64_t end);
int64_t an_norm_grad_scratch(const an_work *w);
void an_norm_grad_ref(const an_work *w);
#define AN_NORM_GRAD_RULES                                                                         \
    .infer = an_norm_grad_infer, .ref = an_norm_grad_ref, .scratch = an_norm_grad_scratch,         \
    .stages = {{an_norm_grad_units, an_norm_grad_run}, {an_norm_fold_units, an_norm_fold_run}}

/* Results this large will not be found in a cache by whoever reads them: they are
 * written past it. Decided by type and plan, never by threads; the bits are equal. */
#define AN_STREAM_BYTES ((int64_t)4 << 20)
bool an_norm_streams(const an_norm_cut *cut, const an_tensor *a, const an_tensor *b);

/* One number per row, [B,T], as it broadcasts against x: [B,T,1]. */
an_value an_norm_keep(an_value statistic, an_value x, int axis);
/* x's axes from `axis` on, and those before it. */
an_axes an_norm_axes(an_value x, int axis);
an_axes an_norm_leading(int axis);
/* A node of layer_norm_grad or rms_norm_grad; gamma may be AN_NONE, mean is unused by rms. */
an_value an_norm_grad_node(const an_call *c, int op, const an_value *in, int count);

static inline float *an_norm_floats(const an_tensor *t)
{
    return t ? t->data : NULL;
}

#endif
