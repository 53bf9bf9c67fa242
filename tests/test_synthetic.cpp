// Oracles: Gauss–Hermite quadrature (hermite.h, tested by itself), central differences, Monte Carlo at a stated number
// of standard errors, the formulas of DLS22 written out.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <cmath>
#include <limits>
#include <numbers>
#include <string>
#include <vector>

#include "message_of.h"
#include "sextant/error.h"
#include "sextant/hermite.h"
#include "sextant/random.h"
#include "sextant/synthetic.h"

using namespace sextant;

namespace {

// E of h(z) for z ~ N(0, I_r), by the product of `nodes`-point rules.
template <class Function>
double expectation(Index r, int nodes, Function h) {
  const Quadrature rule = gauss_hermite(nodes);
  Vector z(r);
  double sum = 0;
  std::vector<int> at(static_cast<std::size_t>(r), 0);
  while (true) {
    double weight = 1;
    for (Index j = 0; j < r; ++j) {
      z(j) = rule.nodes(at[static_cast<std::size_t>(j)]);
      weight *= rule.weights(at[static_cast<std::size_t>(j)]);
    }
    sum += weight * h(z);
    std::size_t j = 0;
    while (j < at.size() && ++at[j] == nodes) at[j++] = 0;
    if (j == at.size()) return sum;
  }
}

double link_at(const HermiteTarget& target, const Vector& z) { return target.link(z.transpose())(0); }

// Every kind of target, with random directions.
std::vector<HermiteTarget> all_targets(Index d, std::uint64_t seed) {
  const TargetOptions options{.d = d, .orientation = Orientation::random, .seed = seed};
  std::vector<HermiteTarget> targets = {source_target(3, options),  source_target(4, options),
                                        source_target(7, options),  hermite_target(1, options),
                                        hermite_target(2, options), hermite_target(3, options)};
  for (Index r = 2; r <= std::min<Index>(d, 4); ++r)
    for (const int p : {3, 4, 5}) targets.push_back(multi_index_target(r, p, options));
  return targets;
}

// Compares the mean of independent samples with what it should be.
void expect_mean(const Vector& samples, double expected, double standard_errors) {
  const auto n = static_cast<double>(samples.size());
  double sum = 0;
  double squares = 0;
  for (const double sample : samples) {
    sum += sample;
    squares += sample * sample;
  }
  const double mean = sum / n;
  EXPECT_NEAR(mean, expected, standard_errors * std::sqrt((squares / n - mean * mean) / n));
}

}  // namespace

TEST(Synthetic, DirectionsAreOrthonormalAndUnique) {
  for (const std::uint64_t seed : {0, 1, 2}) {
    for (const auto& [r, d] :
         std::vector<std::pair<Index, Index>>{{1, 1}, {1, 10}, {2, 2}, {3, 50}, {8, 8}, {5, 300}}) {
      const Matrix U = draw_directions(r, d, Orientation::random, seed);
      EXPECT_LT((U * U.transpose() - Matrix::Identity(r, r)).cwiseAbs().maxCoeff(), 1e-13) << r << ' ' << d;
      // Gram–Schmidt: each row has a positive product with the normals it came from, and the first row is theirs.
      const Matrix G = Stream(seed, Purpose::directions).normal_matrix(r, d);
      for (Index j = 0; j < r; ++j) EXPECT_GT(U.row(j).dot(G.row(j)), 0);
      for (Index i = 0; i < d; ++i) EXPECT_NEAR(U(0, i), G(0, i) / G.row(0).norm(), 1e-14);
      const Matrix alone = draw_directions(1, d, Orientation::random, seed);
      for (Index i = 0; i < d; ++i) EXPECT_NEAR(U(0, i), alone(0, i), 1e-14);
      EXPECT_EQ(draw_directions(r, d, Orientation::axis, seed), Matrix(Matrix::Identity(r, d)));
    }
  }
  EXPECT_NE(draw_directions(2, 9, Orientation::random, 1), draw_directions(2, 9, Orientation::random, 2));
}

