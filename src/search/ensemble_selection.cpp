#include "search/ensemble_selection.h"

#include <limits>

#include "core/ties.h"

namespace sextant {

Vector selected_weights(const Matrix& G, const std::vector<bool>& counts, int rounds) {
  const Index c = G.rows();
  Vector picked = Vector::Zero(c);
  Vector best_weights = picked;
  Vector Gp = Vector::Zero(c);  // G·picked
  double pGp = 0;
  double best_error = std::numeric_limits<double>::infinity();
  for (int round = 1; round <= rounds; ++round) {
    double least = std::numeric_limits<double>::infinity();
    Index best = -1;
    for (Index j = 0; j < c; ++j) {
      if (!counts[static_cast<std::size_t>(j)]) continue;
      const double error = (pGp + 2 * Gp[j] + G(j, j)) / (static_cast<double>(round) * round);
      if (clearly_less(error, least)) {
        least = error;
        best = j;
      }
    }
    if (best < 0) break;  // none counts
    pGp += 2 * Gp[best] + G(best, best);
    Gp += G.col(best);
    picked[best] += 1;
    if (clearly_less(least, best_error)) {
      best_error = least;
      best_weights = picked / round;
    }
  }
  return best_weights;
}

Vector pruned(Vector weights) {
  constexpr double hardly = 0.04;
  if (weights.size() == 0 || weights.maxCoeff() < hardly) return weights;
  for (double& weight : weights)
    if (weight < hardly) weight = 0;
  return weights / weights.sum();
}

}  // namespace sextant
