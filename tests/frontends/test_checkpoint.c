/* test_checkpoint.c -- states come back bit for bit, or the store stays as it was.
 *
 * The damaged files are made from a small good one: cut off at every offset, with
 * random bytes flipped, and with headers that claim what is not so.          */
#include <dirent.h>
#include <math.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/text.h"
#include "frontends/formats/checkpoint.h"
#include "frontends/formats/crc32.h"
#include "core/file.h"
#include "frontends/formats/sha256.h"
#include "graph/run/program.h"
#include "optim/optim.h"
#include "tests/support.h"

static char folder[64], path[80];

static void open_folder(void)
{
    /* In memory where there is such a place: every save waits for the disk. */
    snprintf(folder, sizeof folder, "%s/addnorm-checkpoint-XXXXXX",
             access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/x.safetensors", folder);
}

static void close_folder(void)
{
    unlink(path);
    ck_assert_msg(rmdir(folder) == 0, "something was left in %s", folder);
}

static void set(an_store *s, const char *name, an_dtype dtype, int rank, const int64_t *extent,
                uint64_t seed)
{
    an_tensor t = {0};
    an_test_random r = {seed};
    ck_assert_int_eq(an_tensor_alloc(&t, dtype, rank, extent), AN_OK);
    for (int64_t i = 0; i < an_tensor_count(&t); i++)
        an_tensor_set(&t, i, dtype == AN_BOOL ? (double)an_test_int(&r, 0, 1)
                                              : an_test_uniform(&r, -1e3, 1e3));
    ck_assert_int_eq(an_store_set(s, name, &t), AN_OK);
    an_tensor_free(&t);
}

/* States of every dtype, a scalar, an empty one; `seed` decides their values. */
static an_store *a_store(uint64_t seed)
{
    an_store *const s = an_store_new(7);
    set(s, "rnn/kernel", AN_F32, AN_EXTENTS(3, 5), seed);
    set(s, "mask", AN_BOOL, AN_EXTENTS(3), seed + 1);
    set(s, "step", AN_I64, 0, NULL, seed + 2);
    set(s, "exact", AN_F64, AN_EXTENTS(2, 1, 2), seed + 3);
    set(s, "ids \"quoted\"\n\xc3\xa9", AN_I32, AN_EXTENTS(2), seed + 4);
    set(s, "empty", AN_F32, AN_EXTENTS(0, 4), seed + 5);
    return s;
}

static void fingerprint(an_store *s, char hex[65])
{
    ck_assert_int_eq(an_store_sha256(s, hex), AN_OK);
    ck_assert_uint_eq(strlen(hex), 64);
}

static void save(an_store *s)
{
    const an_metadata about[] = {{"epoch", "3"}, {"note", "\"quoted\"\n"}};
    ck_assert_msg(an_checkpoint_save(s, path, about, 2) == AN_OK, "%s", an_store_message(s));
}

static void write_bytes(const char *bytes, int64_t count)
{
    FILE *const f = fopen(path, "wb"); /* not synced: there are thousands */
    ck_assert_ptr_nonnull(f);
    ck_assert_uint_eq(fwrite(bytes, 1, (size_t)count, f), (size_t)count);
    fclose(f);
}

static void read_bytes(an_text *out)
{
    an_error e = {0};
    ck_assert_msg(an_file_read(path, out, &e) == AN_OK, "%s", e.text);
}

/* ---- there and back ----------------------------------------------------- */

START_TEST(test_states_come_back)
{
    open_folder();
    an_store *const s = a_store(1), *const other = a_store(2), *const fresh = an_store_new(1);
    char want[65], got[65];
    fingerprint(s, want);
    fingerprint(other, got);
    ck_assert_str_ne(want, got);
    save(s);
    ck_assert_msg(an_checkpoint_load(other, path, NULL) == AN_OK, "%s", an_store_message(other));
    fingerprint(other, got);
    ck_assert_str_eq(want, got);
    ck_assert_int_eq(an_checkpoint_load(fresh, path, NULL), AN_OK); /* makes them all */
    fingerprint(fresh, got); /* made in another order: by name all the same */
    ck_assert_str_eq(want, got);
    char *const epoch = an_checkpoint_metadata(path, "epoch");
    char *const note = an_checkpoint_metadata(path, "note");
    ck_assert_str_eq(epoch, "3");
    ck_assert_str_eq(note, "\"quoted\"\n");
    ck_assert_ptr_null(an_checkpoint_metadata(path, "nothing"));
    an_string_free(epoch);
    an_string_free(note);
    an_store_free(s);
    an_store_free(other);
    an_store_free(fresh);
    close_folder();
}
END_TEST

START_TEST(test_bits_survive)
{
    open_folder();
    const uint32_t bits[] = {0x7fc12345, 0x80000000, 0x00000001, 0xff800000, 0x3f800001};
    an_store *const s = an_store_new(1), *const t = an_store_new(2);
    const an_tensor odd = an_tensor_borrow(AN_F32, AN_EXTENTS(5), (void *)bits);
    ck_assert_int_eq(an_store_set(s, "w", &odd), AN_OK);
    ck_assert_int_eq(an_checkpoint_save(s, path, NULL, 0), AN_OK);
    ck_assert_int_eq(an_checkpoint_load(t, path, NULL), AN_OK);
    ck_assert_mem_eq(an_store_view(t, "w")->data, bits, sizeof bits);
    an_store_free(s);
    an_store_free(t);
    close_folder();
}
END_TEST

/* CRC-32 as its definition reads: a bit at a time. */
static uint32_t slow_crc(const char *bytes, int64_t count)
{
    uint32_t rest = UINT32_MAX;
    for (int64_t i = 0; i < count; i++) {
        rest ^= (unsigned char)bytes[i];
        for (int bit = 0; bit < 8; bit++) rest = rest & 1 ? rest >> 1 ^ 0xedb88320u : rest >> 1;
    }
    return ~rest;
}

START_TEST(test_the_layout_is_the_formats)
{
    open_folder();
    an_store *const s = an_store_new(1);
    set(s, "b", AN_BOOL, AN_EXTENTS(1), 1);
    set(s, "a", AN_F32, AN_EXTENTS(2), 1);
    set(s, "c", AN_I64, 0, NULL, 1);
    ck_assert_int_eq(an_checkpoint_save(s, path, &(an_metadata){"k", "v"}, 1), AN_OK);
    an_text all = {0};
    read_bytes(&all);
    const char *const rest =
        "\"},"
        "\"c\":{\"dtype\":\"I64\",\"shape\":[],\"data_offsets\":[0,8]},"
        "\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[8,16]},"
        "\"b\":{\"dtype\":\"BOOL\",\"shape\":[1],\"data_offsets\":[16,17]}}";
    const int64_t size = (int64_t)(unsigned char)all.data[0] | (int64_t)(unsigned char)all.data[1]
                                                                   << 8;
    ck_assert_int_eq((8 + size) % 64, 0);
    ck_assert_int_eq(all.length, 8 + size + 17);
    const char *const tensors = all.data + 8 + size;
    char head[256];
    int at = snprintf(head, sizeof head,
                      "{\"__metadata__\":{\"k\":\"v\",\"addnorm.crc32\":\"{\\\"c\\\":\\\"%08x\\\","
                      "\\\"a\\\":\\\"%08x\\\",\\\"b\\\":\\\"%08x\\\"}\","
                      "\"addnorm.crc32.header\":\"",
                      slow_crc(tensors, 8), slow_crc(tensors + 8, 8), slow_crc(tensors + 16, 1));
    ck_assert(strncmp(all.data + 8, head, (size_t)at) == 0);
    ck_assert_uint_eq(strspn(all.data + 8 + at, "0123456789abcdef"), 8);
    at += 8;
    ck_assert(strncmp(all.data + 8 + at, rest, strlen(rest)) == 0);
    for (int64_t i = at + (int64_t)strlen(rest); i < size; i++)
        ck_assert_int_eq(all.data[8 + i], ' ');
    an_text_free(&all);
    an_store_free(s);
    close_folder();
}
END_TEST

/* ---- what does not fit ------------------------------------------------- */

START_TEST(test_another_model_is_refused)
{
    open_folder();
    an_store *const s = a_store(1), *const t = an_store_new(1);
    save(s);
    set(t, "rnn/kernel", AN_F32, AN_EXTENTS(3, 5), 9);
    set(t, "bias", AN_F32, AN_EXTENTS(2), 9);
    char before[65], after[65];
    fingerprint(t, before);
    ck_assert_int_eq(an_checkpoint_load(t, path, NULL), AN_E_STATE);
    ck_assert_ptr_nonnull(strstr(an_store_message(t), "it is not of this model\n  missing: "
                                                      "\"bias\"\n  unused: "));
    fingerprint(t, after);
    ck_assert_str_eq(before, after);

    const an_checkpoint_options some = {.known_only = true, .partial = true};
    ck_assert_int_eq(an_checkpoint_load(t, path, &some), AN_OK);
    ck_assert_int_eq(an_store_count(t), 2);
    const an_tensor *const kernel = an_store_view(s, "rnn/kernel");
    ck_assert_mem_eq(an_store_view(t, "rnn/kernel")->data, kernel->data,
                     (size_t)an_tensor_bytes(kernel));

    set(t, "exact", AN_F64, AN_EXTENTS(4), 9); /* another shape than the file's */
    fingerprint(t, before);
    ck_assert_int_eq(an_checkpoint_load(t, path, &(an_checkpoint_options){.partial = true}),
                     AN_E_STATE);
    ck_assert_ptr_nonnull(strstr(an_store_message(t), "\"exact\" is f64[4]"));
    fingerprint(t, after);
    ck_assert_str_eq(before, after);
    an_store_free(s);
    an_store_free(t);
    close_folder();
}
END_TEST

/* ---- before there is a program, and behind ------------------------------ */

typedef struct pair { /* a model of two layers; the second loss needs the optimizer's states */
    an_graph *graph;
    an_value y, loss;
    an_updates up;
} pair;

static pair a_pair(const char *second)
{
    pair p = {.graph = an_graph_new("pair")};
    const an_value x = an_input(p.graph, "x", AN_F32, AN_SHAPE(2, 3));
    p.y = an_nn_dense(an_nn_dense(x, .units = 4, .name = "first"), .units = 1, .name = second);
    p.loss = an_mean_axes(an_square(p.y), AN_ALL_AXES, false);
    p.up = an_minimize(p.loss, an_adam());
    return p;
}

static const char *compiles(const pair *p, an_store *s, bool train)
{
    static char message[2100];
    an_program *made = train ? an_compile(p->graph, s, .fetch = {p->loss}, .update = p->up)
                             : an_compile(p->graph, s, .fetch = {p->y}, .inference = true);
    snprintf(message, sizeof message, "%s", made ? "" : an_compile_message(p->graph));
    an_program_free(made);
    return message;
}

static void expect_words(const char *message, const char *words)
{
    ck_assert_msg(strstr(message, words) != NULL, "not '%s': %s", words, message);
}

/* What a program needs and the file lacks is not drawn at random without a word. */
START_TEST(test_loaded_before_the_first_compile)
{
    open_folder();
    pair p = a_pair("second"), q = a_pair("renamed");
    an_store *s = an_store_new(1);
    ck_assert_str_eq(compiles(&p, s, false), ""); /* weights alone */
    ck_assert_int_eq(an_checkpoint_save(s, path, NULL, 0), AN_OK);
    an_store_free(s);

    s = an_store_new(2);
    ck_assert_int_eq(an_checkpoint_load(s, path, NULL), AN_OK);
    expect_words(compiles(&q, s, false), "lacks states of this program\n  missing: "
                 "\"renamed/kernel\", \"renamed/bias\"\n  unused: \"second/bias\", "
                 "\"second/kernel\"\n  hint: load it with .partial");
    expect_words(compiles(&q, s, false), path);
    ck_assert_ptr_null(an_store_view(s, "renamed/kernel"));
    ck_assert_str_eq(compiles(&p, s, false), "");
    expect_words(compiles(&p, s, true), "missing: \"adam/"); /* moments */
    expect_words(compiles(&p, s, true), " and 2 more\n  unused: none");
    /* What the caller sets, or starts in a way of his own, is not missing. */
    an_tensor kernel = {0}, bias = {0};
    an_tensor_alloc(&kernel, AN_F32, AN_EXTENTS(4, 1));
    an_tensor_alloc(&bias, AN_F32, AN_EXTENTS(1));
    ck_assert_int_eq(an_store_set(s, "renamed/kernel", &kernel), AN_OK);
    ck_assert_int_eq(an_store_set(s, "renamed/bias", &bias), AN_OK);
    ck_assert_str_eq(compiles(&q, s, false), "");
    an_store_free(s);

    s = an_store_new(2);
    ck_assert_int_eq(an_checkpoint_load(s, path, &(an_checkpoint_options){.partial = true}), AN_OK);
    ck_assert_str_eq(compiles(&q, s, true), "");
    an_store_free(s);
    s = an_store_new(2);
    ck_assert_int_eq(an_checkpoint_load(s, path, &(an_checkpoint_options){.known_only = true}),
                     AN_E_STATE);
    expect_words(an_store_message(s), "compile a program first");
    an_store_free(s);
    an_tensor_free(&kernel);
    an_tensor_free(&bias);
    an_graph_free(p.graph);
    an_graph_free(q.graph);
    close_folder();
}
END_TEST

/* Behind it both are named at once, and what nobody uses is refused, too. */
START_TEST(test_loaded_behind_a_compile)
{
    open_folder();
    pair p = a_pair("second"), q = a_pair("renamed");
    an_store *s = an_store_new(1), *const t = an_store_new(2), *const u = an_store_new(3);
    ck_assert_str_eq(compiles(&p, s, true), "");
    ck_assert_int_eq(an_checkpoint_save(s, path, NULL, 0), AN_OK);
    ck_assert_str_eq(compiles(&p, t, false), "");
    ck_assert_str_eq(compiles(&q, u, false), "");
    ck_assert_int_eq(an_checkpoint_load(t, path, NULL), AN_E_STATE); /* the optimizer's */
    expect_words(an_store_message(t), "missing: none\n  unused: \"adam/");
    expect_words(an_store_message(t), ".known_only passes over");
    const an_checkpoint_options known = {.known_only = true}, both = {true, true};
    ck_assert_int_eq(an_checkpoint_load(t, path, &known), AN_OK);
    ck_assert_int_eq(an_store_count(t), 4);
    ck_assert_int_eq(an_checkpoint_load(u, path, &known), AN_E_STATE);
    expect_words(an_store_message(u), "missing: \"renamed/kernel\", \"renamed/bias\"\n  unused: ");
    ck_assert_int_eq(an_checkpoint_load(u, path, &both), AN_OK);
    ck_assert_int_eq(an_store_count(u), 4);
    an_store_free(s);
    an_store_free(t);
    an_store_free(u);
    an_graph_free(p.graph);
    an_graph_free(q.graph);
    close_folder();
}
END_TEST

/* A file with that header, for `data_bytes` bytes of zeros. */
static void write_header(const char *header, int64_t data_bytes)
{
    an_text all = {0};
    for (int i = 0; i < 8; i++)
        an_text_add_bytes(&all, &(char){(char)(strlen(header) >> (8 * i) & 0xff)}, 1);
    an_text_add(&all, header);
    for (int64_t i = 0; i < data_bytes; i++) an_text_add_bytes(&all, "", 1);
    write_bytes(all.data, all.length);
    an_text_free(&all);
}

#define F32_AT(name, begin, end)                                                                   \
    "\"" name "\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[" #begin "," #end "]}"

static const struct {
    const char *header;
    int64_t data_bytes;
    an_status status;
    const char *words;
} ill_formed[] = {
    {"{" F32_AT("a", 0, 4) "," F32_AT("a", 4, 8) "}", 8, AN_E_FORMAT, "duplicate"},
    {"{" F32_AT("a", 0, 4) "," F32_AT("b", 0, 4) "}", 4, AN_E_FORMAT, "overlaps"},
    {"{" F32_AT("a", 0, 4) "," F32_AT("b", 2, 6) "}", 6, AN_E_FORMAT, "overlaps"},
    {"{" F32_AT("a", 0, 4) "," F32_AT("b", 8, 12) "}", 12, AN_E_FORMAT, "unused bytes"},
    {"{" F32_AT("a", 4, 8) "}", 8, AN_E_FORMAT, "unused bytes"},
    {"{" F32_AT("a", 0, 4) "}", 8, AN_E_FORMAT, "4 bytes follow"},
    {"{" F32_AT("a", 0, 4) "}", 3, AN_E_FORMAT, "cut off"},
    {"{" F32_AT("a", 0, 8) "}", 8, AN_E_FORMAT, "do not fit"},
    {"{" F32_AT("a", 4, 0) "}", 4, AN_E_FORMAT, "not a begin and an end"},
    {"{" F32_AT("a", -4, 0) "}", 4, AN_E_FORMAT, "not a begin and an end"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[-1],\"data_offsets\":[0,4]}}", 4, AN_E_FORMAT, "shape"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1.0],\"data_offsets\":[0,4]}}", 4, AN_E_FORMAT, "shape"},
    {"{\"a\":{\"dtype\":\"F32\",\"data_offsets\":[0,4]}}", 4, AN_E_FORMAT, "shape"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1,1,1,1,1,1,1,1,1],\"data_offsets\":[0,4]}}", 4,
     AN_E_FORMAT, "shape"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[4611686018427387904,4],\"data_offsets\":[0,0]}}", 0,
     AN_E_FORMAT, "do not fit"},
    {"{\"a\":{\"dtype\":\"Q4\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4, AN_E_FORMAT, "dtype"},
    {"{\"a\":{\"dtype\":\"F16\",\"shape\":[2],\"data_offsets\":[0,4]}}", 4, AN_E_DTYPE, "F16"},
    {"{\"a\":7}", 0, AN_E_FORMAT, "dtype"},
    {"{\"__metadata__\":{\"k\":1}}", 0, AN_E_FORMAT, "not a string"},
    {"{\"__metadata__\":[]}", 0, AN_E_FORMAT, "not an object"},
    {"[1, 2]", 0, AN_E_FORMAT, "not a JSON object"},
    {" {}", 0, AN_E_FORMAT, "not a JSON object"},
    {"{} x", 0, AN_E_FORMAT, "not JSON"},
    {"{", 0, AN_E_FORMAT, "no safetensors file"},
};

