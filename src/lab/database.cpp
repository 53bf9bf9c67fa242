#include "lab/database.h"

#include <fmt/core.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <utility>

#include "sextant/error.h"

namespace sextant {
namespace {

// A path as SQLite's URI, for options that only a URI can carry.
std::string uri_of(const std::string& path, const char* options) {
  std::string uri = "file:";
  for (const char c : std::filesystem::absolute(path).string()) {
    if (c == '%' || c == '?' || c == '#')
      uri += fmt::format("%{:02X}", static_cast<unsigned>(static_cast<unsigned char>(c)));
    else
      uri += c;
  }
  return uri + options;
}

}  // namespace

// ---- Statement ----

Statement::Statement(const Database& database, const std::string& sql) : database_(database) {
  sqlite3_stmt* statement = nullptr;
  check(sqlite3_prepare_v2(database.handle(), sql.c_str(), static_cast<int>(sql.size()), &statement, nullptr));
  statement_.reset(statement);
}

void Statement::check(int code) const {
  if (code != SQLITE_OK) database_.fail(code);
}

Statement& Statement::bind(int parameter, const std::string& value) {
  check(sqlite3_bind_text64(statement_.get(), parameter, value.data(), value.size(), SQLITE_TRANSIENT, SQLITE_UTF8));
  return *this;
}

Statement& Statement::bind(int parameter, std::int64_t value) {
  check(sqlite3_bind_int64(statement_.get(), parameter, value));
  return *this;
}

Statement& Statement::bind(int parameter, double value) {
  check(sqlite3_bind_double(statement_.get(), parameter, value));
  return *this;
}

Statement& Statement::bind(int parameter, const std::optional<double>& value) {
  if (value) return bind(parameter, *value);
  check(sqlite3_bind_null(statement_.get(), parameter));
  return *this;
}

bool Statement::step() {
  const int code = sqlite3_step(statement_.get());
  if (code == SQLITE_ROW) return true;
  if (code != SQLITE_DONE) database_.fail(code);
  return false;
}

void Statement::run() {
  while (step()) {
  }
}

std::string Statement::text(int column) const {
  const unsigned char* bytes = sqlite3_column_text(statement_.get(), column);
  if (bytes == nullptr) return {};
  return {reinterpret_cast<const char*>(bytes),
          static_cast<std::size_t>(sqlite3_column_bytes(statement_.get(), column))};
}

std::int64_t Statement::whole(int column) const { return sqlite3_column_int64(statement_.get(), column); }
double Statement::number(int column) const { return sqlite3_column_double(statement_.get(), column); }

std::optional<double> Statement::optional_number(int column) const {
  if (sqlite3_column_type(statement_.get(), column) == SQLITE_NULL) return {};
  return number(column);
}

// ---- Database ----

Database::Database(std::string path, Access access) : path_(std::move(path)) {
  const auto open = [this](const std::string& name, int flags) {
    sqlite3* handle = nullptr;
    const int code = sqlite3_open_v2(name.c_str(), &handle, flags | SQLITE_OPEN_FULLMUTEX, nullptr);
    handle_.reset(handle);
    if (code != SQLITE_OK) return code;
    sqlite3_busy_timeout(handle, 60'000);
    // Opening reads nothing yet; this does.
    return sqlite3_exec(handle, "SELECT count(*) FROM sqlite_master", nullptr, nullptr, nullptr);
  };
  int code = SQLITE_OK;
  if (access == Access::read) {
    code = open(path_, SQLITE_OPEN_READONLY);
    // In a folder that cannot be written SQLite cannot make the shared memory of WAL mode. Without a WAL nobody else
    // can be writing, and the file alone is complete.
    if ((code == SQLITE_CANTOPEN || code == SQLITE_READONLY) && !std::filesystem::exists(path_ + "-wal"))
      code = open(uri_of(path_, "?immutable=1"), SQLITE_OPEN_READONLY | SQLITE_OPEN_URI);
  } else {
    code = open(path_, SQLITE_OPEN_READWRITE | (access == Access::create ? SQLITE_OPEN_CREATE : 0));
  }
  if (code != SQLITE_OK) fail(code);
}

void Database::fail(int code) const {
  switch (code & 0xff) {
    case SQLITE_CORRUPT:
      throw DataError(fmt::format("{}: is damaged: {}; move it away to start again, or put a copy in its place", path_,
                                  sqlite3_errmsg(handle_.get())));
    case SQLITE_NOTADB:
      throw DataError(fmt::format("{}: is no database of results; move it away, or use another folder", path_));
    case SQLITE_FULL:
      throw IoError(
          fmt::format("{}: cannot be written: the disk is full; finished runs are kept, so free space and run "
                      "the same command again",
                      path_));
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_CANTOPEN:
      throw IoError(fmt::format("{}: cannot be opened or written: {}", path_, sqlite3_errmsg(handle_.get())));
    case SQLITE_BUSY:
      throw IoError(
          fmt::format("{}: another process has kept it locked for a minute; run the same command again", path_));
    case SQLITE_IOERR: {
      const int error = sqlite3_system_errno(handle_.get());
      throw IoError(fmt::format("{}: cannot be read or written: {}; finished runs are kept", path_,
                                error != 0 ? std::strerror(error) : sqlite3_errmsg(handle_.get())));
    }
    case SQLITE_NOMEM:
      throw std::bad_alloc();
    default:
      throw IoError(fmt::format("{}: {}", path_, sqlite3_errmsg(handle_.get())));
  }
}

void Database::execute(const std::string& sql) const {
  const int code = sqlite3_exec(handle_.get(), sql.c_str(), nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) fail(code);
}

// ---- Transaction ----

Transaction::Transaction(const Database& database) : database_(database) { database.execute("BEGIN IMMEDIATE"); }

Transaction::~Transaction() {
  // A failed statement may have undone it already, and then this fails: nothing is lost by that.
  if (open_) sqlite3_exec(database_.handle(), "ROLLBACK", nullptr, nullptr, nullptr);
}

void Transaction::commit() {
  database_.execute("COMMIT");
  open_ = false;
}

}  // namespace sextant
