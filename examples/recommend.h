/* recommend.h -- what recommend.c learns from, and what it is held against. */
#ifndef EXAMPLES_RECOMMEND_H
#define EXAMPLES_RECOMMEND_H

#include "examples/example.h"

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
 * stops, is what validates best. The RMSE on the test rows; *validated: on those that validate. */
double factorise(const ratings *r, int64_t width, uint64_t seed, double *validated);

/* Of predicted stars, held to what there is, for rows from `first` on. */
double rmse(const ratings *r, int64_t first, int64_t count, const float *predicted);

#endif
