#include "sextant/checkpoint.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <limits>
#include <mutex>
#include <system_error>
#include <thread>
#include <tuple>
#include <type_traits>
#include <unordered_map>

#include "data/file_descriptor.h"
#include "sextant/error.h"

namespace sextant {
namespace {

using Clock = std::chrono::steady_clock;
using Bytes = std::span<const unsigned char>;

constexpr std::string_view log_magic = "sextant checkpoint 1\n";
constexpr std::uint64_t record_magic = 0x64726F6365727853;   // "Sxrecord"
constexpr std::uint64_t partial_magic = 0x6C61697472617053;  // "Spartial"
constexpr std::size_t most_provenance = std::size_t{1} << 20;
constexpr std::size_t buffer_size = std::size_t{1} << 20;
constexpr double worth = 50;        // times as long as writing it takes
constexpr double per_write = 1e-4;  // seconds, beside those per byte
constexpr double between_syncs = 1;

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

std::uint32_t checksum(std::uint32_t crc, const void* data, std::size_t size) {
  if (size == 0) return crc;  // without an address zlib begins anew
  return static_cast<std::uint32_t>(::crc32_z(crc, static_cast<const Bytef*>(data), size));
}

// Heads of entries as they lie in the files; their last member is the checksum of those before it.
struct RecordHead {
  std::uint64_t magic = record_magic;
  std::uint64_t key = 0;
  std::uint64_t numbers = 0;
  std::uint32_t content = 0;  // checksum of the numbers
  std::uint32_t own = 0;
};
struct PartialHead {
  std::uint64_t magic = partial_magic;
  std::uint64_t key = 0;
  std::uint64_t numbers = 0;
  std::int64_t done = 0;
  std::int64_t blocks = 0;
  double seconds = 0;
  std::array<char, 32> stage{};
  std::uint32_t of = 0;  // checksum of the provenance
  std::uint32_t content = 0;
  std::uint32_t unused = 0;
  std::uint32_t own = 0;
};
static_assert(std::has_unique_object_representations_v<RecordHead> && sizeof(RecordHead) == 32);
static_assert(std::is_trivially_copyable_v<PartialHead> && sizeof(PartialHead) == 96);

template <class Head>
std::uint32_t own_checksum(const Head& head) {
  return checksum(0, &head, offsetof(Head, own));
}

std::size_t count_of(const Checkpoint::Values& values) {
  std::size_t count = 0;
  for (const auto& each : values) count += each.size();
  return count;
}

std::uint32_t checksum_of(const Checkpoint::Values& values) {
  std::uint32_t crc = 0;
  for (const auto& each : values) crc = checksum(crc, each.data(), each.size_bytes());
  return crc;
}

[[noreturn]] void fail(const std::string& path, std::string_view reason) {
  throw IoError(fmt::format("{}: {}", path, reason));
}

[[noreturn]] void cannot(const std::string& path, const char* what, int error) {
  fail(path, fmt::format("cannot be {}: {}", what, std::generic_category().message(error)));
}

// Reads so many bytes, or fewer at the end of the file. Throws std::system_error.
std::size_t read_at(int file, std::int64_t offset, void* data, std::size_t size) {
  auto* to = static_cast<char*>(data);
  std::size_t done = 0;
  while (done < size) {
    const ::ssize_t got = ::pread(file, to + done, size - done, offset + static_cast<std::int64_t>(done));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) throw std::system_error(errno, std::generic_category());
    if (got == 0) break;
    done += static_cast<std::size_t>(got);
  }
  return done;
}

void write_at(int file, std::int64_t offset, const void* data, std::size_t size) {
  const auto* from = static_cast<const char*>(data);
  while (size > 0) {
    const ::ssize_t sent = ::pwrite(file, from, size, offset);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0) throw std::system_error(errno, std::generic_category());
    from += sent;
    offset += sent;
    size -= static_cast<std::size_t>(sent);
  }
}

void write_values(int file, std::int64_t offset, const Checkpoint::Values& values) {
  for (const auto& each : values) {
    write_at(file, offset, each.data(), each.size_bytes());
    offset += static_cast<std::int64_t>(each.size_bytes());
  }
}

// Whether the numbers of an entry have the checksum that its head says.
bool content_is(int file, std::int64_t offset, std::uint64_t numbers, std::uint32_t expected) {
  std::vector<char> buffer(std::min<std::uint64_t>(buffer_size, numbers * sizeof(double)));
  std::uint32_t crc = 0;
  for (std::uint64_t left = numbers * sizeof(double); left > 0;) {
    const std::size_t size = std::min<std::uint64_t>(left, buffer.size());
    if (read_at(file, offset, buffer.data(), size) != size) return false;
    crc = checksum(crc, buffer.data(), size);
    offset += static_cast<std::int64_t>(size);
    left -= size;
  }
  return crc == expected;
}

