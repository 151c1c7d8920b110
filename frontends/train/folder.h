/* folder.h -- the directory of a training: its checkpoints and its record.
 *
 * model.safetensors carries the whole record in its header and is replaced in
 * one step, so it alone decides where a training goes on: a process that dies
 * between two files leaves nothing that does not fit together.               */
#ifndef AN_FRONTENDS_TRAIN_FOLDER_H
#define AN_FRONTENDS_TRAIN_FOLDER_H

#include "core/text.h"
#include "frontends/train/record.h"

typedef struct an_folder {
    const char *path;
    int lock;
    char *model, *best, *record; /* paths of the files */
    an_text text;                /* the record's JSON */
    an_store *store;
    an_error *error;
} an_folder;

/* Makes the directory if need be, locks it until _close or the process's end, and
 * removes unfinished files of processes that died. */
an_status an_folder_open(an_folder *f, const char *path, an_store *s, an_error *e);
void an_folder_close(an_folder *f);

/* Removes what an earlier training left: nobody shall go on from it by mistake. */
an_status an_folder_clear(an_folder *f);
/* Reads the last checkpoint's record into what is empty; `found` says whether there is one. */
an_status an_folder_peek(an_folder *f, an_history *h, an_record *r, bool *found);
/* Loads the last checkpoint into the store. */
an_status an_folder_load(an_folder *f);
/* Keeps the present state: at an epoch's end as the best one, too, if it is. */
an_status an_folder_save(an_folder *f, const an_history *h, const an_record *r,
                         const an_fit_args *args);
/* Loads the best checkpoint, which must be of epoch h->best. */
an_status an_folder_restore_best(an_folder *f, const an_history *h);

#endif
