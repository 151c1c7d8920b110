/* sweep.c -- from a case to bound extents and filled operands.
 *
 * Knows the operand notation and nothing about kernels. Data are drawn from the
 * case's own seed, so a case gives the same data whatever else is tested.    */
#include "tests/ops/sweep.h"
#include "ops/kinds.h"

#include "core/memory.h"
#include "core/random.h"

#include <math.h>

static const an_case *const families[] = {
#define AN_CASES(family) an_cases_##family,
#include "tests/ops/families.def"
#undef AN_CASES
};

const an_case *an_case_of(int op, int i)
{
    const char *name = an_op(op)->name;
    for (size_t f = 0; f < sizeof families / sizeof *families; f++)
        for (const an_case *c = families[f]; c->op; c++)
            if (!strcmp(c->op, name) && i-- == 0) return c;
    return NULL;
}

uint64_t an_sweep_seed(void)
{
    const char *text = getenv("AN_SEED");
    return text && *text ? strtoull(text, NULL, 10) : 1;
}

/* ---- reading the notation ---------------------------------------------- */

typedef enum fill_kind { FILL_RANGE, FILL_BELOW, FILL_KEY } fill_kind;

typedef struct fill {
    fill_kind kind;
    double low, high; /* FILL_RANGE; NAN: the case's own range */
    an_dim below;
} fill;

static void bad_text(const an_setting *s, const char *text)
{
    ck_abort_msg("%s: cannot read \"%s\"", s->name, text);
}

static an_shape read_shape(an_setting *s, const char **p, const char *text)
{
    an_shape shape = AN_SCALAR;
    if (**p != '[') bad_text(s, text);
    ++*p;
    while (**p != ']') {
        if (shape.rank == AN_MAX_RANK) bad_text(s, text);
        const an_dim d = an_dims_parse(s->dims, p);
        if (d == AN_DIM_BAD) bad_text(s, text);
        shape.dim[shape.rank++] = d;
        if (**p == ',') ++*p;
    }
    ++*p;
    return shape;
}

static an_dtype read_dtype(an_setting *s, const char **p, const char *text)
{
    for (int d = 0; d < AN_DTYPES; d++) {
        const size_t n = strlen(an_dtype_name((an_dtype)d));
        if (!strncmp(*p, an_dtype_name((an_dtype)d), n)) {
            *p += n;
            return (an_dtype)d;
        }
    }
    bad_text(s, text);
    return AN_F32;
}

static void read_operand(an_setting *s, int i, const char *text, fill *f)
{
    *f = (fill){.kind = FILL_RANGE, .low = NAN, .high = NAN, .below = -1};
    s->present[i] = strcmp(text, "-") != 0;
    if (!s->present[i]) return;
    if (!strcmp(text, "key")) {
        f->kind = FILL_KEY;
        s->in_type[i] = (an_type){AN_I64, AN_SHAPE(2)};
        return;
    }
    const char *p = text;
    s->in_type[i].dtype = read_dtype(s, &p, text);
    s->in_type[i].shape = read_shape(s, &p, text);
    while (*p == ' ') p++;
    if (*p == '<') {
        p++;
        f->kind = FILL_BELOW;
        f->below = an_dims_parse(s->dims, &p);
        if (f->below == AN_DIM_BAD) bad_text(s, text);
    } else if (*p) {
        /* Cut at the dots first: strtod takes the first of "-9..9" for a decimal point. */
        const char *dots = strstr(p, "..");
        char low[32] = {0}, *end;
        if (!dots || dots == p || (size_t)(dots - p) >= sizeof low) bad_text(s, text);
        memcpy(low, p, (size_t)(dots - p));
        f->low = strtod(low, &end);
        if (*end) bad_text(s, text);
        f->high = strtod(dots + 2, &end);
        p = end;
    }
    if (*p) bad_text(s, text);
}

/* "shape=[B,12] size=V" into the attributes. */
static void read_attribute_dims(an_setting *s)
{
    for (const char *p = s->c->dims; p && *p;) {
        const size_t n = strcspn(p, "=");
        char key[16] = {0};
        if (p[n] != '=' || n >= sizeof key) bad_text(s, s->c->dims);
        memcpy(key, p, n);
        p += n + 1;
        const int id = an_attr_find(key);
        if (id < 0) bad_text(s, s->c->dims);
        if (id == AN_ATTR_shape) {
            s->attrs.shape = read_shape(s, &p, s->c->dims);
        } else {
            const an_dim d = an_dims_parse(s->dims, &p);
            if (d == AN_DIM_BAD || an_attr(id)->kind != &an_kinds[AN_KIND_DIM])
                bad_text(s, s->c->dims);
            memcpy((char *)&s->attrs + an_attr(id)->offset, &d, sizeof d);
        }
        while (*p == ' ') p++;
    }
}

