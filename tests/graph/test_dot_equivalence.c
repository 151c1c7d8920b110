/* test_dot_equivalence.c -- before and after in one picture: Graphviz reads it whatever names
 * hold, and it says what was removed, fused, refused, and by how much which value differs. */
#include "graph/passes/pipeline.h"
#include "core/text.h"
#include "frontends/frontends.h"
#include "graph/equal/result.h"
#include "tests/graph/pictures.h"
#include "tests/support.h"

#include <unistd.h>

/* One pair that fuses, its sum read again, and one that is refused. */
static const char two[] =
    "graph \"two\"\ndims B\n"
    "%1: f32[B,16] = input \"x\"\n"
    "%2: f32[B,16] = input \"r\"\n"
    "%3: f32[16] = state \"gamma\"\n"
    "%4: f32[16] = state \"bias\"\n"
    "%5: f32[B,16] = residual_add %1, %2\n"
    "%6: f32[B,16], f32[B], f32[B] = layer_norm %5, %3 {axis=1, eps=1e-05}\n"
    "%7: f32[B,16] = relu %6\n"
    "%8: f32[B,16] = add %7, %4\n"
    "%9: f32[B,16], f32[B], f32[B] = layer_norm %8 {axis=1}\n"
    "output \"y\" %9\n"
    "output \"stream\" %5\n";

#define REMOVED "style=\"rounded,dashed,filled\""
#define FUSED "fillcolor=\"#ffc15c\""
#define ALARM "penwidth=4"
#define HERE "<B>the error comes in here</B>"
#define SAME "color=\"#4d9e63\""
#define DIFFERENT "color=\"#d50000\", penwidth=2.2"

typedef struct scene {
    an_graph *a, *b; /* b: NULL if the passes made the second graph */
    an_optimised *o;
    an_equivalence *e;
    char *dot;
} scene;

static an_graph *parse(const char *text)
{
    an_graph *g = an_parse(.text = text, .name = "t.an");
    ck_assert_msg(an_graph_status(g) == AN_OK, "%s", an_graph_message(g));
    return g;
}

static void draw(scene *s)
{
    s->dot = an_equivalence_dot(.equivalence = s->e, .optimised = s->o);
    ck_assert_ptr_nonnull(s->dot);
}

/* `a` against what the passes make of it. */
static scene after_passes(an_graph *a, an_equivalent_args how)
{
    scene s = {.a = a, .o = an_optimise(a)};
    ck_assert_msg(s.o->status == AN_OK, "%s", s.o->message);
    how.a = a;
    how.b = s.o->graph;
    s.e = an_equivalent_with(&how);
    draw(&s);
    return s;
}

/* `two` against itself with the first `from` replaced. */
static scene edited(const char *from, const char *to, an_equivalent_args how)
{
    char text[4096];
    const char *at = strstr(two, from);
    ck_assert_ptr_nonnull(at);
    snprintf(text, sizeof text, "%.*s%s%s", (int)(at - two), two, to, at + strlen(from));
    scene s = {.a = parse(two), .b = parse(text)};
    how.a = s.a;
    how.b = s.b;
    s.e = an_equivalent_with(&how);
    draw(&s);
    return s;
}

static void strike(scene *s)
{
    an_string_free(s->dot);
    an_equivalence_free(s->e);
    an_optimised_free(s->o);
    an_graph_free(s->b);
    an_graph_free(s->a);
}

/* What stands of a side: "a" is before, "b" after. */
static int lines_with(const char *dot, const char *side, const char *what)
{
    int found = 0;
    char start[8];
    snprintf(start, sizeof start, "\n  %s", side);
    for (const char *p = dot; (p = strstr(p, start)); p++) {
        const char *hit = strstr(p, what), *end = strchr(p + 1, '\n');
        found += hit && hit < end;
    }
    return found;
}

/* ---- what a picture says ----------------------------------------------- */

