#include <algorithm>
#include <cmath>
#include <sstream>

#include "experiments/bench/result.h"
#include "experiments/run/environment.h"
#include "experiments/stream.h"
#include "framework/core/error.h"

namespace specula {
namespace {

using Line = std::vector<std::string>;

std::string number(double value) {
  if (!std::isfinite(value)) return "-";
  std::ostringstream out;
  const double size = std::abs(value);
  out.setf(std::ios::fixed);
  out.precision(size >= 1000 ? 0 : size >= 100 ? 1 : size >= 10 ? 2 : 3);
  out << value;
  return out.str();
}

std::string text_of(const BenchKey& key) {
  if (const auto* text = std::get_if<std::string>(&key)) return *text;
  if (const auto* whole = std::get_if<int64_t>(&key)) return cat(*whole);
  return cat(std::get<double>(key));
}

std::string text_of(const Figure& f) {
  if (!f.spread) return number(f.median);
  return cat(number(f.median), " (", number(f.low), "-", number(f.high), ")");
}

Line head_of(const BenchRow& row) {
  Line line;
  for (const auto& [name, key] : row.keys) line.push_back(name);
  for (const Figure& f : row.figures) line.push_back(f.name);
  return line;
}

Line line_of(const BenchRow& row) {
  Line line;
  for (const auto& [name, key] : row.keys) line.push_back(text_of(key));
  for (const Figure& f : row.figures) line.push_back(text_of(f));
  return line;
}

std::string aligned(const std::vector<Line>& lines) {
  std::vector<size_t> widths(lines.front().size(), 0);
  for (const Line& line : lines) {
    for (size_t i = 0; i < line.size(); ++i) widths[i] = std::max(widths[i], line[i].size());
  }
  std::string out;
  for (const Line& line : lines) {
    for (size_t i = 0; i < line.size(); ++i)
      out += cat(i == 0 ? "" : "  ", std::string(widths[i] - line[i].size(), ' '), line[i]);
    out += "\n";
  }
  return out;
}

// Rows of another kind begin a table of their own.
std::string table(const std::vector<BenchRow>& rows) {
  std::string out;
  std::vector<Line> lines;
  for (const BenchRow& row : rows) {
    const Line head = head_of(row);
    if (!lines.empty() && lines.front() != head) {
      out += aligned(lines) + "\n";
      lines.clear();
    }
    if (lines.empty()) lines.push_back(head);
    lines.push_back(line_of(row));
  }
  return lines.empty() ? out : out + aligned(lines);
}

std::string to_text(const BenchComparison& comparison) {
  std::string out = cat("\nhere over ", comparison.file, ", nothing scaled; stream ", number(comparison.stream_here),
                        " GB/s here, ", number(comparison.stream_there), " there\n");
  for (const std::string& warning : comparison.warnings) out += "warning: " + warning + "\n";
  return out + table(comparison.rows);
}

}  // namespace

std::string to_text(const BenchResult& r, const BenchComparison* comparison) {
  const auto [least, most] = std::minmax_element(r.streams.begin(), r.streams.end());
  std::string out =
      cat(cpu_model(), ", ", r.threads, " threads, commit ", build_name(), ", load average ", number(r.load_average),
          "\nstream ", number(median(r.streams)), " GB/s (", number(*least), " to ", number(*most), ")\n");
  for (const BenchModel& m : r.models) {
    out += cat(m.role, " ", m.path, ": ", m.dtype, " on ", m.device, ", ", m.engine, "; ",
               number(double(m.weight_bytes) / 1e6), " MB read a pass, ", m.kv_bytes_per_slot,
               " bytes of cache a token\n");
  }
  out += "median (quartiles)\n\n" + table(r.rows);
  for (const std::string& warning : read_environment(r.threads).warnings) out += "warning: " + warning + "\n";
  return comparison == nullptr ? out : out + to_text(*comparison);
}

}  // namespace specula
