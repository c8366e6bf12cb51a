#include "experiments/train/model_keys.h"

#include <nlohmann/json.hpp>

#include "framework/text/tokenizer.h"

namespace specula {
namespace {

using Json = nlohmann::ordered_json;

void check_sizes(const ModelKeys& keys, TrainFile& file) {
  if (keys.tokenizer.empty()) file.problem("model", "tokenizer", "is missing; expected the folder of a tokenizer");
  if (keys.kv_heads > 0 && keys.heads % keys.kv_heads != 0)
    file.problem("model", "kv_heads", cat("does not divide heads, ", keys.heads));
  if (keys.head_dim == 0 && keys.hidden % keys.heads != 0)
    file.problem("model", "heads", cat("does not divide hidden, ", keys.hidden, ", and head_dim is not given"));
  const int64_t head_dim = keys.head_dim > 0 ? keys.head_dim : keys.hidden / keys.heads;
  if (head_dim % 2 != 0)
    file.problem("model", "head_dim", cat("is ", head_dim, "; rotary embeddings need an even size"));
}

// What a folder gives must not be given beside it.
void check_from(TrainFile& file) {
  const Value& model = *file.config().resolved.find("model");
  for (const Entry& entry : model.table()) {
    if (entry.key != "from" && entry.value.origin != "default")
      file.problem("model", entry.key, "is given beside 'from', whose folder says it; take one of them out");
  }
}

}  // namespace

ModelKeys read_model_keys(TrainFile& file) {
  ModelKeys keys;
  file.section("model", keys, {"from", "tokenizer"});
  if (keys.from.empty()) {
    check_sizes(keys, file);
  } else {
    check_from(file);
  }
  keys.from = keys.from.empty() ? "" : file.folder("model", "from");
  keys.tokenizer = keys.tokenizer.empty() ? "" : file.folder("model", "tokenizer");
  return keys;
}

std::string tokenizer_of(const ModelKeys& keys) { return keys.from.empty() ? keys.tokenizer : keys.from; }

TrainableDecoder decoder_of(const ModelKeys& keys, uint64_t seed) {
  if (!keys.from.empty()) return read_decoder(keys.from);
  const std::unique_ptr<Tokenizer> tokenizer = load_tokenizer(keys.tokenizer);
  DecoderConfig config;
  config.vocab = tokenizer->vocab();
  config.hidden = keys.hidden;
  config.layers = keys.layers;
  config.heads = keys.heads;
  config.kv_heads = keys.kv_heads > 0 ? keys.kv_heads : keys.heads;
  config.head_dim = keys.head_dim > 0 ? keys.head_dim : keys.hidden / keys.heads;
  config.intermediate = keys.intermediate;
  config.context = keys.context;
  config.rope.theta = keys.rope_theta;
  config.norm_eps = keys.norm_eps;
  config.tied = keys.tied;
  Json json = Json::parse(to_json(config, "float32"));
  if (tokenizer->bos() >= 0) json["bos_token_id"] = tokenizer->bos();
  if (tokenizer->eos() >= 0) json["eos_token_id"] = tokenizer->eos();
  TrainableDecoder decoder{.config = parse_decoder_config(json.dump(), "[model]"),
                           .files = copied_tokenizer(keys.tokenizer)};
  decoder.files.insert(decoder.files.begin(), {"config.json", json.dump(2) + "\n"});
  decoder.parameters = initial_parameters(decoder.config, seed);
  return decoder;
}

}  // namespace specula
