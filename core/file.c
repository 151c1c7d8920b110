/* file.c -- whole files, in and out.
 *
 * Writing goes to a new file beside the target (neighbour.c) that is synced and then
 * renamed over it; writing in place leaves a torn file when the process dies in
 * between. What is no file, a device or a pipe, is written in place: it would be gone,
 * replaced by a file. A call that a signal interrupts is made again.
 *
 * No failure may end the process: past the limit on a file's size the system sends
 * SIGXFSZ, and SIGPIPE where nobody reads, both to the thread that writes. They are held
 * back in that thread alone while it writes, and what a failed write raised is taken
 * away, so the caller's handlers and masks are as before and see nothing.   */
#include "core/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/neighbour.h"

#define CHUNK 65536
#define MOST_LINKS 40 /* as the kernel has it */

/* strerror may share its buffer between threads; this one has its own. */
static an_status system_error(an_error *e, const char *path, const char *doing)
{
    char buffer[128];
    if (errno == ENOMEM)
        return an_fail(e, AN_E_MEMORY, "%s: cannot %s: out of memory", path, doing);
    return an_fail(e, AN_E_IO, "%s: cannot %s: %s", path, doing,
                   strerror_r(errno, buffer, sizeof buffer));
}

static int open_file(const char *path, int flags)
{
    return (int)TEMP_FAILURE_RETRY(open(path, flags | O_CLOEXEC));
}

/* ---- reading ----------------------------------------------------------- */

static an_status read_all(int fd, const char *path, an_text *out, an_error *e)
{
    char chunk[CHUNK];
    for (;;) {
        const ssize_t got = TEMP_FAILURE_RETRY(read(fd, chunk, sizeof chunk));
        if (got < 0) return system_error(e, path, "read it");
        if (got == 0) break;
        an_text_add_bytes(out, chunk, got);
        if (out->failed) return an_fail(e, AN_E_MEMORY, "%s: no memory for its bytes", path);
    }
    return AN_OK;
}

an_status an_file_read(const char *path, an_text *out, an_error *e)
{
    if (!path || !out) return an_fail(e, AN_E_ARGUMENT, "a file was asked for without a path");
    if (strcmp(path, "-") == 0) return read_all(STDIN_FILENO, "standard input", out, e);
    const int fd = open_file(path, O_RDONLY);
    if (fd < 0) return system_error(e, path, "open it");
    const an_status status = read_all(fd, path, out, e);
    close(fd);
    return status;
}

/* ---- where it goes ----------------------------------------------------- */

/* Puts the name behind all links of `path` into `target`, whether that is there or not; false,
 * with errno, if it cannot. `borrowed`: it is another name of an open file, as /dev/stdout is. */
static bool follow(const char *path, an_text *target, bool *borrowed)
{
    char to[PATH_MAX];
    an_text_add(target, path);
    *borrowed = false;
    for (int links = 0; links < MOST_LINKS && !target->failed; links++) {
        const ssize_t length = readlink(target->data, to, sizeof to);
        if (length < 0) return errno == EINVAL || errno == ENOENT; /* no link */
        *borrowed = *borrowed || strncmp(target->data, "/proc/", 6) == 0 ||
                    strncmp(target->data, "/dev/fd/", 8) == 0;
        an_text next = {0};
        const char *const slash = strrchr(target->data, '/');
        if (to[0] != '/' && slash)
            an_text_add_bytes(&next, target->data, slash + 1 - target->data);
        an_text_add_bytes(&next, to, length);
        an_text_free(target);
        *target = next;
    }
    errno = target->failed ? ENOMEM : ELOOP;
    return false;
}

/* A folder that may be searched but not read cannot be synced, which is no failure: -1 then. */
static bool open_folder_of(const char *path, int *folder)
{
    const char *const slash = strrchr(path, '/');
    an_text name = {0};
    if (!slash) an_text_add(&name, ".");
    else an_text_add_bytes(&name, path, slash + 1 - path);
    if (name.failed) errno = ENOMEM;
    else *folder = open_file(name.data, O_RDONLY | O_DIRECTORY);
    const bool good = *folder >= 0 || errno == EACCES;
    an_text_free(&name);
    return good;
}

/* NULL, or what could not be done. The new file gets the mode of the one it replaces. The lock
 * outlives `fd`, which is closed before the end. */
static const char *begin_beside(an_file_writer *w, const struct stat *old)
{
    if (!open_folder_of(w->target.data, &w->folder)) return "open its folder";
    w->fd = an_neighbour_open(w->target.data, &w->beside);
    w->made = w->fd >= 0;
    if (w->made) w->lock = fcntl(w->fd, F_DUPFD_CLOEXEC, 0);
    if (w->lock < 0) return "make a new file beside it";
    if (!old || TEMP_FAILURE_RETRY(fchmod(w->fd, old->st_mode & 07777)) == 0) return NULL;
    return "keep its mode";
}

