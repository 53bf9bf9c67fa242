// Oracles: the same work of one process alone, for what ranks share; the definitions in ranks.h for what they exchange.
#include <fmt/core.h>
#include <gtest/gtest.h>

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "core/from_first_rank.h"
#include "message_of.h"
#include "passes/executor.h"
#include "passes/parts.h"
#include "sextant/automatic.h"
#include "sextant/comparison.h"
#include "sextant/dimension_reduction.h"
#include "sextant/error.h"
#include "sextant/model.h"
#include "sextant/model_file.h"
#include "sextant/passes.h"
#include "sextant/ranks.h"
#include "test_support.h"
#include "thread_ranks.h"

using namespace sextant;

namespace {

Context shared(Ranks& ranks, Index block_rows = 32) {
  Context context = run_with(1, block_rows);
  context.ranks = &ranks;
  return context;
}

// A table whose target bends along one direction, with noise: what fits exactly hangs on the last bits of its sums.
Rows bent_rows(Index n, Index d, std::uint64_t seed) {
  Rows rows{normals(n, d, seed, 1), 0.3 * normals(n, 1, seed, 2), Vector::Ones(n)};
  for (Index i = 0; i < n; ++i) {
    const double z = (rows.X(i, 0) + 2 * rows.X(i, 1)) / std::sqrt(5.0);
    rows.Y(i, 0) += 2 + z * z + 0.5 * z + 0.3 * rows.X(i, 2) + 0.05 * rows.X(i, d - 1) * rows.X(i, 0);
  }
  return rows;
}

// Of every rank in turn.
template <class Value>
std::vector<Value> gathered(int size, const std::function<Value(Ranks&)>& work) {
  std::vector<Value> all(static_cast<std::size_t>(size));
  on_ranks(size, [&](Ranks& ranks) { all[static_cast<std::size_t>(ranks.rank())] = work(ranks); });
  return all;
}

Encoding encoding_of(const Rows& rows) {
  Encoding encoding;
  for (Index j = 1; j <= rows.X.cols(); ++j)
    encoding.columns.push_back({fmt::format("x{}", j), ColumnKind::number, {}});
  encoding.targets = {"y"};
  return encoding;
}

}  // namespace

TEST(Ranks, WhatTheFirstComputesIsWhatAllGet) {
  const std::vector<int> ranks = gathered<int>(
      3, [](Ranks& each) { return from_first_rank(shared(each), [&] { return 10 * (each.rank() + 1); }); });
  EXPECT_EQ(ranks, (std::vector<int>{10, 10, 10}));
  EXPECT_EQ(from_first_rank(Context{}, [] { return 7; }), 7);
}

TEST(Ranks, MessagesCarryEveryKindOfValue) {
  using Everything =
      std::tuple<double, bool, Matrix, Vector, std::vector<Matrix>, std::optional<double>, std::optional<double>,
                 std::pair<LinearPart, std::vector<Index>>, FeatureMap, FeatureMap>;
  const auto of = [](double seed) {
    const Matrix A = normals(3, 4, static_cast<std::uint64_t>(seed), 1);
    const LinearPart linear = random_linear(4, 2, static_cast<std::uint64_t>(seed));
    return Everything{seed,
                      true,
                      A,
                      A.col(1),
                      {A, Matrix(), A.topRows(1)},
                      std::nullopt,
                      2 * seed,
                      {linear, {1, 2, 3}},
                      HermiteFeatures{A, A.col(0), A.col(1), A.col(2), 5},
                      KernelSections{{.kind = KernelKind::laplace, .bandwidth = seed}, A, A.topRows(2), true}};
  };
  const Everything expected = of(1);
  on_ranks(2, [&](Ranks& ranks) {
    const auto found = from_first_rank(shared(ranks), [&] { return of(1 + ranks.rank()); });
    EXPECT_EQ(std::get<0>(found), 1);
    EXPECT_EQ(std::get<2>(found), std::get<2>(expected));
    EXPECT_EQ(std::get<3>(found), std::get<3>(expected));
    ASSERT_EQ(std::get<4>(found).size(), 3U);
    EXPECT_EQ(std::get<4>(found)[2], std::get<4>(expected)[2]);
    EXPECT_FALSE(std::get<5>(found));
    EXPECT_EQ(std::get<6>(found), 2.0);
    EXPECT_EQ(std::get<7>(found).first.beta, std::get<7>(expected).first.beta);
    EXPECT_EQ(std::get<7>(found).second, (std::vector<Index>{1, 2, 3}));
    EXPECT_EQ(std::get<HermiteFeatures>(std::get<8>(found)).low, std::get<HermiteFeatures>(std::get<8>(expected)).low);
    const auto& sections = std::get<KernelSections>(std::get<9>(found));
    EXPECT_EQ(sections.kernel.kind, KernelKind::laplace);
    EXPECT_EQ(sections.kernel.bandwidth, 1.0);
    EXPECT_TRUE(sections.landmarks);
    EXPECT_EQ(sections.S, std::get<KernelSections>(std::get<9>(expected)).S);
  });
}

