#include "model/level_file.h"

#include <fmt/core.h>

#include <utility>

#include "sextant/error.h"

namespace sextant {

using nlohmann::json;

namespace {

std::string tensor_name(std::size_t set, const char* what) { return fmt::format("levels.{}.{}", set, what); }

void check_ascending(const std::vector<Index>& list, Index end, const char* what) {
  Index before = -1;
  for (const Index each : list) {
    if (each <= before || each >= end) throw DataError(fmt::format("the {} of a set of levels are not in order", what));
    before = each;
  }
}

LevelSet set_from(const json& entry, const TensorReader& tensors, std::size_t s, Index inputs, Index targets) {
  LevelSet set;
  entry.at("inputs").get_to(set.inputs);
  entry.at("targets").get_to(set.targets);
  if (set.inputs.empty() || set.inputs.size() > 2) throw DataError("a set of levels is of neither one column nor two");
  check_ascending(set.inputs, inputs, "columns");
  check_ascending(set.targets, targets, "targets");
  const auto shape = tensors.shape(tensor_name(s, "count"));
  if (shape.size() != 1 || shape[0] < 1) throw DataError("a set of levels has none");
  const Index L = shape[0];
  set.levels = tensors.matrix(tensor_name(s, "level"), L, static_cast<Index>(set.inputs.size()));
  set.count = tensors.vector(tensor_name(s, "count"), L);
  set.sum = tensors.matrix(tensor_name(s, "sum"), L, static_cast<Index>(set.targets.size()));
  if ((set.count.array() < 0).any()) throw DataError("a level occurs less than never");
  for (Index l = 1; l < L; ++l) {
    const auto row = set.levels.row(l);
    const auto last = set.levels.row(l - 1);
    if (!(last[0] < row[0] || (last[0] == row[0] && row.size() > 1 && last[1] < row[1])))
      throw DataError("a set's levels do not ascend");
  }
  return set;
}

}  // namespace

void add_levels(const LevelEncoding& levels, TensorList& tensors) {
  tensors.add("levels.prior", levels.prior);
  for (std::size_t s = 0; s < levels.sets.size(); ++s) {
    tensors.add(tensor_name(s, "level"), levels.sets[s].levels);
    tensors.add(tensor_name(s, "count"), levels.sets[s].count);
    tensors.add(tensor_name(s, "sum"), levels.sets[s].sum);
  }
}

json to_json(const LevelEncoding& levels) {
  json sets = json::array();
  for (const LevelSet& set : levels.sets) sets.push_back({{"inputs", set.inputs}, {"targets", set.targets}});
  return {{"odds", levels.odds}, {"targets", levels.of_targets}, {"sets", std::move(sets)}};
}

std::shared_ptr<const LevelEncoding> levels_from(const json& entry, const TensorReader& tensors, Index table_inputs) {
  auto levels = std::make_shared<LevelEncoding>();
  levels->table_inputs = table_inputs;
  entry.at("odds").get_to(levels->odds);
  entry.at("targets").get_to(levels->of_targets);
  const auto k = static_cast<Index>(levels->of_targets.size());
  levels->prior = tensors.vector("levels.prior", k);
  const json& sets = entry.at("sets");
  for (std::size_t s = 0; s < sets.size(); ++s)
    levels->sets.push_back(set_from(sets.at(s), tensors, s, table_inputs, k));
  if (levels->odds) {
    if (!((levels->prior.array() > 0) && (levels->prior.array() < 1)).all())
      throw DataError("a class's share of the rows is not between 0 and 1");
    // Log-odds of p outside (0, 1) are none.
    for (const LevelSet& set : levels->sets)
      for (Index l = 0; l < set.sum.rows(); ++l)
        if ((set.sum.row(l).array() < 0).any() || (set.sum.row(l).array() > set.count[l] + 1e-6).any())
          throw DataError("a level's rows of a class are fewer than none or more than all");
  }
  return levels;
}

}  // namespace sextant
