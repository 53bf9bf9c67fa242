#include "sextant/comparison.h"

#include <fmt/core.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <functional>
#include <limits>
#include <memory>
#include <new>
#include <utility>

#include "sextant/error.h"
#include "sextant/splits.h"

namespace sextant {
namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();
const char* const mean_name = "mean";
const char* const linear_name = "linear";

// The zero head is the only candidate, so nothing but the linear part is left; two units are the fewest there can be.
FitOptions without_head(FitOptions options, Preprocess preprocess) {
  options.method = Method::random_features;
  options.width = 2;
  options.lambda = {std::numeric_limits<double>::infinity()};
  options.head = Head::ridge;
  options.sample_splitting = false;
  options.target_transform = {};
  options.preprocess = preprocess;
  return options;
}

FitOptions linear_model(const FitOptions& options) { return without_head(options, Preprocess::linear); }

FitOptions mean_model(const FitOptions& options) {
  FitOptions result = without_head(options, Preprocess::none);
  result.standardise = true;  // the mean is what centring takes off
  return result;
}

Context named(const Context& context, const std::string& method) {
  Context result = context;
  if (context.progress)
    result.progress = [report = context.progress, method](const Progress& progress) {
      const std::string stage = fmt::format("{}: {}", method, progress.stage);
      return report({stage, progress.fraction});
    };
  return result;
}

// Leading directions with a share of the spectrum above rounding.
Matrix leading(const Directions& found, Index r) {
  const Vector& values = found.spectrum.values;
  const Index carrying = (values.array() > 1e-9).count();
  return found.spectrum.directions.topRows(std::min(r, carrying));
}

void summarise(Contender& contender, const Scores& mean) {
  const auto k = static_cast<double>(contender.scores.targets.size());
  contender.rmse = contender.r2 = contender.relative_error = 0;
  for (std::size_t t = 0; t < contender.scores.targets.size(); ++t) {
    const Score& score = contender.scores.targets[t];
    const double unit = mean.targets[t].rmse > 0 ? mean.targets[t].rmse : 1;
    contender.rmse += score.rmse / k;
    contender.r2 += score.r2 / k;
    contender.relative_error += score.rmse / unit * (score.rmse / unit) / k;
  }
  if (contender.scores.classes)
    contender.relative_error = contender.scores.classes->log_loss / std::max(1e-300, mean.classes->log_loss);
}

// Fits and measures.
class Contest {
 public:
  Contest(const RowSource& rows, const RowSource& test, const RowSource* validation, const Encoding& encoding,
          const Context& context)
      : rows_(rows), test_(test), validation_(validation), encoding_(encoding), context_(context) {}

  [[nodiscard]] Contender measure(const std::string& method, const FitOptions& options) const {
    const Context context = named(context_, method);
    const auto start = std::chrono::steady_clock::now();
    const Model model = fit(rows_, encoding_, options, context, validation_);
    Contender contender;
    contender.method = method;
    contender.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    contender.scores = evaluate(model, test_, context);
    Directions found = directions(model);
    if (found.rank.rank > 0) contender.directions = std::move(found);
    return contender;
  }

  // The same, with what goes wrong as the contender's failure.
  [[nodiscard]] Contender attempt(const std::string& method, const FitOptions& options) const {
    const auto failed = [&method](const std::string& why) {
      Contender contender;
      contender.method = method;
      contender.failure = why;
      contender.rmse = contender.r2 = contender.relative_error = contender.seconds = nan;
      return contender;
    };
    try {
      return measure(method, options);
    } catch (const Cancelled&) {
      throw;
    } catch (const RankError&) {
      throw;
    } catch (const IoError& error) {
      if (context_.ranks != nullptr) throw;  // it may have met this rank alone, and the others go on
      return failed(error.what());
    } catch (const Error& error) {
      return failed(error.what());
    } catch (const std::bad_alloc&) {
      if (context_.ranks != nullptr) throw;
      return failed("out of memory: fewer rows, or a smaller width, need less");
    }
  }

 private:
  const RowSource& rows_;
  const RowSource& test_;
  const RowSource* validation_;
  const Encoding& encoding_;
  const Context& context_;
};

void compare_directions(Comparison& comparison, const std::optional<Index>& rank) {
  const auto found_some = [](const Contender& contender) {
    return contender.directions && contender.method != linear_name && contender.method != mean_name;
  };
  auto& contenders = comparison.contenders;
  const auto best = std::find_if(contenders.begin(), contenders.end(), found_some);
  if (best == contenders.end()) return;
  comparison.best = best->method;
  const Directions& reference = *best->directions;
  const Index d = reference.spectrum.values.size();
  const Index r = rank.value_or(reference.rank.rank);
  if (r >= d && d > 1 && !rank) return;  // no gap in its spectrum
  comparison.rank = std::min(r, d);
  const Matrix U = leading(reference, comparison.rank);
  for (Contender& contender : contenders)
    if (contender.directions) contender.with_best = agreement(*contender.directions, comparison.rank, U);
}

}  // namespace

void ComparisonOptions::check() const {
  if (methods.empty()) throw InvalidArgument("methods: none given, expected at least one");
  for (std::size_t i = 0; i < methods.size(); ++i)
    for (std::size_t j = 0; j < i; ++j)
      if (methods[i] == methods[j])
        throw InvalidArgument(fmt::format("methods: '{}' given twice, expected each once", name(methods[i])));
  if (!(test_share > 0 && test_share <= 0.5))
    throw InvalidArgument(fmt::format("test-share: {} given, expected a number above 0 and at most 0.5", test_share));
  FitOptions shared = fit;
  shared.method = Method::algorithm_1;  // what depends on the method is checked for each
  shared.check();
}

Agreement agreement(const Directions& found, Index r, const Matrix& U) {
  const Matrix V = leading(found, r);
  return {principal_angles(U, V).maxCoeff(), overlap(U, V)};
}

Comparison compare(const RowSource& data, const Encoding& encoding, const ComparisonOptions& options,
                   const Context& context, const RowSource* test, const RowSource* validation) {
  options.check();
  Split split{&data, test, nullptr, nullptr};
  if (test == nullptr) {
    split = hold_out(data, options.test_share, options.fit, Purpose::test_rows);
    test = split.validation;
    if (split.train->rows() == 0 || test->rows() == 0)
      throw DataError(
          fmt::format("compare: of {} rows none is left to {}, expected more rows, or test rows of their own",
                      data.rows(), test->rows() == 0 ? "test on" : "learn from"));
  }
  const RowSource& rows = *split.train;

  Comparison comparison;
  comparison.rows = rows.rows();
  const Contest contest(rows, *test, validation, encoding, context);
  auto& contenders = comparison.contenders;
  contenders.push_back(contest.measure(mean_name, mean_model(options.fit)));
  const Scores mean = contenders.front().scores;
  comparison.test_rows = mean.n;
  if (mean.n == 0) throw DataError("compare: every test row has weight 0, expected some to test on");
  contenders.push_back(contest.measure(linear_name, linear_model(options.fit)));
  for (const Method method : options.methods) {
    FitOptions own = options.fit;
    own.method = method;
    contenders.push_back(contest.attempt(name(method), own));
  }
  for (Contender& contender : contenders)
    if (contender.failure.empty()) summarise(contender, mean);
  std::stable_sort(contenders.begin(), contenders.end(), [](const Contender& a, const Contender& b) {
    if (a.failure.empty() != b.failure.empty()) return a.failure.empty();
    return a.failure.empty() && a.relative_error < b.relative_error;
  });
  compare_directions(comparison, options.fit.rank);
  return comparison;
}

}  // namespace sextant
