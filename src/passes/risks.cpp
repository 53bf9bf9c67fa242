#include <fmt/core.h>

#include "passes/executor.h"
#include "passes/prepared_map.h"
#include "sextant/error.h"
#include "sextant/passes.h"

namespace sextant {
namespace {

void declare(Pass& pass, Risks& sums) {
  pass.sums(sums.square);
  pass.sums(sums.fourth);
  pass.sums(sums.absolute);
  pass.counts(sums.rows);
}

}  // namespace

Risks risks(const RowSource& source, const LinearPart& linear, const FeatureMap& map, const MatrixView& a,
            const std::vector<Index>& target_of_column, const Context& context) {
  const Index columns = a.cols();
  if (static_cast<Index>(target_of_column.size()) != columns || a.rows() != width(map))
    throw InvalidArgument(fmt::format("risks: a is {}×{} with {} targets, expected {} rows and a target per column",
                                      a.rows(), columns, target_of_column.size(), width(map)));
  Risks sums;
  sums.square = Vector::Zero(columns);
  sums.fourth = Vector::Zero(columns);
  sums.absolute = Vector::Zero(columns);
  const PreparedOutputs predicted(map, a, -1.0);
  Matrix E;
  // One row of sums per strip, so that strips are added in their order whichever thread made them.
  Matrix square;
  Matrix fourth;
  Matrix absolute;
  Pass pass(source, context, "risk");
  declare(pass, sums);
  pass.depends_on(linear);
  pass.depends_on(map);
  pass.depends_on(a);
  for (const Index target : target_of_column) pass.depends_on(static_cast<double>(target));
  sums.n = pass.run([&](Block& block, Index) {
    const Tiles strips = row_strips(block.rows());
    const Matrix R = block.Y - linear(block.X);
    E.resize(block.rows(), columns);
    square.resize(strips.count(), columns);
    fourth.resize(strips.count(), columns);
    absolute.resize(strips.count(), columns);
    parallel_tiles(context.thread_count(), strips.count(), [&](Index strip) {
      const Index first = strips.first(strip);
      const Index length = strips.length(strip);
      auto e = E.middleRows(first, length);
      for (Index c = 0; c < columns; ++c)
        e.col(c) = R.col(target_of_column[static_cast<std::size_t>(c)]).segment(first, length);
      predicted.add(block.X.middleRows(first, length), e);
      const auto w = block.w.segment(first, length).transpose();
      absolute.row(strip) = w * e.cwiseAbs();
      e = e.cwiseAbs2();
      square.row(strip) = w * e;
      fourth.row(strip) = w * e.cwiseAbs2();
    });
    for (Index strip = 0; strip < strips.count(); ++strip) {
      sums.square += square.row(strip).transpose();
      sums.fourth += fourth.row(strip).transpose();
      sums.absolute += absolute.row(strip).transpose();
    }
    sums.rows += (block.w.array() > 0).count();
  });
  sums.square /= sums.n;
  sums.fourth /= sums.n;
  sums.absolute /= sums.n;
  return sums;
}

Risks risks(const RowSource& source, const LinearPart& linear, const std::vector<Predictor>& predictors,
            const Context& context) {
  const Index k = source.targets();
  Risks sums{0, Vector::Zero(k), Vector::Zero(k), Vector::Zero(k), 0};
  Pass pass(source, context, "risk");
  declare(pass, sums);
  depends_on(pass, linear, predictors);
  sums.n = pass.run([&](Block& block, Index) {
    const Matrix E = (block.Y - outputs(linear, predictors, block.X, context)).cwiseAbs();
    const Matrix square = E.cwiseAbs2();
    sums.absolute += E.transpose() * block.w;
    sums.square += square.transpose() * block.w;
    sums.fourth += square.cwiseAbs2().transpose() * block.w;
    sums.rows += (block.w.array() > 0).count();
  });
  sums.square /= sums.n;
  sums.fourth /= sums.n;
  sums.absolute /= sums.n;
  return sums;
}

}  // namespace sextant
