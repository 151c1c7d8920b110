/* file.h -- whole files, in and out.                                         */
#ifndef AN_FRONTENDS_FILE_H
#define AN_FRONTENDS_FILE_H

#include "core/text.h"

/* Appends all bytes of a file to `out`; "-" is standard input. Messages name
 * the path and what the system said. */
an_status an_file_read(const char *path, an_text *out, an_error *e);

/* Replaces the file as a whole: a reader, or the next start after a power cut,
 * sees the old bytes or the new ones, never a mixture. */
an_status an_file_write(const char *path, const char *bytes, int64_t count, an_error *e);

#endif
