// Oracles: candidate matrices of Gaussian models in closed form (moments of truncated normals, expected Hessians),
// within stated standard errors; the definitions in NumPy (fixtures/make_dimension_reduction.py); Fisher's
// discriminant; the same rows in other coordinates, another order, with other weights, blocks or threads.
#include <gtest/gtest.h>

#include <Eigen/Dense>
#include <algorithm>
#include <cmath>
#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

#include "json_matrix.h"
#include "message_of.h"
#include "sextant/dimension_reduction.h"
#include "sextant/error.h"
#include "sextant/subspace.h"
#include "sextant/synthetic.h"
#include "temporary_folder.h"
#include "test_support.h"

using namespace sextant;

namespace {

const std::vector<Reduction> all_reductions = {Reduction::sir, Reduction::save, Reduction::phd,
                                               Reduction::directional_regression};

ReducedDirections reduce(const Rows& rows, const ReductionOptions& options, const Context& context = run_with(2)) {
  return reduced_directions(rows.source(), options, context);
}

double density(double z) { return std::exp(-0.5 * z * z) / std::sqrt(2.0 * std::acos(-1.0)); }

// Φ⁻¹ by bisection.
double quantile(double probability) {
  double low = -40;
  double high = 40;
  for (int step = 0; step < 200; ++step) {
    const double middle = 0.5 * (low + high);
    (0.5 * std::erfc(-middle / std::sqrt(2.0)) < probability ? low : high) = middle;
  }
  return low;
}

// z φ(z), which vanishes at the ends.
double edge(double z) { return std::abs(z) > 39 ? 0.0 : z * density(z); }

struct Estimate {
  double mean;
  double error;  // standard error of the mean
};
Estimate estimate(const Vector& values) {
  const double n = static_cast<double>(values.size());
  const double mean = values.mean();
  return {mean, std::sqrt((values.array() - mean).square().sum() / (n - 1) / n)};
}

// x = A z + b with z standard normal, d = 4.
Matrix mixing() {
  Matrix A(4, 4);
  A << 2, 0.5, 0, 0, 0, 1, -0.7, 0, 0.3, 0, 0.5, 0, 0, 1, 0, 3;
  return A;
}

Rows permuted(const Rows& rows, std::uint64_t seed) {
  const auto order = Stream(seed, Purpose::folds).permutation(0, rows.count());
  Rows result = rows;
  for (Index i = 0; i < rows.count(); ++i) {
    const Index from = order[static_cast<std::size_t>(i)];
    result.X.row(i) = rows.X.row(from);
    result.Y.row(i) = rows.Y.row(from);
    result.w[i] = rows.w[from];
  }
  return result;
}

// The same kernel, eigenvalues and whitening within `tolerance` of their largest entries, and the same directions.
void expect_same(const ReducedDirections& found, const ReducedDirections& expected, double tolerance) {
  EXPECT_LT(relative_error(found.kernel, expected.kernel), tolerance);
  EXPECT_LT(relative_error(found.eigenvalues, expected.eigenvalues), tolerance);
  EXPECT_LT(relative_error(found.whitening, expected.whitening), tolerance);
  // Directions move by rounding over the gaps of the spectrum.
  EXPECT_LT(relative_error(found.directions, expected.directions), 1e4 * tolerance);
  EXPECT_EQ(found.slices, expected.slices);
}

}  // namespace

TEST(DimensionReduction, NamesReadBack) {
  EXPECT_EQ(name(Reduction::sir), "sir");
  EXPECT_EQ(name(Reduction::save), "save");
  EXPECT_EQ(name(Reduction::phd), "phd");
  EXPECT_EQ(name(Reduction::directional_regression), "directional-regression");
  for (const Reduction reduction : all_reductions) EXPECT_EQ(reduction_named(name(reduction)), reduction);
  EXPECT_EQ(message_of<InvalidArgument>([] { (void)reduction_named("SIR"); }),
            "reduction: 'SIR' is not known, expected one of sir, save, phd, directional-regression");
}

