#include "data/hdf5_table.h"

#include <fmt/core.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>
#include <utility>
#include <vector>

#include "data/column_names.h"
#include "data/excerpt.h"
#include "data/hdf5_library.h"
#include "data/input_file.h"
#include "data/names_file.h"
#include "data/number_table.h"
#include "data/row_bands.h"
#include "sextant/error.h"

namespace sextant {
namespace {

// A compressed chunk is decoded as a whole, whatever rows of it are wanted.
constexpr Index largest_chunk = Index{1} << 30;

// ---- what is in a file ----

std::vector<Index> shape_of(hid_t dataset) {
  const Hdf5Handle space(H5Dget_space(dataset), H5Sclose);
  const int dimensions = space.open() ? H5Sget_simple_extent_ndims(space.get()) : -1;
  if (dimensions <= 0) return {};
  std::vector<hsize_t> lengths(static_cast<std::size_t>(dimensions));
  if (H5Sget_simple_extent_dims(space.get(), lengths.data(), nullptr) < 0) return {};
  return {lengths.begin(), lengths.end()};
}

H5T_class_t class_of(hid_t dataset) {
  const Hdf5Handle type(H5Dget_type(dataset), H5Tclose);
  return type.open() ? H5Tget_class(type.get()) : H5T_NO_CLASS;
}

bool holds_numbers(H5T_class_t type) { return type == H5T_INTEGER || type == H5T_FLOAT; }

struct FoundDataset {
  std::string path;
  std::vector<Index> shape;
  bool numbers;

