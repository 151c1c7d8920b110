/* recommend.c -- what somebody may like, from what all have rated.
 *
 * Each viewer and each film is a vector that is learnt; both, and their product, go through a
 * residual perceptron with Add & Norm to a number of stars. As in "Neural Collaborative Filtering"
 * (He et al. 2017) the product is there, so that the net can do what matrix factorisation does, and
 * the perceptron what that cannot. It is held against biases alone and against matrix factorisation
 * of the same width, whose settings are searched (Rendle et al. 2020 found that such baselines are
 * often left untuned), on ratings that neither saw.
 *
 * Then it recommends: films that a viewer has not rated, best first, each with the two of his own
 * favourites that lie nearest to it. recommend_data.c makes the ratings, recommend_read.c reads
 * MovieLens, recommend_baselines.c has the baselines, recommend_top.c recommends. */
#include "examples/recommend.h"

#include <math.h>
#include <stdio.h>

/* ---- the architecture ---------------------------------------------------- */

static an_value block(an_value x, int64_t units)
{
    an_scope_open_unique(x, "block");
    const an_value y = an_nn_dense(an_relu(an_nn_dense(x, .units = 2 * units)), .units = units);
    x = an_nn_residual(x, an_dropout(y, 0.1));
    an_scope_close(x);
    return x;
}

/* A number for each id, from 0 on. */
static an_value bias(an_value ids, int64_t count, const char *name)
{
    return an_nn_embedding(ids, .vocab = count, .units = 1, .name = name,
                           .table_start = AN_START(AN_INIT_ZEROS));
}

/* A vector for each. Some of its numbers are left out at a step, so that none stands for one
 * rating alone. */
static an_value vector(an_value ids, int64_t count, int64_t width, const char *name)
{
    return an_dropout(an_nn_embedding(ids, .vocab = count, .units = width, .name = name), 0.1);
}

/* Stars[B, 1] of users[B] for items[B]: what factorisation would say, and what the net adds. */
static an_value predict(an_value user, an_value item, const plan *p, const ratings *r)
{
    const an_value u = vector(user, r->users, p->width, "users");
    const an_value v = vector(item, r->items, p->width, "items"), product = an_mul(u, v);
    an_value h = an_concat(((an_value[]){u, v, product}), 3, 1);
    h = an_nn_dense(h, .units = p->units, .name = "mix");
    for (int64_t i = 0; i < p->blocks; i++) h = block(h, p->units);
    h = an_add(an_nn_dense(h, .units = 1, .name = "stars"),
               an_sum_axes(product, AN_AXES(1), true));
    h = an_add(h, an_add(bias(user, r->users, "kindness"), bias(item, r->items, "quality")));
    return an_add(h, an_number(h, r->mean));
}

static bool build(model *m, const plan *p, const ratings *r)
{
    an_graph *g = m->graph = an_graph_new("recommend");
    const an_dim B = an_dim_named(g, "B");
    const an_value user = an_input(g, "user", AN_I32, AN_SHAPE(B));
    const an_value item = an_input(g, "item", AN_I32, AN_SHAPE(B));
    const an_value stars = an_input(g, "stars", AN_F32, AN_SHAPE(B, 1));
    const an_value said = predict(user, item, p, r);
    const an_value loss = an_mse(said, stars);
    const int64_t steps = p->epochs * ((r->train + BATCH - 1) / BATCH);
    const an_optimizer adam =
        an_adamw(.decay = p->decay, .schedule = an_warmup_cosine(.peak = p->rate, .steps = steps,
                                                                 .warmup = steps / 20));
    m->store = an_store_new(p->e.seed);
    m->train = an_compile(g, m->store, .fetch = {loss}, .update = an_minimize(loss, adam));
    m->test = an_compile(g, m->store, .fetch = {loss}, .inference = true);
    m->predict = an_compile(g, m->store, .fetch = {said}, .inference = true);
    if (m->train && m->test && m->predict) return true;
    fprintf(stderr, "recommend: %s\n", an_compile_message(g));
    return false;
}

static void free_model(model *m)
{
    an_program_free(m->train);
    an_program_free(m->test);
    an_program_free(m->predict);
    an_store_free(m->store);
    an_graph_free(m->graph);
}

/* ---- training ------------------------------------------------------------ */

static void rows(const ratings *r, int64_t first, int64_t count, an_tensor out[3])
{
    out[0] = an_tensor_view(AN_I32, AN_EXTENTS(count), r->user + first);
    out[1] = an_tensor_view(AN_I32, AN_EXTENTS(count), r->item + first);
    out[2] = an_tensor_view(AN_F32, AN_EXTENTS(count, 1), r->stars + first);
}