TEST(Synthetic, SourceIsTheOneOfThePaper) {
  const HermiteTarget source = source_target(4);
  for (double z = -5; z <= 5; z += 0.31) {
    const double expected = hermite(2, z) / 2 + hermite(4, z) / (4 * std::sqrt(3.0));
    EXPECT_NEAR(link_at(source, Vector::Constant(1, z)), expected, 1e-12 * (1 + std::abs(expected)));
    EXPECT_NEAR(link_at(hermite_target(3), Vector::Constant(1, z)), hermite(3, z) / std::sqrt(6.0), 1e-12);
    const double p = 6;
    EXPECT_NEAR(link_at(source_target(6), Vector::Constant(1, z)),
                hermite(2, z) / 2 + hermite(6, z) / std::sqrt(2 * std::tgamma(p + 1)), 1e-10);
  }
  // f* reads only the first input when the directions are axes.
  Matrix X = Matrix::Random(5, 10);
  const Matrix Z = X.leftCols(1);
  const Vector before = source.value(X);
  EXPECT_EQ(before, source.link(Z));
  X.rightCols(9).array() += 3;
  EXPECT_EQ(source.value(X), before);
}

TEST(Synthetic, FourthMomentOfTheSource) {
  const HermiteTarget source = source_target(4);
  const double m4 = expectation(1, 20, [&](const Vector& z) { return std::pow(link_at(source, z), 4); });
  EXPECT_NEAR(m4, 243 + 108 * std::numbers::sqrt3, 1e-9);  // 430.06, from the moments of N(0, 1) by hand
}

TEST(Synthetic, UnitVariance) {
  for (const HermiteTarget& target : all_targets(6, 3)) {
    EXPECT_NEAR(target.second_moment(), 1, 1e-15);
    const Index r = target.directions();
    const int nodes = target.degree() + 1;
    EXPECT_NEAR(expectation(r, nodes, [&](const Vector& z) { return link_at(target, z); }), 0, 1e-13);
    EXPECT_NEAR(expectation(r, nodes, [&](const Vector& z) { return std::pow(link_at(target, z), 2); }), 1, 1e-12);
  }
}

TEST(Synthetic, UnitVarianceByMonteCarlo) {
  const Index n = 100'000;
  for (const HermiteTarget& target : {source_target(4), multi_index_target(3, 4, {.d = 7, .seed = 5})}) {
    const GaussianSource source({target}, {.rows = n, .seed = 12});
    Block block;
    source.read(0, n, block);
    expect_mean(block.Y.col(0), 0, 5);
    expect_mean(block.Y.col(0).cwiseAbs2(), 1, 5);
  }
}

TEST(Synthetic, MultiIndexTargets) {
  for (Index r = 2; r <= 5; ++r) {
    for (const int p : {3, 4, 6}) {
      const HermiteTarget target = multi_index_target(r, p, {.d = 9, .orientation = Orientation::random, .seed = 8});
      EXPECT_EQ(target.degree(), p);
      EXPECT_EQ(target.information_exponent(), 2);
      EXPECT_NEAR(target.kappa(), 1, 1e-14);
      double quadratic = 0;
      std::vector<int> appears(static_cast<std::size_t>(r), 0);
      for (const HermiteTerm& term : target.terms) {
        int sum = 0;
        int factors = 0;
        for (std::size_t j = 0; j < term.degrees.size(); ++j) {
          sum += term.degrees[j];
          factors += term.degrees[j] > 0;
        }
        if (factors == 1) {
          EXPECT_EQ(sum, 2);
          quadratic += term.coefficient * term.coefficient;
        } else {
          EXPECT_EQ(factors, 2);
          EXPECT_EQ(sum, p);
          for (std::size_t j = 0; j < term.degrees.size(); ++j) appears[j] += term.degrees[j] > 0;
        }
      }
      EXPECT_NEAR(quadratic, 0.5, 1e-15);
      for (const int count : appears) EXPECT_GT(count, 0);
    }
  }
  // Another seed has other signs.
  bool differs = false;
  const HermiteTarget one = multi_index_target(4, 4, {.seed = 1});
  const HermiteTarget two = multi_index_target(4, 4, {.seed = 2});
  for (std::size_t t = 0; t < one.terms.size(); ++t) differs |= one.terms[t].coefficient != two.terms[t].coefficient;
  EXPECT_TRUE(differs);
}

