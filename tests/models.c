/* models.c -- see models.h. */
#include "tests/models.h"

#include <math.h>

an_model an_model_minimise(an_model m, float rate)
{
    m.up = an_minimize(m.loss, an_adam(.rate = rate));
    an_graph_output(m.loss, "loss");
    an_graph_output(m.y, "y");
    return m;
}

an_model an_model_classifier(an_classifier_sizes s)
{
    an_model m = {.g = an_graph_new("classifier")};
    const an_dim B = an_dim_named(m.g, "B"), T = an_dim_named(m.g, "T");
    const an_value ids = an_input(m.g, "ids", AN_I32, AN_SHAPE(B, T));
    const an_value label = an_input(m.g, "label", AN_F32, AN_SHAPE(B, 1));
    an_value h = an_nn_embedding(ids, .vocab = s.vocabulary, .units = s.embedding);
    h = an_dropout(an_nn_bilstm(h, .units = s.first), 0.2f);
    h = an_dropout(an_nn_bilstm(h, .units = s.second), 0.2f);
    h = an_nn_layer_norm(an_residual_add(h, an_nn_lstm(h, .units = 2 * s.second)));
    const an_value logit = an_nn_dense(an_mean(h, 1), .units = 1);
    m.y = an_sigmoid(logit);
    m.loss = an_bce_with_logits(logit, label);
    return m;
}

/* ---- stacks of dense layers -------------------------------------------- */

static an_value narrow_layers(an_value x)
{
    return an_nn_dense(an_relu(an_nn_dense(x, .units = 24)), .units = 16);
}

static an_value normed(an_value x, bool rms)
{
    return rms ? an_nn_rms_norm(x) : an_nn_layer_norm(x);
}

static an_model stack(const char *name, int blocks, bool pre_norm, bool rms)
{
    an_model m = {.g = an_graph_new(name)};
    an_value x = an_input(m.g, "x", AN_F32, AN_SHAPE(an_dim_named(m.g, "B"), 16));
    for (int i = 0; i < 2 * blocks; i++)
        x = pre_norm ? an_residual_add(x, narrow_layers(normed(x, rms)))
                     : normed(an_residual_add(x, narrow_layers(x)), rms);
    m.y = an_nn_dense(pre_norm ? normed(x, rms) : x, .units = 3);
    m.loss = an_mse(m.y, an_input(m.g, "target", AN_F32, an_type_of(m.y).shape));
    return m;
}

an_model an_model_stack(int blocks, bool pre_norm)
{
    return stack(pre_norm ? "pre-norm" : "post-norm", blocks, pre_norm, false);
}

an_model an_model_rms_stack(int blocks)
{
    return stack("pre-rms-norm", blocks, true, true);
}

/* ---- transformers ------------------------------------------------------ */

/* [B,T,width] -> [B,heads,T,width/heads] */
static an_value split_heads(an_value x, const an_transformer_sizes *s)
{
    const an_dim B = an_type_of(x).shape.dim[0];
    x = an_reshape(x, AN_SHAPE(B, s->length, s->heads, s->width / s->heads));
    return an_transpose(x, AN_AXES(0, 2, 1, 3));
}

/* Scores of places after the row's own become so small that softmax makes them 0. */
static an_value only_before(an_value scores, int64_t length)
{
    const an_shape square = AN_SHAPE(length, length);
    const an_value row = an_iota(scores.graph, AN_I32, square, 0);
    const an_value column = an_iota(scores.graph, AN_I32, square, 1);
    return an_where(an_compare(column, AN_LE, row), scores, an_number(scores, -1e9));
}

/* Each place of x looks at all places of `from`, or at those before it. */
static an_value attention(an_value x, an_value from, const an_transformer_sizes *s, bool causal)
{
    an_scope_open_unique(x, "attention");
    const an_value q = split_heads(an_nn_dense(x, .units = s->width, .name = "query"), s);
    const an_value k = split_heads(an_nn_dense(from, .units = s->width, .name = "key"), s);
    const an_value v = split_heads(an_nn_dense(from, .units = s->width, .name = "value"), s);
    an_value scores = an_matmul_t(q, false, k, true);
    scores = an_mul(scores, an_number(scores, 1 / sqrt((double)(s->width / s->heads))));
    if (causal) scores = only_before(scores, s->length);
    const an_value mixed = an_matmul(an_softmax(scores, -1), v);
    const an_value joined = an_reshape(an_transpose(mixed, AN_AXES(0, 2, 1, 3)),
                                       an_type_of(x).shape);
    const an_value y = an_nn_dense(joined, .units = s->width, .name = "output");
    an_scope_close(x);
    return y;
}

