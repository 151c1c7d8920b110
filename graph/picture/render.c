/* render.c -- pictures: a DOT file, or one laid out by Graphviz.
 *
 * `dot` runs as a child process, never inside this one: a layout can then be
 * limited (processor time, memory, wall clock) and stopped, and its globals and
 * leaks are its own. It reads a temporary file, so no pipe can break, and writes a
 * temporary picture that replaces `path` only when it is whole. Refused are other
 * endings than the five.                                                     */
#include "core/memory.h"
#include "core/text.h"
#include "core/child.h"
#include "graph/graph.h"
#include "graph/picture/render.h"
#include "graph/picture/view.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define CPU_SECONDS 60
#define WALL_SECONDS 90
#define MEMORY_BYTES ((rlim_t)4 << 30)

typedef struct report {
    char *text;
    int64_t size;
} report;

static an_status fail(const report *r, an_status status, const char *format, ...) AN_PRINTF(3, 4);
static an_status fail(const report *r, an_status status, const char *format, ...)
{
    if (!r->text || r->size <= 0) return status;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(r->text, (size_t)r->size, format, arguments);
    va_end(arguments);
    return status;
}

/* ---- files ------------------------------------------------------------- */

static bool write_all(int file, const char *text)
{
    size_t left = strlen(text);
    while (left > 0) {
        const ssize_t n = write(file, text, left);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return false;
        text += n;
        left -= (size_t)n;
    }
    return true;
}

/* A new file beside `path`, whose name goes to `name`; -1 on failure. */
static int create_beside(const char *path, const char *what, an_text *name)
{
    an_text_addf(name, "%s.%s-", path, what);
    for (int i = 0; i < 6; i++) an_text_add(name, "X"); /* mkostemp's to replace */
    return name->failed ? -1 : mkostemp(name->data, O_CLOEXEC);
}

static an_status write_beside(const char *path, const char *text, an_text *name, const report *r)
{
    const int file = create_beside(path, "dot", name);
    if (name->failed) return fail(r, AN_E_MEMORY, "out of memory");
    if (file < 0) return fail(r, AN_E_IO, "cannot write beside %s: %s", path, strerror(errno));
    const bool good = write_all(file, text);
    const int why = errno;
    if (close(file) == 0 && good) return AN_OK;
    unlink(name->data);
    return fail(r, AN_E_IO, "cannot write %s: %s", name->data, strerror(good ? errno : why));
}

/* mkostemp makes private files; a picture is as public as any new file. */
static an_status replace(const char *from, const char *path, const report *r)
{
    const int plain = open(from, O_RDONLY | O_CLOEXEC);
    if (plain >= 0) {
        fchmod(plain, 0644);
        close(plain);
    }
    if (rename(from, path) == 0) return AN_OK;
    const int why = errno;
    unlink(from);
    return fail(r, AN_E_IO, "cannot write %s: %s", path, strerror(why));
}

/* ---- the child --------------------------------------------------------- */

static void limit_child(pid_t child)
{
    const struct rlimit cpu = {CPU_SECONDS, CPU_SECONDS + 5}, memory = {MEMORY_BYTES, MEMORY_BYTES};
    prlimit(child, RLIMIT_CPU, &cpu, NULL);
    prlimit(child, RLIMIT_AS, &memory, NULL);
}

/* What the child said, on one line and shortened. */
static void read_words(int words, char *out, size_t size)
{
    const ssize_t n = pread(words, out, size - 1, 0);
    out[n > 0 ? n : 0] = 0;
    for (char *c = out; *c; c++)
        if (*c == '\n') *c = ' ';
}

static an_status not_installed(const report *r)
{
    return fail(r, AN_E_IO, "the program `dot` is not installed; Graphviz has it (Debian: apt "
                            "install graphviz). A .dot file needs no Graphviz.");
}

