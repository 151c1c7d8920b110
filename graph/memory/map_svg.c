/* map_svg.c -- a map as a picture that needs no other program.
 *
 * Waves go across, addresses up; below them how much is alive. A box that is less than a pixel high
 * is joined with others like it beside it. Labels stand only where they fit. What a user named is
 * made of characters that XML may hold: all else becomes U+FFFD.              */
#include "graph/memory/mapping.h"

#include <math.h>
#include <string.h>

#include "core/file.h"

#define LEFT 84        /* of the plot: the scale of bytes */
#define TOP 128        /* title, legend */
#define LEAST_HIGH 640 /* of the plot */
#define MOST_HIGH 1400
#define STRIP 110      /* of what is alive */
#define LEAST_WIDE 1100
#define MOST_WIDE 2400
#define LETTER 6.3     /* of a label, at most on average; pixels */
#define MARK 12        /* of what is written over its operand */
#define LISTED 12      /* of those alive at the peak */

typedef struct picture {
    const an_memory_map *m;
    an_text *out;
    double wide; /* of the plot */
    int high;
    double wave, byte; /* pixels of one */
} picture;

typedef struct paint {
    const char *fill, *line, *says;
} paint;

static const paint paints[] = { /* text in #202124 stands out on each fill */
    [AN_MEMORY_FORWARD] = {"#d8e7fb", "#3b78c9", "forward only"},
    [AN_MEMORY_SAVED] = {"#ffd970", "#a86a00", "saved for backward"},
    [AN_MEMORY_FETCHED] = {"#c5ecd0", "#188038", "fetched"},
    [AN_MEMORY_BACKWARD] = {"#f9c6b8", "#b8452b", "backward"},
    [AN_MEMORY_UPDATE] = {"#e0d7f9", "#7558c8", "update"},
    [AN_MEMORY_SCRATCH] = {"#e3e5e8", "#70757a", "scratch"},
};
#define PAINTS ((int)(sizeof paints / sizeof *paints))

/* ---- text ------------------------------------------------------------------ */

/* At most `limit` characters, then an ellipsis. */
static void add_safe(an_text *out, const char *text, int64_t limit)
{
    if (!an_text_takes(out, text)) return;
    const int64_t length = (int64_t)strlen(text);
    int64_t shown = 0;
    for (int64_t i = 0; i < length; shown++) {
        if (shown == limit) {
            an_text_add(out, "\xe2\x80\xa6");
            return;
        }
        int bytes;
        const bool good = an_xml_character(text + i, length - i, &bytes);
        switch (text[i]) {
        case '\t': an_text_add(out, " "); break;
        case '<': an_text_add(out, "&lt;"); break;
        case '>': an_text_add(out, "&gt;"); break;
        case '&': an_text_add(out, "&amp;"); break;
        case '"': an_text_add(out, "&quot;"); break;
        default:
            if (good) an_text_add_bytes(out, text + i, bytes);
            else an_text_add(out, "\xef\xbf\xbd");
        }
        i += bytes;
    }
}

static void begin_text(const picture *p, double x, double y, int size, const char *more)
{
    an_text_addf(p->out, "<text x=\"%.1f\" y=\"%.1f\" font-size=\"%d\"%s>", x, y, size, more);
}

static void end_text(const picture *p)
{
    an_text_add(p->out, "</text>\n");
}

/* ---- places ---------------------------------------------------------------- */

static double at_wave(const picture *p, double wave)
{
    return LEFT + wave * p->wave;
}

static double at_byte(const picture *p, double byte)
{
    return TOP + p->high - byte * p->byte;
}

static void add_line(const picture *p, double x1, double y1, double x2, double y2, const char *how)
{
    an_text_addf(p->out, "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" %s/>\n", x1, y1, x2,
                 y2, how);
}

/* ---- boxes ----------------------------------------------------------------- */

static void add_title(const picture *p, const an_memory_box *b)
{
    an_text *out = p->out;
    an_text_add(out, "<title>");
    add_safe(out, b->name, 300);
    an_text_add(out, "\n");
    add_safe(out, b->op, 100);
    an_text_add(out, " ");
    add_safe(out, b->type, 200);
    an_text_addf(out, "\n%s, ", paints[b->kind].says);
    an_text_add_size(out, (double)b->bytes);
    an_text_addf(out, " at %lld, waves %lld to %lld%s%s</title>", (long long)b->offset,
                 (long long)b->birth, (long long)b->death,
                 b->takes_over ? ", written over an operand" : "",
                 b->at_peak ? ", alive at the peak" : "");
}

