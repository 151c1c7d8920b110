/* catalogue.c -- the graphs of tests/golden/catalogue as a battery.
 *
 * What each graph demands is said there; tests/graph/test_catalogue.c explains how.
 * Here nothing is asserted: whoever is not content objects.                  */
#include "graph/passes/pipeline.h"
#include "graph/equal/result.h"
#include "graph/equal/project.h"
#include "tests/mutants/mutants.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PASS "dce,fuse_add_norm"

typedef struct demand {
    long fused[2], trained[2]; /* forward, backward */
    char kept[16], vacuous[128], refused[512];
    bool trains;
} demand;

static demand read_demand(const char *text)
{
    demand d = {0};
    for (const char *line = text; *line == '#'; line = strchr(line, '\n') + 1) {
        char word[64] = "";
        if (sscanf(line, "# fuse: %ld %ld %15s", &d.fused[0], &d.fused[1], d.kept) >= 2) continue;
        if (sscanf(line, "# train: %ld %ld", &d.trained[0], &d.trained[1]) == 2) d.trains = true;
        if (sscanf(line, "# refuse: %63s", word) == 1) {
            strcat(d.refused, word);
            strcat(d.refused, " ");
        }
        if (!strncmp(line, "# vacuous: ", 11))
            snprintf(d.vacuous, sizeof d.vacuous, "%.*s", (int)strcspn(line + 11, "\n"), line + 11);
    }
    return d;
}

/* ---- single demands ---------------------------------------------------- */

/* What the passes make of g, or NULL. */
static an_graph *optimised(const char *name, const an_graph *g, const char *passes, char *refused)
{
    an_optimised *o = an_optimise(g, .passes = passes);
    an_graph *result = o->graph;
    o->graph = NULL;
    if (o->status != AN_OK) an_object("pass", "%s: %s", name, o->message);
    for (int64_t i = 0; refused && i < o->note_count; i++) {
        if (o->notes[i].done || strcmp(o->notes[i].pass, "fuse_add_norm") != 0) continue;
        strcat(refused, o->notes[i].reason);
        strcat(refused, " ");
    }
    char report[512] = "";
    if (o->status == AN_OK && an_graph_verify(result, report, sizeof report) != AN_OK)
        an_object("verify", "%s: %s", name, report);
    const bool good = o->status == AN_OK && !report[0];
    an_optimised_free(o);
    if (good) return result;
    an_graph_free(result);
    return NULL;
}

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

static void check_counts(const char *name, const an_graph *a, const an_graph *b,
                         const long wanted[2])
{
    const long forward = an_graph_add_norms(b) - an_graph_add_norms(a);
    const long backward = an_graph_add_norm_grads(b) - an_graph_add_norm_grads(a);
    if (forward != wanted[0] || backward != wanted[1])
        an_object("counts", "%s: %ld and %ld fusions, not %ld and %ld", name, forward, backward,
                  wanted[0], wanted[1]);
}

static void check_proved(const char *name, const an_graph *a, const an_graph *b)
{
    an_proof *p = an_prove(.a = a, .b = b);
    if (!p->proved) an_object("proof", "%s: %s", name, p->message);
    an_proof_free(p);
}

static void check_equal(const char *name, const an_graph *a, const an_graph *b, const demand *d)
{
    an_equivalence *e = an_equivalent(a, b, .gradients = true, .seed = 11, .extent = 3,
                                     .quick = true);
    an_judge_equal(name, e, d->vacuous[0] ? d->vacuous : NULL);
    an_equivalence_free(e);
}

/* Differentiated, then fused; and fused, differentiated, fused again. */
static void check_training(const char *name, const an_graph *g, const an_graph *fused,
                           const demand *d)
{
    an_error error = {0};
    an_graph *plain = an_project_gradients(g, false, &error);
    an_graph *early = an_project_gradients(fused, false, &error);
    if (!plain || !early) an_object("gradients", "%s: %s", name, error.text);
    an_graph *late = plain ? optimised(name, plain, PASS, NULL) : NULL;
    an_graph *both = early ? optimised(name, early, PASS, NULL) : NULL;
    if (late && d->trains) check_counts(name, g, late, d->trained);
    if (late && both) {
        const long made[2] = {
            (long)(an_graph_add_norms(late) - an_graph_add_norms(g)),
            (long)(an_graph_add_norm_grads(late) - an_graph_add_norm_grads(g))};
        check_counts(name, g, both, made);
        if (made[0] + made[1] > 0) check_proved(name, plain, late);
    }
    an_graph_free(plain);
    an_graph_free(early);
    an_graph_free(late);
    an_graph_free(both);
}

/* ---- the catalogue ----------------------------------------------------- */

static void try_graph(const char *name, const char *text)
{
    const demand d = read_demand(text);
    an_graph *g = an_read_graph(name, text);
    if (!g) return;
    char refused[1024] = "";
    an_graph *fused = optimised(name, g, PASS, refused);
    if (strcmp(refused, d.refused) != 0)
        an_object("notes", "%s: refused for '%s', not '%s'", name, refused, d.refused);
    if (fused) {
        check_counts(name, g, fused, d.fused);
        if (d.fused[0] && any_sum_live(fused) != !strcmp(d.kept, "kept"))
            an_object("counts", "%s: the sum is not %s", name, d.kept);
        if (d.fused[0] + d.fused[1] > 0) check_equal(name, g, fused, &d);
        if (d.fused[0] + d.fused[1] > 0 || d.trains) check_training(name, g, fused, &d);
    }
    an_graph_free(fused);
    an_graph_free(g);
}

static void try_file(const char *path)
{
    static char text[1 << 18];
    char name[512];
    FILE *f = fopen(path, "rb");
    const size_t length = f ? fread(text, 1, sizeof text - 2, f) : 0;
    if (f) fclose(f);
    memcpy(text + length, "\n", 2);
    for (char *at = strstr(text, "---- "); at;) {
        char *body = strchr(at, '\n') + 1, *next = strstr(body, "\n---- ");
        body[-1] = 0;
        if (next) next[1] = 0; /* the graph's own last line keeps its end */
        snprintf(name, sizeof name, "\"%s\"", at + 5);
        try_graph(name, body);
        if (next) next[1] = '-';
        at = next ? next + 1 : NULL;
    }
}

void an_battery_catalogue(void)
{
    DIR *folder = opendir(AN_SOURCE_ROOT "/tests/golden/catalogue");
    int files = 0;
    for (struct dirent *entry; folder && (entry = readdir(folder));) {
        if (!strstr(entry->d_name, ".an")) continue;
        char path[1024];
        snprintf(path, sizeof path, AN_SOURCE_ROOT "/tests/golden/catalogue/%s", entry->d_name);
        try_file(path);
        files++;
    }
    if (folder) closedir(folder);
    if (files < 5) an_object("graph", "the catalogue is not there");
}
