/* cases_attention.c -- sweep cases of attention and its gradient.
 *
 * attention_grad takes y and lse as they are, so they need not come from q, k and v. Queries beyond
 * 64 take a second block, keys beyond 128 a second tile, keys of few heads beyond 1024 a second
 * chunk; D and E that are no multiples of 16 copies. Lengths and positions hide keys, whose NaN the
 * plain loops do not meet.                                                     */
#include "tests/ops/sweep.h"

#define Q "f32[B,2,T,D]"
#define K "f32[B,2,N,D]"
#define V "f32[B,2,N,5]"
#define Y "f32[B,2,T,5]"
#define LSE "f32[B,2,T] 0..3"
#define SMALL .low = -1, .high = 1
#define CAUSAL .attrs = {.causal = true}
#define HIDES .flags = AN_CASE_NAN_STOPS | AN_CASE_NO_SPECIAL
#define PLAIN .flags = AN_CASE_NO_SPECIAL /* whole tiles meet 0 * inf */

/* A query that sees nothing has an lse of -inf, of which no difference is made: test_attention.c
 * has those. */
static void see_one(an_tensor in[], int k, int lengths)
{
    for (int64_t i = 0; i < an_tensor_count(&in[lengths]); i++)
        if (an_tensor_get(&in[lengths], i) == 0 && in[k].extent[2] > 0)
            an_tensor_set(&in[lengths], i, 1);
}

static void see(an_tensor in[]) { see_one(in, 1, 4); }
static void see_grad(an_tensor in[]) { see_one(in, 2, 5); }

const an_case an_cases_attention[] = {
    {"attention", "plain", {Q, K, V, "-", "-", "-"}, PLAIN, .absolute = 1e-6},
    {"attention", "masked", {Q, K, V, "f32[B,2,T,N]", "-", "-"}, PLAIN, .absolute = 1e-6},
    {"attention", "a mask for all", {Q, K, V, "f32[1,2,T,1]", "-", "-"}, PLAIN, .absolute = 2e-6,
     .zero_grad = 1u << 3},
    {"attention", "a row of mask", {Q, K, V, "f32[B,1,1,N]", "-", "-"}, PLAIN, .absolute = 1e-6},
    {"attention", "ragged", {Q, K, V, "-", "i32[B]<N+1", "-"}, HIDES, .absolute = 1e-6,
     .prepare = see},
    {"attention", "causal", {Q, "f32[B,2,T+2,D]", "f32[B,2,T+2,5]", "-", "-", "-"}, CAUSAL, HIDES,
     .absolute = 1e-6},
    {"attention", "causal from a place", {Q, K, V, "-", "i64[B]<N+1", "i64[] 1..6"}, CAUSAL, HIDES,
     .absolute = 1e-6, .prepare = see},
    {"attention", "grouped", {"f32[B,4,T,D]", "f32[B,2,T+2,D]", "f32[B,2,T+2,5]",
      "f32[1,4,T,T+2]", "-", "-"},
     .attrs = {.causal = true, .scale = 0.3f}, HIDES, .absolute = 1e-6},
    {"attention", "tiles", {"f32[1,2,130,32]", "f32[1,2,260,32]", "f32[1,2,260,16]", "-", "-", "-"},
     CAUSAL, HIDES, .absolute = 4e-6},
    {"attention", "tiles, wide", {"f32[1,2,70,80]", "f32[1,1,140,80]", "f32[1,1,140,96]",
                                  "f32[1,1,70,140]", "i32[1]<141", "-"}, HIDES, .absolute = 8e-6,
     .prepare = see},
    {"attention", "one query", {"f32[2,4,1,64]", "f32[2,2,50,64]", "f32[2,2,50,64]", "-", "-",
                                "i32[] 20..50"}, CAUSAL, HIDES, .absolute = 4e-6},
    {"attention", "one query, tiles", {"f32[2,2,1,20]", "f32[2,1,300,20]", "f32[2,1,300,7]",
                                       "f32[1,2,1,300]", "i32[2]<301", "-"}, HIDES,
     .absolute = 8e-6, .prepare = see},

    {"attention_grad", "plain", {Y, Q, K, V, "-", "-", "-", Y, LSE, "-"}, PLAIN,
     .absolute = 1e-5, SMALL},
    {"attention_grad", "masked", {Y, Q, K, V, "f32[B,2,T,N]", "-", "-", Y, LSE, "f32[B,2,T]"},
     PLAIN, .absolute = 1e-5, SMALL},
    {"attention_grad", "a mask for all", {Y, Q, K, V, "f32[1,2,T,1]", "-", "-", Y, LSE, "-"},
     PLAIN, .absolute = 1e-5, SMALL},
    {"attention_grad", "a row of mask", {Y, Q, K, V, "f32[B,1,1,N]", "-", "-", Y, LSE, "-"},
     PLAIN, .absolute = 1e-5, SMALL},
    {"attention_grad", "ragged", {Y, Q, K, V, "-", "i32[B]<N+1", "-", Y, LSE, "-"}, HIDES,
     .absolute = 1e-5, .prepare = see_grad, SMALL},
    {"attention_grad", "causal from a place",
     {Y, Q, K, V, "-", "i64[B]<N+1", "i64[] 1..6", Y, LSE, "f32[B,2,T]"}, CAUSAL, HIDES,
     .absolute = 1e-5, .prepare = see_grad, SMALL},
    {"attention_grad", "grouped",
     {"f32[B,4,T,5]", "f32[B,4,T,D]", "f32[B,2,T+2,D]", "f32[B,2,T+2,5]",
      "f32[1,4,T,T+2]", "-", "-", "f32[B,4,T,5]",
      "f32[B,4,T] 0..3", "-"},
     .attrs = {.causal = true, .scale = 0.3f}, HIDES, .absolute = 1e-5, SMALL},
    {"attention_grad", "tiles",
     {"f32[1,2,130,16]", "f32[1,2,130,32]", "f32[1,2,260,32]", "f32[1,2,260,16]", "-", "-", "-",
      "f32[1,2,130,16]", "f32[1,2,130] 3..6", "-"}, CAUSAL, HIDES, .absolute = 1e-4, SMALL},
    {"attention_grad", "tiles, wide",
     {"f32[1,2,70,96]", "f32[1,2,70,80]", "f32[1,1,140,80]", "f32[1,1,140,96]", "f32[1,1,70,140]",
      "i32[1]<141", "-", "f32[1,2,70,96]", "f32[1,2,70] 6..9", "f32[1,2,70]"}, HIDES,
     .absolute = 1e-3, .prepare = see_grad, SMALL},
    {"attention_grad", "chunks",
     {"f32[1,1,20,16]", "f32[1,1,20,16]", "f32[1,1,1100,16]", "f32[1,1,1100,16]", "-", "-", "-",
      "f32[1,1,20,16]", "f32[1,1,20] 4..7", "-"}, HIDES, .absolute = 1e-3, SMALL},
    {0}};
