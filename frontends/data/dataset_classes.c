/* dataset_classes.c -- from label strings to class numbers.
 *
 * A row holds the kind of its label: the place of that string in order of first
 * appearance. This file alone turns kinds into the numbers that users see: in
 * sorted order, or as an_dataset_set_classes fixed them.
 *
 * Invariant: a call that fails leaves all numbers as they were.              */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "frontends/data/dataset.h"

/* ---- numbering the classes --------------------------------------------- */

typedef struct named_kind {
    const char *name;
    int64_t kind, value; /* `value` where all names are integers */
    bool by_value;
} named_kind;

static bool as_integer(const char *name, int64_t *value)
{
    char *end;
    errno = 0;
    const long long v = strtoll(name, &end, 10);
    const char first = name[name[0] == '-' || name[0] == '+'];
    if (errno != 0 || *end != 0 || first < '0' || first > '9') return false;
    *value = v;
    return true;
}

static int compare_kinds(const void *a, const void *b)
{
    const named_kind *const x = a, *const y = b;
    if (x->by_value && x->value != y->value) return x->value < y->value ? -1 : 1;
    return strcmp(x->name, y->name); /* "1" and "01" are two classes */
}

/* Kinds that rows have, sorted into `sorted`; gives how many. */
static int64_t sort_kinds(const an_dataset *d, named_kind *sorted)
{
    int64_t used = 0;
    bool integers = true;
    for (int64_t k = 0; k < d->kind_names.count; k++) {
        if (d->class_of_kind[k] < 0) continue;
        named_kind *const n = &sorted[used++];
        *n = (named_kind){.name = d->kind_names.items[k].text, .kind = k};
        integers = integers && as_integer(n->name, &n->value);
    }
    for (int64_t i = 0; i < used; i++) sorted[i].by_value = integers;
    if (used > 0) qsort(sorted, (size_t)used, sizeof *sorted, compare_kinds);
    return used;
}

/* Marks with 0 the kinds that some row has, with -1 the others: a failed read may
 * leave names behind that belong to no row. */
static void mark_used_kinds(an_dataset *d)
{
    for (int64_t k = 0; k < d->kind_names.count; k++) d->class_of_kind[k] = -1;
    for (int64_t i = 0; i < d->count; i++) d->class_of_kind[d->kinds[i]] = 0;
}

static an_status number_freely(an_dataset *d)
{
    int64_t bytes = 0;
    if (!an_mul_size(d->kind_names.count, (int64_t)sizeof(named_kind), &bytes))
        return an_dataset_no_memory(d);
    named_kind *const sorted = bytes > 0 ? an_alloc(bytes) : NULL;
    if (bytes > 0 && !sorted) return an_dataset_no_memory(d);
    mark_used_kinds(d);
    d->classes = bytes > 0 ? sort_kinds(d, sorted) : 0;
    for (int64_t i = 0; i < d->classes; i++) {
        d->class_of_kind[sorted[i].kind] = (int32_t)i;
        d->class_names[i] = sorted[i].name;
    }
    an_free(sorted);
    return AN_OK;
}

static an_status number_as_fixed(an_dataset *d)
{
    for (int64_t i = 0; i < d->count; i++) {
        if (d->kinds[i] < d->fixed) continue;
        an_text why = {0};
        an_text_addf(&why, "the label \"%s\" is none of the %lld classes that were set (",
                     d->kind_names.items[d->kinds[i]].text, (long long)d->fixed);
        for (int64_t k = 0; k < d->fixed && k < 8; k++)
            an_text_addf(&why, "%s%s", k > 0 ? ", " : "", d->kind_names.items[k].text);
        an_text_add(&why, d->fixed > 8 ? ", ...)" : ")");
        const an_status status = an_dataset_refuse_row(d, &d->origins[i], an_text_view(&why));
        an_text_free(&why);
        return status;
    }
    d->classes = d->fixed;
    for (int64_t k = 0; k < d->kind_names.count; k++) {
        d->class_of_kind[k] = k < d->fixed ? (int32_t)k : -1;
        d->class_names[k] = d->kind_names.items[k].text;
    }
    return AN_OK;
}

