/* pictures.c -- see pictures.h. */
#include "tests/graph/pictures.h"
#include "frontends/frontends.h"
#include "optim/optim.h"
#include "tests/support.h"

#include <unistd.h>

const char *const an_test_hostile[] = {
    "\"", "\\", "a\\", "\\N\\G\\L", "\n", "{|}", "<b>", "</TABLE>", ">", "&amp;", "&", "]]>", "--",
    "\x01\x02\x1b[0m", "\xef\xbf\xbf",
    "\xc2\x85", "h\xc3\xa9llo \xe2\x82\xac", "a/b", " ", "\t", "%s%n", "/* */", "//", "#", "n1",
    "]",
    "graph", "\"];n1[label=\"x", NULL,
};

const char *const an_test_not_utf8[] = {"\xff\xfe", "\xc3", "\xed\xa0\x80", "\xf4\x90\x80\x80",
                                        NULL};

an_graph *an_test_classifier(bool training)
{
    an_graph *g = an_graph_new("classifier");
    const an_dim B = an_dim_named(g, "B"), T = an_dim_named(g, "T");
    const an_value ids = an_input(g, "ids", AN_I32, AN_SHAPE(B, T));
    an_value h = an_nn_embedding(ids, .vocab = 20000, .units = 50);
    h = an_dropout(an_nn_bilstm(h, .units = 64), 0.2f);
    h = an_dropout(an_nn_bilstm(h, .units = 32), 0.2f);
    h = an_nn_residual(h, an_nn_lstm(h, .units = 64));
    const an_value logit = an_nn_dense(an_mean(h, 1), .units = 1);
    if (training) {
        const an_value label = an_input(g, "label", AN_F32, AN_SHAPE(B, 1));
        const an_value loss = an_bce_with_logits(logit, label);
        an_graph_output(loss, "loss");
        an_minimize(loss, an_adam(.rate = 1e-3f));
    } else {
        an_graph_output(an_sigmoid(logit), "prob");
    }
    ck_assert_msg(an_graph_status(g) == AN_OK, "%s", an_graph_message(g));
    return g;
}

int an_test_count(const char *text, const char *what)
{
    int found = 0;
    for (const char *p = text; (p = strstr(p, what)); p += strlen(what)) found++;
    return found;
}

bool an_test_have_graphviz(const char *what)
{
    const bool have = system("dot -V >/dev/null 2>&1") == 0;
    if (!have) an_test_skip(what, "Graphviz is not installed");
    return have;
}

void an_test_check_reads(const char *text)
{
    if (!an_test_have_graphviz("Graphviz reads what is drawn")) return;
    char name[] = "/tmp/an_dot_XXXXXX", command[128], said[512];
    const int file = mkstemp(name);
    ck_assert_int_ge(file, 0);
    ck_assert_int_eq(write(file, text, strlen(text)), (ssize_t)strlen(text));
    close(file);
    snprintf(command, sizeof command, "dot -Tsvg %s 2>&1 >/dev/null", name);
    FILE *p = popen(command, "r");
    const size_t n = fread(said, 1, sizeof said - 1, p);
    said[n] = 0;
    const int status = pclose(p);
    unlink(name);
    ck_assert_msg(status == 0 && n == 0, "dot (status %d): %s\n%.3000s", status, said, text);
}
