/* depth_data.c -- the task, and what needs no net to solve it.
 *
 * 12 normal features, of which the signs of the products of two pairs are the class, 1 of 4:
 * a linear model can do no better than chance, and neighbours are led astray by the other
 * eight features.                                                             */
#include "examples/depth.h"

#include <math.h>

void draw_examples(examples *e, int count, uint64_t *random)
{
    for (int i = 0; i < count; i++) {
        float *x = e->x[i];
        for (int k = 0; k < FEATURES; k++) x[k] = (float)example_normal(random);
        e->label[i] = (x[0] * x[1] > 0) + 2 * (x[2] * x[3] > 0);
    }
}

/* Of each test example, the label of the nearest example so far and how far that is. */
typedef struct neighbours {
    float distance[TEST];
    int32_t label[TEST];
} neighbours;

static void look(neighbours *n, const examples *test, const examples *known)
{
    for (int i = 0; i < TEST; i++)
        for (int j = 0; j < TEST; j++) {
            float distance = 0;
            for (int k = 0; k < FEATURES; k++)
                distance += (known->x[j][k] - test->x[i][k]) * (known->x[j][k] - test->x[i][k]);
            if (distance >= n->distance[i]) continue;
            n->distance[i] = distance;
            n->label[i] = known->label[j];
        }
}

void measure_baselines(figures *f, uint64_t seed, int64_t known)
{
    static examples test, some;
    static neighbours n;
    int count[CLASSES] = {0}, right = 0;
    uint64_t random = seed;
    draw_examples(&test, TEST, &random);
    for (int i = 0; i < TEST; i++) n.distance[i] = INFINITY;
    for (int64_t seen = 0; seen < known; seen += TEST) {
        draw_examples(&some, TEST, &random);
        look(&n, &test, &some);
    }
    for (int i = 0; i < TEST; i++) {
        count[test.label[i]]++;
        right += n.label[i] == test.label[i];
    }
    for (int c = 0; c < CLASSES; c++) f->majority = fmax(f->majority, count[c] / (double)TEST);
    f->neighbour = right / (double)TEST;
}
