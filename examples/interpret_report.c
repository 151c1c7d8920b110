/* interpret_report.c -- whether the answers agree and hold, and the reviews in colours. */
#include "examples/interpret.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *const method_names[] = {"gradient x input", "integrated gradients", "occlusion",
                                           "random words"};
static const char *const method_keys[] = {"gradient_x_input", "integrated_gradients", "occlusion",
                                          "random_words"};

double chance(double log_odds) { return 1 / (1 + exp(-log_odds)); }

/* ---- figures --------------------------------------------------------------- */

void rank_words(const explained *r, int method, int64_t *order)
{
    const double *by = r->by[method];
    for (int64_t i = 0; i < r->words; i++) {
        int64_t k = i;
        for (; k > 0 && by[i] > by[order[k - 1]]; k--) order[k] = order[k - 1];
        order[k] = i;
    }
}

/* Spearman's rank correlation of two methods over the words of a review. */
static double agreement(const explained *r, int a, int b)
{
    int64_t order[LONGEST], place[LONGEST];
    const double n = (double)r->words;
    double sum = 0;
    rank_words(r, a, order);
    for (int64_t i = 0; i < r->words; i++) place[order[i]] = i;
    rank_words(r, b, order);
    for (int64_t i = 0; i < r->words; i++)
        sum += (double)((place[order[i]] - i) * (place[order[i]] - i));
    return n < 2 ? 1 : 1 - 6 * sum / (n * (n * n - 1));
}

typedef struct figures {
    double accuracy, worst_path, agree[METHODS], fall[METHODS + 1];
    int64_t complete, points; /* paths within 1 %; the most points that one took */
} figures;

static figures sum_up(const plan *p, const explained *all, double accuracy)
{
    figures f = {.accuracy = accuracy};
    const double share = 1 / (double)p->reviews;
    for (int64_t i = 0; i < p->reviews; i++) {
        const explained *r = &all[i];
        f.worst_path = fmax(f.worst_path, r->path_error);
        f.complete += r->path_error <= 0.01;
        if (r->points > f.points) f.points = r->points;
        for (int k = 0; k < METHODS; k++) f.agree[k] += share * agreement(r, k, (k + 1) % METHODS);
        for (int k = 0; k <= METHODS; k++) f.fall[k] += share * r->fall[k];
    }
    return f;
}

static void tell(plan *p, const figures *f)
{
    printf("%.4f of the reviews not trained on are judged right\n"
           "paths: %lld of %lld within 1 %% of the difference, the worst %.2f %% off, by at most"
           " %lld points\n", f->accuracy, (long long)f->complete, (long long)p->reviews,
           100 * f->worst_path, (long long)f->points);
    for (int k = 0; k < METHODS; k++)
        printf("agreement of %s and %s: %.3f\n", method_names[k], method_names[(k + 1) % METHODS],
               f->agree[k]);
    printf("without %lld words the chance of the class falls by\n", (long long)p->blanked);
    for (int k = 0; k <= METHODS; k++)
        printf("  %-22s %5.1f points\n", method_names[k], 100 * f->fall[k]);
    example_figure(&p->e, f->accuracy, "accuracy");
    example_figure(&p->e, f->worst_path, "worst_path_error");
    example_figure(&p->e, (double)f->points, "most_points");
    for (int k = 0; k < METHODS; k++)
        example_figure(&p->e, f->agree[k], "agreement_%s_%s", method_keys[k],
                       method_keys[(k + 1) % METHODS]);
    for (int k = 0; k <= METHODS; k++) example_figure(&p->e, f->fall[k], "fall_%s", method_keys[k]);
    example_figure(&p->e, f->fall[PATH] - f->fall[METHODS], "margin");
}

/* ---- heat maps ------------------------------------------------------------- */

/* What a word does, from -1, against the class, to 1, by what the strongest of the review does. */
static double heat(const explained *r, int method, int64_t word)
{
    double most = 1e-30;
    for (int64_t t = 0; t < r->words; t++) most = fmax(most, fabs(r->by[method][t]));
    return r->by[method][word] / most;
}

/* Red speaks for the class, blue against it; without colours, pluses and minuses do. */
static void print_review(const plan *p, const explained *r, const an_tokenizer *words,
                         const an_dataset *texts)
{
    const bool color = p->color || isatty(STDOUT_FILENO);
    printf("\n%s (%.1f %%), said to be %s:", an_dataset_class_name(texts, r->chosen),
           100 * chance(r->score), an_dataset_class_name(texts, r->label));
    for (int64_t t = 0; t < r->words; t++) {
        const double h = heat(r, PATH, t);
        const char *word = an_tokenizer_word(words, r->id[t]);
        const int pale = 255 - (int)(200 * fabs(h));
        if (color) printf(" \033[38;2;0;0;0;48;2;%d;%d;%dm%s\033[0m", h > 0 ? 255 : pale, pale,
                          h > 0 ? pale : 255, word);
        else printf(" %s%.*s", word, (int)(3 * fabs(h) + 0.5), h > 0 ? "+++" : "---");
    }
    puts("");
}

