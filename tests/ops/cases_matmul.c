/* cases_matmul.c -- sweep cases of matrix products: both transposes, vectors (one
 * row or column), broadcast leading axes, more than one tile. */
#include "tests/ops/sweep.h"

#define BOTH {.transpose_a = true, .transpose_b = true}

const an_case an_cases_matmul[] = {
    {"matmul", "plain", {"f32[M,K]", "f32[K,N]"}, .absolute = 1e-5},
    {"matmul", "a transposed", {"f32[K,M]", "f32[K,N]"}, .attrs = {.transpose_a = true},
     .absolute = 1e-5},
    {"matmul", "b transposed", {"f32[M,K]", "f32[N,K]"}, .attrs = {.transpose_b = true},
     .absolute = 1e-5},
    {"matmul", "both transposed", {"f32[K,M]", "f32[N,K]"}, .attrs = BOTH, .absolute = 1e-5},
    {"matmul", "batch", {"f32[B,M,K]", "f32[B,K,N]"}, .absolute = 1e-5},
    {"matmul", "batch against one", {"f32[B,T,K]", "f32[K,N]"}, .absolute = 1e-5},
    {"matmul", "leading axes broadcast", {"f32[B,1,M,K]", "f32[T,K,N]"}, .absolute = 1e-5},
    {"matmul", "batch, transposed", {"f32[B,K,M]", "f32[B,N,K]"}, .attrs = BOTH, .absolute = 1e-5},
    {"matmul", "one row", {"f32[1,70]", "f32[70,50]"}, .absolute = 2e-5},
    {"matmul", "one column", {"f32[50,70]", "f32[70,1]"}, .absolute = 2e-5},
    {"matmul", "tiles", {"f32[300,40]", "f32[40,520]"}, .absolute = 2e-5},
    {"matmul", "tiles, transposed", {"f32[40,300]", "f32[520,40]"}, .attrs = BOTH,
     .absolute = 2e-5},
    {"matmul", "many small", {"f32[300,16,9]", "f32[300,9,16]"}, .absolute = 1e-5},
    {"matmul", "thin", {"f32[16,400]", "f32[400,640]"}, .absolute = 1e-4},
    {"matmul", "flat", {"f32[700,50]", "f32[50,200]"}, .absolute = 2e-5},
    {"matmul", "b transposed, row tiles", {"f32[600,50]", "f32[100,50]"},
     .attrs = {.transpose_b = true}, .absolute = 2e-5},
    {"matmul", "long sum", {"f32[1500,40]", "f32[1500,300]"}, .attrs = {.transpose_a = true},
     .absolute = 4e-4},
    {"matmul", "one long row", {"f32[1,3000]", "f32[3000,200]"}, .absolute = 1e-3},
    {"matmul", "tall column", {"f32[2000,300]", "f32[300,1]"}, .absolute = 1e-4},
    {"matmul", "rows of a batch", {"f32[70,1,32]", "f32[70,32,128]"}, .absolute = 2e-5},
    {0}};
