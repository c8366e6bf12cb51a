#include "experiments/run/power_meter.h"

#include <dlfcn.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <fstream>
#include <optional>
#include <thread>

#include "framework/core/clock.h"

namespace specula {
namespace {

namespace fs = std::filesystem;

std::optional<double> read_number(const fs::path& file) {
  std::ifstream in(file);
  double value = 0;
  return in >> value ? std::optional(value) : std::nullopt;
}

std::string read_word(const fs::path& file) {
  std::ifstream in(file);
  std::string word;
  in >> word;
  return word;
}

// "" for what is counted elsewhere (cores within a package) or covers the whole board.
std::string domain_of(const std::string& name) {
  if (name.starts_with("package")) return "cpu_pkg";
  return name == "dram" ? "dram" : "";
}

}  // namespace

// The few functions of NVML that are needed, as its manual declares them.
struct PowerMeter::Gpus {
  using Device = void*;
  static constexpr int kSuccess = 0;

  static std::unique_ptr<Gpus> open(const std::string& library) {
    void* const handle = dlopen(library.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (handle == nullptr) return nullptr;
    auto gpus = std::make_unique<Gpus>();
    gpus->library = handle;
    const auto init = gpus->function<int (*)()>("nvmlInit_v2");
    const auto count = gpus->function<int (*)(unsigned*)>("nvmlDeviceGetCount_v2");
    const auto at = gpus->function<int (*)(unsigned, Device*)>("nvmlDeviceGetHandleByIndex_v2");
    gpus->energy = gpus->function<int (*)(Device, unsigned long long*)>("nvmlDeviceGetTotalEnergyConsumption");
    unsigned devices = 0;
    if (init == nullptr || count == nullptr || at == nullptr || gpus->energy == nullptr || init() != kSuccess ||
        count(&devices) != kSuccess)
      return nullptr;
    for (unsigned i = 0; i < devices; ++i) {
      Device device = nullptr;
      unsigned long long millijoules = 0;  // before Volta there is no counter
      if (at(i, &device) == kSuccess && gpus->energy(device, &millijoules) == kSuccess)
        gpus->devices.emplace_back(device, static_cast<double>(millijoules));
    }
    return gpus->devices.empty() ? nullptr : std::move(gpus);
  }
  ~Gpus() { dlclose(library); }

  double joules() const {
    double sum = 0;
    for (const auto& [device, start] : devices) {
      unsigned long long millijoules = 0;
      if (energy(device, &millijoules) == kSuccess) sum += (static_cast<double>(millijoules) - start) * 1e-3;
    }
    return sum;
  }

  template <class F>
  F function(const char* name) const {
    return reinterpret_cast<F>(dlsym(library, name));
  }

  void* library = nullptr;
  int (*energy)(Device, unsigned long long*) = nullptr;
  std::vector<std::pair<Device, double>> devices;  // with the millijoules that they had counted before
};

PowerMeter::PowerMeter(const PowerSources& sources) : gpus_(Gpus::open(sources.nvml)), why_("no_counter") {
  find_counters(sources.powercap);
  if (gpus_ != nullptr || !counters_.empty()) why_.clear();
}

PowerMeter::~PowerMeter() = default;

void PowerMeter::find_counters(const fs::path& powercap) {
  std::error_code none;
  for (const fs::directory_entry& entry : fs::directory_iterator(powercap, none)) {
    const fs::path& folder = entry.path();
    // "intel-rapl:0" is a package, "intel-rapl:0:1" a part of it (AMD's too); "intel-rapl-mmio:0" counts the same
    // again.
    if (!folder.filename().string().starts_with("intel-rapl:")) continue;
    const std::string domain = domain_of(read_word(folder / "name"));
    if (domain.empty()) continue;
    const std::optional<double> now = read_number(folder / "energy_uj");
    if (!now) {
      why_ = "no_permission";
      continue;
    }
    counters_.push_back({domain, folder / "energy_uj", read_number(folder / "max_energy_range_uj").value_or(0), *now});
  }
}

Joules PowerMeter::read() {
  Joules joules;
  for (Counter& counter : counters_) {
    const double now = read_number(counter.file).value_or(counter.last);
    counter.total += now - counter.last + (now < counter.last ? counter.wraps_at : 0);
    counter.last = now;
    joules[counter.domain] += counter.total * 1e-6;
  }
  if (gpus_ != nullptr) joules["gpu"] = gpus_->joules();
  return joules;
}

Joules operator-(const Joules& after, const Joules& before) {
  Joules difference;
  for (const auto& [domain, joules] : after) {
    const auto found = before.find(domain);
    if (found != before.end()) difference[domain] = joules - found->second;
  }
  return difference;
}

double sum_of(const Joules& joules) {
  double sum = 0;
  for (const auto& [domain, value] : joules) sum += value;
  return sum;
}

Joules idle_power(PowerMeter& meter, double seconds) {
  if (!meter.why().empty()) return {};
  const Joules before = meter.read();
  const double start = seconds_now();
  std::this_thread::sleep_for(std::chrono::duration<double>(seconds));
  Joules watts = meter.read() - before;
  const double time = seconds_now() - start;
  for (auto& [domain, value] : watts) value /= time;
  return watts;
}

}  // namespace specula
