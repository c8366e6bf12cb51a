#include "framework/lookup/phrase_pool.h"

#include <algorithm>

namespace specula {
namespace {

bool begins(std::span<const Token> whole, std::span<const Token> with) {
  return with.size() <= whole.size() && std::equal(with.begin(), with.end(), whole.begin());
}

// The row below `parent` that holds `token`, among those from `first` on; -1: none.
int child(const DraftTree& tree, int first, int parent, Token token) {
  for (int row = first; row < tree.size(); ++row) {
    if (tree.parent[row] == parent && tree.token[row] == token) return row;
  }
  return -1;
}

}  // namespace

void PhrasePool::add(Token first, std::span<const Token> phrase) {
  phrase = phrase.first(std::min(phrase.size(), length_));
  if (phrase.empty()) return;
  std::vector<Token> kept(phrase.begin(), phrase.end());
  std::vector<std::vector<Token>>& known = phrases_[first];
  std::erase_if(known, [&](const std::vector<Token>& other) {
    if (!begins(kept, other) && !begins(other, kept)) return false;
    if (other.size() > kept.size()) kept = other;
    return true;
  });
  known.insert(known.begin(), std::move(kept));
  if (known.size() > static_cast<size_t>(per_token_)) known.pop_back();
}

void PhrasePool::add_text(std::span<const Token> text, size_t from) {
  for (size_t i = from; i + 1 < text.size(); ++i)
    add(text[i], text.subspan(i + 1, std::min(length_, text.size() - i - 1)));
}

const std::vector<std::vector<Token>>& PhrasePool::after(Token first) const {
  static const std::vector<std::vector<Token>> kNone;
  const auto found = phrases_.find(first);
  return found == phrases_.end() ? kNone : found->second;
}

void add_phrases(DraftTree& tree, int row, std::span<const std::vector<Token>> phrases, PhraseRoom room) {
  const int first = tree.size();
  for (const std::vector<Token>& phrase : phrases) {
    int above = row;
    const size_t levels = std::min(phrase.size(), static_cast<size_t>(std::max(room.depth, 0)));
    for (size_t i = 0; i < levels; ++i) {
      int next = child(tree, first, above, phrase[i]);
      if (next < 0 && tree.size() - first >= room.rows) return;
      if (next < 0) next = tree.add(phrase[i], above, Draw::kPoint);
      above = next;
    }
  }
}

}  // namespace specula
