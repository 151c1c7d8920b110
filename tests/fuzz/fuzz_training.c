/* fuzz_training.c -- training.json, the record of a training, and its plot.
 *
 * What can be read prints to a text that prints the same when it is read again. */
#include <stdlib.h>
#include <string.h>

#include "frontends/train/record.h"
#include "tests/fuzz/fuzz.h"

static void write_again(const an_history *h, const an_record *r)
{
    const an_metadata about = {"file", "fuzz"};
    an_text json = {0}, second = {0};
    an_history again = {0};
    an_record found = {0};
    an_error e = {0};
    an_record_print(h, r, &about, 1, &json, &e);
    an_fuzz_demand(e.status == AN_OK, "writing", e.text);
    an_record_parse(json.data, &again, &found, &e);
    an_record_print(&again, &found, &about, 1, &second, &e);
    an_fuzz_demand(e.status == AN_OK && !strcmp(json.data, second.data),
                   "what was written reads back", json.data);
    an_history_reset(&again);
    an_basis_free(&found.basis);
    an_text_free(&json);
    an_text_free(&second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    an_fuzz_begin();
    char *const json = an_fuzz_string(data, size);
    an_history h = {0};
    an_record r = {0};
    an_error e = {0};
    an_fuzz_demand_sane(an_record_parse(json, &h, &r, &e), "reading", e.text);
    if (e.status == AN_OK) {
        an_fuzz_good();
        write_again(&h, &r);
        char *const plot = an_plot_history(&h, "fuzz");
        an_fuzz_demand(plot, "a good history has a plot", json);
        an_string_free(plot);
    }
    an_history_reset(&h);
    an_basis_free(&r.basis);
    free(json);
    an_fuzz_end();
    return 0;
}
