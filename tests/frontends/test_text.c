/* test_text.c -- Tokenizer and pad_sequences against Keras, byte by byte.
 *
 * The expected numbers were printed by keras_preprocessing 1.1.2 (Python 3.11),
 * which 20,000 random cases were also compared with when this was written. */
#include <unistd.h>

#include "frontends/frontends.h"
#include "frontends/text/tokenizer.h"
#include "tests/support.h"

#define MOST_TEXTS 4

typedef struct keras_case {
    const char *name;
    an_tokenizer_options options;
    const char *fit[MOST_TEXTS], *encode[MOST_TEXTS]; /* up to the first NULL */
    const char *sequences;                            /* ids; " | " between texts */
    int64_t words;                                    /* len(word_index) */
} keras_case;

static const keras_case keras_cases[] = {
    {"defaults",
     {0},
     {"The cat sat on the mat.", "The dog sat, too!"},
     {"the cat", "A dog & the MAT\tsat\nhere"},
     "1 3 | 6 1 5 2",
     7},
    {"ties by first appearance", {0}, {"b a c b a c d", "d e"}, {"a b c d e"}, "2 1 3 4 5", 5},
    {"apostrophes stay", {0}, {"don't stop; don't", "it's o'clock"}, {"DON'T it's dont"}, "1 3", 4},
    {"num_words", {.num_words = 3}, {"a a a b b c"}, {"a b c d"}, "1 2", 3},
    {"num_words and oov",
     {.num_words = 3, .oov_token = "<OOV>"},
     {"a a a b b c"},
     {"a b c d"},
     "2 1 1 1",
     4},
    {"oov", {.oov_token = "<OOV>"}, {"a a b"}, {"a z b <oov>"}, "2 1 3 1", 3},
    {"oov among the words", {.oov_token = "b"}, {"a a b c"}, {"a b c z"}, "2 3 4 3", 3},
    {"oov beyond num_words",
     {.num_words = 2, .oov_token = "b"},
     {"a a a b c c"},
     {"a b c z"},
     "4 4 4 4",
     3},
    {"keep case", {.keep_case = true}, {"Cat cat CAT cat"}, {"cat CAT Cat caT"}, "1 3 2", 3},
    {"own filters", {.filters = "xé"}, {"axb aéb a.b"}, {"a b a.b x"}, "1 2 3", 3},
    {"no filters", {.filters = ""}, {"a.b a, b"}, {"a.b a, a"}, "1 2", 3},
    {"split", {.split = ","}, {"a b,c d,,a b"}, {"a b,c d;a"}, "1 2", 2},
    {"long split", {.filters = "x", .split = "ab"}, {"1aab2xab3ab"}, {"1a,2ab3ab1a"}, "3 1", 3},
    {"char level", {.char_level = true}, {"Ab a!", "b"}, {"aB! c"}, "1 2 4 3", 4},
    {"characters, oov",
     {.oov_token = "?", .char_level = true}, {"aé中"}, {"é中?z"}, "3 4 1 1", 4},
    {"other spaces do not split",
     {0},
     {"a\u00a0b a\u2003b a\rb"},
     {"a\u00a0b a\rb b"},
     "1 3",
     3},
    {"beyond ASCII",
     {0},
     {"ÄPFEL äpfel Straße ẞ ß", "ПРИВЕТ привет 中文"},
     {"äpfel ß Привет 中文"},
     "1 2 3 5",
     5},
    {"sigma",
     {0},
     {"ΟΔΟΣ οδος οδοσ", "ΣΑΣ Σ ΑΣ'Α ΑΣ' "},
     {"οδοσ οδος σας σ ασ'α ας'"},
     "2 1 3 4 5 6",
     6},
    {"dotted I", {.char_level = true}, {"İ"}, {"i\xcc\x87İ"}, "1 2 1 2", 2},
    {"ill-formed bytes",
     {0},
     {"a\xff b\xc3 \xf0\x9f\x98 \xed\xa0\x80", "\xe2\x82\xac \xc0\xaf \xf4\x90\x80\x80"},
     {"a\xef\xbf\xbd b\xef\xbf\xbd \xef\xbf\xbd \xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd \xe2\x82\xac "
      "\xef\xbf\xbd\xef\xbf\xbd \xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
     "1 2 3 4 5 6 7",
     7},
    {"empty texts", {0}, {"", "   ", "...!"}, {"a", ""}, " | ", 0},
};

static int64_t count_texts(const char *const *texts)
{
    int64_t count = 0;
    while (count < MOST_TEXTS && texts[count]) count++;
    return count;
}

/* "1 3 | 6" of sequences, for comparing. */
static void print_sequences(const an_sequences *s, an_text *out)
{
    for (int64_t i = 0; i < s->count; i++) {
        if (i > 0) an_text_add(out, " | ");
        for (int64_t j = s->start[i]; j < s->start[i + 1]; j++)
            an_text_addf(out, "%s%d", j > s->start[i] ? " " : "", (int)s->ids[j]);
    }
}

static void expect_sequences(an_tokenizer *t, const char *const *texts, int64_t count,
                             const char *expected, const char *name)
{
    an_sequences s = {0};
    an_text printed = {0};
    ck_assert_msg(an_tokenizer_encode(t, texts, count, &s) == AN_OK, "%s: %s", name,
                  an_tokenizer_message(t));
    print_sequences(&s, &printed);
    ck_assert_msg(strcmp(an_text_view(&printed), expected) == 0,
                  "%s: got \"%s\", Keras says \"%s\"", name, an_text_view(&printed), expected);
    an_text_free(&printed);
    an_sequences_free(&s);
}

START_TEST(test_same_as_keras)
{
    for (size_t i = 0; i < sizeof keras_cases / sizeof *keras_cases; i++) {
        const keras_case *const c = &keras_cases[i];
        an_tokenizer *const t = an_tokenizer_new(&c->options);
        ck_assert_int_eq(an_tokenizer_fit(t, c->fit, count_texts(c->fit)), AN_OK);
        expect_sequences(t, c->encode, count_texts(c->encode), c->sequences, c->name);
        ck_assert_msg(an_tokenizer_words(t) == c->words, "%s: %lld words", c->name,
                      (long long)an_tokenizer_words(t));
        ck_assert_str_eq(an_tokenizer_message(t), "");
        an_tokenizer_free(t);
    }
}
END_TEST

/* ---- the vocabulary ---------------------------------------------------- */

START_TEST(test_fit_again_numbers_anew)
{
    an_tokenizer *const t = an_tokenizer_new(NULL);
    ck_assert_int_eq(an_tokenizer_fit(t, (const char *[]){"a a b"}, 1), AN_OK);
    ck_assert_int_eq(an_tokenizer_id(t, "a"), 1);
    ck_assert_int_eq(an_tokenizer_fit(t, (const char *[]){"b b", "c"}, 2), AN_OK);
    ck_assert_int_eq(an_tokenizer_id(t, "b"), 1);
    ck_assert_int_eq(an_tokenizer_id(t, "a"), 2);
    ck_assert_int_eq(an_tokenizer_count(t, "b"), 3);
    ck_assert_int_eq(an_tokenizer_documents(t), 3);
    ck_assert_str_eq(an_tokenizer_word(t, 3), "c");
    ck_assert_ptr_null(an_tokenizer_word(t, 0));
    ck_assert_ptr_null(an_tokenizer_word(t, 4));
    ck_assert_ptr_null(an_tokenizer_word(t, -1));
    ck_assert_int_eq(an_tokenizer_id(t, "d"), 0);
    an_tokenizer_free(t);
}
END_TEST

/* Every id that encode gives must be a row of the embedding, and no row wasted. */
START_TEST(test_vocabulary_bounds_ids)
{
    static const struct {
        an_tokenizer_options options;
        int64_t vocabulary;
    } cases[] = {
        {{0}, 5},
        {{.num_words = 3}, 3},
        {{.num_words = 100}, 5},
        {{.oov_token = "?"}, 6},
        {{.oov_token = "?", .num_words = 3}, 3},
        {{.oov_token = "b"}, 6},                 /* "b" has its own id, id 1 is unused */
        {{.oov_token = "d", .num_words = 3}, 6}, /* unknown words are all "d", id 5 */
    };
    static const char *const texts[] = {"a a a b b c c d"};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        an_tokenizer *const t = an_tokenizer_new(&cases[i].options);
        ck_assert_int_eq(an_tokenizer_fit(t, texts, 1), AN_OK);
        ck_assert_int_eq(an_tokenizer_vocabulary(t), cases[i].vocabulary);
        an_sequences s = {0};
        ck_assert_int_eq(an_tokenizer_encode(t, texts, 1, &s), AN_OK);
        int64_t largest = 0;
        for (int64_t j = 0; j < s.start[1]; j++)
            if (s.ids[j] > largest) largest = s.ids[j];
        ck_assert_int_eq(largest, cases[i].vocabulary - 1);
        an_sequences_free(&s);
        an_tokenizer_free(t);
    }
}
END_TEST

