// One run of an experiment: learn a synthetic target from n rows with one seed, and measure how well. A run is a pure
// function of its fields, the seed among them; nothing else (other runs, threads, time) changes its outcome.
//
// Rows come from one endless table per (target, d, seed): training rows, hold-out rows and test rows are disjoint parts
// of it, and the hold-out and test rows are the same for every method, width and n.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sextant/context.h"
#include "sextant/feature_map.h"
#include "sextant/option_fields.h"
#include "sextant/options.h"
#include "sextant/scaling.h"
#include "sextant/synthetic.h"

namespace sextant {

struct Run {
  std::string label;              // shown instead of the method's name; empty: none. Not part of what is computed
  std::string target = "source";  // source, hermite or multi-index
  Index d = 10;                   // inputs
  Index r = 1;                    // directions: 1, or ≥ 2 for multi-index
  int p = 4;                      // degree
  Orientation orientation = Orientation::axis;
  double noise = 0;      // labels are f*(x) ± noise
  Index n = 1000;        // training rows
  Index holdout = 0;     // validation rows beside the n; 0: fit.validation_share within the n rows
  Index test = 100'000;  // test rows, with labels free of noise
  // Transfer (DLS22, Theorem 3): pretrain on n rows of the target above, then fit a head on n_target rows of another
  // target of the same directions. Set together or not at all.
  std::optional<Index> n_target = {};
  std::string transfer_target = "hermite";
  int transfer_p = 3;
  // How it learns: by Algorithm 1, which experiments are about, unless another method is named. The seed of the run, of
  // its rows and of its initialisation is fit.seed; lambda is the default grid.
  FitOptions fit = {.method = Method::algorithm_1};

  // Throws InvalidArgument naming the parameter, its value and the rule.
  void check() const;
};

// The parameters of a run by name: target, d, r, p, orientation, noise, n, holdout, test, n_target, transfer_target,
// transfer_p, and every field of option_fields(); `eta_factor` can be set only (eta = eta_factor·√(d·rank)).
struct RunField {
  std::string_view name;
  FieldKind kind;
};
[[nodiscard]] const std::vector<RunField>& run_fields();

// The value of a parameter; nothing when it does not apply (n_target of a run without transfer, an option left to its
// default rule). Throws InvalidArgument for an unknown name.
[[nodiscard]] std::optional<NamedValue> parameter(const Run& run, std::string_view name);

// What stands for the method in tables and legends: the label, or the method's name.
[[nodiscard]] std::string shown_method(const Run& run);

// The run's parameters as one line of text, the same for the same run whatever spec it came from, without its label:
// "target=source d=10 … method=algorithm-1 width=100 … seed=0". Options at their defaults are left out, so that an
// option added later leaves the keys of finished runs as they are.
[[nodiscard]] std::string key(const Run& run);
// The same without the seed: what runs of one grid point share.
[[nodiscard]] std::string point_key(const Run& run);

struct Outcome {
  double excess_risk = 0;        // mean over the test rows of (f̂(x) − f*(x))²
  double excess_risk_error = 0;  // its standard error, from the fourth moment: large, E f*⁴ is 430 for p = 4
  // How far the learned directions agree with the true U (subspace.h: overlap, 1 for the same subspace): of the top r
  // directions of the first layer for ReLU features, of the gradient outer product for others. Nothing when the
  // predictor is constant.
  std::optional<double> overlap = {};
  double lambda = 0;   // the chosen ridge parameter; ∞ for the zero head
  double seconds = 0;  // what the run took; the only field that is not a function of the run
};

// What runs of one process share instead of making it again: hold-out and test rows, and first layers that several
// transfers start from. Changes no bit of any outcome. Safe to share between threads.
class Workshop {
 public:
  struct Rows {
    Matrix X;
    Matrix Y;
  };
  // What a transfer keeps of its first task.
  struct Pretrained {
    FeatureMap map;
    std::optional<Scaling> scaling;  // of the inputs; nothing: as they are
  };

  // Keeps at most so many bytes of rows; those not used for longest go first.
  explicit Workshop(double bytes = 0x1p29);
  ~Workshop();
  Workshop(const Workshop&) = delete;
  Workshop& operator=(const Workshop&) = delete;

  // All rows of `source`, of which `name` tells all that they depend on.
  [[nodiscard]] std::shared_ptr<const Rows> rows(const std::string& name, const RowSource& source);
  // The result of `pretrain`, of which `name` tells all that it depends on. While one thread makes it, others that want
  // it wait; when it fails, each of them gets the exception and the next one tries again.
  [[nodiscard]] std::shared_ptr<const Pretrained> pretrained(const std::string& name,
                                                             const std::function<Pretrained()>& pretrain);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// Computes a run. Throws what `train` throws, InvalidArgument when the run breaks a rule, NumericalError when the risk
// is not finite, and Cancelled.
[[nodiscard]] Outcome perform(const Run& run, const Context& context, Workshop* workshop = nullptr);

// About how many multiply-adds a run costs: for ordering and for the time left, not more exact than that.
[[nodiscard]] double estimated_cost(const Run& run);

}  // namespace sextant
