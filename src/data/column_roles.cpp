// Which columns play which part.
#include <fmt/core.h>

#include "data/column_places.h"
#include "data/excerpt.h"
#include "sextant/encoding.h"
#include "sextant/error.h"

namespace sextant {
namespace {

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

}  // namespace

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

}  // namespace sextant
