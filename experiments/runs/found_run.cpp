#include "experiments/runs/found_run.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <tuple>

#include "experiments/runs/resolved_config.h"
#include "framework/core/error.h"
#include "framework/core/files.h"

namespace specula {
namespace {

namespace fs = std::filesystem;

// A heartbeat comes every two seconds between prompts; loading, warming up and one long prompt must fit in.
constexpr double kStaleAfter = 300;

void read_status(FoundRun& run) {
  const fs::path file = run.folder / "status.json";
  if (!fs::exists(file)) {
    run.state = fs::exists(run.folder / "DONE") ? "done" : "begun";
    return;
  }
  const nlohmann::json json = nlohmann::json::parse(read_file(file));
  run.state = json.at("state");
  run.done = json.at("done");
  run.total = json.at("total");
  run.failed_records = json.at("failed_records");
  run.heartbeat_utc = json.at("heartbeat_utc");
  if (json.at("last_error").is_string()) run.last_error = json.at("last_error");
}

void find_below(const fs::path& folder, std::vector<FoundRun>& found) {
  std::error_code code;
  if (fs::exists(folder / "manifest.json", code)) found.push_back(read_run(folder));
  fs::directory_iterator entry(folder, code);
  if (code) {
    found.push_back({.folder = folder, .problem = code.message()});
    return;
  }
  std::error_code none;  // of an entry that vanished
  for (; entry != fs::directory_iterator(); entry.increment(code)) {
    if (entry->is_directory(none) && !entry->is_symlink(none)) find_below(entry->path(), found);
  }
}

}  // namespace

std::string FoundRun::experiment() const {
  return problem.empty() ? info.experiment : fs::absolute(folder).parent_path().filename().string();
}

FoundRun read_run(const fs::path& folder) {
  FoundRun run{.folder = folder};
  try {
    run.info = read_manifest(folder);
    if (fs::exists(folder / "config.resolved.toml")) run.config = read_resolved_config(folder);
    read_status(run);
  } catch (const nlohmann::json::exception& e) {
    run.problem = cat("status.json: ", e.what());
  } catch (const std::exception& e) {
    run.problem = e.what();
    const std::string prefix = folder.string() + "/";  // which the row tells anyway
    if (run.problem.starts_with(prefix)) run.problem.erase(0, prefix.size());
  }
  return run;
}

std::vector<FoundRun> find_runs(const fs::path& root) {
  if (!fs::is_directory(root)) throw ConfigError(cat(root.string(), ": there is no such folder"));
  std::vector<FoundRun> found;
  find_below(root, found);
  std::sort(found.begin(), found.end(), [](const FoundRun& a, const FoundRun& b) {
    return std::tie(a.info.created_utc, a.folder) < std::tie(b.info.created_utc, b.folder);
  });
  return found;
}

double seconds_since(const std::string& utc, std::time_t now) {
  std::tm parts{};
  const char* const end = ::strptime(utc.c_str(), "%Y-%m-%dT%H:%M:%SZ", &parts);
  if (end == nullptr || *end != '\0') return std::numeric_limits<double>::quiet_NaN();
  return std::difftime(now, ::timegm(&parts));
}

std::string age_text(double seconds) {
  if (!std::isfinite(seconds)) return "–";
  const auto whole = [&](double unit) { return static_cast<int64_t>(std::max(0.0, seconds) / unit); };
  if (seconds < 120) return cat(whole(1), " s");
  if (seconds < 2 * 3600) return cat(whole(60), " min");
  if (seconds < 2 * 86400) return cat(whole(3600), " h");
  return cat(whole(86400), " d");
}

bool is_stale(const FoundRun& run, std::time_t now) {
  return run.state == "running" && seconds_since(run.heartbeat_utc, now) > kStaleAfter;
}

}  // namespace specula
