#include "sextant/experiment.h"

#include <fmt/core.h>
#include <fmt/ranges.h>
#include <toml++/toml.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <set>
#include <sstream>
#include <utility>

#include "lab/run_parameters.h"
#include "sextant/builtin_experiments.h"
#include "sextant/error.h"

namespace sextant {
namespace {

constexpr std::size_t most_points = 100'000;
constexpr Index most_seeds = 100'000;
constexpr std::uintmax_t most_bytes = std::uintmax_t{1} << 20;

// A grid key with the values it takes.
struct Axis {
  std::string key;
  std::vector<NamedValue> values;
  toml::source_position at;
};
// In the order of the file.
using Axes = std::vector<Axis>;

const char* kind_found(const toml::node& node) {
  switch (node.type()) {
    case toml::node_type::string:
      return "a text";
    case toml::node_type::integer:
      return "a whole number";
    case toml::node_type::floating_point:
      return "a number with a decimal point or exponent";
    case toml::node_type::boolean:
      return "true or false";
    case toml::node_type::array:
      return "a list";
    case toml::node_type::table:
      return "a table";
    default:
      return "a date or time";
  }
}

class SpecReader {
 public:
  SpecReader(std::string where, const SpecOptions& options) : where_(std::move(where)), options_(options) {}

  Spec read(const std::string& text) {
    toml::table root;
    try {
      root = toml::parse(text);
    } catch (const toml::parse_error& error) {
      throw DataError(fmt::format("{}, line {}: is no TOML: {}", where_, error.source().begin.line, one_line(error)));
    }
    check_keys(root, {"name", "title", "about", "seeds", "defaults", "grid", "quick", "figure"}, "a spec");
    Spec spec;
    spec.text = text;
    spec.quick = options_.quick;
    spec.name = required_name(root);
    spec.title = string_in(root, "title", spec.name);
    spec.about = string_in(root, "about", "");
    spec.seeds = seeds_in(root, 10);

    Axes defaults;
    if (const toml::node* node = root.get("defaults")) defaults = axes(table_of(*node, "defaults"));
    const toml::node* grid_node = root.get("grid");
    if (grid_node == nullptr) fail({1, 1}, "there is no [[grid]], expected at least one");
    std::vector<Axes> blocks = grid(*grid_node);
    toml::source_position grid_at = grid_node->source().begin;
    if (const toml::node* node = root.get("quick")) {
      const toml::table& quick = table_of(*node, "quick");
      const Index quick_seeds = seeds_in(quick, spec.seeds);
      const Axes overrides = axes(quick, {"seeds", "grid"});
      std::vector<Axes> quick_blocks;
      if (quick.contains("grid")) quick_blocks = grid(*quick.get("grid"));
      if (options_.quick) {
        spec.seeds = quick_seeds;
        if (quick.contains("grid")) {
          blocks = quick_blocks;
          grid_at = quick.get("grid")->source().begin;
        } else {
          for (Axes& block : blocks) override_axes(block, overrides, false);
        }
        override_axes(defaults, overrides, true);
      }
    }
    if (options_.seeds) spec.seeds = *options_.seeds;
    if (spec.seeds < 1 || spec.seeds > most_seeds)
      throw InvalidArgument(fmt::format("seeds: {} given, expected 1 to {}", spec.seeds, most_seeds));

    std::set<std::pair<std::string, std::string>> seen;
    std::size_t count = 0;
    for (const Axes& block : blocks) {
      for (Run& run : product(with_defaults(block, defaults), grid_at, count))
        if (seen.emplace(point_key(run), run.label).second) spec.points.push_back(std::move(run));
    }
    if (spec.points.empty()) fail(grid_at, "the grid is empty, expected at least one point");
    if (const toml::node* node = root.get("figure")) spec.figures = figures(*node);
    return spec;
  }

 private:
  [[noreturn]] void fail(const toml::source_position& at, const std::string& message) const {
    throw DataError(fmt::format("{}, line {}: {}", where_, std::max<unsigned>(at.line, 1), message));
  }

  static std::string one_line(const toml::parse_error& error) {
    std::string text(error.description());
    std::replace_if(
        text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < ' '; }, ' ');
    return text;
  }