START_TEST(test_refusals)
{
    const struct {
        an_tokenizer_options options;
        const char *says;
    } cases[] = {{{.num_words = -1}, "num_words is negative"},
                 {{.split = ""}, "split string is empty"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        an_tokenizer *const t = an_tokenizer_new(&cases[i].options);
        ck_assert_ptr_nonnull(t);
        ck_assert_ptr_nonnull(strstr(an_tokenizer_message(t), cases[i].says));
        ck_assert_int_eq(an_tokenizer_fit(t, (const char *[]){"a"}, 1), AN_E_ARGUMENT);
        ck_assert_ptr_nonnull(strstr(an_tokenizer_message(t), cases[i].says));
        an_tokenizer_free(t);
    }
    an_tokenizer *const t = an_tokenizer_new(NULL);
    const char *const hole[] = {"a", NULL};
    an_sequences s = {0};
    ck_assert_int_eq(an_tokenizer_fit(t, hole, 2), AN_E_ARGUMENT);
    ck_assert_ptr_nonnull(strstr(an_tokenizer_message(t), "text 1 is NULL"));
    ck_assert_int_eq(an_tokenizer_documents(t), 0);
    ck_assert_int_eq(an_tokenizer_fit(t, NULL, 1), AN_E_ARGUMENT);
    ck_assert_int_eq(an_tokenizer_fit(t, hole, -1), AN_E_ARGUMENT);
    ck_assert_int_eq(an_tokenizer_encode(t, hole, 1, NULL), AN_E_ARGUMENT);
    ck_assert_int_eq(an_tokenizer_fit(t, hole, 1), AN_OK); /* none of that was for good */
    ck_assert_str_eq(an_tokenizer_message(t), "");
    an_tokenizer_free(t);

    an_tokenizer_free(NULL);
    an_sequences_free(NULL);
    ck_assert_int_eq(an_tokenizer_fit(NULL, hole, 1), AN_E_ARGUMENT);
    ck_assert_int_eq(an_tokenizer_encode(NULL, hole, 1, &s), AN_E_ARGUMENT);
    ck_assert_int_eq(an_tokenizer_save(NULL, "x"), AN_E_ARGUMENT);
    ck_assert_int_eq(an_tokenizer_words(NULL) + an_tokenizer_vocabulary(NULL), 0);
    ck_assert_int_eq(an_tokenizer_id(NULL, "a") + an_tokenizer_count(NULL, "a"), 0);
    ck_assert_ptr_null(an_tokenizer_word(NULL, 1));
    ck_assert_str_eq(an_tokenizer_message(NULL), "");
}
END_TEST

/* ---- pad_sequences ----------------------------------------------------- */

START_TEST(test_pad_as_keras)
{
    static const struct {
        an_pad_options options;
        int64_t columns;
        const char *expected;
    } cases[] = {
        {{0}, 3, "0 0 0 0 0 1 1 2 3"},
        {{.maxlen = 2}, 2, "0 0 0 1 2 3"},
        {{.maxlen = 2, .padding = AN_POST}, 2, "0 0 1 0 2 3"},
        {{.maxlen = 2, .truncating = AN_POST}, 2, "0 0 0 1 1 2"},
        {{.maxlen = 2, .padding = AN_POST, .truncating = AN_POST}, 2, "0 0 1 0 1 2"},
        {{.maxlen = 4, .padding = AN_POST, .value = -7}, 4, "-7 -7 -7 -7 1 -7 -7 -7 1 2 3 -7"},
    };
    int64_t start[] = {0, 0, 1, 4};
    int32_t ids[] = {1, 1, 2, 3};
    const an_sequences s = {3, start, ids};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        an_tensor out = {0};
        an_text printed = {0};
        ck_assert_int_eq(an_pad_sequences(&s, &cases[i].options, &out), AN_OK);
        ck_assert_int_eq(out.dtype, AN_I32);
        ck_assert_int_eq(out.extent[0], 3);
        ck_assert_int_eq(out.extent[1], cases[i].columns);
        for (int64_t j = 0; j < an_tensor_count(&out); j++)
            an_text_addf(&printed, "%s%.0f", j > 0 ? " " : "", an_tensor_get(&out, j));
        ck_assert_str_eq(an_text_view(&printed), cases[i].expected);
        an_text_free(&printed);
        an_tensor_free(&out);
    }
}
END_TEST

