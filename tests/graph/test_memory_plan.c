/* test_memory_plan.c -- what a map of memory says must be what the plan does. */
#include <string.h>

#include "graph/memory/mapping.h"
#include "tests/models.h"
#include "tests/support.h"

typedef struct mapped {
    an_model m;
    an_store *store;
    an_program *p;
    an_memory_map *map;
    const an_plan *plan;
} mapped;

static mapped map_of(an_model m, const char *bind, bool train, const char *recompute)
{
    mapped x = {.m = m, .store = an_store_new(3)};
    x.p = an_compile(m.g, x.store, .fetch = {m.loss, m.y}, .recompute = recompute,
                     .update = train ? m.up : (an_updates){0});
    ck_assert_msg(x.p != NULL, "%s", an_compile_message(m.g));
    ck_assert_ptr_null(an_memory_map_new(x.p, 0)); /* nothing was run */
    char message[2048] = "";
    an_drawn *drawn = an_draw_feeds(m.g, bind, 7, message, sizeof message);
    ck_assert_msg(drawn != NULL, "%s", message);
    int count;
    const an_feed *feeds = an_drawn_feeds(drawn, &count);
    ck_assert_msg(an_run(x.p, .feed_list = feeds, .feed_count = count) == AN_OK, "%s",
                  an_program_message(x.p));
    an_drawn_free(drawn);
    x.map = an_memory_map_new(x.p, 0);
    ck_assert_ptr_nonnull(x.map);
    x.plan = x.p->plans[x.p->plan_count - 1];
    return x;
}

static void unmap(mapped *x)
{
    an_memory_map_free(x->map);
    an_program_free(x->p);
    an_store_free(x->store);
    an_graph_free(x->m.g);
}

/* Deep enough that what is saved is most of it. */
static const an_transformer_sizes deep = {.name = "deep", .tokens = 20, .length = 12, .width = 16,
                                          .heads = 2, .blocks = 4, .pre_norm = true};

static mapped model(int which)
{
    switch (which) {
    case 0:
        return map_of(an_model_minimise(an_model_stack(3, true), 0.01f), "B=64", true, NULL);
    case 1: return map_of(an_model_stack(3, false), "B=9", false, NULL);
    case 2:
        return map_of(an_model_minimise(an_model_classifier(AN_CLASSIFIER_SMALL), 0.01f),
                      "B=8,T=12", true, NULL);
    default:
        return map_of(an_model_minimise(an_model_transformer(deep), 0.01f), "B=4", true, "block*");
    }
}

static void each(void (*check)(const mapped *x))
{
    for (int which = 0; which < 4; which++) {
        mapped x = model(which);
        check(&x);
        unmap(&x);
    }
}

/* Each buffer of the slab is held from its birth to its death, by one box after the other. */
static void check_buffer(const mapped *x, uint32_t b)
{
    const an_buffer *buffer = &x->p->schedule.buffers[b];
    int64_t next = buffer->birth, found = 0;
    for (int64_t i = 0; i < x->map->box_count; i++) {
        const an_memory_box *box = &x->map->boxes[i];
        if (box->buffer != b) continue;
        ck_assert_int_eq(box->birth, next);
        ck_assert_int_ge(box->death, box->birth);
        ck_assert_int_eq(box->offset, x->plan->offset[b]);
        ck_assert_int_eq(box->bytes, x->plan->bytes[b]);
        ck_assert(box->takes_over == (found > 0));
        next = box->death + 1;
        found++;
    }
    ck_assert_int_eq(found > 0, buffer->home == AN_HOME_SLAB);
    if (found) ck_assert_int_eq(next, buffer->death + 1);
}

static void check_every_buffer_has_its_boxes(const mapped *x)
{
    int64_t scratch = 0, boxes = 0;
    for (uint32_t b = 1; (int64_t)b <= x->p->schedule.buffer_count; b++) check_buffer(x, b);
    for (int64_t t = 0; t < x->p->schedule.task_count; t++) scratch += x->plan->scratch[t] >= 0;
    for (int64_t i = 0; i < x->map->box_count; i++)
        boxes += x->map->boxes[i].kind == AN_MEMORY_SCRATCH;
    ck_assert_int_eq(boxes, scratch);
}

START_TEST(test_every_buffer_has_its_boxes)
{
    each(check_every_buffer_has_its_boxes);
}
END_TEST

static bool overlap(int64_t a, int64_t a_end, int64_t b, int64_t b_end)
{
    return a < b_end && b < a_end;
}

static void check_boxes_share_nothing(const mapped *x)
{
    for (int64_t i = 0; i < x->map->box_count; i++)
        for (int64_t k = 0; k < i; k++) {
            const an_memory_box *a = &x->map->boxes[i], *b = &x->map->boxes[k];
            ck_assert(!overlap(a->birth, a->death + 1, b->birth, b->death + 1) ||
                      !overlap(a->offset, a->offset + a->bytes, b->offset, b->offset + b->bytes));
        }
}