static bool train(const model *m, const plan *p, const ratings *r)
{
    an_tensor t[3], v[3];
    rows(r, 0, r->train, t);
    rows(r, r->train, r->validate, v);
    an_history *h = an_fit(m->train, m->test, .metric = {"squared error"}, .restore_best = true,
                           .data = {{"user", &t[0]}, {"item", &t[1]}, {"stars", &t[2]}},
                           .validation = {{"user", &v[0]}, {"item", &v[1]}, {"stars", &v[2]}},
                           .epochs = p->epochs, .batch = BATCH, .seed = p->e.seed,
                           .progress = stderr);
    const bool good = an_history_status(h) == AN_OK;
    if (!good) fprintf(stderr, "recommend: %s\n", an_history_message(h));
    an_history_free(h);
    return good;
}

/* The RMSE on the test rows; NaN after a message. */
static double test(const model *m, const ratings *r)
{
    const int64_t first = r->train + r->validate, count = r->count - first;
    an_tensor t[3], out = {0};
    rows(r, first, count, t);
    double error = NAN;
    if (an_predict(m->predict, .data = {{"user", &t[0]}, {"item", &t[1]}}, .out = {&out},
                   .batch = 1024) == AN_OK)
        error = rmse(r, first, count, out.data);
    else fprintf(stderr, "recommend: %s\n", an_program_message(m->predict));
    an_tensor_free(&out);
    return error;
}

/* ---- the program ----------------------------------------------------------- */

static void tell(example *e, double error, const char *key, const char *name)
{
    printf("%-42s %.4f\n", name, error);
    example_figure(e, error, "%s", key);
}

/* All of them, and whether the net is better than those that it has to beat. Factorisation is asked
 * at half and twice the width as well, for the margin is over the best there is. */
static bool compare(plan *p, const ratings *r, double net)
{
    const int64_t widths[] = {p->width, p->width / 2, 2 * p->width};
    double pull = 1, of_width[3];
    puts("root mean square error of stars, on ratings that nothing was fitted to:");
    const double bias = factorise(r, 0, p->e.seed, &pull);
    tell(&p->e, bias, "biases", "biases alone");
    double best = bias;
    for (int i = 0; i < (p->e.small ? 1 : 3); i++) {
        char name[64], key[32];
        of_width[i] = factorise(r, widths[i], p->e.seed, &pull);
        snprintf(name, sizeof name, "matrix factorisation, width %d", (int)widths[i]);
        snprintf(key, sizeof key, "factorisation_%d", (int)widths[i]);
        tell(&p->e, of_width[i], key, name);
        best = fmin(best, of_width[i]);
    }
    tell(&p->e, net, "net", "residual net");
    if (r->floor > 0) tell(&p->e, r->floor, "floor", "whoever knew how they were drawn");
    printf("below the best baseline by %.4f (%.1f %%)\n", best - net, 100 * (1 - net / best));
    example_figure(&p->e, best - net, "margin");
    return net < bias && (p->e.small || net < of_width[0]);
}

static bool run(plan *p, const ratings *r)
{
    model m = {0};
    if (p->e.graph) {
        const bool printed = build(&m, p, r) && example_print(&p->e, m.graph);
        free_model(&m);
        return printed;
    }
    bool good = build(&m, p, r) && example_same(&p->e, m.graph, m.train, "B=16") &&
                example_draw(&p->e, an_program_graph(m.predict)) && train(&m, p, r);
    const double net = good ? test(&m, r) : NAN;
    good = good && isfinite(net) && recommend(&m, p, r);
    good = good && compare(p, r, net);
    free_model(&m);
    return good;
}

int main(int argc, char **argv)
{
    plan p = {.width = 8, .units = 64, .blocks = 2, .epochs = 30, .user = 1, .top = 5,
              .rate = 0.03, .decay = 0.05,
              .e = {.name = "recommend", .does = "learns who likes what", .seed = 1, .threads = 2}};
    const example_option own[] = {
        {"--ratings", "MovieLens: ratings.csv, u.data, ratings.dat", .text = &p.ratings},
        {"--user", "who is recommended something, by the file's number", .count = &p.user},
        {"--top", "how many films", .count = &p.top},
        {"--width", "of a vector, 2 to 32", .count = &p.width},
        {"--units", "of the residual perceptron", .count = &p.units},
        {"--blocks", "it has", .count = &p.blocks},
        {"--epochs", "of training", .count = &p.epochs},
        {"--rate", "the highest, of AdamW", .number = &p.rate},
        {"--decay", "of weights", .number = &p.decay}, {0}};
    if (!example_begin(&p.e, argc, argv, own)) return p.e.code;
    if (p.width < 2 || p.width > 32 || p.units < 1 || p.epochs < 1) {
        fputs("recommend: --width takes 2 to 32, --units and --epochs 1 or more\n", stderr);
        return 2;
    }
    if (p.e.small && p.epochs > 4) p.epochs = 4; /* asks to be better than biases, no more */
    ratings r = {0};
    const bool read = p.ratings ? read_ratings(&r, p.ratings) : generate_ratings(&r, p.e.seed);
    const bool good = read && split_ratings(&r, p.e.seed) && run(&p, &r);
    ratings_free(&r);
    return example_end(&p.e, good);
}
