// What the passes' parameters consist of, for core/from_first_rank.h. Private.
#pragma once

#include <tuple>

#include "core/from_first_rank.h"
#include "sextant/feature_map.h"
#include "sextant/linear_part.h"

namespace sextant {

inline auto parts(LinearPart& linear) { return std::tie(linear.alpha, linear.beta); }
inline auto parts(ReluNetwork& network) { return std::tie(network.W, network.b, network.mirrored); }
inline auto parts(LinearisedNetwork& network) {
  return std::tie(network.W, network.b, network.a, network.blocks, network.unit_scale, network.gradient_scale);
}
inline auto parts(KernelSections& sections) {
  return std::tie(sections.kernel, sections.centres, sections.S, sections.landmarks);
}
inline auto parts(HermiteFeatures& link) { return std::tie(link.U, link.c, link.low, link.high, link.degree); }

}  // namespace sextant