  [[nodiscard]] bool is_table() const { return numbers && shape.size() == 2; }
};

// The datasets below a file's root in the order of their names, group by group. A file can hold as many objects as it
// likes, and groups within themselves: only so many are looked at.
std::vector<FoundDataset> datasets_of(hid_t file) {
  constexpr std::size_t most = 10'000;
  constexpr long deepest = 32;
  std::vector<FoundDataset> found;
  std::vector<std::string> groups = {""};
  for (std::size_t at = 0, seen = 0; at < groups.size(); ++at) {
    const std::string path = groups[at];
    const Hdf5Handle group(H5Gopen2(file, path.empty() ? "/" : path.c_str(), H5P_DEFAULT), H5Gclose);
    std::vector<std::string> names;
    const auto take = [](hid_t, const char* name, const H5L_info_t* link, void* to) noexcept -> herr_t {
      auto& list = *static_cast<std::vector<std::string>*>(to);
      if (link->type == H5L_TYPE_HARD) list.emplace_back(name);
      return list.size() < most ? 0 : 1;
    };
    if (group.open()) H5Literate(group.get(), H5_INDEX_NAME, H5_ITER_INC, nullptr, take, &names);
    for (const std::string& name : names) {
      if (++seen > most) return found;
      const std::string child = path + "/" + name;
      const Hdf5Handle object(H5Oopen(file, child.c_str(), H5P_DEFAULT), H5Oclose);
      if (!object.open()) continue;
      const H5I_type_t kind = H5Iget_type(object.get());
      if (kind == H5I_GROUP && std::count(child.begin(), child.end(), '/') < deepest) groups.push_back(child);
      if (kind == H5I_DATASET) found.push_back({child, shape_of(object.get()), holds_numbers(class_of(object.get()))});
    }
  }
  return found;
}

// "/test (40, 4), /train (120, 4)"
std::string listed(const std::vector<FoundDataset>& datasets) {
  constexpr std::size_t shown = 6;
  std::vector<std::string> texts;
  for (std::size_t i = 0; i < std::min(shown, datasets.size()); ++i)
    texts.push_back(fmt::format("{} {}", excerpt(datasets[i].path), shape_text(datasets[i].shape)));
  return fmt::format("{}{}", fmt::join(texts, ", "),
                     datasets.size() > shown ? fmt::format(", … ({} in all)", datasets.size()) : "");
}

std::string what_it_holds(hid_t file) {
  const std::vector<FoundDataset> all = datasets_of(file);
  return all.empty() ? "it holds no dataset" : "it holds " + listed(all);
}

// The one dataset that can be a table.
std::string only_table(const std::string& path, hid_t file) {
  std::vector<FoundDataset> all = datasets_of(file);
  const auto rest = std::stable_partition(all.begin(), all.end(), [](const auto& each) { return each.is_table(); });
  if (all.begin() == rest)
    throw DataError(fmt::format("{}: has no dataset of numbers in two dimensions; {}", path, what_it_holds(file)));
  all.erase(rest, all.end());
  if (all.size() > 1)
    throw DataError(fmt::format("{}: has {} datasets of numbers in two dimensions, {}; expected which one, as in {}:{}",
                                path, all.size(), listed(all), path, all.front().path));
  return all.front().path;
}

// ---- opening ----

Hdf5Handle open_file(const Hdf5Session& session, const InputFile& file) {
  const std::string& path = file.path();
  if (H5Fis_hdf5(path.c_str()) <= 0) throw DataError(fmt::format("{}: is not an HDF5 file", path));
  Hdf5Handle opened(H5Fopen(path.c_str(), H5F_ACC_RDONLY, H5P_DEFAULT), H5Fclose);
  if (!opened.open())
    throw DataError(fmt::format("{}: is an HDF5 file that cannot be opened: {}", path, session.reason()));
  return opened;
}

std::string file_name_of(hid_t object) {
  const ssize_t size = H5Fget_name(object, nullptr, 0);
  if (size <= 0) return {};
  std::string name(static_cast<std::size_t>(size) + 1, '\0');
  if (H5Fget_name(object, name.data(), name.size()) != size) return {};
  name.resize(static_cast<std::size_t>(size));
  return name;
}

Hdf5Handle open_dataset(const Hdf5Session& session, const std::string& path, hid_t file, const std::string& name) {
  const Hdf5Handle object(H5Oopen(file, name.c_str(), H5P_DEFAULT), H5Oclose);
  if (!object.open())
    throw DataError(fmt::format("{}: there is no dataset {}; {}", path, excerpt(name), what_it_holds(file)));
  if (file_name_of(object.get()) != file_name_of(file))
    throw DataError(fmt::format("{}: is a link to another file, {}: give that one's name", path,
                                excerpt(file_name_of(object.get()))));
  if (H5Iget_type(object.get()) != H5I_DATASET)
    throw DataError(fmt::format("{}: is no dataset; {}", path, what_it_holds(file)));
  // Bands are whole chunks, each read once: a cache of chunks would only take memory.
  const Hdf5Handle access(H5Pcreate(H5P_DATASET_ACCESS), H5Pclose);
  H5Pset_chunk_cache(access.get(), H5D_CHUNK_CACHE_NSLOTS_DEFAULT, 0, H5D_CHUNK_CACHE_W0_DEFAULT);
  Hdf5Handle dataset(H5Dopen2(file, name.c_str(), access.get()), H5Dclose);
  if (!dataset.open()) throw DataError(fmt::format("{}: cannot be opened: {}", path, session.reason()));
  return dataset;
}

std::string name_of(H5T_class_t type) {
  switch (type) {
    case H5T_STRING:
      return "text";
    case H5T_COMPOUND:
      return "records of several fields";
    case H5T_ENUM:
      return "values of an enumeration (booleans, say)";
    default:
      return "what are no numbers";
  }
}

// Bytes per cell.
Index check_type(const std::string& path, hid_t dataset) {
  const H5T_class_t found = class_of(dataset);
  if (!holds_numbers(found))
    throw DataError(fmt::format("{}: holds {}, expected integers or floating-point numbers", path, name_of(found)));
  const Hdf5Handle type(H5Dget_type(dataset), H5Tclose);
  const auto bytes = static_cast<Index>(H5Tget_size(type.get()));
  const auto bits = static_cast<Index>(H5Tget_precision(type.get()));
  constexpr Index longest = 16;
  if (bytes < 1 || bytes > longest || bits < 1 || bits + H5Tget_offset(type.get()) > 8 * bytes)
    throw DataError(
        fmt::format("{}: holds numbers of {} bits in {} bytes, expected at most {} bytes", path, bits, bytes, longest));
  return bytes;
}

void check_filters(const std::string& path, hid_t layout) {
  const int filters = H5Pget_nfilters(layout);
  for (int i = 0; i < filters; ++i) {
    std::array<char, 64> name = {};
    std::size_t parameters = 0;
    unsigned flags = 0;
    const H5Z_filter_t filter = H5Pget_filter2(layout, static_cast<unsigned>(i), &flags, &parameters, nullptr,
                                               name.size() - 1, name.data(), nullptr);
    unsigned can = 0;
    if (H5Zfilter_avail(filter) > 0 && H5Zget_filter_info(filter, &can) >= 0 &&
        (can & H5Z_FILTER_CONFIG_DECODE_ENABLED) != 0)
      continue;
    throw DataError(fmt::format(
        "{}: is compressed by the filter {} {}, which this HDF5 library cannot decode: rewrite it with gzip (h5repack)",
        path, static_cast<int>(filter), excerpt(name.data())));
  }
}

// Rows to read at a time: what is decoded at once, and enough of it that a call is worth its cost, within the limit.
Index band_rows(const std::vector<Index>& shape, Index chunk_rows, Index memory_limit) {
  constexpr Index worthwhile = Index{4} << 20;
  const Index row_bytes = shape[1] * static_cast<Index>(sizeof(double));
  const Index chunks = std::max<Index>(1, worthwhile / row_bytes / chunk_rows);
  const Index most = std::max<Index>(1, memory_limit / row_bytes);
  return std::min({chunks * chunk_rows, most, shape[0]});
}

// How rows are to be read.
struct Reading {
  Index band_rows = 0;  // at a time; 0 for as they are asked for
  bool ahead = false;
};

// What the file claims against what it has: a few bytes can claim any number of cells, and cells that were never
// written would read as zeros.
Reading check_layout(const std::string& path, const InputFile& file, hid_t dataset, const std::vector<Index>& shape,
                     Index cell_bytes, Index memory_limit) {
  Index bytes = 0;
  if (__builtin_mul_overflow(shape[0], shape[1], &bytes) ||
      __builtin_mul_overflow(bytes, std::max<Index>(cell_bytes, sizeof(double)), &bytes))
    throw DataError(fmt::format("{}: claims the shape {}, more than 64 bits can count", path, shape_text(shape)));
  bytes = shape[0] * shape[1] * cell_bytes;
  const Hdf5Handle layout(H5Dget_create_plist(dataset), H5Pclose);
  const H5D_layout_t kind = H5Pget_layout(layout.get());
  if (kind == H5D_VIRTUAL || H5Pget_external_count(layout.get()) > 0)
    throw DataError(fmt::format(
        "{}: keeps its cells in other files, expected them in this one: copy the dataset (h5repack)", path));
  if (kind != H5D_CHUNKED) {
    const auto stored = static_cast<Index>(H5Dget_storage_size(dataset));
    if (stored == 0) throw DataError(fmt::format("{}: has the shape {} and no cells", path, shape_text(shape)));
    if (stored < bytes || file.size() < bytes)
      throw DataError(fmt::format("{}: is cut short: its shape {} needs {} bytes of cells and it has {}", path,
                                  shape_text(shape), bytes, std::min<Index>(stored, file.size())));
    return {};
  }

  std::array<hsize_t, 2> chunk = {};
  std::array<hsize_t, 2> most = {};
  const Hdf5Handle space(H5Dget_space(dataset), H5Sclose);
  H5Sget_simple_extent_dims(space.get(), nullptr, most.data());
  const auto fits = [&](std::size_t at) {
    return chunk[at] > 0 && (most[at] == H5S_UNLIMITED || chunk[at] <= most[at]);
  };
  if (H5Pget_chunk(layout.get(), 2, chunk.data()) != 2 || !fits(0) || !fits(1))
    throw DataError(fmt::format("{}: is damaged: its chunks have {} rows and {} columns, its shape is {}", path,
                                chunk[0], chunk[1], shape_text(shape)));
  check_filters(path, layout.get());
  const auto rows = static_cast<Index>(chunk[0]);
  const auto columns = static_cast<Index>(chunk[1]);
  const bool filtered = H5Pget_nfilters(layout.get()) > 0;
  if (filtered && rows > largest_chunk / cell_bytes / columns)
    throw DataError(fmt::format(
        "{}: is compressed in chunks of {} rows and {} columns, more than 1 GiB each: rewrite it with smaller ones "
        "(h5repack -l CHUNK=1024x{})",
        path, rows, columns, std::min<Index>(shape[1], 1024)));
  hsize_t written = 0;
  const hsize_t expected = (static_cast<hsize_t>(shape[0]) + chunk[0] - 1) / chunk[0] *
                           ((static_cast<hsize_t>(shape[1]) + chunk[1] - 1) / chunk[1]);
  if (H5Dget_num_chunks(dataset, space.get(), &written) < 0 || written < expected)
    throw DataError(fmt::format("{}: is incomplete: {} of its {} chunks were written (shape {})", path, written,
                                expected, shape_text(shape)));
  return {band_rows(shape, rows, memory_limit), filtered};
}

// ---- names ----

// Memory that HDF5 allocates for texts of any length.
class VariableTexts {
 public:
  VariableTexts(std::size_t count, hid_t type, hid_t space) : texts_(count, nullptr), type_(type), space_(space) {}
  VariableTexts(const VariableTexts&) = delete;
  VariableTexts& operator=(const VariableTexts&) = delete;
  ~VariableTexts() { H5Dvlen_reclaim(type_, space_, H5P_DEFAULT, texts_.data()); }
  [[nodiscard]] std::vector<char*>& texts() { return texts_; }

