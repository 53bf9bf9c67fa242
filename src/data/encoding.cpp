#include "sextant/encoding.h"

#include <fmt/core.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <iterator>
#include <limits>
#include <map>
#include <set>
#include <string_view>
#include <unordered_map>

#include "data/csv_cell.h"
#include "data/excerpt.h"
#include "sextant/error.h"

namespace sextant {
namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();

// Where names are in a list, which must outlive this; one search of the list for all of them.
class Places {
 public:
  explicit Places(const std::vector<std::string>& names) {
    at_.reserve(names.size());
    for (std::size_t i = 0; i < names.size(); ++i) at_.emplace(names[i], static_cast<Index>(i));
  }
  // −1 if it is not there.
  [[nodiscard]] Index find(std::string_view name) const {
    const auto found = at_.find(name);
    return found == at_.end() ? -1 : found->second;
  }

 private:
  std::unordered_map<std::string_view, Index> at_;
};

std::vector<std::string> names_of(const std::vector<Column>& columns) {
  std::vector<std::string> names;
  for (const Column& column : columns) names.push_back(column.name);
  return names;
}

// At most eight names, quoted, for a message.
std::string listed(const std::vector<std::string>& names) {
  constexpr std::size_t shown = 8;
  std::vector<std::string> quoted;
  for (std::size_t i = 0; i < std::min(shown, names.size()); ++i) quoted.push_back(excerpt(names[i]));
  if (names.size() <= shown) return fmt::format("{}", fmt::join(quoted, ", "));
  return fmt::format("{}, … ({} in all)", fmt::join(quoted, ", "), names.size());
}

Index find_column_at(const std::vector<std::string>& names, const Places& places, const std::string& wanted,
                     const std::string& option) {
  const Index by_name = places.find(wanted);
  if (by_name >= 0) return by_name;
  Index number = 0;
  const auto [end, error] = std::from_chars(wanted.data(), wanted.data() + wanted.size(), number);
  if (error == std::errc() && end == wanted.data() + wanted.size() && number >= 1 &&
      number <= static_cast<Index>(names.size()))
    return number - 1;
  throw InvalidArgument(fmt::format("{}: there is no column {}, expected one of {} or a number from 1 to {}", option,
                                    excerpt(wanted), listed(names), names.size()));
}

// Columns with one role: in the order asked for, and whether each of the table's is among them.
struct Chosen {
  std::vector<Index> order;
  std::vector<bool> holds;
};

Chosen find_columns(const std::vector<std::string>& names, const Places& places, const std::vector<std::string>& wanted,
                    const std::string& option) {
  Chosen found{{}, std::vector<bool>(names.size(), false)};
  for (const std::string& name : wanted) {
    const auto at = static_cast<std::size_t>(find_column_at(names, places, name, option));
    if (found.holds[at]) throw InvalidArgument(fmt::format("{}: {} is given twice", option, excerpt(names[at])));
    found.holds[at] = true;
    found.order.push_back(static_cast<Index>(at));
  }
  return found;
}

// What a model needs of a table's columns; throws DataError naming those that are not there.
std::vector<ColumnUse> uses_by_model(const std::string& path, const std::vector<std::string>& names,
                                     const Encoding& encoding, bool with_targets) {
  std::vector<ColumnUse> uses(names.size(), ColumnUse::skip);
  std::vector<std::string> absent;
  const Places places(names);
  const auto want = [&](const std::string& name, ColumnUse use) {
    const Index at = places.find(name);
    if (at < 0)
      absent.push_back(name);
    else
      uses[static_cast<std::size_t>(at)] = use;
  };
  for (const InputColumn& column : encoding.columns)
    if (column.left_out == LeftOut::no)
      want(column.name, column.kind == ColumnKind::number ? ColumnUse::number : ColumnUse::text);
  if (with_targets) {
    const bool text = !encoding.classes.empty() && encoding.class_kind == ColumnKind::text;
    for (const std::string& target : encoding.targets) want(target, text ? ColumnUse::class_text : ColumnUse::number);
    if (!encoding.weights.empty()) want(encoding.weights, ColumnUse::number);
  }
  if (!absent.empty())
    throw DataError(fmt::format("{}: the model needs {} {}, which the table lacks; it has {}", path,
                                absent.size() > 1 ? "the columns" : "the column", listed(absent), listed(names)));
  return uses;
}

// What meant a missing cell where the model was fitted does so in every table.
void add_missing_values(const Encoding& encoding, TableOptions& options) {
  options.missing_values.insert(options.missing_values.end(), encoding.missing_values.begin(),
                                encoding.missing_values.end());
  std::sort(options.missing_values.begin(), options.missing_values.end());
  options.missing_values.erase(std::unique(options.missing_values.begin(), options.missing_values.end()),
                               options.missing_values.end());
}

// How a target's cells are to be read: as numbers, or, where they name classes, as what they are found to be.
ColumnUse use_of_target(bool classes) { return classes ? ColumnUse::classes : ColumnUse::number; }

// Calls visit(row, cell) for the cells of one column that are not missing, until it returns false.
template <class Visit>
void for_each_cell(const Table& table, Index column, Visit visit) {
  constexpr Index some = 4096;
  Matrix cells;
  for (Index first = 0; first < table.rows(); first += some) {
    table.read(first, std::min(some, table.rows() - first), cells);
    for (Index i = 0; i < cells.rows(); ++i)
      if (!std::isnan(cells(i, column)) && !visit(first + i, cells(i, column))) return;
  }
}

// Fills in which classes the table's target holds.
void take_classes(const Table& table, Index most, Encoding& encoding) {
  const std::string& target = encoding.targets.front();
  const auto names = names_of(table.columns());
  const Index at = Places(names).find(target);
  const Column& column = table.columns()[static_cast<std::size_t>(at)];
  encoding.class_kind = column.kind;
  encoding.classes = column.levels;
  if (column.kind == ColumnKind::number) {
    std::set<double> found;
    for_each_cell(table, at, [&](Index, double cell) {
      found.insert(cell);
      return static_cast<Index>(found.size()) <= most;
    });
    if (static_cast<Index>(found.size()) > most)
      throw DataError(
          fmt::format("{}: {} holds more than {} different numbers, too many for classes; the task regression predicts "
                      "a number",
                      table.path(), excerpt(target), most));
    for (const double value : found) encoding.classes.push_back(fmt::format("{}", value + 0.0));  // no −0
  }
  // Many classes of hardly a row each are numbers that vary freely, or names of the rows.
  constexpr std::size_t many = 100;
  if (encoding.classes.size() > many && 2 * static_cast<Index>(encoding.classes.size()) > table.rows())
    throw DataError(fmt::format("{}: {} holds {} different {} in {} rows, too many for classes{}", table.path(),
                                excerpt(target), encoding.classes.size(),
                                column.kind == ColumnKind::number ? "numbers" : "texts", table.rows(),
                                column.kind == ColumnKind::number ? "; the task regression predicts a number"
                                                                  : ", of which most have one row"));
  if (encoding.classes.size() < 2)
    throw DataError(fmt::format("{}: {} {}, expected at least 2 classes", table.path(), excerpt(target),
                                encoding.classes.empty()
                                    ? "has no value"
                                    : fmt::format("is {} in every row", excerpt(encoding.classes.front()))));
}

// The rows that a model is fitted to, and how many cells of each column are missing in them.
struct RowsThatCount {
  Index rows = 0;
  std::vector<Index> missing;
};

RowsThatCount rows_that_count(const Table& table, const std::vector<std::string>& features, const Places& places,
                              const Encoding& encoding) {
  const std::vector<MissingCells> missing = table.missing();
  const auto has_missing = [&](const std::string& name) {
    const Index at = places.find(name);
    return at >= 0 && missing[static_cast<std::size_t>(at)].count > 0;
  };
  RowsThatCount result{table.rows(), {}};
  for (const MissingCells& column : missing) result.missing.push_back(column.count);
  std::vector<Index> needed;  // columns without a value in which a row does not count
  for (const std::string& name : encoding.targets)
    if (has_missing(name)) needed.push_back(places.find(name));
  if (has_missing(encoding.groups)) needed.push_back(places.find(encoding.groups));
  const Index weights = encoding.weights.empty() ? -1 : places.find(encoding.weights);
  if (std::none_of(features.begin(), features.end(), has_missing) || (needed.empty() && weights < 0)) return result;

  result = {0, std::vector<Index>(missing.size(), 0)};
  constexpr Index some_cells = 1 << 18;
  const Index some = std::max<Index>(1, some_cells / static_cast<Index>(missing.size()));
  Matrix cells;
  for (Index first = 0; first < table.rows(); first += some) {
    table.read(first, std::min(some, table.rows() - first), cells);
    for (Index i = 0; i < cells.rows(); ++i) {
      if (weights >= 0 && !(cells(i, weights) > 0)) continue;
      if (std::any_of(needed.begin(), needed.end(), [&](Index at) { return std::isnan(cells(i, at)); })) continue;
      ++result.rows;
      for (Index j = 0; j < cells.cols(); ++j)
        if (std::isnan(cells(i, j))) ++result.missing[static_cast<std::size_t>(j)];
    }
  }
  return result;
}

// "'7,5' at line 3"
std::string example_of(const Table& table, const Column& column) {
  return fmt::format("{} at {}", excerpt(column.example), table.where(column.example_row));
}

// What may be wrong with text that might have been meant as numbers; empty if nothing is.
std::string doubt_about(const Column& column, Index present) {
  if (looks_like_number(column.example))
    return "if these are numbers, write a point for the decimal mark and nothing between thousands";
  if (2 * column.numbers > present)
    return fmt::format(
        "{} of its {} cells are numbers: if the others stand for missing cells, list them in "
        "--missing-values",
        column.numbers, present);
  return {};
}

// One sentence for all columns that are left out for a reason.
std::string sentence_on(const Table& table, LeftOut why, const std::vector<Index>& columns, Index max_levels,
                        const std::vector<MissingCells>& missing) {
  std::vector<std::string> names;
  for (const Index at : columns) names.push_back(table.columns()[static_cast<std::size_t>(at)].name);
  const std::string begin =
      fmt::format("{}: {} {} left out: ", table.path(), listed(names), names.size() == 1 ? "is" : "are");
  if (why == LeftOut::missing) return begin + "no training row has a value there";
  const auto first = static_cast<std::size_t>(columns.front());
  const Column& column = table.columns()[first];
  std::string end = column.example_row < 0 ? "" : fmt::format(" (the first is {})", example_of(table, column));
  if (const std::string doubt = doubt_about(column, table.rows() - missing[first].count); !doubt.empty())
    end += "; " + doubt;
  if (why == LeftOut::identifier) return begin + "all texts there are different, as those of an identifier are" + end;
  return begin + fmt::format("more than {} different texts are too many for a category", max_levels) + end;
}

}  // namespace

