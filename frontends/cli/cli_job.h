/* cli_job.h -- a graph made ready to run from the command line: what `run` and `profile` share. */
#ifndef AN_FRONTENDS_CLI_CLI_JOB_H
#define AN_FRONTENDS_CLI_CLI_JOB_H

#include "frontends/cli/cli.h"

typedef struct an_cli_job {
    const an_cli *line;
    an_graph *g;
    an_store *store;
    an_program *program;
    an_text *name; /* of feeds, then of fetches */
    an_feed *feed; /* those of --feed, then what was drawn */
    an_tensor *fed; /* what the feeds point to */
    const char **path; /* per fetch; NULL: printed */
    an_value *fetch;
    an_updates update;
    an_tensor *out;
    an_tensor **result; /* pointers to `out`, as an_run wants them */
    an_drawn *drawn;
    int64_t feeds, fetches;
} an_cli_job;

/* Reads the graph, arrays and weights, chooses what to compute and compiles that. `draws`: inputs
 * that --feed does not name are drawn, by --bind and --seed. Close it in any case. */
an_cli_exit an_cli_job_open(an_cli_job *j, const an_cli *line, bool draws);
an_cli_exit an_cli_job_steps(an_cli_job *j, int64_t steps);
void an_cli_job_close(an_cli_job *j);

#endif
