#include <algorithm>

#include "experiments/bench/session.h"
#include "framework/core/clock.h"
#include "framework/decode/rows.h"

namespace specula {
namespace {

constexpr int64_t kBlock = 8;  // tokens that a model decodes in its turn

// Greedy decoding, one token after the other.
class Decoder {
 public:
  Decoder(const LoadedModel& model, int64_t context, int64_t more)
      : model_(model), cache_(bench_cache(model, context, more)) {}

  double seconds_of_step() {
    const double start = seconds_now();
    const Pass pass = model_.forward(make_rows({RowList::chain({&token_, 1})}), *cache_, {});
    cache_->commit(0, root_);
    const float* const logits = pass.logits.const_data_ptr<float>();
    token_ = static_cast<Token>(std::max_element(logits, logits + model_.vocab()) - logits);
    return seconds_now() - start;
  }
  const LoadedModel& model() const { return model_; }

  Samples seconds{};

 private:
  const LoadedModel& model_;
  std::unique_ptr<KvCache> cache_;
  const std::vector<int> root_ = {0};
  Token token_ = 1;
};

}  // namespace

// Blocks of tokens take turns; the first step of a block is not timed, since the probe and the other models took the
// processor's caches.
ExitCode bench_decode_command(const BenchDecodeArgs& args) {
  check_at_least("--tokens", args.tokens, 1);
  check_at_least("--context", args.context, 1);
  const std::vector<BenchChoice> choices =
      choose_models({.role = "model", .folder = args.model, .dtypes = args.dtypes}, args.device);
  const int64_t untimed = (args.tokens + kBlock - 1) / kBlock + kBlock;
  check_room(choices.front(), args.context + args.tokens + untimed,
             cat("--context ", args.context, ", --tokens ", args.tokens, " and ", untimed, " untimed tokens"));

  BenchSession session("bench decode", args);
  std::vector<Decoder> decoders;
  decoders.reserve(choices.size());
  for (const BenchChoice& choice : choices)
    decoders.emplace_back(session.load(choice), args.context, args.tokens + untimed);
  for (Decoder& decoder : decoders) {
    for (int64_t i = 0; i < kBlock; ++i) decoder.seconds_of_step();
  }
  for (int64_t done = 0; done < args.tokens; done += kBlock) {
    session.read_stream();
    for (Decoder& decoder : decoders) {
      decoder.seconds_of_step();
      for (int64_t i = done; i < std::min(done + kBlock, args.tokens); ++i)
        decoder.seconds.push_back(decoder.seconds_of_step());
    }
  }
  std::vector<BenchRow> rows;
  for (const Decoder& decoder : decoders) {
    rows.push_back({.keys = {{"dtype", std::string(name_of(decoder.model().dtype()))},
                             {"context", args.context},
                             {"tokens", args.tokens}},
                    .figures = {figure("ms_per_token", scaled(decoder.seconds, 1e3)),
                                figure("tok_s", inverse(decoder.seconds, 1))},
                    .repeats = static_cast<int>(args.tokens)});
  }
  return session.finish(std::move(rows), args.context);
}

}  // namespace specula
