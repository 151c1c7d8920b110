/* plot.c -- the curves of a training as a picture: one SVG, a panel a metric, and below them one
 * for each family of what was watched, with a curve a parameter.
 *
 * Text in, text out: equal histories give equal bytes, whatever the locale. The
 * picture needs nothing but the file itself; readers without the named fonts use
 * their own. Values that are not finite leave a gap in their curve.
 *
 * Colours are Okabe and Ito's, which people tell apart whatever their
 * sight ("Color universal design", 2008).                                    */
#include <math.h>
#include <string.h>

#include "core/file.h"
#include "core/memory.h"
#include "frontends/text/unicode.h"
#include "frontends/train/history.h"

#define PANEL_WIDTH 440
#define PANEL_HEIGHT 330
#define HEAD 44 /* the title's */
#define LEFT 62 /* a panel's margins */
#define RIGHT 24
#define TOP 52
#define BOTTOM 48
#define MOST_DOTS 40 /* with more epochs than that, dots would be a band */
#define TINY 1e-290  /* a step much smaller than that may be 0 */
#define COLOURED 6   /* curves of a family; the others are grey */

static const char *const colour[COLOURED] = {"#0072B2", "#D55E00", "#009E73",
                                             "#CC79A7", "#56B4E9", "#E69F00"};
static const char *const series_name[2] = {"training", "validation"};

/* Tags begin with its name, and what follows says of what. */
typedef struct family {
    const char *name, *title;
    bool powers; /* drawn by powers of ten */
} family;

static const family families[] = {{"learning_rate", "learning rate", false},
                                  {"gradient_norm", "norm of the gradient", true},
                                  {"update_ratio", "norm of the update by the weights'", true}};
#define FAMILIES ((int)(sizeof families / sizeof *families))

/* Ticks at multiples of `step`, which is 1, 2 or 5 times a power of ten. */
typedef struct axis {
    double low, high, step;
    int decimals; /* that tell two ticks apart */
} axis;

typedef struct panel {
    an_text *out;
    const an_history *h;
    int metric;
    const family *family; /* NULL: of the metric */
    int64_t top[COLOURED]; /* of the family, the curves that end highest, in their order */
    int listed, others;
    double left, above, width, height; /* of the plotted area */
    axis x, y;
} panel;

/* ---- numbers and texts ------------------------------------------------- */

/* Fixed-point by integers: printf would write the locale's decimal point. The
 * product of value and 10^decimals must fit. */
static void add_fixed(an_text *out, double value, int decimals)
{
    long long scale = 1;
    for (int i = 0; i < decimals; i++) scale *= 10;
    const long long units = llround(value * (double)scale);
    const long long size = units < 0 ? -units : units;
    an_text_addf(out, "%s%lld", units < 0 ? "-" : "", size / scale);
    if (decimals > 0) an_text_addf(out, ".%0*lld", decimals, size % scale);
}

/* What a label has room for in plain digits; beyond it, powers of ten. */
static bool is_plain(double size)
{
    return size == 0 || (size >= 1e-4 && size < 1e6);
}

/* 3e8, 1.25e-7: up to two decimals. */
static void add_scientific(an_text *out, double value)
{
    int exponent = (int)floor(log10(fabs(value)));
    /* In two steps below 1e-300, where a power of ten may be 0. */
    const double lead = exponent < -300 ? value * 1e300 / pow(10, exponent + 300)
                                        : value / pow(10, exponent);
    long long hundredths = llround(lead * 100);
    if (hundredths >= 1000 || hundredths <= -1000) { /* 9.999 rounds up to 10 */
        hundredths /= 10;
        exponent++;
    }
    const int decimals = hundredths % 100 == 0 ? 0 : hundredths % 10 == 0 ? 1 : 2;
    add_fixed(out, (double)hundredths / 100, decimals);
    an_text_addf(out, "e%d", exponent);
}

/* Four digits that count: 0.08312, 12.34, 5123. */
static void add_value(an_text *out, double value)
{
    const double size = fabs(value);
    if (!is_plain(size)) {
        add_scientific(out, value);
        return;
    }
    int decimals = size > 0 ? 4 : 0;
    for (double limit = 0.1; size > 0 && size < limit && decimals < 7; limit /= 10) decimals++;
    for (double limit = 1; size >= limit * 10 && decimals > 0; limit *= 10) decimals--;
    add_fixed(out, value, decimals);
}

