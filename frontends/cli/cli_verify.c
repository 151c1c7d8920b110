/* cli_verify.c -- verify: do the passes, or two files, compute the same?
 *
 * All of it is an_equivalent's work. Says yes only if the proof holds and no number
 * speaks against it, or if the verdict is at least what was asked for.       */
#include "frontends/cli/cli_each.h"

#include "core/memory.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MOST_THREADS 1024
#define MOST 1000000 /* seeds or steps: more would never end */
#define QUIET ((int64_t)1 << 30) /* bytes that need not be spoken of */

/* One verification: the second graph is another file's or what the passes made. */
typedef struct trial {
    const an_cli *line;
    an_graph *a, *other;
    an_equivalence *e;
    an_cli_each each[AN_CLI_PASSES]; /* of one file only */
    int passes;
    an_rung least; /* what --at-least asks for */
} trial;

static bool holds(const trial *t)
{
    for (int i = 0; i < t->passes; i++)
        if (!an_cli_each_holds(&t->each[i])) return false;
    return an_equivalence_holds(t->e, t->least);
}

/* ---- the report -------------------------------------------------------- */

/* The library's report; between its first line and the rest, what was compared and what
 * the passes say. */
static an_cli_exit write_text(const trial *t)
{
    char *report = an_equivalence_report(t->e);
    an_text text = {0};
    const size_t first = report ? strcspn(report, "\n") : 0;
    if (!report) text.failed = true;
    an_text_add_bytes(&text, report ? report : "", (int64_t)first);
    an_text_addf(&text, "\n\n%s against %s\n", t->line->operand[0],
                 t->other ? t->line->operand[1] : "what the passes make of it");
    if (!t->other) {
        an_cli_add_notes(an_equivalence_optimised(t->e), &text);
        if (!an_optimised_note(an_equivalence_optimised(t->e), 0))
            an_text_add(&text, "  no norm reads a sum\n");
    }
    if (report) an_text_add(&text, report + first + 1);
    if (t->passes > 0) an_cli_add_each(t->each, t->passes, &text);
    if (an_equivalence_numbers(t->e) == AN_VACUOUS && !an_equivalence_compared(t->e, 0))
        an_text_add(&text, "nothing was compared: declare outputs, with lines like: "
                           "output \"y\" %6\n");
    an_string_free(report);
    return an_cli_write(NULL, &text);
}

static json_t *proof_json(const an_proof *p)
{
    json_t *rules = json_array();
    const an_proof_rule *r;
    for (int64_t i = 0; (r = an_proof_rule_at(p, i)) != NULL; i++)
        an_cli_json_add(rules, json_pack("{s:b, s:b, s:s, s:s, s:I, s:o}", "lemma", r->lemma,
                                         "real", r->real, "name", r->name, "says", r->says, "uses",
                                         (json_int_t)r->uses, "where",
                                         r->where ? an_cli_json_text(r->where) : json_null()));
    return json_pack("{s:s, s:b, s:I, s:I, s:o, s:o, s:o}", "says",
                     an_proof_answer_name(an_proof_says(p)), "proved", an_proof_holds(p), "roots",
                     (json_int_t)an_proof_roots(p), "met", (json_int_t)an_proof_met(p), "rules",
                     rules, "difference", an_cli_json_text(an_proof_difference(p)), "message",
                     an_cli_json_text(an_proof_message(p)));
}

static json_t *tensor_json(const an_compared *c)
{
    return json_pack("{s:o, s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:o, s:o, s:o, s:o, s:o, s:b}",
                     "name", an_cli_json_text(c->name), "kind", c->kind, "verdict",
                     an_verdict_name(c->verdict), "elements", (json_int_t)c->count, "different",
                     (json_int_t)c->different, "special", (json_int_t)c->special, "first",
                     (json_int_t)c->first, "worst", (json_int_t)c->worst, "worst_a",
                     an_json_number(c->worst_a), "worst_b", an_json_number(c->worst_b),
                     "max_abs", an_json_number(c->max_abs), "max_rel",
                     an_json_number(c->max_rel), "max_ulp", an_json_number(c->max_ulp),
                     "degenerate", c->degenerate);
}

