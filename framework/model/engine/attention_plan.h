// Which keys the rows of a pass see, and how attention is cut into jobs.  Licence: Apache-2.0.
#pragma once

#include <algorithm>
#include <span>
#include <vector>

#include "framework/model/engine/decoder_cache.h"

namespace specula {

struct PassRow {
  int sequence;
  int slot;  // in the cache, committed ones counted
  int64_t position;
  int64_t token;
  int64_t out_row;     // of the hidden output, and of the states that are resumed
  int64_t logits_row;  // of the logits, -1: not wanted
  int64_t seen = 0;    // slots from the first one on that it sees; 0: those of its own path
};

inline constexpr int64_t kAttentionRows = 16;  // of one sequence that one thread attends to at once

// A sliding window hides keys, it does not evict them: their slots stay, so that rollback, truncate and fork are exact.
class AttentionPlan {
 public:
  struct Block {  // neighbouring rows of one sequence
    int64_t first, last;
  };
  // `windows`: how many keys a row of a layer sees, itself counted, of all kinds of layers; 0: all.
  AttentionPlan(const DecoderCache& cache, std::span<const PassRow> rows, const KvView& view,
                std::span<const int64_t> windows);

  const RowPath* paths(size_t window) const { return paths_.data() + window * num_rows_; }  // [rows]
  const std::vector<Block>& blocks() const { return blocks_; }
  // Each sequence's rows fit into one block, so that a job may store its keys and attend to them at once.
  bool is_fused() const { return is_fused_; }
  int64_t most_slots() const { return most_slots_; }  // one past the highest slot seen
  int64_t most_tail() const { return most_tail_; }    // of a row's keys that may lie apart from the others'

 private:
  void add_row(const DecoderCache& cache, const PassRow& row, const KvView& view, std::span<const int64_t> windows,
               size_t index);
  void add_block_row(const DecoderCache& cache, const PassRow& row, std::span<const int64_t> windows, size_t index);
  // Positions before this one are out of sight.
  static int64_t lowest(const PassRow& row, int64_t window) {
    return window == 0 ? 0 : std::max<int64_t>(row.position + 1 - window, 0);
  }
  void cut(std::span<const PassRow> rows);

  size_t num_rows_;
  std::vector<std::vector<int32_t>> branches_;
  std::vector<RowPath> paths_;  // [windows][rows]
  std::vector<Block> blocks_;
  bool is_fused_ = true;
  int64_t most_slots_ = 0, most_tail_ = 0;
};

}  // namespace specula
