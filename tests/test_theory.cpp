// Oracles: the theorems' formulas worked out by hand at small numbers, their scaling, straight lines in log-log.
#include <gtest/gtest.h>

#include <cmath>
#include <numbers>
#include <string>

#include "message_of.h"
#include "sextant/error.h"
#include "sextant/theory.h"

using namespace sextant;

namespace {

const Problem two{.d = 25, .r = 4, .p = 3, .kappa = 0.5};

}  // namespace

// r^p κ^{2p} = 64/64 = 1; d²κ²r = 625; κ r^{3/2} = 4.
TEST(Theory, Theorem1ByHand) {
  const Theorem1 result = theorem_1(two, 10000, 100);
  EXPECT_DOUBLE_EQ(result.features, 0.05);
  EXPECT_DOUBLE_EQ(result.units, 0.1);
  EXPECT_DOUBLE_EQ(result.labels, 0.1);
  EXPECT_DOUBLE_EQ(result.bound, 0.25);
  EXPECT_DOUBLE_EQ(result.conditions.samples.needed, 625);
  EXPECT_DOUBLE_EQ(result.conditions.samples.given, 10000);
  EXPECT_DOUBLE_EQ(result.conditions.inputs.needed, 4);
  EXPECT_TRUE(result.conditions.met());
  EXPECT_NE(result.up_to.find("constants"), std::string_view::npos);
  EXPECT_NE(result.up_to.find("logarithms"), std::string_view::npos);
  // Splitting takes √d from the first term and nothing from the others.
  const Theorem1 split = theorem_1(two, 10000, 100, true);
  EXPECT_DOUBLE_EQ(split.features, 0.01);
  EXPECT_EQ(split.units, result.units);
  EXPECT_EQ(split.labels, result.labels);
  // r^p κ^{2p} with r = 2, κ = 3, p = 2: 4·81 = 324.
  EXPECT_DOUBLE_EQ(theorem_1({.d = 9, .r = 2, .p = 2, .kappa = 3}, 81, 4).units, 9);
  EXPECT_DOUBLE_EQ(theorem_1({.d = 9, .r = 2, .p = 2, .kappa = 3}, 81, 4).features, 6);
}

TEST(Theory, ConditionsHoldFromTheirBoundOn) {
  EXPECT_TRUE(representation_conditions(two, 625).met());
  EXPECT_FALSE(representation_conditions(two, 624).met());
  EXPECT_TRUE(representation_conditions(two, 624).inputs.met());
  const Problem flat{.d = 4, .r = 4, .p = 3, .kappa = 0.6};  // κ r^{3/2} = 4.8 > d
  EXPECT_FALSE(representation_conditions(flat, 1'000'000).met());
  EXPECT_TRUE(representation_conditions(flat, 1'000'000).samples.met());
}

TEST(Theory, Theorem2ByHand) {
  // log(q d) = 2 at q d = e²; d = 8, p = 4: (2/8)² = 1/16.
  const double queries = std::exp(2.0) / 8;
  EXPECT_THROW((void)theorem_2(8, 4, queries), InvalidArgument);  // below 1
  const double more = std::exp(4.0) / 8;                          // log(q d) = 4
  EXPECT_NEAR(theorem_2(8, 4, more).tolerance_squared, 0.25, 1e-14);
  EXPECT_NEAR(theorem_2(8, 4, more).tolerance, 0.5, 1e-14);
  EXPECT_DOUBLE_EQ(theorem_2(8, 4, more).samples, 64);
  EXPECT_NEAR(theorem_2(16, 3, more / 2).samples, 64, 1e-12);
  // The heuristic: 1/√n at n = d^{p/2} is the tolerance without its logarithm.
  for (const Index d : {20, 50, 400}) {
    const Theorem2 result = theorem_2(d, 3, 1000);
    EXPECT_NEAR(result.tolerance_squared / std::pow(std::log(1000.0 * static_cast<double>(d)), 1.5), 1 / result.samples,
                1e-14);
  }
}

TEST(Theory, Theorem3DoesNotKnowTheInputs) {
  const Theorem3 result = theorem_3(two, 700, 400, 10000);
  EXPECT_DOUBLE_EQ(result.features, 0.05);  // min(m, N) = 400
  EXPECT_DOUBLE_EQ(result.labels, 0.1);
  EXPECT_DOUBLE_EQ(result.bound, 0.15);
  EXPECT_TRUE(result.conditions.met());
  Problem wide = two;
  wide.d = 25000;
  const Theorem3 there = theorem_3(wide, 700, 400, 10000);
  EXPECT_EQ(there.bound, result.bound);
  EXPECT_FALSE(there.conditions.met());
  EXPECT_DOUBLE_EQ(theorem_3(two, 700, 400, 25).features, 0.2);  // min(m, N) = 25
}

