/* cli_verify.c -- verify: do the passes, or two files, compute the same?
 *
 * First the graphs are compared in the interpreter, then the program that the last
 * of them compiles to is run on several numbers of threads. Says yes only if the
 * bits agree (or, when allowed, all differences are of rounding). A comparison that
 * could not have shown a fault is a no.                                     */
#include "graph/equal/equal.h"
#include "frontends/cli_program.h"

#include <stdio.h>
#include <string.h>

#define MOST 1000000 /* seeds or steps: more would never end */

/* One verification: the second graph is another file's or what the passes made. */
typedef struct trial {
    const an_cli *line;
    an_graph *a, *other;
    an_optimised o; /* no graph if there is a second file */
    an_equivalence e;
    an_cli_trials programs;
} trial;

static const an_graph *second(const trial *t)
{
    return t->other ? t->other : t->o.graph;
}

/* The program that did worst, if it did worse than the graphs; else NULL. */
static const an_cli_tried *worst_program(const trial *t)
{
    const an_cli_tried *worst = NULL;
    for (int i = 0; t->e.verdict <= AN_ROUNDING && i < t->programs.count; i++)
        if (t->programs.at[i].verdict > (worst ? worst->verdict : t->e.verdict))
            worst = &t->programs.at[i];
    return worst;
}

static an_verdict verdict(const trial *t)
{
    const an_cli_tried *worst = worst_program(t);
    return worst ? worst->verdict : t->e.verdict;
}

static bool holds(const trial *t)
{
    const an_verdict v = verdict(t);
    return v == AN_BITWISE || (v == AN_ROUNDING && t->line->allow_rounding);
}

/* ---- the report -------------------------------------------------------- */

static void add_fused(const trial *t, an_text *out)
{
    const bool any = t->e.fused_forward || t->e.fused_backward;
    an_text_addf(out, "fused: %lld forward, %lld backward\n", (long long)t->e.fused_forward,
                 (long long)t->e.fused_backward);
    if (t->other) return;
    an_cli_add_notes(&t->o, out);
    if (!any && t->o.note_count == 0) an_text_add(out, "  no norm reads a sum\n");
}

static void add_tensor(const an_compared *c, an_text *out)
{
    an_text_addf(out, "  %-9s %-8s %s, %lld elements", an_verdict_name(c->verdict), c->kind,
                 c->name, (long long)c->count);
    if (c->different)
        an_text_addf(out, ": %lld differ, at most by %.3g ulp, %.3g, relative %.3g; worst at %lld: "
                          "%.9g and %.9g",
                     (long long)c->different, c->max_ulp, c->max_abs, c->max_rel,
                     (long long)c->worst, c->worst_a, c->worst_b);
    an_text_add(out, c->degenerate ? " (all zero or not finite: shows nothing)\n" : "\n");
}

static void add_head(const trial *t, an_text *out)
{
    const an_cli_tried *worst = worst_program(t);
    if (worst)
        an_text_addf(out, "%s: on %d thread%s, %s\n", an_verdict_name(worst->verdict),
                     worst->threads, worst->threads == 1 ? "" : "s", worst->message);
    else
        an_text_addf(out, "%s\n", t->e.message);
    an_text_addf(out, "\n%s against %s\n", t->line->operand[0],
                 t->other ? t->line->operand[1] : "what the passes make of it");
}

static void add_proof(const an_proof *p, an_text *out)
{
    an_text_addf(out, "proof\n  %s\n", p->message);
    for (int i = 0; i < p->rules; i++)
        an_text_addf(out, "  %s %s: %s\n", p->rule[i].lemma ? "lemma" : "axiom", p->rule[i].name,
                     p->rule[i].says);
}

static json_t *proof_json(const an_proof *p)
{
    json_t *rules = json_array();
    for (int i = 0; i < p->rules; i++)
        json_array_append_new(rules, json_pack("{s:b, s:s, s:s, s:I}", "lemma", p->rule[i].lemma,
                                               "name", p->rule[i].name, "says", p->rule[i].says,
                                               "uses", (json_int_t)p->rule[i].uses));
    return json_pack("{s:b, s:I, s:I, s:o, s:o, s:o}", "proved", p->proved, "roots",
                     (json_int_t)p->roots, "met", (json_int_t)p->met, "rules", rules,
                     "difference", an_cli_json_text(p->difference), "message",
                     an_cli_json_text(p->message));
}

static void add_programs(const trial *t, an_text *out)
{
    an_text_addf(out, "the program of %s against the interpreter\n",
                 t->line->operand[t->other ? 1 : 0]);
    for (int i = 0; i < t->programs.count; i++) {
        const an_cli_tried *p = &t->programs.at[i];
        an_text_addf(out, "  %-9s on %d thread%s, %lld tensors%s%s\n", an_verdict_name(p->verdict),
                     p->threads, p->threads == 1 ? "" : "s", (long long)p->compared,
                     p->message[0] ? ": " : "", p->message);
    }
}

