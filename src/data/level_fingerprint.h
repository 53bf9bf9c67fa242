// What an encoding of levels is, as a part of what a computation depends on. Private.
#pragma once

#include "core/fingerprint.h"
#include "sextant/level_encoding.h"

namespace sextant {

inline void mix_levels(const LevelEncoding& encoding, Fingerprint& fingerprint) {
  fingerprint.mix(encoding.table_inputs);
  fingerprint.mix(static_cast<Index>(encoding.odds));
  fingerprint.mix(encoding.prior);
  for (const LevelSet& set : encoding.sets) {
    for (const auto* list : {&set.inputs, &set.targets}) {
      fingerprint.mix(static_cast<Index>(list->size()));
      for (const Index each : *list) fingerprint.mix(each);
    }
    for (const char each : set.silent) fingerprint.mix(static_cast<Index>(each));
    fingerprint.mix(set.levels);
    fingerprint.mix(set.count);
    fingerprint.mix(set.sum);
  }
}

}  // namespace sextant
