// Weights of classes: a row of class c counts c's weight times what it counts anyway, in all that is learned and all
// that is chosen by. What is learned is then about another population, the weighted one: so are its probabilities.
//
// Only their ratios matter: they are scaled so that the training rows' weights keep their sum n. balanced gives class
// c, whose rows weigh n_c together, n/(K·n_c), so that all K classes weigh as much as each other (King and Zeng,
// Logistic regression in rare events data, Political Analysis 9, 2001).
#pragma once

#include <string>
#include <vector>

#include "sextant/row_source.h"
#include "sextant/table.h"

namespace sextant {

struct ClassWeights {
  bool balanced = false;
  std::vector<double> of = {};  // > 0, one per class in the order of Encoding::classes; empty: none are given

  [[nodiscard]] bool any() const { return balanced || !of.empty(); }
};

// "none", "balanced", or the weights, "1,20".
[[nodiscard]] std::string name(const ClassWeights& weights);
// Throws InvalidArgument for another text, or a weight that is no number above 0.
[[nodiscard]] ClassWeights class_weights_named(const std::string& text);

// Of a table with the columns `class` and `weight`, one row per class. Throws DataError that names what is wrong: a
// column that is not there, a class that is none of `classes` or there twice, one that is missing, a weight that is no
// number above 0; and what open_table throws. `options.choose` is replaced.
[[nodiscard]] ClassWeights read_class_weights(const std::string& path, const std::vector<std::string>& classes,
                                              TableOptions options = {});

// Factors, k, of which the weighted sum of `rows_of`, k (Σ w of each class's rows), is that of rows_of. A class without
// rows has the factor of those given, or 1. Throws InvalidArgument when there are others than k weights.
[[nodiscard]] Vector class_factors(const ClassWeights& weights, const Vector& rows_of);

// The rows of another source, whose targets are indicators of classes, with weights w_i·factors_(class of i).
class ClassWeightedSource final : public RowView {
 public:
  // `source` must outlive this. factors k, > 0.
  ClassWeightedSource(const RowSource& source, Vector factors) : RowView(source), factors_(std::move(factors)) {}

  void read(Index first, Index count, Block& block) const override;

 private:
  [[nodiscard]] std::uint64_t find_fingerprint() const override;
  Vector factors_;
};

}  // namespace sextant
