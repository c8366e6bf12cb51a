#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <optional>

#include "experiments/commands.h"
#include "experiments/doctor_products.h"
#include "experiments/run/environment.h"
#include "experiments/run/power_meter.h"
#include "experiments/scratch_folder.h"
#include "experiments/stream.h"
#include "framework/decode/decode.h"
#include "framework/model/device.h"
#include "framework/model/invariance.h"
#include "framework/model/kernels/isa.h"
#include "framework/model/kernels/kernels.h"
#include "framework/model/load.h"
#include "framework/model/memory.h"
#include "framework/model/random_model.h"
#include "framework/model/threads.h"

namespace specula {
namespace {

class Report {
 public:
  void say(const std::string& what, const std::string& value) const {
    std::printf("%-18s %s\n", what.c_str(), value.c_str());
  }
  void advise(const std::string& text) { advice_.push_back(text); }
  void finish() const {
    if (advice_.empty()) std::printf("nothing to fix\n");
    for (const std::string& text : advice_) std::printf("to fix: %s\n", text.c_str());
  }

 private:
  std::vector<std::string> advice_;
};

constexpr const char* kNotInvariant =
    "rows depend on their neighbours: speculative text may differ from the baseline's; report this CPU";

// Tries the batch invariance of one model.
bool try_invariance(Report& report, const std::string& label, const LoadedModel& model) {
  const InvarianceReport found = check_invariance(model, full_invariance());
  report.say(label, cat(found.text(), " (", model.engine(), ")"));
  return found.held();
}

// The same of a small random model in every dtype: odd sizes, grouped heads.
bool self_test(Report& report) {
  DecoderConfig config;
  config.vocab = 515;
  config.hidden = 192;
  config.intermediate = 320;
  config.layers = 2;
  config.heads = 6;
  config.kv_heads = 2;
  config.head_dim = 32;
  config.context = 512;
  const ScratchFolder folder("doctor");
  bool all_held = true;
  for (const std::string& name : dtype_names()) {
    const Dtype dtype = parse_dtype(name, "doctor");
    write_random_llama(folder.path(), config, 1, is_quantized(dtype) ? Dtype::kBfloat16 : dtype);
    all_held = try_invariance(report, "invariance " + name, *load_model(folder.path(), {.dtype = dtype})) && all_held;
  }
  return all_held;
}

std::string energy_text() {
  PowerMeter power;
  if (power.why() == "no_permission")
    return "readable by root alone (/sys/class/powercap/*/energy_uj): runs have no energy metrics";
  if (!power.why().empty()) return "none: neither RAPL (/sys/class/powercap) nor NVML";
  std::vector<std::string> domains;
  for (const auto& [domain, joules] : power.read()) domains.push_back(domain);
  return join(domains);
}

struct Candidate {  // the folder that was given
  explicit Candidate(const DoctorArgs& args)
      : info(read_model_info(args.model)), load{choose_dtype(args.dtype, info, "--dtype"), args.device} {
    check_device(args.device, "--device");
    check_device_dtype(args.device, load.dtype, "--dtype");
  }
  ModelInfo info;
  LoadOptions load;
};

bool test_model(Report& report, const Candidate& candidate) {
  const auto model = load_model(candidate.info.path, candidate.load);
  report.say("model",
             cat(candidate.info.path, ", ", static_cast<double>(candidate.info.parameters) * 1e-6, " M parameters, ",
                 name_of(candidate.load.dtype), ", ", bytes_text(model->weight_bytes()), " read a pass"));
  return try_invariance(report, cat("invariance ", name_of(candidate.load.dtype)), *model);
}

}  // namespace

ExitCode doctor_command(const DoctorArgs& args) {
  Report report;
  std::optional<Candidate> candidate;
  if (!args.model.empty()) candidate.emplace(args);  // a wrong folder fails at once
  const long cores = ::sysconf(_SC_NPROCESSORS_ONLN), pages = ::sysconf(_SC_PHYS_PAGES), page = ::sysconf(_SC_PAGESIZE);
  report.say("cpu", cpu_model());
  report.say("cores", cat(cores));
  report.say("memory", cat(bytes_text(int64_t{pages} * page), ", ", bytes_text(available_bytes()), " available"));
  report.say("LibTorch", SPECULA_TORCH_VERSION);
  if (!isa_restriction().empty()) report.say("SPECULA_ISA", isa_restriction());
  const int running = set_threads(args.threads);  // throws when they do not really run
  report.say("threads", cat(running, " asked for, ", running, " run OpenMP regions and LibTorch's parallel_for"));
  if (running > cores)
    report.advise(cat(running, " threads on ", cores, " cores wait for one another: use --threads ", cores));
  StreamProbe probe;
  std::vector<double> streams;
  for (int i = 0; i < 9; ++i) streams.push_back(probe.gigabytes_per_second());
  const auto [least, most] = std::minmax_element(streams.begin(), streams.end());
  report.say("stream bandwidth", cat(median(streams), " GB/s (", *least, " to ", *most, ")"));
  if (*most > 1.5 * *least)
    report.advise("memory bandwidth varies: other programs are running; trust ratios of interleaved runs alone");
  report.say("energy counters", energy_text());
  const double load = load_average();
  report.say("load average", cat(load));
  if (load > 0.5 * double(cores))
    report.advise(cat("the load average is ", load, ": stop other programs before measuring speed"));
  const InferenceScope inference;
  const ProductTable products = tabulate_products(kDoctorShape, kDoctorMemory, kDoctorTurns);
  for (const std::string& line : products.lines) std::printf("%s\n", line.c_str());
  for (const std::string& text : products.advice) report.advise(text);
  bool invariant = self_test(report);
  if (candidate) invariant = test_model(report, *candidate) && invariant;
  if (!invariant) report.advise(kNotInvariant);
  report.finish();
  return invariant ? ExitCode::kOk : ExitCode::kGuarantee;
}

}  // namespace specula