TEST(DimensionReduction, AgreesWithTheDefinitionsInNumPy) {
  std::ifstream file(SEXTANT_FIXTURES "/dimension_reduction.json");
  ASSERT_TRUE(file) << "fixtures/dimension_reduction.json cannot be opened";
  int compared = 0;
  for (const auto& entry : nlohmann::json::parse(file)) {
    const Rows rows{matrix_from(entry.at("X")), matrix_from(entry.at("Y")), vector_from(entry.at("w"))};
    for (const auto& [method, expected] : entry.at("results").items()) {
      SCOPED_TRACE(entry.at("name").get<std::string>() + ", " + method);
      const ReductionOptions options{.reduction = reduction_named(method == "phd-y" ? "phd" : method),
                                     .slices = entry.at("slices"),
                                     .residuals = method != "phd-y"};
      const ReducedDirections found = reduce(rows, options, run_with(2, 17));
      EXPECT_LT(relative_error(found.kernel, matrix_from(expected.at("kernel"))), 1e-9);
      const Vector eigenvalues = vector_from(expected.at("eigenvalues"));
      EXPECT_LT(relative_error(found.eigenvalues, eigenvalues), 1e-9);
      EXPECT_EQ(found.slices, expected.at("slices").get<std::vector<Index>>());
      EXPECT_NEAR(found.n, rows.w.sum(), 1e-12 * found.n);
      // Only directions whose eigenvalue stands alone are determined (three levels leave sir two).
      const Matrix directions = matrix_from(expected.at("directions"));
      ASSERT_EQ(found.directions.rows(), directions.rows());
      for (Index i = 0; i < directions.rows(); ++i) {
        double gap = INFINITY;
        for (Index j = 0; j < eigenvalues.size(); ++j)
          if (j != i) gap = std::min(gap, std::abs(eigenvalues[j] - eigenvalues[i]));
        if (gap < 1e-3 * std::abs(eigenvalues[0])) continue;
        EXPECT_LT((found.directions.row(i) - directions.row(i)).cwiseAbs().maxCoeff(), 1e-9) << i;
        ++compared;
      }
    }
  }
  EXPECT_GT(compared, 60);
}

// y = βᵀx + noise: given slice h of y, z is Gaussian but along v = Σ^{1/2}β/|·|, where its mean is ρ m_h and its
// variance 1 − ρ²(1 − v_h), m_h = H(φ(a) − φ(b)) and v_h the moments of a standard normal on (a, b). So M = c vvᵀ.
TEST(DimensionReduction, LinearModelHasTruncatedNormalMoments) {
  constexpr Index n = 4000;
  constexpr int replicates = 24;
  constexpr double rho = 0.9;
  const Matrix A = mixing();
  const Vector beta = Vector::Unit(4, 0) - 0.5 * Vector::Unit(4, 2);
  const double signal = (A.transpose() * beta).norm();
  const double noise = signal * std::sqrt(1 / (rho * rho) - 1);
  for (const Index H : {2, 10}) {
    double sir = 0;
    double save = 0;
    double contrast = 0;
    const double share = 1.0 / static_cast<double>(H);
    for (Index h = 0; h < H; ++h) {
      const double a = quantile(share * static_cast<double>(h));
      const double b = h + 1 == H ? 40 : quantile(share * static_cast<double>(h + 1));
      const double m = (density(a) - density(b)) / share;
      const double v = 1 + (edge(a) - edge(b)) / share - m * m;
      sir += share * rho * rho * m * m;
      save += share * std::pow(rho * rho * (1 - v), 2);
      contrast += share * 2 * std::pow(rho * rho * (v + m * m - 1), 2);
    }
    const std::vector<double> expected = {sir, save, 0, contrast + 4 * sir * sir};
    for (std::size_t method = 0; method < all_reductions.size(); ++method) {
      if (all_reductions[method] == Reduction::phd) continue;
      SCOPED_TRACE(name(all_reductions[method]) + ", " + std::to_string(H) + " slices");
      Vector found(replicates);
      Vector others(replicates);
      double aligned = 1;
      for (int replicate = 0; replicate < replicates; ++replicate) {
        const auto seed = static_cast<std::uint64_t>(replicate);
        Rows rows{normals(n, 4, seed, 31) * A.transpose(), noise * normals(n, 1, seed, 32), Vector::Ones(n)};
        rows.X.rowwise() += Eigen::RowVector4d(5, -1, 0, 100);
        rows.Y += rows.X * beta;
        const auto result = reduce(rows, {.reduction = all_reductions[method], .slices = H});
        const Vector v = (result.whitening.inverse() * beta).normalized();
        found[replicate] = v.dot(result.kernel * v);
        others[replicate] = result.kernel.trace() - found[replicate];
        const Matrix leading = result.directions.topRows(1) * result.whitening.inverse();  // in z
        aligned = std::min(aligned, overlap(leading, Matrix(v.transpose())));
      }
      const Estimate along = estimate(found);
      // Beside the spread there is a bias: a slice's means and covariances have sampling error, about H/n in M.
      const double bias = 4.0 * static_cast<double>(H) / n;
      EXPECT_NEAR(along.mean, expected[method], 4 * along.error + bias);
      EXPECT_LT(along.error, 0.05 * expected[method]);
      // Across v only sampling error is left; the trace of its squares over the 3 directions has mean 2·3·(4 + 1)H/n
      // for directional regression, half of it for save and 3(H − 1)/n for sir.
      EXPECT_LT(others.mean(), 1.5 * 30 * static_cast<double>(H) / n);
      EXPECT_GT(aligned, 0.99);
    }
  }
}

