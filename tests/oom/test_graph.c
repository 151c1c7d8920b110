/* test_graph.c -- every allocation of what makes, changes, reads and draws graphs. */
#include <unistd.h>

#include "tests/oom/oom.h"

/* ---- graphs ------------------------------------------------------------ */

/* All that a graph of a few nodes can have: named dims and arithmetic of them, scopes, labels,
 * dropout, a mean that is left behind, both floats, a residual that fuses, and a loss. */
static an_model small_model(void)
{
    an_model m = {.g = an_graph_new("small")};
    const an_dim B = an_dim_named(m.g, "B"), T = an_dim_named(m.g, "T");
    const an_value x = an_input(m.g, "x", AN_F32, AN_SHAPE(B, an_dim_times(m.g, T, 2), 4));
    an_scope_open(x, "encoder");
    an_value h = an_label(an_dropout(an_nn_dense(x, .units = 4), 0.25f), "thinned");
    h = an_nn_layer_norm(an_residual_add(x, h));
    const an_value mean = an_state(m.g, "mean", AN_F32, AN_SHAPE(4), (an_init){0});
    const an_value batch = an_mean_axes(h, AN_AXES(0, 1), false);
    an_graph_freeze(m.g, "encoder/mean", true);
    h = an_sub(h, an_where(an_training(m.g), batch, mean));
    an_pending(mean, batch, h);
    an_scope_close(x);
    h = an_reshape(h, AN_SHAPE(B, an_dim_times(m.g, T, 8)));
    m.y = an_mean(an_mul(h, an_mul(an_number(h, 2), an_number(h, 0.75))), 1);
    const an_value target = an_input(m.g, "target", AN_F32, AN_SHAPE(B));
    m.loss = an_mse(m.y, target);
    return m;
}

static an_model small_trained(void)
{
    return an_model_minimise(small_model(), 0.01f);
}

static void take_graph(an_oom *w, an_graph *g)
{
    w->graph = g;
    an_oom_says(w, g ? an_graph_status(g) : AN_E_MEMORY, g ? an_graph_message(g) : "out of memory");
}

static void take_text(an_oom *w, char *text)
{
    w->made = text;
    an_oom_says(w, text ? AN_OK : AN_E_MEMORY, text ? "" : "out of memory");
}

static void prepare_small(an_oom *w)
{
    w->m = small_trained();
}

static void prepare_both(an_oom *w)
{
    w->m = small_trained();
    an_optimised *o = an_optimise(.graph = w->m.g);
    w->other = an_optimised_take(o);
    an_optimised_free(o);
}

static void prepare_classifier(an_oom *w)
{
    w->m = an_model_minimise(an_model_classifier(AN_CLASSIFIER_SMALL), 0.01f);
}

/* ---- definition -------------------------------------------------------- */

static void build_small(an_oom *w)
{
    take_graph(w, small_trained().g);
}

static void build_classifier(an_oom *w)
{
    take_graph(w, an_model_minimise(an_model_classifier(AN_CLASSIFIER_SMALL), 0.01f).g);
}

static void build_clipped(an_oom *w)
{
    an_model m = an_model_stack(1, true);
    m.up = an_minimize(m.loss, an_sgd(.rate = 0.1f, .momentum = 0.9f), .clip_norm = 1);
    an_value w0 = an_graph_state(m.g, an_graph_leaf_name(m.g, 1));
    an_graph_output(an_gradient(m.loss, w0), "gradient");
    take_graph(w, m.g);
}

static void build_scheduled(an_oom *w)
{
    an_model m = {.g = an_graph_new("scheduled")};
    const an_value x = an_input(m.g, "x", AN_F32, AN_SHAPE(an_dim_named(m.g, "B"), 6));
    an_value h = an_nn_residual(x, .branch = an_nn_dense(x, .units = 4));
    h = an_nn_rms_norm(h);
    m.loss = an_mean_axes(an_square(h), AN_ALL_AXES, false);
    an_graph_freeze(m.g, "rms_norm", true);
    m.up = an_minimize(m.loss, an_adamw(.decay = 0.004f,
                                        .schedule = {AN_SCHEDULE_COSINE, .peak = 0.1,
                                                     .warmup = 2, .steps = 9}));
    take_graph(w, m.g);
}

