#include "framework/decode/head_cache.h"

#include <ATen/ops/empty.h>

#include <algorithm>

namespace specula {
namespace {

constexpr int64_t kReserve = 256;  // slots beside the longest prompt
constexpr size_t kChunk = 256;     // rows of a sequence in a pass over the prompts

const HeadTraits& traits_of(const LanguageModel& model) {
  const HeadTraits* traits = model.head_traits();
  SPECULA_CHECK(traits != nullptr, "a model without states is no head");
  return *traits;
}

int64_t common(const Prefix& a, const Prefix& b) {
  return std::mismatch(a.begin(), a.end(), b.begin(), b.end()).first - a.begin();
}

// States [B,R,H] that a drafter brings.
class GivenStates {
 public:
  GivenStates(const Tensor& states, int64_t width) : width_(width) {
    if (!states.defined()) return;
    Dims dims;
    dims.check(states, "below", "B R H");
    SPECULA_CHECK(dims['H'] == width, "states of ", dims['H'], " numbers; expected ", width);
    states_ = states.contiguous();
  }
  const float* at(int64_t b, int64_t row) const {
    SPECULA_CHECK(states_.defined() && row < states_.size(1), "row ", row, " was given no state");
    return states_.const_data_ptr<float>() + (b * states_.size(1) + row) * width_;
  }

