#include "data/output_file.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <system_error>

#include "sextant/error.h"

namespace sextant {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t buffer_size = std::size_t{1} << 18;

std::string folder_of(const std::string& path) {
  const fs::path folder = fs::path(path).parent_path();
  return folder.empty() ? "." : folder.string();
}

// /dev/stdout and /dev/fd/3 are links below /proc to whatever the descriptor is open on. Following one to a regular
// file and replacing that by renaming would cut the file off from the shell that redirected the descriptor to it.
bool names_a_descriptor(const fs::path& link) {
  std::error_code error;
  const fs::path folder = fs::canonical(link.has_parent_path() ? link.parent_path() : ".", error);
  return !error && folder.string().starts_with("/proc/");
}

struct Target {
  std::string path;
  bool descriptor = false;
};

// Follows links, also to a file that does not exist yet; 40 is Linux's own bound.
Target follow_links(const std::string& path) {
  fs::path target = path;
  for (int links = 0; links < 40; ++links) {
    std::error_code error;
    if (!fs::is_symlink(fs::symlink_status(target, error))) break;
    if (names_a_descriptor(target)) return {path, true};
    const fs::path next = fs::read_symlink(target, error);
    if (error) break;  // opening it will say why
    target = next.is_absolute() ? next : target.parent_path() / next;
  }
  return {target.string(), false};
}

}  // namespace

OutputFile::OutputFile(std::string path) : path_(std::move(path)) {
  buffer_.reserve(buffer_size);
  const Target target = follow_links(path_);
  target_ = target.path;

  struct stat status = {};
  const bool exists = ::stat(target_.c_str(), &status) == 0;
  if (!exists && errno != ENOENT) fail_with_errno(errno);
  if (exists && S_ISDIR(status.st_mode)) fail("it is a directory");
  if (exists && (target.descriptor || !S_ISREG(status.st_mode))) {
    file_ = FileDescriptor(::open(target_.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC | O_NOCTTY));
    if (!file_.open()) fail_with_errno(errno);
    return;
  }
  // Renaming would replace a file that its owner has made read-only.
  if (exists && ::faccessat(AT_FDCWD, target_.c_str(), W_OK, AT_EACCESS) != 0) fail_with_errno(errno);
  create_temporary(exists ? static_cast<int>(status.st_mode & 0777) : -1);
}

OutputFile::~OutputFile() {
  if (!temporary_.empty()) ::unlink(temporary_.c_str());
}

void OutputFile::create_temporary(int permissions) {
  static std::atomic<unsigned> counter = 0;
  const std::string name = fs::path(target_).filename().string();
  if (name.empty()) fail("its name is missing");

  const ::mode_t mode = permissions < 0 ? 0666 : static_cast<::mode_t>(permissions);
  for (int attempt = 0; attempt < 1000; ++attempt) {
    const std::string candidate =
        fmt::format("{}/.{}.{}-{}.tmp", folder_of(target_), name.substr(0, 200), ::getpid(), counter++);
    file_ = FileDescriptor(::open(candidate.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, mode));
    if (file_.open()) {
      temporary_ = candidate;
      break;
    }
    if (errno != EEXIST) break;
  }
  if (!file_.open()) {
    const int error = errno;
    std::error_code ignored;
    if (error == ENOENT && !fs::exists(folder_of(target_), ignored))
      fail(fmt::format("the folder '{}' does not exist", folder_of(target_)));
    fail_with_errno(error);
  }
  // The umask narrowed what open(2) was asked for.
  if (permissions >= 0 && ::fchmod(file_.get(), mode) != 0) {
    const int error = errno;
    ::unlink(temporary_.c_str());  // no destructor runs for a constructor that throws
    fail_with_errno(error);
  }
}

void OutputFile::write(std::string_view bytes) { write(bytes.data(), bytes.size()); }

void OutputFile::write(const void* data, std::size_t size) {
  if (failed_ || !file_.open()) fail("it was given up or is complete");
  const char* bytes = static_cast<const char*>(data);
  if (buffer_.size() + size > buffer_size) flush();
  if (size >= buffer_size)
    send(bytes, size);
  else
    buffer_.append(bytes, size);
}

void OutputFile::rewrite(std::int64_t offset, std::string_view bytes) {
  flush();
  if (!replaces()) fail("it is not a regular file, so its beginning cannot be filled in at the end");
  while (!bytes.empty()) {
    const ::ssize_t sent = ::pwrite(file_.get(), bytes.data(), bytes.size(), offset);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0) fail_with_errno(errno);
    bytes.remove_prefix(static_cast<std::size_t>(sent));
    offset += sent;
  }
}

void OutputFile::reserve(std::int64_t bytes) {
  int error = EINTR;
  while (error == EINTR) error = ::posix_fallocate(file_.get(), 0, bytes);
  if (error != 0) fail_with_errno(error);
}

void OutputFile::cut(std::int64_t bytes) {
  if (::ftruncate(file_.get(), bytes) != 0) fail_with_errno(errno);
}

void OutputFile::flush() {
  send(buffer_.data(), buffer_.size());
  buffer_.clear();
}

void OutputFile::send(const char* data, std::size_t size) {
  while (size > 0) {
    const ::ssize_t sent = ::write(file_.get(), data, size);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0) fail_with_errno(errno);
    data += sent;
    size -= static_cast<std::size_t>(sent);
  }
}

void OutputFile::prepare() {
  if (failed_) fail("an earlier write failed");
  if (!file_.open()) return;
  flush();
  // Without fsync the rename may reach the disk before the bytes do, and a crash would leave an empty file.
  if (replaces() && ::fsync(file_.get()) != 0) fail_with_errno(errno);
  if (const int error = file_.close(); error != 0) fail_with_errno(error);
}

void OutputFile::commit() {
  prepare();
  if (!replaces()) return;
  if (std::rename(temporary_.c_str(), target_.c_str()) != 0) fail_with_errno(errno);
  temporary_.clear();
  // The file is in place; whether a crash in the next seconds would undo it is no reason to report a failure.
  const FileDescriptor folder(::open(folder_of(target_).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (folder.open()) ::fsync(folder.get());
}

void OutputFile::fail(std::string_view reason) {
  failed_ = true;
  throw IoError(fmt::format("{}: cannot be written: {}", path_, reason));
}

void OutputFile::fail_with_errno(int error) { fail(std::generic_category().message(error)); }

}  // namespace sextant