  void check_keys(const toml::table& table, const std::vector<std::string>& known, const char* what) const {
    for (const auto& [key, node] : table)
      if (std::find(known.begin(), known.end(), key.str()) == known.end())
        fail(key.source().begin,
             fmt::format("{} has no key '{}', expected one of {}", what, key.str(), fmt::join(known, ", ")));
  }

  [[noreturn]] void fail_type(const toml::node& node, std::string_view key, const std::string& expected) const {
    fail(node.source().begin, fmt::format("{} is {}, expected {}", key, kind_found(node), expected));
  }

  const toml::table& table_of(const toml::node& node, const char* key) const {
    if (!node.is_table()) fail_type(node, key, fmt::format("a table, [{}]", key));
    return *node.as_table();
  }

  std::vector<const toml::table*> tables_of(const toml::node& node, const char* key) const {
    std::vector<const toml::table*> tables;
    const toml::array* list = node.as_array();
    if (list == nullptr) fail_type(node, key, fmt::format("tables, each headed [[{}]]", key));
    for (const toml::node& entry : *list) {
      if (!entry.is_table()) fail_type(entry, key, fmt::format("tables, each headed [[{}]]", key));
      tables.push_back(entry.as_table());
    }
    if (tables.empty()) fail(node.source().begin, fmt::format("{} is empty, expected at least one [[{}]]", key, key));
    return tables;
  }

  std::string string_in(const toml::table& table, const char* key, const std::string& fallback) const {
    const toml::node* node = table.get(key);
    if (node == nullptr) return fallback;
    if (!node->is_string()) fail_type(*node, key, "a text in quotes");
    return node->as_string()->get();
  }

  std::string required_name(const toml::table& root) const {
    const toml::node* node = root.get("name");
    if (node == nullptr) fail({1, 1}, "there is no name, expected name = \"…\"");
    std::string name = string_in(root, "name", "");
    const auto fine = [](unsigned char c) { return c < 0x80 && (std::isalnum(c) || c == '-' || c == '_'); };
    if (name.empty() || name.size() > 64 || !std::all_of(name.begin(), name.end(), fine))
      fail(node->source().begin, "name is not usable, expected 1 to 64 letters, digits, - or _");
    return name;
  }

  Index seeds_in(const toml::table& table, Index fallback) const {
    const toml::node* node = table.get("seeds");
    if (node == nullptr) return fallback;
    if (!node->is_integer()) fail_type(*node, "seeds", "a whole number: how many");
    const std::int64_t seeds = node->as_integer()->get();
    if (seeds < 1 || seeds > most_seeds)
      fail(node->source().begin, fmt::format("seeds is {}, expected 1 to {}", seeds, most_seeds));
    return seeds;
  }

  NamedValue value_of(const toml::node& node, std::string_view key, FieldKind kind) const {
    switch (kind) {
      case FieldKind::truth:
        if (node.is_boolean()) return node.as_boolean()->get();
        break;
      case FieldKind::whole_number:
        if (node.is_integer()) return node.as_integer()->get();
        break;
      case FieldKind::number:
        if (node.is_integer()) return static_cast<double>(node.as_integer()->get());
        if (node.is_floating_point()) return node.as_floating_point()->get();
        break;
      case FieldKind::name:
        if (node.is_string()) return node.as_string()->get();
        break;
      case FieldKind::seed:
      case FieldKind::numbers:
      case FieldKind::rows:
        break;  // no parameter's
    }
    fail_type(node, key, fmt::format("{}, or a list of such", expectation(kind)));
  }

  Axes axes(const toml::table& table, const std::vector<std::string>& others = {}) const {
    Axes result;
    for (const auto& [key, node] : table) {
      const std::string name(key.str());
      if (std::find(others.begin(), others.end(), name) != others.end()) continue;
      const auto kind = parameter_kind(name);
      if (!kind) {
        std::vector<std::string_view> known = {"label", "eta_factor"};
        for (const RunField& field : run_fields())
          if (find_option_field(field.name) == nullptr) known.push_back(field.name);
        fail(key.source().begin,
             fmt::format("'{}' is not known, expected one of {}, or an option of 'sextant fit' with _ for - (method, "
                         "width, lambda, …)",
                         name, fmt::join(known, ", ")));
      }
      Axis axis{name, {}, key.source().begin};
      if (const toml::array* list = node.as_array()) {
        for (const toml::node& entry : *list) axis.values.push_back(value_of(entry, name, *kind));
        if (axis.values.empty())
          fail(node.source().begin, fmt::format("{} is an empty list, so the grid is empty, expected a value", name));
      } else {
        axis.values.push_back(value_of(node, name, *kind));
      }
      result.push_back(std::move(axis));
    }
    std::sort(result.begin(), result.end(), [](const Axis& a, const Axis& b) {
      return std::pair(a.at.line, a.at.column) < std::pair(b.at.line, b.at.column);
    });
    if (find(result, "eta") != result.end() && find(result, "eta_factor") != result.end())
      fail(find(result, "eta_factor")->at, "eta_factor is given together with eta, expected one of the two");
    return result;
  }

