// The tables as a SQLite database; the only door to libsqlite3.  Licence: Apache-2.0.
#include <sqlite3.h>

#include "experiments/runs/export_tables.h"
#include "framework/core/error.h"

namespace specula {
namespace {

class Database {
 public:
  explicit Database(const std::string& file) : file_(file) {
    const int code = ::sqlite3_open_v2(file.c_str(), &handle_, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, nullptr);
    if (code == SQLITE_OK) return;
    const std::string what = ::sqlite3_errstr(code);
    ::sqlite3_close(handle_);
    throw Error(cat(file, ": cannot create the database: ", what));
  }
  ~Database() { ::sqlite3_close(handle_); }
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  void execute(const std::string& sql) { check(::sqlite3_exec(handle_, sql.c_str(), nullptr, nullptr, nullptr)); }

  void check(int code) const {
    if (code != SQLITE_OK && code != SQLITE_DONE) throw Error(cat(file_, ": ", ::sqlite3_errmsg(handle_)));
  }
  sqlite3* handle() const { return handle_; }

 private:
  std::string file_;
  sqlite3* handle_ = nullptr;
};

class Insert {
 public:
  Insert(Database& database, const std::string& sql) : database_(database) {
    database.check(::sqlite3_prepare_v2(database.handle(), sql.c_str(), -1, &statement_, nullptr));
  }
  ~Insert() { ::sqlite3_finalize(statement_); }
  Insert(const Insert&) = delete;
  Insert& operator=(const Insert&) = delete;

  void row(const std::vector<Field>& fields) {
    for (size_t c = 0; c < fields.size(); ++c) database_.check(bind(static_cast<int>(c) + 1, fields[c]));
    database_.check(::sqlite3_step(statement_));
    database_.check(::sqlite3_reset(statement_));
  }

 private:
  int bind(int at, const Field& field) {
    if (const auto* i = std::get_if<int64_t>(&field)) return ::sqlite3_bind_int64(statement_, at, *i);
    if (const auto* d = std::get_if<double>(&field)) return ::sqlite3_bind_double(statement_, at, *d);
    if (const auto* text = std::get_if<std::string>(&field))
      return ::sqlite3_bind_text(statement_, at, text->data(), static_cast<int>(text->size()), SQLITE_TRANSIENT);
    return ::sqlite3_bind_null(statement_, at);
  }

  Database& database_;
  sqlite3_stmt* statement_ = nullptr;
};

std::string name_text(const std::string& name) {
  std::string text = "\"";
  for (const char c : name) text += c == '"' ? std::string("\"\"") : std::string(1, c);
  return text + "\"";
}

// A text among numbers makes the column TEXT, a fraction among whole numbers REAL.
const char* type_of(const Table& table, size_t column) {
  const char* type = "INTEGER";
  for (const std::vector<Field>& row : table.rows) {
    if (std::holds_alternative<std::string>(row[column])) return "TEXT";
    if (std::holds_alternative<double>(row[column])) type = "REAL";
  }
  return type;
}

void write_table(Database& database, const Table& table) {
  std::vector<std::string> columns, marks;
  for (size_t c = 0; c < table.columns.size(); ++c) {
    columns.push_back(cat(name_text(table.columns[c]), " ", type_of(table, c)));
    marks.emplace_back("?");
  }
  if (columns.empty()) return;  // no record yet
  database.execute(cat("CREATE TABLE ", name_text(table.name), " (", join(columns), ")"));
  Insert insert(database, cat("INSERT INTO ", name_text(table.name), " VALUES (", join(marks), ")"));
  for (const std::vector<Field>& row : table.rows) insert.row(row);
}

}  // namespace

void write_sqlite(const std::vector<Table>& tables, const std::filesystem::path& file) {
  if (std::filesystem::exists(file))
    throw ConfigError(cat("--out ", file.string(), ": exists already; expected a new file"));
  Database database(file.string());
  database.execute("BEGIN");
  for (const Table& table : tables) write_table(database, table);
  database.execute("COMMIT");
}

}  // namespace specula
