/* dims.c -- the table of dimensions: one entry per distinct expression.
 *
 * The canonical form is a polynomial whose atoms are names and floor divisions,
 * written as text with names in alphabetical order. The text is the key of the
 * table, so it does not depend on the order in which expressions were built,
 * and what prints alike is equal. An entry only refers to earlier entries:
 * evaluating them in order needs no recursion.                               */
#include "core/dims_table.h"

#include <string.h>

#include "core/random.h"

an_dims *an_dims_new(void)
{
    return an_alloc_zeroed((int64_t)sizeof(an_dims));
}

void an_dims_free(an_dims *dims)
{
    if (!dims) return;
    an_arena_free(&dims->arena);
    an_free(dims->entries);
    an_free(dims->names);
    an_free(dims->slots);
    an_free(dims);
}

/* The slot that holds `text`, or the empty one where it belongs. */
static int32_t *find_slot(const an_dims *dims, const char *text)
{
    const uint64_t mask = (uint64_t)dims->slot_count - 1;
    for (uint64_t i = an_hash_string(text);; i++) {
        int32_t *slot = &dims->slots[i & mask];
        if (*slot == 0 || strcmp(dims->entries[*slot - 1].text, text) == 0) return slot;
    }
}

/* Keeps the table at most half full, so that probing stays short. The old slots
 * are dropped only once the new ones exist. */
static bool grow_slots(an_dims *dims)
{
    if ((dims->count + 1) * 2 <= dims->slot_count) return true;
    const int64_t wanted = dims->slot_count > 0 ? dims->slot_count * 2 : 32;
    int32_t *slots = an_alloc_zeroed(wanted * (int64_t)sizeof *slots);
    if (!slots) return false;
    an_free(dims->slots);
    dims->slots = slots;
    dims->slot_count = wanted;
    for (int64_t i = 0; i < dims->count; i++)
        *find_slot(dims, dims->entries[i].text) = (int32_t)(i + 1);
    return true;
}

static bool make_room(an_dims *dims, const an_dims_entry *e)
{
    return AN_GROW(dims->entries, dims->capacity, dims->count + 1) &&
           (e->kind != AN_DIMS_NAME ||
            AN_GROW(dims->names, dims->name_capacity, dims->name_count + 1));
}

/* A copy of what the entry points to; false if memory is out. */
static bool keep(an_dims *dims, an_dims_entry *e)
{
    e->text = an_arena_string(&dims->arena, e->text);
    if (e->terms > 0)
        e->term = an_arena_copy(&dims->arena, e->term, e->terms * (int64_t)sizeof *e->term);
    return e->text && (e->terms == 0 || e->term);
}

an_dim an_dims_intern(an_dims *dims, const an_dims_entry *e)
{
    if (dims->count >= INT32_MAX - 1) return AN_DIM_BAD;
    an_dims_entry added = *e;
    int32_t *slot = grow_slots(dims) ? find_slot(dims, e->text) : NULL;
    if (slot && *slot) return an_dims_at(*slot - 1);
    if (!slot || !make_room(dims, e) || !keep(dims, &added)) {
        dims->starved = true;
        return AN_DIM_BAD;
    }
    if (e->kind == AN_DIMS_NAME) {
        added.name = (int)dims->name_count;
        dims->names[dims->name_count++] = (int32_t)dims->count;
    }
    dims->entries[dims->count] = added;
    *slot = (int32_t)++dims->count;
    return an_dims_at(dims->count - 1);
}

bool an_dims_starved(an_dims *dims)
{
    const bool starved = dims && dims->starved;
    if (dims) dims->starved = false;
    return starved;
}

/* Entries refer only to earlier ones, so adding them in order gives each its old
 * number. */
an_dims *an_dims_copy(const an_dims *dims)
{
    an_dims *copy = dims ? an_dims_new() : NULL;
    if (!copy) return NULL;
    for (int64_t i = 0; i < dims->count; i++)
        if (an_dims_intern(copy, &dims->entries[i]) == AN_DIM_BAD) {
            an_dims_free(copy);
            return NULL;
        }
    return copy;
}

bool an_dims_valid(const an_dims *dims, an_dim d)
{
    if (d >= 0) return d % AN_DIMS_APART != 0 || d == 0; /* T - B would be such a number */
    if (!dims || d > AN_DIMS_FIRST || d == AN_DIM_BAD) return false;
    const int64_t index = an_dims_index(d);
    return index < dims->count && an_dims_at(index) == d;
}

an_dim an_dims_name(an_dims *dims, const char *name)
{
    const int64_t length = dims && name ? an_dims_name_length(name) : 0;
    if (length == 0 || name[length] || length > AN_DIMS_NAME_LONGEST) return AN_DIM_BAD;
    return an_dims_intern(dims, &(an_dims_entry){.kind = AN_DIMS_NAME, .text = name});
}
