/* fuzz_dataset.c -- labelled texts from TSV and CSV.
 *
 * The first byte says which format, '0' to '2' as in an_dataset_format, and '3' a CSV with columns
 * of other names; the rest is the file. A read keeps all rows or none, and its texts are clean. */
#include <string.h>

#include "frontends/frontends.h"
#include "frontends/text/unicode.h"
#include "tests/fuzz/fuzz.h"

static void check_rows(an_dataset *d)
{
    const int64_t count = an_dataset_count(d), classes = an_dataset_classes(d);
    an_text clean = {0};
    for (int64_t i = 0; i < count; i++) {
        const char *const text = an_dataset_texts(d)[i];
        const int32_t label = an_dataset_labels(d)[i];
        clean.length = 0;
        an_utf8_add_clean(&clean, text, (int64_t)strlen(text));
        an_text_add(&clean, ""); /* ends it, if it is empty */
        an_fuzz_demand(!strcmp(an_text_view(&clean), text), "a text is clean", text);
        an_fuzz_demand(label >= 0 && label < classes, "a label is a class", text);
    }
    an_text_free(&clean);
    for (int64_t i = 0; i < classes; i++)
        an_fuzz_demand(an_dataset_class_name(d, i) && an_dataset_class_name(d, i)[0],
                       "a class has a name", "");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    an_fuzz_begin();
    const unsigned which = size > 0 ? data[0] & 3 : 0;
    const an_dataset_options o = {
        .format = which == 3 ? AN_FORMAT_CSV : (an_dataset_format)which,
        .label_column = which == 3 ? "stars" : NULL,
        .text_column = which == 3 ? "body" : NULL,
    };
    an_dataset *const d = an_dataset_new();
    const char *const path = an_fuzz_file(data + (size > 0), size > 0 ? size - 1 : 0);
    const an_status status = an_dataset_read(d, path, &o);
    an_fuzz_demand_sane(status, "reading", an_dataset_message(d));
    an_fuzz_demand((status == AN_OK) == (an_dataset_count(d) > 0), "all rows or none",
                   an_dataset_message(d));
    an_fuzz_demand((status == AN_OK) == (an_dataset_message(d)[0] == 0), "a failure has a message",
                   an_dataset_message(d));
    if (status == AN_OK) {
        an_fuzz_good();
        check_rows(d);
        an_fuzz_demand(an_dataset_shuffle(d, size) == AN_OK, "shuffling", an_dataset_message(d));
        const int64_t split = an_dataset_split(d, 0.2);
        an_fuzz_demand(split < an_dataset_count(d), "a side to validate on", "");
        check_rows(d);
    }
    an_dataset_free(d);
    an_fuzz_end();
    return 0;
}
