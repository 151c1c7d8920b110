/* cli_reduce.c -- reduce: the smallest graph on which something fails.
 *
 * What fails is what verify would object to, or any command that is given a graph's
 * path. The first failure is kept: a smaller graph must fail alike, or a search for
 * one fault would end at another. The result says at its head how to see it fail. */
#include "frontends/cli/cli.h"

#include "frontends/addnorm.h"
#include "core/child.h"
#include "core/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define SECONDS 10 /* what a command gets */
#define MOST 1000000

typedef struct failure {
    bool fails;
    an_status refused;  /* what the passes say, if they do not run */
    an_rung verdict;
    uint64_t failed;    /* which checks, a bit each */
    int status;         /* of a command, as wait tells it; -1: it took too long */
    char message[512];
} failure;

typedef struct reduction {
    const an_cli *line;
    an_graph *g;
    an_equivalent_args args;
    failure first;      /* on the graph as it is */
    an_text path, script; /* a command's: where its graph is, and what the shell is told */
    bool broken;        /* the file cannot be written */
    int64_t told;       /* how many nodes were left when last said */
} reduction;

/* ---- does it fail? ----------------------------------------------------- */

/* What memory was out for tells nothing of the graph. */
static failure give_up(reduction *r)
{
    an_cli_say("out of memory");
    r->broken = true;
    return (failure){0};
}

static failure try_verify(reduction *r, const an_graph *g)
{
    failure f = {0};
    an_optimised *o = an_optimise(.graph = g, .passes = r->line->passes);
    if (!an_optimised_graph(o)) {
        f.fails = true;
        f.refused = an_optimised_status(o);
        snprintf(f.message, sizeof f.message, "the passes failed: %.400s",
                 an_optimised_message(o));
        an_optimised_free(o);
        return f.refused == AN_E_MEMORY ? give_up(r) : f;
    }
    an_equivalent_args args = r->args;
    args.a = g;
    args.b = an_optimised_graph(o);
    an_equivalence *e = an_equivalent_with(&args);
    f.verdict = an_equivalence_rung(e);
    f.fails = f.verdict != AN_RUNG_PROVED && an_equivalence_numbers(e) != AN_VACUOUS;
    const an_check *c;
    for (int i = 0; (c = an_equivalence_check(e, i)) != NULL; i++)
        if (c->failed > 0) f.failed |= (uint64_t)1 << i;
    snprintf(f.message, sizeof f.message, "%.500s", an_equivalence_message(e));
    const bool out = an_equivalence_status(e) == AN_E_MEMORY;
    an_equivalence_free(e);
    an_optimised_free(o);
    return out ? give_up(r) : f;
}

static bool write_candidate(reduction *r, const an_graph *g)
{
    char *text = an_print(g);
    FILE *out = text ? fopen(r->path.data, "wb") : NULL;
    bool good = out && fputs(text, out) >= 0;
    if (out) good = fclose(out) == 0 && good;
    an_string_free(text);
    if (good || r->broken) return good;
    an_cli_say("%s: cannot write it: %s", r->path.data, text ? strerror(errno) : "out of memory");
    r->broken = true;
    return false;
}

static failure try_command(reduction *r, const an_graph *g)
{
    failure f = {0};
    pid_t child;
    char *const argv[] = {"sh", "-c", r->script.data, "sh", r->path.data, NULL};
    if (!write_candidate(r, g)) return f;
    const int why = an_child_start(argv, (const int[]){-1, -1, -1}, &child);
    if (why) {
        an_cli_say("cannot start a shell: %s", strerror(why));
        r->broken = true;
        return f;
    }
    if (!an_child_wait(child, SECONDS, &f.status)) f.status = -1;
    f.fails = f.status > 0;
    if (WIFEXITED(f.status))
        snprintf(f.message, sizeof f.message, "it answers %d", WEXITSTATUS(f.status));
    else
        snprintf(f.message, sizeof f.message, "signal %d ends it", WTERMSIG(f.status));
    return f;
}

static failure try_graph(reduction *r, const an_graph *g)
{
    return r->line->shell ? try_command(r, g) : try_verify(r, g);
}

/* Names and numbers in a message change with the graph; what comes before stays. */
static bool begin_alike(const char *a, const char *b)
{
    const size_t length = strcspn(a, "\"'%0123456789");
    return !strncmp(a, b, length);
}

