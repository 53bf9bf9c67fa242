#include "sextant/rank_test.h"

#include <fmt/core.h>

#include <Eigen/QR>
#include <algorithm>
#include <cmath>
#include <utility>

#include "core/linalg.h"
#include "core/memory.h"
#include "core/parallel.h"
#include "core/ties.h"
#include "sextant/error.h"
#include "sextant/passes.h"
#include "sextant/random.h"
#include "sextant/subspace.h"

namespace sextant {
namespace {

constexpr double dropped = 1e-10;       // of the largest eigenvalue of Σ̂
constexpr double batch_bytes = 0x1p28;  // of permuted targets and their sums at a time

// Σ̂ = V diag(s) Vᵀ without negligible eigenvalues.
struct Whitening {
  Matrix W;        // p×d: z = W(x − x̄), W = diag(s)^{−1/2} Vᵀ
  Matrix inverse;  // d×d: Σ̂⁺ = WᵀW

  explicit Whitening(const Matrix& covariance) {
    const auto eigen = linalg::symmetric_eigen(covariance, "rank test");
    const Index d = covariance.rows();
    const double floor = d == 0 ? 0.0 : dropped * std::max(0.0, eigen.values[d - 1]);
    const Index p = (eigen.values.array() > floor).count();
    W = eigen.values.tail(p).cwiseSqrt().cwiseInverse().asDiagonal() * eigen.vectors.rightCols(p).transpose();
    inverse = W.transpose() * W;
  }
};

// The targets of the rows with positive weight, and where these rows are.
struct Targets {
  Matrix Y;                   // all rows×k
  std::vector<Index> counts;  // rows with positive weight
};

Targets gathered_targets(const RowSource& source, const Context& context) {
  Targets targets{Matrix::Zero(source.rows(), source.targets()), {}};
  Block block;
  for (Index first = 0; first < source.rows(); first += context.block_rows) {
    source.read(first, std::min(context.block_rows, source.rows() - first), block);
    for (Index i = 0; i < block.rows(); ++i) {
      if (!(block.w[i] > 0)) continue;
      targets.Y.row(first + i) = block.Y.row(i);
      targets.counts.push_back(first + i);
    }
  }
  return targets;
}

// One block of G: p×1 or p×p.
struct Sign {
  DirectionSign sign;
  Index target;
};

// The blocks of the table as it is (0) and of its permutations (1 … B), whitened.
class Dealings {
 public:
  Dealings(const RowSource& source, const Moments& of_rows, const Whitening& whitening, const Targets& targets,
           const RankTestOptions& options, const Context& context)
      : blocks_(static_cast<std::size_t>(options.permutations + 1)) {
    const Index k = source.targets();
    const double d = static_cast<double>(source.inputs());
    const double each = 16.0 * static_cast<double>(source.rows()) + 48.0 * d * d;
    const auto batch =
        static_cast<Index>(std::clamp(batch_bytes / each, 1.0, static_cast<double>(options.permutations) + 1));
    for (Index t = 0; t < k; ++t)
      for (const DirectionSign sign : {DirectionSign::slope, DirectionSign::clipped, DirectionSign::magnitude})
        signs_.push_back({sign, t});
    const Matrix& W = whitening.W;
    for (Index first = 0; first <= options.permutations; first += batch) {
      const Index count = std::min(batch, options.permutations + 1 - first);
      std::vector<std::vector<Index>> orders;
      for (Index b = first; b < first + count; ++b) orders.push_back(order(targets, options.seed, b));
      for (Index t = 0; t < k; ++t) {
        Matrix dealt = Matrix::Zero(source.rows(), count);
        for (Index b = 0; b < count; ++b)
          for (std::size_t i = 0; i < targets.counts.size(); ++i)
            dealt(targets.counts[i], b) = targets.Y(orders[static_cast<std::size_t>(b)][i], t);
        const ResponseMoments moments = response_moments(source, of_rows, whitening.inverse, dealt, context);
        parallel_tiles(context.thread_count(), count, [&](Index b) {
          auto& blocks = blocks_[static_cast<std::size_t>(first + b)];
          const auto at = static_cast<std::size_t>(b);
          blocks.resize(signs_.size());
          const auto place = static_cast<std::size_t>(3 * t);
          blocks[place] = W * moments.cross.row(b).transpose();
          blocks[place + 1] = W * moments.clipped[at] * W.transpose();
          blocks[place + 2] = W * moments.magnitude[at] * W.transpose();
        });
      }
    }
  }

  [[nodiscard]] const std::vector<Sign>& signs() const { return signs_; }
  [[nodiscard]] Index count() const { return static_cast<Index>(blocks_.size()); }
  [[nodiscard]] const Matrix& block(Index dealing, std::size_t l) const {
    return blocks_[static_cast<std::size_t>(dealing)][l];
  }

  // ‖QᵀG_l‖ of every dealing and block, dealings×blocks.
  [[nodiscard]] Matrix norms(const Matrix& Q, const Context& context) const {
    Matrix result(count(), static_cast<Index>(signs_.size()));
    parallel_tiles(context.thread_count(), count(), [&](Index b) {
      for (std::size_t l = 0; l < signs_.size(); ++l) {
        const Matrix left = Q.transpose() * block(b, l);
        double square = 0;
        if (left.cols() == 1)
          square = left.squaredNorm();
        else
          square = linalg::largest_eigenvalue(left * left.transpose(), "rank test");
        result(b, static_cast<Index>(l)) = std::sqrt(std::max(0.0, square));
      }
    });
    return result;
  }

