/* cases_loss.c -- sweep cases of losses and metrics. */
#include "tests/ops/sweep.h"

const an_case an_cases_loss[] = {
    {"bce_with_logits", "matrix", {"f32[B,T] -4..4", "f32[B,T] 0..1"}, .ulps = 8, .absolute = 5e-7},
    {"bce_with_logits", "far logits", {"f32[B,T] -90..90", "f32[B,T] 0..1"}, .ulps = 8,
     .absolute = 1e-6},
    {"bce_with_logits", "several units", {"f32[B,8200]", "f32[B,8200] 0..1"}, .ulps = 8,
     .absolute = 5e-7},
    {"softmax_cross_entropy", "rows", {"f32[B,V]", "i32[B]<V"}, .ulps = 8, .absolute = 1e-6},
    {"softmax_cross_entropy", "rank 3, i64", {"f32[B,T,V]", "i64[B,T]<V"}, .ulps = 8,
     .absolute = 1e-6},
    {"softmax_cross_entropy", "many rows", {"f32[700,100]", "i32[700]<100"}, .ulps = 8,
     .absolute = 2e-6},
    {"softmax_cross_entropy_grad", "both", {"f32[B,V]", "i32[B]<V", "f32[]", "f32[B]"}, .ulps = 16,
     .absolute = 1e-6},
    {"softmax_cross_entropy_grad", "mean only", {"f32[B,V]", "i32[B]<V", "f32[] 1..1"}, .ulps = 16,
     .absolute = 1e-6},
    {"softmax_cross_entropy_grad", "each only", {"f32[B,V]", "i32[B]<V", "-", "f32[B]"}, .ulps = 16,
     .absolute = 1e-6},
    {"softmax_cross_entropy_grad", "many rows", {"f32[700,100]", "i32[700]<100", "f32[] 1..2"},
     .ulps = 16, .absolute = 1e-6},
    {"mse", "matrix", {"f32[B,T]", "f32[B,T]"}, .ulps = 8},
    {"mse", "several units", {"f32[B,8200]", "f32[B,8200]"}, .ulps = 8},
    {"accuracy", "by threshold", {"f32[B,K]", "f32[B,K] 0..1"}, .attrs = {.threshold = 0.1f},
     .flags = AN_CASE_NAN_STOPS},
    {"accuracy", "by the largest", {"f32[B,T,2]", "i32[B,T]<2"}, .flags = AN_CASE_NAN_STOPS},
    {0}};
