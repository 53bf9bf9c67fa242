#include "method/workbench.h"

#include <omp.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <numeric>
#include <utility>

#include "core/from_first_rank.h"
#include "core/memory.h"
#include "core/parallel.h"
#include "core/ties.h"
#include "method/searches.h"
#include "sextant/error.h"
#include "sextant/random.h"
#include "sextant/row_ranges.h"

namespace sextant {
namespace {

// Of training rows, and as much of held-out rows, in memory: stages pass over them many times.
constexpr double gathered_bytes = 0x1p26;

// For work on one thread of several.
Context quiet(const Context& context, std::atomic<bool>& stopped) {
  Context inner = context;
  inner.threads = 1;
  // Only the thread that called may talk to the caller; the others notice when it was told to stop.
  inner.progress = [&context, &stopped](const Progress& progress) {
    if (omp_get_thread_num() == 0 && context.progress && !context.progress(progress)) stopped = true;
    return !stopped;
  };
  return inner;
}

}  // namespace

LearningRows learning_rows(const RowSource& train, const RowSource* held_out, const Prepared& prepared,
                           const Vector& epsilon, std::size_t splits) {
  LearningRows rows;
  const double most_bytes = std::min(gathered_bytes, physical_memory() / 8) / static_cast<double>(splits);
  const auto in_memory = [most_bytes](const RowSource& source, std::unique_ptr<RowSource>& own) -> const RowSource* {
    const double bytes =
        sizeof(double) * static_cast<double>(source.rows()) * static_cast<double>(source.inputs() + source.targets());
    if (bytes > most_bytes) return &source;
    own = std::make_unique<GatheredSource>(source);
    return own.get();
  };
  rows.train = in_memory(train, rows.own_train);
  if (held_out != nullptr) rows.held_out = in_memory(*held_out, rows.own_held_out);
  rows.moments = &prepared.moments;
  rows.square_units = prepared.scaling.y_scale.cwiseAbs2();
  rows.epsilon = epsilon;
  return rows;
}

namespace {

std::unique_ptr<RowSource> some_of(const RowSource& rows, Index most, std::uint64_t seed) {
  const Index n = rows.rows();
  const Stream random(seed, Purpose::ground_rows);
  RowRanges some;
  for (Index run = 0; run < most; ++run) {
    const Index first = run * n / most;
    const Index length = (run + 1) * n / most - first;
    some.add(first + std::min(length - 1, static_cast<Index>(random.uniform(static_cast<std::uint64_t>(run)) *
                                                             static_cast<double>(length))));
  }
  return std::make_unique<GatheredSource>(RangeSource(rows, some));
}

}  // namespace

LearningRows ground_of(const LearningRows& rows, std::uint64_t seed, const Context& context) {
  LearningRows some;
  some.train = rows.train;
  some.held_out = rows.held_out;
  some.moments = rows.moments;
  some.square_units = rows.square_units;
  some.epsilon = rows.epsilon;
  if (rows.train->rows() > ground_rows) {
    some.own_train = some_of(*rows.train, ground_rows, seed);
    some.train = some.own_train.get();
    some.own_moments = std::make_unique<Moments>(moments(*some.train, context));
    some.moments = some.own_moments.get();
  }
  if (rows.held_out != nullptr && rows.held_out->rows() > ground_held_out_rows) {
    some.own_held_out = some_of(*rows.held_out, ground_held_out_rows, seed);
    some.held_out = some.own_held_out.get();
  }
  return some;
}

double Workbench::relative(const Vector& error) const {
  return error.cwiseQuotient(mean_error.cwiseMax(1e-300)).mean();
}

bool Workbench::reaches(const std::string& name, double cost, double share) {
  if (budget.take(cost, share)) return true;
  skipped.push_back(name);
  return false;
}

void Workbench::offer_outer_products(const std::vector<Matrix>& A, double error) {
  suggest_outer_products(A, error);
  if (!clearly_less(error, outer_products_error)) return;
  outer_products = A;
  outer_products_error = error;
}

void Workbench::suggest_outer_products(const std::vector<Matrix>& A, double error) {
  if (!clearly_less(error, suggested_error)) return;
  suggested_outer_products = A;
  suggested_error = error;
}

void Workbench::offer_exponent(double of_kernel, double error_with_few_centres) {
  if (!clearly_less(error_with_few_centres, least_with_few_centres)) return;
  exponent = of_kernel;
  least_with_few_centres = error_with_few_centres;
}

void side_by_side(Index rows, Index count, const Context& context,
                  const std::function<void(Index, const Context&)>& work) {
  if (rows > few_rows || count == 1 || context.ranks != nullptr) {
    for (Index i = 0; i < count; ++i) work(i, context);
    return;
  }
  std::atomic<bool> stopped = false;
  const Context inner = quiet(context, stopped);
  try {
    parallel_tiles(context.thread_count(), count, [&](Index i) { work(i, inner); });
  } catch (const NumericalError&) {
    if (stopped) throw Cancelled();  // of which the caller must hear
    throw;
  }
}

std::vector<std::size_t> Workbench::race(
    std::size_t settings, std::size_t kept,
    const std::function<void(std::size_t setting, std::size_t split, const Context&)>& work,
    const std::function<double(std::size_t setting, std::size_t splits)>& error) const {
  const std::size_t all = splits.size();
  const std::size_t first = settings > kept ? std::min<std::size_t>(2, all) : all;
  std::vector<std::size_t> running(settings);
  std::iota(running.begin(), running.end(), 0);
  const auto run = [&](std::size_t from, std::size_t to) {
    const std::size_t width = to - from;
    each(static_cast<Index>(running.size() * width), [&](Index task, const Context& inner) {
      const auto at = static_cast<std::size_t>(task);
      work(running[at / width], from + at % width, inner);
    });
  };
  run(0, first);
  if (first == all) return running;
  std::vector<double> errors;
  for (const std::size_t setting : running) errors.push_back(error(setting, first));
  running = order_with_ties(errors);
  running.resize(kept);
  std::sort(running.begin(), running.end());
  run(first, all);
  return running;
}

bool Workbench::attempt(const std::string& name, const std::function<void()>& search) {
  try {
    search();
    return true;
  } catch (const NumericalError& error) {
    Candidate candidate;
    candidate.report.name = name;
    candidate.report.failed = error.what();
    candidate.report.error = Vector::Constant(targets(), std::numeric_limits<double>::infinity());
    candidate.report.weight = Vector::Zero(targets());
    found.push_back(std::move(candidate));
    return false;
  }
}

void Workbench::add(CandidateReport report, const std::function<Fitted(std::size_t split)>& of_split,
                    std::function<Fitted(const LearningRows&, const Context&)> learn_again, Ground ground) {
  Candidate candidate{std::move(report), std::move(learn_again), {}};
  candidate.report.rows = ground == Ground::searched && !whole.empty() ? rows() : 0;
  for (std::size_t i = 0; i < splits.size(); ++i) {
    const Fitted fitted = of_split(i);
    candidate.held_out.push_back(from_first_rank(
        context, [&](const Context& own) { return outputs(fitted.linear, fitted.predictors, samples[i].X, own); }));
    if (!candidate.held_out.back().allFinite()) throw NumericalError("its predictions of held-out rows overflow");
  }
  found.push_back(std::move(candidate));
}

void Workbench::add(CandidateReport report, const std::function<Fitted(std::size_t split)>& of_split, Ground ground) {
  auto again = [recipe = report.recipe, &learned_by = options](const LearningRows& rows, const Context& inner) {
    return learn(recipe, rows, learned_by, inner);
  };
  add(std::move(report), of_split, std::move(again), ground);
}

}  // namespace sextant
