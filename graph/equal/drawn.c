/* drawn.c -- feeds for any graph, as the verifier draws them: to profile what has no data yet. */
#include "graph/equal/trial_data.h"

#include <stdio.h>

#define USUAL 32 /* what a dim is that nobody bound */

struct an_drawn {
    an_evaluation values; /* of inputs alone */
    an_feed *feeds;
    int count;
};

void an_drawn_free(an_drawn *d)
{
    if (!d) return;
    an_evaluation_free(&d->values);
    an_free(d->feeds);
    an_free(d);
}

const an_feed *an_drawn_feeds(const an_drawn *d, int *count)
{
    *count = d ? d->count : 0;
    return d ? d->feeds : NULL;
}

static an_status bind(an_drawn *d, const an_graph *g, const char *text, an_error *e)
{
    int64_t *bound = an_alloc_zeroed((an_dims_names(g->dims) + 1) * (int64_t)sizeof *bound);
    an_status status = bound ? an_graph_bind(g, text, USUAL, bound, e)
                             : an_fail(e, AN_E_MEMORY, "out of memory");
    if (status == AN_OK) status = an_evaluation_begin(&d->values, g, bound);
    if (d->values.error.status != AN_OK) an_fail_text(e, status, d->values.error.text);
    an_free(bound);
    return status;
}

static an_status draw(an_drawn *d, const an_graph *g, uint64_t seed, an_error *e)
{
    d->feeds = an_alloc_zeroed((g->leaf_count + 1) * (int64_t)sizeof *d->feeds);
    if (!d->feeds || !an_trial_fill(&d->values, &(an_draw){.seed = seed}))
        return an_fail(e, AN_E_MEMORY, "out of memory");
    for (int64_t i = 0; i < g->leaf_count; i++)
        if (an_node_is_input(an_node_of(g, g->leaves[i].value)))
            d->feeds[d->count++] =
                (an_feed){g->leaves[i].name, &d->values.value[g->leaves[i].value]};
    return AN_OK;
}

an_drawn *an_draw_feeds(const an_graph *g, const char *bind_to, uint64_t seed, char *message,
                        int64_t message_size)
{
    an_error error = {0};
    an_drawn *d = g ? an_alloc_zeroed(sizeof *d) : NULL;
    an_status status = AN_E_ARGUMENT;
    if (d) {
        d->values.graph = g;
        d->values.only_inputs = true;
        status = bind(d, g, bind_to, &error);
        if (status == AN_OK) status = draw(d, g, seed, &error);
    } else {
        an_fail(&error, g ? AN_E_MEMORY : AN_E_ARGUMENT, g ? "out of memory" : "there is no graph");
    }
    if (message && message_size > 0) snprintf(message, (size_t)message_size, "%s", error.text);
    if (status == AN_OK) return d;
    an_drawn_free(d);
    return NULL;
}
