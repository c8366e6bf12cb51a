#include "framework/text/tokenizers/normalizers.h"

#include <functional>

#include "framework/core/error.h"
#include "framework/text/tokenizers/byte_level.h"
#include "framework/text/tokenizers/pattern.h"
#include "framework/text/tokenizers/unicode.h"

namespace specula {
namespace {

// A normalizer that is a function.
class Step final : public Normalizer {
 public:
  explicit Step(std::function<void(std::string&)> apply) : apply_(std::move(apply)) {}
  void apply(std::string& text) const override { apply_(text); }

 private:
  std::function<void(std::string&)> apply_;
};

std::unique_ptr<Normalizer> step(std::function<void(std::string&)> apply) {
  return std::make_unique<Step>(std::move(apply));
}

// each(out, code) appends what becomes of a character.
template <class Each>
void map_characters(std::string& text, const Each& each) {
  std::string out;
  out.reserve(text.size());
  for (size_t at = 0; at < text.size();) {
    const Character c = character_at(text, at);
    each(out, c.code);
    at += c.length;
  }
  text = std::move(out);
}

template <class Drops>
void drop_characters(std::string& text, const Drops& drops) {
  map_characters(text, [&](std::string& out, char32_t code) {
    if (!drops(code)) append_character(out, code);
  });
}

void strip(std::string& text, bool left, bool right) {
  size_t begin = 0, end = text.size();
  while (left && begin < end && is_space(character_at(text, begin).code)) begin += character_at(text, begin).length;
  while (right && end > begin) {
    const size_t last = character_before(text, end);
    if (!is_space(character_at(text, last).code)) break;
    end = last;
  }
  text = text.substr(begin, end - begin);
}

// The rules of SentencePiece's "nmt" sets.
void normalize_nmt(std::string& text) {
  map_characters(text, [](std::string& out, char32_t code) {
    const bool dropped = (code >= 0x01 && code <= 0x08) || code == 0x0B || (code >= 0x0E && code <= 0x1F) ||
                         code == 0x7F || code == 0x8F || code == 0x9F;
    const bool space = code == 0x09 || code == 0x0A || code == 0x0C || code == 0x0D || code == 0x1680 ||
                       (code >= 0x200B && code <= 0x200F) || code == 0x2028 || code == 0x2029 || code == 0x2581 ||
                       code == 0xFEFF || code == 0xFFFD;
    if (!dropped) append_character(out, space ? U' ' : code);
  });
}

// The ideographs of BERT's tokenizer, which stand as words of their own.
bool is_ideograph(char32_t code) {
  return (code >= 0x4E00 && code <= 0x9FFF) || (code >= 0x3400 && code <= 0x4DBF) ||
         (code >= 0x20000 && code <= 0x2A6DF) || (code >= 0x2A700 && code <= 0x2B73F) ||
         (code >= 0x2B740 && code <= 0x2B81F) || (code >= 0x2B920 && code <= 0x2CEAF) ||
         (code >= 0xF900 && code <= 0xFAFF) || (code >= 0x2F800 && code <= 0x2FA1F);
}

std::unique_ptr<Normalizer> read_bert(const Section& section) {
  const bool cleans = section.flag("clean_text", true), ideographs = section.flag("handle_chinese_chars", true);
  const bool lower = section.flag("lowercase", true), accents = section.flag("strip_accents", lower);
  return step([=](std::string& text) {
    if (cleans) {
      map_characters(text, [](std::string& out, char32_t code) {
        if (!is_cleaned(code)) append_character(out, is_space(code) ? U' ' : code);
      });
    }
    if (ideographs) {
      map_characters(text, [](std::string& out, char32_t code) {
        const bool apart = is_ideograph(code);
        if (apart) out += ' ';
        append_character(out, code);
        if (apart) out += ' ';
      });
    }
    if (accents) {
      text = normal_form(text, NormalForm::kD);
      drop_characters(text, is_nonspacing);
    }
    if (lower) map_characters(text, append_lower);
  });
}

std::unique_ptr<Normalizer> read_sequence(const Section& section) {
  auto parts = std::make_shared<std::vector<std::unique_ptr<Normalizer>>>();
  for (const Section& part : section.objects("normalizers")) parts->push_back(read_normalizer(part));
  return step([parts](std::string& text) {
    for (const auto& part : *parts) part->apply(text);
  });
}

std::unique_ptr<Normalizer> read_replace(const Section& section) {
  const auto pattern = std::shared_ptr<const Pattern>(read_pattern(section, "pattern"));
  return step([pattern, content = section.text("content")](std::string& text) {
    std::string out;
    for_each_part(*pattern, text, [&](std::string_view part, bool is_match) { out += is_match ? content : part; });
    text = std::move(out);
  });
}

std::unique_ptr<Normalizer> form(NormalForm form) {
  return step([form](std::string& text) { text = normal_form(text, form); });
}

}  // namespace

std::unique_ptr<Normalizer> read_normalizer(const Section& section) {
  static const std::vector<std::string> kTypes = {"BertNormalizer", "ByteLevel", "Lowercase", "NFC",         "NFD",
                                                  "NFKC",           "NFKD",      "Nmt",       "Precompiled", "Prepend",
                                                  "Replace",        "Sequence",  "Strip",     "StripAccents"};
  const std::string type = section.type();
  if (type == "BertNormalizer") return read_bert(section);
  if (type == "ByteLevel") {
    return step([](std::string& text) {
      std::string out;
      spell_bytes(out, text);
      text = std::move(out);
    });
  }
  if (type == "Lowercase") return step([](std::string& text) { map_characters(text, append_lower); });
  if (type == "NFC") return form(NormalForm::kC);
  if (type == "NFD") return form(NormalForm::kD);
  if (type == "NFKC") return form(NormalForm::kKC);
  if (type == "NFKD") return form(NormalForm::kKD);
  if (type == "Nmt") return step(normalize_nmt);
  if (type == "Precompiled") return make_precompiled(section.text("precompiled_charsmap"), section);
  if (type == "Prepend") {
    return step([prefix = section.text("prepend")](std::string& text) {
      if (!text.empty()) text.insert(0, prefix);
    });
  }
  if (type == "Replace") return read_replace(section);
  if (type == "Sequence") return read_sequence(section);
  if (type == "Strip") {
    const bool left = section.flag("strip_left", true), right = section.flag("strip_right", true);
    return step([=](std::string& text) { strip(text, left, right); });
  }
  if (type == "StripAccents") return step([](std::string& text) { drop_characters(text, is_combining); });
  section.unknown_type(kTypes);
}

}  // namespace specula
