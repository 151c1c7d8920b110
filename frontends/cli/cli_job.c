/* cli_job.c -- from a command line to a program that is ready to run.
 *
 * Everything that can be refused is refused before the first step: names, files,
 * types. */
#include "frontends/cli/cli_job.h"

#include "core/memory.h"
#include "frontends/frontends.h"
#include "frontends/cli/npy.h"
#include "graph/called.h"
#include "graph/run/store.h"

#include <string.h>

/* ---- arrays in --------------------------------------------------------- */

/* Reads NAME=FILE, whose name must be a leaf of that kind, in the leaf's type. */
static an_cli_exit read_array(an_cli_job *j, const char *option, const char *pair, an_text *name,
                              an_tensor *out)
{
    const char *path = NULL;
    if (!an_cli_split(option, pair, name, &path)) return AN_CLI_USAGE;
    if (!path) {
        an_cli_say("%s takes NAME=FILE.npy, not '%s'", option, pair);
        return AN_CLI_USAGE;
    }
    const bool feed = !strcmp(option, "--feed");
    const an_value leaf =
        an_cli_find(j->g, option, an_text_view(name), feed ? AN_CLI_INPUT : AN_CLI_STATE);
    if (!leaf.graph) return AN_CLI_USAGE;
    an_error error = {0};
    const an_dtype wanted = an_type_of(leaf).dtype;
    an_status status = an_npy_read(path, out, &error);
    const an_dtype found = out->dtype;
    if (status == AN_OK) status = an_npy_convert(out, wanted, path, &error);
    if (status != AN_OK) {
        an_cli_say("%s", error.text);
        return AN_CLI_FILE;
    }
    if (found != wanted)
        an_cli_say("%s: read as %s, since '%s' is %s; the file has %s", path, an_dtype_name(wanted),
                   an_text_view(name), an_dtype_name(wanted), an_dtype_name(found));
    return AN_CLI_FINE;
}

static an_cli_exit read_feeds(an_cli_job *j)
{
    an_cli_exit answer = AN_CLI_FINE;
    for (int64_t i = 0; i < j->line->feed.count && answer == AN_CLI_FINE; i++) {
        answer = read_array(j, "--feed", j->line->feed.at[i], &j->name[i], &j->fed[i]);
        j->feed[i] = (an_feed){an_text_view(&j->name[i]), &j->fed[i]};
        j->feeds = i + 1;
    }
    return answer;
}

/* Names in a message: as many as are there, but for those that would be too many. */
static void say_names(const char *path, const char *what, const an_text *names)
{
    if (names->length) an_cli_say("%s: %s: %s", path, what, an_text_view(names));
}

static void add_name(an_text *names, const char *name)
{
    if (names->length < 1500) an_text_addf(names, "%s'%s'", names->length ? ", " : "", name);
    else if (names->data && names->data[names->length - 1] != '.') an_text_add(names, " ...");
}

/* Tensors of the file that no state of the graph takes. */
static an_cli_exit check_unused(const an_cli_job *j)
{
    an_text unused = {0};
    for (int64_t i = 0; i < an_store_count(j->store); i++)
        if (!an_is_state(an_graph_find(j->g, an_store_name(j->store, i))))
            add_name(&unused, an_store_name(j->store, i));
    say_names(j->line->weights, j->line->partial ? "unused" : "the graph has no such states "
                                                              "(--partial passes over them)",
              &unused);
    const bool good = !unused.length || j->line->partial;
    an_text_free(&unused);
    return good ? AN_CLI_FINE : AN_CLI_FILE;
}

static an_cli_exit load_weights(an_cli_job *j)
{
    const an_checkpoint_options options = {.partial = j->line->partial};
    if (!j->line->weights) return AN_CLI_FINE;
    if (an_checkpoint_load(j->store, j->line->weights, &options) == AN_OK) return check_unused(j);
    an_cli_say("%s", an_store_message(j->store));
    return AN_CLI_FILE;
}

/* With --partial: states that compiling had to make. */
static void say_made(const an_cli_job *j, int64_t before)
{
    an_text made = {0};
    for (int64_t i = before; i < an_store_count(j->store); i++)
        if (!an_store_is_transient(j->store, i)) add_name(&made, an_store_name(j->store, i));
    if (j->line->weights) say_names(j->line->weights, "missing, and begun anew", &made);
    an_text_free(&made);
}

