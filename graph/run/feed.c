/* feed.c -- what comes in: feeds matched by name, checked, and read for extents.
 *
 * A feed's dtype, rank and literal extents must be the input's; a named dim takes
 * its extent from the first feed that has it, and the others must agree. Inputs
 * that the program does not need may be fed, and are checked all the same.   */
#include "graph/run/program.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

an_status an_program_fail(an_program *p, an_at at, an_status status, const char *format, ...)
{
    char line[1200], text[AN_ERROR_BYTES];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    const char *words = an_after_code(line);
    if (an_has_place(line))
        snprintf(text, sizeof text, "%s", line);
    else if (at.file && at.line > 0)
        snprintf(text, sizeof text, "%.600s:%d: error AN-E%03d: %s", at.file, at.line, (int)status,
                 words);
    else
        snprintf(text, sizeof text, "error AN-E%03d: %s", (int)status, words);
    return an_fail_text(&p->error, status, text);
}

/* ---- wording ----------------------------------------------------------- */

static void describe(const an_tensor *t, an_text *out)
{
    an_text_addf(out, "%s[", an_dtype_name(t->dtype));
    for (int i = 0; i < t->rank && i < AN_MAX_RANK; i++)
        an_text_addf(out, "%s%lld", i ? "," : "", (long long)t->extent[i]);
    an_text_add(out, "]");
}

static const char *hint_for(const an_port *port, const an_tensor *t)
{
    if (t->dtype != port->type.dtype)
        return port->type.dtype == AN_I32 || port->type.dtype == AN_I64
                   ? "convert the indices, or declare the input with the feed's type"
                   : "convert the tensor, or declare the input with the feed's type";
    if (t->rank != port->type.shape.rank)
        return "a batch of one still has its batch axis: borrow the data with all extents";
    return "an extent that may vary wants a named dim (an_dim_named) in the input's shape";
}

static an_status fail_type(an_program *p, an_at at, const an_port *port, const an_tensor *t)
{
    an_text have = {0}, want = {0};
    describe(t, &have);
    an_type_print(p->graph->dims, &port->type, &want);
    const an_status status =
        an_program_fail(p, at, AN_E_FEED, "feed \"%s\" is %s, but the input is %s\n  hint: %s",
                        port->name, an_text_view(&have), an_text_view(&want), hint_for(port, t));
    an_text_free(&have);
    an_text_free(&want);
    return status;
}

static an_status fail_binding(an_program *p, an_at at, int name, const an_port *port,
                              int64_t extent)
{
    const an_port *first = &p->ports[p->bound_by[name]];
    an_text a = {0}, b = {0};
    describe(first->fed, &a);
    describe(port->fed, &b);
    const char *dim = an_dims_name_at(p->graph->dims, name);
    const an_status status =
        an_program_fail(p, at, AN_E_BINDING,
                        "dim %s is %lld in feed \"%s\" (%s), but %lld in feed \"%s\" (%s)\n  hint: "
                        "all feeds of one run must agree on %s",
                        dim, (long long)p->bound[name], first->name, an_text_view(&a),
                        (long long)extent, port->name, an_text_view(&b), dim);
    an_text_free(&a);
    an_text_free(&b);
    return status;
}

static an_status fail_unknown(an_program *p, an_at at, const char *name)
{
    an_text known = {0};
    for (int64_t i = 0; i < p->port_count && i < 12; i++)
        an_text_addf(&known, "%s\"%s\"", i ? ", " : "", p->ports[i].name);
    if (p->port_count > 12) an_text_add(&known, ", ...");
    an_guess guess = {.word = name};
    an_text nearest = {0};
    for (int64_t i = 0; i < p->port_count; i++) an_guess_try(&guess, p->ports[i].name);
    an_guess_print(&guess, &nearest);
    const an_status status =
        an_program_fail(p, at, AN_E_FEED,
                        "there is no input \"%s\"%s\n  hint: the graph's inputs are %s", name,
                        an_text_view(&nearest), p->port_count ? an_text_view(&known) : "none");
    an_text_free(&nearest);
    an_text_free(&known);
    return status;
}

