/* test_corpus.c -- the generated reviews: balanced, distinct, and blind to counting.
 *
 * The claim that words alone do not give the label away is tried with the model
 * that uses exactly that: a logistic regression on word counts, its
 * regularisation tuned on a validation part, judged on a part it never saw. */
#include <math.h>

#include "frontends/frontends.h"
#include "tests/support.h"

#define REVIEWS 5000

static int64_t words_in(const char *text)
{
    int64_t words = 1;
    for (; *text; text++) words += *text == ' ';
    return words;
}

static int compare_texts(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

START_TEST(test_balanced_distinct_and_sized)
{
    an_dataset *const d = an_dataset_new();
    ck_assert_int_eq(an_dataset_generate(d, REVIEWS, 1), AN_OK);
    ck_assert_int_eq(an_dataset_count(d), REVIEWS);
    ck_assert_str_eq(an_dataset_class_name(d, 0), "negative");
    ck_assert_str_eq(an_dataset_class_name(d, 1), "positive");
    const char **const sorted = malloc(REVIEWS * sizeof *sorted);
    ck_assert_ptr_nonnull(sorted);
    int64_t positive = 0, late_positive = 0;
    for (int64_t i = 0; i < REVIEWS; i++) {
        sorted[i] = an_dataset_texts(d)[i];
        const int64_t words = words_in(sorted[i]);
        ck_assert_msg(words >= 15 && words <= 60, "%lld words: %s", (long long)words, sorted[i]);
        ck_assert_msg(!strchr(sorted[i], '$') && !strstr(sorted[i], "  "), "%s", sorted[i]);
        positive += an_dataset_labels(d)[i];
        if (i >= REVIEWS / 5 * 4) late_positive += an_dataset_labels(d)[i];
    }
    ck_assert_int_eq(positive, REVIEWS / 2);
    ck_assert_int_eq(late_positive, REVIEWS / 10);
    qsort(sorted, REVIEWS, sizeof *sorted, compare_texts);
    for (int64_t i = 1; i < REVIEWS; i++) ck_assert_str_ne(sorted[i - 1], sorted[i]);
    free(sorted);
    an_dataset_free(d);
}
END_TEST

START_TEST(test_seed_decides)
{
    an_dataset *const one = an_dataset_new(), *const other = an_dataset_new();
    ck_assert_int_eq(an_dataset_generate(one, 100, 9), AN_OK);
    ck_assert_int_eq(an_dataset_generate(other, 100, 9), AN_OK);
    for (int i = 0; i < 100; i++) {
        ck_assert_str_eq(an_dataset_texts(one)[i], an_dataset_texts(other)[i]);
        ck_assert_int_eq(an_dataset_labels(one)[i], an_dataset_labels(other)[i]);
    }
    /* The same seed again goes on with reviews that are not there yet. */
    ck_assert_int_eq(an_dataset_generate(one, 100, 9), AN_OK);
    for (int i = 0; i < 100; i++)
        for (int j = 100; j < 200; j++)
            ck_assert_str_ne(an_dataset_texts(one)[i], an_dataset_texts(one)[j]);
    an_dataset *const third = an_dataset_new();
    ck_assert_int_eq(an_dataset_generate(third, 100, 10), AN_OK);
    ck_assert_str_ne(an_dataset_texts(third)[0], an_dataset_texts(other)[0]);
    an_dataset_free(one);
    an_dataset_free(other);
    an_dataset_free(third);
}
END_TEST

/* ---- counting words ---------------------------------------------------- */

/* Rows of ids and their labels; a model has a weight per id, and the bias in 0. */
typedef struct part {
    const an_sequences *rows;
    const int32_t *labels;
    int64_t begin, end;
} part;

static double score(const double *weight, const part *p, int64_t row)
{
    double sum = weight[0];
    for (int64_t j = p->rows->start[row]; j < p->rows->start[row + 1]; j++)
        sum += weight[p->rows->ids[j]];
    return sum;
}

static double accuracy(const double *weight, const part *p)
{
    int64_t right = 0;
    for (int64_t row = p->begin; row < p->end; row++)
        right += (score(weight, p, row) > 0) == (p->labels[row] == 1);
    return (double)right / (double)(p->end - p->begin);
}

/* Gradient descent on the mean cross-entropy plus l2/2 |w|^2. */
static void fit(double *weight, int64_t vocabulary, const part *p, double l2)
{
    const double rate = 0.2;
    double *const slope = malloc((size_t)vocabulary * sizeof *slope);
    ck_assert_ptr_nonnull(slope);
    memset(weight, 0, (size_t)vocabulary * sizeof *weight);
    for (int pass = 0; pass < 600; pass++) {
        for (int64_t i = 0; i < vocabulary; i++) slope[i] = i > 0 ? l2 * weight[i] : 0;
        for (int64_t row = p->begin; row < p->end; row++) {
            const double wrong = 1 / (1 + exp(-score(weight, p, row))) - p->labels[row];
            const double share = wrong / (double)(p->end - p->begin);
            slope[0] += share;
            for (int64_t j = p->rows->start[row]; j < p->rows->start[row + 1]; j++)
                slope[p->rows->ids[j]] += share;
        }
        for (int64_t i = 0; i < vocabulary; i++) weight[i] -= rate * slope[i];
    }
    free(slope);
}

/* Accuracy on the last fifth, with the strength that does best on the fifth before. */
static double best_by_counting(const an_dataset *d, uint64_t seed)
{
    an_tokenizer *const t = an_tokenizer_new(NULL);
    an_sequences rows = {0};
    ck_assert_int_eq(an_tokenizer_fit(t, an_dataset_texts(d), REVIEWS / 5 * 3), AN_OK);
    ck_assert_int_eq(an_tokenizer_encode(t, an_dataset_texts(d), REVIEWS, &rows), AN_OK);
    const int64_t vocabulary = an_tokenizer_vocabulary(t);
    double *const weight = malloc((size_t)vocabulary * sizeof *weight);
    ck_assert_ptr_nonnull(weight);
    const part train = {&rows, an_dataset_labels(d), 0, REVIEWS / 5 * 3};
    const part validation = {&rows, an_dataset_labels(d), train.end, REVIEWS / 5 * 4};
    const part test = {&rows, an_dataset_labels(d), validation.end, REVIEWS};
    static const double strengths[] = {0, 1e-3, 1e-2, 1e-1};
    double best = 0, judged = 0;
    for (size_t i = 0; i < sizeof strengths / sizeof *strengths; i++) {
        fit(weight, vocabulary, &train, strengths[i]);
        const double valid = accuracy(weight, &validation);
        printf("corpus seed %d, l2 %g: train %.3f, validation %.3f, test %.3f\n", (int)seed,
               strengths[i], accuracy(weight, &train), valid, accuracy(weight, &test));
        if (valid <= best) continue;
        best = valid;
        judged = accuracy(weight, &test);
    }
    free(weight);
    an_sequences_free(&rows);
    an_tokenizer_free(t);
    return judged;
}

START_TEST(test_counting_words_is_not_enough)
{
    for (uint64_t seed = 1; seed <= 2; seed++) {
        an_dataset *const d = an_dataset_new();
        ck_assert_int_eq(an_dataset_generate(d, REVIEWS, seed), AN_OK);
        const double got = best_by_counting(d, seed);
        ck_assert(got < 0.75);
        ck_assert(got > 0.52); /* or the regression, too, would have learnt nothing */
        an_dataset_free(d);
    }
}
END_TEST

AN_TEST_MAIN("corpus", test_balanced_distinct_and_sized, test_seed_decides,
             test_counting_words_is_not_enough)
