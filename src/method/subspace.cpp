#include "sextant/subspace.h"

#include <fmt/core.h>

#include <Eigen/QR>
#include <Eigen/SVD>
#include <cmath>

#include "core/canonical_sign.h"
#include "core/linalg.h"
#include "core/parallel.h"
#include "core/ties.h"
#include "sextant/error.h"

namespace sextant {
Matrix orthonormal_basis(const Matrix& U, const char* what) {
  if (!U.allFinite()) throw InvalidArgument(fmt::format("{} holds a value that is not finite", what));
  // Before Eigen sees it, which asks an empty matrix for its largest column.
  if (U.size() == 0 || U.cwiseAbs().maxCoeff() == 0.0)
    throw InvalidArgument(fmt::format("{} has no row other than 0", what));
  // Independent rows are taken in their order (Gram and Schmidt): which of several rows of one length is the longest,
  // and so the first of a pivoted basis, is a matter of rounding.
  const Eigen::ColPivHouseholderQR<Eigen::MatrixXd> pivoted(U.transpose());
  const Eigen::MatrixXd leading = Eigen::MatrixXd::Identity(U.cols(), pivoted.rank());
  Matrix basis;
  if (pivoted.rank() == U.rows())
    basis = (Eigen::HouseholderQR<Eigen::MatrixXd>(U.transpose()).householderQ() * leading).transpose();
  else
    basis = (pivoted.householderQ() * leading).transpose();
  set_row_signs(basis);
  return basis;
}

Spectrum spectrum(const Matrix& A) {
  const auto eigen = linalg::symmetric_eigen(A, "spectrum");
  Spectrum result;
  result.values = eigen.values.reverse().cwiseMax(0.0);
  const double sum = result.values.sum();
  if (sum > 0) result.values /= sum;
  result.directions = eigen.vectors.rowwise().reverse().transpose();
  return result;
}

Spectrum factor_spectrum(const Matrix& B) {
  if (!B.allFinite()) throw NumericalError("spectrum: a matrix with a value that is not finite");
  Spectrum result;
  result.values = B.rowwise().squaredNorm();
  result.directions = B;
  for (Index i = 0; i < B.rows(); ++i)
    if (result.values[i] > 0) result.directions.row(i) /= std::sqrt(result.values[i]);
  const double sum = result.values.sum();
  if (sum > 0) result.values /= sum;
  return result;
}

Spectrum first_layer_spectrum(const Matrix& W) {
  const SingleThreadedBlas guard;
  Matrix A(W.cols(), W.cols());
  linalg::syrk_upper(1.0, W, 0.0, A);
  linalg::mirror_upper(A);
  return spectrum(A);
}

RankEstimate estimate_rank(const Vector& spectrum) {
  const Index d = spectrum.size();
  const double sum = spectrum.sum();
  RankEstimate estimate;
  if (d == 0 || !(sum > 0)) return estimate;
  const double floor = 1e-3 * sum;
  estimate.rank = d;
  for (Index r = 1; r < d; ++r) {
    const double ratio = (spectrum[r - 1] + floor) / (spectrum[r] + floor);
    if (ratio < 2.0 || !clearly_less(estimate.ratio, ratio)) continue;
    estimate.ratio = ratio;
    estimate.rank = r;
  }
  estimate.share = spectrum.head(estimate.rank).sum() / sum;
  return estimate;
}

Vector principal_angles(const Matrix& U, const Matrix& V) {
  if (U.cols() != V.cols())
    throw InvalidArgument(
        fmt::format("principal angles: U has {} columns and V has {}, expected as many", U.cols(), V.cols()));
  Eigen::MatrixXd P = orthonormal_basis(U, "principal angles: U").transpose();
  Eigen::MatrixXd Q = orthonormal_basis(V, "principal angles: V").transpose();
  if (P.cols() < Q.cols()) P.swap(Q);
  // Q has the fewer columns. Cosines are the singular values of PᵀQ; sines those of Q − PPᵀQ, accurate for small
  // angles.
  const Eigen::MatrixXd cosines = P.transpose() * Q;
  const Vector c = cosines.jacobiSvd().singularValues();
  const Vector s = (Q - P * cosines).jacobiSvd().singularValues().reverse();
  Vector angles(c.size());
  for (Index i = 0; i < c.size(); ++i)
    angles[i] = c[i] * c[i] > 0.5 ? std::asin(std::min(1.0, s[i])) : std::acos(std::min(1.0, c[i]));
  return angles;
}

double overlap(const Matrix& U, const Matrix& V) {
  const Vector angles = principal_angles(U, V);
  return angles.array().cos().square().mean();
}

}  // namespace sextant
