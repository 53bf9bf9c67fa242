#include "method/level_screen.h"

#include <Eigen/Dense>
#include <algorithm>
#include <array>
#include <cmath>
#include <memory>
#include <utility>

namespace sextant {
namespace {

constexpr double some_errors = 2;  // that a gain is above 0 without its two largest levels

// Rows' worth of p0 that means are drawn to: with the a of encodings alone, weak effects would be lost in the noise of
// small levels, which learners see by the count.
constexpr std::array<double, 4> draws = {level_prior_rows, 10, 30, 100};

// The mean of N rows of sum S about p0, drawn to it.
double drawn(double count, double sum, double a) { return sum / (count + a); }

// What rows of one part learn from of every level: N and S of a target about p0, in the order of the levels.
struct Others {
  std::vector<double> count;
  std::vector<double> sum;
};

Others others_of(const LevelSums& of, Index target, double prior, Index part, PartRule rule) {
  const auto L = static_cast<std::size_t>(of.levels());
  Others result{std::vector<double>(L, 0.0), std::vector<double>(L, 0.0)};
  const bool all = rule != PartRule::earlier;
  for (std::size_t l = 0; l < L; ++l) {
    if (all) {
      result.count[l] = of.set.count[static_cast<Index>(l)];
      result.sum[l] = of.set.sum(static_cast<Index>(l), target);
    }
    for (Index e = of.parts.first[l]; e < of.parts.first[l + 1]; ++e) {
      const Index p = of.parts.part[static_cast<std::size_t>(e)];
      if (all ? p != part : p >= part) continue;
      const double sign = all ? -1 : 1;
      result.count[l] += sign * of.parts.count[static_cast<std::size_t>(e)];
      result.sum[l] += sign * of.parts.sum(e, target);
    }
    result.sum[l] -= prior * result.count[l];
  }
  return result;
}

// The mean of neighbouring numbers, without the level's own rows: as many rows of either side as half of `wanted`, or
// what there is, and between the two sides' means linearly.
class Neighbours {
 public:
  Neighbours(const Matrix& levels, const Others& others) : levels_(levels) {
    for (auto* each : {&count_, &sum_, &place_}) each->assign(1, 0.0);
    for (std::size_t l = 0; l < others.count.size(); ++l) {
      count_.push_back(count_.back() + others.count[l]);
      sum_.push_back(sum_.back() + others.sum[l]);
      place_.push_back(place_.back() + others.count[l] * levels(static_cast<Index>(l), 0));
    }
  }

  // About p0, drawn to it as a level of its own is by a.
  [[nodiscard]] double mean(Index level, double wanted, double a) const {
    const auto l = static_cast<std::size_t>(level);
    const std::size_t last = count_.size() - 1;
    const double half = wanted / 2;
    // Levels first … l − 1 have half of the rows, or are all.
    const auto first = static_cast<std::size_t>(std::max<std::ptrdiff_t>(
        0, std::upper_bound(count_.begin(), count_.begin() + static_cast<std::ptrdiff_t>(l) + 1, count_[l] - half) -
               count_.begin() - 1));
    const auto end = std::min<std::size_t>(
        last, static_cast<std::size_t>(std::lower_bound(count_.begin() + static_cast<std::ptrdiff_t>(l) + 1,
                                                        count_.end(), count_[l + 1] + half) -
                                       count_.begin()));
    const Side left = side(first, l, a);
    const Side right = side(l + 1, end, a);
    if (left.count <= 0 || right.count <= 0) {
      const Side& one = left.count > 0 ? left : right;
      return one.count > 0 ? one.mean : 0;
    }
    const double at = levels_(level, 0);
    const double share = std::clamp((at - left.place) / (right.place - left.place), 0.0, 1.0);
    return (1 - share) * left.mean + share * right.mean;
  }

