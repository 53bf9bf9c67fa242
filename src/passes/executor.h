// What the passes share: the loop over blocks, the tiles inside a block, and the sum of outer products. Private.
#pragma once

#include <algorithm>
#include <functional>
#include <string_view>

#include "core/parallel.h"
#include "sextant/context.h"
#include "sextant/row_source.h"

namespace sextant {

// Consecutive pieces of at most `size` of 0 … total−1.
struct Tiles {
  Index total;
  Index size;
  [[nodiscard]] Index count() const { return (total + size - 1) / size; }
  [[nodiscard]] Index first(Index tile) const { return tile * size; }
  [[nodiscard]] Index length(Index tile) const { return std::min(size, total - first(tile)); }
};

// A block's rows in strips: tiles for work whose output is one row per row.
inline Tiles row_strips(Index rows) { return {rows, 128}; }

// m output columns in tiles: at least four where m allows, none so small that a matrix product on it is slow.
inline Tiles column_tiles(Index m) {
  const Index quarter = (m / 4 + 63) / 64 * 64;
  return {m, std::clamp<Index>(quarter, 64, 256)};
}

// Checks the context; calls visit(block) for all blocks in order, rows of weight 0 set to 0; reports progress; throws
// DataError when no row has a positive weight. Returns n = Σ w_i.
double for_each_block(const RowSource& source, const Context& context, std::string_view stage,
                      const std::function<void(Block&)>& visit);

// Σ over blocks of RᵀR for the blocks' rows×m matrices R, upper triangle, parallel over its tiles.
class OuterProductSum {
 public:
  OuterProductSum(Index m, int threads) : sum_(Matrix::Zero(m, m)), threads_(threads) {}
  void add(const MatrixView& rows);
  // The whole symmetric matrix times `factor`; leaves this empty.
  [[nodiscard]] Matrix take(double factor);

 private:
  Matrix sum_;
  int threads_;
};

// Multiplies row i by √w_i, unless all weights are 1.
void scale_rows(MatrixSpan rows, const Vector& w);

}  // namespace sextant