/* As XML text: repaired UTF-8, markup escaped, control characters left out. */
static void add_escaped(an_text *out, const char *text)
{
    an_text clean = {0};
    an_utf8_add_clean(&clean, text, (int64_t)strlen(text));
    an_text_takes(out, an_text_view(&clean));
    for (const char *p = an_text_view(&clean); *p && !out->failed; p++) {
        if (*p == '&') an_text_add(out, "&amp;");
        else if (*p == '<') an_text_add(out, "&lt;");
        else if (*p == '>') an_text_add(out, "&gt;");
        else if ((unsigned char)*p >= ' ' && *p != 0x7f) an_text_add_bytes(out, p, 1);
    }
    an_text_free(&clean);
}

static void add_attribute(an_text *out, const char *name, double value)
{
    an_text_addf(out, " %s=\"", name);
    add_fixed(out, value, 1);
    an_text_add(out, "\"");
}

static void add_line(an_text *out, const char *style, double x1, double y1, double x2, double y2)
{
    an_text_addf(out, "<line class=\"%s\"", style);
    add_attribute(out, "x1", x1);
    add_attribute(out, "y1", y1);
    add_attribute(out, "x2", x2);
    add_attribute(out, "y2", y2);
    an_text_add(out, "/>\n");
}

static void begin_label(an_text *out, const char *style, double x, double y)
{
    an_text_addf(out, "<text class=\"%s\"", style);
    add_attribute(out, "x", x);
    add_attribute(out, "y", y);
    an_text_add(out, ">");
}

/* ---- axes -------------------------------------------------------------- */

/* The axis from the data's least to their largest value, with about `wanted` ticks;
 * `least_step` keeps epochs whole. */
static axis axis_for(double low, double high, int wanted, double least_step)
{
    double span = high - low;
    if (!(span > fmax(fabs(low) * 1e-12, TINY))) { /* one value: some room around it */
        span = fabs(low) > TINY ? fabs(low) * 0.2 : 1;
        low -= span / 2;
    }
    const double raw = span / wanted, power = pow(10, floor(log10(raw)));
    const double lead = raw / power;
    axis a = {.step = (lead < 1.5 ? 1 : lead < 3.5 ? 2 : lead < 7.5 ? 5 : 10) * power};
    if (a.step < least_step) a.step = least_step;
    a.decimals = a.step < 1 ? (int)ceil(-log10(a.step) - 1e-9) : 0;
    a.low = floor(low / a.step + 1e-9) * a.step;
    a.high = ceil((low + span) / a.step - 1e-9) * a.step;
    return a;
}

static const double *values_of(const an_epoch *e, int series)
{
    return series == 0 ? e->train : e->validation;
}

/* Numbers so large that the axis would overflow are left out like infinities. */
static bool is_drawn(double value)
{
    return fabs(value) < 1e300;
}

/* What follows the family's name, or NULL; "" if that is all. */
static const char *whose(const family *f, const char *tag)
{
    const size_t length = strlen(f->name);
    if (strncmp(tag, f->name, length) != 0) return NULL;
    return tag[length] == '/' ? tag + length + 1 : tag[length] == 0 ? tag + length : NULL;
}

/* Of a metric's panel curve 0 is the training's, 1 the validation's. */
static double value_at(const panel *p, int64_t curve, int64_t epoch)
{
    if (!p->family) return values_of(&p->h->epochs[epoch], (int)curve)[p->metric];
    const double value = an_history_watched_value(p->h, curve, epoch);
    return !p->family->powers ? value : value > 0 ? log10(value) : (double)NAN;
}

static int64_t curves(const panel *p)
{
    return p->family ? p->h->series_count : p->h->validated ? 2 : 1;
}

static bool has_curve(const panel *p, int64_t curve)
{
    return !p->family || whose(p->family, p->h->series[curve].name);
}

static axis value_axis(const panel *p)
{
    const double least_step = p->family && p->family->powers ? 1 : 0;
    double low = (double)INFINITY, high = -(double)INFINITY;
    for (int64_t c = 0; c < curves(p); c++)
        for (int64_t i = 0; has_curve(p, c) && i < p->h->epoch_count; i++) {
            const double v = value_at(p, c, i);
            if (!is_drawn(v)) continue;
            low = fmin(low, v);
            high = fmax(high, v);
        }
    return low <= high ? axis_for(low, high, 5, least_step) : axis_for(0, 1, 5, least_step);
}

