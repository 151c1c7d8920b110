/* pattern.h -- names that are chosen by a pattern: the one rule, whoever takes patterns.
 *
 * `*` stands for any characters, `/` too and none; `?` for one; every other character for itself,
 * brackets and backslashes among them, since names may hold them.              */
#ifndef AN_CORE_PATTERN_H
#define AN_CORE_PATTERN_H

#include <stdbool.h>

/* Whether the whole name is of that pattern. */
bool an_pattern_takes(const char *pattern, const char *name);
/* Whether its last parts between slashes are: of "a/b/c" that is "a/b/c", "b/c" or "c". */
bool an_pattern_takes_end(const char *pattern, const char *name);

#endif
