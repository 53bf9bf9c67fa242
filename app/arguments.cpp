#include "arguments.h"

#include <fmt/core.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <limits>
#include <type_traits>

#include "presentation.h"
#include "sextant/error.h"
#include "sextant/ranks.h"
#include "world.h"

namespace sextant::app {
namespace {

const char* const running = "How to run";
const char* const columns = "Columns";
const char* const learning = "Learning";
const char* const searching = "Of auto, refine, refined-kernel and polish";
const char* const comparing = "Other methods than algorithm-1";

double lambda_value(const std::string& text) {
  if (text == "inf") return std::numeric_limits<double>::infinity();
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size())
    throw InvalidArgument(fmt::format("lambda: '{}' given, expected numbers of at least 0, or inf", text));
  return value;
}

template <class Value>
bool read(const std::string& text, Value& value) {
  // CLI11 reads integers by strtoll, which takes −1 for 2⁶⁴ − 1 and 10³⁰ for 2⁶³ − 1.
  if constexpr (std::is_integral_v<Value> && !std::is_same_v<Value, bool>) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    return error == std::errc() && end == text.data() + text.size();
  } else {
    return CLI::detail::lexical_cast(text, value);
  }
}

template <class Value>
CLI::Validator readable_as(const std::string& expected, Value low = std::numeric_limits<Value>::lowest()) {
  const auto check = [expected, low](const std::string& text) {
    Value value{};
    const bool readable = read(text, value) && value >= low;
    return readable ? std::string() : fmt::format("{} given, expected {}", text, expected);
  };
  return CLI::Validator(check, "");
}

// Writing can still fail later; this is to learn of the usual reasons before hours of work.
void check_writable(const std::string& out) {
  namespace fs = std::filesystem;
  const auto fail = [&out](const std::string& reason) {
    throw IoError(fmt::format("{}: cannot be written: {}", out, reason));
  };
  std::error_code ignored;
  if (fs::is_directory(out, ignored)) fail("it is a directory");
  const bool exists = fs::exists(out, ignored);
  if (exists && ::access(out.c_str(), W_OK) != 0) fail(std::strerror(errno));
  if (fs::is_symlink(out, ignored) || (exists && !fs::is_regular_file(out, ignored))) return;
  // The file is new, or replaced by a new one, in its folder.
  const fs::path folder = fs::path(out).has_parent_path() ? fs::path(out).parent_path() : ".";
  if (!fs::is_directory(folder, ignored)) fail(fmt::format("the folder '{}' does not exist", folder.string()));
  if (::access(folder.c_str(), W_OK) != 0) fail(std::strerror(errno));
}

}  // namespace

CLI::Validator whole_number() { return readable_as<Index>("a whole number"); }
CLI::Validator whole_number_from(Index low) {
  return readable_as<Index>(fmt::format("a whole number of at least {}", low), low);
}
CLI::Validator seed_number() { return readable_as<std::uint64_t>("a whole number of at least 0"); }
CLI::Validator number() { return readable_as<double>("a number"); }
CLI::Validator true_or_false() { return readable_as<bool>("true or false"); }

CLI::Option* one_argument(CLI::Option* option, const char* type) {
  return option->delimiter(',')->allow_extra_args(false)->type_name(type);
}

CLI::Option* add_switch(CLI::App& command, const std::string& name, bool& value, const std::string& description) {
  return command.add_option(name, value, description)
      ->default_str(value ? "true" : "false")
      ->type_name("BOOL")
      ->check(true_or_false());
}

void RunArguments::add_to(CLI::App& command) {
  command.add_option("--threads", threads, "Threads to use (default: all cores); results do not depend on it")
      ->check(whole_number_from(1))
      ->group(running);
  command.add_option("--block-rows", block_rows, "Rows per block of a pass; results depend on it by rounding only")
      ->check(whole_number_from(1))
      ->capture_default_str()
      ->group(running);
}

Context RunArguments::context(ProgressBar& bar) const {
  Context context;
  context.threads = threads;
  context.block_rows = block_rows;
  context.progress = bar.callback();
  add_world(context);
  return context;
}

void CheckpointArguments::add_to(CLI::App& command) {
  CLI::Option* file =
      command
          .add_option("--checkpoint", path,
                      "Keep what was found in this file: stopped at any moment, the same command goes on from there")
          ->type_name("FILE")
          ->group(running);
  command.add_option("--checkpoint-every", every, "Seconds after which sums in the making are kept too")
      ->check(number())
      ->needs(file)
      ->capture_default_str()
      ->group(running);
}

