// Oracles: kernel ridge regression from its definition on rows held out; the whole path of λ; the same with other
// threads.
#include <gtest/gtest.h>

#include <Eigen/Cholesky>
#include <cmath>
#include <memory>
#include <vector>

#include "search/family.h"
#include "search/kernel_choice.h"
#include "sextant/feature_map.h"
#include "test_support.h"

using namespace sextant;

namespace {

// Two splits of smooth targets with little noise, of k targets the later ones with more.
class KernelChoices : public testing::Test {
 protected:
  Index n = 150;

  static Rows drawn(Index rows, Index k, std::uint64_t seed) {
    Rows result{normals(rows, 3, seed, 1), normals(rows, k, seed, 2), Vector::Ones(rows)};
    for (Index i = 0; i < rows; ++i)
      for (Index t = 0; t < k; ++t)
        result.Y(i, t) = std::sin(result.X(i, 0) + result.X(i, t % 3)) + 0.05 * std::pow(30.0, t) * result.Y(i, t);
    for (Index i = 0; i < rows; ++i) result.w[i] = 0.5 + static_cast<double>(i % 3);
    return result;
  }

  struct Table {
    Rows train;
    Rows held_out;
    MemorySource train_source = train.source();
    MemorySource held_out_source = held_out.source();
    Moments of_train = moments(train_source, run_with(1));
  };

  // The settings' choice by `choose`(ground, stages, S), on so many threads.
  template <class Choose>
  KernelChoice chosen(Index k, int threads, const Choose& choose) {
    if (tables_.empty())
      for (const std::uint64_t split : {0U, 1U})
        tables_.push_back(std::make_unique<Table>(Table{drawn(n, k, 30 + split), drawn(60, k, 40 + split)}));
    const Context context = run_with(threads);
    std::vector<LearningRows> splits;
    std::vector<Sample> samples;
    std::vector<Stage> stages;
    for (const auto& table : tables_) {
      LearningRows& rows = splits.emplace_back();
      rows.train = &table->train_source;
      rows.held_out = &table->held_out_source;
      rows.moments = &table->of_train;
      rows.square_units = Vector::LinSpaced(k, 0.0, static_cast<double>(k - 1)).array() + 1.0;
      rows.epsilon = Vector::Zero(k);
      samples.push_back({table->held_out.X, table->held_out.Y, table->held_out.w, {}, {}});
      stages.push_back(plain_stage(rows, mean_alone(*rows.moments)));
    }
    const Ground ground{options_, context, splits, {}, samples, Vector::Ones(k)};
    return choose(ground, stages, std::vector<Matrix>(tables_.size(), S_));
  }

  // Settings whose λ some search left at these.
  static KernelSettings settings(const Vector& lambda) { return {{1.4, 3.0}, lambda, 20}; }

  FitOptions options_;
  const Matrix S_ = normals(2, 3, 50, 1);
  std::vector<std::unique_ptr<Table>> tables_;
};

}  // namespace

