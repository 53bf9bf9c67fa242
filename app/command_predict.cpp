// sextant predict MODEL DATA: one prediction per row, in blocks.
#include <fmt/core.h>
#include <fmt/ranges.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <limits>
#include <memory>

#include "arguments.h"
#include "class_presentation.h"
#include "commands.h"
#include "presentation.h"
#include "sextant/model_file.h"

namespace sextant::app {
namespace {

constexpr Index most_cells = Index{1} << 18;  // predicted at once

struct PredictCommand {
  std::string model;
  std::string data;
  std::string out = "-";
  IntervalArguments interval;
  ThresholdArguments threshold;
  TableArguments table;
  RunArguments run;

  void operator()() const {
    ProgressBar bar;
    const Context context = run.context(bar);
    context.check();
    if (out != "-") check_output(out, {model, data});
    const Model fitted = load_model(model);
    const Index about = threshold.given() ? threshold.class_of(fitted) : 0;
    if (threshold.given() && !holds_text(out))
      throw InvalidArgument(
          fmt::format("threshold: given with {}, which holds probabilities alone, expected a .csv", out));
    if (interval.given()) (void)half_widths(fitted.intervals, interval.level);  // a level that cannot be had, at once
    const TableOptions options = table.options(context);
    const auto opened = open_for_model(data, fitted.encoding, false, options);
    const EncodedSource rows(*opened, fitted.encoding, false);
    warn_about_table(*opened, rows, fitted.encoding, RowsFor::prediction);
    warn_about_extrapolation(*opened, rows, fitted, context);

    const auto writer = create_table(out, column_names(fitted), options.delimiter);
    HeldBack held_back;
    Block block;
    // The queries of one leaf are answered together: the more rows, the fewer times its own are read.
    const Index together = std::max(context.block_rows, most_cells / std::max<Index>(1, rows.inputs()));
    for (Index first = 0; first < rows.rows(); first += together) {
      context.report("predict", static_cast<double>(first) / static_cast<double>(rows.rows()));
      rows.read(first, std::min(together, rows.rows() - first), block);
      Matrix Y = predicted(fitted, block.X, context, first);
      // A row that the model's policy leaves out keeps its place, with an empty prediction.
      if (fitted.encoding.missing == Missing::drop)
        for (Index i = 0; i < block.rows(); ++i)
          if (block.X.row(i).hasNaN()) Y.row(i).setConstant(std::numeric_limits<double>::quiet_NaN());
      if (!fitted.classification) held_back.add(fitted, interval.given() ? values_of(Y) : Y, first);
      if (fitted.classification && holds_text(out))
        writer->write(threshold.given() ? from_threshold_on(Y, fitted.encoding.classes, about)
                                        : most_probable(Y, fitted.encoding.classes),
                      Y);
      else
        writer->write(Y);
    }
    writer->close();
    warn_about_held_back(*opened, fitted, held_back);
    if (out != "-")
      spdlog::info("{}: {} of {}", out, count_of(rows.rows(), "prediction"),
                   fmt::format("{}", fmt::join(fitted.encoding.targets, ", ")));
  }

  // A column per target, or with intervals three: y, y_low, y_high. Of a class the most probable one and all
  // probabilities, which are all that a file without text holds.
  [[nodiscard]] std::vector<std::string> column_names(const Model& fitted) const {
    const Encoding& encoding = fitted.encoding;
    std::vector<std::string> names;
    if (!encoding.classes.empty()) {
      if (holds_text(out)) names.push_back(encoding.targets.front());
      for (const std::string& each : encoding.classes) names.push_back(fmt::format("p({})", each));
      return names;
    }
    if (!interval.given()) return encoding.targets;
    for (const std::string& target : encoding.targets)
      names.insert(names.end(), {target, target + "_low", target + "_high"});
    return names;
  }

  [[nodiscard]] Matrix predicted(const Model& fitted, const Matrix& X, const Context& context, Index first) const {
    if (fitted.classification) return predict_probabilities(fitted, X, context, first);
    if (!interval.given()) return predict(fitted, X, context, first);
    const IntervalPrediction all = predict_interval(fitted, X, interval.level, context, first);
    Matrix Y(X.rows(), 3 * all.value.cols());
    for (Index t = 0; t < all.value.cols(); ++t)
      Y.middleCols(3 * t, 3) << all.value.col(t), all.low.col(t), all.high.col(t);
    return Y;
  }

  // The predictions beside the ends of their intervals.
  static Matrix values_of(const Matrix& Y) { return Y(Eigen::all, Eigen::seqN(0, Y.cols() / 3, 3)); }

  // The class it is about where its probability reaches the threshold, else the other; empty where there are none.
  [[nodiscard]] std::vector<std::string> from_threshold_on(const Matrix& P, const std::vector<std::string>& classes,
                                                           Index about) const {
    std::vector<std::string> labels;
    for (Index i = 0; i < P.rows(); ++i) {
      const bool reached = P(i, about) >= threshold.threshold();
      labels.push_back(P.row(i).hasNaN() ? "" : classes[static_cast<std::size_t>(reached ? about : 1 - about)]);
    }
    return labels;
  }

  // Of each row of probabilities; empty where there are none.
  static std::vector<std::string> most_probable(const Matrix& P, const std::vector<std::string>& classes) {
    std::vector<std::string> labels;
    for (Index i = 0; i < P.rows(); ++i) {
      Index at = 0;
      P.row(i).maxCoeff(&at);
      labels.push_back(P.row(i).hasNaN() ? "" : classes[static_cast<std::size_t>(at)]);
    }
    return labels;
  }
};

}  // namespace

void add_predict(CLI::App& program) {
  auto state = std::make_shared<PredictCommand>();
  CLI::App& command = *program.add_subcommand("predict", "Predict the targets of a table's rows");
  command.footer("Example:\n  sextant predict wing.sextant new.csv --out predictions.csv");
  command.add_option("MODEL", state->model, "The model file")->required()->type_name("");
  command.add_option("DATA", state->data, "The table; its columns may come in any order")->required()->type_name("");
  command.add_option("--out", state->out, "Where to: .csv, .npy or .h5 (default: CSV on standard output)")
      ->type_name("FILE");
  state->interval.add_to(command,
                         "Add columns TARGET_low and TARGET_high: an interval that holds the target of a new row "
                         "with this probability, 0.9 say");
  state->threshold.add_to(command);
  state->table.add_to(command);
  state->run.add_to(command);
  command.callback([state] { (*state)(); });
}

}  // namespace sextant::app
