// Oracles: Gauss–Hermite quadrature in all of x, Monte Carlo at 4 standard errors, (u·v)^p, the counting argument of
// Theorem 2 (statistical_queries.h), random sign sums.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <span>
#include <string>
#include <vector>

#include "message_of.h"
#include "sextant/error.h"
#include "sextant/hermite.h"
#include "sextant/random.h"
#include "sextant/statistical_queries.h"
#include "sextant/theory.h"

using namespace sextant;

namespace {

// E f h over all of x ∈ R^d by the product of `nodes`-point rules.
double quadrature(const HermiteTarget& f, const HermiteTarget& h, int nodes) {
  const Quadrature rule = gauss_hermite(nodes);
  const Index d = f.inputs();
  Index rows = 1;
  for (Index j = 0; j < d; ++j) rows *= nodes;
  Matrix X(rows, d);
  Vector weights = Vector::Ones(rows);
  for (Index i = 0; i < rows; ++i) {
    Index rest = i;
    for (Index j = 0; j < d; ++j, rest /= nodes) {
      X(i, j) = rule.nodes(rest % nodes);
      weights(i) *= rule.weights(rest % nodes);
    }
  }
  return weights.dot(f.value(X).cwiseProduct(h.value(X)));
}

// Directions that nobody has chosen.
std::vector<HermiteTarget> random_queries(Index q, Index d, int p, std::uint64_t seed) {
  return direction_queries(Stream(seed, Purpose::first_layer).normal_matrix(q, d), p);
}

HardClass small_class(Index d, Index members, std::uint64_t seed = 1, double overlap = 1) {
  return hard_class({.d = d, .p = 3, .members = members, .overlap = overlap, .seed = seed});
}

}  // namespace

TEST(StatisticalQueries, CorrelationOfTwoDirectionsIsAPower) {
  for (const int p : {1, 2, 3, 4, 7}) {
    const Matrix V = Stream(5, Purpose::inputs).normal_matrix(2, 3);
    const auto pair = direction_queries(V, p);
    const double s = pair[0].U.row(0).dot(pair[1].U.row(0));
    EXPECT_NEAR(correlation(pair[0], pair[1]), std::pow(s, p), 1e-14);
    EXPECT_NEAR(quadrature(pair[0], pair[1], p + 1), std::pow(s, p), 1e-12);
    EXPECT_NEAR(correlation(pair[0], pair[0]), 1, 1e-13);
    EXPECT_EQ(correlation(pair[0], direction_queries(V.bottomRows(1), p + 1)[0]), 0);
  }
}

// E he_3(u·x) he_3(v·x) in 20 inputs, where no quadrature reaches.
TEST(StatisticalQueries, CorrelationByMonteCarlo) {
  const Index n = 200'000;
  const HardClass functions = small_class(20, 3);
  const Matrix X = Stream(9, Purpose::inputs).normal_matrix(n, 20);
  for (Index i = 0; i < 3; ++i) {
    for (Index j = 0; j < i; ++j) {
      const Vector product = functions.member(i).value(X).cwiseProduct(functions.member(j).value(X));
      const double error = std::sqrt((product.array() - product.mean()).square().mean() / static_cast<double>(n));
      EXPECT_NEAR(product.mean(), functions.correlations()(i, j), 4 * error);
      EXPECT_LT(error, 0.02);
    }
  }
}

// Targets of several directions at general angles, with products, constants and terms of unlike degree.
TEST(StatisticalQueries, CorrelationOfMultiIndexTargetsByQuadrature) {
  const Index d = 3;
  for (const std::uint64_t seed : {1, 2, 3}) {
    const TargetOptions one{.d = d, .orientation = Orientation::random, .seed = seed};
    const TargetOptions two{.d = d, .orientation = Orientation::random, .seed = seed + 100};
    const std::vector<HermiteTarget> targets = {
        source_target(4, one),
        hermite_target(5, two),
        multi_index_target(2, 4, two),
        multi_index_target(3, 5, one),
        {draw_directions(3, d, Orientation::random, seed + 7),
         {{0.4, {0, 0, 0}}, {-0.5, {1, 0, 0}}, {0.6, {1, 1, 1}}, {0.3, {2, 0, 2}}, {-0.2, {0, 1, 4}}}}};
    for (const HermiteTarget& f : targets) {
      for (const HermiteTarget& h : targets) {
        EXPECT_NEAR(correlation(f, h), quadrature(f, h, 8), 1e-11);
        EXPECT_NEAR(correlation(f, h), correlation(h, f), 1e-13);
      }
      EXPECT_NEAR(correlation(f, f), f.second_moment(), 1e-13);
    }
  }
}

