#include "model/predictor_file.h"

#include <fmt/core.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <utility>

#include "sextant/error.h"
#include "sextant/hermite.h"
#include "sextant/options.h"
#include "sextant/product_terms.h"

namespace sextant {
namespace {

using nlohmann::json;

constexpr Index most_product_terms = Index{1} << 20;  // far more than a head could be solved for

// Functions of each kind, for std::visit.
template <class... Functions>
struct Overloaded : Functions... {
  using Functions::operator()...;
};
template <class... Functions>
Overloaded(Functions...) -> Overloaded<Functions...>;

const std::map<KernelKind, std::string> kernel_names = {
    {KernelKind::arc_cosine, "arc-cosine"}, {KernelKind::ntk, "ntk"},         {KernelKind::polynomial, "polynomial"},
    {KernelKind::gaussian, "gaussian"},     {KernelKind::laplace, "laplace"}, {KernelKind::exponential, "exponential"},
    {KernelKind::city_block, "city-block"}};

// Parts of names, so that versions that do not know them refuse the file.
constexpr std::string_view of_shares = "class-shares of ";
constexpr std::string_view with_trend = " with trend";

// ---- writing ----

struct MapWriter {
  TensorList& tensors;
  const std::string& prefix;
  std::map<const SingleMatrix*, std::int64_t>& kept;  // rows that were written, and their number
  bool lifted;

