/* test_dataset.c -- readers of labelled texts, class numbers, order and split. */
#include <sys/stat.h>
#include <unistd.h>

#include "core/text.h"
#include "frontends/data/dataset.h"
#include "frontends/frontends.h"
#include "frontends/text/unicode.h"
#include "tests/support.h"

/* ---- files for the tests ----------------------------------------------- */

static char scratch[64]; /* a folder of its own for each test process */

static void make_scratch(void)
{
    strcpy(scratch, "/tmp/addnorm-dataset-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(scratch));
}

static void remove_scratch(void)
{
    char command[128];
    snprintf(command, sizeof command, "rm -r %s", scratch);
    ck_assert_int_eq(system(command), 0);
}

static const char *path_of(const char *name)
{
    static char path[256];
    snprintf(path, sizeof path, "%s/%s", scratch, name);
    return path;
}

static void write_bytes(const char *name, const char *bytes, size_t count)
{
    FILE *const file = fopen(path_of(name), "wb");
    ck_assert_ptr_nonnull(file);
    ck_assert_uint_eq(fwrite(bytes, 1, count, file), count);
    fclose(file);
}

static void write_text(const char *name, const char *text)
{
    write_bytes(name, text, strlen(text));
}

/* Rows as "class|text" lines, in which a line end of a text is shown as ~. */
static void expect_rows(const an_dataset *d, const char *expected)
{
    an_text all = {0};
    for (int64_t i = 0; i < an_dataset_count(d); i++)
        an_text_addf(&all, "%d|%s;", (int)an_dataset_labels(d)[i], an_dataset_texts(d)[i]);
    for (char *c = all.data; c && *c; c++)
        if (*c == '\n') *c = '~';
    ck_assert_str_eq(an_text_view(&all), expected);
    an_text_free(&all);
}

/* ---- what is read ------------------------------------------------------ */

typedef struct reading {
    const char *file, *bytes;
    size_t count; /* 0: up to the final 0 */
    const char *rows;
} reading;

static const reading good[] = {
    {"a.tsv", "1\tgood\n0\tbad\n", 0, "1|good;0|bad;"},
    {"end.tsv", "1\tgood\n0\tbad", 0, "1|good;0|bad;"},
    {"crlf.tsv", "1\tgood\r\n0\tbad\r\n\r\n", 0, "1|good;0|bad;"},
    {"bom.tsv",
     "\xEF\xBB\xBF"
     "1\tgood\n",
     0, "0|good;"},
    {"columns.tsv", "0\t3\tneg/0\ttext\n1\t9\tpos/1\t\n", 0, "0|text;1|;"},
    {"quotes.tsv", "a\t\"x\" said\nb\t\"open\n", 0, "0|\"x\" said;1|\"open;"},
    {"nul.tsv", "a\tx\0y\nb\tz\n", 10, "0|x\xEF\xBF\xBDy;1|z;"},
    {"bytes.tsv", "a\t\xff\xfe ok \xc3\nb\t\xe2\x82\xac\n", 0,
     "0|\xEF\xBF\xBD\xEF\xBF\xBD ok \xEF\xBF\xBD;1|\xe2\x82\xac;"},
    {"returns.tsv", "a\tx\ry\n", 0, "0|x\ry;"},
    {"unnamed", "no,commas\tmatter, here\n", 0, "0|matter, here;"},
    {"unnamed2", "label,text\nb,y\na,x\n", 0, "1|y;0|x;"},
    {"a.csv", "review,sentiment\nfine film,positive\nno,negative\n", 0, "1|fine film;0|no;"},
    {"case.csv", "\xEF\xBB\xBFid,TEXT,Label\r\n1,x,b\r\n2,y,a\r\n", 0, "1|x;0|y;"},
    {"quoted.csv", "label,text\na,\"one, two\"\nb,\"say \"\"hi\"\"\"\nc,\"\"\n", 0,
     "0|one, two;1|say \"hi\";2|;"},
    {"lines.csv", "label,text\na,\"one\ntwo\r\n\"\nb,three\n", 0, "0|one~two\r~;1|three;"},
    {"blank.csv", "label,text\n\na,x\n\r\nb,y", 0, "0|x;1|y;"},
    {"header.csv", "\"label\",\"text\"\n\"a\",\"x\"", 0, "0|x;"},
    {"empty.csv", "label,text\na,\n", 0, "0|;"},
    {"nul.csv", "label,text\na,x\0y\nb,\"\0\"\n", 23, "0|x\xEF\xBF\xBDy;1|\xEF\xBF\xBD;"},
};

START_TEST(test_reads_good_files)
{
    make_scratch();
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        const reading *const g = &good[i];
        write_bytes(g->file, g->bytes, g->count > 0 ? g->count : strlen(g->bytes));
        an_dataset *const d = an_dataset_new();
        ck_assert_msg(an_dataset_read(d, path_of(g->file), NULL) == AN_OK, "%s: %s", g->file,
                      an_dataset_message(d));
        expect_rows(d, g->rows);
        an_dataset_free(d);
    }
    remove_scratch();
}
END_TEST

