// The search as a line of values: partition the rows, race ways of learning on some of its splits, confirm on the
// others what was found, combine, learn on all rows.
#include "sextant/automatic.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "core/memory.h"
#include "core/parallel.h"
#include "method/model_size.h"
#include "search/attempt.h"
#include "search/combination.h"
#include "search/doubts.h"
#include "search/final_model.h"
#include "sextant/error.h"

namespace sextant {
namespace {

// A table in memory, where many views of it read its rows again and again.
class HeldTable final : public RowView {
 public:
  explicit HeldTable(const RowSource& table) : RowView(table) { table.read(0, table.rows(), all_); }

  void read(Index first, Index count, Block& block) const override {
    block.X = all_.X.middleRows(first, count);
    block.Y = all_.Y.middleRows(first, count);
    block.w = all_.w.segment(first, count);
  }

 private:
  [[nodiscard]] std::uint64_t find_fingerprint() const override { return source_.fingerprint(); }
  Block all_;
};

constexpr double held_bytes = 0x1p30;  // of a wide table
// Seconds of budget by which rows are found that others contradict: more budget does not change them, so that errors
// of larger ones are measured on the same rows.
constexpr double look = 1;

// Of long rows a few at a time, so that what views of views make of them stays in cache.
Context in_small_blocks(const Context& context, Index inputs) {
  constexpr Index cells = 1 << 20;
  Context result = context;
  result.block_rows = std::min(context.block_rows, std::max<Index>(8, cells / std::max<Index>(1, inputs)));
  return result;
}

// Learns what was considered, and the baselines, which nothing chosen may be worse than, again on another partition of
// the rows, with all settings as they were chosen, and chooses by that: what the first partition's held-out rows
// favoured by chance is not favoured by others.
void choose_again(const Partition& again, Line& line, Combination& combination) {
  const Ground ground = again.ground(true);
  std::vector<bool> tried(line.candidates.size());
  for (std::size_t c = 0; c < tried.size(); ++c) tried[c] = is_baseline(line.candidates[c].report);
  for (const std::vector<bool>& choice : line.choices)
    for (std::size_t c = 0; c < choice.size(); ++c) tried[c] = tried[c] || choice[c];
  for (std::size_t c = 0; c < tried.size(); ++c) {
    Candidate& candidate = line.candidates[c];
    if (!tried[c]) {
      combination.leave_out();
      continue;
    }
    candidate.report.dropped.clear();
    candidate.held_out = predictions_afresh(candidate, ground, again.searched.size());
    combination.add(candidate.report, candidate.held_out, line.bytes[c]);
  }
  std::vector<bool> these(tried.size());
  for (std::size_t c = 0; c < tried.size(); ++c) these[c] = is_baseline(line.candidates[c].report);
  combination.choose_among(these);
  for (std::vector<bool> choice : line.choices) {
    choice.resize(tried.size());
    for (std::size_t c = 0; c < tried.size(); ++c) choice[c] = choice[c] || these[c];
    combination.choose_among(choice);
  }
}

}  // namespace

Trained train_automatic(const RowSource& table, const RowSource* validation_rows, const FitOptions& given,
                        const Context& of_caller, const Scaling* fixed, const SourceTask* source) {
  const SingleThreadedBlas guard;  // between the passes, too: threads of BLAS wait for more by spinning
  const Context context = form_of(table, given) == Form::dual ? in_small_blocks(of_caller, table.inputs()) : of_caller;
  // Reading a wide table's long rows costs as much as what is learned from them.
  std::optional<HeldTable> held;
  if (form_of(table, given) == Form::dual &&
      sizeof(double) * static_cast<double>(table.rows()) * static_cast<double>(table.inputs()) <
          std::min(held_bytes, physical_memory() / 8))
    held.emplace(table);
  const RowSource& data = held ? static_cast<const RowSource&>(*held) : table;
  const Index k = data.targets();
  const FitOptions options = with_folds(given, data, validation_rows);
  // Where every row is predicted by what did not learn from it. With more inputs than rows, the others know too little
  // of a row to doubt its target.
  const bool doubts = options.folds && validation_rows == nullptr && !options.ordered && options.refit &&
                      options.task == Task::regression && options.clip_targets_or_default() &&
                      data.rows() <= cross_validated_rows && form_of(data, options) == Form::primal;
  const auto begin = [&](std::vector<Index> without) {
    return std::make_unique<Attempt>(data, validation_rows, options, context, fixed, source, std::move(without));
  };
  const std::unique_ptr<Attempt> attempt =
      search_of_trusted_rows(begin, data, options, doubts ? std::min(look, given.budget) : 0);
  attempt->finish(given.budget);
  const RowSource& trusted = attempt->rows;
  auto& partition = attempt->partition;
  auto& combination = attempt->combination;
  Line& line = attempt->line;
  FitOptions division = options;  // of the rows, by which what is chosen is measured
  for (std::size_t c = 0; c < line.candidates.size(); ++c)
    line.candidates[c].report.dropped = combination->why_dropped(c);
  if (!line.first_look && validation_rows == nullptr && !options.ordered && options.refit) {
    division = with_another_partition(options, data);
    auto again =
        std::make_unique<Partition>(trusted, nullptr, division, options, context, fixed, &partition->preparation.all);
    combination = std::make_unique<Combination>(again->preparation, again->samples, options, false, attempt->most);
    partition = std::move(again);
    choose_again(*partition, line, *combination);
  }
  Selection selection = std::move(line.selection);
  selection.nothing_found = combination->nothing_found();
  for (std::size_t c = 0; c < line.candidates.size(); ++c) {
    CandidateReport& report = selection.candidates.emplace_back(line.candidates[c].report);
    report.weight = combination->weights(c);
    if (report.dropped.empty()) report.dropped = combination->why_dropped(c);
  }

  const Preparation& preparation = partition->preparation;
  const Prepared& final = preparation.final();
  const TrainingRows scaled_rows(preparation.again ? trusted : *preparation.splits.front().train, final);
  const FinalRows rows(scaled_rows, final, preparation.validation.epsilon, options, context);
  Trained trained = described(trusted, final);
  const auto learn_found = [&](std::size_t c, const Context& inner) {
    return line.candidates[c].learn(rows.of(selection.candidates[c]), inner);
  };
  trained.held_out = held_out_of(preparation, partition->samples, combination->held_out(line.candidates));
  if (!attempt->without.empty()) {
    Judged judged{std::move(trained.held_out), held_out_rows(data, division)};
    trained.contradicted = contradicted(attempt->without, data, judged);
    trained.held_out = std::move(judged.held_out);
  }
  learn_model(selection, rows, options, context, learn_found, trained);
  trained.validation = preparation.validation;
  trained.validation.path = Matrix::Zero(0, k);
  trained.validation.at_grid_end.assign(static_cast<std::size_t>(k), false);
  trained.validation.chosen = trained.held_out.errors();
  trained.selection = std::move(selection);
  return trained;
}

Trained retrain_automatic(const RowSource& data, const Validation& choices, const Selection& selection,
                          const FitOptions& options, const Context& context, const std::vector<Index>* kept,
                          const LevelEncoding* levels) {
  options.check();
  context.check();
  const Prepared prepared = prepare(data, options, nullptr, kept, context, form_of(data, options), nullptr,
                                    levels != nullptr ? levels->plan() : std::vector<LevelSet>());
  const TrainingRows scaled_rows(data, prepared);
  const FinalRows rows(scaled_rows, prepared, choices.epsilon, options, context);
  Trained trained = described(data, prepared);
  const auto learn_again = [&](std::size_t c, const Context& inner) {
    const CandidateReport& report = selection.candidates[c];
    return learn(report.recipe, rows.of(report), options, inner);
  };
  trained.selection = selection;
  learn_model(trained.selection, rows, options, context, learn_again, trained);
  trained.validation = choices;
  return trained;
}

}  // namespace sextant
