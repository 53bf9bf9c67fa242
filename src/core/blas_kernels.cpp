#include "core/blas_kernels.h"

#include <cblas.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <string_view>

// OpenBLAS's own choice of kernels, which it makes when it is loaded; absent from an OpenBLAS built for one processor.
extern "C" {
void gotoblas_dynamic_init() __attribute__((weak));
void gotoblas_dynamic_quit() __attribute__((weak));
}

namespace sextant::linalg {
namespace {

#ifdef __x86_64__

// What OpenBLAS calls its kernels, those without AVX-512 and those with SSE alone, and its choice among the others.
constexpr std::array without_avx512 = {"Haswell",    "Zen",       "Excavator",  "Steamroller",
                                       "Piledriver", "Bulldozer", "Sandybridge"};
constexpr std::array with_sse_only = {"Prescott", "Core2",   "Penryn",       "Dunnington", "Nehalem", "Atom",
                                      "Nano",     "Opteron", "Opteron_SSE3", "Barcelona",  "Bobcat"};

bool is_one_of(const auto& names, std::string_view name) { return std::ranges::find(names, name) != names.end(); }

// The kernels that serve this processor better than those in use, or nullptr.
const char* better_kernels() {
  const std::string used = kernels_in_use();
  const bool sse_only = is_one_of(with_sse_only, used);
  if (!sse_only && !is_one_of(without_avx512, used)) return nullptr;
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512cd") &&
      __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl"))
    return "SkylakeX";
  if (sse_only && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return "Haswell";
  return nullptr;
}

#else

const char* better_kernels() { return nullptr; }

#endif

void have_openblas_choose() {
  gotoblas_dynamic_quit();
  gotoblas_dynamic_init();
}

}  // namespace

std::string kernels_in_use() { return openblas_get_corename(); }

void choose_kernels() {
  constexpr const char* wish = "OPENBLAS_CORETYPE";
  if (gotoblas_dynamic_init == nullptr || gotoblas_dynamic_quit == nullptr || std::getenv(wish) != nullptr) return;
  const char* const better = better_kernels();
  if (better == nullptr) return;
  setenv(wish, better, 1);
  have_openblas_choose();
  unsetenv(wish);
  if (kernels_in_use() != better) have_openblas_choose();  // it was built without these
}

}  // namespace sextant::linalg