 private:
  std::vector<char*> texts_;
  hid_t type_;
  hid_t space_;
};

// Of the attribute `names`, a list of texts.
std::vector<std::string> attribute_names(const Hdf5Session& session, const std::string& path, hid_t dataset,
                                         Index columns) {
  const auto fail = [&](const std::string& reason) {
    throw DataError(fmt::format("{}: its attribute 'names' {}", path, reason));
  };
  const Hdf5Handle attribute(H5Aopen(dataset, "names", H5P_DEFAULT), H5Aclose);
  if (!attribute.open()) fail(fmt::format("cannot be read: {}", session.reason()));
  const Hdf5Handle type(H5Aget_type(attribute.get()), H5Tclose);
  const Hdf5Handle space(H5Aget_space(attribute.get()), H5Sclose);
  if (H5Tget_class(type.get()) != H5T_STRING || H5Sget_simple_extent_ndims(space.get()) != 1)
    fail("is no list of texts, expected the names of the columns");
  const auto count = static_cast<Index>(H5Sget_simple_extent_npoints(space.get()));
  if (count != columns) fail(fmt::format("lists {} names, expected {} (one per column)", count, columns));

  const Hdf5Handle text(H5Tcopy(H5T_C_S1), H5Tclose);
  H5Tset_cset(text.get(), H5Tget_cset(type.get()));
  std::vector<std::string> names;
  const auto n = static_cast<std::size_t>(count);
  if (H5Tis_variable_str(type.get()) > 0) {
    H5Tset_size(text.get(), H5T_VARIABLE);
    VariableTexts found(n, text.get(), space.get());
    if (H5Aread(attribute.get(), text.get(), found.texts().data()) < 0)
      fail(fmt::format("cannot be read: {}", session.reason()));
    for (const char* name : found.texts()) names.emplace_back(name == nullptr ? "" : name);
  } else {
    const std::size_t size = H5Tget_size(type.get()) + 1;  // and a NUL
    constexpr std::size_t longest = 4096;
    if (size > longest) fail(fmt::format("holds texts of {} bytes, expected at most {}", size - 1, longest - 1));
    H5Tset_size(text.get(), size);
    std::vector<char> found(n * size);
    if (H5Aread(attribute.get(), text.get(), found.data()) < 0)
      fail(fmt::format("cannot be read: {}", session.reason()));
    for (std::size_t i = 0; i < n; ++i)
      names.emplace_back(found.data() + i * size, ::strnlen(found.data() + i * size, size));
  }
  if (const std::string problem = problem_with_names(names); !problem.empty()) fail("cannot serve: " + problem);
  return names;
}

// ---- the table ----

class Hdf5Table final : public NumberTable {
 public:
  Hdf5Table(const std::string& path, const std::vector<Index>& shape, KeptColumns kept, Context context, InputFile file,
            Hdf5Handle opened, Hdf5Handle dataset, const Reading& reading)
      : NumberTable(path, shape, std::move(kept), std::move(context)),
        file_(std::move(file)),
        opened_(std::move(opened)),
        dataset_(std::move(dataset)) {
    for (const Index position : positions()) within_.push_back(position - positions().front());
    if (reading.band_rows > 0)
      bands_.emplace(shape[0], reading.band_rows, reading.ahead,
                     [this](Index first, Index count, Matrix& cells) { fetch(first, count, cells); });
  }

