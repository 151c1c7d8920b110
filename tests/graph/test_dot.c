/* test_dot.c -- pictures: Graphviz reads every one, whatever names hold; equal graphs
 * give equal bytes; and each says what it must (fusions, ties, collapse, diffs).
 *
 * Where Graphviz is not installed, what needs it is skipped, and that is said. */
#include "graph/passes/pipeline.h"
#include "core/text.h"
#include "frontends/frontends.h"
#include "optim/optim.h"
#include "tests/graph/pictures.h"
#include "tests/support.h"

#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* ---- graphs ------------------------------------------------------------ */

/* Residual blocks in scopes, with the gradient of the first weight: about 12 nodes each. */
static an_graph *tower(int blocks)
{
    an_graph *g = an_graph_new("tower");
    const an_dim B = an_dim_named(g, "B");
    an_value h = an_input(g, "x", AN_F32, AN_SHAPE(B, 32)), first = AN_NONE;
    for (int i = 0; i < blocks; i++) {
        char name[32];
        snprintf(name, sizeof name, "block%d", i);
        an_scope_open(h, name);
        const an_init start = {AN_INIT_HE_NORMAL, 0, 0};
        const an_value w = an_state(g, "w", AN_F32, AN_SHAPE(32, 32), start);
        if (i == 0) first = w;
        const an_value f = an_relu(an_matmul(h, w));
        h = an_layer_norm(an_residual_add(h, f), AN_NONE, AN_NONE, -1, 1e-5f);
        an_scope_close(h);
    }
    const an_value loss = an_mean_axes(an_square(h), AN_ALL_AXES, false);
    an_graph_output(an_gradient(loss, first), "dw");
    an_graph_output(loss, "loss");
    ck_assert_msg(an_graph_status(g) == AN_OK, "%s", an_graph_message(g));
    return g;
}

/* y = norm(x + relu(x)) with gamma, in a scope. */
static an_graph *pair(const char *name)
{
    an_graph *g = an_graph_new(name);
    const an_dim B = an_dim_named(g, "B");
    const an_value x = an_input(g, "x", AN_F32, AN_SHAPE(B, 8));
    an_graph_scope_open(g, "block");
    const an_init start = {AN_INIT_CONSTANT, 1, 0};
    const an_value gamma = an_state(g, "gamma", AN_F32, AN_SHAPE(8), start);
    an_graph_output(an_layer_norm(an_residual_add(x, an_relu(x)), gamma, AN_NONE, -1, 0), "y");
    an_graph_scope_close(g);
    ck_assert_msg(an_graph_status(g) == AN_OK, "%s", an_graph_message(g));
    return g;
}

START_TEST(test_classifier)
{
    an_graph *g = an_test_classifier(true);
    an_optimised *o = an_optimise(g);
    ck_assert_msg(o->status == AN_OK, "%s", o->message);
    char *dot = an_dot(o->graph);
    ck_assert_ptr_nonnull(dot);
    ck_assert_int_eq(an_test_count(dot, "<B>Add &amp; Norm</B>"), 1);
    ck_assert_int_eq(an_test_count(dot, "<B>Add &amp; Norm gradient</B>"), 1);
    ck_assert_ptr_nonnull(strstr(dot, "residual_add <FONT"));
    ck_assert_ptr_nonnull(strstr(dot, "label=\"forward\""));
    ck_assert_ptr_nonnull(strstr(dot, "label=\"backward\""));
    ck_assert_ptr_nonnull(strstr(dot, "label=\"update\""));
    ck_assert_ptr_nonnull(strstr(dot, "<B>table</B> f32[20000,50] &#183; 3.8 MiB"));
    ck_assert_ptr_nonnull(strstr(dot, "label=\" f32[B,T,128]\""));
    ck_assert_ptr_nonnull(strstr(dot, "style=dashed"));
    ck_assert_ptr_nonnull(strstr(dot, "dir=back"));
    ck_assert_ptr_nonnull(strstr(dot, "style=dotted"));
    ck_assert_ptr_nonnull(strstr(dot, "pictures.c:"));
    an_test_check_reads(dot);
    an_string_free(dot);
    an_optimised_free(o);
    an_graph_free(g);
}
END_TEST

