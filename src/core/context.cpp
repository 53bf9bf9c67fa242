#include "sextant/context.h"

#include <fmt/core.h>
#include <sched.h>

#include <algorithm>
#include <thread>

#include "sextant/error.h"

namespace sextant {
namespace {

// Those that a batch system or taskset left this process, of which the standard library knows nothing.
int available_cores() {
  constexpr std::size_t most = 8192;
  cpu_set_t* cores = CPU_ALLOC(most);
  const std::size_t bytes = CPU_ALLOC_SIZE(most);
  CPU_ZERO_S(bytes, cores);
  const bool known = sched_getaffinity(0, bytes, cores) == 0;
  const int count = known ? CPU_COUNT_S(bytes, cores) : static_cast<int>(std::thread::hardware_concurrency());
  CPU_FREE(cores);
  return std::max(1, count);
}

}  // namespace

void Context::check() const {
  if (threads < 0)
    throw InvalidArgument(fmt::format("threads: {} given, expected at least 1 (or 0 for all cores)", threads));
  if (block_rows < 1) throw InvalidArgument(fmt::format("block_rows: {} given, expected at least 1", block_rows));
}

int Context::thread_count() const { return threads > 0 ? threads : available_cores(); }

void Context::report(std::string_view stage, double fraction) const {
  if (progress && !progress({stage, fraction})) throw Cancelled();
}

}  // namespace sextant
