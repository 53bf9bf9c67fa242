#include "sextant/network.h"

#include <cmath>

#include "sextant/passes.h"
#include "sextant/random.h"

namespace sextant {

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

ReluNetwork one_step(const RowSource& source, const LinearPart& linear, const FitOptions& options,
                     const Context& context) {
  const Index m = options.width;
  const SymmetricStart start = symmetric_start(m, source.inputs(), source.targets(), options.seed);
  const double eta = step_size(options, source.inputs());
  const double k = static_cast<double>(source.targets());
  const Matrix step = (2.0 * eta / std::sqrt(k)) * first_layer_gradient(source, linear, start.W, start.a, context);

  ReluNetwork network;
  const double kept = options.first_layer_decay ? 1.0 - eta * *options.first_layer_decay : 0.0;
  network.mirrored = kept == 0.0;
  if (network.mirrored) {
    network.W = step;
  } else {
    network.W.resize(m, source.inputs());
    network.W << kept * start.W + step, kept * start.W - step;
  }
  network.b = options.redraw_biases ? Stream(options.seed, Purpose::biases).normal_vector(m) : Vector::Zero(m);
  return network;
}

ReluNetwork random_network(Index width, Index inputs, std::uint64_t seed) {
  // The start's output signs play no part: the head is fitted.
  return {symmetric_start(width, inputs, 1, seed).W, Stream(seed, Purpose::biases).normal_vector(width), true};
}

}  // namespace sextant
