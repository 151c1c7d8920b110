/* multimodal.h -- what multimodal.c is asked, and where scenes and questions are from. */
#ifndef EXAMPLES_MULTIMODAL_H
#define EXAMPLES_MULTIMODAL_H

#include "examples/example.h"

/* A picture of EDGE x EDGE, cut into PATCHES of PATCH x PATCH. */
enum { EDGE = 24, PATCH = 8, SIDE = EDGE / PATCH, PATCHES = SIDE * SIDE };
enum { PIXELS = 3 * PATCH * PATCH }; /* numbers of a patch */
enum { LONGEST = 120, MOST_ANSWERS = 64 }; /* bytes of a question; answers there are */

/* Questions, each with a picture of its own. */
typedef struct questions {
    int64_t count, room;
    float *patches;           /* [count, PATCHES, PIXELS] */
    char (*text)[LONGEST];
    int32_t *answer;
    an_tensor words;          /* [count, T], once they are encoded: ids, 0 behind them */
} questions;

typedef struct corpus {
    int64_t answers;
    char answer[MOST_ANSWERS][LONGEST];
    int64_t vocabulary;
    questions known, new;     /* to learn from; about pictures that are not among those */
} corpus;

/* ---- multimodal_scenes.c ------------------------------------------------- */

/* A scene is a grid of cells, in some of which a thing stands; a question about it has one answer,
 * and of each kind of question all answers are equally frequent: the words alone give nothing away.
 *
 *     how many red squares                          how many red squares left of the circle
 *     what color is the circle                      is there a red square above the circle    */
void draw_question(uint64_t *random, float *rgb, char *text, char *answer); /* rgb[3][EDGE][EDGE] */

/* ---- multimodal_data.c --------------------------------------------------- */

bool draw_all(corpus *c, uint64_t seed, int64_t known, int64_t new);
/* Lines of picture, question and answer, with tabs between; pictures are PNG (and what else this
 * build reads), by their names beside the file. A fifth of them is not learnt from. */
bool read_all(corpus *c, const char *path);
/* So many generated ones as a folder with scenes.tsv in it, so that read_all can read them. */
bool write_all(const char *folder, uint64_t seed, int64_t count);
/* Words become ids, of a vocabulary that knows the questions to learn from. */
bool encode_words(corpus *c);
void free_corpus(corpus *c);
double majority(const corpus *c); /* the commonest answer's share of the new ones */

#endif