/* Characters, as far as their number matters for the room they need. */
static double width_of(const char *text)
{
    double letters = 0;
    for (; *text; text++) letters += ((unsigned char)*text & 0xc0) != 0x80;
    return letters * LETTER;
}

/* The last part of a scoped name: the scope is in the title. */
static const char *short_name(const an_memory_box *b)
{
    const char *last = strrchr(b->name, '/');
    return last && last[1] ? last + 1 : b->name;
}

static double peak_of(const picture *p)
{
    return at_wave(p, (double)p->m->facts.peak + 0.5);
}

/* Where a label of that width may begin so that the peak's line does not cross it; 0: nowhere. */
static double beside_peak(const picture *p, double from, double to, double width)
{
    const double peak = peak_of(p);
    if (from + width > to) return 0;
    if (peak < from - 3 || peak > from + width + 3) return from;
    return peak + 5 + width <= to ? peak + 5 : 0;
}

static void add_words(const picture *p, double x, double y, const char *op, const char *name)
{
    begin_text(p, x, y, 10, "");
    add_safe(p->out, op, 40);
    if (op[0] && name[0]) an_text_add(p->out, " ");
    add_safe(p->out, name, 60);
    end_text(p);
}

static void add_upwards(const picture *p, double x, double y, const char *op)
{
    an_text_addf(p->out, "<text transform=\"translate(%.1f %.1f) rotate(-90)\" font-size=\"10\">",
                 x, y);
    add_safe(p->out, op, 40);
    end_text(p);
}

/* As much as there is room for: op above name, op and name, op, op upwards, nothing. */
static void add_label(const picture *p, const an_memory_box *b, double x, double y, double w,
                      double h)
{
    const char *name = short_name(b);
    const double from = x + (b->takes_over ? 12 : 4), to = x + w - 4, middle = y + h / 2;
    const double op = width_of(b->op), both = op + LETTER + width_of(name);
    const double two = h < 28 ? 0 : beside_peak(p, from, to, fmax(op, width_of(name)));
    const double one = h < 13 ? 0 : beside_peak(p, from, to, both);
    const double least = h < 13 ? 0 : beside_peak(p, from, to, op);
    if (two > 0) {
        add_words(p, two, middle - 2, b->op, "");
        add_words(p, two, middle + 11, "", name);
    } else if (one > 0) {
        add_words(p, one, middle + 4, b->op, name);
    } else if (least > 0) {
        add_words(p, least, middle + 4, b->op, "");
    } else if (w >= 14 && h >= op + 2 * MARK + 8 && fabs(x + w / 2 - peak_of(p)) > 9) {
        add_upwards(p, x + w / 2 + 4, y + h - 4, b->op);
    }
}

static void add_box(const picture *p, const an_memory_box *b)
{
    const double x = at_wave(p, (double)b->birth), w = at_wave(p, (double)b->death + 1) - x;
    const double y = at_byte(p, (double)(b->offset + b->bytes)), h = (double)b->bytes * p->byte;
    const paint *c = &paints[b->kind];
    an_text_addf(p->out, "<g><rect x=\"%.2f\" y=\"%.2f\" width=\"%.2f\" height=\"%.2f\" "
                 "fill=\"%s\" stroke=\"%s\" stroke-width=\"%s\"/>", x, y, w, h, c->fill,
                 c->line, h < 4 || w < 3 ? "0.2" : b->at_peak && h >= 8 ? "1.6" : "0.6");
    const double mark = fmin(h, MARK);
    if (b->takes_over && h >= 2)
        an_text_addf(p->out, "<path d=\"M%.2f %.2fv%.2fl%.1f %.2fz\" fill=\"#202124\"/>", x,
                     y + (h - mark) / 2, mark, fmin(w, MARK / 2.0), -mark / 2);
    add_title(p, b);
    an_text_add(p->out, "</g>\n");
    add_label(p, b, x, y, w, h);
}

/* ---- those too small to be seen alone -------------------------------------- */

typedef struct speck { /* small boxes of one row of pixels, one beside the other */
    int64_t count, bytes, birth, death, kind;
} speck;