  std::vector<Axes> grid(const toml::node& node) const {
    std::vector<Axes> blocks;
    for (const toml::table* table : tables_of(node, "grid")) blocks.push_back(axes(*table));
    return blocks;
  }

  static Axes::iterator find(Axes& axes, std::string_view key) {
    return std::find_if(axes.begin(), axes.end(), [&](const Axis& axis) { return axis.key == key; });
  }

  // Replaces the axes that are there; adds the others if asked to.
  static void override_axes(Axes& axes, const Axes& overrides, bool add) {
    for (const Axis& axis : overrides) {
      const auto found = find(axes, axis.key);
      if (found != axes.end())
        *found = axis;
      else if (add)
        axes.push_back(axis);
    }
  }

  // The block's own axes come last, so that they vary faster.
  static Axes with_defaults(Axes block, const Axes& defaults) {
    Axes result;
    for (const Axis& axis : defaults) {
      const bool eta = axis.key == "eta" || axis.key == "eta_factor";
      const bool replaced = find(block, axis.key) != block.end() ||
                            (eta && (find(block, "eta") != block.end() || find(block, "eta_factor") != block.end()));
      if (!replaced) result.push_back(axis);
    }
    result.insert(result.end(), block.begin(), block.end());
    return result;
  }

  std::vector<Run> product(const Axes& axes, const toml::source_position& grid_at, std::size_t& count) const {
    std::vector<Run> runs;
    std::vector<std::size_t> at(axes.size(), 0);
    while (true) {
      if (++count > most_points) fail(grid_at, fmt::format("the grid has more than {} points", most_points));
      runs.push_back(point(axes, at));
      std::size_t axis = axes.size();
      while (axis > 0 && ++at[axis - 1] == axes[axis - 1].values.size()) at[--axis] = 0;
      if (axis == 0) return runs;
    }
  }

  Run point(const Axes& axes, const std::vector<std::size_t>& at) const {
    Run run;
    const auto set = [&](const Axis& axis, const NamedValue& value) {
      try {
        set_parameter(run, axis.key, value);
      } catch (const InvalidArgument& error) {
        fail(axis.at, error.what());
      }
    };
    for (std::size_t i = 0; i < axes.size(); ++i)
      if (axes[i].key != "eta_factor") set(axes[i], axes[i].values[at[i]]);
    for (std::size_t i = 0; i < axes.size(); ++i)
      if (axes[i].key == "eta_factor") set(axes[i], axes[i].values[at[i]]);
    try {
      run.check();
    } catch (const InvalidArgument& error) {
      fail(line_of_rule(axes, error.what()), error.what());
    }
    return run;
  }

  // A message begins with the parameter it is about ("validation-share: …").
  static toml::source_position line_of_rule(const Axes& axes, std::string_view message) {
    std::string key(message.substr(0, message.find(':')));
    std::replace(key.begin(), key.end(), '-', '_');
    toml::source_position at = axes.empty() ? toml::source_position{1, 1} : axes.back().at;
    for (const Axis& axis : axes)
      if (axis.key == key) at = axis.at;
    return at;
  }

