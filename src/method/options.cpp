#include "sextant/options.h"

#include <fmt/core.h>

#include <cmath>
#include <limits>

#include "core/memory.h"
#include "sextant/error.h"
#include "sextant/option_fields.h"

namespace sextant {

void FitOptions::check() const {
  for (const OptionField& option : option_fields()) option.check(*this);
  // The Gram matrix, its eigenvectors and LAPACK's work space, twice the square.
  const double bytes = 5.0 * sizeof(double) * static_cast<double>(width) * static_cast<double>(width);
  if (bytes > physical_memory())
    throw InvalidArgument(
        fmt::format("width: {} needs {:.0f} GiB for the head's matrices, expected what fits in this "
                    "machine's {:.0f} GiB",
                    width, bytes / 0x1p30, physical_memory() / 0x1p30));
  if (target_transform.kinds.empty())
    throw InvalidArgument("target-transform: none given, expected none, log, rank or auto");
  if (task == Task::classification && target_transform.any())
    throw InvalidArgument(
        fmt::format("target-transform: {} given with classification, expected none: classes have no order",
                    sextant::name(target_transform)));
  if (task != Task::classification && class_weights.any())
    throw InvalidArgument(fmt::format("class-weights: {} given with regression, expected the task classification",
                                      sextant::name(class_weights)));
  if (task == Task::classification && clip_targets.value_or(false))
    throw InvalidArgument("clip-targets: true given with classification, expected false: classes have no outside");
  if (task == Task::classification && calibration_share)
    throw InvalidArgument(fmt::format(
        "calibration-share: {} given with classification, expected none: classes have probabilities, not intervals",
        *calibration_share));
  if (folds && !refit)
    throw InvalidArgument(
        "refit: false given with folds, expected a hold-out share or a validation table: of several folds' models none "
        "is the model");
  if (!ntk_blocks.a && !ntk_blocks.W && !ntk_blocks.b)
    throw InvalidArgument("ntk-blocks: none given, expected at least one of a, W, b");
  if (sample_splitting && is_automatic(method))
    throw InvalidArgument(fmt::format("sample-splitting: given with {}, expected algorithm-1", sextant::name(method)));
  if (precision != Precision::float64 && (is_automatic(method) || is_kernel(method)))
    throw InvalidArgument(fmt::format(
        "precision: {} given with {}, expected float64, or a method with one map of features, as algorithm-1",
        sextant::name(precision), sextant::name(method)));
  if (!training_rows && (is_kernel(method) || method == Method::refined_kernel))
    throw InvalidArgument(
        fmt::format("training-rows: false given with {}, whose centres are rows of the table, expected a method that "
                    "keeps none, as auto, polish, refine or algorithm-1",
                    sextant::name(method)));
  if (sample_splitting && is_kernel(method))
    throw InvalidArgument(
        fmt::format("sample-splitting: given with {}, expected a method that learns features", sextant::name(method)));
}

double FitOptions::bias_or_default() const {
  return bias.value_or(method == Method::ntk || method == Method::kernel_ntk ? 0.0 : 1.0);
}

bool FitOptions::symmetric_or_default() const { return symmetric.value_or(method != Method::ntk); }

bool FitOptions::extrapolate_or_default() const { return extrapolate.value_or(!is_automatic(method)); }

bool FitOptions::clip_targets_or_default() const {
  return clip_targets.value_or(is_automatic(method) && task == Task::regression);
}

bool is_automatic(Method method) {
  return method == Method::automatic || method == Method::refine || method == Method::refined_kernel ||
         method == Method::polish;
}

bool is_kernel(Method method) {
  switch (method) {
    case Method::kernel_arc_cosine:
    case Method::kernel_ntk:
    case Method::kernel_polynomial:
    case Method::kernel_gaussian:
    case Method::kernel_laplace:
      return true;
    default:
      return false;
  }
}

const std::vector<double>& lambda_grid() {
  static const std::vector<double> grid = [] {
    std::vector<double> values;
    for (int half_decade = -20; half_decade <= 16; ++half_decade) values.push_back(std::pow(10.0, half_decade / 2.0));
    values.push_back(std::numeric_limits<double>::infinity());
    return values;
  }();
  return grid;
}

}  // namespace sextant
