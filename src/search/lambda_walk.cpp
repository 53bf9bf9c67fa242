#include "search/lambda_walk.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>
#include <utility>

#include "core/ties.h"

namespace sextant {
namespace {

constexpr std::size_t decade = 2;  // places

std::size_t below(std::size_t place) { return place - std::min(place, decade); }

}  // namespace

LambdaWalk::LambdaWalk(const std::vector<double>& lambda, const Vector& from)
    : last_(lambda.size() - 1), errors_(lambda.size()) {
  for (const double value : from) {
    const auto at = static_cast<std::size_t>(std::ranges::lower_bound(lambda, value) - lambda.begin());
    places_.push_back(std::min(at, last_));
  }
}

std::vector<std::size_t> LambdaWalk::wanted() const {
  std::set<std::size_t> places;
  for (const std::size_t at : places_) {
    if (!is_known(below(at))) places.insert(below(below(at)));
    places.insert({below(at), at, std::min(at + decade, last_)});
  }
  std::erase_if(places, [&](std::size_t place) { return is_known(place); });
  return {places.begin(), places.end()};
}

void LambdaWalk::learn(std::size_t place, Vector errors) {
  errors_[place] = std::move(errors);
  for (std::size_t t = 0; t < places_.size(); ++t) {
    const auto target = static_cast<Index>(t);
    if (clearly_less(error_at(place, target), error_at(places_[t], target))) places_[t] = place;
  }
}

double LambdaWalk::error_at(std::size_t place, Index target) const {
  constexpr double infinity = std::numeric_limits<double>::infinity();
  return is_known(place) ? std::fmin(errors_[place][target], infinity) : infinity;
}

}  // namespace sextant
