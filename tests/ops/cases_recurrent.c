/* cases_recurrent.c -- sweep cases of the LSTM and its gradient. */
#include "tests/ops/sweep.h"

const an_case an_cases_recurrent[] = {{0}};