// y = x_1²: slices are slices of |x_1|, with means 0 and E(x_1² | h) = 1 − 2H(bφ(b) − aφ(a)).
TEST(DimensionReduction, EvenFunctionIsSeenByTheSpreadOnly) {
  constexpr Index n = 4000;
  constexpr Index d = 5;
  constexpr Index H = 10;
  constexpr int replicates = 24;
  double spread = 0;
  double squares = 0;
  for (Index h = 0; h < H; ++h) {
    const double a = quantile(0.5 + 0.05 * static_cast<double>(h));
    const double b = h + 1 == H ? 40 : quantile(0.5 + 0.05 * static_cast<double>(h + 1));
    const double B = 1 - 2.0 * H * (edge(b) - edge(a));
    spread += (B - 1) * (B - 1) / H;
    squares += 2 * B * B;
  }
  const std::vector<double> expected = {0, spread, 2, 2 * spread};
  for (std::size_t method = 0; method < all_reductions.size(); ++method) {
    SCOPED_TRACE(name(all_reductions[method]));
    Vector first(replicates);
    double aligned = 1;
    for (int replicate = 0; replicate < replicates; ++replicate) {
      Rows rows{normals(n, d, static_cast<std::uint64_t>(replicate), 33), Matrix(n, 1), Vector::Ones(n)};
      rows.Y = rows.X.col(0).cwiseAbs2();
      const auto result = reduce(rows, {.reduction = all_reductions[method], .slices = H});
      if (all_reductions[method] == Reduction::sir) {
        // n times the trace is asymptotically a sum of (d − 1)(H − 1) squares of normals and, along x_1, of at most H
        // with the slices' variances.
        const double mean = (d - 1) * (H - 1) + H;
        EXPECT_LT(n * result.eigenvalues.sum(), mean + 5 * std::sqrt(2.0 * (d - 1) * (H - 1) + squares));
      } else {
        first[replicate] = result.kernel(0, 0);
        aligned = std::min(aligned, overlap(result.directions.topRows(1), Matrix(Vector::Unit(d, 0).transpose())));
        EXPECT_LT(std::abs(result.eigenvalues[1]), 0.1 * result.eigenvalues[0]);
      }
    }
    if (all_reductions[method] == Reduction::sir) continue;
    const Estimate found = estimate(first);
    EXPECT_NEAR(found.mean, expected[method], 4 * found.error + 4.0 * H / n);
    EXPECT_LT(found.error, 0.05 * expected[method]);
    EXPECT_GT(aligned, 0.98);
  }
}

