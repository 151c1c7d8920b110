/* speech_synth.c -- words spoken by a source through resonances, after Klatt, "Software for a
 * cascade/parallel formant synthesizer", 1980, in small: three formants in cascade behind a voice,
 * one resonance in parallel behind noise. */
#include "examples/speech.h"

#include <math.h>
#include <string.h>

const char *const synthetic_words[WORDS] = {"yes",   "no", "up",  "down", "left",
                                            "right", "on", "off", "stop", "go"};

/* ---- sounds of a language ------------------------------------------------------ */

/* How a sound is made: formants in Hz, how loud voice and noise are, where the noise is, and how
 * long it takes. Formants of vowels as measured by Peterson & Barney 1952, rounded. */
typedef struct phone {
    char name;
    double formant[3], voice, noise, place;
    int ms;
} phone;

static const phone phones[] = {
    {'a', {730, 1100, 2450}, 1, 0, 0, 110},  /* father */
    {'e', {530, 1840, 2480}, 1, 0, 0, 110},  /* yes */
    {'o', {570, 840, 2410}, 1, 0, 0, 130},   /* on */
    {'V', {640, 1190, 2390}, 1, 0, 0, 110},  /* up */
    {'i', {300, 2200, 2950}, 1, 0, 0, 90},   /* the end of "right"'s vowel */
    {'u', {320, 870, 2240}, 1, 0, 0, 100},   /* that of "no"'s and "down"'s */
    {'j', {280, 2250, 3000}, 0.7, 0, 0, 60}, /* yes */
    {'r', {330, 1060, 1400}, 0.7, 0, 0, 70},
    {'l', {360, 1200, 2700}, 0.6, 0, 0, 70},
    {'n', {260, 1600, 2600}, 0.35, 0, 0, 80},
    {'s', {300, 1700, 2600}, 0, 0.5, 5600, 120},
    {'f', {300, 1200, 2400}, 0, 0.22, 3600, 110},
    {'_', {400, 1500, 2500}, 0, 0, 0, 55},   /* a stop is shut, */
    {'t', {400, 1800, 2600}, 0, 0.7, 4400, 25}, /* and bursts open */
    {'p', {400, 900, 2300}, 0, 0.5, 900, 20},
    {'d', {320, 1800, 2600}, 0.3, 0.3, 4000, 25},
    {'g', {320, 1700, 2200}, 0.3, 0.3, 1900, 30},
};

static const char *const spelling[WORDS] = {"jes",   "nou", "V_p", "_daun", "lef_t",
                                            "rai_t", "on",  "of",  "s_top", "_gou"};

static const phone *find(char name)
{
    const phone *p = phones;
    while (p->name != name) p++;
    return p;
}

/* ---- a speaker, and one time --------------------------------------------------- */

typedef struct speaker {
    double pitch, throat, speed, breath, tilt, accent[sizeof phones / sizeof *phones];
} speaker;

static double between(uint64_t *random, double low, double high)
{
    return low + (high - low) * example_uniform(random);
}

static speaker meet(uint64_t *random)
{
    speaker s;
    const double size = example_uniform(random); /* tall people speak lower in both ways */
    s.throat = 1.2 - 0.34 * size + between(random, -0.04, 0.04);
    s.pitch = 250 - 160 * size + between(random, -20, 20);
    s.speed = between(random, 0.75, 1.35);
    s.breath = between(random, 0.01, 0.08);
    s.tilt = between(random, 0.75, 0.95);
    for (size_t i = 0; i < sizeof phones / sizeof *phones; i++)
        s.accent[i] = 1 + 0.05 * example_normal(random);
    return s;
}

/* A resonance: y = (1 - b - c) x + b y' + c y''. */
typedef struct resonance {
    double y1, y2;
} resonance;

static double ring(resonance *r, double x, double hertz, double width)
{
    const double shrink = exp(-3.141592653589793 * width / RATE);
    const double b = 2 * shrink * cos(6.283185307179586 * fmin(hertz, 7500) / RATE);
    const double c = -shrink * shrink, y = (1 - b - c) * x + b * r->y1 + c * r->y2;
    r->y2 = r->y1;
    return r->y1 = y;
}

