/* groups.c -- which parameters a group takes, and what is wrong with one that takes none. */
#include "optim/apply.h"

#include "core/guess.h"
#include "core/pattern.h"

#include <math.h>
#include <string.h>

static bool takes(const an_group *x, const an_graph *g, an_value state)
{
    const int rank = an_slot_type(g, state.id)->shape.rank;
    return rank >= x->rank_from && (!x->rank_below || rank < x->rank_below) &&
           (!x->names || an_pattern_takes(x->names, an_node_of(g, state.id)->name));
}

/* ---- groups that mean nothing ------------------------------------------ */

static an_status check_group(const an_applying *a, int i)
{
    const an_group *x = &a->groups[i];
    const char *wrong = NULL;
    if (!an_group_chooses(x))
        wrong = "says of no parameters\n  hint: .names, .rank_from or .rank_below choose them";
    else if (!an_group_changes(x))
        wrong = "changes nothing\n  hint: .no_decay leaves the decay out, .frozen the step";
    else if (!isfinite(x->decay) || x->decay < 0 || !isfinite(x->rate) || x->rate < 0)
        wrong = "needs a finite .decay and .rate of at least 0";
    else if (x->no_decay && x->decay != 0)
        wrong = "has a .decay and .no_decay";
    return wrong ? an_graph_fail(a->g, a->at, AN_E_ARGUMENT, "%s: group %d %s", a->call, i, wrong)
                 : AN_OK;
}

/* The longest piece of the pattern without stars, and without slashes at its ends. */
static const char *piece_of(an_arena *scrap, const char *pattern)
{
    const char *best = pattern;
    size_t longest = 0;
    for (const char *p = pattern; *p; p += strspn(p, "*?/")) {
        const size_t length = strcspn(p, "*?");
        if (length > longest) best = p, longest = length;
        p += length;
    }
    while (longest > 0 && best[longest - 1] == '/') longest--;
    return an_arena_text(scrap, best, (int64_t)longest);
}

static int slashes(const char *text)
{
    int n = 0;
    for (; *text; text++) n += *text == '/';
    return n;
}

/* As many neighbouring parts of the name as the piece has, from each part on. False if memory is
 * out. */
static bool try_name(an_arena *scrap, an_guess *guess, const char *name)
{
    const int parts = slashes(guess->word) + 1;
    for (const char *from = name; from; from = strchr(from, '/')) {
        if (*from == '/') from++;
        const char *to = from;
        for (int k = 0; k < parts && to; k++) to = strchr(k ? to + 1 : to, '/');
        const int64_t length = to ? to - from : (int64_t)strlen(from);
        const char *candidate = an_arena_text(scrap, from, length);
        if (!candidate) return false;
        an_guess_try(guess, candidate);
    }
    return true;
}

static an_status fail_empty(const an_applying *a, int i)
{
    const an_group *x = &a->groups[i];
    for (int k = 0; k < a->count; k++)
        if (takes(x, a->g, a->state[k]))
            return an_graph_fail(a->g, a->at, AN_E_NAME,
                                 "%s: group %d takes nothing: its parameters, \"%s\" among them, "
                                 "are of earlier groups", a->call, i,
                                 an_node_of(a->g, a->state[k].id)->name);
    if (!x->names)
        return an_graph_fail(a->g, a->at, AN_E_NAME, "%s: group %d takes nothing: no parameter "
                             "has a rank from %d to below %d", a->call, i, x->rank_from,
                             x->rank_below ? x->rank_below : AN_MAX_RANK + 1);
    an_arena scrap = {0};
    an_text nearest = {0};
    an_guess guess = {.word = piece_of(&scrap, x->names)};
    bool good = guess.word != NULL;
    for (int k = 0; k < a->count && good; k++)
        good = try_name(&scrap, &guess, an_node_of(a->g, a->state[k].id)->name);
    if (good) an_guess_print(&guess, &nearest);
    const an_status status =
        !good ? an_graph_fail(a->g, a->at, AN_E_MEMORY, "%s: out of memory", a->call)
              : an_graph_fail(a->g, a->at, AN_E_NAME, "%s: group %d: no parameter that is stepped "
                              "is called \"%s\"%s", a->call, i, x->names, an_text_view(&nearest));
    an_text_free(&nearest);
    an_arena_free(&scrap);
    return status;
}

an_status an_groups_assign(an_applying *a)
{
    for (int i = 0; i < a->group_count; i++) {
        const an_status status = check_group(a, i);
        if (status != AN_OK) return status;
    }
    for (int k = 0; k < a->count; k++) {
        a->group[k] = -1;
        for (int i = a->group_count - 1; i >= 0; i--)
            if (takes(&a->groups[i], a->g, a->state[k])) a->group[k] = i;
    }
    for (int i = 0; i < a->group_count; i++) {
        bool used = false;
        for (int k = 0; k < a->count; k++) used |= a->group[k] == i;
        if (!used) return fail_empty(a, i);
    }
    return AN_OK;
}
