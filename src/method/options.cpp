#include "sextant/options.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>
#include <utility>

#include "core/memory.h"
#include "sextant/error.h"

namespace sextant {
namespace {

template <class Value>
using Names = std::vector<std::pair<Value, const char*>>;

const Names<Method> methods = {{Method::automatic, "auto"},
                               {Method::refine, "refine"},
                               {Method::refined_kernel, "refined-kernel"},
                               {Method::polish, "polish"},
                               {Method::algorithm_1, "algorithm-1"},
                               {Method::random_features, "random-features"},
                               {Method::ntk, "ntk"},
                               {Method::kernel_arc_cosine, "kernel-arc-cosine"},
                               {Method::kernel_ntk, "kernel-ntk"},
                               {Method::kernel_polynomial, "kernel-polynomial"},
                               {Method::kernel_gaussian, "kernel-gaussian"},
                               {Method::kernel_laplace, "kernel-laplace"},
                               {Method::oracle, "oracle"},
                               {Method::sir, "sir"},
                               {Method::save, "save"},
                               {Method::phd, "phd"},
                               {Method::directional_regression, "directional-regression"}};
const Names<Task> tasks = {{Task::regression, "regression"}, {Task::classification, "classification"}};
const Names<Preprocess> preprocesses = {
    {Preprocess::none, "none"}, {Preprocess::correlation, "correlation"}, {Preprocess::linear, "linear"}};
const Names<NtkScale> ntk_scales = {{NtkScale::standard, "standard"}, {NtkScale::balanced, "balanced"}};
const Names<Discover> discoveries = {{Discover::one_step, "one-step"}, {Discover::spectral, "spectral"}};
const Names<Precision> precisions = {
    {Precision::float64, "float64"}, {Precision::mixed, "mixed"}, {Precision::float32, "float32"}};
const Names<Head> heads = {{Head::ridge, "ridge"}, {Head::gradient_descent, "gradient-descent"}};

template <class Value>
std::string name_in(const Names<Value>& names, Value value) {
  for (const auto& [candidate, name] : names)
    if (candidate == value) return name;
  throw InvalidArgument("options: a value without a name");
}

template <class Value>
Value named_in(const Names<Value>& names, const char* field, const std::string& wanted) {
  std::string known;
  for (const auto& [value, name] : names) {
    if (wanted == name) return value;
    known += known.empty() ? name : std::string(", ") + name;
  }
  throw InvalidArgument(fmt::format("{}: '{}' is not known, expected one of {}", field, wanted, known));
}

}  // namespace

void FitOptions::check() const {
  const auto refuse = [](const char* field, auto value, const char* rule) {
    throw InvalidArgument(fmt::format("{}: {} given, expected {}", field, value, rule));
  };
  if (width < 2 || width % 2 != 0)
    refuse("width", width, "an even number of at least 2 (units come in mirrored pairs)");
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
  if (eta && !(*eta > 0 && std::isfinite(*eta))) refuse("eta", *eta, "a number above 0");
  if (rank && *rank < 1) refuse("rank", *rank, "at least 1");
  if (first_layer_decay && !(*first_layer_decay >= 0 && std::isfinite(*first_layer_decay)))
    refuse("first-layer-decay", *first_layer_decay, "a number of at least 0");
  for (const double value : lambda)
    if (!(value >= 0)) refuse("lambda", value, "numbers of at least 0");
  if (!(validation_share > 0 && validation_share <= 0.5))
    refuse("validation-share", validation_share, "a number above 0 and at most 0.5");
  if (calibration_share && !(*calibration_share > 0 && *calibration_share <= 0.5))
    refuse("calibration-share", *calibration_share, "a number above 0 and at most 0.5");
  if (folds && *folds < 2) refuse("folds", *folds, "at least 2");
  if (folds && !refit)
    throw InvalidArgument(
        "refit: false given with folds, expected a hold-out share or a validation table: of several folds' models none "
        "is the model");
  if (bias && !(*bias >= 0 && std::isfinite(*bias))) refuse("bias", *bias, "a number of at least 0");
  if (!ntk_blocks.a && !ntk_blocks.W && !ntk_blocks.b)
    throw InvalidArgument("ntk-blocks: none given, expected at least one of a, W, b");
  if (!(bandwidth > 0 && std::isfinite(bandwidth))) refuse("bandwidth", bandwidth, "a number above 0");
  if (degree < 1 || degree > 60) refuse("degree", degree, "a whole number from 1 to 60");
  if (slices < 2) refuse("slices", slices, "at least 2");
  if (!(budget > 0 && std::isfinite(budget))) refuse("budget", budget, "a number of seconds above 0");
  if (refine_rounds < 0) refuse("refine-rounds", refine_rounds, "at least 0");
  if (!(refine_power > 0 && std::isfinite(refine_power))) refuse("refine-power", refine_power, "a number above 0");
  if (redraws < 1 || redraws > 1000) refuse("redraws", redraws, "a whole number from 1 to 1000");
  if (lift < 1) refuse("lift", lift, "at least 1");
  if (polish_degree && (*polish_degree < 1 || *polish_degree > 30))
    refuse("polish-degree", *polish_degree, "a whole number from 1 to 30");
  if (polish_steps < 0) refuse("polish-steps", polish_steps, "at least 0");
  if (sample_splitting && is_automatic(method))
    throw InvalidArgument(fmt::format("sample-splitting: given with {}, expected algorithm-1", sextant::name(method)));
  if (precision != Precision::float64 && (is_automatic(method) || is_kernel(method)))
    throw InvalidArgument(fmt::format(
        "precision: {} given with {}, expected float64, or a method with one map of features, as algorithm-1",
        sextant::name(precision), sextant::name(method)));
  if (leaf_memory && !(*leaf_memory > 0 && std::isfinite(*leaf_memory)))
    refuse("leaf-memory", *leaf_memory, "a number of GiB above 0");
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

const std::vector<Method>& known_methods() {
  static const std::vector<Method> all = [] {
    std::vector<Method> list;
    for (const auto& [method, name] : methods) list.push_back(method);
    return list;
  }();
  return all;
}

std::string name(Method method) { return name_in(methods, method); }
std::string name(Task task) { return name_in(tasks, task); }
std::string name(Preprocess preprocess) { return name_in(preprocesses, preprocess); }
std::string name(Discover discover) { return name_in(discoveries, discover); }
Discover discover_named(const std::string& name) { return named_in(discoveries, "discover", name); }
std::string name(Head head) { return name_in(heads, head); }
std::string name(Precision precision) { return name_in(precisions, precision); }

Method method_named(const std::string& name) { return named_in(methods, "method", name); }
Task task_named(const std::string& name) { return named_in(tasks, "task", name); }
Preprocess preprocess_named(const std::string& name) { return named_in(preprocesses, "preprocess", name); }
Precision precision_named(const std::string& name) { return named_in(precisions, "precision", name); }
Head head_named(const std::string& name) { return named_in(heads, "head", name); }

std::string name(NtkScale scale) { return name_in(ntk_scales, scale); }
NtkScale ntk_scale_named(const std::string& name) { return named_in(ntk_scales, "ntk-scale", name); }

std::string name(const NtkBlocks& blocks) {
  std::string list;
  for (const auto& [has, block] : {std::pair{blocks.a, "a"}, {blocks.W, "W"}, {blocks.b, "b"}})
    if (has) list += list.empty() ? block : std::string(",") + block;
  return list;
}

NtkBlocks ntk_blocks_named(const std::string& name) {
  NtkBlocks blocks{false, false, false};
  for (std::size_t at = 0; at <= name.size();) {
    const std::size_t end = std::min(name.find(',', at), name.size());
    const std::string block = name.substr(at, end - at);
    if (block != "a" && block != "W" && block != "b")
      throw InvalidArgument(fmt::format("ntk-blocks: '{}' given, expected some of a, W, b, separated by commas", name));
    (block == "a" ? blocks.a : block == "W" ? blocks.W : blocks.b) = true;
    at = end + 1;
  }
  return blocks;
}

double budget_named(const std::string& name) {
  if (name == "low") return 3;
  if (name == "medium") return 60;
  if (name == "high") return 600;
  double seconds = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), seconds);
  if (error != std::errc() || end != name.data() + name.size())
    throw InvalidArgument(
        fmt::format("budget: '{}' given, expected a number of seconds, or low, medium or high", name));
  return seconds;
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
