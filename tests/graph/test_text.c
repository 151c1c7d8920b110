/* test_text.c -- the text form: what is printed reads back, what is wrong is named. */
#include "graph/ir.h"
#include "tests/support.h"

static const char sample[] =
    "graph \"sample\"\n"
    "dims B, T\n"
    "%1: f32[B,T,16] = input \"x\"\n"
    "%2: f32[16] = state \"w\" {init=uniform(-0.05,0.05), frozen=1}\n"
    "%3: f32 = constant {data=[0.1]}\n"
    "%4: f32[B,T,16] = mul %1, %2 as \"scaled \\\"x\\\"\" in \"a/b\"\n"
    "%5: f32[B,16] = sum %4 {axes=[1]} ordinal 9 from grad(%4)\n"
    "%6: f32[B,16] = add %5, %3 at \"f.c\":12\n"
    "output \"y\" %6\n"
    "update \"train\" %2 <- %2\n";

static char *round_trip(const char *text, bool locations)
{
    an_graph *g = an_parse(.text = text, .name = "sample.an");
    ck_assert_ptr_nonnull(g);
    ck_assert_msg(an_graph_status(g) == AN_OK, "%s", an_graph_message(g));
    char report[256];
    ck_assert_msg(an_graph_verify(g, report, sizeof report) == AN_OK, "%s", report);
    char *out = an_print(g, .locations = locations);
    an_graph_free(g);
    return out;
}

START_TEST(test_print_undoes_parse)
{
    /* Without locations in the text, the parser takes the text's own lines. */
    char *once = round_trip(sample, false);
    char *twice = round_trip(once, false);
    ck_assert_str_eq(once, twice);
    ck_assert_ptr_nonnull(strstr(once, "ordinal 9 from grad(%4)"));
    ck_assert_ptr_nonnull(strstr(once, "as \"scaled \\\"x\\\"\" in \"a/b\""));
    char *located = round_trip(sample, true);
    ck_assert_ptr_nonnull(strstr(located, "at \"f.c\":12"));
    char *again = round_trip(located, true);
    ck_assert_str_eq(located, again);
    an_string_free(once);
    an_string_free(twice);
    an_string_free(located);
    an_string_free(again);
}
END_TEST

START_TEST(test_errors_name_the_place)
{
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"%1: f32 = input \"x\"\n%1: f32 = input \"y\"\n", "x.an:2:"},
        {"%1: f32[ = input \"x\"\n", "x.an:1:"},
        {"%1: f32 = nonsense\n", "there is no op 'nonsense'"},
        {"%1: f16 = input \"x\"\n", "'f16' is no type"},
        {"%1: f32 = input \"x\n", "without its quote"},
        {"%1: f32 = neg %4\n", "%4 is not defined"},
        {"%1: f32 = input \"x\"\n%2: f32 = neg %1.1\n", "outputs 0..0"},
        {"%1: f32[2] = input \"x\"\n%2: f32[3] = neg %1\n", "is f32[2], not what"},
        {"%1: f32[2] = input \"x\"\n%2: f32 = sum %1 {axis=0}\n", "no attribute 'axis'"},
        {"%1: f32[2] = input \"x\"\n%2: f32 = sum %1 {axes=[0], axes=[0]}\n", "given twice"},
        {"%1: f32[2] = input \"x\"\noutput \"y\" %1 rest\n", "unexpected text"},
        {"%1: f32[2] = input \"x\"\n%2: f32[3] = input \"y\"\n%3: f32[2] = add %1, %2\n",
         "x.an:3: error AN-E012"},
        {"update \"u\" %1 <- %1\n", "not defined"},
        {"what\n", "expected a node"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        an_graph *g = an_parse(.text = cases[i].text, .name = "x.an");
        ck_assert_ptr_nonnull(g);
        ck_assert_int_ne(an_graph_status(g), AN_OK);
        ck_assert_msg(strstr(an_graph_message(g), cases[i].message) != NULL, "case %d: %s", (int)i,
                      an_graph_message(g));
        an_graph_free(g);
    }
}
END_TEST

START_TEST(test_a_rule_ends_the_graph)
{
    an_graph *g = an_parse(.text = "%1: f32[2] = input \"x\"\n---- after\nanything\n",
                           .name = "x.an");
    ck_assert_int_eq(an_graph_status(g), AN_OK);
    ck_assert_int_eq(an_graph_node_count(g), 1);
    an_graph_free(g);
}
END_TEST

/* Every prefix and every one-byte change of a good text is survived. */
START_TEST(test_damaged_text_is_survived)
{
    char text[sizeof sample];
    for (size_t i = 0; i < sizeof sample; i++) {
        memcpy(text, sample, sizeof sample);
        text[i] = 0;
        an_graph_free(an_parse(.text = text, .name = "x.an"));
        for (int c = 1; c < 128; c += 7) {
            memcpy(text, sample, sizeof sample);
            text[i] = (char)c;
            text[sizeof sample - 1] = 0;
            an_graph_free(an_parse(.text = text, .name = "x.an"));
        }
    }
}
END_TEST

AN_TEST_MAIN("text", test_print_undoes_parse, test_errors_name_the_place,
             test_a_rule_ends_the_graph, test_damaged_text_is_survived)
