/* test_golden.c -- passes tested by text files alone.
 *
 * Every file of tests/golden/ holds a graph, a line `---- after`, and the graph
 * that must come out, to the byte. Its head says what runs and what is noted:
 *     # pass: fuse_add_norm -- what this file is about
 *     # refuse: broadcast        (one line per refused candidate, in order)
 * Write AN_GOLDEN_UPDATE=1 into the environment to see what comes out.       */
#include "graph/passes/pipeline.h"
#include "core/memory.h"
#include "graph/ir.h"
#include "tests/support.h"

#include <dirent.h>

static char *read_file(const char *path)
{
    FILE *f = fopen(path, "rb");
    ck_assert_msg(f != NULL, "cannot open %s", path);
    char *text = calloc(1, 1 << 20);
    ck_assert(fread(text, 1, (1 << 20) - 1, f) > 0);
    fclose(f);
    return text;
}

/* The rest of the line behind `key` at or after *from; moves *from on. */
static bool header(const char **from, const char *key, char *out, size_t size)
{
    const char *p = strstr(*from, key);
    if (!p) return false;
    p += strlen(key);
    snprintf(out, size, "%.*s", (int)strcspn(p, "\n"), p);
    *from = p;
    char *comment = strstr(out, " -- ");
    if (comment) *comment = 0;
    return true;
}

static void check_notes(const char *path, const char *text, const an_optimised *o)
{
    char reason[64];
    const char *from = text;
    for (int64_t i = 0; i < o->note_count; i++) {
        if (o->notes[i].done) continue;
        ck_assert_msg(header(&from, "# refuse: ", reason, sizeof reason),
                      "%s: unexpected refusal: %s (%s)", path, o->notes[i].reason,
                      o->notes[i].text);
        ck_assert_msg(!strcmp(reason, o->notes[i].reason), "%s: refused for %s, not %s", path,
                      o->notes[i].reason, reason);
    }
    ck_assert_msg(!header(&from, "# refuse: ", reason, sizeof reason),
                  "%s: nothing was refused for %s", path, reason);
}

/* Nor do the default passes find anything in what they made. */
static void check_one_round(const char *path, const an_graph *g)
{
    an_optimised *once = an_optimise(g), *twice = an_optimise(once->graph);
    ck_assert_msg(twice->status == AN_OK, "%s: %s", path, twice->message);
    char *x = an_print(once->graph), *y = an_print(twice->graph);
    ck_assert_msg(!strcmp(x, y), "%s: by default\n%s\nthen\n%s", path, x, y);
    an_string_free(x);
    an_string_free(y);
    an_optimised_free(twice);
    an_optimised_free(once);
}

static void run_file(const char *path)
{
    char *text = read_file(path), passes[128];
    const char *from = text;
    ck_assert_msg(header(&from, "# pass: ", passes, sizeof passes), "%s: no pass named", path);
    char *after = strstr(text, "\n---- after\n");
    ck_assert_msg(after != NULL, "%s: no '---- after'", path);
    *after = 0;
    after += strlen("\n---- after\n");
    an_graph *g = an_parse(.text = text, .name = path);
    ck_assert_msg(an_graph_status(g) == AN_OK, "%s", an_graph_message(g));
    an_optimised *o = an_optimise(g, .passes = passes);
    ck_assert_msg(o->status == AN_OK, "%s: %s", path, o->message);
    char *printed = an_print(o->graph);
    if (getenv("AN_GOLDEN_UPDATE")) printf("==== %s\n%s", path, printed);
    ck_assert_msg(!strcmp(printed, after), "%s: came out as\n%s", path, printed);
    check_notes(path, text, o);
    /* Once more changes nothing. */
    an_optimised *again = an_optimise(o->graph, .passes = passes);
    ck_assert_int_eq(again->status, AN_OK);
    char *reprinted = an_print(again->graph);
    ck_assert_msg(!strcmp(printed, reprinted), "%s: not idempotent:\n%s", path, reprinted);
    an_optimised_free(again);
    an_string_free(reprinted);
    an_string_free(printed);
    an_optimised_free(o);
    check_one_round(path, g);
    an_graph_free(g);
    free(text);
}

START_TEST(test_golden_files)
{
    DIR *folder = opendir(AN_SOURCE_ROOT "/tests/golden");
    ck_assert_ptr_nonnull(folder);
    int files = 0;
    for (struct dirent *entry; (entry = readdir(folder));) {
        if (!strstr(entry->d_name, ".an")) continue;
        char path[1024];
        snprintf(path, sizeof path, AN_SOURCE_ROOT "/tests/golden/%s", entry->d_name);
        run_file(path);
        files++;
    }
    closedir(folder);
    ck_assert_msg(files >= 5, "only %d golden files were found", files);
}
END_TEST

AN_TEST_MAIN("golden", test_golden_files)
