// A table seen through an encoding.
#include <fmt/core.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <iterator>
#include <limits>
#include <utility>

#include "data/column_places.h"
#include "data/csv_cell.h"
#include "data/excerpt.h"
#include "sextant/encoding.h"
#include "sextant/error.h"

namespace sextant {
namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();

}  // namespace

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
    Part part{find(column.name), column.kind == ColumnKind::text, column.coded, inputs_, levels, column.indicator, {}};
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
      if (part.coded) {
        block.X(i, part.first) = missing ? nan : static_cast<double>(level);
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
