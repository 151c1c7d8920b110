/* cli_options.c -- every option of the command, and the one parser for all of them.
 *
 * An option is a row: its name, its value's name, and the field of an_cli that it
 * sets. Which subcommand takes it is said in that subcommand's row. `--name value`
 * and `--name=value` mean the same; `--` ends the options; `-` is an operand.  */
#include "frontends/cli/cli.h"

#include "core/memory.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

typedef enum kind { FLAG, TEXT, NUMBER, LIST } kind;

typedef struct option {
    const char *name;
    kind kind;
    size_t field;      /* bool, const char *, int64_t or an_cli_list */
    const char *value; /* what usage calls the value */
    const char *summary;
} option;

#define FIELD(name) offsetof(an_cli, name)

static const option options[] = {
    {"--around", TEXT, FIELD(around), "NAME", "only what is near this node, weight or scope"},
    {"--at-least", TEXT, FIELD(least), "reals|bitwise|rounding", "ask for less than a proof"},
    {"--bind", TEXT, FIELD(bind), "B=32,T=100", "extents of named dims"},
    {"--by", TEXT, FIELD(by), "op|node|scope|phase|wave", "what a row of the table is; op"},
    {"--color", TEXT, FIELD(color), "category|phase", "what colours stand for; category"},
    {"--command", TEXT, FIELD(shell), "CMD", "what fails: a shell's command, given a path"},
    {"--completion", TEXT, FIELD(completion), "bash", "print what that shell completes"},
    {"--data", TEXT, FIELD(data), "plain|hard|exact|aimed", "what to try: see above; plain"},
    {"--depth", NUMBER, FIELD(depth), "N", "scopes deeper than this are one box, or row"},
    {"--diff", TEXT, FIELD(diff), "FILE2", "mark what came and went since FILE2"},
    {"--direction", TEXT, FIELD(direction), "down|right", "where values flow to; down"},
    {"--dot", TEXT, FIELD(dot), "FILE", "draw what is reported on: .dot .svg .png .pdf .html"},
    {"--dot-dir", TEXT, FIELD(dot_dir), "DIR", "a picture of what each pass changed, made there"},
    {"--each", FLAG, FIELD(each), "", "try numbers on every pass by itself, too"},
    {"--explain", FLAG, FIELD(explain), "", "say what fused, and why the rest did not"},
    {"--feed", LIST, FIELD(feed), "NAME=FILE", "an input's array; may be repeated"},
    {"--fetch", LIST, FIELD(fetch), "NAME[=FILE]", "what to compute, also %5; may be repeated"},
    {"--focus", TEXT, FIELD(focus), "NAME", "draw only what is near this node, weight or scope"},
    {"--from", TEXT, FIELD(from), "NAME", "draw only what is computed from it"},
    {"--gradients", FLAG, FIELD(gradients), "", "compare gradients of states and inputs, too"},
    {"--inference", FLAG, FIELD(inference), "", "ops become what they mean outside training"},
    {"--json", FLAG, FIELD(json), "", "write JSON"},
    {"--locations", FLAG, FIELD(locations), "", "print where each node was made"},
    {"--man", FLAG, FIELD(man), "", "print the manual page: | man -l -"},
    {"--memory", TEXT, FIELD(memory), "4G", "values may take so much; most of the machine's"},
    {"--no-legend", FLAG, FIELD(no_legend), "", "leave out what colours and shapes mean"},
    {"--of", TEXT, FIELD(of), "NAME", "the scalar to differentiate: an output"},
    {"--partial", FLAG, FIELD(partial), "", "the --weights may lack states and have others"},
    {"--passes", TEXT, FIELD(passes), "A,B,...", "these passes, in this order; see addnorm passes"},
    {"--phase", TEXT, FIELD(phase), "PHASE", "draw only forward, backward or update"},
    {"--radius", NUMBER, FIELD(radius), "N", "how near, in arrows; 1 if not given"},
    {"--save", TEXT, FIELD(save), "FILE", "keep all states as safetensors after the last step"},
    {"--scope", TEXT, FIELD(scope), "NAME", "draw only this scope, in all phases"},
    {"--seed", NUMBER, FIELD(seed), "S", "the (first) seed of weights and data; 0 if not given"},
    {"--seeds", NUMBER, FIELD(seeds), "N", "so many draws of data; 1, or one per variant"},
    {"--set", LIST, FIELD(set), "NAME=FILE", "a state's array; may be repeated"},
    {"--steps", NUMBER, FIELD(steps), "N", "so many runs in a row, updates fed back; 1, or 2"},
    {"--threads", TEXT, FIELD(threads), "1,2,4", "run the program on so many threads, too"},
    {"--title", TEXT, FIELD(title), "TEXT", "what the picture is called; the graph's name"},
    {"--to", TEXT, FIELD(to), "NAME", "draw only what it is computed from; see --from"},
    {"--trace", TEXT, FIELD(trace), "FILE", "the last run for Perfetto and chrome://tracing"},
    {"--tries", NUMBER, FIELD(tries), "N", "look at so many graphs at most; 10000 if not given"},
    {"--unfused", FLAG, FIELD(unfused), "", "draw fused ops as the ops they stand for"},
    {"--unfold", TEXT, FIELD(unfold), "NAME", "draw each of the scopes that repeat: block_*, *"},
    {"--update", TEXT, FIELD(update), "NAME", "commit this update table at each step"},
    {"--weights", TEXT, FIELD(weights), "FILE", "all states, from a safetensors file"},
    {"--whole", FLAG, FIELD(whole), "", "draw all of a large graph, scopes open"},
    {"--wrt", TEXT, FIELD(wrt), "A,B,...", "with respect to these; all floats if not given"},
    {"-o", TEXT, FIELD(output), "FILE", "where to; .svg .png .pdf .html are drawn by Graphviz"},
};
#define OPTIONS ((int)(sizeof options / sizeof *options))

