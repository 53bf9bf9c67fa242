#include "sextant/calibration_file.h"

#include <fmt/core.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <set>
#include <tuple>
#include <utility>
#include <vector>

#include "sextant/error.h"

namespace sextant {
namespace {

const std::array<std::string, 7> required = {"level", "method", "width", "p", "r", "d", "n_star"};
const std::string kappa_column = "kappa";
const std::string axis_column = "x";

// What one calibration has in common.
struct Family {
  int p;
  Index r;
  double kappa;
  Index width;

  [[nodiscard]] auto problem() const { return std::tuple(p, r, kappa); }
  [[nodiscard]] bool operator<(const Family& other) const {
    return std::tuple(problem(), width) < std::tuple(other.problem(), other.width);
  }
  [[nodiscard]] std::string text() const { return fmt::format("p = {}, r = {}, κ = {:g}", p, r, kappa); }
};
using Families = std::map<Family, std::map<Index, double>>;  // crossings n*(d)

// A table of crossings whose columns are found by name.
class CrossingsTable {
 public:
  CrossingsTable(const std::string& path, TableOptions options) {
    options.choose = [](const std::vector<std::string>& names) {
      std::vector<ColumnUse> uses;
      for (const std::string& name : names) {
        const bool known = name == kappa_column || name == axis_column ||
                           std::find(required.begin(), required.end(), name) != required.end();
        uses.push_back(!known                                    ? ColumnUse::skip
                       : name == "method" || name == axis_column ? ColumnUse::text
                                                                 : ColumnUse::number);
      }
      return uses;
    };
    table_ = open_table(path, options);
    for (std::size_t j = 0; j < table_->columns().size(); ++j) at_[table_->columns()[j].name] = static_cast<Index>(j);
    for (const std::string& name : required)
      if (at_.find(name) == at_.end())
        throw DataError(fmt::format("{}: there is no column '{}', expected {}", path, name, fmt::join(required, ", ")));
    table_->read(0, table_->rows(), cells_);
  }

  [[nodiscard]] Index rows() const { return table_->rows(); }
  // A crossing in n of Algorithm 1: not of another method, nor along another axis.
  [[nodiscard]] bool counts(Index i) const {
    return text(i, "method") == "algorithm-1" && (at_.find(axis_column) == at_.end() || text(i, axis_column) == "n");
  }
  [[nodiscard]] bool reached(Index i) const { return !std::isnan(cells_(i, at_.at("n_star"))); }
  [[nodiscard]] double positive(Index i, const std::string& name) const {
    if (name == kappa_column && at_.find(name) == at_.end()) return 1;
    const double value = cells_(i, at_.at(name));
    if (!(value > 0)) refuse(i, name, std::isnan(value) ? "nothing" : fmt::format("{:g}", value), "a number above 0");
    return value;
  }
  [[nodiscard]] Index whole(Index i, const std::string& name, Index least) const {
    const double value = cells_(i, at_.at(name));
    if (!(value >= static_cast<double>(least) && value <= 1e15 && value == std::floor(value)))
      refuse(i, name, std::isnan(value) ? "nothing" : fmt::format("{:g}", value),
             fmt::format("a whole number of at least {}", least));
    return static_cast<Index>(value);
  }
  [[nodiscard]] const std::string& text(Index i, const std::string& name) const {
    const Index j = at_.at(name);
    if (std::isnan(cells_(i, j))) refuse(i, name, "nothing", "a name");
    return table_->columns()[static_cast<std::size_t>(j)].levels[static_cast<std::size_t>(cells_(i, j))];
  }
  [[noreturn]] void refuse(Index i, const std::string& name, const std::string& found,
                           const std::string& wanted) const {
    throw DataError(
        fmt::format("{}: '{}' has {} at {}, expected {}", table_->path(), name, found, table_->where(i), wanted));
  }

 private:
  std::unique_ptr<Table> table_;
  std::map<std::string, Index> at_;
  Matrix cells_;
};

// Levels are written and typed in decimal: equal up to rounding is equal.
bool same(double a, double b) { return std::abs(a - b) <= 1e-9 * std::max(std::abs(a), std::abs(b)); }

}  // namespace

Calibration read_calibration(const std::string& path, double level, const Problem& problem, TableOptions options) {
  problem.check();
  const CrossingsTable table(path, std::move(options));
  Families families;
  std::set<double> levels;
  for (Index i = 0; i < table.rows(); ++i) {
    if (!table.counts(i)) continue;
    const double found = table.positive(i, "level");
    const Family family{static_cast<int>(std::min<Index>(table.whole(i, "p", 2), 1000)), table.whole(i, "r", 1),
                        table.positive(i, kappa_column), table.whole(i, "width", 1)};
    const Index d = table.whole(i, "d", 1);
    if (!table.reached(i)) continue;
    const double n = table.positive(i, "n_star");
    levels.insert(found);
    if (!same(found, level)) continue;
    if (!families[family].emplace(d, n).second)
      table.refuse(i, "d", fmt::format("{}", d), "each d once for a level, width, p and r");
  }
  if (families.empty())
    throw DataError(
        levels.empty()
            ? fmt::format("{}: no crossing of algorithm-1 was measured, expected at least one row with n_star", path)
            : fmt::format("{}: no crossing of algorithm-1 at the level {}, expected one of {}", path, level,
                          fmt::join(levels, ", ")));

  const std::tuple wanted(problem.p, problem.r, problem.kappa);
  const bool measured =
      std::any_of(families.begin(), families.end(), [&](const auto& entry) { return entry.first.problem() == wanted; });
  std::set<std::string> others;
  for (const auto& [family, crossings] : families) others.insert(family.text());
  if (!measured && others.size() > 1)
    throw DataError(fmt::format("{}: nothing was measured for p = {}, r = {}, κ = {:g}, expected one of {}", path,
                                problem.p, problem.r, problem.kappa, fmt::join(others, "; ")));
  // Widths rise within a problem, so the largest of equally many crossings comes last.
  const Family* best = nullptr;
  for (const auto& [family, crossings] : families) {
    if (measured && family.problem() != wanted) continue;
    if (best == nullptr || crossings.size() >= families.at(*best).size()) best = &family;
  }
  Calibration calibration{level, {.d = best->r, .r = best->r, .p = best->p, .kappa = best->kappa}, best->width, {}};
  for (const auto& [d, n] : families.at(*best)) calibration.crossings.push_back({d, n});
  calibration.check();
  return calibration;
}

}  // namespace sextant
