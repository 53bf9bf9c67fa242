#include "arguments.h"

#include <fmt/core.h>

#include <charconv>
#include <cstdlib>
#include <filesystem>
#include <limits>

#include "sextant/error.h"

namespace sextant::app {
namespace {

const char* const running = "How to run";
const char* const columns = "Columns";
const char* const learning = "Learning";

double lambda_value(const std::string& text) {
  if (text == "inf") return std::numeric_limits<double>::infinity();
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size())
    throw InvalidArgument(fmt::format("lambda: '{}' given, expected numbers of at least 0, or inf", text));
  return value;
}

}  // namespace

void RunArguments::add_to(CLI::App& command) {
  command.add_option("--threads", threads, "Threads to use (default: all cores); results do not depend on it")
      ->check(CLI::PositiveNumber)
      ->group(running);
  command.add_option("--block-rows", block_rows, "Rows per block of a pass; results depend on it by rounding only")
      ->check(CLI::PositiveNumber)
      ->capture_default_str()
      ->group(running);
}

Context RunArguments::context(ProgressBar& bar) const {
  Context context;
  context.threads = threads;
  context.block_rows = block_rows;
  context.progress = bar.callback();
  return context;
}

void TableArguments::add_to(CLI::App& command) {
  command.add_option("--delimiter", delimiter, "What separates a CSV's fields; \\t for a tab")
      ->capture_default_str()
      ->group(columns);
}

TableOptions TableArguments::options(const Context& context) const {
  TableOptions options;
  if (delimiter == "\\t" || delimiter == "tab") {
    options.delimiter = '\t';
  } else if (delimiter.size() == 1) {
    options.delimiter = delimiter.front();
  } else {
    throw InvalidArgument(fmt::format("delimiter: '{}' given, expected one character, or \\t for a tab", delimiter));
  }
  if (const char* folder = std::getenv("TMPDIR"); folder != nullptr) options.cache_directory = folder;
  options.context = context;
  return options;
}

void ColumnArguments::add_to(CLI::App& command, bool choose_inputs) {
  command.add_option("--target", target, "Columns to predict: names or 1-based numbers, separated by commas")
      ->required()
      ->delimiter(',')
      ->type_name("NAME[,NAME…]")
      ->group(columns);
  if (choose_inputs) {
    command.add_option("--features", features, "Columns to learn from (default: all the others)")
        ->delimiter(',')
        ->type_name("NAME[,NAME…]")
        ->group(columns);
    command.add_option("--ignore", ignore, "Columns to leave out")
        ->delimiter(',')
        ->type_name("NAME[,NAME…]")
        ->group(columns);
  }
  command.add_option("--weights", weights, "Column of row weights")->type_name("NAME")->group(columns);
  command.add_option("--missing", missing, "Missing cells: error, drop (the row) or mean (of the training rows)")
      ->check(CLI::IsMember({"error", "drop", "mean"}))
      ->capture_default_str()
      ->group(columns);
}

ColumnRoles ColumnArguments::roles() const { return {target, features, ignore, weights}; }

Missing ColumnArguments::missing_policy() const {
  return missing == "drop" ? Missing::drop : missing == "mean" ? Missing::mean : Missing::error;
}

void FitArguments::add_to(CLI::App& command, bool whole) {
  if (whole) {
    command.add_option("--method", method, "algorithm-1: one gradient step on the first layer, then a ridge head")
        ->capture_default_str()
        ->group(learning);
    command.add_option("--width", options.width, "Hidden units: even, at least 2")
        ->capture_default_str()
        ->group(learning);
    eta_ = command.add_option("--eta", eta, "Size of the step (default √d, or √(d·rank))")->group(learning);
    rank_ = command.add_option("--rank", rank, "Number of directions, if known")->group(learning);
    first_layer_decay_ =
        command.add_option("--first-layer-decay", first_layer_decay, "Weight decay λ₁ of the step (default 1/eta)")
            ->group(learning);
    command.add_option("--redraw-biases", options.redraw_biases, "Draw biases after the step (true or false)")
        ->capture_default_str()
        ->group(learning);
    command.add_option("--sample-splitting", options.sample_splitting, "Step and head on different halves of the rows")
        ->capture_default_str()
        ->group(learning);
  }
  command.add_option("--preprocess", preprocess, "What is taken off the target first: none, correlation or linear")
      ->capture_default_str()
      ->group(learning);
  command
      .add_option("--lambda", lambda, "Ridge parameter: a value, or values to choose from (default 10⁻¹⁰ … 10⁸, inf)")
      ->delimiter(',')
      ->type_name("VALUE[,VALUE…]")
      ->group(learning);
  auto* table = command.add_option("--validation", validation, "A table to choose by, never trained on")
                    ->type_name("DATA")
                    ->group(learning);
  auto* share =
      command.add_option("--validation-share", options.validation_share, "Share of the rows held out to choose by")
          ->capture_default_str()
          ->group(learning);
  folds_ = command.add_option("--folds", folds, "Choose by cross-validation with so many folds")->group(learning);
  table->excludes(share)->excludes(folds_);
  share->excludes(folds_);
  command.add_option("--refit", options.refit, "Train on all rows once everything is chosen (true or false)")
      ->capture_default_str()
      ->group(learning);
  command.add_option("--head", head, "ridge or gradient-descent")->capture_default_str()->group(learning);
  command.add_option("--standardise", options.standardise, "Centre and scale inputs and targets (true or false)")
      ->capture_default_str()
      ->group(learning);
  command.add_option("--seed", options.seed, "Of all random numbers")->capture_default_str()->group(learning);
}

FitOptions FitArguments::fit_options() const {
  FitOptions result = options;
  result.method = method_named(method);
  result.preprocess = preprocess_named(preprocess);
  result.head = head_named(head);
  for (const std::string& text : lambda) result.lambda.push_back(lambda_value(text));
  const auto given = [](const CLI::Option* option) { return option != nullptr && option->count() > 0; };
  if (given(eta_)) result.eta = eta;
  if (given(rank_)) result.rank = rank;
  if (given(first_layer_decay_)) result.first_layer_decay = first_layer_decay;
  if (given(folds_)) result.folds = folds;
  result.check();
  return result;
}

void check_output(const std::string& out, const std::vector<std::string>& read) {
  for (const std::string& path : read) {
    std::error_code error;
    if (!path.empty() && std::filesystem::equivalent(out, path, error) && !error)
      throw InvalidArgument(fmt::format("out: '{}' is what is read from, expected another file", out));
  }
}

std::string stem(const std::string& path) {
  std::filesystem::path name = std::filesystem::path(path).filename();
  if (name.extension() == ".gz") name = name.stem();
  return name.stem().string();
}

}  // namespace sextant::app
