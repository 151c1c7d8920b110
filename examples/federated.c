/* federated.c -- clients who learn together and keep their reviews to themselves.
 *
 * Federated averaging (McMahan et al. 2017): in each round every client trains the classifier for
 * an epoch on what it has, from where the server's weights are, and sends its weights; their mean
 * by rows is where the next round begins. Clients are skewed: some have hardly any praise, others
 * hardly anything else. --near MU keeps them near the server's weights (FedProx, Li et al. 2020).
 * Beside it stands the same network trained on all reviews in one place.
 *
 * Built with Open MPI, `mpirun -n 4 federated` makes each client a process; without, all are in
 * one, to the same bits. federated_link.c is the only way between them: only weights fit. */
#include "examples/federated.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- the architecture ---------------------------------------------------- */

static void find_weights(an_graph *g, weights *w)
{
    const char *name;
    for (int64_t i = 0; (name = an_graph_leaf_name(g, i)) && w->tensors < MOST_WEIGHTS; i++) {
        const an_value v = an_graph_find(g, name);
        if (!an_is_state(v) || !an_dtype_is_float(an_type_of(v).dtype)) continue;
        w->name[w->tensors] = name;
        w->value[w->tensors++] = v;
    }
    w->count = an_graph_parameters(g);
}

/* Half of mu times the square of the way from the weights that the round began with. */
static an_value stay_near(an_value loss, const weights *w, double mu)
{
    an_graph_scope_open(loss.graph, "start");
    for (int64_t i = 0; i < w->tensors; i++) {
        const an_value start = an_state(loss.graph, w->name[i], AN_F32,
                                        an_type_of(w->value[i]).shape, AN_INIT(AN_INIT_ZEROS));
        const an_value way = an_square(an_sub(w->value[i], start));
        loss = an_add(loss, an_scale(an_sum_axes(way, AN_ALL_AXES, false), mu / 2));
    }
    an_graph_scope_close(loss.graph);
    an_graph_freeze(loss.graph, "start", true);
    return loss;
}

static task describe(const plan *p, int64_t vocabulary)
{
    task t = {.graph = an_graph_new("federated")};
    const an_dim B = an_dim_named(t.graph, "B"), T = an_dim_named(t.graph, "T");
    const an_value ids = an_input(t.graph, "ids", AN_I32, AN_SHAPE(B, T));
    const an_value label = an_input(t.graph, "label", AN_F32, AN_SHAPE(B, 1));
    const an_value logits = classifier(ids, true, vocabulary, 2);
    t.loss = an_bce_with_logits(logits, label);
    t.accuracy = an_accuracy(logits, label, 0);
    an_graph_output(t.loss, "loss");
    find_weights(t.graph, &t.weights);
    const an_value aim = p->near > 0 ? stay_near(t.loss, &t.weights, p->near) : t.loss;
    t.step = an_minimize(aim, an_adam(.rate = p->rate));
    return t;
}

/* ---- rounds ---------------------------------------------------------------- */

typedef struct federation {
    party server, client[MOST_CLIENTS];
    parcel parcel[MOST_CLIENTS];
    float *mean; /* where everybody is */
} federation;

static bool gather(federation *f, const plan *p, const task *t, const parties *all)
{
    const int64_t count = t->weights.count;
    f->mean = malloc((size_t)count * sizeof *f->mean);
    bool good = f->mean && join(&f->server, p, t, false);
    for (int64_t c = 0; good && c < p->clients; c++) {
        if (!link_is_mine(c)) continue;
        float *row = malloc((size_t)count * sizeof *row);
        f->parcel[c] = (parcel){(double)all->client[c].rows, count, row};
        good = row && join(&f->client[c], p, t, true);
    }
    if (good) pack(&f->server, &t->weights, f->mean);
    return good;
}

static void part(federation *f, const plan *p)
{
    leave(&f->server);
    for (int64_t c = 0; c < p->clients; c++) {
        leave(&f->client[c]);
        free(f->parcel[c].weights);
    }
    free(f->mean);
}

static bool go_round(federation *f, const plan *p, const task *t, const parties *all, int64_t i)
{
    bool good = true;
    for (int64_t c = 0; good && c < p->clients; c++) {
        if (!link_is_mine(c)) continue;
        good = unpack(&f->client[c], &t->weights, f->mean, p->near > 0) &&
               learn(&f->client[c], p, &all->client[c], 1,
                     p->e.seed + (uint64_t)(i * p->clients + c));
        if (good) pack(&f->client[c], &t->weights, f->parcel[c].weights);
    }
    return good && link_average(f->parcel, p->clients, f->mean, t->weights.count) &&
           unpack(&f->server, &t->weights, f->mean, false);
}

