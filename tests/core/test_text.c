/* test_text.c -- growing strings, exact numbers, kept messages. */
#include "core/text.h"

#include <locale.h>
#include <math.h>

#include "core/memory.h"
#include "core/pattern.h"
#include "tests/support.h"

static void expect(an_text *text, const char *expected)
{
    ck_assert_str_eq(an_text_view(text), expected);
    an_text_free(text);
}

START_TEST(test_appending)
{
    an_text t = {0};
    ck_assert_str_eq(an_text_view(&t), "");
    an_text_add(&t, "a");
    an_text_addf(&t, "%d-%s", 42, "b");
    an_text_add_bytes(&t, "xyz", 2);
    an_text_add(&t, NULL);
    ck_assert_int_eq(t.length, 7);
    expect(&t, "a42-bxy");

    for (int i = 0; i < 1000; i++) an_text_addf(&t, "%d", i % 10);
    ck_assert_int_eq(t.length, 1000);
    ck_assert_int_eq((int64_t)strlen(an_text_view(&t)), 1000);
    char *taken = an_text_take(&t);
    ck_assert_int_eq(taken[999], '9');
    an_free(taken);
    ck_assert_int_eq(t.length, 0);

    taken = an_text_take(&t);
    ck_assert_str_eq(taken, "");
    an_free(taken);
}
END_TEST

START_TEST(test_quoting)
{
    an_text t = {0};
    an_text_add_quoted(&t, "a\"b\\c\n\t\r\x01\x7f\xc3\xa9");
    expect(&t, "\"a\\\"b\\\\c\\n\\t\\r\\x01\\x7f\xc3\xa9\"");
    an_text_add_quoted(&t, NULL);
    expect(&t, "\"\"");
}
END_TEST

START_TEST(test_known_numbers)
{
    static const struct {
        float value;
        const char *text;
    } cases[] = {{0, "0"},           {-0.0f, "-0"},        {1, "1"},
                 {0.1f, "0.1"},      {1e-5f, "1e-05"},     {16777216, "16777216"},
                 {1e6f, "1e+06"},    {0x1p-149f, "1e-45"}, {3.4028235e38f, "3.4028235e+38"},
                 {INFINITY, "inf"},  {-INFINITY, "-inf"},  {NAN, "nan"},
                 {1.0f / 3, "0.33333334"}};
    an_text t = {0};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        an_text_add_f32(&t, cases[i].value);
        expect(&t, cases[i].text);
    }
    an_text_add_f64(&t, 0.1);
    expect(&t, "0.1");
    an_text_add_f64(&t, 1.0 / 3);
    expect(&t, "0.3333333333333333");
    an_text_add_f64(&t, 0x1p-1074);
    expect(&t, "5e-324");
}
END_TEST

/* Prints, reads back, and tries every shorter precision. */
static void check_f32(uint32_t bits)
{
    float value, back = 0;
    memcpy(&value, &bits, sizeof value);
    an_text t = {0};
    an_text_add_f32(&t, value);
    const char *cursor = an_text_view(&t);
    const bool read = an_read_f32(&cursor, &back);
    if (!read || *cursor || (memcmp(&value, &back, sizeof value) != 0 && !isnan(value)))
        ck_abort_msg("%a printed as %s", (double)value, an_text_view(&t));
    int digits = 0;
    for (const char *s = an_text_view(&t); *s && *s != 'e'; s++) digits += *s >= '0' && *s <= '9';
    for (int shorter = 1; isfinite(value) && shorter < digits && shorter < 9; shorter++) {
        char text[48];
        snprintf(text, sizeof text, "%.*g", shorter, (double)value);
        int used = 0; /* "0.001" shows zeros that are no precision, and so may ours */
        for (const char *s = text; *s && *s != 'e'; s++) used += *s >= '0' && *s <= '9';
        if (used < digits && strtof(text, NULL) == value)
            ck_abort_msg("%s is shorter than %s", text, an_text_view(&t));
    }
    an_text_free(&t);
}

START_TEST(test_floats_round_trip_shortest)
{
    const uint64_t seed = 99;
    an_test_random r = {seed};
    for (int i = 0; i < 20000; i++) check_f32((uint32_t)an_test_next(&r));
    for (uint32_t bits = 0; bits < 3000; bits++) check_f32(bits); /* subnormals */
    for (int i = 0; i < 5000; i++) {
        const uint64_t bits = an_test_next(&r);
        double value, back = 0;
        memcpy(&value, &bits, sizeof value);
        if (isnan(value)) continue;
        an_text t = {0};
        an_text_add_f64(&t, value);
        const char *cursor = an_text_view(&t);
        const bool same = an_read_f64(&cursor, &back) && memcmp(&value, &back, sizeof value) == 0;
        if (!same) ck_abort_msg("seed %llu: %a", (unsigned long long)seed, value);
        an_text_free(&t);
    }
}
END_TEST

