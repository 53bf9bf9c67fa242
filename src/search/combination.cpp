#include "search/combination.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <variant>

#include "core/ties.h"
#include "search/ensemble_selection.h"
#include "sextant/class_probabilities.h"
#include "sextant/random.h"
#include "sextant/resampling.h"

namespace sextant {
namespace {

constexpr int selection_rounds = 25;
constexpr Index selection_bags = 20;
// What a mixture's slope must be in its standard errors for what was found to be beyond doubt, and for it not to be
// shrunk.
constexpr double sure_beyond = 7;
constexpr double unshrunk_beyond = 4;

constexpr double infinity = std::numeric_limits<double>::infinity();

// The mean of the gains against its standard error.
double t_statistic(const Vector& gain, const Vector& w) {
  const double n = w.sum();
  const double mean = gain.dot(w) / n;
  const double variance = ((gain.array() - mean).square() * w.array()).sum() / n;
  const auto rows = static_cast<double>((w.array() > 0).count());
  return mean / std::max(1e-300, std::sqrt(variance / std::max(1.0, rows - 1)));
}

// Whether squared errors are below those of the mean by more than chance. Targets may have heavy tails, whose squares
// hide what every other row shows: the errors' sizes are asked, too.
bool better_than_chance(const Vector& square, const Vector& of_mean, const Vector& w, double least_errors) {
  if (!(square.dot(w) < of_mean.dot(w))) return false;
  return t_statistic(of_mean - square, w) > least_errors ||
         t_statistic(of_mean.cwiseSqrt() - square.cwiseSqrt(), w) > least_errors;
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
double shrinkage(const Slope& slope, const Vector& y, const Vector& F, const Vector& w, double most) {
  if (!(slope.t < unshrunk_beyond) || F.isZero(0.0)) return 1;
  const double shrunk = std::clamp(slope.value * (1 - 1 / (slope.t * slope.t)), 0.0, 1.0);
  if ((y - shrunk * F).cwiseAbs2().dot(w) <= most) return shrunk;
  return std::clamp(slope.value, 0.0, 1.0);
}

}  // namespace

bool is_baseline(const CandidateReport& report) {
  if (!report.failed.empty()) return false;
  return std::holds_alternative<LinearRecipe>(report.recipe) ||
         std::holds_alternative<RandomFeaturesRecipe>(report.recipe);
}

Combination::Combination(const Preparation& preparation, std::span<const Sample> samples, const FitOptions& options,
                         bool searched, double most_bytes)
    : preparation_(preparation),
      samples_(samples),
      options_(options),
      searched_(searched),
      classes_(options.task == Task::classification),
      most_bytes_(most_bytes) {
  Index N = 0;
  for (const Sample& sample : samples) N += sample.Y.rows();
  const Index k = preparation.validation.mean.size();
  W_.resize(N, 1 + selection_bags);
  targets_.resize(static_cast<std::size_t>(k));
  for (Target& target : targets_) {
    target.y.resize(N);
    target.own_unit.resize(N);
    target.own.resize(N);
    target.E.resize(N, 0);
  }
  Index first = 0;
  for (std::size_t i = 0; i < samples.size(); ++i) {
    const Prepared& prepared = preparation.scaled[i].prepared;
    const Index rows = samples[i].Y.rows();
    W_.col(0).segment(first, rows) = samples[i].w;
    const Matrix own = own_targets(samples[i], prepared.scaling);
    for (Index t = 0; t < k; ++t) {
      Target& target = targets_[static_cast<std::size_t>(t)];
      target.y.segment(first, rows) = samples[i].Y.col(t).array() - prepared.moments.y_mean[t];
      target.own_unit.segment(first, rows).setConstant(prepared.scaling.y_scale[t]);
      target.own.segment(first, rows) = own.col(t);
    }
    first += rows;
  }
  W_.col(0) /= std::max(std::numeric_limits<double>::min(), W_.col(0).maxCoeff());  // their products are formed
  const Stream random(options.seed, Purpose::selection_bags);
  for (Index bag = 0; bag < selection_bags; ++bag) {
    const std::vector<std::uint32_t> times = times_drawn(random, N, bag);
    const Vector drawn = Eigen::Map<const Eigen::VectorX<std::uint32_t>>(times.data(), N).cast<double>();
    W_.col(1 + bag) = W_.col(0).cwiseProduct(drawn);
  }
  const Vector w = W_.col(0);
  for (Target& target : targets_) {
    target.G.assign(static_cast<std::size_t>(W_.cols()), Matrix());
    target.square.resize(0);
    target.least = target.y.cwiseProduct(target.own_unit).cwiseAbs2().dot(w);
  }
  for (Index t = 0; t < k; ++t) {
    Target& target = targets_[static_cast<std::size_t>(t)];
    target.error = target.error_of_mean = reported_error(t, Vector::Zero(N));
  }
  nothing_found_.assign(targets_.size(), true);
  if (!classes_) return;
  log_losses_of_mean_ = log_losses_of(std::vector<Vector>(targets_.size()));
  log_loss_ = log_loss_of_mean_ = log_losses_of_mean_.dot(W_.col(0)) / W_.col(0).sum();
}

Vector Combination::in_own_units(Index t, const Vector& F) const {
  Vector result(F.size());
  Index first = 0;
  for (std::size_t i = 0; i < samples_.size(); ++i) {
    const Prepared& prepared = preparation_.scaled[i].prepared;
    const Index rows = samples_[i].Y.rows();
    const Vector f = F.segment(first, rows).array() + prepared.moments.y_mean[t];
    result.segment(first, rows) = prepared.scaling.predictions(f, t);
    first += rows;
  }
  return result;
}

double Combination::reported_error(Index t, const Vector& F) const {
  return (targets_[static_cast<std::size_t>(t)].own - in_own_units(t, F)).cwiseAbs2().dot(W_.col(0));
}

void Combination::grow(Target& target, const Vector& residual) {
  const Index c = target.E.cols();
  target.E.conservativeResize(Eigen::NoChange, c + 1);
  target.E.col(c) = residual;
  // Of the new candidate with each: (1 + bags) × (c + 1).
  const Matrix products = W_.transpose() * (target.E.array().colwise() * residual.array()).matrix();
  for (std::size_t bag = 0; bag < target.G.size(); ++bag) {
    Matrix& G = target.G[bag];
    G.conservativeResize(c + 1, c + 1);
    G.col(c) = products.row(static_cast<Index>(bag)).transpose();
    G.row(c) = products.row(static_cast<Index>(bag));
  }
}

void Combination::add(CandidateReport& report, const std::vector<Matrix>& held_out, double bytes) {
  const auto k = static_cast<Index>(targets_.size());
  const bool failed = !report.failed.empty();
  const Vector w = W_.col(0);
  failed_.push_back(failed);
  baseline_.push_back(is_baseline(report));
  too_large_.push_back(false);
  bytes_.push_back(bytes);
  logistic_.push_back(std::holds_alternative<LogisticRecipe>(report.recipe));
  std::vector<bool>& counts = counts_.emplace_back(targets_.size(), false);
  report.error = report.standard_error = Vector::Constant(k, infinity);
  report.weight = Vector::Zero(k);
  double left = 0;
  for (Index t = 0; t < k; ++t) {
    Target& target = targets_[static_cast<std::size_t>(t)];
    Vector residual = target.y;  // of one that failed, the mean's: it has no weight
    if (!failed) {
      Index first = 0;
      for (std::size_t i = 0; i < samples_.size(); ++i) {
        const Index rows = samples_[i].Y.rows();
        residual.segment(first, rows) = samples_[i].Y.col(t) - held_out[i].col(t);
        first += rows;
      }
    }
    grow(target, residual);
    const Vector square = residual.cwiseProduct(target.own_unit).cwiseAbs2();
    target.square.conservativeResize(target.square.size() + 1);
    target.square[target.square.size() - 1] = failed ? infinity : square.dot(w);
    if (failed) continue;
    const double n = w.sum();
    const double mean = square.dot(w) / n;
    report.error[t] = mean;
    const auto rows = static_cast<double>((w.array() > 0).count());
    report.standard_error[t] =
        std::sqrt((square.array() - mean).square().matrix().dot(w) / n / std::max(1.0, rows - 1));
    const Vector of_mean = target.y.cwiseProduct(target.own_unit).cwiseAbs2();
    counts[static_cast<std::size_t>(t)] =
        better_than_chance(square, of_mean, w, searched_ && !report.kept() ? chance : less_chance);
    if (counts[static_cast<std::size_t>(t)] && std::holds_alternative<LinearRecipe>(report.recipe))
      target.least = square.dot(w);
    left += residual.cwiseAbs().dot(w) / std::max(1e-300, target.y.cwiseAbs().dot(w)) / static_cast<double>(k);
  }
  if (!failed) least_left_ = std::fmin(least_left_, left);
}

void Combination::leave_out() {
  failed_.push_back(false);
  baseline_.push_back(false);
  too_large_.push_back(false);
  bytes_.push_back(0);
  logistic_.push_back(false);
  counts_.emplace_back(targets_.size(), false);
  for (Target& target : targets_) {
    grow(target, target.y);
    target.square.conservativeResize(target.square.size() + 1);
    target.square[target.square.size() - 1] = infinity;
  }
}

// Weights of a mixture whose error does not exceed `most`, that of a candidate that counts: bagged if they do not, else
// selected on all rows, else the best candidate's alone.
Vector Combination::mixture_weights(const Target& target, const std::vector<bool>& counts, double most) const {
  const Matrix& G = target.G.front();
  if (options_.method != Method::automatic) return selected_weights(G, counts, 1);
  const auto error = [&](const Vector& p) { return p.dot(G * p); };
  Vector bagged = Vector::Zero(G.rows());
  for (std::size_t bag = 1; bag < target.G.size(); ++bag)
    bagged += selected_weights(target.G[bag], counts, selection_rounds);
  bagged = pruned(bagged / static_cast<double>(selection_bags));
  if (error(bagged) <= most) return bagged;
  const Vector selected = pruned(selected_weights(G, counts, selection_rounds));
  if (error(selected) <= most) return selected;
  return selected_weights(G, counts, 1);
}

bool Combination::choose() { return choose_among(std::vector<bool>(size(), true)); }

std::optional<Combination::Proposal> Combination::proposal(std::size_t t, const std::vector<bool>& these,
                                                           bool to_improve) {
  const Vector w = W_.col(0);
  const Target& target = targets_[t];
  std::vector<bool> counts(size());
  double of_baselines = infinity;  // scaled, of those that count
  for (std::size_t c = 0; c < size(); ++c) {
    const auto at = static_cast<Index>(c);
    counts[c] = these[c] && counts_[c][t] && target.square[at] <= target.least;
    if (baseline_[c] && counts_[c][t]) of_baselines = std::min(of_baselines, target.G.front()(at, at));
  }
  if (std::find(counts.begin(), counts.end(), true) == counts.end()) return {};
  Vector weights = mixture_weights(target, counts, of_baselines);
  if (weights.isZero(0.0)) return {};
  for (std::size_t c = 0; c < size(); ++c) considered_[c] = considered_[c] || weights[static_cast<Index>(c)] > 0;
  const Vector F = weights.sum() * target.y - target.E * weights;
  const Slope slope = slope_on(target.y, F, w);
  const double shrunk = shrinkage(slope, target.y, F, w, of_baselines);
  const double error = reported_error(static_cast<Index>(t), shrunk * F);
  weights *= shrunk;
  if (weights.isZero(0.0) || (to_improve && !clearly_less(error, target.error))) return {};
  return Proposal{std::move(weights), error, slope.t};
}

bool Combination::choose_among(std::vector<bool> these) {
  considered_.assign(size(), false);
  for (std::size_t c = 0; c < size(); ++c) considered_[c] = !weights(c).isZero(0.0);
  return classes_ ? choose_by_log_loss(std::move(these)) : choose_by_squares(std::move(these));
}

bool Combination::choose_by_squares(std::vector<bool> these) {
  std::vector<std::optional<Proposal>> proposals = proposals_of_size(these, true);
  bool better = false;
  for (std::size_t t = 0; t < targets_.size(); ++t) {
    if (!proposals[t]) continue;
    accept(t, *std::move(proposals[t]));
    better = true;
  }
  return better;
}

// Heads by log-loss say shares of classes and those by squared error what calibration makes into shares, so that their
// squares do not tell which of them is better: each kind alone and both together are asked by what the model will
// report.
bool Combination::choose_by_log_loss(std::vector<bool> these) {
  std::vector<std::vector<bool>> choices = {these};
  const bool both = std::ranges::find(logistic_, true) != logistic_.end();
  for (const bool logistic : both ? std::vector<bool>{false, true} : std::vector<bool>{}) {
    choices.push_back(these);
    for (std::size_t c = 0; c < size(); ++c) choices.back()[c] = these[c] && logistic_[c] == logistic;
  }
  std::vector<std::optional<Proposal>> best;
  double least = log_loss_;
  const bool nothing_yet = std::ranges::find(nothing_found_, false) == nothing_found_.end();
  for (std::vector<bool>& choice : choices) {
    std::vector<std::optional<Proposal>> proposals = proposals_of_size(choice, false);
    std::vector<Vector> weights;
    for (std::size_t t = 0; t < targets_.size(); ++t)
      weights.push_back(proposals[t] ? proposals[t]->weights : targets_[t].weights);
    const Vector losses = log_losses_of(weights);
    const double loss = losses.dot(W_.col(0)) / W_.col(0).sum();
    if (!clearly_less(loss, least)) continue;
    // Instead of nothing, only what gains on the frequencies by more than chance.
    if (nothing_yet && !(t_statistic(log_losses_of_mean_ - losses, W_.col(0)) > chance)) continue;
    least = loss;
    best = std::move(proposals);
  }
  if (best.empty()) return false;
  log_loss_ = least;
  for (std::size_t t = 0; t < targets_.size(); ++t)
    if (best[t]) accept(t, *std::move(best[t]));
  return true;
}

void Combination::accept(std::size_t t, Proposal proposal) {
  targets_[t].weights = std::move(proposal.weights);
  targets_[t].error = proposal.error;
  targets_[t].t = proposal.t;
  nothing_found_[t] = false;
}

Vector Combination::log_losses_of(const std::vector<Vector>& weights) const {
  const auto k = static_cast<Index>(targets_.size());
  HeldOut rows{Matrix(W_.rows(), k), Matrix(W_.rows(), k), W_.col(0)};
  for (Index t = 0; t < k; ++t) {
    const Target& target = targets_[static_cast<std::size_t>(t)];
    const Vector& p = weights[static_cast<std::size_t>(t)];
    const Vector F =
        p.size() == 0 ? Vector(Vector::Zero(W_.rows())) : Vector(p.sum() * target.y - target.E.leftCols(p.size()) * p);
    rows.Y.col(t) = target.own;
    rows.F.col(t) = in_own_units(t, F);
  }
  // The two numbers of the link need no more rows than these, and of many classes would take longer than all else.
  constexpr Index most_cells = 1 << 18;
  const Index stride = (W_.rows() * k + most_cells - 1) / most_cells;
  ClassLink link;
  if (stride > 1 && W_.rows() / stride >= 200) {
    const auto some = Eigen::seq(0, W_.rows() - 1, stride);
    link = calibrate({rows.Y(some, Eigen::all), rows.F(some, Eigen::all), rows.w(some)});
  } else {
    link = calibrate(rows);
  }
  const Matrix log_p = log_probabilities(link, rows.F);
  Vector losses = Vector::Zero(log_p.rows());
  for (Index i = 0; i < losses.size(); ++i) {
    if (!(rows.w[i] > 0)) continue;
    Index own = 0;
    rows.Y.row(i).maxCoeff(&own);
    losses[i] = -log_p(i, own);
  }
  return losses;
}

std::vector<std::optional<Combination::Proposal>> Combination::proposals_of_size(std::vector<bool> these,
                                                                                 bool to_improve) {
  const auto leave = [&](std::size_t candidate) {
    these[candidate] = false;
    too_large_[candidate] = true;
  };
  for (std::size_t c = 0; c < size(); ++c)
    if (these[c] && bytes_[c] > most_bytes_) leave(c);
  for (;;) {
    const std::vector<bool> considered_before = considered_;
    std::vector<std::optional<Proposal>> proposals;
    for (std::size_t t = 0; t < targets_.size(); ++t) proposals.push_back(proposal(t, these, to_improve));
    // What was chosen fits; of what is new, that with the least weight for its size goes until all does.
    double bytes = 0;
    double least = infinity;
    std::size_t dearest = size();
    for (std::size_t c = 0; c < size(); ++c) {
      const auto at = static_cast<Index>(c);
      const auto weight_in = [at](const Vector& weights) { return at < weights.size() ? weights[at] : 0.0; };
      double weight = 0;
      bool proposed = false;
      for (std::size_t t = 0; t < targets_.size(); ++t) {
        const double here = weight_in(proposals[t] ? proposals[t]->weights : targets_[t].weights);
        weight += here;
        proposed = proposed || (proposals[t] && here > 0);
      }
      if (!(weight > 0)) continue;
      bytes += bytes_[c];
      if (!proposed || !(weight < least * bytes_[c])) continue;
      least = weight / bytes_[c];
      dearest = c;
    }
    if (!(bytes > most_bytes_) || dearest == size()) return proposals;
    considered_ = considered_before;
    leave(dearest);
  }
}

Vector Combination::weights(std::size_t candidate) const {
  Vector all = Vector::Zero(static_cast<Index>(targets_.size()));
  for (std::size_t t = 0; t < targets_.size(); ++t)
    if (static_cast<Index>(candidate) < targets_[t].weights.size())
      all[static_cast<Index>(t)] = targets_[t].weights[static_cast<Index>(candidate)];
  return all;
}

double Combination::relative_error() const {
  if (classes_) return log_loss_ / std::max(1e-300, log_loss_of_mean_);
  double sum = 0;
  for (const Target& target : targets_) sum += target.error / std::max(1e-300, target.error_of_mean);
  return sum / static_cast<double>(targets_.size());
}

bool Combination::sure() const {
  return std::ranges::all_of(targets_, [](const Target& target) { return target.t >= sure_beyond; });
}

std::string Combination::why_dropped(std::size_t candidate) const {
  if (failed_[candidate]) return "its numbers failed";
  if (!weights(candidate).isZero(0.0)) return "";
  if (too_large_[candidate]) return "the model would take too much space with it";
  const std::vector<bool>& counts = counts_[candidate];
  if (std::find(counts.begin(), counts.end(), true) == counts.end())
    return "no better than the mean by more than chance";
  for (std::size_t t = 0; t < targets_.size(); ++t)
    if (counts[t] && targets_[t].square[static_cast<Index>(candidate)] <= targets_[t].least)
      return "adds nothing to the others";
  return "worse than the linear model";
}

std::vector<Matrix> Combination::held_out(std::span<const Candidate> candidates) const {
  const auto k = static_cast<Index>(targets_.size());
  std::vector<Matrix> F;
  for (std::size_t i = 0; i < samples_.size(); ++i) {
    const Vector& mean = preparation_.scaled[i].prepared.moments.y_mean;
    Matrix& part = F.emplace_back(mean.transpose().replicate(samples_[i].Y.rows(), 1));
    Vector rest = Vector::Ones(k);
    for (std::size_t c = 0; c < candidates.size(); ++c) rest -= weights(c);
    part = part * rest.cwiseMax(0.0).asDiagonal();
    for (std::size_t c = 0; c < candidates.size(); ++c) {
      const Vector weight = weights(c);
      if (!weight.isZero(0.0)) part += candidates[c].held_out[i] * weight.asDiagonal();
    }
  }
  return F;
}

}  // namespace sextant