START_TEST(test_what_the_passes_did)
{
    scene s = after_passes(parse(two), (an_equivalent_args){0});
    ck_assert_int_eq(s.e->verdict, AN_BITWISE);
    ck_assert_int_eq(lines_with(s.dot, "a", REMOVED), 2); /* the sum and the norm */
    ck_assert_int_eq(lines_with(s.dot, "b", REMOVED), 0);
    ck_assert_int_eq(lines_with(s.dot, "a", FUSED), 0);
    ck_assert_int_eq(lines_with(s.dot, "b", FUSED), 1);
    ck_assert_int_eq(lines_with(s.dot, "b", ">residual_add <FONT POINT-SIZE=\"9\">%5<"), 1);
    ck_assert_int_eq(lines_with(s.dot, "b", ">layer_norm <FONT POINT-SIZE=\"9\">%6<"), 1);
    ck_assert_ptr_nonnull(strstr(s.dot, "%5 is in add_norm %6 now"));
    ck_assert_ptr_nonnull(strstr(s.dot, "%6 is in add_norm %6 now"));
    ck_assert_int_eq(lines_with(s.dot, "a", "<B>refused: broadcast</B>"), 1);
    ck_assert_ptr_nonnull(strstr(s.dot, "an addend is"));
    ck_assert_int_eq(an_test_count(s.dot, ALARM) + an_test_count(s.dot, " ulp"), 0);
    ck_assert_int_eq(lines_with(s.dot, "a", " -> a"), lines_with(s.dot, "a", SAME));
    ck_assert_int_eq(lines_with(s.dot, "b", " -> b"), lines_with(s.dot, "b", SAME));
    ck_assert_ptr_nonnull(strstr(s.dot, "subgraph cluster_a {"));
    ck_assert_ptr_nonnull(strstr(s.dot, "<B>before</B>"));
    ck_assert_ptr_nonnull(strstr(s.dot, "<B>after</B>"));
    ck_assert_ptr_nonnull(strstr(s.dot, "bitwise, 2 tensors agree"));
    an_test_check_reads(s.dot);
    strike(&s);
}
END_TEST

START_TEST(test_errors_and_where_they_come_in)
{
    scene s = edited("eps=1e-05", "eps=0.001", (an_equivalent_args){0});
    ck_assert_int_eq(s.e->verdict, AN_DIFFERENT);
    ck_assert_int_eq(an_test_count(s.dot, REMOVED), 0);
    for (int i = 0; i < 2; i++) {
        const char *side = i ? "b" : "a";
        ck_assert_int_eq(lines_with(s.dot, side, ALARM), 1);
        ck_assert_int_eq(lines_with(s.dot, side, HERE), 1);
        ck_assert_int_eq(lines_with(s.dot, side, "<B>layer_norm</B>"), 2);
        ck_assert_int_eq(lines_with(s.dot, side, DIFFERENT), 4); /* the norm, relu, add, y */
        ck_assert_int_eq(lines_with(s.dot, side, SAME), 4);      /* x, r, the sum, stream */
    }
    ck_assert_ptr_nonnull(strstr(s.dot, "eps is 1e-05"));
    an_test_check_reads(s.dot);
    strike(&s);
}
END_TEST

/* Values that nobody looked at are not called equal. */
START_TEST(test_only_what_was_compared_is_coloured)
{
    scene s = edited("eps=1e-05", "eps=0.001", (an_equivalent_args){.quick = true});
    ck_assert_int_eq(lines_with(s.dot, "b", SAME), 2);      /* stream: its value is read twice */
    ck_assert_int_eq(lines_with(s.dot, "b", DIFFERENT), 1); /* y */
    strike(&s);
    s = edited("output \"stream\"", "output \"river\"", (an_equivalent_args){0});
    ck_assert_int_eq(s.e->verdict, AN_FAILED);
    ck_assert_int_eq(an_test_count(s.dot, SAME), 0);
    ck_assert_ptr_nonnull(strstr(s.dot, "refused: the first graph"));
    an_test_check_reads(s.dot);
    strike(&s);
}
END_TEST

/* Nodes are matched by what they compute where their numbers say nothing. */
START_TEST(test_other_numbers_are_no_change)
{
    scene s = edited("%5: f32[B,16] = residual_add %1, %2\n"
                     "%6: f32[B,16], f32[B], f32[B] = layer_norm %5, %3 {axis=1, eps=1e-05}\n"
                     "%7: f32[B,16] = relu %6\n"
                     "%8: f32[B,16] = add %7, %4\n"
                     "%9: f32[B,16], f32[B], f32[B] = layer_norm %8 {axis=1}\n"
                     "output \"y\" %9\n"
                     "output \"stream\" %5\n",
                     "%5: f32[B,16] = exp %1\n"
                     "%6: f32[B,16] = residual_add %1, %2\n"
                     "%7: f32[B,16], f32[B], f32[B] = layer_norm %6, %3 {axis=1, eps=1e-05}\n"
                     "%8: f32[B,16] = relu %7\n"
                     "%9: f32[B,16] = add %8, %4\n"
                     "%10: f32[B,16], f32[B], f32[B] = layer_norm %9 {axis=1}\n"
                     "output \"y\" %10\n"
                     "output \"stream\" %6\n", (an_equivalent_args){0});
    ck_assert_int_eq(an_test_count(s.dot, REMOVED), 0);
    ck_assert_int_eq(lines_with(s.dot, "b", "fillcolor=\"#b7e5c0\""), 1); /* exp */
    strike(&s);
}
END_TEST