START_TEST(test_pad_edges)
{
    an_tensor out = {0};
    const an_sequences none = {0};
    ck_assert_int_eq(an_pad_sequences(&none, NULL, &out), AN_OK);
    ck_assert_int_eq(an_tensor_count(&out), 0);
    ck_assert_int_eq(an_pad_sequences(NULL, NULL, &out), AN_E_ARGUMENT);
    ck_assert_int_eq(an_pad_sequences(&none, NULL, NULL), AN_E_ARGUMENT);
    ck_assert_int_eq(an_pad_sequences(&none, &(an_pad_options){.maxlen = -1}, &out), AN_E_ARGUMENT);
    ck_assert_int_eq(an_pad_sequences(&none, &(an_pad_options){.padding = (an_side)2}, &out),
                     AN_E_ARGUMENT);
    int64_t start[] = {0, 0};
    const an_sequences one = {1, start, NULL};
    ck_assert_int_eq(an_pad_sequences(&one, &(an_pad_options){.maxlen = INT64_MAX / 2}, &out),
                     AN_E_LIMIT);
    an_tensor_free(&out);
}
END_TEST

/* ---- JSON -------------------------------------------------------------- */

/* What Keras's to_json gave for Tokenizer(num_words=4, oov_token='<OOV>') after
 * fit_on_texts(["Das Öl, das gute", "gute 🙂 Ware"]). */
