// Oracles: counts by the binomial; products written out.
#include <gtest/gtest.h>

#include <limits>
#include <numeric>
#include <set>
#include <thread>
#include <vector>

#include "sextant/product_terms.h"

using namespace sextant;

TEST(ProductTerms, EveryProductOnceInOrderOfDegree) {
  for (const auto& [r, degree] : std::vector<std::pair<Index, int>>{{1, 6}, {2, 5}, {3, 4}, {8, 3}, {5, 0}}) {
    const auto& terms = product_terms(r, degree);
    ASSERT_EQ(static_cast<Index>(terms.size()), product_term_count(r, degree));
    std::set<std::vector<int>> seen;
    int before = 0;
    for (const ProductTerm& term : terms) {
      const int total = std::accumulate(term.alpha.begin(), term.alpha.end(), 0);
      EXPECT_TRUE(total == before || total == before + 1);
      EXPECT_LE(total, degree);
      EXPECT_TRUE(seen.insert(term.alpha).second);
      before = total;
    }
  }
}

TEST(ProductTerms, ATermIsItsParentTimesOneFactor) {
  const auto& terms = product_terms(3, 5);
  for (std::size_t t = 1; t < terms.size(); ++t) {
    const ProductTerm& term = terms[t];
    std::vector<int> alpha = terms[static_cast<std::size_t>(term.parent)].alpha;
    EXPECT_LT(term.parent, static_cast<Index>(t));
    EXPECT_EQ(alpha[static_cast<std::size_t>(term.axis)], 0);
    alpha[static_cast<std::size_t>(term.axis)] = term.power;
    EXPECT_EQ(alpha, term.alpha);
    for (std::size_t l = 0; l < alpha.size(); ++l) {
      if (alpha[l] == 0) {
        EXPECT_EQ(term.lower[l], -1);
        continue;
      }
      --alpha[l];
      EXPECT_EQ(terms[static_cast<std::size_t>(term.lower[l])].alpha, alpha);
      ++alpha[l];
    }
  }
}

TEST(ProductTerms, OneListForAllThreads) {
  std::vector<const std::vector<ProductTerm>*> lists(8);
  std::vector<std::thread> threads;
  for (auto& list : lists) threads.emplace_back([&list] { list = &product_terms(4, 7); });
  for (std::thread& thread : threads) thread.join();
  for (const auto* list : lists) EXPECT_EQ(list, lists.front());
}

TEST(ProductTerms, CountsOverflowToTheLargestIndex) {
  EXPECT_EQ(product_term_count(8, 3), 165);
  EXPECT_EQ(product_term_count(1000, 60), std::numeric_limits<Index>::max());
}
