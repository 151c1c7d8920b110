/* classifier_report.c -- figures for machines, and predictions for people. */
#include "examples/classifier.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

/* ---- JSON -------------------------------------------------------------- */

static void number(FILE *f, const char *key, double value, const char *after)
{
    if (isfinite(value)) fprintf(f, "\"%s\": %.9g%s", key, value, after);
    else fprintf(f, "\"%s\": null%s", key, after);
}

static int compare(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The median over epochs of each epoch's median step. */
static double median_step(const an_history *h)
{
    const int64_t epochs = an_history_epochs(h);
    double *all = calloc((size_t)epochs + 1, sizeof *all);
    if (!all) return NAN;
    for (int64_t i = 0; i < epochs; i++) all[i] = an_history_step_ms(h, i);
    qsort(all, (size_t)epochs, sizeof *all, compare);
    const double median = epochs ? all[epochs / 2] : NAN;
    free(all);
    return median;
}

static void write_epochs(FILE *f, const an_history *h)
{
    fputs("{\"epochs\": [", f);
    for (int64_t i = 0; i < an_history_epochs(h); i++) {
        fprintf(f, "%s\n  {\"epoch\": %lld, ", i ? "," : "", (long long)i + 1);
        number(f, "seconds", an_history_seconds(h, i), ", ");
        number(f, "loss", an_history_train(h, i, 0), ", ");
        number(f, "accuracy", an_history_train(h, i, 1), ", ");
        number(f, "val_loss", an_history_validation(h, i, 0), ", ");
        number(f, "val_accuracy", an_history_validation(h, i, 1), "}");
    }
    fputs("],\n", f);
}

/* The line that describes the runtime has no characters that JSON would escape
 * but, perhaps, quotes and backslashes. */
static void write_text(FILE *f, const char *key, const char *value, const char *after)
{
    fprintf(f, "\"%s\": \"", key);
    for (const char *p = value; *p; p++) {
        if (*p == '"' || *p == '\\') fputc('\\', f);
        fputc((unsigned char)*p < ' ' ? ' ' : *p, f);
    }
    fprintf(f, "\"%s", after);
}

bool write_json(const summary *s)
{
    struct rusage usage;
    char sha256[65] = "";
    FILE *f = fopen(s->options->json, "w");
    if (!f) {
        perror(s->options->json);
        return false;
    }
    getrusage(RUSAGE_SELF, &usage);
    an_store_sha256(s->store, sha256);
    write_epochs(f, s->history);
    if (s->test) {
        fputs("\"test\": {", f);
        number(f, "loss", an_scores_value(s->test, 0), ", ");
        number(f, "accuracy", an_scores_value(s->test, 1), "},\n");
    } else {
        fputs("\"test\": null,\n", f);
    }
    number(f, "step_ms", median_step(s->history), ",\n");
    fprintf(f, "\"classes\": %lld, \"vocabulary\": %lld, \"parameters\": %lld, \"threads\": %d,\n",
            (long long)s->classes, (long long)s->vocabulary, (long long)s->parameters,
            an_threads());
    write_text(f, "blas", an_runtime_describe(), ",\n");
    fprintf(f, "\"peak_rss_bytes\": %lld,\n", (long long)usage.ru_maxrss * 1024);
    write_text(f, "weights_sha256", sha256, ",\n");
    fprintf(f, "\"fused_add_norm\": %lld}\n", (long long)s->fused);
    const bool failed = ferror(f) != 0;
    if (fclose(f) == 0 && !failed) return true;
    perror(s->options->json);
    return false;
}

/* ---- predictions ------------------------------------------------------- */

/* The likeliest class of one row, and its probability. */
static int64_t best_class(const an_tensor *chance, double *probability)
{
    const int64_t count = an_tensor_count(chance);
    if (count == 1) { /* the sigmoid gives class 1's */
        const double p = an_tensor_get(chance, 0);
        *probability = p > 0.5 ? p : 1 - p;
        return p > 0.5;
    }
    int64_t best = 0;
    for (int64_t i = 1; i < count; i++)
        if (an_tensor_get(chance, i) > an_tensor_get(chance, best)) best = i;
    *probability = an_tensor_get(chance, best);
    return best;
}

bool predict_lines(const options *o, const examples *e, an_tokenizer *tokenizer, an_program *p)
{
    FILE *f = strcmp(o->predict, "-") ? fopen(o->predict, "r") : stdin;
    if (!f) {
        perror(o->predict);
        return false;
    }
    char *line = NULL;
    size_t room = 0;
    bool good = true;
    an_tensor ids = {0}, chance = {0};
    while (good && getline(&line, &room, f) > 0) {
        line[strcspn(line, "\r\n")] = 0;
        const char *texts[1] = {line};
        good = encode(o, tokenizer, texts, 1, &ids);
        if (good && an_run(p, .feed = {{"ids", &ids}}, .out = {&chance}) != AN_OK) {
            fprintf(stderr, "classifier: %s\n", an_program_message(p));
            good = false;
        }
        if (!good) break;
        double probability;
        const int64_t class = best_class(&chance, &probability);
        printf("%.4f\t%s\t%s\n", probability, an_dataset_class_name(e->texts, class), line);
        fflush(stdout);
    }
    free(line);
    an_tensor_free(&ids);
    an_tensor_free(&chance);
    if (f != stdin) fclose(f);
    return good;
}
