// What a way of learning needs to be learned again on other rows: every setting that was chosen for it. A recipe holds
// no predictor, so it is small; a model's file keeps those of what it was tried by (selection.h), and refit of model.h
// follows those of what it is made of.
//
// k targets, each with its own λ; d' inputs that vary.
#pragma once

#include <optional>
#include <variant>
#include <vector>

#include "sextant/kernel.h"
#include "sextant/matrix.h"
#include "sextant/warp.h"

namespace sextant {

struct LinearRecipe {};  // its ε is that of the validation

struct RandomFeaturesRecipe {
  Vector lambda;  // k
};

// Rounds of features drawn anew along the gradient outer product (refine.h).
struct NetworkRecipe {
  bool lifted = false;         // on piecewise-linear lifts of the inputs (lift.h)
  std::vector<Vector> lambda;  // k for each round; the last round's features are kept
};

// A kernel of that shape, and the λ of its head.
struct KernelSettings {
  KernelShape shape;
  Vector lambda;      // k
  Index centres = 0;  // at most so many; of more rows, landmarks are taken (feature_map.h)

  bool operator==(const KernelSettings& other) const = default;  // of as many targets
};

// Rounds of kernels, each in coordinates from the gradient outer product of the one before.
struct KernelRecipe {
  bool lifted = false;
  std::vector<KernelSettings> rounds;  // the last round's kernel is kept
};

// Rounds of kernels in the norm of city blocks, each in coordinates of single inputs that are drawn out where the one
// before is steep (docs/method.md, "Kernels along the axes").
struct AxisRecipe {
  bool ranks = false;                  // whether the first coordinates are ranks of the inputs, not the inputs
  std::vector<double> power;           // before each round but the first
  std::vector<KernelSettings> rounds;  // the last round's kernel is kept
};

// A polynomial link of `rank` polished directions (polish.h), or a kernel on them.
struct LinkRecipe {
  Index rank = 1;
  int degree = 2;
  double ridge = 1e-3;
  bool linear = false;  // of the residual of the linear model, not of the mean
  Matrix U;             // rank×d': directions to start from, beside those that the rows themselves suggest
  std::optional<KernelSettings> kernel;
};

// Kernel machines on leaves of neighbours (leaf_machine.h), and the mean of several partitions of them.
struct LeafRecipe {
  WarpKind warp = WarpKind::none;  // of the inputs, before S
  double exponent = 1;
  double bandwidth = 1;  // L
  double lambda = 1e-2;  // of K + λI on each leaf
  Matrix S;              // q×d'; empty: learned from the rows, in so many rounds along the outer product's power
  double power = 0.25;
  bool diagonal = false;
  Index rounds = 0;
  Index partitions = 1;
  Index leaf_rows = 2400;  // at most so many rows a leaf
  Index local_rounds = 0;  // of coordinates of each leaf's own
  Index centres = 0;       // > 0: leaves learn what one kernel machine with so many centres leaves
  Vector centre_lambda;    // k: its λ
  Index rows = 0;          // leaves learn from so many rows at most, evenly drawn; 0: from all
};

// Heads by log-loss, for classes, on the features of another recipe: of a kernel, on some of its centres, or of a link.
using LogisticFeatures = std::variant<KernelRecipe, LinkRecipe, AxisRecipe>;
struct LogisticRecipe {
  LogisticFeatures features;
  double lambda = 1e-3;  // of the mean log-loss + λ/2 ‖f‖²
};

// Of tables with many inputs for their rows (docs/method.md, "Wide tables"). All that is not here (supports, kernels'
// settings, links) is learned from the rows, by leave-one-out where something is chosen.
enum class WideWay {
  lasso,        // at `relative` of the largest λ
  elastic_net,  // the same, half the penalty a ridge
  pls,          // partial least squares of `size` components
  kernel,       // on all inputs
  span_kernel,  // in coordinates from the outer product of the gradients of a kernel in the rows' span
  ridge_link,   // a smooth function of what a ridge regression predicts
  pls_link,     // the same of partial least squares of `size` components
  few_ridge,    // on `size` chosen inputs: ridge regression,
  few_kernel,   // a kernel,
  few_turned,   // a kernel in coordinates from its own gradients,
  few_index,    // a smooth function of one direction
};
// How the few are chosen: from the lasso's path, one after the other, or so from the best pair.
enum class ChosenBy { lasso, forward, pair };
struct WideRecipe {
  WideWay way = WideWay::lasso;
  ChosenBy by = ChosenBy::lasso;
  std::vector<Index> size;  // k, or empty where the way has none
  Vector relative;          // k, or empty
};

// Of what another task found: it cannot be learned from rows alone. Also of models from files that name no recipe.
struct KeptRecipe {};

using Recipe = std::variant<KeptRecipe, LinearRecipe, RandomFeaturesRecipe, NetworkRecipe, KernelRecipe, LinkRecipe,
                            LeafRecipe, WideRecipe, LogisticRecipe, AxisRecipe>;

}  // namespace sextant