static an_cli_exit set_states(an_cli_job *j)
{
    const an_cli *line = j->line;
    an_cli_exit answer = load_weights(j);
    for (int64_t i = 0; i < line->set.count && answer == AN_CLI_FINE; i++) {
        an_text name = {0};
        an_tensor t = {0};
        answer = read_array(j, "--set", line->set.at[i], &name, &t);
        if (answer == AN_CLI_FINE && an_store_set(j->store, an_text_view(&name), &t) != AN_OK) {
            an_cli_say("--set %s: %s", line->set.at[i], an_store_message(j->store));
            answer = AN_CLI_FILE;
        }
        an_tensor_free(&t);
        an_text_free(&name);
    }
    return answer;
}

/* ---- what is wanted ---------------------------------------------------- */

/* One NAME or NAME=FILE.npy of --fetch. */
static bool want(an_cli_job *j, const char *pair)
{
    const int64_t i = j->fetches;
    an_text *name = &j->name[j->line->feed.count + i];
    if (!an_cli_split("--fetch", pair, name, &j->path[i])) return false;
    an_text said = {0};
    j->fetch[i] = an_value_called(j->g, an_text_view(name), &said);
    j->fetches++;
    if (said.length > 0 || said.failed) an_cli_say("--fetch: %s", an_text_view(&said));
    const bool good = j->fetch[i].graph && !said.failed;
    an_text_free(&said);
    return good;
}

static an_cli_exit choose_results(an_cli_job *j, int64_t outputs)
{
    const an_cli_list *list = &j->line->fetch;
    for (int64_t i = 0; i < list->count; i++)
        if (!want(j, list->at[i])) return AN_CLI_USAGE;
    for (int64_t i = 0; list->count == 0 && i < outputs; i++) {
        an_text_add(&j->name[j->line->feed.count + i], an_graph_output_name(j->g, i));
        j->fetch[j->fetches++] = an_graph_output_value(j->g, i);
    }
    if (j->line->update) {
        j->update = an_cli_find_updates(j->g, j->line->update);
        if (!j->update.id) return AN_CLI_USAGE;
    }
    if (j->fetches > 0 || j->line->update) return AN_CLI_FINE;
    an_cli_say("%s declares no outputs; say what to compute with --fetch or --update",
               j->line->operand[0]);
    return AN_CLI_USAGE;
}

static bool allocate(an_cli_job *j, int64_t feeds, int64_t fetches)
{
    j->name = an_alloc_zeroed((feeds + fetches + 1) * (int64_t)sizeof *j->name);
    j->feed = an_alloc_zeroed((feeds + 1) * (int64_t)sizeof *j->feed);
    j->fed = an_alloc_zeroed((feeds + 1) * (int64_t)sizeof *j->fed);
    j->path = an_alloc_zeroed((fetches + 1) * (int64_t)sizeof *j->path);
    j->fetch = an_alloc_zeroed((fetches + 1) * (int64_t)sizeof *j->fetch);
    j->out = an_alloc_zeroed((fetches + 1) * (int64_t)sizeof *j->out);
    j->result = an_alloc_zeroed((fetches + 1) * (int64_t)sizeof *j->result);
    if (j->name && j->feed && j->fed && j->path && j->fetch && j->out && j->result) return true;
    an_cli_say("out of memory");
    return false;
}

/* ---- running ----------------------------------------------------------- */

static an_cli_exit compile(an_cli_job *j)
{
    const int64_t before = an_store_count(j->store);
    /* Without a place: messages are to name the user's file, not this one. */
    j->program = an_compile_with(&(an_compile_args){
        .graph = j->g, .store = j->store, .fetch_list = j->fetch, .fetch_count = (int)j->fetches,
        .update = j->update, .inference = j->line->inference, .passes = j->line->passes});
    if (j->program) say_made(j, before);
    if (j->program) return AN_CLI_FINE;
    const char *told = an_compile_message(j->g);
    an_cli_say("%s: %s%s", j->line->operand[0], told,
               strstr(told, "load it with .partial") ? " (here: --partial)" : "");
    return AN_CLI_NOT;
}