/* One epoch has no extent; its point goes to the middle. */
static axis epoch_axis(const an_history *h)
{
    axis a = axis_for(1, h->epoch_count > 1 ? (double)h->epoch_count : 3, 8, 1);
    a.low = h->epoch_count > 1 ? 1 : 0;
    a.high = h->epoch_count > 1 ? (double)h->epoch_count : 2;
    return a;
}

static double at_x(const panel *p, double epoch)
{
    return p->left + (epoch - p->x.low) / (p->x.high - p->x.low) * p->width;
}

static double at_y(const panel *p, double value)
{
    return p->above + (p->y.high - value) / (p->y.high - p->y.low) * p->height;
}

static void draw_axes(const panel *p)
{
    const int64_t rows = (int64_t)llround((p->y.high - p->y.low) / p->y.step);
    for (int64_t i = 0; i <= rows; i++) {
        const double value = p->y.low + (double)i * p->y.step, y = at_y(p, value);
        add_line(p->out, i == 0 ? "axis" : "grid", p->left, y, p->left + p->width, y);
        begin_label(p->out, "tick end", p->left - 8, y + 4);
        if (p->family && p->family->powers) add_scientific(p->out, pow(10, value));
        else if (fabs(value) < p->y.step / 2) an_text_add(p->out, "0");
        else if (is_plain(p->y.step) && is_plain(fabs(value))) {
            add_fixed(p->out, value, p->y.decimals);
        } else add_scientific(p->out, value);
        an_text_add(p->out, "</text>\n");
    }
    const double bottom = p->above + p->height;
    for (double e = 1; e <= (double)p->h->epoch_count; e++) {
        if (fmod(e, p->x.step) != 0 && !(e < 2 && p->x.step < 3)) continue;
        add_line(p->out, "axis", at_x(p, e), bottom, at_x(p, e), bottom + 5);
        begin_label(p->out, "tick middle", at_x(p, e), bottom + 19);
        an_text_addf(p->out, "%lld</text>\n", (long long)e);
    }
    begin_label(p->out, "note middle", p->left + p->width / 2, bottom + 37);
    an_text_add(p->out, "epoch</text>\n");
}

/* ---- curves ------------------------------------------------------------ */

/* What a family has no value of lies between two that it has; else there is a gap. */
static void draw_curve(const panel *p, int64_t curve, const char *ink)
{
    bool pen_down = false;
    an_text_addf(p->out, "<path class=\"curve\" stroke=\"%s\" d=\"", ink);
    for (int64_t i = 0; i < p->h->epoch_count; i++) {
        const double v = value_at(p, curve, i);
        if (is_drawn(v)) {
            an_text_add(p->out, pen_down ? " L" : " M");
            add_fixed(p->out, at_x(p, (double)(i + 1)), 1);
            an_text_add(p->out, " ");
            add_fixed(p->out, at_y(p, v), 1);
        }
        pen_down = is_drawn(v) || (pen_down && p->family);
    }
    an_text_add(p->out, "\"/>\n");
}

static void draw_dot(const panel *p, int64_t curve, int64_t i, const char *ink, const char *style,
                     double radius)
{
    const double v = value_at(p, curve, i);
    if (!is_drawn(v)) return;
    an_text_addf(p->out, "<circle class=\"%s\" fill=\"%s\" stroke=\"%s\"", style, ink, ink);
    add_attribute(p->out, "cx", at_x(p, (double)(i + 1)));
    add_attribute(p->out, "cy", at_y(p, v));
    add_attribute(p->out, "r", radius);
    an_text_add(p->out, "><title>");
    add_escaped(p->out, p->family ? whose(p->family, p->h->series[curve].name)
                                  : series_name[curve]);
    an_text_addf(p->out, ", epoch %lld: ", (long long)(i + 1));
    add_value(p->out, p->family ? an_history_watched_value(p->h, curve, i) : v);
    an_text_add(p->out, "</title></circle>\n");
}

static void draw_series(const panel *p, int64_t curve, const char *ink)
{
    draw_curve(p, curve, ink);
    for (int64_t i = 0; i < p->h->epoch_count && p->h->epoch_count <= MOST_DOTS; i++)
        draw_dot(p, curve, i, ink, "dot", p->family ? 2 : 3);
}

