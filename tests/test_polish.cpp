// Oracles: central differences of the objective; polynomial targets whose directions are known exactly; the same
// polish after a change that must not matter (rotation, another basis, another order, repeated rows); the two ways of
// solving a step against each other. Statistical tests are seeded; their spread over seeds is written beside the bound.
#include <gtest/gtest.h>

#include <Eigen/QR>
#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "message_of.h"
#include "sextant/linear_fit.h"
#include "sextant/polish.h"
#include "sextant/subspace.h"
#include "sextant/synthetic.h"
#include "test_support.h"

using namespace sextant;

namespace {

// α = ȳ, β = 0.
LinearPart mean_of(const Moments& of_rows) {
  LinearPart linear = LinearPart::zero(of_rows.x_mean.size(), of_rows.y_mean.size());
  linear.alpha = of_rows.y_mean;
  return linear;
}

LinearPart least_squares(const Moments& of_rows) {
  return fit_linear(of_rows, Preprocess::linear, Vector::Zero(of_rows.y_mean.size()));
}

Rows synthetic(const HermiteTarget& target, Index n, std::uint64_t seed, double noise = 0) {
  return read_all(GaussianSource({target}, {.rows = n, .noise = noise, .seed = seed}), 512);
}

Polished polished(const Rows& rows, const Matrix& U, const PolishOptions& options, const RowSource* held_out = nullptr,
                  const Context& context = run_with(1)) {
  const MemorySource source = rows.source();
  const Moments of_rows = moments(source, context);
  return polish(source, of_rows, mean_of(of_rows), U, options, context, held_out);
}

// From every start; the smallest objective wins.
Polished from_all_starts(const Rows& rows, Index r, const PolishOptions& options) {
  const MemorySource source = rows.source();
  const Context context = run_with(1);
  const Moments of_rows = moments(source, context);
  const LinearPart linear = mean_of(of_rows);
  Polished best;
  best.objective = std::numeric_limits<double>::infinity();
  for (const Matrix& U : discovered_starts(source, of_rows, least_squares(of_rows), r, 4, context)) {
    if (U.rows() < r) continue;
    Polished found = polish(source, of_rows, linear, U, options, context);
    if (found.objective < best.objective) best = std::move(found);
  }
  return best;
}

// Mean square of y − α − aᵀφ(x) over rows, y's own mean taken off at training (α).
double mean_square(const Polished& model, const Rows& rows, double alpha) {
  Matrix Phi(rows.count(), model.link.width());
  features(model.link, rows.X, Phi);
  return (rows.Y - ((Phi * model.a).array() + alpha).matrix()).squaredNorm() / static_cast<double>(rows.count());
}

double largest_angle(const Matrix& U, const Matrix& V) { return principal_angles(U, V).maxCoeff(); }

Matrix rotation(Index d, std::uint64_t seed) {
  return Matrix(Eigen::HouseholderQR<Eigen::MatrixXd>(normals(d, d, seed, 40)).householderQ() *
                Eigen::MatrixXd::Identity(d, d));
}

bool finite(const Polished& model) {
  bool angles = true;
  for (const PolishStep& step : model.trace) angles = angles && std::isfinite(step.angle);
  return model.link.U.allFinite() && model.link.c.allFinite() && model.link.low.allFinite() &&
         model.link.high.allFinite() && model.a.allFinite() && std::isfinite(model.objective) && angles;
}

}  // namespace

