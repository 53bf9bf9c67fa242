#include "sextant/direction_ranges.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <tuple>

#include "core/from_first_rank.h"
#include "passes/executor.h"
#include "sextant/error.h"
#include "sextant/model.h"
#include "sextant/subspace.h"

namespace sextant {

static auto parts(Spectrum& found) { return std::tie(found.values, found.directions); }

namespace {

constexpr double carried_share = 0.99;
constexpr Index most_directions = 10;
constexpr double tolerance = 0.01;  // of the range

}  // namespace

DirectionRanges direction_ranges(const RowSource& data, const Scaling& scaling, const Matrix& A,
                                 const Context& context) {
  const Spectrum found = from_first_rank(context, [&] {
    Spectrum leading = spectrum(A);
    leading.directions.conservativeResize(std::min(A.rows(), most_directions), Eigen::NoChange);
    return leading;
  });
  return direction_ranges(data, scaling, found, context);
}

DirectionRanges direction_ranges(const RowSource& data, const Scaling& scaling, const Spectrum& found,
                                 const Context& context) {
  DirectionRanges ranges;
  ranges.directions = from_first_rank(context, [&]() -> Matrix {
    Index r = 0;
    for (double carried = 0; r < std::min(found.values.size(), most_directions) && carried < carried_share; ++r) {
      if (!(found.values[r] > 0)) break;
      carried += found.values[r];
    }
    return found.directions.topRows(r);
  });
  const Index r = ranges.directions.rows();
  ranges.low = Vector::Constant(r, std::numeric_limits<double>::infinity());
  ranges.high = -ranges.low;
  if (r == 0) return ranges;
  Matrix Z;
  Pass pass(data, context, "ranges");
  pass.minima(ranges.low);
  pass.maxima(ranges.high);
  pass.depends_on(scaling);
  pass.depends_on(ranges.directions);
  pass.run([&](Block& block, Index) {
    scaling.apply(block.X, Z);
    const Matrix P = Z * ranges.directions.transpose();
    for (Index i = 0; i < P.rows(); ++i) {
      if (!(block.w[i] > 0)) continue;
      ranges.low = ranges.low.cwiseMin(P.row(i).transpose());
      ranges.high = ranges.high.cwiseMax(P.row(i).transpose());
    }
  });
  return ranges;
}

void HeldBack::add(const Model& model, const Matrix& Y, Index first) {
  rows.resize(static_cast<std::size_t>(Y.cols()));
  first_row.resize(rows.size());
  const Scaling& scaling = model.scaling;
  for (Index t = 0; t < scaling.prediction_low.size(); ++t) {
    const auto at = static_cast<std::size_t>(t);
    for (Index i = 0; i < Y.rows(); ++i) {
      if (Y(i, t) > scaling.prediction_low[t] && Y(i, t) < scaling.prediction_high[t]) continue;
      if (std::isnan(Y(i, t))) continue;
      if (rows[at]++ == 0) first_row[at] = first + i;
    }
  }
}

Extrapolation extrapolation(const Model& model, const RowSource& data, const Context& context) {
  if (data.inputs() != model.inputs())
    throw InvalidArgument(
        fmt::format("extrapolation: the rows have {} inputs, expected the model's {}", data.inputs(), model.inputs()));
  context.check();
  const DirectionRanges& ranges = model.ranges;
  const Index r = ranges.low.size();
  Extrapolation result;
  const Scaling& scaling = model.scaling;
  if (r == 0 && scaling.x_low.size() == 0 && !scaling.levels) return result;
  const Vector slack = tolerance * (ranges.high - ranges.low);
  const Vector low = ranges.low - slack;
  const Vector high = ranges.high + slack;
  std::vector<Index> outside(static_cast<std::size_t>(r));
  // The last two: drawn in, unseen codes.
  Vector first_outside = Vector::Constant(r + 2, std::numeric_limits<double>::infinity());
  Matrix Z;
  Pass pass(data, context, "ranges");
  pass.counts(result.rows);
  for (Index& count : outside) pass.counts(count);
  pass.counts(result.drawn_in);
  pass.counts(result.unseen_codes);
  pass.minima(first_outside);
  pass.depends_on(ranges.directions);
  pass.depends_on(low);
  pass.depends_on(high);
  pass.depends_on(scaling);
  pass.allows_no_rows();
  const auto is_drawn_in = [&](const Matrix& X, Index i) {
    for (Index j = 0; j < scaling.x_low.size(); ++j) {
      const Index at = scaling.kept[static_cast<std::size_t>(j)];
      if (at >= X.cols()) break;  // inputs made of levels have no limits
      const double x = X(i, at);
      if (x < scaling.x_low[j] || x > scaling.x_high[j]) return true;
    }
    return false;
  };
  const std::vector<InputKind> kinds = model.encoding.input_kinds();
  const auto is_unseen = [&](const Matrix& X, Index i) {
    return scaling.levels && std::ranges::any_of(scaling.levels->sets, [&](const LevelSet& set) {
             const Index j = set.inputs.front();
             return set.inputs.size() == 1 && kinds[static_cast<std::size_t>(j)] == InputKind::number &&
                    !std::isnan(X(i, j)) && set.find(&X(i, j)) < 0;
           });
  };
  const auto note_first = [&](Index what, Index row) {
    first_outside[what] = std::min(first_outside[what], static_cast<double>(row));
  };
  pass.run([&](Block& block, Index first) {
    model.scaling.apply(block.X, Z);
    const Matrix P = r > 0 ? Matrix(Z * ranges.directions.transpose()) : Matrix(Z.rows(), 0);
    for (Index i = 0; i < P.rows(); ++i) {
      if (!(block.w[i] > 0) || (model.encoding.missing == Missing::drop && block.X.row(i).hasNaN())) continue;
      ++result.rows;
      if (is_drawn_in(block.X, i)) {
        ++result.drawn_in;
        note_first(r, first + i);
      }
      if (is_unseen(block.X, i)) {
        ++result.unseen_codes;
        note_first(r + 1, first + i);
      }
      for (Index j = 0; j < r; ++j) {
        if (P(i, j) >= low[j] && P(i, j) <= high[j]) continue;
        ++outside[static_cast<std::size_t>(j)];
        note_first(j, first + i);
      }
    }
  });
  for (Index j = 0; j < r; ++j)
    if (const Index count = outside[static_cast<std::size_t>(j)]; count > 0)
      result.outside.push_back({j, count, static_cast<Index>(first_outside[j])});
  if (result.unseen_codes > 0) result.first_unseen_code = static_cast<Index>(first_outside[r + 1]);
  if (result.drawn_in > 0) result.first_drawn_in = static_cast<Index>(first_outside[r]);
  return result;
}

}  // namespace sextant
