/* models.h -- the whole models that tests and benchmarks share.
 *
 * Each is a graph as a user writes it: a loss, what it predicts, and after
 * an_model_minimise the updates of Adam. A failed one carries its reason in
 * an_graph_message.                                                          */
#ifndef AN_TESTS_MODELS_H
#define AN_TESTS_MODELS_H

#include "frontends/addnorm.h"

typedef struct an_model {
    an_graph *g;
    an_value loss, y;
    an_updates up;
} an_model;

/* The article's classifier of texts: embedding, two bidirectional LSTMs with dropout
 * behind each, a third LSTM beside a residual, layer norm, mean, one logit. Inputs
 * "ids" i32[B,T] and "label" f32[B,1]. */
typedef struct an_classifier_sizes {
    int64_t vocabulary, embedding, first, second; /* units of the two, per direction */
} an_classifier_sizes;

#define AN_CLASSIFIER_SMALL ((an_classifier_sizes){50, 12, 16, 8})
/* As the article trains it, with B=32 and T=100. */
#define AN_CLASSIFIER_FULL ((an_classifier_sizes){88000, 50, 64, 32})
an_model an_model_classifier(an_classifier_sizes s);

/* `blocks` of two residual sums each around small dense layers, wired as GPT (pre-norm)
 * or BERT (post-norm) wire theirs. Inputs "x" f32[B,16] and "target" f32[B,3]. */
an_model an_model_stack(int blocks, bool pre_norm);
/* Pre-norm, with RMS norms, as LLaMA wires its blocks. */
an_model an_model_rms_stack(int blocks);

/* Attention written out of matmul and softmax. Inputs "ids" and "labels" i32[B,length]. */
typedef struct an_transformer_sizes {
    const char *name;
    int64_t tokens, length, width, heads;
    int blocks;
    bool pre_norm; /* with one more norm behind the last block */
    bool causal;   /* a place attends to none after it */
    bool tied;     /* the logits' weights are the token table */
} an_transformer_sizes;

/* GPT-2's 12 blocks at the width of character-level GPTs, to train with B=8: 512
 * places a step, 2.5 million parameters and 8 GFLOP, as much as two cores do in a
 * fraction of a second and the plain loops of the shadow run in a few. What decides
 * what a proof and the passes have to do, the depth and the wiring, is GPT-2's own. */
#define AN_GPT                                                                                     \
    ((an_transformer_sizes){.name = "gpt", .tokens = 1000, .length = 64, .width = 128, .heads = 4, \
                            .blocks = 12, .pre_norm = true, .causal = true, .tied = true})
/* The encoder of examples/transformer.c, which trains with B=64. */
#define AN_ENCODER                                                                                 \
    ((an_transformer_sizes){.name = "encoder", .tokens = 24, .length = 16, .width = 64,            \
                            .heads = 4, .blocks = 2, .pre_norm = false})
an_model an_model_transformer(an_transformer_sizes s);
/* An encoder of such blocks, and decoder blocks that look at its last values. Inputs "source",
 * "target" and "labels" i32[B,length]. */
an_model an_model_translator(an_transformer_sizes s);

/* Adds Adam's updates for all parameters and declares the outputs "loss" and "y". */
an_model an_model_minimise(an_model m, float rate);

#endif
