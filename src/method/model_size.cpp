#include "method/model_size.h"

#include <algorithm>
#include <cmath>
#include <variant>

#include "sextant/product_terms.h"

namespace sextant {
namespace {

constexpr double wide = sizeof(double);
constexpr double narrow = sizeof(float);
constexpr double most_lifted_coordinates = 256;  // refine.h
constexpr double share_of_a_child = 0.55;        // of a node's rows: a half and the next tenth (leaf_partition.h)

struct Shape {
  double n;  // rows
  double d;
  double k;
  const FitOptions& options;

  // Inputs of what is lifted, and knots.
  [[nodiscard]] double lifted(bool is) const { return is ? d * static_cast<double>(options.lift) : d; }
  [[nodiscard]] double knots(bool is) const { return is ? wide * (lifted(true) + d) : 0; }
};

// m units, their W of `rows` rows.
double network_bytes(double rows, double units, double inputs, double k) {
  return wide * (rows * inputs + units * (1 + k));
}

double kernel_bytes(const Shape& shape, const KernelSettings& settings, double inputs) {
  return wide * std::min(shape.n, static_cast<double>(settings.centres)) * (inputs + shape.k);
}

double bytes_of(const Shape&, const KeptRecipe&) { return 0; }
double bytes_of(const Shape&, const LinearRecipe&) { return 0; }
double bytes_of(const Shape& shape, const RandomFeaturesRecipe&) {
  const auto m = static_cast<double>(shape.options.width);
  return network_bytes(shape.options.symmetric_or_default() ? m / 2 : m, m, shape.d, shape.k);
}
double bytes_of(const Shape& shape, const NetworkRecipe& recipe) {
  const auto m = static_cast<double>(shape.options.width);
  return static_cast<double>(shape.options.redraws) *
         (network_bytes(m, m, shape.lifted(recipe.lifted), shape.k) + shape.knots(recipe.lifted));
}
double bytes_of(const Shape& shape, const KernelRecipe& recipe) {
  if (recipe.rounds.empty()) return 0;
  const double D = shape.lifted(recipe.lifted);
  const double q = recipe.lifted ? std::min({D, shape.n, most_lifted_coordinates}) : std::min(D, shape.n);
  const double S = recipe.rounds.size() > 1 ? (recipe.lifted ? narrow : wide) * q * D : 0;
  return kernel_bytes(shape, recipe.rounds.back(), shape.d) + S + shape.knots(recipe.lifted);
}
double bytes_of(const Shape& shape, const AxisRecipe& recipe) {
  return recipe.rounds.empty() ? 0 : kernel_bytes(shape, recipe.rounds.back(), shape.d) + 2 * 33 * wide * shape.d;
}
double bytes_of(const Shape& shape, const LinkRecipe& recipe) {
  const auto r = static_cast<double>(recipe.rank);
  if (recipe.kernel) return kernel_bytes(shape, *recipe.kernel, r) + wide * r * shape.d;
  const auto terms = static_cast<double>(product_term_count(recipe.rank, recipe.degree));
  return wide * (r * (shape.d + 3) + terms * shape.k);
}
double bytes_of(const Shape& shape, const LeafRecipe& recipe) {
  const double q = recipe.S.size() > 0 ? static_cast<double>(recipe.S.rows()) : shape.d;
  const double n = recipe.rows > 0 ? std::min(shape.n, static_cast<double>(recipe.rows)) : shape.n;
  double leaves = 1;
  double rows = n;
  for (; rows > static_cast<double>(recipe.leaf_rows); rows *= share_of_a_child) leaves *= 2;
  const double features = leaves * rows;
  const double one = features * (sizeof(std::int32_t) + wide * shape.k) + leaves * wide * (q + 2) + wide * q * shape.d +
                     (recipe.local_rounds > 0 ? leaves * wide * q * q : 0);
  const double centres = wide * std::min(shape.n, static_cast<double>(recipe.centres)) * (q + shape.k);
  return narrow * n * q + static_cast<double>(recipe.partitions) * one + centres;
}

double bytes_of(const Shape& shape, const LogisticRecipe& recipe) {
  return std::visit([&](const auto& features) { return bytes_of(shape, features); }, recipe.features);
}
double bytes_of(const Shape& shape, const WideRecipe& recipe) {
  double most = 0;
  for (const Index size : recipe.size) most = std::max(most, static_cast<double>(size));
  const double centres = std::min(shape.n, 300.0);
  const double kernel = wide * (centres * (most + 1) + most * shape.d) * shape.k;
  switch (recipe.way) {
    case WideWay::kernel:
      return wide * centres * (shape.d + shape.k);
    case WideWay::span_kernel:
      return wide * (centres * (32 + shape.k) + 32 * shape.d);
    case WideWay::few_kernel:
    case WideWay::few_turned:
      return kernel;
    case WideWay::ridge_link:
    case WideWay::pls_link:
    case WideWay::few_index:
      return wide * shape.k * (shape.d + 16);
    default:
      return 0;
  }
}

Shape shape_of(const FitOptions& options, Index rows, Index inputs, Index targets) {
  return {static_cast<double>(rows), static_cast<double>(inputs), static_cast<double>(targets), options};
}

}  // namespace

bool stores_training_rows(const Recipe& recipe) {
  if (const auto* link = std::get_if<LinkRecipe>(&recipe)) return link->kernel.has_value();
  if (const auto* logistic = std::get_if<LogisticRecipe>(&recipe))
    return std::visit([](const auto& features) { return stores_training_rows(Recipe(features)); }, logistic->features);
  if (const auto* of_wide = std::get_if<WideRecipe>(&recipe))
    return of_wide->way == WideWay::kernel || of_wide->way == WideWay::span_kernel ||
           of_wide->way == WideWay::few_kernel || of_wide->way == WideWay::few_turned;
  return std::holds_alternative<KernelRecipe>(recipe) || std::holds_alternative<AxisRecipe>(recipe) ||
         std::holds_alternative<LeafRecipe>(recipe) || std::holds_alternative<KeptRecipe>(recipe);
}

bool stores_training_rows(Method method) { return is_kernel(method); }

double stored_bytes(const Recipe& recipe, const FitOptions& options, Index rows, Index inputs, Index targets) {
  return std::visit([&](const auto& kind) { return bytes_of(shape_of(options, rows, inputs, targets), kind); }, recipe);
}

double stored_bytes(const FitOptions& options, Index rows, Index inputs, Index targets) {
  const auto [n, d, k, same] = shape_of(options, rows, inputs, targets);
  if (is_kernel(options.method)) return wide * n * (d + k);
  const auto m = static_cast<double>(options.width);
  if (options.method == Method::ntk) {
    const auto& blocks = options.ntk_blocks;
    return wide * m * (d + 2 + k * ((blocks.a ? 1 : 0) + (blocks.W ? d : 0) + (blocks.b ? 1 : 0)));
  }
  return network_bytes(options.symmetric_or_default() ? m / 2 : m, m, d, k);
}

double most_bytes(const FitOptions& options, Index rows, Index inputs, Index targets) {
  if (options.compact) return compact_bytes;
  return std::max(2 * narrow * static_cast<double>(rows) * static_cast<double>(inputs + targets), usual_bytes);
}

}  // namespace sextant
