/* fuzz_an.c -- graphs as .an text.
 *
 * What parses is sound, prints the same when it is read again, and bears all that one can do with a
 * graph. What does not parse says where and why. */
#include <stdlib.h>

#include "graph/graph.h"
#include "tests/fuzz/exercise.h"
#include "tests/fuzz/fuzz.h"

#define SELDOM 16 /* reading is what is tried here; the rest takes twenty times as long */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    an_fuzz_begin();
    char *const text = an_fuzz_string(data, size);
    an_graph *const g = an_parse(.text = text, .name = "fuzz");
    free(text);
    const an_status status = an_graph_status(g);
    an_fuzz_demand_sane(status, "parsing", an_graph_message(g));
    an_fuzz_demand((status == AN_OK) == (an_graph_message(g)[0] == 0), "a failure has a message",
                   an_graph_message(g));
    if (status == AN_OK) {
        const uint64_t choice = an_fuzz_hash(data, size);
        an_fuzz_good();
        an_fuzz_reread(g);
        if (choice % SELDOM == 0) an_fuzz_exercise(g, an_updates_at(g, 0), choice / SELDOM);
    }
    an_graph_free(g);
    an_fuzz_end();
    return 0;
}
