/* depth_report.c -- what depth.c found: tables, sentences, CSV, SVG.
 *
 * Every sentence follows from the figures; a claim that they do not bear out is said to fail. */
#include "examples/depth.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- means over the seeds ------------------------------------------------- */

double mean_accuracy(const figures *f, net n, int d)
{
    double sum = 0;
    for (int s = 0; s < f->seeds; s++) sum += f->runs[n][d][s].accuracy;
    return sum / f->seeds;
}

double mean_loss(const figures *f, net n, int d)
{
    double sum = 0;
    for (int s = 0; s < f->seeds; s++) sum += f->runs[n][d][s].loss;
    return sum / f->seeds;
}

double mean_gradient(const figures *f, net n, int d, int layer)
{
    double sum = 0;
    for (int s = 0; s < f->seeds; s++) sum += log(f->runs[n][d][s].gradient[layer - 1]);
    return exp(sum / f->seeds);
}

double first_gradient(const figures *f, net n, int d)
{
    return mean_gradient(f, n, d, 1);
}

double best_baseline(const figures *f)
{
    return fmax(f->majority, fmax(f->linear, f->neighbour));
}

/* ---- tables ---------------------------------------------------------------- */

static void print_table(const figures *f, const char *title, const char *format,
                        double (*value)(const figures *f, net n, int d))
{
    printf("%s\n  layers    ", title);
    for (int d = 0; d < f->depths; d++) printf(" %8d", f->depth[d]);
    for (int n = 0; n < NETS; n++) {
        printf("\n  %-10s", net_names[n]);
        for (int d = 0; d < f->depths; d++) printf(format, value(f, (net)n, d));
    }
    puts("\n");
}

void print_figures(const figures *f)
{
    printf("%d seed%s; baselines: majority %.3f, linear %.3f, nearest neighbour %.3f\n\n", f->seeds,
           f->seeds == 1 ? "" : "s", f->majority, f->linear, f->neighbour);
    print_table(f, "length of the first layer's gradient, at the start", " %8.1e", first_gradient);
    print_table(f, "loss after the budget", " %8.3g", mean_loss);
    print_table(f, "accuracy after the budget", " %8.3f", mean_accuracy);
}

/* ---- findings --------------------------------------------------------------- */

/* The deepest net that beats the best baseline by ten points; 0: none does. */
static int deepest(const figures *f, net n)
{
    int most = 0;
    for (int d = 0; d < f->depths; d++)
        if (mean_accuracy(f, n, d) > best_baseline(f) + 0.1) most = f->depth[d];
    return most;
}

/* "Claim: ... It holds." */
static void tell(const char *claim, bool holds)
{
    printf("- %s: %s\n  ", claim, holds ? "it holds." : "it FAILS here.");
}

/* How many times the first layer's gradient in the shallowest net it is in the deepest. */
static double growth(const figures *f, net n)
{
    return first_gradient(f, n, f->depths - 1) / first_gradient(f, n, 0);
}

static void tell_gradients(const figures *f)
{
    const int from = f->depth[0], to = f->depth[f->depths - 1];
    const double plain = growth(f, PLAIN), residual = growth(f, RESIDUAL);
    tell("a residual keeps gradients from vanishing", plain < 1e-3 && residual > 0.1);
    printf("From %d layers to %d the first layer's gradient becomes %.0e times as long in plain\n"
           "  nets, %.0e times in residual ones.\n", from, to, plain, residual);
    tell("a residual alone keeps their length", residual > 0.1 && residual < 10);
    printf("Its gradients become %.0e times as long; post-norm's %.0e, pre-norm's %.0e times.\n",
           residual, growth(f, POST_NORM), growth(f, PRE_NORM));
}

