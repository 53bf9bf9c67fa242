#include "passes/dependencies.h"

#include <variant>

namespace sextant {

void Dependencies::add(const std::vector<double>& numbers) {
  add(static_cast<double>(numbers.size()));
  numbers_.insert(numbers_.end(), numbers.begin(), numbers.end());
}

void Dependencies::add(const MatrixView& matrix) {
  arrays_.push_back({matrix.data(), matrix.rows(), matrix.cols(), matrix.outerStride()});
}

void Dependencies::add(const Vector& vector) { arrays_.push_back({vector.data(), 1, vector.size(), vector.size()}); }

void Dependencies::add(const LinearPart& linear) {
  add(linear.alpha);
  add(linear.beta);
}

void Dependencies::add(const FeatureMap& map) {
  add(static_cast<double>(map.index()));
  if (const auto* network = std::get_if<ReluNetwork>(&map)) {
    add(network->W);
    add(network->b);
    add(network->mirrored ? 1.0 : 0.0);
  } else if (const auto* linearised = std::get_if<LinearisedNetwork>(&map)) {
    add(linearised->W);
    add(linearised->b);
    add(linearised->a);
    for (const bool block : {linearised->blocks.a, linearised->blocks.W, linearised->blocks.b}) add(block ? 1.0 : 0.0);
    add(linearised->unit_scale);
    add(linearised->gradient_scale);
  } else if (const auto* sections = std::get_if<KernelSections>(&map)) {
    const Kernel& kernel = sections->kernel;
    add(static_cast<double>(kernel.kind));
    for (const bool block : {kernel.blocks.a, kernel.blocks.W, kernel.blocks.b}) add(block ? 1.0 : 0.0);
    for (const double number :
         {kernel.bias, static_cast<double>(kernel.degree), kernel.bandwidth, kernel.exponent, kernel.trend})
      add(number);
    add(sections->centres);
    add(sections->S);
    add(sections->landmarks ? 1.0 : 0.0);
  } else if (const auto* hermite = std::get_if<HermiteFeatures>(&map)) {
    add(hermite->U);
    add(hermite->c);
    add(hermite->low);
    add(hermite->high);
    add(static_cast<double>(hermite->degree));
  } else if (const auto* machine = std::get_if<LeafMachine>(&map)) {
    for (const double number : {machine->kernel.bandwidth, machine->kernel.exponent}) add(number);
    for (const Matrix* each : {&machine->S, &machine->directions}) add(*each);
    add(machine->thresholds);
    add(std::vector<double>(machine->members.begin(), machine->members.end()));
    add(std::vector<double>(machine->first.begin(), machine->first.end()));
    for (const Matrix& T : machine->local) add(T);
    // Coordinates of the rows follow from S and the rows; some of them tell tables apart.
    constexpr Index some = 64;
    const SingleMatrix& Z = *machine->rows;
    for (Index i = 0; i < Z.rows(); i += std::max<Index>(1, Z.rows() / some))
      for (Index j = 0; j < Z.cols(); ++j) add(static_cast<double>(Z(i, j)));
  }
}

void Dependencies::add(const std::vector<Predictor>& predictors) {
  for (const Predictor& predictor : predictors) {
    add(predictor.weight);
    add(predictor.map);
    add(predictor.a);
    add(predictor.low);
    add(predictor.high);
    add(predictor.shares ? 1.0 : 0.0);
    if (predictor.shares)
      for (const Vector* each : {&predictor.shares->bias, &predictor.shares->scale}) add(*each);
    add(predictor.lift ? 1.0 : 0.0);
    add(predictor.warp ? static_cast<double>(predictor.warp->kind) : 0.0);
    if (predictor.lift)
      for (const Vector& knots : predictor.lift->knots) add(knots);
    if (!predictor.warp) continue;
    for (const auto* each : {&predictor.warp->knots, &predictor.warp->scores})
      for (const Vector& values : *each) add(values);
    add(predictor.warp->mean);
    add(predictor.warp->scale);
  }
}

void Dependencies::add(const Scaling& scaling) {
  add(static_cast<double>(scaling.kept.size()));
  for (const Index j : scaling.kept) add(static_cast<double>(j));
  for (const Vector* each : {&scaling.x_fill, &scaling.x_mean, &scaling.x_scale, &scaling.y_mean, &scaling.y_scale,
                             &scaling.x_low, &scaling.x_high, &scaling.x_least, &scaling.x_most, &scaling.y_low,
                             &scaling.y_high, &scaling.prediction_low, &scaling.prediction_high})
    add(*each);
  add(scaling.x_precision);
  add(scaling.levels ? scaling.levels->odds ? 2.0 : 1.0 : 0.0);
  if (scaling.levels) {
    add(scaling.levels->prior);
    for (const LevelSet& set : scaling.levels->sets) {
      for (const auto* list : {&set.inputs, &set.targets}) {
        add(static_cast<double>(list->size()));
        for (const Index each : *list) add(static_cast<double>(each));
      }
      add(set.levels);
      add(set.count);
      add(set.sum);
    }
  }
  for (const TargetTransform& transform : scaling.y_transforms) {
    for (const double number : {static_cast<double>(transform.kind), transform.shift, transform.low, transform.high})
      add(number);
    add(transform.y);
    add(transform.z);
  }
}

void Dependencies::mix_into(Fingerprint& fingerprint) const {
  fingerprint.mix(std::span(numbers_));
  for (const Array& each : arrays_) {
    fingerprint.mix(each.rows);
    fingerprint.mix(each.cols);
    for (Index i = 0; i < each.rows; ++i)  // rows, so that a view of some columns is its numbers alone
      fingerprint.mix(std::span(each.data + i * each.stride, static_cast<std::size_t>(each.cols)));
  }
}

}  // namespace sextant
