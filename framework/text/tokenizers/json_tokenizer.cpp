#include "framework/text/tokenizers/json_tokenizer.h"

#include <algorithm>
#include <mutex>
#include <nlohmann/json.hpp>

#include "framework/core/error.h"
#include "framework/core/files.h"
#include "framework/text/tokenizer_config.h"
#include "framework/text/tokenizers/added_tokens.h"
#include "framework/text/tokenizers/decoders.h"
#include "framework/text/tokenizers/legacy_files.h"
#include "framework/text/tokenizers/models.h"
#include "framework/text/tokenizers/normalizers.h"
#include "framework/text/tokenizers/post_processors.h"
#include "framework/text/tokenizers/pre_tokenizers.h"
#include "framework/text/tokenizers/unicode.h"
#include "framework/text/tokenizers/word_cache.h"
#include "framework/text/utf8.h"

namespace specula {
namespace {

using Json = nlohmann::json;

// Every token of a file by id: those of the model and those added to it.
class TokenTable {
 public:
  TokenTable(const Vocabulary& vocabulary, const std::string& place) : vocabulary_(vocabulary), place_(place) {
    infos_.resize(static_cast<size_t>(vocabulary.size()));
    for (Token id = 0; id < vocabulary.size(); ++id) infos_[static_cast<size_t>(id)].exists = vocabulary.has(id);
  }

  // The last word on a token counts.
  void add(const AddedToken& token) {
    if (token.text.empty()) return;
    const auto refuse = [&](const std::string& why) {
      throw Error(cat(place_, ": the added token '", token.text, "' ", why));
    };
    if (token.id < 0 || token.id >= kMaxVocab) refuse(cat("has id ", token.id, "; valid: 0..", kMaxVocab - 1));
    const Token known = find(token.text);
    if (known >= 0 && known != token.id) refuse(cat("has id ", token.id, ", but elsewhere it has ", known));
    const auto same = by_id_.find(token.id);
    if (same == by_id_.end()) {
      by_id_[token.id] = added_.size();
      by_text_[token.text] = token.id;
      added_.push_back(token);
    } else {
      AddedToken& other = added_[same->second];
      if (other.text != token.text) refuse(cat("has id ", token.id, ", which '", other.text, "' has too"));
      other = token;
    }
    if (token.id >= size()) infos_.resize(static_cast<size_t>(token.id) + 1);
    infos_[static_cast<size_t>(token.id)] = {.exists = true, .special = token.special, .text = token.text};
  }

  // A token that the configuration gives a role is special.
  void add_special(const std::string& text) {
    const Token id = find(text);
    if (id < 0) return;
    const auto known = by_id_.find(id);
    AddedToken token = known == by_id_.end() ? AddedToken{.id = id, .text = text} : added_[known->second];
    token.special = true;
    add(token);
  }

  Token find(const std::string& text) const {
    const auto added = by_text_.find(text);
    return added != by_text_.end() ? added->second : vocabulary_.find(text);
  }

  int64_t size() const { return static_cast<int64_t>(infos_.size()); }
  bool has(Token id) const { return id >= 0 && id < size() && infos_[static_cast<size_t>(id)].exists; }
  bool is_special(Token id) const { return infos_[static_cast<size_t>(id)].special; }
  const std::string& text(Token id) const {
    const Info& info = infos_[static_cast<size_t>(id)];
    return info.text.empty() && id < vocabulary_.size() ? vocabulary_.piece(id) : info.text;
  }
  const std::vector<AddedToken>& added() const { return added_; }

 private:
  struct Info {
    bool exists = false, special = false;
    std::string text;  // of an added token
  };
  const Vocabulary& vocabulary_;
  std::string place_;
  std::vector<Info> infos_;
  std::vector<AddedToken> added_;
  std::unordered_map<std::string, Token> by_text_;
  std::unordered_map<Token, size_t> by_id_;  // in added_
};

class JsonTokenizer final : public Tokenizer {
 public:
  JsonTokenizer(const TokenizerFiles& files, const Json& json, const TokenizerConfig& config)
      : place_(files.file.string()),
        model_(read_model(Section(json, place_).object("model"))),
        tokens_(model_->vocabulary(), place_) {
    const Section file(json, place_);
    if (file.has("normalizer")) normalizer_ = read_normalizer(file.object("normalizer"));
    if (file.has("pre_tokenizer")) pre_tokenizer_ = read_pre_tokenizer(file.object("pre_tokenizer"));
    decoders_ = file.has("decoder") ? read_decoders(file.object("decoder")) : no_decoders();
    take_added(file, config);
    bos_ = special_id(config.bos, "bos_token", config);
    eos_ = special_id(config.eos, "eos_token", config);
    take_frame(file, config);
    chat_template_ = config.chat_template;
    make_finders();
    fingerprint_ = sha256(identity(json));
  }

