#include <ATen/ops/empty.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <filesystem>

#include "experiments/commands.h"
#include "experiments/run/environment.h"
#include "experiments/stream.h"
#include "framework/model/kernels.h"
#include "framework/model/load.h"
#include "framework/model/random_llama.h"
#include "framework/model/threads.h"

namespace specula {
namespace {

namespace fs = std::filesystem;

class Report {
 public:
  void say(const char* what, const std::string& value) const { std::printf("%-18s %s\n", what, value.c_str()); }
  void advise(const std::string& text) { advice_.push_back(text); }
  void finish() const {
    if (advice_.empty()) std::printf("nothing to fix\n");
    for (const std::string& text : advice_) std::printf("to fix: %s\n", text.c_str());
  }

 private:
  std::vector<std::string> advice_;
};

// A folder for the self-test's model.
class Workplace {
 public:
  Workplace() : path_(fs::temp_directory_path() / cat("specula-doctor-", ::getpid())) {}
  ~Workplace() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  Workplace(const Workplace&) = delete;
  Workplace& operator=(const Workplace&) = delete;
  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

using Tokens = std::vector<int64_t>;

// Logits of every row of one pass, one row after the other.
std::vector<float> pass(const LanguageModel& model, KvCache& cache, const Tokens& token, const Tokens& parent) {
  const auto count = static_cast<int64_t>(token.size());
  Rows rows{at::empty({1, count}, at::kLong), at::empty({1, count}, at::kLong)};
  std::copy(token.begin(), token.end(), rows.token.mutable_data_ptr<int64_t>());
  std::copy(parent.begin(), parent.end(), rows.parent.mutable_data_ptr<int64_t>());
  const Pass result = model.forward(rows, cache, {});
  const float* logits = result.logits.const_data_ptr<float>();
  return {logits, logits + result.logits.numel()};
}

Tokens chain_parents(size_t count) {
  Tokens parent(count);
  for (size_t i = 0; i < count; ++i) parent[i] = static_cast<int64_t>(i) - 1;
  return parent;
}

// The text taken in as prefill chunks of `chunk` tokens; its last logits.
std::vector<float> last_logits(const LanguageModel& model, const Tokens& text, size_t chunk) {
  const auto cache = model.new_cache(1, 0);
  std::vector<float> logits;
  for (size_t at = 0; at < text.size(); at += chunk) {
    const size_t count = std::min(chunk, text.size() - at);
    logits = pass(model, *cache, {text.begin() + long(at), text.begin() + long(at + count)}, chain_parents(count));
    std::vector<int> all(count);
    for (size_t i = 0; i < count; ++i) all[i] = static_cast<int>(i);
    cache->commit(0, all);
  }
  return {logits.end() - model.vocab(), logits.end()};
}

bool same_bits(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

bool chunks_agree(const LanguageModel& model, const Tokens& text) {
  const std::vector<float> single = last_logits(model, text, 1);
  for (size_t rows = 2; rows <= 16; ++rows) {
    if (!same_bits(single, last_logits(model, text, rows))) return false;
  }
  return same_bits(single, last_logits(model, text, text.size()));
}

// A binary tree under a text: every row must equal the same tokens as a chain.
bool trees_agree(const LanguageModel& model, const Tokens& text) {
  Tokens token, parent;
  for (int64_t row = 0; row < 15; ++row) {
    token.push_back((row * 37 + 5) % model.vocab());
    parent.push_back(row == 0 ? -1 : (row - 1) / 2);
  }
  const auto cache = model.new_cache(1, 0);
  pass(model, *cache, text, chain_parents(text.size()));
  std::vector<int> all(text.size());
  for (size_t i = 0; i < all.size(); ++i) all[i] = static_cast<int>(i);
  cache->commit(0, all);
  const std::vector<float> logits = pass(model, *cache, token, parent);
  for (int64_t row = 0; row < 15; ++row) {
    Tokens branch;
    for (int64_t at = row; at >= 0; at = parent[static_cast<size_t>(at)])
      branch.push_back(token[static_cast<size_t>(at)]);
    Tokens whole = text;
    whole.insert(whole.end(), branch.rbegin(), branch.rend());
    const auto begin = logits.begin() + row * model.vocab();
    if (!same_bits({begin, begin + model.vocab()}, last_logits(model, whole, whole.size()))) return false;
  }
  return true;
}

bool self_test(Report& report) {
  LlamaConfig config;
  config.vocab = 515;
  config.hidden = 192;
  config.intermediate = 320;
  config.layers = 2;
  config.heads = 6;
  config.kv_heads = 2;
  config.head_dim = 32;
  config.context = 512;
  Tokens text;
  for (int64_t i = 0; i < 75; ++i) text.push_back((i * i * 31 + 7 * i) % config.vocab);
  const Workplace workplace;
  bool all_agree = true;
  for (const Dtype dtype : {Dtype::kFloat32, Dtype::kBfloat16}) {
    write_random_llama(workplace.path(), config, 1, dtype);
    const auto model = load_model(workplace.path(), dtype);
    const bool chunks = chunks_agree(*model, text), trees = trees_agree(*model, text);
    report.say(dtype == Dtype::kFloat32 ? "invariance fp32" : "invariance bf16",
               cat("rows 1..16 and prefill in chunks: ", chunks ? "same bits" : "DIFFER",
                   "; trees against chains: ", trees ? "same bits" : "DIFFER"));
    all_agree = all_agree && chunks && trees;
  }
  if (!all_agree)
    report.advise(
        "rows depend on their number: greedy speculative text may differ from the baseline's; report this CPU");
  return all_agree;
}

}  // namespace

ExitCode doctor_command(int thread_count) {
  Report report;
  const long cores = ::sysconf(_SC_NPROCESSORS_ONLN), pages = ::sysconf(_SC_PHYS_PAGES), page = ::sysconf(_SC_PAGESIZE);
  report.say("cpu", cpu_model());
  report.say("cores", cat(cores));
  report.say("memory", cat(pages / 1024 * page / 1024 / 1024, " GB"));
  report.say("LibTorch", SPECULA_TORCH_VERSION);
  const Kernels single = make_kernels(false), half = make_kernels(true);
  report.say("kernels fp32", cat(single.target, ", panels of ", single.panel));
  report.say("kernels bf16", cat(half.target, ", panels of ", half.panel));
  const int running = set_threads(thread_count);  // throws when they do not really run
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
  const double load = load_average();
  report.say("load average", cat(load));
  if (load > 0.5 * double(cores))
    report.advise(cat("the load average is ", load, ": stop other programs before measuring speed"));
  const bool agrees = self_test(report);
  report.finish();
  return agrees ? ExitCode::kOk : ExitCode::kGuarantee;
}

}  // namespace specula
