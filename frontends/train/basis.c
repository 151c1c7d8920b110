/* basis.c -- see basis.h. */
#include "frontends/train/basis.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "frontends/formats/crc32.h"
#include "graph/run/program.h"

/* Every gradient changes with the graph, so the updates do, too: of less interest then. */
#define UPDATES "updates"
static const char *const owners[] = {"graph", "optimizer"};

bool an_basis_add(an_basis *b, const char *name, const char *value)
{
    const an_metadata fact = {an_arena_string(&b->arena, name), an_arena_string(&b->arena, value)};
    if (!fact.key || !fact.value || !AN_GROW(b->facts, b->capacity, b->count + 1)) return false;
    b->facts[b->count++] = fact;
    return true;
}

void an_basis_free(an_basis *b)
{
    an_arena_free(&b->arena);
    an_free(b->facts);
    *b = (an_basis){0};
}

static bool add_number(an_basis *b, const char *name, uint64_t number)
{
    char hex[17];
    (void)snprintf(hex, sizeof hex, "%016" PRIx64, number);
    return an_basis_add(b, name, hex);
}

/* "f32[50,6] 9ae0daaf" */
static bool add_feed(an_basis *b, const an_crc32 *c, const char *prefix, const an_feed *feed)
{
    const an_tensor *const t = feed->tensor;
    an_text name = {0}, value = {0};
    an_text_addf(&name, "%sfeed %s", prefix, feed->name);
    an_text_addf(&value, "%s[", an_dtype_name(t->dtype));
    for (int d = 0; d < t->rank; d++)
        an_text_addf(&value, "%s%lld", d ? "," : "", (long long)t->extent[d]);
    an_text_addf(&value, "] %08" PRIx32, an_crc32_add(c, 0, t->data, an_tensor_bytes(t)));
    const bool good = an_basis_add(b, an_text_view(&name), an_text_view(&value));
    an_text_free(&name);
    an_text_free(&value);
    return good;
}

static bool add_feeds(an_basis *b, const char *prefix, const an_feed feeds[AN_MAX_NAMED])
{
    an_crc32 c;
    an_crc32_begin(&c, AN_CRC32);
    bool good = true;
    for (int i = 0; i < AN_MAX_NAMED && good; i++)
        if (feeds[i].tensor) good = add_feed(b, &c, prefix, &feeds[i]);
    return good;
}

/* Of what .next gives only the names are known, and how many steps make an epoch. */
static bool add_next(an_basis *b, const an_fit_args *args)
{
    bool good = add_number(b, "epoch_steps", (uint64_t)args->epoch_steps);
    for (int i = 0; i < AN_MAX_NAMED && good; i++) {
        an_text name = {0};
        if (!args->data[i].name) continue;
        an_text_addf(&name, "feed %s", args->data[i].name);
        good = an_basis_add(b, an_text_view(&name), "of .next");
        an_text_free(&name);
    }
    return good;
}

an_status an_basis_make(an_basis *b, const an_fit_args *args, an_error *e)
{
    const an_fingerprint *const p = &args->train->print;
    const bool validated = args->validation_split > 0 || args->validation[0].tensor;
    char split[32];
    (void)snprintf(split, sizeof split, "%.17g", args->validation_split);
    const bool good = add_number(b, "graph", p->fetched) &&
                      add_number(b, "optimizer", p->optimizer) &&
                      add_number(b, UPDATES, p->updates) &&
                      (!validated || add_number(b, "evaluation", args->evaluate->print.fetched)) &&
                      an_basis_add(b, "order", args->keep_order ? "kept" : "shuffled") &&
                      an_basis_add(b, "validation_split", split) &&
                      (args->next ? add_next(b, args) : add_feeds(b, "", args->data)) &&
                      add_feeds(b, "validation ", args->validation);
    return good ? AN_OK : an_fail(e, AN_E_MEMORY, "there is no memory for what the training rests "
                                                  "on");
}

static const char *value_of(const an_basis *b, const char *name)
{
    for (int64_t i = 0; i < b->count; i++)
        if (strcmp(b->facts[i].key, name) == 0) return b->facts[i].value;
    return "";
}

static bool differs(const an_basis *a, const an_basis *b, const char *name)
{
    return strcmp(value_of(a, name), value_of(b, name)) != 0;
}

/* The facts of `a` that differ; `once` leaves out those that `b` has, too. */
static void add_differences(const an_basis *a, const an_basis *b, bool once, an_text *out)
{
    for (int64_t i = 0; i < a->count; i++) {
        const char *const name = a->facts[i].key;
        const bool told = once && value_of(b, name)[0];
        const bool owned = strcmp(name, UPDATES) == 0 &&
                           (differs(a, b, owners[0]) || differs(a, b, owners[1]));
        if (!told && !owned && differs(a, b, name))
            an_text_addf(out, "%s%s", out->length ? ", " : "", name);
    }
}

void an_basis_compare(const an_basis *before, const an_basis *now, an_text *out)
{
    if (before->count == 0) return;
    add_differences(now, before, false, out);
    add_differences(before, now, true, out);
}