 private:
  void read_cells(Index first, Index count, Matrix& cells) const override {
    if (cells.size() == 0) return;
    if (bands_)
      bands_->copy(first, cells);
    else
      fetch(first, count, cells);
  }

  // Reads the columns from the first to the last that is kept.
  void fetch(Index first, Index count, Matrix& cells) const {
    const Index low = positions().front();
    const Index span = positions().back() - low + 1;
    cells.resize(count, span);
    const std::array<hsize_t, 2> start = {static_cast<hsize_t>(first), static_cast<hsize_t>(low)};
    const std::array<hsize_t, 2> lengths = {static_cast<hsize_t>(count), static_cast<hsize_t>(span)};
    {
      const Hdf5Session session;
      const Hdf5Handle from(H5Dget_space(dataset_.get()), H5Sclose);
      const Hdf5Handle to(H5Screate_simple(2, lengths.data(), nullptr), H5Sclose);
      const bool good =
          H5Sselect_hyperslab(from.get(), H5S_SELECT_SET, start.data(), nullptr, lengths.data(), nullptr) >= 0 &&
          H5Dread(dataset_.get(), H5T_NATIVE_DOUBLE, to.get(), from.get(), H5P_DEFAULT, cells.data()) >= 0;
      const std::string reason = good ? "" : session.reason();
      file_.check_uncut();  // HDF5 reads zeros beyond a file's end
      if (!good)
        throw IoError(fmt::format("{}: rows {} to {} cannot be read: {}", path(), first + 1, first + count, reason));
    }
    if (static_cast<Index>(within_.size()) < span) cells = cells(Eigen::all, within_).eval();
  }

