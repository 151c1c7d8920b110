/* pairs.c -- graphs known to be equal and graphs known to differ.
 *
 * Each pair of the second kind differs in exactly what a false axiom would claim, so
 * that a prover or a pass that believes it is found out. Of what is proved the bits
 * must be equal, too.                                                        */
#include "graph/passes/pipeline.h"
#include "graph/equal/result.h"
#include "tests/mutants/mutants.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef enum kind {
    SAME,    /* must be proved, and the bits are equal */
    ALMOST,  /* must not be proved, though most data shows no difference */
    REALS,   /* equal over the reals, and no more */
    DIFFERS, /* must not be proved, and the numbers show it */
} kind;

typedef struct pair {
    kind kind;
    const char *left, *right;
} pair;

static const char leaves[] =
    "graph \"p\"\ndims B\n"
    "%1: f32[B,6] = input \"x\"\n"
    "%2: f32[B,6] = input \"y\"\n"
    "%3: f32[6] = state \"g\"\n"
    "%4: f32[] = constant {data=[1]}\n"
    "%5: f32[] = constant {data=[0]}\n"
    "%6: f32[2,3] = constant {data=[1,2,3,4,5,6]}\n"
    "%7: f32[] = constant {data=[2]}\n"
    "%8: f32[2,2,3] = input \"z\"\n"
    "%9: f32[B,6] = mul %1, %3\n"
    "%10: f32[3,3,3] = input \"cube\"\n"
    "%11: f32[6,6] = input \"square\"\n"
    "%12: f32[2,3] = state \"m\"\n"
    "%13: i64[2] = state \"key\" {init=random_key}\n"
    "%14: f32[3] = state \"h\"\n"
    "%15: f32[2,3] = constant {data=[1]}\n"
    "%16: f32[6] = state \"k\"\n";