static const char *const from_keras =
    "{\"class_name\": \"Tokenizer\", \"config\": {\"num_words\": 4, \"filters\": "
    "\"!\\\"#$%&()*+,-./:;<=>?@[\\\\]^_`{|}~\\t\\n\", \"lower\": true, \"split\": \" \", "
    "\"char_level\": false, \"oov_token\": \"<OOV>\", \"document_count\": 2, "
    "\"word_counts\": \"{\\\"das\\\": 2, \\\"\\\\u00f6l\\\": 1, \\\"gute\\\": 2, "
    "\\\"\\\\ud83d\\\\ude42\\\": 1, \\\"ware\\\": 1}\", "
    "\"word_docs\": \"{\\\"gute\\\": 2, \\\"\\\\u00f6l\\\": 1, \\\"das\\\": 1, "
    "\\\"\\\\ud83d\\\\ude42\\\": 1, \\\"ware\\\": 1}\", "
    "\"index_docs\": \"{\\\"3\\\": 2, \\\"4\\\": 1, \\\"2\\\": 1, \\\"5\\\": 1, \\\"6\\\": 1}\", "
    "\"index_word\": \"{\\\"1\\\": \\\"<OOV>\\\", \\\"2\\\": \\\"das\\\", \\\"3\\\": \\\"gute\\\", "
    "\\\"4\\\": \\\"\\\\u00f6l\\\", \\\"5\\\": \\\"\\\\ud83d\\\\ude42\\\", \\\"6\\\": "
    "\\\"ware\\\"}\", \"word_index\": \"{\\\"<OOV>\\\": 1, \\\"das\\\": 2, \\\"gute\\\": 3, "
    "\\\"\\\\u00f6l\\\": 4, \\\"\\\\ud83d\\\\ude42\\\": 5, \\\"ware\\\": 6}\"}}";

