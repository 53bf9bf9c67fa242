// Oracles: the objective and its slopes written out; binary logistic regression by Newton's steps; central differences.
#include <gtest/gtest.h>

#include <Eigen/Cholesky>
#include <cmath>
#include <vector>

#include "method/logistic_head.h"
#include "sextant/automatic.h"
#include "sextant/model.h"
#include "sextant/model_file.h"
#include "sextant/passes.h"
#include "sextant/refine.h"
#include "test_support.h"

using namespace sextant;

namespace {

// Rows of k classes that lie about two of the inputs, as indicators on some scale; some do not count.
Rows classes(Index n, Index k, std::uint64_t seed, double noise = 0.5) {
  Rows rows{normals(n, 4, seed, 1), Matrix::Constant(n, k, -0.3), Vector::Ones(n)};
  const Matrix centres = 1.5 * normals(k, 4, 77);
  const Matrix more = noise * normals(n, k, seed, 2);
  for (Index i = 0; i < n; ++i) {
    Index label = 0;
    (rows.X.row(i) * centres.transpose() + more.row(i)).maxCoeff(&label);
    rows.Y(i, label) += 1 + 0.1 * static_cast<double>(label);
    rows.w[i] = static_cast<double>(i % 4);
  }
  return rows;
}

// J, and the largest slope in A and the bias, from probabilities written out.
struct Objective {
  double value = 0;
  double slope = 0;
};
Objective objective(const ClassRows& rows, const Matrix& norm, const LogisticHead& head, double lambda) {
  const Index k = head.bias.size();
  Objective at;
  Matrix D = Matrix::Zero(rows.Phi.rows(), k);
  for (Index i = 0; i < D.rows(); ++i) {
    const Vector z = head.bias + head.a.transpose() * rows.Phi.row(i).transpose();
    const Index label = rows.labels[static_cast<std::size_t>(i)];
    at.value -= rows.w[i] * std::log(std::exp(z[label]) / z.array().exp().sum());
    for (Index c = 0; c < k; ++c)
      D(i, c) = rows.w[i] * (std::exp(z[c]) / z.array().exp().sum() - (c == label ? 1.0 : 0.0));
  }
  at.value += 0.5 * lambda * (head.a.transpose() * norm * head.a).trace();
  at.slope = std::max((rows.Phi.transpose() * D + lambda * norm * head.a).cwiseAbs().maxCoeff(),
                      D.colwise().sum().cwiseAbs().maxCoeff());
  return at;
}

HermiteFeatures link() {
  return {normals(2, 4, 5) / 2, Vector::Zero(2), Vector::Constant(2, -4), Vector::Constant(2, 4), 2};
}

}  // namespace

TEST(LogisticHead, RowsAreReadWithTheirClasses) {
  const Rows rows = classes(60, 3, 1);
  const Predictor predictor{1.0, link(), {}};
  const ClassRows read = class_rows(rows.source(), predictor, run_with(1, 17));
  ASSERT_EQ(read.Phi.rows(), 45);  // those that count
  EXPECT_NEAR(read.w.sum(), 1, 1e-14);
  EXPECT_LT((read.low - Vector::Constant(3, -0.3)).norm(), 1e-14);
  EXPECT_LT((read.scale - Vector(Eigen::Vector3d(1, 1.1, 1.2))).norm(), 1e-14);
  Index at = 0;
  for (Index i = 0; i < 60; ++i) {
    if (rows.w[i] == 0) continue;
    EXPECT_GT(rows.Y(i, read.labels[static_cast<std::size_t>(at)]), 0);
    Matrix phi(1, 6);
    features(link(), rows.X.row(i), phi);
    EXPECT_LT((read.Phi.row(at++) - phi).norm(), 1e-13);
  }
}

// At the least of J its slopes vanish, on the whole path and from wherever it was begun.
TEST(LogisticHead, IsWhereTheObjectiveIsLeast) {
  const Rows rows = classes(200, 3, 2);
  const KernelSections kernel = kernel_along({}, {1.4, 1.0, 0.2}, rows.source(), 40, run_with(1));
  Matrix K(kernel.width(), kernel.width());
  kernel_matrix(kernel.kernel, kernel.centres, kernel.centres, K);
  const std::vector<std::pair<FeatureMap, Matrix>> maps = {{link(), Matrix::Identity(6, 6)}, {kernel, K}};
  for (const auto& [map, norm] : maps) {
    const ClassRows read = class_rows(rows.source(), {1.0, map, {}}, run_with(1));
    LogisticPath path(map, read);
    double before = std::numeric_limits<double>::infinity();
    for (const double lambda : {1.0, 1e-2, 1e-4}) {
      const LogisticHead head = path.at(lambda);
      const Objective here = objective(read, norm, head, lambda);
      EXPECT_LT(here.slope, 2e-4) << lambda;
      const LogisticHead at_once = LogisticPath(map, read).at(lambda);
      EXPECT_NEAR(objective(read, norm, at_once, lambda).value, here.value, 1e-6) << lambda;
      const double loss = log_loss(head, read);
      EXPECT_LT(loss, before);
      before = loss;
    }
  }
}

