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
#include "sextant/option_fields.h"
#include "sextant/ranks.h"
#include "world.h"

namespace sextant::app {

namespace {

const char* const running = title(OptionGroup::running);
const char* const columns = "Columns";

template <class Value>
CLI::Validator readable_as(const std::string& expected, Value low = std::numeric_limits<Value>::lowest()) {
  const auto check = [expected, low](const std::string& text) {
    Value value{};
    const bool readable = read_value(text, value) && value >= low;
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