typedef struct mouth {
    resonance formant[3], noise;
    double phase, voice; /* of the voice's period; as it has been smoothed */
    double at[3], loud, hiss, place; /* as they move from sound to sound */
} mouth;

/* One sample, on the way to what the sound is. */
static double utter(mouth *m, const phone *p, const speaker *s, double pitch, uint64_t *random)
{
    static const double width[3] = {70, 100, 140};
    const double soon = 1 - exp(-1.0 / (0.012 * RATE)), now = 1 - exp(-1.0 / (0.004 * RATE));
    const double accent = s->accent[p - phones];
    for (int k = 0; k < 3; k++)
        m->at[k] += soon * (p->formant[k] * s->throat * (k == 1 ? accent : 1) - m->at[k]);
    m->loud += (p->voice > m->loud ? soon : now) * (p->voice - m->loud);
    m->hiss += now * (p->noise - m->hiss);
    m->phase += pitch / RATE;
    const double pulse = m->phase >= 1 ? 18 : 0;
    if (m->phase >= 1) m->phase -= 1;
    const double noise = example_uniform(random) + example_uniform(random) - 1;
    m->voice = s->tilt * m->voice + (1 - s->tilt) * (pulse + s->breath * 20 * noise);
    double y = m->loud * m->voice;
    for (int k = 0; k < 3; k++) y = ring(&m->formant[k], y, m->at[k], width[k]);
    if (p->place > 0) m->place = p->place * s->throat;
    return y + ring(&m->noise, m->hiss * noise, m->place, m->place / 4);
}

/* ---- a second -------------------------------------------------------------------- */

/* Noise of a room, from white to dull, so many decibels below the word; then some loudness. */
static void surround(float x[RATE], uint64_t *random)
{
    double energy = 0, dull = 0, noise_energy = 0;
    static double noise[RATE];
    const double keep = between(random, 0, 0.97), below = between(random, 3, 30);
    for (int i = 0; i < RATE; i++) {
        dull = keep * dull + example_uniform(random) - 0.5;
        noise[i] = dull;
        energy += (double)x[i] * x[i];
        noise_energy += dull * dull;
    }
    const double share = sqrt(energy / noise_energy) * pow(10, -below / 20);
    const double loudness = between(random, 0.03, 0.3) / (sqrt(energy / RATE) + 1e-9) * 0.3;
    for (int i = 0; i < RATE; i++)
        x[i] = (float)fmax(-1, fmin(1, loudness * (x[i] + share * noise[i])));
}

void speak(int word, uint64_t seed, int64_t who, int64_t time, float x[RATE])
{
    uint64_t person = seed * 1000003u + (uint64_t)who, once;
    const speaker s = meet(&person);
    once = example_random(&person) + (uint64_t)(time * WORDS + word) * 7919u;
    const double pace = s.speed * between(&once, 0.9, 1.1);
    const double fall = between(&once, -0.35, 0.15), high = s.pitch * between(&once, 0.93, 1.07);
    int64_t length[8], whole = 0, n = (int64_t)strlen(spelling[word]);
    for (int64_t i = 0; i < n; i++) {
        const double ms = find(spelling[word][i])->ms / pace * between(&once, 0.8, 1.25);
        whole += length[i] = (int64_t)(ms * RATE / 1000);
    }
    const int64_t free = RATE - whole > 0 ? RATE - whole : 0;
    int64_t at = (int64_t)((double)free * between(&once, 0.05, 0.95)), first = at;
    mouth m = {.at = {500, 1500, 2500}, .place = 3000};
    memset(x, 0, RATE * sizeof *x);
    for (int64_t i = 0; i < n; i++)
        for (int64_t k = 0; k < length[i] && at < RATE; k++, at++) {
            const double part = (double)(at - first) / (double)whole;
            x[at] = (float)utter(&m, find(spelling[word][i]), &s, high * (1 + fall * part), &once);
        }
    for (; at < RATE && at < first + whole + RATE / 20; at++) /* it dies away */
        x[at] = (float)utter(&m, find('_'), &s, high * (1 + fall), &once);
    surround(x, &once);
}
