#include "method/robust_scale.h"

#include <algorithm>
#include <numeric>
#include <vector>

namespace sextant {

double weighted_quantile(const Vector& values, const Vector& w, double share) {
  std::vector<Index> order(static_cast<std::size_t>(values.size()));
  std::iota(order.begin(), order.end(), Index{0});
  std::ranges::stable_sort(order, [&](Index i, Index j) { return values[i] < values[j]; });
  double below = 0;
  for (const Index i : order) {
    below += w[i];
    if (below >= share * w.sum()) return values[i];
  }
  return values[order.back()];
}

double weighted_median(const Vector& values, const Vector& w) { return weighted_quantile(values, w, 0.5); }

double spread(const Vector& values, const Vector& w) { return 1.4826 * weighted_median(values.cwiseAbs(), w); }

double residual_scale(const Vector& r, const Vector& w) {
  const Vector size = r.cwiseAbs();
  return std::max({weighted_quantile(size, w, 0.5) / 0.6745, weighted_quantile(size, w, 0.9) / 1.6449,
                   weighted_quantile(size, w, 0.95) / 1.96});
}

}  // namespace sextant