// J is a function of the normalised N(U) = C^{−1/2}U, C = UΣ̂Uᵀ. At C = I, along δ, N moves by
// δ − ½(δΣ̂Uᵀ + UΣ̂δᵀ)U, and as the head is optimal, J by −2⟨g, that⟩. Inputs are centred, so Ux̄ does not move.
TEST(Polish, GradientIsThatOfTheProjectedObjective) {
  for (const Index r : {1, 2, 3})
    for (const Index k : {1, 2}) {
      Rows rows = random_rows(300, 5, k, static_cast<std::uint64_t>(10 * r + k));
      const Vector mean = rows.X.transpose() * rows.w / rows.w.sum();
      rows.X.rowwise() -= mean.transpose();
      const MemorySource source = rows.source();
      const Context context = run_with(1, 64);
      const Moments of_rows = moments(source, context);
      const LinearPart linear = random_linear(5, k, 3);
      const PolishOptions options{.degree = 3, .ridge = 0.05, .steps = 0};
      const auto at = [&](const Matrix& U) { return polish(source, of_rows, linear, U, options, context); };
      const Polished here = at(normals(r, 5, 7, static_cast<std::uint64_t>(r)));
      const Matrix& U = here.link.U;
      HermiteFeatures of_z = here.link;
      of_z.U = Matrix::Identity(r, r);
      of_z.low.setConstant(-1e9);
      of_z.high.setConstant(1e9);
      const GaussNewtonSums sums = gauss_newton_sums(source, linear, U, of_z, here.a, context);
      const Eigen::Map<const Matrix> g(sums.g.data(), r, 5);
      for (const std::uint64_t direction : {1, 2, 3}) {
        const Matrix delta = normals(r, 5, direction, 30);
        const Matrix half = delta * of_rows.xx * U.transpose();
        const Matrix moved = delta - 0.5 * (half + half.transpose()) * U;
        const double step = 1e-5;
        const double slope = (at(U + step * delta).objective - at(U - step * delta).objective) / (2 * step);
        EXPECT_NEAR(slope, -2 * g.cwiseProduct(moved).sum(), 1e-6 * (1 + std::abs(slope)))
            << r << " directions, " << k << " targets";
      }
    }
}

TEST(Polish, ConjugateGradientsEndWhereFactorisationDoes) {
  const Rows rows =
      synthetic(multi_index_target(2, 3, {.d = 6, .orientation = Orientation::random, .seed = 2}), 800, 3, 0.2);
  PolishOptions options{.degree = 3, .ridge = 1e-3, .steps = 60, .tolerance = 1e-12};
  const Matrix start = draw_directions(2, 6, Orientation::random, 2) + 0.4 * normals(2, 6, 5);
  const Polished direct = polished(rows, start, options);
  options.direct = 0;
  const Polished iterated = polished(rows, start, options);
  EXPECT_TRUE(direct.converged);
  EXPECT_TRUE(iterated.converged);
  EXPECT_NEAR(iterated.objective, direct.objective, 1e-6 * direct.objective);
  EXPECT_LT(largest_angle(iterated.link.U, direct.link.U), 1e-4);
}

TEST(Polish, RecoversPolynomialsExactly) {
  const PolishOptions options{.degree = 4, .ridge = 1e-13, .steps = 60, .tolerance = 1e-12};
  const auto recovered = [&](const HermiteTarget& target, Index n, std::uint64_t seed) {
    const Rows rows = synthetic(target, n, seed);
    const Polished found = from_all_starts(rows, target.directions(), options);
    const Rows unseen = synthetic(target, 500, seed + 1000);
    // Beyond the rows' range the link goes on as a line: rows to compare on are those inside.
    Rows inside = unseen;
    Index kept = 0;
    const Matrix Z = (unseen.X * found.link.U.transpose()).rowwise() - found.link.c.transpose();
    for (Index i = 0; i < Z.rows(); ++i) {
      const auto z = Z.row(i).transpose().array();
      if ((z < found.link.low.array()).any() || (z > found.link.high.array()).any()) continue;
      inside.X.row(kept) = unseen.X.row(i);
      inside.Y.row(kept++) = unseen.Y.row(i);
    }
    EXPECT_GT(kept, 400);
    inside = {inside.X.topRows(kept), inside.Y.topRows(kept), Vector::Ones(kept)};
    EXPECT_LT(largest_angle(found.link.U, target.U), 1e-5) << seed;
    EXPECT_LT(mean_square(found, inside, rows.Y.mean()), 1e-8) << seed;
  };
  for (const std::uint64_t seed : {1, 2, 3}) {
    const TargetOptions where{.d = 8, .orientation = Orientation::random, .seed = seed};
    recovered(source_target(4, where), 800, seed);
    recovered(multi_index_target(2, 4, where), 1500, seed);
    recovered(multi_index_target(3, 3, where), 2500, seed);
    recovered(hermite_target(3, where), 1500, seed);
  }
}