static an_status fail_missing(an_program *p, an_at at, const an_port *port)
{
    an_text want = {0};
    an_type_print(p->graph->dims, &port->type, &want);
    const an_status status =
        an_program_fail(p, at, AN_E_FEED, "input \"%s\" (%s) is needed, but was not fed",
                        port->name, an_text_view(&want));
    an_text_free(&want);
    return status;
}

/* ---- matching ---------------------------------------------------------- */

static an_port *find_port(const an_program *p, const char *name)
{
    int64_t low = 0, high = p->port_count;
    while (low < high) {
        const int64_t middle = low + (high - low) / 2;
        const int order = strcmp(p->ports[middle].name, name);
        if (order == 0) return &p->ports[middle];
        if (order < 0) low = middle + 1;
        else high = middle;
    }
    return NULL;
}

/* Dense, aligned for its elements, and described without lies we can see. */
static bool is_sound(const an_tensor *t)
{
    int64_t count, bytes;
    const int64_t width = (int64_t)an_dtype_size(t->dtype);
    return width > 0 && an_count_elements(t->rank, t->extent, &count) &&
           an_mul_size(count, width, &bytes) && (t->data || count == 0) &&
           (uintptr_t)t->data % (uintptr_t)width == 0;
}

static an_status check_type(an_program *p, an_at at, an_port *port)
{
    const an_tensor *t = port->fed;
    const an_shape *shape = &port->type.shape;
    if (t->dtype != port->type.dtype || t->rank != shape->rank) return fail_type(p, at, port, t);
    for (int i = 0; i < shape->rank; i++) {
        if (!an_dim_is_symbolic(shape->dim[i])) {
            if (t->extent[i] != shape->dim[i]) return fail_type(p, at, port, t);
            continue;
        }
        const int name = an_dims_name_index(p->graph->dims, shape->dim[i]);
        if (name < 0) continue; /* an expression: checked once all names are bound */
        if (p->bound[name] < 0) {
            p->bound[name] = t->extent[i];
            p->bound_by[name] = port - p->ports;
        } else if (p->bound[name] != t->extent[i]) {
            return fail_binding(p, at, name, port, t->extent[i]);
        }
    }
    return AN_OK;
}

static an_status take_feed(an_program *p, an_at at, const an_feed *feed, int position)
{
    if (!feed->name)
        return an_program_fail(p, at, AN_E_FEED, "feed number %d has no name", position);
    an_port *port = find_port(p, feed->name);
    if (!port) return fail_unknown(p, at, feed->name);
    if (port->fed)
        return an_program_fail(p, at, AN_E_FEED, "input \"%s\" is fed twice", feed->name);
    if (!feed->tensor || !is_sound(feed->tensor))
        return an_program_fail(p, at, AN_E_FEED,
                               "feed \"%s\" is no tensor: its data is missing or misaligned, or "
                               "its rank or extents are out of range", feed->name);
    port->fed = feed->tensor;
    return check_type(p, at, port);
}

/* An expression that a feed has an extent for, and that is not known all the same. */
static bool is_open(const an_program *p, const an_port *port, int axis)
{
    int name;
    int64_t extent;
    const an_dim d = port->type.shape.dim[axis];
    if (!an_dim_is_symbolic(d) || an_dims_name_index(p->graph->dims, d) >= 0) return false;
    return an_dims_solve(p->graph->dims, d, 0, p->bound, &name, &extent) == AN_DIMS_OPEN &&
           name != -1;
}

