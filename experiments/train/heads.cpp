// `specula train medusa|hydra|mlp_speculator|eagle|eagle3|peagle|mtp|kangaroo|block_diffusion|parallel_draft`: a head,
// or a draft model that names many tokens at once, learns to draft for a target.  Licence: Apache-2.0.
#include <algorithm>
#include <numeric>

#include "experiments/train/head_keys.h"
#include "experiments/train/model_keys.h"
#include "experiments/train/training.h"
#include "framework/train/block_head.h"
#include "framework/train/decoder_head.h"
#include "framework/train/head_training.h"
#include "framework/train/parallel_draft.h"
#include "framework/train/step_head.h"

namespace specula {
namespace {

// The most frequent ones, ascending; where counts tie, the lower id.
std::vector<Token> frequent_tokens(const TrainTexts& texts, int64_t vocab, int64_t most) {
  if (most == 0) return {};
  std::vector<int64_t> counts(static_cast<size_t>(vocab), 0);
  for (const TokenSource& source : texts.sources) {
    for (const Token token : source.ids) ++counts.at(static_cast<size_t>(token));
  }
  std::vector<Token> order(static_cast<size_t>(vocab));
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(),
                   [&](Token a, Token b) { return counts[static_cast<size_t>(a)] > counts[static_cast<size_t>(b)]; });
  order.resize(static_cast<size_t>(std::min(most, vocab)));
  std::sort(order.begin(), order.end());
  return order;
}

std::unique_ptr<DraftNetwork> network_of(const HeadKeys& keys, const std::shared_ptr<FrozenTarget>& target,
                                         const TrainTexts& texts, uint64_t seed, const DecoderTraining& training) {
  if (keys.kind == "medusa" || keys.kind == "hydra" || keys.kind == "mlp_speculator") {
    return make_step_head({.kind = keys.kind,
                           .levels = keys.levels,
                           .blocks = keys.blocks,
                           .inner = keys.inner,
                           .shared_output = keys.shared_output,
                           .prefix = keys.prefix},
                          target, seed, training);
  }
  const std::vector<int> sites(keys.sites.begin(), keys.sites.end());
  if (keys.kind == "block_diffusion") {
    return make_block_head({.sizes = {.layers = keys.layers,
                                      .intermediate = keys.intermediate,
                                      .heads = keys.heads,
                                      .kv_heads = keys.kv_heads},
                            .block = keys.block,
                            .mask = static_cast<Token>(keys.mask_token),
                            .sites = sites},
                           target, seed, training);
  }
  return make_decoder_head({.kind = keys.kind,
                            .intermediate = keys.intermediate,
                            .heads = keys.heads,
                            .kv_heads = keys.kv_heads,
                            .draft_tokens = frequent_tokens(texts, target->config().vocab, keys.draft_vocab),
                            .sites = keys.kind == "kangaroo" ? std::vector{keys.exit_layer} : sites,
                            .fc_norm = keys.fc_norm,
                            .norm_output = keys.norm_output,
                            .named = keys.kind == "peagle" ? keys.levels : 0,
                            .mask = static_cast<Token>(keys.mask_token)},
                           target, seed, training);
}

// Levels that learn: Kangaroo's are places of one, a block's are its masks.
int levels_of(const HeadKeys& keys) {
  if (keys.kind == "kangaroo") return 1;
  return keys.kind == "block_diffusion" ? keys.block - 1 : keys.levels;
}

}  // namespace

ExitCode train_head_command(const std::string& kind, const TrainModelArgs& args) {
  const bool is_model = kind == "parallel_draft";
  TrainFile file(args.config, args.overrides,
                 is_model ? std::vector<std::string>{"model", "head"} : std::vector<std::string>{"head"});
  ModelKeys model;
  if (is_model) model = read_model_keys(file);
  HeadKeys keys{.kind = kind};
  file.section("head", keys, {"target"});
  if (keys.target.empty()) file.problem("head", "target", "is missing; expected the folder of a model");
  keys.target = file.folder("head", "target");
  Training training{.kind = kind, .config = file.finish(), .tokenizer = keys.target};
  training.folders["target"] = keys.target;
  if (!model.from.empty()) training.folders["from"] = model.from;
  training.make = [&](const TrainTexts& texts) {
    const DecoderTraining how = decoder_training(training.config);
    const auto target = std::make_shared<FrozenTarget>(keys.target, how);
    const auto seed = static_cast<uint64_t>(training.config.train.seed);
    const HeadTrainingOptions options{.levels = levels_of(keys),
                                      .gamma = keys.gamma,
                                      .decay = keys.decay,
                                      .loss = parse_divergence(keys.loss),
                                      .beta = keys.beta,
                                      .data_share = keys.data_share,
                                      .feature_share = keys.feature_share,
                                      .noise = keys.noise,
                                      .seed = seed};
    return make_head_training(is_model ? make_parallel_draft(decoder_of(model, seed),
                                                             static_cast<Token>(keys.mask_token), target->config(), how)
                                       : network_of(keys, target, texts, seed, how),
                              target, options, how);
  };
  return run_training(training, args);
}

}  // namespace specula