static const pair pairs[] = {
    /* what commutes and what does not */
    {SAME, "%20: f32[B,6] = add %1, %2", "%20: f32[B,6] = add %2, %1"},
    {SAME, "%20: f32[B,6] = mul %1, %3", "%20: f32[B,6] = mul %3, %1"},
    {DIFFERS, "%20: f32[B,6] = sub %1, %2", "%20: f32[B,6] = sub %2, %1"},
    {DIFFERS, "%20: f32[B,6] = div %1, %2", "%20: f32[B,6] = div %2, %1"},
    {ALMOST, "%20: f32[B,6] = maximum %1, %2", "%20: f32[B,6] = maximum %2, %1"},
    /* attributes, operands, literals */
    {DIFFERS, "%20: f32[B,6], f32[B], f32[B] = layer_norm %1, %3 {axis=1, eps=0.01}",
     "%20: f32[B,6], f32[B], f32[B] = layer_norm %1, %3 {axis=1, eps=0.5}"},
    {DIFFERS, "%20: f32[B,6], f32[B], f32[B] = layer_norm %1, %3, %16 {axis=1, eps=0.01}",
     "%20: f32[B,6], f32[B], f32[B] = layer_norm %1, %3, %3 {axis=1, eps=0.01}"},
    {DIFFERS, "%20: f32[B,6] = dropout %1, %13 {rate=0.5, stream=7}",
     "%20: f32[B,6] = dropout %1, %13 {rate=0.5, stream=8}"},
    {DIFFERS, "%20: f32[2,3] = mul %12, %6",
     "%20: f32[2,3] = constant {data=[1,2,3,4,5,7]}\n%21: f32[2,3] = mul %12, %20"},
    {DIFFERS, "%20: f32[2,3] = mul %12, %6",
     "%20: f32[2,3] = constant {data=[1]}\n%21: f32[2,3] = mul %12, %20"},
    {DIFFERS, "%20: f32[2,3] = neg %6\n%21: f32[2,3] = mul %12, %20",
     "%20: f32[] = constant {data=[-1]}\n%21: f32[2,3] = mul %12, %20"},
    {SAME, "%20: f32[2,3] = exp %6\n%21: f32[2,3] = mul %20, %7\n%22: f32[2,3] = mul %12, %21",
     "%20: f32[2,3] = exp %6\n%21: f32[2,3] = mul %7, %20\n%22: f32[2,3] = mul %21, %12"},
    /* equal within one graph, or only nearly so: what cse and canonicalise look at */
    {SAME, "%20: f32[B,6] = sub %1, %2\n%21: f32[B,6] = sub %2, %1\n%22: f32[B,6] = mul %20, %21",
     "%20: f32[B,6] = sub %2, %1\n%21: f32[B,6] = sub %1, %2\n%22: f32[B,6] = mul %21, %20"},
    {SAME, "%20: f32[B,6] = dropout %1, %13 {rate=0.5, stream=7}\n"
     "%21: f32[B,6] = dropout %1, %13 {rate=0.5, stream=8}\n%22: f32[B,6] = add %20, %21",
     "%20: f32[B,6] = dropout %1, %13 {rate=0.5, stream=7}\n"
     "%21: f32[B,6] = dropout %1, %13 {rate=0.5, stream=8}\n%22: f32[B,6] = add %21, %20"},
    {SAME, "%20: f32[B,6], f32[B], f32[B] = layer_norm %1, %3 {axis=1, eps=0.01}\n"
     "%21: f32[B,6], f32[B], f32[B] = layer_norm %1, %3 {axis=1, eps=0.5}\n"
     "%22: f32[B,6] = add %20, %21",
     "%20: f32[B,6], f32[B], f32[B] = layer_norm %1, %3 {axis=1, eps=0.5}\n"
     "%21: f32[B,6], f32[B], f32[B] = layer_norm %1, %3 {axis=1, eps=0.01}\n"
     "%22: f32[B,6] = add %20, %21"},
    {SAME, "%20: f32[2,3] = neg %6\n%21: f32[2,3] = mul %12, %20\n%22: f32[2,3] = constant "
     "{data=[1,2,3,4,5,7]}\n%23: f32[2,3] = mul %12, %22\n%24: f32[2,3] = sub %21, %23",
     "%20: f32[2,3] = neg %6\n%21: f32[2,3] = mul %20, %12\n%22: f32[2,3] = constant "
     "{data=[1,2,3,4,5,7]}\n%23: f32[2,3] = mul %22, %12\n%24: f32[2,3] = sub %21, %23"},
    {DIFFERS, "%20: f32[1,3] = slice %6 {axis=0, start=0, stop=1, step=1}\n"
     "%21: f32[2,3] = mul %12, %20",
     "%20: f32[1,3] = slice %6 {axis=0, start=1, stop=2, step=1}\n"
     "%21: f32[2,3] = mul %12, %20"},
    {SAME, "%20: f32[1,3] = slice %15 {axis=0, start=0, stop=1, step=1}\n"
     "%21: f32[2,3] = mul %12, %20",
     "%20: f32[1,3] = constant {data=[1,1,1]}\n%21: f32[2,3] = mul %12, %20"},
    {DIFFERS, "%20: f32[2,4] = pad %15 {axis=1, before=1}\n%21: f32[2,3] = slice %20 "
     "{axis=1, start=0, stop=3, step=1}\n%22: f32[2,3] = mul %12, %21",
     "%20: f32[2,3] = mul %12, %4"},
    /* one and zero */
    {SAME, "%20: f32[B,6] = mul %4, %9", "%20: f32[B,6] = mul %3, %1"},
    {SAME, "%20: f32[B,6] = div %9, %4", "%20: f32[B,6] = mul %3, %1"},
    {DIFFERS, "%20: f32[B,6] = mul %7, %9", "%20: f32[B,6] = mul %3, %1"},
    {DIFFERS, "%20: f32[B,6] = div %4, %9", "%20: f32[B,6] = mul %3, %1"},
    {DIFFERS, "%20: f32[2,3] = mul %12, %6", "%20: f32[2,3] = neg %12\n%21: f32[2,3] = neg %20"},
    {ALMOST, "%20: f32[B,6] = add %9, %5", "%20: f32[B,6] = mul %3, %1"},
    {SAME, "%20: f32[2,3] = mul %14, %15\n%21: f32[2,3] = add %20, %12",
     "%20: f32[2,3] = mul %15, %14\n%21: f32[2,3] = add %12, %20"},
    {SAME, "%20: f32[2,3] = div %14, %15\n%21: f32[2,3] = add %20, %12",
     "%20: f32[2,3] = div %14, %15\n%21: f32[2,3] = add %12, %20"},
    /* choosing */
    {SAME, "%20: bool[] = constant {data=[1]}\n%21: f32[2,3] = exp %12\n%22: f32[2,3] = where %20, "
     "%12, %21\n%23: f32[2,3] = tanh %22", "%20: f32[2,3] = tanh %12"},
    {SAME, "%20: bool[3] = constant {data=[0,0,0]}\n%21: f32[2,3] = where %20, %12, %14\n"
     "%22: f32[2,3] = mul %21, %12", "%20: f32[2,3] = broadcast %14\n%22: f32[2,3] = mul %12, %20"},
    {DIFFERS, "%20: bool[3] = constant {data=[1,0,0]}\n%21: f32[2,3] = where %20, %12, %14\n"
     "%22: f32[2,3] = tanh %21", "%20: f32[2,3] = tanh %12"},
    {SAME, "%20: bool[3] = constant {data=[1,0,0]}\n%21: f32[2,3] = where %20, %12, %14\n"
     "%22: f32[2,3] = mul %21, %12",
     "%20: bool[3] = constant {data=[1,0,0]}\n%21: f32[2,3] = where %20, %12, %14\n"
     "%22: f32[2,3] = mul %12, %21"},
    /* signs */
    {SAME, "%20: f32[B,6] = neg %9\n%21: f32[B,6] = neg %20", "%20: f32[B,6] = mul %3, %1"},
    {DIFFERS, "%20: f32[B,6] = neg %9\n%21: f32[B,6] = neg %20",
     "%20: f32[B,6] = mul %1, %3\n%21: f32[B,6] = neg %20"},
    {DIFFERS, "%20: f32[B,6] = neg %9", "%20: f32[B,6] = mul %1, %3"},
    {SAME, "%20: f32[B,6] = neg %9\n%21: f32[B,6] = tanh %20",
     "%20: f32[B,6] = mul %3, %1\n%21: f32[B,6] = neg %20\n%22: f32[B,6] = tanh %21"},
    /* sums are not regrouped */
    {SAME, "%20: f32[B,6] = accumulate %1, %2, %9",
     "%20: f32[B,6] = add %1, %2\n%21: f32[B,6] = add %20, %9"},
    {SAME, "%20: f32[B,6] = residual_add %1, %2", "%20: f32[B,6] = add %2, %1"},
    {DIFFERS, "%20: f32[B,6] = residual_add %1, %2", "%20: f32[B,6] = add %1, %1"},
    {REALS, "%20: f32[B,6] = accumulate %1, %2, %9",
     "%20: f32[B,6] = add %2, %9\n%21: f32[B,6] = add %1, %20"},
    {DIFFERS, "%20: f32[B,6] = accumulate %1, %2, %9", "%20: f32[B,6] = accumulate %1, %9"},
    {DIFFERS, "%20: f32[B,6] = accumulate %1, %2, %9", "%20: f32[B,6] = accumulate %1, %2"},
    {SAME, "%20: f32[B,6] = accumulate %1\n%21: f32[B,6] = tanh %20", "%20: f32[B,6] = tanh %1"},
    {SAME, "%20: f32[B,6] = stop_gradient %9", "%20: f32[B,6] = mul %3, %1"},
    /* moves */
    {SAME, "%20: f32[B,6] = reshape %9\n%21: f32[B,6] = tanh %20", "%20: f32[B,6] = tanh %9"},
    {SAME, "%20: f32[2,2,3] = mul %8, %12\n%21: f32[3] = slice %3 {start=0, stop=6, step=2}\n"
     "%22: f32[2,2,3] = mul %20, %21",
     "%20: f32[2,2,3] = mul %12, %8\n%21: f32[3] = slice %3 {start=0, stop=6, step=2}\n"
     "%22: f32[2,2,3] = mul %21, %20"},
    {SAME, "%20: f32[4] = slice %3 {start=2, stop=6, step=1}\n%21: f32[4] = add %20, %4",
     "%20: f32[4] = slice %3 {start=2, stop=6, step=1}\n%21: f32[4] = add %4, %20"},
    {SAME, "%20: f32[4] = slice %3 {start=0, stop=4, step=1}\n%21: f32[4] = add %20, %4",
     "%20: f32[4] = slice %3 {start=0, stop=4, step=1}\n%21: f32[4] = add %4, %20"},
    {SAME, "%20: f32[6] = slice %3 {start=0, stop=6, step=1}\n%21: f32[6] = tanh %20",
     "%20: f32[6] = tanh %3"},
    {SAME, "%20: f32[6] = pad %3 {axis=0}\n%21: f32[6] = tanh %20", "%20: f32[6] = tanh %3"},
    {SAME, "%20: f32[11] = pad %3 {interior=1}\n%21: f32[11] = add %20, %4",
     "%20: f32[11] = pad %3 {interior=1}\n%21: f32[11] = add %4, %20"},
    {SAME, "%20: f32[7] = pad %3 {before=1}\n%21: f32[7] = add %20, %4",
     "%20: f32[7] = pad %3 {before=1}\n%21: f32[7] = add %4, %20"},
    {SAME, "%20: f32[B,12] = concat %1, %2 {axis=1}\n%21: f32[B,12] = add %20, %4",
     "%20: f32[B,12] = concat %1, %2 {axis=1}\n%21: f32[B,12] = add %4, %20"},
    {SAME, "%20: f32[12] = reshape %8\n%21: f32[4,3] = reshape %20", "%20: f32[4,3] = reshape %8"},
    {SAME, "%20: f32[3,4] = reshape %8\n%21: f32[12] = reshape %20\n"
     "%22: f32[2,2,3] = reshape %21\n%23: f32[2,2,3] = tanh %22", "%20: f32[2,2,3] = tanh %8"},
    {DIFFERS, "%20: f32[3,2] = transpose %12 {axes=[1,0]}\n%21: f32[2,3] = reshape %20\n"
     "%22: f32[2,3] = tanh %21", "%20: f32[2,3] = tanh %12"},
    {DIFFERS, "%20: f32[3,2,2] = transpose %8 {axes=[2,0,1]}\n%21: f32[12] = reshape %20",
     "%20: f32[12] = reshape %8"},
    {DIFFERS, "%20: f32[6,6] = transpose %11 {axes=[1,0]}\n%21: f32[6,6] = tanh %20",
     "%20: f32[6,6] = tanh %11"},
    {SAME, "%20: f32[6,6] = transpose %11 {axes=[1,0]}\n%21: f32[6,6] = transpose %20 "
     "{axes=[-1,0]}\n%22: f32[6,6] = tanh %21", "%20: f32[6,6] = tanh %11"},
    {SAME, "%20: f32[3,3,3] = transpose %10 {axes=[2,0,1]}\n"
     "%21: f32[3,3,3] = transpose %20 {axes=[1,0,2]}",
     "%20: f32[3,3,3] = transpose %10 {axes=[0,2,1]}"},
    {DIFFERS, "%20: f32[3,3,3] = transpose %10 {axes=[2,0,1]}\n"
     "%21: f32[3,3,3] = transpose %20 {axes=[1,0,2]}",
     "%20: f32[3,3,3] = transpose %10 {axes=[2,1,0]}"},
    {DIFFERS, "%20: f32[6] = sum %11 {axes=[0]}", "%20: f32[6] = sum %11 {axes=[1]}"},
    {SAME, "%20: f32[2] = sum %8 {axes=[0,2]}", "%20: f32[2] = sum %8 {axes=[-1,0]}"},
    {DIFFERS, "%20: i32[6] = argmax %11 {axis=-1}", "%20: i32[6] = argmax %11 {axis=0}"},
    {SAME, "%20: i32[6] = argmax %11 {axis=-1}", "%20: i32[6] = argmax %11 {axis=1}"},
    {SAME, "%20: f32[B,6] = softmax %1 {axis=-1}", "%20: f32[B,6] = softmax %1 {axis=1}"},
    /* what users expect to be one */
    {SAME, "%20: f32[B,6] = square %9", "%20: f32[B,6] = mul %9, %9"},
    {DIFFERS, "%20: f32[B,6] = square %9", "%20: f32[B,6] = mul %1, %3"},
    {SAME, "%20: f32[B,6] = sub %1, %2", "%20: f32[B,6] = neg %2\n%21: f32[B,6] = add %20, %1"},
    {DIFFERS, "%20: f32[B,6] = sub %1, %2", "%20: f32[B,6] = add %1, %2"},
    {SAME, "%20: f32[B,6] = neg %9", "%20: f32[] = neg %4\n%21: f32[B,6] = mul %9, %20"},
    {DIFFERS, "%20: f32[B,6] = mul %1, %3", "%20: f32[] = neg %4\n%21: f32[B,6] = mul %9, %20"},
    {SAME, "%20: f32[B,6] = add %9, %9", "%20: f32[B,6] = mul %9, %7"},
    {DIFFERS, "%20: f32[B,6] = add %1, %2", "%20: f32[B,6] = mul %1, %7"},
    {DIFFERS, "%20: f32[B,6] = add %9, %9",
     "%20: f32[] = constant {data=[3]}\n%21: f32[B,6] = mul %9, %20"},
    {SAME, "%20: f32[B,6] = div %9, %7",
     "%20: f32[] = constant {data=[0.5]}\n%21: f32[B,6] = mul %9, %20"},
    {DIFFERS, "%20: f32[B,6] = div %7, %9",
     "%20: f32[] = constant {data=[0.5]}\n%21: f32[B,6] = mul %9, %20"},
    {DIFFERS, "%20: f32[B,6] = div %9, %7", "%20: f32[B,6] = mul %9, %7"},
    {ALMOST, "%20: f32[] = constant {data=[3]}\n%21: f32[B,6] = div %9, %20",
     "%20: f32[] = constant {data=[0.333333343]}\n%21: f32[B,6] = mul %9, %20"},
    {ALMOST, "%20: f32[] = constant {data=[1.7014118e+38]}\n%21: f32[B,6] = div %9, %20",
     "%20: f32[] = constant {data=[5.877472e-39]}\n%21: f32[B,6] = mul %9, %20"},
    {SAME, "%20: bool[B,6] = compare %1, %2 {test=gt}\n%21: f32[B,6] = where %20, %1, %3",
     "%20: bool[B,6] = compare %2, %1 {test=lt}\n%21: f32[B,6] = where %20, %1, %3"},
    {DIFFERS, "%20: bool[B,6] = compare %1, %2 {test=gt}\n%21: f32[B,6] = where %20, %1, %3",
     "%20: bool[B,6] = compare %1, %2 {test=lt}\n%21: f32[B,6] = where %20, %1, %3"},
    {DIFFERS, "%20: bool[B,6] = compare %1, %1 {test=ge}\n%21: f32[B,6] = where %20, %1, %3",
     "%20: bool[B,6] = compare %1, %1 {test=lt}\n%21: f32[B,6] = where %20, %1, %3"},
    {DIFFERS, "%20: bool[B,6] = compare %1, %2 {test=lt}\n%21: f32[B,6] = where %20, %1, %3",
     "%20: bool[B,6] = compare %2, %1 {test=lt}\n%21: f32[B,6] = where %20, %1, %3"},
    {SAME, "%20: bool[B,6] = compare %1, %2 {test=lt}\n%21: bool[B,6] = logical_not %20\n"
     "%22: f32[B,6] = where %21, %1, %3",
     "%20: bool[B,6] = compare %2, %1 {test=gt}\n%21: f32[B,6] = where %20, %3, %1"},
    {DIFFERS, "%20: bool[B,6] = compare %1, %2 {test=lt}\n%21: bool[B,6] = logical_not %20\n"
     "%22: f32[B,6] = where %21, %1, %3",
     "%20: bool[B,6] = compare %1, %2 {test=lt}\n%21: f32[B,6] = where %20, %1, %3"},
    {SAME, "%20: f32[B,6] = residual_add_scaled %1, %2, %3",
     "%20: f32[B,6] = mul %2, %3\n%21: f32[B,6] = add %20, %1"},
    {DIFFERS, "%20: f32[B,6] = residual_add_scaled %1, %2, %3", "%20: f32[B,6] = add %2, %1"},
    {SAME, "%20: f32[5] = slice %3 {start=1, stop=6, step=1}\n%21: f32[2] = slice %20 {start=1, "
     "stop=3, step=1}\n%22: f32[2] = tanh %21",
     "%20: f32[2] = slice %3 {start=2, stop=4, step=1}\n%21: f32[2] = tanh %20"},
    {DIFFERS, "%20: f32[5] = slice %3 {start=1, stop=6, step=1}\n%21: f32[2] = slice %20 "
     "{start=1, stop=3, step=1}", "%20: f32[2] = slice %3 {start=1, stop=3, step=1}"},
    {SAME, "%20: f32[3] = slice %3 {start=0, stop=6, step=2}\n%21: f32[2] = slice %20 {start=1, "
     "stop=3, step=1}\n%22: f32[2] = tanh %21",
     "%20: f32[2] = slice %3 {start=2, stop=6, step=2}\n%21: f32[2] = tanh %20"},
    {DIFFERS, "%20: f32[3] = slice %3 {start=0, stop=6, step=2}\n%21: f32[2] = slice %20 "
     "{start=1, stop=3, step=1}", "%20: f32[2] = slice %3 {start=1, stop=4, step=2}"},
    {SAME, "%20: f32[6,2] = slice %11 {axis=1, start=1, stop=3, step=1}\n"
     "%21: f32[2,2] = slice %20 {axis=0, start=3, stop=5, step=1}",
     "%20: f32[2,6] = slice %11 {axis=0, start=3, stop=5, step=1}\n"
     "%21: f32[2,2] = slice %20 {axis=1, start=1, stop=3, step=1}"},
    {DIFFERS, "%20: f32[6,2] = slice %11 {axis=1, start=1, stop=3, step=1}\n"
     "%21: f32[2,2] = slice %20 {axis=0, start=3, stop=5, step=1}",
     "%20: f32[2,6] = slice %11 {axis=0, start=3, stop=5, step=1}\n"
     "%21: f32[2,2] = slice %20 {axis=1, start=0, stop=2, step=1}"},
    {SAME, "%20: f32[12] = concat %3, %16 {axis=0}\n%21: f32[18] = concat %20, %3 {axis=0}",
     "%20: f32[18] = concat %3, %16, %3 {axis=0}"},
    {DIFFERS, "%20: f32[4,3] = concat %12, %15 {axis=0}\n%21: f32[4,3] = concat %6, %12 {axis=0}\n"
     "%22: f32[4,6] = concat %20, %21 {axis=1}",
     "%20: f32[8,3] = concat %12, %15, %6, %12 {axis=0}\n%21: f32[4,6] = reshape %20"},
    {SAME, "%20: f32[2] = slice %3 {start=0, stop=2, step=1}\n%21: f32[4] = slice %3 {start=2, "
     "stop=6, step=1}\n%22: f32[6] = concat %20, %21 {axis=0}\n%23: f32[6] = tanh %22",
     "%20: f32[6] = tanh %3"},
    {DIFFERS, "%20: f32[2] = slice %3 {start=0, stop=2, step=1}\n%21: f32[2] = slice %3 {start=4, "
     "stop=6, step=1}\n%22: f32[4] = concat %20, %21 {axis=0}",
     "%20: f32[4] = slice %3 {start=0, stop=4, step=1}"},
    {DIFFERS, "%20: f32[2] = slice %3 {start=0, stop=2, step=1}\n%21: f32[4] = slice %16 {start=2, "
     "stop=6, step=1}\n%22: f32[6] = concat %20, %21 {axis=0}\n%23: f32[6] = tanh %22",
     "%20: f32[6] = tanh %3"},
    {DIFFERS, "%20: f32[3,6] = slice %11 {axis=0, start=0, stop=3, step=1}\n%21: f32[3,6] = slice "
     "%11 {axis=0, start=3, stop=6, step=1}\n%22: f32[3,12] = concat %20, %21 {axis=1}\n"
     "%23: f32[6,6] = reshape %22\n%24: f32[6,6] = tanh %23", "%20: f32[6,6] = tanh %11"},
    {DIFFERS, "%20: f32[2] = slice %3 {start=0, stop=3, step=2}\n%21: f32[3] = slice %3 {start=3, "
     "stop=6, step=1}\n%22: f32[5] = concat %20, %21 {axis=0}\n%23: f32[5] = tanh %22",
     "%20: f32[2] = slice %3 {start=0, stop=2, step=1}\n%21: f32[3] = slice %3 {start=3, "
     "stop=6, step=1}\n%22: f32[5] = concat %20, %21 {axis=0}\n%23: f32[5] = tanh %22"},
    {SAME, "%20: f32[6,6] = broadcast %3\n%21: f32[6,6] = mul %11, %20",
     "%20: f32[6,6] = mul %11, %3"},
    {SAME, "%20: f32[6,6] = constant {data=[2]}\n%21: f32[6,6] = mul %11, %20",
     "%20: f32[6,6] = add %11, %11"},
    {SAME, "%20: f32[6,6] = broadcast %3\n%21: f32[6,6] = tanh %20",
     "%20: f32[6] = tanh %3\n%21: f32[6,6] = broadcast %20"},
    {SAME, "%20: f32[1,6] = reshape %3\n%21: f32[6,6] = broadcast %20\n%22: f32[6,6] = sub %21, "
     "%11", "%20: f32[6,6] = sub %3, %11"},
    {DIFFERS, "%20: f32[6,1] = reshape %3\n%21: f32[6,6] = broadcast %20\n%22: f32[6,6] = sub "
     "%21, %11", "%20: f32[6,6] = sub %3, %11"},
    {SAME, "%20: f32[6,6] = transpose %11 {axes=[1,0]}\n%21: f32[6,6] = add %20, %20",
     "%20: f32[6,6] = mul %7, %11\n%21: f32[6,6] = transpose %20 {axes=[1,0]}"},
    {DIFFERS, "%20: f32[6,6] = transpose %11 {axes=[1,0]}\n%21: f32[6,6] = add %20, %3",
     "%20: f32[6,6] = add %3, %11\n%21: f32[6,6] = transpose %20 {axes=[1,0]}"},
    {DIFFERS, "%20: f32[3,3,3] = transpose %10 {axes=[1,0,2]}\n%21: f32[3,3,3] = transpose %10 "
     "{axes=[2,1,0]}\n%22: f32[3,3,3] = sub %20, %21",
     "%20: f32[3,3,3] = sub %10, %10\n%21: f32[3,3,3] = transpose %20 {axes=[1,0,2]}"},
    {SAME, "%20: f32[4,3] = reshape %8\n%21: f32[4,3] = mul %20, %14",
     "%20: f32[2,2,3] = mul %8, %14\n%21: f32[4,3] = reshape %20"},
    {DIFFERS, "%20: f32[6,2] = reshape %8\n%21: f32[2] = slice %14 {start=0, stop=2, step=1}\n"
     "%22: f32[6,2] = add %20, %21",
     "%20: f32[2] = slice %14 {start=0, stop=2, step=1}\n%21: f32[2,1] = reshape %20\n"
     "%22: f32[2,2,3] = add %8, %21\n%23: f32[6,2] = reshape %22"},
    {DIFFERS, "%20: f32[36] = reshape %11\n%21: f32[9,4] = reshape %20\n%22: f32[4] = slice %3 "
     "{start=0, stop=4, step=1}\n%23: f32[9,4] = add %21, %22",
     "%20: f32[36] = reshape %11\n%21: f32[9,4] = reshape %20"},
    {DIFFERS, "%20: f32[6,6] = transpose %11 {axes=[1,0]}\n%21: f32[6,6] = softmax %20 {axis=1}",
     "%20: f32[6,6] = softmax %11 {axis=1}\n%21: f32[6,6] = transpose %20 {axes=[1,0]}"},
    {DIFFERS, "%20: f32[B,6], f32[B], f32[B] = layer_norm %1, %3 {axis=1, eps=0.01}\n"
     "%21: f32[B,6], f32[6], f32[6] = layer_norm_grad %2, %1, %3, %20.1, %20.2 {axis=1, eps=0.01}\n"
     "%22: f32[6] = neg %21.1",
     "%20: f32[B,6], f32[B], f32[B] = layer_norm %1, %3 {axis=1, eps=0.01}\n"
     "%21: f32[B,6], f32[6], f32[6] = layer_norm_grad %2, %1, %3, %20.1, %20.2 {axis=1, eps=0.01}\n"
     "%22: f32[6] = neg %21.2"},
    {SAME, "%20: f32[12] = reshape %8\n%21: f32[4,3] = concat %12, %6 {axis=0}\n"
     "%22: f32[12] = reshape %21\n%23: f32[12] = add %20, %22",
     "%20: f32[12] = reshape %8\n%21: f32[4,3] = concat %12, %6 {axis=0}\n"
     "%22: f32[12] = reshape %21\n%23: f32[12] = add %22, %20"},
    {SAME, "%20: f32[2,3] = mul %14, %15\n%21: f32[3,2] = transpose %20 {axes=[1,0]}",
     "%20: f32[2,3] = broadcast %14\n%21: f32[3,2] = transpose %20 {axes=[1,0]}"},
    {SAME, "%20: f32[(B+1)/2,6] = slice %1 {axis=0, start=0, stop=B, step=2}\n"
     "%21: f32[(B+1)/2,6] = add %20, %4",
     "%20: f32[(B+1)/2,6] = slice %1 {axis=0, start=0, stop=B, step=2}\n"
     "%21: f32[(B+1)/2,6] = add %4, %20"},
    /* what the fused ops compute */
    {SAME,
     "%20: f32[B,6], f32[B,6], f32[B], f32[B] = add_norm %1, %2, %3, %16 {axis=1, eps=0.01}\n"
     "%21: f32[B,6] = mul %20, %20.1", "%20: f32[B,6] = residual_add %1, %2\n"
     "%21: f32[B,6], f32[B], f32[B] = layer_norm %20, %3, %16 {axis=-1, eps=0.01}\n"
     "%22: f32[B,6] = mul %21, %20"},
    {DIFFERS,
     "%20: f32[B,6], f32[B,6], f32[B], f32[B] = add_norm %1, %2, %3, %16 {axis=1, eps=0.01}",
     "%20: f32[B,6] = residual_add %1, %2\n"
     "%21: f32[B,6], f32[B], f32[B] = layer_norm %20, %16, %3 {axis=-1, eps=0.01}"},
    {SAME, "%20: f32[B,6], f32[B], f32[B] = layer_norm %1, %3 {axis=1, eps=0.01}\n"
     "%21: f32[B,6], f32[6], f32[6] = add_norm_grad %2, %1, %3, %20.1, %20.2, %9 {axis=1, "
     "eps=0.01}\n" "%22: f32[B,6] = mul %21, %21.1",
     "%20: f32[B,6], f32[B], f32[B] = layer_norm %1, %3 {axis=1, eps=0.01}\n"
     "%21: f32[B,6], f32[6], f32[6] = layer_norm_grad %2, %1, %3, %20.1, %20.2 {axis=1, "
     "eps=0.01}\n" "%22: f32[B,6] = accumulate %9, %21\n" "%23: f32[B,6] = mul %22, %21.1"},
    {DIFFERS, "%20: f32[B,6], f32[B], f32[B] = layer_norm %1, %3 {axis=1, eps=0.01}\n"
     "%21: f32[B,6], f32[6], f32[6] = add_norm_grad %2, %1, %3, %20.1, %20.2, %9 {axis=1, "
     "eps=0.01}\n" "%22: f32[B,6] = mul %21, %21.1",
     "%20: f32[B,6], f32[B], f32[B] = layer_norm %1, %3 {axis=1, eps=0.01}\n"
     "%21: f32[B,6], f32[6], f32[6] = layer_norm_grad %2, %1, %3, %20.1, %20.2 {axis=1, "
     "eps=0.01}\n" "%22: f32[B,6] = mul %21, %21.1"},
    {SAME, "%20: f32[B,6], f32[B,6], f32[B] = add_rms_norm %1, %2, %3 {axis=1, eps=0.01}\n"
     "%21: f32[B,6] = mul %20, %20.1", "%20: f32[B,6] = residual_add %1, %2\n"
     "%21: f32[B,6], f32[B] = rms_norm %20, %3 {axis=-1, eps=0.01}\n"
     "%22: f32[B,6] = mul %21, %20"},
    {DIFFERS, "%20: f32[B,6], f32[B,6], f32[B] = add_rms_norm %1, %2, %3 {axis=1, eps=0.01}",
     "%20: f32[B,6], f32[B,6], f32[B], f32[B] = add_norm %1, %2, %3 {axis=1, eps=0.01}"},
    {SAME, "%20: f32[B,6], f32[B] = rms_norm %1, %3 {axis=1, eps=0.01}\n"
     "%21: f32[B,6], f32[6] = add_rms_norm_grad %2, %1, %3, %20.1, %9 {axis=1, eps=0.01}\n"
     "%22: f32[B,6] = mul %21, %21.1",
     "%20: f32[B,6], f32[B] = rms_norm %1, %3 {axis=1, eps=0.01}\n"
     "%21: f32[B,6], f32[6] = rms_norm_grad %2, %1, %3, %20.1 {axis=1, eps=0.01}\n"
     "%22: f32[B,6] = accumulate %9, %21\n%23: f32[B,6] = mul %22, %21.1"},
};

