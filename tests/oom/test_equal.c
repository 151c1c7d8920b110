/* test_equal.c -- every allocation of programs, proofs and verdicts. */
#include "tests/oom/oom.h"

/* ---- graphs ------------------------------------------------------------ */

static an_model small_model(float eps)
{
    an_model m = {.g = an_graph_new("small")};
    const an_dim B = an_dim_named(m.g, "B");
    const an_value x = an_input(m.g, "x", AN_F32, AN_SHAPE(B, 4));
    an_value h = an_dropout(an_nn_dense(x, .units = 4), 0.25f);
    h = an_nn_layer_norm(an_residual_add(x, h), .eps = eps);
    const an_value mean = an_state(m.g, "mean", AN_F32, AN_SHAPE(4), (an_init){0});
    an_graph_freeze(m.g, "mean", true);
    const an_value batch = an_mean(h, 0);
    h = an_sub(h, an_where(an_training(m.g), batch, mean));
    an_pending(mean, batch, h);
    m.y = an_mean(an_mul(h, an_mul(an_number(h, 2), an_number(h, 0.75))), 1);
    m.loss = an_mse(m.y, an_input(m.g, "target", AN_F32, AN_SHAPE(B)));
    return an_model_minimise(m, 0.01f);
}

static void prepare_model(an_oom *w)
{
    float data[12], target[3] = {0.5f, -1, 2};
    for (int i = 0; i < 12; i++) data[i] = (float)(i * 7 % 12) / 6 - 1;
    w->m = small_model(1e-3f);
    w->store = an_store_new(3);
    const an_tensor x = an_tensor_borrow(AN_F32, AN_EXTENTS(3, 4), data);
    const an_tensor y = an_tensor_borrow(AN_F32, AN_EXTENTS(3), target);
    an_tensor_copy(&w->feed[0], &x);
    an_tensor_copy(&w->feed[1], &y);
}

static void prepare_optimised(an_oom *w)
{
    w->m = small_model(1e-3f);
    an_optimised *o = an_optimise(.graph = w->m.g);
    w->other = an_optimised_take(o);
    an_optimised_free(o);
}

static void prepare_unequal(an_oom *w)
{
    w->m = small_model(1e-3f);
    w->other = small_model(1e-5f).g;
}

/* Other outputs: there is nothing to compare. */
static void prepare_foreign(an_oom *w)
{
    w->m = small_model(1e-3f);
    w->other = an_parse(.text =
        "dims B\n%1: f32[B,5] = input \"x\"\noutput \"y\" %1\n", .name = "foreign");
}

/* ---- programs ---------------------------------------------------------- */

static void compile(an_oom *w)
{
    w->compiled = an_compile(w->m.g, w->store, .fetch = {w->m.loss, w->m.y}, .update = w->m.up);
    an_oom_says(w, w->compiled ? AN_OK : AN_E_MEMORY, an_compile_message(w->m.g));
}

static void run_program(an_oom *w, an_program *p)
{
    const an_status s = an_run(p, .feed = {{"x", &w->feed[0]}, {"target", &w->feed[1]}},
                               .out = {&w->out[0], &w->out[1]});
    an_oom_says(w, s, an_program_message(p));
}

static void prepare_classifier(an_oom *w)
{
    w->m = an_model_minimise(an_model_classifier((an_classifier_sizes){9, 3, 4, 2}), 0.01f);
    w->store = an_store_new(3);
    an_tensor_alloc(&w->feed[0], AN_I32, AN_EXTENTS(2, 3));
    an_tensor_alloc(&w->feed[1], AN_F32, AN_EXTENTS(2, 1));
    for (int64_t i = 0; i < 6; i++) an_tensor_set(&w->feed[0], i, (double)i);
    an_tensor_set(&w->feed[1], 1, 1);
}

static void run_classifier(an_oom *w)
{
    compile(w);
    if (!w->compiled) return;
    const an_status s = an_run(w->compiled, .feed = {{"ids", &w->feed[0]}, {"label", &w->feed[1]}},
                               .out = {&w->out[0], &w->out[1]});
    an_oom_says(w, s, an_program_message(w->compiled));
}

static void compile_and_run(an_oom *w)
{
    compile(w);
    if (w->compiled) run_program(w, w->compiled);
}

static void describe_run(an_oom *w, FILE *out)
{
    char hex[65];
    an_store_sha256(w->store, hex);
    fprintf(out, "%s %a %a\n", hex, an_tensor_get(&w->out[0], 0), an_tensor_get(&w->out[1], 2));
}

