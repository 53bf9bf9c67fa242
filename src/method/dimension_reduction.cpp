#include "sextant/dimension_reduction.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>
#include <utility>

#include "core/canonical_sign.h"
#include "core/from_first_rank.h"
#include "core/linalg.h"
#include "core/ties.h"
#include "passes/executor.h"
#include "sextant/error.h"
#include "sextant/linear_fit.h"
#include "sextant/passes.h"

namespace sextant {
namespace {

using linalg::gemm;
using linalg::Op;

constexpr double dropped = 1e-10;  // of the largest eigenvalue of Σ̂, as for the linear fit

// Σ̂ = E diag(s) Eᵀ on the p eigenvalues that count. M is computed in u = diag(s)^{−1/2} Eᵀ(x − x̄) = Eᵀz ∈ R^p.
struct Whitening {
  Matrix E;  // d×p
  Matrix T;  // d×p: E diag(s)^{−1/2}, so that u = Tᵀ(x − x̄)

  explicit Whitening(const Matrix& covariance) {
    const auto eigen = linalg::symmetric_eigen(covariance, "dimension reduction");
    const Index d = covariance.rows();
    const double largest = eigen.values[d - 1];
    if (!(largest > 0)) throw DataError("dimension reduction: no input varies, expected at least one that does");
    const Index p = (eigen.values.array() > dropped * largest).count();
    E = eigen.vectors.rightCols(p);
    T = E * eigen.values.tail(p).cwiseSqrt().cwiseInverse().asDiagonal();
  }

  [[nodiscard]] Index size() const { return E.cols(); }

