#include "sextant/product_terms.h"

#include <functional>
#include <limits>
#include <map>
#include <mutex>
#include <utility>

namespace sextant {
namespace {

std::vector<ProductTerm> listed(Index r, int degree) {
  std::vector<ProductTerm> terms;
  std::map<std::vector<int>, Index> place;
  std::vector<int> alpha(static_cast<std::size_t>(r), 0);
  // All α of total degree `left`, from axis `axis` on.
  const std::function<void(std::size_t, int)> fill = [&](std::size_t axis, int left) {
    if (axis + 1 == alpha.size()) {
      alpha[axis] = left;
      place.emplace(alpha, static_cast<Index>(terms.size()));
      ProductTerm& term = terms.emplace_back();
      term.alpha = alpha;
      return;
    }
    for (int power = left; power >= 0; --power) {
      alpha[axis] = power;
      fill(axis + 1, left - power);
    }
    alpha[axis] = 0;
  };
  for (int total = 0; total <= degree; ++total) fill(0, total);
  for (ProductTerm& term : terms) {
    std::vector<int> other = term.alpha;
    for (std::size_t l = 0; l < other.size(); ++l) {
      if (other[l] == 0) {
        term.lower.push_back(-1);
        continue;
      }
      --other[l];
      term.lower.push_back(place.at(other));
      ++other[l];
      term.axis = static_cast<Index>(l);
      term.power = other[l];
    }
    if (term.power > 0) {
      other[static_cast<std::size_t>(term.axis)] = 0;
      term.parent = place.at(other);
    }
  }
  return terms;
}

}  // namespace

const std::vector<ProductTerm>& product_terms(Index r, int degree) {
  static std::mutex mutex;
  static std::map<std::pair<Index, int>, std::vector<ProductTerm>> lists;  // whose elements never move
  const std::scoped_lock lock(mutex);
  const auto found = lists.find({r, degree});
  if (found != lists.end()) return found->second;
  return lists.emplace(std::pair(r, degree), listed(r, degree)).first->second;
}

Index product_term_count(Index r, int degree) {
  Index count = 1;
  for (int k = 1; k <= degree; ++k)
    if (__builtin_mul_overflow(count, r + k, &count))
      return std::numeric_limits<Index>::max();
    else
      count /= k;  // exact: a product of k consecutive numbers
  return count;
}

}  // namespace sextant
