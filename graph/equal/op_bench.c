/* op_bench.c -- an op from outside on the bench: its kernel and its plain loops by themselves.
 *
 * Each is run over drawn operands with this or that changed that must not matter: what memory held
 * before, what lies behind a tensor, the order of units, where the results lie, whether somebody
 * reads them. Then, over magnitudes, the kernel is held to the plain loops in f64.  */
#include "graph/equal/apart.h"
#include "graph/equal/check_op.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "core/random.h"
#include "ops/access.h"
#include "ops/kernels/kernels.h"

#define WIDE 37 /* an extent of several blocks and a part of one */

/* ---- operands ------------------------------------------------------------ */

/* Numbers around `size`; a `special` one among eight. Integers are 0 or 1, or 0 where there may be
 * no 1 to count to. */
typedef struct an_drawing {
    uint64_t seed;
    int64_t extent;
    double size, special;
} an_drawing;

static void draw(an_tensor *t, const an_drawing *d, uint32_t stream)
{
    const an_stream s = {.seed = d->seed, .stream = stream};
    for (int64_t i = 0, count = an_elements(t); i < count; i++) {
        const double u = 4 * an_draw_uniform(&s, i) - 2;
        const bool plain = d->special == 0 || an_random_bits_at(&s, i) % 8;
        if (an_dtype_is_float(t->dtype)) an_put(t, i, plain ? u * d->size : d->special);
        else an_put_int(t, i, u > 0 && (t->dtype == AN_BOOL || d->extent > 1));
    }
}

static an_status begin(an_op_check *c, an_evaluation *e, int64_t extent)
{
    const int names = an_dims_names(c->alone->dims);
    int64_t *bound = an_alloc_zeroed((names + 1) * (int64_t)sizeof *bound);
    for (int i = 0; bound && i < names; i++) bound[i] = extent;
    const an_status status = bound ? an_evaluation_begin(e, c->alone, bound)
                                   : an_fail(&e->error, AN_E_MEMORY, "out of memory");
    an_free(bound);
    return status;
}

static void draw_all(an_op_check *c, an_evaluation *e, const an_drawing *d)
{
    for (uint32_t id = 1; (int64_t)id <= c->alone->slot_count; id++)
        if (an_node_is_named(an_node_of(c->alone, id))) draw(&e->value[id], d, id);
}

/* ---- what must not matter ------------------------------------------------ */

typedef struct variant {
    an_fills fills;
    const char *says; /* where an element turns out otherwise */
} variant;

static const variant variants[] = {
    {{0}, "is other in a second run"},
    {{.result = 0x3c}, "is never written, or read before"},
    {{.scratch = 0x3c}, "depends on what its scratch held before"},
    {{.guard = 0x7f}, "depends on what lies behind an operand"},
};

static an_status run_filled(an_op_check *c, an_evaluation *e, const an_drawing *d, bool plain,
                            an_fills fills)
{
    *e = (an_evaluation){.guarded = true, .reference = plain, .fills = fills};
    const an_status status = begin(c, e, d->extent);
    if (status != AN_OK) return status;
    draw_all(c, e, d);
    return an_evaluation_run(e);
}

static const char *loops(bool plain) { return plain ? "its plain loops" : "its kernel"; }

/* The first operand that is no longer what was drawn; -1: none; -2: memory is out. */
static int first_changed(an_op_check *c, const an_evaluation *e, const an_drawing *d)
{
    const an_node *n = an_op_alone(c);
    int changed = -1;
    for (int i = 0; i < n->inputs && changed == -1; i++) {
        an_tensor was = {0};
        if (!n->in[i]) continue;
        const an_tensor *now = &e->value[n->in[i]];
        if (an_tensor_copy(&was, now) != AN_OK) return -2;
        draw(&was, d, n->in[i]);
        if (memcmp(was.data, now->data, (size_t)an_tensor_bytes(now)) != 0) changed = i;
        an_tensor_free(&was);
    }
    return changed;
}