START_TEST(test_ill_formed_files_are_refused)
{
    open_folder();
    for (size_t i = 0; i < sizeof ill_formed / sizeof *ill_formed; i++) {
        an_store *const s = an_store_new(1);
        write_header(ill_formed[i].header, ill_formed[i].data_bytes);
        const an_status status = an_checkpoint_load(s, path, NULL);
        ck_assert_msg(status == ill_formed[i].status, "%s: %d", ill_formed[i].header, status);
        ck_assert_msg(strstr(an_store_message(s), ill_formed[i].words) != NULL, "%s: %s",
                      ill_formed[i].header, an_store_message(s));
        ck_assert_ptr_nonnull(strstr(an_store_message(s), path));
        ck_assert_int_eq(an_store_count(s), 0);
        an_store_free(s);
    }
    /* A header that claims to be larger than the format allows. */
    write_bytes("\xff\xff\xff\xff\xff\xff\xff\x7f{}", 10);
    an_store *const s = an_store_new(1);
    ck_assert_int_eq(an_checkpoint_load(s, path, NULL), AN_E_FORMAT);
    write_header("{\"a\":{\"dtype\":\"BOOL\",\"shape\":[1],\"data_offsets\":[0,1]}}", 1);
    ck_assert_int_eq(an_checkpoint_load(s, path, NULL), AN_OK);
    an_text all = {0};
    read_bytes(&all);
    all.data[all.length - 1] = 2;
    write_bytes(all.data, all.length);
    ck_assert_int_eq(an_checkpoint_load(s, path, NULL), AN_E_DATA);
    an_text_free(&all);
    an_store_free(s);
    close_folder();
}
END_TEST

