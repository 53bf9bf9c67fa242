#include "sextant/encoding.h"

#include <fmt/core.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <iterator>
#include <limits>
#include <set>

#include "data/excerpt.h"
#include "sextant/error.h"

namespace sextant {
namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();

Index position(const std::vector<std::string>& names, const std::string& name) {
  const auto found = std::find(names.begin(), names.end(), name);
  return found == names.end() ? -1 : found - names.begin();
}

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

std::vector<Index> find_columns(const std::vector<std::string>& names, const std::vector<std::string>& wanted,
                                const std::string& option) {
  std::vector<Index> found;
  for (const std::string& name : wanted) {
    const Index at = find_column(names, name, option);
    if (std::find(found.begin(), found.end(), at) != found.end())
      throw InvalidArgument(fmt::format("{}: {} is given twice", option, excerpt(names[static_cast<std::size_t>(at)])));
    found.push_back(at);
  }
  return found;
}

// What a model needs of a table's columns; throws DataError naming those that are not there.
std::vector<ColumnUse> uses_by_model(const std::string& path, const std::vector<std::string>& names,
                                     const Encoding& encoding, bool with_targets) {
  std::vector<ColumnUse> uses(names.size(), ColumnUse::skip);
  std::vector<std::string> absent;
  const auto want = [&](const std::string& name, ColumnUse use) {
    const Index at = position(names, name);
    if (at < 0)
      absent.push_back(name);
    else
      uses[static_cast<std::size_t>(at)] = use;
  };
  for (const InputColumn& column : encoding.columns)
    want(column.name, column.kind == ColumnKind::number ? ColumnUse::number : ColumnUse::text);
  if (with_targets) {
    const bool text = !encoding.classes.empty() && encoding.class_kind == ColumnKind::text;
    for (const std::string& target : encoding.targets) want(target, text ? ColumnUse::text : ColumnUse::number);
    if (!encoding.weights.empty()) want(encoding.weights, ColumnUse::number);
  }
  if (!absent.empty())
    throw DataError(fmt::format("{}: the model needs {} {}, which the table lacks; it has {}", path,
                                absent.size() > 1 ? "the columns" : "the column", listed(absent), listed(names)));
  return uses;
}

bool contains(const std::vector<Index>& list, Index at) {
  return std::find(list.begin(), list.end(), at) != list.end();
}

// How a target's cells are to be read: as numbers, or, where they name classes, as what they are found to be.
ColumnUse use_of_target(bool classes) { return classes ? ColumnUse::detect : ColumnUse::number; }

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
void take_classes(const Table& table, Index max_levels, Encoding& encoding) {
  const std::string& target = encoding.targets.front();
  const Index at = position(names_of(table.columns()), target);
  const Column& column = table.columns()[static_cast<std::size_t>(at)];
  encoding.class_kind = column.kind;
  encoding.classes = column.levels;
  if (column.kind == ColumnKind::number) {
    std::set<double> found;
    for_each_cell(table, at, [&](Index, double cell) {
      found.insert(cell);
      return static_cast<Index>(found.size()) <= max_levels;
    });
    if (static_cast<Index>(found.size()) > max_levels)
      throw DataError(
          fmt::format("{}: {} holds more than {} different numbers, too many for classes; the task regression predicts "
                      "a number",
                      table.path(), excerpt(target), max_levels));
    for (const double value : found) encoding.classes.push_back(fmt::format("{}", value + 0.0));  // no −0
  }
  if (encoding.classes.size() < 2)
    throw DataError(fmt::format("{}: {} {}, expected at least 2 classes", table.path(), excerpt(target),
                                encoding.classes.empty()
                                    ? "has no value"
                                    : fmt::format("is {} in every row", excerpt(encoding.classes.front()))));
}

}  // namespace

Index Encoding::inputs() const {
  Index sum = 0;
  for (const InputColumn& column : columns) sum += column.width();
  return sum;
}

std::vector<std::string> Encoding::input_names() const {
  std::vector<std::string> names;
  for (const InputColumn& column : columns) {
    if (column.kind == ColumnKind::number) names.push_back(column.name);
    for (const std::string& level : column.levels) names.push_back(column.name + "=" + level);
  }
  return names;
}

Index Encoding::outputs() const { return static_cast<Index>(classes.empty() ? targets.size() : classes.size()); }

std::vector<std::string> Encoding::output_names() const {
  if (classes.empty()) return targets;
  std::vector<std::string> names;
  for (const std::string& each : classes) names.push_back(targets.front() + "=" + each);
  return names;
}

