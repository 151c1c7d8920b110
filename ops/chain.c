/* chain.c -- the chain rule where a slope may be infinite or no number.
 *
 *   chain   dx = dy * slope, or dy / slope; 0 where dy is 0, whatever the slope,
 *           and where the slope is 0 and dy infinite
 *           its own gradient: by dy the same again with the same slope;
 *           d slope = dy * dy', or -dx * dy' / slope, by the same rule
 *
 * Where a choice leaves a branch out, dy is 0 there, and the branch may be anything: sqrt below 0,
 * 1 / 0, an e^x that overflowed. 0 * NaN would then be the NaN of a value that nobody chose. So ops
 * whose slope is not finite at some finite x (sqrt, rsqrt, log, log1p, reciprocal, div, power, exp,
 * expm1) differentiate through this one, and no others: it is the one exception to "NaN goes in,
 * NaN comes out". Where dy is not 0, or the slope is finite, it has the bits of mul and div. */
#include "ops/access.h"
#include "ops/elementwise.h"

#include <math.h>

static double product(double dy, double slope)
{
    const double dx = dy * slope;
    const bool nothing = dy == 0 || (slope == 0 && !isnan(dy));
    return nothing && isnan(dx) ? 0 : dx;
}

static double quotient(double dy, double slope)
{
    const double dx = dy / slope;
    return dy == 0 && isnan(dx) ? 0 : dx;
}

static void chain_run(const an_work *w, int64_t begin, int64_t end)
{
    const an_kernels *k = w->kernels;
    an_binary_run_by(w, begin, end, w->attrs->divide ? k->chain_div : k->chain_mul);
}

static void chain_ref(const an_work *w)
{
    an_binary_ref_by(w, w->attrs->divide ? quotient : product);
}

/* Linear in dy, whose slope stays what it is: nothing is lost at a dy of 0. That of the slope asks
 * first whether anything came in when it was used: it counts for nothing then, though what
 * comes in now is infinite. */
static void chain_grad(const an_call *c, const an_value dy[], an_value dx[])
{
    const an_value slope = c->in[1];
    if (c->attrs->divide) {
        dx[0] = an_chain_over(dy[0], slope);
        dx[1] = an_neg(an_chain_times(c->out[0], dx[0]));
    } else {
        dx[0] = an_chain_times(dy[0], slope);
        dx[1] = an_chain_times(c->in[0], dy[0]);
    }
}

an_value an_chain_at(an_at at, an_value dy, an_value slope, bool divide)
{
    return an_emit(at, AN_OP_chain, (an_value[]){dy, slope}, 2, &(an_attrs){.divide = divide});
}

an_value an_chain_times(an_value dy, an_value slope)
{
    const bool plain = an_is_ordinary(slope) || an_is_ordinary(dy);
    return plain ? an_mul(dy, slope) : an_chain(dy, slope, false);
}

an_value an_chain_over(an_value dy, an_value slope)
{
    const bool plain = an_is_ordinary(slope) || an_is_ordinary(dy);
    return plain ? an_div(dy, slope) : an_chain(dy, slope, true);
}

const an_op_rules an_rules_chain = {
    .floats = 1u,
    .broadcast = true,
    .grad = chain_grad,
    .stages = {{an_block_units, chain_run}},
    .ref = chain_ref,
    .share = {1u | 2u},
};
