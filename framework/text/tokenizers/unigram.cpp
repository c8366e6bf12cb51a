// The unigram language model (Kudo 2018, "Subword Regularization"): of all ways to cut a word into pieces the one with
// the largest sum of log-probabilities, found by Viterbi's algorithm over bytes.
#include <limits>
#include <nlohmann/json.hpp>

#include "framework/core/error.h"
#include "framework/text/tokenizers/byte_level.h"
#include "framework/text/tokenizers/byte_trie.h"
#include "framework/text/tokenizers/models.h"
#include "framework/text/tokenizers/unicode.h"

namespace specula {
namespace {

constexpr double kUnknownPenalty = 10;  // below the least likely piece; sentencepiece's unigram_model.cc has the same

class Unigram final : public WordModel {
 public:
  explicit Unigram(const Section& section) : vocabulary_(read_pieces(section)), place_(section.place()) {
    const int64_t size = vocabulary_.size();
    if (section.has("unk_id")) unknown_ = static_cast<Token>(section.number("unk_id", 0, size - 1));
    double lowest = std::numeric_limits<double>::infinity();
    for (const double score : scores_) lowest = std::min(lowest, score);
    unknown_score_ = lowest - kUnknownPenalty;
    if (!section.flag("byte_fallback", false)) return;
    bytes_.resize(256);
    for (unsigned byte = 0; byte < 256; ++byte)
      bytes_[byte] = vocabulary_.find(byte_token(static_cast<unsigned char>(byte)));
  }

  void prepare(const std::vector<bool>& controls) override {
    controls_ = controls;
    for (Token id = 0; id < vocabulary_.size(); ++id) {
      if (!controls[static_cast<size_t>(id)] && !vocabulary_.piece(id).empty())
        trie_.add(vocabulary_.piece(id), static_cast<uint32_t>(id));
    }
  }

  void encode(std::string_view word, std::vector<Token>& ids) const override {
    std::vector<Node> best(word.size() + 1);
    for (size_t begin = 0; begin < word.size();) {
      const size_t length = character_at(word, begin).length;
      const double score = best[begin].score;
      bool has_single = false;
      const auto offer = [&](size_t end, double own, Token id) {
        if (best[end].begin != kNowhere && score + own <= best[end].score) return;
        best[end] = {score + own, begin, id};
      };
      trie_.visit_prefixes(word, begin, [&](size_t end, uint32_t id) {
        offer(end, scores_[id], static_cast<Token>(id));
        has_single = has_single || end == begin + length;
      });
      if (!has_single) offer(begin + length, unknown_score_, unknown());
      begin += length;
    }
    collect(word, best, ids);
  }

  const Vocabulary& vocabulary() const override { return vocabulary_; }

  std::string identity() const override {
    std::string text;
    for (const double score : scores_) text += cat(score, "\n");
    return text;
  }

 private:
  static constexpr size_t kNowhere = ~size_t{0};
  struct Node {  // the best way to a position
    double score = 0;
    size_t begin = kNowhere;  // of its last piece
    Token id = -1;
  };

  std::vector<std::string> read_pieces(const Section& section) {
    const nlohmann::json& list = section.array("vocab");
    if (list.empty()) section.fail("vocab is empty");
    if (static_cast<int64_t>(list.size()) > kMaxVocab)
      section.fail(cat("vocab has ", list.size(), " pieces; at most ", kMaxVocab, " are read"));
    std::vector<std::string> pieces;
    pieces.reserve(list.size());
    for (size_t i = 0; i < list.size(); ++i) {
      const nlohmann::json& entry = list[i];
      if (!entry.is_array() || entry.size() != 2 || !entry[0].is_string() || !entry[1].is_number())
        section.fail(cat("vocab[", i, "] must be [\"piece\", score], got ", entry.dump().substr(0, 80)));
      pieces.push_back(entry[0].get<std::string>());
      scores_.push_back(entry[1].get<double>());
    }
    return pieces;
  }

  Token unknown() const {
    if (unknown_ < 0) throw Error(cat(place_, ": a character is not in the vocabulary, and there is no unk_id"));
    return unknown_;
  }

  // From the end to the begin; neighbours that are unknown are one, which may be spelled in bytes.
  void collect(std::string_view word, const std::vector<Node>& best, std::vector<Token>& ids) const {
    std::vector<Match> parts;
    for (size_t end = word.size(); end > 0; end = best[end].begin) {
      const Node& node = best[end];
      const bool joins_next = node.id == unknown_ && !parts.empty() && parts.back().id == unknown_;
      if (joins_next) {
        parts.back().begin = node.begin;
      } else {
        parts.push_back({node.begin, end, node.id});
      }
    }
    for (size_t i = parts.size(); i-- > 0;) {
      const std::string_view text = word.substr(parts[i].begin, parts[i].end - parts[i].begin);
      // What was cut character by character may be a piece as a whole.
      const Token whole = parts[i].id == unknown_ ? vocabulary_.find(text) : parts[i].id;
      if (whole >= 0 && !controls_[static_cast<size_t>(whole)]) {
        ids.push_back(whole);
      } else if (!spell_bytes(text, ids)) {
        ids.push_back(unknown());
      }
    }
  }

  bool spell_bytes(std::string_view text, std::vector<Token>& ids) const {
    if (bytes_.empty()) return false;
    for (const char byte : text) {
      if (bytes_[static_cast<unsigned char>(byte)] < 0) return false;
    }
    for (const char byte : text) ids.push_back(bytes_[static_cast<unsigned char>(byte)]);
    return true;
  }

  struct Match {
    size_t begin, end;
    Token id;
  };

  std::vector<double> scores_;  // by id; filled while vocabulary_ is read
  Vocabulary vocabulary_;
  std::string place_;
  Token unknown_ = -1;
  double unknown_score_ = 0;
  ByteTrie trie_;
  std::vector<bool> controls_;
  std::vector<Token> bytes_;  // by byte; empty: no byte fallback
};

}  // namespace

std::unique_ptr<WordModel> make_unigram(const Section& section) { return std::make_unique<Unigram>(section); }

}  // namespace specula