static const struct {
    const char *file, *bytes, *says;
} bad[] = {
    {"a.tsv", "1\tgood\nbad\n", "a.tsv:2: there is no tab"},
    {"b.tsv", "1\tgood\n\n\tbad\n", "b.tsv:3: the label is empty"},
    {"c.tsv", "", "c.tsv: there are no rows"},
    {"wide.tsv", "\xff\xfe" "1", "wide.tsv: it is UTF-16, and UTF-8 is read here: iconv"},
    {"a.csv", "label,text\na,x\n,y\n", "a.csv:3: the label is empty"},
    {"b.csv", "label,text\na,\"x\ny\nb,z\n", "b.csv:2: the quote that opens here is never closed"},
    {"c.csv", "label,text\na,\"x\ny\"z\n", "c.csv:3: something follows a closing quote"},
    {"d.csv", "label,text\na,x\nb,y,z\n", "d.csv:3: 3 fields, but the header names 2"},
    {"e.csv", "label,text\na,\"x\n\n\"\nb\n", "e.csv:5: 1 fields"},
    {"f.csv", "label,text\na,say \"hi\"\n", "f.csv:2: a quote stands inside a field"},
    {"g.csv", "label,body\na,x\n",
     "g.csv:1: no column is named \"text\"; the header has \"label\", "
     "\"body\""},
    {"h.csv", "kind,text\na,x\n", "no column is named \"label\""},
    {"i.csv", "label,text\n", "i.csv: there are no rows"},
    {"j.csv", "", "no column is named \"label\""},
};

START_TEST(test_errors_name_file_and_line)
{
    make_scratch();
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        write_text(bad[i].file, bad[i].bytes);
        an_dataset *const d = an_dataset_new();
        ck_assert_int_eq(an_dataset_add(d, "old", "row"), AN_OK);
        ck_assert_int_eq(an_dataset_read(d, path_of(bad[i].file), NULL), AN_E_DATA);
        ck_assert_msg(strstr(an_dataset_message(d), bad[i].says) != NULL, "%s",
                      an_dataset_message(d));
        expect_rows(d, "0|row;"); /* nothing was added, nor classes */
        ck_assert_int_eq(an_dataset_add(d, "zz", "new"), AN_OK);
        expect_rows(d, "0|row;1|new;");
        an_dataset_free(d);
    }
    remove_scratch();
}
END_TEST