/* Whether both runs made the same bits; else says where not. */
static bool is_same(an_op_check *c, const an_evaluation *a, const an_evaluation *b, bool plain,
                    int64_t extent, const char *says)
{
    const an_node *n = an_op_alone(c);
    for (int k = 0; k < n->outputs; k++) {
        const an_tensor *x = &a->value[n->first + (uint32_t)k];
        const an_tensor *y = &b->value[n->first + (uint32_t)k];
        const int64_t size = (int64_t)an_dtype_size(x->dtype);
        for (int64_t i = 0; i < an_tensor_count(x); i++)
            if (memcmp((char *)x->data + i * size, (char *)y->data + i * size, (size_t)size)) {
                an_op_sayf(c, false, "memory", "%s: element %lld of result %d %s, at extents of "
                           "%lld", loops(plain), (long long)i, k, says, (long long)extent);
                return false;
            }
    }
    return true;
}

/* Of the run as it is: nothing but results written, operands as they were. */
static bool is_within(an_op_check *c, const an_evaluation *e, const an_drawing *d, bool plain)
{
    const int changed = e->trespasser ? -1 : first_changed(c, e, d);
    char name[32];
    if (e->trespasser)
        an_op_sayf(c, false, "memory", "%s write%s past a result or the scratch, at extents of "
                   "%lld",
                   loops(plain), plain ? "" : "s", (long long)d->extent);
    if (changed == -2) an_fail(&c->error, AN_E_MEMORY, "out of memory");
    if (changed >= 0) {
        an_op_input_name(c->n->op, changed, name, sizeof name);
        an_op_sayf(c, false, "memory", "%s change%s operand %s", loops(plain), plain ? "" : "s",
                   name);
    }
    return !e->trespasser && changed == -1;
}

/* At one extent; AN_E_DATA and AN_E_BINDING: there the op has nothing to do. */
static an_status check_at(an_op_check *c, int64_t extent, bool plain, bool *good)
{
    const an_drawing d = {.seed = c->args->seed, .extent = extent, .size = 1};
    const size_t count = sizeof variants / sizeof *variants;
    an_evaluation base = {0};
    an_status status = run_filled(c, &base, &d, plain, (an_fills){0});
    if (base.trespasser || status == AN_OK) *good = is_within(c, &base, &d, plain);
    else an_fail(&c->error, status, "%s", base.error.text);
    for (size_t i = 0; i < count && status == AN_OK && *good; i++) {
        an_evaluation e = {0};
        status = run_filled(c, &e, &d, plain, variants[i].fills);
        if (status == AN_OK) *good = is_same(c, &base, &e, plain, extent, variants[i].says);
        else an_fail(&c->error, status, "%s", e.error.text);
        an_evaluation_free(&e);
    }
    an_evaluation_free(&base);
    return status;
}

bool an_op_check_memory(an_op_check *c)
{
    static const int64_t extents[] = {0, 1, 3, WIDE};
    bool good = true;
    int tried = 0;
    for (int k = 0; k < 8 && good; k++) {
        if (k % 2 && !c->n->op->rules->ref) continue;
        const an_status status = check_at(c, extents[k / 2], k % 2, &good);
        tried += status == AN_OK;
        const bool idle = status == AN_E_DATA || status == AN_E_BINDING;
        if (status != AN_OK && !idle) return false;
        if (idle && (tried || k < 7)) an_error_clear(&c->error);
    }
    if (!tried && good)
        an_op_say(c, false, "memory", "nothing runs it, at extents of 0, 1, 3 or 37");
    else if (good)
        an_op_say(c, true, "memory", "results come of operands, and nothing else is written");
    return good && tried;
}

/* ---- units and places ---------------------------------------------------- */

typedef struct bench { /* the node over drawn operands */
    an_evaluation e;
    an_work w;
    an_arena room;
    an_tensor *in, *over, *again; /* operands; them with one replaced; results of another run */
    uint32_t first;
    bool plain; /* the plain loops */
} bench;

static bool make_room(bench *b, const an_node *n)
{
    b->in = an_arena_alloc(&b->room, 2 * n->inputs * (int64_t)sizeof *b->in);
    b->again = an_arena_alloc(&b->room, n->outputs * (int64_t)sizeof *b->again);
    b->over = b->in ? b->in + n->inputs : NULL;
    return b->in && b->again;
}