START_TEST(test_cut_off_at_every_offset)
{
    open_folder();
    an_store *const s = a_store(1), *const t = a_store(2);
    save(s);
    char before[65], after[65];
    fingerprint(t, before);
    an_text all = {0};
    read_bytes(&all);
    for (int64_t length = 0; length < all.length; length++) {
        write_bytes(all.data, length);
        ck_assert_int_eq(an_checkpoint_load(t, path, NULL), AN_E_FORMAT);
        fingerprint(t, after);
        ck_assert_str_eq(before, after);
    }
    an_text_add_bytes(&all, "x", 1);
    write_bytes(all.data, all.length);
    ck_assert_int_eq(an_checkpoint_load(t, path, NULL), AN_E_FORMAT);
    an_text_free(&all);
    an_store_free(s);
    an_store_free(t);
    close_folder();
}
END_TEST

/* Whatever bytes change, what loads is what was saved; and a refusal changes nothing. */
START_TEST(test_flipped_bytes)
{
    open_folder();
    an_store *const s = a_store(1);
    save(s);
    char saved[65];
    fingerprint(s, saved);
    an_text all = {0};
    read_bytes(&all);
    for (uint64_t seed = 0; seed < 3000; seed++) {
        an_test_random r = {seed};
        char *const bytes = malloc((size_t)all.length);
        memcpy(bytes, all.data, (size_t)all.length);
        for (int64_t n = an_test_int(&r, 1, 3); n > 0; n--)
            bytes[an_test_int(&r, 0, all.length - 1)] ^= (char)an_test_int(&r, 1, 255);
        write_bytes(bytes, all.length);
        free(bytes);
        an_store *const t = seed % 2 ? a_store(2) : an_store_new(1);
        char before[65], after[65];
        fingerprint(t, before);
        const an_status status = an_checkpoint_load(t, path, NULL);
        const char *const told = an_store_message(t);
        ck_assert_msg(status == AN_OK || strstr(told, path) || strstr(told, "state"),
                      "seed %llu: %s", (unsigned long long)seed, told);
        fingerprint(t, after);
        ck_assert_msg(strcmp(after, status == AN_OK ? saved : before) == 0, "seed %llu",
                      (unsigned long long)seed);
        an_store_free(t);
    }
    an_text_free(&all);
    an_store_free(s);
    close_folder();
}
END_TEST

