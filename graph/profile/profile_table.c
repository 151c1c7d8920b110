/* profile_table.c -- a profile as a table for people. */
#include "graph/profile/figures.h"

#include <string.h>

#define MOST_ROWS 40 /* of nodes, scopes or waves; the rest are one row */

static const struct {
    const char *name, *heading;
} keys[] = {
    [AN_BY_NODE] = {"node", "node"}, [AN_BY_OP] = {"op", "op"}, [AN_BY_SCOPE] = {"scope", "scope"},
    [AN_BY_PHASE] = {"phase", "phase"}, [AN_BY_WAVE] = {"wave", "wave"},
};

bool an_profile_by_name(const char *name, an_profile_by *by)
{
    for (size_t i = 0; name && i < sizeof keys / sizeof *keys; i++)
        if (!strcmp(keys[i].name, name)) {
            *by = (an_profile_by)i;
            return true;
        }
    return false;
}

static void add_head(const an_profile *f, an_text *out)
{
    const double step = an_profile_seconds(f);
    const int threads = an_profile_threads(f);
    an_text_addf(out, "%s: ", f->program->graph->name);
    an_text_add_seconds(out, step);
    an_text_addf(out, " a run on %d thread%s, the median of %lld\n", threads,
                 threads == 1 ? "" : "s", (long long)an_profile_runs(f));
    for (int i = 0; i < threads; i++) {
        const double busy = an_profile_busy(f, i), chores = an_profile_chores(f, i);
        const double idle = step - busy - chores > 0 ? step - busy - chores : 0;
        an_text_addf(out, "  thread %d: kernels %.1f %%, chores %.1f %%, waiting %.1f %%\n", i,
                     100 * busy / step, 100 * chores / step, 100 * idle / step);
    }
    if (f->peak_threads)
        an_text_addf(out, "  a thread can do: %.1f GFLOP/s in products of matrices, %.1f GB/s in "
                     "sums of large arrays\n", f->peak_flops * 1e-9, f->peak_bytes * 1e-9);
}

static int width_of(const an_profile_row *rows, int64_t count)
{
    size_t width = 10;
    for (int64_t i = 0; i < count; i++) {
        const size_t length = strnlen(rows[i].name, 60);
        if (length > width) width = length;
    }
    return (int)width;
}

static void add_row(const an_profile_row *r, double whole, int width, bool nodes, an_text *out)
{
    an_text_addf(out, "%-*.60s", width, r->name[0] ? r->name : "(outside)");
    if (nodes) an_text_addf(out, " %-18.18s %-8s", r->op, r->phase);
    else an_text_addf(out, " %6lld", (long long)r->nodes);
    an_text_addf(out, " %10.3f %6.1f %9.2f %7.2f", r->seconds * 1e3, 100 * r->seconds / whole,
                 r->flop_rate * 1e-9, r->byte_rate * 1e-9);
    if (r->roof >= 0) an_text_addf(out, " %5.0f %%", 100 * r->roof);
    an_text_add(out, "\n");
}

static void add_rest(const an_profile_row *rows, int64_t from, int64_t count, double whole,
                     int width, bool nodes, an_text *out)
{
    an_profile_row rest = {.name = "(the rest)", .op = "", .phase = "", .roof = -1};
    for (int64_t i = from; i < count; i++) {
        rest.seconds += rows[i].seconds;
        rest.nodes += rows[i].nodes;
    }
    if (rest.nodes) add_row(&rest, whole, width, nodes, out);
}

static void add_rows(an_profile_by by, const an_profile_row *rows, int64_t count, double whole,
                     an_text *out)
{
    const int64_t shown = by == AN_BY_OP || count < MOST_ROWS ? count : MOST_ROWS;
    const bool nodes = by == AN_BY_NODE;
    const int width = width_of(rows, shown);
    an_text_addf(out, "%-*s", width, keys[by].heading);
    an_text_addf(out, nodes ? " %-18s %-8s" : " %6s", nodes ? "op" : "nodes", "phase");
    an_text_addf(out, " %10s %6s %9s %7s %7s\n", "ms", "%", "GFLOP/s", "GB/s", "of peak");
    for (int64_t i = 0; i < shown; i++) add_row(&rows[i], whole, width, nodes, out);
    add_rest(rows, shown, count, whole, width, nodes, out);
}

char *an_profile_table(an_profile *f, an_profile_by by)
{
    an_text out = {0};
    if (!f || an_profile_runs(f) == 0) {
        an_text_add(&out, "nothing was run\n");
        return an_text_take(&out);
    }
    an_profile_peaks(f, NULL, NULL); /* without them the table stands, too */
    const an_profile_row *rows;
    const int64_t count = an_profile_rows(f, by, &rows);
    if (count < 0) return NULL;
    const double whole = an_profile_seconds(f) * an_profile_threads(f);
    add_head(f, &out);
    add_rows(by, rows, count, whole, &out);
    return an_text_take(&out);
}