TEST_F(KernelChoices, MoreCentresAreKernelRidgeRegressionOnAllRows) {
  const Vector from = Vector::Constant(1, 1e-1);
  const KernelChoice found = chosen(1, 2, [&](const auto& ground, const auto& stages, const auto& S) {
    return with_more_centres(ground, stages, S, settings(from));
  });
  EXPECT_EQ(found.settings.shape.exponent, 1.4);
  EXPECT_EQ(found.settings.shape.bandwidth, 3.0);
  EXPECT_GE(found.settings.centres, n);
  double square = 0;
  double weight = 0;
  for (std::size_t split = 0; split < 2; ++split) {
    const Table& table = *tables_[split];
    const Matrix Z = table.train.X * S_.transpose();
    const double unit = std::get<KernelSections>(found.maps[split]).kernel.bandwidth;
    const auto kernel = [&](const Matrix& X) {
      Matrix K(X.rows(), n);
      for (Index i = 0; i < X.rows(); ++i)
        for (Index j = 0; j < n; ++j) K(i, j) = std::exp(-std::pow((X.row(i) - Z.row(j)).norm() / unit, 1.4));
      return K;
    };
    // (W½KW½ + (Σw λ/2) I) W^−½ a = W½ r
    const Vector w = table.train.w;
    const Vector root = w.cwiseSqrt();
    Matrix system = root.asDiagonal() * kernel(Z) * root.asDiagonal();
    system.diagonal().array() += w.sum() * found.settings.lambda[0] / 2;
    const double mean = table.of_train.y_mean[0];
    const Vector r = root.asDiagonal() * Matrix(table.train.Y.array() - mean);
    const Vector a = root.asDiagonal() * Matrix(system.llt().solve(r));
    EXPECT_LT(relative_error(found.a[split], a), 1e-7);
    const Matrix K = kernel(table.held_out.X * S_.transpose());
    const Vector e = table.held_out.Y.array() - mean - (K * a).array();
    square += e.cwiseAbs2().dot(table.held_out.w);
    weight += table.held_out.w.sum();
  }
  EXPECT_NEAR(found.error[0], square / weight, 1e-7 * found.error[0]);
}

// As good as the best of the whole path but for the half decades that the walk leaves out.
TEST_F(KernelChoices, MoreCentresFindTheirOwnLambda) {
  const auto whole_path = [&](const auto& ground, const auto& stages, const auto& S) {
    return choose_kernel(ground, stages, S, {settings(Vector::Constant(1, 1.0))}, 4000);
  };
  const KernelChoice best = chosen(1, 2, whole_path);
  for (const double from : {1e-10, 1e-4, 1e4}) {
    const auto walk = [&](const auto& ground, const auto& stages, const auto& S) {
      return with_more_centres(ground, stages, S, settings(Vector::Constant(1, from)));
    };
    const KernelChoice found = chosen(1, 2, walk);
    EXPECT_LE(std::abs(std::log10(found.settings.lambda[0] / best.settings.lambda[0])), 0.6) << from;
    EXPECT_LT(found.error[0], 1.05 * best.error[0]) << from;
    EXPECT_GT(found.error[0], (1 - 1e-9) * best.error[0]) << from;
    const KernelChoice on_one_thread = chosen(1, 1, walk);
    for (std::size_t split = 0; split < 2; ++split) EXPECT_EQ(on_one_thread.a[split], found.a[split]);
  }
}

// Three targets want more λ at a time than factorisations are worth: the whole path serves them.
TEST_F(KernelChoices, ManyTargetsTakeTheWholePath) {
  const Vector from = Eigen::Vector3d(1e-8, 1e-2, 1e4);
  const KernelChoice best = chosen(3, 2, [&](const auto& ground, const auto& stages, const auto& S) {
    return choose_kernel(ground, stages, S, {settings(from)}, 4000);
  });
  const KernelChoice found = chosen(3, 2, [&](const auto& ground, const auto& stages, const auto& S) {
    return with_more_centres(ground, stages, S, settings(from));
  });
  EXPECT_EQ(found.settings.lambda, best.settings.lambda);
  EXPECT_EQ(found.error, best.error);
  for (std::size_t split = 0; split < 2; ++split) EXPECT_EQ(found.a[split], best.a[split]);
  EXPECT_LT(found.settings.lambda[0], found.settings.lambda[2]);  // more noise
}

// Two targets with λ of their own, each as if it were alone.
TEST_F(KernelChoices, TargetsHaveTheirOwnLambda) {
  const Vector from = Eigen::Vector2d(1e-5, 1e-4);
  const KernelChoice found = chosen(2, 2, [&](const auto& ground, const auto& stages, const auto& S) {
    return with_more_centres(ground, stages, S, settings(from));
  });
  const KernelChoice best = chosen(2, 2, [&](const auto& ground, const auto& stages, const auto& S) {
    return choose_kernel(ground, stages, S, {settings(from)}, 4000);
  });
  EXPECT_NE(found.settings.lambda[0], found.settings.lambda[1]);
  for (Index t = 0; t < 2; ++t) EXPECT_LT(found.error[t], 1.05 * best.error[t]);
}

