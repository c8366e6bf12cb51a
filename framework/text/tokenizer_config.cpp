#include "framework/text/tokenizer_config.h"

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>

#include "framework/core/error.h"
#include "framework/core/files.h"
#include "framework/core/json_depth.h"

namespace specula {
namespace {

using Json = nlohmann::json;

constexpr uintmax_t kMaxConfigBytes = 16u << 20;  // an added-token table of 100k entries has 15 MB

std::string read_bounded(const std::filesystem::path& file) {
  const uintmax_t size = std::filesystem::file_size(file);
  if (size > kMaxConfigBytes)
    throw Error(cat(file.string(), ": ", size, " bytes; at most ", kMaxConfigBytes, " are read"));
  return read_file(file);
}

Json parse_object(const std::string& content, const std::filesystem::path& file) {
  check_json_depth(content, file.string());
  Json json = Json::parse(content, nullptr, false);
  if (json.is_discarded()) throw Error(cat(file.string(), ": not valid JSON"));
  if (!json.is_object()) throw Error(cat(file.string(), ": expected a JSON object, got ", json.type_name()));
  return json;
}

class Reader {
 public:
  Reader(const Json& json, std::filesystem::path file) : json_(json), file_(std::move(file)) {}

  std::optional<bool> boolean(const char* key) const {
    const Json value = json_.value(key, Json());
    if (value.is_null()) return std::nullopt;
    if (!value.is_boolean()) wrong(key, "true or false", value);
    return value.get<bool>();
  }

  std::string string(const char* key) const {
    const Json value = json_.value(key, Json());
    return value.is_string() ? value.get<std::string>() : "";
  }

  // The tokens that have a role: "pad_token" and so on, and lists of further ones (or, by name, an object).
  std::vector<std::string> special() const {
    std::vector<std::string> tokens;
    for (const char* key :
         {"bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token"}) {
      const auto found = token(key);
      if (found.has_value() && !found->empty()) tokens.push_back(*found);
    }
    for (const char* key : {"additional_special_tokens", "extra_special_tokens"}) {
      const Json list = json_.value(key, Json());
      if (!list.is_array() && !list.is_object()) continue;
      for (const Json& entry : list) {
        if (entry.is_string()) tokens.push_back(entry.get<std::string>());
        if (entry.is_object() && entry.value("content", Json()).is_string())
          tokens.push_back(entry.at("content").get<std::string>());
      }
    }
    return tokens;
  }

  // "</s>" or {"content": "</s>", ...}
  std::optional<std::string> token(const char* key) const {
    const auto found = json_.find(key);
    if (found == json_.end()) return std::nullopt;
    if (found->is_null()) return "";
    if (found->is_string()) return found->get<std::string>();
    if (found->is_object() && found->contains("content") && found->at("content").is_string()) {
      return found->at("content").get<std::string>();
    }
    wrong(key, "a string or an object with \"content\"", *found);
  }

  // One template, or several by name, of which "default" is meant.
  std::string chat_template() const {
    const Json value = json_.value("chat_template", Json());
    if (value.is_null()) return "";
    if (value.is_string()) return value.get<std::string>();
    if (value.is_array()) {
      for (const Json& entry : value) {
        if (entry.is_object() && entry.value("name", Json()) == "default" &&
            entry.value("template", Json()).is_string()) {
          return entry.at("template").get<std::string>();
        }
      }
    }
    wrong("chat_template", "a string or a list with an entry named \"default\"", value);
  }

  // {"32000": {"content": "<pad>", "special": true}, ...}
  std::vector<AddedToken> added_tokens_decoder() const {
    std::vector<AddedToken> added;
    const Json value = json_.value("added_tokens_decoder", Json::object());
    if (!value.is_object()) wrong("added_tokens_decoder", "an object", value);
    for (const auto& [key, entry] : value.items()) {
      AddedToken token;
      const auto [end, failed] = std::from_chars(key.data(), key.data() + key.size(), token.id);
      if (failed != std::errc() || end != key.data() + key.size() || token.id < 0 || !entry.is_object() ||
          !entry.value("content", Json()).is_string() || !entry.value("special", Json(true)).is_boolean()) {
        throw Error(cat(file_.string(), ": added_tokens_decoder: entry \"", key, "\" is not an id with \"content\""));
      }
      const Reader flags(entry, file_);
      token.text = entry.at("content").get<std::string>();
      token.special = entry.value("special", true);
      token.single_word = flags.boolean("single_word").value_or(false);
      token.lstrip = flags.boolean("lstrip").value_or(false);
      token.rstrip = flags.boolean("rstrip").value_or(false);
      token.normalized = flags.boolean("normalized").value_or(!token.special);
      added.push_back(std::move(token));
    }
    return added;
  }

