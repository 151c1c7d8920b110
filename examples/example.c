/* example.c -- the command line, the figures and the random numbers of the examples. */
#include "examples/example.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- the command line --------------------------------------------------- */

static void print_option(const example_option *o)
{
    char left[40];
    const char *value = o->flag ? "" : o->text ? " TEXT" : o->number ? " X" : " N";
    snprintf(left, sizeof left, "%s%s", o->name, value);
    printf("  %-20s %s", left, o->help);
    if (o->count) printf(" (%lld)", (long long)*o->count);
    else if (o->number) printf(" (%g)", *o->number);
    else if (o->text && *o->text) printf(" (%s)", *o->text);
    puts("");
}

static void print_usage(const example *e, const example_option *own)
{
    printf("%s -- %s\nusage: %s [options]\n", e->name, e->does, e->name);
    for (; own && own->name; own++) print_option(own);
    printf("  %-20s the figures, for machines\n  %-20s the graph as .dot, .svg, .png or .pdf\n"
           "  %-20s the graph as text for the addnorm command, and no training\n"
           "  %-20s of weights and data (%llu)\n  %-20s 0: all CPUs (%d)\n"
           "  %-20s done in seconds, as the tests run it\n",
           "--json FILE", "--dot FILE", "--graph FILE", "--seed N", (unsigned long long)e->seed,
           "--threads N", e->threads, "--small");
}

static bool read_count(const char *value, int64_t *to)
{
    char *end = NULL;
    errno = 0;
    const long long n = value ? strtoll(value, &end, 10) : -1;
    if (!value || end == value || *end || errno || n < 0) return false;
    *to = n;
    return true;
}

static bool read_number(const char *value, double *to)
{
    char *end = NULL;
    const double x = value ? strtod(value, &end) : 0;
    if (!value || end == value || *end || !isfinite(x)) return false;
    *to = x;
    return true;
}

/* Takes `value` for the option, if it is one that the option can have. */
static bool take(const example_option *o, const char *value)
{
    if (o->flag) return *o->flag = true;
    if (o->count) return read_count(value, o->count);
    if (o->number) return read_number(value, o->number);
    if (value) *o->text = value;
    return value != NULL;
}

static const example_option *find(const example_option *in, const char *name)
{
    while (in && in->name && strcmp(in->name, name)) in++;
    return in && in->name ? in : NULL;
}

bool example_begin(example *e, int argc, char **argv, const example_option *own)
{
    bool help = false;
    int64_t seed = (int64_t)e->seed, threads = e->threads;
    const example_option common[] = {
        {"--json", "", .text = &e->json},   {"--dot", "", .text = &e->dot},
        {"--graph", "", .text = &e->graph}, {"--seed", "", .count = &seed},
        {"--threads", "", .count = &threads}, {"--small", "", .flag = &e->small},
        {"--help", "", .flag = &help}, {0}};
    e->code = 2;
    for (int i = 1; i < argc; i++) {
        const example_option *o = find(own, argv[i]);
        if (!o) o = find(common, argv[i]);
        if (!o) {
            fprintf(stderr, "%s: there is no option %s; see %s --help\n", e->name, argv[i],
                    e->name);
            return false;
        }
        const char *value = o->flag || i + 1 >= argc ? NULL : argv[++i];
        if (!take(o, value)) {
            fprintf(stderr, "%s: %s takes %s, not '%s'; see %s --help\n", e->name, o->name,
                    o->text ? "a text" : o->count ? "a whole number from 0 on" : "a number",
                    value ? value : "", e->name);
            return false;
        }
    }
    if (help) {
        print_usage(e, own);
        e->code = 0;
        return false;
    }
    e->seed = (uint64_t)seed;
    e->threads = threads < 1024 ? (int)threads : 1024;
    an_set_threads(e->threads);
    return true;
}

/* ---- what is left behind ------------------------------------------------- */

void example_figure(example *e, double value, const char *name, ...)
{
    if (e->figures >= EXAMPLE_FIGURES) return;
    va_list list;
    va_start(list, name);
    vsnprintf(e->figure[e->figures].name, sizeof e->figure[0].name, name, list);
    va_end(list);
    e->figure[e->figures++].value = value;
}

