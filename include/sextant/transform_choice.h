// Training on transformed targets, and choosing the transform: FitOptions::target_transform.
//
// Every split learns its transform from its own training rows (Scaling::y_transforms), so that nothing of it sees a
// held-out row. λ and all else is chosen by squared errors of transformed targets; what is reported, and what the
// choice of the transform goes by, are squared errors in the targets' own units.
#pragma once

#include <functional>

#include "sextant/train.h"

namespace sextant {

// One way of training, whatever it is, as a function of the options.
using Training = std::function<Trained(const FitOptions&)>;

// `learn` with the transforms of options.target_transform. Where one is automatic, `learn` runs with none, log and rank
// for it, each such target takes the one with the least held-out squared error in its own units (the first of those
// that differ by less than 10⁻⁷), and where targets differ in their choice `learn` runs once more.
//
// With a transform, validation.mean, linear and chosen are in the targets' own units: of the mean of the training
// targets, of the best linear model of the targets as they are, and of the model on the rows of Trained::held_out;
// validation.path stays in units of the transformed targets. `data`, `validation`, `context`, `fixed` are what `learn`
// trains on, for those baselines. Throws what `learn` throws, and InvalidArgument for a wrong number of transforms.
[[nodiscard]] Trained train_transformed(const RowSource& data, const RowSource* validation, const FitOptions& options,
                                        const Context& context, const Scaling* fixed, const Training& learn);

}  // namespace sextant
