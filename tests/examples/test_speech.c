/* test_speech.c -- what examples/speech.c is made of: WAV files of every form and of none, rates,
 * the transform against its definition, what is heard, and speakers.               */
#include "examples/speech.h"
#include "tests/support.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define PI 3.141592653589793

/* ---- files ------------------------------------------------------------------ */

typedef struct file {
    unsigned char byte[4096];
    int64_t count;
} file;

static void put(file *f, const void *bytes, size_t count)
{
    memcpy(f->byte + f->count, bytes, count);
    f->count += (int64_t)count;
}

static void put_number(file *f, uint32_t n, int size)
{
    for (int i = 0; i < size; i++) f->byte[f->count++] = (unsigned char)(n >> 8 * i);
}

/* The head of a file with so many bytes of samples, in the old form or the extensible one. */
static void put_head(file *f, uint32_t kind, uint32_t channels, uint32_t rate, uint32_t size,
                     uint32_t bytes, bool extensible)
{
    put(f, "RIFF\0\0\0\0WAVE", 12);
    put(f, "LIST\3\0\0\0abc\0", 12); /* a chunk of no interest, of odd size */
    put(f, "fmt ", 4);
    put_number(f, extensible ? 40 : 16, 4);
    put_number(f, extensible ? 0xfffe : kind, 2);
    put_number(f, channels, 2);
    put_number(f, rate, 4);
    put_number(f, rate * channels * size, 4);
    put_number(f, channels * size, 2);
    put_number(f, 8 * size, 2);
    if (extensible) {
        put_number(f, 22, 2);
        put_number(f, 8 * size, 2);
        put_number(f, 0, 4);
        put_number(f, kind, 2);
        put(f, "\0\0\0\0\x10\0\x80\0\0\xaa\0\x38\x9b\x71", 14);
    }
    put(f, "data", 4);
    put_number(f, bytes, 4);
}

static const char *scratch(void) { return "test_speech.wav"; }

static float *read_back(const file *f, int64_t *count)
{
    FILE *to = fopen(scratch(), "wb");
    ck_assert_ptr_nonnull(to);
    ck_assert_uint_eq(fwrite(f->byte, 1, (size_t)f->count, to), (size_t)f->count);
    ck_assert_int_eq(fclose(to), 0);
    float *x = wav_read(scratch(), count);
    remove(scratch());
    return x;
}

/* -1, -1/2, 0, 1/4 and 1 - 2^-7 can be told in every form. */
static const double told[] = {-1, -0.5, 0, 0.25, 0.9921875};

static void put_sample(file *f, double x, uint32_t kind, uint32_t size)
{
    const float single = (float)x;
    if (kind == 3 && size == 8) put(f, &x, 8);
    else if (kind == 3) put(f, &single, 4);
    else if (size == 1) put_number(f, (uint32_t)(128 + 128 * x), 1);
    else put_number(f, (uint32_t)(int64_t)(ldexp(x, (int)(8 * size) - 1)), (int)size);
}

START_TEST(test_every_form)
{
    const struct { uint32_t kind, size; } forms[] = {{1, 1}, {1, 2}, {1, 3},
                                                     {1, 4}, {3, 4}, {3, 8}};
    for (int i = 0; i < 6; i++)
        for (uint32_t channels = 1; channels <= 3; channels++)
            for (int extensible = 0; extensible < 2; extensible++) {
                const uint32_t kind = forms[i].kind, size = forms[i].size;
                file f = {.count = 0};
                int64_t count = 0;
                put_head(&f, kind, channels, RATE, size, 5 * channels * size, extensible);
                for (int k = 0; k < 5; k++)
                    for (uint32_t c = 0; c < channels; c++)
                        put_sample(&f, c == 0 ? told[k] : 0, kind, size);
                float *x = read_back(&f, &count);
                ck_assert_ptr_nonnull(x);
                ck_assert_int_eq(count, 5);
                for (int k = 0; k < 5; k++)
                    ck_assert_msg(x[k] == (float)(told[k] / channels),
                                  "kind %u of %u bytes, %u channels: %g, not %g / %u", kind, size,
                                  channels, x[k], told[k], channels);
                free(x);
            }
}
END_TEST

