#include "search/doubts.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "core/linalg.h"
#include "method/robust_scale.h"
#include "sextant/splits.h"

namespace sextant {
namespace {

constexpr double doubtful_from = 5;     // scales of the residuals
constexpr double most_doubtful = 0.02;  // of the rows
constexpr double most_far_out = 0.015;  // of the targets, 5 spreads from the median
constexpr double an_end = 0.03;         // of the rows lie at either end of the predictions
constexpr double most_remote = 0.05;    // of the rows
constexpr double least_scale = 0.02;    // of the targets' spread: who is off by less harms nobody
constexpr double beyond_chance = 1.5;   // standard errors of the others' gain, or
constexpr double evidence = 14;         // times the largest doubt's distance in scales, where that is more

// Each row's number in place of its targets.
class NumberedRows final : public RowView {
 public:
  explicit NumberedRows(const RowSource& source) : RowView(source) {}
  void read(Index first, Index count, Block& block) const override {
    source_.read(first, count, block);
    for (Index i = 0; i < count; ++i) block.Y.row(i).setConstant(static_cast<double>(first + i));
  }

 private:
  [[nodiscard]] std::uint64_t find_fingerprint() const override { return source_.fingerprint(); }
};

// Of one target, over rows that are scored.
struct Residuals {
  Residuals(const HeldOut& rows, Index t) : r(rows.Y.col(t) - rows.F.col(t)), f(rows.F.col(t)) {
    const Vector off = rows.Y.col(t).array() - weighted_median(rows.Y.col(t), rows.scored);
    const double all = spread(off, rows.scored);
    const double far_out = (off.array().abs() > doubtful_from * all).select(rows.scored.array(), 0.0).sum();
    const double most = std::max(rows.scored.maxCoeff(), most_far_out * rows.scored.sum());
    if (!(all > 0) || far_out > most) return;
    scale = std::max(residual_scale(r, rows.scored), least_scale * all);
    low = weighted_quantile(f, rows.scored, an_end);
    high = weighted_quantile(f, rows.scored, 1 - an_end);
  }

  // |r_i|/s, or 0 where that is no reason to doubt it; `before`: it was doubted when more was learned from.
  [[nodiscard]] double doubt(Index i, bool before) const {
    if (!(scale > 0)) return before ? doubtful_from : 0;
    const bool at_an_end = r[i] > 0 ? f[i] > high : f[i] < low;
    const double off = std::abs(r[i]) / scale;
    return off > doubtful_from && (before || !at_an_end) ? off : 0;
  }

