// What the passes share: the loop over blocks, the tiles inside a block, and sums over blocks. Private.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <functional>
#include <numeric>
#include <span>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "core/linalg.h"
#include "core/panels.h"
#include "core/parallel.h"
#include "core/wide_loops.h"
#include "passes/dependencies.h"
#include "sextant/context.h"
#include "sextant/precision.h"
#include "sextant/predictor.h"
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

// A block's rows in strips: tiles for work whose output is one row per row, few enough for a core's second cache.
inline Tiles row_strips(Index rows) { return {rows, 128}; }

// m output columns in tiles: at least four where m allows, none so small that a matrix product on it is slow.
inline Tiles column_tiles(Index m) {
  const Index quarter = (m / 4 + 63) / 64 * 64;
  return {m, std::clamp<Index>(quarter, 64, 256)};
}

// Checks the context; calls visit(block, first row) for all blocks in order, rows of weight 0 set to 0; reports
// progress; throws DataError when no row has a positive weight. Returns n = Σ w_i. For what gathers rows: what adds
// them up is a Pass.
double read_blocks(const RowSource& source, const Context& context, std::string_view stage,
                   const std::function<void(Block& block, Index first)>& visit);

// A block on its way through the stages of a pass.
struct BlockInFlight {
  std::size_t slot = 0;  // < items_in_flight: where the pass keeps what it makes of the block
  Index number = 0;      // blocks before it
  Block rows;
};
struct BlockStage {
  Index tiles;
  int lane;  // of a TiledStage: stages that add to the same sums share theirs
  std::function<void(const BlockInFlight& block, Index tile)> work;
};
// The lanes of passes that first make something of each strip of a block's rows, then add it to sums.
constexpr int lane_of_strips = 0;
constexpr int lane_of_sums = 1;

// A sum over the rows of a source, block by block. What is added up is declared before the loop, and so is what the
// sums depend on: so that the executor can take some of the blocks only, combine sums of several machines, or go on
// from sums that were kept. Declared arrays must stay where they are until the pass has run; they hold their start (0,
// or ±∞ for extremes) before it and the sums over all rows after it, not yet divided by n.
class Pass {
 public:
  // `stage` is what progress and messages call it. With ranks, each takes a share of the blocks, and all have the sums
  // over all rows.
  Pass(const RowSource& source, const Context& context, std::string_view stage);
  Pass(const Pass&) = delete;
  Pass& operator=(const Pass&) = delete;

  // Arrays to which every block is added.
  void sums(Matrix& sum) { arrays_.sums.emplace_back(sum.data(), static_cast<std::size_t>(sum.size())); }
  void sums(Vector& sum) { arrays_.sums.emplace_back(sum.data(), static_cast<std::size_t>(sum.size())); }
  void sums(double& sum) { arrays_.sums.emplace_back(&sum, 1U); }
  void sums(std::span<double> sum) { arrays_.sums.push_back(sum); }
  void counts(Index& count) { arrays_.counts.push_back(&count); }
  void minima(Vector& low) { arrays_.minima.emplace_back(low.data(), static_cast<std::size_t>(low.size())); }
  void maxima(Vector& high) { arrays_.maxima.emplace_back(high.data(), static_cast<std::size_t>(high.size())); }
  // Something that declares its own: BlockSum and what is made of it.
  template <class Sum>
  void sums(Sum& sum) {
    sum.declare_to(*this);
  }
  // Called when blocks have been added and before the sums are looked at, to bring in what is kept beside them.
  void settles(std::function<void()> work) { settle_.push_back(std::move(work)); }
  // Where settling in the middle would round otherwise: it changes nothing after a multiple of so many blocks.
  void settles_after(Index blocks) { blocks_to_settle_ = std::lcm(blocks_to_settle_, blocks); }

  // Called once, before any row that counts is visited, with the first such row of the whole source (row i of a block,
  // row `row` of the source), whichever blocks are taken here: sums are taken about it.
  void pivots_on(std::function<void(const Block& block, Index i, Index row)> use) { pivot_ = std::move(use); }

  // For counts that may be 0: no DataError when no row has a positive weight.
  void allows_no_rows() { rows_needed_ = false; }

  // What the sums are a function of, beside the rows: all of it, or sums kept of another pass are taken for these. See
  // Dependencies for what it may be.
  template <class Thing>
  void depends_on(const Thing& thing) {
    dependencies_.add(thing);
  }

