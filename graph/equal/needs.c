/* needs.c -- what memory a trial will hold, added up before it holds any.
 *
 * Every value of both graphs in the interpreter, the first graph's once more in f64 (the
 * second's, too, where nothing is proved), a program of the second, whose values share one
 * slab at best and none at worst, and a node apart in f64 on either of two threads. What the
 * graphs themselves take is not counted.                                     */
#include "graph/equal/trial.h"

/* Adds an f32 as 4 bytes to `plain` and as 8 to `wide`; false if it overflows. */
static bool add_value(const an_type *type, const int64_t *extent, int64_t *plain, int64_t *wide)
{
    const int64_t size = (int64_t)an_dtype_size(type->dtype);
    int64_t of[AN_MAX_RANK], count;
    for (int i = 0; i < type->shape.rank; i++) of[i] = an_dim_extent(type->shape.dim[i], extent);
    return an_count_elements(type->shape.rank, of, &count) && /* so that bytes fit, too */
           an_add_size(*plain, count * size, plain) &&
           an_add_size(*wide, count * size * (type->dtype == AN_F32 ? 2 : 1), wide);
}

static bool add_up(const an_graph *g, const int64_t *extent, int64_t *plain, int64_t *wide,
                   int64_t *largest)
{
    for (int64_t i = 1; i <= g->node_count; i++) {
        const an_node *n = &g->nodes[i];
        int64_t ignored = 0, apart = 0;
        for (int k = 0; k < n->outputs; k++) {
            const an_type *type = an_slot_type(g, n->first + (uint32_t)k);
            if (!add_value(type, extent, plain, wide)) return false;
            if (!add_value(type, extent, &ignored, &apart)) return false;
        }
        for (int k = 0; k < n->inputs; k++)
            if (n->in[k] && !add_value(an_slot_type(g, n->in[k]), extent, &ignored, &apart))
                return false;
        if (apart > *largest) *largest = apart;
    }
    return true;
}

an_status an_trial_needs(an_trial *t, int side, const int64_t *bound, int64_t *largest)
{
    const an_graph *g = t->side[side].g;
    int64_t *extent = an_alloc_zeroed((an_dims_entries(g->dims) + 1) * (int64_t)sizeof *extent);
    if (!extent) return an_fail(&t->error, AN_E_MEMORY, "out of memory");
    int64_t plain = 0, wide = 0, *needs = &t->result->bytes;
    an_status status = an_graph_extents(g, bound, extent, &t->error);
    const bool truth = side == 0 || an_trial_has_both(t);
    bool good = status == AN_OK && add_up(g, extent, &plain, &wide, largest) &&
                an_add_size(*needs, plain, needs) && (!truth || an_add_size(*needs, wide, needs));
    if (good && side == 1 && !t->args->quick)
        good = an_add_size(*needs, plain, needs) && an_add_size(*needs, *largest, needs) &&
               an_add_size(*needs, *largest, needs);
    an_free(extent);
    if (status == AN_OK && !good) return an_fail(&t->error, AN_E_LIMIT, "the values overflow");
    return status;
}

an_status an_trial_check_needs(an_trial *t)
{
    const int64_t needs = t->result->bytes, most = t->args->memory;
    if (most <= 0 || needs <= most) return AN_OK;
    an_text needed = {0}, allowed = {0};
    an_text_add_size(&needed, (double)needs);
    an_text_add_size(&allowed, (double)most);
    const an_status status =
        an_fail(&t->error, AN_E_LIMIT, "it takes %s of memory at these extents, and may take %s: "
                "bind smaller ones, or allow more", an_text_view(&needed), an_text_view(&allowed));
    an_text_free(&needed);
    an_text_free(&allowed);
    return status;
}
