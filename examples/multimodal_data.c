/* multimodal_data.c -- pictures with questions: generated, or PNG files with a TSV; and back. */
#include "examples/images.h"
#include "examples/multimodal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static bool complain(const char *about, const char *what)
{
    fprintf(stderr, "multimodal: %s: %s\n", about, what);
    return false;
}

/* ---- sets -------------------------------------------------------------------- */

static bool make_room(questions *q)
{
    if (q->count < q->room) return true;
    const int64_t room = q->room ? 2 * q->room : 256;
    float *patches = realloc(q->patches, (size_t)(room * PATCHES * PIXELS) * sizeof *patches);
    if (patches) q->patches = patches;
    char (*text)[LONGEST] = realloc(q->text, (size_t)room * sizeof *text);
    if (text) q->text = text;
    int32_t *answer = realloc(q->answer, (size_t)room * sizeof *answer);
    if (answer) q->answer = answer;
    if (!patches || !text || !answer) return complain("questions", "there is no memory");
    q->room = room;
    return true;
}

/* From rows of the whole picture to rows of patches, each with its three colors. */
static void cut(const float *rgb, float *patches)
{
    for (int i = 0; i < 3 * EDGE * EDGE; i++) {
        const int channel = i / (EDGE * EDGE), row = i / EDGE % EDGE, column = i % EDGE;
        const int patch = row / PATCH * SIDE + column / PATCH;
        const int at = (channel * PATCH + row % PATCH) * PATCH + column % PATCH;
        patches[patch * PIXELS + at] = rgb[i];
    }
}

static int32_t find_answer(corpus *c, const char *answer)
{
    int32_t i = 0;
    while (i < c->answers && strcmp(c->answer[i], answer)) i++;
    if (i == MOST_ANSWERS) return -1;
    if (i == c->answers) snprintf(c->answer[c->answers++], LONGEST, "%s", answer);
    return i;
}

static bool add(corpus *c, questions *to, const float *rgb, const char *text, const char *answer)
{
    const int32_t number = find_answer(c, answer);
    if (number < 0) return complain(answer, "there are more than 64 answers");
    if (!make_room(to)) return false;
    cut(rgb, to->patches + to->count * PATCHES * PIXELS);
    snprintf(to->text[to->count], LONGEST, "%s", text);
    to->answer[to->count++] = number;
    return true;
}

static void free_questions(questions *q)
{
    free(q->patches);
    free(q->text);
    free(q->answer);
    an_tensor_free(&q->words);
}

void free_corpus(corpus *c)
{
    free_questions(&c->known);
    free_questions(&c->new);
    *c = (corpus){0};
}

/* ---- words --------------------------------------------------------------------- */

static an_status encode(an_tokenizer *t, questions *q, int64_t length)
{
    an_sequences ids = {0};
    const char **text = malloc((size_t)q->count * sizeof *text);
    if (!text) return AN_E_MEMORY;
    for (int64_t i = 0; i < q->count; i++) text[i] = q->text[i];
    an_status status = an_tokenizer_encode(t, text, q->count, &ids);
    const an_pad_options pad = {.maxlen = length, .padding = AN_POST};
    if (status == AN_OK) status = an_pad_sequences(&ids, &pad, &q->words);
    an_sequences_free(&ids);
    free(text);
    return status;
}

bool encode_words(corpus *c)
{
    an_tokenizer *t = an_tokenizer_new(NULL);
    an_status status = AN_OK;
    for (int64_t i = 0; i < c->known.count && status == AN_OK; i++) {
        const char *text = c->known.text[i];
        status = an_tokenizer_fit(t, &text, 1);
    }
    if (status == AN_OK) status = encode(t, &c->known, 0);
    if (status == AN_OK) status = encode(t, &c->new, c->known.words.extent[1]);
    c->vocabulary = an_tokenizer_vocabulary(t);
    if (status != AN_OK) complain("words", an_tokenizer_message(t));
    an_tokenizer_free(t);
    return status == AN_OK;
}

/* ---- generated ------------------------------------------------------------------ */