TEST(Synthetic, ExponentDegreeAndKappa) {
  EXPECT_EQ(source_target(4).information_exponent(), 2);
  EXPECT_EQ(source_target(4).degree(), 4);
  EXPECT_NEAR(source_target(4).kappa(), 1, 1e-15);
  EXPECT_EQ(hermite_target(3).information_exponent(), 3);
  EXPECT_EQ(hermite_target(3).kappa(), std::numeric_limits<double>::infinity());
  EXPECT_EQ(hermite_target(3).expected_hessian(), Matrix(Matrix::Zero(10, 10)));
  // C = [1, 1/2; 1/2, 1]: smallest eigenvalue 1/2, κ = √2.
  HermiteTarget target{
      Matrix::Identity(2, 3),
      {{std::numbers::sqrt2 / 2, {2, 0}}, {std::numbers::sqrt2 / 2, {0, 2}}, {0.5, {1, 1}}, {9, {0, 0}}}};
  EXPECT_NEAR(target.kappa(), std::numbers::sqrt2, 1e-14);
  EXPECT_EQ(target.information_exponent(), 2);
  // z_1 z_2 alone has H of rank 2; he_2(z_1) alone of rank 1.
  target.terms = {{1, {1, 1}}, {0, {1, 0}}};
  EXPECT_NEAR(target.kappa(), 1 / std::numbers::sqrt2, 1e-14);
  EXPECT_EQ(target.information_exponent(), 2);
  target.terms = {{1, {2, 0}}};
  EXPECT_EQ(target.kappa(), std::numeric_limits<double>::infinity());
  target.terms = {{1, {0, 0}}};
  EXPECT_EQ(target.information_exponent(), 0);
  EXPECT_EQ(target.degree(), 0);
}

// H = E ∇²f* by quadrature in all of x, with ∇² by central differences of the gradient.
TEST(Synthetic, ExpectedHessianAgainstQuadrature) {
  const Index d = 3;
  const double h = 1e-4;
  for (const HermiteTarget& target : all_targets(d, 4)) {
    Matrix H = Matrix::Zero(d, d);
    const int nodes = target.degree() + 1;
    for (Index a = 0; a < d; ++a) {
      for (Index b = 0; b < d; ++b) {
        H(a, b) = expectation(d, nodes, [&](const Vector& x) {
          Matrix pair = x.transpose().replicate(2, 1);
          pair(0, a) += h;
          pair(1, a) -= h;
          const Matrix g = target.gradient(pair);
          return (g(0, b) - g(1, b)) / (2 * h);
        });
      }
    }
    EXPECT_LT((H - target.expected_hessian()).cwiseAbs().maxCoeff(), 1e-6);
  }
}

TEST(Synthetic, GradientsAgainstCentralDifferences) {
  const double h = 1e-5;
  for (const Index d : {1, 2, 7, 8, 9}) {
    for (const std::uint64_t seed : {1, 2, 3}) {
      const Matrix X = Stream(seed, Purpose::inputs).normal_matrix(3, d);
      for (const HermiteTarget& target : all_targets(d, seed)) {
        const Matrix exact = target.gradient(X);
        for (Index j = 0; j < d; ++j) {
          Matrix up = X;
          Matrix down = X;
          up.col(j).array() += h;
          down.col(j).array() -= h;
          const Vector slope = (target.value(up) - target.value(down)) / (2 * h);
          for (Index i = 0; i < X.rows(); ++i)
            EXPECT_NEAR(exact(i, j), slope(i), 1e-6 * (1 + exact.row(i).norm())) << d << ' ' << seed;
        }
        const Matrix Z = X * target.U.transpose();
        EXPECT_LT((target.link_gradient(Z) * target.U - exact).norm(), 1e-11 * (1 + exact.norm()));
        EXPECT_LT((target.link(Z) - target.value(X)).norm(), 1e-11 * (1 + target.value(X).norm()));
      }
    }
  }
}

