// Oracle: the maps' own functions, for rows as they come (sextant/feature_map.h).
#include <gtest/gtest.h>

#include <vector>

#include "passes/prepared_map.h"
#include "sextant/random.h"

using namespace sextant;

namespace {

Matrix drawn(Index rows, Index cols, std::uint64_t seed) {
  return Stream(seed, Purpose::inputs).normal_matrix(rows, cols);
}

double distance(const Matrix& A, const Matrix& B) {
  return A.size() == 0 ? 0.0 : (A - B).cwiseAbs().maxCoeff() / (1.0 + B.cwiseAbs().maxCoeff());
}

// Networks about the widths of panels, mirrored and not, and a map that is none.
std::vector<FeatureMap> maps(Index d) {
  std::vector<FeatureMap> all;
  for (const Index h : {1, 31, 32, 33, 100, 257}) {
    all.emplace_back(ReluNetwork{drawn(h, d, 1), drawn(h, 1, 2), false});
    all.emplace_back(ReluNetwork{drawn(h, d, 3), drawn(2 * h, 1, 4), true});
  }
  all.emplace_back(
      HermiteFeatures{drawn(2, d, 5), Vector::Zero(2), Vector::Constant(2, -1.0), Vector::Constant(2, 1.0), 3});
  return all;
}

}  // namespace

TEST(PreparedMap, FeaturesAreThoseOfTheMap) {
  for (const Index d : {1, 9, 200})
    for (const FeatureMap& map : maps(d)) {
      const Matrix X = drawn(70, d, 6);
      Matrix expected(70, width(map));
      features(map, X, expected);
      const PreparedFeatures<double> prepared(map);
      Panels<double> Phi(75, prepared.columns());
      prepared(X, Phi, 3);
      const Matrix found = Phi.dense();
      EXPECT_LT(distance(found.middleRows(3, 70), expected), 1e-14) << d << ' ' << width(map);
      EXPECT_TRUE(found.topRows(3).isZero(0.0) && found.bottomRows(2).isZero(0.0));
      const PreparedFeatures<float> single(map);
      Panels<float> Phi_single(70, single.columns());
      single(X, Phi_single, 0);
      EXPECT_LT(distance(Phi_single.dense().cast<double>(), expected), 2e-6) << d << ' ' << width(map);
    }
}

// Up to four targets one at a time, more of them by a product.
TEST(PreparedMap, OutputsAreThoseOfTheMap) {
  for (const FeatureMap& map : maps(9))
    for (const Index k : {1, 4, 5}) {
      const Matrix X = drawn(70, 9, 6);
      const Matrix a = drawn(width(map), k, 7);
      const Matrix start = drawn(70, k, 8);
      Matrix expected = start;
      add_outputs(map, X, a, -0.5, expected);
      Matrix found = start;
      PreparedOutputs(map, a, -0.5).add(X, found);
      EXPECT_LT(distance(found, expected), 1e-14) << width(map) << ' ' << k;
    }
}

TEST(PreparedMap, GradientsAreThoseOfTheMap) {
  for (const Index d : {1, 9, 40})
    for (const FeatureMap& map : maps(d)) {
      const Matrix X = drawn(70, d, 6);
      const Vector a = drawn(width(map), 1, 7);
      Matrix expected(70, d);
      feature_gradient(map, X, a, expected);
      const PreparedGradient gradient(map, a);
      EXPECT_LT(distance(gradient(X), expected), 1e-14) << d << ' ' << width(map);
      Panels<double> G(72, panel_columns<double>(d));
      gradient.add(X, G, 1);
      gradient.add(X, G, 1);
      EXPECT_LT(distance(G.dense().middleRows(1, 70), 2.0 * expected), 1e-14) << d << ' ' << width(map);
    }
}
