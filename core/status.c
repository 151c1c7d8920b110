/* status.c -- the names of status codes and element types, and the version.
 *
 * Const tables only. A code or type outside its enum is answered, not trusted:
 * both arrive from files and from callers.                                   */
#include "core/core.h"

typedef struct status_name {
    an_status status;
    const char *name;
} status_name;

static const status_name status_names[] = {
    {AN_OK, "ok"},
    {AN_E_MEMORY, "out of memory"},
    {AN_E_ARGUMENT, "senseless argument"},
    {AN_E_LIMIT, "limit exceeded"},
    {AN_E_GRAPH, "value of another graph"},
    {AN_E_DTYPE, "element types differ"},
    {AN_E_SHAPE, "shapes differ"},
    {AN_E_ATTRIBUTE, "attribute out of range"},
    {AN_E_NAME, "bad name"},
    {AN_E_GRADIENT, "no gradient"},
    {AN_E_FEED, "bad feed"},
    {AN_E_BINDING, "dimensions do not bind"},
    {AN_E_DATA, "bad data"},
    {AN_E_BUSY, "store is busy"},
    {AN_E_STATE, "bad state"},
    {AN_E_SYNTAX, "ill-formed text"},
    {AN_E_IO, "input or output failed"},
    {AN_E_FORMAT, "ill-formed file"},
    {AN_E_INTERNAL, "internal error"},
};

const char *an_status_name(an_status status)
{
    /* The codes have gaps, so the table is searched rather than indexed. */
    for (size_t i = 0; i < sizeof status_names / sizeof *status_names; i++)
        if (status_names[i].status == status) return status_names[i].name;
    return "unknown status";
}

typedef struct dtype_facts {
    const char *name;
    size_t size;
    bool is_float;
} dtype_facts;

static const dtype_facts dtypes[AN_DTYPES] = {
    [AN_F32] = {"f32", sizeof(float), true},
    [AN_F64] = {"f64", sizeof(double), true},
    [AN_I32] = {"i32", sizeof(int32_t), false},
    [AN_I64] = {"i64", sizeof(int64_t), false},
    [AN_BOOL] = {"bool", sizeof(uint8_t), false},
};

/* NULL for an unknown type. The cast turns a negative one into a large one. */
static const dtype_facts *find_dtype(an_dtype dtype)
{
    return (unsigned)dtype < AN_DTYPES ? &dtypes[dtype] : NULL;
}

size_t an_dtype_size(an_dtype dtype)
{
    const dtype_facts *facts = find_dtype(dtype);
    return facts ? facts->size : 0;
}

const char *an_dtype_name(an_dtype dtype)
{
    const dtype_facts *facts = find_dtype(dtype);
    return facts ? facts->name : "?";
}

bool an_dtype_is_float(an_dtype dtype)
{
    const dtype_facts *facts = find_dtype(dtype);
    return facts && facts->is_float;
}

const char *an_version(void)
{
    return AN_VERSION;
}
