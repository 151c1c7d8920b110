/* resnet_options.c -- the command line of resnet.c: what is usual, and what makes no sense. */
#include "examples/resnet.h"

#include <stdio.h>

static const char *complaint(const plan *p)
{
    const trial *t = &p->t;
    if (!!p->from.mnist + !!p->from.cifar + !!p->from.folder > 1)
        return "images are of one of --mnist, --cifar and --folder";
    if (p->from.edge < 1 || p->from.edge > 1024) return "--edge takes 1 to 1024";
    if (p->from.most > 10000000) return "--images takes 10000000 at most";
    if (t->depth < 8 || t->depth > 1202 || (t->depth - 2) % 6)
        return "--depth takes 8, 14, 20 ... 1202";
    if (t->width < 1 || t->width > 4096) return "--width takes 1 to 4096";
    if (t->epochs < 1 || t->epochs > 1000000) return "--epochs takes 1 to 1000000";
    if (t->batch < 1 || t->batch > 1000000) return "--batch takes 1 to 1000000";
    if (!(t->rate > 0)) return "--rate takes a number above 0";
    return NULL;
}

bool read_options(plan *p, int argc, char **argv)
{
    *p = (plan){.e = {.name = "resnet", .does = "tells images apart by a residual net", .seed = 1},
                .t = {.depth = 14, .width = 8, .epochs = 3, .batch = 32, .rate = 0.01},
                .from = {.edge = 32}};
    const example_option own[] = {
        {"--mnist", "a folder of MNIST's four files", .text = &p->from.mnist},
        {"--cifar", "a folder of CIFAR-10's six files, in binary", .text = &p->from.cifar},
        {"--folder", picture_formats(), .text = &p->from.folder},
        {"--edge", "of its images, in pixels", .count = &p->from.edge},
        {"--images", "to train on at most; 0: all, drawn 8000", .count = &p->from.most},
        {"--depth", "layers, 6n + 2", .count = &p->t.depth},
        {"--width", "channels of the first stage", .count = &p->t.width},
        {"--epochs", "of the training", .count = &p->t.epochs},
        {"--batch", "images of a step", .count = &p->t.batch},
        {"--rate", "the highest, of Adam", .number = &p->t.rate},
        {"--depth-test", "50 layers also on images from files", .flag = &p->depth_test},
        {"--at-least", "accuracy; 0: the best baseline's, drawn 0.97", .number = &p->at_least},
        {0}};
    if (!example_begin(&p->e, argc, argv, own)) return false;
    const char *why = complaint(p);
    if (why) fprintf(stderr, "resnet: %s\n", why);
    if (why) return p->e.code = 2, false;
    const bool drawn = !p->from.mnist && !p->from.cifar && !p->from.folder;
    p->t.seed = p->e.seed;
    if (p->e.small) {
        p->t.depth = 8;
        p->t.epochs = 4;
    }
    if (drawn) {
        p->depth_test |= !p->e.small;
        if (p->at_least <= 0) p->at_least = p->e.small ? 0.7 : 0.97;
        if (p->from.most == 0) p->from.most = p->e.small ? 1500 : 8000;
    }
    return true;
}