TEST(Theory, RankOfTheHessian) {
  EXPECT_EQ(hessian_rank(source_target(4, {.d = 12, .orientation = Orientation::random, .seed = 3})), 1);
  EXPECT_EQ(hessian_rank(hermite_target(3)), 0);
  EXPECT_EQ(hessian_rank(multi_index_target(3, 4, {.d = 7, .orientation = Orientation::random, .seed = 3})), 3);
  // he_2(z_1) + z_2 z_3: rank 3; he_2(z_1) + he_3(z_2): rank 1 of 2.
  EXPECT_EQ(hessian_rank({Matrix::Identity(3, 5), {{0.5, {2, 0, 0}}, {0.5, {0, 1, 1}}}}), 3);
  EXPECT_EQ(hessian_rank({Matrix::Identity(2, 5), {{0.5, {2, 0}}, {0.5, {0, 3}}}}), 1);
}

TEST(Theory, CrossingsAreInterpolatedInLogs) {
  const Calibration calibration = measured_crossings();
  for (const MeasuredCrossing& crossing : calibration.crossings) {
    EXPECT_EQ(crossing_at(crossing.d, calibration).samples, crossing.samples);
    EXPECT_FALSE(crossing_at(crossing.d, calibration).extrapolated);
  }
  // The middle of a segment in logs is the geometric mean: d = 60 has no such place, d = 20·40 = 800 = 28.28²; a
  // calibration made for it has.
  Calibration made = calibration;
  made.crossings = {{4, 10}, {16, 1000}, {64, 2000}};
  EXPECT_NEAR(crossing_at(8, made).samples, 100, 1e-10);
  EXPECT_NEAR(crossing_at(8, made).slope, std::log(100.0) / std::log(4.0), 1e-14);
  EXPECT_NEAR(crossing_at(32, made).samples, std::sqrt(2e6), 1e-9);
  EXPECT_NEAR(crossing_at(32, made).slope, 0.5, 1e-14);
  EXPECT_EQ(crossing_at(32, made).basis, "interpolated between the measured d = 16 and 64");
  // Local slopes, not one law.
  EXPECT_NEAR(crossing_at(15, calibration).slope, std::log2(9080.0 / 4833), 1e-12);
  EXPECT_NEAR(crossing_at(60, calibration).slope, 2.093, 0.001);
  // At a measured point the slope is that of the segment before it, at the first that after it.
  EXPECT_EQ(crossing_at(20, calibration).slope, crossing_at(15, calibration).slope);
  EXPECT_EQ(crossing_at(10, calibration).slope, crossing_at(15, calibration).slope);
  EXPECT_EQ(crossing_at(80, calibration).slope, crossing_at(60, calibration).slope);
  // Outside: slope 2 from the nearest point, said.
  const CrossingEstimate above = crossing_at(160, calibration);
  EXPECT_NEAR(above.samples, 4 * 142227, 1e-6);
  EXPECT_EQ(above.slope, 2);
  EXPECT_TRUE(above.extrapolated);
  EXPECT_EQ(above.basis, "extrapolated above the measured range, from d = 80 with the theory's slope 2");
  const CrossingEstimate below = crossing_at(5, calibration);
  EXPECT_NEAR(below.samples, 4833.0 / 4, 1e-9);
  EXPECT_TRUE(below.extrapolated);
  EXPECT_NE(below.basis.find("below"), std::string::npos);
  // One point is measured there and extrapolated elsewhere.
  made.crossings = {{10, 500}};
  EXPECT_EQ(crossing_at(10, made).samples, 500);
  EXPECT_FALSE(crossing_at(10, made).extrapolated);
  EXPECT_NEAR(crossing_at(20, made).samples, 2000, 1e-9);
}