bool example_draw(const example *e, const an_graph *g)
{
    char message[512];
    if (!e->dot || an_dot_file(g, e->dot, .depth = e->depth,
                               .message = message, .message_size = sizeof message) == AN_OK)
        return true;
    fprintf(stderr, "%s: %s\n", e->name, message);
    return false;
}

bool example_print(const example *e, const an_graph *g)
{
    char *text = an_print(g, .locations = true);
    FILE *f = text ? fopen(e->graph, "w") : NULL;
    bool good = f && fputs(text, f) >= 0;
    if (f) good = !fclose(f) && good;
    if (!good) fprintf(stderr, "%s: %s: %s\n", e->name, e->graph, strerror(errno));
    an_string_free(text);
    return good;
}

double example_majority(const int32_t *known, int64_t known_count, const int32_t *fresh,
                        int64_t fresh_count, int64_t classes)
{
    int64_t most = -1, common = 0, right = 0;
    for (int64_t c = 0; c < classes; c++) {
        int64_t count = 0;
        for (int64_t i = 0; i < known_count; i++) count += known[i] == c;
        if (count > most) common = c;
        if (count > most) most = count;
    }
    for (int64_t i = 0; i < fresh_count; i++) right += fresh[i] == common;
    return (double)right / (double)fresh_count;
}

bool example_proves(const an_equivalence *q)
{
    return an_equivalence_holds(q, AN_RUNG_PROVED) && an_equivalence_numbers(q) == AN_BITWISE;
}

bool example_same(example *e, const an_graph *written, const an_program *runs, const char *bind)
{
    const char *name = an_graph_name(written);
    const an_graph *g = an_program_graph(runs);
    an_equivalence *q = an_equivalent(written, g, .gradients = true, .subset = true, .bind = bind,
                                      .seeds = 2, .quick = true);
    const bool same = example_proves(q);
    const int64_t pairs = an_graph_count(g, "add_norm"), back = an_graph_count(g, "add_norm_grad");
    printf("%s: %lld Add & Norm fused, %lld backward; %s\n", name, (long long)pairs,
           (long long)back, same ? "proved, the same bits" : an_equivalence_message(q));
    example_figure(e, (double)pairs, "%s_add_norm", name);
    example_figure(e, (double)back, "%s_add_norm_grad", name);
    example_figure(e, same, "%s_same", name);
    an_equivalence_free(q);
    return same;
}

/* Names are the example's own, and hold nothing that JSON would escape. */
static bool write_json(const example *e, bool passed)
{
    FILE *f = fopen(e->json, "w");
    if (f) {
        fprintf(f, "{\"seed\": %llu, \"passed\": %s", (unsigned long long)e->seed,
                passed ? "true" : "false");
        for (int i = 0; i < e->figures; i++)
            if (isfinite(e->figure[i].value))
                fprintf(f, ",\n \"%s\": %.9g", e->figure[i].name, e->figure[i].value);
            else fprintf(f, ",\n \"%s\": null", e->figure[i].name);
        fputs("}\n", f);
        const bool failed = ferror(f) != 0;
        if (fclose(f) == 0 && !failed) return true;
    }
    fprintf(stderr, "%s: %s: %s\n", e->name, e->json, strerror(errno));
    return false;
}

int example_end(example *e, bool passed)
{
    const bool written = !e->json || write_json(e, passed);
    return e->code = passed && written ? 0 : 1;
}

/* ---- random numbers ------------------------------------------------------ */

uint64_t example_random(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u; /* Steele, Lea & Flood 2014 */
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

int64_t example_below(uint64_t *state, int64_t n)
{
    return (int64_t)(example_uniform(state) * (double)n);
}

double example_uniform(uint64_t *state)
{
    return (double)(example_random(state) >> 11) * 0x1p-53;
}

double example_normal(uint64_t *state)
{
    const double radius = sqrt(-2 * log(1 - example_uniform(state)));
    return radius * cos(6.283185307179586 * example_uniform(state));
}