static json_t *place_json(const an_place *p)
{
    if (!p->op) return json_null();
    return json_pack("{s:o, s:o, s:s, s:I}", "name", an_cli_json_text(p->name), "file",
                     an_cli_json_text(p->file), "op", p->op, "node", (json_int_t)p->ordinal);
}

static json_t *divergence_json(const an_divergence *d)
{
    if (!d) return json_null();
    return json_pack("{s:[o, o], s:s, s:o, s:o, s:i, s:I, s:o}", "at", place_json(&d->at[0]),
                     place_json(&d->at[1]), "verdict", an_verdict_name(d->verdict), "local_ulp",
                     an_json_number(d->local_ulp), "total_ulp",
                     an_json_number(d->total_ulp), "farther", d->farther, "inherited",
                     (json_int_t)d->inherited, "message", an_cli_json_text(d->message));
}

static json_t *aimed_json(const an_equivalence *e)
{
    uint64_t seed = 0;
    const char *data = an_equivalence_aimed(e, &seed);
    return data ? json_pack("{s:s, s:I}", "data", data, "seed", (json_int_t)seed) : json_null();
}

static json_t *checks_json(const an_equivalence *e)
{
    json_t *list = json_array();
    const an_check *c;
    for (int64_t i = 0; (c = an_equivalence_check(e, i)) != NULL; i++)
        an_cli_json_add(list, json_pack("{s:s, s:s, s:s, s:I, s:I, s:o}", "name", c->name,
                                        "says", c->says, "verdict",
                                        an_verdict_name(c->verdict), "tried",
                                        (json_int_t)c->tried, "failed",
                                        (json_int_t)c->failed, "message",
                                        an_cli_json_text(c->message)));
    return list;
}

static an_cli_exit write_json(const trial *t)
{
    const an_equivalence *e = t->e;
    json_t *compared = json_array();
    const an_compared *c;
    for (int64_t i = 0; (c = an_equivalence_compared(e, i)) != NULL; i++)
        an_cli_json_add(compared, tensor_json(c));
    return an_cli_write_json(json_pack(
        "{s:b, s:s, s:s, s:o, s:{s:I, s:I, s:I}, s:o, s:o, s:{s:I, s:I}, s:o, s:I, s:o, s:o, s:o, "
        "s:o}",
        "holds", holds(t), "verdict", an_rung_name(an_equivalence_rung(e)), "numbers",
        an_verdict_name(an_equivalence_numbers(e)), "message",
        an_cli_json_text(an_equivalence_message(e)), "fused", "forward",
        (json_int_t)an_equivalence_fused(e), "backward",
        (json_int_t)an_equivalence_fused_backward(e), "bytes_saved",
        (json_int_t)an_equivalence_bytes_saved(e), "notes",
        an_cli_json_notes(an_equivalence_optimised(e)), "compared", compared, "values",
        "compared", (json_int_t)an_equivalence_inners(e), "different",
        (json_int_t)an_equivalence_inners_different(e), "aimed", aimed_json(e), "memory",
        (json_int_t)an_equivalence_memory(e), "divergence",
        divergence_json(an_equivalence_divergence(e)), "checks", checks_json(e), "proof",
        proof_json(an_equivalence_proof(e)), "passes", an_cli_json_each(t->each, t->passes)));
}

/* ---- the picture ------------------------------------------------------- */