/* Groups, sums over batches, averages, two tables joined, gradients by name. */
static void build_averaged(an_oom *w)
{
    an_model m = an_model_stack(1, true);
    const an_value w0 = an_graph_state(m.g, an_graph_leaf_name(m.g, 1));
    m.up = an_minimize(m.loss, an_rmsprop(.momentum = 0.5, .centered = true), .clip_norm = 1,
                       .accumulate = 3,
                       .groups = {{.names = "*bias", .frozen = true},
                                  {.rank_below = 2, .rate = 2}});
    an_average(m.up, .decay = 0.9);
    const an_updates more = an_updates_new(m.g, "more");
    an_count_runs(more, "runs");
    an_updates_join(m.up, more);
    const char *name = an_graph_leaf_name(m.g, 1);
    an_graph_output(an_updates_gradient(m.up, name), "gradient");
    an_graph_output(an_updates_gradient_taken(m.up, name), "taken");
    const an_value d = an_updates_gradient(m.up, name);
    an_apply_gradients(an_adagrad(), .state = {w0}, .gradient = {d});
    take_graph(w, m.g);
}

static void build_encoder(an_oom *w)
{
    an_transformer_sizes sizes = AN_ENCODER;
    sizes.blocks = 1;
    take_graph(w, an_model_minimise(an_model_transformer(sizes), 0.01f).g);
}

/* ---- slips, reported as what they are or as out of memory --------------- */

static void take_slip(an_oom *w, an_graph *g)
{
    w->graph = g;
    an_oom_refuses(w, g ? an_graph_status(g) : AN_E_MEMORY,
                   g ? an_graph_message(g) : "out of memory");
}

static void add_unlike(an_oom *w)
{
    an_graph *g = an_graph_new("wrong");
    const an_dim B = an_dim_named(g, "B"), T = an_dim_named(g, "T");
    const an_value x = an_input(g, "x", AN_F32, AN_SHAPE(B, an_dim_plus(g, T, 1)));
    an_add(x, an_input(g, "y", AN_F32, AN_SHAPE(B, an_dim_over(g, T, 2))));
    take_slip(w, g);
}

static an_value some_state(an_graph *g, const char *name, int64_t width)
{
    return an_state(g, name, AN_F32, AN_SHAPE(an_dim_named(g, "B"), width), (an_init){0});
}

static void name_twice(an_oom *w)
{
    an_graph *g = an_graph_new("wrong");
    an_graph_scope_open(g, "outer");
    some_state(g, "w", 3);
    some_state(g, "w", 3);
    take_slip(w, g);
}

static void reshape_badly(an_oom *w)
{
    an_graph *g = an_graph_new("wrong");
    an_reshape(some_state(g, "w", 6), AN_SHAPE(5, AN_DIM_REST));
    take_slip(w, g);
}

static void multiply_unlike(an_oom *w)
{
    an_graph *g = an_graph_new("wrong");
    an_matmul(some_state(g, "w", 6), some_state(g, "v", 5));
    take_slip(w, g);
}

static void norm_badly(an_oom *w)
{
    an_graph *g = an_graph_new("wrong");
    const an_value x = some_state(g, "x", 6);
    an_layer_norm(x, some_state(g, "gamma", 5), AN_NONE, -1, 1e-3f);
    take_slip(w, g);
}

static void differentiate_badly(an_oom *w)
{
    an_graph *g = an_graph_new("wrong");
    const an_value x = some_state(g, "x", 6);
    an_gradient(an_relu(x), x);
    take_slip(w, g);
}

static void update_badly(an_oom *w)
{
    an_graph *g = an_graph_new("wrong");
    const an_updates u = an_updates_new(g, "update");
    an_updates_add(an_updates_new(g, "update"), some_state(g, "x", 6), some_state(g, "y", 5));
    (void)u;
    take_slip(w, g);
}

static void update_twice(an_oom *w)
{
    an_graph *g = an_graph_new("wrong");
    const an_value x = some_state(g, "x", 6), d = an_neg(x);
    const an_updates u = an_apply_gradients(an_sgd(), .state = {x}, .gradient = {d});
    an_apply_gradients(an_adagrad(), .state = {x}, .gradient = {d}, .into = u);
    take_slip(w, g);
}

static void group_badly(an_oom *w)
{
    an_graph *g = an_graph_new("wrong");
    const an_value x = some_state(g, "dense/bias", 6), d = an_neg(x);
    an_apply_gradients(an_sgd(), .state = {x}, .gradient = {d},
                       .groups = {{.names = "dense/bais", .frozen = true}});
    take_slip(w, g);
}

