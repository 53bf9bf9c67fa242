// Tables with more than half as many inputs as rows (docs/method.md, "Wide tables"): sparse and spanned linear models,
// kernels and links on few inputs or in the span of the rows, all through pairs of rows.
#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <limits>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/from_first_rank.h"
#include "core/ties.h"
#include "method/model_size.h"
#include "method/wide_forward.h"
#include "method/wide_kernel.h"
#include "method/wide_lasso.h"
#include "method/wide_pls.h"
#include "search/family.h"
#include "search/wide_learners.h"

namespace sextant {
namespace {

constexpr Index fewest_rows = 8;  // to learn from
constexpr Index most_rows = 3000;
constexpr Index most_targets = 16;
constexpr double kept_cells = 0x1p26;                                         // of all splits' rows, in memory
constexpr std::array<Index, 9> lasso_sizes = {1, 2, 3, 4, 6, 8, 12, 20, 32};  // up to a quarter of the rows
constexpr std::size_t kernel_settings = 6;

// A setting's held-out predictions on every split: k columns each.
using Predictions = std::vector<Matrix>;

class WideSearch : public std::enable_shared_from_this<WideSearch> {
 public:
  explicit WideSearch(const Ground& ground) : ground_(ground), kept_(ground.splits.size()) {}

  [[nodiscard]] std::vector<Step> steps() {
    const double n = rows_();
    const double d = inputs_();
    const double once = wide_rows_cost(ground_.rows(), ground_.inputs());
    const double pairs = keeps() ? 0 : once;
    const double kernels = best_kernel_cost(ground_.rows(), ground_.rows(), kernel_settings);
    std::vector<Step> all;
    const double path = of_targets(lasso_path_cost(ground_.rows(), ground_.inputs()));
    all.push_back(step("lasso", once + path, &WideSearch::lasso));
    all.back().always = true;  // of many inputs few may count: no table is too wide to ask
    all.push_back(step("elastic net", path + (keeps() ? 0 : once), &WideSearch::elastic_net));
    all.push_back(step("partial least squares", pairs + of_targets(4 * most_components * n * n + n * d),
                       &WideSearch::partial_least_squares));
    all.push_back(step("kernel of all inputs", pairs + kernels + n * n * d, &WideSearch::kernels));
    all.push_back(step("forward selection", pairs + of_targets(forward_cost(false)), &WideSearch::forward));
    all.push_back(step("links of linear models", pairs + of_targets(20 * most_components * n * n + 2 * n * d),
                       &WideSearch::links));
    all.push_back(step("kernel in the span of the rows", pairs + 3 * kernels + most_span_coordinates * n * d,
                       &WideSearch::span_kernels));
    all.push_back(step("forward selection from a pair", pairs + of_targets(forward_cost(true)), &WideSearch::pairs));
    return all;
  }

 private:
  using Run = Findings (WideSearch::*)();

  [[nodiscard]] double rows_() const { return static_cast<double>(ground_.rows()); }
  [[nodiscard]] double inputs_() const { return static_cast<double>(ground_.inputs()); }
  [[nodiscard]] double of_targets(double cost) const { return static_cast<double>(ground_.targets()) * cost; }
  // Of all ways on as many sizes of supports.
  [[nodiscard]] double few_cost(std::size_t sizes) const {
    return static_cast<double>(sizes) * 4 * best_kernel_cost(ground_.rows(), 8, kernel_settings);
  }
  [[nodiscard]] double forward_cost(bool pair) const {
    const Index most = most_forward(ground_.rows());
    return forward_selection_cost(ground_.rows(), ground_.inputs(), most, pair) +
           few_cost(static_cast<std::size_t>(most));
  }

  [[nodiscard]] Step step(const std::string& name, double cost, Run run) {
    const double times = static_cast<double>(ground_.splits.size()) + static_cast<double>(ground_.repeats);
    return {name, times * cost,
            [self = shared_from_this(), run](const Ground&, const Clues&) { return (self.get()->*run)(); }};
  }

