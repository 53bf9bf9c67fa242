// sextant options: the options of a fit, and which methods use them.
#include <fmt/core.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "commands.h"
#include "fit_arguments.h"
#include "presentation.h"
#include "sextant/option_fields.h"

namespace sextant::app {
namespace {

using nlohmann::json;

std::string taken(const OptionField& field) {
  if (field.form != CommandForm::value) return "a flag";
  if (field.name == "class_weights") return "none, balanced or a table";
  if (field.several) return fmt::format("{}; one or a list", fmt::join(field.choices, ", "));
  if (field.kind == FieldKind::name) return fmt::format("{}", fmt::join(field.choices, ", "));
  if (!field.range.rule.empty() && !field.choices.empty())
    return fmt::format("{}, or {}", field.range.rule, fmt::join(field.choices, ", "));
  if (!field.range.rule.empty()) return std::string(field.range.rule);
  if (field.kind == FieldKind::rows) return "a table";
  return expectation(field.kind);
}

json json_of(const OptionField& field) {
  std::vector<std::string> methods;
  for (const Method method : known_methods())
    if (field.methods.has(method)) methods.push_back(name(method));
  return {{"name", field.name},
          {"flag", flag_of(field)},
          {"group", title(field.group)},
          {"kind", name(field.kind)},
          {"default", default_text(field)},
          {"optional", !field.unset.empty()},
          {"takes", taken(field)},
          {"choices", field.choices},
          {"several", field.several},
          {"methods", methods},
          {"task", field.only_of ? json(name(*field.only_of)) : json()},
          {"with_kept_layer", field.with_kept_layer},
          {"meaning", field.meaning}};
}

// A cell of a table: a bar would end it.
std::string cell(std::string text) {
  for (std::size_t at = text.find('|'); at != std::string::npos; at = text.find('|', at + 2)) text.insert(at, "\\");
  return text;
}

void print_markdown() {
  fmt::print(
      "# Options\n\n"
      "<!-- Made by `sextant options --markdown`: what is said here is declared in src/method/option_fields.cpp. "
      "-->\n\n"
      "The options of learning, of `sextant fit` and, as far as they apply, of `compare` and `transfer`. In Python, in "
      "spec "
      "files of experiments and in C++ they have `_` for `-`, and the same defaults; Python calls three by other names "
      "([python.md](python.md)). An option that is given and that the method does not use is named in a warning. "
      "[commands.md](commands.md) has the options that say which columns are what, and how to run.\n");
  for (const OptionGroup group : option_groups) {
    fmt::print("\n## {}\n\n| option | default | takes | methods | meaning |\n|---|---|---|---|---|\n", title(group));
    for (const OptionField& field : option_fields()) {
      if (field.group != group) continue;
      const std::string more = field.more.empty() ? "" : fmt::format(". {}", field.more);
      fmt::print("| `{}` | {} | {} | {} | {}{} |\n", flag_of(field), cell(default_text(field)), cell(taken(field)),
                 text_of(field.methods), cell(std::string(field.meaning)), cell(more));
    }
  }
}

struct OptionsCommand {
  std::string method;
  bool json_wanted = false;
  bool markdown = false;

  void operator()() const {
    if (markdown) {
      print_markdown();
      return;
    }
    std::optional<Method> of;
    if (!method.empty()) of = method_named(method);
    const auto shown = [&](const OptionField& field) { return !of || field.methods.has(*of); };
    if (json_wanted) {
      json all = json::array();
      for (const OptionGroup group : option_groups)
        for (const OptionField& field : option_fields())
          if (field.group == group && shown(field)) all.push_back(json_of(field));
      print_json(json{{"options", all}});
      return;
    }
    for (const OptionGroup group : option_groups) {
      bool titled = false;
      for (const OptionField& field : option_fields()) {
        if (field.group != group || !shown(field)) continue;
        if (!titled) fmt::print("{}{}\n", group == option_groups.front() ? "" : "\n", title(group));
        titled = true;
        fmt::print("  {} ({})\n      {}\n", flag_of(field), default_text(field), field.meaning);
        if (!of) fmt::print("      methods: {}\n", text_of(field.methods));
      }
    }
  }
};

}  // namespace

void add_options(CLI::App& program) {
  auto state = std::make_shared<OptionsCommand>();
  CLI::App& command = *program.add_subcommand("options", "List the options of learning and which methods use them");
  command.footer("Example:\n  sextant options --method polish");
  auto* method = command.add_option("--method", state->method, "Only what this method uses")->type_name("NAME");
  auto* json = command.add_flag("--json", state->json_wanted, "Print one JSON object instead");
  command.add_flag("--markdown", state->markdown, "Print docs/options.md")->excludes(method)->excludes(json);
  command.callback([state] { (*state)(); });
}

}  // namespace sextant::app