START_TEST(test_a_training_graph)
{
    scene s = after_passes(an_test_classifier(true), (an_equivalent_args){.bind = "B=2,T=3"});
    ck_assert_msg(s.e->verdict == AN_BITWISE, "%s", s.e->message);
    ck_assert_int_eq(lines_with(s.dot, "b", FUSED), 2);
    ck_assert_ptr_nonnull(strstr(s.dot, "subgraph cluster_a1 {"));
    ck_assert_ptr_nonnull(strstr(s.dot, "subgraph cluster_b3 {"));
    ck_assert_int_gt(lines_with(s.dot, "b", "style=dotted, " SAME), 0); /* updates */
    ck_assert_int_gt(lines_with(s.dot, "b", "dir=back, "), 0);
    char *again = an_equivalence_dot(.equivalence = s.e, .optimised = s.o);
    ck_assert_str_eq(s.dot, again);
    an_string_free(again);
    an_test_check_reads(s.dot); /* within the limits: nothing is said */
    scene twin = after_passes(an_test_classifier(true), (an_equivalent_args){.bind = "B=2,T=3"});
    ck_assert_str_eq(s.dot, twin.dot);
    strike(&twin);
    strike(&s);
}
END_TEST

START_TEST(test_gradients_are_drawn)
{
    scene s = after_passes(parse(two), (an_equivalent_args){.gradients = true});
    ck_assert_int_eq(s.e->verdict, AN_BITWISE);
    ck_assert_int_eq(lines_with(s.dot, "b", FUSED), 2);
    ck_assert_int_eq(lines_with(s.dot, "aout", "<B>gradient of gamma</B>"), 1);
    an_test_check_reads(s.dot);
    strike(&s);
}
END_TEST

/* A tower of blocks in scopes; every third norm is refused. */
static an_graph *tower(int blocks)
{
    an_graph *g = an_graph_new("tower");
    an_value h = an_input(g, "x", AN_F32, AN_SHAPE(an_dim_named(g, "B"), 8));
    for (int i = 0; i < blocks; i++) {
        char name[32];
        snprintf(name, sizeof name, "block%d", i);
        an_scope_open(h, name);
        const an_init start = {AN_INIT_HE_NORMAL, 0, 0};
        const an_value b = an_state(g, "b", AN_F32, AN_SHAPE(8), start);
        const an_value f = an_relu(an_mul(h, b));
        const an_value sum = i % 3 == 2 ? an_add(f, b) : an_residual_add(h, f);
        h = an_layer_norm(sum, AN_NONE, AN_NONE, -1, 1e-5f);
        an_scope_close(h);
    }
    an_graph_output(h, "y");
    ck_assert_msg(an_graph_status(g) == AN_OK, "%s", an_graph_message(g));
    return g;
}

START_TEST(test_large_graphs_collapse_alike)
{
    /* Large before, and small enough after: closed on both sides all the same. */
    scene s = after_passes(tower(50), (an_equivalent_args){.quick = true});
    ck_assert_int_eq(lines_with(s.dot, "a", "shape=tab"), lines_with(s.dot, "b", "shape=tab"));
    ck_assert_int_eq(lines_with(s.dot, "a", "shape=tab"), 50);
    ck_assert_int_eq(lines_with(s.dot, "a", "2 of 4 nodes removed"), 34);
    ck_assert_int_eq(lines_with(s.dot, "b", "1 of 3 nodes new"), 34);
    ck_assert_int_eq(lines_with(s.dot, "a", "refused: broadcast"), 16);
    ck_assert_int_eq(an_test_count(s.dot, "too many to read"), 2);
    an_test_check_reads(s.dot);
    char *whole = an_equivalence_dot(.equivalence = s.e, .whole = true, .no_legend = true,
                                     .title = "whole");
    ck_assert_int_eq(an_test_count(whole, "shape=tab"), 0);
    ck_assert_int_eq(lines_with(whole, "b", FUSED), 34);
    ck_assert_ptr_null(strstr(whole, "kept for backward"));
    ck_assert_ptr_nonnull(strstr(whole, "<B>whole</B>"));
    an_test_check_reads(whole);
    char *flat = an_equivalence_dot(.equivalence = s.e, .optimised = s.o, .depth = -1);
    ck_assert_int_lt((int)strlen(flat), (int)strlen(whole));
    an_string_free(flat);
    an_string_free(whole);
    strike(&s);
}
END_TEST

/* ---- any name ---------------------------------------------------------- */

