/* test_memory.c -- checked sizes, the allocator hook, arenas and tensors. */
#include "core/memory.h"

#include <math.h>

#include "tests/support.h"

START_TEST(test_checked_arithmetic)
{
    int64_t r = -1;
    ck_assert(an_mul_size(6, 7, &r) && r == 42);
    ck_assert(an_mul_size(INT64_MAX, 0, &r) && r == 0);
    ck_assert(!an_mul_size(INT64_MAX, 2, &r));
    ck_assert(!an_mul_size(-1, 2, &r));
    ck_assert(an_add_size(INT64_MAX - 1, 1, &r) && r == INT64_MAX);
    ck_assert(!an_add_size(INT64_MAX, 1, &r));
    ck_assert(!an_add_size(5, -1, &r));
    ck_assert(an_round_up(65, 64, &r) && r == 128);
    ck_assert(an_round_up(0, 64, &r) && r == 0);
    ck_assert(!an_round_up(INT64_MAX, 64, &r));
    ck_assert(!an_round_up(10, 48, &r));
    ck_assert(an_count_elements(0, NULL, &r) && r == 1);
    ck_assert(an_count_elements(3, (int64_t[]){2, 3, 4}, &r) && r == 24);
    ck_assert(an_count_elements(2, (int64_t[]){0, 5}, &r) && r == 0);
    ck_assert(!an_count_elements(2, (int64_t[]){0, -5}, &r));
    ck_assert(!an_count_elements(3, (int64_t[]){INT64_MAX, 2, 0}, &r));
    ck_assert(!an_count_elements(AN_MAX_RANK + 1, (int64_t[9]){0}, &r));
}
END_TEST

START_TEST(test_absurd_requests)
{
    ck_assert_ptr_null(an_alloc(0));
    ck_assert_ptr_null(an_alloc(-1));
    ck_assert_ptr_null(an_alloc(INT64_MAX));
    ck_assert_ptr_null(an_alloc_zeroed(INT64_MAX));
    ck_assert_ptr_null(an_alloc_aligned(INT64_MAX));
    ck_assert_ptr_null(an_alloc_aligned(-5));
    an_free(NULL);
    an_free_aligned(NULL);
}
END_TEST

START_TEST(test_aligned_blocks)
{
    for (int64_t size = 1; size < 300; size += 7) {
        unsigned char *block = an_alloc_aligned(size);
        ck_assert_ptr_nonnull(block);
        ck_assert_uint_eq((uintptr_t)block % 64, 0);
        memset(block, 0x5a, (size_t)size);
        an_free_aligned(block);
    }
}
END_TEST

START_TEST(test_growing)
{
    int *items = NULL;
    int64_t capacity = 0;
    for (int i = 0; i < 1000; i++) {
        ck_assert(AN_GROW(items, capacity, i + 1));
        items[i] = i;
    }
    ck_assert_int_ge(capacity, 1000);
    const int64_t before = capacity;
    ck_assert(!AN_GROW(items, capacity, INT64_MAX));
    ck_assert_int_eq(capacity, before);
    ck_assert_int_eq(items[999], 999);
    an_free(items);
}
END_TEST

START_TEST(test_arena)
{
    an_arena arena = {0};
    char *first = an_arena_string(&arena, "first");
    for (int64_t size = 0; size < 5000; size = size * 3 / 2 + 1) {
        char *block = an_arena_alloc(&arena, size);
        ck_assert_uint_eq((uintptr_t)block % 16, 0);
        for (int64_t i = 0; i < size; i++) ck_assert_int_eq(block[i], 0);
        memset(block, 0x77, (size_t)size);
    }
    ck_assert_str_eq(first, "first");
    ck_assert_str_eq(an_arena_text(&arena, "abcdef", 3), "abc");
    ck_assert_int_eq(*(int *)an_arena_copy(&arena, &(int){77}, sizeof(int)), 77);
    ck_assert_ptr_null(an_arena_string(&arena, NULL));
    ck_assert_ptr_null(an_arena_alloc(&arena, -1));
    ck_assert_ptr_null(an_arena_alloc(&arena, INT64_MAX));
    ck_assert_ptr_null(an_arena_alloc(NULL, 1));
    an_arena_free(&arena);
    ck_assert_ptr_null(arena.head);
    an_arena_free(&arena);
}
END_TEST

