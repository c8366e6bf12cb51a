#include "framework/model/engine/decoder_model.h"

#include <ATen/ops/empty.h>

#include <algorithm>

#include "framework/core/error.h"
#include "framework/model/engine/decoder_pass.h"
#include "framework/model/engine/packed_rows.h"
#include "framework/model/spread_logits.h"

namespace specula {
namespace {

CacheShape cache_shape(const DecoderWeights& weights) {
  const DecoderConfig& config = weights.config();
  return {config.layers, config.kv_heads, config.head_dim, weights.kernels().cache_bytes};
}

// The tentative slot of a row: a new one, or that which is resumed.
int slot_of(const PassInput& in, DecoderCache& cache, int b, int64_t r) {
  if (!in.resumes()) return cache.add(b, in.parent(b, r));
  in.check_resumed(b, r, cache.book(b).parent(static_cast<int>(r)));
  return static_cast<int>(r);
}

// Gives the rows their slots in the cache and lists them, sequence by sequence.  Rows of a block see each other.
std::vector<PassRow> list_rows(const PassInput& in, DecoderCache& cache, int64_t rewind, bool is_block) {
  std::vector<PassRow> rows;
  for (int b = 0; b < cache.batch(); ++b) {
    if (!in.resumes()) cache.make_room(b, in.count(b));
    for (int64_t r = 0; r < in.count(b); ++r) {
      const int slot = slot_of(in, cache, b, r);
      rows.push_back({.sequence = b,
                      .slot = static_cast<int>(cache.size(b)) + slot,
                      .position = cache.size(b) - rewind + cache.book(b).depth(slot),
                      .token = in.token(b, r),
                      .out_row = in.out_row(b, r),
                      .logits_row = in.logits_row(b, r),
                      .seen = is_block ? cache.book(b).used() + in.count(b) - r - 1 : 0});
    }
  }
  return rows;
}

// The rows of a pass that are taken together; those of a block are not torn apart.
size_t chunk(std::span<const PassRow> rows) {
  if (rows.size() <= kMostPassRows || rows.front().seen == 0) return std::min<size_t>(rows.size(), kMostPassRows);
  size_t count = kMostPassRows;
  while (count > 0 && rows[count - 1].sequence == rows[count].sequence) --count;
  SPECULA_CHECK(count > 0, "a block of more than ", kMostPassRows, " rows");
  return count;
}

// Rows that nobody writes are zero: padding, and sequences without a row.
void clear_unwritten(float* data, int64_t row_count, int64_t row_size, const std::vector<PassRow>& rows,
                     int64_t PassRow::*row) {
  std::vector<char> written(static_cast<size_t>(row_count), 0);
  for (const PassRow& r : rows) {
    if (r.*row >= 0) written[static_cast<size_t>(r.*row)] = 1;
  }
  for (int64_t i = 0; i < row_count; ++i) {
    if (!written[static_cast<size_t>(i)]) std::fill_n(data + i * row_size, row_size, 0.0f);
  }
}

// Rows of the packed head, packed once more.
struct OwnHead final : PartialHead {
  OwnHead(const DecoderModel& model, const PackedMatrix& all, std::vector<Token> of)
      : PartialHead(std::move(of)), owner(model), matrix(all.select(tokens)) {}
  const DecoderModel& owner;
  PackedMatrix matrix;
};

}  // namespace

// What the head of a target with so many layers asks of it.
HeadTraits traits_of(const DecoderConfig& config, int64_t layers) {
  const StateConfig& state = config.state;
  const auto all = static_cast<int>(layers), own = static_cast<int>(config.layers);
  HeadTraits traits{.kind = state.kind,
                    .sites = state.sites,
                    .own = state.carries_normed ? own + 1 : own,
                    .lag = state.entry == StateEntry::kState ? 0 : 1,
                    .width = config.hidden,
                    .attends = true};
  traits.depth = static_cast<int>(state.named);
  if (traits.sites.empty()) traits.sites = {2, all / 2, all - 3};  // as EAGLE-3's own code has them
  for (int& site : traits.sites) {
    if (site == -1) site = all + 1;
    if (site < 0 || site > all + 1)
      throw Error(cat("its states are those of layer ", site, "; the target has ", all, " layers"));
  }
  return traits;
}

DecoderModel::DecoderModel(const Checkpoint& checkpoint, const Kernels& kernels, const DecoderModel* target)
    : info_(checkpoint.info()),
      weights_(checkpoint, kernels, target == nullptr ? nullptr : &target->weights()),
      draft_tokens_(checkpoint.draft_tokens()) {
  if (!checkpoint.config().is_head()) return;
  SPECULA_CHECK(target != nullptr, "a head without its target");
  try {
    traits_ = traits_of(checkpoint.config(), target->layers());
  } catch (const Error& error) {
    throw Error(cat(info_.path, ": ", error.what()));
  }
}

Tensor DecoderModel::join(const Tensor& states) const {
  Dims dims;
  dims.check(states, "states", "N S H");
  const DecoderConfig& config = weights_.config();
  const int64_t numbers = dims['S'] * dims['H'],
                expected = config.state.joined > 0 ? config.state.joined : config.hidden;
  SPECULA_CHECK(config.is_head() && numbers == expected, "states of ", numbers, " numbers; expected ", expected);
  Tensor flat = states.reshape({dims['N'], numbers});
  if (config.state.joined == 0) return flat;
  const std::vector<Norm>& norms = weights_.join_norms();
  if (!norms.empty()) {
    flat = flat.clone();
    const int64_t size = numbers / static_cast<int64_t>(norms.size());
    float* part = flat.mutable_data_ptr<float>();
    for (int64_t row = 0; row < dims['N']; ++row) {
      for (const Norm& norm : norms) {
        weights_.kernels().float_norm(norm.of_rows(), part, size, part);
        part += size;
      }
    }
  }
  return multiply(weights_.state_join(), flat);
}

std::string DecoderModel::engine() const {
  const Kernels& kernels = weights_.kernels();
  return cat("own: rows ", kernels.target, ", attention ", kernels.attention, ", products ", kernels.layer.target);
}

std::unique_ptr<KvCache> DecoderModel::new_cache(int batch, int64_t reserve) const {
  return std::make_unique<DecoderCache>(cache_shape(weights_), batch, reserve);
}

int64_t DecoderModel::kv_bytes_per_slot() const {
  const DecoderConfig& config = weights_.config();
  return 2 * config.layers * config.kv_heads * config.head_dim * weights_.kernels().cache_bytes;
}

std::unique_ptr<PartialHead> DecoderModel::partial_head(const std::vector<Token>& tokens) const {
  if (!draft_tokens_.empty()) return nullptr;
  return std::make_unique<OwnHead>(*this, weights_.head(), tokens);
}

const PackedMatrix& DecoderModel::head_of(const Ask& ask) const {
  if (ask.head == nullptr) return weights_.head();
  const auto* own = dynamic_cast<const OwnHead*>(ask.head);
  SPECULA_CHECK(own != nullptr && &own->owner == this, "the partial head was made by another model");
  return own->matrix;
}

// A table of learned positions ends, and nothing can be computed behind it.
void DecoderModel::check_positions(const PassInput& in, const DecoderCache& cache, int64_t rewind) const {
  const DecoderConfig& config = weights_.config();
  if (config.learned_positions == 0 || in.resumes()) return;
  const int64_t most = config.learned_positions - config.position_offset;
  for (int b = 0; b < cache.batch(); ++b) {
    std::vector<int> depths;  // of the tentative slots, then of the rows
    for (int slot = 0; slot < cache.tentative(b); ++slot) depths.push_back(cache.book(b).depth(slot));
    for (int64_t r = 0; r < in.count(b); ++r) {
      const int parent = in.parent(b, r);
      depths.push_back(parent < 0 ? 0 : depths[static_cast<size_t>(parent)] + 1);
      const int64_t position = cache.size(b) - rewind + depths.back();
      if (position < most) continue;
      throw Error(
          cat(info_.path, ": sequence ", b, " reaches position ", position, "; the model has learned 0..", most - 1));
    }
  }
}

Pass DecoderModel::forward(const Rows& rows, KvCache& cache, const Ask& ask) const {
  auto* own = dynamic_cast<DecoderCache*>(&cache);
  SPECULA_CHECK(own != nullptr && own->shape() == cache_shape(weights_), "the cache was made by another model");
  const int64_t hidden = weights_.config().hidden;
  const bool is_block = weights_.config().drafts_blocks() && !rows.hidden.defined();
  const PassInput in(rows, cache, own->batch(), ask, info_, weights_.config().is_head() && !is_block ? hidden : 0);
  const int64_t batch = in.batch(), row_count = in.rows(), sites = static_cast<int64_t>(ask.hidden.size());
  check_positions(in, *own, ask.view.rewind);
  const std::vector<PassRow> list = list_rows(in, *own, ask.view.rewind, is_block);

  Pass pass;
  const PackedMatrix& head = head_of(ask);
  PassOutputs outputs{.logits = nullptr, .head = &head, .hidden = nullptr, .sites = ask.hidden};
  if (ask.logits != Logits::kNone) {
    const int64_t lines = in.logits_lines();
    pass.logits = at::empty({batch, lines, head.outputs()}, at::kFloat);
    outputs.logits = pass.logits.mutable_data_ptr<float>();
    clear_unwritten(outputs.logits, batch * lines, head.outputs(), list, &PassRow::logits_row);
  }
  if (sites > 0) {
    pass.hidden = at::empty({batch, row_count, sites, hidden}, at::kFloat);
    outputs.hidden = pass.hidden.mutable_data_ptr<float>();
    clear_unwritten(outputs.hidden, batch * row_count, sites * hidden, list, &PassRow::out_row);
  }
  for (std::span<const PassRow> left(list); !left.empty();) {
    const std::span<const PassRow> part = left.first(chunk(left));
    run_pass(weights_, *own, part, {.ask = ask, .hidden = in.hidden()}, outputs);
    left = left.subspan(part.size());
  }
  if (!draft_tokens_.empty() && pass.logits.defined()) pass.logits = spread_logits(pass.logits, draft_tokens_, vocab());
  return pass;
}

}  // namespace specula
