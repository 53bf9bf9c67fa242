// Several processes, on one machine or many, that work on one task: each opens the same rows, takes its share of every
// pass over them, and all add their sums up. Small algebra is done by the first and given to the others, so that all
// decide alike whatever their processors.
//
// Reached through Context::ranks. Everything that takes a Context and such ranks is then called by all of them, with
// the same rows and options, and gives all of them the same result.
#pragma once

#include <cstddef>
#include <span>

#include "sextant/matrix.h"

namespace sextant {

class Ranks {
 public:
  virtual ~Ranks() = default;

  [[nodiscard]] virtual int rank() const = 0;  // of this process, from 0
  [[nodiscard]] virtual int size() const = 0;  // ≥ 1

  // All ranks call these in the same order with as many values, and get the same bits. Called from one thread.
  // `maximum` may have to wait for ranks that are still at work, and does so without using a core; what follows it at
  // once finds all ranks there.
  virtual void maximum(std::span<double> values) = 0;                // value by value, over the ranks
  virtual void sum(std::span<double> values) = 0;                    // the same
  virtual void broadcast(std::span<std::byte> bytes, int from) = 0;  // those of rank `from` to all
};

// Sharing a pass costs messages: with so few rows, one process alone is as fast.
inline constexpr Index rows_worth_sharing = 20'001;

}  // namespace sextant
