// Oracles: SᵀS by Eigen's own eigen-solver; the covariance of a network's rows and the spread of its biases, with the
// standard error of m draws; distances and centres counted by hand; synthetic targets whose directions are known.
#include <gtest/gtest.h>

#include <Eigen/Eigenvalues>
#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "message_of.h"
#include "sextant/refine.h"
#include "sextant/ridge_head.h"
#include "sextant/subspace.h"
#include "sextant/synthetic.h"
#include "test_support.h"

using namespace sextant;

namespace {

// (A/tr A)^{2q} over its trace.
Matrix by_eigenvalues(const Matrix& A, double power) {
  const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> eigen(A);
  const Vector values = eigen.eigenvalues().cwiseMax(0.0) / A.trace();
  const Vector powers = values.array().pow(2 * power);
  return eigen.eigenvectors() * (powers / powers.sum()).asDiagonal() * eigen.eigenvectors().transpose();
}

Moments moments_of(const Matrix& X) {
  const Matrix Y = Matrix::Zero(X.rows(), 1);
  return moments(MemorySource(X, Y), run_with(1));
}

}  // namespace

TEST(Refine, CoordinatesAreTheirDefinition) {
  for (const Index rank : {1, 3, 6}) {
    const Matrix G = normals(rank, 6, 1);
    const Matrix A = G.transpose() * G;
    for (const double power : {0.5, 1.0, 0.3}) {
      const Matrix S = refined_coordinates(A, power);
      EXPECT_LT(relative_error(Matrix(S.transpose() * S), by_eigenvalues(A, power)), 1e-9) << rank << ' ' << power;
      EXPECT_NEAR(S.norm(), 1, 1e-12);
      if (power >= 0.5) {
        EXPECT_EQ(S.rows(), rank);
      }
    }
    // Nor does the unit of A matter, however small or large.
    for (const double unit : {1e-200, 1e200})
      EXPECT_LT(relative_error(refined_coordinates(unit * A, 1).cwiseAbs(), refined_coordinates(A, 1).cwiseAbs()),
                1e-8);
  }
}

TEST(Refine, CoordinatesOfNothing) {
  const Matrix S = refined_coordinates(Matrix::Zero(4, 4), 0.5);
  EXPECT_LT(relative_error(Matrix(S.transpose() * S), Matrix(Matrix::Identity(4, 4) / 4)), 1e-14);
  EXPECT_EQ(message_of<InvalidArgument>([] { (void)refined_coordinates(Matrix::Identity(2, 2), 0); }),
            "refine: power 0 given, expected a number above 0");
  for (const double bad : {std::nan(""), std::numeric_limits<double>::infinity()}) {
    Matrix A = Matrix::Identity(2, 2);
    A(0, 0) = bad;
    EXPECT_NE(message_of<NumericalError>([&] { (void)refined_coordinates(A, 1); }).find("refine"), std::string::npos);
  }
}

// Rows w = zS have covariance SᵀS; an entry of the mean of m outer products errs by √2/√m of the largest at most.
TEST(Refine, NetworksAreDrawnAlongCoordinates) {
  const Matrix G = normals(2, 5, 2);
  const Matrix S = refined_coordinates(G.transpose() * G, 0.5);
  const Matrix X = 3 * normals(400, 5, 3);
  const Moments of_rows = moments_of(X);
  const Index m = 20'000;
  const ReluNetwork network = network_along(S, m, of_rows, 7, 0);
  ASSERT_EQ(network.W.rows(), m);
  ASSERT_EQ(network.b.size(), m);
  EXPECT_FALSE(network.mirrored);
  const Matrix covariance = network.W.transpose() * network.W / static_cast<double>(m);
  EXPECT_LT(relative_error(covariance, Matrix(S.transpose() * S)), 0.05);  // 5 standard errors
  EXPECT_LT(principal_angles(network.W.topRows(2), G).maxCoeff(), 1e-6);

  // Biases are as wide as all projections together.
  const Matrix projections = (X.rowwise() - of_rows.x_mean.transpose()) * network.W.topRows(2000).transpose();
  const double spread = std::sqrt(projections.squaredNorm() / static_cast<double>(projections.size()));
  const double of_biases = std::sqrt(network.b.squaredNorm() / static_cast<double>(m));
  EXPECT_NEAR(of_biases / spread, 1, 0.07);  // 2000 units: 2 % each
}

