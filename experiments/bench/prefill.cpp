#include "experiments/bench/gemm.h"
#include "experiments/bench/session.h"
#include "framework/core/clock.h"
#include "framework/core/files.h"
#include "framework/decode/rows.h"
#include "framework/model/architecture/decoder_config.h"

namespace specula {
namespace {

// Products of a prefill of `tokens` tokens: every matrix of the layers that a row uses (prefill asks for no logits, so
// the head is left out) and the two of causal attention, 2 operations a multiplication.
double prefill_flops(const std::string& folder, int64_t tokens) {
  const std::string file = folder + "/config.json";
  const DecoderConfig config = parse_decoder_config(read_file(file), file);
  double weights = 0;
  for (const TensorSpec& tensor : expected_tensors(config)) {
    if (tensor.shape.size() != 2 || !tensor.name.starts_with("layers.")) continue;
    const bool is_chosen = tensor.name.find(".experts.") != std::string::npos;
    const double share = is_chosen ? double(config.experts.top) / double(config.experts.count) : 1;
    weights += share * static_cast<double>(tensor.shape[0] * tensor.shape[1]);
  }
  const double pairs = static_cast<double>(tokens) * static_cast<double>(tokens + 1) / 2;
  const double attention = 2 * pairs * static_cast<double>(config.heads * config.head_dim * config.layers);
  return 2 * (weights * static_cast<double>(tokens) + attention);
}

struct Subject {
  const LoadedModel& model;
  std::unique_ptr<KvCache> cache;
  GemmProbe probe;
  Samples seconds{}, gemm{};
};

double seconds_of_prefill(Subject& subject, const Prefix& prompt) {
  const double start = seconds_now();
  prefill(subject.model, *subject.cache, {&prompt, 1}, {.logits = Logits::kNone});
  const double seconds = seconds_now() - start;
  subject.cache->truncate(0, 0);
  return seconds;
}

}  // namespace

ExitCode bench_prefill_command(const BenchPrefillArgs& args) {
  check_at_least("--tokens", args.tokens, 1);
  const std::vector<BenchChoice> choices =
      choose_models({.role = "model", .folder = args.model, .dtypes = args.dtypes}, args.device);
  check_room(choices.front(), args.tokens + 1, cat("--tokens ", args.tokens, " and the first new one"));

  BenchSession session("bench prefill", args);
  const int64_t vocab = choices.front().info.vocab;
  Prefix prompt;  // the last token is left to the first round
  for (int64_t i = 0; i <= args.tokens; ++i) prompt.push_back(static_cast<Token>((1 + i * 31) % vocab));
  std::vector<Subject> subjects;
  for (const BenchChoice& choice : choices) {
    const LoadedModel& model = session.load(choice);
    subjects.push_back(
        {model, model.new_cache(1, args.tokens), GemmProbe(choice.dtype == Dtype::kFloat32, args.device)});
  }
  for (int turn = -1; turn < args.repeats; ++turn) {  // the first warms up
    session.read_stream();
    for (Subject& subject : subjects) {
      const double rate = subject.probe.gigaflops(), seconds = seconds_of_prefill(subject, prompt);
      if (turn < 0) continue;
      subject.gemm.push_back(rate);
      subject.seconds.push_back(seconds);
    }
  }
  const double gigaflops = prefill_flops(args.model, args.tokens) * 1e-9;
  std::vector<BenchRow> rows;
  for (const Subject& s : subjects) {
    const Samples speed = inverse(s.seconds, gigaflops);
    rows.push_back(
        {.keys = {{"dtype", std::string(name_of(s.model.dtype()))}, {"tokens", args.tokens}},
         .figures = {figure("ms", scaled(s.seconds, 1e3)),
                     figure("tok_s", inverse(s.seconds, static_cast<double>(args.tokens))), figure("gflop_s", speed),
                     figure("gemm_gflop_s", s.gemm), figure("share", ratios(speed, s.gemm))},
         .repeats = args.repeats});
  }
  return session.finish(std::move(rows), args.tokens);
}

}  // namespace specula
