#include "framework/model/heads/block_heads.h"

#include <ATen/ops/full.h>
#include <ATen/ops/zeros.h>

#include <algorithm>

#include "framework/core/error.h"
#include "framework/model/pass_input.h"
#include "framework/model/slot_book.h"

namespace specula {
namespace {

class BlockCache final : public KvCache {
 public:
  BlockCache(std::unique_ptr<KvCache> of_text, int batch, int of_block)
      : text(std::move(of_text)), rounds(static_cast<size_t>(batch)), block(of_block) {}
  int64_t size(int b) const override { return text->size(b); }
  int tentative(int b) const override { return round(b).text + round(b).drafts.tentative(); }
  void commit(int b, std::span<const int> slots) override {
    SPECULA_CHECK(slots.empty() || slots.back() < round(b).text, "slot ", slots.back(),
                  " is a draft's; only rows of the text can be kept");
    text->commit(b, slots);
    rounds[static_cast<size_t>(b)] = {};
  }
  void truncate(int b, int64_t size) override {
    text->truncate(b, size);
    rounds[static_cast<size_t>(b)] = {};
  }
  std::unique_ptr<KvCache> fork() const override {
    auto copy = std::make_unique<BlockCache>(text->fork(), static_cast<int>(rounds.size()), block);
    copy->rounds = rounds;
    return copy;
  }

  // Since the last commit.
  struct Round {
    int text = 0;       // rows of the text, the first tentative slots; the root is the last of them
    Token root = -1;    // its token
    SlotBook drafts{};  // the slots behind them
    Tensor named{};     // [block - 1,V] what the masks name; undefined: the block was not asked
  };
  const Round& round(int b) const { return rounds[static_cast<size_t>(b)]; }

  std::unique_ptr<KvCache> text;  // its tentative slots: rows of the text, behind them those of the block
  std::vector<Round> rounds;      // [B]
  int block;                      // rows of it
};

// A row of the pass that gets logits.
struct Asked {
  int sequence;
  int64_t logits_row;
  int depth;  // 0: the root
};

// Passes over the blocks that are asked for the first time since their roots were given.
void name_blocks(const DecoderModel& layers, BlockCache& cache, const std::vector<Asked>& asked,
                 const PartialHead* head) {
  const Token mask = static_cast<Token>(layers.weights().config().state.mask_token);
  const auto batch = static_cast<int64_t>(cache.rounds.size());
  Rows rows{.token = at::full({batch, cache.block}, -1, at::kLong),
            .parent = at::full({batch, cache.block}, -1, at::kLong)};
  bool is_any = false;
  for (const Asked& row : asked) {
    const BlockCache::Round& round = cache.round(row.sequence);
    if (round.named.defined()) continue;
    is_any = true;
    int64_t* token = rows.token[row.sequence].mutable_data_ptr<int64_t>();
    int64_t* parent = rows.parent[row.sequence].mutable_data_ptr<int64_t>();
    for (int k = 0; k < cache.block; ++k) {
      token[k] = k == 0 ? round.root : mask;
      parent[k] = round.text - 1 + k;
    }
  }
  if (!is_any) return;
  const Pass pass = layers.forward(rows, *cache.text, {.logits = Logits::kAll, .head = head});
  for (const Asked& row : asked) {
    Tensor& named = cache.rounds[static_cast<size_t>(row.sequence)].named;
    if (!named.defined()) named = pass.logits[row.sequence].narrow(0, 1, cache.block - 1);
  }
}

}  // namespace

std::unique_ptr<KvCache> BlockHeads::new_cache(int batch, int64_t reserve, int block) const {
  SPECULA_CHECK(block >= 2 && block <= traits().depth + 1, "a block of ", block, " rows");
  return std::make_unique<BlockCache>(layers_->new_cache(batch, reserve + block), batch, block);
}

Pass BlockHeads::forward(const Rows& rows, KvCache& cache, const Ask& ask) const {
  auto* own = dynamic_cast<BlockCache*>(&cache);
  SPECULA_CHECK(own != nullptr, "the cache was made by another model");
  Ask whole = ask;
  whole.head = nullptr;
  SPECULA_CHECK(whole.is_plain() && (ask.hidden.empty() || ask.hidden == std::vector<int>{traits().own}),
                "heads have whole passes and one site");
  const auto batch = static_cast<int>(own->rounds.size());
  const PassInput in(rows, cache, batch, {.logits = ask.logits}, info(), traits().width);

  std::vector<Asked> asked;
  bool has_text = false;
  Rows text{.token = rows.token.clone(), .parent = rows.parent, .hidden = rows.hidden};
  for (int b = 0; b < batch; ++b) {
    BlockCache::Round& round = own->rounds[static_cast<size_t>(b)];
    const bool is_text = round.text == 0;
    if (!is_text) text.token[b].fill_(-1);
    for (int64_t r = 0; r < in.count(b); ++r) {
      const bool is_root = is_text && r == in.count(b) - 1;
      const int above = in.parent(b, r) - round.text;  // a draft; -1: the root
      const int depth = is_text ? 0 : round.drafts.depth(round.drafts.add(above)) + 1;
      if ((is_root || !is_text) && in.logits_row(b, r) >= 0)
        asked.push_back({.sequence = b, .logits_row = in.logits_row(b, r), .depth = depth});
    }
    if (!is_text || in.count(b) == 0) continue;
    has_text = true;
    round.text = static_cast<int>(in.count(b));
    round.root = static_cast<Token>(in.token(b, in.count(b) - 1));
  }
  if (has_text) layers_->forward(text, *own->text, {.logits = Logits::kNone});
  name_blocks(*layers_, *own, asked, ask.head);

  Pass pass;
  if (!ask.hidden.empty()) pass.hidden = at::zeros({in.batch(), in.rows(), 1, traits().width}, at::kFloat);
  if (ask.logits == Logits::kNone) return pass;
  const int64_t outputs = ask.head == nullptr ? vocab() : static_cast<int64_t>(ask.head->tokens.size());
  pass.logits = at::zeros({in.batch() * in.logits_lines(), outputs}, at::kFloat);
  for (const Asked& row : asked)
    pass.logits[row.logits_row].copy_(own->round(row.sequence).named[std::min(row.depth, own->block - 2)]);
  pass.logits = pass.logits.view({in.batch(), in.logits_lines(), outputs});
  return pass;
}

ShorterBlock::ShorterBlock(const BlockHeads& head, int block)
    : WrappedModel(head), head_(head), traits_(*head.head_traits()) {
  traits_.depth = block - 1;
}

}  // namespace specula
