/* pipeline.c -- the passes in the order in which they run. */
#include "graph/passes/pipeline.h"
#include "graph/passes/rewrite.h"

#include <stdio.h>
#include <string.h>

/* The order is the pipeline. What holds after each row is said beside it. dce comes
 * before fusion, or a sum would fuse with a norm that nobody reads and compute it. cse
 * does not follow it, though a pair may have become what stood there fused already: two
 * equal values have their gradients summed apart, and one has not, so the promise that
 * fused and unfused gradients have the same bits would be gone. */
static const an_pass passes[] = {
    {"canonicalise", an_pass_canonicalise, true,
     "one spelling per meaning: positive axes, no-ops gone", NULL},
    {"fold", an_pass_fold, true, "what depends on literals only is computed now", NULL},
    {"cse", an_pass_cse, true, "from here on no two nodes are equal", NULL},
    {"dce", an_pass_dce, true, "from here on every node is needed", NULL},
    {"fuse_add_norm", an_pass_fuse_add_norm, true,
     "residual add + norm become one op, forward and backward", NULL},
    {"bucket", an_pass_bucket, true,
     "what ranks add up is gathered, and begins as early as it can", NULL},
};
#define PASSES ((int)(sizeof passes / sizeof *passes))

/* Not part of the pipeline proper: scopes are named by who asks for it, and cse behind it would
 * undo it. */
static const an_pass recompute_pass = {"recompute", an_pass_recompute, true,
                                       "scopes are computed again for gradients", "scopes"};
/* Nor this: asked for by compiling for inference. */
static const an_pass inference_pass = {"inference", an_pass_inference, false,
                                       "ops become what they mean outside training", NULL};
/* Nor this: compiling does it first of all. */
static const an_pass written_out_pass = {"written_out", an_pass_written_out, true,
                                         "ops without a kernel become their meaning", NULL};
/* And this, unless it compiles for inference. */
static const an_pass training_pass = {"training", an_pass_training, false,
                                      "whether the program trains is true", NULL};

/* Nor this: for who wants to look at a graph without its fusions. */
static const an_pass unfuse_pass = {"unfuse", an_pass_unfuse, true,
                                    "fused ops become the ops that they stand for", NULL};

static const an_pass *const others[] = {&recompute_pass, &inference_pass, &written_out_pass,
                                        &training_pass, &unfuse_pass};

const char *an_pass_name(int i)
{
    return i >= 0 && i < PASSES ? passes[i].name : NULL;
}

const char *an_pass_summary(int i)
{
    return i >= 0 && i < PASSES ? passes[i].summary : NULL;
}

bool an_pass_is_exact(int i)
{
    return i >= 0 && i < PASSES && passes[i].exact;
}

static bool is_named(const an_pass *pass, const char *name, int length)
{
    return (int)strlen(pass->name) == length && !strncmp(pass->name, name, (size_t)length);
}

const an_pass *an_pass_find(const char *name, int length)
{
    for (int i = 0; i < PASSES; i++)
        if (is_named(&passes[i], name, length)) return &passes[i];
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (is_named(others[i], name, length)) return others[i];
    return NULL;
}

bool an_pipeline_is_exact(const char *word)
{
    const an_pass *pass = an_pass_find(word, (int)strcspn(word, "="));
    return pass && pass->exact;
}

an_graph *an_pipeline_part(const an_graph *from, const bool *needed, uint32_t *value)
{
    an_rewrite rw = {.pass = "compile", .from = from, .to = an_graph_like(from), .value = value};
    an_status status = rw.to ? AN_OK : AN_E_MEMORY;
    for (uint32_t i = 1; status == AN_OK && (int64_t)i <= from->node_count; i++)
        if (needed[i]) status = an_rewrite_copy(&rw, i);
    return rw.to;
}

/* ---- running a list of passes ------------------------------------------ */

typedef struct pipeline {
    const an_graph *source;
    an_graph *graph;  /* the newest copy; NULL before the first pass */
    uint32_t *value;  /* source value -> value of `graph` */
    an_notes notes;
    an_error error;
} pipeline;