/* A whole picture, as it is read by people: a change of any byte is meant or a fault. */
START_TEST(test_a_small_picture)
{
    char golden[8192] = "";
    FILE *f = fopen(AN_SOURCE_ROOT "/tests/golden/small.dot", "rb");
    ck_assert_ptr_nonnull(f);
    ck_assert_uint_gt(fread(golden, 1, sizeof golden - 1, f), 1000);
    fclose(f);
    an_graph *g = an_parse(.text = "graph \"small\"\n"
                           "%1: f32[2,8] = input \"x\"\n"
                           "%2: f32[8] = state \"block/gamma\" in \"block\"\n"
                           "%3: f32[2,8] = tanh %1 in \"block\"\n"
                           "%4: f32[2,8], f32[2,8], f32[2], f32[2] = add_norm %3, %1, %2 "
                           "{axis=1, eps=1e-05} in \"block\" from fuse_add_norm(%5,%6)\n"
                           "output \"y\" %4\n", .name = "small.an");
    ck_assert_msg(an_graph_status(g) == AN_OK, "%s", an_graph_message(g));
    char *dot = an_dot(g, .no_legend = true);
    if (getenv("AN_GOLDEN_UPDATE")) printf("%s", dot);
    ck_assert_str_eq(dot, golden);
    an_test_check_reads(dot);
    an_string_free(dot);
    an_graph_free(g);
}
END_TEST

START_TEST(test_equal_graphs_give_equal_bytes)
{
    an_graph *a = an_test_classifier(true), *b = an_test_classifier(true);
    char *one = an_dot(a), *two = an_dot(b), *again = an_dot(a);
    ck_assert_str_eq(one, two);
    ck_assert_str_eq(one, again);
    an_string_free(one);
    an_string_free(two);
    an_string_free(again);
    an_graph_free(a);
    an_graph_free(b);
}
END_TEST

/* Pictures of graphs in which everything is called `name`, appended to `all`. */
static void draw_hostile(const char *name, const char *path, an_text *all)
{
    char file[64];
    snprintf(file, sizeof file, "%s.c", path);
    an_graph *g = an_graph_new(name);
    const an_value x = an_input(g, name, AN_F32, AN_SHAPE(2, 8));
    an_graph_scope_open(g, name);
    const an_init zeros = {AN_INIT_ZEROS, 0, 0};
    const an_value w = an_state_at((an_at){file, 3}, g, name, AN_F32, AN_SHAPE(8), zeros);
    const an_value tied = an_state(g, "tied", AN_F32, AN_SHAPE(8), zeros);
    const an_value y = an_label(an_add_at((an_at){file, 7}, x, w), name);
    an_graph_scope_open(g, name);
    const an_value z = an_layer_norm(an_residual_add(an_mul(y, tied), y), tied, AN_NONE, -1, 0);
    an_graph_scope_close(g);
    an_graph_scope_close(g);
    an_graph_output(z, name);
    ck_assert_msg(an_graph_status(g) == AN_OK, "%s", an_graph_message(g));
    an_optimised *o = an_optimise(g);
    ck_assert_int_eq(o->status, AN_OK);
    char *dot[] = {an_dot(o->graph), an_dot(o->graph, .diff = g, .title = name),
                   an_dot(g, .focus = name, .radius = 2), an_dot(g, .depth = -1)};
    for (int i = 0; i < 4; i++) {
        ck_assert_ptr_nonnull(dot[i]);
        for (const char *c = dot[i]; *c; c++) ck_assert(*c == '\n' || (unsigned char)*c >= 0x20);
        an_text_add(all, dot[i]);
        an_string_free(dot[i]);
    }
    char *table = an_summary(g), *chart = an_mermaid(g);
    ck_assert(table && chart);
    for (const char *c = chart; *c; c++) ck_assert(*c == '\n' || (unsigned char)*c >= 0x20);
    an_string_free(chart);
    for (const char *c = table; *c; c++) ck_assert(*c == '\n' || (unsigned char)*c >= 0x20);
    an_string_free(table);
    an_optimised_free(o);
    an_graph_free(g);
}

START_TEST(test_hostile_names)
{
    an_text all = {0}; /* one run of dot reads them all */
    for (int i = 0; an_test_hostile[i]; i++)
        draw_hostile(an_test_hostile[i], an_test_hostile[i], &all);
    for (int i = 0; an_test_not_utf8[i]; i++)
        draw_hostile("a", an_test_not_utf8[i], &all);
    ck_assert(!all.failed);
    an_test_check_reads(an_text_view(&all));
    an_text_free(&all);
}
END_TEST

/* ---- what a picture says ----------------------------------------------- */