an_cli_exit an_cli_job_steps(an_cli_job *j, int64_t steps)
{
    for (int64_t i = 0; i < j->fetches; i++) j->result[i] = &j->out[i];
    const an_run_args args = {.program = j->program, .feed_list = j->feed,
                              .feed_count = (int)j->feeds, .out_list = j->result,
                              .out_count = (int)j->fetches};
    an_status status = AN_OK;
    for (int64_t i = 0; i < steps && status == AN_OK; i++) status = an_run_with(&args);
    if (status == AN_OK) return AN_CLI_FINE;
    const bool feeds = status == AN_E_FEED || status == AN_E_BINDING;
    an_cli_say("%s: %s%s", j->line->operand[0], an_program_message(j->program),
               feeds ? "\n  arrays are fed with --feed NAME=FILE.npy" : "");
    return feeds ? AN_CLI_USAGE : AN_CLI_NOT;
}

/* ---- open and close ------------------------------------------------------ */

/* Whether --feed has this input. */
static bool is_fed(const an_cli_job *j, int64_t given, const char *name)
{
    for (int64_t i = 0; i < given; i++)
        if (!strcmp(j->feed[i].name, name)) return true;
    return false;
}

static an_cli_exit draw_feeds(an_cli_job *j)
{
    char message[2048];
    int count;
    j->drawn = an_draw_feeds(j->g, j->line->bind, (uint64_t)j->line->seed, message, sizeof message);
    if (!j->drawn) {
        an_cli_say("%s: %s\n  extents are given by --bind B=32,T=100", j->line->operand[0],
                   message);
        return AN_CLI_USAGE;
    }
    const an_feed *feeds = an_drawn_feeds(j->drawn, &count);
    const int64_t given = j->feeds;
    for (int i = 0; i < count; i++)
        if (!is_fed(j, given, feeds[i].name)) j->feed[j->feeds++] = feeds[i];
    return AN_CLI_FINE;
}

static int64_t count_inputs(const an_graph *g)
{
    int64_t count = 0;
    while (an_graph_leaf_name(g, count)) count++;
    return count;
}

static an_cli_exit open(an_cli_job *j, bool draws)
{
    const an_cli *line = j->line;
    int64_t outputs = 0;
    while (an_graph_output_name(j->g, outputs)) outputs++;
    const int64_t fetches = line->fetch.count ? line->fetch.count : outputs;
    if (!allocate(j, line->feed.count + (draws ? count_inputs(j->g) : 0), fetches))
        return AN_CLI_NOT;
    an_cli_exit answer = choose_results(j, outputs);
    if (answer == AN_CLI_FINE) answer = read_feeds(j);
    if (answer == AN_CLI_FINE && draws) answer = draw_feeds(j);
    if (answer == AN_CLI_FINE) answer = set_states(j);
    if (answer == AN_CLI_FINE) answer = compile(j);
    return answer;
}

an_cli_exit an_cli_job_open(an_cli_job *j, const an_cli *line, bool draws)
{
    *j = (an_cli_job){.line = line};
    if (!an_cli_check_passes(line->passes)) return AN_CLI_USAGE;
    j->g = an_cli_read_graph(line->operand[0]);
    if (!j->g) return AN_CLI_FILE;
    if (draws && !an_cli_check_bind(line, j->g)) return AN_CLI_USAGE;
    j->store = an_store_new((uint64_t)line->seed);
    if (!j->store) an_cli_say("out of memory");
    return j->store ? open(j, draws) : AN_CLI_NOT;
}

void an_cli_job_close(an_cli_job *j)
{
    const int64_t feeds = j->line->feed.count;
    for (int64_t i = 0; j->fed && i < feeds; i++) an_tensor_free(&j->fed[i]);
    for (int64_t i = 0; j->out && i < j->fetches; i++) an_tensor_free(&j->out[i]);
    for (int64_t i = 0; j->name && i < feeds + j->fetches; i++) an_text_free(&j->name[i]);
    an_free(j->name);
    an_free(j->feed);
    an_free(j->fed);
    an_free(j->path);
    an_free(j->fetch);
    an_free(j->out);
    an_free(j->result);
    an_drawn_free(j->drawn);
    an_program_free(j->program);
    an_store_free(j->store);
    an_graph_free(j->g);
}
