// hash_model: a deterministic toy language model whose every distribution can be enumerated.  The logits after a
// history are a hash of its last `order` tokens; a draft model is made to agree with it by mixing its logits in.  No
// weights, no tokenizer.
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
};

class HashModel final : public LanguageModel {
 public:
  explicit HashModel(HashOptions options) : options_(options) {}
  int64_t vocab() const override { return options_.vocab; }
  int64_t context() const override { return 4096; }
  std::unique_ptr<KvCache> new_cache(int batch, int64_t reserve) const override;
  Pass forward(const Rows& rows, KvCache& cache, const Ask& ask) const override;
  std::vector<float> logits(const Prefix& history) const;  // [V] after the last token of `history`

 private:
  HashOptions options_;
};

}  // namespace specula