void an_program_hint_open(const an_program *p, an_text *out)
{
    for (int64_t i = 0; i < p->port_count; i++)
        for (int axis = 0; p->ports[i].fed && axis < p->ports[i].type.shape.rank; axis++) {
            if (!is_open(p, &p->ports[i], axis)) continue;
            an_text_addf(out, "\n  hint: feed \"%s\" gives %lld for ", p->ports[i].name,
                         (long long)p->ports[i].fed->extent[axis]);
            an_dims_print(p->graph->dims, p->ports[i].type.shape.dim[axis], out);
            an_text_add(out, ", which does not say what it is made of; feed an input that has the "
                             "name itself");
            return;
        }
}

/* ---- expressions --------------------------------------------------------- */

static an_status fail_never(an_program *p, an_at at, const an_port *port, int axis, int name)
{
    an_text have = {0}, dim = {0};
    describe(port->fed, &have);
    an_dims_print(p->graph->dims, port->type.shape.dim[axis], &dim);
    const an_status status = an_program_fail(
        p, at, AN_E_BINDING, "no %s makes dim %d of feed \"%s\", %s, the %lld that it is (%s)",
        an_dims_name_at(p->graph->dims, name), axis, port->name, an_text_view(&dim),
        (long long)port->fed->extent[axis], an_text_view(&have));
    an_text_free(&have);
    an_text_free(&dim);
    return status;
}

/* Learns names from expressions of one feed: T from a T+1. *learned is set if there was one. */
static an_status solve_feed(an_program *p, an_at at, const an_port *port, bool *learned)
{
    for (int i = 0; i < port->type.shape.rank; i++) {
        int name;
        int64_t extent;
        const an_dims_answer answer =
            an_dims_solve(p->graph->dims, port->type.shape.dim[i], port->fed->extent[i], p->bound,
                          &name, &extent);
        if (answer == AN_DIMS_NEVER) return fail_never(p, at, port, i, name);
        if (answer == AN_DIMS_OPEN) continue;
        p->bound[name] = extent;
        p->bound_by[name] = port - p->ports;
        *learned = true;
    }
    return AN_OK;
}

/* Until all names are bound or no feed says more: each round learns a name or is the last. */
static an_status solve_all(an_program *p, an_at at)
{
    bool open = false;
    for (int i = 0; i < an_dims_names(p->graph->dims); i++) open = open || p->bound[i] < 0;
    for (bool learned = open; learned;) {
        learned = false;
        for (int64_t i = 0; i < p->port_count; i++) {
            const an_status status =
                p->ports[i].fed ? solve_feed(p, at, &p->ports[i], &learned) : AN_OK;
            if (status != AN_OK) return status;
        }
    }
    return AN_OK;
}

an_status an_program_feed(an_program *p, an_at at, const an_feed *feeds, int count)
{
    const int names = an_dims_names(p->graph->dims);
    for (int i = 0; i < names; i++) p->bound[i] = -1;
    for (int64_t i = 0; i < p->port_count; i++) p->ports[i].fed = NULL;
    for (int i = 0; i < count; i++) {
        const an_status status = take_feed(p, at, &feeds[i], i);
        if (status != AN_OK) return status;
    }
    for (int64_t i = 0; i < p->port_count; i++)
        if (p->ports[i].buffer && !p->ports[i].fed) return fail_missing(p, at, &p->ports[i]);
    return solve_all(p, at);
}

an_status an_program_check_feeds(an_program *p, an_at at, const an_plan *plan)
{
    static char nothing[64]; /* where tensors without elements point */
    for (int64_t i = 0; i < p->port_count; i++) {
        an_port *port = &p->ports[i];
        if (!port->fed) continue;
        for (int d = 0; d < port->type.shape.rank; d++) {
            const int64_t extent = an_dim_extent(port->type.shape.dim[d], plan->extent);
            if (extent >= 0 && extent != port->fed->extent[d])
                return fail_type(p, at, port, port->fed);
        }
        if (port->buffer) p->at[port->buffer] = port->fed->data ? port->fed->data : nothing;
    }
    return AN_OK;
}
