// Oracles: fixtures/engineering.csv, written by fixtures/make_engineering.py (printed formulas, complex-step
// derivatives); central differences; functions whose active subspace is known in closed form.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <cmath>
#include <fstream>
#include <limits>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "message_of.h"
#include "sextant/engineering.h"
#include "sextant/error.h"
#include "sextant/random.h"

using namespace sextant;

namespace {

// f = 4 s_1 − 3 s_2 + c in standardised inputs, with x_1 on [0, √12] (sd 1) and x_2 on [0, 10√12] (sd 10).
double plane(std::span<const double> x, std::span<double> gradient) {
  if (!gradient.empty()) {
    gradient[0] = 4;
    gradient[1] = -0.3;
    gradient[2] = 0;
  }
  return 4 * x[0] - 0.3 * x[1];
}

// f = x_1² + x_2, both on [−1, 1].
double parabola(std::span<const double> x, std::span<double> gradient) {
  if (!gradient.empty()) {
    gradient[0] = 2 * x[0];
    gradient[1] = 1;
  }
  return x[0] * x[0] + x[1];
}

}  // namespace

TEST(Engineering, ValuesAndGradientsOfTheFixture) {
  std::ifstream file(SEXTANT_FIXTURES "/engineering.csv");
  ASSERT_TRUE(file) << "fixtures/engineering.csv cannot be opened";
  std::string line;
  std::getline(file, line);
  std::map<std::string, int> points;
  while (std::getline(file, line)) {
    std::istringstream cells(line);
    std::string name;
    std::string cell;
    std::getline(cells, name, ',');
    std::vector<double> numbers;
    while (std::getline(cells, cell, ',')) numbers.push_back(std::stod(cell));
    const EngineeringFunction& function = engineering_function(name);
    const std::size_t d = function.inputs.size();
    ASSERT_EQ(numbers.size(), 1 + 2 * d) << line;
    const std::span<const double> x(numbers.data() + 1, d);
    EXPECT_NEAR(function.evaluate(x) / numbers[0], 1, 1e-13) << line;
    const Vector gradient = function.gradient(x);
    for (std::size_t j = 0; j < d; ++j) {
      const double expected = numbers[1 + d + j];
      // Terms that cancel are of the order of value/x.
      const double scale = std::abs(expected) + 1e-2 * std::abs(numbers[0] / (x[j] == 0 ? 1 : x[j]));
      EXPECT_NEAR(gradient(static_cast<Index>(j)), expected, 1e-11 * scale) << name << ' ' << function.inputs[j].name;
    }
    ++points[name];
  }
  EXPECT_EQ(points.size(), engineering_functions().size());
  for (const auto& [name, count] : points) EXPECT_GE(count, 23) << name;
}

TEST(Engineering, GradientsAgainstCentralDifferences) {
  for (const EngineeringFunction& function : engineering_functions()) {
    const auto d = static_cast<Index>(function.inputs.size());
    for (const std::uint64_t seed : {1, 2, 3}) {
      Block block;
      UniformSource(function, {.rows = 20, .seed = seed}).read(0, 20, block);
      for (Index i = 0; i < 20; ++i) {
        std::vector<double> x(block.X.row(i).begin(), block.X.row(i).end());
        const Vector gradient = function.gradient(x);
        for (Index j = 0; j < d; ++j) {
          const EngineeringInput& input = function.inputs[static_cast<std::size_t>(j)];
          double& entry = x[static_cast<std::size_t>(j)];
          const double middle = entry;
          const double h = 1e-5 * (input.high - input.low);
          entry = middle + h;
          const double up = function.evaluate(x);
          entry = middle - h;
          const double down = function.evaluate(x);
          entry = middle;
          // Difference of the outputs over the step: rounding is of the order of 1e-16 of the output.
          EXPECT_NEAR(gradient(j) * 2 * h, up - down, 1e-7 * std::abs(up - down) + 1e-13 * std::abs(up))
              << function.name << ' ' << input.name;
        }
      }
    }
  }
}

TEST(Engineering, RowsAreTheDocumentedDraws) {
  const EngineeringFunction& function = engineering_function("borehole");
  Block block;
  UniformSource(function, {.rows = 4, .noise = 2.5, .seed = 3, .first_row = 5}).read(1, 3, block);
  for (Index i = 0; i < 3; ++i) {
    const auto row = static_cast<std::uint64_t>(6 + i);
    for (std::size_t j = 0; j < 8; ++j) {
      const EngineeringInput& input = function.inputs[j];
      const double u = Stream(3, Purpose::inputs).uniform(row * 8 + j);
      EXPECT_EQ(block.X(i, static_cast<Index>(j)), input.low + (input.high - input.low) * u);
    }
    const std::span<const double> x(block.X.row(i).data(), 8);
    EXPECT_EQ(block.Y(i, 0), function.evaluate(x) + 2.5 * Stream(3, Purpose::noise).sign(row));
    EXPECT_EQ(block.w(i), 1);
  }
}

