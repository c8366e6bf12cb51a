#include "framework/convert/gguf_tokenizer.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "framework/core/error.h"

namespace specula {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char *kTokens = "tokenizer.ggml.tokens", *kTypes = "tokenizer.ggml.token_type";

bool is_plain(PieceType type) {
  return type == PieceType::kNormal || type == PieceType::kByte || type == PieceType::kUnknown;
}

GgufVocabulary read_vocabulary(const GgufFile& file, const ModelShape& shape) {
  GgufVocabulary vocabulary;
  vocabulary.tokens = file.texts(kTokens);
  const auto size = static_cast<int64_t>(vocabulary.tokens.size());
  if (size == 0 || size > shape.vocab)
    file.fail(cat("metadata '", kTokens, "' lists ", size, " tokens; the embedding has ", shape.vocab, " rows"));
  const std::vector<int64_t>& types = file.integers(kTypes);
  if (types.size() != vocabulary.tokens.size())
    file.fail(cat("metadata '", kTypes, "' has ", types.size(), " entries for ", size, " tokens"));
  for (size_t id = 0; id < types.size(); ++id) {
    if (types[id] < 1 || types[id] > 6) file.fail(cat("token ", id, " has type ", types[id], "; valid: 1..6"));
    vocabulary.types.push_back(static_cast<PieceType>(types[id]));
  }
  const auto special = [&](const char* name) {
    return file.integer_or(cat("tokenizer.ggml.", name, "_token_id"), -1, 0, size - 1);
  };
  vocabulary.bos = special("bos");
  vocabulary.eos = special("eos");
  vocabulary.pad = special("padding");
  vocabulary.unk = special("unknown");
  for (const int64_t id : {vocabulary.eos, special("eot"), special("eom")}) {
    const bool known = std::find(vocabulary.stops.begin(), vocabulary.stops.end(), id) != vocabulary.stops.end();
    if (id >= 0 && !known) vocabulary.stops.push_back(id);
  }
  return vocabulary;
}

Json config_json(const GgufFile& file, const GgufVocabulary& vocabulary, const char* tokenizer_class) {
  Json json = {{"tokenizer_class", tokenizer_class},
               {"add_bos_token", vocabulary.add_bos},
               {"add_eos_token", vocabulary.add_eos},
               {"clean_up_tokenization_spaces", false}};
  const auto special = [&](const char* key, int64_t id) {
    if (id >= 0) json[key] = vocabulary.tokens[static_cast<size_t>(id)];
  };
  special("bos_token", vocabulary.bos);
  special("eos_token", vocabulary.eos);
  special("unk_token", vocabulary.unk);
  special("pad_token", vocabulary.pad);
  if (file.has("tokenizer.chat_template")) json["chat_template"] = file.text("tokenizer.chat_template");
  return json;
}

// Tokens that were added to a SentencePiece model stand behind its pieces; the model itself has `pieces` of them.
size_t count_pieces(const GgufVocabulary& vocabulary) {
  size_t pieces = vocabulary.types.size();
  while (pieces > 0 && !is_plain(vocabulary.types[pieces - 1])) --pieces;
  return pieces;
}

Json added_tokens(const GgufVocabulary& vocabulary, size_t first) {
  size_t end = vocabulary.tokens.size();  // unused ones at the end pad the embedding
  while (end > first && vocabulary.types[end - 1] == PieceType::kUnused) --end;
  Json added = Json::object();
  for (size_t id = first; id < end; ++id) {
    const bool special = vocabulary.types[id] != PieceType::kUserDefined;
    Json entry = {{"content", vocabulary.tokens[id]},
                  {"lstrip", false},
                  {"normalized", false},
                  {"rstrip", false},
                  {"single_word", false},
                  {"special", special}};
    added.get_ref<Json::object_t&>().emplace_back(cat(id), std::move(entry));  // known to be new
  }
  return added;
}

std::vector<SmallFile> sentencepiece_files(const GgufFile& file, GgufVocabulary& vocabulary) {
  const std::vector<double>& scores = file.numbers("tokenizer.ggml.scores");
  if (scores.size() != vocabulary.tokens.size())
    file.fail(cat("metadata 'tokenizer.ggml.scores' has ", scores.size(), " entries for ", vocabulary.tokens.size(),
                  " tokens"));
  const size_t count = count_pieces(vocabulary);
  PieceVocabulary pieces;
  for (size_t id = 0; id < count; ++id)
    pieces.pieces.push_back({vocabulary.tokens[id], static_cast<float>(scores[id]), vocabulary.types[id]});
  const auto inside = [&](int64_t id) { return id < static_cast<int64_t>(count) ? id : -1; };
  pieces.bos = inside(vocabulary.bos);
  pieces.eos = inside(vocabulary.eos);
  pieces.pad = inside(vocabulary.pad);
  pieces.add_space_prefix = file.flag_or("tokenizer.ggml.add_space_prefix", true);
  pieces.remove_extra_spaces = file.flag_or("tokenizer.ggml.remove_extra_whitespaces", false);
  Json config = config_json(file, vocabulary, "LlamaTokenizer");
  config["added_tokens_decoder"] = added_tokens(vocabulary, count);
  return {{"tokenizer.model", sentencepiece_model(pieces, file.path())},
          {"tokenizer_config.json", config.dump(2) + "\n"}};
}

std::vector<SmallFile> bpe_files(const GgufFile& file, const GgufVocabulary& vocabulary) {
  return {{"tokenizer.json", bpe_tokenizer_json(file, vocabulary)},
          {"tokenizer_config.json", config_json(file, vocabulary, "PreTrainedTokenizerFast").dump(2) + "\n"}};
}

}  // namespace

std::vector<SmallFile> gguf_tokenizer(const GgufFile& file, ModelShape& shape) {
  const char* const kModel = "tokenizer.ggml.model";
  const std::string kind = file.has(kModel) ? file.text(kModel) : "no_vocab";
  if (kind == "no_vocab") return {};
  if (kind != "llama" && kind != "gpt2")
    file.fail(cat("metadata '", kModel, "' is '", kind, "', which cannot be converted; valid: llama, gpt2, no_vocab"));
  GgufVocabulary vocabulary = read_vocabulary(file, shape);
  vocabulary.add_bos = file.flag_or("tokenizer.ggml.add_bos_token", kind == "llama" || bpe_adds_bos(file));
  vocabulary.add_eos = file.flag_or("tokenizer.ggml.add_eos_token", false);
  shape.bos = vocabulary.bos;
  shape.stops = vocabulary.stops;
  try {
    return kind == "llama" ? sentencepiece_files(file, vocabulary) : bpe_files(file, vocabulary);
  } catch (const nlohmann::json::exception&) {  // its writer takes UTF-8 alone
    file.fail("a text of the tokenizer is not UTF-8");
  }
}

}  // namespace specula
