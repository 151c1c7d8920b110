/* kept.c -- see kept.h. States are never removed, so those that were taken are there. */
#include "frontends/train/kept.h"

static const char busy[] = "the store is in use by another thread";

static an_status copy_all(an_kept *k, an_store *s)
{
    if (!k->states) {
        const int64_t count = an_store_count(s);
        k->states = an_alloc_zeroed((count + 1) * (int64_t)sizeof *k->states);
        k->count = k->states ? count : 0;
    }
    an_status status = k->states ? AN_OK : AN_E_MEMORY;
    for (int64_t i = 0; i < k->count && status == AN_OK; i++) {
        k->states[i].name = an_store_name(s, i);
        status = an_tensor_copy(&k->states[i].tensor, an_store_at(s, i));
    }
    return status;
}

an_status an_kept_take(an_kept *k, an_store *s, an_error *e)
{
    if (!an_store_begin(s)) return an_fail(e, AN_E_BUSY, "%s", busy);
    const an_status status = copy_all(k, s);
    an_store_leave(s);
    return status == AN_OK
               ? AN_OK
               : an_fail(e, status, "there is no memory for a copy of the best states");
}

an_status an_kept_give(an_kept *k, an_store *s, an_error *e)
{
    if (!an_store_begin(s)) return an_fail(e, AN_E_BUSY, "%s", busy);
    const an_status status = an_store_take(s, k->states, k->count);
    an_store_leave(s);
    return status == AN_OK ? AN_OK : an_fail_text(e, status, an_store_message(s));
}

void an_kept_free(an_kept *k)
{
    for (int64_t i = 0; i < k->count; i++) an_tensor_free(&k->states[i].tensor);
    an_free(k->states);
    *k = (an_kept){0};
}
