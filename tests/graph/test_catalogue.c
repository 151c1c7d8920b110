/* test_catalogue.c -- what fuses and what must not, told by a catalogue of graphs.
 *
 * Every file of tests/golden/catalogue/ holds many graphs. A line `---- name` opens
 * one, and its comments say what must happen to it:
 *     # fuse: 1 0 kept      fusions forward and backward; "kept" or "dropped": is any
 *                           fused sum still read (left out where nothing fuses)
 *     # refuse: broadcast   one line for each candidate refused, in order
 *     # train: 1 1          fusions forward and backward once gradients are appended
 *     # vacuous: all zero   the numbers may show nothing here, and why they do not
 * Whatever fused is proved, compared bit for bit at two bindings, run through the
 * pass again, printed and read back, and differentiated before and after. No graph
 * gives the default passes anything to do in a second round.                  */
#include "graph/passes/pipeline.h"
#include "graph/equal/result.h"
#include "graph/ir.h"
#include "graph/equal/project.h"
#include "tests/support.h"

#include <dirent.h>

#define PASS "dce,fuse_add_norm"
#define MIN_GRAPHS 120

typedef struct expectation {
    long fused[2], trained[2];  /* forward, backward */
    bool kept;
    bool trains;                /* `train:` is there */
    char vacuous[128];          /* "" if the numbers must show equality */
    char refused[512];          /* "broadcast scaled " */
} expectation;

typedef struct tally {
    const char *reason[24];
    int count[24];
    int graphs, fusing;
    long fused[2], trained[2];
} tally;

/* ---- reading the catalogue --------------------------------------------- */

static char *read_file(const char *path)
{
    FILE *f = fopen(path, "rb");
    ck_assert_msg(f != NULL, "cannot open %s", path);
    char *text = calloc(1, 1 << 20);
    ck_assert_ptr_nonnull(text);
    ck_assert(fread(text, 1, (1 << 20) - 1, f) > 0);
    fclose(f);
    return text;
}

/* What one comment line demands. */
static void expect_line(const char *name, const char *line, expectation *e)
{
    char word[64] = "";
    if (sscanf(line, "# fuse: %ld %ld %63s", &e->fused[0], &e->fused[1], word) >= 2) {
        ck_assert_msg(!strcmp(word, "kept") || !strcmp(word, "dropped") || !e->fused[0],
                      "%s: kept or dropped?", name);
        e->kept = !strcmp(word, "kept");
    } else if (sscanf(line, "# refuse: %63s", word) == 1) {
        const size_t used = strlen(e->refused);
        snprintf(e->refused + used, sizeof e->refused - used, "%s ", word);
    } else if (sscanf(line, "# train: %ld %ld", &e->trained[0], &e->trained[1]) == 2) {
        e->trains = true;
    } else if (!strncmp(line, "# vacuous: ", 11)) {
        snprintf(e->vacuous, sizeof e->vacuous, "%.*s", (int)strcspn(line + 11, "\n"), line + 11);
    } else {
        ck_abort_msg("%s: no such demand: %.40s", name, line);
    }
}

static expectation read_expectation(const char *name, const char *text)
{
    expectation e = {0};
    for (const char *line = text; *line == '#'; line = strchr(line, '\n') + 1)
        expect_line(name, line, &e);
    return e;
}

/* ---- single demands ---------------------------------------------------- */

static an_optimised *optimise(const char *name, const an_graph *g, const char *passes)
{
    an_optimised *o = an_optimise(g, .passes = passes);
    ck_assert_msg(o->status == AN_OK, "%s: %s", name, o->message);
    char report[512] = "";
    ck_assert_msg(an_graph_verify(o->graph, report, sizeof report) == AN_OK, "%s: %s", name,
                  report);
    return o;
}

static void count_fused(const an_graph *before, const an_graph *after, long fused[2])
{
    fused[0] = an_graph_add_norms(after) - an_graph_add_norms(before);
    fused[1] = an_graph_add_norm_grads(after) - an_graph_add_norm_grads(before);
}

/* True if any fused sum is read or is a root. */
static bool any_sum_live(const an_graph *g)
{
    bool live = false;
    for (int64_t i = 1; i <= g->node_count; i++) {
        if (!an_node_is_add_norm(&g->nodes[i])) continue;
        const uint32_t sum = an_node_role(&g->nodes[i], g->nodes[i].op->rules->norm.row);
        for (int64_t j = 1; j <= g->node_count; j++)
            for (int k = 0; k < g->nodes[j].inputs; k++) live = live || g->nodes[j].in[k] == sum;
        for (int64_t j = 0; j < g->output_count; j++) live = live || g->outputs[j].value == sum;
        for (int64_t j = 0; j < g->commit_count; j++) live = live || g->commits[j].value == sum;
    }
    return live;
}