static bool fails_alike(void *context, const an_graph *g)
{
    reduction *r = context;
    if (r->broken) return false;
    const failure f = try_graph(r, g), *first = &r->first;
    const uint64_t check = first->failed & -first->failed; /* the first that failed */
    return f.fails && f.refused == first->refused && f.verdict == first->verdict &&
           f.status == first->status && (f.failed & check) == check &&
           (f.verdict < AN_RUNG_REFUSED || begin_alike(first->message, f.message));
}

/* ---- what is printed --------------------------------------------------- */

static void add_comment(an_text *out, const char *format, ...) AN_PRINTF(2, 3);
static void add_comment(an_text *out, const char *format, ...)
{
    char line[1200];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    for (char *c = line; *c; c++)
        if ((unsigned char)*c < ' ') *c = ' ';
    an_text_addf(out, "# %s\n", line);
}

static void add_word(an_text *out, const char *option, const char *word)
{
    if (!word) return;
    const bool plain = word[0] && !word[strspn(word, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQ"
                                                     "RSTUVWXYZ0123456789._-/=,+:")];
    an_text_addf(out, " %s%s%s", option, option[0] ? " " : "", plain ? "" : "'");
    for (const char *c = word; *c; c++) an_text_addf(out, *c == '\'' ? "'\\''" : "%c", *c);
    if (!plain) an_text_add(out, "'");
}

static void add_number(an_text *out, const char *option, int64_t number)
{
    if (number > 0) an_text_addf(out, " %s %lld", option, (long long)number);
}

/* The command that shows the failure on `path`. */
static const char *shown_by(const an_cli *line, const char *path, an_text *out)
{
    an_text_add(out, line->shell ? line->shell : "addnorm verify");
    add_word(out, "", path);
    if (line->shell) return an_text_view(out);
    if (line->gradients) an_text_add(out, " --gradients");
    an_text_addf(out, " --seed %lld", (long long)line->seed);
    add_number(out, "--seeds", line->seeds);
    add_number(out, "--steps", line->steps);
    add_word(out, "--bind", line->bind);
    add_word(out, "--data", line->data);
    add_word(out, "--threads", line->threads);
    add_word(out, "--passes", line->passes);
    return an_text_view(out);
}

static void add_text(const reduction *r, const an_graph *g, const char *summary, an_text *out)
{
    const bool named = r->line->output && strcmp(r->line->output, "-") != 0;
    an_text command = {0};
    char *text = an_print(g);
    add_comment(out, "%s", summary);
    add_comment(out, "%.1000s", shown_by(r->line, named ? r->line->output : "FILE", &command));
    add_comment(out, "%s", r->first.message);
    an_text_add(out, text ? text : "");
    out->failed = out->failed || !text || command.failed;
    an_string_free(text);
    an_text_free(&command);
}

/* small.an gets small.dot and small.svg beside it. */
static an_cli_exit draw_beside(const reduction *r, const an_graph *g)
{
    const char *path = r->line->output, *ending = strrchr(path, '.');
    const bool an = ending && !strcmp(ending, ".an");
    const int stem = (int)(an ? ending - path : (ptrdiff_t)strlen(path));
    static const char *const kinds[] = {"dot", "svg"};
    for (int i = 0; i < 2; i++) {
        an_text picture = {0};
        char why[600] = "out of memory";
        an_text_addf(&picture, "%.*s.%s", stem, path, kinds[i]);
        const bool good = !picture.failed &&
                          an_dot_file(g, picture.data, .message = why,
                                      .message_size = sizeof why) == AN_OK;
        if (!good) an_cli_say("%s is not drawn: %s", an_text_view(&picture), why);
        an_text_free(&picture);
        if (!good && i == 0) return AN_CLI_FILE; /* without Graphviz there is no other */
    }
    return AN_CLI_FINE;
}

static void report_progress(void *context, const an_graph *best, int64_t tries)
{
    reduction *r = context;
    const int64_t nodes = an_graph_node_count(best);
    if (nodes != r->told)
        an_cli_say("%lld of %lld nodes are left after %lld tries", (long long)nodes,
                   (long long)an_graph_node_count(r->g), (long long)tries);
    r->told = nodes;
}

/* ---- the subcommand ---------------------------------------------------- */

