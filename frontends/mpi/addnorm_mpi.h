/* addnorm_mpi.h -- ranks by MPI: a communicator for an_compile, of which all_reduce is made.
 *
 *     an_communicator *ranks = an_mpi_open(&argc, &argv);          started by mpirun, or alone
 *     an_program *p = an_compile(g, store, .update = up, .communicator = ranks);
 *     ... each rank runs p on rows of its own ...
 *     if (ranks->rank == 0) an_checkpoint_save(store, path, ...);
 *     an_mpi_close(ranks);
 *
 * The library is libaddnorm-mpi; libaddnorm itself knows nothing of MPI.        */
#ifndef ADDNORM_MPI_H
#define ADDNORM_MPI_H

#include "frontends/addnorm.h"

#ifdef __cplusplus
extern "C" {
#endif

/* All processes that mpirun started. MPI is begun, with threads, unless the program did so itself.
 * One thread of the library's own sends and receives while the program computes. NULL if MPI does
 * not begin, or serves one thread only (MPI_THREAD_SERIALIZED is needed), or memory is out. */
AN_API an_communicator *an_mpi_open(int *argc, char ***argv);
/* Waits until every rank is here, and ends MPI if an_mpi_open began it. NULL is fine. */
AN_API void an_mpi_close(an_communicator *ranks);
/* Ends all ranks at once with that code, for one that cannot go on: the others would wait. */
AN_API void an_mpi_abort(an_communicator *ranks, int code);

/* What it sent and received so far: reductions, bytes of them, and the seconds that they took and
 * that the program waited for them. */
typedef struct an_mpi_figures {
    int64_t reductions, bytes;
    double seconds, waited;
} an_mpi_figures;
AN_API an_mpi_figures an_mpi_measured(const an_communicator *ranks);

#ifdef __cplusplus
}
#endif
#endif
