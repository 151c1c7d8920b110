/* pattern.c -- see pattern.h. */
#include "core/pattern.h"

#include <string.h>

/* What the last star took is tried longer and longer. */
bool an_pattern_takes(const char *pattern, const char *name)
{
    const char *star = NULL, *taken = NULL;
    while (*name) {
        if (*pattern == '*') {
            star = pattern++;
            taken = name;
        } else if (*pattern == '?' || *pattern == *name) {
            pattern++;
            name++;
        } else if (star) {
            pattern = star + 1;
            name = ++taken;
        } else {
            return false;
        }
    }
    while (*pattern == '*') pattern++;
    return !*pattern;
}

bool an_pattern_takes_end(const char *pattern, const char *name)
{
    for (const char *from = name; from; from = strchr(from, '/')) {
        if (*from == '/') from++;
        if (an_pattern_takes(pattern, from)) return true;
    }
    return false;
}
