#include "framework/text/tokenizers/pre_tokenizers.h"

#include "framework/core/error.h"
#include "framework/text/tokenizers/byte_level.h"
#include "framework/text/tokenizers/pattern.h"
#include "framework/text/tokenizers/unicode.h"

namespace specula {
namespace {

// Radford et al. 2019, the encoder of GPT-2.
constexpr const char* kByteLevelWords = R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";

// Cuts each piece where cut(view, pieces) says.
template <class Cut>
void cut_pieces(Pretokens& tokens, const Cut& cut) {
  std::vector<Pretokens::Piece> pieces;
  pieces.reserve(tokens.pieces.size());
  std::vector<Match> parts;
  for (const Pretokens::Piece& piece : tokens.pieces) {
    parts.clear();
    cut(tokens.view(piece), parts);
    for (const Match& part : parts) {
      if (part.end > part.begin)
        pieces.push_back({piece.begin + part.begin, piece.begin + part.end, piece.opens_text && part.begin == 0});
    }
  }
  tokens.pieces = std::move(pieces);
}

// Writes each piece anew, as write(out, piece) appends it.
template <class Write>
void rewrite_pieces(Pretokens& tokens, const Write& write) {
  std::string text;
  text.reserve(tokens.text.size() + tokens.text.size() / 2);
  for (Pretokens::Piece& piece : tokens.pieces) {
    const size_t begin = text.size();
    write(text, piece);
    piece = {begin, text.size(), piece.opens_text};
  }
  tokens.text = std::move(text);
}

class Split final : public PreTokenizer {
 public:
  Split(std::unique_ptr<Pattern> pattern, Behavior behavior, bool invert = false)
      : pattern_(std::move(pattern)), behavior_(behavior), invert_(invert) {}
  void apply(Pretokens& tokens) const override {
    cut_pieces(tokens, [&](std::string_view view, std::vector<Match>& parts) {
      split(view, *pattern_, behavior_, invert_, parts);
    });
  }

 private:
  std::unique_ptr<Pattern> pattern_;
  Behavior behavior_;
  bool invert_;
};

std::unique_ptr<PreTokenizer> split_at(std::function<bool(char32_t)> match, Behavior behavior) {
  return std::make_unique<Split>(characters(std::move(match)), behavior);
}

class ByteLevel final : public PreTokenizer {
 public:
  explicit ByteLevel(const Section& section) : adds_space_(section.flag("add_prefix_space", true)) {
    if (section.flag("use_regex", true))
      words_ = std::make_unique<Split>(regex(kByteLevelWords, section.place()), Behavior::kIsolated);
  }
  void apply(Pretokens& tokens) const override {
    if (adds_space_) {
      rewrite_pieces(tokens, [&](std::string& out, const Pretokens::Piece& piece) {
        const std::string_view view = tokens.view(piece);
        if (view.front() != ' ') out += ' ';
        out += view;
      });
    }
    if (words_) words_->apply(tokens);
    rewrite_pieces(tokens,
                   [&](std::string& out, const Pretokens::Piece& piece) { spell_bytes(out, tokens.view(piece)); });
  }

 private:
  bool adds_space_;
  std::unique_ptr<Split> words_;
};

class Metaspace final : public PreTokenizer {
 public:
  explicit Metaspace(const Section& section)
      : replacement_(section.character("replacement", "\xE2\x96\x81")), prepend_(read_prepend(section)) {
    if (section.flag("split", true)) {
      const char32_t code = character_at(replacement_, 0).code;
      words_ = split_at([code](char32_t given) { return given == code; }, Behavior::kMergedWithNext);
    }
  }
  void apply(Pretokens& tokens) const override {
    rewrite_pieces(tokens, [&](std::string& out, const Pretokens::Piece& piece) {
      const std::string_view view = tokens.view(piece);
      const bool has_space = view.front() == ' ' || view.starts_with(replacement_);
      const bool wants = prepend_ == Prepend::kAlways || (prepend_ == Prepend::kFirst && piece.opens_text);
      if (wants && !has_space) out += replacement_;
      for (const char byte : view) {
        if (byte == ' ') {
          out += replacement_;
        } else {
          out += byte;
        }
      }
    });
    if (words_) words_->apply(tokens);
  }