  int64_t vocab() const override { return tokens_.size(); }
  Token bos() const override { return bos_; }
  Token eos() const override { return eos_; }
  std::string chat_template() const override { return chat_template_; }
  const std::string& fingerprint() const override { return fingerprint_; }

  std::vector<Token> encode(const std::string& text, Special special) const override {
    const std::lock_guard<std::mutex> lock(mutex_);
    std::vector<Token> ids;
    if (special == Special::kWith) ids = frame_.before;
    if (is_well_formed(text)) {
      encode_text(text, special, ids);
    } else {
      encode_text(repaired(text), special, ids);
    }
    if (special == Special::kWith) ids.insert(ids.end(), frame_.after.begin(), frame_.after.end());
    return ids;
  }

  std::string decode(const std::vector<Token>& ids) const override {
    Stream stream(*this, TextPosition::kStart);
    std::string text;
    for (const Token id : ids) text += stream.push(id);
    return text + stream.finish();
  }

  std::unique_ptr<Decoding> decoding(TextPosition position) const override {
    return std::make_unique<Stream>(*this, position);
  }

  std::string piece_bytes(Token id) const override {
    require_id(id);
    if (!tokens_.has(id) || tokens_.is_special(id)) return "";
    std::string bytes = tokens_.text(id);
    for (const auto& decoder : decoders_) bytes = decoder->middle(bytes);
    return bytes;
  }

  std::string piece(Token id) const override {
    require_id(id);
    return tokens_.text(id);
  }

 private:
  class Stream final : public Decoding {
   public:
    Stream(const JsonTokenizer& tokenizer, TextPosition position)
        : tokens_(tokenizer.tokens_), place_(tokenizer.place_), chain_(tokenizer.decoders_, position) {}
    std::string push(Token id) override {
      if (id < 0) throw Error(cat("token id ", id, " is negative (", place_, ")"));
      if (!tokens_.has(id)) return chain_.push(kReplacement);
      return tokens_.is_special(id) ? "" : chain_.push(tokens_.text(id));
    }
    std::string finish() override { return chain_.finish(); }

   private:
    const TokenTable& tokens_;
    const std::string& place_;
    DecoderChain chain_;
  };

  void require_id(Token id) const {
    if (id < 0 || id >= vocab())
      throw Error(cat("token id ", id, " is out of range 0..", vocab() - 1, " (", place_, ")"));
  }

  void take_added(const Section& file, const TokenizerConfig& config) {
    std::vector<AddedToken> added;
    if (file.has("added_tokens")) {
      for (const Section& entry : file.objects("added_tokens")) {
        const bool special = entry.flag("special", false);
        added.push_back({.id = static_cast<Token>(entry.number("id", 0, kMaxVocab - 1)),
                         .text = entry.text("content"),
                         .special = special,
                         .single_word = entry.flag("single_word", false),
                         .lstrip = entry.flag("lstrip", false),
                         .rstrip = entry.flag("rstrip", false),
                         .normalized = entry.flag("normalized", !special)});
      }
    }
    for (const AddedToken& token : added) tokens_.add(token);
    for (const AddedToken& token : config.added) {
      if (token.has_flags || tokens_.find(token.text) < 0) tokens_.add(token);
    }
    for (const std::string& text : config.special) tokens_.add_special(text);
  }

  Token special_id(const std::optional<std::string>& text, const char* key, const TokenizerConfig& config) const {
    if (!text.has_value() || text->empty()) return -1;
    const Token id = tokens_.find(*text);
    if (id < 0) throw Error(cat(config.file.string(), ": ", key, " \"", *text, "\" is not a token of ", place_));
    return id;
  }

  // transformers replaces the post-processor where tokenizer_config.json says what to add.
  void take_frame(const Section& file, const TokenizerConfig& config) {
    if (config.add_bos.has_value() || config.add_eos.has_value()) {
      if (config.add_bos.value_or(false) && bos_ >= 0) frame_.before.push_back(bos_);
      if (config.add_eos.value_or(false) && eos_ >= 0) frame_.after.push_back(eos_);
    } else if (file.has("post_processor")) {
      frame_ = read_frame(file.object("post_processor"));
    }
    for (const auto* ids : {&frame_.before, &frame_.after}) {
      for (const Token id : *ids) {
        if (!tokens_.has(id)) file.fail(cat("post_processor adds id ", id, ", which is no token"));
      }
    }
  }

