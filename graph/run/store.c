/* store.c -- weights by name: made once, kept between runs, shared by programs.
 *
 * States are never removed and their bytes never move (see store.h): they lie behind
 * each other in blocks, each larger than the one before, so that many small weights
 * get large pages as a large one does (core/memory.c). Every call
 * holds the store while it works; if a run holds it, the call is refused as busy
 * and changes nothing, not even the message.                                 */
#include "graph/run/store.h"

#include "core/random.h"

#include <stdatomic.h>
#include <string.h>

typedef struct state {
    char *name;
    an_tensor tensor;
    bool named;     /* by a program, which says whether it is */
    bool transient;
} state;

typedef struct custom { /* an initialiser of the user's */
    char *name;
    an_initialiser fill;
    void *context;
} custom;

enum { BESIDE = 64, LEAST_BLOCK = 1 << 14, MOST_BLOCK = 1 << 26 };

typedef struct block {
    char *bytes;
    int64_t size, used;
} block;

struct an_store {
    uint64_t seed;
    block *blocks; /* the last one has room */
    int64_t block_count, block_capacity;
    state *states;
    custom *customs;
    int64_t *table; /* open addressing: index + 1 of the state whose name hashes here, or 0 */
    int64_t count, capacity, custom_count, custom_capacity, table_size;
    an_arena names;
    an_text sealed; /* the file that all states come from; empty: any */
    bool used;      /* by a program */
    atomic_flag held;
    atomic_bool refused; /* the last call found it held */
    an_error error;
};

/* ---- life -------------------------------------------------------------- */

an_store *an_store_new(uint64_t seed)
{
    an_store *s = an_alloc_zeroed(sizeof *s);
    if (!s) return NULL;
    s->seed = seed;
    atomic_flag_clear(&s->held);
    return s;
}

void an_store_free(an_store *s)
{
    if (!s) return;
    for (int64_t i = 0; i < s->block_count; i++) an_free_aligned(s->blocks[i].bytes);
    an_free(s->blocks);
    an_arena_free(&s->names);
    an_text_free(&s->sealed);
    an_free(s->states);
    an_free(s->customs);
    an_free(s->table);
    an_free(s);
}

uint64_t an_store_seed(const an_store *s)
{
    return s ? s->seed : 0;
}

bool an_store_enter(an_store *s)
{
    const bool free = !atomic_flag_test_and_set_explicit(&s->held, memory_order_acquire);
    if (!free) atomic_store(&s->refused, true);
    return free;
}

void an_store_leave(an_store *s)
{
    atomic_flag_clear_explicit(&s->held, memory_order_release);
}

an_error *an_store_begin(an_store *s)
{
    if (!an_store_enter(s)) return NULL;
    atomic_store(&s->refused, false);
    an_error_clear(&s->error);
    return &s->error;
}

static an_status end_call(an_store *s, an_status status)
{
    an_store_leave(s);
    return status;
}

const char *an_store_message(const an_store *s)
{
    if (!s) return "there is no store";
    if (atomic_load(&((an_store *)s)->refused))
        return "error AN-E023: the store is in use by another thread";
    return s->error.text;
}

/* ---- look-up ----------------------------------------------------------- */

/* The cell of the table where that name is, or would be. */
static int64_t cell_of(const an_store *s, const char *name)
{
    const uint64_t mask = (uint64_t)s->table_size - 1;
    uint64_t i = an_hash_string(name) & mask;
    while (s->table[i] && strcmp(s->states[s->table[i] - 1].name, name) != 0) i = (i + 1) & mask;
    return (int64_t)i;
}

static state *find(const an_store *s, const char *name)
{
    if (!name || s->table_size == 0) return NULL;
    const int64_t index = s->table[cell_of(s, name)];
    return index ? &s->states[index - 1] : NULL;
}

