/* cli_ops.c -- the op table, as people and as programs want to read it.
 *
 * Everything said here comes from the rows of ops.def and attrs.def as they are
 * compiled in; there is no second list to fall behind.                      */
#include "frontends/cli/cli.h"

#include <stdio.h>
#include <string.h>

typedef struct row {
    const char *name, *category, *inputs, *outputs, *attributes, *traits, *meaning;
} row;

static const row ops[] = {
#define AN_OP(name, category, inputs, outputs, attributes, traits, meaning)                        \
    {#name, #category, inputs, outputs, attributes, #traits, meaning},
#include "ops/ops.def"
#undef AN_OP
};
#define OPS ((int)(sizeof ops / sizeof *ops))

typedef struct attribute {
    const char *name, *kind, *meaning;
} attribute;

static const attribute attributes[] = {
#define AN_ATTR(name, kind, range, meaning) {#name, #kind, meaning},
#include "ops/attrs.def"
#undef AN_ATTR
};
#define ATTRIBUTES ((int)(sizeof attributes / sizeof *attributes))

static const struct {
    const char *name, *meaning;
} traits[] = {
    {"LEAF", "takes no operands"},
    {"COMMUTES", "swapping the first two operands changes no bit"},
    {"VIEW", "gives its operand's bytes under another type"},
    {"SECOND", "gradients of its gradients work"},
    {"DERIVED", "made by gradients and passes, not by users"},
    {"BESIDE", "independent neighbours of this kind run side by side"},
    {"STEP", "an optimizer step: may overwrite the states it updates"},
    {"ACROSS", "what it gives depends on other processes: never computed beforehand"},
};
#define TRAITS ((int)(sizeof traits / sizeof *traits))

/* ---- words of a row ---------------------------------------------------- */

/* The next word of a list, whose words are separated by blanks or bars: its length,
 * 0 when there is none. Moves *list on. */
static int next_word(const char **list, char out[64])
{
    *list += strspn(*list, " |");
    int length = (int)strcspn(*list, " |");
    const char *start = *list;
    *list += length;
    if (length > 63) length = 63;
    memcpy(out, start, (size_t)length);
    out[length] = 0;
    return length;
}

static const attribute *attribute_called(const char *name)
{
    for (int i = 0; i < ATTRIBUTES; i++)
        if (!strcmp(attributes[i].name, name)) return &attributes[i];
    return NULL;
}

static bool has_trait(const row *op, const char *name)
{
    char word[64];
    for (const char *p = op->traits; next_word(&p, word);)
        if (!strcmp(word, name)) return true;
    return false;
}

static void add_lower(an_text *out, const char *word)
{
    for (; *word; word++) {
        const char c = *word >= 'A' && *word <= 'Z' ? (char)(*word - 'A' + 'a') : *word;
        an_text_add_bytes(out, &c, 1);
    }
}

/* ---- for people -------------------------------------------------------- */

/* "y, sum = add_norm(x, skip, gamma?) {axis, eps}" */
static void add_signature(an_text *out, const row *op)
{
    char word[64];
    const char *comma = "";
    for (const char *p = op->outputs; next_word(&p, word); comma = ", ")
        an_text_addf(out, "%s%s", comma, word);
    an_text_addf(out, " = %s(", op->name);
    comma = "";
    for (const char *p = op->inputs; next_word(&p, word); comma = ", ")
        an_text_addf(out, "%s%s", comma, word);
    an_text_add(out, ")");
    comma = " {";
    for (const char *p = op->attributes; next_word(&p, word); comma = ", ")
        an_text_addf(out, "%s%s", comma, word);
    if (op->attributes[0]) an_text_add(out, "}");
}

static an_cli_exit explain(const row *op)
{
    an_text text = {0};
    add_signature(&text, op);
    an_text_addf(&text, "\n\n%s\n", op->meaning);
    char word[64];
    if (op->attributes[0]) an_text_add(&text, "\nattributes\n");
    for (const char *p = op->attributes; next_word(&p, word);) {
        const attribute *a = attribute_called(word);
        an_text_addf(&text, "  %-12s %s\n", word, a ? a->meaning : "");
    }
    an_text_add(&text, "\ncategory ");
    add_lower(&text, op->category);
    an_text_add(&text, "\n");
    for (int i = 0; i < TRAITS; i++) {
        if (!has_trait(op, traits[i].name)) continue;
        an_text_add(&text, "trait ");
        add_lower(&text, traits[i].name);
        an_text_addf(&text, ": %s\n", traits[i].meaning);
    }
    return an_cli_write(NULL, &text);
}

static an_cli_exit list(void)
{
    an_text text = {0};
    const char *category = "";
    for (int i = 0; i < OPS; i++) {
        if (strcmp(category, ops[i].category) != 0) {
            if (i > 0) an_text_add(&text, "\n");
            category = ops[i].category;
            add_lower(&text, category);
            an_text_add(&text, "\n");
        }
        an_text_addf(&text, "  %-26s %s\n", ops[i].name, ops[i].meaning);
    }
    an_text_addf(&text, "\n%d ops; addnorm ops NAME says more about one.\n", OPS);
    return an_cli_write(NULL, &text);
}

/* ---- for machines ------------------------------------------------------ */

static json_t *operands_json(const row *op)
{
    json_t *all = json_array();
    char word[64];
    for (const char *p = op->inputs; next_word(&p, word);) {
        const bool optional = strchr(word, '?'), many = strchr(word, '.');
        word[strcspn(word, "?.")] = 0;
        an_cli_json_add(all, json_pack("{s:s, s:b, s:b}", "name", word, "optional", optional,
                                       "variadic", many));
    }
    return all;
}

static json_t *attributes_json(const row *op)
{
    json_t *all = json_array();
    char word[64];
    for (const char *p = op->attributes; next_word(&p, word);) {
        const attribute *a = attribute_called(word);
        an_text kind = {0};
        add_lower(&kind, a ? a->kind : "");
        an_cli_json_add(all, json_pack("{s:s, s:s, s:s}", "name", word, "kind",
                                       an_text_view(&kind), "meaning", a ? a->meaning : ""));
        an_text_free(&kind);
    }
    return all;
}

/* The words of a list, in lower case, as an array of strings; "0" is no word. */
static json_t *words_json(const char *words)
{
    json_t *all = json_array();
    char word[64];
    for (const char *p = words; next_word(&p, word);) {
        if (!strcmp(word, "0")) continue;
        an_text lower = {0};
        add_lower(&lower, word);
        an_cli_json_add(all, json_string(an_text_view(&lower)));
        an_text_free(&lower);
    }
    return all;
}

static json_t *op_json(const row *op)
{
    an_text category = {0};
    add_lower(&category, op->category);
    json_t *made = json_pack("{s:s, s:s, s:o, s:o, s:o, s:o, s:s}", "name", op->name, "category",
                             an_text_view(&category), "inputs", operands_json(op), "outputs",
                             words_json(op->outputs), "attributes", attributes_json(op), "traits",
                             words_json(op->traits), "meaning", op->meaning);
    an_text_free(&category);
    return made;
}

/* ---- the subcommand ---------------------------------------------------- */

static const row *find(const char *name)
{
    an_guess guess = {.word = name};
    for (int i = 0; i < OPS; i++) {
        if (!strcmp(ops[i].name, name)) return &ops[i];
        an_guess_try(&guess, ops[i].name);
    }
    an_cli_say("there is no op '%s'; the nearest is '%s' (addnorm ops lists all)", name,
               guess.best);
    return NULL;
}

an_cli_exit an_cli_ops(const an_cli *line)
{
    if (line->operands > 0) {
        const row *op = find(line->operand[0]);
        if (!op) return AN_CLI_USAGE;
        return line->json ? an_cli_write_json(op_json(op)) : explain(op);
    }
    if (!line->json) return list();
    json_t *all = json_array();
    for (int i = 0; i < OPS; i++) an_cli_json_add(all, op_json(&ops[i]));
    return an_cli_write_json(all);
}
