/* speech_wav.c -- RIFF WAVE files as samples of one rate, and back. */
#include "examples/speech.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- files ------------------------------------------------------------------ */

typedef struct bytes {
    unsigned char *at;
    int64_t count;
} bytes;

static void *refuse(const char *path, const char *why)
{
    fprintf(stderr, "speech: %s: %s\n", path, why);
    return NULL;
}

static uint32_t number(const unsigned char *b, int size) /* little-endian */
{
    uint32_t n = 0;
    for (int i = 0; i < size; i++) n |= (uint32_t)b[i] << 8 * i;
    return n;
}

static bytes read_file(const char *path)
{
    enum { MOST = 1 << 28 };
    bytes b = {0};
    FILE *f = fopen(path, "rb");
    if (!f) return refuse(path, strerror(errno)), b;
    for (int64_t room = 1 << 17; room <= MOST; room *= 2) {
        unsigned char *more = realloc(b.at, (size_t)room);
        if (!more) break;
        b.at = more;
        b.count += (int64_t)fread(b.at + b.count, 1, (size_t)(room - b.count), f);
        if (b.count == room) continue;
        if (ferror(f)) break;
        fclose(f);
        return b;
    }
    refuse(path, ferror(f) ? strerror(errno) : "it is above 128 MiB, or there is no memory");
    fclose(f);
    free(b.at);
    return (bytes){0};
}

/* ---- what is in them --------------------------------------------------------- */

typedef struct form {
    bool is_float;
    uint32_t channels, rate, size; /* bytes of a sample */
} form;

/* The chunk of that name: where it begins, and its size; cut off where the file is. */
static const unsigned char *find_chunk(const bytes *b, const char *name, int64_t *size)
{
    for (int64_t at = 12; at + 8 <= b->count;) {
        const int64_t has = number(b->at + at + 4, 4), rest = b->count - at - 8;
        *size = has < rest ? has : rest;
        if (!memcmp(b->at + at, name, 4)) return b->at + at + 8;
        at += 8 + has + has % 2;
    }
    return NULL;
}

static const char *read_form(const bytes *b, form *f)
{
    int64_t size = 0;
    if (b->count < 12 || memcmp(b->at, "RIFF", 4) || memcmp(b->at + 8, "WAVE", 4))
        return "it is no RIFF WAVE file";
    const unsigned char *fmt = find_chunk(b, "fmt ", &size);
    if (!fmt || size < 16) return "it does not say what its samples are";
    uint32_t kind = number(fmt, 2);
    if (kind == 0xfffe && size >= 26) kind = number(fmt + 24, 2); /* "extensible" */
    *f = (form){kind == 3, number(fmt + 2, 2), number(fmt + 4, 4), number(fmt + 14, 2) / 8};
    const bool whole = number(fmt + 14, 2) % 8 == 0;
    if (kind != 1 && kind != 3) return "its samples are neither PCM nor float";
    if (!whole || (f->is_float ? f->size != 4 && f->size != 8 : f->size < 1 || f->size > 4))
        return "its samples are of a size that is not read";
    if (f->channels < 1 || f->channels > 64) return "it has no channels, or more than 64";
    if (f->rate < 1000 || f->rate > 1000000) return "its rate is not 1 to 1000 kHz";
    return NULL;
}

static float sample(const unsigned char *b, const form *f)
{
    float x;
    double y;
    if (f->is_float && f->size == 4) return memcpy(&x, b, 4), x;
    if (f->is_float) return memcpy(&y, b, 8), (float)y;
    if (f->size == 1) return ((float)b[0] - 128) / 128; /* without a sign, as the format has it */
    const uint32_t top = number(b, (int)f->size) << (32 - 8 * f->size);
    return (float)((double)(int32_t)top / 2147483648.0);
}

static float *mix_down(const unsigned char *data, int64_t count, const form *f)
{
    float *x = malloc((size_t)(count + 1) * sizeof *x);
    for (int64_t i = 0; x && i < count; i++) {
        double sum = 0;
        for (uint32_t c = 0; c < f->channels; c++, data += f->size) sum += sample(data, f);
        x[i] = (float)(sum / f->channels);
    }
    return x;
}

static float *decode(const char *path, const bytes *b, int64_t *count)
{
    form f;
    int64_t size = 0, n = 0;
    const char *wrong = read_form(b, &f);
    const unsigned char *data = wrong ? NULL : find_chunk(b, "data", &size);
    if (!wrong && !data) wrong = "it has no samples";
    if (wrong) return refuse(path, wrong);
    n = size / ((int64_t)f.size * f.channels);
    float *x = mix_down(data, n, &f), *y = x;
    for (int64_t i = 0; x && i < n; i++)
        if (!isfinite(x[i])) wrong = "a sample is not finite";
    if (x && !wrong && f.rate != RATE) {
        y = resample(x, n, f.rate, RATE, &n);
        free(x);
    }
    if (wrong) free(x);
    *count = n;
    return wrong || !y ? refuse(path, wrong ? wrong : "there is no memory for it") : y;
}

float *wav_read(const char *path, int64_t *count)
{
    const bytes b = read_file(path);
    float *x = b.at ? decode(path, &b, count) : NULL;
    free(b.at);
    return x;
}

bool wav_write(const char *path, const float *x, int64_t count)
{
    const uint32_t size = (uint32_t)(2 * count), rate = RATE;
    const uint32_t words[] = {size + 36, 16, 1 | 1 << 16, rate, 2 * rate, 2 | 16 << 16, size};
    static const char *const before[] = {"RIFF", "WAVEfmt ", "", "", "", "", "data"};
    FILE *f = fopen(path, "wb");
    for (int k = 0; f && k < 7; k++) {
        fputs(before[k], f);
        for (int i = 0; i < 4; i++) fputc((int)(words[k] >> 8 * i & 255), f);
    }
    for (int64_t i = 0; f && i < count; i++) {
        const int y = (int)lrint(fmax(-32768, fmin(32767, 32768.0 * x[i])));
        fputc(y & 255, f);
        fputc(y >> 8 & 255, f);
    }
    const bool good = f && !ferror(f);
    if (f && fclose(f) == 0 && good) return true;
    refuse(path, strerror(errno));
    return false;
}

/* ---- rates ------------------------------------------------------------------- */

float *resample(const float *x, int64_t count, int64_t from, int64_t to, int64_t *becomes)
{
    enum { SIDES = 16 }; /* zeros of the sine on each side */
    const double pi = 3.141592653589793, step = (double)from / (double)to;
    const double pass = step > 1 ? 0.95 / step : 0.95; /* of half the rate of x */
    const double reach = SIDES / pass;
    *becomes = count * to / from;
    float *y = malloc((size_t)(*becomes + 1) * sizeof *y);
    for (int64_t i = 0; y && i < *becomes; i++) {
        const double at = (double)i * step;
        double sum = 0, weights = 0;
        for (int64_t k = (int64_t)ceil(at - reach); (double)k <= at + reach; k++) {
            const double d = (double)k - at, s = pi * pass * d;
            const double w = (s == 0 ? 1 : sin(s) / s) * (0.5 + 0.5 * cos(pi * d / reach));
            weights += w;
            if (k >= 0 && k < count) sum += w * x[k];
        }
        y[i] = (float)(sum / weights);
    }
    return y;
}
