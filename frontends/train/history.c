/* history.c -- what users see of a training and of an evaluation.
 *
 * One that is not there for want of memory reads as a failure.               */
#include "frontends/train/history.h"

#include <math.h>
#include <string.h>

#include "core/memory.h"
#include "core/text.h"

static const char no_memory[] = "out of memory";

/* ---- while it is made -------------------------------------------------- */

bool an_history_append(an_history *h, const an_epoch *record)
{
    if (!AN_GROW(h->epochs, h->epoch_capacity, h->epoch_count + 1)) return false;
    h->epochs[h->epoch_count++] = *record;
    return true;
}

static an_series *series_called(an_history *h, const char *name)
{
    for (int64_t i = 0; i < h->series_count; i++)
        if (!strcmp(h->series[i].name, name)) return &h->series[i];
    if (!AN_GROW(h->series, h->series_capacity, h->series_count + 1)) return NULL;
    an_text own = {0};
    an_text_add(&own, name);
    an_series *const s = &h->series[h->series_count];
    *s = (an_series){.name = an_text_take(&own)};
    h->series_count += s->name != NULL;
    return s->name ? s : NULL;
}

bool an_history_watch(an_history *h, const char *name, int64_t epoch, double value)
{
    an_series *const s = series_called(h, name);
    if (!s || !AN_GROW(s->value, s->capacity, epoch)) return false;
    while (s->count < epoch) s->value[s->count++] = (double)NAN;
    s->value[epoch - 1] = value;
    return true;
}

void an_history_reset(an_history *h)
{
    for (int64_t i = 0; i < h->series_count; i++) {
        an_free(h->series[i].name);
        an_free(h->series[i].value);
    }
    an_free(h->series);
    an_free(h->epochs);
    *h = (an_history){0};
}

/* ---- histories --------------------------------------------------------- */

void an_history_free(an_history *h)
{
    if (!h) return;
    an_history_reset(h);
    an_free(h);
}

an_status an_history_status(const an_history *h)
{
    return h ? h->status : AN_E_MEMORY;
}

const char *an_history_message(const an_history *h)
{
    return h ? h->message : no_memory;
}

int64_t an_history_metrics(const an_history *h)
{
    return h ? h->metric_count : 0;
}

const char *an_history_metric(const an_history *h, int64_t i)
{
    return h && i >= 0 && i < h->metric_count ? h->metric[i] : NULL;
}

bool an_history_validated(const an_history *h)
{
    return h && h->validated;
}

int64_t an_history_epochs(const an_history *h)
{
    return h ? h->epoch_count : 0;
}

int64_t an_history_best(const an_history *h)
{
    return h ? h->best : 0;
}

bool an_history_stopped(const an_history *h)
{
    return h && h->stopped;
}

int64_t an_history_skipped(const an_history *h)
{
    return h ? h->skipped : 0;
}

static const an_epoch *epoch_at(const an_history *h, int64_t i)
{
    return h && i >= 0 && i < h->epoch_count ? &h->epochs[i] : NULL;
}

double an_history_seconds(const an_history *h, int64_t i)
{
    const an_epoch *const e = epoch_at(h, i);
    return e ? e->seconds : (double)NAN;
}

double an_history_step_ms(const an_history *h, int64_t i)
{
    const an_epoch *const e = epoch_at(h, i);
    return e ? e->step_ms : (double)NAN;
}

double an_history_train(const an_history *h, int64_t i, int64_t metric)
{
    const an_epoch *const e = epoch_at(h, i);
    return e && an_history_metric(h, metric) ? e->train[metric] : (double)NAN;
}

double an_history_validation(const an_history *h, int64_t i, int64_t metric)
{
    const an_epoch *const e = epoch_at(h, i);
    return e && an_history_metric(h, metric) ? e->validation[metric] : (double)NAN;
}

int64_t an_history_watched(const an_history *h)
{
    return h ? h->series_count : 0;
}

const char *an_history_watched_name(const an_history *h, int64_t i)
{
    return h && i >= 0 && i < h->series_count ? h->series[i].name : NULL;
}

double an_history_watched_value(const an_history *h, int64_t i, int64_t epoch)
{
    const bool there = an_history_watched_name(h, i) && epoch >= 0 && epoch < h->series[i].count;
    return there ? h->series[i].value[epoch] : (double)NAN;
}

/* ---- as a table -------------------------------------------------------- */

/* RFC 4180: quotes stand twice, and whatever has one or a separator stands in quotes. */
static void add_name(an_text *to, const char *prefix, const char *name)
{
    const bool quoted = strpbrk(name, ",\"\r\n") != NULL;
    an_text_addf(to, quoted ? ",\"%s" : ",%s", prefix);
    for (; *name; name++) {
        if (*name == '"') an_text_add(to, "\"");
        an_text_add_bytes(to, name, 1);
    }
    if (quoted) an_text_add(to, "\"");
}

static void add_numbers(an_text *to, int count, const double *values)
{
    for (int i = 0; i < count; i++) {
        an_text_add(to, ",");
        an_text_add_f64(to, values[i]);
    }
}

char *an_history_csv(const an_history *h)
{
    an_text out = {0};
    an_text_add(&out, h ? "epoch,seconds,step_ms" : an_lost);
    const int metrics = h ? h->metric_count : 0, validated = h && h->validated ? metrics : 0;
    for (int i = 0; i < metrics; i++) add_name(&out, "", h->metric[i]);
    for (int i = 0; i < validated; i++) add_name(&out, "val_", h->metric[i]);
    for (int64_t k = 0; k < an_history_watched(h); k++) add_name(&out, "", h->series[k].name);
    an_text_add(&out, "\n");
    for (int64_t i = 0; h && i < h->epoch_count; i++) {
        const an_epoch *const e = &h->epochs[i];
        an_text_addf(&out, "%lld", (long long)e->epoch);
        add_numbers(&out, 1, &e->seconds);
        add_numbers(&out, 1, &e->step_ms);
        add_numbers(&out, metrics, e->train);
        add_numbers(&out, validated, e->validation);
        for (int64_t k = 0; k < h->series_count; k++) {
            const double value = an_history_watched_value(h, k, i);
            add_numbers(&out, 1, &value);
        }
        an_text_add(&out, "\n");
    }
    return an_text_take(&out);
}

/* ---- scores ------------------------------------------------------------ */

void an_scores_free(an_scores *s)
{
    an_free(s);
}

an_status an_scores_status(const an_scores *s)
{
    return s ? s->status : AN_E_MEMORY;
}

const char *an_scores_message(const an_scores *s)
{
    return s ? s->message : no_memory;
}

int64_t an_scores_count(const an_scores *s)
{
    return s ? s->count : 0;
}

double an_scores_value(const an_scores *s, int64_t i)
{
    return s && i >= 0 && i < s->count ? s->value[i] : (double)NAN;
}

int64_t an_scores_examples(const an_scores *s)
{
    return s ? s->examples : 0;
}

double an_scores_seconds(const an_scores *s)
{
    return s ? s->seconds : 0;
}
