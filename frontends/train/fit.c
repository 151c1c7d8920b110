/* fit.c -- the training loop.
 *
 * Epochs of shuffled batches, then validation, then what an epoch's end asks for:
 * the record, the best epoch, checkpoints, the caller's word, patience. What a step
 * is fed follows from its number (supply.h), and everything else that lasts is in
 * the store or follows from the record; so a training that was cut in two, between
 * epochs or within one, ends with the same bits. Between an epoch's first and last
 * step nothing is allocated once every batch size has run.                   */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "frontends/train/folder.h"
#include "frontends/train/kept.h"
#include "frontends/train/monitor.h"
#include "frontends/train/progress.h"
#include "frontends/train/resume.h"
#include "frontends/train/score.h"
#include "frontends/train/supply.h"
#include "frontends/train/watch.h"
#include "graph/run/program.h"

#define TIMED 65536 /* the last steps of an epoch, of whose times the median is told */

typedef struct training {
    const an_fit_args *args;
    an_history *h;
    int64_t epochs, budget; /* how many at most, and how many steps in all */
    an_record record; /* of the training so far, but for the history */
    an_scoring train, evaluate;
    an_supply supply;
    an_batches held_out;
    double *times; /* of the epoch's last TIMED steps, in seconds */
    int64_t timed; /* its steps that were timed */
    an_monitor monitor;
    an_progress progress;
    an_watch watch;
    an_folder folder; /* if there is a directory */
    an_kept kept;     /* else, for restore_best, all states after the best epoch */
    bool is_best;     /* the store is as it was after the best epoch */
    bool unsaved;     /* a step was taken since the last checkpoint */
    bool cut;         /* the budget ended within an epoch */
    an_error error;
} training;

static an_status fail(training *t, an_status status, const char *why)
{
    return an_fail_at(&t->error, t->args->at, status, "%s", why);
}

/* ---- before the first step --------------------------------------------- */

static an_status check_numbers(training *t)
{
    const an_fit_args *const a = t->args;
    if (a->epochs < 0 || a->batch < 0 || a->steps < 0 || a->epoch_steps < 0)
        return fail(t, AN_E_ARGUMENT,
                    ".epochs, .batch, .steps and .epoch_steps must not be negative");
    if (!(a->validation_split >= 0.0 && a->validation_split < 1.0))
        return fail(t, AN_E_ARGUMENT, ".validation_split must be at least 0 and less than 1");
    if (a->resume && !a->directory)
        return fail(t, AN_E_ARGUMENT, ".resume needs the .directory to go on from");
    if (a->argument_count < 0 || (a->argument_count > 0 && !a->arguments))
        return fail(t, AN_E_ARGUMENT, ".argument_count says more than .arguments holds");
    return AN_OK;
}

/* Names that a record's line could not tell from its own fields are refused. */
static bool name_is_free(const an_history *h, const char *name)
{
    bool is_free = name[0] && strlen(name) < sizeof h->metric[0] && strcmp(name, "epoch") != 0 &&
                   strcmp(name, "seconds") != 0 && strcmp(name, "step_ms") != 0 &&
                   strncmp(name, "val_", 4) != 0;
    for (int i = 0; i < h->metric_count; i++)
        is_free = is_free && strcmp(h->metric[i], name) != 0;
    return is_free;
}

static an_status name_metrics(training *t)
{
    an_history *const h = t->h;
    for (int i = 0; i < t->train.count; i++) {
        char made[32];
        const char *name = t->args->metric[i];
        if (!name) (void)snprintf(made, sizeof made, i == 0 ? "loss" : "metric%d", i);
        if (!name) name = made;
        const bool watched = t->args->histograms > 0 && (strcmp(name, "learning_rate") == 0 ||
                                                         strchr(name, '/'));
        if (watched || !name_is_free(h, name))
            return an_fail_at(&t->error, t->args->at, AN_E_NAME,
                              "metric %d cannot be called \"%s\": the name is empty, taken or too "
                              "long, begins with val_, or is what .histograms watch", i, name);
        memcpy(h->metric[h->metric_count++], name, strlen(name) + 1);
    }
    return AN_OK;
}

static bool has_feeds(const an_feed *feed)
{
    for (int i = 0; i < AN_MAX_NAMED; i++)
        if (feed[i].name || feed[i].tensor) return true;
    return false;
}

/* Keras's validation_split: the last rows, before any shuffling. */
static an_status hold_out(training *t)
{
    const int64_t all = t->supply.data.examples;
    const int64_t split = (int64_t)floor((double)all * (1.0 - t->args->validation_split));
    if (split == 0 || split == all)
        return an_fail_at(&t->error, t->args->at, AN_E_ARGUMENT,
                          "a .validation_split of %g leaves one side of %lld examples empty",
                          t->args->validation_split, (long long)all);
    an_batches_narrow(&t->supply.data, 0, split);
    an_batches_narrow(&t->held_out, split, all - split);
    return AN_OK;
}