std::int64_t size_of(int file, const std::string& path) {
  struct stat status = {};
  if (::fstat(file, &status) != 0) cannot(path, "read", errno);
  if (!S_ISREG(status.st_mode)) fail(path, "cannot be written: it is not a regular file");
  return status.st_size;
}

template <class Number>
void append(std::string& bytes, Number number) {
  bytes.append(reinterpret_cast<const char*>(&number), sizeof number);
}

std::string text_of(const Provenance& of) {
  std::string text;
  for (const auto& [name, value] : of) {
    for (const std::string& each : {name, value}) {
      append(text, static_cast<std::uint64_t>(each.size()));
      text += each;
    }
  }
  return text;
}

// Of a text whose checksum is right, so that it is one of ours.
Provenance provenance_in(std::string_view text) {
  std::vector<std::string> parts;
  while (text.size() >= sizeof(std::uint64_t)) {
    std::uint64_t size = 0;
    std::memcpy(&size, text.data(), sizeof size);
    text.remove_prefix(sizeof size);
    parts.emplace_back(text.substr(0, size));
    text.remove_prefix(std::min<std::uint64_t>(size, text.size()));
  }
  Provenance of;
  for (std::size_t i = 0; i + 1 < parts.size(); i += 2) of.emplace_back(parts[i], parts[i + 1]);
  return of;
}

std::string difference(const Provenance& there, const Provenance& here) {
  const auto value_in = [](const Provenance& of, const std::string& name) -> std::string {
    for (const auto& [each, value] : of)
      if (each == name) return value;
    return "not given";
  };
  for (const auto* all : {&here, &there})
    for (const auto& [name, value] : *all)
      if (value_in(there, name) != value_in(here, name))
        return fmt::format("its {} is {} and here it is {}", name, value_in(there, name), value_in(here, name));
  return "what it is of is told in another order";
}

}  // namespace

struct Checkpoint::State {
  struct Entry {
    std::int64_t offset;  // of its head
    std::uint64_t numbers;
    std::uint32_t content;
  };
  struct Appended {
    std::uint64_t number;  // of those before it, taken back or not
    std::int64_t offset;
    std::thread::id by;
    std::uint64_t key;
  };
  // How many had been appended when a thread began to compute something. Not where the log ended: others may take back
  // what was the end then.
  struct Mark {
    std::uint64_t number;
    std::thread::id by;
  };

  std::string path;
  std::string partial_path;
  CheckpointOptions options;
  std::string header;
  std::uint32_t provenance_checksum = 0;
  Found found;
  std::atomic<Index> taken = 0;

  mutable std::mutex mutex;  // over what follows
  FileDescriptor log;
  std::int64_t end = 0;  // of the good records
  std::unordered_map<std::uint64_t, Entry> entries;
  std::vector<Appended> appended;     // by this process, as they lie in the log
  std::uint64_t appended_number = 0;  // with those taken back
  FileDescriptor partial;             // open if there are partial sums
  PartialHead partial_head;
  double bytes_per_second = 2e8;  // of writing, as found last
  double partial_cost = 0;        // seconds that saving partial sums took last
  Clock::time_point synced = Clock::now();
  bool warned = false;
  bool completed = false;

  State(std::string file, const Provenance& of, CheckpointOptions how)
      : path(std::move(file)), partial_path(path + ".partial"), options(std::move(how)) {
    if (!(options.seconds >= 0 && std::isfinite(options.seconds)))
      throw InvalidArgument(
          fmt::format("checkpoint: {} seconds between savings given, expected at least 0", options.seconds));
    const std::string text = text_of(of);
    provenance_checksum = checksum(0, text.data(), text.size());
    header = log_magic;
    append(header, static_cast<std::uint64_t>(text.size()));
    header += text;
    append(header, checksum(0, header.data(), header.size()));
    try {
      open();
      const std::int64_t size = size_of(log.get(), path);
      if (!begins(size, of)) write_header();
      read_records(size);
      open_partial();
    } catch (const std::system_error& error) {
      fail(path, fmt::format("cannot be read: {}", error.code().message()));
    }
  }