/* Makes room for so many more states. Keeps the table at most half full. */
static bool reserve(an_store *s, int64_t more)
{
    const int64_t need = s->count + more;
    if (!AN_GROW(s->states, s->capacity, need)) return false;
    if (2 * need <= s->table_size) return true;
    int64_t size = s->table_size ? 2 * s->table_size : 64;
    while (size < 2 * need) size *= 2;
    int64_t *table = an_alloc_zeroed(size * (int64_t)sizeof *table);
    if (!table) return false;
    an_free(s->table);
    s->table = table;
    s->table_size = size;
    for (int64_t i = 0; i < s->count; i++) s->table[cell_of(s, s->states[i].name)] = i + 1;
    return true;
}

/* Makes room for so many more bytes of states behind each other. */
static bool reserve_bytes(an_store *s, int64_t bytes)
{
    const block *last = s->block_count ? &s->blocks[s->block_count - 1] : NULL;
    if (last && last->size - last->used >= bytes) return true;
    int64_t size = last ? 2 * last->size : LEAST_BLOCK;
    if (size > MOST_BLOCK) size = MOST_BLOCK;
    if (size < bytes) size = bytes;
    if (size > AN_LARGE_PAGE / 2 && !an_round_up(size, AN_LARGE_PAGE, &size)) return false;
    if (!AN_GROW(s->blocks, s->block_capacity, s->block_count + 1)) return false;
    char *fresh = an_alloc_aligned(size);
    if (!fresh) return false;
    s->blocks[s->block_count++] = (block){.bytes = fresh, .size = size};
    return true;
}

/* What a tensor that is in memory takes of a block: something, even if it is empty. */
static int64_t room_for(const an_tensor *t)
{
    return (an_tensor_bytes(t) / BESIDE + 1) * BESIDE;
}

/* Adds a state for which there is room, with a copy of the tensor, which is freed. */
static void append(an_store *s, char *name, an_tensor *tensor)
{
    block *last = &s->blocks[s->block_count - 1];
    const int64_t cell = cell_of(s, name), bytes = an_tensor_bytes(tensor);
    state *made = &s->states[s->count++];
    *made = (state){.name = name, .tensor = *tensor};
    made->tensor.data = last->bytes + last->used;
    made->tensor.capacity = bytes > 0 ? bytes : 1;
    last->used += room_for(tensor);
    if (bytes > 0) memcpy(made->tensor.data, tensor->data, (size_t)bytes);
    s->table[cell] = s->count;
    an_tensor_free(tensor);
}

/* Adds a state with a copy of the tensor, which is freed. */
static an_status add(an_store *s, const char *name, an_tensor *tensor)
{
    char *kept = an_arena_string(&s->names, name);
    if (!kept || !reserve(s, 1) || !reserve_bytes(s, room_for(tensor))) return AN_E_MEMORY;
    append(s, kept, tensor);
    return AN_OK;
}

/* ---- readying a program's states --------------------------------------- */

static void describe(const an_tensor *t, an_text *out)
{
    an_text_addf(out, "%s[", an_dtype_name(t->dtype));
    for (int i = 0; i < t->rank; i++)
        an_text_addf(out, "%s%lld", i ? "," : "", (long long)t->extent[i]);
    an_text_add(out, "]");
}

static bool same_type(const an_tensor *a, const an_tensor *b)
{
    return a->dtype == b->dtype && a->rank == b->rank &&
           !memcmp(a->extent, b->extent, (size_t)a->rank * sizeof a->extent[0]);
}

static an_status fail_type(const char *name, const an_tensor *have, const an_tensor *want,
                           an_error *e)
{
    an_text a = {0}, b = {0};
    describe(have, &a);
    describe(want, &b);
    const an_status status =
        an_fail(e, AN_E_STATE, "state \"%s\" is %s in the store, not %s", name, an_text_view(&a),
                an_text_view(&b));
    an_text_free(&a);
    an_text_free(&b);
    return status;
}

static const custom *find_custom(const an_store *s, const char *name)
{
    for (int64_t i = 0; i < s->custom_count; i++)
        if (!strcmp(s->customs[i].name, name)) return &s->customs[i];
    return NULL;
}

