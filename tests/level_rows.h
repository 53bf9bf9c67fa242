// Rows with columns of levels, which several tests share.
#pragma once

#include <utility>
#include <vector>

#include "sextant/encoding.h"
#include "sextant/row_source.h"
#include "test_support.h"

namespace sextant {

// Rows in memory of which the first `codes` inputs are level codes of texts.
class LevelTestRows final : public RowSource {
 public:
  LevelTestRows(Matrix X, Matrix Y, Index codes, Vector w = {}, std::vector<Index> groups = {})
      : X_(std::move(X)), Y_(std::move(Y)), codes_(codes), w_(std::move(w)), groups_(std::move(groups)) {
    if (w_.size() == 0) w_ = Vector::Ones(X_.rows());
  }
  [[nodiscard]] Index rows() const override { return X_.rows(); }
  [[nodiscard]] Index inputs() const override { return X_.cols(); }
  [[nodiscard]] Index targets() const override { return Y_.cols(); }
  [[nodiscard]] bool has_missing() const override { return X_.hasNaN(); }
  [[nodiscard]] InputKind input_kind(Index j) const override {
    return j < codes_ ? InputKind::code : InputKind::number;
  }
  [[nodiscard]] std::vector<Index> groups() const override { return groups_; }
  void read(Index first, Index count, Block& block) const override {
    block.resize(count, inputs(), targets());
    block.X = X_.middleRows(first, count);
    block.Y = Y_.middleRows(first, count);
    block.w = w_.segment(first, count);
  }
  [[nodiscard]] Matrix& X() { return X_; }
  [[nodiscard]] Matrix& Y() { return Y_; }

 private:
  Matrix X_;
  Matrix Y_;
  Index codes_;
  Vector w_;
  std::vector<Index> groups_;
};

// n×columns whole numbers from 0 to levels − 1, evenly drawn.
inline Matrix random_levels(Index n, Index columns, Index levels, std::uint64_t seed) {
  const Stream random(seed, Purpose::test_rows);
  Matrix X(n, columns);
  for (Index i = 0; i < X.size(); ++i)
    X.data()[i] = std::floor(static_cast<double>(levels) * random.uniform(static_cast<std::uint64_t>(i)));
  return X;
}

// An encoding of columns of texts "l0", "l1", …, named c1, c2, …, and after them numbers x1, x2, ….
inline Encoding level_encoding(Index columns, Index levels, Index numbers, std::vector<std::string> classes = {}) {
  Encoding encoding;
  for (Index j = 1; j <= columns; ++j) {
    InputColumn column{"c" + std::to_string(j), ColumnKind::text, {}};
    for (Index l = 0; l < levels; ++l) column.levels.push_back("l" + std::to_string(l));
    column.coded = true;
    encoding.columns.push_back(std::move(column));
  }
  for (Index j = 1; j <= numbers; ++j) encoding.columns.push_back({"x" + std::to_string(j), ColumnKind::number, {}});
  encoding.targets = {"y"};
  encoding.classes = std::move(classes);
  return encoding;
}

// Y n×2 of two classes: the second where `second`.
inline Matrix two_classes(const std::vector<bool>& second) {
  Matrix Y(static_cast<Index>(second.size()), 2);
  for (std::size_t i = 0; i < second.size(); ++i)
    Y.row(static_cast<Index>(i)) << (second[i] ? 0 : 1), (second[i] ? 1 : 0);
  return Y;
}

}  // namespace sextant
