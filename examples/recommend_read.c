/* recommend_read.c -- the files of MovieLens (Harper & Konstan 2015), of all its sizes and ages. */
#include "examples/recommend.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A row as it stands in the file. */
typedef struct entry {
    int64_t user, item;
    double stars;
} entry;

static bool complain(const char *path, int64_t line, const char *what)
{
    if (line) fprintf(stderr, "recommend: %s:%lld: %s\n", path, (long long)line, what);
    else fprintf(stderr, "recommend: %s: %s\n", path, what);
    return false;
}

/* ---- a row -------------------------------------------------------------------- */

/* What stands behind the separator that the text begins with, or NULL: "," tab "|" "::". */
static const char *behind_separator(const char *text)
{
    if (text[0] == ':' && text[1] == ':') return text + 2;
    return *text && strchr(",\t|", *text) ? text + 1 : NULL;
}

static const char *read_id(const char *text, int64_t *id)
{
    char *end;
    errno = 0;
    *id = strtoll(text, &end, 10);
    return end == text || errno || *id < 0 ? NULL : behind_separator(end);
}

/* user, item, stars, and whatever comes behind them. */
static bool read_entry(const char *line, entry *e)
{
    char *end;
    const char *at = read_id(line, &e->user);
    if (at) at = read_id(at, &e->item);
    if (!at) return false;
    e->stars = strtod(at, &end);
    return end != at && isfinite(e->stars) && (!*end || isspace((unsigned char)*end) ||
                                               behind_separator(end));
}

/* All rows of the file, counted in *count; NULL after a message. */
static entry *read_entries(const char *path, int64_t *count)
{
    FILE *f = fopen(path, "r");
    char *line = NULL;
    size_t length = 0;
    int64_t room = 0, number = 0;
    entry *all = NULL;
    bool good = f || complain(path, 0, strerror(errno));
    *count = 0;
    while (good && getline(&line, &length, f) > 0) {
        const bool head = ++number == 1 && !strncmp(line, "userId,movieId,rating", 21);
        if (head || line[strspn(line, "\r\n")] == 0) continue;
        if (*count == room) {
            room = room ? 2 * room : 4096;
            entry *more = realloc(all, (size_t)room * sizeof *more);
            if (!more) good = complain(path, 0, "there is no memory for its ratings");
            else all = more;
        }
        if (good && !read_entry(line, &all[(*count)++]))
            good = complain(path, number, "it is no user, item and rating");
    }
    if (good && ferror(f)) good = complain(path, 0, strerror(errno));
    if (good && *count == 0) good = complain(path, 0, "it holds no ratings");
    if (f) fclose(f);
    free(line);
    if (good) return all;
    free(all);
    return NULL;
}

/* ---- numbers from 0 on ------------------------------------------------------------ */

static int compare(const void *a, const void *b)
{
    const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* The different ones among count ids, in order. */
static int64_t unite(int64_t *id, int64_t count)
{
    int64_t kept = 0;
    qsort(id, (size_t)count, sizeof *id, compare);
    for (int64_t i = 0; i < count; i++)
        if (kept == 0 || id[i] != id[kept - 1]) id[kept++] = id[i];
    return kept;
}

static int32_t place(const int64_t *id, int64_t count, int64_t wanted)
{
    const int64_t *at = bsearch(&wanted, id, (size_t)count, sizeof *id, compare);
    return at ? (int32_t)(at - id) : -1;
}

/* ---- titles -------------------------------------------------------------------------- */

/* The text up to the next separator, or the quote it began with; of "" in quotes one is left. As
 * UTF-8: files without commas are old, and in Latin-1. */
static char *copy_title(const char *from, bool latin)
{
    const bool quoted = *from == '"';
    char *title = malloc(2 * strlen(from) + 1), *to = title;
    for (from += quoted; title && *from && *from != '\n' && *from != '\r'; from++) {
        const unsigned char c = (unsigned char)*from;
        if (quoted && c == '"' && *++from != '"') break;
        if (!quoted && behind_separator(from) && (latin ? c != ',' : c == ',')) break;
        if (latin && c >= 0x80) *to++ = (char)(0xc0 | c >> 6);
        *to++ = (char)(latin && c >= 0x80 ? 0x80 | (c & 0x3f) : c);
    }
    if (title) *to = 0;
    return title;
}

/* Takes those of the first of the files that there is. */
static void read_titles(ratings *r, const char *path, const int64_t *item_id)
{
    static const char *const names[] = {"movies.csv", "u.item", "movies.dat"};
    const char *slash = strrchr(path, '/');
    char *line = NULL;
    size_t length = 0;
    FILE *f = NULL;
    for (int i = 0; i < 3 && !f; i++) {
        char beside[4096];
        snprintf(beside, sizeof beside, "%.*s%s", slash ? (int)(slash + 1 - path) : 0, path,
                 names[i]);
        f = fopen(beside, "r");
    }
    while (f && getline(&line, &length, f) > 0) {
        int64_t id;
        const char *title = read_id(line, &id);
        const int32_t item = title ? place(item_id, r->items, id) : -1;
        if (item >= 0 && !r->title[item]) r->title[item] = copy_title(title, title[-1] != ',');
    }
    if (f) fclose(f);
    free(line);
}

static bool name_items(ratings *r, const char *path, const int64_t *item_id)
{
    read_titles(r, path, item_id);
    for (int64_t i = 0; i < r->items; i++) {
        char name[32];
        snprintf(name, sizeof name, "item %lld", (long long)item_id[i]);
        if (!r->title[i] && !(r->title[i] = strdup(name))) return false;
    }
    return true;
}

/* ---- the file -------------------------------------------------------------------------- */

bool read_ratings(ratings *r, const char *path)
{
    int64_t count;
    entry *all = read_entries(path, &count);
    if (!all) return false;
    int64_t *user = calloc((size_t)count, sizeof *user);
    int64_t *item = calloc((size_t)count, sizeof *item);
    bool good = user && item;
    for (int64_t i = 0; i < count && good; i++) {
        user[i] = all[i].user;
        item[i] = all[i].item;
    }
    const int64_t users = good ? unite(user, count) : 0, items = good ? unite(item, count) : 0;
    good = good && ratings_make(r, count, users, items);
    for (int64_t i = 0; i < count && good; i++) {
        r->user[i] = place(user, users, all[i].user);
        r->item[i] = place(item, items, all[i].item);
        r->stars[i] = (float)all[i].stars;
    }
    if (good) memcpy(r->user_id, user, (size_t)users * sizeof *user);
    good = good && name_items(r, path, item);
    free(user);
    free(item);
    free(all);
    return good || complain(path, 0, "it could not be taken into memory");
}
