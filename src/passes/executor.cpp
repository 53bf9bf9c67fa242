#include "passes/executor.h"

#include <bit>
#include <chrono>
#include <optional>

#include "core/fingerprint.h"
#include "core/from_first_rank.h"
#include "sextant/checkpoint.h"
#include "sextant/error.h"

namespace sextant {
namespace {

// Reads rows into `block` and returns the sum of their weights.
double read_block(const RowSource& source, Index first, Index count, Block& block) {
  source.read(first, count, block);
  // A row of weight 0 takes part in nothing: 0·x must not become NaN where x² overflows.
  for (Index i = 0; i < block.rows(); ++i) {
    if (block.w[i] > 0) continue;
    block.X.row(i).setZero();
    block.Y.row(i).setZero();
  }
  return block.w.sum();
}

void check_counted(double n) {
  if (!(n > 0)) throw DataError("data: no row is left, expected at least one with a positive weight");
}

// The first row of a block that counts.
std::optional<Index> first_counting_row(const Block& block) {
  for (Index i = 0; i < block.rows(); ++i)
    if (block.w[i] > 0) return i;
  return std::nullopt;
}

}  // namespace

double read_blocks(const RowSource& source, const Context& context, std::string_view stage,
                   const std::function<void(Block&, Index)>& visit) {
  context.check();
  const SingleThreadedBlas guard;
  const Tiles blocks{source.rows(), context.block_rows};
  Block block;
  double n = 0;
  for (Index at = 0; at < blocks.count(); ++at) {
    context.report(stage, static_cast<double>(blocks.first(at)) / static_cast<double>(blocks.total));
    n += read_block(source, blocks.first(at), blocks.length(at), block);
    visit(block, blocks.first(at));
  }
  context.report(stage, 1.0);
  check_counted(n);
  return n;
}

Pass::Pass(const RowSource& source, const Context& context, std::string_view stage)
    : source_(source), context_(context), stage_(stage) {
  context.check();
  blocks_ = {source.rows(), context.block_rows};
  sums(n_);
}

// A pass's sums in the context's checkpoint: whole, or those over its first blocks.
class Pass::Kept {
 public:
  explicit Kept(Pass& pass) : pass_(pass), checkpoint_(*pass.context_.checkpoint) {
    Fingerprint key;
    key.mix(pass.fingerprint());
    key.mix(pass.source_.fingerprint());
    key_ = key.value();
    for (const auto* arrays : {&pass.arrays_.sums, &pass.arrays_.minima, &pass.arrays_.maxima})
      values_.insert(values_.end(), arrays->begin(), arrays->end());
    counts_.resize(pass.arrays_.counts.size());
    values_.emplace_back(counts_);
    for (const auto& each : values_) numbers_ += static_cast<Index>(each.size());
  }

  // Takes what there is; returns the first block that is not in it.
  Index restore() {
    Index next = 0;
    if (checkpoint_.recall(key_, values_)) {
      next = pass_.blocks_.count();
      whole_ = true;
    } else if (const auto partial = checkpoint_.recall_partial(key_, values_)) {
      next = partial->done;
      seconds_before_ = partial->seconds;
    }
    if (next > 0)
      for (std::size_t i = 0; i < counts_.size(); ++i) *pass_.arrays_.counts[i] = std::bit_cast<Index>(counts_[i]);
    return next;
  }

  [[nodiscard]] bool due() const { return checkpoint_.due(numbers_, seconds_since(saved_)); }

  void save(Index next) {
    note_counts();
    checkpoint_.save_partial(key_, values_, pass_.stage_, pass_.blocks_.count(), {next, seconds()});
    saved_ = Clock::now();
  }

  void complete() {
    if (whole_) return;
    note_counts();
    checkpoint_.record(key_, values_, seconds());
  }

 private:
  using Clock = std::chrono::steady_clock;
  static double seconds_since(Clock::time_point start) {
    return std::chrono::duration<double>(Clock::now() - start).count();
  }
  [[nodiscard]] double seconds() const { return seconds_before_ + seconds_since(start_); }
  void note_counts() {
    for (std::size_t i = 0; i < counts_.size(); ++i) counts_[i] = std::bit_cast<double>(*pass_.arrays_.counts[i]);
  }