void CheckpointArguments::check(const std::vector<std::string>& others) const {
  namespace fs = std::filesystem;
  if (path.empty()) return;
  const auto place = [](const std::string& name) {
    std::error_code error;
    return fs::weakly_canonical(fs::absolute(name, error), error);
  };
  for (const std::string& own : {path, path + ".partial", path + ".partial.tmp"})
    for (const std::string& other : others)
      if (!other.empty() && place(own) == place(other))
        throw InvalidArgument(
            fmt::format("checkpoint: '{}' is a file that is read or written besides, expected one of its own", own));
}

std::unique_ptr<Checkpoint> CheckpointArguments::open(const std::function<Provenance()>& of, Context& context) const {
  if (path.empty()) return nullptr;
  if (context.ranks != nullptr)
    throw InvalidArgument(fmt::format(
        "checkpoint: '{}' given to {} processes that share the work, expected one process; leave --checkpoint "
        "away, or start the command alone",
        path, context.ranks->size()));
  const auto warn = [](const std::string& sentence) { spdlog::warn("{}", sentence); };
  auto checkpoint = std::make_unique<Checkpoint>(path, of(), CheckpointOptions{every, warn});
  say_what_is_gone_on_from(*checkpoint);
  context.checkpoint = checkpoint.get();
  return checkpoint;
}

void TableArguments::add_to(CLI::App& command) {
  command.add_option("--delimiter", delimiter, "What separates a CSV's fields; \\t for a tab")
      ->capture_default_str()
      ->group(columns);
  one_argument(command.add_option("--missing-values", missing_values,
                                  "Texts that mean a missing cell in any column of a CSV, beside empty cells and NaN; "
                                  "a model remembers them"),
               "TEXT[,TEXT…]")
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
  options.missing_values = missing_values;
  options.context = context;
  return options;
}

void ColumnArguments::add_to(CLI::App& command, bool choose_inputs) {
  one_argument(
      command.add_option("--target", target, "Columns to predict: names or 1-based numbers, separated by commas"),
      "NAME[,NAME…]")
      ->required()
      ->group(columns);
  if (choose_inputs) {
    one_argument(command.add_option("--features", features, "Columns to learn from (default: all the others)"),
                 "NAME[,NAME…]")
        ->group(columns);
    one_argument(command.add_option("--ignore", ignore, "Columns to leave out"), "NAME[,NAME…]")->group(columns);
  }
  command.add_option("--weights", weights, "Column of row weights")->type_name("NAME")->group(columns);
  command.add_option("--groups", groups, "Column by which rows belong together: a group is on one side of every split")
      ->type_name("NAME")
      ->group(columns);
  command
      .add_option(
          "--missing", missing,
          "Missing cells: indicator (filled by the mean of the training rows, and an input says where they are), "
          "mean, drop (the row) or error")
      ->check(CLI::IsMember({"indicator", "mean", "drop", "error"}))
      ->capture_default_str()
      ->group(columns);
}

ColumnRoles ColumnArguments::roles() const { return {target, features, ignore, weights, groups, false}; }

Missing ColumnArguments::missing_policy() const { return missing_named(missing); }

void IntervalArguments::add_to(CLI::App& command, const std::string& description) {
  option_ = command.add_option("--interval", level, description)->check(number())->type_name("LEVEL");
}

