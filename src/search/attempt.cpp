#include "search/attempt.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <utility>

#include "core/from_first_rank.h"
#include "method/model_size.h"
#include "search/doubts.h"
#include "search/final_model.h"
#include "sextant/error.h"

namespace sextant {
namespace {

constexpr double thorough_budget = 100;  // seconds from which every setting is tried
constexpr int most_doubts = 6;           // rounds

// Where so much of the sizes of the mean's errors is left, every setting on every fold is worth its time.
constexpr double much_left = 0.5;

// What a step of this many multiply-adds takes, in those of large products: small ones run slower, and much beside them
// is none. Mixtures of classes are calibrated again after each step: measured on 4 000 rows of 30 classes.
double with_overhead(double cost, const Ground& ground) {
  constexpr double least = 2e9;
  constexpr double slow_rows = 400;
  constexpr double of_calibration = 30e3;  // a row and class
  if (!(cost > 0)) return 0;
  double calibration = 0;
  if (ground.options.task == Task::classification)
    for (const Sample& sample : ground.samples)
      calibration += of_calibration * static_cast<double>(sample.w.size() * ground.targets());
  return calibration + ground.for_targets() * (least + cost * (1 + slow_rows / static_cast<double>(ground.rows())));
}

// As a candidate was learned, but from the rows alone.
Learn learned_afresh(const Candidate& candidate, const FitOptions& options) {
  if (candidate.report.kept()) return candidate.learn;
  return [recipe = afresh(candidate.report.recipe), &options](const LearningRows& rows, const Context& context) {
    return learn(recipe, rows, options, context);
  };
}

}  // namespace

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

Course Search::start(Ground of_splits, const std::string& suffix, Line& line) const {
  Course course{std::make_shared<const Ground>(std::move(of_splits)), suffix};
  const Ground& ground = *course.ground;
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
      course.pending.push_back({std::move(step), family, course.count[family]++});
    }
  }
  if (!without.empty() && suffix.empty())
    line.selection.left_out.push_back(
        {without, fmt::format("they need the covariance or the mean squared gradient of {} inputs, which {} rows do "
                              "not determine",
                              ground.inputs(), all_rows_)});
  return course;
}

void Search::go_on(Course& course, double budget, Line& line) {
  auto& [of_splits, suffix, pending, count, clues] = course;
  const Ground& ground = *of_splits;
  while (!pending.empty()) {
    const auto next = std::ranges::min_element(pending, {}, &Pending::key);
    const Pending chosen = std::move(*next);
    if (!chosen.step.always && line.spent + chosen.step.cost > budget) {
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
}

void Search::end(Course& course, Line& line) {
  line.complete = line.complete && course.pending.empty();
  std::ranges::sort(course.pending, {}, &Pending::key);
  for (const Pending& each : course.pending) line.selection.skipped.push_back(each.step.name + course.suffix);
}

void Search::take(Candidate candidate, const Step& step, const Ground& ground, const std::string& suffix, Line& line) {
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

Attempt::Attempt(const RowSource& data, const RowSource* validation_rows, const FitOptions& options,
                 const Context& context, const Scaling* fixed, const SourceTask* known, std::vector<Index> doubted)
    : without(std::move(doubted)),
      rows(data, without),
      partition(std::make_unique<Partition>(rows, validation_rows, options, options, context, fixed)),
      most(most_bytes(options, data.rows(), partition->preparation.all.scaling.inputs(), data.targets())),
      combination(std::make_unique<Combination>(partition->preparation, partition->samples, options, true, most)),
      search(*partition, *combination, known, data.rows()) {
  const bool all_splits =
      data.rows() <= always_thorough_rows || partition->ground(true).dual() || options.method != Method::automatic;
  // Folds that were asked for, or windows in time, are raced on the last alone, too.
  course.emplace(search.start(all_splits ? partition->ground(true) : partition->ground(1, false), "", line));
  thorough = all_splits;
}

void Attempt::finish(double budget) {
  go_on(budget);
  Search::end(*course, line);
  const bool noisy = rows.rows() <= cross_validated_rows && combination->least_left() > much_left;
  if (thorough || !line.complete || !(budget >= thorough_budget || noisy)) return;
  course.emplace(search.start(partition->ground(true), ", thorough", line));
  go_on(budget);
  Search::end(*course, line);
}

std::unique_ptr<Attempt> search_of_trusted_rows(
    const std::function<std::unique_ptr<Attempt>(std::vector<Index> without)>& begin, const RowSource& data,
    const FitOptions& options, double look) {
  auto attempt = begin({});
  if (!(look > 0)) return attempt;
  const std::vector<Index> rows = held_out_rows(data, options);
  // Of very many targets, choices go by a sample of the rows: then most are not judged.
  Index judged_rows = 0;
  for (const Sample& sample : attempt->partition->samples) judged_rows += sample.w.size();
  if (judged_rows != static_cast<Index>(rows.size())) return attempt;
  if (const std::vector<Index>& silent = attempt->partition->preparation.all.silent; !silent.empty())
    attempt = begin(silent);
  attempt->go_on(look);
  for (int round = 0; round < most_doubts; ++round) {
    const Judged judged{attempt->held_out(), rows};
    const Scaling& scaling = attempt->partition->preparation.all.scaling;
    const std::vector<Index> without = from_first_rank(
        attempt->partition->context, [&] { return doubtful_rows(judged, attempt->without, attempt->rows, scaling); });
    if (without == attempt->without) break;
    auto other = begin(without);
    other->go_on(look);
    const Judged judged_without{other->held_out(), rows};
    const bool all_before = std::ranges::includes(attempt->without, without);
    if (!all_before && !from_first_rank(attempt->partition->context, [&] {
          return better_without(judged, attempt->without, judged_without, without);
        }))
      break;
    attempt = std::move(other);
  }
  return attempt;
}

}  // namespace sextant