/* Of every single bit of the file. */
START_TEST(test_every_bit_is_watched)
{
    open_folder();
    an_store *const s = a_store(1);
    save(s);
    char saved[65], after[65];
    fingerprint(s, saved);
    an_text all = {0};
    read_bytes(&all);
    int64_t loaded = 0;
    for (int64_t i = 0; i < 8 * all.length; i++) {
        all.data[i / 8] ^= (char)(1 << i % 8);
        write_bytes(all.data, all.length);
        all.data[i / 8] ^= (char)(1 << i % 8);
        an_store *const t = an_store_new(1);
        char *const epoch = an_checkpoint_metadata(path, "epoch");
        ck_assert_msg(!epoch || strcmp(epoch, "3") == 0, "bit %lld: epoch %s", (long long)i, epoch);
        an_string_free(epoch);
        if (an_checkpoint_load(t, path, NULL) == AN_OK) {
            loaded++;
            fingerprint(t, after);
            ck_assert_msg(strcmp(saved, after) == 0, "bit %lld: other states", (long long)i);
        }
        an_store_free(t);
    }
    printf("%lld bits flipped, %lld files loaded\n", 8 * (long long)all.length, (long long)loaded);
    ck_assert_int_eq(loaded, 0);
    an_text_free(&all);
    an_store_free(s);
    close_folder();
}
END_TEST

