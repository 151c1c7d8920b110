/* dataset_folder.c -- one folder per class, one text per file.
 *
 * The layout of aclImdb: train/pos/0_9.txt. The system lists names in any order;
 * sorting them bytewise makes the rows the same everywhere. Only one level is
 * looked at, so links in a circle do no harm.                                */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "core/file.h"
#include "core/memory.h"
#include "frontends/data/dataset.h"

/* The one class of aclImdb that has no label. */
static const char *const unlabelled = "unsup";

typedef struct names {
    const char **items;
    int64_t count, capacity;
    an_arena bytes;
} names;

static void free_names(names *n)
{
    an_free(n->items);
    an_arena_free(&n->bytes);
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Whether the path is a folder, or a plain file; links are followed. */
static bool is_kind(const char *path, mode_t kind)
{
    struct stat about;
    return stat(path, &about) == 0 && (about.st_mode & S_IFMT) == kind;
}

/* "folder/name" in the arena. */
static const char *join(an_arena *arena, const char *folder, const char *name)
{
    an_text path = {0};
    an_text_addf(&path, "%s/%s", folder, name);
    const char *const kept = path.failed ? NULL : an_arena_string(arena, path.data);
    an_text_free(&path);
    return kept;
}

static an_status collect(an_dataset *d, DIR *folder, const char *path, mode_t kind, names *out)
{
    for (const struct dirent *entry; (entry = readdir(folder));) {
        if (entry->d_name[0] == '.') continue;
        const char *const full = join(&out->bytes, path, entry->d_name);
        if (!full) return an_dataset_no_memory(d);
        if (!is_kind(full, kind)) continue;
        if (!AN_GROW(out->items, out->capacity, out->count + 1)) return an_dataset_no_memory(d);
        out->items[out->count++] = full;
    }
    return AN_OK;
}

/* Sorted full paths of the entries of one kind. */
static an_status list(an_dataset *d, const char *path, mode_t kind, names *out)
{
    DIR *const folder = opendir(path);
    if (!folder) {
        char buffer[128];
        return an_fail(&d->error, AN_E_IO, "%s: cannot list it: %s", path,
                       strerror_r(errno, buffer, sizeof buffer));
    }
    const an_status status = collect(d, folder, path, kind, out);
    closedir(folder);
    if (status == AN_OK && out->count > 0)
        qsort(out->items, (size_t)out->count, sizeof *out->items, compare_names);
    return status;
}

static const char *last_part(const char *path)
{
    return strrchr(path, '/') + 1; /* join() put one there */
}

static an_status read_text(an_dataset *d, const char *label, const char *path)
{
    an_text all = {0};
    an_status status = an_file_read(path, &all, &d->error);
    const char *const kept = an_arena_string(&d->bytes, path);
    if (status == AN_OK && !kept) status = an_dataset_no_memory(d);
    if (status == AN_OK) {
        const char *text = an_text_view(&all);
        int64_t length = all.length;
        if (length >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0) text += 3, length -= 3;
        const an_row row = {label, text, (int64_t)strlen(label), length, {kept, 0}};
        status = an_dataset_append(d, &row);
    }
    an_text_free(&all);
    return status;
}

static an_status read_class(an_dataset *d, const char *folder)
{
    names files = {0};
    an_status status = list(d, folder, S_IFREG, &files);
    for (int64_t i = 0; i < files.count && status == AN_OK; i++)
        status = read_text(d, last_part(folder), files.items[i]);
    free_names(&files);
    return status;
}

an_status an_dataset_read_folder(an_dataset *d, const char *path)
{
    names folders = {0};
    an_status status = list(d, path, S_IFDIR, &folders);
    if (status == AN_OK && folders.count == 0)
        status = an_fail(&d->error, AN_E_DATA,
                         "%s: there are no class folders in it; make one "
                         "folder per class, with one text per file",
                         path);
    for (int64_t i = 0; i < folders.count && status == AN_OK; i++)
        if (strcmp(last_part(folders.items[i]), unlabelled) != 0)
            status = read_class(d, folders.items[i]);
    free_names(&folders);
    return status;
}
