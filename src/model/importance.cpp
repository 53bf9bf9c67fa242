#include "sextant/importance.h"

#include <fmt/core.h>

#include "sextant/error.h"

namespace sextant {

namespace {

Importance shares_of(const Model& model, const Vector& diagonal) {
  const Index d = model.scaling.inputs();
  Importance result;
  result.inputs = model.kept_names();
  result.by_input = diagonal.cwiseMax(0.0);
  const double sum = result.by_input.sum();
  if (sum > 0) result.by_input /= sum;

  // Which column each of the table's inputs comes from.
  std::vector<Index> column_of;
  for (const InputColumn& column : model.encoding.columns) {
    column_of.insert(column_of.end(), static_cast<std::size_t>(column.width()),
                     static_cast<Index>(result.columns.size()));
    result.columns.push_back(column.name);
  }
  result.by_column = Vector::Zero(static_cast<Index>(result.columns.size()));
  const auto table_inputs = static_cast<Index>(column_of.size());
  for (Index at = 0; at < d; ++at) {
    const Index j = model.scaling.kept[static_cast<std::size_t>(at)];
    // What is made of pairs of two columns' levels is half of either's.
    const std::vector<Index> made_of =
        j < table_inputs ? std::vector<Index>{j} : model.scaling.levels->made_of(j - table_inputs);
    for (const Index input : made_of)
      result.by_column[column_of[static_cast<std::size_t>(input)]] +=
          result.by_input[at] / static_cast<double>(made_of.size());
  }
  return result;
}

}  // namespace

Importance importance(const Model& model, const Matrix& A) {
  const Index d = model.scaling.inputs();
  if (A.rows() != d || A.cols() != d)
    throw InvalidArgument(fmt::format("importance: A is {}×{}, expected {}×{}", A.rows(), A.cols(), d, d));
  return shares_of(model, A.diagonal());
}

Importance importance_of_factor(const Model& model, const Matrix& B) {
  if (B.cols() != model.scaling.inputs())
    throw InvalidArgument(
        fmt::format("importance: a factor of A has {} columns, expected {}", B.cols(), model.scaling.inputs()));
  return shares_of(model, B.colwise().squaredNorm());
}

Importance importance(const Model& model) {
  if (model.gradient_factor.size() > 0) return importance_of_factor(model, model.gradient_factor);
  return importance(model, model.gradient_outer_product);
}

}  // namespace sextant
