/* prover_alone.c -- a program that holds the prover and no pass.
 *
 * tests/meson.build names the files it is linked from; that it links is the test.
 * It still has to prove something and to refuse something.                   */
#include "graph/equal/equal.h"
#include "graph/ir.h"

#include <stdio.h>
#include <string.h>

#define LEAVES                                                                                     \
    "graph \"g\"\n"                                                                               \
    "%1: f32[2,8] = input \"x\"\n"                                                                \
    "%2: f32[2,8] = input \"skip\"\n"

static an_proof *prove(const char *left, const char *right)
{
    an_graph *a = an_parse(.text = left, .name = "left");
    an_graph *b = an_parse(.text = right, .name = "right");
    an_proof *f = an_prove(.a = a, .b = b);
    an_graph_free(a);
    an_graph_free(b);
    return f;
}

int main(void)
{
    static const char pair[] =
        LEAVES "%3: f32[2,8] = residual_add %1, %2\n"
               "%4: f32[2,8], f32[2], f32[2] = layer_norm %3 {axis=-1, eps=1e-05}\n"
               "output \"y\" %4\n";
    static const char fused[] =
        LEAVES "%3: f32[2,8], f32[2,8], f32[2], f32[2] = add_norm %1, %2 {axis=1, eps=1e-05}\n"
               "output \"y\" %3\n";
    static const char wrong[] =
        LEAVES "%3: f32[2,8], f32[2,8], f32[2], f32[2] = add_norm %1, %2 {axis=1, eps=1e-06}\n"
               "output \"y\" %3\n";
    an_proof *good = prove(pair, fused), *bad = prove(pair, wrong);
    printf("%s\n%s\n", an_proof_message(good), an_proof_message(bad));
    const bool right = an_proof_holds(good) && an_proof_status(bad) == AN_OK &&
                       !an_proof_holds(bad) && !strcmp(an_proof_kind(bad), "attribute");
    an_proof_free(good);
    an_proof_free(bad);
    return right ? 0 : 1;
}
