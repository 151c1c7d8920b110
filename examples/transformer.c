/* transformer.c -- a small encoder that learns to reverse a sequence.
 *
 *   transformer [--pre-norm] [--steps N] [--seed S] [--dot FILE]
 *
 * Attention is written out of matmul and softmax, so this file is also the test of
 * what defining an architecture feels like. The task needs attention: the output at
 * place i is the input at place T-1-i. Prints the share of sequences reversed
 * without a mistake on data never trained on, and exits 1 below 99 %.         */
#include <addnorm.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TOKENS = 24, LENGTH = 16, WIDTH = 64, HEADS = 4, BLOCKS = 2, BATCH = 64 };

/* ---- the architecture -------------------------------------------------- */

/* [B,T,WIDTH] -> [B,HEADS,T,WIDTH/HEADS] */
static an_value split_heads(an_value x)
{
    const an_shape s = an_type_of(x).shape;
    x = an_reshape(x, AN_SHAPE(s.dim[0], s.dim[1], HEADS, WIDTH / HEADS));
    return an_transpose(x, AN_AXES(0, 2, 1, 3));
}

static an_value attention(an_value x)
{
    an_scope_open(x, "attention");
    const an_value q = split_heads(an_nn_dense(x, .units = WIDTH, .name = "query"));
    const an_value k = split_heads(an_nn_dense(x, .units = WIDTH, .name = "key"));
    const an_value v = split_heads(an_nn_dense(x, .units = WIDTH, .name = "value"));
    an_value scores = an_matmul_t(q, false, k, true);
    scores = an_mul(scores, an_number(scores, 0.25)); /* 1 / sqrt(WIDTH / HEADS) */
    const an_value mixed = an_matmul(an_softmax(scores, -1), v);
    const an_value joined = an_reshape(an_transpose(mixed, AN_AXES(0, 2, 1, 3)),
                                       an_type_of(x).shape);
    const an_value y = an_nn_dense(joined, .units = WIDTH, .name = "output");
    an_scope_close(x);
    return y;
}

static an_value feed_forward(an_value x)
{
    return an_nn_dense(an_gelu(an_nn_dense(x, .units = 4 * WIDTH), AN_TANH), .units = WIDTH);
}

static an_value encoder_block(an_value x, bool pre_norm)
{
    an_scope_open_unique(x, "block");
    if (pre_norm) {
        x = an_residual_add(x, attention(an_nn_layer_norm(x)));
        x = an_residual_add(x, feed_forward(an_nn_layer_norm(x)));
    } else {
        x = an_nn_layer_norm(an_residual_add(x, attention(x)));
        x = an_nn_layer_norm(an_residual_add(x, feed_forward(x)));
    }
    an_scope_close(x);
    return x;
}

static an_value encoder(an_value ids, bool pre_norm)
{
    an_value x = an_nn_positions(an_nn_embedding(ids, .vocab = TOKENS, .units = WIDTH),
                                 .most = LENGTH);
    for (int i = 0; i < BLOCKS; i++) x = encoder_block(x, pre_norm);
    if (pre_norm) x = an_nn_layer_norm(x);
    return an_nn_dense(x, .units = TOKENS, .name = "logits");
}

/* ---- the task ---------------------------------------------------------- */

static uint64_t random_state;

static int32_t random_token(void)
{
    random_state = random_state * 6364136223846793005u + 1442695040888963407u;
    return (int32_t)(random_state >> 33) % TOKENS;
}

static int32_t x[BATCH][LENGTH], y[BATCH][LENGTH];

/* A new batch, for whatever step. */
static bool draw_batch(void *context, int64_t step)
{
    (void)context, (void)step;
    for (int b = 0; b < BATCH; b++)
        for (int t = 0; t < LENGTH; t++) y[b][LENGTH - 1 - t] = x[b][t] = random_token();
    return true;
}

/* How many sequences of the batch are right in every place. */
static int count_exact(const an_tensor *best)
{
    const int32_t *guess = best->data;
    int exact = 0;
    for (int b = 0; b < BATCH; b++) exact += !memcmp(guess + b * LENGTH, y[b], sizeof y[b]);
    return exact;
}

/* ---- the program ------------------------------------------------------- */

typedef struct options {
    bool pre_norm;
    int steps;
    uint64_t seed;
    const char *dot;
} options;

