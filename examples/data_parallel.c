/* data_parallel.c -- one training, spread over ranks: synchronous and data-parallel, by MPI.
 *
 *     mpirun -n 2 data_parallel                     the classifier, on generated reviews
 *     mpirun -n 4 data_parallel --model gpt         the language model
 *     mpirun -n 2 data_parallel --checkpoint f.safetensors --save-every 50
 *     mpirun -n 3 data_parallel --checkpoint f.safetensors --resume
 *
 * Every rank has the whole net and a part of each batch. Gradients meet in all_reduce nodes, which
 * are part of the graph (--dot and --graph show them) and are gathered, begun early and waited for
 * late by a pass and the executor. So n ranks do what one does on the whole batch: rank 0 tries it,
 * alone, and the answer is 0 if the losses of the first three steps are within 1e-6 of that, and
 * the test at the end within a point. Dropout counts rows in the whole batch, so it masks alike.
 *
 * A rank that dies ends all. Rank 0 writes checkpoints, and any number of ranks goes on from one.
 * Without MPI, or without mpirun, there is one rank.                                */
#include "examples/data_parallel.h"

#ifdef DATA_PARALLEL_MPI
#include <addnorm_mpi.h>
#endif

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- ranks -------------------------------------------------------------------- */

/* Without mpirun there is nobody to talk to, and starting MPI takes a second. */
static an_communicator *find_ranks(int *argc, char ***argv)
{
#ifdef DATA_PARALLEL_MPI
    if (getenv("OMPI_COMM_WORLD_SIZE") || getenv("PMI_SIZE")) return an_mpi_open(argc, argv);
#endif
    (void)argc;
    (void)argv;
    static an_communicator alone = {.ranks = 1};
    return &alone;
}

static void leave_ranks(an_communicator *ranks, bool good)
{
#ifdef DATA_PARALLEL_MPI
    if (ranks->context && !good) an_mpi_abort(ranks, 1);
    if (ranks->context) an_mpi_close(ranks);
#endif
    (void)ranks;
    (void)good;
}

/* ---- all of it ---------------------------------------------------------------------- */

static double worst_of(const training *t, const training *one)
{
    double worst = 0;
    for (int i = 0; i < FIRST && i < t->plan->steps; i++)
        worst = fmax(worst, fabs(t->first[i] / one->first[i] - 1));
    return worst;
}

/* The same batches, whole, on one rank. */
static bool compare(plan *p, const training *t)
{
    training one = *t;
    one.ranks = NULL;
    one.rank = 0;
    one.count = 1;
    bool good = prepare(&one) && train(&one) && test(&one);
    if (good) {
        const double worst = worst_of(t, &one), points = 100 * fabs(t->score - one.score);
        printf("alone: %.4f, %.1f ms a step; the first %d losses differ by %.1e at most, the test "
               "by %.2f\n", one.score, 1e3 * one.seconds, FIRST, worst,
               t->net.right.graph ? points : points / 100);
        example_figure(&p->e, worst, "first_losses_apart");
        example_figure(&p->e, one.score, "alone");
        example_figure(&p->e, 1e3 * one.seconds, "alone_milliseconds");
        good = worst <= 1e-6 && (t->net.right.graph ? points <= 1 : points / 100 <= 0.02);
    }
    end(&one);
    return good;
}

static void tell(plan *p, const training *t, const an_communicator *ranks)
{
    char sha[65] = "";
    an_store_sha256(t->store, sha);
    printf("%d rank%s: %s %.4f, %.1f ms a step\nweights %s\n", t->count, t->count == 1 ? "" : "s",
           t->net.right.graph ? "right" : "bits a byte", t->score, 1e3 * t->seconds, sha);
    example_figure(&p->e, t->count, "ranks");
    example_figure(&p->e, t->score, t->net.right.graph ? "accuracy" : "bits");
    example_figure(&p->e, 1e3 * t->seconds, "milliseconds");
    for (int i = 0; i < FIRST; i++) example_figure(&p->e, t->first[i], "loss_%d", i + 1);
#ifdef DATA_PARALLEL_MPI
    if (!ranks->context) return;
    const an_mpi_figures f = an_mpi_measured(ranks);
    const double steps = (double)(t->done > 0 ? t->done : 1);
    printf("sent: %.0f messages a step, %.0f kB, under way %.2f ms, waited for %.2f ms\n",
           (double)f.reductions / steps, (double)f.bytes / steps / 1e3, 1e3 * f.seconds / steps,
           1e3 * f.waited / steps);
    example_figure(&p->e, (double)f.reductions / steps, "messages");
    example_figure(&p->e, (double)f.bytes / steps, "bytes");
    example_figure(&p->e, 1e3 * f.seconds / steps, "exchange_milliseconds");
    example_figure(&p->e, 1e3 * f.waited / steps, "waited_milliseconds");
#endif
    (void)ranks;
}

