#include "method/logistic_head.h"

#include <algorithm>
#include <cmath>
#include <deque>
#include <utility>
#include <variant>

#include "core/linalg.h"
#include "method/landmark_norm.h"
#include "passes/executor.h"
#include "passes/softmax.h"
#include "sextant/error.h"

namespace sextant {
namespace {

using linalg::gemm;
using linalg::Op;

constexpr double curvature = 0.25;   // of log-loss in a logit, at most
constexpr double hardly_any = 1e-6;  // penalty of a bias, for those of all classes together are not determined
constexpr int most_steps = 100;
constexpr double settled = 1e-8;  // decrease that is no longer worth a step
constexpr std::size_t memory = 15;

double inner(const Matrix& A, const Matrix& B) { return A.cwiseProduct(B).sum(); }

// −log p of the row's class, and p in place of the logits.
double loss_of_row(Eigen::Ref<Eigen::RowVectorXd> z, Index label) {
  const double top = z.maxCoeff();
  const double own = z[label] - top;
  z = (z.array() - top).exp();
  const double sum = z.sum();
  z /= sum;
  return std::log(sum) - own;
}

}  // namespace

ClassRows class_rows(const RowSource& rows, const Predictor& predictor, const Context& context, const ClassRows* like) {
  const Index n = rows.rows();
  const Index k = rows.targets();
  ClassRows result;
  result.Phi.resize(n, width(predictor.map));
  result.w.resize(n);
  Matrix Y(n, k);
  Block block;
  Matrix Z;
  Index taken = 0;
  for (Index first = 0; first < n; first += context.block_rows) {
    rows.read(first, std::min(context.block_rows, n - first), block);
    std::vector<Index> counting;
    for (Index i = 0; i < block.rows(); ++i)
      if (block.w[i] > 0) counting.push_back(i);
    const auto count = static_cast<Index>(counting.size());
    const Matrix X = block.X(counting, Eigen::all);
    features(predictor.map, predictor.map_inputs(X, Z), result.Phi.middleRows(taken, count));
    Y.middleRows(taken, count) = block.Y(counting, Eigen::all);
    result.w.segment(taken, count) = block.w(counting);
    taken += count;
  }
  result.Phi.conservativeResize(taken, Eigen::NoChange);
  result.w.conservativeResize(taken);
  result.w /= result.w.sum();
  const auto counted = Y.topRows(taken);
  result.low = like != nullptr ? like->low : Vector(counted.colwise().minCoeff());
  result.scale = like != nullptr ? like->scale : Vector(counted.colwise().maxCoeff().transpose() - result.low);
  for (Index i = 0; i < taken; ++i) {
    Index label = 0;
    ((counted.row(i).transpose() - result.low).array() / result.scale.array().max(1e-300)).maxCoeff(&label);
    result.labels.push_back(label);
  }
  return result;
}

LogisticPath::LogisticPath(const FeatureMap& map, const ClassRows& rows) : rows_(rows) {
  const Index n = rows.Phi.rows();
  const Index P = rows.Phi.cols();
  if (!rows.Phi.allFinite()) throw NumericalError("logistic head: a feature is not finite");
  Psi_.resize(n, P + 1);
  if (const auto* sections = std::get_if<KernelSections>(&map)) {
    norm_ = landmark_norm(*sections);
    Psi_.leftCols(P) = norm_->from_right_transposed(rows.Phi);
  } else {
    Psi_.leftCols(P) = rows.Phi;
  }
  Psi_.col(P).setOnes();
  gram_.resize(P + 1, P + 1);
  linalg::syrk_upper(1.0, (rows.w.cwiseSqrt().asDiagonal() * Psi_).eval(), 0.0, gram_);
  theta_ = Matrix::Zero(P + 1, rows.scale.size());
}

LogisticHead LogisticPath::at(double lambda) {
  const Index P = theta_.rows() - 1;
  Vector penalty = Vector::Constant(P + 1, lambda);
  penalty[P] = hardly_any;
  Matrix H = curvature * gram_;
  H.diagonal() += penalty;
  const auto start = linalg::Cholesky::of(std::move(H), "logistic head");
  if (!start) throw NumericalError("logistic head: its equations are not positive definite");
  Matrix Z(Psi_.rows(), theta_.cols());
  // J, and its slopes in G.
  const auto value = [&](const Matrix& theta, Matrix& G) {
    gemm(Op::none, Op::none, 1.0, Psi_, theta, 0.0, Z);
    double loss = 0;
    for (Index i = 0; i < Z.rows(); ++i) {
      const Index label = rows_.labels[static_cast<std::size_t>(i)];
      loss += rows_.w[i] * loss_of_row(Z.row(i), label);
      Z(i, label) -= 1;
      Z.row(i) *= rows_.w[i];
    }
    G = penalty.asDiagonal() * theta;
    loss += 0.5 * inner(theta, G);
    gemm(Op::transpose, Op::none, 1.0, Psi_, Z, 1.0, G);
    return loss;
  };
  struct Pair {
    Matrix s;  // a step
    Matrix y;  // what it changed the slopes by
    double sy;
  };
  std::deque<Pair> pairs;
  Matrix G;
  double J = value(theta_, G);
  for (int step = 0; step < most_steps; ++step) {
    // The two loops: q = H⁻¹G.
    Matrix q = G;
    std::vector<double> alpha(pairs.size());
    for (std::size_t i = pairs.size(); i-- > 0;) {
      alpha[i] = inner(pairs[i].s, q) / pairs[i].sy;
      q -= alpha[i] * pairs[i].y;
    }
    q = start->solve(std::move(q));
    for (std::size_t i = 0; i < pairs.size(); ++i) q += (alpha[i] - inner(pairs[i].y, q) / pairs[i].sy) * pairs[i].s;
    const double slope = inner(G, q);
    if (!(slope > settled * std::abs(J))) break;
    // Backwards until the decrease is a share of what the slope promises.
    Matrix next;
    Matrix G_next;
    double J_next = J;
    double length = 1;
    for (; length > 1e-6; length /= 2) {
      next = theta_ - length * q;
      J_next = value(next, G_next);
      if (J_next <= J - 1e-4 * length * slope) break;
    }
    if (!(J_next < J)) break;
    Pair pair{next - theta_, G_next - G, 0};
    pair.sy = inner(pair.s, pair.y);
    if (pair.sy > 0) pairs.push_back(std::move(pair));
    if (pairs.size() > memory) pairs.pop_front();
    theta_ = std::move(next);
    G = std::move(G_next);
    J = J_next;
  }
  if (!theta_.allFinite()) throw NumericalError("logistic head: a coefficient is not finite");
  LogisticHead head{theta_.topRows(P), theta_.row(P).transpose()};
  if (norm_) head.a = norm_->from_left_transposed(std::move(head.a));
  return head;
}

double log_loss(const LogisticHead& head, const ClassRows& rows) {
  Matrix Z = head.bias.transpose().replicate(rows.Phi.rows(), 1);
  gemm(Op::none, Op::none, 1.0, rows.Phi, head.a, 1.0, Z);
  double loss = 0;
  for (Index i = 0; i < Z.rows(); ++i)
    loss += rows.w[i] * loss_of_row(Z.row(i), rows.labels[static_cast<std::size_t>(i)]);
  return loss;
}

Predictor shares_predictor(Predictor predictor, const LogisticHead& head, const ClassRows& rows) {
  predictor.weight = 1;
  predictor.a = head.a;
  predictor.low = predictor.high = {};
  predictor.shares = ClassShares{head.bias, rows.scale};
  return predictor;
}

}  // namespace sextant
