// `specula bench kernels`: the cases of kernel_cases.h, timed by Google Benchmark, whose JSON this writes.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <iostream>
#include <regex>
#include <sstream>

#include "experiments/bench/kernel_cases.h"
#include "experiments/bench/session.h"
#include "experiments/commands.h"
#include "experiments/run/environment.h"
#include "experiments/stream.h"
#include "framework/core/files.h"
#include "framework/decode/decode.h"
#include "framework/model/kernels/isa.h"
#include "framework/model/threads.h"

namespace specula {
namespace {

constexpr double kLeastSeconds = .1;  // of a measurement, beside the calls that find out how many it takes
constexpr const char* kShortList =
    "product/.*/768x4096/rows:(1|5)/memory|attention/.*/context:1024/rows:[15]/group:1|"
    "(rms_norm|swiglu|store|rotate|quantize)/.*/768|(softmax|draw)/32000|verify/.*";

std::vector<KernelCase> all_cases() {
  std::vector<KernelCase> all = product_cases();
  for (auto cases : {attention_cases(), row_cases(), rule_cases()}) {
    for (KernelCase& one : cases) all.push_back(std::move(one));
  }
  return all;
}

std::vector<KernelCase> chosen_cases(const std::string& given) {
  const std::string filter = given.empty() ? kShortList : given;
  std::vector<KernelCase> cases = all_cases();
  const size_t count = cases.size();
  try {
    const std::regex wanted(filter);
    std::erase_if(cases, [&](const KernelCase& one) { return !std::regex_search(one.name, wanted); });
  } catch (const std::regex_error& error) {
    throw ConfigError(cat("--filter '", filter, "' is not a regular expression: ", error.what()));
  }
  if (cases.empty())
    throw ConfigError(
        cat("--filter '", filter, "' matches none of the ", count, " benchmarks; --list --filter . names them"));
  return cases;
}

// Text for the eye as it comes, and all of it as JSON.  Names stay as the cases have them: the library adds how long
// and how often it measured, and results of other --repeats would have nothing in common.
class Reporter final : public benchmark::BenchmarkReporter {
 public:
  Reporter(bool shows_text, size_t longest_name) : shows_text_(shows_text), longest_name_(longest_name) {
    text_.SetOutputStream(&std::cout);
    text_.SetErrorStream(&std::cerr);
    json_.SetOutputStream(&collected_);
    json_.SetErrorStream(&std::cerr);
  }
  bool ReportContext(const Context& context) override {
    Context own = context;
    own.name_field_width = longest_name_;
    return json_.ReportContext(own) && (!shows_text_ || text_.ReportContext(own));
  }
  void ReportRuns(const std::vector<Run>& runs) override {
    std::vector<Run> named = runs;
    for (Run& run : named) {
      for (std::string* part : {&run.run_name.min_time, &run.run_name.repetitions, &run.run_name.time_type})
        part->clear();
    }
    json_.ReportRuns(named);
    if (shows_text_) text_.ReportRuns(named);
  }
  void Finalize() override { json_.Finalize(); }
  std::string json() const { return collected_.str(); }

 private:
  bool shows_text_;
  size_t longest_name_;
  std::ostringstream collected_;
  benchmark::ConsoleReporter text_{benchmark::ConsoleReporter::OO_None};
  benchmark::JSONReporter json_;
};

size_t longest_name(const std::vector<KernelCase>& cases) {
  constexpr size_t kEnding = 7;  // "_median", "_stddev"
  size_t most = 0;
  for (const KernelCase& one : cases) most = std::max(most, one.name.size());
  return most + kEnding;
}

// Google Benchmark calls a benchmark several times, until it has found out how many turns it takes; the data are made
// once, and given back when the next one begins.
struct Prepared {
  std::string name;
  std::function<void()> call;
};

void time_case(benchmark::State& state, const KernelCase& one, Prepared& prepared) {
  if (prepared.name != one.name) {
    prepared = {};
    prepared = {one.name, one.prepare()};
  }
  for (auto _ : state) prepared.call();
  const auto rate = [](double value) {
    return benchmark::Counter(value, benchmark::Counter::kIsIterationInvariantRate);
  };
  if (one.bytes > 0) state.counters["bytes_per_second"] = rate(one.bytes);
  if (one.flops > 0) state.counters["flop_per_second"] = rate(one.flops);
}

// The library has no way to take these back: a second run in one process keeps the first one's.
void describe_machine(int running) {
  static const bool kDone = [running] {
    benchmark::AddCustomContext("cpu", cpu_model());
    benchmark::AddCustomContext("commit", build_name());
    benchmark::AddCustomContext("threads", cat(running));
    benchmark::AddCustomContext("stream_gb_s", cat(stream_bandwidth()));
    benchmark::AddCustomContext("SPECULA_ISA", isa_restriction().empty() ? "best" : isa_restriction());
    return true;
  }();
  (void)kDone;
}

}  // namespace

ExitCode bench_kernels_command(const BenchKernelsArgs& args) {
  check_output(args.output);
  const int running = set_threads(args.threads);
  const std::vector<KernelCase> cases = chosen_cases(args.filter);
  if (args.list) {
    for (const KernelCase& one : cases) std::cout << one.name << "\n";
    return ExitCode::kOk;
  }
  const InferenceScope inference;
  describe_machine(running);
  Prepared prepared;
  benchmark::ClearRegisteredBenchmarks();
  for (const KernelCase& one : cases) {
    benchmark::RegisterBenchmark(one.name.c_str(), [&](benchmark::State& state) { time_case(state, one, prepared); })
        ->Repetitions(args.repeats)
        ->MinTime(kLeastSeconds)
        ->UseRealTime()  // of all threads, not of the one that waits for them
        ->Unit(benchmark::kMicrosecond);
  }
  Reporter reporter(args.format == "text", longest_name(cases));
  benchmark::RunSpecifiedBenchmarks(&reporter, ".");
  benchmark::ClearRegisteredBenchmarks();
  if (args.format == "json") std::cout << reporter.json();
  std::cout << std::flush;
  if (!args.output.empty()) write_file_atomically(args.output, reporter.json());
  return ExitCode::kOk;
}

}  // namespace specula
