/* outside.c -- ops from outside: what a set takes, what tells two of them apart, what is given.
 *
 * Some graphs have definitions, which no text has, so they are built here. */
#include "graph/passes/pipeline.h"
#include "ops/set.h"
#include "tests/mutants/mutants.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static void twice_ref(const an_work *w)
{
    an_tensor y = w->out[0];
    for (int64_t i = 0; y.data && i < an_tensor_count(&y); i++)
        an_tensor_set(&y, i, 2 * an_tensor_get(&w->in[0], i));
}

static void twice_meaning(const an_call *c, an_value out[]) { out[0] = an_add(c->in[0], c->in[0]); }

static void leaf_meaning(const an_call *c, an_value out[])
{
    const an_init zeros = {.kind = AN_INIT_ZEROS};
    const an_value s = an_state(c->in[0].graph, "s", AN_F32, AN_SHAPE(6), zeros);
    out[0] = an_add(c->in[0], s);
}

static void none_grad(const an_call *c, const an_value dy[], an_value dx[])
{
    (void)dy;
    dx[0] = (an_value){c->in[0].graph, 0};
}

static void turned_grad(const an_call *c, const an_value dy[], an_value dx[])
{
    (void)c;
    dx[0] = an_transpose(dy[0], ((an_axes){2, {1, 0}}));
}

#define ROW(called) .size = sizeof(an_op_def), .name = called, .inputs = "x"
#define KERNEL(called) ROW(called), .ref = twice_ref

/* ---- what a set takes ----------------------------------------------------- */

static void try_definitions(void)
{
    static const an_op_def bad[] = {
        {KERNEL("add")}, {KERNEL("known")}, {KERNEL("2x")}, {ROW("t")},
        {KERNEL("t"), .outputs = "y y"}, {KERNEL("t"), .outputs = "y?"},
        {KERNEL("t"), .attributes = "a:f64 a:i64"}, {KERNEL("t"), .share = 2},
        {KERNEL("t"), .meaning_rounds = true}, {KERNEL("t"), .colour = "red"},
        {KERNEL("t"), .grad = none_grad, .no_grad = "so"}, {KERNEL("t"), .fast = 1u << AN_I32},
    };
    an_ops *set = an_ops_new();
    an_ops_add(set, &(an_op_def){KERNEL("known")});
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (an_ops_add(set, &bad[i]) == AN_OK) an_object("set", "definition %zu is taken", i);
    an_ops_free(set);
}

/* ---- graphs of them --------------------------------------------------------- */

typedef struct made { /* a graph of x f32[B,6], and what its nodes come from */
    an_ops *set;
    an_graph *g;
    an_value x;
} made;

static made make(const an_op_def *defs, int count)
{
    made m = {.set = an_ops_new(), .g = an_graph_new("g")};
    for (int i = 0; i < count; i++)
        if (an_ops_add(m.set, &defs[i]) != AN_OK) an_object("set", "%s", an_ops_message(m.set));
    an_graph_use(m.g, m.set);
    m.x = an_input(m.g, "x", AN_F32, AN_SHAPE(an_dim_named(m.g, "B"), 6));
    return m;
}

static void end(made *m)
{
    an_graph_free(m->g);
    an_ops_free(m->set);
}

/* The first graph as one op makes it, the second as plain nodes: the rung, and what is given. */
static void expect_rung(const an_op_def *d, an_rung rung, const char *given)
{
    made m = make(d, 1), p = make(NULL, 0);
    an_graph_output(an_apply(d->name, &m.x, 1, NULL), "y");
    an_graph_output(an_add(p.x, p.x), "y");
    an_equivalence *e = an_equivalent(.a = m.g, .b = p.g, .quick = true);
    if (an_equivalence_rung(e) != rung ||
        strcmp(an_proof_given(an_equivalence_proof(e)), given) != 0)
        an_object("given", "%s", an_equivalence_message(e));
    an_equivalence_free(e);
    end(&m);
    end(&p);
}

