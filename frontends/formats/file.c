/* file.c -- whole files, in and out.
 *
 * The one place of this folder that opens files for their bytes. Writing goes to
 * a temporary neighbour that is synced and then renamed over the target; writing
 * in place leaves a torn file when the process dies in between.              */
#include "frontends/formats/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/memory.h"

#define CHUNK 65536
#define MOST_NEIGHBOURS 100

/* strerror may share its buffer between threads; this one has its own. */
static an_status system_error(an_error *e, const char *path, const char *doing)
{
    const int number = errno;
    char buffer[128];
    return an_fail(e, AN_E_IO, "%s: cannot %s: %s", path, doing,
                   strerror_r(number, buffer, sizeof buffer));
}

/* ---- reading ----------------------------------------------------------- */

static an_status read_all(int fd, const char *path, an_text *out, an_error *e)
{
    char chunk[CHUNK];
    for (;;) {
        const ssize_t got = read(fd, chunk, sizeof chunk);
        if (got < 0 && errno == EINTR) continue;
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
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return system_error(e, path, "open it");
    const an_status status = read_all(fd, path, out, e);
    close(fd);
    return status;
}

/* ---- writing ----------------------------------------------------------- */

static bool write_all(int fd, const char *bytes, int64_t count)
{
    while (count > 0) {
        const ssize_t put = write(fd, bytes, (size_t)count);
        if (put < 0 && errno == EINTR) continue;
        if (put < 0) return false;
        bytes += put;
        count -= put;
    }
    return true;
}

/* A rename is safe only once the folder is on the disk, too. Some file systems
 * cannot sync a folder; the file itself is whole in any case. */
static void sync_folder_of(const char *path)
{
    const char *const slash = strrchr(path, '/');
    an_text folder = {0};
    if (!slash) an_text_add(&folder, ".");
    else an_text_add_bytes(&folder, path, slash - path + 1);
    const int fd = folder.failed ? -1 : open(an_text_view(&folder), O_RDONLY | O_CLOEXEC);
    if (fd >= 0) {
        (void)fsync(fd);
        close(fd);
    }
    an_text_free(&folder);
}

/* Opens a new file beside `path`, whose name is put into `beside`. Names are
 * tried in turn: another thread, or a process that died, may have taken some. */
static int open_beside(const char *path, an_text *beside)
{
    for (int n = 0; n < MOST_NEIGHBOURS; n++) {
        an_text_clear(beside);
        an_text_addf(beside, "%s.%ld-%d.tmp", path, (long)getpid(), n);
        if (beside->failed) {
            errno = ENOMEM;
            return -1;
        }
        const int fd = open(beside->data, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (fd >= 0 || errno != EEXIST) return fd;
    }
    return -1;
}

/* Gives the new file the mode of the one it replaces, if there is one. */
static bool keep_mode(int fd, const char *path)
{
    struct stat old;
    return stat(path, &old) != 0 || fchmod(fd, old.st_mode & 07777) == 0;
}

void an_file_begin(an_file_writer *w, const char *path, an_error *e)
{
    *w = (an_file_writer){.path = path, .fd = -1, .error = e};
    if (!path) {
        w->status = an_fail(e, AN_E_ARGUMENT, "a file was to be written without a path");
        return;
    }
    w->fd = open_beside(path, &w->beside);
    if (w->fd >= 0) return;
    w->status = w->beside.failed ? an_fail(e, AN_E_MEMORY, "%s: no memory to write it", path)
                                 : system_error(e, path, "make a new file beside it");
}

void an_file_put(an_file_writer *w, const void *bytes, int64_t count)
{
    if (w->status == AN_OK && !write_all(w->fd, bytes, count))
        w->status = system_error(w->error, w->path, "write it");
}

an_status an_file_end(an_file_writer *w)
{
    const bool open_still = w->fd >= 0;
    if (w->status == AN_OK && (!keep_mode(w->fd, w->path) || fsync(w->fd) != 0))
        w->status = system_error(w->error, w->path, "write it");
    if (open_still && close(w->fd) != 0 && w->status == AN_OK)
        w->status = system_error(w->error, w->path, "write it");
    if (w->status == AN_OK && rename(w->beside.data, w->path) != 0)
        w->status = system_error(w->error, w->path, "replace it");
    if (w->status == AN_OK) sync_folder_of(w->path);
    else if (open_still) unlink(w->beside.data);
    an_text_free(&w->beside);
    w->fd = -1;
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