Index find_column(const std::vector<std::string>& names, const std::string& wanted, const std::string& option) {
  const Index by_name = position(names, wanted);
  if (by_name >= 0) return by_name;
  Index number = 0;
  const auto [end, error] = std::from_chars(wanted.data(), wanted.data() + wanted.size(), number);
  if (error == std::errc() && end == wanted.data() + wanted.size() && number >= 1 &&
      number <= static_cast<Index>(names.size()))
    return number - 1;
  throw InvalidArgument(fmt::format("{}: there is no column {}, expected one of {} or a number from 1 to {}", option,
                                    excerpt(wanted), listed(names), names.size()));
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
  const auto targets = find_columns(names, roles.targets, "target");
  const auto ignored = find_columns(names, roles.ignore, "ignore");
  const auto features = find_columns(names, roles.features, "features");
  const Index weights = roles.weights.empty() ? -1 : find_column(names, roles.weights, "weights");
  const Index groups = roles.groups.empty() ? -1 : find_column(names, roles.groups, "groups");

  const auto name_of = [&](Index at) { return names[static_cast<std::size_t>(at)]; };
  const auto refuse = [&](const char* option, Index at, const char* other) {
    throw InvalidArgument(
        fmt::format("{}: {} is {} too, expected one role for a column", option, excerpt(name_of(at)), other));
  };
  if (contains(targets, weights)) refuse("weights", weights, "a target");
  if (contains(ignored, weights)) refuse("weights", weights, "ignored");
  if (contains(targets, groups)) refuse("groups", groups, "a target");
  if (groups >= 0 && groups == weights) refuse("groups", groups, "the weights");
  for (const Index at : targets)
    if (contains(ignored, at)) refuse("target", at, "ignored");
  for (const Index at : features) {
    if (contains(targets, at)) refuse("features", at, "a target");
    if (contains(ignored, at)) refuse("features", at, "ignored");
    if (at == weights) refuse("features", at, "the weights");
    if (at == groups) refuse("features", at, "the groups");
  }

  ColumnRoles resolved;
  resolved.classes = roles.classes;
  for (const Index at : targets) resolved.targets.push_back(name_of(at));
  for (const Index at : ignored) resolved.ignore.push_back(name_of(at));
  if (weights >= 0) resolved.weights = name_of(weights);
  if (groups >= 0) resolved.groups = name_of(groups);
  for (Index at = 0; at < columns; ++at) {
    const bool offered = features.empty() || contains(features, at);
    if (offered && at != weights && at != groups && !contains(targets, at) && !contains(ignored, at))
      resolved.features.push_back(name_of(at));
  }
  if (resolved.features.empty())
    throw InvalidArgument(fmt::format("features: no input is left among the columns {}", listed(names)));
  return resolved;
}

