// Oracles: the definitions in passes.h and feature_map.h, written with loops over rows, units and targets in extended
// precision; central differences; the same rows in another order, with other weights, blocks or threads.
#include <fmt/core.h>
#include <gtest/gtest.h>

#include <Eigen/LU>
#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "message_of.h"
#include "sextant/error.h"
#include "sextant/passes.h"
#include "temporary_folder.h"
#include "test_support.h"
#include "thread_ranks.h"

using namespace sextant;

namespace {

constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();
using Real = long double;

// A table, a linear part, a first layer and a head.
struct Problem {
  Rows rows;
  LinearPart linear;
  FeatureMap map;
  Matrix a;        // m×c
  Matrix start_W;  // h×d for the first-layer gradient
  Matrix start_a;  // h×k
  std::vector<Index> targets;
  Matrix U;         // 2×d directions, and a link of them
  FeatureMap link;  // of two inputs
  Matrix link_a;    // 6×k
};

Problem problem(Index n, Index d, Index k, Index m, bool mirrored, std::uint64_t seed) {
  Problem p{random_rows(n, d, k, seed),
            random_linear(d, k, seed),
            random_network(m, d, mirrored, seed),
            {},
            {},
            {},
            {},
            {},
            {},
            {}};
  p.a = normals(m, 2 * k, seed, 8);
  p.start_W = normals(m / 2, d, seed, 9);
  p.start_a = normals(m / 2, k, seed, 10).cwiseSign();
  for (Index c = 0; c < 2 * k; ++c) p.targets.push_back(k - 1 - c % k);
  p.U = normals(2, d, seed, 11) / std::sqrt(static_cast<double>(d));
  p.link =
      HermiteFeatures{Matrix::Identity(2, 2), Vector::Zero(2), Vector::Constant(2, -9.0), Vector::Constant(2, 9.0), 2};
  p.link_a = normals(6, k, seed, 12);
  return p;
}

// Everything the passes return, as matrices with names.
using Results = std::vector<std::pair<std::string, Matrix>>;

Matrix scalar(double value) { return Matrix::Constant(1, 1, value); }

Matrix stacked(const std::vector<Matrix>& parts) {
  Matrix all(static_cast<Index>(parts.size()) * parts.front().rows(), parts.front().cols());
  for (std::size_t t = 0; t < parts.size(); ++t)
    all.middleRows(static_cast<Index>(t) * parts[t].rows(), parts[t].rows()) = parts[t];
  return all;
}

Results run_passes(const Problem& p, const Context& context) {
  const MemorySource source = p.rows.source();
  const Moments m = moments(source, context);
  const FeatureSums sums = feature_sums(source, p.linear, p.map, context);
  const PairSums pairs = pair_sums(source, p.linear, p.map, context);
  const Risks r = risks(source, p.linear, p.map, p.a, p.targets, context);
  const GaussNewtonSums newton = gauss_newton_sums(source, p.linear, p.U, p.link, p.link_a, context);
  return {{"moments.rows", scalar(static_cast<double>(m.rows))},
          {"moments.n", scalar(m.n)},
          {"x_mean", m.x_mean},
          {"y_mean", m.y_mean},
          {"xx", m.xx},
          {"xy", m.xy},
          {"yy", m.yy},
          {"x_min", m.x_min},
          {"x_max", m.x_max},
          {"y_min", m.y_min},
          {"y_max", m.y_max},
          {"input_means", input_means(source, context)},
          {"gradient", first_layer_gradient(source, p.linear, p.start_W, p.start_a, context)},
          {"sums.n", scalar(sums.n)},
          {"gram", sums.gram},
          {"moment", sums.moment},
          {"pairs.n", scalar(pairs.n)},
          {"K", pairs.K},
          {"R", pairs.R},
          {"root_w", pairs.root_w},
          {"combination", feature_combination(source, p.map, pairs.root_w.asDiagonal() * pairs.R, context)},
          {"risks.n", scalar(r.n)},
          {"square", r.square},
          {"fourth", r.fourth},
          {"absolute", r.absolute},
          {"risks.rows", scalar(static_cast<double>(r.rows))},
          {"outer product", gradient_outer_product(source, p.linear, p.map, p.a.leftCols(p.rows.Y.cols()), context)},
          {"clipped", stacked(spectral_moments(source, p.linear, m, LabelTransform::clipped, context))},
          {"magnitude", stacked(spectral_moments(source, p.linear, m, LabelTransform::magnitude, context))},
          {"Gauss-Newton H", newton.H},
          {"Gauss-Newton g", newton.g},
          {"Gauss-Newton Hδ", gauss_newton_product(source, p.U, p.link, p.link_a, p.U, context)},
          {"Gauss-Newton gradient", gauss_newton_gradient(source, p.linear, p.U, p.link, p.link_a, context)}};
}

// The same, from the definitions.
Results by_definition(const Problem& p) {
  const Rows& rows = p.rows;
  const Index n = rows.count();
  const Index d = rows.X.cols();
  const Index k = rows.Y.cols();
  const Index m = width(p.map);
  const Matrix W = std::get<ReluNetwork>(p.map).first_layer();
  const Vector& b = std::get<ReluNetwork>(p.map).b;

  Real total = 0;
  Index counted = 0;
  Vector low = Vector::Constant(d + k, INFINITY);
  Vector high = -low;
  std::vector<Real> mean(static_cast<std::size_t>(d + k), 0);
  const auto value = [&](Index i, Index j) { return j < d ? rows.X(i, j) : rows.Y(i, j - d); };
  for (Index i = 0; i < n; ++i) {
    total += rows.w[i];
    if (rows.w[i] == 0) continue;
    ++counted;
    for (Index j = 0; j < d + k; ++j) {
      low[j] = std::min(low[j], value(i, j));
      high[j] = std::max(high[j], value(i, j));
      mean[static_cast<std::size_t>(j)] += static_cast<Real>(rows.w[i]) * value(i, j);
    }
  }
  Vector means(d + k);
  for (Index j = 0; j < d + k; ++j) {
    mean[static_cast<std::size_t>(j)] /= total;
    means[j] = static_cast<double>(mean[static_cast<std::size_t>(j)]);
  }
  Matrix covariance(d + k, d + k);
  for (Index j = 0; j < d + k; ++j) {
    for (Index l = 0; l < d + k; ++l) {
      Real sum = 0;
      for (Index i = 0; i < n; ++i)
        sum += rows.w[i] * (value(i, j) - mean[static_cast<std::size_t>(j)]) *
               (value(i, l) - mean[static_cast<std::size_t>(l)]);
      covariance(j, l) = static_cast<double>(sum / total);
    }
  }

  Matrix residual(n, k);
  Matrix phi(n, m);
  Matrix gradient = Matrix::Zero(p.start_W.rows(), d);
  Matrix outer = Matrix::Zero(d, d);
  for (Index i = 0; i < n; ++i) {
    for (Index t = 0; t < k; ++t) {
      Real r = rows.Y(i, t) - p.linear.alpha[t];
      for (Index j = 0; j < d; ++j) r -= static_cast<Real>(p.linear.beta(j, t)) * rows.X(i, j);
      residual(i, t) = static_cast<double>(r);
    }
    std::vector<bool> active(static_cast<std::size_t>(m));
    for (Index u = 0; u < m; ++u) {
      Real z = b[u];
      for (Index j = 0; j < d; ++j) z += static_cast<Real>(W(u, j)) * rows.X(i, j);
      active[static_cast<std::size_t>(u)] = z > 0;
      phi(i, u) = z > 0 ? static_cast<double>(z) : 0.0;
    }
    for (Index u = 0; u < p.start_W.rows(); ++u) {
      Real z = 0;
      Real pull = 0;
      for (Index j = 0; j < d; ++j) z += static_cast<Real>(p.start_W(u, j)) * rows.X(i, j);
      for (Index t = 0; t < k; ++t) pull += static_cast<Real>(p.start_a(u, t)) * residual(i, t);
      for (Index j = 0; j < d && z >= 0; ++j)
        gradient(u, j) += static_cast<double>(rows.w[i] * pull * rows.X(i, j) / total);
    }
    for (Index t = 0; t < k; ++t) {
      Vector slope = p.linear.beta.col(t);
      for (Index u = 0; u < m; ++u)
        for (Index j = 0; j < d && active[static_cast<std::size_t>(u)]; ++j) slope[j] += p.a(u, t) * W(u, j);
      outer += static_cast<double>(rows.w[i] / total) * slope * slope.transpose();
    }
  }
  // f = Σ c_α he_α(z) to degree 2, in the order 1, z₁, z₂, he_2(z₁), z₁z₂, he_2(z₂).
  Matrix newton_H = Matrix::Zero(2 * d, 2 * d);
  Vector newton_g = Vector::Zero(2 * d);
  const double root = std::sqrt(2.0);
  for (Index i = 0; i < n; ++i) {
    const Vector z = p.U * rows.X.row(i).transpose();
    for (Index t = 0; t < k; ++t) {
      const Vector c = p.link_a.col(t);
      const double f = c[0] + c[1] * z[0] + c[2] * z[1] + c[3] * (z[0] * z[0] - 1) / root + c[4] * z[0] * z[1] +
                       c[5] * (z[1] * z[1] - 1) / root;
      const double D[] = {c[1] + c[3] * root * z[0] + c[4] * z[1], c[2] + c[4] * z[0] + c[5] * root * z[1]};
      Vector J(2 * d);
      J << D[0] * rows.X.row(i).transpose(), D[1] * rows.X.row(i).transpose();
      newton_H += static_cast<double>(rows.w[i] / total) * J * J.transpose();
      newton_g += static_cast<double>(rows.w[i] / total) * (residual(i, t) - f) * J;
    }
  }
  const auto as_directions = [d](const Vector& v) -> Matrix { return Eigen::Map<const Matrix>(v.data(), 2, d); };
  const Vector along_U = newton_H * Eigen::Map<const Vector>(p.U.data(), 2 * d);

  Matrix gram(m, m);
  for (Index u = 0; u < m; ++u) {
    for (Index v = u; v < m; ++v) {
      Real sum = 0;
      for (Index i = 0; i < n; ++i) sum += static_cast<Real>(rows.w[i]) * phi(i, u) * phi(i, v);
      gram(u, v) = gram(v, u) = static_cast<double>(sum / total);
    }
  }
  Matrix moment = Matrix::Zero(m, k);
  for (Index i = 0; i < n; ++i)
    for (Index u = 0; u < m; ++u)
      for (Index t = 0; t < k; ++t)
        moment(u, t) += static_cast<double>(static_cast<Real>(rows.w[i]) * phi(i, u) * residual(i, t) / total);
  Matrix weighted_phi = phi;
  Matrix weighted_residual = residual;
  for (Index i = 0; i < n; ++i) {
    weighted_phi.row(i) *= std::sqrt(rows.w[i]);
    weighted_residual.row(i) *= std::sqrt(rows.w[i]);
  }
  const Index columns = p.a.cols();
  Matrix square(columns, 1);
  Matrix fourth(columns, 1);
  Matrix absolute(columns, 1);
  for (Index c = 0; c < columns; ++c) {
    Real two = 0;
    Real four = 0;
    Real one = 0;
    for (Index i = 0; i < n; ++i) {
      Real e = residual(i, p.targets[static_cast<std::size_t>(c)]);
      for (Index u = 0; u < m; ++u) e -= static_cast<Real>(p.a(u, c)) * phi(i, u);
      two += rows.w[i] * e * e;
      four += rows.w[i] * e * e * e * e;
      one += rows.w[i] * (e < 0 ? -e : e);
    }
    square(c, 0) = static_cast<double>(two / total);
    fourth(c, 0) = static_cast<double>(four / total);
    absolute(c, 0) = static_cast<double>(one / total);
  }
  const auto n_total = static_cast<double>(total);
  // T(r/s) of each label transform, with the residuals' mean and standard deviation over the rows.
  const auto spectral = [&](const auto& T) {
    std::vector<Matrix> moments;
    for (Index t = 0; t < k; ++t) {
      Real centre = 0;
      Real variance = 0;
      for (Index i = 0; i < n; ++i) centre += static_cast<Real>(rows.w[i]) * residual(i, t) / total;
      for (Index i = 0; i < n; ++i)
        variance += static_cast<Real>(rows.w[i]) * (residual(i, t) - centre) * (residual(i, t) - centre) / total;
      Real mean_T = 0;
      Matrix moment_T = Matrix::Zero(d, d);
      for (const bool second : {false, true}) {
        for (Index i = 0; i < n; ++i) {
          const Real value_T = T(static_cast<double>((residual(i, t) - centre) / std::sqrt(variance)));
          const auto share = static_cast<Real>(rows.w[i]) / total;
          if (!second) mean_T += share * value_T;
          const Vector x = rows.X.row(i).transpose() - means.head(d);
          if (second) moment_T += static_cast<double>(share * (value_T - mean_T)) * x * x.transpose();
        }
      }
      moments.push_back(moment_T);
    }
    return stacked(moments);
  };
  const Matrix clipped = spectral([](double u) { return std::min(2.0, std::max(-2.0, u)); });
  const Matrix magnitude = spectral([](double u) { return std::min(2.5, u < 0 ? -u : u); });
  return {{"moments.rows", scalar(static_cast<double>(counted))},
          {"moments.n", scalar(n_total)},
          {"x_mean", means.head(d)},
          {"y_mean", means.tail(k)},
          {"xx", covariance.topLeftCorner(d, d)},
          {"xy", covariance.topRightCorner(d, k)},
          {"yy", covariance.bottomRightCorner(k, k)},
          {"x_min", low.head(d)},
          {"x_max", high.head(d)},
          {"y_min", low.tail(k)},
          {"y_max", high.tail(k)},
          {"input_means", means.head(d)},
          {"gradient", gradient},
          {"sums.n", scalar(n_total)},
          {"gram", gram},
          {"moment", moment},
          {"pairs.n", scalar(n_total)},
          {"K", weighted_phi * weighted_phi.transpose()},
          {"R", weighted_residual},
          {"root_w", rows.w.cwiseSqrt()},
          {"combination", n_total * moment},
          {"risks.n", scalar(n_total)},
          {"square", square},
          {"fourth", fourth},
          {"absolute", absolute},
          {"risks.rows", scalar(static_cast<double>(counted))},
          {"outer product", outer},
          {"clipped", clipped},
          {"magnitude", magnitude},
          {"Gauss-Newton H", newton_H},
          {"Gauss-Newton g", newton_g},
          {"Gauss-Newton Hδ", as_directions(along_U)},
          {"Gauss-Newton gradient", as_directions(newton_g)}};
}

// Entries that are 0 by definition and rounding in the passes are judged against 1.
void expect_close(const Results& found, const Results& expected, double tolerance, const std::string& where) {
  ASSERT_EQ(found.size(), expected.size());
  for (std::size_t r = 0; r < found.size(); ++r) {
    const auto& [name, A] = found[r];
    const Matrix& B = expected[r].second;
    ASSERT_EQ(name, expected[r].first);
    ASSERT_EQ(A.rows(), B.rows()) << name << ", " << where;
    ASSERT_EQ(A.cols(), B.cols()) << name << ", " << where;
    ASSERT_TRUE(A.allFinite()) << name << ", " << where;
    const double scale = std::max(1.0, B.cwiseAbs().maxCoeff());
    EXPECT_LE((A - B).cwiseAbs().maxCoeff(), tolerance * scale) << name << ", " << where;
  }
}

std::string told(Index n, Index block_rows) { return fmt::format("{} rows in blocks of {}", n, block_rows); }

// The passes as functions of a context, for what all of them must do.
std::vector<std::pair<std::string, std::function<void(const RowSource&, const Context&)>>> passes(const Problem& p) {
  return {
      {"moments", [](const RowSource& s, const Context& c) { (void)moments(s, c); }},
      {"input_means", [](const RowSource& s, const Context& c) { (void)input_means(s, c); }},
      {"first_layer_gradient",
       [&](const RowSource& s, const Context& c) { (void)first_layer_gradient(s, p.linear, p.start_W, p.start_a, c); }},
      {"gauss_newton_sums",
       [&](const RowSource& s, const Context& c) { (void)gauss_newton_sums(s, p.linear, p.U, p.link, p.link_a, c); }},
      {"gauss_newton_product",
       [&](const RowSource& s, const Context& c) { (void)gauss_newton_product(s, p.U, p.link, p.link_a, p.U, c); }},
      {"gauss_newton_gradient",
       [&](const RowSource& s, const Context& c) {
         (void)gauss_newton_gradient(s, p.linear, p.U, p.link, p.link_a, c);
       }},
      {"spectral_moments",
       [&](const RowSource& s, const Context& c) {
         const Moments of_rows = moments(p.rows.source(), run_with(1));
         (void)spectral_moments(s, p.linear, of_rows, LabelTransform::clipped, c);
       }},
      {"response_moments",
       [&](const RowSource& s, const Context& c) {
         Moments of_rows;
         of_rows.x_mean = Vector::Zero(s.inputs());
         (void)response_moments(s, of_rows, Matrix::Identity(s.inputs(), s.inputs()), Matrix::Ones(s.rows(), 2), c);
       }},
      {"feature_sums", [&](const RowSource& s, const Context& c) { (void)feature_sums(s, p.linear, p.map, c); }},
      {"pair_sums", [&](const RowSource& s, const Context& c) { (void)pair_sums(s, p.linear, p.map, c); }},
      {"feature_combination",
       [&](const RowSource& s, const Context& c) {
         (void)feature_combination(s, p.map, Matrix::Ones(s.rows(), 1), c);
       }},
      {"risks", [&](const RowSource& s, const Context& c) { (void)risks(s, p.linear, p.map, p.a, p.targets, c); }},
      {"gradient_outer_product",
       [&](const RowSource& s, const Context& c) {
         (void)gradient_outer_product(s, p.linear, p.map, p.a.leftCols(s.targets()), c);
       }},
  };
}

// Rows with missing inputs (NaN), which MemorySource refuses.
class Gapped final : public RowSource {
 public:
  Gapped(Matrix X, Vector w) : X_(std::move(X)), w_(std::move(w)) {}
  [[nodiscard]] Index rows() const override { return X_.rows(); }
  [[nodiscard]] Index inputs() const override { return X_.cols(); }
  [[nodiscard]] Index targets() const override { return 0; }
  [[nodiscard]] bool has_missing() const override { return true; }
  void read(Index first, Index count, Block& block) const override {
    block.X = X_.middleRows(first, count);
    block.Y.resize(count, 0);
    block.w = w_.segment(first, count);
  }

