/* fuzz_tokenizer.c -- tokenizers as Keras's JSON.
 *
 * The first byte says what the rest is. 'T': texts, a line each, that a tokenizer is fitted on; so
 * the input is not JSON but what any JSON must be able to say. 'W': the options, then the tables,
 * a line each, which are put into strings as Keras does, since a mutation rarely gets JSON within
 * JSON right. Otherwise, that byte included: the JSON itself. */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "frontends/text/tokenizer.h"
#include "tests/fuzz/fuzz.h"

#define MOST_LINES 16

/* Splits at line ends, in place. */
static int split(char *text, const char *line[MOST_LINES])
{
    int count = 0;
    for (char *at = text; at && count < MOST_LINES; count++) {
        line[count] = strsep(&at, "\n");
    }
    return count;
}

/* NULL if the options are no JSON object. */
static char *compose(char *text)
{
    static const char *const tables[] = {"word_counts", "word_docs", "word_index"};
    const char *line[MOST_LINES];
    const int count = split(text, line);
    json_t *const config = json_loads(line[0], 0, NULL);
    for (int i = 0; i < 3 && i + 1 < count; i++)
        json_object_set_new(config, tables[i], json_string(line[i + 1]));
    json_t *const root = json_pack("{s:o}", "config", config ? config : json_null());
    char *const made = root ? json_dumps(root, 0) : NULL;
    json_decref(root);
    return made;
}

static an_tokenizer *fit(char *text)
{
    const char *line[MOST_LINES];
    const int count = split(text, line);
    const an_tokenizer_options o = {
        .num_words = count > 2 ? (int64_t)strlen(line[0]) : 0,
        .oov_token = count > 1 && line[1][0] ? line[1] : NULL,
        .keep_case = count % 2,
        .char_level = count % 5 == 4,
    };
    an_tokenizer *const t = an_tokenizer_new(&o);
    an_fuzz_demand_sane(an_tokenizer_fit(t, line, count), "fitting", an_tokenizer_message(t));
    return t;
}

static an_tokenizer *make(char *text)
{
    if (text[0] == 'T') return fit(text + 1);
    if (text[0] != 'W') return an_tokenizer_from_json(text);
    char *const json = compose(text + 1);
    an_tokenizer *const t = an_tokenizer_from_json(json);
    free(json);
    return t;
}

static void use(an_tokenizer *t)
{
    static const char *const texts[] = {"a b the film", "\xc3\x84pfel, \xf0\x9f\x98\x80!", ""};
    an_sequences rows = {0};
    an_tensor padded = {0};
    an_fuzz_demand(an_tokenizer_encode(t, texts, 3, &rows) == AN_OK, "encoding",
                   an_tokenizer_message(t));
    const int64_t most = an_tokenizer_vocabulary(t);
    for (int64_t i = 0; i < rows.start[rows.count]; i++)
        an_fuzz_demand(rows.ids[i] > 0 && rows.ids[i] < most, "ids are below the vocabulary", "");
    an_fuzz_demand(an_pad_sequences(&rows, NULL, &padded) == AN_OK, "padding", "");
    an_tensor_free(&padded);
    an_sequences_free(&rows);
}

static void write_again(an_tokenizer *t)
{
    an_text json = {0}, second = {0};
    an_fuzz_demand(an_tokenizer_to_json(t, &json) == AN_OK, "writing", an_tokenizer_message(t));
    an_tokenizer *const again = an_tokenizer_from_json(json.data);
    an_fuzz_demand(again && again->broken == AN_OK, "what was written reads back",
                   an_tokenizer_message(again));
    an_tokenizer_to_json(again, &second);
    an_fuzz_demand(second.length == json.length && !memcmp(json.data, second.data,
                                                           (size_t)json.length),
                   "writing is stable", json.data);
    an_tokenizer_free(again);
    an_text_free(&json);
    an_text_free(&second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    an_fuzz_begin();
    char *const text = an_fuzz_string(data, size);
    an_tokenizer *const t = make(text);
    an_fuzz_demand_sane(t ? t->broken : AN_E_MEMORY, "reading", an_tokenizer_message(t));
    if (t->broken == AN_OK) {
        an_fuzz_good();
        use(t);
        write_again(t);
    } else {
        an_fuzz_demand(an_tokenizer_message(t)[0] != 0, "a failure has a message", "");
    }
    an_tokenizer_free(t);
    free(text);
    an_fuzz_end();
    return 0;
}
