#include "data/hdf5_writer.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <filesystem>
#include <utility>

#include "data/excerpt.h"
#include "data/hdf5_library.h"
#include "data/output_file.h"
#include "sextant/error.h"

namespace sextant {
namespace {

constexpr Index chunk_bytes = Index{1} << 20;

// More than what HDF5 writes beside the cells: names (as often as it copies them), headers, an index of the chunks.
std::int64_t room_beside_cells(const std::vector<std::string>& columns) {
  std::size_t bytes = std::size_t{1} << 20;
  for (const std::string& name : columns) bytes += 4 * (name.size() + 64);
  return static_cast<std::int64_t>(bytes);
}

class Hdf5Writer final : public TableWriter {
 public:
  Hdf5Writer(std::string path, const Hdf5Name& name, const std::vector<std::string>& columns)
      : path_(std::move(path)),
        columns_(columns),
        dataset_name_(name.dataset.empty() ? "/table"
                                           : std::filesystem::path(name.dataset).lexically_normal().string()),
        beside_(room_beside_cells(columns)),
        file_(name.file),
        chunk_(std::max<Index>(1, chunk_bytes / 8 / width()), width()) {
    if (dataset_name_.back() == '/')
      throw InvalidArgument(fmt::format("{}: names no dataset, expected one as in {}:/table", path_, name.file));
    if (!file_.replaces())
      throw IoError(fmt::format("{}: cannot be written: an HDF5 file needs a regular file, not a device", path_));
    // HDF5 does not survive a disk that is full when it writes: what it writes has its room beforehand.
    file_.reserve(beside_);
    const Hdf5Session session;
    const Hdf5Handle access(H5Pcreate(H5P_FILE_ACCESS), H5Pclose);
    // Names of many columns are more than what an attribute could hold before version 1.8.
    H5Pset_libver_bounds(access.get(), H5F_LIBVER_V18, H5F_LIBVER_LATEST);
    const Hdf5Handle created = untimed(session, H5P_FILE_CREATE);
    opened_ = check(session, {H5Fcreate(file_.place().c_str(), H5F_ACC_TRUNC, created.get(), access.get()), H5Fclose});
    file_.reserve(beside_);
  }

  void write(const MatrixView& cells) override {
    if (closed_) throw InvalidArgument(fmt::format("{}: is closed, no rows can follow", path_));
    if (cells.cols() != width())
      throw InvalidArgument(fmt::format("{}: rows of {} cells given, expected {}", path_, cells.cols(), width()));
    for (Index i = 0; i < cells.rows(); ++i) {
      for (Index j = 0; j < cells.cols(); ++j)
        if (std::isinf(cells(i, j)))
          throw DataError(fmt::format("{}: row {}, column {}: infinite, expected a finite or missing number", path_,
                                      written_ + held_ + 1, excerpt(columns_[static_cast<std::size_t>(j)])));
      if (held_ == chunk_.rows()) send();
      chunk_.row(held_++) = cells.row(i);
    }
  }

  void write(const std::vector<std::string>&, const MatrixView&) override {
    throw InvalidArgument(
        fmt::format("{}: text cannot be written, an HDF5 table holds only numbers: use a CSV file", path_));
  }

  void close() override {
    if (closed_) return;
    send();
    {
      const Hdf5Session session;
      if (!dataset_.close()) fail(session);
      check(session, H5Fflush(opened_.get(), H5F_SCOPE_LOCAL));
      const std::int64_t size = file_size(session);
      if (!opened_.close()) fail(session);
      file_.cut(size);
    }
    file_.commit();
    closed_ = true;
  }

 private:
  [[nodiscard]] Index width() const { return static_cast<Index>(columns_.size()); }

  [[noreturn]] void fail(const Hdf5Session& session) const {
    throw IoError(fmt::format("{}: cannot be written: {}", path_, session.reason()));
  }
  [[nodiscard]] Hdf5Handle check(const Hdf5Session& session, Hdf5Handle handle) const {
    if (!handle.open()) fail(session);
    return handle;
  }
  void check(const Hdf5Session& session, herr_t status) const {
    if (status < 0) fail(session);
  }

  // Properties of what is created without the time: it would be the only difference between the files of two runs.
  [[nodiscard]] Hdf5Handle untimed(const Hdf5Session& session, hid_t kind) const {
    Hdf5Handle properties = check(session, {H5Pcreate(kind), H5Pclose});
    check(session, H5Pset_obj_track_times(properties.get(), false));
    return properties;
  }

  [[nodiscard]] std::int64_t file_size(const Hdf5Session& session) const {
    hsize_t size = 0;
    check(session, H5Fget_filesize(opened_.get(), &size));
    return static_cast<std::int64_t>(size);
  }

