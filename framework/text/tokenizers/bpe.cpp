// Byte-pair encoding (Sennrich et al. 2016, "Neural Machine Translation of Rare Words with Subword Units"): a word's
// characters are merged pair by pair, the pair of the lowest rank first, the leftmost of equal ones.  A heap finds it,
// so that a word of n characters takes O(n log n).
#include <algorithm>
#include <array>
#include <limits>
#include <nlohmann/json.hpp>

#include "framework/core/error.h"
#include "framework/text/tokenizers/byte_level.h"
#include "framework/text/tokenizers/flat_table.h"
#include "framework/text/tokenizers/models.h"
#include "framework/text/tokenizers/unicode.h"

namespace specula {
namespace {

class Bpe final : public WordModel {
 public:
  explicit Bpe(const Section& section)
      : vocabulary_(Vocabulary::read(section, "vocab")),
        prefix_(section.text("continuing_subword_prefix", "")),
        suffix_(section.text("end_of_word_suffix", "")),
        fuses_unknown_(section.flag("fuse_unk", false)),
        ignores_merges_(section.flag("ignore_merges", false)),
        has_unknown_(section.has("unk_token")),
        place_(section.place()) {
    if (section.has("dropout") && section.json().at("dropout") != 0)
      section.fail(cat("dropout = ", section.json().at("dropout").dump(),
                       ": a text would have other ids each time; valid: null"));
    if (has_unknown_) unknown_ = vocabulary_.find(section.text("unk_token"));
    read_merges(section);
    read_alphabet(section.flag("byte_fallback", false));
  }

  void prepare(const std::vector<bool>& controls) override {
    controls_ = controls;
    table_ = FlatTable(pairs_.size());
    for (size_t rank = 0; rank < pairs_.size(); ++rank) {
      const auto [left, right] = pairs_[rank];
      const auto merged = static_cast<uint32_t>(results_[rank]);
      if (!controls[merged])
        table_.set(static_cast<uint32_t>(left), static_cast<uint32_t>(right), {static_cast<uint32_t>(rank), merged});
    }
  }

  void encode(std::string_view word, std::vector<Token>& ids) const override {
    if (ignores_merges_) {
      const Token whole = vocabulary_.find(word);
      if (whole >= 0 && !controls_[static_cast<size_t>(whole)]) {
        ids.push_back(whole);
        return;
      }
    }
    std::vector<Token> symbols;
    symbols.reserve(word.size());
    spell(word, symbols);
    merge(symbols, ids);
  }

  const Vocabulary& vocabulary() const override { return vocabulary_; }

  std::string identity() const override {
    std::string text;
    for (const auto& [left, right] : pairs_) text += cat(left, " ", right, "\n");
    return text;
  }

 private:
  // Each is "left right" or ["left", "right"].
  void read_merges(const Section& section) {
    const nlohmann::json& merges = section.array("merges");
    pairs_.reserve(merges.size());
    results_.reserve(merges.size());
    for (size_t i = 0; i < merges.size(); ++i) {
      const auto parts = parts_of(merges[i], section, i);
      const std::string &left = parts.first, &right = parts.second;
      const auto id_of = [&](const std::string& piece) {
        const Token id = vocabulary_.find(piece);
        if (id < 0)
          section.fail(cat("merges[", i, "] ('", left, "', '", right, "'): '", piece, "' is not in the vocabulary"));
        return id;
      };
      const Token a = id_of(left), b = id_of(right);
      const bool continues = !prefix_.empty() && right.size() >= prefix_.size();
      const Token merged = id_of(left + (continues ? right.substr(prefix_.size()) : right));
      pairs_.emplace_back(a, b);
      results_.push_back(merged);
    }
  }

  static std::pair<std::string, std::string> parts_of(const nlohmann::json& merge, const Section& section, size_t i) {
    if (merge.is_array() && merge.size() == 2 && merge[0].is_string() && merge[1].is_string())
      return {merge[0].get<std::string>(), merge[1].get<std::string>()};
    if (merge.is_string()) {
      const auto& text = merge.get_ref<const std::string&>();
      const size_t space = text.find(' ');
      if (space != std::string::npos && text.find(' ', space + 1) == std::string::npos)
        return {text.substr(0, space), text.substr(space + 1)};
    }
    section.fail(
        cat("merges[", i, "] must be \"left right\" or [\"left\", \"right\"], got ", merge.dump().substr(0, 80)));
  }

  // What single characters and bytes become where a word has neither prefix nor suffix to add.
  void read_alphabet(bool falls_back) {
    ascii_.fill(-1);
    for (int c = 0; c < 128; ++c)
      ascii_[static_cast<size_t>(c)] = vocabulary_.find(std::string(1, static_cast<char>(c)));
    if (!falls_back) return;
    bytes_.resize(256);
    for (unsigned byte = 0; byte < 256; ++byte)
      bytes_[byte] = vocabulary_.find(byte_token(static_cast<unsigned char>(byte)));
  }

