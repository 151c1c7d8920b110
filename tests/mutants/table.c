/* table.c -- mutants by name, for the programs that hold them. */
#include "tests/mutants/mutants.h"

#include <string.h>

int an_mutant_number(const char *name)
{
    for (int i = 0; i < an_mutant_count; i++)
        if (!strcmp(an_mutants[i].name, name)) return i + 1;
    return 0;
}