START_TEST(test_tensor_life)
{
    an_tensor t = {0}, copy = {0};
    ck_assert_int_eq(an_tensor_alloc(&t, AN_F32, AN_EXTENTS(2, 3)), AN_OK);
    ck_assert_uint_eq((uintptr_t)t.data % 64, 0);
    ck_assert_int_eq(an_tensor_count(&t), 6);
    ck_assert_int_eq(an_tensor_bytes(&t), 24);
    for (int64_t i = 0; i < 6; i++) ck_assert(an_tensor_get(&t, i) == 0);
    an_tensor_set(&t, 5, 2.5);
    ck_assert_int_eq(an_tensor_copy(&copy, &t), AN_OK);
    ck_assert(an_tensor_get(&copy, 5) == 2.5);
    ck_assert_int_eq(copy.rank, 2);

    const void *data = t.data; /* smaller: the memory is used again, zeroed */
    ck_assert_int_eq(an_tensor_alloc(&t, AN_I32, AN_EXTENTS(4)), AN_OK);
    ck_assert_ptr_eq(t.data, data);
    ck_assert(an_tensor_get(&t, 3) == 0);
    ck_assert_int_eq(an_tensor_alloc(&t, AN_F64, 0, NULL), AN_OK);
    ck_assert_int_eq(an_tensor_count(&t), 1);
    ck_assert_int_eq(an_tensor_alloc(&t, AN_F32, AN_EXTENTS(0, 3)), AN_OK);
    ck_assert_int_eq(an_tensor_count(&t), 0);
    ck_assert_ptr_nonnull(t.data);
    an_tensor_free(&t);
    an_tensor_free(&copy);
    ck_assert_ptr_null(t.data);
}
END_TEST

START_TEST(test_tensor_conversions)
{
    static const struct {
        an_dtype dtype;
        double in, out;
    } cases[] = {
        {AN_F32, 0.5, 0.5},         {AN_F64, 0.1, 0.1},          {AN_I32, -7.9, -7},
        {AN_I32, 1e10, 2147483647}, {AN_I32, -1e10, -2147483648.0}, {AN_I64, -3, -3},
        {AN_I64, 1e30, 0x1p63},     {AN_BOOL, 3, 1},             {AN_BOOL, 0, 0},
        {AN_I32, (double)NAN, 0},   {AN_F32, INFINITY, INFINITY},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        an_tensor t = {0};
        ck_assert_int_eq(an_tensor_alloc(&t, cases[i].dtype, AN_EXTENTS(3)), AN_OK);
        an_tensor_set(&t, 1, cases[i].in);
        ck_assert(an_tensor_get(&t, 1) == cases[i].out);
        ck_assert(an_tensor_get(&t, 0) == 0 && an_tensor_get(&t, 2) == 0);
        an_tensor_set(&t, 3, 5), an_tensor_set(&t, -1, 5);
        ck_assert(isnan(an_tensor_get(&t, 3)) && isnan(an_tensor_get(&t, -1)));
        an_tensor_free(&t);
    }
}
END_TEST

START_TEST(test_tensor_at_any_address)
{
    char bytes[64];
    for (int dtype = AN_F32; dtype <= AN_BOOL; dtype++)
        for (int shift = 0; shift < 8; shift++) {
            an_tensor t = an_tensor_borrow((an_dtype)dtype, AN_EXTENTS(3), bytes + shift);
            memset(bytes, 0, sizeof bytes);
            an_tensor_set(&t, 1, 1);
            ck_assert(an_tensor_get(&t, 1) == 1);
            ck_assert(an_tensor_get(&t, 0) == 0 && an_tensor_get(&t, 2) == 0);
        }
}
END_TEST

