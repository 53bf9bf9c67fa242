#include "sextant/refine.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "core/from_first_rank.h"
#include "core/linalg.h"
#include "core/parallel.h"
#include "passes/distance_loops.h"
#include "sextant/error.h"
#include "sextant/random.h"

namespace sextant {
namespace {

// Eigenvalues below this share of the largest are what rounding leaves of 0. Small powers would make much of them.
constexpr double rounding = 1e-13;

// Rows √share_i v_iᵀ, shares ∝ value_i^{2q}.
Matrix coordinates(const linalg::SymmetricEigen& eigen, double power) {
  const Index d = eigen.values.size();
  const double top = d > 0 ? eigen.values.cwiseAbs().maxCoeff() : 0.0;
  if (!(top > 0)) return Matrix::Identity(d, d) / std::sqrt(static_cast<double>(std::max<Index>(1, d)));
  const Vector relative = eigen.values.cwiseAbs() / top;
  const Vector share = (relative.array() > rounding).select(relative.array().pow(2 * power), 0.0);
  const double total = share.sum();
  Matrix S(d, d);
  Index rows = 0;
  for (Index i = d - 1; i >= 0; --i)
    if (share[i] > 1e-12 * total) S.row(rows++) = std::sqrt(share[i] / total) * eigen.vectors.col(i).transpose();
  return S.topRows(rows);
}

// S turned so that its rows are orthogonal: SᵀS stays.
Matrix orthogonal_rows(const Matrix& S) {
  Matrix G(S.rows(), S.rows());
  linalg::gemm(linalg::Op::none, linalg::Op::transpose, 1.0, S, S, 0.0, G);
  const Vector norm = G.diagonal().cwiseSqrt();
  Matrix off = G;
  off.diagonal().setZero();
  if ((off.cwiseAbs().array() <= 1e-12 * (norm * norm.transpose()).array()).all()) return S;
  const auto eigen = linalg::symmetric_eigen(std::move(G), "refine");
  const Index kept = (eigen.values.array() > rounding * eigen.values[S.rows() - 1]).count();
  return eigen.vectors.rightCols(kept).transpose() * S;
}

}  // namespace

Matrix refined_coordinates(const Matrix& A, double power) {
  if (!(power > 0)) throw InvalidArgument(fmt::format("refine: power {} given, expected a number above 0", power));
  linalg::SymmetricEigen eigen = linalg::symmetric_eigen(A, "refine");
  eigen.values = eigen.values.cwiseMax(0.0);
  // By size: for a matrix that is ≥ 0 the ascending order of eigenvalues is that of their sizes.
  return coordinates(eigen, power);
}

Matrix spectral_coordinates(const RowSource& rows, const Moments& of_rows, const LinearPart& linear,
                            const Context& context) {
  const Index d = rows.inputs();
  const std::vector<Matrix> found = spectral_moments(rows, linear, of_rows, LabelTransform::clipped, context);
  return from_first_rank(context, [&] {
    Matrix sum = Matrix::Zero(d, d);
    for (const Matrix& M : found) {
      const auto eigen = linalg::symmetric_eigen(M, "discover");
      sum += eigen.vectors * eigen.values.cwiseAbs().asDiagonal() * eigen.vectors.transpose();
    }
    return coordinates(linalg::symmetric_eigen(sum, "discover"), 1.0);
  });
}

ReluNetwork network_along(const Matrix& S, Index width, const Moments& of_rows, std::uint64_t seed, Index redraw) {
  const SingleThreadedBlas guard;
  const Index d = S.cols();
  const auto skip = static_cast<std::uint64_t>(redraw) * static_cast<std::uint64_t>(width);
  Matrix xi(width, d);
  Stream(seed, Purpose::refined_layer)
      .fill_normal(skip * static_cast<std::uint64_t>(d), {xi.data(), static_cast<std::size_t>(xi.size())});
  ReluNetwork network;
  // C^½ = Σ_i s_i s_iᵀ/‖s_i‖ for orthogonal rows s_i.
  const Matrix rows = orthogonal_rows(S);
  const Vector norm = rows.rowwise().norm();
  Matrix along(width, rows.rows());
  linalg::gemm(linalg::Op::none, linalg::Op::transpose, 1.0, xi, rows, 0.0, along);
  along *= (norm.array() > 0).select(norm.cwiseInverse(), 0.0).asDiagonal();
  network.W.resize(width, d);
  linalg::gemm(linalg::Op::none, linalg::Op::none, 1.0, along, rows, 0.0, network.W);
  network.b.resize(width);
  Stream(seed, Purpose::refined_biases).fill_normal(skip, {network.b.data(), static_cast<std::size_t>(width)});
  // The variance of all projections together: (1/m) Σ_j w_j Σ̂ w_jᵀ.
  const double variance = (network.W * of_rows.xx).cwiseProduct(network.W).sum() / static_cast<double>(width);
  network.b *= std::sqrt(std::max(0.0, variance));
  return network;
}

double median_distance(const Matrix& X) {
  constexpr Index sample = 256;
  const Index step = std::max<Index>(1, (X.rows() + sample - 1) / sample);
  const Matrix some = X(Eigen::seq(0, X.rows() - 1, step), Eigen::all);
  Matrix products(some.rows(), some.rows());
  linalg::gemm(linalg::Op::none, linalg::Op::transpose, 1.0, some, some, 0.0, products);
  std::vector<double> squares;
  for (Index i = 0; i < some.rows(); ++i)
    for (Index j = 0; j < i; ++j) {
      double square = products(i, i) + products(j, j) - 2 * products(i, j);
      if (distance_loops::cancels(square, products(i, i), products(j, j)))
        square = (some.row(i) - some.row(j)).squaredNorm();
      if (square > 0) squares.push_back(square);
    }
  if (squares.empty()) return 1.0;
  const auto middle = squares.begin() + static_cast<std::ptrdiff_t>(squares.size() / 2);
  std::nth_element(squares.begin(), middle, squares.end());
  return std::sqrt(*middle);
}

KernelSections kernel_along(const Matrix& S, double exponent, double bandwidth, const RowSource& rows, Index most,
                            const Context& context) {
  KernelSections sections;
  sections.S = S;
  sections.landmarks = rows.rows() > most;
  const auto for_each_row = [&](const auto& visit) {
    Block block;
    for (Index first = 0; first < rows.rows(); first += context.block_rows) {
      rows.read(first, std::min(context.block_rows, rows.rows() - first), block);
      for (Index i = 0; i < block.rows(); ++i) visit(block.X.row(i), block.w[i] > 0);
    }
  };
  // Landmarks are a regular sample of the rows that count, else there might be none among them.
  Index stride = 1;
  if (sections.landmarks) {
    Index counting = 0;
    for_each_row([&](const auto&, bool counts) { counting += counts ? 1 : 0; });
    stride = std::max<Index>(1, (counting + most - 1) / most);
  }
  Matrix X(sections.landmarks ? std::min(rows.rows(), most) : rows.rows(), rows.inputs());
  std::vector<Index> that_count;  // among those taken
  Index taken = 0;
  Index counting = 0;
  for_each_row([&](const auto& x, bool counts) {
    if (sections.landmarks && (!counts || counting++ % stride != 0)) return;
    if (counts) that_count.push_back(taken);
    // A row without weight takes part in nothing, but the rows of a whole kernel are counted.
    if (counts)
      X.row(taken++) = x;
    else
      X.row(taken++).setZero();
  });
  sections.centres = sections.coordinates(X.topRows(taken));
  sections.kernel = {.kind = KernelKind::exponential,
                     .bandwidth = bandwidth * median_distance(Matrix(sections.centres(that_count, Eigen::all))),
                     .exponent = exponent};
  return sections;
}

}  // namespace sextant
