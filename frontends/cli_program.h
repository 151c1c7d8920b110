/* cli_program.h -- what verify asks beyond two graphs: does the program that really
 * runs, planned and on several threads, have the bits of the interpreter?    */
#ifndef AN_FRONTENDS_CLI_PROGRAM_H
#define AN_FRONTENDS_CLI_PROGRAM_H

#include "graph/equal/equal.h"
#include "frontends/cli.h"

#define AN_CLI_MOST_THREADS 16 /* numbers in a list, and threads in a number times 64 */

typedef struct an_cli_tried { /* one program on one number of threads */
    int threads;
    an_verdict verdict; /* bitwise, rounding, different or failed */
    int64_t compared;   /* outputs and updates */
    char message[640];  /* "" if bitwise */
} an_cli_tried;

typedef struct an_cli_trials {
    int count;
    an_cli_tried at[AN_CLI_MOST_THREADS];
} an_cli_trials;

/* Reads a list like 1,2,4 into `trials`; NULL means 1,2. False after a complaint. */
bool an_cli_read_threads(const char *list, an_cli_trials *trials);

/* Compiles the graph through the passes of the command line, runs it on seeded data
 * on each number of threads, and compares all outputs and updated states with the
 * interpreter's run of the graph as it is. */
void an_cli_try_program(an_graph *g, const an_cli *line, an_cli_trials *trials);

#endif