static an_graph *side(const char *lines)
{
    char text[4096];
    int last = 0;
    for (const char *p = lines; p; p = strchr(p, '\n')) {
        p += *p == '\n';
        last = atoi(p + 1);
    }
    snprintf(text, sizeof text, "%s%s\noutput \"out\" %%%d\n", leaves, lines, last);
    return an_read_graph(lines, text);
}

/* The passes keep every bit of either side, whatever it is. */
static void try_passes(const char *what, const an_graph *g)
{
    an_optimised *o = an_optimise(.graph = g);
    if (o->status != AN_OK) {
        an_object("pass", "%s: %s", what, o->message);
    } else {
        an_equivalence *e = an_equivalent(.a = g, .b = o->graph, .bind = "B=5", .quick = true);
        if (e->verdict != AN_VACUOUS && e->verdict != AN_BITWISE)
            an_object("numbers", "%s: optimised: %s", what, e->message);
        if (!e->proof.proved) an_object("proof", "%s: optimised: %s", what, e->proof.message);
        an_equivalence_free(e);
    }
    an_optimised_free(o);
}

static void try_pair(const pair *p)
{
    char what[200];
    snprintf(what, sizeof what, "%.90s | %.90s", p->left, p->right);
    an_graph *a = side(p->left), *b = side(p->right);
    if (a && b) {
        an_equivalence *e = an_equivalent(.a = a, .b = b, .seeds = 2, .bind = "B=5", .quick = true);
        if (p->kind == SAME) an_judge_equal(what, e, NULL);
        if (p->kind == DIFFERS) an_judge_different(what, e);
        if (p->kind == ALMOST && e->proof.proved) an_object("proof", "%s: proved", what);
        if (p->kind == REALS && an_equivalence_rung(e) != AN_RUNG_REALS)
            an_object("proof", "%s: %s", what, an_equivalence_message(e));
        an_equivalence_free(e);
        try_passes(what, a);
    }
    an_graph_free(a);
    an_graph_free(b);
}

