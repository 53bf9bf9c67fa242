#include "data/input_file.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <string_view>
#include <system_error>

#include "sextant/error.h"

namespace sextant {
namespace {

[[noreturn]] void fail(const std::string& path, int error) {
  throw IoError(fmt::format("{}: cannot be read: {}", path, std::generic_category().message(error)));
}

}  // namespace

InputFile::InputFile(std::string path) : path_(std::move(path)) {
  // O_NONBLOCK: opening a pipe without a writer must not hang before it can be refused.
  file_ = FileDescriptor(::open(path_.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (!file_.open()) fail(path_, errno);
  struct stat status = {};
  if (::fstat(file_.get(), &status) != 0) fail(path_, errno);
  if (S_ISDIR(status.st_mode)) throw IoError(fmt::format("{}: is a directory, expected a file", path_));
  if (!S_ISREG(status.st_mode)) throw IoError(fmt::format("{}: is a device or a pipe, expected a file", path_));
  size_ = status.st_size;
}

std::size_t InputFile::read_some(std::int64_t offset, void* to, std::size_t size) const {
  char* bytes = static_cast<char*>(to);
  std::size_t done = 0;
  while (done < size) {
    const ::ssize_t got = ::pread(file_.get(), bytes + done, size - done, offset + static_cast<std::int64_t>(done));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) fail(path_, errno);
    if (got == 0) break;
    done += static_cast<std::size_t>(got);
  }
  return done;
}

void InputFile::read(std::int64_t offset, void* to, std::size_t size) const {
  if (read_some(offset, to, size) != size) fail_cut();
}

// Advice may be refused: then nothing is different but the time.
void InputFile::expect_in_order() const { (void)::posix_fadvise(file_.get(), 0, 0, POSIX_FADV_SEQUENTIAL); }

void InputFile::check_uncut() const {
  struct stat status = {};
  if (::fstat(file_.get(), &status) != 0) fail(path_, errno);
  if (status.st_size < size_) fail_cut();
}

void InputFile::fail_cut() const { throw IoError(fmt::format("{}: was cut while it was being read", path_)); }

}  // namespace sextant
