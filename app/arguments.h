// Options that several commands share, and how their texts become the library's options.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "sextant/checkpoint.h"
#include "sextant/context.h"
#include "sextant/encoding.h"
#include "sextant/error.h"
#include "sextant/options.h"
#include "sextant/table.h"
#include "terminal.h"

namespace sextant::app {

// Validators whose message says what was given and what was expected.
[[nodiscard]] CLI::Validator whole_number();                // any
[[nodiscard]] CLI::Validator whole_number_from(Index low);  // of at least `low`
[[nodiscard]] CLI::Validator seed_number();                 // 0 … 2⁶⁴ − 1
[[nodiscard]] CLI::Validator number();                      // finite or not: the library checks the range
[[nodiscard]] CLI::Validator true_or_false();

// A list option takes one argument, "a,b,c": it must not swallow the positional that follows it.
CLI::Option* one_argument(CLI::Option* option, const char* type);

// An option of true or false, shown as such in the help.
CLI::Option* add_switch(CLI::App& command, const std::string& name, bool& value, const std::string& description);

// --threads, --block-rows: how to run.
struct RunArguments {
  int threads = 0;
  Index block_rows = Context{}.block_rows;

  void add_to(CLI::App& command);
  [[nodiscard]] Context context(ProgressBar& bar) const;
};

// --checkpoint, --checkpoint-every: where what was found is kept, so that the same command goes on from there.
struct CheckpointArguments {
  std::string path;  // empty: nowhere
  double every = CheckpointOptions{}.seconds;

  void add_to(CLI::App& command);
  // Refuses a file that is read from or written to besides.
  void check(const std::vector<std::string>& others) const;
  // Opens the checkpoint, if there shall be one, for the context to use, and says what is gone on from.
  [[nodiscard]] std::unique_ptr<Checkpoint> open(const std::function<Provenance()>& of, Context& context) const;
};

// Runs `work`; when it is stopped, says how it can be gone on with.
template <class Work>
auto going_on(const std::unique_ptr<Checkpoint>& checkpoint, const Work& work) {
  try {
    return work();
  } catch (const Cancelled&) {
    if (!checkpoint || checkpoint->empty()) throw;
    throw Stopped("stopped: what was found is kept in " + checkpoint->path() + "; the same command goes on from there");
  }
}

// --delimiter, --missing-values: how to read a table.
struct TableArguments {
  std::string delimiter = ",";
  std::vector<std::string> missing_values;

  void add_to(CLI::App& command);
  [[nodiscard]] TableOptions options(const Context& context) const;
};

// --target, --features, --ignore, --weights, --groups, --missing: what the columns mean.
struct ColumnArguments {
  std::vector<std::string> target;
  std::vector<std::string> features;
  std::vector<std::string> ignore;
  std::string weights;
  std::string groups;
  std::string missing = name(Encoding{}.missing);

  void add_to(CLI::App& command, bool choose_inputs);
  [[nodiscard]] ColumnRoles roles() const;
  [[nodiscard]] Missing missing_policy() const;
};

// --interval: the level of prediction intervals, if they are asked for.
struct IntervalArguments {
  double level = 0;

  void add_to(CLI::App& command, const std::string& description);
  [[nodiscard]] bool given() const { return option_->count() > 0; }

 private:
  CLI::Option* option_ = nullptr;
};

// What a command learns: a model by one method, models by several, or a new head on a first layer that is kept.
enum class Learns { model, models, head };

// FitOptions by name, those that apply to what is learned, but for the subspace, which needs the table's columns.
struct FitArguments {
  std::string task = "regression";
  std::string class_weights = "none";  // none, balanced, or a table
  std::string target_transform = "none";
  std::string method = "auto";
  std::string budget;
  std::string discover = "one-step";
  int polish_degree = 0;
  std::string preprocess = "linear";
  std::string head = "ridge";
  std::string precision = "float64";
  std::string ntk_blocks = "a,W,b";
  std::string ntk_scale = "standard";
  std::string subspace;  // a table
  bool symmetric = true;
  bool extrapolate = false;
  bool clip_targets = true;
  double bias = 1;
  double calibration_share = 0;
  double leaf_memory = 0;
  std::vector<std::string> lambda;
  double eta = 0;
  double first_layer_decay = 0;
  Index rank = 0;
  Index folds = 0;
  std::string validation;  // a table
  FitOptions options;

  void add_to(CLI::App& command, Learns learns);
  // Of `method`, checked; but for weights of classes from a table, which needs the classes.
  [[nodiscard]] FitOptions fit_options() const;
  // The table of class weights, or empty.
  [[nodiscard]] std::string class_weights_table() const;
  // The same for several methods: `method` is not read, and what depends on it is not checked.
  [[nodiscard]] FitOptions options_of(const std::vector<Method>& methods) const;

 private:
  CLI::Option* eta_ = nullptr;
  CLI::Option* first_layer_decay_ = nullptr;
  CLI::Option* rank_ = nullptr;
  CLI::Option* folds_ = nullptr;
  CLI::Option* symmetric_ = nullptr;
  CLI::Option* extrapolate_ = nullptr;
  CLI::Option* clip_targets_ = nullptr;
  CLI::Option* bias_ = nullptr;
  CLI::Option* budget_ = nullptr;
  CLI::Option* polish_degree_ = nullptr;
  CLI::Option* calibration_share_ = nullptr;
  CLI::Option* leaf_memory_ = nullptr;
};

// Refuses a place that cannot be written, before the work instead of after it, and one that is read from.
void check_output(const std::string& out, const std::vector<std::string>& read);

// "folder/wing.csv.gz" → "wing".
[[nodiscard]] std::string stem(const std::string& path);

}  // namespace sextant::app
