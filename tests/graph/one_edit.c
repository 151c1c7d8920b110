/* one_edit.c -- one thing of a graph's text changed, line by line as the printer writes it.  */
#include "tests/graph/one_edit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MOST_LINES 256

static uint64_t next(an_trial_random *r)
{
    uint64_t x = r->state += 0x9E3779B97F4A7C15u;
    x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9u;
    x = (x ^ x >> 27) * 0x94D049BB133111EBu;
    return x ^ x >> 31;
}

int64_t an_trial_int(an_trial_random *r, int64_t low, int64_t high)
{
    return low + (int64_t)(next(r) % (uint64_t)(high - low + 1));
}

double an_trial_uniform(an_trial_random *r, double low, double high)
{
    return low + (high - low) * (double)(next(r) >> 11) * 0x1p-53;
}

typedef struct line {
    const char *at;
    int length;
    char type[64]; /* of result 0 */
    const char *op, *operands, *attrs; /* attrs: behind the brace; NULL: none */
    int op_length;
} line;

typedef struct lines {
    line at[MOST_LINES];
    int count;
} lines;

static void read_line(line *l)
{
    const char *colon = memchr(l->at, ':', (size_t)l->length);
    const char *end = l->at + l->length;
    l->op = NULL;
    if (l->at[0] != '%' || !colon) return;
    int depth = 0, size = 0;
    const char *p = colon + 2;
    for (; p < end && !(depth == 0 && (*p == ',' || *p == ' ')) && size < 60; p++) {
        depth += (*p == '[') - (*p == ']');
        l->type[size++] = *p;
    }
    l->type[size] = 0;
    while (p < end && strncmp(p, " = ", 3) != 0) p++;
    if (p >= end) return;
    l->op = p + 3;
    while (l->op + l->op_length < end && l->op[l->op_length] != ' ' && l->op[l->op_length] != '\n')
        l->op_length++;
    l->operands = l->op + l->op_length;
    l->attrs = memchr(l->operands, '{', (size_t)(end - l->operands));
}

static void read_lines(const char *text, lines *all)
{
    all->count = 0;
    for (const char *p = text; *p && all->count < MOST_LINES;) {
        const char *end = strchr(p, '\n');
        end = end ? end + 1 : p + strlen(p);
        line *l = &all->at[all->count++];
        *l = (line){.at = p, .length = (int)(end - p)};
        read_line(l);
        p = end;
    }
}

/* The text with what lies between two places replaced. */
static char *replaced(const char *text, const char *from, const char *to, const char *by)
{
    char *out = malloc(strlen(text) + strlen(by) + 1);
    sprintf(out, "%.*s%s%s", (int)(from - text), text, by, to);
    return out;
}

/* ---- operands ---------------------------------------------------------- */

static int operands_of(const line *l, const char **at, int most)
{
    const char *end = l->attrs ? l->attrs : l->at + l->length;
    int count = 0;
    for (const char *p = l->operands; p < end && count < most; p++)
        if (*p == '%' && p[1] >= '0' && p[1] <= '9') at[count++] = p;
    return count;
}

static char *other_operand(const char *text, const lines *all, int i, an_trial_random *r)
{
    const char *at[64];
    const int count = operands_of(&all->at[i], at, 64);
    if (count == 0) return NULL;
    const char *old = at[an_trial_int(r, 0, count - 1)];
    const long number = strtol(old + 1, NULL, 10);
    const char *type = NULL;
    for (int k = 0; k < i; k++)
        if (all->at[k].op && strtol(all->at[k].at + 1, NULL, 10) == number) type = all->at[k].type;
    const line *found[MOST_LINES];
    int others = 0;
    for (int k = 0; k < i && type; k++)
        if (all->at[k].op && strtol(all->at[k].at + 1, NULL, 10) != number &&
            !strcmp(all->at[k].type, type))
            found[others++] = &all->at[k];
    if (others == 0) return NULL;
    char by[32];
    const line *other = found[an_trial_int(r, 0, others - 1)];
    snprintf(by, sizeof by, "%%%ld", strtol(other->at + 1, NULL, 10));
    return replaced(text, old, old + 1 + strspn(old + 1, "0123456789."), by);
}

static char *swapped(const char *text, const line *l)
{
    const char *at[64];
    if (operands_of(l, at, 64) != 2) return NULL;
    const int first = 1 + (int)strspn(at[0] + 1, "0123456789."),
              second = 1 + (int)strspn(at[1] + 1, "0123456789.");
    char by[64];
    snprintf(by, sizeof by, "%.*s, %.*s", second, at[1], first, at[0]);
    return replaced(text, at[0], at[1] + second, by);
}

/* ---- ops --------------------------------------------------------------- */