START_TEST(test_refusals)
{
    an_dataset *const d = an_dataset_new();
    ck_assert_int_eq(an_dataset_read(d, "/nowhere.tsv", NULL), AN_E_IO);
    ck_assert_ptr_nonnull(strstr(an_dataset_message(d), "/nowhere.tsv: cannot open it: No such"));
    const an_dataset_options folder = {.format = AN_FORMAT_FOLDER};
    ck_assert_int_eq(an_dataset_read(d, "/nowhere", &folder), AN_E_IO);
    const an_dataset_options unknown = {.format = (an_dataset_format)9};
    ck_assert_int_eq(an_dataset_read(d, "x", &unknown), AN_E_ARGUMENT);
    ck_assert_int_eq(an_dataset_read(d, NULL, NULL), AN_E_ARGUMENT);
    ck_assert_int_eq(an_dataset_add(d, "a", NULL), AN_E_ARGUMENT);
    ck_assert_int_eq(an_dataset_add(d, "", "x"), AN_E_DATA);
    ck_assert_int_eq(an_dataset_generate(d, -1, 0), AN_E_ARGUMENT);
    ck_assert_int_eq(an_dataset_set_classes(d, NULL, 1), AN_E_ARGUMENT);
    ck_assert_int_eq(an_dataset_count(d), 0);
    ck_assert_ptr_null(an_dataset_class_name(d, 0));
    an_dataset_free(d);

    an_dataset_free(NULL);
    ck_assert_int_eq(an_dataset_read(NULL, "x", NULL), AN_E_ARGUMENT);
    ck_assert_int_eq(an_dataset_add(NULL, "a", "x"), AN_E_ARGUMENT);
    ck_assert_int_eq(an_dataset_shuffle(NULL, 1), AN_E_ARGUMENT);
    ck_assert_int_eq(an_dataset_split(NULL, .5), -1);
    ck_assert_int_eq(an_dataset_count(NULL) + an_dataset_classes(NULL), 0);
    ck_assert_ptr_null(an_dataset_texts(NULL));
    ck_assert_ptr_null(an_dataset_labels(NULL));
    ck_assert_str_eq(an_dataset_message(NULL), "");
}
END_TEST

START_TEST(test_columns_by_option)
{
    make_scratch();
    write_text("own.csv", "label,verdict,body\n9,a,x\n8,b,y\n");
    an_dataset *const d = an_dataset_new();
    const an_dataset_options o = {.label_column = "verdict", .text_column = "BODY"};
    ck_assert_int_eq(an_dataset_read(d, path_of("own.csv"), &o), AN_OK);
    expect_rows(d, "0|x;1|y;");
    an_dataset_free(d);
    remove_scratch();
}
END_TEST

START_TEST(test_reads_a_folder)
{
    make_scratch();
    static const char *const folders[] = {"pos", "neg", "unsup", ".hidden", "pos/deeper"};
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++)
        ck_assert_int_eq(mkdir(path_of(folders[i]), 0700), 0);
    write_text("pos/10_9.txt", "warm");
    write_text("pos/0_9.txt", "\xEF\xBB\xBFgood\n");
    write_bytes("neg/1_2.txt", "b\0d\xff", 4);
    write_text("neg/.swp", "no");
    write_text("unsup/0_0.txt", "no");
    write_text("labeledBow.feat", "no");
    write_text("pos/deeper/0_0.txt", "no");
    an_dataset *const d = an_dataset_new();
    ck_assert_msg(an_dataset_read(d, scratch, NULL) == AN_OK, "%s", an_dataset_message(d));
    expect_rows(d, "0|b\xEF\xBF\xBD"
                   "d\xEF\xBF\xBD;1|good~;1|warm;");
    ck_assert_str_eq(an_dataset_class_name(d, 0), "neg");
    ck_assert_str_eq(an_dataset_class_name(d, 1), "pos");
    ck_assert_int_eq(an_dataset_read(d, path_of("pos/deeper"), NULL), AN_E_DATA);
    ck_assert_ptr_nonnull(strstr(an_dataset_message(d), "no class folders"));
    an_dataset_free(d);
    remove_scratch();
}
END_TEST

START_TEST(test_reads_standard_input)
{
    make_scratch();
    write_text("in", "b\ty\na\tx\n");
    ck_assert_ptr_nonnull(freopen(path_of("in"), "r", stdin));
    an_dataset *const d = an_dataset_new();
    ck_assert_int_eq(an_dataset_read(d, "-", NULL), AN_OK);
    expect_rows(d, "1|y;0|x;");
    an_dataset_free(d);
    remove_scratch();
}
END_TEST

