/* data_parallel_net.c -- the two nets, as every rank has them.
 *
 * What makes them parallel stands in two places: the gradients' means, which an_minimize takes over
 * all ranks, and the number of the rank's first row, from which dropout counts, so that a row is
 * masked alike wherever it is.                                                   */
#include "examples/data_parallel.h"

static an_value review_loss(const plan *p, net *n, int64_t vocabulary)
{
    const an_dim B = an_dim_named(n->graph, "B");
    const an_value ids = an_input(n->graph, "ids", AN_I32, AN_SHAPE(B, p->data.max_length));
    const an_value label = an_input(n->graph, "label", AN_F32, AN_SHAPE(B, 1));
    const an_value logits = classifier(ids, true, vocabulary, 2);
    n->right = an_all_reduce(an_accuracy(logits, label, 0), true);
    an_graph_output(n->right, "accuracy");
    return an_bce_with_logits(logits, label);
}

static an_value text_loss(const plan *p, net *n)
{
    const an_dim B = an_dim_named(n->graph, "B"), T = p->config.context;
    const an_value ids = an_input(n->graph, "ids", AN_I32, AN_SHAPE(B, T));
    const an_value label = an_input(n->graph, "label", AN_I32, AN_SHAPE(B, T));
    return an_softmax_cross_entropy(gpt_logits(ids, &p->config), label);
}

net describe(const plan *p, int64_t vocabulary)
{
    net n = {.graph = an_graph_new(p->model)};
    an_graph_rows_from(n.graph, an_input(n.graph, "first_row", AN_I64, AN_SCALAR));
    const an_value loss = vocabulary > 0 ? review_loss(p, &n, vocabulary) : text_loss(p, &n);
    const an_schedule rate = an_warmup_cosine(.peak = p->rate, .warmup = 1 + p->steps / 20,
                                              .steps = p->steps, .floor = p->rate / 100);
    n.step = an_minimize(loss, an_adam(.schedule = rate), .clip_norm = 1, .all_reduce = true);
    an_count_runs(n.step, "steps");
    n.loss = an_all_reduce(loss, true);
    an_graph_output(n.loss, "loss");
    return n;
}
