#include "sextant/predictor.h"

#include <algorithm>
#include <optional>

#include "passes/executor.h"
#include "passes/kernel_sums.h"
#include "passes/prepared_map.h"
#include "passes/softmax.h"

namespace sextant {

namespace {

// Rows from which on a first layer is worth copying into panels.
constexpr Index many_rows = 64;

// F += a predictor's own outputs, weighed already, between its limits.
void add_between_limits(const Predictor& predictor, const Matrix& own, MatrixSpan F) {
  for (Index t = 0; t < own.cols(); ++t)
    F.col(t) += own.col(t).cwiseMax(predictor.weight * predictor.low[t]).cwiseMin(predictor.weight * predictor.high[t]);
}

// F += shares of classes for a predictor's logits but for its bias.
void add_shares(const Predictor& predictor, const Matrix& logits, MatrixSpan F) {
  const Eigen::RowVectorXd scale = predictor.weight * predictor.shares->scale.transpose();
  for (Index i = 0; i < logits.rows(); ++i)
    F.row(i) += scale.cwiseProduct(softmax(logits.row(i) + predictor.shares->bias.transpose()));
}

// What is to be done to a predictor's own outputs before they count.
bool is_plain(const Predictor& predictor) { return predictor.low.size() == 0 && !predictor.shares; }
double factor_of(const Predictor& predictor) { return predictor.shares ? 1.0 : predictor.weight; }
void add_treated(const Predictor& predictor, const Matrix& own, MatrixSpan F) {
  if (predictor.shares)
    add_shares(predictor, own, F);
  else
    add_between_limits(predictor, own, F);
}

}  // namespace

MatrixView Predictor::map_inputs(const MatrixView& X, Matrix& Z) const {
  if (!lift && !warp) return X;
  if (lift)
    lift->apply(X, Z);
  else
    warp->apply(X, Z);
  return Z;
}

Matrix Predictor::pull_back(const MatrixView& X, const MatrixView& G) const {
  if (lift) return lift->pull_back(X, G);
  if (warp) return warp->pull_back(X, G);
  return G;
}

namespace {

// A predictor that answers row by row, made ready for many rows.
class ByRow {
 public:
  ByRow(const Predictor& predictor, bool many) : predictor_(predictor) {
    const auto* sections = std::get_if<KernelSections>(&predictor.map);
    if (sections != nullptr && KernelSums::serve(sections->kernel, sections->centres.cols()))
      sums_.emplace(sections->kernel, sections->centres, predictor.a,
                    sections->landmarks ? std::nullopt : std::optional(Precision::float64));
    else if (many)
      prepared_.emplace(predictor.map, predictor.a, factor_of(predictor));
  }
  // F += weight · aᵀφ at the rows of X; Z and own are memory to work in.
  void add(const MatrixView& X, Matrix& Z, Matrix& own, MatrixSpan F) const {
    const MatrixView inputs = predictor_.map_inputs(X, Z);
    if (is_plain(predictor_)) return add_freely(inputs, F);
    own.setZero(F.rows(), F.cols());
    add_freely(inputs, own);
    add_treated(predictor_, own, F);
  }

 private:
  void add_freely(const MatrixView& inputs, MatrixSpan F) const {
    if (sums_)
      sums_->add(std::get<KernelSections>(predictor_.map).coordinates(inputs), factor_of(predictor_), F);
    else if (prepared_)
      prepared_->add(inputs, F);
    else
      add_outputs(predictor_.map, inputs, predictor_.a, factor_of(predictor_), F);
  }

  const Predictor& predictor_;
  std::optional<KernelSums> sums_;
  std::optional<PreparedOutputs> prepared_;
};

// F += what a predictor of leaf machines says of rows with coordinates Z.
void add_by_leaf(const Predictor& predictor, const Matrix& Z, const Context& context, Matrix& F) {
  const auto& machine = std::get<LeafMachine>(predictor.map);
  const std::vector<LeafQueries> queries = queries_by_leaf(machine, Z, queries_together);
  const bool plain = is_plain(predictor);
  Matrix own = Matrix::Zero(plain ? 0 : F.rows(), F.cols());
  parallel_tiles(context.thread_count(), static_cast<Index>(queries.size()), [&](Index tile) {
    add_leaf_outputs(machine, queries[static_cast<std::size_t>(tile)], Z, predictor.a, factor_of(predictor),
                     plain ? F : own);
  });
  if (!plain) add_treated(predictor, own, F);
}

bool same(const Matrix& A, const Matrix& B) { return A.rows() == B.rows() && A.cols() == B.cols() && A == B; }
bool same(const std::vector<Vector>& one, const std::vector<Vector>& other) {
  return std::ranges::equal(one, other, [](const Vector& u, const Vector& v) { return same(u, v); });
}

// Whether two leaf machines see the same coordinates, as partitions of one search do.
bool same_coordinates(const Predictor& one, const Predictor& other) {
  if (one.lift || other.lift || one.warp.has_value() != other.warp.has_value()) return false;
  if (one.warp && !(one.warp->kind == other.warp->kind && same(one.warp->knots, other.warp->knots) &&
                    same(one.warp->scores, other.warp->scores) && same(one.warp->mean, other.warp->mean) &&
                    same(one.warp->scale, other.warp->scale)))
    return false;
  return same(std::get<LeafMachine>(one.map).S, std::get<LeafMachine>(other.map).S);
}

}  // namespace

Matrix outputs(const LinearPart& linear, const std::vector<Predictor>& predictors, const MatrixView& X,
               const Context& context) {
  Matrix F(X.rows(), linear.alpha.size());
  std::vector<ByRow> by_row;
  std::vector<const Predictor*> by_leaf;
  for (const Predictor& predictor : predictors)
    if (std::holds_alternative<LeafMachine>(predictor.map))
      by_leaf.push_back(&predictor);
    else
      by_row.emplace_back(predictor, X.rows() >= many_rows);
  const Tiles strips = row_strips(X.rows());
  const auto for_each_strip = [&](const auto& work) {
    parallel_tiles(context.thread_count(), strips.count(),
                   [&](Index strip) { work(strips.first(strip), strips.length(strip)); });
  };
  for_each_strip([&](Index first, Index count) {
    const auto x = X.middleRows(first, count);
    auto f = F.middleRows(first, count);
    f = linear(x);
    Matrix z;
    Matrix own;
    for (const ByRow& each : by_row) each.add(x, z, own, f);
  });
  Matrix Z;
  for (std::size_t p = 0; p < by_leaf.size(); ++p) {
    const Predictor& predictor = *by_leaf[p];
    const auto& machine = std::get<LeafMachine>(predictor.map);
    if (p == 0 || !same_coordinates(*by_leaf[p - 1], predictor)) {
      Z.resize(X.rows(), machine.S.rows());
      for_each_strip([&](Index first, Index count) {
        Matrix z;
        Z.middleRows(first, count) = machine.coordinates(predictor.map_inputs(X.middleRows(first, count), z));
      });
    }
    add_by_leaf(predictor, Z, context, F);
  }
  return F;
}

}  // namespace sextant