 private:
  [[noreturn]] void wrong(const char* key, const char* expected, const Json& value) const {
    throw Error(cat(file_.string(), ": ", key, " must be ", expected, ", got ", value.type_name()));
  }

  const Json& json_;
  std::filesystem::path file_;
};

// {"<pad>": 32000, ...}
void read_added_tokens_file(const std::filesystem::path& file, std::vector<AddedToken>& added) {
  const Json json = parse_object(read_bounded(file), file);
  for (const auto& [text, id] : json.items()) {
    if (!id.is_number_unsigned() || id.get<uint64_t>() > 0x7fffffff) {
      throw Error(cat(file.string(), ": the id of \"", text, "\" is not a token id"));
    }
    const auto token = id.get<Token>();
    const bool known = std::any_of(added.begin(), added.end(), [&](const AddedToken& a) { return a.id == token; });
    if (!known) added.push_back({.id = token, .text = text, .has_flags = false});
  }
}

}  // namespace

TokenizerConfig read_tokenizer_config(const std::filesystem::path& folder) {
  TokenizerConfig config{.file = folder / "tokenizer_config.json"};
  if (std::filesystem::exists(config.file)) {
    config.content = read_bounded(config.file);
    const Json json = parse_object(config.content, config.file);
    const Reader reader(json, config.file);
    config.add_bos = reader.boolean("add_bos_token");
    config.add_eos = reader.boolean("add_eos_token");
    config.bos = reader.token("bos_token");
    config.eos = reader.token("eos_token");
    config.special = reader.special();
    config.added = reader.added_tokens_decoder();
    config.tokenizer_class = reader.string("tokenizer_class");
    config.chat_template = reader.chat_template();
  }
  const auto map_file = folder / "special_tokens_map.json";
  if (std::filesystem::exists(map_file)) {
    const Json json = parse_object(read_bounded(map_file), map_file);
    const Reader reader(json, map_file);
    if (!config.bos.has_value()) config.bos = reader.token("bos_token");
    if (!config.eos.has_value()) config.eos = reader.token("eos_token");
    for (std::string& token : reader.special()) config.special.push_back(std::move(token));
  }
  const auto added_file = folder / "added_tokens.json", template_file = folder / "chat_template.jinja";
  if (std::filesystem::exists(added_file)) read_added_tokens_file(added_file, config.added);
  if (std::filesystem::exists(template_file)) config.chat_template = read_bounded(template_file);
  std::sort(config.added.begin(), config.added.end(),
            [](const AddedToken& a, const AddedToken& b) { return a.id < b.id; });
  return config;
}

std::vector<Token> read_stop_tokens(const std::filesystem::path& folder, int64_t model_vocab, Token eos) {
  for (const char* name : {"generation_config.json", "config.json"}) {
    const std::filesystem::path file = folder / name;
    if (!std::filesystem::exists(file)) continue;
    Json value = parse_object(read_bounded(file), file).value("eos_token_id", Json());
    if (value.is_null()) continue;
    if (!value.is_array()) value = Json::array({value});
    std::vector<Token> ids;
    for (const Json& id : value) {
      if (!id.is_number_unsigned() || id.get<uint64_t>() >= static_cast<uint64_t>(model_vocab)) {
        throw Error(cat(file.string(), ": eos_token_id ", id.dump(), " is not a token id in 0..", model_vocab - 1));
      }
      ids.push_back(id.get<Token>());
    }
    return ids;
  }
  return eos >= 0 ? std::vector<Token>{eos} : std::vector<Token>{};
}

}  // namespace specula