/* Worse than this nothing was learnt. */
static bool has_learnt(const training *t)
{
    return t->net.right.graph ? t->score > 0.6 : t->score < 4;
}

static bool run_all(plan *p, an_communicator *ranks, const rows *all)
{
    training t = {.plan = p, .rows = all, .net = describe(p, all->vocabulary),
                  .ranks = ranks, .rank = ranks->rank, .count = ranks->ranks};
    if (!ranks->context) t.ranks = NULL; /* all_reduce hands on */
    const bool first = ranks->rank == 0;
    bool good = p->e.graph ? !first || example_print(&p->e, t.net.graph) : prepare(&t);
    if (good && !p->e.graph) {
        if (first) good = example_same(&p->e, t.net.graph, t.program, "B=2") &&
                          example_draw(&p->e, an_program_graph(t.program));
        good = good && train(&t);
        if (good && first) {
            good = test(&t) && has_learnt(&t);
            tell(p, &t, ranks);
            if (good && t.count > 1 && !p->resume && p->alone) good = compare(p, &t);
        }
    }
    end(&t);
    an_graph_free(t.net.graph);
    return good;
}

static bool check(const plan *p, const an_communicator *ranks)
{
    if (strcmp(p->model, "classifier") != 0 && strcmp(p->model, "gpt") != 0)
        return fail("--model is classifier or gpt");
    if (p->batch < 1 || p->batch % ranks->ranks != 0)
        return fail("every rank takes as many rows of a batch: --batch must divide by the ranks");
    return (!p->resume && p->save_every == 0) || p->checkpoint ||
           fail("--resume and --save-every need a --checkpoint");
}

int main(int argc, char **argv)
{
    plan p = {.model = "classifier", .batch = 32, .alone = true, .rate = 2e-3,
              .data = {.max_length = 60, .padding = AN_POST, .generate = 3000},
              .config = {.context = 64, .width = 64, .heads = 4, .blocks = 2},
              .e = {.name = "data_parallel", .does = "one training on many ranks", .seed = 1,
                    .threads = 1}};
    bool only = false;
    const example_option own[] = {
        {"--model", "classifier or gpt", .text = &p.model},
        {"--train", "a file to learn, as that program takes it", .text = &p.data.train},
        {"--batch", "rows of all ranks together", .count = &p.batch},
        {"--steps", "of such a batch; the rate sinks to the last; 0: 900, of gpt 400",
         .count = &p.steps},
        {"--stop", "steps after which to leave it for now; 0: all", .count = &p.stop},
        {"--rate", "Adam's", .number = &p.rate},
        {"--width", "of gpt", .count = &p.config.width},
        {"--blocks", "of gpt", .count = &p.config.blocks},
        {"--checkpoint", "rank 0 leaves everything there", .text = &p.checkpoint},
        {"--save-every", "steps; 0: at the end", .count = &p.save_every},
        {"--resume", "goes on from there", .flag = &p.resume},
        {"--only", "without the comparison with one rank", .flag = &only}, {0}};
    an_communicator *ranks = find_ranks(&argc, &argv);
    if (!ranks) return fail("MPI does not begin"), 1;
    if (!example_begin(&p.e, argc, argv, own)) return leave_ranks(ranks, true), p.e.code;
    p.data.seed = p.e.seed;
    p.alone = !only;
    if (!check(&p, ranks)) return leave_ranks(ranks, true), 2;
    if (p.steps == 0) p.steps = p.model[0] == 'c' ? 900 : 400;
    if (p.e.small && p.steps > 40) p.steps = 40;
    if (p.stop == 0 || p.stop > p.steps) p.stop = p.steps;
    if (p.e.small && p.data.generate > 600) p.data.generate = 600;
    rows all = {0};
    const bool good = read_rows(&p, &all) && run_all(&p, ranks, &all);
    free_rows(&all);
    const int code = ranks->rank == 0 ? example_end(&p.e, good) : !good;
    leave_ranks(ranks, code == 0);
    return code;
}