 private:
  Matrix X_;
  Vector w_;
};

}  // namespace

// Sums of several ranks are those of one, to the rounding of another order; and the same bits on all of them.
TEST(Passes, RanksShareEveryPass) {
  for (const Index n : {1, 7, 70, 200}) {
    const Problem p = problem(n, 5, 2, 12, n % 2 == 0, 21);
    const Results alone = run_passes(p, run_with(1, 16));
    for (const int size : {1, 2, 3, 4}) {
      std::vector<Results> found(static_cast<std::size_t>(size));
      on_ranks(size, [&](Ranks& ranks) {
        Context context = run_with(2, 16);
        context.ranks = &ranks;
        found[static_cast<std::size_t>(ranks.rank())] = run_passes(p, context);
      });
      for (const Results& each : found) {
        expect_close(each, alone, 1e-13, fmt::format("{} on {} ranks", told(n, 16), size));
        for (std::size_t r = 0; r < each.size(); ++r)
          EXPECT_EQ(each[r].second, found.front()[r].second) << each[r].first << " on " << size << " ranks";
      }
    }
  }
}

TEST(Passes, AgreeWithTheirDefinitions) {
  const Index block = 16;
  for (const Index n : {Index{1}, Index{2}, Index{7}, Index{8}, Index{9}, block - 1, block, block + 1, 3 * block + 5}) {
    for (const bool mirrored : {false, true}) {
      for (const auto& [d, k, m] : std::vector<std::array<Index, 3>>{{1, 1, 2}, {3, 2, 6}, {9, 1, 34}}) {
        const Problem p = problem(n, d, k, m, mirrored, static_cast<std::uint64_t>(17 * n + d));
        const Results expected = by_definition(p);
        for (const Index block_rows : {Index{1}, Index{2}, block, Index{1024}})
          expect_close(run_passes(p, run_with(1, block_rows)), expected, 1e-13, told(n, block_rows));
      }
    }
  }
}

