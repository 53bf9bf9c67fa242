// Random tables and comparisons that several tests share.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "sextant/context.h"
#include "sextant/feature_map.h"
#include "sextant/linear_part.h"
#include "sextant/random.h"
#include "sextant/row_source.h"

namespace sextant {

// Rows in memory that own their matrices.
struct Rows {
  Matrix X;
  Matrix Y;
  Vector w;

  [[nodiscard]] MemorySource source() const { return {X, Y, w}; }
  [[nodiscard]] Index count() const { return X.rows(); }
};

// Standard normals that depend on (seed, part) only; parts are independent.
inline Matrix normals(Index rows, Index cols, std::uint64_t seed, std::uint64_t part = 0) {
  return Stream(1000 * part + seed, Purpose::inputs).normal_matrix(rows, cols);
}

// X standard normal; Y smooth functions of X plus noise; weights uniform on (0, 2), every fourth row (but the first) 0.
inline Rows random_rows(Index n, Index d, Index k, std::uint64_t seed, bool weighted = true) {
  Rows rows{normals(n, d, seed, 1), normals(n, k, seed, 2), Vector::Ones(n)};
  const Matrix B = normals(d, k, seed, 3) / std::sqrt(static_cast<double>(d));
  const Matrix Z = rows.X * B;
  rows.Y = 0.3 * rows.Y + 0.5 * Z + Z.cwiseAbs2();
  rows.Y.array() += 0.7;
  if (!weighted) return rows;
  const Stream weights(seed, Purpose::noise);
  for (Index i = 0; i < n; ++i) rows.w[i] = i % 4 == 2 ? 0.0 : 2.0 * weights.uniform(static_cast<std::uint64_t>(i));
  return rows;
}

// One of the classes with the probabilities of row i of P, as indicators.
inline Matrix drawn_classes(const Matrix& P, std::uint64_t seed) {
  Matrix Y = Matrix::Zero(P.rows(), P.cols());
  const Stream uniforms(seed, Purpose::noise);
  for (Index i = 0; i < P.rows(); ++i) {
    double left = uniforms.uniform(static_cast<std::uint64_t>(i));
    Index c = 0;
    while (c + 1 < P.cols() && left >= P(i, c)) left -= P(i, c++);
    Y(i, c) = 1;
  }
  return Y;
}

inline LinearPart random_linear(Index d, Index k, std::uint64_t seed) {
  return {Vector(normals(k, 1, seed, 4)), 0.3 * normals(d, k, seed, 5)};
}

inline ReluNetwork random_network(Index m, Index d, bool mirrored, std::uint64_t seed) {
  return {normals(mirrored ? m / 2 : m, d, seed, 6), Vector(normals(m, 1, seed, 7)), mirrored};
}

inline Context run_with(int threads, Index block_rows = 1024) {
  Context context;
  context.threads = threads;
  context.block_rows = block_rows;
  return context;
}

// The rows of a source, read in blocks of `block_rows`.
inline Rows read_all(const RowSource& source, Index block_rows) {
  Rows all{Matrix(source.rows(), source.inputs()), Matrix(source.rows(), source.targets()), Vector(source.rows())};
  Block block;
  for (Index first = 0; first < source.rows(); first += block_rows) {
    const Index count = std::min(block_rows, source.rows() - first);
    source.read(first, count, block);
    EXPECT_EQ(block.rows(), count);
    all.X.middleRows(first, count) = block.X;
    all.Y.middleRows(first, count) = block.Y;
    all.w.segment(first, count) = block.w;
  }
  return all;
}

// Largest difference over the largest entry of what is expected.
template <class Found, class Expected>
double relative_error(const Found& found, const Expected& expected) {
  EXPECT_EQ(found.rows(), expected.rows());
  EXPECT_EQ(found.cols(), expected.cols());
  if (found.rows() != expected.rows() || found.cols() != expected.cols()) return INFINITY;
  if (found.size() == 0) return 0;
  const double difference = (found - expected).cwiseAbs().maxCoeff();
  if (!std::isfinite(difference)) return INFINITY;
  return difference / std::max(1e-300, expected.cwiseAbs().maxCoeff());
}

}  // namespace sextant