static bool check_line(reduction *r)
{
    const an_cli *line = r->line;
    const char *ending = line->output ? strrchr(line->output, '.') : NULL;
    static const char *const pictures[] = {".dot", ".gv", ".svg", ".png", ".pdf"};
    bool picture = false;
    for (int i = 0; ending && i < 5; i++) picture = picture || !strcmp(ending, pictures[i]);
    if (picture)
        an_cli_say("reduce: -o names the graph, say small.an; its drawings go beside it");
    if (line->tries > MOST) an_cli_say("reduce: at most %d tries", MOST);
    if (picture || line->tries > MOST) return false;
    if (line->shell && (line->gradients || line->seed || line->seeds || line->steps ||
                        line->bind || line->data || line->threads || line->passes)) {
        an_cli_say("reduce: with --command only --tries and -o make sense; all other options are "
                   "verify's");
        return false;
    }
    return an_cli_read_trial(line, &r->args);
}

/* A file for the command to read. */
static bool open_command(reduction *r)
{
    if (!r->line->shell) return true;
    const char *folder = getenv("TMPDIR");
    an_text_addf(&r->path, "%s/addnorm-", folder && folder[0] ? folder : "/tmp");
    for (int i = 0; i < 6; i++) an_text_add(&r->path, "X"); /* mkostemps's to replace */
    an_text_add(&r->path, ".an");
    an_text_addf(&r->script, "%s \"$@\"", r->line->shell);
    const bool failed = r->path.failed || r->script.failed;
    const int file = failed ? -1 : mkostemps(r->path.data, 3, O_CLOEXEC);
    if (file >= 0) return close(file) == 0;
    an_cli_say("cannot make a file for the command: %s",
               failed ? an_lost : strerror(errno));
    an_text_free(&r->path);
    return false;
}

/* Says so if there is no failure to look for. */
static bool fails_first(reduction *r)
{
    r->first = try_graph(r, r->g);
    const failure *f = &r->first;
    const char *path = r->line->operand[0];
    const int answer = r->line->shell && f->fails && WIFEXITED(f->status) ? WEXITSTATUS(f->status)
                                                                          : 0;
    an_text command = {0};
    const char *shown = shown_by(r->line, path, &command);
    const bool good = !r->broken && f->fails && answer != 126 && answer != 127;
    if (good)
        an_cli_say("%s fails: %.300s", path, f->message);
    else if (answer)
        an_cli_say("%s: not reduced: the shell cannot run '%s'", path, shown);
    else if (f->status < 0)
        an_cli_say("%s: not reduced: '%s' takes more than %d seconds", path, shown, SECONDS);
    else if (!r->broken)
        an_cli_say("%s: nothing fails, so there is nothing to reduce: '%s' was tried: %s", path,
                   shown, f->message);
    an_text_free(&command);
    return good;
}

static an_cli_exit reduce(reduction *r)
{
    if (!fails_first(r)) return AN_CLI_NOT;
    an_reduced *done = an_reduce(.graph = r->g, .fails = fails_alike, .context = r,
                                 .tries = r->line->tries, .progress = report_progress);
    const an_graph *small = an_reduced_graph(done);
    if (!small || r->broken) {
        an_cli_say("%s: not reduced: %s", r->line->operand[0],
                   r->broken ? "see above" : an_reduced_message(done));
        an_reduced_free(done);
        return AN_CLI_NOT;
    }
    char summary[160];
    snprintf(summary, sizeof summary, "%lld nodes became %lld in %lld tries%s",
             (long long)an_graph_node_count(r->g), (long long)an_graph_node_count(small),
             (long long)an_reduced_tries(done),
             an_reduced_is_minimal(done) ? "" : "; more tries may make it smaller");
    r->first = try_graph(r, small);
    if (r->broken) {
        an_reduced_free(done);
        return AN_CLI_NOT;
    }
    an_text text = {0};
    add_text(r, small, summary, &text);
    an_cli_exit answer = an_cli_write(r->line->output, &text);
    const bool named = r->line->output && strcmp(r->line->output, "-") != 0;
    if (answer == AN_CLI_FINE && named) answer = draw_beside(r, small);
    an_cli_say("%s", summary);
    an_reduced_free(done);
    return answer;
}

an_cli_exit an_cli_reduce(const an_cli *line)
{
    reduction r = {.line = line};
    if (!check_line(&r)) return AN_CLI_USAGE;
    an_cli_exit answer = AN_CLI_FILE;
    r.g = an_cli_read_graph(line->operand[0]);
    if (r.g && !an_cli_check_bind(line, r.g)) answer = AN_CLI_USAGE;
    else if (r.g && open_command(&r)) answer = reduce(&r);
    if (r.path.data) unlink(r.path.data);
    an_text_free(&r.path);
    an_text_free(&r.script);
    an_graph_free(r.g);
    return answer;
}
