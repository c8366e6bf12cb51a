#include "experiments/run/environment.h"

#include <gnu/libc-version.h>
#include <sched.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>

#include "build_stamp.h"
#include "experiments/run/manifest.h"
#include "framework/core/error.h"
#include "framework/core/files.h"

extern char** environ;

namespace specula {
namespace {

using Json = nlohmann::ordered_json;

#ifdef NDEBUG
constexpr bool kDebugChecks = false;
#else
constexpr bool kDebugChecks = true;
#endif

std::string trimmed(const std::string& text) {
  const size_t first = text.find_first_not_of(" \t\n\""), last = text.find_last_not_of(" \t\n\"");
  return first == std::string::npos ? "" : text.substr(first, last - first + 1);
}

// The first line of a small system file, or "" where there is none (another kernel, a container).
std::string first_line(const char* path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return trimmed(line);
}

// The value of "key : value" or "key=value" in a system file.
std::string field(const char* path, const std::string& key, char separator) {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    const size_t at = line.find(separator);
    if (at != std::string::npos && trimmed(line.substr(0, at)) == key) return trimmed(line.substr(at + 1));
  }
  return "";
}

Json text_or_null(const std::string& text) { return text.empty() ? Json(nullptr) : Json(text); }

int usable_cores() {
  cpu_set_t set;
  CPU_ZERO(&set);
  return ::sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 0;
}

// Those of the processor's flags that decide which kernels can run.
Json isa_flags() {
  Json found = Json::array();
  std::istringstream flags(field("/proc/cpuinfo", "flags", ':'));
  for (std::string flag; flags >> flag;) {
    for (const char* const prefix : {"avx", "fma", "f16c", "amx", "sse4"}) {
      if (flag.starts_with(prefix)) found.push_back(flag);
    }
  }
  return found;
}

Json build_json() {
  return {{"version", SPECULA_VERSION},      {"type", SPECULA_BUILD_TYPE},       {"compiler", SPECULA_COMPILER},
          {"ndebug", !kDebugChecks},         {"sanitizers", SPECULA_SANITIZERS}, {"cxx_std", __cplusplus},
          {"binary_sha256", binary_sha256()}};
}

Json cpu_json() {
  return {{"model", cpu_model()},
          {"logical_cores", ::sysconf(_SC_NPROCESSORS_ONLN)},
          {"usable_cores", usable_cores()},
          {"isa", isa_flags()},
          {"cache", text_or_null(field("/proc/cpuinfo", "cache size", ':'))},
          {"mhz_now", text_or_null(field("/proc/cpuinfo", "cpu MHz", ':'))},
          {"governor", text_or_null(first_line("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"))},
          {"smt", text_or_null(first_line("/sys/devices/system/cpu/smt/control"))}};
}

Json os_json() {
  utsname names{};
  ::uname(&names);
  return {{"kernel", cat(names.sysname, " ", names.release)},
          {"machine", names.machine},
          {"distro", text_or_null(field("/etc/os-release", "PRETTY_NAME", '='))},
          {"glibc", ::gnu_get_libc_version()}};
}

// Only variables that change how the libraries compute; nothing else of the environment is anyone's business.
Json variables() {
  Json found = Json::object();
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string text = *entry;
    for (const char* const prefix :
         {"OMP_", "MKL_", "GOMP_", "DNNL_", "ONEDNN_", "ATEN_", "PYTORCH_", "TORCH_", "SPECULA_", "CUDA_"}) {
      if (text.starts_with(prefix)) found[text.substr(0, text.find('='))] = text.substr(text.find('=') + 1);
    }
  }
  return found;
}

std::vector<std::string> find_warnings(const double (&load)[3], int threads) {
  std::vector<std::string> warnings;
  if (kDebugChecks)
    warnings.emplace_back("debug build: speeds mean nothing; configure with -DCMAKE_BUILD_TYPE=Release");
  if (!std::string(SPECULA_SANITIZERS).empty()) warnings.emplace_back("sanitizers are on: speeds mean nothing");
  const int cores = usable_cores();
  if (load[0] > 0.5 * cores + 0.5) {
    warnings.push_back(
        cat("load average ", load[0], " on ", cores, " cores: other work disturbs the timing; stop it or wait"));
  }
  if (threads > cores) warnings.push_back(cat(threads, " threads on ", cores, " usable cores; set measure.threads"));
  const std::string governor = first_line("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor");
  if (!governor.empty() && governor != "performance") {
    warnings.push_back(
        cat("CPU governor is '", governor, "': clocks change with load; cpupower frequency-set -g performance"));
  }
  return warnings;
}

}  // namespace

std::string build_name() {
  const std::string sha = SPECULA_GIT_SHA;
  return sha.empty() ? "unknown" : sha.substr(0, 7) + (SPECULA_GIT_DIRTY ? "+changes" : "");
}

std::string binary_sha256() { return sha256(read_file("/proc/self/exe")); }

std::string host_name() {
  char name[256] = "";
  return ::gethostname(name, sizeof name - 1) == 0 ? name : "unknown";
}

std::vector<std::string> gpu_models() {
  std::set<std::string> models;
  std::error_code none;  // no driver
  for (const auto& gpu : std::filesystem::directory_iterator("/proc/driver/nvidia/gpus", none))
    models.insert(field((gpu.path() / "information").c_str(), "Model", ':'));
  return {models.begin(), models.end()};
}

std::string cpu_model() {
  const std::string model = field("/proc/cpuinfo", "model name", ':');
  return model.empty() ? "unknown" : model;
}

Environment read_environment(int threads) {
  double load[3] = {0, 0, 0};
  ::getloadavg(load, 3);
  Environment environment;
  environment.warnings = find_warnings(load, threads);
  Json json;
  json["utc"] = utc_now();
  json["git"] = {{"sha", text_or_null(SPECULA_GIT_SHA)},
                 {"branch", text_or_null(SPECULA_GIT_BRANCH)},
                 {"dirty", SPECULA_GIT_DIRTY}};
  json["build"] = build_json();
  json["libs"] = {{"libtorch", SPECULA_TORCH_VERSION}};
  json["cpu"] = cpu_json();
  json["mem_bytes"] = static_cast<int64_t>(::sysconf(_SC_PHYS_PAGES)) * ::sysconf(_SC_PAGESIZE);
  json["gpus"] = gpu_models();
  json["torch"] = {{"intra_op", threads}};
  json["os"] = os_json();
  json["env_vars"] = variables();
  json["load_avg"] = load;
  json["warnings"] = environment.warnings;
  environment.json = json.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
  return environment;
}

}  // namespace specula