static void check_refused(file f, int64_t cut)
{
    int64_t count = 0;
    if (cut >= 0) f.count = cut;
    float *x = read_back(&f, &count);
    ck_assert_msg(x == NULL, "a file cut at byte %lld, or spoilt, was read", (long long)f.count);
}

START_TEST(test_what_is_no_sound_is_refused)
{
    file f = {.count = 0}, g;
    int64_t count = 0;
    put_head(&f, 1, 1, RATE, 2, 10, false);
    const int64_t head = f.count;
    for (int k = 0; k < 5; k++) put_sample(&f, told[k], 1, 2);
    for (int64_t cut = 0; cut < head; cut += 5) check_refused(f, cut);
    for (int64_t cut = head; cut <= f.count; cut++) { /* what there is is read */
        g = f;
        g.count = cut;
        float *x = read_back(&g, &count);
        ck_assert_ptr_nonnull(x);
        ck_assert_int_eq(count, (cut - head) / 2);
        free(x);
    }
    for (int what = 0; what < 6; what++) { /* kind, channels, rate, bits */
        static const int at[] = {32, 34, 34, 36, 46, 46};
        static const unsigned char to[] = {2, 0, 65, 0, 12, 40};
        g = f;
        g.byte[at[what]] = to[what];
        if (what == 3) g.byte[37] = 0;
        check_refused(g, -1);
    }
    g = (file){.count = 0};
    put_head(&g, 3, 1, RATE, 4, 4, false);
    put_sample(&g, NAN, 3, 4);
    check_refused(g, -1);
    ck_assert_ptr_null(wav_read("there/is/no/such.wav", &count));
}
END_TEST

START_TEST(test_what_is_written_is_read)
{
    float x[1000];
    int64_t count = 0;
    for (int i = 0; i < 1000; i++) x[i] = (float)(1.1 * sin(i * 0.37));
    ck_assert(wav_write(scratch(), x, 1000));
    float *y = wav_read(scratch(), &count);
    remove(scratch());
    ck_assert_int_eq(count, 1000);
    for (int i = 0; i < 1000; i++) {
        const double right = fmax(-1, fmin(32767. / 32768, x[i]));
        ck_assert(fabs(y[i] - right) <= 0.5001 / 32768);
    }
    free(y);
    ck_assert(!wav_write("there/is/no/such.wav", x, 10));
}
END_TEST

/* ---- rates ------------------------------------------------------------------ */

/* The largest error of a tone that changes its rate, away from the ends. */
static double worst(int64_t from, int64_t to, double hertz, double right)
{
    enum { COUNT = 4000 };
    float x[COUNT];
    int64_t count = 0;
    double most = 0;
    for (int i = 0; i < COUNT; i++) x[i] = (float)sin(2 * PI * hertz * i / (double)from);
    float *y = resample(x, COUNT, from, to, &count);
    ck_assert_ptr_nonnull(y);
    ck_assert_int_eq(count, COUNT * to / from);
    for (int64_t i = count / 5; i < count - count / 5; i++)
        most = fmax(most, fabs(y[i] - right * sin(2 * PI * hertz * (double)i / (double)to)));
    free(y);
    return most;
}

START_TEST(test_a_tone_keeps_its_pitch)
{
    static const int64_t rates[] = {8000, 11025, 22050, 44100, 48000, 96000, 15999};
    for (int i = 0; i < 7; i++)
        for (double hertz = 100; hertz < 3000; hertz += 450)
            ck_assert_msg(worst(rates[i], RATE, hertz, 1) < 0.01, "%lld: %g Hz",
                          (long long)rates[i], hertz);
    /* What the new rate cannot hold does not come back as another tone. */
    for (double hertz = 9000; hertz < 20000; hertz += 1000)
        ck_assert_msg(worst(48000, RATE, hertz, 0) < 0.01, "%g Hz folds back", hertz);
}
END_TEST

