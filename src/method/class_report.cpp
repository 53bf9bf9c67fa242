#include "sextant/class_report.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <numeric>

namespace sextant {
namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();
constexpr double tie = 1e-7;  // relative: so close, two thresholds are equally good (core/ties.h)

double ratio(double part, double whole) { return whole > 0 ? part / whole : nan; }

enum OfClass : Index { rows_at, weight_at, right_at, predicted_at, loss_at, frequencies_loss_at };
enum OfCell : Index { cell_rows, cell_weight, cell_predicted, cell_observed };

Index cell_of(double p) {
  const double angle = std::asin(std::sqrt(std::clamp(p, 0.0, 1.0))) * 2 / std::numbers::pi;
  return std::min(static_cast<Index>(angle * static_cast<double>(probability_cells)), probability_cells - 1);
}

}  // namespace

ClassReportSum::ClassReportSum(const Vector& frequencies)
    : of_classes(Matrix::Zero(frequencies.size(), 6)), cells(Matrix::Zero(probability_cells, 4)) {
  const Vector q = frequencies / frequencies.sum();
  log_q_ = q.array().log();
  log_not_q_ = (-q.array()).log1p();
}

void ClassReportSum::add(const Matrix& log_p, const Matrix& Y, const Vector& w) {
  const Index k = log_p.cols();
  Eigen::RowVectorXd p(k);
  for (Index i = 0; i < log_p.rows(); ++i) {
    if (!(w[i] > 0)) continue;
    p = log_p.row(i).array().exp();
    Index own = 0;
    Y.row(i).maxCoeff(&own);
    Index top = 0;
    log_p.row(i).maxCoeff(&top);
    // log(1 − p) of a p near 1 is that of the others' sum.
    double others = 0;
    for (Index c = 0; c < k; ++c)
      if (c != top) others += p[c];
    for (Index c = 0; c < k; ++c) {
      const double log_not_p = c == top ? std::log(std::max(others, 1e-300)) : std::log1p(-p[c]);
      of_classes(c, loss_at) -= w[i] * (c == own ? log_p(i, c) : log_not_p);
      of_classes(c, frequencies_loss_at) -= w[i] * (c == own ? log_q_[c] : log_not_q_[c]);
    }
    of_classes(own, rows_at) += 1;
    of_classes(own, weight_at) += w[i];
    of_classes(top, predicted_at) += w[i];
    if (own == top) of_classes(own, right_at) += w[i];
    const Index said = k == 2 ? 1 : top;
    auto cell = cells.row(cell_of(p[said]));
    cell[cell_rows] += 1;
    cell[cell_weight] += w[i];
    cell[cell_predicted] += w[i] * p[said];
    if (own == said) cell[cell_observed] += w[i];
  }
}

ClassReport ClassReportSum::report() const {
  ClassReport result;
  for (Index c = 0; c < of_classes.rows(); ++c) {
    const auto sums = of_classes.row(c);
    result.classes.push_back({static_cast<Index>(sums[rows_at]), ratio(sums[right_at], sums[weight_at]),
                              ratio(sums[right_at], sums[predicted_at]),
                              1 - ratio(sums[loss_at], sums[frequencies_loss_at])});
  }
  const double rows = cells.col(cell_rows).sum();
  const double weight = cells.col(cell_weight).sum();
  const auto bins = std::clamp<Index>(static_cast<Index>(rows) / rows_of_a_bin, 1, reliability_bins);
  // A bin ends with the first cell that completes its share of the weight.
  Eigen::Vector4d sum = Eigen::Vector4d::Zero();
  double before = 0;
  for (Index cell = 0; cell < cells.rows(); ++cell) {
    sum += cells.row(cell).transpose();
    before += cells(cell, cell_weight);
    const auto full = static_cast<double>(result.bins.size() + 1) * weight / static_cast<double>(bins);
    const bool last = cell + 1 == cells.rows();
    if (!(sum[cell_weight] > 0) || (!last && before < (1 - 1e-12) * full)) continue;
    result.bins.push_back(
        {sum[cell_weight] / weight, sum[cell_predicted] / sum[cell_weight], sum[cell_observed] / sum[cell_weight]});
    result.calibration_error +=
        result.bins.back().share * std::abs(result.bins.back().predicted - result.bins.back().observed);
    sum.setZero();
  }
  return result;
}

void ThresholdSum::add(double p, bool of_class, double w, double threshold) {
  all += w;
  if (of_class) of_it += w;
  if (!(p >= threshold)) return;
  predicted += w;
  if (of_class) right += w;
}

ThresholdScore ThresholdSum::score(double threshold) const {
  const double others = all - of_it;
  const double rightly_not = others - (predicted - right);
  return {threshold,
          ratio(right, predicted),
          ratio(right, of_it),
          ratio(2 * right, predicted + of_it),
          (ratio(right, of_it) + ratio(rightly_not, others)) / 2,
          ratio(right + rightly_not, all)};
}

ThresholdAdvice threshold_advice(const Vector& p, const Vector& of_class, const Vector& w) {
  ThresholdAdvice advice;
  ThresholdSum at_half;
  std::vector<Index> order;
  for (Index i = 0; i < p.size(); ++i) {
    if (!(w[i] > 0)) continue;
    order.push_back(i);
    at_half.add(p[i], of_class[i] > 0, w[i], 0.5);
    ++advice.n;
    if (of_class[i] > 0) ++advice.of_it;
  }
  advice.f1 = advice.balanced = advice.most_probable = at_half.score(0.5);
  std::ranges::stable_sort(order, std::ranges::greater(), [&](Index i) { return p[i]; });
  // From above all probabilities downwards, row by row.
  ThresholdSum sum = at_half;
  sum.predicted = sum.right = 0;
  bool first = true;
  for (std::size_t at = 0; at < order.size(); ++at) {
    const Index i = order[at];
    sum.predicted += w[i];
    if (of_class[i] > 0) sum.right += w[i];
    const double next = at + 1 < order.size() ? p[order[at + 1]] : 0.0;
    if (!(p[i] > (1 + tie) * next)) continue;  // not between two
    const ThresholdScore here = sum.score((p[i] + next) / 2);
    if (first || here.f1 > (1 + tie) * advice.f1.f1) advice.f1 = here;
    if (first || here.balanced_accuracy > (1 + tie) * advice.balanced.balanced_accuracy) advice.balanced = here;
    first = false;
  }
  return advice;
}

Index rarer_class(const Vector& rows_of) { return rows_of[0] < (1 - 1e-9) * rows_of[1] ? 0 : 1; }

}  // namespace sextant
