/* cli_each.c -- verify's table of passes: each one alone on the graph, proved or not.
 *
 * All passes together may undo each other's faults, or hide which of them it was; so
 * each is also tried by itself. A proof costs milliseconds and is always tried; numbers,
 * which take as long as the whole comparison does, with --each only.          */
#include "frontends/cli/cli_each.h"

#include <stdio.h>
#include <string.h>

/* What one pass makes of the graph, held against it. AN_E_MEMORY if it cannot be tried. */
static an_status try_pass(const an_graph *g, an_equivalent_args args, bool numbers, an_cli_each *x)
{
    an_optimised *o = an_optimise(g, .passes = x->name);
    an_status status = an_optimised_status(o);
    x->verdict = AN_FAILED;
    const an_graph *after = an_optimised_graph(o);
    if (!after) {
        snprintf(x->message, sizeof x->message, "%.300s", an_optimised_message(o));
        an_optimised_free(o);
        return status;
    }
    x->before = an_graph_node_count(g);
    x->after = an_graph_node_count(after);
    args.a = g;
    args.b = NULL;
    args.passes = x->name;
    args.inexact = !x->exact;
    if (numbers) {
        an_equivalence *e = an_equivalent_with(&args);
        x->proved = an_proof_holds(an_equivalence_proof(e));
        x->verdict = an_equivalence_numbers(e);
        snprintf(x->message, sizeof x->message, "%.300s", an_equivalence_message(e));
        if (an_equivalence_status(e) == AN_E_MEMORY) status = AN_E_MEMORY;
        an_equivalence_free(e);
    } else {
        an_proof *p = an_prove(g, after);
        x->proved = an_proof_holds(p);
        x->verdict = x->proved ? (x->exact ? AN_BITWISE : AN_ROUNDING) : AN_SUSPECT;
        snprintf(x->message, sizeof x->message, "%.300s", an_proof_message(p));
        status = an_proof_status(p);
        an_proof_free(p);
    }
    an_optimised_free(o);
    return status;
}

int an_cli_try_each(const an_graph *g, const an_equivalent_args *args, bool numbers,
                    an_cli_each *out)
{
    int count = 0;
    for (; count < AN_CLI_PASSES && an_pass_name(count); count++) {
        out[count] = (an_cli_each){.name = an_pass_name(count), .numbers = numbers,
                                   .exact = an_pass_is_exact(count)};
        if (try_pass(g, *args, numbers, &out[count]) == AN_E_MEMORY) return -1;
    }
    return count;
}

/* A pass that finds nothing to do changes nothing, and shows nothing. */
bool an_cli_each_holds(const an_cli_each *x)
{
    return x->proved && (x->verdict == AN_BITWISE || x->verdict == AN_VACUOUS ||
                         (x->verdict == AN_ROUNDING && !x->exact));
}

void an_cli_add_each(const an_cli_each *x, int count, an_text *out)
{
    an_text_add(out, "each pass by itself\n");
    for (int i = 0; i < count; i++, x++) {
        an_text_addf(out, "  %-9s %-14s %s, %lld nodes to %lld", x->proved ? "proved" : "unproved",
                     x->name, x->exact ? "exact" : "not exact", (long long)x->before,
                     (long long)x->after);
        if (x->numbers) an_text_addf(out, ", %s", an_verdict_name(x->verdict));
        an_text_addf(out, an_cli_each_holds(x) ? "\n" : ": %s\n", x->message);
    }
}

json_t *an_cli_json_each(const an_cli_each *x, int count)
{
    json_t *list = json_array();
    for (int i = 0; i < count; i++, x++)
        an_cli_json_add(
            list, json_pack("{s:s, s:b, s:b, s:o, s:I, s:I, s:o}", "name", x->name, "exact",
                            x->exact, "proved", x->proved, "verdict",
                            x->numbers ? json_string(an_verdict_name(x->verdict)) : json_null(),
                            "nodes_before", (json_int_t)x->before, "nodes_after",
                            (json_int_t)x->after, "message", an_cli_json_text(x->message)));
    return list;
}
