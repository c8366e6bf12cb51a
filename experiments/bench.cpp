#include <ATen/ops/empty.h>

#include <algorithm>
#include <cstdio>
#include <memory>

#include "experiments/commands.h"
#include "experiments/stream.h"
#include "framework/core/clock.h"
#include "framework/model/load.h"
#include "framework/model/threads.h"

namespace specula {
namespace {

Rows chain_rows(int64_t count, int64_t first_token, int64_t vocab) {
  Rows rows{at::empty({1, count}, at::kLong), at::empty({1, count}, at::kLong)};
  for (int64_t i = 0; i < count; ++i) {
    rows.token.mutable_data_ptr<int64_t>()[i] = (first_token + i * 7919) % vocab;  // a prime step: no row repeats soon
    rows.parent.mutable_data_ptr<int64_t>()[i] = i - 1;
  }
  return rows;
}

// A model with a text of `context` tokens committed.
struct Bench {
  explicit Bench(const BenchArgs& args, int64_t reserve) {
    if (args.context < 1) throw ConfigError(cat("--context ", args.context, " is out of range 1.."));
    if (args.repeats < 1) throw ConfigError(cat("--repeats ", args.repeats, " is out of range 1.."));
    if (args.format != "json" && args.format != "text") {
      throw ConfigError(cat("--format '", args.format, "' is unknown", suggestion(args.format, {"json", "text"})));
    }
    const ModelInfo info = read_model_info(args.model);
    if (args.context + reserve > info.context) {
      throw ConfigError(
          cat("--context ", args.context, " and ", reserve, " rows exceed the model's context of ", info.context));
    }
    thread_count = set_threads(args.threads);
    model = load_model(args.model, choose_dtype(args.dtype, info, "--dtype"));
    cache = model->new_cache(1, args.context + reserve);
    model->forward(chain_rows(args.context, 1, model->vocab()), *cache, {.logits = Logits::kNone});
    std::vector<int> all(static_cast<size_t>(args.context));
    for (size_t i = 0; i < all.size(); ++i) all[i] = static_cast<int>(i);
    cache->commit(0, all);
  }

  std::string head(double stream, int64_t context) const {
    return cat("\"stream_gb_s\":", stream, ",\"weight_bytes\":", model->weight_bytes(),
               ",\"kv_bytes\":", model->kv_bytes_per_slot() * context, ",\"load_average\":", load_average(),
               ",\"threads\":", thread_count, ",\"dtype\":\"", name_of(model->dtype()), "\",\"context\":", context);
  }

  int thread_count = 0;
  std::unique_ptr<LoadedModel> model;
  std::unique_ptr<KvCache> cache;
  StreamProbe probe;
};

double seconds_of_pass(Bench& bench, const Rows& rows) {
  const double start = seconds_now();
  bench.model->forward(rows, *bench.cache, {});
  const double seconds = seconds_now() - start;
  bench.cache->rollback(0);
  return seconds;
}

struct RowResult {
  int rows;
  double ms, gb_s, share, ratio;  // ratio to the first row count of the list
};

void print_table(const std::vector<RowResult>& results, double stream) {
  std::printf("stream %.1f GB/s\n%6s %10s %8s %8s %8s\n", stream, "rows", "ms", "GB/s", "share", "ratio");
  for (const RowResult& r : results)
    std::printf("%6d %10.3f %8.1f %8.2f %8.2f\n", r.rows, r.ms, r.gb_s, r.share, r.ratio);
}

}  // namespace

// Row counts take turns and each timed pass follows an untimed one, so that all of them find the caches alike and a
// change of the machine's mood meets them all; the probe runs once in every turn.
ExitCode bench_forward_command(const BenchArgs& args) {
  for (const int rows : args.rows) {
    if (rows < 1) throw ConfigError(cat("--rows ", rows, " is out of range 1.."));
  }
  if (args.rows.empty()) throw ConfigError("--rows is empty; expected row counts such as 1,2,4,5,8,16");
  Bench bench(args, *std::max_element(args.rows.begin(), args.rows.end()));
  std::vector<std::vector<double>> seconds(args.rows.size());
  std::vector<double> streams;
  for (int repeat = -1; repeat < args.repeats; ++repeat) {  // the first turn warms up
    const double stream = bench.probe.gigabytes_per_second();
    if (repeat >= 0) streams.push_back(stream);
    for (size_t turn = 0; turn < args.rows.size(); ++turn) {
      const size_t i = (turn + static_cast<size_t>(repeat + 1)) % args.rows.size();
      const Rows rows = chain_rows(args.rows[i], 3 + repeat, bench.model->vocab());
      seconds_of_pass(bench, rows);
      const double taken = seconds_of_pass(bench, rows);
      if (repeat >= 0) seconds[i].push_back(taken);
    }
  }
  const double stream = median(streams),
               bytes = double(bench.model->weight_bytes() + bench.model->kv_bytes_per_slot() * args.context);
  std::vector<RowResult> results;
  for (size_t i = 0; i < args.rows.size(); ++i) {
    const double time = median(seconds[i]), gb_s = bytes / time / 1e9;
    results.push_back({args.rows[i], time * 1e3, gb_s, gb_s / stream, time / median(seconds.front())});
  }
  if (args.format == "text") {
    print_table(results, stream);
    return ExitCode::kOk;
  }
  std::string rows;
  for (const RowResult& r : results) {
    rows += cat(rows.empty() ? "" : ",", "{\"rows\":", r.rows, ",\"ms\":", r.ms, ",\"gb_s\":", r.gb_s,
                ",\"share\":", r.share, ",\"ratio\":", r.ratio, "}");
  }
  std::printf("{%s,\"rows\":[%s]}\n", bench.head(stream, args.context).c_str(), rows.c_str());
  return ExitCode::kOk;
}

ExitCode bench_decode_command(const BenchArgs& args) {
  if (args.tokens < 1) throw ConfigError(cat("--tokens ", args.tokens, " is out of range 1.."));
  Bench bench(args, args.tokens + 1);
  std::vector<double> streams;
  int64_t token = 1;
  const std::vector<int> only = {0};
  const auto step = [&] {
    const Pass pass = bench.model->forward(chain_rows(1, token, bench.model->vocab()), *bench.cache, {});
    bench.cache->commit(0, only);
    const float* logits = pass.logits.const_data_ptr<float>();
    token = std::max_element(logits, logits + bench.model->vocab()) - logits;
  };
  step();
  for (int i = 0; i < 3; ++i) streams.push_back(bench.probe.gigabytes_per_second());
  const double start = seconds_now();
  for (int64_t i = 0; i < args.tokens; ++i) step();
  const double seconds = seconds_now() - start;
  for (int i = 0; i < 3; ++i) streams.push_back(bench.probe.gigabytes_per_second());
  const double ms = seconds * 1e3 / double(args.tokens), tok_s = double(args.tokens) / seconds,
               stream = median(streams);
  if (args.format == "text") {
    std::printf("%.3f ms per token, %.1f tokens/s (stream %.1f GB/s)\n", ms, tok_s, stream);
  } else {
    std::printf("{\"ms_per_token\":%.6g,\"tok_s\":%.6g,\"tokens\":%lld,%s}\n", ms, tok_s,
                static_cast<long long>(args.tokens), bench.head(stream, args.context).c_str());
  }
  return ExitCode::kOk;
}

}  // namespace specula
