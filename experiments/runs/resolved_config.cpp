#include "experiments/runs/resolved_config.h"

#include <cstdio>
#include <sstream>
#include <vector>

#include "experiments/config/toml.h"
#include "framework/core/files.h"

namespace specula {
namespace {

// Every scalar and every array stands on a line of its own, with the comment at its end.
void restore_origins(Value& value, const std::string& name, const std::vector<std::string>& lines) {
  if (value.is_table()) {
    for (Entry& entry : value.table()) restore_origins(entry.value, name, lines);
    return;
  }
  size_t line = 0;
  if (!value.origin.starts_with(name) || std::sscanf(value.origin.c_str() + name.size(), ":%zu:", &line) != 1) return;
  const std::string text = line >= 1 && line <= lines.size() ? lines[line - 1] : "";
  const size_t at = text.rfind("  # ");
  if (at != std::string::npos) value.origin = text.substr(at + 4);
  if (!value.is_array()) return;
  for (Value& element : value.array()) {
    if (element.is_table()) restore_origins(element, name, lines);
  }
}

}  // namespace

Value read_resolved_config(const std::filesystem::path& run_folder) {
  const std::filesystem::path file = run_folder / "config.resolved.toml";
  const std::string text = read_file(file);
  Value tree = parse_toml(text, file.string());
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  restore_origins(tree, file.string(), lines);
  return tree;
}

}  // namespace specula
