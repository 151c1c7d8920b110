/* fuzz.h -- what the fuzz targets share. A target is one file with LLVMFuzzerTestOneInput.
 *
 * libFuzzer calls it a million times (sh tests/run.sh --full fuzz), replay.c once for each seed in
 * the normal tests. What must hold of any input is demanded; nothing is printed otherwise. */
#ifndef AN_TESTS_FUZZ_H
#define AN_TESTS_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Brackets an input: its CPU time and the memory that the library holds at once are kept for the
 * report that stands on stderr when the process ends. More than AN_FUZZ_BYTES aborts at once. */
#define AN_FUZZ_BYTES ((int64_t)256 << 20)
void an_fuzz_begin(void);
void an_fuzz_good(void); /* the input is well-formed; the report says how many are */
void an_fuzz_end(void);

/* Aborts, saying what did not hold, unless it does. */
void an_fuzz_demand(bool holds, const char *what, const char *message);
/* Of a status: whatever an input brings about, the library's own invariants hold. */
void an_fuzz_demand_sane(an_status status, const char *what, const char *message);

/* The bytes and a 0 in a block of exactly that size, so that reading past it is seen; freed with
 * free(). */
char *an_fuzz_string(const uint8_t *data, size_t size);
/* A path under which these bytes can be read until the next call. */
const char *an_fuzz_file(const void *bytes, size_t size);
/* A number that depends on all bytes. */
uint64_t an_fuzz_hash(const uint8_t *data, size_t size);

#endif