/* Whatever the verdict is; one that could not be reached may have nothing to draw. */
static an_cli_exit draw(const trial *t, int depth)
{
    char message[1024];
    if (!t->line->dot) return AN_CLI_FINE;
    if (!an_equivalence_graph(t->e, 0) || !an_equivalence_graph(t->e, 1)) {
        an_cli_say("%s: not drawn, for nothing was compared", t->line->dot);
        return AN_CLI_NOT;
    }
    if (an_cli_is_page(t->line->dot))
        return an_cli_page(&(an_page_args){.equivalence = t->e, .path = t->line->dot});
    const an_status status = an_equivalence_dot_file(
        .equivalence = t->e, .path = t->line->dot, .optimised = an_equivalence_optimised(t->e),
        .depth = depth,
        .message = message, .message_size = (int64_t)sizeof message);
    return an_cli_drawn(status, message);
}

/* ---- the subcommand ---------------------------------------------------- */

/* Reads a list like 1,2,4; false after a complaint. None given is 1,2. */
static bool read_threads(const char *list, int threads[8])
{
    int count = 0;
    bool good = true;
    an_text word = {0};
    for (const char *p = list ? list : "1,2"; good && an_text_next_word(&p, ",", &word);) {
        const char *text = an_text_view(&word);
        const size_t digits = strspn(text, "0123456789");
        const long n = digits > 0 && digits < 5 && !text[digits] ? strtol(text, NULL, 10) : 0;
        good = n > 0 && n <= MOST_THREADS && count < 8;
        if (good) threads[count++] = (int)n;
    }
    if (!good || count == 0)
        an_cli_say("--threads takes a list like 1,2,4 of at most 8 numbers up to %d, not '%s'",
                   MOST_THREADS, word.failed ? an_lost : list);
    an_text_free(&word);
    return good && count > 0;
}

static bool read_data(const char *word, an_trial_kind *data)
{
    static const char *const kinds[] = {"plain", "hard", "exact", "aimed"};
    for (int i = 0; word && i < 4; i++)
        if (!strcmp(word, kinds[i])) *data = (an_trial_kind)i;
    if (!word || !strcmp(word, kinds[*data])) return true;
    an_cli_say("--data takes plain, hard, exact or aimed, not '%s'", word);
    return false;
}

static bool check_line(const an_cli *line)
{
    const bool two = line->operands == 2;
    if (two && !strcmp(line->operand[0], "-") && !strcmp(line->operand[1], "-")) {
        an_cli_say("verify: only one of the files can be standard input");
        return false;
    }
    if (two && (line->passes || line->inference)) {
        an_cli_say("verify: two files are compared as they are; leave %s away, or name one file",
                   line->passes ? "--passes" : "--inference");
        return false;
    }
    return true;
}

/* What --at-least names; the best verdict if it was not given. */
static bool read_least(const char *word, an_rung *least)
{
    *least = AN_RUNG_PROVED;
    if (!word) return true;
    for (int r = AN_RUNG_REALS; r <= AN_RUNG_ROUNDING; r++)
        if (!strcmp(word, an_rung_name((an_rung)r))) *least = (an_rung)r;
    if (*least != AN_RUNG_PROVED) return true;
    an_cli_say("--at-least takes reals, bitwise or rounding, not '%s'", word);
    return false;
}

bool an_cli_read_trial(const an_cli *line, an_equivalent_args *args)
{
    if (line->seeds > MOST || line->steps > MOST) {
        an_cli_say("%s: at most %d seeds and steps", line->command->name, MOST);
        return false;
    }
    *args = (an_equivalent_args){.at = AN_HERE, .gradients = line->gradients,
                                 .seeds = (int)line->seeds, .seed = (uint64_t)line->seed,
                                 .steps = (int)line->steps, .bind = line->bind};
    return an_cli_check_passes(line->passes) && read_threads(line->threads, args->threads) &&
           read_data(line->data, &args->data);
}

