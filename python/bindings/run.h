// How Python runs the library: without the interpreter's lock, telling progress and heeding signals between blocks.
#pragma once

#include <pybind11/pybind11.h>

#include <algorithm>
#include <chrono>
#include <exception>
#include <optional>
#include <string_view>
#include <utility>

#include "sextant/context.h"
#include "sextant/error.h"

namespace sextant::python {

namespace py = pybind11;

// Context as Python says it. `progress` is None or called with (stage, fraction); returning False cancels.
struct Run {
  int threads = 0;
  Index block_rows = Context{}.block_rows;
  py::object progress = py::none();
};

// Whether this process was forked (os.fork, multiprocessing). Its parent's OpenMP threads are not here, and GNU's
// OpenMP would wait for them for ever; on one thread it does not, and results do not depend on it.
inline bool forked = false;

// What the library's progress callback does while Python waits: takes the lock a few times a second, runs Python's
// signal handlers, calls `progress`. An exception of either (KeyboardInterrupt, mostly) is kept, and the work
// cancelled.
class Interpreter {
 public:
  explicit Interpreter(py::object progress) : progress_(std::move(progress)) {}

  // Called without the lock; false cancels.
  bool hears(std::string_view stage, double fraction) {
    const auto now = std::chrono::steady_clock::now();
    if (now - last_ < interval) return true;
    last_ = now;
    const py::gil_scoped_acquire lock;
    try {
      if (PyErr_CheckSignals() != 0) throw py::error_already_set();
      if (progress_.is_none()) return true;
      const py::object answer = progress_(py::str(stage.data(), stage.size()), fraction);
      py::detail::make_caster<bool> truth;  // of Python or NumPy; any other answer says nothing
      return !truth.load(answer, false) || static_cast<bool>(truth);
    } catch (...) {
      raised_ = std::current_exception();
      return false;
    }
  }

  // With the lock: throws what Python code raised, if it did.
  void rethrow() const {
    if (raised_) std::rethrow_exception(raised_);
  }

 private:
  static constexpr std::chrono::milliseconds interval{50};

  py::object progress_;
  std::chrono::steady_clock::time_point last_ = std::chrono::steady_clock::now();
  std::exception_ptr raised_;
};

// work(interpreter) without the lock.
template <class Work>
auto without_lock(const py::object& progress, Work work) {
  Interpreter interpreter(progress);
  try {
    const py::gil_scoped_release unlocked;
    return work(interpreter);
  } catch (const Cancelled&) {
    interpreter.rethrow();
    throw;
  }
}

// work(context) without the lock.
template <class Work>
auto run_with(const Run& run, Work work) {
  return without_lock(run.progress, [&](Interpreter& interpreter) {
    Context context{forked ? 1 : run.threads, run.block_rows, {}};
    context.progress = [&](const Progress& now) { return interpreter.hears(now.stage, now.fraction); };
    return work(context);
  });
}

// Rows worked on between two looks at the interpreter: a multiple of the rows of a tile (passes/executor.h), so that
// results do not depend on it.
constexpr Index rows_at_once = 8192;

// work(first, count) for pieces of n rows, each but the last of rows_at_once.
template <class Work>
void by_pieces(Index n, std::string_view stage, const Context& context, const Work& work) {
  for (Index first = 0; first < n; first += rows_at_once) {
    context.report(stage, static_cast<double>(first) / static_cast<double>(n));
    work(first, std::min(rows_at_once, n - first));
  }
}

}  // namespace sextant::python