// An error that only the first rank can meet is thrown on all, of its own kind.
TEST(Ranks, ErrorsOfTheFirstReachAll) {
  const auto check = [](auto error) {
    using Thrown = decltype(error);
    const auto thrown =
        outcomes(3, [&](Ranks& ranks) { (void)from_first_rank(shared(ranks), [&]() -> double { throw error; }); });
    for (const std::exception_ptr& each : thrown) {
      ASSERT_TRUE(each);
      EXPECT_EQ(message_of<Thrown>([&] { std::rethrow_exception(each); }), error.what());
    }
  };
  check(InvalidArgument("a"));
  check(DataError("b"));
  check(NumericalError("c"));
  check(IoError("d"));
  check(RankError("e"));
  check(Cancelled());
}

TEST(Ranks, OneThatIsAtSomethingElseIsFoundOut) {
  const Rows rows = bent_rows(200, 4, 1);
  const LinearPart linear = random_linear(4, 1, 1);
  const Matrix W = normals(6, 4, 1, 2);
  const Matrix a = Matrix::Ones(6, 1);
  const auto expect_all_told = [](const std::vector<std::exception_ptr>& thrown) {
    for (const std::exception_ptr& each : thrown) {
      ASSERT_TRUE(each);
      const std::string said = message_of<RankError>([&] { std::rethrow_exception(each); });
      EXPECT_NE(said.find("another is at something else"), std::string::npos) << said;
    }
  };
  // Another pass.
  expect_all_told(outcomes(3, [&](Ranks& ranks) {
    const MemorySource source = rows.source();
    if (ranks.rank() == 1)
      (void)moments(source, shared(ranks));
    else
      (void)first_layer_gradient(source, linear, W, a, shared(ranks));
  }));
  // The same pass with one number that differs in its last bit.
  expect_all_told(outcomes(2, [&](Ranks& ranks) {
    const MemorySource source = rows.source();
    Matrix own = W;
    if (ranks.rank() == 1) own(5, 3) = std::nextafter(own(5, 3), 10.0);
    (void)first_layer_gradient(source, linear, own, a, shared(ranks));
  }));
  // Small algebra where another still sums.
  expect_all_told(outcomes(2, [&](Ranks& ranks) {
    const MemorySource source = rows.source();
    if (ranks.rank() == 0)
      (void)moments(source, shared(ranks));
    else
      (void)from_first_rank(shared(ranks), [] { return 1.0; });
  }));
}

