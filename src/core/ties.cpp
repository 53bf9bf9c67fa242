#include "core/ties.h"

#include <algorithm>
#include <numeric>

namespace sextant {

std::vector<std::size_t> order_with_ties(std::span<const double> values) {
  std::vector<std::size_t> order(values.size());
  std::iota(order.begin(), order.end(), 0);
  const auto before = [&](std::size_t i, std::size_t j) {
    return std::isnan(values[j]) ? !std::isnan(values[i]) : values[i] < values[j];
  };
  for (auto next = order.begin(); next != order.end(); ++next) {
    const double least = values[*std::min_element(next, order.end(), before)];
    // What is left stays in order, so the first that is tied is the first in order.
    const auto first = std::find_if(next, order.end(), [&](std::size_t i) {
      return std::isnan(least) || (!std::isnan(values[i]) && !clearly_less(least, values[i]));
    });
    std::rotate(next, first, first + 1);
  }
  return order;
}

}  // namespace sextant
