/* user_code.c -- the public macros as users write them: with one argument, with
 * none beyond the required, nested, and with lists of fetches. Only compiled. */
#include "graph/graph.h"

an_value two_layers(an_value x, an_value w, an_value b);
int compile_and_run(an_graph *g, an_value loss, an_value y, const an_tensor *feed, an_tensor *out);

an_value two_layers(an_value x, an_value w, an_value b)
{
    an_scope_open(x, "layers");
    const an_value h = an_gelu(an_add(an_matmul(x, w), b), AN_TANH);
    const an_value y = an_layer_norm(an_residual_add(x, h), AN_NONE, AN_NONE, -1, 1e-5f);
    const an_value scaled = an_mul(y, an_number(y, 0.5));
    an_scope_close(x);
    return an_sum_axes(an_transpose(scaled, AN_AXES(1, 0)), AN_ALL_AXES, false);
}

int compile_and_run(an_graph *g, an_value loss, an_value y, const an_tensor *feed, an_tensor *out)
{
    an_store *store = an_store_new(42);
    const an_value more[] = {loss, y};
    an_program *a = an_compile(g, store, .fetch = {loss, y});
    an_program *b = an_compile(g, store, .fetch_list = more, .fetch_count = 2, .inference = true);
    an_program *c = an_compile(g, store);
    const an_status status = an_run(a, .feed = {{"x", feed}, {"y", feed}}, .out = {out, NULL});
    const an_status nothing = an_run(c);
    const an_equivalence e = an_equivalent(g, an_program_graph(b), .gradients = true);
    char *text = an_print(g);
    char *dot = an_dot(g, .depth = 2);
    an_string_free(text);
    an_string_free(dot);
    return (int)status + (int)nothing + (int)e.verdict;
}