START_TEST(test_weights_fold_and_ties_do_not)
{
    an_graph *g = an_graph_new("t");
    const an_init zeros = {AN_INIT_ZEROS, 0, 0};
    const an_value x = an_input(g, "x", AN_F32, AN_SHAPE(4, 8));
    const an_value alone = an_state(g, "alone", AN_F32, AN_SHAPE(8, 8), zeros);
    const an_value tied = an_state(g, "tied", AN_F32, AN_SHAPE(8, 8), zeros);
    an_graph_output(an_matmul(an_matmul(an_matmul(x, alone), tied), tied), "y");
    char *dot = an_dot(g, .no_legend = true);
    ck_assert_int_eq(an_test_count(dot, "shape=cylinder"), 1);
    ck_assert_ptr_nonnull(strstr(dot, "label=<<B>tied</B>"));
    ck_assert_ptr_nonnull(strstr(dot, "<B>alone</B> f32[8,8] &#183; 256 B"));
    ck_assert_ptr_null(strstr(dot, "cluster")); /* one phase and no scopes need no frames */
    an_string_free(dot);
    an_graph_free(g);
}
END_TEST

START_TEST(test_diff_shows_what_fused)
{
    an_graph *g = pair("t");
    an_optimised *o = an_optimise(g, .passes = "fuse_add_norm");
    char *dot = an_dot(o->graph, .diff = g, .no_legend = true);
    /* The sum and the norm. */
    ck_assert_int_eq(an_test_count(dot, "style=\"rounded,dashed,filled\""), 2);
    ck_assert_int_eq(an_test_count(dot, "fillcolor=\"#b7e5c0\""), 1);    /* add_norm */
    const char *box = strstr(dot, "subgraph cluster_fused");
    ck_assert_ptr_nonnull(box);
    /* The ghosts stand with it. */
    ck_assert_int_eq(an_test_count(box, " n5;") + an_test_count(box, " n4;"), 2);
    an_test_check_reads(dot);
    char *same = an_dot(g, .diff = g, .no_legend = true);
    ck_assert_ptr_null(strstr(same, "#d93025"));
    ck_assert_ptr_null(strstr(same, "#b7e5c0"));
    an_string_free(dot);
    an_string_free(same);
    an_optimised_free(o);
    an_graph_free(g);
}
END_TEST

START_TEST(test_depth_and_focus)
{
    an_graph *g = an_test_classifier(true);
    char *all = an_dot(g), *flat = an_dot(g, .depth = -1), *near = an_dot(g, .focus = "residual");
    char why[200] = "";
    ck_assert_ptr_null(an_dot(g, .focus = "residul", .message = why, .message_size = sizeof why));
    ck_assert_ptr_nonnull(strstr(why, "nothing is called 'residul'; the nearest is 'residual'"));
    ck_assert_ptr_null(strstr(all, "shape=tab"));
    ck_assert_ptr_nonnull(strstr(flat, "<B>bilstm</B>"));
    ck_assert_ptr_nonnull(strstr(flat, "are drawn as one box"));
    ck_assert_ptr_nonnull(strstr(near, "nodes around residual"));
    ck_assert_ptr_null(strstr(near, "<B>embedding</B>"));
    ck_assert_int_lt((int)strlen(flat), (int)strlen(all));
    an_test_check_reads(flat);
    an_test_check_reads(near);
    an_string_free(all);
    an_string_free(flat);
    an_string_free(near);
    an_graph_free(g);
}
END_TEST

START_TEST(test_large_graphs_collapse_and_say_so)
{
    an_graph *g = tower(50), *larger = tower(90);
    char *few = an_dot(g, .unfold = "*"), *whole = an_dot(g, .whole = true);
    ck_assert_ptr_nonnull(strstr(few, "too many to read"));
    ck_assert_int_eq(an_test_count(few, "shape=tab"), 100);
    ck_assert_ptr_null(strstr(whole, "too many to read"));
    ck_assert_ptr_null(strstr(whole, "shape=tab"));
    /* Scopes that are themselves too many: those that follow each other are one box. */
    char *parts = an_dot(larger, .unfold = "*");
    ck_assert_int_eq(an_test_count(parts, "shape=box3d"), 48);
    ck_assert_ptr_nonnull(strstr(parts, "for there are too many to read"));
    ck_assert_ptr_nonnull(strstr(parts, "<B>x</B>")); /* its input is a box of its own */
    an_test_check_reads(parts);
    an_string_free(parts);
    an_graph_free(larger);
    an_string_free(few);
    an_string_free(whole);
    an_graph_free(g);
}
END_TEST

