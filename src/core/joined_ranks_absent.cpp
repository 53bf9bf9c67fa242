// Built without MPI.
#include "sextant/error.h"
#include "sextant/joined_ranks.h"

namespace sextant {

std::string mpi_version() { return ""; }

std::unique_ptr<JoinedRanks> join_ranks() {
  throw Error("ranks: this program was built without MPI, expected -D SEXTANT_MPI=ON");
}

}  // namespace sextant
