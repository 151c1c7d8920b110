/* test_file.c -- whole files: a write replaces all or nothing, and leaves no trace. */
#include "core/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support.h"

static char folder[64], path[96], other[96];

static void open_folder(void)
{
    snprintf(folder, sizeof folder, "/tmp/addnorm-file-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/x", folder);
    snprintf(other, sizeof other, "%s/y", folder);
}

static void close_folder(void)
{
    unlink(path);
    unlink(other);
    ck_assert_msg(rmdir(folder) == 0, "something was left in %s", folder);
}

static int64_t entries(void)
{
    DIR *const opened = opendir(folder);
    ck_assert_ptr_nonnull(opened);
    int64_t count = 0;
    while (readdir(opened)) count++;
    closedir(opened);
    return count - 2; /* . and .. */
}

static void expect_file(const char *name, const char *bytes, int64_t count)
{
    an_text all = {0};
    an_error e = {0};
    ck_assert_msg(an_file_read(name, &all, &e) == AN_OK, "%s", e.text);
    ck_assert_int_eq(all.length, count);
    ck_assert(count == 0 || memcmp(all.data, bytes, (size_t)count) == 0);
    an_text_free(&all);
}

START_TEST(test_write_and_read_back)
{
    open_folder();
    an_error e = {0};
    ck_assert_int_eq(an_file_write(path, "a\0b", 3, &e), AN_OK);
    expect_file(path, "a\0b", 3);
    ck_assert_int_eq(chmod(path, 0640), 0);
    ck_assert_int_eq(an_file_write(path, "", 0, &e), AN_OK);
    expect_file(path, "", 0);
    struct stat about;
    ck_assert_int_eq(stat(path, &about), 0);
    ck_assert_int_eq(about.st_mode & 0777, 0640); /* the old file's */
    ck_assert_int_eq(entries(), 1);
    close_folder();
}
END_TEST

START_TEST(test_failed_write_leaves_nothing)
{
    open_folder();
    ck_assert_int_eq(mkdir(path, 0700), 0); /* a folder cannot be replaced by a file */
    an_error e = {0};
    ck_assert_int_eq(an_file_write(path, "new", 3, &e), AN_E_IO);
    ck_assert_ptr_nonnull(strstr(e.text, "/x: cannot write it: Is a directory"));
    ck_assert_int_eq(entries(), 1);
    rmdir(path);
    close_folder();
}
END_TEST

/* ---- what is no plain file --------------------------------------------- */

static void expect_link(const char *link, const char *to)
{
    char found[96] = "";
    ck_assert_int_ge(readlink(link, found, sizeof found - 1), 0);
    ck_assert_str_eq(found, to);
}

static void write_now(const char *name, const char *text)
{
    an_error e = {0};
    ck_assert_msg(an_file_write(name, text, (int64_t)strlen(text), &e) == AN_OK, "%s", e.text);
}

/* Of a link what it names is replaced, there or not; the link stays, and hard links part. */
START_TEST(test_links_are_followed)
{
    open_folder();
    const char *const ways[] = {"y", other};
    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(symlink(ways[i], path), 0);
        write_now(path, "made");
        expect_link(path, ways[i]);
        expect_file(other, "made", 4);
        ck_assert_int_eq(chmod(other, 0600), 0);
        write_now(path, "more");
        expect_link(path, ways[i]);
        expect_file(other, "more", 4);
        struct stat about;
        ck_assert_int_eq(stat(other, &about), 0);
        ck_assert_int_eq(about.st_mode & 0777, 0600);
        ck_assert_int_eq(entries(), 2);
        unlink(path);
        unlink(other);
    }
    ck_assert_int_eq(symlink("x", path), 0); /* of itself */
    an_error e = {0};
    ck_assert_int_eq(an_file_write(path, "", 0, &e), AN_E_IO);
    ck_assert_ptr_nonnull(strstr(e.text, "Too many levels of symbolic links"));
    close_folder();
}
END_TEST

START_TEST(test_devices_are_written_into)
{
    open_folder();
    struct stat before, after;
    ck_assert_int_eq(stat("/dev/null", &before), 0);
    ck_assert_int_eq(symlink("/dev/null", path), 0);
    write_now("/dev/null", "lost");
    write_now(path, "lost");
    expect_link(path, "/dev/null");
    ck_assert_int_eq(lstat("/dev/null", &after), 0);
    ck_assert(S_ISCHR(after.st_mode) && before.st_rdev == after.st_rdev);
    an_error e = {0};
    if (access("/dev/full", W_OK) == 0) {
        ck_assert_int_eq(an_file_write("/dev/full", "x", 1, &e), AN_E_IO);
        ck_assert_ptr_nonnull(strstr(e.text, "/dev/full: cannot write it: No space left"));
    }
    close_folder();
}
END_TEST