  Token find_character(std::string_view character, bool is_first, bool is_last) const {
    const bool plain = (prefix_.empty() || is_first) && (suffix_.empty() || !is_last);
    if (!plain) return vocabulary_.find((is_first ? "" : prefix_) + std::string(character) + (is_last ? suffix_ : ""));
    return character.size() == 1 ? ascii_[static_cast<size_t>(character[0])] : vocabulary_.find(character);
  }

  // The characters of a word as ids; what is unknown becomes bytes, or the unknown token, or nothing.  As in the
  // library, an unknown token waits for the next character that is known, and bytes overtake it.
  void spell(std::string_view word, std::vector<Token>& symbols) const {
    bool waits = false;
    const auto flush = [&] {
      if (waits) symbols.push_back(unknown_);
      waits = false;
    };
    for (size_t at = 0; at < word.size();) {
      const std::string_view character = word.substr(at, character_at(word, at).length);
      const bool is_first = at == 0, is_last = at + character.size() == word.size();
      at += character.size();
      const Token known = find_character(character, is_first, is_last);
      if (known >= 0) {
        flush();
        symbols.push_back(known);
      } else if (!spell_bytes(character, is_first, is_last, symbols) && has_unknown_) {
        if (unknown_ < 0)
          throw Error(cat(place_, ": '", character, "' is not in the vocabulary, nor is the unknown token"));
        if (!fuses_unknown_) flush();
        waits = true;
      }
    }
    flush();
  }

  bool spell_bytes(std::string_view character, bool is_first, bool is_last, std::vector<Token>& symbols) const {
    if (bytes_.empty()) return false;
    const std::string spelled = (is_first ? "" : prefix_) + std::string(character) + (is_last ? suffix_ : "");
    const auto id_of = [&](char byte) { return bytes_[static_cast<unsigned char>(byte)]; };
    if (std::any_of(spelled.begin(), spelled.end(), [&](char byte) { return id_of(byte) < 0; })) return false;
    for (const char byte : spelled) symbols.push_back(id_of(byte));
    return true;
  }

  void merge(std::vector<Token>& symbols, std::vector<Token>& ids) const {
    const size_t size = symbols.size();
    SPECULA_CHECK(size < std::numeric_limits<uint32_t>::max(), size);
    // A list of what is still there; the right one of a merged pair is gone (-1).
    std::vector<uint32_t> before(size), behind(size);
    std::vector<uint64_t> heap;  // rank, position
    const auto consider = [&](uint32_t left, uint32_t right) {
      const auto* found = table_.find(static_cast<uint32_t>(symbols[left]), static_cast<uint32_t>(symbols[right]));
      if (found == nullptr) return false;
      heap.push_back(uint64_t{found->first} << 32 | left);
      return true;
    };
    const auto end = static_cast<uint32_t>(size);
    for (uint32_t i = 0; i < end; ++i) {
      before[i] = i - 1;  // of the first one: wraps to what is never read
      behind[i] = i + 1;
      if (i + 1 < end) consider(i, i + 1);
    }
    std::make_heap(heap.begin(), heap.end(), std::greater<>());
    while (!heap.empty()) {
      std::pop_heap(heap.begin(), heap.end(), std::greater<>());
      const auto rank = static_cast<uint32_t>(heap.back() >> 32), at = static_cast<uint32_t>(heap.back());
      heap.pop_back();
      const uint32_t right = behind[at];
      if (symbols[at] < 0 || right == end) continue;
      // An entry is out of date unless the pair that stands there now gives the same token.
      const auto* found = table_.find(static_cast<uint32_t>(symbols[at]), static_cast<uint32_t>(symbols[right]));
      if (found == nullptr || static_cast<Token>(found->second) != results_[rank]) continue;
      symbols[at] = results_[rank];
      symbols[right] = -1;
      behind[at] = behind[right];
      if (behind[at] != end) before[behind[at]] = at;
      if (at > 0 && consider(before[at], at)) std::push_heap(heap.begin(), heap.end(), std::greater<>());
      if (behind[at] != end && consider(at, behind[at])) std::push_heap(heap.begin(), heap.end(), std::greater<>());
    }
    for (const Token id : symbols) {
      if (id >= 0) ids.push_back(id);
    }
  }

  Vocabulary vocabulary_;
  std::string prefix_, suffix_;
  bool fuses_unknown_, ignores_merges_, has_unknown_;
  std::string place_;
  Token unknown_ = -1;
  std::vector<std::pair<Token, Token>> pairs_;  // by rank
  std::vector<Token> results_;                  // by rank
  FlatTable table_;                             // (left, right) -> (rank, result)
  std::vector<bool> controls_;
  std::array<Token, 128> ascii_{};
  std::vector<Token> bytes_;  // by byte; empty: no byte fallback
};

}  // namespace

std::unique_ptr<WordModel> make_bpe(const Section& section) { return std::make_unique<Bpe>(section); }

}  // namespace specula
