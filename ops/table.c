/* table.c -- ops.def as a table that the program can read.
 *
 * Arity and attribute sets are read off the rows' own strings once and kept, so
 * a row states each fact a single time.                                      */
#include "core/random.h"
#include "ops/op.h"

#include <limits.h>
#include <math.h>
#include <pthread.h>
#include <string.h>

#define LEAF AN_TRAIT_LEAF
#define COMMUTES AN_TRAIT_COMMUTES
#define VIEW AN_TRAIT_VIEW
#define SECOND AN_TRAIT_SECOND
#define DERIVED AN_TRAIT_DERIVED
#define BESIDE AN_TRAIT_BESIDE
#define STEP AN_TRAIT_STEP
#define NAMED AN_TRAIT_NAMED
#define ACROSS AN_TRAIT_ACROSS

/* Counts and sets are derived below; everything else is the row itself. */
static an_op_info table[AN_OPS] = {
    {.name = "?", .inputs = "", .outputs = "", .attributes = "", .doc = ""},
#define AN_OP(op, kind, in, out, attrs, flags, meaning)                                            \
    {.code = AN_OP_##op, .name = #op, .inputs = in, .outputs = out, .attributes = attrs,           \
     .doc = meaning, .category = AN_CATEGORY_##kind, .traits = flags,                              \
     .rules = &an_rules_##op},
#include "ops/ops.def"
#undef AN_OP
};

/* The i-th blank-separated word of `list`: its start, and its length in *length. */
static const char *word(const char *list, int i, int *length)
{
    const char *p = list;
    for (;; i--) {
        p += strspn(p, " ");
        *length = (int)strcspn(p, " ");
        if (i == 0 || *length == 0) return p;
        p += *length;
    }
}

void an_op_derive(an_op_info *row, uint32_t version)
{
    int length;
    row->version = version;
    row->key = an_hash_string(row->name) + version;
    for (int i = 0;; i++) {
        const char *w = word(row->inputs, i, &length);
        if (length == 0) break;
        row->max_inputs = i + 1;
        if (w[length - 1] != '?') row->min_inputs = i + 1;
        else row->optional_set |= (uint64_t)1 << i;
        if (w[length - 1] == '.') row->max_inputs = INT_MAX;
    }
    while (word(row->outputs, row->outputs_count, &length), length > 0) row->outputs_count++;
    for (int i = 0; row->own_count == 0; i++) {
        const char *w = word(row->attributes, i, &length);
        if (length == 0) break;
        char name[32] = {0};
        memcpy(name, w, (size_t)(length < 31 ? length : 31));
        row->attribute_set |= (uint64_t)1 << an_attr_find(name);
    }
}

static void derive_table(void)
{
    for (int i = 1; i < AN_OPS; i++) an_op_derive(&table[i], 0);
}

const an_op_info *an_op(int opcode)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, derive_table);
    return &table[opcode > 0 && opcode < AN_OPS ? opcode : 0];
}

const an_op_info *an_op_find(const char *name)
{
    for (int i = 1; name && i < AN_OPS; i++)
        if (!strcmp(table[i].name, name)) return an_op(i);
    return NULL;
}

int an_op_number(const char *name)
{
    const an_op_info *row = an_op_find(name);
    return row ? row->code : AN_OP_none;
}

const char *an_category_name(an_category category)
{
    static const char *const names[AN_CATEGORIES] = {
        "leaf", "elementwise", "select", "reduce", "movement", "gather", "matmul",
        "softmax", "norm", "fused", "recurrent", "random", "loss", "optimizer", "outside"};
    return (unsigned)category < AN_CATEGORIES ? names[category] : "?";
}

#define MOST_WORDS 64 /* of a list of operands or results */

/* Copies word i of a list without its `?` or `...`; the last word serves for all beyond it. */
static void copy_name(const char *list, int i, char *out, int size)
{
    if (size <= 0) return;
    int length = 0;
    const char *w = word(list, i, &length);
    for (int last = i < MOST_WORDS ? i : MOST_WORDS; length == 0 && last > 0; last--)
        w = word(list, last - 1, &length);
    while (length > 0 && (w[length - 1] == '?' || w[length - 1] == '.')) length--;
    if (length > size - 1) length = size - 1;
    memcpy(out, w, (size_t)length);
    out[length] = 0;
}

void an_op_input_name(const an_op_info *op, int i, char *out, int size)
{
    copy_name(op->inputs, i, out, size);
}

void an_op_output_name(const an_op_info *op, int k, char *out, int size)
{
    copy_name(op->outputs, k, out, size);
}

bool an_op_input_optional(const an_op_info *op, int i)
{
    return i < 64 && op->optional_set >> i & 1;
}

an_dtype an_compute_dtype(const an_work *w)
{
    for (int i = 0; i < w->inputs; i++)
        if (w->in[i].data && an_dtype_is_float(w->in[i].dtype)) return w->in[i].dtype;
    for (int k = 0; k < w->outputs; k++)
        if (an_dtype_is_float(w->out[k].dtype)) return w->out[k].dtype;
    return w->outputs > 0 ? w->out[0].dtype : AN_F32;
}

bool an_is_fast(const an_op_info *op, const an_work *w)
{
    const an_op_rules *rules = op->rules;
    if (!rules || !rules->stages[0].run) return false;
    const uint32_t fast = rules->fast ? rules->fast : AN_FAST_F32;
    return (fast & AN_DTYPE_BIT(an_compute_dtype(w))) != 0;
}

/* ---- what a node costs ---------------------------------------------------- */

double an_work_flops(const an_work *w)
{
    const an_op_rules *rules = w->op->rules;
    if (rules->count_flops) return rules->count_flops(w);
    const double out = (double)an_tensor_count(&w->out[0]);
    if (rules->flops == 0) return out;
    if (rules->flops == AN_NO_FLOPS) return 0;
    return rules->flops * fmax((double)an_tensor_count(&w->in[0]), out);
}

double an_work_bytes(const an_work *w)
{
    const an_bound *index = &w->op->rules->index;
    const int patch = w->op->rules->patch;
    if (patch && w->in[0].data && w->in[0].data == w->out[0].data) /* the rest stays as it is */
        return 2 * (double)an_tensor_bytes(&w->in[patch - 1]);
    double read = 0, written = 0;
    for (int k = 0; k < w->outputs; k++)
        if (w->out[k].data) written += (double)an_tensor_bytes(&w->out[k]);
    for (int i = 0; i < w->inputs; i++) {
        if (!w->in[i].data) continue;
        const double all = (double)an_tensor_bytes(&w->in[i]);
        const bool rows = index->by == AN_BOUND_EXTENT && index->of == i && index->operand != i;
        read += rows ? fmin(all, written) : all;
    }
    return read + written;
}