TEST(StatisticalQueries, ClassHasUnitRowsAndTheStatedCorrelations) {
  const HardClass functions = small_class(30, 40, 2, 0.7);
  EXPECT_LT((functions.U.rowwise().norm().array() - 1).abs().maxCoeff(), 1e-14);
  EXPECT_LT((functions.U.cwiseAbs().array() - 1 / std::sqrt(30.0)).abs().maxCoeff(), 1e-15);
  const Matrix C = functions.correlations();
  const ClassCorrelations bounds = functions.bounds();
  double largest = 0;
  double sum = 0;
  for (Index i = 0; i < 40; ++i) {
    EXPECT_NEAR(C(i, i), 1, 1e-14);
    for (Index j = 0; j < i; ++j) {
      EXPECT_NEAR(C(i, j), correlation(functions.member(i), functions.member(j)), 1e-14);
      EXPECT_EQ(C(i, j), C(j, i));
      EXPECT_LT(std::abs(functions.U.row(i).dot(functions.U.row(j))), 0.7);
      largest = std::max(largest, std::abs(C(i, j)));
      sum += std::abs(C(i, j));
    }
  }
  EXPECT_NEAR(bounds.largest, largest, 1e-15);
  EXPECT_NEAR(bounds.mean, sum / (40 * 39 / 2), 1e-15);
  // Another seed is another class, a smaller class is its beginning.
  EXPECT_NE(small_class(30, 40, 3, 0.7).U, functions.U);
  EXPECT_EQ(small_class(30, 7, 2, 0.7).U, functions.U.topRows(7));
}

// The mean of |S|^p/d^p over pairs stays below E|z|^p/d^{p/2} (to 4 standard errors of pairs taken as independent) and
// near it; the largest stays below Hoeffding's bound for more than half the seeds.
TEST(StatisticalQueries, RandomSignsKeepTheirPromises) {
  for (const Index d : {20, 40, 60}) {
    int kept = 0;
    double mean = 0;
    const int seeds = 10;
    for (int seed = 0; seed < seeds; ++seed) {
      const ClassCorrelations bounds = small_class(d, 150, static_cast<std::uint64_t>(seed)).bounds();
      kept += bounds.largest <= bounds.likely_largest;
      mean += bounds.mean / seeds;
      // E|z|³ = 2√(2/π).
      EXPECT_NEAR(bounds.expected_mean, 2 * std::sqrt(2 / std::numbers::pi) * std::pow(static_cast<double>(d), -1.5),
                  1e-15);
    }
    const double expected = small_class(d, 2).bounds().expected_mean;
    const double pairs = seeds * 150 * 149 / 2.0;
    const double spread = std::sqrt(15 - 8 / std::numbers::pi) * std::pow(static_cast<double>(d), -1.5);  // E z⁶ = 15
    EXPECT_LT(mean, expected + 4 * spread / std::sqrt(pairs));
    EXPECT_GT(mean, 0.9 * expected);
    EXPECT_GE(kept, seeds / 2);
  }
}

TEST(StatisticalQueries, OracleIsAdversarialWithinItsTolerance) {
  const HardClass functions = small_class(20, 30);
  const HermiteTarget truth = functions.member(4);
  const auto queries = direction_queries(functions.U, 3);
  for (const double tau : {0.0, 0.01, 0.1, 0.5}) {
    StatisticalQueryOracle oracle(truth, tau);
    for (const HermiteTarget& h : queries) {
      const double exact = correlation(truth, h);
      const double answer = oracle.answer(h);
      EXPECT_LE(std::abs(answer - exact), tau + 1e-15);
      EXPECT_LE(std::abs(answer), std::abs(exact));
      EXPECT_NEAR(std::abs(answer), std::max(0.0, std::abs(exact) - tau), 1e-15);
      EXPECT_EQ(answer == 0, std::abs(exact) <= tau);
    }
    EXPECT_EQ(oracle.queries(), 30);
  }
}

// Both sides at once, for p = 3 and d = 20 … 60, with 200 queries in random directions, far fewer than would name the
// members one by one in a class of Theorem 2's size:
// - below half the separation every truth is found (a guarantee for any oracle);
// - at the theorem's tolerance every answer is 0 and the whole class remains.
TEST(StatisticalQueries, LearnerSucceedsBelowTheSeparationAndFailsAtTheTheoremsTolerance) {
  const Index q = 200;
  const Index M = 120;
  for (const Index d : {20, 40, 60}) {
    const HardClass functions = small_class(d, M, 7);
    const auto queries = random_queries(q, d, 3, 17);
    const double gap = separation(functions, queries);
    EXPECT_GT(gap, 0);
    const double forbidden = theorem_2(d, 3, static_cast<double>(q)).tolerance;
    EXPECT_LT(gap / 2, forbidden);
    for (const Index truth : {Index{0}, Index{57}, M - 1}) {
      StatisticalQueryOracle fine(functions.member(truth), 0.499 * gap);
      const QueryOutcome found = learn_by_queries(functions, fine, queries);
      EXPECT_EQ(found.consistent, 1) << d;
      EXPECT_EQ(found.guess, truth) << d;
      EXPECT_EQ(found.queries, q);
      StatisticalQueryOracle coarse(functions.member(truth), forbidden);
      const QueryOutcome lost = learn_by_queries(functions, coarse, queries);
      EXPECT_EQ(lost.zeros, q) << d;
      EXPECT_EQ(lost.consistent, M) << d;
    }
  }
}

