/* group_trial.c -- see group_trial.h. */
#include "tests/graph/group_trial.h"
#include "graph/passes/group.h"

#define MOST (AN_GROUP_MOST + 1)

typedef struct trial {
    uint64_t seed;
    an_graph *g;
    an_rewrite rw;
    an_groups *x;
    int group[MOST], next[MOST], last[MOST]; /* as they should be */
    bool made[MOST];
    const char *fault;
} trial;

static int draw(trial *t, int below)
{
    t->seed ^= t->seed << 13;
    t->seed ^= t->seed >> 7;
    t->seed ^= t->seed << 17;
    return (int)((t->seed >> 11) % (uint64_t)below);
}

static an_value drawn_value(trial *t, int reach)
{
    const int count = (int)t->g->node_count, near = count < reach ? count : reach;
    const int node = draw(t, 6) ? count - draw(t, near) : 1 + draw(t, count);
    return an_value_of(t->g, t->g->nodes[node].first);
}

static an_value node(an_value x, an_value gamma, an_value beta)
{
    return an_layer_norm(x, gamma, beta, 0, 1e-5f);
}

/* Nodes of one to three operands and of three outputs, among them the same value twice. How
 * far back operands stand is the seed's choice. */
static void draw_nodes(trial *t, int nodes)
{
    const int reach = 2 + draw(t, 5) * draw(t, 40);
    while (t->g->node_count < nodes) {
        an_value in[3] = {drawn_value(t, reach), drawn_value(t, reach), drawn_value(t, reach)};
        if (!draw(t, 3)) in[1] = AN_NONE;
        if (!draw(t, 3)) in[2] = AN_NONE;
        node(in[0], in[1], in[2]);
    }
}

/* One node that all may become one with, if what each needs moves before it. */
static void draw_star(trial *t, an_value x, int nodes)
{
    const an_value y = an_tanh(x);
    while (t->g->node_count + 4 <= nodes) {
        const an_value first = node(x, AN_NONE, AN_NONE);
        const an_value second = node(first, AN_NONE, AN_NONE);
        node(y, node(first, second, AN_NONE), AN_NONE);
    }
}

/* ---- the oracle -------------------------------------------------------- */

static int read_by(const trial *t, int node, int k)
{
    const uint32_t value = t->g->nodes[node].in[k];
    return value ? t->group[t->g->slots[value].node] : 0;
}

/* Marks each group that an operand of this one's leads to, but by the edges from `but`. */
static void mark_needs(const trial *t, int group, int but, bool *needs, int *direct)
{
    int stack[MOST] = {group}, top = 1;
    while (top > 0) {
        const int now = stack[--top];
        for (int i = now; i; i = t->next[i])
            for (int k = 0; k < t->g->nodes[i].inputs; k++) {
                const int read = read_by(t, i, k);
                *direct += now == group && read == but;
                if (!read || read == now || needs[read] || (now == group && read == but)) continue;
                needs[read] = true;
                stack[top++] = read;
            }
    }
}

static bool may_join(const trial *t, int a, int b, int direct)
{
    bool needs[MOST] = {false};
    int seen = 0;
    if (a == b) return true;
    mark_needs(t, b, a, needs, &seen);
    return !needs[a] && seen <= direct;
}

static void unite(trial *t, int a, int b)
{
    if (a == b) return;
    for (int i = b; i; i = t->next[i]) t->group[i] = a;
    t->next[t->last[a]] = b;
    t->last[a] = t->last[b];
}

/* ---- trying ------------------------------------------------------------ */

static void try_join(trial *t, int *refused, int *tangled)
{
    const int b = 2 + draw(t, (int)t->g->node_count - 1), direct = draw(t, 4) ? 1 : 2;
    const int a = (int)t->g->slots[t->g->nodes[b].in[0]].node;
    if (a == 1) return; /* the input stays what it is */
    const bool may = may_join(t, t->group[a], t->group[b], direct);
    const an_join join = an_groups_join(t->x, (uint32_t)a, (uint32_t)b, direct);
    const bool spent = an_groups_steps(t->x) >= an_groups_budget(t->x);
    if (join == AN_JOIN_TANGLED) {
        if (!spent) t->fault = "a join gave up too early";
    } else if ((join == AN_JOIN_DONE) != may) {
        t->fault = may ? "a join was refused that makes no cycle" : "a join made a cycle";
    } else if (may) {
        unite(t, t->group[a], t->group[b]);
    }
    if (refused) *refused += join == AN_JOIN_CYCLE;
    if (tangled) *tangled += join == AN_JOIN_TANGLED;
}