static an_status open_data(training *t)
{
    const an_fit_args *const a = t->args;
    const bool given = has_feeds(a->validation), split = a->validation_split > 0.0;
    an_status status = an_supply_open(&t->supply, a, &t->error);
    if (status != AN_OK) return status;
    if (given && split)
        return fail(t, AN_E_ARGUMENT, "give either .validation or .validation_split, not both");
    t->h->validated = given || split;
    if (!t->h->validated) return AN_OK;
    status = an_batches_open(&t->held_out, given ? a->validation : a->data, a->at, &t->error);
    if (status == AN_OK && split) status = hold_out(t);
    if (status == AN_OK)
        status = an_scoring_open(&t->evaluate, a->evaluate, a->at, "evaluation", &t->error);
    if (status == AN_OK && t->evaluate.count != t->train.count)
        status = fail(t, AN_E_ARGUMENT, "the training and the evaluation program must fetch the "
                                        "same metrics in the same order");
    if (status == AN_OK && a->evaluate->store != a->train->store)
        status = fail(t, AN_E_ARGUMENT, "the training and the evaluation program must be compiled "
                                        "with the same store");
    return status;
}

/* How long the training may become: so many epochs, so many steps, whatever ends first. */
static void set_bounds(training *t)
{
    const an_fit_args *const a = t->args;
    const int64_t steps = t->supply.steps;
    t->epochs = a->epochs ? a->epochs : a->steps ? INT64_MAX : 1;
    if (!an_mul_size(t->epochs, steps, &t->budget)) t->budget = INT64_MAX;
    if (a->steps && a->steps < t->budget) t->budget = a->steps;
    t->epochs = (t->budget - 1) / steps + 1;
}

static an_status reserve(training *t)
{
    const an_status status = an_supply_reserve(&t->supply, &t->error);
    if (status != AN_OK) return status;
    set_bounds(t);
    const int64_t most = t->supply.steps < t->budget ? t->supply.steps : t->budget;
    t->times = an_alloc((most < TIMED ? most : TIMED) * (int64_t)sizeof *t->times);
    return t->times ? AN_OK : fail(t, AN_E_MEMORY, "there is no memory for an epoch");
}

/* Where the epoch behind those in the history ends, or else the training within it. */
static int64_t last_step(const training *t)
{
    const int64_t steps = t->supply.steps, epochs = t->h->epoch_count;
    const int64_t left = epochs > 0 ? t->budget - epochs * steps : t->budget;
    return left < steps ? left : steps;
}

/* ---- going on where another process stopped ---------------------------- */

/* The epochs before, and what the monitor makes of them. */
static an_status adopt(training *t, const an_history *before, const an_within *place)
{
    t->h->skipped = before->skipped;
    t->record.place = *place;
    for (int64_t i = 0; i < before->epoch_count; i++) {
        if (!an_history_append(t->h, &before->epochs[i]))
            return fail(t, AN_E_MEMORY, "there is no memory for the training's epochs");
        t->is_best = an_monitor_see(&t->monitor, &before->epochs[i]);
        if (t->is_best) t->h->best = i + 1;
    }
    t->is_best = t->is_best && place->step == 0;
    for (int64_t i = 0; i < before->series_count; i++)
        for (int64_t k = 0; k < before->series[i].count; k++)
            if (!an_history_watch(t->h, before->series[i].name, k + 1, before->series[i].value[k]))
                return fail(t, AN_E_MEMORY, "there is no memory for the training's epochs");
    int64_t taken;
    return place->step <= t->supply.steps &&
                   an_mul_size(before->epoch_count, t->supply.steps, &taken)
               ? AN_OK : fail(t, AN_E_STATE, "the record has too many steps");
}

static an_status go_on(training *t)
{
    an_history before = {0};
    an_record record = {0};
    bool found;
    an_status status = an_folder_peek(&t->folder, &before, &record, &found);
    if (status == AN_OK && found) {
        status = an_resume_check(t->args, &before, &record, t->h, &t->record, &t->error);
        if (status == AN_OK) status = an_folder_load(&t->folder);
        if (status == AN_OK) status = adopt(t, &before, &record.place);
    }
    an_history_reset(&before);
    an_basis_free(&record.basis);
    return status;
}

static an_status open_folder(training *t)
{
    const an_fit_args *const a = t->args;
    if (!a->directory) return AN_OK;
    an_status status = an_folder_open(&t->folder, a->directory, a->train->store, &t->error);
    if (status == AN_OK) status = an_basis_make(&t->record.basis, a, &t->error);
    if (status != AN_OK) return status;
    return a->resume ? go_on(t) : an_folder_clear(&t->folder);
}

