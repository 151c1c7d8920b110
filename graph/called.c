/* called.c -- by which words a user means a node or a value.
 *
 * A number is an ordinal, as in messages: the number that a file shows, unless its line says
 * another ("ordinal 7"). Labels need not be unique; a value is meant by one only where it is.  */
#include "graph/called.h"

#include <string.h>

/* ---- numbers ----------------------------------------------------------- */

/* Digits up to the end or a '.'; false if there are none or too many. */
static bool read_digits(const char **at, uint32_t *out)
{
    uint64_t number = 0;
    const char *p = *at;
    for (; *p >= '0' && *p <= '9' && number <= UINT32_MAX; p++)
        number = number * 10 + (uint64_t)(*p - '0');
    if (p == *at || number > UINT32_MAX) return false;
    *out = (uint32_t)number;
    *at = p;
    return true;
}

/* "%12" or "%12.1", all of it. */
static bool read_number(const char *name, uint32_t *ordinal, uint32_t *index)
{
    *index = 0;
    if (*name++ != '%' || !read_digits(&name, ordinal)) return false;
    if (*name == '.') {
        name++;
        if (!read_digits(&name, index)) return false;
    }
    return !*name;
}

/* ---- a node ------------------------------------------------------------ */

static bool has_number(const an_node *n, const char *name)
{
    uint32_t ordinal, index;
    return read_number(name, &ordinal, &index) && ordinal == n->ordinal &&
           index < (uint32_t)n->outputs;
}

/* What follows the node's scope and '/' in `name`, or NULL. */
static const char *behind_scope(const an_node *n, const char *name)
{
    const size_t length = strlen(n->scope);
    return length > 0 && !strncmp(n->scope, name, length) && name[length] == '/'
               ? name + length + 1 : NULL;
}

static bool is_in_scope(const an_node *n, const char *name)
{
    const size_t length = strlen(name);
    return !strncmp(n->scope, name, length) && (!n->scope[length] || n->scope[length] == '/');
}

/* By its own name, with or without its scope. */
static bool is_named(const an_node *n, const char *name)
{
    const char *rest = behind_scope(n, name);
    if (!strcmp(n->name, name)) return n->name[0];
    return rest && rest[0] && (!strcmp(n->name, rest) || has_number(n, rest));
}

bool an_node_is_called(const an_graph *g, const an_node *n, const char *name)
{
    if (is_named(n, name) || is_in_scope(n, name) || has_number(n, name)) return true;
    const uint32_t output = an_graph_named_output(g, name);
    return output && an_node_of(g, output) == n;
}

void an_graph_guess_called(const an_graph *g, an_guess *guess)
{
    for (int64_t i = 1; i <= g->node_count; i++) {
        if (g->nodes[i].name[0]) an_guess_try(guess, g->nodes[i].name);
        if (g->nodes[i].scope[0]) an_guess_try(guess, g->nodes[i].scope);
    }
    for (int64_t i = 0; i < g->output_count; i++) an_guess_try(guess, g->outputs[i].name);
}

/* ---- a value by its number --------------------------------------------- */

static void add_node(const an_node *n, an_text *out)
{
    an_node_print(n, out);
    an_text_addf(out, " (%s)", n->op->name);
}

/* The node that was made of what had this ordinal, or NULL. */
static const an_node *made_of(const an_graph *g, uint32_t ordinal)
{
    for (int64_t i = 1; i <= g->node_count; i++) {
        const an_from *from = &g->nodes[i].from;
        if (!from->how || !strcmp(from->how, "grad") || !strcmp(from->how, "update")) continue;
        for (int k = 0; k < from->count; k++)
            if (from->of[k] == ordinal) return &g->nodes[i];
    }
    return NULL;
}

/* Which numbers there are, and which are next to the one that is not. */
static void say_no_number(const an_graph *g, uint32_t ordinal, an_text *said)
{
    uint32_t below = 0, above = UINT32_MAX, least = UINT32_MAX, most = 0;
    for (int64_t i = 1; i <= g->node_count; i++) {
        const uint32_t o = g->nodes[i].ordinal;
        if (o < ordinal && o > below) below = o;
        if (o > ordinal && o < above) above = o;
        if (o < least) least = o;
        if (o > most) most = o;
    }
    an_text_addf(said, "there is no %%%u", ordinal);
    if (most == 0) an_text_add(said, ", for the graph has no nodes");
    else an_text_addf(said, "; numbers go from %%%u to %%%u", least, most);
    if (below > 0 && above < UINT32_MAX)
        an_text_addf(said, ", and next to it are %%%u and %%%u", below, above);
    const an_node *now = made_of(g, ordinal);
    if (!now) return;
    an_text_addf(said, "; %s made it a part of ", now->from.how);
    add_node(now, said);
}

