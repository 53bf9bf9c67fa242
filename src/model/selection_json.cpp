#include "model/selection_json.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "model/json_values.h"
#include "sextant/feature_map.h"
#include "sextant/product_terms.h"

namespace sextant {
namespace {

// ---- recipes ----

json to_json(const KernelSettings& kernel) {
  return {
      {"exponent", kernel.shape.exponent}, {"bandwidth", kernel.shape.bandwidth},
      {"trend", kernel.shape.trend},       {"norm", kernel.shape.norm == Norm::city_block ? "city-block" : "euclidean"},
      {"lambda", numbers(kernel.lambda)},  {"centres", kernel.centres}};
}

constexpr std::array<std::string_view, 11> wide_ways = {"lasso",       "elastic-net", "pls",      "kernel",
                                                        "span-kernel", "ridge-link",  "pls-link", "few-ridge",
                                                        "few-kernel",  "few-turned",  "few-index"};
constexpr std::array<std::string_view, 3> chosen_by = {"lasso", "forward", "pair"};

template <std::size_t Count>
std::size_t place_of(const std::array<std::string_view, Count>& names, const std::string& name) {
  const auto found = std::ranges::find(names, name);
  if (found == names.end())
    throw DataError(fmt::format("its recipe names '{}', which this version does not know", name));
  return static_cast<std::size_t>(found - names.begin());
}

struct RecipeWriter {
  json operator()(const KeptRecipe&) const { return {{"kind", "kept"}}; }
  json operator()(const LinearRecipe&) const { return {{"kind", "linear"}}; }
  json operator()(const RandomFeaturesRecipe& recipe) const {
    return {{"kind", "random-features"}, {"lambda", numbers(recipe.lambda)}};
  }
  json operator()(const NetworkRecipe& recipe) const {
    json lambda = json::array();
    for (const Vector& of_round : recipe.lambda) lambda.push_back(numbers(of_round));
    return {{"kind", "network"}, {"lifted", recipe.lifted}, {"lambda", lambda}};
  }
  json operator()(const KernelRecipe& recipe) const {
    json rounds = json::array();
    for (const KernelSettings& round : recipe.rounds) rounds.push_back(to_json(round));
    return {{"kind", "kernel"}, {"lifted", recipe.lifted}, {"rounds", rounds}};
  }
  json operator()(const AxisRecipe& recipe) const {
    json rounds = json::array();
    for (const KernelSettings& round : recipe.rounds) rounds.push_back(to_json(round));
    return {{"kind", "axes"}, {"ranks", recipe.ranks}, {"power", recipe.power}, {"rounds", rounds}};
  }
  json operator()(const LinkRecipe& recipe) const {
    json entry = {{"kind", "link"},        {"rank", recipe.rank},     {"degree", recipe.degree},
                  {"ridge", recipe.ridge}, {"linear", recipe.linear}, {"directions", rows_of(recipe.U)}};
    if (recipe.kernel) entry["kernel"] = to_json(*recipe.kernel);
    return entry;
  }
  json operator()(const WideRecipe& recipe) const {
    return {{"kind", "wide"},
            {"way", wide_ways[static_cast<std::size_t>(recipe.way)]},
            {"by", chosen_by[static_cast<std::size_t>(recipe.by)]},
            {"size", recipe.size},
            {"relative", numbers(recipe.relative)}};
  }
  json operator()(const LeafRecipe& recipe) const {
    return {{"kind", "leaves"},
            {"warp", name(recipe.warp)},
            {"exponent", recipe.exponent},
            {"bandwidth", recipe.bandwidth},
            {"lambda", recipe.lambda},
            {"coordinates", rows_of(recipe.S)},
            {"power", recipe.power},
            {"diagonal", recipe.diagonal},
            {"rounds", recipe.rounds},
            {"partitions", recipe.partitions},
            {"leaf-rows", recipe.leaf_rows},
            {"local-rounds", recipe.local_rounds},
            {"centres", recipe.centres},
            {"centre-lambda", numbers(recipe.centre_lambda)},
            {"rows", recipe.rows}};
  }
  json operator()(const LogisticRecipe& recipe) const {
    return {{"kind", "logistic"}, {"lambda", recipe.lambda}, {"features", std::visit(*this, recipe.features)}};
  }
};

Norm norm_named(const std::string& name) {
  if (name == "euclidean") return Norm::euclidean;
  if (name == "city-block") return Norm::city_block;
  throw DataError(fmt::format("its recipe names the norm '{}', which this version does not know", name));
}

// A file's numbers are checked before anything is sized or learned by them.
class RecipeReader {
 public:
  RecipeReader(Index k, Index d) : k_(k), d_(d) {}