  std::vector<Figure> figures(const toml::node& node) const {
    std::vector<Figure> result;
    for (const toml::table* table : tables_of(node, "figure")) {
      check_keys(*table,
                 {"title", "x", "y", "series", "facet", "x_scale", "y_scale", "reference", "crossings", "where"},
                 "a figure");
      Figure figure;
      figure.title = string_in(*table, "title", "");
      figure.x = parameter_in(*table, "x", figure.x);
      figure.series = parameter_in(*table, "series", figure.series);
      figure.facet = parameter_in(*table, "facet", figure.facet);
      figure.y = one_of(*table, "y", {"excess_risk", "overlap"});
      figure.x_scale = one_of(*table, "x_scale", {"log", "linear"});
      figure.y_scale = one_of(*table, "y_scale", {"log", "linear"});
      const FieldKind x_kind = *parameter_kind(figure.x);
      if (x_kind != FieldKind::whole_number && x_kind != FieldKind::number)
        fail(table->get("x")->source().begin,
             fmt::format("x is '{}', expected a parameter that is a number", figure.x));
      figure.reference = string_in(*table, "reference", "");
      if (!figure.reference.empty()) {
        try {
          static_cast<void>(reference_values(figure.reference));
        } catch (const InvalidArgument& error) {
          fail(table->get("reference")->source().begin, error.what());
        }
      }
      figure.crossings = levels_in(*table);
      if (const toml::node* where = table->get("where")) {
        for (const Axis& axis : axes(table_of(*where, "where"))) {
          if (axis.values.size() != 1 || axis.key == "label" || axis.key == "eta_factor")
            fail(axis.at, fmt::format("where holds {}, expected grid keys with one value each", axis.key));
          figure.where.emplace_back(axis.key, axis.values.front());
        }
      }
      result.push_back(std::move(figure));
    }
    return result;
  }

  std::string parameter_in(const toml::table& table, const char* key, const std::string& fallback) const {
    std::string name = string_in(table, key, fallback);
    if (!table.contains(key)) return name;
    const auto& fields = run_fields();
    if (std::none_of(fields.begin(), fields.end(), [&](const RunField& field) { return field.name == name; }))
      fail(table.get(key)->source().begin, fmt::format("{} is '{}', expected the name of a grid key", key, name));
    return name;
  }

  std::string one_of(const toml::table& table, const char* key, const std::vector<std::string>& known) const {
    std::string value = string_in(table, key, known.front());
    if (std::find(known.begin(), known.end(), value) == known.end())
      fail(table.get(key)->source().begin,
           fmt::format("{} is '{}', expected {}", key, value, fmt::join(known, " or ")));
    return value;
  }

  std::vector<double> levels_in(const toml::table& table) const {
    std::vector<double> levels;
    const toml::node* node = table.get("crossings");
    if (node == nullptr) return levels;
    const toml::array* list = node->as_array();
    if (list == nullptr) fail_type(*node, "crossings", "a list of levels above 0");
    for (const toml::node& entry : *list) {
      const double level = std::get<double>(value_of(entry, "crossings", FieldKind::number));
      if (!(level > 0 && std::isfinite(level)))
        fail(entry.source().begin, fmt::format("crossings holds {}, expected levels above 0", level));
      levels.push_back(level);
    }
    return levels;
  }

  std::string where_;
  SpecOptions options_;
};

}  // namespace

bool Figure::shows(const Run& run) const {
  return parameter(run, x) && std::all_of(where.begin(), where.end(), [&](const auto& condition) {
           return parameter(run, condition.first) == condition.second;
         });
}

std::vector<Run> Spec::runs() const {
  std::vector<Run> all;
  std::set<std::string> seen;
  for (const Run& point : points) {
    if (!seen.insert(point_key(point)).second) continue;  // the same run under two labels
    for (Index seed = 0; seed < seeds; ++seed) {
      all.push_back(point);
      all.back().fit.seed = static_cast<std::uint64_t>(seed);
    }
  }
  return all;
}

Spec parse_spec(const std::string& text, const std::string& where, const SpecOptions& options) {
  return SpecReader(where, options).read(text);
}

Spec read_spec(const std::string& path, const SpecOptions& options) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw IoError(fmt::format("{}: cannot be read: {}", path, std::strerror(errno)));
  std::string text(most_bytes + 1, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (file.bad()) throw IoError(fmt::format("{}: cannot be read", path));
  text.resize(static_cast<std::size_t>(file.gcount()));
  if (text.size() > most_bytes) throw IoError(fmt::format("{}: holds more than 1 MiB, expected a spec", path));
  return parse_spec(text, path, options);
}

}  // namespace sextant
