/* progress.c -- what a person sees of a training: a bar, or a line an epoch. */
#include "frontends/train/progress.h"

#include <stdarg.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "core/core.h"

#define REDRAW_SECONDS 0.1
#define BAR 24
#define LINE 512

double an_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* A line of bounded length: what does not fit is left out. */
typedef struct line {
    char text[LINE];
    int length;
} line;

AN_PRINTF(2, 3)
static void add(line *l, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    const int room = LINE - l->length;
    const int wanted = vsnprintf(l->text + l->length, (size_t)room, format, arguments);
    va_end(arguments);
    if (wanted > 0) l->length += wanted < room ? wanted : room - 1;
}

static void add_duration(line *l, double seconds)
{
    const long whole = seconds < 359999.0 ? (long)(seconds + 0.5) : 359999;
    if (whole >= 3600) add(l, "%ld:%02ld:%02ld", whole / 3600, whole / 60 % 60, whole % 60);
    else add(l, "%ld:%02ld", whole / 60, whole % 60);
}

static void add_metrics(line *l, const an_history *h, const char *prefix, const double *values)
{
    for (int i = 0; i < h->metric_count; i++)
        add(l, "  %s%s %.4f", prefix, h->metric[i], values[i]);
}

static void add_epoch(const an_progress *p, line *l, int64_t epoch)
{
    int width = 1;
    for (int64_t n = p->epochs; n >= 10; n /= 10) width++;
    add(l, "epoch %*lld/%lld", width, (long long)epoch, (long long)p->epochs);
}

void an_progress_open(an_progress *p, FILE *to, int64_t epochs, int64_t steps)
{
    *p = (an_progress){.to = to, .epochs = epochs, .steps = steps, .columns = 80};
    if (!to) return;
    const int fd = fileno(to);
    struct winsize size;
    p->terminal = fd >= 0 && isatty(fd) != 0;
    if (p->terminal && ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
        p->columns = size.ws_col;
}

void an_progress_epoch(an_progress *p, int64_t epoch)
{
    p->epoch = epoch;
    p->started = an_now();
    p->drawn = 0;
}

/* Over what stands in the terminal's line; never wraps into the next one. */
static void redraw(an_progress *p, const line *l)
{
    const int shown = l->length < p->columns ? l->length : p->columns - 1;
    fprintf(p->to, "\r%.*s\033[K", shown, l->text);
    fflush(p->to);
}

void an_progress_step(an_progress *p, const an_history *h, int64_t done, const double *means)
{
    if (!p->to || !p->terminal) return;
    const double time = an_now();
    if (time - p->drawn < REDRAW_SECONDS) return;
    p->drawn = time;
    char bar[BAR + 1];
    const int64_t full = p->steps > 0 ? done * BAR / p->steps : BAR;
    for (int i = 0; i < BAR; i++) bar[i] = i < full ? '=' : i == full ? '>' : ' ';
    bar[BAR] = 0;
    line l = {.length = 0};
    add_epoch(p, &l, p->epoch);
    add(&l, " [%s] %lld/%lld  eta ", bar, (long long)done, (long long)p->steps);
    add_duration(&l, (time - p->started) / (double)done * (double)(p->steps - done));
    add_metrics(&l, h, "", means);
    redraw(p, &l);
}

void an_progress_end(an_progress *p, const an_history *h, const an_epoch *record)
{
    if (!p->to) return;
    line l = {.length = 0};
    add_epoch(p, &l, record->epoch);
    add(&l, "  %.1f s  %.2f ms/step", record->seconds, record->step_ms);
    add_metrics(&l, h, "", record->train);
    if (h->validated) add_metrics(&l, h, "val_", record->validation);
    if (p->terminal) fputs("\r\033[K", p->to);
    fprintf(p->to, "%s\n", l.text);
    fflush(p->to);
}

void an_progress_stop(an_progress *p, int64_t done)
{
    if (!p->to) return;
    line l = {.length = 0};
    add_epoch(p, &l, p->epoch);
    add(&l, "  stopped after %lld of %lld steps", (long long)done, (long long)p->steps);
    if (p->terminal) fputs("\r\033[K", p->to);
    fprintf(p->to, "%s\n", l.text);
    fflush(p->to);
}

void an_progress_abandon(an_progress *p)
{
    if (!p->to || !p->terminal || p->drawn == 0) return;
    fputs("\r\033[K", p->to);
    fflush(p->to);
}