  // TᵀAT for a symmetric d×d matrix A.
  [[nodiscard]] Matrix apply(const Matrix& A) const {
    Matrix AT(A.rows(), size());
    gemm(Op::none, Op::none, 1.0, A, T, 0.0, AT);
    Matrix result(size(), size());
    gemm(Op::transpose, Op::none, 1.0, T, AT, 0.0, result);
    return result;
  }
};

// Sums over the rows of each of G groups, the inputs taken about their mean.
struct GroupSums {
  Vector weight;               // G: Σ v
  Matrix first;                // G×d: Σ v (x − x̄)
  std::vector<Matrix> second;  // G of d×d: Σ v (x − x̄)(x − x̄)ᵀ; none if not asked for
};

// Says of the rows of a block, whose X are about their mean, to which group each belongs and what it weighs there. Rows
// of weight 0 are not looked at.
using Grouping = std::function<void(const Block& block, std::vector<Index>& group, Vector& weight)>;

// `of_grouping`: what the grouping depends on.
GroupSums group_sums(const RowSource& source, const Vector& x_mean, Index groups, bool with_second,
                     std::string_view stage, const Context& context, const std::vector<double>& of_grouping,
                     const Grouping& grouping) {
  const Index d = source.inputs();
  GroupSums sums;
  sums.weight = Vector::Zero(groups);
  sums.first = Matrix::Zero(groups, d);
  std::vector<OuterProductSum> products;
  for (Index g = 0; with_second && g < groups; ++g) products.emplace_back(d, context.thread_count());
  std::vector<Index> group;
  std::vector<Index> start;
  Vector weight;
  Matrix sorted;  // the block's rows times √weight, group after group
  Pass pass(source, context, stage);
  pass.sums(sums.weight);
  pass.sums(sums.first);
  for (OuterProductSum& product : products) pass.sums(product);
  pass.depends_on(x_mean);
  pass.depends_on(of_grouping);
  pass.run([&](Block& block, Index) {
    block.X.rowwise() -= x_mean.transpose();
    group.assign(static_cast<std::size_t>(block.rows()), 0);
    weight = block.w;
    grouping(block, group, weight);
    start.assign(static_cast<std::size_t>(groups) + 1, 0);
    for (Index i = 0; i < block.rows(); ++i) {
      if (!(weight[i] > 0)) continue;
      const Index g = group[static_cast<std::size_t>(i)];
      sums.weight[g] += weight[i];
      sums.first.row(g) += weight[i] * block.X.row(i);
      ++start[static_cast<std::size_t>(g) + 1];
    }
    if (!with_second) return;
    std::partial_sum(start.begin(), start.end(), start.begin());
    sorted.resize(block.rows(), d);
    std::vector<Index> next(start.begin(), start.end() - 1);
    for (Index i = 0; i < block.rows(); ++i) {
      if (!(weight[i] > 0)) continue;
      sorted.row(next[static_cast<std::size_t>(group[static_cast<std::size_t>(i)])]++) =
          std::sqrt(weight[i]) * block.X.row(i);
    }
    for (std::size_t g = 0; g < products.size(); ++g)
      if (start[g + 1] > start[g]) products[g].add(sorted.middleRows(start[g], start[g + 1] - start[g]));
  });
  for (OuterProductSum& product : products) sums.second.push_back(product.take(1.0));
  return sums;
}

// The largest target of each slice, ascending.
std::vector<double> slice_ends(const RowSource& source, Index target, Index slices, const Context& context) {
  // Sorted by weight too, so that the sums below do not depend on the order of the rows.
  std::vector<std::pair<double, double>> rows;
  rows.reserve(static_cast<std::size_t>(source.rows()));
  read_blocks(source, context, "slices", [&](Block& block, Index) {
    for (Index i = 0; i < block.rows(); ++i)
      if (block.w[i] > 0) rows.emplace_back(block.Y(i, target), block.w[i]);
  });
  std::sort(rows.begin(), rows.end());
  double n = 0;
  Index distinct = 0;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    n += rows[i].second;
    if (i == 0 || rows[i - 1].first < rows[i].first) ++distinct;
  }
  std::vector<double> ends;
  Index last = -1;
  double before = 0;
  for (std::size_t i = 0; i < rows.size();) {
    const double value = rows[i].first;
    double after = before;
    for (; i < rows.size() && rows[i].first == value; ++i) after += rows[i].second;
    const double middle = 0.5 * (before + after) / n;
    const Index slice =
        distinct <= slices
            ? last + 1
            : std::min(slices - 1, static_cast<Index>(std::floor(static_cast<double>(slices) * middle + 1e-9)));
    if (slice == last)
      ends.back() = value;
    else
      ends.push_back(value);
    last = slice;
    before = after;
  }
  return ends;
}

// M in u of one of the methods that slice; only its upper triangle is meant.
Matrix sliced_kernel(const RowSource& source, Index target, const ReductionOptions& options, const Moments& moments,
                     const Whitening& whitening, const Context& context, std::vector<Index>& slices) {
  const std::vector<double> ends =
      from_first_rank(context, [&](const Context& own) { return slice_ends(source, target, options.slices, own); });
  const Index H = static_cast<Index>(ends.size());
  slices.push_back(H);
  const bool with_second = options.reduction != Reduction::sir;
  std::vector<double> of_slices = ends;
  of_slices.push_back(static_cast<double>(target));
  const GroupSums sums = group_sums(source, moments.x_mean, H, with_second, "slice moments", context, of_slices,
                                    [&](const Block& block, std::vector<Index>& group, Vector&) {
                                      for (Index i = 0; i < block.rows(); ++i) {
                                        if (!(block.w[i] > 0)) continue;
                                        const auto end = std::lower_bound(ends.begin(), ends.end(), block.Y(i, target));
                                        group[static_cast<std::size_t>(i)] = end - ends.begin();
                                      }
                                    });
  const Index p = whitening.size();
  const Vector share = sums.weight / sums.weight.sum();
  const Matrix means = sums.weight.cwiseInverse().asDiagonal() * sums.first * whitening.T;  // H×p: m_h

  Matrix M = Matrix::Zero(p, p);
  for (Index h = 0; with_second && h < H; ++h) {
    Matrix D = whitening.apply(sums.second[static_cast<std::size_t>(h)]) / sums.weight[h];  // B_h
    if (options.reduction == Reduction::save) D -= means.row(h).transpose() * means.row(h);
    D.diagonal().array() -= 1.0;
    linalg::syrk_upper(options.reduction == Reduction::save ? share[h] : 2.0 * share[h], D, 1.0, M);
  }
  if (options.reduction == Reduction::save) return M;
  Matrix S(p, p);
  linalg::syrk_upper(1.0, Matrix(share.cwiseSqrt().asDiagonal() * means), 0.0, S);
  linalg::mirror_upper(S);
  if (options.reduction == Reduction::sir) return S;
  linalg::syrk_upper(2.0, S, 1.0, M);
  return M + 2.0 * S.trace() * S;
}

// M in u of principal Hessian directions: rows of positive and of negative r are two groups weighing w|r|.
Matrix hessian_kernel(const RowSource& source, Index target, const ReductionOptions& options, const Moments& moments,
                      const Whitening& whitening, const Context& context) {
  const Index k = source.targets();
  const Vector beta = from_first_rank(context, [&]() -> Vector {
    return fit_linear(moments, options.residuals ? Preprocess::linear : Preprocess::none, Vector::Zero(k))
        .beta.col(target);
  });
  std::vector<double> of_residual(beta.begin(), beta.end());
  of_residual.push_back(moments.y_mean[target]);
  of_residual.push_back(static_cast<double>(target));
  const GroupSums sums = group_sums(source, moments.x_mean, 2, true, "hessian", context, of_residual,
                                    [&](const Block& block, std::vector<Index>& group, Vector& weight) {
                                      for (Index i = 0; i < block.rows(); ++i) {
                                        if (!(block.w[i] > 0)) continue;
                                        const double r =
                                            block.Y(i, target) - moments.y_mean[target] - block.X.row(i).dot(beta);
                                        group[static_cast<std::size_t>(i)] = r < 0 ? 1 : 0;
                                        weight[i] = block.w[i] * std::abs(r);
                                      }
                                    });
  return whitening.apply((sums.second[0] - sums.second[1]) / moments.n);
}

// (M²)^{1/2}.
Matrix absolute(const Matrix& M) {
  const auto eigen = linalg::symmetric_eigen(M, "dimension reduction");
  return eigen.vectors * eigen.values.cwiseAbs().asDiagonal() * eigen.vectors.transpose();
}

}  // namespace

