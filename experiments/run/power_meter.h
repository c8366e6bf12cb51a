// Energy counters of the machine: those of the processor packages and their memory (RAPL, through the kernel's powercap
// files) and those of NVIDIA GPUs (NVML, loaded when it is there).  Licence: Apache-2.0.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace specula {

using Joules = std::map<std::string, double>;  // by domain: cpu_pkg, dram, gpu; each summed over the machine

struct PowerSources {
  std::filesystem::path powercap = "/sys/class/powercap";
  std::string nvml = "libnvidia-ml.so.1";
};

class PowerMeter {
 public:
  explicit PowerMeter(const PowerSources& sources = {});
  ~PowerMeter();
  PowerMeter(const PowerMeter&) = delete;
  PowerMeter& operator=(const PowerMeter&) = delete;

  // Why there is no counter: "no_counter", or "no_permission" where the kernel's are readable by root alone; "": there
  // is one.
  const std::string& why() const { return why_; }
  // Joules since the meter was made, for every domain that it has.  To be read more often than the smallest counter
  // wraps, which takes minutes.
  Joules read();

 private:
  struct Gpus;
  struct Counter {  // of one package or memory
    std::string domain;
    std::filesystem::path file;
    double wraps_at = 0, last = 0, total = 0;  // microjoules
  };
  void find_counters(const std::filesystem::path& powercap);
  std::vector<Counter> counters_;
  std::unique_ptr<Gpus> gpus_;
  std::string why_;
};

Joules operator-(const Joules& after, const Joules& before);  // of the domains of both
double sum_of(const Joules& joules);

// Watts of each domain over so many seconds in which this process sleeps; none without a counter.
Joules idle_power(PowerMeter& meter, double seconds);

}  // namespace specula
