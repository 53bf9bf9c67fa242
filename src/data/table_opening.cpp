// Tables as models want them: which columns are read, and which of them are inputs.
#include <fmt/core.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "data/column_places.h"
#include "data/csv_cell.h"
#include "data/excerpt.h"
#include "sextant/encoding.h"
#include "sextant/error.h"

namespace sextant {
namespace {

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

// Where columns have many levels, other tables may have as many that are none of them.
void allow_levels(const Encoding& encoding, TableOptions& options) {
  constexpr Index most = 1 << 22;
  if (std::ranges::any_of(encoding.columns, &InputColumn::coded))
    options.max_levels = std::max(options.max_levels, most);
}

// How a target's cells are to be read: as numbers, or, where they name classes, as what they are found to be.
ColumnUse use_of_target(bool classes) { return classes ? ColumnUse::classes : ColumnUse::number; }

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
std::string sentence_on(const Table& table, LeftOut why, const std::vector<Index>& columns, Index most_texts,
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
  return begin +
         fmt::format("its texts are too many to learn from, more than {} or fewer than two cells each", most_texts) +
         end;
}

}  // namespace

std::vector<std::string> choose_inputs(const Table& table, const std::vector<std::string>& features, Encoding& encoding,
                                       Index most_texts) {
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
    else if (static_cast<Index>(column.levels.size()) > most_indicators) {
      input.coded = true;
      if (2 * static_cast<Index>(column.levels.size()) > present) input.left_out = LeftOut::levels;
    }
    if (input.left_out != LeftOut::no) {
      input.levels.clear();
      input.coded = false;
      left_out[input.left_out].push_back(static_cast<Index>(at));
    } else {
      input.indicator = encoding.missing == Missing::indicator && counted.missing[at] > 0;
      if (const std::string doubt = doubt_about(column, present); column.kind == ColumnKind::text && !doubt.empty())
        notices.push_back(fmt::format("{}: {} is text of {} different values (the first is {}); {}", table.path(),
                                      excerpt(column.name), column.levels.size(), example_of(table, column), doubt));
    }
    encoding.columns.push_back(std::move(input));
  }
  for (const auto& [why, columns] : left_out) notices.push_back(sentence_on(table, why, columns, most_texts, missing));
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
  opened.notices = choose_inputs(*opened.table, resolved.features, opened.encoding, options.most_texts);
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
  allow_levels(encoding, options);
  opened.table = open_table(path, options);
  if (roles.classes) take_classes(*opened.table, options.max_classes, opened.encoding);
  return opened;
}

std::unique_ptr<Table> open_for_model(const std::string& path, const Encoding& encoding, bool with_targets,
                                      TableOptions options) {
  add_missing_values(encoding, options);
  allow_levels(encoding, options);
  options.choose = [&](const std::vector<std::string>& names) {
    return uses_by_model(path, names, encoding, with_targets);
  };
  return open_table(path, options);
}

}  // namespace sextant