START_TEST(test_boxes_share_nothing)
{
    each(check_boxes_share_nothing);
}
END_TEST

static void check_the_peak_is_the_plans(const mapped *x)
{
    const an_memory_facts f = an_memory_map_facts(x->map);
    int64_t top = 0, alive = 0;
    for (int64_t i = 0; i < x->map->box_count; i++) {
        const an_memory_box *b = &x->map->boxes[i];
        int64_t end = 0;
        ck_assert(an_round_up(b->bytes ? b->bytes : 1, 64, &end));
        if (b->offset + end > top) top = b->offset + end;
        ck_assert(b->at_peak == (b->birth <= f.peak && f.peak <= b->death));
        if (b->at_peak) alive += b->bytes;
    }
    ck_assert_int_eq(f.slab, x->plan->slab_bytes);
    ck_assert_int_eq(top, f.slab);
    ck_assert_int_eq(f.slab, an_program_bytes(x->p));
    ck_assert_int_eq(f.alive, x->plan->live_bytes);
    ck_assert_int_eq(alive, f.alive);
    ck_assert_int_le(f.alive, f.slab);
}

START_TEST(test_the_peak_is_the_plans)
{
    each(check_the_peak_is_the_plans);
}
END_TEST

static void check_sums_add_up(const mapped *x)
{
    const an_memory_sum *scopes, *whole = an_memory_map_whole(x->map);
    an_memory_sum sum = {0};
    for (int64_t i = 0, n = an_memory_map_scopes(x->map, &scopes); i < n; i++) {
        sum.values += scopes[i].values;
        sum.at_peak += scopes[i].at_peak;
        for (int k = 0; k < AN_MEMORY_KINDS; k++) sum.bytes[k] += scopes[i].bytes[k];
    }
    ck_assert_int_eq(sum.values, whole->values);
    ck_assert_int_eq(sum.at_peak, an_memory_map_facts(x->map).alive);
    ck_assert_int_eq(whole->at_peak, sum.at_peak);
    for (int k = 0; k < AN_MEMORY_KINDS; k++) ck_assert_int_eq(sum.bytes[k], whole->bytes[k]);
    int64_t states = 0; /* of the store, whatever they are for */
    for (int64_t i = 0; i < an_store_count(x->store); i++)
        states += an_tensor_bytes(an_store_at(x->store, i));
    ck_assert_int_eq(states, whole->bytes[AN_MEMORY_WEIGHTS] + whole->bytes[AN_MEMORY_OPTIMIZER]);
}

START_TEST(test_sums_add_up)
{
    each(check_sums_add_up);
}
END_TEST

/* Two values whose fates are plain: exp(x) is read by its gradient; the sum is fetched. */
START_TEST(test_kinds_of_a_small_graph)
{
    an_graph *g = an_graph_new("small");
    const an_value w = an_state(g, "w", AN_F32, AN_SHAPE(1024), (an_init){0});
    const an_value loss = an_sum(an_exp(w), 0);
    mapped x = map_of((an_model){.g = g, .loss = loss, .y = loss,
                                 .up = an_minimize(loss, an_adam(.rate = 0.1f))}, "", true, NULL);
    const an_memory_sum *whole = an_memory_map_whole(x.map);
    ck_assert_int_eq(whole->bytes[AN_MEMORY_FETCHED], 4);
    ck_assert_int_eq(whole->bytes[AN_MEMORY_SAVED], 4096);
    ck_assert_int_eq(whole->bytes[AN_MEMORY_WEIGHTS], 4096);
    ck_assert_int_ge(whole->bytes[AN_MEMORY_OPTIMIZER], 2 * 4096);
    ck_assert_int_eq(whole->bytes[AN_MEMORY_FEEDS], 0);
    unmap(&x);
}
END_TEST

START_TEST(test_recomputing_saves_less)
{
    mapped plain = map_of(an_model_minimise(an_model_transformer(deep), 0.01f), "B=4", true, NULL);
    mapped again =
        map_of(an_model_minimise(an_model_transformer(deep), 0.01f), "B=4", true, "block*");
    const int64_t *a = an_memory_map_whole(plain.map)->bytes;
    const int64_t *b = an_memory_map_whole(again.map)->bytes;
    ck_assert_int_lt(b[AN_MEMORY_SAVED], a[AN_MEMORY_SAVED]);
    ck_assert_int_gt(b[AN_MEMORY_BACKWARD], a[AN_MEMORY_BACKWARD]);
    ck_assert_int_eq(b[AN_MEMORY_WEIGHTS], a[AN_MEMORY_WEIGHTS]);
    unmap(&plain);
    unmap(&again);
}
END_TEST