  [[nodiscard]] bool keeps() const {
    return static_cast<double>(ground_.splits.size()) * rows_() * inputs_() <= kept_cells;
  }
  // A split's rows, kept where all splits' fit.
  [[nodiscard]] std::shared_ptr<const WideRows> rows_of(std::size_t split, bool pairs, const Context& context) {
    if (kept_[split]) return kept_[split];
    const bool keep = keeps();
    auto rows = std::make_shared<const WideRows>(*ground_.splits[split].train, context, pairs || keep);
    if (keep) kept_[split] = rows;
    return rows;
  }
  // work(rows, split, context) on every split, side by side; on the first rank, whose held-out predictions all have.
  [[nodiscard]] std::vector<std::vector<Matrix>> on_splits(
      bool pairs, const std::function<std::vector<Matrix>(const WideRows&, std::size_t, const Context&)>& work) {
    std::vector<std::vector<Matrix>> found(ground_.splits.size());
    ground_.each(static_cast<Index>(found.size()), [&](Index i, const Context& inner) {
      const auto split = static_cast<std::size_t>(i);
      found[split] = from_first_rank(inner, [&](const Context& own) {
        const auto rows = rows_of(split, pairs, own);
        return work(*rows, split, own);
      });
    });
    return found;
  }
  // What a fitted model says of a split's sample; the mean where it is not finite.
  [[nodiscard]] Matrix said(Fitted fitted, std::size_t split, const Context& context) const {
    hold_back_all(ground_.splits[split], ground_.options, fitted);
    Matrix F = outputs(fitted.linear, fitted.predictors, ground_.samples[split].X, context);
    if (!F.allFinite()) F.setConstant(std::numeric_limits<double>::infinity());
    return F;
  }

  // The candidate with the best of `settings` for each target, found[split][setting].
  [[nodiscard]] Candidate chosen(const std::string& name, WideRecipe recipe,
                                 const std::vector<std::vector<Matrix>>& found, std::size_t first, std::size_t count,
                                 const std::function<void(Index target, std::size_t setting)>& note,
                                 const std::function<std::string()>& settings) const {
    const Index k = ground_.targets();
    Candidate candidate;
    for (const Sample& sample : ground_.samples) candidate.held_out.push_back(Matrix(sample.Y.rows(), k));
    for (Index t = 0; t < k; ++t) {
      double least = std::numeric_limits<double>::infinity();
      std::size_t best = 0;
      for (std::size_t at = 0; at < count; ++at) {
        double error = 0;
        for (std::size_t i = 0; i < found.size(); ++i) {
          const Sample& sample = ground_.samples[i];
          error += ground_.splits[i].square_units[t] *
                   (sample.Y.col(t) - found[i][first + at].col(t)).cwiseAbs2().dot(sample.w);
        }
        if (at == 0 || clearly_less(error, least)) {
          least = error;
          best = at;
        }
      }
      note(t, best);
      for (std::size_t i = 0; i < found.size(); ++i) candidate.held_out[i].col(t) = found[i][first + best].col(t);
    }
    candidate.report.name = name;
    candidate.report.settings = settings();
    candidate.holds_rows = stores_training_rows(Recipe(recipe));
    for (const Matrix& F : candidate.held_out)
      if (!F.allFinite()) candidate.report.failed = "its predictions of held-out rows overflow";
    return candidate;
  }
  static void finish(Candidate candidate, const WideRecipe& recipe, const FitOptions& options, Findings& findings) {
    candidate.report.recipe = recipe;
    candidate.learn = [recipe, &options](const LearningRows& rows, const Context& context) {
      return learn(recipe, rows, options, context);
    };
    findings.candidates.push_back(std::move(candidate));
  }
  // One whose settings are sizes.
  void add_sized(const std::string& name, WideRecipe recipe, const std::vector<std::vector<Matrix>>& found,
                 std::size_t first, const std::vector<Index>& sizes, const char* what, Findings& findings) const {
    recipe.size.assign(static_cast<std::size_t>(ground_.targets()), sizes.front());
    const auto note = [&](Index t, std::size_t at) { recipe.size[static_cast<std::size_t>(t)] = sizes[at]; };
    const auto text = [&] {
      return recipe.size.size() == 1
                 ? fmt::format("{} {}{}", recipe.size.front(), what, recipe.size.front() == 1 ? "" : "s")
                 : fmt::format("{}s per target", what);
    };
    Candidate candidate = chosen(name, recipe, found, first, sizes.size(), note, text);
    finish(std::move(candidate), recipe, ground_.options, findings);
  }
  void add_plain(const std::string& name, const WideRecipe& recipe, const std::vector<std::vector<Matrix>>& found,
                 std::size_t at, const std::string& settings, Findings& findings) const {
    Candidate candidate = chosen(
        name, recipe, found, at, 1, [](Index, std::size_t) {}, [&] { return settings; });
    finish(std::move(candidate), recipe, ground_.options, findings);
  }

