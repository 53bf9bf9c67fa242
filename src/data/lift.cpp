#include "sextant/lift.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "core/fingerprint.h"
#include "data/counting_sample.h"
#include "sextant/error.h"

namespace sextant {

Index Lift::coordinates() const {
  Index total = 0;
  for (const Vector& t : knots) total += t.size() - 1;
  return total;
}

void Lift::apply(const MatrixView& X, Matrix& Z) const {
  Z.resize(X.rows(), coordinates());
  for (Index i = 0; i < X.rows(); ++i) {
    double* z = &Z(i, 0);
    for (Index j = 0; j < X.cols(); ++j) {
      const Vector& t = knots[static_cast<std::size_t>(j)];
      for (Index s = 0; s + 1 < t.size(); ++s) *z++ = std::clamp((X(i, j) - t[s]) / (t[s + 1] - t[s]), 0.0, 1.0);
    }
  }
}

Matrix Lift::pull_back(const MatrixView& X, const MatrixView& G) const {
  Matrix result = Matrix::Zero(X.rows(), X.cols());
  for (Index i = 0; i < X.rows(); ++i) {
    Index first = 0;
    for (Index j = 0; j < X.cols(); ++j) {
      const Vector& t = knots[static_cast<std::size_t>(j)];
      const double x = X(i, j);
      if (x >= t[0] && x < t[t.size() - 1]) {
        const Index s = std::upper_bound(t.begin(), t.end(), x) - t.begin() - 1;
        result(i, j) = G(i, first + s) / (t[s + 1] - t[s]);
      }
      first += t.size() - 1;
    }
  }
  return result;
}

Lift learn_lift(const RowSource& rows, Index intervals, const Context& context) {
  if (intervals < 1) throw InvalidArgument(fmt::format("lift: {} intervals given, expected at least 1", intervals));
  constexpr Index sample = 20'000;
  const Block some = counting_sample(rows, sample, context, "lift");
  Lift lift;
  for (Index j = 0; j < rows.inputs(); ++j) {
    std::vector<double> column(some.X.col(j).begin(), some.X.col(j).end());
    std::sort(column.begin(), column.end());
    std::vector<double> levels = column;
    levels.erase(std::unique(levels.begin(), levels.end()), levels.end());
    std::vector<double> t;
    if (levels.size() <= static_cast<std::size_t>(intervals) + 1) {
      t = levels;
    } else {
      for (Index s = 0; s <= intervals; ++s) {
        const double at =
            static_cast<double>(s) / static_cast<double>(intervals) * static_cast<double>(column.size() - 1);
        const auto below = static_cast<std::size_t>(at);
        const double above = column[std::min(below + 1, column.size() - 1)];
        t.push_back(column[below] + (at - static_cast<double>(below)) * (above - column[below]));
      }
      t.erase(std::unique(t.begin(), t.end()), t.end());
    }
    if (t.empty()) t.push_back(0.0);
    if (t.size() == 1) t.push_back(t.front() + std::max(1.0, std::abs(t.front())));
    lift.knots.emplace_back(Eigen::Map<const Vector>(t.data(), static_cast<Index>(t.size())));
  }
  return lift;
}

LiftedSource::LiftedSource(const RowSource& source, LinearPart linear, Lift lift)
    : source_(source), linear_(std::move(linear)), lift_(std::move(lift)) {
  if (source.inputs() != lift_.inputs())
    throw InvalidArgument(fmt::format("lift: the rows have {} inputs, expected {}", source.inputs(), lift_.inputs()));
}

std::uint64_t LiftedSource::find_fingerprint() const {
  Fingerprint fingerprint;
  fingerprint.mix("lifted");
  fingerprint.mix(source_.fingerprint());
  fingerprint.mix(linear_.alpha);
  fingerprint.mix(linear_.beta);
  for (const Vector& knots : lift_.knots) fingerprint.mix(knots);
  return fingerprint.value();
}

void LiftedSource::read(Index first, Index count, Block& block) const {
  source_.read(first, count, block);
  block.Y -= linear_(block.X);
  lift_.apply(block.X, lifted_);
  block.X.swap(lifted_);
}

}  // namespace sextant
