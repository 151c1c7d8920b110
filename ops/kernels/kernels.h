/* kernels.h -- the table of vector kernels, one per instruction set.
 *
 * A kernel file defines `AN_ISA(name)` for each row of kernels.def it holds and
 * is compiled once per instruction set with AN_ISA_SUFFIX set. What a kernel
 * computes is documented beside its definition.                              */
#ifndef AN_OPS_KERNELS_H
#define AN_OPS_KERNELS_H

#include "core/core.h"
#include "core/random.h"
#include "core/runtime.h"
#include "ops/kernels/attention.h"
#include "ops/kernels/batch_norm.h"
#include "ops/kernels/conv.h"
#include "ops/kernels/norm.h"
#include "ops/kernels/panel.h"
#include "ops/kernels/recurrent.h"
#include "ops/kernels/step.h"

#define AN_JOIN_(a, b) a##_##b
#define AN_JOIN(a, b) AN_JOIN_(a, b)
#define AN_ISA(name) AN_JOIN(an_kernel_##name, AN_ISA_SUFFIX)

/* Operands of `choose`: each moves with the result (step 1) or stays (step 0). */
typedef struct an_choice {
    const uint8_t *condition;
    int64_t step_condition;
    const float *a;
    int64_t step_a;
    const float *b;
    int64_t step_b;
} an_choice;

/* What a row of logits is held against where a class weighs or is smoothed: q_j = base w_j, and hit
 * more at the label; `total` is their sum. */
typedef struct an_soft_target {
    int64_t label;
    double hit, base, total;
    const float *weights; /* NULL: 1 each */
} an_soft_target;

typedef struct an_kernels {
    an_isa isa;
#define AN_KERNEL(result, name, parameters) result (*name) parameters;
#include "ops/kernels/kernels.def"
#undef AN_KERNEL
} an_kernels;

#ifdef AN_ISA_SUFFIX
#define AN_KERNEL(result, name, parameters) result AN_ISA(name) parameters;
#include "ops/kernels/kernels.def"
#undef AN_KERNEL
#endif

/* The table for an instruction set; the best one compiled in if it is not. */
const an_kernels *an_kernels_of(an_isa isa);

#endif