std::string name(Missing missing) {
  switch (missing) {
    case Missing::error:
      return "error";
    case Missing::drop:
      return "drop";
    case Missing::mean:
      return "mean";
    case Missing::indicator:
      break;
  }
  return "indicator";
}

Missing missing_named(const std::string& name) {
  for (const Missing each : {Missing::error, Missing::drop, Missing::mean, Missing::indicator})
    if (name == sextant::name(each)) return each;
  throw InvalidArgument(fmt::format("missing: {} given, expected error, drop, mean or indicator", excerpt(name)));
}

Index InputColumn::width() const {
  if (left_out != LeftOut::no) return 0;
  return (kind == ColumnKind::number ? 1 : static_cast<Index>(levels.size())) + (indicator ? 1 : 0);
}

Index Encoding::inputs() const {
  Index sum = 0;
  for (const InputColumn& column : columns) sum += column.width();
  return sum;
}

std::vector<std::string> Encoding::input_names() const {
  std::vector<std::string> names;
  for (const InputColumn& column : columns) {
    if (column.left_out != LeftOut::no) continue;
    if (column.kind == ColumnKind::number) names.push_back(column.name);
    for (const std::string& level : column.levels) names.push_back(column.name + "=" + level);
    if (!column.indicator) continue;
    const bool taken = std::find(column.levels.begin(), column.levels.end(), "missing") != column.levels.end();
    names.push_back(column.name + (taken ? "=(missing)" : "=missing"));
  }
  return names;
}