  // Those above the dataset.
  void create_groups(const Hdf5Session& session) const {
    const Hdf5Handle properties = untimed(session, H5P_GROUP_CREATE);
    for (std::size_t end = dataset_name_.find('/', 1); end != std::string::npos;
         end = dataset_name_.find('/', end + 1)) {
      const std::string group = dataset_name_.substr(0, end);
      (void)check(session,
                  {H5Gcreate2(opened_.get(), group.c_str(), H5P_DEFAULT, properties.get(), H5P_DEFAULT), H5Gclose});
    }
  }

  // What fits into one chunk is written without any: a chunk is never smaller than its shape.
  void create_dataset(const Hdf5Session& session, bool in_chunks) {
    const std::array<hsize_t, 2> size = {static_cast<hsize_t>(in_chunks ? 0 : held_), static_cast<hsize_t>(width())};
    const std::array<hsize_t, 2> most = {in_chunks ? H5S_UNLIMITED : size[0], size[1]};
    const Hdf5Handle space = check(session, {H5Screate_simple(2, size.data(), most.data()), H5Sclose});
    const Hdf5Handle layout = untimed(session, H5P_DATASET_CREATE);
    const std::array<hsize_t, 2> chunk = {static_cast<hsize_t>(chunk_.rows()), size[1]};
    if (in_chunks) check(session, H5Pset_chunk(layout.get(), 2, chunk.data()));
    create_groups(session);
    dataset_ = check(session, {H5Dcreate2(opened_.get(), dataset_name_.c_str(), H5T_IEEE_F64LE, space.get(),
                                          H5P_DEFAULT, layout.get(), H5P_DEFAULT),
                               H5Dclose});

    std::vector<const char*> names;
    for (const std::string& name : columns_) names.push_back(name.c_str());
    const auto count = static_cast<hsize_t>(names.size());
    const Hdf5Handle list = check(session, {H5Screate_simple(1, &count, nullptr), H5Sclose});
    const Hdf5Handle text = check(session, {H5Tcopy(H5T_C_S1), H5Tclose});
    H5Tset_size(text.get(), H5T_VARIABLE);
    H5Tset_cset(text.get(), H5T_CSET_UTF8);
    const Hdf5Handle attribute = check(
        session, {H5Acreate2(dataset_.get(), "names", text.get(), list.get(), H5P_DEFAULT, H5P_DEFAULT), H5Aclose});
    check(session, H5Awrite(attribute.get(), text.get(), names.data()));
  }

  // Appends the rows held to the dataset.
  void send() {
    const Hdf5Session session;
    file_.reserve(file_size(session) + chunk_.size() * static_cast<Index>(sizeof(double)) + beside_);
    const bool in_chunks = held_ == chunk_.rows() || written_ > 0;
    if (!dataset_.open()) create_dataset(session, in_chunks);
    if (held_ == 0) return;
    const std::array<hsize_t, 2> start = {static_cast<hsize_t>(written_), 0};
    const std::array<hsize_t, 2> lengths = {static_cast<hsize_t>(held_), static_cast<hsize_t>(width())};
    const std::array<hsize_t, 2> size = {start[0] + lengths[0], lengths[1]};
    if (in_chunks) check(session, H5Dset_extent(dataset_.get(), size.data()));
    const Hdf5Handle to = check(session, {H5Dget_space(dataset_.get()), H5Sclose});
    const Hdf5Handle from = check(session, {H5Screate_simple(2, lengths.data(), nullptr), H5Sclose});
    check(session, H5Sselect_hyperslab(to.get(), H5S_SELECT_SET, start.data(), nullptr, lengths.data(), nullptr));
    check(session, H5Dwrite(dataset_.get(), H5T_NATIVE_DOUBLE, from.get(), to.get(), H5P_DEFAULT, chunk_.data()));
    written_ += held_;
    held_ = 0;
  }

  std::string path_;
  std::vector<std::string> columns_;
  std::string dataset_name_;
  std::int64_t beside_;
  OutputFile file_;
  Hdf5Handle opened_;
  Hdf5Handle dataset_;  // created with the first rows that are sent
  Matrix chunk_;        // rows that wait
  Index held_ = 0;
  Index written_ = 0;
  bool closed_ = false;
};

}  // namespace

std::unique_ptr<TableWriter> create_hdf5(const std::string& path, const Hdf5Name& name,
                                         const std::vector<std::string>& columns) {
  return std::make_unique<Hdf5Writer>(path, name, columns);
}

}  // namespace sextant
