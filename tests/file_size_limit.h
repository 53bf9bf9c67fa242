// Stands for a full disk.
#pragma once

#include <sys/resource.h>

#include <csignal>

namespace sextant {

// No file may grow beyond `bytes` while this lives: write(2) then fails with EFBIG.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(::rlim_t bytes) {
    handler_ = std::signal(SIGXFSZ, SIG_IGN);
    ::getrlimit(RLIMIT_FSIZE, &before_);
    const struct rlimit limit = {bytes, before_.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &limit);
  }
  FileSizeLimit(const FileSizeLimit&) = delete;
  FileSizeLimit& operator=(const FileSizeLimit&) = delete;
  ~FileSizeLimit() {
    ::setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, handler_);
  }

 private:
  struct rlimit before_ = {};
  void (*handler_)(int) = nullptr;
};

}  // namespace sextant