// Whatever is asked, zeros leave at least the guaranteed number: members themselves, random directions, products and
// mixtures of three members' directions.
TEST(StatisticalQueries, NoQueriesLeaveFewerThanGuaranteed) {
  bool binding = false;
  for (const Index d : {20, 60}) {
    const HardClass functions = small_class(d, 200, 3, d == 20 ? 0.75 : 0.6);
    const ClassCorrelations bounds = functions.bounds();
    std::vector<std::vector<HermiteTarget>> kinds = {direction_queries(functions.U.topRows(40), 3),
                                                     random_queries(40, d, 3, 4)};
    std::vector<HermiteTarget> mixed;
    const double root = 1 / std::sqrt(3.0);
    for (Index i = 0; i < 40; ++i) {
      // Gram–Schmidt of three members.
      Matrix V = functions.U.middleRows(3 * i, 3);
      for (Index a = 0; a < 3; ++a) {
        for (Index b = 0; b < a; ++b) V.row(a) -= V.row(a).dot(V.row(b)) * V.row(b);
        V.row(a).normalize();
      }
      mixed.push_back({V, {{root, {3, 0, 0}}, {root, {0, 3, 0}}, {root, {0, 0, 3}}}});
      mixed.push_back({V, {{1, {1, 1, 1}}}});
    }
    kinds.push_back(mixed);
    for (const auto& queries : kinds) {
      Vector largest = Vector::Zero(functions.members());  // of a member's |E f_i h|
      for (Index i = 0; i < functions.members(); ++i) {
        const HermiteTarget member = functions.member(i);
        for (const HermiteTarget& h : queries) largest(i) = std::max(largest(i), std::abs(correlation(member, h)));
      }
      for (const double tau : {0.05, 0.3, 0.7}) {
        // The members that zeros would leave, counted directly.
        Index left = 0;
        Index truth = -1;
        for (Index i = 0; i < functions.members(); ++i) {
          const bool fits = largest(i) <= tau;
          left += fits;
          if (fits) truth = i;
        }
        const Index guaranteed =
            guaranteed_consistent(functions.members(), bounds, static_cast<Index>(queries.size()), tau);
        EXPECT_GE(left, guaranteed) << d << ' ' << tau;
        binding = binding || guaranteed >= 2;
        if (truth < 0) continue;
        StatisticalQueryOracle oracle(functions.member(truth), tau);
        const QueryOutcome outcome = learn_by_queries(functions, oracle, queries);
        EXPECT_EQ(outcome.zeros, outcome.queries);
        EXPECT_EQ(outcome.consistent, left) << d << ' ' << tau;
      }
    }
  }
  EXPECT_TRUE(binding);
}

// A class of the size that Theorem 2 needs, M ≫ q: at twice the theorem's tolerance no 20 queries of any kind can leave
// fewer than three quarters of 2000 functions, and asking about 20 of them leaves the other 1980.
TEST(StatisticalQueries, FewQueriesOfALargeClassAreFutile) {
  const Index M = 2000;
  const Index q = 20;
  const HardClass functions = small_class(60, M, 11, 0.5);
  const double tau = 2 * theorem_2(60, 3, static_cast<double>(q)).tolerance;
  EXPECT_LT(tau, 0.41);
  EXPECT_GE(guaranteed_consistent(M, functions.bounds(), q, tau), 3 * M / 4);
  StatisticalQueryOracle oracle(functions.member(M - 1), tau);
  const QueryOutcome outcome = learn_by_queries(functions, oracle, direction_queries(functions.U.topRows(q), 3));
  EXPECT_EQ(outcome.zeros, q);
  EXPECT_EQ(outcome.consistent, M - q);
}

// Asked one by one, the members eliminate themselves alone: above ε, q zeros leave M − q, and only the last query but
// one settles it. That is why the theorem is about q ≪ M.
TEST(StatisticalQueries, MembersAskedOneByOne) {
  const Index M = 80;
  const HardClass functions = small_class(40, M, 5);
  const double tau = functions.bounds().largest;
  ASSERT_LT(tau, (1 - tau) / 2);
  const auto queries = direction_queries(functions.U, 3);
  for (const Index q : {Index{0}, Index{10}, Index{50}, M - 1}) {
    StatisticalQueryOracle oracle(functions.member(M - 1), tau);
    const QueryOutcome outcome =
        learn_by_queries(functions, oracle, std::span(queries).first(static_cast<std::size_t>(q)));
    EXPECT_EQ(outcome.consistent, M - q);
    EXPECT_EQ(outcome.zeros, q);
  }
  StatisticalQueryOracle oracle(functions.member(M - 1), tau);
  const QueryOutcome outcome = learn_by_queries(functions, oracle, queries);
  EXPECT_EQ(outcome.consistent, 1);
  EXPECT_EQ(outcome.guess, M - 1);
}

