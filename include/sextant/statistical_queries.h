// Correlational statistical queries and the class of functions that is hard for them (DLS22, Theorem 2), built
// explicitly: what an oracle of tolerance τ must tell, and how many functions its answers leave possible.
//
// A learner asks queries h with E h² ≤ 1 and hears any number within τ of E f*(x) h(x), x ~ N(0, I_d). The class is
// f_i(x) = he_p(u_i·x), i = 1 … M, he_p = He_p/√p!, with unit u_i that are nearly orthogonal, so the functions are:
//   E he_p(u·x) he_q(v·x) = (u·v)^p [p = q]   for unit u, v.
//
// Why it is hard. Let A be the members with |E f_i h| > τ, s_i their signs. Then |A|τ < E h Σ_A s_i f_i ≤ ‖Σ_A s_i
// f_i‖, so with ε the largest and ρ the mean |E f_i f_j| over i ≠ j
//   |A| < (1 − ε)/(τ² − ε) when τ² > ε,   |A| < (1 + √(1 + 4τ²M(M − 1)ρ))/(2τ²) always.
// An oracle that answers 0 contradicts only A, so after q queries at least M − q·|A| members are consistent, whatever
// was asked. With ε ≈ (log M/d)^{p/2} and M ≈ q·d^{p/2} this is Theorem 2: τ² ≲ log^{p/2}(q d)/d^{p/2}. A learner that
// may ask about all M members one by one wins at any τ below (1 − ε)/2: the bound is about q ≪ M.
//
// Sources: DLS22, Theorem 2; B. Szörényi, Characterizing statistical query learning, ALT 2009 (the counting); V.
// Feldman and others, Statistical algorithms and a lower bound for detecting planted cliques, J. ACM 64, 2017 (mean
// correlation); W. Hoeffding, JASA 58, 1963; U. Haagerup, The best constants in the Khintchine inequality, 1981.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "sextant/matrix.h"
#include "sextant/synthetic.h"

namespace sextant {

// E f(x) h(x) for x ~ N(0, I_d), exact up to rounding, whatever the angles S = U_f U_hᵀ. Terms of different degree are
// orthogonal; a pair with degrees a and b of equal sum gives √(Πb!/Πa!) times the coefficient of Π t_j^{b_j} in
// Π_i (Σ_j S_ij t_j)^{a_i}. Cost O(r_f r_h d) and, for each such pair, O(Σa · r · Π(b_j + 1)) with f and h exchanged
// when that is less. Throws InvalidArgument when a target breaks its rules, the inputs differ, or the smaller of the
// two products exceeds 10⁶.
[[nodiscard]] double correlation(const HermiteTarget& f, const HermiteTarget& h);

struct HardClassOptions {
  Index d = 20;            // inputs, ≥ 1
  int p = 3;               // degree, 1 to 60
  Index members = 100;     // M ≥ 1
  double overlap = 1;      // |u_i·u_j| stays below it, i ≠ j; in (0, 1]. 1 refuses only rows equal up to sign
  std::uint64_t seed = 0;  // another seed is another class

  void check() const;
};

// How far the functions are from orthogonal; 0 for a single member.
struct ClassCorrelations {
  double largest = 0;  // ε = max over i ≠ j of |u_i·u_j|^p
  double mean = 0;     // ρ, its mean over i ≠ j
  // What independent random signs promise: with probability at least 1/2 largest ≤ (2 log(2M²)/d)^{p/2} (Hoeffding),
  // and the expected mean is at most E|z|^p/d^{p/2}, z ~ N(0, 1), for p ≥ 2 (Khintchine, Haagerup), 1/√d for p = 1.
  double likely_largest = 0;
  double expected_mean = 0;
};

struct HardClass {
  Matrix U;   // M×d, unit rows, not orthonormal
  int p = 3;  // degree

  [[nodiscard]] Index members() const { return U.rows(); }
  [[nodiscard]] Index inputs() const { return U.cols(); }
  // f_i as a target; 0 ≤ i < M, else InvalidArgument.
  [[nodiscard]] HermiteTarget member(Index i) const;
  // M×M, (u_i·u_j)^p. Cost O(M²d), and M² numbers.
  [[nodiscard]] Matrix correlations() const;
  // Cost O(M²d), memory O(M).
  [[nodiscard]] ClassCorrelations bounds() const;
};

// Rows of random signs over √d from Stream(seed, Purpose::query_class): try number t has signs t·d … t·d + d − 1, and
// is kept when its |u·u_j| with every row kept before is below `overlap`. Cost O(tries·M·d). Throws InvalidArgument
// when a rule is broken, and when 1000 + 100·M tries do not give M rows: there is no room for them.
[[nodiscard]] HardClass hard_class(const HardClassOptions& options);

// The fewest members that any q queries at tolerance τ leave consistent with the answer 0 to all of them, by the better
// of the two bounds above, from ε and ρ of `correlations`; 0 when the bounds say nothing. While it is 2 or more, no
// learner can tell the truth with certainty, and at least that many truths are answered 0 throughout. q ≥ 0, τ > 0.
[[nodiscard]] Index guaranteed_consistent(Index members, const ClassCorrelations& correlations, Index queries,
                                          double tau);

// Answers E f* h within τ as unhelpfully as it may: 0 whenever |E f* h| ≤ τ, else E f* h moved by τ towards 0.
class StatisticalQueryOracle {
 public:
  // 0 ≤ τ, finite. Throws InvalidArgument, also when the target breaks its rules.
  StatisticalQueryOracle(HermiteTarget truth, double tau);

  // Counts the query. Throws InvalidArgument, without counting, unless E h² ≤ 1 (within 1e-9) and as `correlation`.
  [[nodiscard]] double answer(const HermiteTarget& h);

  [[nodiscard]] Index queries() const { return queries_; }
  [[nodiscard]] double tau() const { return tau_; }

 private:
  HermiteTarget truth_;
  double tau_;
  Index queries_ = 0;
};

// he_p(v·x) for each row v of V, made a unit vector; rows have a finite norm above 0. direction_queries(c.U, c.p) asks
// about the members of a class themselves.
[[nodiscard]] std::vector<HermiteTarget> direction_queries(const MatrixView& V, int p);

// min over members i ≠ j of max over queries of |E f_i h − E f_j h|. Whenever 2τ is below it, any oracle of tolerance τ
// leaves one member consistent. Infinity for one member, 0 without queries. Cost O(M²·q) beside the correlations.
[[nodiscard]] double separation(const HardClass& functions, std::span<const HermiteTarget> queries);

struct QueryOutcome {
  Index queries = 0;     // asked
  Index zeros = 0;       // of them answered 0
  Index consistent = 0;  // members within τ (and 1e-12) of every answer; the truth is one if it is a member
  // The consistent member whose largest distance to an answer is smallest, the first such; −1 when none is consistent.
  Index guess = -1;
};

// Asks the queries in order and keeps the members that fit every answer: a learner that wastes no information it has
// asked for. Cost O(M·q) correlations.
[[nodiscard]] QueryOutcome learn_by_queries(const HardClass& functions, StatisticalQueryOracle& oracle,
                                            std::span<const HermiteTarget> queries);

}  // namespace sextant