/* What is compiled may make states, and what runs changes them: the graph must stay. */
static void state_graph(an_oom *w, FILE *out)
{
    char *text = an_print(w->m.g);
    fprintf(out, "%s%s", text, an_graph_message(w->m.g));
    an_string_free(text);
}

static void prepare_program(an_oom *w)
{
    prepare_model(w);
    w->program = an_compile(w->m.g, w->store, .fetch = {w->m.loss, w->m.y}, .update = w->m.up);
}

static void run(an_oom *w)
{
    run_program(w, w->program);
}

static void prepare_predict(an_oom *w)
{
    prepare_model(w);
    w->program = an_compile(w->m.g, w->store, .fetch = {w->m.loss, w->m.y}, .inference = true);
}

/* ---- profiles ------------------------------------------------------------ */

static void drop_profile(an_oom *w)
{
    an_profile_free(w->result);
}

/* Without memory for its lanes a run goes on, and is not among the profile's. */
static void run_profiled(an_oom *w)
{
    w->result = an_profile_new(w->program);
    if (w->result) run_program(w, w->program);
    else an_oom_says(w, AN_E_MEMORY, "out of memory");
}

static void prepare_profile(an_oom *w)
{
    prepare_program(w);
    w->more = an_profile_new(w->program);
    run_program(w, w->program);
}

static void read_profile(an_oom *w)
{
    const an_profile_row *rows;
    w->made = an_profile_rows(w->more, AN_BY_SCOPE, &rows) > 0 ? an_profile_trace(w->more) : NULL;
    an_oom_says(w, w->made ? AN_OK : AN_E_MEMORY, w->made ? "" : "out of memory");
}

static void describe_profile(an_oom *w, FILE *out)
{
    fprintf(out, "%lld runs\n", (long long)an_profile_runs(w->more));
}

static void free_profile(an_oom *w)
{
    an_profile_free(w->more);
}

/* ---- maps of memory ------------------------------------------------------- */

static void prepare_map(an_oom *w)
{
    prepare_program(w);
    run_program(w, w->program);
}

/* The map, all that is made of it: whole or not at all. */
static void map_memory(an_oom *w)
{
    an_memory_map *m = an_memory_map_new(w->program, 1);
    char *table = m ? an_memory_map_table(m) : NULL, *json = table ? an_memory_map_json(m) : NULL;
    w->made = json ? an_memory_map_svg(m) : NULL;
    an_string_free(json);
    an_string_free(table);
    an_memory_map_free(m);
    an_oom_says(w, w->made ? AN_OK : AN_E_MEMORY, w->made ? "" : "out of memory");
}

static void describe_map(an_oom *w, FILE *out)
{
    fputs(w->made, out);
}

static void draw_feeds(an_oom *w)
{
    char message[2048];
    w->result = an_draw_feeds(w->m.g, "B=3", 5, message, sizeof message);
    an_oom_says(w, w->result ? AN_OK : AN_E_MEMORY, message);
}

static void describe_feeds(an_oom *w, FILE *out)
{
    int count;
    const an_feed *feeds = an_drawn_feeds(w->result, &count);
    for (int i = 0; i < count; i++)
        fprintf(out, "%s %a\n", feeds[i].name, an_tensor_get(feeds[i].tensor, 0));
}

static void drop_feeds(an_oom *w)
{
    an_drawn_free(w->result);
}

/* ---- slips, reported as what they are or as out of memory --------------- */

static void feed_badly(an_oom *w, const an_feed *feed, int count)
{
    const an_status s = an_run(w->program, .feed_list = feed, .feed_count = count);
    an_oom_refuses(w, s, an_program_message(w->program));
}

static void feed_unknown(an_oom *w)
{
    feed_badly(w, (an_feed[]){{"x", &w->feed[0]}, {"y", &w->feed[1]}}, 2);
}

static void feed_little(an_oom *w)
{
    feed_badly(w, (an_feed[]){{"x", &w->feed[0]}}, 1);
}

static void feed_unlike(an_oom *w)
{
    feed_badly(w, (an_feed[]){{"x", &w->feed[1]}, {"target", &w->feed[1]}}, 2);
}

static void feed_other_extents(an_oom *w)
{
    an_tensor few = an_tensor_borrow(AN_F32, AN_EXTENTS(2), w->feed[1].data);
    feed_badly(w, (an_feed[]){{"x", &w->feed[0]}, {"target", &few}}, 2);
}

static void set_badly(an_oom *w)
{
    const an_status s = an_store_set(w->store, "dense/kernel", &w->feed[0]);
    an_oom_refuses(w, s, an_store_message(w->store));
}

