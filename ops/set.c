/* set.c -- definitions become rows.
 *
 * A row is made once, when its definition joins a set, and lives as long as the set: strings are
 * copied, the record is the set's own. So what a definition looks like to another compiler matters
 * here only. Sets are counted, for rows outlive the nodes that point to them.  */
#include "ops/set.h"
#include "ops/own.h"

#include <stdatomic.h>
#include <string.h>

#include "core/memory.h"
#include "core/random.h"
#include "ops/elementwise.h"

#define MOST_OPTIONAL 64 /* a row has a bit for each */

struct an_ops {
    atomic_int users;
    an_arena arena;
    an_op_info **rows; /* of the arena: a graph's nodes point to them */
    int64_t count, capacity;
    an_error error;
};

an_ops *an_ops_new(void)
{
    an_ops *set = an_alloc_zeroed((int64_t)sizeof *set);
    if (set) atomic_init(&set->users, 1);
    return set;
}

an_ops *an_ops_hold(an_ops *set)
{
    if (set) atomic_fetch_add(&set->users, 1);
    return set;
}

void an_ops_free(an_ops *set)
{
    if (!set || atomic_fetch_sub(&set->users, 1) > 1) return;
    an_arena_free(&set->arena);
    an_free(set->rows);
    an_free(set);
}

const char *an_ops_message(const an_ops *set) { return set ? set->error.text : "there is no set"; }

const an_op_info *an_ops_find(const an_ops *set, const char *name)
{
    for (int64_t i = 0; set && name && i < set->count; i++)
        if (!strcmp(set->rows[i]->name, name)) return set->rows[i];
    return NULL;
}

const an_op_info *an_ops_at(const an_ops *set, int64_t i)
{
    return set && i >= 0 && i < set->count ? set->rows[i] : NULL;
}

/* ---- what a definition may say ------------------------------------------ */

static bool is_identifier(const char *name, size_t length)
{
    const char *const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_";
    const char *const digits = "0123456789";
    if (length == 0 || length > 64 || !strchr(letters, name[0])) return false;
    for (size_t i = 0; i < length; i++)
        if (!strchr(letters, name[i]) && !strchr(digits, name[i])) return false;
    return true;
}

static an_status no_memory(an_ops *set)
{
    return an_fail(&set->error, AN_E_MEMORY, "out of memory");
}

/* Words of a list: identifiers, the last marks of which may be `marks`. */
static an_status check_words(an_ops *set, const char *list, const char *what, const char *op)
{
    for (const char *p = list + strspn(list, " "); *p; p += strspn(p, " ")) {
        const size_t length = strcspn(p, " "), name = strcspn(p, " ?.");
        const size_t mark = length - name;
        const bool good = is_identifier(p, name) &&
                          (mark == 0 || (mark == 1 && p[name] == '?') ||
                           (mark == 3 && !memcmp(p + name, "...", 3) && !p[length]));
        if (!good)
            return an_fail(&set->error, AN_E_ARGUMENT, "%s: '%.*s' is no name of %s", op,
                           (int)(length < 80 ? length : 80), p, what);
        p += length;
    }
    return AN_OK;
}

/* A name without its mark or its kind. */
static size_t name_length(const char *word) { return strcspn(word, " ?.:"); }

/* In messages, texts and definitions one name means one thing. */
static an_status check_twice(an_ops *set, const char *list, const char *op)
{
    for (const char *p = list + strspn(list, " "); *p; p += strcspn(p, " "), p += strspn(p, " "))
        for (const char *q = list + strspn(list, " "); q < p;
             q += strcspn(q, " "), q += strspn(q, " "))
            if (name_length(p) == name_length(q) && !memcmp(p, q, name_length(p)))
                return an_fail(&set->error, AN_E_ARGUMENT, "%s: '%.*s' is named twice", op,
                               (int)name_length(p), p);
    return AN_OK;
}

