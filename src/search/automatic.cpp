// The search as a line of values: partition the rows, race ways of learning on some of its splits, confirm on the
// others what was found, combine, learn on all rows.
#include "sextant/automatic.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <optional>
#include <tuple>
#include <utility>

#include "core/memory.h"
#include "core/parallel.h"
#include "method/model_size.h"
#include "search/combination.h"
#include "search/family.h"
#include "search/final_model.h"
#include "sextant/error.h"
#include "sextant/splits.h"

namespace sextant {
namespace {

constexpr double thorough_budget = 100;       // seconds from which every setting is tried
constexpr Index always_thorough_rows = 400;   // up to which that takes little time
constexpr Index cross_validated_rows = 2000;  // of more, one share is held out

// Where so much of the sizes of the mean's errors is left, every setting on every fold is worth its time.
constexpr double much_left = 0.5;

// How many rows of two equally frequent classes would say as much about which is which: 4nq(1 − q) of two classes of
// shares q and 1 − q, the information in an intercept. The rows themselves of all other targets.
double rows_worth(const RowSource& data, const FitOptions& options) {
  constexpr Index at_once = 1024;
  const auto n = static_cast<double>(data.rows());
  if (options.task != Task::classification || data.targets() != 2) return n;
  Vector weight = Vector::Zero(2);
  Block block;
  for (Index first = 0; first < data.rows(); first += at_once) {
    data.read(first, std::min(at_once, data.rows() - first), block);
    weight += block.Y.transpose() * block.w;
  }
  const double q = weight.sum() > 0 ? weight[0] / weight.sum() : 0.5;
  return 4 * n * q * (1 - q);
}

// Cross-validation where rows are few and nothing else was asked for, in no more folds than rows can be divided into.
// Never by the budget: what a larger one finds is measured on the same rows.
FitOptions with_folds(const FitOptions& options, const RowSource& data, const RowSource* validation) {
  FitOptions result = options;
  if (validation != nullptr || options.folds || !options.refit) return result;
  if (data.rows() > few_rows) return result;
  if (data.rows() > cross_validated_rows && rows_worth(data, options) > static_cast<double>(cross_validated_rows))
    return result;
  const auto wanted = std::max<Index>(2, std::lround(1.0 / options.validation_share));
  const Index folds = std::min(wanted, most_folds(data, options));
  if (folds >= 2) result.folds = folds;
  return result;
}

// Another partition of the rows; where they are cross-validated, with twice the folds: what is learned again is nearer
// to what all rows would teach.
FitOptions with_another_partition(const FitOptions& options, const RowSource& data) {
  FitOptions result = options;
  result.seed = ~options.seed;
  if (options.folds) result.folds = std::min(2 * *options.folds, most_folds(data, options));
  return result;
}

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

// Of long rows a few at a time, so that what views of views make of them stays in cache.
Context in_small_blocks(const Context& context, Index inputs) {
  constexpr Index cells = 1 << 20;
  Context result = context;
  result.block_rows = std::min(context.block_rows, std::max<Index>(8, cells / std::max<Index>(1, inputs)));
  return result;
}

// The rows in splits, scaled, and as searches see them.
struct Partition {
  // Divided as `division` says, to be learned from as `fit` says.
  Partition(const RowSource& data, const RowSource* validation_rows, const FitOptions& division, const FitOptions& fit,
            const Context& inner, const Scaling* fixed, const Prepared* whole_rows = nullptr)
      : options(fit),
        context(inner),
        preparation(prepare_training(data, validation_rows, division, context, fixed, whole_rows)),
        samples(held_out_samples(preparation, context)) {
    // Of all splits or of none: windows that expand in time may be few rows and many.
    const bool some = std::ranges::any_of(preparation.scaled,
                                          [](const ScaledSplit& split) { return split.train.rows() > ground_rows; });
    for (const ScaledSplit& split : preparation.scaled) {
      LearningRows all = learning_rows(split.train, &split.held_out, split.prepared, preparation.validation.epsilon,
                                       preparation.scaled.size());
      searched.push_back(some ? some_rows(all, division.seed, context) : std::move(all));
      if (some) whole.push_back(std::move(all));
    }
  }

  // The last `count` splits: of windows in time, those with the most rows.
  [[nodiscard]] Ground ground(std::size_t count, bool thorough) const {
    const auto last = [count](const auto& all) { return std::span(all).last(std::min(count, all.size())); };
    return {options,        context,
            last(searched), last(whole),
            last(samples),  preparation.validation.mean,
            thorough,       1 + static_cast<Index>(searched.size() - count)};
  }
  [[nodiscard]] Ground ground(bool thorough) const { return ground(searched.size(), thorough); }

