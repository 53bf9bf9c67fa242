#include "data/cell_store.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <system_error>

#include "sextant/error.h"

namespace sextant {
namespace {

constexpr Index cell_bytes = sizeof(double);

}  // namespace

CellStore::CellStore(std::string owner, Index width, Index memory_limit, std::string directory)
    : owner_(std::move(owner)), width_(width), memory_limit_(memory_limit), directory_(std::move(directory)) {
  std::error_code error;
  if (directory_.empty()) directory_ = std::filesystem::temp_directory_path(error).string();
  if (error) directory_ = "/tmp";
}

void CellStore::append(const double* row) {
  ++rows_;
  for (Index left = width_; left > 0;) {
    if (chunks_.empty() || last_cells_ == chunk_cells) close_chunk();
    const Index part = std::min(left, chunk_cells - last_cells_);
    std::copy_n(row, part, chunks_.back().get() + last_cells_);
    last_cells_ += part;
    row += part;
    left -= part;
  }
}

// Makes room for more cells: in the file, if there is or must be one, else in a new chunk.
void CellStore::close_chunk() {
  if (!file_.open() && memory_bytes() + chunk_cells * cell_bytes > memory_limit_ && !chunks_.empty()) open_file();
  if (file_.open()) {
    for (std::size_t i = 0; i < chunks_.size(); ++i)
      send(chunks_[i].get(), i + 1 == chunks_.size() ? last_cells_ : chunk_cells);
    if (!chunks_.empty()) chunks_.resize(1);
  }
  if (chunks_.empty() || !file_.open()) chunks_.push_back(std::make_unique<double[]>(chunk_cells));
  last_cells_ = 0;
}

void CellStore::finish() {
  if (!file_.open() && memory_bytes() > memory_limit_) open_file();
  if (!file_.open()) return;
  if (!chunks_.empty()) close_chunk();
  chunks_.clear();
  chunks_.shrink_to_fit();
  (void)::posix_fadvise(file_.get(), 0, 0, POSIX_FADV_SEQUENTIAL);  // to be read from front to back
}

void CellStore::read(Index first, Index count, double* cells) const {
  Index at = first * width_;
  Index left = count * width_;
  if (file_.open()) {
    char* bytes = reinterpret_cast<char*>(cells);
    for (Index done = 0; done < left * cell_bytes;) {
      const ::ssize_t got = ::pread(file_.get(), bytes + done, static_cast<std::size_t>(left * cell_bytes - done),
                                    at * cell_bytes + done);
      if (got < 0 && errno == EINTR) continue;
      if (got <= 0) fail(got < 0 ? errno : EIO);
      done += got;
    }
    return;
  }
  while (left > 0) {
    const Index offset = at % chunk_cells;
    const Index part = std::min(left, chunk_cells - offset);
    cells = std::copy_n(chunks_[static_cast<std::size_t>(at / chunk_cells)].get() + offset, part, cells);
    at += part;
    left -= part;
  }
}

Index CellStore::memory_bytes() const {
  if (chunks_.empty()) return 0;
  return ((static_cast<Index>(chunks_.size()) - 1) * chunk_cells + last_cells_) * cell_bytes;
}

Index CellStore::file_bytes() const { return file_cells_ * cell_bytes; }

void CellStore::open_file() {
  std::string name = directory_ + "/sextant-XXXXXX";
  file_ = FileDescriptor(::mkostemp(name.data(), O_CLOEXEC));
  if (!file_.open()) fail(errno);
  ::unlink(name.c_str());  // it lives as long as it is open, whatever ends the process
}

void CellStore::send(const double* cells, Index count) {
  const char* bytes = reinterpret_cast<const char*>(cells);
  for (Index left = count * cell_bytes; left > 0;) {
    const ::ssize_t sent = ::write(file_.get(), bytes, static_cast<std::size_t>(left));
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0) fail(errno);
    bytes += sent;
    left -= sent;
  }
  file_cells_ += count;
}

void CellStore::fail(int error) const {
  throw IoError(fmt::format("{}: the temporary file for its cells in '{}' cannot be used: {}", owner_, directory_,
                            std::generic_category().message(error)));
}

}  // namespace sextant
