/* pool.h -- the thread pool: sleeping workers that share ranges of units.
 *
 * Who runs a unit is left to chance, so a unit must not depend on any other
 * unit of the same call. That is what makes results the same for any number of
 * threads: work is cut by its shape alone, before it comes here.            */
#ifndef AN_CORE_POOL_H
#define AN_CORE_POOL_H

#include "core/core.h"

typedef void (*an_unit_fn)(void *context, int64_t begin, int64_t end);

/* Runs fn over [0, units) in disjoint ranges and returns when all are done.
 * Workers start at the first call that can use them. Serial when one thread is
 * set, units < 2, called from inside a unit, another thread is using the pool,
 * or a worker cannot be started. After fork() the child starts its own workers.
 * Allocates nothing once the workers run. Never fails. */
void an_pool_run(int64_t units, an_unit_fn fn, void *context);

/* Who runs this: 0 for a caller's own thread, the number of a worker from 1. */
int an_pool_thread(void);

/* For tests: how many units worker threads (not callers) have run so far. */
int64_t an_pool_stolen(void);
/* Ends the workers (tests, leak checks); the next run starts them again. */
void an_pool_stop(void);

#endif
