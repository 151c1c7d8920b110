/* cli_run.c -- run: a graph on arrays from .npy files.
 *
 * Outputs are written after the last step, so a failed run writes none. */
#include "frontends/cli/cli_job.h"

#include "core/memory.h"
#include "frontends/frontends.h"
#include "frontends/cli/npy.h"

#include <string.h>

#define SHOWN 1000 /* elements that are printed; files get all */

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
                       : an_dtype_is_float(t->dtype)   ? an_json_number(value)
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

static an_cli_exit write_files(an_cli_job *j)
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

static an_cli_exit write_printed(an_cli_job *j)
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

an_cli_exit an_cli_run(const an_cli *line)
{
    an_cli_job j;
    an_cli_exit answer = an_cli_job_open(&j, line, false);
    if (answer == AN_CLI_FINE) answer = an_cli_job_steps(&j, line->steps > 0 ? line->steps : 1);
    if (answer == AN_CLI_FINE) answer = write_files(&j);
    if (answer == AN_CLI_FINE) answer = write_printed(&j);
    an_cli_job_close(&j);
    return answer;
}
