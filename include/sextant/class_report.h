// How good calibrated probabilities are, class by class: what is gained on the classes' frequencies, what is found of
// each class, whether probabilities are what they say, and from which probability on a rare class is best predicted.
//
// n rows with indicators Y and weights w, probabilities p, frequencies q of the classes.
#pragma once

#include <span>
#include <vector>

#include "sextant/matrix.h"

namespace sextant {

// One class against all others; what has no rows to be said of is NaN.
struct OneClass {
  Index n = 0;           // its rows with positive weight
  double recall = 0;     // share of their weight on rows of which the class has the largest p
  double precision = 0;  // share of the weight on rows of which it has the largest p that is its own
  double gain = 0;  // 1 − Σ w ℓ(p_c)/Σ w ℓ(q_c), ℓ(p) = −log p of its rows, −log(1 − p) of the others
};

// Rows of about equal probability.
struct ReliabilityBin {
  double share = 0;      // of the weight
  double predicted = 0;  // mean probability
  double observed = 0;   // share of them, by weight, for which it came true
};

struct ClassReport {
  std::vector<OneClass> classes;     // k
  std::vector<ReliabilityBin> bins;  // ascending by probability
  // Expected calibration error (Naeini, Cooper and Hauskrecht, AAAI 2015; Guo, Pleiss, Sun and Weinberger, ICML 2017):
  // Σ share·|predicted − observed|. Of two classes it is about the probability of the second, of more about that of
  // each row's most probable class, which comes true where the row is of it.
  double calibration_error = 0;
};

inline constexpr Index reliability_bins = 15;  // of about equally much weight, at most,
inline constexpr Index rows_of_a_bin = 20;     // and of at least so many rows on average
inline constexpr Index probability_cells = 4096;

// Adds up a report over blocks of rows. Bins of equal weight are not sums over rows, so rows are counted by cells of
// equal steps of asin √p, 4 096 from 0 to 1, which bins are then made of: neighbours, never a part of one.
struct ClassReportSum {
  ClassReportSum(const Vector& frequencies);  // k, > 0

  // Y n×k indicators, log_p n×k. Rows of weight 0 count nowhere. Cost n·k exponentials.
  void add(const Matrix& log_p, const Matrix& Y, const Vector& w);
  [[nodiscard]] ClassReport report() const;

  // What is added up.
  Matrix of_classes;  // k×6: rows, weight, right, predicted, loss, loss of the frequencies
  Matrix cells;       // cells × 4: rows, weight, Σ w p, Σ w of what came true

 private:
  Vector log_q_;      // log q, k
  Vector log_not_q_;  // log(1 − q), k
};

// Of one class being predicted where its probability is at least `threshold`, the other where it is not.
struct ThresholdScore {
  double threshold = 0;
  double precision = 0;          // NaN where it is never predicted
  double recall = 0;             // NaN where no row is of it
  double f1 = 0;                 // 2·right/(predicted + of it); NaN where both are 0
  double balanced_accuracy = 0;  // mean of the two classes' recalls; NaN without rows of either
  double accuracy = 0;
};

// Adds up what a threshold does over blocks of rows; what the members of a ThresholdScore are made of.
struct ThresholdSum {
  double of_it = 0;      // Σ w of rows of the class
  double predicted = 0;  // Σ w of rows that are predicted to be
  double right = 0;      // of both
  double all = 0;        // Σ w

  void add(double p, bool of_class, double w, double threshold);
  [[nodiscard]] ThresholdScore score(double threshold) const;
};

// Which threshold suits held-out rows best.
struct ThresholdAdvice {
  Index class_at = 0;            // the class: the rarer of two
  Index n = 0;                   // rows it is taken from
  Index of_it = 0;               // of them, of the class
  ThresholdScore f1;             // that with the largest F1
  ThresholdScore balanced;       // that with the largest balanced accuracy
  ThresholdScore most_probable;  // 0.5
};
// p n: probabilities of the class; of_class n: 1 of its rows, else 0; w n ≥ 0. Thresholds are looked for half-way
// between neighbouring probabilities, and of equally good ones the largest counts. n and class_at are left to the
// caller. Cost n log n.
[[nodiscard]] ThresholdAdvice threshold_advice(const Vector& p, const Vector& of_class, const Vector& w);

// The rarer of two classes by how much their rows weigh; of equal ones the second.
[[nodiscard]] Index rarer_class(const Vector& rows_of);

}  // namespace sextant