  // Runs visit(block, first row) for the blocks in order, rows of weight 0 set to 0. Reports progress; throws DataError
  // when no row has a positive weight. Returns n = Σ w_i.
  double run(const std::function<void(Block& block, Index first)>& visit);
  // The same in stages (parallel_stages): the next block is read and prepared, on the calling thread, while tiles of
  // this one run.
  double run(const std::function<void(BlockInFlight&)>& prepare, const std::vector<BlockStage>& stages);

  // The pass's whole state between two blocks, once what is kept beside the sums is settled.
  struct Arrays {
    std::vector<std::span<double>> sums;
    std::vector<std::span<double>> minima;
    std::vector<std::span<double>> maxima;
    std::vector<Index*> counts;
  };
  // Of stage, shapes, block size, the arrays' sizes and what the sums depend on. The cost is that of reading these.
  [[nodiscard]] std::uint64_t fingerprint() const;

 private:
  // Blocks [first, end).
  struct Range {
    Index first;
    Index end;
  };
  class Kept;  // what of this is in a checkpoint
  // add(range) adds blocks from range.first on, up to the end or one that is not `to_be_added`, and returns which.
  double run_range(const std::function<Index(Range)>& add);
  // Whether to go on with `block`: not if sums are to be saved before it.
  [[nodiscard]] bool to_be_added(Range range, Index block) const;
  // This rank's share of the blocks: as many as any other's, or one more.
  [[nodiscard]] Range share() const;
  // Adds up the ranks' arrays: the same bits on all.
  void combine();
  void find_pivot(const Block& block, Index first);
  void report(Index block) const;

  const RowSource& source_;
  const Context& context_;
  std::string_view stage_;
  Tiles blocks_{};
  Arrays arrays_;
  double n_ = 0;
  bool rows_needed_ = true;
  std::vector<std::function<void()>> settle_;
  Index blocks_to_settle_ = 1;
  std::function<void(const Block&, Index, Index)> pivot_;
  Dependencies dependencies_;
  Range range_{};               // all that are added here
  const Kept* kept_ = nullptr;  // while running with a checkpoint
};

// The same of what a predictor is made of.
void depends_on(Pass& pass, const LinearPart& linear, const std::vector<Predictor>& predictors);

// Rows of the largest block.
inline Index largest_block(const RowSource& source, const Context& context) {
  return std::min(source.rows(), context.block_rows);
}

// How many blocks are summed in single precision before their sum is added to the one in double.
inline Index blocks_per_run(Precision precision) { return precision == Precision::float32 ? 16 : 1; }

// A sum over blocks: made in Scalar over runs of blocks, kept in double.
template <class Scalar>
class BlockSum {
 public:
  BlockSum(Index rows, const PanelColumns& columns, Index blocks_per_run)
      : part_(rows, columns), blocks_per_run_(blocks_per_run) {
    if constexpr (single) total_ = Panels<double>(rows, columns);
  }

  // Rows [i, i + rows) of panel p, to add a block to: each such piece once per block, the blocks in their order.
  [[nodiscard]] auto piece(Index p, Index i, Index rows) { return part_[p].middleRows(i, rows); }
  // Block `number` is in that piece.
  void added(Index number, Index p, Index i, Index rows) {
    if constexpr (single) {
      if ((number + 1) % blocks_per_run_ != 0) return;
      auto part = piece(p, i, rows);
      wide::add(part.size(), part.data(), &total_[p].coeffRef(i, 0));
      part.setZero();
    }
  }

  void declare_to(Pass& pass) {
    // Elsewhere panels may be of another width, and the sums in another order.
    pass.depends_on(static_cast<double>(part_.columns().width));
    if constexpr (single) {
      pass.depends_on(static_cast<double>(blocks_per_run_));
      pass.settles_after(blocks_per_run_);
      pass.sums(total_.values());
      pass.settles([this] {
        const auto part = part_.values();
        wide::add(static_cast<Index>(part.size()), part.data(), total_.values().data());
        std::ranges::fill(part, Scalar{0});
      });
    } else {
      pass.sums(part_.values());
    }
  }

  // The sum times `factor`; leaves this empty.
  [[nodiscard]] Matrix take(double factor) {
    Matrix all;
    if constexpr (single)
      all = std::exchange(total_, {}).dense();
    else
      all = std::exchange(part_, {}).dense();
    all *= factor;
    return all;
  }

 private:
  static constexpr bool single = std::is_same_v<Scalar, float>;
  Panels<Scalar> part_;   // of a run's blocks; in double, of all
  Panels<double> total_;  // of the runs before; in double, unused
  Index blocks_per_run_;
};

