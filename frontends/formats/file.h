/* file.h -- whole files, in and out.                                         */
#ifndef AN_FRONTENDS_FORMATS_FILE_H
#define AN_FRONTENDS_FORMATS_FILE_H

#include "core/text.h"

/* Appends all bytes of a file to `out`; "-" is standard input. Messages name
 * the path and what the system said. */
an_status an_file_read(const char *path, an_text *out, an_error *e);

/* Replaces the file as a whole: a reader, or the next start after a power cut,
 * sees the old bytes or the new ones, never a mixture. */
an_status an_file_write(const char *path, const char *bytes, int64_t count, an_error *e);

/* The same in pieces. A begun writer must be ended; if its status is not AN_OK by
 * then, or becomes so, the old file stays. After a failure, put does nothing. */
typedef struct an_file_writer {
    const char *path; /* must outlive the writer */
    an_text beside;   /* the new file's name until it replaces the old */
    int fd;
    an_status status;
    an_error *error; /* NULL is fine */
} an_file_writer;

void an_file_begin(an_file_writer *w, const char *path, an_error *e);
void an_file_put(an_file_writer *w, const void *bytes, int64_t count);
an_status an_file_end(an_file_writer *w);

#endif
