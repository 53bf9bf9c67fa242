#include "class_section.h"

#include <fmt/core.h>

#include <cmath>
#include <utility>
#include <vector>

#include "presentation.h"

namespace sextant::app {
namespace {

constexpr std::size_t most_open_rows = 40;  // of a table that needs no click

nlohmann::json value(double share) { return std::isnan(share) ? nlohmann::json() : nlohmann::json(share); }

void add_reliability(Section& section, const ClassReport& report, const std::vector<std::string>& classes) {
  nlohmann::json points = nlohmann::json::array();
  std::vector<nlohmann::json> rows;
  for (const ReliabilityBin& bin : report.bins) {
    points.push_back({bin.predicted, bin.observed});
    rows.push_back({bin.share, bin.predicted, bin.observed});
  }
  const std::string what = classes.size() == 2 ? fmt::format("probability of {}", classes[1])
                                               : std::string("probability of the most probable class");
  section.blocks.push_back(page_grid({page_chart(
      {"reliability", "Reliability",
       fmt::format("Held-out rows in {} of about equally many: on the dashed line, what is said to be so likely comes "
                   "true so often.",
                   count_of(static_cast<Index>(report.bins.size()), "bin")),
       fmt::format("Points of the share that came true against the {}; expected calibration error {:.3f}.", what,
                   report.calibration_error)},
      "scatter",
      {{"x", page_axis(what)}, {"y", page_axis("share that came true")}, {"points", points}, {"line", "diagonal"}})}));
  section.blocks.push_back(page_table("Reliability", {{"share of the rows"}, {"predicted"}, {"came true"}}, rows,
                                      "The reliability diagram as a table"));
}

void add_classes(Section& section, const ClassReport& report, const std::vector<std::string>& classes) {
  std::vector<nlohmann::json> rows;
  for (std::size_t c = 0; c < report.classes.size(); ++c) {
    const OneClass& each = report.classes[c];
    rows.push_back({classes[c], each.n, value(each.recall), value(each.precision), value(each.gain)});
  }
  section.blocks.push_back(page_heading("Class by class"));
  section.blocks.push_back(
      page_text("The gain is 1 − the log-loss of the class against all others, over that of its frequency: 1 where it "
                "is always known, 0 where nothing was learned of it."));
  section.blocks.push_back(page_table(
      "Held-out rows, class by class",
      {{"class", ColumnFormat::text}, {"rows"}, {"recall"}, {"precision"}, {"gain in log-loss"}}, rows,
      rows.size() > most_open_rows ? fmt::format("All {} classes", grouped(static_cast<Index>(rows.size()))) : ""));
}

void add_thresholds(Section& section, const ThresholdAdvice& advice, const std::vector<std::string>& classes) {
  const std::string& rare = classes[static_cast<std::size_t>(advice.class_at)];
  std::vector<nlohmann::json> rows;
  for (const auto& [name, score] :
       {std::pair{"the most probable class", advice.most_probable}, std::pair{"the best F1", advice.f1},
        std::pair{"the best balanced accuracy", advice.balanced}})
    rows.push_back({name, score.threshold, value(score.precision), value(score.recall), value(score.f1),
                    value(score.balanced_accuracy)});
  section.blocks.push_back(page_heading(fmt::format("From which probability on to predict {}", rare)));
  section.blocks.push_back(
      page_text(fmt::format("{} of {} held out are of it. What is best on few rows is so by chance in part.",
                            grouped(advice.of_it), count_of(advice.n, "row"))));
  section.blocks.push_back(page_table("Thresholds",
                                      {{"for", ColumnFormat::text},
                                       {"probability of at least"},
                                       {"precision"},
                                       {"recall"},
                                       {"F1"},
                                       {"balanced accuracy"}},
                                      rows));
}

}  // namespace

Section classes_section(const Model& model, const std::string& rows) {
  const Classification& found = *model.classification;
  const std::vector<std::string>& classes = model.encoding.classes;
  Section section = {
      "Classes",
      {page_text(fmt::format(
          "On {}: accuracy {:.4f} (most frequent class {:.4f}), log-loss {} (frequencies {}), expected calibration "
          "error {:.3f}.{}",
          rows, found.held_out.accuracy, found.majority.accuracy, short_number(found.held_out.log_loss),
          short_number(found.majority.log_loss), found.report.calibration_error,
          found.weights.size() > 0 ? " Rows are weighted by their classes, and so are probabilities." : ""))}};
  if (found.report.classes.empty()) return section;  // a file of an earlier version
  add_reliability(section, found.report, classes);
  add_classes(section, found.report, classes);
  if (found.threshold) add_thresholds(section, *found.threshold, classes);
  return section;
}

}  // namespace sextant::app