 private:
  int64_t width_;
  Tensor states_;
};

}  // namespace

HeadCache::HeadCache(const LanguageModel& head, std::span<const Prefix> prefixes, const Pass& prefill)
    : head_(head), traits_(traits_of(head)), sequences_(prefixes.size()) {
  size_t longest = 0;
  for (const Prefix& prefix : prefixes) longest = std::max(longest, prefix.size());
  const int64_t reserve = traits_.attends ? static_cast<int64_t>(longest) + kReserve : kReserve;
  cache_ = head.new_cache(static_cast<int>(prefixes.size()), reserve);
  for (size_t b = 0; b < prefixes.size(); ++b) {
    Sequence& s = sequences_[b];
    const Prefix& prefix = prefixes[b];
    const size_t scored = prefix.size() - 1;  // the root is not
    if (prefix.empty() || scored == 0) continue;
    std::vector<int64_t> rows;
    const size_t first = traits_.attends ? 0 : scored - 1;  // without attention only the last state is of use
    for (size_t i = first; i < scored; ++i) rows.push_back(static_cast<int64_t>(i));
    s.text.assign(prefix.begin(), prefix.begin() + static_cast<int64_t>(first));
    s.from = static_cast<int64_t>(first);
    learn(s, std::span(prefix).subspan(first, scored - first), states_of(prefill, static_cast<int64_t>(b), rows));
  }
  if (traits_.attends) feed_prompts(prefixes);
}

Tensor HeadCache::states_of(const Pass& target, int64_t b, const std::vector<int64_t>& rows) const {
  std::vector<int64_t> at;
  for (const int site : traits_.sites) {
    const auto found = std::find(target.sites.begin(), target.sites.end(), site);
    SPECULA_CHECK(found != target.sites.end(), "site ", site, " was not asked of the target");
    at.push_back(found - target.sites.begin());
  }
  const Tensor all = target.hidden.contiguous();  // [B,R,sites of the pass,H]
  const int64_t row_count = all.size(1), sites = all.size(2), hidden = all.size(3);
  Tensor states = at::empty({static_cast<int64_t>(rows.size()), static_cast<int64_t>(at.size()), hidden}, at::kFloat);
  const float* from = all.const_data_ptr<float>();
  float* to = states.mutable_data_ptr<float>();
  for (const int64_t row : rows) {
    SPECULA_CHECK(row >= 0 && row < row_count, "row ", row, " of ", row_count);
    for (const int64_t site : at) to = std::copy_n(from + ((b * row_count + row) * sites + site) * hidden, hidden, to);
  }
  return states;
}

void HeadCache::learn(Sequence& s, std::span<const Token> tokens, const Tensor& states) const {
  const Tensor joined = head_.join(states).contiguous();
  SPECULA_CHECK(joined.size(0) == static_cast<int64_t>(tokens.size()) && joined.size(1) == traits_.width, "states of ",
                joined.size(0), " tokens and ", joined.size(1), " numbers");
  s.text.insert(s.text.end(), tokens.begin(), tokens.end());
  const float* data = joined.const_data_ptr<float>();
  s.states.insert(s.states.end(), data, data + joined.numel());
}

bool HeadCache::append_state(const Sequence& s, int64_t i, std::vector<float>& to) const {
  const int64_t width = traits_.width;
  const bool is_known = i >= s.from && i < static_cast<int64_t>(s.text.size());
  if (is_known) {
    const auto first = s.states.begin() + (i - s.from) * width;
    to.insert(to.end(), first, first + width);
  } else {
    to.insert(to.end(), static_cast<size_t>(width), 0.0f);
  }
  return is_known;
}

// In chunks: each row but the root's.
void HeadCache::feed_prompts(std::span<const Prefix> prefixes) {
  size_t longest = 0;
  for (size_t b = 0; b < prefixes.size(); ++b) {
    sequences_[b].fed.assign(prefixes[b].begin(), prefixes[b].begin() + traits_.lag);
    longest = std::max(longest, prefixes[b].size());
  }
  const auto lag = static_cast<size_t>(traits_.lag);
  for (size_t start = lag; start + 1 < longest; start += kChunk) {
    std::vector<RowList> lists(prefixes.size());
    for (size_t b = 0; b < prefixes.size(); ++b) {
      Sequence& s = sequences_[b];
      const size_t end = std::max(prefixes[b].size(), lag + 1) - 1, first = std::min(start, end),
                   last = std::min(start + kChunk, end);
      s.caught.assign(prefixes[b].begin() + static_cast<int64_t>(first),
                      prefixes[b].begin() + static_cast<int64_t>(last));
      s.carried.clear();
      for (size_t i = first; i < last; ++i) append_state(s, static_cast<int64_t>(i - lag), s.carried);
      s.worth = s.caught.size();
      s.own.clear();
      lists[b] = RowList::chain(s.caught);
    }
    forward(lists, {.logits = Logits::kNone});
    for (size_t b = 0; b < prefixes.size(); ++b) keep_caught(static_cast<int>(b), sequences_[b], prefixes[b]);
  }
}

// Commits the rows of the last catch_up() that became text; all others go.
void HeadCache::keep_caught(int b, Sequence& s, const Prefix& text) {
  const auto fed = static_cast<size_t>(cache_->tentative(b));  // none where the round asked for no draft
  size_t count = 0;
  while (count < std::min(s.worth, fed) && s.fed.size() + 1 < text.size() && text[s.fed.size()] == s.caught[count]) {
    s.fed.push_back(s.caught[count]);
    ++count;
  }
  cache_->commit(b, first_slots(static_cast<int>(count)));
  s.caught.clear();
  s.worth = 0;
}

// What no longer fits the text, where others changed it.
void HeadCache::forget_changes(int b, Sequence& s, const Prefix& text) {
  const int64_t same = common(s.text, text);
  if (same < static_cast<int64_t>(s.text.size())) {
    s.text.resize(static_cast<size_t>(same));
    s.from = std::min(s.from, same);
    s.states.resize(static_cast<size_t>((same - s.from) * traits_.width));
  }
  if (!traits_.attends) return;
  const auto most = static_cast<int64_t>(text.size()) - 1;  // the root is fed anew
  const int64_t fits = std::min(common(s.fed, text), most);
  if (fits == static_cast<int64_t>(s.fed.size())) return;
  const int64_t kept = std::max<int64_t>(fits, traits_.lag);
  s.fed.assign(text.begin(), text.begin() + kept);
  s.caught.clear();
  s.worth = 0;
  cache_->truncate(b, kept - traits_.lag);
}

std::vector<Token> HeadCache::catch_up(int b, const Prefix& text) {
  SPECULA_CHECK(!text.empty(), "an empty text");
  Sequence& s = sequences_[static_cast<size_t>(b)];
  forget_changes(b, s, text);
  const auto root = static_cast<int64_t>(text.size()) - 1;
  if (traits_.attends) {
    keep_caught(b, s, text);
  } else {
    cache_->rollback(b);
  }
  const int64_t first = traits_.attends ? std::min(static_cast<int64_t>(s.fed.size()), root) : root;
  s.caught.assign(text.begin() + first, text.end());
  s.carried.clear();
  s.own.clear();
  s.worth = 0;
  for (int64_t i = first; i < root + traits_.lag; ++i) {
    const bool is_known = append_state(s, i - traits_.lag, s.carried);
    if (is_known && s.worth == static_cast<size_t>(i - first)) ++s.worth;
  }
  // States in front of the next row are of no use any more.
  const int64_t needed = std::max(s.from, std::min(first - traits_.lag, static_cast<int64_t>(s.text.size())));
  s.states.erase(s.states.begin(), s.states.begin() + (needed - s.from) * traits_.width);
  s.from = needed;
  return s.caught;
}

Pass HeadCache::forward(const std::vector<RowList>& lists, const Ask& ask, const Tensor& below) {
  Rows rows = make_rows(lists);
  const int64_t batch = rows.token.size(0), count = rows.token.size(1), width = traits_.width;
  rows.hidden = at::empty({batch, count, width}, at::kFloat);
  float* to = rows.hidden.mutable_data_ptr<float>();
  const GivenStates given(below, width);
  std::fill_n(to, rows.hidden.numel(), 0.0f);
  for (int64_t b = 0; b < batch; ++b) {
    const Sequence& s = sequences_[static_cast<size_t>(b)];
    const RowList& list = lists[static_cast<size_t>(b)];
    const bool is_first = cache_->tentative(static_cast<int>(b)) == 0;
    SPECULA_CHECK(!is_first || list.token.size() <= s.caught.size(), list.token.size(), " rows catch up with ",
                  s.caught.size());
    const auto known = is_first ? static_cast<int64_t>(s.carried.size()) / width : 0;
    for (int64_t r = 0; r < static_cast<int64_t>(list.token.size()); ++r) {
      const float* from = r < known          ? s.carried.data() + r * width
                          : traits_.lag == 0 ? given.at(b, r - known)
                                             : s.own.data() + list.parent[static_cast<size_t>(r)] * width;
      std::copy_n(from, width, to + (b * count + r) * width);
    }
  }
  if (traits_.lag == 0) return head_.forward(rows, *cache_, ask);
  Ask wanted = ask;
  wanted.hidden = {traits_.own};
  Pass pass = head_.forward(rows, *cache_, wanted);
  const Tensor own = pass.hidden.contiguous();  // [B,R,1,H]
  for (int64_t b = 0; b < batch; ++b) {
    const float* from = own.const_data_ptr<float>() + b * count * width;
    std::vector<float>& kept = sequences_[static_cast<size_t>(b)].own;
    kept.insert(kept.end(), from, from + static_cast<int64_t>(lists[static_cast<size_t>(b)].token.size()) * width);
  }
  return pass;
}

void HeadCache::observe(const Feedback& feedback) {
  for (size_t b = 0; b < sequences_.size(); ++b) {
    const DraftTree& tree = feedback.drafts[b];
    if (tree.size() == 0) continue;
    Sequence& s = sequences_[b];
    const std::vector<int>& path = feedback.verdicts[b].path;
    std::vector<int64_t> rows{0};
    rows.insert(rows.end(), path.begin(), path.end());
    std::vector<Token> tokens;
    for (const int64_t row : rows) tokens.push_back(tree.token[static_cast<size_t>(row)]);
    // They stand in front of the token that the rule added; a gap before them can only be states that were not told.
    const Prefix& text = feedback.prefixes[b];
    const auto root = static_cast<int64_t>(text.size()) - static_cast<int64_t>(rows.size()) - 1;
    if (root < 0) continue;
    if (static_cast<int64_t>(s.text.size()) != root) {
      s.text.assign(text.begin(), text.begin() + root);
      s.from = root;
      s.states.clear();
    }
    learn(s, tokens, states_of(feedback.target, static_cast<int64_t>(b), rows));
  }
}

}  // namespace specula