  // The lock is on the file, not on its name: whoever held it may have removed the file meanwhile.
  void open() {
    for (int attempt = 0; attempt < 100; ++attempt) {
      log = FileDescriptor(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOCTTY, 0666));
      if (!log.open()) cannot(path, "written", errno);
      if (::flock(log.get(), LOCK_EX | LOCK_NB) != 0) {
        if (errno == EWOULDBLOCK)
          fail(path, "another run is using this checkpoint; wait for its end, or name another file");
        cannot(path, "locked", errno);
      }
      struct stat held = {};
      struct stat named = {};
      if (::fstat(log.get(), &held) == 0 && ::stat(path.c_str(), &named) == 0 && held.st_ino == named.st_ino &&
          held.st_dev == named.st_dev)
        return;
    }
    fail(path, "is created and removed by others all the time; name another file");
  }

  // Whether a whole header of this provenance is there; false where it has yet to be written. Refuses all else.
  bool begins(std::int64_t size, const Provenance& of) const {
    std::string found_bytes(std::min<std::uint64_t>(static_cast<std::uint64_t>(size), header.size()), '\0');
    found_bytes.resize(read_at(log.get(), 0, found_bytes.data(), found_bytes.size()));
    if (found_bytes == header) return true;
    // Nothing yet, or a process was killed while it wrote the header.
    if (found_bytes.size() < header.size() && header.starts_with(found_bytes)) return false;
    if (!std::string_view(found_bytes).starts_with(log_magic))
      fail(path, "is no checkpoint that this version can read, and is left as it is; name another file");
    constexpr std::size_t before_text = log_magic.size() + sizeof(std::uint64_t);
    std::uint64_t length = 0;
    std::string all;
    if (found_bytes.size() >= before_text) {
      std::memcpy(&length, found_bytes.data() + log_magic.size(), sizeof length);
      all.resize(std::min<std::uint64_t>(length, most_provenance) + before_text + sizeof(std::uint32_t));
      all.resize(read_at(log.get(), 0, all.data(), all.size()));
    }
    std::uint32_t expected = 0;
    const bool whole = all.size() == length + before_text + sizeof expected;
    if (whole) std::memcpy(&expected, all.data() + before_text + length, sizeof expected);
    if (!whole || checksum(0, all.data(), before_text + length) != expected)
      fail(path, "the beginning of this checkpoint is damaged; remove it, or name another file");
    fail(path, fmt::format("is the checkpoint of another fit: {}; remove it, or name another file",
                           difference(provenance_in(std::string_view(all).substr(before_text, length)), of)));
  }

  void write_header() {
    try {
      write_at(log.get(), 0, header.data(), header.size());
      if (::fdatasync(log.get()) != 0) throw std::system_error(errno, std::generic_category());
    } catch (const std::system_error& error) {
      if (::ftruncate(log.get(), 0) == 0) ::unlink(path.c_str());
      fail(path, fmt::format("cannot be written: {}", error.code().message()));
    }
  }

  void read_records(std::int64_t size) {
    end = static_cast<std::int64_t>(header.size());
    RecordHead head;
    while (size - end >= static_cast<std::int64_t>(sizeof head)) {
      const std::int64_t content = end + static_cast<std::int64_t>(sizeof head);
      if (read_at(log.get(), end, &head, sizeof head) != sizeof head || head.magic != record_magic ||
          head.own != own_checksum(head))
        break;
      if (head.numbers > static_cast<std::uint64_t>(size - content) / sizeof(double) ||
          !content_is(log.get(), content, head.numbers, head.content))
        break;
      entries[head.key] = {end, head.numbers, head.content};
      end = content + static_cast<std::int64_t>(head.numbers * sizeof(double));
    }
    if (end < size && ::ftruncate(log.get(), end) != 0) cannot(path, "written", errno);
    found.results = static_cast<Index>(entries.size());
    found.bytes = found.results > 0 ? static_cast<double>(end) : 0;
  }

  // The file, if it is there, and its head as far as it goes. Refuses what somebody else has put where partial sums
  // will be written.
  [[nodiscard]] static std::pair<FileDescriptor, std::size_t> opened(const std::string& name, PartialHead& head) {
    FileDescriptor file(::open(name.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK | O_NOFOLLOW));
    if (!file.open() && errno == ENOENT) return {FileDescriptor(), 0};
    if (!file.open()) cannot(name, "read", errno);
    (void)size_of(file.get(), name);
    const std::size_t got = read_at(file.get(), 0, &head, sizeof head);
    if (std::memcmp(&head.magic, &partial_magic, std::min(got, sizeof partial_magic)) != 0)
      fail(name, "is in the way of a checkpoint's partial sums, and is none; remove it, or name another checkpoint");
    return {std::move(file), got};
  }

  void open_partial() {
    PartialHead head;
    // Of a process that was killed while it saved.
    if (opened(temporary(), head).first.open()) ::unlink(temporary().c_str());
    std::size_t got = 0;
    std::tie(partial, got) = opened(partial_path, head);
    if (!partial.open()) return;
    const auto size = static_cast<std::uint64_t>(size_of(partial.get(), partial_path));
    const bool good = got == sizeof head && head.own == own_checksum(head) && head.of == provenance_checksum &&
                      head.numbers == (size - sizeof head) / sizeof(double) && head.done > 0 &&
                      head.done < head.blocks && !entries.contains(head.key) &&
                      content_is(partial.get(), sizeof head, head.numbers, head.content);
    if (!good) {
      partial = FileDescriptor();
      return;
    }
    partial_head = head;
    found.part = static_cast<double>(head.done) / static_cast<double>(head.blocks);
    found.partial_stage.assign(head.stage.data(), ::strnlen(head.stage.data(), head.stage.size()));
    found.bytes += static_cast<double>(size);
  }

  [[nodiscard]] std::string temporary() const { return partial_path + ".tmp"; }

  // ---- under the mutex ----

  [[nodiscard]] double writing(std::size_t numbers) const {
    return per_write + static_cast<double>(numbers * sizeof(double)) / bytes_per_second;
  }

  void wrote(std::size_t numbers, double seconds) {
    const double bytes = static_cast<double>(numbers * sizeof(double));
    if (bytes > 0x1p16) bytes_per_second = std::clamp(bytes / std::max(1e-9, seconds), 1e6, 2e9);
  }

  void sync(int file) {
    if (seconds_since(synced) < between_syncs) return;
    if (::fdatasync(file) != 0) throw std::system_error(errno, std::generic_category());
    synced = Clock::now();
  }

  void warn(const std::string& reason) {
    if (warned) return;
    warned = true;
    if (options.warn)
      options.warn(fmt::format(
          "{}: cannot be written: {}; the fit goes on, and what is not saved must be computed again if it is stopped",
          path, reason));
  }

  void read_back(const FileDescriptor& file, std::int64_t offset, const Values& values, std::uint32_t expected) {
    try {
      for (const auto& each : values) {
        if (read_at(file.get(), offset, each.data(), each.size_bytes()) != each.size_bytes())
          fail(path, "was cut while it was in use");
        offset += static_cast<std::int64_t>(each.size_bytes());
      }
    } catch (const std::system_error& error) {
      fail(path, fmt::format("cannot be read: {}", error.code().message()));
    }
    if (checksum_of(values) != expected) fail(path, "was changed while it was in use");
    ++taken;
  }

  void remove_partial() {
    partial = FileDescriptor();
    ::unlink(partial_path.c_str());
  }

  // Takes back what this thread, and no other, has appended since it began.
  void rewind(const Mark& mark) {
    const auto first = std::find_if(appended.begin(), appended.end(),
                                    [&](const Appended& each) { return each.number >= mark.number; });
    if (first == appended.end()) return;
    if (!std::all_of(first, appended.end(), [&](const Appended& each) { return each.by == mark.by; })) return;
    end = first->offset;
    for (auto each = first; each != appended.end(); ++each) entries.erase(each->key);
    appended.erase(first, appended.end());
  }

  void record(std::uint64_t key, const Values& values, double seconds, const Mark* since) {
    const std::scoped_lock lock(mutex);
    const std::size_t numbers = count_of(values);
    if (options.seconds > 0 && seconds < worth * writing(numbers)) return;
    if (const auto known = entries.find(key); known != entries.end() && known->second.numbers == numbers) return;
    if (since != nullptr) rewind(*since);
    RecordHead head;
    head.key = key;
    head.numbers = numbers;
    head.content = checksum_of(values);
    head.own = own_checksum(head);
    const Clock::time_point start = Clock::now();
    try {
      const std::int64_t content = end + static_cast<std::int64_t>(sizeof head);
      write_at(log.get(), end, &head, sizeof head);
      write_values(log.get(), content, values);
      const std::int64_t after = content + static_cast<std::int64_t>(numbers * sizeof(double));
      // What was taken back may have been longer.
      if (::ftruncate(log.get(), after) != 0) throw std::system_error(errno, std::generic_category());
      entries[key] = {end, numbers, head.content};
      appended.push_back({appended_number++, end, std::this_thread::get_id(), key});
      end = after;
      sync(log.get());
    } catch (const std::system_error& error) {
      // Where this fails too, a bad record stays, which counts as none.
      [[maybe_unused]] const int failed = ::ftruncate(log.get(), end);
      warn(error.code().message());
      return;
    }
    wrote(numbers, seconds_since(start));
    if (partial.open() && partial_head.key == key) remove_partial();
  }

  void save_partial(std::uint64_t key, const Values& values, std::string_view stage, Index blocks,
                    const Partial& saved) {
    const std::scoped_lock lock(mutex);
    PartialHead head;
    head.key = key;
    head.numbers = count_of(values);
    head.done = saved.done;
    head.blocks = blocks;
    head.seconds = saved.seconds;
    stage.copy(head.stage.data(), head.stage.size());
    head.of = provenance_checksum;
    head.content = checksum_of(values);
    head.own = own_checksum(head);
    const Clock::time_point start = Clock::now();
    FileDescriptor file(::open(temporary().c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0666));
    try {
      if (!file.open()) throw std::system_error(errno, std::generic_category());
      write_at(file.get(), 0, &head, sizeof head);
      write_values(file.get(), sizeof head, values);
      sync(file.get());
      if (std::rename(temporary().c_str(), partial_path.c_str()) != 0)
        throw std::system_error(errno, std::generic_category());
      partial = std::move(file);
      partial_head = head;
    } catch (const std::system_error& error) {
      if (file.open()) ::unlink(temporary().c_str());
      warn(error.code().message());
    }
    partial_cost = seconds_since(start);
    wrote(head.numbers, partial_cost);
  }
};