/* A dashed line at the best epoch, the one whose weights were kept. */
static void draw_best(const panel *p)
{
    const int64_t best = p->h->best;
    if (best < 1 || best > p->h->epoch_count || p->h->epoch_count < 2) return;
    const double x = at_x(p, (double)best);
    add_line(p->out, "best", x, p->above, x, p->above + p->height);
    if (!p->family) draw_dot(p, p->h->validated, best - 1, colour[p->h->validated], "ring", 6);
}

/* Name, and the values at the best epoch, or the last one if there is no best. */
static void draw_legend(const panel *p)
{
    const int64_t count = p->h->epoch_count, best = p->h->best;
    const int64_t shown = best >= 1 && best <= count ? best : count;
    double x = p->left;
    begin_label(p->out, "name", x, p->above - 32);
    add_escaped(p->out, p->h->metric[p->metric]);
    an_text_add(p->out, "</text>\n");
    for (int s = 0; s <= (int)p->h->validated && shown > 0; s++, x += 140) {
        an_text_addf(p->out, "<circle fill=\"%s\"", colour[s]);
        add_attribute(p->out, "cx", x + 4);
        add_attribute(p->out, "cy", p->above - 18);
        an_text_add(p->out, " r=\"4\"/>\n");
        begin_label(p->out, "note", x + 13, p->above - 14);
        an_text_addf(p->out, "%s ", series_name[s]);
        const double value = values_of(&p->h->epochs[shown - 1], s)[p->metric];
        if (is_drawn(value)) add_value(p->out, value);
        else an_text_add(p->out, "not finite");
        an_text_add(p->out, "</text>\n");
    }
    if (shown == 0) return;
    /* A line above the values: small numbers are long. */
    begin_label(p->out, "note end", p->left + p->width, p->above - 32);
    an_text_addf(p->out, "%s epoch %lld</text>\n", best == shown ? "best," : "last,",
                 (long long)shown);
}

/* ---- families ---------------------------------------------------------- */

static double last_of(const panel *p, int64_t curve)
{
    double last = -(double)INFINITY;
    for (int64_t i = 0; i < p->h->epoch_count; i++)
        if (is_drawn(value_at(p, curve, i))) last = value_at(p, curve, i);
    return last;
}

/* The curves that end highest get colours and names. */
static void choose(panel *p)
{
    int64_t count = 0;
    for (int64_t c = 0; c < p->h->series_count; c++) {
        if (!has_curve(p, c)) continue;
        int at = p->listed;
        while (at > 0 && last_of(p, p->top[at - 1]) < last_of(p, c)) at--;
        count++;
        if (at == COLOURED) continue;
        if (p->listed < COLOURED) p->listed++;
        for (int k = p->listed - 1; k > at; k--) p->top[k] = p->top[k - 1];
        p->top[at] = c;
    }
    p->others = (int)(count - p->listed);
}

static bool is_listed(const panel *p, int64_t curve)
{
    for (int k = 0; k < p->listed; k++)
        if (p->top[k] == curve) return true;
    return false;
}

/* Beside the panel, in the place of another one. */
static void draw_names(const panel *p)
{
    const double x = p->left + p->width + RIGHT + LEFT;
    begin_label(p->out, "name", p->left, p->above - 18);
    an_text_addf(p->out, "%s</text>\n", p->family->title);
    for (int k = 0; k < p->listed; k++) {
        const double y = p->above + 20 * k;
        const char *const name = whose(p->family, p->h->series[p->top[k]].name);
        an_text_addf(p->out, "<circle fill=\"%s\"", colour[k]);
        add_attribute(p->out, "cx", x + 4);
        add_attribute(p->out, "cy", y + 6);
        an_text_add(p->out, " r=\"4\"/>\n");
        begin_label(p->out, "note", x + 13, y + 10);
        add_escaped(p->out, name[0] ? name : "all parameters");
        an_text_add(p->out, "</text>\n");
    }
    if (p->others == 0) return;
    begin_label(p->out, "note", x + 13, p->above + 20 * p->listed + 10);
    an_text_addf(p->out, "and %d below these, in grey</text>\n", p->others);
}