/* Runs where such a locale is installed; elsewhere the decimal point is '.'. */
START_TEST(test_locale_does_not_matter)
{
    static const char *const commas[] = {"de_DE.UTF-8", "fr_FR.UTF-8", "de_DE", "nl_NL.UTF-8"};
    for (size_t i = 0; i < sizeof commas / sizeof *commas; i++)
        if (setlocale(LC_ALL, commas[i])) break;
    an_text t = {0};
    an_text_add_f32(&t, 1.5f);
    an_text_add(&t, " ");
    an_text_add_f64(&t, -2.5e-30);
    const char *cursor = an_text_view(&t);
    float value = 0;
    ck_assert(an_read_f32(&cursor, &value) && value == 1.5f);
    setlocale(LC_ALL, "C");
    expect(&t, "1.5 -2.5e-30");
}
END_TEST

START_TEST(test_reading_refuses)
{
    float f = 7;
    double d = 7;
    const char *const word = "word";
    const char *cursor = word;
    ck_assert(!an_read_f32(&cursor, &f) && f == 7 && cursor == word);
    ck_assert(!an_read_f64(&cursor, &d) && d == 7 && cursor == word);
    ck_assert(!an_read_f32(NULL, &f));
    ck_assert(!an_read_f64(&cursor, NULL));
}
END_TEST

START_TEST(test_first_error_wins)
{
    an_error e = {0};
    ck_assert_int_eq(an_fail(&e, AN_E_SHAPE, "%d vs %d", 1, 2), AN_E_SHAPE);
    ck_assert_int_eq(an_fail(&e, AN_E_NAME, "later"), AN_E_NAME);
    ck_assert_int_eq(an_fail_text(&e, AN_E_NAME, "later"), AN_E_NAME);
    ck_assert_int_eq(e.status, AN_E_SHAPE);
    ck_assert_str_eq(e.text, "error AN-E012: 1 vs 2");
    an_error_clear(&e);
    an_fail_text(&e, AN_E_IO, "as it is");
    ck_assert_str_eq(e.text, "as it is");
    ck_assert_int_eq(an_fail(NULL, AN_E_IO, "nobody listens"), AN_E_IO);

    static char endless[3 * AN_ERROR_BYTES];
    memset(endless, 'x', sizeof endless - 1);
    an_error_clear(&e);
    an_fail(&e, AN_E_LIMIT, "%s", endless);
    ck_assert_int_eq((int64_t)strlen(e.text), AN_ERROR_BYTES - 1);
}
END_TEST

START_TEST(test_out_of_memory_sticks)
{
    for (int64_t fail_at = 0; fail_at < 4; fail_at++) {
        an_test_heap_start(fail_at);
        an_text t = {0};
        for (int i = 0; i < 20; i++) an_text_addf(&t, "piece %d, ", i);
        an_text_add_quoted(&t, "quoted");
        an_text_add_f32(&t, 0.5f);
        ck_assert(an_test_heap_failed() && t.failed);
        ck_assert_ptr_null(an_text_take(&t));
        ck_assert_int_eq(an_test_heap_stop(), 0);
    }
}
END_TEST

/* Whoever takes a lost text in without asking fails, too. */
START_TEST(test_a_lost_text_is_no_text)
{
    an_text lost = {0}, t = {0};
    an_test_heap_start(1);
    an_text_add(&lost, "short");
    an_text_addf(&lost, "%s", "longer than what there is room for after the first allocation");
    ck_assert_int_eq(an_test_heap_live(), 0);
    an_test_heap_stop();
    ck_assert(lost.failed && !lost.data);
    ck_assert(an_is_lost(an_text_view(&lost)) && !an_is_lost("out of memory") && !an_is_lost(NULL));
    ck_assert_int_eq((int64_t)strlen(an_text_view(&lost)), lost.length);

    void (*const take[])(an_text *, const char *) = {an_text_add, an_text_add_quoted};
    for (size_t i = 0; i < sizeof take / sizeof *take; i++) {
        an_text_add(&t, "before");
        take[i](&t, an_text_view(&lost));
        ck_assert(t.failed && !t.data);
        an_text_clear(&t);
        ck_assert_str_eq(an_text_view(&t), "");
    }
    an_text_addf(&t, "[%s]", an_text_view(&lost));
    ck_assert(t.failed);
    an_text_clear(&t);
    an_text_add_bytes(&t, an_text_view(&lost), lost.length);
    ck_assert_ptr_null(an_text_take(&t));

    an_arena arena = {0};
    ck_assert_ptr_null(an_arena_string(&arena, an_text_view(&lost)));
    ck_assert_ptr_null(an_arena_text(&arena, an_text_view(&lost), 3));
    ck_assert_ptr_null(an_arena_printf(&arena, "%s/m", an_text_view(&lost)));
    an_arena_free(&arena);

    an_error e = {0}, kept = {0};
    ck_assert_int_eq(an_fail(&e, AN_E_SYNTAX, "no op '%s'", an_text_view(&lost)), AN_E_MEMORY);
    ck_assert_str_eq(e.text, "error AN-E001: out of memory");
    ck_assert_int_eq(an_fail(NULL, AN_E_SHAPE, "%s", an_text_view(&lost)), AN_E_MEMORY);
    /* Words that a user may write say nothing: a name can hold them. */
    ck_assert_int_eq(an_fail(&kept, AN_E_SYNTAX, "no op '%s'", e.text), AN_E_SYNTAX);
    ck_assert_str_eq(kept.text, "error AN-E030: no op 'error AN-E001: out of memory'");
    an_error_clear(&e);
    ck_assert_int_eq(an_fail_text(&e, AN_E_SYNTAX, an_text_view(&lost)), AN_E_MEMORY);
    ck_assert_str_eq(e.text, "error AN-E001: out of memory");
    an_text_free(&lost);
}
END_TEST

