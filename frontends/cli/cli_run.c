/* cli_run.c -- run: a graph on arrays from .npy files.
 *
 * Everything that can be refused is refused before the first step: names, files,
 * types. Outputs are written after the last step, so a failed run writes none. */
#include "frontends/cli/cli.h"

#include "core/memory.h"
#include "frontends/frontends.h"
#include "frontends/cli/npy.h"
#include "graph/run/store.h"

#include <stdio.h>
#include <string.h>

#define SHOWN 1000 /* elements that are printed; files get all */

typedef struct job {
    const an_cli *line;
    an_graph *g;
    an_store *store;
    an_program *program;
    an_text *name; /* of feeds, then of fetches */
    an_feed *feed;
    an_tensor *fed; /* what the feeds point to */
    const char **path; /* per fetch; NULL: printed */
    an_value *fetch;
    an_updates update;
    an_tensor *out;
    an_tensor **result; /* pointers to `out`, as an_run wants them */
    int64_t feeds, fetches;
} job;

/* ---- arrays in --------------------------------------------------------- */

/* Reads NAME=FILE, whose name must be a leaf of that kind, in the leaf's type. */
static an_cli_exit read_array(job *j, const char *option, const char *pair, an_text *name,
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

static an_cli_exit read_feeds(job *j)
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
static an_cli_exit check_unused(const job *j)
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

static an_cli_exit load_weights(job *j)
{
    const an_checkpoint_options options = {.partial = j->line->partial};
    if (!j->line->weights) return AN_CLI_FINE;
    if (an_checkpoint_load(j->store, j->line->weights, &options) == AN_OK) return check_unused(j);
    an_cli_say("%s", an_store_message(j->store));
    return AN_CLI_FILE;
}

/* With --partial: states that compiling had to make. */
static void say_made(const job *j, int64_t before)
{
    an_text made = {0};
    for (int64_t i = before; i < an_store_count(j->store); i++)
        if (!an_store_is_transient(j->store, i)) add_name(&made, an_store_name(j->store, i));
    if (j->line->weights) say_names(j->line->weights, "missing, and begun anew", &made);
    an_text_free(&made);
}

static an_cli_exit set_states(job *j)
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
static bool want(job *j, const char *pair)
{
    const int64_t i = j->fetches;
    an_text *name = &j->name[j->line->feed.count + i];
    if (!an_cli_split("--fetch", pair, name, &j->path[i])) return false;
    j->fetch[i] = an_cli_find(j->g, "--fetch", an_text_view(name), AN_CLI_ANY);
    j->fetches++;
    return j->fetch[i].graph;
}

static an_cli_exit choose_results(job *j, int64_t outputs)
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

static bool allocate(job *j, int64_t feeds, int64_t fetches)
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

static an_cli_exit compile(job *j)
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

static an_cli_exit run_steps(job *j)
{
    for (int64_t i = 0; i < j->fetches; i++) j->result[i] = &j->out[i];
    const an_run_args args = {.program = j->program, .feed_list = j->feed,
                              .feed_count = (int)j->feeds, .out_list = j->result,
                              .out_count = (int)j->fetches};
    an_status status = AN_OK;
    const int64_t steps = j->line->steps > 0 ? j->line->steps : 1;
    for (int64_t i = 0; i < steps && status == AN_OK; i++) status = an_run_with(&args);
    if (status == AN_OK) return AN_CLI_FINE;
    const bool feeds = status == AN_E_FEED || status == AN_E_BINDING;
    an_cli_say("%s: %s%s", j->line->operand[0], an_program_message(j->program),
               feeds ? "\n  arrays are fed with --feed NAME=FILE.npy" : "");
    return feeds ? AN_CLI_USAGE : AN_CLI_NOT;
}

/* ---- arrays out -------------------------------------------------------- */

static void add_element(const an_tensor *t, int64_t i, an_text *out)
{
    switch (t->dtype) {
    case AN_F32: an_text_add_f32(out, ((const float *)t->data)[i]); break;
    case AN_F64: an_text_add_f64(out, ((const double *)t->data)[i]); break;
    case AN_I64: an_text_addf(out, "%lld", (long long)((const int64_t *)t->data)[i]); break;
    default: an_text_addf(out, "%.0f", an_tensor_get(t, i)); break;
    }
}

/* "y f32[2,3]" and the elements, a row of the last axis a line. */
static void add_readable(const char *name, const an_tensor *t, an_text *out)
{
    an_text_addf(out, "%s %s", name, an_dtype_name(t->dtype));
    for (int k = 0; k < t->rank; k++)
        an_text_addf(out, "%s%lld", k ? "," : "[", (long long)t->extent[k]);
    an_text_add(out, t->rank ? "]\n" : "\n");
    const int64_t count = an_tensor_count(t), row = t->rank ? t->extent[t->rank - 1] : 1;
    for (int64_t i = 0; i < count && i < SHOWN; i++) {
        an_text_add(out, i % row ? " " : "  ");
        add_element(t, i, out);
        if ((i + 1) % row == 0 || i + 1 == SHOWN) an_text_add(out, "\n");
    }
    if (count > SHOWN)
        an_text_addf(out, "  ... %lld more; --fetch %s=FILE.npy keeps all\n",
                     (long long)(count - SHOWN), name);
}

static json_t *array_json(const an_tensor *t)
{
    json_t *shape = json_array(), *elements = json_array();
    for (int k = 0; k < t->rank; k++)
        an_cli_json_add(shape, json_integer((json_int_t)t->extent[k]));
    for (int64_t i = 0; i < an_tensor_count(t); i++) {
        const double value = an_tensor_get(t, i);
        json_t *made = t->dtype == AN_BOOL             ? json_boolean(value != 0)
                       : an_dtype_is_float(t->dtype)   ? an_cli_json_number(value)
                       : t->dtype == AN_I64 ? json_integer(((const int64_t *)t->data)[i])
                                            : json_integer((json_int_t)value);
        an_cli_json_add(elements, made);
    }
    return json_pack("{s:s, s:o, s:o}", "dtype", an_dtype_name(t->dtype), "shape", shape,
                     "elements", elements);
}

static void add_json(const char *name, const an_tensor *t, json_t *root)
{
    json_t *key = an_cli_json_text(name); /* as a value, a lost one cannot be written */
    const bool lost = an_is_lost(json_string_value(key));
    json_object_set_new_nocheck(root, json_string_value(key),
                                lost ? json_incref(key) : array_json(t));
    json_decref(key);
}

static an_cli_exit write_files(job *j)
{
    an_cli_exit answer = AN_CLI_FINE;
    for (int64_t i = 0; i < j->fetches && answer == AN_CLI_FINE; i++) {
        if (!j->path[i]) continue;
        an_text bytes = {0};
        an_npy_add(&j->out[i], &bytes);
        answer = an_cli_write(j->path[i], &bytes);
    }
    if (answer != AN_CLI_FINE || !j->line->save) return answer;
    if (an_checkpoint_save(j->store, j->line->save, NULL, 0) == AN_OK) return AN_CLI_FINE;
    an_cli_say("%s", an_store_message(j->store));
    return AN_CLI_FILE;
}

static an_cli_exit write_printed(job *j)
{
    an_text text = {0};
    json_t *root = j->line->json ? json_object() : NULL;
    for (int64_t i = 0; i < j->fetches; i++) {
        if (j->path[i]) continue;
        const char *name = an_text_view(&j->name[j->line->feed.count + i]);
        if (root)
            add_json(name, &j->out[i], root);
        else
            add_readable(name, &j->out[i], &text);
    }
    if (root) return an_cli_write_json(root);
    if (text.length > 0) return an_cli_write(NULL, &text);
    an_text_free(&text);
    return AN_CLI_FINE;
}

/* ---- the subcommand ---------------------------------------------------- */

static an_cli_exit run(job *j)
{
    const an_cli *line = j->line;
    int64_t outputs = 0;
    while (an_graph_output_name(j->g, outputs)) outputs++;
    const int64_t fetches = line->fetch.count ? line->fetch.count : outputs;
    if (!allocate(j, line->feed.count, fetches)) return AN_CLI_NOT;
    an_cli_exit answer = choose_results(j, outputs);
    if (answer == AN_CLI_FINE) answer = read_feeds(j);
    if (answer == AN_CLI_FINE) answer = set_states(j);
    if (answer == AN_CLI_FINE) answer = compile(j);
    if (answer == AN_CLI_FINE) answer = run_steps(j);
    if (answer == AN_CLI_FINE) answer = write_files(j);
    if (answer == AN_CLI_FINE) answer = write_printed(j);
    return answer;
}

static void close_job(job *j)
{
    const int64_t feeds = j->line->feed.count;
    for (int64_t i = 0; j->fed && i < j->feeds; i++) an_tensor_free(&j->fed[i]);
    for (int64_t i = 0; j->out && i < j->fetches; i++) an_tensor_free(&j->out[i]);
    for (int64_t i = 0; j->name && i < feeds + j->fetches; i++) an_text_free(&j->name[i]);
    an_free(j->name);
    an_free(j->feed);
    an_free(j->fed);
    an_free(j->path);
    an_free(j->fetch);
    an_free(j->out);
    an_free(j->result);
    an_program_free(j->program);
    an_store_free(j->store);
    an_graph_free(j->g);
}

an_cli_exit an_cli_run(const an_cli *line)
{
    if (!an_cli_check_passes(line->passes)) return AN_CLI_USAGE;
    job j = {.line = line, .g = an_cli_read_graph(line->operand[0])};
    if (!j.g) return AN_CLI_FILE;
    j.store = an_store_new((uint64_t)line->seed);
    if (!j.store) an_cli_say("out of memory");
    const an_cli_exit answer = j.store ? run(&j) : AN_CLI_NOT;
    close_job(&j);
    return answer;
}
