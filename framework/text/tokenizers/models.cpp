#include "framework/text/tokenizers/models.h"

#include <nlohmann/json.hpp>
#include "framework/core/error.h"

namespace specula {
namespace {

class WordLevel final : public WordModel {
 public:
  explicit WordLevel(const Section& section)
      : vocabulary_(Vocabulary::read(section, "vocab")),
        unknown_text_(section.text("unk_token", "<unk>")),
        unknown_(vocabulary_.find(unknown_text_)),
        place_(section.place()) {}

  void prepare(const std::vector<bool>& controls) override { controls_ = controls; }

  void encode(std::string_view word, std::vector<Token>& ids) const override {
    const Token known = vocabulary_.find(word);
    const Token id = known >= 0 && !controls_[static_cast<size_t>(known)] ? known : unknown_;
    if (id < 0)
      throw Error(
          cat(place_, ": '", word, "' is not in the vocabulary, nor is the unknown token '", unknown_text_, "'"));
    ids.push_back(id);
  }
  const Vocabulary& vocabulary() const override { return vocabulary_; }

 private:
  Vocabulary vocabulary_;
  std::string unknown_text_;
  Token unknown_;
  std::string place_;
  std::vector<bool> controls_;
};

// The oldest files do not say what they are.
std::string type_of(const Section& section) {
  if (section.has("type")) return section.type();
  if (section.has("merges")) return "BPE";
  if (section.has("vocab") && section.json().at("vocab").is_array()) return "Unigram";
  if (section.has("continuing_subword_prefix") || section.has("max_input_chars_per_word")) return "WordPiece";
  if (section.has("vocab") && section.has("unk_token")) return "WordLevel";
  section.fail("says no type; valid: BPE, Unigram, WordLevel, WordPiece");
}

}  // namespace

Vocabulary Vocabulary::read(const Section& section, const char* key) {
  const Section table = section.object(key);
  Vocabulary vocabulary;
  for (const auto& [piece, id] : table.json().items()) {
    if (!is_token_id(id))
      table.fail(cat("the id of '", piece, "' is ", id.dump().substr(0, 40), "; valid: 0..", kMaxVocab - 1));
    const auto at = id.get<size_t>();
    if (at >= vocabulary.pieces_.size()) {
      vocabulary.pieces_.resize(at + 1);
      vocabulary.is_gap_.resize(at + 1, true);
    }
    if (!vocabulary.is_gap_[at])
      table.fail(cat("'", vocabulary.pieces_[at], "' and '", piece, "' have the same id ", at));
    vocabulary.pieces_[at] = piece;
    vocabulary.is_gap_[at] = false;
  }
  if (vocabulary.pieces_.empty()) table.fail("is empty");
  vocabulary.index();
  return vocabulary;
}

Vocabulary::Vocabulary(std::vector<std::string> pieces) : pieces_(std::move(pieces)), is_gap_(pieces_.size(), false) {
  index();
}

void Vocabulary::index() {
  ids_.reserve(pieces_.size());
  for (size_t id = 0; id < pieces_.size(); ++id) {
    if (!is_gap_[id]) ids_[pieces_[id]] = static_cast<Token>(id);
  }
}

Token Vocabulary::find(std::string_view piece) const {
  const auto found = ids_.find(piece);
  return found == ids_.end() ? -1 : found->second;
}

std::unique_ptr<WordModel> read_model(const Section& section) {
  const std::string type = type_of(section);
  if (type == "BPE") return make_bpe(section);
  if (type == "Unigram") return make_unigram(section);
  if (type == "WordPiece") return make_word_piece(section);
  if (type == "WordLevel") return std::make_unique<WordLevel>(section);
  section.unknown_type({"BPE", "Unigram", "WordLevel", "WordPiece"});
}

}  // namespace specula