static an_status run_dot(char *const argv[], int words, const report *r)
{
    pid_t child;
    const int why = an_child_start(argv, words, &child);
    if (why == ENOENT) return not_installed(r);
    if (why) return fail(r, AN_E_IO, "cannot start dot: %s", strerror(why));
    limit_child(child);
    int status;
    if (!an_child_wait(child, WALL_SECONDS, &status))
        return fail(r, AN_E_LIMIT, "dot was stopped after %d seconds; draw less of the graph with "
                                   "depth or focus, or write a .dot file", WALL_SECONDS);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return AN_OK;
    /* Where spawning forks for real (under Valgrind), the child is what finds out. */
    if (WIFEXITED(status) && WEXITSTATUS(status) == 127) return not_installed(r);
    if (WIFSIGNALED(status) && (WTERMSIG(status) == SIGXCPU || WTERMSIG(status) == SIGKILL))
        return fail(r, AN_E_LIMIT, "dot was stopped at its limit of %d seconds of processor time; "
                                   "draw less of the graph with depth or focus", CPU_SECONDS);
    char said[300];
    read_words(words, said, sizeof said);
    return fail(r, AN_E_IO, "dot failed (status %d): %s", status, said);
}

static an_status render(const char *path, const char *format, const char *dot, const report *r)
{
    an_text source = {0}, picture = {0}, said = {0};
    an_status status = write_beside(path, dot, &source, r);
    const int made = status == AN_OK ? create_beside(path, format, &picture) : -1;
    const int words = made >= 0 ? create_beside(path, "log", &said) : -1;
    if (picture.failed || said.failed)
        status = fail(r, AN_E_MEMORY, "out of memory");
    if (status == AN_OK && (made < 0 || words < 0))
        status = fail(r, AN_E_IO, "cannot write beside %s: %s", path, strerror(errno));
    if (status == AN_OK) {
        char option[8];
        snprintf(option, sizeof option, "-T%s", format);
        char *const argv[] = {"dot", option, "-o", picture.data, source.data, NULL};
        status = run_dot(argv, words, r);
        if (status == AN_OK) status = replace(picture.data, path, r);
        else unlink(picture.data);
    }
    if (made >= 0) close(made);
    if (words >= 0) close(words);
    if (words >= 0) unlink(said.data);
    if (words < 0 && made >= 0) unlink(picture.data);
    if (source.data) unlink(source.data);
    an_text_free(&source);
    an_text_free(&picture);
    an_text_free(&said);
    return status;
}

/* ---- the call ---------------------------------------------------------- */

an_status an_picture_file(const char *path, an_picture_fn make, const void *context,
                          char *message, int64_t message_size)
{
    const report r = {message, message_size};
    fail(&r, AN_OK, "%s", "");
    const char *ending = strrchr(path, '.');
    if (!ending || strchr(ending, '/')) ending = "";
    static const char *const known[] = {".dot", ".gv", ".svg", ".png", ".pdf"};
    size_t kind = 0;
    while (kind < 5 && strcmp(ending, known[kind]) != 0) kind++;
    if (kind == 5)
        return fail(&r, AN_E_ARGUMENT, "%s: a picture ends in .dot, .gv, .svg, .png or .pdf", path);
    char *dot = make(context);
    if (!dot) return fail(&r, AN_E_MEMORY, "out of memory");
    an_status status;
    if (kind >= 2) {
        status = render(path, known[kind] + 1, dot, &r);
    } else {
        an_text name = {0};
        status = write_beside(path, dot, &name, &r);
        if (status == AN_OK) status = replace(name.data, path, &r);
        an_text_free(&name);
    }
    an_string_free(dot);
    return status;
}

static char *draw_graph(const void *args)
{
    return an_dot_with(args);
}

an_status an_dot_file_with(const an_dot_args *args)
{
    if (!args || !args->graph || !args->path) return AN_E_ARGUMENT;
    const an_status status = an_view_check_focus(args);
    if (status != AN_OK) return status;
    return an_picture_file(args->path, draw_graph, args, args->message, args->message_size);
}