static void tell_norms(const figures *f)
{
    const int last = f->depths - 1;
    const double alone = mean_loss(f, RESIDUAL, last);
    const double pre = mean_loss(f, PRE_NORM, last), post = mean_loss(f, POST_NORM, last);
    int faster[2] = {0};
    for (int d = 0; d < f->depths; d++) {
        faster[0] += mean_loss(f, PRE_NORM, d) < mean_loss(f, RESIDUAL, d);
        faster[1] += mean_loss(f, POST_NORM, d) < mean_loss(f, RESIDUAL, d);
    }
    tell("a layer norm stabilises", pre < alone && post < alone);
    printf("Loss at %d layers: residual alone %.3g, pre-norm %.3g, post-norm %.3g.\n",
           f->depth[last], alone, pre, post);
    tell("and accelerates training", faster[0] == f->depths && faster[1] == f->depths);
    printf("After the same steps pre-norm has less loss than the residual alone at %d of %d\n"
           "  depths, post-norm at %d.\n", faster[0], f->depths, faster[1]);
    const double shallow[3] = {mean_loss(f, PLAIN, 0), mean_loss(f, PRE_NORM, 0),
                               mean_loss(f, POST_NORM, 0)};
    tell("in shallow nets as well", shallow[1] < shallow[0] && shallow[2] < shallow[0]);
    printf("Loss at %d layers: plain %.3g, pre-norm %.3g, post-norm %.3g.\n", f->depth[0],
           shallow[0], shallow[1], shallow[2]);
}

void print_findings(const figures *f)
{
    const int last = f->depths - 1, depth = f->depth[last];
    tell_gradients(f);
    tell("so deeper nets can be trained", deepest(f, RESIDUAL) > deepest(f, PLAIN));
    printf("The deepest to beat the best baseline by ten points: plain %d layers, residual %d\n"
           "  (accuracy at %d: %.3f and %.3f).\n", deepest(f, PLAIN), deepest(f, RESIDUAL), depth,
           mean_accuracy(f, PLAIN, last), mean_accuracy(f, RESIDUAL, last));
    tell_norms(f);
    tell("both together, in one block, train deeper than either",
         deepest(f, PRE_NORM) > deepest(f, NORMED) && deepest(f, PRE_NORM) > deepest(f, RESIDUAL));
    printf("Norms without residuals learn up to %d layers, residuals without norms up to %d,\n"
           "  pre-norm up to %d.\n",
           deepest(f, NORMED), deepest(f, RESIDUAL), deepest(f, PRE_NORM));
    tell("they do so wherever the norm stands",
         deepest(f, PRE_NORM) > 0 && deepest(f, POST_NORM) == deepest(f, PRE_NORM));
    printf("Post-norm learns up to %d layers; at %d its accuracy is %.3f, pre-norm's %.3f.\n",
           deepest(f, POST_NORM), depth, mean_accuracy(f, POST_NORM, last),
           mean_accuracy(f, PRE_NORM, last));
}

/* ---- files ------------------------------------------------------------------ */

void keep_figures(example *e, const figures *f)
{
    example_figure(e, f->majority, "majority");
    example_figure(e, f->linear, "linear");
    example_figure(e, f->neighbour, "nearest_neighbour");
    for (int n = 0; n < NETS; n++)
        for (int d = 0; d < f->depths; d++) {
            example_figure(e, mean_accuracy(f, (net)n, d), "%s_%d_accuracy", net_names[n],
                           f->depth[d]);
            example_figure(e, mean_loss(f, (net)n, d), "%s_%d_loss", net_names[n], f->depth[d]);
            example_figure(e, first_gradient(f, (net)n, d), "%s_%d_gradient", net_names[n],
                           f->depth[d]);
        }
}

static bool finish(FILE *f, const char *path)
{
    const bool failed = !f || ferror(f);
    if (f && fclose(f) == 0 && !failed) return true;
    fprintf(stderr, "depth: %s: %s\n", path, strerror(errno));
    return false;
}

bool write_csv(const figures *f, const char *path)
{
    FILE *out = fopen(path, "w");
    if (out) fputs("net,depth,seed,layer,figure,value\n", out);
    for (int n = 0; out && n < NETS; n++)
        for (int d = 0; d < f->depths; d++)
            for (int s = 0; s < f->seeds; s++) {
                const run *r = &f->runs[n][d][s];
                char head[64];
                snprintf(head, sizeof head, "%s,%d,%d", net_names[n], f->depth[d], s + 1);
                fprintf(out, "%s,0,loss,%.6g\n%s,0,accuracy,%.6g\n", head, r->loss, head,
                        r->accuracy);
                for (int i = 0; i < f->depth[d]; i++)
                    fprintf(out, "%s,%d,gradient,%.6g\n", head, i + 1, r->gradient[i]);
            }
    return finish(out, path);
}

