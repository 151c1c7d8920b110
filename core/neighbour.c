/* neighbour.c -- see neighbour.h.
 *
 * A name alone proves nothing: between two calls another process may have renamed the
 * file into its place, or swept it. So a lock counts only if the name still leads to the
 * file that was locked, and a stray is unlinked, never reused: whoever made it may have
 * it open.                                                                   */
#include "core/neighbour.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define MOST_WRITERS 16 /* of one file at once */

static bool add_name(const char *target, int number, an_text *name)
{
    an_text_clear(name);
    an_text_addf(name, "%s.addnorm-%d.tmp", target, number);
    if (name->failed) errno = ENOMEM;
    return !name->failed;
}

static int open_file(const char *name, int flags)
{
    return (int)TEMP_FAILURE_RETRY(open(name, flags | O_NOFOLLOW | O_CLOEXEC, 0666));
}

/* Whether that open file still has that name. */
static bool is_named(int fd, const char *name)
{
    struct stat open_file, named;
    return fstat(fd, &open_file) == 0 && lstat(name, &named) == 0 && S_ISREG(named.st_mode) &&
           open_file.st_dev == named.st_dev && open_file.st_ino == named.st_ino;
}

/* True if nothing has that name, because nothing had or because it was a stray. */
static bool sweep(const char *name)
{
    const int fd = open_file(name, O_RDWR | O_NONBLOCK);
    if (fd < 0) return errno == ENOENT;
    const bool stray = flock(fd, LOCK_EX | LOCK_NB) == 0 && is_named(fd, name);
    const bool gone = stray && unlink(name) == 0;
    close(fd);
    return gone;
}

void an_neighbour_sweep(const char *target)
{
    an_text name = {0};
    for (int n = 0; n < MOST_WRITERS; n++)
        if (add_name(target, n, &name)) (void)sweep(name.data);
    an_text_free(&name);
}

/* A new file of that name, or -1; errno is EEXIST if another process was faster. Where files
 * cannot be locked, nobody takes it for a stray either. */
static int create(const char *name)
{
    const int fd = open_file(name, O_WRONLY | O_CREAT | O_EXCL);
    if (fd < 0) return -1;
    if (flock(fd, LOCK_EX | LOCK_NB) == 0 ? is_named(fd, name) : errno != EWOULDBLOCK) return fd;
    close(fd);
    errno = EEXIST;
    return -1;
}

int an_neighbour_open(const char *target, an_text *name)
{
    an_neighbour_sweep(target);
    for (int n = 0; n < MOST_WRITERS; n++) {
        if (!add_name(target, n, name)) return -1;
        const int fd = create(name->data);
        if (fd >= 0 || errno != EEXIST) return fd;
    }
    errno = EBUSY;
    return -1;
}