static bool read_options(int argc, char **argv, options *o)
{
    for (int i = 1; i < argc; i++) {
        const bool more = i + 1 < argc;
        if (!strcmp(argv[i], "--pre-norm")) o->pre_norm = true;
        else if (!strcmp(argv[i], "--steps") && more) o->steps = atoi(argv[++i]);
        else if (!strcmp(argv[i], "--seed") && more) o->seed = strtoull(argv[++i], NULL, 10);
        else if (!strcmp(argv[i], "--dot") && more) o->dot = argv[++i];
        else return false;
    }
    return o->steps > 0;
}

typedef struct model {
    an_graph *graph;
    an_store *store;
    an_program *train, *infer;
} model;

static bool build(model *m, const options *o)
{
    an_graph *g = m->graph = an_graph_new(o->pre_norm ? "pre-norm encoder" : "post-norm encoder");
    const an_dim B = an_dim_named(g, "B");
    const an_value ids = an_input(g, "ids", AN_I32, AN_SHAPE(B, LENGTH));
    const an_value labels = an_input(g, "labels", AN_I32, AN_SHAPE(B, LENGTH));
    const an_value logits = encoder(ids, o->pre_norm);
    const an_value loss = an_softmax_cross_entropy(logits, labels);
    const an_value best = an_argmax(logits, -1);
    const an_schedule rate = an_warmup_cosine(.peak = 2e-3, .warmup = 100, .steps = o->steps);
    const an_updates up = an_minimize(loss, an_adam(.schedule = rate), .clip_norm = 1);

    m->store = an_store_new(o->seed);
    m->train = an_compile(g, m->store, .fetch = {loss}, .update = up);
    m->infer = an_compile(g, m->store, .fetch = {best}, .inference = true);
    if (m->train && m->infer) return true;
    fprintf(stderr, "%s\n", an_compile_message(g));
    return false;
}

static bool train(const model *m, const options *o)
{
    const an_tensor ids = an_tensor_borrow(AN_I32, AN_EXTENTS(BATCH, LENGTH), x);
    const an_tensor labels = an_tensor_borrow(AN_I32, AN_EXTENTS(BATCH, LENGTH), y);
    an_history *h = an_fit(m->train, .data = {{"ids", &ids}, {"labels", &labels}},
                           .next = draw_batch, .steps = o->steps, .epoch_steps = 200,
                           .progress = stdout);
    const bool good = an_history_status(h) == AN_OK;
    if (!good) fprintf(stderr, "%s\n", an_history_message(h));
    an_history_free(h);
    return good;
}

/* The share of new sequences that come out right in every place. */
static double test(const model *m)
{
    const an_tensor ids = an_tensor_borrow(AN_I32, AN_EXTENTS(BATCH, LENGTH), x);
    an_tensor best = {0};
    int exact = 0;
    for (int i = 0; i < 20; i++) {
        draw_batch(NULL, i);
        if (an_run(m->infer, .feed = {{"ids", &ids}}, .out = {&best}) == AN_OK)
            exact += count_exact(&best);
    }
    an_tensor_free(&best);
    return exact / (20.0 * BATCH);
}

int main(int argc, char **argv)
{
    options o = {.steps = 1000, .seed = 1};
    if (!read_options(argc, argv, &o)) {
        fputs("usage: transformer [--pre-norm] [--steps N] [--seed S] [--dot FILE]\n", stderr);
        return 2;
    }
    random_state = o.seed;
    model m = {0};
    double share = 0;
    bool drawn = true;
    if (build(&m, &o)) {
        const an_graph *trained = an_program_graph(m.train);
        printf("%s: %lld parameters, %lld add_norm, %lld add_norm_grad\n", an_graph_name(m.graph),
               (long long)an_graph_parameters(m.graph),
               (long long)an_graph_count(trained, "add_norm"),
               (long long)an_graph_count(trained, "add_norm_grad"));
        char message[500] = "";
        drawn = !o.dot || an_dot_file(trained, o.dot, .message = message,
                                      .message_size = sizeof message) == AN_OK;
        if (message[0]) fprintf(stderr, "transformer: %s\n", message);
        if (train(&m, &o)) share = test(&m);
        printf("reversed exactly: %.2f %% of %d new sequences\n", 100 * share, 20 * BATCH);
    }
    an_program_free(m.train);
    an_program_free(m.infer);
    an_store_free(m.store);
    an_graph_free(m.graph);
    return drawn && share > 0.99 ? 0 : 1;
}
