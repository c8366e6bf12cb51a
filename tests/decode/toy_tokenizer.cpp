#include "tests/decode/toy_tokenizer.h"

#include <algorithm>
#include <functional>
#include <map>
#include <mutex>

#include "framework/core/error.h"

namespace specula::testing {
namespace {

// The alphabet: 26 letters, then Chinese characters.
std::string character(int64_t i) {
  if (i < 26) return std::string(1, static_cast<char>('a' + i));
  const auto point = static_cast<unsigned>(0x4E00 + i);
  return {static_cast<char>(0xE0 | (point >> 12)), static_cast<char>(0x80 | ((point >> 6) & 0x3F)),
          static_cast<char>(0x80 | (point & 0x3F))};
}

// Reads a text from its front, the longest piece first; what no piece begins with is left out.
class PieceTokenizer final : public Tokenizer {
 public:
  explicit PieceTokenizer(std::vector<std::string> pieces) : pieces_(std::move(pieces)) {
    for (size_t i = 0; i < pieces_.size(); ++i) {
      ids_[pieces_[i]] = static_cast<Token>(i);
      longest_ = std::max(longest_, pieces_[i].size());
      fingerprint_ += pieces_[i] + "\n";
    }
  }
  int64_t vocab() const override { return static_cast<int64_t>(pieces_.size()); }
  Token bos() const override { return -1; }
  Token eos() const override { return -1; }
  std::vector<Token> encode(const std::string& text, Special /*special*/) const override {
    std::vector<Token> ids;
    for (size_t at = 0; at < text.size();) {
      size_t length = std::min(longest_, text.size() - at);
      auto found = ids_.end();
      for (; length > 0 && found == ids_.end(); --length) found = ids_.find(text.substr(at, length));
      if (found != ids_.end()) ids.push_back(found->second);
      at += found == ids_.end() ? 1 : length + 1;
    }
    return ids;
  }
  std::string decode(const std::vector<Token>& ids) const override {
    std::string text;
    for (const Token id : ids) text += piece_bytes(id);
    return text;
  }
  std::string piece_bytes(Token id) const override {
    if (id < 0 || id >= vocab()) throw Error(cat("token id ", id, " is out of range 0..", vocab() - 1));
    return pieces_[static_cast<size_t>(id)];
  }
  std::string piece(Token id) const override { return piece_bytes(id); }
  std::string chat_template() const override { return ""; }
  const std::string& fingerprint() const override { return fingerprint_; }

 private:
  std::vector<std::string> pieces_;
  std::map<std::string, Token> ids_;
  size_t longest_ = 0;
  std::string fingerprint_;
};

const Tokenizer& made_once(int64_t vocab, std::map<int64_t, std::unique_ptr<Tokenizer>>& made,
                           const std::function<std::vector<std::string>()>& pieces) {
  static std::mutex mutex;
  const std::scoped_lock lock(mutex);
  std::unique_ptr<Tokenizer>& tokenizer = made[vocab];
  if (tokenizer == nullptr) tokenizer = std::make_unique<PieceTokenizer>(pieces());
  return *tokenizer;
}

}  // namespace

std::unique_ptr<Tokenizer> piece_tokenizer(std::vector<std::string> pieces) {
  return std::make_unique<PieceTokenizer>(std::move(pieces));
}

const Tokenizer& toy_tokenizer(int64_t vocab) {
  static std::map<int64_t, std::unique_ptr<Tokenizer>> made;
  return made_once(vocab, made, [&] {
    std::vector<std::string> pieces;
    for (int64_t i = 0; i < vocab; ++i) pieces.push_back(character(i));
    return pieces;
  });
}

const Tokenizer& other_toy_tokenizer(int64_t vocab) {
  static std::map<int64_t, std::unique_ptr<Tokenizer>> made;
  return made_once(vocab, made, [&] {
    std::vector<std::string> pieces;
    for (int64_t i = vocab - 2; i >= 0; --i) pieces.push_back(character(i));
    pieces.emplace_back("ab");
    return pieces;
  });
}

}  // namespace specula::testing
