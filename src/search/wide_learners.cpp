#include "search/wide_learners.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "core/from_first_rank.h"
#include "method/wide_forward.h"
#include "method/wide_kernel.h"
#include "method/wide_linear.h"
#include "method/wide_link.h"
#include "method/wide_pls.h"
#include "passes/parts.h"
#include "search/family.h"
#include "search/stage.h"
#include "sextant/error.h"

namespace sextant {

static auto parts(Fitted& fitted) { return std::tie(fitted.linear, fitted.predictors); }

namespace {

const std::vector<double>& ridge_path() {
  static const std::vector<double> all = powers_of_ten(-9, 3, 0.5);
  return all;
}

// L q×m on chosen inputs, as q×d.
Matrix spread_out(const Matrix& L, const std::vector<Index>& inputs, Index d) {
  Matrix S = Matrix::Zero(L.rows(), d);
  for (std::size_t i = 0; i < inputs.size(); ++i) S.col(inputs[i]) = L.col(static_cast<Index>(i));
  return S;
}

Matrix in_column(const Vector& a, Index target, Index k) {
  Matrix all = Matrix::Zero(a.size(), k);
  all.col(target) = a;
  return all;
}

// One target's kernel in coordinates S(x − x̄).
void add_kernel_of(const WideRows& rows, Index target, const KernelFit& fit, Matrix S, Fitted& fitted) {
  const auto head = fit.rows.head(fit.of_target.front().head);
  const Vector centre = S * rows.x_mean;
  KernelSections sections{
      fit.rows.kernel(), fit.rows.centres().rowwise() + centre.transpose(), std::move(S), false, {}};
  fitted.linear.alpha[target] += head.constant;
  fitted.predictors.push_back({1.0, std::move(sections), in_column(head.a, target, rows.targets())});
}

// A link of coordinates (x − x̄)·column of B d×m.
void add_link_of(const WideRows& rows, Index target, IndexLink link, Matrix U, Fitted& fitted) {
  if (!std::isfinite(link.error)) throw NumericalError("its index is the same for all rows");
  link.map.U = std::move(U);
  link.map.c += link.map.U * rows.x_mean;
  fitted.linear.alpha[target] += link.constant;
  fitted.predictors.push_back({1.0, std::move(link.map), in_column(link.a, target, rows.targets())});
}

struct Turned {
  KernelFit fit;
  Matrix L;  // coordinates L·u
};

// Two rounds of coordinates from the gradients before, the better by leave-one-out.
Turned turned(const Matrix& U, const Matrix& Y, const Vector& w) {
  constexpr int rounds = 2;
  Matrix L = Matrix::Identity(U.cols(), U.cols());
  Turned best{best_kernel(U, Y, w), L};
  KernelFit last = best.fit;
  for (int round = 0; round < rounds; ++round) {
    const Matrix V = U * L.transpose();
    L = (next_coordinates(kernel_outer_product(last, V, w), most_span_coordinates) * L).eval();
    last = best_kernel(U * L.transpose(), Y, w);
    if (round == 0 || last.error < best.fit.error) best = {last, L};
  }
  return best;
}

}  // namespace

Fitted mean_of(const WideRows& rows) {
  Fitted fitted{LinearPart::zero(rows.inputs(), rows.targets()), {}};
  fitted.linear.alpha = rows.y_mean;
  return fitted;
}

void add_sparse(const WideRows& rows, Index target, const SparseVector& beta, Fitted& fitted) {
  for (const auto& [j, value] : beta) {
    fitted.linear.beta(j, target) += value;
    fitted.linear.alpha[target] -= value * rows.x_mean[j];
  }
}

void add_span(const WideRows& rows, Index target, const Vector& coefficients, Fitted& fitted) {
  const Vector beta = rows.from_span(coefficients);
  fitted.linear.beta.col(target) += beta;
  fitted.linear.alpha[target] -= beta.dot(rows.x_mean);
}

void add_few(const WideRows& rows, Index target, const std::vector<Index>& inputs, WideWay way, Fitted& fitted) {
  if (inputs.empty()) return;
  const Matrix P = rows.chosen(inputs);
  const Vector y = rows.Y.col(target);
  const auto ridge = [&] {
    const LooRidge path(P, rows.w);
    return path.of_features(path.best(y, ridge_path()).head);
  };
  if (way == WideWay::few_ridge) {
    const Vector head = ridge();
    SparseVector beta;
    for (std::size_t i = 0; i < inputs.size(); ++i) beta.emplace_back(inputs[i], head[static_cast<Index>(i)]);
    return add_sparse(rows, target, beta, fitted);
  }
  if (way == WideWay::few_turned) {
    Turned found = turned(P, y, rows.w);
    return add_kernel_of(rows, target, found.fit, spread_out(found.L, inputs, rows.inputs()), fitted);
  }
  const KernelFit fit = best_kernel(P, y, rows.w);
  if (way == WideWay::few_kernel)
    return add_kernel_of(rows, target, fit, spread_out(Matrix::Identity(P.cols(), P.cols()), inputs, rows.inputs()),
                         fitted);
  const Matrix leading = next_coordinates(kernel_outer_product(fit, P, rows.w), 1);
  IndexLink link = single_index(P, {ridge(), leading.row(0).transpose()}, y, rows.w);
  const Matrix U = spread_out(link.map.U, inputs, rows.inputs());
  add_link_of(rows, target, std::move(link), U, fitted);
}

namespace {

void check_span(const WideRows& rows) {
  if (rows.rank() == 0) throw NumericalError("its rows are all alike");
}

}  // namespace

void add_kernel(const WideRows& rows, bool in_span, Fitted& fitted) {
  check_span(rows);
  const Index k = rows.targets();
  const auto add = [&](const KernelFit& fit, KernelSections sections) {
    Matrix a(fit.rows.centres().rows(), k);
    for (Index t = 0; t < k; ++t) {
      const auto head = fit.rows.head(fit.of_target[static_cast<std::size_t>(t)].head);
      a.col(t) = head.a;
      fitted.linear.alpha[t] += head.constant;
    }
    fitted.predictors.push_back({1.0, std::move(sections), std::move(a)});
  };
  if (!in_span) {
    // Distances of the rows are those of the span's coordinates; of others, those of all inputs.
    const KernelFit fit = best_kernel(rows.Z, rows.Y, rows.w);
    Matrix centres = rows.Xt(Eigen::all, fit.rows.centre_rows()).transpose();
    centres.rowwise() += rows.x_mean.transpose();
    return add(fit, {fit.rows.kernel(), std::move(centres), {}, false, {}});
  }
  const Turned found = turned(rows.Z, rows.Y, rows.w);
  Matrix S = rows.from_span(found.L.transpose()).transpose();
  const Vector centre = S * rows.x_mean;
  add(found.fit,
      {found.fit.rows.kernel(), found.fit.rows.centres().rowwise() + centre.transpose(), std::move(S), false, {}});
}

void add_ridge_link(const WideRows& rows, Index target, Fitted& fitted) {
  check_span(rows);
  const Vector y = rows.Y.col(target);
  const LeftOut found = LooRidge(rows.Z, rows.values, rows.w).best(y, ridge_path());
  const Vector seen = y - found.r;
  IndexLink link = link_of(rows.Z, found.head, y, rows.w, &seen);
  Matrix U = rows.from_span(link.map.U.transpose()).transpose();
  add_link_of(rows, target, std::move(link), std::move(U), fitted);
}

void add_pls_link(const WideRows& rows, Index target, Index components, Fitted& fitted) {
  constexpr Index folds = 5;
  check_span(rows);
  const Vector y = rows.Y.col(target);
  const auto head_on = [&](const std::vector<Index>& these, double& mean, Vector& centre) {
    Matrix Z = rows.Z(these, Eigen::all);
    Vector own = y(these);
    Vector w = rows.w(these);
    w /= w.sum();
    centre = Z.transpose() * w;
    mean = own.dot(w);
    Z.rowwise() -= centre.transpose();
    own.array() -= mean;
    const Matrix heads = pls_coefficients(Z, own, w, components);
    return heads.cols() > 0 ? Vector(heads.rightCols(1)) : Vector(Vector::Zero(Z.cols()));
  };
  Vector seen(rows.rows());
  double mean = 0;
  Vector centre;
  for (Index fold = 0; fold < folds; ++fold) {
    std::vector<Index> others;
    for (Index i = 0; i < rows.rows(); ++i)
      if (i % folds != fold) others.push_back(i);
    if (others.empty()) throw NumericalError("it has too few rows for partial least squares");
    const Vector head = head_on(others, mean, centre);
    for (Index i = fold; i < rows.rows(); i += folds) seen[i] = mean + (rows.Z.row(i).transpose() - centre).dot(head);
  }
  std::vector<Index> all;
  for (Index i = 0; i < rows.rows(); ++i) all.push_back(i);
  IndexLink link = link_of(rows.Z, head_on(all, mean, centre), y, rows.w, &seen);
  Matrix U = rows.from_span(link.map.U.transpose()).transpose();
  add_link_of(rows, target, std::move(link), std::move(U), fitted);
}

void hold_back_all(const LearningRows& rows, const FitOptions& options, Fitted& fitted) {
  for (Predictor& predictor : fitted.predictors) {
    hold_back(rows, fitted.linear, options, predictor);
    // Other targets' constants are none of its business.
    for (Index t = 0; t < predictor.low.size(); ++t)
      if (predictor.a.col(t).isZero(0.0)) predictor.low[t] = predictor.high[t] = 0;
  }
}

namespace {

std::vector<Index> chosen_inputs(const WideRows& rows, WideMemo& memo, Index target, ChosenBy by, Index size) {
  const std::lock_guard lock(memo.mutex);
  const Vector y = rows.Y.col(target);
  if (by == ChosenBy::lasso) {
    auto found = memo.lasso.find(target);
    if (found == memo.lasso.end()) found = memo.lasso.emplace(target, lasso_path(rows, y, 1.0)).first;
    return found->second.support(size);
  }
  // Fewer are the first of more.
  std::vector<Index>& order = memo.selected[{by, target}];
  const Index most = std::min(rows.inputs(), std::max(size, most_forward(rows.rows())));
  if (static_cast<Index>(order.size()) < std::min(size, most))
    order = forward_selection(rows, y, most, by == ChosenBy::pair);
  return {order.begin(), order.begin() + std::min(size, most)};
}

void add_of(const WideRecipe& recipe, const WideRows& rows, WideMemo& memo, Index target, Fitted& fitted) {
  const auto at = static_cast<std::size_t>(target);
  const Vector y = rows.Y.col(target);
  switch (recipe.way) {
    case WideWay::lasso:
    case WideWay::elastic_net: {
      const double ratio = recipe.way == WideWay::lasso ? 1.0 : net_ratio;
      return add_sparse(rows, target, lasso_path(rows, y, ratio, recipe.relative[target]).beta.back(), fitted);
    }
    case WideWay::pls: {
      const Matrix heads = pls_coefficients(rows.Z, y, rows.w, recipe.size[at]);
      if (heads.cols() > 0) add_span(rows, target, heads.rightCols(1), fitted);
      return;
    }
    case WideWay::ridge_link:
      return add_ridge_link(rows, target, fitted);
    case WideWay::pls_link:
      return add_pls_link(rows, target, recipe.size[at], fitted);
    case WideWay::kernel:
    case WideWay::span_kernel:
      return;  // of all targets together
    case WideWay::few_ridge:
    case WideWay::few_kernel:
    case WideWay::few_turned:
    case WideWay::few_index:
      return add_few(rows, target, chosen_inputs(rows, memo, target, recipe.by, recipe.size[at]), recipe.way, fitted);
  }
}

bool needs_pairs(WideWay way) {
  return way != WideWay::lasso && way != WideWay::elastic_net && way < WideWay::few_ridge;
}

std::shared_ptr<const WideRows> wide_rows(const RowSource& train, WideMemo& memo, bool pairs, const Context& context) {
  constexpr Index kept_cells = 1 << 22;
  const std::lock_guard lock(memo.mutex);
  if (memo.rows) return memo.rows;
  const bool keep = train.rows() * train.inputs() <= kept_cells;
  auto rows = std::make_shared<const WideRows>(train, context, pairs || keep);
  if (keep) memo.rows = rows;
  return rows;
}

}  // namespace

Fitted learn(const WideRecipe& recipe, const LearningRows& rows, const FitOptions& options, const Context& context) {
  Fitted fitted = from_first_rank(context, [&](const Context& own) {
    WideMemo own_memo;
    WideMemo& memo = rows.wide ? *rows.wide : own_memo;
    const auto held = wide_rows(*rows.train, memo, needs_pairs(recipe.way), own);
    const WideRows& wide = *held;
    Fitted found = mean_of(wide);
    if (recipe.way == WideWay::kernel || recipe.way == WideWay::span_kernel)
      add_kernel(wide, recipe.way == WideWay::span_kernel, found);
    for (Index t = 0; t < wide.targets(); ++t) add_of(recipe, wide, memo, t, found);
    return found;
  });
  hold_back_all(rows, options, fitted);
  return fitted;
}

}  // namespace sextant