TEST(Theory, PlanOfTheMeasuredProblem) {
  const Plan result = plan({.d = 40, .r = 1, .p = 4, .kappa = 1}, measured_crossings());
  EXPECT_TRUE(result.same_problem);
  EXPECT_EQ(result.scale, 1);
  EXPECT_EQ(result.samples.samples, 33339);
  EXPECT_EQ(result.units, 300);
  EXPECT_DOUBLE_EQ(result.kernel_samples, 2'560'000);
  EXPECT_DOUBLE_EQ(result.query_lower_bound, 1600);
  EXPECT_DOUBLE_EQ(result.condition_samples, 1600);
  EXPECT_EQ(result.transfer_samples, 1);
  EXPECT_EQ(result.subspace_parameters, 39);
  EXPECT_TRUE(result.inputs.met());
}

TEST(Theory, PlanOfAnotherProblemLeansOnTheScalingAndSaysSo) {
  const Plan result = plan({.d = 20, .r = 3, .p = 4, .kappa = 2}, measured_crossings());
  EXPECT_FALSE(result.same_problem);
  EXPECT_DOUBLE_EQ(result.scale, 12);  // κ²r
  EXPECT_DOUBLE_EQ(result.samples.samples, 12 * 9080);
  EXPECT_DOUBLE_EQ(result.units, 300 * 20736.0);  // 12⁴
  EXPECT_DOUBLE_EQ(result.transfer_samples, 20736);
  EXPECT_DOUBLE_EQ(result.transfer_units, 20736);
  EXPECT_DOUBLE_EQ(result.subspace_parameters, 51);
  EXPECT_NEAR(result.inputs.needed, 2 * std::sqrt(27.0), 1e-12);
  // Its own calibration makes it the measured problem again.
  Calibration own = measured_crossings();
  own.problem = {.d = 20, .r = 3, .p = 4, .kappa = 2};
  EXPECT_TRUE(plan(own.problem, own).same_problem);
  EXPECT_EQ(plan(own.problem, own).samples.samples, 9080);
}

TEST(Theory, RulesAreChecked) {
  EXPECT_EQ(message_of([] { Problem{.d = 0}.check(); }), "problem: d = 0 given, expected at least 1");
  EXPECT_EQ(message_of([] { Problem{.d = 3, .r = 4}.check(); }), "problem: r = 4 given, expected 1 to d = 3");
  EXPECT_EQ(message_of([] { Problem{.p = 1}.check(); }), "problem: p = 1 given, expected at least 2");
  EXPECT_EQ(message_of([] { (void)theorem_1({.kappa = INFINITY}, 1, 1); }),
            "problem: kappa = inf given, expected a finite number above 0 (it is infinite when rank H < r)");
  EXPECT_EQ(message_of([] { (void)theorem_1({}, 0, 1); }), "conditions: n = 0 given, expected at least 1");
  EXPECT_EQ(message_of([] { (void)theorem_1({}, 1, 0); }), "theorem_1: m = 0 given, expected at least 1");
  EXPECT_EQ(message_of([] { (void)theorem_3({}, 1, 1, 0); }), "theorem_3: N = 0 given, expected at least 1");
  EXPECT_EQ(message_of([] { (void)theorem_2(5, 0, 1); }), "theorem_2: p = 0 given, expected at least 1");
  EXPECT_EQ(message_of([] { (void)theorem_2(5, 3, 0.5); }),
            "theorem_2: queries = 0.5 given, expected a finite number of at least 1");
  EXPECT_EQ(message_of([] { (void)kernel_samples(0, 3); }), "kernel_samples: d = 0 given, expected at least 1");
  EXPECT_EQ(message_of([] { (void)crossing_at(0, measured_crossings()); }),
            "crossing_at: d = 0 given, expected at least 1");
  const auto broken = [](auto change) {
    Calibration calibration = measured_crossings();
    change(calibration);
    return message_of([&] { (void)plan({}, calibration); });
  };
  EXPECT_EQ(broken([](Calibration& c) { c.crossings.clear(); }), "calibration: 0 crossings given, expected at least 1");
  EXPECT_EQ(broken([](Calibration& c) { c.crossings[2].d = 20; }),
            "calibration: d = 20 given after 20, expected rising numbers of at least 1");
  EXPECT_EQ(broken([](Calibration& c) { c.crossings[1].samples = 0; }),
            "calibration: samples = 0 given at d = 20, expected a finite number above 0");
  EXPECT_EQ(broken([](Calibration& c) { c.excess_risk = 0; }),
            "calibration: excess_risk = 0 given, expected a finite number above 0");
  EXPECT_EQ(broken([](Calibration& c) { c.units = 0; }), "calibration: units = 0 given, expected at least 1");
}