START_TEST(test_names_of_statuses_and_types)
{
    ck_assert_str_eq(an_status_name(AN_E_SHAPE), "shapes differ");
    ck_assert_str_eq(an_status_name((an_status)999), "unknown status");
    ck_assert_str_eq(an_dtype_name(AN_I64), "i64");
    ck_assert_str_eq(an_dtype_name((an_dtype)-1), "?");
    ck_assert_int_eq((int64_t)an_dtype_size(AN_F64), 8);
    ck_assert_int_eq((int64_t)an_dtype_size((an_dtype)5), 0);
    ck_assert(an_dtype_is_float(AN_F32) && !an_dtype_is_float(AN_BOOL));
    ck_assert_str_ne(an_version(), "");
}
END_TEST

/* Of whole names, and of their last parts. */
START_TEST(test_patterns)
{
    static const struct { const char *pattern, *name; bool whole, end; } rows[] = {
        {"", "", true, true}, {"", "a", false, false}, {"*", "", true, true},
        {"*", "a/b", true, true}, {"?", "", false, false}, {"?", "a", true, true},
        {"a", "a", true, true}, {"a", "b/a", false, true}, {"a", "ba", false, false},
        {"b/c", "a/b/c", false, true}, {"a/b", "a/b/c", false, false},
        {"*/c", "a/b/c", true, true}, {"*c", "a/b/c", true, true}, {"a*c", "a/b/c", true, true},
        {"b*c", "a/b/c", false, true}, {"*ab*b", "aabcab", true, true},
        {"*ab*b", "aabcabc", false, false}, {"a**c", "ac", true, true}, {"a?c", "a/c", true, true},
        {"??", "abc", false, false}, {"block*", "net/block_1", false, true},
        {"[ab]", "a", false, false}, {"[ab]", "[ab]", true, true}, {"\\*", "*", false, false},
        {"\\*", "\\x", true, true}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        ck_assert_msg(an_pattern_takes(rows[i].pattern, rows[i].name) == rows[i].whole,
                      "'%s' of '%s'", rows[i].pattern, rows[i].name);
        ck_assert_msg(an_pattern_takes_end(rows[i].pattern, rows[i].name) == rows[i].end,
                      "'%s' of an end of '%s'", rows[i].pattern, rows[i].name);
    }
}
END_TEST

START_TEST(test_words_of_a_list)
{
    an_text word = {0};
    const char *list = ",fold, cse,,recompute=a b ,", *comma = " a,b c";
    const char *const want[] = {"fold", "cse", "recompute=a", "b"};
    for (int i = 0; i < 4; i++) {
        ck_assert(an_text_next_word(&list, ", ", &word));
        ck_assert_str_eq(an_text_view(&word), want[i]);
    }
    ck_assert(!an_text_next_word(&list, ", ", &word));
    ck_assert(an_text_next_word(&comma, ",", &word));
    ck_assert_str_eq(an_text_view(&word), " a");
    an_text_free(&word);
}
END_TEST

AN_TEST_MAIN("text", test_words_of_a_list, test_appending, test_quoting, test_known_numbers,
             test_floats_round_trip_shortest, test_locale_does_not_matter, test_reading_refuses,
             test_first_error_wins, test_out_of_memory_sticks, test_a_lost_text_is_no_text,
             test_names_of_statuses_and_types, test_patterns)
