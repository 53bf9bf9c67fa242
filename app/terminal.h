// Progress on a terminal, and Ctrl-C. Standard error only; nothing at all when it is no terminal.
#pragma once

#include <chrono>
#include <stdexcept>
#include <string>

#include "sextant/context.h"

namespace sextant::app {

// From now on SIGINT and SIGTERM ask running work to stop at its next block, so that it can clean up; a second one ends
// the program at once.
void catch_signals();

// The signal that asked to stop, or 0.
[[nodiscard]] int caught_signal();

// Work that a signal stopped half-way and that can be gone on with; the message says how.
class Stopped : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// A bar for work that takes more than a second, erased when this is destroyed.
class ProgressBar {
 public:
  ProgressBar();
  ~ProgressBar();
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;

  // For Context::progress: draws at most ten times a second; false once a signal has asked to stop. The bar must
  // outlive it.
  [[nodiscard]] std::function<bool(const Progress&)> callback();
  [[nodiscard]] double seconds() const;  // since it was made

 private:
  void draw(const Progress& progress);

  std::chrono::steady_clock::time_point start_;
  std::chrono::steady_clock::time_point drawn_;
  bool terminal_;
  bool visible_ = false;
};

}  // namespace sextant::app
