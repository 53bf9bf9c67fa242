// Oracles: explicit formulas of the tangent features, checked against central differences of the network's output where
// they were made (fixtures/linearised_network.json, by fixtures/make_linearised_network.py); features, outputs, inner
// products and gradients of each kind against each other.
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "json_matrix.h"
#include "sextant/feature_map.h"
#include "sextant/network.h"
#include "sextant/product_terms.h"
#include "test_support.h"

using namespace sextant;

namespace {

Matrix features_of(const FeatureMap& map, const Matrix& X) {
  Matrix Phi(X.rows(), width(map));
  features(map, X, Phi);
  return Phi;
}

// One of each kind, of d inputs. Enough units and centres for more than one tile.
std::vector<FeatureMap> one_of_each(Index d) {
  std::vector<FeatureMap> maps = {random_network(40, d, true, 1), random_network(40, d, false, 2)};
  for (const char* blocks : {"a,W,b", "a", "W", "b", "W,b"}) {
    const FitOptions options{
        .method = Method::ntk, .width = 600, .seed = 3, .bias = 0.5, .ntk_blocks = ntk_blocks_named(blocks)};
    maps.emplace_back(linearised_network(options, d));
  }
  for (const KernelKind kind : {KernelKind::arc_cosine, KernelKind::ntk, KernelKind::polynomial, KernelKind::gaussian,
                                KernelKind::laplace, KernelKind::city_block})
    maps.emplace_back(KernelSections{{.kind = kind, .bias = 0.5, .bandwidth = 2}, normals(700, d, 4)});
  for (const double q : {1.0, 1.4, 2.0})
    maps.emplace_back(
        KernelSections{{.kind = KernelKind::exponential, .bandwidth = 2, .exponent = q}, normals(700, d, 4)});
  // In coordinates Sx, fewer and more than the inputs.
  for (const Index q : {2, 5})
    maps.emplace_back(KernelSections{{.bandwidth = 2}, normals(700, q, 4), normals(q, d, 13) / std::sqrt(d)});
  // Ranges that some rows leave.
  for (const Index r : {1, 2, 3})
    for (const int degree : {1, 2, 5})
      maps.emplace_back(HermiteFeatures{normals(r, d, 14) / std::sqrt(d), 0.1 * normals(r, 1, 15),
                                        Vector::Constant(r, -1.0), Vector::Constant(r, 1.2), degree});
  return maps;
}

}  // namespace

TEST(FeatureMap, TangentFeaturesAreTheDerivatives) {
  std::ifstream file(std::string(SEXTANT_FIXTURES) + "/linearised_network.json");
  const auto entries = nlohmann::json::parse(file);
  ASSERT_EQ(entries.size(), 8U);
  for (const auto& entry : entries) {
    LinearisedNetwork network;
    network.W = matrix_from(entry.at("W"));
    network.b = vector_from(entry.at("b"));
    network.a = vector_from(entry.at("a")).cwiseSign();
    const Index m = network.units();
    network.gradient_scale = 1 / std::sqrt(static_cast<double>(m));
    network.unit_scale = entry.at("scale") == "standard" ? 1.0 : network.gradient_scale;
    const Matrix X = matrix_from(entry.at("X"));
    const Matrix Phi = features_of(network, X);
    ASSERT_EQ(Phi.cols(), m * 5);
    EXPECT_LT(relative_error(Matrix(Phi.leftCols(m)), matrix_from(entry.at("block_a"))), 1e-14);
    EXPECT_LT(relative_error(Matrix(Phi.middleCols(m, 3 * m)), matrix_from(entry.at("block_W"))), 1e-14);
    EXPECT_LT(relative_error(Matrix(Phi.rightCols(m)), matrix_from(entry.at("block_b"))), 1e-14);
    const Matrix Z = activations(network, X);
    Matrix K(X.rows(), X.rows());
    inner_products(network, X, Z, X, Z, K);
    EXPECT_LT(relative_error(K, matrix_from(entry.at("kernel"))), 1e-13);
  }
}

TEST(FeatureMap, OutputsAreFeaturesTimesHead) {
  for (const Index d : {1, 3, 8}) {
    for (const FeatureMap& map : one_of_each(d)) {
      const Matrix X = normals(23, d, 5);
      const Matrix a = normals(width(map), 3, 6);
      const Matrix before = normals(23, 3, 7);
      Matrix F = before;
      add_outputs(map, X, a, -2.0, F);
      EXPECT_LT(relative_error(F, Matrix(before - 2.0 * features_of(map, X) * a)), 1e-12) << map.index();
    }
  }
}

TEST(FeatureMap, InnerProductsAreThoseOfTheFeatures) {
  for (const Index d : {1, 3, 8}) {
    for (const FeatureMap& map : one_of_each(d)) {
      const Matrix X = normals(9, d, 8);
      const Matrix Z = normals(6, d, 9);
      Matrix K(9, 6);
      inner_products(map, X, activations(map, X), Z, activations(map, Z), K);
      if (const auto* sections = std::get_if<KernelSections>(&map)) {
        Matrix expected(9, 6);
        kernel_matrix(sections->kernel, sections->coordinates(X), sections->coordinates(Z), expected);
        EXPECT_EQ(K, expected);
      } else {
        EXPECT_LT(relative_error(K, Matrix(features_of(map, X) * features_of(map, Z).transpose())), 1e-12)
            << map.index();
      }
    }
  }
}

