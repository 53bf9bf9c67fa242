#include "sextant/options.h"

#include <fmt/core.h>

#include <array>
#include <cmath>
#include <limits>
#include <utility>

#include "core/memory.h"
#include "sextant/error.h"

namespace sextant {
namespace {

template <class Value>
using Names = std::vector<std::pair<Value, const char*>>;

const Names<Method> methods = {{Method::algorithm_1, "algorithm-1"}, {Method::random_features, "random-features"}};
const Names<Preprocess> preprocesses = {
    {Preprocess::none, "none"}, {Preprocess::correlation, "correlation"}, {Preprocess::linear, "linear"}};
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
  if (eta && !(*eta > 0 && std::isfinite(*eta))) refuse("eta", *eta, "a number above 0");
  if (rank && *rank < 1) refuse("rank", *rank, "at least 1");
  if (first_layer_decay && !(*first_layer_decay >= 0 && std::isfinite(*first_layer_decay)))
    refuse("first-layer-decay", *first_layer_decay, "a number of at least 0");
  for (const double value : lambda)
    if (!(value >= 0)) refuse("lambda", value, "numbers of at least 0");
  if (!(validation_share > 0 && validation_share <= 0.5))
    refuse("validation-share", validation_share, "a number above 0 and at most 0.5");
  if (folds && *folds < 2) refuse("folds", *folds, "at least 2");
  if (folds && !refit)
    throw InvalidArgument(
        "refit: false given with folds, expected a hold-out share or a validation table: of several folds' models none "
        "is the model");
}

std::string name(Method method) { return name_in(methods, method); }
std::string name(Preprocess preprocess) { return name_in(preprocesses, preprocess); }
std::string name(Head head) { return name_in(heads, head); }

Method method_named(const std::string& name) { return named_in(methods, "method", name); }
Preprocess preprocess_named(const std::string& name) { return named_in(preprocesses, "preprocess", name); }
Head head_named(const std::string& name) { return named_in(heads, "head", name); }

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