/* ---- binding ----------------------------------------------------------- */

/* Extents that are usual for these letters, all different, so that a kernel that
 * mixes two of them up is caught; prime where that is no burden. */
static int64_t usual_extent(const char *name)
{
    static const struct { const char *name; int64_t extent; } usual[] = {
        {"B", 3}, {"T", 5}, {"D", 19}, {"H", 4}, {"V", 11}, {"M", 6}, {"N", 7}, {"K", 13}};
    for (size_t i = 0; i < sizeof usual / sizeof *usual; i++)
        if (!strcmp(usual[i].name, name)) return usual[i].extent;
    return 2;
}

static an_making bind_variant(an_setting *s, int variant)
{
    const int names = an_dims_names(s->dims);
    ck_assert_int_le(names, (int)(sizeof s->bound / sizeof *s->bound));
    if (variant > (names > 1 ? 2 * names + 1 : 2 * names)) return AN_NO_MORE;
    for (int i = 0; i < names; i++) {
        s->bound[i] = usual_extent(an_dims_name_at(s->dims, i));
        if (variant == 2 * names + 1) s->bound[i] = 1;
        else if (variant > 0 && (variant - 1) / 2 == i) s->bound[i] = variant % 2;
        const size_t at = strlen(s->name);
        snprintf(s->name + at, sizeof s->name - at, " %s=%lld", an_dims_name_at(s->dims, i),
                 (long long)s->bound[i]);
    }
    s->extent = malloc(sizeof *s->extent * (size_t)(an_dims_entries(s->dims) + 1));
    const an_status status = an_dims_bind(s->dims, s->bound, s->extent, NULL);
    if (status == AN_E_BINDING && variant > 0) return AN_SKIPPED; /* T-1 at T=0 */
    an_want(status == AN_OK, "%s: cannot bind", s->name);
    return AN_MADE;
}

static bool bound_type(const an_setting *s, const an_type *type, an_tensor *t)
{
    *t = (an_tensor){.dtype = type->dtype, .rank = type->shape.rank};
    for (int d = 0; d < t->rank; d++) {
        t->extent[d] = an_dim_extent(type->shape.dim[d], s->extent);
        if (t->extent[d] < 0) return false;
    }
    return true;
}

static void infer(an_setting *s)
{
    an_text why = {0}, hint = {0};
    const an_infer q = {.op = s->op, .attrs = &s->attrs, .inputs = s->inputs, .in = s->in_type,
                        .present = s->present, .dims = s->dims, .why = &why, .hint = &hint};
    const an_status status = an_op_infer(&q, s->out_type);
    const int by = s->op->rules->axes_in - 1;
    an_attrs_resolve(s->op, &s->attrs, &s->out_type[0],
                     by >= 0 ? s->in_type[by].shape.rank : s->out_type[0].shape.rank, &s->written);
    an_want(status == AN_OK, "%s: refused: %s (%s)", s->name, an_text_view(&why),
            an_text_view(&hint));
    an_text_free(&why);
    an_text_free(&hint);
    s->outputs = s->op->outputs_count;
}

/* ---- data -------------------------------------------------------------- */

/* Values on a grid with no two alike and none near 0, in random order: at least
 * half a step lies between any two, and between any one and 0. */
static void fill_apart(an_setting *s, const bool own_range[], double low, double high,
                       an_test_random *r)
{
    int64_t count = 0;
    for (int i = 0; i < s->inputs; i++)
        if (s->in[i].data && an_dtype_is_float(s->in[i].dtype) && !own_range[i])
            count += an_tensor_count(&s->in[i]);
    count += count % 2; /* even: the middle of a symmetric range falls between two points */
    double *grid = malloc(sizeof *grid * (size_t)(count + 1));
    const double step = (high - low) / (double)(count > 0 ? count : 1);
    for (int64_t i = 0; i < count; i++) {
        const double v = low + step * ((double)i + 0.5);
        grid[i] = fabs(v) < step / 2 ? copysign(step / 2, v) : v;
    }
    for (int64_t i = count - 1; i > 0; i--) {
        const int64_t j = an_test_int(r, 0, i);
        const double swap = grid[i];
        grid[i] = grid[j];
        grid[j] = swap;
    }
    s->spacing = step / 2;
    int64_t next = 0;
    for (int i = 0; i < s->inputs; i++)
        if (s->in[i].data && an_dtype_is_float(s->in[i].dtype) && !own_range[i])
            for (int64_t e = 0; e < an_tensor_count(&s->in[i]); e++)
                an_tensor_set(&s->in[i], e, (double)(float)grid[next++]);
    free(grid);
}

