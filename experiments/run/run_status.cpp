#include "experiments/run/run_status.h"

#include <nlohmann/json.hpp>

#include "experiments/run/manifest.h"
#include "framework/core/error.h"
#include "framework/core/files.h"

namespace specula {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

void write_status(const fs::path& folder, const RunStatus& s, int segment) {
  const Json json = {{"state", s.state},
                     {"heartbeat_utc", utc_now()},
                     {"segment", segment},
                     {"done", s.done},
                     {"total", s.total},
                     {"failed_records", s.failed},
                     {"last_error", s.last_error.empty() ? Json(nullptr) : Json(s.last_error)}};
  write_file_atomically(folder / "status.json", json.dump(1, ' ', false, Json::error_handler_t::replace) + "\n");
}

std::optional<RunStatus> read_status(const fs::path& folder) {
  const fs::path file = folder / "status.json";
  if (!fs::exists(file)) return std::nullopt;
  try {
    const Json json = Json::parse(read_file(file));
    RunStatus status{.state = json.at("state"),
                     .done = json.at("done"),
                     .total = json.at("total"),
                     .failed = json.at("failed_records"),
                     .heartbeat_utc = json.at("heartbeat_utc")};
    if (json.at("last_error").is_string()) status.last_error = json.at("last_error");
    return status;
  } catch (const Json::exception& e) {
    throw Error(cat(file.string(), ": ", e.what()));
  }
}

void write_marker(const fs::path& folder, const std::string& marker) {
  std::error_code ignored;  // a marker that is not there
  for (const char* const other : {"DONE", "PARTIAL", "FAILED"}) {
    if (marker != other) fs::remove(folder / other, ignored);
  }
  write_file_atomically(folder / marker, "");
}

}  // namespace specula