TEST(FeatureMap, GradientAgainstCentralDifferences) {
  for (const Index d : {1, 3, 8}) {
    for (const FeatureMap& map : one_of_each(d)) {
      if (std::holds_alternative<ReluNetwork>(map)) continue;  // tests/test_passes.cpp
      const Matrix X = normals(40, d, 10);
      const Vector c = normals(width(map), 1, 11);
      Matrix G(40, d);
      feature_gradient(map, X, c, G);
      // Rows with a unit's kink within reach of the difference are left out.
      const double h = 1e-6;
      const auto* network = std::get_if<LinearisedNetwork>(&map);
      const Matrix Z = network != nullptr ? activations(map, X) : Matrix::Ones(40, 1);
      Index compared = 0;
      for (Index i = 0; i < 40; ++i) {
        if (Z.row(i).cwiseAbs().minCoeff() < 20 * h) continue;
        ++compared;
        for (Index j = 0; j < d; ++j) {
          Matrix pair = X.row(i).replicate(2, 1);
          pair(0, j) += h;
          pair(1, j) -= h;
          const Vector f = features_of(map, pair) * c;
          EXPECT_NEAR(G(i, j), (f[0] - f[1]) / (2 * h), 1e-5 * (1 + std::abs(G(i, j)))) << map.index() << ' ' << d;
        }
      }
      EXPECT_GT(compared, 20) << map.index();
    }
  }
}

// he_1 = z, he_2 = (z² − 1)/√2, he_3 = (z³ − 3z)/√6, written out.
TEST(FeatureMap, HermiteFeaturesAreTheProducts) {
  const HermiteFeatures map{(Matrix(2, 2) << 0.5, 1, -1, 0.25).finished(), (Vector(2) << 0.1, -0.2).finished(),
                            Vector::Constant(2, -3.0), Vector::Constant(2, 3.0), 3};
  ASSERT_EQ(map.width(), 10);
  const auto terms = product_terms(2, 3);
  ASSERT_EQ(terms.size(), 10U);
  const Matrix X = normals(30, 2, 21).cwiseMax(-1.5).cwiseMin(1.5);
  const Matrix Phi = features_of(map, X);
  const auto he = [](int k, double z) {
    const double value[] = {1.0, z, (z * z - 1) / std::sqrt(2.0), (z * z * z - 3 * z) / std::sqrt(6.0)};
    return value[k];
  };
  for (Index i = 0; i < 30; ++i) {
    const Vector z = map.U * X.row(i).transpose() - map.c;
    for (std::size_t t = 0; t < terms.size(); ++t)
      EXPECT_NEAR(Phi(i, static_cast<Index>(t)), he(terms[t].alpha[0], z[0]) * he(terms[t].alpha[1], z[1]), 1e-13);
  }
}

// Beyond the range of training a polynomial is its tangent: second differences vanish there, and the two meet.
TEST(FeatureMap, HermiteFeaturesAreLinearBeyondTheirRange) {
  const HermiteFeatures map{Matrix::Ones(1, 1), Vector::Zero(1), Vector::Constant(1, -2.0), Vector::Constant(1, 1.0),
                            6};
  const Matrix X = (Matrix(8, 1) << 1.0, 2.0, 3.0, 4.0, -2.0, -3.0, -4.0, -5.0).finished();
  const Matrix Phi = features_of(map, X);
  for (const Index first : {0, 4})
    for (const Index at : {first, first + 1})
      EXPECT_LT((Phi.row(at) - 2 * Phi.row(at + 1) + Phi.row(at + 2)).cwiseAbs().maxCoeff(), 1e-11);
  const Matrix near = (Matrix(2, 1) << 1.0 - 1e-7, 1.0 + 1e-7).finished();
  EXPECT_LT((features_of(map, near).row(0) - features_of(map, near).row(1)).cwiseAbs().maxCoeff(), 1e-5);
}

TEST(FeatureMap, SymmetricLinearisationStartsAtZero) {
  const FitOptions options{.method = Method::ntk, .width = 30, .seed = 3, .symmetric = true, .bias = 1.0};
  const LinearisedNetwork network = linearised_network(options, 4);
  const Matrix X = normals(20, 4, 12);
  // f(x) = Σ a_j σ(z_j) vanishes: mirrors cancel.
  EXPECT_LT((activations(network, X).cwiseMax(0.0) * network.a).cwiseAbs().maxCoeff(), 1e-13);
  const LinearisedNetwork plain = linearised_network({.method = Method::ntk, .width = 30, .seed = 3}, 4);
  EXPECT_GT((activations(plain, X).cwiseMax(0.0) * plain.a).cwiseAbs().maxCoeff(), 0.1);
  EXPECT_EQ(plain.b, Vector::Zero(30));
}