TEST(Pass, FingerprintsTellPassesApart) {
  const Rows rows = bent_rows(50, 4, 2);
  const MemorySource source = rows.source();
  const Context context = run_with(1, 16);
  const Context other_blocks = run_with(1, 17);
  Matrix sum = Matrix::Zero(2, 3);
  Vector high = Vector::Zero(2);
  const Matrix W = normals(3, 4, 1);
  Matrix nearly = W;
  nearly(2, 3) = std::nextafter(nearly(2, 3), 10.0);
  const auto of = [&](const Context& own, std::string_view stage, const Matrix& parameter, bool with_high) {
    Pass pass(source, own, stage);
    pass.sums(sum);
    if (with_high) pass.maxima(high);
    pass.depends_on(parameter);
    return pass.fingerprint();
  };
  const auto reference = of(context, "a", W, false);
  EXPECT_EQ(of(context, "a", Matrix(W), false), reference);
  EXPECT_NE(of(context, "b", W, false), reference);
  EXPECT_NE(of(context, "a", nearly, false), reference);
  EXPECT_NE(of(context, "a", W.transpose(), false), reference);
  EXPECT_NE(of(context, "a", W, true), reference);
  EXPECT_NE(of(other_blocks, "a", W, false), reference);
  // A view of some columns is its numbers, not what lies between them.
  const Matrix wide = normals(3, 9, 1);
  Pass one(source, context, "a");
  one.depends_on(MatrixView(wide.middleCols(2, 4)));
  Pass two(source, context, "a");
  const Matrix copy = wide.middleCols(2, 4);
  two.depends_on(copy);
  EXPECT_EQ(one.fingerprint(), two.fingerprint());
}

// Rows are dealt to ranks in consecutive shares that differ by one block at most, and each reads its own alone.
TEST(Pass, RanksTakeSharesOfTheBlocks) {
  const Rows rows = bent_rows(321, 3, 3);  // 11 blocks of 32, the last of one row
  for (const int size : {1, 2, 3, 4, 11, 14}) {
    const auto seen = gathered<std::vector<Index>>(size, [&](Ranks& ranks) {
      const MemorySource source = rows.source();
      const Context context = shared(ranks);
      std::vector<Index> firsts;
      Pass pass(source, context, "shares");
      EXPECT_EQ(pass.run([&](Block& block, Index first) {
        EXPECT_EQ(block.X, rows.X.middleRows(first, block.rows()));
        firsts.push_back(first);
      }),
                321.0);
      return firsts;
    });
    std::vector<Index> all;
    for (const auto& each : seen) {
      EXPECT_LE(each.size(), seen.front().size());
      EXPECT_LE(seen.front().size(), each.size() + 1);
      all.insert(all.end(), each.begin(), each.end());
    }
    ASSERT_EQ(all.size(), 11U);
    for (std::size_t b = 0; b < all.size(); ++b) EXPECT_EQ(all[b], static_cast<Index>(32 * b));
  }
}

// The first row that counts is the pivot on every rank, also where it lies in a block of another's share.
TEST(Pass, RanksShareTheirPivot) {
  Rows rows = bent_rows(200, 3, 4);
  rows.w.head(70).setZero();
  rows.X.array() += 1e6;
  const MemorySource source = rows.source();
  const Moments alone = moments(source, run_with(1, 32));
  for (const int size : {2, 4, 9})  // of seven blocks, the first two of which no row counts
    on_ranks(size, [&](Ranks& ranks) {
      const MemorySource own = rows.source();
      EXPECT_LE(relative_error(moments(own, shared(ranks)).xx, alone.xx), 1e-13);
    });
}

// ---- whole fits ----

