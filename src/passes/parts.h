// What the passes' parameters consist of, for core/from_first_rank.h. Private.
#pragma once

#include <tuple>

#include "core/from_first_rank.h"
#include "sextant/feature_map.h"
#include "sextant/linear_part.h"
#include "sextant/predictor.h"

namespace sextant {

inline auto parts(LinearPart& linear) { return std::tie(linear.alpha, linear.beta); }
inline auto parts(ReluNetwork& network) { return std::tie(network.W, network.b, network.mirrored); }
inline auto parts(LinearisedNetwork& network) {
  return std::tie(network.W, network.b, network.a, network.blocks, network.unit_scale, network.gradient_scale);
}
inline auto parts(KernelSections& sections) {
  return std::tie(sections.kernel, sections.centres, sections.S, sections.landmarks, sections.before_lift);
}
inline auto parts(HermiteFeatures& link) { return std::tie(link.U, link.c, link.low, link.high, link.degree); }
inline auto parts(LeafMachine& machine) {
  return std::tie(machine.kernel, machine.S, machine.rows, machine.directions, machine.thresholds, machine.members,
                  machine.first, machine.local);
}

inline auto parts(Lift& lift) { return std::tie(lift.knots); }
inline auto parts(Warp& warp) { return std::tie(warp.kind, warp.knots, warp.scores, warp.mean, warp.scale); }
inline auto parts(ClassShares& shares) { return std::tie(shares.bias, shares.scale); }
inline auto parts(Predictor& predictor) {
  return std::tie(predictor.weight, predictor.map, predictor.a, predictor.lift, predictor.warp, predictor.low,
                  predictor.high, predictor.shares);
}

}  // namespace sextant