// Wide enough for several tiles of units, of inputs, and of rows inside a block.
TEST(Passes, AgreeWithTheirDefinitionsAcrossTiles) {
  for (const bool mirrored : {false, true}) {
    const Problem p = problem(305, 70, 2, 300, mirrored, 3);
    const Results expected = by_definition(p);
    for (const Index block_rows : {100, 300, 1024})
      expect_close(run_passes(p, run_with(2, block_rows)), expected, 1e-13, told(305, block_rows));
  }
}

TEST(Passes, SameBitsForAnyNumberOfThreads) {
  for (const bool mirrored : {false, true}) {
    for (const Index n : {Index{1}, Index{9}, Index{530}}) {
      const Problem p = problem(n, 70, 2, 300, mirrored, 4);
      for (const Index block_rows : {200, 512}) {
        const Results one = run_passes(p, run_with(1, block_rows));
        for (const int threads : {2, 3}) {
          const Results more = run_passes(p, run_with(threads, block_rows));
          for (std::size_t r = 0; r < one.size(); ++r)
            EXPECT_EQ(one[r].second, more[r].second) << one[r].first << ' ' << told(n, block_rows);
        }
      }
    }
  }
}

TEST(Passes, OtherBlocksChangeRoundingOnly) {
  const Problem p = problem(400, 20, 2, 150, true, 5);
  const Results whole = run_passes(p, run_with(1, 1024));
  for (const Index block_rows : {1, 7, 64, 133, 399, 400}) {
    const Results other = run_passes(p, run_with(1, block_rows));
    for (std::size_t r = 0; r < whole.size(); ++r)
      EXPECT_LE(relative_error(other[r].second, whole[r].second), 1e-13) << whole[r].first << ' ' << block_rows;
  }
}

