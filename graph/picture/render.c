/* render.c -- pictures: a DOT file, or one laid out by Graphviz.
 *
 * `dot` runs as a child process, never inside this one: a layout can then be
 * limited (processor time, memory, wall clock) and stopped, and its globals and
 * leaks are its own. It reads and writes files in memory, so no pipe can break and
 * nothing is left behind when this process dies; the picture goes through the one
 * door for files (core/file.h) when it is whole. Refused are other endings than
 * the five.                                                                  */
#include "core/child.h"
#include "core/file.h"
#include "core/memory.h"
#include "core/text.h"
#include "graph/graph.h"
#include "graph/picture/beside.h"
#include "graph/picture/render.h"
#include "graph/picture/view.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define CPU_SECONDS 30
#define WALL_SECONDS 240 /* on a machine that has other work */
#define MEMORY_BYTES ((rlim_t)4 << 30)
#define PICTURE_BYTES ((rlim_t)1 << 30)
#define CHUNK 65536

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

/* What went wrong with a file, without the head of an error's text. */
static an_status pass_on(const report *r, const an_error *e)
{
    return fail(r, e->status, "%s", strchr(e->text, ':') + 2);
}

/* ---- files in memory --------------------------------------------------- */

enum { SOURCE, PICTURE, WORDS, FILES }; /* the child's standard input, output and error */

/* Past the three, whose places the child's files take one after the other. */
static int memory_file(void)
{
    const int made = memfd_create("addnorm", MFD_CLOEXEC);
    if (made < 0 || made > 2) return made;
    const int moved = fcntl(made, F_DUPFD_CLOEXEC, 3);
    close(made);
    return moved;
}

static bool write_all(int file, const char *text)
{
    size_t left = strlen(text);
    while (left > 0) {
        const ssize_t n = TEMP_FAILURE_RETRY(write(file, text, left));
        if (n <= 0) return false;
        text += n;
        left -= (size_t)n;
    }
    return lseek(file, 0, SEEK_SET) == 0;
}

/* The files with the source in the first; false with errno. All are closed by close_files. */
static bool open_files(int files[FILES], const char *source)
{
    for (int i = 0; i < FILES; i++) files[i] = -1;
    for (int i = 0; i < FILES; i++)
        if ((files[i] = memory_file()) < 0) return false;
    return write_all(files[SOURCE], source);
}

static void close_files(const int files[FILES])
{
    for (int i = 0; i < FILES; i++)
        if (files[i] >= 0) close(files[i]);
}

/* The picture as a text. */
static an_status keep_picture(an_text *into, int picture, const report *r)
{
    char chunk[CHUNK];
    ssize_t got = 1;
    for (off_t at = 0; got > 0; at += got) {
        got = TEMP_FAILURE_RETRY(pread(picture, chunk, sizeof chunk, at));
        if (got < 0) return fail(r, AN_E_IO, "cannot read the picture: %s", strerror(errno));
        an_text_add_bytes(into, chunk, got);
    }
    return into->failed ? fail(r, AN_E_MEMORY, "out of memory") : AN_OK;
}

static an_status write_picture(const char *path, int picture, const report *r)
{
    an_error e = {0};
    an_file_writer w;
    char chunk[CHUNK];
    ssize_t got = 1;
    an_file_begin(&w, path, &e);
    for (off_t at = 0; w.status == AN_OK && got > 0; at += got) {
        got = TEMP_FAILURE_RETRY(pread(picture, chunk, sizeof chunk, at));
        if (got < 0)
            w.status = an_fail(&e, AN_E_IO, "%s: cannot read its picture: %s", path,
                               strerror(errno));
        else an_file_put(&w, chunk, got);
    }
    return an_file_end(&w) == AN_OK ? AN_OK : pass_on(r, &e);
}

/* ---- the child --------------------------------------------------------- */

static void limit_child(pid_t child)
{
    const struct rlimit cpu = {CPU_SECONDS, CPU_SECONDS + 5}, memory = {MEMORY_BYTES, MEMORY_BYTES};
    const struct rlimit size = {PICTURE_BYTES, PICTURE_BYTES};
    prlimit(child, RLIMIT_CPU, &cpu, NULL);
    prlimit(child, RLIMIT_AS, &memory, NULL);
    prlimit(child, RLIMIT_FSIZE, &size, NULL);
}

/* What the child said, on one line and shortened; of a layout that it gave up, no more than that:
 * a table of numbers follows. */
static void read_words(int words, char *out, size_t size)
{
    const ssize_t n = pread(words, out, size - 1, 0);
    out[n > 0 ? n : 0] = 0;
    char *table = strstr(out, "trouble in init_rank");
    if (table) table[strlen("trouble in init_rank")] = 0;
    for (char *c = out; *c; c++)
        if (*c == '\n' || *c == '\t') *c = ' ';
}

