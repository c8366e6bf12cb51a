#include "framework/model/memory.h"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <limits>
#include <sstream>

#include "framework/core/error.h"

namespace specula {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kUnlimited = std::numeric_limits<int64_t>::max();

// The number behind `key` in a file of "key number" lines, or `otherwise`; files of the system may be missing.
int64_t number_of(const fs::path& file, const std::string& key, int64_t otherwise) {
  std::ifstream in(file);
  for (std::string line; std::getline(in, line);) {
    std::istringstream words(line);
    std::string name;
    int64_t value = 0;
    if (words >> name >> value && name == key) return value;
  }
  return otherwise;
}

// A file of one number; "max" or no file: `otherwise`.
int64_t only_number(const fs::path& file, int64_t otherwise) {
  std::ifstream in(file);
  int64_t value = 0;
  return in >> value ? value : otherwise;
}

int64_t system_leaves() {
  const int64_t kilobytes = number_of("/proc/meminfo", "MemAvailable:", -1);
  return kilobytes < 0 ? kUnlimited : kilobytes * 1024;
}

// Where a version of control groups keeps its numbers.
struct GroupFiles {
  const char *root, *limit, *usage, *active, *inactive;
};
constexpr GroupFiles kSecond{"/sys/fs/cgroup", "memory.max", "memory.current", "active_file", "inactive_file"};
constexpr GroupFiles kFirst{"/sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.usage_in_bytes",
                            "total_active_file", "total_inactive_file"};

// The limit of the group `path` and of each above it.
int64_t groups_leave(const GroupFiles& files, const std::string& path) {
  const fs::path root = files.root;
  int64_t least = kUnlimited;
  for (fs::path group = (root / path).lexically_normal();; group = group.parent_path()) {
    const int64_t most = only_number(group / files.limit, kUnlimited);
    if (most != kUnlimited) {
      const fs::path stat = group / "memory.stat";
      const int64_t droppable = number_of(stat, files.active, 0) + number_of(stat, files.inactive, 0);
      least = std::min(least, most - only_number(group / files.usage, 0) + droppable);
    }
    if (group == root || group == group.parent_path()) return std::max<int64_t>(least, 0);
  }
}

// Lines "0::/path" (version 2) and "4:memory:/path" (version 1).
int64_t groups_leave() {
  int64_t least = kUnlimited;
  std::ifstream in("/proc/self/cgroup");
  for (std::string line; std::getline(in, line);) {
    const size_t first = line.find(':'), second = line.find(":/");
    if (first == std::string::npos || second == std::string::npos || second < first) continue;
    const std::string path = line.substr(second + 2), controllers = line.substr(first + 1, second - first);
    if (line.starts_with("0::")) least = std::min(least, groups_leave(kSecond, path));
    if (controllers.find("memory") != std::string::npos) least = std::min(least, groups_leave(kFirst, path));
  }
  return least;
}

int64_t address_space_leaves() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_AS, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return kUnlimited;
  const int64_t taken = only_number("/proc/self/statm", 0) * ::sysconf(_SC_PAGESIZE);
  return std::max<int64_t>(static_cast<int64_t>(limit.rlim_cur) - taken, 0);
}

// The widest numbers of fewer bits that fit; where none do, what the narrowest would need.
std::string advice(const ModelInfo& info, Dtype dtype, int64_t available) {
  int64_t least = bytes_to_load(info, dtype);
  std::string narrowest;
  for (const Dtype other : {Dtype::kBfloat16, Dtype::kInt8, Dtype::kInt4}) {
    const int64_t needed = bytes_to_load(info, other);
    if (needed >= least) continue;
    narrowest = cat(name_of(other), " would need ", bytes_text(needed));
    if (needed <= available) return "; " + narrowest;
    least = needed;
  }
  return narrowest.empty() ? "" : "; even " + narrowest;
}

}  // namespace

int64_t bytes_to_load(const ModelInfo& info, Dtype dtype) {
  const int64_t table = info.vocab * info.hidden;  // the embedding; of a quantized model it stays bfloat16
  switch (dtype) {
    case Dtype::kFloat32:
      return 4 * info.parameters;
    case Dtype::kBfloat16:
      return 2 * info.parameters;
    case Dtype::kInt8:
    case Dtype::kInt8Weights:
      return info.parameters + 2 * table;
    case Dtype::kInt4:  // 4 bits and a scale of 2 bytes for 32 weights; the head has 8 bits
      return (info.parameters - std::min(table, info.parameters)) * 9 / 16 + 3 * table;
  }
  SPECULA_CHECK(false, "dtype ", static_cast<int>(dtype));
}

int64_t available_bytes() { return std::min({system_leaves(), groups_leave(), address_space_leaves()}); }

void check_memory(const ModelInfo& info, Dtype dtype, int64_t available) {
  const int64_t needed = bytes_to_load(info, dtype);
  if (needed <= available) return;
  throw Error(cat(info.path, ": needs about ", bytes_text(needed), " in ", name_of(dtype), ", ", bytes_text(available),
                  " are available", advice(info, dtype, available)));
}

std::string bytes_text(int64_t bytes) {
  const double megabytes = static_cast<double>(bytes) * 1e-6;
  char text[32];
  if (megabytes >= 1000) {
    std::snprintf(text, sizeof text, "%.1f GB", megabytes * 1e-3);
  } else {
    std::snprintf(text, sizeof text, "%.*f MB", megabytes < 10 ? 1 : 0, megabytes);
  }
  return text;
}

}  // namespace specula
