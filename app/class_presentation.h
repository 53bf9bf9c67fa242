// What is said of a model of classes, beside accuracy and log-loss: class by class, how far probabilities are what they
// say, and from which probability on a rare class is best predicted.
#pragma once

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "sextant/class_report.h"
#include "sextant/model.h"

namespace sextant::app {

inline constexpr double rare_share = 0.2;  // of the rows: a class of less is rare

// A table of the classes, at most twenty of them, the most frequent first, and the calibration error.
void print_class_report(const ClassReport& report, const std::vector<std::string>& classes);
// The same of a model's held-out rows, with the weights of its classes, and the advice on a threshold where one of two
// classes is rare.
void print_held_out_classes(const Model& model);
void print_threshold(const ThresholdScore& score, const std::string& class_name);

// {"classes": [{"name", "n", "recall", "precision", "gain"}], "calibration_error", "reliability": [{"share",
// "predicted", "observed"}]}; what is not a number is null.
[[nodiscard]] nlohmann::json class_report_json(const ClassReport& report, const std::vector<std::string>& classes);
// {"class", "threshold", "precision", "recall", "f1", "balanced_accuracy", "accuracy"}
[[nodiscard]] nlohmann::json threshold_json(const ThresholdScore& score, const std::string& class_name);
// Of the model's two classes: {"class", "rows", "class_rows", "f1": {…}, "balanced_accuracy": {…}, "most_probable":
// {…}}
[[nodiscard]] nlohmann::json threshold_advice_json(const ThresholdAdvice& advice,
                                                   const std::vector<std::string>& classes);

// --threshold, --threshold-class: from which probability on a class is predicted.
class ThresholdArguments {
 public:
  void add_to(CLI::App& command);
  [[nodiscard]] bool given() const { return option_->count() > 0; }
  [[nodiscard]] double threshold() const { return threshold_; }
  // The class it is about, checked; throws InvalidArgument where the model has no such class, or not two.
  [[nodiscard]] Index class_of(const Model& model) const;

 private:
  double threshold_ = 0.5;
  std::string class_name_;
  CLI::Option* option_ = nullptr;
};

}  // namespace sextant::app