static an_status make(an_store *s, const char *name, const an_init *init, const an_tensor *type)
{
    an_tensor t = {0};
    an_status status = an_tensor_alloc(&t, type->dtype, type->rank, type->extent);
    if (status != AN_OK) return status;
    const custom *own = find_custom(s, name);
    if (own) own->fill(own->context, name, s->seed, &t);
    else status = an_initialise(init, name, s->seed, &t);
    if (status == AN_OK) status = add(s, name, &t);
    an_tensor_free(&t);
    return status;
}

an_status an_store_ready(an_store *s, const an_graph *g, const an_node *n, void **data,
                         an_error *e)
{
    const an_type *type = an_slot_type(g, n->first);
    const an_tensor wanted = an_tensor_borrow(type->dtype, type->shape.rank, type->shape.dim, NULL);
    if (!find(s, n->name)) {
        const an_status status = make(s, n->name, &n->attrs->init, &wanted);
        if (status != AN_OK)
            return an_fail(e, status, "state \"%s\" cannot be made: %s", n->name,
                           an_status_name(status));
    }
    state *found = find(s, n->name);
    if (!same_type(&found->tensor, &wanted)) return fail_type(n->name, &found->tensor, &wanted, e);
    /* What one program wants kept is kept. */
    found->transient = n->attrs->transient && (found->transient || !found->named);
    found->named = true;
    *data = found->tensor.data;
    s->used = true;
    return AN_OK;
}

/* ---- where they come from ---------------------------------------------- */

void an_store_seal(an_store *s, an_text *path)
{
    an_text_free(&s->sealed);
    s->sealed = *path;
    *path = (an_text){0};
}

const char *an_store_sealed(const an_store *s)
{
    return s->sealed.length ? s->sealed.data : NULL;
}

bool an_store_knows(const an_store *s, const char *name)
{
    return find(s, name) || find_custom(s, name);
}

bool an_store_is_used(const an_store *s)
{
    return s->used;
}

/* ---- the public calls -------------------------------------------------- */

static an_status fail_unknown(an_store *s, const char *name)
{
    return an_fail(&s->error, AN_E_STATE, "the store has no state \"%s\"; compiling a program that "
                   "uses it makes it", name);
}

an_status an_store_initialise(an_store *s, const char *name, an_initialiser fill, void *context)
{
    if (!s || !name || !fill) return AN_E_ARGUMENT;
    if (!an_store_begin(s)) return AN_E_BUSY;
    if (find(s, name))
        return end_call(s, an_fail(&s->error, AN_E_STATE,
                                   "state \"%s\" has its first value already", name));
    custom *own = (custom *)find_custom(s, name);
    if (!own) {
        char *kept = an_arena_string(&s->names, name);
        if (!kept || !AN_GROW(s->customs, s->custom_capacity, s->custom_count + 1))
            return end_call(s, an_fail(&s->error, AN_E_MEMORY, "out of memory"));
        own = &s->customs[s->custom_count++];
        own->name = kept;
    }
    own->fill = fill;
    own->context = context;
    return end_call(s, AN_OK);
}

int64_t an_store_count(const an_store *s)
{
    return s ? s->count : 0;
}

const char *an_store_name(const an_store *s, int64_t i)
{
    return s && i >= 0 && i < s->count ? s->states[i].name : NULL;
}

const an_tensor *an_store_at(const an_store *s, int64_t i)
{
    return &s->states[i].tensor;
}

bool an_store_is_transient(const an_store *s, int64_t i)
{
    return s->states[i].transient;
}

const an_tensor *an_store_view(an_store *s, const char *name)
{
    const state *found = s && name ? find(s, name) : NULL;
    return found ? &found->tensor : NULL;
}

