/* choose.c -- which table serves an instruction set. */
#include "ops/kernels/kernels.h"

extern const an_kernels an_kernels_table_base;
#ifdef AN_HAVE_X86_KERNELS
extern const an_kernels an_kernels_table_avx2, an_kernels_table_avx512;
#endif

const an_kernels *an_kernels_of(an_isa isa)
{
#ifdef AN_HAVE_X86_KERNELS
    if (isa == AN_ISA_AVX512) return &an_kernels_table_avx512;
    if (isa == AN_ISA_AVX2) return &an_kernels_table_avx2;
#endif
    (void)isa;
    return &an_kernels_table_base;
}