// Two classes: their logits' difference is that of binary logistic regression with twice the penalty's share.
TEST(LogisticHead, OfTwoClassesIsBinaryLogisticRegression) {
  const Rows rows = classes(150, 2, 3);
  const ClassRows read = class_rows(rows.source(), {1.0, link(), {}}, run_with(1));
  const double lambda = 0.05;
  const LogisticHead head = LogisticPath(link(), read).at(lambda);
  // δ = a₁ − a₀, a₁ = −a₀: λ/2 (‖a₀‖² + ‖a₁‖²) = λ/4 ‖δ‖².
  const Index P = read.Phi.cols();
  Matrix F(read.Phi.rows(), P + 1);
  F << read.Phi, Vector::Ones(read.Phi.rows());
  Vector delta = Vector::Zero(P + 1);
  for (int step = 0; step < 30; ++step) {
    const Vector p = (1 + (-(F * delta)).array().exp()).inverse();
    Vector slope = lambda / 2 * delta;
    slope[P] = 0;
    Vector q = p;
    for (Index i = 0; i < q.size(); ++i) q[i] -= static_cast<double>(read.labels[static_cast<std::size_t>(i)]);
    slope += F.transpose() * q.cwiseProduct(read.w);
    Matrix H = F.transpose() * (read.w.array() * p.array() * (1 - p.array())).matrix().asDiagonal() * F;
    H.diagonal().head(P).array() += lambda / 2;
    delta -= H.ldlt().solve(slope);
  }
  EXPECT_LT((head.a.col(1) - head.a.col(0) - delta.head(P)).norm(), 2e-3 * delta.norm());
  EXPECT_NEAR(head.bias[1] - head.bias[0], delta[P], 2e-3 * delta.norm());
  EXPECT_LT((head.a.col(1) + head.a.col(0)).norm(), 1e-9 * delta.norm());
}

// Shares of classes on their scale, with gradients that agree with differences.
TEST(LogisticHead, PredictsSharesAndTheirSlopes) {
  const Rows rows = classes(200, 3, 4);
  const ClassRows read = class_rows(rows.source(), {1.0, link(), {}}, run_with(1));
  const LogisticHead head = LogisticPath(link(), read).at(1e-2);
  Predictor predictor = shares_predictor({1.0, link(), {}}, head, read);
  predictor.weight = 0.7;
  LinearPart low = LinearPart::zero(4, 3);
  low.alpha = read.low;
  const Matrix X = normals(100, 4, 9);
  const Matrix F = outputs(low, {predictor}, X, run_with(2));
  for (Index i = 0; i < X.rows(); ++i) {
    Matrix phi(1, 6);
    features(link(), X.row(i), phi);
    const Vector e = (head.bias + (phi * head.a).transpose()).array().exp();
    EXPECT_LT((F.row(i).transpose() - read.low - 0.7 * read.scale.cwiseProduct(e / e.sum())).norm(), 1e-12);
  }
  Rows one{X.topRows(1), Matrix::Zero(1, 3), Vector::Ones(1)};
  const Matrix A = gradient_outer_product(one.source(), low, {predictor}, run_with(1));
  Matrix expected = Matrix::Zero(4, 4);
  const double h = 1e-5;
  Matrix slopes(4, 3);
  for (Index j = 0; j < 4; ++j) {
    Matrix up = one.X;
    Matrix down = one.X;
    up(0, j) += h;
    down(0, j) -= h;
    slopes.row(j) =
        (outputs(low, {predictor}, up, run_with(1)) - outputs(low, {predictor}, down, run_with(1))) / (2 * h);
  }
  expected = slopes * slopes.transpose();
  EXPECT_LT((A - expected).norm(), 1e-7 * expected.norm());
}

// Three classes that overlap: the search tries heads by log-loss, what it chose is learned again from its file's
// recipe, and probabilities are good. Log-loss over the frequencies' was .17 … .20 over five seeds.
TEST(LogisticHead, IsAmongWhatIsTriedForClasses) {
  const Rows rows = classes(400, 3, 6);
  std::vector<std::string> labels;
  for (Index i = 0; i < 400; ++i) {
    Index label = 0;
    rows.Y.row(i).maxCoeff(&label);
    labels.push_back("class " + std::to_string(label));
  }
  FitOptions options;
  options.method = Method::automatic;
  options.width = 64;
  options.budget = 3;
  options.seed = 1;
  const Model model = fit(rows.X, labels, options, run_with(2));
  bool tried = false;
  double before = std::numeric_limits<double>::infinity();
  for (const SearchStep& step : model.selection.path) {
    EXPECT_LE(step.error, before);
    before = step.error;
  }
  for (const CandidateReport& report : model.selection.candidates)
    tried = tried || std::holds_alternative<LogisticRecipe>(report.recipe);
  EXPECT_TRUE(tried);
  const std::string path = testing::TempDir() + "logistic.sextant";
  save_model(model, path);
  const Model loaded = load_model(path);
  const Matrix X = normals(50, 4, 8);
  EXPECT_LT((predict_probabilities(loaded, X) - predict_probabilities(model, X)).norm(), 1e-9);
  EXPECT_LT(model.classification->held_out.log_loss, 0.3 * model.classification->majority.log_loss);
  // Each alone, learned again by its recipe from the file.
  Matrix indicators = Matrix::Zero(400, 3);
  for (Index i = 0; i < 400; ++i) {
    Index label = 0;
    rows.Y.row(i).maxCoeff(&label);
    indicators(i, label) = 1;
  }
  const Rows again{rows.X, indicators, Vector::Ones(400)};
  for (const CandidateReport& report : model.selection.candidates) {
    if (!std::holds_alternative<LogisticRecipe>(report.recipe)) continue;
    Model alone = model;
    for (CandidateReport& other : alone.selection.candidates) other.weight.setConstant(other.name == report.name);
    save_model(alone, path);
    const Model learned = refit(load_model(path), again.source(), run_with(1));
    ASSERT_EQ(learned.predictors.size(), 1U);
    EXPECT_TRUE(learned.predictors.front().shares.has_value());
    const std::vector<Index> found = predict_classes(learned, rows.X);
    Index right = 0;
    for (Index i = 0; i < 400; ++i) right += indicators(i, found[static_cast<std::size_t>(i)]) > 0 ? 1 : 0;
    EXPECT_GT(right, 360) << report.name;
  }
}