static bool reserve_classes(an_dataset *d, int64_t kinds)
{
    return AN_GROW(d->class_names, d->class_capacity, kinds) &&
           AN_GROW(d->class_of_kind, d->class_of_kind_capacity, kinds);
}

an_status an_dataset_number_classes(an_dataset *d)
{
    if (d->kind_names.count > INT32_MAX)
        return an_fail(&d->error, AN_E_LIMIT, "data set: more classes than an i32 can number");
    if (!reserve_classes(d, d->kind_names.count)) return an_dataset_no_memory(d);
    const an_status status = d->fixed > 0 ? number_as_fixed(d) : number_freely(d);
    if (status != AN_OK) return status;
    d->numbered = d->kind_names.count;
    for (int64_t i = 0; i < d->count; i++) d->labels[i] = d->class_of_kind[d->kinds[i]];
    return AN_OK;
}

/* ---- fixed classes ----------------------------------------------------- */

/* Fills `names` with the classes in their order. */
static an_status enter_fixed(an_dataset *d, const char *const *wanted, int64_t count,
                             an_strings *names)
{
    for (int64_t i = 0; i < count; i++) {
        if (!wanted[i] || wanted[i][0] == 0)
            return an_fail(&d->error, AN_E_ARGUMENT, "data set: class %lld has no name",
                           (long long)i);
        if (!an_dataset_clean(d, wanted[i], (int64_t)strlen(wanted[i])))
            return an_dataset_no_memory(d);
        const int64_t n = an_strings_add(names, d->scratch.data, d->scratch.length);
        if (n < 0) return an_dataset_no_memory(d);
        if (n < i)
            return an_fail(&d->error, AN_E_ARGUMENT, "data set: the class \"%s\" is set twice",
                           names->items[n].text);
    }
    return AN_OK;
}

/* Moves the rows over to `names`, entering the labels they have. */
static an_status move_rows(an_dataset *d, an_strings *names, int64_t fixed)
{
    for (int64_t k = 0; k < d->kind_names.count; k++) {
        const an_interned *const kind = &d->kind_names.items[k];
        if (an_strings_add(names, kind->text, kind->length) < 0) return an_dataset_no_memory(d);
    }
    if (!reserve_classes(d, names->count)) return an_dataset_no_memory(d);
    const an_strings old = d->kind_names;
    const int64_t old_fixed = d->fixed;
    d->kind_names = *names;
    d->fixed = fixed;
    for (int64_t i = 0; i < d->count; i++) {
        const an_interned *const kind = &old.items[d->kinds[i]];
        d->kinds[i] = an_strings_find(names, kind->text, kind->length);
    }
    const an_status status = an_dataset_number_classes(d); /* may meet a label beyond the classes */
    if (status != AN_OK) {
        for (int64_t i = 0; i < d->count; i++) {
            const an_interned *const kind = &names->items[d->kinds[i]];
            d->kinds[i] = an_strings_find(&old, kind->text, kind->length);
        }
        d->kind_names = old;
        d->fixed = old_fixed;
    } else {
        *names = old; /* for the caller to free */
    }
    return status;
}

an_status an_dataset_set_classes(an_dataset *d, const char *const *names, int64_t count)
{
    if (!d) return AN_E_ARGUMENT;
    an_dataset_begin(d);
    if (!names || count < 1)
        return an_fail(&d->error, AN_E_ARGUMENT, "data set: there are no classes to set");
    an_strings fresh = {0};
    an_status status = enter_fixed(d, names, count, &fresh);
    if (status == AN_OK) status = move_rows(d, &fresh, count);
    an_strings_free(&fresh);
    return status;
}
