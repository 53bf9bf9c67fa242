#include "method/wide_link.h"

#include <Eigen/Cholesky>
#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "core/ties.h"
#include "method/wide_linear.h"

namespace sextant {
namespace {

constexpr int degrees[] = {1, 2, 3, 4, 5, 7};
constexpr int steps = 4;
constexpr int halvings = 4;
constexpr double ridge = 1e-3;  // of the mean curvature of the linearised problem
constexpr Index rows_per_degree = 8;

}  // namespace

IndexLink link_of(const Matrix& X, const Vector& u, const Vector& y, const Vector& w, const Vector* seen) {
  static const std::vector<double> penalties = powers_of_ten(-6, 2, 1);
  const Vector z = seen != nullptr ? *seen : Vector(X * u);
  const double mean = w.dot(z);
  const double sd = std::sqrt(std::max(0.0, w.dot((z.array() - mean).square().matrix())));
  IndexLink best;
  best.error = std::numeric_limits<double>::infinity();
  if (!(sd > 0) || !std::isfinite(sd)) return best;
  // On the standardised index itself, then as a function of X.
  const Matrix standard = (z.array() - mean).matrix() / sd;
  for (const int degree : degrees) {
    if (degree > 1 && degree * rows_per_degree > X.rows()) break;
    const HermiteFeatures own{Matrix::Ones(1, 1), Vector::Zero(1), Vector::Constant(1, standard.minCoeff()),
                              Vector::Constant(1, standard.maxCoeff()), degree};
    Matrix Phi(X.rows(), own.width());
    features(own, standard, Phi);
    const Vector centre = Phi.transpose() * w;
    Phi.rowwise() -= centre.transpose();
    const LooRidge path(Phi, w);
    const LeftOut found = path.best(y, penalties);
    if (!clearly_less(found.error, best.error)) continue;
    best.a = path.of_features(found.head);
    best.constant = -centre.dot(best.a);
    best.error = found.error;
    best.map = {u.transpose() / sd, Vector::Constant(1, mean / sd), own.low, own.high, degree};
  }
  return best;
}

namespace {

Vector slopes_along(const IndexLink& link, const Matrix& X) {
  // g′(u·x): of the map with respect to its own index.
  HermiteFeatures own = link.map;
  const Matrix z = X * link.map.U.transpose();
  own.U = Matrix::Ones(1, 1);
  Matrix G(X.rows(), 1);
  feature_gradient(own, z, link.a, G);
  return G.col(0);
}

Vector values_of(const IndexLink& link, const Matrix& X) {
  Matrix Phi(X.rows(), link.map.width());
  features(link.map, X, Phi);
  return (Phi * link.a).array() + link.constant;
}

}  // namespace

IndexLink single_index(const Matrix& X, const std::vector<Vector>& starts, const Vector& y, const Vector& w) {
  IndexLink best;
  best.error = std::numeric_limits<double>::infinity();
  for (const Vector& start : starts) {
    if (!(start.squaredNorm() > 0)) continue;
    IndexLink link = link_of(X, start, y, w);
    for (int step = 0; step < steps && std::isfinite(link.error); ++step) {
      const Matrix J = slopes_along(link, X).asDiagonal() * X;
      Eigen::MatrixXd H = J.transpose() * w.asDiagonal() * J;
      H.diagonal().array() += ridge * std::max(1e-300, H.trace() / static_cast<double>(H.rows()));
      const Vector delta = H.llt().solve(J.transpose() * w.cwiseProduct(y - values_of(link, X)));
      if (!delta.allFinite()) break;
      bool better = false;
      double factor = 1;
      for (int half = 0; half < halvings && !better; ++half, factor /= 2) {
        IndexLink next = link_of(X, link.map.U.row(0).transpose() + factor * delta, y, w);
        better = clearly_less(next.error, link.error);
        if (better) link = std::move(next);
      }
      if (!better) break;
    }
    if (clearly_less(link.error, best.error)) best = std::move(link);
  }
  return best;
}

}  // namespace sextant
