// The options of fitting. The same names serve C++ fields, the command line (--redraw-biases), spec files and the
// metadata of model files.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "sextant/matrix.h"

namespace sextant {

enum class Method {
  algorithm_1,     // one gradient step on the first layer, then a ridge head (Damian, Lee, Soltanolkotabi 2022)
  random_features  // the first layer stays at its random start, b ~ N(0, I): what the step is compared with
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

struct FitOptions {
  Method method = Method::algorithm_1;
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
  bool refit = true;                // all stages again on all training rows once everything is chosen
  Head head = Head::ridge;
  bool standardise = true;
  std::uint64_t seed = 0;

  // Throws InvalidArgument naming the field, its value and the rule.
  void check() const;
};

[[nodiscard]] std::string name(Method method);          // "algorithm-1", "random-features"
[[nodiscard]] std::string name(Preprocess preprocess);  // "none", "correlation", "linear"
[[nodiscard]] std::string name(Head head);              // "ridge", "gradient-descent"

// From a name; throws InvalidArgument that lists the known ones.
[[nodiscard]] Method method_named(const std::string& name);
[[nodiscard]] Preprocess preprocess_named(const std::string& name);
[[nodiscard]] Head head_named(const std::string& name);

// Half decades 10^−10 … 10^8 and ∞ (the zero head): 38 values, ascending.
[[nodiscard]] const std::vector<double>& lambda_grid();

}  // namespace sextant