  Vector r;
  Vector f;
  double scale = 0;  // s; 0 where nothing can be doubted
  double low = 0;    // ends of f
  double high = 0;
};

std::vector<Residuals> residuals(const HeldOut& rows) {
  std::vector<Residuals> result;
  for (Index t = 0; t < rows.Y.cols(); ++t) result.emplace_back(rows, t);
  return result;
}

// Squared distances of rows to their nearest others, n. In strips: n² distances are never held.
Vector nearest_others(const Matrix& Z) {
  constexpr Index at_once = 256;
  const Vector square = Z.rowwise().squaredNorm();
  Vector nearest(Z.rows());
  for (Index first = 0; first < Z.rows(); first += at_once) {
    const Index count = std::min(at_once, Z.rows() - first);
    Matrix products(count, Z.rows());
    linalg::gemm(linalg::Op::none, linalg::Op::transpose, 1.0, Z.middleRows(first, count), Z, 0.0, products);
    for (Index i = 0; i < count; ++i) {
      double least = std::numeric_limits<double>::infinity();
      for (Index j = 0; j < Z.rows(); ++j)
        if (j != first + i) least = std::min(least, square[first + i] + square[j] - 2 * products(i, j));
      nearest[first + i] = least;
    }
  }
  return nearest;
}

}  // namespace

std::vector<Index> held_out_rows(const RowSource& data, const FitOptions& options) {
  const NumberedRows numbered(data);
  std::vector<Index> rows;
  Block block;
  for (const Split& split : make_splits(numbered, nullptr, options)) {
    split.validation->read(0, split.validation->rows(), block);
    for (Index i = 0; i < block.rows(); ++i) rows.push_back(static_cast<Index>(block.Y(i, 0)));
  }
  return rows;
}

std::vector<Index> doubtful_rows(const Judged& judged, const std::vector<Index>& doubted, const RowSource& data,
                                 const Scaling& scaling) {
  const HeldOut& rows = judged.held_out;
  const std::vector<Residuals> of_target = residuals(rows);
  std::vector<Index> still;
  std::vector<std::pair<Index, double>> more;  // rows and how far they are off
  for (Index i = 0; i < rows.w.size(); ++i) {
    const Index row = judged.rows[static_cast<std::size_t>(i)];
    const bool before = std::ranges::binary_search(doubted, row);
    if (!before && !(rows.scored[i] > 0)) continue;
    double off = 0;
    for (const Residuals& each : of_target) off = std::max(off, each.doubt(i, before));
    if (off > 0 && before) still.push_back(row);
    if (off > 0 && !before) more.emplace_back(row, off);
  }
  const auto count = static_cast<double>(more.size());
  if (count > std::max(1.0, most_doubtful * static_cast<double>(rows.w.size()))) more.clear();
  if (!more.empty()) {
    Block block;
    data.read(0, data.rows(), block);
    Matrix Z;
    scaling.apply(block.X, Z);
    const Vector nearest = nearest_others(Z);
    const double remote = weighted_quantile(nearest, block.w, 1 - most_remote);
    std::erase_if(more, [&](const auto& each) { return nearest[each.first] > remote; });
  }
  double furthest = 0;
  for (const auto& [row, off] : more) furthest = std::max(furthest, off);
  for (const auto& [row, off] : more)
    if (off >= furthest / 2) still.push_back(row);
  std::ranges::sort(still);
  return still;
}

bool better_without(const Judged& with, const std::vector<Index>& before, const Judged& without,
                    const std::vector<Index>& doubted) {
  const auto n = static_cast<Index>(with.rows.size());
  std::vector<Index> place(static_cast<std::size_t>(n));  // in `without`, of each row
  for (Index i = 0; i < n; ++i) place[static_cast<std::size_t>(without.rows[static_cast<std::size_t>(i)])] = i;
  const auto capped = [](double residual, double s) { return std::min(std::abs(residual) / s, doubtful_from); };
  const HeldOut& then = without.held_out;
  const std::vector<Residuals> now = residuals(with.held_out);
  Vector gain = Vector::Zero(n);
  double surprise = 0;  // max |r_i|/s over those doubted anew
  for (std::size_t t = 0; t < now.size(); ++t) {
    const double s = now[t].scale;
    for (Index i = 0; i < n && s > 0; ++i) {
      const Index row = with.rows[static_cast<std::size_t>(i)];
      const Index other = place[static_cast<std::size_t>(row)];
      if (std::ranges::binary_search(before, row)) continue;
      if (std::ranges::binary_search(doubted, row))
        surprise = std::max(surprise, std::abs(now[t].r[i]) / s);
      else if (with.held_out.scored[i] > 0)
        gain[i] += capped(now[t].r[i], s) - capped((then.Y - then.F)(other, static_cast<Index>(t)), s);
    }
  }
  const double size = gain.norm();
  return size > 0 && gain.sum() / size > std::max(beyond_chance, evidence / surprise);
}

std::vector<Contradicted> contradicted(const std::vector<Index>& doubted, const RowSource& data, Judged& judged) {
  std::vector<Contradicted> result;
  Block block;
  for (const Index row : doubted) {
    data.read(row, 1, block);
    const auto place = std::ranges::find(judged.rows, row) - judged.rows.begin();
    judged.held_out.w[place] = block.w[0];
    result.push_back({row, block.Y.row(0), judged.held_out.F.row(place)});
  }
  return result;
}

}  // namespace sextant
