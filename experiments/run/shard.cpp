#include "experiments/run/shard.h"

#include <charconv>
#include <cstdint>
#include <cstdio>

#include "framework/core/error.h"
#include "framework/core/files.h"

namespace specula {
namespace {

bool read_number(std::string_view text, int& number) {
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), number);
  return code == std::errc() && end == text.data() + text.size() && !text.empty();
}

}  // namespace

bool Shard::has(const std::string& prompt) const { return shard_of(prompt, count) == index; }

std::string Shard::text() const { return cat(index, "/", count); }

std::string Shard::name() const {
  char text[32];
  std::snprintf(text, sizeof text, "s%03d-of-%03d", index, count);
  return text;
}

Shard parse_shard(const std::string& text) {
  Shard shard;
  const std::string_view view = text;
  const size_t slash = view.find('/');
  const bool is_read = slash != std::string_view::npos && read_number(view.substr(0, slash), shard.index) &&
                       read_number(view.substr(slash + 1), shard.count);
  if (!is_read || shard.index < 0 || shard.index >= shard.count)
    throw ConfigError(cat("--shard ", text, ": expected i/n with i from 0 to n-1, as in 0/4"));
  return shard;
}

int shard_of(const std::string& prompt, int count) {
  const uint64_t hash = std::stoull(sha256("shard/" + prompt).substr(0, 16), nullptr, 16);
  return static_cast<int>(hash % static_cast<uint64_t>(count));
}

std::filesystem::path shard_folder(const std::filesystem::path& run_folder, const Shard& shard) {
  return shard.is_whole() ? run_folder : run_folder / "shards" / shard.name();
}

std::filesystem::path records_file(const std::filesystem::path& run_folder, const Shard& shard) {
  return run_folder / "records" / (shard.name() + ".jsonl");
}

}  // namespace specula
