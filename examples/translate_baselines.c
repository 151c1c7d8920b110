/* translate_baselines.c -- translating without a net.
 *
 * Both see the pairs that the net is trained on: a dictionary, and a memory.  */
#include "examples/translate.h"

#include <stdlib.h>
#include <string.h>

/* ---- a dictionary ---------------------------------------------------------- */

/* In how many pairs words occur, and in how many together. */
typedef struct counts {
    int source[MOST_WORDS], target[MOST_WORDS], both[MOST_WORDS][MOST_WORDS];
} counts;

static bool first_of(const int32_t *ids, int at)
{
    for (int i = 0; i < at; i++)
        if (ids[i] == ids[at]) return false;
    return true;
}

static void count_pair(counts *c, const int32_t *source, const int32_t *label, int32_t stop)
{
    for (int k = 0; k < LENGTH && label[k] != stop; k++) c->target[label[k]] += first_of(label, k);
    for (int i = 0; i < LENGTH && source[i]; i++) {
        if (!first_of(source, i)) continue;
        c->source[source[i]]++;
        for (int k = 0; k < LENGTH && label[k] != stop; k++)
            c->both[source[i]][label[k]] += first_of(label, k);
    }
}

/* Not the most frequent, which would be an article for every word: the one with the largest
 * coefficient of Dice (1945), twice the pairs with both by the pairs with either. */
static int32_t best_word(const counts *c, int32_t word)
{
    double most = -1;
    int32_t best = 1;
    for (int32_t k = 1; k < MOST_WORDS; k++) {
        const int either = c->source[word] + c->target[k];
        const double dice = either ? 2.0 * c->both[word][k] / either : 0;
        if (dice <= most) continue;
        most = dice;
        best = k;
    }
    return best;
}

void translate_words(const languages *l, const pairs *known, const pairs *test, translations t)
{
    static counts c;
    static int32_t dictionary[MOST_WORDS];
    memset(&c, 0, sizeof c);
    for (int i = 0; i < known->count; i++)
        count_pair(&c, known->source[i], known->label[i], l->stop);
    for (int32_t w = 1; w < MOST_WORDS; w++) dictionary[w] = best_word(&c, w);
    for (int i = 0; i < test->count; i++) {
        memset(t[i], 0, sizeof t[i]);
        for (int k = 0; k < test->length[i]; k++) t[i][k] = dictionary[test->source[i][k]];
        t[i][test->length[i]] = l->stop;
    }
}

/* ---- a memory -------------------------------------------------------------- */

static int least(int a, int b)
{
    return a < b ? a : b;
}

/* Words to be put in, left out or replaced to get from a to b (Levenshtein 1966). */
static int distance(const int32_t *a, int n, const int32_t *b, int m)
{
    int row[LENGTH + 1];
    for (int k = 0; k <= m; k++) row[k] = k;
    for (int i = 1; i <= n; i++) {
        int corner = row[0];
        row[0] = i;
        for (int k = 1; k <= m; k++) {
            const int replaced = corner + (a[i - 1] != b[k - 1]);
            corner = row[k];
            row[k] = least(replaced, 1 + least(row[k], row[k - 1]));
        }
    }
    return row[m];
}

void translate_as_neighbour(const pairs *known, const pairs *test, translations t)
{
    for (int i = 0; i < test->count; i++) {
        int nearest = LENGTH + 1, best = 0;
        for (int j = 0; j < known->count; j++) {
            const int n = test->length[i], m = known->length[j];
            if (abs(n - m) >= nearest) continue;
            const int far = distance(test->source[i], n, known->source[j], m);
            if (far >= nearest) continue;
            nearest = far;
            best = j;
        }
        memcpy(t[i], known->label[best], sizeof t[i]);
    }
}