static const char *const german[] = {"das gute öl 🙂 ware neu"};

START_TEST(test_reads_what_keras_wrote)
{
    an_tokenizer *const t = an_tokenizer_from_json(from_keras);
    ck_assert_str_eq(an_tokenizer_message(t), "");
    expect_sequences(t, german, 1, "2 3 1 1 1 1", "from Keras");
    ck_assert_int_eq(an_tokenizer_id(t, "ware"), 6);
    ck_assert_int_eq(an_tokenizer_documents(t), 2);
    an_tokenizer_free(t);
}
END_TEST

START_TEST(test_round_trip_through_a_file)
{
    char path[] = "/tmp/addnorm-tokenizer-XXXXXX";
    const int fd = mkstemp(path);
    ck_assert_int_ge(fd, 0);
    close(fd);
    for (size_t i = 0; i < sizeof keras_cases / sizeof *keras_cases; i++) {
        const keras_case *const c = &keras_cases[i];
        an_tokenizer *const t = an_tokenizer_new(&c->options);
        ck_assert_int_eq(an_tokenizer_fit(t, c->fit, count_texts(c->fit)), AN_OK);
        ck_assert_int_eq(an_tokenizer_save(t, path), AN_OK);
        an_tokenizer *const again = an_tokenizer_load(path);
        ck_assert_str_eq(an_tokenizer_message(again), "");
        expect_sequences(again, c->encode, count_texts(c->encode), c->sequences, c->name);
        /* Counts and their order came along: both go on alike. */
        ck_assert_int_eq(an_tokenizer_fit(again, c->encode, count_texts(c->encode)), AN_OK);
        ck_assert_int_eq(an_tokenizer_fit(t, c->encode, count_texts(c->encode)), AN_OK);
        an_text one = {0}, other = {0};
        ck_assert_int_eq(an_tokenizer_to_json(t, &one), AN_OK);
        ck_assert_int_eq(an_tokenizer_to_json(again, &other), AN_OK);
        ck_assert_str_eq(an_text_view(&one), an_text_view(&other));
        an_text_free(&one);
        an_text_free(&other);
        an_tokenizer_free(t);
        an_tokenizer_free(again);
    }
    unlink(path);
}
END_TEST

/* A copy of Keras's JSON in which `from` has become `to`. */
static an_tokenizer *changed(const char *from, const char *to)
{
    const char *const at = strstr(from_keras, from);
    ck_assert_ptr_nonnull(at);
    an_text json = {0};
    an_text_add_bytes(&json, from_keras, at - from_keras);
    an_text_add(&json, to);
    an_text_add(&json, at + strlen(from));
    an_tokenizer *const t = an_tokenizer_from_json(an_text_view(&json));
    an_text_free(&json);
    return t;
}