/* A file of another tool has no checksums and loads; half of them is damage. */
START_TEST(test_checksums_are_both_or_none)
{
    open_folder();
    an_store *const s = an_store_new(1);
    write_header("{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4);
    ck_assert_int_eq(an_checkpoint_load(s, path, NULL), AN_OK);
    write_header("{\"__metadata__\":{\"addnorm.crc32\":\"{\\\"a\\\":\\\"2144df1c\\\"}\"},"
                 "\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4);
    ck_assert_int_eq(an_checkpoint_load(s, path, NULL), AN_E_FORMAT);
    ck_assert_ptr_nonnull(strstr(an_store_message(s), "leave out \"addnorm.crc32\""));
    const an_metadata taken = {"addnorm.crc32", "x"};
    ck_assert_int_eq(an_checkpoint_save(s, path, &taken, 1), AN_E_ARGUMENT);
    an_store_free(s);
    close_folder();
}
END_TEST

START_TEST(test_crc32)
{
    an_crc32 c;
    an_crc32_begin(&c, AN_CRC32);
    ck_assert_uint_eq(an_crc32_add(&c, 0, "123456789", 9), 0xcbf43926u); /* the usual check */
    ck_assert_uint_eq(an_crc32_add(&c, 0, NULL, 0), 0);
    char bytes[300];
    for (uint64_t seed = 1; seed <= 200; seed++) {
        an_test_random r = {seed};
        const int64_t count = an_test_int(&r, 0, 300);
        for (int64_t i = 0; i < count; i++) bytes[i] = (char)an_test_next(&r);
        uint32_t crc = 0;
        for (int64_t at = 0, n; at < count; at += n) {
            n = an_test_int(&r, 0, count - at);
            crc = an_crc32_add(&c, crc, bytes + at, n);
        }
        ck_assert_uint_eq(crc, slow_crc(bytes, count));
    }
    an_crc32_begin(&c, AN_CRC32C);
    ck_assert_uint_eq(an_crc32_add(&c, 0, "123456789", 9), 0xe3069283u);
}
END_TEST

/* ---- when memory or the disk fails ------------------------------------- */

START_TEST(test_every_allocation_may_fail)
{
    open_folder();
    bool failed = true;
    for (int64_t at = 0; failed; at++) {
        an_test_heap_start(at);
        an_store *const s = an_store_new(1), *const t = an_store_new(2);
        const float one = 1.0f, two = 2.0f;
        const an_tensor a = an_tensor_borrow(AN_F32, 0, NULL, (void *)&one);
        const an_tensor b = an_tensor_borrow(AN_F32, 0, NULL, (void *)&two);
        an_status made = an_store_set(s, "w", &a);
        if (made == AN_OK) made = an_store_set(s, "v", &b);
        if (made == AN_OK) made = an_store_set(t, "w", &b);
        if (made == AN_OK) {
            const an_status saved = an_checkpoint_save(s, path, &(an_metadata){"k", "v"}, 1);
            const an_status loaded =
                saved == AN_OK ? an_checkpoint_load(t, path, NULL) : AN_E_MEMORY;
            ck_assert(saved == AN_OK || (saved == AN_E_MEMORY && access(path, F_OK) != 0));
            ck_assert(loaded == AN_OK || loaded == AN_E_MEMORY);
            ck_assert_int_eq(an_store_count(t), loaded == AN_OK ? 2 : 1);
            ck_assert(an_tensor_get(an_store_view(t, "w"), 0) == (loaded == AN_OK ? 1.0 : 2.0));
            char hex[65];
            const an_status hashed = an_store_sha256(s, hex);
            ck_assert(hashed == AN_OK || (hashed == AN_E_MEMORY && hex[0] == 0));
        }
        an_store_free(s);
        an_store_free(t);
        failed = an_test_heap_failed();
        ck_assert_int_eq(an_test_heap_stop(), 0);
        unlink(path);
        ck_assert_int_lt(at, 1000);
    }
    close_folder();
}
END_TEST

START_TEST(test_refusals)
{
    open_folder();
    an_store *const s = a_store(1);
    char hex[65];
    ck_assert_int_eq(an_checkpoint_save(NULL, path, NULL, 0), AN_E_ARGUMENT);
    ck_assert_int_eq(an_checkpoint_save(s, NULL, NULL, 0), AN_E_ARGUMENT);
    ck_assert_int_eq(an_checkpoint_save(s, path, NULL, 1), AN_E_ARGUMENT);
    ck_assert_int_eq(an_checkpoint_load(NULL, path, NULL), AN_E_ARGUMENT);
    ck_assert_int_eq(an_checkpoint_load(s, NULL, NULL), AN_E_ARGUMENT);
    ck_assert_int_eq(an_store_sha256(NULL, hex), AN_E_ARGUMENT);
    ck_assert_int_eq(an_store_sha256(s, NULL), AN_E_ARGUMENT);
    ck_assert_ptr_null(an_checkpoint_metadata(NULL, "k"));
    ck_assert_ptr_null(an_checkpoint_metadata(path, "k"));
    ck_assert_int_eq(an_checkpoint_load(s, path, NULL), AN_E_IO); /* not there */
    ck_assert_ptr_nonnull(strstr(an_store_message(s), "No such file"));
    ck_assert_int_eq(an_checkpoint_load(s, folder, NULL), AN_E_IO);
    ck_assert_int_eq(an_checkpoint_save(s, "/nowhere/x", NULL, 0), AN_E_IO);
    ck_assert_ptr_nonnull(strstr(an_store_message(s), "/nowhere/x"));
    const an_metadata twice[] = {{"k", "1"}, {"k", "2"}}, broken[] = {{"k", "\xff"}};
    ck_assert_int_eq(an_checkpoint_save(s, path, twice, 2), AN_E_ARGUMENT);
    ck_assert_int_eq(an_checkpoint_save(s, path, broken, 1), AN_E_ARGUMENT);
    set(s, "__metadata__", AN_F32, 0, NULL, 1);
    ck_assert_int_eq(an_checkpoint_save(s, path, NULL, 0), AN_E_NAME);
    an_store_free(s);
    close_folder();
}
END_TEST

/* ---- SHA-256 ----------------------------------------------------------- */

/* The examples of FIPS 180 and NIST's long message of a million times "a". */
static const struct {
    const char *piece;
    int times;
    const char *hex;
} vectors[] = {
    {"", 1, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
    {"abc", 1, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
    {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 1,
     "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
    {"abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqrlmno"
     "pqrsmnopqrstnopqrstu", 1,
     "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1"},
    {"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
     "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", 10000,
     "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"},
};

START_TEST(test_sha256_vectors)
{
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
        an_sha256 h;
        char hex[AN_SHA256_HEX];
        an_sha256_begin(&h);
        for (int n = 0; n < vectors[i].times; n++)
            an_sha256_add(&h, vectors[i].piece, (int64_t)strlen(vectors[i].piece));
        an_sha256_end(&h, hex);
        ck_assert_str_eq(hex, vectors[i].hex);
    }
}
END_TEST

START_TEST(test_sha256_in_pieces)
{
    char bytes[300], whole[AN_SHA256_HEX], pieces[AN_SHA256_HEX];
    for (uint64_t seed = 1; seed <= 200; seed++) {
        an_test_random r = {seed};
        const int64_t count = an_test_int(&r, 0, 300);
        for (int64_t i = 0; i < count; i++) bytes[i] = (char)an_test_next(&r);
        an_sha256 h;
        an_sha256_begin(&h);
        an_sha256_add(&h, bytes, count);
        an_sha256_end(&h, whole);
        an_sha256_begin(&h);
        for (int64_t at = 0, n; at < count; at += n) {
            n = an_test_int(&r, 0, count - at);
            an_sha256_add(&h, bytes + at, n);
        }
        an_sha256_end(&h, pieces);
        ck_assert_msg(strcmp(whole, pieces) == 0, "seed %llu", (unsigned long long)seed);
    }
}
END_TEST

/* ---- caches ------------------------------------------------------------- */

typedef struct cached { /* what it fetches is how often it ran, which the cache counts */
    an_graph *g;
    an_value w, runs;
    an_updates up;
} cached;

static cached a_cached(bool transient)
{
    cached c = {.g = an_graph_new("cached")};
    const an_init zeros = {AN_INIT_ZEROS, 0, 0}, one = {AN_INIT_CONSTANT, 1, 0};
    c.w = an_state(c.g, "w", AN_F32, AN_SHAPE(2), one);
    const an_value cache = transient ? an_cache(c.g, "cache", AN_F32, AN_SHAPE(2), zeros)
                                     : an_state(c.g, "cache", AN_F32, AN_SHAPE(2), zeros);
    c.runs = an_add(cache, c.w);
    c.up = an_updates_new(c.g, "u");
    an_updates_add(c.up, cache, c.runs);
    return c;
}

static double ran(cached *c, an_store *s, int times)
{
    an_program *p = an_compile(c->g, s, .fetch = {c->runs}, .update = c->up);
    ck_assert_msg(p != NULL, "%s", an_compile_message(c->g));
    an_tensor out = {0};
    for (int i = 0; i < times; i++) ck_assert_int_eq(an_run(p, .out = {&out}), AN_OK);
    const double runs = an_tensor_get(&out, 1);
    an_tensor_free(&out);
    an_program_free(p);
    return runs;
}

/* A cache is kept between runs, in no file and in no sum; loading neither misses nor changes it. */
START_TEST(test_caches_are_left_out)
{
    open_folder();
    cached c = a_cached(true), d = a_cached(false);
    an_store *s = an_store_new(1);
    char before[65], after[65];
    ck_assert(ran(&c, s, 1) == 1);
    fingerprint(s, before);
    ck_assert(ran(&c, s, 2) == 3);
    fingerprint(s, after);
    ck_assert_str_eq(before, after);
    ck_assert_int_eq(an_checkpoint_save(s, path, NULL, 0), AN_OK);
    ck_assert_msg(an_checkpoint_load(s, path, NULL) == AN_OK, "%s", an_store_message(s));
    ck_assert(ran(&c, s, 1) == 4);

    an_store *fresh = an_store_new(2);
    ck_assert_int_eq(an_checkpoint_load(fresh, path, NULL), AN_OK);
    ck_assert_int_eq(an_store_count(fresh), 1);
    ck_assert(ran(&c, fresh, 2) == 2); /* complete without it */
    fingerprint(fresh, after);
    ck_assert_str_eq(before, after);
    an_store_free(fresh);

    /* One program that wants it kept is enough; what a file has of it is taken. */
    ck_assert(ran(&d, s, 1) == 5);
    ck_assert(ran(&c, s, 1) == 6);
    fingerprint(s, after);
    ck_assert_str_ne(before, after);
    ck_assert_int_eq(an_checkpoint_save(s, path, NULL, 0), AN_OK);
    fresh = an_store_new(3);
    ck_assert_int_eq(an_checkpoint_load(fresh, path, NULL), AN_OK);
    ck_assert(ran(&c, fresh, 1) == 7);
    fingerprint(fresh, after);
    ck_assert_str_eq(before, after);
    an_store_free(fresh);
    an_store_free(s);
    an_graph_free(c.g);
    an_graph_free(d.g);
    close_folder();
}
END_TEST

/* The text form says it; minimising leaves it alone; what is fetched is the same computation. */
START_TEST(test_caches_in_text_and_fingerprint)
{
    cached c = a_cached(true), d = a_cached(false);
    char *const text = an_print(.graph = c.g);
    ck_assert_msg(strstr(text, "{frozen=1, transient=1}") != NULL, "%s", text);
    an_graph *const back = an_parse(.text = text);
    char *const again = an_print(.graph = back);
    ck_assert_str_eq(text, again);
    an_graph_output(c.runs, "runs");
    ck_assert(an_graph_parameters_of(c.g, "", NULL, 0) == 1);
    ck_assert(an_graph_parameters(c.g) == 2);
    an_store *const s = an_store_new(1);
    an_program *const p = an_compile(c.g, s, .fetch = {c.runs}, .update = c.up);
    an_program *const q = an_compile(d.g, s, .fetch = {d.runs}, .update = d.up);
    ck_assert(p && q);
    ck_assert(p->print.fetched == q->print.fetched);
    ck_assert(p->print.updates == 0 && q->print.updates != 0);
    an_program_free(p);
    an_program_free(q);
    an_store_free(s);
    an_string_free(text);
    an_string_free(again);
    an_graph_free(back);
    an_graph_free(c.g);
    an_graph_free(d.g);
}
END_TEST

AN_TEST_MAIN("checkpoint", test_states_come_back, test_bits_survive, test_the_layout_is_the_formats,
             test_another_model_is_refused, test_loaded_before_the_first_compile,
             test_loaded_behind_a_compile, test_ill_formed_files_are_refused,
             test_cut_off_at_every_offset, test_flipped_bytes, test_every_bit_is_watched,
             test_checksums_are_both_or_none, test_crc32, test_every_allocation_may_fail,
             test_refusals, test_sha256_vectors, test_sha256_in_pieces,
             test_caches_are_left_out, test_caches_in_text_and_fingerprint)