/* Output `index` of a node, or 0 with a word on which it has. */
static uint32_t output_of(const an_node *n, uint32_t index, an_text *said)
{
    if (index < (uint32_t)n->outputs) return n->first + index;
    add_node(n, said);
    if (n->outputs == 1) an_text_addf(said, " has one output, and so no .%u", index);
    else an_text_addf(said, " has outputs .0 to .%d, and so no .%u", n->outputs - 1, index);
    return 0;
}

/* The first node of that ordinal that has such an output, else the first of that ordinal; and how
 * many have the ordinal. */
static uint32_t number_called(const an_graph *g, uint32_t ordinal, uint32_t index, an_text *said)
{
    const an_node *found = NULL;
    int64_t alike = 0;
    for (int64_t i = 1; i <= g->node_count; i++) {
        const an_node *n = &g->nodes[i];
        if (n->ordinal != ordinal) continue;
        alike++;
        if (!found || (index >= (uint32_t)found->outputs && index < (uint32_t)n->outputs))
            found = n;
    }
    if (!found) say_no_number(g, ordinal, said);
    const uint32_t value = found ? output_of(found, index, said) : 0;
    if (!value) return 0;
    const an_node *there = ordinal <= g->node_count ? &g->nodes[ordinal] : found;
    if (alike > 1) {
        an_text_addf(said, "%lld nodes have ordinal %u; taken is ", (long long)alike, ordinal);
        add_node(found, said);
    } else if (there != found && there->ordinal != ordinal) {
        an_text_addf(said, "%%%u is taken as an ordinal, %s; what line %%%u makes is %%%u", ordinal,
                     found->op->name, ordinal, there->ordinal);
    }
    return value;
}

/* ---- an inner value by its label --------------------------------------- */

/* The nodes of that name: how many, and the first. */
static int64_t count_named(const an_graph *g, const char *name, const an_node **first)
{
    int64_t count = 0;
    for (int64_t i = g->node_count; i > 0; i--)
        if (is_named(&g->nodes[i], name)) {
            count++;
            *first = &g->nodes[i];
        }
    return count;
}

static void say_several(const an_graph *g, const char *name, int64_t count, an_text *said)
{
    an_text_addf(said, "%lld values are called '%s': ", (long long)count, name);
    int shown = 0;
    for (int64_t i = 1; i <= g->node_count && shown < 5; i++) {
        const an_node *n = &g->nodes[i];
        if (!is_named(n, name)) continue;
        if (shown++) an_text_add(said, ", ");
        add_node(n, said);
        an_text_addf(said, " %%%u", n->ordinal);
    }
    if (count > shown) an_text_addf(said, " and %lld more", (long long)count - shown);
}

static void say_no_name(const an_graph *g, const char *name, an_text *said)
{
    int64_t inside = 0;
    const an_node *last = NULL;
    for (int64_t i = 1; i <= g->node_count && name[0]; i++)
        if (is_in_scope(&g->nodes[i], name)) {
            inside++;
            last = &g->nodes[i];
        }
    if (last) {
        an_text_addf(said, "'%s' is a scope of %lld node%s, whose last is %%%u (%s)", name,
                     (long long)inside, inside == 1 ? "" : "s", last->ordinal, last->op->name);
        return;
    }
    an_guess guess = {.word = name};
    an_graph_guess_called(g, &guess);
    an_text_addf(said, "nothing is called '%s'", name);
    an_guess_print(&guess, said);
}

/* Takes ".1" off the end of a name; 0 and all of the name if there is none. */
static uint32_t take_index(an_text *name)
{
    uint32_t index = 0;
    char *dot = strrchr(name->data, '.');
    const char *digits = dot ? dot + 1 : "";
    if (!dot || !read_digits(&digits, &index) || *digits) return 0;
    *dot = 0;
    return index;
}

static uint32_t label_called(const an_graph *g, const char *name, an_text *said)
{
    an_text word = {0};
    an_text_add(&word, name);
    if (word.failed || word.length == 0) {
        an_text_takes(said, an_text_view(&word));
        an_text_add(said, "'' is no name");
        an_text_free(&word);
        return 0;
    }
    const an_node *n = NULL;
    uint32_t index = 0, value = 0;
    int64_t count = count_named(g, word.data, &n);
    if (count == 0) {
        index = take_index(&word);
        count = count_named(g, word.data, &n);
    }
    if (count == 1) value = output_of(n, index, said);
    else if (count > 1) say_several(g, word.data, count, said);
    else say_no_name(g, name, said);
    an_text_free(&word);
    return value;
}

an_value an_value_called(an_graph *g, const char *name, an_text *said)
{
    uint32_t ordinal, index, value = an_graph_named_output(g, name);
    if (!value) value = an_graph_leaf(g, name);
    if (!value)
        value = read_number(name, &ordinal, &index) ? number_called(g, ordinal, index, said)
                                                    : label_called(g, name, said);
    return value ? (an_value){g, value} : AN_NONE;
}