// Stein's lemma: E (f − Ef) zzᵀ = E ∇²f. The standard error of each entry is that of the mean of its influence function
// ψ = r(zzᵀ − I) − H − (HD + DH)/2, D = zzᵀ − I (z is standardised by its own covariance), and − (zβᵀ + βzᵀ) when the
// linear part is left in.
TEST(DimensionReduction, HessianDirectionsAreTheExpectedHessian) {
  constexpr Index n = 40000;
  HermiteTarget mixed{draw_directions(2, 5, Orientation::random, 3),
                      {{0.8, {1, 0}}, {0.7, {2, 0}}, {-0.4, {0, 2}}, {0.5, {1, 1}}, {0.3, {3, 0}}, {2.0, {0, 0}}}};
  const TargetOptions random{.d = 5, .orientation = Orientation::random, .seed = 4};
  const std::vector<HermiteTarget> targets = {mixed, source_target(4, random), hermite_target(3, random)};
  for (std::size_t which = 0; which < targets.size(); ++which) {
    const HermiteTarget& target = targets[which];
    const Matrix hessian = target.expected_hessian();
    const Rows rows = read_all(GaussianSource({target}, {.rows = n, .noise = 0.5, .seed = 8}), 1000);
    const double mean = which == 0 ? 2.0 : 0.0;
    const Vector beta = which == 0 ? Vector(0.8 * target.U.row(0).transpose()) : Vector(Vector::Zero(5));
    for (const bool residuals : {true, false}) {
      SCOPED_TRACE(std::to_string(which) + (residuals ? ", residuals" : ", targets"));
      const Matrix found = reduce(rows, {.reduction = Reduction::phd, .residuals = residuals}).kernel;
      Matrix square = Matrix::Zero(5, 5);
      for (Index i = 0; i < n; ++i) {
        const Vector z = rows.X.row(i);
        const Matrix D = z * z.transpose() - Matrix::Identity(5, 5);
        const double r = rows.Y(i, 0) - mean - (residuals ? beta.dot(z) : 0.0);
        Matrix psi = r * D - hessian - 0.5 * (hessian * D + D * hessian);
        if (!residuals) psi -= z * beta.transpose() + beta * z.transpose();
        square += psi.cwiseAbs2();
      }
      const Matrix error = square.cwiseSqrt() / n;
      EXPECT_LT(error.maxCoeff(), 0.1);
      EXPECT_LT((found - hessian).cwiseQuotient(error).cwiseAbs().maxCoeff(), 4);
    }
  }
}

// He_3 has no expected Hessian (the test above), but large y means large u·x.
TEST(DimensionReduction, CubicIsFoundBySlicedInverseRegression) {
  const HermiteTarget target = hermite_target(3, {.d = 8, .orientation = Orientation::random, .seed = 5});
  const GaussianSource source({target}, {.rows = 20000, .seed = 9});
  const auto sir = reduced_directions(source, {.reduction = Reduction::sir}, run_with(2));
  EXPECT_GT(overlap(sir.directions.topRows(1), target.U), 0.99);
  EXPECT_LT(sir.eigenvalues[1], 0.05 * sir.eigenvalues[0]);
}

// Two classes: M = p₀p₁ ΔΔᵀ in z, Δ the difference of class means; its direction is Σ̂⁻¹ times that of the raw means.
TEST(DimensionReduction, TwoLevelsGiveFishersDiscriminant) {
  Rows rows = random_rows(200, 4, 1, 6);
  for (Index i = 0; i < 200; ++i) rows.Y(i, 0) = rows.X(i, 0) + rows.X(i, 2) + rows.Y(i, 0) > 2.5 ? 7.0 : -7.0;
  const double n = rows.w.sum();
  const Vector above = rows.w.cwiseProduct((rows.Y.col(0).array() > 0).cast<double>().matrix());
  const Vector below = rows.w - above;
  const Vector difference = rows.X.transpose() * (above / above.sum() - below / below.sum());
  const Matrix centred = rows.X.rowwise() - (rows.X.transpose() * rows.w / n).transpose();
  const Eigen::MatrixXd covariance = centred.transpose() * rows.w.asDiagonal() * centred / n;
  const Vector fisher = covariance.ldlt().solve(difference);
  const auto sir = reduce(rows, {.reduction = Reduction::sir});
  EXPECT_EQ(sir.slices, std::vector<Index>{2});
  EXPECT_LT(principal_angles(sir.directions.topRows(1), Matrix(fisher.transpose()))[0], 1e-12);
  EXPECT_NEAR(sir.eigenvalues[0], above.sum() * below.sum() / (n * n) * difference.dot(fisher), 1e-12);
  EXPECT_LT(sir.eigenvalues.tail(3).cwiseAbs().maxCoeff(), 1e-12);
}

// x′ = Ax + b has the directions u with Aᵀu′ ∝ u and the same eigenvalues; a target's unit matters to phd alone.
TEST(DimensionReduction, AffineChangesOfInputsAndTargets) {
  const Rows rows = random_rows(400, 4, 1, 11);
  Rows moved = rows;
  const Matrix A = mixing();
  moved.X = rows.X * A.transpose();
  moved.X.rowwise() += Eigen::RowVector4d(3, 0, -50, 1000);
  moved.Y = (3 * rows.Y).array() - 20;
  for (const Reduction reduction : all_reductions) {
    SCOPED_TRACE(name(reduction));
    const auto before = reduce(rows, {.reduction = reduction, .slices = 5});
    const auto after = reduce(moved, {.reduction = reduction, .slices = 5});
    const double unit = reduction == Reduction::phd ? 3 : 1;
    EXPECT_LT(relative_error(after.eigenvalues, Vector(unit * before.eigenvalues)), 1e-9);
    for (Index r = 1; r <= 3; ++r)
      EXPECT_LT(principal_angles(Matrix(after.directions.topRows(r) * A), before.directions.topRows(r)).maxCoeff(),
                1e-8);
    EXPECT_LT((after.directions.rowwise().norm().array() - 1).abs().maxCoeff(), 1e-14);
    EXPECT_LT((after.eigenvalues.cwiseAbs().tail(3) - after.eigenvalues.cwiseAbs().head(3)).maxCoeff(), 0);
  }
}

