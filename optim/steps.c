/* steps.c -- which op and which moments each optimizer's step is.
 *
 * The arithmetic is in ops/step.c: one sweep over a parameter and its moments. */
#include "optim/apply.h"

static void step_sgd(an_applying *a, an_value p, an_value g, double decay, an_value rate,
                     an_value scale)
{
    const an_attrs attrs = {.momentum = an_narrow(a->at, p, "momentum", a->o.momentum),
                            .nesterov = a->o.nesterov,
                            .decay = an_narrow(a->at, p, "decay", decay)};
    if (a->o.momentum == 0) {
        const an_value in[] = {p, g, rate, scale, a->last};
        an_updates_add(a->up, p, an_emit(a->at, AN_OP_sgd_step, in, 5, &attrs));
        return;
    }
    const an_value velocity = an_own_moment(a, p, "velocity", 0);
    const an_value in[] = {p, g, velocity, rate, scale, a->last};
    const an_value next = an_emit(a->at, AN_OP_momentum_step, in, 6, &attrs);
    an_updates_add(a->up, p, next);
    an_updates_add(a->up, velocity, an_result(next, 1));
}

static void step_adam(an_applying *a, an_value p, an_value g, double decay, an_value rate,
                      an_value scale)
{
    const an_attrs attrs = {.beta1 = an_narrow(a->at, p, "beta1", a->o.beta1),
                            .beta2 = an_narrow(a->at, p, "beta2", a->o.beta2),
                            .eps = an_narrow(a->at, p, "eps", a->o.eps),
                            .decay = an_narrow(a->at, p, "decay", decay)};
    const an_value first = an_own_moment(a, p, "m", 0), second = an_own_moment(a, p, "v", 0);
    const an_value in[] = {p, g, first, second, rate, a->step, scale, a->last};
    const an_value next = an_emit(a->at, AN_OP_adam_step, in, 8, &attrs);
    an_updates_add(a->up, p, next);
    an_updates_add(a->up, first, an_result(next, 1));
    an_updates_add(a->up, second, an_result(next, 2));
}

static void step_rmsprop(an_applying *a, an_value p, an_value g, double decay, an_value rate,
                         an_value scale)
{
    const an_attrs attrs = {.rho = an_narrow(a->at, p, "rho", a->o.rho),
                            .momentum = an_narrow(a->at, p, "momentum", a->o.momentum),
                            .eps = an_narrow(a->at, p, "eps", a->o.eps),
                            .outside = a->o.eps_outside,
                            .decay = an_narrow(a->at, p, "decay", decay)};
    const an_value v = an_own_moment(a, p, "v", 0);
    const an_value mean = a->o.centered ? an_own_moment(a, p, "mean", 0) : AN_NONE;
    const an_value velocity =
        a->o.momentum != 0 ? an_own_moment(a, p, "velocity", 0) : AN_NONE;
    const an_value in[] = {p, g, v, mean, velocity, rate, scale, a->last};
    const an_value next = an_emit(a->at, AN_OP_rmsprop_step, in, 8, &attrs);
    an_updates_add(a->up, p, next);
    an_updates_add(a->up, v, an_result(next, 1));
    if (!an_is_none(mean)) an_updates_add(a->up, mean, an_result(next, 2));
    if (!an_is_none(velocity)) an_updates_add(a->up, velocity, an_result(next, 3));
}

static void step_adagrad(an_applying *a, an_value p, an_value g, double decay, an_value rate,
                         an_value scale)
{
    const an_attrs attrs = {.eps = an_narrow(a->at, p, "eps", a->o.eps),
                            .outside = a->o.eps_outside,
                            .decay = an_narrow(a->at, p, "decay", decay)};
    const an_value sum = an_own_moment(a, p, "sum", a->o.first_sum);
    const an_value in[] = {p, g, sum, rate, scale, a->last};
    const an_value next = an_emit(a->at, AN_OP_adagrad_step, in, 6, &attrs);
    an_updates_add(a->up, p, next);
    an_updates_add(a->up, sum, an_result(next, 1));
}

void an_emit_step(an_applying *a, an_value p, an_value g, double decay, an_value rate,
                  an_value scale)
{
    switch (a->o.kind) {
    case AN_SGD: step_sgd(a, p, g, decay, rate, scale); return;
    case AN_RMSPROP: step_rmsprop(a, p, g, decay, rate, scale); return;
    case AN_ADAGRAD: step_adagrad(a, p, g, decay, rate, scale); return;
    case AN_ADAM:
    case AN_ADAMW: break;
    }
    step_adam(a, p, g, decay, rate, scale);
}
