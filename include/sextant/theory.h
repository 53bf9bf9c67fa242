// What the theory promises and forbids, as numbers: DLS22's Theorems 1 to 3 with their conditions, and a plan of how
// many samples and units a problem needs, calibrated by measured crossings.
//
// Source: A. Damian, J. D. Lee, M. Soltanolkotabi, Neural Networks can Learn Representations with Gradient Descent,
// COLT 2022 (DLS22), Theorems 1, 2 and 3. Notation: f*(x) = g(Ux) a polynomial of degree p of r directions of x ∈ R^d,
// E f*² = 1, κ = ‖H^†‖/√r, n samples, m units, N samples of a second target.
//
// The theorems hold up to constants and powers of logarithms that DLS22 do not give. Every result here has them at 1
// and says so in its field `up_to`: results compare problems and give exponents; only a measured calibration gives
// sample counts. Every function throws InvalidArgument when an argument is out of its range, and costs O(1) unless it
// says otherwise.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "sextant/matrix.h"
#include "sextant/synthetic.h"

namespace sextant {

inline constexpr std::string_view up_to_constants_and_logarithms =
    "up to constants and powers of logarithms, here taken as 1";

// rank H of the target's expected Hessian, by singular values above 1e-12 of the largest; r is what Theorem 1 needs.
// Cost O(d²r).
[[nodiscard]] Index hessian_rank(const HermiteTarget& target);

// given ≥ needed, the theorem's constant taken as 1.
struct Condition {
  double needed = 0;
  double given = 0;
  [[nodiscard]] bool met() const { return given >= needed; }
};

// What Theorems 1 and 3 ask of the first-layer step.
struct Conditions {
  Condition samples;  // n ≥ d²κ²r
  Condition inputs;   // d ≥ κ r^{3/2}
  [[nodiscard]] bool met() const { return samples.met() && inputs.met(); }
};

// A problem of the theorems: 1 ≤ r ≤ d, p ≥ 2 (H ≠ 0 needs it), κ finite and above 0.
struct Problem {
  Index d = 10;
  Index r = 1;
  int p = 4;
  double kappa = 1;

  void check() const;
};

// n ≥ 1 samples of the pretraining step.
[[nodiscard]] Conditions representation_conditions(const Problem& problem, Index n);

// Theorem 1: excess L¹ risk of Algorithm 1 ≲ features + units + labels.
struct Theorem1 {
  Conditions conditions;  // outside them nothing is promised, whatever `bound` says
  double features = 0;    // √(d r^p κ^{2p}/n): the step and the head share the samples; with sample splitting
                          // √(r^p κ^{2p}/n), no d
  double units = 0;       // √(r^p κ^{2p}/m)
  double labels = 0;      // n^{−1/4}
  double bound = 0;       // their sum
  std::string_view up_to = up_to_constants_and_logarithms;
};
// n, m ≥ 1.
[[nodiscard]] Theorem1 theorem_1(const Problem& problem, Index n, Index m, bool sample_splitting = false);

// Theorem 2: some class of degree-p polynomials of one direction (He_p(u·x)/√p!) that no correlational statistical
// query learner of q queries learns unless its tolerance τ has τ² ≤ log^{p/2}(q d)/d^{p/2}. statistical_queries.h
// builds such a class and counts with explicit constants.
struct Theorem2 {
  double tolerance_squared = 0;  // log^{p/2}(q d)/d^{p/2}; at 1 and above it forbids nothing, since E f*² = 1
  double tolerance = 0;          // its root
  double samples = 0;            // d^{p/2}: the n at which 1/√n, a mean's own spread, is that tolerance. A heuristic:
                                 // gradients are not adversarial answers
  std::string_view up_to = up_to_constants_and_logarithms;
};
// d ≥ 1, p ≥ 1, queries ≥ 1.
[[nodiscard]] Theorem2 theorem_2(Index d, int p, double queries);

// Theorem 3: excess L¹ risk of the transferred model ≲ features + labels; d appears in the conditions only.
struct Theorem3 {
  Conditions conditions;  // of pretraining
  double features = 0;    // √(r^p κ^{2p}/min(m, N))
  double labels = 0;      // N^{−1/4}
  double bound = 0;       // their sum
  std::string_view up_to = up_to_constants_and_logarithms;
};
// p of the problem is the second target's degree; n ≥ 1 pretraining samples, m ≥ 1 units, N ≥ 1 samples.
[[nodiscard]] Theorem3 theorem_3(const Problem& problem, Index n, Index m, Index N);

// d^p, what kernel methods need to learn a polynomial of degree p (with d² < n < d^p they learn its quadratic part).
[[nodiscard]] double kernel_samples(Index d, int p);

// n*(d): the samples at which Algorithm 1's mean excess risk was measured to reach a level.
struct MeasuredCrossing {
  Index d = 0;
  double samples = 0;
};
struct Calibration {
  double excess_risk = 0;                   // the level
  Problem problem;                          // its p, r and κ; d is not read
  Index units = 0;                          // m of the measurement, ≥ 1
  std::vector<MeasuredCrossing> crossings;  // at least one, d rising, samples > 0

  void check() const;
};

// Measured by the built-in experiment `dimension` (mean of 5 seeds) on DLS22's source of degree 4, r = 1, κ = 1, m =
// 300: excess risk 0.1 at n* = 4833 (d = 10), 9080 (20), 33339 (40), 142227 (80). The local slope rises with d
// (0.9, 1.9, 2.1): no single power of d describes it.
[[nodiscard]] Calibration measured_crossings();

// n*(d) from a calibration: between two measured d a power law through both (a straight line in log d, log n); outside
// them the theory's n ∝ d² from the nearest measured point.
struct CrossingEstimate {
  double samples = 0;
  double slope = 0;           // d log n / d log d there: of the segment (at a measured d the one before it), or 2
  bool extrapolated = false;  // outside the measured range
  std::string basis;          // in words: between which points, or from which and how
};
[[nodiscard]] CrossingEstimate crossing_at(Index d, const Calibration& calibration);

struct Plan {
  // To reach calibration.excess_risk with Algorithm 1: crossing_at(d) times κ²r over the calibration's κ²r.
  CrossingEstimate samples;
  double scale = 1;  // that factor; 1 when the calibration's problem has the same κ²r
  // Measured units times r^p κ^{2p} over the calibration's: Theorem 1's second term held at its measured size.
  double units = 0;
  bool same_problem =
      false;  // p, r and κ are the calibration's; otherwise samples and units lean on the theory's scaling
  double kernel_samples = 0;     // d^p
  double transfer_samples = 0;   // N ≳ r^p κ^{2p} after that pretraining, whatever d is
  double transfer_units = 0;     // m ≳ the same
  double condition_samples = 0;  // d²κ²r, Theorem 1's own condition
  Condition inputs;              // d ≥ κ r^{3/2}
  // Lower bounds. A target of degree p without quadratic part: n ≳ d^{p/2} for query learners (Theorem 2), which does
  // not bind targets with rank H = r. Any method: the r(d − r) free parameters of the subspace, a count and no theorem.
  double query_lower_bound = 0;
  double subspace_parameters = 0;
  // Of every number but samples and units, which are measured.
  std::string_view up_to = up_to_constants_and_logarithms;
};
[[nodiscard]] Plan plan(const Problem& problem, const Calibration& calibration);

}  // namespace sextant
