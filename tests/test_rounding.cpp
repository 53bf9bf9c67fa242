// Oracle: the same fit on the same rows, each number of which is multiplied by 1 plus 1e-13 times a standard normal: as
// much as another processor's kernels change sums by. Nothing that is chosen may turn on it.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <ostream>
#include <string>

#include "sextant/automatic.h"
#include "sextant/network.h"
#include "sextant/refine.h"
#include "sextant/subspace.h"
#include "sextant/synthetic.h"
#include "sextant/train.h"
#include "test_support.h"

using namespace sextant;

namespace {

FitOptions small(Method method, std::uint64_t seed) {
  FitOptions options;
  options.method = method;
  options.width = 32;
  options.lambda = {1e-4, 1e-3, 1e-2, 1e-1, std::numeric_limits<double>::infinity()};
  options.folds = 2;
  options.refine_rounds = 2;
  options.redraws = 2;
  options.lift = 4;
  options.polish_steps = 6;
  options.polish_degree = 3;
  options.seed = seed;
  return options;
}

Rows shaken(const Rows& rows, std::uint64_t seed) {
  constexpr double rounding = 1e-13;
  Rows result = rows;
  result.X.array() *= 1 + rounding * normals(rows.count(), rows.X.cols(), seed, 91).array();
  result.Y.array() *= 1 + rounding * normals(rows.count(), rows.Y.cols(), seed, 92).array();
  return result;
}

double held_out_error(const Rows& rows, const FitOptions& options) {
  const MemorySource source = rows.source();
  const Context context = run_with(2);
  const Trained trained = is_automatic(options.method)
                              ? train_automatic(source, nullptr, options, context)
                              : train(source, nullptr, representation(options), options, context);
  return trained.validation.chosen[0];
}

class Rounding : public testing::TestWithParam<Method> {};

}  // namespace

namespace sextant {
static void PrintTo(Method method, std::ostream* out) { *out << name(method); }
}  // namespace sextant

TEST_P(Rounding, DecidesNothing) {
  for (std::uint64_t seed = 1; seed <= 4; ++seed) {
    const HermiteTarget target = multi_index_target(2, 3, {.d = 5, .orientation = Orientation::random, .seed = seed});
    const Rows rows = read_all(GaussianSource({target}, {.rows = 240, .noise = 0.3, .seed = seed}), 512);
    FitOptions options = small(GetParam(), seed);
    if (options.method == Method::oracle) options.subspace = target.U;
    const double error = held_out_error(rows, options);
    const double other = held_out_error(shaken(rows, seed), options);
    EXPECT_NEAR(other / error, 1, 1e-6) << "seed " << seed;
  }
}

INSTANTIATE_TEST_SUITE_P(Methods, Rounding,
                         testing::Values(Method::sir, Method::save, Method::phd, Method::directional_regression,
                                         Method::oracle, Method::refine, Method::refined_kernel, Method::polish,
                                         Method::automatic),
                         [](const auto& method) {
                           std::string text = name(method.param);
                           std::ranges::replace(text, '-', '_');
                           return text;
                         });

// Features drawn inside a span, or along coordinates, are the same whatever basis these are given in: eigenvectors of
// nearly equal eigenvalues may be any.
TEST(RoundingOfBases, FeaturesDependOnTheSpanAlone) {
  const Matrix U = normals(3, 6, 1);
  const Matrix basis = orthonormal_basis(U, "test");
  const Moments of_rows = moments(random_rows(50, 6, 1, 2).source(), run_with(1));
  const Matrix S = Vector(Vector::LinSpaced(3, 0.2, 1)).asDiagonal() * basis;
  const FitOptions options = {.method = Method::algorithm_1, .width = 64, .seed = 5};
  const ReluNetwork within = random_network_within(U, options, 6);
  const ReluNetwork along = network_along(S, 64, of_rows, 5, 1);
  for (std::uint64_t seed = 1; seed <= 4; ++seed) {
    const Matrix R = draw_directions(3, 3, Orientation::random, seed);
    for (const double sign : {1.0, -1.0}) {
      EXPECT_LT(relative_error(random_network_within(sign * R * basis, options, 6).W, within.W), 1e-13);
      const ReluNetwork turned = network_along(sign * R * S, 64, of_rows, 5, 1);
      EXPECT_LT(relative_error(turned.W, along.W), 1e-13);
      EXPECT_LT(relative_error(turned.b, along.b), 1e-13);
    }
  }
  // The symmetric root of SᵀS = Σ_i s_i² v_i v_iᵀ is Σ_i s_i v_i v_iᵀ, and so are the draws.
  const Matrix root = basis.transpose() * S;
  const Matrix xi = Stream(5, Purpose::refined_layer).normal_matrix(128, 6).bottomRows(64);
  EXPECT_LT(relative_error(along.W, Matrix(xi * root)), 1e-13);
}

// Inputs that are copies of others leave A with eigenvalues of 0 but for rounding, of which small powers make much.
TEST(RoundingOfBases, EigenvaluesOfZeroCountAsZero) {
  const Matrix G = normals(2, 6, 3);
  const Matrix A = G.transpose() * G;
  for (const double power : {0.15, 0.25, 0.5, 1.0}) {
    const Matrix S = refined_coordinates(A, power);
    EXPECT_EQ(S.rows(), 2) << power;
    Matrix shaken = A;
    shaken.array() *= 1 + 1e-15 * normals(6, 6, 4).array();
    shaken = (0.5 * (shaken + shaken.transpose())).eval();
    const Matrix T = refined_coordinates(shaken, power);
    EXPECT_LT(relative_error(Matrix(T.transpose() * T), Matrix(S.transpose() * S)), 1e-12) << power;
  }
}
