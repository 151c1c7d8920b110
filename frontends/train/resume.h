/* resume.h -- whether a record is of this training, so that it may go on. */
#ifndef AN_FRONTENDS_TRAIN_RESUME_H
#define AN_FRONTENDS_TRAIN_RESUME_H

#include "frontends/train/record.h"

/* The history and the record of the earlier part against those of this one; the message says
 * what has changed. */
an_status an_resume_check(const an_fit_args *args, const an_history *before, const an_record *was,
                          const an_history *h, const an_record *now, an_error *e);

#endif
