#include "passes/executor.h"

#include <optional>
#include <variant>

#include "core/from_first_rank.h"
#include "passes/fingerprint.h"
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

void Pass::depends_on(const LinearPart& linear) {
  depends_on(linear.alpha);
  depends_on(linear.beta);
}

void Pass::depends_on(const FeatureMap& map) {
  depends_on(static_cast<double>(map.index()));
  if (const auto* network = std::get_if<ReluNetwork>(&map)) {
    depends_on(network->W);
    depends_on(network->b);
    depends_on(network->mirrored ? 1.0 : 0.0);
  } else if (const auto* linearised = std::get_if<LinearisedNetwork>(&map)) {
    depends_on(linearised->W);
    depends_on(linearised->b);
    depends_on(linearised->a);
    for (const bool block : {linearised->blocks.a, linearised->blocks.W, linearised->blocks.b})
      depends_on(block ? 1.0 : 0.0);
    depends_on(linearised->unit_scale);
    depends_on(linearised->gradient_scale);
  } else if (const auto* sections = std::get_if<KernelSections>(&map)) {
    const Kernel& kernel = sections->kernel;
    depends_on(static_cast<double>(kernel.kind));
    for (const bool block : {kernel.blocks.a, kernel.blocks.W, kernel.blocks.b}) depends_on(block ? 1.0 : 0.0);
    for (const double number : {kernel.bias, static_cast<double>(kernel.degree), kernel.bandwidth, kernel.exponent})
      depends_on(number);
    depends_on(sections->centres);
    depends_on(sections->S);
  } else if (const auto* hermite = std::get_if<HermiteFeatures>(&map)) {
    depends_on(hermite->U);
    depends_on(hermite->c);
    depends_on(hermite->low);
    depends_on(hermite->high);
    depends_on(static_cast<double>(hermite->degree));
  }
}

void depends_on(Pass& pass, const LinearPart& linear, const std::vector<Predictor>& predictors) {
  pass.depends_on(linear);
  for (const Predictor& predictor : predictors) {
    pass.depends_on(predictor.weight);
    pass.depends_on(predictor.map);
    pass.depends_on(predictor.a);
    if (!predictor.lift) continue;
    for (const Vector& knots : predictor.lift->knots) pass.depends_on(knots);
  }
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
  for (const double number : numbers_) fingerprint.mix(number);
  for (const Dependency& each : dependencies_) {
    fingerprint.mix(each.rows);
    fingerprint.mix(each.cols);
    for (Index i = 0; i < each.rows; ++i)
      for (Index j = 0; j < each.cols; ++j) fingerprint.mix(each.data[i * each.stride + j]);
  }
  return fingerprint.value();
}

void Pass::report(Range range, Index block) const {
  const auto rows = static_cast<double>(std::min(blocks_.first(range.end), blocks_.total) - blocks_.first(range.first));
  context_.report(stage_, static_cast<double>(blocks_.first(block) - blocks_.first(range.first)) / rows);
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

double Pass::run_range(const std::function<void(Range)>& add) {
  const Range range = share();
  const auto look_for_pivot = [&](Index first, Index end) {
    Block block;
    for (Index at = first; at < end && pivot_; ++at) {
      read_block(source_, blocks_.first(at), blocks_.length(at), block);
      find_pivot(block, blocks_.first(at));
    }
  };
  look_for_pivot(0, range.first);
  add(range);
  look_for_pivot(range.end, blocks_.count());  // where no row of the share counts, nor one before it
  for (const auto& settle : settle_) settle();
  if (context_.ranks != nullptr) combine();
  context_.report(stage_, 1.0);
  if (rows_needed_) check_counted(n_);
  return n_;
}

double Pass::run(const std::function<void(Block&, Index)>& visit) {
  return run_range([&](Range range) {
    const SingleThreadedBlas guard;
    Block block;
    for (Index at = range.first; at < range.end; ++at) {
      report(range, at);
      n_ += read_block(source_, blocks_.first(at), blocks_.length(at), block);
      find_pivot(block, blocks_.first(at));
      visit(block, blocks_.first(at));
    }
  });
}

double Pass::run(const std::function<void(BlockInFlight&)>& prepare, const std::vector<BlockStage>& stages) {
  return run_range([&](Range range) {
    std::array<BlockInFlight, items_in_flight> in_flight;
    std::vector<TiledStage> work;
    for (const BlockStage& each : stages)
      work.push_back({each.tiles, each.lane,
                      [&](int slot, Index tile) { each.work(in_flight[static_cast<std::size_t>(slot)], tile); }});
    parallel_stages(
        context_.thread_count(), range.end - range.first,
        [&](Index item, int slot) {
          const Index at = range.first + item;
          report(range, at);
          BlockInFlight& block = in_flight[static_cast<std::size_t>(slot)];
          block.slot = static_cast<std::size_t>(slot);
          block.number = at;
          n_ += read_block(source_, blocks_.first(at), blocks_.length(at), block.rows);
          find_pivot(block.rows, blocks_.first(at));
          prepare(block);
        },
        work);
  });
}

}  // namespace sextant