static void add_speck(const picture *p, int row, speck *s)
{
    if (s->count == 0) return;
    const double x = at_wave(p, (double)s->birth), w = at_wave(p, (double)s->death + 1) - x;
    an_text_addf(p->out, "<rect x=\"%.2f\" y=\"%d\" width=\"%.2f\" height=\"1\" fill=\"%s\">"
                 "<title>%lld small value%s, ", x, TOP + p->high - 1 - row, w, paints[s->kind].line,
                 (long long)s->count, s->count == 1 ? "" : "s");
    an_text_add_size(p->out, (double)s->bytes);
    an_text_addf(p->out, ", waves %lld to %lld</title></rect>\n", (long long)s->birth,
                 (long long)s->death);
    *s = (speck){0};
}

static int row_of(const picture *p, const an_memory_box *b)
{
    const double at = ((double)b->offset + (double)b->bytes / 2) * p->byte;
    return at < 0 ? 0 : at > p->high - 1 ? p->high - 1 : (int)at;
}

static void note_small(const picture *p, const an_memory_box *b, speck *rows)
{
    const int row = row_of(p, b);
    speck *s = &rows[row];
    if (s->count && (double)(b->birth - s->death) * p->wave > 1 + p->wave) add_speck(p, row, s);
    if (s->count == 0) *s = (speck){.birth = b->birth, .death = b->death, .kind = b->kind};
    if (b->death > s->death) s->death = b->death;
    s->count++;
    s->bytes += b->bytes;
}

/* Of boxes less than half a pixel wide one stands for all that have its middle's pixel. */
static void add_boxes(const picture *p)
{
    speck rows[MOST_HIGH] = {{0}};
    int64_t column[MOST_HIGH];
    memset(column, -1, sizeof column);
    for (int64_t i = 0; i < p->m->box_count; i++) {
        const an_memory_box *b = &p->m->boxes[i];
        const bool narrow = (double)(b->death + 1 - b->birth) * p->wave < 0.5;
        const int64_t at = narrow ? (int64_t)((double)b->birth * p->wave) : -1;
        const int row = row_of(p, b);
        if ((double)b->bytes * p->byte < 1 || (narrow && column[row] == at)) {
            note_small(p, b, rows);
        } else {
            add_box(p, b);
            if (narrow) column[row] = at;
        }
    }
    for (int row = 0; row < p->high; row++) add_speck(p, row, &rows[row]);
}

/* ---- scales ---------------------------------------------------------------- */

/* 1, 2 or 5 times a power: about `parts` of them make the whole. */
static double tick_of(double whole, int parts, double base)
{
    double tick = 1;
    while (tick * base * parts <= whole) tick *= base;
    for (int i = 0; tick * parts < whole && i < 12; i++) tick *= 2;
    return tick;
}

static void add_byte_scale(const picture *p)
{
    const double whole = (double)p->m->facts.slab, tick = tick_of(whole, 8, 1024);
    for (double b = 0; b <= whole; b += tick) {
        add_line(p, LEFT - 4, at_byte(p, b), LEFT + p->wide, at_byte(p, b), "stroke=\"#e3e5e8\"");
        begin_text(p, LEFT - 8, at_byte(p, b) + 4, 11, " text-anchor=\"end\"");
        an_text_add_size(p->out, b);
        end_text(p);
    }
}

static void add_wave_scale(const picture *p, double y)
{
    const double whole = (double)p->m->facts.end + 1;
    const double tick = fmax(1, tick_of(whole, (int)(p->wide / 60), 10));
    for (double w = 0; w < whole; w += tick) {
        begin_text(p, at_wave(p, w + 0.5), y, 11, " text-anchor=\"middle\"");
        an_text_addf(p->out, "%.0f", w);
        end_text(p);
    }
}

static void add_stretch(const picture *p, int64_t from, int64_t to, const paint *c,
                        const char *name)
{
    if (from >= to) return;
    const double x = at_wave(p, (double)from), w = at_wave(p, (double)to) - x;
    an_text_addf(p->out, "<g><rect x=\"%.1f\" y=\"%d\" width=\"%.1f\" height=\"18\" fill=\"%s\" "
                 "stroke=\"%s\"/><title>%s: waves %lld to %lld</title></g>\n", x,
                 TOP + p->high + 4, w, c->fill, c->line, name, (long long)from, (long long)to - 1);
    if (w < width_of(name) + 8) return;
    begin_text(p, x + w / 2, TOP + p->high + 17, 11, " text-anchor=\"middle\"");
    an_text_add(p->out, name);
    end_text(p);
}