void FitArguments::add_to(CLI::App& command, Learns learns) {
  command.add_option("--task", task, "What the target is: regression (a number) or classification (a class)")
      ->capture_default_str()
      ->group(learning);
  command
      .add_option(
          "--class-weights", class_weights,
          "What rows of each class count: none (as much as others), balanced (so that all classes weigh alike), "
          "or a table with the columns class and weight; probabilities are then of rows weighted so")
      ->type_name("balanced|FILE")
      ->capture_default_str()
      ->group(learning);
  command
      .add_option(
          "--target-transform", target_transform,
          "What is learned is a transform of the target: none, log, rank, or auto; one for all targets or one each")
      ->type_name("NAME[,NAME…]")
      ->capture_default_str()
      ->group(learning);
  if (learns == Learns::model) {
    std::string known;
    for (const Method each : known_methods()) known += (known.empty() ? "" : ", ") + name(each);
    command.add_option("--method", method, "How features are made: " + known)->capture_default_str()->group(learning);
  }
  budget_ = command
                .add_option(
                    "--budget", budget,
                    "How much work at most: seconds on two cores, about, or low (3), medium (60), high (600); counted "
                    "in operations, so that the result does not depend on the machine; from 100 on, every "
                    "setting is tried on every fold")
                ->default_str("medium")
                ->type_name("SECONDS|EFFORT")
                ->group(searching);
  if (learns != Learns::head) {
    command.add_option("--width", options.width, "Hidden units: even, at least 2")
        ->check(whole_number())
        ->capture_default_str()
        ->group(learning);
    eta_ = command.add_option("--eta", eta, "Size of the step (default √d, or √(d·rank))")
               ->check(number())
               ->group(learning);
    rank_ =
        command.add_option("--rank", rank, "Number of directions, if known")->check(whole_number())->group(learning);
    first_layer_decay_ =
        command.add_option("--first-layer-decay", first_layer_decay, "Weight decay λ₁ of the step (default 1/eta)")
            ->check(number())
            ->group(learning);
    add_switch(command, "--redraw-biases", options.redraw_biases, "Draw biases after the step")->group(learning);
    add_switch(command, "--sample-splitting", options.sample_splitting, "Step and head on different halves of the rows")
        ->group(learning);
    command.add_option("--discover", discover, "Where refine starts: one-step or spectral")
        ->capture_default_str()
        ->group(searching);
    command.add_option("--refine-rounds", options.refine_rounds, "Times that features are drawn anew")
        ->check(whole_number())
        ->capture_default_str()
        ->group(searching);
    command
        .add_option("--refine-power", options.refine_power, "q of the coordinates (A/tr A)^q; 1 for Gaussian inputs")
        ->check(number())
        ->capture_default_str()
        ->group(searching);
    command.add_option("--redraws", options.redraws, "Networks along the same directions whose mean is taken")
        ->check(whole_number())
        ->capture_default_str()
        ->group(searching);
    command.add_option("--lift", options.lift, "Intervals per input of piecewise-linear lifts")
        ->check(whole_number())
        ->capture_default_str()
        ->group(searching);
    polish_degree_ = command.add_option("--polish-degree", polish_degree, "Degree of polished links (default: chosen)")
                         ->check(whole_number())
                         ->group(searching);
    command.add_option("--polish-steps", options.polish_steps, "Gauss–Newton steps at most")
        ->check(whole_number())
        ->capture_default_str()
        ->group(searching);
    symmetric_ = add_switch(command, "--symmetric", symmetric, "Start the network in mirrored pairs, at exactly 0");
    symmetric_->default_str("true, but for ntk")->group(comparing);
    bias_ = command.add_option("--bias", bias, "Standard deviation of the comparators' biases (default 1, for ntk 0)")
                ->check(number())
                ->group(comparing);
    command.add_option("--ntk-blocks", ntk_blocks, "Parameters that ntk and kernel-ntk differentiate by")
        ->capture_default_str()
        ->group(comparing);
    command.add_option("--ntk-scale", ntk_scale, "standard (a = ±1/√m) or balanced (f/√m, a = ±1)")
        ->capture_default_str()
        ->group(comparing);
    command.add_option("--bandwidth", options.bandwidth, "Of kernel-gaussian and kernel-laplace, in median distances")
        ->check(number())
        ->capture_default_str()
        ->group(comparing);
    command.add_option("--degree", options.degree, "Of kernel-polynomial")
        ->check(whole_number())
        ->capture_default_str()
        ->group(comparing);
    command.add_option("--slices", options.slices, "Of sir, save and directional-regression")
        ->check(whole_number())
        ->capture_default_str()
        ->group(comparing);
    command
        .add_option("--subspace", subspace,
                    "A table whose rows span the subspace of oracle, on standardised inputs matched by name")
        ->type_name("DATA")
        ->group(comparing);
  }
  command.add_option("--preprocess", preprocess, "What is taken off the target first: none, correlation or linear")
      ->capture_default_str()
      ->group(learning);
  one_argument(command.add_option("--lambda", lambda,
                                  "Ridge parameter: a value, or values to choose from (default 10⁻¹⁰ … 10⁸, inf)"),
               "VALUE[,VALUE…]")
      ->group(learning);
  auto* table = command.add_option("--validation", validation, "A table to choose by, never trained on")
                    ->type_name("DATA")
                    ->group(learning);
  auto* share =
      command.add_option("--validation-share", options.validation_share, "Share of the rows held out to choose by")
          ->check(number())
          ->capture_default_str()
          ->group(learning);
  folds_ = command.add_option("--folds", folds, "Choose by cross-validation with so many folds")
               ->check(whole_number())
               ->group(learning);
  table->excludes(share)->excludes(folds_);
  share->excludes(folds_);
  extrapolate_ =
      command
          .add_flag("--extrapolate", extrapolate,
                    "Let inputs and predictions go on beyond what the training rows make plausible, as linear "
                    "trends do (default: only methods that do not search)")
          ->group(learning);
  clip_targets_ = add_switch(command, "--clip-targets", clip_targets,
                             "Draw in targets far outside the rest before anything is learned from them");
  clip_targets_->default_str("true for regression by methods that search")->group(learning);
  command
      .add_flag("--compact", options.compact,
                "Keep the model to 8 MB (default: to 256 MB, or twice the training rows in single precision)")
      ->group(learning);
  command
      .add_flag_callback(
          "--no-training-rows", [this] { options.training_rows = false; },
          "Keep no row of the table in the model: neither kernels nor leaf machines, which are made of rows")
      ->group(learning);
  (void)add_switch(
      command, "--level-effects", options.level_effects,
      "Make inputs of what rows say of levels: of text of many values, of numbers that are codes, of pairs")
      ->group(learning);
  leaf_memory_ = command
                     .add_option("--leaf-memory", leaf_memory,
                                 "GiB that the rows of leaf machines may take in memory; of more rows than fit, they "
                                 "learn from so many (default: a quarter of the machine's)")
                     ->check(number())
                     ->group(learning);
  command.add_flag("--ordered", options.ordered, "Rows come in time order: choose by later rows than are learned from")
      ->group(learning);
  if (learns != Learns::models)
    calibration_share_ =
        command
            .add_option("--calibration-share", calibration_share,
                        "Share of the rows that only prediction intervals see, which makes their level "
                        "exact (default: none, the rows held out to choose by serve)")
            ->check(number())
            ->group(learning);
  add_switch(command, "--refit", options.refit, "Train on all rows once everything is chosen")->group(learning);
  command.add_option("--head", head, "ridge or gradient-descent")->capture_default_str()->group(learning);
  command
      .add_option("--precision", precision, "Of the sums over rows: float64, mixed or float32 (about twice as fast)")
      ->capture_default_str()
      ->group(learning);
  add_switch(command, "--standardise", options.standardise, "Centre and scale inputs and targets")->group(learning);
  command.add_option("--seed", options.seed, "Of all random numbers")
      ->check(seed_number())
      ->capture_default_str()
      ->group(learning);
}