/* ---- spectra ---------------------------------------------------------------- */

START_TEST(test_the_transform_is_its_definition)
{
    static double re[1024], im[1024], x[1024], y[1024];
    uint64_t random = 7;
    for (int n = 1; n <= 1024; n *= 2) {
        for (int t = 0; t < n; t++) {
            x[t] = re[t] = example_normal(&random);
            y[t] = im[t] = example_normal(&random);
        }
        fourier(re, im, n);
        for (int k = 0; k < n; k++) {
            double a = 0, b = 0;
            for (int t = 0; t < n; t++) {
                const double turn = -2 * PI * (double)((int64_t)t * k % n) / n;
                a += x[t] * cos(turn) - y[t] * sin(turn);
                b += x[t] * sin(turn) + y[t] * cos(turn);
            }
            ck_assert_msg(fabs(re[k] - a) < 1e-11 * n && fabs(im[k] - b) < 1e-11 * n,
                          "n %d, k %d: %g %g, not %g %g", n, k, re[k], im[k], a, b);
        }
    }
}
END_TEST

/* A tone is loudest in the band it is in, wherever in a longer file it stands and however loud. */
START_TEST(test_a_tone_is_heard_in_its_band)
{
    static float sound[3 * RATE], x[FEATURES], y[FEATURES];
    int last = -1;
    for (double hertz = 200; hertz < 7000; hertz *= 1.4) {
        memset(sound, 0, sizeof sound);
        for (int i = 0; i < RATE; i++)
            sound[RATE / 2 + i] = (float)(0.1 * sin(2 * PI * hertz * i / RATE));
        hear(sound, 3 * RATE, x);
        int best = 0;
        for (int b = 1; b < BANDS; b++)
            if (x[20 * BANDS + b] > x[20 * BANDS + best]) best = b;
        ck_assert_msg(best > last, "%g Hz is heard in band %d, a lower one in %d", hertz, best,
                      last);
        last = best;
        hear(sound + RATE / 2, RATE, y);
        for (int i = 0; i < FEATURES; i++) ck_assert(fabsf(x[i] - y[i]) < 1e-5f);
    }
    hear(sound, 0, x); /* silence, and nothing at all, are numbers, too */
    for (int i = 0; i < FEATURES; i++) ck_assert(isfinite(x[i]));
}
END_TEST

/* ---- speakers ---------------------------------------------------------------- */

START_TEST(test_speakers_say_each_word_their_own_way)
{
    static float a[RATE], b[RATE];
    for (int word = 0; word < WORDS; word++) {
        speak(word, 5, 3, 0, a);
        speak(word, 5, 3, 0, b);
        ck_assert_int_eq(memcmp(a, b, sizeof a), 0);
        double energy = 0;
        for (int i = 0; i < RATE; i++) {
            ck_assert(fabsf(a[i]) <= 1);
            energy += (double)a[i] * a[i];
        }
        ck_assert(energy > 0.1);
        speak(word, 5, 3, 1, b);
        ck_assert_int_ne(memcmp(a, b, sizeof a), 0);
        speak(word, 5, 4, 0, b);
        ck_assert_int_ne(memcmp(a, b, sizeof a), 0);
        speak(word, 6, 3, 0, b);
        ck_assert_int_ne(memcmp(a, b, sizeof a), 0);
    }
}
END_TEST

AN_TEST_MAIN("speech", test_every_form, test_what_is_no_sound_is_refused,
             test_what_is_written_is_read, test_a_tone_keeps_its_pitch,
             test_the_transform_is_its_definition, test_a_tone_is_heard_in_its_band,
             test_speakers_say_each_word_their_own_way)
