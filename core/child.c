/* child.c -- see child.h. */
#include "core/child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static int set_files(posix_spawn_file_actions_t *actions, const int files[3])
{
    int why = 0;
    for (int i = 0; i < 3 && !why; i++)
        why = files[i] >= 0 ? posix_spawn_file_actions_adddup2(actions, files[i], i)
                            : posix_spawn_file_actions_addopen(actions, i, "/dev/null",
                                                               i ? O_WRONLY : O_RDONLY, 0);
    if (!why) why = posix_spawn_file_actions_addclosefrom_np(actions, 3);
    return why;
}

int an_child_start(char *const argv[], const int files[3], pid_t *child)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t how;
    if (posix_spawn_file_actions_init(&actions) != 0) return ENOMEM;
    if (posix_spawnattr_init(&how) != 0) {
        posix_spawn_file_actions_destroy(&actions);
        return ENOMEM;
    }
    sigset_t all, none;
    sigfillset(&all);
    sigemptyset(&none);
    int why = set_files(&actions, files);
    if (!why) why = posix_spawnattr_setsigdefault(&how, &all);
    if (!why) why = posix_spawnattr_setsigmask(&how, &none);
    if (!why) why = posix_spawnattr_setpgroup(&how, 0);
    if (!why)
        why = posix_spawnattr_setflags(&how, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK |
                                                 POSIX_SPAWN_SETPGROUP);
    if (!why) why = posix_spawnp(child, argv[0], &actions, &how, argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&how);
    const struct rlimit core = {0, 0};
    if (!why) prlimit(*child, RLIMIT_CORE, &core, NULL);
    return why;
}

bool an_child_wait(pid_t child, int seconds, int *status)
{
    *status = 0;
    for (int64_t waited = 0;; waited++) {
        const pid_t done = waitpid(child, status, WNOHANG);
        if (done == child || (done < 0 && errno == ECHILD)) return true;
        if (waited >= seconds * INT64_C(1000)) break;
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    }
    kill(-child, SIGKILL);
    while (waitpid(child, status, 0) < 0 && errno == EINTR) continue;
    return false;
}
