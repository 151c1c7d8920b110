/* cli_manual.c -- the manual page addnorm(1) and bash's completions, from the two tables.
 *
 * Nothing is said here that `addnorm help` does not say; only roff's and bash's own spelling is
 * known. What a value may be is read off its name in the table: "a|b" are words, FILE is a path. */
#include "frontends/cli/cli.h"

#include <string.h>

/* ---- roff --------------------------------------------------------------- */

/* One character, so that it is itself: a minus, not a hyphen; no control line; no escape. */
static void add_character(char c, bool first, an_text *out)
{
    static const struct { char c; const char *roff; } special[] = {
        {'-', "\\-"},   {'\\', "\\e"},  {'~', "\\(ti"},
        {'^', "\\(ha"}, {'`', "\\(ga"}, {'\'', "\\(aq"},
    };
    if (first && c == '.') an_text_add(out, "\\&");
    for (int i = 0; i < (int)(sizeof special / sizeof *special); i++)
        if (special[i].c == c) {
            an_text_add(out, special[i].roff);
            return;
        }
    an_text_add_bytes(out, &c, 1);
}

static void add_words(const char *words, an_text *out)
{
    for (const char *p = words; *p; p++) add_character(*p, p == words, out);
}

/* Lines for people: a blank one ends a paragraph, indented ones stand as they are. */
static void add_lines(const char *text, an_text *out)
{
    bool as_is = false;
    for (const char *line = text; *line;) {
        const size_t length = strcspn(line, "\n");
        const bool indented = line[0] == ' ';
        if (indented != as_is) an_text_add(out, indented ? ".nf\n" : ".fi\n");
        as_is = indented;
        if (length == 0) an_text_add(out, ".PP");
        for (size_t i = 0; i < length; i++) add_character(line[i], i == 0, out);
        an_text_add(out, "\n");
        line += length + (line[length] == '\n');
    }
    if (as_is) an_text_add(out, ".fi\n");
}

static void add_command(const an_cli_command *c, an_text *out)
{
    an_text_addf(out, ".SS addnorm %s", c->name);
    if (c->operands[0]) an_text_add(out, " ");
    add_words(c->operands, out);
    an_text_add(out, c->options[0] ? " [OPTION...]\n" : "\n");
    add_words(c->summary, out);
    an_text_add(out, ".\n");
    if (c->more[0]) {
        an_text_add(out, ".PP\n");
        add_lines(c->more, out);
    }
    if (!c->options[0]) return;
    an_text_add(out, ".PP\nOptions:\n");
    const char *name;
    for (int i = 0; (name = an_cli_option(i, NULL, NULL)); i++) {
        if (!an_cli_takes(c, name)) continue;
        an_text_add(out, ".B ");
        add_words(name, out);
        an_text_add(out, "\n");
    }
}

static void add_option(const char *name, const char *value, const char *summary, an_text *out)
{
    an_text_add(out, ".TP\n.B ");
    add_words(name, out);
    if (value[0]) {
        an_text_add(out, " \\fI");
        add_words(value, out);
        an_text_add(out, "\\fR");
    }
    an_text_add(out, "\n");
    add_words(summary, out);
    an_text_add(out, "\n(");
    const an_cli_command *c;
    const char *comma = "";
    for (int i = 0; (c = an_cli_command_at(i)); i++)
        if (an_cli_takes(c, name)) {
            an_text_addf(out, "%s%s", comma, c->name);
            comma = ", ";
        }
    an_text_add(out, ")\n");
}

