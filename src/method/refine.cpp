#include "sextant/refine.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <functional>
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

namespace {

// Squared distances between all rows.
std::vector<double> euclidean_squares(const Matrix& X) {
  Matrix products(X.rows(), X.rows());
  linalg::gemm(linalg::Op::none, linalg::Op::transpose, 1.0, X, X, 0.0, products);
  std::vector<double> squares;
  for (Index i = 0; i < X.rows(); ++i)
    for (Index j = 0; j < i; ++j) {
      const double square = products(i, i) + products(j, j) - 2 * products(i, j);
      const bool cancels = distance_loops::cancels(square, products(i, i), products(j, j));
      squares.push_back(cancels ? (X.row(i) - X.row(j)).squaredNorm() : square);
    }
  return squares;
}

std::vector<double> city_block_distances(const Matrix& X) {
  std::vector<double> distances;
  for (Index i = 0; i < X.rows(); ++i)
    for (Index j = 0; j < i; ++j) distances.push_back((X.row(i) - X.row(j)).lpNorm<1>());
  return distances;
}

}  // namespace

double median_distance(const Matrix& X, Norm norm) {
  constexpr Index sample = 256;
  const Index step = std::max<Index>(1, (X.rows() + sample - 1) / sample);
  const Matrix some = X(Eigen::seq(0, X.rows() - 1, step), Eigen::all);
  std::vector<double> all = norm == Norm::city_block ? city_block_distances(some) : euclidean_squares(some);
  std::erase_if(all, [](double distance) { return !(distance > 0); });
  if (all.empty()) return 1.0;
  const auto middle = all.begin() + static_cast<std::ptrdiff_t>(all.size() / 2);
  std::nth_element(all.begin(), middle, all.end());
  return norm == Norm::city_block ? *middle : std::sqrt(*middle);
}

namespace {

// Rows that are centres, and which of them count.
struct Centres {
  Matrix X;
  std::vector<Index> that_count;
  bool landmarks;
};

Centres centres_among(const RowSource& rows, Index most, const Context& context) {
  Centres centres;
  centres.landmarks = rows.rows() > most;
  const auto for_each_row = [&](const auto& visit) {
    Block block;
    for (Index first = 0; first < rows.rows(); first += context.block_rows) {
      rows.read(first, std::min(context.block_rows, rows.rows() - first), block);
      for (Index i = 0; i < block.rows(); ++i) visit(block.X.row(i), block.w[i] > 0);
    }
  };
  // Landmarks are a regular sample of the rows that count, else there might be none among them.
  Index stride = 1;
  if (centres.landmarks) {
    Index counting = 0;
    for_each_row([&](const auto&, bool counts) { counting += counts ? 1 : 0; });
    stride = std::max<Index>(1, (counting + most - 1) / most);
  }
  centres.X.resize(centres.landmarks ? std::min(rows.rows(), most) : rows.rows(), rows.inputs());
  Index taken = 0;
  Index counting = 0;
  for_each_row([&](const auto& x, bool counts) {
    if (centres.landmarks && (!counts || counting++ % stride != 0)) return;
    if (counts) centres.that_count.push_back(taken);
    // A row without weight takes part in nothing, but the rows of a whole kernel are counted.
    if (counts)
      centres.X.row(taken++) = x;
    else
      centres.X.row(taken++).setZero();
  });
  centres.X.conservativeResize(taken, Eigen::NoChange);
  return centres;
}

// The kernel at the centres X in the coordinates S.
KernelSections kernel_at(const Centres& centres, const MatrixView& X, Matrix S, const KernelShape& shape) {
  KernelSections sections;
  sections.S = std::move(S);
  sections.landmarks = centres.landmarks;
  sections.centres = sections.coordinates(X);
  const double unit = median_distance(Matrix(sections.centres(centres.that_count, Eigen::all)), shape.norm);
  sections.kernel = {.kind = shape.norm == Norm::city_block ? KernelKind::city_block : KernelKind::exponential,
                     .bandwidth = shape.bandwidth * unit,
                     .exponent = shape.exponent,
                     .trend = shape.trend / (unit * unit)};
  return sections;
}

constexpr double hardly_any = 1e-5;  // of the spread: lifted coordinates with less are left out
constexpr std::size_t most_lifted_coordinates = 256;

// The rows of S that have most of its spread, in the order that they have.
Matrix largest_rows(const Matrix& S) {
  if (S.size() == 0) return S;
  const Vector spread = S.rowwise().squaredNorm();
  std::vector<Index> kept;
  for (Index i = 0; i < S.rows(); ++i)
    if (spread[i] > hardly_any * spread.sum()) kept.push_back(i);
  if (kept.size() > most_lifted_coordinates) {
    std::ranges::stable_sort(kept, std::greater<>(), [&](Index i) { return spread[i]; });
    kept.resize(most_lifted_coordinates);
    std::ranges::sort(kept);
  }
  return S(kept, Eigen::all);
}

}  // namespace

KernelSections kernel_along(const Matrix& S, const KernelShape& shape, const RowSource& rows, Index most,
                            const Context& context) {
  const Centres centres = centres_among(rows, most, context);
  return kernel_at(centres, centres.X, S, shape);
}

KernelSections kernel_along(const Matrix& S, const Lift& lift, const KernelShape& shape, const RowSource& rows,
                            Index most, const Context& context) {
  Centres centres = centres_among(rows, most, context);
  Matrix lifted;
  lift.apply(centres.X, lifted);
  KernelSections sections = kernel_at(centres, lifted, largest_rows(S).cast<float>().cast<double>(), shape);
  sections.before_lift = std::make_shared<const Matrix>(std::move(centres.X));
  return sections;
}

}  // namespace sextant