 private:
  std::string replacement_;
  Prepend prepend_;
  std::unique_ptr<PreTokenizer> words_;
};

class FixedLength final : public PreTokenizer {
 public:
  explicit FixedLength(const Section& section) : length_(section.number("length", 1, INT32_MAX, 5)) {}
  void apply(Pretokens& tokens) const override {
    cut_pieces(tokens, [&](std::string_view view, std::vector<Match>& parts) {
      int64_t count = 0;
      for (size_t at = 0; at < view.size(); at += character_at(view, at).length) {
        if (count++ % length_ == 0) parts.push_back({at, view.size()});
        if (parts.size() > 1) parts[parts.size() - 2].end = parts.back().begin;
      }
    });
  }

 private:
  int64_t length_;
};

class Sequence final : public PreTokenizer {
 public:
  explicit Sequence(std::vector<std::unique_ptr<PreTokenizer>> parts) : parts_(std::move(parts)) {}
  void apply(Pretokens& tokens) const override {
    for (const auto& part : parts_) part->apply(tokens);
  }

 private:
  std::vector<std::unique_ptr<PreTokenizer>> parts_;
};

std::unique_ptr<PreTokenizer> read_sequence(const Section& section) {
  std::vector<std::unique_ptr<PreTokenizer>> parts;
  for (const Section& part : section.objects("pretokenizers")) parts.push_back(read_pre_tokenizer(part));
  return std::make_unique<Sequence>(std::move(parts));
}

std::unique_ptr<PreTokenizer> bert() {
  std::vector<std::unique_ptr<PreTokenizer>> parts;
  parts.push_back(split_at(is_space, Behavior::kRemoved));
  parts.push_back(split_at(is_punctuation, Behavior::kIsolated));
  return std::make_unique<Sequence>(std::move(parts));
}

// Runs of letters, digits and marks, and runs of what is neither that nor space.
class Whitespace final : public PreTokenizer {
 public:
  void apply(Pretokens& tokens) const override {
    cut_pieces(tokens, [](std::string_view view, std::vector<Match>& parts) {
      Kind last = Kind::kSpace;
      for (size_t at = 0; at < view.size();) {
        const Character c = character_at(view, at);
        const Kind kind = is_word(c.code) ? Kind::kWord : is_space(c.code) ? Kind::kSpace : Kind::kOther;
        if (kind != Kind::kSpace && kind != last) parts.push_back({at, at});
        at += c.length;
        if (kind != Kind::kSpace) parts.back().end = at;
        last = kind;
      }
    });
  }

 private:
  enum class Kind { kSpace, kWord, kOther };
};

}  // namespace

Prepend read_prepend(const Section& section) {
  const std::string fallback = section.flag("add_prefix_space", true) ? "always" : "never";
  const std::string given = section.text("prepend_scheme", fallback);
  if (given == "always") return Prepend::kAlways;
  if (given == "first") return Prepend::kFirst;
  if (given == "never") return Prepend::kNever;
  section.fail(cat("prepend_scheme = '", given, "' is unknown; valid: always, first, never"));
}

std::unique_ptr<PreTokenizer> read_pre_tokenizer(const Section& section) {
  static const std::vector<std::string> kTypes = {"BertPreTokenizer", "ByteLevel",      "CharDelimiterSplit",
                                                  "Digits",           "FixedLength",    "Metaspace",
                                                  "Punctuation",      "Sequence",       "Split",
                                                  "Whitespace",       "WhitespaceSplit"};
  const std::string type = section.type();
  if (type == "BertPreTokenizer") return bert();
  if (type == "ByteLevel") return std::make_unique<ByteLevel>(section);
  if (type == "CharDelimiterSplit")
    return std::make_unique<Split>(literal(section.character("delimiter", "")), Behavior::kRemoved);
  if (type == "Digits") {
    return split_at(is_numeric, section.flag("individual_digits", false) ? Behavior::kIsolated : Behavior::kContiguous);
  }
  if (type == "FixedLength") return std::make_unique<FixedLength>(section);
  if (type == "Metaspace") return std::make_unique<Metaspace>(section);
  if (type == "Punctuation") return split_at(is_punctuation, read_behavior(section, "behavior", "Isolated"));
  if (type == "Sequence") return read_sequence(section);
  if (type == "Split") {
    return std::make_unique<Split>(read_pattern(section, "pattern"), read_behavior(section, "behavior", ""),
                                   section.flag("invert", false));
  }
  if (type == "Whitespace") return std::make_unique<Whitespace>();
  if (type == "WhitespaceSplit") return split_at(is_space, Behavior::kRemoved);
  section.unknown_type(kTypes);
}

}  // namespace specula
