#include "method/robust_targets.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <numeric>
#include <optional>
#include <set>
#include <utility>

#include "core/linalg.h"
#include "core/parallel.h"
#include "sextant/feature_map.h"
#include "sextant/passes.h"
#include "sextant/refine.h"

namespace sextant {
namespace {

constexpr Index most_centres = 500;
constexpr Index most_rows = 8'000;
constexpr double exponent = 1;
constexpr double bandwidth = 3;  // times the median distance
constexpr double least_left = 0.05;
constexpr double most_leverage = 0.8;
constexpr double of_normal = 1.4826;  // standard deviation over the median of sizes
constexpr double deviations = 8;
constexpr double most_drawn = 0.005;  // of the rows: residuals of a smooth fit have tails of their own
constexpr int passes = 3;
constexpr double an_end = 0.03;  // of the rows lie at either end of the fit
constexpr double known = 0.5;    // of the targets' spread: a fit that leaves more does not know what is wild

// What misleads, between the limits too.
constexpr Index fewest_to_mislead = 40;   // rows
constexpr Index most_to_mislead = 1'500;  // of more, the centres below know less than the models that come
constexpr Index most_targets = 4;
constexpr Index sharp_centres = 400;
constexpr double misleading = 5;          // robust standard deviations of the residuals
constexpr double most_misleading = 0.02;  // of the rows
constexpr double most_remote = 0.05;      // of the rows are too far from others to be judged by them
constexpr double most_far_out = 0.015;    // of the rows, whose targets are 5 spreads from the median
constexpr double better = 1.5;            // standard errors of the others' gain, or
constexpr double evidence = 14;           // times the target's own distance in standard deviations, where that is more
constexpr double least_scale = 0.02;      // of the targets' spread: who is off by less harms nobody
constexpr int misleading_rounds = 3;      // of coordinates: the inputs, then twice those the fit varies along
constexpr int misleading_passes = 6;
const std::vector<std::pair<double, double>> sharp_kernels = {{1, 3}, {1.9, 1}, {1.9, 3}};  // exponents, bandwidths

// Of values with weights.
double weighted_quantile(const Vector& values, const Vector& w, double share) {
  std::vector<Index> order(static_cast<std::size_t>(values.size()));
  std::iota(order.begin(), order.end(), Index{0});
  std::stable_sort(order.begin(), order.end(), [&](Index i, Index j) { return values[i] < values[j]; });
  double below = 0;
  for (const Index i : order) {
    below += w[i];
    if (below >= share * w.sum()) return values[i];
  }
  return values[order.back()];
}

double weighted_median(const Vector& values, const Vector& w) { return weighted_quantile(values, w, 0.5); }

double spread(const Vector& values, const Vector& w) { return of_normal * weighted_median(values.cwiseAbs(), w); }

// Rows of positive weight, or a regular sample of them, with their places in the source.
struct Sampled {
  std::vector<Index> rows;
  Matrix Z;
  Matrix raw;  // targets as they are
  Matrix Y;    // between the limits
  Vector w;    // sums to 1
};

Sampled sampled(const RowSource& source, const Scaling& inputs, const Context& context) {
  const Index stride = (source.rows() + most_rows - 1) / most_rows;
  Index counted = 0;
  Sampled sample;
  std::vector<double> cells;
  Block block;
  Matrix Z;
  for (Index first = 0; first < source.rows(); first += context.block_rows) {
    context.report("targets", 0.5 * static_cast<double>(first) / static_cast<double>(source.rows()));
    source.read(first, std::min(context.block_rows, source.rows() - first), block);
    inputs.apply(block.X, Z);
    for (Index i = 0; i < block.rows(); ++i) {
      if (!(block.w[i] > 0) || counted++ % stride != 0) continue;
      sample.rows.push_back(first + i);
      cells.insert(cells.end(), Z.row(i).begin(), Z.row(i).end());
      cells.insert(cells.end(), block.Y.row(i).begin(), block.Y.row(i).end());
      cells.push_back(block.w[i]);
    }
  }
  const Index d = Z.cols();
  const Index k = source.targets();
  const auto n = static_cast<Index>(sample.rows.size());
  const Eigen::Map<const Matrix> all(cells.data(), n, d + k + 1);
  sample.Z = all.leftCols(d);
  sample.raw = all.middleCols(d, k);
  sample.Y = inputs.scaled_targets(sample.raw);
  sample.w = all.col(d + k) / all.col(d + k).maxCoeff();
  sample.w /= sample.w.sum();
  return sample;
}

// Ridge regression on kernel features, rotated so that their second moments are diagonal: f = Ψ(S + λ)⁻¹Ψᵀ(w∘y).
class Smoother {
 public:
  Smoother(const Sampled& rows, const Context& context)
      : Smoother(rows, {}, exponent, bandwidth, most_centres, context) {}
  // In coordinates S (empty: the inputs).
  Smoother(const Sampled& rows, const Matrix& S, double q, double L, Index centres, const Context& context)
      : map_(kernel_along(S, {q, L}, GatheredSource(rows.Z, rows.Y, rows.w), centres, context)), w_(rows.w) {
    const SingleThreadedBlas guard;
    Matrix K(map_.width(), map_.width());
    KernelSections along = map_;  // its centres are coordinates already
    along.S.resize(0, 0);
    features(along, along.centres, K);
    const auto norm = linalg::symmetric_eigen(0.5 * (K + K.transpose()), "targets");
    const Index kept = (norm.values.array() > 1e-10 * norm.values[norm.values.size() - 1]).count();
    rotation_ = norm.vectors.rightCols(kept) * norm.values.tail(kept).cwiseSqrt().cwiseInverse().asDiagonal();
    const Matrix Phi = at(rows.Z);
    Matrix moment(kept, kept);
    linalg::gemm(linalg::Op::transpose, linalg::Op::none, 1.0, Phi, w_.asDiagonal() * Phi, 0.0, moment);
    const auto eigen = linalg::symmetric_eigen(std::move(moment), "targets");
    s_ = eigen.values.cwiseMax(0.0);
    rotation_ = (rotation_ * eigen.vectors).eval();
    Psi_ = Phi * eigen.vectors;
  }

