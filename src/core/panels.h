// A matrix in panels: its columns some at a time, the rows of each panel one after another. Private.
//
// So the few rows and columns of a small product lie on few pages; row by row, a matrix of 1000 columns has a page for
// each row.
#pragma once

#include <algorithm>
#include <memory>
#include <new>
#include <span>

#include "core/linalg.h"
#include "core/panel_product.h"
#include "core/wide_loops.h"

namespace sextant {

// Which columns are in which panel: each part of the columns, of which there may be several of equal size, has panels
// of its own, all of `width` columns but the last.
struct PanelColumns {
  Index of_part = 0;
  Index parts = 1;
  Index width = 1;
  [[nodiscard]] Index total() const { return parts * of_part; }
  [[nodiscard]] Index in_part() const { return (of_part + width - 1) / width; }
  [[nodiscard]] Index count() const { return parts * in_part(); }
  // The first column of panel p, and how many it has.
  [[nodiscard]] Index first(Index p) const { return p / in_part() * of_part + p % in_part() * width; }
  [[nodiscard]] Index length(Index p) const { return std::min(width, of_part - p % in_part() * width); }
};
template <class Scalar>
[[nodiscard]] PanelColumns panel_columns(Index of_part, Index parts = 1) {
  return {of_part, parts, linalg::panel_width<Scalar>()};
}

template <class Scalar>
class Panels {
 public:
  using Panel = Eigen::Map<MatrixOf<Scalar>>;
  using ConstPanel = Eigen::Map<const MatrixOf<Scalar>>;

  Panels() = default;
  // Zeros.
  Panels(Index rows, const PanelColumns& columns) {
    resize(rows, columns);
    std::ranges::fill(values(), Scalar{0});
  }
  // Leaves the entries as they come. Allocates only to grow.
  void resize(Index rows, const PanelColumns& columns) {
    rows_ = rows;
    columns_ = columns;
    if (rows * columns.total() <= capacity_) return;
    capacity_ = rows * columns.total();
    data_.reset(static_cast<Scalar*>(::operator new(static_cast<std::size_t>(capacity_) * sizeof(Scalar), alignment)));
  }

  [[nodiscard]] Index rows() const { return rows_; }
  [[nodiscard]] const PanelColumns& columns() const { return columns_; }
  // Panel p, rows×length(p).
  [[nodiscard]] Panel operator[](Index p) {
    return {data_.get() + rows_ * columns_.first(p), rows_, columns_.length(p)};
  }
  [[nodiscard]] ConstPanel operator[](Index p) const {
    return {data_.get() + rows_ * columns_.first(p), rows_, columns_.length(p)};
  }
  // All entries, panel after panel.
  [[nodiscard]] std::span<Scalar> values() { return {data_.get(), static_cast<std::size_t>(rows_ * columns_.total())}; }

  // Calls visit(p, c, j, cols) for the columns from `column` on that panel p has of `count`: its columns from c on,
  // which are those from j on of them.
  template <class Visit>
  void visit_columns(Index column, Index count, const Visit& visit) const {
    for (Index p = 0; p < columns_.count(); ++p) {
      const Index from = std::max(columns_.first(p), column);
      const Index end = std::min(columns_.first(p) + columns_.length(p), column + count);
      if (from < end) visit(p, from - columns_.first(p), from - column, end - from);
    }
  }
  // M's entries, rounded to Scalar, from (row, column) on.
  void put(Index row, Index column, const MatrixView& M) {
    visit_columns(column, M.cols(), [&](Index p, Index c, Index j, Index cols) {
      wide::copy(M.rows(), cols, M.data() + j, M.outerStride(), (*this)[p].data() + row * columns_.length(p) + c,
                 columns_.length(p));
    });
  }
  [[nodiscard]] MatrixOf<Scalar> dense() const {
    MatrixOf<Scalar> M(rows_, columns_.total());
    for (Index p = 0; p < columns_.count(); ++p) M.middleCols(columns_.first(p), columns_.length(p)) = (*this)[p];
    return M;
  }

 private:
  static constexpr std::align_val_t alignment{64};  // a line of the cache: kernels load whole ones
  struct Free {
    void operator()(Scalar* data) const { ::operator delete(data, alignment); }
  };

  Index rows_ = 0;
  PanelColumns columns_;
  Index capacity_ = 0;
  std::unique_ptr<Scalar, Free> data_;
};

template <class Scalar>
[[nodiscard]] Panels<Scalar> in_panels(const MatrixView& M) {
  Panels<Scalar> panels;
  panels.resize(M.rows(), panel_columns<Scalar>(M.cols()));
  panels.put(0, 0, M);
  return panels;
}

}  // namespace sextant
