/* monitor.c -- which epoch was the best so far, and when to give up.
 *
 * Follows Keras's EarlyStopping: an epoch is better if it beats the best by more
 * than min_delta, and training ends once `patience` epochs in a row were not. The first
 * one is the best so far, at infinity and NaN, too.                          */
#include "frontends/train/monitor.h"

#include <math.h>
#include <string.h>

static int find_metric(const an_history *h, const char *name)
{
    for (int i = 0; i < h->metric_count; i++)
        if (strcmp(h->metric[i], name) == 0) return i;
    return -1;
}

an_status an_monitor_open(an_monitor *m, const an_fit_args *args, const an_history *h, an_error *e)
{
    *m = (an_monitor){.min_delta = args->min_delta, .patience = args->patience};
    if (!(args->min_delta >= 0) || args->patience < 0)
        return an_fail_at(e, args->at, AN_E_ARGUMENT,
                          ".min_delta and .patience must be at least 0");
    const char *name = args->monitor;
    if (!name) {
        m->validation = h->validated;
    } else {
        m->validation = strncmp(name, "val_", 4) == 0 && find_metric(h, name) < 0;
        m->metric = find_metric(h, m->validation ? name + 4 : name);
    }
    if (m->metric < 0)
        return an_fail_at(e, args->at, AN_E_NAME,
                          "there is no metric \"%s\" to monitor\n  hint: they are named by "
                          ".metric, with val_ before the name where validation is meant", name);
    if (m->validation && !h->validated)
        return an_fail_at(e, args->at, AN_E_ARGUMENT,
                          "\"%s\" cannot be monitored without validation\n  hint: give "
                          ".validation_split or .validation, and .evaluate", name);
    m->smallest = m->metric == 0 || args->monitor_smallest;
    m->best = m->smallest ? (double)INFINITY : -(double)INFINITY;
    return AN_OK;
}

bool an_monitor_see(an_monitor *m, const an_epoch *record)
{
    const double value = (m->validation ? record->validation : record->train)[m->metric];
    const bool better =
        m->smallest ? value < m->best - m->min_delta : value > m->best + m->min_delta;
    m->waited = better ? 0 : m->waited + 1;
    if (better) m->best = value;
    return m->seen++ == 0 || better;
}

bool an_monitor_gives_up(const an_monitor *m)
{
    return m->patience > 0 && m->waited >= m->patience;
}