static void close_bench(bench *b)
{
    an_evaluation_free(&b->e);
    an_arena_free(&b->room);
}

static an_status open_bench(an_op_check *c, bench *b)
{
    const an_node *n = an_op_alone(c);
    const an_drawing d = {.seed = c->args->seed, .extent = WIDE, .size = 1};
    *b = (bench){.first = n->first};
    const an_status status = begin(c, &b->e, WIDE);
    if (status != AN_OK) return status;
    if (!make_room(b, n)) return an_fail(&b->e.error, AN_E_MEMORY, "out of memory");
    draw_all(c, &b->e, &d);
    for (int i = 0; i < n->inputs; i++)
        if (n->in[i]) b->in[i] = b->e.value[n->in[i]];
    b->w = (an_work){.op = n->op, .attrs = n->attrs, .extent = b->e.extent, .inputs = n->inputs,
                     .in = b->in, .outputs = n->outputs, .out = &b->e.value[b->first],
                     .fault = &b->e.fault, .kernels = an_kernels_of(an_runtime_isa())};
    return AN_OK;
}

static void run_stages(const an_op_rules *rules, const an_work *w, bool backwards)
{
    for (int s = 0; s < AN_MAX_STAGES && rules->stages[s].run; s++) {
        const int64_t units = rules->stages[s].units(w);
        for (int64_t unit = units; backwards && unit-- > 0;)
            rules->stages[s].run(w, unit, unit + 1);
        if (!backwards && units > 0) rules->stages[s].run(w, 0, units);
    }
}

/* Units in order, or from the last to the first, each by itself; false if memory is out. */
static bool run_over(const bench *b, an_work *w, bool backwards)
{
    const an_op_rules *rules = w->op->rules;
    const int64_t size = rules->scratch ? rules->scratch(w) : 0;
    if (size > 0 && !(w->scratch = an_alloc_aligned(size))) return false;
    if (b->plain) rules->ref(w);
    else run_stages(rules, w, backwards);
    an_free_aligned(w->scratch);
    w->scratch = NULL;
    return true;
}

/* What is other than when it ran first. */
typedef struct place {
    const char *what, *says;
    bool backwards;
    int over, unread; /* the operand that result 0 replaces; the result nobody reads; -1: none */
} place;

/* Once more, so: the same bits? */
static void check_again(an_op_check *c, const bench *b, const place *p)
{
    an_tensor *out = b->again, *in = b->over;
    an_work w = b->w;
    bool room = true, same = true;
    memset(out, 0, (size_t)w.outputs * sizeof *out);
    memcpy(in, b->in, (size_t)w.inputs * sizeof *in);
    for (int k = 0; k < w.outputs; k++)
        if (k != p->unread) room = room && an_tensor_copy(&out[k], &b->w.out[k]) == AN_OK;
    if (room && p->over >= 0) {
        memcpy(out[0].data, b->in[p->over].data, (size_t)an_tensor_bytes(&out[0]));
        in[p->over].data = out[0].data;
    }
    if (p->unread >= 0) out[p->unread] = b->w.out[p->unread], out[p->unread].data = NULL;
    w.in = in;
    w.out = out;
    room = room && run_over(b, &w, p->backwards);
    for (int k = 0; room && same && k < w.outputs; k++)
        same = !out[k].data ||
               !memcmp(out[k].data, b->w.out[k].data, (size_t)an_tensor_bytes(&out[k]));
    if (!room) an_fail(&c->error, AN_E_MEMORY, "out of memory");
    else if (same) an_op_sayf(c, true, p->what, "%s the same bits", p->says);
    else an_op_sayf(c, false, p->what, "other bits come out %s, of %s", p->says, loops(b->plain));
    for (int k = 0; k < w.outputs; k++)
        if (out[k].data) an_tensor_free(&out[k]);
}

static bool may_replace(const bench *b, int operand)
{
    const an_tensor *x = &b->in[operand], *y = &b->w.out[0];
    return x->data && an_has_operand(b->w.op->rules->share[0], operand) && x->dtype == y->dtype &&
           an_tensor_bytes(x) == an_tensor_bytes(y);
}