static an_status open_training(training *t)
{
    const an_fit_args *const a = t->args;
    an_status status = check_numbers(t);
    if (status == AN_OK)
        status = an_scoring_open(&t->train, a->train, a->at, "training", &t->error);
    t->train.finite = true;
    if (status == AN_OK) status = name_metrics(t);
    if (status == AN_OK) status = open_data(t);
    if (status == AN_OK) status = an_monitor_open(&t->monitor, a, t->h, &t->error);
    if (status == AN_OK) status = reserve(t);
    t->record.key = (an_record_key){a->seed, a->next ? 0 : t->supply.batch,
                                    t->supply.data.examples};
    if (status == AN_OK) status = open_folder(t);
    if (status == AN_OK) status = an_watch_open(&t->watch, a, t->h->epoch_count, &t->error);
    an_progress_open(&t->progress, a->progress, t->epochs,
                     t->supply.steps < t->budget ? t->supply.steps : t->budget);
    return status;
}

static void close_training(training *t)
{
    if (t->args->directory) an_folder_close(&t->folder);
    an_basis_free(&t->record.basis);
    an_supply_close(&t->supply);
    an_batches_close(&t->held_out);
    an_free(t->times);
    an_kept_free(&t->kept);
    an_watch_close(&t->watch);
}

/* ---- the best epoch ---------------------------------------------------- */

/* However the training ended, and its own reason stays the one that is told. */
static an_status restore_best(training *t)
{
    if (!t->args->restore_best || t->h->best == 0 || t->is_best) return AN_OK;
    if (t->args->directory) return an_folder_restore_best(&t->folder, t->h);
    return an_kept_give(&t->kept, t->args->train->store, &t->error);
}

/* ---- steps ------------------------------------------------------------- */

static int by_size(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *values, int64_t count)
{
    if (count == 0) return (double)NAN;
    qsort(values, (size_t)count, sizeof *values, by_size);
    return (values[(count - 1) / 2] + values[count / 2]) / 2;
}

/* A step that was not taken, since something in it was not finite. */
static an_status leave_out(training *t, int64_t epoch, int64_t step)
{
    an_error_clear(&t->error);
    if (t->args->skip_not_finite) {
        t->h->skipped++;
        t->unsaved = true;
        return AN_OK;
    }
    const an_program *const p = t->args->train;
    const char *const first = strstr(an_program_message(p), "\n  first came");
    return an_fail_at(&t->error, t->args->at, AN_E_DATA,
                      "%s is not finite at step %lld of epoch %lld; that was not taken, and ends "
                      "the training%s\n  hint: lower the learning rate, clip the gradients, or "
                      "look for such numbers in the data; .skip_not_finite leaves such steps out",
                      p->unfit_fetch < 0 ? "what the update reads" : t->h->metric[p->unfit_fetch],
                      (long long)step + 1, (long long)epoch, first ? first : "");
}

static an_status train_step(training *t, int64_t epoch, int64_t step, bool shown)
{
    double start = an_now();
    an_status status = an_supply_take(&t->supply, epoch, step, &t->error);
    if (status == AN_OK && shown) {
        const double paused = an_now();
        status = an_watch_before(&t->watch, &t->supply.data);
        start += an_now() - paused;
    }
    if (status != AN_OK) return status;
    status = an_scoring_step(&t->train, &t->supply.data, &t->error);
    t->times[t->timed++ % TIMED] = an_now() - start;
    if (status != AN_OK && t->args->train->unfit) return leave_out(t, epoch, step);
    t->is_best = t->is_best && status != AN_OK;
    t->unsaved = t->unsaved || status == AN_OK;
    return status == AN_OK && shown ? an_watch_after(&t->watch, t->h, epoch) : status;
}

/* ---- being stopped ------------------------------------------------------ */

static bool is_stopped(const training *t)
{
    return t->args->stop && *t->args->stop;
}

/* Within the epoch: what is behind it is kept, as far as the last step. */
static an_status keep_place(training *t, int64_t step, double seconds)
{
    an_within *const place = &t->record.place;
    *place = (an_within){.step = step, .examples = t->train.examples, .seconds = seconds};
    memcpy(place->sum, t->train.sum, sizeof place->sum);
    if (!t->args->directory || !t->unsaved) return AN_OK;
    return an_folder_save(&t->folder, t->h, &t->record, t->args);
}

static an_status stop_at(training *t, int64_t step, double seconds)
{
    t->h->stopped = true;
    an_progress_stop(&t->progress, step);
    return keep_place(t, step, seconds);
}

