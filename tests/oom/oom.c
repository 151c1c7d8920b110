/* oom.c -- the loop over allocations, and its judge; see oom.h. */
#include "tests/oom/oom.h"

/* Of each case and mode; under sanitizers a point takes five times as long. */
#define POINTS (AN_TEST_INSTRUMENTED ? 10 : 40)

typedef struct loop {
    const an_oom_case *c;
    char *good, *state; /* texts of the good run: what came of it, what it left as it was */
    int64_t points, wrong;
} loop;

void an_oom_says(an_oom *w, an_status status, const char *message)
{
    w->status = status;
    snprintf(w->message, sizeof w->message, "%s", message);
}

void an_oom_refuses(an_oom *w, an_status status, const char *message)
{
    an_oom_says(w, status == AN_E_MEMORY ? status : AN_OK, message);
}

/* ---- texts of what there is -------------------------------------------- */

static void print_graph(const an_graph *g, FILE *out)
{
    char *text = g ? an_print(g, .locations = true) : NULL;
    if (text) fprintf(out, "%s%d %s\n", text, (int)an_graph_status(g), an_graph_message(g));
    an_string_free(text);
}

static void print_tensor(const an_tensor *t, FILE *out)
{
    fprintf(out, "%s %d:", t->data ? an_dtype_name(t->dtype) : "none", t->rank);
    for (int64_t i = 0; t->data && i < an_tensor_count(t); i++)
        fprintf(out, " %a", an_tensor_get(t, i));
    fprintf(out, "\n");
}

static void describe_usual(an_oom *w, FILE *out)
{
    if (w->made) fprintf(out, "%s", w->made);
    fprintf(out, "%s\n", w->message);
    print_graph(w->graph, out);
    for (int i = 0; i < 2; i++) print_tensor(&w->out[i], out);
}

static void state_usual(an_oom *w, FILE *out)
{
    char hex[65] = "";
    print_graph(w->m.g, out);
    print_graph(w->other, out);
    if (w->store) an_store_sha256(w->store, hex);
    fprintf(out, "%s\n", hex);
}

static char *text_of(void (*write)(an_oom *, FILE *), void (*usual)(an_oom *, FILE *), an_oom *w)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    (write ? write : usual)(w, out);
    fclose(out);
    return text;
}

/* ---- one world --------------------------------------------------------- */

static void drop(const loop *l, an_oom *w)
{
    if (l->c->drop) l->c->drop(w);
    an_string_free(w->made);
    an_graph_free(w->graph);
    an_optimised_free(w->optimised);
    an_program_free(w->compiled);
    for (int i = 0; i < 2; i++) an_tensor_free(&w->out[i]);
    an_proof_free(w->proof);
    an_equivalence_free(w->equivalence);
    an_gradient_check_free(w->check);
    an_history_free(w->history);
    w->made = NULL, w->graph = NULL, w->optimised = NULL, w->compiled = NULL, w->proof = NULL;
    w->equivalence = NULL, w->check = NULL, w->history = NULL, w->result = NULL;
    w->status = AN_OK, w->message[0] = 0;
}

static void done(const loop *l, an_oom *w)
{
    if (l->c->done) l->c->done(w);
    an_program_free(w->program);
    an_program_free(w->second);
    an_store_free(w->store);
    an_graph_free(w->m.g);
    an_graph_free(w->other);
    for (int i = 0; i < 2; i++) an_tensor_free(&w->feed[i]);
    an_string_free(w->text);
}

/* The work without a failure, and how many requests it makes. */
static int64_t good_run(loop *l)
{
    an_oom w = {0};
    if (l->c->prepare) l->c->prepare(&w);
    l->state = text_of(l->c->state, state_usual, &w);
    an_test_heap_refuse(-1, false);
    l->c->work(&w);
    const int64_t requests = an_test_heap_requests();
    ck_assert_msg(w.status == AN_OK, "%s: %s", l->c->name, w.message);
    l->good = text_of(l->c->describe, describe_usual, &w);
    drop(l, &w);
    done(l, &w);
    return requests;
}

/* ---- the judge --------------------------------------------------------- */

static void object(loop *l, int64_t n, bool for_good, const char *what, const char *more)
{
    if (l->wrong++ < 12 || getenv("AN_OOM_CASE"))
        printf("%s: allocation %lld %s: %s%.300s\n", l->c->name, (long long)n,
               for_good ? "and on" : "once", what, more);
}

static bool says_memory(const an_oom *w)
{
    return strstr(w->message, "out of memory") || strstr(w->message, "AN-E001");
}

/* NULL if all is as it must be. */
static const char *judge(loop *l, an_oom *w, char **more)
{
    char *state = text_of(l->c->state, state_usual, w);
    const bool kept = !strcmp(state, l->state);
    const bool failed = w->status != AN_OK;
    free(state);
    if (!failed) {
        *more = text_of(l->c->describe, describe_usual, w);
        return strcmp(*more, l->good) ? "success with another result: " : NULL;
    }
    *more = strdup(w->message);
    if (w->status != AN_E_MEMORY) return "another status: ";
    if (!says_memory(w)) return "another message: ";
    return kept ? NULL : "what was there has changed: ";
}

/* Once more with all memory there is. */
static const char *judge_again(loop *l, an_oom *w, char **more)
{
    l->c->work(w);
    *more = w->status == AN_OK ? text_of(l->c->describe, describe_usual, w) : strdup(w->message);
    if (w->status != AN_OK) return "not usable afterwards: ";
    return strcmp(*more, l->good) ? "afterwards another result: " : NULL;
}

static void try_point(loop *l, int64_t n, bool for_good)
{
    const int64_t before = an_test_heap_live();
    an_oom w = {0};
    char *more = NULL;
    if (l->c->prepare) l->c->prepare(&w);
    an_test_heap_refuse(n, for_good);
    l->c->work(&w);
    const bool failed = an_test_heap_failed();
    an_test_heap_refuse(-1, false);
    l->points++;
    const char *wrong = failed ? judge(l, &w, &more) : "no such request";
    drop(l, &w);
    if (!wrong) {
        free(more);
        wrong = judge_again(l, &w, &more);
        drop(l, &w);
    }
    done(l, &w);
    if (!wrong && an_test_heap_live() != before) wrong = "not all was freed ";
    if (wrong) object(l, n, for_good, wrong, more ? more : "");
    free(more);
}

static int64_t try_case(const an_oom_case *c)
{
    loop l = {.c = c};
    const char *at = getenv("AN_OOM_AT"), *mode = getenv("AN_OOM");
    free((good_run(&l), l.good)); /* what is made once for all is made now */
    free(l.state);
    const int64_t requests = good_run(&l);
    const bool full = mode && !strcmp(mode, "full");
    const int64_t step = full || requests < POINTS ? 1 : requests / POINTS;
    for (int for_good = 0; for_good < 2; for_good++)
        for (int64_t n = at ? atoll(at) : 0; n < requests; n += at ? requests : step)
            try_point(&l, n, for_good);
    printf("%s: %lld requests, %lld points, %lld wrong\n", c->name, (long long)requests,
           (long long)l.points, (long long)l.wrong);
    free(l.good);
    free(l.state);
    return l.wrong;
}

int64_t an_oom_try(const an_oom_case *cases, int count)
{
    const char *only = getenv("AN_OOM_CASE");
    int64_t wrong = 0;
    setvbuf(stdout, NULL, _IOLBF, 0);
    an_set_threads(1);
    an_test_heap_start(-1);
    for (int i = 0; i < count; i++)
        if (!only || !strcmp(only, cases[i].name)) wrong += try_case(&cases[i]);
    return wrong;
}
