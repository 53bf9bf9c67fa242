#include "class_presentation.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "arguments.h"
#include "presentation.h"
#include "sextant/error.h"

namespace sextant::app {
namespace {

constexpr std::size_t most_classes = 20;  // of a table

std::string share_text(double value) { return std::isnan(value) ? "—" : fmt::format("{:.3f}", value + 0.0); }

nlohmann::json share_json(double value) { return std::isnan(value) ? nlohmann::json() : nlohmann::json(value); }

// "balanced", "bad 8, good 1"
std::string weights_by_class(const ClassWeights& weights, const std::vector<std::string>& classes) {
  constexpr std::size_t most = 8;
  if (weights.balanced) return "balanced";
  std::string text;
  for (std::size_t c = 0; c < std::min(most, weights.of.size()); ++c)
    text += fmt::format("{}{} {}", c == 0 ? "" : ", ", classes[c], short_number(weights.of[c]));
  return weights.of.size() > most ? text + ", …" : text;
}

}  // namespace

void print_class_report(const ClassReport& report, const std::vector<std::string>& classes) {
  if (report.classes.empty()) return;
  std::vector<std::size_t> order(report.classes.size());
  std::iota(order.begin(), order.end(), 0);
  const bool all = order.size() <= most_classes;
  if (!all) std::ranges::stable_sort(order, std::ranges::greater(), [&](std::size_t c) { return report.classes[c].n; });
  std::vector<std::vector<std::string>> rows;
  for (const std::size_t c : order) {
    if (rows.size() == most_classes) break;
    const OneClass& each = report.classes[c];
    rows.push_back(
        {classes[c], grouped(each.n), share_text(each.recall), share_text(each.precision), share_text(each.gain)});
  }
  print_table({"class", "rows", "recall", "precision", "gain"}, rows);
  if (!all)
    print_line("", fmt::format("the {} most frequent of {} classes; --json and the report have all", most_classes,
                               grouped(static_cast<Index>(order.size()))));
  print_line("calibration", fmt::format("expected error {} over {}", share_text(report.calibration_error),
                                        count_of(static_cast<Index>(report.bins.size()), "bin") + " of probabilities"));
}

void print_threshold(const ThresholdScore& score, const std::string& class_name) {
  print_line(
      "threshold",
      fmt::format("'{}' from {} on: precision {}   recall {}   F1 {}   balanced accuracy {}   accuracy {}", class_name,
                  short_number(score.threshold), share_text(score.precision), share_text(score.recall),
                  share_text(score.f1), share_text(score.balanced_accuracy), share_text(score.accuracy)));
}

void print_held_out_classes(const Model& model) {
  const Classification& found = *model.classification;
  const std::vector<std::string>& classes = model.encoding.classes;
  if (model.options.class_weights.any())
    print_line("weighted", fmt::format("classes {}: probabilities and what was held out are of the weighted rows",
                                       weights_by_class(model.options.class_weights, classes)));
  print_class_report(found.report, classes);
  if (!found.threshold) return;
  const ThresholdAdvice& advice = *found.threshold;
  const double share = static_cast<double>(advice.of_it) / static_cast<double>(std::max<Index>(1, advice.n));
  if (!(share < rare_share) || advice.of_it == 0) return;
  const std::string& rare = classes[static_cast<std::size_t>(advice.class_at)];
  const auto line = [](const char* what, const ThresholdScore& score) {
    return fmt::format("{:<22} from {:<8} precision {}   recall {}   F1 {}   balanced accuracy {}", what,
                       short_number(score.threshold), share_text(score.precision), share_text(score.recall),
                       share_text(score.f1), share_text(score.balanced_accuracy));
  };
  print_line("rare class", fmt::format("'{}', {} of {} held out; predicted when its probability is at least", rare,
                                       grouped(advice.of_it), count_of(advice.n, "row")));
  print_line("", line("most probable class", advice.most_probable));
  print_line("", line("best F1", advice.f1));
  print_line("", line("best balanced accuracy", advice.balanced));
  print_line("",
             fmt::format("predict --threshold {} takes the one with the best F1", short_number(advice.f1.threshold)));
}

nlohmann::json class_report_json(const ClassReport& report, const std::vector<std::string>& classes) {
  nlohmann::json of_classes = nlohmann::json::array();
  for (std::size_t c = 0; c < report.classes.size(); ++c) {
    const OneClass& each = report.classes[c];
    of_classes.push_back({{"name", classes[c]},
                          {"n", each.n},
                          {"recall", share_json(each.recall)},
                          {"precision", share_json(each.precision)},
                          {"gain", share_json(each.gain)}});
  }
  nlohmann::json bins = nlohmann::json::array();
  for (const ReliabilityBin& bin : report.bins)
    bins.push_back({{"share", bin.share}, {"predicted", bin.predicted}, {"observed", bin.observed}});
  return {{"classes", of_classes}, {"calibration_error", report.calibration_error}, {"reliability", bins}};
}

nlohmann::json threshold_json(const ThresholdScore& score, const std::string& class_name) {
  return {{"class", class_name},
          {"threshold", score.threshold},
          {"precision", share_json(score.precision)},
          {"recall", share_json(score.recall)},
          {"f1", share_json(score.f1)},
          {"balanced_accuracy", share_json(score.balanced_accuracy)},
          {"accuracy", share_json(score.accuracy)}};
}

nlohmann::json threshold_advice_json(const ThresholdAdvice& advice, const std::vector<std::string>& classes) {
  const std::string& name = classes[static_cast<std::size_t>(advice.class_at)];
  return {{"class", name},
          {"rows", advice.n},
          {"class_rows", advice.of_it},
          {"f1", threshold_json(advice.f1, name)},
          {"balanced_accuracy", threshold_json(advice.balanced, name)},
          {"most_probable", threshold_json(advice.most_probable, name)}};
}

void ThresholdArguments::add_to(CLI::App& command) {
  option_ = command
                .add_option("--threshold", threshold_,
                            "Of two classes, predict the rarer one where its probability is at least this, the other "
                            "where it is not (default: the more probable one)")
                ->check(number())
                ->type_name("P");
  command.add_option("--threshold-class", class_name_, "The class that --threshold is about instead of the rarer one")
      ->type_name("CLASS")
      ->needs(option_);
}

Index ThresholdArguments::class_of(const Model& model) const {
  Index at = threshold_class(model);
  if (!class_name_.empty()) {
    const auto& classes = model.encoding.classes;
    const auto found = std::ranges::find(classes, class_name_);
    if (found == classes.end())
      throw InvalidArgument(
          fmt::format("threshold-class: '{}' given, expected '{}' or '{}'", class_name_, classes[0], classes[1]));
    at = found - classes.begin();
  }
  check_threshold(model, threshold_, at);
  return at;
}

}  // namespace sextant::app
