#include "framework/text/tokenizers/legacy_files.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <sstream>

#include "framework/core/error.h"
#include "framework/core/files.h"
#include "framework/core/json_depth.h"
#include "framework/text/tokenizers/section.h"
#include "framework/text/utf8.h"

namespace specula {
namespace {

using Json = nlohmann::json;

constexpr uintmax_t kMaxFileBytes = 256u << 20;  // Gemma's 256k tokens and 580k merges have 35 MB
// Qwen2's words: digits one by one, lines end words.
constexpr const char* kQwen2Words =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";

std::vector<std::string> lines_of(const std::filesystem::path& file) {
  std::istringstream in(read_vocabulary_file(file));
  std::vector<std::string> lines;
  for (std::string line; std::getline(in, line);) {
    if (!line.empty() && line.back() == '\r') line.pop_back();
    lines.push_back(line);
  }
  return lines;
}

Json special_token(const std::string& text, int64_t id, bool lstrip = false) {
  return {{"id", id},        {"content", text},     {"single_word", false}, {"lstrip", lstrip},
          {"rstrip", false}, {"normalized", false}, {"special", true}};
}

Json merges_of(const std::filesystem::path& file) {
  Json merges = Json::array();
  for (const std::string& line : lines_of(file)) {
    if (line.empty() || line.starts_with("#version")) continue;
    merges.push_back(line);
  }
  return merges;
}

}  // namespace

std::string read_vocabulary_file(const std::filesystem::path& file) {
  const uintmax_t size = std::filesystem::file_size(file);
  if (size > kMaxFileBytes) throw Error(cat(file.string(), ": ", size, " bytes; at most ", kMaxFileBytes, " are read"));
  std::string content = read_file(file);
  if (!is_well_formed(content)) throw Error(cat(file.string(), ": not UTF-8"));
  return content;
}

Json parse_vocabulary_file(const std::filesystem::path& file) {
  const std::string content = read_vocabulary_file(file);
  check_json_depth(content, file.string());
  try {
    Json json = Json::parse(content);
    if (!json.is_object()) throw Error(cat(file.string(), ": expected a JSON object, got ", json.type_name()));
    return json;
  } catch (const Json::parse_error& e) {
    throw Error(
        cat(file.string(), ": not valid JSON: it breaks off or goes wrong at byte ", e.byte, " of ", content.size()));
  } catch (const Json::out_of_range& e) {
    throw Error(cat(file.string(), ": a number that no reader can hold (", e.what(), ")"));
  }
}

Json json_of_vocabulary_and_merges(const TokenizerFiles& files, const TokenizerConfig& config) {
  std::string kind = config.tokenizer_class.empty() ? "GPT2Tokenizer" : config.tokenizer_class;
  if (kind.ends_with("Fast")) kind.resize(kind.size() - 4);
  const bool roberta = kind == "RobertaTokenizer", qwen2 = kind == "Qwen2Tokenizer";
  if (!roberta && !qwen2 && kind != "GPT2Tokenizer") {
    throw Error(
        cat(config.file.string(), ": tokenizer_class ", config.tokenizer_class,
            " with vocab.json and merges.txt is not read; valid: GPT2Tokenizer, Qwen2Tokenizer, RobertaTokenizer, "
            "or any class with a tokenizer.json"));
  }
  Json json;
  const Json vocabulary = parse_vocabulary_file(files.file);
  json["model"] = {{"type", "BPE"}, {"vocab", vocabulary}, {"merges", merges_of(files.folder / "merges.txt")}};
  json["pre_tokenizer"] = {{"type", "ByteLevel"}, {"add_prefix_space", false}};
  if (qwen2) {
    json["normalizer"] = {{"type", "NFC"}};
    json["pre_tokenizer"] = {{"type", "Sequence"},
                             {"pretokenizers",
                              {{{"type", "Split"}, {"pattern", {{"Regex", kQwen2Words}}}, {"behavior", "Isolated"}},
                               {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"use_regex", false}}}}};
  }
  json["decoder"] = {{"type", "ByteLevel"}};
  json["added_tokens"] = Json::array();
  const auto id_of = [&](const char* text) {
    const auto found = vocabulary.find(text);
    return found != vocabulary.end() && is_token_id(*found) ? found->get<int64_t>() : -1;
  };
  const std::vector<const char*> known = roberta ? std::vector<const char*>{"<s>", "<pad>", "</s>", "<unk>", "<mask>"}
                                                 : std::vector<const char*>{"<|endoftext|>"};
  for (const char* text : known) {
    const bool is_mask = text == std::string("<mask>");
    if (id_of(text) >= 0) json["added_tokens"].push_back(special_token(text, id_of(text), is_mask));
  }
  if (roberta && id_of("<s>") >= 0 && id_of("</s>") >= 0) {
    json["post_processor"] = {
        {"type", "RobertaProcessing"}, {"cls", {"<s>", id_of("<s>")}}, {"sep", {"</s>", id_of("</s>")}}};
  }
  return json;
}

Json json_of_word_list(const TokenizerFiles& files, const TokenizerConfig& config) {
  Json vocabulary = Json::object();
  int64_t next = 0;
  for (const std::string& line : lines_of(files.file)) {
    if (vocabulary.contains(line))
      throw Error(cat(files.file.string(), ":", next + 1, ": '", line, "' is there twice, first as id ",
                      vocabulary[line].dump()));
    vocabulary[line] = next++;
  }
  const Json settings = config.content.empty() ? Json::object() : Json::parse(config.content);
  Json json;
  json["model"] = {{"type", "WordPiece"}, {"vocab", vocabulary}};
  json["normalizer"] = {{"type", "BertNormalizer"},
                        {"handle_chinese_chars", settings.value("tokenize_chinese_chars", Json(true))},
                        {"strip_accents", settings.value("strip_accents", Json())},
                        {"lowercase", settings.value("do_lower_case", Json(true))}};
  json["pre_tokenizer"] = {{"type", "BertPreTokenizer"}};
  json["decoder"] = {{"type", "WordPiece"}};
  json["added_tokens"] = Json::array();
  for (const char* text : {"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"}) {
    if (vocabulary.contains(text)) json["added_tokens"].push_back(special_token(text, vocabulary[text].get<int64_t>()));
  }
  if (vocabulary.contains("[CLS]") && vocabulary.contains("[SEP]")) {
    json["post_processor"] = {
        {"type", "BertProcessing"}, {"cls", {"[CLS]", vocabulary["[CLS]"]}}, {"sep", {"[SEP]", vocabulary["[SEP]"]}}};
  }
  return json;
}

}  // namespace specula