static an_status check_made(an_rewrite *rw, uint32_t first, void *context)
{
    trial *t = context;
    (void)rw;
    if (t->group[first] != (int)first || t->made[first]) t->fault = "a group was made twice";
    for (int i = (int)first; i; i = t->next[i]) {
        if ((int)an_groups_next(t->x, (uint32_t)i) != t->next[i]) t->fault = "a group has others";
        for (int k = 0; k < t->g->nodes[i].inputs; k++) {
            const int read = read_by(t, i, k);
            if (read && read != (int)first && !t->made[read]) t->fault = "made before it is read";
        }
    }
    t->made[first] = true;
    return AN_OK;
}

static void try_all(trial *t, int *refused, int *tangled)
{
    const int nodes = (int)t->g->node_count;
    t->rw = (an_rewrite){.pass = "trial", .from = t->g, .to = an_graph_like(t->g)};
    t->x = t->rw.to ? an_groups_new(&t->rw) : NULL;
    if (!t->x) t->fault = "out of memory";
    for (int i = 0; i <= nodes; i++) t->group[i] = t->last[i] = i;
    for (int i = 0; i < nodes && !t->fault; i++) try_join(t, refused, tangled);
    if (!t->fault && an_groups_each(t->x, check_made, t) != AN_OK && !t->fault)
        t->fault = "groups wait for each other";
    for (int i = 1; i <= nodes && !t->fault; i++)
        if (!t->made[t->group[i]]) t->fault = "a group was not made";
    an_groups_free(t->x);
    an_graph_free(t->rw.to);
}

const char *an_group_trial(uint64_t seed, int nodes, int *refused, int *tangled)
{
    trial t = {.seed = seed * 0x9e3779b97f4a7c15u + 1, .g = an_graph_new("trial")};
    const an_value x = an_input(t.g, "x", AN_F32, AN_SHAPE(4));
    if (draw(&t, 3))
        draw_nodes(&t, nodes);
    else
        draw_star(&t, x, nodes);
    if (an_graph_status(t.g) != AN_OK) t.fault = "the graph is broken";
    if (!t.fault) try_all(&t, refused, tangled);
    an_graph_free(t.g);
    return t.fault;
}

/* ---- a tangle ---------------------------------------------------------- */

#define FAR 100

static an_value norm(an_value sum, an_value gamma)
{
    return an_layer_norm(sum, gamma, AN_NONE, 1, 1e-5f);
}

static an_value far_from(an_value v)
{
    for (int i = 0; i < FAR; i++) v = an_tanh(v);
    return v;
}

/* The gradients of a sum: one from far away, and one of its norm y, of which something far
 * away is made before they are added. */
static void add_gradients(an_value sum, an_value y)
{
    an_graph *g = y.graph;
    const an_value dy = an_input(g, "dy", AN_F32, AN_SHAPE(2, 4));
    const uint32_t in[5] = {dy.id, sum.id, 0, y.id + 1, y.id + 2};
    const an_spec spec = {.op = an_op(AN_OP_layer_norm_grad), .inputs = 5, .in = in,
                          .attrs = an_node_of(g, y.id)->attrs};
    const uint32_t dx = an_graph_add(g, &spec);
    const an_value terms[2] = {far_from(dy), an_value_of(g, dx)};
    an_graph_output(far_from(an_value_of(g, dx + 1)), "dgamma");
    an_graph_output(an_accumulate(terms, 2, (const uint32_t[]){1, 2}), "dx");
}

an_graph *an_group_tangle(int norms)
{
    an_graph *g = an_graph_new("tangle");
    const an_value x = an_input(g, "x", AN_F32, AN_SHAPE(2, 4));
    const an_value r = an_input(g, "r", AN_F32, AN_SHAPE(2, 4));
    const an_value first = an_residual_add(x, r);
    an_value s = first, y = AN_NONE;
    for (int i = 1; i < norms; i++) s = an_residual_add(s, r);
    const an_value gamma = an_mean_axes(s, AN_AXES(0), false);
    for (int i = 0; i < norms; i++) {
        const uint32_t sum = i ? an_node_of(g, s.id)->in[0] : s.id;
        s = an_value_of(g, sum);
        y = y.graph ? an_add(y, norm(s, gamma)) : norm(s, gamma);
    }
    an_graph_output(y, "y");
    for (int i = 0; i < 2; i++) {
        s = an_residual_add(i ? r : x, y);
        y = norm(s, AN_NONE);
    }
    add_gradients(s, y);
    an_graph_output(y, "z");
    return g;
}
