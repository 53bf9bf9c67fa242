// From the outputs f of a model that was fitted on indicators of k classes to calibrated probabilities:
//
//   p = softmax(ℓ(f)/T),   ℓ_c(f) = log log(1 + exp(f_c/δ)),   or ℓ(f) = f for δ = ∞.
//
// Least squares on indicators estimates the probabilities themselves, so that log f, kept finite where f is not
// positive, is the natural logit: as δ → 0 and with T = 1, p is f. As δ → ∞, ℓ tends to f up to a factor and a
// constant, which T and the softmax absorb. T is a temperature: Guo, Pleiss, Sun and Weinberger, On calibration of
// modern neural networks, ICML 2017.
#pragma once

#include <limits>

#include "sextant/matrix.h"
#include "sextant/train.h"

namespace sextant {

struct ClassLink {
  double temperature = 1;                                     // T > 0
  double softness = std::numeric_limits<double>::infinity();  // δ > 0
};

// F n×k finite → log p, n×k, finite. The class with the largest f has the largest p.
[[nodiscard]] Matrix log_probabilities(const ClassLink& link, const Matrix& F);

// p, n×k: rows sum to 1 up to rounding.
[[nodiscard]] Matrix probabilities(const ClassLink& link, const Matrix& F);

// The T in [10⁻³, 10³] and δ of 0.001, 0.005, 0.02, 0.05, 0.1, 0.2, ∞ with the least log-loss Σ w_i (−log p_i,y) / Σ
// w_i on held-out rows, whose Y are indicators. For each δ it is convex in 1/T, found by Newton's steps inside a
// bracket.
//
// So that T does not end at 0 when every held-out row is right, which n rows cannot prove, a held-out row counts as its
// class with weight 1 − 1/(n+2) and as the others with 1/(n+2) in all (Platt 1999), n the number of rows. That holds
// too when held-out rows are all of one class. T = 1 where all outputs are equal, and nothing can be told. Cost about
// 50·n·k exponentials.
[[nodiscard]] ClassLink calibrate(const HeldOut& held_out);

// How good probabilities are on rows with indicators Y and weights w.
struct ClassScores {
  Index n = 0;          // rows with positive weight
  double accuracy = 0;  // share of the weight on rows whose class has the largest p (the first of equal ones)
  double log_loss = 0;  // mean of −log p of the row's class; log k for the same p of all
};
// `log_p` n×k. Throws DataError when no row has a positive weight.
[[nodiscard]] ClassScores class_scores(const Matrix& log_p, const Matrix& Y, const Vector& w);

// Adds up scores over blocks of rows.
struct ClassScoreSum {
  Index n = 0;        // rows that count
  double weight = 0;  // Σ w
  double right = 0;   // Σ w of the rows whose class has the largest p
  double loss = 0;    // Σ −w log p

  void add(const Matrix& log_p, const Matrix& Y, const Vector& w);
  // Throws DataError when no row had a positive weight.
  [[nodiscard]] ClassScores scores() const;
};

}  // namespace sextant
