/* test_file.c -- whole files: a write replaces all or nothing, and leaves no trace. */
#include "frontends/formats/file.h"

#include <dirent.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support.h"

static int64_t entries_of(const char *folder)
{
    DIR *const open_folder = opendir(folder);
    ck_assert_ptr_nonnull(open_folder);
    int64_t count = 0;
    while (readdir(open_folder)) count++;
    closedir(open_folder);
    return count - 2; /* . and .. */
}

static void expect_file(const char *path, const char *bytes, int64_t count)
{
    an_text all = {0};
    an_error e = {0};
    ck_assert_msg(an_file_read(path, &all, &e) == AN_OK, "%s", e.text);
    ck_assert_int_eq(all.length, count);
    ck_assert(count == 0 || memcmp(all.data, bytes, (size_t)count) == 0);
    an_text_free(&all);
}

START_TEST(test_write_and_read_back)
{
    char folder[] = "/tmp/addnorm-file-XXXXXX", path[64];
    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/x", folder);
    an_error e = {0};
    ck_assert_int_eq(an_file_write(path, "a\0b", 3, &e), AN_OK);
    expect_file(path, "a\0b", 3);
    ck_assert_int_eq(chmod(path, 0640), 0);
    ck_assert_int_eq(an_file_write(path, "", 0, &e), AN_OK);
    expect_file(path, "", 0);
    struct stat about;
    ck_assert_int_eq(stat(path, &about), 0);
    ck_assert_int_eq(about.st_mode & 0777, 0640); /* the old file's */
    ck_assert_int_eq(entries_of(folder), 1);
    unlink(path);
    rmdir(folder);
}
END_TEST

START_TEST(test_failed_write_leaves_nothing)
{
    char folder[] = "/tmp/addnorm-file-XXXXXX", path[64];
    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/x", folder);
    ck_assert_int_eq(mkdir(path, 0700), 0); /* a folder cannot be replaced by a file */
    an_error e = {0};
    ck_assert_int_eq(an_file_write(path, "new", 3, &e), AN_E_IO);
    ck_assert_ptr_nonnull(strstr(e.text, "/x: cannot replace it"));
    ck_assert_int_eq(entries_of(folder), 1);
    rmdir(path);
    rmdir(folder);
}
END_TEST

START_TEST(test_every_allocation_may_fail)
{
    char folder[] = "/tmp/addnorm-file-XXXXXX", path[64];
    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/x", folder);
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
        ck_assert_int_eq(entries_of(folder), 1);
        if (status == AN_OK && failed) an_file_write(path, "old", 3, &e);
    }
    unlink(path);
    rmdir(folder);
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
             test_every_allocation_may_fail, test_refusals)
