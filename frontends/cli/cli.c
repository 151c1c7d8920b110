/* cli.c -- the subcommands of `addnorm`, one row each, and who gets called.
 *
 * A subcommand never exits by itself: its answer comes back here, and what it
 * wrote has been flushed and checked by then.                                */
#include "frontends/cli/cli.h"

#include <stdio.h>
#include <string.h>

static an_cli_exit help(const an_cli *line);

static const an_cli_command commands[] = {
    {"print", an_cli_print, "FILE", "--around --radius --locations",
     "check a graph, infer its types, print it in canonical form",
     "With --around, only the lines within --radius arrows of a node, weight, scope, output or\n"
     "%12, each behind a mark: * the node itself, ^ what it reads, v what reads it, - neither.\n"},
    {"opt", an_cli_opt, "FILE", "--passes --inference --explain --dot-dir --json -o",
     "run the passes and print the graph they make",
     "With --explain, what fused, and what was refused and why, goes to standard error. With\n"
     "--dot-dir, DIR/1_canonicalise.svg and so on show the graph behind each pass that changed\n"
     "it, and in colours what that changed; -o FILE.html is a page that steps through them.\n"},
    {"verify", an_cli_verify, "FILE [FILE2]",
     "--data --gradients --seed --seeds --steps --bind --threads --passes --each --inference "
     "--memory --at-least --dot --depth --json",
     "check that the passes, or two files, compute the same",
     "With one file, the graph is compared with what the passes make of it, and each pass is\n"
     "tried by itself. Outputs, updates and every value inside that the proof pairs are compared\n"
     "on seeded data; each node is held to f64; then the program is compiled and run on several\n"
     "numbers of threads. Dims that --bind does not name are 3, 5, 7 ...\n"
     "Hard data are rows far from zero, constant, denormal, with one NaN and so on, one by one.\n"
     "Exact data need no rounding at widths that are powers of two: any difference is an error.\n"
     "Aimed data are ties, rows that hardly vary and so on, where ops turn; it is tried by itself\n"
     "where the proof names a difference that other data does not show.\n"
     "With --gradients the file is differentiated first, and the passes work on that.\n"
     "What takes more than 1 GiB says so beforehand; what takes more than --memory is not tried.\n"
     "The first line of the report is the verdict - proved, bitwise, rounding, suspect or\n"
     "different - with the node and the reason, and what numbers and proof say by themselves.\n"
     "Exit status 0: proved, and no number speaks against it, or as good as --at-least asks;\n"
     "1: less; 3: the files offer other outputs or leaves. With --dot, a picture shows what was\n"
     "removed, fused and refused, and every arrow is coloured by how far its values differ.\n"},
    {"reduce", an_cli_reduce, "FILE",
     "--command --data --gradients --seed --seeds --steps --bind --threads --passes --tries -o",
     "shrink a graph on which something fails",
     "Prints the smallest graph found on which verify, with the same options, still has the same\n"
     "verdict and the same check fails. With --command, what fails is any program, say\n\n"
     "  addnorm reduce big.an -o small.an --command 'sh try.sh'\n\n"
     "which runs `sh try.sh CANDIDATE` and keeps what answers as big.an does; its answer there\n"
     "must not be 0, and after 10 seconds it counts as not failing. With -o, a drawing of the\n"
     "graph is put beside it, as small.dot and, by Graphviz, small.svg.\n"},
    {"diff", an_cli_diff, "FILE FILE2", "--json", "what two graphs do not have in common",
     "Prints lines of the text: - is only in FILE, + only in FILE2, ~- and ~+ are one node that\n"
     "has changed, with what differs behind it. Nodes are matched by what they compute, then by\n"
     "names and by what they read, never by their numbers alone; numbers, ordinals, where a node\n"
     "comes from and the order of lines are no difference. Whether two graphs that differ compute\n"
     "the same, verify says.\n"
     "Exit status 0: the same; 1: not.\n"},
    {"grad", an_cli_grad, "FILE", "--of --wrt",
     "append the gradients of a scalar and print the graph",
     "The gradients become outputs called \"gradient of NAME\".\n"},
    {"run", an_cli_run, "FILE",
     "--feed --fetch --set --weights --partial --seed --steps --update --save --inference --passes "
     "--json",
     "compute outputs from arrays in .npy files",
     "Without --fetch all outputs are computed. What is fetched without a file is printed; it may\n"
     "be an output, an input, a state, or any value: %5 by its number (an ordinal), %12.1 for\n"
     "output 1 of that node, label or scope/label where that is one value. States come from --set\n"
     "or --weights, and without --weights from --seed and their own initialisers. What the\n"
     "weights lack or have too many of is listed and refused; with --partial it is listed, and\n"
     "what they lack begins anew.\n"},
    {"profile", an_cli_profile, "FILE",
     "--by --bind --feed --fetch --set --weights --partial --seed --steps --update --threads "
     "--inference --passes --json --trace --dot --depth --unfold",
     "say where the time of a run goes",
     "Runs the graph, with the --update if one is named, 30 times or --steps, and prints medians:\n"
     "what each kind of op takes, or --by something else, and what share that is of what this\n"
     "machine can do. Inputs without --feed are drawn; dims that --bind does not name are 32.\n"
     "--trace writes the last run as a timeline, a lane a thread; --dot colours boxes by time.\n"},
    {"memory", an_cli_memory, "FILE",
     "--bind --feed --fetch --set --weights --partial --seed --update --inference --passes "
     "--depth --json -o",
     "say what the memory of a run holds, and when",
     "Runs the graph once, with the --update if one is named, and prints what its plan takes: by\n"
     "scope what only the forward phase needs, what is saved for gradients and so on, then who is\n"
     "alive at the peak, and what was measured. -o draws it as FILE.svg: waves across, addresses\n"
     "up, a box per value. Inputs without --feed are drawn; other dims than --bind's are 32.\n"},
    {"dot", an_cli_dot, "FILE",
     "-o --bind --depth --unfold --diff --unfused --focus --radius --phase --scope --from --to "
     "--color --whole --direction --title --no-legend",
     "draw the graph: Graphviz's language, or a picture",
     "Scopes that repeat, three or more, are drawn once with how often; --unfold shows them.\n"
     "A graph that is too large to read, or for a page, is drawn with scopes closed, and the\n"
     "picture says so, unless --depth or --whole is given. Around a --scope, what it reads and\n"
     "what reads it is dashed; --from and --to together show the ways between.\n"
     "-o FILE.html is a page to look around in: scopes open, nodes tell what they are.\n"},
    {"mermaid", an_cli_mermaid, "FILE",
     "-o --depth --unfold --focus --radius --phase --scope --from --to --whole",
     "draw the graph as a Mermaid flowchart", ""},
    {"json", an_cli_json, "FILE", "-o --bind", "the graph as JSON, for other programs",
     "All of it: nodes with types, attributes, places and where they come from, and the roots.\n"
     "Bytes and FLOPs are null unless --bind says what every dim is.\n"},
    {"summary", an_cli_summary, "FILE", "--bind", "layers, parameters, bytes and FLOPs", ""},
    {"explain", an_cli_explain, "[CODE]", "", "what an error such as AN-E012 means, or all of them",
     ""},
    {"ops", an_cli_ops, "[NAME]", "--json", "list the ops, or explain one", ""},
    {"passes", an_cli_passes, "", "--json", "list the passes in the order in which they run", ""},
    {"help", help, "[COMMAND]", "--man --completion", "explain a subcommand",
     "--man prints the manual page, addnorm(1), and --completion what bash completes; both are\n"
     "installed with the command.\n"},
};
#define COMMANDS ((int)(sizeof commands / sizeof *commands))

