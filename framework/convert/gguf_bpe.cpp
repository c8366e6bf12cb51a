#include <nlohmann/json.hpp>
#include <unordered_map>

#include "framework/convert/gguf_tokenizer.h"
#include "framework/core/error.h"

namespace specula {
namespace {

using Json = nlohmann::ordered_json;

// How a text is cut into words before any merge, by the name that llama.cpp gives it.  The expressions are those of the
// models' own tokenizer.json.
struct WordRule {
  std::vector<std::string> names;
  std::string split;           // "": GPT-2's own, which the byte-level step has built in
  bool single_digits = false;  // each digit by itself, before GPT-2's rule
  bool normalize = false;      // to Unicode's composed form
  bool whole_words = false;    // a word that is a token is taken without its merges
  bool adds_bos = false;       // where the file says nothing
};

const std::vector<WordRule>& word_rules() {
  static const std::string kWords = R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|)";
  static const std::string kRest = R"(| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
  static const std::string kTekken = R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|)"
                                     R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|)"
                                     R"(\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
  static const std::vector<WordRule> kRules = {
      {.names = {"llama-bpe", "llama3", "llama-v3"},
       .split = kWords + R"(\p{N}{1,3})" + kRest,
       .whole_words = true,
       .adds_bos = true},
      {.names = {"qwen2", "deepseek-r1-qwen"}, .split = kWords + R"(\p{N})" + kRest, .normalize = true},
      {.names = {"tekken"}, .split = kTekken, .whole_words = true, .adds_bos = true},
      {.names = {"gpt-2"}},
      {.names = {"smollm", "starcoder"}, .single_digits = true},
  };
  return kRules;
}

const WordRule& word_rule(const GgufFile& file) {
  const char* const kKey = "tokenizer.ggml.pre";
  std::vector<std::string> valid;
  const std::string given = file.has(kKey) ? file.text(kKey) : "";
  for (const WordRule& rule : word_rules()) {
    for (const std::string& name : rule.names) {
      if (name == given) return rule;
      valid.push_back(name);
    }
  }
  file.fail(cat("metadata '", kKey, "' is ", file.has(kKey) ? cat("'", given, "'") : "missing",
                ", so it is not known how words are split; valid: ", join(valid)));
}

Json byte_level(bool with_split) {
  return {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"trim_offsets", true}, {"use_regex", with_split}};
}

Json pre_tokenizer(const WordRule& rule) {
  Json steps = Json::array();
  const bool own = !rule.split.empty();
  if (own) {
    steps.push_back(
        {{"type", "Split"}, {"pattern", {{"Regex", rule.split}}}, {"behavior", "Isolated"}, {"invert", false}});
  } else if (rule.single_digits) {
    steps.push_back({{"type", "Digits"}, {"individual_digits", true}});
  } else {
    return byte_level(true);
  }
  steps.push_back(byte_level(!own));
  return {{"type", "Sequence"}, {"pretokenizers", steps}};
}

// The begin token in front of each text.
Json post_processor(const GgufVocabulary& vocabulary) {
  Json bytes = byte_level(false);
  if (!vocabulary.add_bos || vocabulary.bos < 0) return bytes;
  const std::string& bos = vocabulary.tokens[static_cast<size_t>(vocabulary.bos)];
  const auto special = [&](int type) { return Json{{"SpecialToken", {{"id", bos}, {"type_id", type}}}}; };
  const auto sequence = [](const char* id, int type) { return Json{{"Sequence", {{"id", id}, {"type_id", type}}}}; };
  const Json tokens = {{bos, {{"id", bos}, {"ids", {vocabulary.bos}}, {"tokens", {bos}}}}};
  const Json front = {{"type", "TemplateProcessing"},
                      {"single", Json::array({special(0), sequence("A", 0)})},
                      {"pair", Json::array({special(0), sequence("A", 0), special(1), sequence("B", 1)})},
                      {"special_tokens", tokens}};
  return {{"type", "Sequence"}, {"processors", Json::array({bytes, front})}};
}

class BpeJson {
 public:
  BpeJson(const GgufFile& file, const GgufVocabulary& vocabulary) : file_(file), vocabulary_(vocabulary) {
    for (size_t id = 0; id < vocabulary.tokens.size(); ++id) {
      const auto [first, fresh] = ids_.emplace(vocabulary.tokens[id], id);
      if (!fresh) file.fail(cat("tokens ", first->second, " and ", id, " are both '", vocabulary.tokens[id], "'"));
    }
  }

  std::string text() const {
    const WordRule& rule = word_rule(file_);
    const Json json = {{"version", "1.0"},
                       {"truncation", nullptr},
                       {"padding", nullptr},
                       {"added_tokens", added()},
                       {"normalizer", rule.normalize ? Json{{"type", "NFC"}} : Json()},
                       {"pre_tokenizer", pre_tokenizer(rule)},
                       {"post_processor", post_processor(vocabulary_)},
                       {"decoder", byte_level(true)},
                       {"model",
                        {{"type", "BPE"},
                         {"dropout", nullptr},
                         {"unk_token", nullptr},
                         {"continuing_subword_prefix", nullptr},
                         {"end_of_word_suffix", nullptr},
                         {"fuse_unk", false},
                         {"byte_fallback", false},
                         {"ignore_merges", rule.whole_words},
                         {"vocab", vocab()},
                         {"merges", merges()}}}};
    return json.dump(1) + "\n";
  }

 private:
  bool is_added(size_t id) const {
    const PieceType type = vocabulary_.types[id];
    return type == PieceType::kControl || type == PieceType::kUserDefined || type == PieceType::kUnknown;
  }

  Json added() const {
    Json list = Json::array();
    for (size_t id = 0; id < vocabulary_.tokens.size(); ++id) {
      if (!is_added(id)) continue;
      list.push_back({{"id", id},
                      {"content", vocabulary_.tokens[id]},
                      {"single_word", false},
                      {"lstrip", false},
                      {"rstrip", false},
                      {"normalized", false},
                      {"special", vocabulary_.types[id] != PieceType::kUserDefined}});
    }
    return list;
  }

  // Unused tokens at the end pad the embedding; those before keep their place.
  Json vocab() const {
    size_t end = vocabulary_.tokens.size();
    while (end > 0 && vocabulary_.types[end - 1] == PieceType::kUnused) --end;
    Json map = Json::object();
    for (size_t id = 0; id < end; ++id) {
      if (!is_added(id)) map.get_ref<Json::object_t&>().emplace_back(vocabulary_.tokens[id], id);  // known to be new
    }
    return map;
  }

  Json merges() const {
    Json list = Json::array();
    for (const std::string& merge : file_.texts("tokenizer.ggml.merges")) {
      const size_t space = merge.find(' ', 1);  // a token of the byte level holds no space
      if (space == std::string::npos) file_.fail(cat("merge '", merge, "' is not two tokens with a space between"));
      std::string left = merge.substr(0, space), right = merge.substr(space + 1);
      for (const std::string& token : {left, right, left + right}) {
        if (!ids_.contains(token)) file_.fail(cat("merge '", merge, "' needs '", token, "', which is no token"));
      }
      list.push_back(Json::array({std::move(left), std::move(right)}));
    }
    return list;
  }

  const GgufFile& file_;
  const GgufVocabulary& vocabulary_;
  std::unordered_map<std::string, size_t> ids_;
};

}  // namespace

bool bpe_adds_bos(const GgufFile& file) { return word_rule(file).adds_bos; }

std::string bpe_tokenizer_json(const GgufFile& file, const GgufVocabulary& vocabulary) {
  return BpeJson(file, vocabulary).text();
}

}  // namespace specula
