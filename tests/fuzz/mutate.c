/* mutate.c -- mutations of texts, by words and lines, for targets whose inputs have a grammar.
 *
 * Those of libFuzzer, by bytes and words of a dictionary, break most texts at their first token;
 * half of the mutations are still those. Only fuzzers have this file: replaying mutates nothing. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/fuzz.h"

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t most);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t most, unsigned seed);

typedef struct span {
    size_t at, length;
} span;

static unsigned draw(unsigned *seed, size_t below)
{
    *seed = *seed * 1664525u + 1013904223u;
    return below > 0 ? (unsigned)((*seed >> 8) % below) : 0;
}

static bool is_word_part(uint8_t c)
{
    return isalnum(c) || c == '_' || c == '.';
}

/* The word at, or around, a random byte; a byte that belongs to none is one. */
static span any_word(const uint8_t *data, size_t size, unsigned *seed)
{
    span s = {draw(seed, size), 1};
    if (!is_word_part(data[s.at])) return s;
    while (s.at > 0 && is_word_part(data[s.at - 1])) s.at--;
    while (s.at + s.length < size && is_word_part(data[s.at + s.length])) s.length++;
    return s;
}

/* The line around a random byte, with its end. */
static span any_line(const uint8_t *data, size_t size, unsigned *seed)
{
    span s = {draw(seed, size), 1};
    while (s.at > 0 && data[s.at - 1] != '\n') s.at--;
    while (s.at + s.length < size && data[s.at + s.length - 1] != '\n') s.length++;
    return s;
}

/* Puts `with` in the place of a span; the size as it was if there is no room. */
static size_t replace(uint8_t *data, size_t size, size_t most, span s, const void *with,
                      size_t length)
{
    if (size - s.length + length > most) return size;
    memmove(data + s.at + length, data + s.at + s.length, size - s.at - s.length);
    if (length > 0) memcpy(data + s.at, with, length);
    return size - s.length + length;
}

static size_t with_number(uint8_t *data, size_t size, size_t most, span s, unsigned *seed)
{
    static const char *const odd[] = {"0",     "-1", "4294967296", "9223372036854775807",
                                      "1e308", "3.5"};
    char text[32];
    const unsigned n = draw(seed, 24);
    snprintf(text, sizeof text, "%u", n);
    const char *const number = n >= 18 ? odd[n - 18] : text;
    return replace(data, size, most, s, number, strlen(number));
}

/* A copy of one span of the text, in the place of another or before it. */
static size_t with_copy(uint8_t *data, size_t size, size_t most, span from, span to, bool before)
{
    uint8_t *const copy = malloc(from.length);
    if (!copy) return size;
    memcpy(copy, data + from.at, from.length);
    if (before) to.length = 0;
    size = replace(data, size, most, to, copy, from.length);
    free(copy);
    return size;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t most, unsigned seed)
{
    const unsigned kind = draw(&seed, 12);
    if (size == 0 || kind < 6) return LLVMFuzzerMutate(data, size, most);
    const span word = any_word(data, size, &seed), line = any_line(data, size, &seed);
    switch (kind) {
    case 6: return replace(data, size, most, word, NULL, 0);
    case 7: return with_copy(data, size, most, any_word(data, size, &seed), word, true);
    case 8: return with_copy(data, size, most, line, any_line(data, size, &seed), true);
    case 9: return replace(data, size, most, line, NULL, 0);
    case 10: return with_number(data, size, most, word, &seed);
    default: return with_copy(data, size, most, any_word(data, size, &seed), word, false);
    }
}
