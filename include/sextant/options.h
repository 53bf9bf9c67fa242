// The options of fitting. What each is called elsewhere (--redraw-biases), what it takes, what it means and which
// methods use it is declared in src/method/option_fields.cpp; docs/options.md lists it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "sextant/class_weights.h"
#include "sextant/kernel.h"
#include "sextant/matrix.h"
#include "sextant/precision.h"
#include "sextant/target_transform.h"

namespace sextant {

// How features are made; the head, its λ path and its validation are the same for all.
enum class Method {
  automatic,               // whichever of the ways below, or mean of several, does best on held-out rows (automatic.h)
  refine,                  // a network whose features are drawn anew along the directions in which it varies
  refined_kernel,          // a kernel in coordinates found in the same way
  polish,                  // a polynomial link of few directions, by Gauss–Newton steps on them
  algorithm_1,             // one gradient step on the first layer, then a ridge head (DLS22)
  random_features,         // the first layer stays at its random start: what the step is compared with
  ntk,                     // the network linearised at its start: the finite-width neural tangent kernel
  kernel_arc_cosine,       // kernel ridge regression; kernel.h has the formulas
  kernel_ntk,              //
  kernel_polynomial,       //
  kernel_gaussian,         //
  kernel_laplace,          //
  oracle,                  // random features inside a given subspace: what perfect directions would give
  sir,                     // random features inside the subspace that a classical reduction finds;
  save,                    // dimension_reduction.h has the formulas
  phd,                     //
  directional_regression,  //
};

// How the tangent features of a, W and b weigh against each other.
enum class NtkScale {
  standard,  // f = Σ a_j σ(·), a_j = ±1/√m: those of W and b weigh 1/m of those of a
  balanced   // f = m^{−1/2} Σ a_j σ(·), a_j = ±1: all weigh alike
};

// Where directions are looked for first.
enum class Discover {
  one_step,  // the gradient step of Algorithm 1
  spectral   // the clipped spectral moments
};

// What is taken off the targets before the gradient step.
enum class Preprocess {
  none,         // nothing; the published figures match this
  correlation,  // α = ȳ, β = (1/n) Σ y x: step 1 as printed, right for isotropic x only
  linear        // least squares
};

enum class Head {
  ridge,            // a = (ΦᵀΦ + (nλ/2) I)⁻¹ Φᵀy
  gradient_descent  // T = 5/(ηλ) steps of size η = 1/(s_max + λ) on the same objective
};

// What a target is.
enum class Task {
  regression,     // a number
  classification  // a class: its indicators are learned, and outputs turned into probabilities (class_probabilities.h)
};

// In the groups that help and documentation show. What each option means, takes and is used by is said where it is
// declared; here are types, symbols, and defaults. An optional one without a value means what the declaration says.
struct FitOptions {
  // Targets and inputs.
  Task task = Task::regression;
  TransformKinds target_transform = {};         // one kind for all targets, or one for each (target_transform.h)
  ClassWeights class_weights = ClassWeights();  // class_weights.h
  bool standardise = true;
  std::optional<bool> extrapolate = {};   // false: inputs and predictions are held to what is plausible (winsorise.h)
  std::optional<bool> clip_targets = {};  // docs/method.md, Wild cells
  bool level_effects = true;              // level_encoding.h

  // The method, and what its model may hold.
  Method method = Method::automatic;
  bool compact = false;       // at most 8 MB
  bool training_rows = true;  // false: no row of the training table, so neither kernels nor leaf machines

  // The first layer.
  Index width = 1024;                            // m, even; m² must fit in memory
  std::optional<double> eta = {};                // η₁
  std::optional<Index> rank = {};                // r; at most d
  std::optional<double> first_layer_decay = {};  // λ₁
  bool redraw_biases = true;                     // b ~ N(0, I) after the step; false keeps the start's zeros
  bool sample_splitting = false;                 // step on one half of the training rows, head on the other

  // The head.
  Preprocess preprocess = Preprocess::linear;
  std::vector<double> lambda = {};  // to choose from; empty: lambda_grid()
  Head head = Head::ridge;

