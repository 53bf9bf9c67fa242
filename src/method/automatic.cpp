#include "sextant/automatic.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <memory>
#include <type_traits>
#include <utility>

#include "core/parallel.h"
#include "core/ties.h"
#include "method/kernel_choice.h"
#include "method/searches.h"
#include "sextant/error.h"
#include "sextant/random.h"
#include "sextant/resampling.h"
#include "sextant/ridge_head.h"
#include "sextant/row_ranges.h"
#include "sextant/splits.h"

namespace sextant {
namespace {

constexpr double multiply_adds_per_second = 5e10;
constexpr Index kernel_rounds = 3;
constexpr Index quick_kernel_rounds = 2;
constexpr Index kernels_first = 1500;  // rows up to which kernels cost less than links
constexpr Index cross_validated_rows = 2000;
constexpr int selection_rounds = 25;
constexpr Index selection_bags = 20;
constexpr Index gradient_rows = 10'000;  // on which models with leaf machines are differentiated
// A candidate's mean gain over the baseline must exceed so many of its standard errors.
constexpr double chance = 1.5;
// Where nothing was searched for on these rows (what another task found) or on this partition of them (what is learned
// again), chance has less room.
constexpr double less_chance = 0.5;

// Where so much of the sizes of the mean's errors is left, one held-out share tells candidates apart by its noise, and
// folds are worth their time.
constexpr double much_left = 0.5;

// What a mixture's slope must be in its standard errors for it not to be learned again, and for it not to be shrunk.
constexpr double sure_beyond = 7;
constexpr double unshrunk_beyond = 4;

// Cross-validation where rows are few and nothing else was asked for, in no more folds than rows can be divided into.
FitOptions with_folds(const FitOptions& options, const RowSource& data, const RowSource* validation) {
  FitOptions result = options;
  if (validation != nullptr || options.folds || !options.refit) return result;
  if (data.rows() > cross_validated_rows) return result;
  const auto wanted = std::max<Index>(2, std::lround(1.0 / options.validation_share));
  const Index folds = std::min(wanted, most_folds(data, options));
  if (folds >= 2) result.folds = folds;
  return result;
}

// Another partition of the rows; where they are cross-validated, with twice the folds: what is learned again is nearer
// to what all rows would teach.
FitOptions with_another_partition(const FitOptions& options, const RowSource& data) {
  FitOptions result = options;
  result.seed = ~options.seed;
  if (options.folds) result.folds = std::min(2 * *options.folds, most_folds(data, options));
  return result;
}

// Squared errors of one target on the sampled held-out rows, all splits one after the other, in own units.
Vector square_errors(const Preparation& preparation, const std::vector<Sample>& samples, const std::vector<Matrix>& F,
                     Index target) {
  Index rows = 0;
  for (const Sample& sample : samples) rows += sample.X.rows();
  Vector square(rows);
  Index first = 0;
  for (std::size_t i = 0; i < samples.size(); ++i) {
    const double unit = preparation.scaled[i].prepared.scaling.y_scale[target];
    const Index count = samples[i].Y.rows();
    square.segment(first, count) = ((samples[i].Y.col(target) - F[i].col(target)).array() * unit).square().matrix();
    first += count;
  }
  return square;
}

// Held-out predictions of the mean of the training rows.
std::vector<Matrix> mean_predictions(const Workbench& bench) {
  std::vector<Matrix> F;
  for (std::size_t i = 0; i < bench.samples.size(); ++i)
    F.push_back(bench.splits[i].moments->y_mean.transpose().replicate(bench.samples[i].X.rows(), 1));
  return F;
}

// The mean of the gains against its standard error.
double t_statistic(const Vector& gain, const Vector& w) {
  const double n = w.sum();
  const double mean = gain.dot(w) / n;
  const double variance = ((gain.array() - mean).square() * w.array()).sum() / n;
  const auto rows = static_cast<double>((w.array() > 0).count());
  return mean / std::max(1e-300, std::sqrt(variance / std::max(1.0, rows - 1)));
}

// Whether squared errors are below those of the baseline by more than chance. Targets may have heavy tails, whose
// squares hide what every other row shows: the errors' sizes are asked, too.
bool better_than_chance(const Vector& square, const Vector& baseline, const Vector& w, double least_errors) {
  if (!(square.dot(w) < baseline.dot(w))) return false;
  return t_statistic(baseline - square, w) > least_errors ||
         t_statistic(baseline.cwiseSqrt() - square.cwiseSqrt(), w) > least_errors;
}

// Weights of the candidates that count, by greedy selection with replacement; `F` held-out predictions of one target
// per candidate, rows concatenated.
Vector selected_weights(const std::vector<Vector>& F, const std::vector<bool>& counts, const Vector& y, const Vector& w,
                        int rounds) {
  Vector picked = Vector::Zero(static_cast<Index>(F.size()));
  Vector best_weights = picked;
  Vector sum = Vector::Zero(y.size());
  double best_error = std::numeric_limits<double>::infinity();
  for (int round = 1; round <= rounds; ++round) {
    double least = std::numeric_limits<double>::infinity();
    std::size_t best = 0;
    for (std::size_t c = 0; c < F.size(); ++c) {
      if (!counts[c]) continue;
      const double error = ((y - (sum + F[c]) / round).cwiseAbs2()).dot(w);
      if (clearly_less(error, least)) {
        least = error;
        best = c;
      }
    }
    if (std::isinf(least)) break;  // none counts
    picked[static_cast<Index>(best)] += 1;
    sum += F[best];
    if (clearly_less(least, best_error)) {
      best_error = least;
      best_weights = picked / round;
    }
  }
  return best_weights;
}

// The slope of y on F over held-out rows, both from the mean, against its standard error.
struct Slope {
  double value = 0;
  double t = 0;
};

Slope slope_on(const Vector& y, const Vector& F, const Vector& w) {
  const double information = F.cwiseAbs2().dot(w);
  if (!(information > 0)) return {};
  const double slope = F.cwiseProduct(y).dot(w) / information;
  const Vector residual = y - slope * F;
  const double doubt = residual.cwiseProduct(F).cwiseProduct(w).norm() / information;
  return {slope, slope / std::max(1e-300, doubt)};
}

// How far to go from the mean towards F where F is hardly better than chance would make it: the slope, by the factor
// 1 − 1/t² of its own doubt (positive-part shrinkage, James and Stein 1961), but never so that the error exceeds
// `most`, a baseline's. 1 where there is no doubt.
double shrinkage(const Vector& y, const Vector& F, const Vector& w, double most) {
  const Slope slope = slope_on(y, F, w);
  if (!(slope.t < unshrunk_beyond) || F.isZero(0.0)) return 1;
  const double shrunk = std::clamp(slope.value * (1 - 1 / (slope.t * slope.t)), 0.0, 1.0);
  if ((y - shrunk * F).cwiseAbs2().dot(w) <= most) return shrunk;
  return std::clamp(slope.value, 0.0, 1.0);
}

// The mean of selections on rows drawn with replacement (bagged, as Caruana and others advise): fewer rows favour
// single candidates less.
Vector bagged_weights(const std::vector<Vector>& F, const std::vector<bool>& counts, const Vector& y, const Vector& w,
                      std::uint64_t seed) {
  const Stream random(seed, Purpose::selection_bags);
  Vector sum = Vector::Zero(static_cast<Index>(F.size()));
  for (Index bag = 0; bag < selection_bags; ++bag) {
    const std::vector<std::uint32_t> times = times_drawn(random, y.size(), bag);
    const Vector drawn = Eigen::Map<const Eigen::VectorX<std::uint32_t>>(times.data(), y.size()).cast<double>();
    sum += selected_weights(F, counts, y, w.cwiseProduct(drawn), selection_rounds);
  }
  return sum / selection_bags;
}

bool is_baseline(const CandidateReport& report) {
  if (!report.failed.empty()) return false;
  return std::holds_alternative<LinearRecipe>(report.recipe) ||
         std::holds_alternative<RandomFeaturesRecipe>(report.recipe);
}

// Drops what hardly counts: each candidate costs time at every prediction.
Vector pruned(Vector weights) {
  constexpr double hardly = 0.04;
  if (weights.size() == 0 || weights.maxCoeff() < hardly) return weights;  // the budget may allow none
  for (double& weight : weights)
    if (weight < hardly) weight = 0;
  return weights / weights.sum();
}

Vector mixed(const std::vector<Vector>& F, const Vector& weights) {
  Vector sum = Vector::Zero(F.front().size());
  for (std::size_t c = 0; c < F.size(); ++c) sum += weights[static_cast<Index>(c)] * F[c];
  return sum;
}

// Weights of a mixture whose error does not exceed `most`, that of a candidate that counts: bagged if they do not, else
// selected on all rows, else the best candidate's alone.
Vector mixture_weights(const std::vector<Vector>& F, const std::vector<bool>& counts, const Vector& y, const Vector& w,
                       double most, std::uint64_t seed) {
  const auto error = [&](const Vector& weights) { return (y - mixed(F, weights)).cwiseAbs2().dot(w); };
  const Vector bagged = pruned(bagged_weights(F, counts, y, w, seed));
  if (error(bagged) <= most) return bagged;
  const Vector selected = pruned(selected_weights(F, counts, y, w, selection_rounds));
  if (error(selected) <= most) return selected;
  return selected_weights(F, counts, y, w, 1);
}

Vector concatenated(const std::vector<Matrix>& parts, Index column) {
  Index rows = 0;
  for (const Matrix& part : parts) rows += part.rows();
  Vector all(rows);
  Index first = 0;
  for (const Matrix& part : parts) {
    all.segment(first, part.rows()) = part.col(column);
    first += part.rows();
  }
  return all;
}

// Chooses each target's weights and fills the reports. Whether every target that something was found for is beyond
// doubt: a search over so many settings finds some that suit the held-out rows by chance.
bool choose_weights(const Preparation& preparation, Workbench& bench, bool searched, Selection& selection) {
  std::vector<Candidate>& candidates = bench.found;
  const Index k = bench.targets();
  std::vector<Matrix> Y;
  Vector w = Vector::Zero(0);
  for (const Sample& sample : bench.samples) {
    Y.push_back(sample.Y);
    Vector longer(w.size() + sample.w.size());
    longer << w, sample.w;
    w = longer;
  }
  w /= std::max(std::numeric_limits<double>::min(), w.maxCoeff());  // their products are formed
  const std::vector<Matrix> mean = mean_predictions(bench);
  bool sure = true;
  selection.nothing_found.clear();
  for (Candidate& candidate : candidates) candidate.report.weight = Vector::Zero(k);
  for (Index t = 0; t < k; ++t) {
    const Vector m = concatenated(mean, t);
    const Vector y = concatenated(Y, t) - m;
    std::vector<Vector> F;  // from the mean, as y
    std::vector<Vector> square;
    for (Candidate& candidate : candidates) {
      if (!candidate.report.failed.empty()) {
        F.push_back(Vector::Zero(y.size()));
        square.push_back(Vector::Constant(y.size(), std::numeric_limits<double>::infinity()));
        candidate.report.error[t] = std::numeric_limits<double>::infinity();
        continue;
      }
      F.push_back(concatenated(candidate.held_out, t) - m);
      square.push_back(square_errors(preparation, bench.samples, candidate.held_out, t));
      candidate.report.error[t] = square.back().dot(w) / w.sum();
    }
    // Nothing counts that is not better than the mean by more than chance, nor what is worse than a linear model that
    // is.
    const Vector of_mean = square_errors(preparation, bench.samples, mean, t);
    double least = of_mean.dot(w);
    double of_baselines = std::numeric_limits<double>::infinity();  // scaled, of those that count
    std::vector<bool> counts(candidates.size(), false);
    for (std::size_t c = 0; c < candidates.size(); ++c) {
      const CandidateReport& report = candidates[c].report;
      if (!report.failed.empty()) continue;
      counts[c] = better_than_chance(square[c], of_mean, w, searched && !report.kept() ? chance : less_chance);
      if (!counts[c] || !is_baseline(report)) continue;
      of_baselines = std::min(of_baselines, (y - F[c]).cwiseAbs2().dot(w));
      if (std::holds_alternative<LinearRecipe>(report.recipe)) least = square[c].dot(w);
    }
    for (std::size_t c = 0; c < candidates.size(); ++c) counts[c] = counts[c] && square[c].dot(w) <= least;
    const bool found = std::find(counts.begin(), counts.end(), true) != counts.end();
    selection.nothing_found.push_back(true);
    if (!found) continue;
    const bool several = bench.options.method == Method::automatic;
    Vector weights = several ? mixture_weights(F, counts, y, w, of_baselines, bench.options.seed)
                             : selected_weights(F, counts, y, w, 1);
    const Vector mixture = mixed(F, weights);
    if (slope_on(y, mixture, w).t < sure_beyond) sure = false;
    weights *= shrinkage(y, mixture, w, of_baselines);
    selection.nothing_found.back() = weights.isZero(0.0);
    for (std::size_t c = 0; c < candidates.size(); ++c) candidates[c].report.weight[t] = weights[static_cast<Index>(c)];
  }
  return sure;
}

// Adds weight_t times a fitted candidate: what has no weight at all is not there.
void add_weighted(const Fitted& fitted, const Vector& weight, Fitted& sum) {
  sum.linear.alpha += weight.cwiseProduct(fitted.linear.alpha);
  sum.linear.beta += fitted.linear.beta * weight.asDiagonal();
  for (Predictor predictor : fitted.predictors) {
    predictor.a = predictor.a * weight.asDiagonal();
    if (predictor.low.size() > 0) {
      predictor.low = predictor.low.cwiseProduct(weight).eval();
      predictor.high = predictor.high.cwiseProduct(weight).eval();
    }
    sum.predictors.push_back(std::move(predictor));
  }
}

void search(Workbench& bench, const SourceTask* source) {
  if (source != nullptr) search_kept(bench, *source);
  KernelSearch kernel(bench, false);
  KernelSearch lifted_kernel(bench, true);
  switch (bench.options.method) {
    case Method::refine:
      search_network(bench, false);
      break;
    case Method::refined_kernel:
      kernel.run(kernel_rounds);
      break;
    case Method::polish:
      search_links(bench, false);
      break;
    default:
      search_linear(bench);
      search_random_features(bench);
      if (bench.thorough) {
        search_network(bench, false);
        search_links(bench, true);
        lifted_kernel.run(kernel_rounds);
        kernel.run(kernel_rounds);
        search_network(bench, true);
        break;
      }
      if (bench.rows() <= kernels_first) {
        lifted_kernel.run(1);
        kernel.run(1);
      }
      search_links(bench, true);
      kernel.run(quick_kernel_rounds);
      bench.attempt("leaf machines", [&] { search_leaves(bench); });
      lifted_kernel.run(quick_kernel_rounds);
      if (all_are_centres(bench.rows())) break;  // kernels are what networks of many units come to
      search_network(bench, false);
      search_network(bench, true);
  }
}

// Per target, what the candidates leave to the mean.
Vector share_of_mean(const std::vector<CandidateReport>& candidates, Index k) {
  Vector rest = Vector::Ones(k);
  for (const CandidateReport& report : candidates) rest -= report.weight;
  return rest.cwiseMax(0.0);
}

// Candidates that are learned in one go.
struct LearnedTogether {
  std::vector<std::size_t> candidates;   // positions
  const KernelRecipe* recipe = nullptr;  // of kernels: what has all their rounds
};

bool begins_with(const KernelRecipe& recipe, const KernelRecipe& other) {
  if (recipe.lifted != other.lifted || recipe.rounds.size() < other.rounds.size()) return false;
  return std::equal(other.rounds.begin(), other.rounds.end(), recipe.rounds.begin());
}

// Those with weight: kernels that are rounds on the way to another with it, the others alone; what takes longest first.
std::vector<LearnedTogether> learned_together(const std::vector<CandidateReport>& candidates) {
  std::vector<LearnedTogether> groups;
  for (std::size_t c = 0; c < candidates.size(); ++c) {
    if (candidates[c].weight.isZero(0.0)) continue;
    const auto* const recipe = std::get_if<KernelRecipe>(&candidates[c].recipe);
    const auto group = std::ranges::find_if(groups, [&](const LearnedTogether& other) {
      return recipe != nullptr && other.recipe != nullptr &&
             (begins_with(*recipe, *other.recipe) || begins_with(*other.recipe, *recipe));
    });
    if (group == groups.end()) {
      groups.push_back({{c}, recipe});
    } else {
      group->candidates.push_back(c);
      if (begins_with(*recipe, *group->recipe)) group->recipe = recipe;
    }
  }
  std::ranges::stable_sort(groups, std::ranges::greater(), [](const LearnedTogether& group) {
    return group.recipe != nullptr ? group.recipe->rounds.size() : 0;
  });
  return groups;
}

// The rows that a model is made from, and those of them that candidates of searches on fewer are learned on.
struct FinalRows {
  FinalRows(const RowSource& source, const Prepared& prepared, const Vector& epsilon, const FitOptions& options,
            const Context& context)
      : all(learning_rows(source, nullptr, prepared, epsilon)) {
    if (source.rows() > ground_rows) searched = ground_of(all, options.seed, context);
  }
  [[nodiscard]] const LearningRows& of(const CandidateReport& report) const {
    return report.rows > 0 && searched ? *searched : all;
  }

