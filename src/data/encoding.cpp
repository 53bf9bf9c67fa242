#include "sextant/encoding.h"

#include <fmt/core.h>

#include <algorithm>

#include "data/excerpt.h"
#include "sextant/error.h"

namespace sextant {

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
  return (kind == ColumnKind::number || coded ? 1 : static_cast<Index>(levels.size())) + (indicator ? 1 : 0);
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
    if (column.kind == ColumnKind::number || column.coded)
      names.push_back(column.name);
    else
      for (const std::string& level : column.levels) names.push_back(column.name + "=" + level);
    if (!column.indicator) continue;
    const bool taken =
        !column.coded && std::find(column.levels.begin(), column.levels.end(), "missing") != column.levels.end();
    names.push_back(column.name + (taken ? "=(missing)" : "=missing"));
  }
  return names;
}

std::vector<InputKind> Encoding::input_kinds() const {
  std::vector<InputKind> kinds;
  for (const InputColumn& column : columns) {
    if (column.left_out != LeftOut::no) continue;
    if (column.kind == ColumnKind::number || column.coded)
      kinds.push_back(column.coded ? InputKind::code : InputKind::number);
    else
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

}  // namespace sextant