// Σ over blocks of RᵀR for the blocks' rows×m matrices R, in panels of the given columns: its upper triangle, in tiles
// that are squares of some panels each.
template <class Scalar>
class OuterProducts {
 public:
  // The number of threads changes no bits.
  OuterProducts(const PanelColumns& columns, int threads, Index blocks_per_run = 1)
      : columns_(columns), groups_(groups(columns, threads)), sum_(columns.total(), columns, blocks_per_run) {
    for (Index i = 0; i < groups_.count(); ++i)
      for (Index j = i; j < groups_.count(); ++j) tiles_.emplace_back(i, j);
  }
  [[nodiscard]] const PanelColumns& columns() const { return columns_; }
  [[nodiscard]] Index tiles() const { return static_cast<Index>(tiles_.size()); }
  // Adds block `number` to tile `at`.
  void add(Index number, const Panels<Scalar>& R, Index at) {
    // A few rows of all the tile's panels at a time, so that they are read from a core's own cache.
    const Tiles strips{R.rows(), columns_.width < 128 ? 128 : std::max<Index>(1, R.rows())};
    for (Index strip = 0; strip < strips.count(); ++strip) {
      const auto rows = [&](Index p) { return R[p].middleRows(strips.first(strip), strips.length(strip)); };
      visit(at, [&](Index i, Index j) {
        auto C = piece(i, j);
        if (i == j)
          linalg::add_panel_square<Scalar>(rows(i), C);
        else
          linalg::panel_product<Scalar>(linalg::Op::transpose, rows(i), rows(j), true, C);
      });
    }
    visit(at, [&](Index i, Index j) { sum_.added(number, j, columns_.first(i), columns_.length(i)); });
  }
  void declare_to(Pass& pass) { sum_.declare_to(pass); }
  // The whole symmetric matrix times `factor`; leaves this empty.
  [[nodiscard]] Matrix take(double factor) {
    Matrix whole = sum_.take(factor);
    linalg::mirror_upper(whole);
    return whole;
  }

 private:
  // The larger a tile, the more often a row is used that has come from memory; but threads want some tiles each.
  static Tiles groups(const PanelColumns& columns, int threads) {
    const auto of_width = [&](Index width) {
      return Tiles{columns.count(), std::max<Index>(1, width / columns.width)};
    };
    const Index count = of_width(256).count();
    return of_width(threads == 1 || count * (count + 1) / 2 >= 4 * threads ? 256 : 128);
  }
  // The products of panels i with panels j.
  auto piece(Index i, Index j) { return sum_.piece(j, columns_.first(i), columns_.length(i)); }
  // Calls work(i, j) for the pairs of panels of tile `at`.
  template <class Work>
  void visit(Index at, const Work& work) {
    const auto [I, J] = tiles_[static_cast<std::size_t>(at)];
    for (Index i = groups_.first(I); i < groups_.first(I) + groups_.length(I); ++i)
      for (Index j = std::max(i, groups_.first(J)); j < groups_.first(J) + groups_.length(J); ++j) work(i, j);
  }

  PanelColumns columns_;
  Tiles groups_;  // of panels
  std::vector<std::pair<Index, Index>> tiles_;
  BlockSum<Scalar> sum_;
};

// The same for passes without stages: all tiles of a block's R, then the next block.
class OuterProductSum {
 public:
  OuterProductSum(Index m, int threads) : products_(panel_columns<double>(m), threads), threads_(threads) {}
  void add(const MatrixView& rows) {
    rows_.resize(rows.rows(), products_.columns());
    rows_.put(0, 0, rows);
    parallel_tiles(threads_, products_.tiles(), [&](Index at) { products_.add(0, rows_, at); });
  }
  void declare_to(Pass& pass) { products_.declare_to(pass); }
  [[nodiscard]] Matrix take(double factor) { return products_.take(factor); }

 private:
  OuterProducts<double> products_;
  Panels<double> rows_;
  int threads_;
};

// Multiplies row i by √w_i, unless all weights are 1.
template <class Scalar>
void scale_rows(SpanOf<Scalar> rows, const VectorView& w) {
  if ((w.array() == 1.0).all()) return;
  for (Index i = 0; i < rows.rows(); ++i) rows.row(i) *= static_cast<Scalar>(std::sqrt(w[i]));
}
inline void scale_rows(MatrixSpan rows, const VectorView& w) { scale_rows<double>(rows, w); }

}  // namespace sextant
