/* cases_step.c -- sweep cases of optimizer steps. Rates are large so that each
 * term shows. */
#include "tests/ops/sweep.h"

const an_case an_cases_step[] = {{0}};
