/* runtime.h -- the inside of the one process-wide runtime.
 *
 * Chooses the instruction set once, counts CPUs, and prepares OpenBLAS: one
 * thread per call, and a lock around calls if its flavour is not thread-safe. */
#ifndef AN_CORE_RUNTIME_H
#define AN_CORE_RUNTIME_H

#include "core/core.h"

/* Instruction sets that kernels are compiled for, worst first. All of them
 * compute the same bits. */
typedef enum an_isa { AN_ISA_BASE = 0, AN_ISA_AVX2 = 1, AN_ISA_AVX512 = 2 } an_isa;
#define AN_ISAS 3

an_isa an_runtime_isa(void);          /* the best this CPU has, or what was forced */
bool an_runtime_force_isa(an_isa isa); /* tests; false if the CPU lacks it */
const char *an_isa_name(an_isa isa);

/* Bracket every BLAS call. Cheap unless OpenBLAS is the serial flavour, whose
 * results are wrong when two threads call it: then it is one global lock. */
void an_blas_enter(void);
void an_blas_leave(void);
const char *an_blas_describe(void); /* "OpenBLAS 0.3.21 SkylakeX pthread" */

#endif
