#include "model/class_weighting.h"

#include "passes/executor.h"

namespace sextant {

RowsOfClasses rows_of_classes(const RowSource& data, const Context& context) {
  RowsOfClasses result{Vector::Zero(data.targets())};
  Pass pass(data, context, "classes");
  pass.sums(result.weight);
  pass.counts(result.rows);
  pass.run([&](Block& block, Index) {
    result.weight += block.Y.transpose() * block.w;
    result.rows += (block.w.array() > 0).count();
  });
  return result;
}

WeightedRows::WeightedRows(const RowSource& data, const RowSource* validation, const FitOptions& options,
                           const Context& context)
    : data_(data), validation_rows_(validation) {
  if (!options.class_weights.any()) return;
  options.check();
  factors_ = class_factors(options.class_weights, rows_of_classes(data, context).weight);
  rows_.emplace(data, factors_);
  if (validation != nullptr) validation_.emplace(*validation, factors_);
}

Classification classification_of(const RowSource& rows, const HeldOut& held_out, const Vector& factors,
                                 const Context& context) {
  Classification result;
  result.link = calibrate(held_out);
  // (n_c + 1)/(n + k), with weights scaled so that they sum to the number n of rows that count.
  const RowsOfClasses of = rows_of_classes(rows, context);
  const auto n = static_cast<double>(of.rows);
  const auto k = static_cast<double>(of.weight.size());
  result.frequencies = (of.weight.array() * (n / of.weight.sum()) + 1) / (n + k);
  const Matrix log_p = log_probabilities(result.link, held_out.F);
  const Matrix log_q = result.frequencies.array().log().matrix().transpose().replicate(held_out.Y.rows(), 1);
  result.held_out = class_scores(log_p, held_out.Y, held_out.w);
  result.majority = class_scores(log_q, held_out.Y, held_out.w);
  result.weights = factors;
  ClassReportSum report(result.frequencies);
  report.add(log_p, held_out.Y, held_out.w);
  result.report = report.report();
  if (of.weight.size() != 2) return result;
  // A threshold is for rows as they come, whatever they were made to count.
  Vector own = held_out.w;
  Vector rows_of = of.weight;
  if (factors.size() > 0) {
    own = own.cwiseQuotient(held_out.Y * factors);
    rows_of = rows_of.cwiseQuotient(factors);
  }
  const Index rarer = rarer_class(rows_of);
  result.threshold = threshold_advice(log_p.col(rarer).array().exp(), held_out.Y.col(rarer), own);
  result.threshold->class_at = rarer;
  return result;
}

}  // namespace sextant
