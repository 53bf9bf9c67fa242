#include "sextant/footprint.h"

#include <cmath>

#include "model/model_tensors.h"

namespace sextant {
namespace {

double count(Index n) { return static_cast<double>(n); }

double of(const ReluNetwork& network, double k) { return count(network.W.size()) + count(network.width()) * k; }
double of(const LinearisedNetwork& network, double k) { return count(network.W.size()) + count(network.width()) * k; }
double of(const HermiteFeatures& hermite, double k) {
  return count(hermite.U.size()) + count(hermite.width()) * (1 + k);
}
// Of P centres in q coordinates.
double of_kernel(double P, double q, double k) { return P * (q + exponential_multiply_adds + k); }
double of(const KernelSections& sections, double k) {
  return count(sections.S.size()) + of_kernel(count(sections.width()), count(sections.centres.cols()), k);
}
double of(const LeafMachine& machine, double k) {
  const double leaves = count(machine.leaves());
  const double q = count(machine.S.rows());
  return count(machine.S.size()) + std::log2(leaves) * q + (machine.local.empty() ? 0 : q * q) +
         of_kernel(count(machine.width()) / leaves, q, k);
}

}  // namespace

double multiply_adds(const Predictor& predictor) {
  const double lift = predictor.lift ? count(predictor.lift->coordinates()) : 0;
  return lift + std::visit([&](const auto& map) { return of(map, count(predictor.a.cols())); }, predictor.map);
}

bool stores_training_rows(const Predictor& predictor) {
  return std::holds_alternative<KernelSections>(predictor.map) || std::holds_alternative<LeafMachine>(predictor.map);
}

Footprint footprint(const Model& model) {
  Footprint found;
  found.bytes = tensor_bytes(model);
  found.multiply_adds = count(model.linear.beta.size());
  for (const Predictor& predictor : model.predictors) {
    found.multiply_adds += multiply_adds(predictor);
    found.training_rows = found.training_rows || stores_training_rows(predictor);
  }
  return found;
}

}  // namespace sextant