RC_GTEST_PROP(Engineering, AnyBlockOfRowsIsTheSame, ()) {
  const auto& function = *rc::gen::elementOf(engineering_functions());
  const Index n = *rc::gen::inRange<Index>(1, 60);
  const Index first = *rc::gen::inRange<Index>(0, n);
  const Index count = *rc::gen::inRange<Index>(0, n - first + 1);
  const auto seed = *rc::gen::inRange<std::uint64_t>(0, 1000);
  Block whole;
  Block part;
  const UniformSource source(function, {.rows = n, .noise = 0.1, .seed = seed, .first_row = 17});
  source.read(0, n, whole);
  source.read(first, count, part);
  RC_ASSERT(part.X == whole.X.middleRows(first, count));
  RC_ASSERT(part.Y == whole.Y.middleRows(first, count));
  for (Index j = 0; j < source.inputs(); ++j) {
    const EngineeringInput& input = function.inputs[static_cast<std::size_t>(j)];
    for (Index i = 0; i < n; ++i) RC_ASSERT(whole.X(i, j) >= input.low && whole.X(i, j) <= input.high);
  }
}

TEST(Engineering, ActiveSubspaceOfAPlane) {
  const double root12 = std::sqrt(12.0);
  const EngineeringFunction function{
      "plane", {{"a", "", 0, root12, ""}, {"b", "", 0, 10 * root12, ""}, {"c", "", 0, 1, ""}}, "f", "", plane};
  const ActiveSubspace subspace = active_subspace(function, 50, 1);
  EXPECT_NEAR(subspace.eigenvalues(0), 25, 1e-12);
  EXPECT_NEAR(subspace.eigenvalues(1), 0, 1e-12);
  EXPECT_LT((subspace.directions.row(0) - Eigen::RowVector3d(0.8, -0.6, 0)).norm(), 1e-13);
}

TEST(Engineering, ActiveSubspaceOfAParabola) {
  // On [−1, 1] sd² = 1/3; E(2x)² = 4/3: A = diag(4/9, 1/3), its off-diagonal 0.
  const EngineeringFunction function{"parabola", {{"a", "", -1, 1, ""}, {"b", "", -1, 1, ""}}, "f", "", parabola};
  const Index n = 200'000;
  const ActiveSubspace subspace = active_subspace(function, n, 4);
  EXPECT_NEAR(subspace.eigenvalues.sum(), 4.0 / 9 + 1.0 / 3, 5 * 0.4 / std::sqrt(static_cast<double>(n)));
  EXPECT_NEAR(subspace.eigenvalues(0), 4.0 / 9, 0.01);
  EXPECT_GT(subspace.directions(0, 0), 0.999);
}

TEST(Engineering, ActiveSubspacesOfTheFunctions) {
  // One direction carries most of each; another seed finds the same.
  const std::map<std::string, double> shares = {
      {"wing-weight", 0.96}, {"borehole", 0.98}, {"otl-circuit", 0.94}, {"piston", 0.86}};
  for (const EngineeringFunction& function : engineering_functions()) {
    const ActiveSubspace one = active_subspace(function, 20'000, 1);
    const ActiveSubspace two = active_subspace(function, 20'000, 2);
    const auto d = static_cast<Index>(function.inputs.size());
    EXPECT_LT((one.directions * one.directions.transpose() - Matrix::Identity(d, d)).norm(), 1e-13);
    for (Index i = 1; i < d; ++i) EXPECT_GE(one.eigenvalues(i - 1), one.eigenvalues(i));
    EXPECT_GT(one.eigenvalues(0) / one.eigenvalues.sum(), shares.at(function.name)) << function.name;
    EXPECT_GT(one.directions.row(0).dot(two.directions.row(0)), 0.9999) << function.name;
    EXPECT_GT(one.directions.row(0).maxCoeff(), -one.directions.row(0).minCoeff());
  }
  // A heavier load needs a heavier wing; the wing's thickness lightens it.
  const ActiveSubspace wing = active_subspace(engineering_function("wing-weight"), 20'000, 1);
  EXPECT_GT(wing.directions(0, 7), 0.5);
  EXPECT_LT(wing.directions(0, 6), -0.3);
}

TEST(Engineering, RulesAreChecked) {
  EXPECT_EQ(message_of([] { (void)engineering_function("wing"); }),
            "engineering function: 'wing' is not known, expected one of wing-weight, borehole, otl-circuit, piston");
  const EngineeringFunction& piston = engineering_function("piston");
  const std::vector<double> x(6, 1.0);
  EXPECT_EQ(message_of([&] { (void)piston.evaluate(x); }), "piston: x has 6 values, expected 7");
  EXPECT_EQ(message_of([&] { (void)piston.gradient(x); }), "piston: x has 6 values, expected 7");
  EXPECT_EQ(message_of([&] { UniformSource(piston, {.rows = -3}); }),
            "synthetic rows: rows = -3 given, expected at least 0");
  EXPECT_EQ(message_of([&] { UniformSource(piston, {.noise = -1}); }),
            "synthetic rows: noise = -1 given, expected a finite number of at least 0");
  EXPECT_EQ(message_of([] { (void)EngineeringFunction{}.evaluate({}); }),
            "engineering function: '' has no formula, expected one");
  EngineeringFunction broken = piston;
  broken.inputs[1].high = 0;
  EXPECT_EQ(message_of([&] { UniformSource(broken, {}); }),
            "engineering function: area runs from 0.005 to 0, expected a rising finite range");
  EXPECT_EQ(message_of([] { UniformSource({}, {}); }),
            "engineering function: '' has no inputs or no formula, expected both");
  EXPECT_EQ(message_of([&] { (void)active_subspace(piston, 0, 1); }),
            "active_subspace: n = 0 given, expected at least 1");
  Block block;
  EXPECT_EQ(message_of([&] { UniformSource(piston, {.rows = 5}).read(5, 1, block); }),
            "synthetic rows: 1 rows from row 5 asked for, expected a part of 5 rows");
}