std::vector<InputKind> Encoding::input_kinds() const {
  std::vector<InputKind> kinds;
  for (const InputColumn& column : columns) {
    if (column.left_out != LeftOut::no) continue;
    if (column.kind == ColumnKind::number) kinds.push_back(InputKind::number);
    kinds.insert(kinds.end(), column.levels.size(), InputKind::level);
    if (column.indicator) kinds.push_back(InputKind::missing);
  }
  return kinds;
}

Index Encoding::outputs() const { return static_cast<Index>(classes.empty() ? targets.size() : classes.size()); }

std::vector<std::string> Encoding::output_names() const {
  if (classes.empty()) return targets;
  std::vector<std::string> names;
  for (const std::string& each : classes) names.push_back(targets.front() + "=" + each);
  return names;
}

Index find_column(const std::vector<std::string>& names, const std::string& wanted, const std::string& option) {
  return find_column_at(names, Places(names), wanted, option);
}

ColumnRoles resolve_roles(const std::vector<std::string>& names, const ColumnRoles& roles) {
  if (roles.targets.empty()) throw InvalidArgument("target: none is given, expected the name of at least one column");
  if (roles.classes && roles.targets.size() > 1)
    throw InvalidArgument(
        fmt::format("target: {} are given for classification, expected exactly one", roles.targets.size()));
  const Index columns = static_cast<Index>(names.size());
  if (columns == 1)
    throw InvalidArgument(
        fmt::format("target: the table has a single column, {}, expected inputs beside the target (is the "
                    "delimiter right?)",
                    excerpt(names.front())));
  if (static_cast<Index>(roles.targets.size()) >= columns)
    throw InvalidArgument(
        fmt::format("target: {} targets are given and the table has {} columns, expected at least one column more",
                    roles.targets.size(), columns));
  const Places places(names);
  const Chosen targets = find_columns(names, places, roles.targets, "target");
  const Chosen ignored = find_columns(names, places, roles.ignore, "ignore");
  const Chosen features = find_columns(names, places, roles.features, "features");
  const Index weights = roles.weights.empty() ? -1 : find_column_at(names, places, roles.weights, "weights");
  const Index groups = roles.groups.empty() ? -1 : find_column_at(names, places, roles.groups, "groups");

  const auto name_of = [&](Index at) { return names[static_cast<std::size_t>(at)]; };
  const auto refuse = [&](const char* option, Index at, const char* other) {
    throw InvalidArgument(
        fmt::format("{}: {} is {} too, expected one role for a column", option, excerpt(name_of(at)), other));
  };
  const auto holds = [](const Chosen& chosen, Index at) {
    return at >= 0 && chosen.holds[static_cast<std::size_t>(at)];
  };
  if (holds(targets, weights)) refuse("weights", weights, "a target");
  if (holds(ignored, weights)) refuse("weights", weights, "ignored");
  if (holds(targets, groups)) refuse("groups", groups, "a target");
  if (groups >= 0 && groups == weights) refuse("groups", groups, "the weights");
  for (const Index at : targets.order)
    if (holds(ignored, at)) refuse("target", at, "ignored");
  for (const Index at : features.order) {
    if (holds(targets, at)) refuse("features", at, "a target");
    if (holds(ignored, at)) refuse("features", at, "ignored");
    if (at == weights) refuse("features", at, "the weights");
    if (at == groups) refuse("features", at, "the groups");
  }

  ColumnRoles resolved;
  resolved.classes = roles.classes;
  for (const Index at : targets.order) resolved.targets.push_back(name_of(at));
  for (const Index at : ignored.order) resolved.ignore.push_back(name_of(at));
  if (weights >= 0) resolved.weights = name_of(weights);
  if (groups >= 0) resolved.groups = name_of(groups);
  for (Index at = 0; at < columns; ++at) {
    const bool offered = features.order.empty() || holds(features, at);
    if (offered && at != weights && at != groups && !holds(targets, at) && !holds(ignored, at))
      resolved.features.push_back(name_of(at));
  }
  if (resolved.features.empty())
    throw InvalidArgument(fmt::format("features: no input is left among the columns {}", listed(names)));
  return resolved;
}

