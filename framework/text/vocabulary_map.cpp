#include "framework/text/vocabulary_map.h"

#include <unordered_map>

#include "framework/core/error.h"

namespace specula {
namespace {

// "" for what is not to be compared.
std::string spelling(const Tokenizer& tokenizer, Token id) {
  return cat(tokenizer.piece(id), '\0', tokenizer.piece_bytes(id));
}
std::string bytes(const Tokenizer& tokenizer, Token id) { return tokenizer.piece_bytes(id); }

}  // namespace

VocabularyMap::VocabularyMap(const Tokenizer& draft, const Tokenizer& target)
    : target_of_(static_cast<size_t>(draft.vocab()), -1), draft_of_(static_cast<size_t>(target.vocab()), -1) {
  share(draft.bos(), target.bos());
  share(draft.eos(), target.eos());
  share_by(draft, target, spelling);
  share_by(draft, target, bytes);
}

void VocabularyMap::share(Token draft, Token target) {
  if (draft < 0 || target < 0 || target_of(draft) >= 0 || draft_of(target) >= 0) return;
  target_of_[static_cast<size_t>(draft)] = target;
  draft_of_[static_cast<size_t>(target)] = draft;
  ++shared_;
}

void VocabularyMap::share_by(const Tokenizer& draft, const Tokenizer& target,
                             std::string (*key)(const Tokenizer&, Token)) {
  std::unordered_map<std::string, Token> known;  // the lowest free id of the target
  for (Token id = static_cast<Token>(target.vocab()) - 1; id >= 0; --id) {
    if (draft_of(id) < 0) known[key(target, id)] = id;
  }
  for (Token id = 0; id < static_cast<Token>(draft.vocab()); ++id) {
    const std::string spelled = key(draft, id);
    const auto found = known.find(spelled);
    if (!spelled.empty() && found != known.end()) share(id, found->second);
  }
}

}  // namespace specula
