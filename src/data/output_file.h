// A file that appears under its name only when it is complete.
//
// Bytes go to a temporary name `.<name>.<pid>-<n>.tmp` in the same folder; `commit` flushes them to the disk and
// renames the temporary over the target, so that a reader sees the old file or the new one and a failure keeps the old
// one. A link is followed: what it points to is replaced, the link stays. A target that is no regular file (a device, a
// pipe, /dev/stdout) is written directly.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "data/file_descriptor.h"

namespace sextant {

class OutputFile {
 public:
  // Throws IoError when the place cannot be written: a directory, a missing folder, no permission.
  explicit OutputFile(std::string path);
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;
  // Without a commit, removes the temporary file.
  ~OutputFile();

  [[nodiscard]] const std::string& path() const { return path_; }
  // False for a device or a pipe, of which nothing can be rewritten.
  [[nodiscard]] bool replaces() const { return !temporary_.empty(); }

  // Where the bytes lie until the commit, for a library that opens files itself; the file must be one that is replaced.
  [[nodiscard]] const std::string& place() const { return temporary_; }
  // Takes room on the disk for the first `bytes` bytes, so that such a library does not run out of it. Throws IoError.
  void reserve(std::int64_t bytes);
  // Gives back what lies beyond the first `bytes` bytes.
  void cut(std::int64_t bytes);

  // Appends. Throws IoError (disk full, say), after which the file can no longer be committed.
  void write(std::string_view bytes);
  void write(const void* data, std::size_t size);
  // Overwrites bytes already written; the file must be one that is replaced.
  void rewrite(std::int64_t offset, std::string_view bytes);

  // Brings everything to the disk and closes: all of a commit that is likely to fail, none that anyone can see. Of
  // files that belong together, prepare each before committing the first.
  void prepare();
  // Prepares and puts the file in place. Throws IoError and leaves what was there before.
  void commit();

 private:
  void create_temporary(int permissions);
  void flush();
  void send(const char* data, std::size_t size);
  [[noreturn]] void fail(std::string_view reason);
  [[noreturn]] void fail_with_errno(int error);

  std::string path_;       // as given, for messages
  std::string target_;     // path_ with links followed
  std::string temporary_;  // empty when the target is written directly, and after the commit
  FileDescriptor file_;
  std::string buffer_;
  bool failed_ = false;
};

}  // namespace sextant