std::vector<std::string> choose_inputs(const Table& table, const std::vector<std::string>& features, Encoding& encoding,
                                       Index max_levels) {
  const auto names = names_of(table.columns());
  const Places places(names);
  const std::vector<MissingCells> missing = table.missing();
  const RowsThatCount counted = rows_that_count(table, features, places, encoding);
  std::vector<std::string> notices;
  std::map<LeftOut, std::vector<Index>> left_out;
  encoding.columns.clear();
  for (const std::string& feature : features) {
    const auto at = static_cast<std::size_t>(places.find(feature));
    const Column& column = table.columns()[at];
    const Index present = table.rows() - missing[at].count;
    InputColumn input{column.name, column.kind, column.levels};
    if (column.too_many_levels)  // first, since its cells say nothing
      input.left_out = LeftOut::levels;
    else if (encoding.missing != Missing::error && counted.rows > 0 && counted.missing[at] == counted.rows)
      input.left_out = LeftOut::missing;
    else if (column.kind == ColumnKind::text && present > 1 && static_cast<Index>(column.levels.size()) == present)
      input.left_out = LeftOut::identifier;
    if (input.left_out != LeftOut::no) {
      input.levels.clear();
      left_out[input.left_out].push_back(static_cast<Index>(at));
    } else {
      input.indicator = encoding.missing == Missing::indicator && counted.missing[at] > 0;
      if (const std::string doubt = doubt_about(column, present); column.kind == ColumnKind::text && !doubt.empty())
        notices.push_back(fmt::format("{}: {} is text of {} different values (the first is {}); {}", table.path(),
                                      excerpt(column.name), column.levels.size(), example_of(table, column), doubt));
    }
    encoding.columns.push_back(std::move(input));
  }
  for (const auto& [why, columns] : left_out) notices.push_back(sentence_on(table, why, columns, max_levels, missing));
  if (encoding.inputs() == 0)
    throw DataError(fmt::format("{}; no input is left, expected at least one", fmt::join(notices, "; ")));
  return notices;
}

