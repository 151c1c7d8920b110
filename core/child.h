/* child.h -- another program as a child process that cannot hang or outlive its time. */
#ifndef AN_CORE_CHILD_H
#define AN_CORE_CHILD_H

#include <stdbool.h>
#include <sys/types.h>

/* Starts argv[0], found on the PATH, in a process group of its own: its standard input,
 * output and error are those files (-1: nothing), it gets no other file of ours, default
 * signals and no core dump. Returns an errno. */
int an_child_start(char *const argv[], const int files[3], pid_t *child);
/* Waits for at most so long, then ends the child and its group. False if it had to. If
 * the process ignores SIGCHLD the system reaps the child itself, and `status` says 0. */
bool an_child_wait(pid_t child, int seconds, int *status);

#endif
