// The page of an experiment folder: every figure of every spec with published values beside ours, how far they agree,
// where curves cross a level, and how it was run.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "page.h"
#include "sextant/results.h"

namespace sextant::app {

// How far one of our means is from a published one, in joint standard errors of the two.
struct Agreement {
  std::string point;
  Spread ours;
  double published = 0;
  std::optional<double> published_deviation;  // ours stands in where none is published
  std::optional<double> distance;             // signed; nothing with fewer than 2 seeds

  [[nodiscard]] bool within() const;  // at most 3
};
[[nodiscard]] std::vector<Agreement> agreements(const StoredSpec& stored, const Figure& figure);

// `name`: of the folder.
[[nodiscard]] Page experiment_page(const std::string& name, const std::vector<StoredSpec>& specs,
                                   const std::vector<Results::Failed>& failed);

}  // namespace sextant::app
