/* status.c -- the names of status codes and element types, and the version.
 *
 * Const tables only. A code or type outside its enum is answered, not trusted:
 * both arrive from files and from callers.                                   */
#include "core/core.h"

typedef struct status_facts {
    an_status status;
    const char *name, *text;
} status_facts;

static const status_facts statuses[] = {
    {AN_OK, "ok", NULL},
#define AN_STATUS(constant, number, phrase, meaning, example, out)                                 \
    {AN_E_##constant, phrase, meaning "\n\n" example "\n\n" out "\n"},
#include "core/status.def"
#undef AN_STATUS
};

/* The codes have gaps, so the table is searched rather than indexed. */
static const status_facts *find_status(an_status status)
{
    for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++)
        if (statuses[i].status == status) return &statuses[i];
    return NULL;
}

const char *an_status_name(an_status status)
{
    const status_facts *facts = find_status(status);
    return facts ? facts->name : "unknown status";
}

const char *an_status_explain(an_status status)
{
    const status_facts *facts = find_status(status);
    return facts ? facts->text : NULL;
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
