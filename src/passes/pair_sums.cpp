#include <fmt/core.h>

#include <vector>

#include "core/linalg.h"
#include "core/memory.h"
#include "passes/executor.h"
#include "sextant/error.h"
#include "sextant/passes.h"

namespace sextant {

PairSums pair_sums(const RowSource& source, const LinearPart& linear, const FeatureMap& map, const Context& context) {
  const Index n = source.rows();
  const int threads = context.thread_count();
  // K, its copy while it is reduced, and the work space of that.
  const double bytes = 3.0 * sizeof(double) * static_cast<double>(n) * static_cast<double>(n);
  if (bytes > physical_memory())
    throw DataError(
        fmt::format("fit: {} rows against each other need {:.0f} GiB, expected what fits in this machine's {:.0f} GiB; "
                    "use fewer rows, or a method whose features are fewer than the rows",
                    n, bytes / 0x1p30, physical_memory() / 0x1p30));
  PairSums sums;
  sums.R.resize(n, source.targets());
  sums.root_w.resize(n);
  Matrix X(n, source.inputs());
  sums.n = read_blocks(source, context, "rows", [&](Block& block, Index first) {
    X.middleRows(first, block.rows()) = block.X;
    sums.root_w.segment(first, block.rows()) = block.w.cwiseSqrt();
    sums.R.middleRows(first, block.rows()) = block.w.cwiseSqrt().asDiagonal() * (block.Y - linear(block.X));
  });

  const Tiles strips{n, 256};
  std::vector<Matrix> A(static_cast<std::size_t>(strips.count()));
  const auto rows_of = [&](Index strip) { return X.middleRows(strips.first(strip), strips.length(strip)); };
  const auto activations_of = [&](Index strip) -> Matrix& { return A[static_cast<std::size_t>(strip)]; };
  parallel_tiles(threads, strips.count(),
                 [&](Index strip) { activations_of(strip) = activations(map, rows_of(strip)); });

  // Tiles of the upper triangle, a strip of rows at a time so that progress can be told.
  sums.K.resize(n, n);
  for (Index i = 0; i < strips.count(); ++i) {
    const double left = static_cast<double>(strips.count() - i) / static_cast<double>(strips.count());
    context.report("pairs", 1.0 - left * left);
    parallel_tiles(threads, strips.count() - i, [&](Index at) {
      const Index j = i + at;
      auto tile = sums.K.block(strips.first(i), strips.first(j), strips.length(i), strips.length(j));
      inner_products(map, rows_of(i), activations_of(i), rows_of(j), activations_of(j), tile);
      tile = sums.root_w.segment(strips.first(i), strips.length(i)).asDiagonal() * tile *
             sums.root_w.segment(strips.first(j), strips.length(j)).asDiagonal();
    });
  }
  context.report("pairs", 1.0);
  linalg::mirror_upper(sums.K);
  return sums;
}

}  // namespace sextant