// Sums in single precision against those in double: what 2⁻²⁴ makes of products and of sums of up to 16 blocks.
TEST(Passes, SinglePrecisionIsNearDouble) {
  const Problem p = problem(2100, 70, 2, 300, true, 8);
  const MemorySource source = p.rows.source();
  const Context context = run_with(2, 128);
  const FeatureMap kernel = KernelSections{{KernelKind::gaussian}, normals(90, 70, 8, 13), {}, true};
  for (const Precision precision : {Precision::mixed, Precision::float32}) {
    const auto near = [&](const Matrix& found, const Matrix& exact, const char* what) {
      const double error = relative_error(found, exact);
      EXPECT_LT(error, 3e-6) << name(precision) << ' ' << what;
      EXPECT_GT(error, 1e-10) << name(precision) << ' ' << what << ": nothing was in single precision";
    };
    near(first_layer_gradient(source, p.linear, p.start_W, p.start_a, context, precision),
         first_layer_gradient(source, p.linear, p.start_W, p.start_a, context), "gradient");
    for (const FeatureMap& map : {p.map, FeatureMap(random_network(150, 70, false, 9)), kernel}) {
      const FeatureSums found = feature_sums(source, p.linear, map, context, precision);
      const FeatureSums exact = feature_sums(source, p.linear, map, context);
      EXPECT_EQ(found.n, exact.n);
      near(found.gram, exact.gram, "gram");
      near(found.moment, exact.moment, "moment");
      EXPECT_EQ(found.gram, found.gram.transpose());
    }
  }
}

