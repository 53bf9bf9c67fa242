// The ranks of a program that mpirun or srun started several times, over MPI.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "sextant/ranks.h"

namespace sextant {

class JoinedRanks : public Ranks {
 public:
  // Cores for this rank alone: those it may run on, shared among the ranks of this machine that may run on the same.
  [[nodiscard]] virtual int threads() const = 0;

  // Waits until all ranks have come here, without using a core. The last call of a rank that has done its part.
  virtual void finish() = 0;

  // Ends all ranks with exit status `status`. Where several fail at once, for the same reason as a rule, only the first
  // of them calls say("rank 2 on node07").
  [[noreturn]] virtual void fail(const std::function<void(const std::string& who)>& say, int status) = 0;
};

// "Open MPI v4.1.4", as MPI calls itself; empty where the library was built without.
[[nodiscard]] std::string mpi_version();

// Joins them: at most once in a process, before any thread is started. Throws Error where the library was built without
// MPI.
[[nodiscard]] std::unique_ptr<JoinedRanks> join_ranks();

}  // namespace sextant