enum { WIDE = 420, HIGH = 300, LEFT = 60, TOP = 46 };

/* A panel's frame, names of its ends, and its title; it begins at x. */
static void frame(FILE *out, int x, const char *title, const char *const ends[4])
{
    fprintf(out, "<rect x='%d' y='%d' width='%d' height='%d' fill='none' stroke='#999'/>\n"
            "<text x='%d' y='%d'>%s</text>\n", x, TOP, WIDE, HIGH, x, TOP - 12, title);
    const int at[4][2] = {{x, TOP + HIGH + 18}, {x + WIDE - 24, TOP + HIGH + 18},
                          {x - 46, TOP + HIGH}, {x - 46, TOP + 10}};
    for (int i = 0; i < 4; i++)
        fprintf(out, "<text x='%d' y='%d'>%s</text>\n", at[i][0], at[i][1], ends[i]);
}

/* One point of a curve, across and up both from 0 to 1; what is not finite lies at the edge. */
static void point(FILE *out, int x, double across, double up)
{
    up = isnan(up) ? 0 : fmin(fmax(up, 0), 1);
    fprintf(out, "%.1f,%.1f ", x + across * WIDE, TOP + (1 - up) * HIGH);
}

bool write_svg(const figures *f, const char *path)
{
    /* Okabe and Ito's colours, told apart whatever one's sight. */
    static const char *const colour[NETS] = {"#000000", "#009E73", "#D55E00", "#56B4E9", "#0072B2"};
    const int last = f->depths - 1, depth = f->depth[last], second = 2 * LEFT + WIDE + 20;
    const double first = f->depth[0];
    char title[80], ends[2][16];
    FILE *out = fopen(path, "w");
    if (!out) return finish(out, path);
    snprintf(title, sizeof title, "gradient of each layer's kernel at the start, %d layers", depth);
    snprintf(ends[0], sizeof ends[0], "%d", f->depth[0]);
    snprintf(ends[1], sizeof ends[1], "%d", depth);
    fprintf(out, "<svg xmlns='http://www.w3.org/2000/svg' width='%d' height='%d' "
            "font-family='sans-serif' font-size='12'>\n<rect width='100%%' height='100%%' "
            "fill='white'/>\n", second + WIDE + 20, TOP + HIGH + 60);
    frame(out, LEFT, title, (const char *const[]){"1", ends[1], "1e-24", "1e24"});
    frame(out, second, "accuracy by layers, after the budget; dashed: the best baseline",
          (const char *const[]){ends[0], ends[1], "0", "1"});
    fprintf(out, "<polyline stroke='#999' stroke-dasharray='6 4' points='");
    point(out, second, 0, best_baseline(f));
    point(out, second, 1, best_baseline(f));
    fputs("'/>\n", out);
    for (int n = 0; n < NETS; n++) {
        fprintf(out, "<text x='%d' y='%d' fill='%s'>%s</text>\n", LEFT + n * 120,
                TOP + HIGH + 44, colour[n], net_names[n]);
        fprintf(out, "<polyline fill='none' stroke-width='2' stroke='%s' points='", colour[n]);
        for (int i = 1; i <= depth; i++)
            point(out, LEFT, (i - 1.0) / (depth - 1),
                  (log10(mean_gradient(f, (net)n, last, i)) + 24) / 48);
        fprintf(out, "'/>\n<polyline fill='none' stroke-width='2' stroke='%s' points='", colour[n]);
        for (int d = 0; d < f->depths; d++)
            point(out, second, log2(f->depth[d] / first) / log2(depth / first),
                  mean_accuracy(f, (net)n, d));
        fputs("'/>\n", out);
    }
    fputs("</svg>\n", out);
    return finish(out, path);
}