  LearningRows all;
  std::optional<LearningRows> searched;
};

bool is_finite(const Fitted& fitted) {
  return fitted.linear.alpha.allFinite() && fitted.linear.beta.allFinite() &&
         std::ranges::all_of(fitted.predictors, [](const Predictor& each) { return each.a.allFinite(); });
}

// What has weight, learned on these rows. One whose numbers fail says so in its report.
std::vector<Fitted> learn_weighted(
    std::vector<CandidateReport>& candidates, const FinalRows& rows, const FitOptions& options, const Context& context,
    const std::function<Fitted(std::size_t candidate, const Context&)>& learn_candidate) {
  const std::vector<LearnedTogether> groups = learned_together(candidates);
  std::vector<Fitted> learned(candidates.size());
  const auto alone = [&](std::size_t c, const Context& inner) {
    try {
      learned[c] = learn_candidate(c, inner);
      if (!is_finite(learned[c])) throw NumericalError("a coefficient is not finite");
    } catch (const NumericalError& error) {
      candidates[c].failed = fmt::format("learned on all rows: {}", error.what());
    }
  };
  side_by_side(rows.all.train->rows(), static_cast<Index>(groups.size()), context, [&](Index i, const Context& inner) {
    const auto& [members, recipe] = groups[static_cast<std::size_t>(i)];
    if (members.size() > 1) {
      try {
        std::vector<Fitted> rounds = learn_rounds(*recipe, rows.of(candidates[members.front()]), options, inner);
        for (const std::size_t c : members)
          learned[c] = std::move(rounds[std::get<KernelRecipe>(candidates[c].recipe).rounds.size() - 1]);
        return;
      } catch (const NumericalError&) {  // its earlier rounds may do
      }
    }
    for (const std::size_t c : members) alone(c, inner);
  });
  return learned;
}

// Gives the weight of what failed to the others in proportion to theirs, or to the mean where there are none.
void give_up_failed(Selection& selection) {
  for (std::size_t t = 0; t < selection.nothing_found.size(); ++t) {
    const auto target = static_cast<Index>(t);
    double all = 0;
    double left = 0;
    for (const CandidateReport& report : selection.candidates) {
      all += report.weight[target];
      if (report.failed.empty()) left += report.weight[target];
    }
    if (left == all) continue;
    for (CandidateReport& report : selection.candidates)
      report.weight[target] = report.failed.empty() && left > 0 ? report.weight[target] * (all / left) : 0.0;
    if (!(left > 0)) selection.nothing_found[t] = true;
  }
}

// The mean where nothing was found, else the candidates that count, each with its share.
Fitted mixture(const std::vector<CandidateReport>& candidates, const std::vector<Fitted>& learned,
               const LearningRows& rows) {
  const Index k = rows.train->targets();
  Fitted sum{LinearPart::zero(rows.train->inputs(), k), {}};
  sum.linear.alpha = share_of_mean(candidates, k).cwiseProduct(rows.moments->y_mean);
  for (std::size_t c = 0; c < candidates.size(); ++c)
    if (!candidates[c].weight.isZero(0.0)) add_weighted(learned[c], candidates[c].weight, sum);
  return sum;
}

// Some of the rows, evenly spaced.
RowRanges sampled(Index rows, Index most) {
  RowRanges some;
  const Index stride = (rows + most - 1) / most;
  for (Index i = 0; i < rows; i += stride) some.add(i);
  return some;
}

// Learns what has weight on these rows, and puts it together.
void learn_model(Selection& selection, const FinalRows& rows, const FitOptions& options, const Context& context,
                 const std::function<Fitted(std::size_t candidate, const Context&)>& learn_candidate,
                 Trained& trained) {
  const std::vector<Fitted> learned = learn_weighted(selection.candidates, rows, options, context, learn_candidate);
  give_up_failed(selection);
  Fitted sum = mixture(selection.candidates, learned, rows.all);
  // A leaf machine's gradient at a row costs as much as its prediction: some rows show where it varies.
  const RowSource& all = *rows.all.train;
  const bool leaves = std::ranges::any_of(
      sum.predictors, [](const Predictor& each) { return std::holds_alternative<LeafMachine>(each.map); });
  const RangeSource some(all, sampled(all.rows(), gradient_rows));
  trained.gradient_outer_product =
      gradient_outer_product(leaves ? static_cast<const RowSource&>(some) : all, sum.linear, sum.predictors, context);
  if (!trained.gradient_outer_product.allFinite()) {
    for (CandidateReport& report : selection.candidates)
      if (!report.weight.isZero(0.0)) report.failed = "learned on all rows: the gradients of the mixture overflow";
    give_up_failed(selection);
    sum = mixture(selection.candidates, learned, rows.all);
    trained.gradient_outer_product.setZero();
  }
  trained.linear = std::move(sum.linear);
  trained.predictors = std::move(sum.predictors);
}

// A partition of the rows, with the bench on its splits.
struct Trial {
  Trial(const RowSource& data, const RowSource* validation_rows, const FitOptions& options, const Context& context,
        const Scaling* fixed, bool thorough, Budget budget)
      : preparation(prepare_training(data, validation_rows, options, context, fixed)),
        bench{options, context, {}, {}, held_out_samples(preparation, context), preparation.validation.mean,
              budget,  thorough} {
    // Of all splits or of none: windows that expand in time may be few rows and many.
    const bool some = std::ranges::any_of(preparation.scaled,
                                          [](const ScaledSplit& split) { return split.train.rows() > ground_rows; });
    for (const ScaledSplit& split : preparation.scaled) {
      LearningRows all = learning_rows(split.train, &split.held_out, split.prepared, preparation.validation.epsilon,
                                       preparation.scaled.size());
      if (some) {
        bench.whole.push_back(std::move(all));
        bench.splits.push_back(ground_of(bench.whole.back(), options.seed, context));
      } else {
        bench.splits.push_back(std::move(all));
      }
    }
  }