RC_GTEST_PROP(Synthetic, AnyBlockOfRowsIsTheSame, ()) {
  const Index d = *rc::gen::inRange<Index>(1, 12);
  const Index n = *rc::gen::inRange<Index>(1, 60);
  const Index first = *rc::gen::inRange<Index>(0, n);
  const Index count = *rc::gen::inRange<Index>(0, n - first + 1);
  const auto seed = *rc::gen::inRange<std::uint64_t>(0, 1000);
  const Index offset = *rc::gen::inRange<Index>(0, 1000);
  const TargetOptions options{.d = d, .orientation = Orientation::random, .seed = seed};
  const std::vector<HermiteTarget> targets = {source_target(4, options), hermite_target(3, options)};
  const GaussianSource source(targets, {.rows = n, .noise = 0.5, .seed = seed, .first_row = offset});
  const GaussianSource shifted(targets, {.rows = count, .noise = 0.5, .seed = seed, .first_row = offset + first});
  Block whole;
  Block part;
  Block moved;
  source.read(0, n, whole);
  source.read(first, count, part);
  shifted.read(0, count, moved);
  RC_ASSERT(part.X == whole.X.middleRows(first, count));
  RC_ASSERT(part.Y == whole.Y.middleRows(first, count));
  RC_ASSERT(moved.X == part.X);
  RC_ASSERT(moved.Y == part.Y);
  RC_ASSERT(part.w == Vector::Ones(count));
}

// As above for many directions, where a product over the block would choose its own order.
TEST(Synthetic, AnyBlockOfRowsIsTheSameForManyDirections) {
  const HermiteTarget target = multi_index_target(6, 4, {.d = 101, .orientation = Orientation::random, .seed = 9});
  const Index n = 130;
  const GaussianSource source({target}, {.rows = n, .noise = 1, .seed = 9});
  Block whole;
  Block part;
  source.read(0, n, whole);
  for (const Index size : {1, 2, 7, 8, 9, 64, 129}) {
    for (Index first = 0; first < n; first += size) {
      const Index count = std::min(size, n - first);
      source.read(first, count, part);
      ASSERT_EQ(part.X, Matrix(whole.X.middleRows(first, count)));
      ASSERT_EQ(part.Y, Matrix(whole.Y.middleRows(first, count)));
    }
  }
}

TEST(Synthetic, RowsAreTheDocumentedDraws) {
  const Index d = 5;
  const Index first_row = 3;
  const HermiteTarget target = source_target(4, {.d = d, .orientation = Orientation::random, .seed = 1});
  const HermiteTarget other = hermite_target(3, {.d = d, .orientation = Orientation::random, .seed = 1});
  const double noise = 0.25;
  Block block;
  GaussianSource({target}, {.rows = 8, .noise = noise, .seed = 7, .first_row = first_row}).read(0, 8, block);
  const Matrix X = Stream(7, Purpose::inputs).normal_matrix(11, d).bottomRows(8);
  EXPECT_EQ(block.X, X);
  const Stream signs(7, Purpose::noise);
  const Vector f = target.value(X);
  for (Index i = 0; i < 8; ++i)
    EXPECT_EQ(block.Y(i, 0), f(i) + noise * signs.sign(static_cast<std::uint64_t>(first_row + i)));
  // Two targets: two columns over the same inputs, noise draw i·2 + j.
  const GaussianSource both({target, other}, {.rows = 8, .noise = noise, .seed = 7});
  EXPECT_EQ(both.rows(), 8);
  EXPECT_EQ(both.inputs(), d);
  EXPECT_EQ(both.targets(), 2);
  both.read(2, 6, block);
  const Vector g = other.value(block.X);
  for (Index i = 0; i < 6; ++i)
    EXPECT_EQ(block.Y(i, 1), g(i) + noise * signs.sign(static_cast<std::uint64_t>(2 * (2 + i) + 1)));
}

TEST(Synthetic, PopulationGradientOfTheQuadratic) {
  // He_2/2 gives (s u − s² w/2)/√(2π).
  const Index d = 6;
  const Matrix U = draw_directions(1, d, Orientation::random, 2);
  const HermiteTarget target{U, {{1 / std::numbers::sqrt2, {2}}}};
  const Vector w = Stream(3, Purpose::first_layer).normal_vector(d).normalized();
  const double s = U.row(0).dot(w);
  const Vector expected = (s * U.row(0).transpose() - s * s * w / 2) / std::sqrt(2 * std::numbers::pi);
  EXPECT_LT((population_gradient(target, w) - expected).norm(), 1e-15);
  EXPECT_LT((population_gradient(target, 17 * w) - expected).norm(), 1e-14);
  EXPECT_LT((population_gradient(target, 1e-200 * w) - expected).norm(), 1e-14);
}

