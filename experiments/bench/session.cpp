#include "experiments/bench/session.h"

#include <ATen/ops/empty.h>

#include <algorithm>
#include <iostream>
#include <optional>

#include "framework/core/files.h"
#include "framework/decode/rows.h"
#include "framework/model/device.h"
#include "framework/model/threads.h"

namespace specula {
namespace {

constexpr int64_t kTokenStep = 7919;  // a prime: the rows of a pass differ

double timed_forward(const LanguageModel& model, KvCache& cache, const Rows& rows) {
  const double start = seconds_now();
  model.forward(rows, cache, {});
  const double seconds = seconds_now() - start;
  cache.rollback(0);
  return seconds;
}

}  // namespace

std::vector<BenchChoice> choose_models(const BenchWish& wish, const std::string& device) {
  check_device(device, "--device");
  const ModelInfo info = read_model_info(wish.folder);
  std::vector<BenchChoice> choices;
  for (const std::string& text : wish.dtypes) {
    const Dtype dtype = choose_dtype(text, info, wish.flag);
    check_device_dtype(device, dtype, wish.flag);
    const bool twice =
        std::any_of(choices.begin(), choices.end(), [&](const BenchChoice& other) { return other.dtype == dtype; });
    if (twice) throw ConfigError(cat(wish.flag, ": ", name_of(dtype), " is given twice"));
    choices.push_back({.role = wish.role, .folder = wish.folder, .info = info, .dtype = dtype});
  }
  if (choices.empty()) throw ConfigError(cat(wish.flag, " is empty; valid: auto, ", join(dtype_names())));
  return choices;
}

void check_room(const BenchChoice& choice, int64_t positions, const std::string& what) {
  if (positions <= choice.info.context) return;
  throw ConfigError(
      cat(what, " need ", positions, " positions; the context of ", choice.folder, " is ", choice.info.context));
}

void check_at_least(const std::string& flag, int64_t value, int64_t least) {
  if (value < least) throw ConfigError(cat(flag, " ", value, " is out of range ", least, ".."));
}

void check_output(const std::string& output) {
  if (output.empty()) return;
  const std::filesystem::path folder = std::filesystem::absolute(output).parent_path();
  if (std::filesystem::is_directory(folder)) return;
  throw ConfigError(cat("--output ", output, ": there is no folder ", folder.string()));
}

BenchSession::BenchSession(std::string command, const BenchArgs& args) : args_(args) {
  check_at_least("--repeats", args.repeats, 1);
  if (!args.format.empty() && args.format != "json" && args.format != "text") {
    throw ConfigError(cat("--format: unknown value '", args.format, "'", suggestion(args.format, {"json", "text"})));
  }
  if (!args.compare.empty()) check_comparable(args.compare, command);
  check_output(args.output);
  result_.command = std::move(command);
  result_.arguments = args.argv;
  result_.load_average = load_average();
  result_.threads = set_threads(args.threads);
}

const LoadedModel& BenchSession::load(const BenchChoice& choice) {
  models_.push_back(load_model(choice.folder, {.dtype = choice.dtype, .device = args_.device}));
  describe(choice, *models_.back());
  return *models_.back();
}

void BenchSession::describe(const BenchChoice& choice, const LoadedModel& model) {
  result_.models.push_back({.role = choice.role,
                            .path = choice.folder,
                            .fingerprint = choice.info.fingerprint,
                            .dtype = name_of(model.dtype()),
                            .device = args_.device,
                            .engine = model.engine(),
                            .weight_bytes = model.weight_bytes(),
                            .kv_bytes_per_slot = model.kv_bytes_per_slot()});
}

double BenchSession::read_stream() {
  result_.streams.push_back(probe_.gigabytes_per_second());
  return result_.streams.back();
}

ExitCode BenchSession::finish(std::vector<BenchRow> rows, int64_t context) {
  result_.rows = std::move(rows);
  if (!result_.models.empty()) result_.kv_bytes = result_.models.front().kv_bytes_per_slot * context;
  std::optional<BenchComparison> comparison;
  if (!args_.compare.empty()) comparison = compare_results(result_, args_.compare);
  const BenchComparison* const compared = comparison ? &*comparison : nullptr;
  const std::string json = to_json(result_, compared);
  const bool text = args_.format.empty() ? !args_.output.empty() || compared != nullptr : args_.format == "text";
  std::cout << (text ? to_text(result_, compared) : json) << std::flush;  // first: no result is lost to a full disk
  if (!args_.output.empty()) write_file_atomically(args_.output, json);
  return ExitCode::kOk;
}

Rows bench_rows(int64_t count, int64_t first_token, int64_t vocab) {
  Rows rows{at::empty({1, count}, at::kLong), at::empty({1, count}, at::kLong)};
  for (int64_t i = 0; i < count; ++i) {
    rows.token.mutable_data_ptr<int64_t>()[i] = (first_token + i * kTokenStep) % vocab;
    rows.parent.mutable_data_ptr<int64_t>()[i] = i - 1;
  }
  return rows;
}

std::unique_ptr<KvCache> bench_cache(const LanguageModel& model, int64_t context, int64_t more) {
  auto cache = model.new_cache(1, context + more);
  const Rows text = bench_rows(context, 1, model.vocab());
  const int64_t* const token = text.token.const_data_ptr<int64_t>();
  Prefix prefix(token, token + context);
  prefix.push_back(0);  // prefill() leaves the last token to the first round
  prefill(model, *cache, {&prefix, 1}, {.logits = Logits::kNone});
  return cache;
}

double seconds_of_pass(const LanguageModel& model, KvCache& cache, const Rows& rows) {
  timed_forward(model, cache, rows);
  return timed_forward(model, cache, rows);
}

}  // namespace specula