// Every method: all ranks have the same model to the last bit, and its predictions are those of a process alone.
TEST(Ranks, FitsAreThoseOfOneProcess) {
  const Rows rows = bent_rows(400, 5, 5);
  const Encoding encoding = encoding_of(rows);
  const Matrix X = normals(50, 5, 6, 1);
  FitOptions fixed;
  fixed.width = 32;
  fixed.rank = 1;
  fixed.lambda = {1e-3};
  std::vector<std::pair<std::string, FitOptions>> all;
  for (const Method method : {Method::algorithm_1, Method::random_features, Method::kernel_gaussian, Method::sir,
                              Method::save, Method::phd, Method::directional_regression}) {
    FitOptions options = fixed;
    options.method = method;
    all.emplace_back(name(method), options);
  }
  FitOptions tangent = fixed;  // 12·(1 + 5 + 1) features of 400 rows, and more than there are rows
  tangent.method = Method::ntk;
  tangent.width = 12;
  all.emplace_back("ntk", tangent);
  tangent.width = 120;
  all.emplace_back("wide ntk", tangent);
  FitOptions special = fixed;
  special.method = Method::algorithm_1;
  special.folds = 3;
  all.emplace_back("folds", special);
  special.sample_splitting = true;
  special.symmetric = false;
  special.calibration_share = 0.2;
  all.emplace_back("sample splitting", special);
  FitOptions transformed = fixed;
  transformed.method = Method::algorithm_1;
  transformed.target_transform = transform_kinds_named("auto");
  all.emplace_back("transformed", transformed);
  FitOptions single = fixed;
  single.method = Method::algorithm_1;
  single.precision = Precision::float32;
  all.emplace_back("float32", single);

  for (const auto& [what, options] : all) {
    const MemorySource source = rows.source();
    const Matrix expected = predict(fit(source, encoding, options, run_with(1, 32)), X, {});
    for (const int size : {1, 2, 3}) {
      const auto models = gathered<std::string>(size, [&, &own = options](Ranks& ranks) {
        const MemorySource own_rows = rows.source();
        return model_bytes(fit(own_rows, encoding, own, shared(ranks)));
      });
      for (const std::string& model : models) EXPECT_EQ(model, models.front()) << what << " on " << size;
      // In single precision sums of runs of blocks begin anew with each share.
      const double tolerance = options.precision == Precision::float32 ? 1e-4 : 1e-9;
      EXPECT_LE(relative_error(predict(model_from_bytes(models.front()), X, {}), expected), tolerance)
          << what << " on " << size;
    }
  }
}

// Searches too: what is chosen is the same, or as good to 1e-6.
TEST(Ranks, SearchesChooseAlike) {
  const Rows rows = bent_rows(300, 4, 7);
  const Encoding encoding = encoding_of(rows);
  for (const Method method : {Method::automatic, Method::refine, Method::refined_kernel, Method::polish}) {
    FitOptions options;
    options.method = method;
    options.width = 32;
    options.folds = 2;
    options.budget = 3;
    const MemorySource source = rows.source();
    const Model expected = fit(source, encoding, options, run_with(1, 32));
    const auto models = gathered<std::string>(3, [&](Ranks& ranks) {
      const MemorySource own = rows.source();
      return model_bytes(fit(own, encoding, options, shared(ranks)));
    });
    for (const std::string& model : models) EXPECT_EQ(model, models.front()) << name(method);
    const Model found = model_from_bytes(models.front());
    EXPECT_NEAR(found.validation.chosen[0], expected.validation.chosen[0], 1e-6 * expected.validation.chosen[0])
        << name(method);
    EXPECT_EQ(found.selection.candidates.size(), expected.selection.candidates.size()) << name(method);
  }
}