static double draw(const an_tensor *t, double low, double high, an_test_random *r)
{
    if (an_dtype_is_float(t->dtype)) return (double)(float)an_test_uniform(r, low, high);
    if (t->dtype == AN_BOOL) return (double)an_test_int(r, 0, 1);
    return (double)an_test_int(r, (int64_t)low, (int64_t)high);
}

static void fill_operand(an_setting *s, int i, const fill *f, an_test_random *r)
{
    an_tensor *t = &s->in[i];
    if (f->kind == FILL_KEY) {
        an_tensor_set(t, 0, (double)(s->seed % 100003));
        an_tensor_set(t, 1, 7);
        return;
    }
    double low = isnan(f->low) ? s->c->low : f->low, high = isnan(f->low) ? s->c->high : f->high;
    if (low == 0 && high == 0 && isnan(f->low)) {
        low = -2;
        high = 2;
    }
    if (f->kind == FILL_BELOW) {
        s->below[i] = an_dim_extent(f->below, s->extent);
        if (s->below[i] <= 0 && an_tensor_count(t) > 0) s->hopeless = true;
        low = 0;
        high = s->below[i] > 0 ? (double)(s->below[i] - 1) : 0;
    }
    for (int64_t e = 0; e < an_tensor_count(t); e++) an_tensor_set(t, e, draw(t, low, high, r));
}

static void fill_operands(an_setting *s, const fill fills[])
{
    an_test_random r = {s->seed};
    bool own_range[AN_CASE_OPERANDS] = {false};
    for (int i = 0; i < s->inputs; i++) {
        s->below[i] = -1;
        own_range[i] = !isnan(fills[i].low);
        if (s->present[i]) fill_operand(s, i, &fills[i], &r);
    }
    const bool usual = s->c->low == 0 && s->c->high == 0;
    if (s->c->flags & AN_CASE_APART)
        fill_apart(s, own_range, usual ? -2 : s->c->low, usual ? 2 : s->c->high, &r);
    if (s->c->prepare) s->c->prepare(s->in);
}

/* ---- the setting ------------------------------------------------------- */

static bool has_empty(const an_setting *s)
{
    for (int i = 0; i < s->inputs; i++)
        if (s->present[i] && an_tensor_count(&s->in[i]) == 0) return true;
    for (int k = 0; k < s->outputs; k++)
        if (an_tensor_count(&s->out[k]) == 0) return true;
    return false;
}

/* Tensors of the bound types; false if this binding makes no sense or is not wanted. */
static bool make_tensors(an_setting *s)
{
    for (int k = 0; k < s->outputs; k++)
        if (!bound_type(s, &s->out_type[k], &s->out[k])) return false;
    for (int i = 0; i < s->inputs; i++) {
        if (!s->present[i]) continue;
        an_tensor t;
        if (!bound_type(s, &s->in_type[i], &t)) return false;
        an_want_ok(an_tensor_alloc(&s->in[i], t.dtype, t.rank, t.extent));
    }
    return !(s->c->flags & AN_CASE_NO_EMPTY) || !has_empty(s);
}

static void read_case(an_setting *s, bool wide, fill fills[])
{
    for (; s->c->in[s->inputs]; s->inputs++) {
        const int i = s->inputs;
        ck_assert_int_lt(i, AN_CASE_OPERANDS);
        read_operand(s, i, s->c->in[i], &fills[i]);
        if (wide && s->in_type[i].dtype == AN_F32) s->in_type[i].dtype = AN_F64;
    }
    read_attribute_dims(s);
}

an_making an_setting_make(an_setting *s, const an_case *c, int variant, bool wide)
{
    memset(s, 0, sizeof *s);
    s->c = c;
    s->op = an_op_find(c->op);
    s->attrs = c->attrs;
    s->dims = an_dims_new();
    s->seed = an_hash_string(c->op) ^ an_hash_string(c->label) ^ an_sweep_seed() * 1000003u;
    snprintf(s->name, sizeof s->name, "%s \"%s\" seed %llu%s", c->op, c->label,
             (unsigned long long)an_sweep_seed(), wide ? " f64" : "");
    fill fills[AN_CASE_OPERANDS];
    read_case(s, wide, fills);
    infer(s);
    an_making made = bind_variant(s, variant);
    if (made == AN_MADE && !make_tensors(s)) made = AN_SKIPPED;
    if (made == AN_MADE) fill_operands(s, fills);
    else an_setting_free(s);
    return made;
}

void an_setting_free(an_setting *s)
{
    for (int i = 0; i < s->inputs; i++) an_tensor_free(&s->in[i]);
    an_dims_free(s->dims);
    free(s->extent);
    memset(s, 0, sizeof *s);
}
