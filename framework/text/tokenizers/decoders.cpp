#include "framework/text/tokenizers/decoders.h"

#include <functional>
#include <utility>

#include "framework/core/error.h"
#include "framework/text/tokenizers/byte_level.h"
#include "framework/text/tokenizers/pattern.h"
#include "framework/text/tokenizers/pre_tokenizers.h"
#include "framework/text/tokenizers/unicode.h"
#include "framework/text/utf8.h"

namespace specula {
namespace {

using Parts = std::vector<TokenPart>;

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  if (from.empty()) return text;
  for (size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size()))
    text.replace(at, from.size(), to);
  return text;
}

// A stage that sees tokens as a whole.
class WholeTokens : public DecoderStage {
 public:
  void push(TokenPart part, Parts& out) final {
    token_ += part.text;
    if (part.ends) take(std::exchange(token_, {}), out);
  }

 protected:
  virtual void take(std::string token, Parts& out) = 0;

 private:
  std::string token_;
};

// --- Token by token ---

enum class Place { kFirst, kMiddle };
using OfToken = std::function<std::string(const std::string& token, Place place)>;

class EachToken final : public Decoder {
 public:
  explicit EachToken(OfToken of) : of_(std::move(of)) {}
  std::unique_ptr<DecoderStage> stage(TextPosition position) const override {
    return std::make_unique<Stage>(of_, position == TextPosition::kStart);
  }
  std::string middle(const std::string& token) const override { return of_(token, Place::kMiddle); }

 private:
  class Stage final : public WholeTokens {
   public:
    Stage(const OfToken& of, bool is_first) : of_(of), is_first_(is_first) {}
    void take(std::string token, Parts& out) override {
      out.push_back({of_(token, is_first_ ? Place::kFirst : Place::kMiddle)});
      is_first_ = false;
    }

   private:
    const OfToken& of_;
    bool is_first_;
  };
  OfToken of_;
};

std::unique_ptr<Decoder> each_token(OfToken of) { return std::make_unique<EachToken>(std::move(of)); }

std::unique_ptr<Decoder> read_metaspace(const Section& section) {
  const bool drops = read_prepend(section) != Prepend::kNever;
  return each_token(
      [=, space = section.character("replacement", "\xE2\x96\x81")](const std::string& token, Place place) {
        return replaced(token, space, drops && place == Place::kFirst ? "" : " ");
      });
}

std::unique_ptr<Decoder> read_replace(const Section& section) {
  const auto pattern = std::shared_ptr<const Pattern>(read_pattern(section, "pattern"));
  return each_token([pattern, content = section.text("content")](const std::string& token, Place) {
    std::string text;
    for_each_part(*pattern, token, [&](std::string_view part, bool is_match) { text += is_match ? content : part; });
    return text;
  });
}

// English as it is written, of words that stand apart; in this order.
std::string cleaned_up(std::string text) {
  static const std::vector<std::pair<std::string, std::string>> kRules = {
      {" .", "."},   {" ?", "?"},           {" !", "!"},   {" ,", ","},     {" ' ", "'"},   {" n't", "n't"},
      {" 'm", "'m"}, {" do not", " don't"}, {" 's", "'s"}, {" 've", "'ve"}, {" 're", "'re"}};
  for (const auto& [from, to] : kRules) text = replaced(std::move(text), from, to);
  return text;
}

std::unique_ptr<Decoder> read_word_piece(const Section& section) {
  return each_token([prefix = section.text("prefix", "##"), cleans = section.flag("cleanup", true)](
                        const std::string& token, Place place) {
    std::string text = token;
    if (place != Place::kFirst) text = token.starts_with(prefix) ? token.substr(prefix.size()) : " " + token;
    return cleans ? cleaned_up(std::move(text)) : text;
  });
}

// --- With the next token ---

// The end of a word becomes a space, but not at the end of the text.
class BpeDecoder final : public Decoder {
 public:
  explicit BpeDecoder(std::string suffix) : suffix_(std::move(suffix)) {}
  std::unique_ptr<DecoderStage> stage(TextPosition) const override { return std::make_unique<Stage>(suffix_); }
  std::string middle(const std::string& token) const override { return replaced(token, suffix_, " "); }