/* ---- whole texts: leaves, roots, dims ----------------------------------- */

typedef struct whole {
    kind kind;
    const char *text[2];
} whole;

static const whole wholes[] = {
    {DIFFERS, {"graph \"a\"\n%1: f32[6] = input \"x\"\n%2: f32[6] = state \"w\"\n"
     "%3: f32[6] = mul %1, %2\noutput \"y\" %3\nupdate \"u\" %2 <- %3\n",
     "graph \"b\"\n%1: f32[6] = input \"x\"\n%2: f32[6] = state \"w\"\n"
     "%3: f32[6] = mul %1, %2\n%4: f32[6] = add %1, %2\n"
     "output \"y\" %3\nupdate \"u\" %2 <- %4\n"}},
    /* x is one thing here and another there */
    {DIFFERS, {"graph \"a\"\n%1: f32[6] = input \"x\"\n%2: i32[] = argmax %1\noutput \"y\" %2\n",
     "graph \"b\"\n%1: f32[7] = input \"x\"\n%2: i32[] = argmax %1\noutput \"y\" %2\n"}},
    {ALMOST, {"graph \"a\"\n%1: f32[6] = input \"x\"\n%2: f32[6] = tanh %1\noutput \"y\" %2\n",
     "graph \"b\"\n%1: f32[6] = state \"x\"\n%2: f32[6] = tanh %1\noutput \"y\" %2\n"}},
    /* states that matter only after some steps */
    {DIFFERS, {"graph \"a\"\n%1: f32[6] = state \"s\"\n%2: f32[] = constant {data=[20]}\n"
     "%3: f32[6] = mul %1, %2\n%4: f32[] = constant {data=[1000]}\n"
     "%5: f32[6] = minimum %1, %4\noutput \"y\" %5\nupdate \"u\" %1 <- %3\n",
     "graph \"b\"\n%1: f32[6] = state \"s\"\n%2: f32[] = constant {data=[20]}\n"
     "%3: f32[6] = mul %1, %2\n%4: f32[] = constant {data=[2000]}\n"
     "%5: f32[6] = minimum %1, %4\noutput \"y\" %5\nupdate \"u\" %1 <- %3\n"}},
    /* the same numbers of dims mean other dims */
    {DIFFERS, {"graph \"a\"\ndims B, T\n%1: f32[B,T] = input \"x\"\n"
     "%2: f32[] = sum %1 {axes=all}\n%3: f32[] = count {size=B}\n"
     "%4: f32[] = mul %2, %3\noutput \"y\" %4\n",
     "graph \"b\"\ndims T, B\n%1: f32[B,T] = input \"x\"\n"
     "%2: f32[] = sum %1 {axes=all}\n%3: f32[] = count {size=T}\n"
     "%4: f32[] = mul %2, %3\noutput \"y\" %4\n"}},
    /* outputs in another order */
    {SAME, {"graph \"a\"\n%1: f32[6] = input \"x\"\n%2: f32[6] = tanh %1\noutput \"y\" %2\n"
     "output \"z\" %1\n",
     "graph \"b\"\n%1: f32[6] = input \"x\"\n%2: f32[6] = tanh %1\noutput \"z\" %1\n"
     "output \"y\" %2\n"}},
    /* an output too few */
    {DIFFERS, {"graph \"a\"\n%1: f32[6] = input \"x\"\n%2: f32[6] = tanh %1\noutput \"y\" %2\n"
     "output \"z\" %1\n",
     "graph \"b\"\n%1: f32[6] = input \"x\"\n%2: f32[6] = tanh %1\noutput \"y\" %2\n"}},
    /* an update too few */
    {DIFFERS, {"graph \"a\"\n%1: f32[6] = state \"w\"\n%2: f32[6] = tanh %1\noutput \"y\" %2\n"
     "update \"u\" %1 <- %2\n",
     "graph \"b\"\n%1: f32[6] = state \"w\"\n%2: f32[6] = tanh %1\noutput \"y\" %2\n"}},
};

static void try_whole(const whole *w)
{
    an_graph *a = an_read_graph("a", w->text[0]), *b = an_read_graph("b", w->text[1]);
    for (int turn = 0; a && b && turn < 2; turn++) {
        an_equivalence *e = an_equivalent(.a = turn ? b : a, .b = turn ? a : b, .steps = 5,
                                         .quick = true,
                                         .bind = strstr(w->text[0], "dims") ? "B=3,T=4" : NULL);
        if (w->kind == SAME) an_judge_equal(w->text[1], e, NULL);
        if (w->kind == DIFFERS) an_judge_different(w->text[1], e);
        if (w->kind == ALMOST && e->proof.proved) an_object("proof", "%s: proved", w->text[1]);
        an_equivalence_free(e);
    }
    an_graph_free(a);
    an_graph_free(b);
}

void an_battery_pairs(void)
{
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) try_pair(&pairs[i]);
    for (size_t i = 0; i < sizeof wholes / sizeof *wholes; i++) try_whole(&wholes[i]);
}
