/* test_mutants.c -- every mutant of the verifier's own sources must be caught.
 *
 * mutants.txt breaks one thing at a time: a guard, a rewiring, an axiom, a kernel's
 * constant. Each mutant runs in a child of its own, which puts one battery after the
 * other past the verifier until one objects. The table printed says for each mutant
 * what it breaks and what caught it; "the same" are those that change nothing that
 * counts, each with its argument: they are run too, and nobody may object.
 *
 * AN_MUTANT=name runs one of them past all batteries and prints every objection.    */
#include "tests/mutants/mutants.h"

#include <malloc.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define MOST_PARTS 24
#define SECONDS 60 /* a mutant may make something run forever */

static int report_to = -1;
static bool talkative, objected;

void an_object(const char *part, const char *format, ...)
{
    static char known[MOST_PARTS][40];
    char line[512];
    int i = 0;
    objected = true;
    while (i < MOST_PARTS && known[i][0] && strcmp(known[i], part) != 0) i++;
    if (!talkative && (i == MOST_PARTS || known[i][0])) return;
    if (i < MOST_PARTS) snprintf(known[i], sizeof known[i], "%s", part);
    int length = snprintf(line, sizeof line, "%s\t", part);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line + length, sizeof line - (size_t)length - 1, format, arguments);
    va_end(arguments);
    for (char *p = line; *p; p++)
        if (*p == '\n') *p = ' ';
    strcat(line, "\n");
    if (write(report_to, line, strlen(line)) < 0) _exit(3);
}

/* The cheap ones first: one battery that objects is enough, unless somebody wants to hear all. */
static void run_batteries(void)
{
    static void (*const batteries[])(void) = {
        an_battery_plans, an_battery_parts, an_battery_along, an_battery_ranks,
        an_battery_recompute,
        an_battery_outside,
        an_battery_answers, an_battery_judging, an_battery_planted, an_battery_models,
        an_battery_pending, an_battery_pairs, an_battery_written, an_battery_groups,
        an_battery_catalogue, an_battery_checked, an_battery_ops, an_battery_rows,
        an_battery_reals /* half a second, and hardly anybody's last hope */};
    for (size_t i = 0; i < sizeof batteries / sizeof *batteries; i++)
        if (talkative || !objected) batteries[i]();
}

/* ---- one mutant -------------------------------------------------------- */

/* What the child wrote: lines of a part, a tab and its words. */
static void collect(int from, char *text, size_t size)
{
    size_t used = 0;
    for (ssize_t n; used + 1 < size && (n = read(from, text + used, size - 1 - used)) > 0;)
        used += (size_t)n;
    text[used] = 0;
}

static void run_mutant(int number, char *text, size_t size)
{
    int ends[2];
    fflush(stdout);
    if (pipe(ends) != 0) exit(2);
    const pid_t child = fork();
    if (child < 0) exit(2);
    if (child == 0) {
        close(ends[0]);
        report_to = ends[1];
        an_mutant = number;
        alarm(SECONDS);
        run_batteries();
        _exit(0);
    }
    close(ends[1]);
    collect(ends[0], text, size);
    close(ends[0]);
    int status = 0;
    waitpid(child, &status, 0);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return;
    const bool late = WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM;
    const size_t used = strlen(text);
    snprintf(text + used, size - used, "%s\tended with %d\n", late ? "time" : "crash", status);
}

/* "proof, numbers" out of what the child wrote. */
static void list_parts(const char *text, char *parts, size_t size)
{
    size_t used = 0;
    parts[0] = 0;
    for (const char *p = text; *p && used + 40 < size; p += strcspn(p, "\n") + 1)
        used += (size_t)snprintf(parts + used, size - used, "%s%.*s", used ? ", " : "",
                                 (int)strcspn(p, "\t"), p);
}

/* ---- all of them ------------------------------------------------------- */

typedef struct tally {
    int must, caught, same, loud; /* loud: said to change nothing, and objected to */
} tally;

static void judge(int number, tally *t)
{
    static char text[1 << 16];
    char parts[512];
    const an_mutant_row *row = &an_mutants[number - 1];
    run_mutant(number, text, sizeof text);
    list_parts(text, parts, sizeof parts);
    const bool caught = text[0] != 0;
    printf("%3d  %-28s %-30s %s\n     %s: %s\n", number, row->name, row->file, row->breaks,
           row->same ? caught ? "NOT THE SAME" : "the same" : "caught by",
           row->same && !caught ? row->same : caught ? parts : "NOBODY");
    if (talkative || (row->same && caught)) printf("%s", text);
    t->must += !row->same;
    t->caught += !row->same && caught;
    t->same += row->same != NULL;
    t->loud += row->same && caught;
}

/* test_mutants [PART PARTS]: all mutants, or those of one part of so many. */
int main(int argc, char **argv)
{
    static char text[1 << 16];
    const int parts = argc > 2 ? atoi(argv[2]) : 1, part = argc > 2 ? atoi(argv[1]) : 0;
    const char *name = getenv("AN_MUTANT");
    const int only = name ? an_mutant_number(name) : 0;
    talkative = only > 0;
    mallopt(M_TRIM_THRESHOLD, 1 << 28); /* children keep their pages: that saves time */
    mallopt(M_MMAP_THRESHOLD, 1 << 25);
    if (name && !only) return 2;
    run_mutant(0, text, sizeof text);
    if (text[0]) {
        printf("without any mutant:\n%s100%%: Checks: 1, Failures: 1, Errors: 0\n", text);
        return 1;
    }
    tally t = {0};
    for (int i = 1; i <= an_mutant_count; i++)
        if (only ? i == only : parts < 2 || i % parts == part) judge(i, &t);
    printf("mutants: %d of %d caught (%.0f %%); %d change nothing, as argued%s\n", t.caught, t.must,
           t.must ? 100.0 * t.caught / t.must : 100.0, t.same - t.loud,
           t.loud ? "; OTHERS SAID SO AND DO" : "");
    const int failures = t.must - t.caught + t.loud;
    printf("%d%%: Checks: %d, Failures: %d, Errors: 0\n",
           100 * (1 + t.must + t.same - failures) / (1 + t.must + t.same), 1 + t.must + t.same,
           failures);
    return failures > 0;
}