START_TEST(test_tensor_refusals)
{
    an_tensor t = {0};
    float data[6] = {1, 2, 3, 4, 5, 6};
    const int64_t big[] = {INT64_MAX / 2, 3};
    ck_assert_int_eq(an_tensor_alloc(NULL, AN_F32, 0, NULL), AN_E_ARGUMENT);
    ck_assert_int_eq(an_tensor_alloc(&t, (an_dtype)9, 0, NULL), AN_E_ARGUMENT);
    ck_assert_int_eq(an_tensor_alloc(&t, AN_F32, 2, NULL), AN_E_ARGUMENT);
    ck_assert_int_eq(an_tensor_alloc(&t, AN_F32, AN_EXTENTS(2, -1)), AN_E_LIMIT);
    ck_assert_int_eq(an_tensor_alloc(&t, AN_F32, 2, big), AN_E_LIMIT);
    ck_assert_int_eq(an_tensor_alloc(&t, AN_F64, 1, big), AN_E_LIMIT);
    ck_assert_int_eq(an_tensor_alloc(&t, AN_BOOL, 1, big), AN_E_LIMIT);
    ck_assert_int_eq(an_tensor_alloc(&t, AN_BOOL, AN_EXTENTS(AN_MOST_ELEMENTS)), AN_E_MEMORY);
    /* One rule for all orders: a zero hides no overflow among the others. */
    ck_assert_int_eq(an_tensor_alloc(&t, AN_F32, AN_EXTENTS(0, 1LL << 62, 1LL << 62)), AN_E_LIMIT);
    ck_assert_int_eq(an_tensor_alloc(&t, AN_F32, AN_EXTENTS(1LL << 62, 1LL << 62, 0)), AN_E_LIMIT);
    ck_assert_int_eq(an_tensor_alloc(&t, AN_F32, AN_EXTENTS(0, 1LL << 59, 2)), AN_E_LIMIT);
    ck_assert_ptr_null(t.data);

    an_tensor borrowed = an_tensor_borrow(AN_F32, AN_EXTENTS(2, 3), data);
    ck_assert(an_tensor_get(&borrowed, 4) == 5);
    ck_assert_int_eq(an_tensor_alloc(&borrowed, AN_F32, 0, NULL), AN_E_STATE);
    ck_assert_int_eq(an_tensor_copy(&borrowed, &borrowed), AN_OK);
    an_tensor_free(&borrowed);
    ck_assert(data[5] == 6);

    an_tensor view = an_tensor_view(AN_F32, AN_EXTENTS(2, 3), data), own = {0};
    an_tensor_set(&view, 4, 99);
    ck_assert(an_tensor_get(&view, 4) == 5);
    ck_assert_int_eq(an_tensor_alloc(&view, AN_F32, AN_EXTENTS(2, 3)), AN_E_STATE);
    ck_assert_int_eq(an_tensor_copy(&own, &view), AN_OK);
    ck_assert_int_eq(an_tensor_copy(&view, &own), AN_E_STATE);
    ck_assert(an_tensor_get(&own, 4) == 5);
    an_tensor_free(&own);
    an_tensor_free(&view); /* frees nothing */
    ck_assert(view.data == NULL && data[4] == 5);

    const an_tensor wrong = an_tensor_borrow(AN_F32, 99, big, data);
    ck_assert_int_eq(an_tensor_count(&wrong), 0);
    ck_assert(isnan(an_tensor_get(&wrong, 0)));
    ck_assert_int_eq(an_tensor_copy(&t, &wrong), AN_E_ARGUMENT);
    ck_assert_int_eq(an_tensor_copy(&t, NULL), AN_E_ARGUMENT);
    ck_assert_int_eq(an_tensor_count(NULL), 0);
    an_tensor_free(NULL);
}
END_TEST

START_TEST(test_out_of_memory)
{
    int64_t fail_at = 0;
    for (bool failed = true; failed; fail_at++) {
        an_test_heap_start(fail_at);
        an_arena arena = {0};
        an_tensor t = {0};
        int *items = NULL;
        int64_t capacity = 0;
        bool good = an_arena_alloc(&arena, 10) != NULL;
        good = an_arena_alloc(&arena, 5000) != NULL && good;
        good = an_tensor_alloc(&t, AN_F32, AN_EXTENTS(10)) == AN_OK && good;
        if (t.data) an_tensor_set(&t, 3, 4);
        const an_status grown = an_tensor_alloc(&t, AN_F32, AN_EXTENTS(1000));
        ck_assert(grown == AN_OK || grown == AN_E_MEMORY);
        if (grown == AN_E_MEMORY && t.data) ck_assert(an_tensor_get(&t, 3) == 4); /* left alone */
        good = grown == AN_OK && AN_GROW(items, capacity, 100) && good;
        an_arena_free(&arena);
        an_tensor_free(&t);
        an_free(items);
        failed = an_test_heap_failed();
        ck_assert(good != failed);
        ck_assert_int_eq(an_test_heap_stop(), 0);
    }
    ck_assert_int_eq(fail_at, 6); /* five requests, and the round without a failure */
}
END_TEST

AN_TEST_MAIN("memory", test_checked_arithmetic, test_absurd_requests, test_aligned_blocks,
             test_growing, test_arena, test_tensor_life, test_tensor_conversions,
             test_tensor_at_any_address, test_tensor_refusals, test_out_of_memory)
