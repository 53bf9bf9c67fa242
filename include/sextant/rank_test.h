// How many directions of the inputs the targets depend on, as far as first and second moments of transformed targets
// show: a sequence of permutation tests, with nothing fitted but a linear part.
//
// On whitened inputs z = Σ̂^{−1/2}(x − x̄) (eigenvalues of Σ̂ below 10⁻¹⁰ of the largest dropped: p of them left) each
// target has three signs of its directions, blocks in passes.h's ResponseMoments: the slope E y z of the linear part
// (p×1), and the spectral moments E T(r) z zᵀ of its residual under both transforms (p×p, symmetric). If y depends on
// Uz alone and z is Gaussian, the columns of all lie in the span of U's rows. So the number of directions is the rank
// of G = [G_1/c_1, G_2/c_2, …], where c_l is the noise of a block: the median of its norm over all permutations.
//
// Step j = 0, 1, …: Q spans what is orthogonal to the j leading left singular vectors of G; the statistic is the
// largest noise-relative norm of what a block has left, S = max_l ‖QᵀG_l‖/c_l. Its null distribution: the targets are
// dealt to the rows anew by B random permutations, the linear part is taken off each, and S is computed with the same
// Q. The direction counts when p = (1 + #{S_b ≥ S})/(B + 1) ≤ level; the first that does not ends the sequence. So
// targets that depend on r directions are said to depend on more with probability at most `level` (approximately;
// exactly for r = 0, whatever the distributions, since permuted tables are then as likely as the one seen). Comparing
// eigenvalues with those of data that have no structure is parallel analysis (Horn 1965); testing dimensions in
// sequence by permutation, Cook and Weisberg (1991), Cook and Yin (2001). Deflation keeps the test of a weak direction
// from being measured against noise in directions already found. For j ≥ 1 the level rests on z being near to Gaussian
// given the directions found, as for principal Hessian directions and SAVE.
//
// `magnitude` also sees directions in which only the spread of the noise varies. A rank of 0 does not say that the
// targets do not depend on the inputs, but that n rows do not show it this way.
#pragma once

#include <cstdint>
#include <vector>

#include "sextant/context.h"
#include "sextant/row_source.h"

namespace sextant {

struct RankTestOptions {
  Index permutations = 99;  // B ≥ 1, level·(B + 1) ≥ 1
  double level = 0.05;      // in (0, 1)
  Index most = 20;          // ≥ 1: the sequence ends there at the latest
  std::uint64_t seed = 0;

  // Throws InvalidArgument naming the field, its value and the rule.
  void check() const;
};

// In which moment a direction stands out most.
enum class DirectionSign { slope, clipped, magnitude };
[[nodiscard]] const char* name(DirectionSign sign);  // "slope", "clipped", "magnitude"

struct RankStep {
  double statistic = 0;  // S
  double threshold = 0;  // what S must exceed to count: the ⌊level·(B+1)⌋-th largest of the permuted ones
  double p = 1;
  DirectionSign sign = DirectionSign::slope;  // of the block where the maximum is
  Index target = 0;
};

struct RankTest {
  Index rank = 0;
  std::vector<RankStep> steps;  // `rank` that counted, and the one that did not, unless there was no step more
  Matrix directions;            // rank×d, orthonormal rows, on the source's inputs
  Index rows = 0;               // with positive weight
  RankTestOptions options;
};

// A source without missing cells, with k ≥ 1 targets. Permutation b is Stream(seed, dealings)'s of draws b·n … b·n
// + n − 1, the same for all targets. Memory 8·n·k + 16·(B + 1)·k·p² bytes and at most 256 MiB; cost B·k·n·d² and at
// most steps·(B + 1)·k·4·p³. Throws InvalidArgument for options that break their rules, DataError when there are fewer
// than 2(p + 1) rows (the linear part leaves nothing to test) or the memory does not fit, and what passes throw.
[[nodiscard]] RankTest rank_test(const RowSource& rows, const RankTestOptions& options = {},
                                 const Context& context = {});

}  // namespace sextant
