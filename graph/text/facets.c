/* facets.c -- what a node says by itself, and what it computes, as numbers that two graphs share.
 *
 * A book keeps bytes once and numbers them; a text is compared, never a hash alone. A node's value
 * number stands for its op, attributes, types and the value numbers of its operands, so equal
 * numbers are equal computations on leaves of equal names. */
#include "graph/text/facets.h"

#include "core/random.h"

#include <string.h>

/* ---- the book ----------------------------------------------------------- */

uint32_t an_book_number(an_book *b, const void *data, int64_t size, bool add)
{
    const uint64_t hash = an_hash_bytes(data, size, 7);
    uint64_t probe = 0;
    for (uint32_t i; (i = an_index_next(&b->by, hash, &probe));)
        if (b->at[i].size == size && (!size || !memcmp(b->at[i].data, data, (size_t)size)))
            return i;
    if (!add || b->failed) return 0;
    const void *kept = an_arena_copy(&b->arena, size ? data : "", size ? size : 1);
    if (!kept || !AN_GROW(b->at, b->capacity, b->count + 2) ||
        !an_index_add(&b->by, hash, (uint32_t)b->count + 1)) {
        b->failed = true;
        return 0;
    }
    b->at[++b->count] = (an_book_entry){kept, size};
    return (uint32_t)b->count;
}

void an_book_push(an_book *b, uint32_t number)
{
    if (!AN_GROW(b->list, b->list_capacity, b->list_count + 1)) b->failed = true;
    else b->list[b->list_count++] = number;
}

uint32_t an_book_take(an_book *b, bool add)
{
    const uint32_t number =
        an_book_number(b, b->list, b->list_count * (int64_t)sizeof *b->list, add);
    b->list_count = 0;
    return number;
}

void an_book_free(an_book *b)
{
    an_index_free(&b->by);
    an_arena_free(&b->arena);
    an_free(b->at);
    an_free(b->list);
}

static uint32_t number_of_text(an_book *b, an_text *text)
{
    b->failed = b->failed || text->failed;
    const uint32_t number = an_book_number(b, an_text_view(text), text->length, true);
    an_text_free(text);
    return number;
}

static uint32_t number_of_string(an_book *b, const char *string)
{
    return an_book_number(b, string, (int64_t)strlen(string), true);
}

/* ---- a node -------------------------------------------------------------- */

static void add_order(const an_attrs *attrs, an_text *out)
{
    for (int i = 0; i < attrs->order.count; i++) {
        int rank = 0;
        for (int k = 0; k < attrs->order.count; k++)
            rank += attrs->order.at[k] < attrs->order.at[i];
        an_text_addf(out, i ? ",%d" : "%d", rank);
    }
}

void an_attr_compared(const an_graph *g, const an_node *n, int id, an_text *out)
{
    if (id == AN_ATTR_order && n->attrs->order.count <= 64) add_order(n->attrs, out);
    else an_attr_print(n->op, id, n->attrs, g->dims, out);
}

/* As they are meant, not as they are spelled: axes count from the front. */
static uint32_t number_of_attrs(an_book *b, const an_graph *g, const an_node *n)
{
    const uint64_t typed = UINT64_C(1) << AN_ATTR_dtype | UINT64_C(1) << AN_ATTR_shape;
    an_text text = {0};
    for (uint64_t set = n->op->attribute_set & ~typed; set; set &= set - 1) {
        an_attr_compared(g, n, __builtin_ctzll(set), &text);
        an_text_add(&text, ";");
    }
    for (int i = 0; i < n->op->own_count; i++) {
        an_attr_compared(g, n, AN_ATTRS + i, &text);
        an_text_add(&text, ";");
    }
    return number_of_text(b, &text);
}

static uint32_t number_of_types(an_book *b, const an_graph *g, const an_node *n)
{
    an_text text = {0};
    for (int k = 0; k < n->outputs; k++) {
        if (k > 0) an_text_add(&text, ", ");
        an_type_print(g->dims, an_slot_type(g, n->first + (uint32_t)k), &text);
    }
    return number_of_text(b, &text);
}

void an_facet_describe(an_book *b, const an_graph *g, uint32_t number, an_facet *facets)
{
    const an_node *n = &g->nodes[number];
    an_facet *x = &facets[number];
    x->op = number_of_string(b, n->op->name);
    x->attrs = number_of_attrs(b, g, n);
    x->types = number_of_types(b, g, n);
    x->scope = number_of_string(b, n->scope);
    x->label = number_of_string(b, n->name);
    an_book_push(b, x->op);
    an_book_push(b, x->attrs);
    an_book_push(b, x->types);
    an_book_push(b, an_node_is_named(n) ? x->label : 0);
    for (int k = 0; k < n->inputs; k++) {
        const uint32_t value = n->in[k];
        an_book_push(b, value ? facets[g->slots[value].node].value : 0);
        an_book_push(b, value ? (uint32_t)g->slots[value].index : 0);
    }
    x->value = an_book_take(b, true);
}
