// Oracles: quadrature over the Gaussian pair (fixtures/network_kernels.csv, written by
// fixtures/make_network_kernels.py); the formulas in kernel.h with loops; central differences; finite networks of many
// units.
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "core/parallel.h"
#include "sextant/feature_map.h"
#include "sextant/kernel.h"
#include "sextant/network.h"
#include "sextant/passes.h"
#include "test_support.h"

using namespace sextant;

namespace {

const std::vector<Kernel> kernels = {{.kind = KernelKind::arc_cosine, .bias = 0.7},
                                     {.kind = KernelKind::ntk, .bias = 0.4},
                                     {.kind = KernelKind::ntk, .blocks = {false, true, false}},
                                     {.kind = KernelKind::ntk, .bias = 1, .blocks = {false, false, true}},
                                     {.kind = KernelKind::polynomial, .degree = 4},
                                     {.kind = KernelKind::gaussian, .bandwidth = 2.5},
                                     {.kind = KernelKind::laplace, .bandwidth = 1.5},
                                     {.kind = KernelKind::exponential, .bandwidth = 1.5, .exponent = 1},
                                     {.kind = KernelKind::exponential, .bandwidth = 1.5, .exponent = 1.4},
                                     {.kind = KernelKind::exponential, .bandwidth = 1.5, .exponent = 2},
                                     {.kind = KernelKind::exponential, .bandwidth = 1.5, .exponent = 1.4, .trend = 0.3},
                                     {.kind = KernelKind::laplace, .bandwidth = 1.5, .trend = 2},
                                     {.kind = KernelKind::city_block, .bandwidth = 1.5}};

Matrix values(const Kernel& kernel, const Matrix& X, const Matrix& Z) {
  Matrix K(X.rows(), Z.rows());
  kernel_matrix(kernel, X, Z, K);
  return K;
}

}  // namespace

TEST(Kernel, NetworkKernelsAgreeWithQuadrature) {
  std::ifstream file(std::string(SEXTANT_FIXTURES) + "/network_kernels.csv");
  std::string line;
  std::getline(file, line);
  int compared = 0;
  for (; std::getline(file, line); ++compared) {
    std::istringstream cells(line);
    std::vector<double> row;
    for (std::string cell; std::getline(cells, cell, ',');) row.push_back(std::stod(cell));
    ASSERT_EQ(row.size(), 12U);
    const Matrix x = Eigen::Map<const Matrix>(row.data(), 1, 4);
    const Matrix z = Eigen::Map<const Matrix>(row.data() + 4, 1, 4);
    const double bias = row[8];
    const auto at = [&](const Kernel& kernel) { return values(kernel, x, z)(0, 0); };
    EXPECT_NEAR(at({.kind = KernelKind::arc_cosine, .bias = bias}), row[9], 1e-12 * (1 + row[9])) << line;
    // θ near 0 is known to the root of the rounding of its cosine.
    EXPECT_NEAR(at({.kind = KernelKind::ntk, .bias = bias, .blocks = {false, false, true}}), row[10], 1e-8) << line;
    EXPECT_NEAR(at({.kind = KernelKind::ntk, .bias = bias}), row[11], 1e-8 * (1 + std::abs(row[11]))) << line;
  }
  EXPECT_GT(compared, 50);
}

TEST(Kernel, UsualKernelsAreTheirFormulas) {
  const Matrix X = normals(9, 5, 1);
  const Matrix Z = normals(7, 5, 2);
  const Matrix polynomial = values({.kind = KernelKind::polynomial, .degree = 3}, X, Z);
  const Matrix gaussian = values({.kind = KernelKind::gaussian, .bandwidth = 1.7}, X, Z);
  const Matrix laplace = values({.kind = KernelKind::laplace, .bandwidth = 0.6}, X, Z);
  const Matrix city_block = values({.kind = KernelKind::city_block, .bandwidth = 0.8}, X, Z);
  const Matrix with_trend = values({.kind = KernelKind::laplace, .bandwidth = 0.6, .trend = 0.4}, X, Z);
  for (Index i = 0; i < 9; ++i) {
    for (Index j = 0; j < 7; ++j) {
      const double r = (X.row(i) - Z.row(j)).norm();
      EXPECT_NEAR(polynomial(i, j), std::pow(1 + X.row(i).dot(Z.row(j)) / 5, 3), 1e-12);
      EXPECT_NEAR(gaussian(i, j), std::exp(-r * r / (2 * 1.7 * 1.7)), 1e-14);
      EXPECT_NEAR(laplace(i, j), std::exp(-r / 0.6), 1e-13);
      EXPECT_NEAR(city_block(i, j), std::exp(-(X.row(i) - Z.row(j)).lpNorm<1>() / 0.8), 1e-14);
      EXPECT_NEAR(with_trend(i, j), std::exp(-r / 0.6) + 0.4 * X.row(i).dot(Z.row(j)), 1e-13);
    }
  }
}