static void add_phases(const picture *p)
{
    const an_memory_facts *f = &p->m->facts;
    const int64_t back = f->backward < f->gate ? f->backward : f->gate;
    add_stretch(p, 0, back, &paints[AN_MEMORY_FORWARD], "forward");
    add_stretch(p, back, f->gate, &paints[AN_MEMORY_BACKWARD], "backward");
    const int64_t *bytes = p->m->whole.bytes;
    const bool updates = bytes[AN_MEMORY_UPDATE] + bytes[AN_MEMORY_OPTIMIZER] > 0;
    if (updates) add_stretch(p, f->gate, f->end + 1, &paints[AN_MEMORY_UPDATE], "update");
    else add_stretch(p, f->gate, f->end + 1, &paints[AN_MEMORY_FETCHED], "results");
}

/* ---- what is alive --------------------------------------------------------- */

static void add_strip(const picture *p, double top)
{
    const an_memory_facts *f = &p->m->facts;
    const double most = f->slab > 0 ? (double)f->slab : 1;
    an_text_addf(p->out, "<path d=\"M%d %.1f", LEFT, top + STRIP);
    const int64_t step = p->wave < 1 ? (int64_t)ceil(1 / p->wave) : 1; /* waves of a pixel */
    for (int64_t w = 0; w <= f->end; w += step) {
        const int64_t next = w + step <= f->end ? w + step : f->end + 1;
        int64_t alive = 0;
        for (int64_t k = w; k < next; k++)
            if (p->m->alive[k] > alive) alive = p->m->alive[k];
        an_text_addf(p->out, "L%.2f %.2fH%.2f", at_wave(p, (double)w),
                     top + STRIP * (1 - (double)alive / most), at_wave(p, (double)next));
    }
    an_text_addf(p->out, "V%.1fz\" fill=\"#c9d3df\" stroke=\"#5f6b7a\" stroke-width=\"0.6\">"
                 "<title>bytes alive in each wave</title></path>\n", top + STRIP);
    begin_text(p, LEFT - 8, top + 10, 11, " text-anchor=\"end\"");
    an_text_add(p->out, "alive");
    end_text(p);
    add_wave_scale(p, top + STRIP + 16);
    begin_text(p, LEFT - 8, top + STRIP + 16, 11, " text-anchor=\"end\"");
    an_text_add(p->out, "wave");
    end_text(p);
}

static void add_peak(const picture *p, double strip)
{
    const an_memory_facts *f = &p->m->facts;
    const double x = peak_of(p);
    const bool left = x > LEFT + p->wide / 2;
    an_text_addf(p->out, "<g id=\"peak\"><title>the peak: wave %lld</title>\n",
                 (long long)f->peak);
    add_line(p, x, TOP - 6, x, strip + STRIP, "stroke=\"#c5221f\" stroke-width=\"1.4\" "
                                              "stroke-dasharray=\"6 3\"");
    add_line(p, LEFT, TOP, LEFT + p->wide, TOP, "stroke=\"#c5221f\" stroke-width=\"1.4\"");
    begin_text(p, x + (left ? -6 : 6), TOP - 8, 12,
               left ? " fill=\"#b3141a\" font-weight=\"bold\" text-anchor=\"end\""
                    : " fill=\"#b3141a\" font-weight=\"bold\"");
    an_text_addf(p->out, "peak in wave %lld: ", (long long)f->peak);
    an_text_add_size(p->out, (double)f->alive);
    an_text_add(p->out, " alive; the slab ends at ");
    an_text_add_size(p->out, (double)f->slab);
    end_text(p);
    an_text_add(p->out, "</g>\n");
}

/* ---- around the plot ------------------------------------------------------- */

static void add_head(const picture *p)
{
    const an_memory_facts *f = &p->m->facts;
    begin_text(p, 16, 28, 18, " font-weight=\"bold\"");
    an_text_add(p->out, "Memory of ");
    add_safe(p->out, f->graph, 60);
    end_text(p);
    begin_text(p, 16, 50, 12, "");
    if (f->binding[0]) {
        add_safe(p->out, f->binding, 60);
        an_text_add(p->out, "; ");
    }
    an_text_add(p->out, "besides, between runs:");
    for (int k = AN_MEMORY_WEIGHTS; k < AN_MEMORY_KINDS; k++) {
        an_text_addf(p->out, "%s %s ", k == AN_MEMORY_WEIGHTS ? "" : ",",
                     an_memory_kind_name((an_memory_kind)k));
        an_text_add_size(p->out, (double)p->m->whole.bytes[k]);
    }
    end_text(p);
}