static an_status run_pass(pipeline *p, const an_pass *pass)
{
    const an_graph *from = p->graph ? p->graph : p->source;
    uint32_t *step = an_alloc((from->slot_count + 1) * (int64_t)sizeof *step);
    if (!step) return an_fail(&p->error, AN_E_MEMORY, "out of memory");
    an_graph *to = an_pass_apply(pass, from, step, &p->notes, &p->error);
    if (to) {
        for (int64_t i = 1; i <= p->source->slot_count; i++)
            p->value[i] = p->graph ? step[p->value[i]] : step[i];
        an_graph_free(p->graph);
        p->graph = to;
    }
    an_free(step);
    return to ? AN_OK : p->error.status;
}

static an_status no_pass(pipeline *p, const char *name, int length)
{
    an_text word = {0}, nearest = {0};
    an_text_add_bytes(&word, name, length);
    an_guess guess = {.word = an_text_view(&word)};
    for (int i = 0; an_pass_name(i); i++) an_guess_try(&guess, an_pass_name(i));
    an_guess_print(&guess, &nearest);
    const an_status status = an_fail(&p->error, AN_E_NAME, "there is no pass \"%s\"%s",
                                     an_text_view(&word), an_text_view(&nearest));
    an_text_free(&word);
    an_text_free(&nearest);
    return status;
}

static an_status run_with(pipeline *p, const an_pass *pass, const char *argument, int length)
{
    an_text text = {0};
    an_text_add_bytes(&text, argument, length);
    an_pass given = *pass;
    given.argument = an_text_view(&text);
    const an_status status = run_pass(p, &given);
    an_text_free(&text);
    return status;
}

/* One of a list: "cse", or "recompute=block_*". */
static an_status run_word(pipeline *p, const char *word, int length)
{
    const int name = (int)strcspn(word, ",= ");
    const an_pass *pass = an_pass_find(word, name);
    if (!pass) return no_pass(p, word, name);
    if (pass->argument && name + 1 < length)
        return run_with(p, pass, word + name + 1, length - name - 1);
    if (!pass->argument && name == length) return run_pass(p, pass);
    return an_fail(&p->error, AN_E_ARGUMENT, "pass \"%s\" is written %s%s%s", pass->name,
                   pass->name, pass->argument ? "=" : "", pass->argument ? pass->argument : "");
}

static an_status recompute_scope(pipeline *p, const char *scope, int length)
{
    return run_with(p, &recompute_pass, scope, length);
}

static an_status run_listed(pipeline *p, const char *list,
                            an_status (*run)(pipeline *p, const char *word, int length))
{
    an_status status = AN_OK;
    while (status == AN_OK && *list) {
        list += strspn(list, ", ");
        const int length = (int)strcspn(list, ", ");
        if (length > 0) status = run(p, list, length);
        list += length;
    }
    return status;
}

static an_status copy_all(an_rewrite *rw)
{
    return an_rewrite_each(rw, NULL, NULL);
}

static an_status run_all(pipeline *p, const an_optimise_args *args)
{
    static const an_pass copy = {"copy", copy_all, true, "", NULL};
    an_status status = an_graph_status(args->graph);
    if (status != AN_OK) return an_fail(&p->error, status, "%s", an_graph_message(args->graph));
    status = run_pass(p, &copy);
    if (status == AN_OK && args->inference) status = run_pass(p, &inference_pass);
    if (status != AN_OK) return status;
    if (args->passes) status = run_listed(p, args->passes, run_word);
    for (int i = 0; !args->passes && i < PASSES && status == AN_OK; i++)
        status = run_pass(p, &passes[i]);
    if (status == AN_OK && args->recompute)
        status = run_listed(p, args->recompute, recompute_scope);
    return status;
}

/* Notes and their texts as one block that the caller frees. */
static an_note *pack_notes(an_notes *notes)
{
    int64_t bytes = (notes->count + 1) * (int64_t)sizeof(an_note);
    for (int64_t i = 0; i < notes->count; i++) bytes += (int64_t)strlen(notes->at[i].text) + 1;
    an_note *packed = an_alloc_zeroed(bytes);
    if (!packed) return NULL;
    char *text = (char *)(packed + notes->count + 1);
    for (int64_t i = 0; i < notes->count; i++) {
        packed[i] = notes->at[i];
        packed[i].text = text;
        const size_t size = strlen(notes->at[i].text) + 1;
        memcpy(text, notes->at[i].text, size);
        text += size;
    }
    return packed;
}

