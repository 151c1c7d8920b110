/* gpt_model.c -- the architecture, and the programs that are made of it.
 *
 * A decoder (Radford et al. 2018): blocks of causal attention and a wide layer, each added to
 * what came in. The norm stands behind the sum (post, Vaswani et al. 2017), before the layer
 * (pre), or is there an RMS norm (Zhang & Sennrich 2019). Places are learned, or turn queries
 * and keys (rotary, Su et al. 2021).
 *
 * The same function describes two graphs that share their weights: one of texts, for training,
 * and one of a piece of text whose predecessors' keys and values are kept.       */
#include "examples/gpt.h"

#include <stdio.h>

/* ---- the architecture ---------------------------------------------------- */

static an_value norm(an_value x, const gpt_config *c)
{
    return c->norm == GPT_RMS ? an_nn_rms_norm(x, .eps = 1e-5) : an_nn_layer_norm(x, .eps = 1e-5);
}

static an_value wide_layers(an_value x, const gpt_config *c)
{
    return an_nn_dense(an_gelu(an_nn_dense(x, .units = 4 * c->width), AN_TANH), .units = c->width);
}

/* `position`: the place of the piece that x is, behind what is cached; none for a whole text. */
static an_value attention(an_value x, an_value position, const gpt_config *c)
{
    return an_nn_attention(x, .heads = c->heads, .causal = true, .rotary = c->rotary ? 1e4 : 0,
                           .position = position,
                           .cache = an_is_none(position) ? 0 : c->context);
}

static an_value block(an_value x, an_value position, const gpt_config *c)
{
    an_scope_open_unique(x, "block");
    if (c->norm == GPT_POST) {
        x = norm(an_residual_add(x, attention(x, position, c)), c);
        x = norm(an_residual_add(x, wide_layers(x, c)), c);
    } else {
        x = an_residual_add(x, attention(norm(x, c), position, c));
        x = an_residual_add(x, wide_layers(norm(x, c), c));
    }
    an_scope_close(x);
    return x;
}

/* ids[B,T] -> logits[B,T,BYTES] of the bytes that follow. */
static an_value decoder(an_value ids, an_value position, const gpt_config *c)
{
    an_value x = an_nn_embedding(ids, .vocab = BYTES, .units = c->width, .name = "bytes");
    if (!c->rotary)
        x = an_nn_positions(x, .most = c->context, .position = position, .name = "places");
    for (int64_t i = 0; i < c->blocks; i++) x = block(x, position, c);
    if (c->norm != GPT_POST) x = norm(x, c);
    return an_nn_dense(x, .units = BYTES, .name = "logits");
}

an_value gpt_logits(an_value ids, const gpt_config *c)
{
    return decoder(ids, AN_NONE, c);
}

/* ---- programs -------------------------------------------------------------- */

static bool build_whole(gpt *m)
{
    an_graph *g = m->graph = an_graph_new("gpt");
    const an_dim B = an_dim_named(g, "B"), T = an_dim_named(g, "T");
    const an_value ids = an_input(g, "ids", AN_I32, AN_SHAPE(B, T));
    const an_value labels = an_input(g, "labels", AN_I32, AN_SHAPE(B, T));
    const an_value logits = gpt_logits(ids, &m->config);
    const an_value scored = an_softmax_cross_entropy(logits, labels, .ignore_index = AN_ID(-1));
    const an_schedule rate = an_warmup_cosine(.peak = 3e-3, .warmup = 1 + m->config.steps / 20,
                                              .steps = m->config.steps, .floor = 1e-4);
    m->loss = an_softmax_cross_entropy(logits, labels);
    an_graph_output(m->loss, "loss");
    m->steps = an_minimize(m->loss, an_adam(.schedule = rate, .beta2 = 0.99), .clip_norm = 1);
    m->train = an_compile(g, m->store, .fetch = {m->loss}, .update = m->steps);
    m->test = an_compile(g, m->store, .fetch = {scored}, .inference = true);
    m->whole = an_compile(g, m->store, .fetch = {logits}, .inference = true);
    if (m->train && m->test && m->whole) return true;
    fprintf(stderr, "gpt: %s\n", an_compile_message(g));
    return false;
}

static bool build_piece(gpt *m)
{
    an_graph *g = m->piece = an_graph_new("gpt with a cache");
    const an_dim T = an_dim_named(g, "T");
    const an_value ids = an_input(g, "ids", AN_I32, AN_SHAPE(1, T));
    const an_value position = an_input(g, "position", AN_I32, AN_SCALAR);
    const an_value logits = decoder(ids, position, &m->config);
    m->caches = an_updates_new(g, "caches");
    an_updates_take_pending(m->caches, logits);
    m->next = an_compile(g, m->store, .fetch = {logits}, .update = m->caches, .inference = true);
    if (!m->next) fprintf(stderr, "gpt: %s\n", an_compile_message(g));
    return m->next != NULL;
}

bool gpt_build(gpt *m, const gpt_config *config, uint64_t seed)
{
    *m = (gpt){.config = *config, .store = an_store_new(seed)};
    return build_whole(m) && build_piece(m);
}

void gpt_free(gpt *m)
{
    an_program_free(m->train);
    an_program_free(m->test);
    an_program_free(m->whole);
    an_program_free(m->next);
    an_store_free(m->store);
    an_graph_free(m->graph);
    an_graph_free(m->piece);
}
