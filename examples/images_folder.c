/* images_folder.c -- folders of pictures, a folder a class, in the order of their names. */
#include "examples/images.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FOLD = 5 }; /* of so many pictures of a class, the last is for tests */

static int is_visible(const struct dirent *d) { return d->d_name[0] != '.'; }
static int is_picture(const struct dirent *d) { return picture_named(d->d_name); }

static void free_names(struct dirent **name, int count)
{
    for (int i = 0; i < count; i++) free(name[i]);
    free(name);
}

static bool add_picture(const char *path, int32_t label, images *to)
{
    float *x = images_add(to, label);
    return x && picture_read(path, to->height, x);
}

/* How many pictures the folder has, or -1 after a message; -2 if it is none. */
static int read_class(const char *folder, int32_t label, images *train, images *test)
{
    struct dirent **name = NULL;
    const int count = scandir(folder, &name, is_picture, alphasort);
    if (count < 0 && errno == ENOTDIR) return -2;
    bool good = count >= 0;
    if (!good) fprintf(stderr, "images: %s: %s\n", folder, strerror(errno));
    for (int i = 0; i < count && good; i++) {
        char path[8192];
        snprintf(path, sizeof path, "%s/%s", folder, name[i]->d_name);
        good = add_picture(path, label, i % FOLD == FOLD - 1 ? test : train);
    }
    free_names(name, count);
    return good ? count : -1;
}

bool read_folder(const char *folder, int64_t edge, images *train, images *test)
{
    struct dirent **name = NULL;
    const int count = scandir(folder, &name, is_visible, alphasort);
    bool good = count >= 0;
    int32_t classes = 0;
    *train = *test = (images){.channels = 3, .height = edge, .width = edge};
    if (!good) fprintf(stderr, "images: %s: %s\n", folder, strerror(errno));
    for (int i = 0; i < count && good; i++) {
        char path[4096];
        snprintf(path, sizeof path, "%s/%s", folder, name[i]->d_name);
        const int found = read_class(path, classes, train, test);
        if (found > 0) printf("class %d: %s, %d pictures\n", classes++, name[i]->d_name, found);
        good = found != -1;
    }
    free_names(name, count);
    train->classes = test->classes = classes;
    if (good && (classes < 2 || test->count == 0))
        fprintf(stderr, "images: %s: it needs two folders of pictures, and in one of them %d\n",
                folder, FOLD);
    return good && classes >= 2 && test->count > 0;
}
