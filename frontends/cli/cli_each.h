/* cli_each.h -- what verify asks of every pass alone. */
#ifndef AN_FRONTENDS_CLI_CLI_EACH_H
#define AN_FRONTENDS_CLI_CLI_EACH_H

#include "frontends/cli/cli.h"
#include "graph/equal/equal.h"

#define AN_CLI_PASSES 16

typedef struct an_cli_each { /* one pass, alone on the graph */
    const char *name;
    bool exact, proved;
    bool numbers;       /* whether `verdict` is of numbers, or of the proof alone */
    an_verdict verdict;
    int64_t before, after; /* nodes */
    char message[320];
} an_cli_each;

/* Tries every pass of the pipeline alone on g; returns how many there are, -1 if memory is out. */
int an_cli_try_each(const an_graph *g, const an_equivalent_args *args, bool numbers,
                    an_cli_each *out);
bool an_cli_each_holds(const an_cli_each *x);
void an_cli_add_each(const an_cli_each *x, int count, an_text *out);
json_t *an_cli_json_each(const an_cli_each *x, int count);

#endif
