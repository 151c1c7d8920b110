/* test_runtime.c -- what the process computes with, asked from many threads at once. */
#include "core/runtime.h"

#include <cblas.h>
#include <pthread.h>
#include <sched.h>

#include "tests/support.h"

static void *ask(void *unused)
{
    (void)unused;
    an_blas_enter();
    an_blas_leave();
    return (void *)(intptr_t)(an_threads() * 16 + (int)an_runtime_isa());
}

START_TEST(test_first_use_from_many_threads)
{
    pthread_t thread[8];
    void *answer[8];
    for (int i = 0; i < 8; i++) ck_assert_int_eq(pthread_create(&thread[i], NULL, ask, NULL), 0);
    for (int i = 0; i < 8; i++) pthread_join(thread[i], &answer[i]);
    for (int i = 1; i < 8; i++) ck_assert_ptr_eq(answer[i], answer[0]);
}
END_TEST

START_TEST(test_threads)
{
    cpu_set_t set;
    ck_assert_int_eq(sched_getaffinity(0, sizeof set, &set), 0);
    ck_assert_int_eq(an_threads(), CPU_COUNT(&set));
    an_set_threads(3);
    ck_assert_int_eq(an_threads(), 3);
    an_set_threads(1000000);
    ck_assert_int_le(an_threads(), 1024);
    an_set_threads(-4);
    ck_assert_int_eq(an_threads(), CPU_COUNT(&set));
}
END_TEST

START_TEST(test_instruction_sets)
{
    const an_isa best = an_runtime_isa();
    ck_assert_int_ge((int)best, (int)AN_ISA_BASE);
    ck_assert(an_runtime_force_isa(AN_ISA_BASE));
    ck_assert_int_eq((int)an_runtime_isa(), (int)AN_ISA_BASE);
    for (int isa = (int)best + 1; isa <= AN_ISAS; isa++)
        ck_assert(!an_runtime_force_isa((an_isa)isa));
    for (int isa = (int)best + 1; isa < AN_ISAS; isa++) { /* said here for all tests of kernels */
        char what[32];
        snprintf(what, sizeof what, "%s kernels", an_isa_name((an_isa)isa));
        an_test_skip(what, "this CPU cannot run them");
    }
    ck_assert(!an_runtime_force_isa((an_isa)-1));
    ck_assert(an_runtime_force_isa(best));
    ck_assert_int_eq((int)an_runtime_isa(), (int)best);
    ck_assert_str_eq(an_isa_name(AN_ISA_AVX2), "avx2");
    ck_assert_str_eq(an_isa_name((an_isa)77), "?");
}
END_TEST

START_TEST(test_blas_has_one_thread)
{
    an_blas_enter();
    ck_assert_int_eq(openblas_get_num_threads(), 1);
    an_blas_leave();
    ck_assert_ptr_nonnull(strstr(an_blas_describe(), "OpenBLAS"));
    an_set_threads(1);
    ck_assert_ptr_nonnull(strstr(an_runtime_describe(), "1 thread,"));
    ck_assert_ptr_nonnull(strstr(an_runtime_describe(), an_blas_describe()));
    an_set_threads(0);
}
END_TEST

AN_TEST_MAIN("runtime", test_first_use_from_many_threads, test_threads, test_instruction_sets,
             test_blas_has_one_thread)