static an_cli_exit write_text(const trial *t)
{
    an_text text = {0};
    add_head(t, &text);
    add_fused(t, &text);
    if (t->e.verdict != AN_FAILED) {
        an_text_add(&text, "compared\n");
        for (int64_t i = 0; i < t->e.compared_count; i++) add_tensor(&t->e.compared[i], &text);
        if (t->e.compared_count == 0)
            an_text_add(&text, "  nothing: declare outputs, with lines like: output \"y\" %6\n");
        add_proof(&t->e.proof, &text);
        add_programs(t, &text);
    }
    return an_cli_write(NULL, &text);
}

static json_t *tensor_json(const an_compared *c)
{
    return json_pack("{s:o, s:s, s:s, s:I, s:I, s:I, s:o, s:o, s:o, s:o, s:o, s:b}", "name",
                     an_cli_json_text(c->name), "kind", c->kind, "verdict",
                     an_verdict_name(c->verdict), "elements", (json_int_t)c->count, "different",
                     (json_int_t)c->different, "worst", (json_int_t)c->worst, "worst_a",
                     an_cli_json_number(c->worst_a), "worst_b", an_cli_json_number(c->worst_b),
                     "max_abs", an_cli_json_number(c->max_abs), "max_rel",
                     an_cli_json_number(c->max_rel), "max_ulp", an_cli_json_number(c->max_ulp),
                     "degenerate", c->degenerate);
}

static an_cli_exit write_json(const trial *t)
{
    json_t *compared = json_array(), *programs = json_array();
    const an_cli_tried *worst = worst_program(t);
    for (int i = 0; i < t->programs.count; i++) {
        const an_cli_tried *p = &t->programs.at[i];
        json_array_append_new(programs, json_pack("{s:i, s:s, s:I, s:o}", "threads", p->threads,
                                                  "verdict", an_verdict_name(p->verdict),
                                                  "tensors", (json_int_t)p->compared, "message",
                                                  an_cli_json_text(p->message)));
    }
    for (int64_t i = 0; i < t->e.compared_count; i++)
        json_array_append_new(compared, tensor_json(&t->e.compared[i]));
    return an_cli_write_json(json_pack(
        "{s:b, s:s, s:o, s:{s:I, s:I}, s:o, s:o, s:o, s:o}", "holds", holds(t), "verdict",
        an_verdict_name(verdict(t)), "message",
        an_cli_json_text(worst ? worst->message : t->e.message), "fused", "forward",
        (json_int_t)t->e.fused_forward, "backward", (json_int_t)t->e.fused_backward, "notes",
        an_cli_json_notes(&t->o), "compared", compared, "proof", proof_json(&t->e.proof),
        "programs", programs));
}

/* ---- the subcommand ---------------------------------------------------- */

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
    if (line->seeds > MOST || line->steps > MOST) {
        an_cli_say("verify: at most %d seeds and steps", MOST);
        return false;
    }
    return an_cli_check_passes(line->passes);
}

/* Dropout, say, is not the same outside training, nor need it be: what is compared
 * is the inference form before and after the other passes. */
static bool take_inference_form(trial *t)
{
    an_optimised form = an_optimise(t->a, .passes = "", .inference = true);
    if (!form.graph) {
        an_cli_say("%s: %s", t->line->operand[0], form.message);
        return false;
    }
    an_graph_free(t->a);
    t->a = form.graph;
    form.graph = NULL;
    an_optimised_free(&form);
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
    if (t->line->inference && !take_inference_form(t)) return AN_CLI_NOT;
    t->o = an_optimise(t->a, .passes = t->line->passes);
    if (t->o.graph) return AN_CLI_FINE;
    an_cli_say("%s: the passes failed: %s", t->line->operand[0], t->o.message);
    return AN_CLI_NOT;
}

an_cli_exit an_cli_verify(const an_cli *line)
{
    if (!check_line(line)) return AN_CLI_USAGE;
    trial t = {.line = line};
    if (!an_cli_read_threads(line->threads, &t.programs)) return AN_CLI_USAGE;
    an_cli_exit answer = open_trial(&t);
    if (answer == AN_CLI_FINE && !an_cli_check_bind(line, t.a)) answer = AN_CLI_USAGE;
    if (answer == AN_CLI_FINE) {
        t.e = an_equivalent(.a = t.a, .b = second(&t), .gradients = line->gradients,
                            .seeds = (int)line->seeds, .seed = (uint64_t)line->seed,
                            .steps = (int)line->steps, .bind = line->bind);
        if (t.e.verdict == AN_FAILED) t.programs.count = 0;
        an_cli_try_program(t.other ? t.other : t.a, line, &t.programs);
        answer = line->json ? write_json(&t) : write_text(&t);
        if (answer == AN_CLI_FINE && !holds(&t)) answer = AN_CLI_NOT;
    }
    an_equivalence_free(&t.e);
    an_optimised_free(&t.o);
    an_graph_free(t.other);
    an_graph_free(t.a);
    return answer;
}