EncodedTable open_for_fit(const std::string& path, const ColumnRoles& roles, Missing missing, TableOptions options) {
  ColumnRoles resolved;
  options.choose = [&](const std::vector<std::string>& names) {
    resolved = resolve_roles(names, roles);
    std::vector<ColumnUse> uses(names.size(), ColumnUse::skip);
    const Places places(names);
    const auto use = [&](const std::string& name) -> ColumnUse& {
      return uses[static_cast<std::size_t>(places.find(name))];
    };
    for (const std::string& name : resolved.features) use(name) = ColumnUse::input;
    for (const std::string& name : resolved.targets) use(name) = use_of_target(roles.classes);
    if (!resolved.weights.empty()) use(resolved.weights) = ColumnUse::number;
    if (!resolved.groups.empty()) use(resolved.groups) = ColumnUse::label;
    return uses;
  };
  EncodedTable opened;
  opened.table = open_table(path, options);
  opened.encoding.targets = resolved.targets;
  opened.encoding.weights = resolved.weights;
  opened.encoding.groups = resolved.groups;
  opened.encoding.missing = missing;
  opened.encoding.missing_values = options.missing_values;
  opened.notices = choose_inputs(*opened.table, resolved.features, opened.encoding, options.max_levels);
  if (roles.classes) take_classes(*opened.table, options.max_classes, opened.encoding);
  return opened;
}