static void optimise(const an_optimise_args *args, an_optimised *o)
{
    pipeline p = {.source = args->graph};
    p.value = an_alloc_zeroed((args->graph->slot_count + 1) * (int64_t)sizeof *p.value);
    o->status = p.value ? run_all(&p, args) : an_fail(&p.error, AN_E_MEMORY, "out of memory");
    if (o->status == AN_OK) {
        o->notes = pack_notes(&p.notes);
        o->note_count = p.notes.count;
        if (!o->notes || p.notes.failed)
            o->status = an_fail(&p.error, AN_E_MEMORY, "out of memory");
    }
    an_arena_free(&p.notes.arena);
    an_free(p.notes.at);
    snprintf(o->message, sizeof o->message, "%.500s", p.error.text);
    if (o->status == AN_OK) {
        o->graph = p.graph;
        o->value = p.value;
        o->value_count = args->graph->slot_count;
        return;
    }
    an_free(o->notes);
    o->notes = NULL;
    o->note_count = 0;
    an_graph_free(p.graph);
    an_free(p.value);
}

an_optimised *an_optimise_with(const an_optimise_args *args)
{
    an_optimised *o = an_alloc_zeroed(sizeof *o);
    if (!o) return NULL;
    if (args && args->graph) {
        optimise(args, o);
    } else {
        o->status = AN_E_ARGUMENT;
        snprintf(o->message, sizeof o->message, "an_optimise: there is no graph");
    }
    return o;
}

void an_optimised_free(an_optimised *o)
{
    if (!o) return;
    an_graph_free(o->graph);
    an_free(o->notes);
    an_free(o->value);
    an_free(o);
}

an_graph *an_pipeline_copy(const an_graph *g, an_error *e)
{
    an_optimised *o = an_optimise(.graph = g, .passes = "");
    an_graph *copy = an_optimised_take(o);
    if (!copy) an_fail_text(e, an_optimised_status(o), an_optimised_message(o));
    an_optimised_free(o);
    return copy;
}

#define DEEPEST 16 /* meanings of meanings */

static bool lacks_kernel(const an_graph *g)
{
    for (int64_t i = 1; i <= g->node_count; i++)
        if (an_op_is_meaning(g->nodes[i].op)) return true;
    return false;
}

an_graph *an_pipeline_written_out(an_graph *g, an_error *e)
{
    for (int depth = 0; g && lacks_kernel(g); depth++) {
        an_optimised *o = an_optimise(.graph = g, .passes = "written_out");
        an_graph_free(g);
        g = depth < DEEPEST ? an_optimised_take(o) : NULL;
        if (depth == DEEPEST) an_fail(e, AN_E_LIMIT, "meanings need meanings %d deep", DEEPEST);
        else if (!g) an_fail(e, an_optimised_status(o), "%s", an_optimised_message(o));
        an_optimised_free(o);
    }
    return g;
}

an_graph *an_pipeline_training(an_graph *g, an_error *e)
{
    if (!g || an_graph_count(g, "training") == 0) return g;
    an_optimised *o = an_optimise(.graph = g, .passes = "training");
    an_graph_free(g);
    g = an_optimised_take(o);
    if (!g) an_fail(e, an_optimised_status(o), "%s", an_optimised_message(o));
    an_optimised_free(o);
    return g;
}

/* ---- what users read ---------------------------------------------------- */

an_status an_optimised_status(const an_optimised *o)
{
    return o ? o->status : AN_E_MEMORY;
}

const char *an_optimised_message(const an_optimised *o)
{
    return o ? o->message : "out of memory";
}

an_graph *an_optimised_graph(const an_optimised *o)
{
    return o ? o->graph : NULL;
}

an_graph *an_optimised_take(an_optimised *o)
{
    an_graph *graph = an_optimised_graph(o);
    if (o) o->graph = NULL;
    return graph;
}

const an_note *an_optimised_note(const an_optimised *o, int64_t i)
{
    return o && i >= 0 && i < o->note_count ? &o->notes[i] : NULL;
}

an_value an_optimised_value(const an_optimised *o, an_value old)
{
    const bool known = o && o->graph && old.id > 0 && (int64_t)old.id <= o->value_count;
    return an_value_of(o ? o->graph : NULL, known ? o->value[old.id] : 0);
}