START_TEST(test_very_long_line)
{
    make_scratch();
    const size_t length = 5000000;
    char *const line = malloc(length);
    ck_assert_ptr_nonnull(line);
    memset(line, 'w', length);
    line[1] = '\t';
    write_bytes("long.tsv", line, length);
    an_dataset *const d = an_dataset_new();
    ck_assert_int_eq(an_dataset_read(d, path_of("long.tsv"), NULL), AN_OK);
    ck_assert_uint_eq(strlen(an_dataset_texts(d)[0]), length - 2);
    an_dataset_free(d);
    free(line);
    remove_scratch();
}
END_TEST

/* ---- classes ----------------------------------------------------------- */

static void expect_classes(const char *const *labels, const char *expected)
{
    an_dataset *const d = an_dataset_new();
    for (; *labels; labels++) ck_assert_int_eq(an_dataset_add(d, *labels, "x"), AN_OK);
    an_text names = {0};
    for (int64_t i = 0; i < an_dataset_classes(d); i++)
        an_text_addf(&names, "%s ", an_dataset_class_name(d, i));
    ck_assert_str_eq(an_text_view(&names), expected);
    an_text_free(&names);
    an_dataset_free(d);
}

START_TEST(test_classes_are_sorted)
{
    expect_classes((const char *[]){"pos", "neg", "Zed", "pos", NULL}, "Zed neg pos ");
    expect_classes((const char *[]){"10", "9", "-3", "9", NULL}, "-3 9 10 ");
    expect_classes((const char *[]){"10", "9", "x", NULL}, "10 9 x ");
    expect_classes((const char *[]){"1", "01", "0", NULL}, "0 01 1 ");
    expect_classes((const char *[]){"2", "99999999999999999999", "10", NULL},
                   "10 2 99999999999999999999 "); /* too large to be a number here */
    expect_classes((const char *[]){"2", "10", " 3", NULL}, " 3 10 2 ");
}
END_TEST

START_TEST(test_classes_grow_with_reads)
{
    an_dataset *const d = an_dataset_new();
    ck_assert_int_eq(an_dataset_add(d, "m", "1"), AN_OK);
    ck_assert_int_eq(an_dataset_add(d, "z", "2"), AN_OK);
    ck_assert_int_eq(an_dataset_add(d, "a", "3"), AN_OK);
    expect_rows(d, "1|1;2|2;0|3;");
    an_dataset_free(d);
}
END_TEST

START_TEST(test_set_classes)
{
    const char *const names[] = {"neg", "pos", "mixed"};
    an_dataset *const d = an_dataset_new();
    ck_assert_int_eq(an_dataset_add(d, "pos", "a"), AN_OK);
    expect_rows(d, "0|a;");
    ck_assert_int_eq(an_dataset_set_classes(d, names, 3), AN_OK);
    expect_rows(d, "1|a;");
    ck_assert_int_eq(an_dataset_classes(d), 3);
    ck_assert_int_eq(an_dataset_add(d, "mixed", "b"), AN_OK);
    ck_assert_int_eq(an_dataset_add(d, "new", "c"), AN_E_DATA);
    ck_assert_ptr_nonnull(strstr(an_dataset_message(d),
                                 "the label \"new\" is none of the 3 classes that were set (neg, "
                                 "pos, mixed)"));
    ck_assert_int_eq(an_dataset_add(d, "neg", "d"), AN_OK); /* "new" left nothing behind */
    expect_rows(d, "1|a;2|b;0|d;");

    ck_assert_int_eq(an_dataset_set_classes(d, names, 2), AN_E_DATA); /* b is mixed */
    ck_assert_int_eq(an_dataset_set_classes(d, (const char *[]){"x", "x"}, 2), AN_E_ARGUMENT);
    ck_assert_int_eq(an_dataset_set_classes(d, (const char *[]){"x", ""}, 2), AN_E_ARGUMENT);
    expect_rows(d, "1|a;2|b;0|d;");
    ck_assert_int_eq(an_dataset_classes(d), 3);
    ck_assert_str_eq(an_dataset_class_name(d, 2), "mixed");
    an_dataset_free(d);
}
END_TEST

