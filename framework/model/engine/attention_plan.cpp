#include "framework/model/engine/attention_plan.h"

#include <algorithm>

namespace specula {

AttentionPlan::AttentionPlan(const DecoderCache& cache, std::span<const PassRow> rows, const KvView& view,
                             std::span<const int64_t> windows)
    : num_rows_(rows.size()), paths_(windows.size() * rows.size()) {
  branches_.reserve(rows.size());
  for (size_t m = 0; m < rows.size(); ++m) {
    if (rows[m].seen > 0) {
      add_block_row(cache, rows[m], windows, m);
    } else {
      add_row(cache, rows[m], view, windows, m);
    }
  }
  cut(rows);
}

// The keys that a row sees: a trunk of neighbouring slots, then its branch of a tree; where a view hides slots, the
// trunk are the sinks and the view's window belongs to the branch.
void AttentionPlan::add_row(const DecoderCache& cache, const PassRow& row, const KvView& view,
                            std::span<const int64_t> windows, size_t index) {
  const auto committed = static_cast<int>(cache.size(row.sequence)), seen = committed - static_cast<int>(view.rewind);
  const bool is_cut = !view.is_whole() && view.sinks >= 0 && view.sinks + view.window < seen;
  const bool is_apart = is_cut || seen < committed;  // the tentative slots do not follow the trunk
  int slot = row.slot - committed;
  std::vector<int32_t> branch;
  const SlotBook& book = cache.book(row.sequence);
  while (slot >= 0 && (is_apart || book.depth(slot) != slot)) {  // depth == slot: all before it are its ancestors
    branch.push_back(committed + slot);
    slot = book.parent(slot);
  }
  if (is_cut) {
    for (int at = seen - 1; at >= seen - view.window; --at) branch.push_back(at);
  }
  std::reverse(branch.begin(), branch.end());
  branches_.push_back(std::move(branch));
  const auto apart = static_cast<int64_t>(branches_.back().size());
  const int64_t trunk = is_cut ? view.sinks : is_apart ? seen : committed + slot + 1;
  const int64_t hidden = is_cut ? seen - view.window - view.sinks : 0;  // positions between trunk and branch
  for (size_t w = 0; w < windows.size(); ++w) {
    // Without a view a key's place on the path is its position.
    const int64_t least = lowest(row, windows[w]);
    const int64_t first = least <= trunk ? least : trunk + std::max<int64_t>(least - trunk - hidden, 0);
    paths_[w * num_rows_ + index] = {trunk, branches_.back().data(), apart, first};
  }
  most_slots_ = std::max<int64_t>(most_slots_, row.slot + 1);
  most_tail_ = std::max<int64_t>({most_tail_, row.slot + 1 - committed, apart});
}

// All slots up to the end of its block, those behind its own too.
void AttentionPlan::add_block_row(const DecoderCache& cache, const PassRow& row, std::span<const int64_t> windows,
                                  size_t index) {
  for (size_t w = 0; w < windows.size(); ++w)
    paths_[w * num_rows_ + index] = {row.seen, nullptr, 0, lowest(row, windows[w])};
  most_slots_ = std::max(most_slots_, row.seen);
  most_tail_ = std::max(most_tail_, row.seen - cache.size(row.sequence));
}

void AttentionPlan::cut(std::span<const PassRow> rows) {
  const auto count = static_cast<int64_t>(rows.size());
  for (int64_t first = 0; first < count;) {
    int64_t last = first;
    const int sequence = rows[static_cast<size_t>(first)].sequence;
    while (last < count && rows[static_cast<size_t>(last)].sequence == sequence) ++last;
    is_fused_ = is_fused_ && last - first <= kAttentionRows;
    for (; first < last; first += kAttentionRows) blocks_.push_back({first, std::min(first + kAttentionRows, last)});
    first = last;
  }
}

}  // namespace specula
