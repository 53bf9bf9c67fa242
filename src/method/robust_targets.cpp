#include "method/robust_targets.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <utility>

#include "core/linalg.h"
#include "core/parallel.h"
#include "method/robust_scale.h"
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
constexpr double deviations = 8;
constexpr double most_drawn = 0.005;  // of the rows: residuals of a smooth fit have tails of their own
constexpr int passes = 3;
constexpr double an_end = 0.03;  // of the rows lie at either end of the fit
constexpr double known = 0.5;    // of the targets' spread: a fit that leaves more does not know what is wild

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
      : map_(kernel_along({}, {exponent, bandwidth}, GatheredSource(rows.Z, rows.Y, rows.w), most_centres, context)),
        w_(rows.w) {
    const SingleThreadedBlas guard;
    Matrix K(map_.width(), map_.width());
    features(map_, map_.centres, K);
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

}  // namespace

RobustTargets robust_targets(const RowSource& rows, const Scaling& scaling, const std::vector<bool>& beyond,
                             const Context& context) {
  Scaling inputs = scaling;
  inputs.y_transforms.clear();
  inputs.y_mean.setZero();
  inputs.y_scale.setOnes();
  const Sampled sample = sampled(rows, inputs, context);
  std::optional<Smoother> smoother;
  std::vector<Robust> targets;
  for (Index t = 0; t < rows.targets(); ++t) {
    if (beyond[static_cast<std::size_t>(t)]) {
      if (!smoother) smoother.emplace(sample, context);
      std::vector<Place> places;
      for (const double y : sample.raw.col(t)) places.push_back(place_of(y, inputs.y_low[t], inputs.y_high[t]));
      targets.push_back(robust(*smoother, sample.raw.col(t), sample.Y.col(t), places, sample.w));
    } else {
      targets.push_back({sample.raw.col(t)});
    }
  }

  RobustTargets result{{}, {}, inputs.y_low, inputs.y_high};
  Block raw;
  std::size_t next = 0;  // of the sample
  for (Index first = 0; first < rows.rows(); first += context.block_rows) {
    context.report("targets", 0.5 + 0.5 * static_cast<double>(first) / static_cast<double>(rows.rows()));
    rows.read(first, std::min(context.block_rows, rows.rows() - first), raw);
    const Matrix Y = inputs.scaled_targets(raw.Y);
    Matrix Psi;
    for (Index i = 0; i < raw.rows(); ++i) {
      const bool in_sample = next < sample.rows.size() && sample.rows[next] == first + i;
      Index silent = 0;
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
        if (own != Y(i, t) && y != own && y != Y(i, t)) ++silent;
        result.low[t] = std::min(result.low[t], y);
        result.high[t] = std::max(result.high[t], y);
      }
      if (silent == rows.targets()) result.silent.push_back(first + i);
      if (in_sample) ++next;
    }
  }
  context.report("targets", 1.0);
  return result;
}

}  // namespace sextant
