#include "framework/text/tokenizers/sentencepiece_tokenizer.h"

#include <sentencepiece_processor.h>

#include "framework/core/error.h"
#include "framework/core/files.h"
#include "framework/text/tokenizer_config.h"
#include "framework/text/tokenizers/byte_level.h"
#include "framework/text/tokenizers/charsmap.h"
#include "framework/text/tokenizers/unicode.h"
#include "framework/text/utf8.h"

namespace specula {
namespace {

constexpr uintmax_t kMaxModelBytes = 256u << 20;  // a vocabulary of a million pieces has 20 MB
constexpr const char* kSpace = "\xE2\x96\x81";    // U+2581, how a piece spells a space

class SentencePieceTokenizer final : public Tokenizer {
 public:
  explicit SentencePieceTokenizer(const std::filesystem::path& folder) : file_(folder / "tokenizer.model") {
    load_pieces();
    TokenizerConfig config = read_tokenizer_config(folder);
    take_added(config);
    bos_ = special_id(config.bos, processor_.bos_id(), "bos_token", config);
    eos_ = special_id(config.eos, processor_.eos_id(), "eos_token", config);
    add_bos_ = config.add_bos.value_or(true) && bos_ >= 0;  // the defaults of LlamaTokenizer
    add_eos_ = config.add_eos.value_or(false) && eos_ >= 0;
    chat_template_ = std::move(config.chat_template);
    std::string identity = cat(sha256(processor_.serialized_model_proto()), " ", bos_, " ", eos_, "\n");
    for (const AddedToken& token : added_) identity += cat(token.id, " ", token.special, " ", token.text, "\n");
    fingerprint_ = sha256(identity);
  }

  int64_t vocab() const override { return num_pieces() + static_cast<int64_t>(added_.size()); }
  Token bos() const override { return bos_; }
  Token eos() const override { return eos_; }
  std::string chat_template() const override { return chat_template_; }
  const std::string& fingerprint() const override { return fingerprint_; }

  std::vector<Token> encode(const std::string& text, Special special) const override {
    if (special == Special::kWritten) return encode_written(text);
    std::vector<Token> ids = encode_plain(text);
    if (special == Special::kWith && add_bos_) ids.insert(ids.begin(), bos_);
    if (special == Special::kWith && add_eos_) ids.push_back(eos_);
    return ids;
  }

  std::string decode(const std::vector<Token>& ids) const override {
    std::string text, bytes;
    std::vector<int> pieces;  // handed to sentencepiece, which knows what becomes of a text's first space
    size_t i = 0;
    for (; i < ids.size() && ids[i] < num_pieces(); ++i) {
      require_id(ids[i]);
      if (!is_special(ids[i])) pieces.push_back(ids[i]);
    }
    if (!pieces.empty()) check(processor_.Decode(pieces, &text));
    for (; i < ids.size(); ++i) bytes += ids[i] < vocab() ? piece_bytes(ids[i]) : kReplacement;
    return text + take_all_characters(bytes);
  }

  std::string piece_bytes(Token id) const override {
    require_id(id);
    if (is_special(id)) return "";
    if (id >= num_pieces()) return added_of(id).text;
    const std::string& piece = processor_.IdToPiece(id);
    if (processor_.IsByte(id)) return std::string(1, static_cast<char>(byte_of_token(piece).value_or('?')));
    if (processor_.IsUnknown(id)) return unknown_surface_;
    std::string text = piece;
    for (size_t at = text.find(kSpace); at != std::string::npos; at = text.find(kSpace, at + 1))
      text.replace(at, 3, " ");
    return text;
  }

  std::string piece(Token id) const override {
    require_id(id);
    return id >= num_pieces() ? added_of(id).text : processor_.IdToPiece(id);
  }

 private:
  int64_t num_pieces() const { return processor_.GetPieceSize(); }
  const AddedToken& added_of(Token id) const { return added_[static_cast<size_t>(id - num_pieces())]; }
  bool is_special(Token id) const { return id >= num_pieces() ? added_of(id).special : processor_.IsControl(id); }

  void check(const sentencepiece::util::Status& status) const {
    if (!status.ok()) throw Error(cat(file_.string(), ": sentencepiece: ", status.error_message()));
  }

  void require_id(Token id) const {
    if (id < 0 || id >= vocab())
      throw Error(cat("token id ", id, " is out of range 0..", vocab() - 1, " (", file_.string(), ")"));
  }