EncodedTable open_for_transfer(const std::string& path, const Encoding& encoding, const ColumnRoles& roles,
                               Missing missing, TableOptions options) {
  EncodedTable opened;
  opened.encoding = encoding;
  opened.encoding.missing = missing;
  opened.encoding.classes.clear();
  add_missing_values(encoding, options);
  opened.encoding.missing_values = options.missing_values;
  options.choose = [&](const std::vector<std::string>& names) {
    ColumnRoles known = roles;
    known.ignore.clear();
    known.features.clear();
    for (const InputColumn& column : encoding.columns)
      if (column.left_out == LeftOut::no) known.features.push_back(column.name);
    auto uses = uses_by_model(path, names, encoding, false);  // an absent input is reported as such
    const Places places(names);
    const Places inputs(known.features);
    for (const std::string& target : known.targets) {
      const std::string& name = names[static_cast<std::size_t>(find_column_at(names, places, target, "target"))];
      if (inputs.find(name) >= 0)
        throw InvalidArgument(
            fmt::format("target: {} is an input of the model, expected another column", excerpt(name)));
    }
    const ColumnRoles resolved = resolve_roles(names, known);
    opened.encoding.targets = resolved.targets;
    opened.encoding.weights = resolved.weights;
    opened.encoding.groups = resolved.groups;
    for (const std::string& target : resolved.targets)
      uses[static_cast<std::size_t>(places.find(target))] = use_of_target(roles.classes);
    if (!resolved.weights.empty()) uses[static_cast<std::size_t>(places.find(resolved.weights))] = ColumnUse::number;
    if (!resolved.groups.empty()) uses[static_cast<std::size_t>(places.find(resolved.groups))] = ColumnUse::label;
    return uses;
  };
  opened.table = open_table(path, options);
  if (roles.classes) take_classes(*opened.table, options.max_classes, opened.encoding);
  return opened;
}

std::unique_ptr<Table> open_for_model(const std::string& path, const Encoding& encoding, bool with_targets,
                                      TableOptions options) {
  add_missing_values(encoding, options);
  options.choose = [&](const std::vector<std::string>& names) {
    return uses_by_model(path, names, encoding, with_targets);
  };
  return open_table(path, options);
}