static void *read_pipe(void *into)
{
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (read(fd, into, 9) < 0) *(char *)into = 0;
    close(fd);
    return NULL;
}

START_TEST(test_pipes_are_written_into)
{
    open_folder();
    ck_assert_int_eq(mkfifo(path, 0600), 0);
    char got[10] = "";
    pthread_t reader;
    ck_assert_int_eq(pthread_create(&reader, NULL, read_pipe, got), 0);
    write_now(path, "through");
    pthread_join(reader, NULL);
    ck_assert_str_eq(got, "through");
    ck_assert_int_eq(entries(), 1);
    close_folder();
}
END_TEST

/* The name of an open file, as /dev/stdout is, is not its name in a folder. */
START_TEST(test_open_files_are_written_into)
{
    open_folder();
    write_now(path, "before");
    const int fd = open(path, O_RDWR | O_CLOEXEC);
    snprintf(other, sizeof other, "/proc/self/fd/%d", fd);
    write_now(other, "after");
    char got[10] = "";
    ck_assert_int_eq(pread(fd, got, 9, 0), 5);
    ck_assert_str_eq(got, "after");
    snprintf(other, sizeof other, "/dev/fd/%d", fd);
    write_now(other, "later");
    ck_assert_int_eq(pread(fd, got, 9, 0), 5);
    ck_assert_str_eq(got, "later");
    unlink(path);
    write_now(other, "gone"); /* now it has no name */
    ck_assert_int_eq(pread(fd, got, 9, 0), 4);
    close(fd);
    ck_assert_int_eq(entries(), 0);
    snprintf(other, sizeof other, "%s/y", folder);
    close_folder();
}
END_TEST

/* ---- what processes left ----------------------------------------------- */

static const char *stray(int number)
{
    static char name[128];
    snprintf(name, sizeof name, "%s.addnorm-%d.tmp", path, number);
    return name;
}

