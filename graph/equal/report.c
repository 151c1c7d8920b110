/* report.c -- an equivalence in words, for people. */
#include "graph/equal/result.h"

#include "core/text.h"

#define LISTED 12 /* tensors written out */

static void add_tensor(const an_compared *c, an_text *out)
{
    an_text_addf(out, "  %-9s %-8s %s, %lld elements", an_verdict_name(c->verdict), c->kind,
                 c->name, (long long)c->count);
    if (c->different)
        an_text_addf(out, ": %lld differ, at most by %.3g ulp, %.3g, relative %.3g; first at %lld, "
                          "worst at %lld: %.9g and %.9g",
                     (long long)c->different, c->max_ulp, c->max_abs, c->max_rel,
                     (long long)c->first, (long long)c->worst, c->worst_a, c->worst_b);
    if (c->special)
        an_text_addf(out, "; %lld are NaN or infinite on one side", (long long)c->special);
    if (c->exact >= 0) an_text_addf(out, "; %lld exact", (long long)c->exact);
    an_text_add(out, c->degenerate ? " (all zero or not finite: shows nothing)\n" : "\n");
}

/* Many tensors are not read one by one: the worst, then others that differ, then counts. */
static void add_compared(const an_equivalence *e, an_text *out)
{
    int64_t listed = 0, rest[AN_FAILED + 1] = {0};
    const bool all = e->compared_count <= LISTED;
    if (e->compared_count > 0) an_text_add(out, "compared\n");
    if (!all && e->worst >= 0) add_tensor(&e->compared[e->worst], out), listed++;
    for (int64_t i = 0; i < e->compared_count; i++) {
        const an_compared *c = &e->compared[i];
        const bool worth = c->verdict != AN_BITWISE && i != e->worst && listed < LISTED;
        if (all || worth) add_tensor(c, out), listed++;
        else if (i != e->worst) rest[c->verdict]++;
    }
    for (int v = AN_FAILED; v >= 0; v--)
        if (rest[v] > 0)
            an_text_addf(out, "  %-9s %lld %s\n", an_verdict_name((an_verdict)v),
                         (long long)rest[v], v == AN_BITWISE ? "tensors" : "more tensors");
}

static void add_checks(const an_equivalence *e, an_text *out)
{
    if (e->checks > 0) an_text_add(out, "checked\n");
    for (int i = 0; i < e->checks; i++) {
        const an_check_row *c = &e->check[i];
        const char *mark = c->verdict == AN_BITWISE ? "holds" : an_verdict_name(c->verdict);
        if (c->verdict == AN_VACUOUS) mark = "nothing";
        an_text_addf(out, "  %-9s %-10s %s (%lld tried)\n", mark, c->name, c->says,
                     (long long)c->tried);
        if (c->failed)
            an_text_addf(out, "            %lld fail: %s\n", (long long)c->failed, c->message);
    }
}

static void add_proof(const an_proof *p, an_text *out)
{
    an_text_addf(out, "proof\n  %s\n", p->message);
    for (int i = 0; i < p->rules; i++) {
        const an_proof_rule *r = &p->rule[i];
        an_text_addf(out, "  %s %s: %s (%lld times%s%s)\n",
                     r->real ? "law" : r->lemma ? "lemma" : "axiom", r->name, r->says,
                     (long long)r->uses, r->where ? ", first at " : "", r->where ? r->where : "");
    }
}

char *an_equivalence_report(const an_equivalence *e)
{
    if (!e) return NULL;
    an_text t = {0};
    an_text_addf(&t, "%s\n", e->message);
    an_text_addf(&t, "fused: %lld forward, %lld backward", (long long)e->fused_forward,
                 (long long)e->fused_backward);
    if (e->own_backward > 0 && e->fused_backward > e->own_backward)
        an_text_addf(&t, " (%lld of the graph itself, the others of the gradients added to it)",
                     (long long)e->own_backward);
    if (e->bytes_saved) {
        an_text_add(&t, "; ");
        an_text_add_size(&t, (double)e->bytes_saved);
        an_text_add(&t, " less to move in a run");
    }
    an_text_add(&t, "\n");
    add_compared(e, &t);
    if (e->divergence.message[0]) an_text_addf(&t, "first\n  %s\n", e->divergence.message);
    add_checks(e, &t);
    add_proof(&e->proof, &t);
    return an_text_take(&t);
}