  std::vector<Index> within_;  // the kept columns among those read
  InputFile file_;
  Hdf5Handle opened_;
  Hdf5Handle dataset_;
  mutable std::optional<RowBands> bands_;  // last: a fetch under way uses all of the above
};

}  // namespace

std::unique_ptr<Table> open_hdf5(const std::string& path, const Hdf5Name& name, const TableOptions& options) {
  options.context.check();
  InputFile file(name.file);
  const Hdf5Session session;
  Hdf5Handle opened = open_file(session, file);
  const std::string dataset_name = name.dataset.empty() ? only_table(path, opened.get()) : name.dataset;
  Hdf5Handle dataset = open_dataset(session, path, opened.get(), dataset_name);
  const Index cell_bytes = check_type(path, dataset.get());
  const std::vector<Index> shape = shape_of(dataset.get());
  check_shape(path, shape);
  const Reading reading = check_layout(path, file, dataset.get(), shape, cell_bytes, options.memory_limit);
  const std::vector<std::string> names = H5Aexists(dataset.get(), "names") > 0
                                             ? attribute_names(session, path, dataset.get(), shape[1])
                                             : read_names(name.file, shape[1]);
  KeptColumns kept = choose_number_columns(path, names, options, "an HDF5 table");
  return std::make_unique<Hdf5Table>(path, shape, std::move(kept), options.context, std::move(file), std::move(opened),
                                     std::move(dataset), reading);
}

}  // namespace sextant