Checkpoint::Checkpoint(std::string path, const Provenance& of, CheckpointOptions options)
    : state_(std::make_unique<State>(std::move(path), of, std::move(options))) {}

Checkpoint::~Checkpoint() {
  if (!state_->completed && empty()) ::unlink(state_->path.c_str());
}

const std::string& Checkpoint::path() const { return state_->path; }
const Checkpoint::Found& Checkpoint::found() const { return state_->found; }
Index Checkpoint::taken() const { return state_->taken; }

bool Checkpoint::empty() const {
  const std::scoped_lock lock(state_->mutex);
  return state_->entries.empty() && !state_->partial.open();
}

Matrix Checkpoint::remembered(std::uint64_t key, Index rows, Index cols, const std::function<Matrix()>& compute) {
  Matrix result(rows, cols);
  const auto values = [&result]() -> Values { return {{result.data(), static_cast<std::size_t>(result.size())}}; };
  if (recall(key, values())) return result;
  State::Mark mark{};
  {
    const std::scoped_lock lock(state_->mutex);
    mark = {state_->appended_number, std::this_thread::get_id()};
  }
  const Clock::time_point start = Clock::now();
  result = compute();
  state_->record(key, values(), seconds_since(start), &mark);
  return result;
}

bool Checkpoint::recall(std::uint64_t key, const Values& values) {
  const std::scoped_lock lock(state_->mutex);
  const auto found = state_->entries.find(key);
  if (found == state_->entries.end() || found->second.numbers != count_of(values)) return false;
  const State::Entry& entry = found->second;
  state_->read_back(state_->log, entry.offset + static_cast<std::int64_t>(sizeof(RecordHead)), values, entry.content);
  return true;
}