static an_value wide_layers(an_value x, int64_t width)
{
    return an_nn_dense(an_gelu(an_nn_dense(x, .units = 4 * width), AN_TANH), .units = width);
}

static an_value transformer_block(an_value x, const an_transformer_sizes *s)
{
    an_scope_open_unique(x, "block");
    if (s->pre_norm) {
        const an_value y = an_nn_layer_norm(x);
        x = an_residual_add(x, attention(y, y, s, s->causal));
        x = an_residual_add(x, wide_layers(an_nn_layer_norm(x), s->width));
    } else {
        x = an_nn_layer_norm(an_residual_add(x, attention(x, x, s, s->causal)));
        x = an_nn_layer_norm(an_residual_add(x, wide_layers(x, s->width)));
    }
    an_scope_close(x);
    return x;
}

an_model an_model_transformer(an_transformer_sizes s)
{
    an_model m = {.g = an_graph_new(s.name)};
    const an_dim B = an_dim_named(m.g, "B");
    const an_value ids = an_input(m.g, "ids", AN_I32, AN_SHAPE(B, s.length));
    const an_value labels = an_input(m.g, "labels", AN_I32, AN_SHAPE(B, s.length));
    const an_init small = {AN_INIT_NORMAL, 0, 0.02};
    const an_value table = an_state(m.g, "tokens", AN_F32, AN_SHAPE(s.tokens, s.width), small);
    const an_value places = an_state(m.g, "places", AN_F32, AN_SHAPE(s.length, s.width), small);
    an_value x = an_add(an_embedding(table, ids), places);
    for (int i = 0; i < s.blocks; i++) x = transformer_block(x, &s);
    if (s.pre_norm) x = an_nn_layer_norm(x);
    m.y = s.tied ? an_matmul_t(x, false, table, true)
                 : an_nn_dense(x, .units = s.tokens, .name = "logits");
    m.loss = an_softmax_cross_entropy(m.y, labels);
    return m;
}

/* ---- translation ------------------------------------------------------- */

static an_value embed(an_graph *g, const char *name, const an_transformer_sizes *s)
{
    const an_init small = {AN_INIT_NORMAL, 0, 0.02};
    const an_value ids = an_input(g, name, AN_I32, AN_SHAPE(an_dim_named(g, "B"), s->length));
    an_scope_open(ids, name);
    const an_value table = an_state(g, "tokens", AN_F32, AN_SHAPE(s->tokens, s->width), small);
    const an_value places = an_state(g, "places", AN_F32, AN_SHAPE(s->length, s->width), small);
    const an_value x = an_add(an_embedding(table, ids), places);
    an_scope_close(ids);
    return x;
}

an_model an_model_translator(an_transformer_sizes s)
{
    an_model m = {.g = an_graph_new(s.name)};
    an_value memory = embed(m.g, "source", &s), x = embed(m.g, "target", &s);
    for (int i = 0; i < s.blocks; i++) memory = transformer_block(memory, &s);
    for (int i = 0; i < s.blocks; i++) {
        an_scope_open_unique(x, "decoder");
        x = an_nn_layer_norm(an_residual_add(x, attention(x, x, &s, true)));
        x = an_nn_layer_norm(an_residual_add(x, attention(x, memory, &s, false)));
        x = an_nn_layer_norm(an_residual_add(x, wide_layers(x, s.width)));
        an_scope_close(x);
    }
    m.y = an_nn_dense(x, .units = s.tokens, .name = "logits");
    const an_dim B = an_dim_named(m.g, "B");
    m.loss = an_softmax_cross_entropy(m.y, an_input(m.g, "labels", AN_I32, AN_SHAPE(B, s.length)));
    return m;
}