/* The accuracy after the last round. NaN after a message. */
static double federate(plan *p, federation *f, const task *t, const parties *all)
{
    double right = NAN;
    for (int64_t i = 1; i <= p->rounds; i++) {
        if (!go_round(f, p, t, all, i)) return link_give_up(), NAN;
        if (!link_is_server()) continue;
        right = test(&f->server, &all->test);
        printf("round %2lld  %.4f\n", (long long)i, right);
        fflush(stdout);
        example_figure(&p->e, right, "round_%lld", (long long)i);
    }
    return right;
}

/* In one place there is nobody to stay near. */
static double train_centrally(const plan *p, const parties *all)
{
    plan alone = *p;
    alone.near = 0;
    task t = describe(&alone, all->vocabulary);
    party a = {0}, tester = {0};
    double right = NAN;
    if (join(&a, &alone, &t, true) && learn(&a, p, &all->all, p->central, p->e.seed)) {
        tester.program = an_compile(t.graph, a.store, .fetch = {t.loss, t.accuracy},
                                    .inference = true);
        if (tester.program) right = test(&tester, &all->test);
    }
    leave(&tester);
    leave(&a);
    an_graph_free(t.graph);
    return right;
}

/* ---- the program ----------------------------------------------------------- */

/* Within 2 points of central training; and nothing but weights has been sent. */
static bool judge(plan *p, const federation *f, const task *t, double right, double central)
{
    char sha[65] = "";
    an_store_sha256(f->server.store, sha);
    const int64_t parcels = link_parcels(), due = p->rounds * p->clients;
    printf("central   %.4f after %lld epochs; federated %+.1f points from it\n", central,
           (long long)p->central, 100 * (right - central));
    printf("the server was sent %lld parcels of %lld weights and a count, and could be sent"
           " nothing else\nweights   %s\n", (long long)parcels, (long long)t->weights.count, sha);
    example_figure(&p->e, central, "central");
    example_figure(&p->e, right, "federated");
    example_figure(&p->e, right - central, "margin");
    example_figure(&p->e, (double)parcels, "parcels");
    example_figure(&p->e, (double)t->weights.count, "weights_of_a_parcel");
    example_figure(&p->e, link_processes(), "processes");
    return parcels == due && right >= central - 0.02 && central > 0.55;
}

static bool run(plan *p, const parties *all)
{
    task t = describe(p, all->vocabulary);
    federation f = {0};
    bool good = p->e.graph ? example_print(&p->e, t.graph) : gather(&f, p, &t, all);
    if (good && !p->e.graph) {
        if (link_is_server())
            good = example_same(&p->e, t.graph, f.client[0].program, "B=2,T=9") &&
                   example_draw(&p->e, an_program_graph(f.client[0].program));
        if (link_is_server() && good)
            for (int64_t c = 0; c < p->clients && link_processes() == 1; c++)
                printf("client %lld has %lld reviews\n", (long long)c,
                       (long long)all->client[c].rows);
        good = link_agree(good);
        const double right = good ? federate(p, &f, &t, all) : NAN;
        if (good && link_is_server())
            good = judge(p, &f, &t, right, train_centrally(p, all));
    }
    part(&f, p);
    an_graph_free(t.graph);
    return link_agree(good);
}

int main(int argc, char **argv)
{
    plan p = {.clients = 4, .rounds = 20, .central = 6, .rate = 3e-3,
              .data = {.batch = 16, .max_length = 60, .validation_split = 0.2, .generate = 4000,
                       .padding = AN_POST},
              .e = {.name = "federated", .does = "clients learn together, and keep their reviews",
                    .seed = 1, .threads = 2}};
    const example_option own[] = {
        {"--train", "texts of two classes, as classifier takes them", .text = &p.data.train},
        {"--generate", "or so many generated ones", .count = &p.data.generate},
        {"--clients", "up to 64", .count = &p.clients},
        {"--rounds", "of an epoch each", .count = &p.rounds},
        {"--central", "epochs of training in one place", .count = &p.central},
        {"--near", "FedProx's mu; 0: federated averaging", .number = &p.near},
        {"--rate", "Adam's", .number = &p.rate},
        {"--max-length", "words a text is cut or padded to", .count = &p.data.max_length}, {0}};
    if (!link_open(&argc, &argv)) return fputs("federated: MPI does not begin\n", stderr), 1;
    if (!example_begin(&p.e, argc, argv, own)) return link_close(), p.e.code;
    if (p.clients < 1 || p.clients > MOST_CLIENTS || p.rounds < 1 || p.central < 1)
        return fputs("federated: 1 to 64 clients, a round, an epoch\n", stderr), link_close(), 2;
    if (p.e.small && p.rounds > 3) p.rounds = 3;
    if (link_processes() > 1) an_set_threads(1);
    parties all = {0};
    const bool good = share_out(&p, link_is_mine, &all) && run(&p, &all);
    free_parties(&all);
    const int code = link_is_server() ? example_end(&p.e, good) : !good;
    link_close();
    return code;
}
