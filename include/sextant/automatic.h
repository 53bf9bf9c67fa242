// The automatic method: discover, refine and polish in several ways, choose by held-out rows, average what is worth it.
//
// Families of candidates (docs/method.md):
//   linear, random features       the baselines that the result is never worse than on held-out rows
//   refined network               discover → refine rounds (refine.h), the best round, mean of redraws; on plain and on
//                                 lifted inputs (lift.h)
//   refined kernel                the same with kernels, whose settings come from a small grid; plain and lifted
//   leaf machines                 kernel machines on leaves of neighbours (leaf_machine.h), raced on leaves of all rows
//   polished links                ranks 1, 2, 3, 4, 6, 8 (and d when it is small): discover → polish (polish.h) from
//                                 several starts, several degrees and ridges; and a kernel on the polished coordinates
// What is tried is a line of steps of known cost, the cheap first, in an order that the budget has no part in: it ends
// at the first step that would exceed it. Up to 2000 rows are cross-validated, of more a share is held out, whatever
// the budget. Searches run on one split, or thoroughly on all (on up to 400 rows, from a budget of 100 on, and on up to
// 2000 rows of which little is explained), and what they find is confirmed on every split.
//
// The model is the mean of candidates with weights from bagged greedy selection with replacement on held-out rows
// (Caruana, Niculescu-Mizil, Crew and Ksikes, Ensemble selection from libraries of models, ICML 2004), per target. A
// candidate counts only if its errors are below the mean's by more than chance would make them and not above those of a
// linear model that counts. What is chosen stands until something has clearly less error on the same rows, so that more
// budget never means more held-out error. Where the first, cheap candidates are not beyond doubt, what was chosen is
// learned again on another partition of the rows, chosen from anew and shrunk towards the mean: where nothing can be
// found, nothing is claimed. Then, with `refit`, the chosen candidates are learned again on all training rows.
//
// The budget counts multiply-adds, not time, so that the same data, options and seed give the same model on any
// machine: budget·5·10¹⁰ of them at most, about what two cores do in `budget` seconds. Of more than 10 000 rows,
// searches see some.
#pragma once

#include "sextant/train.h"

namespace sextant {

// What a second of budget allows.
inline constexpr double multiply_adds_per_second = 5e10;

// What is known from other tasks on the same inputs, scaled by the same scaling: the directions in which their
// predictors vary, and the predictors themselves. Adds candidates that keep them (docs/method.md, "Transfer"): links,
// networks and kernels in the coordinates of A, kernels in a blend of those with all inputs, the sources' own
// predictions put to the new target's scale, and polishing from A's leading directions. Starting afresh stays among the
// candidates, so a source that shares nothing does no harm beyond the noise of the choice.
struct SourceTask {
  Matrix gradient_outer_product;  // A, d×d, summed over sources, each divided by its trace
  LinearPart linear;              // d×k_s, of all their targets side by side
  std::vector<Predictor> predictors;
};

// For options.method automatic, refine, refined_kernel or polish (the last three have that family's candidates only,
// and the best of them alone). Arguments, errors: as `train` of train.h. Trained::selection says what was tried. Cost:
// the budget at most, beside moments and the first look.
[[nodiscard]] Trained train_automatic(const RowSource& data, const RowSource* validation, const FitOptions& options,
                                      const Context& context, const Scaling* fixed = nullptr,
                                      const SourceTask* source = nullptr);

// The same choices on other rows: what a selection gives weight is learned again by its recipe, with ε of `choices` and
// the inputs `kept`, those that `levels` makes among them (null: there are none); nothing is chosen. Throws
// InvalidArgument when a candidate with weight keeps what another task found. Cost: that of learning the candidates
// that have weight, once.
[[nodiscard]] Trained retrain_automatic(const RowSource& data, const Validation& choices, const Selection& selection,
                                        const FitOptions& options, const Context& context,
                                        const std::vector<Index>* kept, const LevelEncoding* levels = nullptr);

}  // namespace sextant
