/* cases_conv.c -- sweep cases of convolutions, pools and norms of images. */
#include "tests/ops/sweep.h"

#include <math.h>

/* Numbers of a window: those of an_window, each written out. */
#define WINDOW(s0, s1, top, bottom, left, right, d0, d1, g)                                        \
    .stride = {2, {s0, s1}}, .padding = {4, {top, bottom, left, right}}, .dilation = {2, {d0, d1}},\
    .groups = g
#define PLAIN WINDOW(1, 1, 0, 0, 0, 0, 1, 1, 1)
#define SAME WINDOW(1, 1, 1, 1, 1, 1, 1, 1, 1)
#define HALF WINDOW(2, 2, 1, 1, 1, 1, 1, 1, 1)
#define ODD WINDOW(2, 3, 1, 0, 2, 3, 3, 2, 2) /* everything differs */
#define SUMS .ulps = 16, .absolute = 3e-5     /* sums of products, which cancel */
#define MANY .ulps = 16, .absolute = 3e-4

#define POOL(k0, k1, s0, s1, top, bottom, left, right)                                             \
    .window = {2, {k0, k1}}, .stride = {2, {s0, s1}}, .padding = {4, {top, bottom, left, right}}
#define LARGEST .flags = AN_CASE_APART | AN_CASE_NAN_STOPS
#define MEANS .ulps = 2, .absolute = 1e-6
#define NEAR .ulps = 8, .absolute = 2e-6
/* As of layer_norm_grad: what dx is does not depend on the mean it is told. */
#define GRAD .ulps = 8, .absolute = 2e-5, .prepare = statistics, .zero_grad = 1 << 3

/* mean and rstd really of x. */
static void statistics(an_tensor in[])
{
    const an_tensor *x = &in[1];
    const int64_t channels = x->extent[1], all = an_tensor_count(x);
    int64_t size = 1;
    for (int i = 2; i < x->rank; i++) size *= x->extent[i];
    for (int64_t c = 0; c < channels; c++) {
        double sum = 0, squares = 0, count = 0;
        for (int64_t i = 0; i < all; i++)
            if (i / size % channels == c) sum += an_tensor_get(x, i), count++;
        for (int64_t i = 0; i < all; i++)
            if (i / size % channels == c) squares += pow(an_tensor_get(x, i) - sum / count, 2);
        an_tensor_set(&in[3], c, sum / count);
        an_tensor_set(&in[4], c, 1 / sqrt(squares / count + 1e-3));
    }
}

