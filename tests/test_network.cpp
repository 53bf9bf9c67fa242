// Oracles: the loss of the whole network, differentiated by central differences; population_gradient (tested by itself)
// at four standard errors; the documented draws.
#include <gtest/gtest.h>

#include <cmath>
#include <set>
#include <vector>

#include "message_of.h"
#include "sextant/error.h"
#include "sextant/network.h"
#include "sextant/passes.h"
#include "sextant/subspace.h"
#include "sextant/synthetic.h"
#include "test_support.h"

using namespace sextant;

namespace {

// All m rows of the start, and its head with the mirrors' signs turned, divided by √k.
struct WholeNetwork {
  Matrix W;
  Matrix a;
};

WholeNetwork whole(const SymmetricStart& start) {
  const Index h = start.W.rows();
  const Index k = start.a.cols();
  WholeNetwork network{Matrix(2 * h, start.W.cols()), Matrix(2 * h, k)};
  network.W << start.W, start.W;
  network.a << start.a, -start.a;
  network.a /= std::sqrt(static_cast<double>(k));
  return network;
}

// L(θ) = (1/n) Σ w_i ‖f(x_i) − r_i‖², f(x) = aᵀσ(Wx), biases 0.
double loss(const WholeNetwork& network, const Rows& rows, const LinearPart& linear) {
  const Matrix hidden = (rows.X * network.W.transpose()).cwiseMax(0.0);
  const Matrix error = hidden * network.a - (rows.Y - linear(rows.X));
  return rows.w.dot(error.rowwise().squaredNorm()) / rows.w.sum();
}

Matrix loss_gradient(const WholeNetwork& network, const Rows& rows, const LinearPart& linear, double h) {
  Matrix gradient(network.W.rows(), network.W.cols());
  WholeNetwork moved = network;
  for (Index i = 0; i < gradient.size(); ++i) {
    double& entry = moved.W.data()[i];
    const double middle = entry;
    entry = middle + h;
    const double up = loss(moved, rows, linear);
    entry = middle - h;
    gradient.data()[i] = (up - loss(moved, rows, linear)) / (2 * h);
    entry = middle;
  }
  return gradient;
}

// Rows without those that a step of h in an entry of W could carry over a kink.
Rows away_from_kinks(const Rows& rows, const Matrix& W, double h) {
  Rows kept = rows;
  Index count = 0;
  for (Index i = 0; i < rows.count(); ++i) {
    const double margin = 2 * h * rows.X.row(i).cwiseAbs().maxCoeff();
    if (((rows.X.row(i) * W.transpose()).cwiseAbs().array() < margin).any()) continue;
    kept.X.row(count) = rows.X.row(i);
    kept.Y.row(count) = rows.Y.row(i);
    kept.w[count++] = rows.w[i];
  }
  kept.X.conservativeResize(count, Eigen::NoChange);
  kept.Y.conservativeResize(count, Eigen::NoChange);
  kept.w.conservativeResize(count);
  return kept;
}

}  // namespace

TEST(Network, StartsAtZero) {
  for (const Index k : {1, 3}) {
    const WholeNetwork network = whole(symmetric_start(20, 6, k, 3));
    const Matrix X = normals(50, 6, 1);
    const Matrix f = (X * network.W.transpose()).cwiseMax(0.0) * network.a;
    EXPECT_LT(f.cwiseAbs().maxCoeff(), 1e-14);
  }
}