/* ---- which options a subcommand takes ---------------------------------- */

/* True if `name` is one of the blank-separated words of `list`. */
static bool listed(const char *list, const char *name)
{
    const size_t length = strlen(name);
    for (const char *p = list; (p = strstr(p, name)); p += length)
        if ((p == list || p[-1] == ' ') && (p[length] == ' ' || p[length] == 0)) return true;
    return false;
}

static const option *find(const an_cli_command *command, const char *name, size_t length)
{
    for (int i = 0; i < OPTIONS; i++)
        if (strlen(options[i].name) == length && !strncmp(options[i].name, name, length) &&
            listed(command->options, options[i].name))
            return &options[i];
    return NULL;
}

const char *an_cli_option(int i, const char **value, const char **summary)
{
    if (i < 0 || i >= OPTIONS) return NULL;
    if (value) *value = options[i].value;
    if (summary) *summary = options[i].summary;
    return options[i].name;
}

bool an_cli_takes(const an_cli_command *command, const char *name)
{
    return listed(command->options, name);
}

static bool complain_option(const an_cli_command *command, const char *name, size_t length)
{
    an_text word = {0};
    an_text_add_bytes(&word, name, (int64_t)length);
    an_guess guess = {.word = an_text_view(&word)};
    for (int i = 0; i < OPTIONS; i++)
        if (listed(command->options, options[i].name)) an_guess_try(&guess, options[i].name);
    if (guess.best)
        an_cli_say("%s has no option '%s'; the nearest is '%s' (addnorm help %s lists all)",
                   command->name, guess.word, guess.best, command->name);
    else
        an_cli_say("%s takes no options, and so not '%s'", command->name, guess.word);
    an_text_free(&word);
    return false;
}

void an_cli_usage(const an_cli_command *command, an_text *out)
{
    an_text_addf(out, "usage: addnorm %s%s%s%s\n\n%s\n", command->name,
                 command->operands[0] ? " " : "", command->operands,
                 command->options[0] ? " [OPTION...]" : "", command->summary);
    if (command->more[0]) an_text_addf(out, "%s", command->more);
    if (command->options[0]) an_text_add(out, "\n");
    for (int i = 0; i < OPTIONS; i++) {
        const option *o = &options[i];
        if (!listed(command->options, o->name)) continue;
        an_text head = {0};
        an_text_addf(&head, "%s%s%s", o->name, o->value[0] ? " " : "", o->value);
        an_text_addf(out, "  %-24s %s\n", an_text_view(&head), o->summary);
        an_text_free(&head);
    }
}

/* ---- parsing ----------------------------------------------------------- */

static bool set_number(const option *o, const char *value, int64_t *field)
{
    char *end = NULL;
    errno = 0;
    const long long number = strtoll(value, &end, 10);
    if (value[0] < '0' || value[0] > '9' || *end || errno) {
        an_cli_say("%s takes a whole number, not '%s'", o->name, value);
        return false;
    }
    *field = number;
    return true;
}

static bool set(an_cli *line, const option *o, const char *value)
{
    void *field = (char *)line + o->field;
    switch (o->kind) {
    case FLAG: *(bool *)field = true; return true;
    case TEXT: *(const char **)field = value; return true;
    case NUMBER: return set_number(o, value, field);
    case LIST: break;
    }
    an_cli_list *list = field;
    if (!AN_GROW(list->at, list->capacity, list->count + 1)) {
        an_cli_say("out of memory");
        return false;
    }
    list->at[list->count++] = value;
    return true;
}

/* The option at arguments[*i]; moves *i over a value that stands apart. */
static bool take_option(an_cli *line, int count, char **arguments, int *i)
{
    const char *word = arguments[*i];
    const size_t length = strcspn(word, "=");
    if (!strcmp(word, "--help") || !strcmp(word, "-h")) {
        line->help = true;
        return true;
    }
    const option *o = find(line->command, word, length);
    if (!o) return complain_option(line->command, word, length);
    const char *value = word[length] ? word + length + 1 : NULL;
    if (o->kind == FLAG) {
        if (!value) return set(line, o, NULL);
        an_cli_say("%s takes no value", o->name);
        return false;
    }
    if (!value && *i + 1 < count) value = arguments[++*i];
    if (value) return set(line, o, value);
    an_cli_say("%s needs a value: %s %s", o->name, o->name, o->value);
    return false;
}

static bool take_operand(an_cli *line, const char *word)
{
    const int most = !line->command->operands[0] ? 0 : strchr(line->command->operands, ' ') ? 2 : 1;
    if (line->operands < most) {
        line->operand[line->operands++] = word;
        return true;
    }
    an_cli_say("'%s' is too much: addnorm %s %s (addnorm help %s says more)", word,
               line->command->name, line->command->operands, line->command->name);
    return false;
}

bool an_cli_parse(an_cli *line, int count, char **arguments)
{
    bool good = true, ended = false;
    for (int i = 0; good && !line->help && i < count; i++) {
        const char *word = arguments[i];
        if (!ended && !strcmp(word, "--"))
            ended = true;
        else if (!ended && word[0] == '-' && word[1])
            good = take_option(line, count, arguments, &i);
        else
            good = take_operand(line, word);
    }
    const char *operands = line->command->operands;
    if (!good || line->help || line->operands > 0 || !operands[0] || operands[0] == '[')
        return good;
    an_cli_say("%s needs a file: addnorm %s %s (- is standard input)", line->command->name,
               line->command->name, operands);
    return false;
}

void an_cli_free(an_cli *line)
{
    an_free(line->feed.at);
    an_free(line->fetch.at);
    an_free(line->set.at);
}
