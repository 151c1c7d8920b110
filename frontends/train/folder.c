/* folder.c -- the directory of a training: its checkpoints and its record. */
#include "frontends/train/folder.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/file.h"
#include "core/memory.h"
#include "core/neighbour.h"
#include "frontends/formats/checkpoint.h"

#define RECORD_KEY "training" /* of a checkpoint's metadata: the record */
#define EPOCH_KEY "epoch"

static const char *const file_names[] = {"model.safetensors", "best.safetensors", "training.json"};

static an_status system_error(an_error *e, const char *path, const char *doing)
{
    char buffer[128];
    const char *const why = strerror_r(errno, buffer, sizeof buffer);
    return an_fail(e, AN_E_IO, "%s: cannot %s: %s", path, doing, why);
}

static char *path_in(const char *folder, const char *name)
{
    an_text path = {0};
    an_text_addf(&path, "%s/%s", folder, name);
    return an_text_take(&path);
}

/* ---- opening ----------------------------------------------------------- */

an_status an_folder_open(an_folder *f, const char *path, an_store *s, an_error *e)
{
    *f = (an_folder){.path = path, .lock = -1, .store = s, .error = e};
    if (mkdir(path, 0777) != 0 && errno != EEXIST) return system_error(e, path, "make the folder");
    f->lock = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (f->lock < 0) return system_error(e, path, "open the folder");
    if (flock(f->lock, LOCK_EX | LOCK_NB) != 0)
        return errno == EWOULDBLOCK
                   ? an_fail(e, AN_E_BUSY, "%s: another training is using this folder", path)
                   : system_error(e, path, "lock the folder");
    f->model = path_in(path, file_names[0]);
    f->best = path_in(path, file_names[1]);
    f->record = path_in(path, file_names[2]);
    if (!f->model || !f->best || !f->record)
        return an_fail(e, AN_E_MEMORY, "%s: there is no memory for its files' names", path);
    an_neighbour_sweep(f->model);
    an_neighbour_sweep(f->best);
    an_neighbour_sweep(f->record);
    return AN_OK;
}

void an_folder_close(an_folder *f)
{
    if (f->lock >= 0) close(f->lock);
    an_free(f->model);
    an_free(f->best);
    an_free(f->record);
    an_text_free(&f->text);
    *f = (an_folder){.lock = -1};
}

an_status an_folder_clear(an_folder *f)
{
    /* The record goes first: whoever sees it may trust that the model is there. */
    const char *const paths[] = {f->record, f->model, f->best};
    for (int i = 0; i < 3; i++)
        if (unlink(paths[i]) != 0 && errno != ENOENT)
            return system_error(f->error, paths[i], "remove it");
    return AN_OK;
}

/* ---- saving ------------------------------------------------------------ */

static an_status save_states(an_folder *f, const char *path, int64_t epoch)
{
    char number[24];
    (void)snprintf(number, sizeof number, "%lld", (long long)epoch);
    const an_metadata about[] = {{EPOCH_KEY, number},
                                 {RECORD_KEY, an_text_view(&f->text)}};
    const an_status status = an_checkpoint_save(f->store, path, about, 2);
    return status == AN_OK ? AN_OK
                           : an_fail_text(f->error, status, an_store_message(f->store));
}

an_status an_folder_save(an_folder *f, const an_history *h, const an_record *r,
                         const an_fit_args *args)
{
    an_text_clear(&f->text);
    an_status status = an_record_print(h, r, args->arguments, args->argument_count, &f->text,
                                       f->error);
    if (status != AN_OK) return status;
    /* The best comes first: a death in between repeats this epoch and finds it best again. */
    const int64_t epoch = h->epoch_count;
    if (h->best == epoch && r->place.step == 0) status = save_states(f, f->best, epoch);
    if (status == AN_OK) status = save_states(f, f->model, epoch);
    an_text_add(&f->text, "\n");
    if (status == AN_OK && f->text.failed)
        status = an_fail(f->error, AN_E_MEMORY, "%s: there is no memory to write it", f->record);
    if (status == AN_OK) status = an_file_write(f->record, f->text.data, f->text.length, f->error);
    return status;
}

/* ---- loading ----------------------------------------------------------- */

static an_status load_states(an_folder *f, const char *path)
{
    const an_status status = an_checkpoint_load(f->store, path, NULL);
    return status == AN_OK ? AN_OK : an_fail_text(f->error, status, an_store_message(f->store));
}

/* Keeps the file's name in front of a record's message. */
static an_status parse(const char *path, const char *json, an_history *h, an_record *r,
                       an_error *e)
{
    an_error inner = {0};
    const an_status status = an_record_parse(json, h, r, &inner);
    if (status == AN_OK) return AN_OK;
    return an_fail(e, status, "%s: %s", path, strchr(inner.text, ':') + 2);
}

an_status an_folder_peek(an_folder *f, an_history *h, an_record *r, bool *found)
{
    *found = access(f->model, F_OK) == 0 || errno != ENOENT;
    if (!*found) return AN_OK;
    an_text_clear(&f->text);
    const an_status status = an_checkpoint_read_metadata(f->model, RECORD_KEY, &f->text, f->error);
    return status == AN_OK ? parse(f->model, an_text_view(&f->text), h, r, f->error) : status;
}

an_status an_folder_load(an_folder *f)
{
    return load_states(f, f->model);
}

an_status an_folder_restore_best(an_folder *f, const an_history *h)
{
    an_text_clear(&f->text);
    an_status status = an_checkpoint_read_metadata(f->best, EPOCH_KEY, &f->text, f->error);
    if (status != AN_OK) return status;
    char want[24];
    (void)snprintf(want, sizeof want, "%lld", (long long)h->best);
    if (strcmp(want, an_text_view(&f->text)) != 0)
        return an_fail(f->error, AN_E_STATE, "%s: it is of epoch %s, but epoch %s was the best",
                       f->best, an_text_view(&f->text), want);
    return load_states(f, f->best);
}

an_history *an_history_load(const char *directory)
{
    an_history *const h = an_alloc_zeroed(sizeof *h);
    if (!h) return NULL;
    an_error e = {0};
    an_record r = {0};
    an_text json = {0};
    char *const path = directory ? path_in(directory, file_names[2]) : NULL;
    if (!directory) h->status = an_fail(&e, AN_E_ARGUMENT, "there is no directory");
    else if (!path) h->status = an_fail(&e, AN_E_MEMORY, "%s: out of memory", directory);
    else h->status = an_file_read(path, &json, &e);
    if (h->status == AN_OK) {
        const an_status status = parse(path, an_text_view(&json), h, &r, &e);
        if (status != AN_OK) an_history_reset(h); /* no half of it */
        h->status = status;
    }
    (void)snprintf(h->message, sizeof h->message, "%s", e.text);
    an_basis_free(&r.basis);
    an_text_free(&json);
    an_free(path);
    return h;
}