TEST(Refine, RedrawsAreIndependentAndRepeatable) {
  const Matrix S = refined_coordinates(Matrix::Identity(3, 3), 0.5);
  const Moments of_rows = moments_of(normals(100, 3, 4));
  const Index m = 5000;
  const ReluNetwork first = network_along(S, m, of_rows, 7, 0);
  EXPECT_EQ(network_along(S, m, of_rows, 7, 0).W, first.W);
  EXPECT_EQ(network_along(S, m, of_rows, 7, 0).b, first.b);
  for (const auto& other : {network_along(S, m, of_rows, 7, 1), network_along(S, m, of_rows, 8, 0)}) {
    const double n = std::sqrt(static_cast<double>(m));
    EXPECT_LT(std::abs(other.b.normalized().dot(first.b.normalized())), 5 / n);
    const double of_rows_of_W = other.W.cwiseProduct(first.W).sum() / (other.W.norm() * first.W.norm());
    EXPECT_LT(std::abs(of_rows_of_W), 5 / n);
    // No row of one is a row of the other.
    EXPECT_TRUE((other.W.col(0).array() != first.W.col(0).array()).all());
  }
}

TEST(Refine, MedianDistanceIsThatOfRowsThatDiffer) {
  const Matrix X = normals(41, 3, 5);
  std::vector<double> distances;
  for (Index i = 0; i < 41; ++i)
    for (Index j = 0; j < i; ++j) distances.push_back((X.row(i) - X.row(j)).norm());
  std::sort(distances.begin(), distances.end());
  EXPECT_NEAR(median_distance(X), distances[distances.size() / 2], 1e-12);
  Matrix twice(82, 3);
  twice << X, X;
  EXPECT_NEAR(median_distance(twice), distances[distances.size() / 2], 1e-12);
  EXPECT_EQ(median_distance(Matrix::Constant(9, 2, 3.0)), 1);
  EXPECT_EQ(median_distance(Matrix(1, 2)), 1);
}

TEST(Refine, KernelsHaveAllRowsOrLandmarks) {
  const Rows rows = random_rows(90, 4, 1, 6, false);
  const MemorySource source = rows.source();
  const Matrix S = normals(2, 4, 7);
  for (const Index block_rows : {7, 1024}) {
    const KernelSections all = kernel_along(S, {1.4, 3}, source, 90, run_with(1, block_rows));
    EXPECT_FALSE(all.landmarks);
    EXPECT_EQ(all.kernel.kind, KernelKind::exponential);
    EXPECT_EQ(all.kernel.exponent, 1.4);
    EXPECT_LT(relative_error(all.centres, Matrix(rows.X * S.transpose())), 1e-14);
    EXPECT_NEAR(all.kernel.bandwidth, 3 * median_distance(all.centres), 1e-12);
    EXPECT_EQ(kernel_along({}, {1, 1}, source, 90, run_with(1, block_rows)).centres, rows.X);

    const KernelSections some = kernel_along(S, {1.4, 3}, source, 40, run_with(1, block_rows));
    EXPECT_TRUE(some.landmarks);
    ASSERT_EQ(some.width(), 30);  // every third row
    for (Index i = 0; i < 30; ++i)
      EXPECT_LT(relative_error(some.centres.row(i), Matrix(rows.X.row(3 * i) * S.transpose())), 1e-14);
  }
}

// Of lifted inputs: as of the lifted rows, but for what S hardly has; and the rows are known.
TEST(Refine, KernelsOfLiftedInputsKnowTheirRows) {
  const Rows rows = random_rows(90, 4, 1, 6, false);
  const MemorySource source = rows.source();
  Lift lift = learn_lift(source, 5, run_with(1));
  Matrix lifted;
  lift.apply(rows.X, lifted);
  Matrix S = normals(3, 20, 7);
  S.row(1) *= 1e-3;  // 10⁻⁶ of the spread
  const KernelSections plain = kernel_along({}, lift, {1.4, 3}, source, 90, run_with(1));
  EXPECT_EQ(plain.centres, lifted);
  EXPECT_EQ(*plain.before_lift, rows.X);
  const KernelSections along = kernel_along(S, lift, {1.4, 3}, source, 90, run_with(1));
  EXPECT_EQ(along.S, S(std::vector<Index>{0, 2}, Eigen::all).cast<float>().cast<double>());
  EXPECT_LT(relative_error(along.centres, Matrix(lifted * along.S.transpose())), 1e-14);
  EXPECT_EQ(*along.before_lift, rows.X);
  EXPECT_NEAR(along.kernel.bandwidth, 3 * median_distance(along.centres), 1e-12);
  const KernelSections some = kernel_along(S, lift, {1.4, 3}, source, 40, run_with(1));
  EXPECT_TRUE(some.landmarks);
  EXPECT_EQ(some.before_lift->row(7), rows.X.row(21));
  // The largest of too many.
  Matrix many = normals(300, 20, 8);
  many.row(299) *= 10;
  const KernelSections largest = kernel_along(many, lift, {1.4, 3}, source, 90, run_with(1));
  EXPECT_EQ(largest.S.rows(), 256);
  EXPECT_EQ(largest.S.row(255), many.row(299).cast<float>().cast<double>());
}

