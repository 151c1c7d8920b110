/* loss.h -- what losses share: how gradients reach them, and means in fixed order.
 *
 * Every loss has the results (loss, each). Its first stage writes `each` and one
 * partial sum per unit, in double, to scratch; its second stage adds the partials in
 * order and divides. Units have a fixed size, so the sum has one shape.        */
#ifndef AN_OPS_LOSS_H
#define AN_OPS_LOSS_H

#include "ops/op.h"

enum { AN_LOSS_MEAN, AN_LOSS_EACH }; /* a loss's results */

/* dloss / count + deach: how strongly one loss moves the result. A scalar, or of
 * each's shape. `counted` has as many elements along `axes` as there are losses. */
an_value an_loss_strength(const an_value dy[], an_value counted, an_axes axes);

/* a / total, 0 where total is 0. */
an_value an_loss_share(an_at at, an_value a, an_value total);

int64_t an_loss_units(int64_t losses, int64_t per_unit);
int64_t an_loss_scratch(int64_t units);      /* bytes of partials; -1 on overflow */
bool an_loss_wanted(const an_work *w);       /* is any result read? */
int64_t an_loss_mean_units(const an_work *w); /* of the second stage */
void an_loss_put_mean(const an_work *w, int64_t units, int64_t losses);

#endif