static an_status check_names(an_ops *set, const an_op_def *d)
{
    if (!d->name || !is_identifier(d->name, strlen(d->name)))
        return an_fail(&set->error, AN_E_NAME, "\"%.80s\" is no name for an op: letters, digits "
                       "and _, at most 64", d->name ? d->name : "");
    if (an_op_find(d->name))
        return an_fail(&set->error, AN_E_NAME, "%s: the library has an op of that name", d->name);
    if (an_ops_find(set, d->name))
        return an_fail(&set->error, AN_E_NAME, "%s: the set has an op of that name", d->name);
    if (!d->inputs || !d->inputs[strspn(d->inputs, " ")])
        return an_fail(&set->error, AN_E_ARGUMENT, "%s: it has no inputs", d->name);
    an_status status = check_words(set, d->inputs, "an input", d->name);
    if (status == AN_OK && d->outputs) status = check_words(set, d->outputs, "an output", d->name);
    if (status == AN_OK && d->outputs && strpbrk(d->outputs, "?."))
        status = an_fail(&set->error, AN_E_ARGUMENT, "%s: an op always has all its outputs",
                         d->name);
    int words = 0;
    for (const char *p = d->inputs; (p += strspn(p, " "))[0]; p += strcspn(p, " "), words++)
        if (status == AN_OK && words >= MOST_OPTIONAL && p[strcspn(p, " ?")] == '?')
            status = an_fail(&set->error, AN_E_ARGUMENT, "%s: of its operands only the first %d "
                             "may be optional", d->name, MOST_OPTIONAL);
    if (status == AN_OK) status = check_twice(set, d->inputs, d->name);
    if (status == AN_OK && d->outputs) status = check_twice(set, d->outputs, d->name);
    return status;
}

static bool is_colour(const char *text)
{
    return text[0] == '#' && strlen(text) == 7 && strspn(text + 1, "0123456789abcdefABCDEF") == 6;
}

/* Bits of operands that `inputs` does not name; of `...` all may be meant. */
static uint32_t beyond(const char *inputs)
{
    int words = 0;
    if (strchr(inputs, '.')) return 0;
    for (const char *p = inputs + strspn(inputs, " "); *p; words++)
        p += strcspn(p, " "), p += strspn(p, " ");
    return words < 32 ? ~(uint32_t)0 << words : 0;
}

static an_status check_functions(an_ops *set, const an_op_def *d)
{
    const char *fault = NULL;
    int stages = 0;
    while (stages < AN_MAX_STAGES && d->stages[stages].run) stages++;
    for (int i = 0; i < AN_MAX_STAGES; i++)
        if (!d->stages[i].run != !d->stages[i].units || (i >= stages && d->stages[i].run))
            fault = "a stage is units and run, and the first that has neither is the last";
    if (stages > 0 && !d->ref) fault = "a kernel needs plain loops (ref) beside it, to be held to";
    if (stages == 0 && !d->ref && !d->meaning) fault = "it has neither kernel nor meaning";
    if (d->grad && d->no_grad) fault = "it has a gradient, and a reason why it has none";
    if (d->meaning_rounds && (!d->meaning || !d->ref))
        fault = "a meaning rounds beside a kernel only (meaning_rounds)";
    if ((d->share | d->constant_in) & beyond(d->inputs))
        fault = "share or constant_in has a bit beyond its operands";
    if (d->colour && !is_colour(d->colour)) fault = "a colour is written \"#rrggbb\"";
    if (d->fast & ~(AN_FAST_F32 | AN_FAST_F64)) fault = "stages are for f32 and f64 only";
    return fault ? an_fail(&set->error, AN_E_ARGUMENT, "%s: %s", d->name, fault) : AN_OK;
}

/* ---- the row ----------------------------------------------------------- */

/* "alpha:f64 taps:i64s" */
static an_status add_own(an_ops *set, an_op_info *row, const char *list)
{
    an_own_info *own = an_arena_alloc(&set->arena, AN_MOST_OWN * (int64_t)sizeof *own);
    if (!own) return no_memory(set);
    if (check_twice(set, list, row->name) != AN_OK) return AN_E_ARGUMENT;
    for (const char *p = list + strspn(list, " "); *p; p += strspn(p, " ")) {
        const size_t length = strcspn(p, " "), name = strcspn(p, " :");
        an_own_info o = {0};
        const bool kind = name < length &&
                          an_own_kind_find(p + name + 1, (int)(length - name - 1), &o.kind);
        if (row->own_count == AN_MOST_OWN || !kind || !is_identifier(p, name))
            return an_fail(&set->error, AN_E_ARGUMENT, "%s: '%.*s' is no attribute: \"name:kind\", "
                           "at most %d, of i64 f64 text i64s f64s texts", row->name,
                           (int)(length < 80 ? length : 80), p, AN_MOST_OWN);
        if (!(o.name = an_arena_text(&set->arena, p, (int64_t)name))) return no_memory(set);
        own[row->own_count++] = o;
        p += length;
    }
    row->own = own;
    return AN_OK;
}

static an_op_rules *record_of(an_ops *set, const an_op_def *d)
{
    an_op_rules *r = an_arena_alloc(&set->arena, (int64_t)sizeof *r);
    if (!r) return NULL;
    *r = (an_op_rules){.infer = d->infer, .floats = d->infer ? 0 : 1u, .grad = d->grad,
                       .constant_in = d->constant_in, .meaning = d->meaning,
                       .meaning_rounds = d->meaning_rounds, .fast = d->fast, .ref = d->ref,
                       .scratch = d->scratch, .share = {d->share}};
    memcpy(r->stages, d->stages, sizeof r->stages);
    if (d->no_grad) r->no_grad = an_arena_string(&set->arena, d->no_grad);
    else if (!d->grad && !d->meaning) r->no_grad = "its definition has none";
    if (d->title) r->title = an_arena_string(&set->arena, d->title);
    return (d->no_grad && !r->no_grad) || (d->title && !r->title) ? NULL : r;
}