  const FitOptions& options;
  const Context& context;
  Preparation preparation;
  std::vector<Sample> samples;
  std::vector<LearningRows> searched;
  std::vector<LearningRows> whole;  // where searches see some rows
};

// As a candidate was learned, but from the rows alone.
Learn learned_afresh(const Candidate& candidate, const FitOptions& options) {
  if (candidate.report.kept()) return candidate.learn;
  return [recipe = afresh(candidate.report.recipe), &options](const LearningRows& rows, const Context& context) {
    return learn(recipe, rows, options, context);
  };
}

// What a candidate, learned from a split's rows alone, says of its sample, for the first `count` splits of a ground; a
// NumericalError makes it a candidate that failed.
std::vector<Matrix> predictions_afresh(Candidate& candidate, const Ground& ground, std::size_t count) {
  std::vector<Matrix> F(count);
  const Learn learn_again = learned_afresh(candidate, ground.options);
  try {
    ground.each(static_cast<Index>(count), [&](Index i, const Context& context) {
      const auto split = static_cast<std::size_t>(i);
      F[split] = ground.predictions(learn_again(ground.of(split, candidate.extent), context), split, context);
    });
  } catch (const NumericalError& error) {
    candidate.report.failed = error.what();
  }
  return F;
}

// All that a search has come to.
struct Line {
  std::vector<Candidate> candidates;
  std::vector<double> bytes;  // that each would take in the model
  // Which candidates were considered, each time that others were.
  std::vector<std::vector<bool>> choices;
  Selection selection;
  double spent = 0;
  bool complete = true;     // nothing was left out by the budget
  bool first_look = false;  // whether the first look was beyond doubt
};

// A step waiting to be tried. Cheap ones come first, by octaves of cost; of those that cost about as much, families
// take turns: an order that the budget has no part in.
struct Pending {
  Step step;
  std::size_t family;
  std::size_t number;  // of its family's steps

  [[nodiscard]] auto key() const {
    constexpr double cheap = 1e9;  // all that costs less is alike
    const double octave = std::floor(std::log2(std::max(1.0, step.cost / cheap)));
    return std::tuple(!step.always, octave, number, family);
  }
};

// What a step of this many multiply-adds takes, in those of large products: small ones run slower, and much beside them
// is none.
double with_overhead(double cost, const Ground& ground) {
  constexpr double least = 2e9;
  constexpr double slow_rows = 400;
  return cost > 0 ? ground.for_targets() * (least + cost * (1 + slow_rows / static_cast<double>(ground.rows()))) : 0;
}

class Search {
 public:
  Search(const Partition& partition, Combination& combination, const SourceTask* source, double budget, Index all_rows)
      : partition_(partition), combination_(combination), source_(source), budget_(budget), all_rows_(all_rows) {}

  // Tries steps on a ground of the partition's last splits until there are none, or the next is beyond the budget. So
  // a larger budget tries all that a smaller one tried, and knows the same when it does.
  void run(const Ground& ground, const std::string& suffix, Line& line) {
    std::vector<Pending> pending;
    std::vector<std::size_t> count(families().size(), 0);  // of each family's steps
    const Method method = partition_.options.method;
    std::string without;  // families that would need something of d×d
    for (std::size_t family = 0; family < families().size(); ++family) {
      const Family& each = families()[family];
      if (method != Method::automatic && each.alone != method) continue;
      if (each.holds_rows && !partition_.options.training_rows) continue;
      if (ground.dual() && !each.in_dual) {
        without += fmt::format("{}{}", without.empty() ? "" : ", ", each.name);
        continue;
      }
      for (Step& step : each.start(ground, source_)) {
        step.cost = with_overhead(step.cost, ground);
        if (step.once && !line.candidates.empty()) continue;  // on another ground already
        pending.push_back({std::move(step), family, count[family]++});
      }
    }
    if (!without.empty() && suffix.empty())
      line.selection.left_out.push_back(
          {without, fmt::format("they need the covariance or the mean squared gradient of {} inputs, which {} rows do "
                                "not determine",
                                ground.inputs(), all_rows_)});
    Clues clues;
    while (!pending.empty()) {
      const auto next = std::ranges::min_element(pending, {}, &Pending::key);
      const Pending chosen = std::move(*next);
      if (!chosen.step.always && line.spent + chosen.step.cost > budget_) {
        *next = chosen;
        break;
      }
      pending.erase(next);
      const bool looked = suffix.empty() && (chosen.step.always || line.candidates.empty());
      line.spent += chosen.step.cost;
      Findings found = attempt(chosen.step, ground, clues);
      clues.take(found.clues);
      for (Step& step : found.next) {
        step.cost = with_overhead(step.cost, ground);
        pending.push_back({std::move(step), chosen.family, count[chosen.family]++});
      }
      std::ranges::move(found.left_out, std::back_inserter(line.selection.left_out));
      for (Candidate& candidate : found.candidates) take(std::move(candidate), chosen.step, ground, suffix, line);
      combination_.choose();
      if (line.choices.empty() || line.choices.back() != combination_.considered())
        line.choices.push_back(combination_.considered());
      if (looked) line.first_look = combination_.sure();
      line.selection.path.push_back(
          {chosen.step.name + suffix, chosen.step.cost, line.spent, combination_.relative_error()});
    }
    line.complete = line.complete && pending.empty();
    std::ranges::sort(pending, {}, &Pending::key);
    for (const Pending& each : pending) line.selection.skipped.push_back(each.step.name + suffix);
  }