  [[nodiscard]] Vector leverages(double lambda) const {
    const Vector g = filter(lambda);
    Vector h(Psi_.rows());
    for (Index i = 0; i < h.size(); ++i) h[i] = w_[i] * Psi_.row(i).cwiseAbs2().dot(g);
    return h;
  }
  [[nodiscard]] Vector head(const Vector& y, double lambda) const {
    return filter(lambda).cwiseProduct(Psi_.transpose() * w_.cwiseProduct(y));
  }
  [[nodiscard]] Vector fitted(const Vector& head) const { return Psi_ * head; }
  // What row i's target adds to the fit at each row, per unit: a column of f = Hy.
  [[nodiscard]] Vector influence(Index i, double lambda) const {
    return w_[i] * (Psi_ * filter(lambda).cwiseProduct(Psi_.row(i).transpose()));
  }
  // ∫∇f∇fᵀ over the rows, of one head.
  [[nodiscard]] Matrix outer_product(const Sampled& rows, const Vector& head, const Context& context) const {
    const GatheredSource source(rows.Z, rows.Y.leftCols(1), rows.w);
    return gradient_outer_product(source, LinearPart::zero(rows.Z.cols(), 1), map_, Matrix(rotation_ * head), context);
  }
  // Ψ of other rows.
  [[nodiscard]] Matrix at(const Matrix& Z) const {
    Matrix K(Z.rows(), map_.width());
    features(map_, Z, K);
    Matrix rotated(Z.rows(), rotation_.cols());
    linalg::gemm(linalg::Op::none, linalg::Op::none, 1.0, K, rotation_, 0.0, rotated);
    return rotated;
  }

 private:
  [[nodiscard]] Vector filter(double lambda) const { return (s_.array() + lambda).inverse(); }

  KernelSections map_;
  Vector w_;
  Matrix rotation_;  // centres × kept
  Matrix Psi_;       // rows × kept
  Vector s_;
};

// Where a target lies: beyond its limits, or so far beyond that it is wild whatever the others say.
enum class Place { inside, beyond, far };

Place place_of(double y, double low, double high) {
  if (y > low && y < high) return Place::inside;
  return y < low - (high - low) || y > high + (high - low) ? Place::far : Place::beyond;
}

// One target: what it is learned from as on the sampled rows, and the fit for others.
struct Robust {
  Vector y;           // sampled rows
  double centre = 0;  // f = centre + Ψ·head
  double median = 0;  // what stands for a target far beyond where the fit knows too little
  Vector head = {};   // of the fit
  double reach = 0;   // 8s; 0 where the fit knows too little to draw in what lies between the limits
  double low_end = -std::numeric_limits<double>::infinity();  // the fit's own ends, from the centre
  double high_end = std::numeric_limits<double>::infinity();