static void check_places(an_op_check *c, bench *b)
{
    const place backwards = {"units", "in any order, one by one", true, -1, -1};
    if (!run_over(b, &b->w, false)) {
        an_fail(&c->error, AN_E_MEMORY, "out of memory");
        return;
    }
    if (!b->plain) check_again(c, b, &backwards);
    for (int i = 0; i < b->w.inputs; i++)
        if (may_replace(b, i))
            check_again(c, b, &(place){"in place", "over an operand", false, i, -1});
    for (int k = 0; k < b->w.outputs && b->w.outputs > 1; k++)
        check_again(c, b, &(place){"unread", "where nobody reads a result", false, -1, k});
}

void an_op_check_places(an_op_check *c)
{
    bench b;
    const an_op_rules *rules = c->n->op->rules;
    if (open_bench(c, &b) == AN_OK) {
        if (an_is_fast(c->n->op, &b.w)) check_places(c, &b);
        b.plain = true;
        if (rules->ref) check_places(c, &b);
    } else if (b.e.error.status != AN_E_BINDING) {
        an_fail(&c->error, b.e.error.status, "%s", b.e.error.text);
    }
    close_bench(&b);
}

/* ---- magnitudes ---------------------------------------------------------- */

/* Beyond these, squares overflow or vanish in f32. */
#define LARGE 1e18

/* The node over operands of that size, or one of them: as near to f64 as rounding allows? */
static an_status check_rung(an_op_check *c, bench *b, int only, const an_drawing *d, bool *good)
{
    const an_node *n = an_op_alone(c);
    const an_drawing usual = {.seed = d->seed, .extent = d->extent, .size = 1};
    for (int i = 0; i < n->inputs; i++)
        if (n->in[i]) draw(&b->in[i], only < 0 || only == i ? d : &usual, n->in[i]);
    const uint32_t number = c->alone->slots[n->first].node;
    an_finding f = {.number = number, .anywhere = true, .may_overflow = d->size > LARGE};
    an_status status = an_evaluation_node(&b->e, number);
    const an_trial_side side = {.g = c->alone, .e = b->e};
    if (status != AN_OK) return an_fail(&c->error, status, "%s", b->e.error.text);
    an_node_examine(&side, &f);
    if (f.status != AN_OK) return an_fail(&c->error, f.status, "%s", an_status_name(f.status));
    *good = f.output < 0;
    if (!*good)
        an_op_sayf(c, false, "magnitudes", "%s %g: element %lld of result %d is %.9g; from the "
                   "same operands its plain loops in f64 have %.9g", d->special == 0 ? "around" :
                   "among", d->special == 0 ? d->size : d->special, (long long)f.element, f.output,
                   an_tensor_get(&b->w.out[f.output], f.element), f.truth);
    return AN_OK;
}

void an_op_check_magnitudes(an_op_check *c)
{
    static const double sizes[] = {1e-42, 1e-39, 1e-30, 1e-15, 1e-6, 1, 1e6, 1e15, 1e30, 1e38};
    const double specials[] = {NAN, INFINITY, -INFINITY};
    const int rungs = sizeof sizes / sizeof *sizes, all = rungs + 3;
    bench b;
    bool good = true;
    an_status status = open_bench(c, &b);
    if (status != AN_OK && status != AN_E_BINDING) an_fail(&c->error, status, "%s", b.e.error.text);
    const bool fast = status == AN_OK && an_is_fast(c->n->op, &b.w);
    for (int r = 0; r < all && good && fast && status == AN_OK; r++) {
        const an_drawing d = {.seed = c->args->seed, .extent = WIDE,
                              .size = r < rungs ? sizes[r] : 1,
                              .special = r < rungs ? 0 : specials[r - rungs]};
        for (int only = -1; only < (b.w.inputs > 1 ? b.w.inputs : 0) && good; only++)
            if (status == AN_OK) status = check_rung(c, &b, only, &d, &good);
    }
    if (good && fast && status == AN_OK)
        an_op_say(c, true, "magnitudes", "from 1e-42 to 1e38, among NaN and infinities");
    close_bench(&b);
}
