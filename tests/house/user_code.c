/* user_code.c -- the public macros as users write them: with one argument, with
 * none beyond the required, nested, and with lists of fetches. Only compiled. */
#include "frontends/addnorm.h"

an_value two_layers(an_value x, an_value w, an_value b);
an_value encoder_block(an_value x, int64_t width, const char *name);
int train(an_graph *g, an_value ids, an_value label, const an_tensor *x, const an_tensor *y);
int compile_and_run(an_graph *g, an_value loss, an_value y, const an_tensor *feed, an_tensor *out);

an_value two_layers(an_value x, an_value w, an_value b)
{
    an_scope_open(x, "layers");
    const an_value h = an_gelu(an_add(an_matmul(x, w), b), AN_TANH);
    const an_value y = an_layer_norm(an_residual_add(x, h), AN_NONE, AN_NONE, -1, 1e-5f);
    const an_value scaled = an_mul(y, an_number(y, 0.5));
    an_scope_close(x);
    return an_sum_axes(an_transpose(scaled, AN_AXES(1, 0)), AN_ALL_AXES, false);
}

int compile_and_run(an_graph *g, an_value loss, an_value y, const an_tensor *feed, an_tensor *out)
{
    an_store *store = an_store_new(42);
    const an_value more[] = {loss, y};
    an_program *a = an_compile(g, store, .fetch = {loss, y});
    an_program *b = an_compile(g, store, .fetch_list = more, .fetch_count = 2, .inference = true);
    an_program *c = an_compile(g, store);
    const an_status status = an_run(a, .feed = {{"x", feed}, {"y", feed}}, .out = {out, NULL});
    const an_status nothing = an_run(c);
    an_equivalence *e = an_equivalent(g, an_program_graph(b), .gradients = true);
    char *text = an_print(g);
    char *dot = an_dot(g, .depth = 2);
    const an_rung verdict = an_equivalence_rung(e);
    an_equivalence_free(e);
    an_string_free(text);
    an_string_free(dot);
    return (int)status + (int)nothing + (int)verdict;
}

/* The README's feel: a block is a function, options are named, zero is the default. */
an_value encoder_block(an_value x, int64_t width, const char *name)
{
    an_scope_open(x, name);
    const an_value f = an_nn_dense(an_gelu(an_nn_dense(x, .units = 4 * width), AN_EXACT),
                                   .units = width, .kernel_start = AN_START(AN_INIT_HE_NORMAL));
    x = an_nn_layer_norm(an_residual_add(x, f));
    x = an_nn_residual(x, an_nn_rms_norm(x, .eps = 1e-6f), .no_norm = true);
    an_scope_close(x);
    return x;
}

int train(an_graph *g, an_value ids, an_value label, const an_tensor *x, const an_tensor *y)
{
    an_value h = an_nn_embedding(ids, .vocab = 20000, .units = 50);
    h = an_dropout(an_nn_bilstm(h, .units = 64), 0.2f);
    h = encoder_block(an_nn_lstm(h, .units = 64), 64, "encoder");
    const an_value loss = an_bce_with_logits(an_nn_dense(an_mean(h, 1), .units = 1), label);
    const an_updates all = an_minimize(loss, an_adam());
    const an_updates some = an_minimize(loss, an_sgd(.rate = 0.1f, .nesterov = true), .wrt = {h},
                                        .clip_norm = 1);
    const an_schedule wave = an_warmup_cosine(.warmup = 10, .steps = 100);
    const an_updates slow = an_minimize(loss, an_adamw(.schedule = wave, .decay = 0.004f));
    an_store *store = an_store_new(1);
    an_program *p = an_compile(g, store, .fetch = {loss}, .update = all);
    an_history *history = an_fit(p, .data = {{"ids", x}, {"label", y}}, .epochs = 2);
    an_scores *scores = an_evaluate(p, .data = {{"ids", x}, {"label", y}});
    an_gradient_check *check = an_check_gradients(loss);
    an_proof *proof = an_prove(g, an_program_graph(p));
    const int good = an_gradient_check_status(check) == AN_OK && an_proof_holds(proof) &&
                     an_history_epochs(history) == 2 && an_scores_value(scores, 0) < 1;
    an_history_free(history);
    an_scores_free(scores);
    an_gradient_check_free(check);
    an_proof_free(proof);
    return (int)some.id + (int)slow.id + good;
}
