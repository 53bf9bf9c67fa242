// The walk of each target along the path of λ to where its error is least, for heads that cost a factorisation each.
// Private to the method layer.
//
// Held-out errors fall and rise once along the path but for noise, and where a search with fewer features found their
// least is near. So from there each target goes by decades to where neither neighbour is better.
#pragma once

#include <cstddef>
#include <vector>

#include "sextant/matrix.h"

namespace sextant {

class LambdaWalk {
 public:
  // A path in half decades, ascending, and where to start: one λ per target.
  LambdaWalk(const std::vector<double>& lambda, const Vector& from);

  // Places on the path whose errors are wanted next, ascending: where each target stands, its neighbours, and, as more
  // features tend to want a smaller λ, one more on that side where the first is not known. None: all have arrived.
  [[nodiscard]] std::vector<std::size_t> wanted() const;
  // The errors at a place: k. NaN is behind all.
  void learn(std::size_t place, Vector errors);

  // Where a target stands, and its error there.
  [[nodiscard]] std::size_t place(Index target) const { return places_[static_cast<std::size_t>(target)]; }
  [[nodiscard]] double error(Index target) const { return error_at(place(target), target); }

 private:
  [[nodiscard]] double error_at(std::size_t place, Index target) const;
  [[nodiscard]] bool is_known(std::size_t place) const { return errors_[place].size() > 0; }

  std::size_t last_;
  std::vector<std::size_t> places_;  // k
  std::vector<Vector> errors_;       // k at each place of the path; empty where they are not known
};

}  // namespace sextant