/* ---- order and split --------------------------------------------------- */

START_TEST(test_shuffle_is_a_seeded_permutation)
{
    an_dataset *const d = an_dataset_new(), *const same = an_dataset_new();
    char text[16];
    for (int i = 0; i < 200; i++) {
        snprintf(text, sizeof text, "%d", i);
        ck_assert_int_eq(an_dataset_add(d, i % 3 ? "p" : "n", text), AN_OK);
        ck_assert_int_eq(an_dataset_add(same, i % 3 ? "p" : "n", text), AN_OK);
    }
    ck_assert_int_eq(an_dataset_shuffle(d, 7), AN_OK);
    ck_assert_int_eq(an_dataset_shuffle(same, 7), AN_OK);
    int64_t order[200];
    an_shuffle(order, 200, 7, 0);
    bool seen[200] = {false};
    int in_place = 0;
    for (int i = 0; i < 200; i++) {
        const int was = atoi(an_dataset_texts(d)[i]);
        ck_assert(was >= 0 && was < 200 && !seen[was]);
        seen[was] = true;
        ck_assert_int_eq(was, order[i]); /* whose fairness the next test tries */
        in_place += was == i;
        ck_assert_int_eq(an_dataset_labels(d)[i], was % 3 ? 1 : 0); /* labels moved along */
        ck_assert_str_eq(an_dataset_texts(d)[i], an_dataset_texts(same)[i]);
    }
    ck_assert_int_lt(in_place, 20);
    an_dataset_free(d);
    an_dataset_free(same);
}
END_TEST

/* Each of the 24 orders of four things comes up about equally often. */
START_TEST(test_shuffle_is_fair)
{
    int64_t seen[256] = {0}, order[4];
    const int64_t rounds = 24000;
    for (int64_t seed = 0; seed < rounds; seed++) {
        an_shuffle(order, 4, (uint64_t)seed, 1);
        seen[order[0] * 64 + order[1] * 16 + order[2] * 4 + order[3]]++;
    }
    int different = 0;
    double chi_square = 0;
    for (int i = 0; i < 256; i++) {
        if (seen[i] == 0) continue;
        const double off = (double)seen[i] - (double)rounds / 24;
        chi_square += off * off / ((double)rounds / 24);
        different++;
    }
    ck_assert_int_eq(different, 24);
    ck_assert(chi_square < 49.7); /* 23 degrees of freedom: one in a thousand is above */
}
END_TEST

START_TEST(test_split_as_keras)
{
    static const struct {
        int64_t count;
        double fraction;
        int64_t split; /* int(math.floor(count * (1. - fraction))) */
    } cases[] = {{10, .2, 8},  {9, .2, 7},    {25000, .2, 20000}, {3, .5, 1},    {10, 0., 10},
                 {10, .05, 9}, {10, .99, -1}, {10, 1., -1},       {10, -.1, -1}, {0, .2, -1}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        an_dataset *const d = an_dataset_new();
        for (int64_t n = 0; n < cases[i].count; n++)
            ck_assert_int_eq(an_dataset_add(d, "a", "x"), AN_OK);
        ck_assert_msg(an_dataset_split(d, cases[i].fraction) == cases[i].split, "case %zu", i);
        ck_assert_int_eq(an_dataset_message(d)[0] == 0, cases[i].split >= 0);
        an_dataset_free(d);
    }
    an_dataset *const d = an_dataset_new();
    ck_assert_int_eq(an_dataset_split(d, 0. / 0.), -1);
    an_dataset_free(d);
}
END_TEST

/* ---- any bytes, any failure -------------------------------------------- */

/* Random bytes, rich in what the formats give a meaning. */
static int64_t random_bytes(an_test_random *r, char *out)
{
    static const char alphabet[] = "ab01,,\t\t\n\n\r\"\"\0\xff\xc3\xa9\xef\xbb\xbf";
    static const char header[] = "label,text\n";
    int64_t used = 0;
    if (an_test_int(r, 0, 1))
        for (; header[used]; used++) out[used] = header[used];
    for (int64_t more = an_test_int(r, 0, 200); more > 0; more--)
        out[used++] = alphabet[an_test_int(r, 0, (int64_t)sizeof alphabet - 2)];
    return used;
}

