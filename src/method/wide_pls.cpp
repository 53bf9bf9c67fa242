#include "method/wide_pls.h"

#include <Eigen/LU>
#include <algorithm>

namespace sextant {

Matrix pls_coefficients(const Matrix& Z, const Vector& y, const Vector& w, Index most) {
  constexpr double nothing = 1e-12;  // of the first covariance's square
  const Index r = Z.cols();
  const Index A = std::min({most, r, Z.rows() - 1});
  Matrix E = Z;
  Vector f = y;
  Matrix V(r, A);
  Matrix P(r, A);
  Vector q(A);
  Matrix coefficients(r, A);
  double first = 0;
  for (Index a = 0; a < A; ++a) {
    Vector v = E.transpose() * w.cwiseProduct(f);
    if (a == 0) first = v.squaredNorm();
    if (!(v.squaredNorm() > nothing * first)) return coefficients.leftCols(a);
    v.normalize();
    const Vector t = E * v;
    const Vector wt = w.cwiseProduct(t);
    const double tau = t.dot(wt);
    if (!(tau > 0)) return coefficients.leftCols(a);
    V.col(a) = v;
    P.col(a) = E.transpose() * wt / tau;
    q[a] = f.dot(wt) / tau;
    E -= t * P.col(a).transpose();
    f -= q[a] * t;
    const Eigen::MatrixXd inner = P.leftCols(a + 1).transpose() * V.leftCols(a + 1);
    coefficients.col(a) = V.leftCols(a + 1) * inner.partialPivLu().solve(q.head(a + 1));
  }
  return coefficients;
}

}  // namespace sextant
