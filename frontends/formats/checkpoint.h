/* checkpoint.h -- what the training loop asks of checkpoints.                */
#ifndef AN_FRONTENDS_FORMATS_CHECKPOINT_H
#define AN_FRONTENDS_FORMATS_CHECKPOINT_H

#include "core/text.h"
#include "frontends/frontends.h"

/* Appends the metadata value of that key. AN_E_NAME if the file has none. */
an_status an_checkpoint_read_metadata(const char *path, const char *key, an_text *out,
                                      an_error *e);

#endif
