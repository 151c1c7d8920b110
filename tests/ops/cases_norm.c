/* cases_norm.c -- sweep cases of residuals, norms and the fused pair. */
#include "tests/ops/sweep.h"

const an_case an_cases_norm[] = {{0}};