static an_status add_row(an_ops *set, const an_op_def *d)
{
    an_op_info *row = an_arena_alloc(&set->arena, (int64_t)sizeof *row);
    if (!row) return no_memory(set);
    const char *list = d->attributes ? d->attributes : "";
    *row = (an_op_info){.name = an_arena_string(&set->arena, d->name),
                        .inputs = an_arena_string(&set->arena, d->inputs),
                        .outputs = an_arena_string(&set->arena, d->outputs ? d->outputs : "y"),
                        .attributes = an_arena_string(&set->arena, list),
                        .doc = an_arena_string(&set->arena, d->doc ? d->doc : ""),
                        .colour = d->colour ? an_arena_string(&set->arena, d->colour) : NULL,
                        .category = AN_CATEGORY_OUTSIDE, .rules = record_of(set, d)};
    if (!row->name || !row->inputs || !row->outputs || !row->attributes || !row->doc ||
        !row->rules || (d->colour && !row->colour))
        return no_memory(set);
    const an_status status = add_own(set, row, list);
    if (status != AN_OK) return status;
    an_op_derive(row, d->version);
    if (row->outputs_count < 1)
        return an_fail(&set->error, AN_E_ARGUMENT, "%s: it has no output", row->name);
    if (!AN_GROW(set->rows, set->capacity, set->count + 1)) return no_memory(set);
    set->rows[set->count++] = row;
    return AN_OK;
}

/* With one blank between two words: one list is one text, however it was spaced. */
static char *squeezed(an_ops *set, const char *list)
{
    char *out = an_arena_string(&set->arena, list), *to = out;
    for (const char *p = out; out && *(p += strspn(p, " "));) {
        const size_t length = strcspn(p, " ");
        if (to > out) *to++ = ' ';
        memmove(to, p, length);
        to += length;
        p += length;
    }
    if (out) *to = 0;
    return out;
}

an_status an_ops_add_opaque(an_ops *set, const char *name, const char *attributes)
{
    static const an_op_rules rules = {.no_grad = "it is opaque: nothing is known of it"};
    if (!set) return AN_E_ARGUMENT;
    an_error_clear(&set->error);
    const char *list = attributes ? attributes : "";
    an_status status = check_names(set, &(an_op_def){.name = name, .inputs = "x..."});
    an_op_info *row = status == AN_OK ? an_arena_alloc(&set->arena, (int64_t)sizeof *row) : NULL;
    if (status != AN_OK) return status;
    if (!row) return no_memory(set);
    *row = (an_op_info){.name = an_arena_string(&set->arena, name), .inputs = "x...",
                        .outputs = "y", .attributes = squeezed(set, list), .doc = "",
                        .category = AN_CATEGORY_OUTSIDE, .rules = &rules, .opaque = true};
    if (!row->name || !row->attributes) return no_memory(set);
    if (list[0] && (status = add_own(set, row, list)) != AN_OK) return status;
    an_op_derive(row, (uint32_t)an_hash_string(row->attributes));
    row->min_inputs = 0;
    if (!AN_GROW(set->rows, set->capacity, set->count + 1)) return no_memory(set);
    set->rows[set->count++] = row;
    return AN_OK;
}

an_status an_ops_add(an_ops *set, const an_op_def *definition)
{
    if (!set || !definition) return AN_E_ARGUMENT;
    an_error_clear(&set->error);
    an_op_def d = {0};
    if (definition->size < offsetof(an_op_def, inputs) || definition->size > 4 * sizeof d ||
        definition->size % sizeof(void *) != 0)
        return an_fail(&set->error, AN_E_ARGUMENT, "an op's definition says sizeof(an_op_def) as "
                       "its size, not %zu", definition->size);
    memcpy(&d, definition, definition->size < sizeof d ? definition->size : sizeof d);
    for (size_t i = sizeof d; i < definition->size; i++)
        if (((const unsigned char *)definition)[i])
            return an_fail(&set->error, AN_E_ARGUMENT, "an op's definition says what only a later "
                           "library knows: it is of %zu bytes, and set behind %zu",
                           definition->size, sizeof d);
    an_status status = check_names(set, &d);
    if (status == AN_OK) status = check_functions(set, &d);
    return status == AN_OK ? add_row(set, &d) : status;
}
