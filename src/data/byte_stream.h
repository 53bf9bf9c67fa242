// The bytes of a file from front to back in chunks, unpacked if they are gzip (RFC 1952, several members allowed),
// whatever the file is called.
//
// zlib's own gzread takes bytes after a member that are no member for the end of the data; here they are an error, so
// that no rows go missing unnoticed.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "data/input_file.h"

struct z_stream_s;

namespace sextant {

class ByteStream {
 public:
  static constexpr std::size_t chunk_size = std::size_t{1} << 20;

  // `file` must outlive the stream.
  explicit ByteStream(const InputFile& file);

  // The next at most chunk_size bytes, valid until the next call; empty at the end. Throws IoError when the file has
  // been cut since it was opened, DataError for corrupt or incomplete gzip data.
  std::string_view next();
  // How much of the file has been read, in [0, 1].
  [[nodiscard]] double fraction() const;

 private:
  struct EndInflate {
    void operator()(z_stream_s* stream) const;
  };

  std::size_t read_file(std::vector<char>& to);
  std::size_t unpack();

  const InputFile& file_;
  std::int64_t offset_ = 0;
  std::vector<char> chunk_;
  std::vector<char> packed_;
  std::unique_ptr<z_stream_s, EndInflate> inflate_;  // null for a plain file
  bool in_member_ = false;
};

}  // namespace sextant