static void add_legend(const picture *p)
{
    double x = 16;
    for (int k = 0; k < PAINTS; k++) {
        if (p->m->whole.bytes[k] == 0) continue;
        an_text_addf(p->out, "<rect x=\"%.1f\" y=\"64\" width=\"14\" height=\"14\" fill=\"%s\" "
                     "stroke=\"%s\"/>\n", x, paints[k].fill, paints[k].line);
        begin_text(p, x + 20, 75, 11, "");
        an_text_add(p->out, paints[k].says);
        end_text(p);
        x += 44 + width_of(paints[k].says);
    }
    an_text_addf(p->out, "<path d=\"M%.1f 64v14l6 -7z\" fill=\"#202124\"/>\n", x);
    begin_text(p, x + 12, 75, 11, "");
    an_text_add(p->out, "written over its operand");
    end_text(p);
    an_text_addf(p->out, "<rect x=\"%.1f\" y=\"64\" width=\"14\" height=\"14\" fill=\"none\" "
                 "stroke=\"#202124\" stroke-width=\"1.6\"/>\n", x + 184);
    begin_text(p, x + 204, 75, 11, "");
    an_text_add(p->out, "thick: alive at the peak");
    end_text(p);
}

/* Returns where it ends. */
static double add_alive(const picture *p, const int64_t *at, int64_t count, double y)
{
    begin_text(p, 16, y, 13, " font-weight=\"bold\"");
    an_text_addf(p->out, "Alive at the peak: %lld value%s, the largest first", (long long)count,
                 count == 1 ? "" : "s");
    end_text(p);
    for (int64_t i = 0; i < count && i < LISTED; i++) {
        const an_memory_box *b = &p->m->boxes[at[i]];
        y += 18;
        an_text_addf(p->out, "<rect x=\"16\" y=\"%.1f\" width=\"12\" height=\"12\" fill=\"%s\" "
                     "stroke=\"%s\"/>\n", y - 10, paints[b->kind].fill, paints[b->kind].line);
        begin_text(p, 104, y, 12, " text-anchor=\"end\"");
        an_text_add_size(p->out, (double)b->bytes);
        end_text(p);
        begin_text(p, 116, y, 12, "");
        add_safe(p->out, b->op, 30);
        an_text_add(p->out, "  ");
        add_safe(p->out, b->name, 70);
        an_text_add(p->out, "  ");
        add_safe(p->out, b->type, 50);
        an_text_addf(p->out, "  waves %lld to %lld", (long long)b->birth, (long long)b->death);
        end_text(p);
    }
    return y + 20;
}

static void draw(picture *p, const int64_t *at, int64_t count)
{
    const double strip = TOP + p->high + 34, list = strip + STRIP + 50;
    const double high = list + 18.0 * (double)(count < LISTED ? count : LISTED) + 24;
    an_text_addf(p->out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
                 "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%.0f\" height=\"%.0f\" "
                 "font-family=\"Helvetica, Arial, sans-serif\" fill=\"#202124\">\n"
                 "<rect width=\"100%%\" height=\"100%%\" fill=\"#ffffff\"/>\n",
                 LEFT + p->wide + 24, high);
    add_head(p);
    add_legend(p);
    add_byte_scale(p);
    add_boxes(p);
    add_phases(p);
    add_strip(p, strip);
    add_peak(p, strip);
    add_alive(p, at, count, list);
    an_text_add(p->out, "</svg>\n");
}

char *an_memory_map_svg(const an_memory_map *m)
{
    int64_t count;
    int64_t *at = m ? an_memory_map_at_peak(m, &count) : NULL;
    if (!at) return NULL;
    an_text out = {0};
    picture p = {.m = m, .out = &out};
    p.wide = fmin(MOST_WIDE, fmax(LEAST_WIDE, 5.0 * (double)(m->facts.end + 1)));
    p.wave = p.wide / ((double)m->facts.end + 1);
    p.high = (int)fmin(MOST_HIGH, fmax(LEAST_HIGH, 12.0 * (double)count));
    p.byte = p.high / (m->facts.slab > 0 ? (double)m->facts.slab : 1);
    draw(&p, at, count);
    an_free(at);
    return an_text_take(&out);
}

an_status an_memory_map_svg_file(const an_memory_map *m, const char *path)
{
    if (!m || !path) return AN_E_ARGUMENT;
    char *svg = an_memory_map_svg(m);
    if (!svg) return AN_E_MEMORY;
    an_error ignored = {0};
    const an_status status = an_file_write(path, svg, (int64_t)strlen(svg), &ignored);
    an_string_free(svg);
    return status;
}
