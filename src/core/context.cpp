#include "sextant/context.h"

#include <fmt/core.h>

#include <algorithm>
#include <thread>

#include "sextant/error.h"

namespace sextant {

void Context::check() const {
  if (threads < 0)
    throw InvalidArgument(fmt::format("threads: {} given, expected at least 1 (or 0 for all cores)", threads));
  if (block_rows < 1) throw InvalidArgument(fmt::format("block_rows: {} given, expected at least 1", block_rows));
}

int Context::thread_count() const {
  return threads > 0 ? threads : std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
}

void Context::report(std::string_view stage, double fraction) const {
  if (progress && !progress({stage, fraction})) throw Cancelled();
}

}  // namespace sextant
