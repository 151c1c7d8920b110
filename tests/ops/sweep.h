/* sweep.h -- every op of the table against its promises.
 *
 * A case is one application of an op: operand types, attributes and how to draw
 * the data. From a case the sweep makes a setting (extents bound, operands
 * filled) and puts it through all checks of sweep_kernel.c and sweep_graph.c.
 * tests/README.md says how to write a case.                                  */
#ifndef AN_TESTS_SWEEP_H
#define AN_TESTS_SWEEP_H

#include "core/runtime.h"
#include "ops/op.h"
#include "tests/support.h"

/* ck_assert_msg for inner loops: Check's own writes to a pipe each time it is passed. */
#define an_want(condition, ...)                                                                    \
    do {                                                                                           \
        if (!(condition)) ck_abort_msg(__VA_ARGS__);                                               \
    } while (0)
#define an_want_ok(call) an_want((call) == AN_OK, "%s failed", #call)

/* Under sanitizers the default run looks for faults; numbers are the release build's to check.
 * AN_SWEEP_ALL=1 asks for all. */
#define AN_SWEEP_BRIEF (AN_TEST_INSTRUMENTED && !getenv("AN_SWEEP_ALL"))

#define AN_CASE_OPERANDS 12
#define AN_CASE_OUTPUTS 8

enum an_case_flags {
    AN_CASE_APART = 1,      /* floats keep apart from each other and from 0: no kink is near */
    AN_CASE_NAN_STOPS = 2,  /* a NaN operand need not show in an output: it may be left out */
    AN_CASE_NO_SPECIAL = 4, /* fast and ref may part on NaN and Inf; the case says why */
    AN_CASE_NO_EMPTY = 8,   /* extents of 0 are not tried; the case says why */
    AN_CASE_NO_GRAPH = 16   /* kernel checks only; the case says why */
};

typedef struct an_case {
    const char *op, *label;
    const char *in[AN_CASE_OPERANDS + 1]; /* "f32[B,4]", "i32[5]<V", "f32[3] 0..2", "key", "-" */
    an_attrs attrs;
    const char *dims;    /* attributes in named dims: "size=V", "shape=[B,12] stop=T-1" */
    double low, high;    /* of floats that say nothing; both 0 mean -2 .. 2 */
    double ulps;         /* fast kernel against ref, in f32 ulps of ref; 0 means 4 */
    double absolute;     /* ... plus this much: for sums whose terms cancel */
    double gradient;     /* relative tolerance of gradients; 0 means 1e-6 */
    uint32_t zero_out;   /* bit k: output k may be all zeros */
    uint32_t zero_grad;  /* bit i: operand i's gradient may be all zeros */
    uint32_t no_grad_out; /* bit k: by its documentation nothing flows back through output k */
    unsigned flags;
    void (*prepare)(an_tensor in[]); /* makes operands consistent (rstd of x ...), or NULL */
} an_case;

/* One table per family, ended by an empty row. */
#define AN_CASES(family) extern const an_case an_cases_##family[];
#include "tests/ops/families.def"
#undef AN_CASES

/* Case i of an op, or NULL after its last. */
const an_case *an_case_of(int op, int i);

/* ---- a case with its extents bound and its operands filled ------------- */

typedef struct an_setting {
    const an_case *c;
    const an_op_info *op;
    an_dims *dims;
    int64_t bound[16], *extent; /* the binding, by name and by entry of dims */
    an_attrs attrs;
    int inputs, outputs;
    an_written written;
    an_type in_type[AN_CASE_OPERANDS], out_type[AN_CASE_OUTPUTS]; /* in named dims */
    bool present[AN_CASE_OPERANDS];
    an_tensor in[AN_CASE_OPERANDS];   /* data NULL where absent */
    an_tensor out[AN_CASE_OUTPUTS];    /* types only */
    int64_t below[AN_CASE_OPERANDS];  /* ids lie below this; -1 where it is not an id */
    bool hopeless;                    /* an id exists that cannot be valid: its bound is 0 */
    double spacing;       /* AN_CASE_APART: how far floats are apart; else 0 */
    uint64_t seed;
    char name[160];                   /* for messages: op, label, binding, seed */
} an_setting;

typedef enum an_making { AN_MADE, AN_SKIPPED, AN_NO_MORE } an_making;

/* Variant 0 binds every name to its usual extent; then each name in turn to 1 and
 * to 0, then all to 1. `wide` turns f32 operands into f64 of the same values. A
 * binding that makes no sense (T-1 at T=0) is skipped. A case that does not infer
 * fails the test. */
an_making an_setting_make(an_setting *s, const an_case *c, int variant, bool wide);
void an_setting_free(an_setting *s);
uint64_t an_sweep_seed(void); /* AN_SEED of the environment, else 1 */

/* ---- one execution of a setting ---------------------------------------- */

typedef enum an_split { AN_SPLIT_WHOLE, AN_SPLIT_SINGLE, AN_SPLIT_RANDOM, AN_SPLIT_POOL } an_split;

typedef struct an_how {
    const char *what; /* for messages */
    bool ref;
    an_isa isa;
    an_split split;
    int shift;        /* buffers start this many elements past an aligned address */
    uint8_t poison;   /* what outputs and scratch hold before */
    uint32_t dead;    /* bit k: output k is not wanted */
    int over[AN_CASE_OUTPUTS]; /* output k is written over operand over[k] - 1; 0: its own buffer */
    int same;         /* operand same - 1 and operand 0 are one buffer; 0: all apart */
} an_how;

typedef struct an_outcome {
    an_tensor out[AN_CASE_OUTPUTS]; /* owned copies; empty where dead */
    int64_t most_units[AN_MAX_STAGES];
    bool faulted;
    int fault_operand;
    int64_t fault_position, fault_value, fault_bound;
} an_outcome;

/* Runs with guard bytes around every buffer and fails the test if one changed. */
void an_setting_run(const an_setting *s, const an_how *how, an_outcome *o);
void an_outcome_free(an_outcome *o);

/* ---- the checks; each fails the test with a message -------------------- */

void an_check_kernels(const an_case *c, int64_t most_units[AN_MAX_STAGES]);
void an_check_graphs(const an_case *c);

#endif