const an_case an_cases_conv[] = {
    {"conv2d", "bare", {"f32[B,4,V,N]", "f32[6,4,3,2]"}, .attrs = {PLAIN}, SUMS},
    {"conv2d", "padded, bias", {"f32[B,4,V,N]", "f32[6,4,3,3]", "f32[6]"}, .attrs = {SAME}, SUMS},
    {"conv2d", "halves", {"f32[2,3,V,V]", "f32[5,3,3,3]"}, .attrs = {HALF}, SUMS},
    {"conv2d", "every option", {"f32[2,4,V,N]", "f32[6,2,3,4]", "f32[6]"}, .attrs = {ODD}, SUMS},
    {"conv2d", "channels by name", {"f32[2,M,5,6]", "f32[K,M,2,2]", "f32[K]"}, .attrs = {PLAIN},
     SUMS},
    {"conv2d", "one tap", {"f32[B,D,T,N]", "f32[7,D,1,1]"}, .attrs = {PLAIN}, SUMS},
    {"conv2d", "depthwise", {"f32[B,6,V,N]", "f32[6,1,3,3]"},
     .attrs = {WINDOW(1, 1, 1, 1, 1, 1, 1, 1, 6)}, SUMS},
    {"conv2d", "whole blocks", {"f32[2,40,16,16]", "f32[9,40,3,3]", "f32[9]"}, .attrs = {SAME},
     SUMS},
    {"conv2d", "several units", {"f32[4,70,20,21]", "f32[18,35,3,3]", "f32[18]"},
     .attrs = {WINDOW(1, 1, 1, 1, 1, 1, 1, 1, 2)}, MANY},
    {"conv2d_transpose", "bare", {"f32[B,6,T,N]", "f32[6,4,3,2]"}, .attrs = {PLAIN},
     .dims = "shape=[B,4,T+2,N+1]", SUMS},
    {"conv2d_transpose", "padded", {"f32[B,6,V,N]", "f32[6,4,3,3]"}, .attrs = {SAME},
     .dims = "shape=[B,4,V,N]", SUMS},
    {"conv2d_transpose", "doubles", {"f32[2,5,M,M]", "f32[5,3,3,3]"}, .attrs = {HALF},
     .dims = "shape=[2,3,2*M,2*M-1]", SUMS},
    {"conv2d_transpose", "every option", {"f32[2,6,3,3]", "f32[6,2,3,4]"}, .attrs = {ODD},
     .dims = "shape=[2,4,11,8]", SUMS},
    {"conv2d_transpose", "gaps", {"f32[2,3,2,4]", "f32[3,2,2,1]"},
     .attrs = {WINDOW(3, 2, 0, 0, 0, 0, 1, 1, 1)}, .dims = "shape=[2,2,7,8]", SUMS},
    {"conv2d_transpose", "several units", {"f32[4,36,20,21]", "f32[36,20,3,3]"},
     .attrs = {WINDOW(2, 1, 1, 1, 1, 1, 1, 1, 2)}, .dims = "shape=[4,40,40,21]", MANY},
    {"conv2d_kernel_grad", "bare", {"f32[B,4,V,N]", "f32[B,6,V-2,N-1]"}, .attrs = {PLAIN},
     .dims = "shape=[6,4,3,2]", SUMS},
    {"conv2d_kernel_grad", "padded", {"f32[B,4,V,N]", "f32[B,6,V,N]"}, .attrs = {SAME},
     .dims = "shape=[6,4,3,3]", SUMS},
    {"conv2d_kernel_grad", "halves", {"f32[2,3,V,V]", "f32[2,5,(V-1)/2+1,(V-1)/2+1]"},
     .attrs = {HALF}, .dims = "shape=[5,3,3,3]", SUMS},
    {"conv2d_kernel_grad", "every option", {"f32[2,4,11,8]", "f32[2,6,3,3]"}, .attrs = {ODD},
     .dims = "shape=[6,2,3,4]", SUMS},
    {"conv2d_kernel_grad", "depthwise", {"f32[B,6,V,N]", "f32[B,6,V,N]"},
     .attrs = {WINDOW(1, 1, 1, 1, 1, 1, 1, 1, 6)}, .dims = "shape=[6,1,3,3]", SUMS},
    {"conv2d_kernel_grad", "several units", {"f32[4,20,20,21]", "f32[4,70,20,21]"},
     .attrs = {SAME}, .dims = "shape=[70,20,3,3]", MANY},
    {"max_pool2d", "halves", {"f32[B,4,8,N]"}, .attrs = {POOL(2, 2, 2, 2, 0, 0, 0, 0)}, LARGEST},
    {"max_pool2d", "by names", {"f32[2,K,V,N]"}, .attrs = {POOL(3, 3, 1, 1, 1, 1, 1, 1)}, LARGEST},
    {"max_pool2d", "every option", {"f32[2,3,V,N]"}, .attrs = {POOL(3, 4, 2, 3, 1, 0, 2, 3)},
     LARGEST | AN_CASE_NO_EMPTY}, /* padding alone makes windows, which have no largest element */
    {"max_pool2d", "several units", {"f32[4,30,20,20]"}, .attrs = {POOL(3, 3, 2, 2, 1, 1, 1, 1)},
     LARGEST},
    {"avg_pool2d", "halves", {"f32[B,4,8,N]"}, .attrs = {POOL(2, 2, 2, 2, 0, 0, 0, 0)}, MEANS},
    {"avg_pool2d", "padding left out", {"f32[2,3,V,N]"},
     .attrs = {POOL(3, 4, 2, 3, 1, 0, 2, 3)}, MEANS},
    {"avg_pool2d", "padding counted", {"f32[2,3,V,N]"},
     .attrs = {POOL(3, 4, 2, 3, 1, 0, 2, 3), .counted = true}, MEANS},
    {"avg_pool2d", "several units", {"f32[4,30,20,20]"}, .attrs = {POOL(3, 3, 2, 2, 1, 1, 1, 1)},
     MEANS},
    {"avg_pool2d_grad", "halves", {"f32[B,4,4,(N-2)/2+1]"},
     .attrs = {POOL(2, 2, 2, 2, 0, 0, 0, 0)}, .dims = "shape=[B,4,8,N]", MEANS},
    {"avg_pool2d_grad", "padding left out", {"f32[2,3,5,3]"},
     .attrs = {POOL(3, 4, 2, 3, 1, 0, 2, 3)}, .dims = "shape=[2,3,11,7]", MEANS},
    {"avg_pool2d_grad", "padding counted", {"f32[2,3,5,3]"},
     .attrs = {POOL(3, 4, 2, 3, 1, 0, 2, 3), .counted = true}, .dims = "shape=[2,3,11,7]", MEANS},
    {"avg_pool2d_grad", "several units", {"f32[4,30,10,10]"},
     .attrs = {POOL(3, 3, 2, 2, 1, 1, 1, 1)}, .dims = "shape=[4,30,20,20]", MEANS},
    {"batch_norm", "images", {"f32[B,D,T,N]", "f32[D]", "f32[D]"}, .attrs = {.eps = 1e-3f}, NEAR},
    {"batch_norm", "rows", {"f32[N,D]", "f32[D]", "f32[D]"}, .attrs = {.eps = 1e-3f}, NEAR},
    {"batch_norm", "bare", {"f32[B,D,N]"}, .attrs = {.eps = 1e-3f}, NEAR},
    {"batch_norm", "gamma only", {"f32[B,D,N]", "f32[D]"}, .attrs = {.eps = 1e-3f}, NEAR},
    {"batch_norm", "beta only", {"f32[B,D,N]", "-", "f32[D]"}, .attrs = {.eps = 1e-3f}, NEAR},
    {"batch_norm", "long runs", {"f32[3,2,1300]", "f32[2]", "f32[2]"}, .attrs = {.eps = 1e-3f},
     NEAR},
    {"batch_norm", "with running ones", {"f32[B,D,N]", "f32[D]", "f32[D]", "f32[D]", "f32[D] 0..3"},
     .attrs = {.eps = 1e-3f}, NEAR, .flags = AN_CASE_NAN_STOPS}, /* not looked at in training */
    {"batch_norm_grad", "with running ones", {"f32[B,D,N]", "f32[B,D,N]", "f32[D]", "f32[D]",
     "f32[D]", "f32[D]", "f32[D] 0..3"}, .attrs = {.eps = 1e-3f}, GRAD,
     .flags = AN_CASE_NAN_STOPS},
    {"batch_norm_grad", "images", {"f32[B,D,T,N]", "f32[B,D,T,N]", "f32[D]", "f32[D]", "f32[D]"},
     .attrs = {.eps = 1e-3f}, GRAD},
    {"batch_norm_grad", "rows", {"f32[N,D]", "f32[N,D]", "f32[D]", "f32[D]", "f32[D]"},
     .attrs = {.eps = 1e-3f}, GRAD},
    {"batch_norm_grad", "bare", {"f32[B,D,N]", "f32[B,D,N]", "-", "f32[D]", "f32[D]"},
     .attrs = {.eps = 1e-3f}, GRAD},
    {"batch_norm_grad", "long runs", {"f32[3,2,1300]", "f32[3,2,1300]", "f32[2]", "f32[2]",
     "f32[2]"}, .attrs = {.eps = 1e-3f}, GRAD},
    {0}};
