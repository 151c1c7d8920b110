/* prune_report.c -- accuracy by sparsity: a table, the knees, CSV and SVG. */
#include "examples/prune.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

const double levels[LEVELS] = {0, 0.2, 0.4, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98};
const char *const way_names[WAYS] = {"chance", "one shot", "gradual"};

int knee(const findings *f, way w, int count)
{
    const double *accuracy = f->accuracy[w];
    double best = accuracy[0];
    for (int i = 1; i < count; i++) {
        if (accuracy[i] < best - POINT) return i - 1;
        best = fmax(best, accuracy[i]);
    }
    return count - 1;
}

void tell_level(const findings *f, way w, int level)
{
    printf("%-9s %3.0f %% taken  %.4f", way_names[w], 100 * levels[level], f->accuracy[w][level]);
    if (w == GRADUAL) printf("  %lld bytes", (long long)f->bytes[level]);
    puts("");
    fflush(stdout);
}

bool judge(example *e, const findings *f, bool others)
{
    for (int w = 0; w < WAYS; w++)
        for (int i = 0; i < LEVELS; i++)
            example_figure(e, f->accuracy[w][i], "%s_%g",
                           w == ONE_SHOT ? "one_shot" : way_names[w], levels[i]);
    const int chance = knee(f, CHANCE, LEVELS);
    const int at_once = knee(f, ONE_SHOT, LEVELS), gradual = knee(f, GRADUAL, LEVELS);
    const double smaller = (double)f->bytes[0] / (double)f->bytes[gradual];
    printf("the knee, behind which more than a point is lost: %.0f %% by chance, %.0f %% at one "
           "shot, %.0f %% gradually;\nthere the file has %lld bytes in place of %lld, %.1f times "
           "fewer\n",
           100 * levels[chance], 100 * levels[at_once], 100 * levels[gradual],
           (long long)f->bytes[gradual], (long long)f->bytes[0], smaller);
    example_figure(e, levels[chance], "knee_chance");
    example_figure(e, levels[at_once], "knee_one_shot");
    example_figure(e, levels[gradual], "knee_gradual");
    example_figure(e, (double)f->bytes[0], "bytes_whole");
    example_figure(e, (double)f->bytes[gradual], "bytes_knee");
    example_figure(e, smaller, "times_smaller");
    if (others) return true;
    if (e->small) return f->accuracy[GRADUAL][0] >= 0.57;
    return levels[gradual] >= 0.8 && gradual > at_once;
}

/* ---- files ---------------------------------------------------------------------- */

static bool finish(FILE *f, const char *path)
{
    const bool failed = !f || ferror(f);
    if (f && fclose(f) == 0 && !failed) return true;
    fprintf(stderr, "prune: %s: %s\n", path, strerror(errno));
    return false;
}

bool write_csv(const findings *f, const char *path)
{
    FILE *out = fopen(path, "w");
    if (out) fputs("sparsity,chance,one_shot,gradual,gradual_bytes\n", out);
    for (int i = 0; out && i < LEVELS; i++)
        fprintf(out, "%g,%.4f,%.4f,%.4f,%lld\n", levels[i], f->accuracy[CHANCE][i],
                f->accuracy[ONE_SHOT][i], f->accuracy[GRADUAL][i], (long long)f->bytes[i]);
    return finish(out, path);
}

enum { WIDE = 560, HIGH = 300, LEFT = 56, TOP = 44 };

static double across(double share) { return LEFT + share * WIDE; }
static double up(double accuracy) { return TOP + (1 - accuracy) * HIGH; }

static void draw_axes(FILE *out)
{
    fprintf(out, "<svg xmlns='http://www.w3.org/2000/svg' width='%d' height='%d' "
            "font-family='sans-serif' font-size='12'>\n"
            "<rect width='100%%' height='100%%' fill='white'/>\n"
            "<text x='%d' y='%d' font-size='13'>accuracy by the share of weights taken; in rings "
            "the last before a point is lost</text>\n", LEFT + WIDE + 24, TOP + HIGH + 60, LEFT,
            TOP - 18);
    for (int i = 0; i <= 5; i++)
        fprintf(out, "<path d='M%d %.1fH%d' stroke='#ddd'/>\n"
                "<text x='%d' y='%.1f' text-anchor='end'>%g</text>\n"
                "<text x='%.1f' y='%d' text-anchor='middle'>%d %%</text>\n",
                LEFT, up(i / 5.0), LEFT + WIDE, LEFT - 8, up(i / 5.0) + 4, i / 5.0,
                across(i / 5.0), TOP + HIGH + 18, 20 * i);
}

bool write_svg(const findings *f, const char *path)
{
    /* Okabe and Ito's colours, told apart whatever one's sight. */
    static const char *const colour[WAYS] = {"#888888", "#D55E00", "#0072B2"};
    FILE *out = fopen(path, "w");
    if (out) draw_axes(out);
    for (int w = 0; out && w < WAYS; w++) {
        const int k = knee(f, (way)w, LEVELS);
        fprintf(out, "<polyline fill='none' stroke-width='2' stroke='%s' points='", colour[w]);
        for (int i = 0; i < LEVELS; i++)
            fprintf(out, "%.1f,%.1f ", across(levels[i]), up(f->accuracy[w][i]));
        fputs("'/>\n", out);
        for (int i = 0; i < LEVELS; i++)
            fprintf(out, "<circle cx='%.1f' cy='%.1f' r='3' fill='%s'/>\n", across(levels[i]),
                    up(f->accuracy[w][i]), colour[w]);
        fprintf(out, "<circle cx='%.1f' cy='%.1f' r='8' fill='none' stroke='%s' "
                "stroke-width='2'/>\n<text x='%d' y='%d' fill='%s'>%s: knee at %.0f %%</text>\n",
                across(levels[k]), up(f->accuracy[w][k]), colour[w], LEFT + 190 * w,
                TOP + HIGH + 44, colour[w], way_names[w], 100 * levels[k]);
    }
    if (out) fputs("</svg>\n", out);
    return finish(out, path);
}