TEST(Polish, RotatingInputsRotatesDirections) {
  Rows rows = synthetic(multi_index_target(2, 3, {.d = 5}), 500, 4, 0.3);
  const PolishOptions options{.degree = 3, .steps = 5, .tolerance = 0};
  const Matrix start = normals(2, 5, 6);
  const Polished plain = polished(rows, start, options);
  const Matrix Q = rotation(5, 1);
  rows.X = (rows.X * Q).eval();
  const Polished rotated = polished(rows, start * Q, options);
  EXPECT_LT(relative_error(rotated.link.U, Matrix(plain.link.U * Q)), 1e-6);
  EXPECT_NEAR(rotated.objective, plain.objective, 1e-8 * plain.objective);
}

TEST(Polish, OnlyTheSpanOfTheStartMatters) {
  const Rows rows = synthetic(multi_index_target(2, 3, {.d = 5}), 500, 5, 0.3);
  const PolishOptions options{.degree = 3, .steps = 5, .tolerance = 0};
  const Matrix start = normals(2, 5, 7);
  const Polished plain = polished(rows, start, options);
  Matrix mixing(2, 2);
  mixing << 3, 1, -2, 500;
  for (const Matrix& same : {Matrix(1e-3 * start), Matrix(1e5 * start), Matrix(mixing * start)}) {
    const Polished other = polished(rows, same, options);
    EXPECT_LT(largest_angle(other.link.U, plain.link.U), 1e-6);
    EXPECT_NEAR(other.objective, plain.objective, 1e-8 * plain.objective);
  }
}

TEST(Polish, OrderDoesNotMatterAndWeightsAreRepeatedRows) {
  const Rows rows = synthetic(source_target(4, {.d = 4}), 200, 6, 0.3);
  const PolishOptions options{.degree = 4, .steps = 5, .tolerance = 0};
  const Matrix start = normals(1, 4, 8);
  const Polished plain = polished(rows, start, options);
  const Rows reversed{rows.X.colwise().reverse(), rows.Y.colwise().reverse(), rows.w};
  EXPECT_LT(relative_error(polished(reversed, start, options).link.U, plain.link.U), 1e-8);

  // Row i counts i mod 3 times, as a weight or as so many rows.
  Rows weighted = rows;
  Rows repeated{Matrix(200, 4), Matrix(200, 1), {}};
  Index count = 0;
  for (Index i = 0; i < 200; ++i) {
    weighted.w[i] = static_cast<double>(i % 3);
    for (Index copy = 0; copy < i % 3; ++copy, ++count) {
      repeated.X.row(count) = rows.X.row(i);
      repeated.Y.row(count) = rows.Y.row(i);
    }
  }
  repeated = {repeated.X.topRows(count), repeated.Y.topRows(count), Vector::Ones(count)};
  weighted.X.row(0).setConstant(1e6);  // counts 0 times, so nor does its range
  const Polished by_weight = polished(weighted, start, options);
  const Polished by_copies = polished(repeated, start, options);
  EXPECT_LT(relative_error(by_weight.link.U, by_copies.link.U), 1e-7);
  EXPECT_LT(relative_error(by_weight.link.high, by_copies.link.high), 1e-7);
  EXPECT_LT(relative_error(by_weight.a, by_copies.a), 1e-6);
  EXPECT_GT(relative_error(by_weight.link.U, plain.link.U), 1e-3);
}