static void check_notes(const char *name, const an_optimised *o, const expectation *e, tally *t)
{
    char refused[512] = "";
    for (int64_t i = 0; i < o->note_count; i++) {
        if (o->notes[i].done || strcmp(o->notes[i].pass, "fuse_add_norm") != 0) continue;
        const size_t used = strlen(refused);
        snprintf(refused + used, sizeof refused - used, "%s ", o->notes[i].reason);
        int k = 0;
        while (t->reason[k] && strcmp(t->reason[k], o->notes[i].reason) != 0) k++;
        ck_assert_int_lt(k, 23);
        t->reason[k] = o->notes[i].reason;
        t->count[k]++;
    }
    ck_assert_msg(!strcmp(refused, e->refused), "%s: refused for '%s', expected '%s'", name,
                  refused, e->refused);
}

static void check_same_text(const char *name, const char *what, const an_graph *a,
                            const an_graph *b)
{
    char *x = an_print(a), *y = an_print(b);
    ck_assert_msg(x && y && !strcmp(x, y), "%s: %s:\n%s\nbecame\n%s", name, what, x, y);
    an_string_free(x);
    an_string_free(y);
}

static void check_stable(const char *name, const an_graph *fused)
{
    an_optimised *again = optimise(name, fused, PASS);
    check_same_text(name, "not idempotent", fused, again->graph);
    an_optimised_free(again);
    char *text = an_print(fused);
    an_graph *back = an_parse(.text = text, .name = name);
    ck_assert_msg(an_graph_status(back) == AN_OK, "%s: %s", name, an_graph_message(back));
    check_same_text(name, "does not survive print and parse", fused, back);
    an_graph_free(back);
    an_string_free(text);
}

/* What the default passes made, they would not change. */
static void check_one_round(const char *name, const an_graph *g)
{
    an_optimised *once = optimise(name, g, NULL), *twice = optimise(name, once->graph, NULL);
    check_same_text(name, "a second round finds more to do", once->graph, twice->graph);
    an_optimised_free(twice);
    an_optimised_free(once);
}

static void check_proved(const char *name, const an_graph *a, const an_graph *b)
{
    an_proof *p = an_prove(.a = a, .b = b);
    ck_assert_msg(p->status == AN_OK && p->proved, "%s: not proved: %s", name, p->message);
    an_proof_free(p);
}

/* Bitwise at even and at ragged extents, two seeds each. */
static void check_bitwise(const char *name, const an_graph *a, const an_graph *b, bool gradients,
                          const expectation *e)
{
    static const int64_t extents[] = {4, 7};
    for (int i = 0; i < 2; i++) {
        an_equivalence *q = an_equivalent(a, b, .gradients = gradients, .seeds = 2, .seed = 11,
                                         .extent = extents[i]);
        const an_verdict wanted = e->vacuous[0] ? AN_VACUOUS : AN_BITWISE;
        ck_assert_msg(q->verdict == wanted, "%s: %s at extent %d: %s", name,
                      an_verdict_name(q->verdict), (int)extents[i], q->message);
        ck_assert_msg(!e->vacuous[0] || strstr(q->message, e->vacuous),
                      "%s: vacuous, but not for '%s': %s", name, e->vacuous, q->message);
        an_equivalence_free(q);
    }
}

static an_graph *with_gradients(const char *name, const an_graph *g)
{
    an_error error = {0};
    an_graph *result = an_project_gradients(g, false, &error);
    ck_assert_msg(result != NULL, "%s: %s", name, error.text);
    return result;
}

/* Differentiating the fused graph and fusing the differentiated one must end in the
 * same fusions and in the bits of the graph that was never fused. */
