// Rows of a file in bands, each of them fetched once when rows are asked for in order; where fetching is work
// (decoding), the next band is fetched by a thread of its own while this one is used. What the rows are does not depend
// on it. Rows that need only be read are read ahead by the system. Private to the data layer.
#pragma once

#include <array>
#include <functional>
#include <future>

#include "sextant/matrix.h"

namespace sextant {

class RowBands {
 public:
  // fetch(first, count, cells) resizes `cells` and fills it with rows first … first + count − 1. It is called from
  // other threads too when `ahead`, but never twice at a time, and must outlive this. What it throws is thrown by the
  // `copy` that needs the band.
  using Fetch = std::function<void(Index first, Index count, Matrix& cells)>;

  // Memory: three bands, the last one used being kept beside the one in use: readers of folds step back a little.
  RowBands(Index rows, Index band_rows, bool ahead, Fetch fetch);
  RowBands(const RowBands&) = delete;
  RowBands& operator=(const RowBands&) = delete;
  // Waits for a fetch under way.
  ~RowBands() = default;

  // Copies rows first … first + cells.rows() − 1. Not for concurrent use on one object.
  void copy(Index first, Matrix& cells);

 private:
  struct Held {
    Index band = -1;
    Matrix cells;
  };

  [[nodiscard]] Matrix fetched(Index band, Matrix into) const;
  [[nodiscard]] const Matrix& hold(Index band);
  void fetch_ahead(Index band);

  Index rows_;
  Index band_rows_;
  bool ahead_;
  Fetch fetch_;
  std::array<Held, 2> held_;  // band b lies in held_[b % 2]
  Matrix spare_;              // memory for the next band
  Index next_band_ = -1;      // the band being fetched, if next_ is valid
  std::future<Matrix> next_;
};

}  // namespace sextant