static const char *begin(an_file_writer *w)
{
    struct stat old;
    bool borrowed;
    const bool there = stat(w->path, &old) == 0;
    if (!there && errno != ENOENT) return "look at it";
    if (!follow(w->path, &w->target, &borrowed)) return "follow it";
    if (!there) return begin_beside(w, NULL);
    if (S_ISREG(old.st_mode) && !borrowed) return begin_beside(w, &old);
    w->fd = open_file(w->path, O_WRONLY | O_TRUNC | O_NOCTTY); /* of a folder: EISDIR */
    return w->fd >= 0 ? NULL : "write it";
}

void an_file_begin(an_file_writer *w, const char *path, an_error *e)
{
    *w = (an_file_writer){.path = path, .fd = -1, .lock = -1, .folder = -1, .error = e};
    if (!path) {
        w->status = an_fail(e, AN_E_ARGUMENT, "a file was to be written without a path");
        return;
    }
    const char *const doing = begin(w);
    if (doing) w->status = system_error(e, path, doing);
}

/* ---- writing ----------------------------------------------------------- */

static const int raised[] = {SIGXFSZ, SIGPIPE}; /* by writes that fail */

typedef struct quiet {
    sigset_t mask, pending; /* before */
} quiet;

static void hold_signals(quiet *q)
{
    sigset_t held;
    sigemptyset(&held);
    for (int i = 0; i < 2; i++) sigaddset(&held, raised[i]);
    sigpending(&q->pending);
    pthread_sigmask(SIG_BLOCK, &held, &q->mask);
}

/* What was pending before is the caller's. */
static void release_signals(const quiet *q, bool failed)
{
    const int why = errno;
    const struct timespec now = {0};
    for (int i = 0; i < 2 && failed; i++) {
        sigset_t one;
        sigemptyset(&one);
        sigaddset(&one, raised[i]);
        if (!sigismember(&q->pending, raised[i]))
            (void)TEMP_FAILURE_RETRY(sigtimedwait(&one, NULL, &now));
    }
    pthread_sigmask(SIG_SETMASK, &q->mask, NULL);
    errno = why;
}

static bool write_all(int fd, const char *bytes, int64_t count)
{
    while (count > 0) {
        const ssize_t put = TEMP_FAILURE_RETRY(write(fd, bytes, (size_t)count));
        if (put < 0) return false;
        bytes += put;
        count -= put;
    }
    return true;
}

void an_file_put(an_file_writer *w, const void *bytes, int64_t count)
{
    if (w->status != AN_OK) return;
    quiet q;
    hold_signals(&q);
    const bool good = write_all(w->fd, bytes, count);
    release_signals(&q, !good);
    if (!good) w->status = system_error(w->error, w->path, "write it");
}

/* Some file systems, and all devices, have nothing to sync. */
static bool sync_file(int fd)
{
    return TEMP_FAILURE_RETRY(fsync(fd)) == 0 || errno == EINVAL || errno == EROFS;
}

/* Linux closes the file even if a signal comes in between. */
static bool close_file(int *fd)
{
    const bool good = *fd < 0 || close(*fd) == 0 || errno == EINTR;
    *fd = -1;
    return good;
}

/* NULL, or what could not be done. */
static const char *finish(an_file_writer *w)
{
    if (!sync_file(w->fd) || !close_file(&w->fd)) return "write it";
    if (!w->made) return NULL;
    if (TEMP_FAILURE_RETRY(rename(w->beside.data, w->target.data)) != 0) return "replace it";
    w->made = false;
    return w->folder < 0 || sync_file(w->folder) ? NULL : "sync its folder, though it was replaced";
}

an_status an_file_end(an_file_writer *w)
{
    const char *const doing = w->status == AN_OK ? finish(w) : NULL;
    if (doing) w->status = system_error(w->error, w->path, doing);
    if (w->made) unlink(w->beside.data);
    close_file(&w->fd);
    close_file(&w->lock);
    close_file(&w->folder);
    an_text_free(&w->target);
    an_text_free(&w->beside);
    return w->status;
}

an_status an_file_write(const char *path, const char *bytes, int64_t count, an_error *e)
{
    if (!path || (!bytes && count != 0) || count < 0)
        return an_fail(e, AN_E_ARGUMENT, "a file was to be written without a path or bytes");
    an_file_writer w;
    an_file_begin(&w, path, e);
    an_file_put(&w, bytes, count);
    return an_file_end(&w);
}
