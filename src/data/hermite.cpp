#include "sextant/hermite.h"

#include <fmt/core.h>

#include <Eigen/Eigenvalues>
#include <array>
#include <cmath>
#include <vector>

#include "sextant/error.h"

namespace sextant {
namespace {

constexpr int max_quadrature_nodes = 200;

// √0 … √200: what the normalised recurrence needs, for quadrature too.
const std::array<double, max_quadrature_nodes + 1>& square_roots() {
  static const auto table = [] {
    std::array<double, max_quadrature_nodes + 1> roots{};
    for (std::size_t k = 0; k < roots.size(); ++k) roots[k] = std::sqrt(static_cast<double>(k));
    return roots;
  }();
  return table;
}

void check_degree(const char* where, int k) {
  if (k < 0 || k > max_hermite_degree)
    throw InvalidArgument(fmt::format("{}: k = {} given, expected 0 to {}", where, k, max_hermite_degree));
}

void check_room(std::size_t degrees) {
  if (degrees > max_hermite_degree + 1)
    throw InvalidArgument(fmt::format("normalised_hermites: room for {} degrees given, expected at most {}", degrees,
                                      max_hermite_degree + 1));
}

// he_0(z) … he_{out.size() − 1}(z) by √(k+1) he_{k+1} = z he_k − √k he_{k−1}.
void recur(double z, std::span<double> out) {
  const auto& root = square_roots();
  if (!out.empty()) out[0] = 1;
  if (out.size() > 1) out[1] = z;
  for (std::size_t k = 1; k + 1 < out.size(); ++k) out[k + 1] = (z * out[k] - root[k] * out[k - 1]) / root[k + 1];
}

}  // namespace

double hermite(int k, double z) {
  check_degree("hermite", k);
  double previous = 0;  // He_{j−1}
  double current = 1;   // He_j
  for (int j = 0; j < k; ++j) {
    const double next = z * current - j * previous;
    previous = current;
    current = next;
  }
  return current;
}

double hermite_derivative(int k, double z) {
  check_degree("hermite_derivative", k);
  return k == 0 ? 0.0 : k * hermite(k - 1, z);
}

double normalised_hermite(int k, double z) {
  check_degree("normalised_hermite", k);
  std::array<double, max_hermite_degree + 1> he;
  recur(z, std::span(he).first(static_cast<std::size_t>(k) + 1));
  return he[static_cast<std::size_t>(k)];
}

double normalised_hermite_derivative(int k, double z) {
  check_degree("normalised_hermite_derivative", k);
  return k == 0 ? 0.0 : square_roots()[static_cast<std::size_t>(k)] * normalised_hermite(k - 1, z);
}

void normalised_hermites(double z, std::span<double> out) {
  check_room(out.size());
  recur(z, out);
}

void normalised_hermites(const VectorView& z, MatrixSpan out) {
  check_room(static_cast<std::size_t>(out.rows()));
  const auto& root = square_roots();
  const auto at = z.array().transpose();
  if (out.rows() > 0) out.row(0).setOnes();
  if (out.rows() > 1) out.row(1) = z.transpose();
  for (Index k = 1; k + 1 < out.rows(); ++k) {
    const auto degree = static_cast<std::size_t>(k);
    out.row(k + 1).array() = (at * out.row(k).array() - root[degree] * out.row(k - 1).array()) / root[degree + 1];
  }
}

double hermite_at_zero(int k) {
  check_degree("hermite_at_zero", k);
  if (k % 2 == 1) return 0;
  double value = 1;
  for (int j = k - 1; j > 0; j -= 2) value *= -j;  // He_k(0) = −(k − 1) He_{k−2}(0)
  return value;
}

Quadrature gauss_hermite(int n) {
  if (n < 1 || n > max_quadrature_nodes)
    throw InvalidArgument(fmt::format("gauss_hermite: n = {} given, expected 1 to {}", n, max_quadrature_nodes));
  const auto& root = square_roots();
  Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> jacobi;
  const Vector diagonal = Vector::Zero(n);
  Vector off_diagonal(n - 1);
  for (int k = 1; k < n; ++k) off_diagonal(k - 1) = root[static_cast<std::size_t>(k)];
  jacobi.computeFromTridiagonal(diagonal, off_diagonal, Eigen::EigenvaluesOnly);
  if (jacobi.info() != Eigen::Success)
    throw NumericalError(fmt::format("gauss_hermite: the nodes of the {}-point rule did not converge", n));

  Quadrature rule{Vector::Zero(n), Vector::Zero(n)};
  std::vector<double> he(static_cast<std::size_t>(n) + 1);
  // The rule is symmetric: refine the nodes above zero and mirror them; an odd rule's middle node is zero itself.
  for (int i = n / 2; i < n; ++i) {
    double z = (n % 2 == 1 && i == n / 2) ? 0.0 : jacobi.eigenvalues()(i);
    if (z != 0) {
      for (int step = 0; step < 3; ++step) {  // Newton for he_n(z) = 0, with he_n' = √n he_{n−1}
        recur(z, he);
        z -= he.back() / (root[static_cast<std::size_t>(n)] * he[he.size() - 2]);
      }
    }
    recur(z, he);
    double sum = 0;
    for (std::size_t k = 0; k + 1 < he.size(); ++k) sum += he[k] * he[k];
    rule.nodes(i) = z;
    rule.nodes(n - 1 - i) = -z;
    rule.weights(i) = rule.weights(n - 1 - i) = 1 / sum;
  }
  return rule;
}

}  // namespace sextant