  // What a target counts as, whose fit from the other rows is f (from the centre). A target far out where the fit is at
  // its own end on that side belongs to the function, whose tails it is.
  [[nodiscard]] double counts_as(double raw, double clamped, Place place, double f) const {
    const double r = clamped - centre - f;
    const bool at_an_end = r > 0 ? f > high_end : f < low_end;
    if (place != Place::far && at_an_end) return raw;
    if (!(reach > 0)) return place == Place::far ? median : raw;
    if (std::abs(r) > reach) return centre + f + (place == Place::inside ? std::clamp(r, -reach, reach) : 0.0);
    return clamped;
  }
};

// The fit that says which targets are wild, and what the sampled rows' count as.
Robust robust(const Smoother& smoother, const Vector& raw, const Vector& clamped, const std::vector<Place>& places,
              const Vector& w) {
  Robust result{clamped, w.dot(clamped), weighted_median(clamped, w)};
  const Vector y0 = clamped.array() - result.centre;
  const double all = spread(clamped.array() - result.median, w);
  Vector inside = w;  // of rows between the limits
  for (Index i = 0; i < inside.size(); ++i)
    if (places[static_cast<std::size_t>(i)] != Place::inside) inside[i] = 0;
  Vector y = y0;
  Vector f;                                                // at each row from the others
  double least = std::numeric_limits<double>::infinity();  // mean |r|, of the clamped targets first
  double first = least;
  const auto count_all = [&] {
    for (Index i = 0; i < y.size(); ++i)
      result.y[i] =
          result.counts_as(raw[i], clamped[i], places[static_cast<std::size_t>(i)], f.size() > 0 ? f[i] : 0.0);
  };
  for (int pass = 0; pass < passes; ++pass) {
    // For the λ whose residuals are the smallest.
    least = std::numeric_limits<double>::infinity();
    for (double lambda = 1e-7; lambda < 1; lambda *= 10) {
      Vector head = smoother.head(y, lambda);
      const Vector h = smoother.leverages(lambda);
      if (h.mean() > most_leverage) continue;  // it all but interpolates: its residuals say nothing
      const Vector left = (1 - h.array()).max(least_left);
      const Vector from_others = y - (y - smoother.fitted(head)).cwiseQuotient(left);
      const double error = w.dot((y0 - from_others).cwiseAbs());
      if (!(error < least)) continue;
      least = error;
      f = from_others;
      result.head = std::move(head);
    }
    if (std::isinf(least)) break;
    if (pass == 0) first = least;
    result.low_end = weighted_quantile(f, w, an_end);
    result.high_end = weighted_quantile(f, w, 1 - an_end);
    const double left = spread(y0 - f, w);
    if (!(left > 0) || left > known * all) {
      result.reach = 0;
      break;
    }
    result.reach = std::max(deviations * left, weighted_quantile((y0 - f).cwiseAbs(), inside, 1 - most_drawn));
    for (Index i = 0; i < y.size(); ++i)
      y[i] = result.counts_as(clamped[i], clamped[i], places[static_cast<std::size_t>(i)], f[i]) - result.centre;
  }
  // Of rows that belong to a steep part, others say so.
  if (result.reach > 0 && !(least < first)) result.reach = 0;
  count_all();
  return result;
}

// The standard deviation of residuals, as wide as their middle and their shoulders say, but not the last 5 %: those of
// a steep function have a sharp middle.
double residual_scale(const Vector& r, const Vector& w) {
  const Vector size = r.cwiseAbs();
  return std::max({weighted_quantile(size, w, 0.5) / 0.6745, weighted_quantile(size, w, 0.9) / 1.6449,
                   weighted_quantile(size, w, 0.95) / 1.96});
}

// A fit with the λ of the least mean absolute leave-one-out residual.
struct Fit {
  std::shared_ptr<const Smoother> smoother;
  double lambda = 0;
  double error = std::numeric_limits<double>::infinity();
  Vector left;  // 1 − h
  Vector e;     // y − f
  Vector r;     // y − f₋ᵢ
  Vector head;
};

void fit(const Vector& y, const Vector& w, Fit& result) {
  result.error = std::numeric_limits<double>::infinity();
  for (double lambda = 1e-7; lambda < 1; lambda *= 10) {
    const Vector h = result.smoother->leverages(lambda);
    if (h.mean() > most_leverage) continue;
    Vector head = result.smoother->head(y, lambda);
    Vector e = y - result.smoother->fitted(head);
    Vector r = e.cwiseQuotient((1 - h.array()).max(least_left).matrix());
    const double error = w.dot(r.cwiseAbs());
    if (!(error < result.error)) continue;
    result.error = error;
    result.lambda = lambda;
    result.left = 1 - h.array();
    result.e = std::move(e);
    result.r = std::move(r);
    result.head = std::move(head);
  }
}

// How much better the other rows are predicted without row i than with its target as it is, `by` more than what it
// counts as now: the sum over its standard error. Exact by two rows left out at a time. No row says more than `most`.
double better_without(const Fit& fit, Index i, double by, double most, const std::vector<bool>& wild, const Vector& w) {
  const Vector H = fit.smoother->influence(i, fit.lambda);
  const double left_i = std::max(fit.left[i], 1e-12);
  const double e_i = fit.e[i] + left_i * by;
  double sum = 0;
  double squares = 0;
  for (Index j = 0; j < H.size(); ++j) {
    if (j == i || wild[static_cast<std::size_t>(j)] || !(w[i] > 0)) continue;
    const double e_j = fit.e[j] - H[j] * by;
    const double with = e_j / std::max(fit.left[j], least_left);
    const double both = fit.left[j] * left_i - H[j] * H[j] * w[j] / w[i];
    const double without = (left_i * e_j + H[j] * e_i) / std::max(both, 1e-3);
    const double gain = std::min(std::abs(with), most) - std::min(std::abs(without), most);
    sum += gain;
    squares += gain * gain;
  }
  return squares > 0 ? sum / std::sqrt(squares) : 0.0;
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

// Replaces those of targets y that the other rows are better predicted without by what these say. Returns which rows'.
std::vector<bool> draw_in_what_misleads(const Sampled& rows, Vector& y, const Context& context) {
  const Index n = y.size();
  const std::vector<bool> none(static_cast<std::size_t>(n), false);
  const double median = weighted_median(y, rows.w);
  const Vector y0 = y.array() - median;
  const double all = spread(y0, rows.w);
  // Of a target with tails of its own, what is far off may be one.
  const auto far_out = (y0.array().abs() > misleading * all).count();
  if (static_cast<double>(far_out) > std::max(1.0, most_far_out * static_cast<double>(n))) return none;
  const Vector nearest = nearest_others(rows.Z);
  const double remote = weighted_quantile(nearest, rows.w, 1 - most_remote);
  Vector now = y0;
  std::vector<bool> wild = none;
  Matrix S;
  Fit best;
  for (int pass = 0; pass < misleading_passes; ++pass) {
    const double before = best.error;
    Fit found;
    for (const auto& [q, L] : pass < misleading_rounds ? sharp_kernels : std::vector<std::pair<double, double>>{}) {
      Fit next{std::make_shared<const Smoother>(rows, S, q, L, sharp_centres, context), 0, 0, {}, {}, {}, {}};
      fit(now, rows.w, next);
      if (next.error < found.error) found = std::move(next);
    }
    if (found.error < before) best = std::move(found);
    if (!best.smoother) return none;
    fit(now, rows.w, best);
    if (std::isinf(best.error)) return none;
    const Vector f = now - best.r;
    const Vector r = y0 - f;
    const double left = std::max(residual_scale(best.r, rows.w), least_scale * all);
    const bool knows = left > 0 && left <= known * all;
    if (!knows && pass + 1 >= misleading_rounds) return none;
    std::vector<bool> found_wild(static_cast<std::size_t>(n), false);
    const double reach = std::max(misleading * left, weighted_quantile(r.cwiseAbs(), rows.w, 1 - most_misleading));
    for (Index i = 0; i < n && knows; ++i) {
      if (!(std::abs(r[i]) > reach && nearest[i] <= remote)) continue;
      const double needed = std::max(better, evidence * left / std::abs(r[i]));
      found_wild[static_cast<std::size_t>(i)] = better_without(best, i, y0[i] - now[i], reach, wild, rows.w) > needed;
    }
    const bool settled = found_wild == wild && pass >= misleading_rounds;
    wild = std::move(found_wild);
    for (Index i = 0; i < n; ++i) now[i] = wild[static_cast<std::size_t>(i)] ? f[i] : y0[i];
    if (settled) break;
    if (pass + 1 < misleading_rounds)
      S = refined_coordinates(best.smoother->outer_product(rows, best.head, context), 0.5);
  }
  for (Index i = 0; i < n; ++i)
    if (wild[static_cast<std::size_t>(i)]) y[i] = median + now[i];
  return wild;
}

}  // namespace

RobustTargets robust_targets(const RowSource& rows, const Scaling& scaling, const std::vector<bool>& beyond,
                             const Context& context, bool doubts) {
  Scaling inputs = scaling;
  inputs.y_transforms.clear();
  inputs.y_mean.setZero();
  inputs.y_scale.setOnes();
  const Sampled sample = sampled(rows, inputs, context);
  std::optional<Smoother> smoother;
  std::vector<Robust> targets;
  std::set<Index> misleading_rows;
  for (Index t = 0; t < rows.targets(); ++t) {
    if (beyond[static_cast<std::size_t>(t)]) {
      if (!smoother) smoother.emplace(sample, context);
      std::vector<Place> places;
      for (const double y : sample.raw.col(t)) places.push_back(place_of(y, inputs.y_low[t], inputs.y_high[t]));
      targets.push_back(robust(*smoother, sample.raw.col(t), sample.Y.col(t), places, sample.w));
    } else {
      targets.push_back({sample.raw.col(t)});
    }
    const auto n = static_cast<Index>(sample.rows.size());
    if (doubts && n >= fewest_to_mislead && rows.rows() <= most_to_mislead && rows.targets() <= most_targets) {
      const std::vector<bool> wild = draw_in_what_misleads(sample, targets.back().y, context);
      for (Index i = 0; i < n; ++i)
        if (wild[static_cast<std::size_t>(i)]) misleading_rows.insert(sample.rows[static_cast<std::size_t>(i)]);
    }
  }

  RobustTargets result{{}, {misleading_rows.begin(), misleading_rows.end()}, inputs.y_low, inputs.y_high};
  Block raw;
  std::size_t next = 0;  // of the sample
  for (Index first = 0; first < rows.rows(); first += context.block_rows) {
    context.report("targets", 0.5 + 0.5 * static_cast<double>(first) / static_cast<double>(rows.rows()));
    rows.read(first, std::min(context.block_rows, rows.rows() - first), raw);
    const Matrix Y = inputs.scaled_targets(raw.Y);
    Matrix Psi;
    for (Index i = 0; i < raw.rows(); ++i) {
      const bool in_sample = next < sample.rows.size() && sample.rows[next] == first + i;
      for (Index t = 0; t < rows.targets() && raw.w[i] > 0; ++t) {
        const Robust& target = targets[static_cast<std::size_t>(t)];
        const double own = raw.Y(i, t);
        double y = own;
        if (in_sample) {
          y = target.y[static_cast<Index>(next)];
        } else if (beyond[static_cast<std::size_t>(t)]) {
          if (Psi.size() == 0 && target.head.size() > 0) {
            Matrix Z;
            inputs.apply(raw.X, Z);
            Psi = smoother->at(Z);
          }
          const double f = target.head.size() > 0 ? Psi.row(i).dot(target.head) : 0.0;
          y = target.counts_as(own, Y(i, t), place_of(own, inputs.y_low[t], inputs.y_high[t]), f);
        }
        if (y != own) result.drawn.push_back({first + i, t, y});
        result.low[t] = std::min(result.low[t], y);
        result.high[t] = std::max(result.high[t], y);
      }
      if (in_sample) ++next;
    }
  }
  context.report("targets", 1.0);
  return result;
}

}  // namespace sextant
