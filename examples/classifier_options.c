/* classifier_options.c -- the classifier's command line. */
#include "examples/classifier.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void print_usage(void)
{
    puts("usage: classifier [options]\n"
         "  --train FILE            TSV (label first, text last), CSV with a header, or a folder\n"
         "                          with one sub-folder of texts per class; none: generated\n"
         "  --generate N            how many reviews to generate (5000)\n"
         "  --test FILE             texts to test on after training\n"
         "  --epochs N (10)  --batch N (32)  --validation-split X (0.2)  --seed N (1)\n"
         "  --max-length N (100)    words a text is cut or padded to\n"
         "  --vocab N               only the N - 1 most frequent words; 0: all\n"
         "  --padding post|pre  --truncating pre|post   as in Keras (post, pre)\n"
         "  --mask                  skip the padding (which then stands behind)\n"
         "  --tokens word|char\n"
         "  --threads N             0: all CPUs\n"
         "  --checkpoint DIR        kept after every epoch, and where Ctrl-C or SIGTERM stops it;\n"
         "                          --resume goes on from there\n"
         "  --dot FILE              the training graph as .dot, .svg, .png or .pdf\n"
         "  --graph FILE            the same as text, for the addnorm command\n"
         "  --curves FILE           the training curves as SVG\n"
         "  --events DIR            the same, weights and gradients for TensorBoard\n"
         "  --json FILE             figures for machines\n"
         "  --predict FILE|-        then classify one text a line\n"
         "  --no-fusion             leave the Add & Norm pairs as they are");
}

/* ---- values ------------------------------------------------------------ */

static bool complain(const char *option, const char *value, const char *wanted)
{
    fprintf(stderr, "classifier: %s takes %s, not '%s'; see classifier --help\n", option, wanted,
            value ? value : "");
    return false;
}

static bool integer(const char *option, const char *value, int64_t low, int64_t *out)
{
    char *end = NULL;
    errno = 0;
    const long long n = value ? strtoll(value, &end, 10) : 0;
    if (!value || end == value || *end || errno || n < low)
        return complain(option, value, low > 0 ? "a positive number" : "a number from 0 on");
    *out = n;
    return true;
}

static bool fraction(const char *option, const char *value, double *out)
{
    char *end = NULL;
    const double x = value ? strtod(value, &end) : -1;
    if (!value || end == value || *end || !(x >= 0 && x < 1))
        return complain(option, value, "a number in [0, 1)");
    *out = x;
    return true;
}

static bool side(const char *option, const char *value, an_side *out)
{
    const bool pre = value && !strcmp(value, "pre"), post = value && !strcmp(value, "post");
    if (!pre && !post) return complain(option, value, "pre or post");
    *out = pre ? AN_PRE : AN_POST;
    return true;
}

static bool tokens(const char *option, const char *value, bool *characters)
{
    const bool words = value && !strcmp(value, "word");
    *characters = value && !strcmp(value, "char");
    return words || *characters || complain(option, value, "word or char");
}

static bool text(const char *option, const char *value, const char **out)
{
    *out = value;
    return value || complain(option, value, "a name");
}

/* ---- options ----------------------------------------------------------- */

/* Options without a value; false if it is none of them. */
static bool is_switch(const char *name, options *o)
{
    bool *const field = !strcmp(name, "--mask")        ? &o->mask
                        : !strcmp(name, "--resume")    ? &o->resume
                        : !strcmp(name, "--no-fusion") ? &o->plain
                        : !strcmp(name, "--help")      ? &o->help
                                                       : NULL;
    if (field) *field = true;
    return field != NULL;
}

static bool set_number(const char *name, const char *value, options *o, bool *known)
{
    int64_t number = 0;
    *known = true;
    if (!strcmp(name, "--epochs")) return integer(name, value, 1, &o->epochs);
    if (!strcmp(name, "--batch")) return integer(name, value, 1, &o->batch);
    if (!strcmp(name, "--max-length")) return integer(name, value, 1, &o->max_length);
    if (!strcmp(name, "--vocab")) return integer(name, value, 0, &o->vocab);
    if (!strcmp(name, "--generate")) return integer(name, value, 1, &o->generate);
    if (!strcmp(name, "--validation-split")) return fraction(name, value, &o->validation_split);
    if (!strcmp(name, "--seed")) {
        if (!integer(name, value, 0, &number)) return false;
        o->seed = (uint64_t)number;
        return true;
    }
    if (!strcmp(name, "--threads")) {
        if (!integer(name, value, 0, &number)) return false;
        o->threads = number < 1024 ? (int)number : 1024;
        return true;
    }
    *known = false;
    return true;
}

static bool set_option(const char *name, const char *value, options *o)
{
    bool known = true;
    const bool good = set_number(name, value, o, &known);
    if (known) return good;
    if (!strcmp(name, "--train")) return text(name, value, &o->train);
    if (!strcmp(name, "--test")) return text(name, value, &o->test);
    if (!strcmp(name, "--checkpoint")) return text(name, value, &o->checkpoint);
    if (!strcmp(name, "--dot")) return text(name, value, &o->dot);
    if (!strcmp(name, "--graph")) return text(name, value, &o->graph);
    if (!strcmp(name, "--curves")) return text(name, value, &o->curves);
    if (!strcmp(name, "--events")) return text(name, value, &o->events);
    if (!strcmp(name, "--json")) return text(name, value, &o->json);
    if (!strcmp(name, "--predict")) return text(name, value, &o->predict);
    if (!strcmp(name, "--padding")) return side(name, value, &o->padding);
    if (!strcmp(name, "--truncating")) return side(name, value, &o->truncating);
    if (!strcmp(name, "--tokens")) return tokens(name, value, &o->characters);
    fprintf(stderr, "classifier: there is no option %s; see classifier --help\n", name);
    return false;
}

bool read_options(int argc, char **argv, options *o)
{
    *o = (options){.epochs = 10, .batch = 32, .max_length = 100, .validation_split = 0.2,
                   .padding = AN_POST, .truncating = AN_PRE, .seed = 1, .generate = 5000};
    for (int i = 1; i < argc; i++) {
        if (is_switch(argv[i], o)) continue;
        if (!set_option(argv[i], i + 1 < argc ? argv[i + 1] : NULL, o)) return false;
        i++;
    }
    if (o->resume && !o->checkpoint) {
        fputs("classifier: --resume needs --checkpoint DIR\n", stderr);
        return false;
    }
    if (o->mask && o->padding == AN_PRE) {
        /* Only the words count then, so where the padding stands changes nothing. */
        fputs("classifier: with --mask the padding stands behind\n", stderr);
        o->padding = AN_POST;
    }
    return true;
}