static void draw_family(const panel *p)
{
    draw_axes(p);
    draw_best(p);
    for (int64_t c = 0; c < p->h->series_count; c++)
        if (has_curve(p, c) && !is_listed(p, c)) draw_series(p, c, "#bbb");
    for (int k = p->listed - 1; k >= 0; k--) draw_series(p, p->top[k], colour[k]);
    draw_names(p);
}

static void draw_panel(const panel *p)
{
    draw_axes(p);
    draw_best(p);
    for (int s = 0; s <= (int)p->h->validated; s++) draw_series(p, s, colour[s]);
    draw_legend(p);
}

/* ---- the picture ------------------------------------------------------- */

static const char style_sheet[] =
    "<style>\n"
    "text { font-family: system-ui, 'Helvetica Neue', 'DejaVu Sans', Arial, sans-serif;"
    " fill: #333; }\n"
    ".title { font-size: 17px; font-weight: 600; fill: #111; }\n"
    ".name { font-size: 14px; font-weight: 600; fill: #111; }\n"
    ".note { font-size: 12px; fill: #555; }\n"
    ".tick { font-size: 12px; }\n"
    ".end { text-anchor: end; }\n"
    ".middle { text-anchor: middle; }\n"
    ".grid { stroke: #e6e6e6; }\n"
    ".axis { stroke: #888; }\n"
    ".best { stroke: #999; stroke-dasharray: 4 4; }\n"
    ".curve { fill: none; stroke-width: 2; stroke-linejoin: round; stroke-linecap: round; }\n"
    ".ring { fill: none; stroke-width: 2; }\n"
    "</style>\n";

/* The place number `cell` of two a row. */
static panel panel_at(const an_history *h, an_text *out, int cell, int columns)
{
    return (panel){.out = out,
                   .h = h,
                   .left = cell % columns * PANEL_WIDTH + LEFT,
                   .above = HEAD + cell / columns * PANEL_HEIGHT + TOP,
                   .width = PANEL_WIDTH - LEFT - RIGHT,
                   .height = PANEL_HEIGHT - TOP - BOTTOM,
                   .x = epoch_axis(h)};
}

static bool is_watched(const an_history *h, const family *f)
{
    for (int64_t i = 0; i < h->series_count; i++)
        if (whose(f, h->series[i].name)) return true;
    return false;
}

static void draw_panels(const an_history *h, an_text *out, int columns)
{
    const int metrics = h->metric_count;
    for (int i = 0; i < metrics; i++) {
        panel p = panel_at(h, out, i, columns);
        p.metric = i;
        p.y = value_axis(&p);
        draw_panel(&p);
    }
    int row = (metrics + columns - 1) / columns;
    for (int f = 0; f < FAMILIES; f++) {
        if (!is_watched(h, &families[f])) continue;
        panel p = panel_at(h, out, columns * row++, columns);
        p.family = &families[f];
        p.y = value_axis(&p);
        choose(&p);
        draw_family(&p);
    }
}

static void draw(const an_history *h, const char *title, an_text *out)
{
    int shown = 0;
    for (int f = 0; f < FAMILIES; f++) shown += is_watched(h, &families[f]);
    const int columns = h->metric_count < 2 && shown == 0 ? 1 : 2;
    const int rows = (h->metric_count + columns - 1) / columns + shown;
    const int width = columns * PANEL_WIDTH, height = HEAD + rows * PANEL_HEIGHT;
    an_text_addf(out,
                 "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\""
                 " viewBox=\"0 0 %d %d\">\n%s<rect width=\"%d\" height=\"%d\" fill=\"#fff\"/>\n",
                 width, height, width, height, style_sheet, width, height);
    begin_label(out, "title", LEFT, 32);
    add_escaped(out, title ? title : "Training");
    an_text_add(out, "</text>\n");
    draw_panels(h, out, columns);
    an_text_add(out, "</svg>\n");
}

char *an_plot_history(const an_history *h, const char *title)
{
    if (an_history_metrics(h) < 1) return NULL;
    an_text out = {0};
    draw(h, title, &out);
    return an_text_take(&out);
}

an_status an_plot_history_file(const char *path, const an_history *h, const char *title)
{
    if (!path || an_history_metrics(h) < 1) return AN_E_ARGUMENT;
    char *const svg = an_plot_history(h, title);
    if (!svg) return AN_E_MEMORY;
    const an_status status = an_file_write(path, svg, (int64_t)strlen(svg), NULL);
    an_string_free(svg);
    return status;
}
