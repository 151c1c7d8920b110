/* images.h -- sets of images, for the examples that learn from them: MNIST, CIFAR-10, folders of
 * pictures, shapes that are drawn. */
#ifndef EXAMPLES_IMAGES_H
#define EXAMPLES_IMAGES_H

#include "examples/example.h"

/* Zero-initialised, a set is empty. Readers say what is wrong on stderr, and give false. */
typedef struct images {
    int64_t count, room; /* how many there are, and fit */
    int64_t channels, height, width, classes;
    float *x;            /* [count, channels, height, width], from 0, black, to 1 */
    int32_t *label;
} images;

/* One of the folders, or none: shapes. */
typedef struct source {
    const char *mnist, *cifar, *folder;
    int64_t edge; /* of the folder's images */
    int64_t most; /* images to train on: so many shapes; of files, drawn at random, 0: all */
} source;

/* ---- images.c ------------------------------------------------------------ */

/* Makes room for `more` images of the set's channels, height and width. */
bool images_reserve(images *e, int64_t more);
/* The next image's pixels, for its label; NULL where memory is out. */
float *images_add(images *e, int32_t label);
int64_t images_size(const images *e); /* numbers of one image */
void images_free(images *e);
/* As feeds, which borrow: [count, channels, height, width] and [count]. */
an_tensor images_pixels(const images *e);
an_tensor images_labels(const images *e);

/* What to train on, and new images to test on. */
bool images_from(const source *from, uint64_t seed, images *train, images *test);

/* Shapes of ten kinds, by size, place, turn, brightness and noise as they come. */
bool draw_shapes(images *e, int64_t count, uint64_t *random);

/* Shares of `test` that are right: all of the commonest class of `train`; each of the first `tests`
 * of its nearest neighbour's in `train`. */
double majority_accuracy(const images *train, const images *test);
double neighbour_accuracy(const images *train, const images *test, int64_t tests);

/* ---- images_read.c: the files of the data sets' authors, unpacked -------- */

bool read_mnist(const char *folder, images *train, images *test); /* [1,28,28] */
bool read_cifar(const char *folder, images *train, images *test); /* [3,32,32], CIFAR-10 */

/* ---- images_folder.c ----------------------------------------------------- */

/* A folder for each class, named as it likes, of PNG and JPEG files; others are passed over. The
 * fifth, tenth ... of each class by name is for tests. */
bool read_folder(const char *folder, int64_t edge, images *train, images *test);

/* ---- images_picture.c ---------------------------------------------------- */

bool picture_named(const char *name); /* as PNG and JPEG files are */
/* The middle square as [3, edge, edge]. */
bool picture_read(const char *path, int64_t edge, float *x);
const char *picture_formats(void); /* what --folder takes in this build */

#endif