std::string name(Reduction reduction) {
  switch (reduction) {
    case Reduction::sir:
      return "sir";
    case Reduction::save:
      return "save";
    case Reduction::phd:
      return "phd";
    case Reduction::directional_regression:
      return "directional-regression";
  }
  throw InvalidArgument("reduction: a value without a name");
}

Reduction reduction_named(const std::string& name) {
  std::string known;
  for (const Reduction reduction :
       {Reduction::sir, Reduction::save, Reduction::phd, Reduction::directional_regression}) {
    const std::string candidate = sextant::name(reduction);
    if (candidate == name) return reduction;
    known += (known.empty() ? "" : ", ") + candidate;
  }
  throw InvalidArgument(fmt::format("reduction: '{}' is not known, expected one of {}", name, known));
}

void ReductionOptions::check() const {
  (void)name(reduction);
  if (slices < 2) throw InvalidArgument(fmt::format("slices: {} given, expected at least 2", slices));
}

ReducedDirections reduced_directions(const RowSource& source, const ReductionOptions& options, const Context& context) {
  options.check();
  const Index d = source.inputs();
  const Index k = source.targets();
  if (d < 1 || k < 1)
    throw InvalidArgument(
        fmt::format("dimension reduction: {} inputs and {} targets given, expected at least 1 of each", d, k));
  if (source.has_missing())
    throw InvalidArgument("dimension reduction: inputs have missing values, expected them to be filled");
  const SingleThreadedBlas guard;
  const Moments train = moments(source, context);
  for (Index t = 0; t < k; ++t)
    if (!(train.y_max[t] > train.y_min[t]))
      throw DataError(fmt::format("dimension reduction: target {} is {} in every row, expected one that varies", t + 1,
                                  train.y_min[t]));
  const bool sliced = options.reduction != Reduction::phd;
  if (sliced && train.rows < options.slices)
    throw DataError(
        fmt::format("dimension reduction: {} rows have a positive weight, expected at least as many as "
                    "slices ({})",
                    train.rows, options.slices));
  const Whitening whitening(train.xx);
  const Index p = whitening.size();

  ReducedDirections result;
  result.n = train.n;
  Matrix M = Matrix::Zero(p, p);
  for (Index t = 0; t < k; ++t) {
    if (sliced)
      M += sliced_kernel(source, t, options, train, whitening, context, result.slices);
    else if (k == 1)
      M = hessian_kernel(source, t, options, train, whitening, context);
    else
      M += absolute(hessian_kernel(source, t, options, train, whitening, context)) / std::sqrt(train.yy(t, t));
  }
  M /= static_cast<double>(k);
  linalg::mirror_upper(M);
  if (!M.allFinite())
    throw NumericalError("dimension reduction: a moment overflows a double; rescale the columns with huge values");

  const auto eigen = linalg::symmetric_eigen(M, "dimension reduction");
  // By size, and of two that are tied the larger first: those of phd may come in pairs ±.
  const Vector smallness = -eigen.values.reverse().cwiseAbs();
  const std::vector<std::size_t> order = order_with_ties({smallness.data(), static_cast<std::size_t>(p)});
  result.eigenvalues.resize(p);
  result.directions.resize(p, d);
  for (Index i = 0; i < p; ++i) {
    const Index column = p - 1 - static_cast<Index>(order[static_cast<std::size_t>(i)]);
    result.eigenvalues[i] = eigen.values[column];
    result.directions.row(i) = (whitening.T * eigen.vectors.col(column)).normalized().transpose();
  }
  set_row_signs(result.directions);
  result.kernel = whitening.E * M * whitening.E.transpose();
  result.whitening = whitening.T * whitening.E.transpose();
  return result;
}

}  // namespace sextant