an_status an_store_get(an_store *s, const char *name, an_tensor *copy)
{
    if (!s || !name || !copy) return AN_E_ARGUMENT;
    if (!an_store_begin(s)) return AN_E_BUSY;
    const state *found = find(s, name);
    if (!found) return end_call(s, fail_unknown(s, name));
    const an_status status = an_tensor_copy(copy, &found->tensor);
    if (status != AN_OK)
        an_fail(&s->error, status, "state \"%s\" cannot be copied: %s", name,
                an_status_name(status));
    return end_call(s, status);
}

static an_status set(an_store *s, const char *name, const an_tensor *value)
{
    int64_t count;
    if (!an_count_elements(value->rank, value->extent, &count) ||
        an_dtype_size(value->dtype) == 0 || (count > 0 && !value->data))
        return an_fail(&s->error, AN_E_ARGUMENT, "the value for state \"%s\" is no tensor", name);
    state *found = find(s, name);
    if (found) {
        if (!same_type(&found->tensor, value))
            return fail_type(name, &found->tensor, value, &s->error);
        if (count > 0) memmove(found->tensor.data, value->data, (size_t)an_tensor_bytes(value));
        return AN_OK;
    }
    an_tensor t = {0};
    an_status status = an_tensor_alloc(&t, value->dtype, value->rank, value->extent);
    if (status == AN_OK && count > 0) memcpy(t.data, value->data, (size_t)an_tensor_bytes(value));
    if (status == AN_OK) status = add(s, name, &t);
    an_tensor_free(&t);
    if (status != AN_OK)
        an_fail(&s->error, status, "state \"%s\" cannot be made: %s", name, an_status_name(status));
    return status;
}

an_status an_store_set(an_store *s, const char *name, const an_tensor *value)
{
    if (!s || !name || !value) return AN_E_ARGUMENT;
    if (!an_store_begin(s)) return AN_E_BUSY;
    return end_call(s, set(s, name, value));
}

an_status an_store_set_number(an_store *s, const char *name, double value)
{
    if (!s || !name) return AN_E_ARGUMENT;
    if (!an_store_begin(s)) return AN_E_BUSY;
    state *found = find(s, name);
    if (!found) return end_call(s, fail_unknown(s, name));
    if (an_tensor_count(&found->tensor) != 1)
        return end_call(s, an_fail(&s->error, AN_E_STATE, "state \"%s\" is no single number",
                                   name));
    an_tensor_set(&found->tensor, 0, value);
    return end_call(s, AN_OK);
}

/* ---- many at once ------------------------------------------------------ */

/* Whether all values may be taken; gives the new states' names a home. */
static an_status ready_to_take(an_store *s, an_named_tensor *values, int64_t count)
{
    int64_t added = 0, bytes = 0;
    for (int64_t i = 0; i < count; i++) {
        const state *found = find(s, values[i].name);
        if (found && !same_type(&found->tensor, &values[i].tensor))
            return fail_type(values[i].name, &found->tensor, &values[i].tensor, &s->error);
        added += found == NULL;
        if (!found) bytes += room_for(&values[i].tensor);
    }
    bool room = reserve(s, added) && (added == 0 || reserve_bytes(s, bytes));
    for (int64_t i = 0; i < count && room; i++) {
        if (find(s, values[i].name)) continue;
        values[i].kept = an_arena_string(&s->names, values[i].name);
        room = values[i].kept != NULL;
    }
    return room ? AN_OK : an_fail(&s->error, AN_E_MEMORY, "there is no memory for %lld new states",
                                  (long long)added);
}

an_status an_store_take(an_store *s, an_named_tensor *values, int64_t count)
{
    const an_status status = ready_to_take(s, values, count);
    if (status != AN_OK) return status;
    for (int64_t i = 0; i < count; i++) {
        an_tensor *value = &values[i].tensor;
        state *found = find(s, values[i].name);
        if (!found) append(s, values[i].kept, value);
        else if (an_tensor_bytes(value) > 0)
            memcpy(found->tensor.data, value->data, (size_t)an_tensor_bytes(value));
    }
    return AN_OK;
}
