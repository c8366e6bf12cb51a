// WordPiece as BERT reads it (Devlin et al. 2019): the longest token that begins a word, then the longest that goes on,
// and a word that cannot be spelled so is unknown as a whole.
#include "framework/core/error.h"
#include "framework/text/tokenizers/byte_trie.h"
#include "framework/text/tokenizers/models.h"
#include "framework/text/tokenizers/unicode.h"

namespace specula {
namespace {

class WordPiece final : public WordModel {
 public:
  explicit WordPiece(const Section& section)
      : vocabulary_(Vocabulary::read(section, "vocab")),
        prefix_(section.text("continuing_subword_prefix", "##")),
        max_characters_(section.number("max_input_chars_per_word", 0, INT32_MAX, 100)),
        unknown_text_(section.text("unk_token", "[UNK]")),
        unknown_(vocabulary_.find(unknown_text_)),
        place_(section.place()) {}

  void prepare(const std::vector<bool>& controls) override {
    for (Token id = 0; id < vocabulary_.size(); ++id) {
      if (vocabulary_.has(id) && !controls[static_cast<size_t>(id)] && !vocabulary_.piece(id).empty())
        trie_.add(vocabulary_.piece(id), static_cast<uint32_t>(id));
    }
    continued_ = trie_.node_of(prefix_);
  }

  void encode(std::string_view word, std::vector<Token>& ids) const override {
    const size_t before = ids.size();
    if (!is_too_long(word) && spell(word, ids)) return;
    ids.resize(before);
    if (unknown_ < 0) throw Error(cat(place_, ": the unknown token '", unknown_text_, "' is not in the vocabulary"));
    ids.push_back(unknown_);
  }

  const Vocabulary& vocabulary() const override { return vocabulary_; }

 private:
  bool is_too_long(std::string_view word) const {
    int64_t count = 0;
    for (const char byte : word) count += continues_character(byte) ? 0 : 1;
    return count > max_characters_;
  }

  bool spell(std::string_view word, std::vector<Token>& ids) const {
    for (size_t begin = 0; begin < word.size();) {
      if (begin > 0 && !continued_) return false;
      Token longest = -1;
      size_t longest_end = begin;
      trie_.visit_prefixes(
          word, begin,
          [&](size_t end, uint32_t id) {
            longest = static_cast<Token>(id);
            longest_end = end;
          },
          begin > 0 ? *continued_ : 0);
      if (longest < 0) return false;
      ids.push_back(longest);
      begin = longest_end;
    }
    return true;
  }

  Vocabulary vocabulary_;
  std::string prefix_;
  int64_t max_characters_;
  std::string unknown_text_;
  Token unknown_;
  std::string place_;
  ByteTrie trie_;
  std::optional<uint32_t> continued_;  // where tokens that go on begin in the trie
};

}  // namespace

std::unique_ptr<WordModel> make_word_piece(const Section& section) { return std::make_unique<WordPiece>(section); }

}  // namespace specula
