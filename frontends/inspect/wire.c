/* wire.c -- see wire.h. A field is a tag, 8 * its number + how it lies, and its value. */
#include "frontends/inspect/wire.h"

#include <string.h>

#include "core/memory.h"
#include "frontends/text/unicode.h"

enum { VARINT = 0, EIGHT_BYTES = 1, COUNTED = 2, FOUR_BYTES = 5 };

/* Seven bits a byte, the lowest first; the highest bit says that there are more. */
static void add_varint(an_text *to, uint64_t value)
{
    char bytes[10];
    int count = 0;
    for (; value > 127; value >>= 7) bytes[count++] = (char)(value | 128);
    bytes[count++] = (char)value;
    an_text_add_bytes(to, bytes, count);
}

static void add_tag(an_text *to, int field, int lies)
{
    add_varint(to, (uint64_t)field << 3 | (uint64_t)lies);
}

void an_wire_add_word(an_text *to, uint64_t word, int bytes)
{
    char out[8];
    for (int i = 0; i < bytes; i++) out[i] = (char)(word >> 8 * i);
    an_text_add_bytes(to, out, bytes);
}

void an_wire_add_double(an_text *packed, double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    an_wire_add_word(packed, bits, 8);
}

void an_wire_integer(an_text *to, int field, int64_t value)
{
    add_tag(to, field, VARINT);
    add_varint(to, (uint64_t)value);
}

void an_wire_float(an_text *to, int field, float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    add_tag(to, field, FOUR_BYTES);
    an_wire_add_word(to, bits, 4);
}

void an_wire_double(an_text *to, int field, double value)
{
    add_tag(to, field, EIGHT_BYTES);
    an_wire_add_double(to, value);
}

void an_wire_put(an_text *to, int field, an_text *part)
{
    if (part->failed) {
        an_text_takes(to, an_lost);
    } else {
        add_tag(to, field, COUNTED);
        add_varint(to, (uint64_t)part->length);
        an_text_add_bytes(to, part->data, part->length);
    }
    an_text_free(part);
}

void an_wire_string(an_text *to, int field, const char *text)
{
    an_text clean = {0};
    an_utf8_add_clean(&clean, text, (int64_t)strlen(text));
    an_wire_put(to, field, &clean);
}