  // Besides special tokens, what the chat template writes is how turns begin and end.
  bool is_control(const AddedToken& token) const {
    const bool blank =
        std::all_of(token.text.begin(), token.text.end(), [](char c) { return c == ' ' || (c >= '\t' && c <= '\r'); });
    return token.special || (!blank && chat_template_.find(token.text) != std::string::npos);
  }

  void make_finders() {
    std::vector<bool> controls(static_cast<size_t>(model_->vocabulary().size()));
    for (const AddedToken& token : tokens_.added()) {
      AddedToken found = token;
      found.special = is_control(token);
      if (found.special && token.id < model_->vocabulary().size()) controls[static_cast<size_t>(token.id)] = true;
      if (!token.normalized) {
        raw_.add(found, token.text);
        continue;
      }
      std::string spelled = token.text;
      if (normalizer_) normalizer_->apply(spelled);
      normalized_.add(found, spelled);
    }
    model_->prepare(controls);
  }

  void encode_text(const std::string& text, Special special, std::vector<Token>& ids) const {
    const auto takes = [&](const AddedToken& token) { return special == Special::kWritten || !token.special; };
    std::vector<AddedTokenFinder::Part> parts, inner;
    raw_.find(text, takes, parts);
    for (const AddedTokenFinder::Part& part : parts) {
      if (part.id >= 0) {
        ids.push_back(part.id);
        continue;
      }
      std::string normalized(part.text);
      if (normalizer_) normalizer_->apply(normalized);
      inner.clear();
      normalized_.find(normalized, takes, inner);
      for (const AddedTokenFinder::Part& word : inner) {
        if (word.id >= 0) {
          ids.push_back(word.id);
        } else {
          const bool opens = part.text.data() == text.data() && word.text.data() == normalized.data();
          encode_words(word.text, opens, ids);
        }
      }
    }
  }

  void encode_words(std::string_view text, bool opens_text, std::vector<Token>& ids) const {
    Pretokens tokens{.text = std::string(text), .pieces = {{0, text.size(), opens_text}}};
    if (pre_tokenizer_) pre_tokenizer_->apply(tokens);
    for (const Pretokens::Piece& piece : tokens.pieces) cache_.encode(*model_, tokens.view(piece), ids);
  }

  // Independent of how the file is laid out.
  std::string identity(const Json& json) const {
    std::string text = cat(bos_, " ", eos_, "\n");
    for (const auto& [key, option] : json.at("model").items()) {
      if (key != "vocab" && key != "merges") text += cat(key, " ", option.dump(), "\n");
    }
    for (const char* key : {"normalizer", "pre_tokenizer", "decoder"}) text += json.value(key, Json()).dump() + "\n";
    for (Token id = 0; id < vocab(); ++id)
      text += cat(tokens_.has(id), " ", tokens_.is_special(id), " ", tokens_.text(id), "\n");
    for (const AddedToken& t : tokens_.added())
      text += cat(t.id, t.single_word, t.lstrip, t.rstrip, t.normalized, "\n");
    return text + model_->identity();
  }

  std::string place_;
  std::unique_ptr<WordModel> model_;
  TokenTable tokens_;
  std::unique_ptr<Normalizer> normalizer_;       // may be null
  std::unique_ptr<PreTokenizer> pre_tokenizer_;  // may be null
  Decoders decoders_;
  AddedTokenFinder raw_, normalized_;  // tokens that are looked for before and after the normalizer
  Frame frame_;
  Token bos_ = -1, eos_ = -1;
  std::string chat_template_, fingerprint_;
  mutable std::mutex mutex_;  // regular expressions and the cache serve one text at a time
  mutable WordCache cache_;
};

}  // namespace

std::unique_ptr<Tokenizer> load_json_tokenizer(const TokenizerFiles& files) {
  TokenizerConfig config = read_tokenizer_config(files.folder);
  Json json;
  if (files.kind == TokenizerKind::kVocabularyAndMerges) {
    json = json_of_vocabulary_and_merges(files, config);
    // The class's own choice where the folder names none.
    const bool has_end = json["model"]["vocab"].contains("<|endoftext|>");
    if (has_end && !config.eos.has_value()) config.eos = "<|endoftext|>";
    if (has_end && !config.bos.has_value() && config.tokenizer_class != "Qwen2Tokenizer") config.bos = "<|endoftext|>";
  } else if (files.kind == TokenizerKind::kWordList) {
    json = json_of_word_list(files, config);
  } else {
    json = parse_vocabulary_file(files.file);
  }
  return std::make_unique<JsonTokenizer>(files, json, config);
}

}  // namespace specula