 private:
  // Confirms a candidate on the splits that it was not searched on, and takes it in.
  void take(Candidate candidate, const Step& step, const Ground& ground, const std::string& suffix, Line& line) {
    const FitOptions& options = partition_.options;
    if (candidate.holds_rows && !options.training_rows) {
      line.selection.left_out.push_back(
          {candidate.report.name, "it is made of rows, of which the model is to hold none"});
      return;
    }
    const LearningRows& rows = ground.of(0, candidate.extent);
    const double bytes =
        stored_bytes(candidate.report.recipe, options, candidate.extent == Extent::all ? all_rows_ : rows.train->rows(),
                     ground.inputs(), ground.targets());
    const std::size_t others = partition_.searched.size() - ground.splits.size();
    if (others > 0 && candidate.report.failed.empty()) {
      std::vector<Matrix> F = predictions_afresh(candidate, partition_.ground(ground.thorough), others);
      std::ranges::move(candidate.held_out, std::back_inserter(F));
      candidate.held_out = std::move(F);
    }
    candidate.report.name += suffix;
    if (candidate.report.cost == 0) candidate.report.cost = step.cost;
    combination_.add(candidate.report, candidate.held_out, bytes);
    line.bytes.push_back(bytes);
    line.candidates.push_back(std::move(candidate));
  }

  const Partition& partition_;
  Combination& combination_;
  const SourceTask* source_;
  double budget_;
  Index all_rows_;  // that the model is made from in the end
};

// Everything tried with what the budget reaches, on the rows of one partition.
Line searched(const Partition& partition, const FitOptions& given, Index rows, const SourceTask* source,
              Combination& combination) {
  Line line;
  Search search(partition, combination, source, given.budget * multiply_adds_per_second, rows);
  if (rows <= always_thorough_rows || partition.ground(true).dual() || given.method != Method::automatic) {
    search.run(partition.ground(true), "", line);
    return line;
  }
  // Folds that were asked for, or windows in time, are raced on the last alone, too.
  search.run(partition.ground(1, false), "", line);
  const bool noisy = rows <= cross_validated_rows && combination.least_left() > much_left;
  if (line.complete && (given.budget >= thorough_budget || noisy))
    search.run(partition.ground(true), ", thorough", line);
  return line;
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
  auto partition = std::make_unique<Partition>(data, validation_rows, options, options, context, fixed);
  const double most = most_bytes(options, data.rows(), partition->preparation.all.scaling.inputs(), k);
  auto combination = std::make_unique<Combination>(partition->preparation, partition->samples, options, true, most);
  Line line = searched(*partition, given, data.rows(), source, *combination);
  for (std::size_t c = 0; c < line.candidates.size(); ++c)
    line.candidates[c].report.dropped = combination->why_dropped(c);
  if (!line.first_look && validation_rows == nullptr && !options.ordered && options.refit) {
    partition = std::make_unique<Partition>(data, nullptr, with_another_partition(options, data), options, context,
                                            fixed, &partition->preparation.all);
    combination = std::make_unique<Combination>(partition->preparation, partition->samples, options, false, most);
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
  const TrainingRows scaled_rows(preparation.again ? data : *preparation.splits.front().train, final);
  const FinalRows rows(scaled_rows, final, preparation.validation.epsilon, options, context);
  Trained trained = described(data, final);
  const auto learn_found = [&](std::size_t c, const Context& inner) {
    return line.candidates[c].learn(rows.of(selection.candidates[c]), inner);
  };
  trained.held_out = held_out_of(preparation, partition->samples, combination->held_out(line.candidates));
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
  const Prepared prepared = prepare(data, options, nullptr, kept, context, form_of(data, options), nullptr, true,
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
