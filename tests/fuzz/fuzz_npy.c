/* fuzz_npy.c -- arrays from NumPy, as the command reads them.
 *
 * An input that begins with '{' is a dictionary up to a line end, and the elements behind it; magic
 * and length are put before it. Any other is a file as it is. What was read can be converted or
 * says why not, and reads back from what is written of it. */
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "frontends/cli/npy.h"
#include "tests/fuzz/fuzz.h"

static const char *file_of(const uint8_t *data, size_t size)
{
    if (size < 1 || data[0] != '{') return an_fuzz_file(data, size);
    const uint8_t *const line = memchr(data, '\n', size);
    const size_t length = line ? (size_t)(line - data) + 1 : size;
    uint8_t *const file = malloc(size + 12);
    memcpy(file, "\x93NUMPY\x02", 8);
    for (int i = 0; i < 4; i++) file[8 + i] = (uint8_t)(length >> 8 * i);
    memcpy(file + 12, data, size);
    const char *const path = an_fuzz_file(file, size + 12);
    free(file);
    return path;
}

static void convert(const an_tensor *t, an_dtype dtype, const char *path)
{
    an_tensor copy = {0};
    an_error e = {0};
    an_fuzz_demand(an_tensor_copy(&copy, t) == AN_OK, "a copy", "");
    an_fuzz_demand_sane(an_npy_convert(&copy, dtype, path, &e), "converting", e.text);
    an_tensor_free(&copy);
}

static void write_again(const an_tensor *t)
{
    an_text file = {0};
    an_tensor again = {0};
    an_error e = {0};
    an_npy_add(t, &file);
    const an_status status = an_npy_read(an_fuzz_file(file.data, (size_t)file.length), &again, &e);
    an_fuzz_demand(status == AN_OK && again.rank == t->rank && again.dtype == t->dtype &&
                       an_tensor_bytes(&again) == an_tensor_bytes(t) &&
                       !memcmp(again.data, t->data, (size_t)an_tensor_bytes(t)),
                   "what was written reads back", e.text);
    an_tensor_free(&again);
    an_text_free(&file);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    an_fuzz_begin();
    an_tensor t = {0};
    an_error e = {0};
    const char *const path = file_of(data, size);
    const an_status status = an_npy_read(path, &t, &e);
    an_fuzz_demand_sane(status, "reading", e.text);
    an_fuzz_demand(status == e.status, "a failure has a message", e.text);
    if (status == AN_OK) {
        an_fuzz_good();
        for (int dtype = 0; dtype < AN_DTYPES; dtype++) convert(&t, (an_dtype)dtype, path);
        write_again(&t);
    }
    an_tensor_free(&t);
    an_fuzz_end();
    return 0;
}
