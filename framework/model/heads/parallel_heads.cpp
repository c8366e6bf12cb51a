#include "framework/model/heads/parallel_heads.h"

#include <ATen/ops/full.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>

#include <algorithm>

namespace specula {

ParallelHeads::ParallelHeads(std::unique_ptr<DecoderModel> layers) : RoundHeads(std::move(layers)) {
  const DecoderWeights& weights = decoder().weights();
  mask_state_ = join(at::tensor(weights.mask_state()).view({1, -1, weights.config().state.target_hidden}))
                    .squeeze(0)
                    .contiguous();
}

// One pass: the rows of the text, and behind them the masks of the rounds that are asked for the first time.
void ParallelHeads::feed(const Fed& fed, RoundCache& cache, const PartialHead* head) const {
  const int64_t masks = cache.tokens - 1;
  const auto of_text = [&](size_t b) { return fed.is_text[b] == 0 ? 0 : fed.in.count(static_cast<int>(b)); };
  std::vector<size_t> asked;
  int64_t width = 0;
  for (size_t b = 0; b < cache.batch(); ++b) {
    const bool is_new = fed.is_asked[b] != 0 && !cache.round(b).named.defined();
    if (is_new) asked.push_back(b);
    width = std::max(width, of_text(b) + (is_new ? masks : 0));
  }
  const Pass pass = width == 0 ? Pass() : over(fed, cache, asked, width, head);
  for (const size_t b : asked) {
    Tensor& named = cache.rounds[b].named;
    const Tensor own = width == 0 ? Tensor() : pass.logits[static_cast<int64_t>(b)];
    if (of_text(b) > 0) {
      named = own.narrow(0, of_text(b) - 1, masks + 1);
      continue;
    }
    // Of a root that was fed without being asked nothing is known; nobody can ask it any more.
    named = at::zeros({masks + 1, head == nullptr ? vocab() : static_cast<int64_t>(head->tokens.size())});
    if (masks > 0) named.narrow(0, 1, masks).copy_(own.narrow(0, 0, masks));
  }
}

// Rows of the text, and behind them the masks of those that are asked.
Pass ParallelHeads::over(const Fed& fed, RoundCache& cache, const std::vector<size_t>& asked, int64_t width,
                         const PartialHead* head) const {
  const auto batch = static_cast<int64_t>(cache.batch());
  const int64_t given = fed.in.rows(), size = mask_state_.size(0);
  const Rows rows{.token = at::full({batch, width}, -1, at::kLong),
                  .parent = at::full({batch, width}, -1, at::kLong),
                  .hidden = at::zeros({batch, width, size}, at::kFloat)};
  int64_t* const token = rows.token.mutable_data_ptr<int64_t>();
  int64_t* const parent = rows.parent.mutable_data_ptr<int64_t>();
  float* const hidden = rows.hidden.mutable_data_ptr<float>();
  const Tensor states = fed.rows.hidden.contiguous();
  std::vector<int64_t> end(cache.batch(), 0);  // of the rows of the text
  for (size_t b = 0; b < cache.batch(); ++b) {
    if (fed.is_text[b] == 0) continue;
    const auto s = static_cast<int>(b);
    end[b] = fed.in.count(s);
    for (int64_t r = 0; r < end[b]; ++r) {
      token[s * width + r] = fed.in.token(s, r);
      parent[s * width + r] = fed.in.parent(s, r);
    }
    std::copy_n(states.const_data_ptr<float>() + s * given * size, end[b] * size, hidden + s * width * size);
  }
  for (const size_t b : asked) {
    const int64_t first = static_cast<int64_t>(b) * width + end[b];
    for (int64_t k = 0; k < cache.tokens - 1; ++k) {
      token[first + k] = mask_token();
      parent[first + k] = cache.round(b).text - 1 + k;
      std::copy_n(mask_state_.const_data_ptr<float>(), size, hidden + (first + k) * size);
    }
  }
  const Logits logits = asked.empty() ? Logits::kNone : Logits::kAll;
  return decoder().forward(rows, *cache.text, {.logits = logits, .head = head});
}

}  // namespace specula