static void ask_badly(an_oom *w)
{
    an_graph *g = an_graph_new("wrong");
    const an_value x = some_state(g, "bias", 6), d = an_neg(x);
    an_updates_gradient(an_apply_gradients(an_sgd(), .state = {x}, .gradient = {d}), "bais");
    take_slip(w, g);
}

/* ---- text -------------------------------------------------------------- */

static void print_graph(an_oom *w)
{
    take_text(w, an_print(w->m.g, .locations = true));
}

static void prepare_text(an_oom *w)
{
    prepare_small(w);
    w->text = an_print(w->m.g, .locations = true);
}

static void prepare_classifier_text(an_oom *w)
{
    prepare_classifier(w);
    w->text = an_print(w->m.g);
}

static void parse_text(an_oom *w)
{
    take_graph(w, an_parse(.text = w->text, .name = "text"));
}

static void prepare_slip(an_oom *w)
{
    prepare_small(w);
    char *text = an_print(w->m.g);
    char *type = strstr(text, "f32[B,2*T");
    if (type) memcpy(type, "f32[B,3*T", 9); /* not what is inferred further down */
    w->text = text;
}

static void parse_slip(an_oom *w)
{
    take_slip(w, an_parse(.text = w->text, .name = "text"));
}

/* ---- passes ------------------------------------------------------------ */

static void take_optimised(an_oom *w, an_optimised *o)
{
    w->optimised = o;
    an_oom_says(w, an_optimised_status(o), an_optimised_message(o));
}

static void optimise(an_oom *w)
{
    take_optimised(w, an_optimise(.graph = w->m.g));
}

static void optimise_inference(an_oom *w)
{
    take_optimised(w, an_optimise(.graph = w->m.g, .inference = true));
}

static void describe_optimised(an_oom *w, FILE *out)
{
    char *text = an_print(an_optimised_graph(w->optimised));
    fprintf(out, "%s", text ? text : "");
    an_string_free(text);
    for (int64_t i = 0; an_optimised_note(w->optimised, i); i++) {
        const an_note *n = an_optimised_note(w->optimised, i);
        fprintf(out, "%s %d %s %u %s\n", n->pass, n->done, n->reason, n->ordinal, n->text);
    }
}

/* ---- pictures ---------------------------------------------------------- */

static void draw(an_oom *w)
{
    take_text(w, an_dot(w->m.g));
}

static void draw_collapsed(an_oom *w)
{
    take_text(w, an_dot(w->m.g, .depth = 1, .color = AN_COLOR_PHASE, .title = "depth 1"));
}

static void draw_difference(an_oom *w)
{
    take_text(w, an_dot(w->other, .diff = w->m.g, .whole = true));
}

static void draw_focus(an_oom *w)
{
    take_text(w, an_dot(w->m.g, .focus = "encoder", .radius = 2));
}

static void draw_mermaid(an_oom *w)
{
    take_text(w, an_mermaid(w->m.g));
}

static void summarise(an_oom *w)
{
    take_text(w, an_summary(w->m.g, .bind = "B=3,T=5"));
}

static char drawn[64];