  [[nodiscard]] Recipe read(const json& entry) const {
    const auto kind = entry.at("kind").get<std::string>();
    if (kind == "kept") return KeptRecipe{};
    if (kind == "linear") return LinearRecipe{};
    if (kind == "random-features") return RandomFeaturesRecipe{lambda(entry.at("lambda"))};
    if (kind == "network") {
      NetworkRecipe recipe{entry.at("lifted").get<bool>(), {}};
      for (const json& of_round : entry.at("lambda")) recipe.lambda.push_back(lambda(of_round));
      if (recipe.lambda.empty()) throw DataError("its recipe of a network has no round");
      return recipe;
    }
    if (kind == "kernel") {
      KernelRecipe recipe{entry.at("lifted").get<bool>(), {}};
      for (const json& round : entry.at("rounds")) recipe.rounds.push_back(kernel(round));
      if (recipe.rounds.empty()) throw DataError("its recipe of a kernel has no round");
      return recipe;
    }
    if (kind == "axes") return axes(entry);
    if (kind == "link") return link(entry);
    if (kind == "leaves") return leaves(entry);
    if (kind == "logistic") return logistic(entry);
    if (kind == "wide") return wide(entry);
    throw DataError(fmt::format("its recipe is of kind '{}', which this version does not know", kind));
  }

 private:
  [[nodiscard]] Vector lambda(const json& list) const {
    Vector values = vector(list);
    if (values.size() != k_) throw DataError("a recipe of it has another number of targets");
    if (!(values.array() >= 0).all()) throw DataError("a recipe of it has a λ below 0");
    return values;
  }

  [[nodiscard]] KernelSettings kernel(const json& entry) const {
    const KernelShape shape{entry.at("exponent").get<double>(), entry.at("bandwidth").get<double>(),
                            entry.value("trend", 0.0),  // absent in older files
                            norm_named(entry.value("norm", "euclidean"))};
    const KernelSettings settings{shape, lambda(entry.at("lambda")), entry.at("centres").get<Index>()};
    if (!(shape.exponent > 0 && shape.exponent <= 2) || !(shape.bandwidth > 0) || std::isinf(shape.bandwidth) ||
        !(shape.trend >= 0) || std::isinf(shape.trend) || settings.centres < 1)
      throw DataError("a recipe of it has a kernel whose exponent, bandwidth, trend or centres are out of range");
    return settings;
  }

  [[nodiscard]] AxisRecipe axes(const json& entry) const {
    AxisRecipe recipe{entry.at("ranks").get<bool>(), entry.at("power").get<std::vector<double>>(), {}};
    for (const json& round : entry.at("rounds")) recipe.rounds.push_back(kernel(round));
    if (recipe.rounds.empty() || recipe.power.size() + 1 != recipe.rounds.size())
      throw DataError("its recipe of kernels along the axes has another number of rounds than of powers");
    for (const double power : recipe.power)
      if (!(power > 0) || std::isinf(power))
        throw DataError("its recipe of kernels along the axes has a power below 0");
    for (const KernelSettings& round : recipe.rounds)
      if (round.shape.norm != Norm::city_block)
        throw DataError("its recipe of kernels along the axes has a kernel of another norm");
    return recipe;
  }

  [[nodiscard]] LinkRecipe link(const json& entry) const {
    LinkRecipe recipe{entry.at("rank").get<Index>(),
                      entry.at("degree").get<int>(),
                      entry.at("ridge").get<double>(),
                      entry.at("linear").get<bool>(),
                      matrix_of(entry.at("directions"), "recipe"),
                      {}};
    if (recipe.rank < 1 || recipe.U.rows() != recipe.rank || recipe.U.cols() != d_ || !recipe.U.allFinite())
      throw DataError("its recipe of a link has directions of another shape");
    if (recipe.degree < 1 || product_term_count(recipe.rank, recipe.degree) > 1 << 20 || !(recipe.ridge >= 0))
      throw DataError("its recipe of a link has a degree or a ridge that is out of range");
    if (entry.contains("kernel")) recipe.kernel = kernel(entry.at("kernel"));
    return recipe;
  }

