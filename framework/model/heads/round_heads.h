// Heads that answer a round from its first pass: what they say k places behind the last token of the text does not
// depend on the tokens drafted above it, since masks stand there.  block_heads.h (DFlash) and parallel_heads.h
// (P-EAGLE) say what a pass is made of.  Licence: Apache-2.0.
#pragma once

#include <memory>
#include <vector>

#include "framework/model/engine/decoder_model.h"
#include "framework/model/pass_input.h"
#include "framework/model/slot_book.h"
#include "framework/model/wrapped_model.h"

namespace specula {

class RoundCache final : public KvCache {
 public:
  // `of_text`: its tentative slots are rows of the text, behind them those of the masks.
  RoundCache(std::unique_ptr<KvCache> of_text, int batch, int named)
      : text(std::move(of_text)), rounds(static_cast<size_t>(batch)), tokens(named) {}
  int64_t size(int b) const override { return text->size(b); }
  int tentative(int b) const override;
  void commit(int b, std::span<const int> slots) override;
  void truncate(int b, int64_t size) override;
  std::unique_ptr<KvCache> fork() const override;

  // Since the last commit.
  struct Round {
    int text = 0;       // rows of the text, the first tentative slots; the root is the last of them
    Token root = -1;    // its token
    SlotBook drafts{};  // the slots behind them
    Tensor named{};     // [tokens,V]: what is said 0, 1, ... places below the root; undefined: not asked yet
  };
  const Round& round(size_t b) const { return rounds[b]; }
  size_t batch() const { return rounds.size(); }

  std::unique_ptr<KvCache> text;
  std::vector<Round> rounds;  // [B]
  int tokens;                 // that a pass names
};

class RoundHeads : public LoadedModel {
 public:
  // `layers`: DecoderConfig::names_rounds().
  explicit RoundHeads(std::unique_ptr<DecoderModel> layers) : layers_(std::move(layers)) {}

  const ModelInfo& info() const override { return layers_->info(); }
  Dtype dtype() const override { return layers_->dtype(); }
  std::string engine() const override { return layers_->engine(); }
  bool is_invariant_by_construction() const override { return true; }  // by kernels that are
  int64_t weight_bytes() const override { return layers_->weight_bytes(); }
  int64_t kv_bytes_per_slot() const override { return layers_->kv_bytes_per_slot(); }
  int64_t vocab() const override { return layers_->vocab(); }
  int64_t context() const override { return layers_->context(); }
  const HeadTraits* head_traits() const override { return layers_->head_traits(); }
  Tensor join(const Tensor& states) const override { return layers_->join(states); }
  std::unique_ptr<KvCache> new_cache(int batch, int64_t reserve) const override {
    return new_cache(batch, reserve, head_traits()->depth);
  }
  // Whose rounds name so many tokens: 1 .. HeadTraits::depth.
  std::unique_ptr<KvCache> new_cache(int batch, int64_t reserve, int tokens) const;
  std::unique_ptr<PartialHead> partial_head(const std::vector<Token>& tokens) const override {
    return layers_->partial_head(tokens);
  }
  // The rows of a sequence's first pass since its last commit are text, the last of them the root; those of further
  // passes are drafts.  Only the root and drafts have logits, the same for all drafts of one depth; what a drafted row
  // carries is not read, and zero.
  Pass forward(const Rows& rows, KvCache& cache, const Ask& ask) const override;

 protected:
  // A pass, of whose sequences some have rows of the text and some are asked for logits.
  struct Fed {
    const Rows& rows;
    const PassInput& in;
    std::vector<char> is_text, is_asked;  // [B]
  };
  // Feeds the rows of the text, which are in the rounds already, and names what is asked of rounds that have no names.
  virtual void feed(const Fed& fed, RoundCache& cache, const PartialHead* head) const = 0;
  const DecoderModel& decoder() const { return *layers_; }
  int64_t mask_token() const { return layers_->weights().config().state.mask_token; }

 private:
  std::unique_ptr<DecoderModel> layers_;
};

// The same head with fewer masks: cheaper passes that name fewer tokens.  The head is lent.
class ShorterRounds final : public WrappedModel {
 public:
  ShorterRounds(const RoundHeads& head, int tokens);
  const HeadTraits* head_traits() const override { return &traits_; }
  std::unique_ptr<KvCache> new_cache(int batch, int64_t reserve) const override {
    return head_.new_cache(batch, reserve, traits_.depth);
  }
  std::unique_ptr<PartialHead> partial_head(const std::vector<Token>& tokens) const override {
    return head_.partial_head(tokens);
  }
  Pass forward(const Rows& rows, KvCache& cache, const Ask& ask) const override {
    return head_.forward(rows, cache, ask);
  }

 private:
  const RoundHeads& head_;
  HeadTraits traits_;
};

}  // namespace specula
