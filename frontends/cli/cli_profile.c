/* cli_profile.c -- profile: where the time of a graph's run goes. */
#include "frontends/cli/cli_job.h"

#include <string.h>

#include "frontends/frontends.h"
#include "graph/profile/profile.h"

#define RUNS 30

typedef struct asked {
    an_profile_by by;
    int threads, depth;
} asked;

static bool read_asked(const an_cli *line, asked *a)
{
    a->by = AN_BY_OP;
    if (line->by && !an_profile_by_name(line->by, &a->by)) {
        an_cli_say("--by takes op, node, scope, phase or wave, not '%s'", line->by);
        return false;
    }
    const char *text = line->threads ? line->threads : "0";
    a->threads = 0;
    for (; *text >= '0' && *text <= '9' && a->threads <= 256; text++)
        a->threads = 10 * a->threads + (*text - '0');
    if (*text || a->threads > 256 || (line->threads && a->threads == 0)) {
        an_cli_say("--threads takes one number from 1 to 256, not '%s'", line->threads);
        return false;
    }
    return an_cli_depth(line, &a->depth);
}

static an_cli_exit draw(const an_cli_job *j, an_profile *f, const asked *a)
{
    char message[1024];
    if (an_cli_is_page(j->line->dot)) {
        an_memory_map *map = an_memory_map_new(j->program, 0);
        const an_cli_exit answer =
            an_cli_page(&(an_page_args){.graph = an_program_graph(j->program), .profile = f,
                                        .memory = map, .path = j->line->dot,
                                        .bind = j->line->bind});
        an_memory_map_free(map);
        return answer;
    }
    const an_dot_args args = {.graph = an_program_graph(j->program), .path = j->line->dot,
                              .depth = a->depth,
                              .unfold = j->line->unfold, .profile = f, .color = AN_COLOR_TIME,
                              .message = message, .message_size = sizeof message};
    return an_cli_drawn(an_dot_file_with(&args), message);
}

static an_cli_exit report(const an_cli_job *j, an_profile *f, const asked *a)
{
    an_cli_exit answer = AN_CLI_FINE;
    if (j->line->dot) answer = draw(j, f, a);
    if (answer == AN_CLI_FINE && j->line->trace)
        answer = an_cli_write_string(j->line->trace, an_profile_trace(f));
    if (answer != AN_CLI_FINE) return answer;
    return an_cli_write_string(NULL, j->line->json ? an_profile_json(f)
                                                   : an_profile_table(f, a->by));
}

static an_cli_exit profile(an_cli_job *j, const asked *a)
{
    an_cli_exit answer = an_cli_job_steps(j, 2); /* the first one plans */
    an_profile *f = answer == AN_CLI_FINE ? an_profile_new(j->program) : NULL;
    if (!f) {
        if (answer == AN_CLI_FINE) an_cli_say("out of memory");
        return answer == AN_CLI_FINE ? AN_CLI_NOT : answer;
    }
    answer = an_cli_job_steps(j, j->line->steps > 0 ? j->line->steps : RUNS);
    if (answer == AN_CLI_FINE) answer = report(j, f, a);
    an_profile_free(f);
    return answer;
}

an_cli_exit an_cli_profile(const an_cli *line)
{
    an_cli_job j;
    asked a;
    if (!read_asked(line, &a)) return AN_CLI_USAGE;
    if (a.threads) an_set_threads(a.threads);
    an_cli_exit answer = an_cli_job_open(&j, line, true);
    if (answer == AN_CLI_FINE) answer = profile(&j, &a);
    an_cli_job_close(&j);
    return answer;
}
