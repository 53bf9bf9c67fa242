// Text from a file made fit for a message.
#pragma once

#include <string>
#include <string_view>

namespace sextant {

// In single quotes, at most 40 characters (then …), control characters and bytes that are not UTF-8 escaped.
[[nodiscard]] std::string excerpt(std::string_view text);

[[nodiscard]] bool is_utf8(std::string_view text);

}  // namespace sextant