  Preparation preparation;
  Workbench bench;
};

// Of the sizes of the mean's held-out errors, the share that the best candidate leaves, averaged over targets. Not of
// their squares: a few large ones among few rows may be met by chance.
double least_left(const Workbench& bench) {
  const Index k = bench.targets();
  const auto sizes = [&](const std::vector<Matrix>& F) {
    Vector sum = Vector::Zero(k);
    for (std::size_t i = 0; i < F.size(); ++i)
      sum += (bench.samples[i].Y - F[i]).cwiseAbs().transpose() * bench.samples[i].w;
    return sum;
  };
  const Vector of_mean = sizes(mean_predictions(bench)).cwiseMax(1e-300);
  double least = 1;
  for (const Candidate& candidate : bench.found)
    if (candidate.report.failed.empty())
      least = std::fmin(least, sizes(candidate.held_out).cwiseQuotient(of_mean).mean());
  return least;
}

// As a candidate was learned, but from the rows alone.
std::function<Fitted(const LearningRows&, const Context&)> afresh(const Candidate& candidate,
                                                                  const FitOptions& options) {
  if (candidate.report.kept()) return candidate.learn;
  Recipe recipe = candidate.report.recipe;
  if (auto* link = std::get_if<LinkRecipe>(&recipe)) link->U.setZero();  // found on rows that may be held out now
  return [recipe, &options](const LearningRows& rows, const Context& context) {
    return learn(recipe, rows, options, context);
  };
}

// What has weight, and the baselines, which nothing chosen may be worse than.
bool is_tried_again(const Candidate& candidate) {
  return !candidate.report.weight.isZero(0.0) || is_baseline(candidate.report);
}

// Learns it again on another partition of the rows, with all settings as they were chosen: what the first partition's
// held-out rows favoured by chance is not favoured by others.
void try_again(const Workbench& bench, Workbench& again) {
  for (const Candidate& candidate : bench.found) {
    if (!is_tried_again(candidate)) continue;
    const auto learn_again = afresh(candidate, bench.options);
    const Ground ground = candidate.report.rows > 0 ? Ground::searched : Ground::all;
    const auto of_split = [&](std::size_t i) {
      return learn_again(ground == Ground::all ? again.all(i) : again.splits[i], again.context);
    };
    again.attempt(candidate.report.name, [&] { again.add(candidate.report, of_split, candidate.learn, ground); });
  }
}

// All that was tried, with what was learned again in its place.
std::vector<Candidate> merged(std::vector<Candidate> tried, std::vector<Candidate> again) {
  auto next = again.begin();
  for (Candidate& candidate : tried)
    if (is_tried_again(candidate)) candidate = std::move(*next++);
  return tried;
}

}  // namespace

Trained train_automatic(const RowSource& data, const RowSource* validation_rows, const FitOptions& given,
                        const Context& context, const Scaling* fixed, const SourceTask* source) {
  const SingleThreadedBlas guard;  // between the passes, too: threads of BLAS wait for more by spinning
  const FitOptions cross_validated = with_folds(given, data, validation_rows);
  const Index k = data.targets();
  Selection selection;
  std::unique_ptr<Trial> trial;
  bool sure = true;
  Budget budget(given.budget * multiply_adds_per_second);
  const auto search_all = [&](const FitOptions& options, bool thorough) {
    trial.reset();
    trial = std::make_unique<Trial>(data, validation_rows, options, context, fixed, thorough, budget);
    search(trial->bench, source);
    selection.skipped = trial->bench.skipped;
    sure = choose_weights(trial->preparation, trial->bench, true, selection);
  };
  bool thorough = is_thorough(given, data.rows());
  search_all(thorough ? cross_validated : given, thorough);
  if (!thorough && cross_validated.folds && !given.folds && least_left(trial->bench) > much_left) {
    thorough = true;
    budget = Budget(trial->bench.budget.left());
    search_all(cross_validated, true);
  }
  const FitOptions& options = thorough ? cross_validated : given;
  const bool other_partitions = validation_rows == nullptr && !options.ordered && options.refit;
  const FitOptions another_partition = with_another_partition(options, data);
  if (!sure && other_partitions) {
    auto again = std::make_unique<Trial>(data, validation_rows, another_partition, context, fixed, thorough, budget);
    try_again(trial->bench, again->bench);
    choose_weights(again->preparation, again->bench, false, selection);
    again->bench.found = merged(std::move(trial->bench.found), std::move(again->bench.found));
    trial = std::move(again);
  }
  const Preparation& preparation = trial->preparation;
  const std::vector<Candidate>& found = trial->bench.found;
  for (const Candidate& candidate : found) selection.candidates.push_back(candidate.report);

  const Prepared& final = preparation.final();
  const TrainingRows scaled_rows(preparation.again ? data : *preparation.splits.front().train, final);
  const FinalRows rows(scaled_rows, final, preparation.validation.epsilon, options, context);
  Trained trained = described(data, final);
  const auto learn_found = [&](std::size_t c, const Context& inner) {
    return found[c].learn(rows.of(found[c].report), inner);
  };
  learn_model(selection, rows, options, context, learn_found, trained);

  std::vector<Matrix> F = mean_predictions(trial->bench);
  const Vector rest = share_of_mean(selection.candidates, k);
  for (Matrix& part : F) part = part * rest.asDiagonal();
  for (std::size_t c = 0; c < found.size(); ++c) {
    const Vector& weight = selection.candidates[c].weight;
    if (weight.isZero(0.0)) continue;
    for (std::size_t i = 0; i < F.size(); ++i) F[i] += found[c].held_out[i] * weight.asDiagonal();
  }
  trained.held_out = held_out_of(preparation, trial->bench.samples, F);
  trained.validation = preparation.validation;
  trained.validation.path = Matrix::Zero(0, k);
  trained.validation.at_grid_end.assign(static_cast<std::size_t>(k), false);
  trained.validation.chosen = trained.held_out.errors();
  trained.selection = std::move(selection);
  return trained;
}

Trained retrain_automatic(const RowSource& data, const Validation& choices, const Selection& selection,
                          const FitOptions& options, const Context& context, const std::vector<Index>* kept) {
  options.check();
  context.check();
  const Prepared prepared = prepare(data, options, nullptr, kept, context);
  const TrainingRows scaled_rows(data, prepared);
  const FinalRows rows(scaled_rows, prepared, choices.epsilon, options, context);
  Trained trained = described(data, prepared);
  const auto learn_again = [&](std::size_t c, const Context& inner) {
    const CandidateReport& report = selection.candidates[c];
    return learn(report.recipe, rows.of(report), options, inner);
  };
  trained.selection = selection;
  learn_model(trained.selection, rows, options, context, learn_again, trained);
  trained.validation = choices;
  return trained;
}

Fitted learn(const Recipe& recipe, const LearningRows& rows, const FitOptions& options, const Context& context) {
  return std::visit(
      [&](const auto& way) -> Fitted {
        if constexpr (std::is_same_v<std::decay_t<decltype(way)>, KeptRecipe>)
          throw InvalidArgument(
              "refit: the model keeps what other tasks found, which these rows cannot teach anew, or its file does not "
              "say how it was learned; expected one that was learned from its own rows alone, by this version");
        else
          return learn(way, rows, options, context);
      },
      recipe);
}

}  // namespace sextant
