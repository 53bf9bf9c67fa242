// Options that several commands share, and how their texts become the library's options.
#pragma once

#include <CLI/CLI.hpp>
#include <charconv>
#include <functional>
#include <memory>
#include <string>
#include <system_error>
#include <type_traits>
#include <vector>

#include "sextant/checkpoint.h"
#include "sextant/context.h"
#include "sextant/encoding.h"
#include "sextant/error.h"
#include "sextant/table.h"
#include "terminal.h"

namespace sextant::app {

// A text as a value; whether it is one. Unlike CLI11, whole numbers do not wrap around.
template <class Value>
[[nodiscard]] bool read_value(const std::string& text, Value& value) {
  if constexpr (std::is_integral_v<Value> && !std::is_same_v<Value, bool>) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    return error == std::errc() && end == text.data() + text.size();
  } else {
    return CLI::detail::lexical_cast(text, value);
  }
}

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

// Refuses a place that cannot be written, before the work instead of after it, and one that is read from.
void check_output(const std::string& out, const std::vector<std::string>& read);

// "folder/wing.csv.gz" → "wing".
[[nodiscard]] std::string stem(const std::string& path);

}  // namespace sextant::app