  json operator()(const ReluNetwork& network) const {
    tensors.add(prefix + "W", network.W);
    tensors.add(prefix + "b", network.b);
    return {{"kind", "relu-network"}, {"mirrored", network.mirrored}};
  }
  json operator()(const LinearisedNetwork& network) const {
    tensors.add(prefix + "W", network.W);
    tensors.add(prefix + "b", network.b);
    tensors.add(prefix + "signs", network.a);
    return {{"kind", "linearised-network"},
            {"blocks", name(network.blocks)},
            {"unit-scale", network.unit_scale},
            {"gradient-scale", network.gradient_scale}};
  }
  json operator()(const KernelSections& sections) const {
    const Kernel& kernel = sections.kernel;
    json entry = {{"kind", "kernel-sections"},   {"kernel", kernel_names.at(kernel.kind)},
                  {"bias", kernel.bias},         {"blocks", name(kernel.blocks)},
                  {"degree", kernel.degree},     {"bandwidth", kernel.bandwidth},
                  {"exponent", kernel.exponent}, {"landmarks", sections.landmarks}};
    if (kernel.trend > 0) {
      entry["kernel"] = kernel_names.at(kernel.kind) + std::string(with_trend);
      entry["trend"] = kernel.trend;
    }
    if (sections.S.size() > 0) tensors.add_narrowed(prefix + "S", sections.S);
    if (!lifted || sections.before_lift == nullptr) {
      tensors.add(prefix + "centres", sections.centres);
      return entry;
    }
    // Kernels of one search often have the same centres.
    std::string before_lift = tensors.holds(*sections.before_lift);
    if (before_lift.empty()) {
      before_lift = prefix + "before_lift";
      tensors.add(before_lift, *sections.before_lift);
    }
    entry["centres"] = before_lift;
    return entry;
  }
  json operator()(const HermiteFeatures& hermite) const {
    tensors.add(prefix + "U", hermite.U);
    tensors.add(prefix + "c", hermite.c);
    tensors.add(prefix + "low", hermite.low);
    tensors.add(prefix + "high", hermite.high);
    return {{"kind", "hermite-features"}, {"degree", hermite.degree}};
  }
  json operator()(const LeafMachine& machine) const {
    const auto [at, is_new] = kept.emplace(machine.rows.get(), static_cast<std::int64_t>(kept.size()));
    if (is_new) tensors.add(fmt::format("rows.{}", at->second), *machine.rows);
    tensors.add(prefix + "S", machine.S);
    tensors.add(prefix + "directions", machine.directions);
    tensors.add(prefix + "thresholds", machine.thresholds);
    tensors.add(prefix + "members", machine.members);
    std::vector<std::int32_t> first;
    for (const Index each : machine.first) first.push_back(static_cast<std::int32_t>(each));
    tensors.keep(prefix + "first", std::move(first));
    if (!machine.local.empty()) {
      std::vector<std::int32_t> local_first = {0};
      for (const Matrix& T : machine.local)
        local_first.push_back(local_first.back() + static_cast<std::int32_t>(T.rows()));
      Matrix all(local_first.back(), machine.S.rows());
      for (std::size_t leaf = 0; leaf < machine.local.size(); ++leaf)
        all.middleRows(local_first[leaf], machine.local[leaf].rows()) = machine.local[leaf];
      tensors.keep(prefix + "local_first", std::move(local_first));
      tensors.keep(prefix + "local", std::move(all));
    }
    return {{"kind", "leaf-machine"},
            {"rows", at->second},
            {"bandwidth", machine.kernel.bandwidth},
            {"exponent", machine.kernel.exponent}};
  }
};

// ---- reading ----

// The number of units, from the shape of their biases.
Index units_of(const TensorReader& tensors, const std::string& prefix, bool mirrored) {
  const auto shape = tensors.shape(prefix + "b");
  if (shape.size() != 1 || shape[0] < 1 || (mirrored && shape[0] % 2 != 0))
    throw DataError(fmt::format("tensor '{}b' has a shape that no network has", prefix));
  return shape[0];
}

ReluNetwork relu_network_from(const TensorReader& tensors, const std::string& prefix, const json& entry, Index d) {
  ReluNetwork network;
  network.mirrored = entry.at("mirrored").get<bool>();
  const Index m = units_of(tensors, prefix, network.mirrored);
  network.b = tensors.vector(prefix + "b", m);
  network.W = tensors.matrix(prefix + "W", network.mirrored ? m / 2 : m, d);
  return network;
}

LinearisedNetwork linearised_network_from(const TensorReader& tensors, const std::string& prefix, const json& entry,
                                          Index d) {
  LinearisedNetwork network;
  const Index m = units_of(tensors, prefix, false);
  network.b = tensors.vector(prefix + "b", m);
  network.a = tensors.vector(prefix + "signs", m);
  network.W = tensors.matrix(prefix + "W", m, d);
  network.blocks = ntk_blocks_named(entry.at("blocks"));
  entry.at("unit-scale").get_to(network.unit_scale);
  entry.at("gradient-scale").get_to(network.gradient_scale);
  return network;
}

KernelSections kernel_sections_from(const TensorReader& tensors, const std::string& prefix, const json& entry, Index d,
                                    const std::optional<Lift>& lift) {
  KernelSections sections;
  auto kind = entry.at("kernel").get<std::string>();
  if (kind.ends_with(with_trend)) {
    kind.resize(kind.size() - with_trend.size());
    entry.at("trend").get_to(sections.kernel.trend);
  }
  const auto known =
      std::find_if(kernel_names.begin(), kernel_names.end(), [&](const auto& named) { return named.second == kind; });
  if (known == kernel_names.end()) throw DataError(fmt::format("kernel '{}' is not known", kind));
  sections.kernel.kind = known->first;
  entry.at("bias").get_to(sections.kernel.bias);
  sections.kernel.blocks = ntk_blocks_named(entry.at("blocks"));
  entry.at("degree").get_to(sections.kernel.degree);
  entry.at("bandwidth").get_to(sections.kernel.bandwidth);
  sections.kernel.exponent = entry.value("exponent", sections.kernel.exponent);  // absent in older files
  sections.landmarks = entry.value("landmarks", false);
  if (!(sections.kernel.bandwidth > 0) || sections.kernel.degree < 1 || !(sections.kernel.bias >= 0) ||
      !(sections.kernel.exponent > 0 && sections.kernel.exponent <= 2) || !(sections.kernel.trend >= 0) ||
      std::isinf(sections.kernel.trend))
    throw DataError("its kernel has a parameter out of its range");
  const bool before_lift = entry.contains("centres");  // absent in older files
  if (before_lift && !lift) throw DataError(fmt::format("predictor '{}' has centres of a lift and none", prefix));
  const std::string name = before_lift ? entry.at("centres").get<std::string>() : prefix + "centres";
  const auto shape = tensors.shape(name);
  if (shape.size() != 2 || shape[0] < 1)
    throw DataError(fmt::format("tensor '{}' has a shape that no kernel has", name));
  if (tensors.has(prefix + "S")) {
    const auto coordinates = tensors.shape(prefix + "S");
    sections.S =
        tensors.widened_matrix(prefix + "S", before_lift && !coordinates.empty() ? coordinates[0] : shape[1], d);
  }
  if (!before_lift) {
    sections.centres = tensors.matrix(name, shape[0], sections.S.size() > 0 ? shape[1] : d);
    return sections;
  }
  sections.before_lift = std::make_shared<const Matrix>(tensors.matrix(name, shape[0], lift->inputs()));
  Matrix lifted;
  lift->apply(*sections.before_lift, lifted);
  sections.centres = sections.coordinates(lifted);
  return sections;
}

HermiteFeatures hermite_features_from(const TensorReader& tensors, const std::string& prefix, const json& entry,
                                      Index d) {
  HermiteFeatures hermite;
  entry.at("degree").get_to(hermite.degree);
  const auto shape = tensors.shape(prefix + "c");
  if (shape.size() != 1 || shape[0] < 1 || hermite.degree < 0 || hermite.degree > max_hermite_degree ||
      product_term_count(shape[0], hermite.degree) > most_product_terms)
    throw DataError(fmt::format("predictor '{}' has more directions or degrees than any model", prefix));
  const Index r = shape[0];
  hermite.U = tensors.matrix(prefix + "U", r, d);
  hermite.c = tensors.vector(prefix + "c", r);
  hermite.low = tensors.vector(prefix + "low", r);
  hermite.high = tensors.vector(prefix + "high", r);
  if ((hermite.low.array() > hermite.high.array()).any())
    throw DataError(fmt::format("tensor '{}low' is above '{}high'", prefix, prefix));
  return hermite;
}

// Strictly ascending values of an input, as knots are.
Vector knots_from(const TensorReader& tensors, const std::string& name) {
  const auto shape = tensors.shape(name);
  if (shape.size() != 1 || shape[0] < 2)
    throw DataError(fmt::format("tensor '{}' has a shape that no knots have", name));
  Vector t = tensors.vector(name, shape[0]);
  for (Index i = 0; i + 1 < t.size(); ++i)
    if (!(t[i] < t[i + 1])) throw DataError(fmt::format("tensor '{}' does not ascend", name));
  return t;
}

Lift lift_from(const TensorReader& tensors, const std::string& prefix, Index d) {
  Lift lift;
  for (Index j = 0; j < d; ++j) lift.knots.push_back(knots_from(tensors, fmt::format("{}knots.{}", prefix, j)));
  return lift;
}

Warp warp_from(const TensorReader& tensors, const std::string& prefix, WarpKind kind, Index d) {
  Warp warp{kind, {}, {}, tensors.vector(prefix + "warp_mean", d), tensors.vector(prefix + "warp_scale", d)};
  if (kind == WarpKind::none || !(warp.scale.array() > 0).all())
    throw DataError(fmt::format("predictor '{}' has a warp that is none", prefix));
  for (Index j = 0; j < d; ++j) {
    warp.knots.push_back(knots_from(tensors, fmt::format("{}knots.{}", prefix, j)));
    const Index count = warp.knots.back().size();
    if (kind == WarpKind::normal_scores || kind == WarpKind::slopes)
      warp.scores.push_back(tensors.vector(fmt::format("{}scores.{}", prefix, j), count));
    else if (count != 2)
      throw DataError(fmt::format("tensor '{}knots.{}' has a shape that no soft clip has", prefix, j));
  }
  return warp;
}

// Rows that several machines share, by number.
using KeptRows = std::map<std::int64_t, std::shared_ptr<const SingleMatrix>>;

LeafMachine leaf_machine_from(const TensorReader& tensors, const std::string& prefix, const json& entry, Index d,
                              KeptRows& kept) {
  LeafMachine machine;
  machine.kernel.kind = KernelKind::exponential;
  entry.at("bandwidth").get_to(machine.kernel.bandwidth);
  entry.at("exponent").get_to(machine.kernel.exponent);
  if (!(machine.kernel.bandwidth > 0) || std::isinf(machine.kernel.bandwidth) ||
      !(machine.kernel.exponent > 0 && machine.kernel.exponent <= 2))
    throw DataError("its kernel has a parameter out of its range");
  const auto number = entry.at("rows").get<std::int64_t>();
  auto& rows = kept[number];
  if (rows == nullptr) {
    const std::string name = fmt::format("rows.{}", number);
    const auto shape = tensors.shape(name);
    if (shape.size() != 2 || shape[0] < 1 || shape[1] < 1)
      throw DataError(fmt::format("tensor '{}' has a shape that no rows have", name));
    rows = std::make_shared<const SingleMatrix>(tensors.single_matrix(name, shape[0], shape[1]));
  }
  machine.rows = rows;
  const Index q = rows->cols();
  machine.S = tensors.matrix(prefix + "S", q, d);
  const auto nodes = tensors.shape(prefix + "thresholds");
  const auto unfit = [&](const char* what) {
    return DataError(fmt::format("predictor '{}' has {} that no leaf machine has", prefix, what));
  };
  if (nodes.size() != 1 || nodes[0] < 0 || !std::has_single_bit(static_cast<std::uint64_t>(nodes[0]) + 1))
    throw unfit("a tree");
  machine.thresholds = tensors.vector(prefix + "thresholds", nodes[0]);
  machine.directions = tensors.matrix(prefix + "directions", nodes[0], q);
  const auto width = tensors.shape(prefix + "members");
  if (width.size() != 1 || width[0] < 1) throw unfit("leaves");
  machine.members = tensors.integers(prefix + "members", width[0]);
  for (const std::int32_t member : machine.members)
    if (member < 0 || member >= rows->rows()) throw unfit("rows");
  machine.first.clear();
  for (const std::int32_t first : tensors.integers(prefix + "first", nodes[0] + 2)) machine.first.push_back(first);
  if (machine.first.front() != 0 || machine.first.back() != width[0] ||
      std::adjacent_find(machine.first.begin(), machine.first.end(), std::greater_equal<>()) != machine.first.end())
    throw unfit("leaves");
  if (!tensors.has(prefix + "local_first")) return machine;
  const std::vector<std::int32_t> first = tensors.integers(prefix + "local_first", nodes[0] + 2);
  if (first.front() != 0 || std::adjacent_find(first.begin(), first.end(), std::greater_equal<>()) != first.end())
    throw unfit("local coordinates");
  const Matrix all = tensors.matrix(prefix + "local", first.back(), q);
  for (std::size_t leaf = 0; leaf + 1 < first.size(); ++leaf)
    machine.local.emplace_back(all.middleRows(first[leaf], first[leaf + 1] - first[leaf]));
  return machine;
}

// d: inputs of the map, after the lift if there is one.
FeatureMap map_from(const TensorReader& tensors, const std::string& prefix, const json& entry, Index d,
                    const std::optional<Lift>& lift, KeptRows& rows) {
  const auto kind = entry.at("kind").get<std::string>();
  if (kind == "relu-network") return relu_network_from(tensors, prefix, entry, d);
  if (kind == "linearised-network") return linearised_network_from(tensors, prefix, entry, d);
  if (kind == "kernel-sections") return kernel_sections_from(tensors, prefix, entry, d, lift);
  if (kind == "hermite-features") return hermite_features_from(tensors, prefix, entry, d);
  if (kind == "leaf-machine") return leaf_machine_from(tensors, prefix, entry, d, rows);
  throw DataError(
      fmt::format("{} is a '{}', which this version does not know", prefix.substr(0, prefix.size() - 1), kind));
}

}  // namespace

json write_predictors(const std::vector<Predictor>& predictors, TensorList& tensors) {
  json entries = json::array();
  std::map<const SingleMatrix*, std::int64_t> kept;
  for (std::size_t p = 0; p < predictors.size(); ++p) {
    const Predictor& predictor = predictors[p];
    const std::string prefix = fmt::format("predictor.{}.", p);
    tensors.add(prefix + "a", predictor.a);
    if (predictor.low.size() > 0) {
      tensors.add(prefix + "output_low", predictor.low);
      tensors.add(prefix + "output_high", predictor.high);
    }
    if (predictor.shares) {
      tensors.add(prefix + "class_bias", predictor.shares->bias);
      tensors.add(prefix + "class_scale", predictor.shares->scale);
    }
    json entry = std::visit(MapWriter{tensors, prefix, kept, predictor.lift.has_value()}, predictor.map);
    entry["weight"] = predictor.weight;
    if (predictor.shares) entry["kind"] = std::string(of_shares) + entry.at("kind").get<std::string>();
    const auto add_all = [&](const char* what, const std::vector<Vector>& of_inputs) {
      for (std::size_t j = 0; j < of_inputs.size(); ++j)
        tensors.add(fmt::format("{}{}.{}", prefix, what, j), of_inputs[j]);
    };
    if (predictor.lift) {
      entry["lifted"] = true;
      add_all("knots", predictor.lift->knots);
    }
    if (predictor.warp) {
      entry["warp"] = name(predictor.warp->kind);
      add_all("knots", predictor.warp->knots);
      add_all("scores", predictor.warp->scores);
      tensors.add(prefix + "warp_mean", predictor.warp->mean);
      tensors.add(prefix + "warp_scale", predictor.warp->scale);
    }
    entries.push_back(std::move(entry));
  }
  return entries;
}

std::vector<Predictor> read_predictors(const json& entries, const TensorReader& tensors, Index d, Index k) {
  std::vector<Predictor> predictors;
  KeptRows kept;
  for (std::size_t p = 0; p < entries.size(); ++p) {
    const std::string prefix = fmt::format("predictor.{}.", p);
    json entry = entries[p];
    auto kind = entry.at("kind").get<std::string>();
    const bool shares = kind.starts_with(of_shares);
    if (shares) entry["kind"] = kind.substr(of_shares.size());
    Predictor predictor;
    predictor.weight = entry.at("weight").get<double>();
    if (entry.value("lifted", false)) predictor.lift = lift_from(tensors, prefix, d);
    if (entry.contains("warp")) {
      if (predictor.lift) throw DataError(fmt::format("predictor '{}' is lifted and warped", prefix));
      predictor.warp = warp_from(tensors, prefix, warp_kind_named(entry.at("warp")), d);
    }
    predictor.map =
        map_from(tensors, prefix, entry, predictor.lift ? predictor.lift->coordinates() : d, predictor.lift, kept);
    predictor.a = tensors.matrix(prefix + "a", width(predictor.map), k);
    tensors.limits(prefix + "output", k, predictor.low, predictor.high);
    if (shares) {
      if (predictor.low.size() > 0) throw DataError(fmt::format("predictor '{}' has limits and shares", prefix));
      predictor.shares = {tensors.vector(prefix + "class_bias", k), tensors.vector(prefix + "class_scale", k)};
    }
    predictors.push_back(std::move(predictor));
  }
  return predictors;
}

}  // namespace sextant