/* ---- one epoch --------------------------------------------------------- */

/* From where it was left, if it was, to `end`; `step` becomes the one behind the last that was
 * taken. */
static an_status train_epoch(training *t, an_epoch *record, int64_t end, int64_t *step)
{
    const an_within *const place = &t->record.place;
    an_supply_epoch(&t->supply, record->epoch);
    an_scoring_reset(&t->train);
    t->timed = 0;
    t->train.examples = place->examples;
    memcpy(t->train.sum, place->sum, sizeof place->sum);
    an_progress_epoch(&t->progress, record->epoch);
    an_status status = AN_OK;
    for (*step = place->step; *step < end && status == AN_OK && !is_stopped(t); ++*step) {
        status = train_step(t, record->epoch, *step,
                            *step == end - 1 && an_watch_wants(&t->watch, record->epoch));
        an_scoring_means(&t->train, record->train);
        if (status == AN_OK) an_progress_step(&t->progress, t->h, *step + 1, record->train);
    }
    an_scoring_means(&t->train, record->train);
    record->step_ms = 1e3 * median(t->times, t->timed < TIMED ? t->timed : TIMED);
    return status;
}

/* Into the history, where it may be the best. */
static an_status enter(training *t, const an_epoch *record)
{
    if (!an_history_append(t->h, record))
        return fail(t, AN_E_MEMORY, "there is no memory for the training's epochs");
    t->is_best = an_monitor_see(&t->monitor, record);
    if (t->is_best) t->h->best = record->epoch;
    return AN_OK;
}

/* The record, the best epoch, the checkpoint, the caller's word, patience. */
static an_status end_epoch(training *t, const an_epoch *record)
{
    an_status status = enter(t, record);
    if (status != AN_OK) return status;
    t->record.place = (an_within){0};
    t->unsaved = false;
    if (t->args->directory) status = an_folder_save(&t->folder, t->h, &t->record, t->args);
    else if (t->is_best && t->args->restore_best)
        status = an_kept_take(&t->kept, t->args->train->store, &t->error);
    if (status == AN_OK) status = an_watch_epoch(&t->watch, t->h, record);
    if (status != AN_OK) return status;
    an_progress_end(&t->progress, t->h, record);
    t->h->stopped = an_monitor_gives_up(&t->monitor);
    if (t->args->on_epoch && !t->args->on_epoch(t->args->context, t->h)) t->h->stopped = true;
    return AN_OK;
}

/* The budget ends within the epoch: the history has it, as the last, but what is kept is what a
 * stop would keep, so that a training of more steps goes on in it. */
static an_status end_cut(training *t, const an_epoch *record, int64_t step)
{
    an_status status = keep_place(t, step, record->seconds);
    if (status == AN_OK) status = enter(t, record);
    if (status == AN_OK) status = an_watch_epoch(&t->watch, t->h, record);
    if (status != AN_OK) return status;
    t->cut = true;
    an_progress_end(&t->progress, t->h, record);
    if (t->args->on_epoch) t->args->on_epoch(t->args->context, t->h);
    return AN_OK;
}

static an_status run_epoch(training *t)
{
    an_epoch record = {.epoch = t->h->epoch_count + 1};
    const double start = an_now() - t->record.place.seconds;
    const int64_t end = last_step(t);
    int64_t step;
    an_status status = train_epoch(t, &record, end, &step);
    bool stopped = step < end;
    if (status == AN_OK && !stopped && t->h->validated) {
        status = an_scoring_pass(&t->evaluate, &t->held_out, t->supply.batch, t->args->stop,
                                 &t->error);
        stopped = t->evaluate.examples < t->held_out.examples;
    }
    an_scoring_means(&t->evaluate, record.validation);
    record.seconds = an_now() - start;
    if (status != AN_OK) return status;
    if (stopped) return stop_at(t, step, record.seconds);
    return step < t->supply.steps ? end_cut(t, &record, step) : end_epoch(t, &record);
}

an_history *an_fit_with(const an_fit_args *args)
{
    an_history *const h = an_alloc_zeroed(sizeof *h);
    if (!h) return NULL;
    const an_fit_args none = {0};
    training t = {.args = args ? args : &none, .h = h};
    an_status status = open_training(&t);
    h->stopped = status == AN_OK && an_monitor_gives_up(&t.monitor);
    while (status == AN_OK && !h->stopped && !t.cut && h->epoch_count < t.epochs)
        status = run_epoch(&t);
    if (status != AN_OK) an_progress_abandon(&t.progress);
    const an_status restored = restore_best(&t);
    h->status = status != AN_OK ? status : restored;
    (void)snprintf(h->message, sizeof h->message, "%s", t.error.text);
    close_training(&t);
    return h;
}