// λ of one's own, in any order: the best of all of them.
TEST_F(KernelChoices, LambdaAskedForAreAllTried) {
  options_.lambda = {1e3, 1e-3, 10};
  const KernelChoice found = chosen(1, 2, [&](const auto& ground, const auto& stages, const auto& S) {
    return with_more_centres(ground, stages, S, settings(Vector::Constant(1, 1e3)));
  });
  EXPECT_EQ(found.settings.lambda[0], 1e-3);
}

// What a search found is found again by its recipe on the same rows: each round from what the one before was, few
// centres or all.
TEST_F(KernelChoices, RoundsAreLearnedAgainAsTheyWereFound) {
  n = 450;  // more than settings are searched with
  chosen(1, 2, [&](const Ground& ground, const auto&, const auto&) {
    std::vector<Step> steps = start_kernels(ground, nullptr);
    std::vector<std::string> names;
    while (!steps.empty()) {
      const Findings found = attempt(steps.front(), ground, {});
      for (const Candidate& candidate : found.candidates) {
        names.push_back(candidate.report.name);
        for (std::size_t split = 0; split < 2; ++split) {
          const Fitted again = candidate.learn(ground.splits[split], ground.context);
          const Matrix F = outputs(again.linear, again.predictors, ground.samples[split].X, ground.context);
          EXPECT_LT(relative_error(F, candidate.held_out[split]), 1e-6) << candidate.report.name;
        }
      }
      steps = found.next;
    }
    EXPECT_EQ(names, (std::vector<std::string>{"kernel, 200 centres", "kernel", "refined kernel, round 1, 200 centres",
                                               "refined kernel, round 1"}));
    return KernelChoice{};
  });
}

// A plane and its bumps: the kernel takes the linear functions in, and goes on along them where no row is near.
TEST_F(KernelChoices, ATrendIsTakenWhereThereIsOne) {
  n = 100;
  const auto far = [&](double slope) {
    tables_.clear();
    for (const std::uint64_t split : {0U, 1U}) {
      auto table = std::make_unique<Table>(Table{drawn(n, 1, 30 + split), drawn(60, 1, 40 + split)});
      for (Rows* rows : {&table->train, &table->held_out}) rows->Y += slope * rows->X.col(1);
      table->of_train = moments(table->train_source, run_with(1));
      tables_.push_back(std::move(table));
    }
    const KernelChoice found = chosen(1, 2, [&](const auto& ground, const auto& stages, const auto& S) {
      return choose_kernel(ground, stages, std::vector<Matrix>(S.size()), kernel_grid(1.9), n);
    });
    Matrix X = Matrix::Zero(2, 3);
    X(0, 1) = 8;
    X(1, 1) = 12;
    Matrix F = Matrix::Zero(2, 1);
    add_outputs(found.maps[0], X, found.a[0], 1.0, F);
    return std::pair(found.settings.shape, F(1, 0) - F(0, 0));
  };
  const auto [shape, difference] = far(5);
  EXPECT_EQ(shape.trend, 4.0);
  EXPECT_NEAR(difference, 20, 2);
}

TEST_F(KernelChoices, GridOfAnExponent) {
  const auto some = kernel_grid(1.4);
  ASSERT_EQ(some.size(), 3U);
  for (const KernelSettings& settings : some) EXPECT_EQ(settings.shape.exponent, 1.4);
  for (const KernelSettings& settings : kernel_grid(1.4, 4.0)) EXPECT_EQ(settings.shape.trend, 4.0);
  EXPECT_EQ(kernel_grid().size(), 9U);
  EXPECT_EQ(settings_tried(some), 5);
  EXPECT_EQ(settings_tried({some.front()}), 1);
  EXPECT_TRUE(kernel_grid(1.5).empty());
}
