#include "passes/executor.h"

#include <cmath>

#include "core/linalg.h"
#include "sextant/error.h"

namespace sextant {

double for_each_block(const RowSource& source, const Context& context, std::string_view stage,
                      const std::function<void(Block&)>& visit) {
  context.check();
  const SingleThreadedBlas guard;
  const Tiles blocks{source.rows(), context.block_rows};
  Block block;
  double n = 0;
  for (Index at = 0; at < blocks.count(); ++at) {
    context.report(stage, static_cast<double>(blocks.first(at)) / static_cast<double>(blocks.total));
    source.read(blocks.first(at), blocks.length(at), block);
    n += block.w.sum();
    // A row of weight 0 takes part in nothing: 0·x must not become NaN where x² overflows.
    for (Index i = 0; i < block.rows(); ++i) {
      if (block.w[i] > 0) continue;
      block.X.row(i).setZero();
      block.Y.row(i).setZero();
    }
    visit(block);
  }
  context.report(stage, 1.0);
  if (!(n > 0)) throw DataError("data: no row is left, expected at least one with a positive weight");
  return n;
}

void OuterProductSum::add(const MatrixView& rows) {
  const Tiles tiles = column_tiles(sum_.cols());
  const Index count = tiles.count();
  parallel_tiles(threads_, count * (count + 1) / 2, [&](Index at) {
    // Tile `at` of the upper triangle, row by row.
    Index i = 0;
    while (at >= count - i) at -= count - i++;
    const Index j = i + at;
    auto target = sum_.block(tiles.first(i), tiles.first(j), tiles.length(i), tiles.length(j));
    const auto left = rows.middleCols(tiles.first(i), tiles.length(i));
    if (i == j)
      linalg::syrk_upper(1.0, left, 1.0, target);
    else
      linalg::gemm(linalg::Op::transpose, linalg::Op::none, 1.0, left, rows.middleCols(tiles.first(j), tiles.length(j)),
                   1.0, target);
  });
}

Matrix OuterProductSum::take(double factor) {
  sum_ *= factor;
  linalg::mirror_upper(sum_);
  return std::move(sum_);
}

void scale_rows(MatrixSpan rows, const Vector& w) {
  if ((w.array() == 1.0).all()) return;
  for (Index i = 0; i < rows.rows(); ++i) rows.row(i) *= std::sqrt(w[i]);
}

}  // namespace sextant
