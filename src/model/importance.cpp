#include "sextant/importance.h"

#include <fmt/core.h>

#include "sextant/error.h"

namespace sextant {

Importance importance(const Model& model, const Matrix& A) {
  const Index d = model.scaling.inputs();
  if (A.rows() != d || A.cols() != d)
    throw InvalidArgument(fmt::format("importance: A is {}×{}, expected {}×{}", A.rows(), A.cols(), d, d));
  Importance result;
  result.inputs = model.kept_names();
  result.by_input = A.diagonal().cwiseMax(0.0);
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
  for (Index at = 0; at < d; ++at)
    result.by_column[column_of[static_cast<std::size_t>(model.scaling.kept[static_cast<std::size_t>(at)])]] +=
        result.by_input[at];
  return result;
}

Importance importance(const Model& model) { return importance(model, model.gradient_outer_product); }

}  // namespace sextant
