#include "search/leaf_race.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <optional>
#include <set>
#include <utility>

#include "core/among_ranks.h"
#include "core/linalg.h"
#include "core/vector_math.h"
#include "search/ground.h"
#include "sextant/error.h"
#include "sextant/random.h"
#include "sextant/refine.h"

namespace sextant {

static auto parts(LeafGround::Leaf& leaf) { return std::tie(leaf.learned, leaf.held_out); }

namespace {

constexpr Index least_bandwidth_step = -11;  // L ≥ .02
constexpr Index most_bandwidth_step = 12;    // L ≤ 64
constexpr Index least_lambda_step = -12;     // λ ≥ 1e-6
constexpr Index most_lambda_step = 3;        // λ ≤ 30
constexpr Index gradient_rows = 500;         // of a leaf
constexpr Index spread_rows = 512;           // that the median distance is measured on

// Rows of a leaf in another order, the held-out ones last.
std::optional<LeafGround::Leaf> divided(const GatheredRows& rows, std::vector<Index> leaf, std::uint64_t seed,
                                        Index number) {
  const auto n = static_cast<Index>(leaf.size());
  const Index held_out = n / 5;
  const Stream random(seed, Purpose::leaf_rows);
  const std::uint64_t first = static_cast<std::uint64_t>(number) << 24;
  LeafGround::Leaf result;
  if (rows.ordered) {
    result.learned.assign(leaf.begin(), leaf.end() - held_out);
    result.held_out.assign(leaf.end() - held_out, leaf.end());
  } else if (!rows.groups.empty()) {
    std::set<Index> distinct;
    for (const Index row : leaf) distinct.insert(rows.groups[static_cast<std::size_t>(row)]);
    const std::vector<Index> groups(distinct.begin(), distinct.end());
    std::set<Index> out;
    Index counted = 0;
    for (const Index at : random.permutation(first, static_cast<Index>(groups.size()))) {
      if (counted >= held_out || out.size() + 1 == groups.size()) break;
      out.insert(groups[static_cast<std::size_t>(at)]);
      counted += std::count_if(leaf.begin(), leaf.end(), [&](Index row) {
        return rows.groups[static_cast<std::size_t>(row)] == groups[static_cast<std::size_t>(at)];
      });
    }
    for (const Index row : leaf)
      (out.contains(rows.groups[static_cast<std::size_t>(row)]) ? result.held_out : result.learned).push_back(row);
  } else {
    const std::vector<Index> order = random.permutation(first, n);
    for (Index i = 0; i < n; ++i)
      (i < held_out ? result.held_out : result.learned)
          .push_back(leaf[static_cast<std::size_t>(order[static_cast<std::size_t>(i)])]);
  }
  if (result.learned.size() < 2 || result.held_out.empty()) return {};
  return result;
}

// Held-out squares of one setting on one leaf, and those of the targets there: k each.
struct LeafSquares {
  Vector left;
  Vector all;
};
auto parts(LeafSquares& squares) { return std::tie(squares.left, squares.all); }

LeafSquares squares_on(const LeafArm& arm, const GatheredRows& rows, const LeafGround::Leaf& leaf) {
  const Matrix Z = coordinates_of(rows.X, leaf.learned, arm.S);
  const Matrix Z_out = coordinates_of(rows.X, leaf.held_out, arm.S);
  const Kernel kernel = arm.kernel();
  const Matrix a = solve_leaf(kernel, Z, rows.Y(leaf.learned, Eigen::all), rows.w(leaf.learned), arm.lambda());
  Matrix K(Z_out.rows(), Z.rows());
  kernel_matrix(kernel, Z_out, Z, K);
  Matrix E = rows.Y(leaf.held_out, Eigen::all);
  const Vector w = rows.w(leaf.held_out);
  LeafSquares squares;
  squares.all = E.cwiseAbs2().transpose() * w;
  linalg::add_product(-1.0, K, a, E);
  squares.left = E.cwiseAbs2().transpose() * w;
  return squares;
}

// Scores of several settings at once: the leaves of all of them share the threads and ranks.
void score(std::vector<LeafArm>& arms, const GatheredRows& rows, const LeafGround& ground, const Context& context) {
  const std::size_t leaves = ground.leaves.size();
  const std::vector<LeafSquares> squares =
      among_ranks(context, static_cast<Index>(arms.size() * leaves), [&](Index task) {
        const auto at = static_cast<std::size_t>(task);
        return squares_on(arms[at / leaves], rows, ground.leaves[at % leaves]);
      });
  const Index k = rows.Y.cols();
  for (std::size_t at = 0; at < arms.size(); ++at) {
    Vector left = Vector::Zero(k);
    Vector all = Vector::Zero(k);
    for (std::size_t leaf = 0; leaf < leaves; ++leaf) {
      left += squares[at * leaves + leaf].left;
      all += squares[at * leaves + leaf].all;
    }
    all = all.cwiseMax(1e-300);
    arms[at].score = left.cwiseQuotient(all).mean();
    if (std::isnan(arms[at].score)) arms[at].score = std::numeric_limits<double>::infinity();
    double variance = 0;
    for (std::size_t leaf = 0; leaf < leaves; ++leaf) {
      const LeafSquares& own = squares[at * leaves + leaf];
      const double off = (own.left - left.cwiseQuotient(all).cwiseProduct(own.all)).cwiseQuotient(all).mean();
      variance += off * off;
    }
    arms[at].standard_error = std::sqrt(variance);
  }
}

}  // namespace

double LeafArm::bandwidth() const { return std::pow(2.0, static_cast<double>(bandwidth_step) / 2); }
double LeafArm::lambda() const { return std::pow(10.0, static_cast<double>(lambda_step) / 2); }
Kernel LeafArm::kernel() const {
  return {.kind = KernelKind::exponential, .bandwidth = bandwidth(), .exponent = exponent};
}

Matrix coordinates_of(const SingleMatrix& X, const std::vector<Index>& rows, const Matrix& S) {
  const Matrix some = X(rows, Eigen::all).cast<double>();
  Matrix Z(some.rows(), S.rows());
  linalg::gemm(linalg::Op::none, linalg::Op::transpose, 1.0, some, S, 0.0, Z);
  return Z.cast<float>().cast<double>();
}

SingleMatrix coordinates_of(const SingleMatrix& X, const Matrix& S, const Context& context) {
  SingleMatrix Z(X.rows(), S.rows());
  constexpr Index some = 4096;
  const auto of_strip = [&](Index strip) -> SingleMatrix {
    const Matrix x = X.middleRows(strip * some, std::min(some, X.rows() - strip * some)).cast<double>();
    Matrix z(x.rows(), S.rows());
    linalg::gemm(linalg::Op::none, linalg::Op::transpose, 1.0, x, S, 0.0, z);
    return z.cast<float>();
  };
  among_ranks(context, (X.rows() + some - 1) / some, of_strip,
              [&](Index strip, const SingleMatrix& z) { Z.middleRows(strip * some, z.rows()) = z; });
  return Z;
}

Matrix scaled_coordinates(const Matrix& S, const SingleMatrix& X, const Context& context) {
  return from_first_rank(context, [&] {
    const Index step = std::max<Index>(1, X.rows() / spread_rows);
    const Matrix some = X(Eigen::seq(0, X.rows() - 1, step), Eigen::all).cast<double>();
    return Matrix(S / median_distance(some * S.transpose()));
  });
}

LeafGround leaf_ground(const GatheredRows& rows, const Matrix& S, Index count, Index size, std::uint64_t seed,
                       Index number, const Context& context) {
  constexpr Index apart = 1024;  // of grounds
  auto drawn = among_ranks(context, count, [&](Index leaf) {
    const Index at = number * apart + leaf;
    return divided(rows, random_leaf(rows.X, S, size, seed, at), seed, at);
  });
  LeafGround ground;
  ground.size = std::min(size, rows.X.rows());
  for (auto& leaf : drawn)
    if (leaf) ground.leaves.push_back(std::move(*leaf));
  return ground;
}

double ground_cost(const LeafGround& ground, Index inputs) {
  const double m = 0.8 * static_cast<double>(ground.size);
  return static_cast<double>(ground.leaves.size()) *
         (m * m * m / 3 + 1.25 * m * m * (static_cast<double>(inputs) + exponential_cost));
}

Index climb(LeafArm& arm, const GatheredRows& rows, const LeafGround& ground, const std::vector<Index>& starts,
            Index stride, Index moves, const Context& context) {
  std::map<std::pair<Index, Index>, LeafArm> known;
  const auto score_all = [&](const std::vector<std::pair<Index, Index>>& places) {
    std::vector<LeafArm> tried;
    for (const auto& [bandwidth, lambda] : places) {
      const bool inside = bandwidth >= least_bandwidth_step && bandwidth <= most_bandwidth_step &&
                          lambda >= least_lambda_step && lambda <= most_lambda_step;
      if (!inside || known.contains({bandwidth, lambda})) continue;
      tried.push_back(arm);
      tried.back().bandwidth_step = bandwidth;
      tried.back().lambda_step = lambda;
    }
    score(tried, rows, ground, context);
    for (LeafArm& each : tried) known[{each.bandwidth_step, each.lambda_step}] = std::move(each);
  };
  // The least score; of equals the first in order.
  const auto best = [&] {
    return std::min_element(known.begin(), known.end(),
                            [](const auto& a, const auto& b) { return a.second.score < b.second.score; })
        ->first;
  };
  std::vector<std::pair<Index, Index>> first;
  for (const Index start : starts) first.emplace_back(start, arm.lambda_step);
  if (first.empty()) first.emplace_back(arm.bandwidth_step, arm.lambda_step);
  score_all(first);
  for (Index move = 0; move < moves; ++move) {
    const auto at = best();
    score_all({{at.first - stride, at.second},
               {at.first + stride, at.second},
               {at.first, at.second - stride},
               {at.first, at.second + stride}});
    if (best() == at) break;
  }
  arm = known.at(best());
  return static_cast<Index>(known.size());
}

Matrix ground_outer_product(const LeafArm& arm, const GatheredRows& rows, const LeafGround& ground,
                            const Context& context) {
  const auto of_leaf = among_ranks(context, static_cast<Index>(ground.leaves.size()), [&](Index at) {
    const LeafGround::Leaf& leaf = ground.leaves[static_cast<std::size_t>(at)];
    const Matrix Z = coordinates_of(rows.X, leaf.learned, arm.S);
    const Matrix a = solve_leaf(arm.kernel(), Z, rows.Y(leaf.learned, Eigen::all), rows.w(leaf.learned), arm.lambda());
    const Index step = std::max<Index>(1, (Z.rows() + gradient_rows - 1) / gradient_rows);
    return leaf_outer_product(arm.kernel(), Z(Eigen::seq(0, Z.rows() - 1, step), Eigen::all), Z, a);
  });
  return from_first_rank(context, [&]() -> Matrix {
    Matrix A = Matrix::Zero(arm.S.rows(), arm.S.rows());
    for (const Matrix& each : of_leaf) A += each;
    return arm.S.transpose() * A * arm.S;
  });
}

Matrix next_coordinates(const LeafArm& arm, const Matrix& A, const SingleMatrix& X, const Context& context) {
  return from_first_rank(context, [&](const Context& own) {
    if (!arm.diagonal) return scaled_coordinates(refined_coordinates(A, arm.power), X, own);
    const Vector share = (A.diagonal() / std::max(1e-300, A.diagonal().maxCoeff())).cwiseMax(0.0);
    if (!(share.sum() > 0)) return arm.S;
    return scaled_coordinates(share.array().pow(arm.power).matrix().asDiagonal().toDenseMatrix(), X, own);
  });
}

}  // namespace sextant
