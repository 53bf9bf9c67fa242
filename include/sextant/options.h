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

struct FitOptions {
  Task task = Task::regression;
  TransformKinds target_transform = {};         // one kind for all targets, or one for each; none with classification
  ClassWeights class_weights = ClassWeights();  // of classification: what rows of each class count (class_weights.h)
  Method method = Method::automatic;
  Index width = 1024;                            // m: even, ≥ 2, m² must fit in memory
  std::optional<double> eta = {};                // η₁ > 0; default √d, or √(d·rank) if rank is given
  std::optional<Index> rank = {};                // r ≥ 1 if it is known; at most d
  std::optional<double> first_layer_decay = {};  // λ₁ ≥ 0; default 1/η₁, which forgets W⁰
  bool redraw_biases = true;                     // b ~ N(0, I) after the step; false keeps the start's zeros
  bool sample_splitting = false;                 // step on one half of the training rows, head on the other
  Preprocess preprocess = Preprocess::linear;
  std::vector<double> lambda = {};  // values ≥ 0 or ∞ to choose from; empty: lambda_grid()
  double validation_share = 0.2;    // in (0, 0.5]; one fold of round(1/share) is held out
  std::optional<Index> folds = {};  // ≥ 2: K-fold cross-validation instead of a hold-out share
  bool ordered = false;             // rows come in time order: what is chosen by lies after what is learned from
  bool refit = true;                // all stages again on all training rows once everything is chosen
  // In (0, 0.5]: one fold of round(1/share) is set aside for `fit` and `transfer` to calibrate intervals by
  // (intervals.h); nothing else sees these rows. Without it, the rows held out to choose by serve.
  std::optional<double> calibration_share = {};
  Head head = Head::ridge;
  bool standardise = true;
  // Whether inputs and predictions go on beyond what the training rows make plausible. False winsorises inputs
  // (winsorise.h) and holds predictions back to the range of the training targets and a tenth of it on either side.
  // Default: false for methods that choose among settings of their own (is_automatic), true for the others.
  std::optional<bool> extrapolate = {};
  // Whether targets far outside the rest are drawn in before they are learned from or chosen by (docs/method.md, Wild
  // cells). Default: true for regression by methods that choose among settings of their own, false for the others.
  std::optional<bool> clip_targets = {};
  // What the model may hold. compact: at most 8 MB; else at most twice the training rows in single precision, or 256 MB
  // where that is more. training_rows = false: no row of the training table, so neither kernels nor leaf machines,
  // whose centres are such rows. Methods that search leave out what is too large or holds rows; of the others too large
  // a model, and a kernel without rows, are refused.
  bool compact = false;
  bool training_rows = true;
  // GiB > 0 of memory that the rows of leaf machines may take while they are searched for: of more rows than it holds,
  // leaf machines learn from so many, evenly drawn. Default: a quarter of this machine's (of the first rank's). With
  // more rows than that, and only then, the default makes the model depend on the machine.
  std::optional<double> leaf_memory = {};
  // Whether inputs are made of columns of many levels (level_encoding.h): of text columns by every method, of columns
  // of whole numbers and of pairs where rows say that it pays, by methods that choose among settings of their own.
  // False leaves such text out and learns from such numbers as numbers.
  bool level_effects = true;
  Precision precision = Precision::float64;  // of the step's gradient and of the features' sums, not of what follows
  std::uint64_t seed = 0;

  // The network's start: mirrored pairs, so that it is exactly 0. Default: true, but for ntk.
  std::optional<bool> symmetric = {};
  // Standard deviation β ≥ 0 of the biases of random_features, oracle and the reductions (default 1), of ntk (default
  // 0) and of the networks that kernel_arc_cosine (1) and kernel_ntk (0) are limits of.
  std::optional<double> bias = {};
  NtkBlocks ntk_blocks = {};                // of ntk and kernel_ntk; at least one
  NtkScale ntk_scale = NtkScale::standard;  // of ntk
  double bandwidth = 1;                     // of kernel_gaussian and kernel_laplace: L over the rows' median distance
  int degree = 3;                           // of kernel_polynomial; in 1 … 60
  Index slices = 10;                        // of sir, save, directional_regression; ≥ 2
  Matrix subspace = {};                     // of oracle: its rows span it, on the inputs as the features see them

  // Of automatic, refine, refined_kernel and polish.
  double budget = 60;  // > 0: at most about so many seconds' worth of work on two cores (automatic.h)
  Discover discover = Discover::one_step;  // where refine starts
  Index refine_rounds = 6;                 // ≥ 0
  double refine_power = 0.5;               // q > 0 of S = (A/tr A)^q
  Index redraws = 4;                       // ≥ 1 networks with the same directions, whose mean is taken
  Index lift = 20;                         // ≥ 1 intervals per input of lifted inputs
  std::optional<int> polish_degree = {};   // 1 … 30; default: the best on held-out rows of 2, 3, 4, 5, 6, 8
  Index polish_steps = 15;                 // ≥ 0

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