/* Strays go at the next write; a living writer's file, and what is no file, stay. */
START_TEST(test_strays_are_removed)
{
    open_folder();
    const int dead[] = {0, 1, 7};
    for (int i = 0; i < 3; i++) close(open(stray(dead[i]), O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
    write_now(path, "new");
    ck_assert_int_eq(entries(), 1);
    for (int i = 0; i < 2; i++) close(open(stray(i), O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
    const int held = open(stray(0), O_WRONLY | O_CLOEXEC);
    ck_assert_int_eq(flock(held, LOCK_EX), 0);
    write_now(path, "newer");
    ck_assert_int_eq(entries(), 2);
    ck_assert_int_eq(access(stray(0), F_OK), 0);
    close(held); /* as death does */
    ck_assert_int_eq(symlink("y", stray(1)), 0);
    write_now(path, "newest");
    ck_assert_int_eq(entries(), 2);
    expect_link(stray(1), "y");
    unlink(stray(1));
    expect_file(path, "newest", 6);
    close_folder();
}
END_TEST

static void *write_often(void *text)
{
    for (int i = 0; i < 50; i++) {
        an_error e = {0};
        const an_status status = an_file_write(path, text, (int64_t)strlen(text), &e);
        ck_assert_msg(status == AN_OK, "%s", e.text);
    }
    return NULL;
}

START_TEST(test_many_write_at_once)
{
    open_folder();
    char text[4][9] = {"aaaaaaaa", "bbbbbbbb", "cccccccc", "dddddddd"};
    pthread_t thread[4];
    for (int i = 0; i < 4; i++) pthread_create(&thread[i], NULL, write_often, text[i]);
    for (int i = 0; i < 4; i++) pthread_join(thread[i], NULL);
    an_text all = {0};
    ck_assert_int_eq(an_file_read(path, &all, NULL), AN_OK);
    int whole = 0;
    for (int i = 0; i < 4; i++) whole += strcmp(an_text_view(&all), text[i]) == 0;
    ck_assert_int_eq(whole, 1);
    an_text_free(&all);
    ck_assert_int_eq(entries(), 1);
    close_folder();
}
END_TEST

/* ---- signals ----------------------------------------------------------- */

static bool is_pending(int number)
{
    sigset_t set;
    sigpending(&set);
    return sigismember(&set, number) == 1;
}

/* In a child, with the default action: what is not survived is seen by its parent. */
static int hit_the_limit(void)
{
    char big[20000] = {0};
    const struct rlimit limit = {10000, 10000};
    sigset_t both, mask;
    an_error e = {0};
    setrlimit(RLIMIT_FSIZE, &limit);
    if (an_file_write(path, big, sizeof big, &e) != AN_E_IO || is_pending(SIGXFSZ)) return 1;
    if (!strstr(e.text, "/x: cannot write it: File too large")) return 2;
    pthread_sigmask(SIG_SETMASK, NULL, &mask);
    if (sigismember(&mask, SIGXFSZ) || sigismember(&mask, SIGPIPE)) return 3;
    int ends[2]; /* written into by its name in /proc; nobody reads it */
    char name[64];
    if (pipe(ends) != 0) return 4;
    snprintf(name, sizeof name, "/proc/self/fd/%d", ends[1]);
    an_file_writer w;
    an_file_begin(&w, name, NULL);
    close(ends[0]);
    an_file_put(&w, "x", 1);
    if (an_file_end(&w) != AN_E_IO || is_pending(SIGPIPE)) return 5;
    /* A signal that the caller holds back and has is the caller's. */
    sigemptyset(&both);
    sigaddset(&both, SIGXFSZ);
    pthread_sigmask(SIG_BLOCK, &both, NULL);
    raise(SIGXFSZ);
    if (an_file_write(path, big, sizeof big, NULL) != AN_E_IO || !is_pending(SIGXFSZ)) return 6;
    return 0;
}

START_TEST(test_no_signal_ends_the_process)
{
    open_folder();
    write_now(path, "old");
    const pid_t child = fork();
    if (child == 0) _exit(hit_the_limit());
    int how;
    ck_assert_int_eq(waitpid(child, &how, 0), child);
    ck_assert_msg(WIFEXITED(how) && WEXITSTATUS(how) == 0, "signal %d, answer %d",
                  WIFSIGNALED(how) ? WTERMSIG(how) : 0, WEXITSTATUS(how));
    expect_file(path, "old", 3);
    ck_assert_int_eq(entries(), 1);
    close_folder();
}
END_TEST

START_TEST(test_every_allocation_may_fail)
{
    open_folder();
    an_error e = {0};
    ck_assert_int_eq(an_file_write(path, "old", 3, &e), AN_OK);
    bool failed = true;
    for (int64_t at = 0; failed; at++) {
        an_test_heap_start(at);
        an_error_clear(&e);
        const an_status status = an_file_write(path, "new", 3, &e);
        failed = an_test_heap_failed();
        ck_assert_int_eq(an_test_heap_stop(), 0);
        if (status == AN_OK) expect_file(path, "new", 3);
        else expect_file(path, "old", 3);
        ck_assert(status == AN_OK || (failed && status == AN_E_MEMORY));
        ck_assert_int_eq(entries(), 1);
        if (status == AN_OK && failed) an_file_write(path, "old", 3, &e);
    }
    close_folder();
}
END_TEST

START_TEST(test_refusals)
{
    an_error e = {0};
    an_text all = {0};
    ck_assert_int_eq(an_file_read(NULL, &all, &e), AN_E_ARGUMENT);
    ck_assert_int_eq(an_file_read("x", NULL, &e), AN_E_ARGUMENT);
    ck_assert_int_eq(an_file_write(NULL, "", 0, &e), AN_E_ARGUMENT);
    ck_assert_int_eq(an_file_write("x", NULL, 1, &e), AN_E_ARGUMENT);
    ck_assert_int_eq(an_file_write("x", "", -1, NULL), AN_E_ARGUMENT);
    ck_assert_int_eq(an_file_read("/tmp", &all, NULL), AN_E_IO); /* a folder has no bytes */
    an_text_free(&all);
}
END_TEST

AN_TEST_MAIN("file", test_write_and_read_back, test_failed_write_leaves_nothing,
             test_links_are_followed, test_devices_are_written_into, test_pipes_are_written_into,
             test_open_files_are_written_into, test_strays_are_removed, test_many_write_at_once,
             test_no_signal_ends_the_process, test_every_allocation_may_fail, test_refusals)
