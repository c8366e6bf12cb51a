// What the decode loop, drafters and tests know of a model: rows in, logits out, and a cache with one verb.
// B sequences, R rows, V vocabulary, H hidden size, L layers, S hidden sites asked for.  Row 0 of a verification pass
// is the last committed token: its KV is not cached yet, so R rows in give R distributions out.  Licence: Apache-2.0.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "framework/core/tensor.h"
#include "framework/core/token.h"

namespace specula {

// The rows of one pass.  A sequence's padding (token -1) stands at the end of its line and takes no slot.
struct Rows {
  Tensor token;  // [B,R] int64, -1 pads
  Tensor
      parent;  // [B,R] int64: tentative slot of the parent, -1 = the committed text.  Slots count the tentative rows of
               // the sequence, those of earlier passes first, so row r of a first pass is slot r; parent < own slot
  Tensor hidden{};  // [B,R,H] float32, row by row: of a head (HeadTraits) the state that the row carries; with
                    // Ask::first_layer > 0 the input of that layer; else undefined
};

enum class Logits { kNone, kLast, kAll };  // 4k x 32k float32 of a prefill would be half a gigabyte

// What a row sees of the committed text, beside itself and its tentative ancestors.  Keys keep the absolute positions
// at which they were stored; StreamingLLM (Xiao et al. 2024), where sinks and a window come from, numbers them anew.
struct KvView {
  int64_t sinks = -1, window = -1;  // the first `sinks` slots and the last `window` slots; -1 for both: all
  int64_t rewind = 0;  // as if the last `rewind` slots did not exist: the pass continues the text before them, at their
                       // positions.  So text that stands already can be asked again, with other layers
  bool is_whole() const { return sinks < 0 && rewind == 0; }
  bool operator==(const KvView&) const = default;
};

// The head of a model for some tokens only, made once by LanguageModel::partial_head.
class PartialHead {
 public:
  explicit PartialHead(std::vector<Token> of) : tokens(std::move(of)) {}
  virtual ~PartialHead() = default;
  const std::vector<Token> tokens;  // [N] column i of the logits is of tokens[i]
};

// Nobody pays for what nobody asked; the loop takes the union of what drafter and verifier want.  What stands below
// `hidden` is for passes of a drafter's own: it makes another model of the target's layers, or resumes one.
struct Ask {
  Logits logits = Logits::kAll;
  std::vector<int> hidden{};  // sites: l < L input of layer l; L before the final norm; L+1 after it

  // > 0: the pass resumes where an earlier one stopped.  Its rows are ALL tentative slots of each sequence, in their
  // order, with the states that Ask::hidden = {first_layer} gave of them; layers from here on are filled in, and
  // sites below are not to be had.  In an engine that is invariant by construction the bits are those of one pass.
  int first_layer = 0;
  // [L] or empty (every layer runs): a block that is skipped leaves the residual stream as it is, reads no weights and
  // stores no keys, so its slots must be rolled back, or resumed at the first layer that did not run.  Skipping both of
  // all layers from E on is an early exit after E layers: final norm and head read what layer E would have got.
  std::vector<char> skip_attention{}, skip_mlp{};
  KvView view{};
  const PartialHead* head = nullptr;  // logits are [.., N], of its tokens; null: of the vocabulary.  Of the same model

  bool is_plain() const {
    return skip_attention.empty() && skip_mlp.empty() && first_layer == 0 && view.is_whole() && head == nullptr;
  }
};
Ask unite(const Ask& a, const Ask& b);  // of plain ones; throws std::logic_error
// The first `layers` of `all_layers`, then final norm and head.
Ask exit_after(int64_t layers, int64_t all_layers, Logits logits);

struct Pass {
  Tensor logits;  // [B,R,V] float32 (kAll), [B,1,V] the last row that is not padding (kLast), undefined (kNone)
  Tensor hidden;  // [B,R,S,H] float32 in the order of Ask::hidden; undefined if none was asked
  std::vector<int> sites{};  // [S] what was asked, where several asked: the loop says it of the target's passes
};

// Keys and values of B sequences.  `forward` leaves its rows as tentative slots; `commit` keeps a path of them.
class KvCache {
 public:
  virtual ~KvCache() = default;
  virtual int64_t size(int b) const = 0;   // committed slots
  virtual int tentative(int b) const = 0;  // slots added since the last commit
  virtual void commit(int b,
                      std::span<const int> slots) = 0;  // keeps these (ascending), in this order; drops the others
  virtual void truncate(int b, int64_t size) = 0;       // drops committed slots from the end, and all tentative ones
  virtual std::unique_ptr<KvCache> fork() const = 0;    // a deep copy: one prefill may serve several arms
  void rollback(int b) { commit(b, {}); }
};

// What sets a drafter's head apart from a model that drafts by itself (Medusa, Cai et al. 2024; EAGLE, Li et al. 2024;
// MTP, DeepSeek-AI 2024): each of its rows carries a state beside its token.  A row of the text carries the target's
// states at the token before it, joined; a drafted row what the pass over its parent gave at `own`.  Where `lag` is 0
// every row carries the state at its own token, and whoever drafts gets it from the target's first layers (Kangaroo,
// Liu et al. 2024).
struct HeadTraits {
  std::string kind;        // "medusa", "eagle": the drafter that knows how to use it
  std::vector<int> sites;  // of the target, in the order in which they are joined
  int own = 0;             // site of the head's own passes
  int lag = 1;             // tokens between a row and that whose state it carries: 1, 0
  int64_t width = 0;       // H, numbers of the state of a row
  bool attends = false;    // to earlier rows, all of which must be fed; else the state of the last one is enough
  int depth = 0;           // tokens below the root that it can name; 0: any number
};

// Const after loading, so that drafter and target may share the weights.  forward() may be called from one thread at a
// time per cache.
class LanguageModel {
 public:
  virtual ~LanguageModel() = default;
  virtual int64_t vocab() const = 0;
  virtual int64_t context() const = 0;  // positions the model was made for
  virtual int64_t layers() const = 0;   // L
  // `reserve` slots per sequence are allocated at once; a cache that needs more grows.
  virtual std::unique_ptr<KvCache> new_cache(int batch, int64_t reserve) const = 0;
  // Adds R tentative slots (fewer where padded) to those already there.  A row sees the committed slots and its
  // ancestors.
  virtual Pass forward(const Rows& rows, KvCache& cache, const Ask& ask) const = 0;
  // A copy of the head's rows for these tokens, distinct and within the vocabulary, so that a pass need not read the
  // others.  Null: this model has no smaller head, and whoever wants fewer tokens takes them from all logits.
  virtual std::unique_ptr<PartialHead> partial_head(const std::vector<Token>& /*tokens*/) const { return nullptr; }
  // Null: its rows are tokens alone.
  virtual const HeadTraits* head_traits() const { return nullptr; }
  // Of a head: the states [n,S,H of the target] float32 of its sites -> what rows carry, [n,H] float32.
  virtual Tensor join(const Tensor& states) const;
};

}  // namespace specula