  // ---- steps ----

  // A path of the lasso, ρ = 1, or the elastic net; after the lasso's, what can be learned on its supports.
  [[nodiscard]] Findings lasso() { return path_of(WideWay::lasso, 1.0, "lasso"); }
  [[nodiscard]] Findings elastic_net() { return path_of(WideWay::elastic_net, net_ratio, "elastic net"); }
  [[nodiscard]] Findings path_of(WideWay way, double ratio, const std::string& name) {
    const Index k = ground_.targets();
    if (way == WideWay::lasso) supports_.assign(ground_.splits.size(), {});
    const auto found = on_splits(false, [&](const WideRows& rows, std::size_t split, const Context&) {
      const Sample& sample = ground_.samples[split];
      std::vector<Matrix> F;
      for (Index t = 0; t < k; ++t) {
        const LassoPath path = lasso_path(rows, rows.Y.col(t), ratio);
        F.resize(path.beta.size(), Matrix(sample.X.rows(), k));
        for (std::size_t l = 0; l < path.beta.size(); ++l) {
          auto f = F[l].col(t);
          f.setConstant(rows.y_mean[t]);
          for (const auto& [j, value] : path.beta[l]) f += value * (sample.X.col(j).array() - rows.x_mean[j]).matrix();
        }
        if (way == WideWay::lasso)
          for (const Index size : sizes_of_supports()) supports_[split].push_back(path.support(size));
      }
      return F;
    });
    const std::vector<double> relative = lasso_penalties();
    WideRecipe recipe{way, ChosenBy::lasso, {}, Vector::Ones(k)};
    const auto note = [&](Index t, std::size_t at) { recipe.relative[t] = relative[at]; };
    const auto text = [&] {
      return k == 1 ? fmt::format("λ = {:.2g} of the largest", recipe.relative[0]) : std::string("λ per target");
    };
    Candidate candidate = chosen(name, recipe, found, 0, relative.size(), note, text);
    Findings findings;
    finish(std::move(candidate), recipe, ground_.options, findings);
    if (way == WideWay::lasso)
      findings.next.push_back(step("few inputs of the lasso",
                                   of_targets(few_cost(sizes_of_supports().size()) +
                                              static_cast<double>(sizes_of_supports().size()) * rows_() * inputs_()),
                                   &WideSearch::few_of_lasso));
    return findings;
  }
  [[nodiscard]] std::vector<Index> sizes_of_supports() const {
    std::vector<Index> sizes;
    for (const Index size : lasso_sizes)
      if (size == 1 || (4 * size <= ground_.rows() && size <= ground_.inputs())) sizes.push_back(size);
    return sizes;
  }