EncodedTable open_for_fit(const std::string& path, const ColumnRoles& roles, Missing missing, TableOptions options) {
  ColumnRoles resolved;
  options.choose = [&](const std::vector<std::string>& names) {
    resolved = resolve_roles(names, roles);
    std::vector<ColumnUse> uses(names.size(), ColumnUse::skip);
    const auto use = [&](const std::string& name) -> ColumnUse& {
      return uses[static_cast<std::size_t>(position(names, name))];
    };
    for (const std::string& name : resolved.features) use(name) = ColumnUse::detect;
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
  const auto names = names_of(opened.table->columns());
  for (const std::string& name : resolved.features) {
    const Column& column = opened.table->columns()[static_cast<std::size_t>(position(names, name))];
    opened.encoding.columns.push_back({column.name, column.kind, column.levels});
  }
  if (roles.classes) take_classes(*opened.table, options.max_levels, opened.encoding);
  return opened;
}

EncodedTable open_for_transfer(const std::string& path, const Encoding& encoding, const ColumnRoles& roles,
                               Missing missing, TableOptions options) {
  EncodedTable opened;
  opened.encoding = encoding;
  opened.encoding.missing = missing;
  opened.encoding.classes.clear();
  options.choose = [&](const std::vector<std::string>& names) {
    ColumnRoles known = roles;
    known.ignore.clear();
    known.features.clear();
    for (const InputColumn& column : encoding.columns) known.features.push_back(column.name);
    auto uses = uses_by_model(path, names, encoding, false);  // an absent input is reported as such
    for (const std::string& target : known.targets) {
      const std::string& name = names[static_cast<std::size_t>(find_column(names, target, "target"))];
      if (std::find(known.features.begin(), known.features.end(), name) != known.features.end())
        throw InvalidArgument(
            fmt::format("target: {} is an input of the model, expected another column", excerpt(name)));
    }
    const ColumnRoles resolved = resolve_roles(names, known);
    opened.encoding.targets = resolved.targets;
    opened.encoding.weights = resolved.weights;
    opened.encoding.groups = resolved.groups;
    for (const std::string& target : resolved.targets)
      uses[static_cast<std::size_t>(position(names, target))] = use_of_target(roles.classes);
    if (!resolved.weights.empty())
      uses[static_cast<std::size_t>(position(names, resolved.weights))] = ColumnUse::number;
    if (!resolved.groups.empty()) uses[static_cast<std::size_t>(position(names, resolved.groups))] = ColumnUse::label;
    return uses;
  };
  opened.table = open_table(path, options);
  if (roles.classes) take_classes(*opened.table, options.max_levels, opened.encoding);
  return opened;
}

std::unique_ptr<Table> open_for_model(const std::string& path, const Encoding& encoding, bool with_targets,
                                      TableOptions options) {
  options.choose = [&](const std::vector<std::string>& names) {
    return uses_by_model(path, names, encoding, with_targets);
  };
  return open_table(path, options);
}

EncodedSource::EncodedSource(const Table& table, Encoding encoding, bool with_targets)
    : table_(table), encoding_(std::move(encoding)), with_targets_(with_targets) {
  const auto names = names_of(table.columns());
  const auto find = [&](const std::string& name) {
    const Index at = position(names, name);
    if (at < 0) throw DataError(fmt::format("{}: there is no column {}", table.path(), excerpt(name)));
    return at;
  };
  for (const InputColumn& column : encoding_.columns) {
    Part part{find(column.name), column.kind == ColumnKind::text, inputs_, column.width(), {}};
    if (part.text) {
      for (const std::string& level : table.columns()[static_cast<std::size_t>(part.at)].levels) {
        part.level_of.push_back(position(column.levels, level));
        if (part.level_of.back() < 0) unknown_.push_back({column.name, level});
      }
    }
    inputs_ += part.width;
    parts_.push_back(std::move(part));
  }
  if (with_targets_) {
    for (const std::string& target : encoding_.targets) target_at_.push_back(find(target));
    if (!encoding_.weights.empty()) weights_at_ = find(encoding_.weights);
    if (!encoding_.groups.empty()) groups_at_ = position(names, encoding_.groups);
  }

  const auto missing = table.missing();
  const auto check = [&](Index at, bool may_be_missing) {
    const MissingCells& cells = missing[static_cast<std::size_t>(at)];
    if (cells.count == 0) return;
    has_missing_ = true;
    if (!may_be_missing)
      throw DataError(
          fmt::format("{}: {} has {} missing value{} (first at {}), which only a model fitted with --missing "
                      "drop or mean accepts",
                      table.path(), excerpt(names[static_cast<std::size_t>(at)]), cells.count,
                      cells.count == 1 ? "" : "s", table.where(cells.first_row)));
  };
  const bool allowed = encoding_.missing != Missing::error;
  for (const Part& part : parts_) check(part.at, allowed);
  for (const Index at : target_at_) check(at, allowed);
  if (weights_at_ >= 0) check(weights_at_, allowed);
  if (groups_at_ >= 0) check(groups_at_, allowed);
  if (with_targets_ && !encoding_.classes.empty()) find_classes();
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
    for (std::size_t level = 0; level < column.levels.size(); ++level) {
      const Index known = position(encoding_.classes, column.levels[level]);
      if (known >= 0) class_of_cell_[static_cast<double>(level)] = known;
    }
    if (class_of_cell_.size() == column.levels.size()) return;
    for_each_cell(table_, at, [&](Index row, double cell) {
      if (class_of(cell) < 0) refuse(column.levels[static_cast<std::size_t>(cell)], row);
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

std::string EncodedSource::input_label(Index j) const {
  return excerpt(encoding_.input_names()[static_cast<std::size_t>(j)]);
}

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
      left_out = left_out || (std::isnan(cell) && encoding_.missing == Missing::drop);
      if (!part.text) {
        block.X(i, part.first) = cell;
        continue;
      }
      auto indicators = block.X.row(i).segment(part.first, part.width);
      indicators.setConstant(std::isnan(cell) ? nan : 0.0);
      if (std::isnan(cell)) continue;
      const Index level = part.level_of[static_cast<std::size_t>(cell)];
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
      if (known >= 0) block.Y(i, known) = 1.0;  // else the cell is missing
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