const an_cli_command *an_cli_command_at(int i)
{
    return i >= 0 && i < COMMANDS ? &commands[i] : NULL;
}

/* ---- help -------------------------------------------------------------- */

const char *const an_cli_about =
    "Reads computation graphs (.an files) to inspect, optimise, verify and run them.\n"
    "A file called - is standard input or output. Data goes to standard output, talk to\n"
    "standard error.\n";
const char *const an_cli_answers =
    "0 fine, 1 what was checked does not hold, 2 usage, 3 bad file.\n";

static const an_cli_command *find(const char *name)
{
    for (int i = 0; i < COMMANDS; i++)
        if (!strcmp(commands[i].name, name)) return &commands[i];
    return NULL;
}

static void add_overview(an_text *out)
{
    an_text_addf(out, "usage: addnorm COMMAND FILE... [OPTION...]\n\n%s\n", an_cli_about);
    for (int i = 0; i < COMMANDS; i++)
        an_text_addf(out, "  %-8s %s\n", commands[i].name, commands[i].summary);
    an_text_addf(out, "\nExit status: %saddnorm help COMMAND says more; addnorm --version says "
                      "which build this is.\n", an_cli_answers);
}

static an_cli_exit complain_command(const char *name)
{
    an_guess guess = {.word = name};
    for (int i = 0; i < COMMANDS; i++) an_guess_try(&guess, commands[i].name);
    an_cli_say("there is no command '%s'; the nearest is '%s' (addnorm help lists all)", name,
               guess.best);
    return AN_CLI_USAGE;
}

static an_cli_exit explain(const an_cli_command *command)
{
    an_text text = {0};
    an_cli_usage(command, &text);
    return an_cli_write(NULL, &text);
}

static an_cli_exit help(const an_cli *line)
{
    an_text text = {0};
    if (line->completion && strcmp(line->completion, "bash") != 0) {
        an_cli_say("--completion takes bash, not '%s'", line->completion);
        return AN_CLI_USAGE;
    }
    if (line->operands > 0) {
        const an_cli_command *command = find(line->operand[0]);
        return command ? explain(command) : complain_command(line->operand[0]);
    }
    if (line->completion) an_cli_completion(&text);
    else if (line->man) an_cli_manual(&text);
    else add_overview(&text);
    return an_cli_write(NULL, &text);
}

static an_cli_exit version(void)
{
    an_text text = {0};
    an_text_addf(&text, "addnorm %s\n%s\n", an_version(), an_runtime_describe());
    return an_cli_write(NULL, &text);
}

/* ---- dispatch ---------------------------------------------------------- */

int an_cli_main(int count, char **arguments)
{
    const char *name = count > 1 ? arguments[1] : NULL;
    if (!name) {
        an_text text = {0};
        add_overview(&text);
        an_cli_say_text(&text);
        return AN_CLI_USAGE;
    }
    if (!strcmp(name, "--version") || !strcmp(name, "-V")) return (int)version();
    if (!strcmp(name, "--help") || !strcmp(name, "-h")) name = "help";
    an_cli line = {.command = find(name), .depth = -1};
    if (!line.command) return (int)complain_command(name);
    an_cli_exit answer = AN_CLI_USAGE;
    if (an_cli_parse(&line, count - 2, arguments + 2))
        answer = line.help ? explain(line.command) : line.command->run(&line);
    an_cli_free(&line);
    return (int)answer;
}
