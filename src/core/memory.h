// How much memory this machine has, to refuse sizes that cannot fit before they are tried. Private to the library.
#pragma once

namespace sextant {

// Bytes.
[[nodiscard]] double physical_memory();

}  // namespace sextant
