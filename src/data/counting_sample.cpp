#include "data/counting_sample.h"

#include <algorithm>
#include <vector>

namespace sextant {

Block counting_sample(const RowSource& rows, Index most, const Context& context, const std::string& stage) {
  const Index stride = std::max<Index>(1, (rows.rows() + most - 1) / most);
  std::vector<double> cells;
  std::vector<double> weights;
  Block block;
  Index counting = 0;
  for (Index first = 0; first < rows.rows(); first += context.block_rows) {
    context.report(stage, static_cast<double>(first) / static_cast<double>(rows.rows()));
    rows.read(first, std::min(context.block_rows, rows.rows() - first), block);
    for (Index i = 0; i < block.rows(); ++i) {
      if (!(block.w[i] > 0) || counting++ % stride != 0) continue;
      weights.push_back(block.w[i]);
      cells.insert(cells.end(), block.X.row(i).begin(), block.X.row(i).end());
    }
  }
  context.report(stage, 1.0);
  Block sample;
  const auto count = static_cast<Index>(weights.size());
  sample.X = Eigen::Map<const Matrix>(cells.data(), count, rows.inputs());
  sample.w = Eigen::Map<const Vector>(weights.data(), count);
  return sample;
}

}  // namespace sextant
