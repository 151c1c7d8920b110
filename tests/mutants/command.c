/* command.c -- the `addnorm` command with a fault in it: AN_MUTANT=rule-residual-sign
 * chooses one of mutants.txt. For seeing what a report says of it. */
#include "frontends/cli/cli.h"
#include "tests/mutants/mutants.h"

#include <stdio.h>
#include <stdlib.h>

int main(int count, char **arguments)
{
    const char *name = getenv("AN_MUTANT");
    an_mutant = name ? an_mutant_number(name) : 0;
    if (!name || an_mutant > 0) return an_cli_main(count, arguments);
    fprintf(stderr, "there is no mutant %s\n", name);
    return 2;
}
