// A text written to a file whole or not at all.
#pragma once

#include <string>
#include <string_view>

namespace sextant {

// The file appears under `path` when all of the text is on the disk; what was there before stays if this fails, and a
// link is followed. Throws IoError naming the path: a directory, a missing folder, no permission, a full disk.
void write_text(const std::string& path, std::string_view text);

}  // namespace sextant