void Checkpoint::record(std::uint64_t key, const Values& values, double seconds) {
  state_->record(key, values, seconds, nullptr);
}

std::optional<Checkpoint::Partial> Checkpoint::recall_partial(std::uint64_t key, const Values& values) {
  const std::scoped_lock lock(state_->mutex);
  const PartialHead& head = state_->partial_head;
  if (!state_->partial.open() || head.key != key || head.numbers != count_of(values)) return std::nullopt;
  state_->read_back(state_->partial, sizeof head, values, head.content);
  return Partial{head.done, head.seconds};
}

void Checkpoint::save_partial(std::uint64_t key, const Values& values, std::string_view stage, Index blocks,
                              const Partial& partial) {
  state_->save_partial(key, values, stage, blocks, partial);
}

bool Checkpoint::due(Index numbers, double seconds) const {
  const double wanted = state_->options.seconds;
  if (wanted == 0) return true;
  if (seconds < wanted) return false;
  const std::scoped_lock lock(state_->mutex);
  return seconds >= worth * std::max(state_->partial_cost, state_->writing(static_cast<std::size_t>(numbers)));
}

void Checkpoint::complete() {
  const std::scoped_lock lock(state_->mutex);
  state_->remove_partial();
  if (::unlink(state_->path.c_str()) != 0 && errno != ENOENT && state_->options.warn)
    state_->options.warn(fmt::format("{}: cannot be removed: {}; it is no longer needed", state_->path,
                                     std::generic_category().message(errno)));
  state_->completed = true;
}

}  // namespace sextant
