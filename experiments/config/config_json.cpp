// Canonical JSON of a configuration and the two hashes over it.
//
// cfg_hash covers what can change a record: arms, samplers, data, measure, models, seed.  The prompts count by the
// sha256 of their file, a model by its folder and fingerprint (config, tensor index, file sizes: two fine-tunings may
// share that, hence the folder), a file that a drafter reads by its path and sha256.  It leaves out the experiment's
// name and note, [output], and measure.threads, which changes the speed and never the text; a run that records its
// rounds is another one.  full_hash covers every key. Licence: Apache-2.0.
#include <nlohmann/json.hpp>

#include "experiments/config/config_reader.h"
#include "framework/core/files.h"

namespace specula {
namespace {

using Json = nlohmann::json;  // objects sort their keys

struct ToJson {
  Json operator()(const Value::Array& array) const {
    Json json = Json::array();
    for (const Value& element : array) json.push_back(std::visit(*this, element.data));
    return json;
  }
  Json operator()(const Value::Table& table) const {
    Json json = Json::object();
    for (const Entry& entry : table) json[entry.key] = std::visit(*this, entry.value.data);
    return json;
  }
  template <class Scalar>
  Json operator()(const Scalar& scalar) const {
    return scalar;
  }
};

Json json_of(const Value& value) { return std::visit(ToJson{}, value.data); }

// A text that came through the command line may be no UTF-8; it must not stop a hash.
std::string canonical(const Json& json, int indent = -1) {
  return json.dump(indent, ' ', false, Json::error_handler_t::replace);
}

}  // namespace

std::string to_json(const Value& value, int indent) { return canonical(json_of(value), indent); }

void compute_hashes(ExperimentConfig& config, const FileFacts& facts) {
  Json semantic;
  semantic["seed"] = config.seed;
  for (size_t i = 0; i < config.models.size(); ++i) {
    const ModelConfig& model = config.models[i];
    semantic["models"][model.name] = {{"folder", model.folder},
                                      {"dtype", model.dtype},
                                      {"device", model.device},
                                      {"fingerprint", facts.model_fingerprints[i]}};
  }
  semantic["data"] = json_of(*config.resolved.find("data"));
  semantic["data"]["prompts"] = facts.prompts_sha256;
  semantic["data"]["pad_text"] = facts.pad_sha256;
  for (const auto& [path, hash] : facts.plugin_files) semantic["files"][path] = hash;
  semantic["sampler"] = Json::array();
  for (const Params& sampler : config.samplers) semantic["sampler"].push_back(json_of(sampler.values));
  semantic["arm"] = json_of(*config.resolved.find("arm"));
  for (Json& arm : semantic["arm"]) arm.erase("max_tv");  // a bound of verify's, not a part of the run
  semantic["measure"] = json_of(*config.resolved.find("measure"));
  for (const char* const key : {"threads", "timeout_s"}) semantic["measure"].erase(key);  // they change no record
  if (config.records_distributions()) semantic["record"] = config.record;                 // its arms ask for more of q
  config.cfg_hash = sha256(canonical(semantic));
  config.full_hash = sha256(canonical({{"cfg_hash", config.cfg_hash}, {"config", json_of(config.resolved)}}));
}

}  // namespace specula
