/* main.c -- the `addnorm` command starts here. */
#include "frontends/cli/cli.h"

int main(int count, char **arguments)
{
    return an_cli_main(count, arguments);
}
