/* step.h -- the numbers of one optimizer step, worked out once for all elements. */
#ifndef AN_OPS_KERNELS_STEP_H
#define AN_OPS_KERNELS_STEP_H

#include <stdbool.h>

typedef struct an_step {
    bool taken;     /* else all stays as it was */
    bool first;     /* of a sum */
    float scale;    /* of the gradient */
    float rate;
    float decay;    /* sgd: of the parameter, added to the gradient; others: times the rate */
    float momentum;
    bool nesterov;
    float alpha;    /* adam: the rate with both bias corrections */
    float beta1, rest1, beta2, rest2; /* rest = 1 - beta, rounded once */
    float eps;
    bool outside;   /* eps is added to the root, not under it */
    float rho, rest; /* rmsprop; rest = 1 - rho, rounded once */
} an_step;

#endif