 private:
  class Stage final : public WholeTokens {
   public:
    explicit Stage(const std::string& suffix) : suffix_(suffix) {}
    void take(std::string token, Parts& out) override {
      if (last_) out.push_back({replaced(std::move(*last_), suffix_, " ")});
      last_ = std::move(token);
    }
    void finish(Parts& out) override {
      if (last_) out.push_back({replaced(std::move(*last_), suffix_, "")});
    }

   private:
    const std::string& suffix_;
    std::optional<std::string> last_;
  };
  std::string suffix_;
};

// Tokens that spell bytes, "<0xE2>".  A run of them is one token where it is UTF-8 as a whole, else each byte is
// U+FFFD: so nothing is known before the run ends.
class ByteFallback final : public Decoder {
 public:
  std::unique_ptr<DecoderStage> stage(TextPosition) const override { return std::make_unique<Stage>(); }
  std::string middle(const std::string& token) const override {
    const auto byte = byte_of_token(token);
    return byte ? std::string(1, static_cast<char>(*byte)) : token;
  }

 private:
  class Stage final : public WholeTokens {
   public:
    void take(std::string token, Parts& out) override {
      if (const auto byte = byte_of_token(token)) {
        run_ += static_cast<char>(*byte);
        return;
      }
      finish(out);
      out.push_back({std::move(token)});
    }
    void finish(Parts& out) override {
      if (is_well_formed(run_)) {
        if (!run_.empty()) out.push_back({run_});
      } else {
        out.insert(out.end(), run_.size(), {kReplacement});
      }
      run_.clear();
    }

   private:
    std::string run_;
  };
};

// --- Many tokens that become one ---

class OneToken : public WholeTokens {
 public:
  void take(std::string token, Parts& out) override { add(ready(token), out); }
  void finish(Parts& out) override { out.push_back({rest(), !std::exchange(begun_, true), true}); }

 protected:
  virtual std::string ready(const std::string& token) = 0;  // what is certain now that this token has come
  virtual std::string rest() { return ""; }

 private:
  void add(std::string text, Parts& out) { out.push_back({std::move(text), !std::exchange(begun_, true), false}); }
  bool begun_ = false;
};

class Fuse final : public Decoder {
 public:
  std::unique_ptr<DecoderStage> stage(TextPosition) const override { return std::make_unique<Stage>(); }
  std::string middle(const std::string& token) const override { return token; }

 private:
  class Stage final : public OneToken {
    std::string ready(const std::string& token) override { return token; }
  };
};

class ByteLevel final : public Decoder {
 public:
  std::unique_ptr<DecoderStage> stage(TextPosition) const override { return std::make_unique<Stage>(); }
  std::string middle(const std::string& token) const override { return bytes_spelled(token).value_or(token); }

 private:
  class Stage final : public OneToken {
    std::string ready(const std::string& token) override {
      pending_ += bytes_spelled(token).value_or(token);
      return take_characters(pending_, Invalid::kEachPart);
    }
    std::string rest() override { return take_all_characters(pending_, Invalid::kEachPart); }

    std::string pending_;  // the first bytes of a character
  };
};

// --- Ends of tokens ---

// Up to `left` and `right` times `content` at the ends of each token; behind Fuse these are the ends of the text.
class Strip final : public Decoder {
 public:
  struct Ends {
    std::string content;
    int64_t left, right;
  };
  Strip(Ends ends, bool is_fused) : ends_(std::move(ends)), is_fused_(is_fused) {}
  std::unique_ptr<DecoderStage> stage(TextPosition position) const override {
    Ends ends = ends_;
    if (is_fused_ && position != TextPosition::kStart) ends.left = 0;
    return std::make_unique<Stage>(std::move(ends));
  }
  std::string middle(const std::string& token) const override {
    if (is_fused_) return token;
    Parts parts;
    Stage(ends_).push({token}, parts);
    return parts.front().text;
  }

