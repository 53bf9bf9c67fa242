#include "fit_arguments.h"

#include <fmt/core.h>
#include <fmt/ranges.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <limits>

#include "arguments.h"
#include "sextant/error.h"
#include "world.h"

namespace sextant::app {
namespace {

// A name, or a table.
constexpr std::string_view class_weights = "class_weights";

// Whether a command that learns so has the option.
bool has(Learns learns, const OptionField& field) {
  switch (learns) {
    case Learns::model:
      return true;
    case Learns::models:  // which measure on rows of their own
      return field.name != "method" && field.group != OptionGroup::uncertainty;
    case Learns::head:  // what shapes the first layer is the model's
      return field.name != "method" && field.group != OptionGroup::first_layer &&
             field.group != OptionGroup::comparators &&
             (field.group != OptionGroup::search || field.name == "budget" || field.name == "leaf_memory");
  }
  return false;
}

double lambda_value(const std::string& text) {
  if (text == "inf") return std::numeric_limits<double>::infinity();
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size())
    throw InvalidArgument(fmt::format("lambda: '{}' given, expected numbers of at least 0, or inf", text));
  return value;
}

// The value that a text, which passed the option's validator, stands for.
template <class Value>
Value value_in(const std::string& text) {
  Value value{};
  static_cast<void>(read_value(text, value));
  return value;
}

NamedValue value_of(const OptionField& field, const std::string& text, const std::vector<std::string>& texts) {
  switch (field.kind) {
    case FieldKind::truth:
      return value_in<bool>(text) != (field.form == CommandForm::denying);
    case FieldKind::whole_number:
      return std::int64_t{value_in<Index>(text)};
    case FieldKind::seed:
      return value_in<std::uint64_t>(text);
    case FieldKind::numbers: {
      std::vector<double> values;
      for (const std::string& each : texts) values.push_back(lambda_value(each));
      return values;
    }
    case FieldKind::number:
      if (field.choices.empty()) return value_in<double>(text);
      break;
    case FieldKind::name:
    case FieldKind::rows:
      break;
  }
  return text;
}

// What it takes, in a word for the help.
std::string type_of(const OptionField& field) {
  if (field.name == class_weights) return "balanced|FILE";
  if (field.several) return "NAME[,NAME…]";
  switch (field.kind) {
    case FieldKind::truth:
      return "BOOL";
    case FieldKind::whole_number:
      return "INT";
    case FieldKind::seed:
      return "UINT";
    case FieldKind::number:
      return field.choices.empty() ? "FLOAT" : "FLOAT|NAME";
    case FieldKind::numbers:
      return "VALUE[,VALUE…]";
    case FieldKind::rows:
      return "DATA";
    case FieldKind::name:
      return "NAME";
  }
  return "";
}

std::string description(const OptionField& field) {
  std::string text(field.meaning);
  if (field.choices.size() > 4) text += fmt::format("; one of {}", fmt::join(field.choices, ", "));
  if (!field.unset.empty()) text += fmt::format(" (default: {})", field.unset);
  return text;
}

}  // namespace

std::string flag_of(const OptionField& field) {
  return fmt::format("--{}{}", field.form == CommandForm::denying ? "no-" : "", dashed(field.name));
}

std::string default_text(const OptionField& field) {
  if (!field.unset.empty()) return std::string(field.unset);
  if (field.form != CommandForm::value) return "off";
  const NamedValue value = field.get(FitOptions{});
  if (field.kind == FieldKind::number)  // by its name, where it has one
    for (const std::string& choice : field.choices) {
      FitOptions named;
      field.set(named, choice);
      if (field.get(named) == value) return choice;
    }
  return text_of(value);
}

void FitArguments::add(CLI::App& command, const OptionField& field) {
  Argument& argument = arguments_.emplace_back(Argument{&field, {}, {}, nullptr});
  const std::string flag = flag_of(field);
  if (field.form != CommandForm::value) {
    argument.option = command.add_flag(flag, argument.text, description(field))->check(true_or_false());
  } else if (field.kind == FieldKind::numbers) {
    argument.option =
        one_argument(command.add_option(flag, argument.texts, description(field)), type_of(field).c_str());
  } else {
    argument.option = command.add_option(flag, argument.text, description(field))->type_name(type_of(field));
    if (field.unset.empty()) argument.option->default_str(default_text(field));
    if (field.kind == FieldKind::truth) argument.option->check(true_or_false());
    if (field.kind == FieldKind::whole_number) argument.option->check(whole_number());
    if (field.kind == FieldKind::seed) argument.option->check(seed_number());
    if (field.kind == FieldKind::number && field.choices.empty()) argument.option->check(number());
  }
  argument.option->group(title(field.group));
}

void FitArguments::add_to(CLI::App& command, Learns learns) {
  for (const OptionGroup group : option_groups) {
    for (const OptionField& field : option_fields())
      if (field.group == group && has(learns, field)) add(command, field);
    if (group != OptionGroup::split) continue;
    auto* table = command.add_option("--validation", validation, "A table to choose by, never trained on")
                      ->type_name("DATA")
                      ->group(title(group));
    auto* const share = find("validation_share")->option;
    auto* const folds = find("folds")->option;
    table->excludes(share)->excludes(folds);
    share->excludes(folds);
  }
}

const FitArguments::Argument* FitArguments::find(std::string_view name) const {
  const auto found = std::find_if(arguments_.begin(), arguments_.end(),
                                  [&](const Argument& argument) { return argument.field->name == name; });
  return found == arguments_.end() ? nullptr : &*found;
}

FitOptions FitArguments::options_of(const std::vector<Method>& methods) const {
  FitOptions result;
  for (const Argument& argument : arguments_) {
    const bool of_a_table = argument.field->kind == FieldKind::rows ||
                            (argument.field->name == class_weights && !class_weights_table().empty());
    if (argument.option->count() > 0 && !of_a_table)
      argument.field->set(result, value_of(*argument.field, argument.text, argument.texts));
  }
  if (!class_weights_table().empty() && result.task != Task::classification)
    throw InvalidArgument(
        fmt::format("class-weights: {} given with regression, expected --task classification", class_weights_table()));
  const bool oracle = std::find(methods.begin(), methods.end(), Method::oracle) != methods.end();
  if (oracle && subspace().empty())
    throw InvalidArgument("subspace: none given, expected a table of the directions that oracle draws features in");
  if (!oracle && !subspace().empty())
    throw InvalidArgument(fmt::format("subspace: given with {}, expected only with oracle", name(methods.front())));
  return result;
}

FitOptions FitArguments::fit_options() const {
  const Argument* const chosen = find("method");
  const bool given = chosen != nullptr && chosen->option->count() > 0;
  FitOptions result = options_of({given ? method_named(chosen->text) : FitOptions{}.method});
  result.check();
  return result;
}

Task FitArguments::task() const {
  const Argument* const task = find("task");
  return task->option->count() > 0 ? task_named(task->text) : FitOptions{}.task;
}

std::string FitArguments::class_weights_table() const {
  const std::string& text = find(class_weights)->text;
  return text == "none" || text == "balanced" ? "" : text;
}

std::string FitArguments::subspace() const {
  const Argument* const table = find("subspace");
  return table == nullptr ? "" : table->text;
}

void warn_about_ignored(const std::vector<std::string>& sentences) {
  if (!is_first()) return;
  for (const std::string& sentence : sentences) spdlog::warn("{}", sentence);
}

}  // namespace sextant::app
