/* file.h -- whole files, in and out: the one door for every file that the library writes. */
#ifndef AN_CORE_FILE_H
#define AN_CORE_FILE_H

#include "core/text.h"

/* Appends all bytes of a file to `out`; "-" is standard input. Messages name
 * the path and what the system said. */
an_status an_file_read(const char *path, an_text *out, an_error *e);

/* Replaces the file as a whole: a reader, or the next start after a power cut,
 * sees the old bytes or the new ones, never a mixture. Of a symbolic link the file
 * that it names is replaced, also if that is not there yet. Devices, pipes and the
 * files of /proc (/dev/stdout) are written into, as they are no files to replace. */
an_status an_file_write(const char *path, const char *bytes, int64_t count, an_error *e);

/* The same in pieces. A begun writer must be ended; if its status is not AN_OK by
 * then, or becomes so, the old file stays. After a failure, put does nothing.
 *
 * One failure leaves the new file in place, whole: that of syncing the folder, which
 * says that it may be the old one again after a power cut. */
typedef struct an_file_writer {
    const char *path; /* as the caller gave it; must outlive the writer */
    an_text target;   /* the file behind its links */
    an_text beside;   /* the new file's name */
    bool made;        /* it is there, and has not replaced the target yet */
    int fd, lock, folder;
    an_status status;
    an_error *error; /* NULL is fine */
} an_file_writer;

void an_file_begin(an_file_writer *w, const char *path, an_error *e);
void an_file_put(an_file_writer *w, const void *bytes, int64_t count);
an_status an_file_end(an_file_writer *w);

#endif