TEST(Kernel, GradientsAgreeWithCentralDifferences) {
  const Matrix X = normals(6, 4, 3);
  const Matrix Z = normals(5, 4, 4);
  const Vector c = normals(5, 1, 5);
  const double h = 1e-6;
  for (const Kernel& kernel : kernels) {
    Matrix G(6, 4);
    kernel_gradient(kernel, X, Z, c, G);
    for (Index j = 0; j < 4; ++j) {
      Matrix up = X;
      Matrix down = X;
      up.col(j).array() += h;
      down.col(j).array() -= h;
      const Vector difference = (values(kernel, up, Z) - values(kernel, down, Z)) * c / (2 * h);
      EXPECT_LT((G.col(j) - difference).cwiseAbs().maxCoeff(), 1e-7) << static_cast<int>(kernel.kind) << ' ' << j;
    }
  }
}

TEST(Kernel, GradientAtACentreIsFinite) {
  const Matrix X = normals(3, 4, 6);
  for (const Kernel& kernel : kernels) {
    Matrix G(3, 4);
    kernel_gradient(kernel, X, X, Vector::Ones(3), G);
    EXPECT_TRUE(G.allFinite()) << static_cast<int>(kernel.kind);
    const Matrix zero = Matrix::Zero(1, 4);
    Matrix g(1, 4);
    kernel_gradient(kernel, zero, zero, Vector::Ones(1), g);
    EXPECT_TRUE(g.allFinite()) << static_cast<int>(kernel.kind);
  }
}

// Root-mean-square error of a finite network's inner products, over pairs and draws of the network.
double limit_error(Method method, double bias, bool symmetric, Index units) {
  const SingleThreadedBlas guard;  // products of 12 rows are no work to share
  const Matrix X = normals(12, 6, 7);
  const Kernel limit{.kind = method == Method::ntk ? KernelKind::ntk : KernelKind::arc_cosine, .bias = bias};
  const Matrix expected = values(limit, X, X);
  constexpr int draws = 40;
  double sum = 0;
  for (int draw = 0; draw < draws; ++draw) {
    const FitOptions options{.method = method,
                             .width = units,
                             .seed = static_cast<std::uint64_t>(draw),
                             .symmetric = symmetric,
                             .bias = bias,
                             .ntk_scale = NtkScale::balanced};
    FeatureMap map;
    double scale = 1;
    if (method == Method::ntk) {
      map = linearised_network(options, 6);
    } else {
      map = random_network(options, 6);
      scale = 1 / static_cast<double>(units);
    }
    const Matrix A = activations(map, X);
    Matrix K(12, 12);
    inner_products(map, X, A, X, A, K);
    sum += (scale * K - expected).squaredNorm() / (draws * 144.0);
  }
  return std::sqrt(sum);
}

TEST(Kernel, FiniteNetworksApproachTheLimitAsOneOverRootM) {
  for (const Method method : {Method::ntk, Method::random_features}) {
    for (const double bias : {0.0, 1.0}) {
      for (const bool symmetric : {false, true}) {
        const double few = limit_error(method, bias, symmetric, 64);
        const double many = limit_error(method, bias, symmetric, 4096);
        // 64 times the units: an eighth of the error. Over 40 draws of 144 dependent pairs the ratio is known to about
        // 10 %.
        EXPECT_NEAR(few / many, 8.0, 2.0) << static_cast<int>(method) << ' ' << bias << ' ' << symmetric;
        EXPECT_LT(many, method == Method::ntk ? 0.12 : 0.05);
      }
    }
  }
}