TEST(Polish, SameBitsForAnyNumberOfThreads) {
  const Rows rows = random_rows(700, 6, 2, 9);
  const Matrix start = normals(2, 6, 9);
  for (const Index direct : {0, 512}) {
    const PolishOptions options{.degree = 3, .steps = 3, .direct = direct};
    const Polished one = polished(rows, start, options, nullptr, run_with(1));
    const Polished two = polished(rows, start, options, nullptr, run_with(2));
    EXPECT_EQ(two.link.U, one.link.U);
    EXPECT_EQ(two.a, one.a);
    EXPECT_EQ(two.objective, one.objective);
  }
}

TEST(Polish, KeepsTheBestValidatedStep) {
  // Few rows, a high degree and hardly a ridge: J goes down while held-out rows go up.
  const HermiteTarget target = source_target(4, {.d = 8});
  bool before_the_last = false;
  for (const std::uint64_t seed : {1, 2, 3, 4}) {
    const Rows rows = synthetic(target, 70, seed, 1.0);
    const Rows other = synthetic(target, 300, seed + 100, 1.0);
    const MemorySource held_out = other.source();
    const PolishOptions options{.degree = 6, .ridge = 1e-6, .steps = 20};
    const Matrix start = normals(1, 8, seed);
    const Polished found = polished(rows, start, options, &held_out);
    const Polished at_start = polished(rows, start, {.degree = 6, .ridge = 1e-6, .steps = 0}, &held_out);
    EXPECT_EQ(at_start.best_step, 0);
    EXPECT_TRUE(at_start.trace.empty());

    ASSERT_LE(found.best_step, static_cast<Index>(found.trace.size()));
    double least = mean_square(at_start, other, rows.Y.mean());
    Index best = 0;
    double before = at_start.objective;
    for (std::size_t i = 0; i < found.trace.size(); ++i) {
      EXPECT_LT(found.trace[i].objective, before);  // J decides
      before = found.trace[i].objective;
      EXPECT_GT(found.trace[i].damping, 0);
      EXPECT_TRUE(found.trace[i].angle >= 0 && found.trace[i].angle < 1.6);
      if (!(found.trace[i].validation < least)) continue;
      least = found.trace[i].validation;
      best = static_cast<Index>(i) + 1;
    }
    EXPECT_EQ(found.best_step, best);
    EXPECT_NEAR(mean_square(found, other, rows.Y.mean()), least, 1e-9 * least);
    before_the_last = before_the_last || best < static_cast<Index>(found.trace.size());

    const Polished blind = polished(rows, start, options);
    EXPECT_EQ(blind.best_step, static_cast<Index>(blind.trace.size()));
    EXPECT_TRUE(std::isnan(blind.trace.at(0).validation));
    EXPECT_EQ(blind.objective, blind.trace.back().objective);
  }
  EXPECT_TRUE(before_the_last);
}

TEST(Polish, CollinearInputsAndDependentStarts) {
  Rows rows = random_rows(200, 6, 1, 10);
  rows.X.col(3) = rows.X.col(0);
  rows.X.col(4) = rows.X.col(1) + rows.X.col(2);
  rows.X.col(5).setConstant(2.5);
  const PolishOptions options{.degree = 3, .steps = 6};
  Matrix U = normals(3, 6, 11);
  EXPECT_TRUE(finite(polished(rows, U, options)));
  U.row(2) = 2 * U.row(0) - U.row(1);
  const Polished dependent = polished(rows, U, options);
  EXPECT_EQ(dependent.link.U.rows(), 2);
  EXPECT_TRUE(finite(dependent));
  // Two directions that are one on these rows: x1 and x4 are equal.
  Matrix twins = Matrix::Zero(2, 6);
  twins(0, 0) = twins(1, 3) = 1;
  EXPECT_EQ(polished(rows, twins, options).link.U.rows(), 1);
  // The normalisation: z has unit covariance over the rows.
  const Moments of_rows = moments(rows.source(), run_with(1));
  const Matrix C = dependent.link.U * of_rows.xx * dependent.link.U.transpose();
  EXPECT_LT(relative_error(C, Matrix::Identity(2, 2)), 1e-8);

  Matrix nowhere = Matrix::Zero(1, 6);
  nowhere(0, 5) = 1;  // the input that never varies
  for (const Matrix& none : {nowhere, Matrix(Matrix::Zero(2, 6))})
    EXPECT_EQ(message_of<InvalidArgument>([&] { (void)polished(rows, none, options); }),
              "polish: the directions to start from vary in no row, expected some that do");
}