/* "4G", "512M" or bytes; three quarters of the machine's memory if it was not given. */
static bool read_memory(const char *word, int64_t *bytes)
{
    static const char units[] = "KMGT";
    const int64_t page = sysconf(_SC_PAGESIZE), pages = sysconf(_SC_PHYS_PAGES);
    *bytes = page > 0 && pages > 0 ? page * (pages / 4 * 3) : QUIET;
    if (!word) return true;
    const size_t digits = strspn(word, "0123456789");
    const char *unit = word[digits] ? strchr(units, word[digits]) : NULL;
    const int shift = unit ? 10 * (int)(unit - units + 1) : 0;
    const int64_t number = digits > 0 && digits < 16 ? strtoll(word, NULL, 10) : 0;
    const bool ended = !word[digits] || (unit && !word[digits + 1]);
    if (ended && number > 0 && number <= INT64_MAX >> shift) {
        *bytes = number << shift;
        return true;
    }
    an_cli_say("--memory takes bytes, or a number and K, M, G or T, not '%s'", word);
    return false;
}

/* What takes much memory is not begun without a word. */
static an_equivalence *compare(an_equivalent_args *args)
{
    const int64_t most = args->memory;
    if (most > QUIET) args->memory = QUIET;
    an_equivalence *e = an_equivalent_with(args);
    const int64_t needs = an_equivalence_memory(e);
    if (needs <= QUIET || needs > most) return e;
    an_equivalence_free(e);
    an_text size = {0};
    an_text_add_size(&size, (double)needs);
    an_cli_say("verify takes %s of memory", an_text_view(&size));
    an_text_free(&size);
    args->memory = most;
    return an_equivalent_with(args);
}

/* Dropout, say, is not the same outside training, nor need it be: what is compared
 * is the inference form before and after the other passes. */
static bool take_inference_form(trial *t)
{
    an_optimised *form = an_optimise(t->a, .passes = "", .inference = true);
    an_graph *graph = an_optimised_take(form);
    if (!graph) an_cli_say("%s: %s", t->line->operand[0], an_optimised_message(form));
    an_optimised_free(form);
    if (!graph) return false;
    an_graph_free(t->a);
    t->a = graph;
    return true;
}

static an_cli_exit open_trial(trial *t)
{
    t->a = an_cli_read_graph(t->line->operand[0]);
    if (!t->a) return AN_CLI_FILE;
    if (t->line->operands == 2) {
        t->other = an_cli_read_graph(t->line->operand[1]);
        return t->other ? AN_CLI_FINE : AN_CLI_FILE;
    }
    return t->line->inference && !take_inference_form(t) ? AN_CLI_NOT : AN_CLI_FINE;
}

an_cli_exit an_cli_verify(const an_cli *line)
{
    int depth;
    trial t = {.line = line};
    an_equivalent_args args;
    if (!check_line(line) || !an_cli_depth(line, &depth) || !read_least(line->least, &t.least) ||
        !an_cli_read_trial(line, &args) || !read_memory(line->memory, &args.memory))
        return AN_CLI_USAGE;
    an_cli_exit answer = open_trial(&t);
    if (answer == AN_CLI_FINE && !an_cli_check_bind(line, t.a)) answer = AN_CLI_USAGE;
    if (answer == AN_CLI_FINE) {
        args.a = t.a;
        args.b = t.other;
        args.passes = line->passes;
        args.inexact = !t.other && !an_cli_passes_are_exact(line->passes);
        t.e = compare(&args);
        if (!t.other) t.passes = an_cli_try_each(t.a, &args, line->each, t.each);
        if (t.passes < 0) an_cli_say("out of memory");
        /* First: whoever reads the report may stop early. */
        answer = t.passes < 0 ? AN_CLI_NOT : draw(&t, depth);
        if (answer == AN_CLI_FINE) answer = line->json ? write_json(&t) : write_text(&t);
        const bool refused = an_equivalence_rung(t.e) == AN_RUNG_REFUSED;
        if (answer == AN_CLI_FINE && !holds(&t)) answer = refused ? AN_CLI_FILE : AN_CLI_NOT;
    }
    an_equivalence_free(t.e);
    an_graph_free(t.other);
    an_graph_free(t.a);
    return answer;
}