TEST(Passes, SinglePrecisionHasTheSameBitsForAnyNumberOfThreads) {
  const Problem p = problem(1300, 70, 2, 300, true, 8);
  const MemorySource source = p.rows.source();
  for (const Precision precision : {Precision::mixed, Precision::float32}) {
    const auto sums = [&](int threads) {
      const Context context = run_with(threads, 64);
      const FeatureSums features = feature_sums(source, p.linear, p.map, context, precision);
      return std::vector<Matrix>{first_layer_gradient(source, p.linear, p.start_W, p.start_a, context, precision),
                                 features.gram, features.moment};
    };
    const auto one = sums(1);
    for (const int threads : {2, 3, 5}) EXPECT_EQ(sums(threads), one) << name(precision) << ' ' << threads;
  }
}

// Tiles of one panel, of some, and of more the fewer the threads are; the last panel of a part of any width.
TEST(Passes, OuterProductsAgreeWithTheirDefinition) {
  for (const Index units : {1, 2, 31, 64, 66, 300, 769, 1000, 1025, 1300}) {
    const Problem p = problem(220, 7, 1, units, units % 2 == 0, 9);
    const MemorySource source = p.rows.source();
    Matrix Phi(220, width(p.map));
    features(p.map, p.rows.X, Phi);
    const Matrix expected = Phi.transpose() * p.rows.w.asDiagonal() * Phi / p.rows.w.sum();
    for (const auto& [precision, close] :
         {std::pair(Precision::float64, 1e-13), {Precision::mixed, 3e-6}, {Precision::float32, 3e-6}}) {
      const Matrix one = feature_sums(source, p.linear, p.map, run_with(1, 9), precision).gram;
      EXPECT_LT(relative_error(one, expected), close) << units << ' ' << name(precision);
      for (const int threads : {2, 4, 9})
        EXPECT_EQ(feature_sums(source, p.linear, p.map, run_with(threads, 9), precision).gram, one)
            << units << ' ' << name(precision) << ' ' << threads;
    }
  }
}

// Sums of many equal positive terms, where single precision loses most: mixed only ever sums one block so.
TEST(Passes, MixedPrecisionKeepsLongSumsInDouble) {
  const Index n = 40'000;
  const Rows rows{Matrix::Constant(n, 1, 0.1), Matrix::Constant(n, 1, 0.7), Vector::Ones(n)};
  const FeatureMap map = ReluNetwork{Matrix::Constant(2, 1, 1.0), Vector::Constant(2, 0.2), false};
  const double exact = 0.3 * 0.3;
  const auto error = [&](Precision precision, Index block_rows) {
    const auto sums = feature_sums(rows.source(), LinearPart::zero(1, 1), map, run_with(2, block_rows), precision);
    return std::abs(sums.gram(0, 1) - exact) / exact;
  };
  EXPECT_LT(error(Precision::float64, 1000), 1e-13);
  EXPECT_LT(error(Precision::mixed, 1), 2e-7);
  EXPECT_LT(error(Precision::mixed, 1000), 1e-5);
}

// Results of rows, not sums: they move with their rows.
bool of_rows(const std::string& name) { return name == "K" || name == "R" || name == "root_w"; }

