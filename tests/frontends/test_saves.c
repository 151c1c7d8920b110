/* test_saves.c -- a process killed while it saves, and system calls that fail one after the other.
 *
 * The linker puts functions of this file before those of the C library that writing a file calls
 * (--wrap, tests/meson.build). Each counts; the one whose turn it is fails with an errno, writes
 * less than was asked for, or kills the process. AN_KILLS=200 kills that often at random, too. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/text.h"
#include "frontends/addnorm.h"
#include "tests/support.h"

/* ---- calls that fail --------------------------------------------------- */

typedef enum way { NEVER, FAIL, SHORT, KILL } way;

static struct {
    way way;
    int number;       /* errno of a call that fails */
    int64_t turn, calls;
    const char *call; /* the one whose turn it was */
    char order[64];   /* of the first fsync, rename ... since then: their initials */
} fault;

static void arm(way how, int number, int64_t turn)
{
    fault.way = how;
    fault.number = number;
    fault.turn = turn;
    fault.calls = 0;
    fault.call = NULL;
    fault.order[0] = 0;
}

static bool is_its_turn(const char *call)
{
    const size_t length = strlen(fault.order);
    if (strcmp(call, "fsync") == 0 || strcmp(call, "rename") == 0 || strcmp(call, "write") == 0)
        if (length + 1 < sizeof fault.order) memcpy(fault.order + length, (char[]){call[0], 0}, 2);
    if (fault.way == NEVER || fault.calls++ != fault.turn) return false;
    fault.call = call;
    if (fault.way == KILL) kill(getpid(), SIGKILL);
    errno = fault.number;
    return true;
}

