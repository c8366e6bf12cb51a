#include "experiments/trace/layer_times.h"

#include <algorithm>

#include "experiments/stream.h"
#include "framework/core/clock.h"
#include "framework/decode/decode.h"
#include "framework/decode/rows.h"

namespace specula {

LayerTimes time_layers(const LanguageModel& model, const std::vector<Token>& text) {
  constexpr int kTurns = 31, kWarm = 3;
  const InferenceScope inference;
  const auto layers = static_cast<size_t>(model.layers());
  const auto cache = model.new_cache(1, static_cast<int64_t>(text.size()) + 1);
  prefill(model, *cache, {&text, 1}, {.logits = Logits::kNone});
  const Rows row = make_rows({RowList::chain({&text.back(), 1})});
  std::vector<std::vector<double>> seconds(layers + 2);  // after 0, 1, ... L layers, and with the head
  for (int turn = -kWarm; turn < kTurns; ++turn) {
    for (size_t depth = 0; depth < seconds.size(); ++depth) {
      Ask ask{.logits = depth > layers ? Logits::kLast : Logits::kNone};
      if (depth < layers) {
        ask.skip_attention.assign(layers, 1);
        std::fill_n(ask.skip_attention.begin(), depth, 0);
        ask.skip_mlp = ask.skip_attention;
      }
      const double start = seconds_now();
      model.forward(row, *cache, ask);
      if (turn >= 0) seconds[depth].push_back(seconds_now() - start);
      cache->rollback(0);
    }
  }
  std::vector<double> medians;
  for (std::vector<double>& of_depth : seconds) medians.push_back(median(std::move(of_depth)));
  LayerTimes times{.below = medians[0], .turns = kTurns};
  for (size_t l = 0; l < layers; ++l) times.layer.push_back(medians[l + 1] - medians[l]);
  times.head = medians[layers + 1] - medians[layers];
  return times;
}

}  // namespace specula