// In the plane of u and w, with w the first axis: x = (a, b), u·x = s a + √(1−s²) b. Gauss–Hermite over b, Simpson over
// a in [0, 12], beyond which the density is below 1e-31.
TEST(Synthetic, PopulationGradientAgainstQuadrature) {
  const Quadrature rule = gauss_hermite(20);
  const int steps = 4000;
  const double h = 12.0 / steps;
  for (int k = 0; k <= 8; ++k) {
    for (const double s : {-1.0, -0.6, 0.0, 0.3, 0.95, 1.0}) {
      const double t = std::sqrt(1 - s * s);
      Vector expected = Vector::Zero(2);
      for (int i = 0; i <= steps; ++i) {
        const double a = i * h;
        const double simpson = (i == 0 || i == steps ? 1 : (i % 2 == 1 ? 4 : 2)) * h / 3;
        const double density = std::exp(-a * a / 2) / std::sqrt(2 * std::numbers::pi);
        for (Index q = 0; q < rule.nodes.size(); ++q) {
          const double b = rule.nodes(q);
          const double weight = simpson * density * rule.weights(q);
          expected += weight * normalised_hermite(k, s * a + t * b) * Eigen::Vector2d(a, b);
        }
      }
      const HermiteTarget target{Eigen::RowVector2d(s, t), {{1.0, {k}}}};
      EXPECT_LT((population_gradient(target, Eigen::Vector2d(1, 0)) - expected).norm(), 1e-8) << k << ' ' << s;
    }
  }
}

TEST(Synthetic, PopulationGradientAgainstMonteCarlo) {
  const Index n = 200'000;
  const Index d = 5;
  std::vector<HermiteTarget> targets = all_targets(d, 6);
  // Constant, linear and mixed terms of three directions.
  targets.push_back({draw_directions(3, d, Orientation::random, 6),
                     {{0.4, {0, 0, 0}}, {-0.5, {1, 0, 0}}, {0.6, {1, 1, 1}}, {0.3, {2, 0, 1}}, {-0.2, {0, 2, 2}}}});
  const Matrix X = Stream(21, Purpose::inputs).normal_matrix(n, d);
  const Vector w = Stream(22, Purpose::first_layer).normal_vector(d);
  const Vector active = (X * w).unaryExpr([](double a) { return a >= 0 ? 1.0 : 0.0; });
  for (const HermiteTarget& target : targets) {
    const Vector exact = population_gradient(target, w);
    const Vector f = target.value(X).cwiseProduct(active);
    for (Index j = 0; j < d; ++j) expect_mean(f.cwiseProduct(X.col(j)), exact(j), 4);
  }
}

