/* fuzz_safetensors.c -- checkpoints.
 *
 * An input that begins with '{' is a header up to a NUL or the end, and the data behind it; the
 * right prefix is put before it, since a mutation rarely gets eight bytes right. Any other is a
 * file as it is. What can be loaded makes a header that says the same. */
#include <stdlib.h>
#include <string.h>

#include "frontends/formats/safetensors.h"
#include "tests/fuzz/fuzz.h"

static const char *file_of(const uint8_t *data, size_t size)
{
    if (size < 2 || data[0] != '{' || data[1] == 0) return an_fuzz_file(data, size);
    const uint8_t *const stop = memchr(data, 0, size);
    const size_t length = stop ? (size_t)(stop - data) : size;
    uint8_t *const file = malloc(size + AN_SAFETENSORS_PREFIX);
    for (int i = 0; i < AN_SAFETENSORS_PREFIX; i++) file[i] = (uint8_t)(length >> 8 * i);
    memcpy(file + AN_SAFETENSORS_PREFIX, data, length);
    const size_t rest = stop ? size - length - 1 : 0;
    if (rest > 0) memcpy(file + AN_SAFETENSORS_PREFIX + length, stop + 1, rest);
    const char *const path = an_fuzz_file(file, AN_SAFETENSORS_PREFIX + length + rest);
    free(file);
    return path;
}

/* The table of the store's states, printed and read again. */
static void write_again(an_store *s)
{
    an_stored_table made = {0}, read = {0};
    an_text header = {0};
    an_error e = {0};
    for (int64_t i = 0; i < an_store_count(s); i++)
        an_stored_add(&made, an_store_name(s, i), an_store_view(s, an_store_name(s, i)), &e);
    an_stored_arrange(&made, &e);
    an_stored_print(&made, NULL, 0, &header, &e);
    an_fuzz_demand(e.status == AN_OK, "what was loaded can be saved", e.text);
    const int64_t end = made.count > 0 ? made.items[made.count - 1].end : 0;
    an_stored_parse(&read, header.data + AN_SAFETENSORS_PREFIX,
                    header.length - AN_SAFETENSORS_PREFIX, end, &e);
    an_fuzz_demand(e.status == AN_OK && read.count == made.count, "what was saved loads", e.text);
    an_text_free(&header);
    an_stored_table_free(&made);
    an_stored_table_free(&read);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    an_fuzz_begin();
    const char *const path = file_of(data, size);
    an_store *const s = an_store_new(1);
    const an_status status = an_checkpoint_load(s, path, NULL);
    an_fuzz_demand_sane(status, "loading", an_store_message(s));
    an_fuzz_demand((status == AN_OK) == (an_store_message(s)[0] == 0), "a failure has a message",
                   an_store_message(s));
    char hex[65];
    if (status == AN_OK) {
        an_fuzz_good();
        an_fuzz_demand(an_store_sha256(s, hex) == AN_OK, "a fingerprint", an_store_message(s));
        write_again(s);
        /* Again, onto states that are there now. */
        const an_checkpoint_options known = {.known_only = true};
        an_fuzz_demand(an_checkpoint_load(s, path, &known) == AN_OK, "loading twice",
                       an_store_message(s));
    } else {
        an_fuzz_demand(an_store_count(s) == 0, "all or nothing", an_store_message(s));
    }
    an_string_free(an_checkpoint_metadata(path, "training"));
    an_store_free(s);
    an_fuzz_end();
    return 0;
}