void an_cli_manual(an_text *out)
{
    an_text_addf(out, ".TH ADDNORM 1 \"\" \"addnorm %s\" \"User Commands\"\n", an_version());
    an_text_add(out, ".SH NAME\naddnorm \\- inspect, optimise, verify and run computation graphs\n"
                     ".SH SYNOPSIS\n.B addnorm\n\\fICOMMAND\\fR \\fIFILE\\fR... "
                     "[\\fIOPTION\\fR...]\n"
                     ".br\n.B addnorm help\n[\\fICOMMAND\\fR]\n.SH DESCRIPTION\n");
    add_lines(an_cli_about, out);
    an_text_add(out, ".SH COMMANDS\n");
    const an_cli_command *c;
    for (int i = 0; (c = an_cli_command_at(i)); i++) add_command(c, out);
    an_text_add(out, ".SH OPTIONS\nAn option's value stands behind it or behind an equals sign; "
                     "\\-\\- ends the options.\n");
    const char *name, *value, *summary;
    for (int i = 0; (name = an_cli_option(i, &value, &summary)); i++)
        add_option(name, value, summary, out);
    an_text_add(out, ".SH EXIT STATUS\n");
    add_lines(an_cli_answers, out);
    an_text_add(out, ".SH SEE ALSO\n.BR dot (1)\n");
}

/* ---- bash --------------------------------------------------------------- */

/* What completes an option's value, as a case of the script. */
static void add_value(const char *name, const char *value, an_text *out)
{
    an_text_addf(out, "    %s) ", name);
    if (strchr(value, '|')) {
        an_text_add(out, "mapfile -t COMPREPLY < <(compgen -W '");
        for (const char *p = value; *p; p++) an_text_add_bytes(out, *p == '|' ? " " : p, 1);
        an_text_add(out, "' -- \"$word\"); ");
    } else if (!strncmp(value, "FILE", 4)) {
        an_text_add(out, "compopt -o filenames; "
                         "mapfile -t COMPREPLY < <(compgen -f -- \"$word\"); ");
    }
    an_text_add(out, "return ;;\n");
}

static void add_options_of(const an_cli_command *c, an_text *out)
{
    an_text_addf(out, "    %s) options='", c->name);
    const char *name, *blank = "";
    for (int i = 0; (name = an_cli_option(i, NULL, NULL)); i++)
        if (an_cli_takes(c, name)) {
            an_text_addf(out, "%s%s", blank, name);
            blank = " ";
        }
    an_text_addf(out, "'; files=%d ;;\n", !strncmp(c->operands, "FILE", 4));
}

static void add_all_commands(an_text *out)
{
    const an_cli_command *c;
    for (int i = 0; (c = an_cli_command_at(i)); i++) an_text_addf(out, i ? " %s" : "%s", c->name);
}

void an_cli_completion(an_text *out)
{
    const char *name, *value;
    an_text_add(out,
                "# bash completions of addnorm, written by `addnorm help --completion bash`.\n"
                "_addnorm() {\n"
                "    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]}\n"
                "    local options= files=0 commands='");
    add_all_commands(out);
    an_text_add(out,
                "'\n"
                "    COMPREPLY=()\n"
                "    if [ \"$word\" = = ]; then word=; fi # --option=value is three words\n"
                "    if [ \"$before\" = = ]; then before=${COMP_WORDS[COMP_CWORD - 2]}; fi\n"
                "    if [ \"$COMP_CWORD\" = 1 ] || [ \"$before\" = help ]; then\n"
                "        mapfile -t COMPREPLY < <(compgen -W \"$commands\" -- \"$word\")\n"
                "        [[ $word != -* || $before != help ]] && return\n"
                "    fi\n"
                "    case $before in\n");
    for (int i = 0; (name = an_cli_option(i, &value, NULL)); i++)
        if (value[0]) add_value(name, value, out);
    an_text_add(out, "    esac\n    case ${COMP_WORDS[1]} in\n");
    const an_cli_command *c;
    for (int i = 0; (c = an_cli_command_at(i)); i++) add_options_of(c, out);
    an_text_add(out,
                "    esac\n"
                "    if [[ $word == -* ]]; then\n"
                "        mapfile -t COMPREPLY < <(compgen -W \"$options --help\" -- \"$word\")\n"
                "    elif [ $files = 1 ]; then\n"
                "        compopt -o filenames\n"
                "        mapfile -t COMPREPLY < <(compgen -f -- \"$word\")\n"
                "    fi\n"
                "}\n"
                "complete -F _addnorm addnorm\n");
}
