#include "sextant/network.h"

#include <fmt/core.h>

#include <cmath>

#include "core/from_first_rank.h"
#include "passes/dependencies.h"
#include "sextant/error.h"
#include "sextant/passes.h"
#include "sextant/random.h"
#include "sextant/subspace.h"

namespace sextant {

static auto parts(SymmetricStart& start) { return std::tie(start.W, start.a); }

SymmetricStart symmetric_start(Index width, Index inputs, Index targets, std::uint64_t seed) {
  SymmetricStart start;
  start.W =
      Stream(seed, Purpose::first_layer).normal_matrix(width / 2, inputs) / std::sqrt(static_cast<double>(inputs));
  const Stream signs(seed, Purpose::output_signs);
  start.a.resize(width / 2, targets);
  for (Index i = 0; i < start.a.size(); ++i) start.a.data()[i] = signs.sign(static_cast<std::uint64_t>(i));
  return start;
}

double step_size(const FitOptions& options, Index inputs) {
  return options.eta.value_or(std::sqrt(static_cast<double>(inputs) * static_cast<double>(options.rank.value_or(1))));
}

namespace {

// Rows whose targets have a network's output taken off.
class ResidualSource final : public RowSource {
 public:
  ResidualSource(const RowSource& rows, const ReluNetwork& network, const Matrix& a)
      : rows_(rows), map_(network), a_(a) {}
  [[nodiscard]] Index rows() const override { return rows_.rows(); }
  [[nodiscard]] Index inputs() const override { return rows_.inputs(); }
  [[nodiscard]] Index targets() const override { return rows_.targets(); }
  void read(Index first, Index count, Block& block) const override {
    rows_.read(first, count, block);
    add_outputs(map_, block.X, a_, -1.0, block.Y);
  }

 private:
  [[nodiscard]] std::uint64_t find_fingerprint() const override {
    Dependencies dependencies;
    dependencies.add(map_);
    dependencies.add(a_);
    Fingerprint fingerprint;
    fingerprint.mix("residuals");
    fingerprint.mix(rows_.fingerprint());
    dependencies.mix_into(fingerprint);
    return fingerprint.value();
  }

  const RowSource& rows_;
  FeatureMap map_;
  const Matrix& a_;
};

Vector biases(const FitOptions& options, double beta) {
  return beta * Stream(options.seed, Purpose::biases).normal_vector(options.width);
}

// The rows of `half` and their mirrors, which are `sign` times them.
Matrix mirrored(const Matrix& half, double sign) {
  Matrix all(2 * half.rows(), half.cols());
  all << half, sign * half;
  return all;
}

}  // namespace

ReluNetwork one_step(const RowSource& source, const LinearPart& linear, const FitOptions& options,
                     const Context& context) {
  const Index m = options.width;
  const Index d = source.inputs();
  const bool symmetric = options.symmetric_or_default();
  // Without mirrors every unit is distinct: the distinct half of a start twice as wide.
  const SymmetricStart start = from_first_rank(
      context, [&] { return symmetric_start(symmetric ? m : 2 * m, d, source.targets(), options.seed); });
  const double eta = step_size(options, d);
  const double root_k = std::sqrt(static_cast<double>(source.targets()));
  Matrix step;
  if (symmetric) {
    step = (2.0 * eta / root_k) * first_layer_gradient(source, linear, start.W, start.a, context, options.precision);
  } else {
    const Matrix a = start.a / root_k;
    const ResidualSource residual(source, {start.W, Vector::Zero(m), false}, a);
    step = (2.0 * eta / root_k) * first_layer_gradient(residual, linear, start.W, start.a, context, options.precision);
  }

  ReluNetwork network;
  const double kept = options.first_layer_decay ? 1.0 - eta * *options.first_layer_decay : 0.0;
  network.mirrored = symmetric && kept == 0.0;
  if (network.mirrored) {
    network.W = step;
  } else if (symmetric) {
    network.W = mirrored(step, -1.0) + kept * mirrored(start.W, 1.0);
  } else {
    network.W = kept * start.W + step;
  }
  network.b = options.redraw_biases ? from_first_rank(context, [&] { return biases(options, 1.0); }) : Vector::Zero(m);
  return network;
}

ReluNetwork random_network(const FitOptions& options, Index inputs) {
  const bool symmetric = options.symmetric_or_default();
  const Index m = options.width;
  // The start's output signs play no part: the head is fitted.
  const Matrix W = symmetric_start(symmetric ? m : 2 * m, inputs, 1, options.seed).W;
  return {symmetric ? mirrored(W, 1.0) : W, biases(options, options.bias_or_default()), false};
}

ReluNetwork random_network_within(const Matrix& U, const FitOptions& options, Index inputs) {
  if (U.cols() != inputs)
    throw InvalidArgument(
        fmt::format("subspace: {} columns given, expected {}: one per input that varies", U.cols(), inputs));
  const Matrix V = orthonormal_basis(U, "subspace:");
  // √d times the rows of a random network are standard normal in R^d; VᵀV does not know which basis V is.
  ReluNetwork network = random_network(options, inputs);
  const double scale = std::sqrt(static_cast<double>(inputs) / static_cast<double>(V.rows()));
  network.W = scale * (network.W * V.transpose()) * V;
  return network;
}

LinearisedNetwork linearised_network(const FitOptions& options, Index inputs) {
  const bool symmetric = options.symmetric_or_default();
  const Index m = options.width;
  const SymmetricStart start = symmetric_start(symmetric ? m : 2 * m, inputs, 1, options.seed);
  LinearisedNetwork network;
  network.W = symmetric ? mirrored(start.W, 1.0) : start.W;
  network.a = symmetric ? mirrored(start.a, -1.0) : start.a;
  network.b = biases(options, options.bias_or_default());
  // A mirror has the bias of its unit, or the start would not be 0.
  if (symmetric) network.b.tail(m / 2) = network.b.head(m / 2);
  network.blocks = options.ntk_blocks;
  network.gradient_scale = 1.0 / std::sqrt(static_cast<double>(m));
  network.unit_scale = options.ntk_scale == NtkScale::standard ? 1.0 : network.gradient_scale;
  return network;
}

}  // namespace sextant