TEST(StatisticalQueries, GuaranteeByHand) {
  // Orthogonal members, τ = 1/2: at most (1 − 0)/(1/4) = 4 per query.
  EXPECT_EQ(guaranteed_consistent(100, {.largest = 0, .mean = 0}, 10, 0.5), 60);
  // ε = 0.04, τ² = 0.25: 0.96/0.21 = 4.57.
  EXPECT_EQ(guaranteed_consistent(100, {.largest = 0.04, .mean = 0.04}, 10, 0.5), 60);
  // One close pair spoils the largest but not the mean: ε = 0.9, S = M(M−1)ρ = 3.75, (1 + √(1 + 3.75))/0.5 = 6.36.
  EXPECT_EQ(guaranteed_consistent(101, {.largest = 0.9, .mean = 3.75 / 10100}, 10, 0.5), 41);
  EXPECT_EQ(guaranteed_consistent(10, {.largest = 0, .mean = 0}, 3, 0.5), 0);
  EXPECT_EQ(guaranteed_consistent(10, {.largest = 0, .mean = 0}, 3, 2), 10);
}

TEST(StatisticalQueries, RulesAreChecked) {
  EXPECT_EQ(message_of([] { (void)hard_class({.d = 0}); }), "hard_class: d = 0 given, expected at least 1");
  EXPECT_EQ(message_of([] { (void)hard_class({.p = 61}); }), "hard_class: p = 61 given, expected 1 to 60");
  EXPECT_EQ(message_of([] { (void)hard_class({.members = 0}); }), "hard_class: members = 0 given, expected at least 1");
  EXPECT_EQ(message_of([] { (void)hard_class({.overlap = 1.5}); }),
            "hard_class: overlap = 1.5 given, expected above 0 and at most 1");
  // Four signs have 8 rows up to sign.
  EXPECT_EQ(hard_class({.d = 4, .members = 8}).members(), 8);
  EXPECT_EQ(message_of([] { (void)hard_class({.d = 4, .members = 9}); }),
            "hard_class: members = 9 given, but 1900 tries gave 8 directions of d = 4 with overlaps below 1, expected "
            "fewer members or a larger overlap");
  const HardClass functions = small_class(10, 5);
  EXPECT_EQ(message_of([&] { (void)functions.member(5); }), "hard class: member 5 asked for, expected 0 to 4");
  EXPECT_EQ(message_of([] {
              (void)HardClass{Matrix::Ones(2, 3), 3}.bounds();
            }),
            "hard class: a row of U has another norm than 1, expected unit rows");
  EXPECT_EQ(message_of([] { StatisticalQueryOracle(hermite_target(3), -1); }),
            "oracle: tau = -1 given, expected a finite number of at least 0");
  StatisticalQueryOracle oracle(hermite_target(3), 0.1);
  HermiteTarget big = hermite_target(3);
  big.terms[0].coefficient = 2;
  EXPECT_EQ(message_of([&] { (void)oracle.answer(big); }),
            "oracle: a query with second moment 4 given, expected at most 1");
  EXPECT_EQ(message_of([&] { (void)oracle.answer(hermite_target(3, {.d = 9})); }),
            "correlation: a function of 10 inputs and one of 9 given, expected the same number");
  EXPECT_EQ(oracle.queries(), 0);
  EXPECT_EQ(message_of([] { (void)direction_queries(Matrix::Zero(1, 3), 3); }),
            "direction_queries: row 0 of V has norm 0, expected a finite positive one");
  EXPECT_EQ(message_of([] { (void)guaranteed_consistent(5, {}, 1, 0); }),
            "guaranteed_consistent: tau = 0 given, expected a finite number above 0");
  EXPECT_EQ(message_of([] { (void)guaranteed_consistent(0, {}, 1, 1); }),
            "guaranteed_consistent: members = 0 given, expected at least 1");
  const HermiteTarget wide{Matrix::Identity(20, 20), {{1, std::vector<int>(20, 1)}}};
  EXPECT_EQ(message_of([&] { (void)correlation(wide, wide); }),
            "correlation: a pair of terms needs a table of 1.05e+06 numbers, expected at most 1e+06");
  EXPECT_EQ(separation(small_class(10, 1), {}), std::numeric_limits<double>::infinity());
  EXPECT_EQ(separation(functions, {}), 0);
}