TEST(Ranks, ClassesTransferAndComparison) {
  const Rows rows = bent_rows(300, 4, 8);
  const Encoding encoding = encoding_of(rows);
  const MemorySource source = rows.source();
  const Context one = run_with(1, 32);
  FitOptions options;
  options.method = Method::algorithm_1;
  options.width = 16;
  options.lambda = {1e-3};

  const Model model = fit(source, encoding, options, one);
  const Scores scores = evaluate(model, source, one);
  const Matrix transferred = predict(transfer(model, source, encoding, options, one), rows.X, {});
  const Model directed = transfer_directions({model}, source, encoding, options, one);
  const std::size_t outside = extrapolation(model, source, one).outside.size();
  std::vector<std::string> labels;
  for (Index i = 0; i < rows.count(); ++i) labels.emplace_back(rows.Y(i, 0) > 3 ? "high" : "low");
  FitOptions weighted = options;
  weighted.class_weights.balanced = true;
  weighted.task = Task::classification;
  const Model classes = fit(rows.X, labels, weighted, one);
  const Matrix P = predict_probabilities(classes, rows.X, {});
  Matrix indicators = Matrix::Zero(rows.count(), 2);
  for (Index i = 0; i < rows.count(); ++i) indicators(i, labels[static_cast<std::size_t>(i)] == "high" ? 0 : 1) = 1;
  const MemorySource labelled(rows.X, indicators);
  const ThresholdScore at_threshold = evaluate_threshold(classes, labelled, 0.4, 0, one);
  const double calibration_error = evaluate(classes, labelled, one).report->calibration_error;
  ComparisonOptions contest;
  contest.methods = {Method::algorithm_1, Method::sir};
  contest.fit = options;
  const Comparison ranking = compare(source, encoding, contest, one);

  on_ranks(3, [&](Ranks& ranks) {
    const Context context = shared(ranks);
    const MemorySource own = rows.source();
    EXPECT_NEAR(evaluate(model, own, context).targets.front().rmse, scores.targets.front().rmse,
                1e-12 * scores.targets.front().rmse);
    EXPECT_EQ(evaluate(model, own, context).n, 300);
    EXPECT_EQ(extrapolation(model, own, context).outside.size(), outside);
    EXPECT_LE(relative_error(predict(transfer(model, own, encoding, options, context), rows.X, {}), transferred), 1e-9);
    const Model again = transfer_directions({model}, own, encoding, options, context);
    // Of candidates that are as good to the last bit (directions that are the same), rounding picks one; so it does
    // with another block size, which moves this error by 1e-4.
    EXPECT_NEAR(again.validation.chosen[0], directed.validation.chosen[0], 1e-3 * directed.validation.chosen[0]);
    EXPECT_LE(relative_error(predict_probabilities(fit(rows.X, labels, weighted, context), rows.X, {}), P), 1e-8);
    const MemorySource own_labelled(rows.X, indicators);
    EXPECT_NEAR(evaluate_threshold(classes, own_labelled, 0.4, 0, context).f1, at_threshold.f1, 1e-12);
    EXPECT_NEAR(evaluate(classes, own_labelled, context).report->calibration_error, calibration_error, 1e-12);
    const Comparison found = compare(own, encoding, contest, context);
    ASSERT_EQ(found.contenders.size(), ranking.contenders.size());
    for (std::size_t c = 0; c < found.contenders.size(); ++c) {
      EXPECT_EQ(found.contenders[c].method, ranking.contenders[c].method);
      EXPECT_NEAR(found.contenders[c].rmse, ranking.contenders[c].rmse, 1e-8 * ranking.contenders[c].rmse);
    }
  });
}

// A rank whose reading fails ends the others' wait, and a comparison does not go on without it.
TEST(Ranks, OneThatFailsDoesNotLeaveTheOthersWaiting) {
  class Unreadable final : public RowSource {
   public:
    Unreadable(const RowSource& rows, bool broken) : rows_(rows), broken_(broken) {}
    [[nodiscard]] Index rows() const override { return rows_.rows(); }
    [[nodiscard]] Index inputs() const override { return rows_.inputs(); }
    [[nodiscard]] Index targets() const override { return rows_.targets(); }
    void read(Index first, Index count, Block& block) const override {
      if (broken_ && first > 100) throw IoError("x.csv: cannot be read");
      rows_.read(first, count, block);
    }

   private:
    const RowSource& rows_;
    bool broken_;
  };
  const Rows rows = bent_rows(300, 4, 9);
  ComparisonOptions contest;
  contest.methods = {Method::algorithm_1};
  contest.fit.width = 16;
  const auto thrown = outcomes(3, [&](Ranks& ranks) {
    const MemorySource memory = rows.source();
    const Unreadable own(memory, ranks.rank() == 1);
    (void)compare(own, encoding_of(rows), contest, shared(ranks));
  });
  for (const std::exception_ptr& each : thrown) ASSERT_TRUE(each);
  EXPECT_EQ(message_of<IoError>([&] { std::rethrow_exception(thrown[1]); }), "x.csv: cannot be read");
  EXPECT_EQ(message_of<RankError>([&] { std::rethrow_exception(thrown[0]); }), "another rank has failed");
}
