#include "search/ground.h"

#include <omp.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <mutex>
#include <numeric>
#include <utility>

#include "core/from_first_rank.h"
#include "core/memory.h"
#include "core/parallel.h"
#include "core/ties.h"
#include "search/wide_learners.h"
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

// Rows that stay where they are, read by one thread at a time: splits and candidates that are worked on side by side
// are views of one table, which is not for concurrent use.
class OneReaderSource final : public RowView {
 public:
  explicit OneReaderSource(const RowSource& source) : RowView(source) {}

  void read(Index first, Index count, Block& block) const override {
    const std::lock_guard lock(reading());
    source_.read(first, count, block);
  }

 private:
  [[nodiscard]] std::uint64_t find_fingerprint() const override { return source_.fingerprint(); }
  // Of all tables: which of them views share is not known here.
  static std::mutex& reading() {
    static std::mutex mutex;
    return mutex;
  }
};

}  // namespace

LearningRows learning_rows(const RowSource& train, const RowSource* held_out, const Prepared& prepared,
                           const Vector& epsilon, std::size_t splits) {
  LearningRows rows;
  const double most_bytes = std::min(gathered_bytes, physical_memory() / 8) / static_cast<double>(splits);
  const auto in_memory = [most_bytes](const RowSource& source, std::unique_ptr<RowSource>& own) -> const RowSource* {
    const double bytes =
        sizeof(double) * static_cast<double>(source.rows()) * static_cast<double>(source.inputs() + source.targets());
    if (bytes > most_bytes)
      own = std::make_unique<OneReaderSource>(source);
    else
      own = std::make_unique<GatheredSource>(source);
    return own.get();
  };
  rows.train = in_memory(train, rows.own_train);
  if (held_out != nullptr) rows.held_out = in_memory(*held_out, rows.own_held_out);
  rows.moments = &prepared.moments;
  rows.square_units = prepared.scaling.y_scale.cwiseAbs2();
  rows.epsilon = epsilon;
  rows.wide = std::make_shared<WideMemo>();
  return rows;
}

RowRanges evenly_drawn(Index n, Index most, std::uint64_t seed) {
  const Stream random(seed, Purpose::ground_rows);
  RowRanges some;
  for (Index run = 0; run < most; ++run) {
    const Index first = run * n / most;
    const Index length = (run + 1) * n / most - first;
    some.add(first + std::min(length - 1, static_cast<Index>(random.uniform(static_cast<std::uint64_t>(run)) *
                                                             static_cast<double>(length))));
  }
  return some;
}

namespace {

std::unique_ptr<RowSource> some_of(const RowSource& rows, Index most, std::uint64_t seed) {
  return std::make_unique<GatheredSource>(RangeSource(rows, evenly_drawn(rows.rows(), most, seed)));
}

}  // namespace

LearningRows some_rows(const LearningRows& rows, std::uint64_t seed, const Context& context) {
  LearningRows some;
  some.train = rows.train;
  some.held_out = rows.held_out;
  some.moments = rows.moments;
  some.square_units = rows.square_units;
  some.epsilon = rows.epsilon;
  if (rows.train->rows() > ground_rows) {
    some.own_train = some_of(*rows.train, ground_rows, seed);
    some.train = some.own_train.get();
    some.own_moments = std::make_unique<Moments>(rows.moments->xx.size() == 0 ? marginal_moments(*some.train, context)
                                                                              : moments(*some.train, context));
    some.moments = some.own_moments.get();
  }
  if (rows.held_out != nullptr && rows.held_out->rows() > ground_held_out_rows) {
    some.own_held_out = some_of(*rows.held_out, ground_held_out_rows, seed);
    some.held_out = some.own_held_out.get();
  }
  return some;
}

double Ground::relative(const Vector& error) const { return error.cwiseQuotient(mean_error.cwiseMax(1e-300)).mean(); }

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

std::vector<std::size_t> Ground::race(
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

Matrix Ground::predictions(const Fitted& fitted, std::size_t split, const Context& inner) const {
  Matrix F = from_first_rank(
      inner, [&](const Context& own) { return outputs(fitted.linear, fitted.predictors, samples[split].X, own); });
  if (!F.allFinite()) throw NumericalError("its predictions of held-out rows overflow");
  return F;
}

}  // namespace sextant
