// Oracles: closed forms of Hermite coefficients (exponential, ReLU, polynomials), Parseval's identity, the targets of
// synthetic.h.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <string>

#include "message_of.h"
#include "sextant/error.h"
#include "sextant/hermite.h"
#include "sextant/link_expansion.h"
#include "sextant/theory.h"

using namespace sextant;

namespace {

double source(double z) { return hermite(2, z) / 2 + hermite(4, z) / (4 * std::sqrt(3.0)); }

}  // namespace

TEST(LinkExpansion, PolynomialsAreExact) {
  const LinkExpansion expansion = expand_link(source, 10);
  for (Index k = 0; k <= 10; ++k)
    EXPECT_NEAR(expansion.coefficients(k), k == 2 || k == 4 ? 1 / std::numbers::sqrt2 : 0, 1e-13) << k;
  EXPECT_NEAR(expansion.second_moment, 1, 1e-12);
  EXPECT_NEAR(expansion.tail, 0, 1e-12);
  EXPECT_LT(expansion.errors.maxCoeff(), 1e-12);
  const HermiteTarget target = expansion.target();
  const HermiteTarget expected = source_target(4);
  ASSERT_EQ(target.terms.size(), 2U);
  EXPECT_EQ(target.information_exponent(), 2);
  EXPECT_EQ(target.degree(), 4);
  EXPECT_NEAR(target.kappa(), 1, 1e-12);
  EXPECT_EQ(hessian_rank(target), 1);
  EXPECT_LT((target.expected_hessian() - expected.expected_hessian()).norm(), 1e-12);
  EXPECT_EQ(target.U, expected.U);
}

// What degrees above K carry is the tail.
TEST(LinkExpansion, TailIsWhatDegreesAboveKCarry) {
  const LinkExpansion expansion = expand_link(source, 3);
  EXPECT_NEAR(expansion.tail, 0.5, 1e-12);
  EXPECT_EQ(expansion.target().degree(), 2);
}

// e^{tz} = e^{t²/2} Σ t^k/k! He_k(z): c_k = e^{t²/2} t^k/√k!, E g² = e^{2t²}.
TEST(LinkExpansion, Exponential) {
  const double t = 0.7;
  const int K = 12;
  const LinkExpansion expansion = expand_link([&](double z) { return std::exp(t * z); }, K, 60);
  double kept = 0;
  for (int k = 0; k <= K; ++k) {
    const double expected = std::exp(t * t / 2) * std::pow(t, k) / std::sqrt(std::tgamma(k + 1.0));
    EXPECT_NEAR(expansion.coefficients(k), expected, 1e-13) << k;
    kept += expected * expected;
  }
  EXPECT_NEAR(expansion.second_moment, std::exp(2 * t * t), 1e-12);
  EXPECT_NEAR(expansion.tail, std::exp(2 * t * t) - kept, 1e-12);
  EXPECT_EQ(expansion.target().information_exponent(), 1);
}

// E relu he_k: 1/√(2π), 1/2, 1/(2√π), 0, −1/√(48π), and E relu² = 1/2. The kink makes the rule slow, and the errors say
// so; odd degrees above 1 vanish and must not be mistaken for terms.
TEST(LinkExpansion, ReluWithItsErrors) {
  const LinkExpansion expansion = expand_link([](double z) { return std::max(z, 0.0); }, 5);
  const double pi = std::numbers::pi;
  const double expected[] = {1 / std::sqrt(2 * pi), 0.5, 1 / (2 * std::sqrt(pi)), 0, -1 / std::sqrt(48 * pi), 0};
  for (Index k = 0; k <= 5; ++k) {
    EXPECT_NEAR(expansion.coefficients(k), expected[k], 2 * expansion.errors(k) + 1e-13) << k;
    EXPECT_LT(expansion.errors(k), 0.01) << k;
  }
  EXPECT_GT(expansion.errors(2), 1e-5);
  EXPECT_NEAR(expansion.second_moment, 0.5, 1e-12);
  for (const HermiteTerm& term : expansion.target().terms) EXPECT_NE(term.degrees[0], 3);
  EXPECT_EQ(expansion.target().information_exponent(), 1);
}

TEST(LinkExpansion, DegenerateLinksAreSeenAsSuch) {
  // sin has odd degrees only, the first of them 1; he_3 starts at 3; its H is 0 and κ infinite.
  EXPECT_EQ(expand_link([](double z) { return std::sin(z); }).target().information_exponent(), 1);
  EXPECT_EQ(hessian_rank(expand_link([](double z) { return std::sin(z); }).target()), 0);
  const HermiteTarget third = expand_link([](double z) { return normalised_hermite(3, z); }).target({.d = 4});
  EXPECT_EQ(third.information_exponent(), 3);
  EXPECT_EQ(hessian_rank(third), 0);
  EXPECT_EQ(third.kappa(), std::numeric_limits<double>::infinity());
  const HermiteTarget zero = expand_link([](double) { return 0.0; }).target();
  EXPECT_EQ(zero.second_moment(), 0);
  EXPECT_EQ(zero.information_exponent(), 0);
}

TEST(LinkExpansion, RulesAreChecked) {
  EXPECT_EQ(message_of([] { (void)expand_link({}); }), "expand_link: g is empty, expected a function");
  EXPECT_EQ(message_of([] { (void)expand_link(source, -1); }), "expand_link: K = -1 given, expected 0 to 60");
  EXPECT_EQ(message_of([] { (void)expand_link(source, 10, 21); }),
            "expand_link: nodes = 21 given, expected 2(K + 1) = 22 to 200");
  EXPECT_EQ(message_of([] { (void)expand_link(source, 10, 201); }),
            "expand_link: nodes = 201 given, expected 2(K + 1) = 22 to 200");
  EXPECT_EQ(message_of([] {
              (void)expand_link([](double z) { return z < 0 ? std::numeric_limits<double>::infinity() : z; }, 1, 4);
            }),
            "expand_link: g(-2.33441) is inf, expected a finite number");
  EXPECT_EQ(message_of([] { (void)expand_link(source).target({}, 1); }),
            "link expansion: negligible = 1 given, expected at least 0 and below 1");
}
