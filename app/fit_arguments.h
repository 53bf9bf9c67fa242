// The options of a fit on the command line, made of their declarations (sextant/option_fields.h).
#pragma once

#include <CLI/CLI.hpp>
#include <array>
#include <list>
#include <string>
#include <vector>

#include "sextant/option_fields.h"

namespace sextant::app {

// In the order in which people read of them.
inline constexpr std::array option_groups = {OptionGroup::data,        OptionGroup::model,       OptionGroup::split,
                                             OptionGroup::first_layer, OptionGroup::head,        OptionGroup::search,
                                             OptionGroup::comparators, OptionGroup::uncertainty, OptionGroup::running};

// "--first-layer-decay", "--no-training-rows".
[[nodiscard]] std::string flag_of(const OptionField& field);

// A value as the command line takes it, or in words what holds where none is given.
[[nodiscard]] std::string default_text(const OptionField& field);

// What a command learns: a model by one method, models by several, or a new head on a first layer that is kept.
enum class Learns { model, models, head };

// FitOptions by name, those that apply to what is learned. The subspace and weights of classes may be tables, which
// need the columns and the classes: they are named here, and read where those are known.
class FitArguments {
 public:
  std::string validation;  // a table

  void add_to(CLI::App& command, Learns learns);
  // Checked, but for what tables say.
  [[nodiscard]] FitOptions fit_options() const;
  // The same for several methods: what depends on the method is not checked.
  [[nodiscard]] FitOptions options_of(const std::vector<Method>& methods) const;
  [[nodiscard]] Task task() const;
  // The table of class weights, or empty.
  [[nodiscard]] std::string class_weights_table() const;
  // The table of the oracle's subspace, or empty.
  [[nodiscard]] std::string subspace() const;

 private:
  struct Argument {
    const OptionField* field;
    std::string text;                // as it is given
    std::vector<std::string> texts;  // of a list
    CLI::Option* option = nullptr;
  };

  void add(CLI::App& command, const OptionField& field);
  // Null where the command does not have it.
  [[nodiscard]] const Argument* find(std::string_view name) const;

  std::list<Argument> arguments_;  // where they are stays
};

// A warning for each option that is given and that what is learned does not use.
void warn_about_ignored(const std::vector<std::string>& sentences);

}  // namespace sextant::app