EncodedSource::EncodedSource(const Table& table, Encoding encoding, bool with_targets)
    : table_(table),
      encoding_(std::move(encoding)),
      names_(encoding_.input_names()),
      kinds_(encoding_.input_kinds()),
      with_targets_(with_targets) {
  const auto names = names_of(table.columns());
  const Places places(names);
  const auto find = [&](const std::string& name) {
    const Index at = places.find(name);
    if (at < 0) throw DataError(fmt::format("{}: there is no column {}", table.path(), excerpt(name)));
    return at;
  };
  for (const InputColumn& column : encoding_.columns) {
    if (column.left_out != LeftOut::no) continue;
    const Index levels = column.width() - (column.indicator ? 1 : 0);
    Part part{find(column.name), column.kind == ColumnKind::text, inputs_, levels, column.indicator, {}};
    if (part.text) find_levels(table.columns()[static_cast<std::size_t>(part.at)], column, part);
    inputs_ += column.width();
    parts_.push_back(std::move(part));
  }
  if (with_targets_) {
    for (const std::string& target : encoding_.targets) target_at_.push_back(find(target));
    if (!encoding_.weights.empty()) weights_at_ = find(encoding_.weights);
    if (!encoding_.groups.empty()) groups_at_ = places.find(encoding_.groups);
  }

  const auto missing = table.missing();
  const auto check = [&](Index at, bool may_be_missing) {
    const MissingCells& cells = missing[static_cast<std::size_t>(at)];
    if (cells.count == 0) return;
    has_missing_ = true;
    if (!may_be_missing) refuse_missing(at, cells);
  };
  const bool allowed = encoding_.missing != Missing::error;
  for (const Part& part : parts_) {
    check(part.at, allowed);
    if (std::find(part.level_of.begin(), part.level_of.end(), means_missing) == part.level_of.end()) continue;
    has_missing_ = true;
    if (allowed) continue;
    MissingCells cells;
    for_each_cell(table, part.at, [&](Index row, double cell) {
      if (part.level_of[static_cast<std::size_t>(cell)] == means_missing && cells.count++ == 0) cells.first_row = row;
      return true;
    });
    refuse_missing(part.at, cells);
  }
  for (const Index at : target_at_) check(at, allowed);
  if (weights_at_ >= 0) check(weights_at_, allowed);
  if (groups_at_ >= 0) check(groups_at_, allowed);
  if (with_targets_ && !encoding_.classes.empty()) find_classes();
}

void EncodedSource::find_levels(const Column& found, const InputColumn& known, Part& part) {
  const Places places(known.levels);
  for (const std::string& level : found.levels) {
    const Index at = places.find(level);
    part.level_of.push_back(at >= 0 ? at : is_marker(level) ? means_missing : -1);
    if (part.level_of.back() == -1) unknown_.push_back({known.name, level});
  }
}

void EncodedSource::refuse_missing(Index at, const MissingCells& cells) const {
  throw DataError(
      fmt::format("{}: {} has {} missing value{} (first at {}), which only a model fitted with --missing "
                  "indicator, mean or drop accepts",
                  table_.path(), excerpt(table_.columns()[static_cast<std::size_t>(at)].name), cells.count,
                  cells.count == 1 ? "" : "s", table_.where(cells.first_row)));
}

void EncodedSource::find_classes() {
  const Index at = target_at_.front();
  const Column& column = table_.columns()[static_cast<std::size_t>(at)];
  const auto refuse = [&](const std::string& label, Index row) {
    throw DataError(fmt::format("{}: {} is {} at {}, which is none of the model's classes: {}", table_.path(),
                                excerpt(column.name), excerpt(label), table_.where(row), listed(encoding_.classes)));
  };
  if (encoding_.class_kind != column.kind)
    throw DataError(fmt::format("{}: {} holds {}, expected {} like the classes {}", table_.path(), excerpt(column.name),
                                column.kind == ColumnKind::text ? "text" : "numbers",
                                encoding_.class_kind == ColumnKind::text ? "text" : "numbers",
                                listed(encoding_.classes)));
  if (column.kind == ColumnKind::text) {
    const Places places(encoding_.classes);
    for (std::size_t level = 0; level < column.levels.size(); ++level) {
      const Index known = places.find(column.levels[level]);
      if (known >= 0) class_of_cell_[static_cast<double>(level)] = known;
    }
    if (class_of_cell_.size() == column.levels.size()) return;
    for_each_cell(table_, at, [&](Index row, double cell) {
      const std::string& label = column.levels[static_cast<std::size_t>(cell)];
      const bool means_nothing = is_marker(label) && encoding_.missing != Missing::error;
      if (class_of(cell) < 0 && !means_nothing) refuse(label, row);
      return true;
    });
  } else {
    for (std::size_t t = 0; t < encoding_.classes.size(); ++t) {
      const std::string& text = encoding_.classes[t];
      double value = 0;
      const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
      if (error != std::errc() || end != text.data() + text.size())
        throw DataError(fmt::format("encoding: the class {} is not a number", excerpt(text)));
      class_of_cell_[value] = static_cast<Index>(t);
    }
    for_each_cell(table_, at, [&](Index row, double cell) {
      if (class_of(cell) < 0) refuse(fmt::format("{}", cell), row);
      return true;
    });
  }
}

