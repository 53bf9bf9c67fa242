// Rows of doubles, appended once and then read in any order: in memory, or past a limit in an unnamed temporary file.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "data/file_descriptor.h"
#include "sextant/matrix.h"

namespace sextant {

class CellStore {
 public:
  // `owner` begins the messages. An empty directory stands for the system's one for temporary files.
  CellStore(std::string owner, Index width, Index memory_limit, std::string directory);

  // Appends one row of `width` cells. Throws IoError when the temporary file cannot be written.
  void append(const double* row);
  // Call once, after the last row.
  void finish();

  // Copies rows first … first + count − 1 to `cells`.
  void read(Index first, Index count, double* cells) const;

  [[nodiscard]] Index rows() const { return rows_; }
  [[nodiscard]] Index memory_bytes() const;
  [[nodiscard]] Index file_bytes() const;

 private:
  static constexpr Index chunk_cells = 32768;
  using Chunk = std::unique_ptr<double[]>;

  void close_chunk();
  void open_file();
  void send(const double* cells, Index count);
  [[noreturn]] void fail(int error) const;

  std::string owner_;
  Index width_;
  Index memory_limit_;
  std::string directory_;
  Index rows_ = 0;
  std::vector<Chunk> chunks_;  // all full but the last
  Index last_cells_ = 0;       // in the last chunk
  FileDescriptor file_;
  Index file_cells_ = 0;
};

}  // namespace sextant
