#include "method/wide_forward.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/linalg.h"
#include "core/ties.h"
#include "method/wide_kernel.h"

namespace sextant {
namespace {

constexpr Index at_once = 256;  // inputs
constexpr Index partners = 6;
constexpr Index most_in_pairs = 1200;
constexpr Index fewest_rows_for_eight = 48;

const KernelGrid& quick_grid() {
  static const KernelGrid grid{{2.0}, {1, 10}};
  return grid;
}

double squared_share(double product, double norm, double least) {
  return norm > least ? product * product / norm : 0.0;
}

class Scores {
 public:
  explicit Scores(const WideRows& rows) : rows_(rows) {
    const Index d = rows.inputs();
    m2_.resize(d);
    m3_.resize(d);
    m4_.resize(d);
    for (Index j = 0; j < d; ++j) {
      const auto x = rows.Xt.row(j).transpose().array();
      const Eigen::ArrayXd square = x.square();
      m2_[j] = (square * rows.w.array()).sum();
      m3_[j] = (square * x * rows.w.array()).sum();
      m4_[j] = (square.square() * rows.w.array()).sum();
    }
  }

  // d, of centred residuals and the inputs chosen so far.
  [[nodiscard]] Vector of(const Vector& r, const std::vector<Index>& chosen) const {
    const Index n = rows_.rows();
    const Index d = rows_.inputs();
    const Index c = std::min(partners, static_cast<Index>(chosen.size()));
    const Vector wr = rows_.w.cwiseProduct(r);
    Matrix with_x(n, 1 + 2 * c);       // wr, w x_a r, w x_a
    Matrix with_square(n, 1 + 2 * c);  // wr, w x_a, w x_a²
    with_x.col(0) = with_square.col(0) = wr;
    for (Index a = 0; a < c; ++a) {
      const Vector x = rows_.Xt.row(chosen[static_cast<std::size_t>(a)]).transpose();
      with_x.col(1 + a) = wr.cwiseProduct(x);
      with_x.col(1 + c + a) = with_square.col(1 + a) = rows_.w.cwiseProduct(x);
      with_square.col(1 + c + a) = rows_.w.cwiseProduct(x.cwiseAbs2());
    }
    Vector scores(d);
    Matrix by_x;
    Matrix by_square;
    for (Index first = 0; first < d; first += at_once) {
      const Index count = std::min(at_once, d - first);
      const auto X = rows_.Xt.middleRows(first, count);
      by_x.resize(count, with_x.cols());
      by_square.resize(count, with_square.cols());
      linalg::gemm(linalg::Op::none, linalg::Op::none, 1.0, X, with_x, 0.0, by_x);
      linalg::gemm(linalg::Op::none, linalg::Op::none, 1.0, X.cwiseAbs2(), with_square, 0.0, by_square);
      for (Index i = 0; i < count; ++i) scores[first + i] = score(first + i, by_x.row(i), by_square.row(i), c);
    }
    for (const Index j : chosen) scores[j] = -1;
    return scores;
  }

 private:
  template <class Row>
  [[nodiscard]] double score(Index j, const Row& x, const Row& square, Index c) const {
    constexpr double least = 1e-10;
    const double m2 = m2_[j];
    if (!(m2 > 0)) return 0;
    const double skew = m3_[j] / m2;
    double best = squared_share(x[0], m2, 0) +
                  squared_share(square[0] - skew * x[0], m4_[j] - m2 * m2 - skew * m3_[j], least * m4_[j]);
    for (Index a = 0; a < c; ++a) {
      const double mean = x[1 + c + a];
      const double slope = square[1 + a] / m2;
      const double norm = square[1 + c + a] - mean * mean - slope * slope * m2;
      best = std::max(best, squared_share(x[1 + a] - slope * x[0], norm, least * square[1 + c + a]));
    }
    return best;
  }

  const WideRows& rows_;
  Vector m2_;
  Vector m3_;
  Vector m4_;
};

// The first of the largest.
Index largest(const Vector& scores) {
  Index best = 0;
  for (Index j = 1; j < scores.size(); ++j)
    if (clearly_less(scores[best], scores[j])) best = j;
  return best;
}

Index in_pairs(Index rows, Index inputs) {
  const double allowed = std::sqrt(static_cast<double>(rows) * static_cast<double>(inputs));
  return std::min(inputs, std::max(most_in_pairs, static_cast<Index>(allowed)));
}

std::vector<Index> best_pair(const WideRows& rows, const Vector& y, const Vector& scores) {
  const Index m = in_pairs(rows.rows(), rows.inputs());
  std::vector<Index> inputs(static_cast<std::size_t>(rows.inputs()));
  std::iota(inputs.begin(), inputs.end(), Index{0});
  if (m < rows.inputs()) {
    std::ranges::stable_sort(inputs, [&](Index i, Index j) { return scores[i] > scores[j]; });
    inputs.resize(static_cast<std::size_t>(m));
    std::ranges::sort(inputs);
  }
  const Matrix X = rows.Xt(inputs, Eigen::all);
  const Matrix weighted = X * rows.w.cwiseProduct(y).asDiagonal();
  const Matrix square = X.cwiseAbs2();
  const Matrix weighted_square = square * rows.w.asDiagonal();
  double best = 0;
  std::vector<Index> pair = {inputs[0], inputs[std::min<std::size_t>(1, inputs.size() - 1)]};
  Matrix P;
  Matrix N;
  for (Index first = 0; first < m; first += at_once) {
    const Index count = std::min(at_once, m - first);
    P.resize(count, m - first);
    N.resize(count, m - first);
    const auto product = [&](const Matrix& left, const Matrix& right, Matrix& into) {
      linalg::gemm(linalg::Op::none, linalg::Op::transpose, 1.0, left.middleRows(first, count),
                   right.bottomRows(m - first), 0.0, into);
    };
    product(weighted, X, P);
    product(weighted_square, square, N);
    for (Index i = 0; i < count; ++i)
      for (Index j = i + 1; j < m - first; ++j) {
        const double share = squared_share(P(i, j), N(i, j), 0);
        if (!clearly_less(best, share)) continue;
        best = share;
        pair = {inputs[static_cast<std::size_t>(first + i)], inputs[static_cast<std::size_t>(first + j)]};
      }
  }
  return pair;
}

}  // namespace

Index most_forward(Index rows) { return rows < fewest_rows_for_eight ? 4 : 8; }

std::vector<Index> forward_selection(const WideRows& rows, const Vector& y, Index most, bool pair) {
  most = std::min(most, rows.inputs());
  const Scores scores(rows);
  std::vector<Index> chosen;
  Vector r = y;
  if (pair && most >= 2) chosen = best_pair(rows, y, scores.of(y, {}));
  while (static_cast<Index>(chosen.size()) < most) {
    if (!chosen.empty()) {
      r = best_kernel(rows.chosen(chosen), y, rows.w, quick_grid()).of_target.front().r;
      r.array() -= r.dot(rows.w);
    }
    chosen.push_back(largest(scores.of(r, chosen)));
  }
  return chosen;
}

double forward_selection_cost(Index rows, Index inputs, Index most, bool pair) {
  const auto n = static_cast<double>(rows);
  const auto m = static_cast<double>(in_pairs(rows, inputs));
  return static_cast<double>(most) * (30 * n * static_cast<double>(inputs) + best_kernel_cost(rows, most, 2)) +
         (pair ? n * m * m : 0.0);
}

}  // namespace sextant
