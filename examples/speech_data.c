/* speech_data.c -- words as sets of spectra: generated, or a folder of WAV files each; and what
 * needs no net to tell them. */
#include "examples/speech.h"

#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

/* ---- sets ----------------------------------------------------------------------- */

static bool add_sound(sounds *s, const float *samples, int64_t count, int32_t label)
{
    if (s->count == s->room) {
        const int64_t room = s->room ? 2 * s->room : 256;
        float *x = realloc(s->x, (size_t)(room * FEATURES) * sizeof *x);
        if (x) s->x = x;
        int32_t *labels = x ? realloc(s->label, (size_t)room * sizeof *labels) : NULL;
        if (!labels) return fputs("speech: there is no memory for the sounds\n", stderr), false;
        s->label = labels;
        s->room = room;
    }
    s->label[s->count] = label;
    hear(samples, count, s->x + s->count++ * FEATURES);
    return true;
}

an_tensor sounds_frames(const sounds *s)
{
    return an_tensor_view(AN_F32, AN_EXTENTS(s->count, FRAMES, BANDS), s->x);
}

an_tensor sounds_labels(const sounds *s)
{
    return an_tensor_view(AN_I32, AN_EXTENTS(s->count), s->label);
}

void free_corpus(corpus *c)
{
    free(c->known.x);
    free(c->known.label);
    free(c->unseen.x);
    free(c->unseen.label);
    *c = (corpus){0};
}

/* ---- generated -------------------------------------------------------------------- */

enum { TIMES = 2 };

bool speak_all(corpus *c, uint64_t seed, int64_t known, int64_t unseen)
{
    static float x[RATE];
    c->words = WORDS;
    for (int w = 0; w < WORDS; w++) snprintf(c->name[w], LONGEST_NAME, "%s", synthetic_words[w]);
    for (int64_t i = 0; i < (known + unseen) * TIMES * WORDS; i++) {
        const int64_t speaker = i / (TIMES * WORDS);
        const int word = (int)(i % WORDS);
        speak(word, seed, speaker, i / WORDS % TIMES, x);
        if (!add_sound(speaker < known ? &c->known : &c->unseen, x, RATE, word)) return false;
    }
    return true;
}

static bool make_folder(const char *path)
{
    if (mkdir(path, 0777) == 0 || errno == EEXIST) return true;
    fprintf(stderr, "speech: %s: %s\n", path, strerror(errno));
    return false;
}

bool write_words(uint64_t seed, const char *folder, int64_t speakers)
{
    static float x[RATE];
    bool good = make_folder(folder);
    for (int64_t i = 0; good && i < speakers * TIMES * WORDS; i++) {
        char path[4096];
        const int word = (int)(i % WORDS);
        snprintf(path, sizeof path, "%s/%s", folder, synthetic_words[word]);
        good = make_folder(path);
        speak(word, seed, i / (TIMES * WORDS), i / WORDS % TIMES, x);
        snprintf(path, sizeof path, "%s/%s/%03lld_nohash_%lld.wav", folder, synthetic_words[word],
                 (long long)(i / (TIMES * WORDS)), (long long)(i / WORDS % TIMES));
        good = good && wav_write(path, x, RATE);
    }
    return good;
}

/* ---- folders ---------------------------------------------------------------------- */

static int is_word(const struct dirent *d) /* Speech Commands keeps noises in "_background_..." */
{
    return d->d_name[0] != '.' && d->d_name[0] != '_';
}

static int is_wav(const struct dirent *d)
{
    const size_t n = strlen(d->d_name);
    return d->d_name[0] != '.' && n > 4 && !strcasecmp(d->d_name + n - 4, ".wav");
}

/* A fifth of all speakers, by their names (FNV-1a). */
static bool is_unseen(const char *file)
{
    uint32_t hash = 2166136261u;
    for (; *file && *file != '_'; file++) hash = (hash ^ (unsigned char)*file) * 16777619u;
    return (hash ^ hash >> 16) % 5 == 0;
}

static bool read_word(corpus *c, const char *folder, const char *word)
{
    char path[8192];
    struct dirent **name = NULL;
    snprintf(path, sizeof path, "%s/%s", folder, word);
    const int count = scandir(path, &name, is_wav, alphasort);
    const int32_t label = (int32_t)c->words;
    bool good = true;
    for (int i = 0; good && i < count; i++) {
        int64_t samples = 0;
        snprintf(path, sizeof path, "%s/%s/%s", folder, word, name[i]->d_name);
        float *x = wav_read(path, &samples);
        sounds *to = is_unseen(name[i]->d_name) ? &c->unseen : &c->known;
        good = x && add_sound(to, x, samples, label);
        free(x);
    }
    for (int i = 0; i < count; i++) free(name[i]);
    free(name);
    if (count > 0) snprintf(c->name[c->words++], LONGEST_NAME, "%s", word);
    return good;
}

bool read_words(corpus *c, const char *folder)
{
    struct dirent **name = NULL;
    const int count = scandir(folder, &name, is_word, alphasort);
    bool good = count >= 0;
    if (!good) fprintf(stderr, "speech: %s: %s\n", folder, strerror(errno));
    for (int i = 0; good && i < count && c->words < MOST_WORDS; i++)
        good = read_word(c, folder, name[i]->d_name);
    for (int i = 0; i < count; i++) free(name[i]);
    free(name);
    if (good && (c->words < 2 || c->known.count == 0 || c->unseen.count == 0)) {
        fprintf(stderr, "speech: %s: it needs two folders of WAV files, of several speakers\n",
                folder);
        return false;
    }
    return good;
}

/* ---- baselines -------------------------------------------------------------------- */

double majority(const corpus *c)
{
    return example_majority(c->known.label, c->known.count, c->unseen.label, c->unseen.count,
                            c->words);
}

/* Moves the sound so that the middle of what is above the average stands in the middle. */
static void centre(const float *x, float *y)
{
    double sum = 1e-9, where = 0;
    for (int i = 0; i < FEATURES; i++) {
        sum += fmax(x[i], 0);
        where += fmax(x[i], 0) * (i / BANDS);
    }
    const int shift = (int)lrint(where / sum) - FRAMES / 2;
    for (int f = 0; f < FRAMES; f++) {
        const int from = (f + shift + FRAMES) % FRAMES;
        memcpy(y + f * BANDS, x + from * BANDS, BANDS * sizeof *y);
    }
}

double nearest_centroid(const corpus *c)
{
    static double mean[MOST_WORDS][FEATURES];
    static float x[FEATURES];
    int64_t count[MOST_WORDS] = {0}, right = 0;
    memset(mean, 0, sizeof mean);
    for (int64_t i = 0; i < c->known.count; i++) {
        const int32_t w = c->known.label[i];
        centre(c->known.x + i * FEATURES, x);
        count[w]++;
        for (int k = 0; k < FEATURES; k++) mean[w][k] += (x[k] - mean[w][k]) / (double)count[w];
    }
    for (int64_t i = 0; i < c->unseen.count; i++) {
        double least = INFINITY;
        int32_t nearest = -1;
        centre(c->unseen.x + i * FEATURES, x);
        for (int32_t w = 0; w < c->words; w++) {
            double sum = count[w] ? 0 : INFINITY;
            for (int k = 0; k < FEATURES; k++) sum += (x[k] - mean[w][k]) * (x[k] - mean[w][k]);
            if (sum < least) nearest = w;
            if (sum < least) least = sum;
        }
        right += nearest == c->unseen.label[i];
    }
    return (double)right / (double)c->unseen.count;
}
