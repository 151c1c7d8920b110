/* recommend.h -- what recommend.c learns from, and what it is held against. */
#ifndef EXAMPLES_RECOMMEND_H
#define EXAMPLES_RECOMMEND_H

#include "examples/example.h"

enum { BATCH = 256 };

typedef struct plan {
    const char *ratings;          /* a file; NULL: generated */
    int64_t width, units, blocks; /* of a vector; of the perceptron, and how deep it is */
    int64_t epochs, user, top;    /* whom to recommend something, and how much */
    double rate, decay;
    example e;
} plan;

typedef struct model {
    an_graph *graph;
    an_store *store;
    an_program *train, *test, *predict; /* of user[B], item[B] and, but the last, stars[B,1] */
} model;

/* Who gave what how many stars. Rows stand in an order by chance: the first `train` are learnt, the
 * next `validate` say when to stop and which settings to take, the rest are for the test alone.
 * Zero-initialised, there are none. */
typedef struct ratings {
    int64_t users, items, count, train, validate;
    int32_t *user, *item; /* [count], each from 0 on */
    float *stars;         /* [count] */
    int64_t *user_id;     /* [users]: what the file calls them */
    char **title;         /* [items] */
    double low, high;     /* the fewest stars there are, and the most */
    double mean;          /* of those that are learnt */
    double floor;         /* RMSE of whoever knew how they were drawn; 0: nobody knows */
} ratings;

void ratings_free(ratings *r);

/* ---- recommend_data.c: all three give false after a message -------------- */

/* Room for so many rows, users and items. */
bool ratings_make(ratings *r, int64_t count, int64_t users, int64_t items);
bool generate_ratings(ratings *r, uint64_t seed);
/* Puts rows into an order by chance and cuts off 10 % to validate and 10 % to test. */
bool split_ratings(ratings *r, uint64_t seed);

/* ---- recommend_read.c ----------------------------------------------------- */

/* MovieLens: ratings.csv (userId,movieId,rating,timestamp behind a header), u.data (by tabs),
 * ratings.dat (by ::). Titles are those of movies.csv, u.item or movies.dat beside it, if it is
 * there. */
bool read_ratings(ratings *r, const char *path);

/* ---- recommend_baselines.c ------------------------------------------------ */

/* Matrix factorisation with biases (Koren, Bell & Volinsky 2009): the mean, a bias each of user and
 * item, and the product of two vectors of `width` numbers, fitted by alternating least squares.
 * With a width of 0 the biases alone. How strongly numbers are drawn to 0, and after which sweep it
 * stops, is what validates best; *bias_pull, that of biases, is found with a width of 0 and taken
 * with others. The RMSE on the test rows; NaN after a message. */
double factorise(const ratings *r, int64_t width, uint64_t seed, double *bias_pull);

/* Of predicted stars, held to what there is, for rows from `first` on. */
double rmse(const ratings *r, int64_t first, int64_t count, const float *predicted);

/* ---- recommend_top.c ------------------------------------------------------ */

/* The films that p->user has not rated and would give most, each with those of his own that he
 * gave much and that are nearest to it: by the cosine of the films' vectors. */
bool recommend(const model *m, const plan *p, const ratings *r);

#endif