static void write_escaped(FILE *f, const char *text)
{
    for (; *text; text++)
        if (*text == '<') fputs("&lt;", f);
        else if (*text == '&') fputs("&amp;", f);
        else if (*text == '>') fputs("&gt;", f);
        else fputc(*text, f);
}

static void write_row(FILE *f, const explained *r, int method, const an_tokenizer *words)
{
    fprintf(f, "<tr><th>%s<td>", method_names[method]);
    for (int64_t t = 0; t < r->words; t++) {
        const double h = heat(r, method, t);
        fprintf(f, "<span style=\"background:rgba(%s,%.2f)\" title=\"%+.3f\">",
                h > 0 ? "214,69,45" : "49,104,189", fabs(h) * 0.85, r->by[method][t]);
        write_escaped(f, an_tokenizer_word(words, r->id[t]));
        fputs("</span> ", f);
    }
    fprintf(f, "<td class=fall>%+.1f\n", -100 * r->fall[method]);
}

static void write_table(FILE *f, const plan *p, const figures *g)
{
    fprintf(f, "<table class=figures><tr><th>method<th>the chance falls without %lld words"
               "<th>agrees with the next\n", (long long)p->blanked);
    for (int k = 0; k <= METHODS; k++) {
        fprintf(f, "<tr><td>%s<td>%.1f points<td>", method_names[k], 100 * g->fall[k]);
        if (k < METHODS) fprintf(f, "%.3f", g->agree[k]);
        fputs("\n", f);
    }
    fprintf(f, "</table><p>%lld of %lld paths end within 1 %% of the difference they explain; the"
               " worst is %.2f %% off. %.2f %% of reviews not trained on are judged right.\n",
            (long long)g->complete, (long long)p->reviews, 100 * g->worst_path, 100 * g->accuracy);
}

static void write_page(FILE *f, const plan *p, const explained *all, const figures *g,
                       const an_tokenizer *words, const an_dataset *texts)
{
    fputs("<!DOCTYPE html><html lang=en><meta charset=utf-8><title>What each word does</title>\n"
          "<style>body{font:15px/1.7 system-ui,sans-serif;max-width:62em;margin:2em auto;"
          "padding:0 1em;color:#222}h2{font-size:1em;margin:2em 0 .3em}table{border-spacing:0}"
          "th{text-align:left;font-weight:400;color:#666;white-space:nowrap;padding-right:1.2em;"
          "vertical-align:top;font-size:13px}.figures td{padding-right:2em}.fall{white-space:"
          "nowrap;vertical-align:top;padding-left:1.2em;color:#666;font-size:13px}span{padding:"
          "1px 2px;border-radius:3px}.wrong{color:#b00}</style>\n<h1>What each word does</h1>\n"
          "<p><span style=\"background:rgba(214,69,45,.7)\">Red</span> speaks for the class that "
          "was chosen, <span style=\"background:rgba(49,104,189,.7)\">blue</span> against it, each "
          "row by its own strongest word. On the right, by how many points the chance of the class "
          "changes without the words that the row puts first.\n", f);
    write_table(f, p, g);
    for (int64_t i = 0; i < p->reviews; i++) {
        const explained *r = &all[i];
        fprintf(f, "<h2>%lld. <b>", (long long)i + 1);
        write_escaped(f, an_dataset_class_name(texts, r->chosen));
        fprintf(f, "</b>, %.1f %%", 100 * chance(r->score));
        if (r->label != r->chosen) fputs(" <span class=wrong>(wrong)</span>", f);
        fputs("</h2><table>\n", f);
        for (int k = 0; k < METHODS; k++) write_row(f, r, k, words);
        fputs("</table>\n", f);
    }
    fputs("</html>\n", f);
}

bool report(plan *p, const explained *all, const an_tokenizer *words, const an_dataset *texts,
            double accuracy)
{
    const figures g = sum_up(p, all, accuracy);
    for (int64_t i = 0; i < p->reviews && i < 3; i++) print_review(p, &all[i], words, texts);
    puts("");
    tell(p, &g);
    FILE *f = p->html ? fopen(p->html, "w") : NULL;
    if (f) write_page(f, p, all, &g, words, texts);
    const bool failed = p->html && (!f || ferror(f));
    if ((f && fclose(f) != 0) || failed) return perror(p->html), false;
    const double least = p->e.small ? 0.55 : p->checkpoint || p->data.train ? 0 : 0.95;
    return g.complete == p->reviews && g.accuracy >= least &&
           g.fall[PATH] >= g.fall[METHODS] + (p->e.small ? 0.03 : 0.1);
}