#define WRAP(result, name, parameters, arguments)                                                  \
    result __real_##name parameters;                                                               \
    result __wrap_##name parameters;                                                               \
    result __wrap_##name parameters                                                                \
    {                                                                                              \
        return is_its_turn(#name) && fault.way == FAIL ? -1 : __real_##name arguments;             \
    }

WRAP(int, open64, (const char *path, int flags, mode_t mode), (path, flags, mode))
WRAP(int, stat64, (const char *path, struct stat *s), (path, s))
WRAP(int, lstat64, (const char *path, struct stat *s), (path, s))
WRAP(int, fstat64, (int fd, struct stat *s), (fd, s))
WRAP(ssize_t, readlink, (const char *path, char *to, size_t size), (path, to, size))
WRAP(int, fcntl64, (int fd, int what, long value), (fd, what, value))
WRAP(int, flock, (int fd, int what), (fd, what))
WRAP(int, fchmod, (int fd, mode_t mode), (fd, mode))
WRAP(int, fsync, (int fd), (fd))
WRAP(int, rename, (const char *from, const char *to), (from, to))
WRAP(int, unlink, (const char *path), (path))
WRAP(int, mkdir, (const char *path, mode_t mode), (path, mode))

/* A close that fails has closed all the same, as on Linux. */
int __real_close(int fd);
int __wrap_close(int fd);
int __wrap_close(int fd)
{
    const bool fails = is_its_turn("close") && fault.way == FAIL;
    const int done = __real_close(fd);
    if (fails) errno = fault.number;
    return fails ? -1 : done;
}

ssize_t __real_write(int fd, const void *bytes, size_t count);
ssize_t __wrap_write(int fd, const void *bytes, size_t count);
ssize_t __wrap_write(int fd, const void *bytes, size_t count)
{
    const bool now = is_its_turn("write");
    if (now && fault.way == FAIL) return -1;
    return __real_write(fd, bytes, now && fault.way == SHORT ? (count + 1) / 2 : count);
}

/* ---- a folder ---------------------------------------------------------- */

static char folder[64], path[96], real[96];

static void open_folder(void)
{
    snprintf(folder, sizeof folder, "%s/addnorm-saves-XXXXXX",
             access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/x.dot", folder);
    snprintf(real, sizeof real, "%s/y", folder);
}

static void remove_all(void)
{
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    ck_assert_int_eq(system(command), 0);
}

/* Unfinished files in a folder. */
static int64_t strays_in(const char *name)
{
    DIR *const d = opendir(name);
    int64_t count = 0;
    for (const struct dirent *e; d && (e = readdir(d));) count += strstr(e->d_name, ".tmp") != NULL;
    if (d) closedir(d);
    return count;
}

static char *bytes_of(const char *name, size_t *size)
{
    FILE *const f = fopen(name, "rb");
    char *bytes = NULL;
    *size = 0;
    if (!f) return NULL;
    FILE *const to = open_memstream(&bytes, size);
    for (int c; (c = fgetc(f)) != EOF;) fputc(c, to);
    fclose(f);
    fclose(to);
    return bytes;
}

/* ---- whatever writes a file -------------------------------------------- */

static an_store *some_store(int64_t floats)
{
    an_store *const s = an_store_new(3);
    for (int i = 0; i < 3; i++) {
        an_tensor t = {0};
        ck_assert_int_eq(an_tensor_alloc(&t, AN_F32, AN_EXTENTS(floats)), AN_OK);
        for (int64_t k = 0; k < floats; k++) an_tensor_set(&t, k, (double)(k % 1000 + i));
        an_store_set(s, (char[]){'w', (char)('0' + i), 0}, &t);
        an_tensor_free(&t);
    }
    return s;
}

static an_status save_states(char message[512])
{
    an_store *const s = some_store(1000);
    const an_status status = an_checkpoint_save(s, path, &(an_metadata){"epoch", "3"}, 1);
    snprintf(message, 512, "%s", an_store_message(s));
    an_store_free(s);
    return status;
}

static an_status save_tokenizer(char message[512])
{
    const char *const texts[] = {"the film was dull", "the plot"};
    an_tokenizer *const t = an_tokenizer_new(NULL);
    an_tokenizer_fit(t, texts, 2);
    const an_status status = an_tokenizer_save(t, path);
    snprintf(message, 512, "%s", an_tokenizer_message(t));
    an_tokenizer_free(t);
    return status;
}

static an_status save_picture(char message[512])
{
    an_graph *const g = an_graph_new("g");
    an_graph_output(an_relu(an_input(g, "x", AN_F32, AN_SHAPE(3))), "y");
    const an_status status = an_dot_file(g, path, .message = message, .message_size = 512);
    an_graph_free(g);
    return status;
}

typedef an_status writer(char message[512]);
static const struct {
    const char *name;
    writer *write;
} writers[] = {{"checkpoint", save_states}, {"tokenizer", save_tokenizer},
               {"picture", save_picture}};
#define WRITERS ((int)(sizeof writers / sizeof *writers))

/* An old file, as it is or behind a link. */
static void put_old(bool link)
{
    remove_all();
    ck_assert_int_eq(mkdir(folder, 0700), 0);
    FILE *const f = fopen(link ? real : path, "wb");
    fputs("old", f);
    fclose(f);
    if (link) ck_assert_int_eq(symlink("y", path), 0);
}

/* The file is old, or new as a whole. */
static bool is_new(const char *fresh, size_t size, const char *what)
{
    size_t found;
    char *const bytes = bytes_of(path, &found);
    const bool old = bytes && found == 3 && memcmp(bytes, "old", 3) == 0;
    const bool whole = bytes && found == size && memcmp(bytes, fresh, size) == 0;
    ck_assert_msg(old || whole, "%s: torn at call %lld, %s", what, (long long)fault.turn,
                  fault.call);
    free(bytes);
    return whole;
}

/* What must be so if the call `fault.call` failed. */
static void judge(an_status status, const char *message, bool replaced, const char *what)
{
    if (status == AN_OK) {
        ck_assert_msg(replaced, "%s: %s failed, and the file is old without a word", what,
                      fault.call);
        ck_assert_msg(strcmp(fault.call, "fsync") != 0, "%s: a failed fsync was not told", what);
        return;
    }
    ck_assert_msg(strstr(message, path) && strstr(message, strerror(fault.number)), "%s: %s: %s",
                  what, fault.call, message);
    ck_assert_msg(!replaced || strstr(message, "sync its folder, though it was replaced"),
                  "%s: %s: replaced, and said: %s", what, fault.call, message);
}

/* Every call fails in turn. Returns how many there are. */
static int64_t fail_each(int which, bool link, way how, int number)
{
    char message[512] = "";
    const char *const name = writers[which].name;
    put_old(link);
    ck_assert_int_eq(writers[which].write(message), AN_OK);
    size_t size;
    char *const fresh = bytes_of(path, &size);
    int64_t turn = 0;
    for (bool more = true; more; turn++) {
        put_old(link);
        arm(how, number, turn);
        const an_status status = writers[which].write(message);
        more = fault.call != NULL;
        fault.way = NEVER;
        const bool replaced = is_new(fresh, size, name);
        if (more && how == FAIL) judge(status, message, replaced, name);
        else ck_assert_msg(status == AN_OK && replaced, "%s: %s", name, message);
        ck_assert_int_le(strays_in(folder), more && how == FAIL);
        ck_assert_int_eq(writers[which].write(message), AN_OK); /* and none after the next */
        ck_assert_int_eq(strays_in(folder), 0);
        struct stat about;
        ck_assert_int_eq(lstat(path, &about), 0);
        ck_assert(!link == !S_ISLNK(about.st_mode));
    }
    free(fresh);
    return turn - 1;
}

START_TEST(test_every_call_may_fail)
{
    static const int numbers[] = {EIO, ENOSPC, EACCES};
    open_folder();
    for (int i = 0; i < WRITERS; i++) {
        int64_t calls = 0;
        for (int k = 0; k < 3; k++)
            for (int link = 0; link < 2; link++) calls = fail_each(i, link, FAIL, numbers[k]);
        printf("%s: each of %lld calls failed: 0 torn\n", writers[i].name, (long long)calls);
        ck_assert_int_gt(calls, 20);
    }
    remove_all();
}
END_TEST

/* Calls that a signal may interrupt, and writes that do less, change nothing. */
START_TEST(test_interrupted_calls_are_made_again)
{
    static const char *const interrupted[] = {"open64", "write", "fsync", "fchmod", "rename",
                                              "close"};
    open_folder();
    char message[512];
    for (int i = 0; i < WRITERS; i++) {
        bool more = true;
        fail_each(i, false, SHORT, 0);
        for (int64_t turn = 0; more; turn++) {
            put_old(false);
            arm(FAIL, EINTR, turn);
            const an_status status = writers[i].write(message);
            more = fault.call != NULL;
            fault.way = NEVER;
            bool plain = true; /* the others never end so */
            for (int k = 0; k < 6; k++)
                if (more && !strcmp(fault.call, interrupted[k])) plain = false;
            ck_assert_msg(plain || status == AN_OK, "%s: %s", fault.call, message);
            ck_assert(plain || strays_in(folder) == 0);
        }
    }
    remove_all();
}
END_TEST

/* What a power cut asks for: the bytes are on the disk before their name is, and that is, too. */
START_TEST(test_synced_and_then_renamed)
{
    open_folder();
    char message[512];
    for (int i = 0; i < WRITERS; i++) {
        put_old(false);
        arm(NEVER, 0, 0);
        ck_assert_int_eq(writers[i].write(message), AN_OK);
        const size_t writes = strspn(fault.order, "w");
        ck_assert_uint_gt(writes, 0);
        ck_assert_msg(strcmp(fault.order + writes, "frf") == 0, "%s: %s", writers[i].name,
                      fault.order);
    }
    remove_all();
}
END_TEST

/* ---- kills ------------------------------------------------------------- */

/* True if the child was killed. */
static bool was_killed(pid_t child)
{
    int how;
    ck_assert_int_eq(waitpid(child, &how, 0), child);
    ck_assert_msg(WIFSIGNALED(how) ? WTERMSIG(how) == SIGKILL : WEXITSTATUS(how) == 0,
                  "the child answered %d", how);
    return WIFSIGNALED(how);
}

START_TEST(test_killed_at_every_call)
{
    open_folder();
    char message[512];
    for (int i = 0; i < WRITERS; i++) {
        put_old(false);
        ck_assert_int_eq(writers[i].write(message), AN_OK);
        size_t size;
        char *const fresh = bytes_of(path, &size);
        int64_t turn = 0, most = 0;
        for (bool more = true; more; turn++) { /* in a folder that keeps what was left */
            FILE *const f = fopen(path, "wb");
            fputs("old", f);
            fclose(f);
            const pid_t child = fork();
            if (child == 0) {
                arm(KILL, 0, turn);
                _exit(writers[i].write(message) != AN_OK);
            }
            more = was_killed(child);
            ck_assert(is_new(fresh, size, writers[i].name) || more);
            const int64_t strays = strays_in(folder);
            if (strays > most) most = strays;
            ck_assert_int_le(strays, 1);
        }
        ck_assert_int_eq(strays_in(folder), 0);
        printf("%s: killed at each of %lld calls: 0 torn, at most %lld stray\n", writers[i].name,
               (long long)turn - 1, (long long)most);
        free(fresh);
    }
    remove_all();
}
END_TEST

static int kills_wanted(int usual)
{
    const char *const said = getenv("AN_KILLS");
    return said && atoi(said) > 0 ? atoi(said) : usual;
}

/* Saves over and over, killed after a random while. */
START_TEST(test_killed_at_random)
{
    open_folder();
    an_store *const s = some_store(100000);
    char want[65], got[65];
    ck_assert_int_eq(an_checkpoint_save(s, path, NULL, 0), AN_OK);
    ck_assert_int_eq(an_store_sha256(s, want), AN_OK);
    const int kills = kills_wanted(40);
    an_test_random r = {1};
    int64_t most = 0, left = 0;
    for (int i = 0; i < kills; i++) {
        const pid_t child = fork();
        if (child == 0)
            for (;;)
                if (an_checkpoint_save(s, path, NULL, 0) != AN_OK) _exit(1);
        usleep((useconds_t)an_test_int(&r, 200, 6000));
        kill(child, SIGKILL);
        ck_assert(was_killed(child));
        an_store *const loaded = an_store_new(1);
        ck_assert_msg(an_checkpoint_load(loaded, path, NULL) == AN_OK, "kill %d: %s", i,
                      an_store_message(loaded));
        ck_assert_int_eq(an_store_sha256(loaded, got), AN_OK);
        ck_assert_str_eq(want, got);
        an_store_free(loaded);
        const int64_t strays = strays_in(folder);
        left += strays;
        if (strays > most) most = strays;
        ck_assert_int_le(strays, 1);
    }
    ck_assert_int_eq(an_checkpoint_save(s, path, NULL, 0), AN_OK);
    ck_assert_int_eq(strays_in(folder), 0);
    printf("checkpoint: %d kills at random, %lld of them in the middle: 0 torn, at most %lld "
           "stray\n", kills, (long long)left, (long long)most);
    an_store_free(s);
    remove_all();
}
END_TEST

/* ---- a training -------------------------------------------------------- */

typedef struct training {
    an_graph *graph;
    an_store *store;
    an_program *program;
} training;

static training a_training(void)
{
    training t = {an_graph_new("line"), an_store_new(5), NULL};
    const an_dim B = an_dim_named(t.graph, "B");
    const an_value x = an_input(t.graph, "x", AN_F32, AN_SHAPE(B, 3));
    const an_value y = an_nn_dense(an_dropout(x, 0.2f), .units = 1);
    const an_value loss = an_mse(y, an_input(t.graph, "y", AN_F32, AN_SHAPE(B, 1)));
    const an_updates up = an_minimize(loss, an_adam(.rate = 0.05f), .clip_norm = 1);
    t.program = an_compile(t.graph, t.store, .fetch = {loss}, .update = up);
    ck_assert_msg(t.program != NULL, "%s", an_compile_message(t.graph));
    return t;
}

static void end_training(training *t)
{
    an_program_free(t->program);
    an_store_free(t->store);
    an_graph_free(t->graph);
}

/* Two epochs in the folder, or what is left of them; its message, if not NULL, if it fails. */
static bool fit(char hex[65], char message[512])
{
    float x[24], y[8];
    for (int i = 0; i < 24; i++) x[i] = (float)(i * 5 % 7) - 3;
    for (int i = 0; i < 8; i++) y[i] = (float)(i % 3);
    const an_tensor xs = an_tensor_borrow(AN_F32, AN_EXTENTS(8, 3), x);
    const an_tensor ys = an_tensor_borrow(AN_F32, AN_EXTENTS(8, 1), y);
    training t = a_training();
    an_history *h = an_fit(t.program, .data = {{"x", &xs}, {"y", &ys}}, .epochs = 2, .batch = 3,
                           .directory = folder, .resume = true, .restore_best = true);
    const bool good = an_history_status(h) == AN_OK && an_history_epochs(h) == 2;
    if (message) snprintf(message, 512, "%s", an_history_message(h));
    fault.way = NEVER;
    if (hex) ck_assert_int_eq(an_store_sha256(t.store, hex), AN_OK);
    an_history_free(h);
    end_training(&t);
    return good;
}

static void straight(char hex[65])
{
    remove_all();
    ck_assert_int_eq(mkdir(folder, 0700), 0);
    ck_assert(fit(hex, NULL));
}

/* Killed at every call, of one training after the other: it goes on to the same bits. */
START_TEST(test_a_training_killed_at_every_call)
{
    open_folder();
    char want[65], got[65];
    straight(want);
    int64_t turn = 0, most = 0;
    for (bool more = true; more; turn++) {
        remove_all();
        const pid_t child = fork();
        if (child == 0) {
            arm(KILL, 0, turn);
            _exit(!fit(NULL, NULL));
        }
        more = was_killed(child);
        const int64_t strays = strays_in(folder);
        if (strays > most) most = strays;
        ck_assert_int_le(strays, 1);
        ck_assert(fit(got, NULL));
        ck_assert_msg(strcmp(want, got) == 0, "other bits after a kill at call %lld",
                      (long long)turn);
        ck_assert_int_eq(strays_in(folder), 0);
    }
    printf("training: killed at each of %lld calls: resumed to the same bits, at most %lld stray\n",
           (long long)turn - 1, (long long)most);
    remove_all();
}
END_TEST

/* A call that fails ends it with a message, or is of no account; then it goes on. */
START_TEST(test_a_training_whose_calls_fail)
{
    open_folder();
    char want[65], got[65], message[512];
    straight(want);
    int64_t turn = 0, told = 0;
    for (bool more = true; more; turn++) {
        remove_all();
        arm(FAIL, EIO, turn);
        const bool good = fit(NULL, message);
        more = fault.call != NULL;
        told += !good;
        ck_assert_msg(good || (strstr(message, folder) && strstr(message, strerror(EIO))), "%s: %s",
                      fault.call, message);
        ck_assert_int_le(strays_in(folder), 1);
        ck_assert(fit(got, message));
        ck_assert_str_eq(want, got);
        ck_assert_int_eq(strays_in(folder), 0);
    }
    printf("training: each of %lld calls failed, %lld ended it: all resumed to the same bits\n",
           (long long)turn - 1, (long long)told);
    remove_all();
}
END_TEST

AN_TEST_MAIN("saves", test_every_call_may_fail, test_interrupted_calls_are_made_again,
             test_synced_and_then_renamed, test_killed_at_every_call, test_killed_at_random,
             test_a_training_killed_at_every_call, test_a_training_whose_calls_fail)