FitOptions FitArguments::options_of(const std::vector<Method>& methods) const {
  FitOptions result = options;
  result.task = task_named(task);
  result.class_weights.balanced = class_weights == "balanced";
  if (!class_weights_table().empty() && result.task != Task::classification)
    throw InvalidArgument(
        fmt::format("class-weights: {} given with regression, expected --task classification", class_weights));
  result.target_transform = transform_kinds_named(target_transform);
  result.preprocess = preprocess_named(preprocess);
  result.head = head_named(head);
  result.precision = precision_named(precision);
  result.discover = discover_named(discover);
  result.ntk_blocks = ntk_blocks_named(ntk_blocks);
  result.ntk_scale = ntk_scale_named(ntk_scale);
  const bool oracle = std::find(methods.begin(), methods.end(), Method::oracle) != methods.end();
  if (oracle && subspace.empty())
    throw InvalidArgument("subspace: none given, expected a table of the directions that oracle draws features in");
  if (!oracle && !subspace.empty())
    throw InvalidArgument(fmt::format("subspace: given with {}, expected only with oracle", name(methods.front())));
  for (const std::string& text : lambda) result.lambda.push_back(lambda_value(text));
  const auto given = [](const CLI::Option* option) { return option != nullptr && option->count() > 0; };
  if (given(eta_)) result.eta = eta;
  if (given(rank_)) result.rank = rank;
  if (given(first_layer_decay_)) result.first_layer_decay = first_layer_decay;
  if (given(folds_)) result.folds = folds;
  if (given(extrapolate_)) result.extrapolate = extrapolate;
  if (given(clip_targets_)) result.clip_targets = clip_targets;
  if (given(symmetric_)) result.symmetric = symmetric;
  if (given(bias_)) result.bias = bias;
  if (given(budget_)) result.budget = budget_named(budget);
  if (given(polish_degree_)) result.polish_degree = polish_degree;
  if (given(calibration_share_)) result.calibration_share = calibration_share;
  if (given(leaf_memory_)) result.leaf_memory = leaf_memory;
  return result;
}

std::string FitArguments::class_weights_table() const {
  return class_weights == "none" || class_weights == "balanced" ? "" : class_weights;
}

FitOptions FitArguments::fit_options() const {
  FitOptions result = options_of({method_named(method)});
  result.method = method_named(method);
  result.check();
  return result;
}

void check_output(const std::string& out, const std::vector<std::string>& read) {
  const std::string file = table_file(out);
  check_writable(file);
  for (const std::string& path : read) {
    std::error_code error;
    if (!path.empty() && std::filesystem::equivalent(file, table_file(path), error) && !error)
      throw InvalidArgument(fmt::format("out: '{}' is what is read from, expected another file", out));
  }
}

std::string stem(const std::string& path) {
  std::filesystem::path name = std::filesystem::path(table_file(path)).filename();
  if (name.extension() == ".gz") name = name.stem();
  return name.stem().string();
}

}  // namespace sextant::app
