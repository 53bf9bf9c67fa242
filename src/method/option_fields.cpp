// Every option of a fit, declared once. The order is that of the keys of stored runs, so a new option comes last.
#include "sextant/option_fields.h"

#include <algorithm>

#include "method/option_declaration.h"

namespace sextant {
namespace {

using enum Method;

constexpr MethodSet none = {};
constexpr MethodSet all = ~none;
constexpr MethodSet searching = {automatic, refine, refined_kernel, polish};
constexpr MethodSet kernels = {kernel_arc_cosine, kernel_ntk, kernel_polynomial, kernel_gaussian, kernel_laplace};
constexpr MethodSet reductions = {sir, save, phd, directional_regression};
constexpr MethodSet networks = ~(searching | kernels);  // one map of features of `width` units
constexpr MethodSet refining = {automatic, refine};
constexpr MethodSet polishing = {automatic, polish};

constexpr NumberRange from(double least, std::string_view rule) { return {.least = least, .rule = rule}; }
constexpr NumberRange above(double least, std::string_view rule) {
  return {.least = least, .above = true, .rule = rule};
}
constexpr NumberRange between(double least, double most, std::string_view rule) {
  return {.least = least, .most = most, .rule = rule};
}
constexpr NumberRange share = {.least = 0, .most = 0.5, .above = true, .rule = "a number above 0 and at most 0.5"};
constexpr NumberRange pairs = {
    .least = 2, .even = true, .rule = "an even number of at least 2 (units come in mirrored pairs)"};

}  // namespace

const std::vector<OptionField>& option_fields() {
  using enum OptionGroup;
  using enum CommandForm;
  using O = FitOptions;
  static const std::vector<OptionField> fields = {
      option<&O::task>("task", data)
          .means("What the target is: regression (a number) or classification (a class)",
                 "A class is one target of text or numbers, of at most 1000 different values.")
          .of(all)
          .kept(),
      option<&O::target_transform>("target_transform", data)
          .means("What is learned is a transform of the target: none, log, rank, or auto; one for all targets or one "
                 "each",
                 "`auto` is chosen by held-out error.")
          .among({"none", "log", "rank", "auto"})
          .with(Task::regression)
          .of(all)
          .kept(),
      option<&O::class_weights>("class_weights", data)
          .means("What rows of each class count: none (as much as others), balanced (so that all classes weigh "
                 "alike), or a table with the columns class and weight; probabilities are then of rows weighted so",
                 "They multiply `--weights`. The table's weights are above 0, one row per class; only their ratios "
                 "matter (method.md, Classes).")
          .with(Task::classification)
          .of(all)
          .kept(),
      option<&O::method>("method", model)
          .means("How features are made: auto tries several ways and lets held-out rows choose and average, refine, "
                 "refined-kernel and polish are stages of it, each other one is a way of its own",
                 "method.md describes them: The automatic method, Comparators.")
          .of(all),
      option<&O::width>("width", first_layer)
          .means("Hidden units m: even, at least 2")
          .within(pairs)
          .of(networks | refining),
      option<&O::eta>("eta", first_layer)
          .means("Size of the step")
          .within(above(0, "a number above 0"))
          .otherwise("√d, or √(d·rank)")
          .of(refining | MethodSet{algorithm_1}),
      option<&O::rank>("rank", first_layer)
          .means("Number of directions, if known")
          .within(from(1, "at least 1"))
          .otherwise("unknown")
          .of(all),
      option<&O::first_layer_decay>("first_layer_decay", first_layer)
          .means("Weight decay λ₁ of the step")
          .within(from(0, "a number of at least 0"))
          .otherwise("1/eta, which forgets the start")
          .of(refining | MethodSet{algorithm_1}),
      option<&O::redraw_biases>("redraw_biases", first_layer).means("Draw biases after the step").of({algorithm_1}),
      option<&O::sample_splitting>("sample_splitting", first_layer)
          .means("Step and head on different halves of the rows", "Refused by methods that do not use it.")
          .of(networks),
      option<&O::preprocess>("preprocess", head)
          .means("What is taken off the target first: none, correlation or linear")
          .of(networks | kernels)
          .kept(),
      option<&O::lambda>("lambda", head)
          .means("Ridge parameter: a value, or values to choose from")
          .within(from(0, "numbers of at least 0"))
          .otherwise("half decades 10⁻¹⁰ … 10⁸, and inf")
          .of(all)
          .kept(),
      option<&O::validation_share>("validation_share", split)
          .means("Share of the rows held out to choose by", "One fold of round(1/share) is held out.")
          .within(share)
          .of(all)
          .kept(),
      option<&O::folds>("folds", split)
          .means("Choose by cross-validation with so many folds")
          .within(from(2, "at least 2"))
          .otherwise("a share is held out")
          .of(all)
          .kept(),
      option<&O::ordered>("ordered", split)
          .means("Rows come in time order: choose by later rows than are learned from",
                 "The last share is held out; in K folds each block is predicted from those before it.")
          .of(all)
          .kept()
          .as(flag),
      option<&O::refit>("refit", split).means("Train on all rows once everything is chosen").of(all).kept(),
      option<&O::head>("head", head)
          .means("How the second layer is fitted: ridge or gradient-descent")
          .of(networks | kernels)
          .kept(),
      option<&O::standardise>("standardise", data).means("Centre and scale inputs and targets").of(all).kept(),
      option<&O::extrapolate>("extrapolate", data)
          .means("Let inputs and predictions go on beyond what the training rows make plausible, as linear trends do",
                 "Where it is false, wild inputs are drawn in and predictions held back (method.md, Wild cells); "
                 "`--extrapolate=false` asks that of methods that do not search.")
          .otherwise("true for methods that do not search")
          .of(all)
          .kept()
          .as(flag),
      option<&O::clip_targets>("clip_targets", data)
          .means("Draw in targets far outside the rest before anything is learned from them")
          .otherwise("true for regression by methods that search")
          .with(Task::regression)
          .of(all)
          .kept(),
      option<&O::compact>("compact", model)
          .means("Keep the model to 8 MB, instead of 256 MB or twice the training rows in single precision",
                 "Tables of levels come on top. `auto` and its stages leave out what is too large; another method "
                 "whose model would be is refused.")
          .of(all)
          .as(flag),
      option<&O::training_rows>("training_rows", model)
          .means("Keep no row of the table in the model: neither kernels nor leaf machines, which are made of rows",
                 "For those who may not pass rows on. Names of text levels, numbers that are codes, how often each "
                 "occurs and the sums of its targets are in the model all the same; of a level of one row that is its "
                 "target, so use `--level-effects false` or leave such columns out (`--ignore`) where that may not be "
                 "passed on. The kernel methods are refused. `sextant info` says whether rows are inside.")
          .of(all)
          .as(denying),
      option<&O::leaf_memory>("leaf_memory", search)
          .means("GiB that the rows of leaf machines may take in memory; of more rows than fit, they learn from so "
                 "many, evenly drawn",
                 "They say so. With ranks, the default is the first rank's, and each rank takes as much.")
          .within(above(0, "a number of GiB above 0"))
          .otherwise("a quarter of the machine's")
          .of({automatic}),
      option<&O::level_effects>("level_effects", data)
          .means("Make inputs of what rows say of levels: of text of many values, of numbers that are codes, of pairs",
                 "Of text of more than 64 different values with every method; of numbers and pairs with `auto` and its "
                 "stages. `false` leaves such text out and takes numbers as numbers.")
          .of(all),
      option<&O::precision>("precision", running)
          .means("Of the sums over rows: float64, mixed or float32 (about twice as fast)",
                 "It is that of the step's gradient, of the features' sums and, where that serves, of the training "
                 "rows' moments: `mixed` is single precision within a block of rows and double across blocks, "
                 "`float32` single within 16 blocks. The head is solved in double precision. Other methods take "
                 "`float64` only (performance.md).")
          .of(networks),
      option<&O::symmetric>("symmetric", comparators)
          .means("Start the network in mirrored pairs, at exactly 0")
          .otherwise("true, but for ntk")
          .of(networks | refining),
      option<&O::bias>("bias", comparators)
          .means("Standard deviation of the biases of networks that are not trained, and of those that kernels are "
                 "limits of")
          .within(from(0, "a number of at least 0"))
          .otherwise("1, for ntk and kernel-ntk 0")
          .of(reductions | MethodSet{automatic, random_features, ntk, kernel_arc_cosine, kernel_ntk, oracle}),
      option<&O::ntk_blocks>("ntk_blocks", comparators)
          .means("Parameters that ntk and kernel-ntk differentiate by: some of a, W, b")
          .among({"a", "W", "b"})
          .of({ntk, kernel_ntk}),
      option<&O::ntk_scale>("ntk_scale", comparators)
          .means("How tangent features weigh against each other: standard (a = ±1/√m) or balanced (f/√m, a = ±1)")
          .of({ntk}),
      option<&O::bandwidth>("bandwidth", comparators)
          .means("Of kernel-gaussian and kernel-laplace, in median distances of the training rows")
          .within(above(0, "a number above 0"))
          .of({kernel_gaussian, kernel_laplace}),
      option<&O::degree>("degree", comparators)
          .means("Of kernel-polynomial")
          .within(between(1, 60, "a whole number from 1 to 60"))
          .of({kernel_polynomial}),
      option<&O::slices>("slices", comparators)
          .means("Of sir, save and directional-regression")
          .within(from(2, "at least 2"))
          .of({sir, save, directional_regression}),
      option<&O::budget, budget_named>("budget", search)
          .means("How much work at most: seconds on two cores, about, or low (3), medium (60), high (600); counted in "
                 "operations, so that the result does not depend on the machine; from 100 on, every setting is tried "
                 "on every fold",
                 "A larger one tries all that a smaller one tried and never has more held-out error. Below 100, tables "
                 "of more than 400 rows have fewer settings tried, and all only where half the sizes of the mean's "
                 "errors is left.")
          .within(above(0, "a number of seconds above 0"))
          .among({"low", "medium", "high"})
          .of(searching),
      option<&O::discover>("discover", search).means("Where refined networks start: one-step or spectral").of(refining),
      option<&O::refine_rounds>("refine_rounds", search)
          .means("Times that features are drawn anew")
          .within(from(0, "at least 0"))
          .of(refining),
      option<&O::refine_power>("refine_power", search)
          .means("q of the coordinates (A/tr A)^q; 1 for Gaussian inputs")
          .within(above(0, "a number above 0"))
          .of(refining | MethodSet{refined_kernel}),
      option<&O::redraws>("redraws", search)
          .means("Networks along the same directions whose mean is taken")
          .within(between(1, 1000, "a whole number from 1 to 1000"))
          .of(refining),
      option<&O::lift>("lift", search)
          .means("Intervals per input of piecewise-linear lifts")
          .within(from(1, "at least 1"))
          .of({automatic}),
      option<&O::polish_degree>("polish_degree", search)
          .means("Degree of polished links")
          .within(between(1, 30, "a whole number from 1 to 30"))
          .otherwise("chosen")
          .of(polishing),
      option<&O::polish_steps>("polish_steps", search)
          .means("Gauss–Newton steps at most")
          .within(from(0, "at least 0"))
          .of(polishing),
      option<&O::calibration_share>("calibration_share", uncertainty)
          .means("Share of the rows that only prediction intervals see, which makes their level exact")
          .within(share)
          .otherwise("none, the rows held out to choose by serve")
          .with(Task::regression)
          .of(all)
          .kept(),
      option<&O::subspace>("subspace", comparators)
          .means("Rows that span the subspace of oracle, on standardised inputs; a table's columns are matched by name")
          .otherwise("none")
          .of({oracle}),
      option<&O::seed>("seed", running).means("Of all random numbers").of(all).kept(),
  };
  return fields;
}

const OptionField* find_option_field(std::string_view name) {
  const auto& fields = option_fields();
  const auto found = std::find_if(fields.begin(), fields.end(), [&](const OptionField& f) { return f.name == name; });
  return found == fields.end() ? nullptr : &*found;
}

}  // namespace sextant