static void name_file(const char *ending)
{
    snprintf(drawn, sizeof drawn, "%s/addnorm-oom-%d.%s",
             access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp", (int)getpid(), ending);
    unlink(drawn);
}

static void prepare_file(an_oom *w)
{
    prepare_small(w);
    name_file("dot");
}

static void prepare_picture(an_oom *w)
{
    w->m.g = an_graph_new("tiny");
    an_relu(an_input(w->m.g, "x", AN_F32, AN_SHAPE(2)));
    name_file("svg");
}

static void draw_file(an_oom *w)
{
    const an_status s = an_dot_file(w->m.g, drawn, .message = w->message,
                                    .message_size = sizeof w->message);
    w->status = s;
}

/* Written as a whole or not at all. */
static void state_file(an_oom *w, FILE *out)
{
    (void)w;
    fprintf(out, "%d\n", access(drawn, F_OK));
}

static void describe_file(an_oom *w, FILE *out)
{
    (void)w;
    FILE *f = fopen(drawn, "rb");
    for (int c; f && (c = fgetc(f)) != EOF;) fputc(c, out);
    if (f) fclose(f);
}

static void remove_file(an_oom *w)
{
    (void)w;
    unlink(drawn);
}

/* ---- operands whose extents are computed, and slips in calls ----------- */

static void build_pieces(an_oom *w)
{
    an_model m = {.g = an_graph_new("pieces")};
    const an_dim B = an_dim_named(m.g, "B"), T = an_dim_named(m.g, "T");
    const an_value x = an_input(m.g, "x", AN_F32, AN_SHAPE(B, T, 6));
    const an_value both[] = {x, an_pad(x, 1, 1, 2, 0, 0)};
    an_value h = an_concat(both, 2, 1);
    h = an_slice(h, 1, 1, an_dim_times(m.g, T, 2), 2);
    h = an_nn_dense(an_transpose(h, AN_AXES(0, 1, 2)), .units = 3);
    m.y = an_sum(an_mean(h, 1), 0);
    m.loss = an_mean_axes(an_square(m.y), AN_ALL_AXES, false);
    m.up = an_minimize(m.loss, an_adam(.rate = 0.1f), .clip_norm = 2);
    an_graph_output(m.loss, "loss");
    take_graph(w, m.g);
}

static const an_oom_case rows[] = {
    {"build", .work = build_small},
    {"build classifier", .work = build_classifier},
    {"build clipped", .work = build_clipped},
    {"build scheduled", .work = build_scheduled},
    {"build averaged", .work = build_averaged},
    {"build encoder", .work = build_encoder},
    {"add unlike", .work = add_unlike},
    {"name twice", .work = name_twice},
    {"reshape badly", .work = reshape_badly},
    {"multiply unlike", .work = multiply_unlike},
    {"norm badly", .work = norm_badly},
    {"differentiate badly", .work = differentiate_badly},
    {"update badly", .work = update_badly},
    {"update twice", .work = update_twice},
    {"group badly", .work = group_badly},
    {"ask badly", .work = ask_badly},
    {"build pieces", .work = build_pieces},
    {"print", .prepare = prepare_small, .work = print_graph},
    {"print classifier", .prepare = prepare_classifier, .work = print_graph},
    {"parse", .prepare = prepare_text, .work = parse_text},
    {"parse classifier", .prepare = prepare_classifier_text, .work = parse_text},
    {"parse slip", .prepare = prepare_slip, .work = parse_slip},
    {"optimise", .prepare = prepare_small, .work = optimise, .describe = describe_optimised},
    {"optimise classifier", .prepare = prepare_classifier, .work = optimise,
     .describe = describe_optimised},
    {"optimise inference", .prepare = prepare_small, .work = optimise_inference,
     .describe = describe_optimised},
    {"dot", .prepare = prepare_small, .work = draw},
    {"dot classifier", .prepare = prepare_classifier, .work = draw},
    {"dot collapsed", .prepare = prepare_small, .work = draw_collapsed},
    {"dot difference", .prepare = prepare_both, .work = draw_difference},
    {"dot focus", .prepare = prepare_small, .work = draw_focus},
    {"dot file", .prepare = prepare_file, .work = draw_file, .describe = describe_file,
     .state = state_file, .done = remove_file},
    {"mermaid", .prepare = prepare_small, .work = draw_mermaid},
    {"mermaid classifier", .prepare = prepare_classifier, .work = draw_mermaid},
    {"summary", .prepare = prepare_small, .work = summarise},
    {"summary classifier", .prepare = prepare_classifier, .work = summarise},
};

START_TEST(test_every_allocation)
{
    ck_assert_int_eq(an_oom_try(rows, (int)(sizeof rows / sizeof *rows)), 0);
}
END_TEST

/* A child lays it out, which takes its time. */
START_TEST(test_rendering)
{
    static const an_oom_case picture[] = {
        {"picture", .prepare = prepare_picture, .work = draw_file, .describe = describe_file,
         .state = state_file, .done = remove_file}};
    const char *mode = getenv("AN_OOM");
    if (!mode || strcmp(mode, "full") != 0) return;
    if (system("dot -V >/dev/null 2>&1") == 0) ck_assert_int_eq(an_oom_try(picture, 1), 0);
    else an_test_skip("pictures without memory", "there is no Graphviz");
}
END_TEST

AN_TEST_MAIN("oom_graph", test_every_allocation, test_rendering)