START_TEST(test_refuses_bad_json)
{
    static const struct {
        const char *from, *to, *says;
    } cases[] = {
        {"\\\"das\\\": 2, \\\"gute", "\\\"das\\\": 3, \\\"gute", "does not follow"},
        {"\\\"das\\\": 2, \\\"\\\\u00f6l", "\\\"das\\\": -2, \\\"\\\\u00f6l", "do not fit"},
        {"\\\"das\\\": 2, \\\"\\\\u00f6l", "\\\"gute\\\": 2, \\\"\\\\u00f6l", "not a JSON table"},
        {"\"document_count\": 2", "\"document_count\": 1", "do not fit"},
        {"\"lower\": true", "\"lower\": 1", "an option is missing"},
        {"\"split\": \" \"", "\"split\": \"\"", "split string is empty"},
        {"\"num_words\": 4", "\"num_words\": 4, \"num_words\": 5", "duplicate"},
        {"\"num_words\": 4", "\"num_words\": -4", "negative"},
        {"\"word_docs\"", "\"word_dogs\"", "not a JSON table"},
        {"\"config\"", "\"konfig\"", "an option is missing"},
        {"{\"class", "[\"class", "line 1 of the JSON"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        an_tokenizer *const t = changed(cases[i].from, cases[i].to);
        ck_assert_msg(strstr(an_tokenizer_message(t), cases[i].says) != NULL, "case %zu: \"%s\"", i,
                      an_tokenizer_message(t));
        an_sequences s = {0};
        ck_assert_int_ne(an_tokenizer_encode(t, german, 1, &s), AN_OK);
        ck_assert_int_ne(an_tokenizer_save(t, "/tmp/addnorm-never-written"), AN_OK);
        an_tokenizer_free(t);
    }
    an_tokenizer *t = an_tokenizer_from_json(NULL);
    ck_assert_str_ne(an_tokenizer_message(t), "");
    an_tokenizer_free(t);
    t = an_tokenizer_load("/nowhere/at/all");
    ck_assert_ptr_nonnull(strstr(an_tokenizer_message(t), "/nowhere/at/all: cannot open it"));
    an_tokenizer_free(t);
    t = an_tokenizer_new(NULL);
    ck_assert_int_eq(an_tokenizer_save(t, "/nowhere/at/all"), AN_E_IO);
    ck_assert_int_eq(an_tokenizer_save(t, NULL), AN_E_ARGUMENT);
    an_tokenizer_free(t);
}
END_TEST

/* ---- any bytes, any failure -------------------------------------------- */

/* A text of random bytes without NUL, often with whole characters in it. */
static void random_text(an_test_random *r, char *out, int64_t most)
{
    static const char *const parts[] = {
        "a",        "B", " ", ".", "\xce\xa3", "\xc4\xb0", "\xe4\xb8\xad", "\xf0\x9f\x99\x82",
        "\xcc\x81", "'"};
    const int64_t length = an_test_int(r, 0, most);
    int64_t used = 0;
    while (used < length) {
        if (an_test_int(r, 0, 3) == 0) {
            out[used++] = (char)an_test_int(r, 1, 255);
            continue;
        }
        const char *const part = parts[an_test_int(r, 0, 9)];
        for (const char *c = part; *c && used < length; c++) out[used++] = *c;
    }
    out[used] = 0;
}

START_TEST(test_any_bytes_survive)
{
    for (uint64_t seed = 1; seed <= 400; seed++) {
        an_test_random r = {seed};
        const an_tokenizer_options o = {.char_level = an_test_int(&r, 0, 2) == 0,
                                        .keep_case = an_test_int(&r, 0, 1) == 0,
                                        .filters = an_test_int(&r, 0, 1) ? NULL : ".\xff\xc3\xa9",
                                        .split = an_test_int(&r, 0, 1) ? NULL : "\xe4\xb8\xad"};
        char buffers[3][64];
        const char *const texts[] = {buffers[0], buffers[1], buffers[2]};
        for (int i = 0; i < 3; i++) random_text(&r, buffers[i], 63);
        an_tokenizer *const t = an_tokenizer_new(&o);
        an_sequences s = {0};
        ck_assert_int_eq(an_tokenizer_fit(t, texts, 3), AN_OK);
        ck_assert_int_eq(an_tokenizer_encode(t, texts, 3, &s), AN_OK);
        int64_t counted = 0; /* each occurrence was counted, and none is lost again */
        for (int32_t id = 1; id <= an_tokenizer_words(t); id++) {
            const char *const word = an_tokenizer_word(t, id);
            ck_assert_msg(an_tokenizer_id(t, word) == id, "seed %llu", (unsigned long long)seed);
            counted += an_tokenizer_count(t, word);
        }
        ck_assert_msg(counted == s.start[3], "seed %llu", (unsigned long long)seed);
        an_text json = {0};
        ck_assert_int_eq(an_tokenizer_to_json(t, &json), AN_OK);
        an_tokenizer *const again = an_tokenizer_from_json(an_text_view(&json));
        ck_assert_str_eq(an_tokenizer_message(again), "");
        an_tokenizer_free(again);
        an_text_free(&json);
        an_sequences_free(&s);
        an_tokenizer_free(t);
    }
}
END_TEST

START_TEST(test_any_json_survives)
{
    const size_t length = strlen(from_keras);
    for (uint64_t seed = 1; seed <= 2000; seed++) {
        an_test_random r = {seed};
        char *const json = strdup(from_keras);
        ck_assert_ptr_nonnull(json);
        for (int64_t edits = an_test_int(&r, 1, 4); edits > 0; edits--)
            json[an_test_int(&r, 0, (int64_t)length - 1)] = (char)an_test_int(&r, 0, 255);
        an_tokenizer *const t = an_tokenizer_from_json(json);
        ck_assert_ptr_nonnull(t);
        an_sequences s = {0};
        const bool accepted = an_tokenizer_message(t)[0] == 0;
        ck_assert_msg((an_tokenizer_encode(t, german, 1, &s) == AN_OK) == accepted, "seed %llu",
                      (unsigned long long)seed);
        an_sequences_free(&s);
        an_tokenizer_free(t);
        free(json);
    }
}
END_TEST

/* All of it under a heap that gives out; true if it came through. */
static bool whole_life(void)
{
    static const char *const texts[] = {"one two three two", "\xce\xa3\xce\x91\xce\xa3, four"};
    an_tokenizer *const t = an_tokenizer_new(&(an_tokenizer_options){.oov_token = "<?>"});
    if (!t) return false;
    an_sequences s = {0};
    an_tensor padded = {0};
    an_text json = {0};
    an_status status = an_tokenizer_fit(t, texts, 2);
    if (status == AN_OK) status = an_tokenizer_encode(t, texts, 2, &s);
    if (status == AN_OK) status = an_tokenizer_to_json(t, &json);
    ck_assert(status == AN_OK || (status == AN_E_MEMORY && an_tokenizer_message(t)[0] != 0));
    if (status == AN_OK) status = an_pad_sequences(&s, NULL, &padded);
    ck_assert(status == AN_OK || status == AN_E_MEMORY);
    an_tokenizer *const again = status == AN_OK ? an_tokenizer_from_json(json.data) : NULL;
    if (!again || an_tokenizer_message(again)[0] != 0) status = AN_E_MEMORY;
    an_tokenizer_free(again);
    an_tensor_free(&padded);
    an_text_free(&json);
    an_sequences_free(&s);
    an_tokenizer_free(t);
    return status == AN_OK;
}

START_TEST(test_every_allocation_may_fail)
{
    int64_t at = 0;
    for (bool failed = true; failed; at++) {
        an_test_heap_start(at);
        const bool done = whole_life();
        failed = an_test_heap_failed();
        const int64_t alive = an_test_heap_stop();
        ck_assert_msg(done == !failed, "nobody noticed that allocation %lld failed", (long long)at);
        ck_assert_msg(alive == 0, "%lld blocks leak when allocation %lld fails", (long long)alive,
                      (long long)at);
    }
    ck_assert_int_gt(at, 20);
}
END_TEST

AN_TEST_MAIN("text", test_same_as_keras, test_fit_again_numbers_anew, test_vocabulary_bounds_ids,
             test_refusals, test_pad_as_keras, test_pad_edges, test_reads_what_keras_wrote,
             test_round_trip_through_a_file, test_refuses_bad_json, test_any_bytes_survive,
             test_any_json_survives, test_every_allocation_may_fail)