 private:
  class Stage final : public DecoderStage {
   public:
    explicit Stage(Ends ends) : ends_(std::move(ends)) {}
    void push(TokenPart part, Parts& out) override {
      const std::string& content = ends_.content;
      if (part.begins) left_ = ends_.left;
      std::string text = std::exchange(held_, {}) + part.text;
      size_t begin = 0;
      for (; left_ > 0 && text.compare(begin, content.size(), content) == 0; --left_) begin += content.size();
      if (begin < text.size()) left_ = 0;
      size_t end = text.size();
      for (int64_t i = 0; i < ends_.right && end >= begin + content.size() &&
                          text.compare(end - content.size(), content.size(), content) == 0;
           ++i)
        end -= content.size();
      if (!part.ends) held_ = text.substr(end);
      out.push_back({text.substr(begin, end - begin), part.begins, part.ends});
    }

   private:
    Ends ends_;
    int64_t left_ = 0;  // how many may still be dropped
    std::string held_;  // what may be the end
  };

  Ends ends_;
  bool is_fused_;
};

void append_decoders(const Section& section, Decoders& decoders, bool& is_fused) {
  static const std::vector<std::string> kTypes = {"BPEDecoder", "ByteFallback", "ByteLevel", "Fuse",     "Metaspace",
                                                  "Replace",    "Sequence",     "Strip",     "WordPiece"};
  const std::string type = section.type();
  if (type == "Sequence") {
    for (const Section& part : section.objects("decoders")) append_decoders(part, decoders, is_fused);
  } else if (type == "BPEDecoder") {
    decoders.push_back(std::make_unique<BpeDecoder>(section.text("suffix", "</w>")));
  } else if (type == "ByteFallback") {
    decoders.push_back(std::make_unique<ByteFallback>());
  } else if (type == "ByteLevel") {
    decoders.push_back(std::make_unique<ByteLevel>());
    is_fused = true;
  } else if (type == "Fuse") {
    decoders.push_back(std::make_unique<Fuse>());
    is_fused = true;
  } else if (type == "Metaspace") {
    decoders.push_back(read_metaspace(section));
  } else if (type == "Replace") {
    decoders.push_back(read_replace(section));
  } else if (type == "Strip") {
    decoders.push_back(std::make_unique<Strip>(Strip::Ends{.content = section.character("content", " "),
                                                           .left = section.number("start", 0, INT32_MAX, 0),
                                                           .right = section.number("stop", 0, INT32_MAX, 0)},
                                               is_fused));
  } else if (type == "WordPiece") {
    decoders.push_back(read_word_piece(section));
  } else {
    section.unknown_type(kTypes);
  }
}

}  // namespace

Decoders read_decoders(const Section& section) {
  Decoders decoders;
  bool is_fused = false;
  append_decoders(section, decoders, is_fused);
  return decoders;
}

Decoders no_decoders() {
  Decoders decoders;
  decoders.push_back(
      each_token([](const std::string& token, Place place) { return (place == Place::kFirst ? "" : " ") + token; }));
  return decoders;
}

DecoderChain::DecoderChain(const Decoders& decoders, TextPosition position) {
  for (const auto& decoder : decoders) stages_.push_back(decoder->stage(position));
}

void DecoderChain::run(size_t stage, Parts parts, std::string& text) {
  for (; stage < stages_.size(); ++stage) {
    Parts next;
    for (TokenPart& part : parts) stages_[stage]->push(std::move(part), next);
    parts = std::move(next);
  }
  for (const TokenPart& part : parts) text += part.text;
}

std::string DecoderChain::push(const std::string& token) {
  std::string text;
  run(0, {{token}}, text);
  return text;
}

std::string DecoderChain::finish() {
  std::string text;
  for (size_t stage = 0; stage < stages_.size(); ++stage) {
    Parts parts;
    stages_[stage]->finish(parts);
    run(stage + 1, std::move(parts), text);
  }
  return text;
}

}  // namespace specula
