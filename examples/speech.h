/* speech.h -- what speech.c trains on, where it has it from, and what it is held against. */
#ifndef EXAMPLES_SPEECH_H
#define EXAMPLES_SPEECH_H

#include "examples/example.h"

/* A second of sound at RATE, as FRAMES spectra, each the energy of BANDS bands. */
enum { RATE = 16000, FRAMES = 49, BANDS = 32, FEATURES = FRAMES * BANDS };
enum { MOST_WORDS = 64, LONGEST_NAME = 32 };

/* ---- speech_wav.c: files of sound ---------------------------------------- */

/* Samples in -1 .. 1, mixed down to one channel, at RATE; *count of them, to be freed. Files are
 * RIFF WAVE, PCM of 8, 16, 24 or 32 bits or float of 32 or 64. NULL after a message. */
float *wav_read(const char *path, int64_t *count);
bool wav_write(const char *path, const float *x, int64_t count); /* at RATE, 16 bits */

/* `from` samples a second become `to`: a window of sines that lets pass what both can hold. */
float *resample(const float *x, int64_t count, int64_t from, int64_t to, int64_t *becomes);

/* ---- speech_mel.c: what the net sees ------------------------------------- */

/* In place, of a power of two: sum over t of x[t] e^(-2 pi i t k / n). Cooley & Tukey 1965. */
void fourier(double *re, double *im, int n);
/* The logarithm of the energy in each band at each frame of the loudest second, less the mean, by
 * the deviation: x[FEATURES]. */
void hear(const float *samples, int64_t count, float *x);

/* ---- speech_synth.c: speakers that there are not ------------------------- */

/* Ten words, spoken by a source through three resonances (Klatt 1980), as the n-th speaker of the
 * seed says them: with a throat, a voice, a speed and vowels of his own. Each time the pace, the
 * melody, the place in the second, and the noise around are others. */
enum { WORDS = 10 };
extern const char *const synthetic_words[WORDS];
void speak(int word, uint64_t seed, int64_t speaker, int64_t time, float samples[RATE]);

/* ---- speech_data.c ------------------------------------------------------- */

typedef struct sounds {
    int64_t count, room;
    float *x;       /* [count, FRAMES, BANDS] */
    int32_t *label;
} sounds;

typedef struct corpus {
    int64_t words;
    char name[MOST_WORDS][LONGEST_NAME];
    sounds known, unseen; /* what to train on; of speakers who are not in it */
} corpus;

/* So many generated speakers, each of whom says each word twice. */
bool speak_all(corpus *c, uint64_t seed, int64_t known, int64_t unseen);
/* A folder a word, in it WAV files. Speakers are told by their names up to "_": a fifth of them is
 * unseen. */
bool read_words(corpus *c, const char *folder);
bool write_words(uint64_t seed, const char *folder, int64_t speakers); /* so that it can be read */
void free_corpus(corpus *c);
an_tensor sounds_frames(const sounds *s); /* as feeds, which borrow */
an_tensor sounds_labels(const sounds *s);

/* Baselines: the share of the unseen that is nearest to the mean of its word's known ones, all of
 * them moved to the middle of their second; and that of the commonest word. */
double nearest_centroid(const corpus *c);
double majority(const corpus *c);

/* ---- speech_weights.c ---------------------------------------------------- */

/* The words that the file's net tells, in their order; false if there is no file. */
bool find_words(const char *path, corpus *c);
bool keep_words(an_store *store, const char *path, const corpus *c); /* no path: nothing to do */

#endif