TEST(Passes, OrderOfRowsChangesRoundingOnly) {
  const Problem p = problem(203, 6, 2, 40, false, 6);
  const Results expected = run_passes(p, run_with(2, 32));
  Problem shuffled = p;
  const auto order = Stream(1, Purpose::folds).permutation(0, 203);
  for (Index i = 0; i < 203; ++i) {
    const Index from = order[static_cast<std::size_t>(i)];
    shuffled.rows.X.row(i) = p.rows.X.row(from);
    shuffled.rows.Y.row(i) = p.rows.Y.row(from);
    shuffled.rows.w[i] = p.rows.w[from];
  }
  const Results found = run_passes(shuffled, run_with(2, 32));
  for (std::size_t r = 0; r < found.size(); ++r) {
    const auto& [name, A] = found[r];
    if (of_rows(name)) {
      Matrix moved = expected[r].second(order, Eigen::all);
      if (name == "K") moved = Matrix(moved(Eigen::all, order));
      EXPECT_LE(relative_error(A, moved), 1e-13) << name;
      continue;
    }
    EXPECT_LE(relative_error(A, expected[r].second), 1e-13) << name;
  }
}

TEST(Passes, WeightTwoIsTheRowTwice) {
  Problem heavy = problem(60, 5, 2, 20, true, 7);
  heavy.rows.w = Vector::Ones(60);
  Problem twice = heavy;
  twice.rows.X.resize(80, 5);
  twice.rows.Y.resize(80, 2);
  twice.rows.X << heavy.rows.X, heavy.rows.X.topRows(20);
  twice.rows.Y << heavy.rows.Y, heavy.rows.Y.topRows(20);
  twice.rows.w = Vector::Ones(80);
  heavy.rows.w.head(20).setConstant(2);
  const Results weighted = run_passes(heavy, run_with(1, 32));
  const Results repeated = run_passes(twice, run_with(1, 32));
  for (std::size_t r = 0; r < weighted.size(); ++r) {
    const auto& [name, A] = weighted[r];
    if (of_rows(name) || name == "moments.rows" || name == "risks.rows") continue;
    EXPECT_LE(relative_error(A, repeated[r].second), 1e-13) << name;
  }
}

TEST(Passes, RowsOfWeightZeroTakePartInNothing) {
  const Problem p = problem(60, 5, 2, 20, true, 8);  // every fourth row has weight 0
  Problem changed = p;
  Problem without = p;
  Index kept = 0;
  for (Index i = 0; i < 60; ++i) {
    if (p.rows.w[i] == 0) {
      changed.rows.X.row(i).setConstant(1e300);
      changed.rows.Y.row(i).setConstant(-1e300);
      continue;
    }
    without.rows.X.row(kept) = p.rows.X.row(i);
    without.rows.Y.row(kept) = p.rows.Y.row(i);
    without.rows.w[kept++] = p.rows.w[i];
  }
  ASSERT_LT(kept, 60);
  without.rows.X.conservativeResize(kept, Eigen::NoChange);
  without.rows.Y.conservativeResize(kept, Eigen::NoChange);
  without.rows.w.conservativeResize(kept);
  const Results expected = run_passes(p, run_with(2, 16));
  const Results found = run_passes(changed, run_with(2, 16));
  const Results fewer = run_passes(without, run_with(2, 16));
  for (std::size_t r = 0; r < found.size(); ++r) {
    EXPECT_EQ(found[r].second, expected[r].second) << found[r].first;
    if (!of_rows(found[r].first)) {
      EXPECT_LE(relative_error(fewer[r].second, expected[r].second), 1e-13) << found[r].first;
    }
  }
}

TEST(Passes, MomentsFarFromTheOrigin) {
  // An offset of 1e9 leaves 1e-7 of each value; what is left of it must not be lost again in the sums.
  Problem p = problem(500, 4, 1, 2, false, 9);
  p.rows.X.array() += 1e9;
  p.rows.Y.array() -= 1e9;
  const MemorySource source = p.rows.source();
  const Moments m = moments(source, run_with(1, 64));
  const Results expected = by_definition(p);
  EXPECT_LT(relative_error(m.xx, expected[4].second), 1e-13);
  EXPECT_LT(relative_error(m.xy, expected[5].second), 1e-12);
  EXPECT_LT(relative_error(m.x_mean, expected[2].second), 1e-15);
}

TEST(Passes, MomentsInSinglePrecisionAreCloseOrInDouble) {
  const Problem p = problem(3000, 20, 2, 1, false, 12);
  const Context context = run_with(2, 64);
  const auto same = [](const Moments& a, const Moments& b) { return a.xx == b.xx && a.xy == b.xy && a.yy == b.yy; };
  const Moments exact = moments(p.rows.source(), context);
  for (const Precision precision : {Precision::mixed, Precision::float32}) {
    const Moments single = moments(p.rows.source(), context, precision);
    EXPECT_FALSE(same(single, exact));
    EXPECT_LT(relative_error(single.xx, exact.xx), 2e-6);
    EXPECT_LT(relative_error(single.xy, exact.xy), 2e-6);
    EXPECT_LT(relative_error(single.yy, exact.yy), 2e-6);
    EXPECT_EQ(single.x_mean, exact.x_mean);
    EXPECT_EQ(single.y_max, exact.y_max);
    EXPECT_TRUE(same(single, moments(p.rows.source(), run_with(1, 64), precision)));

    // Where it does not serve: two inputs all but the same, one that does not vary, a first row far away, numbers
    // beyond single precision.
    Rows twins = p.rows;
    twins.X.col(3) = twins.X.col(4) + 1e-3 * twins.X.col(5);
    Rows constant = p.rows;
    constant.X.col(3).setConstant(5.0);
    Rows far = p.rows;
    far.X(0, 2) = 1e3;
    Rows huge = p.rows;
    huge.X.col(1) *= 1e30;
    for (const Rows& rows : {twins, constant, far, huge})
      EXPECT_TRUE(same(moments(rows.source(), context, precision), moments(rows.source(), context)));
  }
}

