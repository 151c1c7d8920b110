/* autoencoder_options.c -- the command line of autoencoder.c: what is usual, and what makes no
 * sense. */
#include "examples/autoencoder.h"

#include <stdio.h>

bool read_options(plan *p, int argc, char **argv)
{
    *p = (plan){.width = 32, .blocks = 1, .epochs = 12, .batch = 64, .rate = 3e-3, .noise = 0.2,
              .hidden = 0.5, .margin = 0.05, .from = {.edge = 32, .most = 4000},
              .e = {.name = "autoencoder", .does = "learns images without labels", .seed = 1,
                    .threads = 2}};
    const example_option own[] = {
        {"--mnist", "a folder of MNIST's four files", .text = &p->from.mnist},
        {"--cifar", "a folder of CIFAR-10's six files, in binary", .text = &p->from.cifar},
        {"--folder", picture_formats(), .text = &p->from.folder},
        {"--edge", "of its images, in pixels", .count = &p->from.edge},
        {"--images", "to learn from at most; 0: all", .count = &p->from.most},
        {"--width", "numbers of a tile", .count = &p->width},
        {"--blocks", "it has", .count = &p->blocks},
        {"--epochs", "of training", .count = &p->epochs},
        {"--batch", "images of a step", .count = &p->batch},
        {"--rate", "the highest, of AdamW", .number = &p->rate},
        {"--noise", "its deviation; white is 1", .number = &p->noise},
        {"--hidden", "share of tiles", .number = &p->hidden},
        {"--margin", "over the best baseline that is asked", .number = &p->margin}, {0}};
    if (!example_begin(&p->e, argc, argv, own)) return false;
    if (p->width < 1 || p->blocks < 1 || p->epochs < 1 || p->batch < 1 || !(p->rate > 0) ||
        p->width % 4) {
        fputs("autoencoder: --width, --blocks, --epochs and --batch take 1 or more, --width a "
              "multiple of 4, --rate a number above 0\n", stderr);
        return p->e.code = 2, false;
    }
    if (p->e.small) { /* asks for less than a half of what is usual */
        p->from.most = 1500;
        p->epochs = 6;
        p->margin = 0.02;
    }
    return true;
}