TEST(Polish, FewerRowsThanTerms) {
  for (const Index n : {2, 5, 12}) {
    const Rows rows = random_rows(n, 4, 2, 12, false);
    const Polished found = polished(rows, normals(2, 4, 13), {.degree = 6, .steps = 8});
    EXPECT_TRUE(finite(found)) << n;
    for (const Matrix& U : discovered_starts(rows.source(), moments(rows.source(), run_with(1)), LinearPart::zero(4, 2),
                                             2, 4, run_with(1)))
      EXPECT_TRUE(U.allFinite()) << n;
  }
}

TEST(Polish, OptionsFollowTheirRules) {
  EXPECT_NO_THROW(PolishOptions{}.check());
  const auto refused = [](const PolishOptions& options) { return message_of([&] { options.check(); }); };
  EXPECT_EQ(refused({.degree = 0}), "degree: 0 given, expected a whole number from 1 to 30");
  EXPECT_EQ(refused({.degree = 31}), "degree: 31 given, expected a whole number from 1 to 30");
  EXPECT_EQ(refused({.ridge = 0}), "ridge: 0 given, expected a number above 0");
  EXPECT_EQ(refused({.ridge = std::numeric_limits<double>::infinity()}), "ridge: inf given, expected a number above 0");
  EXPECT_EQ(refused({.steps = -1}), "steps: -1 given, expected at least 0");
  EXPECT_EQ(refused({.tolerance = -1}), "tolerance: -1 given, expected a number of at least 0");
  EXPECT_EQ(refused({.tolerance = std::nan("")}), "tolerance: nan given, expected a number of at least 0");
}

// Squared overlap of the best single start with the one direction there is, on 2000 rows of 10 inputs.
TEST(Discover, FindsHiddenDirections) {
  const Context context = run_with(1);
  const auto best_overlap = [&](const Rows& rows, const Matrix& U) {
    const MemorySource source = rows.source();
    const Moments of_rows = moments(source, context);
    const auto starts = discovered_starts(source, of_rows, least_squares(of_rows), 1, 2, context);
    EXPECT_GE(starts.size(), 4U);
    double best = 0;
    for (const Matrix& start : starts) best = std::max(best, overlap(start, U));
    return best;
  };
  for (std::uint64_t seed = 1; seed <= 6; ++seed) {
    for (const int degree : {2, 3}) {
      const HermiteTarget target = hermite_target(degree, {.d = 10, .orientation = Orientation::random, .seed = seed});
      EXPECT_GT(best_overlap(synthetic(target, 2000, seed, 0.1), target.U), 0.8) << "He_" << degree << ", " << seed;
    }
    Rows rows{normals(2000, 10, seed), Matrix(2000, 1), Vector::Ones(2000)};
    rows.Y = (rows.X.col(5).array() - 0.7).abs().matrix();
    Matrix sixth = Matrix::Zero(1, 10);
    sixth(0, 5) = 1;
    EXPECT_GT(best_overlap(rows, sixth), 0.9) << seed;
  }
}

