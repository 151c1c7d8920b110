/* test_random.c -- Philox against its published vectors, and many against one. */
#include "core/random.h"

#include <math.h>

#include "core/runtime.h"
#include "tests/support.h"

#define CHECK_DRAW(seed_, step_, stream_, index, w0, w1, w2, w3)                                   \
    do {                                                                                           \
        const an_stream s = {.seed = (seed_), .step = (step_), .stream = (stream_)};               \
        ck_assert_uint_eq(an_random_bits_at(&s, (index)), w0);                                     \
        ck_assert_uint_eq(an_random_bits_at(&s, (index) + 1), w1);                                 \
        ck_assert_uint_eq(an_random_bits_at(&s, (index) + 2), w2);                                 \
        ck_assert_uint_eq(an_random_bits_at(&s, (index) + 3), w3);                                 \
    } while (0)

/* philox4x32 10 in Random123's kat_vectors: counter and key all zeros, all ones,
 * and the digits of pi. A counter's first two words are the block and the high
 * half of the step. */
START_TEST(test_known_answers)
{
    CHECK_DRAW(0, 0, 0, 0, 0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8);
    CHECK_DRAW(UINT64_MAX, 0xffffffffffff, 0xffffffff, 4 * (int64_t)0xffffffffffff, 0x408f276d,
               0x41c83b0e, 0xa20bc7c6, 0x6d5451fd);
    CHECK_DRAW(0x299f31d0a4093822u, 0x85a313198a2e, 0x03707344, 4 * (int64_t)0x08d3243f6a88,
               0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1);
}
END_TEST

START_TEST(test_many_equal_one)
{
    static uint32_t out[700];
    const an_isa best = an_runtime_isa();
    an_test_random r = {20240817};
    for (int isa = 0; isa <= (int)best; isa++) {
        ck_assert(an_runtime_force_isa((an_isa)isa));
        for (int round = 0; round < 200; round++) {
            const an_stream s = {an_test_next(&r), an_test_next(&r), (uint32_t)an_test_next(&r)};
            /* Blocks around 2^32, where the counter carries into its second word. */
            const int64_t base = round % 2 ? ((int64_t)1 << 34) - 300 : 0;
            const int64_t first = base + an_test_int(&r, 0, 300);
            const int64_t count = an_test_int(&r, 0, 699);
            memset(out, 0xab, sizeof out);
            an_random_bits(&s, first, count, out);
            for (int64_t i = 0; i < count; i++)
                if (out[i] != an_random_bits_at(&s, first + i))
                    ck_abort_msg("%s: draw %lld of %lld differs", an_isa_name((an_isa)isa),
                                 (long long)i, (long long)count);
            ck_assert_uint_eq(out[count], 0xabababab);
        }
    }
    an_runtime_force_isa(best);
}
END_TEST

START_TEST(test_moments)
{
    const an_stream s = {.seed = 7, .step = 3, .stream = 11};
    const int64_t count = 100000;
    double sum = 0, squares = 0, normal = 0, normal_squares = 0, least = 1, most = 0;
    for (int64_t i = 0; i < count; i++) {
        const double u = an_draw_uniform(&s, i), n = an_draw_normal(&s, i);
        sum += u, squares += u * u, normal += n, normal_squares += n * n;
        least = u < least ? u : least, most = u > most ? u : most;
    }
    /* Four standard errors each. */
    const double n = (double)count;
    ck_assert(fabs(sum / n - 0.5) < 4 * sqrt(1.0 / 12 / n));
    ck_assert(fabs(squares / n - 1.0 / 3) < 4 * sqrt(4.0 / 45 / n));
    ck_assert(fabs(normal / n) < 4 / sqrt(n));
    ck_assert(fabs(normal_squares / n - 1) < 4 * sqrt(2 / n));
    ck_assert(least >= 0 && least < 1e-3 && most < 1 && most > 0.999);
}
END_TEST

START_TEST(test_streams_differ)
{
    const an_stream base = {.seed = 1, .step = 2, .stream = 3};
    an_stream other[3] = {base, base, base};
    other[0].seed++, other[1].step++, other[2].stream++;
    uint32_t a[64], b[64];
    an_random_bits(&base, 0, 64, a);
    for (int k = 0; k < 3; k++) {
        an_random_bits(&other[k], 0, 64, b);
        int equal = 0;
        for (int i = 0; i < 64; i++) equal += a[i] == b[i];
        ck_assert_int_eq(equal, 0);
    }
}
END_TEST

START_TEST(test_hashes)
{
    ck_assert_uint_eq(an_hash_string("dense"), an_hash_string("dense"));
    ck_assert_uint_eq(an_hash_string(NULL), an_hash_string(""));
    ck_assert_uint_ne(an_hash_bytes("ab", 1, 0), an_hash_bytes("ab", 2, 0));
    ck_assert_uint_ne(an_hash_bytes("a\0", 1, 0), an_hash_bytes("a\0", 2, 0));
    ck_assert_uint_ne(an_hash_bytes("a", 1, 0), an_hash_bytes("a", 1, 1));

    /* A changed bit changes each of the 64 about half the time. */
    int64_t changed = 0;
    for (int bit = 0; bit < 256; bit++) {
        unsigned char data[32] = {0};
        data[bit / 8] = (unsigned char)(1 << bit % 8);
        static const unsigned char zeros[32];
        const uint64_t d = an_hash_bytes(data, 32, 5) ^ an_hash_bytes(zeros, 32, 5);
        changed += __builtin_popcountll(d);
    }
    ck_assert_int_gt(changed, 256 * 31);
    ck_assert_int_lt(changed, 256 * 33);
}
END_TEST

START_TEST(test_nulls)
{
    uint32_t out = 5;
    const an_stream s = {0};
    an_random_bits(NULL, 0, 1, &out);
    an_random_bits(&s, 0, 1, NULL);
    an_random_bits(&s, 0, -1, &out);
    ck_assert_uint_eq(out, 5);
    ck_assert_uint_eq(an_random_bits_at(NULL, 0), 0);
}
END_TEST

AN_TEST_MAIN("random", test_known_answers, test_many_equal_one, test_moments, test_streams_differ,
             test_hashes, test_nulls)