TEST(DimensionReduction, WeightTwoIsARowTwice) {
  Rows rows = random_rows(150, 3, 2, 12, false);
  rows.Y.col(1) = (2 * rows.Y.col(1)).array().round();
  Rows twice = rows;
  const Index extra = (rows.count() + 2) / 3;
  twice.X.conservativeResize(150 + extra, 3);
  twice.Y.conservativeResize(150 + extra, 2);
  twice.w = Vector::Ones(150 + extra);
  for (Index i = 0; i < rows.count(); i += 3) {
    rows.w[i] = 2;
    twice.X.row(150 + i / 3) = rows.X.row(i);
    twice.Y.row(150 + i / 3) = rows.Y.row(i);
  }
  Rows scaled = rows;
  scaled.w *= 0.3;
  for (const Reduction reduction : all_reductions) {
    SCOPED_TRACE(name(reduction));
    const auto weighted = reduce(rows, {.reduction = reduction});
    expect_same(weighted, reduce(twice, {.reduction = reduction}), 1e-12);
    expect_same(weighted, reduce(scaled, {.reduction = reduction}), 1e-12);
  }
}

TEST(DimensionReduction, OrderAndBlocksChangeRoundingOnly) {
  Rows rows = random_rows(300, 5, 2, 13);
  rows.Y.col(1) = (2 * rows.Y.col(1)).array().round();
  for (const Reduction reduction : all_reductions) {
    SCOPED_TRACE(name(reduction));
    const auto expected = reduce(rows, {.reduction = reduction}, run_with(1, 300));
    for (const Index block_rows : {1, 7, 64, 1000})
      expect_same(reduce(rows, {.reduction = reduction}, run_with(1, block_rows)), expected, 1e-12);
    expect_same(reduce(permuted(rows, 1), {.reduction = reduction}), expected, 1e-12);
  }
}

TEST(DimensionReduction, BitsDoNotDependOnThreads) {
  const Rows rows = random_rows(600, 70, 2, 14);  // 70 inputs are two tiles
  for (const Reduction reduction : all_reductions) {
    SCOPED_TRACE(name(reduction));
    const auto expected = reduce(rows, {.reduction = reduction, .slices = 3}, run_with(1, 128));
    for (const int threads : {2, 5}) {
      const auto found = reduce(rows, {.reduction = reduction, .slices = 3}, run_with(threads, 128));
      EXPECT_EQ(found.kernel, expected.kernel);
      EXPECT_EQ(found.eigenvalues, expected.eigenvalues);
      EXPECT_EQ(found.directions, expected.directions);
      EXPECT_EQ(found.whitening, expected.whitening);
    }
  }
}

// Rows of weight 0 take part in nothing, whatever they hold.
TEST(DimensionReduction, RowsOfWeightZeroAreLeftOut) {
  Rows rows = random_rows(120, 3, 1, 15);
  Rows other = rows;
  for (Index i = 0; i < rows.count(); ++i) {
    if (rows.w[i] > 0) continue;
    other.X.row(i).setConstant(1e200);
    other.Y.row(i).setConstant(-1e200);
  }
  for (const Reduction reduction : all_reductions) {
    SCOPED_TRACE(name(reduction));
    EXPECT_EQ(reduce(other, {.reduction = reduction}).kernel, reduce(rows, {.reduction = reduction}).kernel);
  }
}