TEST(Passes, MomentsThatOverflowAreAnError) {
  Matrix X = Matrix::Constant(3, 1, 1e200);
  X(1, 0) = -1e200;
  const Matrix Y = Matrix::Ones(3, 1);
  EXPECT_EQ(message_of<NumericalError>([&] { (void)moments(MemorySource(X, Y), {}); }),
            "moments: a mean or variance overflows a double; rescale the columns with huge values");
}

TEST(Passes, InputMeansSkipMissingCells) {
  Matrix X(5, 2);
  X << 1, not_a_number, 2, 4, not_a_number, not_a_number, 6, 8, 100, not_a_number;
  Vector w(5);
  w << 1, 1, 1, 2, 0;
  for (const Index block_rows : {1, 2, 5}) {
    const Vector mean = input_means(Gapped(X, w), run_with(1, block_rows));
    EXPECT_DOUBLE_EQ(mean[0], (1 + 2 + 12) / 4.0);
    EXPECT_DOUBLE_EQ(mean[1], (4 + 16) / 3.0);
  }
  X.col(1).setConstant(not_a_number);
  const Vector mean = input_means(Gapped(X, w), {});
  EXPECT_DOUBLE_EQ(mean[0], (1 + 2 + 12) / 4.0);
  EXPECT_TRUE(std::isnan(mean[1]));
}

TEST(Passes, AtTheKinks) {
  // w·x = 0 exactly: the first step counts the unit as active (≥), the gradient of the network as inactive (>).
  Matrix X(1, 2);
  X << 0, 3;
  Matrix W(1, 2);
  W << 1, 0;
  const Matrix Y = Matrix::Constant(1, 1, 5);
  const LinearPart zero = LinearPart::zero(2, 1);
  const Matrix G = first_layer_gradient(MemorySource(X, Y), zero, W, Matrix::Ones(1, 1), {});
  EXPECT_EQ(G, (Matrix(1, 2) << 0, 15).finished());
  const ReluNetwork network{W, Vector::Zero(1), false};
  Matrix slope(1, 2);
  feature_gradient(network, X, Vector::Ones(1), slope);
  EXPECT_EQ(slope, Matrix::Zero(1, 2));
}

TEST(Passes, FeatureGradientAgainstCentralDifferences) {
  for (const bool mirrored : {false, true}) {
    for (const Index d : {1, 2, 7, 8, 9}) {
      const ReluNetwork network = random_network(12, d, mirrored, static_cast<std::uint64_t>(20 + d));
      const Vector c = normals(12, 1, 21);
      const Matrix candidates = normals(60, d, 22);
      // f is linear between kinks: with none within 2h, differences are exact up to rounding.
      const double h = 1e-4;
      const Matrix Z = (candidates * network.first_layer().transpose()).rowwise() + network.b.transpose();
      Index compared = 0;
      for (Index i = 0; i < candidates.rows(); ++i) {
        if ((Z.row(i).cwiseAbs().array() < 20 * h).any()) continue;
        ++compared;
        const Matrix x = candidates.row(i);
        Matrix slope(1, d);
        feature_gradient(network, x, c, slope);
        for (Index j = 0; j < d; ++j) {
          Matrix pair = x.replicate(2, 1);
          pair(0, j) += h;
          pair(1, j) -= h;
          Matrix phi(2, 12);
          features(network, pair, phi);
          EXPECT_NEAR(slope(0, j), (phi.row(0) - phi.row(1)).dot(c) / (2 * h), 1e-9);
        }
      }
      EXPECT_GT(compared, 30);
    }
  }
}

TEST(Passes, MirroredNetworkIsItsUnmirroredCopy) {
  Problem p = problem(150, 8, 2, 60, true, 10);
  const ReluNetwork mirrored = std::get<ReluNetwork>(p.map);
  const ReluNetwork plain{mirrored.first_layer(), mirrored.b, false};
  ASSERT_EQ(plain.W.rows(), 60);
  EXPECT_EQ(plain.W.bottomRows(30), -plain.W.topRows(30));
  EXPECT_EQ(mirrored.width(), plain.width());
  EXPECT_EQ(mirrored.inputs(), plain.inputs());
  EXPECT_EQ(width(FeatureMap(mirrored)), 60);
  EXPECT_EQ(inputs(FeatureMap(mirrored)), 8);
  const Results one = run_passes(p, run_with(2, 64));
  p.map = plain;
  const Results other = run_passes(p, run_with(2, 64));
  for (std::size_t r = 0; r < one.size(); ++r)
    EXPECT_LE(relative_error(one[r].second, other[r].second), 1e-13) << one[r].first;
  Matrix G(150, 8);
  Matrix H(150, 8);
  feature_gradient(mirrored, p.rows.X, p.a.col(0), G);
  feature_gradient(plain, p.rows.X, p.a.col(0), H);
  EXPECT_LE(relative_error(G, H), 1e-13);
}