// Where fewer directions vary than are asked for, no start lies in what is constant.
TEST(Discover, StartsVaryOverTheRows) {
  Rows rows = random_rows(80, 5, 1, 10, false);
  rows.X.col(1) = rows.X.col(0);
  rows.X.col(2) = rows.X.col(0) - 2 * rows.X.col(3);
  rows.X.col(4).setZero();
  const MemorySource source = rows.source();
  const Moments of_rows = moments(source, run_with(1));
  for (const Index r : {1, 2, 5}) {
    const auto starts = discovered_starts(source, of_rows, mean_of(of_rows), r, 5, run_with(1));
    EXPECT_GE(starts.size(), 1U);
    for (const Matrix& U : starts) EXPECT_TRUE(finite(polished(rows, U, {.degree = 2, .steps = 2}))) << r;
  }
  // Nothing to go by: a target that never varies.
  const Rows flat{rows.X, Matrix::Constant(80, 1, 3.0), rows.w};
  const MemorySource flat_source = flat.source();
  const Moments of_flat = moments(flat_source, run_with(1));
  const auto starts = discovered_starts(flat_source, of_flat, mean_of(of_flat), 1, 2, run_with(1));
  EXPECT_GE(starts.size(), 1U);
  for (const Matrix& U : starts) EXPECT_TRUE(finite(polished(flat, U, {.degree = 2, .steps = 2})));
}

// He_3 of the clipped residual has no quadratic part by symmetry; its size has.
TEST(Discover, MagnitudeSeesWhatClippedCannot) {
  const Context context = run_with(1);
  for (std::uint64_t seed = 1; seed <= 6; ++seed) {
    const HermiteTarget target = hermite_target(3, {.d = 10, .orientation = Orientation::random, .seed = seed});
    const Rows rows = synthetic(target, 4000, seed, 0.1);
    const MemorySource source = rows.source();
    const Moments of_rows = moments(source, context);
    const auto strength = [&](LabelTransform transform) {
      const Matrix M = spectral_moments(source, least_squares(of_rows), of_rows, transform, context).front();
      return std::abs((target.U * M * target.U.transpose())(0, 0));
    };
    EXPECT_LT(strength(LabelTransform::clipped), 0.2) << seed;
    EXPECT_GT(strength(LabelTransform::magnitude), 0.3) << seed;
  }
}

// sin(2z₁)z₂ + z₂²/2: moments of y show z₂ and, with z₁, hardly more than it; given what one direction found, the other
// shows. The second direction within the span is what a start must have; 0.5 is far above chance (0.22 at d = 20).
TEST(Polish, StartsOfMoreDirectionsGoWithThoseThereAre) {
  const Index n = 3000;
  const Index d = 20;
  const Matrix X = normals(n, d, 71);
  Matrix Y(n, 1);
  for (Index i = 0; i < n; ++i) Y(i, 0) = std::sin(2 * X(i, 0)) * X(i, 1) + X(i, 1) * X(i, 1) / 2;
  Y += 0.3 * normals(n, 1, 72);
  const MemorySource rows(X, Y);
  const Context context = run_with(2);
  const Moments of_rows = moments(rows, context);
  LinearPart mean = LinearPart::zero(d, 1);
  mean.alpha = of_rows.y_mean;
  Matrix first = Matrix::Zero(1, d);
  first(0, 1) = 1;
  const Polished one = polish(rows, of_rows, mean, first, {.degree = 5}, context);
  const Vector v = one.link.U.row(0).normalized();
  const Vector other = (Vector::Unit(d, 0) - v[0] * v).normalized();  // within the span of e₁ and e₂, about
  double best = 0;
  for (const Matrix& U : interacting_starts(rows, of_rows, mean, one, 1, context)) {
    ASSERT_EQ(U.rows(), 1);
    EXPECT_LT(std::abs(U.row(0).normalized().dot(v)), 0.1);
    best = std::max(best, std::abs(U.row(0).normalized().dot(other)));
  }
  EXPECT_GT(best, 0.5);
}