static char *other_op(const char *text, const line *l, an_trial_random *r)
{
    static const char *const alike[][6] = {
        {"add", "sub", "maximum"}, {"sub", "add"}, {"mul", "div", "add"}, {"div", "mul"},
        {"maximum", "minimum", "add"}, {"minimum", "maximum"}, {"mean", "sum", "max"},
        {"sum", "mean", "max"}, {"max", "min", "sum"}, {"exp", "expm1", "tanh"},
        {"log", "log1p", "neg"}, {"log1p", "log"}, {"sqrt", "square", "rsqrt"},
        {"rsqrt", "sqrt", "reciprocal"}, {"reciprocal", "rsqrt", "neg"}, {"square", "abs", "neg"},
        {"erf", "tanh", "sin"}, {"tanh", "erf", "sigmoid", "sin"},
        {"sigmoid", "tanh", "hardsigmoid"},
        {"silu", "gelu", "sigmoid"}, {"gelu", "silu", "relu"}, {"neg", "abs", "reciprocal"},
        {"softmax", "log_softmax"}, {"log_softmax", "softmax"}, {"relu", "abs", "silu"},
        {"softplus", "relu", "mish"}, {"mish", "silu"}, {"residual_add", "sub", "mul"},
        {"logical_and", "logical_or"}, {"logical_or", "logical_xor"},
        {"logical_xor", "logical_and"}};
    for (size_t i = 0; i < sizeof alike / sizeof *alike; i++) {
        if (strlen(alike[i][0]) != (size_t)l->op_length ||
            strncmp(alike[i][0], l->op, (size_t)l->op_length) != 0)
            continue;
        int count = 1;
        while (count < 6 && alike[i][count]) count++;
        return replaced(text, l->op, l->op + l->op_length, alike[i][an_trial_int(r, 1, count - 1)]);
    }
    return NULL;
}

/* ---- attributes -------------------------------------------------------- */

static const char *attribute(const line *l, const char *name)
{
    char with[24];
    snprintf(with, sizeof with, "%s=", name);
    const char *found = l->attrs ? strstr(l->attrs, with) : NULL;
    if (!found || found > l->at + l->length) return NULL;
    return found + strlen(with);
}

static char *other_digit(const char *text, const char *at, an_trial_random *r)
{
    char by[2] = {(char)('0' + an_trial_int(r, 0, 3)), 0};
    return replaced(text, at, at + 1, by);
}

/* Another axis, two exchanged, or an index one further. */
static char *other_axis(const char *text, const line *l, an_trial_random *r)
{
    const char *at;
    if ((at = attribute(l, "axes")) != NULL && at[0] == '[') {
        const int count = (int)(strcspn(at, "]") / 2);
        if (count == 0) return NULL;
        const int64_t i = an_trial_int(r, 0, count - 1), k = an_trial_int(r, 0, count - 1);
        if (i == k) return other_digit(text, at + 1 + 2 * i, r);
        char *out = replaced(text, at, at, "");
        char *axes = out + (at - text);
        const char first = axes[1 + 2 * i];
        axes[1 + 2 * i] = axes[1 + 2 * k];
        axes[1 + 2 * k] = first;
        return out;
    }
    if ((at = attribute(l, "axis")) != NULL) return other_digit(text, at, r);
    if ((at = attribute(l, "start")) != NULL) return other_digit(text, at, r);
    return NULL;
}

static char *other_flag(const char *text, const line *l)
{
    const char *at = l->attrs ? strstr(l->attrs, "transpose_b=1") : NULL;
    if (at && at < l->at + l->length)
        return replaced(text, at, at + strlen("transpose_b=1"), "transpose_a=1");
    if (l->op_length == 6 && !strncmp(l->op, "matmul", 6) && !l->attrs)
        return replaced(text, l->at + l->length - 1, l->at + l->length - 1, " {transpose_b=1}");
    if ((at = attribute(l, "test")) != NULL)
        return replaced(text, at, at + 2, at[0] == 'l' ? "eq" : at[1] == 't' ? "ge" : "lt");
    return NULL;
}

/* A literal or an eps by another factor, or with another sign. */
static char *other_number(const char *text, const line *l, an_trial_random *r)
{
    static const double factors[] = {-1, 1.001, 0.999, 2, 0.5, 1.25};
    const char *at = attribute(l, "data");
    const bool literal = at != NULL;
    if (at) at++;
    else at = attribute(l, "eps");
    if (!at) return NULL;
    char *end, by[40];
    const double x = strtod(at, &end), factor = factors[an_trial_int(r, literal ? 0 : 3, 5)];
    if (literal && strncmp(l->type, "f", 1) != 0) return NULL;
    snprintf(by, sizeof by, "%.9g", x == 0 ? 0.25 : x * factor);
    return replaced(text, at, end, by);
}

char *an_test_one_edit(const char *text, an_trial_random *r, const char **what)
{
    lines *all = malloc(sizeof *all);
    read_lines(text, all);
    const int i = (int)an_trial_int(r, 0, all->count - 1);
    const line *l = &all->at[i];
    char *out = NULL;
    if (l->op) {
        switch (an_trial_int(r, 0, 6)) {
        case 0: *what = "number"; out = other_number(text, l, r); break;
        case 1: *what = "axis"; out = other_axis(text, l, r); break;
        case 2: *what = "flag"; out = other_flag(text, l); break;
        case 3: *what = "op"; out = other_op(text, l, r); break;
        case 4: *what = "swap"; out = swapped(text, l); break;
        default: *what = "operand"; out = other_operand(text, all, i, r); break;
        }
    }
    free(all);
    if (out && !strcmp(out, text)) {
        free(out);
        out = NULL;
    }
    return out;
}