TEST(Passes, ProgressRisesAndCancels) {
  const Problem p = problem(100, 5, 2, 20, true, 11);
  const MemorySource source = p.rows.source();
  for (const auto& [name, pass] : passes(p)) {
    std::vector<double> fractions;
    std::string stage;
    Context context = run_with(2, 16);
    context.progress = [&](const Progress& progress) {
      EXPECT_FALSE(progress.stage.empty()) << name;
      if (progress.stage != stage) {  // a pair pass gathers its rows first
        EXPECT_TRUE(fractions.empty() || fractions.back() == 1.0) << name;
        fractions.clear();
        stage = progress.stage;
      }
      fractions.push_back(progress.fraction);
      return true;
    };
    pass(source, context);
    EXPECT_TRUE(std::is_sorted(fractions.begin(), fractions.end())) << name;
    EXPECT_GE(fractions.size(), name == "pair_sums" ? 2U : 7U) << name;
    EXPECT_GE(fractions.front(), 0.0) << name;
    EXPECT_EQ(fractions.back(), 1.0) << name;
    for (const int allowed : {0, 1, 4}) {
      int calls = 0;
      context.progress = [&](const Progress&) { return calls++ < allowed; };
      EXPECT_THROW(pass(source, context), Cancelled) << name;
      EXPECT_EQ(calls, allowed + 1) << name;
    }
  }
}

// Responses that are smooth functions, noise, exactly linear and constant.
TEST(Passes, ResponseMomentsFollowTheirDefinition) {
  for (const auto& [n, block_rows] : {std::pair<Index, Index>{40, 1024}, {257, 64}, {1100, 1024}}) {
    const Index d = 3;
    const Rows rows = random_rows(n, d, 1, 21);
    const MemorySource source = rows.source();
    const Moments m = moments(source, run_with(1));
    Matrix responses(n, 4);
    responses << rows.Y, normals(n, 1, 22), 3 * rows.X.col(0) - rows.X.col(2), Matrix::Constant(n, 1, 0.1);
    const Matrix inverse = m.xx.inverse();
    const auto found = response_moments(source, m, inverse, responses, run_with(2, block_rows));
    const auto again = response_moments(source, m, inverse, responses, run_with(1, block_rows));
    EXPECT_EQ(found.cross, again.cross);
    for (Index b = 0; b < 4; ++b) {
      const auto at = static_cast<std::size_t>(b);
      EXPECT_EQ(found.clipped[at], again.clipped[at]);
      const Vector w = rows.w / rows.w.sum();
      const Vector y = responses.col(b).array() - w.dot(responses.col(b));
      const Matrix X = rows.X.rowwise() - w.transpose() * rows.X;
      const Vector xy = X.transpose() * w.asDiagonal() * y;
      const Vector r = y - X * (inverse * xy);
      const double variance = w.dot(y.cwiseAbs2());
      const double s = std::sqrt(std::max(w.dot(r.cwiseAbs2()), 1e-12 * variance));
      if (b == 3) {
        EXPECT_EQ(found.cross.row(b).norm(), 0);
        EXPECT_EQ(found.clipped[at].norm() + found.magnitude[at].norm(), 0);
        continue;
      }
      EXPECT_LT(relative_error(Vector(found.cross.row(b)), Vector(xy / s)), b == 2 ? 1e-6 : 1e-10);
      for (const bool clips : {true, false}) {
        Vector T(n);
        for (Index i = 0; i < n; ++i)
          T[i] = clips ? std::max(-2.0, std::min(2.0, r[i] / s)) : std::min(2.5, std::abs(r[i] / s));
        const double mean = w.dot(T);
        Matrix M = Matrix::Zero(d, d);
        for (Index i = 0; i < n; ++i) M += w[i] * (T[i] - mean) * X.row(i).transpose() * X.row(i);
        M /= std::sqrt(w.dot(T.cwiseAbs2()) - mean * mean);
        const Matrix& it = clips ? found.clipped[at] : found.magnitude[at];
        if (b == 2)
          EXPECT_EQ(it.norm(), 0);
        else
          EXPECT_LT(relative_error(it, M), 1e-10);
      }
    }
    EXPECT_NE(message_of<InvalidArgument>([&] {
                (void)response_moments(source, m, inverse, Matrix(3, 1), {});
              }).find(fmt::format("3 responses for {} rows", n)),
              std::string::npos);
  }
}

TEST(Passes, NothingToSumIsAnError) {
  Problem p = problem(10, 3, 1, 4, true, 12);
  p.rows.w.setZero();
  const MemorySource weightless = p.rows.source();
  Rows none = p.rows;
  none.X.resize(0, 3);
  none.Y.resize(0, 1);
  none.w.resize(0);
  const MemorySource empty = none.source();
  for (const auto& [name, pass] : passes(p)) {
    const std::string expected = "data: no row is left, expected at least one with a positive weight";
    EXPECT_EQ(message_of<DataError>([&] { pass(weightless, {}); }), expected) << name;
    EXPECT_EQ(message_of<DataError>([&] { pass(empty, {}); }), expected) << name;
  }
}

TEST(Passes, BrokenContextsAreRefused) {
  const Problem p = problem(10, 3, 1, 4, true, 13);
  const MemorySource source = p.rows.source();
  for (const auto& [name, pass] : passes(p)) {
    EXPECT_EQ(message_of<InvalidArgument>([&] { pass(source, run_with(1, 0)); }),
              "block_rows: 0 given, expected at least 1")
        << name;
    EXPECT_EQ(message_of<InvalidArgument>([&] { pass(source, run_with(-2)); }),
              "threads: -2 given, expected at least 1 (or 0 for all cores)")
        << name;
  }
  EXPECT_EQ(message_of<InvalidArgument>([&] { (void)risks(source, p.linear, p.map, p.a, {0}, {}); }),
            "risks: a is 4×2 with 1 targets, expected 4 rows and a target per column");
}