TEST(Synthetic, RulesAreChecked) {
  EXPECT_EQ(message_of([] { (void)source_target(2); }), "source_target: p = 2 given, expected 3 to 60");
  EXPECT_EQ(message_of([] { (void)source_target(61); }), "source_target: p = 61 given, expected 3 to 60");
  EXPECT_EQ(message_of([] { (void)hermite_target(0); }), "hermite_target: k = 0 given, expected 1 to 60");
  EXPECT_EQ(message_of([] { (void)multi_index_target(3, 2); }), "multi_index_target: p = 2 given, expected 3 to 60");
  EXPECT_EQ(message_of([] { (void)multi_index_target(1, 4); }),
            "multi_index_target: r = 1 given, expected 2 to d = 10");
  EXPECT_EQ(message_of([] { (void)multi_index_target(11, 4); }),
            "multi_index_target: r = 11 given, expected 2 to d = 10");
  EXPECT_EQ(message_of([] { (void)source_target(4, {.d = 0}); }), "directions: d = 0 given, expected at least 1");
  EXPECT_EQ(message_of([] { (void)draw_directions(4, 3, Orientation::random, 0); }),
            "directions: r = 4 given, expected 1 to d = 3");

  const auto rows = [](SyntheticRows options) {
    return message_of([&] { GaussianSource({source_target(4)}, options); });
  };
  EXPECT_EQ(rows({.rows = -1}), "synthetic rows: rows = -1 given, expected at least 0");
  EXPECT_EQ(rows({.noise = -0.5}), "synthetic rows: noise = -0.5 given, expected a finite number of at least 0");
  EXPECT_EQ(rows({.noise = std::nan("")}), "synthetic rows: noise = nan given, expected a finite number of at least 0");
  EXPECT_EQ(rows({.first_row = -2}), "synthetic rows: first_row = -2 given, expected at least 0");
  EXPECT_NE(rows({.rows = std::numeric_limits<Index>::max(), .first_row = 1}).find("expected at most"),
            std::string::npos);
  EXPECT_EQ(message_of([] { GaussianSource({}, {}); }), "synthetic rows: 0 targets given, expected at least 1");
  EXPECT_EQ(message_of([] {
              GaussianSource({source_target(4), source_target(4, {.d = 11})}, {});
            }),
            "synthetic rows: targets have different U, expected the same directions for all");
  const GaussianSource source({source_target(4)}, {.rows = 10});
  Block block;
  EXPECT_EQ(message_of([&] { source.read(8, 3, block); }),
            "synthetic rows: 3 rows from row 8 asked for, expected a part of 10 rows");
  EXPECT_THROW(source.read(-1, 1, block), InvalidArgument);
  EXPECT_THROW(source.read(0, -1, block), InvalidArgument);
  source.read(10, 0, block);
  EXPECT_EQ(block.rows(), 0);

  EXPECT_EQ(message_of([] { (void)target_named("sorce", 1, 4); }),
            "target: 'sorce' is not known, expected one of source, hermite, multi-index");
  EXPECT_EQ(message_of([] { (void)target_named("hermite", 2, 4); }),
            "r: 2 given, expected 1 for the target hermite; multi-index has several directions");
  for (const std::string& name : target_names())
    EXPECT_EQ(target_named(name, name == "multi-index" ? 2 : 1, 3).degree(), 3) << name;
  const HermiteTarget good = source_target(4);
  EXPECT_EQ(message_of([&] { (void)good.value(Matrix::Zero(2, 9)); }), "value: X has 9 columns, expected 10");
  EXPECT_EQ(message_of([&] { (void)good.link(Matrix::Zero(2, 2)); }), "link: Z has 2 columns, expected 1");
  EXPECT_EQ(message_of([&] { (void)population_gradient(good, Vector::Zero(10)); }),
            "population_gradient: w has norm 0, expected a finite positive one");
  EXPECT_EQ(message_of([&] { (void)population_gradient(good, Vector::Ones(9)); }),
            "population_gradient: w has 9 entries, expected d = 10");
  const auto broken = [&](auto change) {
    HermiteTarget target = good;
    change(target);
    return message_of([&] { target.check(); });
  };
  EXPECT_NE(broken([](HermiteTarget& t) { t.U *= 2; }).find("expected orthonormal rows"), std::string::npos);
  EXPECT_EQ(broken([](HermiteTarget& t) { t.terms.clear(); }), "target: 0 terms given, expected at least 1");
  EXPECT_EQ(broken([](HermiteTarget& t) {
              t.terms[1].degrees = {1, 1};
            }),
            "target: term 1 has 2 degrees, expected one for each of 1 directions");
  EXPECT_EQ(broken([](HermiteTarget& t) { t.terms[0].degrees = {-1}; }),
            "target: term 0 has degree -1, expected 0 to 60");
  EXPECT_EQ(broken([](HermiteTarget& t) { t.terms[1].degrees = {2}; }),
            "target: degrees (2) are given twice, expected one coefficient for each");
  EXPECT_EQ(broken([](HermiteTarget& t) { t.terms[0].coefficient = INFINITY; }),
            "target: the coefficient of term 0 is inf, expected a finite number");
  const HermiteTarget high{Matrix::Identity(2, 2), {{1, {31, 30}}}};
  EXPECT_EQ(message_of([&] { high.check(); }),
            "target: the degrees of term 0 sum to more than 60, expected at most that");
}
