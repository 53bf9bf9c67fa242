// Which candidates a model is made of, and with which weights: by what each split's own predictors say of held-out
// rows. Private to the search.
//
// Per target, weights come from bagged greedy selection with replacement (Caruana, Niculescu-Mizil, Crew and Ksikes,
// Ensemble selection from libraries of models, ICML 2004). A candidate counts only if its errors are below the mean's
// by more than chance would make them and not above those of a linear model that counts; a mixture that is not beyond
// doubt is shrunk towards the mean. What was chosen stands until a mixture has clearly less error on the same rows, as
// the model will report it (HeldOut::errors; where targets are classes, the log-loss after calibration, of all of them
// at once): so that error never rises with what is tried.
//
// N held-out rows of all splits one after the other, c candidates, k targets, E = y − F the residuals. Errors of
// mixtures p are pᵀGp for G = EᵀWE, of which each bag of rows has its own; a candidate costs N·c·(bags + 1) per target.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "search/findings.h"

namespace sextant {

// How much above chance a candidate's mean gain over the mean must be, in its standard errors: as it comes from a
// search on these rows, or was found on others.
inline constexpr double chance = 1.5;
inline constexpr double less_chance = 0.5;

[[nodiscard]] bool is_baseline(const CandidateReport& report);

class Combination {
 public:
  // All must outlive it. `searched`: candidates that learned here come from a search on these very rows. What is chosen
  // takes no more bytes than `most_bytes` in a model.
  Combination(const Preparation& preparation, std::span<const Sample> samples, const FitOptions& options, bool searched,
              double most_bytes);

  // Takes a candidate in, and fills its report's error and standard error. One that failed never counts.
  void add(CandidateReport& report, const std::vector<Matrix>& held_out, double bytes);
  // Takes one in that is not asked about on these rows: it never counts.
  void leave_out();
  // Chooses anew among these candidates (by their numbers in order of `add`), or among all: what has clearly less error
  // than what was chosen before takes its place. Whether it did for some target.
  bool choose();
  bool choose_among(std::vector<bool> these);

  // Which candidates had weight in what was last chosen, or in a mixture that was to take its place and was no better.
  [[nodiscard]] const std::vector<bool>& considered() const { return considered_; }

  [[nodiscard]] std::size_t size() const { return counts_.size(); }
  [[nodiscard]] Vector weights(std::size_t candidate) const;  // k
  [[nodiscard]] const std::vector<bool>& nothing_found() const { return nothing_found_; }
  // The mean square of what is chosen over that of the mean, averaged over targets; of classes, the log-loss over that
  // of their frequencies.
  [[nodiscard]] double relative_error() const;
  // Whether something was found for every target beyond all doubt: a search over many settings finds some that suit the
  // held-out rows by chance.
  [[nodiscard]] bool sure() const;
  // Of the sizes of the mean's errors, the share that the best candidate leaves, averaged over targets. Not of their
  // squares: a few large ones among few rows may be met by chance.
  [[nodiscard]] double least_left() const { return least_left_; }
  // Why a candidate has no weight; empty for one that has.
  [[nodiscard]] std::string why_dropped(std::size_t candidate) const;
  // What the chosen mixture says of each split's sample, scaled, rows×k; the mean where nothing was found.
  [[nodiscard]] std::vector<Matrix> held_out(std::span<const Candidate> candidates) const;

 private:
  struct Target {
    Vector y;                          // N: from the mean of the split's training rows
    Vector own_unit;                   // N: of y's scale
    Vector own;                        // N: the target as the table has it
    Matrix E;                          // N×c
    std::vector<Matrix> G;             // one c×c per column of W_
    Vector square;                     // c: Σ w e², own units
    double least = 0;                  // of the mean, or of a linear model that counts
    std::vector<bool> above_chance;    // c
    Vector weights = Vector::Zero(0);  // chosen; may be shorter than c
    double error = 0;                  // Σ w e² of what is chosen, as it is reported
    double error_of_mean = 0;          // the same of the mean
    double t = 0;                      // of its slope
  };
  // What a target is to be made of instead of what was chosen.
  struct Proposal {
    Vector weights;
    double error = 0;
    double t = 0;
  };
  // Nothing where there is none or, if it is `to_improve`, where it is no better than what was chosen.
  [[nodiscard]] std::optional<Proposal> proposal(std::size_t t, const std::vector<bool>& these, bool to_improve);
  // Of all targets, so that the model does not take too many bytes.
  [[nodiscard]] std::vector<std::optional<Proposal>> proposals_of_size(std::vector<bool> these, bool to_improve);
  bool choose_by_squares(std::vector<bool> these);
  bool choose_by_log_loss(std::vector<bool> these);
  void accept(std::size_t t, Proposal proposal);
  // Of classes: calibrated on the held-out rows, as the model will be. Cost some 100·N·k exponentials.
  // Of each row, N; 0 where it does not count.
  [[nodiscard]] Vector log_losses_of(const std::vector<Vector>& weights) const;
  // Predictions F (N, scaled, from the mean) as the model will give them.
  [[nodiscard]] Vector in_own_units(Index t, const Vector& F) const;
  void grow(Target& target, const Vector& residual);
  // Σ w e² of predictions F (N, scaled, from the mean), as HeldOut::errors counts them.
  [[nodiscard]] double reported_error(Index t, const Vector& F) const;
  [[nodiscard]] Vector mixture_weights(const Target& target, const std::vector<bool>& counts, double most) const;

  const Preparation& preparation_;
  std::span<const Sample> samples_;
  const FitOptions& options_;
  bool searched_;
  bool classes_;
  Matrix W_;  // N × (1 + bags): the rows' weights, whole and in each bag
  std::vector<Target> targets_;
  std::vector<std::vector<bool>> counts_;  // c×k
  std::vector<bool> failed_;               // c
  std::vector<bool> baseline_;             // c
  std::vector<bool> logistic_;             // c: its head was learned by log-loss
  std::vector<bool> too_large_;            // c: it was left out because the model would take too many bytes
  std::vector<double> bytes_;              // c
  double most_bytes_;
  std::vector<bool> considered_;     // c
  std::vector<bool> nothing_found_;  // k
  double least_left_ = 1;
  double log_loss_ = 0;          // of what is chosen, where targets are classes
  double log_loss_of_mean_ = 0;  // of their frequencies
  Vector log_losses_of_mean_;    // of each row
};

}  // namespace sextant
