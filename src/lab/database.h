// SQLite as the lab uses it: one file, statements with bound values, transactions; failures as exceptions that say what
// to do. Private to the lab.
#pragma once

#include <sqlite3.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

namespace sextant {

class Database;

// A prepared statement, run once or row by row. Columns and parameters count from 0 and 1, as SQLite does.
class Statement {
 public:
  Statement(const Database& database, const std::string& sql);

  Statement& bind(int parameter, const std::string& value);
  Statement& bind(int parameter, std::int64_t value);
  Statement& bind(int parameter, double value);
  Statement& bind(int parameter, const std::optional<double>& value);

  // Goes to the next row; false when there is none.
  [[nodiscard]] bool step();
  // Runs a statement that has no rows.
  void run();

  [[nodiscard]] std::string text(int column) const;
  [[nodiscard]] std::int64_t whole(int column) const;
  [[nodiscard]] double number(int column) const;
  [[nodiscard]] std::optional<double> optional_number(int column) const;

 private:
  void check(int code) const;

  struct Finalize {
    void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
  };
  const Database& database_;
  std::unique_ptr<sqlite3_stmt, Finalize> statement_;
};

class Database {
 public:
  enum class Access { read, write, create };
  // `path` is also what messages call it. Reading also works in a folder that cannot be written.
  Database(std::string path, Access access);

  // Several statements without parameters and results.
  void execute(const std::string& sql) const;
  // Throws the exception for SQLite's result `code`: IoError, or DataError for a damaged file.
  [[noreturn]] void fail(int code) const;
  // Rows changed by the last statement.
  [[nodiscard]] std::int64_t changes() const { return sqlite3_changes(handle_.get()); }
  [[nodiscard]] std::int64_t last_row() const { return sqlite3_last_insert_rowid(handle_.get()); }
  [[nodiscard]] sqlite3* handle() const { return handle_.get(); }
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  struct Close {
    void operator()(sqlite3* database) const { sqlite3_close_v2(database); }
  };
  std::string path_;
  std::unique_ptr<sqlite3, Close> handle_;
};

// A transaction that writes: begun at once, undone unless committed.
class Transaction {
 public:
  explicit Transaction(const Database& database);
  ~Transaction();
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;
  void commit();

 private:
  const Database& database_;
  bool open_ = true;
};

}  // namespace sextant
