/* images_read.c -- the files in which MNIST and CIFAR-10 come, checked before they are believed.
 *
 * MNIST (LeCun et al. 1998) is in the IDX format: 0, 0, 8 for bytes, the rank, an extent of four
 * bytes for each axis, the highest first; then the bytes. CIFAR-10 (Krizhevsky 2009) has records
 * of a label and 3 x 32 x 32 bytes, and nothing before, between or behind them. */
#include "examples/images.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CLASSES = 10 }; /* of both */

/* ---- files ----------------------------------------------------------------- */

typedef struct bytes {
    char path[4096];
    unsigned char *byte;
    int64_t count;
} bytes;

static bool refuse(bytes *b, const char *why)
{
    fprintf(stderr, "images: %s: %s\n", b->path, why);
    return false;
}

/* All of a file; to be freed, also after a failure. */
static bool read_bytes(bytes *b, const char *folder, const char *name)
{
    *b = (bytes){0};
    snprintf(b->path, sizeof b->path, "%s/%s", folder, name);
    FILE *f = fopen(b->path, "rb");
    if (!f) return refuse(b, strerror(errno));
    bool good = fseek(f, 0, SEEK_END) == 0 && (b->count = ftell(f)) >= 0;
    if (good) {
        rewind(f);
        b->byte = malloc((size_t)b->count + 1);
        good = b->byte && fread(b->byte, 1, (size_t)b->count, f) == (size_t)b->count;
    }
    fclose(f);
    return good || refuse(b, "it cannot be read");
}

static void to_floats(float *x, const unsigned char *byte, int64_t count)
{
    for (int64_t i = 0; i < count; i++) x[i] = (float)byte[i] / 255.0f;
}

/* ---- MNIST ----------------------------------------------------------------- */

static int64_t extent(const bytes *b, int axis)
{
    const unsigned char *p = b->byte + 4 + 4 * axis;
    return (int64_t)p[0] << 24 | p[1] << 16 | p[2] << 8 | p[3];
}

/* That it is an IDX file of bytes of that rank, and as long as its extents say. */
static bool check_idx(bytes *b, int rank)
{
    char why[160];
    if (b->count >= 2 && b->byte[0] == 0x1f && b->byte[1] == 0x8b)
        return refuse(b, "it is packed; gunzip it first");
    if (b->count < 4 + 4 * rank) return refuse(b, "it ends within its header");
    if (b->byte[0] || b->byte[1] || b->byte[2] != 8 || b->byte[3] != rank) {
        snprintf(why, sizeof why, "it begins with %02x%02x%02x%02x, an IDX file of bytes of rank "
                 "%d with 000008%02x", b->byte[0], b->byte[1], b->byte[2], b->byte[3], rank, rank);
        return refuse(b, why);
    }
    int64_t need = 1;
    for (int i = 0; i < rank; i++) {
        if (extent(b, i) > (1 << 24)) return refuse(b, "an extent is above 2^24");
        if (i > 0 && extent(b, i) != 28) return refuse(b, "its images are not 28 x 28");
        need *= extent(b, i);
    }
    if (need == b->count - 4 - 4 * rank && need > 0) return true;
    snprintf(why, sizeof why, "it has %lld bytes behind its header, which says %lld",
             (long long)(b->count - 4 - 4 * rank), (long long)need);
    return refuse(b, why);
}

static bool check_label(bytes *b, int64_t place)
{
    char why[80];
    if (b->byte[place] < CLASSES) return true;
    snprintf(why, sizeof why, "the label at byte %lld is %d, not 0 to 9", (long long)place,
             b->byte[place]);
    return refuse(b, why);
}

static bool join(bytes *pictures, bytes *labels, images *to)
{
    char why[120];
    *to = (images){.channels = 1, .height = 28, .width = 28, .classes = CLASSES};
    const int64_t count = extent(pictures, 0);
    if (extent(labels, 0) != count) {
        snprintf(why, sizeof why, "it has %lld labels for %lld images",
                 (long long)extent(labels, 0), (long long)count);
        return refuse(labels, why);
    }
    if (!images_reserve(to, count)) return false;
    for (int64_t i = 0; i < count; i++) {
        if (!check_label(labels, 8 + i)) return false;
        float *x = images_add(to, labels->byte[8 + i]);
        to_floats(x, pictures->byte + 16 + i * images_size(to), images_size(to));
    }
    return true;
}

static bool read_pair(const char *folder, const char *pictures, const char *labels, images *to)
{
    bytes p, l = {0};
    const bool good = read_bytes(&p, folder, pictures) && check_idx(&p, 3) &&
                      read_bytes(&l, folder, labels) && check_idx(&l, 1) && join(&p, &l, to);
    free(p.byte);
    free(l.byte);
    return good;
}

bool read_mnist(const char *folder, images *train, images *test)
{
    return read_pair(folder, "train-images-idx3-ubyte", "train-labels-idx1-ubyte", train) &&
           read_pair(folder, "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte", test);
}

/* ---- CIFAR-10 -------------------------------------------------------------- */

enum { RECORD = 1 + 3 * 32 * 32 };

static bool add_records(bytes *b, images *to)
{
    char why[120];
    if (b->count == 0 || b->count % RECORD) {
        snprintf(why, sizeof why, "%lld bytes are no whole number of records of %d",
                 (long long)b->count, RECORD);
        return refuse(b, why);
    }
    if (!images_reserve(to, b->count / RECORD)) return false;
    for (int64_t at = 0; at < b->count; at += RECORD) {
        if (!check_label(b, at)) return false;
        to_floats(images_add(to, b->byte[at]), b->byte + at + 1, RECORD - 1);
    }
    return true;
}

bool read_cifar(const char *folder, images *train, images *test)
{
    bool good = true;
    *train = *test = (images){.channels = 3, .height = 32, .width = 32, .classes = CLASSES};
    for (int i = 1; i <= 6 && good; i++) {
        char name[32] = "test_batch.bin";
        if (i <= 5) snprintf(name, sizeof name, "data_batch_%d.bin", i);
        bytes b;
        good = read_bytes(&b, folder, name) && add_records(&b, i <= 5 ? train : test);
        free(b.byte);
    }
    return good;
}