bool draw_all(corpus *c, uint64_t seed, int64_t known, int64_t new)
{
    uint64_t random = seed;
    float rgb[3 * EDGE * EDGE];
    char text[LONGEST], answer[LONGEST];
    for (int64_t i = 0; i < known + new; i++) {
        draw_question(&random, rgb, text, answer);
        if (!add(c, i < known ? &c->known : &c->new, rgb, text, answer)) return false;
    }
    return true;
}

#ifdef IMAGES_PNG
#include <png.h>

static bool write_png(const char *path, const float *rgb)
{
    unsigned char bytes[EDGE * EDGE * 3];
    png_image image = {.version = PNG_IMAGE_VERSION, .width = EDGE, .height = EDGE,
                       .format = PNG_FORMAT_RGB};
    for (int i = 0; i < EDGE * EDGE * 3; i++)
        bytes[i] = (unsigned char)(255 * rgb[i % 3 * EDGE * EDGE + i / 3] + 0.5f);
    return png_image_write_to_file(&image, path, 0, bytes, 0, NULL) ||
           complain(path, image.message);
}
#else
static bool write_png(const char *path, const float *rgb)
{
    (void)rgb;
    return complain(path, "this program was built without libpng");
}
#endif

bool write_all(const char *folder, uint64_t seed, int64_t count)
{
    uint64_t random = seed;
    float rgb[3 * EDGE * EDGE];
    char path[4096], text[LONGEST], answer[LONGEST];
    if (mkdir(folder, 0777) != 0 && errno != EEXIST) return complain(folder, strerror(errno));
    snprintf(path, sizeof path, "%s/scenes.tsv", folder);
    FILE *f = fopen(path, "w");
    bool good = f || complain(path, strerror(errno));
    for (int64_t i = 0; good && i < count; i++) {
        draw_question(&random, rgb, text, answer);
        fprintf(f, "%05lld.png\t%s\t%s\n", (long long)i, text, answer);
        snprintf(path, sizeof path, "%s/%05lld.png", folder, (long long)i);
        good = write_png(path, rgb);
    }
    const bool failed = f && ferror(f);
    if ((f && fclose(f) != 0) || failed) return complain(folder, strerror(errno));
    return good;
}

/* ---- files ---------------------------------------------------------------------- */

/* A fifth of the pictures, by their names (FNV-1a): all questions about one are on one side. */
static bool is_new(const char *name)
{
    uint32_t hash = 2166136261u;
    for (; *name; name++) hash = (hash ^ (unsigned char)*name) * 16777619u;
    return (hash ^ hash >> 16) % 5 == 0;
}

static bool read_line(corpus *c, const char *path, char *line)
{
    float rgb[3 * EDGE * EDGE];
    char picture[16384];
    const char *slash = strrchr(path, '/');
    const int folder = slash ? (int)(slash - path) + 1 : 0;
    line[strcspn(line, "\r\n")] = 0;
    char *text = strchr(line, '\t'), *answer = text ? strchr(text + 1, '\t') : NULL;
    if (!answer) return complain(line, "a line is a picture, a question and an answer, with tabs");
    *text++ = *answer++ = 0;
    if (strlen(text) >= LONGEST || strlen(answer) >= LONGEST)
        return complain(line, "its question or answer has more than 119 bytes");
    snprintf(picture, sizeof picture, "%.*s%s", folder, path, line);
    return picture_read(picture, EDGE, rgb) &&
           add(c, is_new(line) ? &c->new : &c->known, rgb, text, answer);
}

bool read_all(corpus *c, const char *path)
{
    char line[8192];
    FILE *f = fopen(path, "r");
    bool good = f || complain(path, strerror(errno));
    while (good && fgets(line, sizeof line, f))
        if (line[strspn(line, "\r\n")]) good = read_line(c, path, line);
    if (f) fclose(f);
    if (good && (c->known.count == 0 || c->new.count == 0 || c->answers < 2))
        return complain(path, "it needs questions about several pictures, and two answers");
    return good;
}

/* ---- a baseline ------------------------------------------------------------------ */

double majority(const corpus *c)
{
    return example_majority(c->known.answer, c->known.count, c->new.answer, c->new.count,
                            c->answers);
}
