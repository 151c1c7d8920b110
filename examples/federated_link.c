/* federated_link.c -- weights from clients to the server and back, by Open MPI or within a process.
 *
 * Nothing but a parcel can be sent: so many floats, as many as the network has weights, and one
 * count. */
#include "examples/federated.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int rank = 0, processes = 1;
static int64_t parcels = 0;

bool link_is_server(void) { return rank == 0; }
int link_processes(void) { return processes; }
bool link_is_mine(int64_t client) { return client % processes == rank; }
int64_t link_parcels(void) { return parcels; }

#ifdef FEDERATED_MPI
#include <mpi.h>

bool link_open(int *argc, char ***argv)
{
    /* Without mpirun there is nobody to talk to, and starting MPI takes a second. */
    if (!getenv("OMPI_COMM_WORLD_SIZE") && !getenv("PMI_SIZE")) return true;
    if (MPI_Init(argc, argv) != MPI_SUCCESS) return false;
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &processes);
    return true;
}

void link_close(void)
{
    int begun = 0;
    MPI_Initialized(&begun);
    if (begun) MPI_Finalize();
}

void link_give_up(void)
{
    if (processes > 1) MPI_Abort(MPI_COMM_WORLD, 1);
}

static void send_parcel(const parcel *p)
{
    MPI_Send(&p->rows, 1, MPI_DOUBLE, 0, 0, MPI_COMM_WORLD);
    MPI_Send(p->weights, (int)p->count, MPI_FLOAT, 0, 1, MPI_COMM_WORLD);
}

static void receive_parcel(parcel *p, int from)
{
    MPI_Recv(&p->rows, 1, MPI_DOUBLE, from, 0, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
    MPI_Recv(p->weights, (int)p->count, MPI_FLOAT, from, 1, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
}

static void give_everybody(float *mean, int64_t count)
{
    if (processes > 1) MPI_Bcast(mean, (int)count, MPI_FLOAT, 0, MPI_COMM_WORLD);
}

bool link_agree(bool verdict)
{
    int word = verdict;
    if (processes > 1) MPI_Bcast(&word, 1, MPI_INT, 0, MPI_COMM_WORLD);
    return word != 0;
}
#else
bool link_open(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    return true;
}

void link_close(void) {}
void link_give_up(void) {}
static void send_parcel(const parcel *p) { (void)p; }
static void receive_parcel(parcel *p, int from)
{
    (void)p;
    (void)from;
}
static void give_everybody(float *mean, int64_t count)
{
    (void)mean;
    (void)count;
}
bool link_agree(bool verdict) { return verdict; }
#endif

bool link_average(const parcel *of, int64_t clients, float *mean, int64_t count)
{
    parcel other = {.count = count, .weights = malloc((size_t)count * sizeof *other.weights)};
    double *sum = calloc((size_t)count, sizeof *sum), rows = 0;
    const bool good = sum && other.weights;
    for (int64_t c = 0; good && c < clients; c++) {
        const int from = (int)(c % processes);
        if (from == rank && rank != 0) send_parcel(&of[c]);
        if (rank != 0) continue;
        if (from == 0) {
            other.rows = of[c].rows;
            memcpy(other.weights, of[c].weights, (size_t)count * sizeof *other.weights);
        } else receive_parcel(&other, from);
        parcels++;
        rows += other.rows;
        for (int64_t i = 0; i < count; i++) sum[i] += other.rows * other.weights[i];
    }
    for (int64_t i = 0; good && i < count; i++)
        mean[i] = rank == 0 ? (float)(sum[i] / rows) : 0;
    if (good) give_everybody(mean, count);
    else fputs("federated: there is no memory for the weights\n", stderr);
    free(other.weights);
    free(sum);
    return good;
}
