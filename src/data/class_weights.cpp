#include "sextant/class_weights.h"

#include <fmt/core.h>

#include <algorithm>
#include <charconv>
#include <cmath>

#include "core/fingerprint.h"
#include "data/excerpt.h"
#include "sextant/error.h"

namespace sextant {
namespace {

bool usable(double weight) { return weight > 0 && std::isfinite(weight); }

// Where the table's columns `class` and `weight` are; throws DataError where one is not.
std::vector<ColumnUse> uses_of(const std::string& path, const std::vector<std::string>& names) {
  std::vector<ColumnUse> uses(names.size(), ColumnUse::skip);
  for (const auto& [name, use] : {std::pair{"class", ColumnUse::classes}, std::pair{"weight", ColumnUse::number}}) {
    const auto found = std::ranges::find(names, name);
    if (found == names.end())
      throw DataError(
          fmt::format("{}: there is no column '{}', expected the columns 'class' and 'weight'", path, name));
    uses[static_cast<std::size_t>(found - names.begin())] = use;
  }
  return uses;
}

}  // namespace

std::string name(const ClassWeights& weights) {
  if (weights.balanced) return "balanced";
  if (weights.of.empty()) return "none";
  std::string text;
  for (const double weight : weights.of) text += (text.empty() ? "" : ",") + fmt::format("{}", weight);
  return text;
}

ClassWeights class_weights_named(const std::string& text) {
  if (text == "none") return {};
  if (text == "balanced") return {true, {}};
  ClassWeights weights;
  const char* const end = text.data() + text.size();
  for (const char* at = text.data();; ++at) {
    double weight = 0;
    const auto [after, error] = std::from_chars(at, end, weight);
    if (error != std::errc() || !usable(weight) || (after != end && *after != ','))
      throw InvalidArgument(fmt::format(
          "class-weights: {} given, expected balanced, none, or a number above 0 for each class", excerpt(text)));
    weights.of.push_back(weight);
    if (after == end) return weights;
    at = after;
  }
}

ClassWeights read_class_weights(const std::string& path, const std::vector<std::string>& classes,
                                TableOptions options) {
  options.choose = [&path](const std::vector<std::string>& names) { return uses_of(path, names); };
  options.max_classes = std::max(options.max_classes, static_cast<Index>(classes.size()) + 1);
  const auto table = open_table(path, options);
  const Index class_at = table->columns().front().name == "class" ? 0 : 1;
  const Column& column = table->columns()[static_cast<std::size_t>(class_at)];
  Matrix cells;
  table->read(0, table->rows(), cells);
  ClassWeights weights;
  weights.of.assign(classes.size(), 0);
  for (Index i = 0; i < cells.rows(); ++i) {
    const double cell = cells(i, class_at);
    const double weight = cells(i, 1 - class_at);
    if (std::isnan(cell))
      throw DataError(fmt::format("{}: {} has no class, expected the name of one", path, table->where(i)));
    const std::string found = column.kind == ColumnKind::text ? column.levels[static_cast<std::size_t>(cell)]
                                                              : fmt::format("{}", cell + 0.0);  // no −0
    const auto known = std::ranges::find(classes, found);
    if (known == classes.end())
      throw DataError(fmt::format("{}: the class {} at {} is none of the target's, which begin with {}", path,
                                  excerpt(found), table->where(i), excerpt(classes.front())));
    double& place = weights.of[static_cast<std::size_t>(known - classes.begin())];
    if (place > 0)
      throw DataError(
          fmt::format("{}: the class {} is there twice, the second time at {}", path, excerpt(found), table->where(i)));
    if (!usable(weight))
      throw DataError(fmt::format("{}: the weight of the class {} at {} is {}, expected a number above 0", path,
                                  excerpt(found), table->where(i),
                                  std::isnan(weight) ? "missing" : fmt::format("{}", weight)));
    place = weight;
  }
  const auto without = std::ranges::find(weights.of, 0.0);
  if (without != weights.of.end())
    throw DataError(fmt::format("{}: the class {} has no weight, expected one for each of the {} classes", path,
                                excerpt(classes[static_cast<std::size_t>(without - weights.of.begin())]),
                                classes.size()));
  return weights;
}

Vector class_factors(const ClassWeights& weights, const Vector& rows_of) {
  const Index k = rows_of.size();
  if (!weights.balanced && static_cast<Index>(weights.of.size()) != k)
    throw InvalidArgument(
        fmt::format("class-weights: {} weights given for {} classes, expected as many", weights.of.size(), k));
  const double n = rows_of.sum();
  Vector factors = Vector::Ones(k);
  if (weights.balanced) {
    const auto there = static_cast<double>((rows_of.array() > 0).count());
    for (Index c = 0; c < k; ++c)
      if (rows_of[c] > 0) factors[c] = n / (there * rows_of[c]);
    return factors;
  }
  for (Index c = 0; c < k; ++c) factors[c] = weights.of[static_cast<std::size_t>(c)];
  const double weighted = factors.dot(rows_of);
  if (weighted > 0) factors *= n / weighted;
  return factors;
}

void ClassWeightedSource::read(Index first, Index count, Block& block) const {
  source_.read(first, count, block);
  for (Index i = 0; i < count; ++i) block.w[i] *= block.Y.row(i).dot(factors_);
}

std::uint64_t ClassWeightedSource::find_fingerprint() const {
  Fingerprint fingerprint;
  fingerprint.mix("class weights");
  fingerprint.mix(source_.fingerprint());
  for (const double factor : factors_) fingerprint.mix(factor);
  return fingerprint.value();
}

}  // namespace sextant