/* The readers get a block of just that size, so that a sanitizer sees a step beyond. */
START_TEST(test_any_bytes_survive)
{
    int64_t readable = 0;
    for (uint64_t seed = 1; seed <= 20000; seed++) {
        an_test_random r = {seed};
        char bytes[256];
        const int64_t count = random_bytes(&r, bytes);
        char *const exact = malloc((size_t)count);
        ck_assert(exact != NULL || count == 0);
        if (count > 0) memcpy(exact, bytes, (size_t)count);
        an_dataset *const d = an_dataset_new();
        const int64_t before = an_dataset_begin(d);
        const an_dataset_options o = {0};
        const bool csv = an_test_int(&r, 0, 1);
        an_status status = csv ? an_dataset_read_csv(d, "any", exact, count, &o)
                               : an_dataset_read_tsv(d, "any", exact, count);
        status = an_dataset_end(d, before, status);
        ck_assert_msg(status == AN_OK || (status == AN_E_DATA && an_dataset_count(d) == 0 &&
                                          strstr(an_dataset_message(d), "any:")),
                      "seed %llu: %s", (unsigned long long)seed, an_dataset_message(d));
        readable += an_dataset_count(d) > 0;
        for (int64_t i = 0; i < an_dataset_count(d); i++) {
            an_text again = {0};
            an_utf8_add_clean(&again, an_dataset_texts(d)[i],
                              (int64_t)strlen(an_dataset_texts(d)[i]));
            ck_assert_str_eq(an_text_view(&again), an_dataset_texts(d)[i]); /* clean already */
            an_text_free(&again);
            ck_assert_int_lt(an_dataset_labels(d)[i], an_dataset_classes(d));
        }
        an_dataset_free(d);
        free(exact);
    }
    ck_assert_int_gt(readable, 100); /* or the errors came too early to try anything */
}
END_TEST

static bool whole_life(void)
{
    an_dataset *const d = an_dataset_new();
    if (!d) return false;
    const char *const names[] = {"positive", "negative", "b", "a"};
    an_status status = an_dataset_add(d, "b", "first");
    if (status == AN_OK) status = an_dataset_read(d, path_of("x.csv"), NULL);
    if (status == AN_OK) status = an_dataset_read(d, path_of("in"), NULL);
    if (status == AN_OK) status = an_dataset_generate(d, 40, 1);
    const int64_t rows = an_dataset_count(d);
    if (status == AN_OK) status = an_dataset_set_classes(d, names, 4);
    if (status != AN_OK) {
        ck_assert_int_eq(status, AN_E_MEMORY);
        ck_assert_ptr_nonnull(strstr(an_dataset_message(d), "memory"));
        ck_assert(rows == 0 || rows == 1 || rows == 3 || rows == 4 || rows == 44);
        for (int64_t i = 0; i < rows; i++) /* what is there is whole */
            ck_assert_ptr_nonnull(an_dataset_class_name(d, an_dataset_labels(d)[i]));
    }
    an_dataset_free(d);
    return status == AN_OK;
}

START_TEST(test_every_allocation_may_fail)
{
    make_scratch();
    write_text("x.csv", "label,text\na,\"x \"\"y\"\"\"\nb,z\n");
    ck_assert_int_eq(mkdir(path_of("in"), 0700), 0);
    ck_assert_int_eq(mkdir(path_of("in/a"), 0700), 0);
    write_text("in/a/1", "text");
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
    remove_scratch();
}
END_TEST

AN_TEST_MAIN("dataset", test_reads_good_files, test_errors_name_file_and_line, test_refusals,
             test_columns_by_option, test_reads_a_folder, test_reads_standard_input,
             test_very_long_line, test_classes_are_sorted, test_classes_grow_with_reads,
             test_set_classes, test_shuffle_is_a_seeded_permutation, test_shuffle_is_fair,
             test_split_as_keras, test_any_bytes_survive, test_every_allocation_may_fail)
