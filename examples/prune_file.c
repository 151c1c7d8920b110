/* prune_file.c -- weights without their zeros, in a file that other tools read.
 *
 * It is a safetensors file, written by the library: a matrix in it is three tensors, with the names
 * that torch.sparse_csr_tensor gives to its arguments. So for reading it elsewhere this is all:
 *
 *     t = safetensors.torch.load_file(path)
 *     w = torch.sparse_csr_tensor(t["NAME.crow_indices"], t["NAME.col_indices"],
 *                                 t["NAME.values"], size=(R, C)).to_dense()            */
#include "examples/prune.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static bool complain(const char *what)
{
    fprintf(stderr, "prune: %s\n", what);
    return false;
}

/* The store's tensor NAME.PART, or NULL. */
static const an_tensor *part(an_store *file, const char *name, const char *which)
{
    char full[256];
    snprintf(full, sizeof full, "%s.%s", name, which);
    return an_store_view(file, full);
}

static bool put(an_store *file, const char *name, const char *which, const an_tensor *t)
{
    char full[256];
    snprintf(full, sizeof full, "%s.%s", name, which);
    return an_store_set(file, full, t) == AN_OK;
}

/* ---- writing ------------------------------------------------------------------- */

static int64_t count_nonzero(const an_tensor *t)
{
    int64_t n = 0;
    for (int64_t i = 0; i < an_tensor_count(t); i++) n += an_tensor_get(t, i) != 0;
    return n;
}

/* The matrix as three tensors of the store. */
static bool put_rows(an_store *file, const char *name, const an_tensor *t, int64_t nonzero)
{
    const int64_t height = t->extent[0], width = t->extent[1], starts = height + 1;
    an_tensor values = {0}, columns = {0}, start = {0};
    bool good = an_tensor_alloc(&values, AN_F32, 1, &nonzero) == AN_OK &&
                an_tensor_alloc(&columns, AN_I32, 1, &nonzero) == AN_OK &&
                an_tensor_alloc(&start, AN_I32, 1, &starts) == AN_OK;
    int64_t n = 0;
    for (int64_t i = 0; i < height * width && good; i++) {
        const double x = an_tensor_get(t, i);
        if (x != 0) an_tensor_set(&columns, n, (double)(i % width));
        if (x != 0) an_tensor_set(&values, n++, x);
        if (i % width == width - 1) an_tensor_set(&start, i / width + 1, (double)n);
    }
    good = good && put(file, name, "values", &values) && put(file, name, "col_indices", &columns) &&
           put(file, name, "crow_indices", &start);
    an_tensor_free(&values);
    an_tensor_free(&columns);
    an_tensor_free(&start);
    return good;
}

int64_t save_sparse(const weights *w, an_store *store, const char *path)
{
    an_store *file = an_store_new(0);
    bool good = file != NULL;
    for (int i = 0; i < w->count && good; i++) {
        const an_tensor *t = an_store_view(store, w->name[i]);
        const int64_t nonzero = count_nonzero(t);
        const bool smaller = w->matrix[i] &&
                             8 * nonzero + 4 * (t->extent[0] + 1) < an_tensor_bytes(t);
        good = smaller ? put_rows(file, w->name[i], t, nonzero)
                       : an_store_set(file, w->name[i], t) == AN_OK;
    }
    struct stat about;
    good = good && an_checkpoint_save(file, path, NULL, 0) == AN_OK;
    if (!good) complain(file ? an_store_message(file) : "there is no memory for a file");
    an_store_free(file);
    return good && stat(path, &about) == 0 ? (int64_t)about.st_size : -1;
}

/* ---- reading --------------------------------------------------------------------- */

/* The three tensors as a matrix; false if they are none of its shape. */
static bool take_rows(an_store *file, const char *name, an_tensor *matrix)
{
    const int64_t height = matrix->extent[0], width = matrix->extent[1];
    const an_tensor *values = part(file, name, "values");
    const an_tensor *columns = part(file, name, "col_indices");
    const an_tensor *start = part(file, name, "crow_indices");
    if (!values || !columns || !start || an_tensor_count(start) != height + 1 ||
        an_tensor_count(columns) != an_tensor_count(values))
        return false;
    for (int64_t row = 0; row < height; row++) {
        const double from = an_tensor_get(start, row), to = an_tensor_get(start, row + 1);
        if (!(0 <= from && from <= to && to <= (double)an_tensor_count(values))) return false;
        for (int64_t i = (int64_t)from; i < (int64_t)to; i++) {
            const double column = an_tensor_get(columns, i);
            if (!(0 <= column && column < (double)width)) return false;
            an_tensor_set(matrix, row * width + (int64_t)column, an_tensor_get(values, i));
        }
    }
    return true;
}

bool load_sparse(const weights *w, an_store *store, const char *path)
{
    an_store *file = an_store_new(0);
    bool good = file && an_checkpoint_load(file, path, NULL) == AN_OK;
    if (!good) complain(file ? an_store_message(file) : "there is no memory for a file");
    for (int i = 0; i < w->count && good; i++) {
        const an_tensor *like = an_store_view(store, w->name[i]);
        const an_tensor *whole = an_store_view(file, w->name[i]);
        an_tensor matrix = {0};
        if (whole) good = an_store_set(store, w->name[i], whole) == AN_OK;
        else
            good = an_tensor_alloc(&matrix, AN_F32, like->rank, like->extent) == AN_OK &&
                   like->rank == 2 && take_rows(file, w->name[i], &matrix) &&
                   an_store_set(store, w->name[i], &matrix) == AN_OK;
        if (!good) fprintf(stderr, "prune: %s: it has no %s\n", path, w->name[i]);
        an_tensor_free(&matrix);
    }
    an_store_free(file);
    return good;
}
