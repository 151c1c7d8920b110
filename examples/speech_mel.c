/* speech_mel.c -- sound as the net sees it: log-mel spectra of a second. */
#include "examples/speech.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { WINDOW = 400, HOP = 320, SIZE = 512, BINS = SIZE / 2 + 1 };

/* ---- the transform ----------------------------------------------------------- */

static void swap(double *a, double *b)
{
    const double x = *a;
    *a = *b;
    *b = x;
}

void fourier(double *re, double *im, int n)
{
    for (int i = 1, j = 0; i < n; i++) { /* by their bits read backwards */
        int bit = n >> 1;
        for (; j & bit; bit >>= 1) j ^= bit;
        j ^= bit;
        if (i >= j) continue;
        swap(&re[i], &re[j]);
        swap(&im[i], &im[j]);
    }
    for (int half = 1; half < n; half *= 2)
        for (int k = 0; k < half; k++) {
            const double turn = -3.141592653589793 * k / half, c = cos(turn), s = sin(turn);
            for (int a = k; a < n; a += 2 * half) {
                const int b = a + half;
                const double x = c * re[b] - s * im[b], y = c * im[b] + s * re[b];
                re[b] = re[a] - x;
                im[b] = im[a] - y;
                re[a] += x;
                im[a] += y;
            }
        }
}

/* ---- bands ------------------------------------------------------------------- */

static double mel(double hertz) { return 2595 * log10(1 + hertz / 700); }

/* Triangles from 60 Hz to 7600 Hz, whose tips stand evenly on the mel scale and whose feet under
 * their neighbours' tips. */
static double in_band(int band, int bin)
{
    const double low = mel(60), gap = (mel(7600) - low) / (BANDS + 1);
    const double far = fabs(mel((double)bin * RATE / SIZE) - (low + gap * (band + 1))) / gap;
    return far < 1 ? 1 - far : 0;
}

typedef struct ear {
    double window[WINDOW], weight[BANDS][BINS];
} ear;

static void make_ear(ear *e)
{
    for (int i = 0; i < WINDOW; i++)
        e->window[i] = 0.5 - 0.5 * cos(6.283185307179586 * (i + 0.5) / WINDOW); /* Hann */
    for (int b = 0; b < BANDS; b++)
        for (int k = 0; k < BINS; k++) e->weight[b][k] = in_band(b, k);
}

/* ---- a second ---------------------------------------------------------------- */

/* Where the second with the most energy begins, to a hundredth. */
static int64_t loudest(const float *x, int64_t count)
{
    double sum = 0, best = -1;
    int64_t from = 0;
    for (int64_t i = 0; i < count; i++) {
        sum += (double)x[i] * x[i];
        if (i >= RATE) sum -= (double)x[i - RATE] * x[i - RATE];
        if (i + 1 < RATE || (i + 1 - RATE) % (RATE / 100) || sum <= best) continue;
        best = sum;
        from = i + 1 - RATE;
    }
    return from;
}

static void standardise(float *x)
{
    double sum = 0, squares = 0;
    for (int i = 0; i < FEATURES; i++) sum += x[i];
    const double mean = sum / FEATURES;
    for (int i = 0; i < FEATURES; i++) squares += (x[i] - mean) * (x[i] - mean);
    const double deviation = sqrt(squares / FEATURES) + 1e-6;
    for (int i = 0; i < FEATURES; i++) x[i] = (float)((x[i] - mean) / deviation);
}

void hear(const float *samples, int64_t count, float *x)
{
    static ear e;
    if (e.window[WINDOW / 2] == 0) make_ear(&e);
    const int64_t from = loudest(samples, count);
    for (int f = 0; f < FRAMES; f++) {
        double re[SIZE] = {0}, im[SIZE] = {0}, power[BINS];
        for (int i = 0; i < WINDOW; i++) {
            const int64_t at = from + f * HOP + i;
            re[i] = at < count ? e.window[i] * samples[at] : 0;
        }
        fourier(re, im, SIZE);
        for (int k = 0; k < BINS; k++) power[k] = re[k] * re[k] + im[k] * im[k];
        for (int b = 0; b < BANDS; b++) {
            double sum = 1e-6;
            for (int k = 0; k < BINS; k++) sum += e.weight[b][k] * power[k];
            x[f * BANDS + b] = (float)log(sum);
        }
    }
    standardise(x);
}
