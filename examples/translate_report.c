/* translate_report.c -- what came of it: shares, some sentences, and whether that is enough. */
#include "examples/translate.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* Of sentences that are right in every word. */
static double exact_share(const pairs *p, translations t)
{
    int exact = 0;
    for (int i = 0; i < p->count; i++) exact += !memcmp(t[i], p->label[i], sizeof t[i]);
    return exact / (double)p->count;
}

/* Of words that are right in their place. */
static double word_share(const pairs *p, translations t)
{
    int words = 0, right = 0;
    for (int i = 0; i < p->count; i++)
        for (int k = 0; k < LENGTH && p->label[i][k]; k++) {
            words++;
            right += t[i][k] == p->label[i][k];
        }
    return right / (double)words;
}

static double tell(example *e, const char *who, const pairs *test, translations t)
{
    const double exact = exact_share(test, t), right = word_share(test, t);
    printf("  %-18s %6.1f %%   %6.1f %%\n", who, 100 * exact, 100 * right);
    example_figure(e, exact, "%s_exact", who);
    example_figure(e, right, "%s_words", who);
    return exact;
}

/* What looking wider has found, by the net's own measure. */
static void tell_search(example *e, const results *r, int count)
{
    int likelier = 0, less = 0;
    for (int i = 0; i < count; i++) {
        likelier += r->beam_score[i] > r->greedy_score[i] + 1e-4;
        less += r->beam_score[i] < r->greedy_score[i] - 1e-4;
    }
    printf("a beam of %d finds a likelier sentence than greedy for %d, a less likely one for %d\n",
           r->width, likelier, less);
    example_figure(e, likelier, "beam_likelier");
    example_figure(e, less, "beam_less_likely");
}

static void print_translation(const char *who, const languages *l, const int32_t *t)
{
    printf("  %-14s", who);
    for (int k = 0; k < LENGTH && t[k] && t[k] != l->stop; k++)
        printf(" %s", an_tokenizer_word(l->target, t[k]));
    puts("");
}

/* The first three, and what greedy got wrong, up to three. */
static void print_some(const languages *l, const pairs *test, results *r)
{
    for (int i = 0, wrong = 0; i < test->count && wrong < 3; i++) {
        const bool right = !memcmp(r->greedy[i], test->label[i], sizeof r->greedy[i]);
        if (i >= 3 && right) continue;
        wrong += i >= 3;
        printf("\n  %s\n", test->source_text[i]);
        print_translation("right", l, test->label[i]);
        print_translation(right ? "greedy" : "greedy, wrong", l, r->greedy[i]);
        print_translation("word by word", l, r->words[i]);
        print_translation("neighbour", l, r->neighbour[i]);
    }
}

bool report(example *e, const languages *l, const pairs *test, results *r)
{
    printf("\n%d sentences never trained on: right as a whole; words right in place\n",
           test->count);
    const double words = tell(e, "word_by_word", test, r->words);
    const double neighbour = tell(e, "nearest_neighbour", test, r->neighbour);
    const double greedy = tell(e, "greedy", test, r->greedy);
    const double beam = tell(e, "beam", test, r->beam);
    const double margin = greedy - fmax(words, neighbour);
    printf("greedy is %.1f points above the best baseline\n", 100 * margin);
    example_figure(e, margin, "margin");
    tell_search(e, r, test->count);
    print_some(l, test, r);
    if (!e->small) return greedy > 0.99 && beam > 0.99;
    /* A few hundred steps make few sentences right, but more words than the baselines do. */
    return word_share(test, r->greedy) >
           fmax(word_share(test, r->words), word_share(test, r->neighbour));
}
