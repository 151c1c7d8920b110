/* npy.h -- NumPy's .npy files, one array each.                               */
#ifndef AN_FRONTENDS_CLI_NPY_H
#define AN_FRONTENDS_CLI_NPY_H

#include "core/text.h"

/* Reads a file (- is standard input) of format 1, 2 or 3 into an owned tensor.
 * Elements are f4 f8 i4 i8 b1 of either byte order, in C or Fortran order. */
an_status an_npy_read(const char *path, an_tensor *out, an_error *e);

/* Makes `t` hold the same numbers in another type: floats round, integers must
 * fit, and a float never becomes an integer. On failure `t` is as it was. */
an_status an_npy_convert(an_tensor *t, an_dtype dtype, const char *path, an_error *e);

/* Appends the tensor as the bytes of a .npy file. */
void an_npy_add(const an_tensor *t, an_text *out);

#endif
