/* dims_parse.c -- reads dimensions.
 *
 *   sum     = ["-"] product { ("+" | "-") product }
 *   product = factor { ("*" | "/") factor }        from left to right
 *   factor  = number | name | "(" sum ")"
 *
 * Spaces may stand between tokens. What is added and what is subtracted is
 * summed apart, so that "3-T+U" never asks for the dimension 3-T on its way.
 * Parentheses nest at most DEEPEST deep.                                     */
#include "core/dims_table.h"

#include <string.h>

#define DEEPEST 64

typedef struct parser {
    an_dims *dims;
    const char *at;
    int depth;
} parser;

/* Moves past spaces and `c` if that comes next; otherwise stays. */
static bool accept(parser *p, char c)
{
    const char *next = p->at + strspn(p->at, " ");
    if (*next != c) return false;
    p->at = next + 1;
    return true;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* A number too large for an extent is ill-formed, not wrapped. */
static an_dim parse_number(parser *p)
{
    an_dim value = 0;
    for (; is_digit(*p->at); p->at++)
        if (__builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, *p->at - '0', &value))
            return AN_DIM_BAD;
    return value;
}

static an_dim parse_name(parser *p)
{
    char name[AN_DIMS_NAME_LONGEST + 1];
    const int64_t length = an_dims_name_length(p->at);
    if (length == 0 || length > AN_DIMS_NAME_LONGEST) return AN_DIM_BAD;
    memcpy(name, p->at, (size_t)length);
    name[length] = 0;
    p->at += length;
    return an_dims_name(p->dims, name);
}

static an_dim parse_sum(parser *p);

/* The only place that recurses, hence the only one that counts depth. */
static an_dim parse_factor(parser *p)
{
    p->at += strspn(p->at, " ");
    if (is_digit(*p->at)) return parse_number(p);
    if (!accept(p, '(')) return parse_name(p);
    if (p->depth == DEEPEST) return AN_DIM_BAD;
    p->depth++;
    const an_dim inner = parse_sum(p);
    p->depth--;
    return accept(p, ')') ? inner : AN_DIM_BAD;
}

static an_dim parse_product(parser *p)
{
    an_dim product = parse_factor(p);
    while (product != AN_DIM_BAD) {
        if (accept(p, '*')) product = an_dims_mul(p->dims, product, parse_factor(p));
        else if (accept(p, '/')) product = an_dims_div(p->dims, product, parse_factor(p));
        else break;
    }
    return product;
}

static an_dim parse_sum(parser *p)
{
    an_dim added = 0, subtracted = 0;
    bool minus = accept(p, '-');
    do {
        an_dim *part = minus ? &subtracted : &added;
        *part = an_dims_add(p->dims, *part, parse_product(p));
        if (*part == AN_DIM_BAD) return AN_DIM_BAD;
        minus = accept(p, '-');
    } while (minus || accept(p, '+'));
    return an_dims_sub(p->dims, added, subtracted);
}

an_dim an_dims_parse(an_dims *dims, const char **cursor)
{
    if (!dims || !cursor || !*cursor) return AN_DIM_BAD;
    parser p = {.dims = dims, .at = *cursor};
    const an_dim d = parse_sum(&p);
    if (d != AN_DIM_BAD) *cursor = p.at;
    return d;
}

/* By way of the canonical text: it means the same in every table. */
an_dim an_dims_translate(an_dims *dims, const an_dims *from, an_dim d)
{
    if (!dims || !an_dims_valid(from, d)) return AN_DIM_BAD;
    if (d >= 0) return d;
    an_text text = {0};
    an_dims_print(from, d, &text);
    const char *cursor = an_text_view(&text);
    if (text.failed) dims->starved = true;
    const an_dim translated = text.failed ? AN_DIM_BAD : an_dims_parse(dims, &cursor);
    an_text_free(&text);
    return translated;
}