static void set_states(an_oom *w)
{
    float number = 3;
    const an_tensor scalar = an_tensor_borrow(AN_F32, 0, NULL, &number);
    an_status s = an_store_set(w->store, "new/weight", &w->feed[0]);
    if (s == AN_OK) s = an_store_set(w->store, "new/number", &scalar);
    if (s == AN_OK) s = an_store_set_number(w->store, "new/number", 4);
    if (s == AN_OK) s = an_store_get(w->store, "new/weight", &w->out[0]);
    an_oom_says(w, s, s == AN_OK ? "" : an_store_message(w->store));
}

/* ---- proofs ------------------------------------------------------------ */

static void prove(an_oom *w)
{
    w->proof = an_prove(w->m.g, w->other);
    an_oom_says(w, an_proof_status(w->proof), an_proof_message(w->proof));
}

static void describe_proof(an_oom *w, FILE *out)
{
    const an_proof *p = w->proof;
    fprintf(out, "%d %s\n%s %s %s\n", (int)an_proof_says(p), an_proof_message(p), an_proof_root(p),
            an_proof_kind(p), an_proof_difference(p));
    for (int64_t i = 0; an_proof_rule_at(p, i); i++)
        fprintf(out, "%s %lld\n", an_proof_rule_at(p, i)->name,
                (long long)an_proof_rule_at(p, i)->uses);
    for (int i = 0; i < 2; i++) {
        const an_place *place = an_proof_place(p, i);
        if (place) fprintf(out, "%s %s %u\n", place->name, place->file, place->node);
    }
}

/* ---- verdicts ---------------------------------------------------------- */

static void take_equivalence(an_oom *w, an_equivalence *e)
{
    w->equivalence = e;
    const bool failed = an_equivalence_rung(e) == AN_RUNG_FAILED;
    an_oom_says(w, failed ? AN_E_MEMORY : AN_OK, an_equivalence_message(e));
}

static void compare(an_oom *w)
{
    take_equivalence(w, an_equivalent(w->m.g, w->other, .quick = true, .steps = 1));
}

static void compare_passes(an_oom *w)
{
    take_equivalence(w, an_equivalent(w->m.g, .gradients = true, .steps = 1));
}

/* With all checks, and data aimed at what the proof has located. */
static void compare_fully(an_oom *w)
{
    take_equivalence(w, an_equivalent(w->m.g, w->other, .steps = 1, .threads = {1}));
}

static void compare_exactly(an_oom *w)
{
    take_equivalence(w, an_equivalent(w->m.g, w->other, .data = AN_DATA_EXACT, .steps = 1,
                                      .quick = true));
}

static void report(an_oom *w)
{
    compare(w);
    if (w->status != AN_OK) return;
    w->made = an_equivalence_report(w->equivalence);
    if (!w->made) an_oom_says(w, AN_E_MEMORY, "out of memory");
}

static void draw_equivalence(an_oom *w)
{
    compare(w);
    if (w->status != AN_OK) return;
    w->made = an_equivalence_dot(w->equivalence);
    if (!w->made) an_oom_says(w, AN_E_MEMORY, "out of memory");
}

static void describe_equivalence(an_oom *w, FILE *out)
{
    const an_equivalence *e = w->equivalence;
    fprintf(out, "%s %s\n%s\n", an_rung_name(an_equivalence_rung(e)),
            an_verdict_name(an_equivalence_numbers(e)), an_equivalence_message(e));
    for (int64_t i = 0; an_equivalence_compared(e, i); i++) {
        const an_compared *c = an_equivalence_compared(e, i);
        fprintf(out, "%s %s %d %lld %lld %a\n", c->name, c->kind, c->verdict, (long long)c->count,
                (long long)c->different, c->max_abs);
    }
    for (int64_t i = 0; an_equivalence_check(e, i); i++) {
        const an_check *c = an_equivalence_check(e, i);
        fprintf(out, "%s %d %lld %lld %s\n", c->name, c->verdict, (long long)c->tried,
                (long long)c->failed, c->message);
    }
    fprintf(out, "%lld %lld %lld\n", (long long)an_equivalence_inners(e),
            (long long)an_equivalence_inners_different(e), (long long)an_equivalence_fused(e));
    const an_divergence *d = an_equivalence_divergence(e);
    if (d) fprintf(out, "%s %s %s\n", d->at[0].name, d->at[1].name, d->message);
    if (w->made) fprintf(out, "%s", w->made);
    char *text = w->made ? NULL : an_equivalence_report(e);
    if (text) fprintf(out, "%s", text);
    an_string_free(text);
}

