#include "framework/model/heads/round_heads.h"

#include <ATen/ops/zeros.h>

#include <algorithm>

#include "framework/core/error.h"

namespace specula {
namespace {

// A row of the pass that gets logits.
struct Asked {
  size_t sequence;
  int64_t logits_row;
  int depth;  // 0: the root
};

}  // namespace

int RoundCache::tentative(int b) const {
  const Round& of = round(static_cast<size_t>(b));
  return of.text + of.drafts.tentative();
}

void RoundCache::commit(int b, std::span<const int> slots) {
  Round& of = rounds[static_cast<size_t>(b)];
  SPECULA_CHECK(slots.empty() || slots.back() < of.text, "slot ", slots.back(),
                " is a draft's; only rows of the text can be kept");
  text->commit(b, slots);
  of = {};
}

void RoundCache::truncate(int b, int64_t size) {
  text->truncate(b, size);
  rounds[static_cast<size_t>(b)] = {};
}

std::unique_ptr<KvCache> RoundCache::fork() const {
  auto copy = std::make_unique<RoundCache>(text->fork(), static_cast<int>(rounds.size()), tokens);
  copy->rounds = rounds;
  return copy;
}

std::unique_ptr<KvCache> RoundHeads::new_cache(int batch, int64_t reserve, int tokens) const {
  SPECULA_CHECK(tokens >= 1 && tokens <= head_traits()->depth, "a round of ", tokens, " tokens");
  return std::make_unique<RoundCache>(layers_->new_cache(batch, reserve + tokens + 1), batch, tokens);
}

Pass RoundHeads::forward(const Rows& rows, KvCache& cache, const Ask& ask) const {
  auto* own = dynamic_cast<RoundCache*>(&cache);
  SPECULA_CHECK(own != nullptr, "the cache was made by another model");
  const HeadTraits& traits = *head_traits();
  Ask whole = ask;
  whole.head = nullptr;
  SPECULA_CHECK(whole.is_plain() && (ask.hidden.empty() || ask.hidden == std::vector<int>{traits.own}),
                "heads have whole passes and one site");
  const PassInput in(rows, cache, static_cast<int>(own->batch()), {.logits = ask.logits}, info(), traits.width);

  std::vector<Asked> asked;
  Fed fed{.rows = rows, .in = in, .is_text = std::vector<char>(own->batch()), .is_asked = {}};
  fed.is_asked = fed.is_text;
  for (size_t b = 0; b < own->batch(); ++b) {
    RoundCache::Round& round = own->rounds[b];
    const auto s = static_cast<int>(b);
    const int64_t count = in.count(s);
    const bool is_text = round.text == 0 && count > 0;
    for (int64_t r = 0; r < count; ++r) {
      const bool is_root = is_text && r == count - 1;
      const int above = in.parent(s, r) - round.text;  // a draft; -1: the root
      const int depth = is_text ? 0 : round.drafts.depth(round.drafts.add(above)) + 1;
      if ((is_text && !is_root) || in.logits_row(s, r) < 0) continue;
      asked.push_back({.sequence = b, .logits_row = in.logits_row(s, r), .depth = depth});
      fed.is_asked[b] = 1;
    }
    if (!is_text) continue;
    fed.is_text[b] = 1;
    round.text = static_cast<int>(count);
    round.root = static_cast<Token>(in.token(s, count - 1));
  }
  feed(fed, *own, ask.head);

  Pass pass;
  if (!ask.hidden.empty()) pass.hidden = at::zeros({in.batch(), in.rows(), 1, traits.width}, at::kFloat);
  if (ask.logits == Logits::kNone) return pass;
  const int64_t outputs = ask.head == nullptr ? vocab() : static_cast<int64_t>(ask.head->tokens.size());
  pass.logits = at::zeros({in.batch() * in.logits_lines(), outputs}, at::kFloat);
  for (const Asked& row : asked) {
    const float* named = own->round(row.sequence).named.const_data_ptr<float>();
    std::copy_n(named + std::min(row.depth, own->tokens - 1) * outputs, outputs,
                pass.logits.mutable_data_ptr<float>() + row.logits_row * outputs);
  }
  pass.logits = pass.logits.view({in.batch(), in.logits_lines(), outputs});
  return pass;
}

ShorterRounds::ShorterRounds(const RoundHeads& head, int tokens)
    : WrappedModel(head), head_(head), traits_(*head.head_traits()) {
  traits_.depth = tokens;
}

}  // namespace specula