  // Ways × sizes on inputs(split, target, size).
  using Inputs = std::function<std::vector<Index>(const WideRows&, std::size_t split, Index target, std::size_t at)>;
  [[nodiscard]] Findings few(ChosenBy by, const std::string& how, const std::vector<WideWay>& ways,
                             const std::vector<Index>& sizes, const Inputs& inputs) {
    constexpr Index most_in_index = 12;
    const auto found = on_splits(false, [&](const WideRows& rows, std::size_t split, const Context& context) {
      std::vector<Matrix> F;
      for (const WideWay way : ways)
        for (std::size_t at = 0; at < sizes.size(); ++at) {
          if (way == WideWay::few_index && sizes[at] > most_in_index) {
            F.push_back(F.back());
            continue;
          }
          Fitted fitted = mean_of(rows);
          for (Index t = 0; t < rows.targets(); ++t) add_few(rows, t, inputs(rows, split, t, at), way, fitted);
          F.push_back(said(std::move(fitted), split, context));
        }
      return F;
    });
    Findings findings;
    for (std::size_t i = 0; i < ways.size(); ++i)
      add_sized(fmt::format("{} of {}", name_of(ways[i]), how), {ways[i], by, {}, {}}, found, i * sizes.size(), sizes,
                "input", findings);
    return findings;
  }
  static std::string name_of(WideWay way) {
    switch (way) {
      case WideWay::few_ridge:
        return "ridge";
      case WideWay::few_kernel:
        return "kernel";
      case WideWay::few_turned:
        return "refined kernel";
      default:
        return "link";
    }
  }

  [[nodiscard]] Findings few_of_lasso() {
    const std::vector<Index> sizes = sizes_of_supports();
    return few(ChosenBy::lasso, "the lasso's inputs",
               {WideWay::few_ridge, WideWay::few_kernel, WideWay::few_turned, WideWay::few_index}, sizes,
               [&](const WideRows&, std::size_t split, Index t, std::size_t at) {
                 return supports_[split][static_cast<std::size_t>(t) * sizes.size() + at];
               });
  }
  [[nodiscard]] Findings forward_by(ChosenBy by, const std::string& how) {
    const Index most = most_forward(ground_.rows());
    std::vector<Index> sizes;
    for (Index size = by == ChosenBy::pair ? 2 : 1; size <= std::min(most, ground_.inputs()); ++size)
      sizes.push_back(size);
    std::vector<std::vector<std::vector<Index>>> order(ground_.splits.size());  // of each split's targets
    return few(by, how, {WideWay::few_kernel, WideWay::few_turned, WideWay::few_index}, sizes,
               [&](const WideRows& rows, std::size_t split, Index t, std::size_t at) {
                 auto& of_split = order[split];
                 if (static_cast<Index>(of_split.size()) <= t)
                   of_split.push_back(forward_selection(rows, rows.Y.col(t), most, by == ChosenBy::pair));
                 std::vector<Index> first = of_split[static_cast<std::size_t>(t)];
                 first.resize(std::min(first.size(), static_cast<std::size_t>(sizes[at])));
                 return first;
               });
  }
  [[nodiscard]] Findings forward() { return forward_by(ChosenBy::forward, "inputs chosen one by one"); }
  [[nodiscard]] Findings pairs() { return forward_by(ChosenBy::pair, "inputs chosen from a pair"); }

