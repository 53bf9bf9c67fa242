#include "method/leaf_partition.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "core/among_ranks.h"
#include "core/linalg.h"
#include "core/parallel.h"
#include "core/vector_math.h"
#include "passes/parts.h"
#include "sextant/error.h"
#include "sextant/random.h"
#include "sextant/refine.h"

namespace sextant {
namespace {

constexpr Index direction_rows = 1000;   // of a node, that its direction is drawn from
constexpr Index gradient_rows = 500;     // of a leaf, whose gradients are taken
constexpr double local_power = 0.25;     // of a leaf's own outer product
constexpr double most_jitter = 1e6;      // times λ
constexpr Index draws_of_a_node = 1024;  // ≥ direction_rows, even

double along(const float* z, const double* g, Index q) {
  double sum = 0;
  for (Index j = 0; j < q; ++j) sum += static_cast<double>(z[j]) * g[j];
  return sum;
}

// Rows by their coordinate along g, ties by their number.
using Placed = std::vector<std::pair<double, Index>>;

Placed placed_along(const SingleMatrix& Z, const std::vector<Index>& rows, const Vector& g) {
  Placed placed(rows.size());
  for (std::size_t i = 0; i < rows.size(); ++i)
    placed[i] = {along(Z.data() + rows[i] * Z.cols(), g.data(), Z.cols()), rows[i]};
  return placed;
}

// The first or last `count` of them, ascending by number: a row's place in memory is where neighbours are read from.
std::vector<Index> side(Placed& placed, std::size_t count, bool low) {
  const std::size_t begin = low ? 0 : placed.size() - count;
  const auto middle = placed.begin() + static_cast<std::ptrdiff_t>(low ? count : begin);
  if (middle != placed.end()) std::nth_element(placed.begin(), middle, placed.end());
  std::vector<Index> rows(count);
  for (std::size_t i = 0; i < count; ++i) rows[i] = placed[begin + i].second;
  std::sort(rows.begin(), rows.end());
  return rows;
}

// Levels of a tree whose children have so much of their parents' rows.
int depth_for(Index n, double child, Index most) {
  int depth = 0;
  for (double rows = static_cast<double>(n); rows > static_cast<double>(most) && depth < 24; rows = child * rows)
    ++depth;
  return depth;
}

}  // namespace

GatheredRows gather_rows(const RowSource& source, bool ordered, const Context& context) {
  GatheredRows rows;
  rows.ordered = ordered;
  const std::vector<Index> groups = source.groups();
  const Index n = source.rows();
  rows.X.resize(n, source.inputs());
  rows.Y.resize(n, source.targets());
  rows.w.resize(n);
  Index taken = 0;
  Block block;
  for (Index first = 0; first < n; first += context.block_rows) {
    source.read(first, std::min(context.block_rows, n - first), block);
    for (Index i = 0; i < block.rows(); ++i) {
      if (!(block.w[i] > 0)) continue;
      rows.X.row(taken) = block.X.row(i).cast<float>();
      rows.Y.row(taken) = block.Y.row(i);
      rows.w[taken] = block.w[i];
      if (!groups.empty()) rows.groups.push_back(groups[static_cast<std::size_t>(first + i)]);
      ++taken;
    }
  }
  rows.X.conservativeResize(taken, Eigen::NoChange);
  rows.Y.conservativeResize(taken, Eigen::NoChange);
  rows.w.conservativeResize(taken);
  rows.mean = from_first_rank(context, [&] { return Vector(rows.Y.transpose() * rows.w / rows.w.sum()); });
  rows.Y.rowwise() -= rows.mean.transpose();
  rows.w /= rows.w.mean();
  return rows;
}

Vector random_direction(const SingleMatrix& Z, const std::vector<Index>& rows, std::uint64_t seed, std::uint64_t draw) {
  const auto n = static_cast<Index>(rows.size());
  const Index count = std::min(n, direction_rows);
  std::vector<double> epsilon(static_cast<std::size_t>(count + count % 2));
  Stream(seed, Purpose::leaves).fill_normal(draw * draws_of_a_node, epsilon);
  Vector mean = Vector::Zero(Z.cols());
  Vector sum = Vector::Zero(Z.cols());
  double of_epsilon = 0;
  for (Index i = 0; i < count; ++i) {
    const float* const z = Z.data() + rows[static_cast<std::size_t>(i * n / count)] * Z.cols();
    const double e = epsilon[static_cast<std::size_t>(i)];
    of_epsilon += e;
    for (Index j = 0; j < Z.cols(); ++j) {
      const auto value = static_cast<double>(z[j]);
      mean[j] += value;
      sum[j] += e * value;
    }
  }
  return (sum - mean * (of_epsilon / static_cast<double>(count))) / std::sqrt(static_cast<double>(count));
}

std::vector<Index> random_leaf(const SingleMatrix& X, const Matrix& S, Index most, std::uint64_t seed, Index number) {
  constexpr std::uint64_t apart = std::uint64_t{1} << 40;  // of partitions, whose draws are numbered from 0
  std::vector<Index> rows(static_cast<std::size_t>(X.rows()));
  std::iota(rows.begin(), rows.end(), Index{0});
  for (std::uint64_t level = 0; static_cast<Index>(rows.size()) > most; ++level) {
    const std::uint64_t draw = apart + static_cast<std::uint64_t>(number) * 64 + level;
    // z = Sx varies along Sg where x varies along g, and z·Sg = x·SᵀSg: coordinates of all rows need not be held.
    const Vector g = S.transpose() * (S * random_direction(X, rows, seed, draw));
    Placed placed = placed_along(X, rows, g);
    const bool low = Stream(seed, Purpose::leaf_rows).sign(apart + draw) < 0;
    rows = side(placed, std::max<std::size_t>(1, placed.size() / 2), low);
  }
  return rows;
}

namespace {

// The tree over rows Z, and who is in its leaves.
LeafMachine tree_over(const SingleMatrix& Z, const PartitionOptions& options, const Context& context) {
  const Index n = Z.rows();
  const double child = 0.5 + options.overlap / 2;
  const int depth = depth_for(n, child, options.most);
  const Index nodes = (Index{1} << depth) - 1;
  LeafMachine machine;
  machine.directions.resize(nodes, Z.cols());
  machine.thresholds.resize(nodes);
  std::vector<std::vector<Index>> level(1, std::vector<Index>(static_cast<std::size_t>(n)));
  std::iota(level.front().begin(), level.front().end(), Index{0});
  for (int at = 0; at < depth; ++at) {
    std::vector<std::vector<Index>> next(2 * level.size());
    const Index before = (Index{1} << at) - 1;
    parallel_tiles(context.thread_count(), static_cast<Index>(level.size()), [&](Index tile) {
      const Index node = before + tile;
      std::vector<Index>& own = level[static_cast<std::size_t>(tile)];
      const std::uint64_t draw = (static_cast<std::uint64_t>(options.number) << 25) + static_cast<std::uint64_t>(node);
      const Vector g = random_direction(Z, own, options.seed, draw);
      Placed placed = placed_along(Z, own, g);
      const std::size_t size = placed.size();
      const auto middle = placed.begin() + static_cast<std::ptrdiff_t>((size - 1) / 2);
      std::nth_element(placed.begin(), middle, placed.end());
      machine.directions.row(node) = g.transpose();
      machine.thresholds[node] = middle->first;
      const auto count = std::min(size, static_cast<std::size_t>(std::ceil(child * static_cast<double>(size))));
      next[static_cast<std::size_t>(2 * tile)] = side(placed, count, true);
      next[static_cast<std::size_t>(2 * tile + 1)] = side(placed, count, false);
      own = {};
    });
    level = std::move(next);
  }
  for (const std::vector<Index>& leaf : level) {
    for (const Index row : leaf) machine.members.push_back(static_cast<std::int32_t>(row));
    machine.first.push_back(static_cast<Index>(machine.members.size()));
  }
  return machine;
}

}  // namespace

LeafMachine partition(std::shared_ptr<const SingleMatrix> rows, const PartitionOptions& options,
                      const Context& context) {
  LeafMachine machine = from_first_rank(context, [&](const Context& own) { return tree_over(*rows, options, own); });
  machine.rows = std::move(rows);
  return machine;
}

Matrix solve_leaf(const Kernel& kernel, const Matrix& Z, const MatrixView& Y, const VectorView& w, double lambda) {
  Matrix K(Z.rows(), Z.rows());
  kernel_matrix(kernel, Z, Z, K);
  for (double factor = 1; factor <= most_jitter; factor *= 10) {
    Matrix shifted = K;
    shifted.diagonal().array() += factor * lambda / w.array();
    if (const auto cholesky = linalg::Cholesky::of(std::move(shifted), "leaf")) return cholesky->solve(Y);
  }
  throw NumericalError(
      fmt::format("leaf: a kernel matrix of {} rows is not positive definite with λ = {:.3g}", Z.rows(), lambda));
}

Matrix leaf_outer_product(const Kernel& kernel, const Matrix& Z_at, const Matrix& Z, const Matrix& a) {
  Matrix A = Matrix::Zero(Z.cols(), Z.cols());
  Matrix G(Z_at.rows(), Z.cols());
  for (Index t = 0; t < a.cols(); ++t) {
    kernel_gradient(kernel, Z_at, Z, a.col(t), G);
    linalg::gemm(linalg::Op::transpose, linalg::Op::none, 1.0 / static_cast<double>(Z_at.rows()), G, G, 1.0, A);
  }
  return A;
}

namespace {

// What a leaf learns: its head m×k and, where it has coordinates of its own, T.
struct LearnedLeaf {
  Matrix a;
  Matrix T;
};
auto parts(LearnedLeaf& leaf) { return std::tie(leaf.a, leaf.T); }

LearnedLeaf learned_leaf(const LeafMachine& machine, Index leaf, const Matrix& Y, const Vector& w, const LeafFit& fit) {
  const auto begin = machine.members.begin() + machine.first[static_cast<std::size_t>(leaf)];
  const Index m = machine.first[static_cast<std::size_t>(leaf) + 1] - machine.first[static_cast<std::size_t>(leaf)];
  const std::vector<std::int32_t> own(begin, begin + m);
  const Matrix Z = machine.centres(leaf);  // no coordinates of its own yet
  const Matrix y = Y(own, Eigen::all);
  const Vector weights = w(own);
  if (fit.local_rounds == 0) return {solve_leaf(fit.kernel, Z, y, weights, fit.lambda), {}};
  Matrix T = Matrix::Identity(Z.cols(), Z.cols());
  Matrix at = Z;
  const double typical = median_distance(Z);
  for (Index round = 0; round < fit.local_rounds; ++round) {
    const Matrix head = solve_leaf(fit.kernel, at, y, weights, fit.lambda);
    const Index step = std::max<Index>(1, (m + gradient_rows - 1) / gradient_rows);
    const Matrix A = leaf_outer_product(fit.kernel, at(Eigen::seq(0, m - 1, step), Eigen::all), at, head);
    T = refined_coordinates(T.transpose() * A * T, local_power);
    at = Z * T.transpose();
    const double scale = typical / median_distance(at);
    T *= scale;
    at *= scale;
  }
  return {solve_leaf(fit.kernel, at, y, weights, fit.lambda), T};
}

}  // namespace

Matrix fit_leaves(LeafMachine& machine, const Matrix& Y, const Vector& w, const LeafFit& fit, const Context& context) {
  machine.kernel = fit.kernel;
  machine.local.clear();
  Matrix a = Matrix::Zero(machine.width(), Y.cols());
  std::vector<Matrix> local(static_cast<std::size_t>(fit.local_rounds > 0 ? machine.leaves() : 0));
  const Index count = (machine.leaves() + fit.every - 1) / fit.every;
  among_ranks(
      context, count, [&](Index at) { return learned_leaf(machine, at * fit.every, Y, w, fit); },
      [&](Index at, LearnedLeaf&& learned) {
        const auto leaf = static_cast<std::size_t>(at * fit.every);
        a.middleRows(machine.first[leaf], learned.a.rows()) = learned.a;
        if (fit.local_rounds > 0) local[leaf] = std::move(learned.T);
      });
  machine.local = std::move(local);
  return a;
}

double partition_cost(Index n, Index q, const PartitionOptions& options) {
  const double child = 0.5 + options.overlap / 2;
  const int depth = depth_for(n, child, options.most);
  auto m = static_cast<double>(n);
  for (int level = 0; level < depth; ++level) m *= child;  // no power: the ranks' must be the same to the last bit
  const double leaves = std::ldexp(1.0, depth);
  return leaves * (m * m * m / 3 + m * m * (static_cast<double>(q) + exponential_cost)) +
         static_cast<double>(n) * static_cast<double>(q) * depth * 2;
}

}  // namespace sextant
