#include "world.h"

#include <fmt/core.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string_view>

#include "sextant/error.h"

namespace sextant::app {
namespace {

std::unique_ptr<JoinedRanks> world;  // null for a process alone
bool all_work = false;               // on this command

Index environment_number(const char* name) {
  const char* text = std::getenv(name);
  Index value = -1;
  if (text != nullptr) std::from_chars(text, text + std::string_view(text).size(), value);
  return value;
}

// Commands of which every rank does a part.
bool is_shared(const std::string& command) {
  constexpr std::array shared = {"fit", "evaluate", "transfer", "compare"};
  return std::find(shared.begin(), shared.end(), command) != shared.end();
}

}  // namespace

Launch launch() {
  // Of srun's step, not of the whole job: a batch script without srun is one process, however many tasks it asked for.
  for (const auto& [rank, size] : {std::pair{"OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE"},
                                   {"PMI_RANK", "PMI_SIZE"},
                                   {"SLURM_PROCID", "SLURM_STEP_NUM_TASKS"}}) {
    const Launch found{rank, environment_number(rank), environment_number(size)};
    if (found.size >= 2 && found.rank >= 0 && found.rank < found.size) return found;
  }
  return {};
}

bool join_world(const std::string& command) {
  const Launch started = launch();
  if (started.size < 2 || command == "experiment") return true;
  const bool first = started.rank == 0;
  if (!first) {
    // Errors are still said: this rank may be the only one to meet them.
    spdlog::set_level(spdlog::level::err);
    if (std::freopen("/dev/null", "w", stdout) == nullptr) throw Error("standard output: cannot be closed");
  }
  if (mpi_version().empty()) {
    if (!first) std::exit(EXIT_FAILURE);
    throw Error(
        fmt::format("{} says that {} processes were started together, and this program cannot share work among them; "
                    "expected one process, or a program built with -D SEXTANT_MPI=ON",
                    started.variable, started.size));
  }
  world = join_ranks();
  all_work = is_shared(command);
  if (world->size() == started.size) return first || all_work;
  if (!first) std::exit(EXIT_FAILURE);
  throw Error(
      fmt::format("{} says that {} processes were started together, and MPI sees {} of them; start them by the mpirun "
                  "of the MPI that this program was built with, or with srun --mpi=pmix",
                  started.variable, started.size, world->size()));
}

bool is_first() { return world == nullptr || world->rank() == 0; }

void add_world(Context& context) {
  if (world == nullptr) return;
  if (all_work) context.ranks = world.get();
  if (context.threads == 0) context.threads = world->threads();
}

bool takes_part(Context& context, Index rows) {
  if (rows >= rows_worth_sharing) return true;
  context.ranks = nullptr;
  return is_first();
}

void leave_world() {
  if (world != nullptr) world->finish();
  world.reset();
}

void fail_together(const std::function<void(const std::string& who)>& say, int status) {
  if (world != nullptr) world->fail(say, status);
}

}  // namespace sextant::app