/* What a user named comes out as characters, and a map outlives its program. */
START_TEST(test_hostile_names)
{
    an_graph *g = an_graph_new("<g & \"h\"> \x01\xc2\x85\xef\xbf\xbf");
    an_graph_scope_open(g, "s<!--<script>");
    const an_value v = an_state(g, "w\x02&", AN_F32, AN_SHAPE(4096), (an_init){0});
    const an_value y = an_exp(an_add(v, v));
    an_graph_scope_close(g);
    ck_assert_str_eq(an_graph_message(g), "");
    mapped x = map_of((an_model){.g = g, .loss = y, .y = y}, "", false, NULL);
    an_program_free(x.p);
    x.p = NULL;
    char *svg = an_memory_map_svg(x.map), *table = an_memory_map_table(x.map);
    ck_assert(svg && table);
    ck_assert_ptr_null(strstr(svg, "<script"));
    ck_assert_ptr_nonnull(strstr(svg, "&lt;g &amp; &quot;h&quot;&gt; "
                                "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"));
    for (const char *c = svg; *c; c++) ck_assert((unsigned char)*c >= 0x20 || *c == '\n');
    ck_assert(an_is_utf8(svg));
    an_string_free(svg);
    an_string_free(table);
    unmap(&x);
}
END_TEST

/* However many waves there are, a picture stays one that can be opened. */
START_TEST(test_a_long_run_makes_a_small_picture)
{
    an_graph *g = an_graph_new("long");
    an_value y = an_input(g, "x", AN_F32, AN_SHAPE(1024));
    for (int i = 0; i < 9000; i++) y = an_tanh(y);
    mapped x = map_of((an_model){.g = g, .loss = y, .y = y}, "", false, NULL);
    ck_assert_int_ge(x.map->box_count, 9000);
    char *svg = an_memory_map_svg(x.map);
    ck_assert_ptr_nonnull(svg);
    ck_assert_uint_lt(strlen(svg), 2 << 20);
    const char *width = strstr(svg, "width=\""), *height = strstr(svg, "height=\"");
    ck_assert(width && atof(width + 7) < 4000 && height && atof(height + 8) < 4000);
    an_string_free(svg);
    unmap(&x);
}
END_TEST

/* Adam has two moments of each weight, and they are that scope's cost. */
START_TEST(test_moments_count_with_their_weights)
{
    mapped x = model(3);
    const an_memory_sum *scopes;
    for (int64_t i = 0, n = an_memory_map_scopes(x.map, &scopes); i < n; i++)
        if (!strncmp(scopes[i].scope, "block", 5))
            ck_assert_int_eq(scopes[i].bytes[AN_MEMORY_OPTIMIZER],
                             2 * scopes[i].bytes[AN_MEMORY_WEIGHTS]);
    unmap(&x);
}
END_TEST

START_TEST(test_scopes_are_joined)
{
    mapped x = model(3);
    const an_memory_sum *scopes;
    int64_t bytes = 0;
    for (int depth = -1; depth < 3; depth++) {
        an_memory_map *m = an_memory_map_new(x.p, depth);
        const int64_t count = an_memory_map_scopes(m, &scopes);
        ck_assert(depth >= 0 ? count > 1 : count == 1);
        for (int64_t i = 0; i < count; i++) {
            const char *slash = strchr(scopes[i].scope, '/');
            ck_assert(depth != 1 || !slash);
            bytes += scopes[i].at_peak;
        }
        ck_assert_int_eq(bytes, an_memory_map_facts(m).alive);
        bytes = 0;
        an_memory_map_free(m);
    }
    unmap(&x);
}
END_TEST

START_TEST(test_nothing)
{
    const an_memory_box *boxes;
    const an_memory_sum *scopes;
    ck_assert_ptr_null(an_memory_map_new(NULL, 0));
    ck_assert_int_eq(an_memory_map_boxes(NULL, &boxes), 0);
    ck_assert_int_eq(an_memory_map_scopes(NULL, &scopes), 0);
    ck_assert_ptr_null(an_memory_map_whole(NULL));
    ck_assert_ptr_null(an_memory_map_svg(NULL));
    ck_assert_ptr_null(an_memory_map_json(NULL));
    ck_assert_int_eq(an_memory_map_svg_file(NULL, "x"), AN_E_ARGUMENT);
    ck_assert_str_eq(an_memory_map_facts(NULL).graph, "");
    ck_assert_str_eq(an_memory_kind_name(AN_MEMORY_SAVED), "saved");
    ck_assert_str_eq(an_memory_kind_name(AN_MEMORY_KINDS), "");
    char *table = an_memory_map_table(NULL);
    ck_assert_str_eq(table, "nothing was run\n");
    an_string_free(table);
    an_memory_map_free(NULL);
}
END_TEST

AN_TEST_MAIN("memory_plan", test_every_buffer_has_its_boxes, test_boxes_share_nothing,
             test_the_peak_is_the_plans, test_sums_add_up, test_kinds_of_a_small_graph,
             test_recomputing_saves_less, test_hostile_names,
             test_a_long_run_makes_a_small_picture, test_scopes_are_joined,
             test_moments_count_with_their_weights, test_nothing)
