#include "sextant/kernel.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "core/linalg.h"
#include "passes/distance_loops.h"

namespace sextant {
namespace {

using linalg::gemm;
using linalg::Op;
using std::numbers::pi;

// The angle between (x, β√d) and (z, β√d) with their lengths, over √d.
struct Pair {
  double length;   // √(ss')
  double cosine;   // cos θ
  double sine;     // sin θ
  double theta;    // θ
  double kappa_0;  // E 1[u ≥ 0] 1[v ≥ 0]
  double kappa_1;  // E σ(u) σ(v)
};

Pair pair_of(double s, double s_other, double product) {
  Pair pair{};
  pair.length = std::sqrt(s * s_other);
  // u ≡ 0 counts as u ≥ 0: with one of the two, θ = 0 gives the 1/2 that is left; with both, all is certain.
  pair.cosine = pair.length > 0 ? std::clamp(product / pair.length, -1.0, 1.0) : 1.0;
  pair.theta = std::acos(pair.cosine);
  pair.sine = std::sqrt((1 - pair.cosine) * (1 + pair.cosine));
  pair.kappa_0 = s == 0 && s_other == 0 ? 1.0 : (pi - pair.theta) / (2 * pi);
  pair.kappa_1 = pair.length / (2 * pi) * (pair.sine + (pi - pair.theta) * pair.cosine);
  return pair;
}

// Row i of D from products with the rows of Z to squared distances; x and z hold squared lengths.
void square_distances(const MatrixView& X, const Vector& x, const MatrixView& Z, const Vector& z, Index i,
                      MatrixSpan D) {
  if (!distance_loops::squared_distances(D.cols(), x[i], z.data(), D.row(i).data())) return;
  for (Index j = 0; j < D.cols(); ++j)
    if (distance_loops::cancels(D(i, j), x[i], z[j])) D(i, j) = (X.row(i) - Z.row(j)).squaredNorm();
}

// The centres of a kernel in the norm of city blocks, some at a time, coordinate by coordinate.
struct CentreTile {
  static constexpr Index most = distance_loops::centres_together;
  CentreTile(const MatrixView& Z, Index from)
      : first(from), count(std::min(most, Z.rows() - from)), coordinates(Z.middleRows(from, count).transpose()) {}
  Index first;
  Index count;
  Matrix coordinates;  // d×count
};

// exp(−‖x − z‖₁·scale).
void city_block_matrix(double scale, const MatrixView& X, const MatrixView& Z, MatrixSpan K) {
  const Matrix rows = X;  // one after the other
  for (Index first = 0; first < Z.rows(); first += CentreTile::most) {
    const CentreTile tile(Z, first);
    for (Index i = 0; i < rows.rows(); ++i) {
      double* const to = K.row(i).data() + first;
      distance_loops::city_block_distances(tile.count, rows.cols(), rows.row(i).data(), tile.coordinates.data(), to);
      distance_loops::exponentials(tile.count, scale, 1, to);
    }
  }
}

void city_block_gradient(double scale, const MatrixView& X, const MatrixView& Z, const VectorView& c, MatrixSpan G) {
  const Matrix rows = X;
  Matrix slopes = Matrix::Zero(rows.rows(), rows.cols());
  Vector K(CentreTile::most);
  for (Index first = 0; first < Z.rows(); first += CentreTile::most) {
    const CentreTile tile(Z, first);
    for (Index i = 0; i < rows.rows(); ++i) {
      const double* const x = rows.row(i).data();
      distance_loops::city_block_distances(tile.count, rows.cols(), x, tile.coordinates.data(), K.data());
      distance_loops::exponentials(tile.count, scale, 1, K.data());
      for (Index j = 0; j < tile.count; ++j) K[j] *= c[first + j];
      distance_loops::add_city_block_slopes(tile.count, rows.cols(), x, tile.coordinates.data(), K.data(),
                                            slopes.row(i).data());
    }
  }
  G = scale * slopes;
}

double integer_power(double base, int exponent) {
  double power = 1;
  for (; exponent > 0; exponent /= 2, base *= base)
    if (exponent % 2 == 1) power *= base;
  return power;
}

}  // namespace

void kernel_matrix(const Kernel& kernel, const MatrixView& X, const MatrixView& Z, MatrixSpan K) {
  const auto distance = distance_loops::of_distance(kernel);
  if (distance && distance->norm == Norm::city_block) return city_block_matrix(distance->scale, X, Z, K);
  gemm(Op::none, Op::transpose, 1.0, X, Z, 0.0, K);
  const double d = static_cast<double>(X.cols());
  const Vector x = X.rowwise().squaredNorm();
  const Vector z = Z.rowwise().squaredNorm();
  const double beta = kernel.bias * kernel.bias;
  if (distance) {
    const double omega = kernel.trend;
    Eigen::RowVectorXd trend;
    for (Index i = 0; i < K.rows(); ++i) {
      if (omega > 0) trend = omega * K.row(i);
      square_distances(X, x, Z, z, i, K);
      distance_loops::exponentials(K.cols(), distance->scale, distance->half, K.row(i).data());
      if (omega > 0) K.row(i) += trend;
    }
    return;
  }
  // K holds the products x_i·z_j and gets value(i, j, product).
  const auto replace = [&](const auto& value) {
    for (Index i = 0; i < K.rows(); ++i)
      for (Index j = 0; j < K.cols(); ++j) K(i, j) = value(i, j, K(i, j));
  };
  const auto pair = [&](Index i, Index j, double product) {
    return pair_of(x[i] / d + beta, z[j] / d + beta, product / d + beta);
  };
  switch (kernel.kind) {
    case KernelKind::arc_cosine:
      replace([&](Index i, Index j, double product) { return pair(i, j, product).kappa_1; });
      break;
    case KernelKind::ntk:
      replace([&](Index i, Index j, double product) {
        const Pair at = pair(i, j, product);
        return (kernel.blocks.a ? at.kappa_1 : 0.0) +
               at.kappa_0 * ((kernel.blocks.W ? product : 0.0) + (kernel.blocks.b ? 1.0 : 0.0));
      });
      break;
    case KernelKind::polynomial:
      replace([&](Index, Index, double product) { return integer_power(1 + product / d, kernel.degree); });
      break;
    default:
      break;
  }
}

void kernel_gradient(const Kernel& kernel, const MatrixView& X, const MatrixView& Z, const VectorView& c,
                     MatrixSpan G) {
  const auto distance = distance_loops::of_distance(kernel);
  if (distance && distance->norm == Norm::city_block) return city_block_gradient(distance->scale, X, Z, c, G);
  // ∇_x K(x, z_j) = along_z·z_j + along_x·x; D collects c_j·along_z, `own` Σ_j c_j·along_x.
  Matrix D(X.rows(), Z.rows());
  gemm(Op::none, Op::transpose, 1.0, X, Z, 0.0, D);
  const double d = static_cast<double>(X.cols());
  const Vector x = X.rowwise().squaredNorm();
  const Vector z = Z.rowwise().squaredNorm();
  const double beta = kernel.bias * kernel.bias;
  const auto& blocks = kernel.blocks;
  Vector own = Vector::Zero(X.rows());
  for (Index i = 0; i < D.rows(); ++i) {
    if (distance) {
      square_distances(X, x, Z, z, i, D);
      own[i] =
          -distance_loops::exponential_slopes(D.cols(), distance->scale, distance->half, c.data(), D.row(i).data());
      if (kernel.trend > 0) D.row(i) += kernel.trend * c.transpose();
      continue;
    }
    for (Index j = 0; j < D.cols(); ++j) {
      const double product = D(i, j);
      double along_z = 0;
      double along_x = 0;
      switch (kernel.kind) {
        case KernelKind::arc_cosine:
        case KernelKind::ntk: {
          const double s = x[i] / d + beta;
          const double s_other = z[j] / d + beta;
          const Pair pair = pair_of(s, s_other, product / d + beta);
          const bool tangent = kernel.kind == KernelKind::ntk;
          if (!tangent || blocks.a) {
            along_z = pair.kappa_0 / d;
            along_x = s > 0 ? pair.sine * std::sqrt(s_other / s) / (2 * pi * d) : 0.0;
          }
          if (!tangent) break;
          if (blocks.W) along_z += pair.kappa_0;
          // ∇κ₀ = ∇cos θ/(2π sin θ)
          const double factor = (blocks.W ? product : 0.0) + (blocks.b ? 1.0 : 0.0);
          if (pair.sine > 1e-7 && pair.length > 0) {
            along_z += factor / (2 * pi * pair.sine * d * pair.length);
            along_x -= factor * pair.cosine / (2 * pi * pair.sine * d * s);
          }
          break;
        }
        case KernelKind::polynomial:
          along_z = kernel.degree / d * integer_power(1 + product / d, kernel.degree - 1);
          break;
        default:
          break;
      }
      D(i, j) = c[j] * along_z;
      own[i] += c[j] * along_x;
    }
  }
  gemm(Op::none, Op::none, 1.0, D, Z, 0.0, G);
  G += own.asDiagonal() * X;
}

}  // namespace sextant