  [[nodiscard]] Findings partial_least_squares() {
    const std::vector<Index> sizes = components();
    const auto found = on_splits(true, [&](const WideRows& rows, std::size_t split, const Context&) {
      const Sample& sample = ground_.samples[split];
      std::vector<Matrix> F(sizes.size(), Matrix(sample.X.rows(), rows.targets()));
      for (Index t = 0; t < rows.targets(); ++t) {
        const Matrix heads = pls_coefficients(rows.Z, rows.Y.col(t), rows.w, sizes.back());
        Matrix along = Matrix::Zero(sample.X.rows(), std::max<Index>(1, heads.cols()));
        if (heads.cols() > 0) along = (sample.X.rowwise() - rows.x_mean.transpose()) * rows.from_span(heads);
        for (std::size_t a = 0; a < sizes.size(); ++a)
          F[a].col(t) = along.col(std::min(sizes[a], along.cols()) - 1).array() + rows.y_mean[t];
      }
      return F;
    });
    Findings findings;
    add_sized("partial least squares", {WideWay::pls, ChosenBy::lasso, {}, {}}, found, 0, sizes, "component", findings);
    return findings;
  }
  [[nodiscard]] std::vector<Index> components() const {
    std::vector<Index> sizes;
    for (Index a = 1; a <= std::clamp<Index>(ground_.rows() / 2, 1, most_components); ++a) sizes.push_back(a);
    return sizes;
  }

  [[nodiscard]] Findings kernels_by(WideWay way, const std::string& name) {
    const auto found = on_splits(true, [&](const WideRows& rows, std::size_t split, const Context& context) {
      Fitted fitted = mean_of(rows);
      add_kernel(rows, way == WideWay::span_kernel, fitted);
      return std::vector<Matrix>{said(std::move(fitted), split, context)};
    });
    Findings findings;
    add_plain(name, {way, ChosenBy::lasso, {}, {}}, found, 0, "by leave-one-out", findings);
    return findings;
  }
  [[nodiscard]] Findings kernels() { return kernels_by(WideWay::kernel, "kernel of all inputs"); }
  [[nodiscard]] Findings span_kernels() { return kernels_by(WideWay::span_kernel, "kernel in the span of the rows"); }

  [[nodiscard]] Findings links() {
    const std::vector<Index> sizes = {1, 2, 3, 5, 8};
    const auto found = on_splits(true, [&](const WideRows& rows, std::size_t split, const Context& context) {
      std::vector<Matrix> F;
      const auto of = [&](const auto& add) {
        Fitted fitted = mean_of(rows);
        for (Index t = 0; t < rows.targets(); ++t) add(t, fitted);
        F.push_back(said(std::move(fitted), split, context));
      };
      of([&](Index t, Fitted& fitted) { add_ridge_link(rows, t, fitted); });
      for (const Index size : sizes) of([&](Index t, Fitted& fitted) { add_pls_link(rows, t, size, fitted); });
      return F;
    });
    Findings findings;
    add_plain("link of ridge regression", {WideWay::ridge_link, ChosenBy::lasso, {}, {}}, found, 0, "by leave-one-out",
              findings);
    add_sized("link of partial least squares", {WideWay::pls_link, ChosenBy::lasso, {}, {}}, found, 1, sizes,
              "component", findings);
    return findings;
  }

  const Ground& ground_;
  std::vector<std::shared_ptr<const WideRows>> kept_;
  std::vector<std::vector<std::vector<Index>>> supports_;  // of each split: target by target, size by size
};

}  // namespace

std::vector<Step> start_wide(const Ground& ground, const SourceTask*) {
  const LearningRows& first = ground.splits.front();
  const Index all = first.train->rows() + (first.held_out != nullptr ? first.held_out->rows() : 0);
  if (2 * ground.inputs() <= all || ground.options.method != Method::automatic) return {};
  if (ground.rows() < fewest_rows || ground.rows() > most_rows || ground.targets() > most_targets) {
    const std::string why =
        ground.rows() < fewest_rows
            ? fmt::format("it learns from {} rows, expected at least {}", ground.rows(), fewest_rows)
        : ground.rows() > most_rows
            ? fmt::format("it decomposes pairs of rows, expected at most {} rows to learn from", most_rows)
            : fmt::format("it learns each target by itself, expected at most {} targets", most_targets);
    return {{"wide tables", 0, [why](const Ground&, const Clues&) {
               Findings findings;
               findings.left_out.push_back({"wide tables", why});
               return findings;
             }}};
  }
  return std::make_shared<WideSearch>(ground)->steps();
}

}  // namespace sextant
