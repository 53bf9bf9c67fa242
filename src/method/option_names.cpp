#include "method/option_names.h"

#include <fmt/core.h>

#include <algorithm>
#include <charconv>

#include "sextant/error.h"

namespace sextant {

template <>
const Names<Method>& names_of() {
  static const Names<Method> names = {{Method::automatic, "auto"},
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
  return names;
}

template <>
const Names<Task>& names_of() {
  static const Names<Task> names = {{Task::regression, "regression"}, {Task::classification, "classification"}};
  return names;
}

template <>
const Names<Preprocess>& names_of() {
  static const Names<Preprocess> names = {
      {Preprocess::none, "none"}, {Preprocess::correlation, "correlation"}, {Preprocess::linear, "linear"}};
  return names;
}

template <>
const Names<NtkScale>& names_of() {
  static const Names<NtkScale> names = {{NtkScale::standard, "standard"}, {NtkScale::balanced, "balanced"}};
  return names;
}

template <>
const Names<Discover>& names_of() {
  static const Names<Discover> names = {{Discover::one_step, "one-step"}, {Discover::spectral, "spectral"}};
  return names;
}

template <>
const Names<Precision>& names_of() {
  static const Names<Precision> names = {
      {Precision::float64, "float64"}, {Precision::mixed, "mixed"}, {Precision::float32, "float32"}};
  return names;
}

template <>
const Names<Head>& names_of() {
  static const Names<Head> names = {{Head::ridge, "ridge"}, {Head::gradient_descent, "gradient-descent"}};
  return names;
}

namespace {

template <class Value>
std::string name_in(Value value) {
  for (const auto& [candidate, name] : names_of<Value>())
    if (candidate == value) return name;
  throw InvalidArgument("options: a value without a name");
}

template <class Value>
Value named_in(const char* field, const std::string& wanted) {
  std::string known;
  for (const auto& [value, name] : names_of<Value>()) {
    if (wanted == name) return value;
    known += known.empty() ? name : std::string(", ") + name;
  }
  throw InvalidArgument(fmt::format("{}: '{}' is not known, expected one of {}", field, wanted, known));
}

}  // namespace

const std::vector<Method>& known_methods() {
  static const std::vector<Method> all = [] {
    std::vector<Method> list;
    for (const auto& [method, name] : names_of<Method>()) list.push_back(method);
    return list;
  }();
  return all;
}

std::string name(Method method) { return name_in(method); }
std::string name(Task task) { return name_in(task); }
std::string name(Preprocess preprocess) { return name_in(preprocess); }
std::string name(Discover discover) { return name_in(discover); }
Discover discover_named(const std::string& name) { return named_in<Discover>("discover", name); }
std::string name(Head head) { return name_in(head); }
std::string name(Precision precision) { return name_in(precision); }

Method method_named(const std::string& name) { return named_in<Method>("method", name); }
Task task_named(const std::string& name) { return named_in<Task>("task", name); }
Preprocess preprocess_named(const std::string& name) { return named_in<Preprocess>("preprocess", name); }
Precision precision_named(const std::string& name) { return named_in<Precision>("precision", name); }
Head head_named(const std::string& name) { return named_in<Head>("head", name); }

std::string name(NtkScale scale) { return name_in(scale); }
NtkScale ntk_scale_named(const std::string& name) { return named_in<NtkScale>("ntk-scale", name); }

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

}  // namespace sextant