// Rows that do not count change neither the bandwidth nor, as far as there are others, the landmarks.
TEST(Refine, RowsOfNoWeightLeaveKernelsAlone) {
  const Rows rows = random_rows(60, 3, 1, 8, false);
  Rows more{Matrix::Constant(120, 3, 50.0), Matrix::Zero(120, 1), Vector::Zero(120)};
  for (Index i = 0; i < 60; ++i) {  // every second row, so a regular sample of all rows would see none that count
    more.X.row(2 * i + 1) = rows.X.row(i);
    more.Y.row(2 * i + 1) = rows.Y.row(i);
    more.w[2 * i + 1] = 1;
  }
  const KernelSections plain = kernel_along({}, {1, 1}, rows.source(), 60, run_with(1));
  const KernelSections padded = kernel_along({}, {1, 1}, more.source(), 120, run_with(1, 32));
  EXPECT_EQ(padded.kernel.bandwidth, plain.kernel.bandwidth);
  const std::vector<double> lambda = {1e-2};
  const LinearPart linear = LinearPart::zero(3, 1);
  const Matrix a = fit_heads(rows.source(), linear, plain, lambda, Head::ridge, run_with(1));
  const Matrix b = fit_heads(more.source(), linear, padded, lambda, Head::ridge, run_with(1));
  const Matrix X = normals(20, 3, 9);
  EXPECT_LT(relative_error(outputs(linear, {{1.0, padded, b}}, X, run_with(1)),
                           outputs(linear, {{1.0, plain, a}}, X, run_with(1))),
            1e-9);

  const KernelSections landmarks = kernel_along({}, {1, 1}, more.source(), 30, run_with(1, 32));
  ASSERT_EQ(landmarks.width(), 30);
  for (Index i = 0; i < 30; ++i) EXPECT_EQ(landmarks.centres.row(i), rows.X.row(2 * i));
}

// One round of fit and redraw. Over seeds 1 … 4 the overlap went from the start's r/d = 0.2 to the bound stated.
TEST(Refine, ARoundTurnsTowardsTheTarget) {
  for (std::uint64_t seed = 1; seed <= 4; ++seed) {
    const HermiteTarget target = multi_index_target(2, 3, {.d = 10, .orientation = Orientation::random, .seed = seed});
    const GaussianSource source({target}, {.rows = 2000, .noise = 0.3, .seed = seed});
    const Context context = run_with(1);
    const Moments of_rows = moments(source, context);
    const LinearPart linear = LinearPart::zero(10, 1);
    Matrix S = Matrix::Identity(10, 10) / std::sqrt(10.0);
    std::vector<double> share;  // of SᵀS that lies in the true span
    for (Index round = 0; round < 4; ++round) {
      share.push_back((S * target.U.transpose()).squaredNorm() / S.squaredNorm());
      const FeatureMap map = network_along(S, 256, of_rows, seed, round);
      const Matrix a = fit_heads(source, linear, map, {1e-2}, Head::ridge, context);
      S = refined_coordinates(gradient_outer_product(source, linear, map, a, context), 0.5);
    }
    EXPECT_NEAR(share[0], 0.2, 1e-9);
    EXPECT_GT(share[1], share[0] + 0.1) << seed;
    EXPECT_GT(share[3], 0.8) << seed;
  }
}

TEST(Refine, SpectralCoordinatesSeeTheExpectedHessian) {
  for (std::uint64_t seed = 1; seed <= 4; ++seed) {
    const HermiteTarget target = multi_index_target(2, 3, {.d = 10, .orientation = Orientation::random, .seed = seed});
    const GaussianSource source({target}, {.rows = 4000, .noise = 0.3, .seed = seed});
    const Context context = run_with(1);
    const Moments of_rows = moments(source, context);
    const Matrix S = spectral_coordinates(source, of_rows, LinearPart::zero(10, 1), context);
    EXPECT_NEAR(S.norm(), 1, 1e-12);
    EXPECT_GT((S * target.U.transpose()).squaredNorm(), 0.7) << seed;
  }
}