  Pass& pass_;
  Checkpoint& checkpoint_;
  std::uint64_t key_ = 0;
  Checkpoint::Values values_;
  std::vector<double> counts_;  // their bits
  Index numbers_ = 0;
  bool whole_ = false;
  double seconds_before_ = 0;  // of the processes before
  Clock::time_point start_ = Clock::now();
  Clock::time_point saved_ = start_;
};

void depends_on(Pass& pass, const LinearPart& linear, const std::vector<Predictor>& predictors) {
  pass.depends_on(linear);
  pass.depends_on(predictors);
}

std::uint64_t Pass::fingerprint() const {
  Fingerprint fingerprint;
  fingerprint.mix(stage_);
  for (const Index size : {source_.rows(), source_.inputs(), source_.targets(), context_.block_rows})
    fingerprint.mix(size);
  for (const auto* arrays : {&arrays_.sums, &arrays_.minima, &arrays_.maxima}) {
    fingerprint.mix(static_cast<Index>(arrays->size()));
    for (const auto& array : *arrays) fingerprint.mix(static_cast<Index>(array.size()));
  }
  fingerprint.mix(static_cast<Index>(arrays_.counts.size()));
  dependencies_.mix_into(fingerprint);
  return fingerprint.value();
}

void Pass::report(Index block) const {
  const auto rows =
      static_cast<double>(std::min(blocks_.first(range_.end), blocks_.total) - blocks_.first(range_.first));
  context_.report(stage_, static_cast<double>(blocks_.first(block) - blocks_.first(range_.first)) / rows);
}

bool Pass::to_be_added(Range range, Index block) const {
  if (kept_ == nullptr || block == range.first || block % blocks_to_settle_ != 0) return true;
  return !kept_->due();
}

void Pass::find_pivot(const Block& block, Index first) {
  if (!pivot_) return;
  const auto at = first_counting_row(block);
  if (!at) return;
  pivot_(block, *at, first + *at);
  pivot_ = nullptr;
}

Pass::Range Pass::share() const {
  if (context_.ranks == nullptr) return {0, blocks_.count()};
  const Index rank = context_.ranks->rank();
  const Index size = context_.ranks->size();
  const Index each = blocks_.count() / size;
  const Index longer = blocks_.count() % size;  // shares of one more block come first
  const Index first = rank * each + std::min(rank, longer);
  return {first, first + each + (rank < longer ? 1 : 0)};
}

void Pass::combine() {
  Ranks& ranks = *context_.ranks;
  meet(ranks, fingerprint(), stage_);

  std::vector<double> extremes;
  for (const auto& high : arrays_.maxima) extremes.insert(extremes.end(), high.begin(), high.end());
  for (const auto& low : arrays_.minima)
    for (const double value : low) extremes.push_back(-value);
  if (!extremes.empty()) ranks.maximum(extremes);
  auto extreme = extremes.begin();
  for (const auto& high : arrays_.maxima)
    for (double& value : high) value = *extreme++;
  for (const auto& low : arrays_.minima)
    for (double& value : low) value = -*extreme++;

  // Small arrays and counts travel in one message, large ones from where they lie.
  constexpr std::size_t large = std::size_t{1} << 16;
  std::vector<double> small;
  for (const auto& sum : arrays_.sums)
    if (sum.size() < large) small.insert(small.end(), sum.begin(), sum.end());
  for (const Index* count : arrays_.counts) small.push_back(static_cast<double>(*count));  // exact below 2⁵³
  ranks.sum(small);
  auto next = small.begin();
  for (const auto& sum : arrays_.sums) {
    if (sum.size() < large)
      for (double& value : sum) value = *next++;
    else
      ranks.sum(sum);
  }
  for (Index* count : arrays_.counts) *count = static_cast<Index>(*next++);
}

double Pass::run_range(const std::function<Index(Range)>& add) {
  range_ = share();
  Index next = range_.first;
  // With ranks the first would ask and record, and what it has found go to the others, in place of adding.
  std::optional<Kept> kept;
  if (context_.checkpoint != nullptr && context_.ranks == nullptr) {
    kept.emplace(*this);
    kept_ = &*kept;
    next = kept->restore();
  }
  const auto look_for_pivot = [&](Index first, Index end) {
    Block block;
    for (Index at = first; at < end && pivot_; ++at) {
      read_block(source_, blocks_.first(at), blocks_.length(at), block);
      find_pivot(block, blocks_.first(at));
    }
  };
  look_for_pivot(0, next);
  while (next < range_.end) {
    next = add({next, range_.end});
    for (const auto& settle : settle_) settle();
    if (next < range_.end) kept->save(next);
  }
  look_for_pivot(range_.end, blocks_.count());  // where no row of the share counts, nor one before it
  if (context_.ranks != nullptr) combine();
  if (kept) kept->complete();
  context_.report(stage_, 1.0);
  if (rows_needed_) check_counted(n_);
  return n_;
}

double Pass::run(const std::function<void(Block&, Index)>& visit) {
  return run_range([&](Range range) {
    const SingleThreadedBlas guard;
    Block block;
    Index at = range.first;
    for (; at < range.end && to_be_added(range, at); ++at) {
      report(at);
      n_ += read_block(source_, blocks_.first(at), blocks_.length(at), block);
      find_pivot(block, blocks_.first(at));
      visit(block, blocks_.first(at));
    }
    return at;
  });
}

double Pass::run(const std::function<void(BlockInFlight&)>& prepare, const std::vector<BlockStage>& stages) {
  return run_range([&](Range range) {
    std::array<BlockInFlight, items_in_flight> in_flight;
    std::vector<TiledStage> work;
    for (const BlockStage& each : stages)
      work.push_back({each.tiles, each.lane,
                      [&](int slot, Index tile) { each.work(in_flight[static_cast<std::size_t>(slot)], tile); }});
    const auto feed = [&](Index item, int slot) {
      const Index at = range.first + item;
      report(at);
      BlockInFlight& block = in_flight[static_cast<std::size_t>(slot)];
      block.slot = static_cast<std::size_t>(slot);
      block.number = at;
      n_ += read_block(source_, blocks_.first(at), blocks_.length(at), block.rows);
      find_pivot(block.rows, blocks_.first(at));
      prepare(block);
    };
    return range.first + parallel_stages(context_.thread_count(), range.end - range.first, feed, work,
                                         [&](Index item) { return !to_be_added(range, range.first + item); });
  });
}

}  // namespace sextant
