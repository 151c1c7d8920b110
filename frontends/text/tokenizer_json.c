/* tokenizer_json.c -- a tokenizer as the JSON of Keras's Tokenizer.to_json.
 *
 * Keras writes {"class_name": "Tokenizer", "config": {...}}, where the tables of
 * words are strings that hold JSON themselves. Only the options, document_count,
 * word_counts and word_docs carry information; word_index follows from
 * word_counts. The reader computes it anew and refuses a file that says
 * otherwise, because wrong ids would silently give wrong predictions.
 *
 * jansson allocates through malloc, not through the library's hook: its own hook
 * is global, and the host program may be using it.                           */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/file.h"
#include "core/memory.h"
#include "frontends/text/tokenizer.h"

/* ---- writing ----------------------------------------------------------- */

/* One table as a string of JSON; `from` is consumed. NULL: no memory. */
static json_t *table_string(json_t *from)
{
    char *const text = json_dumps(from, JSON_COMPACT);
    json_decref(from);
    json_t *const string = text ? json_string_nocheck(text) : NULL;
    free(text); /* house: jansson took it from malloc */
    return string;
}

/* Keras's five tables, by their names there. */
typedef enum table { WORD_COUNTS, WORD_DOCS, INDEX_DOCS, INDEX_WORD, WORD_INDEX } table;

static int add_entry(json_t *to, table which, int32_t id, const char *word, const an_word *w)
{
    char key[16];
    (void)snprintf(key, sizeof key, "%d", (int)id);
    switch (which) {
    case WORD_COUNTS:
        return json_object_set_new_nocheck(to, word, json_integer(w->count));
    case WORD_DOCS:
        return json_object_set_new_nocheck(to, word, json_integer(w->texts));
    case INDEX_DOCS:
        return json_object_set_new_nocheck(to, key, json_integer(w->texts));
    case INDEX_WORD:
        return json_object_set_new_nocheck(to, key, json_string_nocheck(word));
    case WORD_INDEX:
        return json_object_set_new_nocheck(to, word, json_integer(id));
    }
    return -1;
}

static json_t *table_of(const an_tokenizer *t, table which)
{
    json_t *const to = json_object();
    if (!to) return NULL;
    int failed = 0;
    /* An oov_token with an id of its own stands in the index; it was never counted. */
    const bool is_index = which == INDEX_WORD || which == WORD_INDEX;
    if (is_index && t->oov_token && t->oov_id == 1)
        failed |= add_entry(to, which, 1, t->oov_token, NULL);
    for (int64_t i = 0; i < t->words.count; i++) {
        const int64_t n = is_index ? t->by_rank[i] : i;
        failed |= add_entry(to, which, t->of[n].id, t->words.items[n].text, &t->of[n]);
    }
    if (failed) {
        json_decref(to);
        return NULL;
    }
    return table_string(to);
}

/* Sets config[key], whose value may have failed to be made. */
static int put(json_t *config, const char *key, json_t *value)
{
    return json_object_set_new(config, key, value);
}

static json_t *config_of(const an_tokenizer *t)
{
    json_t *const c = json_object();
    int failed = 0;
    failed |= put(c, "num_words", t->num_words ? json_integer(t->num_words) : json_null());
    failed |= put(c, "filters", json_string_nocheck(t->filters));
    failed |= put(c, "lower", json_boolean(!t->keep_case));
    failed |= put(c, "split", json_string_nocheck(t->split));
    failed |= put(c, "char_level", json_boolean(t->char_level));
    failed |= put(c, "oov_token", t->oov_token ? json_string_nocheck(t->oov_token) : json_null());
    failed |= put(c, "document_count", json_integer(t->documents));
    failed |= put(c, "word_counts", table_of(t, WORD_COUNTS));
    failed |= put(c, "word_docs", table_of(t, WORD_DOCS));
    failed |= put(c, "index_docs", table_of(t, INDEX_DOCS));
    failed |= put(c, "index_word", table_of(t, INDEX_WORD));
    failed |= put(c, "word_index", table_of(t, WORD_INDEX));
    if (!failed) return c;
    json_decref(c);
    return NULL;
}

an_status an_tokenizer_to_json(an_tokenizer *t, an_text *out)
{
    if (!t || !out) return AN_E_ARGUMENT;
    if (t->broken != AN_OK) return t->broken;
    an_error_clear(&t->error);
    json_t *const root = json_object();
    int failed = put(root, "class_name", json_string("Tokenizer"));
    failed |= put(root, "config", config_of(t));
    char *const text = failed ? NULL : json_dumps(root, JSON_COMPACT);
    if (text) an_text_add(out, text);
    const bool good = text && !out->failed;
    free(text); /* house: jansson took it from malloc */
    json_decref(root);
    if (good) return AN_OK;
    return an_fail(&t->error, AN_E_MEMORY, "tokenizer: no memory for its JSON");
}

an_status an_tokenizer_save(an_tokenizer *t, const char *path)
{
    an_text json = {0};
    an_status status = an_tokenizer_to_json(t, &json);
    if (status == AN_OK) status = an_file_write(path, json.data, json.length, &t->error);
    an_text_free(&json);
    return status;
}

/* ---- reading ----------------------------------------------------------- */

static an_status bad(an_tokenizer *t, const char *why)
{
    return an_tokenizer_break(t, AN_E_FORMAT, why);
}

/* The table that stands as a string in config[key]; NULL if it is none. */
static json_t *inner_table(const json_t *config, const char *key)
{
    const char *const text = json_string_value(json_object_get(config, key));
    json_t *const read = text ? json_loads(text, JSON_REJECT_DUPLICATES, NULL) : NULL;
    if (json_is_object(read)) return read;
    json_decref(read);
    return NULL;
}

