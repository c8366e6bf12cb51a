// hash_model: a deterministic toy language model whose every distribution can be enumerated.  The logits after a
// history are a hash of its last `order` tokens; a draft model is made to agree with it by mixing its logits in.  No
// weights, no tokenizer.
//
// It has layers in name: a pass that skips blocks, exits early or sees a part of the cache gets logits that are near
// the whole model's, further away the more it leaves out.  A hidden state is a fingerprint of the row's text and of the
// layers below, so that a resumed pass can tell whether it was given the states of its rows.
#pragma once

#include <memory>
#include <vector>

#include "framework/model/language_model.h"

namespace specula {

struct HashOptions {
  uint64_t seed = 1;
  int64_t vocab = 5;
  int order = 3;                          // tokens of history that matter
  double spread = 2.0;                    // logits lie in [-spread, spread]
  const class HashModel* near = nullptr;  // mix these logits in
  double nearness = 0.0;                  // with this weight
  // [L] how much of the logits becomes foreign when a layer is skipped, half of it for each of its two blocks.
  std::vector<double> layer_weight{0.15, 0.05, 0.1, 0.15};
};

class HashModel final : public LanguageModel {
 public:
  explicit HashModel(HashOptions options) : options_(std::move(options)) {}
  int64_t vocab() const override { return options_.vocab; }
  int64_t context() const override { return 4096; }
  int64_t layers() const override { return static_cast<int64_t>(options_.layer_weight.size()); }
  std::unique_ptr<KvCache> new_cache(int batch, int64_t reserve) const override;
  Pass forward(const Rows& rows, KvCache& cache, const Ask& ask) const override;
  std::vector<float> logits(const Prefix& history) const;  // [V] after the last token of `history`

 private:
  std::vector<float> own_logits(uint64_t seed, const Prefix& history) const;
  // [V] of a pass in which the last `tentative` tokens of the history are not committed.
  std::vector<float> logits(const Prefix& history, size_t tentative, const Ask& ask) const;
  void check(const Ask& ask) const;

  HashOptions options_;
};

}  // namespace specula