  // Validation: which rows are held out to choose by. With `folds` each row once, else one fold of round(1/share).
  double validation_share = 0.2;
  std::optional<Index> folds = {};
  bool ordered = false;
  bool refit = true;  // all stages again on all training rows once everything is chosen
  // One fold of round(1/share) is set aside for `fit` and `transfer` to calibrate intervals by (intervals.h); nothing
  // else sees these rows. Without it, the rows held out to choose by serve.
  std::optional<double> calibration_share = {};

  // How it is computed.
  Precision precision = Precision::float64;  // precision.h
  std::uint64_t seed = 0;

  // Other methods than algorithm-1.
  std::optional<bool> symmetric = {};  // mirrored pairs at the start, so that the network is exactly 0 there
  std::optional<double> bias = {};     // β: standard deviation of biases
  NtkBlocks ntk_blocks = {};
  NtkScale ntk_scale = NtkScale::standard;
  double bandwidth = 1;  // L over the rows' median distance
  int degree = 3;
  Index slices = 10;
  Matrix subspace = {};  // its rows span it, on the inputs as the features see them

  // Search: automatic and its stages.
  double budget = 60;  // about seconds on two cores, counted in multiply-adds (automatic.h)
  Discover discover = Discover::one_step;
  Index refine_rounds = 6;
  double refine_power = 0.5;  // q of S = (A/tr A)^q
  Index redraws = 4;
  Index lift = 20;
  std::optional<int> polish_degree = {};
  Index polish_steps = 15;
  // GiB. The default is a quarter of this machine's (of the first rank's): with more rows than that, and only then, it
  // makes the model depend on the machine.
  std::optional<double> leaf_memory = {};

  // Throws InvalidArgument naming the field, its value and the rule.
  void check() const;
  // As given or by the method's default: β and whether the start is mirrored; what happens to wild cells.
  [[nodiscard]] double bias_or_default() const;
  [[nodiscard]] bool symmetric_or_default() const;
  [[nodiscard]] bool extrapolate_or_default() const;
  [[nodiscard]] bool clip_targets_or_default() const;
};

// Whether the method chooses among settings of its own: automatic, refine, refined_kernel, polish.
[[nodiscard]] bool is_automatic(Method method);

// Whether the method is kernel ridge regression, which has no first layer and no width.
[[nodiscard]] bool is_kernel(Method method);

// All of them, in the order of the enumeration.
[[nodiscard]] const std::vector<Method>& known_methods();

[[nodiscard]] std::string name(Task task);                // "regression", "classification"
[[nodiscard]] std::string name(Method method);            // "algorithm-1", "random-features", "kernel-ntk", …
[[nodiscard]] std::string name(Preprocess preprocess);    // "none", "correlation", "linear"
[[nodiscard]] std::string name(Discover discover);        // "one-step", "spectral"
[[nodiscard]] std::string name(Head head);                // "ridge", "gradient-descent"
[[nodiscard]] std::string name(NtkScale scale);           // "standard", "balanced"
[[nodiscard]] std::string name(const NtkBlocks& blocks);  // "a,W,b", "a,W", …

// From a name; throws InvalidArgument that lists the known ones.
[[nodiscard]] Task task_named(const std::string& name);
[[nodiscard]] Method method_named(const std::string& name);
[[nodiscard]] Preprocess preprocess_named(const std::string& name);
[[nodiscard]] Discover discover_named(const std::string& name);
[[nodiscard]] Head head_named(const std::string& name);
[[nodiscard]] NtkScale ntk_scale_named(const std::string& name);
[[nodiscard]] NtkBlocks ntk_blocks_named(const std::string& name);
// Seconds of an effort (low 3, medium 60, high 600), or those that a text says.
[[nodiscard]] double budget_named(const std::string& name);

// Half decades 10^−10 … 10^8 and ∞ (the zero head): 38 values, ascending.
[[nodiscard]] const std::vector<double>& lambda_grid();

}  // namespace sextant
