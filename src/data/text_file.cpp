#include "sextant/text_file.h"

#include "data/output_file.h"

namespace sextant {

void write_text(const std::string& path, std::string_view text) {
  OutputFile file(path);
  file.write(text);
  file.commit();
}

}  // namespace sextant