static bool is_string_or_null(const json_t *value)
{
    return !value || json_is_null(value) || json_is_string(value);
}

/* Whether the options have the types that Keras gives them. */
static bool options_fit(const json_t *c)
{
    const json_t *const num_words = json_object_get(c, "num_words");
    return (!num_words || json_is_null(num_words) || json_is_integer(num_words)) &&
           is_string_or_null(json_object_get(c, "oov_token")) &&
           json_is_string(json_object_get(c, "filters")) &&
           json_is_string(json_object_get(c, "split")) &&
           json_is_boolean(json_object_get(c, "lower")) &&
           json_is_boolean(json_object_get(c, "char_level")) &&
           json_integer_value(json_object_get(c, "document_count")) >= 0;
}

/* Counts of the words, in the order of the file: that order breaks ties. */
static an_status read_counts(an_tokenizer *t, json_t *counts, const json_t *texts)
{
    const char *word;
    json_t *value;
    json_object_foreach(counts, word, value)
    {
        const json_int_t count = json_integer_value(value);
        const json_int_t in = json_integer_value(json_object_get(texts, word));
        if (count <= 0 || in <= 0 || in > count || in > t->documents || word[0] == 0)
            return bad(t, "word_counts and word_docs of the file do not fit together");
        const int64_t n = an_tokenizer_enter(t, word, (int64_t)strlen(word));
        if (n < 0) return an_tokenizer_break(t, AN_E_MEMORY, "no memory for its words");
        t->of[n].count = count;
        t->of[n].texts = in;
    }
    return AN_OK;
}

static an_status check_index(an_tokenizer *t, json_t *index)
{
    const char *word;
    json_t *value;
    const int64_t size = (int64_t)json_object_size(index);
    if (size != 0 && size != an_tokenizer_words(t)) /* it is empty before the first fit */
        return bad(t, "word_index and word_counts of the file have different sizes");
    json_object_foreach(
        index, word,
        value) if (json_integer_value(value) !=
                   an_tokenizer_id(t, word)) return bad(t, "word_index of the file does not follow "
                                                           "from its word_counts");
    return AN_OK;
}

static an_status read_tables(an_tokenizer *t, const json_t *config)
{
    json_t *const counts = inner_table(config, "word_counts");
    json_t *const texts = inner_table(config, "word_docs");
    json_t *const index = inner_table(config, "word_index");
    t->documents = json_integer_value(json_object_get(config, "document_count"));
    an_status status = AN_OK;
    if (!counts || !texts || !index)
        status = bad(t, "word_counts, word_docs or word_index of the file is not a JSON table");
    if (status == AN_OK) status = read_counts(t, counts, texts);
    if (status == AN_OK) status = an_tokenizer_rank(t);
    if (status == AN_OK) status = check_index(t, index);
    json_decref(counts);
    json_decref(texts);
    json_decref(index);
    return status;
}

/* A tokenizer that only carries a message. */
static an_tokenizer *refused(const an_error *e)
{
    an_tokenizer *const t = an_tokenizer_new(NULL);
    if (!t) return NULL;
    t->broken = e->status;
    t->error = *e;
    return t;
}

static an_tokenizer *from_config(const json_t *c)
{
    an_error e = {0};
    if (!options_fit(c)) {
        an_fail(&e, AN_E_FORMAT,
                "tokenizer: an option is missing or has another type than in the JSON that "
                "Keras's Tokenizer.to_json writes");
        return refused(&e);
    }
    const an_tokenizer_options o = {
        .num_words = json_integer_value(json_object_get(c, "num_words")),
        .filters = json_string_value(json_object_get(c, "filters")),
        .split = json_string_value(json_object_get(c, "split")),
        .oov_token = json_string_value(json_object_get(c, "oov_token")),
        .keep_case = json_is_false(json_object_get(c, "lower")),
        .char_level = json_is_true(json_object_get(c, "char_level")),
    };
    an_tokenizer *const t = an_tokenizer_new(&o);
    if (t && t->broken == AN_OK) read_tables(t, c);
    return t;
}

an_tokenizer *an_tokenizer_from_json(const char *json)
{
    an_error e = {0};
    json_error_t reason;
    json_t *const root = json ? json_loads(json, JSON_REJECT_DUPLICATES, &reason) : NULL;
    if (!json) an_fail(&e, AN_E_ARGUMENT, "tokenizer: there is no JSON");
    else if (!root && json_error_code(&reason) == json_error_out_of_memory)
        an_fail(&e, AN_E_MEMORY, "tokenizer: no memory for its JSON");
    else if (!root)
        an_fail(&e, AN_E_FORMAT, "tokenizer: line %d of the JSON: %s", reason.line, reason.text);
    if (!root) return refused(&e);
    an_tokenizer *const t = from_config(json_object_get(root, "config"));
    json_decref(root);
    return t;
}

an_tokenizer *an_tokenizer_load(const char *path)
{
    an_text bytes = {0};
    an_error e = {0};
    if (an_file_read(path, &bytes, &e) == AN_OK &&
        memchr(an_text_view(&bytes), 0, (size_t)bytes.length))
        an_fail(&e, AN_E_FORMAT, "%s: it holds NUL bytes, so it is not JSON", path);
    an_tokenizer *const t =
        e.status == AN_OK ? an_tokenizer_from_json(an_text_view(&bytes)) : refused(&e);
    an_text_free(&bytes);
    return t;
}
