/* resume.c -- see resume.h. */
#include "frontends/train/resume.h"

#include <string.h>

#include "frontends/train/batches.h"

static an_status check_key(const an_fit_args *args, const an_record_key *key,
                           const an_record_key *mine, an_error *e)
{
    if (key->seed == mine->seed && key->batch == mine->batch && key->examples == mine->examples)
        return AN_OK;
    return an_fail_at(e, args->at, AN_E_STATE,
                      "%s: it holds a training with seed %llu, batch %lld and %lld examples, "
                      "not %llu, %lld and %lld", args->directory, (unsigned long long)key->seed,
                      (long long)key->batch, (long long)key->examples,
                      (unsigned long long)mine->seed, (long long)mine->batch,
                      (long long)mine->examples);
}

static an_status check_metrics(const an_fit_args *args, const an_history *before,
                               const an_history *h, an_error *e)
{
    bool same = before->metric_count == h->metric_count &&
                before->validated == h->validated;
    for (int i = 0; i < before->metric_count && same; i++)
        same = strcmp(before->metric[i], h->metric[i]) == 0;
    return same ? AN_OK : an_fail_at(e, args->at, AN_E_STATE,
                                     "%s: it holds a training with other metrics",
                                     args->directory);
}

static an_status check_basis(const an_fit_args *args, const an_basis *before,
                             const an_basis *mine, an_error *e)
{
    an_text changed = {0};
    an_basis_compare(before, mine, &changed);
    an_status status = AN_OK;
    if (changed.failed || changed.length)
        status = an_fail_at(e, args->at, AN_E_STATE,
                            "%s: it holds a training of which this has changed: %s\n  hint: to go "
                            "on all the same, load model.safetensors with an_checkpoint_load and "
                            "train in another directory", args->directory,
                            an_text_view(&changed));
    an_text_free(&changed);
    return status;
}

an_status an_resume_check(const an_fit_args *args, const an_history *before, const an_record *was,
                          const an_history *h, const an_record *now, an_error *e)
{
    an_status status = check_key(args, &was->key, &now->key, e);
    if (status == AN_OK) status = check_metrics(args, before, h, e);
    return status == AN_OK ? check_basis(args, &was->basis, &now->basis, e) : status;
}