/* On which Graphviz 2.43 loses its way: a residual in a scope of the user's, trained. */
START_TEST(test_a_scope_around_a_residual)
{
    if (!an_test_have_graphviz("scopes around residuals")) return;
    an_graph *g = an_graph_new("t");
    const an_value x = an_input(g, "x", AN_F32, AN_SHAPE(an_dim_named(g, "B"), 12));
    an_value h = an_nn_dense(x, .units = 32, .name = "first");
    an_scope_open(h, "layer");
    h = an_residual_add(h, an_relu(an_nn_dense(h, .units = 32)));
    an_scope_close(h);
    const an_value y = an_nn_dense(h, .units = 4, .name = "logits");
    const an_value loss = an_mean_axes(an_square(y), AN_ALL_AXES, false);
    an_store *store = an_store_new(1);
    an_program *p = an_compile(g, store, .fetch = {loss}, .update = an_minimize(loss, an_sgd()));
    char path[] = "/tmp/an_dot_scope.svg", message[512] = "?";
    const an_status status = an_dot_file(an_program_graph(p), path, .message = message,
                                         .message_size = sizeof message);
    ck_assert_msg(status == AN_OK && !message[0], "%s", message);
    unlink(path);
    an_program_free(p);
    an_store_free(store);
    an_graph_free(g);
}
END_TEST

START_TEST(test_mermaid)
{
    an_graph *g = pair("t");
    an_optimised *o = an_optimise(g);
    char *text = an_mermaid(o->graph);
    ck_assert_str_eq(text, "flowchart TB\n"
                           "    n1[\"input<br/>x f32[B,8]\"]\n"
                           "  subgraph s4[\"block\"]\n"
                           "    n2[\"relu\"]\n"
                           "    n3[\"Add #amp; Norm<br/>block/gamma f32[8]\"]\n"
                           "    style n3 fill:#ffc15c,stroke:#d35400,stroke-width:3px\n"
                           "  end\n"
                           "  n1 -->|\"f32[B,8]\"| n2\n"
                           "  n1 -->|\"f32[B,8]\"| n3\n"
                           "  n2 -->|\"f32[B,8]\"| n3\n"
                           "  out1([\"y\"])\n"
                           "  n3 --> out1\n");
    an_string_free(text);
    ck_assert_ptr_null(an_mermaid(NULL));
    an_optimised_free(o);
    an_graph_free(g);
}
END_TEST

/* ---- files ------------------------------------------------------------- */

START_TEST(test_a_thousand_nodes_are_laid_out_in_time)
{
    if (!an_test_have_graphviz("the time of a large layout")) return;
    an_graph *g = tower(getenv("AN_TEST_LONG") ? 420 : 84);
    ck_assert_int_gt(an_graph_node_count(g), 1000);
    char path[] = "/tmp/an_dot_XXXXXX.svg", message[512];
    close(mkstemps(path, 4));
    struct timespec a, b;
    clock_gettime(CLOCK_MONOTONIC, &a);
    const an_status status = an_dot_file(g, path, .whole = true, .message = message,
                                         .message_size = sizeof message);
    clock_gettime(CLOCK_MONOTONIC, &b);
    ck_assert_msg(status == AN_OK, "%s", message);
    const double seconds = (double)(b.tv_sec - a.tv_sec) + 1e-9 * (double)(b.tv_nsec - a.tv_nsec);
    ck_assert_msg(seconds < 20, "the layout took %.1f s", seconds);
    struct stat s;
    ck_assert_int_eq(stat(path, &s), 0);
    ck_assert_int_gt(s.st_size, 100000);
    unlink(path);
    an_graph_free(g);
}
END_TEST