static an_status not_installed(const report *r)
{
    return fail(r, AN_E_IO, "the program `dot` is not installed; Graphviz has it (Debian: apt "
                            "install graphviz). A .dot file needs no Graphviz.");
}

static an_status run_dot(char *const argv[], const int files[FILES], const report *r, bool *failed)
{
    *failed = false;
    pid_t child;
    const int why = an_child_start(argv, files, &child);
    if (why == ENOENT) return not_installed(r);
    if (why) return fail(r, AN_E_IO, "cannot start dot: %s", strerror(why));
    limit_child(child);
    int status;
    *failed = true;
    if (!an_child_wait(child, WALL_SECONDS, &status))
        return fail(r, AN_E_LIMIT, "dot was stopped after %d seconds; draw less of the graph with "
                                   "depth or focus, or write a .dot file", WALL_SECONDS);
    *failed = !WIFEXITED(status) || (WEXITSTATUS(status) != 0 && WEXITSTATUS(status) != 127);
    if (!*failed && WEXITSTATUS(status) == 0) return AN_OK;
    /* Where spawning forks for real (under Valgrind), the child is what finds out. */
    if (WIFEXITED(status) && WEXITSTATUS(status) == 127) return not_installed(r);
    if (WIFSIGNALED(status) && (WTERMSIG(status) == SIGXCPU || WTERMSIG(status) == SIGKILL))
        return fail(r, AN_E_LIMIT, "dot was stopped at its limit of %d seconds of processor time; "
                                   "draw less of the graph with depth or focus", CPU_SECONDS);
    char said[300];
    read_words(files[WORDS], said, sizeof said);
    return fail(r, AN_E_IO, "dot failed (status %d): %s", status, said);
}

/* ---- what became of it --------------------------------------------------- */

#define LOOKED_AT (1 << 20) /* bytes: clusters are drawn first */

/* Points of the longer side of an SVG that Graphviz wrote; 0: unknown. */
static double longer_side(const char *svg)
{
    double width = 0, height = 0;
    const char *tag = strstr(svg, "<svg width=\"");
    if (!tag || sscanf(tag, "<svg width=\"%lfpt\" height=\"%lfpt\"", &width, &height) != 2)
        return 0;
    return width > height ? width : height;
}

/* Where a frame begins, of which `at` stands in the title: the first number of its outline. */
static bool read_left(const char *at, double *x)
{
    const char *path = strstr(at, " d=\"M"), *polygon = strstr(at, " points=\"");
    const char *outline = !polygon || (path && path < polygon) ? path : polygon;
    return outline && sscanf(strchr(outline, '"') + (outline == path ? 2 : 1), "%lf", x) == 1;
}

/* Whether the lanes' frames, cluster_1 to cluster_3, or a1 to a3 and b1 to b3, stand left to
 * right. */
static bool lanes_in_order(const char *svg)
{
    static const char head[] = "<title>cluster_";
    double left[3][AN_PHASES];
    bool seen[3][AN_PHASES] = {{false}};
    for (const char *at = svg; (at = strstr(at, head));) {
        at += sizeof head - 1;
        const int side = *at == 'a' ? 1 : *at == 'b' ? 2 : 0;
        const char *number = at + (side > 0);
        const int lane = *number - '1';
        if (lane < 0 || lane >= AN_PHASES || number[1] != '<') continue;
        seen[side][lane] = read_left(at, &left[side][lane]);
    }
    for (int side = 0; side < 3; side++) {
        int last = -1;
        for (int lane = 0; lane < AN_PHASES; lane++) {
            if (!seen[side][lane]) continue;
            if (last >= 0 && left[side][lane] < left[side][last]) return false;
            last = lane;
        }
    }
    return true;
}

/* ---- one try, and the next ---------------------------------------------- */

typedef struct attempt {
    const char *path, *format, *dot;
    const report *r;
    an_text *into; /* instead of a file of that path; NULL: none */
    bool keep_large, keep_order; /* whatever it is like */
    bool lost;  /* told: Graphviz lost its way */
    bool dots;  /* told: what failed was the layout, of this source */
    bool large; /* told: it is larger than a page, and not kept */
    bool mixed; /* told: its lanes are in another order, and it is not kept */
} attempt;

/* Looks at the SVG of the layout: false if it is not to be kept. */
static bool look(attempt *a, int file)
{
    char *svg = an_alloc_zeroed(LOOKED_AT + 1);
    if (svg && pread(file, svg, LOOKED_AT, 0) > 0) {
        a->large = !a->keep_large && longer_side(svg) > AN_SIDE;
        a->mixed = !a->keep_order && !a->large && !lanes_in_order(svg);
    }
    an_free(svg);
    return !a->large && !a->mixed;
}

/* `less` is an option that makes it look less for a good order, or NULL. Of other pictures than SVG
 * it writes an SVG to look at, too, from the same layout. */
