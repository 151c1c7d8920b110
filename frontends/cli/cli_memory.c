/* cli_memory.c -- memory: what a graph's run holds, planned and measured.
 *
 * Measured is what the library's allocator gave out and has not got back, by the sizes that the
 * system says its blocks have, and the most that the process had in memory.   */
#include "frontends/cli/cli_job.h"

#include <malloc.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "frontends/frontends.h"
#include "graph/memory/memory_map.h"

typedef struct meter {
    atomic_llong held, most; /* bytes, from when it was put up */
} meter;

/* Blocks from before it was put up are given back to it, too: it need not know whose they are. */
static void *metered(void *context, void *block, size_t size)
{
    meter *m = context;
    const long long before = block ? (long long)malloc_usable_size(block) : 0;
    void *made = NULL;
    if (size == 0) free(block); /* house: the meter stands where the system's allocator did */
    else if (!(made = realloc(block, size))) return NULL; /* house: likewise */
    const long long grown = (made ? (long long)malloc_usable_size(made) : 0) - before;
    const long long now = atomic_fetch_add(&m->held, grown) + grown;
    long long most = atomic_load(&m->most);
    while (now > most && !atomic_compare_exchange_weak(&m->most, &most, now)) {}
    return made;
}

static void add_measured(const an_memory_map *map, const meter *m, an_text *out)
{
    const int64_t *bytes = an_memory_map_whole(map)->bytes;
    double planned = (double)an_memory_map_facts(map).slab;
    for (int k = AN_MEMORY_WEIGHTS; k < AN_MEMORY_KINDS; k++) planned += (double)bytes[k];
    struct rusage usage = {0};
    an_text_add(out, "\nplanned: slab, states, feeds and literals ");
    an_text_add_size(out, planned);
    an_text_add(out, "\nmeasured behind a step: the allocator holds ");
    an_text_add_size(out, (double)atomic_load(&m->held));
    an_text_add(out, ", and held ");
    an_text_add_size(out, (double)atomic_load(&m->most));
    an_text_add(out, " at most, graphs, plan and results among it");
    if (getrusage(RUSAGE_SELF, &usage) == 0) {
        an_text_add(out, ";\n  the process had ");
        an_text_add_size(out, 1024.0 * (double)usage.ru_maxrss);
        an_text_add(out, " in memory at most, programs and threads' stacks among it");
    }
    an_text_add(out, "\n");
}

static an_cli_exit write_table(const an_memory_map *map, const meter *m)
{
    an_text out = {0};
    char *table = an_memory_map_table(map);
    if (!table) return an_cli_write_string(NULL, NULL);
    an_text_add(&out, table);
    an_string_free(table);
    add_measured(map, m, &out);
    return an_cli_write(NULL, &out);
}

static an_cli_exit report(const an_cli_job *j, const an_memory_map *map, const meter *m)
{
    an_cli_exit answer = AN_CLI_FINE;
    if (an_cli_is_page(j->line->output))
        answer = an_cli_page(&(an_page_args){.graph = an_program_graph(j->program), .memory = map,
                                             .path = j->line->output, .bind = j->line->bind});
    else if (j->line->output)
        answer = an_cli_write_string(j->line->output, an_memory_map_svg(map));
    const bool taken = j->line->output && !strcmp(j->line->output, "-");
    if (answer != AN_CLI_FINE || taken) return answer;
    return j->line->json ? an_cli_write_string(NULL, an_memory_map_json(map)) : write_table(map, m);
}

static an_cli_exit map_memory(an_cli_job *j, const meter *m, int depth)
{
    const an_cli_exit answer = an_cli_job_steps(j, 1);
    if (answer != AN_CLI_FINE) return answer;
    const meter now = {atomic_load(&m->held), atomic_load(&m->most)};
    an_memory_map *map = an_memory_map_new(j->program, depth);
    if (!map) {
        an_cli_say("out of memory");
        return AN_CLI_NOT;
    }
    const an_cli_exit reported = report(j, map, &now);
    an_memory_map_free(map);
    return reported;
}

static bool is_svg(const char *path)
{
    const char *end = path ? strrchr(path, '.') : NULL;
    if (!path || !strcmp(path, "-") || (end && !strcmp(end, ".svg")) ||
        an_cli_is_page(path))
        return true;
    an_cli_say("-o takes a FILE.svg or FILE.html, not '%s'", path);
    return false;
}

an_cli_exit an_cli_memory(const an_cli *line)
{
    meter m = {0};
    an_cli_job j;
    int depth;
    if (!is_svg(line->output) || !an_cli_depth(line, &depth)) return AN_CLI_USAGE;
    an_set_allocator(&(an_allocator){metered, &m});
    an_cli_exit answer = an_cli_job_open(&j, line, true);
    if (answer == AN_CLI_FINE) answer = map_memory(&j, &m, depth);
    an_cli_job_close(&j);
    an_set_allocator(NULL);
    return answer;
}