Index EncodedSource::class_of(double cell) const {
  if (std::isnan(cell)) return -1;
  const auto known = class_of_cell_.find(cell);
  return known == class_of_cell_.end() ? -1 : known->second;
}

std::string EncodedSource::input_label(Index j) const { return excerpt(names_[static_cast<std::size_t>(j)]); }

std::string EncodedSource::target_label(Index t) const {
  return excerpt(encoding_.output_names()[static_cast<std::size_t>(t)]);
}

std::vector<Index> EncodedSource::groups() const {
  if (groups_at_ < 0) return {};
  std::vector<double> cells(static_cast<std::size_t>(rows()), nan);
  for_each_cell(table_, groups_at_, [&](Index row, double cell) {
    cells[static_cast<std::size_t>(row)] = cell;
    return true;
  });
  std::vector<double> names;  // levels, or the distinct numbers
  std::copy_if(cells.begin(), cells.end(), std::back_inserter(names), [](double cell) { return !std::isnan(cell); });
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  std::vector<Index> groups;
  groups.reserve(cells.size());
  for (const double cell : cells)
    groups.push_back(std::isnan(cell) ? -1 : std::lower_bound(names.begin(), names.end(), cell) - names.begin());
  return groups;
}

void EncodedSource::read(Index first, Index count, Block& block) const {
  table_.read(first, count, cells_);
  block.resize(count, inputs_, targets());
  for (Index i = 0; i < count; ++i) {
    bool left_out = false;
    for (const Part& part : parts_) {
      const double cell = cells_(i, part.at);
      const Index level = part.text && !std::isnan(cell) ? part.level_of[static_cast<std::size_t>(cell)] : -1;
      const bool missing = std::isnan(cell) || level == means_missing;
      left_out = left_out || (missing && encoding_.missing == Missing::drop);
      if (part.indicator) block.X(i, part.first + part.levels) = missing ? 1.0 : 0.0;
      if (!part.text) {
        block.X(i, part.first) = cell;
        continue;
      }
      const bool stays_open = missing && (!part.indicator || encoding_.missing == Missing::drop);
      auto indicators = block.X.row(i).segment(part.first, part.levels);
      indicators.setConstant(stays_open ? nan : 0.0);
      if (level >= 0) indicators[level] = 1.0;
    }
    for (std::size_t t = 0; t < target_at_.size(); ++t) {
      const double cell = cells_(i, target_at_[t]);
      left_out = left_out || std::isnan(cell);
      if (encoding_.classes.empty()) {
        block.Y(i, static_cast<Index>(t)) = cell;
        continue;
      }
      block.Y.row(i).setZero();
      const Index known = class_of(cell);
      if (known >= 0)
        block.Y(i, known) = 1.0;
      else
        left_out = true;  // the cell is missing
    }
    double weight = weights_at_ < 0 ? 1.0 : cells_(i, weights_at_);
    if (weight < 0)
      throw DataError(fmt::format("{}: the weight {} at {} is negative, expected at least 0", table_.path(), weight,
                                  table_.where(first + i)));
    left_out = left_out || (groups_at_ >= 0 && std::isnan(cells_(i, groups_at_)));
    if (with_targets_ && (left_out || std::isnan(weight))) {
      // The row takes part in nothing; finite cells keep 0·x from becoming NaN.
      weight = 0.0;
      block.X.row(i).setZero();
      block.Y.row(i).setZero();
    }
    block.w[i] = weight;
  }
}

}  // namespace sextant