static an_status layout(attempt *a, char *less)
{
    int files[FILES];
    char option[8], said[64] = "", plain[] = "-Tsvg", words[] = "-o/dev/stderr", name[] = "dot";
    snprintf(option, sizeof option, "-T%s", a->format);
    const bool svg = !strcmp(a->format, "svg");
    const bool looks = !a->keep_large || !a->keep_order;
    char *argv[6] = {name};
    int n = 1;
    if (!svg && looks) argv[n++] = plain, argv[n++] = words;
    argv[n++] = option;
    argv[n] = less;
    an_status status = AN_OK;
    a->large = a->mixed = a->lost = false;
    if (!open_files(files, a->dot))
        status = fail(a->r, AN_E_IO, "%s: there is no room for its source: %s", a->path,
                      strerror(errno));
    if (status == AN_OK) status = run_dot(argv, files, a->r, &a->dots);
    if (status != AN_OK && files[WORDS] >= 0) read_words(files[WORDS], said, sizeof said);
    if (status == AN_OK && (!looks || look(a, files[svg ? PICTURE : WORDS])))
        status = a->into ? keep_picture(a->into, files[PICTURE], a->r)
                         : write_picture(a->path, files[PICTURE], a->r);
    a->lost = strstr(said, "trouble in init_rank") != NULL;
    close_files(files);
    return status;
}

/* Where dot.c's limit on swaps is not low enough, half of it may be. */
static an_status render(attempt *a)
{
    char less[] = "-Gmclimit=0.25";
    const an_status status = layout(a, NULL);
    if (!a->lost) return status;
    fail(a->r, AN_OK, "%s", "");
    return layout(a, less);
}

/* As open as fits a page, with lanes in order if some hint leads to that. */
static an_status render_a_page(attempt *a, an_picture_fn make, const void *context, int simpler)
{
    for (an_sketch sketch = {.simpler = simpler, .ids = a->into != NULL};;) {
        char *dot = make(context, &sketch);
        a->dot = dot;
        a->keep_large = !sketch.closes && (!sketch.paged || simpler == AN_SIMPLEST) &&
                        (sketch.order == 0 || sketch.order > AN_ORDERS);
        a->keep_order = !sketch.lanes || sketch.order > AN_ORDERS;
        a->dots = false;
        const an_status status = dot ? render(a) : fail(a->r, AN_E_MEMORY, "out of memory");
        an_string_free(dot);
        const bool hinted = sketch.order > 0 && sketch.order <= AN_ORDERS;
        if (hinted && status != AN_OK && a->dots) { /* the hint is to blame */
            fail(a->r, AN_OK, "%s", "");
            sketch.order++;
            continue;
        }
        if (status != AN_OK || (!a->large && !a->mixed)) return status;
        if (a->large && !hinted && !sketch.closes) { /* it cannot be closed, but be simpler */
            a->dots = true;
            return AN_OK;
        }
        if (a->large && !hinted) sketch.closed++;
        else sketch.order++;
    }
}

/* A simpler picture is better than none. */
static an_status render_or_simpler(const char *path, const char *format, an_text *into,
                                   an_picture_fn make, const void *context, const report *r)
{
    an_status status = AN_OK;
    char first[300] = "";
    attempt a = {.path = path, .format = format, .r = r, .into = into};
    for (int simpler = 0; simpler <= AN_SIMPLEST; simpler++) {
        status = render_a_page(&a, make, context, simpler);
        if (status == AN_OK && simpler && !a.dots)
            fail(r, AN_OK, "drawn simpler than asked, for %s",
                 first[0] ? first : "it was too large");
        if (!a.dots) return status;
        if (simpler == 0 && r->text && r->size > 0) snprintf(first, sizeof first, "%s", r->text);
    }
    return status;
}

static an_status write_source(const char *path, const char *dot, const report *r)
{
    an_error e = {0};
    const an_status status = an_file_write(path, dot, (int64_t)strlen(dot), &e);
    return status == AN_OK ? AN_OK : pass_on(r, &e);
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
    if (kind >= 2) return render_or_simpler(path, known[kind] + 1, NULL, make, context, &r);
    an_sketch sketch = {0};
    char *dot = make(context, &sketch);
    if (!dot) return fail(&r, AN_E_MEMORY, "out of memory");
    const an_status status = write_source(path, dot, &r);
    an_string_free(dot);
    return status;
}

an_status an_picture_svg(an_picture_fn make, const void *context, an_text *svg, char *message,
                         int64_t message_size)
{
    const report r = {message, message_size};
    fail(&r, AN_OK, "%s", "");
    return render_or_simpler("the picture", "svg", svg, make, context, &r);
}

an_status an_dot_file_with(const an_dot_args *args)
{
    if (!args || !args->graph || !args->path) return AN_E_ARGUMENT;
    const an_status status = an_view_check(args);
    if (status != AN_OK) return status;
    return an_picture_file(args->path, an_dot_sketch, args, args->message, args->message_size);
}