/* Everything is called `name`, and has to do with all that is drawn. */
static void draw_hostile(const char *name, const char *path, an_text *all)
{
    an_graph *g[2];
    for (int i = 0; i < 2; i++) {
        char file[64];
        snprintf(file, sizeof file, "%s.c", path);
        g[i] = an_graph_new(name);
        const an_value x = an_input(g[i], name, AN_F32, AN_SHAPE(2, 8));
        an_graph_scope_open(g[i], name);
        const an_init zeros = {AN_INIT_ZEROS, 0, 0};
        const an_value w = an_state_at((an_at){file, 3}, g[i], name, AN_F32, AN_SHAPE(8), zeros);
        const an_value y = an_label(an_add_at((an_at){file, 7}, x, w), name);
        const an_value n = an_label(an_layer_norm_at((an_at){file, 8}, y, AN_NONE, AN_NONE, -1,
                                                     i ? 1e-3f : 1e-5f), name);
        an_graph_output(an_layer_norm(an_residual_add(n, x), AN_NONE, AN_NONE, -1, 0), name);
        an_graph_scope_close(g[i]);
        ck_assert_msg(an_graph_status(g[i]) == AN_OK, "%s", an_graph_message(g[i]));
    }
    an_optimised *o = an_optimise(g[0]);
    for (int i = 0; i < 2; i++) {
        an_equivalence *e = an_equivalent(.a = g[0], .b = i ? g[1] : o->graph);
        char *dot = an_equivalence_dot(.equivalence = e, .title = i ? name : NULL,
                                       .optimised = o);
        ck_assert_ptr_nonnull(dot);
        ck_assert_int_eq(an_test_count(dot, HERE), 2 * i);
        ck_assert_int_eq(an_test_count(dot, "<B>refused: broadcast</B>"), 1);
        for (const char *c = dot; *c; c++) ck_assert(*c == '\n' || (unsigned char)*c >= 0x20);
        an_text_add(all, dot);
        an_string_free(dot);
        an_equivalence_free(e);
    }
    an_optimised_free(o);
    an_graph_free(g[0]);
    an_graph_free(g[1]);
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

/* ---- files and memory -------------------------------------------------- */

START_TEST(test_files)
{
    scene s = after_passes(parse(two), (an_equivalent_args){0});
    char folder[] = "/tmp/an_dot_XXXXXX", path[64], message[512] = "", read[64] = "";
    ck_assert_ptr_nonnull(mkdtemp(folder));
    const int kinds = an_test_have_graphviz("SVG files") ? 2 : 1;
    for (int i = 0; i < kinds; i++) {
        snprintf(path, sizeof path, "%s/p.%s", folder, i ? "svg" : "dot");
        ck_assert_int_eq(an_equivalence_dot_file(.equivalence = s.e, .path = path), AN_OK);
        FILE *f = fopen(path, "rb");
        ck_assert_uint_gt(fread(read, 1, sizeof read - 1, f), 10);
        fclose(f);
        ck_assert_ptr_nonnull(strstr(read, i ? "<?xml" : "digraph"));
        unlink(path);
    }
    ck_assert_int_eq(rmdir(folder), 0);
    ck_assert_int_eq(an_equivalence_dot_file(.equivalence = s.e, .path = "p.jpg",
                                             .message = message, .message_size = sizeof message),
                     AN_E_ARGUMENT);
    ck_assert_ptr_nonnull(strstr(message, "a picture ends in"));
    strike(&s);
    an_equivalence *none = an_equivalent_with(NULL);
    ck_assert_ptr_null(an_equivalence_dot(.equivalence = none));
    ck_assert_ptr_null(an_equivalence_dot_with(NULL));
    ck_assert_int_eq(an_equivalence_dot_file(.equivalence = none, .path = "p.dot"),
                     AN_E_ARGUMENT);
    an_equivalence_free(none);
    ck_assert_int_eq(an_equivalence_dot_file_with(NULL), AN_E_ARGUMENT);
}
END_TEST

START_TEST(test_every_allocation_may_fail)
{
    scene kinds[2];
    kinds[0] = after_passes(parse(two), (an_equivalent_args){0});
    kinds[1] = edited("eps=1e-05", "eps=0.001", (an_equivalent_args){0});
    for (int k = 0; k < 2; k++) {
        bool failed = true;
        for (int64_t i = 0; failed; i++) {
            an_test_heap_start(i);
            char *dot = an_equivalence_dot(.equivalence = kinds[k].e, .optimised = kinds[k].o);
            failed = an_test_heap_failed();
            if (!failed) ck_assert_str_eq(dot, kinds[k].dot);
            an_string_free(dot);
            ck_assert_int_eq(an_test_heap_stop(), 0);
        }
        strike(&kinds[k]);
    }
}
END_TEST

AN_TEST_MAIN("dot_equivalence", test_what_the_passes_did, test_errors_and_where_they_come_in,
             test_only_what_was_compared_is_coloured, test_other_numbers_are_no_change,
             test_a_training_graph, test_gradients_are_drawn, test_large_graphs_collapse_alike,
             test_hostile_names, test_files, test_every_allocation_may_fail)
