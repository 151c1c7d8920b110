/* set.c -- one table of function pointers; compiled once per instruction set. */
#include "ops/kernels/kernels.h"

extern const an_kernels AN_JOIN(an_kernels_table, AN_ISA_SUFFIX);

const an_kernels AN_JOIN(an_kernels_table, AN_ISA_SUFFIX) = {
    .isa = AN_ISA_NUMBER,
#define AN_KERNEL(result, name, parameters) .name = AN_ISA(name),
#include "ops/kernels/kernels.def"
#undef AN_KERNEL
};