// y₁ = x₁² and y₂ = −x₁² + x₂: signed Hessians ±2e₁e₁ᵀ would cancel, their absolute values do not: 2 over each target's
// standard deviation, √2 and √3, averaged.
TEST(DimensionReduction, TargetsOfOppositeCurvatureDoNotCancel) {
  constexpr Index n = 40000;
  Rows rows{normals(n, 4, 16, 34), Matrix(n, 2), Vector::Ones(n)};
  rows.Y.col(0) = rows.X.col(0).cwiseAbs2();
  rows.Y.col(1) = rows.X.col(1) - rows.X.col(0).cwiseAbs2();
  const auto found = reduce(rows, {.reduction = Reduction::phd});
  EXPECT_NEAR(found.eigenvalues[0], 0.5 * (2 / std::sqrt(2.0) + 2 / std::sqrt(3.0)), 0.1);  // spread 0.02
  EXPECT_GE(found.eigenvalues.minCoeff(), 0);
  EXPECT_GT(std::abs(found.directions(0, 0)), 0.99);
}

TEST(DimensionReduction, OneInputIsTheDirection) {
  const Rows rows = random_rows(50, 1, 1, 17);
  for (const Reduction reduction : all_reductions) {
    const auto found = reduce(rows, {.reduction = reduction});
    EXPECT_EQ(found.directions, Matrix::Ones(1, 1));
    EXPECT_EQ(found.eigenvalues.size(), 1);
  }
}

TEST(DimensionReduction, RefusesWhatItCannotUse) {
  const Rows rows = random_rows(40, 3, 2, 18, false);
  const auto refused = [](const Rows& given, const ReductionOptions& options) {
    return message_of<InvalidArgument>([&] { (void)reduce(given, options); });
  };
  const auto unusable = [](const Rows& given, const ReductionOptions& options) {
    return message_of<DataError>([&] { (void)reduce(given, options); });
  };
  EXPECT_EQ(refused(rows, {.slices = 1}), "slices: 1 given, expected at least 2");
  EXPECT_EQ(unusable(rows, {.slices = 41}),
            "dimension reduction: 40 rows have a positive weight, expected at least as many as slices (41)");
  EXPECT_NO_THROW((void)reduce(rows, {.reduction = Reduction::phd, .slices = 41}));
  EXPECT_NO_THROW((void)reduce(rows, {.slices = 40}));
  Rows no_target = rows;
  no_target.Y.resize(40, 0);
  EXPECT_EQ(refused(no_target, {}), "dimension reduction: 3 inputs and 0 targets given, expected at least 1 of each");
  Rows no_input = rows;
  no_input.X.resize(40, 0);
  EXPECT_EQ(refused(no_input, {}), "dimension reduction: 0 inputs and 2 targets given, expected at least 1 of each");
  Rows constant = rows;
  constant.Y.col(1).setConstant(2.5);
  for (const Reduction reduction : all_reductions)
    EXPECT_EQ(unusable(constant, {.reduction = reduction}),
              "dimension reduction: target 2 is 2.5 in every row, expected one that varies");
  Rows still = rows;
  still.X.setConstant(3);
  EXPECT_EQ(unusable(still, {}), "dimension reduction: no input varies, expected at least one that does");
  Rows none = rows;
  none.w.setZero();
  EXPECT_EQ(unusable(none, {}), "data: no row is left, expected at least one with a positive weight");

  class Gaps final : public RowSource {
   public:
    [[nodiscard]] Index rows() const override { return 1; }
    [[nodiscard]] Index inputs() const override { return 1; }
    [[nodiscard]] Index targets() const override { return 1; }
    [[nodiscard]] bool has_missing() const override { return true; }
    void read(Index, Index, Block&) const override { FAIL(); }
  };
  EXPECT_EQ(message_of<InvalidArgument>([] { (void)reduced_directions(Gaps(), {}, {}); }),
            "dimension reduction: inputs have missing values, expected them to be filled");
}

TEST(DimensionReduction, TellsProgressAndCanBeCancelledAtEveryStage) {
  const Rows rows = random_rows(40, 3, 1, 19);
  for (const Reduction reduction : all_reductions) {
    SCOPED_TRACE(name(reduction));
    std::set<std::string> stages;
    Context context = run_with(1, 16);
    context.progress = [&](const Progress& progress) {
      stages.emplace(progress.stage);
      return true;
    };
    (void)reduce(rows, {.reduction = reduction}, context);
    EXPECT_EQ(stages, reduction == Reduction::phd ? (std::set<std::string>{"hessian", "moments"})
                                                  : (std::set<std::string>{"moments", "slice moments", "slices"}));
    for (const std::string& stage : stages) {
      context.progress = [&](const Progress& progress) { return progress.stage != stage; };
      EXPECT_THROW((void)reduce(rows, {.reduction = reduction}, context), Cancelled);
    }
  }
}