static void try_meanings(void)
{
    const an_op_def exact = {KERNEL("t"), .meaning = twice_meaning};
    const an_op_def rounds = {KERNEL("r"), .meaning = twice_meaning, .meaning_rounds = true};
    const an_op_def leaf = {KERNEL("l"), .meaning = leaf_meaning};
    expect_rung(&exact, AN_RUNG_PROVED, "t");
    expect_rung(&rounds, AN_RUNG_REALS, "r");
    expect_rung(&(an_op_def){ROW("d"), .meaning = twice_meaning}, AN_RUNG_PROVED, "");
    expect_rung(&(an_op_def){KERNEL("k")}, AN_RUNG_BITWISE, "");
    /* Nobody's word where it is not needed, and of two no more than one needs. */
    const an_op_def both[] = {exact, rounds};
    for (int i = 0; i < 2; i++) {
        made a = make(both, 2);
        const an_value t = an_apply("t", &a.x, 1, NULL), r = an_apply("r", &a.x, 1, NULL);
        an_graph *b = an_graph_like(a.g);
        an_graph_use(b, a.set);
        an_value x = an_input(b, "x", AN_F32, an_type_of(a.x).shape);
        an_graph_output(t, "t");
        an_graph_output(r, "r");
        an_graph_output(i ? an_add(x, x) : an_apply("t", &x, 1, NULL), "t");
        an_graph_output(an_apply("r", &x, 1, NULL), "r");
        an_proof *f = an_prove(.a = a.g, .b = b);
        if (an_proof_says(f) != AN_PROOF_PROVED || strcmp(an_proof_given(f), i ? "t" : "") != 0)
            an_object("given", "%s", an_proof_message(f));
        an_proof_free(f);
        an_graph_free(b);
        end(&a);
    }
    /* A leaf that a meaning makes is not the graph's own of that name. */
    made m = make(&leaf, 1), p = make(NULL, 0);
    an_graph_output(an_apply("l", &m.x, 1, NULL), "y");
    const an_init zeros = {.kind = AN_INIT_ZEROS};
    an_graph_output(an_add(p.x, an_state(p.g, "s", AN_F32, AN_SHAPE(6), zeros)), "y");
    an_proof *f = an_prove(.a = m.g, .b = p.g);
    if (an_proof_holds(f)) an_object("given", "a leaf of a meaning's own: %s", an_proof_message(f));
    an_proof_free(f);
    end(&m);
    end(&p);
}

/* ---- what tells them apart ---------------------------------------------------- */

static void try_versions(void)
{
    const an_op_def defs[] = {{KERNEL("t"), .version = 1}, {KERNEL("t"), .version = 2},
                              {KERNEL("t"), .version = 1}};
    const char *const says[] = {"of version 1 in the first graph and of version 2", "two definit"};
    made m[3];
    for (int i = 0; i < 3; i++) {
        m[i] = make(&defs[i], 1);
        an_graph_output(an_apply("t", &m[i].x, 1, NULL), "y");
    }
    for (int i = 0; i < 2; i++) {
        an_equivalence *e = an_equivalent(.a = m[0].g, .b = m[i + 1].g, .quick = true);
        if (!strstr(an_equivalence_message(e), says[i]))
            an_object("versions", "%s", an_equivalence_message(e));
        an_equivalence_free(e);
    }
    for (int i = 0; i < 3; i++) end(&m[i]);
}

/* Whether ops that differ in that attribute alone are two, to merging and to the prover. */
static void expect_apart(const char *name, an_own a, an_own b, bool apart)
{
    static const an_op_def d = {KERNEL("t"), .attributes = "r:f64 w:text n:i64s words:texts"};
    made m[3];
    const an_own own[3] = {a, b, a};
    for (int i = 0; i < 3; i++) {
        m[i] = make(NULL, 0);
        an_graph_free(m[i].g);
    }
    an_ops_add(m[0].set, &d);
    for (int i = 0; i < 3; i++) {
        m[i].g = an_graph_new("g");
        an_graph_use(m[i].g, m[0].set);
        const an_value x = an_input(m[i].g, "x", AN_F32, AN_SHAPE(6));
        an_graph_output(an_apply("t", &x, 1, (an_own_given[]){{name, own[i]}, {0}}), "y");
        if (i == 2)
            an_graph_output(an_apply("t", &x, 1, (an_own_given[]){{name, own[1]}, {0}}), "z");
    }
    const an_node *n[2]; /* asked outright, for hashes tell most of them apart */
    for (int i = 0; i < 2; i++) n[i] = &m[i].g->nodes[m[i].g->node_count];
    if (an_attrs_equal(n[0]->op, n[0]->attrs, n[1]->attrs) == apart)
        an_object("own", "%s: %s", name, apart ? "they are equal" : "they differ");
    an_proof *f = an_prove(.a = m[0].g, .b = m[1].g);
    if (an_proof_holds(f) == apart) an_object("own", "%s: %s", name, an_proof_message(f));
    an_optimised *o = an_optimise(.graph = m[2].g);
    if (an_graph_count(an_optimised_graph(o), "t") != 1 + apart)
        an_object("own", "%s: %lld nodes are left", name,
                  (long long)an_graph_count(an_optimised_graph(o), "t"));
    an_optimised_free(o);
    an_proof_free(f);
    for (int i = 0; i < 3; i++) an_graph_free(m[i].g);
    for (int i = 0; i < 3; i++) an_ops_free(m[i].set);
}