TEST(Network, StartIsTheDocumentedDraw) {
  const Index d = 7;
  const SymmetricStart start = symmetric_start(4000, d, 2, 5);
  ASSERT_EQ(start.W.rows(), 2000);
  ASSERT_EQ(start.W.cols(), d);
  ASSERT_EQ(start.a.rows(), 2000);
  ASSERT_EQ(start.a.cols(), 2);
  EXPECT_EQ(start.W, Stream(5, Purpose::first_layer).normal_matrix(2000, d) / std::sqrt(7.0));
  // w ~ N(0, I/d): 14 000 draws of variance 1/d.
  EXPECT_NEAR(start.W.squaredNorm() / 2000, 1, 5 * std::sqrt(2.0 / 14'000));
  EXPECT_EQ(start.a.cwiseAbs(), Matrix::Ones(2000, 2));
  EXPECT_NEAR(start.a.mean(), 0, 5 / std::sqrt(4000.0));
  EXPECT_NEAR(start.a.col(0).dot(start.a.col(1)) / 2000, 0, 5 / std::sqrt(2000.0));
  // A wider network has the narrower one's units first; another seed has others.
  EXPECT_EQ(symmetric_start(4, d, 2, 5).W, start.W.topRows(2));
  EXPECT_EQ(symmetric_start(4, d, 2, 5).a, start.a.topRows(2));
  EXPECT_NE(symmetric_start(4, d, 2, 6).W, start.W.topRows(2));
}

TEST(Network, OneStepIsMinusEtaTimesTheGradientOfTheLoss) {
  const double h = 1e-4;
  for (const Index k : {1, 3}) {
    const FitOptions options{.width = 12, .seed = 4};
    const SymmetricStart start = symmetric_start(12, 5, k, 4);
    const WholeNetwork network = whole(start);
    const Rows rows = away_from_kinks(random_rows(90, 5, k, 2), start.W, h);
    ASSERT_GT(rows.count(), 60);
    const LinearPart linear = random_linear(5, k, 3);
    const MemorySource source = rows.source();
    const double eta = std::sqrt(5.0);
    const Matrix gradient = loss_gradient(network, rows, linear, h);

    // λ₁ = 1/η: W¹ = −η∇L, mirrors differ in sign.
    const ReluNetwork forgot = one_step(source, linear, options, run_with(2, 16));
    EXPECT_TRUE(forgot.mirrored);
    EXPECT_EQ(forgot.W.rows(), 6);
    EXPECT_EQ(forgot.b.size(), 12);
    EXPECT_LT(relative_error(forgot.first_layer(), Matrix(-eta * gradient)), 1e-8);

    // λ₁ = 0: W¹ = W⁰ − η∇L; λ₁ between: W¹ = (1 − ηλ₁) W⁰ − η∇L. All m rows are their own.
    for (const double decay : {0.0, 0.1, 2.0}) {
      FitOptions keeping = options;
      keeping.first_layer_decay = decay;
      const ReluNetwork kept = one_step(source, linear, keeping, run_with(2, 16));
      EXPECT_FALSE(kept.mirrored);
      ASSERT_EQ(kept.W.rows(), 12);
      EXPECT_LT(relative_error(kept.W, Matrix(network.W - eta * (gradient + decay * network.W))), 1e-8) << decay;
    }
    FitOptions exactly = options;
    exactly.first_layer_decay = 1 / eta;
    const ReluNetwork same = one_step(source, linear, exactly, run_with(2, 16));
    EXPECT_LT(relative_error(same.first_layer(), forgot.first_layer()), 1e-13);
    EXPECT_EQ(same.b, forgot.b);

    // η scales the step.
    FitOptions tenth = options;
    tenth.eta = 0.1;
    EXPECT_LT(relative_error(one_step(source, linear, tenth, run_with(2, 16)).first_layer(), Matrix(-0.1 * gradient)),
              1e-8);
  }
}

// Row by row as printed in docs/method.md, with several targets.
TEST(Network, StepWithSeveralTargetsByFormula) {
  const Rows rows = random_rows(40, 4, 3, 8);
  const FitOptions options{.width = 6, .rank = 2, .seed = 9};
  const SymmetricStart start = symmetric_start(6, 4, 3, 9);
  const ReluNetwork network = one_step(rows.source(), LinearPart::zero(4, 3), options, {});
  const double eta = std::sqrt(4.0 * 2.0);
  for (Index j = 0; j < 3; ++j) {
    Vector expected = Vector::Zero(4);
    for (Index i = 0; i < 40; ++i)
      if (start.W.row(j).dot(rows.X.row(i)) >= 0)
        expected += rows.w[i] * start.a.row(j).dot(rows.Y.row(i)) * rows.X.row(i).transpose();
    expected *= 2 * eta / std::sqrt(3.0) / rows.w.sum();
    EXPECT_LT((network.W.row(j).transpose() - expected).norm(), 1e-13 * expected.norm()) << j;
  }
}

TEST(Network, EmpiricalGradientIsThePopulationGradient) {
  const Index n = 200'000;
  const Index d = 10;
  const HermiteTarget target = source_target(4, {.d = d, .orientation = Orientation::random, .seed = 3});
  const GaussianSource source({target}, {.rows = n, .noise = 1, .seed = 7});
  const SymmetricStart start = symmetric_start(16, d, 1, 2);
  const Index h = start.W.rows();
  const Matrix G = first_layer_gradient(source, LinearPart::zero(d, 1), start.W, start.a, run_with(1));

  // Standard errors from the data: the summands' second moments, unit by unit.
  Matrix squares = Matrix::Zero(h, d);
  Block block;
  for (Index first = 0; first < n; first += 5000) {
    source.read(first, 5000, block);
    const Matrix active = ((block.X * start.W.transpose()).array() >= 0).cast<double>();
    for (Index j = 0; j < h; ++j)
      squares.row(j) += (active.col(j).cwiseProduct(block.Y.col(0)).asDiagonal() * block.X).cwiseAbs2().colwise().sum();
  }
  double largest = 0;  // in standard errors: what is compared is not all noise
  for (Index j = 0; j < h; ++j) {
    const Vector w = start.W.row(j);
    const Vector expected = start.a(j, 0) * population_gradient(target, w);
    for (Index c = 0; c < d; ++c) {
      const double mean = G(j, c);
      const double error = std::sqrt((squares(j, c) / static_cast<double>(n) - mean * mean) / static_cast<double>(n));
      EXPECT_NEAR(mean, expected[c], 4 * error) << "unit " << j << ", input " << c;
      largest = std::max(largest, std::abs(expected[c]) / error);
    }
  }
  EXPECT_GT(largest, 20);
}

TEST(Network, StepSize) {
  EXPECT_EQ(step_size({}, 10), std::sqrt(10.0));
  EXPECT_EQ(step_size({.rank = 3}, 10), std::sqrt(30.0));
  EXPECT_EQ(step_size({.eta = 0.25}, 10), 0.25);
  EXPECT_EQ(step_size({.eta = 0.25, .rank = 3}, 10), 0.25);
}

TEST(Network, Biases) {
  const Rows rows = random_rows(30, 4, 1, 11);
  const LinearPart zero = LinearPart::zero(4, 1);
  const ReluNetwork drawn = one_step(rows.source(), zero, {.width = 2000, .seed = 6}, {});
  EXPECT_EQ(drawn.b, Stream(6, Purpose::biases).normal_vector(2000));
  EXPECT_EQ(std::set<double>(drawn.b.begin(), drawn.b.end()).size(), 2000U);  // mirrors have biases of their own
  EXPECT_NEAR(drawn.b.mean(), 0, 5 / std::sqrt(2000.0));
  EXPECT_NEAR(drawn.b.squaredNorm() / 2000, 1, 5 * std::sqrt(2.0 / 2000));
  const ReluNetwork kept = one_step(rows.source(), zero, {.width = 2000, .redraw_biases = false, .seed = 6}, {});
  EXPECT_EQ(kept.b, Vector::Zero(2000));
  EXPECT_EQ(kept.W, drawn.W);
}

TEST(Network, RandomNetworkIsTheStartWithBiasesDrawn) {
  const Index m = 12;
  const Index d = 5;
  const ReluNetwork network = random_network({.width = m, .seed = 9}, d);
  EXPECT_EQ(network.W.topRows(m / 2), symmetric_start(m, d, 3, 9).W);  // whatever the number of targets
  EXPECT_EQ(network.W.bottomRows(m / 2), network.W.topRows(m / 2));
  EXPECT_EQ(network.b, Stream(9, Purpose::biases).normal_vector(m));
  const ReluNetwork distinct = random_network({.width = m, .seed = 9, .symmetric = false, .bias = 3.0}, d);
  EXPECT_EQ(distinct.W, symmetric_start(2 * m, d, 3, 9).W);
  EXPECT_EQ(distinct.b, Vector(3 * network.b));
}

TEST(Network, WithoutMirrorsTheStartsOwnOutputCounts) {
  const double h = 1e-4;
  for (const Index k : {1, 2}) {
    const FitOptions options{.width = 6, .seed = 5, .symmetric = false};
    const SymmetricStart distinct = symmetric_start(12, 5, k, 5);
    const WholeNetwork network{distinct.W, distinct.a / std::sqrt(static_cast<double>(k))};
    const Rows rows = away_from_kinks(random_rows(90, 5, k, 2), distinct.W, h);
    ASSERT_GT(rows.count(), 60);
    const LinearPart linear = random_linear(5, k, 3);
    const Matrix gradient = loss_gradient(network, rows, linear, h);
    const double eta = std::sqrt(5.0);
    const ReluNetwork stepped = one_step(rows.source(), linear, options, run_with(2, 16));
    EXPECT_LT(relative_error(stepped.W, Matrix(-eta * gradient)), 1e-8);
    FitOptions keeping = options;
    keeping.first_layer_decay = 0.1;
    const ReluNetwork kept = one_step(rows.source(), linear, keeping, run_with(2, 16));
    EXPECT_LT(relative_error(kept.W, Matrix(network.W - eta * (gradient + 0.1 * network.W))), 1e-8);
  }
}

TEST(Network, WithinASubspaceNothingElseMatters) {
  Matrix U(3, 6);
  U << 1, 2, 0, 0, 0, 0, 0, 1, -1, 0, 0, 0, 1, 3, -1, 0, 0, 0;  // rank 2: the third is the sum
  const ReluNetwork network = random_network_within(U, {.width = 400, .seed = 3}, 6);
  EXPECT_EQ(network.width(), 400);
  EXPECT_NEAR(overlap(network.W, U), 1.0, 1e-12);
  EXPECT_LT((network.W * (Vector(6) << 0, 0, 0, 1, 2, 3).finished()).cwiseAbs().maxCoeff(), 1e-12);
  // w = zV/√r: E‖w‖² = 1. Of 200 distinct rows of 2 entries the mean is known to 1/√200.
  EXPECT_NEAR(network.W.rowwise().squaredNorm().mean(), 1.0, 5 / std::sqrt(200.0));
  EXPECT_EQ(message_of<InvalidArgument>([&] { (void)random_network_within(U, {}, 5); }),
            "subspace: 6 columns given, expected 5: one per input that varies");
  EXPECT_EQ(message_of<InvalidArgument>([&] { (void)random_network_within(Matrix::Zero(2, 5), {}, 5); }),
            "subspace: has no row other than 0");
}