  void load_pieces() {
    const uintmax_t size = std::filesystem::file_size(file_);
    if (size > kMaxModelBytes)
      throw Error(cat(file_.string(), ": ", size, " bytes; at most ", kMaxModelBytes, " are read"));
    const std::string content = read_file(file_);
    try {
      check_charsmaps(content);  // the library would follow a damaged one out of its memory
    } catch (const Error& error) {
      throw Error(cat(file_.string(), ": not a SentencePiece model, or a damaged one: ", error.what()));
    }
    bool is_loaded = false;
    try {
      is_loaded = processor_.LoadFromSerializedProto(content).ok() && processor_.GetPieceSize() > 0;
    } catch (const std::exception&) {  // the library's own, of a trie it cannot build: a piece of NULs
    }
    if (!is_loaded) {
      throw Error(cat(file_.string(), ": not a SentencePiece model, or a damaged one (", size, " bytes)"));
    }
    const int unknown = processor_.unk_id();
    if (unknown >= 0) check(processor_.Decode(std::vector<int>{unknown}, &unknown_surface_));
  }

  // Added tokens may repeat pieces of the vocabulary (then they say nothing new) or continue it, without a gap.
  void take_added(const TokenizerConfig& config) {
    for (const AddedToken& token : config.added) {
      if (token.id < num_pieces()) continue;
      if (token.id != vocab()) {
        throw Error(cat(config.file.string(), ": added token \"", token.text, "\" has id ", token.id,
                        ", but the next free one is ", vocab()));
      }
      added_.push_back(token);
    }
  }

  Token id_of(const std::string& text) const {
    for (const AddedToken& token : added_) {
      if (token.text == text) return token.id;
    }
    const int id = processor_.PieceToId(text);
    return processor_.IdToPiece(id) == text ? id : -1;
  }

  Token special_id(const std::optional<std::string>& text, int fallback, const char* key,
                   const TokenizerConfig& config) const {
    if (!text.has_value()) return fallback;
    if (text->empty()) return -1;
    const Token id = id_of(*text);
    if (id < 0)
      throw Error(cat(config.file.string(), ": ", key, " \"", *text, "\" is not a piece of ", file_.string()));
    return id;
  }

  std::vector<Token> encode_plain(const std::string& text) const {
    std::vector<int> ids;
    check(processor_.Encode(is_well_formed(text) ? text : repaired(text), &ids));
    return {ids.begin(), ids.end()};
  }

  // The longest special or added token that is written at `at`, or -1.
  std::pair<Token, size_t> written_at(const std::string& text, size_t at) const {
    std::pair<Token, size_t> best{-1, 0};
    const auto consider = [&](Token id, const std::string& spelled) {
      if (spelled.size() > best.second && text.compare(at, spelled.size(), spelled) == 0) best = {id, spelled.size()};
    };
    for (const Token id : {bos_, eos_}) {
      if (id >= 0) consider(id, piece(id));
    }
    for (const AddedToken& token : added_) consider(token.id, token.text);
    return best;
  }

  std::vector<Token> encode_written(const std::string& text) const {
    std::vector<Token> ids;
    size_t plain = 0;
    const auto flush = [&](size_t end) {
      if (end == plain) return;
      const std::vector<Token> part = encode_plain(text.substr(plain, end - plain));
      ids.insert(ids.end(), part.begin(), part.end());
    };
    for (size_t at = 0; at < text.size();) {
      const auto [id, length] = written_at(text, at);
      if (id < 0) {
        ++at;
        continue;
      }
      flush(at);
      ids.push_back(id);
      at += length;
      plain = at;
    }
    flush(text.size());
    return ids;
  }

  std::filesystem::path file_;
  sentencepiece::SentencePieceProcessor processor_;
  std::vector<AddedToken> added_;  // ids num_pieces(), num_pieces() + 1, ...
  Token bos_ = -1, eos_ = -1;
  bool add_bos_ = false, add_eos_ = false;
  std::string unknown_surface_, chat_template_, fingerprint_;
};

}  // namespace

std::unique_ptr<Tokenizer> load_sentencepiece_tokenizer(const std::filesystem::path& folder) {
  return std::make_unique<SentencePieceTokenizer>(folder);
}

}  // namespace specula