static void try_attributes(void)
{
    static const int64_t n[] = {1, 2, 3};
    static const char *const ab[] = {"a", "b"}, *const ac[] = {"a", "c"};
    expect_apart("r", (an_own){AN_OWN_F64, 0, {.f64 = 1}}, (an_own){AN_OWN_F64, 0, {.f64 = 2}},
                 true);
    expect_apart("r", (an_own){AN_OWN_F64, 0, {.f64 = 0}}, (an_own){AN_OWN_F64, 0, {.f64 = -0.0}},
                 true);
    expect_apart("r", (an_own){AN_OWN_F64, 0, {.f64 = NAN}},
                 (an_own){AN_OWN_F64, 0, {.f64 = -NAN}}, false);
    expect_apart("w", (an_own){AN_OWN_TEXT, 0, {.text = "ab"}},
                 (an_own){AN_OWN_TEXT, 0, {.text = "ac"}}, true);
    expect_apart("n", (an_own){AN_OWN_I64S, 2, {.i64s = n}},
                 (an_own){AN_OWN_I64S, 3, {.i64s = n}}, true);
    expect_apart("words", (an_own){AN_OWN_TEXTS, 2, {.texts = ab}},
                 (an_own){AN_OWN_TEXTS, 2, {.texts = ac}}, true);
    made m = make(&(an_op_def){KERNEL("t"), .attributes = "r:f64"}, 1);
    an_apply("t", &m.x, 1, (an_own_given[]){{"r", {.kind = AN_OWN_I64}}, {0}});
    if (an_graph_status(m.g) == AN_OK) an_object("own", "an i64 is taken for a real");
    end(&m);
}

/* ---- opaque ops ----------------------------------------------------------------- */

static an_graph *opaque(const char *attributes, const char *results)
{
    char text[300];
    snprintf(text, sizeof text, "graph \"o\"\ndims B\nopaque q%s\n%%1: f32[B,6] = input \"x\"\n"
             "%%2: f32[B,6]%s = q %%1\noutput \"y\" %%2\n", attributes, results);
    return an_read_graph("opaque", text);
}

static void try_opaque(void)
{
    static const char *const kinds[][3] = { /* attributes, results, whether it is the first one */
        {"", "", "same"}, {"", ", f32[B]", ""}, {" {a:i64}", "", ""}};
    an_graph *a = opaque("", "");
    for (int i = 0; i < 3; i++) {
        an_graph *b = opaque(kinds[i][0], kinds[i][1]);
        an_proof *f = an_prove(.a = a, .b = b);
        if (an_proof_holds(f) != (kinds[i][2][0] != 0))
            an_object("opaque", "%d: %s", i, an_proof_message(f));
        an_proof_free(f);
        an_graph_free(b);
    }
    an_graph_free(a);
    an_graph *g = an_read_graph("opaque", "graph \"o\"\nopaque q\n%1: f32[6] = input \"x\"\n"
                                          "%2: f32[6] = q %1\n%3: f32[6], f32[3] = q %1\n"
                                          "output \"y\" %2\noutput \"z\" %3\n");
    an_optimised *o = an_optimise(.graph = g);
    if (an_graph_count(an_optimised_graph(o), "q") != 2) an_object("opaque", "two become one");
    an_optimised_free(o);
    an_graph_free(g);
}

/* ---- gradients and meanings -------------------------------------------------------- */

static void try_gradients(void)
{
    const an_op_def defs[] = {{KERNEL("n"), .grad = none_grad}, {KERNEL("t"), .grad = turned_grad},
                              {ROW("m"), .meaning = twice_meaning, .no_grad = "there is none"},
                              {KERNEL("l"), .meaning = leaf_meaning}};
    for (int i = 0; i < 4; i++) {
        made m = make(&defs[i], 1);
        const an_value y = an_apply(defs[i].name, &m.x, 1, NULL);
        const an_value dx = an_gradient(an_sum_axes(y, AN_ALL_AXES, false), m.x);
        if (!an_is_poison(dx)) an_object("gradients", "%s has one", defs[i].name);
        end(&m);
    }
    made m = make(defs, 1); /* of a scalar, which has poison's type */
    const an_value sum = an_sum_axes(m.x, AN_ALL_AXES, false);
    if (!an_is_poison(an_gradient(an_apply("n", &sum, 1, NULL), m.x)))
        an_object("gradients", "poison is one");
    end(&m);
    m = make(&(an_op_def){ROW("l"), .meaning = leaf_meaning}, 1);
    an_graph_output(an_apply("l", &m.x, 1, NULL), "y");
    an_optimised *o = an_optimise(.graph = m.g, .passes = "written_out");
    if (an_optimised_status(o) == AN_OK) an_object("gradients", "a meaning makes a leaf");
    an_optimised_free(o);
    end(&m);
}

void an_battery_outside(void)
{
    try_definitions();
    try_meanings();
    try_versions();
    try_attributes();
    try_opaque();
    try_gradients();
}
