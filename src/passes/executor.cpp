#include "passes/executor.h"

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

}  // namespace

double for_each_block(const RowSource& source, const Context& context, std::string_view stage,
                      const std::function<void(Block&)>& visit) {
  context.check();
  const SingleThreadedBlas guard;
  const Tiles blocks{source.rows(), context.block_rows};
  Block block;
  double n = 0;
  for (Index at = 0; at < blocks.count(); ++at) {
    context.report(stage, static_cast<double>(blocks.first(at)) / static_cast<double>(blocks.total));
    n += read_block(source, blocks.first(at), blocks.length(at), block);
    visit(block);
  }
  context.report(stage, 1.0);
  check_counted(n);
  return n;
}

double for_each_block(const RowSource& source, const Context& context, std::string_view stage,
                      const std::function<void(BlockInFlight&)>& prepare, const std::vector<BlockStage>& stages) {
  context.check();
  const Tiles blocks{source.rows(), context.block_rows};
  std::array<BlockInFlight, items_in_flight> in_flight;
  std::vector<TiledStage> work;
  for (const BlockStage& each : stages)
    work.push_back({each.tiles, each.lane,
                    [&](int slot, Index tile) { each.work(in_flight[static_cast<std::size_t>(slot)], tile); }});
  double n = 0;
  parallel_stages(
      context.thread_count(), blocks.count(),
      [&](Index at, int slot) {
        context.report(stage, static_cast<double>(blocks.first(at)) / static_cast<double>(blocks.total));
        BlockInFlight& block = in_flight[static_cast<std::size_t>(slot)];
        block.slot = static_cast<std::size_t>(slot);
        block.number = at;
        n += read_block(source, blocks.first(at), blocks.length(at), block.rows);
        prepare(block);
      },
      work);
  context.report(stage, 1.0);
  check_counted(n);
  return n;
}

}  // namespace sextant
