// A regular file opened for reading at any position. Not mapped: a mapped file that is cut by someone else kills the
// process.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "data/file_descriptor.h"

namespace sextant {

class InputFile {
 public:
  // Throws IoError when the file is missing, a directory, not a regular file or unreadable.
  explicit InputFile(std::string path);

  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] std::int64_t size() const { return size_; }  // when it was opened

  // Reads up to `size` bytes, fewer only at the end of the file; returns how many.
  std::size_t read_some(std::int64_t offset, void* to, std::size_t size) const;
  // Reads exactly `size` bytes; throws IoError when the file has become too short for that.
  void read(std::int64_t offset, void* to, std::size_t size) const;
  // Tells the system that the file will be read from front to back, so that it reads ahead of us while we compute.
  void expect_in_order() const;
  // Throws IoError when the file has become shorter: for libraries that take what is missing for zeros.
  void check_uncut() const;
  [[noreturn]] void fail_cut() const;

 private:
  std::string path_;
  FileDescriptor file_;
  std::int64_t size_ = 0;
};

}  // namespace sextant