 private:
  // Which row each row with positive weight gets its target from.
  static std::vector<Index> order(const Targets& targets, std::uint64_t seed, Index dealing) {
    if (dealing == 0) return targets.counts;
    const auto n = static_cast<Index>(targets.counts.size());
    auto order = Stream(seed, Purpose::dealings).permutation(static_cast<std::uint64_t>((dealing - 1) * n), n);
    for (Index& i : order) i = targets.counts[static_cast<std::size_t>(i)];
    return order;
  }

  std::vector<Sign> signs_;
  std::vector<std::vector<Matrix>> blocks_;  // by dealing, then as signs_
};

double median(Vector values) {
  const Index middle = values.size() / 2;
  std::nth_element(values.begin(), values.begin() + middle, values.end());
  return values[middle];
}

}  // namespace

const char* name(DirectionSign sign) {
  switch (sign) {
    case DirectionSign::slope:
      return "slope";
    case DirectionSign::clipped:
      return "clipped";
    case DirectionSign::magnitude:
      return "magnitude";
  }
  return "";
}

void RankTestOptions::check() const {
  if (permutations < 1) throw InvalidArgument(fmt::format("permutations: {} given, expected at least 1", permutations));
  if (!(level > 0 && level < 1))
    throw InvalidArgument(fmt::format("level: {} given, expected a number between 0 and 1", level));
  if (level * (static_cast<double>(permutations) + 1) < 1 - 1e-9)
    throw InvalidArgument(
        fmt::format("permutations: {} given, expected at least {:.0f}: fewer can never reject at level {}",
                    permutations, std::ceil(1 / level - 1e-9) - 1, level));
  if (most < 1) throw InvalidArgument(fmt::format("most: {} given, expected at least 1", most));
}

RankTest rank_test(const RowSource& source, const RankTestOptions& options, const Context& context) {
  options.check();
  context.check();
  if (constexpr Index many = 2000; source.inputs() > std::max(many, source.rows()))
    throw DataError(fmt::format("rank test: {} rows for {} inputs, expected no more inputs than rows", source.rows(),
                                source.inputs()));
  const SingleThreadedBlas guard;
  const Moments of_rows = moments(source, context);
  const Whitening whitening(of_rows.xx);
  const Index p = whitening.W.rows();
  const Index k = source.targets();
  if (k < 1) throw InvalidArgument("rank test: the data has no target, expected at least 1");
  if (of_rows.rows < 2 * (p + 1))
    throw DataError(fmt::format("rank test: {} rows for {} inputs that vary independently, expected at least {}",
                                of_rows.rows, p, 2 * (p + 1)));
  const double bytes = 16.0 * (static_cast<double>(options.permutations) + 1) * static_cast<double>(k) *
                           static_cast<double>(p) * static_cast<double>(p) +
                       8.0 * static_cast<double>(source.rows()) * static_cast<double>(k);
  if (bytes + batch_bytes > physical_memory())
    throw DataError(
        fmt::format("rank test: {} permutations of {} inputs need {:.0f} GiB, expected what fits in this "
                    "machine's {:.0f} GiB; use fewer permutations",
                    options.permutations, p, bytes / 0x1p30, physical_memory() / 0x1p30));

  const Targets targets = gathered_targets(source, context);
  const Dealings dealings(source, of_rows, whitening, targets, options, context);
  const auto blocks = static_cast<Index>(dealings.signs().size());

  RankTest result;
  result.rows = of_rows.rows;
  result.options = options;
  // c_l, the noise of each block, and the left singular vectors of G. A block without noise says nothing.
  Matrix norms = dealings.norms(Matrix::Identity(p, p), context);
  Vector noise(blocks);
  Matrix GG = Matrix::Zero(p, p);
  for (Index l = 0; l < blocks; ++l) {
    noise[l] = median(norms.col(l));
    if (!(noise[l] > 0)) continue;
    const Matrix& G = dealings.block(0, static_cast<std::size_t>(l));
    GG += G * G.transpose() / (noise[l] * noise[l]);
  }
  const Matrix leading = linalg::symmetric_eigen(GG, "rank test").vectors.rowwise().reverse();

  const auto critical = static_cast<Index>(std::floor(options.level * static_cast<double>(dealings.count()) + 1e-9));
  for (Index j = 0; j < std::min(p, options.most); ++j) {
    context.report("rank", static_cast<double>(j) / static_cast<double>(std::min(p, options.most)));
    if (j > 0) norms = dealings.norms(leading.rightCols(p - j), context);
    for (Index l = 0; l < blocks; ++l) norms.col(l) *= noise[l] > 0 ? 1 / noise[l] : 0.0;
    RankStep step;
    step.statistic = norms.row(0).maxCoeff();
    Index best = 0;
    while (clearly_less(norms(0, best), step.statistic)) ++best;
    step.sign = dealings.signs()[static_cast<std::size_t>(best)].sign;
    step.target = dealings.signs()[static_cast<std::size_t>(best)].target;
    Vector permuted = norms.bottomRows(options.permutations).rowwise().maxCoeff();
    const auto as_large = std::ranges::count_if(permuted, [&](double s) { return !clearly_less(s, step.statistic); });
    step.p = (1.0 + static_cast<double>(as_large)) / static_cast<double>(dealings.count());
    std::sort(permuted.begin(), permuted.end());
    step.threshold = permuted[options.permutations - critical];
    result.steps.push_back(step);
    if (step.p > options.level * (1 + 1e-9)) break;
    ++result.rank;
  }
  context.report("rank", 1.0);
  result.directions = Matrix(0, source.inputs());
  if (result.rank > 0)
    result.directions =
        orthonormal_basis(leading.leftCols(result.rank).transpose() * whitening.W, "rank test: its directions");
  return result;
}

}  // namespace sextant