START_TEST(test_files)
{
    char folder[] = "/tmp/an_dot_XXXXXX", path[64], message[512] = "";
    ck_assert_ptr_nonnull(mkdtemp(folder));
    an_graph *g = pair("t");
    snprintf(path, sizeof path, "%s/p.dot", folder);
    ck_assert_int_eq(an_dot_file(g, path), AN_OK);
    char *dot = an_dot(g), read[16384] = "";
    FILE *f = fopen(path, "rb");
    ck_assert_uint_eq(fread(read, 1, sizeof read - 1, f), strlen(dot));
    fclose(f);
    ck_assert_str_eq(read, dot);
    unlink(path);
    an_string_free(dot);
    snprintf(path, sizeof path, "%s/p.svg", folder);
    if (an_test_have_graphviz("SVG files")) {
        ck_assert_int_eq(an_dot_file(g, path), AN_OK);
        f = fopen(path, "rb");
        ck_assert_uint_gt(fread(read, 1, sizeof read - 1, f), 1000);
        fclose(f);
        ck_assert_ptr_nonnull(strstr(read, "<svg"));
        unlink(path);
    }
    char *usual = strdup(getenv("PATH") ? getenv("PATH") : "");
    setenv("PATH", "/nowhere", 1);
    ck_assert_int_eq(an_dot_file(g, path, .message = message, .message_size = sizeof message),
                     AN_E_IO);
    ck_assert_ptr_nonnull(strstr(message, "apt install graphviz"));
    setenv("PATH", usual, 1); /* without forks the next test sees it */
    free(usual);
    ck_assert_int_eq(rmdir(folder), 0); /* nothing is left behind, neither half nor whole */
    snprintf(path, sizeof path, "%s/p.dot", folder);
    ck_assert_int_eq(an_dot_file(g, path, .message = message, .message_size = sizeof message),
                     AN_E_IO);
    ck_assert_ptr_nonnull(strstr(message, "No such file"));
    ck_assert_int_eq(an_dot_file(g, "/tmp/p.jpg"), AN_E_ARGUMENT);
    ck_assert_int_eq(an_dot_file(g), AN_E_ARGUMENT);
    ck_assert_int_eq(an_dot_file_with(NULL), AN_E_ARGUMENT);
    an_graph_free(g);
}
END_TEST

/* ---- memory and tables ------------------------------------------------- */

START_TEST(test_every_allocation_may_fail)
{
    an_graph *g = pair("t");
    an_optimised *o = an_optimise(g);
    for (int64_t i = 0;; i++) {
        an_test_heap_start(i);
        char *dot = an_dot(o->graph, .diff = g), *table = an_summary(g, .bind = "B=2");
        const bool failed = an_test_heap_failed();
        if (!failed) ck_assert(dot && table);
        an_string_free(dot);
        an_string_free(table);
        ck_assert_int_eq(an_test_heap_stop(), 0);
        if (!failed) break;
    }
    an_optimised_free(o);
    an_graph_free(g);
    ck_assert_ptr_null(an_dot(NULL));
    ck_assert_ptr_null(an_dot_with(NULL));
    ck_assert_ptr_null(an_summary(NULL));
    ck_assert_int_eq(an_graph_parameters(NULL), 0);
}
END_TEST

START_TEST(test_summary)
{
    an_graph *g = an_test_classifier(true);
    an_optimised *o = an_optimise(g);
    ck_assert_int_eq(an_graph_parameters(o->graph), 1133313); /* as Keras counts them */
    char *plain = an_summary(o->graph), *bound = an_summary(o->graph, .bind = "B=32,T=100");
    char *wrong = an_summary(o->graph, .bind = "B=32,U=1"), *half = an_summary(g, .bind = "B=32");
    ck_assert_ptr_nonnull(strstr(plain, "1000000"));
    ck_assert_ptr_nonnull(strstr(plain, "fused Add & Norm: forward 1, backward 1"));
    ck_assert_ptr_nonnull(strstr(plain, "trainable 1133313, frozen 0"));
    ck_assert_ptr_null(strstr(plain, "FLOPs"));
    ck_assert_ptr_nonnull(strstr(bound, "FLOPs: forward 8"));
    ck_assert_ptr_nonnull(strstr(wrong, "no dim 'U'"));
    ck_assert_ptr_nonnull(strstr(half, "FLOPs need a number for T"));
    an_graph_freeze(g, "embedding", true);
    ck_assert_int_eq(an_graph_parameters(g), 133313);
    an_string_free(plain);
    an_string_free(bound);
    an_string_free(wrong);
    an_string_free(half);
    an_optimised_free(o);
    an_graph_free(g);
}
END_TEST

AN_TEST_MAIN("dot", test_a_small_picture, test_classifier, test_equal_graphs_give_equal_bytes,
             test_hostile_names, test_weights_fold_and_ties_do_not, test_diff_shows_what_fused,
             test_depth_and_focus, test_large_graphs_collapse_and_say_so,
             test_a_thousand_nodes_are_laid_out_in_time, test_files,
             test_a_scope_around_a_residual, test_mermaid,
             test_every_allocation_may_fail,
             test_summary)