/* ---- gradients against differences ------------------------------------- */

static void check_gradients(an_oom *w)
{
    w->check = an_check_gradients(w->m.loss, .bind = "B=2", .samples = 2, .directions = 1);
    an_oom_says(w, an_gradient_check_status(w->check), an_gradient_check_message(w->check));
}

static void describe_check(an_oom *w, FILE *out)
{
    fprintf(out, "%a %s %lld\n", an_gradient_check_worst(w->check),
            an_gradient_check_where(w->check), (long long)an_gradient_check_tried(w->check));
}

/* ---- reducing ---------------------------------------------------------- */

static bool has_norm(void *context, const an_graph *g)
{
    (void)context;
    return an_graph_count(g, "layer_norm") > 0;
}

/* What was found until then may come with the status. */
static void reduce(an_oom *w)
{
    an_reduced *r = an_reduce(.graph = w->m.g, .fails = has_norm, .tries = 12);
    an_oom_says(w, an_reduced_status(r), an_reduced_message(r));
    w->result = r;
}

static void describe_reduced(an_oom *w, FILE *out)
{
    char *text = an_print(an_reduced_graph(w->result));
    fprintf(out, "%s%lld\n", text, (long long)an_reduced_tries(w->result));
    an_string_free(text);
}

static void drop_reduced(an_oom *w)
{
    an_reduced_free(w->result);
}

static const an_oom_case rows[] = {
    {"compile and run", .prepare = prepare_model, .work = compile_and_run,
     .describe = describe_run, .state = state_graph},
    {"run classifier", .prepare = prepare_classifier, .work = run_classifier,
     .describe = describe_run, .state = state_graph},
    {"run", .prepare = prepare_program, .work = run, .describe = describe_run},
    {"run inference", .prepare = prepare_predict, .work = run, .describe = describe_run},
    {"run profiled", .prepare = prepare_predict, .work = run_profiled, .describe = describe_run,
     .drop = drop_profile},
    {"read profile", .prepare = prepare_profile, .work = read_profile,
     .describe = describe_profile, .done = free_profile},
    {"map memory", .prepare = prepare_map, .work = map_memory, .describe = describe_map},
    {"draw feeds", .prepare = prepare_model, .work = draw_feeds, .describe = describe_feeds,
     .drop = drop_feeds},
    {"set states", .prepare = prepare_model, .work = set_states, .state = state_graph},
    {"feed unknown", .prepare = prepare_program, .work = feed_unknown},
    {"feed little", .prepare = prepare_program, .work = feed_little},
    {"feed unlike", .prepare = prepare_program, .work = feed_unlike},
    {"feed other extents", .prepare = prepare_program, .work = feed_other_extents},
    {"set badly", .prepare = prepare_program, .work = set_badly},
    {"prove", .prepare = prepare_optimised, .work = prove, .describe = describe_proof},
    {"prove unequal", .prepare = prepare_unequal, .work = prove, .describe = describe_proof},
    {"prove foreign", .prepare = prepare_foreign, .work = prove, .describe = describe_proof},
    {"equivalent", .prepare = prepare_optimised, .work = compare, .describe = describe_equivalence},
    {"equivalent passes", .prepare = prepare_optimised, .work = compare_passes,
     .describe = describe_equivalence},
    {"equivalent unequal", .prepare = prepare_unequal, .work = compare,
     .describe = describe_equivalence},
    {"equivalent aimed", .prepare = prepare_unequal, .work = compare_fully,
     .describe = describe_equivalence},
    {"equivalent exact", .prepare = prepare_optimised, .work = compare_exactly,
     .describe = describe_equivalence},
    {"equivalent foreign", .prepare = prepare_foreign, .work = compare,
     .describe = describe_equivalence},
    {"report", .prepare = prepare_unequal, .work = report, .describe = describe_equivalence},
    {"equivalence dot", .prepare = prepare_optimised, .work = draw_equivalence,
     .describe = describe_equivalence},
    {"equivalence dot unequal", .prepare = prepare_unequal, .work = draw_equivalence,
     .describe = describe_equivalence},
    {"reduce", .prepare = prepare_unequal, .work = reduce, .describe = describe_reduced,
     .drop = drop_reduced},
    {"check gradients", .prepare = prepare_optimised, .work = check_gradients,
     .describe = describe_check},
};

START_TEST(test_every_allocation)
{
    ck_assert_int_eq(an_oom_try(rows, (int)(sizeof rows / sizeof *rows)), 0);
}
END_TEST

AN_TEST_MAIN("oom_equal", test_every_allocation)