static void check_gradients(const char *name, const an_graph *g, const an_graph *fused,
                            const expectation *e, tally *t)
{
    an_graph *plain = with_gradients(name, g), *early = with_gradients(name, fused);
    an_optimised *late = optimise(name, plain, PASS), *both = optimise(name, early, PASS);
    check_one_round(name, plain);
    long counts[2][2];
    count_fused(g, late->graph, counts[0]);
    count_fused(g, both->graph, counts[1]);
    for (int k = 0; k < 2; k++) {
        ck_assert_msg(counts[0][k] == counts[1][k],
                      "%s: %ld fusions after differentiating, %ld before", name, counts[0][k],
                      counts[1][k]);
        ck_assert_msg(!e->trains || counts[0][k] == e->trained[k],
                      "%s: %ld %s fusions in training, expected %ld", name, counts[0][k],
                      k ? "backward" : "forward", e->trained[k]);
        t->trained[k] += counts[0][k];
    }
    if (counts[0][0] + counts[0][1] > 0) {
        check_proved(name, plain, late->graph);
        check_proved(name, plain, both->graph);
        check_bitwise(name, plain, late->graph, false, e);
        check_bitwise(name, plain, both->graph, false, e);
        check_stable(name, late->graph);
    }
    an_optimised_free(late);
    an_optimised_free(both);
    an_graph_free(plain);
    an_graph_free(early);
}

/* ---- the catalogue ----------------------------------------------------- */

static void run_graph(const char *name, const char *text, tally *t)
{
    const expectation e = read_expectation(name, text);
    an_graph *g = an_parse(.text = text, .name = name);
    ck_assert_msg(an_graph_status(g) == AN_OK, "%s: %s", name, an_graph_message(g));
    an_optimised *o = optimise(name, g, PASS), *rest = optimise(name, g, NULL);
    long fused[2];
    count_fused(g, o->graph, fused);
    for (int k = 0; k < 2; k++) {
        ck_assert_msg(fused[k] == e.fused[k], "%s: %ld %s fusions, expected %ld", name, fused[k],
                      k ? "backward" : "forward", e.fused[k]);
        t->fused[k] += fused[k];
    }
    check_notes(name, o, &e, t);
    check_proved(name, g, o->graph);
    check_proved(name, g, rest->graph);
    check_one_round(name, g);
    if (fused[0] + fused[1] > 0) {
        t->fusing++;
        ck_assert_msg(!fused[0] || any_sum_live(o->graph) == e.kept, "%s: the sum is %s", name,
                      e.kept ? "dropped" : "kept");
        check_stable(name, o->graph);
        check_bitwise(name, g, o->graph, true, &e);
    } else {
        an_optimised *untouched = optimise(name, g, "dce");
        check_same_text(name, "nothing fused, yet", untouched->graph, o->graph);
        an_optimised_free(untouched);
    }
    check_gradients(name, g, o->graph, &e, t);
    an_optimised_free(rest);
    an_optimised_free(o);
    an_graph_free(g);
    t->graphs++;
}

static void run_file(const char *path, tally *t)
{
    char *text = read_file(path), name[1024];
    for (char *at = strstr(text, "---- "); at;) {
        char *body = strchr(at, '\n'), *next = body ? strstr(body, "\n---- ") : NULL;
        ck_assert_ptr_nonnull(body);
        *body++ = 0;
        if (next) *next++ = 0;
        snprintf(name, sizeof name, "%s: %s", strrchr(path, '/') + 1, at + 5);
        /* The cut took the last line's end. */
        char *graph = calloc(1, strlen(body) + 2);
        ck_assert_ptr_nonnull(graph);
        sprintf(graph, "%s\n", body);
        run_graph(name, graph, t);
        free(graph);
        at = next;
    }
    free(text);
}

START_TEST(test_catalogue)
{
    DIR *folder = opendir(AN_SOURCE_ROOT "/tests/golden/catalogue");
    ck_assert_ptr_nonnull(folder);
    tally t = {0};
    for (struct dirent *entry; (entry = readdir(folder));) {
        if (!strstr(entry->d_name, ".an")) continue;
        char path[1024];
        snprintf(path, sizeof path, AN_SOURCE_ROOT "/tests/golden/catalogue/%s", entry->d_name);
        run_file(path, &t);
    }
    closedir(folder);
    printf("catalogue: %d graphs, %d fuse: %ld forward, %ld backward; trained: %ld, %ld; refused:",
           t.graphs, t.fusing, t.fused[0], t.fused[1], t.trained[0], t.trained[1]);
    for (int i = 0; t.reason[i]; i++) printf(" %d %s", t.count[i], t.reason[i]);
    printf("\n");
    ck_assert_msg(t.graphs >= MIN_GRAPHS, "only %d graphs were found", t.graphs);
}
END_TEST

AN_TEST_MAIN("catalogue", test_catalogue)