  [[nodiscard]] WideRecipe wide(const json& entry) const {
    WideRecipe recipe;
    recipe.way = static_cast<WideWay>(place_of(wide_ways, entry.at("way").get<std::string>()));
    recipe.by = static_cast<ChosenBy>(place_of(chosen_by, entry.at("by").get<std::string>()));
    entry.at("size").get_to(recipe.size);
    recipe.relative = vector(entry.at("relative"));
    const bool penalised = recipe.way == WideWay::lasso || recipe.way == WideWay::elastic_net;
    const bool sized =
        recipe.way == WideWay::pls || recipe.way == WideWay::pls_link || recipe.way >= WideWay::few_ridge;
    if (recipe.relative.size() != (penalised ? k_ : 0) || static_cast<Index>(recipe.size.size()) != (sized ? k_ : 0))
      throw DataError("a recipe of it has another number of targets");
    for (const Index size : recipe.size)
      if (size < 1 || size > 1000) throw DataError("a recipe of it has a number of inputs that is out of range");
    if (!(recipe.relative.array() > 0).all() || !(recipe.relative.array() <= 1).all())
      throw DataError("a recipe of it has a penalty that is out of range");
    return recipe;
  }

  [[nodiscard]] LeafRecipe leaves(const json& entry) const {
    LeafRecipe recipe;
    recipe.warp = warp_kind_named(entry.at("warp"));
    entry.at("exponent").get_to(recipe.exponent);
    entry.at("bandwidth").get_to(recipe.bandwidth);
    entry.at("lambda").get_to(recipe.lambda);
    recipe.S = matrix_of(entry.at("coordinates"), "recipe");
    recipe.power = entry.value("power", recipe.power);  // absent in older files
    recipe.diagonal = entry.value("diagonal", recipe.diagonal);
    recipe.rounds = entry.value("rounds", recipe.rounds);
    entry.at("partitions").get_to(recipe.partitions);
    entry.at("leaf-rows").get_to(recipe.leaf_rows);
    entry.at("local-rounds").get_to(recipe.local_rounds);
    entry.at("centres").get_to(recipe.centres);
    recipe.centre_lambda = recipe.centres > 0 ? lambda(entry.at("centre-lambda")) : Vector();
    recipe.rows = entry.value("rows", recipe.rows);  // absent in older files
    const auto positive = [](double value) { return value > 0 && std::isfinite(value); };
    if (!positive(recipe.exponent) || recipe.exponent > 2 || !positive(recipe.bandwidth) || !positive(recipe.lambda) ||
        !positive(recipe.power) || recipe.rounds < 0 || recipe.rounds > 1000 || recipe.partitions < 1 ||
        recipe.partitions > 1000 || recipe.leaf_rows < 2 || recipe.leaf_rows > 100'000 || recipe.local_rounds < 0 ||
        recipe.local_rounds > 100 || recipe.centres < 0 || recipe.centres > 100'000 || recipe.rows < 0)
      throw DataError("its recipe of leaf machines has a number out of its range");
    if (recipe.warp == WarpKind::slopes)
      throw DataError("its recipe of leaf machines has a warp that rows alone do not teach");
    if (recipe.S.rows() < 1 || recipe.S.cols() != d_ || !recipe.S.allFinite())
      throw DataError("its recipe of leaf machines has coordinates of another shape");
    return recipe;
  }

  [[nodiscard]] LogisticRecipe logistic(const json& entry) const {
    LogisticRecipe recipe;
    entry.at("lambda").get_to(recipe.lambda);
    if (!(recipe.lambda > 0) || std::isinf(recipe.lambda)) throw DataError("a recipe of it has a λ out of its range");
    Recipe features = read(entry.at("features"));
    if (auto* kernel = std::get_if<KernelRecipe>(&features))
      recipe.features = std::move(*kernel);
    else if (auto* link = std::get_if<LinkRecipe>(&features))
      recipe.features = std::move(*link);
    else if (auto* along = std::get_if<AxisRecipe>(&features))
      recipe.features = std::move(*along);
    else
      throw DataError("its recipe of a logistic head has no features that such a head takes");
    return recipe;
  }

  Index k_;
  Index d_;
};

}  // namespace

json to_json(const Selection& selection) {
  json candidates = json::array();
  for (const CandidateReport& report : selection.candidates) {
    json trace = json::array();
    for (const StageRound& round : report.trace) {
      json entry = {{"stage", round.stage}, {"round", round.round}, {"error", number(round.error)}};
      entry["spectrum"] = numbers(round.spectrum);
      if (std::isfinite(round.angle)) entry["angle"] = round.angle;
      if (std::isfinite(round.standard_error)) entry["standard-error"] = round.standard_error;
      trace.push_back(std::move(entry));
    }
    candidates.push_back({{"name", report.name},
                          {"settings", report.settings},
                          {"recipe", std::visit(RecipeWriter{}, report.recipe)},
                          {"rank", report.rank},
                          {"error", numbers(report.error)},
                          {"weight", numbers(report.weight)},
                          {"cost", report.cost},
                          {"rows", report.rows},
                          {"trace", trace}});
    if (report.standard_error.size() > 0) candidates.back()["standard-error"] = numbers(report.standard_error);
    if (!report.failed.empty()) candidates.back()["failed"] = report.failed;
    if (!report.dropped.empty()) candidates.back()["dropped"] = report.dropped;
  }
  json left_out = json::array();
  for (const NotTried& each : selection.left_out) left_out.push_back({{"name", each.name}, {"why", each.why}});
  json path = json::array();
  for (const SearchStep& step : selection.path)
    path.push_back({{"name", step.name}, {"cost", step.cost}, {"spent", step.spent}, {"error", number(step.error)}});
  return {{"candidates", candidates},
          {"skipped", selection.skipped},
          {"left-out", left_out},
          {"path", path},
          {"nothing-found", selection.nothing_found}};
}

Selection selection_from(const json& entry, Index k, Index d) {
  const RecipeReader recipes(k, d);
  Selection selection;
  for (const json& candidate : entry.at("candidates")) {
    CandidateReport report;
    candidate.at("name").get_to(report.name);
    candidate.at("settings").get_to(report.settings);
    if (candidate.contains("recipe")) report.recipe = recipes.read(candidate.at("recipe"));
    candidate.at("rank").get_to(report.rank);
    report.error = vector(candidate.at("error"));
    report.weight = vector(candidate.at("weight"));
    candidate.at("cost").get_to(report.cost);
    report.rows = candidate.value("rows", Index{0});  // absent in older files
    report.failed = candidate.value("failed", "");
    report.dropped = candidate.value("dropped", "");
    if (candidate.contains("standard-error")) report.standard_error = vector(candidate.at("standard-error"));
    const bool known = report.standard_error.size() > 0;
    if ((known && report.standard_error.size() != k) || report.error.size() != k || report.weight.size() != k)
      throw DataError("its list of what was tried has another number of targets");
    for (const json& each : candidate.at("trace")) {
      StageRound& round = report.trace.emplace_back();
      each.at("stage").get_to(round.stage);
      each.at("round").get_to(round.round);
      round.error = number(each.at("error"));
      round.spectrum = vector(each.at("spectrum"));
      round.angle = each.value("angle", std::numeric_limits<double>::quiet_NaN());
      round.standard_error = each.value("standard-error", std::numeric_limits<double>::quiet_NaN());
    }
    selection.candidates.push_back(std::move(report));
  }
  entry.at("skipped").get_to(selection.skipped);
  for (const json& each : entry.value("left-out", json::array()))  // absent in older files
    selection.left_out.push_back({each.at("name").get<std::string>(), each.at("why").get<std::string>()});
  for (const json& each : entry.value("path", json::array()))
    selection.path.push_back({each.at("name").get<std::string>(), each.at("cost").get<double>(),
                              each.at("spent").get<double>(), number(each.at("error"))});
  entry.at("nothing-found").get_to(selection.nothing_found);
  return selection;
}

}  // namespace sextant