 private:
  struct Side {
    double count;
    double mean;
    double place;
  };
  [[nodiscard]] Side side(std::size_t from, std::size_t to, double a) const {
    const double count = count_[to] - count_[from];
    if (!(count > 0.5)) return {0, 0, 0};
    // Each side has half of the rows, so half of what they are drawn by.
    return {count, drawn(count, sum_[to] - sum_[from], a / 2), (place_[to] - place_[from]) / count};
  }
  const Matrix& levels_;
  std::vector<double> count_;
  std::vector<double> sum_;
  std::vector<double> place_;
};

// What is made once for each part.
struct OfPart {
  Index part;
  std::unique_ptr<const Neighbours> made = {};
  const Neighbours& neighbours(const Matrix& levels, const Others& others) {
    if (made == nullptr) made = std::make_unique<const Neighbours>(levels, others);
    return *made;
  }
};

// Calls visit(level, N, S about p0, what its rows learn from, OfPart) for the rows of each level in each part.
template <class Visit>
void for_each_entry(const LevelSums& of, Index target, double prior, PartRule rule, Index parts, Visit visit) {
  for (Index part = 0; part < parts; ++part) {
    const Others others = others_of(of, target, prior, part, rule);
    OfPart memo{part};
    for (Index l = 0; l < of.levels(); ++l)
      for (Index e = of.parts.first[static_cast<std::size_t>(l)]; e < of.parts.first[static_cast<std::size_t>(l) + 1];
           ++e) {
        if (of.parts.part[static_cast<std::size_t>(e)] != part) continue;
        const double N = of.parts.count[static_cast<std::size_t>(e)];
        visit(l, N, of.parts.sum(e, target) - N * prior, others, memo);
      }
  }
}

}  // namespace

Gain gain_over_neighbours(const LevelSums& of, Index target, double prior, double square, PartRule rule, Index parts) {
  constexpr std::array<double, 4> widths = {1, 4, 16, 64};  // times as many rows
  const Index L = of.levels();
  // Per level, what each takes off the squared error about p0.
  Matrix own = Matrix::Zero(draws.size(), L);
  Matrix smooth = Matrix::Zero(widths.size() * draws.size(), L);
  for_each_entry(of, target, prior, rule, parts, [&](Index l, double N, double S, const Others& others, auto& memo) {
    const Neighbours& neighbours = memo.neighbours(of.set.levels, others);
    const double known = others.count[static_cast<std::size_t>(l)];
    const auto taken = [&](double p) { return p * (2 * S - p * N); };
    for (std::size_t a = 0; a < draws.size(); ++a) {
      own(static_cast<Index>(a), l) += taken(drawn(known, others.sum[static_cast<std::size_t>(l)], draws[a]));
      for (std::size_t width = 0; width < widths.size(); ++width)
        smooth(static_cast<Index>(width * draws.size() + a), l) +=
            taken(neighbours.mean(l, widths[width] * std::max(1.0, known), draws[a]));
    }
  });
  Index best_own = 0;
  Index best_smooth = 0;
  own.rowwise().sum().maxCoeff(&best_own);
  const double by_smooth = std::max(0.0, smooth.rowwise().sum().maxCoeff(&best_smooth));
  Vector difference = own.row(best_own).transpose();
  const bool by_mean = !(by_smooth > 0);  // the mean is better than neighbours
  if (!by_mean) difference -= smooth.row(best_smooth).transpose();
  const double left = static_cast<double>(of.rows) * std::max(0.0, square - prior * prior) - by_smooth;
  if (!(left > 0)) return {};
  // What the rows' own noise makes of it.
  const double a_own = draws[static_cast<std::size_t>(best_own)];
  const double a_smooth = draws[static_cast<std::size_t>(best_smooth) % draws.size()];
  const double width = widths[static_cast<std::size_t>(best_smooth) / draws.size()];
  double squares = 0;
  for_each_entry(of, target, prior, rule, parts, [&](Index l, double N, double, const Others& others, auto& memo) {
    const double known = others.count[static_cast<std::size_t>(l)];
    const double neighbours =
        by_mean ? 0 : memo.neighbours(of.set.levels, others).mean(l, width * std::max(1.0, known), a_smooth);
    const double apart = drawn(known, others.sum[static_cast<std::size_t>(l)], a_own) - neighbours;
    squares += N * apart * apart;
  });
  const double noise = 2 * std::sqrt(squares * left / static_cast<double>(of.rows));
  if (!(noise > 0)) return {};
  const double sum = difference.sum();
  for (int largest = 0; largest < 2 && L > 0; ++largest) {
    Index at = 0;
    difference.maxCoeff(&at);
    difference[at] = 0;
  }
  if (difference.sum() < some_errors * noise) return {};
  return {sum / noise, sum / left};
}

double gain_over_mean(const LevelSums& of, Index target, double prior, PartRule rule, Index parts) {
  std::array<double, draws.size()> gain{};
  for_each_entry(of, target, prior, rule, parts, [&](Index l, double N, double S, const Others& others, auto&) {
    for (std::size_t a = 0; a < draws.size(); ++a) {
      const double p =
          drawn(others.count[static_cast<std::size_t>(l)], others.sum[static_cast<std::size_t>(l)], draws[a]);
      gain[a] += p * (2 * S - p * N);
    }
  });
  return *std::ranges::max_element(gain);
}

Gain gain_over_two(const LevelSums& pair, const LevelSums& first, const LevelSums& second, Index target, double prior,
                   double square, PartRule rule, Index parts) {
  using Moments = Eigen::Matrix<double, 5, 5>;
  std::array<Moments, draws.size()> M;  // of 1, p_a, p_b, p_ab, y, about p0
  M.fill(Moments::Zero());
  std::vector<Index> first_at;  // of each pair, its levels' places
  std::vector<Index> second_at;
  for (Index l = 0; l < pair.levels(); ++l) {
    first_at.push_back(first.set.find(&pair.set.levels(l, 0)));
    second_at.push_back(second.set.find(&pair.set.levels(l, 1)));
  }
  Index part = -1;
  Others of_first;
  Others of_second;
  for_each_entry(pair, target, prior, rule, parts, [&](Index l, double N, double S, const Others& of_pair, auto& memo) {
    if (part != memo.part) {
      part = memo.part;
      of_first = others_of(first, target, prior, part, rule);
      of_second = others_of(second, target, prior, part, rule);
    }
    const auto mean_of = [](const Others& others, Index level, double a) {
      return level < 0
                 ? 0.0
                 : drawn(others.count[static_cast<std::size_t>(level)], others.sum[static_cast<std::size_t>(level)], a);
    };
    for (std::size_t a = 0; a < draws.size(); ++a) {
      const Eigen::Vector4d x(1, mean_of(of_first, first_at[static_cast<std::size_t>(l)], draws[a]),
                              mean_of(of_second, second_at[static_cast<std::size_t>(l)], draws[a]),
                              mean_of(of_pair, l, draws[a]));
      M[a].topLeftCorner<4, 4>() += N * x * x.transpose();
      M[a].col(4).head<4>() += S * x;
    }
  });
  const double yy = static_cast<double>(pair.rows) * std::max(0.0, square - prior * prior);
  // Squared error left by the first `size` of them, and the last one's coefficient.
  const auto left_by = [&](const Moments& moments, Index size) {
    Matrix A = moments.topLeftCorner(size, size);
    A.diagonal().array() += 1e-12 * A.trace();
    const Vector b = moments.col(4).head(size);
    const Vector x = A.ldlt().solve(b);
    return std::pair(yy - b.dot(x), x[size - 1]);
  };
  Gain best;
  for (const Moments& moments : M) {
    const double two = left_by(moments, 3).first;
    const auto [three, coefficient] = left_by(moments, 4);
    if (!(coefficient > 0) || !(three > 0) || !(two > three)) continue;
    const double degrees = std::max(1.0, static_cast<double>(pair.rows) - 4);
    if (const Gain gain{std::sqrt((two - three) / three * degrees), (two - three) / two}; gain.z > best.z) best = gain;
  }
  return best;
}

}  // namespace sextant
