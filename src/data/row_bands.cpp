#include "data/row_bands.h"

#include <algorithm>
#include <system_error>
#include <utility>

namespace sextant {

RowBands::RowBands(Index rows, Index band_rows, bool ahead, Fetch fetch)
    : rows_(rows), band_rows_(band_rows), ahead_(ahead), fetch_(std::move(fetch)) {}

void RowBands::copy(Index first, Matrix& cells) {
  for (Index done = 0; done < cells.rows();) {
    const Index at = first + done;
    const Matrix& band = hold(at / band_rows_);
    const Index within = at % band_rows_;
    const Index part = std::min(cells.rows() - done, band.rows() - within);
    cells.middleRows(done, part) = band.middleRows(within, part);
    done += part;
  }
}

Matrix RowBands::fetched(Index band, Matrix into) const {
  const Index first = band * band_rows_;
  fetch_(first, std::min(band_rows_, rows_ - first), into);
  return into;
}

const Matrix& RowBands::hold(Index band) {
  Held& held = held_[static_cast<std::size_t>(band % 2)];
  if (held.band == band) return held.cells;
  const bool in_order = band == 0 || held_[static_cast<std::size_t>((band + 1) % 2)].band == band - 1;
  held.band = -1;  // should the fetch fail
  if (next_.valid()) {
    // Also where another band is wanted: there is one fetch at a time.
    std::future<Matrix> next = std::exchange(next_, {});
    next.wait();
    if (next_band_ == band) {
      spare_ = std::move(held.cells);
      held.cells = next.get();
      held.band = band;
    }
  }
  if (held.band != band) {
    held.cells = fetched(band, std::move(held.cells));
    held.band = band;
  }
  if (ahead_ && in_order) fetch_ahead(band + 1);
  return held.cells;
}

void RowBands::fetch_ahead(Index band) {
  if (band * band_rows_ >= rows_) return;
  next_band_ = band;
  try {
    next_ = std::async(std::launch::async,
                       [this, band, into = std::move(spare_)]() mutable { return fetched(band, std::move(into)); });
  } catch (const std::system_error&) {
    // No thread to be had: the band is fetched when it is wanted.
  }
}

}  // namespace sextant
