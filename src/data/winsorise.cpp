#include "sextant/winsorise.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "core/fingerprint.h"
#include "core/parallel.h"

namespace sextant {
namespace {

constexpr std::size_t fewest = 8;     // values that limits are drawn from
constexpr double know_spread = 40;    // values that know their spread
constexpr double tail = 0.005;        // beyond a and b
constexpr double outside = 2;         // times b − a
constexpr double few_values = 600;    // whose 0.5 % are fewer than three
constexpr double deviations = 20;     // of few values
constexpr double normal_iqr = 1.349;  // of the standard normal distribution
constexpr double largest = 1e140;     // of an input
constexpr double hardly_ever = 1e-4;  // a value so rare is still plausible
constexpr double may_happen = 0.001;  // of the values: where more are implausible, none is
constexpr Index most_sampled = 20'000;
constexpr double most_cells = 0x1p24;

// Between order statistics, linearly; `at` from 0.
double at_rank(const std::vector<double>& sorted, double at) {
  const auto below = static_cast<std::size_t>(at);
  const double share = at - static_cast<double>(below);
  return share > 0 ? sorted[below] + share * (sorted[below + 1] - sorted[below]) : sorted[below];
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return at_rank(values, 0.5 * static_cast<double>(values.size() - 1));
}

// Of a, from the least value on, and of b from the largest, among values 0 … last.
double end_rank(double last) { return std::max(tail * last, std::min(2.0, std::floor(last / 4))); }

// Where nearly all values are the same.
Limits about_the_usual(const std::vector<double>& values, double usual) {
  std::vector<double> distances;
  for (const double value : values)
    if (value != usual) distances.push_back(std::abs(value - usual));
  if (distances.empty()) return {};
  const double reach = 3 * median(std::move(distances));
  return {usual - reach, usual + reach};
}

}  // namespace

Limits winsor_limits(std::vector<double> values) {
  if (values.size() < fewest) return {};
  std::sort(values.begin(), values.end());
  const auto n = static_cast<double>(values.size());
  const double last = n - 1;
  const double rank = end_rank(last);
  double a = at_rank(values, rank);
  double b = at_rank(values, last - rank);
  const double middle = at_rank(values, 0.5 * last);
  const double spread = at_rank(values, 0.75 * last) - at_rank(values, 0.25 * last);
  if (n < few_values && spread > 0) {
    a = std::max(a, middle - deviations * spread / normal_iqr);
    b = std::min(b, middle + deviations * spread / normal_iqr);
  }
  const double reach = outside * std::max(1.0, know_spread / n) * (b - a);
  const Limits limits = b > a ? Limits{a - reach, b + reach} : about_the_usual(values, middle);
  return limits.low < limits.high ? limits : Limits();  // values whose differences overflow have none
}

Limits plausible_limits(std::vector<double> values, const Limits& limits) {
  if (values.size() < fewest) return {};
  std::sort(values.begin(), values.end());
  const auto n = static_cast<double>(values.size());
  const double last = n - 1;
  const double rank = end_rank(last);
  const double middle = at_rank(values, 0.5 * last);
  const double spread = std::max(at_rank(values, 0.75 * last) - middle, middle - at_rank(values, 0.25 * last));
  const double beyond = (rank + 1) / (n + 1);
  if (!(spread > 0) || !(beyond < 0.25)) return {};
  const double power = std::log(beyond / hardly_ever) / std::log(0.25 / beyond);
  const auto reach = [&](double end) { return end * std::pow(std::max(1.0, end / spread), power); };
  Limits plausible{std::min(limits.low, middle - reach(middle - at_rank(values, rank))),
                   std::max(limits.high, middle + reach(at_rank(values, last - rank) - middle))};
  const double most = std::max(1.0, may_happen * n);
  const auto below = std::lower_bound(values.begin(), values.end(), plausible.low) - values.begin();
  const auto above = values.end() - std::upper_bound(values.begin(), values.end(), plausible.high);
  if (static_cast<double>(below) > most) plausible.low = -std::numeric_limits<double>::infinity();
  if (static_cast<double>(above) > most) plausible.high = std::numeric_limits<double>::infinity();
  return plausible;
}

TableLimits table_limits(const RowSource& rows, const Context& context) {
  constexpr double infinity = std::numeric_limits<double>::infinity();
  const Index n = rows.rows();
  const Index d = rows.inputs();
  const Index k = rows.targets();
  const double most = std::min<double>(most_sampled, most_cells / static_cast<double>(d + k));
  const auto stride = static_cast<Index>(std::ceil(static_cast<double>(n) / std::max(1000.0, most)));
  TableLimits limits{Vector(d),
                     Vector(d),
                     Vector(d),
                     Vector(d),
                     false,
                     Vector(k),
                     Vector(k),
                     Vector::Constant(k, infinity),
                     Vector::Constant(k, -infinity)};
  Vector x_min = Vector::Constant(d, infinity);
  Vector x_max = Vector::Constant(d, -infinity);
  std::vector<std::vector<double>> x(static_cast<std::size_t>(d));
  std::vector<std::vector<double>> y(static_cast<std::size_t>(k));
  Index counted = 0;
  Block block;
  for (Index first = 0; first < n; first += context.block_rows) {
    context.report("limits", static_cast<double>(first) / static_cast<double>(n));
    rows.read(first, std::min(context.block_rows, n - first), block);
    for (Index i = 0; i < block.rows(); ++i) {
      if (!(block.w[i] > 0)) continue;
      limits.y_min = limits.y_min.cwiseMin(block.Y.row(i).transpose());
      limits.y_max = limits.y_max.cwiseMax(block.Y.row(i).transpose());
      for (Index j = 0; j < d; ++j) {  // missing cells pass neither test
        if (block.X(i, j) < x_min[j]) x_min[j] = block.X(i, j);
        if (block.X(i, j) > x_max[j]) x_max[j] = block.X(i, j);
      }
      if (counted++ % stride != 0) continue;
      for (Index j = 0; j < d; ++j)
        if (!std::isnan(block.X(i, j))) x[static_cast<std::size_t>(j)].push_back(block.X(i, j));
      for (Index t = 0; t < k; ++t) y[static_cast<std::size_t>(t)].push_back(block.Y(i, t));
    }
  }
  context.report("limits", 1.0);
  std::vector<char> implausible(static_cast<std::size_t>(d), 0);
  parallel_tiles(context.thread_count(), d, [&](Index j) {
    std::vector<double>& column = x[static_cast<std::size_t>(j)];
    if (const InputKind kind = rows.input_kind(j); kind == InputKind::code || kind == InputKind::effect) column.clear();
    const Limits own = winsor_limits(column);
    const Limits plausible = plausible_limits(std::move(column), own);
    limits.x_low[j] = std::max(own.low, -largest);
    limits.x_high[j] = std::min(own.high, largest);
    limits.x_least[j] = plausible.low;
    limits.x_most[j] = plausible.high;
    implausible[static_cast<std::size_t>(j)] = x_min[j] < plausible.low || x_max[j] > plausible.high ? 1 : 0;
  });
  limits.implausible = std::ranges::find(implausible, 1) != implausible.end();
  for (Index t = 0; t < k; ++t) {
    const Limits own = winsor_limits(std::move(y[static_cast<std::size_t>(t)]));
    limits.y_low[t] = own.low;
    limits.y_high[t] = own.high;
  }
  return limits;
}

void DrawnTargetsSource::read(Index first, Index count, Block& block) const {
  source_.read(first, count, block);
  for (auto at = std::ranges::lower_bound(drawn_, first, {}, &DrawnTarget::row);
       at != drawn_.end() && at->row < first + count; ++at)
    block.Y(at->row - first, at->target) = at->value;
}

void WithoutRowsSource::read(Index first, Index count, Block& block) const {
  source_.read(first, count, block);
  for (auto at = std::ranges::lower_bound(without_, first); at != without_.end() && *at < first + count; ++at)
    block.w[*at - first] = 0;
}

std::uint64_t WithoutRowsSource::find_fingerprint() const {
  if (without_.empty()) return source_.fingerprint();
  Fingerprint fingerprint;
  fingerprint.mix("without rows");
  fingerprint.mix(source_.fingerprint());
  for (const Index row : without_) fingerprint.mix(row);
  return fingerprint.value();
}

std::uint64_t DrawnTargetsSource::find_fingerprint() const {
  if (drawn_.empty()) return source_.fingerprint();
  Fingerprint fingerprint;
  fingerprint.mix("drawn targets");
  fingerprint.mix(source_.fingerprint());
  for (const DrawnTarget& each : drawn_) {
    fingerprint.mix(each.row);
    fingerprint.mix(each.target);
    fingerprint.mix(each.value);
  }
  return fingerprint.value();
}

}  // namespace sextant
