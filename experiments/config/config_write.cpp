// The resolved tree as TOML with the origin of every value in a comment.  Licence: Apache-2.0.
#include <cctype>

#include "experiments/config/config.h"

namespace specula {
namespace {

std::string key_text(const std::string& key) {
  for (const char c : key) {
    if (std::isalnum(static_cast<unsigned char>(c)) == 0 && c != '_' && c != '-') return quoted(key);
  }
  return key.empty() ? quoted(key) : key;
}

// A comment ends with its line, whatever a flag held.
std::string comment(const std::string& origin) {
  std::string text = origin;
  for (char& c : text) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = ' ';
  }
  return text;
}

bool is_list_of_tables(const Value& value) {
  return value.is_array() && !value.array().empty() && value.array().front().is_table();
}

// Scalars first: after a [header] everything belongs to it.
void write_table(const std::string& path, const Value& table, std::string& out) {
  for (const Entry& entry : table.table()) {
    if (entry.value.is_table() || is_list_of_tables(entry.value)) continue;
    out += cat(key_text(entry.key), " = ", to_text(entry.value), "  # ", comment(entry.value.origin), "\n");
  }
  for (const Entry& entry : table.table()) {
    const std::string below = path.empty() ? key_text(entry.key) : cat(path, ".", key_text(entry.key));
    if (entry.value.is_table()) {
      out += cat(path.empty() ? "\n" : "", "[", below, "]\n");
      write_table(below, entry.value, out);
    } else if (is_list_of_tables(entry.value)) {
      for (const Value& element : entry.value.array()) {
        out += cat("\n[[", below, "]]\n");
        write_table(below, element, out);
      }
    }
  }
}

}  // namespace

std::string resolved_toml(const ExperimentConfig& config) {
  std::string out = cat(
      "# Every key of the configuration, default or not, and where its value came from; runs as it is.\n# cfg_hash ",
      config.cfg_hash, "\n");
  write_table("", config.resolved, out);
  return out;
}

}  // namespace specula
