/* neighbour.h -- the new file beside one that is to be replaced.
 *
 * "x.addnorm-0.tmp" while x is written, or another number where several write x at
 * once. Who writes one holds a lock on it, which ends with the process whatever ends
 * that; so what a killed process left is known from what a living one writes. */
#ifndef AN_CORE_NEIGHBOUR_H
#define AN_CORE_NEIGHBOUR_H

#include "core/text.h"

/* Removes the neighbours of `target` that nobody writes any more. */
void an_neighbour_sweep(const char *target);
/* Sweeps, then makes a new one, open for writing and locked until its file is closed; puts
 * its name into `name`. -1 on failure, with errno. */
int an_neighbour_open(const char *target, an_text *name);

#endif
