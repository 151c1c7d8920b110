/* cli.h -- the `addnorm` command's inside: what its files share.
 *
 * A subcommand is one row of the table in cli.c; an option is one row of the table
 * in cli_options.c, and a subcommand lists the options it takes. Data goes to
 * standard output, talk to standard error, and every message says the file and a
 * way out. Nothing here is part of the library.                              */
#ifndef AN_FRONTENDS_CLI_CLI_H
#define AN_FRONTENDS_CLI_CLI_H

#include "core/guess.h"
#include "core/text.h"
#include "frontends/frontends.h"
#include "frontends/inspect/json_text.h"
#include "graph/equal/equal.h"

#include <jansson.h>

/* What the process answers with. */
typedef enum an_cli_exit {
    AN_CLI_FINE = 0,
    AN_CLI_NOT = 1,   /* the thing checked does not hold, or could not be done */
    AN_CLI_USAGE = 2, /* the command line makes no sense */
    AN_CLI_FILE = 3   /* a file cannot be read, written or understood */
} an_cli_exit;

/* Values of an option that may be repeated; they are the command line's own. */
typedef struct an_cli_list {
    const char **at;
    int64_t count, capacity;
} an_cli_list;

typedef struct an_cli_command an_cli_command;

/* A command line, taken apart. An option that was not given is zero or
 * NULL, unless said otherwise. */
typedef struct an_cli {
    const an_cli_command *command;
    const char *operand[2];
    int operands;
    bool help;
    bool locations, explain, inference, gradients, json, each, partial, whole, no_legend, man;
    bool unfused;
    const char *passes, *bind, *threads, *of, *wrt, *update, *weights, *save;
    const char *output, *diff, *dot, *focus, *color, *data, *shell, *least, *memory, *by, *trace;
    const char *unfold, *around, *title, *completion, *phase, *scope, *from, *to, *direction;
    const char *dot_dir;
    int64_t seed, seeds, steps, radius, tries;
    int64_t depth; /* -1: not given */
    an_cli_list feed, fetch, set;
} an_cli;

/* ---- the table (cli.c) ------------------------------------------------- */

struct an_cli_command {
    const char *name;
    an_cli_exit (*run)(const an_cli *line);
    const char *operands; /* "FILE [FILE2]": brackets mark what may be left out */
    const char *options;  /* names from the table of options, separated by blanks */
    const char *summary;  /* one line */
    const char *more;     /* what `addnorm help NAME` adds */
};

const an_cli_command *an_cli_command_at(int i); /* NULL behind the last */
/* What the command is, and what it answers with: lines for people. */
extern const char *const an_cli_about, *const an_cli_answers;

/* Everything: takes the arguments apart, runs a subcommand, answers for main. */
int an_cli_main(int count, char **arguments);

/* ---- options (cli_options.c) ------------------------------------------- */

/* Takes apart what follows the subcommand's name. False after a complaint. */
bool an_cli_parse(an_cli *line, int count, char **arguments);
void an_cli_free(an_cli *line);
/* Appends "usage: ..." and a line for each option of the subcommand. */
void an_cli_usage(const an_cli_command *command, an_text *out);
/* Option i of all: its name, what its value is called ("" for a flag), what it is for, each if
 * wanted; NULL behind the last. And whether a subcommand takes it. */
const char *an_cli_option(int i, const char **value, const char **summary);
bool an_cli_takes(const an_cli_command *command, const char *name);

/* ---- the tables in other words (cli_manual.c) --------------------------- */

void an_cli_manual(an_text *out);     /* the page addnorm(1), for man */
void an_cli_completion(an_text *out); /* a script for bash */

/* ---- files and talk (cli_files.c) -------------------------------------- */

/* One line for people on standard error, begun with "addnorm: ". */
void an_cli_say(const char *format, ...) AN_PRINTF(1, 2);
/* A text for people as it is; frees it. Not fine if it is lost. */
an_cli_exit an_cli_say_text(an_text *text);
/* Reads and checks a graph; NULL after saying why. */
an_graph *an_cli_read_graph(const char *path);
/* Writes the text to a file, or to standard output if path is NULL or "-", and
 * frees it. */
an_cli_exit an_cli_write(const char *path, an_text *text);
/* The same with text from the library; NULL means that memory was out. */
an_cli_exit an_cli_write_string(const char *path, char *text);
/* The same with JSON, which is freed. */
an_cli_exit an_cli_write_json(json_t *root);

/* As an_json_text, but lost where that is NULL: what holds it cannot be written. */
json_t *an_cli_json_text(const char *text);
/* Appends to an array. If there is no such element, an_cli_write_json will write nothing. */
void an_cli_json_add(json_t *list, json_t *element);

/* ---- names (cli_names.c): each says so if a name is wrong --------------- */

bool an_cli_check_passes(const char *passes); /* "cse,dce"; NULL is fine */
bool an_cli_passes_are_exact(const char *passes); /* all of a list that was checked */
/* --bind, if it was given, must be a list of the graph's dims and extents. */
bool an_cli_check_bind(const an_cli *line, const an_graph *g);

typedef enum an_cli_kind { AN_CLI_OUTPUT, AN_CLI_INPUT, AN_CLI_STATE, AN_CLI_ANY } an_cli_kind;
/* The value of that name, outputs first; AN_NONE if there is none. */
an_value an_cli_find(an_graph *g, const char *option, const char *name, an_cli_kind kind);
an_updates an_cli_find_updates(an_graph *g, const char *name);
/* Takes NAME=PATH or NAME apart; the latter's path is NULL. */
bool an_cli_split(const char *option, const char *pair, an_text *name, const char **path);

/* ---- what verify is asked (cli_verify.c) -------------------------------- */

/* Everything but the graphs, from the options; false after a complaint. */
bool an_cli_read_trial(const an_cli *line, an_equivalent_args *args);

/* ---- what passes did (cli_passes.c) ------------------------------------ */
/* "fused" and "refused" lines, two columns in; nothing if there are no notes. */
void an_cli_add_notes(const an_optimised *o, an_text *out);
json_t *an_cli_json_notes(const an_optimised *o);

/* ---- pictures (cli_view.c) --------------------------------------------- */

/* --depth as an_dot_args has it; false after a complaint. */
bool an_cli_depth(const an_cli *line, int *depth);
bool an_cli_is_page(const char *path); /* it ends in .html */
an_cli_exit an_cli_page(an_page_args *args); /* writes it; says what went wrong */
/* What a picture's status means for the command; says the message unless all is well. */
an_cli_exit an_cli_drawn(an_status status, const char *message);

/* ---- subcommands ------------------------------------------------------- */

an_cli_exit an_cli_print(const an_cli *line);
an_cli_exit an_cli_opt(const an_cli *line);
an_cli_exit an_cli_verify(const an_cli *line);
an_cli_exit an_cli_reduce(const an_cli *line);
an_cli_exit an_cli_ops(const an_cli *line);
an_cli_exit an_cli_explain(const an_cli *line);
an_cli_exit an_cli_passes(const an_cli *line);
an_cli_exit an_cli_diff(const an_cli *line);
an_cli_exit an_cli_grad(const an_cli *line);
an_cli_exit an_cli_run(const an_cli *line);
an_cli_exit an_cli_profile(const an_cli *line);
an_cli_exit an_cli_memory(const an_cli *line);
an_cli_exit an_cli_dot(const an_cli *line);
an_cli_exit an_cli_mermaid(const an_cli *line);
an_cli_exit an_cli_json(const an_cli *line);
an_cli_exit an_cli_summary(const an_cli *line);

#endif
