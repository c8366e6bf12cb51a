#include "framework/decode/chain_stop.h"

#include <algorithm>

namespace specula {
namespace {

constexpr uint32_t kStopKeys = 0x73746f70;  // the fork of the round's keys that stoppers draw from

bool is_chain_of(const DraftTree& tree, const std::vector<Token>& tokens) {
  const TreeSize size = size_of(tree);
  if (size.candidates != static_cast<int>(tokens.size()) || size.deepest != size.candidates) return false;
  return std::equal(tokens.begin(), tokens.end(), tree.token.begin() + 1);
}

}  // namespace

void ChainStop::begin(size_t batch) {
  chains_.assign(batch, {});
  if (stopper_ != nullptr) stopper_->begin(batch, length_);
}

void ChainStop::open(const Round& round, std::vector<int>& depth) {
  if (stopper_ == nullptr) return;
  SPECULA_CHECK(chains_.size() == depth.size(), chains_.size(), " chains, ", depth.size(), " depths");
  const Keyring keys = round.keys.fork(kStopKeys);
  for (size_t b = 0; b < depth.size(); ++b) {
    chains_[b] = {};
    if (round.done[b] != 0 || depth[b] == 0) continue;
    const int most = stopper_->most({.b = static_cast<int>(b),
                                     .most = depth[b],
                                     .request = round.requests[b],
                                     .start = round.starts[b],
                                     .keys = keys});
    depth[b] = std::clamp(most, 0, depth[b]);
    chains_[b].is_open = true;
  }
}

void ChainStop::close(const std::vector<DraftTree>& trees) {
  if (stopper_ == nullptr) return;
  for (size_t b = 0; b < trees.size(); ++b) {
    if (trees[b].size() > 0) chains_[b].tokens.assign(trees[b].token.begin() + 1, trees[b].token.end());
  }
}

void ChainStop::observe(const Feedback& feedback) {
  if (stopper_ == nullptr) return;
  for (size_t b = 0; b < chains_.size(); ++b) {
    Chain& chain = chains_[b];
    if (!chain.is_open) continue;
    chain.is_open = false;
    if (feedback.drafts[b].size() == 0 || !is_chain_of(feedback.drafts[b], chain.tokens)) continue;
    stopper_->learn(static_cast<int>(b), {.drafted = static_cast<int>(chain.tokens.size()),
                                          .accepted = static_cast<int>(feedback.verdicts[b].path.size()),
                                          .passes = chain.passes});
  }
}

std::vector<std::pair<std::string, double>> ChainStop::notes(size_t b) const {
  if (!asks(b)) return {};
  return stopper_->notes(static_cast<int>(b));
}

}  // namespace specula
