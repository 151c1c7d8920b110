/* replay.c -- gives every file of the folders on the command line to a fuzz target, once.
 *
 * What libFuzzer's own main would do, for compilers that lack it: so the seeds, and whatever once
 * crashed, are tried by every build. */
#include "tests/fuzz/fuzz.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int replay(const char *path)
{
    FILE *const file = fopen(path, "rb");
    if (!file) return perror(path), 1;
    uint8_t *bytes = malloc(1 << 20);
    const size_t size = bytes ? fread(bytes, 1, 1 << 20, file) : 0;
    fclose(file);
    uint8_t *const exact = malloc(size > 0 ? size : 1); /* so that reading past it is seen */
    if (!bytes || !exact) return perror(path), 1;
    memcpy(exact, bytes, size);
    free(bytes);
    LLVMFuzzerTestOneInput(exact, size);
    free(exact);
    return 0;
}

static int is_visible(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

static int replay_folder(const char *folder)
{
    struct dirent **entry = NULL;
    const int count = scandir(folder, &entry, is_visible, alphasort);
    int failed = count <= 0;
    for (int i = 0; i < count; i++) {
        char path[4096];
        snprintf(path, sizeof path, "%s/%s", folder, entry[i]->d_name);
        if (entry[i]->d_type != DT_DIR) {
            fprintf(stderr, "%s\n", path); /* before, for an input that ends the process */
            failed |= replay(path);
        }
        free(entry[i]);
    }
    free(entry);
    if (count <= 0) fprintf(stderr, "%s: no seeds\n", folder);
    return failed;
}

int main(int count, char **folder)
{
    int failed = count < 2;
    for (int i = 1; i < count; i++) failed |= replay_folder(folder[i]);
    return failed;
}
